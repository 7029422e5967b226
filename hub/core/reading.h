#pragma once

/*
 * reading.h - one reading on its way from a peripheral to a chart, and the bytes of its sealed body.
 *
 * hub-ble fills it, hub-store writes the body with reading_encode and seals it, the clinic opens the seal and
 * reads it back with reading_decode. Byte table: docs/MESSAGES.md, 'Body'.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/decimal.h"
#include "hub/core/time.h"

enum {
	READING_RAW_MAX = 512, /* longest attribute value, Core 5.4 3.F.3.2.9 */
	READING_VALUES_MAX = 8,
	READING_BODY_MAX = 900, /* longest body in clear */
	BOOT_ID_LEN = 16,
	PERIPHERAL_ADDR_LEN = 6,
};

/* What was measured; on the wire in the clear envelope. New kinds are added at the end. */
enum reading_kind {
	READING_NONE = 0,
	READING_BLOOD_PRESSURE = 1,
	/* not a reading: says which ones will never come, and why */
	READING_TOMBSTONE = 255,
};

/* One component of a reading. The numbers are on the wire. */
enum value_name {
	VALUE_NONE = 0,
	VALUE_SYSTOLIC = 1,
	VALUE_DIASTOLIC = 2,
	VALUE_MEAN_ARTERIAL = 3,
	VALUE_PULSE = 4,
};

/* Unit as on the wire; never converted on the hub. */
enum value_unit {
	UNIT_NONE = 0,
	UNIT_MMHG = 1,
	UNIT_KPA = 2,
	UNIT_PER_MINUTE = 3,
};

struct value {
	enum value_name name;
	enum value_unit unit;
	struct decimal number;
};

/* How the offset of the device's clock was found. */
enum offset_source {
	OFFSET_NONE = 0, /* not measured: the device's clock says nothing */
	OFFSET_READ = 1, /* the device's clock was read on this connection */
	/* the device's clock was set on this connection, it cannot be read */
	OFFSET_SET = 2,
	OFFSET_LIVE = 3, /* the value arrived within 10 s of its own stamp */
};

enum attribution {
	ATTRIBUTION_UNASSIGNED = 0, /* another or unknown user; never filed by itself */
	ATTRIBUTION_PROBABLE = 1,   /* no user field, device declared sole-user */
	ATTRIBUTION_CONFIRMED = 2,  /* the device's user field is the configured one */
};

/* Marks: facts about a reading, bits. */
enum reading_mark {
	/* more bytes than the flags explain; the known fields were decoded */
	MARK_TAIL = 1 << 0,
	MARK_IMPLAUSIBLE = 1 << 1, /* outside what a living person has; never dropped */
	MARK_NO_RESULT = 1 << 2,   /* measured, but the device found no result */
	/* raw bytes only: decoder refused them, died or was too slow */
	MARK_UNDECODED = 1 << 3,
	MARK_TEST = 1 << 4,	  /* a test reading, not the patient's */
	MARK_UNVERIFIED = 1 << 5, /* link not known to be encrypted when it came */
};

/* How strong the bond is; BlueZ's numbers plus one, 0 = not known. */
enum link_strength {
	LINK_UNKNOWN = 0,
	LINK_LEGACY_JUST_WORKS = 1,
	LINK_LEGACY_PASSKEY = 2,
	LINK_SC_JUST_WORKS = 3,
	LINK_SC_AUTHENTICATED = 4,
};

enum addr_type {
	ADDR_PUBLIC = 0,
	ADDR_RANDOM = 1,
};

struct peripheral {
	/* local number, from the config; what logs say */
	uint16_t num;
	/* most significant octet first, as people write it */
	uint8_t addr[PERIPHERAL_ADDR_LEN];
	enum addr_type addr_type;
};

/* When the hub received it. */
struct capture_time {
	uint8_t boot[BOOT_ID_LEN]; /* the kernel's boot id */
	struct mono mono;
	struct wall wall;
};

/* What a decoder made of the raw bytes. */
struct decoded {
	uint8_t value_count;
	struct value values[READING_VALUES_MAX];
	bool has_device_time;
	struct date_time device_time; /* as sent: the device's local time */
	bool has_user;
	uint8_t user; /* the device's own user index; 255 unknown */
	bool has_status;
	uint16_t status; /* the profile's measurement status bits, as sent */
	uint32_t marks;	 /* enum reading_mark */
};

struct clock_offset {
	enum offset_source source;
	/* grows by one each time the device's clock was reset or jumped */
	int32_t timeline;
	/* hub's local time minus device time; 0 if source is OFFSET_NONE */
	int64_t offset_ms;
	uint32_t uncertainty_ms;
};

struct reading {
	enum reading_kind kind;
	uint16_t characteristic; /* 16-bit UUID the value came from */
	uint16_t raw_len;
	uint8_t raw[READING_RAW_MAX];
	struct peripheral peripheral;
	struct capture_time captured;
	int16_t utc_offset_min; /* offset of the home's local time from UTC at capture */
	enum link_strength link;
	/* From here on absent when marks has MARK_UNDECODED. */
	struct decoded decoded;
	struct clock_offset clock;
	enum attribution attribution;
};

/*
 * reading_encode - write the body of a reading, deterministic CBOR.
 *
 * buf, cap   receives the body; READING_BODY_MAX always suffices
 *
 * Returns the length, or -ENOSPC. Pure.
 */
int reading_encode(const struct reading *rd, uint8_t *buf, size_t cap);

/*
 * reading_decode - read a body back; every field is checked against its range.
 *
 * Returns 0 with *ret filled, or
 *   -EBADMSG   not CBOR, a field missing or of the wrong type, bytes left over
 *   -ERANGE    a field outside its range
 *   -ENOTSUP   body version we do not know
 *
 * Unknown keys are skipped. Pure.
 */
int reading_decode(const uint8_t *buf, size_t len, struct reading *ret);

/* Names for people; static strings, "?" for a number that is not of the enum. Pure. */
const char *reading_kind_text(enum reading_kind k);
const char *value_name_text(enum value_name n);
const char *value_unit_text(enum value_unit u);
const char *clock_quality_text(enum clock_quality q);
const char *offset_source_text(enum offset_source s);
const char *attribution_text(enum attribution a);
