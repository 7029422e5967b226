/*
 * door_decide.c - the part of door_answer.c where a person decides about a hub: what is held of it, whether it may go on, an
 * assignment. Each that changes something is a line in the hub's journal, in the same transaction, which holds the hub's row.
 */
#include <errno.h>
#include <string.h>

#include "clinic/door_inside.h"
#include "clinic/store_life.h"

/*
 * A decision, within the transaction. e has number, who, why and when; act is e->act.
 *
 * Returns 1: changed, write the line; 0: there was nothing to change; or an error of door_error. The payload is in w.
 */
typedef int decision_fn(struct door_asking *a, const struct hub *h,
			struct journal_entry *e, struct writer *w);

static int decide(struct door_asking *a, enum journal_act act, decision_fn *fn,
		  struct writer *w)
{
	struct journal_entry e = { .act = act, .at_ms = a->now_ms };
	struct hub h;
	int r = store_hub_lock(a->store, a->rq->name, &h);

	memcpy(e.who, a->who, sizeof(e.who));
	memcpy(e.why, a->rq->why, sizeof(e.why));
	if (r == 0)
		r = store_journal_next(a->store, h.id, &e.number);
	if (r == 0)
		r = fn(a, &h, &e, w);
	a->undo = r == 0;
	return r > 0 ? store_journal_add(a->store, h.id, &e) : r;
}

/* --- what is held ------------------------------------------------------------------------- */

static int settle(struct door_asking *a, const struct hub *h, struct journal_entry *e,
		  struct writer *w)
{
	const struct door_request *rq = a->rq;
	struct held_choice c = { .verdict = (enum held_verdict)rq->choice,
				 .only = (enum quarantine_reason)rq->reason,
				 .first = rq->number,
				 .last = rq->last,
				 .accepted = rq->assignment,
				 .journal = e->number };
	struct held_done done = { 0 };
	int r = store_held_settle(a->store, h->id, &c, &done);

	if (r < 0)
		return r;
	e->count = done.done;
	e->assignment = c.accepted;
	door_put_held_done(w, &done);
	return done.done > 0;
}

int door_answer_held_settle(struct door_asking *a, struct writer *w)
{
	const struct door_request *rq = a->rq;

	if ((rq->choice != HELD_RELEASED && rq->choice != HELD_DISCARDED) ||
	    rq->reason >= QUARANTINE_REASONS || rq->reason == QUARANTINE_RECOVERED ||
	    (rq->choice == HELD_DISCARDED && rq->assignment))
		return -EBADMSG;
	return decide(a, rq->choice == HELD_RELEASED ? JOURNAL_RELEASE : JOURNAL_DISCARD,
		      settle, w);
}

/* --- the hub's life ------------------------------------------------------------------------ */

static const struct {
	enum life_event event;
	enum journal_act act;
} lives[DOOR_OPS] = {
	[DOOR_SUSPEND] = { LIFE_SUSPEND, JOURNAL_SUSPEND },
	[DOOR_RESUME] = { LIFE_RESUME, JOURNAL_RESUME },
	[DOOR_LOSE] = { LIFE_LOSE, JOURNAL_LOSE },
	[DOOR_FIND] = { LIFE_FIND, JOURNAL_FIND },
};

static int live(struct door_asking *a, const struct hub *h, struct journal_entry *e,
		struct writer *w)
{
	struct life_request rq = { .event = lives[a->rq->op].event, .now_ms = e->at_ms };
	struct door_life life = { .was = *h, .is = *h };
	struct store_counts c;
	int r = store_counts(a->store, h->id, h->epoch, &c);

	if (r == 0)
		r = store_life_told(a->store, h, &rq.told);
	if (r == 0)
		r = store_life_on(a->store, &life.is, &rq);
	if (r < 0)
		return r;
	life.result = (enum life_result)r;
	life.told = rq.told;
	life.missing = rq.told > c.contig ? rq.told - c.contig : 0;
	life.held = c.held;
	door_put_life(w, &life);
	return r == LIFE_CHANGED;
}

int door_answer_life(struct door_asking *a, struct writer *w)
{
	return decide(a, lives[a->rq->op].act, live, w);
}

/* Its end, when the hub will say nothing more; only after the order of two people. */
static int end_retired(struct door_asking *a, const struct hub *h,
		       struct journal_entry *e, struct writer *w)
{
	struct life_request rq = { .event = LIFE_DISCARD, .now_ms = e->at_ms };
	struct door_end end = { .was = *h };
	struct store_counts c = { 0 };
	struct hub copy = *h;
	struct order order = { 0 };
	int r = store_life_told(a->store, h, &rq.told);

	if (r == 0)
		r = store_counts(a->store, h->id, h->epoch, &c);
	if (r == 0)
		r = order_last_retire(a->store, h, &order);
	if (r < 0)
		return r;
	end.told = rq.told;
	end.missing = rq.told > c.contig ? rq.told - c.contig : 0;
	end.discard = order.command.how == COMMAND_RETIRE_DISCARD;
	e->count = end.missing;
	if (order_retiring(h) && (end.missing == 0 || end.discard)) {
		r = store_life_on(a->store, &copy, &rq);
		end.ended = r == LIFE_CHANGED;
	}
	a->refused = !end.ended;
	door_put_end(w, &end);
	return r < 0 ? r : end.ended;
}

int door_answer_retire_end(struct door_asking *a, struct writer *w)
{
	return decide(a, JOURNAL_DISCARD_HUB, end_retired, w);
}

/* --- an assignment ------------------------------------------------------------------------- */

static int withdraw(struct door_asking *a, const struct hub *h, struct journal_entry *e,
		    struct writer *w)
{
	enum assignment_state to =
		e->act == JOURNAL_GIVE_AGAIN ? ASSIGNMENT_GIVEN : ASSIGNMENT_WITHDRAWN;
	const struct assignment *row;
	struct assignments t;
	int r = store_assignments(a->store, h->id, h->epoch, &t);

	if (r < 0)
		return r;
	e->assignment = a->rq->assignment;
	row = filing_find(&t, e->assignment);
	cb_put_uint(w, !row		  ? DOOR_WITHDRAW_NONE
		       : row->state == to ? DOOR_WITHDRAW_SAME
					  : DOOR_WITHDRAW_DONE);
	if (!row || row->state == to)
		return 0;
	r = store_assignment_set(a->store, h->id, h->epoch, e->assignment, to);
	return r < 0 ? r : 1;
}

int door_answer_withdraw(struct door_asking *a, struct writer *w)
{
	return decide(
		a, a->rq->op == DOOR_GIVE_AGAIN ? JOURNAL_GIVE_AGAIN : JOURNAL_WITHDRAW,
		withdraw, w);
}
