/*
 * bls.c - decoder of the Blood Pressure Service's characteristics; see bls.h.
 *
 * All begin with flags u8 and the pressures, SFLOAT: systolic, diastolic, mean (0x2A35,
 * 0x2B34), cuff and two NaN (0x2A36), or cuff alone (0x2B35). Then what the flags name,
 * in the order of their bits: time stamp, pulse SFLOAT, user u8, status u16, user-facing
 * time. Times are a Date Time (7 octets) or, in the enhanced ones, u32 seconds since 1900
 * or 2000; only these have a user-facing time. Little-endian.
 *
 * 0x2B36: sequence u16, UUID u16, carried value, [check sum u16].
 */
#include "ble/bls.h"

#include <errno.h>

#include "ble/crc.h"
#include "ble/fields.h"

enum flag {
	FLAG_KPA = 1 << 0, /* else mmHg */
	FLAG_TIME = 1 << 1,
	FLAG_PULSE = 1 << 2,
	FLAG_USER = 1 << 3,
	FLAG_STATUS = 1 << 4,
	/* enhanced characteristics only */
	FLAG_USER_TIME = 1 << 5,
	FLAG_EPOCH_2000 = 1 << 6, /* else 1900 */
};

/* Which of the layouts. */
struct layout {
	bool cuff; /* pressure in the cuff, not a measurement */
	bool enhanced;
};

/* Limits of a living person, wider than any cuff measures; they flag, they never drop. */
static const struct {
	enum value_name name;
	struct plausible_range mmhg, kpa;
} pressures[] = {
	{ VALUE_SYSTOLIC, { 30, 300, 0 }, { 40, 400, -1 } },
	{ VALUE_DIASTOLIC, { 10, 250, 0 }, { 13, 333, -1 } },
	{ VALUE_MEAN_ARTERIAL, { 20, 275, 0 }, { 27, 367, -1 } },
};

enum {
	PRESSURES = sizeof(pressures) / sizeof(*pressures),
	UNUSED_PRESSURES_LEN = 4, /* diastolic and mean of 0x2A36 */
	MINUTE_S = 60,
};

#define EPOCH_1900_S INT64_C(-2208988800)
#define EPOCH_2000_S INT64_C(946684800)

static const struct plausible_range pulse_range = { 20, 300, 0 };
/* the cuff may be empty, and is pumped up beyond the systolic pressure */
static const struct plausible_range cuff_mmhg = { 0, 350, 0 };
static const struct plausible_range cuff_kpa = { 0, 467, -1 };

static bool has_result(struct decimal n)
{
	return n.kind != DECIMAL_NAN && n.kind != DECIMAL_NRES;
}

static void take_pressures(struct reader *r, bool kpa, struct decoded *d)
{
	bool any = false;

	for (size_t i = 0; i < PRESSURES; i++)
		any |= has_result(fields_take_sfloat(
			r, d, pressures[i].name, kpa ? UNIT_KPA : UNIT_MMHG,
			kpa ? pressures[i].kpa : pressures[i].mmhg));
	if (!any)
		d->marks |= MARK_NO_RESULT;
}

/* Both come from one measurement; a cuff may give them with different exponents. */
static void check_order(struct decoded *d)
{
	struct decimal sys = d->values[0].number, dia = d->values[1].number;
	struct plausible_range from_dia = { dia.mantissa, INT32_MAX, dia.exponent };

	if (sys.kind == DECIMAL_NUMBER && dia.kind == DECIMAL_NUMBER)
		fields_check(d, sys, from_dia);
}

static void take_cuff(struct reader *r, bool kpa, bool enhanced, struct decoded *d)
{
	if (!has_result(fields_take_sfloat(r, d, VALUE_CUFF_PRESSURE,
					   kpa ? UNIT_KPA : UNIT_MMHG,
					   kpa ? cuff_kpa : cuff_mmhg)))
		d->marks |= MARK_NO_RESULT;
	if (!enhanced)
		read_span(r, UNUSED_PRESSURES_LEN);
}

/* Whole minutes, nearest. */
static int32_t minutes(int64_t s)
{
	return (int32_t)((s + (s < 0 ? -MINUTE_S / 2 : MINUTE_S / 2)) / MINUTE_S);
}

