/*
 * test_formats.c - bodies, envelopes, batches, replies, signed frames, configs: there and back, and garbage.
 */
#include "tests/unit/test.h"

#include "hub/core/batch.h"
#include "hub/core/config.h"
#include "hub/core/cose.h"
#include "hub/core/envelope.h"
#include "hub/core/err.h"
#include "hub/core/reading.h"

static struct reading sample(void)
{
	struct reading rd = {
		.kind = READING_BLOOD_PRESSURE,
		.characteristic = 0x2a35,
		.raw_len = 19,
		.peripheral = { 1, { 0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5 }, ADDR_RANDOM },
		.captured = { .boot = { 1, 2, 3 },
			      .mono = { 123456 },
			      .wall = { 1795246262000, 40, CLOCK_QUALITY_CLINIC } },
		.utc_offset_min = 60,
		.link = LINK_SC_AUTHENTICATED,
		.decoded = { .value_count = 2,
			     .values = { { .name = VALUE_SYSTOLIC,
					   .unit = UNIT_KPA,
					   .number = { 163, -1, DECIMAL_NUMBER } },
					 { .name = VALUE_DIASTOLIC,
					   .unit = UNIT_KPA,
					   .number = { .kind = DECIMAL_NAN } } },
			     .has_device_time = true,
			     .device_time = { 2026, 11, 21, 7, 31, 2 },
			     .has_user = true,
			     .user = 1,
			     .has_status = true,
			     .status = 4,
			     .time_is_utc = true,
			     .has_time_offset = true,
			     .time_offset_min = -90,
			     .has_ticks = true,
			     .ticks = 1ull << 40,
			     .has_sequence = true,
			     .sequence = 70000,
			     .has_device_status = true,
			     .device_status = 0x800000,
			     .marks = MARK_TAIL | MARK_SEGMENT },
		.clock = { OFFSET_READ, 2, -3600000, 500 },
		.attribution = ATTRIBUTION_CONFIRMED,
		.history = 3,
	};

	for (size_t i = 0; i < rd.raw_len; i++)
		rd.raw[i] = (uint8_t)(i * 7);
	return rd;
}

static void test_body_round_trip(void)
{
	struct reading in = sample(), out;
	uint8_t b[READING_BODY_MAX];
	int n = reading_encode(&in, b, sizeof(b));

	CHECK(n > 0);
	CHECK_INT(reading_decode(b, (size_t)n, &out), 0);
	CHECK_MEM(&out, &in, sizeof(in));
	for (int cut = 0; cut < n; cut++)
		CHECK_INT(reading_decode(b, (size_t)cut, &out), -EBADMSG);
	b[n] = 0;
	CHECK_INT(reading_decode(b, (size_t)n + 1, &out), -EBADMSG);
	CHECK_INT(reading_encode(&in, b, (size_t)n - 1), -ENOSPC);
}

static void test_body_undecoded(void)
{
	struct reading in = sample(), out;
	uint8_t b[READING_BODY_MAX];
	int n;

	memset(&in.decoded, 0, sizeof(in.decoded));
	memset(&in.clock, 0, sizeof(in.clock));
	in.attribution = ATTRIBUTION_UNASSIGNED;
	in.history = 0; /* said only beside a sequence */
	in.decoded.marks = MARK_UNDECODED;
	in.raw_len = READING_RAW_MAX;
	n = reading_encode(&in, b, sizeof(b));
	CHECK(n > 0);
	CHECK_INT(reading_decode(b, (size_t)n, &out), 0);
	CHECK_MEM(&out, &in, sizeof(in));
}

/* Every field there, and each as long as it can be. */
static struct reading largest(void)
{
	struct reading rd = sample();

	rd.kind = READING_DEVICE_INFORMATION;
	rd.characteristic = UINT16_MAX;
	rd.raw_len = READING_RAW_MAX;
	rd.peripheral.num = UINT16_MAX;
	rd.captured.wall = (struct wall){ INT64_MIN, UINT32_MAX, CLOCK_QUALITY_CLINIC };
	rd.captured.mono.ms = UINT64_MAX;
	rd.utc_offset_min = -720;
	rd.decoded.value_count = READING_VALUES_MAX;
	for (size_t i = 0; i < READING_VALUES_MAX; i++)
		rd.decoded.values[i] = (struct value){ .name = VALUE_BATTERY,
						       .unit = UNIT_COUNT,
						       .number = { INT32_MIN, -128, 0 } };
	rd.decoded.device_time =
		(struct date_time){ UINT16_MAX, 255, 255, 255, 255, 255 };
	rd.decoded.time_offset_min = INT32_MIN;
	rd.decoded.ticks = UINT64_MAX;
	rd.decoded.user = 255;
	rd.decoded.sequence = UINT32_MAX;
	rd.decoded.status = UINT32_MAX;
	rd.decoded.device_status = UINT32_MAX;
	rd.decoded.marks = UINT32_MAX & ~(uint32_t)MARK_UNDECODED;
	rd.clock = (struct clock_offset){ OFFSET_LIVE, INT32_MAX, INT64_MIN, UINT32_MAX };
	rd.history = UINT32_MAX;
	return rd;
}

static void test_body_largest(void)
{
	struct reading in = largest(), out;
	uint8_t b[READING_BODY_MAX + 200];
	int n = reading_encode(&in, b, sizeof(b));

	CHECK(n > 0 && n <= READING_BODY_MAX);
	CHECK_INT(reading_decode(b, (size_t)n, &out), 0);
	CHECK_MEM(&out, &in, sizeof(in));
	in.decoded.values[0].number = (struct decimal){ .kind = DECIMAL_RESERVED };
	CHECK(reading_encode(&in, b, sizeof(b)) < n); /* a special value is shorter */
	in.raw_len++;
	CHECK_INT(reading_encode(&in, b, sizeof(b)), -ENOSPC);
	in.raw_len--;
	in.decoded.value_count++;
	CHECK_INT(reading_encode(&in, b, sizeof(b)), -ENOSPC);
	/* all that hub-store relies on if the rest is too long */
	in.decoded = (struct decoded){ .marks = UINT32_MAX };
	CHECK(reading_encode(&in, b, READING_BODY_MAX) > 0);
}

/* So many values with their own codes as the header promises. */
static void test_body_largest_mdc(void)
{
	struct reading in = largest();
	uint8_t b[READING_BODY_MAX];

	for (size_t i = 0; i < READING_VALUES_MAX; i++)
		in.decoded.values[i] = (struct value){ .name = VALUE_MDC,
						       .unit = UNIT_MDC,
						       .number = { INT32_MIN, -128, 0 },
						       .code = UINT32_MAX,
						       .unit_code = UINT16_MAX };
	in.decoded.value_count = 13;
	CHECK(reading_encode(&in, b, sizeof(b)) > 0);
	in.decoded.value_count = 14;
	CHECK_INT(reading_encode(&in, b, sizeof(b)), -ENOSPC);
	in.raw_len = 380; /* as for a joined observation of so many components */
	in.decoded.value_count = READING_VALUES_MAX;
	CHECK(reading_encode(&in, b, sizeof(b)) > 0);
}

