/*
 * words.c - see words.h.
 */
#include "clinic/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/core/time.h"

struct bit {
	uint32_t mask, value;
	const char *text;
};

static const struct bit marks_text[] = {
	{ MARK_TAIL, MARK_TAIL, "extra bytes" },
	{ MARK_IMPLAUSIBLE, MARK_IMPLAUSIBLE, "implausible" },
	{ MARK_NO_RESULT, MARK_NO_RESULT, "no result" },
	{ MARK_UNDECODED, MARK_UNDECODED, "not decoded" },
	{ MARK_TEST, MARK_TEST, "test" },
	{ MARK_UNVERIFIED, MARK_UNVERIFIED, "link not verified" },
};

/* Blood Pressure Service 1.1.1, 3.1.1.5: Measurement Status. */
static const struct bit bp_status_text[] = {
	{ 1 << 0, 1 << 0, "body moved" },
	{ 1 << 1, 1 << 1, "cuff too loose" },
	{ 1 << 2, 1 << 2, "irregular pulse" },
	{ 3 << 3, 1 << 3, "pulse above device's range" },
	{ 3 << 3, 2 << 3, "pulse below device's range" },
	{ 1 << 5, 1 << 5, "wrong position" },
};

static const char *nth(const struct bit *table, size_t count, uint32_t bits, size_t n)
{
	for (size_t i = 0; i < count; i++) {
		if ((bits & table[i].mask) == table[i].value && n-- == 0)
			return table[i].text;
	}
	return NULL;
}

const char *words_mark(uint32_t marks, size_t n)
{
	return nth(marks_text, sizeof(marks_text) / sizeof(*marks_text), marks, n);
}

const char *words_status(enum reading_kind kind, const struct decoded *d, size_t n)
{
	if (!d->has_status || kind != READING_BLOOD_PRESSURE)
		return NULL;
	return nth(bp_status_text, sizeof(bp_status_text) / sizeof(*bp_status_text),
		   d->status, n);
}

const char *words_link(enum link_strength l)
{
	switch (l) {
	case LINK_UNKNOWN: return "unknown";
	case LINK_LEGACY_JUST_WORKS: return "legacy, just works";
	case LINK_LEGACY_PASSKEY: return "legacy, passkey";
	case LINK_SC_JUST_WORKS: return "secure connections, just works";
	case LINK_SC_AUTHENTICATED: return "secure connections, authenticated";
	}
	return "?";
}

const char *words_class(enum record_class c)
{
	switch (c) {
	case CLASS_NONE: break;
	case CLASS_ROUTINE: return "routine";
	case CLASS_ALARM: return "alarm";
	}
	return "?";
}

char *words_device_time(const struct date_time *t, bool iso,
			char buf[static WORDS_TIME_MAX])
{
	if (date_time_valid(t))
		snprintf(buf, WORDS_TIME_MAX, "%04u-%02u-%02u%c%02u:%02u:%02u", t->year,
			 t->month, t->day, iso ? 'T' : ' ', t->hour, t->minute,
			 t->second);
	else
		snprintf(buf, WORDS_TIME_MAX, "(no date) %02u:%02u:%02u", t->hour,
			 t->minute, t->second);
	return buf;
}

char *words_time(int64_t utc_ms, int offset_min, bool iso,
		 char buf[static WORDS_TIME_MAX])
{
	int64_t local = utc_ms + offset_min * 60000LL;
	struct date_time t = date_time_from_ms(local);
	unsigned off = (unsigned)abs(offset_min) % 6000, frac;
	size_t n;

	frac = (unsigned)((local % 1000 + 1000) % 1000);
	words_device_time(&t, iso, buf);
	n = strlen(buf);
	if (iso)
		n += (size_t)snprintf(buf + n, WORDS_TIME_MAX - n, ".%03u", frac);
	snprintf(buf + n, WORDS_TIME_MAX - n, "%s%c%02u:%02u", iso ? "" : " ",
		 offset_min < 0 ? '-' : '+', off / 60, off % 60);
	return buf;
}

