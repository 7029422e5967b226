/*
 * gls.c - decoders of the Glucose Service's characteristics; see gls.h.
 *
 * 0x2A18: flags u8, sequence u16, base time (Date Time, 7), then what the flags name: time
 * offset s16 in minutes; concentration SFLOAT, then one octet with the sample type in its
 * low and the location in its high nibble; status u16.
 *
 * 0x2A34: flags u8, sequence u16, then what the flags name: extended flags u8 (bit 7, but
 * first); carbohydrate id u8 and SFLOAT; meal u8; tester and health nibbles; duration u16
 * in s and intensity u8 in %; medication id u8 and SFLOAT; HbA1c SFLOAT. Little-endian.
 */
#include "ble/gls.h"

#include <errno.h>

#include "ble/fields.h"

enum flag {
	FLAG_OFFSET = 1 << 0,
	FLAG_GLUCOSE = 1 << 1,
	FLAG_MOL = 1 << 2, /* mol/L, else kg/L */
	FLAG_STATUS = 1 << 3,
	FLAG_CONTEXT = 1 << 4, /* a context of this sequence number follows, perhaps */
};

enum context_flag {
	CONTEXT_CARBOHYDRATE = 1 << 0,
	CONTEXT_MEAL = 1 << 1,
	CONTEXT_TESTER = 1 << 2,
	CONTEXT_EXERCISE = 1 << 3,
	CONTEXT_MEDICATION = 1 << 4,
	CONTEXT_LITRES = 1 << 5, /* medication, else kg */
	CONTEXT_HBA1C = 1 << 6,
	CONTEXT_EXTENDED = 1 << 7,
};

enum {
	OFFSET_OVERRUN = 0x7FFF,
	OFFSET_UNDERRUN = 0x8000,
	DURATION_OVERRUN = 0xFFFF,
};

/* Limits of a living person, wider than any meter measures: 10 to 1500 mg/dL, 0.5 to
 * 85 mmol/L. They flag, they never drop. */
static const struct plausible_range kg_per_l = { 10, 1500, -5 };
static const struct plausible_range mol_per_l = { 5, 850, -4 };
static const struct plausible_range percent = { 0, 100, 0 };
static const struct plausible_range hba1c_range = { 2, 25, 0 };
/* of carbohydrate or medication at one time; kg or L */
static const struct plausible_range dose = { 0, 1, 0 };

/* What was shown differs from the base time by this many minutes. */
static void take_offset(struct reader *r, struct decoded *d)
{
	uint16_t raw = read_le16(r);

	if (raw == OFFSET_OVERRUN || raw == OFFSET_UNDERRUN) {
		d->marks |= MARK_IMPLAUSIBLE;
		return;
	}
	d->has_time_offset = true;
	d->time_offset_min = raw < 0x8000 ? raw : raw - 0x10000;
}

static bool is_result(struct decimal n)
{
	return n.kind != DECIMAL_NAN && n.kind != DECIMAL_NRES;
}

static void take_glucose(struct reader *r, uint8_t flags, struct decoded *d)
{
	bool mol = flags & FLAG_MOL;
	struct decimal n = fields_take_sfloat(r, d, VALUE_GLUCOSE,
					      mol ? UNIT_MOL_PER_L : UNIT_KG_PER_L,
					      mol ? mol_per_l : kg_per_l);
	uint8_t sample = read_u8(r);
	uint8_t type = sample & 0x0F, location = sample >> 4;

	if (!is_result(n))
		d->marks |= MARK_NO_RESULT;
	if (type == GLS_TYPE_CONTROL || location == GLS_LOCATION_CONTROL)
		d->marks |= MARK_CONTROL;
	fields_add_code(d, VALUE_SAMPLE_TYPE, type);
	fields_add_code(d, VALUE_SAMPLE_LOCATION, location);
}

static void take_sequence(struct reader *r, struct decoded *d)
{
	d->has_sequence = true;
	d->sequence = read_le16(r);
}

int gls_decode_measurement(const uint8_t *buf, size_t len,
			   const struct profile_context *ctx, struct decoded *ret)
{
	struct decoded d = { 0 };
	struct reader r;
	uint8_t flags;

	(void)ctx;
	reader_init(&r, buf, len);
	flags = read_u8(&r);
	take_sequence(&r, &d);
	fields_take_time(&r, &d);
	if (flags & FLAG_OFFSET)
		take_offset(&r, &d);
	if (flags & FLAG_GLUCOSE)
		take_glucose(&r, flags, &d);
	else
		d.marks |= MARK_NO_RESULT;
	if (flags & FLAG_STATUS)
		fields_take_status(&r, &d);
	return fields_finish(&r, &d, ret);
}

static void take_carbohydrate(struct reader *r, struct decoded *d)
{
	fields_add_code(d, VALUE_CARBOHYDRATE_ID, read_u8(r));
	fields_take_sfloat(r, d, VALUE_CARBOHYDRATE, UNIT_KG, dose);
}

static void take_tester(struct reader *r, struct decoded *d)
{
	uint8_t both = read_u8(r);

	fields_add_code(d, VALUE_TESTER, both & 0x0F);
	fields_add_code(d, VALUE_HEALTH, both >> 4);
}

static void take_exercise(struct reader *r, struct decoded *d)
{
	uint16_t duration = read_le16(r);

	fields_add(d, VALUE_EXERCISE_DURATION, UNIT_S,
		   duration == DURATION_OVERRUN ? fields_special(DECIMAL_PLUS_INF)
						: fields_fixed(duration, 1, 0));
	fields_add_checked(d, VALUE_EXERCISE_INTENSITY, UNIT_PERCENT,
			   fields_fixed(read_u8(r), 1, 0), percent);
}

static void take_medication(struct reader *r, bool litres, struct decoded *d)
{
	fields_add_code(d, VALUE_MEDICATION_ID, read_u8(r));
	fields_take_sfloat(r, d, VALUE_MEDICATION, litres ? UNIT_L : UNIT_KG, dose);
}

int gls_decode_context(const uint8_t *buf, size_t len, const struct profile_context *ctx,
		       struct decoded *ret)
{
	struct decoded d = { 0 };
	struct reader r;
	uint8_t flags;

	(void)ctx;
	reader_init(&r, buf, len);
	flags = read_u8(&r);
	take_sequence(&r, &d);
	if (flags & CONTEXT_EXTENDED)
		read_u8(&r);
	if (flags & CONTEXT_CARBOHYDRATE)
		take_carbohydrate(&r, &d);
	if (flags & CONTEXT_MEAL)
		fields_add_code(&d, VALUE_MEAL, read_u8(&r));
	if (flags & CONTEXT_TESTER)
		take_tester(&r, &d);
	if (flags & CONTEXT_EXERCISE)
		take_exercise(&r, &d);
	if (flags & CONTEXT_MEDICATION)
		take_medication(&r, flags & CONTEXT_LITRES, &d);
	if (flags & CONTEXT_HBA1C)
		fields_take_sfloat(&r, &d, VALUE_HBA1C, UNIT_PERCENT, hba1c_range);
	return fields_finish(&r, &d, ret);
}

int gls_decode_feature(const uint8_t *buf, size_t len, uint16_t *ret_features)
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