/* The codes are there only for the names that need them. */
static void test_body_mdc(void)
{
	struct reading in = sample(), out;
	uint8_t b[READING_BODY_MAX];
	int plain, n;

	plain = reading_encode(&in, b, sizeof(b));
	in.decoded.values[0].code = 150456; /* not written */
	n = reading_encode(&in, b, sizeof(b));
	CHECK_INT(n, plain);
	in.decoded.values[0] = (struct value){
		VALUE_MDC, UNIT_MDC, { 970, -1, DECIMAL_NUMBER }, 150456, 544
	};
	in.decoded.values[1] =
		(struct value){ VALUE_MDC, UNIT_MDC, { .kind = DECIMAL_NAN }, 149530, 0 };
	n = reading_encode(&in, b, sizeof(b));
	CHECK_INT(reading_decode(b, (size_t)n, &out), 0);
	CHECK_MEM(&out, &in, sizeof(in));
}

/* Any single changed byte gives an error or another valid reading, never a crash. */
static void test_body_garbage(void)
{
	struct reading in = sample(), out;
	uint8_t b[READING_BODY_MAX], g[READING_BODY_MAX];
	int n = reading_encode(&in, b, sizeof(b));

	for (int i = 0; i < n; i++)
		for (int v = 0; v < 256; v++) {
			memcpy(g, b, (size_t)n);
			g[i] = (uint8_t)v;
			if (reading_decode(g, (size_t)n, &out) == 0) {
				CHECK(out.raw_len <= READING_RAW_MAX);
				CHECK(out.decoded.value_count <= READING_VALUES_MAX);
			}
		}
}

static void test_envelope_bytes(void)
{
	struct envelope e = { .epoch = 1,
			      .assignment = 2,
			      .seq = 3,
			      .class = CLASS_ALARM,
			      .kind = READING_BLOOD_PRESSURE,
			      .body_len = 0x01020304 };
	uint8_t b[ENVELOPE_LEN];
	const uint8_t want[] = { 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
				 9, 9, 9, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0,
				 0, 0, 0, 0, 0, 0, 3, 2, 1, 1, 2, 3, 4 };

	memset(e.hub, 9, sizeof(e.hub));
	envelope_encode(&e, b);
	CHECK_UINT(sizeof(want), ENVELOPE_LEN);
	CHECK_MEM(b, want, ENVELOPE_LEN);
}

static void test_batch_round_trip(void)
{
	static const uint8_t body[64] = { 5, 6, 7 };
	struct batch in = { .epoch = 7,
			    .acked = 41,
			    .flags = BATCH_WANT_TIME,
			    .queued = 9,
			    .highest = 50,
			    .record_count = 2 };
	struct batch out;
	uint8_t b[BATCH_BYTES_MAX];
	int n;

	in.records[0] = (struct record){ 1, 42, CLASS_ROUTINE, 1, body, 64 };
	in.records[1] = (struct record){ 1, 44, CLASS_ALARM, 1, body, 1 };
	n = batch_encode(&in, b, sizeof(b));
	CHECK(n > 0);
	CHECK_INT(batch_decode(b, (size_t)n, &out), 0);
	CHECK_UINT(out.record_count, 2);
	CHECK_UINT(out.records[1].seq, 44);
	CHECK_MEM(out.records[0].body, body, 64);
	CHECK_UINT(out.highest, 50);
	for (int cut = 0; cut < n; cut++)
		CHECK(batch_decode(b, (size_t)cut, &out) < 0);

	in.records[1].seq = 42; /* not ascending */
	n = batch_encode(&in, b, sizeof(b));
	CHECK_INT(batch_decode(b, (size_t)n, &out), -ERANGE);
	in.records[0].seq = 0;
	in.record_count = 1;
	n = batch_encode(&in, b, sizeof(b));
	CHECK_INT(batch_decode(b, (size_t)n, &out), -ERANGE);
	in.record_count = BATCH_RECORDS_MAX + 1;
	CHECK_INT(batch_encode(&in, b, sizeof(b)), -ENOSPC);
}

static int decode_tombstones(const struct batch *b, struct batch *ret)
{
	uint8_t buf[BATCH_BYTES_MAX];
	int n = batch_encode(b, buf, sizeof(buf));

	CHECK(n > 0);
	return batch_decode(buf, (size_t)n, ret);
}

#define TOMBSTONE_REFUSED_IF(change)                                                     \
	do {                                                                             \
		struct batch bad = good, out_;                                           \
		CHECK_INT(decode_tombstones(&bad, &out_), 0);                            \
		change;                                                                  \
		CHECK_INT(decode_tombstones(&bad, &out_), -ERANGE);                      \
	} while (0)

static void test_batch_tombstones(void)
{
	const struct batch good = {
		.epoch = 7,
		.highest = 50,
		.tombstone_count = 3,
		.tombstones = { { 1, 1, CLASS_NONE, TOMBSTONE_EVICTED },
				{ 2, 9, CLASS_ALARM, TOMBSTONE_REFUSED },
				{ 20, 50, CLASS_ROUTINE, TOMBSTONE_DAMAGED } },
	};
	struct batch out, many = good;
	uint8_t b[BATCH_BYTES_MAX];
	int n;

	CHECK_INT(decode_tombstones(&good, &out), 0);
	CHECK_UINT(out.record_count, 0);
	CHECK_UINT(out.tombstone_count, 3);
	CHECK_UINT(out.tombstones[1].first, 2);
	CHECK_UINT(out.tombstones[1].last, 9);
	CHECK_INT(out.tombstones[1].class, CLASS_ALARM);
	CHECK_INT(out.tombstones[1].cause, TOMBSTONE_REFUSED);
	CHECK_INT(out.tombstones[0].class, CLASS_NONE);
	TOMBSTONE_REFUSED_IF(bad.tombstones[0].first = 0);
	TOMBSTONE_REFUSED_IF(bad.tombstones[1].first = 1); /* overlaps */
	TOMBSTONE_REFUSED_IF(bad.tombstones[1].last = 20);
	TOMBSTONE_REFUSED_IF(bad.tombstones[2].first = 51);
	TOMBSTONE_REFUSED_IF(bad.tombstones[2].last = 51); /* never given */
	TOMBSTONE_REFUSED_IF(bad.tombstones[2].last = 19);
	TOMBSTONE_REFUSED_IF(bad.highest = 49);
	TOMBSTONE_REFUSED_IF(bad.tombstones[0].cause = TOMBSTONE_NONE);
	TOMBSTONE_REFUSED_IF(bad.tombstones[0].cause = TOMBSTONE_CAUSES);
	TOMBSTONE_REFUSED_IF(bad.tombstones[0].class = (enum record_class)3);
	n = batch_encode(&good, b, sizeof(b));
	for (int cut = 0; cut < n; cut++)
		CHECK(batch_decode(b, (size_t)cut, &out) < 0);
	for (uint64_t i = 0; i < BATCH_TOMBSTONES_MAX; i++)
		many.tombstones[i] =
			(struct tombstone){ 2 * i + 1, 2 * i + 1, CLASS_ROUTINE,
					    TOMBSTONE_SKIPPED };
	for (size_t i = 0; i <= BATCH_TOMBSTONES_MAX; i++) {
		many.tombstone_count = i;
		CHECK_INT(decode_tombstones(&many, &out), 0);
		CHECK_UINT(out.tombstone_count, i);
	}
	many.tombstone_count = BATCH_TOMBSTONES_MAX + 1;
	CHECK_INT(batch_encode(&many, b, sizeof(b)), -ENOSPC);
}

