/*
 * test_indicator.c - what the patient sees, reads and hears, over whole days in virtual time.
 */
#include "tests/unit/test.h"

#include "hub/advice.h"
#include "hub/indicator.h"

static const uint64_t S = 1000, HOUR = 3600000;

static struct indicator i;
static uint64_t now_ms;
static bool quiet;

static struct mono now(void)
{
	return (struct mono){ now_ms };
}

static enum indicator_light look(void)
{
	return indicator_step(&i, quiet, now());
}

/* Time passes as in hubd: step by step, at each deadline. */
static enum indicator_light pass(uint64_t ms)
{
	uint64_t until = now_ms + ms;

	for (;;) {
		struct mono at = indicator_deadline(&i, now());

		if (at.ms > until)
			break;
		CHECK(at.ms > now_ms);
		now_ms = at.ms;
		look();
	}
	now_ms = until;
	return look();
}

static enum indicator_light after(enum status_what what, uint64_t a, uint64_t b)
{
	struct msg_status s = { what, a, b };

	indicator_on_status(&i, &s, now());
	return look();
}

/* A hub whose hub-store has told what it has. */
static void start(uint64_t unsent, uint64_t highest)
{
	now_ms = 77 * S;
	quiet = false;
	indicator_init(&i, now());
	look();
	after(STATUS_SAVED, unsent, highest);
	indicator_sound(&i);
	pass(INDICATOR_LEAST_MS);
}

static enum indicator_light window(enum window_state state)
{
	indicator_on_window(&i, state);
	return look();
}

static enum indicator_light level(uint8_t l)
{
	indicator_on_level(&i, l);
	return look();
}

static const char *words(void)
{
	static char text[INDICATOR_WORDS_MAX];

	return indicator_words(&i, look(), "3-1-4", now(), text);
}

/* Section by section of a reading's life. */
static void test_reading(void)
{
	start(0, 0);
	CHECK_INT(look(), LIGHT_READY);
	CHECK_INT(indicator_lasting(&i, now()), LIGHT_READY);
	CHECK_STR(words(), "");
	CHECK_INT(after(STATUS_SAVED, 1, 1), LIGHT_SAVED);
	CHECK_INT(indicator_sound(&i), SOUND_SAVED);
	CHECK_INT(indicator_sound(&i), SOUND_NONE);
	CHECK_STR(words(), "Reading saved.");
	CHECK_INT(indicator_lasting(&i, now()), LIGHT_WAITING);
	CHECK_INT(pass(INDICATOR_SAVED_MS - 1), LIGHT_SAVED);
	CHECK_INT(pass(1), LIGHT_WAITING);
	CHECK_STR(words(), "Saved. Will be sent later.");
	CHECK_INT(after(STATUS_UPLINK, 0, 0), LIGHT_WAITING);
	CHECK_INT(pass(8 * HOUR), LIGHT_WAITING);
	CHECK_INT(after(STATUS_DELIVERED, 0, 1), LIGHT_REACHED);
	CHECK_INT(indicator_sound(&i), SOUND_REACHED);
	CHECK_STR(words(), "Your clinic has it.");
	CHECK_INT(pass(INDICATOR_REACHED_MS - 1), LIGHT_REACHED);
	CHECK_INT(pass(1), LIGHT_READY);
	CHECK_INT(indicator_lasting(&i, now()), LIGHT_REACHED);
	CHECK_UINT(indicator_deadline(&i, now()).ms, MONO_NEVER.ms);
	/* with a good line the clinic has it before 'saved' was shown: one after the other */
	CHECK_INT(after(STATUS_SAVED, 1, 2), LIGHT_SAVED);
	pass(400);
	CHECK_INT(after(STATUS_DELIVERED, 0, 2), LIGHT_SAVED);
	CHECK_INT(indicator_sound(&i), SOUND_SAVED);
	CHECK_INT(pass(INDICATOR_SAVED_MS - 401), LIGHT_SAVED);
	CHECK_INT(pass(1), LIGHT_REACHED);
	CHECK_INT(indicator_sound(&i), SOUND_REACHED);
	CHECK_INT(pass(INDICATOR_REACHED_MS - 1), LIGHT_REACHED);
	/* the next one is not kept waiting */
	CHECK_INT(after(STATUS_SAVED, 1, 3), LIGHT_SAVED);
	CHECK_INT(pass(INDICATOR_SAVED_MS), LIGHT_WAITING);
	/* a device sends its memory: one tone */
	CHECK_INT(indicator_sound(&i), SOUND_SAVED);
	for (uint64_t seq = 4; seq < 20; seq++) {
		CHECK_INT(after(STATUS_SAVED, seq, seq), LIGHT_SAVED);
		CHECK_INT(indicator_sound(&i), seq == 4 ? SOUND_SAVED : SOUND_NONE);
		pass(200);
	}
}

