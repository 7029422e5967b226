#pragma once

/*
 * line.h - one line of a serial console from bytes that anybody may have sent.
 *
 * Pure: a byte in, at most LINE_ECHO_MAX bytes of echo out. A line is at most LINE_MAX_CHARS characters of printable ASCII.
 * Everything else, BREAK (a NUL), control bytes, bytes above 7E, and whole escape sequences, is as if it had not come. Why it is our own and
 * no library's: docs/adr/0019.
 *
 * What is known of it: enter (CR, LF or both), backspace (08 or 7F), ^U (the line anew), ^C (the line is dropped).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LINE_MAX_CHARS = 256, LINE_ECHO_MAX = 4 };

enum line_event {
	LINE_NOTHING = 0,
	LINE_READY,    /* text, not empty, is whole; it stays until the next byte */
	LINE_EMPTY,    /* enter, and nothing before it */
	LINE_TOO_LONG, /* enter after more than LINE_MAX_CHARS: nothing of it is kept */
	LINE_DROPPED,  /* ^C or ^U */
};

/* Fields are private, but for text after LINE_READY. */
struct line {
	char text[LINE_MAX_CHARS + 1]; /* NUL at its end after LINE_READY */
	size_t len;
	bool over;	/* it was longer */
	bool ended;	/* the next byte begins a new one */
	bool cr;	/* a LF after it belongs to it */
	uint8_t escape; /* enum in line.c */
};

void line_init(struct line *l);

/* line_wipe - as line_init, and what was typed is gone from memory. */
void line_wipe(struct line *l);

/*
 * line_on_byte - the next byte.
 *
 * ret_echo       receives *ret_echo_len bytes to send back: printable ASCII, or BS SPACE BS, or CR LF
 *
 * Returns what it makes. Pure.
 */
enum line_event line_on_byte(struct line *l, uint8_t byte,
			     uint8_t ret_echo[static LINE_ECHO_MAX],
			     size_t *ret_echo_len);
