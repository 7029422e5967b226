/*
 * batch.c - upload and reply as deterministic CBOR; see batch.h.
 *
 * Upload: [version, hub, epoch, acked, flags, [queued, highest], [[assignment, seq, class, kind, body], ...],
 *          [[first, last, class, cause], ...], checkpoint, status]; without a status version 3 and no such item
 * Reply:  {1: contig, 2: [[first, last], ...], 3: [[seq, reason], ...], 4: [utc ms, quality], 5: config,
 *          6: [counter, order], 8: resync from, 9: window, 10: [size, hash]}
 */
#include "hub/core/batch.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cbor.h"

enum reply_key {
	REPLY_CONTIG = 1,
	REPLY_RANGES = 2,
	REPLY_REFUSED = 3,
	REPLY_TIME = 4,
	REPLY_CONFIG = 5,
	REPLY_COMMAND = 6,
	REPLY_RESYNC = 8,
	REPLY_WINDOW = 9,
	REPLY_RECEIPT = 10,
	REPLY_KEYS_MAX = 32,
};

enum {
	BATCH_ITEMS = 10,
	BATCH_ITEMS_PLAIN = 9,
	BATCH_ITEMS_OLDEST = 8,
	BATCH_ITEMS_MAX = 64, /* of a version that we do not know */
};

static void put_tombstones(struct writer *w, const struct batch *b)
{
	cb_put_array(w, b->tombstone_count);
	for (size_t i = 0; i < b->tombstone_count; i++) {
		const struct tombstone *t = &b->tombstones[i];

		cb_put_array(w, 4);
		cb_put_uint(w, t->first);
		cb_put_uint(w, t->last);
		cb_put_uint(w, (uint64_t)t->class);
		cb_put_uint(w, (uint64_t)t->cause);
	}
}

int batch_encode(const struct batch *b, uint8_t *buf, size_t cap)
{
	struct writer w;

	if (b->record_count > BATCH_RECORDS_MAX ||
	    b->tombstone_count > BATCH_TOMBSTONES_MAX ||
	    b->checkpoint_len > BATCH_CHECKPOINT_MAX || b->status_len > BATCH_STATUS_MAX)
		return -ENOSPC;
	writer_init(&w, buf, cap);
	cb_put_array(&w, b->status_len ? BATCH_ITEMS : BATCH_ITEMS_PLAIN);
	cb_put_uint(&w, b->status_len ? BATCH_VERSION : BATCH_VERSION_PLAIN);
	cb_put_bytes(&w, b->hub, HUB_ID_LEN);
	cb_put_uint(&w, b->epoch);
	cb_put_uint(&w, b->acked);
	cb_put_uint(&w, b->flags);
	cb_put_array(&w, 2);
	cb_put_uint(&w, b->queued);
	cb_put_uint(&w, b->highest);
	cb_put_array(&w, b->record_count);
	for (size_t i = 0; i < b->record_count; i++) {
		const struct record *r = &b->records[i];

		cb_put_array(&w, 5);
		cb_put_uint(&w, r->assignment);
		cb_put_uint(&w, r->seq);
		cb_put_uint(&w, (uint64_t)r->class);
		cb_put_uint(&w, r->kind);
		cb_put_bytes(&w, r->body, r->body_len);
	}
	put_tombstones(&w, b);
	cb_put_bytes(&w, b->checkpoint, b->checkpoint_len);
	if (b->status_len)
		cb_put_bytes(&w, b->status, b->status_len);
	return writer_len(&w);
}

size_t batch_record_cost(size_t body_len)
{
	return 1 + 5 + 9 + 1 + 2 + 3 + body_len;
}

static void get_record(struct cb *c, uint64_t above, struct record *ret)
{
	if (cb_get_array(c, 5) != 5)
		cb_fail(c, -EBADMSG);
	ret->assignment = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	ret->seq = cb_get_uint_max(c, INT64_MAX);
	ret->class = (enum record_class)cb_get_uint_max(c, CLASS_ALARM);
	ret->kind = (uint8_t)cb_get_uint_max(c, UINT8_MAX);
	ret->body = cb_get_bytes(c, &ret->body_len);
	if (!cb_error(c) && (ret->seq <= above || ret->class == CLASS_NONE ||
			     ret->body_len == 0 || ret->body_len > SEALED_BODY_MAX))
		cb_fail(c, -ERANGE);
}

