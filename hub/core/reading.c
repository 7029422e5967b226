/*
 * reading.c - the body of a reading as deterministic CBOR, and words for its enums; see reading.h.
 *
 * A map with ascending integer keys. Keys 0 to 8 are always there, 9 and up only if the value was decoded;
 * unknown keys are skipped so that a later hub can say more to an older clinic.
 */
#include "hub/core/reading.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cbor.h"

enum { BODY_VERSION = 1, BODY_KEYS_MAX = 64 };

enum body_key {
	KEY_VERSION = 0,
	KEY_KIND,
	KEY_CHARACTERISTIC,
	KEY_RAW,
	KEY_PERIPHERAL,
	KEY_CAPTURED,
	KEY_UTC_OFFSET,
	KEY_LINK,
	KEY_MARKS,
	KEY_VALUES,
	KEY_DEVICE_TIME,
	KEY_USER,
	KEY_STATUS,
	KEY_CLOCK,
	KEY_ATTRIBUTION,
	KEY_SEQUENCE,
	KEY_HISTORY,
	KEY_TIME_OFFSET,
	KEY_DEVICE_STATUS,
	KEY_TICKS,
	KEY_TIME_IS_UTC,
};

static bool is_decoded(const struct reading *rd)
{
	return !(rd->decoded.marks & MARK_UNDECODED);
}

static void put_value(struct writer *w, const struct value *v)
{
	bool number = v->number.kind == DECIMAL_NUMBER, coded = v->name == VALUE_MDC;

	cb_put_array(w, (number ? 4u : 3u) + (coded ? 2u : 0u));
	cb_put_uint(w, (uint64_t)v->name);
	cb_put_uint(w, (uint64_t)v->unit);
	if (number) {
		cb_put_int(w, v->number.mantissa);
		cb_put_int(w, v->number.exponent);
	} else {
		cb_put_uint(w, (uint64_t)v->number.kind);
	}
	if (coded) {
		cb_put_uint(w, v->code);
		cb_put_uint(w, v->unit_code);
	}
}

static void put_date_time(struct writer *w, const struct date_time *t)
{
	cb_put_array(w, 6);
	cb_put_uint(w, t->year);
	cb_put_uint(w, t->month);
	cb_put_uint(w, t->day);
	cb_put_uint(w, t->hour);
	cb_put_uint(w, t->minute);
	cb_put_uint(w, t->second);
}

static void put_captured(struct writer *w, const struct capture_time *c)
{
	cb_put_array(w, 5);
	cb_put_bytes(w, c->boot, BOOT_ID_LEN);
	cb_put_uint(w, c->mono.ms);
	cb_put_int(w, c->wall.ms);
	cb_put_uint(w, c->wall.uncertainty_ms);
	cb_put_uint(w, (uint64_t)c->wall.quality);
}

static void put_decoded(struct writer *w, const struct reading *rd)
{
	const struct decoded *d = &rd->decoded;

	cb_put_uint(w, KEY_VALUES);
	cb_put_array(w, d->value_count);
	for (size_t i = 0; i < d->value_count; i++)
		put_value(w, &d->values[i]);
	if (d->has_device_time) {
		cb_put_uint(w, KEY_DEVICE_TIME);
		put_date_time(w, &d->device_time);
	}
	if (d->has_user) {
		cb_put_uint(w, KEY_USER);
		cb_put_uint(w, d->user);
	}
	if (d->has_status) {
		cb_put_uint(w, KEY_STATUS);
		cb_put_uint(w, d->status);
	}
	cb_put_uint(w, KEY_CLOCK);
	cb_put_array(w, 4);
	cb_put_uint(w, (uint64_t)rd->clock.source);
	cb_put_int(w, rd->clock.timeline);
	cb_put_int(w, rd->clock.offset_ms);
	cb_put_uint(w, rd->clock.uncertainty_ms);
	cb_put_uint(w, KEY_ATTRIBUTION);
	cb_put_uint(w, (uint64_t)rd->attribution);
	if (d->has_sequence) {
		cb_put_uint(w, KEY_SEQUENCE);
		cb_put_uint(w, d->sequence);
		cb_put_uint(w, KEY_HISTORY);
		cb_put_uint(w, rd->history);
	}
	if (d->has_time_offset) {
		cb_put_uint(w, KEY_TIME_OFFSET);
		cb_put_int(w, d->time_offset_min);
	}
	if (d->has_device_status) {
		cb_put_uint(w, KEY_DEVICE_STATUS);
		cb_put_uint(w, d->device_status);
	}
	if (d->has_ticks) {
		cb_put_uint(w, KEY_TICKS);
		cb_put_uint(w, d->ticks);
	}
	if (d->time_is_utc) {
		cb_put_uint(w, KEY_TIME_IS_UTC);
		cb_put_bool(w, true);
	}
}

