#pragma once

/*
 * words.h - times, spans and readings as people read them. Pure; every function returns buf.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/envelope.h"
#include "hub/core/reading.h"

enum {
	WORDS_TIME_MAX = 32,
	WORDS_SPAN_MAX = 48,
	WORDS_LIST_MAX = 512,
	WORDS_VALUES_MAX = READING_VALUES_MAX * (DECIMAL_TEXT_MAX + 48),
};

/* "2026-11-21 07:31:02 +01:00", or with iso "2026-11-21T07:31:02.123+01:00". */
char *words_time(int64_t utc_ms, int offset_min, bool iso,
		 char buf[static WORDS_TIME_MAX]);
/* A device's own time, no zone; unknown date: "(no date) 07:26:50". */
char *words_device_time(const struct date_time *t, bool iso,
			char buf[static WORDS_TIME_MAX]);
/* The two largest units: "4 min 12 s", "3 days 2 h", "40 ms". */
char *words_span(uint64_t ms, char buf[static WORDS_SPAN_MAX]);
/* "+/- 40 ms", or "+/- unknown". */
char *words_uncertainty(uint32_t ms, char buf[static WORDS_SPAN_MAX]);
/* "4 min 12 s slow" or "fast": the device's clock against the hub's local time. */
char *words_offset(int64_t offset_ms, char buf[static WORDS_SPAN_MAX]);
/* "5 min ago"; "never" for 0; a time ahead of now: "just now". */
char *words_age(int64_t then_ms, int64_t now_ms, char buf[static WORDS_SPAN_MAX]);
/* "128/82 mmHg, mean 97 mmHg, pulse 64 /min"; digits as sent; "-" if there is none. */
char *words_values(const struct decoded *d, char buf[static WORDS_VALUES_MAX]);

/* The n-th mark or status word that is set, or NULL at the end. */
const char *words_mark(uint32_t marks, size_t n);
const char *words_status(enum reading_kind kind, const struct decoded *d, size_t n);
const char *words_link(enum link_strength l);
const char *words_class(enum record_class c);
