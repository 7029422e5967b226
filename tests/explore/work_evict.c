/*
 * work_evict.c - workload: a queue with a small quota that is full most of the time; the oldest rows are given up, the
 * clinic takes records and tombstones, whole or in part, and refuses some.
 *
 * Questions after a power cut, in verify():
 *   1. Each number up to the highest is a row, a tombstone, or was named by the clinic: never neither, never two of them.
 *   2. A row whose eviction was answered is not back; its tombstone is there until the clinic has named it.
 *   3. A row that nobody has begun to give up or name is there, byte for byte.
 *   4. A group is there as a whole or not at all.
 *   5. Tombstones ascend, do not touch each other if they are of one kind, and cover nothing else. One of a given-up
 *      record says whether that was evidence.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/core/reading.h"
#include "storage/queue.h"
#include "tests/explore/dice.h"
#include "tests/explore/promise.h"

enum {
	SEQS_MAX = 4096,
	TOMBS_MAX = 1024,
	PAGES = 24, /* quota */
	EPOCH = 3,
	OPEN_TRIES = 5,
	STEPS = 220,
	STEPS_SHORT = 40,
	STEPS_GO_ON = 12,
};

struct fact {
	position tried, inserted;
	position evict_tried, evicted;
	position refuse_tried, refused;
	position ack_tried, acked;
	uint32_t tag;
};

struct world {
	struct fact fact[SEQS_MAX];
	uint64_t top;
	struct db_key key;
	struct dice dice;
	char dir[256];
};

static const uint8_t hub_id[HUB_ID_LEN] = { 4, 5, 6 };
static struct queue *queue; /* one at a time */

static struct record record_of(const struct fact *f, uint64_t seq,
			       uint8_t body[static SEALED_BODY_MAX])
{
	struct dice d = dice_seed(f->tag, seq);
	struct record r = { .assignment = 5,
			    .seq = seq,
			    .class = dice_below(&d, 6) ? CLASS_ROUTINE : CLASS_ALARM,
			    .kind = READING_BLOOD_PRESSURE,
			    .body = body };

	if (r.class == CLASS_ROUTINE && dice_below(&d, 5) == 0)
		r.kind = READING_EVIDENCE;
	r.body_len = 200 + dice_below(&d, 500);
	for (size_t i = 0; i < r.body_len; i++)
		body[i] = (uint8_t)(dice_next(&d) >> 24);
	return r;
}

static const char *open_queue(const struct world *w)
{
	int r = queue_open(w->dir, 1, &w->key, PAGES, &queue);

	if (r)
		return WRONG("the queue does not open: %d", r);
	r = queue_set_owner(queue, hub_id, EPOCH, 7);
	return r && r != -ENOSPC ? WRONG("the queue does not open: %d", r) : NULL;
}

static void close_queue(void)
{
	queue_close(queue);
	queue = NULL;
}

/* --- questions --------------------------------------------------------------------------------- */

static struct {
	bool row[SEQS_MAX], tomb[SEQS_MAX];
	enum tombstone_cause cause[SEQS_MAX];
	uint64_t rows;
} found;

static const char *read_rows(const struct world *w)
{
	static const enum record_class classes[] = { CLASS_ROUTINE, CLASS_ALARM };
	uint8_t buf[SEALED_BODY_MAX], body[SEALED_BODY_MAX];
	struct record r, want;
	int n = 0;

	for (size_t c = 0; c < 2; c++)
		for (uint64_t after = 0; (n = queue_read(queue, classes[c], after, buf,
							 sizeof(buf), &r)) == 1;
		     after = r.seq) {
			unsigned long long seq = r.seq;

			if (r.seq >= SEQS_MAX || w->fact[r.seq].tag == 0)
				return WRONG("seq %llu was never inserted", seq);
			want = record_of(&w->fact[r.seq], r.seq, body);
			if (r.class != want.class || r.kind != want.kind ||
			    r.body_len != want.body_len ||
			    memcmp(buf, body, r.body_len) != 0)
				return WRONG("seq %llu is another record", seq);
			if (found.row[r.seq])
				return WRONG("seq %llu is in both classes", seq);
			found.row[r.seq] = true;
			found.rows++;
		}
	return n ? WRONG("rows cannot be read: %d", n) : NULL;
}