int reading_encode(const struct reading *rd, uint8_t *buf, size_t cap)
{
	const struct decoded *d = &rd->decoded;
	size_t pairs = 9;
	struct writer w;

	if (rd->raw_len > READING_RAW_MAX || d->value_count > READING_VALUES_MAX)
		return -ENOSPC;
	if (is_decoded(rd))
		pairs += 3u + d->has_device_time + d->has_user + d->has_status +
			 2u * d->has_sequence + d->has_time_offset +
			 d->has_device_status + d->has_ticks + d->time_is_utc;
	writer_init(&w, buf, cap);
	cb_put_map(&w, pairs);
	cb_put_uint(&w, KEY_VERSION);
	cb_put_uint(&w, BODY_VERSION);
	cb_put_uint(&w, KEY_KIND);
	cb_put_uint(&w, (uint64_t)rd->kind);
	cb_put_uint(&w, KEY_CHARACTERISTIC);
	cb_put_uint(&w, rd->characteristic);
	cb_put_uint(&w, KEY_RAW);
	cb_put_bytes(&w, rd->raw, rd->raw_len);
	cb_put_uint(&w, KEY_PERIPHERAL);
	cb_put_array(&w, 3);
	cb_put_bytes(&w, rd->peripheral.addr, PERIPHERAL_ADDR_LEN);
	cb_put_uint(&w, (uint64_t)rd->peripheral.addr_type);
	cb_put_uint(&w, rd->peripheral.num);
	cb_put_uint(&w, KEY_CAPTURED);
	put_captured(&w, &rd->captured);
	cb_put_uint(&w, KEY_UTC_OFFSET);
	cb_put_int(&w, rd->utc_offset_min);
	cb_put_uint(&w, KEY_LINK);
	cb_put_uint(&w, (uint64_t)rd->link);
	cb_put_uint(&w, KEY_MARKS);
	cb_put_uint(&w, d->marks);
	if (is_decoded(rd))
		put_decoded(&w, rd);
	return writer_len(&w);
}

/* An array of exactly n items. */
static void want_array(struct cb *c, size_t n)
{
	if (cb_get_array(c, n) != n)
		cb_fail(c, -EBADMSG);
}

static int64_t get_int_range(struct cb *c, int64_t min, int64_t max)
{
	int64_t v = cb_get_int(c);

	if (v < min || v > max) {
		cb_fail(c, -ERANGE);
		return 0;
	}
	return v;
}

/* [name, unit, mantissa, exponent] or [name, unit, special]; a VALUE_MDC has two more. */
static void get_value(struct cb *c, struct value *ret)
{
	size_t items = cb_get_array(c, 6);

	ret->name = (enum value_name)cb_get_uint_max(c, VALUE_NAME_LAST);
	ret->unit = (enum value_unit)cb_get_uint_max(c, UNIT_LAST);
	if (ret->name == VALUE_MDC && items >= 2)
		items -= 2;
	if (items != 3 && items != 4)
		cb_fail(c, -EBADMSG);
	if (items == 4) {
		ret->number.kind = DECIMAL_NUMBER;
		ret->number.mantissa = (int32_t)get_int_range(c, INT32_MIN, INT32_MAX);
		ret->number.exponent = (int8_t)get_int_range(c, INT8_MIN, INT8_MAX);
	} else {
		ret->number.kind =
			(enum decimal_kind)cb_get_uint_max(c, DECIMAL_RESERVED);
		if (ret->number.kind == DECIMAL_NUMBER)
			cb_fail(c, -ERANGE);
	}
	if (ret->name == VALUE_MDC) {
		ret->code = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
		ret->unit_code = (uint16_t)cb_get_uint_max(c, UINT16_MAX);
	}
}

static void get_raw(struct cb *c, struct reading *ret)
{
	size_t len;
	const uint8_t *raw = cb_get_bytes(c, &len);

	if (len > READING_RAW_MAX) {
		cb_fail(c, -ERANGE);
		return;
	}
	ret->raw_len = (uint16_t)len;
	if (raw)
		memcpy(ret->raw, raw, len);
}

