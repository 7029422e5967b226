/*
 * elapsed.c - Elapsed Time and its clock; see elapsed.h.
 *
 * Elapsed Time: flags u8, value u48, source u8, offset s8. 0x2BF2 read: the same, clock
 * status u8 (b0 needs to be set), capabilities u8 (b0 DST, b1 zone by itself).
 * Little-endian.
 */
#include "ble/elapsed.h"

#include <errno.h>

enum {
	STATUS_NEEDS_SET = 1 << 0,
	CAPABILITY_DST = 1 << 0,
	CAPABILITY_ZONE = 1 << 1,
	RESOLUTION_SHIFT = 2,
	RESOLUTIONS = 4,
	TICKS_PER_MS = 10,
	VALUE_BITS = 48,
	QUARTERS_MIN = -48,
	QUARTERS_MAX = 56,
};

/* All ones is refused as out of range by servers. */
#define VALUE_END ((INT64_C(1) << VALUE_BITS) - 1)

/* 100 us in one unit */
static const uint16_t unit_ticks[RESOLUTIONS] = { 10000, 1000, 10, 1 };

static unsigned unit_of(const struct elapsed *e)
{
	return unit_ticks[(e->flags & ELAPSED_RESOLUTION) >> RESOLUTION_SHIFT];
}

void elapsed_read(struct reader *r, struct elapsed *ret)
{
	ret->flags = read_u8(r);
	ret->value = read_le32(r);
	ret->value |= (uint64_t)read_le16(r) << 32;
	ret->source = read_u8(r);
	ret->quarters = (int8_t)read_u8(r);
}

uint64_t elapsed_to_ticks(const struct elapsed *e)
{
	return e->value * unit_of(e);
}

int64_t elapsed_ticks_to_ms(uint64_t ticks)
{
	return ELAPSED_EPOCH_MS + (int64_t)(ticks / TICKS_PER_MS);
}

int64_t elapsed_to_ms(const struct elapsed *e)
{
	return elapsed_ticks_to_ms(elapsed_to_ticks(e));
}

uint32_t elapsed_resolution_ms(const struct elapsed *e)
{
	unsigned unit = unit_of(e);

	return unit < TICKS_PER_MS ? 1 : unit / TICKS_PER_MS;
}

bool elapsed_has_offset(const struct elapsed *e)
{
	return (e->flags & ELAPSED_HAS_OFFSET) && e->quarters >= QUARTERS_MIN &&
	       e->quarters <= QUARTERS_MAX;
}

static void set_stamp(struct decoded *d, const struct elapsed *e)
{
	int64_t ms = elapsed_to_ms(e), back;
	struct date_time t = date_time_from_ms(ms);

	/* from_ms clamps, so that a day later than it knows comes back earlier */
	if (date_time_to_ms(&t, &back) != 0 || ms - back >= 1000) {
		d->marks |= MARK_IMPLAUSIBLE;
		return;
	}
	d->has_device_time = true;
	d->device_time = t;
	d->time_is_utc = e->flags & ELAPSED_UTC;
	if (d->time_is_utc && elapsed_has_offset(e)) {
		d->has_time_offset = true;
		d->time_offset_min = e->quarters * ELAPSED_OFFSET_MIN;
	}
}

void elapsed_take(struct reader *r, struct decoded *d)
{
	struct elapsed e;

	elapsed_read(r, &e);
	if (!reader_ok(r))
		return;
	if (e.flags & ELAPSED_TICKS) {
		d->has_ticks = true;
		d->ticks = elapsed_to_ticks(&e);
	} else {
		set_stamp(d, &e);
	}
	if (!(e.flags & ELAPSED_CURRENT_TIMELINE))
		d->marks |= MARK_CLOCK_UNSET;
}

int elapsed_decode_current(const uint8_t *buf, size_t len, struct elapsed_current *ret)
{
	struct elapsed_current d = { 0 };
	struct reader r;
	uint8_t status, capabilities;

	reader_init(&r, buf, len);
	elapsed_read(&r, &d.time);
	if (!reader_ok(&r))
		return -EMSGSIZE;
	status = read_u8(&r);
	capabilities = read_u8(&r);
	d.needs_set = status & STATUS_NEEDS_SET;
	d.does_dst = capabilities & CAPABILITY_DST;
	d.does_zone = capabilities & CAPABILITY_ZONE;
	*ret = d;
	return 0;
}

/* In the device's form: an offset that it does not use stays as it was. */
static int8_t offset_to_write(const struct elapsed *as, int16_t utc_offset_min)
{
	int quarters = utc_offset_min / ELAPSED_OFFSET_MIN;

	if (!(as->flags & ELAPSED_HAS_OFFSET))
		return as->quarters;
	if (utc_offset_min % ELAPSED_OFFSET_MIN || quarters < QUARTERS_MIN ||
	    quarters > QUARTERS_MAX)
		return ELAPSED_OFFSET_UNKNOWN;
	return (int8_t)quarters;
}

int elapsed_encode_set(const struct elapsed *as, int64_t ms, int16_t utc_offset_min,
		       uint8_t buf[static ELAPSED_LEN])
{
	int64_t value;
	unsigned unit = unit_of(as);
	struct writer w;

	if (as->flags & ELAPSED_TICKS)
		return -ENOTSUP;
	if (ms < ELAPSED_EPOCH_MS || ms >= VALUE_END)
		return -ERANGE;
	value = (ms - ELAPSED_EPOCH_MS) * TICKS_PER_MS / unit;
	if (value >= VALUE_END)
		return -ERANGE;
	writer_init(&w, buf, ELAPSED_LEN);
	write_u8(&w,
		 (uint8_t)((as->flags & ~ELAPSED_RESERVED) | ELAPSED_CURRENT_TIMELINE));
	write_le16(&w, (uint16_t)value);
	write_le16(&w, (uint16_t)(value >> 16));
	write_le16(&w, (uint16_t)(value >> 32));
	write_u8(&w, ELAPSED_SOURCE_NTP);
	write_u8(&w, (uint8_t)offset_to_write(as, utc_offset_min));
	return writer_len(&w);
}
