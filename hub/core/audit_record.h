#pragma once

/*
 * audit_record.h - one record of the audit log, and a checkpoint's payload, as deterministic CBOR.
 *
 * A record says who did what to what, when, and with which result. It never holds patient data: devices are local
 * numbers, readings are ranges of seq, free text is short printable ASCII that our own code chooses.
 * Byte table: docs/MESSAGES.md, 'Audit record'. What binds records to each other: hub/crypto/audit_chain.h.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/envelope.h"
#include "hub/core/time.h"

enum {
	AUDIT_RECORD_VERSION = 1,
	AUDIT_HASH_LEN = 32,
	AUDIT_DETAIL_MAX = 64,
	AUDIT_DATA_MAX = 192,
	AUDIT_RECORD_MAX = 300,
	AUDIT_CHECKPOINT_MAX = 115, /* payload; 189 signed */
};

/* What happened. The numbers are on the disk: never used again, never renumbered. */
enum audit_kind {
	AUDIT_NONE = 0,
	/* life */
	AUDIT_START = 1, /* the log was opened: first record of each boot */
	AUDIT_STOP = 2,
	AUDIT_BOOT = 3,
	AUDIT_UNCLEAN = 4, /* the life before had no end */
	AUDIT_CLOCK_STEP = 5,
	AUDIT_CONFIG_CHANGE = 6,
	AUDIT_FIRMWARE_CHANGE = 7,
	AUDIT_MEASUREMENT =
		8, /* evidence of hub-measure; object: confirmed findings; detail: which one */
	/* keys */
	AUDIT_KEY_LOAD = 16,
	AUDIT_KEY_ROTATE = 17,
	AUDIT_KEY_ERASE = 18,
	AUDIT_KEY_PROVIDER_FAILURE = 19,
	/* lockdown */
	AUDIT_LEVEL = 32, /* object: level before and after; detail: trigger */
	AUDIT_RELEASE = 33,
	AUDIT_STATE_CLOSED = 34,
	AUDIT_STATE_OPENED = 35,
	AUDIT_SPOOL_BEGIN = 36,
	AUDIT_SPOOL_END = 37,
	/* data */
	AUDIT_UPLOAD_ACKED = 48,
	AUDIT_EVICTION = 49,
	AUDIT_TOMBSTONE = 50,
	AUDIT_DEAD_LETTER = 51,
	AUDIT_SEGMENT_ASIDE = 52, /* a damaged file was set aside */
	AUDIT_TAIL_CUT = 53,
	AUDIT_STORAGE_FAULT = 54,
	AUDIT_NO_SPACE = 55,
	/* radio */
	AUDIT_PAIRING = 64,
	AUDIT_BOND_LOST = 65,
	AUDIT_BOND_REMOVED = 66,
	AUDIT_PEER_AUTH_FAILURE = 67, /* summarised */
	/* people */
	AUDIT_CONSOLE_SESSION = 80,
	AUDIT_CONSOLE_VERB = 81,
	AUDIT_COMMAND = 82, /* detail: signer */
	AUDIT_EXPORT = 83,
	/* the log itself */
	AUDIT_CHECKPOINT = 96,
	AUDIT_HEARTBEAT = 97,
	AUDIT_RECEIPT = 98, /* the clinic has a checkpoint; object: its size */
	AUDIT_GAP = 99,	    /* events that could not be written; object: how many */
	AUDIT_WRAP = 100,   /* oldest segment given up; object: its records */
	AUDIT_BROKEN = 101, /* the log found at start is not the one that was left */
};

/* How it ended; worst last. */
enum audit_outcome {
	AUDIT_OUTCOME_NONE = 0,
	AUDIT_SUCCESS = 1,
	AUDIT_MINOR_FAILURE = 2,
	AUDIT_SERIOUS_FAILURE = 3,
	AUDIT_MAJOR_FAILURE = 4,
};

/* Who did it; agent_id says which one. */
enum audit_agent {
	AUDIT_AGENT_NONE = 0,
	AUDIT_AGENT_HUB = 1,	   /* id: enum role */
	AUDIT_AGENT_CLINIC = 2,	   /* id: 0 */
	AUDIT_AGENT_PERSON = 3,	   /* id: 0; who it was: detail */
	AUDIT_AGENT_DEVICE = 4,	   /* id: local number */
	AUDIT_AGENT_AUTHORITY = 5, /* release signer; id: its number */
};

