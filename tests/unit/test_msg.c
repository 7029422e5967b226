/*
 * test_msg.c - the messages between processes: each kind there and back, the table, garbage.
 */
#include "tests/unit/test.h"

#include "hub/core/msg.h"
#include "hub/core/verbs.h"

#include "hub/core/err.h"

static const enum msg_kind kinds[] = {
	MSG_RAW,	   MSG_DECODED,
	MSG_DISCARD,	   MSG_STORE_STATE,
	MSG_DURABLE,	   MSG_MEMORY,
	MSG_UPLOAD,	   MSG_QUEUE_STATE,
	MSG_WANT,	   MSG_ACK,
	MSG_BLE_CONFIG,	   MSG_STORE_CONFIG,
	MSG_COAP_CONFIG,   MSG_TIME,
	MSG_WINDOW,	   MSG_INCIDENT,
	MSG_STATUS,	   MSG_BONDED,
	MSG_LINK_ASK,	   MSG_LINK_FACTS,
	MSG_EVIDENCE,	   MSG_EVIDENCE_TAKEN,
	MSG_SNAPSHOT,	   MSG_SNAPSHOT_TAKEN,
	MSG_HEALTH,	   MSG_OFFER,
	MSG_VERDICT,	   MSG_FENCE,
	MSG_FENCED,	   MSG_ENROLMENT,
	MSG_SIGN_KEYS,	   MSG_IDENTITY,
	MSG_CONSOLE_ASK,   MSG_CONSOLE_ANSWER,
	MSG_CONSOLE_CABLE, MSG_AUDIT,
	MSG_EXPORT,	   MSG_EXPORTED,
	MSG_ANCHOR,	   MSG_LEAVING,
	MSG_UNPAIR,	   MSG_ACCOUNT,
	MSG_ACCOUNT_TAKEN,
};

enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

