/*
 * show_text.c - a reading as lines for a person: one that says what matters, then what it rests on.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clinic/dating.h"
#include "clinic/show.h"
#include "clinic/words.h"

static const char indent[] = "                ";

static void heading(void)
{
	printf("%-12s %6s  %-26s  %-14s  %-42s  %s\n", "HUB", "NUMBER", "MEASURED",
	       "WHAT", "VALUES", "PATIENT");
}

/* What is said of the reading beside its values,
 * separated by commas; no line if there is nothing. */
static void print_remarks(const struct shown *s)
{
	const struct reading *rd = s->reading;
	char start[sizeof(indent) + sizeof("remarks    ")];
	const char *word, *sep = start;

	snprintf(start, sizeof(start), "%sremarks    ", indent);
	if (s->rec->record.class == CLASS_ALARM) {
		printf("%salarm", sep);
		sep = ", ";
	}
	for (size_t i = 0; (word = words_status(rd->kind, &rd->decoded, i));
	     i++, sep = ", ")
		printf("%s%s", sep, word);
	for (size_t i = 0; (word = words_mark(rd->decoded.marks, i)); i++, sep = ", ")
		printf("%s%s", sep, word);
	if (sep != start)
		printf("\n");
}

static void print_device_clock(const struct reading *rd)
{
	char time[WORDS_TIME_MAX], offset[WORDS_SPAN_MAX], unsure[WORDS_SPAN_MAX];

	printf("%sits clock  ", indent);
	if (!rd->decoded.has_device_time) {
		printf("sent no time\n");
		return;
	}
	printf("%s as sent, ", words_device_time(&rd->decoded.device_time, false, time));
	if (rd->clock.source == OFFSET_NONE)
		printf("error not measured\n");
	else
		printf("%s (%s, %s)\n", words_offset(rd->clock.offset_ms, offset),
		       offset_source_text(rd->clock.source),
		       words_uncertainty(rd->clock.uncertainty_ms, unsure));
}

static void print_hub_clock(const struct shown *s)
{
	const struct reading *rd = s->reading;
	char time[WORDS_TIME_MAX], unsure[WORDS_SPAN_MAX];

	printf("%shub clock  ", indent);
	if (rd->captured.wall.quality == CLOCK_QUALITY_NONE)
		printf("not set when the reading came");
	else
		printf("%s (%s, %s)",
		       words_time(rd->captured.wall.ms, rd->utc_offset_min, false, time),
		       clock_quality_text(rd->captured.wall.quality),
		       words_uncertainty(rd->captured.wall.uncertainty_ms, unsure));
	printf("; here %s\n",
	       words_time(s->rec->received_ms, rd->utc_offset_min, false, time));
}

static void print_raw(const struct reading *rd)
{
	printf("%sraw %04x   ", indent, rd->characteristic);
	for (size_t i = 0; i < rd->raw_len; i++)
		printf("%02x", rd->raw[i]);
	printf("\n");
}

static const char *measured(const struct reading *rd, char buf[static WORDS_TIME_MAX])
{
	struct dating d = dating_of(rd);

	if (d.basis == DATING_NONE)
		return "unknown, see clocks";
	return words_time(d.utc_ms, rd->utc_offset_min, false, buf);
}

static void print_reading(const struct shown *s)
{
	const struct reading *rd = s->reading;
	char time[WORDS_TIME_MAX], values[WORDS_VALUES_MAX];
	bool undecoded = rd->decoded.marks & MARK_UNDECODED;

	printf("%-12s %6" PRIu64 "  %-26s  %-14s  %-42s  ", s->hub->name,
	       s->rec->record.seq, measured(rd, time), reading_kind_text(rd->kind),
	       undecoded ? "not decoded, raw bytes kept"
			 : words_values(&rd->decoded, values));
	printf("%s", attribution_text(rd->attribution));
	if (rd->decoded.has_user && rd->decoded.user == 255)
		printf(" (user unknown)");
	else if (rd->decoded.has_user)
		printf(" (user %u)", rd->decoded.user);
	printf("\n");
	print_remarks(s);
	print_device_clock(rd);
	print_hub_clock(s);
	printf("%sdevice     %u, link %s\n", indent, rd->peripheral.num,
	       words_link(rd->link));
	if (s->with_raw || undecoded)
		print_raw(rd);
}

void show_text(const struct shown *s, bool first)
{
	if (first)
		heading();
	if (s->reading)
		print_reading(s);
	else
		printf("%-12s %6" PRIu64 "  NOT OPENED: %s\n", s->hub->name,
		       s->rec->record.seq, s->why);
}
