/*
 * board.c - see board.h.
 */
#include "hub/board.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/core/err.h"
#include "hub/rt/file.h"
#include "hub/rt/inherited.h"
#include "hub/rt/log.h"

enum {
	BEEPER = LAMPS, /* bits of 'failed' */
	DISPLAY,
	PATH_LEN = 256,
};

static const char *const names[LAMPS] = {
	[LAMP_RED] = "red",	[LAMP_GREEN] = "green", [LAMP_BLUE] = "blue",
	[LAMP_WHITE] = "white", [LAMP_AMBER] = "amber", [LAMP_SINGLE] = "single",
};

/* Handed over under this name, or found at dir/path; -1: neither. */
static int open_one(const char *name, const char *dir, const char *path, int flags)
{
	char full[PATH_LEN];
	int fd = inherited_fd(name);

	if (fd >= 0)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	if (fd >= 0 || !dir)
		return fd;
	if ((size_t)snprintf(full, sizeof(full), "%s/%s", dir, path) >= sizeof(full))
		return -1;
	return open(full, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

/* Told once; what comes next may succeed. */
static void failed(struct board *b, unsigned what, const char *name)
{
	if (!(b->failed & 1u << what))
		log_warn("indicator",
			 "part=%s error=\"%s\" do=\"look at the board; care "
			 "goes on without\"",
			 name, err_text(file_error(errno)));
	b->failed |= 1u << what;
}

/* Three digits, so that a plain file holds what was written last, as the kernel's does. */
static void put_lamp(struct board *b, enum lamp l, int brightness)
{
	char text[8];
	int n = snprintf(text, sizeof(text), "%03d\n", brightness);

	if (b->lamp[l] < 0 || b->shown[l] == brightness)
		return;
	if (pwrite(b->lamp[l], text, (size_t)n, 0) == n)
		b->shown[l] = brightness;
	else
		failed(b, l, names[l]);
}

static enum board_volume read_volume(const char *dir)
{
	char text[8] = "";
	int n = dir ? file_read(dir, "sound", (uint8_t *)text, sizeof(text) - 1) : 0;

	if (n > 0 && strncmp(text, "fewer", 5) == 0)
		return VOLUME_FEWER;
	return n > 0 && strncmp(text, "none", 4) == 0 ? VOLUME_NONE : VOLUME_ALL;
}

void board_open(struct board *b, const char *dir)
{
	char name[16], path[32];

	*b = (struct board){ .beeper = open_one("beeper", dir, "beeper", O_WRONLY),
			     .display = open_one("display", dir, "display", O_WRONLY),
			     .volume = read_volume(dir) };
	for (enum lamp l = 0; l < LAMPS; l++) {
		snprintf(name, sizeof(name), "lamp-%s", names[l]);
		snprintf(path, sizeof(path), "%s/brightness", names[l]);
		b->lamp[l] = open_one(name, dir, path, O_WRONLY);
		b->shown[l] = -1;
		if (b->lamp[l] >= 0)
			b->there |= 1u << l;
		put_lamp(b, l, 0);
	}
	log_info("board", "lamps=%d beeper=%d display=%d", __builtin_popcount(b->there),
		 b->beeper >= 0, b->display >= 0);
}

void board_show(struct board *b, enum pattern_colour c, uint8_t brightness)
{
	unsigned lamps = pattern_lamps(c, b->there);

	for (enum lamp l = 0; l < LAMPS; l++)
		put_lamp(b, l, (lamps & 1u << l) != 0 ? brightness : 0);
}

void board_tone(struct board *b, uint16_t hz)
{
	const struct input_event e[] = {
		{ .type = EV_SND, .code = SND_TONE, .value = hz },
		{ .type = EV_SYN, .code = SYN_REPORT },
	};

	if (b->beeper >= 0 && write(b->beeper, e, sizeof(e)) != (ssize_t)sizeof(e))
		failed(b, BEEPER, "beeper");
}

bool board_plays(const struct board *b, enum indicator_sound s)
{
	if (b->beeper < 0 || b->volume == VOLUME_NONE)
		return false;
	return b->volume == VOLUME_ALL || s == SOUND_SAVED || s == SOUND_NEEDS_YOU;
}

void board_say(struct board *b, const char *words)
{
	char line[INDICATOR_WORDS_MAX + 4];
	int n = snprintf(line, sizeof(line), "\r\n%s", words);

	if (b->display >= 0 && write(b->display, line, (size_t)n) != n)
		failed(b, DISPLAY, "display");
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void board_close(struct board *b)
{
	board_show(b, COLOUR_NONE, 0);
	board_tone(b, 0);
	for (enum lamp l = 0; l < LAMPS; l++)
		close_one(&b->lamp[l]);
	close_one(&b->beeper);
	close_one(&b->display);
}