/* One too many, from somebody else's encoder; and no list at all, as in version 1. */
static void test_batch_tombstone_count(void)
{
	struct batch in = { .highest = 50 }, out;
	uint8_t b[BATCH_BYTES_MAX];
	int n = batch_encode(&in, b, sizeof(b));

	CHECK_INT(b[n - 1], 0x40); /* no checkpoint */
	CHECK_INT(b[n - 2], 0x80);
	b[n - 2] = 0x80 + BATCH_TOMBSTONES_MAX + 1;
	n--;
	for (size_t i = 0; i <= BATCH_TOMBSTONES_MAX; i++) {
		const uint8_t t[] = { 0x84, (uint8_t)(i + 1), (uint8_t)(i + 1), 1, 1 };

		memcpy(b + n, t, sizeof(t));
		n += (int)sizeof(t);
	}
	b[n++] = 0x40;
	CHECK_INT(batch_decode(b, (size_t)n, &out), -ERANGE);
	n = batch_encode(&in, b, sizeof(b));
	b[0] = 0x87;
	CHECK_INT(batch_decode(b, (size_t)n - 2, &out), -EBADMSG);
	b[1] = 1; /* and it says so: it is a version that we do not know, not nonsense */
	CHECK_INT(batch_decode(b, (size_t)n - 2, &out), -ENOTSUP);
	b[0] = 0x8a;
	b[1] = BATCH_VERSION + 1;
	CHECK_INT(batch_decode(b, (size_t)n, &out), -ENOTSUP);
}

/* Without a status it is version 3, byte for byte as before; with one version 4. */
static void test_batch_status(void)
{
	static const uint8_t bytes[BATCH_STATUS_MAX + 1] = { 0xa1, 1, 2 };
	static uint8_t b[BATCH_BYTES_MAX];
	struct batch in = { .highest = 50 }, out;
	int without = batch_encode(&in, b, sizeof(b)), n;

	CHECK_INT(b[0], 0x89);
	CHECK_INT(b[1], BATCH_VERSION_PLAIN);
	CHECK_INT(batch_decode(b, (size_t)without, &out), 0);
	CHECK_UINT(out.status_len, 0);
	b[1] = BATCH_VERSION; /* its status is missing */
	CHECK_INT(batch_decode(b, (size_t)without, &out), -EBADMSG);
	in.status = bytes;
	for (in.status_len = 1; in.status_len <= BATCH_STATUS_MAX; in.status_len += 71) {
		n = batch_encode(&in, b, sizeof(b));
		CHECK_INT(b[1], BATCH_VERSION);
		CHECK(n - without <= (int)in.status_len + BATCH_STATUS_COST);
		CHECK_INT(batch_decode(b, (size_t)n, &out), 0);
		CHECK_UINT(out.status_len, in.status_len);
		CHECK_MEM(out.status, bytes, in.status_len);
		for (int cut = 0; cut < n; cut++)
			CHECK(batch_decode(b, (size_t)cut, &out) < 0);
	}
	in.status_len = BATCH_STATUS_MAX + 1;
	CHECK_INT(batch_encode(&in, b, sizeof(b)), -ENOSPC);
	in.status_len--;
	n = batch_encode(&in, b, sizeof(b));
	CHECK_INT(b[n - BATCH_STATUS_MAX - 1], BATCH_STATUS_MAX & 0xff);
	b[n - BATCH_STATUS_MAX - 1]++;
	b[n++] = 0;
	CHECK_INT(batch_decode(b, (size_t)n, &out), -ERANGE);
}

/* Of one byte, of the most there can be, of one more; and version 2, which has none. */
static void test_batch_checkpoint(void)
{
	static const uint8_t bytes[BATCH_CHECKPOINT_MAX + 1] = { 1, 2, 3 };
	struct batch in = { .highest = 50 }, out;
	uint8_t b[BATCH_BYTES_MAX];
	int without = batch_encode(&in, b, sizeof(b)), n;

	CHECK_INT(batch_decode(b, (size_t)without, &out), 0);
	CHECK_UINT(out.checkpoint_len, 0);
	in.checkpoint = bytes;
	for (in.checkpoint_len = 1; in.checkpoint_len <= BATCH_CHECKPOINT_MAX;
	     in.checkpoint_len++) {
		n = batch_encode(&in, b, sizeof(b));
		CHECK(n - without <= (int)in.checkpoint_len + BATCH_CHECKPOINT_COST);
		CHECK_INT(batch_decode(b, (size_t)n, &out), 0);
		CHECK_UINT(out.checkpoint_len, in.checkpoint_len);
		CHECK_MEM(out.checkpoint, bytes, in.checkpoint_len);
		for (int cut = 0; cut < n; cut++)
			CHECK(batch_decode(b, (size_t)cut, &out) < 0);
	}
	CHECK_INT(batch_encode(&in, b, sizeof(b)), -ENOSPC);
	in.checkpoint_len--;
	n = batch_encode(&in, b, sizeof(b));
	CHECK_INT(b[n - BATCH_CHECKPOINT_MAX - 1], BATCH_CHECKPOINT_MAX);
	b[n - BATCH_CHECKPOINT_MAX - 1]++;
	b[n++] = 0;
	CHECK_INT(batch_decode(b, (size_t)n, &out), -ERANGE);
	in.checkpoint_len = 0;
	n = batch_encode(&in, b, sizeof(b));
	b[1] = 2;
	CHECK_INT(batch_decode(b, (size_t)n, &out), -EBADMSG); /* one item too many */
	b[0] = 0x88;
	CHECK_INT(batch_decode(b, (size_t)n, &out), -EBADMSG); /* a byte left over */
	CHECK_INT(batch_decode(b, (size_t)n - 1, &out), 0);
	CHECK_UINT(out.checkpoint_len, 0);
	CHECK_UINT(out.highest, 50);
	b[1] = 3;
	CHECK_INT(batch_decode(b, (size_t)n - 1, &out), -EBADMSG); /* one too few */
}

