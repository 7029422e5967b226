/*
 * door_ticket.c - the part of door_answer.c about tickets: which there are, and taking one back. They are made where the root's
 * key is, which no clinicd has.
 */
#include <errno.h>
#include <string.h>

#include "clinic/door_inside.h"
#include "clinic/door_page.h"

static int on_ticket(void *arg, const struct store_ticket *t)
{
	struct door_page *p = arg;

	if (door_page_skips(p))
		return 0;
	door_put_ticket(&p->rows, t);
	return door_page_added(p);
}

int door_answer_tickets(struct door_asking *a, struct writer *w)
{
	struct door_page p;

	door_page_begin(&p, a->rq->op, a->rq->number);
	return door_page_end(&p, store_ticket_each(a->store, on_ticket, &p), w);
}

/* Who did it first stays. */
static int revoke(struct door_asking *a, struct store_ticket *t)
{
	t->ended_ms = a->now_ms;
	memcpy(t->ended_by, a->who, sizeof(t->ended_by));
	memcpy(t->why, a->rq->why, sizeof(t->why));
	return store_ticket_put(a->store, t);
}

int door_answer_ticket_revoke(struct door_asking *a, struct writer *w)
{
	struct ticket_request rq = { .event = TICKET_REVOKE, .now_ms = a->now_ms };
	enum ticket_result result = TICKET_GOOD;
	struct store_ticket t;
	int r = store_ticket_take_id(a->store, a->rq->words, &t);

	if (r < 0)
		return r;
	if (t.row.state == TICKET_STATE_REVOKED) {
		a->undo = true;
	} else {
		result = ticket_on(&t.row, &rq);
		a->undo = a->refused = result != TICKET_GOOD;
		if (result == TICKET_GOOD)
			r = revoke(a, &t);
		if (r == 0 && result == TICKET_GOOD)
			r = ticket_drop_claims(a->store, t.spki, NULL, rq.now_ms, a->who,
					       "its ticket was revoked");
	}
	cb_put_array(w, 2);
	cb_put_uint(w, result);
	door_put_ticket(w, &t);
	return r < 0 ? r : 0;
}