/* To what; the two numbers a and b depend on it. */
enum audit_object {
	AUDIT_OBJECT_NONE = 0,
	AUDIT_OBJECT_READINGS = 1, /* seq a..b */
	AUDIT_OBJECT_DEVICE = 2,   /* a: local number */
	AUDIT_OBJECT_KEY = 3,	   /* a: enum slot_purpose, b: generation */
	AUDIT_OBJECT_LEVEL = 4,	   /* a: before, b: after */
	AUDIT_OBJECT_QUEUE = 5,	   /* a: segment */
	AUDIT_OBJECT_LOG = 6,	   /* a: segment of the audit log, b: octets */
	AUDIT_OBJECT_RECORDS = 7,  /* records a..b of the audit log */
	AUDIT_OBJECT_CONFIG = 8,   /* a: version */
	AUDIT_OBJECT_FIRMWARE = 9, /* a: version before, b: after */
	AUDIT_OBJECT_COUNT = 10,   /* a: how many */
	AUDIT_OBJECT_CLOCK = 11,   /* a: step forward in ms, b: step back */
	AUDIT_OBJECT_STATE = 12,   /* state.db */
	AUDIT_OBJECT_SPOOL = 13,   /* a: readings in it */
};

/* What the caller of the log says. */
struct audit_event {
	enum audit_kind kind;
	enum audit_outcome outcome;
	enum audit_agent agent;
	uint32_t agent_id;
	uint8_t source; /* enum role: the process that noticed it */
	enum audit_object object;
	uint64_t a, b;			   /* see enum audit_object */
	char detail[AUDIT_DETAIL_MAX + 1]; /* printable ASCII, may be empty */
};

/* What the log makes of it. */
struct audit_record {
	uint64_t number;  /* 1 and up, no gap */
	uint32_t boot;	  /* how often the log was opened, this time included */
	uint64_t epoch;	  /* of the MAC key, 1 and up, no gap */
	struct wall wall; /* uncertainty is not kept: UINT32_MAX after decoding */
	struct mono mono; /* never goes back within one boot */
	struct audit_event event;
	const uint8_t *data;	      /* checkpoint, receipt: else empty; borrowed */
	size_t data_len;	      /* 0..AUDIT_DATA_MAX */
	uint8_t prev[AUDIT_HASH_LEN]; /* chain head before this record */
};

/* audit_event_check - may it be written? Returns 0, -EMSGSIZE (detail not ended), -ERANGE (a detail that is not printable
 * ASCII, an enum out of its range). Pure. */
int audit_event_check(const struct audit_event *e);

/* audit_record_encode - Returns the length, -ENOSPC, or as audit_event_check and -ERANGE for number, boot or epoch 0, data
 * too long, no such quality. Pure. */
int audit_record_encode(const struct audit_record *r, uint8_t *buf, size_t cap);

/*
 * audit_record_decode - one whole record; takes only the bytes that audit_record_encode makes.
 *
 * Returns 0 with *ret, data borrowed from buf, or -EMSGSIZE (longer than AUDIT_RECORD_MAX), -EBADMSG, -ERANGE, -ENOTSUP
 * (version). Pure.
 */
int audit_record_decode(const uint8_t *buf, size_t len, struct audit_record *ret);

/* What a checkpoint says and the hub signs: the log up to and including record 'size'. */
struct audit_checkpoint {
	uint8_t hub[HUB_ID_LEN];
	uint32_t enrolment; /* enrolment epoch */
	uint64_t size;
	uint8_t root[AUDIT_HASH_LEN]; /* of the tree over its records, RFC 9162 */
	uint8_t head[AUDIT_HASH_LEN]; /* of the chain */
	uint32_t boot;
	uint64_t highest_seq; /* ever given by the queue */
};

/* audit_checkpoint_encode - Returns the length or -ENOSPC. Pure. */
int audit_checkpoint_encode(const struct audit_checkpoint *c, uint8_t *buf, size_t cap);
/* audit_checkpoint_decode - Returns 0, -EBADMSG, -ERANGE, -EMSGSIZE or -ENOTSUP (version). Pure. */
int audit_checkpoint_decode(const uint8_t *buf, size_t len, struct audit_checkpoint *ret);

/* A word for people and for exports, or NULL for a number that is none of ours. Pure. */
const char *audit_kind_text(enum audit_kind k);
const char *audit_group_text(enum audit_kind k); /* life, keys, lockdown ... */
const char *audit_outcome_text(enum audit_outcome o);
const char *audit_agent_text(enum audit_agent a);
const char *audit_object_text(enum audit_object o);