static void test_batch_cost(void)
{
	static const uint8_t body[SEALED_BODY_MAX] = { 0 };
	struct batch with = { .record_count = 1 }, without = { 0 };
	uint8_t b[2048];

	for (size_t len = 1; len <= SEALED_BODY_MAX; len += 37) {
		with.records[0] = (struct record){ UINT32_MAX, INT64_MAX, CLASS_ALARM,
						   255,	       body,	  len };
		CHECK(batch_encode(&with, b, sizeof(b)) -
			      batch_encode(&without, b, sizeof(b)) <=
		      (int)batch_record_cost(len));
	}
	with = (struct batch){ .tombstone_count = 1,
			       .tombstones = { { INT64_MAX, INT64_MAX, CLASS_ALARM,
						 TOMBSTONE_REFUSED } } };
	CHECK_INT(batch_encode(&with, b, sizeof(b)) -
			  batch_encode(&without, b, sizeof(b)),
		  BATCH_TOMBSTONE_COST);
}

static void test_reply(void)
{
	struct reply in = { .has_contig = true,
			    .contig = 10,
			    .range_count = 2,
			    .ranges = { { 12, 12 }, { 20, 30 } },
			    .refused_count = 1,
			    .refused = { { 11, REFUSED_MALFORMED } },
			    .has_time = true,
			    .utc_ms = 1795246262000,
			    .time_quality = CLOCK_QUALITY_NTP,
			    .window = 4 };
	struct reply out;
	uint8_t b[REPLY_BYTES_MAX];
	int n = reply_encode(&in, b, sizeof(b));

	CHECK(n > 0);
	CHECK_INT(reply_decode(b, (size_t)n, &out), 0);
	CHECK_MEM(&out, &in, sizeof(in));
	CHECK(reply_covers(&out, 1) && reply_covers(&out, 10) && reply_covers(&out, 12));
	CHECK(!reply_covers(&out, 11) && !reply_covers(&out, 19) &&
	      !reply_covers(&out, 31));
	for (int cut = 0; cut < n; cut++)
		CHECK(reply_decode(b, (size_t)cut, &out) < 0);
	in.ranges[0].first = 10; /* overlaps contig */
	n = reply_encode(&in, b, sizeof(b));
	CHECK_INT(reply_decode(b, (size_t)n, &out), -ERANGE);
}

static void test_reply_receipt(void)
{
	struct reply in = { .has_contig = true, .contig = 7, .receipt_size = 1 }, out;
	uint8_t b[REPLY_BYTES_MAX];
	int n;

	for (int i = 0; i < RECEIPT_HASH_LEN; i++)
		in.receipt_hash[i] = (uint8_t)(i + 1);
	n = reply_encode(&in, b, sizeof(b));
	CHECK_INT(reply_decode(b, (size_t)n, &out), 0);
	CHECK_UINT(out.receipt_size, 1);
	CHECK_MEM(out.receipt_hash, in.receipt_hash, RECEIPT_HASH_LEN);
	for (int cut = 0; cut < n; cut++)
		CHECK(reply_decode(b, (size_t)cut, &out) < 0);
	b[5] = 0; /* size */
	CHECK_INT(reply_decode(b, (size_t)n, &out), -ERANGE);
	b[5] = 1;
	b[4] = 0x83;
	CHECK_INT(reply_decode(b, (size_t)n, &out), -ERANGE);
	b[4] = 0x82;
	b[7]--; /* a hash of 31 */
	CHECK(reply_decode(b, (size_t)n, &out) < 0);
	in.receipt_size = INT64_MAX;
	n = reply_encode(&in, b, sizeof(b));
	CHECK_INT(reply_decode(b, (size_t)n, &out), 0);
	in.receipt_size++;
	n = reply_encode(&in, b, sizeof(b));
	CHECK_INT(reply_decode(b, (size_t)n, &out), -ERANGE);
}

/* All that a reply can hold, each number as long as it gets. */
static void test_reply_longest(void)
{
	struct reply in = { .has_contig = true,
			    .contig = UINT32_MAX + UINT64_C(1),
			    .range_count = REPLY_RANGES_MAX,
			    .refused_count = REPLY_REFUSED_MAX,
			    .has_time = true,
			    .utc_ms = INT64_MAX,
			    .time_quality = CLOCK_QUALITY_CLINIC,
			    .window = 255,
			    .config_version = INT64_MAX,
			    .resync_from = INT64_MAX,
			    .receipt_size = INT64_MAX },
		     out;
	uint8_t b[REPLY_BYTES_MAX];
	int n;

	for (size_t i = 0; i < REPLY_RANGES_MAX; i++) {
		in.ranges[i].first = in.contig + 2 + 4 * i;
		in.ranges[i].last = in.ranges[i].first + 1;
		in.refused[i] = (struct refused){ INT64_MAX - i, 255 };
	}
	n = reply_encode(&in, b, sizeof(b));
	CHECK_INT(n, 591);
	CHECK_INT(reply_decode(b, (size_t)n, &out), 0);
	CHECK_UINT(out.refused_count, REPLY_REFUSED_MAX);
}

/* Which config the clinic wants in use. */
static void test_reply_config(void)
{
	struct reply in = { .has_contig = true, .contig = 7, .config_version = 23 }, out;
	uint8_t b[32];
	int n = reply_encode(&in, b, sizeof(b));

	CHECK_INT(n, 5);
	CHECK_INT(b[3], 5); /* the key */
	CHECK_INT(reply_decode(b, (size_t)n, &out), 0);
	CHECK_UINT(out.config_version, 23);
	for (int cut = 0; cut < n; cut++)
		CHECK(reply_decode(b, (size_t)cut, &out) < 0);
	b[n - 1] = 0;
	CHECK_INT(reply_decode(b, (size_t)n, &out), -ERANGE);
	in.config_version = INT64_MAX;
	n = reply_encode(&in, b, sizeof(b));
	CHECK_INT(reply_decode(b, (size_t)n, &out), 0);
	CHECK_UINT(out.config_version, INT64_MAX);
	b[n - 8] |= 0x80;
	CHECK_INT(reply_decode(b, (size_t)n, &out), -ERANGE);
	in.config_version = 0;
	CHECK_INT(reply_encode(&in, b, sizeof(b)), 3);
}

/* Where the clinic wants to have it again from. */
static void test_reply_resync(void)
{
	struct reply in = { .has_contig = true, .contig = 7, .resync_from = 8 }, out;
	uint8_t b[32];
	int n = reply_encode(&in, b, sizeof(b));

	CHECK_INT(n, 5); /* a map of two, each key and value a byte */
	CHECK_INT(reply_decode(b, (size_t)n, &out), 0);
	CHECK_UINT(out.resync_from, 8);
	CHECK_UINT(out.contig, 7);
	CHECK_UINT(reply_highest(&out), 8);
	CHECK(!reply_covers(&out, 8));
	for (int cut = 0; cut < n; cut++)
		CHECK(reply_decode(b, (size_t)cut, &out) < 0);
	b[n - 1] = 0;
	CHECK_INT(reply_decode(b, (size_t)n, &out), -ERANGE);
	in.resync_from = INT64_MAX;
	n = reply_encode(&in, b, sizeof(b));
	CHECK_INT(reply_decode(b, (size_t)n, &out), 0);
	CHECK_UINT(out.resync_from, INT64_MAX);
	b[n - 8] |= 0x80;
	CHECK_INT(reply_decode(b, (size_t)n, &out), -ERANGE);
	in.resync_from = 0;
	n = reply_encode(&in, b, sizeof(b));
	CHECK_INT(n, 3);
	CHECK_INT(reply_decode(b, (size_t)n, &out), 0);
	CHECK_UINT(out.resync_from, 0);
}

