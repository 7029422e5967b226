#pragma once

/*
 * timefloor.h - how late it is at least, over restarts: certificates that ended before are never taken again, on
 * a board without a clock too.
 *
 * It rises with what the clinic says the time is, and is never lowered. File 'time-floor', see docs/MESSAGES.md.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/time.h"

enum {
	TIMEFLOOR_BYTES_MAX = 16,
	TIMEFLOOR_SAVE_MS = 10 * 60 * 1000, /* at most this often it is written */
};

/* Fields are private; all zero: nothing known. */
struct timefloor {
	bool known; /* said and at are valid */
	struct wall said;
	struct mono at; /* when it was said */
	int64_t saved_ms;
	bool tried; /* tried_at is valid */
	struct mono tried_at;
};

/* timefloor_open - what the file said; ms as timefloor_decode gave it. Pure, as all of these. */
void timefloor_open(struct timefloor *f, int64_t ms);

/* The clinic's time: UTC at 'at'. Another source says nothing here. */
void timefloor_on_time(struct timefloor *f, const struct wall *utc, struct mono at);

/* timefloor_ms - it is at least so late, UTC in ms since 1970; 0: not known. */
int64_t timefloor_ms(const struct timefloor *f, struct mono now);

/*
 * timefloor_due - is it time to write it? If so, the next time is TIMEFLOOR_SAVE_MS later.
 *
 * ret_ms   what to write; timefloor_on_saved follows if that went well
 */
bool timefloor_due(struct timefloor *f, struct mono now, int64_t *ret_ms);
void timefloor_on_saved(struct timefloor *f, int64_t ms);

/* timefloor_encode - the file's bytes. Returns the length. */
size_t timefloor_encode(int64_t ms, uint8_t ret[static TIMEFLOOR_BYTES_MAX]);

/* timefloor_decode - Returns 0 with *ret_ms, -EBADMSG, -ERANGE or -ENOTSUP. */
int timefloor_decode(const uint8_t *buf, size_t len, int64_t *ret_ms);
