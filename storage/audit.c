/*
 * audit.c - appending, committing, checkpoints and keys of the audit log; see audit.h.
 *
 *   append -> chain, tree, MAC -> tail (memory) -> sync -> slot and pages -> durable
 *
 * A segment that is full: sync, spare -> next segment, oldest -> spare if there is none left (audit_files.h).
 * A segment in which a write failed: set aside, spare -> next segment, what was not durable is written there again.
 */
#include "storage/audit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/core/msg.h"
#include "storage/audit_inside.h"

enum {
	/* kept free at the end of a segment and of the tail: for the log's own words when there is no other place */
	ROOM = 3 * AUDIT_FRAME_MAX,
	RETRY_MS = 10 * 1000,
};

struct audit_event audit_event_of(enum audit_kind kind, enum audit_object object,
				  uint64_t x, uint64_t y)
{
	return (struct audit_event){
		.kind = kind,
		.outcome = AUDIT_SUCCESS,
		.agent = AUDIT_AGENT_HUB,
		.agent_id = ROLE_STORE,
		.source = ROLE_STORE,
		.object = object,
		.a = x,
		.b = y,
	};
}

/* Book-keeping alone needs no checkpoint: else receipts would ask for checkpoints, and these for receipts. */
static bool is_bookkeeping(enum audit_kind k)
{
	return k == AUDIT_CHECKPOINT || k == AUDIT_HEARTBEAT || k == AUDIT_RECEIPT;
}

static void count_record(struct audit *a, enum audit_kind k, struct mono now)
{
	a->since_checkpoint++;
	if (is_bookkeeping(k) || a->uncovered)
		return;
	a->uncovered = true;
	a->uncovered_since = now;
}

/* Into the chain and the tail; there is room. */
static int put(struct audit *a, const struct audit_event *e, const uint8_t *data,
	       size_t len, struct audit_now now)
{
	uint8_t buf[AUDIT_RECORD_MAX], frame[AUDIT_FRAME_MAX], mac[SHA256_LEN];
	bool is_start = e->kind == AUDIT_START;
	struct audit_record rec = {
		.number = a->chain.number + 1,
		.boot = a->chain.boot + is_start,
		.epoch = a->state.epoch,
		.wall = now.wall,
		.mono = now.mono,
		.event = *e,
		.data = data,
		.data_len = len,
	};
	int n;

	/* two callers may have read the clock in another order */
	if (!is_start && rec.mono.ms < a->chain.mono_ms)
		rec.mono.ms = a->chain.mono_ms;
	memcpy(rec.prev, a->chain.head, sizeof(rec.prev));
	n = audit_record_encode(&rec, buf, sizeof(buf));
	if (n < 0)
		return n;
	if (audit_chain_follow(&a->chain, buf, (size_t)n, &rec))
		abort(); /* our own record does not fit our own chain */
	audit_mac(a->key, a->chain.head, mac);
	audit_key_next(a->key, 1);
	audit_tail_put(&a->tail, frame, audit_frame_put(buf, (size_t)n, mac, frame));
	count_record(a, e->kind, now.mono);
	return 0;
}

int audit_begin_segment(struct audit *a)
{
	struct audit_header h = {
		.enrolment = a->enrolment,
		.segment = audit_files_next(&a->files, a->tail.segment),
		.bytes = (uint32_t)a->files.bytes,
		.start = a->durable,
	};
	uint8_t page0[AUDIT_PAGE];
	int fd, r;

	memcpy(h.hub, a->hub, sizeof(h.hub));
	r = audit_page0_encode(&h, a->durable_key, page0);
	if (r)
		return r;
	if (a->files.spares == 0)
		(void)audit_files_reserve(&a->files, 1); /* what it made is asked next */
	fd = audit_files_begin(&a->files, &h, page0);
	if (fd < 0)
		return fd;
	audit_tail_begin(&a->tail, fd, &h);
	return 0;
}

/* The current file is not to be trusted any more: never written again, and the log says so. */
static int leave_file(struct audit *a, struct audit_now now)
{
	struct audit_event e =
		audit_event_of(AUDIT_SEGMENT_ASIDE, AUDIT_OBJECT_LOG, a->tail.segment, 0);

	if (a->tail.fd < 0)
		return 0;
	audit_tail_close(&a->tail);
	e.outcome = AUDIT_SERIOUS_FAILURE;
	/* if even the name cannot be changed: the next segment's beginning still shows where this one ends */
	(void)audit_files_aside(&a->files, a->tail.segment);
	return audit_tail_holds(&a->tail, AUDIT_FRAME_MAX) ? put(a, &e, NULL, 0, now)
							   : -ENOSPC;
}

