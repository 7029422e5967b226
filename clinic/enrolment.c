/*
 * enrolment.c - the clinic's half of enrolment; see enrolment.h.
 */
#include "clinic/enrolment.h"

#include <string.h>

#include "coap/code.h"

static const struct {
	const char *name;
	int code;
} reasons[ENROLMENT_REASONS] = {
	[ENROLMENT_FINE] = { "fine", COAP_CODE_CHANGED },
	[ENROLMENT_UNKNOWN_KEY] = { "unknown-key", COAP_CODE_FORBIDDEN },
	[ENROLMENT_NOT_CLAIMED] = { "not-claimed", COAP_CODE_FORBIDDEN },
	[ENROLMENT_IS_SUSPENDED] = { "suspended", COAP_CODE_FORBIDDEN },
	[ENROLMENT_IS_RETIRED] = { "retired", COAP_CODE_FORBIDDEN },
	[ENROLMENT_IS_LOST] = { "lost", COAP_CODE_FORBIDDEN },
	[ENROLMENT_NOT_ACTIVE] = { "not-active", COAP_CODE_FORBIDDEN },
	[ENROLMENT_NOT_CONFIRMED] = { "not-confirmed", COAP_CODE_FORBIDDEN },
	[ENROLMENT_MAILBOX_ONLY] = { "mailbox-only", COAP_CODE_FORBIDDEN },
	[ENROLMENT_RAN_OUT] = { "ran-out", COAP_CODE_FORBIDDEN },
	[ENROLMENT_OLD_KEY] = { "old-key", COAP_CODE_BAD_REQUEST },
	[ENROLMENT_OTHER_EPOCH] = { "other-epoch", COAP_CODE_CONFLICT },
	[ENROLMENT_WAITS_APPROVAL] = { "waits-for-approval", COAP_CODE_UNAVAILABLE },
	[ENROLMENT_TOO_MANY_KEYS] = { "too-many-keys", COAP_CODE_UNAVAILABLE },
};

const char *enrolment_reason_name(enum enrolment_reason why)
{
	return why < ENROLMENT_REASONS ? reasons[why].name : "?";
}

int enrolment_code(const struct enrolment_answer *a)
{
	return reasons[a->reason].code;
}

static struct enrolment_answer refuse(enum enrolment_reason why)
{
	return (struct enrolment_answer){ .action = ENROLMENT_REFUSE, .reason = why };
}

static struct enrolment_answer refuse_epoch(uint32_t wanted)
{
	return (struct enrolment_answer){ .action = ENROLMENT_REFUSE,
					  .reason = ENROLMENT_OTHER_EPOCH,
					  .epoch = wanted };
}

static struct enrolment_answer act(enum enrolment_action action)
{
	return (struct enrolment_answer){ .action = action };
}

static bool is_key(const struct enrolment_key *k, const uint8_t *spki)
{
	return k->there && memcmp(k->spki, spki, PIN_LEN) == 0;
}

static bool is_device(const struct enrolment *row, const uint8_t *spki)
{
	return memcmp(row->device, spki, PIN_LEN) == 0;
}

/* A clock that went back makes no key older; one that is far ahead of ours ends it early, and the hub asks again. */
static bool is_live(const struct enrolment_key *k, int64_t now_ms)
{
	return k->there && now_ms - k->issued_ms < ENROLMENT_ISSUED_MS;
}

static struct hub_life life_of(const struct enrolment *row)
{
	return (struct hub_life){ .state = row->state, .drain = row->drain };
}

/* Why a hub in its state may not enrol, renew or confirm; ENROLMENT_FINE: it may. */
static enum enrolment_reason state_forbids(const struct enrolment *row)
{
	struct hub_life l = life_of(row);

	if (life_may(&l, LIFE_MAY_ENROL))
		return ENROLMENT_FINE;
	return row->state == HUB_RETIRED ? ENROLMENT_IS_RETIRED
	       : row->state == HUB_LOST	 ? ENROLMENT_IS_LOST
					 : ENROLMENT_NOT_CLAIMED;
}

enum enrolment_role enrolment_role(const struct enrolment *row,
				   const uint8_t spki[static PIN_LEN], int64_t now_ms)
{
	if (state_forbids(row) != ENROLMENT_FINE)
		return ENROLMENT_ROLE_NONE;
	if (is_key(&row->active, spki))
		return now_ms < row->active.ends_ms ? ENROLMENT_ROLE_ACTIVE
						    : ENROLMENT_ROLE_ENDED;
	if (is_key(&row->issued, spki) && is_live(&row->issued, now_ms))
		return ENROLMENT_ROLE_ISSUED;
	if (is_key(&row->emergency, spki))
		return ENROLMENT_ROLE_EMERGENCY;
	if (is_key(&row->emergency_issued, spki) &&
	    is_live(&row->emergency_issued, now_ms))
		return ENROLMENT_ROLE_EMERGENCY_ISSUED;
	if (is_device(row, spki))
		return ENROLMENT_ROLE_DEVICE;
	return ENROLMENT_ROLE_NONE;
}

