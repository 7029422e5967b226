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

#include "hub/core/batch.h"
#include "hub/core/config.h"
#include "hub/core/reading.h"

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
};

const char *role_text(enum role r);

enum msg_kind {
	MSG_NONE = 0,
	/* hub-ble -> hub-store */
	MSG_RAW = 0x10, /* a value arrived; nothing else is needed to save it */
	/* what the decoder made of the RAW with the same capture */
	MSG_DECODED = 0x11,
	/* hub-store -> hub-ble */
	MSG_STORE_STATE = 0x18, /* may readings be taken? */
	MSG_DURABLE = 0x19,	/* this capture is on disk, or was refused */
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
	/* each -> hubd */
	MSG_INCIDENT = 0x40,
	MSG_STATUS = 0x41,
};

/* One captured value is named by (instance, capture): instance is drawn at random when hub-ble
 * starts, capture counts from 1 in it, so that a value handed over twice is stored once. */
struct msg_raw {
	uint64_t instance;
	uint64_t capture;
	enum reading_kind kind;
	uint16_t characteristic;
	struct peripheral peripheral;
	struct capture_time captured;
	int16_t utc_offset_min;
	enum link_strength link;
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
};

struct msg_want {
	uint8_t batches; /* credits: how many more batches hub-coap can hold */
	bool heartbeat;	 /* one of them even if it has no record */
	bool want_time;
};

struct msg_ack {
	uint32_t batch;
	struct reply reply;
};

struct msg_ble_config {
	int16_t utc_offset_min;
	uint8_t device_count;
	struct config_device devices[CONFIG_DEVICES_MAX];
};

enum { ENGINE_SHARE_LEN = 32 };

struct msg_store_config {
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
	uint32_t assignment;
	uint8_t seal_key_id;
	uint8_t seal_public[SEAL_PUBLIC_LEN];
	uint8_t level;	/* lockdown level 0..4 */
	bool has_share; /* false at levels 2 and 3: state.db stays closed */
	uint8_t share[ENGINE_SHARE_LEN];
};

struct msg_coap_config {
	uint16_t heartbeat_s;
	uint8_t endpoint_count;
	struct config_endpoint endpoints[CONFIG_ENDPOINTS_MAX];
};

/* UTC as the clinic said it, tied to the monotonic clock. */
struct msg_time {
	struct mono at;
	struct wall utc; /* UTC at 'at' */
};

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
	INCIDENT_IPC = 13,	      /* a message the table forbids */
	INCIDENT_ROLLBACK = 15,	      /* older state than the clinic has seen */
	INCIDENT_CONFIG = 20,	      /* config refused */
	INCIDENT_REFUSED = 21,	      /* the clinic refused a record */
};

const char *incident_text(enum incident i);

struct msg_incident {
	enum incident what;
	uint16_t subject; /* local device number, role, ... 0 = none */
	uint32_t count;	  /* since the last message about the same */
};

enum status_what {
	STATUS_NONE = 0,
	STATUS_ADAPTER = 1,   /* a: 1 usable, 0 not */
	STATUS_DEVICE = 2,    /* a: local number, b: enum device_state */
	STATUS_SAVED = 3,     /* a: unsent records, b: highest seq */
	STATUS_BLOCKED = 4,   /* a: enum store_blocked */
	STATUS_UPLINK = 5,    /* a: 1 connected, 0 not */
	STATUS_DELIVERED = 6, /* a: unsent records left, b: contig */
};

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

struct msg {
	enum msg_kind kind;
	union {
		struct msg_raw raw;
		struct msg_decoded decoded;
		struct msg_store_state store_state;
		struct msg_durable durable;
		struct msg_batch batch;
		struct msg_queue_state queue_state;
		struct msg_want want;
		struct msg_ack ack;
		struct msg_ble_config ble_config;
		struct msg_store_config store_config;
		struct msg_coap_config coap_config;
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
