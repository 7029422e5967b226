/*
 * key.c - see key.h.
 *
 * Invariant: a key is used or made only if nothing else could be meant: one token, one key, no other of its name.
 */
#include "clinic/pkcs11/key.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "clinic/pkcs11/fault.h"
#include "clinic/pkcs11/object.h"

enum { NEW_ID_LEN = 16 };

static bool fail(const struct key *k, struct pkcs11_answer *a, enum pkcs11_fault fault)
{
	char label[TALK_WORDS_MAX + 1];

	slot_label(&k->slot, label);
	fault_set(a, fault, label);
	return false;
}

static bool fail_rv(struct pkcs11_answer *a, CK_RV rv, enum pkcs11_fault otherwise)
{
	fault_of(a, rv, otherwise);
	return false;
}

/* --- found ------------------------------------------------------------------------------ */

static bool find(struct key *k, struct pkcs11_answer *ret_said)
{
	unsigned count = 0;
	CK_RV rv = object_count(k->slot.call, k->session, CKO_PRIVATE_KEY, k->wish.label,
				k->wish.id, &k->private, &count);

	if (rv != CKR_OK)
		return fail_rv(ret_said, rv, PKCS11_FAULT_OTHER);
	if (count != 1)
		return fail(k, ret_said, count ? PKCS11_FAULT_KEYS : PKCS11_FAULT_NO_KEY);
	if (!object_is_p256(k->slot.call, k->session, k->private))
		return fail(k, ret_said, PKCS11_FAULT_CURVE);
	return true;
}

/* The public key is the one with the same id (PKCS#11, CKA_ID); without an id none is known to belong to it. */
static void find_public(struct key *k, const struct octets *id)
{
	CK_ATTRIBUTE same = { CKA_ID, (void *)(uintptr_t)id->bytes, id->len };
	unsigned count = 0;

	if (id->len == 0 ||
	    object_count(k->slot.call, k->session, CKO_PUBLIC_KEY, NULL, &same,
			 &k->public, &count) != CKR_OK ||
	    count != 1)
		k->public = CK_INVALID_HANDLE;
}

/* --- made ------------------------------------------------------------------------------- */

static bool is_free(struct key *k, const CK_ATTRIBUTE *label, const CK_ATTRIBUTE *id,
		    struct pkcs11_answer *ret_said)
{
	CK_OBJECT_HANDLE other;
	unsigned count = 0;
	CK_RV rv = object_count(k->slot.call, k->session, CKO_PRIVATE_KEY, label, id,
				&other, &count);

	if (rv != CKR_OK)
		return fail_rv(ret_said, rv, PKCS11_FAULT_OTHER);
	return count == 0 || fail(k, ret_said, PKCS11_FAULT_EXISTS);
}

static bool make(struct key *k, struct pkcs11_answer *ret_said)
{
	uint8_t random[NEW_ID_LEN];
	CK_ATTRIBUTE own = { CKA_ID, random, sizeof(random) };
	const CK_ATTRIBUTE *id = k->wish.id ? k->wish.id : &own;
	CK_RV rv;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		abort();
	if (!is_free(k, k->wish.label, NULL, ret_said) || !is_free(k, NULL, id, ret_said))
		return false;
	rv = object_make_pair(k->slot.call, k->session, k->wish.label, id, &k->private,
			      &k->public);
	return rv == CKR_OK || fail_rv(ret_said, rv, PKCS11_FAULT_CANNOT_MAKE);
}

/* --- both ------------------------------------------------------------------------------- */

static bool open_session(struct key *k, bool writes, struct pkcs11_answer *ret_said)
{
	CK_FLAGS flags = CKF_SERIAL_SESSION | (writes ? CKF_RW_SESSION : 0);
	CK_RV rv =
		k->slot.call->C_OpenSession(k->slot.id, flags, NULL, NULL, &k->session);

	k->open = rv == CKR_OK;
	return k->open || fail_rv(ret_said, rv,
				  writes ? PKCS11_FAULT_CANNOT_MAKE : PKCS11_FAULT_OTHER);
}

