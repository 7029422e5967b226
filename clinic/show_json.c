/*
 * show_json.c - a reading as one JSON object; the fields are described in clinicctl(1).
 */
#include <errno.h>
#include <stdio.h>

#include "ble/dis.h"
#include "clinic/blocks.h"
#include "clinic/codes.h"
#include "hub/core/dating.h"
#include "clinic/json.h"
#include "clinic/show.h"
#include "clinic/words.h"

static void add_number(cJSON *o, const char *name, struct decimal d)
{
	char number[DECIMAL_TEXT_MAX];

	decimal_to_text(d, number);
	if (d.kind == DECIMAL_NUMBER) {
		json_number(o, name, number);
		return;
	}
	json_null(o, name);
	json_text(o, "special", number);
}

/* The codes of a value that is named by them. */
static void add_codes(cJSON *o, const struct value *v)
{
	if (v->name == VALUE_MDC) {
		json_uint(o, "code", v->code);
		if (codes_mdc(v->code))
			json_text(o, "code_meaning", codes_mdc(v->code));
	}
	if (v->unit == UNIT_MDC) {
		json_uint(o, "unit_code", v->unit_code);
		if (codes_mdc_unit(v->unit_code))
			json_text(o, "unit_meaning", codes_mdc_unit(v->unit_code));
	}
}

static void add_value(cJSON *values, const struct value *v)
{
	cJSON *o = json_item(values);
	struct decimal clinical;
	const char *unit;

	json_text(o, "name", value_name_text(v->name));
	json_text(o, "unit", value_unit_text(v->unit));
	add_number(o, "value", v->number);
	add_codes(o, v);
	if (words_meaning(v))
		json_text(o, "meaning", words_meaning(v));
	if (words_clinical(v, &clinical, &unit)) {
		o = json_object_in(o, "clinical");
		json_text(o, "unit", unit);
		add_number(o, "value", clinical);
	}
}

static void add_values(cJSON *o, const struct decoded *d)
{
	cJSON *values = json_array_in(o, "values");

	for (size_t i = 0; i < d->value_count; i++)
		add_value(values, &d->values[i]);
}

static void add_time(cJSON *o, const char *name, int64_t utc_ms, int offset_min)
{
	char time[WORDS_TIME_MAX];

	json_text(o, name, words_time(utc_ms, offset_min, true, time));
}

/* UINT32_MAX stands for 'not known'. */
static void add_uncertainty(cJSON *o, uint32_t ms)
{
	if (ms == UINT32_MAX)
		json_null(o, "uncertainty_ms");
	else
		json_uint(o, "uncertainty_ms", ms);
}

static void add_measured(cJSON *o, const struct reading *rd)
{
	struct dating d = dating_of(rd);
	cJSON *m = json_object_in(o, "measured");

	if (d.basis == DATING_NONE)
		json_null(m, "time");
	else
		add_time(m, "time", d.utc_ms, rd->utc_offset_min);
	json_text(m, "basis", dating_basis_text(d.basis));
	add_uncertainty(m, d.uncertainty_ms);
	if (d.is_ambiguous)
		json_bool(m, "ambiguous", true);
}

static void add_device_clock(cJSON *o, const struct reading *rd)
{
	char time[WORDS_TIME_MAX];
	cJSON *c = json_object_in(o, "device_clock");

	if (rd->decoded.has_device_time)
		json_text(c, "time",
			  words_device_time(&rd->decoded.device_time, true, time));
	else
		json_null(c, "time");
	if (rd->decoded.time_is_utc)
		json_bool(c, "utc", true);
	if (rd->decoded.has_time_offset)
		json_int(c, "time_offset_min", rd->decoded.time_offset_min);
	if (rd->decoded.has_ticks)
		json_uint(c, "ticks", rd->decoded.ticks);
	json_text(c, "offset_source", offset_source_text(rd->clock.source));
	if (rd->clock.source == OFFSET_NONE) {
		json_null(c, "offset_ms");
		return;
	}
	json_int(c, "offset_ms", rd->clock.offset_ms);
	add_uncertainty(c, rd->clock.uncertainty_ms);
	json_int(c, "timeline", rd->clock.timeline);
}

