#pragma once

/*
 * ctl_signer_key.h - where a signer's key comes from, for clinicctl signer: a file with a private key that is made here, a credential
 * of a security key, a key of a token, or the public half of one that the person has already.
 *
 * Each function returns an enum ctl_exit, after a complaint if it is not CTL_OK.
 */
#include "clinic/ctl.h"
#include "hub/core/signer.h"

/* As the command line says. At most one of public, fido2 and pkcs11. */
struct signer_key {
	const char *public; /* file with a point, a credential or a token's key; NULL */
	bool fido2, touch_only;
	const char *pkcs11; /* URI; NULL */
	bool new_key;	    /* it is made in the token */
	const char *user;   /* a name that a security key may show */
};

/* signer_key_check - do the options go together? */
int signer_key_check(const struct signer_key *k);

/*
 * signer_key_get - kind and public key of a signer. What signs, but for .public, is written to dir/name: a private key, or what the
 * security key or the token needs to sign as that person. Nothing is written over.
 *
 * ret_uri   of a token's key, as it stands in the file; else ""
 */
int signer_key_get(const struct signer_key *k, const char *dir, const char *name,
		   struct signer *ret, char *ret_uri, size_t cap);
