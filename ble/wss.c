/*
 * wss.c - decoder of the Weight Scale Service's characteristics; see wss.h.
 *
 * 0x2A9D: flags u8, weight u16, then what the flags name: Date Time (7), user u8, BMI u16 and
 * height u16. Little-endian.
 */
#include "ble/wss.h"

#include <errno.h>

#include "ble/fields.h"

enum flag {
	FLAG_IMPERIAL = 1 << 0, /* pounds and inches, else kilograms and metres */
	FLAG_TIME = 1 << 1,
	FLAG_USER = 1 << 2,
	FLAG_BMI_HEIGHT = 1 << 3,
};

/* How a 16-bit field counts, and what is plausible in it. */
struct scale {
	enum value_unit unit;
	int16_t factor;
	int8_t exponent;
	struct plausible_range range;
};

/* From a preterm child to just below the end of the field: some scales fill a mass that they
 * do not have with FFFF. */
static const struct scale mass[2] = {
	{ UNIT_KG, 5, -3, { 5, 3270, -1 } },
	{ UNIT_LB, 1, -2, { 1, 655, 0 } },
};

static const struct scale height[2] = {
	{ UNIT_M, 1, -3, { 20, 280, -2 } },
	{ UNIT_IN, 1, -1, { 8, 110, 0 } },
};

static const struct plausible_range bmi_range = { 5, 260, 0 };

static void add(struct decoded *d, enum value_name name, uint16_t raw,
		const struct scale *scale, bool checked)
{
	struct decimal n = fields_fixed(raw, scale->factor, scale->exponent);

	if (checked)
		fields_check(d, n, scale->range);
	fields_add(d, name, scale->unit, n);
}

void wss_add_mass(struct decoded *d, enum value_name name, uint16_t raw, bool imperial,
		  bool checked)
{
	add(d, name, raw, &mass[imperial], checked);
}

void wss_add_height(struct decoded *d, uint16_t raw, bool imperial)
{
	add(d, VALUE_HEIGHT, raw, &height[imperial], true);
}

static void add_weight(struct decoded *d, uint16_t raw, bool imperial)
{
	if (raw == WSS_UNSUCCESSFUL) {
		d->marks |= MARK_NO_RESULT;
		fields_add(d, VALUE_WEIGHT, mass[imperial].unit,
			   fields_special(DECIMAL_NAN));
	} else {
		wss_add_mass(d, VALUE_WEIGHT, raw, imperial, true);
	}
}

int wss_decode_measurement(const uint8_t *buf, size_t len,
			   const struct profile_context *ctx, struct decoded *ret)
{
	struct decoded d = { 0 };
	struct reader r;
	uint8_t flags;
	bool imperial;

	(void)ctx;
	reader_init(&r, buf, len);
	flags = read_u8(&r);
	imperial = flags & FLAG_IMPERIAL;
	add_weight(&d, read_le16(&r), imperial);
	if (flags & FLAG_TIME)
		fields_take_time(&r, &d);
	if (flags & FLAG_USER)
		fields_take_user(&r, &d);
	if (flags & FLAG_BMI_HEIGHT) {
		uint16_t bmi = read_le16(&r), tall = read_le16(&r);

		if (!(d.marks & MARK_NO_RESULT)) {
			fields_add_checked(&d, VALUE_BMI, UNIT_KG_PER_M2,
					   fields_fixed(bmi, 1, -1), bmi_range);
			wss_add_height(&d, tall, imperial);
		}
	}
	return fields_finish_exact(&r, &d, ret);
}

int wss_decode_feature(const uint8_t *buf, size_t len, uint32_t *ret_features)
{
	struct reader r;
	uint32_t features;

	reader_init(&r, buf, len);
	features = read_le32(&r);
	if (!reader_ok(&r))
		return -EMSGSIZE;
	*ret_features = features;
	return 0;
}
