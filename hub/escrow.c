/*
 * escrow.c - see escrow.h.
 *
 * Invariant: when escrow_draw returns the server share is in no memory and in no file of the hub but sealed.
 */
#include "hub/escrow.h"

#include <errno.h>
#include <string.h>

enum {
	AUTHORITY_KEY_ID = 1,
	SEAL_AD_LEN = sizeof("hub/v1/escrow") - 1 + HUB_ID_LEN + 4 + 4,
	SHARE_AD_LEN = HUB_ID_LEN + 4 + CHALLENGE_NONCE_LEN,
	CODE_LEN = sizeof("hub/v1/code") - 1 + 1 + CHALLENGE_LEN,
};

_Static_assert((int)ESCROW_SEALED_LEN == (int)SEALED_LEN(TOKEN_SHARE_LEN), "all of it");
_Static_assert((int)TOKEN_SHARE_WRAPPED_LEN == TOKEN_SHARE_LEN + (int)WRAP_OVERHEAD,
	       "all of it");

static void seal_ad(const uint8_t *hub, uint32_t epoch, uint32_t lock_epoch,
		    uint8_t ret[static SEAL_AD_LEN])
{
	struct writer w;

	writer_init(&w, ret, SEAL_AD_LEN);
	write_bytes(&w, (const uint8_t *)"hub/v1/escrow", sizeof("hub/v1/escrow") - 1);
	write_bytes(&w, hub, HUB_ID_LEN);
	write_be32(&w, epoch);
	write_be32(&w, lock_epoch);
}

void escrow_release_key(const uint8_t server[static TOKEN_SHARE_LEN],
			uint8_t ret[static KEY_LEN])
{
	crypto_derive(server, TOKEN_SHARE_LEN, "hub/v1/release", ret);
}

static void wrap_key(const uint8_t server[static TOKEN_SHARE_LEN],
		     uint8_t ret[static KEY_LEN])
{
	crypto_derive(server, TOKEN_SHARE_LEN, "hub/v1/engine-share", ret);
}

int escrow_draw(struct escrow *e, const uint8_t engine[static ENGINE_SHARE_LEN])
{
	uint8_t server[TOKEN_SHARE_LEN], key[KEY_LEN], ad[SEAL_AD_LEN];
	int r;

	crypto_random(server, sizeof(server));
	escrow_release_key(server, e->release_key);
	wrap_key(server, key);
	crypto_wrap(key, e->hub, HUB_ID_LEN, engine, ENGINE_SHARE_LEN, e->wrapped);
	seal_ad(e->hub, e->epoch, e->lock_epoch, ad);
	r = seal(AUTHORITY_KEY_ID, e->authority, ad, sizeof(ad), server, sizeof(server),
		 e->sealed);
	e->kept = false;
	crypto_wipe(server, sizeof(server));
	crypto_wipe(key, sizeof(key));
	return r;
}

int escrow_open(const struct escrow *e, const uint8_t server[static TOKEN_SHARE_LEN],
		uint8_t ret_engine[static ENGINE_SHARE_LEN])
{
	uint8_t key[KEY_LEN];
	int r;

	wrap_key(server, key);
	r = crypto_unwrap(key, e->hub, HUB_ID_LEN, e->wrapped, sizeof(e->wrapped),
			  ret_engine);
	crypto_wipe(key, sizeof(key));
	return r;
}

int escrow_unseal(const uint8_t private[static X25519_LEN],
		  const uint8_t hub[static HUB_ID_LEN], uint32_t epoch,
		  const struct escrow_sealed *s, uint8_t ret[static TOKEN_SHARE_LEN])
{
	uint8_t ad[SEAL_AD_LEN];

	seal_ad(hub, epoch, s->lock_epoch, ad);
	return unseal(private, ad, sizeof(ad), s->bytes, sizeof(s->bytes), ret);
}

static void share_key(const uint8_t release_key[static KEY_LEN],
		      uint8_t ret[static KEY_LEN])
{
	crypto_derive(release_key, KEY_LEN, "hub/v1/token-share", ret);
}

static void share_ad(const struct access_token *t, uint8_t ret[static SHARE_AD_LEN])
{
	struct writer w;

	writer_init(&w, ret, SHARE_AD_LEN);
	write_bytes(&w, t->hub, HUB_ID_LEN);
	write_be32(&w, t->lock_epoch);
	write_bytes(&w, t->nonce, CHALLENGE_NONCE_LEN);
}

void escrow_put_share(const uint8_t release_key[static KEY_LEN],
		      const uint8_t server[static TOKEN_SHARE_LEN],
		      struct access_token *t)
{
	uint8_t key[KEY_LEN], ad[SHARE_AD_LEN];

	share_key(release_key, key);
	share_ad(t, ad);
	crypto_wrap(key, ad, sizeof(ad), server, TOKEN_SHARE_LEN, t->share);
	t->has_share = true;
	crypto_wipe(key, sizeof(key));
}

int escrow_get_share(const uint8_t release_key[static KEY_LEN],
		     const struct access_token *t, uint8_t ret[static TOKEN_SHARE_LEN])
{
	uint8_t key[KEY_LEN], ad[SHARE_AD_LEN];
	int r;

	if (!t->has_share)
		return -EKEYREJECTED;
	share_key(release_key, key);
	share_ad(t, ad);
	r = crypto_unwrap(key, ad, sizeof(ad), t->share, sizeof(t->share), ret);
	crypto_wipe(key, sizeof(key));
	return r;
}

void escrow_code(const uint8_t release_key[static KEY_LEN], enum token_code what,
		 const struct challenge *c, char ret[static TOKEN_CODE_DIGITS + 1])
{
	uint8_t said[CHALLENGE_LEN], buf[CODE_LEN], mac[SHA256_LEN];
	struct writer w;

	challenge_encode(c, said);
	writer_init(&w, buf, sizeof(buf));
	write_bytes(&w, (const uint8_t *)"hub/v1/code", sizeof("hub/v1/code") - 1);
	write_u8(&w, (uint8_t)what);
	write_bytes(&w, said, sizeof(said));
	crypto_hmac(release_key, buf, sizeof(buf), mac);
	token_code_digits(mac, ret);
	crypto_wipe(mac, sizeof(mac));
}
