#pragma once

/*
 * audit_chain.h - what binds the records of an audit log: chain, tree, order, and the MAC whose key only moves forward.
 *
 *   head 0   SHA-256("hub/v1/audit" || hub || enrolment epoch u32)
 *   head n   SHA-256(0x01 || head n-1 || length u16 || record n)
 *   MAC n    HMAC-SHA256(key n, 0x02 || head n)
 *   key n+1  HKDF-Expand(key n, "hub/v1/audit-next"); key 0 is at the clinic and writes nothing
 *
 * Each record has a key of its own, made from the one before, which is then wiped. Who takes the hub over can go on from
 * the key that he finds, but he cannot change, leave out or move a record from before it, nor write an old one again:
 * each number has its key. (With one key for many records the last of them could be cut off under the next key. The
 * lessons of CVE-2023-31438 and 31439, systemd's sealed journal.)
 * A key epoch is the time from one stored key to the next, at most five minutes. Each has a record at least, a heartbeat
 * if need be, so that nobody can come later and fill in quiet hours; the next record's epoch is the same or one more.
 */
#include <stdint.h>

#include "hub/core/audit_record.h"
#include "hub/crypto/audit_tree.h"
#include "hub/crypto/crypto.h"

enum {
	AUDIT_FRAME_OVERHEAD = 2 + SHA256_LEN, /* length in front, MAC behind */
	AUDIT_FRAME_MAX = AUDIT_RECORD_MAX + AUDIT_FRAME_OVERHEAD,
};

/* The log up to a record. Fields may be read. */
struct audit_chain {
	uint64_t number; /* of the last record, 0: none; always tree.size */
	uint8_t head[SHA256_LEN];
	struct audit_tree tree;
	uint64_t epoch;	    /* key epoch of the last record, 0: none */
	uint32_t boot;	    /* of the last record, 0: none */
	uint64_t mono_ms;   /* of the last record */
	uint64_t witnessed; /* size of the newest checkpoint that has a receipt */
};

/* Why a record cannot come next, or a log is not whole. Words: audit_fault_text. */
enum audit_fault {
	AUDIT_FAULT_NONE = 0,
	AUDIT_FAULT_BYTES,	/* does not parse */
	AUDIT_FAULT_NUMBER,	/* another number than the next */
	AUDIT_FAULT_CHAIN,	/* follows another record */
	AUDIT_FAULT_EPOCH,	/* key epoch neither the same nor the next */
	AUDIT_FAULT_BOOT,	/* boot counter wrong, or time goes back within a boot */
	AUDIT_FAULT_MAC,	/* record or segment not written with its key */
	AUDIT_FAULT_CHECKPOINT, /* signature bad, or it says something else than the log */
	AUDIT_FAULT_SEGMENT, /* a segment's header is damaged or does not continue the one before */
	AUDIT_FAULT_MISSING,   /* records in the middle are not there */
	AUDIT_FAULT_BEGINNING, /* older segments are gone and the log does not say so */
	AUDIT_FAULT_FORK,      /* not the log that the clinic has witnessed */
	AUDIT_FAULT_TRUNCATED, /* ends before what the clinic has witnessed */
	AUDIT_FAULT_RECEIPT,   /* claims a receipt for what is not in it */
	AUDIT_FAULT_REPORTED, /* the hub found its own log changed at start, and says so */
	AUDIT_FAULTS,
};

const char *audit_fault_text(enum audit_fault f);

/* audit_chain_start - an empty log of this hub. */
void audit_chain_start(struct audit_chain *c, const uint8_t hub[static HUB_ID_LEN],
		       uint32_t enrolment);

/*
 * audit_chain_follow - take one record if it may come next: number, link, epoch, boot and time fit.
 *
 * ret   the record, data borrowed from buf; written on success only
 *
 * Returns AUDIT_FAULT_NONE, or BYTES, NUMBER, CHAIN, EPOCH, BOOT, RECEIPT with nothing changed. The MAC is not looked at.
 */
enum audit_fault audit_chain_follow(struct audit_chain *c, const uint8_t *buf, size_t len,
				    struct audit_record *ret);

/* audit_mac - of the record that made this head. */
void audit_mac(const uint8_t key[static KEY_LEN], const uint8_t head[static SHA256_LEN],
	       uint8_t ret[static SHA256_LEN]);
/* audit_key_next - to the key of so many records later, in place: the old one is gone. */
void audit_key_next(uint8_t key[static KEY_LEN], uint64_t steps);

/* audit_checkpoint_of - what a checkpoint of this state says. */
void audit_checkpoint_of(const struct audit_chain *c,
			 const uint8_t hub[static HUB_ID_LEN], uint32_t enrolment,
			 uint64_t highest_seq, struct audit_checkpoint *ret);

/* audit_checkpoint_open - signature and content of a signed checkpoint. Returns 0 or as sign1_open, audit_checkpoint_decode. */
int audit_checkpoint_open(const uint8_t public[static P256_PUBLIC_LEN],
			  const uint8_t *buf, size_t len, struct audit_checkpoint *ret);
