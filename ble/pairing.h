#pragma once

/*
 * pairing.h - bonds with configured peripherals, only inside a window that hubd opened, and
 * with nothing else.
 *
 *   IDLE     -a device of the window wants a bond, radio on-> AGENT -> BONDABLE -> CLEANING -> SEARCH
 *   SEARCH   -> LOOKING
 *   LOOKING  -a configured address advertises-> FOUND (search off)
 *   LOOKING  -one candidate for a device without address, for 4 s-> ADOPT -> FOUND
 *   LOOKING  -a second candidate-> the window ends: never guess
 *   FOUND    -> PAIR, or, by the model's traits, CONNECT -> RESOLVE -services-> PAIR
 *   PAIR     -ok-> CHECK -bonded-> FACTS -strong enough-> TRUST
 *   TRUST    -> CLOSE_SEARCH, or, by the traits, HANG_UP -> CLOSE_SEARCH
 *   CONNECT, RESOLVE, PAIR -error-> RETRY -1 s-> once more
 *   PAIR     -90 s-> CANCEL -> DISCARD
 *   CONNECT..TRUST -anything wrong-> DISCARD (RemoveDevice, back-off)
 *   DISCARD  -> RELEASE if its address was found here -> CLOSE_SEARCH
 *   CLOSE_SEARCH -> CLOSE_BONDABLE -> CLOSE_AGENT -> IDLE
 *   LOOKING  -nothing to look for any more-> CLOSE_SEARCH
 *   any      -the window ends-> what is not trusted yet is discarded, then CLOSE_SEARCH
 *   any      -radio or bluetoothd gone-> IDLE; a bond not found good until then is removed
 *                                        when the radio is back
 *
 * After TRUST the device is in its TEST: its next value is the test reading, and ends the window
 * if nobody else is to be paired. Others of the window are searched for meanwhile; if there are
 * none, the agent is gone and the adapter not bondable.
 *
 * Invariants
 *   1. The agent exists, the adapter is bondable, and it searches, only from AGENT to
 *      CLOSE_AGENT, and that only inside a window: outside no new key can be made, whoever
 *      asks. An adapter found bondable outside is told not to be.
 *   2. A candidate has exactly a configured address and address type, or is the only one near
 *      (RSSI) that advertises a service of the only device without address that has it; and
 *      it was seen advertising in this search: older objects are removed first (CLEANING).
 *   3. A passkey is told only for the candidate while its Connect or Pair is under way, and
 *      once per attempt. Every other question is refused.
 *   4. A bond counts when it is trusted, and is trusted only if bluetoothd's record of it says
 *      16 octets of key, no debug key, and no less strength than configuration and traits
 *      want. If hub-bondinfo is away, a device configured with a passkey must at least have
 *      asked for it; its bond is then not proven (pairing_is_proven), its key not measured,
 *      and every reading stays unverified until it is.
 *   5. A bond without passkey only where the configuration says just_works.
 *   6. One operation at a time; a failing device waits 10 s, doubled up to 10 minutes.
 *   7. A bond is removed only if it was not found good, if a repair of exactly this device
 *      was ordered, or that it be forgotten (pairing_unpair), or if it turned out to be
 *      another device than configured.
 *
 * Pure: events and 'now' in, actions out.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ble/traits.h"
#include "hub/core/config.h"
#include "hub/core/msg.h"
#include "hub/core/time.h"

enum {
	PAIRING_PAIR_MS = 90000,
	PAIRING_CONNECT_MS = 50000,
	PAIRING_RESOLVE_MS = 30000,
	PAIRING_RETRY_MS = 1000,
	PAIRING_FRESH_MS = 10000, /* an advertisement older than this says nothing */
	/* after the first candidate: time for a second one to be heard */
	PAIRING_COLLECT_MS = 4000,
	PAIRING_CHECK_MS = 5000, /* from Pair's success to the facts that prove it */
	PAIRING_FACTS_MS = 5000, /* for hub-bondinfo to answer */
	PAIRING_BACKOFF_MIN_MS = 10000,
	PAIRING_BACKOFF_MAX_MS = 600000,
	PAIRING_CLOSE_AGAIN_MS = 1000, /* agent or bondable could not be switched off */
	PAIRING_CLOSE_TRIES = 3,
	PAIRING_TIDY_MS = 10000, /* the same, outside a window, for as long as it takes */
	/* Weaker candidates are somebody else's, next door; dBm. */
	PAIRING_RSSI_FLOOR = -75,
	PAIRING_RSSI_UNKNOWN = 127,
	PAIRING_KEY_SIZE_MIN = 16,
	PAIRING_REFUSED_MAX = 4, /* found addresses that were other devices, per window */
};

