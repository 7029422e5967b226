/*
 * door_replace.c - the part of door_answer.c where another hub comes in the place of one. Said again it does what can be done by
 * then; one transaction for what is done at once.
 *
 *   1. The other one is claimed, if it is not here yet; the old one is suspended and drained (life.h): what it has told of
 *      is filed for its patient, what it measures from now on is held.
 *   2. When the other one is active: it gets the patient and the devices of the old one, in a config that the person has signed;
 *      the old one is parted then, and retired as soon as everything that it told of is here.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/door_inside.h"
#include "clinic/store_config.h"
#include "hub/crypto/crypto.h"

/* Says what stands against it. */
static int stop(struct door_replaced *o, enum door_replace why, const char *other)
{
	o->result = why;
	snprintf(o->other, sizeof(o->other), "%s", other);
	return 0;
}

static void found(struct door_replaced *o, const uint8_t id[static HUB_ID_LEN],
		  const char name[static HUB_NAME_MAX + 1])
{
	memcpy(o->id, id, HUB_ID_LEN);
	memcpy(o->name, name, HUB_NAME_MAX + 1);
}

/* --- the one in its place --------------------------------------------------------------- */

static int new_claim(struct door_asking *a, struct door_replaced *o)
{
	struct claim c = { .at_ms = a->now_ms, .has_replaces = true }, other = { 0 };
	int r;

	memcpy(c.replaces, o->old.id, HUB_ID_LEN);
	memcpy(c.spki, a->rq->key, sizeof(c.spki));
	memcpy(c.id, c.spki, sizeof(c.id));
	memcpy(c.by, a->who, sizeof(c.by));
	if (*a->rq->words)
		snprintf(c.name, sizeof(c.name), "%.*s", HUB_NAME_MAX, a->rq->words);
	else
		snprintf(c.name, sizeof(c.name), "%.*s-new", HUB_NAME_MAX - 4,
			 o->old.name);
	r = claim_put(a->store, &c, &other);
	if (r < 0)
		return r;
	switch ((enum claim_result)r) {
	case CLAIM_DONE:
		o->claimed_now = true;
		found(o, c.id, c.name);
		break;
	case CLAIM_THERE: found(o, other.id, other.name); break;
	case CLAIM_NAME: return stop(o, DOOR_REPLACE_NAME, c.name);
	case CLAIM_REPLACED: return stop(o, DOOR_REPLACE_TAKEN, other.name);
	case CLAIM_HUB:
	case CLAIM_NO_HUB: return stop(o, DOOR_REPLACE_HERE, "");
	}
	return 0;
}

/* By name of a hub, of a claim, or by label. */
static int find_new(struct door_asking *a, struct door_replaced *o)
{
	const char *name = a->rq->other;
	struct claim c;
	struct hub h;
	int r;

	if (!*name)
		return a->rq->has_key ? new_claim(a, o) : -EBADMSG;
	r = store_hub_by_name(a->store, name, &h);
	if (r == 0)
		found(o, h.id, h.name);
	if (r != -ENOENT)
		return r;
	r = claim_by_name(a->store, name, &c);
	if (r == 0)
		found(o, c.id, c.name);
	return r == -ENOENT ? stop(o, DOOR_REPLACE_NO_HUB, name) : r;
}

/* --- the old one ------------------------------------------------------------------------ */

static int write_line(struct door_asking *a, const struct door_replaced *o,
		      enum journal_act act)
{
	struct journal_entry e = { .act = act,
				   .assignment = o->assignment,
				   .at_ms = a->now_ms };
	int r = store_journal_next(a->store, o->old.id, &e.number);

	memcpy(e.who, a->who, sizeof(e.who));
	snprintf(e.why, sizeof(e.why), "by %s: %.*s", o->name,
		 JOURNAL_WHY_MAX - HUB_NAME_MAX - 5, a->rq->why);
	return r < 0 ? r : store_journal_add(a->store, o->old.id, &e);
}

static int drain(struct door_asking *a, struct door_replaced *o)
{
	struct life_request rq = { .event = LIFE_REPLACE, .now_ms = a->now_ms };
	int r = store_successor_put(a->store, o->old.id, o->id, rq.now_ms);

	if (r == -EEXIST)
		return stop(o, DOOR_REPLACE_TAKEN, "");
	if (r == 0)
		r = store_life_told(a->store, &o->old, &rq.told);
	if (r == 0)
		r = store_life_on(a->store, &o->old, &rq);
	if (r < 0)
		return r;
	o->drain = (enum life_result)r;
	if (r == LIFE_REFUSED)
		return stop(o, DOOR_REPLACE_REFUSED, "");
	return r == LIFE_CHANGED ? write_line(a, o, JOURNAL_REPLACE) : 0;
}

/* --- what the other one gets ------------------------------------------------------------ */

