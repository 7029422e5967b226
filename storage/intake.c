/*
 * intake.c - seal at capture, group commit; see intake.h.
 */
#include "storage/intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/crypto/crypto.h"
#include "hub/rt/failpoint.h"

_Static_assert((int)QUEUE_MARK_LEN == (int)STATE_MARK_LEN, "a mark fits its place");
_Static_assert(SEALED_LEN(READING_BODY_MAX) <= SEALED_BODY_MAX,
	       "a sealed body fits its place");

/* What the registry of readings says about a capture. */
enum known {
	KNOWN_NOT = 0,
	KNOWN_DURABLE, /* sent again from the device's memory */
	KNOWN_IN_GROUP /* the first copy is not committed yet */
};

void intake_init(struct intake *in)
{
	memset(in, 0, sizeof(*in));
	captures_init(&in->captures);
}

bool intake_has(const struct intake *in, uint64_t instance, uint64_t capture)
{
	for (size_t i = 0; i < in->count; i++)
		if (in->group[i].instance == instance && in->group[i].capture == capture)
			return true;
	return false;
}

bool intake_holds(const struct intake *in)
{
	return in->count > 0;
}

/* ret_marked: the reading has a mark, *ret_mark. A registry that fails knows nothing. */
static enum known look_up(const struct intake *in, struct state *state,
			  const struct reading *rd, uint32_t assignment,
			  const struct intake_handlers *h, struct state_mark *ret_mark,
			  bool *ret_marked)
{
	int r;

	*ret_marked = state && state_mark_of(state, rd, assignment, ret_mark);
	if (!*ret_marked)
		return KNOWN_NOT;
	for (size_t i = 0; i < in->mark_count; i++)
		if (state_mark_same(&in->marks[i], ret_mark))
			return KNOWN_IN_GROUP;
	r = state_has(state, ret_mark);
	if (r < 0)
		h->state_failed(h->arg, r);
	return r == 1 ? KNOWN_DURABLE : KNOWN_NOT;
}

/* The longest raw value together with the longest decoded ones may be more than a body holds. Then the raw
 * bytes go alone: they say all that the decoder has read from them. */
static int encode(const struct reading *rd, uint8_t body[static READING_BODY_MAX])
{
	struct reading raw;
	int n = reading_encode(rd, body, READING_BODY_MAX);

	if (n != -ENOSPC)
		return n;
	raw = *rd;
	raw.decoded = (struct decoded){ .marks = rd->decoded.marks | MARK_UNDECODED };
	n = reading_encode(&raw, body, READING_BODY_MAX);
	crypto_wipe(&raw, sizeof(raw));
	return n;
}

/* The next record of the group, sealed under the number that it will have. */
static int seal_next(struct intake *in, const struct capture *c, uint64_t seq,
		     const struct intake_target *t)
{
	struct queue_entry *e = &in->group[in->count];
	uint8_t body[READING_BODY_MAX], ad[ENVELOPE_LEN];
	int n = encode(&c->reading, body), r;
	struct envelope env = { .epoch = t->epoch,
				.assignment = c->assignment,
				.seq = seq,
				.class = c->class == CLASS_ALARM ? CLASS_ALARM
								 : CLASS_ROUTINE,
				.kind = (uint8_t)c->reading.kind };

	if (n < 0)
		abort(); /* READING_BODY_MAX suffices for the raw bytes */
	memcpy(env.hub, t->hub, HUB_ID_LEN);
	env.body_len = (uint32_t)SEALED_LEN((size_t)n);
	envelope_encode(&env, ad);
	r = seal(t->seal_key_id, t->seal_public, ad, sizeof(ad), body, (size_t)n,
		 in->bodies[in->count]);
	crypto_wipe(body, sizeof(body));
	if (r)
		return r;
	*e = (struct queue_entry){ .instance = c->instance, .capture = c->capture };
	e->record = (struct record){ .assignment = env.assignment,
				     .seq = seq,
				     .class = env.class,
				     .kind = env.kind,
				     .body = in->bodies[in->count],
				     .body_len = env.body_len };
	in->count++;
	return 0;
}

/* Takes captures into the group, in their order, until it is full or the next one is not ready. */
static int gather(struct intake *in, struct records *q, struct state *state,
		  const struct intake_target *target, const struct intake_handlers *h)
{
	const struct capture *c;

	while (in->count < QUEUE_GROUP_MAX && (c = captures_first(&in->captures))) {
		struct state_mark mark;
		bool marked;
		enum known k =
			look_up(in, state, &c->reading, c->assignment, h, &mark, &marked);
		int r;

		if (k == KNOWN_IN_GROUP)
			return 0; /* after the commit it is KNOWN_DURABLE */
		if (k == KNOWN_DURABLE) {
			h->durable(h->arg, c->instance, c->capture);
			captures_pop(&in->captures);
			continue;
		}
		r = seal_next(in, c, records_next_seq(q) + in->count, target);
		if (r)
			return r;
		if (marked) {
			struct queue_entry *e = &in->group[in->count - 1];

			e->has_mark = true;
			state_mark_encode(&mark, e->mark);
			in->marks[in->mark_count++] = mark;
		}
		captures_pop(&in->captures);
	}
	return 0;
}

/* Told first, remembered after: if we die between, the marks in the queue tell the
 * registry at the next start (store_open.c). The other order could lose a reading. */
static void settle(struct intake *in, struct state *state,
		   const struct intake_handlers *h)
{
	int r = 0;

	for (size_t i = 0; i < in->count; i++)
		h->durable(h->arg, in->group[i].instance, in->group[i].capture);
	FAILPOINT("store.answer.after");
	if (state && in->mark_count)
		r = state_add(state, in->marks, in->mark_count);
	if (r)
		h->state_failed(h->arg, r);
	in->count = 0;
	in->mark_count = 0;
}

int intake_run(struct intake *in, struct records *q, struct state *state,
	       const struct intake_target *target, const struct intake_handlers *h)
{
	for (;;) {
		int r = 0;

		if (in->count == 0) {
			records_reserve(q, QUEUE_GROUP_MAX);
			r = gather(in, q, state, target, h);
		}
		if (r)
			return r;
		if (in->count == 0)
			return 0;
		FAILPOINT("store.sealed");
		FAILPOINT("store.commit.before");
		r = records_insert(q, in->group, in->count);
		if (r)
			return r;
		FAILPOINT("store.commit.after");
		settle(in, state, h);
	}
}
