/*
 * test_handover.c - batches as the clinic would read them: signature, records, seals, bodies.
 */
#include "storage/handover.h"

#include <errno.h>

#include "storage/intake.h"
#include "records_world.h"
#include "temp_dir.h"
#include "test.h"

static char dir[64];
static const struct db_key key = { { 1 }, { 2 } };
static struct records *q;
static struct intake in;
static struct handover h;
static struct intake_target target = {
	.hub = { 0xaa, 0xbb }, .epoch = 3, .assignment = 9, .seal_key_id = 4
};
static uint8_t seal_private[X25519_LEN], sign_private[P256_PRIVATE_LEN],
	sign_public[P256_PUBLIC_LEN];
static uint64_t captures, answered;
static const struct mono t0 = { 1000 };
static struct msg_batch got;
static struct batch batch;

static void on_durable(void *arg, uint64_t instance, uint64_t capture)
{
	(void)arg;
	CHECK_UINT(instance, 77);
	CHECK(capture >= 1 && capture <= captures);
	answered++;
}

static void on_state_failed(void *arg, int err)
{
	(void)arg;
	CHECK_INT(err, 0);
}

static const struct intake_handlers handlers = { NULL, on_durable, on_state_failed };

static void start(void)
{
	uint32_t epoch;
	uint8_t hub[HUB_ID_LEN];

	CHECK_INT(crypto_init(), 0);
	x25519_generate(seal_private, target.seal_public);
	p256_generate(sign_private, sign_public);
	temp_dir_make(dir, sizeof(dir));
	q = world_open(dir, 0, true);
	CHECK(!records_owner(q, hub, &epoch));
	CHECK_INT(records_set_owner(q, target.hub, target.epoch, target.assignment), 0);
	intake_init(&in);
	handover_init(&h, 1000);
	handover_set_key(&h, sign_private);
	captures = answered = 0;
}

static void stop(void)
{
	world_close(q);
	temp_dir_remove(dir);
}

static struct msg_raw make_raw(uint16_t raw_len)
{
	struct msg_raw m = { .instance = 77,
			     .capture = ++captures,
			     .assignment = 9,
			     .kind = READING_BLOOD_PRESSURE,
			     .characteristic = 0x2a35,
			     .peripheral = { 1, { 1, 2, 3, 4, 5, 6 }, ADDR_RANDOM },
			     .captured = { { 7 },
					   { 123456 },
					   { 1700000000000, 900, CLOCK_QUALITY_NTP } },
			     .utc_offset_min = 120,
			     .link = LINK_SC_AUTHENTICATED,
			     .raw_len = raw_len };

	for (size_t i = 0; i < raw_len; i++)
		m.raw[i] = (uint8_t)(captures + i);
	return m;
}

static struct msg_decoded make_decoded(uint8_t minute, enum record_class class)
{
	struct msg_decoded d = {
		.capture = captures,
		.class = class,
		.decoded = { .value_count = 2,
			     .values = { { VALUE_SYSTOLIC,
					   UNIT_MMHG,
					   { 1200 + (int32_t)captures, -1, 0 },
					   0,
					   0 },
					 { VALUE_DIASTOLIC,
					   UNIT_MMHG,
					   { 80, 0, 0 },
					   0,
					   0 } },
			     .has_device_time = true,
			     .device_time = { 2026, 3, 4, 5, minute, 7 } },
		.clock = { OFFSET_READ, 2, -90000, 500 },
		.attribution = ATTRIBUTION_PROBABLE,
		.history = 5,
		.link = LINK_SC_AUTHENTICATED,
	};

	return d;
}

static void take(const struct msg_raw *m, const struct msg_decoded *d)
{
	CHECK_INT(captures_on_raw(&in.captures, m, t0), 0);
	if (d)
		CHECK_INT(captures_on_decoded(&in.captures, 77, d), 0);
	else
		captures_on_down(&in.captures);
	CHECK_INT(intake_run(&in, q, NULL, &target, &handlers), 0);
}

static void add(size_t n, enum record_class class)
{
	while (n-- > 0) {
		struct msg_raw m = make_raw(17);
		struct msg_decoded d = make_decoded((uint8_t)(captures % 60), class);

		take(&m, &d);
	}
}

static void want(uint8_t credits, bool heartbeat)
{
	struct msg_want w = { .batches = credits, .heartbeat = heartbeat };

	handover_on_want(&h, &w);
}

/* What hub-coap is told of the numbers in the batch: of all of them, records and tombstones. */
static void check_span(void)
{
	uint64_t first = UINT64_MAX, last = 0;

	for (size_t i = 0; i < batch.record_count; i++) {
		first = batch.records[i].seq < first ? batch.records[i].seq : first;
		last = batch.records[i].seq > last ? batch.records[i].seq : last;
	}
	for (size_t i = 0; i < batch.tombstone_count; i++) {
		const struct tombstone *t = &batch.tombstones[i];

		first = t->first < first ? t->first : first;
		last = t->last > last ? t->last : last;
	}
	/* checkpoint and status count as a number, so that no record is taken for alone */
	first -= last && (batch.checkpoint_len || batch.status_len) && first > 1;
	CHECK_UINT(got.first, last ? first : 0);
	CHECK_UINT(got.last, last);
}

