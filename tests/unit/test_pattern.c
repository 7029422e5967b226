/*
 * test_pattern.c - each state of the indicator is known by its pattern alone, by somebody who sees no colours.
 */
#include "tests/unit/test.h"

#include "hub/core/label.h"
#include "hub/pattern.h"

enum { WORD_MAX = PATTERN_STEPS_MAX + 1, ALL = LIGHT_LAST + LABEL_CODE_COUNTS };

/* 's', 'm', 'l' for what is lit so long, 'S', 'M', 'L' for dark. */
static char letter(uint16_t ms, bool on)
{
	CHECK(ms <= PATTERN_SHORT_MS || ms >= PATTERN_MIDDLE_MS);
	CHECK(ms <= 1000 || ms >= PATTERN_LONG_MS); /* middle from long, too */
	return (on ? "sml" : "SML")[ms <= PATTERN_SHORT_MS ? 0
				    : ms < PATTERN_LONG_MS ? 1
							   : 2];
}

/* The pattern as letters, from where it is the first in the alphabet: whenever one looks, the same. */
static void spell(const struct pattern *p, char ret[static WORD_MAX])
{
	char word[2 * WORD_MAX] = "", turned[WORD_MAX];

	if (p->colour == COLOUR_NONE || p->count == 0) {
		snprintf(ret, WORD_MAX, "%s", p->colour == COLOUR_NONE ? "dark" : "lit");
		return;
	}
	for (size_t n = 0; n < 2 * p->count; n++)
		word[n] = letter(p->ms[n % p->count], n % 2 == 0);
	for (size_t n = 0; n < p->count; n++) {
		memcpy(turned, word + n, p->count);
		turned[p->count] = '\0';
		if (n == 0 || strcmp(turned, ret) < 0)
			memcpy(ret, turned, p->count + 1);
	}
}

static void code(unsigned n, char ret[static LABEL_CODE_MAX])
{
	snprintf(ret, LABEL_CODE_MAX, "%u-%u-%u", n / 36 % 6 + 1, n / 6 % 6 + 1,
		 n % 6 + 1);
}

static void check_differ(char words[][WORD_MAX], size_t count)
{
	for (size_t a = 0; a < count; a++)
		for (size_t b = 0; b < a; b++)
			if (strcmp(words[a], words[b]) == 0) {
				fprintf(stderr, "%zu and %zu: %s\n", a, b, words[a]);
				CHECK(false);
			}
}

/* All states, and of the code all 216. */
static void test_differ_without_colour(void)
{
	static char words[ALL][WORD_MAX];
	char text[LABEL_CODE_MAX];
	struct pattern p;
	size_t count = 0;

	for (enum indicator_light l = LIGHT_READY; l <= LIGHT_LAST; l++) {
		if (l == LIGHT_CODE)
			continue;
		pattern_make(l, "", &p);
		spell(&p, words[count++]);
	}
	for (unsigned n = 0; n < LABEL_CODE_COUNTS; n++) {
		code(n, text);
		pattern_make(LIGHT_CODE, text, &p);
		CHECK(p.count <= PATTERN_STEPS_MAX);
		spell(&p, words[count++]);
	}
	CHECK_UINT(count, ALL - 1);
	check_differ(words, count);
	/* the check sees what it is for: two that differ by their colour alone */
	pattern_make(LIGHT_READY, "", &p);
	p.colour = COLOUR_BLUE;
	spell(&p, words[count]);
	CHECK_STR(words[count], words[0]);
}

/* Not only different: the words of the table are what is seen. */
static void test_words(void)
{
	static const struct {
		enum indicator_light light;
		const char *spelled;
	} table[] = {
		{ LIGHT_OFF, "dark" },	   { LIGHT_REACHED, "lit" },
		{ LIGHT_READY, "Ls" },	   { LIGHT_WAITING, "Ll" },
		{ LIGHT_NEEDS_YOU, "Mm" }, { LIGHT_PAIRING, "Ss" },
		{ LIGHT_SAVED, "MsSs" },   { LIGHT_LOCKED, "Sl" },
		{ LIGHT_SEALED, "SlSs" },  { LIGHT_CONSOLE, "LsSsSs" },
	};
	char word[WORD_MAX];
	struct pattern p;

	for (size_t n = 0; n < sizeof(table) / sizeof(*table); n++) {
		pattern_make(table[n].light, "", &p);
		spell(&p, word);
		CHECK_STR(word, table[n].spelled);
	}
	pattern_make(LIGHT_CODE, "2-1-1", &p);
	spell(&p, word);
	CHECK_STR(word, "LlMsSsMsMs");
}

