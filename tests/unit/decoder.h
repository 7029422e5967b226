#pragma once

/*
 * decoder.h - what the tests of the decoders share: building values from the specification's
 * tables, and checks of what came out.
 */
#include <errno.h>
#include <stddef.h>

#include "ble/profile.h"
#include "tests/unit/test.h"

__attribute__((unused)) static const struct profile_context no_context;

/* 2026-11-21 07:31:02 as a Date Time. */
static const uint8_t test_date[7] = { 0xEA, 0x07, 11, 21, 7, 31, 2 };

__attribute__((unused)) static size_t put8(uint8_t *buf, size_t at, unsigned v)
{
	buf[at] = (uint8_t)v;
	return at + 1;
}

__attribute__((unused)) static size_t put16(uint8_t *buf, size_t at, unsigned v)
{
	return put8(buf, put8(buf, at, v & 0xFF), v >> 8 & 0xFF);
}

__attribute__((unused)) static size_t put24(uint8_t *buf, size_t at, unsigned v)
{
	return put8(buf, put16(buf, at, v & 0xFFFF), v >> 16 & 0xFF);
}

__attribute__((unused)) static size_t put32(uint8_t *buf, size_t at, unsigned v)
{
	return put16(buf, put16(buf, at, v & 0xFFFF), v >> 16);
}

__attribute__((unused)) static size_t put_date(uint8_t *buf, size_t at)
{
	memcpy(buf + at, test_date, sizeof(test_date));
	return at + sizeof(test_date);
}

__attribute__((unused)) static void put_garbage(uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)(test_random() >> 24);
}

/* Value i is this number, with these digits. */
#define CHECK_VALUE(d, i, want_name, want_unit, want_mantissa, want_exponent)            \
	do {                                                                             \
		const size_t i_ = (i);                                                   \
		const struct value *v_ = &(d)->values[i_];                               \
		CHECK((d)->value_count > i_);                                            \
		CHECK_INT(v_->name, want_name);                                          \
		CHECK_INT(v_->unit, want_unit);                                          \
		CHECK_INT(v_->number.kind, DECIMAL_NUMBER);                              \
		CHECK_INT(v_->number.mantissa, want_mantissa);                           \
		CHECK_INT(v_->number.exponent, want_exponent);                           \
		CHECK_UINT(v_->code, 0);                                                 \
		CHECK_UINT(v_->unit_code, 0);                                            \
	} while (0)

/* Value i has no number. */
#define CHECK_SPECIAL(d, i, want_name, want_unit, want_kind)                             \
	do {                                                                             \
		const size_t i_ = (i);                                                   \
		const struct value *v_ = &(d)->values[i_];                               \
		CHECK((d)->value_count > i_);                                            \
		CHECK_INT(v_->name, want_name);                                          \
		CHECK_INT(v_->unit, want_unit);                                          \
		CHECK_INT(v_->number.kind, want_kind);                                   \
		CHECK_INT(v_->number.mantissa, 0);                                       \
		CHECK_INT(v_->number.exponent, 0);                                       \
	} while (0)

#define CHECK_DATE(d, y, mo, da, h, mi, s)                                               \
	do {                                                                             \
		CHECK((d)->has_device_time);                                             \
		CHECK_UINT((d)->device_time.year, y);                                    \
		CHECK_UINT((d)->device_time.month, mo);                                  \
		CHECK_UINT((d)->device_time.day, da);                                    \
		CHECK_UINT((d)->device_time.hour, h);                                    \
		CHECK_UINT((d)->device_time.minute, mi);                                 \
		CHECK_UINT((d)->device_time.second, s);                                  \
	} while (0)

/* Nothing but values, marks and what the arguments say. */
__attribute__((unused)) static void check_only(const struct decoded *d, bool time,
					       bool user, bool status, bool device_status)
{
	CHECK_INT(d->has_device_time, time);
	CHECK_INT(d->has_user, user);
	CHECK_INT(d->has_status, status);
	CHECK_INT(d->has_device_status, device_status);
	CHECK(!d->time_is_utc && !d->has_time_offset && !d->has_ticks &&
	      !d->has_sequence);
}

/* Field by field: padding is nobody's business. */
__attribute__((unused)) static void check_same(const struct decoded *a,
					       const struct decoded *b)
{
	CHECK_UINT(a->value_count, b->value_count);
	for (size_t i = 0; i < b->value_count; i++) {
		const struct value *v = &a->values[i], *w = &b->values[i];

		CHECK_INT(v->name, w->name);
		CHECK_INT(v->unit, w->unit);
		CHECK_INT(v->number.kind, w->number.kind);
		CHECK_INT(v->number.mantissa, w->number.mantissa);
		CHECK_INT(v->number.exponent, w->number.exponent);
	}
	CHECK_UINT(a->marks, b->marks);
	CHECK_INT(a->has_device_time, b->has_device_time);
	CHECK_UINT(a->user, b->user);
	CHECK_UINT(a->status, b->status);
	CHECK_UINT(a->device_status, b->device_status);
	check_only(a, b->has_device_time, b->has_user, b->has_status,
		   b->has_device_status);
}

/*
 * check_length - 'len' octets decode, and every shorter value is refused with nothing written.
 * One octet more: decoded with MARK_TAIL, or refused if 'exact'. buf has room for it.
 */
__attribute__((unused)) static struct decoded
check_length(profile_decode_fn *decode, const uint8_t *buf, size_t len, bool exact)
{
	struct decoded d = { .marks = 0xDEAD }, longer = { .marks = 0xDEAD };

	for (size_t n = 0; n < len; n++) {
		CHECK_INT(decode(buf, n, &no_context, &d), -EMSGSIZE);
		CHECK_UINT(d.marks, 0xDEAD);
	}
	CHECK_INT(decode(buf, len + 1, &no_context, &longer), exact ? -EMSGSIZE : 0);
	if (exact)
		CHECK_UINT(longer.marks, 0xDEAD);
	else
		CHECK_UINT(longer.marks & MARK_TAIL, MARK_TAIL);
	CHECK_INT(decode(buf, len, &no_context, &d), 0);
	CHECK_UINT(d.marks & MARK_TAIL, 0);
	if (!exact) {
		longer.marks &= ~(uint32_t)MARK_TAIL;
		check_same(&longer, &d);
	}
	return d;
}
