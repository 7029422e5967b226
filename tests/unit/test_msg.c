/*
 * test_msg.c - the messages between processes: each kind there and back, the table, garbage.
 */
#include "tests/unit/test.h"

#include "hub/core/msg.h"

#include "hub/core/err.h"

static const enum msg_kind kinds[] = {
	MSG_RAW,	 MSG_DECODED, MSG_STORE_STATE, MSG_DURABLE,    MSG_UPLOAD,
	MSG_QUEUE_STATE, MSG_WANT,    MSG_ACK,	       MSG_BLE_CONFIG, MSG_STORE_CONFIG,
	MSG_COAP_CONFIG, MSG_TIME,    MSG_INCIDENT,    MSG_STATUS,
};

enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

static void fill_raw(struct msg *m)
{
	m->raw.instance = 1;
	m->raw.capture = 2;
	m->raw.kind = READING_BLOOD_PRESSURE;
	m->raw.characteristic = 0x2a35;
	m->raw.peripheral = (struct peripheral){ 1, { 1, 2, 3, 4, 5, 6 }, ADDR_RANDOM };
	m->raw.captured.wall = (struct wall){ -5, 7, CLOCK_QUALITY_NTP };
	m->raw.utc_offset_min = -720;
	m->raw.unverified = true;
	m->raw.raw_len = READING_RAW_MAX;
	memset(m->raw.raw, 0xab, READING_RAW_MAX);
}

static void fill_endpoint(struct config_endpoint *e)
{
	memset(e->name, 'a', CONFIG_NAME_MAX);
	e->port = 5684;
	e->profile = DTLS_PROFILE_13_CID;
	e->pin_count = CONFIG_PINS_MAX;
}

/* The largest message of each kind. */
static struct msg sample(enum msg_kind kind)
{
	struct msg m = { .kind = kind };

	if (kind == MSG_RAW) {
		fill_raw(&m);
	} else if (kind == MSG_DECODED) {
		m.decoded.capture = 1;
		m.decoded.class = CLASS_ROUTINE;
		m.decoded.decoded.value_count = READING_VALUES_MAX;
		m.decoded.clock.offset_ms = -1;
	} else if (kind == MSG_DURABLE) {
		m.durable.capture = 9;
		m.durable.durable = true;
	} else if (kind == MSG_UPLOAD) {
		m.batch.len = BATCH_BYTES_MAX;
		m.batch.last = 3;
	} else if (kind == MSG_ACK) {
		m.ack.reply.has_contig = true;
		m.ack.reply.range_count = REPLY_RANGES_MAX;
		for (size_t i = 0; i < REPLY_RANGES_MAX; i++)
			m.ack.reply.ranges[i] =
				(struct seq_range){ INT64_MAX / 2 + 2 * i,
						    INT64_MAX / 2 + 2 * i };
		m.ack.reply.refused_count = REPLY_REFUSED_MAX;
	} else if (kind == MSG_BLE_CONFIG) {
		m.ble_config.device_count = CONFIG_DEVICES_MAX;
		for (size_t i = 0; i < CONFIG_DEVICES_MAX; i++) {
			m.ble_config.devices[i].num = (uint16_t)(i + 1);
			m.ble_config.devices[i].kind = READING_BLOOD_PRESSURE;
			m.ble_config.devices[i].passkey = CONFIG_NO_PASSKEY;
		}
	} else if (kind == MSG_STORE_CONFIG) {
		m.store_config.epoch = 1;
	} else if (kind == MSG_COAP_CONFIG) {
		m.coap_config.heartbeat_s = 300;
		m.coap_config.endpoint_count = CONFIG_ENDPOINTS_MAX;
		for (size_t i = 0; i < CONFIG_ENDPOINTS_MAX; i++)
			fill_endpoint(&m.coap_config.endpoints[i]);
	}
	return m;
}