/* The next batch, verified and parsed into 'batch'. Returns what handover_make says. */
static int make(struct mono now)
{
	const uint8_t *payload;
	size_t len;
	int r = handover_make(&h, q, 0, now, &got);

	if (r != 1)
		return r;
	CHECK(got.len <= BATCH_BYTES_MAX);
	CHECK_INT(sign1_open(SIGN_CONTEXT_BATCH, sign_public, got.bytes, got.len,
			     &payload, &len),
		  0);
	CHECK_INT(batch_decode(payload, len, &batch), 0);
	CHECK_MEM(batch.hub, target.hub, HUB_ID_LEN);
	CHECK_UINT(batch.epoch, target.epoch);
	CHECK_UINT(batch.highest, records_highest(q));
	CHECK_UINT(batch.queued, records_unsent(q));
	CHECK_INT(batch.flags, got.flags);
	check_span();
	return 1;
}

static struct reading open_record(const struct record *rec)
{
	struct envelope e = { .epoch = batch.epoch,
			      .assignment = rec->assignment,
			      .seq = rec->seq,
			      .class = rec->class,
			      .kind = rec->kind,
			      .body_len = (uint32_t)rec->body_len };
	uint8_t ad[ENVELOPE_LEN], body[SEALED_BODY_MAX];
	struct reading rd;

	memcpy(e.hub, batch.hub, HUB_ID_LEN);
	envelope_encode(&e, ad);
	CHECK_INT(unseal(seal_private, ad, sizeof(ad), rec->body, rec->body_len, body),
		  0);
	CHECK_INT(sealed_key_id(rec->body, rec->body_len), 4);
	CHECK_INT(reading_decode(body, rec->body_len - SEALED_LEN(0), &rd), 0);
	ad[20] ^= 1; /* another envelope: must not open */
	CHECK_INT(unseal(seal_private, ad, sizeof(ad), rec->body, rec->body_len, body),
		  -EKEYREJECTED);
	return rd;
}

static int ack_ranges(uint32_t id, uint64_t contig, uint64_t first, uint64_t last,
		      struct mono now)
{
	struct msg_ack a = { .batch = id,
			     .reply = { .has_contig = true, .contig = contig } };
	struct queue_ack res;

	if (first) {
		a.reply.range_count = 1;
		a.reply.ranges[0] = (struct seq_range){ first, last };
	}
	CHECK_INT(records_acknowledge(q, &a.reply, NULL, 0, &res), 0);
	return handover_on_ack(&h, &a, now);
}

static void test_bodies(void)
{
	struct msg_raw m, late;
	struct msg_decoded d;
	struct reading rd;

	start();
	m = make_raw(17);
	d = make_decoded(1, CLASS_ROUTINE);
	take(&m, &d);
	late = make_raw(19);
	late.unverified = true;
	late.assignment = 8; /* captured before hubd said 9 */
	take(&late, NULL);
	CHECK_UINT(answered, 2);
	want(1, false);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.record_count, 2);
	CHECK_UINT(batch.records[0].seq, 1);
	CHECK_UINT(batch.records[0].assignment, 9);
	CHECK_UINT(batch.records[1].assignment, 8);
	CHECK_INT(batch.records[0].kind, READING_BLOOD_PRESSURE);
	rd = open_record(&batch.records[0]);
	CHECK_INT(rd.kind, m.kind);
	CHECK_INT(rd.characteristic, m.characteristic);
	CHECK_INT(rd.raw_len, 17);
	CHECK_MEM(rd.raw, m.raw, 17);
	CHECK_MEM(rd.peripheral.addr, m.peripheral.addr, PERIPHERAL_ADDR_LEN);
	CHECK_UINT(rd.captured.mono.ms, 123456);
	CHECK_INT(rd.captured.wall.ms, 1700000000000);
	CHECK_INT(rd.captured.wall.quality, CLOCK_QUALITY_NTP);
	CHECK_INT(rd.link, LINK_SC_AUTHENTICATED);
	CHECK_INT(rd.utc_offset_min, 120);
	CHECK_INT(rd.decoded.value_count, 2);
	CHECK_INT(rd.decoded.values[0].number.mantissa, 1201);
	CHECK_INT(rd.decoded.values[0].number.exponent, -1);
	CHECK_INT(rd.decoded.device_time.minute, 1);
	CHECK_INT(rd.clock.offset_ms, -90000);
	CHECK_INT(rd.attribution, ATTRIBUTION_PROBABLE);
	CHECK_INT(rd.decoded.marks, 0);
	rd = open_record(&batch.records[1]);
	CHECK_INT(rd.decoded.marks, MARK_UNDECODED | MARK_UNVERIFIED);
	CHECK_MEM(rd.raw, late.raw, 19);
	CHECK_INT(rd.decoded.value_count, 0);
	stop();
}

/* The longest reading there can be must fit into a batch, or it could never leave. */
static void test_longest_fits(void)
{
	struct msg_raw m;
	struct msg_decoded d;

	start();
	m = make_raw(READING_RAW_MAX);
	m.peripheral.num = UINT16_MAX;
	m.captured.mono.ms = UINT64_MAX;
	m.captured.wall = (struct wall){ INT64_MIN, UINT32_MAX, CLOCK_QUALITY_CLINIC };
	m.utc_offset_min = -720;
	d = make_decoded(59, CLASS_ALARM);
	d.decoded.value_count = READING_VALUES_MAX;
	for (size_t i = 0; i < READING_VALUES_MAX; i++)
		d.decoded.values[i] = (struct value){
			VALUE_PULSE, UNIT_PER_MINUTE, { INT32_MIN, INT8_MIN, 0 }, 0, 0
		};
	d.decoded.device_time = (struct date_time){ 9999, 12, 31, 23, 59, 59 };
	d.decoded.has_user = d.decoded.has_status = true;
	d.decoded.user = UINT8_MAX;
	d.decoded.status = UINT16_MAX;
	d.decoded.marks = UINT32_MAX & ~(uint32_t)MARK_UNDECODED;
	d.clock = (struct clock_offset){ OFFSET_LIVE, INT32_MIN, INT64_MIN, UINT32_MAX };
	take(&m, &d);
	want(1, false);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.record_count, 1);
	stop();
}