/* What hub-store tells to a hubd that is there anew, or when it is there anew itself, is no news. */
static void test_start(void)
{
	start(0, 7);
	CHECK_INT(look(), LIGHT_READY);
	CHECK_INT(indicator_lasting(&i, now()), LIGHT_REACHED);
	start(3, 7);
	CHECK_INT(look(), LIGHT_WAITING);
	CHECK_INT(after(STATUS_SAVED, 3, 7), LIGHT_WAITING);
	CHECK_INT(indicator_sound(&i), SOUND_NONE);
}

static enum indicator_light blocked(void)
{
	return after(STATUS_BLOCKED, STORE_FULL, 0);
}

static void test_blocked(void)
{
	start(0, 0);
	CHECK_INT(blocked(), LIGHT_READY);
	CHECK_INT(pass(INDICATOR_PATIENCE_MS / 2), LIGHT_READY);
	CHECK_INT(blocked(), LIGHT_READY); /* repeated: no new wait */
	CHECK_INT(pass(INDICATOR_PATIENCE_MS / 2 - 1), LIGHT_READY);
	CHECK_INT(pass(1), LIGHT_NEEDS_YOU);
	CHECK_STR(words(), "Readings cannot be saved now. Call your clinic.");
	/* what would not be true is not said */
	CHECK_INT(level(2), LIGHT_NEEDS_YOU);
	CHECK_INT(level(3), LIGHT_NEEDS_YOU);
	CHECK_INT(after(STATUS_BLOCKED, STORE_READY, 0), LIGHT_NEEDS_YOU);
	CHECK_INT(pass(INDICATOR_LEAST_MS), LIGHT_SEALED);
}

/* Which need, and what of which device is said. */
static void test_needs(void)
{
	static const struct {
		enum status_what what;
		uint64_t num, value;
		const char *words; /* NULL: nobody is needed */
	} table[] = {
		{ STATUS_BATTERY, 1, 19, "Blood pressure cuff: needs a new battery." },
		{ STATUS_BATTERY, 1, 20, NULL },
		{ STATUS_DEVICE, 2, DEVICE_BOND_LOST,
		  "Scale: does not reach the hub any more. Call your clinic." },
		{ STATUS_DEVICE, 2, DEVICE_PAIRING_FAILED,
		  "Scale: does not reach the hub any more. Call your clinic." },
		{ STATUS_DEVICE, 2, DEVICE_BONDED, NULL },
		{ STATUS_DEVICE, 65535, DEVICE_BOND_LOST,
		  "A device: does not reach the hub any more. Call your clinic." },
		{ STATUS_REASON, 1, SILENCE_UNSEEN, NULL },
		{ STATUS_REASON, 1, SILENCE_WEAK,
		  "Blood pressure cuff: needs a new battery, or is too far from the "
		  "hub." },
		{ STATUS_REASON, 1, SILENCE_SERVICES,
		  "Blood pressure cuff: please switch it off and on." },
		{ STATUS_REASON, 1, SILENCE_TAKEN,
		  "Blood pressure cuff: does not reach the hub any more. Call your "
		  "clinic." },
		{ STATUS_REASON, 0, SILENCE_ADAPTER,
		  "The hub hears no device. Switch it off and on." },
		{ STATUS_REASON, 1, UINT64_MAX, NULL },
		{ STATUS_REASON, 1, 1ull << 32 | SILENCE_WEAK, NULL },
	};
	struct config c = { .device_count = 2 };

	c.devices[0] = (struct config_device){ .num = 1, .kind = READING_BLOOD_PRESSURE };
	c.devices[1] = (struct config_device){ .num = 2, .kind = READING_WEIGHT };
	for (size_t n = 0; n < sizeof(table) / sizeof(*table); n++) {
		start(0, 0);
		indicator_on_config(&i, &c);
		CHECK_INT(after(table[n].what, table[n].num, table[n].value),
			  table[n].words ? LIGHT_NEEDS_YOU : LIGHT_READY);
		CHECK_STR(words(), table[n].words ? table[n].words : "");
	}
	for (int r = SILENCE_NONE; r <= SILENCE_REASON_LAST; r++) {
		start(0, 0);
		CHECK_INT(after(STATUS_REASON, 1, (uint64_t)r),
			  advice_needs_person((enum silence_reason)r) ? LIGHT_NEEDS_YOU
								      : LIGHT_READY);
	}
}

