#pragma once

/*
 * trigger_bucket.h - one bucket: how it fills, leaks, overflows, and when what it has caused ends. Pure.
 *
 * now is of powered-on time, ms since this hub's first start, as all times of a bucket are.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/trigger.h"

/* One bucket. Times are of powered-on time, ms since this hub's first start. */
struct trigger_bucket {
	enum trigger id;
	uint16_t peer; /* local number of a device, enum role, 0: none */
	uint8_t by; /* enum role that saw it, for TRIGGER_CLASS_POSSESSION and _MEASUREMENT, else 0 */
	uint32_t count;	     /* signals since it was last empty */
	uint64_t empty_ms;   /* when it will have leaked to nothing */
	uint64_t last_ms;    /* the last signal */
	uint64_t over_ms;    /* it overflowed then, and has its effect; 0: it has none */
	uint32_t lock_epoch; /* TRIGGER_END_RELEASE: void after a release of this one */
};

/* trigger_bucket_row - of the table. */
const struct trigger_row *trigger_bucket_row(const struct trigger_bucket *b);
/* trigger_bucket_is_over - it overflowed, and has its effect. */
bool trigger_bucket_is_over(const struct trigger_bucket *b);
/* trigger_bucket_needs_release - does nothing but a release end its effect? */
bool trigger_bucket_needs_release(const struct trigger_bucket *b);
/* trigger_bucket_fill - so many signals. Returns true if it overflows by this; .over_ms is the caller's. */
bool trigger_bucket_fill(struct trigger_bucket *b, uint32_t count, uint64_t now);
/* trigger_bucket_empty - as if nothing had been; whose it is, and when the last signal came, stays. */
void trigger_bucket_empty(struct trigger_bucket *b);
/* trigger_bucket_has_ended - of one that is over: has its effect ended by itself? */
bool trigger_bucket_has_ended(const struct trigger_bucket *b, uint64_t now);
/* trigger_bucket_ends_at - when trigger_bucket_has_ended says so if nothing happens until then; UINT64_MAX: never. */
uint64_t trigger_bucket_ends_at(const struct trigger_bucket *b);
/* trigger_since - ms from then to now; 0 if then is later. */
uint64_t trigger_since(uint64_t now, uint64_t then);