/* In this order: comparisons rely on it. */
enum pairing_state {
	PAIRING_IDLE = 0,
	PAIRING_AGENT,
	PAIRING_BONDABLE,
	PAIRING_CLEANING,
	PAIRING_SEARCH,
	PAIRING_LOOKING,
	PAIRING_ADOPTING,
	PAIRING_FOUND,
	PAIRING_CONNECTING,
	PAIRING_RESOLVE,
	PAIRING_PAIR,
	PAIRING_RETRY,
	PAIRING_CANCEL,
	PAIRING_CHECK,
	PAIRING_FACTS,
	PAIRING_TRUST,
	PAIRING_HANG_UP,
	PAIRING_DISCARD,
	PAIRING_RELEASING,
	PAIRING_CLOSE_SEARCH,
	PAIRING_CLOSE_BONDABLE,
	PAIRING_CLOSE_AGENT,
};

/* What shall be done; each is answered by one pairing_on_done, also if it is done at once. */
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
	PAIRING_CONNECT,
	PAIRING_DISCONNECT,
	PAIRING_ADOPT,	 /* the device is the one at 'addr' (objects_set_address) */
	PAIRING_RELEASE, /* it is not (objects_unset_address) */
	/* ask hub-bondinfo; answered by pairing_on_bond_facts, or by pairing_on_done with an
	 * error if it cannot be asked */
	PAIRING_ASK_FACTS,
	/* the device is paired, and is who it should be: keep what it was found to be */
	PAIRING_BONDED,
};

struct pairing_action {
	enum pairing_op op;
	size_t device; /* index in the configuration, for the operations on a device */
	/* for PAIRING_ADOPT */
	uint8_t addr[PERIPHERAL_ADDR_LEN];
	enum addr_type addr_type;
};

/* Why the last attempt failed. */
enum pairing_reason {
	PAIRING_REASON_NONE = 0,
	PAIRING_REASON_FAILED,	 /* connection or protocol */
	PAIRING_REASON_REJECTED, /* wrong passkey, or the device said no */
	PAIRING_REASON_TIMEOUT,
	/* it asks for one and none is configured; or none is configured and no bond without
	 * one is allowed */
	PAIRING_REASON_NO_PASSKEY,
	PAIRING_REASON_WEAK,	   /* weaker than configuration or traits want */
	PAIRING_REASON_NOT_BONDED, /* paired, but the key was not kept */
	PAIRING_REASON_KEY_SHORT,  /* below 16 octets */
	PAIRING_REASON_KEY_BAD,	   /* a debug key, or a record that says nothing */
	PAIRING_REASON_IDENTITY,   /* it is another device than configured */
};

/* What bluetoothd knows of a configured device. */
struct pairing_facts {
	bool present; /* it has an object */
	bool paired;
	bool bonded;
	bool connected;
	bool resolved;
	/* bonded, but neither trusted nor known as paired before (struct device_pin): its
	 * pairing was interrupted when an earlier hub-ble ended */
	bool unfinished;
};

/* One who was heard advertising just now. */
struct pairing_candidate {
	uint8_t addr[PERIPHERAL_ADDR_LEN];
	enum addr_type addr_type;
	unsigned services; /* enum traits_service */
	int16_t rssi;	   /* dBm, or PAIRING_RSSI_UNKNOWN */
};

