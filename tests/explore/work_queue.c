/*
 * work_queue.c - workload: keys, queue and state.db from the first start on; groups of 1 to 32 records, answers of a
 * clinic in and out of order, refused records, the registry of readings, closing and opening.
 *
 * Questions after a power cut, in verify():
 *   1. Everything opens: keys, queue, state.db; the key for batches is the one that was brought.
 *   2. A record whose insertion was answered is there, byte for byte, unless its acknowledgement was begun.
 *   3. What was acknowledged or refused, and answered, does not come back; refused records lie in 'dead'.
 *   4. Nothing is there that was never inserted. A group is there as a whole or not at all; so is an answer.
 *   5. The next number is one above the highest that was ever used; none is used twice.
 *   6. What the queue says of itself (unsent, contig, owner, latest capture) is so.
 *   7. Both databases pass integrity_check. Readings on record in state.db are, others are not; the memory
 *      of a device is as last told, or as told last before.
 */
#include "tests/explore/workload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/core/reading.h"
#include "hub/rt/file.h"
#include "storage/keys.h"
#include "storage/queue.h"
#include "storage/state.h"
#include "tests/explore/dice.h"
#include "tests/explore/promise.h"

enum {
	SEQS_MAX = 4096,
	DEVICES = 3,
	TOLD_MAX = 1024,
	ASSIGNMENT = 5,
	EPOCH = 3,
	UNSENT_MAX = 150,
	MARKS_LOOKED_AT = 80, /* of the newest numbers */
	OPEN_TRIES = 5,
	STEPS = 330,
	STEPS_SMALL = 150,
	STEPS_SHORT = 25,
	STEPS_GO_ON = 12,
};

struct fact {
	position tried, inserted; /* begun; answered */
	position ack_tried, acked;
	position refuse_tried, refused;
	position mark_tried, marked;
	uint32_t tag; /* the body is made of it */
};

struct told {
	uint16_t device;
	uint32_t mark;
	position tried, done;
};

struct world {
	struct fact fact[SEQS_MAX]; /* by seq */
	uint64_t top;		    /* highest seq that was ever tried */
	struct told told[TOLD_MAX];
	size_t told_count;
	uint32_t memory_mark;
	position sign_given;
	uint64_t instance;
	struct dice dice;
	char dir[256];
};

/* One hub at a time. */
static struct hub {
	struct keys *keys;
	struct queue *queue;
	struct state *state;
	int err; /* why it did not open */
} hub;

static const uint8_t sign_key[P256_PRIVATE_LEN] = { 9, 8, 7, 6, 5 };
static const uint8_t share[ENGINE_SHARE_LEN] = { 1, 2, 3 };
static const uint8_t hub_id[HUB_ID_LEN] = { 4, 5, 6 };

/* --- what a record holds ---------------------------------------------------------------------- */

static struct record record_of(const struct fact *f, uint64_t seq,
			       uint8_t body[static SEALED_BODY_MAX])
{
	struct dice d = dice_seed(f->tag, seq);
	struct record r = { .assignment = ASSIGNMENT,
			    .seq = seq,
			    .class = dice_below(&d, 8) ? CLASS_ROUTINE : CLASS_ALARM,
			    .kind = READING_BLOOD_PRESSURE,
			    .body = body };

	r.body_len = 60 + dice_below(&d, dice_below(&d, 10) ? 200 : 900);
	for (size_t i = 0; i < r.body_len; i++)
		body[i] = (uint8_t)(dice_next(&d) >> 24);
	return r;
}

static struct state_mark mark_of(const struct fact *f, uint64_t seq)
{
	struct dice d = dice_seed(f->tag, seq + 1000000);
	struct state_mark m = { .timed = true, .device = (uint16_t)(1 + seq % DEVICES) };

	for (size_t i = 0; i < sizeof(m.hash); i++)
		m.hash[i] = (uint8_t)(dice_next(&d) >> 24);
	return m;
}

static struct queue_entry entry_of(const struct world *w, const struct fact *f,
				   uint64_t seq, uint8_t body[static SEALED_BODY_MAX])
{
	struct queue_entry e = { .record = record_of(f, seq, body),
				 .instance = w->instance,
				 .capture = seq,
				 .has_mark = true };
	struct state_mark m = mark_of(f, seq);

	state_mark_encode(&m, e.mark);
	return e;
}