/* Nothing but what the old one had. */
static bool has_its_devices(const struct config *c, const struct config *old)
{
	for (size_t i = 0; i < c->device_count; i++)
		if (!store_device_among(&c->devices[i], old))
			return false;
	return c->device_count == old->device_count;
}

/* The number that was signed must be the one that comes next; without a patient there is none. */
static int give_patient(struct door_asking *a, const struct door_replaced *o,
			const struct config *of, const struct config *c)
{
	struct assigned was = { 0 };
	uint32_t number = 0;
	int r = 0;

	if (of->assignment != 0) {
		r = store_assigned_get(a->store, o->old.id, o->old.epoch, of->assignment,
				       &was);
		if (r == 0 || r == -ENOENT)
			r = store_assigned_add(a->store, c->hub, c->epoch, was.patient,
					       a->now_ms, &number);
	}
	return r < 0 ? r : number == c->assignment ? 0 : -ESTALE;
}

static int take_config(struct door_asking *a, struct door_replaced *o,
		       const struct config *of, const struct config *c)
{
	struct life_request rq = { .event = LIFE_TAKEN_OVER,
				   .now_ms = a->now_ms,
				   .end_ms = a->now_ms };
	size_t at = 0;
	int r;

	if (!has_its_devices(c, of))
		return -ESTALE; /* they were changed since it was made */
	r = store_device_user(a->store, c->hub, c->devices, c->device_count, o->other,
			      &at);
	if (r == 1) {
		o->device = c->devices[at].num;
		o->result = DOOR_REPLACE_USED;
		return 0;
	}
	if (r == 0)
		r = give_patient(a, o, of, c);
	if (r == 0)
		r = door_keep_config(a, c);
	o->handed_over = true;
	o->assignment = c->assignment;
	o->version = c->version;
	if (r == 0)
		r = store_life_on(a->store, &o->old, &rq);
	return r < 0 ? r : write_line(a, o, JOURNAL_TAKEN_OVER);
}

/* One that never had any has no devices, and no patient. */
static int old_config(struct door_asking *a, const struct door_replaced *o,
		      struct config *ret)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	r = store_config_get(a->store, o->old.id, ret);
	if (ret->epoch != o->old.epoch)
		ret->assignment = 0; /* of its life before */
	return r == -ENOENT ? 0 : r;
}

/* The old one has nothing to say any more: it drains, or is retired or lost. */
static int hand_over(struct door_asking *a, struct door_replaced *o, const struct hub *h)
{
	static struct config of, last, c;
	bool over = o->old.state != HUB_SUSPENDED || o->old.drain.end_ms != 0;
	struct hub locked;
	int r;

	memset(&last, 0, sizeof(last));
	r = store_config_get(a->store, h->id, &last);
	if (r == 0 && last.epoch == h->epoch && last.assignment != 0) {
		o->was_over = over;
		r = over ? 0 : stop(o, DOOR_REPLACE_HAS_PATIENT, "");
	} else if (r == 0 || r == -ENOENT) {
		if (a->rq->cose_len == 0)
			r = stop(o, DOOR_REPLACE_NEEDS_CONFIG, "");
		else
			r = door_open_next(a, h->name, &locked, &last, &c);
		if (r == 0 && o->result == DOOR_REPLACE_DONE)
			r = old_config(a, o, &of);
		if (r == 0 && o->result == DOOR_REPLACE_DONE)
			r = take_config(a, o, &of, &c);
	}
	crypto_wipe(&of, sizeof(of)); /* passkeys */
	crypto_wipe(&last, sizeof(last));
	crypto_wipe(&c, sizeof(c));
	return r;
}

int door_answer_replace(struct door_asking *a, struct writer *w)
{
	struct door_replaced o = { .result = DOOR_REPLACE_DONE };
	struct hub h = { 0 };
	int r = store_hub_lock(a->store, a->rq->name, &o.old);

	if (r == 0)
		r = find_new(a, &o);
	if (r == 0 && o.result == DOOR_REPLACE_DONE &&
	    memcmp(o.id, o.old.id, HUB_ID_LEN) == 0)
		r = stop(&o, DOOR_REPLACE_ITSELF, "");
	if (r == 0 && o.result == DOOR_REPLACE_DONE)
		r = drain(a, &o);
	if (r == 0 && o.result == DOOR_REPLACE_DONE) {
		r = store_hub_by_id(a->store, o.id, &h);
		o.is_active = r == 0 && h.state == HUB_ACTIVE;
		r = r == -ENOENT ? 0 : r;
	}
	if (r == 0 && o.is_active)
		r = hand_over(a, &o, &h);
	if (r < 0)
		return r;
	a->undo = o.result != DOOR_REPLACE_DONE;
	a->refused = a->undo && o.result != DOOR_REPLACE_NEEDS_CONFIG;
	door_put_replaced(w, &o);
	return 0;
}
