/*
 * order_take.c - see order_take.h.
 */
#include "clinic/order_take.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/store_life.h"
#include "clinic/store_status.h"
#include "hub/command.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/failpoint.h"

/* After it has taken an order to retire the hub waits so long, unless somebody at the hub resets it: who must object has a day. */
enum { REMOTE_MS = 24 * 3600 * 1000, LEVEL_RETIRED = 4 };

/* An order that is being judged. */
struct taking {
	struct store *s;
	const struct hub *h;
	const struct order_signature *by;
	struct signer_row signer;
	int64_t now_ms;
	struct order_taken *ret;
};

/* Says why not. */
static int refuse(struct taking *t, enum order_refusal why, uint64_t a, uint64_t b)
{
	t->ret->refusal = why;
	t->ret->a = a;
	t->ret->b = b;
	return 0;
}

static bool refused(const struct taking *t)
{
	return t->ret->refusal != ORDER_TAKEN;
}

/* --- who signed it ---------------------------------------------------------------------- */

/* What is signed must be the one way to write it: the hub compares bytes. */
static bool opens(const struct taking *t, struct command *ret)
{
	uint8_t again[COMMAND_PAYLOAD_MAX];
	const uint8_t *payload;
	size_t len;
	int n;

	if (t->by->len > COMMAND_SIGNED_MAX ||
	    sign1_open_by(SIGN_CONTEXT_COMMAND, &t->signer.signer, t->by->cose,
			  t->by->len, &payload, &len) < 0 ||
	    command_decode(payload, len, ret) < 0)
		return false;
	n = command_encode(ret, again, sizeof(again));
	return n >= 0 && (size_t)n == len && memcmp(again, payload, len) == 0;
}

static int find_signer(struct taking *t, struct command *ret)
{
	int r = store_signer_by_name(t->s, t->by->signer, &t->signer);

	if (r == -ENOENT)
		return refuse(t, ORDER_NO_SIGNER, 0, 0);
	if (r < 0)
		return r;
	if (!opens(t, ret))
		return refuse(t, ORDER_WRONG_KEY, 0, 0);
	if (memcmp(ret->hub, t->h->id, sizeof(ret->hub)) != 0 ||
	    ret->epoch != t->h->epoch)
		return refuse(t, ORDER_OTHER_HUB, 0, 0);
	return 0;
}

/* A hub obeys whom its config names: say so here, and not after a day. */
static int check_signer(struct taking *t, const struct command *c)
{
	const struct signer *by = &t->signer.signer, *s;
	struct config config;
	bool known;
	int r;

	if (!command_role_may(c, by->role))
		return refuse(t, ORDER_BAD_ROLE, 0, 0);
	r = store_config_get(t->s, t->h->id, &config);
	if (r < 0 && r != -ENOENT)
		return r;
	s = r == 0 ? signer_find(config.signers, config.signer_count, by->person) : NULL;
	known = s && s->kind == by->kind &&
		memcmp(s->public, by->public, sizeof(s->public)) == 0;
	crypto_wipe(&config, sizeof(config));
	return known ? 0 : refuse(t, ORDER_UNKNOWN_THERE, 0, 0);
}

static void add_signature(struct order *o, const struct taking *t)
{
	size_t at = o->count++;

	memcpy(o->signed_bytes[at], t->by->cose, t->by->len);
	o->lens[at] = t->by->len;
	o->persons[at] = t->signer.signer.person;
	o->roles[at] = t->signer.signer.role;
	memcpy(o->names[at], t->signer.name, sizeof(o->names[at]));
}

/* --- what it means ---------------------------------------------------------------------- */

static int check_brake(struct taking *t)
{
	uint64_t locked, hubs;
	int r = store_locks_since(t->s, t->h, t->now_ms - ORDER_BRAKE_MS, &locked, &hubs);

	if (r < 0 || locked + 1 <= ORDER_BRAKE_HUBS ||
	    (locked + 1) * 100 <= hubs * ORDER_BRAKE_PERCENT ||
	    t->signer.signer.role == SIGNER_SECURITY)
		return r;
	return refuse(t, ORDER_BRAKE, locked, hubs);
}

/* What the hub said last is what it wants to hear. */
static int check_challenge(struct taking *t, const struct command *c)
{
	struct hub_status st = { 0 };
	int r = store_status_get(t->s, t->h->id, t->h->epoch, &st);

	if (r < 0 && r != -ENOENT)
		return r;
	if (r == -ENOENT || !st.status.challenged)
		return refuse(t, ORDER_NO_CHALLENGE, r == 0 ? st.status.level : 0, 0);
	if (c->lock_epoch != st.status.lock_epoch ||
	    memcmp(c->nonce, st.status.nonce, sizeof(c->nonce)) != 0)
		return refuse(t, ORDER_OLD_CHALLENGE, 0, 0);
	return 0;
}

