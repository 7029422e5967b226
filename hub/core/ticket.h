#pragma once

/*
 * ticket.h - clinic.ticket: a clinic.trust, and with it a key that lets one hub in whose label nobody has scanned.
 *
 * A file is a COSE_Sign1 (cose.h) over the payload here, signed with the key of the root certificate that is in the
 * clinic.trust in it (hub/crypto/ticket_sign.h). Other than a clinic.trust it is SECRET: whoever has it may enrol one hub
 * until it is used, revoked or over. What it is worth decides the clinic, by the ticket's row. Byte table:
 * docs/MESSAGES.md, 'Ticket'.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/trust.h"

enum {
	TICKET_VERSION = 1,
	TICKET_CERT_MAX = 1024,
	TICKET_PRIVATE_LEN = 32,
	TICKET_PAYLOAD_MAX = TRUST_FILE_MAX + TICKET_CERT_MAX + 64,
	TICKET_FILE_MAX = TICKET_PAYLOAD_MAX + COSE_OVERHEAD_MAX,
	TICKET_DAYS_MAX = 14, /* the longest that one is good for */
	TICKET_ID_BYTES = 5,
	TICKET_ID_MAX = 8 + 1, /* with its NUL */
};

#define SIGN_CONTEXT_TICKET "hub/v1/ticket"

/* Wipe it after use. */
struct ticket {
	/* a file clinic.trust as it is: whose signature is in it, trust_open says */
	size_t trust_len; /* 1..TRUST_FILE_MAX */
	uint8_t trust[TRUST_FILE_MAX];
	/* the bootstrap certificate of the ticket, DER, signed by the clinic's CA for hubs that enrol */
	size_t cert_len; /* 1..TICKET_CERT_MAX */
	uint8_t cert[TICKET_CERT_MAX];
	uint8_t private[TICKET_PRIVATE_LEN]; /* its P-256 key; secret */
	int64_t expires_s; /* UTC: to be used by then, seconds since 1970 */
};

/* ticket_encode - payload bytes. Returns the length, or -ENOSPC. Pure. */
int ticket_encode(const struct ticket *t, uint8_t *buf, size_t cap);

/*
 * ticket_decode - parse and check as a whole. It is not verified by that: see ticket_open.
 *
 * ret         written whatever comes, so that no copy of the key is left elsewhere; only of use if 0 is returned
 * ret_field   static name of the field that was refused; of no use if 0 is returned
 *
 * Returns 0, -EBADMSG, -ERANGE, -EMSGSIZE, or -ENOTSUP (format version). Pure.
 */
int ticket_decode(const uint8_t *buf, size_t len, struct ticket *ret,
		  const char **ret_field);

/* ticket_expired - it is later than expires_s. floor_s: UTC; a time that is over for sure. Pure. */
bool ticket_expired(const struct ticket *t, int64_t floor_s);

/*
 * ticket_id - what people call a ticket by: base32 of the first 40 bits of its key's spki, as "K7QDPL2M". It is no secret.
 *
 * spki   SHA-256 of the SubjectPublicKeyInfo of the ticket's key
 *
 * Returns ret. Pure.
 */
char *ticket_id(const uint8_t spki[static TRUST_HASH_LEN],
		char ret[static TICKET_ID_MAX]);
