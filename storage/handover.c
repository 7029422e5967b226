/*
 * handover.c - batches for hub-coap; see handover.h.
 */
#include "storage/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/core/batch.h"
#include "hub/core/cose.h"

enum {
	PAYLOAD_MAX = BATCH_BYTES_MAX - COSE_OVERHEAD_MAX,
	LEVEL_SUSPECT = 2,
	LEVEL_SEALED = 3,
};

/* A batch while it is being put together. */
struct draft {
	struct batch batch;
	size_t used;		     /* bytes of the payload, at most */
	uint8_t bodies[PAYLOAD_MAX]; /* what the records' bodies point to */
	size_t bodies_len;
};

void handover_init(struct handover *h, uint32_t first_id)
{
	*h = (struct handover){ .next_id = first_id };
}

void handover_set_key(struct handover *h,
		      const uint8_t sign_private[static P256_PRIVATE_LEN])
{
	memcpy(h->sign_private, sign_private, P256_PRIVATE_LEN);
}

void handover_on_want(struct handover *h, const struct msg_want *m)
{
	h->credits += m->batches;
	if (h->credits > HANDOVER_OUTSTANDING_MAX)
		h->credits = HANDOVER_OUTSTANDING_MAX;
	h->heartbeat |= m->heartbeat;
	h->want_time |= m->want_time;
	h->size = m->size;
}

void handover_set_checkpoint(struct handover *h, const uint8_t *bytes, size_t len)
{
	if (len > sizeof(h->checkpoint))
		abort();
	if (len)
		memcpy(h->checkpoint, bytes, len);
	h->checkpoint_len = len;
}

void handover_set_status(struct handover *h, const uint8_t *bytes, size_t len)
{
	if (len > sizeof(h->status))
		abort();
	if (len)
		memcpy(h->status, bytes, len);
	h->status_len = len;
}

static bool is_riding(const struct handover *h, enum handover_cargo what)
{
	for (size_t i = 0; i < HANDOVER_OUTSTANDING_MAX; i++)
		if (h->out[i].carries & what)
			return true;
	return false;
}

bool handover_takes_status(const struct handover *h, struct mono now)
{
	return h->credits > 0 && !is_riding(h, HANDOVER_STATUS) &&
	       mono_reached(now, h->no_status_until);
}

void handover_on_down(struct handover *h)
{
	h->credits = 0;
	h->heartbeat = h->want_time = false;
	h->size = 0;
	h->paused_until = h->no_tombstones_until = h->no_checkpoint_until =
		h->no_status_until = (struct mono){ 0 };
	h->routine_at = h->alarm_at = 0;
	memset(h->out, 0, sizeof(h->out));
}

static struct handover_batch *find(struct handover *h, uint32_t id)
{
	for (size_t i = 0; i < HANDOVER_OUTSTANDING_MAX; i++)
		if (h->out[i].id == id)
			return &h->out[i];
	return NULL;
}

bool handover_has(const struct handover *h, uint32_t id)
{
	for (size_t i = 0; i < HANDOVER_OUTSTANDING_MAX; i++)
		if (id != 0 && h->out[i].id == id)
			return true;
	return false;
}

size_t handover_seqs(const struct handover *h, uint32_t id, const uint64_t **ret)
{
	for (size_t i = 0; i < HANDOVER_OUTSTANDING_MAX; i++)
		if (id != 0 && h->out[i].id == id) {
			*ret = h->out[i].seqs;
			return h->out[i].count;
		}
	*ret = NULL;
	return 0;
}

uint64_t handover_acked(const struct handover *h, uint32_t id)
{
	for (size_t i = 0; i < HANDOVER_OUTSTANDING_MAX; i++)
		if (id != 0 && h->out[i].id == id)
			return h->out[i].acked;
	return 0;
}

void handover_rewind(struct handover *h)
{
	h->routine_at = h->alarm_at = 0;
}

static bool is_outstanding(const struct handover *h, uint64_t seq)
{
	for (size_t i = 0; i < HANDOVER_OUTSTANDING_MAX; i++)
		for (size_t k = 0; k < h->out[i].count; k++)
			if (h->out[i].seqs[k] == seq)
				return true;
	return false;
}

