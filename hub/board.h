#pragma once

/*
 * board.h - what of the indicator the board has: lamps, a beeper, a display.
 *
 * Each is a file that the service manager opens and hands over by name (LISTEN_FDNAMES), so that hubd itself can open no device:
 *   lamp-red, lamp-green, lamp-blue, lamp-white, lamp-amber, lamp-single
 *             'brightness' of the kernel's LED class (Documentation/leds/leds-class.rst), 0 to 255
 *   beeper    an input device that takes EV_SND SND_TONE (pwm-beeper, gpio-beeper)
 *   display   takes lines of text, such as a serial line
 * or, where no manager does, that is found in a folder under the names red/brightness ... single/brightness, beeper, display.
 *
 * Nothing here keeps care waiting: files are opened without blocking, and one that fails is told of once and used on, as what it
 * shows next may succeed. No part of it need be there.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/pattern.h"

enum { BOARD_FULL = 255, BOARD_DIM = 24 }; /* brightness, and at night */

enum board_volume {
	VOLUME_ALL = 0,
	VOLUME_FEWER, /* without chime and ticks */
	VOLUME_NONE,
};

/* Fields are private. */
struct board {
	int lamp[LAMPS]; /* -1: none */
	int shown[LAMPS];
	int beeper, display;
	unsigned there; /* lamps, as bits */
	unsigned
		failed; /* lamps, as bits, and behind them beeper and display: told already */
	enum board_volume volume;
};

/* board_open - dir: where to look for what was not handed over, NULL: nowhere; the file 'sound' there says the volume: all,
 * fewer or none. Lamps are dark then, and nobody else's: a 0 takes the kernel's trigger away. */
void board_open(struct board *b, const char *dir);
void board_close(struct board *b); /* dark and silent */
void board_show(struct board *b, enum pattern_colour c, uint8_t brightness);
/* 0: silence. */
void board_tone(struct board *b, uint16_t hz);
bool board_plays(const struct board *b, enum indicator_sound s);
/* One line in place of the last one. */
void board_say(struct board *b, const char *words);