static void get_tombstone(struct cb *c, uint64_t above, uint64_t highest,
			  struct tombstone *ret)
{
	if (cb_get_array(c, 4) != 4)
		cb_fail(c, -EBADMSG);
	ret->first = cb_get_uint_max(c, highest);
	ret->last = cb_get_uint_max(c, highest);
	ret->class = (enum record_class)cb_get_uint_max(c, CLASS_ALARM);
	ret->cause = (enum tombstone_cause)cb_get_uint_max(c, TOMBSTONE_CAUSES - 1);
	if (!cb_error(c) && (ret->first <= above || ret->last < ret->first ||
			     ret->cause == TOMBSTONE_NONE))
		cb_fail(c, -ERANGE);
}

static void get_tombstones(struct cb *c, struct batch *b)
{
	uint64_t above = 0;

	b->tombstone_count = cb_get_array(c, BATCH_TOMBSTONES_MAX);
	for (size_t i = 0; i < b->tombstone_count && !cb_error(c); i++) {
		get_tombstone(c, above, b->highest, &b->tombstones[i]);
		above = b->tombstones[i].last;
	}
}

static size_t items_of(uint64_t version)
{
	if (version == BATCH_VERSION_OLDEST)
		return BATCH_ITEMS_OLDEST;
	return version == BATCH_VERSION_PLAIN ? BATCH_ITEMS_PLAIN : BATCH_ITEMS;
}

/* The version is judged first: a hub that hears 'not this format' parks what it sent, one that
 * hears 'not this version' keeps it until the clinic knows the version. */
static uint64_t get_version(struct cb *c)
{
	size_t items = cb_get_array(c, BATCH_ITEMS_MAX);
	uint64_t version = cb_get_uint(c);

	if (version < BATCH_VERSION_OLDEST || version > BATCH_VERSION)
		cb_fail(c, -ENOTSUP);
	if (items != items_of(version))
		cb_fail(c, -EBADMSG);
	return version;
}

static void get_checkpoint(struct cb *c, struct batch *b)
{
	b->checkpoint = cb_get_bytes(c, &b->checkpoint_len);
	if (!cb_error(c) && b->checkpoint_len > BATCH_CHECKPOINT_MAX)
		cb_fail(c, -ERANGE);
}

static void get_status(struct cb *c, struct batch *b)
{
	b->status = cb_get_bytes(c, &b->status_len);
	if (!cb_error(c) && b->status_len > BATCH_STATUS_MAX)
		cb_fail(c, -ERANGE);
}

int batch_decode(const uint8_t *buf, size_t len, struct batch *ret)
{
	struct batch b = { 0 };
	uint64_t above = 0, version;
	struct cb c;

	cb_init(&c, buf, len);
	version = get_version(&c);
	cb_get_fixed(&c, b.hub, HUB_ID_LEN);
	b.epoch = (uint32_t)cb_get_uint_max(&c, UINT32_MAX);
	b.acked = cb_get_uint_max(&c, INT64_MAX);
	b.flags = (uint8_t)cb_get_uint_max(&c, UINT8_MAX);
	if (cb_get_array(&c, 2) != 2)
		cb_fail(&c, -EBADMSG);
	b.queued = cb_get_uint_max(&c, INT64_MAX);
	b.highest = cb_get_uint_max(&c, INT64_MAX);
	b.record_count = cb_get_array(&c, BATCH_RECORDS_MAX);
	for (size_t i = 0; i < b.record_count && !cb_error(&c); i++) {
		get_record(&c, above, &b.records[i]);
		above = b.records[i].seq;
	}
	get_tombstones(&c, &b);
	if (version > BATCH_VERSION_OLDEST)
		get_checkpoint(&c, &b);
	if (version > BATCH_VERSION_PLAIN)
		get_status(&c, &b);
	if (cb_finish(&c))
		return cb_finish(&c);
	*ret = b;
	return 0;
}