static uint64_t *position(struct handover *h, enum record_class class)
{
	return class == CLASS_ALARM ? &h->alarm_at : &h->routine_at;
}

/* Of the payload, with more than one thing in it. */
static size_t room(const struct handover *h)
{
	return (h->size ? h->size : BATCH_BYTES_FULL) - COSE_OVERHEAD_MAX;
}

static size_t left(size_t limit, const struct draft *d)
{
	return limit > d->used ? limit - d->used : 0;
}

/* The batch is full; or the record is too long for any. */
static int no_room(struct handover *h, const struct batch *b, const struct record *rec)
{
	if (b->record_count)
		return 0;
	h->too_large = rec->seq;
	return -EMSGSIZE;
}

/* Adds the next record of the class that is not outstanding. Returns 1, 0 (none, or no room), or an error. */
static int add_record(struct handover *h, struct records *q, enum record_class class,
		      struct draft *d)
{
	struct batch *b = &d->batch;
	size_t limit = b->record_count ? room(h) : PAYLOAD_MAX;
	uint64_t *at = position(h, class);
	struct record rec;
	int r;

	do {
		r = records_read(q, class, *at, d->bodies + d->bodies_len,
				 sizeof(d->bodies) - d->bodies_len, &rec);
		if (r == -EMSGSIZE)
			return no_room(h, b, &rec);
		if (r != 1)
			return r;
		if (is_outstanding(h, rec.seq))
			*at = rec.seq;
	} while (*at == rec.seq);
	if (batch_record_cost(rec.body_len) > left(limit, d))
		return no_room(h, b, &rec);
	b->records[b->record_count++] = rec;
	d->used += batch_record_cost(rec.body_len);
	d->bodies_len += rec.body_len;
	*at = rec.seq;
	return 1;
}

/* One of these records is what made the clinic refuse a batch: each goes alone until it is found. */
static bool alone(const struct handover *h, const struct batch *b)
{
	return b->record_count > 0 && b->records[0].seq <= h->single_until;
}

/* As many as there is room for, from the lowest number on. */
static int add_tombstones(const struct handover *h, struct records *q, struct mono now,
			  struct draft *d)
{
	size_t fit = left(room(h), d) / BATCH_TOMBSTONE_COST;
	struct batch *b = &d->batch;
	int r;

	if (fit == 0 || alone(h, b) || is_riding(h, HANDOVER_TOMBSTONES) ||
	    !mono_reached(now, h->no_tombstones_until))
		return 0;
	r = records_tombstones(q, fit < BATCH_TOMBSTONES_MAX ? fit : BATCH_TOMBSTONES_MAX,
			       b->tombstones, &b->tombstone_count);
	if (r == 0)
		d->used += b->tombstone_count * BATCH_TOMBSTONE_COST;
	return r;
}

static void add_checkpoint(const struct handover *h, struct mono now, struct draft *d)
{
	size_t cost = h->checkpoint_len + BATCH_CHECKPOINT_COST;

	/* beside nothing it goes whatever the size: it cannot be cut */
	if (h->checkpoint_len == 0 ||
	    left(d->batch.record_count + d->batch.tombstone_count ? room(h) : PAYLOAD_MAX,
		 d) < cost ||
	    alone(h, &d->batch) || is_riding(h, HANDOVER_CHECKPOINT) ||
	    !mono_reached(now, h->no_checkpoint_until))
		return;
	/* nothing is before number 1 (find_span) */
	if (d->batch.record_count && d->batch.records[0].seq == 1)
		return;
	d->batch.checkpoint = h->checkpoint;
	d->batch.checkpoint_len = h->checkpoint_len;
	d->used += cost;
}

/* As the checkpoint. */
static void add_status(const struct handover *h, struct mono now, struct draft *d)
{
	size_t cost = h->status_len + BATCH_STATUS_COST;

	if (h->status_len == 0 ||
	    left(d->batch.record_count + d->batch.tombstone_count ? room(h) : PAYLOAD_MAX,
		 d) < cost ||
	    alone(h, &d->batch) || !handover_takes_status(h, now))
		return;
	if (d->batch.record_count && d->batch.records[0].seq == 1)
		return;
	d->batch.status = h->status;
	d->batch.status_len = h->status_len;
	d->used += cost;
}