static void fill_raw(struct msg *m)
{
	m->raw.instance = 1;
	m->raw.capture = 2;
	m->raw.assignment = UINT32_MAX;
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

/* As long as there can be one. */
static void fill_account(struct msg_account *m)
{
	struct console_account a = { .number = UINT64_MAX,
				     .end = CONSOLE_END_IDLE,
				     .began_s = 2000000000,
				     .lasted_s = UINT32_MAX,
				     .technician = UINT32_MAX,
				     .signer_count = 2,
				     .signers = { UINT32_MAX, UINT32_MAX },
				     .wrong = UINT32_MAX,
				     .row_count = CONSOLE_ACCOUNT_ROWS_MAX,
				     .more = UINT32_MAX };

	for (size_t i = 0; i < CONSOLE_ACCOUNT_ROWS_MAX; i++)
		a.rows[i] =
			(struct console_account_row){ VERB_LAST, CONSOLE_ACCOUNT_BEGUN,
						      UINT32_MAX };
	m->number = a.number;
	m->len = (uint16_t)console_account_encode(&a, m->bytes, sizeof(m->bytes));
	CHECK(m->len <= CONSOLE_ACCOUNT_BYTES_MAX);
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
	c->limit_count = LIMITS_MAX;
	for (size_t i = 0; i < LIMITS_MAX; i++)
		c->limits[i] = (struct limit){ VALUE_SPO2, true, i > 0, 90000,
					       i > 0 ? LIMIT_MILLI_MAX : 0 };
}

static void fill_health(struct msg_health *h)
{
	h->level = 4;
	h->light = 15;
	h->clock = CLOCK_QUALITY_CLINIC;
	h->radio = true;
	h->config_version = UINT64_MAX;
	h->proven_version = UINT64_MAX - 1;
	h->refused_version = UINT64_MAX - 2;
	h->refusal = REFUSAL_LAST;
	h->trial = TRIAL_LAST;
	h->assignment = UINT32_MAX;
	h->fence = FENCE_SEAL;
	h->enrolment = ENROL_STATE_LAST;
	h->trouble = ENROL_TROUBLE_LAST;
	h->path = (struct path_quality){ PATH_TRIP_MAX_MS, PATH_REQUESTS_MAX,
					 PATH_REQUESTS_MAX };
	h->escrow = (struct escrow_sealed){ .there = true, .lock_epoch = 7 };
	h->escrow.bytes[0] = 1;
	h->escrow.bytes[ESCROW_SEALED_LEN - 1] = 2;
	h->trigger_count = HEALTH_TRIGGERS_MAX;
	for (size_t i = 0; i < HEALTH_TRIGGERS_MAX; i++)
		h->triggers[i] =
			(struct health_trigger){ HEALTH_TRIGGER_LAST, UINT16_MAX,
						 UINT32_MAX, HEALTH_TRIGGER_LEVEL_MAX };
	h->device_count = CONFIG_DEVICES_MAX;
	for (size_t i = 0; i < CONFIG_DEVICES_MAX; i++)
		h->devices[i] = (struct health_device){
			.num = (uint16_t)(i + 1),
			.told = true,
			.state = DEVICE_PAIRING_FAILED,
			.reason = SILENCE_REASON_LAST,
			.seen = true,
			.read = true,
			.seen_at = { 1000 + i },
			.read_at = { UINT64_MAX },
			.battery = 100,
			.has_clock_error = true,
			.clock_error_s = INT32_MIN,
			.signal_dbm = SIGNAL_MIN_DBM,
		};
}

static void fill_offer(struct msg_offer *o)
{
	*o = (struct msg_offer){ .id = UINT32_MAX,
				 .version = INT64_MAX,
				 .total = CONFIG_BYTES_MAX,
				 .offset = CONFIG_BYTES_MAX - OFFER_PIECE_MAX,
				 .len = OFFER_PIECE_MAX };
	for (size_t i = 0; i < OFFER_PIECE_MAX; i++)
		o->bytes[i] = (uint8_t)(i * 7);
}

static void fill_enrolment(struct msg_enrolment *e)
{
	*e = (struct msg_enrolment){ .state = ENROL_STATE_LAST,
				     .trouble = ENROL_TROUBLE_LAST,
				     .renewing = true,
				     .epoch = UINT32_MAX,
				     .has_hub = true,
				     .hub = { 1, 2, 3 },
				     .total = ENROLMENT_TRUST_MAX,
				     .offset = ENROLMENT_TRUST_MAX - ENROLMENT_PIECE_MAX,
				     .len = ENROLMENT_PIECE_MAX };
	memset(e->bytes, 0x5a, sizeof(e->bytes));
}

static void fill_answer(struct msg_console_answer *a)
{
	*a = (struct msg_console_answer){ .ask = 3,
					  .more = true,
					  .outcome = CONSOLE_OUTCOME_LAST,
					  .why = CONSOLE_WHY_LAST,
					  .end = CONSOLE_END_LAST,
					  .challenged = true,
					  .challenge = { 1 },
					  .count = CONSOLE_VALUES_MAX };
	for (size_t i = 0; i < CONSOLE_VALUES_MAX; i++)
		a->values[i] = (struct console_value){ 9, CONSOLE_LABEL_LAST,
						       CONSOLE_TYPE_LAST, UINT64_MAX };
}

static void fill_more(struct msg *m)
{
	if (m->kind == MSG_OFFER)
		fill_offer(&m->offer);
	else if (m->kind == MSG_ENROLMENT)
		fill_enrolment(&m->enrolment);
	else if (m->kind == MSG_SIGN_KEYS)
		m->sign_keys = (struct msg_sign_keys){
			UINT32_MAX, true, { 4, 5 }, true, { 6, 7 }
		};
	else if (m->kind == MSG_LEAVING)
		m->leaving.leaving = true;
	else if (m->kind == MSG_UNPAIR)
		m->unpair.num = 7;
	else if (m->kind == MSG_ANCHOR)
		m->anchor = (struct msg_anchor){ true,
						 CONFIG_TRUST_MAX,
						 ANCHOR_BYTES_MAX,
						 ANCHOR_BYTES_MAX - ENROLMENT_PIECE_MAX,
						 ENROLMENT_PIECE_MAX,
						 { 1, 2 } };
	else if (m->kind == MSG_IDENTITY)
		m->identity = (struct msg_identity){
			IDENTITY_LEVEL_WITHHELD - 1, UINT32_MAX, true, { 8, 9 }
		};
	else if (m->kind == MSG_VERDICT)
		m->verdict =
			(struct msg_verdict){ UINT32_MAX, OFFER_REFUSED, REFUSAL_LAST };
	else if (m->kind == MSG_DISCARD)
		m->discard.capture = UINT64_MAX;
	else if (m->kind == MSG_MEMORY)
		m->memory = (struct msg_memory){ .num = 3,
						 .service = 0x181f,
						 .assignment = UINT32_MAX,
						 .history = 7,
						 .anchor = 0x07ea0b1508000000,
						 .empty = true,
						 .mark = UINT32_MAX,
						 .has_fence = true,
						 .fence = 5 };
	else if (m->kind == MSG_FENCE || m->kind == MSG_FENCED)
		m->fence = (struct msg_fence){ UINT32_MAX, FENCE_SEAL, 7 };
	else if (m->kind == MSG_WINDOW)
		m->window = (struct msg_window){ UINT32_MAX, 3, 7200000, true };
	else if (m->kind == MSG_HEALTH)
		fill_health(&m->health);
	else if (m->kind == MSG_BONDED)
		m->bonded = (struct msg_bonded){ 3, a_pin(3) };
	else if (m->kind == MSG_LINK_ASK)
		m->link_ask = (struct msg_link_ask){ 9, { 1 }, { 2 }, ADDR_RANDOM };
	else if (m->kind == MSG_LINK_FACTS)
		m->link_facts = (struct msg_link_facts){
			9, true, LINK_SC_AUTHENTICATED, 16, true, true, true, 0x0eff
		};
	else if (m->kind == MSG_EVIDENCE)
		m->evidence = (struct msg_evidence){
			UINT64_MAX, 14, 15, 3, EVIDENCE_PIECE_BODY_MAX, { 0x85, 1 }
		};
	else if (m->kind == MSG_EVIDENCE_TAKEN)
		m->evidence_taken = (struct msg_evidence_taken){ UINT64_MAX, 42 };
	else if (m->kind == MSG_SNAPSHOT)
		m->snapshot = (struct msg_snapshot){ UINT64_MAX,
						     SNAPSHOT_PIECES_MAX - 1,
						     SNAPSHOT_PIECES_MAX,
						     SNAPSHOT_PIECE_MAX,
						     { 0x86, 1 } };
	else if (m->kind == MSG_SNAPSHOT_TAKEN)
		m->snapshot_taken = (struct msg_snapshot_taken){ 42, 512, true };
	else if (m->kind == MSG_CONSOLE_ASK)
		m->console_ask = (struct msg_console_ask){
			1, 255, UINT64_MAX, CONSOLE_BYTES_MAX, { 0xd2 }
		};
	else if (m->kind == MSG_CONSOLE_ANSWER)
		fill_answer(&m->console_answer);
	else if (m->kind == MSG_CONSOLE_CABLE)
		m->console_cable.senses = true;
	else if (m->kind == MSG_EXPORT)
		m->export = (struct msg_export){ UINT32_MAX, EXPORT_QUEUE };
	else if (m->kind == MSG_EXPORTED)
		m->exported = (struct msg_exported){ 7, EXPORT_NOTHING, UINT64_MAX, 3 };
	else if (m->kind == MSG_ACCOUNT)
		fill_account(&m->account);
	else if (m->kind == MSG_ACCOUNT_TAKEN)
		m->account_taken.number = UINT64_MAX;
	else if (m->kind == MSG_AUDIT)
		m->audit = (struct audit_event){ .kind = AUDIT_CONSOLE_VERB,
						 .outcome = AUDIT_MINOR_FAILURE,
						 .agent = AUDIT_AGENT_PERSON,
						 .source = ROLE_CONSOLE,
						 .object = AUDIT_OBJECT_COUNT,
						 .a = UINT64_MAX,
						 .detail = "reboot" };
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
	} else if (kind == MSG_QUEUE_STATE) {
		m.queue_state.alarm = true;
	} else if (kind == MSG_WANT) {
		m.want.size = BATCH_BYTES_LEAST;
	} else if (kind == MSG_ACK) {
		m.ack.recut = true;
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
		m.store_config.retire = COMMAND_RETIRE_DISCARD;
	} else if (kind == MSG_COAP_CONFIG) {
		m.coap_config.version = UINT64_MAX;
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
	CHECK_UINT(through(sample(MSG_RAW)).raw.assignment, UINT32_MAX);
	in = sample(MSG_FENCED), out = through(in);
	CHECK_MEM(&out.fence, &in.fence, sizeof(in.fence));
	in = sample(MSG_ENROLMENT), out = through(in);
	CHECK_MEM(&out.enrolment, &in.enrolment, sizeof(in.enrolment));
	in = sample(MSG_SIGN_KEYS), out = through(in);
	CHECK_MEM(&out.sign_keys, &in.sign_keys, sizeof(in.sign_keys));
	in = sample(MSG_IDENTITY), out = through(in);
	CHECK_MEM(&out.identity, &in.identity, sizeof(in.identity));
	in = sample(MSG_ANCHOR), out = through(in);
	CHECK_MEM(&out.anchor, &in.anchor, sizeof(in.anchor));
	in = sample(MSG_WINDOW), out = through(in);
	CHECK_MEM(&out.window, &in.window, sizeof(in.window));
	in = sample(MSG_HEALTH), out = through(in);
	CHECK_UINT(out.health.config_version, UINT64_MAX);
	CHECK_INT(out.health.clock, CLOCK_QUALITY_CLINIC);
	CHECK_UINT(out.health.light, 15);
	CHECK_UINT(out.health.assignment, UINT32_MAX);
	CHECK_INT(out.health.fence, FENCE_SEAL);
	CHECK_INT(out.health.enrolment, ENROL_STATE_LAST);
	CHECK_INT(out.health.trouble, ENROL_TROUBLE_LAST);
	CHECK_UINT(out.health.devices[15].seen_at.ms, 1015);
	CHECK_INT(out.health.devices[15].clock_error_s, INT32_MIN);
	CHECK_INT(out.health.devices[15].signal_dbm, SIGNAL_MIN_DBM);
	CHECK_UINT(out.health.path.trip_ms, PATH_TRIP_MAX_MS);
	CHECK_UINT(out.health.path.requests + out.health.path.again,
		   2 * PATH_REQUESTS_MAX);
	CHECK_INT(out.health.devices[15].state, DEVICE_PAIRING_FAILED);
	in = sample(MSG_BONDED), out = through(in);
	CHECK_MEM(&out.bonded, &in.bonded, sizeof(in.bonded));
	in = sample(MSG_LINK_ASK), out = through(in);
	CHECK_MEM(&out.link_ask, &in.link_ask, sizeof(in.link_ask));
	in = sample(MSG_EVIDENCE), out = through(in);
	CHECK_MEM(&out.evidence, &in.evidence, sizeof(in.evidence));
	CHECK_UINT(through(sample(MSG_EVIDENCE_TAKEN)).evidence_taken.counter,
		   UINT64_MAX);
	CHECK_UINT(through(sample(MSG_EVIDENCE_TAKEN)).evidence_taken.snapshot, 42);
	in = sample(MSG_SNAPSHOT), out = through(in);
	CHECK_MEM(&out.snapshot, &in.snapshot, sizeof(in.snapshot));
	in = sample(MSG_SNAPSHOT_TAKEN), out = through(in);
	CHECK_UINT(out.snapshot_taken.number, 42);
	CHECK_UINT(out.snapshot_taken.count, 512);
	CHECK(out.snapshot_taken.whole);
	CHECK_UINT(through(sample(MSG_EXPORT)).export.ask, UINT32_MAX);
	CHECK_INT(through(sample(MSG_EXPORT)).export.what, EXPORT_QUEUE);
	in = sample(MSG_EXPORTED), out = through(in);
	CHECK_UINT(out.exported.ask, 7);
	CHECK_INT(out.exported.state, EXPORT_NOTHING);
	CHECK_UINT(out.exported.records, UINT64_MAX);
	CHECK_UINT(out.exported.bytes, 3);
	in = sample(MSG_ACCOUNT), out = through(in);
	CHECK_MEM(&out.account, &in.account, sizeof(in.account));
	CHECK_UINT(through(sample(MSG_ACCOUNT_TAKEN)).account_taken.number, UINT64_MAX);
	in = sample(MSG_LINK_FACTS), out = through(in);
	CHECK_MEM(&out.link_facts, &in.link_facts, sizeof(in.link_facts));
	in = sample(MSG_HEALTH), out = through(in);
	CHECK_MEM(&out.health.escrow, &in.health.escrow, sizeof(in.health.escrow));
	CHECK_UINT(through(sample(MSG_HEALTH)).health.proven_version, UINT64_MAX - 1);
	CHECK_UINT(through(sample(MSG_HEALTH)).health.refused_version, UINT64_MAX - 2);
	CHECK_INT(through(sample(MSG_HEALTH)).health.refusal, REFUSAL_LAST);
	CHECK_INT(through(sample(MSG_HEALTH)).health.trial, TRIAL_LAST);
	in = sample(MSG_OFFER), out = through(in);
	CHECK_MEM(&out.offer, &in.offer, sizeof(in.offer));
	in = sample(MSG_VERDICT), out = through(in);
	CHECK_MEM(&out.verdict, &in.verdict, sizeof(in.verdict));
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
	REFUSED(MSG_FENCE, fence.step, FENCE_SETTLED);
	TAKEN(MSG_FENCE, fence.step, FENCE_QUIET);
	REFUSED(MSG_FENCED, fence.step, (enum fence_step)(FENCE_STEP_LAST + 1));
	TAKEN(MSG_FENCED, fence.assignment, 0);
	REFUSED(MSG_HEALTH, health.fence, (enum fence_step)(FENCE_STEP_LAST + 1));
	REFUSED(MSG_HEALTH, health.enrolment, (enum enrol_state)(ENROL_STATE_LAST + 1));
	REFUSED(MSG_HEALTH, health.trouble, (enum enrol_trouble)(ENROL_TROUBLE_LAST + 1));
	TAKEN(MSG_HEALTH, health.enrolment, ENROL_NONE);
	REFUSED(MSG_ENROLMENT, enrolment.state, ENROL_NONE);
	REFUSED(MSG_ENROLMENT, enrolment.state, (enum enrol_state)(ENROL_STATE_LAST + 1));
	REFUSED(MSG_ENROLMENT, enrolment.trouble,
		(enum enrol_trouble)(ENROL_TROUBLE_LAST + 1));
	REFUSED(MSG_ENROLMENT, enrolment.total, ENROLMENT_TRUST_MAX + 1);
	REFUSED(MSG_ENROLMENT, enrolment.total, ENROLMENT_TRUST_MAX - 1);
	REFUSED(MSG_ENROLMENT, enrolment.offset,
		ENROLMENT_TRUST_MAX - ENROLMENT_PIECE_MAX + 1);
	TAKEN(MSG_ENROLMENT, enrolment.epoch, 0);
	REFUSED(MSG_SIGN_KEYS, sign_keys.epoch, 0);
	REFUSED(MSG_SIGN_KEYS, sign_keys.has_sign, false);
	TAKEN(MSG_SIGN_KEYS, sign_keys.has_audit, false);
	REFUSED(MSG_ANCHOR, anchor.trust, 0);
	REFUSED(MSG_ANCHOR, anchor.trust,
		CONFIG_TRUST_MAX - 1); /* what is behind it is too long */
	REFUSED(MSG_ANCHOR, anchor.trust, CONFIG_TRUST_MAX + 1);
	REFUSED(MSG_ANCHOR, anchor.total, ANCHOR_BYTES_MAX + 1);
	REFUSED(MSG_ANCHOR, anchor.total, CONFIG_TRUST_MAX - 1);
	REFUSED(MSG_ANCHOR, anchor.offset, ANCHOR_BYTES_MAX - ENROLMENT_PIECE_MAX + 1);
	TAKEN(MSG_ANCHOR, anchor.only, false);
	REFUSED(MSG_IDENTITY, identity.level, 5);
	REFUSED(MSG_IDENTITY, identity.level,
		IDENTITY_LEVEL_WITHHELD); /* with the share */
	TAKEN(MSG_IDENTITY, identity.has_share, false);
	REFUSED(MSG_WINDOW, window.ms_left, 7200001);
	TAKEN(MSG_WINDOW, window.id, 0);
	REFUSED(MSG_BONDED, bonded.num, 0);
	REFUSED(MSG_BONDED, bonded.pin.known, false);
	REFUSED(MSG_BONDED, bonded.pin.strength, (enum link_strength)5);
	REFUSED(MSG_LINK_ASK, link_ask.addr_type, (enum addr_type)2);
	REFUSED(MSG_LINK_FACTS, link_facts.key_size, 17);
	REFUSED(MSG_EVIDENCE, evidence.index, 15);
	REFUSED(MSG_EVIDENCE, evidence.total, EVIDENCE_PIECES_MAX + 1);
	REFUSED(MSG_EVIDENCE, evidence.counter, 0);
	REFUSED(MSG_SNAPSHOT, snapshot.number, 0);
	REFUSED(MSG_SNAPSHOT, snapshot.index, SNAPSHOT_PIECES_MAX);
	REFUSED(MSG_SNAPSHOT, snapshot.total, SNAPSHOT_PIECES_MAX + 1);
	REFUSED(MSG_SNAPSHOT, snapshot.len, 0);
	REFUSED(MSG_CONSOLE_ASK, console_ask.ask, 0);
	REFUSED(MSG_CONSOLE_ASK, console_ask.verb, 0);
	REFUSED(MSG_CONSOLE_ANSWER, console_answer.values[0].type, CONSOLE_TYPE_NONE);
	REFUSED(MSG_CONSOLE_ANSWER, console_answer.values[63].type,
		(enum console_type)(CONSOLE_TYPE_LAST + 1));
	REFUSED(MSG_CONSOLE_ANSWER, console_answer.values[0].label, CONSOLE_LABEL_NONE);
	REFUSED(MSG_CONSOLE_ANSWER, console_answer.why,
		(enum console_why)(CONSOLE_WHY_LAST + 1));
	REFUSED(MSG_AUDIT, audit.kind, AUDIT_LEVEL);
	REFUSED(MSG_AUDIT, audit.kind, AUDIT_CHECKPOINT);
	REFUSED(MSG_AUDIT, audit.detail[0], '\x1b');
	REFUSED(MSG_AUDIT, audit.source, ROLE_LAST + 1);
	REFUSED(MSG_LINK_FACTS, link_facts.key_size, 6);
	TAKEN(MSG_LINK_FACTS, link_facts.key_size, 7);
	TAKEN(MSG_LINK_FACTS, link_facts.key_size, 0);
	REFUSED(MSG_STATUS, status.what, (enum status_what)(STATUS_WHAT_LAST + 1));
	TAKEN(MSG_STATUS, status.what, STATUS_WHAT_LAST);
	REFUSED(MSG_STORE_CONFIG, store_config.retire, (enum command_retire)4);
	TAKEN(MSG_STORE_CONFIG, store_config.retire, COMMAND_RETIRE_RESET);
	REFUSED(MSG_HEALTH, health.level, 5);
	REFUSED(MSG_HEALTH, health.light, 16);
	REFUSED(MSG_HEALTH, health.devices[0].num, 0);
	REFUSED(MSG_HEALTH, health.devices[4].num, 4);
	REFUSED(MSG_HEALTH, health.devices[4].battery, 101);
	TAKEN(MSG_HEALTH, health.devices[4].battery, UINT8_MAX);
	TAKEN(MSG_HEALTH, health.devices[4].signal_dbm, 0);
	REFUSED(MSG_HEALTH, health.devices[4].signal_dbm, 1);
	REFUSED(MSG_HEALTH, health.devices[4].signal_dbm, INT8_MIN);
	TAKEN(MSG_HEALTH, health.path.again, 0);
	REFUSED(MSG_HEALTH, health.path.again, PATH_REQUESTS_MAX + 1);
	REFUSED(MSG_HEALTH, health.path.requests, PATH_REQUESTS_MAX + 1);
	REFUSED(MSG_HEALTH, health.path.requests, PATH_REQUESTS_MAX - 1);
	REFUSED(MSG_HEALTH, health.path.trip_ms, PATH_TRIP_MAX_MS + 1);
	REFUSED(MSG_HEALTH, health.devices[4].reason,
		(enum silence_reason)(SILENCE_REASON_LAST + 1));
	TAKEN(MSG_HEALTH, health.device_count, 0);
	REFUSED(MSG_HEALTH, health.refusal, REFUSAL_NONE);
	REFUSED(MSG_HEALTH, health.refused_version, 0);
	REFUSED(MSG_HEALTH, health.refusal, (enum refusal)(REFUSAL_LAST + 1));
	REFUSED(MSG_HEALTH, health.trial, (enum trial)(TRIAL_LAST + 1));
	REFUSED(MSG_OFFER, offer.version, 0);
	REFUSED(MSG_OFFER, offer.version, INT64_MAX + UINT64_C(1));
	REFUSED(MSG_OFFER, offer.total, CONFIG_BYTES_MAX + 1);
	REFUSED(MSG_OFFER, offer.total, CONFIG_BYTES_MAX - 1);
	REFUSED(MSG_OFFER, offer.offset, CONFIG_BYTES_MAX - OFFER_PIECE_MAX + 1);
	TAKEN(MSG_OFFER, offer.offset, 0);
	REFUSED(MSG_OFFER, offer.len, 0);
	TAKEN(MSG_OFFER, offer.len, 1);
	REFUSED(MSG_VERDICT, verdict.outcome, OFFER_NONE);
	REFUSED(MSG_VERDICT, verdict.outcome, OFFER_TAKEN);
	REFUSED(MSG_VERDICT, verdict.outcome, (enum offer_outcome)(OFFER_LATER + 1));
	REFUSED(MSG_VERDICT, verdict.why, REFUSAL_NONE);
	REFUSED(MSG_VERDICT, verdict.why, (enum refusal)(REFUSAL_LAST + 1));
}

static void test_device_ranges(void)
{
	REFUSED(MSG_BLE_CONFIG, ble_config.devices[3].passkey, 1000000);
	TAKEN(MSG_BLE_CONFIG, ble_config.devices[3].passkey, 999999);
	REFUSED(MSG_BLE_CONFIG, ble_config.devices[3].num, 0);
	REFUSED(MSG_BLE_CONFIG, ble_config.limits[3].vital, VALUE_BMI);
	REFUSED(MSG_BLE_CONFIG, ble_config.limits[3].low_milli, LIMIT_MILLI_MAX);
	REFUSED(MSG_BLE_CONFIG, ble_config.limits[0].high_milli, 1);
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
	static const enum role all[] = {
		ROLE_NONE, ROLE_BLE,  ROLE_STORE,   ROLE_COAP,
		ROLE_HUBD, ROLE_BOND, ROLE_MEASURE, ROLE_CONSOLE
	};
	unsigned allowed = 0;

	CHECK(msg_allowed(MSG_RAW, ROLE_BLE, ROLE_STORE));
	CHECK(!msg_allowed(MSG_RAW, ROLE_COAP, ROLE_STORE));
	CHECK(!msg_allowed(MSG_RAW, ROLE_BLE, ROLE_COAP));
	CHECK(!msg_allowed(MSG_UPLOAD, ROLE_STORE, ROLE_BLE));
	CHECK(!msg_allowed(MSG_STORE_CONFIG, ROLE_COAP, ROLE_STORE));
	CHECK(!msg_allowed(MSG_TIME, ROLE_BLE, ROLE_HUBD));
	CHECK(msg_allowed(MSG_TIME, ROLE_HUBD, ROLE_STORE));
	CHECK(!msg_allowed(MSG_TIME, ROLE_COAP, ROLE_STORE));
	CHECK(!msg_allowed(MSG_TIME, ROLE_STORE, ROLE_HUBD));
	CHECK(!msg_allowed(MSG_WINDOW, ROLE_BLE, ROLE_HUBD));
	CHECK(!msg_allowed(MSG_FENCE, ROLE_BLE, ROLE_STORE));
	CHECK(!msg_allowed(MSG_FENCED, ROLE_COAP, ROLE_HUBD));
	CHECK(!msg_allowed(MSG_FENCED, ROLE_BLE, ROLE_STORE));
	CHECK(msg_allowed(MSG_HEALTH, ROLE_HUBD, ROLE_STORE));
	CHECK(!msg_allowed(MSG_HEALTH, ROLE_BLE, ROLE_STORE));
	CHECK(!msg_allowed(MSG_HEALTH, ROLE_STORE, ROLE_HUBD));
	CHECK(!msg_allowed(MSG_BONDED, ROLE_STORE, ROLE_HUBD));
	CHECK(msg_allowed(MSG_OFFER, ROLE_COAP, ROLE_HUBD));
	CHECK(!msg_allowed(MSG_OFFER, ROLE_STORE, ROLE_HUBD));
	CHECK(!msg_allowed(MSG_OFFER, ROLE_BLE, ROLE_HUBD));
	CHECK(!msg_allowed(MSG_VERDICT, ROLE_COAP, ROLE_HUBD));
	CHECK(!msg_allowed(MSG_ENROLMENT, ROLE_HUBD, ROLE_COAP));
	CHECK(!msg_allowed(MSG_ENROLMENT, ROLE_STORE, ROLE_HUBD));
	CHECK(!msg_allowed(MSG_ANCHOR, ROLE_COAP, ROLE_HUBD));
	CHECK(!msg_allowed(MSG_ANCHOR, ROLE_HUBD, ROLE_STORE));
	CHECK(through(sample(MSG_LEAVING)).leaving.leaving);
	CHECK_UINT(through(sample(MSG_UNPAIR)).unpair.num, 7);
	REFUSED(MSG_UNPAIR, unpair.num, 0);
	REFUSED(MSG_ACCOUNT, account.number, 7);
	REFUSED(MSG_ACCOUNT, account.bytes[0], 0x8c);
	CHECK(msg_allowed(MSG_ACCOUNT, ROLE_HUBD, ROLE_STORE) &&
	      !msg_allowed(MSG_ACCOUNT, ROLE_CONSOLE, ROLE_STORE) &&
	      !msg_allowed(MSG_ACCOUNT_TAKEN, ROLE_STORE, ROLE_CONSOLE));
	CHECK(msg_allowed(MSG_UNPAIR, ROLE_HUBD, ROLE_BLE) &&
	      !msg_allowed(MSG_UNPAIR, ROLE_HUBD, ROLE_STORE) &&
	      !msg_allowed(MSG_UNPAIR, ROLE_COAP, ROLE_BLE));
	CHECK(!msg_allowed(MSG_LEAVING, ROLE_COAP, ROLE_HUBD));
	CHECK(!msg_allowed(MSG_IDENTITY, ROLE_COAP, ROLE_HUBD));
	CHECK(!msg_allowed(MSG_IDENTITY, ROLE_HUBD, ROLE_STORE));
	CHECK(!msg_allowed(MSG_SIGN_KEYS, ROLE_STORE, ROLE_HUBD));
	CHECK(!msg_allowed(MSG_SIGN_KEYS, ROLE_BLE, ROLE_STORE));
	CHECK(msg_allowed(MSG_MEMORY, ROLE_STORE, ROLE_BLE));
	CHECK(msg_allowed(MSG_MEMORY, ROLE_BLE, ROLE_STORE));
	CHECK(!msg_allowed(MSG_EVIDENCE, ROLE_COAP, ROLE_STORE));
	CHECK(!msg_allowed(MSG_SNAPSHOT, ROLE_HUBD, ROLE_STORE));
	CHECK(!msg_allowed(MSG_EVIDENCE, ROLE_MEASURE, ROLE_COAP));
	CHECK(msg_allowed(MSG_STATUS, ROLE_MEASURE, ROLE_HUBD));
	CHECK(!msg_allowed(MSG_STATUS, ROLE_MEASURE, ROLE_STORE));
	CHECK(!msg_allowed(MSG_LINK_FACTS, ROLE_BLE, ROLE_BOND));
	CHECK(!msg_allowed(MSG_LINK_FACTS, ROLE_BOND, ROLE_STORE));
	CHECK(!msg_allowed(MSG_CONSOLE_ANSWER, ROLE_CONSOLE, ROLE_HUBD));
	CHECK(!msg_allowed(MSG_AUDIT, ROLE_CONSOLE, ROLE_STORE));
	CHECK(!msg_allowed(MSG_AUDIT, ROLE_CONSOLE, ROLE_HUBD));
	CHECK(!msg_allowed(MSG_EXPORT, ROLE_CONSOLE, ROLE_STORE));
	CHECK(!msg_allowed(MSG_EXPORTED, ROLE_STORE, ROLE_CONSOLE));
	CHECK(!msg_allowed(MSG_INCIDENT, ROLE_CONSOLE, ROLE_HUBD));
	for (size_t k = 0; k < KINDS; k++)
		for (size_t f = 0; f < 8; f++)
			for (size_t t = 0; t < 8; t++)
				allowed += msg_allowed(kinds[k], all[f], all[t]);
	/* as many as docs/MESSAGES.md lists: one way each, MEMORY, FENCE, FENCED and SIGN_KEYS two, STATUS, INCIDENT
	 * and TIME four */
	CHECK_UINT(allowed, 36 + 4 * 2 + 3 * 4);
}

static void test_words(void)
{
	CHECK_STR(role_text(ROLE_BOND), "bond");
	CHECK_STR(fence_step_text(FENCE_SETTLED), "settled");
	CHECK_STR(fence_step_text(FENCE_SEAL), "seal");
	CHECK_STR(fence_step_text((enum fence_step)(FENCE_STEP_LAST + 1)), "?");
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

/* INV-8: what a process reports to hubd of what it saw is numbers, of one length; nothing that was sent to it fits in. */
static void test_incident(void)
{
	const struct msg_incident want = { INCIDENT_CODE, 0xfffe, UINT32_MAX };
	uint8_t b[MSG_BYTES_MAX];
	struct msg m = { .kind = MSG_INCIDENT, .incident = want };
	int n = msg_encode(&m, b, sizeof(b));

	CHECK_INT(n, 2 + 2 + 2 + 4); /* version, kind, what, subject, count */
	CHECK_INT(msg_decode(b, (size_t)n, &m), 0);
	CHECK_MEM(&m.incident, &want, sizeof(want));
	memset(b + n, 0, sizeof(b) - (size_t)n);
	for (size_t len = 0; len <= sizeof(b); len++)
		CHECK_INT(msg_decode(b, len, &m), len == (size_t)n ? 0 : -EBADMSG);
}

TEST_MAIN("msg", test_round_trip, test_fields, test_version_and_kind, test_ranges,
	  test_device_ranges, test_text_with_zero, test_table, test_words, test_garbage,
	  test_incident)
