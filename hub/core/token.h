#pragma once

/*
 * token.h - what a technician carries between a hub that nobody can reach and the clinic: the hub's challenge, and the answer to it.
 *
 *   challenge   hub -> technician -> clinic: 43 octets, 69 characters of base32
 *   token       clinic -> technician -> hub: COSE_Sign1 of one person or two over one payload, as an order (command.h); as text
 *               'HT1:' and base32, which has a check of its own: what was pasted wrong is told from what is wrong
 *   code        the same, read out: 20 digits; for verbs that read, the evidence, and the release from level 2 or 1 to 0
 *
 * All three name one hub, one lock epoch and one nonce; a list, a prefix or a wildcard does not parse (INV-9). Pure: signatures
 * and codes are verified by hub/token_open.h. Byte table: docs/MESSAGES.md, 'Token'.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/command.h"
#include "hub/core/verbs.h"

enum {
	CHALLENGE_HUB_LEN = 8, /* of the hub's id, the first */
	CHALLENGE_NONCE_LEN = 16,
	CHALLENGE_DIGEST_LEN = 8,
	CHALLENGE_LEN = 8 + 4 + 16 + 1 + 8 + 4 + 2,
	CHALLENGE_TEXT_LEN = 69,
	CHALLENGE_TEXT_MAX = CHALLENGE_TEXT_LEN + 1,

	TOKEN_VERSION = 1,
	TOKEN_LEVEL_LAST = 3,
	TOKEN_SECONDS = 4 * 3600, /* if nobody says otherwise */
	TOKEN_SECONDS_MAX = 7 * 24 * 3600,
	TOKEN_SHARE_LEN = 32,				/* in clear */
	TOKEN_SHARE_WRAPPED_LEN = TOKEN_SHARE_LEN + 28, /* WRAP_OVERHEAD of crypto.h */
	TOKEN_ORDERS_MAX = 4,
	TOKEN_PAYLOAD_MAX = 176,
	TOKEN_SIGNED_MAX = TOKEN_PAYLOAD_MAX + COSE_OVERHEAD_MAX + COSE_FIDO_EXTRA,
	TOKEN_BYTES_MAX = 1 + COMMAND_SIGNATURES_MAX * (1 + 5 + 3 + TOKEN_SIGNED_MAX),
	/* HT1:, base32 of the bytes and a CRC-16, the full stop, NUL */
	TOKEN_TEXT_MAX = 4 + (8 * (TOKEN_BYTES_MAX + 2) + 4) / 5 + 1 + 1,

	TOKEN_CODE_DIGITS = 20,
	TOKEN_CODE_MAC_LEN = 16, /* octets of the MAC that make the digits */
};

/* What a hub says of itself when it asks for a token. */
struct challenge {
	uint8_t hub[CHALLENGE_HUB_LEN];
	uint32_t lock_epoch;
	uint8_t nonce[CHALLENGE_NONCE_LEN];
	uint8_t level;
	uint8_t digest
		[CHALLENGE_DIGEST_LEN]; /* of what was measured; zeros: nothing yet */
	uint32_t
		queued; /* readings that the clinic has not got; UINT32_MAX: so many or more */
};

/* challenge_encode - the octets, with the CRC-16 at their end. Pure. */
void challenge_encode(const struct challenge *c, uint8_t ret[static CHALLENGE_LEN]);
/* challenge_decode - Returns 0, -EBADMSG (the check is wrong) or -ERANGE (a level that there is not). Pure. */
int challenge_decode(const uint8_t buf[static CHALLENGE_LEN], struct challenge *ret);
/* challenge_text - as people copy it. Returns ret. Pure. */
char *challenge_text(const struct challenge *c, char ret[static CHALLENGE_TEXT_MAX]);
/*
 * challenge_parse - what was typed, pasted or read from the QR code.
 *
 * text   len characters, of either case, with blanks, dashes and ends of line anywhere
 *
 * Returns 0, -EMSGSIZE (not as many characters), -EBADMSG (a character that it cannot have, the check) or -ERANGE. Pure.
 */