/* The longest raw value with the longest decoded ones is more than a body holds: the raw bytes go alone. */
static void test_too_long_goes_raw(void)
{
	struct msg_raw m;
	struct msg_decoded d;
	struct reading rd;

	start();
	m = make_raw(READING_RAW_MAX);
	m.kind = READING_GENERIC;
	d = make_decoded(59, CLASS_ROUTINE);
	d.decoded.value_count = READING_VALUES_MAX;
	for (size_t i = 0; i < READING_VALUES_MAX; i++)
		d.decoded.values[i] = (struct value){ VALUE_MDC,
						      UNIT_MDC,
						      { INT32_MIN, INT8_MIN, 0 },
						      UINT32_MAX,
						      UINT16_MAX };
	d.decoded.marks = MARK_IMPLAUSIBLE;
	take(&m, &d);
	CHECK_UINT(answered, 1);
	want(1, false);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.record_count, 1);
	rd = open_record(&batch.records[0]);
	CHECK_INT(rd.decoded.marks, MARK_IMPLAUSIBLE | MARK_UNDECODED);
	CHECK_INT(rd.decoded.value_count, 0);
	CHECK_INT(rd.raw_len, READING_RAW_MAX);
	CHECK_MEM(rd.raw, m.raw, READING_RAW_MAX);
	stop();
}

static void test_credits_and_heartbeat(void)
{
	start();
	add(2, CLASS_ROUTINE);
	CHECK_INT(make(t0), 0); /* no credit */
	want(2, false);
	CHECK_INT(make(t0), 1);
	CHECK_INT(make(t0), 0); /* nothing left */
	want(0, true);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.record_count, 0);
	CHECK_UINT(got.first, 0);
	want(0, true);
	CHECK_INT(make(t0), 0); /* asked for, but no credit */
	want(1, false);
	CHECK_INT(make(t0), 1);
	want(3, false);
	CHECK_INT(make(t0), 0);
	stop();
}

static void test_alarms_first(void)
{
	uint32_t alarm_id;

	start();
	add(40, CLASS_ROUTINE);
	add(2, CLASS_ALARM);
	want(2, false);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.record_count, 2);
	CHECK_UINT(batch.records[0].seq, 41);
	CHECK(batch.flags & BATCH_ALARM);
	alarm_id = got.id;
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.records[0].seq, 1);
	CHECK(!(batch.flags & BATCH_ALARM));
	add(1, CLASS_ALARM); /* while a backlog is under way */
	want(1, false);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.records[0].seq, 43);
	CHECK_INT(ack_ranges(alarm_id, 0, 41, 42, t0), 0);
	CHECK_UINT(records_unsent(q), 41);
	stop();
}

/* A whole backlog: every record in exactly one batch, batches full, all acknowledged out of order. */
static void test_drain(void)
{
	enum { N = 300 };
	uint32_t ids[HANDOVER_OUTSTANDING_MAX];
	uint64_t first[HANDOVER_OUTSTANDING_MAX], last[HANDOVER_OUTSTANDING_MAX];
	uint8_t seen[N + 1] = { 0 };
	size_t out = 0, batches = 0;

	start();
	add(N, CLASS_ROUTINE);
	want(4, false);
	while (records_unsent(q) > 0) {
		size_t pick;

		while (make(t0) == 1) {
			CHECK(batch.record_count > 0);
			ids[out] = got.id;
			first[out] = got.first;
			last[out++] = got.last;
			batches++;
			for (size_t i = 0; i < batch.record_count; i++)
				CHECK_INT(seen[batch.records[i].seq]++, 0);
			CHECK(batch.record_count >= 3 || got.last == N);
		}
		CHECK(out > 0 && out <= 4);
		pick = test_random() % out;
		CHECK_INT(ack_ranges(ids[pick], records_contig(q), first[pick],
				     last[pick], t0),
			  0);
		out--;
		ids[pick] = ids[out];
		first[pick] = first[out];
		last[pick] = last[out];
		want(1, false);
	}
	CHECK_UINT(out, 0);
	CHECK(batches <= N / 3);
	for (size_t i = 1; i <= N; i++)
		CHECK_INT(seen[i], 1);
	stop();
}

static void test_link_down(void)
{
	uint32_t id;

	start();
	add(3, CLASS_ROUTINE);
	want(2, false);
	CHECK_INT(make(t0), 1);
	id = got.id;
	CHECK(!(batch.flags & BATCH_RESEND));
	handover_on_down(&h);
	CHECK(!handover_has(&h, id));
	CHECK_INT(make(t0), 0); /* credits went with the link */
	want(1, false);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.record_count, 3);
	CHECK(batch.flags & BATCH_RESEND);
	CHECK(got.id != id);
	CHECK_INT(ack_ranges(id, 3, 0, 0, t0), -ENOENT); /* to the old batch */
	CHECK_INT(ack_ranges(got.id, 3, 0, 0, t0), 0);
	stop();
}

