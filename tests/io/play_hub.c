/*
 * play_hub.c - plays a hub without Bluetooth and without a network: seals and signs
 * readings of known content with the keys of a bundle, and hands the batch to the
 * clinic's ingest in this process.
 *
 *   play_hub CLINIC BUNDLE [--gave-up]      --gave-up: with tombstones, too
 *
 * What it stores, by number:
 *   1  mmHg with mean and pulse, the device's clock 4 min 12 s slow, offset read
 *   2  kPa with one decimal, pulse with one decimal; device's clock set
 *   3  systolic NaN, no result, irregular pulse, two users
 *   4  no device time
 *   5  raw bytes only
 *   6  hub had no clock
 *   7  alarm, a test reading, the device's clock error not measured
 *   9  sealed to a key that the clinic does not have (8 is missing)
 *  10  opens, but is not a reading
 *  11  weight in steps of 5 g, with BMI
 *  12  context of number 13, came before it
 *  13  glucose in kg/L from the meter's memory, whose user sees 15 min more
 *  14  context of a glucose that is not here
 *  15  CGM with status of all three octets, and trend
 *  16  oximeter without a clock, status of measurement and of device
 *  17  a window of a heart rate stream: two samples
 *  18  what a device says of itself, with its battery
 *  19  an observation in MDC codes, stamped in UTC
 *  20  temperature in the hour that clocks showed twice
 *  21  an observation stamped by a tick counter
 * It prints one line: the outcome and the answer's code.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/ingest.h"
#include "hub/core/reading.h"
#include "tests/io/bundle_hub.h"

enum {
	LAST = 21,
	BODIES = LAST - 1, /* 8 is missing */
	SIGNED_MAX = 16384,
};

static const int64_t captured_ms = 1795242665000; /* 2026-11-21 06:31:05 UTC */

struct player {
	struct bundle_hub hub;
	uint8_t bodies[BODIES][SEALED_BODY_MAX];
	struct batch batch;
};

static struct value value(enum value_name n, enum value_unit u, int32_t mantissa,
			  int8_t exponent)
{
	return (struct value){ .name = n,
			       .unit = u,
			       .number = { mantissa, exponent, DECIMAL_NUMBER } };
}

static struct value mdc(uint32_t code, uint16_t unit, int32_t mantissa, int8_t exponent)
{
	struct value v = value(VALUE_MDC, UNIT_MDC, mantissa, exponent);

	v.code = code;
	v.unit_code = unit;
	return v;
}

/* Number 1; the others are changes of it. */
static struct reading first(const struct player *p)
{
	static const uint8_t raw[] = { 0x1e, 0x80, 0x00, 0x52, 0x00, 0x61, 0x00 };
	const struct config_device *d = &p->hub.config.devices[0];
	struct reading rd = {
		.kind = READING_BLOOD_PRESSURE,
		.characteristic = 0x2a35,
		.raw_len = sizeof(raw),
		.peripheral = { .num = d->num, .addr_type = d->addr_type },
		.captured = { .boot = { 0xb0 },
			      .mono = { 123456 },
			      .wall = { captured_ms, 40, CLOCK_QUALITY_CLINIC } },
		.utc_offset_min = 60,
		.link = LINK_SC_AUTHENTICATED,
		.decoded = { .value_count = 4,
			     .values = { value(VALUE_SYSTOLIC, UNIT_MMHG, 128, 0),
					 value(VALUE_DIASTOLIC, UNIT_MMHG, 82, 0),
					 value(VALUE_MEAN_ARTERIAL, UNIT_MMHG, 97, 0),
					 value(VALUE_PULSE, UNIT_PER_MINUTE, 64, 0) },
			     .has_device_time = true,
			     .device_time = { 2026, 11, 21, 7, 26, 50 } },
		.clock = { .source = OFFSET_READ,
			   .offset_ms = 252000,
			   .uncertainty_ms = 1000 },
		.attribution = ATTRIBUTION_PROBABLE,
	};

	memcpy(rd.raw, raw, sizeof(raw));
	memcpy(rd.peripheral.addr, d->addr, sizeof(rd.peripheral.addr));
	return rd;
}

