#pragma once

/*
 * slots.h - the bytes of the key file: wrapped data keys, one slot per database or key,
 * and a tag over all.
 *
 *   magic "HSLT" | version u8 | root u8 | generation u64 | count u8 | count slots | tag 28
 *   slot: purpose u8 | segment u32 | generation u64 | length u8 | wrapped key
 *
 * Numbers are big-endian. The tag is an empty secret wrapped with everything before it as
 * associated data, so that no slot can be dropped, swapped or taken from an older file, and
 * no other root secret can be named than the one it was made under.
 *
 * Version 1 had no 'root' (it was always the file) and no SLOT_HALF (it was the root secret
 * itself); up to version 2 there was no audit log, and no key longer than 68. They are read, never
 * written.
 * Pure: encoding only, no keys.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/crypto/crypto.h"

enum {
	SLOTS_VERSION = 3,
	SLOTS_MAX = 16,
	SLOT_WRAPPED_MAX = 124,
	SLOT_AD_LEN = 1 + 4 + 8,
	SLOTS_BYTES_MAX = 4 + 1 + 1 + 8 + 1 +
			  SLOTS_MAX * (SLOT_AD_LEN + 1 + SLOT_WRAPPED_MAX) +
			  WRAP_OVERHEAD,
};

/* What a slot's key is for. The numbers are on the disk. */
enum slot_purpose {
	SLOT_NONE = 0,
	SLOT_QUEUE = 1, /* key and salt of a segment of the queue */
	SLOT_STATE = 2, /* key and salt of state.db */
	SLOT_SIGN = 3,	/* private key that signs batches */
	SLOT_HALF = 4, /* our half of what wraps state.db's key; the other is the share */
	SLOT_AUDIT_FIRST = 5, /* key 0 of an audit log that has not begun yet */
	SLOT_AUDIT = 6,	      /* where the audit log's key stands (audit_state.h) */
	SLOT_PURPOSES = 7,
};

/* Where the root secret comes from (root.h). A higher number protects better. The numbers are
 * on the disk. */
enum root_kind {
	ROOT_NONE = 0,
	ROOT_FILE = 1,	     /* root.key, beside what it protects */
	ROOT_BOARD = 2,	     /* one-time memory of the board, and root.salt */
	ROOT_CREDENTIAL = 3, /* a credential that systemd opened: TPM 2.0 or host key */
	ROOT_KINDS = 4,
};

struct slot {
	enum slot_purpose purpose;
	uint32_t segment;    /* of the queue, from 1; 0 for the others */
	uint64_t generation; /* of the file when this slot was wrapped */
	uint8_t wrapped_len; /* WRAP_OVERHEAD + 1 .. SLOT_WRAPPED_MAX */
	uint8_t wrapped[SLOT_WRAPPED_MAX];
};

struct slots {
	uint8_t version; /* as read; what is written is SLOTS_VERSION */
	enum root_kind root;
	uint64_t generation; /* grows by one with each writing */
	size_t count;
	struct slot slots[SLOTS_MAX];
	uint8_t tag[WRAP_OVERHEAD];
};

/* slots_encode - everything before the tag. Returns the length, or -ENOSPC. Pure. */
int slots_encode(const struct slots *s, uint8_t *buf, size_t cap);

/*
 * slots_decode - parse a whole file; the tag is not checked here, ret_covered says how
 * many bytes it covers.
 *
 * Returns 0, -EBADMSG (does not parse, bytes left over, one purpose and segment twice),
 * -ENOTSUP (version) or -ERANGE (a count, length, purpose or root). Pure.
 */
int slots_decode(const uint8_t *buf, size_t len, struct slots *ret, size_t *ret_covered);

/* The slot of this purpose and segment, or NULL. Pure. */
struct slot *slots_find(struct slots *s, enum slot_purpose purpose, uint32_t segment);

/* The associated data under which a slot's key is wrapped: purpose, segment, generation. Pure. */
void slot_ad(const struct slot *s, uint8_t ret[static SLOT_AD_LEN]);
