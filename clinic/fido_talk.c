/*
 * fido_talk.c - see fido_talk.h.
 */
#include "clinic/fido_talk.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cbor.h"

enum { MAKE_OR_SIGN = 1, PIN = 2, MAKE = 1, SIGN = 2 };

void fido_words(const char *text, char ret[static FIDO_WORDS_MAX + 1])
{
	size_t n = text ? strnlen(text, FIDO_WORDS_MAX) : 0;

	for (size_t i = 0; i < n; i++)
		ret[i] = text[i];
	ret[n] = '\0';
	for (size_t i = 0; i < n; i++)
		if (ret[i] < ' ' || ret[i] > '~')
			ret[i] = '?';
}

static void put_text(struct writer *w, const char *text)
{
	cb_put_text(w, text, strlen(text));
}

/* As fido_words leaves it. */
static void get_words(struct cb *c, char ret[static FIDO_WORDS_MAX + 1])
{
	size_t n;
	const char *p = cb_get_text(c, &n);

	ret[0] = '\0';
	if (cb_error(c))
		return;
	for (size_t i = 0; i < n; i++)
		if (p[i] < ' ' || p[i] > '~')
			cb_fail(c, -EBADMSG);
	if (n > FIDO_WORDS_MAX)
		cb_fail(c, -ERANGE);
	if (cb_error(c))
		return;
	memcpy(ret, p, n);
	ret[n] = '\0';
}

static void get_credential(struct cb *c, uint8_t ret[static FIDO_CREDENTIAL_MAX],
			   size_t *ret_len)
{
	size_t n;
	const uint8_t *p = cb_get_bytes(c, &n);

	*ret_len = 0;
	if (!cb_error(c) && n > FIDO_CREDENTIAL_MAX)
		cb_fail(c, -ERANGE);
	if (cb_error(c))
		return;
	memcpy(ret, p, n);
	*ret_len = n;
}

/* --- clinicctl's ---------------------------------------------------------------------- */

int fido_request_encode(const struct fido_request *rq,
			uint8_t buf[static FIDO_PACKET_MAX])
{
	struct writer w;

	writer_init(&w, buf, FIDO_PACKET_MAX);
	cb_put_array(&w, 6);
	cb_put_uint(&w, MAKE_OR_SIGN);
	cb_put_uint(&w, rq->sign ? SIGN : MAKE);
	cb_put_bytes(&w, rq->hash, sizeof(rq->hash));
	cb_put_bool(&w, rq->verified);
	cb_put_bytes(&w, rq->credential, rq->credential_len);
	put_text(&w, rq->user);
	return writer_len(&w);
}

int fido_request_decode(const uint8_t *buf, size_t len, struct fido_request *ret)
{
	uint64_t what;
	struct cb c;

	memset(ret, 0, sizeof(*ret));
	cb_init(&c, buf, len);
	if (cb_get_array(&c, 6) != 6 || cb_get_uint(&c) != MAKE_OR_SIGN)
		cb_fail(&c, -EBADMSG);
	what = cb_get_uint_max(&c, SIGN);
	ret->sign = what == SIGN;
	cb_get_fixed(&c, ret->hash, sizeof(ret->hash));
	ret->verified = cb_get_bool(&c);
	get_credential(&c, ret->credential, &ret->credential_len);
	get_words(&c, ret->user);
	if (!cb_error(&c) && (what == 0 || ret->sign != (ret->credential_len > 0)))
		cb_fail(&c, -ERANGE);
	return cb_finish(&c);
}

int fido_pin_encode(const char *pin, uint8_t buf[static FIDO_PACKET_MAX])
{
	struct writer w;

	writer_init(&w, buf, FIDO_PACKET_MAX);
	cb_put_array(&w, 2);
	cb_put_uint(&w, PIN);
	put_text(&w, pin);
	return writer_len(&w);
}

