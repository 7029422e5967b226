#pragma once

/*
 * forward.h - carries batches from hub-store to the clinic and its answers back, over one
 * session at a time.
 *
 * Pure: no clock, no random source, no library. It holds up to FORWARD_SLOTS signed
 * batches, byte for byte as hub-store made them, and decides what is sent when, what an
 * answer means, and what to ask of hub-store. The shell tells it what happened and drains
 * forward_next() after each event. Slot diagram: forward.c.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/msg.h"
#include "hub/core/time.h"

enum {
	FORWARD_SLOTS = 8,
	FORWARD_WINDOW_START = 2,
	/* Two bytes on the wire from the first request on. */
	FORWARD_TOKEN_FIRST = 256,
	/* Retransmissions this close to each other are one loss. */
	FORWARD_HALVE_MS = 2000,
	/* Without an answer for so long a request is sent
	 * again; the library has given up before. */
	FORWARD_REPLY_MS = 120 * 1000,
	/* So many useless answers in a row and the server is given up. */
	FORWARD_TROUBLE_MAX = 3,
	/* The pause after the first of them; it doubles. */
	FORWARD_TROUBLE_PAUSE_MS = 1000,
	/* Bounds of a server's Max-Age. */
	FORWARD_WAIT_MIN_S = 1,
	FORWARD_WAIT_MAX_S = 3600,
	/* The clinic's time is asked for again after so long. */
	FORWARD_TIME_REFRESH_MS = 6 * 3600 * 1000,
	/* So many losses of large batches without one that passed, and batches are halved. */
	FORWARD_LARGE_LOST_MAX = 2,
	/* After so long larger ones are tried again. */
	FORWARD_SMALL_MS = 24 * 3600 * 1000,
	/* After so long without a request the path is taken for a new one. */
	FORWARD_IDLE_MS = 3600 * 1000,
};

enum forward_slot_state {
	FORWARD_SLOT_FREE = 0,
	FORWARD_SLOT_READY,
	FORWARD_SLOT_SENT,
	FORWARD_SLOT_DONE, /* answered, hub-store does not know yet */
};

/* Fields are private. */
struct forward_slot {
	enum forward_slot_state state;
	bool clean;	/* SENT: no retransmission since it went out */
	uint32_t token; /* SENT: names the request on this session */
	uint64_t order; /* of arrival */
	struct mono sent_at;
	bool good;  /* DONE: the clinic acknowledges, and nothing that cannot be */
	bool recut; /* DONE: to be made anew, smaller; .reply is empty */
	struct reply reply; /* DONE */
	struct msg_batch batch;
};

enum forward_do {
	FORWARD_NOTHING = 0,
	FORWARD_SEND,	  /* .batch as POST under .token */
	FORWARD_WANT,	  /* .want to hub-store */
	FORWARD_ACK,	  /* .ack to hub-store */
	FORWARD_TIME,	  /* .time to hubd */
	FORWARD_INCIDENT, /* .incident to hubd */
	FORWARD_LEAVE, /* give this session up; .forbidden: the clinic's row refuses us */
};

struct forward_action {
	enum forward_do what;
	uint32_t token;
	const struct msg_batch *batch; /* borrowed until the next call */
	bool forbidden;
	bool good; /* ACK: the clinic acknowledges, and nothing that cannot be */
	enum incident incident;
	union {
		struct msg_want want;
		struct msg_ack ack;
		struct msg_time time;
	};
};

/* One answer as it came from the library. */
struct forward_response {
	uint32_t token;
	int code;	    /* class * 32 + detail */
	uint32_t max_age_s; /* COAP_MAX_AGE_DEFAULT_S if it was left out */
	const uint8_t *body;
	size_t len;
};