static void test_unnamed(void)
{
	struct msg_ack none = { .reply = { .has_contig = true } };

	start();
	add(6, CLASS_ROUTINE);
	want(1, false);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.record_count, 4);
	CHECK_INT(ack_ranges(got.id, 0, 1, 2, t0), 0); /* 3 and 4 not named */
	want(3, false);
	CHECK_INT(make(t0), 0);
	CHECK_UINT(handover_deadline(&h, t0).ms, t0.ms + HANDOVER_PAUSE_MS);
	CHECK_INT(make(mono_add(t0, HANDOVER_PAUSE_MS - 1)), 0);
	CHECK_INT(make(mono_add(t0, HANDOVER_PAUSE_MS)), 1);
	CHECK_UINT(batch.records[0].seq, 3);
	CHECK_UINT(batch.record_count, 4);
	none.batch = got.id + 50;
	CHECK_INT(handover_on_ack(&h, &none, t0), -ENOENT);
	none.batch = 0;
	CHECK_INT(handover_on_ack(&h, &none, t0), -ENOENT);
	stop();
}

/* The first of two batches comes back unnamed while the second is still under way. */
static void test_unnamed_beside_outstanding(void)
{
	struct mono later = mono_add(t0, HANDOVER_PAUSE_MS);
	uint32_t first, second;

	start();
	add(8, CLASS_ROUTINE);
	want(2, false);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(got.last, 4);
	first = got.id;
	CHECK_INT(make(t0), 1);
	CHECK_UINT(got.first, 5);
	second = got.id;
	CHECK_INT(ack_ranges(first, 0, 0, 0, t0), 0);
	want(3, false);
	CHECK_INT(make(later), 1);
	CHECK_UINT(got.first, 1);
	CHECK_UINT(got.last, 4);
	CHECK_INT(make(later), 0); /* 5 to 8 are not in two batches */
	CHECK_INT(ack_ranges(second, 0, 5, 8, later), 0);
	CHECK_INT(ack_ranges(got.id, 4, 0, 0, later), 0);
	CHECK_UINT(records_unsent(q), 0);
	stop();
}

/* The clinic refuses a batch as a whole because of record 2: one by one it is found and parked. */
static void test_poison(void)
{
	struct msg_ack refused = { 0 };
	struct queue_ack res;

	start();
	add(4, CLASS_ROUTINE);
	want(8, false);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.record_count, 4);
	refused.batch = got.id;
	CHECK_INT(handover_on_ack(&h, &refused, t0), 0);
	for (uint64_t seq = 1; seq <= 4; seq++) {
		CHECK_INT(make(t0), 1);
		CHECK_UINT(batch.record_count, 1);
		CHECK_UINT(batch.records[0].seq, seq);
		if (seq != 2) {
			CHECK_INT(ack_ranges(got.id, records_contig(q), seq, seq, t0), 0);
			continue;
		}
		refused = (struct msg_ack){ .batch = got.id,
					    .reply = { .refused_count = 1,
						       .refused = { { 2, 1 } } } };
		CHECK_INT(records_acknowledge(q, &refused.reply, NULL, 0, &res), 0);
		CHECK_UINT(res.refused, 1);
		CHECK_INT(handover_on_ack(&h, &refused, t0), 0);
	}
	CHECK_UINT(records_unsent(q), 0);
	CHECK_UINT(records_contig(q), 1);
	add(2, CLASS_ROUTINE);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.record_count, 2);
	CHECK_UINT(batch.tombstone_count, 1);
	CHECK_UINT(batch.tombstones[0].first, 2);
	CHECK_UINT(batch.tombstones[0].last, 2);
	CHECK_INT(batch.tombstones[0].cause, TOMBSTONE_REFUSED);
	CHECK_INT(ack_ranges(got.id, 6, 0, 0, t0),
		  0); /* what it refused holds nothing up */
	CHECK_UINT(records_contig(q), 6);
	stop();
}

static void evict(unsigned n)
{
	struct queue_evicted ev;

	CHECK_INT(world_evict(q, n, &ev), 0);
	CHECK_UINT(ev.routine + ev.alarm, n);
}

