/*
 * dts.c - Device Time Service; see dts.h.
 *
 * [CRC] comes first here. Feature: CRC u16, bits u16. Time: [CRC], base u32 s, zone s8
 * quarter hours, DST u8, status u16, then as the features say: [user time u32] [drift u16
 * s] [next log number u16] [fraction u16 1/65536 s]. Control point: [CRC], opcode u8,
 * operand. Little-endian.
 */
#include "ble/dts.h"

#include <errno.h>

#include "ble/crc.h"
#include "ble/elapsed.h"
#include "hub/core/cursor.h"

enum {
	OPCODE_RESPONSE = 0x09,
	/* bits of a proposal */
	UPDATE_UTC_ALIGNED = 1 << 0,
	UPDATE_LOCAL_QUALIFIED = 1 << 1,
	UPDATE_EXTERNAL = 1 << 3,
	UPDATE_EPOCH_2000 = 1 << 6,
	UPDATE_NO_FRACTION = 1 << 7,
	ACCURACY_UNKNOWN = 255,
	ZONE_UNKNOWN = -128,
	ZONE_MIN = -48,
	ZONE_MAX = 56,
	QUARTER_MIN = 15,
	SECOND_MS = 1000,
	FRACTION_BITS = 16,
};

#define EPOCH_1900_MS INT64_C(-2208988800000)

static int64_t epoch_ms(bool is_2000)
{
	return is_2000 ? ELAPSED_EPOCH_MS : EPOCH_1900_MS;
}

/* A reader of what follows the check sum. */
static int open_value(uint16_t features, const uint8_t *buf, size_t len, struct reader *r)
{
	const uint8_t *rest;
	uint16_t crc;

	reader_init(r, buf, len);
	if (!(features & DTS_FEATURE_CRC))
		return 0;
	crc = read_le16(r);
	if (!reader_ok(r))
		return -EMSGSIZE;
	len = reader_left(r);
	rest = read_span(r, len);
	if (crc_mcrf4xx(rest, len) != crc)
		return -EBADMSG;
	reader_init(r, rest, len);
	return 0;
}

int dts_decode_feature(const uint8_t *buf, size_t len, uint16_t *ret_features)
{
	struct reader r;
	uint16_t features;
	int err;

	reader_init(&r, buf, len);
	read_le16(&r); /* check sum, if the bits say so */
	features = read_le16(&r);
	if (!reader_ok(&r))
		return -EMSGSIZE;
	err = open_value(features, buf, len, &r);
	if (err)
		return err;
	*ret_features = features;
	return 0;
}

/* Quarter hours: half an hour, one, two; anything else is unknown. */
static bool dst_known(uint8_t dst)
{
	return dst == 0 || dst == 2 || dst == 4 || dst == 8;
}

static void set_zone(struct dts_time *t, int8_t zone, uint8_t dst)
{
	if (zone < ZONE_MIN || zone > ZONE_MAX || !dst_known(dst))
		return;
	t->has_zone = true;
	t->zone_min = (int16_t)((zone + dst) * QUARTER_MIN);
}

int dts_decode_time(uint16_t features, const uint8_t *buf, size_t len,
		    struct dts_time *ret)
{
	struct dts_time t = { 0 };
	uint32_t base, fraction = 0;
	struct reader r;
	int8_t zone;
	uint8_t dst;
	int err = open_value(features, buf, len, &r);

	if (err)
		return err;
	base = read_le32(&r);
	zone = (int8_t)read_u8(&r);
	dst = read_u8(&r);
	t.status = read_le16(&r);
	if (features & DTS_FEATURE_USER_TIME)
		read_le32(&r);
	if (features & DTS_FEATURE_DRIFT)
		read_le16(&r);
	if (features & DTS_FEATURE_LOG)
		read_le16(&r);
	t.has_fraction = features & DTS_FEATURE_FRACTION;
	if (t.has_fraction)
		fraction = read_le16(&r);
	if (!reader_ok(&r))
		return -EMSGSIZE;
	set_zone(&t, zone, dst);
	t.base_ms = epoch_ms(t.status & DTS_STATUS_EPOCH_2000) + base * INT64_C(1000) +
		    (int64_t)(fraction * SECOND_MS >> FRACTION_BITS);
	*ret = t;
	return 0;
}

static int8_t zone_to_write(int16_t utc_offset_min)
{
	int zone = utc_offset_min / QUARTER_MIN;

	if (utc_offset_min % QUARTER_MIN || zone < ZONE_MIN || zone > ZONE_MAX)
		return ZONE_UNKNOWN;
	return (int8_t)zone;
}

int dts_encode_propose(uint16_t features, int64_t utc_ms, int16_t utc_offset_min,
		       uint8_t buf[static DTS_LEN_PROPOSE_MAX])
{
	bool only_1900 = (features & DTS_FEATURE_EPOCH_1900) &&
			 !(features & DTS_FEATURE_EPOCH_2000);
	uint16_t flags = UPDATE_UTC_ALIGNED | UPDATE_LOCAL_QUALIFIED | UPDATE_EXTERNAL |
			 UPDATE_NO_FRACTION;
	int64_t first_ms = epoch_ms(!only_1900), s;
	uint8_t *request = buf;
	struct writer w;
	int len;

	if (utc_ms < first_ms || utc_ms >= first_ms + (INT64_C(1) << 32) * SECOND_MS)
		return -ERANGE;
	s = (utc_ms - first_ms) / SECOND_MS;
	if (!only_1900)
		flags |= UPDATE_EPOCH_2000;
	if (features & DTS_FEATURE_CRC)
		request += CRC_LEN;
	writer_init(&w, request, DTS_LEN_PROPOSE_MAX - CRC_LEN);
	write_u8(&w, DTS_PROPOSE);
	write_le16(&w, flags);
	write_le16(&w, (uint16_t)s);
	write_le16(&w, (uint16_t)(s >> 16));
	write_u8(&w, (uint8_t)zone_to_write(utc_offset_min));
	write_u8(&w, 0); /* standard time: the zone has all of it */
	write_u8(&w, ELAPSED_SOURCE_NTP);
	write_u8(&w, ACCURACY_UNKNOWN);
	len = writer_len(&w);
	if (!(features & DTS_FEATURE_CRC))
		return len;
	writer_init(&w, buf, CRC_LEN);
	write_le16(&w, crc_mcrf4xx(request, (size_t)len));
	return len + CRC_LEN;
}

int dts_decode_response(uint16_t features, const uint8_t *buf, size_t len,
			struct dts_response *ret)
{
	struct dts_response d = { 0 };
	struct reader r;
	uint8_t opcode;
	int err = open_value(features, buf, len, &r);

	if (err)
		return err;
	opcode = read_u8(&r);
	d.request = read_u8(&r);
	d.result = read_u8(&r);
	if (!reader_ok(&r))
		return -EMSGSIZE;
	if (opcode != OPCODE_RESPONSE)
		return -ENOTSUP;
	d.reasons = read_le16(&r); /* 0 if it is not there */
	*ret = d;
	return 0;
}
