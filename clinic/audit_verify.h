#pragma once

/*
 * audit_verify.h - is this the audit log that the hub wrote, whole and unchanged?
 *
 * Checked: every record's form, number, link, boot and clock order; its MAC under the key of its own number, derived from
 * key 0; that no key epoch is missing; every checkpoint's signature and content; every segment's header and that it continues
 * the one before; that the beginning is there or that the log itself says why not; and that the log contains, as they
 * were, all checkpoints that the clinic has stored.
 *
 * What cannot be seen, by design: that records after the last stored checkpoint were cut off, as long as the hub has not
 * started again since. Whoever holds the card can always claim that the hub was switched off earlier. And who takes over
 * the running hub can write what he likes from the beginning of that key epoch on, at most five minutes; not before. Both are bounded by how
 * often the hub reaches the clinic, and the next contact shows the first: the hub's stored key then is of a later epoch
 * than its log, it says so (AUDIT_BROKEN), or the epochs have a hole.
 *
 * What a power cut leaves is accepted: an end before what was not yet durable, a new start after it. Nothing else is.
 * No file access, no allocation.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/crypto/audit_segment.h"

struct audit_bytes {
	const uint8_t *p;
	size_t len;
};

struct audit_verify_in {
	uint8_t hub[HUB_ID_LEN];
	uint32_t enrolment;
	uint8_t key0[KEY_LEN];
	uint8_t public[P256_PUBLIC_LEN]; /* of checkpoints */
	/* dense form, ascending; what was given up by the hub may be there or not */
	const struct audit_bytes *segments;
	size_t segment_count;
	/* what the clinic has stored, from audit_checkpoint_open, ascending size */
	const struct audit_checkpoint *witnessed;
	size_t witnessed_count;
	/* called for each record as long as no fault was found; NULL: not wanted */
	void (*on_record)(void *arg, const struct audit_record *r);
	void *arg;
};

enum audit_result {
	AUDIT_LOG_WHOLE = 1,
	AUDIT_LOG_GAPS = 2, /* whole, but the log itself tells of something lost */
	AUDIT_LOG_FAULT = 3,
	AUDIT_LOG_EMPTY = 4, /* nothing given, and nothing ever witnessed */
};

struct audit_verdict {
	enum audit_result result;
	/* the first fault, and where: all that comes before it is good */
	enum audit_fault fault;
	uint64_t number;  /* of the record, as expected there */
	uint32_t segment; /* 0: none in particular */
	size_t offset;	  /* of the record in the dense segment */
	/* what was good */
	uint64_t first, last; /* records; 0: none */
	uint64_t
		witnessed; /* highest record that a stored checkpoint covers and this log has */
	uint64_t checkpoints; /* in the log */
	uint64_t cuts;	      /* power cuts that tore a last write */
	/* what the log says of itself */
	uint64_t lost_records; /* were written, are gone, and were never witnessed */
	uint64_t lost_events;  /* could not be written */
	size_t skipped; /* older segments before a hole that the log accounts for */
};

/* audit_verify - crypto_init comes before. */
void audit_verify(const struct audit_verify_in *in, struct audit_verdict *ret);
