/*
 * ticket_sign.c - see ticket_sign.h.
 *
 * As in trust_sign.c a payload is parsed before its signature is good, as the key to verify it with is in it, and nothing of
 * it is used before that.
 */
#include "hub/crypto/ticket_sign.h"

#include <errno.h>
#include <string.h>

#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/asn_public.h>

#include "hub/crypto/trust_sign.h"

_Static_assert((int)TICKET_PRIVATE_LEN == (int)P256_PRIVATE_LEN, "a key");

enum { SPKI_ROOM = 256 };

/* Is the certificate that of the key? */
static int check_pair(const struct ticket *t, uint8_t ret_spki[static SHA256_LEN])
{
	uint8_t public[P256_PUBLIC_LEN], spki[SPKI_ROOM];
	word32 n = sizeof(spki);

	if (p256_public(t->private, public) < 0 ||
	    wc_GetSubjectPubKeyInfoDerFromCert(t->cert, (word32)t->cert_len, spki, &n) !=
		    0 ||
	    n < sizeof(public) ||
	    memcmp(spki + n - sizeof(public), public, sizeof(public)) != 0)
		return -EKEYREJECTED;
	crypto_sha256(spki, n, ret_spki);
	return 0;
}

int ticket_make(const struct ticket *t,
		const uint8_t root_private[static P256_PRIVATE_LEN], uint8_t *buf,
		size_t cap)
{
	uint8_t payload[TICKET_PAYLOAD_MAX];
	struct ticket_facts facts;
	struct ticket back;
	const char *field;
	int n = ticket_encode(t, payload, sizeof(payload)), r;

	if (n < 0)
		return n;
	n = sign1_make(SIGN_CONTEXT_TICKET, root_private, payload, (size_t)n, buf, cap);
	crypto_wipe(payload, sizeof(payload));
	if (n < 0)
		return n;
	r = ticket_open(buf, (size_t)n, &back, &facts, &field);
	crypto_wipe(&back, sizeof(back));
	return r < 0 ? r : n;
}

int ticket_open(const uint8_t *buf, size_t len, struct ticket *ret,
		struct ticket_facts *ret_facts, const char **ret_field)
{
	uint8_t key[P256_PUBLIC_LEN];
	struct ticket_facts f = { 0 };
	struct cose_sign1 frame = { 0 };
	const uint8_t *payload;
	size_t payload_len;
	int r;

	*ret = (struct ticket){ 0 };
	*ret_field = "frame";
	r = cose_parse(buf, len, &frame);
	if (r == 0)
		r = ticket_decode(frame.payload, frame.payload_len, ret, ret_field);
	if (r == 0)
		r = trust_open(ret->trust, ret->trust_len, &f.trust, f.trust_hash,
			       ret_field);
	if (r == 0)
		r = trust_root_key(&f.trust, key);
	if (r < 0)
		return r;
	*ret_field = "signature";
	r = sign1_open(SIGN_CONTEXT_TICKET, key, buf, len, &payload, &payload_len);
	if (r < 0)
		return r == -EBADMSG ? -EKEYREJECTED : r;
	*ret_field = "certificate";
	r = check_pair(ret, f.spki);
	if (r == 0)
		*ret_facts = f;
	return r;
}
