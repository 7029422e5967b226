#pragma once

/*
 * session.h - what one connection of one bonded peripheral goes through, link to farewell.
 *
 *   ABSENT      -linked->       LINKED
 *   LINKED      -ready->        CLOCK_READ   (HISTORY or LISTEN if there is no clock to read)
 *   CLOCK_READ  -answer->       HISTORY      (LISTEN if the clock need not be set)
 *   HISTORY     -quiet->        CLOCK_SET
 *   CLOCK_SET   -answer->       CLOCK_CHECK -answer-> LISTEN
 *   LISTEN      -idle 60 s->    CLOSING
 *   LINKED      -30 s->         CLOSING
 *   any         -10 min, hub-store away-> CLOSING
 *   any         -gone->         ABSENT
 *   LINKED      -gone, 5 times in 60 s->  PAUSED -time-> ABSENT
 *
 * CLOCK_READ comes before CLOCK_SET because stored values carry the old offset.
 * HISTORY is where stored values pour in by themselves; it ends when none came for a moment.
 * They need not be complete before the set: clock.h tells stamps of before and after apart.
 * A record access procedure will have its place there.
 *
 * Invariants
 *   1. Values are taken in every state with a link; the session never refuses one.
 *   2. The session says farewell by itself only when every value of the device is durable,
 *      except after 10 minutes, or when hub-store is away: then the device must keep what
 *      it has not sent.
 *   3. At most one operation on the device is under way.
 *   4. A clock that cannot be read or set is skipped; it never costs a value.
 *
 * Pure: events and 'now' in, actions out.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/core/time.h"

enum {
	SESSION_SERVICES_MS = 30000, /* from link to services */
	SESSION_OPERATION_MS = 12000,
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
	SESSION_CLOCK_READ,
	SESSION_HISTORY,
	SESSION_CLOCK_SET,
	SESSION_CLOCK_CHECK,
	SESSION_LISTEN,
	SESSION_CLOSING,
	SESSION_PAUSED,
};

enum session_action {
	SESSION_NOTHING = 0,
	SESSION_READ_CLOCK, /* answer with session_on_clock_read */
	SESSION_SET_CLOCK,  /* answer with session_on_clock_set */
	SESSION_DISCONNECT,
	SESSION_DISARM, /* stop bluetoothd from connecting to the device, keep the bond */
	SESSION_ARM,	/* let it connect again */
};

/* Fields are private. */
struct session {
	enum session_state state;
	enum session_action action; /* not yet taken by session_next */
	bool linked;
	bool store_ready;
	bool may_read, may_set; /* what the device lets us do with its clock */
	bool settled;  /* nothing more will be learned of the clock before values come */
	bool disarmed; /* SESSION_DISARM was given and SESSION_ARM not yet */
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

/* Services are there; what may be done with the device's clock. Counts once per connection. */
void session_on_ready(struct session *s, bool may_read, bool may_set, struct mono now);

/* The clock was read, or could not be. set: it should be set (clock_should_set). */
void session_on_clock_read(struct session *s, bool set, struct mono now);

/* The clock was set, or could not be. */
void session_on_clock_set(struct session *s, bool ok, struct mono now);

void session_on_value(struct session *s, struct mono now);
void session_on_durable(struct session *s, struct mono now);

/* hub-store takes readings, or does not. */
void session_on_store(struct session *s, bool ready, struct mono now);

/* session_next - the next thing to do; call until SESSION_NOTHING after each event and deadline. */
enum session_action session_next(struct session *s, struct mono now);

/* session_deadline - when session_next wants to be called without an event; MONO_NEVER if not. */
struct mono session_deadline(const struct session *s);

/* session_clock_settled - nothing more will be learned of
 * the device's clock soon: decoded values need not wait. */
bool session_clock_settled(const struct session *s);

/* session_is_disarmed - the session keeps bluetoothd from connecting to the device for a while. */
bool session_is_disarmed(const struct session *s);

/* session_bond_doubtful - links die before they are usable,
 * again and again: one side may have lost the bond. */
bool session_bond_doubtful(const struct session *s);

const char *session_state_text(enum session_state state);
