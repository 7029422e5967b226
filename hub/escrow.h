#pragma once

/*
 * escrow.h - what ends level 3, and how the clinic comes to hold it.
 *
 *   server share   32 random bytes that the hub draws, seals to the clinic's release authority, and forgets
 *   wrapped        the engine share under the server share: at level 3 all that the hub has of it
 *   release key    HKDF(server share): the hub keeps it, the clinic derives it. It verifies codes that are read out, and wraps the
 *                  server share on its way back; it leads to neither share
 *
 * Not pure (random source). Both sides, hub and clinic, link it. Bytes: docs/MESSAGES.md, 'Status' key 22, 'Token', 'Escrow'.
 */
#include "hub/core/msg.h"
#include "hub/core/token.h"
#include "hub/crypto/crypto.h"

enum { ESCROW_WRAPPED_LEN = ENGINE_SHARE_LEN + WRAP_OVERHEAD };

struct escrow {
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch, lock_epoch; /* in which it was drawn */
	uint8_t authority[X25519_LEN];
	uint8_t release_key[KEY_LEN];
	uint8_t wrapped[ESCROW_WRAPPED_LEN];
	uint8_t sealed[ESCROW_SEALED_LEN];
	bool kept; /* the clinic has 'sealed' */
};

/*
 * escrow_draw - a new server share, sealed and forgotten; 'kept' is false.
 *
 * e   hub, epoch, lock_epoch, authority are set; the rest is written
 *
 * Returns 0, or -EIO: the authority's key is none.
 */
int escrow_draw(struct escrow *e, const uint8_t engine[static ENGINE_SHARE_LEN]);

/* escrow_open - the engine share by the server share. Returns 0, or -EKEYREJECTED: it is not the one. */
int escrow_open(const struct escrow *e, const uint8_t server[static TOKEN_SHARE_LEN],
		uint8_t ret_engine[static ENGINE_SHARE_LEN]);

/*
 * escrow_unseal - the clinic's half: the server share.
 *
 * private   of the release authority
 *
 * Returns 0, -EKEYREJECTED (another key, hub or lock epoch), -ENOTSUP.
 */
int escrow_unseal(const uint8_t private[static X25519_LEN],
		  const uint8_t hub[static HUB_ID_LEN], uint32_t epoch,
		  const struct escrow_sealed *s, uint8_t ret[static TOKEN_SHARE_LEN]);

void escrow_release_key(const uint8_t server[static TOKEN_SHARE_LEN],
			uint8_t ret[static KEY_LEN]);

/* escrow_put_share - the server share into a token that has hub, lock epoch and nonce. */
void escrow_put_share(const uint8_t release_key[static KEY_LEN],
		      const uint8_t server[static TOKEN_SHARE_LEN],
		      struct access_token *t);
/* escrow_get_share - Returns 0, or -EKEYREJECTED: there is none, or it is not for this hub, lock epoch and nonce. */
int escrow_get_share(const uint8_t release_key[static KEY_LEN],
		     const struct access_token *t, uint8_t ret[static TOKEN_SHARE_LEN]);

/* escrow_code - what is read out for this challenge and this purpose. */
void escrow_code(const uint8_t release_key[static KEY_LEN], enum token_code what,
		 const struct challenge *c, char ret[static TOKEN_CODE_DIGITS + 1]);