static void test_needs_end(void)
{
	struct config c = { .device_count = 1 };

	start(0, 0);
	CHECK_INT(after(STATUS_REASON, 1, SILENCE_WEAK), LIGHT_NEEDS_YOU);
	CHECK_INT(after(STATUS_DEVICE, 1, DEVICE_CONNECTED), LIGHT_NEEDS_YOU);
	CHECK_INT(after(STATUS_DEVICE, 3, DEVICE_BOND_LOST), LIGHT_NEEDS_YOU);
	CHECK_INT(after(STATUS_REASON, 0, SILENCE_ADAPTER), LIGHT_NEEDS_YOU);
	pass(INDICATOR_LEAST_MS);
	CHECK_INT(after(STATUS_REASON, 1, SILENCE_NONE), LIGHT_NEEDS_YOU);
	CHECK_INT(after(STATUS_REASON, 0, SILENCE_NONE), LIGHT_NEEDS_YOU);
	c.devices[0].num = 3;
	indicator_on_config(&i, &c);
	CHECK_INT(look(), LIGHT_NEEDS_YOU);
	c.devices[0].num = 5;
	indicator_on_config(&i, &c); /* 3 is no longer there */
	CHECK_INT(look(), LIGHT_READY);
	CHECK_INT(after(STATUS_REASON, 5, SILENCE_TAKEN), LIGHT_NEEDS_YOU);
	indicator_on_ble(&i); /* it will say again what still holds */
	CHECK_INT(pass(INDICATOR_LEAST_MS), LIGHT_READY);
	indicator_on_asked(&i, (const uint16_t[]){ 5 }, 1);
	CHECK_INT(look(), LIGHT_NEEDS_YOU);
	CHECK_STR(words(), "A device: please measure.");
	pass(INDICATOR_LEAST_MS - 1);
	indicator_on_asked(&i, NULL, 0);
	CHECK_INT(look(), LIGHT_NEEDS_YOU);
	CHECK_STR(words(), "");
	CHECK_INT(pass(INDICATOR_LEAST_MS), LIGHT_READY);
}

static void test_window(void)
{
	start(0, 0);
	CHECK_INT(window(WINDOW_OPEN), LIGHT_PAIRING);
	CHECK_STR(words(), "Switch on the new device now.");
	CHECK_INT(indicator_sound(&i), SOUND_TICK);
	CHECK_INT(pass(INDICATOR_TICK_MS - 1), LIGHT_PAIRING);
	CHECK_INT(indicator_sound(&i), SOUND_NONE);
	pass(1);
	CHECK_INT(indicator_sound(&i), SOUND_TICK);
	CHECK_INT(window(WINDOW_DONE), LIGHT_READY);
	CHECK_INT(window(WINDOW_TWO_CANDIDATES), LIGHT_NEEDS_YOU);
	CHECK_INT(indicator_sound(&i), SOUND_NEEDS_YOU);
	CHECK_STR(words(), "Two devices answer. Take one away. Call your clinic.");
	CHECK_INT(window(WINDOW_OPEN), LIGHT_PAIRING);
	CHECK_INT(window(WINDOW_OVER), LIGHT_PAIRING); /* not for a blink */
	CHECK_INT(pass(INDICATOR_LEAST_MS), LIGHT_READY);
	CHECK_INT(window(WINDOW_OPEN), LIGHT_PAIRING);
	pass(INDICATOR_LEAST_MS);
	CHECK_INT(window(0), LIGHT_READY); /* closed by the level */
	/* hub-ble's own word is not asked: it may be an old one */
	CHECK_INT(after(STATUS_WINDOW, 1, WINDOW_OPEN), LIGHT_READY);
}

