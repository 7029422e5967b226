#pragma once

/*
 * fido_talk.h - what clinicctl and clinicctl-fido say to each other, one packet each, over a SOCK_SEQPACKET pair that is the
 * standard input of clinicctl-fido (adr/0020). A packet is a CBOR array:
 *
 *   clinicctl        [1, 1 make or 2 sign, hash, verified, credential id, name of the user]    first, once
 *                    [2, PIN]                                                                 after each PIN
 *   clinicctl-fido   [3, tries left, product]                         PIN: it needs the key's PIN; tries 0: not known
 *                    [4, product]                                     TOUCH: somebody has to touch this key now
 *                    [5, credential id, public key]                   CREDENTIAL: made; the end
 *                    [6, authenticatorData, r and s]                  SIGNATURE: the end
 *                    [7, fault, tries left, words of libfido2]        FAILED: the end
 *
 * Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clinic/talk.h"
#include "hub/core/cose.h"
#include "hub/core/fido.h"
#include "hub/core/signer.h"

enum {
	FIDO_PIN_MAX = 63, /* octets of UTF-8 (CTAP 2.1, 6.5.1) */
};

enum fido_say {
	FIDO_SAY_PIN = 3,
	FIDO_SAY_TOUCH = 4,
	FIDO_SAY_CREDENTIAL = 5,
	FIDO_SAY_SIGNATURE = 6,
	FIDO_SAY_FAILED = 7,
};

enum fido_fault {
	FIDO_FAULT_NONE = 0,
	FIDO_FAULT_NO_KEY = 1,	    /* none is plugged in, or this user may not open it */
	FIDO_FAULT_SEVERAL = 2,	    /* more than one: which is meant? */
	FIDO_FAULT_WRONG_KEY = 3,   /* none of those plugged in has this credential */
	FIDO_FAULT_TIMEOUT = 4,	    /* nobody touched it */
	FIDO_FAULT_PIN_WRONG = 5,   /* .tries left */
	FIDO_FAULT_PIN_PAUSED = 6,  /* three wrong ones: it wants to be plugged in anew */
	FIDO_FAULT_PIN_BLOCKED = 7, /* for ever, but for a reset of the key */
	FIDO_FAULT_NO_PIN =
		8, /* it cannot check who it is: it has no PIN, or cannot have one */
	FIDO_FAULT_PIN_MISSING = 9, /* it was asked for, and not given */
	FIDO_FAULT_COPIED = 10,	    /* its private key may be copied to other devices */
	FIDO_FAULT_NO_ES256 = 11,
	FIDO_FAULT_DENIED = 12, /* the key, or somebody at it, said no */
	FIDO_FAULT_OTHER = 13,	/* .words */
	FIDO_FAULT_LAST = FIDO_FAULT_OTHER,
};

/* What clinicctl wants. */
struct fido_request {
	bool sign; /* else: make a credential */
	bool verified;
	uint8_t hash[FIDO_HASH_LEN];
	uint8_t credential[FIDO_CREDENTIAL_MAX]; /* to sign with */
	size_t credential_len;
	char user[TALK_WORDS_MAX + 1]; /* of a new credential; the key may show it */
};

struct fido_answer {
	enum fido_say say;
	enum fido_fault fault;
	uint8_t tries; /* left, of the PIN; 0: not known */
	char words[TALK_WORDS_MAX +
		   1]; /* product, or words of libfido2; printable ASCII */
	uint8_t credential[FIDO_CREDENTIAL_MAX];
	size_t credential_len;
	uint8_t public[SIGNER_PUBLIC_LEN];
	uint8_t auth[FIDO_AUTH_LEN];
	uint8_t signature[COSE_SIGNATURE_LEN];
};

/* Each encoder returns the length, or -ENOSPC; each decoder 0, -EBADMSG or -ERANGE. */
int fido_request_encode(const struct fido_request *rq,
			uint8_t buf[static TALK_PACKET_MAX]);
int fido_request_decode(const uint8_t *buf, size_t len, struct fido_request *ret);
int fido_answer_encode(const struct fido_answer *a, uint8_t buf[static TALK_PACKET_MAX]);
int fido_answer_decode(const uint8_t *buf, size_t len, struct fido_answer *ret);
