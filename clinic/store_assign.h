#pragma once

/*
 * store_assign.h - to whom a hub was assigned, and who uses a device. A part of the interface of store.h, with its rules.
 *
 * A patient is a pseudonym that the clinic has chosen: opaque text, never a name. What a reading's number says stays so:
 * a row is written once, and a later assignment has a higher number.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clinic/filing.h"
#include "clinic/store.h"

enum { PATIENT_TEXT_MAX = 64 };

struct assigned {
	uint32_t number;
	enum assignment_state state;
	uint64_t first_seq; /* lowest number filed under it; 0: none yet */
	int64_t since_ms;   /* UTC, when the clinic ordered it; 0: not known */
	char patient[PATIENT_TEXT_MAX + 1]; /* "": not said */
};

/* store_assigned_is_patient - may this be a pseudonym: 1 to PATIENT_TEXT_MAX printable ASCII characters, no space. Pure. */
bool store_assigned_is_patient(const char *text);

/*
 * store_assigned_add - the next assignment of this enrolment, whatever became of the others.
 *
 * ret_number   one above the highest that was ever given
 */
int store_assigned_add(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		       uint32_t epoch, const char *patient, int64_t now_ms,
		       uint32_t *ret_number);

/* store_assigned_each - by number. fn as in store_hub_each. */
typedef int store_assigned_fn(void *arg, const struct assigned *a);
int store_assigned_each(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			uint32_t epoch, store_assigned_fn *fn, void *arg);

/* store_assigned_get - one of them; -ENOENT. */
int store_assigned_get(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		       uint32_t epoch, uint32_t number, struct assigned *ret);

/*
 * store_devices_lock - nobody else gives devices to hubs until the transaction ends. store_device_user begins with it: what it
 * finds stays so.
 */
int store_devices_lock(struct store *s);

/* store_device_among - is this device, by its address, one of c's? Pure. */
bool store_device_among(const struct config_device *d, const struct config *c);
/*
 * store_device_user - another hub that measures for a patient with one of these devices, by address.
 *
 * hub   the one that is not meant
 *
 * Returns 1 with the name of the hub and the index of the device, or 0. Hubs that are retired or lost, and those without a
 * patient, use none.
 */
int store_device_user(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      const struct config_device *devices, size_t count,
		      char ret_hub[static HUB_NAME_MAX + 1], size_t *ret_device);