/* Before everything else, until something is saved. */
static void test_code(void)
{
	start(1, 7);
	indicator_on_asked(&i, (const uint16_t[]){ 1 }, 1);
	indicator_on_code(&i, UINT32_MAX, now());
	CHECK_INT(look(), LIGHT_CODE);
	CHECK_STR(words(), "This hub: 3-1-4");
	CHECK_INT(after(STATUS_SAVED, 1, 7), LIGHT_CODE); /* hub-store is there anew */
	CHECK_INT(pass(INDICATOR_CODE_MS - 1), LIGHT_CODE);
	CHECK_INT(pass(1), LIGHT_NEEDS_YOU);
	indicator_on_asked(&i, NULL, 0);
	indicator_on_code(&i, 5000, now());
	CHECK_INT(look(), LIGHT_CODE);
	CHECK_INT(pass(4999), LIGHT_CODE);
	CHECK_INT(after(STATUS_SAVED, 2, 8), LIGHT_SAVED);
	pass(INDICATOR_SAVED_MS);
	indicator_on_code(&i, 5000, now());
	CHECK_INT(pass(5000), LIGHT_WAITING);
}

/* Levels: a reading is confirmed at each but the last. */
static void test_levels(void)
{
	start(0, 1);
	CHECK_INT(level(1), LIGHT_READY);
	CHECK_INT(level(2), LIGHT_LOCKED);
	CHECK_STR(words(), "Keep measuring. Readings are saved.");
	CHECK_INT(indicator_sound(&i), SOUND_NONE);
	CHECK_INT(after(STATUS_SAVED, 1, 2), LIGHT_SAVED);
	CHECK_INT(pass(INDICATOR_SAVED_MS), LIGHT_LOCKED); /* and not 'waiting' */
	CHECK_INT(after(STATUS_DELIVERED, 0, 2), LIGHT_REACHED);
	CHECK_INT(pass(INDICATOR_REACHED_MS), LIGHT_LOCKED);
	CHECK_INT(indicator_lasting(&i, now()), LIGHT_LOCKED);
	CHECK_INT(after(STATUS_BATTERY, 1, 3), LIGHT_NEEDS_YOU);
	CHECK_INT(level(3), LIGHT_SEALED);
	CHECK_STR(words(), "Readings are saved. Call your clinic.");
	CHECK_INT(after(STATUS_SAVED, 1, 3), LIGHT_SAVED);
	CHECK_INT(pass(INDICATOR_SAVED_MS), LIGHT_SEALED);
	indicator_on_console(&i, true);
	CHECK_INT(look(), LIGHT_CONSOLE);
	indicator_sound(&i);
	CHECK_INT(level(4), LIGHT_OFF);
	CHECK_STR(words(), "");
	CHECK_INT(after(STATUS_SAVED, 2, 4), LIGHT_OFF);
	CHECK_INT(indicator_sound(&i), SOUND_NONE);
}

