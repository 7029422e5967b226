#pragma once

/*
 * supervisor.h - when to connect to which endpoint, when to call a connection dead, how
 * long to wait.
 *
 * Pure: no clock, no random source, no library. The shell tells it what happened, drains
 * supervisor_next() after each event, and arms one timer at supervisor_deadline(). State
 * diagram: supervisor.c.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/time.h"

enum {
	SUPERVISOR_HANDSHAKE_MS = 60 * 1000,
	/* max(30 s, 15 x ACK_TIMEOUT of 2 s) */
	SUPERVISOR_SILENCE_MS = 30 * 1000,
	SUPERVISOR_BACKOFF_MIN_MS = 1000,
	/* Longest wait, jitter included; the second while the clinic's row refuses us. */
	SUPERVISOR_BACKOFF_MAX_MS = 15 * 60 * 1000,
	SUPERVISOR_REFUSED_MAX_MS = 60 * 60 * 1000,
	/* A connection this old resets the back-off. */
	SUPERVISOR_STABLE_MS = 2 * 60 * 1000,
	/* A silence longer than the first spreads the fleet once over the second. */
	SUPERVISOR_SPREAD_AFTER_MS = 10 * 60 * 1000,
	SUPERVISOR_SPREAD_MS = 30 * 60 * 1000,
	/* An alarm ends a wait at most this often. */
	SUPERVISOR_CUT_MS = 60 * 1000,
};

enum supervisor_state {
	SUPERVISOR_NONE = 0,
	SUPERVISOR_IDLE,
	SUPERVISOR_HANDSHAKE,
	SUPERVISOR_UP,
	SUPERVISOR_CLOSE,
	SUPERVISOR_BACKOFF,
};

const char *supervisor_state_text(enum supervisor_state s);

enum supervisor_do {
	SUPERVISOR_NOTHING = 0,
	SUPERVISOR_CONNECT, /* make a connection to .endpoint */
	SUPERVISOR_RELEASE, /* release the connection and all that belongs to it */
};

struct supervisor_action {
	enum supervisor_do what;
	size_t endpoint; /* index into the configured list */
};

/* Why a connection ended or did not come about. */
enum supervisor_failure {
	SUPERVISOR_LOST = 1,  /* handshake failed, transport said so, or a bad server */
	SUPERVISOR_FORBIDDEN, /* the clinic's row does not allow us: longer waits */
	SUPERVISOR_GOODBYE, /* the server closed in order: a failure only if work waits */
};

/* Fields are private. */
struct supervisor {
	enum supervisor_state state;
	size_t endpoint, endpoint_count;
	bool work;	      /* something waits to be sent */
	bool alarm;	      /* and it is urgent */
	bool owed;	      /* a request is out, no answer yet */
	bool wait_next;	      /* CLOSE leads to BACKOFF, else to IDLE */
	bool forbidden;	      /* the last failure was SUPERVISOR_FORBIDDEN */
	bool silent;	      /* nothing was heard since silent_since */
	bool spread;	      /* the fleet's draw was made in this silence */
	bool cut;	      /* cut_at is valid */
	unsigned failures;    /* in a row, without a stable connection between */
	unsigned handshakes;  /* begun since start */
	struct mono deadline; /* of HANDSHAKE and BACKOFF */
	struct mono up_at, heard_at, silent_since, cut_at;
};

/* supervisor_init - IDLE, without endpoints. Pure, as all of these. */
void supervisor_init(struct supervisor *s);

/* The list of endpoints is new, or the identity is: whatever
 * is up is released, the first is tried at once. */
void supervisor_on_endpoints(struct supervisor *s, size_t count);

/* Level, not edge: is there something to send, and is it urgent? */
void supervisor_on_work(struct supervisor *s, bool work, bool alarm, struct mono now);

/* The handshake is complete and the peer's identity was checked in it. */
void supervisor_on_connected(struct supervisor *s, struct mono now);
void supervisor_on_failed(struct supervisor *s, enum supervisor_failure why,
			  struct mono now);

/* A request went out; from now on an answer is owed. */
void supervisor_on_sent(struct supervisor *s, struct mono now);

/* An authenticated message came; owed: requests are still unanswered. */
void supervisor_on_heard(struct supervisor *s, bool owed, struct mono now);

/*
 * supervisor_next - what to do now; call until it says false.
 *
 * dice   a fresh random number; used when a wait begins
 *
 * An action must be carried out before the next call.
 */
bool supervisor_next(struct supervisor *s, uint32_t dice, struct mono now,
		     struct supervisor_action *ret);

/* When supervisor_next must be asked again even if nothing happens. */
struct mono supervisor_deadline(const struct supervisor *s);