static void in_kpa(struct reading *rd)
{
	rd->decoded.value_count = 3;
	rd->decoded.values[0] = value(VALUE_SYSTOLIC, UNIT_KPA, 171, -1);
	rd->decoded.values[1] = value(VALUE_DIASTOLIC, UNIT_KPA, 1090, -2);
	rd->decoded.values[2] = value(VALUE_PULSE, UNIT_PER_MINUTE, 640, -1);
	rd->clock.source = OFFSET_SET;
	rd->clock.offset_ms = 0;
}

static void without_result(struct reading *rd)
{
	rd->decoded.values[0].number = (struct decimal){ .kind = DECIMAL_NAN };
	rd->decoded.marks = MARK_NO_RESULT;
	rd->decoded.has_status = true;
	rd->decoded.status = 1 << 0 | 1 << 2;
	rd->decoded.has_user = true;
	rd->decoded.user = 2;
	rd->attribution = ATTRIBUTION_CONFIRMED;
}

static void raw_only(struct reading *rd)
{
	rd->decoded = (struct decoded){ .marks = MARK_UNDECODED };
	rd->clock = (struct clock_offset){ .source = OFFSET_NONE };
	rd->attribution = ATTRIBUTION_UNASSIGNED;
}

/* As the device's own record, from its memory. */
static void stored(struct reading *rd, uint32_t sequence)
{
	rd->decoded.has_sequence = true;
	rd->decoded.sequence = sequence;
	rd->history = 1;
	rd->decoded.marks |= MARK_STORED;
}

static void weight(struct reading *rd)
{
	rd->kind = READING_WEIGHT;
	rd->decoded.value_count = 2;
	rd->decoded.values[0] = value(VALUE_WEIGHT, UNIT_KG, 81100, -3);
	rd->decoded.values[1] = value(VALUE_BMI, UNIT_KG_PER_M2, 250, -1);
	rd->link = LINK_LEGACY_JUST_WORKS;
}

static void glucose(struct reading *rd)
{
	rd->kind = READING_GLUCOSE;
	rd->decoded.value_count = 3;
	rd->decoded.values[0] = value(VALUE_GLUCOSE, UNIT_KG_PER_L, 105, -5);
	rd->decoded.values[1] = value(VALUE_SAMPLE_TYPE, UNIT_CODE, 2, 0);
	rd->decoded.values[2] = value(VALUE_SAMPLE_LOCATION, UNIT_CODE, 1, 0);
	rd->decoded.has_time_offset = true;
	rd->decoded.time_offset_min = 15;
	rd->decoded.has_status = true;
	rd->decoded.status = 1 << 0 | 1 << 6;
	rd->clock.offset_ms += 15 * 60000;
	stored(rd, 70);
}

static void context(struct reading *rd, uint32_t sequence)
{
	rd->kind = READING_GLUCOSE_CONTEXT;
	rd->decoded.value_count = 2;
	rd->decoded.values[0] = value(VALUE_MEAL, UNIT_CODE, 1, 0);
	rd->decoded.values[1] = value(VALUE_CARBOHYDRATE, UNIT_KG, 45, -3);
	rd->decoded.has_device_time = false;
	stored(rd, sequence);
}

static void cgm(struct reading *rd)
{
	rd->kind = READING_CGM;
	rd->decoded.value_count = 2;
	rd->decoded.values[0] = value(VALUE_GLUCOSE, UNIT_MG_PER_DL, 105, 0);
	rd->decoded.values[1] = value(VALUE_GLUCOSE_TREND, UNIT_MG_PER_DL_MIN, -12, -1);
	rd->decoded.has_status = true;
	rd->decoded.status = 1 << 1 | 1 << 10 | 1 << 20;
	stored(rd, 35);
}

static void oximeter(struct reading *rd)
{
	rd->kind = READING_OXIMETRY;
	rd->decoded.value_count = 2;
	rd->decoded.values[0] = value(VALUE_SPO2, UNIT_PERCENT, 97, 0);
	rd->decoded.values[1] = value(VALUE_PULSE, UNIT_PER_MINUTE, 61, 0);
	rd->decoded.marks = MARK_CLOCK_UNSET;
	rd->decoded.has_status = true;
	rd->decoded.status = 1 << 8;
	rd->decoded.has_device_status = true;
	rd->decoded.device_status = 1 << 5;
	rd->clock = (struct clock_offset){ .source = OFFSET_NONE };
}

