/*
 * signing.c - see signing.h.
 */
#include "clinic/signing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "clinic/keyfile.h"
#include "clinic/token.h"
#include "hub/core/cose.h"

enum { CONTEXT_ROOM = 128 }; /* around the payload, in what is signed */

struct signing {
	struct token *token; /* NULL: a file */
	uint8_t private[P256_PRIVATE_LEN];
};

static const char *used;

void signing_use(const char *spec)
{
	used = spec;
}

const char *signing_used(void)
{
	return used;
}

int signing_open(const char *spec, const char *dir, const char *name,
		 struct signing **ret, char why[static FOLDER_WHY_MAX])
{
	struct signing *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		snprintf(why, FOLDER_WHY_MAX, "there is no memory");
		return -ENOMEM;
	}
	if (spec && token_is(spec))
		r = token_open(spec, &s->token, why);
	else
		r = spec ? keyfile_read_path(spec, s->private, why)
			 : keyfile_read(dir, name, s->private, why);
	if (r < 0)
		signing_close(s);
	else
		*ret = s;
	return r;
}

void signing_close(struct signing *s)
{
	if (!s)
		return;
	token_close(s->token);
	crypto_wipe(s, sizeof(*s));
	free(s);
}

static int sign(struct signing *s, const uint8_t *msg, size_t len,
		uint8_t ret[static P256_SIGNATURE_LEN])
{
	uint8_t hash[SHA256_LEN];

	if (!s->token)
		return p256_sign(s->private, msg, len, ret);
	crypto_sha256(msg, len, hash);
	return token_sign(s->token, hash, ret);
}

int signing_sign1(struct signing *s, const char *context, const uint8_t *payload,
		  size_t len, uint8_t *buf, size_t cap)
{
	uint8_t signature[P256_SIGNATURE_LEN], *tbs = malloc(len + CONTEXT_ROOM);
	int n = tbs ? cose_to_be_signed(context, payload, len, tbs, len + CONTEXT_ROOM)
		    : -EIO;
	int r = n < 0 ? -EIO : sign(s, tbs, (size_t)n, signature);

	free(tbs);
	return r < 0 ? r : cose_frame(payload, len, signature, buf, cap);
}