/* Checkpoint, status and tombstones come after the first record, which must always fit, and before the others, which
 * would leave no room for them as long as there is a backlog. On failure the records go back: none of them
 * is in a batch. */
static int fill(struct handover *h, struct records *q, enum record_class class,
		struct mono now, struct draft *d)
{
	uint64_t before = *position(h, class);
	int r = add_record(h, q, class, d), err = 0;

	if (r == 1) {
		add_checkpoint(h, now, d);
		add_status(h, now, d);
		err = add_tombstones(h, q, now, d);
	}
	if (err)
		r = err;
	while (r == 1 && d->batch.record_count < BATCH_RECORDS_MAX &&
	       !alone(h, &d->batch))
		r = add_record(h, q, class, d);
	if (r < 0)
		*position(h, class) = before;
	return r < 0 ? r : 0;
}

static void start_draft(const struct handover *h, const struct records *q, uint8_t level,
			struct draft *d)
{
	struct batch *b = &d->batch;
	uint8_t scratch[PAYLOAD_MAX];
	int n;

	b->acked = records_contig(q);
	b->queued = records_unsent(q);
	b->highest = records_highest(q);
	b->flags = (uint8_t)((h->want_time ? BATCH_WANT_TIME : 0) |
			     (level >= LEVEL_SUSPECT ? BATCH_SUSPECT : 0) |
			     (level == LEVEL_SEALED ? BATCH_SEALED : 0));
	n = batch_encode(b, scratch, sizeof(scratch)); /* header alone: always fits */
	d->used = (size_t)n + 1; /* the count of records may need one byte more */
}

/* Lowest and highest number in a batch, of whatever; both 0 if there is none. */
static void find_span(const struct batch *b, uint64_t *ret_first, uint64_t *ret_last)
{
	uint64_t first = 0, last = 0;

	if (b->record_count) {
		first = b->records[0].seq;
		last = b->records[b->record_count - 1].seq;
	}
	if (b->tombstone_count) {
		const struct tombstone *t = &b->tombstones[b->tombstone_count - 1];

		if (first == 0 || b->tombstones[0].first < first)
			first = b->tombstones[0].first;
		if (t->last > last)
			last = t->last;
	}
	if ((b->checkpoint_len || b->status_len) && first > 1)
		first--;
	*ret_first = first;
	*ret_last = last;
}

static int sign(struct handover *h, const struct batch *b, struct msg_batch *ret)
{
	uint8_t payload[PAYLOAD_MAX];
	int n = batch_encode(b, payload, sizeof(payload));

	if (n < 0)
		return n;
	n = sign1_make(SIGN_CONTEXT_BATCH, h->sign_private, payload, (size_t)n,
		       ret->bytes, sizeof(ret->bytes));
	if (n < 0)
		return n;
	ret->len = (uint16_t)n;
	ret->flags = b->flags;
	find_span(b, &ret->first, &ret->last);
	return 0;
}

static void note_sent(struct handover *h, struct handover_batch *place,
		      const struct batch *b, struct msg_batch *ret)
{
	if (h->next_id == 0)
		h->next_id = 1;
	place->id = h->next_id++;
	place->count = b->record_count;
	place->acked = b->acked;
	for (size_t i = 0; i < b->record_count; i++)
		place->seqs[i] = b->records[i].seq;
	place->tombstone = b->tombstone_count ? b->tombstones[0].first : 0;
	place->carries = (b->tombstone_count ? HANDOVER_TOMBSTONES : 0) |
			 (b->checkpoint_len ? HANDOVER_CHECKPOINT : 0) |
			 (b->status_len ? HANDOVER_STATUS : 0);
	if (b->record_count && place->seqs[place->count - 1] > h->offered)
		h->offered = place->seqs[place->count - 1];
	h->credits--;
	h->heartbeat = h->want_time = false;
	ret->id = place->id;
}

/* Alarms oldest first, else routine oldest first; none during a pause. */
static int fill_by_urgency(struct handover *h, struct records *q, struct mono now,
			   struct draft *d)
{
	int r = 0;