static void heart_rate(struct reading *rd)
{
	static const uint8_t raw[] = { 0, 0, 2, 0x16, 60, 0xe8, 3, 2, 0x16, 61 };

	rd->kind = READING_HEART_RATE_STREAM;
	rd->characteristic = 0x2a37;
	rd->raw_len = sizeof(raw);
	memcpy(rd->raw, raw, sizeof(raw));
	rd->decoded.value_count = 3;
	rd->decoded.values[0] = value(VALUE_SAMPLES, UNIT_COUNT, 2, 0);
	rd->decoded.values[1] = value(VALUE_HEART_RATE_MEDIAN, UNIT_PER_MINUTE, 60, 0);
	rd->decoded.values[2] = value(VALUE_DURATION, UNIT_S, 1000, -3);
	rd->decoded.has_device_time = false;
}

static void information(struct reading *rd)
{
	static const uint8_t raw[] = {
		0x29, 0x2a, 4, 'A', '&',  'D', '\n', /* maker, with a control character */
		0x25, 0x2a, 3, '0', '4',  '2',	     /* serial */
		0x50, 0x2a, 7, 1,   0x69, 0,   1,    0, 2, 0, /* PnP ID */
		0x19, 0x2a, 1, 80,			      /* battery */
	};

	rd->kind = READING_DEVICE_INFORMATION;
	rd->characteristic = 0x180a;
	rd->raw_len = sizeof(raw);
	memcpy(rd->raw, raw, sizeof(raw));
	rd->decoded = (struct decoded){ .value_count = 0 };
	rd->clock = (struct clock_offset){ .source = OFFSET_NONE };
}

static void observation(struct reading *rd)
{
	rd->kind = READING_GENERIC;
	rd->decoded.value_count = 2;
	rd->decoded.values[0] = mdc(150456, 544, 970, -1);
	rd->decoded.values[1] = mdc(4711, 12, 1, 0);
	rd->decoded.time_is_utc = true;
	rd->decoded.device_time.hour = 6;
	rd->clock.offset_ms += 3600000;
}

static void in_ticks(struct reading *rd)
{
	observation(rd);
	rd->decoded.time_is_utc = false;
	rd->decoded.has_device_time = false;
	rd->decoded.has_ticks = true;
	rd->decoded.ticks = 36000000; /* an hour */
	rd->clock.offset_ms = captured_ms - 946684800000;
}

static void temperature(struct reading *rd)
{
	rd->kind = READING_TEMPERATURE;
	rd->decoded.value_count = 2;
	rd->decoded.values[0] = value(VALUE_TEMPERATURE, UNIT_CELSIUS, 3650, -2);
	rd->decoded.values[1] = value(VALUE_BODY_SITE, UNIT_CODE, 3, 0);
	rd->decoded.marks = MARK_AMBIGUOUS;
}

static struct reading make(const struct player *p, uint64_t seq)
{
	struct reading rd = first(p);

	switch (seq) {
	case 2: in_kpa(&rd); break;
	case 3: without_result(&rd); break;
	case 4: rd.decoded.has_device_time = false; break;
	case 5: raw_only(&rd); break;
	case 6:
		rd.captured.wall = (struct wall){ 0, UINT32_MAX, CLOCK_QUALITY_NONE };
		break;
	case 7:
		rd.decoded.marks = MARK_TEST;
		rd.clock = (struct clock_offset){ .source = OFFSET_NONE };
		break;
	case 11: weight(&rd); break;
	case 12: context(&rd, 70); break;
	case 13: glucose(&rd); break;
	case 14: context(&rd, 71); break;
	case 15: cgm(&rd); break;
	case 16: oximeter(&rd); break;
	case 17: heart_rate(&rd); break;
	case 18: information(&rd); break;
	case 19: observation(&rd); break;
	case 20: temperature(&rd); break;
	case 21: in_ticks(&rd); break;
	}
	return rd;
}