int reply_encode(const struct reply *r, uint8_t *buf, size_t cap)
{
	struct writer w;

	if (r->range_count > REPLY_RANGES_MAX || r->refused_count > REPLY_REFUSED_MAX ||
	    r->command_len > COMMAND_BYTES_MAX)
		return -ENOSPC;
	writer_init(&w, buf, cap);
	cb_put_map(&w, (size_t)r->has_contig + (r->range_count > 0) +
			       (r->refused_count > 0) + r->has_time +
			       (r->config_version > 0) + (r->command_len > 0) +
			       (r->resync_from > 0) + (r->window > 0) +
			       (r->receipt_size > 0));
	if (r->has_contig) {
		cb_put_uint(&w, REPLY_CONTIG);
		cb_put_uint(&w, r->contig);
	}
	if (r->range_count) {
		cb_put_uint(&w, REPLY_RANGES);
		cb_put_array(&w, r->range_count);
	}
	for (size_t i = 0; i < r->range_count; i++) {
		cb_put_array(&w, 2);
		cb_put_uint(&w, r->ranges[i].first);
		cb_put_uint(&w, r->ranges[i].last);
	}
	if (r->refused_count) {
		cb_put_uint(&w, REPLY_REFUSED);
		cb_put_array(&w, r->refused_count);
	}
	for (size_t i = 0; i < r->refused_count; i++) {
		cb_put_array(&w, 2);
		cb_put_uint(&w, r->refused[i].seq);
		cb_put_uint(&w, r->refused[i].reason);
	}
	if (r->has_time) {
		cb_put_uint(&w, REPLY_TIME);
		cb_put_array(&w, 2);
		cb_put_int(&w, r->utc_ms);
		cb_put_uint(&w, (uint64_t)r->time_quality);
	}
	if (r->config_version) {
		cb_put_uint(&w, REPLY_CONFIG);
		cb_put_uint(&w, r->config_version);
	}
	if (r->command_len) {
		cb_put_uint(&w, REPLY_COMMAND);
		cb_put_array(&w, 2);
		cb_put_uint(&w, r->command_counter);
		cb_put_bytes(&w, r->command, r->command_len);
	}
	if (r->resync_from) {
		cb_put_uint(&w, REPLY_RESYNC);
		cb_put_uint(&w, r->resync_from);
	}
	if (r->window) {
		cb_put_uint(&w, REPLY_WINDOW);
		cb_put_uint(&w, r->window);
	}
	if (r->receipt_size) {
		cb_put_uint(&w, REPLY_RECEIPT);
		cb_put_array(&w, 2);
		cb_put_uint(&w, r->receipt_size);
		cb_put_bytes(&w, r->receipt_hash, sizeof(r->receipt_hash));
	}
	return writer_len(&w);
}

static void get_ranges(struct cb *c, struct reply *ret)
{
	uint64_t above = ret->contig;

	ret->range_count = cb_get_array(c, REPLY_RANGES_MAX);
	for (size_t i = 0; i < ret->range_count && !cb_error(c); i++) {
		struct seq_range *g = &ret->ranges[i];

		if (cb_get_array(c, 2) != 2)
			cb_fail(c, -EBADMSG);
		g->first = cb_get_uint_max(c, INT64_MAX);
		g->last = cb_get_uint_max(c, INT64_MAX);
		if (!cb_error(c) && (g->first <= above || g->last < g->first))
			cb_fail(c, -ERANGE);
		above = g->last;
	}
}

static void get_refused(struct cb *c, struct reply *ret)
{
	ret->refused_count = cb_get_array(c, REPLY_REFUSED_MAX);
	for (size_t i = 0; i < ret->refused_count; i++) {
		if (cb_get_array(c, 2) != 2)
			cb_fail(c, -EBADMSG);
		ret->refused[i].seq = cb_get_uint_max(c, INT64_MAX);
		ret->refused[i].reason = (uint8_t)cb_get_uint_max(c, UINT8_MAX);
	}
}

