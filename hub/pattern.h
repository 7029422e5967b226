#pragma once

/*
 * pattern.h - how each state of the indicator looks and sounds: a colour, a pattern in time, notes. Pure.
 *
 * Invariants
 *   1. Patterns differ without their colours. A person tells short (at most PATTERN_SHORT_MS), middle and long (at least
 *      PATTERN_LONG_MS) apart, and counts; nothing lies between these. As words of short, middle and long no two are equal, wherever
 *      one begins to look.
 *   2. Never more than three flashes in a second (WCAG 2.3.1).
 *   3. No red, no melody: those are the language of alarms (IEC 60601-1-8), and the hub is no alarm device. Whether steady red
 *      would be free is not known.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/indicator.h"

enum pattern_colour {
	COLOUR_NONE = 0,
	COLOUR_GREEN,
	COLOUR_AMBER,
	COLOUR_BLUE,
	COLOUR_WHITE,
};

/* Lamps that a board may have, as bits. */
enum lamp {
	LAMP_RED,
	LAMP_GREEN,
	LAMP_BLUE,
	LAMP_WHITE,
	LAMP_AMBER,
	LAMP_SINGLE, /* one of whatever colour, when there is no other */
	LAMPS,
};

enum {
	PATTERN_SHORT_MS = 350,
	PATTERN_MIDDLE_MS = 450, /* at least */
	PATTERN_LONG_MS = 1500,
	/* a long one, and for each of three counts six flashes */
	PATTERN_STEPS_MAX = 2 + 3 * 6 * 2,
	NOTES_MAX = 3,
};

struct pattern {
	enum pattern_colour colour; /* COLOUR_NONE: dark */
	size_t count;		    /* of ms; 0: without a break */
	/* on, off, on, off ..., then again */
	uint16_t ms[PATTERN_STEPS_MAX];
};

struct note {
	uint16_t hz; /* 0: silence */
	uint16_t ms;
};

/* pattern_make - code: of label_code, only looked at for LIGHT_CODE. */
void pattern_make(enum indicator_light l, const char *code, struct pattern *ret);
/* pattern_is_on - that long after its begin; *ret_next: after how long, from the begin, that changes, UINT64_MAX: never. */
bool pattern_is_on(const struct pattern *p, uint64_t ms, uint64_t *ret_next);

/* pattern_lamps - those of 'there' that make this colour, or what comes nearest; 0 only for COLOUR_NONE or if none is there. */
unsigned pattern_lamps(enum pattern_colour c, unsigned there);

/* The notes of a sound, one after the other. Returns how many. */
size_t pattern_notes(enum indicator_sound s, const struct note **ret);
