/*
 * snapshot_load.c - see snapshot_load.h.
 *
 * An item's pieces are in their order; one that begins anew takes the place of what came of it before, once it is whole.
 */
#include "clinic/snapshot_load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/core/cose.h"
#include "hub/crypto/crypto.h"

enum { PAGE = 200 };

struct load {
	const struct opening_key *key;
	struct snapshot_list *list;
	uint64_t seq;
	unsigned on_page;
	bool no_memory;
	/* the item at hand */
	uint64_t number;
	uint32_t item, next, total;
	size_t len;
	uint8_t bytes[SNAPSHOT_ITEM_MAX];
};

static void free_kept(struct snapshot_kept *k)
{
	for (size_t i = 0; i < SNAPSHOT_ITEMS_MAX; i++)
		free(k->items[i].bytes);
}

void snapshot_list_free(struct snapshot_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		free_kept(&l->kept[i]);
	l->count = 0;
}

/* The oldest gives way. */
static struct snapshot_kept *kept_of(struct snapshot_list *l, uint64_t number)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->kept[i].number == number)
			return &l->kept[i];
	if (l->count == SNAPSHOT_LOAD_MAX) {
		free_kept(&l->kept[0]);
		memmove(&l->kept[0], &l->kept[1], sizeof(l->kept) - sizeof(l->kept[0]));
		l->count--;
		l->older++;
	}
	l->kept[l->count] = (struct snapshot_kept){ .number = number };
	return &l->kept[l->count++];
}

/* The key is inside what it signs. */
static bool open_texts(const struct snapshot_item *item, uint64_t number,
		       struct snapshot *ret)
{
	struct cose_sign1 s;
	const uint8_t *payload;
	size_t len;

	return item->bytes && cose_parse(item->bytes, item->len, &s) == 0 &&
	       snapshot_decode(s.payload, s.payload_len, ret) == 0 &&
	       sign1_open(SIGN_CONTEXT_SNAPSHOT, ret->public_key, item->bytes, item->len,
			  &payload, &len) == 0 &&
	       ret->number == number;
}

/* The list owns the octets; gcc's analyzer loses sight of it when kept_of moves its rows. */
#ifndef __clang__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif
static void take_item(struct load *l, struct snapshot_kept *k)
{
	struct snapshot_item *item = &k->items[l->item];

	free(item->bytes);
	item->len = 0;
	item->bytes = malloc(l->len);
	if (!item->bytes) {
		l->no_memory = true;
		return;
	}
	memcpy(item->bytes, l->bytes, l->len);
	item->len = l->len;
	if (l->item == SNAPSHOT_ITEM_TEXTS)
		k->good = open_texts(item, k->number, &k->texts);
}
#ifndef __clang__
#pragma GCC diagnostic pop
#endif

static void add_piece(struct load *l, const struct snapshot_piece *p, int64_t received_ms)
{
	struct snapshot_kept *k = kept_of(l->list, p->number);

	k->received_ms = received_ms;
	k->items[p->item].total = p->total;
	if (p->index == 0) {
		l->number = p->number;
		l->item = p->item;
		l->total = p->total;
		l->next = 0;
		l->len = 0;
	}
	if (p->number != l->number || p->item != l->item || p->total != l->total ||
	    p->index != l->next || p->len > sizeof(l->bytes) - l->len) {
		l->list->broken++;
		l->next = UINT32_MAX; /* until an item begins */
		return;
	}
	memcpy(l->bytes + l->len, p->bytes, p->len);
	l->len += p->len;
	k->items[p->item].came = ++l->next;
	if (l->next == l->total)
		take_item(l, k);
}

static int on_record(void *arg, const struct sealed *rec)
{
	struct load *l = arg;
	uint8_t body[SEALED_BODY_MAX];
	struct snapshot_piece p;
	const char *why;
	size_t len;

	l->seq = rec->record.seq;
	l->on_page++;
	if (opening_body(l->key, rec, body, &len, &why))
		l->list->unopened++;
	else if (snapshot_piece_decode(body, len, &p))
		l->list->broken++;
	else
		add_piece(l, &p, rec->received_ms);
	return 0;
}

int snapshot_load(struct store *store, const struct hub *h, const struct opening_key *key,
		  struct snapshot_list *ret)
{
	struct load *l = calloc(1, sizeof(*l));
	int r = 0;

	*ret = (struct snapshot_list){ 0 };
	if (!l)
		return -ENOMEM;
	l->key = key;
	l->list = ret;
	l->next = UINT32_MAX;
	do {
		l->on_page = 0;
		r = store_kind_page(store, h->id, h->epoch, l->seq, READING_SNAPSHOT,
				    PAGE, on_record, l);
	} while (r == 0 && l->on_page == PAGE && !l->no_memory);
	if (r == 0 && l->no_memory)
		r = -ENOMEM;
	if (r == 0 && ret->count == 0 && ret->unopened > 0)
		r = -EKEYREJECTED;
	free(l);
	return r;
}
