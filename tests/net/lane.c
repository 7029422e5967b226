/*
 * lane.c - see lane.h.
 */
#include "tests/net/lane.h"

#include <string.h>

const char *lane_verdict_text(enum lane_verdict v)
{
	switch (v) {
	case LANE_NONE:
	case LANE_VERDICTS: break;
	case LANE_PASSED: return "passed";
	case LANE_CUT: return "cut";
	case LANE_CHOSEN: return "chosen";
	case LANE_LOST: return "lost";
	case LANE_TOO_BIG: return "too-big";
	case LANE_FRAGMENT: return "fragment";
	case LANE_FULL: return "full";
	}
	return "none";
}

void lane_init(struct lane *l, uint64_t seed)
{
	memset(l, 0, sizeof(*l));
	l->random = seed | 1;
}

/* xorshift64*, scaled to 0..range-1. */
static uint32_t draw(struct lane *l, uint32_t range)
{
	l->random ^= l->random >> 12;
	l->random ^= l->random << 25;
	l->random ^= l->random >> 27;
	return (uint32_t)(((l->random * 2685821657736338717u) >> 32) * range >> 32);
}

static bool happens(struct lane *l, uint32_t of_a_million)
{
	return of_a_million && draw(l, LANE_ALL) < of_a_million;
}

/* How long so many bytes take on the link. */
static uint64_t link_us(const struct lane *l, uint64_t bytes)
{
	return l->config.rate_bit_s ? bytes * 8 * 1000000 / l->config.rate_bit_s : 0;
}

static bool has_room(const struct lane *l, size_t len, uint64_t now_us)
{
	uint64_t ahead_us = l->free_us > now_us ? l->free_us - now_us : 0;

	return !l->config.rate_bit_s ||
	       ahead_us + link_us(l, len) <= link_us(l, l->config.queue_bytes);
}

static bool put(struct lane *l, const struct packet *p, uint64_t due_us)
{
	size_t i = 0;

	if (l->under_way == LANE_SLOTS || p->len > PACKET_MAX)
		return false;
	while (l->slots[i].len)
		i++;
	l->slots[i] = (struct lane_slot){ due_us, l->order++, p->len };
	memcpy(l->bytes_of[i], p->bytes, p->len);
	l->under_way++;
	l->passed_bytes += p->len;
	return true;
}

/* When it leaves the lane; moves the link and the order on. */
static uint64_t due_us(struct lane *l, size_t len, uint64_t now_us)
{
	const struct lane_config *c = &l->config;
	uint64_t due;

	if (l->free_us < now_us)
		l->free_us = now_us;
	l->free_us += link_us(l, len);
	due = l->free_us + c->delay_us;
	if (c->jitter_us)
		due += draw(l, c->jitter_us + 1);
	if (happens(l, c->reorder)) {
		l->reordered++;
		return due + c->delay_us / 2 + 20000; /* others overtake it */
	}
	if (due < l->last_us)
		due = l->last_us;
	l->last_us = due;
	return due;
}

static enum lane_verdict judge(struct lane *l, const struct packet *p, uint64_t now_us)
{
	const struct lane_config *c = &l->config;
	uint64_t due;

	if (c->cut)
		return LANE_CUT;
	if (c->drop_at && l->packets == c->drop_at)
		return LANE_CHOSEN;
	if (happens(l, c->loss))
		return LANE_LOST;
	if (c->no_fragments && p->fragment)
		return LANE_FRAGMENT;
	if (c->mtu && p->len > c->mtu)
		return LANE_TOO_BIG;
	if (!has_room(l, p->len, now_us))
		return LANE_FULL;
	due = due_us(l, p->len, now_us);
	if (!put(l, p, due))
		return LANE_FULL;
	if (happens(l, c->dup) && put(l, p, due))
		l->doubled++;
	return LANE_PASSED;
}

enum lane_verdict lane_offer(struct lane *l, const struct packet *p, uint64_t now_us)
{
	enum lane_verdict v;

	l->packets++;
	l->bytes += p->len;
	v = judge(l, p, now_us);
	l->became[v]++;
	return v;
}

/* The slot that is due first, LANE_SLOTS if all are free. */
static size_t first(const struct lane *l)
{
	size_t best = LANE_SLOTS;

	for (size_t i = 0, seen = 0; seen < l->under_way; i++) {
		const struct lane_slot *s = &l->slots[i];
		const struct lane_slot *b = &l->slots[best % LANE_SLOTS];

		if (!s->len)
			continue;
		seen++;
		if (best == LANE_SLOTS || s->due_us < b->due_us ||
		    (s->due_us == b->due_us && s->order < b->order))
			best = i;
	}
	return best;
}

size_t lane_take(struct lane *l, uint64_t now_us, uint8_t ret[static PACKET_MAX])
{
	size_t i = first(l), len;

	if (i == LANE_SLOTS || l->slots[i].due_us > now_us)
		return 0;
	len = l->slots[i].len;
	memcpy(ret, l->bytes_of[i], len);
	l->slots[i].len = 0;
	l->under_way--;
	return len;
}

uint64_t lane_deadline_us(const struct lane *l)
{
	size_t i = first(l);

	return i == LANE_SLOTS ? UINT64_MAX : l->slots[i].due_us;
}
