/*
 * show_json.c - a reading as one JSON object; the fields are described in clinicctl(1).
 */
#include <stdio.h>

#include "clinic/dating.h"
#include "clinic/json.h"
#include "clinic/show.h"
#include "clinic/words.h"

static void add_value(cJSON *values, const struct value *v)
{
	char number[DECIMAL_TEXT_MAX];
	cJSON *o = json_item(values);

	json_text(o, "name", value_name_text(v->name));
	json_text(o, "unit", value_unit_text(v->unit));
	decimal_to_text(v->number, number);
	if (v->number.kind == DECIMAL_NUMBER) {
		json_number(o, "value", number);
		return;
	}
	json_null(o, "value");
	json_text(o, "special", number);
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
	const uint8_t *a = rd->peripheral.addr;
	cJSON *d = json_object_in(o, "device");
	char addr[3 * PERIPHERAL_ADDR_LEN];

	snprintf(addr, sizeof(addr), "%02X:%02X:%02X:%02X:%02X:%02X", a[0], a[1], a[2],
		 a[3], a[4], a[5]);
	json_uint(d, "number", rd->peripheral.num);
	json_text(d, "address", addr);
	json_text(d, "address_type",
		  rd->peripheral.addr_type == ADDR_RANDOM ? "random" : "public");
	json_text(d, "link", words_link(rd->link));
}

static void add_remarks(cJSON *o, const struct reading *rd)
{
	cJSON *marks = json_array_in(o, "marks");
	const char *word;

	for (size_t i = 0; (word = words_mark(rd->decoded.marks, i)); i++)
		json_text_item(marks, word);
	if (!rd->decoded.has_status) {
		json_null(o, "status");
		return;
	}
	json_uint(o, "status_bits", rd->decoded.status);
	marks = json_array_in(o, "status");
	for (size_t i = 0; (word = words_status(rd->kind, &rd->decoded, i)); i++)
		json_text_item(marks, word);
}

static void add_reading(cJSON *o, const struct shown *s)
{
	const struct reading *rd = s->reading;
	cJSON *values = json_array_in(o, "values");

	for (size_t i = 0; i < rd->decoded.value_count; i++)
		add_value(values, &rd->decoded.values[i]);
	add_measured(o, rd);
	add_device_clock(o, rd);
	add_hub_clock(o, rd);
	add_device(o, rd);
	json_text(o, "attribution", attribution_text(rd->attribution));
	if (rd->decoded.has_user)
		json_uint(o, "user", rd->decoded.user);
	else
		json_null(o, "user");
	add_remarks(o, rd);
	if (s->with_raw || rd->decoded.marks & MARK_UNDECODED) {
		char uuid[5];

		snprintf(uuid, sizeof(uuid), "%04x", rd->characteristic);
		json_text(o, "characteristic", uuid);
		json_hex(o, "raw", rd->raw, rd->raw_len);
	}
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
	add_time(o, "received", rec->received_ms, 0);
	if (s->reading)
		add_reading(o, s);
	else
		json_text(o, "error", s->why);
	json_print(o);
}
