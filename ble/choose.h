#pragma once

/*
 * choose.h - what the hub makes of a device's characteristics: which it subscribes to,
 * through which its clock is reached, where its memory is, what it can tell of itself.
 *
 * Pure: looks at objects.h and traits.h only.
 */
#include "ble/clock.h"
#include "ble/objects.h"
#include "ble/session.h"
#include "ble/traits.h"

enum {
	CHOOSE_UUID_RACP = 0x2A52,
	CHOOSE_UUID_BATTERY = 0x2A19,
	CHOOSE_UUID_DEVICE_INFORMATION = 0x180A,
	CHOOSE_INFO_MAX = 24,
};

/* choose_is_wanted - does the hub use this characteristic at all? */
bool choose_is_wanted(uint16_t uuid);

/* choose_is_armed - shall it be subscribed to?
 *
 * Measurements, and the control points that answer by indication. A device that offers the
 * same measurement twice is heard once: its stored records if they can be asked for, else
 * the classic characteristic, else the enhanced one. */
bool choose_is_armed(struct object_device *d, const struct object_char *c);

/* choose_has_measurement - is there anything to take from this device? */
bool choose_has_measurement(struct object_device *d);

struct choose_clock {
	enum clock_kind kind; /* CLOCK_KIND_NONE: none */
	bool readable, writable;
};

/* choose_clock - the first kind that the traits prefer and the device has, else any it has. */
struct choose_clock choose_clock(struct object_device *d, const struct traits *t);

struct choose_memory {
	uint16_t service; /* 0: no memory that can be asked for */
	uint16_t data;	  /* characteristic that carries the records */
	uint8_t key_bits; /* see racp.h */
	uint8_t filter;
};

/* choose_memory - the service whose record access control point is used. */
struct choose_memory choose_memory(struct object_device *d);

/* choose_prepare, choose_info - the readable characteristics to be read in that step.
 * again: all was read before, only what may change is.
 * Returns how many, at most CHOOSE_INFO_MAX. */
size_t choose_prepare(struct object_device *d, uint16_t ret[static CHOOSE_INFO_MAX]);
size_t choose_info(struct object_device *d, bool again,
		   uint16_t ret[static CHOOSE_INFO_MAX]);

/* choose_is_endless - a device that is worn, or that streams: it ends the session. */
bool choose_is_endless(struct object_device *d);
