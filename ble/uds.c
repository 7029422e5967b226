/*
 * uds.c - User Data Service; see uds.h.
 *
 * Control point: opcode u8, then the operand. Consent: index u8, code u16. Response:
 * 0x20, request u8, result u8, [parameter]. Registered User: segment header u8, flags u8
 * (b0 name follows, b1 it is cut), index u8, [name]. Little-endian.
 */
#include "ble/uds.h"

#include <errno.h>

#include "hub/core/cursor.h"

enum { HEADER_FIRST = 1 << 0 };

int uds_encode_consent(uint8_t index, uint16_t code, uint8_t buf[static UDS_LEN_CONSENT])
{
	struct writer w;

	if (index == UDS_USER_UNKNOWN || code > UDS_CONSENT_MAX)
		return -ERANGE;
	writer_init(&w, buf, UDS_LEN_CONSENT);
	write_u8(&w, UDS_CONSENT);
	write_u8(&w, index);
	write_le16(&w, code);
	return writer_len(&w);
}

int uds_decode_response(const uint8_t *buf, size_t len, struct uds_response *ret)
{
	struct uds_response d = { 0 };
	struct reader r;
	uint8_t opcode;

	reader_init(&r, buf, len);
	opcode = read_u8(&r);
	d.request = read_u8(&r);
	d.result = read_u8(&r);
	if (!reader_ok(&r))
		return -EMSGSIZE;
	if (opcode != UDS_RESPONSE)
		return -EBADMSG;
	d.has_parameter = reader_left(&r) > 0;
	if (d.has_parameter)
		d.parameter = read_u8(&r);
	*ret = d;
	return 0;
}

int uds_decode_user_index(const uint8_t *buf, size_t len, uint8_t *ret_index)
{
	struct reader r;
	uint8_t index;

	reader_init(&r, buf, len);
	index = read_u8(&r);
	if (!reader_ok(&r))
		return -EMSGSIZE;
	*ret_index = index;
	return 0;
}

int uds_decode_change_increment(const uint8_t *buf, size_t len, uint32_t *ret_count)
{
	struct reader r;
	uint32_t count;

	reader_init(&r, buf, len);
	count = read_le32(&r);
	if (!reader_ok(&r))
		return -EMSGSIZE;
	*ret_count = count;
	return 0;
}

int uds_decode_registered_user(const uint8_t *buf, size_t len, uint8_t *ret_index)
{
	struct reader r;
	uint8_t header, index;

	reader_init(&r, buf, len);
	header = read_u8(&r);
	if (!reader_ok(&r))
		return -EMSGSIZE;
	if (!(header & HEADER_FIRST))
		return -EAGAIN;
	read_u8(&r); /* flags: only say whether a name follows */
	index = read_u8(&r);
	if (!reader_ok(&r))
		return -EMSGSIZE;
	*ret_index = index;
	return 0;
}