/* Tombstones ride on what goes anyway, in one batch at a time, until the clinic has named them. */
static void test_tombstones(void)
{
	uint32_t first;

	start();
	add(12, CLASS_ROUTINE);
	evict(3);
	CHECK_INT(make(t0), 0); /* no credit */
	want(9, false);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.record_count, 4);
	CHECK_UINT(batch.records[0].seq, 4);
	CHECK_UINT(batch.tombstone_count, 1);
	CHECK_UINT(batch.tombstones[0].first, 1);
	CHECK_UINT(batch.tombstones[0].last, 3);
	CHECK_INT(batch.tombstones[0].class, CLASS_ROUTINE);
	CHECK_INT(batch.tombstones[0].cause, TOMBSTONE_EVICTED);
	first = got.id;
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.tombstone_count, 0); /* one outstanding batch has them */
	CHECK_INT(ack_ranges(got.id, 0, 8, 11, t0), 0);
	want(0, true);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.record_count, 1);
	CHECK_UINT(batch.tombstone_count, 0);
	CHECK_INT(ack_ranges(got.id, 0, 12, 12, t0), 0);
	handover_on_down(&h); /* the first answer is lost */
	CHECK(!handover_has(&h, first));
	want(9, false);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.record_count, 4);
	CHECK_UINT(batch.tombstone_count, 1);
	CHECK_INT(ack_ranges(got.id, 7, 0, 0, t0), 0);
	want(0, true);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.tombstone_count, 0); /* named: gone */
	CHECK_UINT(records_contig(q), 12);
	CHECK_INT(make(t0), 0);
	add(1, CLASS_ROUTINE);
	evict(1);
	CHECK_INT(make(t0), 1); /* alone, there is nothing else */
	CHECK_UINT(batch.record_count, 0);
	CHECK_UINT(batch.tombstone_count, 1);
	CHECK_UINT(got.first, 13);
	want(2, false);
	CHECK_INT(make(t0), 0); /* it is outstanding */
	CHECK_INT(ack_ranges(got.id, 12, 0, 0, t0), 0);
	CHECK_INT(make(t0), 0); /* not named, and not at once again */
	CHECK_INT(handover_deadline(&h, t0).ms, mono_add(t0, HANDOVER_PAUSE_MS).ms);
	CHECK_INT(make(mono_add(t0, HANDOVER_PAUSE_MS - 1)), 0);
	CHECK_INT(make(mono_add(t0, HANDOVER_PAUSE_MS)), 1);
	CHECK_UINT(batch.tombstone_count, 1);
	CHECK_INT(ack_ranges(got.id, 13, 0, 0, t0), 0);
	CHECK_UINT(records_contig(q), 13);
	stop();
}

/* More than a batch takes: the first ones, and room for records beside them. */
static void test_many_tombstones(void)
{
	start();
	for (int i = 0; i < 12; i++) {
		add(1, CLASS_ROUTINE);
		add(1, CLASS_ALARM);
	}
	evict(12);
	want(4, true);
	CHECK_INT(make(t0), 1);
	CHECK(batch.record_count >= 1 && batch.record_count < 4);
	CHECK_UINT(batch.tombstone_count, BATCH_TOMBSTONES_MAX);
	for (size_t i = 0; i < BATCH_TOMBSTONES_MAX; i++)
		CHECK_UINT(batch.tombstones[i].first, 1 + 2 * i);
	CHECK_INT(ack_ranges(got.id, 2 * batch.record_count, 0, 0, t0), 0);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.tombstones[0].first, records_contig(q) + 1);
	stop();
}

/* More tombstones than one batch takes, and nothing else: the clinic has all of them without a pause. */
static void test_tombstones_alone(void)
{
	unsigned batches = 0;

	start();
	for (int i = 0; i < 30; i++) {
		add(1, CLASS_ROUTINE);
		add(1, CLASS_ALARM);
	}
	evict(30);
	evict(30);
	CHECK_UINT(records_unsent(q), 0);
	want(9, false);
	while (make(t0) == 1) {
		const struct tombstone *last =
			&batch.tombstones[batch.tombstone_count - 1];

		CHECK_UINT(batch.record_count, 0);
		CHECK_UINT(batch.tombstones[0].first, records_contig(q) + 1);
		CHECK_INT(ack_ranges(got.id, last->last, 0, 0, t0), 0);
		batches++;
	}
	CHECK(batches > 1);
	CHECK_UINT(records_contig(q), 60);
	stop();
}

/* Whatever size is wanted: no batch is larger, but one record alone; and nothing is left out. */
static void test_sizes(void)
{
	static const uint16_t sizes[] = { BATCH_BYTES_LEAST, 300, 512, BATCH_BYTES_FULL,
					  0 };
	uint8_t body[SEALED_BODY_MAX] = { 0 };

	for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
		struct msg_want w = { .batches = 1, .size = sizes[s] };
		size_t limit = sizes[s] ? sizes[s] : BATCH_BYTES_FULL, alone = 0;
		uint64_t next = 1;

		start();
		for (uint64_t seq = 1; seq <= 200; seq++) {
			struct queue_entry e = { .record = { .class = CLASS_ROUTINE } };

			e.record.seq = seq;
			e.record.body = body;
			e.record.body_len =
				seq % 9 == 0 ? SEALED_BODY_MAX : 1 + seq * 7 % 500;
			CHECK_INT(records_insert(q, &e, 1), 0);
		}
		handover_set_checkpoint(&h, body, BATCH_CHECKPOINT_MAX);
		while (next <= 200) {
			handover_on_want(&h, &w);
			CHECK_INT(make(t0), 1);
			CHECK(got.len <= limit || batch.record_count == 1);
			CHECK(got.len <= limit || got.first == got.last);
			CHECK(got.len <= BATCH_BYTES_MAX);
			alone += got.len > limit;
			for (size_t i = 0; i < batch.record_count; i++)
				CHECK_UINT(batch.records[i].seq, next++);
			CHECK_INT(ack_ranges(got.id, next - 1, 0, 0, t0), 0);
		}
		CHECK(alone >= 200 / 9);
		stop();
	}
}

/* A batch that is too large for the path: its records go again, together, as small as is wanted. */
static void test_recut(void)
{
	struct msg_want w = { .batches = 9, .size = 512 };
	struct msg_ack a = { .recut = true };
	uint64_t last;

	start();
	add(8, CLASS_ROUTINE);
	want(1, false);
	CHECK_INT(make(t0), 1);
	last = got.last;
	CHECK(batch.record_count > 3);
	a.batch = got.id;
	handover_on_want(&h, &w);
	CHECK_INT(handover_on_ack(&h, &a, t0), 0);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.records[0].seq, 1);
	CHECK(batch.record_count > 1 && batch.record_count < last);
	CHECK(got.len <= 512);
	handover_on_down(&h); /* another hub-coap: it has not said so yet */
	want(1, false);
	CHECK_INT(make(t0), 1);
	CHECK(got.len > 512);
	stop();
}

