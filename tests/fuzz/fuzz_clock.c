/*
 * fuzz_clock.c - a device's clock: what decodes encodes to the same time; offsets are
 * told without overflow.
 *
 * First byte: kind (mod 5), and from bit 6 on what kind of stamp. Then the value as read;
 * if more than 10 octets are left, the next seven are a reading's stamp, and the ones
 * after it a time offset.
 */
#include <stdlib.h>

#include "tests/plain_clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VALUE_LEN = 10, KINDS = 5 };

static const struct capture_time captured = {
	.mono = { 900000 }, .wall = { INT64_C(1795246262000), 1000, CLOCK_QUALITY_CLINIC }
};

static void check_round(struct clock_form *f, const struct clock_face *face)
{
	uint8_t buf[CLOCK_LEN_MAX];
	struct clock_face again;
	/* as local time of a home at UTC */
	int64_t ms = clock_form_settable_ms(f, face->local_ms);
	int n = clock_form_encode(f, ms, 0, buf);

	if (f->kind == CLOCK_KIND_CURRENT_TIME || f->kind == CLOCK_KIND_DATE_TIME) {
		if (n < 0 || clock_encode(f->kind, ms, buf) != n ||
		    plain_clock_settable_ms(f->kind, ms) != ms ||
		    plain_clock_decode(f->kind, buf, (size_t)n, &again) != 0 ||
		    llabs(again.local_ms - face->local_ms) > 4)
			abort();
	} else if (f->kind == CLOCK_KIND_ELAPSED && n > 0) {
		if (clock_form_decode(f, buf, (size_t)n, &again) != 0 ||
		    again.local_ms != ms || again.scale != face->scale)
			abort();
	}
}

static void follow(struct clock_track *t, struct clock_form *f,
		   const struct clock_face *face)
{
	check_round(f, face);
	clock_on_read(t, face, (struct mono){ 800000 }, (struct mono){ 800100 });
	if (clock_should_set(t, captured.wall, captured.mono, 60, true))
		clock_on_set(t, f, clock_form_settable_ms(f, captured.wall.ms), 60,
			     captured.mono, captured.mono);
	clock_on_linked(t);
	clock_on_read(t, face, captured.mono, captured.mono);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct decoded d = { 0 };
	struct clock_track t;
	struct clock_face face;
	struct clock_form f;
	struct reader r;

	if (size < 1)
		return 0;
	clock_form_init(&f, (enum clock_kind)((data[0] & 0x3F) % KINDS));
	clock_form_learn(&f, data + 1, size - 1);
	clock_init(&t);
	if (clock_form_decode(&f, data + 1, size - 1, &face) == 0)
		follow(&t, &f, &face);
	clock_form_reply(&f, data + 1, size - 1);
	reader_init(&r, data + 1, size - 1);
	read_span(&r, VALUE_LEN);
	clock_read_date_time(&r, &d.device_time);
	d.has_device_time = reader_ok(&r) && (data[0] & 0xC0) != 0xC0;
	d.time_is_utc = data[0] & 0x40;
	d.time_offset_min = (int32_t)read_le32(&r);
	d.has_time_offset = reader_ok(&r);
	d.has_ticks = (data[0] & 0xC0) == 0xC0;
	d.ticks = (uint64_t)(uint32_t)d.time_offset_min << 28;
	d.marks = data[0] & 0x80 ? MARK_CLOCK_UNSET : 0;
	clock_offset_for(&t, &d, &captured, -720);
	plain_clock_on_set(&t, captured.wall.ms,
			   clock_wall_at(captured.wall, captured.mono, captured.mono).ms >
					   0
				   ? captured.mono
				   : (struct mono){ 0 },
			   captured.mono);
	clock_offset_for(&t, &d, &captured, 840);
	clock_is_ambiguous(&d.device_time, captured.wall.ms, 120, 60);
	return 0;
}