/* The state, and what it takes from the keys. */
static enum life_result change(struct enrolment *row, enum life_event event,
			       int64_t now_ms)
{
	struct life_request rq = { .event = event, .now_ms = now_ms };
	struct hub_life l = life_of(row);
	enum life_result r = life_on(&l, &rq);

	row->state = l.state;
	row->drain = l.drain;
	if (r != LIFE_CHANGED || state_forbids(row) == ENROLMENT_FINE)
		return r;
	row->issued = row->emergency_issued = (struct enrolment_key){ 0 };
	row->asked = row->approved = false;
	if (row->state != HUB_LOST)
		row->active = row->emergency = (struct enrolment_key){ 0 };
	return r;
}

static bool is_next_epoch(const struct enrolment *row, uint32_t epoch)
{
	return epoch > row->epoch && epoch - row->epoch <= ENROLMENT_EPOCHS_AHEAD;
}

/*
 * Who may have a new key is decided; this is about the key. The same one again is the same request, whatever else was
 * said of it before; one that was not confirmed in time is issued anew, and nothing was replaced then.
 */
static struct enrolment_answer issue_key(const struct enrolment *row,
					 struct enrolment_key *slot, unsigned *tries,
					 const struct enrolment_request *rq, bool renewal,
					 uint32_t epoch)
{
	bool live = is_live(slot, rq->now_ms);
	bool same = is_key(slot, rq->key);

	if (live && same && slot->renewal == renewal)
		return act(ENROLMENT_SEND_ISSUED);
	if (is_device(row, rq->key) || is_key(&row->active, rq->key) ||
	    is_key(&row->emergency, rq->key) ||
	    (!same && (rq->key_taken || is_key(&row->issued, rq->key) ||
		       is_key(&row->emergency_issued, rq->key))))
		return refuse(ENROLMENT_OLD_KEY);
	if (live && *tries >= ENROLMENT_TRIES_MAX)
		return (struct enrolment_answer){ .action = ENROLMENT_WAIT,
						  .reason = ENROLMENT_TOO_MANY_KEYS,
						  .max_age_s = ENROLMENT_TRIES_WAIT_S };
	*tries += live;
	*slot = (struct enrolment_key){
		.there = true, .epoch = epoch, .renewal = renewal, .issued_ms = rq->now_ms
	};
	memcpy(slot->spki, rq->key, PIN_LEN);
	return act(ENROLMENT_ISSUE);
}

static struct enrolment_answer issue(struct enrolment *row,
				     const struct enrolment_request *rq, bool renewal,
				     uint32_t epoch)
{
	struct enrolment_answer a =
		issue_key(row, &row->issued, &row->tries, rq, renewal, epoch);

	if (a.action != ENROLMENT_ISSUE)
		return a;
	row->asked = false;
	change(row, LIFE_ISSUE, rq->now_ms);
	return a;
}

static bool is_of_emergency(enum enrolment_role role)
{
	return role == ENROLMENT_ROLE_EMERGENCY ||
	       role == ENROLMENT_ROLE_EMERGENCY_ISSUED;
}

static struct enrolment_answer on_enrol(struct enrolment *row,
					const struct enrolment_request *rq)
{
	if (!is_device(row, rq->by))
		return refuse(is_key(&row->issued, rq->by) ? ENROLMENT_NOT_CONFIRMED
			      : is_of_emergency(enrolment_role(row, rq->by, rq->now_ms))
				      ? ENROLMENT_MAILBOX_ONLY
				      : ENROLMENT_UNKNOWN_KEY);
	if (row->state == HUB_SUSPENDED)
		return refuse(ENROLMENT_IS_SUSPENDED); /* it would be a way around it */
	if (is_key(&row->active, rq->key) && !row->active.renewal)
		return act(ENROLMENT_SEND_ACTIVE); /* late */
	if (rq->ask && !row->approved &&
	    !(is_live(&row->issued, rq->now_ms) && is_key(&row->issued, rq->key))) {
		row->asked = true;
		return (struct enrolment_answer){ .action = ENROLMENT_WAIT,
						  .reason = ENROLMENT_WAITS_APPROVAL,
						  .max_age_s = ENROLMENT_ASK_S };
	}
	return issue(row, rq, false,
		     is_next_epoch(row, rq->epoch) ? rq->epoch : row->epoch + 1);
}

