/*
 * trigger_bucket.c - see trigger_bucket.h.
 */
#include "hub/trigger_bucket.h"

const struct trigger_row *trigger_bucket_row(const struct trigger_bucket *b)
{
	return trigger_row_of(b->id);
}

uint64_t trigger_since(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

bool trigger_bucket_is_over(const struct trigger_bucket *b)
{
	return b->over_ms > 0;
}

bool trigger_bucket_needs_release(const struct trigger_bucket *b)
{
	return trigger_bucket_row(b)->end == TRIGGER_END_RELEASE;
}

void trigger_bucket_empty(struct trigger_bucket *b)
{
	b->over_ms = b->empty_ms = 0;
	b->count = 0;
}

bool trigger_bucket_has_ended(const struct trigger_bucket *b, uint64_t now)
{
	const struct trigger_row *r = trigger_bucket_row(b);
	uint64_t left = trigger_since(b->empty_ms, now),
		 quiet = trigger_since(now, b->last_ms);

	switch (r->end) {
	case TRIGGER_END_RELEASE: break;
	case TRIGGER_END_QUIET:
		return left * 4 <= (uint64_t)r->capacity * r->leak_ms &&
		       quiet >= r->end_ms;
	case TRIGGER_END_AFTER: return trigger_since(now, b->over_ms) >= r->end_ms;
	case TRIGGER_END_GOOD: return quiet >= r->end_ms;
	}
	return false;
}

uint64_t trigger_bucket_ends_at(const struct trigger_bucket *b)
{
	const struct trigger_row *r = trigger_bucket_row(b);
	uint64_t full = (uint64_t)r->capacity * r->leak_ms, at, quiet;

	switch (r->end) {
	case TRIGGER_END_RELEASE: break;
	case TRIGGER_END_QUIET:
		at = b->empty_ms - full / 4;
		quiet = b->last_ms + r->end_ms;
		return at > quiet ? at : quiet;
	case TRIGGER_END_AFTER: return b->over_ms + r->end_ms;
	case TRIGGER_END_GOOD: return b->last_ms + r->end_ms;
	}
	return UINT64_MAX;
}

bool trigger_bucket_fill(struct trigger_bucket *b, uint32_t count, uint64_t now)
{
	const struct trigger_row *r = trigger_bucket_row(b);
	uint64_t full = (uint64_t)r->capacity * r->leak_ms;
	uint64_t left = trigger_since(b->empty_ms, now) + (uint64_t)count * r->leak_ms;

	b->count = count > UINT32_MAX - b->count ? UINT32_MAX : b->count + count;
	b->last_ms = now;
	if (trigger_bucket_is_over(b))
		return false;
	b->empty_ms = now + (left < full ? left : full);
	return left > full - r->leak_ms;
}
