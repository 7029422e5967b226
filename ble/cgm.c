/*
 * cgm.c - decoders of the Continuous Glucose Monitoring Service; see cgm.h.
 *
 * A record of 0x2AA7: size u8 (itself included), flags u8, glucose SFLOAT, time offset u16
 * in minutes, then what the flags name: up to three octets of status, trend SFLOAT, quality
 * SFLOAT; a check sum if the feature says so. Little-endian.
 *
 * The octets of the status come as 'status', 'calibration and temperature', 'warning',
 * which is the order of their bits 0..23 in the GATT Specification Supplement and the order
 * of 0x2AA9, but the reverse of the order of their flags (7, 6, 5). Some collectors read
 * them the other way round; the raw octets are kept.
 */
#include "ble/cgm.h"

#include <errno.h>

#include "ble/clock.h"
#include "ble/crc.h"
#include "ble/fields.h"

enum flag {
	FLAG_TREND = 1 << 0,
	FLAG_QUALITY = 1 << 1,
	FLAG_WARNING = 1 << 5,
	FLAG_CALIBRATION = 1 << 6, /* and temperature */
	FLAG_STATUS = 1 << 7,
	FLAG_ANY_STATUS = FLAG_WARNING | FLAG_CALIBRATION | FLAG_STATUS,
};

enum {
	OPS_RESPONSE = 0x1C,
	ZONE_MIN = -48, /* GSS, Time Zone */
	ZONE_MAX = 56,
};

/* Limits of a living person; they flag, they never drop. */
static const struct plausible_range glucose_range = { 10, 1500, 0 }; /* mg/dL */
static const struct plausible_range trend_range = { -30, 30, 0 };    /* mg/dL/min */
static const struct plausible_range percent = { 0, 100, 0 };

size_t cgm_split(const uint8_t *buf, size_t len)
{
	struct reader r;
	uint8_t size;

	reader_init(&r, buf, len);
	size = read_u8(&r);
	return size < CGM_RECORD_MIN || size > len ? len : size;
}

static size_t needed(uint8_t flags, bool has_crc)
{
	size_t n = CGM_RECORD_MIN;

	for (unsigned bit = FLAG_WARNING; bit <= FLAG_STATUS; bit <<= 1)
		n += flags & bit ? 1 : 0;
	n += flags & FLAG_TREND ? 2 : 0;
	n += flags & FLAG_QUALITY ? 2 : 0;
	return n + (has_crc ? CRC_LEN : 0);
}

static void take_status(struct reader *r, uint8_t flags, struct decoded *d)
{
	d->has_status = flags & FLAG_ANY_STATUS;
	if (flags & FLAG_STATUS)
		d->status |= read_u8(r);
	if (flags & FLAG_CALIBRATION)
		d->status |= (uint32_t)read_u8(r) << 8;
	if (flags & FLAG_WARNING)
		d->status |= (uint32_t)read_u8(r) << 16;
}

static void take_offset(struct reader *r, const struct profile_context *ctx,
			struct decoded *d)
{
	uint16_t offset = read_le16(r);

	d->has_sequence = true;
	d->sequence = offset;
	d->has_time_offset = true;
	d->time_offset_min = offset;
	if (ctx->has_session_start && date_time_valid(&ctx->session_start)) {
		d->has_device_time = true;
		d->device_time = ctx->session_start;
	}
}

int cgm_decode_measurement(const uint8_t *buf, size_t len,
			   const struct profile_context *ctx, struct decoded *ret)
{
	struct decoded d = { 0 };
	struct decimal glucose;
	struct reader r;
	uint8_t size, flags;

	reader_init(&r, buf, len);
	size = read_u8(&r);
	flags = read_u8(&r);
	if (size != len || size != needed(flags, ctx->has_crc))
		return -EMSGSIZE;
	if (ctx->has_crc && crc_check_tail(buf, len) < 0)
		return -EBADMSG;
	glucose =
		fields_take_sfloat(&r, &d, VALUE_GLUCOSE, UNIT_MG_PER_DL, glucose_range);
	if (glucose.kind == DECIMAL_NAN || glucose.kind == DECIMAL_NRES)
		d.marks |= MARK_NO_RESULT;
	take_offset(&r, ctx, &d);
	take_status(&r, flags, &d);
	if (flags & FLAG_TREND)
		fields_take_sfloat(&r, &d, VALUE_GLUCOSE_TREND, UNIT_MG_PER_DL_MIN,
				   trend_range);
	if (flags & FLAG_QUALITY)
		fields_take_sfloat(&r, &d, VALUE_GLUCOSE_QUALITY, UNIT_PERCENT, percent);
	*ret = d;
	return 0;
}

int cgm_decode_feature(const uint8_t *buf, size_t len, struct cgm_feature *ret)
{
	struct reader r;
	uint32_t features;
	uint8_t sample;

	if (len != CGM_FEATURE_LEN)
		return -EMSGSIZE;
	reader_init(&r, buf, len);
	features = read_le24(&r);
	sample = read_u8(&r);
	if (features & CGM_FEATURE_CRC && crc_check_tail(buf, len) < 0)
		return -EBADMSG;
	*ret = (struct cgm_feature){ .features = features,
				     .type = sample & 0x0F,
				     .location = sample >> 4 };
	return 0;
}

