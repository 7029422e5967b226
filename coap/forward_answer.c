/*
 * forward_answer.c - what the clinic's answer to one batch means, and does. Invariants 2 and 5 of forward.c are kept here.
 */
#include "coap/code.h"
#include "coap/forward_inside.h"

/* What an answer means, by its code. */
enum verdict {
	VERDICT_BAD_SERVER = 0, /* nothing we can do here: another endpoint, later */
	VERDICT_REPLY,		/* look into the body */
	VERDICT_REFUSED,	/* this batch will not be taken as it is */
	VERDICT_TOO_LARGE,	/* nor this one, but a smaller one may be */
	VERDICT_WAIT,		/* not now */
	VERDICT_FORBIDDEN,	/* not us */
};

static enum verdict judge(int code)
{
	switch (code) {
	case COAP_CODE_CHANGED: return VERDICT_REPLY;
	case COAP_CODE_BAD_REQUEST:
	case COAP_CODE_BAD_OPTION: return VERDICT_REFUSED;
	case COAP_CODE_INCOMPLETE:
	case COAP_CODE_TOO_LARGE: return VERDICT_TOO_LARGE;
	case COAP_CODE_TOO_MANY:
	case COAP_CODE_UNAVAILABLE: return VERDICT_WAIT;
	case COAP_CODE_UNAUTHORIZED:
	case COAP_CODE_FORBIDDEN: return VERDICT_FORBIDDEN;
	default: return VERDICT_BAD_SERVER;
	}
}

static void settle(struct forward_slot *s, const struct reply *r)
{
	s->state = FORWARD_SLOT_DONE;
	s->recut = s->good = false;
	s->reply = *r;
}

static void leave(struct forward *f, bool forbidden)
{
	f->leave = true;
	f->leave_forbidden = forbidden;
}

/* One more for each round trip without a loss, as TCP does past its slow start (RFC 5681, 3.1). */
static void count_clean(struct forward *f, const struct forward_slot *s)
{
	if (!s->clean || ++f->clean < f->window)
		return;
	f->clean = 0;
	if (f->window < FORWARD_SLOTS)
		f->window++;
}

/*
 * The clinic's clock was read somewhere within the round trip: half of it is the best
 * guess and the uncertainty. After a retransmission nobody knows which request was
 * answered, so that answer says nothing.
 */
static void take_time(struct forward *f, const struct forward_slot *s,
		      const struct reply *r, struct mono now)
{
	uint64_t half = mono_since(now, s->sent_at) / 2;

	if (s->batch.flags & BATCH_WANT_TIME)
		f->time_asked = false;
	if (!r->has_time || !s->clean || r->time_quality == CLOCK_QUALITY_NONE)
		return;
	f->time = (struct msg_time){
		.at = { now.ms - half },
		.utc = { .ms = r->utc_ms,
			 .uncertainty_ms = (uint32_t)half + 1,
			 .quality = CLOCK_QUALITY_CLINIC },
	};
	f->time_ready = true;
	f->time_wanted = false;
	f->has_time = true;
	f->time_at = now;
}

static void pause_for(struct forward *f, uint64_t ms, struct mono now)
{
	struct mono until = mono_add(now, ms);

	if (!f->paused || until.ms > f->pause_until.ms)
		f->pause_until = until;
	f->paused = true;
}

/* The answer was of no use: slow down, and leave if it goes on like this. */
void forward_note_trouble(struct forward *f, struct mono now)
{
	f->trouble++;
	pause_for(f, (uint64_t)FORWARD_TROUBLE_PAUSE_MS << (f->trouble - 1), now);
	if (f->trouble >= FORWARD_TROUBLE_MAX)
		f->leave = true;
}

