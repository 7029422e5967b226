/*
 * door_order.c - the part of door_answer.c about orders to a hub: what whoever signs one must know, taking what was signed,
 * which there are, and what is said at a hub instead. What is judged is judged by order_take.h; nothing here has a key that signs.
 */
#include <errno.h>
#include <string.h>

#include "clinic/door_inside.h"
#include "clinic/door_page.h"
#include "clinic/store_escrow.h"

int door_answer_order_facts(struct door_asking *a, struct writer *w)
{
	struct order_facts f;
	struct hub h;
	int r = store_hub_by_name(a->store, a->rq->name, &h);

	if (r == 0)
		r = order_facts_load(a->store, &h, a->rq->other, a->rq->number, a->now_ms,
				     &f);
	if (r == 0)
		door_put_order_facts(w, &f);
	return r;
}

/* A new one, or the second signature of one that is there. */
int door_answer_order(struct door_asking *a, struct writer *w)
{
	const struct door_request *rq = a->rq;
	const struct order_signature by = { .signer = rq->other,
					    .cose = rq->cose,
					    .len = rq->cose_len };
	struct order_taken t;
	struct hub h;
	int r = store_hub_lock(a->store, rq->name, &h);

	if (r < 0)
		return r;
	if (rq->op == DOOR_ORDER)
		r = order_take(a->store, &h, &by, rq->why, a->now_ms, &t);
	else
		r = order_take_second(a->store, &h, &by, rq->number, a->now_ms, &t);
	if (r < 0)
		return r == -EEXIST ? -EAGAIN : r;
	a->undo = a->refused = t.refusal != ORDER_TAKEN;
	door_put_taken(w, &t);
	return 0;
}

static int on_order(void *arg, const struct order *o)
{
	struct door_page *p = arg;

	if (door_page_is_before(p, o->command.counter))
		return 0;
	door_put_order(&p->rows, o);
	return door_page_added(p);
}

int door_answer_orders(struct door_asking *a, struct writer *w)
{
	struct door_page p;
	struct hub h;
	int r = store_hub_by_name(a->store, a->rq->name, &h);

	if (r < 0)
		return r;
	door_page_begin_behind(&p, a->rq);
	return door_page_end(&p, store_order_each(a->store, &h, on_order, &p), w);
}

static int on_waiting(void *arg, const char *hub, const struct order *o)
{
	struct door_page *p = arg;

	if (door_page_skips(p))
		return 0;
	door_put_waiting(&p->rows, hub, o);
	return door_page_added(p);
}

int door_answer_waiting(struct door_asking *a, struct writer *w)
{
	struct door_page p;

	door_page_begin(&p, a->rq->op, a->rq->number);
	return door_page_end(
		&p, store_orders_waiting(a->store, a->now_ms, on_waiting, &p), w);
}

int door_answer_signers(struct door_asking *a, struct writer *w)
{
	struct signer_row rows[SIGNERS_MAX];
	size_t n = 0;
	int r = store_signers(a->store, rows, &n);

	if (r < 0)
		return r;
	cb_put_array(w, n);
	for (size_t i = 0; i < n; i++)
		door_put_signer(w, &rows[i]);
	return 0;
}

/* It is sealed to the release authority: nothing here can open it. */
int door_answer_token_escrow(struct door_asking *a, struct writer *w)
{
	struct escrow_sealed e = { 0 };
	struct hub h;
	int r = store_hub_by_name(a->store, a->rq->name, &h);

	if (r == 0 && a->rq->number > UINT32_MAX)
		r = -EBADMSG;
	if (r < 0)
		return r;
	r = store_escrow_get(a->store, &h, (uint32_t)a->rq->number, &e);
	door_put_escrow(w, &e);
	return r == -ENOENT ? 0 : r;
}

/* That a code was read out nothing else shows: nobody signs it. */
int door_answer_token_note(struct door_asking *a, struct writer *w)
{
	bool code = a->rq->choice == DOOR_TOKEN_CODE;
	struct journal_entry e = { .act = code ? JOURNAL_CODE : JOURNAL_TOKEN,
				   .at_ms = a->now_ms,
				   .count = a->rq->number };
	struct hub h;
	int r;

	if (!code && a->rq->choice != DOOR_TOKEN_SIGNED)
		return -EBADMSG;
	r = store_hub_lock(a->store, a->rq->name, &h);
	memcpy(e.who, a->who, sizeof(e.who));
	memcpy(e.why, a->rq->why, sizeof(e.why));
	if (r == 0)
		r = store_journal_next(a->store, h.id, &e.number);
	if (r == 0)
		r = store_journal_add(a->store, h.id, &e);
	cb_put_uint(w, e.number);
	return r;
}