/* Fields are private. */
struct pairing_device {
	/* configured */
	uint16_t num;
	unsigned services; /* enum traits_service, one of which it advertises */
	uint32_t passkey;  /* or CONFIG_NO_PASSKEY */
	bool just_works, has_addr, has_serial;
	const struct traits *traits;

	struct pairing_facts facts;
	enum pairing_reason reason;
	unsigned failures; /* in a row */
	struct mono not_before;
	struct mono remove_at; /* its bond could not be removed: not again before */
	struct mono seen;      /* when its object appeared */

	bool in_window;
	bool forget; /* repair: its bond is to be removed before anything else */
	bool heard;  /* without address: somebody was heard who may be it */
	struct mono heard_first, heard_last;
	uint8_t addr
		[PERIPHERAL_ADDR_LEN]; /* of whom was heard, then of whom was adopted */
	enum addr_type addr_type;
	bool adopted; /* PAIRING_ADOPT was given, and neither RELEASE nor BONDED since */
	bool condemned; /* its bond is not good and not yet removed */
	bool finished;	/* trusted by us, in this life */
	bool announce;	/* PAIRING_BONDED is due */
	bool testing, tested, identified;
	bool proven; /* bluetoothd's record of the bond was seen */
	enum link_strength strength;
};

struct pairing_address {
	uint8_t addr[PERIPHERAL_ADDR_LEN];
	enum addr_type type;
};

struct pairing {
	enum pairing_state state;
	struct pairing_device devices[CONFIG_DEVICES_MAX];
	size_t count;

	uint32_t window_id; /* 0: there was none */
	uint16_t window_device;
	bool open;
	enum window_state window_state;
	struct mono window_end;
	bool repair; /* ordered, and the bond is not removed yet */
	bool served; /* somebody was paired and tested in it */
	struct pairing_address refused[PAIRING_REFUSED_MAX];
	size_t refused_count;
	/* what is under way belongs to a window that is over */
	bool abort;

	bool radio;		     /* adapter powered, bluetoothd attached */
	bool quiet;		     /* a session is on: do not search now */
	bool bondable;		     /* as the adapter says */
	bool searching;		     /* discovery is on */
	bool agent;		     /* may be registered */
	enum pairing_op outstanding; /* given out and not yet answered */
	size_t candidate;	     /* from CLEANING to RELEASING */
	bool retried;		     /* the candidate had its second chance */
	bool asked;		     /* for a passkey, during this attempt */
	bool passkey_missing;	     /* it was asked for, and there is none */
	unsigned tries;		     /* to close, in vain */
	struct mono search_at;	     /* when this search began */
	struct mono tidy_at;	     /* when a bondable adapter is told again */
	struct mono deadline;	     /* of the state */
};

void pairing_init(struct pairing *p);

/* pairing_set_devices - the configuration changed, with the addresses that were found for
 * those who had none; everything about devices starts anew, an open window stays open.
 * count <= CONFIG_DEVICES_MAX */
void pairing_set_devices(struct pairing *p, const struct config_device *devices,
			 size_t count);

/* pairing_set_traits - what is known of the model; static. Until told: the cautious row. */
void pairing_set_traits(struct pairing *p, size_t device, const struct traits *traits);

/*
 * pairing_on_window - hubd opens, or with id 0 closes, the window.
 *
 * The id of the window that is open: its time is set anew. The id of one that ended: ignored.
 * Another id: a new order; back-offs and reasons of its devices are void. repair counts only
 * for a window of one device.
 */
void pairing_on_window(struct pairing *p, const struct msg_window *w, struct mono now);

/*
 * pairing_unpair - hubd has somebody's order that the bond of this device goes; no window is needed.
 *
 * configured   its address is; else the one that was found is forgotten, too: PAIRING_RELEASE
 */
void pairing_unpair(struct pairing *p, size_t device, bool configured);
/* pairing_is_unpaired - it has no bond, and none is being removed. */
bool pairing_is_unpaired(const struct pairing *p, size_t device);

/* Facts may be told again when nothing changed. */
void pairing_on_facts(struct pairing *p, size_t device, struct pairing_facts facts,
		      struct mono now);
