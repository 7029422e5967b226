#pragma once

/*
 * format.h - an answer of hubd's as what is printed on the serial line.
 *
 * Pure. What can be printed is closed: constants of format.c, names of verbs, and numbers of the types of
 * hub/core/console.h. There is no %s of anything that came from outside this program, and nothing else comes in.
 */
#include <stdbool.h>
#include <stddef.h>

#include "hub/core/msg.h"

enum {
	/* CONSOLE_VALUES_MAX lines of a label and a value, a challenge, and the last line */
	FORMAT_BYTES_MAX = 4096,
	FORMAT_VALUE_MAX = 40,
};

/* format_value - "12s", "-67dBm", "quarantined"; a value that its type has not is "?". Returns ret. Pure. */
char *format_value(const struct console_value *v, char ret[static FORMAT_VALUE_MAX]);

/*
 * format_answer - one message of an answer: its values, and, unless more follow, the line that ends it.
 *
 * ret   receives lines, each ended with CR LF, and a NUL
 *
 * Returns the number of characters. Pure.
 */
size_t format_answer(const struct msg_console_answer *a,
		     char ret[static FORMAT_BYTES_MAX]);

/* What hub-console says of itself: the lines below, each with its next step. */
enum format_note {
	FORMAT_UNKNOWN, /* no such verb, or not its argument */
	FORMAT_TOO_LONG,
	FORMAT_MORE_TOKEN, /* the token goes on */
	FORMAT_BAD_TOKEN,  /* damaged on its way: a character, the check, its end */
	FORMAT_NO_HUBD,	   /* the hub starts */
	FORMAT_BUSY,	   /* the last line is still being answered */
	FORMAT_BUTTON,
};

/* format_note - a whole line with CR LF. Pure. */
const char *format_note(enum format_note n);
/* format_prompt - before a line is typed; open: a session is. Pure. */
const char *format_prompt(bool open);
