#pragma once

/*
 * keys_inside.h - what keys.c, keys_open.c and keys_recovery.c share and nobody else sees.
 */
#include "storage/keys.h"
#include "storage/recovery.h"
#include "storage/root.h"

enum { KEYS_DIR_BYTES = 1024, KEYS_COPIES = 2 };

extern const char *const keys_copy_name[KEYS_COPIES];

/* For what the recovery file was written last. */
struct keys_recovered {
	bool done;
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
	uint8_t key_id;
	uint8_t public[X25519_LEN];
	uint64_t generation;
	bool had_share;
};

/* In secret memory. */
struct keys {
	uint8_t root[ROOT_LEN]; /* of the kind that slots.root says */
	struct slots slots;
	char dir[KEYS_DIR_BYTES];
	struct keys_recovered recovered;
	struct root roots[ROOT_KINDS]; /* while opening only; wiped then */
};

/* What wraps slots of this purpose, except SLOT_STATE. */
void keys_kek(const uint8_t root[static ROOT_LEN], enum slot_purpose purpose,
	      uint8_t ret[static KEY_LEN]);

/* The tag over a slots file. Returns 0 or -EKEYREJECTED. */
int keys_check_tag(const uint8_t root[static ROOT_LEN], const uint8_t *buf,
		   size_t covered, const struct slots *s);

/* Writes k->slots, sealed by k->root: both copies, one after the other. */
int keys_write(struct keys *k);

/* Wraps a key into its slot, new or old, and writes. On failure memory is as before. */
int keys_put(struct keys *k, enum slot_purpose purpose, uint32_t segment,
	     const uint8_t kek[static KEY_LEN], const uint8_t *key, size_t len);

/* Returns 0, -ENOENT (no such slot) or -EKEYREJECTED. */
int keys_get(struct keys *k, enum slot_purpose purpose, uint32_t segment,
	     const uint8_t kek[static KEY_LEN], uint8_t *ret, size_t len);

/* What wraps state.db's key. Returns 0 or -EKEYREJECTED. */
int keys_state_kek(struct keys *k, const uint8_t share[static ENGINE_SHARE_LEN],
		   uint8_t ret[static KEY_LEN]);