/* Photosensitive epilepsy: three flashes in a second at most, wherever the second begins. */
static void test_flashes(void)
{
	for (enum indicator_light l = LIGHT_READY; l <= LIGHT_LAST; l++) {
		uint64_t ends[3] = { 0 }, next, at = 0;
		struct pattern p;
		bool on, was = false;

		pattern_make(l, "6-6-6", &p);
		for (unsigned n = 0; n < 500; n++) {
			on = pattern_is_on(&p, at, &next);
			if (on && !was && n > 2 * p.count) {
				CHECK(at - ends[0] >= 1000);
				memmove(ends, ends + 1, 2 * sizeof(*ends));
			}
			if (on && !was)
				ends[2] = at;
			was = on;
			if (next == UINT64_MAX)
				break;
			CHECK(next > at);
			at = next;
		}
	}
}

static void test_time(void)
{
	struct pattern p;
	uint64_t next;

	pattern_make(LIGHT_SAVED, "", &p);
	for (uint64_t turn = 0; turn < 3; turn++) {
		uint64_t at = turn * 1500;

		CHECK(pattern_is_on(&p, at, &next));
		CHECK_UINT(next, at + 200);
		CHECK(pattern_is_on(&p, at + 199, &next));
		CHECK(!pattern_is_on(&p, at + 200, &next));
		CHECK_UINT(next, at + 400);
		CHECK(pattern_is_on(&p, at + 400, &next));
		CHECK(!pattern_is_on(&p, at + 600, &next));
		CHECK_UINT(next, at + 1500);
	}
	pattern_make(LIGHT_REACHED, "", &p);
	CHECK(pattern_is_on(&p, 5, &next));
	CHECK_UINT(next, UINT64_MAX);
	pattern_make(LIGHT_OFF, "", &p);
	CHECK(!pattern_is_on(&p, 5, &next));
	CHECK_UINT(next, UINT64_MAX);
	for (enum indicator_light l = LIGHT_READY; l <= LIGHT_LAST; l++) {
		pattern_make(l, "x", &p); /* no code at all does no harm */
		pattern_is_on(&p, 12345, &next);
	}
}

/* Whatever lamps there are, each state but 'off' lights one; a colour is made of what it needs. */
static void test_lamps(void)
{
	unsigned rgb = 1u << LAMP_RED | 1u << LAMP_GREEN | 1u << LAMP_BLUE;

	CHECK_UINT(pattern_lamps(COLOUR_AMBER, rgb), 1u << LAMP_RED | 1u << LAMP_GREEN);
	CHECK_UINT(pattern_lamps(COLOUR_AMBER, rgb | 1u << LAMP_AMBER), 1u << LAMP_AMBER);
	CHECK_UINT(pattern_lamps(COLOUR_WHITE, rgb), rgb);
	CHECK_UINT(pattern_lamps(COLOUR_BLUE, 1u << LAMP_GREEN), 1u << LAMP_GREEN);
	CHECK_UINT(pattern_lamps(COLOUR_BLUE, 1u << LAMP_GREEN | 1u << LAMP_SINGLE),
		   1u << LAMP_SINGLE);
	for (unsigned there = 0; there < 1u << LAMPS; there++) {
		CHECK_UINT(pattern_lamps(COLOUR_NONE, there), 0);
		for (enum pattern_colour c = COLOUR_GREEN; c <= COLOUR_WHITE; c++) {
			unsigned lamps = pattern_lamps(c, there);

			CHECK_UINT(lamps & ~there, 0);
			CHECK_INT(lamps != 0, there != 0);
			/* red alone only if there is nothing else */
			CHECK(lamps != 1u << LAMP_RED || there == 1u << LAMP_RED);
		}
	}
}

static void test_notes(void)
{
	const struct note *notes;

	CHECK_UINT(pattern_notes(SOUND_NONE, &notes), 0);
	for (enum indicator_sound s = SOUND_SAVED; s <= SOUND_LAST; s++) {
		size_t count = pattern_notes(s, &notes);
		unsigned ms = 0;

		CHECK(count > 0 && count <= NOTES_MAX);
		for (size_t n = 0; n < count; n++) {
			CHECK(notes[n].ms > 0);
			ms += notes[n].ms;
		}
		CHECK(ms <= 500); /* no melody */
	}
}

TEST_MAIN("pattern", test_differ_without_colour, test_words, test_flashes, test_time,
	  test_lamps, test_notes)
