#pragma once

/*
 * health.h - what hubd knows of the hub and its devices, gathered for hub-store, which tells the clinic.
 *
 * Pure. It is told at once when something has changed, at most every HEALTH_EVERY_MS. What is known of a device stays
 * when hub-ble starts anew, until hub-ble says otherwise, and goes with the device.
 */
#include <stdbool.h>

#include "hub/core/config.h"
#include "hub/core/msg.h"
#include "hub/core/time.h"

enum { HEALTH_EVERY_MS = 2000 };

/* Fields are private. */
struct health {
	struct msg_health now;
	bool changed; /* hub-store does not know */
	struct mono not_before;
};

void health_init(struct health *h);

/* The devices of another config take the places of the old ones; those that stay keep what is known. */
void health_on_config(struct health *h, const struct config *c);

/* What the clinic should know of configs: as the fields of these names in struct msg_health. */
void health_set_proven(struct health *h, uint64_t version);
void health_set_trial(struct health *h, enum trial why);
void health_set_refused(struct health *h, uint64_t version, enum refusal why);

/* health_on_status - a STATUS of hub-ble, or what hub-coap says of the way to the clinic; others say nothing here. */
void health_on_status(struct health *h, const struct msg_status *s);

/* hub-ble is gone: nobody works the radio. */
void health_on_ble_down(struct health *h);

/* hub-store is there, or there anew: it knows nothing. */
void health_on_store_up(struct health *h);

/* health_on_fence - the assignment in force, and the step of the hand-over to another one. */
void health_on_fence(struct health *h, uint32_t assignment, enum fence_step step);

/* health_set_command - command, retiring, challenged, lock_epoch and nonce of m. */
void health_set_command(struct health *h, const struct msg_health *m);

/* health_set_escrow - what ends level 3, as long as the clinic is to hear of it. */
void health_set_escrow(struct health *h, const struct escrow_sealed *e);

/* health_set_triggers - trigger_count and triggers of m. A count alone is told with the next change. */
void health_set_triggers(struct health *h, const struct msg_health *m);

/* health_on_enrolment - how far hub-coap is with it. */
void health_on_enrolment(struct health *h, enum enrol_state state,
			 enum enrol_trouble trouble);

/* What hubd sees itself; light: enum indicator_light. */
void health_set(struct health *h, uint8_t level, uint8_t light, enum clock_quality clock);

/* health_next - Returns true with what hub-store is to hear now; call health_sent if it went. */
bool health_next(const struct health *h, struct mono now, struct msg_health *ret);
void health_sent(struct health *h, struct mono now);

/* When health_next may have something; MONO_NEVER. */
struct mono health_deadline(const struct health *h);
