#pragma once

/*
 * audit_inside.h - what the files of the audit log share: its state, and records written without asking.
 */
#include "storage/audit.h"
#include "storage/audit_files.h"
#include "storage/audit_state.h"
#include "storage/audit_tail.h"

enum { AUDIT_RECENT = 8 };

/* A checkpoint that may still get its receipt. */
struct audit_recent {
	uint64_t size;
	uint8_t hash[SHA256_LEN];
};

struct audit {
	struct audit_host host;
	uint8_t hub[HUB_ID_LEN];
	uint32_t enrolment;
	uint8_t sign_key[P256_PRIVATE_LEN];
	struct audit_state state;	   /* as stored, without its key */
	struct audit_chain chain, durable; /* with and without what waits in tail */
	uint8_t key[KEY_LEN], durable_key[KEY_LEN]; /* of the record after each of them */
	struct audit_tail tail;
	struct audit_files files;
	struct mono epoch_began;
	bool evolve_due;
	/* there is a record no checkpoint covers, other than the log's own book-keeping */
	bool uncovered;
	struct mono uncovered_since;
	unsigned since_checkpoint; /* records */
	uint64_t lost;		   /* events to be told of by a gap record */
	uint64_t highest_seq;
	struct audit_recent recent[AUDIT_RECENT]; /* size 0: none */
	unsigned recent_next;
	/* the newest one, and the newest of which all that it covers is durable: only that may leave the hub */
	uint8_t made[AUDIT_SIGNED_MAX], checkpoint[AUDIT_SIGNED_MAX];
	size_t made_len, checkpoint_len; /* made_len 0: none waits */
	uint64_t made_size, checkpoint_size;
	struct mono
		reserve_at; /* MONO_NEVER: all spares are made, or there is no space */
	bool failing;	    /* audit_run could not do what was due; again at retry_at */
	struct mono retry_at;
};

/* audit_write - a record of the log's own: makes room, appends. Returns 0, -ENOSPC, -EIO. */
int audit_write(struct audit *a, const struct audit_event *e, struct audit_now now);
/* audit_begin_segment - a new file that continues after the last durable record; what waits comes first in it. */
int audit_begin_segment(struct audit *a);
/* audit_event_of - an event of the log itself. */
struct audit_event audit_event_of(enum audit_kind kind, enum audit_object object,
				  uint64_t x, uint64_t y);
