#pragma once

/*
 * peripherals.h - what hubd keeps of the devices that were paired: their pins, in a small file of its own.
 *
 *   peripherals      the pins, deterministic CBOR; byte table: docs/MESSAGES.md, 'Peripherals'
 *   peripherals.bad  a damaged one, kept aside for a person; nothing reads it
 *
 * Invariants
 *   1. An entry belongs to one device of one configuration: epoch, assignment, number, kind and configured address.
 *      If any of them has become another, the entry is void, and is left out at the next writing.
 *   2. No two devices have the same address, configured or found; an entry whose found address has become the
 *      configured one of another device is void.
 *   3. What was noted stays in force also if it could not be written; it is then written again later.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/config.h"
#include "hub/core/msg.h"

enum { PERIPHERALS_BYTES_MAX = 4096 };

/* A pin, and the device that it was made for. */
struct peripheral_entry {
	uint16_t num;
	enum reading_kind kind;
	bool has_addr; /* as configured, not as found */
	uint8_t addr[PERIPHERAL_ADDR_LEN];
	enum addr_type addr_type;
	struct device_pin pin; /* 'known' is true */
};

/* Fields are private. */
struct peripherals {
	const char *dir;     /* borrowed for life */
	uint32_t epoch;	     /* of the enrolment that all entries belong to */
	uint32_t assignment; /* of the patient for whom all were paired */
	size_t count;
	struct peripheral_entry entries[CONFIG_DEVICES_MAX];
	bool unsaved; /* what is here is not on the disk yet */
};

/*
 * peripherals_open - read the file of dir.
 *
 * Returns 0, also if there is none, or
 *   -EBADMSG   damaged: it was put aside, there are no pins
 *   -EIO, ...  it could not be read: there are no pins
 */
int peripherals_open(struct peripherals *p, const char *dir);

/*
 * peripherals_note - a device was paired, or told more of itself: keep it, durably.
 *
 * c   the configuration in force
 *
 * Returns 1 if something changed, 0 if it was known, or
 *   -ENOENT   no such device in c
 *   -ERANGE   the found address is not the configured one, or it is all zero though none is configured
 *   -EEXIST   another device has this address
 *   else what file_replace says; the change is in force, peripherals_save tries again
 */
int peripherals_note(struct peripherals *p, const struct config *c,
		     const struct msg_bonded *bonded);

/*
 * peripherals_forget - the bond of this device is gone: its pin, too, durably.
 *
 * Returns 0, also if there was none, or what file_replace says; the change is in force, peripherals_save tries again.
 */
int peripherals_forget(struct peripherals *p, uint16_t num);

/*
 * peripherals_assign - a configuration is in force: entries of another assignment or epoch are forgotten.
 *
 * Written with the next peripherals_save.
 */
void peripherals_assign(struct peripherals *p, const struct config *c);

/* peripherals_save - write what could not be written before. Returns 0, or what file_replace says. */
int peripherals_save(struct peripherals *p);

/* peripherals_pins - the pin of each device of c, in its order; without one: all zero. Pure. */
void peripherals_pins(const struct peripherals *p, const struct config *c,
		      struct device_pin ret[static CONFIG_DEVICES_MAX]);

/* peripherals_encode - the bytes of the file. Returns the length, or -ENOSPC. Pure. */
int peripherals_encode(const struct peripherals *p, uint8_t *buf, size_t cap);

/*
 * peripherals_decode - read them back; dir and unsaved of ret are left as they are.
 *
 * Returns 0, -EBADMSG, -ERANGE or -ENOTSUP (format version). Pure.
 */
int peripherals_decode(const uint8_t *buf, size_t len, struct peripherals *ret);
