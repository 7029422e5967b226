/*
 * exporter.c - see exporter.h.
 *
 * Invariant: a batch holds one class, ascending, as one that is uploaded (handover.h); alarms come first.
 */
#include "storage/exporter.h"

#include <errno.h>
#include <string.h>

#include "hub/core/batch.h"
#include "hub/core/cose.h"
#include "hub/core/reading.h"

enum {
	PAYLOAD_MAX = STICK_BATCH_MAX - COSE_OVERHEAD_MAX,
	LEVEL_SUSPECT = 2,
	LEVEL_SEALED = 3,
};

/* A batch while it is being put together. */
struct draft {
	struct batch batch;
	size_t used;  /* octets of the payload, at most */
	size_t reads; /* that are left */
	uint8_t bodies[PAYLOAD_MAX];
	size_t bodies_len;
};

int exporter_begin(struct exporter *e, enum export_what what, const struct records *q,
		   uint8_t ret[static STICK_HEAD_LEN])
{
	struct stick_head h = { .what = what };

	*e = (struct exporter){ .what = what };
	if (!records_owner(q, e->hub, &e->epoch))
		return -EACCES;
	e->to = what == EXPORT_QUEUE ? records_highest(q) : UINT64_MAX;
	memcpy(h.hub, e->hub, HUB_ID_LEN);
	h.epoch = e->epoch;
	h.from = records_contig(q) + 1;
	h.to = records_highest(q);
	h.records = what == EXPORT_QUEUE ? records_unsent(q) : 0;
	stick_head_encode(&h, ret);
	return 0;
}

static bool is_wanted(const struct exporter *e, const struct record *r)
{
	return e->what == EXPORT_QUEUE || reading_is_hubs(r->kind);
}

/* Returns 1 (it is in, or was passed over), 0 (there is none, or no room), or an error. */
static int add_record(struct exporter *e, struct records *q, enum record_class class,
		      struct draft *d)
{
	uint64_t *at = class == CLASS_ALARM ? &e->alarm_at : &e->routine_at;
	struct batch *b = &d->batch;
	struct record rec;
	int r = records_read(q, class, *at, d->bodies + d->bodies_len,
			     sizeof(d->bodies) - d->bodies_len, &rec);

	if (r == -EMSGSIZE && b->record_count)
		return 0;
	if (r != 1 || rec.seq > e->to)
		return r == 1 ? 0 : r;
	d->reads--;
	if (is_wanted(e, &rec)) {
		if (batch_record_cost(rec.body_len) > PAYLOAD_MAX - d->used)
			return b->record_count ? 0 : -EMSGSIZE;
		b->records[b->record_count++] = rec;
		d->used += batch_record_cost(rec.body_len);
		d->bodies_len += rec.body_len;
	}
	*at = rec.seq;
	return 1;
}

static int fill(struct exporter *e, struct records *q, struct draft *d)
{
	int r = 1;

	while (r == 1 && d->reads > 0 && d->batch.record_count < BATCH_RECORDS_MAX)
		r = add_record(e, q, CLASS_ALARM, d);
	if (d->batch.record_count)
		d->batch.flags |= BATCH_ALARM;
	else
		while (r >= 0 && d->reads > 0 &&
		       d->batch.record_count < BATCH_RECORDS_MAX) {
			r = add_record(e, q, CLASS_ROUTINE, d);
			if (r == 0)
				break;
		}
	return r;
}

static void start(const struct exporter *e, const struct records *q, uint8_t level,
		  struct draft *d)
{
	struct batch *b = &d->batch;
	int n;

	memcpy(b->hub, e->hub, HUB_ID_LEN);
	b->epoch = e->epoch;
	b->acked = records_contig(q);
	b->queued = records_unsent(q);
	b->highest = records_highest(q);
	b->flags = (uint8_t)((level >= LEVEL_SUSPECT ? BATCH_SUSPECT : 0) |
			     (level == LEVEL_SEALED ? BATCH_SEALED : 0));
	n = batch_encode(b, d->bodies, sizeof(d->bodies)); /* alone: always fits */
	d->used = (size_t)n + 1; /* the count may need one more */
	d->reads = EXPORTER_READS_MAX;
}

static void count(struct exporter *e, const struct batch *b)
{
	struct stick_end *end = &e->end;
	uint64_t first = b->records[0].seq, last = b->records[b->record_count - 1].seq;

	end->batches++;
	end->records += b->record_count;
	if (end->first == 0 || first < end->first)
		end->first = first;
	if (last > end->last)
		end->last = last;
}

int exporter_next(struct exporter *e, struct records *q, uint8_t level,
		  const uint8_t sign_private[static P256_PRIVATE_LEN], uint8_t *buf)
{
	static uint8_t payload[PAYLOAD_MAX];
	static struct draft d;
	int r, n;

	d = (struct draft){ 0 };
	start(e, q, level, &d);
	r = fill(e, q, &d);
	if (r < 0 && d.batch.record_count == 0)
		return r;
	if (d.batch.record_count == 0)
		return d.reads == 0 ? -EAGAIN : 0;
	n = batch_encode(&d.batch, payload, sizeof(payload));
	if (n > 0)
		n = sign1_make(SIGN_CONTEXT_BATCH, sign_private, payload, (size_t)n,
			       buf + STICK_LENGTH_LEN, STICK_BATCH_MAX);
	if (n < 0)
		return n;
	stick_length_encode((uint32_t)n, buf);
	count(e, &d.batch);
	return STICK_LENGTH_LEN + n;
}