static void set_times(struct decoded *d, uint8_t flags, uint32_t base, uint32_t user)
{
	int64_t epoch = flags & FLAG_EPOCH_2000 ? EPOCH_2000_S : EPOCH_1900_S;

	if (!(flags & (FLAG_TIME | FLAG_USER_TIME)))
		return;
	d->has_device_time = true;
	d->time_is_utc = flags & FLAG_TIME;
	d->device_time =
		date_time_from_ms((epoch + (flags & FLAG_TIME ? base : user)) * 1000);
	if ((flags & FLAG_TIME) && (flags & FLAG_USER_TIME)) {
		d->has_time_offset = true;
		d->time_offset_min = minutes((int64_t)user - (int64_t)base);
	}
}

static int decode(const uint8_t *buf, size_t len, struct layout layout,
		  struct decoded *ret)
{
	struct decoded d = { 0 };
	uint32_t base = 0, user = 0;
	struct reader r;
	uint8_t flags;

	reader_init(&r, buf, len);
	flags = read_u8(&r);
	if (layout.cuff) {
		take_cuff(&r, flags & FLAG_KPA, layout.enhanced, &d);
	} else {
		take_pressures(&r, flags & FLAG_KPA, &d);
		check_order(&d);
	}
	if ((flags & FLAG_TIME) && layout.enhanced)
		base = read_le32(&r);
	else if (flags & FLAG_TIME)
		fields_take_time(&r, &d);
	if (flags & FLAG_PULSE)
		fields_take_sfloat(&r, &d, VALUE_PULSE, UNIT_PER_MINUTE, pulse_range);
	if (flags & FLAG_USER)
		fields_take_user(&r, &d);
	if (flags & FLAG_STATUS)
		fields_take_status(&r, &d);
	if ((flags & FLAG_USER_TIME) && layout.enhanced)
		user = read_le32(&r);
	if (layout.enhanced)
		set_times(&d, flags, base, user);
	return fields_finish(&r, &d, ret);
}

int bls_decode_measurement(const uint8_t *buf, size_t len,
			   const struct profile_context *ctx, struct decoded *ret)
{
	(void)ctx;
	return decode(buf, len, (struct layout){ 0 }, ret);
}

int bls_decode_intermediate(const uint8_t *buf, size_t len,
			    const struct profile_context *ctx, struct decoded *ret)
{
	(void)ctx;
	return decode(buf, len, (struct layout){ .cuff = true }, ret);
}

int bls_decode_enhanced(const uint8_t *buf, size_t len, const struct profile_context *ctx,
			struct decoded *ret)
{
	(void)ctx;
	return decode(buf, len, (struct layout){ .enhanced = true }, ret);
}

int bls_decode_enhanced_intermediate(const uint8_t *buf, size_t len,
				     const struct profile_context *ctx,
				     struct decoded *ret)
{
	(void)ctx;
	return decode(buf, len, (struct layout){ .cuff = true, .enhanced = true }, ret);
}

static profile_decode_fn *decoder_of(uint16_t uuid)
{
	switch (uuid) {
	case BLS_UUID_MEASUREMENT: return bls_decode_measurement;
	case BLS_UUID_INTERMEDIATE: return bls_decode_intermediate;
	case BLS_UUID_ENHANCED: return bls_decode_enhanced;
	case BLS_UUID_ENHANCED_INTERMEDIATE: return bls_decode_enhanced_intermediate;
	default: return NULL;
	}
}

int bls_decode_record(const uint8_t *buf, size_t len, const struct profile_context *ctx,
		      struct decoded *ret)
{
	size_t tail = ctx->has_crc ? CRC_LEN : 0, value_len;
	profile_decode_fn *carried;
	const uint8_t *value;
	uint16_t sequence;
	struct reader r;
	int err;

	if (len < BLS_LEN_RECORD_HEAD + tail)
		return -EMSGSIZE;
	if (ctx->has_crc && crc_check_tail(buf, len) != 0)
		return -EBADMSG;
	reader_init(&r, buf, len - tail);
	sequence = read_le16(&r);
	carried = decoder_of(read_le16(&r));
	if (!carried)
		return -ERANGE;
	value_len = reader_left(&r);
	value = read_span(&r, value_len);
	err = carried(value, value_len, ctx, ret);
	if (err)
		return err;
	ret->has_sequence = true;
	ret->sequence = sequence;
	ret->marks |= MARK_STORED;
	return 0;
}

int bls_decode_feature(const uint8_t *buf, size_t len, uint16_t *ret_features)
{
	struct reader r;
	uint16_t features;

	reader_init(&r, buf, len);
	features = read_le16(&r);
	if (!reader_ok(&r))
		return -EMSGSIZE;
	*ret_features = features;
	return 0;
}
