/*
 * rtt.c - see rtt.h.
 */
#include "coap/rtt.h"

enum { ROUND_TRIP_MAX_MS = 60 * 1000 };

void rtt_init(struct rtt *r, struct mono now)
{
	*r = (struct rtt){ .heard_at = now };
}

void rtt_on_sent(struct rtt *r, uint32_t token, struct mono now)
{
	for (size_t i = 0; i < RTT_PENDING_MAX; i++) {
		if (r->pending[i].token)
			continue;
		r->pending[i].token = token;
		r->pending[i].clean = true;
		r->pending[i].sent_at = now;
		return;
	}
}

void rtt_on_retransmitted(struct rtt *r)
{
	for (size_t i = 0; i < RTT_PENDING_MAX; i++)
		r->pending[i].clean = false;
	r->lost = true;
}

static void take_sample(struct rtt *r, uint64_t ms)
{
	uint32_t us;

	if (ms > ROUND_TRIP_MAX_MS)
		ms = ROUND_TRIP_MAX_MS;
	us = (uint32_t)ms * 1000;
	r->srtt_us = r->measured ? r->srtt_us - r->srtt_us / 8 + us / 8 : us;
	r->measured = true;
}

static void note(struct rtt *r, bool clean)
{
	r->history = r->history << 1 | !clean;
	if (r->answered < PATH_REQUESTS_MAX)
		r->answered++;
}

void rtt_on_answered(struct rtt *r, uint32_t token, struct mono now)
{
	r->heard_at = now;
	for (size_t i = 0; i < RTT_PENDING_MAX; i++) {
		if (token == 0 || r->pending[i].token != token)
			continue;
		note(r, r->pending[i].clean);
		if (r->pending[i].clean)
			take_sample(r, mono_since(now, r->pending[i].sent_at));
		r->pending[i].token = 0;
	}
}

uint32_t rtt_timeout_ms(const struct rtt *r)
{
	uint32_t ms = (r->srtt_us + r->srtt_us / 2) / 1000;

	if (!r->measured)
		return r->lost ? RTT_TIMEOUT_MAX_MS : RTT_TIMEOUT_START_MS;
	if (ms < RTT_TIMEOUT_MIN_MS)
		return RTT_TIMEOUT_MIN_MS;
	return ms > RTT_TIMEOUT_MAX_MS ? RTT_TIMEOUT_MAX_MS : ms;
}

struct path_quality rtt_quality(const struct rtt *r)
{
	struct path_quality q = { .requests = r->answered };

	for (unsigned i = 0; i < r->answered; i++)
		q.again = (uint8_t)(q.again + (r->history >> i & 1));
	if (r->measured)
		q.trip_ms = (uint16_t)(r->srtt_us / 1000);
	return q;
}

uint16_t rtt_retransmits(const struct rtt *r, struct mono now)
{
	return mono_since(now, r->heard_at) >= RTT_IDLE_MS ? RTT_RETRANSMITS_IDLE
							   : RTT_RETRANSMITS;
}
