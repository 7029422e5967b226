#pragma once

/*
 * uds.h - what the hub says to, and hears from, the User Data Service of a device with
 * several users.
 *
 * Only consent is asked for. There is no encoder that registers a user (01), deletes data
 * (03) or a user (05), or writes a name, a birthday, a height: such octets must not leave
 * the hub. Of a Registered User only the index is taken, never the name. Source: User
 * Data Service 1.1, 3.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	UDS_UUID_SERVICE = 0x181C,
	UDS_UUID_CHANGE_INCREMENT = 0x2A99,
	UDS_UUID_USER_INDEX = 0x2A9A,
	UDS_UUID_CONTROL_POINT = 0x2A9F,
	UDS_UUID_REGISTERED_USER = 0x2B37,
	UDS_LEN_CONSENT = 4,
	UDS_REQUEST_MAX = UDS_LEN_CONSENT,
	UDS_CONSENT_MAX = 9999,
	UDS_USER_UNKNOWN = 255,
};

/* Requests of the User Control Point; a response names the one it answers. */
enum uds_opcode {
	UDS_CONSENT = 0x02,
	UDS_RESPONSE = 0x20,
};

/* Result of a request; other numbers are kept as they are and mean failure. */
enum uds_result {
	UDS_OK = 1,
	UDS_UNSUPPORTED = 2,
	UDS_INVALID_PARAMETER = 3,
	UDS_FAILED = 4,
	UDS_NOT_AUTHORISED = 5,
};

struct uds_response {
	uint8_t request; /* opcode it answers */
	uint8_t result;	 /* enum uds_result */
	bool has_parameter;
	uint8_t parameter;
};

/*
 * uds_encode_consent - ask the device to accept us as the user 'index'.
 *
 * index   0..254
 * code    the user's consent code, 0..UDS_CONSENT_MAX
 *
 * Returns UDS_LEN_CONSENT, or -ERANGE. Pure.
 */
int uds_encode_consent(uint8_t index, uint16_t code, uint8_t buf[static UDS_LEN_CONSENT]);

/*
 * uds_decode_response - an indication of the User Control Point (0x2A9F).
 *
 * Returns 0 with *ret filled, -EMSGSIZE (shorter than three octets) or -EBADMSG (not a
 * response). Octets after the parameter are ignored. Pure.
 */
int uds_decode_response(const uint8_t *buf, size_t len, struct uds_response *ret);

/* uds_decode_user_index - User Index (0x2A9A): the device's current user,
 * UDS_USER_UNKNOWN if nobody. Returns 0 or -EMSGSIZE. Pure. */
int uds_decode_user_index(const uint8_t *buf, size_t len, uint8_t *ret_index);

/* uds_decode_change_increment - Database Change Increment (0x2A99). Returns 0 or
 * -EMSGSIZE. Pure. */
int uds_decode_change_increment(const uint8_t *buf, size_t len, uint32_t *ret_count);

/*
 * uds_decode_registered_user - one notification of Registered User (0x2B37), header octet
 * included; the name that may follow is not looked at.
 *
 * Returns 0 with *ret_index, -EAGAIN for a segment that only continues a name, or
 * -EMSGSIZE. Pure.
 */
int uds_decode_registered_user(const uint8_t *buf, size_t len, uint8_t *ret_index);
