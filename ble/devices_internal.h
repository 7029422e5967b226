#pragma once

/*
 * devices_internal.h - what the files behind devices.h share; nobody else includes it.
 *
 * devices_value.c takes values, devices_link.c follows connections and clocks, devices.c lets the machines act.
 */
#include "ble/bluez.h"
#include "ble/bucket.h"
#include "ble/capture.h"
#include "ble/clock.h"
#include "ble/devices.h"
#include "ble/handover.h"
#include "ble/pairing.h"
#include "ble/profile.h"
#include "ble/report.h"
#include "ble/session.h"

struct device {
	struct config_device cfg;
	struct session session;
	struct clock_track clock;
	struct bucket bucket;
	const struct profile *profile; /* of the bucket; NULL: no value yet */
	unsigned is;	   /* what bluetoothd says of it, PROP_PAIRED .. PROP_RESOLVED */
	bool bonded;	   /* a bond that was found good */
	bool linked;	   /* connected, and bonded */
	bool has_services; /* resolved, and the measurement is among them */
	bool trusting;	   /* trust was asked for on this attachment */
	struct mono gone_at;
	enum clock_kind clock_kind;
	bool clock_readable, clock_writable;
	unsigned tag;	       /* of the clock operation under way */
	struct mono op_before; /* when it began */
	int64_t op_local_ms;   /* what it sets */
	int told;	       /* enum device_state told to hubd, -1: none */
};

struct devices {
	struct rt *rt;
	struct bluez *bluez;
	struct handover *handover;
	struct report *report;
	struct rt_timer *timer;
	devices_stopped_fn *stopped;
	void *arg;
	uint8_t boot[BOOT_ID_LEN];
	bool configured, radio, stopping;
	struct mono stop_by;
	bool has_time;
	struct msg_time time; /* of the clinic */
	int16_t utc_offset_min;
	struct pairing pairing;
	size_t count;
	struct device devices[CONFIG_DEVICES_MAX];
};

/* The hub's best idea of UTC: the clinic's if it was heard, else the system clock's. */
struct wall devices_wall(const struct devices *ds, struct mono now);

/* Tell hubd; i >= count: not about one of ours. */
void devices_incident(struct devices *ds, enum incident what, size_t i);

/* devices_value.c. A value of device i came over the air. */
void devices_on_value(void *arg, size_t i, uint16_t uuid, const uint8_t *value,
		      size_t len);
/* Give hub-store the decoded values whose wait is over. Returns the next deadline. */
struct mono devices_finish_values(struct devices *ds, struct mono now);

/* devices_link.c. What bluetoothd says of device i; o is NULL if it has no object. */
void devices_on_object(void *arg, size_t i, struct object_device *o);
/* Draw the consequences: link, services, trust. */
void devices_follow(struct devices *ds, size_t i, struct mono now);
/* Do what a session wants. */
void devices_act(struct devices *ds, size_t i, enum session_action action,
		 struct mono now);
/* The end of a clock operation of the session. */
void devices_on_clock(struct devices *ds, enum bluez_op op, size_t i, int err,
		      const uint8_t *value, size_t len, struct mono now);
