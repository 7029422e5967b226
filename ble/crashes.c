/*
 * crashes.c - which decoders are run; see crashes.h.
 */
#include "ble/crashes.h"

#include <string.h>

static const struct crashes_decoder *find(const struct crashes *c,
					  uint16_t characteristic)
{
	for (size_t i = 0; i < CRASHES_DECODERS; i++)
		if (c->decoders[i].characteristic == characteristic)
			return &c->decoders[i];
	return NULL;
}

/* Its row, a free one, or the one that has been quiet for longest. */
static struct crashes_decoder *row_of(struct crashes *c, uint16_t characteristic)
{
	struct crashes_decoder *quiet = &c->decoders[0];

	for (size_t i = 0; i < CRASHES_DECODERS; i++) {
		struct crashes_decoder *d = &c->decoders[i];

		if (d->characteristic == characteristic)
			return d;
		if (d->characteristic == 0 ||
		    (quiet->characteristic != 0 && d->last.ms < quiet->last.ms))
			quiet = d;
	}
	*quiet = (struct crashes_decoder){ .characteristic = characteristic };
	return quiet;
}

static uint32_t count_crash(struct crashes_decoder *d, struct mono now)
{
	uint64_t hours = mono_since(now, d->last) / CRASHES_FORGET_MS;

	d->count = d->count > CRASHES_MAX ? CRASHES_MAX : d->count;
	d->count -= hours < d->count ? (uint32_t)hours : d->count;
	d->count++;
	d->last = now;
	if (d->count > CRASHES_MAX)
		d->raw_until = mono_add(now, CRASHES_RAW_MS);
	return d->count;
}

struct crashes_found crashes_start(struct crashes *c, const char *version,
				   struct mono now)
{
	struct crashes_found found = { 0 };

	if (strncmp(c->version, version, sizeof(c->version) - 1) != 0) {
		memset(c, 0, sizeof(*c));
		memcpy(c->version, version, strnlen(version, sizeof(c->version) - 1));
	}
	if (c->running) {
		found.characteristic = c->running;
		found.device = c->device;
		found.count = count_crash(row_of(c, c->running), now);
		found.raw = crashes_is_raw(c, c->running, now);
	}
	c->running = 0;
	return found;
}

void crashes_begin(struct crashes *c, uint16_t characteristic, uint16_t device)
{
	volatile uint16_t *running = &c->running;

	c->device = device;
	*running = characteristic; /* seen by the next process: never to be left out */
}

void crashes_end(struct crashes *c)
{
	volatile uint16_t *running = &c->running;

	*running = 0;
}

bool crashes_is_raw(const struct crashes *c, uint16_t characteristic, struct mono now)
{
	const struct crashes_decoder *d = characteristic ? find(c, characteristic) : NULL;

	/* farther away than it is ever set: not ours */
	return d && d->raw_until.ms > now.ms &&
	       d->raw_until.ms - now.ms <= CRASHES_RAW_MS;
}