/* The latest order to retire that has its signatures, and the latest that cancels. */
struct orders_found {
	struct order retire;
	uint64_t cancel; /* counter, 0: there is none */
};

static int find_one(void *arg, const struct order *o)
{
	struct orders_found *f = arg;

	if (o->command.verb == COMMAND_CANCEL)
		f->cancel = o->command.counter;
	if (o->command.verb == COMMAND_RETIRE && o->count >= o->needs)
		f->retire = *o;
	return 0;
}

bool order_retiring(const struct hub *h)
{
	return h->state == HUB_SUSPENDED && h->drain.kind == LIFE_DRAIN_RETIRING;
}

int order_last_retire(struct store *s, const struct hub *h, struct order *ret)
{
	struct orders_found f = { 0 };
	int r = store_order_each(s, h, find_one, &f);

	*ret = f.retire;
	return r;
}

static int check_retire(struct taking *t, const struct command *c)
{
	struct orders_found f = { 0 };
	int r = store_order_each(t->s, t->h, find_one, &f);

	if (r < 0)
		return r;
	if (f.cancel > c->counter)
		return refuse(t, ORDER_CANCELLED, f.cancel, 0);
	if (order_retiring(t->h))
		return refuse(t, ORDER_RETIRES, f.retire.command.counter, 0);
	if (t->h->state != HUB_ACTIVE && t->h->state != HUB_SUSPENDED)
		return refuse(t, ORDER_NO_LIFE, t->h->state, 0);
	return 0;
}

/* Has the hub said that it is at its end? */
static int check_cancel(struct taking *t)
{
	struct hub_status st;
	int r = store_status_get(t->s, t->h->id, t->h->epoch, &st);

	if (r < 0 && r != -ENOENT)
		return r;
	if ((r == 0 && st.status.level >= LEVEL_RETIRED) || t->h->state == HUB_RETIRED)
		return refuse(t, ORDER_AT_ITS_END, 0, 0);
	return 0;
}

/* Of each signature. */
static int check_life(struct taking *t, const struct command *c)
{
	if (c->verb == COMMAND_RETIRE)
		return check_retire(t, c);
	return c->verb == COMMAND_CANCEL ? check_cancel(t) : 0;
}

/* Of the first one. */
static int check_now(struct taking *t, const struct command *c)
{
	if (c->verb == COMMAND_LOCK)
		return check_brake(t);
	return c->verb == COMMAND_RELEASE ? check_challenge(t, c) : 0;
}

static int write_line(struct taking *t, enum journal_act act, uint64_t count)
{
	struct journal_entry e = { .act = act, .at_ms = t->now_ms, .count = count };
	const struct order *o = &t->ret->order;
	int r = store_journal_next(t->s, t->h->id, &e.number);

	snprintf(e.who, sizeof(e.who), "%s", o->names[0]);
	/* the second name stands before the reason, so that it is never cut off */
	if (o->count > 1)
		snprintf(e.why, sizeof(e.why), "with %s: %.*s", o->names[1],
			 JOURNAL_WHY_MAX - SIGNER_NAME_MAX - 7, o->why);
	else
		snprintf(e.why, sizeof(e.why), "%.*s", JOURNAL_WHY_MAX, o->why);
	return r < 0 ? r : store_journal_add(t->s, t->h->id, &e);
}

/* With its last signature: the hub drains, or is as it was before. */
static int settle_life(struct taking *t)
{
	const struct order *o = &t->ret->order;
	bool retires = o->command.verb == COMMAND_RETIRE;
	struct life_request rq = { .event = retires ? LIFE_RETIRE : LIFE_KEEP,
				   .now_ms = t->now_ms,
				   .end_ms = t->now_ms + REMOTE_MS };
	enum journal_act act = !retires ? JOURNAL_RESUME
			       : o->command.how == COMMAND_RETIRE_DISCARD
				       ? JOURNAL_DISCARD_HUB
				       : JOURNAL_RETIRE;
	struct hub copy = *t->h;
	int r;

	if ((!retires && o->command.verb != COMMAND_CANCEL) || o->count < o->needs)
		return 0;
	r = store_life_told(t->s, t->h, &rq.told);
	if (r == 0)
		r = store_life_on(t->s, &copy, &rq);
	if (r == LIFE_CHANGED)
		r = write_line(t, act, copy.drain.upto);
	return r < 0 ? r : 0;
}

/* --- the first signature ---------------------------------------------------------------- */

