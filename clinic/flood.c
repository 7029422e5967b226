/*
 * flood.c - see flood.h. A bucket is kept as the time at which it is full again: each request moves it on by the time that
 * one token takes.
 */
#include "clinic/flood.h"

#include <string.h>

enum { TOKEN_MS = 1000 / FLOOD_PER_S };

bool flood_allows(struct flood *f, const uint8_t spki[static PIN_LEN], struct mono now)
{
	struct flood_place *p;
	uint64_t key, full_at;

	memcpy(&key, spki, sizeof(key));
	p = &f->places[key % FLOOD_PLACES];
	if (p->key != key)
		*p = (struct flood_place){ .key = key };
	full_at = p->full_at > now.ms ? p->full_at : now.ms;
	if (full_at - now.ms > (uint64_t)(FLOOD_BURST - 1) * TOKEN_MS)
		return false;
	p->full_at = full_at + TOKEN_MS;
	return true;
}