/* A record of the largest size goes, whatever waits beside it: its tombstones come later. */
static void test_tombstones_give_way(void)
{
	struct queue_entry e = { .record = { .class = CLASS_ALARM } };
	uint8_t body[SEALED_BODY_MAX] = { 0 };
	const size_t len = SEALED_BODY_MAX;

	start();
	add(2, CLASS_ROUTINE);
	evict(1);
	want(9, false);
	e.record.seq = records_next_seq(q);
	e.record.body = body;
	e.record.body_len = len;
	CHECK_INT(records_insert(q, &e, 1), 0);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.record_count, 1);
	CHECK_UINT(batch.tombstone_count, 0);
	CHECK_UINT(batch.records[0].body_len, len);
	CHECK_INT(make(t0), 1); /* the other record takes them along */
	CHECK_UINT(batch.records[0].seq, 2);
	CHECK_UINT(batch.tombstone_count, 1);
	stop();
}

/* The clinic refuses a batch with tombstones: neither its record nor the rest is blamed for them. */
static void test_refused_tombstones(void)
{
	struct msg_ack refused = { 0 };
	struct mono later = mono_add(t0, HANDOVER_TOMBSTONE_PAUSE_MS);

	start();
	add(2, CLASS_ROUTINE);
	evict(1);
	want(9, false);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.record_count, 1);
	CHECK_UINT(batch.tombstone_count, 1);
	CHECK(got.first != got.last); /* so hub-coap takes it for more than one */
	refused.batch = got.id;
	CHECK_INT(handover_on_ack(&h, &refused, t0), 0);
	CHECK_INT(make(t0), 1); /* alone */
	CHECK_UINT(batch.record_count, 1);
	CHECK_UINT(batch.tombstone_count, 0);
	CHECK_UINT(got.first, got.last);
	CHECK_INT(ack_ranges(got.id, 0, 2, 2, t0), 0);
	add(3, CLASS_ROUTINE);
	CHECK_INT(make(mono_add(t0, HANDOVER_TOMBSTONE_PAUSE_MS - 1)), 1);
	CHECK_UINT(batch.record_count, 3);
	CHECK_UINT(batch.tombstone_count, 0);
	want(0, true);
	CHECK_INT(make(later), 1);
	CHECK_UINT(batch.record_count, 0);
	CHECK_UINT(batch.tombstone_count, 1);
	refused.batch = got.id; /* a heartbeat with them: nothing else to send again */
	CHECK_INT(handover_on_ack(&h, &refused, later), 0);
	want(0, true);
	CHECK_INT(make(later), 1);
	CHECK_UINT(batch.tombstone_count, 0);
	stop();
}

/* What goes alone to be judged has nothing beside it, whenever the tombstones came. */
static void test_alone_without_tombstones(void)
{
	struct msg_ack refused = { 0 };

	start();
	add(4, CLASS_ROUTINE);
	want(9, false);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.record_count, 4);
	evict(1);
	refused.batch = got.id;
	CHECK_INT(handover_on_ack(&h, &refused, t0), 0);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.record_count, 1);
	CHECK_UINT(batch.records[0].seq, 2);
	CHECK_UINT(batch.tombstone_count, 0);
	stop();
}

static const uint8_t checkpoint[BATCH_CHECKPOINT_MAX] = { 0xd2, 1, 2 };

static int ack_receipt(uint64_t contig, uint64_t size, struct mono now)
{
	struct msg_ack a = {
		.batch = got.id,
		.reply = { .has_contig = true, .contig = contig, .receipt_size = size }
	};
	struct queue_ack res;

	CHECK_INT(records_acknowledge(q, &a.reply, NULL, 0, &res), 0);
	return handover_on_ack(&h, &a, now);
}

/* In one outstanding batch at a time, until the caller takes it back; not again for a while without a receipt. */
static void test_checkpoint(void)
{
	struct mono later = mono_add(t0, HANDOVER_TOMBSTONE_PAUSE_MS);

	start();
	add(1, CLASS_ROUTINE);
	handover_set_checkpoint(&h, checkpoint, sizeof(checkpoint));
	want(9, false);
	CHECK_INT(make(t0), 1); /* number 1 goes without */
	CHECK_UINT(batch.checkpoint_len, 0);
	CHECK_INT(ack_receipt(1, 0, t0), 0);
	want(0, true);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.record_count, 0);
	CHECK_UINT(batch.checkpoint_len, sizeof(checkpoint));
	CHECK_MEM(batch.checkpoint, checkpoint, sizeof(checkpoint));
	add(2, CLASS_ALARM);
	CHECK_INT(make(t0), 1); /* one is under way */
	CHECK_UINT(batch.checkpoint_len, 0);
	CHECK_INT(ack_receipt(3, 0, t0), 0);
	handover_on_down(&h);
	want(9, false);
	add(1, CLASS_ROUTINE);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.record_count, 1);
	CHECK_UINT(batch.checkpoint_len, sizeof(checkpoint));
	CHECK_INT(ack_receipt(4, 5, t0), 0); /* of another one: this one goes on */
	add(1, CLASS_ROUTINE);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.checkpoint_len, sizeof(checkpoint));
	CHECK_INT(ack_receipt(5, 0, t0), 0); /* none: a pause */
	add(1, CLASS_ROUTINE);
	CHECK_INT(make(mono_add(t0, HANDOVER_TOMBSTONE_PAUSE_MS - 1)), 1);
	CHECK_UINT(batch.checkpoint_len, 0);
	add(1, CLASS_ROUTINE);
	CHECK_INT(make(later), 1);
	CHECK_UINT(batch.checkpoint_len, sizeof(checkpoint));
	CHECK_INT(ack_receipt(7, 9, later), 0);
	handover_set_checkpoint(&h, NULL, 0);
	add(1, CLASS_ROUTINE);
	CHECK_INT(make(later), 1);
	CHECK_UINT(batch.checkpoint_len, 0);
	stop();
}

