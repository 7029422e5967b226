#pragma once

/*
 * refusal.h - why a hub did not take a config that the clinic offered, as a number that reaches the clinic and as words.
 */
#include "hub/core/config.h"

/* The numbers are on the wire: in the hub's status, and between its processes. */
enum refusal {
	REFUSAL_NONE = 0,
	REFUSAL_NOT_SIGNED = 1, /* no signed document */
	REFUSAL_SIGNATURE = 2,	/* not by the key of this hub's clinic */
	REFUSAL_OTHER_HUB = 3,
	REFUSAL_OTHER_EPOCH = 4, /* of this hub, but of another enrolment */
	REFUSAL_OLDER = 5,	 /* than the one in use */
	REFUSAL_TOO_LARGE = 6,
	REFUSAL_FIELD =
		32, /* + key of the field that is bad, see docs/MESSAGES.md, 'Config' */
	REFUSAL_DOCUMENT = 63, /* no one field, but its frame */
	REFUSAL_LAST = REFUSAL_DOCUMENT,
};

/* Why the endpoints of a config that was taken are not confirmed. The numbers are on the wire; the highest counts most. */
enum trial {
	TRIAL_NONE = 0,	   /* nothing is known against them */
	TRIAL_SILENT = 1,  /* nobody answers there */
	TRIAL_REFUSED = 2, /* somebody does, but no connection comes about */
	TRIAL_IDENTITY =
		3, /* it is another server: its key is not pinned, or its name is another */
	TRIAL_LAST = TRIAL_IDENTITY,
};

/* trial_text - in words for a person. Pure. */
const char *trial_text(enum trial t);

/* refusal_of_field - of what config_decode named. Pure. */
enum refusal refusal_of_field(const char *field);

/* refusal_text - in words for a person, without what to do. Pure. */
const char *refusal_text(enum refusal r);
