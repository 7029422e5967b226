#pragma once

/*
 * msg.h - the messages between the hub's processes: their bytes, and who may send which to whom.
 *
 * One SOCK_SEQPACKET packet is one message: version u8, kind u8, then the fields of the kind, big-endian, of
 * exactly the length the fields need. The table in msg.c (and docs/MESSAGES.md, 'IPC') is the only place that
 * says which process may send a kind to which; a well-formed message from the wrong sender is an incident.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/audit_record.h"
#include "hub/core/batch.h"
#include "hub/core/command.h"
#include "hub/core/config.h"
#include "hub/core/console.h"
#include "hub/core/console_account.h"
#include "hub/core/enrolled.h"
#include "hub/core/evidence.h"
#include "hub/core/reading.h"
#include "hub/core/refusal.h"
#include "hub/core/snapshot.h"

enum {
	MSG_VERSION = 1,
	MSG_BYTES_MAX = 4096,
};

enum role {
	ROLE_NONE = 0,
	ROLE_BLE = 1,
	ROLE_STORE = 2,
	ROLE_COAP = 3,
	ROLE_HUBD = 4,
	ROLE_BOND = 5, /* hub-bondinfo */
	ROLE_MEASURE = 6,
	ROLE_CONSOLE = 7,
	ROLE_LAST = ROLE_CONSOLE,
};

const char *role_text(enum role r);

enum msg_kind {
	MSG_NONE = 0,
	/* hub-ble -> hub-store */
	MSG_RAW = 0x10, /* a value arrived; nothing else is needed to save it */
	/* what the decoder made of the RAW with the same capture */
	MSG_DECODED = 0x11,
	/* a capture came over a link that proved to be nobody's: forget it */
	MSG_DISCARD = 0x12,
	/* hub-store -> hub-ble */
	MSG_STORE_STATE = 0x18, /* may readings be taken? */
	MSG_DURABLE = 0x19,	/* this capture is on disk, or was refused */
	/* how far a device's memory is durable; both ways: told at each connection if known,
	 * recorded when hub-ble says so */
	MSG_MEMORY = 0x1A,
	/* hub-store -> hub-coap */
	/* a signed batch; not MSG_BATCH, which is a macro of sys/socket.h */
	MSG_UPLOAD = 0x20,
	MSG_QUEUE_STATE = 0x21,
	/* hub-coap -> hub-store */
	MSG_WANT = 0x28, /* so many batches may be handed over */
	MSG_ACK = 0x29,	 /* the clinic's answer to one batch */
	/* hubd -> hub-ble, hub-store, hub-coap */
	MSG_BLE_CONFIG = 0x30,
	MSG_STORE_CONFIG = 0x31,
	MSG_COAP_CONFIG = 0x32,
	MSG_TIME = 0x33, /* also hub-coap -> hubd: what the clinic's clock said */
	/* hubd -> hub-ble */
	MSG_WINDOW = 0x34, /* open, or close, the pairing window */
	/* hubd -> hub-store */
	MSG_HEALTH = 0x35, /* how hub and devices are, for the clinic */
	/* hub-coap -> hubd: a config as the clinic offers it, in pieces; and what became of it */
	MSG_OFFER = 0x36,
	MSG_VERDICT = 0x37,
	/* hubd -> hub-ble, hub-store: a step of the hand-over to another assignment; and that it is done */
	MSG_FENCE = 0x38,
	MSG_FENCED = 0x39,
	/* hub-coap -> hubd: how far the enrolment is, and clinic.trust, in pieces */
	MSG_ENROLMENT = 0x3A,
	/* hub-coap -> hub-store: which keys is the clinic to be told? and its answer */
	MSG_SIGN_KEYS = 0x3B,
	/* hubd -> hub-coap: may the normal credential be used, and is it to be renewed at once? */
	MSG_IDENTITY = 0x3C,
	/* hubd -> hub-coap: a root of the clinic, as the config in use has it, in pieces */
	MSG_ANCHOR = 0x3D,
	/* hub-coap -> hubd: an order as the clinic sent it; and that there is something to tell of it */
	MSG_COMMAND = 0x3E,
	MSG_COMMAND_RESULT = 0x3F,
	/* each -> hubd */
	MSG_INCIDENT = 0x40,
	MSG_STATUS = 0x41,
	/* hub-ble -> hubd: a device was paired, or told what it is; hubd keeps it */
	MSG_BONDED = 0x42,
	/* hubd -> hub-ble: for so long readings are tests */
	MSG_TEST = 0x46,
	/* hubd -> hub-coap: an order to retire is there, or is not any more */
	MSG_LEAVING = 0x47,
	/* hubd -> hub-ble: the bond of one device is to go; STATUS_UNPAIRED follows */
	MSG_UNPAIR = 0x48,
	/* hub-ble -> hub-bondinfo, and its answer */
	MSG_LINK_ASK = 0x50,
	MSG_LINK_FACTS = 0x51,
	/* hub-measure -> hub-store: signed evidence, in pieces; and whether it is durable */
	MSG_EVIDENCE = 0x60,
	MSG_EVIDENCE_TAKEN = 0x61,
	/* the same of a snapshot, which hub-store has asked for with EVIDENCE_TAKEN */
	MSG_SNAPSHOT = 0x62,
	MSG_SNAPSHOT_TAKEN = 0x63,
	/* hub-console -> hubd: a line; and the answer */
	MSG_CONSOLE_ASK = 0x70,
	MSG_CONSOLE_ANSWER = 0x71,
	/* hub-console -> hubd: is somebody at the line? */
	MSG_CONSOLE_CABLE = 0x72,
	/* hubd -> hub-store: what people did, for the audit log */
	MSG_AUDIT = 0x73,
	/* hubd -> hub-store: write records to a stick; and how far that is */
	MSG_EXPORT = 0x74,
	MSG_EXPORTED = 0x75,
	/* hubd -> hub-store: what was done at the console, for the clinic; and that it is durable */
	MSG_ACCOUNT = 0x76,
	MSG_ACCOUNT_TAKEN = 0x77,
};

