/*
 * endpoints.c - see endpoints.h.
 */
#include "hub/endpoints.h"

#include <string.h>

/* FNV-1a, 64 bits. */
static uint64_t mix_bytes(uint64_t h, const void *p, size_t len)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < len; i++)
		h = (h ^ b[i]) * 0x100000001b3ull;
	return h;
}

/* Spreads every bit over all of them (the finalizer of SplitMix64). */
static uint64_t finish(uint64_t h)
{
	h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9ull;
	h = (h ^ h >> 27) * 0x94d049bb133111ebull;
	return h ^ h >> 31;
}

static uint64_t score(const uint8_t hub[static HUB_ID_LEN],
		      const struct config_endpoint *e)
{
	uint64_t seed = mix_bytes(0xcbf29ce484222325ull, hub, HUB_ID_LEN), best = 0;

	seed = mix_bytes(seed, e->name, strlen(e->name));
	seed = mix_bytes(seed, e->addr, sizeof(e->addr));
	seed = finish(mix_bytes(seed, &e->port, sizeof(e->port)));
	for (unsigned i = 0; i < (e->weight ? e->weight : 1u); i++) {
		uint64_t draw = finish(seed + (i + 1) * 0x9e3779b97f4a7c15ull);

		if (draw > best)
			best = draw;
	}
	return best;
}

/* Of two that are equal the first stays first. */
void endpoints_order(const uint8_t hub[static HUB_ID_LEN], struct config_endpoint *e,
		     size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct config_endpoint moved = e[i];
		uint64_t s = score(hub, &moved);
		size_t at = i;

		for (; at > 0 && score(hub, &e[at - 1]) < s; at--)
			e[at] = e[at - 1];
		e[at] = moved;
	}
}