static void add_hub_clock(cJSON *o, const struct reading *rd)
{
	const struct capture_time *t = &rd->captured;
	cJSON *c = json_object_in(o, "hub_clock");

	if (t->wall.quality == CLOCK_QUALITY_NONE)
		json_null(c, "time");
	else
		add_time(c, "time", t->wall.ms, rd->utc_offset_min);
	json_text(c, "quality", clock_quality_text(t->wall.quality));
	add_uncertainty(c, t->wall.uncertainty_ms);
	json_hex(c, "boot", t->boot, sizeof(t->boot));
	json_uint(c, "monotonic_ms", t->mono.ms);
}

static void add_device(cJSON *o, const struct reading *rd)
{
	cJSON *d = json_object_in(o, "device");
	char addr[WORDS_ADDRESS_MAX];

	json_uint(d, "number", rd->peripheral.num);
	json_text(d, "address", words_address(rd->peripheral.addr, addr));
	json_text(d, "address_type",
		  rd->peripheral.addr_type == ADDR_RANDOM ? "random" : "public");
	json_text(d, "link", words_link(rd->link));
}

typedef const char *nth_word(enum reading_kind kind, const struct decoded *d, size_t n);

static void add_words(cJSON *o, const char *name, nth_word *word,
		      const struct reading *rd)
{
	cJSON *words = json_array_in(o, name);
	const char *text;

	for (size_t i = 0; (text = word(rd->kind, &rd->decoded, i)); i++)
		json_text_item(words, text);
}

static const char *mark_word(enum reading_kind kind, const struct decoded *d, size_t n)
{
	(void)kind;
	return words_mark(d->marks, n);
}

static void add_remarks(cJSON *o, const struct reading *rd)
{
	const struct decoded *d = &rd->decoded;

	add_words(o, "marks", mark_word, rd);
	if (d->has_status) {
		json_uint(o, "status_bits", d->status);
		add_words(o, "status", words_status, rd);
	} else {
		json_null(o, "status");
	}
	if (d->has_device_status) {
		json_uint(o, "device_status_bits", d->device_status);
		add_words(o, "device_status", words_device_status, rd);
	}
}

static void add_record(cJSON *o, const struct reading *rd)
{
	if (!rd->decoded.has_sequence)
		return;
	json_uint(o, "sequence", rd->decoded.sequence);
	json_uint(o, "history", rd->history);
}

static void add_text(cJSON *o, const char *name, const char *text)
{
	if (text[0])
		json_text(o, name, text);
}

static void add_opaque(cJSON *o, const char *name, const struct dis_opaque *v)
{
	if (v->len)
		json_hex(o, name, v->octets, v->len);
}

/* Blocks that are not of the Device Information Service: features, battery. */
static void add_other(cJSON *o, const struct reading *rd)
{
	cJSON *others = json_array_in(o, "other");
	struct dis ignored = { 0 };
	struct reader r;
	struct block b;
	char uuid[5];

	blocks_init(&r, rd);
	while (blocks_next(&r, &b)) {
		if (dis_put(&ignored, b.number, b.octets, b.len) != -ENOTSUP)
			continue;
		cJSON *item = json_item(others);

		snprintf(uuid, sizeof(uuid), "%04x", b.number);
		json_text(item, "characteristic", uuid);
		json_hex(item, "value", b.octets, b.len);
	}
}

