#pragma once

/*
 * login.h - the PIN of a token: asked for, sent once, wiped.
 *
 * Invariants
 *   1. A PIN that was given goes to the token once for the login and, where the key wants it for each signature (CKA_ALWAYS_AUTHENTICATE),
 *      once more for the first of these; never again after the token said no.
 *   2. The last try before a token locks itself is made by somebody at a terminal, never with the PIN of a file.
 */
#include "clinic/pkcs11/slot.h"

struct login {
	struct slot *slot;    /* borrowed */
	const char *pin_file; /* of the URI; NULL: who runs us is asked */
	char pin[PKCS11_PIN_MAX + 1];
	bool kept; /* it was good, and no signature has been made with it */
	/* Asks for the PIN. Returns 0, or -EACCES: there is none. */
	int (*ask)(const char *label, enum pkcs11_tries tries,
		   char ret[static PKCS11_PIN_MAX + 1]);
	/* Says that it is typed at the reader. */
	void (*reader)(const char *label);
};

/* login_user - if the token wants it. Returns 0, or -EACCES with what is wrong in ret_fault. */
int login_user(struct login *l, CK_SESSION_HANDLE session,
	       struct pkcs11_answer *ret_fault);

/* login_again - the same for one signature that has begun, by a key that always wants it. */
int login_again(struct login *l, CK_SESSION_HANDLE session,
		struct pkcs11_answer *ret_fault);

/* login_forget - no PIN is kept. */
void login_forget(struct login *l);