static void on_reply(struct forward *f, struct forward_slot *s,
		     const struct forward_response *r, struct mono now)
{
	struct reply reply;

	if (reply_decode(r->body, r->len, &reply) || !reply.has_contig) {
		s->state = FORWARD_SLOT_READY;
		forward_note_trouble(f, now);
		return;
	}
	if (f->highest_known && reply_highest(&reply) > f->highest) {
		/* The clinic claims what this hub never made: it lies, or our store went back in time. hub-store
		 * forgets nothing for such a reply, but must hear of it to count on behind the clinic's numbers. */
		settle(s, &reply);
		f->incident = INCIDENT_ROLLBACK;
		leave(f, false);
		return;
	}
	f->trouble = 0;
	if (reply.window)
		f->server_window = reply.window;
	count_clean(f, s);
	if (s->batch.len > f->size / 2) /* what is wanted now gets through */
		f->large_lost = 0;
	if (reply.resync_from) { /* all at once would be much, and may be a lie */
		f->window = 1;
		f->clean = 0;
	}
	take_time(f, s, &reply, now);
	settle(s, &reply);
	s->good = true;
}

/*
 * The batch as a whole is not taken. A record that is refused alone is reported, so that hub-store
 * parks it; a larger batch goes back with nothing acknowledged, and hub-store cuts it anew.
 */
static void on_refused(struct forward *f, struct forward_slot *s, int code,
		       struct mono now)
{
	struct reply reply = { 0 };

	forward_note_trouble(f, now);
	if (s->batch.first == 0) {
		/* a heartbeat: there is nothing to refuse in it */
		s->state = FORWARD_SLOT_READY;
		return;
	}
	if (forward_is_whole(s) && code != COAP_CODE_INCOMPLETE) {
		reply.refused_count = 1;
		reply.refused[0].seq = s->batch.first;
		reply.refused[0].reason = code == COAP_CODE_TOO_LARGE ? REFUSED_TOO_LARGE
								      : REFUSED_MALFORMED;
		f->incident = INCIDENT_REFUSED;
	}
	settle(s, &reply);
}

/* Smaller ones, as long as that is possible; then as any that is refused. */
static void on_too_large(struct forward *f, struct forward_slot *s, int code,
			 struct mono now)
{
	bool cut_already = s->batch.len > f->size;

	if (forward_is_whole(s) || (f->size == BATCH_BYTES_LEAST && !cut_already)) {
		on_refused(f, s, code, now);
		return;
	}
	if (!cut_already)
		forward_size_halve(f, now);
	s->state = FORWARD_SLOT_READY; /* forward_size_adapt makes it anew */
}

static void on_wait(struct forward *f, struct forward_slot *s, uint32_t max_age_s,
		    uint32_t dice, struct mono now)
{
	uint64_t ms;

	if (max_age_s < FORWARD_WAIT_MIN_S)
		max_age_s = FORWARD_WAIT_MIN_S;
	if (max_age_s > FORWARD_WAIT_MAX_S)
		max_age_s = FORWARD_WAIT_MAX_S;
	ms = (uint64_t)max_age_s * 1000;
	ms += ((uint64_t)dice * (ms / 5)) >>
	      32; /* 20 % jitter: no herd when it is over */
	pause_for(f, ms, now);
	f->window = 1;
	f->clean = 0;
	s->state = FORWARD_SLOT_READY;
}

void forward_answer(struct forward *f, struct forward_slot *s,
		    const struct forward_response *r, uint32_t dice, struct mono now)
{
	switch (judge(r->code)) {
	case VERDICT_REPLY: on_reply(f, s, r, now); break;
	case VERDICT_REFUSED: on_refused(f, s, r->code, now); break;
	case VERDICT_TOO_LARGE: on_too_large(f, s, r->code, now); break;
	case VERDICT_WAIT: on_wait(f, s, r->max_age_s, dice, now); break;
	case VERDICT_FORBIDDEN:
		s->state = FORWARD_SLOT_READY;
		leave(f, true);
		break;
	case VERDICT_BAD_SERVER:
		s->state = FORWARD_SLOT_READY;
		leave(f, false);
		break;
	}
}
