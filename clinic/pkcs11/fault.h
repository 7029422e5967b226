#pragma once

/*
 * fault.h - what a module has complained of, as clinicctl is told it.
 */
#include <p11-kit/p11-kit.h>

#include "clinic/pkcs11_talk.h"

/* fault_set - words: NULL for none. */
void fault_set(struct pkcs11_answer *a, enum pkcs11_fault fault, const char *words);

/* fault_of - from a code of PKCS#11; those that say nothing special become otherwise, with p11-kit's words for them. */
void fault_of(struct pkcs11_answer *a, CK_RV rv, enum pkcs11_fault otherwise);