/* One captured value is named by (instance, capture): instance is drawn at random when hub-ble
 * starts, capture counts from 1 in it, so that a value handed over twice is stored once. */
struct msg_raw {
	uint64_t instance;
	uint64_t capture;
	uint32_t
		assignment; /* under which it was captured: it is sealed under no other */
	enum reading_kind kind;
	uint16_t characteristic;
	struct peripheral peripheral;
	struct capture_time captured;
	int16_t utc_offset_min;
	enum link_strength link;
	/* the link is not known to be encrypted with a good bond: kept in memory until DECODED or
	 * DISCARD says more, saved with MARK_UNVERIFIED if nothing comes */
	bool unverified;
	uint16_t raw_len;
	uint8_t raw[READING_RAW_MAX];
};

struct msg_decoded {
	uint64_t capture;
	enum record_class class;
	struct decoded decoded;
	struct clock_offset clock;
	enum attribution attribution;
	uint32_t history; /* see struct reading */
	/* takes the place of the RAW's: it may be known only now */
	enum link_strength link;
	bool unverified;
};

struct msg_discard {
	uint64_t capture;
};

/* The durable part of a device's memory. Of one device and service there is one. */
struct msg_memory {
	uint16_t num;	  /* local number of the device */
	uint16_t service; /* 16-bit UUID of the service whose memory it is */
	uint32_t
		assignment; /* under which it was met: under another one nothing is known of it */
	uint32_t history; /* which life of that memory; see struct reading */
	/* another value means another memory: start of a CGM session or the device's address, packed by
	 * hub-ble; 0: not known */
	uint64_t anchor;
	/* nothing was in it when the hub first met it: no mark yet, but everything is to be taken */
	bool empty;
	/* every record up to this number is durable or from before the hub's time */
	uint32_t mark;
	/* records up to this number were there at the first contact: never taken, never deleted */
	bool has_fence;
	uint32_t fence;
};

/* Why hub-store takes no readings. */
enum store_blocked {
	STORE_READY = 0,
	STORE_NO_CONFIG = 1, /* no sealing key or identity yet */
	STORE_FULL = 2,	     /* disk or quota */
	STORE_FAULT = 3,     /* database or key cannot be opened */
};

struct msg_store_state {
	enum store_blocked blocked;
};

struct msg_durable {
	uint64_t capture;
	/* false: not saved, reason in blocked; the device must keep it */
	bool durable;
	enum store_blocked blocked;
};

