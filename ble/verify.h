#pragma once

/*
 * verify.h - did a value come over a link that is encrypted with the bond of its device? One machine per device.
 *
 * bluetoothd hands on what an unencrypted impostor with a copied address sends, and D-Bus tells neither the
 * encryption of a link nor the worth of its key. hub-bondinfo does (MSG_LINK_FACTS), but only of the moment in
 * which it looks; this machine says when it must look, and draws the conclusion.
 *
 *   link         -linked->    ask every 50 ms (after 30 s every second) until good or refused, and at each value
 *   a value is   PENDING      while its connection may still become encrypted, at most 30 s
 *                GOOD         bond good, services resolved, and its connection was seen encrypted before and
 *                             again by a look that was asked for after the value had come
 *                BAD          the key is short, a debug key or weaker than accepted; or the connection was seen
 *                             unencrypted and never encrypted until it ended, or for 30 s
 *                UNKNOWN      nobody saw how it was: gone too fast, or no answer for 2 s
 *
 * Invariants
 *   1. A link is GOOD only by two looks that show the same handle encrypted, the second asked for 40 ms or more
 *      after the first came back. What D-Bus tells of links arrives late and between objects in any order
 *      (bluetoothd sends 'Value' at once, 'Connected' when idle); a look may already show the next connection.
 *      The second look cannot, unless bluetoothd is silent for longer than a new link needs to be encrypted.
 *   2. Another handle, an encrypted link seen plain, or no link at all between two looks: another connection,
 *      whatever D-Bus says. Nothing that was learned of the one counts for the other.
 *   3. An answer counts only for the link on which it was asked for, and once.
 *   4. A value that was not seen to come over a plain link is never BAD for its link's sake.
 *   5. A value that came while D-Bus told of no link is UNKNOWN: the link may have been over before it was told.
 *   6. Verdicts of a connection stay true after its end, until two more have begun; then its values are UNKNOWN.
 *
 * Pure: events and 'now' in, asks and verdicts out.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/core/msg.h"
#include "hub/core/time.h"

enum {
	VERIFY_ASK_MS = 50,
	VERIFY_ASK_SLOW_MS = 1000,
	VERIFY_ASK_LEAST_MS = 10,   /* between two asks, however many values come */
	VERIFY_ASK_AGAIN_MS = 1000, /* an ask that was not answered */
	VERIFY_EAGER_MS = 30000,
	VERIFY_PATIENCE_MS = 30000, /* from value to verdict */
	VERIFY_SETTLE_MS = 40,
	VERIFY_AWAY_MS = 2000,
	VERIFY_FRESH_MS =
		100, /* a look that shows a plain link says so of values until then */
	VERIFY_KEY_SIZE = 16,
};

enum verify_action {
	VERIFY_NOTHING = 0,
	VERIFY_ASK, /* send MSG_LINK_ASK with verify_cookie() in the low 16 bits of its cookie */
};

enum verify_verdict {
	VERIFY_PENDING = 0,
	VERIFY_GOOD,
	VERIFY_UNKNOWN, /* keep the value, marked as unverified */
	VERIFY_BAD,	/* drop the value and count it */
};

enum verify_bond {
	VERIFY_BOND_UNSEEN =
		0, /* nobody has looked on this connection, or there is no record */
	VERIFY_BOND_GOOD,
	VERIFY_BOND_REFUSED, /* short, debug, or weaker than accepted */
};

/* What is known of one connection. Fields are private. */
struct verify_connection {
	struct mono
		from; /* values captured from here on came over it; MONO_NEVER: none */
	enum verify_bond bond;
	bool resolved;
	bool seen; /* a look showed it; 'handle' and 'encrypted' are known */
	uint16_t handle;
	bool was_plain;		     /* a look showed it unencrypted */
	struct mono plain_asked;     /* when the newest such look was asked for */
	bool encrypted;		     /* a look showed it encrypted */
	struct mono encrypted_at;    /* when the first such look came back */
	bool confirmed;		     /* a second one did; see invariant 1 */
	struct mono confirmed_asked; /* when the newest such look was asked for */
};

/* Fields are private. */
struct verify {
	enum link_strength minimum; /* weakest bond that is accepted */
	bool strict_early;
	bool helper_up;
	bool linked; /* says D-Bus */
	struct verify_connection now, past;
	enum link_strength strength; /* of the newest answer */
	uint8_t key_size;
	bool wanted;	  /* one more ask as soon as may be */
	bool outstanding; /* an ask is not answered yet */
	uint16_t cookie;  /* of the newest ask */
	struct mono asked_at;
	struct mono waiting_since; /* no answer since; MONO_NEVER: none is awaited */
	bool away;		   /* VERIFY_AWAY_MS have passed since then */
};

/*
 * verify_init - no link yet.
 *
 * minimum        weakest bond that is good enough for this device
 * strict_early   a value that came while the link was plain stays BAD when it becomes encrypted: for devices
 *                that can be asked for it again
 */
void verify_init(struct verify *v, enum link_strength minimum, bool strict_early);

/* D-Bus says that the device is connected, or is no longer. bluetoothd may leave out a short absence: 'connected'
 * while it is connected already is to be told as gone and linked. */
void verify_on_linked(struct verify *v, struct mono now);
void verify_on_gone(struct verify *v, struct mono now);

/* Services are there. Once true it stays so for the link: the property toggles. */
void verify_on_resolved(struct verify *v, bool resolved, struct mono now);

/* hub-bondinfo can be reached, or not; may be told as often as one likes. */
void verify_on_helper(struct verify *v, bool up, struct mono now);

/* A value of this device came: it wants a look of its own. */
void verify_on_value(struct verify *v, struct mono now);

/* An answer, whether or not it is still wanted. */
void verify_on_facts(struct verify *v, const struct msg_link_facts *f, struct mono now);

/* verify_next - the next thing to do; call until VERIFY_NOTHING after each event and deadline. */
enum verify_action verify_next(struct verify *v, struct mono now);

/* verify_cookie - of the ask that verify_next has just ordered; each ask has another one. */
uint16_t verify_cookie(const struct verify *v);

/* verify_deadline - when verify_next, and then verify_judge for what is pending, want to be called without an
 * event; MONO_NEVER if not. */
struct mono verify_deadline(const struct verify *v);

/*
 * verify_judge - what is to become of a value.
 *
 * captured   when it came; the verdict of one that came just now is PENDING at best
 *
 * Returns the verdict. It can change only from VERIFY_PENDING, as long as invariant 6 lets it be known.
 */
enum verify_verdict verify_judge(const struct verify *v, struct mono captured,
				 struct mono now);

/* verify_link - the same of the link itself, as it is now: may we speak with this device? Not linked: UNKNOWN. */
enum verify_verdict verify_link(const struct verify *v, struct mono now);

/* verify_is_refused - the bond itself is not good enough: disconnect. */
bool verify_is_refused(const struct verify *v);

/* Of the bond, as last heard; LINK_UNKNOWN and 0 if there is none, or nobody said. */
enum link_strength verify_strength(const struct verify *v);
uint8_t verify_key_size(const struct verify *v);