/* Beside records of every length: never too large, never in the way of a record, and it goes when there is room. */
static void test_checkpoint_gives_way(void)
{
	struct queue_entry e = { .record = { .class = CLASS_ALARM } };
	uint8_t body[SEALED_BODY_MAX] = { 0 };
	unsigned with = 0, without = 0;

	start();
	add(1, CLASS_ROUTINE);
	want(1, false);
	CHECK_INT(make(t0), 1);
	CHECK_INT(ack_receipt(1, 0, t0), 0);
	handover_set_checkpoint(&h, checkpoint, sizeof(checkpoint));
	for (size_t len = 1; len <= 860; len++) {
		want(1, false);
		e.record.seq = records_next_seq(q);
		e.record.body = body;
		e.record.body_len = len;
		CHECK_INT(records_insert(q, &e, 1), 0);
		CHECK_INT(make(t0), 1);
		CHECK_UINT(batch.record_count, 1);
		CHECK(batch.checkpoint_len == 0 || without == 0);
		with += batch.checkpoint_len > 0;
		without += batch.checkpoint_len == 0;
		CHECK_INT(ack_receipt(e.record.seq, 1, t0), 0);
	}
	CHECK(with > 600 && without > 50);
	stop();
}

/* Refused with one record: the record goes alone and is not blamed. */
static void test_refused_checkpoint(void)
{
	struct msg_ack refused = { 0 };

	start();
	add(2, CLASS_ROUTINE);
	want(9, false);
	CHECK_INT(make(t0), 1);
	CHECK_INT(ack_receipt(2, 0, t0), 0);
	add(1, CLASS_ROUTINE);
	handover_set_checkpoint(&h, checkpoint, sizeof(checkpoint));
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.record_count, 1);
	CHECK_UINT(batch.checkpoint_len, sizeof(checkpoint));
	CHECK(got.first != got.last);
	refused.batch = got.id;
	CHECK_INT(handover_on_ack(&h, &refused, t0), 0);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.record_count, 1);
	CHECK_UINT(batch.checkpoint_len, 0);
	CHECK_UINT(got.first, got.last);
	CHECK_UINT(got.first, 3);
	stop();
}

static const uint8_t status[BATCH_STATUS_MAX] = { 0xa1, 1, 2 };

/* In one outstanding batch at a time; the caller hears when the clinic has it; after a refusal a pause. */
static void test_status(void)
{
	struct mono later = mono_add(t0, HANDOVER_TOMBSTONE_PAUSE_MS);
	struct msg_ack refused = { 0 };

	start();
	CHECK(!handover_takes_status(&h, t0)); /* nobody asks for a batch */
	add(1, CLASS_ROUTINE);
	handover_set_status(&h, status, 40);
	want(9, false);
	CHECK(handover_takes_status(&h, t0));
	CHECK_INT(make(t0), 1); /* number 1 goes without */
	CHECK_UINT(batch.status_len, 0);
	CHECK_INT(ack_receipt(1, 0, t0), 0);
	CHECK(!h.status_told);
	add(1, CLASS_ROUTINE);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.status_len, 40);
	CHECK_MEM(batch.status, status, 40);
	CHECK(!handover_takes_status(&h, t0));
	add(1, CLASS_ALARM);
	CHECK_INT(make(t0), 1); /* one is under way */
	CHECK_UINT(batch.status_len, 0);
	CHECK_INT(ack_receipt(3, 0, t0), 0);
	CHECK(!h.status_told); /* that was the other one */
	handover_on_down(&h);
	want(9, true);
	CHECK_INT(make(t0), 1); /* a heartbeat */
	CHECK_UINT(batch.record_count, 0);
	CHECK_UINT(batch.status_len, 40);
	CHECK_INT(ack_receipt(3, 0, t0), 0);
	CHECK(h.status_told);
	h.status_told = false;
	add(1, CLASS_ROUTINE);
	CHECK_INT(make(t0), 1);
	CHECK_UINT(batch.status_len, 40);
	refused.batch = got.id;
	CHECK_INT(handover_on_ack(&h, &refused, t0), 0);
	CHECK(!h.status_told);
	CHECK(!handover_takes_status(&h, (struct mono){ later.ms - 1 }));
	CHECK(handover_takes_status(&h, later));
	CHECK_INT(make(t0), 1); /* the record is not blamed: it goes alone, without */
	CHECK_UINT(batch.record_count, 1);
	CHECK_UINT(batch.status_len, 0);
	CHECK_UINT(got.first, got.last);
	CHECK_INT(ack_receipt(4, 0, t0), 0);
	handover_set_status(&h, NULL, 0);
	add(1, CLASS_ROUTINE);
	CHECK_INT(make(later), 1);
	CHECK_UINT(batch.status_len, 0);
	stop();
}