int fido_pin_decode(const uint8_t *buf, size_t len, char ret[static FIDO_PIN_MAX + 1])
{
	const char *pin;
	struct cb c;
	size_t n;

	cb_init(&c, buf, len);
	if (cb_get_array(&c, 2) != 2 || cb_get_uint(&c) != PIN)
		cb_fail(&c, -EBADMSG);
	pin = cb_get_text(&c, &n);
	if (!cb_error(&c) && (n > FIDO_PIN_MAX || memchr(pin, '\0', n)))
		cb_fail(&c, -ERANGE);
	if (cb_finish(&c))
		return cb_finish(&c);
	memcpy(ret, pin, n);
	ret[n] = '\0';
	return 0;
}

/* --- clinicctl-fido's ----------------------------------------------------------------- */

int fido_answer_encode(const struct fido_answer *a, uint8_t buf[static FIDO_PACKET_MAX])
{
	struct writer w;

	writer_init(&w, buf, FIDO_PACKET_MAX);
	cb_put_array(&w, a->say == FIDO_SAY_TOUCH    ? 2
			 : a->say == FIDO_SAY_FAILED ? 4
						     : 3);
	cb_put_uint(&w, (uint64_t)a->say);
	switch (a->say) {
	case FIDO_SAY_PIN:
		cb_put_uint(&w, a->tries);
		put_text(&w, a->words);
		break;
	case FIDO_SAY_TOUCH: put_text(&w, a->words); break;
	case FIDO_SAY_CREDENTIAL:
		cb_put_bytes(&w, a->credential, a->credential_len);
		cb_put_bytes(&w, a->public, sizeof(a->public));
		break;
	case FIDO_SAY_SIGNATURE:
		cb_put_bytes(&w, a->auth, sizeof(a->auth));
		cb_put_bytes(&w, a->signature, sizeof(a->signature));
		break;
	case FIDO_SAY_FAILED:
		cb_put_uint(&w, (uint64_t)a->fault);
		cb_put_uint(&w, a->tries);
		put_text(&w, a->words);
		break;
	}
	return writer_len(&w);
}

static void get_content(struct cb *c, size_t items, struct fido_answer *ret)
{
	size_t want = 3;

	switch (ret->say) {
	case FIDO_SAY_PIN:
		ret->tries = (uint8_t)cb_get_uint_max(c, UINT8_MAX);
		get_words(c, ret->words);
		break;
	case FIDO_SAY_TOUCH:
		want = 2;
		get_words(c, ret->words);
		break;
	case FIDO_SAY_CREDENTIAL:
		get_credential(c, ret->credential, &ret->credential_len);
		cb_get_fixed(c, ret->public, sizeof(ret->public));
		if (!cb_error(c) && (ret->credential_len == 0 || ret->public[0] != 4))
			cb_fail(c, -ERANGE);
		break;
	case FIDO_SAY_SIGNATURE:
		cb_get_fixed(c, ret->auth, sizeof(ret->auth));
		cb_get_fixed(c, ret->signature, sizeof(ret->signature));
		break;
	case FIDO_SAY_FAILED:
		want = 4;
		ret->fault = (enum fido_fault)cb_get_uint_max(c, FIDO_FAULT_LAST);
		ret->tries = (uint8_t)cb_get_uint_max(c, UINT8_MAX);
		get_words(c, ret->words);
		if (!cb_error(c) && ret->fault == FIDO_FAULT_NONE)
			cb_fail(c, -ERANGE);
		break;
	}
	if (items != want)
		cb_fail(c, -EBADMSG);
}

int fido_answer_decode(const uint8_t *buf, size_t len, struct fido_answer *ret)
{
	uint64_t say;
	size_t items;
	struct cb c;

	memset(ret, 0, sizeof(*ret));
	cb_init(&c, buf, len);
	items = cb_get_array(&c, 4);
	say = cb_get_uint_max(&c, FIDO_SAY_FAILED);
	if (!cb_error(&c) && say < FIDO_SAY_PIN)
		cb_fail(&c, -EBADMSG);
	if (cb_error(&c))
		return cb_error(&c);
	ret->say = (enum fido_say)say;
	get_content(&c, items, ret);
	return cb_finish(&c);
}