/* All that was appended is on the disk. */
static void durable_now(struct audit *a)
{
	struct audit_recent *r = &a->recent[a->recent_next];

	a->durable = a->chain;
	memcpy(a->durable_key, a->key, sizeof(a->key));
	if (a->made_len == 0)
		return;
	memcpy(a->checkpoint, a->made, a->made_len);
	a->checkpoint_len = a->made_len;
	a->checkpoint_size = a->made_size;
	a->made_len = 0;
	r->size = a->made_size;
	crypto_sha256(a->checkpoint, a->checkpoint_len, r->hash);
	a->recent_next = (a->recent_next + 1) % AUDIT_RECENT;
}

/* Durable up to here, in this file or in another. */
static int commit(struct audit *a, struct audit_now now)
{
	int r = 0;

	if (a->tail.fd >= 0 && !audit_tail_pending(&a->tail))
		return 0;
	for (int tries = 0; tries < 3; tries++) {
		r = a->tail.fd < 0 ? audit_begin_segment(a) : 0;
		if (r == 0)
			r = audit_tail_sync(&a->tail);
		if (r == 0) {
			durable_now(a);
			return 0;
		}
		(void)leave_file(a, now); /* r says it already */
	}
	return r;
}

/* The oldest file that can be given up: not the current one, none that was set aside. NULL: none. */
static const struct audit_file *oldest(const struct audit *a, uint64_t *ret_last)
{
	for (size_t i = 0; i + 1 < a->files.count; i++) {
		const struct audit_file *f = &a->files.file[i];

		if (f->aside || f->segment == a->tail.segment)
			continue;
		*ret_last = 0;
		for (size_t k = i + 1; k < a->files.count && *ret_last == 0; k++)
			if (f[k - i].readable)
				*ret_last = f[k - i].first - 1;
		return f;
	}
	return NULL;
}

/* Say it, make that durable, then do it. */
static int give_up_oldest(struct audit *a, struct audit_now now)
{
	uint64_t last, first, seen = a->chain.witnessed;
	const struct audit_file *f = oldest(a, &last);
	struct audit_event e;
	uint32_t segment;
	int r;

	if (!f)
		return -ENOSPC;
	segment = f->segment;
	first = f->readable ? f->first : last;
	e = audit_event_of(AUDIT_WRAP, AUDIT_OBJECT_RECORDS, first, last);
	if (seen < last) {
		e.outcome = AUDIT_SERIOUS_FAILURE;
		(void)snprintf(e.detail, sizeof(e.detail), "never witnessed: %" PRIu64,
			       last - (seen >= first ? seen : first - 1));
	}
	r = put(a, &e, NULL, 0, now);
	if (r == 0)
		r = commit(a, now);
	return r ? r : audit_files_give_up(&a->files, segment);
}

static int keep_spare(struct audit *a, struct audit_now now)
{
	if (a->files.spares == 0)
		(void)audit_files_reserve(&a->files, 1);
	return a->files.spares ? 0 : give_up_oldest(a, now);
}

/* The segment is full. */
static int roll(struct audit *a, struct audit_now now)
{
	int r = commit(a, now);

	if (r == 0)
		r = keep_spare(a, now);
	if (r == 0)
		r = audit_begin_segment(a);
	if (r == 0)
		/* the one after this; if it fails, it is tried when it is needed */
		(void)keep_spare(a, now);
	return r;
}

static int make_room(struct audit *a, struct audit_now now)
{
	int r = 0;

	if (a->tail.fd >= 0 && !audit_tail_fits(&a->tail, AUDIT_FRAME_MAX + ROOM))
		r = roll(a, now);
	if (a->tail.fd < 0)
		r = 0; /* no file at all: it can wait in memory */
	if (r == 0 && !audit_tail_holds(&a->tail, AUDIT_FRAME_MAX + ROOM))
		r = commit(a, now);
	return r;
}

static int write_data(struct audit *a, const struct audit_event *e, const uint8_t *data,
		      size_t len, struct audit_now now)
{
	int r = make_room(a, now);

	return r ? r : put(a, e, data, len, now);
}

int audit_write(struct audit *a, const struct audit_event *e, struct audit_now now)
{
	return write_data(a, e, NULL, 0, now);
}