static const char *read_tombstones(void)
{
	static struct tombstone t[TOMBS_MAX];
	size_t count = 0;
	int r = queue_tombstones(queue, TOMBS_MAX, t, &count);

	if (r)
		return WRONG("tombstones cannot be read: %d", r);
	for (size_t i = 0; i < count; i++) {
		if (t[i].first == 0 || t[i].last < t[i].first || t[i].last >= SEQS_MAX ||
		    (i && t[i].first <= t[i - 1].last))
			return "tombstones are not in order";
		if (i && t[i].first == t[i - 1].last + 1 &&
		    t[i].class == t[i - 1].class && t[i].cause == t[i - 1].cause)
			return "two tombstones of one kind touch";
		for (uint64_t seq = t[i].first; seq <= t[i].last; seq++) {
			found.tomb[seq] = true;
			found.cause[seq] = t[i].cause;
		}
	}
	return NULL;
}

/* Parts of one transaction: all or none. */
struct undecided {
	unsigned done, not_done;
};

static bool is_given_up(uint64_t seq)
{
	return found.tomb[seq] && (found.cause[seq] == TOMBSTONE_EVICTED ||
				   found.cause[seq] == TOMBSTONE_EVIDENCE);
}

static bool was_evidence(const struct fact *f, uint64_t seq)
{
	uint8_t body[SEALED_BODY_MAX];

	return reading_is_evidence(record_of(f, seq, body).kind);
}

static const char *verify_number(const struct fact *f, uint64_t seq, size_t point,
				 struct undecided *group)
{
	bool row = found.row[seq], tomb = found.tomb[seq];
	bool leaves = by(f->ack_tried, point), left = by(f->acked, point);
	bool given_up = by(f->evicted, point) || by(f->refused, point);
	unsigned long long n = seq;

	if (row && tomb)
		return WRONG("seq %llu is a row and has a tombstone", n);
	if ((row || tomb) && !by(f->tried, point))
		return WRONG("seq %llu is there before it was inserted", n);
	if ((row || tomb) && left)
		return WRONG("seq %llu is back", n);
	if (row && given_up)
		return WRONG("seq %llu was given up and is back", n);
	if (is_given_up(seq) && !by(f->evict_tried, point))
		return WRONG("seq %llu has a tombstone and was not given up", n);
	if (is_given_up(seq) &&
	    was_evidence(f, seq) != (found.cause[seq] == TOMBSTONE_EVIDENCE))
		return WRONG("seq %llu was given up as something else", n);
	if (tomb && found.cause[seq] == TOMBSTONE_REFUSED && !by(f->refuse_tried, point))
		return WRONG("seq %llu has a tombstone and was not refused", n);
	if (!row && !tomb && by(f->inserted, point) && !leaves)
		return WRONG("seq %llu is neither row nor tombstone", n);
	if (tomb && !by(f->evict_tried, point) && !by(f->refuse_tried, point))
		return WRONG("seq %llu has a tombstone for nothing", n);
	if (by(f->tried, point) && !by(f->inserted, point))
		*(row || tomb ? &group->done : &group->not_done) += 1;
	return NULL;
}

static const char *verify(const struct world *w, size_t point)
{
	struct undecided group = { 0 };
	const char *wrong;

	memset(&found, 0, sizeof(found));
	wrong = read_rows(w);
	if (!wrong)
		wrong = read_tombstones();
	for (uint64_t seq = 1; seq <= w->top && !wrong; seq++)
		wrong = verify_number(&w->fact[seq], seq, point, &group);
	if (!wrong && group.done && group.not_done)
		wrong = WRONG("half a group: %u there, %u not", group.done,
			      group.not_done);
	if (!wrong && queue_unsent(queue) != found.rows)
		wrong = WRONG("says %llu unsent, has %llu",
			      (unsigned long long)queue_unsent(queue),
			      (unsigned long long)found.rows);
	for (uint64_t seq = queue_highest(queue) + 1; seq <= w->top && !wrong; seq++)
		if (by(w->fact[seq].inserted, point))
			wrong = WRONG("highest is %llu, %llu was used",
				      (unsigned long long)queue_highest(queue),
				      (unsigned long long)seq);
	if (!wrong && !library_is_whole(QUEUE_FILE))
		wrong = "the queue fails integrity_check";
	return wrong;
}

/* --- what is there becomes the truth -------------------------------------------------------------- */

