/*
 * show_text.c - a reading as lines for a person: one that says what matters, then what it rests on.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ble/dis.h"
#include "clinic/blocks.h"
#include "hub/core/dating.h"
#include "clinic/show.h"
#include "clinic/words.h"

static const char indent[] = "                ";

static void heading(void)
{
	printf("%-12s %6s  %-26s  %-18s  %-42s  %s\n", "HUB", "NUMBER", "MEASURED",
	       "WHAT", "VALUES", "PATIENT");
}

/* The first word of a line brings its beginning, the others a comma; end_line says if there was any. */
struct line {
	const char *label;
	bool begun;
};

static void add_word(struct line *l, const char *word)
{
	if (l->begun)
		printf(", %s", word);
	else
		printf("%s%-10s %s", indent, l->label, word);
	l->begun = true;
}

static void end_line(const struct line *l)
{
	if (l->begun)
		printf("\n");
}

/* What is said of the reading beside its values; no line if there is nothing. */
static void print_remarks(const struct reading *rd, enum record_class class)
{
	struct line l = { .label = "remarks" };
	const char *word;

	if (class == CLASS_ALARM)
		add_word(&l, "alarm");
	for (size_t i = 0; (word = words_status(rd->kind, &rd->decoded, i)); i++)
		add_word(&l, word);
	for (size_t i = 0; (word = words_device_status(rd->kind, &rd->decoded, i)); i++)
		add_word(&l, word);
	for (size_t i = 0; (word = words_mark(rd->decoded.marks, i)); i++)
		add_word(&l, word);
	end_line(&l);
}

static void print_context(const struct shown *s)
{
	const struct decoded *d = &s->context->decoded;
	char values[WORDS_VALUES_MAX];
	const char *word;

	printf("%scontext    %s (number %" PRIu64, indent,
	       d->marks & MARK_UNDECODED ? "not decoded" : words_values(d, values),
	       s->context_seq);
	for (size_t i = 0; (word = words_mark(d->marks, i)); i++)
		printf(", %s", word);
	printf(")\n");
}

static void print_stamp(const struct decoded *d)
{
	char time[WORDS_TIME_MAX];

	if (d->has_device_time)
		printf("%s%s as sent", words_device_time(&d->device_time, false, time),
		       d->time_is_utc ? " UTC" : "");
	else
		printf("%" PRIu64 ".%04" PRIu64 " s of a counter", d->ticks / 10000,
		       d->ticks % 10000);
	if (d->has_time_offset)
		printf(" (%+d min for its user)", d->time_offset_min);
}

static void print_device_clock(const struct reading *rd)
{
	const struct decoded *d = &rd->decoded;
	char error[WORDS_SPAN_MAX], unsure[WORDS_SPAN_MAX];
	int64_t ms;

	printf("%sits clock  ", indent);
	if (!d->has_device_time && !d->has_ticks) {
		printf("sent no time\n");
		return;
	}
	print_stamp(d);
	if (rd->clock.source == OFFSET_NONE) {
		printf(", error not measured\n");
		return;
	}
	if (words_clock_error(rd, &ms))
		printf(", %s", words_offset(ms, error));
	printf(" (%s, %s)\n", offset_source_text(rd->clock.source),
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
	if (s->rec->received_ms)
		printf("; here %s",
		       words_time(s->rec->received_ms, rd->utc_offset_min, false, time));
	printf("\n");
}

static void print_device(const struct reading *rd)
{
	printf("%sdevice     %u, link %s", indent, rd->peripheral.num,
	       words_link(rd->link));
	if (rd->decoded.has_sequence)
		printf(", its record %u of history %u", rd->decoded.sequence,
		       rd->history);
	printf("\n");
}

static void print_hex(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		printf("%02x", p[i]);
	printf("\n");
}

/* What a device says of itself. */
static void print_information(const struct reading *rd)
{
	struct dis_certified certified;
	char id[DIS_SYSTEM_ID_TEXT_LEN];
	struct dis d;

	if (dis_decode(rd->raw, rd->raw_len, &d) != 0)
		return;
	const struct {
		const char *what, *text;
	} lines[] = {
		{ "maker", d.maker },
		{ "model", d.model },
		{ "serial", d.serial },
		{ "firmware", d.firmware },
		{ "hardware", d.hardware },
		{ "software", d.software },
		{ "system id", dis_system_id_text(&d, id) },
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		if (lines[i].text[0])
			printf("%s%-10s %s\n", indent, lines[i].what, lines[i].text);
	}
	if (d.has_pnp_id)
		printf("%spnp id     %s vendor %04x, product %04x, version %04x\n",
		       indent, words_pnp_source(d.pnp_source), d.pnp_vendor,
		       d.pnp_product, d.pnp_version);
	if (d.certification.len &&
	    dis_decode_certification(d.certification.octets, d.certification.len,
				     &certified) == 0 &&
	    certified.major)
		printf("%scertified  Continua %u.%u\n", indent, certified.major,
		       certified.minor);
}

static void print_raw(const struct reading *rd)
{
	struct block b;
	struct reader r;

	printf("%sraw %04x   ", indent, rd->characteristic);
	print_hex(rd->raw, rd->raw_len);
	if (!blocks_are_samples(rd))
		return;
	blocks_init(&r, rd);
	while (blocks_next(&r, &b)) {
		printf("%ssample     after %5u ms: ", indent, b.number);
		print_hex(b.octets, b.len);
	}
}

static const char *measured(const struct reading *rd, char buf[static WORDS_TIME_MAX])
{
	struct dating d = dating_of(rd);

	if (d.basis == DATING_NONE)
		return "unknown, see clocks";
	return words_time(d.utc_ms, rd->utc_offset_min, false, buf);
}

static void print_attribution(const struct reading *rd)
{
	printf("%s", attribution_text(rd->attribution));
	if (rd->decoded.has_user && rd->decoded.user == 255)
		printf(" (user unknown)");
	else if (rd->decoded.has_user)
		printf(" (user %u)", rd->decoded.user);
	printf("\n");
}

static void print_reading(const struct shown *s)
{
	const struct reading *rd = s->reading;
	char time[WORDS_TIME_MAX], values[WORDS_VALUES_MAX];
	bool undecoded = rd->decoded.marks & MARK_UNDECODED;

	printf("%-12s %6" PRIu64 "  %-26s  %-18s  %-42s  ", s->hub->name,
	       s->rec->record.seq, measured(rd, time), reading_kind_text(rd->kind),
	       undecoded ? "not decoded, raw bytes kept"
			 : words_values(&rd->decoded, values));
	print_attribution(rd);
	if (s->context)
		print_context(s);
	print_remarks(rd, s->rec->record.class);
	if (rd->kind == READING_DEVICE_INFORMATION)
		print_information(rd);
	print_device_clock(rd);
	print_hub_clock(s);
	print_device(rd);
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
	if (s->suspect)
		printf("%s%-10s its hub was locked and may have been tampered with: "
		       "look at it with care\n",
		       indent, "SUSPECT");
	if (s->held_for)
		printf("%s%-10s %s: not filed\n", indent, "HELD", s->held_for);
	if (s->recovered_from)
		printf("%s%-10s from the hub's card (%s), not signed\n", indent,
		       "RECOVERED", s->recovered_from);
}
