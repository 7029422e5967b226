/*
 * pattern.c - see pattern.h.
 */
#include "hub/pattern.h"

#include <string.h>

enum {
	CODE_BEGIN_MS = 2000, /* the long flash before the counts */
	CODE_BLINK_MS = 300,
	CODE_GAP_MS = 1000,
	CODE_END_MS = 3000,
};

#define STEPS(...)                                                                       \
	.count = sizeof((const uint16_t[]){ __VA_ARGS__ }) / sizeof(uint16_t),           \
	.ms = { __VA_ARGS__ }

static const struct pattern patterns[LIGHT_LAST + 1] = {
	/* a short flash now and then: the hub is on */
	[LIGHT_READY] = { COLOUR_GREEN, STEPS(100, 4900) },
	[LIGHT_SAVED] = { COLOUR_AMBER, STEPS(200, 200, 200, 900) },
	[LIGHT_REACHED] = { COLOUR_GREEN, .count = 0 },
	[LIGHT_WAITING] = { COLOUR_WHITE, STEPS(2000, 2000) },
	[LIGHT_NEEDS_YOU] = { COLOUR_AMBER, STEPS(500, 500) },
	[LIGHT_PAIRING] = { COLOUR_BLUE, STEPS(170, 170) },
	/* steady but for a short break, so that it is no REACHED in another colour */
	[LIGHT_LOCKED] = { COLOUR_AMBER, STEPS(3700, 300) },
	[LIGHT_SEALED] = { COLOUR_AMBER, STEPS(3100, 300, 300, 300) },
	[LIGHT_CONSOLE] = { COLOUR_WHITE, STEPS(150, 150, 150, 150, 150, 2250) },
};

static void add(struct pattern *p, uint16_t on, uint16_t off)
{
	if (p->count + 2 > PATTERN_STEPS_MAX)
		return;
	p->ms[p->count++] = on;
	p->ms[p->count++] = off;
}

/* "3-1-4": a long flash, three, one, four. */
static void make_code(const char *code, struct pattern *p)
{
	*p = (struct pattern){ .colour = COLOUR_WHITE };
	add(p, CODE_BEGIN_MS, CODE_GAP_MS);
	for (const char *c = code; *c; c++) {
		for (int n = *c - '0'; *c >= '1' && *c <= '6' && n > 0; n--)
			add(p, CODE_BLINK_MS, n > 1 ? CODE_BLINK_MS : CODE_GAP_MS);
	}
	p->ms[p->count - 1] = CODE_END_MS;
}

void pattern_make(enum indicator_light l, const char *code, struct pattern *ret)
{
	if (l == LIGHT_CODE)
		make_code(code, ret);
	else
		*ret = patterns[l <= LIGHT_LAST ? l : LIGHT_NONE];
}

bool pattern_is_on(const struct pattern *p, uint64_t ms, uint64_t *ret_next)
{
	uint64_t period = 0, at;

	*ret_next = UINT64_MAX;
	if (p->colour == COLOUR_NONE || p->count == 0)
		return p->colour != COLOUR_NONE;
	for (size_t n = 0; n < p->count; n++)
		period += p->ms[n];
	at = ms - ms % period;
	for (size_t n = 0; n < p->count; n++) {
		at += p->ms[n];
		*ret_next = at;
		if (ms < at)
			return n % 2 == 0;
	}
	return false;
}

unsigned pattern_lamps(enum pattern_colour c, unsigned there)
{
	/* in the order in which they are to be had */
	static const struct {
		enum pattern_colour colour;
		unsigned lamps;
	} ways[] = {
		{ COLOUR_GREEN, 1u << LAMP_GREEN },
		{ COLOUR_AMBER, 1u << LAMP_AMBER },
		{ COLOUR_AMBER, 1u << LAMP_RED | 1u << LAMP_GREEN },
		{ COLOUR_BLUE, 1u << LAMP_BLUE },
		{ COLOUR_WHITE, 1u << LAMP_WHITE },
		{ COLOUR_WHITE, 1u << LAMP_RED | 1u << LAMP_GREEN | 1u << LAMP_BLUE },
	};

	if (c == COLOUR_NONE)
		return 0;
	for (size_t n = 0; n < sizeof(ways) / sizeof(*ways); n++)
		if (ways[n].colour == c && (ways[n].lamps & ~there) == 0)
			return ways[n].lamps;
	if (there & 1u << LAMP_SINGLE)
		return 1u << LAMP_SINGLE;
	/* whatever there is, red last: the pattern says it */
	if (there & ~(1u << LAMP_RED))
		there &= ~(1u << LAMP_RED);
	return there & (~there + 1);
}

size_t pattern_notes(enum indicator_sound s, const struct note **ret)
{
	static const struct {
		size_t count;
		struct note notes[NOTES_MAX];
	} sounds[SOUND_LAST + 1] = {
		[SOUND_SAVED] = { 2, { { 660, 150 }, { 880, 200 } } },
		[SOUND_REACHED] = { 1, { { 1320, 120 } } },
		[SOUND_NEEDS_YOU] = { 3, { { 784, 150 }, { 0, 200 }, { 784, 150 } } },
		[SOUND_TICK] = { 1, { { 1000, 20 } } },
	};

	*ret = sounds[s <= SOUND_LAST ? s : SOUND_NONE].notes;
	return sounds[s <= SOUND_LAST ? s : SOUND_NONE].count;
}
