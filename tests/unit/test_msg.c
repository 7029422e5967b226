/*
 * test_msg.c - the messages between processes: each kind there and back, the table, garbage.
 */
#include "tests/unit/test.h"

#include "hub/core/msg.h"

#include "hub/core/err.h"

static const enum msg_kind kinds[] = {
	MSG_RAW,	 MSG_DECODED, MSG_DISCARD,    MSG_STORE_STATE,
	MSG_DURABLE,	 MSG_MEMORY,  MSG_UPLOAD,     MSG_QUEUE_STATE,
	MSG_WANT,	 MSG_ACK,     MSG_BLE_CONFIG, MSG_STORE_CONFIG,
	MSG_COAP_CONFIG, MSG_TIME,    MSG_WINDOW,     MSG_INCIDENT,
	MSG_STATUS,	 MSG_BONDED,  MSG_LINK_ASK,   MSG_LINK_FACTS,
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

static struct device_pin a_pin(uint8_t n)
{
	struct device_pin p = { .known = true,
				.addr = { n },
				.addr_type = ADDR_RANDOM,
				.strength = LINK_LEGACY_PASSKEY,
				.has_system_id = true,
				.system_id = { 1, 2, 3, 4, 5, 6, 7, n } };

	memset(p.serial, 's', PIN_TEXT_MAX);
	return p;
}

static void fill_device(struct config_device *d, uint8_t n)
{
	*d = (struct config_device){ .num = n,
				     .kind = READING_WEIGHT,
				     .has_addr = true,
				     .addr = { n },
				     .passkey = CONFIG_NO_PASSKEY,
				     .just_works = true,
				     .has_user = true,
				     .user = 2,
				     .has_consent = true,
				     .consent = CONFIG_CONSENT_MAX,
				     .import = true };
	memset(d->serial, 'S', CONFIG_SERIAL_MAX);
}

static void fill_ble_config(struct msg_ble_config *c)
{
	c->has_change = true;
	c->change_utc_s = CONFIG_CHANGE_MAX_S;
	c->change_offset_min = -720;
	c->level = 4;
	c->device_count = CONFIG_DEVICES_MAX;
	for (size_t i = 0; i < CONFIG_DEVICES_MAX; i++) {
		fill_device(&c->devices[i], (uint8_t)(i + 1));
		c->pins[i] = a_pin((uint8_t)(i + 1));
	}
}

static void fill_more(struct msg *m)
{
	if (m->kind == MSG_DISCARD)
		m->discard.capture = UINT64_MAX;
	else if (m->kind == MSG_MEMORY)
		m->memory = (struct msg_memory){ .num = 3,
						 .service = 0x181f,
						 .history = 7,
						 .anchor = 0x07ea0b1508000000,
						 .empty = true,
						 .mark = UINT32_MAX,
						 .has_fence = true,
						 .fence = 5 };
	else if (m->kind == MSG_WINDOW)
		m->window = (struct msg_window){ UINT32_MAX, 3, 7200000, true };
	else if (m->kind == MSG_BONDED)
		m->bonded = (struct msg_bonded){ 3, a_pin(3) };
	else if (m->kind == MSG_LINK_ASK)
		m->link_ask = (struct msg_link_ask){ 9, { 1 }, { 2 }, ADDR_RANDOM };
	else if (m->kind == MSG_LINK_FACTS)
		m->link_facts = (struct msg_link_facts){
			9, true, LINK_SC_AUTHENTICATED, 16, true, true, true, 0x0eff
		};
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
		m.decoded.history = UINT32_MAX;
		m.decoded.link = LINK_SC_AUTHENTICATED;
		m.decoded.unverified = true;
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
		fill_ble_config(&m.ble_config);
	} else if (kind == MSG_STORE_CONFIG) {
		m.store_config.epoch = 1;
	} else if (kind == MSG_COAP_CONFIG) {
		m.coap_config.heartbeat_s = 300;
		m.coap_config.endpoint_count = CONFIG_ENDPOINTS_MAX;
		for (size_t i = 0; i < CONFIG_ENDPOINTS_MAX; i++)
			fill_endpoint(&m.coap_config.endpoints[i]);
	} else {
		fill_more(&m);
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

static struct msg through(struct msg in)
{
	uint8_t b[MSG_BYTES_MAX];
	struct msg out;
	int n = msg_encode(&in, b, sizeof(b));

	CHECK(n > 0);
	CHECK_INT(msg_decode(b, (size_t)n, &out), 0);
	return out;
}

/* That what comes out is what went in, not only as many bytes. */
static void test_fields(void)
{
	struct msg in, out;

	out = through(sample(MSG_DECODED));
	CHECK_UINT(out.decoded.history, UINT32_MAX);
	CHECK_INT(out.decoded.link, LINK_SC_AUTHENTICATED);
	CHECK(out.decoded.unverified);
	out = through(sample(MSG_DISCARD));
	CHECK_UINT(out.discard.capture, UINT64_MAX);
	in = sample(MSG_MEMORY), out = through(in);
	CHECK_MEM(&out.memory, &in.memory, sizeof(in.memory));
	in = sample(MSG_WINDOW), out = through(in);
	CHECK_MEM(&out.window, &in.window, sizeof(in.window));
	in = sample(MSG_BONDED), out = through(in);
	CHECK_MEM(&out.bonded, &in.bonded, sizeof(in.bonded));
	in = sample(MSG_LINK_ASK), out = through(in);
	CHECK_MEM(&out.link_ask, &in.link_ask, sizeof(in.link_ask));
	in = sample(MSG_LINK_FACTS), out = through(in);
	CHECK_MEM(&out.link_facts, &in.link_facts, sizeof(in.link_facts));
	in = sample(MSG_BLE_CONFIG), out = through(in);
	CHECK_MEM(&out.ble_config, &in.ble_config, sizeof(in.ble_config));
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

static int refuse(const struct msg *m)
{
	uint8_t b[MSG_BYTES_MAX];
	struct msg out;
	int n = msg_encode(m, b, sizeof(b));

	CHECK(n > 0);
	return msg_decode(b, (size_t)n, &out);
}

/* One wrong field in a good message. */
#define REFUSED(kind_, field, value)                                                     \
	do {                                                                             \
		struct msg m_ = sample(kind_);                                           \
		CHECK_INT(refuse(&m_), 0);                                               \
		m_.field = (value);                                                      \
		CHECK_INT(refuse(&m_), -ERANGE);                                         \
	} while (0)
#define TAKEN(kind_, field, value)                                                       \
	do {                                                                             \
		struct msg m_ = sample(kind_);                                           \
		m_.field = (value);                                                      \
		CHECK_INT(refuse(&m_), 0);                                               \
	} while (0)

static void test_ranges(void)
{
	REFUSED(MSG_RAW, raw.utc_offset_min, 841);
	REFUSED(MSG_RAW, raw.capture, 0);
	REFUSED(MSG_RAW, raw.kind, READING_NONE);
	REFUSED(MSG_RAW, raw.kind, (enum reading_kind)(READING_KIND_LAST + 1));
	REFUSED(MSG_RAW, raw.kind, READING_TOMBSTONE);
	TAKEN(MSG_RAW, raw.kind, READING_KIND_LAST);
	REFUSED(MSG_UPLOAD, batch.first, 4);
	REFUSED(MSG_DECODED, decoded.link, (enum link_strength)5);
	REFUSED(MSG_DISCARD, discard.capture, 0);
	REFUSED(MSG_MEMORY, memory.num, 0);
	REFUSED(MSG_MEMORY, memory.service, 0);
	REFUSED(MSG_WINDOW, window.ms_left, 7200001);
	TAKEN(MSG_WINDOW, window.id, 0);
	REFUSED(MSG_BONDED, bonded.num, 0);
	REFUSED(MSG_BONDED, bonded.pin.known, false);
	REFUSED(MSG_BONDED, bonded.pin.strength, (enum link_strength)5);
	REFUSED(MSG_LINK_ASK, link_ask.addr_type, (enum addr_type)2);
	REFUSED(MSG_LINK_FACTS, link_facts.key_size, 17);
	REFUSED(MSG_LINK_FACTS, link_facts.key_size, 6);
	TAKEN(MSG_LINK_FACTS, link_facts.key_size, 7);
	TAKEN(MSG_LINK_FACTS, link_facts.key_size, 0);
	REFUSED(MSG_STATUS, status.what, (enum status_what)(STATUS_REASON + 1));
	TAKEN(MSG_STATUS, status.what, STATUS_REASON);
}

static void test_device_ranges(void)
{
	REFUSED(MSG_BLE_CONFIG, ble_config.devices[3].passkey, 1000000);
	TAKEN(MSG_BLE_CONFIG, ble_config.devices[3].passkey, 999999);
	REFUSED(MSG_BLE_CONFIG, ble_config.devices[3].num, 0);
	REFUSED(MSG_BLE_CONFIG, ble_config.devices[3].kind, READING_GLUCOSE_CONTEXT);
	REFUSED(MSG_BLE_CONFIG, ble_config.devices[3].has_addr, false);
	REFUSED(MSG_BLE_CONFIG, ble_config.devices[3].addr[0], 0); /* all zero */
	REFUSED(MSG_BLE_CONFIG, ble_config.devices[3].consent, CONFIG_CONSENT_MAX + 1);
	TAKEN(MSG_BLE_CONFIG, ble_config.devices[3].serial[0], 0);
	REFUSED(MSG_BLE_CONFIG, ble_config.pins[3].strength, (enum link_strength)5);
	REFUSED(MSG_BLE_CONFIG, ble_config.level, 5);
	REFUSED(MSG_BLE_CONFIG, ble_config.change_utc_s, -1);
	REFUSED(MSG_BLE_CONFIG, ble_config.change_utc_s, CONFIG_CHANGE_MAX_S + 1);
	REFUSED(MSG_BLE_CONFIG, ble_config.change_offset_min, 841);
	REFUSED(MSG_BLE_CONFIG, ble_config.utc_offset_min, -721);
}

/* Text with a zero inside would be cut somewhere. */
static void test_text_with_zero(void)
{
	struct msg m = sample(MSG_BONDED);
	uint8_t b[MSG_BYTES_MAX];
	int n;

	m.bonded.pin.serial[1] = '\0'; /* cut here */
	n = msg_encode(&m, b, sizeof(b));
	CHECK_INT(msg_decode(b, (size_t)n, &m), 0);
	CHECK_UINT(b[2 + 2 + 1 + 6 + 1 + 1], 1);
	b[2 + 2 + 1 + 6 + 1 + 1 + 1] = 0;
	CHECK_INT(msg_decode(b, (size_t)n, &m), -ERANGE);
}

/* Readings go one way: nobody but hub-ble may hand one to hub-store, nobody sends one to hub-coap. */
static void test_table(void)
{
	static const enum role all[] = { ROLE_NONE, ROLE_BLE,  ROLE_STORE,
					 ROLE_COAP, ROLE_HUBD, ROLE_BOND };
	unsigned allowed = 0;

	CHECK(msg_allowed(MSG_RAW, ROLE_BLE, ROLE_STORE));
	CHECK(!msg_allowed(MSG_RAW, ROLE_COAP, ROLE_STORE));
	CHECK(!msg_allowed(MSG_RAW, ROLE_BLE, ROLE_COAP));
	CHECK(!msg_allowed(MSG_UPLOAD, ROLE_STORE, ROLE_BLE));
	CHECK(!msg_allowed(MSG_STORE_CONFIG, ROLE_COAP, ROLE_STORE));
	CHECK(!msg_allowed(MSG_TIME, ROLE_BLE, ROLE_HUBD));
	CHECK(!msg_allowed(MSG_WINDOW, ROLE_BLE, ROLE_HUBD));
	CHECK(!msg_allowed(MSG_BONDED, ROLE_STORE, ROLE_HUBD));
	CHECK(msg_allowed(MSG_MEMORY, ROLE_STORE, ROLE_BLE));
	CHECK(msg_allowed(MSG_MEMORY, ROLE_BLE, ROLE_STORE));
	CHECK(!msg_allowed(MSG_LINK_FACTS, ROLE_BLE, ROLE_BOND));
	CHECK(!msg_allowed(MSG_LINK_FACTS, ROLE_BOND, ROLE_STORE));
	for (size_t k = 0; k < KINDS; k++)
		for (size_t f = 0; f < 6; f++)
			for (size_t t = 0; t < 6; t++)
				allowed += msg_allowed(kinds[k], all[f], all[t]);
	/* as many as docs/MESSAGES.md lists: one way each, MEMORY two, three with three */
	CHECK_UINT(allowed, 16 + 2 + 3 * 3);
}

static void test_words(void)
{
	CHECK_STR(role_text(ROLE_BOND), "bond");
	CHECK_STR(silence_reason_text(SILENCE_NONE), "none");
	CHECK_STR(silence_reason_text(SILENCE_CONSENT), "consent");
	CHECK_STR(silence_reason_text((enum silence_reason)12), "?");
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

TEST_MAIN("msg", test_round_trip, test_fields, test_version_and_kind, test_ranges,
	  test_device_ranges, test_text_with_zero, test_table, test_words, test_garbage)
