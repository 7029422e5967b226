#pragma once

/*
 * batch.h - what goes up (a batch of sealed records) and what comes back (the reply), as CBOR.
 *
 * hub-store builds batches, the clinic parses them; the clinic builds replies, hub-coap parses them. The batch
 * is the payload of a COSE_Sign1 (cose.h). Byte tables: docs/MESSAGES.md, 'Upload' and 'Reply'.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/command.h"
#include "hub/core/envelope.h"
#include "hub/core/time.h"

enum {
	BATCH_VERSION = 4,
	BATCH_VERSION_PLAIN = 3,  /* without a status: that is how it is written then */
	BATCH_VERSION_OLDEST = 2, /* that is still read: it has no checkpoint */
	BATCH_BYTES_FULL =
		1024, /* signed batch of more than one thing, so that it fits one datagram */
	BATCH_BYTES_LEAST = 256, /* where a path takes no larger ones */
	/* With one record of the largest size: below 1,280 bytes with all that is around it. */
	BATCH_BYTES_MAX = 1184,
	BATCH_RECORDS_MAX = 32,
	BATCH_TOMBSTONES_MAX = 8,
	BATCH_CHECKPOINT_MAX = 192,
	BATCH_STATUS_MAX = 864,
	SEALED_BODY_MAX = 1000,
	REPLY_BYTES_MAX = 608 + 16 + COMMAND_BYTES_MAX,
	REPLY_RANGES_MAX = 16,
	REPLY_REFUSED_MAX = 16,
	RECEIPT_HASH_LEN = 32,
};

enum batch_flag {
	BATCH_WANT_TIME = 1 << 0, /* please say the time */
	BATCH_ALARM = 1 << 1,
	BATCH_SUSPECT = 1 << 2, /* hub is quarantined (level 2 and above) */
	BATCH_RESEND = 1 << 3,
	BATCH_SEALED = 1 << 4, /* hub is sealed (level 3) */
};

struct record {
	uint32_t assignment;
	uint64_t seq;
	enum record_class class;
	uint8_t kind;
	const uint8_t *body; /* sealed; borrowed */
	size_t body_len;     /* 1..SEALED_BODY_MAX */
};

/* Why a number will never come as a record. The numbers are on the wire and on both disks. */
enum tombstone_cause {
	TOMBSTONE_NONE = 0,
	TOMBSTONE_EVICTED =
		1, /* given up for want of space, the oldest first; no evidence was left then */
	TOMBSTONE_DAMAGED = 2,	 /* no longer readable on the hub */
	TOMBSTONE_SKIPPED = 3,	 /* number never used, as far as the hub can tell */
	TOMBSTONE_DISCARDED = 4, /* by order */
	TOMBSTONE_REFUSED = 5,	 /* by the clinic; the hub keeps it aside */
	TOMBSTONE_DELIVERED =
		6, /* the clinic said once that it has it; the hub has let it go */
	TOMBSTONE_EVIDENCE =
		7, /* no reading: the hub's own evidence (reading_is_evidence), given up for want of space */
	TOMBSTONE_CAUSES = 8,
};

/* Numbers that stand for no record any more; they count as if they had come. */
struct tombstone {
	uint64_t first, last;	 /* both included */
	enum record_class class; /* CLASS_NONE: not known */
	enum tombstone_cause cause;
};

struct batch {
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
	/* highest contiguous seq the hub has recorded as durable at the clinic */
	uint64_t acked;
	uint8_t flags;	  /* enum batch_flag */
	uint64_t queued;  /* unsent records on the hub when the batch was made */
	uint64_t highest; /* highest seq ever given on the hub, 0 if none */
	size_t record_count;
	struct record records[BATCH_RECORDS_MAX]; /* ascending seq */
	size_t tombstone_count;
	struct tombstone tombstones[BATCH_TOMBSTONES_MAX]; /* ascending, disjoint */
	/* signed checkpoint of the hub's audit log; length 0: none rides on this batch. Borrowed */
	const uint8_t *checkpoint;
	size_t checkpoint_len;
	/* how the hub and its devices are (status.h), not looked at here; length 0: not in this batch. Borrowed */
	const uint8_t *status;
	size_t status_len;
};

