/*
 * life.c - see life.h.
 */
#include "clinic/life.h"

#define IN(state) (1U << (state))

enum {
	BEFORE = IN(HUB_PREREGISTERED) | IN(HUB_ISSUED),
	ALIVE = IN(HUB_ACTIVE) | IN(HUB_SUSPENDED),
	ENDED = IN(HUB_RETIRED) | IN(HUB_LOST),
};

/* What leads where, who may say so, and in which states it is nothing new. What depends on more is in the functions. */
static const struct rule {
	enum life_by by;
	unsigned from, same;
	enum hub_state to;
} rules[LIFE_EVENTS] = {
	[LIFE_ISSUE] = { LIFE_BY_HUB, IN(HUB_PREREGISTERED), IN(HUB_ISSUED) | ALIVE,
			 HUB_ISSUED },
	[LIFE_CONFIRM] = { LIFE_BY_HUB, IN(HUB_ISSUED), ALIVE, HUB_ACTIVE },
	[LIFE_CLAIM] = { LIFE_BY_PERSON, IN(HUB_NONE) | IN(HUB_RETIRED), BEFORE | ALIVE,
			 HUB_PREREGISTERED },
	[LIFE_CANCEL] = { LIFE_BY_PERSON, BEFORE, IN(HUB_NONE), HUB_NONE },
	[LIFE_SUSPEND] = { LIFE_BY_PERSON, IN(HUB_ACTIVE), IN(HUB_SUSPENDED),
			   HUB_SUSPENDED },
	[LIFE_RESUME] = { LIFE_BY_PERSON, IN(HUB_SUSPENDED), IN(HUB_ACTIVE), HUB_ACTIVE },
	[LIFE_REPLACE] = { LIFE_BY_PERSON, ALIVE, ENDED, HUB_SUSPENDED },
	[LIFE_TAKEN_OVER] = { LIFE_BY_PERSON, IN(HUB_SUSPENDED), ENDED, HUB_SUSPENDED },
	[LIFE_RETIRE] = { LIFE_BY_TWO, ALIVE, IN(HUB_RETIRED), HUB_SUSPENDED },
	[LIFE_KEEP] = { LIFE_BY_PERSON, IN(HUB_SUSPENDED), IN(HUB_ACTIVE), HUB_ACTIVE },
	[LIFE_DISCARD] = { LIFE_BY_TWO, ALIVE, IN(HUB_RETIRED), HUB_RETIRED },
	[LIFE_LOSE] = { LIFE_BY_PERSON, ALIVE, IN(HUB_LOST), HUB_LOST },
	[LIFE_FIND] = { LIFE_BY_PERSON, IN(HUB_LOST), ALIVE, HUB_SUSPENDED },
	[LIFE_DRAINED] = { LIFE_BY_CLINICD, IN(HUB_SUSPENDED), IN(HUB_RETIRED),
			   HUB_RETIRED },
};

static const unsigned rights[HUB_STATES] = {
	[HUB_PREREGISTERED] = LIFE_MAY_ENROL | LIFE_MAY_CONFIRM,
	[HUB_ISSUED] = LIFE_MAY_ENROL | LIFE_MAY_CONFIRM,
	[HUB_ACTIVE] = LIFE_MAY_ENROL | LIFE_MAY_CONFIRM | LIFE_MAY_UPLOAD |
		       LIFE_MAY_CONFIG | LIFE_MAY_COMMAND | LIFE_MAY_BE_ENDED |
		       LIFE_MAY_BE_ASSIGNED | LIFE_HAS_DEVICES,
	[HUB_SUSPENDED] = LIFE_MAY_ENROL | LIFE_MAY_CONFIRM | LIFE_MAY_UPLOAD |
			  LIFE_MAY_BE_ENDED | LIFE_MAY_BE_ASSIGNED | LIFE_HAS_DEVICES,
};

/* What a drain takes away from a suspended hub: another one has its patient. */
enum { NOT_WHILE_DRAINING = LIFE_MAY_BE_ASSIGNED | LIFE_HAS_DEVICES };

const char *hub_state_text(enum hub_state s)
{
	switch (s) {
	case HUB_NONE:
	case HUB_STATES: break;
	case HUB_PREREGISTERED: return "preregistered";
	case HUB_ISSUED: return "issued";
	case HUB_ACTIVE: return "active";
	case HUB_SUSPENDED: return "suspended";
	case HUB_RETIRED: return "retired";
	case HUB_LOST: return "lost";
	}
	return "?";
}

const char *life_drain_text(enum life_drain_kind k)
{
	switch (k) {
	case LIFE_DRAIN_NONE: return "no";
	case LIFE_DRAIN_REPLACED: return "replaced";
	case LIFE_DRAIN_RETIRING: return "retiring";
	}
	return "?";
}