/* --- the hub opens and closes, as store_open.c does it ------------------------------------------ */

static void close_hub(void)
{
	state_close(hub.state);
	queue_close(hub.queue);
	keys_free(hub.keys);
	hub = (struct hub){ 0 };
}

static int catch_up(void)
{
	static uint8_t marks[QUEUE_MARKS_MAX][QUEUE_MARK_LEN];
	struct state_mark decoded[QUEUE_MARKS_MAX];
	size_t count;
	int r = queue_newest_marks(hub.queue, marks, &count);

	for (size_t i = 0; i < count && r == 0; i++)
		state_mark_decode(marks[i], &decoded[i]);
	return r || count == 0 ? r : state_add(hub.state, decoded, count);
}

static const char *open_databases(const struct world *w)
{
	struct db_key key;

	hub.err = keys_queue(hub.keys, 1, true, &key);
	if (hub.err)
		return WRONG("no key for the queue: %d", hub.err);
	hub.err = queue_open(w->dir, 1, &key, 0, &hub.queue);
	if (hub.err)
		return WRONG("the queue does not open: %d", hub.err);
	hub.err = queue_set_owner(hub.queue, hub_id, EPOCH, 7);
	if (hub.err)
		return WRONG("the queue is not ours: %d", hub.err);
	hub.err = keys_state(hub.keys, share, &key);
	if (hub.err)
		return WRONG("no key for state.db: %d", hub.err);
	hub.err = state_open(w->dir, &key, 0, &hub.state);
	if (hub.err)
		return WRONG("state.db does not open: %d", hub.err);
	hub.err = catch_up();
	if (hub.err)
		return WRONG("state.db does not catch up: %d", hub.err);
	return NULL;
}

static const char *open_hub(const struct world *w)
{
	struct keys_notes notes;
	const char *problem = "", *wrong;

	hub = (struct hub){ 0 };
	hub.err = keys_open(w->dir, file_exists(w->dir, QUEUE_FILE), &hub.keys, &notes,
			    &problem);
	wrong = hub.err ? WRONG("keys do not open: %d, %s", hub.err, problem)
			: open_databases(w);
	if (wrong) {
		int err = hub.err;

		close_hub();
		hub.err = err;
	}
	return wrong;
}

/* --- questions --------------------------------------------------------------------------------- */

struct found {
	bool row[SEQS_MAX], dead[SEQS_MAX];
	uint64_t rows, top;
	const struct world *world;
	const char *wrong;
};

static struct found found;

static const char *compare_record(const struct world *w, const struct record *got)
{
	uint8_t body[SEALED_BODY_MAX];
	struct record want;

	if (got->seq == 0 || got->seq >= SEQS_MAX || w->fact[got->seq].tag == 0)
		return WRONG("seq %llu was never inserted", (unsigned long long)got->seq);
	want = record_of(&w->fact[got->seq], got->seq, body);
	if (got->class != want.class || got->kind != want.kind ||
	    got->assignment != want.assignment || got->body_len != want.body_len ||
	    memcmp(got->body, body, want.body_len) != 0)
		return WRONG("seq %llu is another record", (unsigned long long)got->seq);
	return NULL;
}

static const char *read_rows(const struct world *w)
{
	static const enum record_class classes[] = { CLASS_ROUTINE, CLASS_ALARM };
	uint8_t buf[SEALED_BODY_MAX];
	struct record r;
	int n;

	found = (struct found){ .world = w };
	for (size_t c = 0; c < 2; c++) {
		uint64_t after = 0;

		while ((n = queue_read(hub.queue, classes[c], after, buf, sizeof(buf),
				       &r)) == 1) {
			const char *wrong = compare_record(w, &r);

			if (wrong)
				return wrong;
			if (found.row[r.seq])
				return WRONG("seq %llu is in both classes",
					     (unsigned long long)r.seq);
			found.row[r.seq] = true;
			found.rows++;
			found.top = r.seq > found.top ? r.seq : found.top;
			after = r.seq;
		}
		if (n < 0)
			return WRONG("rows cannot be read: %d", n);
	}
	return NULL;
}