static int write_checkpoint(struct audit *a, struct audit_now now)
{
	uint8_t payload[AUDIT_CHECKPOINT_MAX], signed_one[AUDIT_SIGNED_MAX];
	struct audit_checkpoint c;
	struct audit_event e;
	int n, r = make_room(a, now);

	if (r)
		return r;
	audit_checkpoint_of(&a->chain, a->hub, a->enrolment, a->highest_seq, &c);
	n = audit_checkpoint_encode(&c, payload, sizeof(payload));
	if (n >= 0)
		n = sign1_make(SIGN_CONTEXT_CHECKPOINT, a->sign_key, payload, (size_t)n,
			       signed_one, sizeof(signed_one));
	if (n < 0)
		return n;
	e = audit_event_of(AUDIT_CHECKPOINT, AUDIT_OBJECT_RECORDS, 1, c.size);
	r = put(a, &e, signed_one, (size_t)n, now);
	if (r)
		return r;
	memcpy(a->made, signed_one, (size_t)n);
	a->made_len = (size_t)n;
	a->made_size = c.size;
	a->since_checkpoint = 0;
	a->uncovered = false;
	a->evolve_due = true;
	return 0;
}

/* The next epoch; see invariant 3. Everything is durable, and the epoch has a record. */
static int evolve(struct audit *a, struct audit_now now)
{
	struct audit_state next = a->state;
	uint8_t buf[AUDIT_STATE_LEN];
	int r;

	memcpy(next.key, a->key, sizeof(next.key));
	next.epoch++;
	next.segment = a->tail.segment;
	next.number = a->durable.number;
	memcpy(next.head, a->durable.head, sizeof(next.head));
	audit_state_encode(&next, buf);
	r = a->host.store(a->host.arg, buf, sizeof(buf));
	crypto_wipe(next.key, sizeof(next.key));
	if (r == 0) {
		a->state = next;
		a->epoch_began = now.mono;
		a->evolve_due = false;
	}
	crypto_wipe(buf, sizeof(buf));
	return r;
}

static int commit_and_evolve(struct audit *a, struct audit_now now)
{
	int r = commit(a, now);

	return r || !a->evolve_due ? r : evolve(a, now);
}

int audit_seal(struct audit *a, struct audit_now now)
{
	int r = write_checkpoint(a, now);

	return r ? r : commit_and_evolve(a, now);
}

/* What could not be written is the first thing to be said when there is space again. */
static int tell_lost(struct audit *a, struct audit_now now)
{
	struct audit_event e = audit_event_of(AUDIT_GAP, AUDIT_OBJECT_COUNT, a->lost, 0);
	int r;

	if (a->lost == 0)
		return 0;
	e.outcome = AUDIT_SERIOUS_FAILURE;
	r = audit_write(a, &e, now);
	if (r == 0)
		a->lost = 0;
	return r;
}

/* These have rules that only the log itself can keep. */
static bool is_ours(enum audit_kind k)
{
	return is_bookkeeping(k) || k == AUDIT_START || k == AUDIT_WRAP || k == AUDIT_GAP;
}

int audit_append(struct audit *a, const struct audit_event *e, struct audit_now now)
{
	int r = audit_event_check(e);

	if (r == 0 && (is_ours(e->kind) || now.wall.quality > CLOCK_QUALITY_CLINIC))
		r = -ERANGE;
	if (r)
		return r;
	r = tell_lost(a, now);
	if (r == 0)
		r = audit_write(a, e, now);
	if (r)
		a->lost++;
	else if (a->since_checkpoint >= AUDIT_CHECKPOINT_RECORDS - 1)
		(void)write_checkpoint(a, now); /* stays due for audit_run */
	return r;
}

int audit_sync(struct audit *a, struct audit_now now)
{
	return commit(a, now);
}

int audit_append_now(struct audit *a, const struct audit_event *e, struct audit_now now)
{
	int r = audit_append(a, e, now);

	return r ? r : commit(a, now);
}

static int end_epoch(struct audit *a, struct audit_now now)
{
	struct audit_event e = audit_event_of(AUDIT_HEARTBEAT, AUDIT_OBJECT_NONE, 0, 0);
	int r = a->chain.epoch == a->state.epoch ? 0 : audit_write(a, &e, now);

	if (r == 0)
		a->evolve_due = true;
	return r;
}

static bool checkpoint_due(const struct audit *a, struct mono now)
{
	return a->since_checkpoint >= AUDIT_CHECKPOINT_RECORDS - 1 ||
	       (a->uncovered &&
		mono_reached(now, mono_add(a->uncovered_since, AUDIT_EPOCH_MS)));
}

/* When the key must move on. A stored key costs the card more than a record does: as long as there is nothing to
 * protect it may stay. */
static struct mono epoch_ends(const struct audit *a)
{
	bool empty = a->chain.epoch != a->state.epoch;

