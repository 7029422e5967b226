#pragma once

/*
 * repeat.h - shall somebody be asked to measure again, because what was measured is outside the config's limits?
 *
 * Pure, in virtual time. hub-ble says of a device that its last reading was outside or within, and no more (STATUS_LIMITS):
 *   - the same once more, or of long ago (hub-ble says what it knows to a hubd that is there anew): nothing new;
 *   - outside: somebody is asked, until the next reading of that device, whatever it shows, for REPEAT_ASK_MS at most;
 *   - not twice within REPEAT_REST_MS: one that is outside again is the clinic's to judge, and nobody is kept busy with it.
 * When nobody may be asked at all says plan.h.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/config.h"
#include "hub/core/msg.h"
#include "hub/core/time.h"

enum {
	REPEAT_ASK_MS = 30 * 60 * 1000,
	REPEAT_REST_MS = 2 * 60 * 60 * 1000,
	REPEAT_LOOK_MS =
		60 *
		1000, /* while somebody is to be asked: quiet hours may begin or end */
};

/* All zero: nobody is asked. Fields are private. */
struct repeat {
	uint32_t assignment;
	size_t count;
	struct repeat_device {
		uint16_t num;
		bool waits; /* for another reading */
		struct mono asked_at;
	} devices[CONFIG_DEVICES_MAX];
};

/* A STATUS message; those that are not of limits say nothing here. */
void repeat_on_status(struct repeat *r, const struct msg_status *s, struct mono now);
/* Another patient, no limits any more, or a device that is gone: forgotten. */
void repeat_on_config(struct repeat *r, const struct config *c);
/* repeat_waits - of these devices another reading is waited for. Returns how many; their numbers in ret. */
size_t repeat_waits(const struct repeat *r, struct mono now,
		    uint16_t ret[static CONFIG_DEVICES_MAX]);
/* When to look again; MONO_NEVER if nobody is to be asked. */
struct mono repeat_deadline(const struct repeat *r, struct mono now);