static void see_dead(void *arg, int64_t seq, const uint8_t *bytes, size_t len)
{
	const struct world *w = arg;
	uint8_t body[SEALED_BODY_MAX];
	struct record want;

	if (seq <= 0 || seq >= SEQS_MAX || w->fact[seq].tag == 0) {
		found.wrong =
			WRONG("seq %lld in 'dead' was never inserted", (long long)seq);
		return;
	}
	want = record_of(&w->fact[seq], (uint64_t)seq, body);
	if (len != want.body_len || memcmp(bytes, body, len) != 0)
		found.wrong =
			WRONG("seq %lld in 'dead' is another record", (long long)seq);
	found.dead[seq] = true;
}

static const char *read_dead(struct world *w)
{
	if (library_ask(QUEUE_FILE, "SELECT seq, body FROM dead", see_dead, w) < 0)
		return "table 'dead' cannot be read";
	return found.wrong;
}

/* Parts of one transaction that may be there or not: all or none. */
struct undecided {
	unsigned here, gone;
};

static const char *verify_record(const struct fact *f, uint64_t seq, size_t point,
				 struct undecided *group, struct undecided *reply)
{
	bool here = found.row[seq], dead = found.dead[seq];
	bool leaves = by(f->ack_tried, point) || by(f->refuse_tried, point);
	bool left = by(f->acked, point) || by(f->refused, point);
	unsigned long long n = seq;

	if (here && !by(f->tried, point))
		return WRONG("seq %llu is there before it was inserted", n);
	if (here && dead)
		return WRONG("seq %llu is in the queue and in 'dead'", n);
	if (here && left)
		return WRONG("seq %llu is back", n);
	if (!here && by(f->inserted, point) && !leaves)
		return WRONG("seq %llu is lost", n);
	if (dead && !by(f->refuse_tried, point))
		return WRONG("seq %llu is in 'dead' and was not refused", n);
	if (!dead && by(f->refused, point))
		return WRONG("seq %llu was refused and is not in 'dead'", n);
	if (!here && !dead && by(f->inserted, point) && by(f->refuse_tried, point) &&
	    !by(f->ack_tried, point))
		return WRONG("seq %llu was refused and is lost", n);
	if (by(f->tried, point) && !by(f->inserted, point))
		*(here ? &group->here : &group->gone) += 1;
	else if (leaves && !left)
		*(here ? &reply->here : &reply->gone) += 1;
	return NULL;
}

static const char *verify_records(const struct world *w, size_t point, uint64_t *ret_top)
{
	struct undecided group = { 0 }, reply = { 0 };
	const char *wrong = NULL;

	*ret_top = found.top;
	for (uint64_t seq = 1; seq <= w->top && !wrong; seq++) {
		wrong = verify_record(&w->fact[seq], seq, point, &group, &reply);
		if (by(w->fact[seq].inserted, point) && seq > *ret_top)
			*ret_top = seq;
	}
	if (!wrong && group.here && group.gone)
		wrong = WRONG("half a group: %u there, %u not", group.here, group.gone);
	if (!wrong && reply.here && reply.gone)
		wrong = WRONG("half an answer: %u there, %u gone", reply.here,
			      reply.gone);
	return wrong;
}

static const char *verify_numbers(const struct world *w, size_t point, uint64_t top)
{
	uint64_t next = queue_next_seq(hub.queue), contig = queue_contig(hub.queue);
	uint8_t id[HUB_ID_LEN];
	uint32_t epoch;

	if (next != top + 1)
		return WRONG("next number is %llu, %llu was used",
			     (unsigned long long)next, (unsigned long long)top);
	if (queue_unsent(hub.queue) != found.rows)
		return WRONG("says %llu unsent, has %llu",
			     (unsigned long long)queue_unsent(hub.queue),
			     (unsigned long long)found.rows);
	for (uint64_t seq = 1; seq <= contig; seq++)
		if (found.row[seq] || seq > w->top ||
		    !(by(w->fact[seq].ack_tried, point) ||
		      by(w->fact[seq].refuse_tried, point)))
			return WRONG("contig is %llu, %llu was not acknowledged",
				     (unsigned long long)contig, (unsigned long long)seq);
	if (!queue_owner(hub.queue, id, &epoch) || epoch != EPOCH ||
	    memcmp(id, hub_id, sizeof(id)) != 0)
		return "the queue has another owner";
	if (top && by(w->fact[top].inserted, point) &&
	    !queue_has(hub.queue, w->instance, top))
		return "the latest capture is not known";
	if (queue_has(hub.queue, w->instance, top + 1))
		return "a capture is known that never was";
	return NULL;
}

