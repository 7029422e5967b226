#pragma once

/*
 * supervisor.h - when to connect to which endpoint, when to call a connection dead, how long to wait, and
 * when another connection takes over.
 *
 * Pure: no clock, no random source, no library. The shell tells it what happened, drains
 * supervisor_next() after each event, and arms one timer at supervisor_deadline(). State
 * diagram: supervisor.c.
 *
 * There are two lines, each of which may hold one connection. Requests go over one of them. The other
 * one is free but while a second connection is tried: to the first endpoint, or to those of a new config.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/time.h"

enum {
	SUPERVISOR_LINES = 2,
	SUPERVISOR_RESOLVE_MS = 10 * 1000,
	SUPERVISOR_HANDSHAKE_MS = 60 * 1000,
	/* A connection is dead after so long without an answer, or after so
	 * many times the wait before a request is sent again, if that is longer. */
	SUPERVISOR_SILENCE_MS = 30 * 1000,
	SUPERVISOR_SILENCE_TIMES = 15,
	SUPERVISOR_BACKOFF_MIN_MS = 1000,
	/* Longest wait, jitter included; the second while the clinic's row refuses us. */
	SUPERVISOR_BACKOFF_MAX_MS = 15 * 60 * 1000,
	SUPERVISOR_REFUSED_MAX_MS = 60 * 60 * 1000,
	/* A connection this old resets the back-off. */
	SUPERVISOR_STABLE_MS = 2 * 60 * 1000,
	/* One that has brought an acknowledgement leaves at most so many failures on the count, its own not included:
	 * on a way that loses much, and with a server that is started again and again, no connection gets that old. */
	SUPERVISOR_PROVEN_FAILURES = 3,
	/* A silence longer than the first spreads the fleet once over the second. */
	SUPERVISOR_SPREAD_AFTER_MS = 10 * 60 * 1000,
	SUPERVISOR_SPREAD_MS = 30 * 60 * 1000,
	/* An alarm ends a wait at most this often. */
	SUPERVISOR_CUT_MS = 60 * 1000,
	/* Without a way to the network it is looked for this often; found, the fleet spreads over the second. */
	SUPERVISOR_PROBE_MS = 5 * 1000,
	SUPERVISOR_ROUTE_JITTER_MS = 5 * 1000,
	/* A connection that took over must have brought an acknowledgement by then. */
	SUPERVISOR_TRIAL_MS = 60 * 1000,
	/* On another endpoint than the first, this long and a part of the second; then the first is tried. */
	SUPERVISOR_HOME_MS = 60 * 60 * 1000,
	SUPERVISOR_HOME_JITTER_MS = 15 * 60 * 1000,
	/* New endpoints are tried hard for so long, then as often as the first endpoint is. */
	SUPERVISOR_CONFIRM_MS = 15 * 60 * 1000,
	SUPERVISOR_DAY_MS = 24 * 60 * 60 * 1000,
};

enum supervisor_state {
	SUPERVISOR_NONE = 0,
	SUPERVISOR_IDLE,
	SUPERVISOR_RESOLVE,
	SUPERVISOR_HANDSHAKE,
	SUPERVISOR_UP,
	SUPERVISOR_CLOSE,
	SUPERVISOR_BACKOFF,
};

const char *supervisor_state_text(enum supervisor_state s);

enum supervisor_do {
	SUPERVISOR_NOTHING = 0,
	SUPERVISOR_FIND, /* find the addresses of .endpoint; supervisor_on_found follows */
	SUPERVISOR_CONNECT, /* make a connection on .line to .endpoint at .address */
	SUPERVISOR_SWITCH, /* requests go over .line from now on; what is unanswered goes again */
	SUPERVISOR_RELEASE, /* release the connection of .line and all that belongs to it */
	SUPERVISOR_PROBE, /* is there a way to the network? if so: supervisor_on_route */
	SUPERVISOR_CONFIRMED, /* the new endpoints are good: the old ones are not in the list any more */
	SUPERVISOR_UNCONFIRMED, /* they are not, after SUPERVISOR_CONFIRM_MS; said once */
	SUPERVISOR_TALLY,	/* a day is over: .handshakes were begun in it */
};

struct supervisor_action {
	enum supervisor_do what;
	unsigned line;	 /* 0..SUPERVISOR_LINES - 1 */
	size_t endpoint; /* index into the list */
	size_t address;	 /* which of those that were found */
	bool small; /* keep the handshake's datagrams small: the one before, of large ones, failed */
	unsigned handshakes;
};