static void add_information(cJSON *o, const struct reading *rd)
{
	char id[DIS_SYSTEM_ID_TEXT_LEN];
	struct dis d;
	cJSON *pnp;

	if (dis_decode(rd->raw, rd->raw_len, &d) != 0)
		return;
	o = json_object_in(o, "device_information");
	add_text(o, "maker", d.maker);
	add_text(o, "model", d.model);
	add_text(o, "serial", d.serial);
	add_text(o, "firmware", d.firmware);
	add_text(o, "hardware", d.hardware);
	add_text(o, "software", d.software);
	add_text(o, "system_id", dis_system_id_text(&d, id));
	if (d.has_pnp_id) {
		pnp = json_object_in(o, "pnp_id");
		json_uint(pnp, "source", d.pnp_source);
		json_uint(pnp, "vendor", d.pnp_vendor);
		json_uint(pnp, "product", d.pnp_product);
		json_uint(pnp, "version", d.pnp_version);
	}
	add_opaque(o, "certification", &d.certification);
	add_opaque(o, "udi", &d.udi);
	add_other(o, rd);
}

static void add_samples(cJSON *o, const struct reading *rd)
{
	cJSON *samples = json_array_in(o, "samples");
	struct reader r;
	struct block b;

	blocks_init(&r, rd);
	while (blocks_next(&r, &b)) {
		cJSON *item = json_item(samples);

		json_uint(item, "after_ms", b.number);
		json_hex(item, "value", b.octets, b.len);
	}
}

static void add_raw(cJSON *o, const struct reading *rd)
{
	char uuid[5];

	snprintf(uuid, sizeof(uuid), "%04x", rd->characteristic);
	json_text(o, "characteristic", uuid);
	json_hex(o, "raw", rd->raw, rd->raw_len);
	if (blocks_are_samples(rd))
		add_samples(o, rd);
}

/* What belongs to a glucose: as a reading, without what both have in common. */
static void add_context(cJSON *o, const struct shown *s)
{
	const struct reading *rd = s->context;

	if (!rd)
		return;
	o = json_object_in(o, "context");
	json_uint(o, "seq", s->context_seq);
	add_values(o, &rd->decoded);
	add_words(o, "marks", mark_word, rd);
	if (s->with_raw || rd->decoded.marks & MARK_UNDECODED)
		add_raw(o, rd);
}

static void add_reading(cJSON *o, const struct shown *s)
{
	const struct reading *rd = s->reading;

	add_values(o, &rd->decoded);
	add_context(o, s);
	add_measured(o, rd);
	add_device_clock(o, rd);
	add_hub_clock(o, rd);
	add_device(o, rd);
	add_record(o, rd);
	json_text(o, "attribution", attribution_text(rd->attribution));
	if (rd->decoded.has_user)
		json_uint(o, "user", rd->decoded.user);
	else
		json_null(o, "user");
	add_remarks(o, rd);
	if (rd->kind == READING_DEVICE_INFORMATION)
		add_information(o, rd);
	if (s->with_raw || rd->decoded.marks & MARK_UNDECODED)
		add_raw(o, rd);
}

void show_json(const struct shown *s)
{
	const struct sealed *rec = s->rec;
	cJSON *o = json_object();

	json_text(o, "hub", s->hub->name);
	json_hex(o, "hub_id", rec->hub, HUB_ID_LEN);
	json_uint(o, "epoch", rec->epoch);
	json_uint(o, "seq", rec->record.seq);
	json_uint(o, "assignment", rec->record.assignment);
	json_text(o, "class", words_class(rec->record.class));
	json_text(o, "kind", reading_kind_text((enum reading_kind)rec->record.kind));
	if (rec->received_ms)
		add_time(o, "received", rec->received_ms, 0);
	else
		json_null(o, "received");
	json_bool(o, "suspect", s->suspect);
	if (s->recovered_from)
		json_text(o, "recovered_from", s->recovered_from);
	if (s->held_for)
		json_text(o, "held_for", s->held_for);
	if (s->reading)
		add_reading(o, s);
	else
		json_text(o, "error", s->why);
	json_print(o);
}
