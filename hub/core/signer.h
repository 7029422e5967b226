#pragma once

/*
 * signer.h - the people whose signature a hub obeys: a list in its config.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/cbor.h"

enum {
	SIGNERS_MAX = 16,
	SIGNER_PUBLIC_LEN = 65, /* P-256 point: 04, x, y */
};

/* Two signatures count as two if their roles differ. The numbers are on the wire and in the clinic's database. */
enum signer_role {
	SIGNER_NONE = 0,
	SIGNER_CLINICIAN = 1,
	SIGNER_TECHNICIAN = 2,
	SIGNER_SECURITY = 3, /* of the clinic */
	SIGNER_MANUFACTURER = 4,
	SIGNER_ROLES = 5,
};

/* What signs for him (adr/0020). The numbers are on the wire and in the clinic's database. */
enum signer_kind {
	SIGNER_PLAIN = 0, /* a key that signs what it is given: file, PKCS#11 token */
	SIGNER_FIDO2 = 1, /* a security key that was touched */
	SIGNER_FIDO2_VERIFIED = 2, /* and has checked who he is: PIN, fingerprint */
	SIGNER_KINDS = 3,
};

struct signer {
	uint32_t person; /* number that the clinic gave, from 1; unique in a config */
	enum signer_role role;
	enum signer_kind kind;
	uint8_t public[SIGNER_PUBLIC_LEN]; /* unique in a config */
};

/* "clinician", "technician", "clinic-security", "manufacturer". Pure. */
const char *signer_role_text(enum signer_role r);
/* The reverse; SIGNER_NONE if it is none. Pure. */
enum signer_role signer_role_named(const char *name);

/* "key", "fido2", "fido2-verified". Pure. */
const char *signer_kind_text(enum signer_kind k);

/* signers_put, signers_get - the list as CBOR; a fault sticks to w or c: -ERANGE for a person or a key that is there
 * twice, a role that is none, a key that is no point in form. Pure. */
void signers_put(struct writer *w, const struct signer *s, size_t count);
void signers_get(struct cb *c, struct signer ret[static SIGNERS_MAX], size_t *ret_count);

/* signer_find - of this person, or NULL. Pure. */
const struct signer *signer_find(const struct signer *s, size_t count, uint32_t person);