/* Beside records of every length, with a checkpoint too: never too large, never in the way of a record. */
static void test_status_gives_way(void)
{
	struct queue_entry e = { .record = { .class = CLASS_ALARM } };
	uint8_t body[SEALED_BODY_MAX] = { 0 };
	unsigned with = 0, without = 0;

	start();
	add(1, CLASS_ROUTINE);
	want(1, false);
	CHECK_INT(make(t0), 1);
	CHECK_INT(ack_receipt(1, 0, t0), 0);
	handover_set_checkpoint(&h, checkpoint, sizeof(checkpoint));
	for (size_t len = 1; len <= 860; len += 3) {
		handover_set_status(&h, status, len % 2 ? sizeof(status) : 100);
		want(1, false);
		e.record.seq = records_next_seq(q);
		e.record.body = body;
		e.record.body_len = len;
		CHECK_INT(records_insert(q, &e, 1), 0);
		CHECK_INT(make(t0), 1);
		CHECK_UINT(batch.record_count, 1);
		with += batch.status_len > 0;
		without += batch.status_len == 0;
		CHECK_INT(ack_receipt(e.record.seq, 1, t0), 0);
	}
	CHECK(with > 80 && without > 80);
	stop();
}

static void test_suspect(void)
{
	start();
	add(1, CLASS_ROUTINE);
	want(2, false);
	CHECK_INT(handover_make(&h, q, 2, t0, &got), 1);
	CHECK_UINT(got.flags & (BATCH_SUSPECT | BATCH_SEALED), BATCH_SUSPECT);
	want(2, false);
	add(1, CLASS_ROUTINE);
	CHECK_INT(handover_make(&h, q, 3, t0, &got), 1);
	CHECK_UINT(got.flags & (BATCH_SUSPECT | BATCH_SEALED),
		   BATCH_SUSPECT | BATCH_SEALED);
	add(1, CLASS_ROUTINE);
	CHECK_INT(handover_make(&h, q, 4, t0, &got), 1);
	CHECK_UINT(got.flags & (BATCH_SUSPECT | BATCH_SEALED), BATCH_SUSPECT);
	add(1, CLASS_ROUTINE);
	CHECK_INT(handover_make(&h, q, 1, t0, &got), 1);
	CHECK_UINT(got.flags & (BATCH_SUSPECT | BATCH_SEALED), 0);
	stop();
}

/* A device that sends its memory again: second copies are answered and make no record. */
static void test_sent_again(void)
{
	struct state *state;
	struct msg_raw m;
	struct msg_decoded d;

	start();
	CHECK_INT(state_open(dir, &key, 0, &state), 0);
	m = make_raw(17);
	d = make_decoded(1, CLASS_ROUTINE);
	for (int copy = 0; copy < 3; copy++) { /* two in one group, one later */
		m.capture = d.capture = captures + (copy > 0);
		captures = m.capture;
		CHECK_INT(captures_on_raw(&in.captures, &m, t0), 0);
		CHECK_INT(captures_on_decoded(&in.captures, 77, &d), 0);
		if (copy > 0)
			CHECK_INT(intake_run(&in, q, state, &target, &handlers), 0);
	}
	CHECK_UINT(answered, 3);
	CHECK_UINT(records_highest(q), 1);
	state_close(state); /* and after a restart */
	CHECK_INT(state_open(dir, &key, 0, &state), 0);
	m.capture = d.capture = ++captures;
	CHECK_INT(captures_on_raw(&in.captures, &m, t0), 0);
	CHECK_INT(captures_on_decoded(&in.captures, 77, &d), 0);
	CHECK_INT(intake_run(&in, q, state, &target, &handlers), 0);
	CHECK_UINT(records_highest(q), 1);
	m.capture = d.capture = ++captures;
	m.peripheral.num++; /* another device */
	CHECK_INT(captures_on_raw(&in.captures, &m, t0), 0);
	CHECK_INT(captures_on_decoded(&in.captures, 77, &d), 0);
	CHECK_INT(intake_run(&in, q, state, &target, &handlers), 0);
	CHECK_UINT(records_highest(q), 2);
	d.decoded.has_device_time =
		false; /* two equal values without a time are two measurements */
	for (int i = 0; i < 2; i++) {
		m.capture = d.capture = ++captures;
		CHECK_INT(captures_on_raw(&in.captures, &m, t0), 0);
		CHECK_INT(captures_on_decoded(&in.captures, 77, &d), 0);
		CHECK_INT(intake_run(&in, q, state, &target, &handlers), 0);
	}
	CHECK_UINT(records_highest(q), 4);
	CHECK_UINT(answered, captures);
	state_close(state);
	stop();
}

TEST_MAIN("handover", test_bodies, test_longest_fits, test_too_long_goes_raw,
	  test_credits_and_heartbeat, test_alarms_first, test_drain, test_link_down,
	  test_unnamed, test_unnamed_beside_outstanding, test_poison, test_tombstones,
	  test_many_tombstones, test_tombstones_alone, test_sizes, test_recut,
	  test_tombstones_give_way, test_refused_tombstones,
	  test_alone_without_tombstones, test_checkpoint, test_checkpoint_gives_way,
	  test_refused_checkpoint, test_status, test_status_gives_way, test_suspect,
	  test_sent_again)