/* The end of a certificate takes nothing from a hub that is active, but this: it must renew before all else. One that is
 * suspended may renew as long as it is good, so that what it still holds can come. */
static struct enrolment_answer on_renew(struct enrolment *row,
					const struct enrolment_request *rq)
{
	enum enrolment_role role = enrolment_role(row, rq->by, rq->now_ms);

	if (row->state != HUB_ACTIVE && row->state != HUB_SUSPENDED)
		return refuse(ENROLMENT_NOT_ACTIVE);
	if (role == ENROLMENT_ROLE_ISSUED)
		return refuse(ENROLMENT_NOT_CONFIRMED);
	if (is_of_emergency(role))
		return refuse(ENROLMENT_MAILBOX_ONLY);
	if (role != ENROLMENT_ROLE_ACTIVE && role != ENROLMENT_ROLE_ENDED)
		return refuse(ENROLMENT_UNKNOWN_KEY);
	if (role == ENROLMENT_ROLE_ENDED && row->state == HUB_SUSPENDED)
		return refuse(ENROLMENT_IS_SUSPENDED);
	return issue(row, rq, true, row->active.epoch);
}

/* One whose own certificate has ended renews that first: the new emergency key follows it. */
static struct enrolment_answer on_emergency(struct enrolment *row,
					    const struct enrolment_request *rq)
{
	enum enrolment_role role = enrolment_role(row, rq->by, rq->now_ms);
	struct enrolment_answer a;

	if (row->state != HUB_ACTIVE && row->state != HUB_SUSPENDED)
		return refuse(ENROLMENT_NOT_ACTIVE);
	if (role != ENROLMENT_ROLE_ACTIVE)
		return refuse(role == ENROLMENT_ROLE_ISSUED ? ENROLMENT_NOT_CONFIRMED
			      : is_of_emergency(role)	    ? ENROLMENT_MAILBOX_ONLY
							    : ENROLMENT_UNKNOWN_KEY);
	a = is_key(&row->emergency, rq->key)
		    ? act(ENROLMENT_SEND_ACTIVE) /* late */
		    : issue_key(row, &row->emergency_issued, &row->emergency_tries, rq,
				true, row->active.epoch);
	a.emergency = true;
	return a;
}

/* What was issued to the key before goes with it. In a new epoch the hub has forgotten what it had. */
static struct enrolment_answer activate(struct enrolment *row, uint32_t epoch)
{
	if (!row->issued.renewal)
		row->emergency = (struct enrolment_key){ 0 };
	row->emergency_issued = (struct enrolment_key){ 0 };
	row->emergency_tries = 0;
	row->active = row->issued;
	row->active.epoch = epoch;
	row->issued = (struct enrolment_key){ 0 };
	row->epoch = epoch;
	row->tries = 0;
	row->asked = row->approved = false;
	change(row, LIFE_CONFIRM, row->active.issued_ms);
	return act(ENROLMENT_ACTIVATE);
}

static struct enrolment_answer on_confirm_emergency(struct enrolment *row,
						    const struct enrolment_request *rq)
{
	bool again = is_key(&row->emergency, rq->by);
	struct enrolment_answer a;

	if (!again && !is_live(&row->emergency_issued, rq->now_ms))
		return refuse(ENROLMENT_RAN_OUT);
	if (rq->epoch != row->active.epoch)
		return refuse_epoch(row->active.epoch);
	if (!again) {
		row->emergency = row->emergency_issued;
		row->emergency_issued = (struct enrolment_key){ 0 };
		row->emergency_tries = 0;
	}
	a = act(again ? ENROLMENT_CONFIRMED : ENROLMENT_ACTIVATE);
	a.emergency = true;
	return a;
}

static struct enrolment_answer on_confirm(struct enrolment *row,
					  const struct enrolment_request *rq)
{
	const struct enrolment_key *k = &row->issued;

	if (is_key(&row->active, rq->by))
		return rq->epoch == row->active.epoch ? act(ENROLMENT_CONFIRMED)
						      : refuse_epoch(row->active.epoch);
	if (is_key(&row->emergency, rq->by) || is_key(&row->emergency_issued, rq->by))
		return on_confirm_emergency(row, rq);
	if (!is_key(k, rq->by))
		return refuse(ENROLMENT_UNKNOWN_KEY);
	if (!is_live(k, rq->now_ms))
		return refuse(ENROLMENT_RAN_OUT);
	if (row->state == HUB_SUSPENDED && !k->renewal)
		return refuse(ENROLMENT_IS_SUSPENDED);
	/* a hub's own counter may be ahead: it was at another clinic, or this one was restored */
	if (k->renewal && rq->epoch != k->epoch)
		return refuse_epoch(k->epoch);
	if (!k->renewal && !is_next_epoch(row, rq->epoch))
		return refuse_epoch(row->epoch + 1);
	return activate(row, rq->epoch);
}

