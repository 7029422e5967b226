#pragma once

/*
 * blocks.h - the raw octets of readings that the hub has put together from several values. Pure.
 *
 *   device information   [uuid u16 LE][len u8][octets]...
 *   window of a stream   [ms since the sample before u16 LE][len u8][octets]...
 *
 * Both have one form: a number, and octets.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/core/cursor.h"
#include "hub/core/reading.h"

struct block {
	uint16_t number;
	uint8_t len;
	const uint8_t *octets; /* borrowed */
};

/* Is the raw value of this kind made of blocks? Not if the hub did not make it. */
bool blocks_are_in(const struct reading *rd);
/* Of a stream, not of device information. */
bool blocks_are_samples(const struct reading *rd);
void blocks_init(struct reader *r, const struct reading *rd);
/* False at the end, or if what is left is not a block. */
bool blocks_next(struct reader *r, struct block *ret);