static void get_peripheral(struct cb *c, struct peripheral *ret)
{
	want_array(c, 3);
	cb_get_fixed(c, ret->addr, PERIPHERAL_ADDR_LEN);
	ret->addr_type = (enum addr_type)cb_get_uint_max(c, ADDR_RANDOM);
	ret->num = (uint16_t)cb_get_uint_max(c, UINT16_MAX);
}

static void get_captured(struct cb *c, struct capture_time *ret)
{
	want_array(c, 5);
	cb_get_fixed(c, ret->boot, BOOT_ID_LEN);
	ret->mono.ms = cb_get_uint(c);
	ret->wall.ms = cb_get_int(c);
	ret->wall.uncertainty_ms = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	ret->wall.quality = (enum clock_quality)cb_get_uint_max(c, CLOCK_QUALITY_CLINIC);
}

static void get_values(struct cb *c, struct decoded *ret)
{
	size_t n = cb_get_array(c, READING_VALUES_MAX);

	ret->value_count = (uint8_t)n;
	for (size_t i = 0; i < n; i++)
		get_value(c, &ret->values[i]);
}

static void get_date_time(struct cb *c, struct decoded *d)
{
	want_array(c, 6);
	d->has_device_time = true;
	d->device_time.year = (uint16_t)cb_get_uint_max(c, UINT16_MAX);
	d->device_time.month = (uint8_t)cb_get_uint_max(c, UINT8_MAX);
	d->device_time.day = (uint8_t)cb_get_uint_max(c, UINT8_MAX);
	d->device_time.hour = (uint8_t)cb_get_uint_max(c, UINT8_MAX);
	d->device_time.minute = (uint8_t)cb_get_uint_max(c, UINT8_MAX);
	d->device_time.second = (uint8_t)cb_get_uint_max(c, UINT8_MAX);
}

static void get_clock(struct cb *c, struct clock_offset *ret)
{
	want_array(c, 4);
	ret->source = (enum offset_source)cb_get_uint_max(c, OFFSET_LIVE);
	ret->timeline = (int32_t)get_int_range(c, 0, INT32_MAX);
	ret->offset_ms = cb_get_int(c);
	ret->uncertainty_ms = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
}

static void get_field(struct cb *c, uint64_t key, struct reading *ret)
{
	switch (key) {
	case KEY_VERSION:
		if (cb_get_uint(c) != BODY_VERSION)
			cb_fail(c, -ENOTSUP);
		break;
	case KEY_KIND:
		ret->kind = (enum reading_kind)cb_get_uint_max(c, UINT8_MAX);
		break;
	case KEY_CHARACTERISTIC:
		ret->characteristic = (uint16_t)cb_get_uint_max(c, UINT16_MAX);
		break;
	case KEY_RAW: get_raw(c, ret); break;
	case KEY_PERIPHERAL: get_peripheral(c, &ret->peripheral); break;
	case KEY_CAPTURED: get_captured(c, &ret->captured); break;
	case KEY_UTC_OFFSET:
		ret->utc_offset_min = (int16_t)get_int_range(c, -720, 840);
		break;
	case KEY_LINK:
		ret->link = (enum link_strength)cb_get_uint_max(c, LINK_SC_AUTHENTICATED);
		break;
	case KEY_MARKS:
		ret->decoded.marks = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
		break;
	case KEY_VALUES: get_values(c, &ret->decoded); break;
	case KEY_DEVICE_TIME: get_date_time(c, &ret->decoded); break;
	case KEY_USER:
		ret->decoded.has_user = true;
		ret->decoded.user = (uint8_t)cb_get_uint_max(c, UINT8_MAX);
		break;
	case KEY_STATUS:
		ret->decoded.has_status = true;
		ret->decoded.status = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
		break;
	case KEY_CLOCK: get_clock(c, &ret->clock); break;
	case KEY_ATTRIBUTION:
		ret->attribution =
			(enum attribution)cb_get_uint_max(c, ATTRIBUTION_CONFIRMED);
		break;
	case KEY_SEQUENCE:
		ret->decoded.has_sequence = true;
		ret->decoded.sequence = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
		break;
	case KEY_HISTORY: ret->history = (uint32_t)cb_get_uint_max(c, UINT32_MAX); break;
	case KEY_TIME_OFFSET:
		ret->decoded.has_time_offset = true;
		ret->decoded.time_offset_min =
			(int32_t)get_int_range(c, INT32_MIN, INT32_MAX);
		break;
	case KEY_DEVICE_STATUS:
		ret->decoded.has_device_status = true;
		ret->decoded.device_status = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
		break;
	case KEY_TICKS:
		ret->decoded.has_ticks = true;
		ret->decoded.ticks = cb_get_uint(c);
		break;
	case KEY_TIME_IS_UTC: ret->decoded.time_is_utc = cb_get_bool(c); break;
	default: cb_skip(c);
	}
}

