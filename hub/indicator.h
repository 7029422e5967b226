#pragma once

/*
 * indicator.h - what the patient sees, reads and hears of the hub: one state at a time. Pure, in virtual time.
 *
 * Several things may hold at once; the first of this list that does is shown:
 *
 *   OFF        level 4: the hub is retired
 *   CODE       somebody ordered the hub to show which one it is, until the next thing is saved, INDICATOR_CODE_MS at most
 *   CONSOLE    somebody has a session at the technician's console
 *   PAIRING    a pairing window is open
 *   SAVED      a reading was saved just now, for INDICATOR_SAVED_MS
 *   REACHED    just now the clinic has got the last one that waited, for INDICATOR_REACHED_MS
 *   NEEDS_YOU  readings cannot be saved (since INDICATOR_PATIENCE_MS)
 *   SEALED     level 3
 *   NEEDS_YOU  a window was closed because two devices could be meant; a device must be paired again, needs a battery, or is
 *              silent for another reason that a person can mend; somebody is asked to measure
 *   LOCKED     level 2
 *   WAITING    readings wait for the clinic
 *   READY      nothing of all this
 *
 * Invariants
 *   1. What is shown gives way to what stands above it at once, to what stands below it not before INDICATOR_LEAST_MS.
 *   2. At levels 2 and 3 it is never said that readings are saved while they cannot be: that stands above them.
 *   3. No sound in quiet hours. Of 'needs you' at most INDICATOR_BEEPS in any INDICATOR_DAY_MS, each for a need of its own; one
 *      that was not to be heard is made up for when it may.
 *   4. Each state has a pattern of its own (pattern.h), so that none is known by its colour alone, and its words.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/msg.h"
#include "hub/core/time.h"

enum {
	INDICATOR_PATIENCE_MS = 10 * 60 * 1000,
	INDICATOR_CODE_MS = 5 * 60 * 1000,
	INDICATOR_SAVED_MS = 3000,
	INDICATOR_REACHED_MS = 10 * 1000,
	INDICATOR_LEAST_MS = 2000,
	INDICATOR_TICK_MS = 10 * 1000, /* while a pairing window is open */
	INDICATOR_BEEPS = 3,
	INDICATOR_DAY_MS = 24 * 60 * 60 * 1000,
	INDICATOR_LOOK_MS = 60 * 1000, /* have quiet hours ended? */
	INDICATOR_BATTERY_LOW =
		20, /* percent, below that: as the clinic judges it (clinic/silence.c) */
	INDICATOR_DEVICES = 32,
	INDICATOR_TEXT_MAX = 40,
	INDICATOR_WORDS_MAX = 100,
};

/* The numbers are on the wire (HEALTH, status). */
enum indicator_light {
	LIGHT_NONE = 0,
	LIGHT_READY = 1,
	LIGHT_WAITING = 2,
	LIGHT_REACHED = 3,
	LIGHT_NEEDS_YOU = 4,
	LIGHT_CODE = 5,
	LIGHT_SAVED = 6,
	LIGHT_PAIRING = 7,
	LIGHT_LOCKED = 8,
	LIGHT_SEALED = 9,
	LIGHT_OFF = 10,
	LIGHT_CONSOLE = 11,
	LIGHT_LAST = LIGHT_CONSOLE,
};

enum indicator_sound {
	SOUND_NONE = 0,
	SOUND_SAVED,
	SOUND_REACHED,
	SOUND_NEEDS_YOU,
	SOUND_TICK,
	SOUND_LAST = SOUND_TICK,
};

/* Of one device, by its number; [0] is the hub itself, and all numbers from INDICATOR_DEVICES on. */
struct indicator_device {
	enum reading_kind kind; /* READING_NONE: not in the config */
	bool lost;		/* its bond, or it could not be paired */
	bool battery;		/* is low */
	bool asked;		/* somebody is to measure with it */
	enum silence_reason reason;
};

/* Fields are private. */
struct indicator {
	bool told;     /* hub-store has said since the start what waits */
	bool measured; /* a reading was saved since the start, or waits since before */
	uint64_t unsent;
	uint64_t highest;	/* seq that was saved */
	struct mono blocked_at; /* MONO_NEVER: not blocked */
	enum window_state window;
	bool console;
	uint8_t level;
	struct indicator_device devices[INDICATOR_DEVICES];
	struct mono code_until, saved_until, reached_until;
	/* what is shown, as a place in the list above, and since when */
	size_t rank;
	struct mono since;
	/* sounds */
	bool owed;	/* for a need that nobody was told of by a sound */
	uint64_t needs; /* those that are there, a bit for each kind of need */
	enum indicator_sound sound; /* that is to be made now */
	struct mono tick_at;
	size_t beeps; /* how many of 'beeped' count */
	struct mono beeped[INDICATOR_BEEPS];
};

void indicator_init(struct indicator *i, struct mono now);
/* A STATUS message of any process. */
void indicator_on_status(struct indicator *i, const struct msg_status *s,
			 struct mono now);
/* What became of the pairing window, see struct window_action. */
void indicator_on_window(struct indicator *i, enum window_state state);
/* Somebody is to measure with these devices, and with no other; nums: as in the config. */
void indicator_on_asked(struct indicator *i, const uint16_t *nums, size_t count);
/* The hub is to show its code now, for this long at most. */
void indicator_on_code(struct indicator *i, uint32_t ms, struct mono now);
/* Of the lockdown, 0..4. */
void indicator_on_level(struct indicator *i, uint8_t level);
/* A session at the technician's console has begun or ended. */
void indicator_on_console(struct indicator *i, bool open);
/* hub-ble is there anew and will say again what it knows of its devices. */
void indicator_on_ble(struct indicator *i);
/* A new config: devices that are not in it need nobody any more. */
void indicator_on_config(struct indicator *i, const struct config *c);

/*
 * indicator_step - what is to be shown from now on. After each event, and at indicator_deadline.
 *
 * quiet   it is the time of day at which nobody is to hear anything
 */
enum indicator_light indicator_step(struct indicator *i, bool quiet, struct mono now);
/* indicator_sound - what is to be heard now, once; SOUND_NONE: nothing. After each step. */
enum indicator_sound indicator_sound(struct indicator *i);
/* When the next step is due by itself; MONO_NEVER if none is. After a step. */
struct mono indicator_deadline(const struct indicator *i, struct mono now);
/* What lasts: as if nothing had just happened. REACHED as long as everything that was measured is at the clinic. */
enum indicator_light indicator_lasting(const struct indicator *i, struct mono now);

/* A word for programs and for the log. */
const char *indicator_text(enum indicator_light l);
/*
 * indicator_words - what the patient reads on a display, one sentence or two; "" if there is nothing to say, for LIGHT_NEEDS_YOU:
 * nothing else than before.
 *
 * code   of this hub, see label_code
 *
 * Returns ret.
 */
char *indicator_words(const struct indicator *i, enum indicator_light l, const char *code,
		      struct mono now, char ret[static INDICATOR_WORDS_MAX]);
