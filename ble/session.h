#pragma once

/*
 * session.h - what one connection of one bonded peripheral goes through, link to farewell.
 *
 *   ABSENT   -linked->        LINKED
 *   LINKED   -ready->         STEPS: those of the plan, in order
 *   STEPS    -last one done-> LISTEN
 *   LISTEN   -idle->          CLOSING   (never with an endless plan)
 *   LINKED   -30 s->          CLOSING
 *   any      -10 min (not with an endless plan), hub-store away-> CLOSING
 *   any      -gone->          ABSENT
 *   LINKED   -gone, 5 times in 60 s->  PAUSED -time-> ABSENT
 *   PAUSED   -linked->        LINKED    (bluetoothd had begun it before)
 *
 * Steps, each left out if the device has no use for it:
 *   CONSENT      tell a scale which user is meant: it may be waiting for that
 *   PREPARE      read what decoders need to know (CGM session start, check sums)
 *   CLOCK_READ   before it is set: stored values carry the old offset
 *   HISTORY      fetch stored records (racp.h)
 *   LIVE         tell a health sensor that its live observations are wanted
 *   SETTLE       wait until values that pour in by themselves have come; needs not be
 *                complete: clock.h tells stamps of before and after a set apart
 *   CLOCK_SET, CLOCK_CHECK (read back)
 *   INFO         what the device says of itself
 * A 'clock_first' device gets CLOCK_SET and CLOCK_CHECK right after CLOCK_READ.
 *
 * Invariants
 *   1. Values are taken in every state with a link; the session never refuses one.
 *   2. The session says farewell by itself only when every value of the device is durable,
 *      except after 10 minutes, or when hub-store is away: then the device must keep what
 *      it has not sent.
 *   3. At most one step is under way; a step that does not end is left when its time is over.
 *   4. A clock that cannot be read or set is skipped; it never costs a value.
 *   5. After DISARM follows ARM, without a link, and once more after the next link: bluetoothd
 *      5.82 takes no notice of it while it has a link, which it may know earlier than we, and
 *      then would never connect to the device again.
 *
 * Pure: events and 'now' in, actions out.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/core/time.h"

enum {
	SESSION_SERVICES_MS = 30000, /* from link to services */
	SESSION_OPERATION_MS = 12000,
	SESSION_HISTORY_MS = 540000, /* racp.h gives up earlier when nothing comes */
	SESSION_CHAIN_MS = 40000,    /* several reads: PREPARE, INFO */
	SESSION_CONSENT_MS = 30000,  /* control point: write and its indication */
	SESSION_QUIET_MS = 100, /* cuffs hang up half a second after their last value */
	SESSION_IDLE_AGAIN_MS = 1000, /* while a value is not durable */
	SESSION_IDLE_MS = 60000,
	SESSION_LONGEST_MS = 600000,
	SESSION_FAREWELL_MS = 10000, /* ask again to disconnect */
	SESSION_STORM_COUNT = 5,
	SESSION_STORM_MS = 60000,
	SESSION_PAUSE_MIN_MS = 2000,
	/* A third of the 10 s that a device advertises: it must still find us. */
	SESSION_PAUSE_MAX_MS = 3333,
};

enum session_state {
	SESSION_ABSENT = 0,
	SESSION_LINKED,
	SESSION_STEPS,
	SESSION_LISTEN,
	SESSION_CLOSING,
	SESSION_PAUSED,
};

/* In the usual order; the numbers are used as bits of a plan. */
enum session_step {
	STEP_CONSENT = 0,
	STEP_PREPARE,
	STEP_CLOCK_READ,
	STEP_HISTORY,
	STEP_LIVE,
	STEP_SETTLE,
	STEP_CLOCK_SET,
	STEP_CLOCK_CHECK,
	STEP_INFO,
	STEP_COUNT,
};

enum session_action {
	SESSION_NOTHING = 0,
	SESSION_BEGIN_STEP, /* session_step() says which; answer with session_on_step */
	SESSION_DISCONNECT,
	SESSION_DISARM, /* stop bluetoothd from connecting to the device, keep the bond */
	SESSION_ARM,	/* let it connect again */
};

/* What this connection is to be used for. */
struct session_plan {
	unsigned steps; /* 1 << enum session_step; SETTLE is never an action */
	bool clock_first;
	bool endless;	  /* a stream, or a sensor that is worn: the device ends it */
	uint64_t idle_ms; /* from the last value to farewell */
	uint64_t
		pause_max_ms; /* longest pause in reconnecting; 0: SESSION_PAUSE_MAX_MS */
};

/* Fields are private. */
struct session {
	enum session_state state;
	enum session_action action; /* not yet taken by session_next */
	struct session_plan plan;
	unsigned place; /* of the step under way, in the plan's order */
	bool linked;
	bool store_ready;
	bool settled;  /* nothing more will be learned of the clock before values come */
	bool disarmed; /* SESSION_DISARM was given and SESSION_ARM not yet */
	bool unsure;   /* SESSION_ARM was given and no link has ended since */
	bool again;    /* it is to be given once more */
	unsigned undurable; /* values not yet durable */
	/* links lost before they were ready, in a row, while they come fast */
	unsigned failures;
	uint64_t pause_ms; /* length of the next pause */
	struct mono first_failure;
	struct mono deadline; /* of the state */
	struct mono linked_at;
	struct mono quiet_at; /* when the last value counts as the last */
};

void session_init(struct session *s);

/* The link is up, and the device is ours and bonded. */
void session_on_linked(struct session *s, struct mono now);
void session_on_gone(struct session *s, struct mono now);

/* Services are there, and the link is verified as far as it can be. Counts once per connection. */
void session_on_ready(struct session *s, const struct session_plan *plan,
		      struct mono now);

/* session_step - the step under way; STEP_COUNT: none. */
enum session_step session_step(const struct session *s);

/* A step is over, well or not. Ignored if it is not the one under way. */
void session_on_step(struct session *s, enum session_step step, struct mono now);

/* session_skip_clock - before CLOCK_READ is over: it need not, or must not, be set. */
void session_skip_clock(struct session *s);

void session_on_value(struct session *s, struct mono now);
/* A value is durable, or was discarded. */
void session_on_durable(struct session *s, struct mono now);

/* hub-store takes readings, or does not. */
void session_on_store(struct session *s, bool ready, struct mono now);

/* session_close - end the link, for a reason of the caller's (flood, short key). */
void session_close(struct session *s, struct mono now);

/* session_next - the next thing to do; call until SESSION_NOTHING after each event and deadline. */
enum session_action session_next(struct session *s, struct mono now);

/* session_deadline - when session_next wants to be called without an event; MONO_NEVER if not. */
struct mono session_deadline(const struct session *s);

/* session_clock_settled - nothing more will soon be learned of the device's clock, its user's
 * consent, or what decoders need: decoded values need not wait. */
bool session_clock_settled(const struct session *s);

/* session_is_worn - an endless one that has come to listen: it lasts, and others need not wait
 * for its end. */
bool session_is_worn(const struct session *s);

/* session_is_disarmed - the session keeps bluetoothd from connecting to the device for a while. */
bool session_is_disarmed(const struct session *s);

/* session_bond_doubtful - links die before they are usable,
 * again and again: one side may have lost the bond. */
bool session_bond_doubtful(const struct session *s);

const char *session_state_text(enum session_state state);
