/*
 * hts.c - decoder of the Health Thermometer Service's characteristics; see hts.h.
 *
 * 0x2A1C: flags u8, temperature FLOAT (four octets, not an SFLOAT), then what the flags name:
 * Date Time (7), site u8. Little-endian.
 */
#include "ble/hts.h"

#include <errno.h>

#include "ble/fields.h"

enum flag {
	FLAG_FAHRENHEIT = 1 << 0, /* else Celsius */
	FLAG_TIME = 1 << 1,
	FLAG_SITE = 1 << 2,
};

/* The same two temperatures; wide enough for the skin of a hand. */
static const struct plausible_range celsius = { 20, 45, 0 };
static const struct plausible_range fahrenheit = { 68, 113, 0 };

static void take_temperature(struct reader *r, bool in_fahrenheit, struct decoded *d)
{
	struct decimal n = decimal_from_float(read_le32(r));

	if (!fields_is_result(n))
		d->marks |= MARK_NO_RESULT;
	fields_add_checked(d, VALUE_TEMPERATURE,
			   in_fahrenheit ? UNIT_FAHRENHEIT : UNIT_CELSIUS, n,
			   in_fahrenheit ? fahrenheit : celsius);
}

int hts_decode_measurement(const uint8_t *buf, size_t len,
			   const struct profile_context *ctx, struct decoded *ret)
{
	struct decoded d = { 0 };
	struct reader r;
	uint8_t flags;

	(void)ctx;
	reader_init(&r, buf, len);
	flags = read_u8(&r);
	take_temperature(&r, flags & FLAG_FAHRENHEIT, &d);
	if (flags & FLAG_TIME)
		fields_take_time(&r, &d);
	if (flags & FLAG_SITE)
		fields_add_code(&d, VALUE_BODY_SITE, read_u8(&r));
	return fields_finish(&r, &d, ret);
}

int hts_decode_type(const uint8_t *buf, size_t len, uint8_t *ret_site)
{
	struct reader r;
	uint8_t site;

	reader_init(&r, buf, len);
	site = read_u8(&r);
	if (!reader_ok(&r))
		return -EMSGSIZE;
	*ret_site = site;
	return 0;
}
