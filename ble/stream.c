/*
 * stream.c - windows of samples; see stream.h.
 */
#include "ble/stream.h"

#include <string.h>

#include "ble/fields.h"
#include "ble/plausible.h"
#include "hub/core/cursor.h"

/* Delays within a window always fit in their two octets, and its length in ms in 31 bits. */
_Static_assert(STREAM_WINDOW_MS <= UINT16_MAX, "delay of a sample is 16 bits");
_Static_assert(STREAM_SAMPLES_MAX <= UINT8_MAX, "samples are counted in 8 bits");
/* What does not fit into an empty window would be offered again for ever. */
_Static_assert(STREAM_HEADER_LEN + STREAM_VALUE_MAX <= READING_RAW_MAX,
	       "one sample fits");

struct summary_names {
	enum value_name min, median, max;
};

static const struct summary_names heart_rate = { VALUE_HEART_RATE_MIN,
						 VALUE_HEART_RATE_MEDIAN,
						 VALUE_HEART_RATE_MAX };
static const struct summary_names spo2 = { VALUE_SPO2_MIN, VALUE_SPO2_MEDIAN,
					   VALUE_SPO2_MAX };
static const struct summary_names pulse = { VALUE_PULSE_MIN, VALUE_PULSE_MEDIAN,
					    VALUE_PULSE_MAX };

void stream_init(struct stream *s)
{
	*s = (struct stream){ 0 };
}

bool stream_is_empty(const struct stream *s)
{
	return s->samples == 0;
}

struct mono stream_deadline(const struct stream *s)
{
	return stream_is_empty(s) ? MONO_NEVER : mono_add(s->first, STREAM_WINDOW_MS);
}

/* The number that a sample has for a quantity, NULL if none. */
static const struct decimal *find(const struct decoded *d, enum value_name name)
{
	for (size_t i = 0; i < d->value_count; i++)
		if (d->values[i].name == name)
			return d->values[i].number.kind == DECIMAL_NUMBER
				       ? &d->values[i].number
				       : NULL;
	return NULL;
}

static void series_add(struct stream_series *s, const struct decimal *n)
{
	size_t at = s->count;

	while (at > 0 && plausible_compare(s->sorted[at - 1], *n) > 0)
		at--;
	memmove(&s->sorted[at + 1], &s->sorted[at],
		(s->count - at) * sizeof(s->sorted[0]));
	s->sorted[at] = *n;
	s->count++;
}

static void take_values(struct stream *s, const struct decoded *d)
{
	const struct decimal *n = find(d, VALUE_HEART_RATE);

	if (!n)
		n = find(d, VALUE_SPO2);
	if (n && !(d->marks & MARK_NO_RESULT))
		series_add(&s->main, n);
	n = find(d, VALUE_PULSE);
	if (n)
		series_add(&s->pulse, n);
	s->status.marks |= d->marks & ~(uint32_t)MARK_NO_RESULT;
	s->status.has_status |= d->has_status;
	s->status.status |= d->status;
	s->status.has_device_status |= d->has_device_status;
	s->status.device_status |= d->device_status;
}

static bool has_room(const struct stream *s, size_t len)
{
	return STREAM_HEADER_LEN + len <= (size_t)READING_RAW_MAX - s->raw_len;
}

static void put_sample(struct stream *s, const uint8_t *value, size_t len,
		       uint64_t delay_ms)
{
	struct writer w;

	writer_init(&w, s->raw + s->raw_len, READING_RAW_MAX - s->raw_len);
	write_le16(&w, (uint16_t)delay_ms);
	write_u8(&w, (uint8_t)len);
	write_bytes(&w, value, len);
	s->raw_len = (uint16_t)(s->raw_len + STREAM_HEADER_LEN + len);
}

bool stream_add(struct stream *s, const uint8_t *value, size_t len,
		const struct decoded *d, struct mono now)
{
	bool cut = len > STREAM_VALUE_MAX;
	size_t kept = cut ? STREAM_VALUE_MAX : len;

	if (mono_reached(now, stream_deadline(s)) || !has_room(s, kept))
		return false;
	if (stream_is_empty(s))
		s->first = s->last = now;
	put_sample(s, value, kept, mono_since(now, s->last));
	/* never back, so that no delay is longer than the window */
	if (now.ms > s->last.ms)
		s->last = now;
	s->samples++;
	if (cut || d->marks & MARK_UNDECODED)
		s->undecoded++;
	else
		take_values(s, d);
	return true;
}

static void add_count(struct decoded *d, enum value_name name, uint8_t count)
{
	fields_add(d, name, UNIT_COUNT, fields_fixed(count, 1, 0));
}

static void add_series(struct decoded *d, const struct stream_series *s,
		       const struct summary_names *names, enum value_unit unit)
{
	if (s->count == 0)
		return;
	fields_add(d, names->min, unit, s->sorted[0]);
	fields_add(d, names->median, unit, s->sorted[(s->count - 1) / 2]);
	fields_add(d, names->max, unit, s->sorted[s->count - 1]);
}

static void summarise(const struct stream *s, enum reading_kind kind, struct decoded *d)
{
	uint64_t duration_ms = mono_since(s->last, s->first);

	add_count(d, VALUE_SAMPLES, s->samples);
	add_count(d, VALUE_SAMPLES_VALID, s->main.count);
	fields_add(d, VALUE_DURATION, UNIT_S, fields_fixed((uint16_t)duration_ms, 1, -3));
	if (kind == READING_HEART_RATE_STREAM) {
		add_series(d, &s->main, &heart_rate, UNIT_PER_MINUTE);
	} else {
		add_series(d, &s->main, &spo2, UNIT_PERCENT);
		add_series(d, &s->pulse, &pulse, UNIT_PER_MINUTE);
	}
	if (s->undecoded == s->samples)
		d->marks |= MARK_UNDECODED;
	else if (s->main.count == 0)
		d->marks |= MARK_NO_RESULT;
}

struct mono stream_newest(const struct stream *s)
{
	return s->last;
}

size_t stream_close(struct stream *s, enum reading_kind kind,
		    uint8_t raw[static READING_RAW_MAX], struct decoded *ret)
{
	size_t len = s->raw_len;

	*ret = s->status;
	if (stream_is_empty(s))
		return 0;
	memcpy(raw, s->raw, len);
	summarise(s, kind, ret);
	stream_init(s);
	return len;
}