struct msg_batch {
	uint32_t id;	      /* names the batch in MSG_ACK; hub-store counts */
	uint8_t flags;	      /* enum batch_flag */
	uint64_t first, last; /* lowest and highest seq in it; 0 for a heartbeat */
	uint16_t len;
	uint8_t bytes[BATCH_BYTES_MAX]; /* COSE_Sign1, opaque to hub-coap */
};

struct msg_queue_state {
	uint64_t unsent;  /* records not yet acknowledged */
	uint64_t highest; /* highest seq ever given */
	bool alarm; /* one of the unsent is an alarm, also if no credit is left for it */
};

struct msg_want {
	uint8_t batches; /* credits: how many more batches hub-coap can hold */
	bool heartbeat;	 /* one of them even if it has no record */
	bool want_time;
	/* bytes that a signed batch may have, BATCH_BYTES_LEAST..BATCH_BYTES_FULL, 0: the most; one record alone may
	 * need more */
	uint16_t size;
};

struct msg_ack {
	uint32_t batch;
	bool recut; /* not judged by the clinic: its records are wanted again in smaller batches */
	struct reply reply;
};

enum { PIN_TEXT_MAX = 32, SYSTEM_ID_LEN = 8 };

#define PIN_SINCE_MAX_MS (CONFIG_CHANGE_MAX_S * 1000)

/* What a bonded device was found to be; any change afterwards is suspicious. */
struct device_pin {
	bool known;
	/* of a device configured without address: the one that was found */
	uint8_t addr[PERIPHERAL_ADDR_LEN];
	enum addr_type addr_type;
	enum link_strength strength;
	char serial[PIN_TEXT_MAX + 1]; /* "": not told, or not yet */
	bool has_system_id;
	uint8_t system_id[SYSTEM_ID_LEN];
	/* UTC: what it measured before was not of this pairing, or not of this assignment; 0: not known */
	int64_t since_ms;
};

struct msg_ble_config {
	uint32_t
		assignment; /* whose readings; another one: what devices keep is somebody else's */
	int16_t utc_offset_min;
	bool has_change;
	int64_t change_utc_s;
	int16_t change_offset_min;
	uint8_t level; /* lockdown level 0..4 */
	uint8_t device_count;
	struct config_device devices[CONFIG_DEVICES_MAX];
	struct device_pin pins[CONFIG_DEVICES_MAX]; /* of devices[] of the same index */
	uint8_t limit_count;
	struct limit limits[LIMITS_MAX]; /* each as limit_good */
};

/* hubd -> hub-ble: open a window, for ms_left from now; id 0: close it. */
struct msg_window {
	uint32_t id;
	uint16_t device; /* 0: each that has no bond */
	uint32_t ms_left;
	bool repair;
};

struct msg_unpair {
	uint16_t num;
};

struct msg_bonded {
	uint16_t num;
	struct device_pin pin; /* 'known' is true */
};

struct msg_link_ask {
	uint32_t cookie; /* comes back in the answer */
	uint8_t adapter[PERIPHERAL_ADDR_LEN];
	/* identity address, most significant octet first */
	uint8_t addr[PERIPHERAL_ADDR_LEN];
	enum addr_type addr_type;
};

/* What D-Bus does not tell about a bond and a link. */
struct msg_link_facts {
	uint32_t cookie;
	bool bonded; /* bluetoothd has a record with a long-term key */
	enum link_strength strength;
	uint8_t key_size; /* 7..16; 0: not known */
	bool has_irk;
	bool linked;	 /* there is a link to this address now */
	bool encrypted;	 /* and it is encrypted */
	uint16_t handle; /* of that link: another link has another handle */
};

enum { ENGINE_SHARE_LEN = 32, HEALTH_TRIGGER_LAST = 31, HEALTH_TRIGGER_LEVEL_MAX = 3 };

struct msg_store_config {
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
	uint32_t assignment;
	uint8_t seal_key_id;
	uint8_t seal_public[SEAL_PUBLIC_LEN];
	uint8_t level;		    /* lockdown level 0..4 */
	enum command_retire retire; /* ordered, or NONE; at level 4 it has taken effect */
	bool has_share;		    /* false from level 2 on: state.db stays closed */
	uint8_t share[ENGINE_SHARE_LEN];
};