/* batch_encode - payload bytes. Returns the length, or -ENOSPC. Pure. */
int batch_encode(const struct batch *b, uint8_t *buf, size_t cap);

/* Bytes that one more record of this body length takes in a batch, at most. Pure. */
size_t batch_record_cost(size_t body_len);

enum { BATCH_TOMBSTONE_COST = 1 + 9 + 9 + 1 + 1 }; /* the same of one more tombstone */
enum {
	BATCH_CHECKPOINT_COST = 1
}; /* of a checkpoint beside its own bytes: without one there is a byte, too */
enum { BATCH_STATUS_COST = 3 }; /* the same of a status */

/*
 * batch_decode - parse a payload; bodies, checkpoint and status stay in buf, borrowed.
 *
 * Returns 0, or -EBADMSG (not this format), -ERANGE (seq 0 or not ascending, too many records, body too long,
 * unknown class; tombstones too many, empty, not ascending, above the highest seq, of an unknown class or
 * cause; checkpoint or status too long), -ENOTSUP (another version, whatever follows). Pure.
 */
int batch_decode(const uint8_t *buf, size_t len, struct batch *ret);

struct seq_range {
	uint64_t first, last; /* both included */
};

struct refused {
	uint64_t seq;
	uint8_t reason; /* enum refused_reason */
};

enum refused_reason {
	REFUSED_NONE = 0,
	REFUSED_MALFORMED = 1,
	REFUSED_TOO_LARGE = 2,
};

struct reply {
	bool has_contig;
	/* all of 1..contig, records and tombstones, are durable at the clinic; without it
	 * nothing is acknowledged */
	uint64_t contig;
	size_t range_count;
	/* durable above contig; ascending, disjoint */
	struct seq_range ranges[REPLY_RANGES_MAX];
	size_t refused_count;
	struct refused refused[REPLY_REFUSED_MAX];
	bool has_time;
	int64_t utc_ms;			 /* the clinic's clock */
	enum clock_quality time_quality; /* the clinic's own opinion of it */
	/* the clinic has less than the hub's 'acked': all from here on that it does not name again is
	 * to be sent again; 0: no such wish */
	uint64_t resync_from;
	/* the clinic wants this version of the config in use; 0: the one that is, as far as it knows */
	uint64_t config_version;
	/* an order that the clinic has for this hub, opaque here, and the counter that the clinic says it has; len 0: none */
	uint64_t command_counter;
	size_t command_len;
	uint8_t command[COMMAND_BYTES_MAX];
	/* server's limit of batches in flight, 0 = none given */
	uint8_t window;
	/* the clinic has stored this checkpoint of the audit log; 0: none */
	uint64_t receipt_size;
	uint8_t receipt_hash[RECEIPT_HASH_LEN]; /* SHA-256 of its signed bytes */
};

/* reply_encode - Returns the length, or -ENOSPC. Pure. */
int reply_encode(const struct reply *r, uint8_t *buf, size_t cap);

/*
 * reply_decode - parse a reply; unknown keys are skipped, has_contig is false if key 1 is missing.
 *
 * Returns 0, or -EBADMSG, -ERANGE (ranges not ascending, disjoint and above contig; too many; a
 * receipt of size 0, a wish to begin at 0, a wish for config 0). Pure.
 */
int reply_decode(const uint8_t *buf, size_t len, struct reply *ret);

/* reply_highest - the highest number that the reply names in any way, 0: none. Pure. */
uint64_t reply_highest(const struct reply *r);

/* reply_covers - true if the reply says that seq is durable. Pure. */
bool reply_covers(const struct reply *r, uint64_t seq);
