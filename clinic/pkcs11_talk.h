#pragma once

/*
 * pkcs11_talk.h - what clinicctl and clinicctl-pkcs11 say to each other, one packet each (helper.h, adr/0022). A packet is a CBOR array:
 *
 *   clinicctl          [1, 1 use or 2 make, URI]          first, once
 *                      [2, PIN]                           after each PIN; empty: there is none
 *                      [3, hash]                          any number, after KEY
 *   clinicctl-pkcs11   [4, tries, label]                  PIN: the token needs it
 *                      [5, label]                         READER: somebody has to type it at the reader now
 *                      [6, public key, URI]               KEY: this one it is; the public key is empty if the token shows none
 *                      [7, r and s]                       SIGNATURE
 *                      [8, fault, tries, words]           FAILED: the end
 *
 * Pure.
 */
#include <stdbool.h>

#include "clinic/talk.h"
#include "hub/core/cose.h"
#include "hub/core/signer.h"

enum {
	PKCS11_PIN_MAX = 255,
	PKCS11_URI_MAX = 512,
	PKCS11_HASH_LEN = 32,
};

enum pkcs11_say {
	PKCS11_SAY_PIN = 4,
	PKCS11_SAY_READER = 5,
	PKCS11_SAY_KEY = 6,
	PKCS11_SAY_SIGNATURE = 7,
	PKCS11_SAY_FAILED = 8,
};

/* What a token tells of its PIN: no number, but this (PKCS#11, CK_TOKEN_INFO). */
enum pkcs11_tries {
	PKCS11_TRIES_FULL = 0,
	PKCS11_TRIES_LOW = 1,  /* a wrong one was tried since it was right last */
	PKCS11_TRIES_LAST = 2, /* the next wrong one locks it */
};

enum pkcs11_fault {
	PKCS11_FAULT_NONE = 0,
	PKCS11_FAULT_URI = 1,	     /* .words says why it is none */
	PKCS11_FAULT_MODULE = 2,     /* not there, or does not start */
	PKCS11_FAULT_NO_MODULE = 3,  /* none is installed */
	PKCS11_FAULT_NO_TOKEN = 4,   /* none is plugged in that the URI names */
	PKCS11_FAULT_TOKENS = 5,     /* more than one */
	PKCS11_FAULT_NO_KEY = 6,     /* the token, .words, has none that the URI names */
	PKCS11_FAULT_KEYS = 7,	     /* more than one */
	PKCS11_FAULT_CURVE = 8,	     /* a key of another curve */
	PKCS11_FAULT_EXISTS = 9,     /* a key is there that is called as the new one */
	PKCS11_FAULT_PIN_WRONG = 10, /* .tries left */
	PKCS11_FAULT_PIN_LOCKED = 11,
	PKCS11_FAULT_PIN_UNSET = 12,   /* the token has none yet */
	PKCS11_FAULT_PIN_MISSING = 13, /* it was asked for, and not given */
	PKCS11_FAULT_PIN_FILE = 14,    /* what pin-source names cannot be read */
	PKCS11_FAULT_GONE = 15,	       /* pulled out meanwhile */
	PKCS11_FAULT_DENIED = 16,      /* somebody at the reader said no */
	PKCS11_FAULT_CANNOT_MAKE = 17, /* .words */
	PKCS11_FAULT_OTHER = 18,       /* .words */
	PKCS11_FAULT_LAST = PKCS11_FAULT_OTHER,
};

/* What clinicctl wants. */
struct pkcs11_request {
	bool make;		      /* a new key; else: one that is there */
	char uri[PKCS11_URI_MAX + 1]; /* printable ASCII, not empty */
};

struct pkcs11_answer {
	enum pkcs11_say say;
	enum pkcs11_fault fault;
	enum pkcs11_tries tries;
	char words[TALK_WORDS_MAX + 1];	   /* label of the token, or words of a library */
	uint8_t public[SIGNER_PUBLIC_LEN]; /* [0] is 0 if the token shows none */
	char uri[PKCS11_URI_MAX + 1];
	uint8_t signature[COSE_SIGNATURE_LEN];
};

/* pkcs11_uri_ok - from 1 to PKCS11_URI_MAX octets of printable ASCII that begin with "pkcs11:"? More is p11-kit's to say. */
bool pkcs11_uri_ok(const char *p, size_t len);

/* Each encoder returns the length, or -ENOSPC; each decoder 0, -EBADMSG or -ERANGE. */
int pkcs11_request_encode(const struct pkcs11_request *rq,
			  uint8_t buf[static TALK_PACKET_MAX]);
int pkcs11_request_decode(const uint8_t *buf, size_t len, struct pkcs11_request *ret);
int pkcs11_hash_encode(const uint8_t hash[static PKCS11_HASH_LEN],
		       uint8_t buf[static TALK_PACKET_MAX]);
int pkcs11_hash_decode(const uint8_t *buf, size_t len,
		       uint8_t ret[static PKCS11_HASH_LEN]);
int pkcs11_answer_encode(const struct pkcs11_answer *a,
			 uint8_t buf[static TALK_PACKET_MAX]);
int pkcs11_answer_decode(const uint8_t *buf, size_t len, struct pkcs11_answer *ret);
