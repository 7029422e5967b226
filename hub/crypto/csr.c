/*
 * csr.c - requests for certificates; see csr.h.
 *
 *   CertificationRequest ::= SEQUENCE {
 *     SEQUENCE {                       the part that is signed, with its head
 *       INTEGER                        0; see VERSION_MAX
 *       SEQUENCE OF SET OF SEQUENCE { OBJECT IDENTIFIER, string }      subject
 *       SubjectPublicKeyInfo           26 octets that are always the same, then the point
 *       [0] attributes }
 *     SEQUENCE { ecdsa-with-SHA256 }
 *     BIT STRING { SEQUENCE { INTEGER r, INTEGER s } } }
 *
 * A result is written only after the signature was found good.
 */
#include "hub/crypto/csr.h"

#include <errno.h>
#include <string.h>

#include "hub/core/der.h"

enum {
	HALF = P256_SIGNATURE_LEN / 2,
	SPKI_HEAD_LEN = 26,
	VERSION_MAX =
		2, /* RFC 2986 has 0 only, wolfCrypt writes that of its certificates, 2 */
};

/* SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING of the point, no unused bits } */
static const uint8_t spki_head[SPKI_HEAD_LEN] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
	0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00
};
static const uint8_t ecdsa_sha256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48,
					0xce, 0x3d, 0x04, 0x03, 0x02 };
static const uint8_t serial_number[] = { 0x55, 0x04, 0x05 };

/* Returns 0, -EBADMSG or -ERANGE. */
static int read_text(struct reader *value, char ret[static CSR_NAME_MAX + 1])
{
	bool known = der_is_next(value, DER_PRINTABLE) || der_is_next(value, DER_UTF8);
	struct reader text = der_read(value, known ? *value->p : DER_PRINTABLE);
	size_t n = reader_left(&text);

	if (!known || !reader_done(value))
		return -EBADMSG;
	if (n == 0 || n > CSR_NAME_MAX || *ret != '\0')
		return -ERANGE;
	for (size_t i = 0; i < n; i++) {
		ret[i] = (char)read_u8(&text);
		if (ret[i] < ' ' || ret[i] > '~')
			return -ERANGE;
	}
	ret[n] = '\0';
	return 0;
}

static int read_subject(struct reader name, struct csr *ret)
{
	int r = 0;

	while (r == 0 && reader_left(&name) > 0) {
		struct reader set = der_read(&name, DER_SET);

		do {
			struct reader attribute = der_read(&set, DER_SEQUENCE);
			struct reader type = der_read(&attribute, DER_OID);

			if (der_is_bytes(&type, serial_number, sizeof(serial_number)))
				r = read_text(&attribute, ret->serial_number);
			else if (!reader_ok(&attribute) || reader_left(&attribute) == 0)
				r = -EBADMSG;
		} while (r == 0 && reader_left(&set) > 0);
		if (r == 0 && !reader_ok(&set))
			r = -EBADMSG;
	}
	return r == 0 && !reader_done(&name) ? -EBADMSG : r;
}

static int read_key(struct reader *r, struct csr *ret)
{
	struct reader whole = *r;
	struct reader inner = der_read(r, DER_SEQUENCE);
	const uint8_t *p;

	(void)inner;
	if (!reader_ok(r))
		return -EBADMSG;
	p = read_span(&whole, SPKI_HEAD_LEN + P256_PUBLIC_LEN);
	/* a head that says so is as long as this */
	if (!p || memcmp(p, spki_head, SPKI_HEAD_LEN) != 0 || p[SPKI_HEAD_LEN] != 0x04)
		return -ENOTSUP;
	memcpy(ret->public, p + SPKI_HEAD_LEN, P256_PUBLIC_LEN);
	crypto_sha256(p, SPKI_HEAD_LEN + P256_PUBLIC_LEN, ret->spki);
	return 0;
}

static int read_signed_part(struct reader part, struct csr *ret)
{
	struct reader version = der_read(&part, DER_INTEGER);
	struct reader subject = der_read(&part, DER_SEQUENCE);
	int r;

	if (!reader_ok(&part))
		return -EBADMSG;
	if (reader_left(&version) != 1 || read_u8(&version) > VERSION_MAX)
		return -ENOTSUP;
	r = read_subject(subject, ret);
	if (r == 0)
		r = read_key(&part, ret);
	if (r < 0)
		return r;
	der_read(&part, DER_CONTEXT_0);
	return reader_done(&part) ? 0 : -EBADMSG;
}

/* A positive number of at most 32 octets, to the right. */
static int read_half(struct reader *r, uint8_t ret[static HALF])
{
	struct reader number = der_read(r, DER_INTEGER);
	size_t n = reader_left(&number);

	if (!reader_ok(r) || n == 0 || (*number.p & 0x80))
		return -EBADMSG;
	if (*number.p == 0 && n > 1) {
		read_u8(&number);
		n--;
		if (!(*number.p & 0x80))
			return -EBADMSG;
	}
	if (n > HALF)
		return -EBADMSG;
	memset(ret, 0, HALF);
	read_bytes(&number, ret + HALF - n, n);
	return 0;
}

static int read_signature(struct reader bits, uint8_t ret[static P256_SIGNATURE_LEN])
{
	struct reader pair;
	int r;

	if (read_u8(&bits) != 0)
		return -EBADMSG;
	pair = der_read(&bits, DER_SEQUENCE);
	if (!reader_done(&bits))
		return -EBADMSG;
	r = read_half(&pair, ret);
	if (r == 0)
		r = read_half(&pair, ret + HALF);
	return r == 0 && !reader_done(&pair) ? -EBADMSG : r;
}

int csr_read(const uint8_t *der, size_t len, struct csr *ret)
{
	struct reader file, outer, part, algorithm, bits;
	uint8_t signature[P256_SIGNATURE_LEN];
	struct csr c = { .serial_number = "" };
	const uint8_t *begin;
	size_t part_len;
	int r;

	if (len == 0 || len > CSR_LEN_MAX)
		return -EMSGSIZE;
	reader_init(&file, der, len);
	outer = der_read(&file, DER_SEQUENCE);
	begin = outer.p;
	part = der_read(&outer, DER_SEQUENCE);
	part_len = (size_t)(outer.p - begin);
	algorithm = der_read(&outer, DER_SEQUENCE);
	bits = der_read(&outer, DER_BIT_STRING);
	if (!reader_done(&file) || !reader_done(&outer))
		return -EBADMSG;
	r = read_signed_part(part, &c);
	if (r < 0)
		return r;
	if (!der_is_bytes(&algorithm, ecdsa_sha256, sizeof(ecdsa_sha256)))
		return -ENOTSUP;
	r = read_signature(bits, signature);
	if (r < 0)
		return r;
	if (p256_verify(c.public, begin, part_len, signature) != 0)
		return -EKEYREJECTED;
	*ret = c;
	return 0;
}
