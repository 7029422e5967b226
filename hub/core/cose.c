/*
 * cose.c - the bytes of a COSE_Sign1; see cose.h.
 */
#include "hub/core/cose.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cbor.h"

/* Protected header {1: -7}: algorithm ES256 (RFC 9053, 2.1). */
static const uint8_t protected_header[] = { 0xa1, 0x01, 0x26 };

int cose_to_be_signed(const char *context, const uint8_t *payload, size_t len,
		      uint8_t *buf, size_t cap)
{
	struct writer w;

	writer_init(&w, buf, cap);
	cb_put_array(&w, 4);
	cb_put_text(&w, "Signature1", strlen("Signature1"));
	cb_put_bytes(&w, protected_header, sizeof(protected_header));
	cb_put_bytes(&w, (const uint8_t *)context, strlen(context));
	cb_put_bytes(&w, payload, len);
	return writer_len(&w);
}

static int frame(const uint8_t *payload, size_t len, const uint8_t *auth,
		 const uint8_t *signature, uint8_t *buf, size_t cap)
{
	struct writer w;

	writer_init(&w, buf, cap);
	cb_put_array(&w, 4);
	cb_put_bytes(&w, protected_header, sizeof(protected_header));
	cb_put_map(&w, auth ? 1 : 0);
	if (auth) {
		cb_put_int(&w, COSE_LABEL_FIDO_AUTH);
		cb_put_bytes(&w, auth, FIDO_AUTH_LEN);
	}
	cb_put_bytes(&w, payload, len);
	cb_put_bytes(&w, signature, COSE_SIGNATURE_LEN);
	return writer_len(&w);
}

int cose_frame(const uint8_t *payload, size_t len,
	       const uint8_t signature[static COSE_SIGNATURE_LEN], uint8_t *buf,
	       size_t cap)
{
	return frame(payload, len, NULL, signature, buf, cap);
}

int cose_frame_fido(const uint8_t *payload, size_t len,
		    const uint8_t auth[static FIDO_AUTH_LEN],
		    const uint8_t signature[static COSE_SIGNATURE_LEN], uint8_t *buf,
		    size_t cap)
{
	return frame(payload, len, auth, signature, buf, cap);
}

/* Empty, or one entry. */
static void get_unprotected(struct cb *c, size_t len, struct cose_sign1 *s)
{
	size_t n = cb_get_map(c, len);

	s->auth = NULL;
	s->auth_len = 0;
	if (cb_error(c) || n == 0)
		return;
	if (n > 1 || cb_peek(c) != CB_NEGATIVE || cb_get_int(c) != COSE_LABEL_FIDO_AUTH) {
		cb_fail(c, -ENOTSUP);
		return;
	}
	s->auth = cb_get_bytes(c, &s->auth_len);
}

int cose_parse_any(const uint8_t *buf, size_t len, struct cose_sign1 *ret)
{
	const uint8_t *header;
	size_t header_len, signature_len;
	struct cose_sign1 s;
	struct cb c;

	cb_init(&c, buf, len);
	if (cb_get_array(&c, 4) != 4)
		cb_fail(&c, -EBADMSG);
	header = cb_get_bytes(&c, &header_len);
	if (!cb_error(&c) && (header_len != sizeof(protected_header) ||
			      memcmp(header, protected_header, header_len) != 0))
		cb_fail(&c, -ENOTSUP);
	get_unprotected(&c, len, &s);
	s.payload = cb_get_bytes(&c, &s.payload_len);
	s.signature = cb_get_bytes(&c, &signature_len);
	if (!cb_error(&c) && signature_len != COSE_SIGNATURE_LEN)
		cb_fail(&c, -EBADMSG);
	if (cb_finish(&c))
		return cb_finish(&c);
	*ret = s;
	return 0;
}

int cose_parse(const uint8_t *buf, size_t len, struct cose_sign1 *ret)
{
	struct cose_sign1 s = { 0 };
	int r = cose_parse_any(buf, len, &s);

	if (r)
		return r;
	if (s.auth)
		return -ENOTSUP;
	*ret = s;
	return 0;
}
