#pragma once

/*
 * timefloor.h - how late it is at least, over restarts, by what no single process can make up (docs/adr/0024-time-floor.md):
 * the date of this program, the time that hubd itself has run since, and dates that the clinic has signed. A clock of the
 * clinic alone comes through hub-coap, which may be anybody's: it holds back what a signed date says, and moves nothing ahead.
 *
 * hub-coap takes no server whose certificate ended before, hubd no command that was void by then. A floor that is late costs
 * little, one that is ahead of the world would end both for ever: it is never lowered. File 'time-floor', see
 * docs/MESSAGES.md.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/time.h"

/* No clock can truly show a time before this code was written, 2026-11-01: UTC in ms, as hub/rt/clock.c and coap/client.c have it. */
#define TIMEFLOOR_OLDEST_MS INT64_C(1793491200000)

enum {
	TIMEFLOOR_BYTES_MAX = 16,
	TIMEFLOOR_SAVE_MS =
		10 * 60 * 1000, /* so much later, and so seldom, it is written */
	/* of the hub's own time so much is not counted: a crystal that is fast, or one that NTP makes so by up to 500 ppm */
	TIMEFLOOR_DRIFT_DIVISOR = 1000,
	TIMEFLOOR_SLACK_MS =
		10 * 60 * 1000, /* clocks that are right differ by less (T6) */
};

/* Fields are private. */
struct timefloor {
	int64_t ms;	/* it was at least so late, */
	struct mono at; /* then */
	int64_t saved_ms;
	bool tried; /* tried_at is valid */
	struct mono tried_at;
};

/* timefloor_open - ms: as timefloor_decode gave it, 0: no file. Pure, as all of these. */
void timefloor_open(struct timefloor *f, int64_t ms, struct mono now);

/*
 * timefloor_on_signed - the clinic has signed something that is not older than this.
 *
 * signed_ms   UTC
 * said        what time it is at 'now' by the clinic's clock, as hub-coap says: a signed date that lies ahead of it is a
 *             mistake, and counts up to there
 */
void timefloor_on_signed(struct timefloor *f, int64_t signed_ms, const struct wall *said,
			 struct mono now);

/* timefloor_ms - it is at least so late, UTC in ms since 1970. */
int64_t timefloor_ms(const struct timefloor *f, struct mono now);

/* timefloor_refutes - said of 'now', it is wrong: that time is over. */
bool timefloor_refutes(const struct timefloor *f, const struct wall *said,
		       struct mono now);

/*
 * timefloor_due - is it time to write it? If so, the next time is TIMEFLOOR_SAVE_MS later.
 *
 * ret_ms   what to write; timefloor_on_saved follows if that went well
 */
bool timefloor_due(struct timefloor *f, struct mono now, int64_t *ret_ms);
void timefloor_on_saved(struct timefloor *f, int64_t ms);

/* timefloor_encode - the file's bytes. Returns the length. */
size_t timefloor_encode(int64_t ms, uint8_t ret[static TIMEFLOOR_BYTES_MAX]);

/* timefloor_decode - Returns 0 with *ret_ms, -EBADMSG, -ERANGE or -ENOTSUP (version 1 was hub-coap's word). */
int timefloor_decode(const uint8_t *buf, size_t len, int64_t *ret_ms);
