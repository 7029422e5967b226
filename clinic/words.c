/*
 * words.c - see words.h.
 */
#include "clinic/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/core/time.h"

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

const char *words_pnp_source(uint8_t source)
{
	return source == 1 ? "Bluetooth" : source == 2 ? "USB" : "?";
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

const char *words_cause(enum tombstone_cause c)
{
	switch (c) {
	case TOMBSTONE_NONE:
	case TOMBSTONE_CAUSES: break;
	case TOMBSTONE_EVICTED: return "evicted";
	case TOMBSTONE_DAMAGED: return "damaged";
	case TOMBSTONE_SKIPPED: return "skipped";
	case TOMBSTONE_DISCARDED: return "discarded";
	case TOMBSTONE_REFUSED: return "refused";
	case TOMBSTONE_DELIVERED: return "delivered";
	case TOMBSTONE_EVIDENCE: return "evidence";
	}
	return "?";
}

char *words_given_up(uint64_t count, enum tombstone_cause c,
		     char buf[static WORDS_GIVEN_UP_MAX])
{
	static const char *const text[TOMBSTONE_CAUSES][2] = {
		[TOMBSTONE_NONE] = { "?", "?" },
		[TOMBSTONE_EVICTED] = { "reading was given up on the hub for want of "
					"space",
					"readings were given up on the hub for want of "
					"space" },
		[TOMBSTONE_DAMAGED] = { "reading was damaged on the hub and is lost",
					"readings were damaged on the hub and are lost" },
		[TOMBSTONE_SKIPPED] = { "number was skipped by the hub, no reading had "
					"it",
					"numbers were skipped by the hub, no reading had "
					"them" },
		[TOMBSTONE_DISCARDED] = { "reading was discarded on the hub by order",
					  "readings were discarded on the hub by order" },
		[TOMBSTONE_REFUSED] = { "reading was refused here and was put aside on "
					"the hub",
					"readings were refused here and were put aside "
					"on the hub" },
		[TOMBSTONE_DELIVERED] = { "reading was here once and is lost here; the "
					  "hub had let it go",
					  "readings were here once and are lost here; "
					  "the hub had let them go" },
		[TOMBSTONE_EVIDENCE] = { "piece of evidence was given up on the hub for "
					 "want of space; it was no reading",
					 "pieces of evidence were given up on the hub "
					 "for "
					 "want of space; they were no readings" },
	};

	snprintf(buf, WORDS_GIVEN_UP_MAX, "%" PRIu64 " %s", count,
		 c >= TOMBSTONE_CAUSES ? "?" : text[c][count != 1]);
	return buf;
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

char *words_zone(int offset_min, char buf[static WORDS_ZONE_MAX])
{
	unsigned off = (unsigned)abs(offset_min) % 6000;

	snprintf(buf, WORDS_ZONE_MAX, "%c%02u:%02u", offset_min < 0 ? '-' : '+', off / 60,
		 off % 60);
	return buf;
}

char *words_address(const uint8_t addr[static PERIPHERAL_ADDR_LEN],
		    char buf[static WORDS_ADDRESS_MAX])
{
	snprintf(buf, WORDS_ADDRESS_MAX, "%02X:%02X:%02X:%02X:%02X:%02X", addr[0],
		 addr[1], addr[2], addr[3], addr[4], addr[5]);
	return buf;
}

char *words_time(int64_t utc_ms, int offset_min, bool iso,
		 char buf[static WORDS_TIME_MAX])
{
	char zone[WORDS_ZONE_MAX];
	struct date_time t;
	int64_t local;
	unsigned frac;
	size_t n;

	/* A hub may say anything; beyond the calendar it is shown as its end. */
	if (__builtin_add_overflow(utc_ms, offset_min * 60000LL, &local))
		local = utc_ms;
	t = date_time_from_ms(local);
	frac = (unsigned)((local % 1000 + 1000) % 1000);
	words_device_time(&t, iso, buf);
	n = strlen(buf);
	if (iso)
		n += (size_t)snprintf(buf + n, WORDS_TIME_MAX - n, ".%03u", frac);
	snprintf(buf + n, WORDS_TIME_MAX - n, "%s%s", iso ? "" : " ",
		 words_zone(offset_min, zone));
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

bool words_clock_error(const struct reading *rd, int64_t *ret_ms)
{
	const struct decoded *d = &rd->decoded;
	int64_t meant_ms = 0;

	/* A counter is not meant to show the time. */
	if (rd->clock.source == OFFSET_NONE || !d->has_device_time)
		return false;
	if (d->time_is_utc)
		meant_ms = rd->utc_offset_min * 60000LL;
	else if (d->has_time_offset)
		meant_ms = d->time_offset_min * 60000LL;
	return !__builtin_sub_overflow(rd->clock.offset_ms, meant_ms, ret_ms);
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
