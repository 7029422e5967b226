/*
 * key.c - see key.h.
 *
 * Invariants
 *   1. A signature of what was asked for is never wished without somebody's presence; the silent one, by which a key shows that
 *      it has a credential, is over zeros.
 *   2. A PIN is sent once for each time that it was typed, and wiped.
 */
#include "clinic/fido/key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <fido.h>
#include <fido/es256.h>

#include "clinic/fido/devices.h"
#include "hub/core/cbor.h"
#include "hub/core/der.h"

enum { USER_TIMEOUT_MS = 60 * 1000, ASK_TIMEOUT_MS = 5 * 1000, HALF = 32, POINT = 64 };

struct key {
	fido_dev_t *dev;
	char product[TALK_WORDS_MAX + 1];
};

/* What is done with a key, with a PIN or without; returns a code of libfido2. */
typedef int key_act_fn(const struct fido_request *rq, struct key *k, const char *pin,
		       bool verify, struct fido_answer *ret);

static void fail(struct fido_answer *a, enum fido_fault fault, const char *words)
{
	*a = (struct fido_answer){ .say = FIDO_SAY_FAILED, .fault = fault };
	talk_words(words, a->words);
}

static uint8_t tries_left(struct key *k)
{
	int n = 0;

	if (fido_dev_get_retry_count(k->dev, &n) != FIDO_OK || n < 0)
		return 0;
	return (uint8_t)(n > UINT8_MAX ? UINT8_MAX : n);
}

/* libfido2's codes are those of CTAP 2.1, 8.2, and some of its own below zero. */
static void fail_with(struct fido_answer *a, struct key *k, int code)
{
	enum fido_fault fault = FIDO_FAULT_OTHER;

	switch (code) {
	case FIDO_ERR_TIMEOUT:
	case FIDO_ERR_USER_ACTION_TIMEOUT:
	case FIDO_ERR_ACTION_TIMEOUT: fault = FIDO_FAULT_TIMEOUT; break;
	case FIDO_ERR_PIN_INVALID:
	case FIDO_ERR_UV_INVALID: fault = FIDO_FAULT_PIN_WRONG; break;
	case FIDO_ERR_PIN_AUTH_BLOCKED: fault = FIDO_FAULT_PIN_PAUSED; break;
	case FIDO_ERR_PIN_BLOCKED:
	case FIDO_ERR_UV_BLOCKED: fault = FIDO_FAULT_PIN_BLOCKED; break;
	case FIDO_ERR_PIN_NOT_SET: fault = FIDO_FAULT_NO_PIN; break;
	case FIDO_ERR_NO_CREDENTIALS:
	case FIDO_ERR_INVALID_CREDENTIAL: fault = FIDO_FAULT_WRONG_KEY; break;
	case FIDO_ERR_UNSUPPORTED_ALGORITHM: fault = FIDO_FAULT_NO_ES256; break;
	case FIDO_ERR_OPERATION_DENIED:
	case FIDO_ERR_KEEPALIVE_CANCEL:
	case FIDO_ERR_NOT_ALLOWED: fault = FIDO_FAULT_DENIED; break;
	case FIDO_ERR_TX:
	case FIDO_ERR_RX: fault = FIDO_FAULT_NO_KEY; break; /* it was pulled out */
	default: break;
	}
	fail(a, fault, fido_strerr(code));
	if (fault == FIDO_FAULT_PIN_WRONG)
		a->tries = tries_left(k);
}

/* --- the key ------------------------------------------------------------------------------ */

static void close_key(struct key *k)
{
	if (k->dev) {
		(void)fido_dev_close(k->dev);
		fido_dev_free(&k->dev);
	}
}

static bool open_key(const fido_dev_info_t *info, struct key *ret)
{
	*ret = (struct key){ .dev = devices_open(info) };
	talk_words(fido_dev_info_product_string(info), ret->product);
	if (ret->dev && fido_dev_set_timeout(ret->dev, ASK_TIMEOUT_MS) == FIDO_OK)
		return true;
	close_key(ret);
	return false;
}

