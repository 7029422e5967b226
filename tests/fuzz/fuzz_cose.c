/*
 * fuzz_cose.c - COSE_Sign1: what parses has payload and signature inside the input, and frames to the shortest
 * form of the same, with authenticatorData or without; and without is what a plain signer's must be. Longer forms of lengths are
 * read (nothing relies on the frame's own bytes).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/core/cose.h"
#include "hub/core/fido.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static bool is_inside(const uint8_t *p, size_t len, const uint8_t *data, size_t size)
{
	return p >= data && len <= size && (size_t)(p - data) <= size - len;
}

/* What a security key says of its signature: what passes has one form, and says that somebody was there. */
static void check_auth(const struct cose_sign1 *s)
{
	for (int verified = 0; verified < 2; verified++) {
		if (fido_auth_check(s->auth, s->auth_len, verified))
			continue;
		check(s->auth_len == FIDO_AUTH_LEN);
		check((s->auth[FIDO_HASH_LEN] | FIDO_UV) == (FIDO_UP | FIDO_UV));
		check(!verified || (s->auth[FIDO_HASH_LEN] & FIDO_UV));
	}
}

static void with_auth(const struct cose_sign1 *s, const uint8_t *data, size_t size)
{
	struct cose_sign1 again;
	uint8_t *buf;
	int n;

	check(cose_parse(data, size, &again) == -ENOTSUP);
	check(is_inside(s->auth, s->auth_len, data, size));
	check_auth(s);
	if (s->auth_len != FIDO_AUTH_LEN)
		return;
	buf = malloc(size);
	check(buf != NULL);
	n = cose_frame_fido(s->payload, s->payload_len, s->auth, s->signature, buf, size);
	check(n > 0 && cose_parse_any(buf, (size_t)n, &again) == 0);
	check(again.auth && memcmp(again.auth, s->auth, FIDO_AUTH_LEN) == 0);
	free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cose_sign1 frame, again;
	uint8_t *buf;
	int n;

	if (cose_parse_any(data, size, &frame))
		return 0;
	check(is_inside(frame.payload, frame.payload_len, data, size));
	check(is_inside(frame.signature, COSE_SIGNATURE_LEN, data, size));
	if (frame.auth) {
		with_auth(&frame, data, size);
		return 0;
	}
	check(cose_parse(data, size, &frame) == 0);
	check(is_inside(frame.payload, frame.payload_len, data, size));
	check(is_inside(frame.signature, COSE_SIGNATURE_LEN, data, size));
	/* as long as it must be and not a byte more: the sanitizer sees what goes over it */
	buf = malloc(size);
	check(buf != NULL);
	n = cose_frame(frame.payload, frame.payload_len, frame.signature, buf, size);
	check(n >= 0 && cose_parse(buf, (size_t)n, &again) == 0);
	check(again.payload_len == frame.payload_len &&
	      memcmp(again.payload, frame.payload, frame.payload_len) == 0 &&
	      memcmp(again.signature, frame.signature, COSE_SIGNATURE_LEN) == 0);
	free(buf);
	buf = malloc(frame.payload_len + COSE_OVERHEAD_MAX);
	check(buf != NULL);
	n = cose_to_be_signed("hub batch v1", frame.payload, frame.payload_len, buf,
			      frame.payload_len + COSE_OVERHEAD_MAX);
	check(n > 0);
	free(buf);
	return 0;
}