	if (!mono_reached(now, h->paused_until))
		return 0;
	r = fill(h, q, CLASS_ALARM, now, d);
	if (r == 0 && d->batch.record_count)
		d->batch.flags |= BATCH_ALARM;
	if (r == 0 && !d->batch.record_count)
		r = fill(h, q, CLASS_ROUTINE, now, d);
	if (d->batch.record_count && d->batch.records[0].seq <= h->offered &&
	    d->batch.records[0].class == CLASS_ROUTINE)
		d->batch.flags |= BATCH_RESEND;
	return r;
}

int handover_make(struct handover *h, struct records *q, uint8_t level, struct mono now,
		  struct msg_batch *ret)
{
	struct handover_batch *place = find(h, 0);
	struct draft d = { 0 };
	int r;

	if (h->credits == 0 || !place)
		return 0;
	if (!records_owner(q, d.batch.hub, &d.batch.epoch))
		return h->heartbeat ? -EACCES : 0;
	start_draft(h, q, level, &d);
	r = fill_by_urgency(h, q, now, &d);
	if (r == 0 && d.batch.record_count == 0)
		r = add_tombstones(h, q, now, &d);
	if (r || (d.batch.record_count + d.batch.tombstone_count == 0 && !h->heartbeat))
		return r;
	if (d.batch.record_count == 0) {
		add_checkpoint(h, now, &d);
		add_status(h, now, &d);
		if (d.batch.tombstone_count)
			h->no_tombstones_until = mono_add(now, HANDOVER_PAUSE_MS);
	}
	r = sign(h, &d.batch, ret);
	if (r)
		return r;
	note_sent(h, place, &d.batch, ret);
	return 1;
}

/* Durable, or refused and by now parked. */
static bool reply_settles(const struct reply *r, uint64_t seq)
{
	for (size_t i = 0; i < r->refused_count; i++)
		if (r->refused[i].seq == seq)
			return true;
	return reply_covers(r, seq);
}

int handover_on_ack(struct handover *h, const struct msg_ack *m, struct mono now)
{
	struct handover_batch *b = m->batch ? find(h, m->batch) : NULL;
	bool unnamed = false;

	if (!b)
		return -ENOENT;
	for (size_t i = 0; i < b->count; i++) {
		if (reply_settles(&m->reply, b->seqs[i]))
			continue;
		unnamed = true;
		if (h->routine_at >= b->seqs[i])
			h->routine_at = b->seqs[i] - 1;
		if (h->alarm_at >= b->seqs[i])
			h->alarm_at = b->seqs[i] - 1;
	}
	if (m->recut) {
		memset(b, 0, sizeof(*b));
		return 0;
	}
	if (b->tombstone && !m->reply.has_contig)
		h->no_tombstones_until = mono_add(now, HANDOVER_TOMBSTONE_PAUSE_MS);
	else if (b->tombstone && reply_covers(&m->reply, b->tombstone))
		h->no_tombstones_until = (struct mono){ 0 };
	if ((b->carries & HANDOVER_CHECKPOINT) && m->reply.receipt_size == 0)
		h->no_checkpoint_until = mono_add(now, HANDOVER_TOMBSTONE_PAUSE_MS);
	if ((b->carries & HANDOVER_STATUS) && m->reply.has_contig)
		h->status_told = true;
	else if (b->carries & HANDOVER_STATUS)
		h->no_status_until = mono_add(now, HANDOVER_TOMBSTONE_PAUSE_MS);
	if (unnamed && (b->count > 1 || b->carries) && !m->reply.has_contig)
		h->single_until = b->seqs[b->count - 1];
	else if (unnamed)
		h->paused_until = mono_add(now, HANDOVER_PAUSE_MS);
	memset(b, 0, sizeof(*b));
	return 0;
}

struct mono handover_deadline(const struct handover *h, struct mono now)
{
	struct mono next = MONO_NEVER;

	if (h->credits && !mono_reached(now, h->paused_until))
		next = h->paused_until;
	if (h->credits && !mono_reached(now, h->no_tombstones_until) &&
	    h->no_tombstones_until.ms < next.ms)
		next = h->no_tombstones_until;
	return next;
}