struct msg_coap_config {
	uint64_t version; /* of the config that it is from */
	uint16_t heartbeat_s;
	uint8_t endpoint_count;
	struct config_endpoint endpoints[CONFIG_ENDPOINTS_MAX];
};

enum {
	IDENTITY_SHARE_LEN = 32,
	IDENTITY_LEVEL_WITHHELD =
		3, /* from this level on the emergency identity speaks */
};

/*
 * Which identity hub-coap may use. The private key of the normal one lies wrapped on the disk, and only this share opens it.
 * Told when the link comes up, with each level, and when a renewal is wanted.
 */
struct msg_identity {
	uint8_t level; /* lockdown level 0..4 */
	/* a credential that was asked for before this number was heard is to be replaced at once; it never goes down, 0: there
	 * is nothing to replace */
	uint32_t renewal;
	bool has_share; /* false at IDENTITY_LEVEL_WITHHELD */
	uint8_t share[IDENTITY_SHARE_LEN];
};

enum { OFFER_PIECE_MAX = 3072 };

/* A piece of a signed config, opaque to hub-coap. The pieces of one offer come in their order. */
struct msg_offer {
	uint32_t id;	  /* names the offer in MSG_VERDICT; hub-coap counts */
	uint64_t version; /* that the clinic said it has */
	uint16_t total;	  /* octets of all pieces, 1..CONFIG_BYTES_MAX */
	uint16_t offset;  /* of this piece */
	uint16_t len;	  /* 1..OFFER_PIECE_MAX */
	uint8_t bytes[OFFER_PIECE_MAX];
};

/* What became of an offer. The numbers are on the wire. */
enum offer_outcome {
	OFFER_NONE = 0,
	OFFER_TAKEN = 1, /* in use */
	OFFER_KNOWN = 2, /* it is the one in use */
	OFFER_REFUSED = 3,
	OFFER_LATER =
		4, /* it could not be written, or nothing is taken now: as if it had not come */
};

struct msg_verdict {
	uint32_t id;
	enum offer_outcome outcome;
	enum refusal why; /* REFUSAL_NONE unless refused */
};

/* An order, opaque to hub-coap, with the time that the same reply said. */
struct msg_command {
	uint64_t counter; /* as the clinic says */
	int64_t utc_ms;
	uint16_t len; /* 1..COMMAND_BYTES_MAX */
	uint8_t bytes[COMMAND_BYTES_MAX];
};

/* What became of the last command; the clinic hears it in the status. */
struct msg_command_result {
	uint64_t counter; /* 0: there was none */
	enum command_result result;
};

struct msg_leaving {
	bool leaving; /* the next factory reset is the end of this hub at this clinic */
};

struct msg_test {
	uint32_t ms_left; /* from now; 0: no more */
};

/* Where the hand-over from one assignment to another stands: hub/fence.h. The numbers are on the wire and in files. */
enum fence_step {
	FENCE_SETTLED = 0, /* the config's assignment is in force */
	FENCE_QUIET = 1,   /* hub-ble takes nothing more and hands over what it has */
	FENCE_SAVED = 2,   /* hub-store makes durable what it has */
	FENCE_FORGET = 3, /* hub-ble removes bonds and all that it knows of the devices */
	FENCE_CLEARED = 4, /* as FENCE_SAVED: what came until the last bond was gone */
	FENCE_SEAL = 5,	   /* hub-store seals under the new one */
	FENCE_STEP_LAST = FENCE_SEAL,
};

/* For people: "settled". */
const char *fence_step_text(enum fence_step s);

/* hubd asks for a step, FENCED answers; asked again, the last ask is answered. */
struct msg_fence {
	uint32_t ask; /* comes back in the answer */
	enum fence_step step;
	uint32_t assignment; /* that is to come */
};

enum {
	/* Of the file clinic.trust; trust.h has the same. */
	ENROLMENT_TRUST_MAX = 4176,
	ENROLMENT_PIECE_MAX = 3072,
	SIGN_KEYS_PUBLIC_LEN = 65,
	SIGN_KEYS_AUDIT_LEN = 32,
};

