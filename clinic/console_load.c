/*
 * console_load.c - see console_load.h.
 *
 * hub-store has signed the batch that an account came in. hubd numbers them without a gap: a number that is passed over was given up
 * there, or its record is not here; one that begins anew is of another life of hubd's folder.
 */
#include "clinic/console_load.h"

#include <errno.h>
#include <string.h>

#include "hub/crypto/crypto.h"

enum { PAGE = 200 };

struct load {
	const struct opening_key *key;
	struct console_list *list;
	uint64_t seq, last; /* last: number of the newest */
	unsigned on_page;
};

/* Told again, as hub-store was killed before it could answer. */
static bool is_here(const struct console_list *l, const struct console_account *a)
{
	for (size_t i = l->count; i-- > 0;) {
		const struct console_account *b = &l->kept[i].account;

		if (a->number == b->number && a->began_s == b->began_s &&
		    a->lasted_s == b->lasted_s && a->end == b->end)
			return true;
	}
	return false;
}

static void take(struct load *l, const struct console_account *a, int64_t received_ms)
{
	struct console_list *list = l->list;

	if (is_here(list, a))
		return;
	if (l->last > 0 && a->number > l->last + 1)
		list->missing += a->number - l->last - 1;
	l->last = a->number;
	if (list->count == CONSOLE_LOAD_MAX) {
		list->count--;
		list->older++;
		memmove(&list->kept[0], &list->kept[1],
			list->count * sizeof(list->kept[0]));
	}
	list->kept[list->count++] = (struct console_kept){ *a, received_ms };
}

static int on_record(void *arg, const struct sealed *rec)
{
	struct load *l = arg;
	uint8_t body[SEALED_BODY_MAX];
	struct console_account a;
	const char *why;
	size_t len;

	l->seq = rec->record.seq;
	l->on_page++;
	if (opening_body(l->key, rec, body, &len, &why))
		l->list->unopened++;
	else if (console_account_decode(body, len, &a))
		l->list->unread++;
	else
		take(l, &a, rec->received_ms);
	return 0;
}

int console_load(struct store *store, const struct hub *h, const struct opening_key *key,
		 struct console_list *ret)
{
	struct load l = { .key = key, .list = ret };
	int r = 0;

	memset(ret, 0, sizeof(*ret));
	do {
		l.on_page = 0;
		r = store_kind_page(store, h->id, h->epoch, l.seq, READING_CONSOLE, PAGE,
				    on_record, &l);
	} while (r == 0 && l.on_page == PAGE);
	if (r == 0 && ret->count == 0 && ret->unopened > 0)
		return -EKEYREJECTED;
	return r;
}
