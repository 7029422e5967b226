/*
 * signing.c - see signing.h.
 */
#include "clinic/signing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "clinic/fido_key.h"
#include "clinic/keyfile.h"
#include "clinic/token.h"
#include "hub/core/cose.h"

struct signing {
	struct token *token;   /* NULL: a file */
	struct fido_file fido; /* of a kind that is not plain: a security key */
	uint8_t private[P256_PRIVATE_LEN];
	char why[FOLDER_WHY_MAX];
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

/* The file says of which kind it is. */
static int open_file(const char *spec, const char *dir, const char *name,
		     struct signing *s, char why[static FOLDER_WHY_MAX])
{
	int r = spec ? fido_file_read_path(spec, &s->fido, why)
		     : fido_file_read(dir, name, &s->fido, why);

	if (r != 0)
		return r < 0 ? r : 0;
	return spec ? keyfile_read_path(spec, s->private, why)
		    : keyfile_read(dir, name, s->private, why);
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
	r = spec && token_is(spec) ? token_open(spec, &s->token, why)
				   : open_file(spec, dir, name, s, why);
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

enum signer_kind signing_kind(const struct signing *s)
{
	return s->fido.kind;
}

const char *signing_why(const struct signing *s)
{
	return s->why;
}

static int sign_fido(struct signing *s, const char *context, const uint8_t *payload,
		     size_t len, uint8_t *buf, size_t cap)
{
	uint8_t hash[SHA256_LEN], auth[FIDO_AUTH_LEN], signature[COSE_SIGNATURE_LEN];
	int r = sign1_hash(context, payload, len, hash);

	if (r == 0)
		r = fido_key_sign(&s->fido, hash, auth, signature, s->why);
	return r < 0 ? r : cose_frame_fido(payload, len, auth, signature, buf, cap);
}

static int sign_token(struct signing *s, const char *context, const uint8_t *payload,
		      size_t len, uint8_t *buf, size_t cap)
{
	uint8_t hash[SHA256_LEN], signature[P256_SIGNATURE_LEN];
	int r = sign1_hash(context, payload, len, hash);

	if (r == 0)
		r = token_sign(s->token, hash, signature);
	return r < 0 ? r : cose_frame(payload, len, signature, buf, cap);
}

int signing_sign1(struct signing *s, const char *context, const uint8_t *payload,
		  size_t len, uint8_t *buf, size_t cap)
{
	if (s->fido.kind != SIGNER_PLAIN)
		return sign_fido(s, context, payload, len, buf, cap);
	return s->token ? sign_token(s, context, payload, len, buf, cap)
			: sign1_make(context, s->private, payload, len, buf, cap);
}
