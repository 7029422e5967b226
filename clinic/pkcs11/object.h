#pragma once

/*
 * object.h - keys as objects of a token: looking for them, and what they say of themselves.
 */
#include "clinic/pkcs11/slot.h"

/* Read from an object; borrowed by nobody. */
struct octets {
	uint8_t bytes[256];
	CK_ULONG len;
};

/*
 * object_count - EC keys of this class with this label and this id, NULL for any.
 *
 * ret   one of them, or CK_INVALID_HANDLE
 *
 * Returns 0 with ret_count at most 2, which is many; or a code of PKCS#11.
 */
CK_RV object_count(CK_FUNCTION_LIST *call, CK_SESSION_HANDLE session,
		   CK_OBJECT_CLASS class, const CK_ATTRIBUTE *label,
		   const CK_ATTRIBUTE *id, CK_OBJECT_HANDLE *ret, unsigned *ret_count);

/* object_octets - Returns false: it has no such attribute, or one that is empty or too long. */
bool object_octets(CK_FUNCTION_LIST *call, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE at,
		   CK_ATTRIBUTE_TYPE type, struct octets *ret);

/* object_flag - false also if it does not say. */
bool object_flag(CK_FUNCTION_LIST *call, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE at,
		 CK_ATTRIBUTE_TYPE type);

/* object_is_p256 - true also if it does not say: the signature will be verified. */
bool object_is_p256(CK_FUNCTION_LIST *call, CK_SESSION_HANDLE session,
		    CK_OBJECT_HANDLE at);

/* object_point - CKA_EC_POINT, in its OCTET STRING as the standard has it, or bare as some modules do. */
bool object_point(CK_FUNCTION_LIST *call, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE at,
		  uint8_t ret[static SIGNER_PUBLIC_LEN]);

/* object_make_pair - a P-256 key that never leaves the token. Returns a code of PKCS#11. */
CK_RV object_make_pair(CK_FUNCTION_LIST *call, CK_SESSION_HANDLE session,
		       const CK_ATTRIBUTE *label, const CK_ATTRIBUTE *id,
		       CK_OBJECT_HANDLE *ret_private, CK_OBJECT_HANDLE *ret_public);