static void get_time(struct cb *c, struct reply *ret)
{
	if (cb_get_array(c, 2) != 2)
		cb_fail(c, -EBADMSG);
	ret->has_time = true;
	ret->utc_ms = cb_get_int(c);
	ret->time_quality = (enum clock_quality)cb_get_uint_max(c, CLOCK_QUALITY_CLINIC);
}

static void get_config_version(struct cb *c, struct reply *ret)
{
	ret->config_version = cb_get_uint_max(c, INT64_MAX);
	if (!cb_error(c) && ret->config_version == 0)
		cb_fail(c, -ERANGE);
}

static void get_command(struct cb *c, struct reply *ret)
{
	const uint8_t *bytes;

	if (cb_get_array(c, 2) != 2)
		cb_fail(c, -EBADMSG);
	ret->command_counter = cb_get_uint_max(c, INT64_MAX);
	bytes = cb_get_bytes(c, &ret->command_len);
	if (!cb_error(c) && (ret->command_counter == 0 || ret->command_len == 0 ||
			     ret->command_len > COMMAND_BYTES_MAX))
		cb_fail(c, -ERANGE);
	if (!cb_error(c))
		memcpy(ret->command, bytes, ret->command_len);
}

static void get_resync(struct cb *c, struct reply *ret)
{
	ret->resync_from = cb_get_uint_max(c, INT64_MAX);
	if (!cb_error(c) && ret->resync_from == 0)
		cb_fail(c, -ERANGE);
}

static void get_receipt(struct cb *c, struct reply *ret)
{
	if (cb_get_array(c, 2) != 2)
		cb_fail(c, -EBADMSG);
	ret->receipt_size = cb_get_uint_max(c, INT64_MAX);
	cb_get_fixed(c, ret->receipt_hash, sizeof(ret->receipt_hash));
	if (!cb_error(c) && ret->receipt_size == 0)
		cb_fail(c, -ERANGE);
}

int reply_decode(const uint8_t *buf, size_t len, struct reply *ret)
{
	struct reply r = { 0 };
	uint64_t next_key = 0;
	struct cb c;
	size_t pairs;

	cb_init(&c, buf, len);
	pairs = cb_get_map(&c, REPLY_KEYS_MAX);
	for (size_t i = 0; i < pairs && !cb_error(&c); i++) {
		uint64_t key = cb_get_uint(&c);

		/* ascending, none twice: contig is known before ranges */
		if (key < next_key)
			cb_fail(&c, -EBADMSG);
		next_key = key + 1;
		switch (key) {
		case REPLY_CONTIG:
			r.has_contig = true;
			r.contig = cb_get_uint_max(&c, INT64_MAX);
			break;
		case REPLY_RANGES: get_ranges(&c, &r); break;
		case REPLY_REFUSED: get_refused(&c, &r); break;
		case REPLY_TIME: get_time(&c, &r); break;
		case REPLY_CONFIG: get_config_version(&c, &r); break;
		case REPLY_COMMAND: get_command(&c, &r); break;
		case REPLY_RESYNC: get_resync(&c, &r); break;
		case REPLY_WINDOW:
			r.window = (uint8_t)cb_get_uint_max(&c, UINT8_MAX);
			break;
		case REPLY_RECEIPT: get_receipt(&c, &r); break;
		default: cb_skip(&c);
		}
	}
	if (cb_finish(&c))
		return cb_finish(&c);
	*ret = r;
	return 0;
}

uint64_t reply_highest(const struct reply *r)
{
	uint64_t top = r->resync_from > r->contig ? r->resync_from : r->contig;

	for (size_t i = 0; i < r->range_count; i++)
		if (r->ranges[i].last > top)
			top = r->ranges[i].last;
	for (size_t i = 0; i < r->refused_count; i++)
		if (r->refused[i].seq > top)
			top = r->refused[i].seq;
	return top;
}

bool reply_covers(const struct reply *r, uint64_t seq)
{
	if (!r->has_contig)
		return false;
	if (seq <= r->contig)
		return true;
	for (size_t i = 0; i < r->range_count; i++)
		if (seq >= r->ranges[i].first && seq <= r->ranges[i].last)
			return true;
	return false;
}
