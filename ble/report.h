#pragma once

/*
 * report.h - the link to hubd: configuration and time come in, states and incidents go out.
 *
 * States are remembered and told again when hubd comes back. Incidents about the same thing are
 * counted and told at most every ten seconds, so that a peripheral cannot flood hubd through us.
 */
#include "hub/core/msg.h"
#include "hub/rt/ipc.h"
#include "hub/rt/options.h"

struct report;

struct report_handlers {
	void (*config)(void *arg, const struct msg_ble_config *config);
	void (*time)(void *arg, const struct msg_time *time);
	void (*window)(void *arg, const struct msg_window *window);
	void (*test)(void *arg, const struct msg_test *test);
	void (*fence)(void *arg, const struct msg_fence *fence);
	void (*unpair)(void *arg, uint16_t num);
};

/* report_new - Returns 0 with *ret, or what ipc_connect says. h is copied. */
int report_new(struct rt *rt, const struct options *opt, const struct report_handlers *h,
	       void *arg, struct report **ret);

/* report_adapter - can the radio be used? */
void report_adapter(struct report *r, bool usable);

/* report_device - state of the device with this local number. */
void report_device(struct report *r, uint16_t num, enum device_state state);

/* report_reason - why it is silent, if it is. */
void report_reason(struct report *r, uint16_t num, enum silence_reason reason);

/* report_health - what: STATUS_SEEN, _READING, _BATTERY, _CLOCK or _LIMITS; b as msg.h says. */
void report_health(struct report *r, enum status_what what, uint16_t num, uint64_t b);

/* report_window - what became of the pairing window with this id. */
void report_window(struct report *r, uint32_t id, enum window_state state);

/* report_bonded - what a device was found to be; told again until hubd has heard it. */
void report_bonded(struct report *r, const struct msg_bonded *bonded);

/* report_fenced - a step of the hand-over is done. Returns false if it cannot be sent now. */
bool report_fenced(struct report *r, const struct msg_fence *done);

/* report_incident - subject: local number of a device, a role, or 0. */
void report_incident(struct report *r, enum incident what, uint16_t subject);

/* report_forget - other devices are configured now: what was said of the old ones is void. */
void report_forget(struct report *r);

void report_free(struct report *r); /* NULL is fine */
