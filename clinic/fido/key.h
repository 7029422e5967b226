#pragma once

/*
 * key.h - one credential made, or one signature, with a security key, by libfido2.
 */
#include "clinic/fido_talk.h"

/* Whom a key needs meanwhile. */
struct key_person {
	/* Asks for the PIN; product, tries as in struct fido_answer. Returns 0, or -EACCES: he gave none. */
	int (*pin)(const char *product, uint8_t tries, char ret[static FIDO_PIN_MAX + 1]);
	/* Says that this key is to be touched. */
	void (*touch)(const char *product);
};

/* key_use - what the request wants. ret: CREDENTIAL, SIGNATURE or FAILED. */
void key_use(const struct fido_request *rq, const struct key_person *who,
	     struct fido_answer *ret);
