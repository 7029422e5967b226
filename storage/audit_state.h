#pragma once

/*
 * audit_state.h - what must survive a restart beside the log itself: the MAC key, and how far the log was when it was stored.
 *
 *   version u8 | key epoch u64 | key of record number + 1 32 | segment u32 | number u64 | head 32
 */
#include "hub/core/cursor.h"
#include "hub/crypto/audit_chain.h"

enum { AUDIT_STATE_LEN = 1 + 8 + KEY_LEN + 4 + 8 + SHA256_LEN };

struct audit_state {
	uint64_t epoch;	      /* 1 and up */
	uint8_t key[KEY_LEN]; /* of record number + 1 */
	/* the log when this key was stored: it must still hold that record */
	uint32_t segment;
	uint64_t number;
	uint8_t head[SHA256_LEN];
};

void audit_state_encode(const struct audit_state *s, uint8_t ret[static AUDIT_STATE_LEN]);
/* audit_state_decode - Returns 0 or -EKEYREJECTED. Pure. */
int audit_state_decode(const uint8_t *buf, size_t len, struct audit_state *ret);
