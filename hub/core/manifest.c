/*
 * manifest.c - the bytes of a day's account; see manifest.h.
 */
#include "hub/core/manifest.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cbor.h"

enum {
	FIELDS = 10,
	DAYS_FIELDS = 2,
	MADE_FIELDS = 4,
	CAUSES = MANIFEST_CAUSES - 1,
};

static bool days_good(const struct manifest *m)
{
	if (!m->has_days)
		return true;
	/* a clock that nobody vouches for names no day */
	return m->made.wall.quality >= CLOCK_QUALITY_NTP && m->from_day >= 1 &&
	       m->from_day <= MANIFEST_DAY_MAX && m->to_day <= MANIFEST_DAY_MAX &&
	       m->to_day + 1 >= m->from_day;
}

static bool given_up_good(const struct manifest *m)
{
	uint64_t left = m->last + 1 - m->first;

	if (!m->has_given_up)
		return true;
	for (size_t i = 1; i < MANIFEST_CAUSES; i++) {
		if (m->given_up.count[i] > left)
			return false;
		left -= m->given_up.count[i];
	}
	return m->given_up.count[TOMBSTONE_NONE] == 0;
}

static bool is_good(const struct manifest *m)
{
	return m->epoch >= 1 && m->counter >= 1 && m->first >= 1 &&
	       m->first <= INT64_MAX && m->last < INT64_MAX && m->last + 1 >= m->first &&
	       m->acked <= m->last && m->made.wall.quality <= CLOCK_QUALITY_CLINIC &&
	       days_good(m) && given_up_good(m);
}

static void put_days(struct writer *w, const struct manifest *m)
{
	if (!m->has_days) {
		cb_put_null(w);
		return;
	}
	cb_put_array(w, DAYS_FIELDS);
	cb_put_uint(w, m->from_day);
	cb_put_uint(w, m->to_day);
}

static void put_made(struct writer *w, const struct capture_time *t)
{
	cb_put_array(w, MADE_FIELDS);
	cb_put_bytes(w, t->boot, sizeof(t->boot));
	cb_put_uint(w, t->mono.ms);
	cb_put_int(w, t->wall.ms);
	cb_put_uint(w, t->wall.quality);
}

static void put_given_up(struct writer *w, const struct manifest *m)
{
	if (!m->has_given_up) {
		cb_put_null(w);
		return;
	}
	cb_put_array(w, CAUSES);
	for (size_t i = 1; i < MANIFEST_CAUSES; i++)
		cb_put_uint(w, m->given_up.count[i]);
}

int manifest_encode(const struct manifest *m, uint8_t *buf, size_t cap)
{
	struct writer w;

	if (!is_good(m))
		return -ERANGE;
	writer_init(&w, buf, cap);
	cb_put_array(&w, FIELDS);
	cb_put_uint(&w, MANIFEST_VERSION);
	cb_put_bytes(&w, m->hub, sizeof(m->hub));
	cb_put_uint(&w, m->epoch);
	cb_put_uint(&w, m->counter);
	cb_put_uint(&w, m->first);
	cb_put_uint(&w, m->last);
	cb_put_uint(&w, m->acked);
	put_days(&w, m);
	put_made(&w, &m->made);
	put_given_up(&w, m);
	return writer_len(&w);
}

static void get_days(struct cb *c, struct manifest *m)
{
	m->has_days = !cb_take_null(c);
	if (!m->has_days)
		return;
	if (cb_get_array(c, DAYS_FIELDS) != DAYS_FIELDS)
		cb_fail(c, -EBADMSG);
	m->from_day = (uint32_t)cb_get_uint_max(c, MANIFEST_DAY_MAX);
	m->to_day = (uint32_t)cb_get_uint_max(c, MANIFEST_DAY_MAX);
}

static void get_made(struct cb *c, struct capture_time *t)
{
	if (cb_get_array(c, MADE_FIELDS) != MADE_FIELDS)
		cb_fail(c, -EBADMSG);
	cb_get_fixed(c, t->boot, sizeof(t->boot));
	t->mono.ms = cb_get_uint(c);
	t->wall.ms = cb_get_int(c);
	t->wall.quality = (enum clock_quality)cb_get_uint_max(c, CLOCK_QUALITY_CLINIC);
	t->wall.uncertainty_ms = UINT32_MAX;
}

static void get_given_up(struct cb *c, struct manifest *m)
{
	m->has_given_up = !cb_take_null(c);
	if (!m->has_given_up)
		return;
	if (cb_get_array(c, CAUSES) != CAUSES)
		cb_fail(c, -EBADMSG);
	for (size_t i = 1; i < MANIFEST_CAUSES; i++)
		m->given_up.count[i] = cb_get_uint(c);
}

int manifest_decode(const uint8_t *buf, size_t len, struct manifest *ret)
{
	uint8_t again[MANIFEST_PAYLOAD_MAX];
	struct manifest m = { 0 };
	struct cb c;
	int n;

	if (len > MANIFEST_PAYLOAD_MAX)
		return -EMSGSIZE;
	cb_init(&c, buf, len);
	if (cb_get_array(&c, FIELDS) != FIELDS)
		cb_fail(&c, -EBADMSG);
	if (cb_get_uint(&c) != MANIFEST_VERSION)
		cb_fail(&c, -ENOTSUP);
	cb_get_fixed(&c, m.hub, sizeof(m.hub));
	m.epoch = (uint32_t)cb_get_uint_max(&c, UINT32_MAX);
	m.counter = cb_get_uint(&c);
	m.first = cb_get_uint(&c);
	m.last = cb_get_uint(&c);
	m.acked = cb_get_uint(&c);
	get_days(&c, &m);
	get_made(&c, &m.made);
	get_given_up(&c, &m);
	if (cb_finish(&c))
		return cb_finish(&c);
	n = manifest_encode(&m, again, sizeof(again));
	if (n < 0)
		return n;
	if ((size_t)n != len || memcmp(again, buf, len) != 0)
		return -EBADMSG;
	*ret = m;
	return 0;
}