/* Fields are private. */
struct forward {
	struct forward_slot slots[FORWARD_SLOTS];
	bool store_up, session_up;
	unsigned granted; /* credits that hub-store holds */
	uint64_t order;	  /* of the last batch that arrived */
	uint64_t highest; /* highest seq known to exist; valid if highest_known */
	bool highest_known;
	bool alarm_waits;	/* at hub-store, with no credit for it */
	uint32_t token;		/* of the last request */
	unsigned window;	/* ours */
	unsigned server_window; /* 0: none given */
	unsigned clean;		/* exchanges towards the next step of the window */
	bool probing; /* after an idle hour: one request until there is an answer */
	bool halved;  /* halved_at is valid */
	struct mono halved_at;
	bool paused; /* nothing is sent before pause_until */
	struct mono pause_until;
	unsigned trouble; /* useless answers in a row */
	uint16_t size;	  /* that a batch may have, BATCH_BYTES_LEAST..BATCH_BYTES_FULL */
	bool size_told;	  /* hub-store knows it */
	unsigned large_lost;	 /* since a large one passed */
	struct mono small_until; /* of a size below the full one */
	uint64_t heartbeat_ms;
	bool sent;	      /* sent_at is valid */
	struct mono sent_at;  /* when a request last went out */
	bool heartbeat_asked; /* hub-store owes us one */
	bool report;	      /* a heartbeat is due at report_at, if not before */
	struct mono report_at;
	bool time_wanted, has_time;
	bool time_asked;  /* hub-store knows that it is wanted */
	bool time_forced; /* it was asked for once already since it is wanted */
	struct mono time_at;
	/* Wait to be given out by forward_next. */
	bool leave, leave_forbidden;
	enum incident incident;
	bool time_ready;
	struct msg_time time;
};

/* forward_init - nothing held, no session. Pure, as all of these. */
void forward_init(struct forward *f);

/* heartbeat_s: something goes up at least this often. */
void forward_on_config(struct forward *f, uint16_t heartbeat_s);

/* forward_report_at - the clinic should hear from us at this time, whether or not a heartbeat is due. */
void forward_report_at(struct forward *f, struct mono at);

/*
 * forward_on_store_up, _down - the link to hub-store. Down forgets every batch: hub-store
 * still has the records and, with a new link, hands them over anew.
 */
void forward_on_store_up(struct forward *f);
void forward_on_store_down(struct forward *f);

/*
 * forward_on_batch - hub-store hands a batch over; copied.
 *
 * Returns 0, or -ENOSPC: hub-store was not given the credit for it; the batch was not taken.
 */
int forward_on_batch(struct forward *f, const struct msg_batch *batch);
void forward_on_queue_state(struct forward *f, const struct msg_queue_state *q);

/* A new session starts with a small window and wants the time. */
void forward_on_session_up(struct forward *f);
/* Whatever was unanswered is sent again on the next one, same bytes; unless it seems too large for the path. */
void forward_on_session_down(struct forward *f);

/*
 * forward_on_response - an authenticated answer of this session.
 *
 * dice   a fresh random number, for the jitter of a wait
 *
 * Returns false if it matches no outstanding request: it then has no effect at all.
 */
bool forward_on_response(struct forward *f, const struct forward_response *r,
			 uint32_t dice, struct mono now);

/* The library resent some request of this session. */
void forward_on_retransmitted(struct forward *f, struct mono now);
/* The library gave this request up, or the server reset it; it is sent again. */
void forward_on_undelivered(struct forward *f, uint32_t token, struct mono now);

/* forward_next - what to do now, written to *ret; call until it says false. */
bool forward_next(struct forward *f, struct mono now, struct forward_action *ret);

/* forward_has_work - is there anything that needs a session, now? */
bool forward_has_work(const struct forward *f, struct mono now);
/* forward_has_alarm - is an urgent batch waiting or unanswered, here or at hub-store? */
bool forward_has_alarm(const struct forward *f);
/* forward_is_owed - is a request of this session unanswered? */
bool forward_is_owed(const struct forward *f);

/* When forward_next or forward_has_work will say something new even if nothing happens. */
struct mono forward_deadline(const struct forward *f, struct mono now);
