#pragma once

/*
 * fetch.h - when to get the clinic's signed config, piece by piece, and when to leave it alone.
 *
 * Pure: no clock, no random source, no library. The shell tells it what happened and drains fetch_next() after each
 * event. It never looks into what it carries: hubd does, and its verdict decides. State diagram and bounds: fetch.c.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coap/block.h"
#include "hub/core/config.h"
#include "hub/core/msg.h"
#include "hub/core/time.h"

/* Tokens from here on are ours; forward.h counts up from a small number. */
#define FETCH_TOKEN_FIRST 0x80000000u

enum {
	FETCH_ETAG_MAX = 8,
	/* Blocks of 1,024 octets; where these get lost of 512, then 256. A server that gives smaller ones is left. */
	FETCH_SZX_FIRST = 6,
	FETCH_SZX_LEAST = 4,
	/* Without an answer for so long it is asked again; the library has given up before. */
	FETCH_REPLY_MS = 120 * 1000,
	/* hubd writes to a disk. */
	FETCH_VERDICT_MS = 60 * 1000,
	/* The wait after a failure: the first, doubled each time up to the second, and up to a fifth more. */
	FETCH_BACKOFF_MIN_MS = 2000,
	FETCH_BACKOFF_MAX_MS = 3600 * 1000,
	/* Two configs are never begun closer to each other, whatever the clinic says. */
	FETCH_GAP_MS = 5000,
	/* hubd may have more to say. */
	FETCH_SETTLE_MS = 1000,
	/* Bounds of a server's Max-Age. */
	FETCH_WAIT_MAX_S = 3600,
};

enum fetch_state {
	FETCH_IDLE = 0, /* nothing is out; a part may be held */
	FETCH_ASKED,
	FETCH_PASSING, /* all is here, not all of it was given to hubd */
	FETCH_JUDGED,  /* hubd has all of it */
};

/* One answer as it came from the library. */
struct fetch_part {
	uint32_t token;
	int code;	    /* class * 32 + detail */
	uint32_t max_age_s; /* COAP_MAX_AGE_DEFAULT_S if it was left out */
	int format;	    /* Content-Format, -1: none */
	uint8_t etag[FETCH_ETAG_MAX];
	size_t etag_len; /* 0: none, or one that is none */
	bool has_block;
	struct block block;
	const uint8_t *body; /* borrowed */
	size_t len;
};

enum fetch_do {
	FETCH_NOTHING = 0,
	FETCH_GET,   /* .token, .block, .etag */
	FETCH_OFFER, /* .offer to hubd */
};

struct fetch_action {
	enum fetch_do what;
	uint32_t token;
	struct block block;
	const uint8_t *
		etag; /* of bytes that need not be sent again; borrowed until the next call */
	size_t etag_len; /* 0: none */
	struct msg_offer offer;
};

/* Fields are private. */
struct fetch {
	enum fetch_state state;
	bool session_up, hubd_up;
	uint64_t used;	  /* version that hubd has in use, as it last said */
	uint64_t wanted;  /* that the clinic wants, as it last said; 0: it has not */
	uint64_t refused; /* as wanted; hubd did not take it */
	uint64_t version; /* wanted, when what is under way was begun */
	uint32_t token;	  /* of the last request */
	uint32_t id;	  /* of the last offer */
	uint8_t szx;
	unsigned tries;		      /* failed in a row */
	struct mono not_before;	      /* nothing is asked */
	struct mono gap_until;	      /* no other config is begun */
	struct mono since;	      /* ASKED, JUDGED */
	uint8_t etag[FETCH_ETAG_MAX]; /* of what is under way, if len > 0 */
	size_t etag_len;
	uint8_t judged[FETCH_ETAG_MAX]; /* of what was refused */
	size_t judged_len;
	size_t len, passed; /* octets here, and of these given to hubd */
	uint8_t bytes[CONFIG_BYTES_MAX];
};

/* fetch_init - nothing known, no session. Pure, as all of these. */
void fetch_init(struct fetch *f);

/* The connection to the clinic that requests go over. What was asked on the one before is asked again. */
void fetch_on_session(struct fetch *f, bool up);

/* The link to hubd; up: it is asked again for its opinion of what it refused, so that it can tell the clinic. */
void fetch_on_hubd(struct fetch *f, bool up, uint32_t dice, struct mono now);

/* hubd has a config of this version in use. */
void fetch_on_config(struct fetch *f, uint64_t version, struct mono now);

/* A reply of the clinic wanted this version; 0: it named none. */
void fetch_on_wanted(struct fetch *f, uint64_t version, struct mono now);

/*
 * fetch_on_part - an authenticated answer of this session.
 *
 * dice   a fresh random number, for the jitter of a wait
 *
 * Returns false if it matches no outstanding request: it then has no effect at all.
 */
bool fetch_on_part(struct fetch *f, const struct fetch_part *p, uint32_t dice,
		   struct mono now);

/* The library gave this request up, or the server reset it. Returns false if it is none of ours. */
bool fetch_on_undelivered(struct fetch *f, uint32_t token, uint32_t dice,
			  struct mono now);

/* What hubd made of an offer. Returns true if it was the one under way and the clinic should hear of it soon. */
bool fetch_on_verdict(struct fetch *f, const struct msg_verdict *v, uint32_t dice,
		      struct mono now);

/* fetch_next - what to do now, written to *ret; call until it says false. */
bool fetch_next(struct fetch *f, uint32_t dice, struct mono now,
		struct fetch_action *ret);

/* fetch_has_work - is there anything to ask the clinic for, now? */
bool fetch_has_work(const struct fetch *f, struct mono now);
/* fetch_is_owed - is a request of this session unanswered? */
bool fetch_is_owed(const struct fetch *f);
/* When fetch_next will say something new even if nothing happens. */
struct mono fetch_deadline(const struct fetch *f, struct mono now);
