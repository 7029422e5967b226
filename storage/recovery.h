#pragma once

/*
 * recovery.h - the bytes of the file 'recovery': the keys of the databases, sealed to the clinic.
 *
 *   magic "HREC" | version u8 | hub 16 | epoch u32 | generation u64 | sealed to 32 | count u8 |
 *   count entries | SHA-256 32
 *   entry: purpose u8 | segment u32 | generation u64 | sealed key 98
 *
 * Numbers are big-endian. Each key is sealed as a reading is (crypto.h: seal), so that only the clinic can read
 * it, and the hub cannot. The hash is against damage, not against forgery: anybody can seal to the clinic, so what is
 * recovered from a card was on that card, and nothing more is proved; readings that were uploaded are signed.
 * No files here.
 */
#include <stddef.h>
#include <stdint.h>

#include "hub/core/envelope.h"
#include "hub/crypto/crypto.h"
#include "storage/db.h"
#include "storage/slots.h"

enum {
	RECOVERY_VERSION = 1,
	RECOVERY_KEY_LEN = DB_KEY_LEN + DB_SALT_LEN,
	RECOVERY_SEALED_LEN = SEALED_LEN(RECOVERY_KEY_LEN),
	RECOVERY_ENTRIES_MAX = SLOTS_MAX,
	RECOVERY_BYTES_MAX = 4 + 1 + HUB_ID_LEN + 4 + 8 + X25519_LEN + 1 +
			     RECOVERY_ENTRIES_MAX * (1 + 4 + 8 + RECOVERY_SEALED_LEN) +
			     SHA256_LEN,
	RECOVERY_AD_LEN = 15 + HUB_ID_LEN + 4 + 1 + 4 + 8,
};

#define RECOVERY_FILE "recovery"

struct recovery_entry {
	enum slot_purpose purpose; /* SLOT_QUEUE or SLOT_STATE */
	uint32_t segment;
	uint64_t generation; /* of the slot whose key this is */
	uint8_t sealed[RECOVERY_SEALED_LEN];
};

struct recovery {
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
	uint64_t generation;	    /* of the slots as a whole */
	uint8_t public[X25519_LEN]; /* of the clinic, to which the keys are sealed */
	size_t count;
	struct recovery_entry entries[RECOVERY_ENTRIES_MAX];
};

/* recovery_encode - the whole file. Returns the length, or -ENOSPC. */
int recovery_encode(const struct recovery *r, uint8_t *buf, size_t cap);

/* recovery_decode - Returns 0, -EBADMSG (does not parse, damaged), -ENOTSUP (version) or -ERANGE (a count
 * or purpose). */
int recovery_decode(const uint8_t *buf, size_t len, struct recovery *ret);

/* The entry of this purpose and segment, or NULL. */
const struct recovery_entry *recovery_find(const struct recovery *r,
					   enum slot_purpose purpose, uint32_t segment);

/* Under what an entry's key is sealed: hub, epoch, purpose, segment, generation. */
void recovery_ad(const struct recovery *r, const struct recovery_entry *e,
		 uint8_t ret[static RECOVERY_AD_LEN]);