static void test_reply_steady(void)
{
	struct reply in = { .has_contig = true, .contig = 1000000 }, out;
	const uint8_t unknown[] = { 0xa2, 0x01, 0x05, 0x18, 0x40, 0x82, 0x01, 0x61, 'x' };
	const uint8_t none[] = { 0xa0 };
	uint8_t b[REPLY_BYTES_MAX];

	/* what the byte budget of an upload allows */
	CHECK(reply_encode(&in, b, sizeof(b)) <= 10);
	for (in.contig = 1; in.contig < INT64_MAX / 2; in.contig *= 2)
		CHECK(reply_encode(&in, b, sizeof(b)) <= 12); /* whatever the number */
	CHECK_INT(reply_decode(unknown, sizeof(unknown), &out), 0);
	CHECK_UINT(out.contig, 5);
	CHECK_INT(reply_decode(none, 1, &out), 0);
	CHECK(!out.has_contig && !reply_covers(&out, 0)); /* acknowledges nothing */
}

/* The empty Sig_structure of RFC 9052, 4.4, by hand: 84 6a "Signature1" 43 a10126 41 'c' 42 "hi". */
static void test_cose_bytes(void)
{
	const uint8_t want[] = { 0x84, 0x6a, 'S',  'i', 'g',  'n',  'a',
				 't',  'u',  'r',  'e', '1',  0x43, 0xa1,
				 0x01, 0x26, 0x41, 'c', 0x42, 'h',  'i' };
	uint8_t b[256], sig[COSE_SIGNATURE_LEN] = { 3 };
	struct cose_sign1 s;
	int n;

	CHECK_INT(cose_to_be_signed("c", (const uint8_t *)"hi", 2, b, sizeof(b)),
		  sizeof(want));
	CHECK_MEM(b, want, sizeof(want));
	n = cose_frame((const uint8_t *)"hi", 2, sig, b, sizeof(b));
	CHECK_INT(cose_parse(b, (size_t)n, &s), 0);
	CHECK_UINT(s.payload_len, 2);
	CHECK_MEM(s.signature, sig, sizeof(sig));
	for (int cut = 0; cut < n; cut++)
		CHECK(cose_parse(b, (size_t)cut, &s) < 0);
	b[4] = 0x25; /* ES512 and the like */
	CHECK_INT(cose_parse(b, (size_t)n, &s), -ENOTSUP);
}

/* A signature of another length is refused before anybody reads 64 bytes of it. */
static void test_cose_short_signature(void)
{
	const uint8_t head[] = {
		0x84, 0x43, 0xa1, 0x01, 0x26, 0xa0, 0x42, 'h', 'i', 0x58
	};
	uint8_t b[sizeof(head) + 1 + COSE_SIGNATURE_LEN + 1] = { 0 };
	struct cose_sign1 s;

	memcpy(b, head, sizeof(head));
	for (uint8_t len = COSE_SIGNATURE_LEN - 1; len <= COSE_SIGNATURE_LEN + 1; len++) {
		b[sizeof(head)] = len;
		CHECK_INT(cose_parse(b, sizeof(head) + 1 + len, &s),
			  len == COSE_SIGNATURE_LEN ? 0 : -EBADMSG);
	}
}

/* A body without one of the fields that are always there. */
static void test_body_missing_field(void)
{
	const uint8_t only_version[] = { 0xa1, 0x00, 0x01 };
	struct reading out;

	CHECK_INT(reading_decode(only_version, sizeof(only_version), &out), -EBADMSG);
}

/* Keys that do not belong together: what is absent by the rules is absent. */
static void test_body_absent(void)
{
	struct reading in = sample(), out;
	uint8_t b[READING_BODY_MAX];
	int n;

	in.decoded.has_sequence = false;
	n = reading_encode(&in, b, sizeof(b));
	CHECK_INT(reading_decode(b, (size_t)n, &out), 0);
	CHECK_UINT(out.history, 0);
	in = sample();
	in.decoded.marks = 1; /* one octet, as MARK_UNDECODED */
	n = reading_encode(&in, b, sizeof(b));
	for (int i = 0; i + 1 < n; i++) {
		if (b[i] != 8 || b[i + 1] != 1)
			continue;
		b[i + 1] = MARK_UNDECODED;
		if (reading_decode(b, (size_t)n, &out) == 0)
			break;
		b[i + 1] = 1;
	}
	CHECK_UINT(out.decoded.marks, MARK_UNDECODED);
	CHECK_UINT(out.decoded.value_count, 0);
	CHECK(!out.decoded.has_user && !out.decoded.has_sequence);
	CHECK_INT(out.clock.source, OFFSET_NONE);
	CHECK_INT(out.attribution, ATTRIBUTION_UNASSIGNED);
	CHECK_UINT(out.history, 0);
}

static struct config good_config(void)
{
	struct config c = { .hub = { 1 },
			    .epoch = 1,
			    .version = 1,
			    .assignment = 1,
			    .utc_offset_min = -480,
			    .heartbeat_s = 300,
			    .seal_key_id = 1,
			    .device_count = 2,
			    .endpoint_count = 1 };

	c.devices[0] = (struct config_device){ .num = 1,
					       .kind = READING_BLOOD_PRESSURE,
					       .has_addr = true,
					       .addr = { 1 },
					       .addr_type = ADDR_RANDOM,
					       .passkey = 123456,
					       .has_user = true,
					       .user = 2,
					       .has_consent = true,
					       .consent = 9999,
					       .import = true,
					       .serial = "S/N 20:26-1" };
	c.devices[1] = (struct config_device){ .num = 2,
					       .kind = READING_WEIGHT,
					       .passkey = CONFIG_NO_PASSKEY,
					       .just_works = true,
					       .sole_user = true };
	c.window = (struct config_window){ 7, 2, 120, true };
	c.has_change = true;
	c.change_utc_s = 1806454800;
	c.change_offset_min = -420;
	strcpy(c.endpoints[0].name, "clinic.example");
	c.endpoints[0].port = 5684;
	c.endpoints[0].profile = DTLS_PROFILE_13_CID;
	c.endpoints[0].pin_count = 1;
	return c;
}

