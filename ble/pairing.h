#pragma once

/*
 * pairing.h - bonds with every configured peripheral that has none, and with nothing else.
 *
 *   IDLE     -a device wants a bond, radio on-> AGENT -> BONDABLE -> CLEANING -> SEARCH
 *   SEARCH   -> LOOKING
 *   LOOKING  -that device advertises-> FOUND (search off) -> PAIR
 *   PAIR     -ok-> CHECK -bonded-> TRUST -> CLOSE_SEARCH
 *   PAIR     -error-> RETRY -1 s-> PAIR, once
 *   PAIR     -90 s-> CANCEL -> DISCARD
 *   PAIR     -second error-> DISCARD
 *   CHECK    -not bonded, or weaker than asked-> DISCARD (RemoveDevice, back-off)
 *   DISCARD  -> CLOSE_SEARCH -> CLOSE_BONDABLE -> CLOSE_AGENT -> IDLE
 *   LOOKING  -nothing to look for any more-> CLOSE_SEARCH
 *   any      -radio or bluetoothd gone-> IDLE
 *
 * Invariants
 *   1. The agent exists, and the adapter is bondable, only from AGENT to CLOSE_AGENT:
 *      outside no new key can be made, whoever asks.
 *   2. A candidate has exactly a configured address and address type, and was seen
 *      advertising in this search: older objects are removed first (CLEANING).
 *   3. A passkey is told only for the candidate while its Pair is under way, and once per
 *      Pair. Every other question is refused.
 *   4. A device configured with a passkey that was bonded without asking for it is
 *      discarded: somebody in the middle may have made it forget.
 *   5. One operation at a time; a failing device waits 10 s, doubled up to 10 minutes.
 *
 * Pure: events and 'now' in, actions out.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/config.h"
#include "hub/core/msg.h"
#include "hub/core/time.h"

enum {
	PAIRING_PAIR_MS = 90000,
	PAIRING_RETRY_MS = 1000,
	PAIRING_FRESH_MS = 10000, /* an advertisement older than this says nothing */
	PAIRING_CHECK_MS = 5000,  /* from Pair's success to the facts that prove it */
	PAIRING_BACKOFF_MIN_MS = 10000,
	PAIRING_BACKOFF_MAX_MS = 600000,
};

enum pairing_state {
	PAIRING_IDLE = 0,
	PAIRING_AGENT,
	PAIRING_BONDABLE,
	PAIRING_CLEANING,
	PAIRING_SEARCH,
	PAIRING_LOOKING,
	PAIRING_FOUND,
	PAIRING_PAIR,
	PAIRING_RETRY,
	PAIRING_CANCEL,
	PAIRING_CHECK,
	PAIRING_TRUST,
	PAIRING_DISCARD,
	PAIRING_CLOSE_SEARCH,
	PAIRING_CLOSE_BONDABLE,
	PAIRING_CLOSE_AGENT,
};

/* What bluetoothd shall do; each is answered by one pairing_on_done. */
enum pairing_op {
	PAIRING_NOTHING = 0,
	PAIRING_AGENT_ON,
	PAIRING_AGENT_OFF,
	PAIRING_BONDABLE_ON,
	PAIRING_BONDABLE_OFF,
	PAIRING_SEARCH_ON,
	PAIRING_SEARCH_OFF,
	PAIRING_REMOVE, /* the device's object, and with it keys if there are any */
	PAIRING_START,	/* Pair() */
	PAIRING_STOP,	/* CancelPairing() */
	PAIRING_SET_TRUSTED,
};

struct pairing_action {
	enum pairing_op op;
	size_t device; /* index in the configuration, for the operations on a device */
};

/* Why the last attempt failed. */
enum pairing_reason {
	PAIRING_REASON_NONE = 0,
	PAIRING_REASON_FAILED,	 /* connection or protocol */
	PAIRING_REASON_REJECTED, /* wrong passkey, or the device said no */
	PAIRING_REASON_TIMEOUT,
	PAIRING_REASON_NO_PASSKEY, /* it asks for one, and none is configured */
	PAIRING_REASON_WEAK,	   /* a passkey is configured, and it did not ask */
	PAIRING_REASON_NOT_BONDED, /* paired, but the key was not kept */
};

/* What bluetoothd knows of a configured device. */
struct pairing_facts {
	bool present; /* it has an object */
	bool paired;
	bool bonded;
};

/* Fields are private. */
struct pairing_device {
	uint32_t passkey; /* or CONFIG_NO_PASSKEY */
	struct pairing_facts facts;
	enum pairing_reason reason;
	unsigned failures; /* in a row */
	struct mono not_before;
	struct mono seen; /* when its object appeared */
};

struct pairing {
	enum pairing_state state;
	struct pairing_device devices[CONFIG_DEVICES_MAX];
	size_t count;
	bool radio;		     /* adapter powered, bluetoothd attached */
	bool quiet;		     /* a session is on: do not search now */
	bool bondable;		     /* as the adapter says */
	bool searching;		     /* discovery is on */
	enum pairing_op outstanding; /* given out and not yet answered */
	size_t candidate;	     /* from CLEANING to DISCARD */
	bool retried;		     /* the candidate had its second chance */
	bool asked;		     /* for a passkey, during this Pair */
	bool passkey_missing;	     /* it was asked for, and there is none */
	struct mono deadline;
};

void pairing_init(struct pairing *p);

/* pairing_set_devices - the configuration changed; everything
 * about devices starts anew. count <= CONFIG_DEVICES_MAX */
void pairing_set_devices(struct pairing *p, const struct config_device *devices,
			 size_t count);

/* Facts may be told again when nothing changed. */
void pairing_on_facts(struct pairing *p, size_t device, struct pairing_facts facts,
		      struct mono now);
void pairing_on_radio(struct pairing *p, bool on);
void pairing_on_bondable(struct pairing *p, bool bondable);
/* A bonded device is connected: searching would disturb it. */
void pairing_on_quiet(struct pairing *p, bool quiet);

/*
 * pairing_on_done - the operation that pairing_next gave is over.
 *
 * err   0, or negative: -EEXIST (already paired), -EKEYREJECTED or -EACCES (refused), others: failed
 */
void pairing_on_done(struct pairing *p, enum pairing_op op, int err, struct mono now);

/*
 * pairing_on_passkey - bluetoothd asks for a device's passkey on behalf of Pair.
 *
 * device   index of the device it names, or any number >= count if it is none of ours
 *
 * Returns 0 with *ret_passkey, or -EACCES: refuse.
 */
int pairing_on_passkey(struct pairing *p, size_t device, uint32_t *ret_passkey);

/* pairing_next - the next operation; call until PAIRING_NOTHING after each event and deadline. */
struct pairing_action pairing_next(struct pairing *p, struct mono now);

/* pairing_deadline - when pairing_next wants to be called without an event. */
struct mono pairing_deadline(const struct pairing *p);

/* pairing_is_busy_with - this device is a candidate: whatever bond it has is not yet found good. */
bool pairing_is_busy_with(const struct pairing *p, size_t device);

/* What people may be told about a device that has no bond: UNBONDED, PAIRING or PAIRING_FAILED. */
enum device_state pairing_device_state(const struct pairing *p, size_t device);
enum pairing_reason pairing_device_reason(const struct pairing *p, size_t device);
const char *pairing_reason_text(enum pairing_reason reason);