/* What the rules say is absent counts as absent. */
static void forget_absent(struct reading *rd)
{
	if (!is_decoded(rd)) {
		rd->decoded = (struct decoded){ .marks = rd->decoded.marks };
		rd->clock = (struct clock_offset){ .source = OFFSET_NONE };
		rd->attribution = ATTRIBUTION_UNASSIGNED;
	}
	if (!rd->decoded.has_sequence)
		rd->history = 0;
}

int reading_decode(const uint8_t *buf, size_t len, struct reading *ret)
{
	struct reading rd = { 0 };
	uint64_t seen = 0, need = (1u << (KEY_MARKS + 1)) - 1;
	struct cb c;
	size_t pairs;

	cb_init(&c, buf, len);
	pairs = cb_get_map(&c, BODY_KEYS_MAX);
	for (size_t i = 0; i < pairs && !cb_error(&c); i++) {
		uint64_t key = cb_get_uint(&c);

		if (key < 64 && seen >> key) /* not ascending, or twice */
			cb_fail(&c, -EBADMSG);
		else if (key < 64)
			seen |= 1ull << key;
		get_field(&c, key, &rd);
	}
	if (cb_finish(&c))
		return cb_finish(&c);
	if (is_decoded(&rd))
		need |= 1u << KEY_VALUES | 1u << KEY_CLOCK | 1u << KEY_ATTRIBUTION;
	if ((seen & need) != need)
		return -EBADMSG;
	forget_absent(&rd);
	*ret = rd;
	return 0;
}

/* Words of an enum by number; "?" where there is none. */
static const char *word(const char *const *words, size_t count, unsigned n)
{
	return n < count && words[n] ? words[n] : "?";
}

const char *reading_kind_text(enum reading_kind k)
{
	static const char *const words[] = {
		[READING_BLOOD_PRESSURE] = "blood pressure",
		[READING_WEIGHT] = "weight",
		[READING_BODY_COMPOSITION] = "body composition",
		[READING_OXIMETRY] = "oximetry",
		[READING_OXIMETRY_STREAM] = "oximetry stream",
		[READING_TEMPERATURE] = "temperature",
		[READING_GLUCOSE] = "glucose",
		[READING_GLUCOSE_CONTEXT] = "glucose context",
		[READING_HEART_RATE_STREAM] = "heart rate stream",
		[READING_CGM] = "CGM glucose",
		[READING_GENERIC] = "observation",
		[READING_DEVICE_INFORMATION] = "device information",
	};

	if (k == READING_MANIFEST)
		return "manifest";
	if (k == READING_EVIDENCE)
		return "evidence";
	if (k == READING_SNAPSHOT)
		return "snapshot";
	if (k == READING_CONSOLE)
		return "console";
	return k == READING_TOMBSTONE
		       ? "tombstone"
		       : word(words, sizeof(words) / sizeof(*words), (unsigned)k);
}

