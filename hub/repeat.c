/*
 * repeat.c - see repeat.h.
 */
#include "hub/repeat.h"

static struct repeat_device *find(struct repeat *r, uint64_t num)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->devices[i].num == num)
			return &r->devices[i];
	return NULL;
}

void repeat_on_status(struct repeat *r, const struct msg_status *s, struct mono now)
{
	struct mono at = { s->b < now.ms ? s->b : now.ms };
	struct repeat_device *d;

	if (s->what != STATUS_LIMITS || s->a == 0 || s->a > UINT16_MAX)
		return;
	d = find(r, s->a);
	if (s->b == 0) {
		if (d)
			d->waits = false;
		return;
	}
	if (mono_since(now, at) >= REPEAT_ASK_MS || (d && d->asked_at.ms == at.ms))
		return; /* long ago, or told again */
	if (d && mono_since(at, d->asked_at) < REPEAT_REST_MS) {
		d->waits = false;
		return;
	}
	if (!d && r->count == CONFIG_DEVICES_MAX)
		return;
	if (!d)
		d = &r->devices[r->count++];
	*d = (struct repeat_device){ (uint16_t)s->a, true, at };
}

static bool has_device(const struct config *c, uint16_t num)
{
	for (size_t i = 0; i < c->device_count; i++)
		if (c->devices[i].num == num)
			return true;
	return false;
}

void repeat_on_config(struct repeat *r, const struct config *c)
{
	size_t kept = 0;

	if (c->assignment != r->assignment || c->limit_count == 0)
		r->count = 0;
	r->assignment = c->assignment;
	for (size_t i = 0; i < r->count; i++)
		if (has_device(c, r->devices[i].num))
			r->devices[kept++] = r->devices[i];
	r->count = kept;
}

size_t repeat_waits(const struct repeat *r, struct mono now,
		    uint16_t ret[static CONFIG_DEVICES_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < r->count; i++)
		if (r->devices[i].waits &&
		    mono_since(now, r->devices[i].asked_at) < REPEAT_ASK_MS)
			ret[n++] = r->devices[i].num;
	return n;
}

struct mono repeat_deadline(const struct repeat *r, struct mono now)
{
	uint16_t ignored[CONFIG_DEVICES_MAX];

	return repeat_waits(r, now, ignored) ? mono_add(now, REPEAT_LOOK_MS) : MONO_NEVER;
}
