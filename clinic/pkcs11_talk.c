/*
 * pkcs11_talk.c - see pkcs11_talk.h.
 */
#include "clinic/pkcs11_talk.h"

#include <errno.h>
#include <string.h>

enum { FIRST = 1, HASH = 3, USE = 1, MAKE = 2, SCHEME_LEN = 7, UNCOMPRESSED = 4 };

bool pkcs11_uri_ok(const char *p, size_t len)
{
	if (len <= SCHEME_LEN || len > PKCS11_URI_MAX ||
	    memcmp(p, "pkcs11:", SCHEME_LEN) != 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (p[i] < ' ' || p[i] > '~')
			return false;
	return true;
}

static void get_uri(struct cb *c, char ret[static PKCS11_URI_MAX + 1])
{
	size_t n;
	const char *p = cb_get_text(c, &n);

	if (!cb_error(c) && !pkcs11_uri_ok(p, n))
		cb_fail(c, -ERANGE);
	if (cb_error(c))
		return;
	memcpy(ret, p, n);
	ret[n] = '\0';
}

/* --- clinicctl's ---------------------------------------------------------------------- */

int pkcs11_request_encode(const struct pkcs11_request *rq,
			  uint8_t buf[static TALK_PACKET_MAX])
{
	struct writer w;

	writer_init(&w, buf, TALK_PACKET_MAX);
	cb_put_array(&w, 3);
	cb_put_uint(&w, FIRST);
	cb_put_uint(&w, rq->make ? MAKE : USE);
	talk_put_text(&w, rq->uri);
	return writer_len(&w);
}

int pkcs11_request_decode(const uint8_t *buf, size_t len, struct pkcs11_request *ret)
{
	uint64_t what;
	struct cb c;

	memset(ret, 0, sizeof(*ret));
	cb_init(&c, buf, len);
	if (cb_get_array(&c, 3) != 3 || cb_get_uint(&c) != FIRST)
		cb_fail(&c, -EBADMSG);
	what = cb_get_uint_max(&c, MAKE);
	if (!cb_error(&c) && what == 0)
		cb_fail(&c, -ERANGE);
	ret->make = what == MAKE;
	get_uri(&c, ret->uri);
	return cb_finish(&c);
}

int pkcs11_hash_encode(const uint8_t hash[static PKCS11_HASH_LEN],
		       uint8_t buf[static TALK_PACKET_MAX])
{
	struct writer w;

	writer_init(&w, buf, TALK_PACKET_MAX);
	cb_put_array(&w, 2);
	cb_put_uint(&w, HASH);
	cb_put_bytes(&w, hash, PKCS11_HASH_LEN);
	return writer_len(&w);
}

int pkcs11_hash_decode(const uint8_t *buf, size_t len,
		       uint8_t ret[static PKCS11_HASH_LEN])
{
	struct cb c;

	cb_init(&c, buf, len);
	if (cb_get_array(&c, 2) != 2 || cb_get_uint(&c) != HASH)
		cb_fail(&c, -EBADMSG);
	cb_get_fixed(&c, ret, PKCS11_HASH_LEN);
	return cb_finish(&c);
}

/* --- clinicctl-pkcs11's --------------------------------------------------------------- */

int pkcs11_answer_encode(const struct pkcs11_answer *a,
			 uint8_t buf[static TALK_PACKET_MAX])
{
	static const uint8_t items[] = { [PKCS11_SAY_PIN] = 3,
					 [PKCS11_SAY_READER] = 2,
					 [PKCS11_SAY_KEY] = 3,
					 [PKCS11_SAY_SIGNATURE] = 2,
					 [PKCS11_SAY_FAILED] = 4 };
	struct writer w;

	writer_init(&w, buf, TALK_PACKET_MAX);
	cb_put_array(&w, items[a->say]);
	cb_put_uint(&w, (uint64_t)a->say);
	switch (a->say) {
	case PKCS11_SAY_PIN:
		cb_put_uint(&w, (uint64_t)a->tries);
		talk_put_text(&w, a->words);
		break;
	case PKCS11_SAY_READER: talk_put_text(&w, a->words); break;
	case PKCS11_SAY_KEY:
		cb_put_bytes(&w, a->public,
			     a->public[0] == UNCOMPRESSED ? sizeof(a->public) : 0);
		talk_put_text(&w, a->uri);
		break;
	case PKCS11_SAY_SIGNATURE:
		cb_put_bytes(&w, a->signature, sizeof(a->signature));
		break;
	case PKCS11_SAY_FAILED:
		cb_put_uint(&w, (uint64_t)a->fault);
		cb_put_uint(&w, (uint64_t)a->tries);
		talk_put_text(&w, a->words);
		break;
	}
	return writer_len(&w);
}

static void get_public(struct cb *c, uint8_t ret[static SIGNER_PUBLIC_LEN])
{
	size_t n;
	const uint8_t *p = cb_get_bytes(c, &n);

	if (cb_error(c) || n == 0)
		return;
	if (n != SIGNER_PUBLIC_LEN || p[0] != UNCOMPRESSED)
		cb_fail(c, -ERANGE);
	else
		memcpy(ret, p, n);
}

static size_t get_content(struct cb *c, struct pkcs11_answer *ret)
{
	switch (ret->say) {
	case PKCS11_SAY_PIN:
		ret->tries = (enum pkcs11_tries)cb_get_uint_max(c, PKCS11_TRIES_LAST);
		talk_get_words(c, ret->words);
		return 3;
	case PKCS11_SAY_READER: talk_get_words(c, ret->words); return 2;
	case PKCS11_SAY_KEY:
		get_public(c, ret->public);
		get_uri(c, ret->uri);
		return 3;
	case PKCS11_SAY_SIGNATURE:
		cb_get_fixed(c, ret->signature, sizeof(ret->signature));
		return 2;
	case PKCS11_SAY_FAILED:
		ret->fault = (enum pkcs11_fault)cb_get_uint_max(c, PKCS11_FAULT_LAST);
		ret->tries = (enum pkcs11_tries)cb_get_uint_max(c, PKCS11_TRIES_LAST);
		talk_get_words(c, ret->words);
		if (!cb_error(c) && ret->fault == PKCS11_FAULT_NONE)
			cb_fail(c, -ERANGE);
		return 4;
	}
	return 0;
}

int pkcs11_answer_decode(const uint8_t *buf, size_t len, struct pkcs11_answer *ret)
{
	uint64_t say;
	size_t items;
	struct cb c;

	memset(ret, 0, sizeof(*ret));
	cb_init(&c, buf, len);
	items = cb_get_array(&c, 4);
	say = cb_get_uint_max(&c, PKCS11_SAY_FAILED);
	if (!cb_error(&c) && say < PKCS11_SAY_PIN)
		cb_fail(&c, -EBADMSG);
	if (cb_error(&c))
		return cb_error(&c);
	ret->say = (enum pkcs11_say)say;
	if (get_content(&c, ret) != items)
		cb_fail(&c, -EBADMSG);
	return cb_finish(&c);
}
