/*
 * signer.c - see signer.h. CBOR: [[person, role, public key], ...]; a fourth item says the kind, if it is not plain.
 */
#include "hub/core/signer.h"

#include <errno.h>
#include <string.h>

enum { UNCOMPRESSED = 4 };

static const char *const role_names[SIGNER_ROLES] = {
	[SIGNER_NONE] = "none",
	[SIGNER_CLINICIAN] = "clinician",
	[SIGNER_TECHNICIAN] = "technician",
	[SIGNER_SECURITY] = "clinic-security",
	[SIGNER_MANUFACTURER] = "manufacturer",
};

const char *signer_role_text(enum signer_role r)
{
	return (unsigned)r < SIGNER_ROLES ? role_names[r] : "?";
}

enum signer_role signer_role_named(const char *name)
{
	for (unsigned r = SIGNER_CLINICIAN; r < SIGNER_ROLES; r++)
		if (strcmp(name, role_names[r]) == 0)
			return (enum signer_role)r;
	return SIGNER_NONE;
}

const char *signer_kind_text(enum signer_kind k)
{
	static const char *const names[SIGNER_KINDS] = {
		[SIGNER_PLAIN] = "key",
		[SIGNER_FIDO2] = "fido2",
		[SIGNER_FIDO2_VERIFIED] = "fido2-verified",
	};

	return (unsigned)k < SIGNER_KINDS ? names[k] : "?";
}

void signers_put(struct writer *w, const struct signer *s, size_t count)
{
	cb_put_array(w, count);
	for (size_t i = 0; i < count && i < SIGNERS_MAX; i++) {
		cb_put_array(w, s[i].kind == SIGNER_PLAIN ? 3 : 4);
		cb_put_uint(w, s[i].person);
		cb_put_uint(w, (uint64_t)s[i].role);
		cb_put_bytes(w, s[i].public, SIGNER_PUBLIC_LEN);
		if (s[i].kind != SIGNER_PLAIN)
			cb_put_uint(w, (uint64_t)s[i].kind);
	}
}

static void get_signer(struct cb *c, struct signer *ret)
{
	size_t items = cb_get_array(c, 4);

	if (items < 3)
		cb_fail(c, -EBADMSG);
	ret->person = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	ret->role = (enum signer_role)cb_get_uint_max(c, SIGNER_ROLES - 1);
	cb_get_fixed(c, ret->public, SIGNER_PUBLIC_LEN);
	ret->kind = SIGNER_PLAIN;
	if (items == 4)
		ret->kind = (enum signer_kind)cb_get_uint_max(c, SIGNER_KINDS - 1);
	if (items == 4 && ret->kind == SIGNER_PLAIN)
		cb_fail(c, -EBADMSG);
	if (!cb_error(c) && (ret->person == 0 || ret->role == SIGNER_NONE ||
			     ret->public[0] != UNCOMPRESSED))
		cb_fail(c, -ERANGE);
}

void signers_get(struct cb *c, struct signer ret[static SIGNERS_MAX], size_t *ret_count)
{
	size_t n = cb_get_array(c, SIGNERS_MAX);

	for (size_t i = 0; i < n && !cb_error(c); i++) {
		get_signer(c, &ret[i]);
		for (size_t k = 0; k < i; k++)
			if (ret[k].person == ret[i].person ||
			    memcmp(ret[k].public, ret[i].public, SIGNER_PUBLIC_LEN) == 0)
				cb_fail(c, -ERANGE);
	}
	*ret_count = cb_error(c) ? 0 : n;
}

const struct signer *signer_find(const struct signer *s, size_t count, uint32_t person)
{
	for (size_t i = 0; i < count; i++)
		if (s[i].person == person)
			return &s[i];
	return NULL;
}
