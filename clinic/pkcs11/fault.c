/*
 * fault.c - see fault.h.
 */
#include "clinic/pkcs11/fault.h"

void fault_set(struct pkcs11_answer *a, enum pkcs11_fault fault, const char *words)
{
	*a = (struct pkcs11_answer){ .say = PKCS11_SAY_FAILED, .fault = fault };
	talk_words(words, a->words);
}

static enum pkcs11_fault known(CK_RV rv, enum pkcs11_fault otherwise)
{
	switch (rv) {
	case CKR_PIN_INCORRECT:
	case CKR_PIN_INVALID:
	case CKR_PIN_LEN_RANGE: return PKCS11_FAULT_PIN_WRONG;
	case CKR_PIN_LOCKED: return PKCS11_FAULT_PIN_LOCKED;
	case CKR_USER_PIN_NOT_INITIALIZED: return PKCS11_FAULT_PIN_UNSET;
	case CKR_DEVICE_REMOVED:
	case CKR_TOKEN_NOT_PRESENT:
	case CKR_TOKEN_NOT_RECOGNIZED:
	case CKR_SLOT_ID_INVALID:
	case CKR_SESSION_CLOSED:
	case CKR_SESSION_HANDLE_INVALID: return PKCS11_FAULT_GONE;
	case CKR_CANCEL:
	case CKR_FUNCTION_CANCELED:
	case CKR_FUNCTION_REJECTED: return PKCS11_FAULT_DENIED;
	default: return otherwise;
	}
}

void fault_of(struct pkcs11_answer *a, CK_RV rv, enum pkcs11_fault otherwise)
{
	enum pkcs11_fault fault = known(rv, otherwise);

	fault_set(a, fault, fault == otherwise ? p11_kit_strerror(rv) : NULL);
}