static int try_config(const struct config *c, const char **ret_field)
{
	static struct config out;
	static uint8_t b[CONFIG_BYTES_MAX];
	int n = config_encode(c, b, sizeof(b));

	CHECK(n > 0);
	return config_decode(b, (size_t)n, &out, ret_field);
}

static void test_config(void)
{
	struct config c = good_config();
	const char *field = "";
	uint8_t b[4096];
	struct config out;
	int n = config_encode(&c, b, sizeof(b));

	CHECK_INT(config_decode(b, (size_t)n, &out, &field), 0);
	CHECK_MEM(&out, &c, sizeof(c));
	for (int cut = 0; cut < n; cut++)
		CHECK(config_decode(b, (size_t)cut, &out, &field) < 0);

	c.devices[1].num = 1; /* twice the same number */
	CHECK_INT(try_config(&c, &field), -ERANGE);
	CHECK_STR(field, "devices");
	c = good_config();
	c.devices[0].passkey = 1000000;
	CHECK_INT(try_config(&c, &field), -ERANGE);
	c = good_config();
	c.heartbeat_s = CONFIG_HEARTBEAT_MIN_S - 1;
	CHECK_INT(try_config(&c, &field), -ERANGE);
	CHECK_STR(field, "heartbeat");
	c = good_config();
	strcpy(c.endpoints[0].name, "clinic example\n");
	CHECK_INT(try_config(&c, &field), -ERANGE);
	CHECK_STR(field, "endpoints");
	c = good_config();
	c.endpoint_count = 0;
	CHECK_INT(try_config(&c, &field), -ERANGE);
	c = good_config();
	c.utc_offset_min = 841;
	CHECK_INT(try_config(&c, &field), -ERANGE);
	CHECK_STR(field, "utc offset");
	c = good_config();
	c.epoch = 0;
	CHECK_INT(try_config(&c, &field), -ERANGE);
}

/* One field of a good config that makes it bad, and the name under which it is reported. */
#define CONFIG_REFUSED(name, change)                                                     \
	do {                                                                             \
		struct config c = good_config();                                         \
		const char *field_ = "";                                                 \
		CHECK_INT(try_config(&c, &field_), 0);                                   \
		change;                                                                  \
		CHECK_INT(try_config(&c, &field_), -ERANGE);                             \
		CHECK_STR(field_, name);                                                 \
	} while (0)
#define CONFIG_TAKEN(change)                                                             \
	do {                                                                             \
		struct config c = good_config();                                         \
		const char *field_ = "";                                                 \
		change;                                                                  \
		CHECK_INT(try_config(&c, &field_), 0);                                   \
	} while (0)

static void test_config_devices(void)
{
	static const enum reading_kind kinds[] = {
		READING_BLOOD_PRESSURE,
		READING_WEIGHT,
		READING_OXIMETRY,
		READING_TEMPERATURE,
		READING_GLUCOSE,
		READING_HEART_RATE_STREAM,
		READING_CGM,
		READING_GENERIC,
	};
	unsigned good = 0;

	for (int k = 0; k <= READING_KIND_LAST; k++)
		good += config_kind_good((enum reading_kind)k);
	CHECK_UINT(good, sizeof(kinds) / sizeof(*kinds));
	CHECK(!config_kind_good(READING_TOMBSTONE));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		CONFIG_TAKEN(c.devices[0].kind = kinds[i]);
	CONFIG_REFUSED("devices", c.devices[0].kind = READING_GLUCOSE_CONTEXT);
	CONFIG_REFUSED("devices", c.devices[0].kind = READING_DEVICE_INFORMATION);
	CONFIG_REFUSED("devices", c.devices[0].num = 0);
	CONFIG_REFUSED("devices", c.devices[0].addr[0] = 0); /* all zero */
	CONFIG_REFUSED("devices", c.devices[0].consent = 10000);
	CONFIG_REFUSED("devices", c.devices[0].has_user = false); /* whose consent? */
	CONFIG_REFUSED("devices", c.devices[0].user = 255);
	CONFIG_REFUSED("devices", c.devices[0].serial[3] = '\n');
	CONFIG_REFUSED("devices", c.devices[0].serial[3] = '\x7f');
	CONFIG_REFUSED("devices", c.devices[0].serial[3] = (char)0xc3);
	CONFIG_REFUSED("devices",
		       c.devices[1].addr_type = ADDR_RANDOM); /* of no address */
	CONFIG_TAKEN(memset(c.devices[0].serial, '~', CONFIG_SERIAL_MAX));
	CONFIG_TAKEN(c.devices[0].passkey = 0);
	/* cannot be paired, but can be written down */
	CONFIG_TAKEN(c.devices[1].just_works = false);
}

static void test_config_addresses(void)
{
	const struct config_device first = good_config().devices[0];

	CONFIG_REFUSED("devices", c.devices[1] = first; c.devices[1].num = 2);
	CONFIG_TAKEN(c.devices[1] = first; c.devices[1].num = 2;
		     c.devices[1].addr_type = ADDR_PUBLIC);
	CONFIG_TAKEN(c.devices[1] = first; c.devices[1].num = 2;
		     c.devices[1].addr[5] = 1);
	/* two that are found in a window */
	CONFIG_TAKEN(c.devices[0].has_addr = false; c.devices[0].addr_type = ADDR_PUBLIC);
}

static void test_config_window(void)
{
	CONFIG_TAKEN(c.window = (struct config_window){ 0 });
	CONFIG_TAKEN(c.window = ((struct config_window){ UINT32_MAX, 0, 1, false }));
	CONFIG_REFUSED("pairing window", c.window.minutes = 0);
	CONFIG_REFUSED("pairing window", c.window.minutes = CONFIG_WINDOW_MIN_MAX + 1);
	CONFIG_REFUSED("pairing window", c.window.device = 3);
	CONFIG_REFUSED("pairing window", c.window.device = 0); /* repair which? */
	CONFIG_TAKEN(c.window.device = 0; c.window.repair = false);
}

static void test_config_change(void)
{
	CONFIG_TAKEN(c.has_change = false; c.change_utc_s = 0; c.change_offset_min = 0);
	CONFIG_TAKEN(c.change_utc_s = CONFIG_CHANGE_MAX_S);
	CONFIG_TAKEN(c.change_utc_s = 0; c.change_offset_min = 840);
	CONFIG_REFUSED("change of the utc offset",
		       c.change_utc_s = CONFIG_CHANGE_MAX_S + 1);
	CONFIG_REFUSED("change of the utc offset", c.change_offset_min = 841);
	CONFIG_REFUSED("change of the utc offset", c.change_offset_min = -721);
}

