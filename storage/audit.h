#pragma once

/*
 * audit.h - the audit log of the hub: appended to, made durable, never changed, shown to the clinic.
 *
 * The same at every level, without patient keys and without patient data. Format: hub/core/audit_record.h,
 * hub/crypto/audit_chain.h, hub/crypto/audit_segment.h; the other end: clinic/audit_verify.h.
 *
 * Invariants
 *   1. audit_sync has returned 0  =>  every record appended before survives a power cut at any later moment.
 *   2. Nothing here waits for space: what cannot be written is counted, and the count is the next record that can.
 *   3. The key with which an epoch begins is stored by the host before the epoch's first record is written, and only when
 *      a record of the epoch before is durable. So after a power cut the newest record is of the stored epoch or of the
 *      one before, no epoch is ever without a record, and the verifier needs no exception. Keys of the records since
 *      then follow from the stored one.
 *   4. The key of a record from before the stored one is nowhere on the hub.
 *   5. A segment is given up only after a durable record that says so, with what of it the clinic never confirmed.
 *   6. A file in which a write or a sync failed is never written again and never deleted.
 *
 * If the host cannot load the key the log does not open: capture goes on without it, and somebody must be told.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/audit_record.h"
#include "hub/crypto/crypto.h"

enum {
	AUDIT_STATE_MAX = 96, /* what the host stores */
	AUDIT_SEGMENT_BYTES = 256 * 1024,
	AUDIT_SEGMENTS = 64, /* 16 MB */
	AUDIT_CHECKPOINT_RECORDS = 64,
	AUDIT_EPOCH_MS = 5 * 60 * 1000,
	AUDIT_QUIET_MS = 60 * 60 * 1000, /* an epoch without a record may last so long */
	AUDIT_RESERVE_MS = 200,		 /* from one spare to the next */
	AUDIT_SIGNED_MAX = AUDIT_DATA_MAX, /* a signed checkpoint */
};

struct audit;

struct audit_now {
	struct wall wall;
	struct mono mono;
};

/* Where the key lives: a wrapped slot. Both copies of it must be replaced before store returns. */
struct audit_host {
	void *arg;
	/* Returns the length, -ENOENT if none was ever stored, or another error: then the log stays closed. */
	int (*load)(void *arg, uint8_t *buf, size_t cap);
	/* Durable on return, the one before gone. Returns 0 or an error: the epoch goes on, it is tried again. */
	int (*store)(void *arg, const uint8_t *buf, size_t len);
};

struct audit_config {
	const char
		*dir; /* copied; a folder of its own is not needed, names are audit-* */
	uint8_t hub[HUB_ID_LEN];
	uint32_t enrolment; /* enrolment epoch */
	/* key 0, which the clinic has too: needed at the very first start only, else NULL. The caller wipes it. */
	const uint8_t *key0;
	const uint8_t *sign_key; /* P256_PRIVATE_LEN, of checkpoints; copied */
	size_t segment_bytes; /* 0: AUDIT_SEGMENT_BYTES; whole pages; never changes in a log's life */
	unsigned segments; /* 0: AUDIT_SEGMENTS; at least 3 */
	/* so many spares are made by audit_open, the others one by one in audit_run; 0: all at once */
	unsigned reserve_at_open;
	/* octets of the disk's space that spares leave to others; 0: none */
	uint64_t keep_free;
};

/* What was found at start. */
struct audit_notes {
	bool is_first; /* a new log */
	bool unclean;  /* the life before had no end */
	size_t cut; /* octets of a last write that a power cut tore; never said to be saved */
	bool set_aside;	  /* the newest file was set aside */
	bool broken;	  /* chain or MAC broken, or a file missing: T14 */
	bool rolled_back; /* log or key are older than the other: T15 */
	bool short_space; /* not all spares could be made */
};

/*
 * audit_open - read what is there, or make it; writes 'start' and what was found, then a checkpoint. Durable on return.
 *
 * Returns 0 with *ret, or
 *   -ENOENT        no key stored and none given, though there is a log, or this is the first start
 *   -EKEYREJECTED  what the host stored is not a key of a log
 *   -ENOTSUP       the log is of another hub or enrolment
 *   -ENOSPC        not even one segment
 *   -EACCES, -EIO, -ENOMEM, or what the host's load or first store said
 */
int audit_open(const struct audit_config *cfg, const struct audit_host *host,
	       struct audit_now now, struct audit **ret, struct audit_notes *ret_notes);

/* audit_close - 'stop', a checkpoint, sync. NULL is fine; wipes and frees always. Returns 0 or what failed. */
int audit_close(struct audit *a, struct audit_now now);
/* audit_free - wipes and frees, nothing is written: as a kill would. NULL is fine. */
void audit_free(struct audit *a);

/*
 * audit_append - one record, in memory until audit_sync. The event is copied.
 *
 * Returns 0, -EMSGSIZE or -ERANGE (audit_event_check; a fault of the caller), or -ENOSPC, -EIO: not written, counted.
 */
int audit_append(struct audit *a, const struct audit_event *e, struct audit_now now);
/* audit_sync - durable up to here; joins the caller's commit window. Returns 0 or -EIO, -ENOSPC. */
int audit_sync(struct audit *a, struct audit_now now);
/* audit_append_now - both: before an event of security takes effect. */
int audit_append_now(struct audit *a, const struct audit_event *e, struct audit_now now);

/* audit_run - heartbeat, checkpoint, next key, whatever is due. After every event and at the deadline. Returns 0, or the
 * first thing that failed; it is tried again at the next call. */
int audit_run(struct audit *a, struct audit_now now);
struct mono audit_deadline(const struct audit *a);

/* audit_seal - a checkpoint now, durable, and the next key: before a lock. Returns 0 or what failed. */
int audit_seal(struct audit *a, struct audit_now now);
/* audit_checkpoint - the newest one that is durable, signed, for the next upload. Returns its length or -ENOSPC. */
int audit_checkpoint(const struct audit *a, uint8_t *buf, size_t cap);
/* Has the clinic not said yet that it has that one? */
bool audit_wants_receipt(const struct audit *a);
/*
 * audit_receipt - the clinic has stored a checkpoint.
 *
 * size, hash   of the checkpoint, and SHA-256 of its signed bytes, as the clinic says
 *
 * Returns 0 (also if it was known), -ENOENT (not one of the last checkpoints), or as audit_append.
 */
int audit_receipt(struct audit *a, uint64_t size, const uint8_t hash[static SHA256_LEN],
		  struct audit_now now);

/* The queue's highest seq, for the next checkpoint. */
void audit_set_highest(struct audit *a, uint64_t seq);
uint64_t audit_number(const struct audit *a);	 /* of the last record */
uint64_t audit_witnessed(const struct audit *a); /* records that a receipt covers */
uint64_t
audit_lost(const struct audit
		   *a); /* events that could not be written and are not told of yet */

size_t audit_file_count(const struct audit *a);
/* audit_export - the n-th file (from 0) in dense form, what is durable of it. ret: AUDIT_DENSE_MAX octets.
 * Returns its length, -ENOENT (no more), -EBADMSG (not readable) or -EIO, -ENOMEM. */
int audit_export(const struct audit *a, size_t n, uint8_t *ret);
