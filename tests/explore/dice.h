#pragma once

/*
 * dice.h - one stream of numbers that look random: the same for the same seed on every machine.
 */
#include <stdint.h>

struct dice {
	uint64_t state; /* never 0 */
};

/* dice_seed - a stream of its own for each pair of numbers. */
static inline struct dice dice_seed(uint64_t seed, uint64_t stream)
{
	uint64_t z = seed * UINT64_C(0x9e3779b97f4a7c15) + stream + 1;

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return (struct dice){ z ? z : 1 };
}

/* xorshift64*. */
static inline uint64_t dice_next(struct dice *d)
{
	d->state ^= d->state >> 12;
	d->state ^= d->state << 25;
	d->state ^= d->state >> 27;
	return d->state * UINT64_C(2685821657736338717);
}

/* 0 .. n-1; n at least 1. The upper bits are the good ones. */
static inline uint64_t dice_below(struct dice *d, uint64_t n)
{
	return (dice_next(d) >> 16) % n;
}
