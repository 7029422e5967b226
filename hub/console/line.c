/*
 * line.c - see line.h.
 *
 *   TEXT -> ESC       1B
 *   ESC -> CSI        '['
 *   ESC -> STRING     ']', 'P', 'X', '^', '_'
 *   ESC -> TEXT       any other byte, which is the sequence's last
 *   CSI -> TEXT       40..7E, the sequence's last
 *   STRING -> TEXT    BEL, 1B 5C
 *   any -> TEXT       enter, ^C, ^U: no sequence lasts longer than its line
 *
 * Invariants
 *   1. text holds printable ASCII only, at most LINE_MAX_CHARS.
 *   2. Echo is made of what stands in text and of constants here, never of the byte that came in.
 */
#include "hub/console/line.h"

#include <string.h>

enum { TEXT = 0, ESC, CSI, STRING, STRING_ESC };

enum {
	CTRL_C = 0x03,
	BEL = 0x07,
	BS = 0x08,
	LF = 0x0A,
	CR = 0x0D,
	CTRL_U = 0x15,
	ESCAPE = 0x1B,
	DEL = 0x7F,
};

void line_init(struct line *l)
{
	*l = (struct line){ .ended = true };
}

void line_wipe(struct line *l)
{
	bool cr = l->cr;

	explicit_bzero(l, sizeof(*l));
	l->ended = true;
	l->cr = cr;
}

static void echo(uint8_t *ret, size_t *ret_len, const char *what, size_t len)
{
	memcpy(ret, what, len);
	*ret_len = len;
}

static enum line_event end(struct line *l, enum line_event what)
{
	l->ended = true;
	l->escape = TEXT;
	if (what == LINE_READY)
		l->text[l->len] = '\0';
	else
		explicit_bzero(l->text, sizeof(l->text));
	return what;
}

static enum line_event enter(struct line *l)
{
	if (l->over)
		return end(l, LINE_TOO_LONG);
	return end(l, l->len > 0 ? LINE_READY : LINE_EMPTY);
}

/* A byte within an escape sequence. */
static void skip(struct line *l, uint8_t byte)
{
	static const char strings[] = "]PX^_";

	if (l->escape == ESC && byte == '[')
		l->escape = CSI;
	else if (l->escape == ESC && byte != 0 && strchr(strings, byte))
		l->escape = STRING;
	else if (l->escape == ESC)
		l->escape = byte == ESCAPE ? ESC : TEXT;
	else if (l->escape == CSI && byte >= 0x40 && byte <= 0x7E)
		l->escape = TEXT;
	else if (l->escape == STRING && byte == BEL)
		l->escape = TEXT;
	else if (l->escape == STRING && byte == ESCAPE)
		l->escape = STRING_ESC;
	else if (l->escape == STRING_ESC)
		l->escape = byte == '\\' ? TEXT : STRING;
}

static void add(struct line *l, uint8_t byte, uint8_t *ret_echo, size_t *ret_len)
{
	if (l->len == LINE_MAX_CHARS) {
		l->over = true;
		return;
	}
	l->text[l->len] = (char)byte;
	echo(ret_echo, ret_len, &l->text[l->len], 1);
	l->len++;
}

static void rub_out(struct line *l, uint8_t *ret_echo, size_t *ret_len)
{
	if (l->len == 0 || l->over) /* who typed too much begins anew */
		return;
	l->len--;
	echo(ret_echo, ret_len, "\b \b", 3);
}

/* What ends a line, wherever it stands. */
static bool ends(uint8_t byte)
{
	return byte == CR || byte == LF || byte == CTRL_C || byte == CTRL_U;
}

enum line_event line_on_byte(struct line *l, uint8_t byte,
			     uint8_t ret_echo[static LINE_ECHO_MAX], size_t *ret_echo_len)
{
	bool second = l->cr && byte == LF;

	*ret_echo_len = 0;
	l->cr = byte == CR;
	if (second)
		return LINE_NOTHING;
	if (l->ended) {
		l->ended = l->over = false;
		l->len = 0;
	}
	if (ends(byte)) {
		echo(ret_echo, ret_echo_len, "\r\n", 2);
		return byte == CR || byte == LF ? enter(l) : end(l, LINE_DROPPED);
	}
	if (l->escape != TEXT)
		skip(l, byte);
	else if (byte == ESCAPE)
		l->escape = ESC;
	else if (byte == BS || byte == DEL)
		rub_out(l, ret_echo, ret_echo_len);
	else if (byte >= ' ' && byte < DEL)
		add(l, byte, ret_echo, ret_echo_len);
	return LINE_NOTHING;
}