/* Why a connection ended or did not come about. */
enum supervisor_failure {
	SUPERVISOR_LOST = 1,  /* handshake failed, transport said so, or a bad server */
	SUPERVISOR_FORBIDDEN, /* the clinic's row does not allow us: longer waits */
	SUPERVISOR_GOODBYE, /* the server closed in order: a failure only if work waits */
	SUPERVISOR_NO_ROUTE, /* no packet left this machine */
};

/* One connection, or none. Fields are private. */
struct supervisor_line {
	enum supervisor_state state;
	bool begin;	 /* the action that belongs to the state was not given yet */
	bool wait_next;	 /* CLOSE leads to BACKOFF, else to IDLE */
	bool owed;	 /* a request is out, no answer yet */
	bool proven;	 /* something was acknowledged on it */
	size_t endpoint; /* of this connection */
	size_t address, addresses; /* which of how many */
	struct mono deadline;	   /* of RESOLVE, HANDSHAKE and BACKOFF */
	struct mono up_at, heard_at;
};

/* What is to be tried next. Fields are private. */
struct supervisor_target {
	size_t endpoint, address;
};

/* Fields are private. */
struct supervisor {
	struct supervisor_line lines[SUPERVISOR_LINES];
	unsigned current;      /* the line that carries requests, or is to */
	bool switched;	       /* the shell was told so */
	size_t endpoint_count; /* the whole list */
	size_t fresh; /* so many at its head are new and not confirmed; 0: all are good */
	struct supervisor_target next, candidate;
	bool work;	     /* something waits to be sent */
	bool alarm;	     /* and it is urgent */
	bool forbidden;	     /* the last failure was SUPERVISOR_FORBIDDEN */
	bool no_route;	     /* the last failure was SUPERVISOR_NO_ROUTE */
	bool silent;	     /* nothing was heard since silent_since */
	bool spread;	     /* the fleet's draw was made in this silence */
	bool cut;	     /* cut_at is valid */
	bool small;	     /* until small_until */
	bool confirmed;	     /* SUPERVISOR_CONFIRMED is due */
	bool unconfirmed;    /* SUPERVISOR_UNCONFIRMED was said */
	bool plan;	     /* candidate_at is to be drawn */
	bool counting;	     /* day_at is valid */
	unsigned failures;   /* in a row, without a stable connection between */
	unsigned misses;     /* the same of second connections */
	unsigned handshakes; /* begun since start */
	unsigned day_before; /* how many that were when the day began */
	uint64_t silence_ms; /* how long an answer may be owed */
	struct mono silent_since, cut_at, small_until, probe_at, day_at;
	struct mono candidate_at; /* when a second connection may be tried */
	struct mono confirm_until;
};

/* supervisor_init - IDLE, without endpoints. Pure, as all of these. */
void supervisor_init(struct supervisor *s);

enum { SUPERVISOR_NOWHERE = -1 };

/*
 * supervisor_on_endpoints - there is a new list, most wanted first.
 *
 * count   new endpoints
 * kept    so many of the list before stand behind them: they are used until one of the new ones has
 *         acknowledged something. 0: the new ones need no proof
 * used    where in the list the endpoint is that requests go to now, or SUPERVISOR_NOWHERE: its
 *         connection is released, and the list tried from its head
 */
void supervisor_on_endpoints(struct supervisor *s, size_t count, size_t kept, int used,
			     struct mono now);

/* Level, not edge: is there something to send, and is it urgent? */
void supervisor_on_work(struct supervisor *s, bool work, bool alarm);

/* How long the library waits before it sends a request again. */
void supervisor_set_ack_timeout(struct supervisor *s, uint32_t ms);

/* The endpoint of this line has so many addresses. */
void supervisor_on_found(struct supervisor *s, unsigned line, size_t addresses,
			 struct mono now);
/* The handshake is complete and the peer's identity was checked in it. */
void supervisor_on_connected(struct supervisor *s, unsigned line, struct mono now);
void supervisor_on_line_failed(struct supervisor *s, unsigned line,
			       enum supervisor_failure why, struct mono now);
/* There is a way to the network again. dice: a fresh random number. */
void supervisor_on_route(struct supervisor *s, uint32_t dice, struct mono now);

/* The rest is about the line that carries requests. */

void supervisor_on_failed(struct supervisor *s, enum supervisor_failure why,
			  struct mono now);
/* A request went out; from now on an answer is owed. */
void supervisor_on_sent(struct supervisor *s, struct mono now);
/* An authenticated message came; owed: requests are still unanswered. */
void supervisor_on_heard(struct supervisor *s, bool owed, struct mono now);
/* An answer that acknowledges: this connection is good for its purpose. */
void supervisor_on_acknowledged(struct supervisor *s);

/* supervisor_endpoint - the endpoint that requests go to, or SUPERVISOR_NOWHERE. */
int supervisor_endpoint(const struct supervisor *s);

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
