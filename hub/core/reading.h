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
	READING_VALUES_MAX = 20,
	READING_BODY_MAX = 940, /* longest body in clear */
	BOOT_ID_LEN = 16,
	PERIPHERAL_ADDR_LEN = 6,
	/* kinds from here to READING_EVIDENCE are what a hub has found out about itself: given up before any reading */
	READING_EVIDENCE_FIRST = 240,
};

/* What was measured; on the wire in the clear envelope. New kinds are added at the end. */
enum reading_kind {
	READING_NONE = 0,
	READING_BLOOD_PRESSURE = 1,
	READING_WEIGHT = 2,
	READING_BODY_COMPOSITION = 3,
	READING_OXIMETRY = 4,	     /* spot-check */
	READING_OXIMETRY_STREAM = 5, /* one window of a stream, see ble/stream.h */
	READING_TEMPERATURE = 6,
	READING_GLUCOSE = 7,
	/* meal, medication, ...: belongs to the glucose of the same device and sequence */
	READING_GLUCOSE_CONTEXT = 8,
	READING_HEART_RATE_STREAM = 9, /* one window of a stream */
	READING_CGM = 10,
	/* one observation of a Generic Health Sensor, in MDC codes */
	READING_GENERIC = 11,
	/* not a measurement: what a peripheral says of itself, see ble/dis.h */
	READING_DEVICE_INFORMATION = 12,
	READING_KIND_LAST = READING_DEVICE_INFORMATION,
	/* not a reading: what was done at the hub's console, see console_account.h */
	READING_CONSOLE = 251,
	/* not a reading: a piece of what a locked hub looked like, see snapshot.h */
	READING_SNAPSHOT = 252,
	/* not a reading: a piece of hub-measure's evidence, see evidence.h */
	READING_EVIDENCE = 253,
	/* not a reading: the hub's signed account of a day, see manifest.h */
	READING_MANIFEST = 254,
	/* not a reading: says which ones will never come, and why */
	READING_TOMBSTONE = 255,
};

/* reading_is_hubs - is a record of this kind the hub's own account, and nobody's reading? Pure. */
static inline bool reading_is_hubs(unsigned kind)
{
	return kind == READING_MANIFEST || kind == READING_EVIDENCE ||
	       kind == READING_SNAPSHOT || kind == READING_CONSOLE;
}

/* reading_is_evidence - does a record of this kind go before all readings when there is no space? A manifest does not: it
 * is small, and its turn comes when what it accounts for is settled. Pure. */
static inline bool reading_is_evidence(unsigned kind)
{
	return kind >= READING_EVIDENCE_FIRST && kind <= READING_EVIDENCE;
}

/* One component of a reading. The numbers are on the wire. */
enum value_name {
	VALUE_NONE = 0,
	VALUE_SYSTOLIC = 1,
	VALUE_DIASTOLIC = 2,
	VALUE_MEAN_ARTERIAL = 3,
	VALUE_PULSE = 4,
	VALUE_CUFF_PRESSURE = 5,
	VALUE_WEIGHT = 6,
	VALUE_BMI = 7,
	VALUE_HEIGHT = 8,
	VALUE_BODY_FAT = 9,	     /* percentage */
	VALUE_BASAL_METABOLISM = 10, /* kJ a day */
	VALUE_MUSCLE_PERCENTAGE = 11,
	VALUE_MUSCLE_MASS = 12,
	VALUE_FAT_FREE_MASS = 13,
	VALUE_SOFT_LEAN_MASS = 14,
	VALUE_BODY_WATER_MASS = 15,
	VALUE_IMPEDANCE = 16,
	VALUE_SPO2 = 17,
	VALUE_PULSE_AMPLITUDE = 18, /* index, % */
	VALUE_SPO2_FAST = 19,
	VALUE_PULSE_FAST = 20,
	VALUE_SPO2_SLOW = 21,
	VALUE_PULSE_SLOW = 22,
	VALUE_TEMPERATURE = 23,
	/* code: temperature type, HTS; UNIT_CODE from here on where said so */
	VALUE_BODY_SITE = 24,
	VALUE_GLUCOSE = 25,
	VALUE_SAMPLE_TYPE = 26,	    /* code, low nibble of GLS type and location */
	VALUE_SAMPLE_LOCATION = 27, /* code */
	VALUE_CARBOHYDRATE_ID = 28, /* code */
	VALUE_CARBOHYDRATE = 29,
	VALUE_MEAL = 30,   /* code */
	VALUE_TESTER = 31, /* code */
	VALUE_HEALTH = 32, /* code */
	VALUE_EXERCISE_DURATION = 33,
	VALUE_EXERCISE_INTENSITY = 34,
	VALUE_MEDICATION_ID = 35, /* code */
	VALUE_MEDICATION = 36,
	VALUE_HBA1C = 37,
	VALUE_HEART_RATE = 38,
	VALUE_SENSOR_CONTACT = 39, /* code: 0 no, 1 yes */
	VALUE_ENERGY_EXPENDED = 40,
	VALUE_RR_INTERVAL = 41,
	VALUE_GLUCOSE_TREND = 42,
	VALUE_GLUCOSE_QUALITY = 43,
	/* Summary of a stream's window. */
	VALUE_SAMPLES = 44,	  /* received */
	VALUE_SAMPLES_VALID = 45, /* that had a number */
	VALUE_DURATION = 46,	  /* first to last sample */
	VALUE_SPO2_MIN = 47,
	VALUE_SPO2_MEDIAN = 48,
	VALUE_SPO2_MAX = 49,
	VALUE_PULSE_MIN = 50,
	VALUE_PULSE_MEDIAN = 51,
	VALUE_PULSE_MAX = 52,
	VALUE_HEART_RATE_MIN = 53,
	VALUE_HEART_RATE_MEDIAN = 54,
	VALUE_HEART_RATE_MAX = 55,
	VALUE_BATTERY = 56,
	/* Named by its 'code', a 32-bit MDC code of IEEE 11073-10101 (partition << 16 | term). */
	VALUE_MDC = 57,
	VALUE_NAME_LAST = VALUE_MDC,
};