void pairing_on_radio(struct pairing *p, bool on);
void pairing_on_bondable(struct pairing *p, bool bondable);
/* A bonded device is connected: searching would disturb it. */
void pairing_on_quiet(struct pairing *p, bool quiet);

/* pairing_wants_candidates - shall pairing_on_candidate be told of who advertises? */
bool pairing_wants_candidates(const struct pairing *p);

/* pairing_on_candidate - somebody who has no bond here and whose address is
 * not configured was heard; borrowed. */
void pairing_on_candidate(struct pairing *p, const struct pairing_candidate *c,
			  struct mono now);

/*
 * pairing_on_done - the operation that pairing_next gave is over.
 *
 * err   0, or negative: -EEXIST (already paired), -ENOENT (nothing to switch off),
 *       -EKEYREJECTED or -EACCES (refused), others: failed
 */
void pairing_on_done(struct pairing *p, enum pairing_op op, int err, struct mono now);

/*
 * pairing_on_passkey - bluetoothd asks for a device's passkey on behalf of Connect or Pair.
 *
 * device   index of the device it names, or any number >= count if it is none of ours
 *
 * Returns 0 with *ret_passkey, or -EACCES: refuse.
 */
int pairing_on_passkey(struct pairing *p, size_t device, uint32_t *ret_passkey);

/*
 * pairing_on_bond_facts - what bluetoothd's record of the bond says.
 *
 * known      false: hub-bondinfo is away, or did not know
 * strength   LINK_UNKNOWN: no record, or of a debug key
 * key_size   octets; 0: not recorded
 *
 * Answers PAIRING_ASK_FACTS. May be told unasked, whenever it is heard: counts for a device
 * that was paired in this life and is not proven yet; a bond that is not good is removed.
 */
void pairing_on_bond_facts(struct pairing *p, size_t device, bool known,
			   enum link_strength strength, uint8_t key_size,
			   struct mono now);

/*
 * pairing_on_identity - Device Information was read on a link of this device.
 *
 * good   it is who the configuration says (serial number); also if nothing is configured
 *
 * Not good, of a device paired in this life and not found good before: its bond is removed,
 * and the window, if it is still open, goes on.
 */
void pairing_on_identity(struct pairing *p, size_t device, bool good, struct mono now);

/* pairing_wants_test - is the next value of this device its test reading? */
bool pairing_wants_test(const struct pairing *p, size_t device);

/* pairing_on_value - a verified value of this device came. Returns whether it is the test. */
bool pairing_on_value(struct pairing *p, size_t device, struct mono now);

/* pairing_next - the next operation; call until PAIRING_NOTHING after each event and deadline. */
struct pairing_action pairing_next(struct pairing *p, struct mono now);

/* pairing_deadline - when pairing_next wants to be called without an event. */
struct mono pairing_deadline(const struct pairing *p);

/* pairing_is_busy_with - whatever bond this device has is not, or not yet, found good. */
bool pairing_is_busy_with(const struct pairing *p, size_t device);

/* pairing_window_id, pairing_window_state - the last window; id 0: there was none. */
uint32_t pairing_window_id(const struct pairing *p);
enum window_state pairing_window_state(const struct pairing *p);

/* What people may be told about a device that has no bond: UNBONDED, PAIRING or PAIRING_FAILED. */
enum device_state pairing_device_state(const struct pairing *p, size_t device);
/* Why its last attempt failed; of a device that has no bond. */
enum pairing_reason pairing_device_reason(const struct pairing *p, size_t device);
const char *pairing_reason_text(enum pairing_reason reason);
/* pairing_reason_silence - the same for ble/doctor.h; SILENCE_NONE for PAIRING_REASON_NONE. */
enum silence_reason pairing_reason_silence(enum pairing_reason reason);

/* How strong the bond that was made in this life is; LINK_UNKNOWN if it is not proven. */
enum link_strength pairing_strength(const struct pairing *p, size_t device);
bool pairing_is_proven(const struct pairing *p, size_t device);