/* Three in a day, each for another need; in quiet hours none, and made up for. */
static void test_beeps(void)
{
	unsigned beeps = 0;

	start(0, 0);
	quiet = true;
	CHECK_INT(after(STATUS_BATTERY, 1, 3), LIGHT_NEEDS_YOU);
	pass(3 * HOUR);
	CHECK_INT(indicator_sound(&i), SOUND_NONE);
	CHECK_INT(after(STATUS_SAVED, 1, 1), LIGHT_SAVED);
	CHECK_INT(indicator_sound(&i), SOUND_NONE);
	quiet = false;
	CHECK_INT(pass(INDICATOR_SAVED_MS + INDICATOR_LOOK_MS), LIGHT_NEEDS_YOU);
	CHECK_INT(indicator_sound(&i), SOUND_NEEDS_YOU);
	/* the same need, again and again: nothing more */
	for (uint64_t seq = 2; seq < 9; seq++) {
		after(STATUS_SAVED, seq, seq);
		pass(HOUR / 2);
		CHECK(indicator_sound(&i) != SOUND_NEEDS_YOU);
	}
	after(STATUS_BATTERY, 1, 90);
	/* a cell that comes and goes, for two days */
	for (int n = 0; n < 96; n++) {
		after(STATUS_BATTERY, 1, n % 2 ? 90 : 3);
		beeps += indicator_sound(&i) == SOUND_NEEDS_YOU;
		for (int minute = 0; minute < 30; minute++) {
			pass(60 * S);
			beeps += indicator_sound(&i) == SOUND_NEEDS_YOU;
		}
	}
	CHECK(beeps >= 2 + 3 && beeps <= 2 + 3 + 3);
}

/* Whatever comes: invariants 1 and 3. */
static void test_random_run(void)
{
	static const uint8_t above[LIGHT_LAST + 1] = {
		/* 'needs you' stands in two places: not looked at */
		[LIGHT_OFF] = 1,     [LIGHT_CODE] = 2,	   [LIGHT_CONSOLE] = 3,
		[LIGHT_PAIRING] = 4, [LIGHT_SAVED] = 5,	   [LIGHT_REACHED] = 6,
		[LIGHT_LOCKED] = 10, [LIGHT_WAITING] = 11, [LIGHT_READY] = 12,
	};
	uint64_t since = 0, beeped[4] = { 0 }, unsent = 0, highest = 0;
	enum indicator_light shown = LIGHT_NONE;

	start(0, 0);
	for (int n = 0; n < 200000; n++) {
		enum indicator_light l;
		struct mono at;

		switch (test_random() % 12) {
		case 0:
			unsent++;
			after(STATUS_SAVED, unsent, ++highest);
			break;
		case 1:
			unsent = 0;
			after(STATUS_DELIVERED, 0, highest);
			break;
		case 2:
			after(STATUS_BATTERY, test_random() % 40, test_random() % 100);
			break;
		case 3: window((enum window_state)(test_random() % 5)); break;
		case 4:
			level(test_random() % 50 ? (uint8_t)(test_random() % 4) : 4);
			break;
		case 5: indicator_on_console(&i, test_random() % 2); break;
		case 6:
			indicator_on_code(&i, (uint32_t)(test_random() % 9000), now());
			break;
		case 7: quiet = test_random() % 2; break;
		case 8: after(STATUS_BLOCKED, test_random() % 2, 0); break;
		case 9:
			after(STATUS_REASON, test_random() % 40, test_random() % 13);
			break;
		case 10: indicator_on_ble(&i); break;
		case 11:
			now_ms += test_random() % (test_random() % 100 ? 3000 : 9 * HOUR);
		}
		at = indicator_deadline(&i, now());
		CHECK(at.ms >= now_ms);
		l = look();
		CHECK(l > LIGHT_NONE && l <= LIGHT_LAST);
		CHECK_INT(look(), l); /* twice at once is once */
		if (l != shown && above[l] && above[shown] && above[l] > above[shown])
			CHECK(now_ms - since >= INDICATOR_LEAST_MS);
		if (l != shown)
			since = now_ms;
		shown = l;
		switch (indicator_sound(&i)) {
		case SOUND_NONE: break;
		case SOUND_NEEDS_YOU:
			CHECK(beeped[0] == 0 || now_ms - beeped[0] >= INDICATOR_DAY_MS);
			memmove(beeped, beeped + 1, 2 * sizeof(*beeped));
			beeped[2] = now_ms;
			CHECK(!quiet);
			break;
		case SOUND_SAVED:
		case SOUND_REACHED:
		case SOUND_TICK: CHECK(!quiet);
		}
	}
}

TEST_MAIN("indicator", test_reading, test_start, test_blocked, test_needs, test_needs_end,
	  test_window, test_code, test_levels, test_beeps, test_random_run)