static const char *verify_marks(const struct world *w, size_t point)
{
	uint64_t from = w->top > MARKS_LOOKED_AT ? w->top - MARKS_LOOKED_AT : 1;

	for (uint64_t seq = from; seq <= w->top; seq++) {
		const struct fact *f = &w->fact[seq];
		struct state_mark m = mark_of(f, seq);
		int r = f->tag ? state_has(hub.state, &m) : 0;

		if (r < 0)
			return WRONG("state.db cannot be read: %d", r);
		if (r == 0 && by(f->marked, point))
			return WRONG("state.db has lost the reading of seq %llu",
				     (unsigned long long)seq);
		/* With the row, or by opening, which takes the marks of the newest rows. */
		if (r == 1 && !by(f->tried, point))
			return WRONG("state.db knows seq %llu before it was inserted",
				     (unsigned long long)seq);
	}
	return NULL;
}

static const char *verify_memory(const struct world *w, size_t point, uint16_t device,
				 bool here, uint32_t mark)
{
	bool must = false, known = false;

	for (size_t i = w->told_count; i-- > 0 && !must;) {
		const struct told *t = &w->told[i];

		if (t->device != device)
			continue;
		known |= by(t->tried, point) && here && t->mark == mark;
		must = by(t->done, point);
		if (must && !known)
			return WRONG("memory of device %u is %s%u, %u was told", device,
				     here ? "" : "gone, ", mark, t->mark);
	}
	return here && !known ? WRONG("memory of device %u was never told", device)
			      : NULL;
}

static const char *verify_memories(const struct world *w, size_t point)
{
	static struct msg_memory m[STATE_MEMORIES_MAX];
	const char *wrong = NULL;
	size_t count;
	int r = state_memories(hub.state, ASSIGNMENT, m, &count);

	if (r)
		return WRONG("memories cannot be read: %d", r);
	for (uint16_t device = 1; device <= DEVICES && !wrong; device++) {
		const struct msg_memory *its = NULL;

		for (size_t i = 0; i < count; i++)
			its = m[i].num == device ? &m[i] : its;
		wrong = verify_memory(w, point, device, its != NULL, its ? its->mark : 0);
	}
	return wrong;
}

static const char *verify(struct world *w, size_t point)
{
	uint8_t sign[P256_PRIVATE_LEN];
	const char *wrong = read_rows(w);
	uint64_t top;

	if (!wrong)
		wrong = read_dead(w);
	if (!wrong)
		wrong = verify_records(w, point, &top);
	if (!wrong)
		wrong = verify_numbers(w, point, top);
	if (!wrong)
		wrong = verify_marks(w, point);
	if (!wrong)
		wrong = verify_memories(w, point);
	if (!wrong && !library_is_whole(QUEUE_FILE))
		wrong = "the queue fails integrity_check";
	if (!wrong && !library_is_whole(STATE_FILE))
		wrong = "state.db fails integrity_check";
	if (!wrong && by(w->sign_given, point) &&
	    (keys_sign(hub.keys, sign) || memcmp(sign, sign_key, sizeof(sign)) != 0))
		wrong = "the key for batches is not the one that was brought";
	return wrong;
}

/* --- what is there becomes the truth -------------------------------------------------------------- */

/* A new life: what lies on the disk lay there from its beginning, the rest never was. */
static void adopt_record(struct fact *f, uint64_t seq, uint64_t top)
{
	struct state_mark m = mark_of(f, seq);
	bool marked = f->tag && state_has(hub.state, &m) == 1;
	uint32_t tag = f->tag;

	memset(f, 0xff, sizeof(*f)); /* POSITION_NEVER everywhere */
	f->tag = seq <= top ? tag : 0;
	if (seq > top)
		return;
	f->tried = f->inserted = 0;
	if (found.dead[seq])
		f->refuse_tried = f->refused = 0;
	if (!found.row[seq] && !found.dead[seq])
		f->ack_tried = f->acked = 0;
	if (marked)
		f->mark_tried = f->marked = 0;
}

static void adopt_memories(struct world *w, position now)
{
	static struct msg_memory m[STATE_MEMORIES_MAX];
	size_t count = 0;

	if (state_memories(hub.state, ASSIGNMENT, m, &count))
		return;
	for (size_t i = 0; i < count && w->told_count < TOLD_MAX; i++)
		w->told[w->told_count++] = (struct told){ m[i].num, m[i].mark, now, now };
}