/* How far the enrolment is. With each change; the file in pieces, in their order, when the link comes up or it has changed. */
struct msg_enrolment {
	enum enrol_state state;
	enum enrol_trouble trouble;
	bool renewing;	/* another credential is on its way beside the one in use */
	uint32_t epoch; /* of the credential in use, 0: there is none */
	bool has_hub;
	uint8_t hub[HUB_ID_LEN];
	/* of clinic.trust, whose signature hubd looks at itself: octets of the whole (0: not there), from where, how many
	 * (0: the file is not told this time) */
	uint16_t total, offset, len;
	uint8_t bytes[ENROLMENT_PIECE_MAX];
};

enum { ANCHOR_BYTES_MAX = CONFIG_TRUST_MAX + CONFIG_CROSS_MAX };

/* As struct config_root: its clinic.trust, and behind it the certificate. The pieces in their order; a first one begins anew. */
struct msg_anchor {
	bool only;
	uint16_t trust;		     /* octets of clinic.trust */
	uint16_t total, offset, len; /* of both; len at least 1 */
	uint8_t bytes[ENROLMENT_PIECE_MAX];
};

/* What a hub says with its confirmation. The question has the epoch only. */
struct msg_sign_keys {
	uint32_t epoch; /* that is to be confirmed */
	bool has_sign;
	uint8_t sign_public[SIGN_KEYS_PUBLIC_LEN]; /* verifies batches */
	/* key 0 of the audit log, as long as the log has not begun with it; secret */
	bool has_audit;
	uint8_t audit_key[SIGN_KEYS_AUDIT_LEN];
};

/* A piece of signed evidence: its bytes are one record's (evidence_piece_encode), opaque to hub-store. */
struct msg_evidence {
	uint64_t counter;     /* of the evidence; a piece of another one begins anew */
	uint8_t index, total; /* 0..total-1, in their order */
	uint16_t
		findings; /* confirmed ones in processes of the hub's own, for the audit log */
	uint16_t len;
	uint8_t bytes[EVIDENCE_PIECE_BODY_MAX];
};

struct msg_evidence_taken {
	uint64_t counter;
	uint64_t snapshot; /* the one that is wanted (snapshot_number); 0: none */
};

/* A piece of a snapshot's signed texts. */
struct msg_snapshot {
	uint64_t number;
	uint16_t index, total; /* 0..total-1, in their order; index 0 begins anew */
	uint16_t len;
	uint8_t bytes[SNAPSHOT_PIECE_MAX];
};

struct msg_snapshot_taken {
	uint64_t number;
	uint16_t count; /* pieces from the first on that are durable */
	bool whole; /* all that belongs to the snapshot is, hub-store's own part too */
};

/* What is written to a stick. The numbers are on the wire and in the file (carried.h). */
enum export_what {
	EXPORT_NONE = 0, /* no more of it */
	EXPORT_EVIDENCE = 1,
	EXPORT_QUEUE = 2,
	EXPORT_WHAT_LAST = EXPORT_QUEUE,
};

struct msg_export {
	uint32_t ask; /* comes back in the answer */
	enum export_what what;
};

enum export_state {
	EXPORT_STATE_NONE = 0,
	EXPORT_WORKING = 1, /* now and then, as long as it does */
	EXPORT_DONE = 2,    /* it is on the stick, and would survive that it is pulled */
	EXPORT_NO_STICK = 3,
	EXPORT_STICK_FULL = 4,
	EXPORT_FAILED = 5,
	EXPORT_NOTHING = 6, /* there is nothing to write */
	EXPORT_STATE_LAST = EXPORT_NOTHING,
};

struct msg_exported {
	uint32_t ask;
	enum export_state state;
	uint64_t records, bytes; /* so far */
};

/* An account of a session at the console: its bytes are one record's (console_account_encode). */
struct msg_account {
	uint64_t number; /* as in the bytes */
	uint16_t len;
	uint8_t bytes[CONSOLE_ACCOUNT_BYTES_MAX];
};

struct msg_account_taken {
	uint64_t number;
};

/* UTC as the clinic said it, tied to the monotonic clock. */
struct msg_time {
	struct mono at;
	struct wall utc; /* UTC at 'at' */
};

/* msg_time_ms - UTC ms at 'now', by what the message says. */
static inline int64_t msg_time_ms(const struct msg_time *t, struct mono now)
{
	return t->utc.ms + (int64_t)mono_since(now, t->at);
}

