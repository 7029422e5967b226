#pragma once

/*
 * dis.h - what a device says of itself: the Device Information Service.
 *
 * The hub gathers it with dis_put, writes it with dis_encode as the raw octets of a
 * READING_DEVICE_INFORMATION record, and the clinic reads it back with dis_decode: this
 * file needs nothing of hub-ble. All of it is what the device claims; no text of it is
 * trusted. Pure. Source: Device Information Service 1.2, 3; IEEE 11073-20601
 * (certification list).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/reading.h"

enum {
	DIS_UUID_SERVICE = 0x180A,
	DIS_UUID_SYSTEM_ID = 0x2A23,
	DIS_UUID_MODEL = 0x2A24,
	DIS_UUID_SERIAL = 0x2A25,
	DIS_UUID_FIRMWARE = 0x2A26,
	DIS_UUID_HARDWARE = 0x2A27,
	DIS_UUID_SOFTWARE = 0x2A28,
	DIS_UUID_MAKER = 0x2A29,
	DIS_UUID_CERTIFICATION = 0x2A2A,
	DIS_UUID_PNP_ID = 0x2A50,
	DIS_UUID_UDI = 0x2BFF,
	DIS_TEXT_MAX = 64, /* octets of a text that are kept */
	DIS_SYSTEM_ID_LEN = 8,
	DIS_SYSTEM_ID_TEXT_LEN = 17, /* 16 digits and NUL */
	DIS_PNP_ID_LEN = 7,
	DIS_OPAQUE_MAX = 128,
	/* Longest dis_encode; the rest of READING_RAW_MAX is for features and battery. */
	DIS_ENCODED_MAX = READING_RAW_MAX - 68,
	DIS_CLASSES_MAX = 16,
};

/* Octets that are kept as they are; len 0: not told. */
struct dis_opaque {
	uint8_t len;
	uint8_t octets[DIS_OPAQUE_MAX];
};

/*
 * All zero: nothing told yet. Texts are UTF-8 with a NUL at the end, "" if not told; what
 * is not UTF-8, and control characters, are '?'; NULs and spaces at the end are cut off.
 */
struct dis {
	char maker[DIS_TEXT_MAX + 1];
	char model[DIS_TEXT_MAX + 1];
	char serial[DIS_TEXT_MAX + 1];
	char firmware[DIS_TEXT_MAX + 1];
	char hardware[DIS_TEXT_MAX + 1];
	char software[DIS_TEXT_MAX + 1];
	bool has_system_id;
	uint8_t system_id[DIS_SYSTEM_ID_LEN]; /* as sent: maker's part u40, OUI u24 */
	bool has_pnp_id;
	uint8_t pnp_source; /* 1 Bluetooth SIG, 2 USB */
	uint16_t pnp_vendor, pnp_product, pnp_version;
	struct dis_opaque certification; /* for dis_decode_certification */
	struct dis_opaque udi;		 /* Unique Device Identifier: flags, then texts */
};

/*
 * dis_put - one characteristic as read; replaces what was there. Other fields are not
 * touched.
 *
 * Longer than there is room: texts are cut at a character, opaque ones left out (told as
 * empty), System ID and PnP ID take what they need.
 *
 * Returns 0, -ENOTSUP (not a characteristic of this service), or -EMSGSIZE (System ID or
 * PnP ID too short; nothing changes).
 */
int dis_put(struct dis *d, uint16_t uuid, const uint8_t *buf, size_t len);

/*
 * dis_encode - all that was told, in the order of the UUIDs: [uuid u16 LE][len
 * u8][octets]...
 *
 * Returns the length, at most DIS_ENCODED_MAX, 0 if nothing was told. The texts, System
 * ID and PnP ID always have room; of the opaque ones each is left out whole if it has
 * none.
 */
int dis_encode(const struct dis *d, uint8_t buf[static READING_RAW_MAX]);

/*
 * dis_decode - read it back. Blocks of other characteristics are skipped.
 *
 * Returns 0 with *ret written, or -EBADMSG if a block goes over the end or dis_put
 * refuses it.
 */
int dis_decode(const uint8_t *buf, size_t len, struct dis *ret);

/* dis_same_device - does nothing tell two devices apart? Serial number and System ID are
 * compared where both have them; a System ID of zeros counts as none. */
bool dis_same_device(const struct dis *a, const struct dis *b);

/* dis_system_id_text - the System ID as EUI-64, 16 upper-case hexadecimal digits: its
 * octets reversed. "" if there is none. Returns buf. */
char *dis_system_id_text(const struct dis *d, char buf[static DIS_SYSTEM_ID_TEXT_LEN]);

/* What a device is certified for, by its own word. */
struct dis_certified {
	/* Continua guidelines; 0.0: not told */
	uint8_t major, minor;
	uint8_t class_count;
	/* device specialization (low 13 bits, MDC term code minus 4096) and transport
	 * (high 3) */
	uint16_t classes[DIS_CLASSES_MAX];
	bool more; /* there were more than have room here */
	/* continua-reg-struct; bit 0 of it: not regulated */
	bool has_regulation;
	uint16_t regulation;
};

/*
 * dis_decode_certification - IEEE 11073-20601 RegCertDataList (0x2A2A), big-endian; no
 * length in it is believed.
 *
 * Entries of other bodies and of unknown structure are skipped. A list of zeros has no
 * entries.
 *
 * Returns 0 with *ret written, or -EBADMSG.
 */
int dis_decode_certification(const uint8_t *buf, size_t len, struct dis_certified *ret);
