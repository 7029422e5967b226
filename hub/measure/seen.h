#pragma once

/*
 * seen.h - what hub-measure keeps from run to run in its folder: its key, the counter, and which components were ever seen.
 *
 * Damaged or lost, it begins anew, and the evidence shows that: another key, a counter of 1, a window that begins now.
 */
#include "hub/core/evidence.h"
#include "hub/crypto/crypto.h"

struct seen {
	uint8_t image[EVIDENCE_HASH_LEN];
	uint64_t counter; /* given last */
	/* of the last evidence with lists that hub-store took, 0: none; and their digest */
	uint64_t full;
	uint8_t digest[SHA256_LEN];
	uint8_t boot[EVIDENCE_BOOT_LEN]; /* in which it was made */
	int64_t from_s;
	size_t count;
	struct evidence_component components[EVIDENCE_COMPONENTS_MAX];
};

enum { SEEN_BYTES_MAX = 8192 };

/* seen_encode, seen_decode - pure; as evidence_encode and evidence_decode. */
int seen_encode(const struct seen *s, uint8_t *buf, size_t cap);
int seen_decode(const uint8_t *buf, size_t len, struct seen *ret);

/* seen_load - another image, or nothing that reads: begins anew at now_s. */
void seen_load(const char *dir, const uint8_t image[static EVIDENCE_HASH_LEN],
	       int64_t now_s, struct seen *ret);
/* seen_save - Returns 0, or as file_replace. */
int seen_save(const char *dir, const struct seen *s);

/* seen_merge - both ways: the evidence has what was ever seen, and s what was seen now. Pure. */
void seen_merge(struct seen *s, struct evidence *e);

/* seen_snapshot - the last one that was handed over whole; 0: not known. */
uint64_t seen_snapshot(const char *dir);
/* seen_snapshot_save - Returns 0, or as file_replace. */
int seen_snapshot_save(const char *dir, uint64_t number);

/* seen_key - the key that signs evidence, made at the first time. Returns 0, or as file_replace, -EIO. */
int seen_key(const char *dir, uint8_t ret[static P256_PRIVATE_LEN]);
