#pragma once

/*
 * rtt.h - how long the way to the clinic and back takes, how long the library shall wait for an answer
 * before it sends a request again, and how often it shall do that.
 *
 * Pure. The shell notes each request and each answer; only an exchange in which nothing was sent twice is
 * measured, since after a retransmission nobody knows which copy was answered (Karn).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/msg.h"
#include "hub/core/time.h"

enum {
	RTT_PENDING_MAX = 8,
	/* libcoap ignores a timeout below 1 s without a word. */
	RTT_TIMEOUT_MIN_MS = 1000,
	RTT_TIMEOUT_START_MS = 2000,
	RTT_TIMEOUT_MAX_MS = 3000,
	RTT_RETRANSMITS = 4,
	/* Nothing heard for so long: the way may be gone, know it sooner. */
	RTT_RETRANSMITS_IDLE = 2,
	RTT_IDLE_MS = 3600 * 1000,
};

/* Fields are private. */
struct rtt {
	bool measured;	      /* srtt_us is valid */
	uint32_t srtt_us;     /* smoothed, RFC 6298's weight of an eighth */
	struct mono heard_at; /* the last answer, or the session's begin */
	bool lost; /* something was sent again before there was a measurement */
	/* answered requests: one bit each, the newest lowest, set if it was not 'clean' */
	uint32_t history;
	uint8_t answered; /* how many of them are known, at most PATH_REQUESTS_MAX */
	struct {
		uint32_t token; /* 0: unused */
		bool clean;	/* nothing was sent again since */
		struct mono sent_at;
	} pending[RTT_PENDING_MAX];
};

/* rtt_init - a session begins and nothing is known: another endpoint is another way. Pure, as all of these. */
void rtt_init(struct rtt *r, struct mono now);

/* A request goes out under this token, which is not 0. One above RTT_PENDING_MAX is not measured. */
void rtt_on_sent(struct rtt *r, uint32_t token, struct mono now);
/* The library sent some request again; which one is not said. */
void rtt_on_retransmitted(struct rtt *r);
/* An answer with this token came. */
void rtt_on_answered(struct rtt *r, uint32_t token, struct mono now);
/*
 * rtt_timeout_ms - ACK_TIMEOUT for the next request: 1.5 x the smoothed round trip, within
 * RTT_TIMEOUT_MIN_MS..RTT_TIMEOUT_MAX_MS; RTT_TIMEOUT_START_MS before the first measurement,
 * or the longest once something was lost: were the way longer than the start value, each exchange
 * would be sent twice and none ever measured.
 */
uint32_t rtt_timeout_ms(const struct rtt *r);

/*
 * rtt_quality - how good the way is, for people; all 0 if nothing was answered. A request counts as sent again if anything was
 * while it was under way, and one that was never answered does not count: too good and too bad by turns.
 */
struct path_quality rtt_quality(const struct rtt *r);

/* rtt_retransmits - MAX_RETRANSMIT, of all requests in flight. */
uint16_t rtt_retransmits(const struct rtt *r, struct mono now);
