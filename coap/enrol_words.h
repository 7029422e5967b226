#pragma once

/*
 * enrol_words.h - what hub-coap says and hears in an enrolment, beyond certificates: the body of a confirmation and its
 * answers, and what an answer's code means to enrol.h. Pure. Byte table: docs/MESSAGES.md, 'Enrolment'.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coap/enrol.h"
#include "hub/core/msg.h"
#include "hub/core/time.h"

enum {
	ENROL_WORDS_MAX = 256, /* octets of a confirmation */
};

/* enrol_say_confirm - the body. Returns the length, or -ENOSPC, -EINVAL: the key for batches is missing. */
int enrol_say_confirm(const struct msg_sign_keys *k, const char *version, uint8_t *buf,
		      size_t cap);

/* enrol_say_confirm_emergency - the same of an emergency identity: no keys. Returns the length, or -ENOSPC. */
int enrol_say_confirm_emergency(uint32_t epoch, const char *version, uint8_t *buf,
				size_t cap);

/* enrol_say_claim - the body of a claim by a ticket: the SHA-256 of the device key's SubjectPublicKeyInfo. Returns the length,
 * or -ENOSPC. */
int enrol_say_claim(const uint8_t spki[static PIN_LEN], uint8_t *buf, size_t cap);

/* What the clinic answers to a confirmation that it takes. */
struct enrol_confirmed {
	struct wall now;	 /* of the clinic */
	uint64_t config_version; /* that this hub shall have; 0: none yet */
};

/* enrol_hear_confirmed - Returns 0, or -EBADMSG, -ERANGE. Unknown keys are skipped. */
int enrol_hear_confirmed(const uint8_t *buf, size_t len, struct enrol_confirmed *ret);

/* enrol_hear_epoch - the epoch of a 4.09. Returns 0, or -EBADMSG, -ERANGE. */
int enrol_hear_epoch(const uint8_t *buf, size_t len, uint32_t *ret);

/* enrol_hear_code - an answer that grants says ENROL_GRANTED here; what it brings is to be looked at. */
enum enrol_result enrol_hear_code(enum enrol_request asked, int code);