static void test_round_trip(void)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct msg in = sample(kinds[i]), out;
		uint8_t a[MSG_BYTES_MAX + 1], b[MSG_BYTES_MAX];
		int n = msg_encode(&in, a, MSG_BYTES_MAX);

		CHECK(n > 0);
		CHECK_INT(msg_decode(a, (size_t)n, &out), 0);
		CHECK_INT(msg_encode(&out, b, sizeof(b)), n);
		CHECK_MEM(a, b, (size_t)n);
		for (int cut = 0; cut < n; cut++)
			CHECK(msg_decode(a, (size_t)cut, &out) < 0);
		a[n] = 0;
		CHECK(msg_decode(a, (size_t)n + 1, &out) < 0);
	}
}

static void test_version_and_kind(void)
{
	struct msg m = sample(MSG_STATUS);
	uint8_t b[MSG_BYTES_MAX];
	int n = msg_encode(&m, b, sizeof(b));

	b[0] = MSG_VERSION + 1;
	CHECK_INT(msg_decode(b, (size_t)n, &m), -ENOTSUP);
	b[0] = MSG_VERSION;
	b[1] = 0xee;
	CHECK_INT(msg_decode(b, (size_t)n, &m), -ENOTSUP);
	m.kind = (enum msg_kind)0xee;
	CHECK_INT(msg_encode(&m, b, sizeof(b)), -ERANGE);
}

static void test_ranges(void)
{
	struct msg m = sample(MSG_RAW);
	uint8_t b[MSG_BYTES_MAX];
	int n;

	m.raw.utc_offset_min = 841;
	n = msg_encode(&m, b, sizeof(b));
	CHECK_INT(msg_decode(b, (size_t)n, &m), -ERANGE);
	m = sample(MSG_RAW);
	m.raw.capture = 0;
	n = msg_encode(&m, b, sizeof(b));
	CHECK_INT(msg_decode(b, (size_t)n, &m), -ERANGE);
	m = sample(MSG_BLE_CONFIG);
	m.ble_config.devices[3].passkey = 1000000;
	n = msg_encode(&m, b, sizeof(b));
	CHECK_INT(msg_decode(b, (size_t)n, &m), -ERANGE);
	m = sample(MSG_UPLOAD);
	m.batch.first = 4;
	n = msg_encode(&m, b, sizeof(b));
	CHECK_INT(msg_decode(b, (size_t)n, &m), -ERANGE);
}

/* Readings go one way: nobody but hub-ble may hand one to hub-store, nobody sends one to hub-coap. */
static void test_table(void)
{
	static const enum role all[] = { ROLE_NONE, ROLE_BLE, ROLE_STORE, ROLE_COAP,
					 ROLE_HUBD };
	unsigned allowed = 0;

	CHECK(msg_allowed(MSG_RAW, ROLE_BLE, ROLE_STORE));
	CHECK(!msg_allowed(MSG_RAW, ROLE_COAP, ROLE_STORE));
	CHECK(!msg_allowed(MSG_RAW, ROLE_BLE, ROLE_COAP));
	CHECK(!msg_allowed(MSG_UPLOAD, ROLE_STORE, ROLE_BLE));
	CHECK(!msg_allowed(MSG_STORE_CONFIG, ROLE_COAP, ROLE_STORE));
	CHECK(!msg_allowed(MSG_TIME, ROLE_BLE, ROLE_HUBD));
	for (size_t k = 0; k < KINDS; k++)
		for (size_t f = 0; f < 5; f++)
			for (size_t t = 0; t < 5; t++)
				allowed += msg_allowed(kinds[k], all[f], all[t]);
	CHECK_UINT(allowed, 11 + 3 + 3 + 3); /* as many as docs/MESSAGES.md lists */
}

static void test_garbage(void)
{
	struct msg m;

	for (int round = 0; round < 50000; round++) {
		uint8_t b[256] = { 0 };
		size_t n = test_random() % sizeof(b);

		for (size_t i = 0; i < n; i++)
			b[i] = (uint8_t)test_random();
		if (n > 1) {
			b[0] = MSG_VERSION;
			b[1] = (uint8_t)kinds[test_random() % KINDS];
		}
		(void)msg_decode(b, n, &m);
	}
}

TEST_MAIN("msg", test_round_trip, test_version_and_kind, test_ranges, test_table,
	  test_garbage)
