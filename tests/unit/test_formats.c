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
			     .values = { { VALUE_SYSTOLIC,
					   UNIT_KPA,
					   { 163, -1, DECIMAL_NUMBER } },
					 { VALUE_DIASTOLIC,
					   UNIT_KPA,
					   { 0, 0, DECIMAL_NAN } } },
			     .has_device_time = true,
			     .device_time = { 2026, 11, 21, 7, 31, 2 },
			     .has_user = true,
			     .user = 1,
			     .has_status = true,
			     .status = 4,
			     .marks = MARK_TAIL },
		.clock = { OFFSET_READ, 2, -3600000, 500 },
		.attribution = ATTRIBUTION_CONFIRMED,
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
	in.decoded.marks = MARK_UNDECODED;
	in.raw_len = READING_RAW_MAX;
	n = reading_encode(&in, b, sizeof(b));
	CHECK(n > 0);
	CHECK_INT(reading_decode(b, (size_t)n, &out), 0);
	CHECK_MEM(&out, &in, sizeof(in));
}

static void test_body_largest(void)
{
	struct reading in = sample();
	uint8_t b[READING_BODY_MAX];

	in.raw_len = READING_RAW_MAX;
	in.decoded.value_count = READING_VALUES_MAX;
	for (size_t i = 0; i < READING_VALUES_MAX; i++)
		in.decoded.values[i] = (struct value){
			VALUE_PULSE, UNIT_PER_MINUTE, { INT32_MIN, -128, DECIMAL_NUMBER }
		};
	in.clock = (struct clock_offset){ OFFSET_LIVE, INT32_MAX, INT64_MIN, UINT32_MAX };
	in.captured.wall.ms = INT64_MIN;
	in.captured.mono.ms = UINT64_MAX;
	CHECK(reading_encode(&in, b, sizeof(b)) > 0);
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

static void test_reply_steady(void)
{
	struct reply in = { .has_contig = true, .contig = 1000000 }, out;
	const uint8_t unknown[] = { 0xa2, 0x01, 0x05, 0x18, 0x40, 0x82, 0x01, 0x61, 'x' };
	const uint8_t none[] = { 0xa0 };
	uint8_t b[REPLY_BYTES_MAX];

	/* what the byte budget of an upload allows */
	CHECK(reply_encode(&in, b, sizeof(b)) <= 10);
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

	c.devices[0] = (struct config_device){
		1, READING_BLOOD_PRESSURE, { 1 }, ADDR_RANDOM, 123456, true, 2, false
	};
	c.devices[1] = (struct config_device){ 2,
					       READING_BLOOD_PRESSURE,
					       { 2 },
					       ADDR_PUBLIC,
					       CONFIG_NO_PASSKEY,
					       false,
					       0,
					       true };
	strcpy(c.endpoints[0].name, "clinic.example");
	c.endpoints[0].port = 5684;
	c.endpoints[0].profile = DTLS_PROFILE_13_CID;
	c.endpoints[0].pin_count = 1;
	return c;
}

static int try_config(const struct config *c, const char **ret_field)
{
	static struct config out;
	uint8_t b[4096];
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

TEST_MAIN("formats", test_body_round_trip, test_body_undecoded, test_body_largest,
	  test_body_garbage, test_envelope_bytes, test_batch_round_trip, test_batch_cost,
	  test_reply, test_reply_steady, test_cose_bytes, test_cose_short_signature,
	  test_body_missing_field, test_config)
