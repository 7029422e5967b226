#pragma once

/*
 * csr_maker.h - requests for certificates made by hand, so that a test can make wrong ones too.
 */
#include "hub/crypto/csr.h"
#include "tests/unit/test.h"

/* The key that requests are signed with, and the one that they name: csr_key changes both. */
static uint8_t csr_private[P256_PRIVATE_LEN], csr_public[P256_PUBLIC_LEN];

/* tag, length and content behind out[n]; returns the new n. Content may overlap. */
static size_t csr_put(uint8_t *out, size_t n, uint8_t tag, const uint8_t *content,
		      size_t len)
{
	size_t head = len > 255 ? 4 : len > 127 ? 3 : 2;

	memmove(out + n + head, content, len);
	out[n] = tag;
	if (head == 2) {
		out[n + 1] = (uint8_t)len;
	} else if (head == 3) {
		out[n + 1] = 0x81;
		out[n + 2] = (uint8_t)len;
	} else {
		out[n + 1] = 0x82;
		out[n + 2] = (uint8_t)(len >> 8);
		out[n + 3] = (uint8_t)len;
	}
	return n + head + len;
}

static size_t csr_put_attribute(uint8_t *out, size_t n, uint8_t last, uint8_t tag,
				const char *text)
{
	const uint8_t oid[] = { 0x55, 0x04, last };
	uint8_t a[600], b[600];
	size_t len = csr_put(a, 0, 0x06, oid, sizeof(oid));

	len = csr_put(a, len, tag, (const uint8_t *)text, strlen(text));
	len = csr_put(b, 0, 0x30, a, len);
	return csr_put(out, n, 0x31, b, len);
}

static size_t csr_put_number(uint8_t *out, size_t n, const uint8_t half[32])
{
	uint8_t number[33] = { 0 };
	size_t skip = 0;

	memcpy(number + 1, half, 32);
	while (skip < 32 && number[skip] == 0 && !(number[skip + 1] & 0x80))
		skip++;
	return csr_put(out, n, 0x02, number + skip, sizeof(number) - skip);
}

/* Around a subject; 'version' is the content of the first number. */
static size_t csr_make(uint8_t *out, const uint8_t *subject, size_t subject_len,
		       uint8_t version)
{
	static const uint8_t key_head[] = { 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86,
					    0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
					    0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
					    0x03, 0x01, 0x07, 0x03, 0x42, 0x00 };
	static const uint8_t algorithm[] = { 0x06, 0x08, 0x2a, 0x86, 0x48,
					     0xce, 0x3d, 0x04, 0x03, 0x02 };
	uint8_t part[1200], key[100], sig[100], raw[P256_SIGNATURE_LEN];
	size_t n = csr_put(part, 0, 0x02, &version, 1), m;

	n = csr_put(part, n, 0x30, subject, subject_len);
	memcpy(key, key_head, sizeof(key_head));
	memcpy(key + sizeof(key_head), csr_public, sizeof(csr_public));
	n = csr_put(part, n, 0x30, key, sizeof(key_head) + sizeof(csr_public));
	n = csr_put(part, n, 0xa0, part, 0);
	n = csr_put(part, 0, 0x30, part, n);
	CHECK_INT(p256_sign(csr_private, part, n, raw), 0);
	m = csr_put_number(sig + 1, 0, raw);
	m = csr_put_number(sig + 1, m, raw + 32);
	m = csr_put(sig + 1, 0, 0x30, sig + 1, m);
	sig[0] = 0;
	memcpy(out, part, n);
	n = csr_put(out, n, 0x30, algorithm, sizeof(algorithm));
	n = csr_put(out, n, 0x03, sig, m + 1);
	return csr_put(out, 0, 0x30, out, n);
}