int challenge_parse(const char *text, size_t len, struct challenge *ret);

/* What the clinic orders beside a verb that it grants: verb_order_max() says which. */
struct token_order {
	enum verb verb;
	uint32_t argument; /* 1..verb_order_max(verb) */
};

struct access_token {
	uint8_t hub[HUB_ID_LEN];
	uint32_t lock_epoch;
	uint8_t nonce[CHALLENGE_NONCE_LEN];
	uint8_t level; /* 0..TOKEN_LEVEL_LAST: the hub's, then nothing changes; or one below it, but for 1 */
	uint32_t verbs; /* set of VERB_BIT, of verbs_all() */
	uint32_t
		seconds; /* powered on, from its taking: the verbs are granted for so long */
	uint32_t technician; /* person at the hub: number that the clinic gave, from 1 */
	bool has_share;	     /* the server share, wrapped (hub/escrow.h): level 3 */
	uint8_t share[TOKEN_SHARE_WRAPPED_LEN];
	uint8_t order_count; /* at most one for each verb, by the verbs' numbers */
	struct token_order orders[TOKEN_ORDERS_MAX];
};

/* access_token_order - what it orders beside this verb; 0: nothing. Pure. */
uint32_t access_token_order(const struct access_token *t, enum verb v);

/* access_token_encode - the payload. Returns the length, -ERANGE (our own bug) or -ENOSPC. Pure. */
int access_token_encode(const struct access_token *t, uint8_t *buf, size_t cap);
/*
 * access_token_decode - parse a payload whose signature is good.
 *
 * Returns 0, -EBADMSG (not this format), -ERANGE or -EMSGSIZE (a value), -ENOTSUP (version, a verb that there is not). Pure.
 */
int access_token_decode(const uint8_t *buf, size_t len, struct access_token *ret);

/* access_token_frame, access_token_unframe - the signatures as they travel; as command_order_encode and _decode. Pure. */
int access_token_frame(const struct command_order *o, uint8_t *buf, size_t cap);
int access_token_unframe(const uint8_t *buf, size_t len, struct command_order *ret);

/*
 * access_token_text - as it is pasted: "HT1:", base32, ".".
 *
 * Returns the number of characters before the NUL, or -ERANGE: more than TOKEN_BYTES_MAX. Pure.
 */
int access_token_text(const uint8_t *buf, size_t len, char ret[static TOKEN_TEXT_MAX]);

/*
 * access_token_parse - the bytes of what was pasted.
 *
 * text   len characters; blanks and ends of line anywhere, letters of either case
 *
 * Returns the number of bytes, or: -ENOTSUP (it does not begin with HT1:), -EAGAIN (so far good, but without the full stop at
 * its end: more is to come), -EMSGSIZE (too long), -EBADMSG (damaged: a character, or the check). Pure.
 */
int access_token_parse(const char *text, size_t len, uint8_t ret[static TOKEN_BYTES_MAX]);

/* What a code that is read out is for. The numbers are in what is hashed. */
enum token_code {
	TOKEN_CODE_NONE = 0,
	TOKEN_CODE_DIAGNOSE = 1,
	TOKEN_CODE_EVIDENCE = 2,
	TOKEN_CODE_RELEASE = 3, /* from level 2 or 1 to 0 */
	TOKEN_CODE_LAST = TOKEN_CODE_RELEASE,
};

/* token_code_digits - of a MAC: its first octets as a number, modulo 10^20. Writes TOKEN_CODE_DIGITS digits and a NUL. Pure. */
void token_code_digits(const uint8_t mac[static TOKEN_CODE_MAC_LEN],
		       char ret[static TOKEN_CODE_DIGITS + 1]);
/* token_code_parse - digits with blanks and dashes anywhere. Returns 0, or -EBADMSG. Pure. */
int token_code_parse(const char *text, size_t len,
		     char ret[static TOKEN_CODE_DIGITS + 1]);
