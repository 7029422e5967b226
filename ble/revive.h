#pragma once

/*
 * revive.h - after a pause (session.h, DISARM), is the radio to be switched off and on again?
 *
 * A pause takes the device off the kernel's list of whom to connect to. If the kernel (6.12) has a connection to it in
 * its queue just then, it forgets that without an end: for that address it believes to be busy until the radio goes
 * off, and every later Connect fails as if nobody were there. An impostor can bring that about.
 *
 *   IDLE  -ARM->                          WAIT   for a link of that device: the kernel does connect
 *   WAIT  -link of each->                 IDLE
 *   WAIT  -10 s, nobody linked->          OFF
 *   WAIT  -2 min->                        OFF    whoever is linked: a device that is worn is so for hours
 *   OFF   -the radio is off->             IDLE   and it goes on again
 *
 * Invariants
 *   1. After the last ARM every device has a link, or the radio goes off once, within 2 minutes outside a pairing window.
 *   2. The radio goes off at most once for an ARM, and never in a pairing window.
 *
 * Pure: events and 'now' in, an order out.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/core/time.h"

enum {
	/* Devices that advertise are found within seconds, and advertise for 30 or more. */
	REVIVE_QUIET_MS = 10000,
	REVIVE_LONGEST_MS = 120000,
};

/* Fields are private. */
struct revive {
	uint32_t waiting; /* bits of devices */
	bool off;
	struct mono quiet_at, by;
};

/* How things are: what revive_turn decides on. */
struct revive_view {
	bool radio_off;
	bool linked; /* some device is */
	bool window; /* a pairing window is open */
};

void revive_init(struct revive *r);

/* Device i (< 32) was let connect again. */
void revive_on_armed(struct revive *r, unsigned i, struct mono now);
void revive_on_linked(struct revive *r, unsigned i);

/* revive_turn - once in each turn of the loop. Returns true while the radio is to be off. */
bool revive_turn(struct revive *r, struct revive_view v, struct mono now);

/* revive_deadline - when revive_turn wants to be called without an event. */
struct mono revive_deadline(const struct revive *r, struct revive_view v);