/* now: from when on it is promised; 0 in a new life. */
static void adopt(struct world *w, position now)
{
	uint64_t top = queue_highest(queue);

	for (uint64_t seq = 1; seq <= w->top; seq++) {
		struct fact *f = &w->fact[seq], old = *f;
		position then = now ? old.tried : 0;

		if (seq > top || old.tried == POSITION_NEVER) {
			memset(f, 0xff, sizeof(*f));
			f->tag = 0;
			continue;
		}
		memset(f, 0xff, sizeof(*f));
		f->tag = old.tag;
		f->tried = then;
		f->inserted = now && old.inserted != POSITION_NEVER ? old.inserted : now;
		if (found.row[seq])
			continue;
		if (old.evict_tried != POSITION_NEVER) {
			f->evict_tried = now ? old.evict_tried : 0;
			f->evicted =
				now && old.evicted != POSITION_NEVER ? old.evicted : now;
		}
		if (old.refuse_tried != POSITION_NEVER) {
			f->refuse_tried = now ? old.refuse_tried : 0;
			f->refused =
				now && old.refused != POSITION_NEVER ? old.refused : now;
		}
		if (found.tomb[seq])
			continue;
		f->ack_tried =
			now && old.ack_tried != POSITION_NEVER ? old.ack_tried : now;
		f->acked = now && old.acked != POSITION_NEVER ? old.acked : now;
	}
	w->top = top;
}

static void forget_after(struct world *w, size_t point)
{
	for (uint64_t seq = 1; seq <= w->top; seq++) {
		struct fact *f = &w->fact[seq];
		position *const all[] = { &f->tried,	    &f->inserted, &f->evict_tried,
					  &f->evicted,	    &f->refused,  &f->ack_tried,
					  &f->refuse_tried, &f->acked };

		for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
			position_forget(all[i], point);
	}
}

/* --- work ------------------------------------------------------------------------------------------ */

/* The oldest go, as many as the product decides; which ones shows only afterwards. */
static int evict(struct world *w, unsigned max_rows)
{
	struct queue_evicted ev;
	position now = position_now();
	int r;

	for (uint64_t seq = 1; seq <= w->top; seq++)
		if (w->fact[seq].evict_tried == POSITION_NEVER)
			w->fact[seq].evict_tried = now;
	r = queue_evict(queue, max_rows, QUEUE_ALARMS, &ev);
	fault_pause(true);
	memset(&found, 0, sizeof(found));
	if (r == 0 && (read_rows(w) || read_tombstones()))
		r = -EIO;
	fault_pause(false);
	now = position_now();
	for (uint64_t seq = 1; seq <= w->top && r == 0; seq++) {
		struct fact *f = &w->fact[seq];

		if (is_given_up(seq) && f->evicted == POSITION_NEVER)
			f->evicted = now;
		if (f->evicted == POSITION_NEVER)
			f->evict_tried = POSITION_NEVER;
	}
	return r;
}

static int step_insert(struct world *w, size_t count)
{
	static uint8_t body[QUEUE_GROUP_MAX][SEALED_BODY_MAX];
	struct queue_entry e[QUEUE_GROUP_MAX] = { 0 };
	uint64_t first = queue_next_seq(queue);
	position now = position_now();
	int r;

	if (first + count > SEQS_MAX)
		return 0;
	for (size_t i = 0; i < count; i++) {
		struct fact *f = &w->fact[first + i];

		memset(f, 0xff, sizeof(*f));
		f->tag = (uint32_t)dice_next(&w->dice) | 1;
		f->tried = now;
		e[i] = (struct queue_entry){ .record = record_of(f, first + i, body[i]),
					     .instance = 77,
					     .capture = first + i };
	}
	w->top = first + count - 1;
	r = queue_insert(queue, e, count);
	/* as store_room.c: the same group again, when the oldest are gone */
	for (int i = 0; i < 4 && r == -ENOSPC; i++) {
		w->top = first - 1;
		r = evict(w, 1 + (unsigned)dice_below(&w->dice, QUEUE_EVICT_MAX));
		w->top = first + count - 1;
		r = r ? r : queue_insert(queue, e, count);
	}
	now = position_now();
	for (size_t i = 0; i < count; i++)
		if (r == 0)
			w->fact[first + i].inserted = now;
		else if (r == -ENOSPC && !fault_hit())
			w->fact[first + i].tag = 0;
	/* a write that failed behind the commit's last frame: the next opening may find the group */
	if (r != -ENOSPC || fault_hit())
		return r;
	w->top = first - 1;
	return queue_checkpoint(queue);
}

static int answer(struct world *w, const struct reply *r)
{
	struct queue_ack ack;
	position now = position_now();
	int err;

	for (int done = 0; done < 2; done++) {
		for (uint64_t seq = 1; seq <= w->top; seq++) {
			struct fact *f = &w->fact[seq];
			position *a = done ? &f->acked : &f->ack_tried;
			position *b = done ? &f->refused : &f->refuse_tried;

			if (reply_covers(r, seq) && *a == POSITION_NEVER)
				*a = now;
			if (r->refused_count && r->refused[0].seq == seq &&
			    *b == POSITION_NEVER)
				*b = now;
		}
		err = done ? 0 : queue_acknowledge(queue, r, &ack);
		if (err)
			return err == -ENOSPC ? 0 : err;
		now = position_now();
	}
	return 0;
}

