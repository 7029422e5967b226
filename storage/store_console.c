/*
 * store_console.c - what hubd tells of a session at the console becomes a record among the others: the clinic hears of it.
 *
 * It is opaque here, and nobody's reading: sealed and numbered as the day's account. hubd tells it until it hears that it is durable;
 * the same one told again to this hub-store is no second record, told to another one after a kill it may be.
 */
#include "storage/store_inside.h"

#include <inttypes.h>
#include <string.h>

#include "hub/core/err.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/log.h"

static void answer(struct store *s)
{
	const struct msg m = { .kind = MSG_ACCOUNT_TAKEN,
			       .account_taken = { s->account.last.number } };

	(void)store_send(s, ROLE_HUBD, &m); /* not there any more: it tells it again */
}

void store_on_account(struct store *s, const struct msg_account *m)
{
	struct account_held *h = &s->account;
	bool same = h->last.number == m->number && h->last.len == m->len &&
		    memcmp(h->last.bytes, m->bytes, m->len) == 0;

	if (same && !h->waits) {
		answer(s);
		return;
	}
	h->last = *m;
	h->waits = true;
}

void store_account_drop(struct store *s)
{
	if (s->account.waits)
		s->account.last.number = 0;
	s->account.waits = false;
}

void store_run_account(struct store *s, struct mono now)
{
	struct account_held *h = &s->account;
	const uint8_t *body[] = { h->last.bytes };
	const size_t len[] = { h->last.len };
	int r;

	if (!h->waits || !store_own_ready(s) || !mono_reached(now, h->retry_at))
		return;
	r = store_own_insert(s, READING_CONSOLE, body, len, 1);
	if (r) {
		h->retry_at = mono_add(now, RETRY_MS);
		log_warn("account-not-taken", "error=\"%s\"", err_text(r));
		return;
	}
	FAILPOINT("store.account.between");
	h->waits = false;
	answer(s);
}

struct mono store_account_deadline(const struct store *s)
{
	const struct account_held *h = &s->account;

	return h->waits && store_own_ready(s) ? h->retry_at : MONO_NEVER;
}