/* After verify(). */
static void adopt(struct world *w)
{
	uint64_t top = queue_highest(hub.queue);
	uint8_t sign[P256_PRIVATE_LEN];

	for (uint64_t seq = 1; seq <= w->top; seq++)
		adopt_record(&w->fact[seq], seq, top);
	w->top = top;
	w->sign_given = keys_sign(hub.keys, sign) == 0 ? 0 : POSITION_NEVER;
	w->told_count = 0;
	adopt_memories(w, 0);
}

/* After verify(), in the same life: calls that ended with an error have now been seen to have worked, or not. */
static void decide(struct world *w, position now)
{
	uint64_t top = queue_highest(hub.queue);

	for (uint64_t seq = 1; seq <= w->top; seq++) {
		struct fact *f = &w->fact[seq];

		if (seq > top)
			f->tag = 0;
		else if (f->inserted == POSITION_NEVER)
			f->inserted = now;
		if (seq <= top && found.row[seq]) { /* no answer has taken it off */
			f->ack_tried = f->refuse_tried = POSITION_NEVER;
			continue;
		}
		if (seq > top)
			continue;
		if (found.dead[seq] && f->refused == POSITION_NEVER)
			f->refused = now;
		if (!found.dead[seq] && f->acked == POSITION_NEVER)
			f->acked = now;
	}
	w->top = top;
	adopt_memories(w, now);
}

/* The process was killed at this point: what it did later in the recorded run has not happened. */
static void forget_after(struct world *w, size_t point)
{
	for (uint64_t seq = 1; seq <= w->top; seq++) {
		struct fact *f = &w->fact[seq];
		position *const all[] = { &f->tried,	  &f->inserted, &f->ack_tried,
					  &f->acked,	  &f->refused,	&f->refuse_tried,
					  &f->mark_tried, &f->marked };

		for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
			position_forget(all[i], point);
		if (f->tried == POSITION_NEVER)
			f->tag = 0;
	}
	while (w->top > 0 && w->fact[w->top].tag == 0)
		w->top--;
	while (w->told_count > 0 && !by(w->told[w->told_count - 1].tried, point))
		w->told_count--;
	for (size_t i = 0; i < w->told_count; i++)
		position_forget(&w->told[i].done, point);
	position_forget(&w->sign_given, point);
}

/* --- work ------------------------------------------------------------------------------------------ */

static int step_marks(struct world *w, uint64_t first, size_t count)
{
	struct state_mark m[QUEUE_GROUP_MAX];
	position now = position_now();
	int r;

	for (size_t i = 0; i < count; i++) {
		m[i] = mark_of(&w->fact[first + i], first + i);
		w->fact[first + i].mark_tried = now;
	}
	r = state_add(hub.state, m, count);
	now = position_now();
	for (size_t i = 0; i < count && r == 0; i++)
		w->fact[first + i].marked = now;
	return r;
}

static int step_insert(struct world *w, size_t count)
{
	static uint8_t body[QUEUE_GROUP_MAX][SEALED_BODY_MAX];
	struct queue_entry e[QUEUE_GROUP_MAX];
	uint64_t first = queue_next_seq(hub.queue);
	position now = position_now();
	int r;

	if (first + count > SEQS_MAX)
		return 0;
	for (size_t i = 0; i < count; i++) {
		struct fact *f = &w->fact[first + i];

		memset(f, 0xff, sizeof(*f));
		f->tag = (uint32_t)dice_next(&w->dice) | 1;
		f->tried = now;
		e[i] = entry_of(w, f, first + i, body[i]);
	}
	w->top = first + count - 1;
	r = queue_insert(hub.queue, e, count);
	if (r)
		return r;
	now = position_now();
	for (size_t i = 0; i < count; i++)
		w->fact[first + i].inserted = now;
	return dice_below(&w->dice, 8) ? step_marks(w, first, count) : 0;
}

