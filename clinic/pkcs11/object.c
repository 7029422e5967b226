/*
 * object.c - see object.h.
 */
#include "clinic/pkcs11/object.h"

#include <string.h>

enum { POINT_LEN = SIGNER_PUBLIC_LEN, OCTET_STRING = 4, UNCOMPRESSED = 4 };

/* OBJECT IDENTIFIER 1.2.840.10045.3.1.7 (RFC 5480, 2.1.1.1) */
static uint8_t p256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };

CK_RV object_count(CK_FUNCTION_LIST *call, CK_SESSION_HANDLE session,
		   CK_OBJECT_CLASS class, const CK_ATTRIBUTE *label,
		   const CK_ATTRIBUTE *id, CK_OBJECT_HANDLE *ret, unsigned *ret_count)
{
	CK_KEY_TYPE type = CKK_EC;
	CK_ATTRIBUTE want[4] = { { CKA_CLASS, &class, sizeof(class) },
				 { CKA_KEY_TYPE, &type, sizeof(type) } };
	CK_OBJECT_HANDLE found[2];
	CK_ULONG n = 2, count = 0;
	CK_RV rv;

	if (label)
		want[n++] = *label;
	if (id)
		want[n++] = *id;
	*ret = CK_INVALID_HANDLE;
	*ret_count = 0;
	rv = call->C_FindObjectsInit(session, want, n);
	if (rv != CKR_OK)
		return rv;
	rv = call->C_FindObjects(session, found, 2, &count);
	(void)call->C_FindObjectsFinal(session);
	if (rv != CKR_OK)
		return rv;
	*ret_count = count > 2 ? 2 : (unsigned)count;
	if (count > 0)
		*ret = found[0];
	return CKR_OK;
}

bool object_octets(CK_FUNCTION_LIST *call, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE at,
		   CK_ATTRIBUTE_TYPE type, struct octets *ret)
{
	CK_ATTRIBUTE a = { type, ret->bytes, sizeof(ret->bytes) };

	ret->len = 0;
	if (at == CK_INVALID_HANDLE ||
	    call->C_GetAttributeValue(session, at, &a, 1) != CKR_OK ||
	    a.ulValueLen > sizeof(ret->bytes)) /* CK_UNAVAILABLE_INFORMATION is, too */
		return false;
	ret->len = a.ulValueLen;
	return ret->len > 0;
}

bool object_flag(CK_FUNCTION_LIST *call, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE at,
		 CK_ATTRIBUTE_TYPE type)
{
	CK_BBOOL on = CK_FALSE;
	CK_ATTRIBUTE a = { type, &on, sizeof(on) };

	return call->C_GetAttributeValue(session, at, &a, 1) == CKR_OK &&
	       a.ulValueLen == sizeof(on) && on;
}

bool object_is_p256(CK_FUNCTION_LIST *call, CK_SESSION_HANDLE session,
		    CK_OBJECT_HANDLE at)
{
	struct octets o;

	if (!object_octets(call, session, at, CKA_EC_PARAMS, &o))
		return true;
	return o.len == sizeof(p256) && memcmp(o.bytes, p256, sizeof(p256)) == 0;
}

bool object_point(CK_FUNCTION_LIST *call, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE at,
		  uint8_t ret[static SIGNER_PUBLIC_LEN])
{
	const uint8_t *p;
	struct octets o;

	if (!object_octets(call, session, at, CKA_EC_POINT, &o))
		return false;
	p = o.bytes;
	if (o.len == POINT_LEN + 2 && p[0] == OCTET_STRING && p[1] == POINT_LEN)
		p += 2;
	else if (o.len != POINT_LEN)
		return false;
	if (p[0] != UNCOMPRESSED)
		return false;
	memcpy(ret, p, POINT_LEN);
	return true;
}

CK_RV object_make_pair(CK_FUNCTION_LIST *call, CK_SESSION_HANDLE session,
		       const CK_ATTRIBUTE *label, const CK_ATTRIBUTE *id,
		       CK_OBJECT_HANDLE *ret_private, CK_OBJECT_HANDLE *ret_public)
{
	CK_MECHANISM make = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ATTRIBUTE public[] = {
		{ CKA_TOKEN, &yes, sizeof(yes) },
		{ CKA_PRIVATE, &no, sizeof(no) },
		{ CKA_VERIFY, &yes, sizeof(yes) },
		*label,
		*id,
		{ CKA_EC_PARAMS, p256, sizeof(p256) },
	};
	CK_ATTRIBUTE private[] = {
		{ CKA_TOKEN, &yes, sizeof(yes) },
		{ CKA_PRIVATE, &yes, sizeof(yes) },
		{ CKA_SENSITIVE, &yes, sizeof(yes) },
		{ CKA_EXTRACTABLE, &no, sizeof(no) },
		{ CKA_SIGN, &yes, sizeof(yes) },
		*label,
		*id,
	};

	return call->C_GenerateKeyPair(
		session, &make, public, sizeof(public) / sizeof(public[0]), private,
		sizeof(private) / sizeof(private[0]), ret_public, ret_private);
}