/* What went wrong. The numbers are on the wire. */
enum incident {
	INCIDENT_NONE = 0,
	INCIDENT_RADIO_GARBAGE = 2,  /* malformed or forbidden things from a peripheral */
	INCIDENT_RADIO_IMPOSTOR = 3, /* a bonded address without the bond's key */
	INCIDENT_SERVER_IDENTITY = 4, /* chain good, name or pin wrong */
	INCIDENT_HANDSHAKE = 5,	      /* any other failed handshake */
	INCIDENT_TIME = 6,	      /* clocks disagree */
	INCIDENT_DECODER = 7,	      /* a decoder died or was too slow */
	INCIDENT_STORAGE = 8,	      /* disk, quota, database or key */
	INCIDENT_USB = 10,	      /* T10: something new in a port */
	/* T11: subject 1: another card, 2: another way to boot */
	INCIDENT_CASE = 11,
	/* T12: code in a process of the hub's that the image does not have; subject: enum finding_kind */
	INCIDENT_CODE = 12,
	INCIDENT_IPC = 13,	/* a message the table forbids */
	INCIDENT_AUDIT = 14,	/* the audit log's chain is broken, not by a torn tail */
	INCIDENT_ROLLBACK = 15, /* older state than the clinic has seen */
	INCIDENT_SOCKET =
		16, /* T16: a user of the hub's has an open port, or talks and may not */
	INCIDENT_CONFIG = 20,  /* config refused */
	INCIDENT_REFUSED = 21, /* the clinic refused a record */
	INCIDENT_RESTORED =
		22, /* the clinic has less than it had; subject 1: and did not say so */
};

const char *incident_text(enum incident i);

struct msg_incident {
	enum incident what;
	uint16_t subject; /* local device number, role, ... 0 = none */
	uint32_t count;	  /* since the last message about the same */
};

enum status_what {
	STATUS_NONE = 0,
	STATUS_ADAPTER = 1, /* a: 1 usable, 0 not */
	STATUS_DEVICE = 2,  /* a: local number, b: enum device_state */
	STATUS_SAVED = 3,   /* a: unsent records, b: highest seq */
	STATUS_BLOCKED = 4, /* a: enum store_blocked */
	STATUS_UPLINK =
		5, /* a: 1 connected, 0 not; b: handshakes begun since hub-coap's start */
	STATUS_DELIVERED = 6, /* a: unsent records left, b: contig */
	STATUS_WINDOW = 7,    /* a: id of the window, b: enum window_state */
	STATUS_REASON = 8,    /* a: local number, b: enum silence_reason */
	/* a: version of the config; b: 0 one of its endpoints has acknowledged something, else enum trial: why none has */
	STATUS_ENDPOINTS = 9,
	STATUS_SEEN = 10,    /* a: local number, b: mono ms: advertised or connected */
	STATUS_READING = 11, /* a: local number, b: mono ms: captured, and durable now */
	STATUS_BATTERY = 12, /* a: local number, b: percent */
	/* a: local number, b: how slow its clock was found, ms, two's complement */
	STATUS_CLOCK = 13,
	/* a: local number, b: dBm just before it connected last, -127..-1, two's complement; 0: not known */
	STATUS_SIGNAL = 14,
	/* a: round trip to the clinic, ms, at most PATH_TRIP_MAX_MS; b: of the last b >> 8 requests, at most
	 * PATH_REQUESTS_MAX, b & 255 were sent more than once. Both 0: nothing is known of this way */
	STATUS_PATH = 15,
	/* of hub-store: nothing more to deliver, the reset is asked for; a, b: 0 */
	STATUS_RETIRED = 16,
	/* a: local number, b: mono ms: captured, and outside the config's limits; 0: the last one was within them */
	STATUS_LIMITS = 17,
	/* of hub-store, a: lock epoch: the clinic has what HEALTH's escrow of it says; b: escrow_name of it */
	STATUS_ESCROW = 18,
	/* of hub-measure: it has looked; a: confirmed findings in the hub's own processes, b: first 8 octets of the digest
	 * of what it saw */
	STATUS_MEASURED = 19,
	/* of hub-coap, a: the first 8 octets of the SHA-256 of the root that it holds its clinic by; b: 1 another one beside it,
	 * 2 that one alone, on trial */
	STATUS_ANCHOR = 20,
	/* of hub-ble, a: local number; b: 1 there is no bond with it any more, as hubd wanted, 0 not yet */
	STATUS_UNPAIRED = 21,
	/* of hub-store: no reset is asked for, though two people have ordered one; a: unsent records, b: 0 */
	STATUS_RESET_REFUSED = 22,
	STATUS_WHAT_LAST = STATUS_RESET_REFUSED,
};