char *words_span(uint64_t ms, char buf[static WORDS_SPAN_MAX])
{
	static const struct {
		uint64_t ms;
		const char *one, *many;
	} units[] = {
		{ 86400000, " day", " days" }, { 3600000, " h", " h" },
		{ 60000, " min", " min" },     { 1000, " s", " s" },
		{ 1, " ms", " ms" },
	};
	const size_t last = sizeof(units) / sizeof(*units) - 1;
	uint64_t whole, rest;
	size_t i = 0;
	int n;

	while (i < last && ms < units[i].ms)
		i++;
	whole = ms / units[i].ms;
	n = snprintf(buf, WORDS_SPAN_MAX, "%" PRIu64 "%s", whole,
		     whole == 1 ? units[i].one : units[i].many);
	/* Milliseconds beside seconds say nothing here. */
	if (i + 2 > last)
		return buf;
	rest = ms % units[i].ms / units[i + 1].ms;
	if (rest > 0)
		snprintf(buf + n, WORDS_SPAN_MAX - (size_t)n, " %" PRIu64 "%s", rest,
			 units[i + 1].many);
	return buf;
}

char *words_uncertainty(uint32_t ms, char buf[static WORDS_SPAN_MAX])
{
	char span[WORDS_SPAN_MAX];

	if (ms == UINT32_MAX)
		snprintf(buf, WORDS_SPAN_MAX, "+/- unknown");
	else
		snprintf(buf, WORDS_SPAN_MAX, "+/- %.40s", words_span(ms, span));
	return buf;
}

char *words_offset(int64_t offset_ms, char buf[static WORDS_SPAN_MAX])
{
	uint64_t size = offset_ms < 0 ? 0 - (uint64_t)offset_ms : (uint64_t)offset_ms;
	char span[WORDS_SPAN_MAX];

	if (size < 1000)
		snprintf(buf, WORDS_SPAN_MAX, "right");
	else
		snprintf(buf, WORDS_SPAN_MAX, "%.40s %s", words_span(size, span),
			 offset_ms < 0 ? "fast" : "slow");
	return buf;
}

char *words_age(int64_t then_ms, int64_t now_ms, char buf[static WORDS_SPAN_MAX])
{
	char span[WORDS_SPAN_MAX];

	if (then_ms == 0)
		snprintf(buf, WORDS_SPAN_MAX, "never");
	else if (now_ms - then_ms < 1000)
		snprintf(buf, WORDS_SPAN_MAX, "just now");
	else
		snprintf(buf, WORDS_SPAN_MAX, "%.40s ago",
			 words_span((uint64_t)(now_ms - then_ms), span));
	return buf;
}

static const struct value *find_value(const struct decoded *d, enum value_name name)
{
	for (size_t i = 0; i < d->value_count; i++) {
		if (d->values[i].name == name)
			return &d->values[i];
	}
	return NULL;
}

static void append(char buf[static WORDS_VALUES_MAX], const char *name,
		   const char *number, enum value_unit unit)
{
	size_t n = strlen(buf);

	snprintf(buf + n, WORDS_VALUES_MAX - n, "%s%s%s%s %s", n ? ", " : "", name,
		 *name ? " " : "", number, value_unit_text(unit));
}

char *words_values(const struct decoded *d, char buf[static WORDS_VALUES_MAX])
{
	const struct value *sys = find_value(d, VALUE_SYSTOLIC);
	const struct value *dia = find_value(d, VALUE_DIASTOLIC);
	bool pair = sys && dia && sys->unit == dia->unit;
	char number[DECIMAL_TEXT_MAX], both[2 * DECIMAL_TEXT_MAX];

	buf[0] = '\0';
	if (pair) {
		size_t n = (size_t)snprintf(both, sizeof(both), "%s/",
					    decimal_to_text(sys->number, number));

		snprintf(both + n, sizeof(both) - n, "%s",
			 decimal_to_text(dia->number, number));
		append(buf, "", both, sys->unit);
	}
	for (size_t i = 0; i < d->value_count; i++) {
		const struct value *v = &d->values[i];

		if (!pair || (v != sys && v != dia))
			append(buf, value_name_text(v->name),
			       decimal_to_text(v->number, number), v->unit);
	}
	if (buf[0] == '\0')
		snprintf(buf, WORDS_VALUES_MAX, "-");
	return buf;
}