	return mono_add(a->epoch_began, empty ? AUDIT_QUIET_MS : AUDIT_EPOCH_MS);
}

/* One more, if it is time. Without space the log goes on with fewer. */
static void reserve(struct audit *a, struct mono now)
{
	if (!mono_reached(now, a->reserve_at))
		return;
	if (audit_files_complete(&a->files) || audit_files_reserve(&a->files, 1))
		a->reserve_at = MONO_NEVER;
	else
		a->reserve_at = mono_add(now, AUDIT_RESERVE_MS);
}

int audit_run(struct audit *a, struct audit_now now)
{
	int r = tell_lost(a, now);

	reserve(a, now.mono);
	if (r == 0 && checkpoint_due(a, now.mono))
		r = write_checkpoint(a, now);
	if (r == 0 && mono_reached(now.mono, epoch_ends(a)))
		r = end_epoch(a, now);
	if (r == 0 && (a->evolve_due || a->tail.fd < 0))
		r = commit_and_evolve(a, now);
	a->failing = r != 0;
	a->retry_at = mono_add(now.mono, RETRY_MS);
	return r;
}

struct mono audit_deadline(const struct audit *a)
{
	struct mono checkpoint = mono_add(a->uncovered_since, AUDIT_EPOCH_MS);
	struct mono at = epoch_ends(a);

	if (a->failing)
		return a->retry_at;
	if (a->evolve_due || a->lost ||
	    a->since_checkpoint >= AUDIT_CHECKPOINT_RECORDS - 1)
		return (struct mono){ 0 };
	if (a->uncovered && checkpoint.ms < at.ms)
		at = checkpoint;
	return a->reserve_at.ms < at.ms ? a->reserve_at : at;
}

int audit_checkpoint(const struct audit *a, uint8_t *buf, size_t cap)
{
	if (a->checkpoint_len > cap)
		return -ENOSPC;
	memcpy(buf, a->checkpoint, a->checkpoint_len);
	return (int)a->checkpoint_len;
}

bool audit_wants_receipt(const struct audit *a)
{
	return a->checkpoint_size > a->chain.witnessed;
}

int audit_receipt(struct audit *a, uint64_t size, const uint8_t hash[static SHA256_LEN],
		  struct audit_now now)
{
	struct audit_event e =
		audit_event_of(AUDIT_RECEIPT, AUDIT_OBJECT_RECORDS, size, 0);

	e.agent = AUDIT_AGENT_CLINIC;
	e.agent_id = 0;
	if (size == 0)
		return -ENOENT;
	for (size_t i = 0; i < AUDIT_RECENT; i++) {
		if (a->recent[i].size != size ||
		    memcmp(a->recent[i].hash, hash, SHA256_LEN) != 0)
			continue;
		if (size <= a->chain.witnessed)
			return 0;
		return write_data(a, &e, hash, SHA256_LEN, now);
	}
	return -ENOENT;
}

void audit_set_highest(struct audit *a, uint64_t seq)
{
	a->highest_seq = seq;
}

uint64_t audit_number(const struct audit *a)
{
	return a->chain.number;
}

uint64_t audit_witnessed(const struct audit *a)
{
	return a->chain.witnessed;
}

uint64_t audit_lost(const struct audit *a)
{
	return a->lost;
}

size_t audit_file_count(const struct audit *a)
{
	return a->files.count;
}

int audit_export(const struct audit *a, size_t n, uint8_t *ret)
{
	struct audit_found found;
	uint8_t *raw;
	int r;

	if (n >= a->files.count)
		return -ENOENT;
	raw = malloc(AUDIT_SEGMENT_MAX);
	if (!raw)
		return -ENOMEM;
	r = audit_files_read(&a->files, &a->files.file[n], raw);
	if (r >= 0)
		r = audit_segment_read(raw, (size_t)r, ret, &found);
	free(raw);
	return r == -ERANGE || r == -ENOTSUP || r == -EMSGSIZE ? -EBADMSG : r;
}

int audit_close(struct audit *a, struct audit_now now)
{
	struct audit_event e = audit_event_of(AUDIT_STOP, AUDIT_OBJECT_NONE, 0, 0);
	int r;

	if (!a)
		return 0;
	r = tell_lost(a, now);
	if (r == 0)
		r = audit_write(a, &e, now);
	if (r == 0)
		r = audit_seal(a, now);
	audit_free(a);
	return r;
}

void audit_free(struct audit *a)
{
	if (!a)
		return;
	audit_tail_close(&a->tail);
	audit_files_close(&a->files);
	crypto_wipe(a, sizeof(*a));
	free(a);
}