/* Everything that the answer takes off the queue, by the product's own rules. */
static void note_reply(struct world *w, const struct reply *r, position now, bool done)
{
	for (uint64_t seq = 1; seq <= w->top; seq++) {
		struct fact *f = &w->fact[seq];
		bool refused = false;

		for (size_t i = 0; i < r->refused_count; i++)
			refused |= r->refused[i].seq == seq;
		if (refused && f->acked == POSITION_NEVER && f->refused == POSITION_NEVER)
			*(done ? &f->refused : &f->refuse_tried) = now;
		if (reply_covers(r, seq) && f->acked == POSITION_NEVER &&
		    (done || f->ack_tried == POSITION_NEVER))
			*(done ? &f->acked : &f->ack_tried) = now;
	}
}

static int step_answer(struct world *w, const struct reply *r)
{
	struct queue_ack ack;
	int err;

	note_reply(w, r, position_now(), false);
	err = queue_acknowledge(hub.queue, r, &ack);
	if (err == 0)
		note_reply(w, r, position_now(), true);
	return err;
}

static int step_contig(struct world *w, uint64_t at_most)
{
	uint64_t contig = queue_contig(hub.queue), top = queue_highest(hub.queue);
	struct reply r = { .has_contig = true };

	if (top == contig)
		return 0;
	r.contig = contig + 1 + dice_below(&w->dice, top - contig);
	if (r.contig > contig + at_most)
		r.contig = contig + at_most;
	return step_answer(w, &r);
}

static int step_range(struct world *w)
{
	uint64_t contig = queue_contig(hub.queue), top = queue_highest(hub.queue);
	struct reply r = { .has_contig = true, .contig = contig, .range_count = 1 };

	if (top < contig + 2)
		return 0;
	r.ranges[0].first = contig + 2 + dice_below(&w->dice, top - contig - 1);
	r.ranges[0].last = r.ranges[0].first + dice_below(&w->dice, 12);
	if (r.ranges[0].last > top)
		r.ranges[0].last = top;
	return step_answer(w, &r);
}

static int step_refuse(struct world *w)
{
	uint64_t contig = queue_contig(hub.queue), top = queue_highest(hub.queue), seq;
	struct reply r = { .has_contig = true, .contig = contig, .refused_count = 1 };

	if (top == contig)
		return 0;
	seq = contig + 1 + dice_below(&w->dice, top - contig);
	if (w->fact[seq].acked != POSITION_NEVER)
		return 0;
	r.refused[0] = (struct refused){ seq, REFUSED_MALFORMED };
	return step_answer(w, &r);
}

static int step_memory(struct world *w)
{
	struct msg_memory m = { .num = (uint16_t)(1 + dice_below(&w->dice, DEVICES)),
				.service = 0x1808,
				.history = 1,
				.mark = ++w->memory_mark };
	struct told *t;
	int r;

	if (w->told_count == TOLD_MAX)
		return 0;
	t = &w->told[w->told_count++];
	*t = (struct told){ m.num, m.mark, position_now(), POSITION_NEVER };
	r = state_remember(hub.state, ASSIGNMENT, &m);
	if (r == 0)
		r = state_flush(hub.state);
	if (r == 0)
		t->done = position_now();
	return r;
}

static size_t group_size(struct dice *d)
{
	uint64_t c = dice_below(d, 100);

	return (size_t)(c < 50 ? 1 : 1 + dice_below(d, c < 85 ? 8 : QUEUE_GROUP_MAX));
}

static int step(struct world *w)
{
	uint64_t c = dice_below(&w->dice, 100);

	if (queue_unsent(hub.queue) > UNSENT_MAX)
		return step_contig(w, UNSENT_MAX);
	if (c < 60)
		return step_insert(w, group_size(&w->dice));
	if (c < 74)
		return step_contig(w, 40);
	if (c < 84)
		return step_range(w);
	if (c < 88)
		return step_refuse(w);
	if (c < 95)
		return step_memory(w);
	return queue_probe(hub.queue);
}

/* As the process does after an error that it does not survive: again from the start. */
static const char *start_again(struct world *w)
{
	const char *wrong = NULL;

	close_hub();
	for (int i = 0; i < OPEN_TRIES; i++) {
		wrong = open_hub(w);
		if (!wrong)
			break;
		if (!fault_hit())
			return wrong;
	}
	if (wrong)
		return fault_hit() ? ""
				   : wrong; /* the disk does not come back: the end */
	fault_pause(true);
	wrong = verify(w, record_mark());
	if (!wrong)
		decide(w, position_now());
	fault_pause(false);
	return wrong;
}

