#pragma once

/*
 * uri.h - which token and which key a PKCS#11 URI means (RFC 7512), as p11-kit reads it.
 *
 * Refused with words: what p11-kit does not know, since it would be a wish that nobody fulfils; a module, since a file that names a
 * key must not name code to load (CLINICCTL_PKCS11 does); a PIN in the URI, since command lines are read by others.
 */
#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>

#include "clinic/pkcs11_talk.h"

/* Attributes point into the URI. */
struct wish {
	P11KitUri *uri;
	CK_ATTRIBUTE *label, *id; /* of the key; NULL: not said */
	const char *pin_file;	  /* a path; NULL: no pin-source */
	bool names_token;
};

/* wish_parse - a space may be written as it is. Returns 0, or -EBADMSG with words in why. */
int wish_parse(const char *text, struct wish *ret, char why[static TALK_WORDS_MAX + 1]);
void wish_free(struct wish *w);

/* wish_is_token - does it mean this token, and all else that it says of slot and library? */
bool wish_is_token(const struct wish *w, CK_FUNCTION_LIST *module, CK_SLOT_ID slot,
		   const CK_TOKEN_INFO *info);

/* wish_format - the URI of a key: label and serial number of its token, its own label and id. Returns 0, or -ENOSPC. */
int wish_format(const CK_TOKEN_INFO *info, CK_ATTRIBUTE *label, CK_ATTRIBUTE *id,
		char ret[static PKCS11_URI_MAX + 1]);
