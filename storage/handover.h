#pragma once

/*
 * handover.h - gives sealed records to hub-coap: signed batches against credits, alarms first.
 *
 *   in the queue -> outstanding   put into a batch, in handover_make
 *   outstanding -> gone           the clinic's answer names it, in handover_on_ack
 *   outstanding -> in the queue   an answer does not name it, in handover_on_ack;
 *                                 the link to hub-coap is lost, in handover_on_down
 *
 * Invariants
 *   1. A record is in one outstanding batch at most.
 *   2. A batch is never changed once it is signed; what has to go again goes in a new one.
 *   3. Without a credit nothing is handed over, not even a heartbeat.
 *   4. A clinic that answers without naming what it was sent gets it again only after a pause.
 *   5. A batch that was refused as a whole (an answer without contig) goes again record by record,
 *      so that one bad record is found and parked and never blocks the rest.
 *      One that was too large for the path goes again in batches of the size that is wanted now.
 *   7. A batch is no larger than wanted; a record that is larger goes alone.
 *   6. Tombstones ride on batches that go anyway, heartbeats too, or go alone when there is nothing else; in one
 *      outstanding batch at a time; alone the next ones go when the first of these was named, or after
 *      HANDOVER_PAUSE_MS.
 *      A record that goes alone because of 5 has none beside it, and after a refusal none goes for a
 *      while: no record is blamed for them. The same holds for the audit log's checkpoint, which goes
 *      if there is room beside the first record, and not again for a while without a receipt; and for the status,
 *      which goes when it is offered, in one outstanding batch at a time.
 *
 * What was handed over is remembered in memory only. After a crash it is sent again, which is
 * harmless: (hub, epoch, seq) is stored once at the clinic.
 *
 * One batch holds one class. Where the last minutes' readings overtake a long backlog is
 * handover_make.
 */
#include <stddef.h>

#include "hub/core/msg.h"
#include "hub/crypto/crypto.h"
#include "storage/records.h"

enum {
	HANDOVER_OUTSTANDING_MAX = 16,
	HANDOVER_PAUSE_MS = 10000,
	HANDOVER_TOMBSTONE_PAUSE_MS = 10 * 60 * 1000,
};

/* What may ride on a batch beside its records, each in one outstanding batch at a time. */
enum handover_cargo {
	HANDOVER_TOMBSTONES = 1 << 0,
	HANDOVER_CHECKPOINT = 1 << 1,
	HANDOVER_STATUS = 1 << 2,
};

struct handover_batch {
	uint32_t id; /* 0: place is free */
	size_t count;
	uint64_t seqs[BATCH_RECORDS_MAX]; /* ascending */
	uint64_t acked;			  /* as it says */
	uint64_t tombstone;		  /* first number of its tombstones, 0: none */
	unsigned carries;		  /* of enum handover_cargo */
};

/* Fields are private. Secret memory: holds the signing key. */
struct handover {
	uint8_t sign_private[P256_PRIVATE_LEN];
	uint32_t next_id;
	unsigned credits;
	bool heartbeat, want_time;	 /* asked for, not yet answered */
	uint16_t size;			 /* of a batch, as asked for last; 0: the most */
	struct mono paused_until;	 /* invariant 4 */
	struct mono no_tombstones_until; /* invariant 6 */
	struct mono no_checkpoint_until; /* the same */
	struct mono no_status_until;	 /* the same */
	uint64_t routine_at,
		alarm_at;      /* records up to here were handed over or settled */
	uint64_t single_until; /* records up to here go one by one */
	uint64_t too_large;    /* after -EMSGSIZE: the record that fits into no batch */
	uint64_t offered;      /* highest seq that was ever in a batch of ours */
	size_t checkpoint_len; /* 0: there is none to send */
	uint8_t checkpoint[BATCH_CHECKPOINT_MAX];
	size_t status_len; /* 0: there is none to send */
	uint8_t status[BATCH_STATUS_MAX];
	bool status_told; /* the clinic has the last one that went; cleared by who asks */
	struct handover_batch out[HANDOVER_OUTSTANDING_MAX];
};

/*
 * handover_init - nothing outstanding, no credit, no key.
 *
 * first_id      drawn at random, so that an answer to a batch of an earlier life fits none
 */
void handover_init(struct handover *h, uint32_t first_id);

/* handover_set_key - what signs batches from now on; copied. Before the first handover_make. */
void handover_set_key(struct handover *h,
		      const uint8_t sign_private[static P256_PRIVATE_LEN]);

/* handover_on_want - hub-coap can hold so many batches more. */
void handover_on_want(struct handover *h, const struct msg_want *m);

/* handover_on_down - hub-coap is gone and with it credits and batches. */
void handover_on_down(struct handover *h);

/*
 * handover_set_checkpoint - what the clinic shall witness of the audit log; stays until the next call.
 *
 * bytes, len  signed, at most BATCH_CHECKPOINT_MAX; copied. len 0: nothing
 */
void handover_set_checkpoint(struct handover *h, const uint8_t *bytes, size_t len);

/* handover_takes_status - could the next batch carry a status? */
bool handover_takes_status(const struct handover *h, struct mono now);

/*
 * handover_set_status - what the next batch says of the hub, if there is room; stays until the next call.
 *
 * bytes, len  of status.h, at most BATCH_STATUS_MAX; copied. len 0: nothing
 */
void handover_set_status(struct handover *h, const uint8_t *bytes, size_t len);

/*
 * handover_make - the next batch.
 *
 * level   lockdown level 0..4; from 2 on the batch says that the hub is suspect, at 3 that it is sealed
 * ret     filled on 1; flags, first, last and bytes as hub-coap gets them. first and last span
 *         tombstones too, and a checkpoint or a status counts as the number before the first: only a batch of one
 *         record and nothing else has one number
 *
 * Returns 1 with a batch, 0 if there is no credit or nothing to send, or
 *   -EACCES   the queue has no owner yet
 *   -EMSGSIZE a record that fits into no batch, which none of SEALED_BODY_MAX is: h->too_large. To be parked, then
 *             called again
 *   or what records_read, records_tombstones or sign1_make say.
 */
int handover_make(struct handover *h, struct records *q, uint8_t level, struct mono now,
		  struct msg_batch *ret);

/*
 * handover_on_ack - the clinic has answered a batch; the queue must have taken the reply over before.
 *
 * Returns 0, or -ENOENT: no such batch is outstanding.
 */
int handover_on_ack(struct handover *h, const struct msg_ack *m, struct mono now);

/* handover_seqs - the records of an outstanding batch, ascending; borrowed until it is answered. Returns how many. */
size_t handover_seqs(const struct handover *h, uint32_t id, const uint64_t **ret);

/* handover_acked - what an outstanding batch says of the numbers that the clinic has, 0 if it is not outstanding. */
uint64_t handover_acked(const struct handover *h, uint32_t id);

/* handover_rewind - records with lower numbers than were handed over have turned up. */
void handover_rewind(struct handover *h);

/* handover_has - is this batch outstanding? */
bool handover_has(const struct handover *h, uint32_t id);

/* handover_deadline - when handover_make may have something again by itself, or MONO_NEVER. */
struct mono handover_deadline(const struct handover *h, struct mono now);