enum {
	SIGNAL_MIN_DBM = -127,
	SIGNAL_MAX_DBM = -1,
	PATH_TRIP_MAX_MS = 60000,
	PATH_REQUESTS_MAX = 20,
};

/* How good the way to the clinic is. */
struct path_quality {
	uint16_t trip_ms; /* round trip, smoothed; valid if requests are not 0 */
	/* how many of the last ones were looked at, 0: nothing is known; how many of them were sent more than once */
	uint8_t requests, again;
};

enum window_state {
	WINDOW_OPEN = 1,
	WINDOW_DONE = 2,	   /* paired, and a test reading came */
	WINDOW_OVER = 3,	   /* time is up */
	WINDOW_TWO_CANDIDATES = 4, /* refused: take one of them away and open it again */
};

/* Why a device is silent, or cannot be paired: what the bond doctor found (ble/doctor.h). */
enum silence_reason {
	SILENCE_NONE = 0,
	SILENCE_UNSEEN = 1, /* no sign of the device: nobody measures, or out of range */
	/* B1: bond here, encryption fails each time: the device lost its bond, or a copy is near */
	SILENCE_DEVICE_FORGOT = 2,
	SILENCE_HUB_FORGOT = 3, /* B2: allowed, no bond here */
	/* B3: connects and drops at once, bond fine: bonded to a phone */
	SILENCE_TAKEN = 4,
	/* B4: another serial, system id or strength than pinned: replaced or copied */
	SILENCE_CHANGED = 5,
	SILENCE_SERVICES = 6,	/* B5: services missing or moved */
	SILENCE_ADAPTER = 7,	/* B6: no adapter, or it hears nothing at all */
	SILENCE_WEAK = 8,	/* B7: battery low or signal weak */
	SILENCE_PASSKEY = 9,	/* B8: wrong passkey, or none configured */
	SILENCE_KEY_SHORT = 10, /* encryption key below 16 octets: refused */
	SILENCE_CONSENT = 11,	/* the scale refuses the consent code */
	SILENCE_REASON_LAST = SILENCE_CONSENT,
};

const char *silence_reason_text(enum silence_reason r);

enum device_state {
	DEVICE_UNBONDED = 0,
	DEVICE_PAIRING = 1,
	DEVICE_BONDED = 2,
	DEVICE_CONNECTED = 3,
	DEVICE_BOND_LOST = 4,
	DEVICE_PAIRING_FAILED = 5,
};

struct msg_status {
	enum status_what what;
	uint64_t a, b;
};

/* What hubd knows of one device. */
struct health_device {
	uint16_t num;
	bool told; /* hub-ble has told its state */
	enum device_state state;
	enum silence_reason reason;
	bool seen, read;
	struct mono seen_at, read_at; /* all zero if not */
	uint8_t battery;	      /* percent, 255: not known */
	bool has_clock_error;
	int32_t clock_error_s; /* positive: slow */
	int8_t signal_dbm;     /* just before it connected last; 0: not known */
};

enum { HEALTH_TRIGGERS_MAX = 4, ESCROW_SEALED_LEN = 82 };

/* What ends level 3 (hub/escrow.h), as it goes to the clinic. */
struct escrow_sealed {
	bool there;
	uint32_t lock_epoch; /* in which it was drawn */
	uint8_t bytes[ESCROW_SEALED_LEN];
};

/* escrow_name - names it in STATUS_ESCROW: the first 8 octets of its encapsulated key. Pure. */
uint64_t escrow_name(const uint8_t bytes[static ESCROW_SEALED_LEN]);

