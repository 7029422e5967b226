#pragma once

/*
 * silence.h - why nothing comes from a device that should have measured by now. Pure.
 *
 * A device is silent if its last reading is older than its plan allows. Then exactly one reason is given, the first of
 * these that holds; each one hides what comes after it, because as long as it holds, nobody can know the rest, or
 * nothing would help:
 *
 *   offline         nothing was heard of the hub for SILENCE_HEARTBEATS heartbeats: all below is of the past
 *   locked          the hub takes no readings: retired, its storage full or at fault, without a configuration
 *   bond            the device is not paired, lost its bond, or is not the one that was paired
 *   battery         the device's battery is low
 *   clock           the device's clock is wrong by a day or more, or the hub has none: what it sends cannot be dated
 *   device-unseen   no sign of the device for as long as its plan allows, at least two hours, or the hub hears nobody at all
 *   no-measurement  all is well, as far as can be told: nobody has measured
 *
 * 'none' is a device that is not silent.
 */
#include <stdbool.h>
#include <stdint.h>

#include "clinic/store_status.h"
#include "hub/core/reading.h"

enum {
	SILENCE_HEARTBEATS = 3,
	SILENCE_SEEN_MS = 2 * 3600 * 1000, /* a sign so young counts, whatever the plan */
};

enum silence_code {
	SILENT_NONE = 0,
	SILENT_OFFLINE,
	SILENT_LOCKED,
	SILENT_BOND,
	SILENT_BATTERY,
	SILENT_CLOCK,
	SILENT_UNSEEN,
	SILENT_NO_MEASUREMENT,
	SILENT_CODES,
};

/* What may be expected. */
struct silence_plan {
	uint64_t heartbeat_ms;
	uint64_t
		silent_after_ms; /* of the device: 1.5 times what lies between two readings */
};

/* silence_after_ms - what is expected of a device: by its plan, or, if it is NULL, as of one of this kind. */
uint64_t silence_after_ms(enum reading_kind kind, const struct config_plan *plan);

/* What is known; times UTC in ms. */
struct silence_facts {
	int64_t now_ms;
	int64_t hub_seen_ms;		    /* last request, 0: never */
	int64_t hub_added_ms;		    /* nothing was expected before */
	const struct status *status;	    /* of the hub; NULL: it never told */
	const struct status_device *device; /* NULL: the hub does not know it */
	const struct device_sign *sign;
};

/* The seven questions, answered. */
struct silence_signs {
	bool overdue, offline, locked, bond, battery, clock, unseen;
};

struct silence_signs silence_signs(const struct silence_facts *f,
				   const struct silence_plan *p);
/* silence_reason - the table above. */
enum silence_code silence_reason(const struct silence_signs *s);

/* Of the hub itself: SILENT_OFFLINE, SILENT_LOCKED, SILENT_CLOCK or SILENT_NONE. */
enum silence_code silence_of_hub(const struct silence_facts *f,
				 const struct silence_plan *p);

/* "no-measurement", for programs; never changes. */
const char *silence_code_text(enum silence_code c);

/*
 * silence_words - what that means and what to do, for people; static.
 *
 * st, d   as in the facts, may be NULL: what the hub has found makes it more exact
 */
const char *silence_words(enum silence_code c, const struct status *st,
			  const struct status_device *d);