static int step_clinic(struct world *w)
{
	uint64_t contig = queue_contig(queue), top = queue_highest(queue);
	struct reply r = { .has_contig = true, .contig = contig };
	uint64_t c = dice_below(&w->dice, 3), seq;

	if (top < contig + 2)
		return 0;
	seq = contig + 1 + dice_below(&w->dice, top - contig);
	if (c == 0) {
		r.contig = seq > contig + 20 ? contig + 20 : seq;
	} else if (c == 1) {
		r.range_count = 1;
		r.ranges[0] = (struct seq_range){ seq > contig + 1 ? seq : seq + 1,
						  seq + dice_below(&w->dice, 9) };
		if (r.ranges[0].last > top)
			r.ranges[0].last = top;
		if (r.ranges[0].first > r.ranges[0].last)
			return 0;
	} else if (w->fact[seq].acked == POSITION_NEVER &&
		   w->fact[seq].evicted == POSITION_NEVER &&
		   w->fact[seq].refused == POSITION_NEVER) {
		r.refused_count = 1;
		r.refused[0] = (struct refused){ seq, REFUSED_MALFORMED };
	}
	return answer(w, &r);
}

static int step(struct world *w)
{
	uint64_t c = dice_below(&w->dice, 100);

	if (c < 65)
		return step_insert(
			w, (size_t)(1 + dice_below(&w->dice,
						   dice_below(&w->dice, 6) ? 3 : 16)));
	if (c < 75) {
		int r = evict(w, 1 + (unsigned)dice_below(&w->dice, 8));

		return r == -ENOSPC ? 0 : r;
	}
	return step_clinic(w);
}

static const char *start_again(struct world *w)
{
	const char *wrong = NULL;

	for (int i = 0; i < OPEN_TRIES; i++) {
		close_queue();
		wrong = open_queue(w);
		if (!wrong)
			break;
		if (!fault_hit())
			return wrong;
	}
	if (wrong)
		return "";
	fault_pause(true);
	wrong = verify(w, record_mark());
	if (!wrong)
		adopt(w, position_now());
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

static const char *run_steps(struct world *w, const char *dir, uint64_t seed,
			     unsigned steps)
{
	const char *wrong;

	memset(w, 0, sizeof(*w));
	memset(w->fact, 0xff, sizeof(w->fact));
	for (size_t i = 0; i < SEQS_MAX; i++)
		w->fact[i].tag = 0;
	w->dice = dice_seed(seed, 17);
	memset(&w->key, 0x5a, sizeof(w->key));
	(void)snprintf(w->dir, sizeof(w->dir), "%s", dir);
	wrong = start_again(w);
	if (!wrong)
		wrong = work(w, steps);
	close_queue();
	return wrong && *wrong ? wrong : NULL;
}

static const char *run(void *world, const char *dir, uint64_t seed)
{
	return run_steps(world, dir, seed, STEPS);
}

static const char *run_short(void *world, const char *dir, uint64_t seed)
{
	return run_steps(world, dir, seed, STEPS_SHORT);
}

static const char *recover(void *world, const char *dir, size_t point, uint64_t seed,
			   enum recovery_how how)
{
	struct world *w = world;
	const char *wrong;

	(void)snprintf(w->dir, sizeof(w->dir), "%s", dir);
	w->dice = dice_seed(seed, 18);
	forget_after(w, point);
	wrong = open_queue(w);
	if (!wrong)
		wrong = verify(w, point);
	if (!wrong)
		adopt(w, how == RECOVERY_RESTART ? position_now() : 0);
	if (!wrong && how != RECOVERY_LOOK)
		wrong = work(w, STEPS_GO_ON);
	if (!wrong && how == RECOVERY_LOOK && (evict(w, 3) || step_insert(w, 2)))
		wrong = "nothing can be given up or inserted any more";
	close_queue();
	return wrong && *wrong ? wrong : NULL;
}

const struct workload evict_workload = {
	.name = "evict",
	.world_bytes = sizeof(struct world),
	.share = 10,
	.run = run,
	.recover = recover,
};

/* For calls that fail. */
const struct workload evict_short_workload = {
	.name = "evict-short",
	.world_bytes = sizeof(struct world),
	.run = run_short,
	.recover = recover,
};