static size_t make_body(const struct player *p, uint64_t seq,
			uint8_t body[static READING_BODY_MAX])
{
	struct reading rd = make(p, seq);
	int n;

	if (seq == 10) {
		memset(body, 0xff, 20);
		return 20;
	}
	n = reading_encode(&rd, body, READING_BODY_MAX);
	need(n > 0, "reading_encode");
	return (size_t)n;
}

static void add(struct player *p, uint64_t seq)
{
	uint8_t body[READING_BODY_MAX], ad[ENVELOPE_LEN], private[X25519_LEN],
		other[X25519_LEN];
	size_t len = make_body(p, seq, body);
	uint8_t *sealed = p->bodies[p->batch.record_count];
	struct record *r = &p->batch.records[p->batch.record_count++];
	struct envelope e = {
		.epoch = p->hub.config.epoch,
		.assignment = p->hub.config.assignment,
		.seq = seq,
		.class = seq == 7 ? CLASS_ALARM : CLASS_ROUTINE,
		.kind = (uint8_t)make(p, seq).kind,
		.body_len = (uint32_t)SEALED_LEN(len),
	};

	memcpy(e.hub, p->hub.config.hub, HUB_ID_LEN);
	envelope_encode(&e, ad);
	x25519_generate(private, other);
	need(seal(p->hub.config.seal_key_id, seq == 9 ? other : p->hub.config.seal_public,
		  ad, sizeof(ad), body, len, sealed) == 0,
	     "seal");
	*r = (struct record){ e.assignment, seq, e.class, e.kind, sealed, e.body_len };
}

/* Number 8, which is not here, and some that nobody else uses; 20 and 21 are here all the same. */
static void give_up(struct player *p)
{
	static const struct tombstone given_up[] = {
		{ 8, 8, CLASS_ALARM, TOMBSTONE_REFUSED },
		{ 20, 23, CLASS_ROUTINE, TOMBSTONE_EVICTED },
		{ 24, 25, CLASS_ROUTINE, TOMBSTONE_EVICTED },
		{ 27, 27, CLASS_NONE, TOMBSTONE_SKIPPED },
	};

	p->batch.highest = 30;
	p->batch.tombstone_count = sizeof(given_up) / sizeof(*given_up);
	memcpy(p->batch.tombstones, given_up, sizeof(given_up));
}

static void upload(struct player *p)
{
	static uint8_t payload[SIGNED_MAX], cose[SIGNED_MAX];
	struct wall now = { captured_ms + 60000, 500, CLOCK_QUALITY_NTP };
	struct coap_server_response re;
	struct ingest_note note;
	struct ingest in;
	int n = batch_encode(&p->batch, payload, sizeof(payload));

	need(n > 0, "batch_encode");
	n = sign1_make(SIGN_CONTEXT_BATCH, p->hub.private, payload, (size_t)n, cose,
		       sizeof(cose));
	need(n > 0, "sign1_make");
	ingest_init(&in, p->hub.store);
	ingest_handle(&in, p->hub.spki, cose, (size_t)n, now, &re, &note);
	printf("%s %d.%02d stored=%u duplicate=%u\n", ingest_outcome_text(note.outcome),
	       re.code / 32, re.code % 32, note.stored, note.duplicate);
	need(note.outcome == INGEST_STORED, "not stored");
}

int main(int argc, char **argv)
{
	static struct player p;

	if (argc != 3 && (argc != 4 || strcmp(argv[3], "--gave-up") != 0))
		need(false, "usage: play_hub CLINIC BUNDLE [--gave-up]");
	need(crypto_init() == 0, "crypto_init");
	bundle_hub_load(argv[1], argv[2], &p.hub);
	p.batch.epoch = p.hub.config.epoch;
	p.batch.queued = 3;
	p.batch.highest = 23;
	memcpy(p.batch.hub, p.hub.config.hub, HUB_ID_LEN);
	for (uint64_t seq = 1; seq <= LAST; seq++) {
		if (seq != 8)
			add(&p, seq);
	}
	if (argc == 4)
		give_up(&p);
	upload(&p);
	store_close(p.hub.store);
	crypto_done();
	return 0;
}