/* What the hub has noticed against itself: hub/triggers.h. */
struct health_trigger {
	uint8_t id;	/* enum trigger, 1..HEALTH_TRIGGER_LAST */
	uint16_t peer;	/* local number of a device, a process, or 0 */
	uint32_t count; /* so often, since it was quiet */
	uint8_t to;	/* the level that it calls for, 0..3 */
};

/* hubd -> hub-store, which adds what it knows itself and tells the clinic (status.h). */
struct msg_health {
	uint8_t level; /* of the lockdown, 0..4 */
	uint8_t light; /* enum indicator_light */
	enum clock_quality clock;
	bool radio; /* an adapter works */
	uint64_t config_version;
	/* of the last config of whose endpoints one has acknowledged something, if that is not the one in use; 0 */
	uint64_t proven_version;
	uint64_t
		refused_version; /* that the clinic offered last and was refused; 0: none */
	enum refusal refusal;	 /* why */
	enum trial
		trial; /* why the one in use has not proven itself; TRIAL_NONE: it has, or it is not known */
	uint32_t assignment;		   /* in force */
	enum fence_step fence;		   /* of the hand-over to another one */
	enum enrol_state enrolment;	   /* ENROL_NONE: hub-coap has not said */
	enum enrol_trouble trouble;	   /* that its renewal has, too */
	struct msg_command_result command; /* the last one */
	bool retiring;			   /* an order to retire was taken */
	uint32_t lock_epoch;		   /* so many releases there were */
	/* what a release from afar, at level 2 or 1, has to name beside it, if there is something to name */
	bool challenged;
	uint8_t nonce[COMMAND_NONCE_LEN];
	struct path_quality path;
	struct escrow_sealed escrow;
	uint8_t trigger_count;
	struct health_trigger
		triggers[HEALTH_TRIGGERS_MAX]; /* those of the highest level first */
	uint8_t device_count;
	struct health_device devices[CONFIG_DEVICES_MAX]; /* ascending num */
};

struct msg {
	enum msg_kind kind;
	union {
		struct msg_raw raw;
		struct msg_decoded decoded;
		struct msg_discard discard;
		struct msg_memory memory;
		struct msg_store_state store_state;
		struct msg_durable durable;
		struct msg_batch batch;
		struct msg_queue_state queue_state;
		struct msg_want want;
		struct msg_ack ack;
		struct msg_ble_config ble_config;
		struct msg_store_config store_config;
		struct msg_coap_config coap_config;
		struct msg_window window;
		struct msg_offer offer;
		struct msg_verdict verdict;
		struct msg_command command;
		struct msg_command_result command_result;
		struct msg_test test;
		struct msg_unpair unpair;
		struct msg_health health;
		struct msg_fence fence; /* also of MSG_FENCED */
		struct msg_enrolment enrolment;
		struct msg_anchor anchor;
		struct msg_leaving leaving;
		struct msg_sign_keys sign_keys;
		struct msg_identity identity;
		struct msg_bonded bonded;
		struct msg_link_ask link_ask;
		struct msg_link_facts link_facts;
		struct msg_evidence evidence;
		struct msg_evidence_taken evidence_taken;
		struct msg_snapshot snapshot;
		struct msg_snapshot_taken snapshot_taken;
		struct msg_console_ask console_ask;
		struct msg_console_answer console_answer;
		struct msg_console_cable console_cable;
		struct audit_event audit;
		struct msg_export export;
		struct msg_exported exported;
		struct msg_account account;
		struct msg_account_taken account_taken;
		struct msg_time time;
		struct msg_incident incident;
		struct msg_status status;
	};
};

/*
 * msg_encode - the bytes of one message.
 *
 * buf, cap   receives them; MSG_BYTES_MAX always suffices
 *
 * Returns the length, -ENOSPC, or -ERANGE (unknown kind, count over its maximum: our own bug). Pure.
 */
int msg_encode(const struct msg *m, uint8_t *buf, size_t cap);

/*
 * msg_decode - parse one message; every count, enum and length is checked.
 *
 * Returns 0, -EBADMSG (wrong length for its kind), -ENOTSUP (version or kind), -ERANGE (a field). Pure.
 */
int msg_decode(const uint8_t *buf, size_t len, struct msg *ret);

/* msg_allowed - may 'from' send this kind to 'to'? The table. Pure. */
bool msg_allowed(enum msg_kind kind, enum role from, enum role to);
