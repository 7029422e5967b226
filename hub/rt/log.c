/*
 * log.c - events to stderr; see log.h. The rate limit is per process and says what it held back.
 */
#include "hub/rt/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LINES_PER_SECOND = 50, LINE_MAX_LEN = 512 };

static const char *program = "hub";
static bool to_journal, debug;
static time_t second;
static unsigned lines, held_back;

void log_init(const char *name)
{
	program = name;
	to_journal = getenv("JOURNAL_STREAM") != NULL;
	debug = getenv("HUB_DEBUG") != NULL;
}

static bool may_write(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec != second) {
		if (held_back)
			fprintf(stderr, "%s%s: log-held-back lines=%u\n",
				to_journal ? "<4>" : "", program, held_back);
		second = now.tv_sec;
		lines = held_back = 0;
	}
	if (lines++ < LINES_PER_SECOND)
		return true;
	held_back++;
	return false;
}

__attribute__((format(printf, 3, 0))) static void put(char level, const char *event,
						      const char *fmt, va_list args)
{
	char line[LINE_MAX_LEN];

	if (!may_write())
		return;
	vsnprintf(line, sizeof(line), fmt, args);
	if (to_journal)
		fprintf(stderr, "<%c>%s%s%s\n", level, event, *line ? " " : "", line);
	else
		fprintf(stderr, "%s: %s%s%s\n", program, event, *line ? " " : "", line);
}

#define PUT(level)                                                                       \
	va_list args;                                                                    \
	va_start(args, fmt);                                                             \
	put(level, event, fmt, args);                                                    \
	va_end(args)

void log_err(const char *event, const char *fmt, ...)
{
	PUT('3');
}

void log_warn(const char *event, const char *fmt, ...)
{
	PUT('4');
}

void log_info(const char *event, const char *fmt, ...)
{
	PUT('6');
}

void log_debug(const char *event, const char *fmt, ...)
{
	if (!debug)
		return;
	PUT('7');
}

char *log_escape(const uint8_t *in, size_t len, char *buf, size_t cap)
{
	size_t at = 0;

	for (size_t i = 0; i < len && at + 5 <= cap; i++) {
		if (in[i] > 0x20 && in[i] < 0x7f && in[i] != '"' && in[i] != '\'' &&
		    in[i] != '\\')
			buf[at++] = (char)in[i];
		else
			at += (size_t)snprintf(buf + at, cap - at, "\\x%02x", in[i]);
	}
	if (cap)
		buf[at] = '\0';
	return buf;
}