/* A reader over the fields of a value that has at least n octets of them, and a check sum
 * behind whatever there is. */
static int open_value(struct reader *r, const uint8_t *buf, size_t len, size_t n,
		      const struct profile_context *ctx)
{
	size_t crc = ctx->has_crc ? CRC_LEN : 0;

	if (len < n + crc)
		return -EMSGSIZE;
	if (ctx->has_crc && crc_check_tail(buf, len) < 0)
		return -EBADMSG;
	reader_init(r, buf, len - crc);
	return 0;
}

int cgm_decode_status(const uint8_t *buf, size_t len, const struct profile_context *ctx,
		      struct cgm_status *ret)
{
	struct reader r;
	int err = open_value(&r, buf, len, 5, ctx);

	if (err < 0)
		return err;
	ret->offset_min = read_le16(&r);
	ret->status = read_le24(&r);
	return 0;
}

int cgm_decode_session_start(const uint8_t *buf, size_t len,
			     const struct profile_context *ctx,
			     struct cgm_session_start *ret)
{
	struct cgm_session_start s = { 0 };
	struct reader r;
	int err = open_value(&r, buf, len, 9, ctx);
	int8_t zone;
	uint8_t dst;

	if (err < 0)
		return err;
	clock_read_date_time(&r, &s.time);
	if (!date_time_valid(&s.time))
		return -ERANGE;
	zone = (int8_t)read_u8(&r);
	dst = read_u8(&r);
	if (zone >= ZONE_MIN && zone <= ZONE_MAX) {
		s.has_zone = true;
		s.zone_quarters = zone;
	}
	if (dst == 0 || dst == 2 || dst == 4 || dst == 8) { /* GSS, DST Offset */
		s.has_dst = true;
		s.dst_quarters = dst;
	}
	*ret = s;
	return 0;
}

int cgm_decode_run_time(const uint8_t *buf, size_t len, const struct profile_context *ctx,
			uint16_t *ret_hours)
{
	struct reader r;
	int err = open_value(&r, buf, len, 2, ctx);

	if (err < 0)
		return err;
	*ret_hours = read_le16(&r);
	return 0;
}

static bool is_get(unsigned opcode)
{
	switch (opcode) {
	case CGM_GET_INTERVAL:
	case CGM_GET_CALIBRATION:
	case CGM_GET_PATIENT_HIGH:
	case CGM_GET_PATIENT_LOW:
	case CGM_GET_HYPO:
	case CGM_GET_HYPER:
	case CGM_GET_FALL_RATE:
	case CGM_GET_RISE_RATE: return true;
	}
	return false;
}

int cgm_encode_get(enum cgm_get get, uint16_t calibration,
		   const struct profile_context *ctx, uint8_t buf[static CGM_GET_MAX])
{
	struct writer w;

	if (!is_get((unsigned)get))
		return -ENOTSUP;
	writer_init(&w, buf, CGM_GET_MAX);
	write_u8(&w, (uint8_t)get);
	if (get == CGM_GET_CALIBRATION)
		write_le16(&w, calibration);
	if (ctx->has_crc)
		write_le16(&w, crc_mcrf4xx(buf, (size_t)writer_len(&w)));
	return writer_len(&w);
}

static void take_calibration(struct reader *r, struct cgm_calibration *c)
{
	uint8_t sample;

	c->glucose = decimal_from_sfloat(read_le16(r));
	c->offset_min = read_le16(r);
	sample = read_u8(r);
	c->type = sample & 0x0F;
	c->location = sample >> 4;
	c->next_min = read_le16(r);
	c->number = read_le16(r);
	c->status = read_u8(r);
}

int cgm_decode_ops_response(const uint8_t *buf, size_t len,
			    const struct profile_context *ctx, struct cgm_ops *ret)
{
	struct cgm_ops ops = { .code = CGM_OPS_OK };
	struct reader r;
	int err = open_value(&r, buf, len, 1, ctx);
	unsigned opcode;

	if (err < 0)
		return err;
	opcode = read_u8(&r);
	if (opcode == OPS_RESPONSE) {
		ops.request = read_u8(&r);
		ops.code = read_u8(&r);
	} else if (is_get(opcode - 1)) {
		ops.request = (uint8_t)(opcode - 1);
		if (ops.request == CGM_GET_INTERVAL)
			ops.interval_min = read_u8(&r);
		else if (ops.request == CGM_GET_CALIBRATION)
			take_calibration(&r, &ops.calibration);
		else
			ops.level = decimal_from_sfloat(read_le16(&r));
	} else {
		return -EBADMSG;
	}
	if (!reader_done(&r))
		return -EMSGSIZE;
	*ret = ops;
	return 0;
}
