#pragma once

/*
 * spool_format.h - the bytes of a spool segment: header, commits, records, and the chain through them.
 *
 *   segment  block 0: header; then commits, each from the start of a block; the rest is zeros
 *   header   magic "HSPL" | version u8 | hub 16 | epoch u32 | first serial u32 | serial u32
 *            | generation u32 | first seq u64 | prev hash 32 | digest 32
 *   commit   digest 32 | magic "HSPC" | serial u32 | block u32 | count u16 | length u32
 *            | records | zeros up to the end of the block
 *   record   length u32 | seq u64 | epoch u32 | assignment u32 | class u8 | kind u8 | flags u16
 *            | instance u64 | capture u64 | prev hash 32 | mark 19 if flag 0 | body | MAC 32
 *
 * Numbers are big-endian; a block is SPOOL_BLOCK bytes. A record's length is that of all of it,
 * a commit's that of its records. With the header's hub and epoch a record has all that its
 * envelope needs.
 *
 *   1. prev hash is SHA-256 of the whole record before, over segments.
 *   2. A header's digest is SHA-256 of the bytes before it. A commit's is
 *      SHA-256(SHA-256(head and records after the digest) | hub | epoch): a commit is there as a
 *      whole or not at all, and is known as ours also where the header does not read.
 *   3. MAC covers the record before it; zeros where there was no key. The key changes with time,
 *      so whoever holds the old ones verifies it, not the reader here.
 *   4. Repacked records keep their bytes, hash and MAC; a segment of a higher generation stands for
 *      all of first serial .. serial.
 *
 * Pure; the hash is the caller's.
 */
#include <stddef.h>
#include <stdint.h>

#include "storage/queue.h"

enum {
	SPOOL_VERSION = 1,
	SPOOL_BLOCK = 4096,
	SPOOL_HASH_LEN = 32,
	SPOOL_HEADER_LEN = 4 + 1 + HUB_ID_LEN + 4 + 4 + 4 + 4 + 8 + 2 * SPOOL_HASH_LEN,
	SPOOL_COMMIT_HEAD_LEN = SPOOL_HASH_LEN + 4 + 4 + 4 + 2 + 4,
	SPOOL_RECORD_OVERHEAD = 4 + 8 + 4 + 4 + 1 + 1 + 2 + 8 + 8 + 2 * SPOOL_HASH_LEN,
	SPOOL_RECORD_MAX = SPOOL_RECORD_OVERHEAD + QUEUE_MARK_LEN + SEALED_BODY_MAX,
	SPOOL_COMMIT_BLOCKS_MAX = (SPOOL_COMMIT_HEAD_LEN +
				   QUEUE_GROUP_MAX * SPOOL_RECORD_MAX + SPOOL_BLOCK - 1) /
				  SPOOL_BLOCK,
	SPOOL_COMMIT_MAX = SPOOL_COMMIT_BLOCKS_MAX * SPOOL_BLOCK,
};

/* SHA-256; as crypto_sha256. */
typedef void spool_hash(const uint8_t *buf, size_t len,
			uint8_t ret[static SPOOL_HASH_LEN]);

/* HMAC-SHA256; as crypto_hmac. */
struct spool_mac {
	void (*make)(const uint8_t key[static SPOOL_HASH_LEN], const uint8_t *buf,
		     size_t len, uint8_t ret[static SPOOL_HASH_LEN]);
	const uint8_t *key; /* borrowed as long as it is set */
};

/* Whose records these are. */
struct spool_owner {
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
};

struct spool_header {
	struct spool_owner owner;
	uint32_t first_serial; /* of the segments that it stands for; else as serial */
	uint32_t serial;       /* 1 and up, in the order in which they were begun */
	uint32_t generation;   /* 0; repacked: above that of what it was made from */
	uint64_t first_seq;    /* of its first record */
	uint8_t prev
		[SPOOL_HASH_LEN]; /* hash of the last record before it, zeros: none known */
};

void spool_header_encode(const struct spool_header *h, spool_hash *hash,
			 uint8_t buf[static SPOOL_BLOCK]);
/* Returns 0, -EBADMSG (not a header, torn), -ENOTSUP (version), or -ERANGE (serial, first seq). */
int spool_header_decode(const uint8_t buf[static SPOOL_BLOCK], spool_hash *hash,
			struct spool_header *ret);

/*
 * spool_record_encode - one record.
 *
 * mac   NULL: no key, zeros
 *
 * Returns the length, -ENOSPC, or -ERANGE (body of no length or above SEALED_BODY_MAX, class). Pure.
 */
int spool_record_encode(const struct queue_entry *e, uint32_t epoch,
			const uint8_t prev[static SPOOL_HASH_LEN],
			const struct spool_mac *mac, uint8_t *buf, size_t cap);

struct spool_record {
	struct queue_entry entry; /* the body is borrowed */
	uint32_t epoch;
	const uint8_t *bytes; /* the whole record, borrowed */
	size_t len;
	const uint8_t *prev, *mac; /* within bytes */
};

/* spool_record_decode - the record at the start of buf, which may go on behind it.
 * Returns 0, -EBADMSG, -ERANGE, or -ENOTSUP (a flag). Pure. */
int spool_record_decode(const uint8_t *buf, size_t len, struct spool_record *ret);

/* A commit that is being put together in the caller's SPOOL_COMMIT_MAX bytes. Fields are private. */
struct spool_draft {
	uint8_t *buf;
	size_t used;
	uint16_t count;
};

void spool_draft_init(struct spool_draft *d, uint8_t buf[static SPOOL_COMMIT_MAX]);
/* spool_draft_add - one encoded record. Returns 0, or -ENOSPC: QUEUE_GROUP_MAX are in. Pure. */
int spool_draft_add(struct spool_draft *d, const uint8_t *record, size_t len);
/* spool_draft_finish - head, digest and zeros for this place. Returns the bytes, whole blocks. Pure. */
size_t spool_draft_finish(struct spool_draft *d, const struct spool_owner *owner,
			  uint32_t serial, uint32_t block, spool_hash *hash);

struct spool_commit {
	uint32_t serial;
	uint16_t count;
	const uint8_t *records; /* borrowed */
	size_t len;
};

/* spool_commit_size - whole blocks of the commit whose first block this is, in bytes.
 * Returns it, or -EBADMSG: no commit begins here. Pure. */
int spool_commit_size(const uint8_t buf[static SPOOL_BLOCK]);

/*
 * spool_commit_decode - a whole commit, checked as ours and for this place.
 *
 * len   what spool_commit_size said
 *
 * Returns 0 or -EBADMSG. The records are not looked into. Pure.
 */
int spool_commit_decode(const uint8_t *buf, size_t len, const struct spool_owner *owner,
			uint32_t block, spool_hash *hash, struct spool_commit *ret);

/* spool_commit_next - the record at *at, which moves on; starts at 0.
 * Returns 1, 0 at the end, or as spool_record_decode; -EBADMSG also if count does not fit. Pure. */
int spool_commit_next(const struct spool_commit *c, size_t *at, struct spool_record *ret);
