/*
 * signing.c - see signing.h.
 */
#include "clinic/signing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clinic/fido_key.h"
#include "clinic/keyfile.h"
#include "clinic/pkcs11_key.h"
#include "hub/core/cose.h"

struct signing {
	struct pkcs11_key *token; /* NULL: a file */
	struct fido_file fido;	  /* of a kind that is not plain: a security key */
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

/* expected: what a file says of its public key; NULL for a URI that was typed. */
static int open_token(const char *uri, const uint8_t *expected, struct signing *s,
		      char why[static FOLDER_WHY_MAX])
{
	const uint8_t *shown;
	int r = pkcs11_key_open(uri, false, &s->token, why);

	if (r < 0 || !expected || expected[0] == 0)
		return r;
	shown = pkcs11_key_file(s->token)->public;
	if (shown[0] == 0 || memcmp(shown, expected, SIGNER_PUBLIC_LEN) == 0)
		return 0;
	snprintf(why, FOLDER_WHY_MAX,
		 "the key that the token has under this name is another one than when "
		 "the file was made");
	return -EKEYREJECTED;
}

/* The file says of which kind it is. */
static int open_file(const char *spec, const char *dir, const char *name,
		     struct signing *s, char why[static FOLDER_WHY_MAX])
{
	struct pkcs11_file token;
	int r = spec ? fido_file_read_path(spec, &s->fido, why)
		     : fido_file_read(dir, name, &s->fido, why);

	if (r != 0)
		return r < 0 ? r : 0;
	r = spec ? pkcs11_file_read_path(spec, &token, why)
		 : pkcs11_file_read(dir, name, &token, why);
	if (r != 0)
		return r < 0 ? r : open_token(token.uri, token.public, s, why);
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
	r = spec && pkcs11_key_is(spec) ? open_token(spec, NULL, s, why)
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
	pkcs11_key_close(s->token);
	crypto_wipe(s, sizeof(*s));
	free(s);
}

enum signing_place signing_place(const char *dir, const char *name,
				 const struct signer *whose,
				 char ret_uri[static PKCS11_URI_MAX + 1])
{
	struct pkcs11_file token;
	struct fido_file fido;
	char why[FOLDER_WHY_MAX];
	int r;

	ret_uri[0] = '\0';
	if (fido_file_read(dir, name, &fido, why) > 0)
		return fido.kind == whose->kind && memcmp(fido.public, whose->public,
							  sizeof(fido.public)) == 0
			       ? SIGNING_SECURITY_KEY
			       : SIGNING_ELSEWHERE;
	if (whose->kind != SIGNER_PLAIN)
		return SIGNING_ELSEWHERE;
	if (pkcs11_file_read(dir, name, &token, why) > 0) {
		if (token.public[0] &&
		    memcmp(token.public, whose->public, SIGNER_PUBLIC_LEN) != 0)
			return SIGNING_ELSEWHERE;
		snprintf(ret_uri, PKCS11_URI_MAX + 1, "%s", token.uri);
		return SIGNING_TOKEN;
	}
	r = keyfile_is_encrypted(dir, name);
	return r > 0 ? SIGNING_FILE_ENCRYPTED : r == 0 ? SIGNING_FILE : SIGNING_ELSEWHERE;
}

const char *signing_place_text(enum signing_place place)
{
	switch (place) {
	case SIGNING_ELSEWHERE: return "elsewhere";
	case SIGNING_FILE: return "file";
	case SIGNING_FILE_ENCRYPTED: return "encrypted-file";
	case SIGNING_SECURITY_KEY: return "security-key";
	case SIGNING_TOKEN: return "token";
	}
	return "?";
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
		r = pkcs11_key_sign(s->token, hash, signature, s->why);
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
