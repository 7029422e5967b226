#pragma once

/*
 * audit_tree.h - the Merkle tree over all records of an audit log (RFC 9162, 2.1), kept as its frontier.
 *
 * Leaf = SHA-256(0x00 || record), node = SHA-256(0x01 || left || right). A tree of n leaves needs one hash for each bit of
 * n that is set. A proof that one record is in it needs at most one hash per level: 24 at 10 million records, 768 octets.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/crypto/crypto.h"

enum { AUDIT_TREE_DEPTH = 48 };

/* Fields may be read. */
struct audit_tree {
	uint64_t size; /* leaves; below 2^AUDIT_TREE_DEPTH */
	/* root of the complete part of 2^level leaves, if that bit of size is set */
	uint8_t node[AUDIT_TREE_DEPTH][SHA256_LEN];
};

/* audit_leaf - the hash of one record, at most AUDIT_RECORD_MAX octets. */
void audit_leaf(const uint8_t *record, size_t len, uint8_t ret[static SHA256_LEN]);
/* audit_tree_add - one leaf more. Returns 0 or -ENOSPC (2^AUDIT_TREE_DEPTH leaves). */
int audit_tree_add(struct audit_tree *t, const uint8_t leaf[static SHA256_LEN]);
/* audit_tree_root - of the tree as it is; of an empty one SHA-256 of nothing. */
void audit_tree_root(const struct audit_tree *t, uint8_t ret[static SHA256_LEN]);

/* Gives the root of a complete part: leaves index << level up to (index + 1) << level. */
typedef void audit_node_fn(void *arg, unsigned level, uint64_t index,
			   uint8_t ret[static SHA256_LEN]);

/*
 * audit_proof_make - the proof that a leaf is in a tree (RFC 9162, 2.1.3.1).
 *
 * index   of the leaf, from 0 (record number - 1)
 * size    leaves of the tree
 * ret     AUDIT_TREE_DEPTH hashes, lowest level first
 *
 * Returns the number of hashes, or -ERANGE (index not below size, size too large).
 */
int audit_proof_make(audit_node_fn *node, void *arg, uint64_t index, uint64_t size,
		     uint8_t ret[static AUDIT_TREE_DEPTH][SHA256_LEN]);

/* audit_proof_check - does it lead from the leaf to the root (RFC 9162, 2.1.3.2)? */
bool audit_proof_check(const uint8_t leaf[static SHA256_LEN], uint64_t index,
		       uint64_t size, const uint8_t (*proof)[SHA256_LEN], size_t count,
		       const uint8_t root[static SHA256_LEN]);