/* Does it say, without a touch, that this credential is one of its own? */
static bool has_credential(const struct fido_request *rq, struct key *k)
{
	static const uint8_t nothing[FIDO_HASH_LEN];
	fido_assert_t *a = fido_assert_new();
	bool has =
		a && fido_assert_set_rp(a, FIDO_RP_ID) == FIDO_OK &&
		fido_assert_set_clientdata_hash(a, nothing, sizeof(nothing)) == FIDO_OK &&
		fido_assert_allow_cred(a, rq->credential, rq->credential_len) ==
			FIDO_OK &&
		fido_assert_set_up(a, FIDO_OPT_FALSE) == FIDO_OK;
	int code = has ? fido_dev_get_assert(k->dev, a, NULL) : FIDO_ERR_INTERNAL;

	fido_assert_free(&a);
	/* U2F says "presence required" if it has it */
	return code == FIDO_OK || code == FIDO_ERR_USER_PRESENCE_REQUIRED ||
	       code == FIDO_ERR_UP_REQUIRED || code == FIDO_ERR_PIN_REQUIRED;
}

/* The key that has the credential; or, for a new one, the only one there is. */
static enum fido_fault choose(const struct fido_request *rq, const fido_dev_info_t *list,
			      size_t n, struct key *ret)
{
	struct key k, found = { 0 };
	size_t opened = 0;

	for (size_t i = 0; i < n; i++) {
		if (!open_key(fido_dev_info_ptr(list, i), &k))
			continue;
		opened++;
		if (!found.dev && (!rq->sign || has_credential(rq, &k)))
			found = k;
		else
			close_key(&k);
	}
	if (!rq->sign && opened > 1)
		close_key(&found);
	*ret = found;
	return found.dev     ? FIDO_FAULT_NONE
	       : opened == 0 ? FIDO_FAULT_NO_KEY
	       : rq->sign    ? FIDO_FAULT_WRONG_KEY
			     : FIDO_FAULT_SEVERAL;
}

/* --- a credential ------------------------------------------------------------------------- */

static int take_credential(const fido_cred_t *c, struct fido_answer *ret)
{
	size_t n = fido_cred_id_len(c);
	uint8_t flags = fido_cred_flags(c);

	if (fido_cred_type(c) != COSE_ES256 || fido_cred_pubkey_len(c) != POINT ||
	    n == 0 || n > sizeof(ret->credential))
		return FIDO_ERR_UNSUPPORTED_ALGORITHM;
	if (flags & (FIDO_BE | FIDO_BS)) {
		fail(ret, FIDO_FAULT_COPIED, "");
		return FIDO_OK;
	}
	*ret = (struct fido_answer){ .say = FIDO_SAY_CREDENTIAL, .credential_len = n };
	memcpy(ret->credential, fido_cred_id_ptr(c), n);
	ret->public[0] = 4; /* uncompressed */
	memcpy(ret->public + 1, fido_cred_pubkey_ptr(c), POINT);
	return FIDO_OK;
}

/* Not resident: the key keeps nothing. Who holds the key is here, so what its maker says of it is not looked at. */
static int make(const struct fido_request *rq, struct key *k, const char *pin,
		bool verify, struct fido_answer *ret)
{
	fido_cred_t *c = fido_cred_new();
	int r = c ? fido_cred_set_type(c, COSE_ES256) : FIDO_ERR_INTERNAL;

	if (r == FIDO_OK)
		r = fido_cred_set_rp(c, FIDO_RP_ID, "hubs of the clinic");
	if (r == FIDO_OK)
		r = fido_cred_set_clientdata_hash(c, rq->hash, sizeof(rq->hash));
	if (r == FIDO_OK)
		r = fido_cred_set_user(c, rq->hash, sizeof(rq->hash), rq->user, rq->user,
				       NULL);
	if (r == FIDO_OK)
		r = fido_cred_set_rk(c, FIDO_OPT_FALSE);
	if (r == FIDO_OK && verify)
		r = fido_cred_set_uv(c, FIDO_OPT_TRUE);
	if (r == FIDO_OK)
		r = fido_dev_make_cred(k->dev, c, pin);
	if (r == FIDO_OK)
		r = take_credential(c, ret);
	fido_cred_free(&c);
	return r;
}

/* --- a signature -------------------------------------------------------------------------- */

/* One INTEGER of an ECDSA-Sig-Value (RFC 3279, 2.2.3) to 32 octets. */
static bool take_number(struct reader *r, uint8_t ret[static HALF])
{
	struct reader n = der_read(r, DER_INTEGER);
	size_t len = reader_left(&n), zeros = len == HALF + 1 ? 1 : 0;

	if (!reader_ok(&n) || len == 0 || len > HALF + 1)
		return false;
	if (zeros && read_u8(&n) != 0)
		return false;
	len -= zeros;
	memset(ret, 0, HALF - len);
	read_bytes(&n, ret + HALF - len, len);
	return reader_done(&n);
}

