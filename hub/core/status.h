#pragma once

/*
 * status.h - how a hub is and what it knows of its devices, as it rides on batches: the facts from which the clinic
 * tells why a device is silent.
 *
 * No names, no addresses, no serial numbers: devices by local number. CBOR; byte table: docs/MESSAGES.md, 'Status'.
 * Times are ages at the making, so that a hub without a clock can tell them, too.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/msg.h"

enum {
	STATUS_DEVICES_MAX = CONFIG_DEVICES_MAX,
	STATUS_BATTERY_UNKNOWN = UINT8_MAX,
	STATUS_BATTERY_LOW = 20,      /* percent; below it is low */
	STATUS_CLOCK_WRONG_S = 86400, /* from here on a clock is not off but wrong */
	STATUS_LEVEL_MAX = 4,
	STATUS_LIGHT_MAX = 15,	  /* known or not */
	STATUS_SIGNAL_WEAK = -80, /* dBm; below it readings may be lost */
	STATUS_TRIP_SLOW_MS =
		3000, /* from here on a request is sent twice although the first arrives */
	STATUS_LOSSY_FEW = 5, /* of fewer requests than that nothing is concluded */
	STATUS_SOFTWARE_MAX = 15,
};

/* What is known of the bond with a device. The numbers are on the wire. */
enum bond_state {
	BOND_UNKNOWN = 0,
	BOND_NONE = 1,
	BOND_PAIRING = 2,
	BOND_GOOD = 3,
	BOND_LOST = 4,
	BOND_FAILED = 5, /* the last pairing did */
};

struct status_device {
	uint16_t num; /* as in the config, 1 and up */
	enum bond_state bond;
	enum silence_reason cause; /* what the hub found, SILENCE_NONE: nothing wrong */
	/* since it was last heard, advertising or connected; since its last reading: not since the hub's start,
	 * if false */
	bool seen, read;
	uint32_t seen_s, read_s;
	uint8_t battery; /* percent, or STATUS_BATTERY_UNKNOWN */
	bool has_clock_error;
	int32_t clock_error_s; /* positive: the device's clock is slow */
	int8_t signal_dbm;     /* just before it connected last, negative; 0: not known */
};

/* All zero is a hub that knows nothing of itself. */
struct status {
	uint8_t level;		  /* of the lockdown, 0..STATUS_LEVEL_MAX */
	enum clock_quality clock; /* of the hub */
	bool radio;		  /* a Bluetooth adapter is there and works */
	enum store_blocked blocked;
	uint64_t config_version; /* in use, 0: none */
	/* as in struct msg_health: what was refused last and why; what has proven itself, if it is not the one in use */
	uint64_t refused_version;
	enum refusal refusal;
	uint64_t proven_version;
	enum trial trial; /* why the one in use has not */
	bool has_made;
	int64_t made_ms; /* UTC, when the status was made, by the clinic's own clock */
	/* there has been something unsent without a break for so long; false: nothing is */
	bool waiting;
	uint32_t waiting_s;
	bool spool;	       /* readings go to the spool: the queue cannot be opened */
	uint64_t refused;      /* readings that were not taken since hub-store's start */
	uint8_t light;	       /* enum indicator_light */
	bool has_assignment;   /* the next two are told */
	uint32_t assignment;   /* in force, 0: none */
	enum fence_step fence; /* of the hand-over to another one */
	enum enrol_state enrolment; /* ENROL_NONE: not told */
	enum enrol_trouble trouble; /* what a renewal is held up by, too */
	/* the last command that came, and what became of it; counter 0: none */
	struct msg_command_result command;
	bool retiring;
	bool challenged; /* the next two are what a release has to name */
	uint32_t lock_epoch;
	uint8_t nonce[COMMAND_NONCE_LEN];
	struct path_quality path; /* to the clinic */
	char software[STATUS_SOFTWARE_MAX +
		      1]; /* version of the programs; empty: not told */
	/* what the hub has noticed against itself, highest level first */
	size_t trigger_count;
	struct health_trigger triggers[HEALTH_TRIGGERS_MAX];
	/* what ends level 3, sealed to the clinic's release authority; until the clinic has it, and from level 3 on */
	struct escrow_sealed escrow;
	size_t device_count;
	struct status_device devices[STATUS_DEVICES_MAX]; /* ascending num */
};

/* status_encode - BATCH_STATUS_MAX bytes always suffice. Returns the length, or -ENOSPC. Pure. */
int status_encode(const struct status *s, uint8_t *buf, size_t cap);

/*
 * status_decode - unknown keys are skipped, what is missing is not known.
 *
 * Returns 0, -EBADMSG (not this format; keys not ascending) or -ERANGE (a value; too many devices, numbers 0 or not
 * ascending). Pure.
 */
int status_decode(const uint8_t *buf, size_t len, struct status *ret);

/*
 * status_same - would the clinic learn nothing but ages, counts and how good the way is from b that it does not know
 * from a? A battery counts as low or not, a clock as wrong or not, a signal as weak or not. Pure.
 */
bool status_same(const struct status *a, const struct status *b);

/* status_clock_wrong - is this device's clock so far off that its readings cannot be dated by eye? Pure. */
bool status_clock_wrong(const struct status_device *d);
/* status_battery_low - is it known to be? Pure. */
bool status_battery_low(const struct status_device *d);
/* status_signal_weak - is it known to be too weak where the patient measures? Pure. */
bool status_signal_weak(const struct status_device *d);
/* status_path_bad - is the way to the clinic known to be slow, or to lose one request in five? Pure. */
bool status_path_bad(const struct path_quality *p);