static void test_config_plan(void)
{
	struct config doc = good_config(), out;
	static uint8_t b[CONFIG_BYTES_MAX];
	const char *field = "";
	int n;

#define LIMIT(...) c.limit_count = 1, c.limits[0] = ((struct limit){ __VA_ARGS__ })
#define PLAN(...) c.plan_count = 1, c.plans[0] = ((struct config_plan){ __VA_ARGS__ })
	CONFIG_TAKEN(PLAN(1, 1, 0, { 0 }));
	CONFIG_TAKEN(PLAN(2, CONFIG_PLAN_HOURS_MAX, 0, { 0 }));
	CONFIG_TAKEN(PLAN(1, 0, 1, { 0 }));
	CONFIG_TAKEN(PLAN(1, 0, 8, { 0, 1, 2, 3, 4, 5, 6, 1439 }));
	CONFIG_TAKEN(PLAN(1, 1, 0, { 0 }); c.plans[1] = c.plans[0]; c.plans[1].device = 2;
		     c.plan_count = 2);
	CONFIG_REFUSED("plan", PLAN(1, CONFIG_PLAN_HOURS_MAX + 1, 0, { 0 }));
	CONFIG_REFUSED("plan", PLAN(1, 0, 0, { 0 }));
	CONFIG_REFUSED("plan", PLAN(1, 1, 1, { 0 }));
	CONFIG_REFUSED("plan", PLAN(3, 1, 0, { 0 })); /* no such device */
	CONFIG_REFUSED("plan", PLAN(1, 0, 1, { 1440 }));
	CONFIG_REFUSED("plan", PLAN(1, 0, 2, { 7, 7 }));
	CONFIG_REFUSED("plan", PLAN(1, 0, 2, { 8, 7 }));
	CONFIG_REFUSED("plan", PLAN(1, 1, 0, { 0 }); c.plans[1] = c.plans[0];
		       c.plan_count = 2);
	CONFIG_TAKEN(c.quiet_count = 1; c.quiet[0] = ((struct config_quiet){ 1439, 0 }));
	CONFIG_TAKEN(c.quiet_count = CONFIG_QUIET_MAX;
		     for (size_t i = 0; i < CONFIG_QUIET_MAX; i++) c.quiet[i].to = 1);
	CONFIG_REFUSED("quiet hours", c.quiet_count = 1);
	CONFIG_REFUSED("quiet hours", c.quiet_count = 1; c.quiet[0].from = 1440);
	CONFIG_REFUSED("quiet hours", c.quiet_count = 1; c.quiet[0].to = 1440);
	CONFIG_TAKEN(LIMIT(VALUE_SPO2, true, false, 92000, 0));
	CONFIG_TAKEN(LIMIT(VALUE_SPO2, false, true, 0, LIMIT_MILLI_MAX));
	CONFIG_TAKEN(LIMIT(VALUE_SYSTOLIC, true, true, 90000, 180000);
		     c.limits[1] = c.limits[0]; c.limits[1].vital = VALUE_PULSE;
		     c.limit_count = 2);
	CONFIG_REFUSED("limits", LIMIT(VALUE_SPO2, false, false, 0, 0));
	CONFIG_REFUSED("limits", LIMIT(VALUE_BMI, true, false, 1, 0));
	CONFIG_REFUSED("limits", LIMIT(VALUE_SPO2, true, true, 9, 9));
	CONFIG_REFUSED("limits", LIMIT(VALUE_SPO2, false, true, 0, LIMIT_MILLI_MAX + 1));
	CONFIG_REFUSED("limits", LIMIT(VALUE_SPO2, true, false, 1, 0);
		       c.limits[1] = c.limits[0]; c.limit_count = 2);
#undef PLAN
#undef LIMIT
	doc.plan_count = 2;
	doc.plans[0] = (struct config_plan){ 2, 0, 2, { 480, 1200 } };
	doc.plans[1] = (struct config_plan){ 1, 36, 0, { 0 } };
	doc.no_asking = true;
	doc.limit_count = 1;
	doc.limits[0] = (struct limit){ VALUE_TEMPERATURE, true, true, 35000, 39500 };
	doc.quiet_count = 1;
	doc.quiet[0] = (struct config_quiet){ 1320, 420 };
	doc.has_release = true;
	memset(doc.release_public, 7, sizeof(doc.release_public));
	doc.has_risk = true;
	doc.risk = (struct config_risk){ .feed_s = CONFIG_CHANGE_MAX_S,
					 .image = { 1, 2 },
					 .installed = UINT32_MAX,
					 .loaded = 58,
					 .exposed = 17,
					 .actual = 23,
					 .internal = 3,
					 .unproven = 2,
					 .closed = 16,
					 .worst_count = 2,
					 .worst = { 7, UINT32_MAX } };
	n = config_encode(&doc, b, sizeof(b));
	CHECK_INT(config_decode(b, (size_t)n, &out, &field), 0);
	CHECK_UINT(out.plan_count, 2);
	CHECK_MEM(out.plans, doc.plans, sizeof(doc.plans));
	CHECK(out.no_asking && out.quiet_count == 1);
	CHECK_MEM(out.quiet, doc.quiet, sizeof(doc.quiet));
	CHECK_UINT(out.limit_count, 1);
	CHECK_MEM(out.limits, doc.limits, sizeof(doc.limits));
	CHECK(out.has_release);
	CHECK_MEM(out.release_public, doc.release_public, SEAL_PUBLIC_LEN);
	CHECK(out.has_risk);
	CHECK_MEM(&out.risk, &doc.risk, sizeof(doc.risk));
	for (int cut = 0; cut < n; cut++)
		CHECK(config_decode(b, (size_t)cut, &out, &field) < 0);
}

static void test_config_risk(void)
{
	struct config doc = good_config(), out;
	static uint8_t b[CONFIG_BYTES_MAX];
	const char *field = "";
	int n;

	CONFIG_TAKEN(c.has_risk = true);
	CONFIG_TAKEN(c.has_risk = true; c.risk.actual = CONFIG_RISK_WORST_MAX;
		     c.risk.worst_count = CONFIG_RISK_WORST_MAX);
	CONFIG_REFUSED("risk", c.has_risk = true; c.risk.actual = 1;
		       c.risk.worst_count = 2);
	CONFIG_REFUSED("risk", c.has_risk = true; c.risk.loaded = 1);
	CONFIG_REFUSED("risk", c.has_risk = true; c.risk.installed = 3; c.risk.loaded = 3;
		       c.risk.exposed = 4);
	CONFIG_REFUSED("risk", c.has_risk = true;
		       c.risk.feed_s = CONFIG_CHANGE_MAX_S + 1);
	/* one name more than there is room for: they come last, an octet each */
	doc.has_risk = true;
	doc.risk.actual = CONFIG_RISK_WORST_MAX + 1;
	doc.risk.installed = doc.risk.loaded = doc.risk.exposed = 3;
	doc.risk.worst_count = CONFIG_RISK_WORST_MAX;
	n = config_encode(&doc, b, sizeof(b));
	CHECK_INT(config_decode(b, (size_t)n, &out, &field), 0);
	CHECK_INT(b[n - CONFIG_RISK_WORST_MAX - 1], 0x80 + CONFIG_RISK_WORST_MAX);
	b[n - CONFIG_RISK_WORST_MAX - 1]++;
	b[n] = 1;
	CHECK_INT(config_decode(b, (size_t)n + 1, &out, &field), -ERANGE);
	CHECK_STR(field, "risk");
}

