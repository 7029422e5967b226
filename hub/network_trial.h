#pragma once

/*
 * network_trial.h - a network setting that was set at the console: tried, kept when the clinic answers through it, taken back when it does
 * not. What a technician set wrong must not cost him a second visit.
 *
 * Pure. The shell (hubd_network.c) writes what network_encode says before anything comes of it. State diagram and
 * invariants: network_trial.c.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/network.h"
#include "hub/core/time.h"

enum {
	NETWORK_SLICE_S =
		60, /* of a trial's time that is gone as soon as it begins, also if the power goes */
	NETWORK_FILE_MAX = 128,
};

/* Fields are private. */
struct network {
	/* on the disk */
	uint32_t epoch; /* of the enrolment in which the last one was set; 0: none ever */
	uint64_t number; /* of the last template that was taken */
	enum network_trial trial;
	uint32_t confirm_s,
		spent_s; /* of a trial: powered on, spent with the slice that runs */
	struct network_setting now, before;
	/* since this start */
	bool renewed; /* hub-coap has come anew since the setting is there */
	struct mono ends, slice_ends;
};

/* network_init - before there is a file, or without one: as the image comes. */
void network_init(struct network *n);

/* network_encode - what must be on the disk. Returns the length; NETWORK_FILE_MAX is enough. */
size_t network_encode(const struct network *n, uint8_t ret[static NETWORK_FILE_MAX]);
/* network_decode - Returns 0, -EBADMSG, -EMSGSIZE, -ERANGE or -ENOTSUP; n is written on success only. */
int network_decode(const uint8_t *buf, size_t len, struct network *ret);

/*
 * network_on_start - hubd is there, with what was on the disk: a trial goes on with the time that it has left.
 *
 * Returns true if the disk does not say so yet. network_over comes next.
 */
bool network_on_start(struct network *n, struct mono now);

/*
 * network_set - a template whose signature is good, of this hub and enrolment.
 *
 * While another one is on trial, the setting to go back to stays that of before it.
 *
 * Returns 0: it is on trial, if the disk says so; or -ESTALE: not newer than the last one of this enrolment.
 */
int network_set(struct network *n, const struct network_template *t, struct mono now);

/* network_on_uplink - hub-coap's end of its socket is there anew. */
void network_on_uplink(struct network *n);
/*
 * network_on_acknowledged - an endpoint of the clinic has acknowledged something. Returns true if that ended a trial: it is kept.
 */
bool network_on_acknowledged(struct network *n);

/* network_over - Returns true, once, if a trial's time is over: the setting is that of before. */
bool network_over(struct network *n, struct mono now);
/* network_slice - Returns true if another slice of a trial has begun, which the disk must say. */
bool network_slice(struct network *n, struct mono now);

/* network_left_s - of a trial; 0: there is none. */
uint32_t network_left_s(const struct network *n, struct mono now);
/* network_deadline - when network_over or network_slice may have something; MONO_NEVER. */
struct mono network_deadline(const struct network *n);