/* Unit as on the wire; never converted on the hub. */
enum value_unit {
	UNIT_NONE = 0,
	UNIT_MMHG = 1,
	UNIT_KPA = 2,
	UNIT_PER_MINUTE = 3,
	UNIT_KG = 4,
	UNIT_LB = 5,
	UNIT_M = 6,
	UNIT_IN = 7,
	UNIT_KG_PER_M2 = 8,
	UNIT_PERCENT = 9,
	UNIT_KJ = 10,
	UNIT_OHM = 11,
	UNIT_CELSIUS = 12,
	UNIT_FAHRENHEIT = 13,
	UNIT_KG_PER_L = 14,
	UNIT_MOL_PER_L = 15,
	UNIT_MG_PER_DL = 16,
	UNIT_MG_PER_DL_MIN = 17,
	UNIT_L = 18,
	UNIT_S = 19,
	UNIT_S_1024 = 20, /* 1/1024 s */
	UNIT_CODE = 21,	  /* not a quantity: a number of the profile's own list */
	UNIT_COUNT = 22,
	UNIT_MDC = 23, /* named by 'unit_code', term code of partition 4 */
	UNIT_LAST = UNIT_MDC,
};

struct value {
	enum value_name name;
	enum value_unit unit;
	struct decimal number;
	uint32_t code;	    /* VALUE_MDC only, else 0 */
	uint16_t unit_code; /* UNIT_MDC only, else 0 */
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
	MARK_CONTROL = 1 << 6,	  /* control solution, not the patient's blood */
	MARK_STUB = 1 << 7,	  /* history stub: every field but the weight is zero */
	MARK_MORE = 1 << 8,	  /* the next value of the same user continues this one */
	MARK_CLOCK_UNSET = 1 << 9, /* the device says that its clock is not set */
	MARK_CRC = 1 << 10,	   /* check sum wrong; not decoded */
	/* its stamp lies in an hour that the clocks showed twice */
	MARK_AMBIGUOUS = 1 << 11,
	MARK_STORED = 1 << 12, /* from the device's memory, on request */
	/* a segment was lost, doubled or out of order: only what is here is known */
	MARK_SEGMENT = 1 << 13,
	/* measured before the device was paired, or given to this patient: not the patient's */
	MARK_BEFORE = 1 << 14,
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
	struct date_time device_time; /* as sent: the device's local time, or UTC */
	bool time_is_utc;	      /* device_time is UTC, not local */
	/* what the user saw on the display = device_time + this (glucose, CGM) */
	bool has_time_offset;
	int32_t time_offset_min;
	bool has_ticks;
	uint64_t ticks; /* of a tick counter, in 100 us; the device has no calendar */
	bool has_user;
	uint8_t user; /* the device's own user index; 255 unknown */
	bool has_sequence;
	uint32_t sequence; /* the device's own number of the record */
	bool has_status;
	uint32_t status; /* the profile's measurement status bits, as sent */
	bool has_device_status;
	uint32_t device_status; /* PLX: device and sensor status */
	uint32_t marks;		/* enum reading_mark */
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
	/* grows each time the device's memory was reset; with 'sequence' it names a stored record */
	uint32_t history;
};

/*
 * reading_encode - write the body of a reading, deterministic CBOR.
 *
 * buf, cap   receives the body. READING_BODY_MAX suffices for the longest raw value with READING_VALUES_MAX
 *            plain values, or with 13 VALUE_MDC, and always for an undecoded one
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
