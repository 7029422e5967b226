/*
 * fido_talk.c - see fido_talk.h.
 */
#include "clinic/fido_talk.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cbor.h"

enum { MAKE_OR_SIGN = 1, MAKE = 1, SIGN = 2 };

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
			uint8_t buf[static TALK_PACKET_MAX])
{
	struct writer w;

	writer_init(&w, buf, TALK_PACKET_MAX);
	cb_put_array(&w, 6);
	cb_put_uint(&w, MAKE_OR_SIGN);
	cb_put_uint(&w, rq->sign ? SIGN : MAKE);
	cb_put_bytes(&w, rq->hash, sizeof(rq->hash));
	cb_put_bool(&w, rq->verified);
	cb_put_bytes(&w, rq->credential, rq->credential_len);
	talk_put_text(&w, rq->user);
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
	talk_get_words(&c, ret->user);
	if (!cb_error(&c) && (what == 0 || ret->sign != (ret->credential_len > 0)))
		cb_fail(&c, -ERANGE);
	return cb_finish(&c);
}

/* --- clinicctl-fido's ----------------------------------------------------------------- */

int fido_answer_encode(const struct fido_answer *a, uint8_t buf[static TALK_PACKET_MAX])
{
	struct writer w;

	writer_init(&w, buf, TALK_PACKET_MAX);
	cb_put_array(&w, a->say == FIDO_SAY_TOUCH    ? 2
			 : a->say == FIDO_SAY_FAILED ? 4
						     : 3);
	cb_put_uint(&w, (uint64_t)a->say);
	switch (a->say) {
	case FIDO_SAY_PIN:
		cb_put_uint(&w, a->tries);
		talk_put_text(&w, a->words);
		break;
	case FIDO_SAY_TOUCH: talk_put_text(&w, a->words); break;
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
		talk_put_text(&w, a->words);
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
		talk_get_words(c, ret->words);
		break;
	case FIDO_SAY_TOUCH:
		want = 2;
		talk_get_words(c, ret->words);
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
		talk_get_words(c, ret->words);
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