static int check_new(struct taking *t, const struct command *c)
{
	int64_t now_s = t->now_ms / 1000;
	uint64_t next;
	int r = store_order_counter(t->s, t->h, &next);

	if (r < 0)
		return r;
	if (c->counter != next)
		return refuse(t, ORDER_USED, next, 0);
	if (c->not_after_s < now_s ||
	    c->not_after_s > now_s + ORDER_VALID_MAX_MIN * INT64_C(60))
		return refuse(t, ORDER_BAD_TIME, 0, 0);
	return 0;
}

int order_take(struct store *s, const struct hub *h, const struct order_signature *by,
	       const char *why, int64_t now_ms, struct order_taken *ret)
{
	struct taking t = { .s = s, .h = h, .by = by, .now_ms = now_ms, .ret = ret };
	struct command c = { .verb = COMMAND_NO_VERB };
	int r;

	*ret = (struct order_taken){ .refusal = ORDER_TAKEN };
	r = find_signer(&t, &c);
	if (r == 0 && !refused(&t))
		r = check_signer(&t, &c);
	if (r == 0 && !refused(&t))
		r = check_new(&t, &c);
	if (r == 0 && !refused(&t))
		r = check_now(&t, &c);
	if (r == 0 && !refused(&t))
		r = check_life(&t, &c);
	if (r < 0 || refused(&t))
		return r;
	ret->order.command = c;
	ret->order.ordered_ms = now_ms;
	ret->order.needs = command_needs(&c);
	snprintf(ret->order.why, sizeof(ret->order.why), "%s", why);
	add_signature(&ret->order, &t);
	r = store_order_add(s, &ret->order);
	return r < 0 ? r : settle_life(&t);
}

/* --- the second signature --------------------------------------------------------------- */

static int check_waits(struct taking *t, const struct command *c)
{
	const struct order *o = &t->ret->order;
	enum order_state state = order_state(o, t->now_ms);
	uint8_t theirs[COMMAND_PAYLOAD_MAX], ours[COMMAND_PAYLOAD_MAX];
	int n = command_encode(&o->command, theirs, sizeof(theirs));
	int m = command_encode(c, ours, sizeof(ours));

	if (state != ORDER_WAITS_FOR_SIGNATURE)
		return refuse(t, ORDER_WAITS_FOR_NONE, state, 0);
	if (n != m || n < 0 || memcmp(theirs, ours, (size_t)n) != 0)
		return refuse(t, ORDER_WRONG_KEY, 0, 0);
	if (o->roles[0] == t->signer.signer.role)
		return refuse(t, ORDER_SAME_ROLE, 0, 0);
	return 0;
}

int order_take_second(struct store *s, const struct hub *h,
		      const struct order_signature *by, uint64_t counter, int64_t now_ms,
		      struct order_taken *ret)
{
	struct taking t = { .s = s, .h = h, .by = by, .now_ms = now_ms, .ret = ret };
	struct command c = { .verb = COMMAND_NO_VERB };
	int r;

	*ret = (struct order_taken){ .refusal = ORDER_TAKEN };
	r = store_order_get(s, h, counter, &ret->order);
	if (r == -ENOENT)
		return refuse(&t, ORDER_ABSENT, 0, 0);
	if (r == 0)
		r = find_signer(&t, &c);
	if (r == 0 && !refused(&t))
		r = check_waits(&t, &c);
	if (r == 0 && !refused(&t))
		r = check_signer(&t, &c);
	if (r == 0 && !refused(&t))
		r = check_life(&t, &c);
	if (r < 0 || refused(&t))
		return r;
	add_signature(&ret->order, &t);
	r = store_order_sign(s, &ret->order);
	FAILPOINT("clinic.order.signed");
	return r < 0 ? r : settle_life(&t);
}

/* --- what must be known ----------------------------------------------------------------- */

static int maybe(int r, bool *ret)
{
	*ret = r == 0;
	return r == -ENOENT ? 0 : r;
}

int order_facts_load(struct store *s, const struct hub *h, const char *signer,
		     uint64_t counter, int64_t now_ms, struct order_facts *ret)
{
	struct hub_status st;
	bool has_status;
	int r;

	*ret = (struct order_facts){ .epoch = h->epoch, .now_ms = now_ms };
	memcpy(ret->hub, h->id, sizeof(ret->hub));
	r = store_order_counter(s, h, &ret->counter);
	if (r == 0)
		r = maybe(store_status_get(s, h->id, h->epoch, &st), &has_status);
	if (r == 0 && has_status) {
		ret->level = st.status.level;
		ret->challenged = st.status.challenged;
		ret->lock_epoch = st.status.lock_epoch;
		memcpy(ret->nonce, st.status.nonce, sizeof(ret->nonce));
	}
	if (r == 0)
		r = maybe(store_signer_by_name(s, signer, &ret->signer),
			  &ret->has_signer);
	if (r == 0 && counter != 0)
		r = maybe(store_order_get(s, h, counter, &ret->order), &ret->has_order);
	return r;
}