static bool describe(struct key *k, struct pkcs11_answer *ret_said)
{
	CK_FUNCTION_LIST *call = k->slot.call;
	struct octets label, id;
	CK_ATTRIBUTE names[2];

	(void)object_octets(call, k->session, k->private, CKA_LABEL, &label);
	(void)object_octets(call, k->session, k->private, CKA_ID, &id);
	if (k->public == CK_INVALID_HANDLE)
		find_public(k, &id);
	names[0] = (CK_ATTRIBUTE){ CKA_LABEL, label.bytes, label.len };
	names[1] = (CK_ATTRIBUTE){ CKA_ID, id.bytes, id.len };
	*ret_said = (struct pkcs11_answer){ .say = PKCS11_SAY_KEY };
	if (!object_point(call, k->session, k->private, ret_said->public) &&
	    !object_point(call, k->session, k->public, ret_said->public))
		ret_said->public[0] = 0;
	if (wish_format(&k->slot.info, &names[0], &names[1], ret_said->uri) < 0) {
		fault_set(ret_said, PKCS11_FAULT_URI,
			  "the key's own name and id are too long for it");
		return false;
	}
	return true;
}

bool key_open(const struct pkcs11_request *rq, struct key *ret,
	      struct pkcs11_answer *ret_said)
{
	char why[TALK_WORDS_MAX + 1];
	struct key *k = ret;

	if (wish_parse(rq->uri, &k->wish, why) < 0) {
		fault_set(ret_said, PKCS11_FAULT_URI, why);
		return false;
	}
	if (rq->make && (!k->wish.label || !k->wish.names_token)) {
		fault_set(ret_said, PKCS11_FAULT_URI,
			  "token= and object= say where and how a new key is called");
		return false;
	}
	if (slot_open(&k->wish, &k->slot, ret_said) < 0)
		return false;
	k->login.slot = &k->slot;
	k->login.pin_file = k->wish.pin_file;
	if (!open_session(k, rq->make, ret_said) ||
	    login_user(&k->login, k->session, ret_said) < 0 ||
	    !(rq->make ? make(k, ret_said) : find(k, ret_said)))
		return false;
	k->always = object_flag(k->slot.call, k->session, k->private,
				CKA_ALWAYS_AUTHENTICATE);
	if (!k->always)
		login_forget(&k->login);
	return describe(k, ret_said);
}

void key_close(struct key *k)
{
	login_forget(&k->login);
	if (k->open)
		(void)k->slot.call->C_CloseSession(k->session);
	slot_close(&k->slot);
	if (k->wish.uri)
		wish_free(&k->wish);
}

bool key_sign(struct key *k, const uint8_t hash[static PKCS11_HASH_LEN],
	      struct pkcs11_answer *ret_said)
{
	CK_FUNCTION_LIST *call = k->slot.call;
	CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 };
	uint8_t copy[PKCS11_HASH_LEN], signature[2 * COSE_SIGNATURE_LEN];
	CK_ULONG len = sizeof(signature);
	CK_RV rv = call->C_SignInit(k->session, &ecdsa, k->private);

	if (rv != CKR_OK)
		return fail_rv(ret_said, rv, PKCS11_FAULT_OTHER);
	if (k->always && login_again(&k->login, k->session, ret_said) < 0)
		return false;
	memcpy(copy, hash, sizeof(copy)); /* the interface knows no const */
	rv = call->C_Sign(k->session, copy, sizeof(copy), signature, &len);
	if (rv != CKR_OK)
		return fail_rv(ret_said, rv, PKCS11_FAULT_OTHER);
	if (len != COSE_SIGNATURE_LEN)
		return fail(k, ret_said, PKCS11_FAULT_CURVE);
	*ret_said = (struct pkcs11_answer){ .say = PKCS11_SAY_SIGNATURE };
	memcpy(ret_said->signature, signature, COSE_SIGNATURE_LEN);
	return true;
}