static struct enrolment_answer on_approve(struct enrolment *row)
{
	enum enrolment_reason why = state_forbids(row);

	if (why != ENROLMENT_FINE)
		return refuse(why);
	row->approved = true;
	row->asked = false;
	row->tries = row->emergency_tries = 0;
	return act(ENROLMENT_CHANGED);
}

/* A person's word that is the row's affair only: its state. */
static struct enrolment_answer on_life(struct enrolment *row, enum life_event event,
				       int64_t now_ms)
{
	enum enrolment_reason why = state_forbids(row);

	if (change(row, event, now_ms) == LIFE_REFUSED)
		return refuse(why != ENROLMENT_FINE  ? why
			      : event == LIFE_CANCEL ? ENROLMENT_NOT_CLAIMED
						     : ENROLMENT_NOT_ACTIVE);
	if (row->state == HUB_PREREGISTERED || row->state == HUB_NONE)
		row->tries = 0;
	return act(ENROLMENT_CHANGED);
}

struct enrolment_answer enrolment_on(struct enrolment *row,
				     const struct enrolment_request *rq)
{
	enum enrolment_reason why = state_forbids(row);

	switch (rq->event) {
	case ENROLMENT_ENROL:
		return why == ENROLMENT_FINE ? on_enrol(row, rq) : refuse(why);
	case ENROLMENT_RENEW:
		return why == ENROLMENT_FINE ? on_renew(row, rq) : refuse(why);
	case ENROLMENT_CONFIRM:
		return why == ENROLMENT_FINE ? on_confirm(row, rq) : refuse(why);
	case ENROLMENT_EMERGENCY:
		return why == ENROLMENT_FINE ? on_emergency(row, rq) : refuse(why);
	case ENROLMENT_APPROVE: return on_approve(row);
	case ENROLMENT_CLAIM: return on_life(row, LIFE_CLAIM, rq->now_ms);
	case ENROLMENT_CANCEL: return on_life(row, LIFE_CANCEL, rq->now_ms);
	case ENROLMENT_SUSPEND: return on_life(row, LIFE_SUSPEND, rq->now_ms);
	case ENROLMENT_RESUME: return on_life(row, LIFE_RESUME, rq->now_ms);
	case ENROLMENT_RETIRE: return on_life(row, LIFE_DISCARD, rq->now_ms);
	case ENROLMENT_LOSE: return on_life(row, LIFE_LOSE, rq->now_ms);
	case ENROLMENT_FIND: return on_life(row, LIFE_FIND, rq->now_ms);
	case ENROLMENT_EVENTS: break;
	}
	return refuse(ENROLMENT_UNKNOWN_KEY);
}

/* Of the keys of one row, is this one twice? */
static bool is_twice(const struct enrolment *row, const struct enrolment_key *k)
{
	const struct enrolment_key *all[] = { &row->active, &row->issued, &row->emergency,
					      &row->emergency_issued };

	if (k->there && is_device(row, k->spki))
		return true;
	for (size_t i = 0; k->there && i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] != k && is_key(all[i], k->spki))
			return true;
	return false;
}

/* Of its own kind it is; of the active one's epoch. */
static bool emergency_invariants(const struct enrolment *row)
{
	const struct enrolment_key *e = &row->emergency, *i = &row->emergency_issued;

	return !is_twice(row, e) && !is_twice(row, i) &&
	       (!e->there || (row->active.there && e->epoch == row->active.epoch)) &&
	       (!i->there || (row->active.there && i->epoch == row->active.epoch)) &&
	       (!i->there || row->state != HUB_LOST) &&
	       row->emergency_tries <= ENROLMENT_TRIES_MAX;
}

bool enrolment_invariants(const struct enrolment *row)
{
	const struct enrolment_key *a = &row->active, *i = &row->issued;
	bool alive = row->state == HUB_ACTIVE || row->state == HUB_SUSPENDED;

	if ((a->there != alive && row->state != HUB_LOST) ||
	    (i->there && !alive && row->state != HUB_ISSUED) ||
	    (row->state == HUB_ISSUED && !i->there))
		return false;
	if (a->there && (a->epoch != row->epoch || is_device(row, a->spki)))
		return false;
	if (i->there && (is_device(row, i->spki) || is_key(a, i->spki)))
		return false;
	if (i->there &&
	    (i->renewal ? !a->there || i->epoch != a->epoch : i->epoch <= row->epoch))
		return false;
	return row->tries <= ENROLMENT_TRIES_MAX && emergency_invariants(row);
}