const char *value_name_text(enum value_name n)
{
	static const char *const words[] = {
		[VALUE_SYSTOLIC] = "systolic",
		[VALUE_DIASTOLIC] = "diastolic",
		[VALUE_MEAN_ARTERIAL] = "mean",
		[VALUE_PULSE] = "pulse",
		[VALUE_CUFF_PRESSURE] = "cuff pressure",
		[VALUE_WEIGHT] = "weight",
		[VALUE_BMI] = "BMI",
		[VALUE_HEIGHT] = "height",
		[VALUE_BODY_FAT] = "body fat",
		[VALUE_BASAL_METABOLISM] = "basal metabolism",
		[VALUE_MUSCLE_PERCENTAGE] = "muscle",
		[VALUE_MUSCLE_MASS] = "muscle mass",
		[VALUE_FAT_FREE_MASS] = "fat-free mass",
		[VALUE_SOFT_LEAN_MASS] = "soft lean mass",
		[VALUE_BODY_WATER_MASS] = "body water",
		[VALUE_IMPEDANCE] = "impedance",
		[VALUE_SPO2] = "SpO2",
		[VALUE_PULSE_AMPLITUDE] = "pulse amplitude index",
		[VALUE_SPO2_FAST] = "SpO2 fast",
		[VALUE_PULSE_FAST] = "pulse fast",
		[VALUE_SPO2_SLOW] = "SpO2 slow",
		[VALUE_PULSE_SLOW] = "pulse slow",
		[VALUE_TEMPERATURE] = "temperature",
		[VALUE_BODY_SITE] = "body site",
		[VALUE_GLUCOSE] = "glucose",
		[VALUE_SAMPLE_TYPE] = "sample type",
		[VALUE_SAMPLE_LOCATION] = "sample location",
		[VALUE_CARBOHYDRATE_ID] = "carbohydrate of",
		[VALUE_CARBOHYDRATE] = "carbohydrate",
		[VALUE_MEAL] = "meal",
		[VALUE_TESTER] = "tester",
		[VALUE_HEALTH] = "health",
		[VALUE_EXERCISE_DURATION] = "exercise",
		[VALUE_EXERCISE_INTENSITY] = "exercise intensity",
		[VALUE_MEDICATION_ID] = "medication",
		[VALUE_MEDICATION] = "medication amount",
		[VALUE_HBA1C] = "HbA1c",
		[VALUE_HEART_RATE] = "heart rate",
		[VALUE_SENSOR_CONTACT] = "sensor contact",
		[VALUE_ENERGY_EXPENDED] = "energy",
		[VALUE_RR_INTERVAL] = "RR interval",
		[VALUE_GLUCOSE_TREND] = "trend",
		[VALUE_GLUCOSE_QUALITY] = "quality",
		[VALUE_SAMPLES] = "samples",
		[VALUE_SAMPLES_VALID] = "valid samples",
		[VALUE_DURATION] = "duration",
		[VALUE_SPO2_MIN] = "SpO2 lowest",
		[VALUE_SPO2_MEDIAN] = "SpO2 median",
		[VALUE_SPO2_MAX] = "SpO2 highest",
		[VALUE_PULSE_MIN] = "pulse lowest",
		[VALUE_PULSE_MEDIAN] = "pulse median",
		[VALUE_PULSE_MAX] = "pulse highest",
		[VALUE_HEART_RATE_MIN] = "heart rate lowest",
		[VALUE_HEART_RATE_MEDIAN] = "heart rate median",
		[VALUE_HEART_RATE_MAX] = "heart rate highest",
		[VALUE_BATTERY] = "battery",
		[VALUE_MDC] = "MDC",
	};

	return word(words, sizeof(words) / sizeof(*words), (unsigned)n);
}

const char *value_unit_text(enum value_unit u)
{
	static const char *const words[] = {
		[UNIT_MMHG] = "mmHg",
		[UNIT_KPA] = "kPa",
		[UNIT_PER_MINUTE] = "/min",
		[UNIT_KG] = "kg",
		[UNIT_LB] = "lb",
		[UNIT_M] = "m",
		[UNIT_IN] = "in",
		[UNIT_KG_PER_M2] = "kg/m2",
		[UNIT_PERCENT] = "%",
		[UNIT_KJ] = "kJ",
		[UNIT_OHM] = "ohm",
		[UNIT_CELSIUS] = "Cel",
		[UNIT_FAHRENHEIT] = "degF",
		[UNIT_KG_PER_L] = "kg/L",
		[UNIT_MOL_PER_L] = "mol/L",
		[UNIT_MG_PER_DL] = "mg/dL",
		[UNIT_MG_PER_DL_MIN] = "mg/dL/min",
		[UNIT_L] = "L",
		[UNIT_S] = "s",
		[UNIT_S_1024] = "1/1024 s",
		[UNIT_CODE] = "code",
		[UNIT_COUNT] = "count",
		[UNIT_MDC] = "MDC",
	};

	return word(words, sizeof(words) / sizeof(*words), (unsigned)u);
}

const char *clock_quality_text(enum clock_quality q)
{
	switch (q) {
	case CLOCK_QUALITY_NONE: return "no clock";
	case CLOCK_QUALITY_UNSYNC: return "not synchronised";
	case CLOCK_QUALITY_NTP: return "NTP";
	case CLOCK_QUALITY_CLINIC: return "clinic";
	}
	return "?";
}

const char *offset_source_text(enum offset_source s)
{
	switch (s) {
	case OFFSET_NONE: return "not measured";
	case OFFSET_READ: return "read";
	case OFFSET_SET: return "set";
	case OFFSET_LIVE: return "live";
	}
	return "?";
}

const char *attribution_text(enum attribution a)
{
	switch (a) {
	case ATTRIBUTION_UNASSIGNED: return "unassigned";
	case ATTRIBUTION_PROBABLE: return "probable";
	case ATTRIBUTION_CONFIRMED: return "confirmed";
	}
	return "?";
}