static void test_config_next_seal(void)
{
	struct config doc = good_config(), out;
	static uint8_t b[CONFIG_BYTES_MAX];
	const char *field = "";
	int without = config_encode(&doc, b, sizeof(b)), n;

	CONFIG_TAKEN(c.has_next_seal = true; c.next_seal.id = c.seal_key_id + 1);
	CONFIG_REFUSED("next sealing key", c.has_next_seal = true;
		       c.next_seal.id = c.seal_key_id);
	doc.has_next_seal = true;
	doc.next_seal = (struct config_seal){ .id = 200 };
	doc.next_seal.public[0] = 5;
	doc.next_seal.public[SEAL_PUBLIC_LEN - 1] = 6;
	n = config_encode(&doc, b, sizeof(b));
	CHECK_INT(config_decode(b, (size_t)n, &out, &field), 0);
	CHECK(out.has_next_seal &&
	      memcmp(&out.next_seal, &doc.next_seal, sizeof(out.next_seal)) == 0);
	/* keys that may be left out: in their order, each once, and only those with a meaning */
	CHECK_INT(b[without], 13);
	for (unsigned key = 0; key < 12; key++) {
		b[without] = (uint8_t)key;
		CHECK_INT(config_decode(b, (size_t)n, &out, &field), -EBADMSG);
		CHECK_STR(field, "document");
	}
	b[without] = 23;
	CHECK_INT(config_decode(b, (size_t)n, &out, &field), -EBADMSG);
	CHECK_STR(field, "document");
	b[without] = 13;
	CHECK_INT(b[0], 0xa0 + 13);
	b[0]++; /* the same key once more */
	memcpy(b + n, b + without, (size_t)(n - without));
	CHECK_INT(config_decode(b, (size_t)(2 * n - without), &out, &field), -EBADMSG);
	CHECK_STR(field, "document");
	b[0] = 0xa0 + 11;
	CHECK_INT(config_decode(b, (size_t)n, &out, &field), -EBADMSG);
	b[0] = 0xa0 + 12;
	CHECK_INT(config_decode(b, (size_t)n, &out, &field), -EBADMSG);
	CHECK_STR(field, "end of document");
	CHECK_INT(config_decode(b, (size_t)without, &out, &field), 0);
	CHECK(!out.has_next_seal);
}

static void test_config_root(void)
{
	struct config doc = good_config();
	static struct config out;
	static uint8_t b[CONFIG_BYTES_MAX];
	const char *field = "";
	int n;

	CONFIG_TAKEN(c.root.trust_len = 1);
	CONFIG_TAKEN(c.root.trust_len = CONFIG_TRUST_MAX;
		     c.root.cross_len = CONFIG_CROSS_MAX; c.root.only = true);
	/* of a root that nothing vouches for none before it is given up */
	CONFIG_REFUSED("root", c.root.trust_len = 1; c.root.only = true);
	doc.root.trust_len = CONFIG_TRUST_MAX;
	memset(doc.root.trust, 7, sizeof(doc.root.trust));
	doc.root.cross_len = 3;
	memset(doc.root.cross, 8, 3);
	doc.root.only = true;
	n = config_encode(&doc, b, sizeof(b));
	CHECK_INT(config_decode(b, (size_t)n, &out, &field), 0);
	CHECK_MEM(&out.root, &doc.root, sizeof(doc.root));
	for (int cut = 0; cut < n; cut++)
		CHECK(config_decode(b, (size_t)cut, &out, &field) < 0);
}

/* The longest config fits in what hubd reads and in one message to hub-ble. */
static void test_config_largest(void)
{
	static uint8_t b[CONFIG_BYTES_MAX];
	struct config c = good_config();
	const char *field = "";
	struct config out;
	int n;

	c.device_count = CONFIG_DEVICES_MAX;
	for (size_t i = 0; i < CONFIG_DEVICES_MAX; i++) {
		c.devices[i] = good_config().devices[0];
		c.devices[i].num = (uint16_t)(UINT16_MAX - i);
		c.devices[i].addr[1] = (uint8_t)i;
		memset(c.devices[i].serial, 'S', CONFIG_SERIAL_MAX);
	}
	c.window.device = UINT16_MAX;
	c.endpoint_count = CONFIG_ENDPOINTS_MAX;
	for (size_t i = 0; i < CONFIG_ENDPOINTS_MAX; i++) {
		c.endpoints[i] = good_config().endpoints[0];
		memset(c.endpoints[i].name, 'n', CONFIG_NAME_MAX);
		c.endpoints[i].pin_count = CONFIG_PINS_MAX;
	}
	n = config_encode(&c, b, sizeof(b));
	CHECK(n > 0 && n < CONFIG_BYTES_MAX / 4);
	CHECK_INT(config_decode(b, (size_t)n, &out, &field), 0);
}

static void test_config_weight(void)
{
	static const uint8_t good[] = { 0, 2, CONFIG_WEIGHT_MAX };
	struct config c = good_config(), out;
	uint8_t b[4096];
	const char *field = "";
	int plain = config_encode(&c, b, sizeof(b));

	CHECK(!config_has_addr(&c.endpoints[0]));
	c.endpoints[0].addr[15] = 1;
	CHECK(config_has_addr(&c.endpoints[0]));
	for (size_t i = 0; i < sizeof(good); i++) {
		int n;

		c.endpoints[0].weight = good[i];
		n = config_encode(&c, b, sizeof(b));
		CHECK(n > 0);
		CHECK(i > 0 || n == plain); /* as before there were weights */
		CHECK_INT(config_decode(b, (size_t)n, &out, &field), 0);
		CHECK_MEM(&out, &c, sizeof(c));
	}
	c.endpoints[0].weight = CONFIG_WEIGHT_MAX + 1;
	CHECK_INT(try_config(&c, &field), -ERANGE);
	CHECK_STR(field, "endpoints");
	c.endpoints[0].weight = 1; /* the same as none */
	CHECK_INT(config_encode(&c, b, sizeof(b)), plain);
}

TEST_MAIN("formats", test_body_round_trip, test_body_undecoded, test_body_largest,
	  test_body_largest_mdc, test_body_mdc, test_body_garbage, test_envelope_bytes,
	  test_batch_round_trip, test_batch_tombstones, test_batch_tombstone_count,
	  test_batch_checkpoint, test_batch_status, test_batch_cost, test_reply_receipt,
	  test_reply_longest, test_reply, test_reply_config, test_reply_resync,
	  test_reply_steady, test_cose_bytes, test_cose_short_signature,
	  test_body_missing_field, test_body_absent, test_config, test_config_devices,
	  test_config_addresses, test_config_window, test_config_change,
	  test_config_weight, test_config_plan, test_config_risk, test_config_next_seal,
	  test_config_root, test_config_largest)
