/*
 * vex_sign.c - see vex_sign.h.
 */
#include "clinic/vex_sign.h"

#include <errno.h>
#include <string.h>

#include "clinic/spec.h"
#include "hub/core/cbor.h"
#include "hub/core/cose.h"

enum {
	VERSION = 1,
	FIELDS = 3,
	PAYLOAD_MAX = VEX_SIGNED_MAX - COSE_OVERHEAD_MAX - COSE_FIDO_EXTRA
};

struct word {
	char signer[SIGNER_NAME_MAX + 1];
	uint8_t hash[SHA256_LEN];
};

static int decode(const uint8_t *buf, size_t len, struct word *ret)
{
	const char *name;
	struct cb c;
	size_t n;

	cb_init(&c, buf, len);
	if (cb_get_array(&c, FIELDS) != FIELDS)
		cb_fail(&c, -EBADMSG);
	if (cb_get_uint(&c) != VERSION)
		cb_fail(&c, -ENOTSUP);
	name = cb_get_text(&c, &n);
	if (n > SIGNER_NAME_MAX)
		cb_fail(&c, -ERANGE);
	cb_get_fixed(&c, ret->hash, sizeof(ret->hash));
	if (cb_finish(&c))
		return cb_finish(&c);
	memcpy(ret->signer, name, n);
	ret->signer[n] = '\0';
	/* it is shown to people before any signature was looked at */
	return strlen(ret->signer) == n && spec_name_ok(ret->signer) ? 0 : -EBADMSG;
}

int vex_sign(struct signing *key, const char *signer, const uint8_t *document, size_t len,
	     uint8_t buf[static VEX_SIGNED_MAX])
{
	uint8_t payload[PAYLOAD_MAX], hash[SHA256_LEN];
	struct writer w;
	int n;

	crypto_sha256(document, len, hash);
	writer_init(&w, payload, sizeof(payload));
	cb_put_array(&w, FIELDS);
	cb_put_uint(&w, VERSION);
	cb_put_text(&w, signer, strlen(signer));
	cb_put_bytes(&w, hash, sizeof(hash));
	n = writer_len(&w);
	return n < 0 ? n
		     : signing_sign1(key, SIGN_CONTEXT_VEX, payload, (size_t)n, buf,
				     VEX_SIGNED_MAX);
}

int vex_signer(const uint8_t *buf, size_t len, char ret[static SIGNER_NAME_MAX + 1])
{
	struct cose_sign1 s;
	struct word word;
	int r = cose_parse_any(buf, len, &s);

	if (r == 0)
		r = decode(s.payload, s.payload_len, &word);
	if (r == 0)
		memcpy(ret, word.signer, sizeof(word.signer));
	return r;
}

int vex_verify(const struct signer *by, const uint8_t *buf, size_t len,
	       const uint8_t *document, size_t document_len)
{
	uint8_t hash[SHA256_LEN];
	const uint8_t *payload;
	struct word word;
	size_t n;

	if (sign1_open_by(SIGN_CONTEXT_VEX, by, buf, len, &payload, &n) ||
	    decode(payload, n, &word))
		return -EKEYREJECTED;
	crypto_sha256(document, document_len, hash);
	return memcmp(hash, word.hash, SHA256_LEN) == 0 ? 0 : -EKEYREJECTED;
}