static bool take_signature(const fido_assert_t *a, struct fido_answer *ret)
{
	struct reader r, s;
	struct cb c;

	*ret = (struct fido_answer){ .say = FIDO_SAY_SIGNATURE };
	if (fido_assert_count(a) != 1)
		return false;
	/* libfido2 has it as a CBOR byte string */
	cb_init(&c, fido_assert_authdata_ptr(a, 0), fido_assert_authdata_len(a, 0));
	cb_get_fixed(&c, ret->auth, sizeof(ret->auth));
	if (cb_finish(&c))
		return false;
	reader_init(&r, fido_assert_sig_ptr(a, 0), fido_assert_sig_len(a, 0));
	s = der_read(&r, DER_SEQUENCE);
	return reader_done(&r) && take_number(&s, ret->signature) &&
	       take_number(&s, ret->signature + HALF) && reader_done(&s);
}

static int sign(const struct fido_request *rq, struct key *k, const char *pin,
		bool verify, struct fido_answer *ret)
{
	fido_assert_t *a = fido_assert_new();
	int r = a ? fido_assert_set_rp(a, FIDO_RP_ID) : FIDO_ERR_INTERNAL;

	if (r == FIDO_OK)
		r = fido_assert_set_clientdata_hash(a, rq->hash, sizeof(rq->hash));
	if (r == FIDO_OK)
		r = fido_assert_allow_cred(a, rq->credential, rq->credential_len);
	if (r == FIDO_OK && verify)
		r = fido_assert_set_uv(a, FIDO_OPT_TRUE);
	if (r == FIDO_OK)
		r = fido_dev_get_assert(k->dev, a, pin);
	if (r == FIDO_OK && !take_signature(a, ret))
		r = FIDO_ERR_RX_INVALID_CBOR;
	fido_assert_free(&a);
	return r;
}

/* --- both ----------------------------------------------------------------------------------- */

static int with_pin(const struct fido_request *rq, struct key *k, key_act_fn *act,
		    const struct key_person *who, struct fido_answer *ret)
{
	char pin[FIDO_PIN_MAX + 1] = "";
	int r = FIDO_ERR_PIN_REQUIRED;

	if (who->pin(k->product, tries_left(k), pin) == 0) {
		who->touch(k->product);
		(void)fido_dev_set_timeout(k->dev, USER_TIMEOUT_MS);
		r = act(rq, k, pin, rq->verified, ret);
		(void)fido_dev_set_timeout(k->dev, ASK_TIMEOUT_MS);
	}
	explicit_bzero(pin, sizeof(pin));
	return r;
}

/* With the key's own sensor if it has one, else with the PIN; that, too, where a key wants it of itself. */
static int act_with(const struct fido_request *rq, struct key *k, key_act_fn *act,
		    const struct key_person *who, struct fido_answer *ret)
{
	bool sensor = fido_dev_has_uv(k->dev);
	int r = FIDO_ERR_PIN_REQUIRED;

	if (rq->verified && !sensor && !fido_dev_has_pin(k->dev))
		return FIDO_ERR_PIN_NOT_SET;
	if (!rq->verified || sensor) {
		who->touch(k->product);
		(void)fido_dev_set_timeout(k->dev, USER_TIMEOUT_MS);
		r = act(rq, k, NULL, rq->verified, ret);
		(void)fido_dev_set_timeout(k->dev, ASK_TIMEOUT_MS);
	}
	if (fido_dev_has_pin(k->dev) &&
	    (r == FIDO_ERR_PIN_REQUIRED || r == FIDO_ERR_UV_BLOCKED))
		r = with_pin(rq, k, act, who, ret);
	return r;
}

void key_use(const struct fido_request *rq, const struct key_person *who,
	     struct fido_answer *ret)
{
	fido_dev_info_t *list;
	enum fido_fault fault;
	struct key k = { 0 };
	int n, r;

	fido_init(0);
	list = fido_dev_info_new(DEVICES_MAX);
	n = list ? devices_list(list) : -ENOMEM;
	fault = n > 0 ? choose(rq, list, (size_t)n, &k) : FIDO_FAULT_NO_KEY;
	if (fault) {
		fail(ret, fault, n < 0 ? "the list of devices cannot be read" : "");
	} else {
		r = act_with(rq, &k, rq->sign ? sign : make, who, ret);
		if (r == FIDO_ERR_PIN_REQUIRED)
			fail(ret, FIDO_FAULT_PIN_MISSING, "");
		else if (r != FIDO_OK)
			fail_with(ret, &k, r);
	}
	close_key(&k);
	fido_dev_info_free(&list, DEVICES_MAX);
}
