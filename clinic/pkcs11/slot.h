#pragma once

/*
 * slot.h - the modules, and the one token among theirs that is meant.
 *
 * A module is code of whoever made the token; CLINICCTL_PKCS11 names it, otherwise all those are used that p11-kit knows to be
 * installed. They are called directly and not through p11-kit's own wrappers, of which one can log each call with its PIN.
 */
#include "clinic/pkcs11/uri.h"

struct slot {
	CK_FUNCTION_LIST **modules; /* ends with NULL; to be given back by slot_close */
	CK_FUNCTION_LIST *call;	    /* of the module with the token */
	CK_SLOT_ID id;
	CK_TOKEN_INFO info; /* as it was when it was found; slot_tries asks again */
};

/* slot_open - Returns 0, or -ENOENT or -EIO with what is wrong in ret_fault. slot_close is called in both cases. */
int slot_open(const struct wish *w, struct slot *ret, struct pkcs11_answer *ret_fault);
void slot_close(struct slot *s);

/* slot_label - as it may be shown. */
void slot_label(const struct slot *s, char ret[static TALK_WORDS_MAX + 1]);

/* slot_tries - what the token says of its PIN now. Returns false if it is locked. */
bool slot_tries(struct slot *s, enum pkcs11_tries *ret);
