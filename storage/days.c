/*
 * days.c - see days.h.
 */
#include "storage/days.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cursor.h"

enum {
	LAST_VERSION = 1,
	DAY_MS = 24 * 3600 * 1000,
};

struct wall days_wall(const struct msg_time *told, struct mono now, struct wall own)
{
	struct wall w;

	if (!told || told->utc.quality < own.quality)
		return own;
	w = told->utc;
	w.ms += (int64_t)mono_since(now, told->at);
	return w;
}

/* Today as days since 1970, if the clock may name a day. */
static bool today(const struct wall *w, uint32_t *ret)
{
	int64_t day = w->ms / DAY_MS;

	if (w->quality < CLOCK_QUALITY_NTP || day < 1 || day > MANIFEST_DAY_MAX)
		return false;
	*ret = (uint32_t)day;
	return true;
}

/* A queue that is not as far as its last manifest has lost it: the account begins anew. */
static struct days_last trusted(const struct days_last *last, uint64_t highest)
{
	static const struct days_last none;

	return last->seq > highest ? none : *last;
}

/* How long this boot has been without a manifest. */
static uint64_t waited(const struct days_last *l, const struct days_now *now)
{
	struct mono since = { 0 };

	if (l->counter && memcmp(l->boot, now->boot, BOOT_ID_LEN) == 0)
		since = l->mono;
	return mono_since(now->mono, since);
}

/* Is a day to be told? Else *ret_limit: after how long a manifest without one is due. */
static bool day_due(const struct days_last *l, const struct days_now *now,
		    uint64_t *ret_limit)
{
	uint32_t day;
	bool known = today(&now->wall, &day);

	*ret_limit = DAYS_UPTIME_MS;
	if (known && !l->has_through)
		return true;
	if (known && day > l->through + 1)
		return true;
	if (known && day == l->through + 1)
		*ret_limit = DAYS_LATE_MS;
	return false;
}

bool days_due(const struct days_last *last, const struct days_now *now)
{
	struct days_last l = trusted(last, now->highest);
	uint64_t limit;

	return day_due(&l, now, &limit) || waited(&l, now) >= limit;
}

struct mono days_next(const struct days_last *last, const struct days_now *now)
{
	struct days_last l = trusted(last, now->highest);
	uint64_t limit, left, been = waited(&l, now);
	uint32_t day;

	if (day_due(&l, now, &limit) || been >= limit)
		return now->mono;
	left = limit - been;
	/* the day after 'through' is the one that must be over */
	if (today(&now->wall, &day) && day <= l.through + 1) {
		uint64_t over =
			(uint64_t)(((int64_t)l.through + 2) * DAY_MS - now->wall.ms);

		left = over < left ? over : left;
	}
	return mono_add(now->mono, left);
}

uint64_t days_first(const struct days_last *last, uint64_t highest)
{
	return trusted(last, highest).seq + 1;
}

static void fill_days(const struct days_last *l, const struct days_now *now,
		      struct manifest *m)
{
	uint64_t limit;
	uint32_t day;

	if (!day_due(l, now, &limit) || !today(&now->wall, &day))
		return;
	m->has_days = true;
	m->from_day = l->has_through ? l->through + 1 : day;
	m->to_day = day - 1;
}

struct manifest days_manifest(const struct days_last *last, const struct days_now *now,
			      const uint8_t hub[static HUB_ID_LEN], uint32_t epoch,
			      const struct manifest_given_up *given_up)
{
	struct days_last l = trusted(last, now->highest);
	struct manifest m = { .epoch = epoch,
			      .counter = l.counter + 1,
			      .first = l.seq + 1,
			      .last = now->highest,
			      .acked = now->acked < now->highest ? now->acked
								 : now->highest,
			      .made = { .mono = now->mono, .wall = now->wall },
			      .has_given_up = given_up != NULL };

	memcpy(m.hub, hub, HUB_ID_LEN);
	memcpy(m.made.boot, now->boot, BOOT_ID_LEN);
	if (given_up)
		m.given_up = *given_up;
	fill_days(&l, now, &m);
	return m;
}

struct days_last days_after(const struct days_last *last, const struct manifest *m)
{
	struct days_last l = { .counter = m->counter,
			       .seq = m->last + 1,
			       .has_through = m->has_days,
			       .through = m->has_days ? m->to_day : 0,
			       .mono = m->made.mono };

	/* what was told once stays told, unless the account began anew */
	if (!m->has_days && m->counter > 1) {
		l.has_through = last->has_through;
		l.through = last->through;
	}
	memcpy(l.boot, m->made.boot, BOOT_ID_LEN);
	return l;
}

void days_last_encode(const struct days_last *l, uint8_t buf[static DAYS_LAST_LEN])
{
	struct writer w;

	writer_init(&w, buf, DAYS_LAST_LEN);
	write_u8(&w, LAST_VERSION);
	write_be64(&w, l->counter);
	write_be64(&w, l->seq);
	write_u8(&w, l->has_through);
	write_be32(&w, l->through);
	write_bytes(&w, l->boot, BOOT_ID_LEN);
	write_be64(&w, l->mono.ms);
}

int days_last_decode(const uint8_t *buf, size_t len, struct days_last *ret)
{
	struct days_last l = { 0 };
	struct reader r;
	uint8_t version, has_through;

	reader_init(&r, buf, len);
	version = read_u8(&r);
	l.counter = read_be64(&r);
	l.seq = read_be64(&r);
	has_through = read_u8(&r);
	l.through = read_be32(&r);
	read_bytes(&r, l.boot, BOOT_ID_LEN);
	l.mono.ms = read_be64(&r);
	if (!reader_done(&r))
		return -EMSGSIZE;
	if (version != LAST_VERSION)
		return -ENOTSUP;
	if (has_through > 1 || l.through > MANIFEST_DAY_MAX ||
	    (!has_through && l.through != 0) || l.seq > INT64_MAX ||
	    (l.counter == 0) != (l.seq == 0))
		return -ERANGE;
	l.has_through = has_through;
	*ret = l;
	return 0;
}