static const char *work(struct world *w, unsigned steps)
{
	const char *wrong = NULL;

	for (unsigned i = 0; i < steps && !wrong; i++) {
		int r = step(w);

		if (r && !fault_hit())
			return WRONG("an error without a reason: %d", r);
		if (r || dice_below(&w->dice, 40) == 0)
			wrong = start_again(w);
	}
	return wrong;
}

/* The hub's bundle brings the key for batches before the first start. */
static const char *enrol(struct world *w)
{
	int r = 0;

	for (int i = 0; i < OPEN_TRIES; i++) {
		r = file_replace(w->dir, "sign.key", sign_key, sizeof(sign_key));
		if (r == 0)
			break;
	}
	if (r)
		return fault_hit() ? "" : WRONG("sign.key cannot be written: %d", r);
	w->sign_given = position_now();
	return NULL;
}

static void world_new(struct world *w, const char *dir, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	memset(w->fact, 0xff, sizeof(w->fact));
	for (size_t i = 0; i < SEQS_MAX; i++)
		w->fact[i].tag = 0;
	w->sign_given = POSITION_NEVER;
	w->instance = UINT64_C(0xfedcba9876543210);
	w->dice = dice_seed(seed, 2);
	(void)snprintf(w->dir, sizeof(w->dir), "%s", dir);
}

static const char *run_steps(struct world *w, unsigned steps)
{
	const char *wrong = enrol(w);

	if (!wrong)
		wrong = start_again(w);
	if (!wrong)
		wrong = work(w, steps);
	close_hub();
	return wrong && *wrong ? wrong : NULL;
}

static const char *run(void *world, const char *dir, uint64_t seed)
{
	world_new(world, dir, seed);
	return run_steps(world, STEPS);
}

static const char *run_small(void *world, const char *dir, uint64_t seed)
{
	world_new(world, dir, seed);
	return run_steps(world, STEPS_SMALL);
}

static const char *run_short(void *world, const char *dir, uint64_t seed)
{
	world_new(world, dir, seed);
	return run_steps(world, STEPS_SHORT);
}

static const char *recover(void *world, const char *dir, size_t point, uint64_t seed,
			   enum recovery_how how)
{
	struct world *w = world;
	const char *wrong;

	(void)snprintf(w->dir, sizeof(w->dir), "%s", dir);
	w->dice = dice_seed(seed, 3);
	if (how == RECOVERY_RESTART)
		forget_after(w, point);
	wrong = open_hub(w);
	if (!wrong)
		wrong = verify(w, point);
	if (!wrong && how == RECOVERY_GO_ON)
		adopt(w);
	if (!wrong && how == RECOVERY_RESTART)
		decide(w, position_now());
	if (!wrong && how != RECOVERY_LOOK)
		wrong = work(w, STEPS_GO_ON);
	if (!wrong && how == RECOVERY_LOOK) {
		adopt(w);
		if (step_insert(w, group_size(&w->dice)))
			wrong = "nothing can be inserted any more";
		if (!wrong)
			wrong = read_rows(w);
	}
	close_hub();
	return wrong && *wrong ? wrong : NULL;
}

const struct workload queue_workload = {
	.name = "queue",
	.world_bytes = sizeof(struct world),
	.share = 15,
	.run = run,
	.recover = recover,
};

/* The same, written back ten times as often: more checkpoints, smaller files. */
static const struct setting_rule small[] = {
	{ "PRAGMA wal_autocheckpoint=400", "PRAGMA wal_autocheckpoint=40",
	  "PRAGMA wal_autocheckpoint", "SELECT 400" },
};

static const struct settings small_settings = { .rules = small, .rule_count = 1 };

const struct workload queue_small_workload = {
	.name = "queue-small",
	.world_bytes = sizeof(struct world),
	.share = 45,
	.settings = &small_settings,
	.run = run_small,
	.recover = recover,
};

/* For calls that fail: every one of them, so there must not be too many. */
static const struct setting_rule often[] = {
	{ "PRAGMA wal_autocheckpoint=400", "PRAGMA wal_autocheckpoint=12",
	  "PRAGMA wal_autocheckpoint", "SELECT 400" },
};

static const struct settings short_settings = { .rules = often, .rule_count = 1 };

const struct workload queue_short_workload = {
	.name = "queue-short",
	.world_bytes = sizeof(struct world),
	.settings = &short_settings,
	.run = run_short,
	.recover = recover,
};