enum life_by life_needs(enum life_event e)
{
	return e < LIFE_EVENTS ? rules[e].by : LIFE_BY_NOBODY;
}

static bool is_draining(const struct hub_life *l)
{
	return l->state == HUB_SUSPENDED && l->drain.kind != LIFE_DRAIN_NONE;
}

/* What it told of while it was suspended for review is not filed without a person. */
static enum life_result begin_drain(struct hub_life *l, const struct life_request *rq,
				    enum life_drain_kind kind)
{
	uint64_t upto = is_draining(l)		 ? l->drain.upto
			: l->state == HUB_ACTIVE ? rq->told
						 : 0;

	if (is_draining(l) && l->drain.kind == kind)
		return LIFE_SAME;
	if (is_draining(l) && kind == LIFE_DRAIN_REPLACED)
		return LIFE_REFUSED; /* its end is ordered already */
	*l = (struct hub_life){ .state = HUB_SUSPENDED,
				.drain = { kind, upto, rq->now_ms,
					   kind == LIFE_DRAIN_RETIRING ? rq->end_ms
								       : 0 } };
	return LIFE_CHANGED;
}

static enum life_result take_over(struct hub_life *l, const struct life_request *rq)
{
	if (!is_draining(l) || l->drain.kind != LIFE_DRAIN_REPLACED)
		return LIFE_REFUSED;
	if (l->drain.end_ms != 0)
		return LIFE_SAME;
	l->drain.end_ms = rq->end_ms;
	return LIFE_CHANGED;
}

/* Invariant 4, and what of a suspended hub is the same. */
static enum life_result on_suspended(struct hub_life *l, const struct life_request *rq)
{
	if (rq->event == LIFE_SUSPEND)
		return is_draining(l) ? LIFE_REFUSED : LIFE_SAME;
	if (rq->event == LIFE_RESUME && l->drain.kind == LIFE_DRAIN_REPLACED &&
	    l->drain.end_ms != 0)
		return LIFE_REFUSED;
	if (rq->event == LIFE_RESUME && l->drain.kind == LIFE_DRAIN_RETIRING)
		return LIFE_REFUSED; /* the hub has an order */
	if (rq->event == LIFE_KEEP && l->drain.kind != LIFE_DRAIN_RETIRING)
		return LIFE_SAME;
	if (rq->event == LIFE_DRAINED && !is_draining(l))
		return LIFE_REFUSED;
	return LIFE_CHANGED;
}

enum life_result life_on(struct hub_life *l, const struct life_request *rq)
{
	const struct rule *rule = &rules[rq->event < LIFE_EVENTS ? rq->event : 0];
	enum life_result r = LIFE_CHANGED;

	if (rule->from & IN(l->state) && rq->event == LIFE_REPLACE)
		return begin_drain(l, rq, LIFE_DRAIN_REPLACED);
	if (rule->from & IN(l->state) && rq->event == LIFE_RETIRE)
		return begin_drain(l, rq, LIFE_DRAIN_RETIRING);
	if (rule->from & IN(l->state) && rq->event == LIFE_TAKEN_OVER)
		return take_over(l, rq);
	if (l->state == HUB_SUSPENDED)
		r = on_suspended(l, rq);
	if (r != LIFE_CHANGED)
		return r;
	if (rule->same & IN(l->state))
		return LIFE_SAME;
	if (!(rule->from & IN(l->state)))
		return LIFE_REFUSED;
	l->state = rule->to;
	if (rule->to != HUB_RETIRED)
		l->drain = (struct life_drain){ 0 };
	return LIFE_CHANGED;
}

bool life_may(const struct hub_life *l, enum life_right right)
{
	unsigned all = l->state < HUB_STATES ? rights[l->state] : 0;

	if (is_draining(l))
		all &= ~(unsigned)NOT_WHILE_DRAINING;
	if (l->by_emergency)
		all &= LIFE_MAY_UPLOAD;
	return (all & (unsigned)right) != 0;
}

bool life_files(const struct hub_life *l, uint64_t seq)
{
	return !l->by_emergency &&
	       (l->state == HUB_ACTIVE || (is_draining(l) && seq <= l->drain.upto));
}

bool life_drained(const struct hub_life *l, const struct life_ledger *k)
{
	bool due = l->drain.kind == LIFE_DRAIN_RETIRING
			   ? k->at_end
			   : l->drain.end_ms != 0 && k->now_ms >= l->drain.end_ms;

	return is_draining(l) && due && k->queued == 0 && k->contig >= l->drain.upto &&
	       k->contig >= k->highest && !k->rolled_back;
}
