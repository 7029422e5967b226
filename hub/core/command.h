#pragma once

/*
 * command.h - what a person orders one hub to do, signed by one person or by two: COSE_Sign1 (ES256) over one payload each.
 *
 * clinicctl writes and signs it, hubd verifies and judges it, everything between carries it unread. It names one hub in
 * full: a list, a prefix or a wildcard does not parse. Byte table: docs/MESSAGES.md, 'Command'.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/cose.h"
#include "hub/core/envelope.h"
#include "hub/core/signer.h"

enum {
	COMMAND_VERSION = 1,
	COMMAND_NONCE_LEN = 16,
	COMMAND_SIGNATURES_MAX = 2,
	COMMAND_PAYLOAD_MAX = 96,
	COMMAND_SIGNED_MAX = COMMAND_PAYLOAD_MAX + COSE_OVERHEAD_MAX + COSE_FIDO_EXTRA,
	/* an order with two signatures: each a pair of a person's number and a signed payload */
	COMMAND_BYTES_MAX = 1 + COMMAND_SIGNATURES_MAX * (1 + 5 + 3 + COMMAND_SIGNED_MAX),
	COMMAND_TEST_MIN_MAX = 60,
	COMMAND_LEVEL_QUARANTINED = 2,
	COMMAND_LEVEL_SEALED = 3,
};

/* The numbers are on the wire. */
enum command_verb {
	COMMAND_NO_VERB = 0,
	COMMAND_TEST = 1, /* for .minutes readings are tests, and nobody's */
	COMMAND_REBOOT = 2,
	COMMAND_LOCK = 3, /* to .level at least */
	COMMAND_RELEASE =
		4, /* from level 2 or 1: .lock_epoch and .nonce of the hub's challenge */
	COMMAND_RETIRE = 5, /* .how: what becomes of what it still holds */
	COMMAND_CANCEL = 6, /* of an order to retire that has not taken effect */
	COMMAND_VERB_LAST = COMMAND_CANCEL,
};

enum command_retire {
	COMMAND_RETIRE_NONE = 0,
	COMMAND_RETIRE_DRAIN = 1,   /* what is unsent is delivered first */
	COMMAND_RETIRE_DISCARD = 2, /* it is given up, with a tombstone for each */
	/* no order to retire, and of no command: two people at the hub have ordered a factory reset (hub/lockdown.h) */
	COMMAND_RETIRE_RESET = 3,
	COMMAND_RETIRE_LAST = COMMAND_RETIRE_RESET,
};

struct command {
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch; /* of the enrolment, from 1 */
	uint64_t
		counter; /* from 1; above that of every command that the hub took before */
	int64_t not_after_s; /* UTC, s: void after it, by the clinic's clock */
	enum command_verb verb;
	uint8_t minutes;     /* TEST: 1..COMMAND_TEST_MIN_MAX */
	uint8_t level;	     /* LOCK: COMMAND_LEVEL_... */
	uint32_t lock_epoch; /* RELEASE */
	uint8_t nonce[COMMAND_NONCE_LEN];
	enum command_retire how; /* RETIRE */
};

/*
 * command_encode - the payload. COMMAND_PAYLOAD_MAX bytes always suffice.
 *
 * Returns the length, -ERANGE (an unknown verb: our own bug) or -ENOSPC. Pure.
 */
int command_encode(const struct command *c, uint8_t *buf, size_t cap);

/*
 * command_decode - parse a payload whose signature is good.
 *
 * Returns 0, -EBADMSG (not this format; another key, or more), -ERANGE (a value), -ENOTSUP (version or verb). Pure.
 */
int command_decode(const uint8_t *buf, size_t len, struct command *ret);

/* One of an order's signatures: who says that he made it, and what he signed. */
struct command_part {
	uint32_t person;
	const uint8_t *cose; /* COSE_Sign1, borrowed */
	size_t len;	     /* 1..COMMAND_SIGNED_MAX */
};

/* An order as it travels. */
struct command_order {
	size_t count; /* 1..COMMAND_SIGNATURES_MAX */
	struct command_part parts[COMMAND_SIGNATURES_MAX];
};

/* command_order_encode - Returns the length, -ERANGE (count, a length) or -ENOSPC. Pure. */
int command_order_encode(const struct command_order *o, uint8_t *buf, size_t cap);

/*
 * command_order_decode - the frame only: nothing that is signed is looked at. The parts borrow from buf.
 *
 * Returns 0, -EBADMSG or -ERANGE (no part, too many, twice the same person, too long). Pure.
 */
int command_order_decode(const uint8_t *buf, size_t len, struct command_order *ret);

/* command_frame_encode, command_frame_decode - the same of anything that people sign so, of at most signed_max bytes each. Pure. */
int command_frame_encode(const struct command_order *o, size_t signed_max, uint8_t *buf,
			 size_t cap);
int command_frame_decode(const uint8_t *buf, size_t len, size_t signed_max,
			 struct command_order *ret);

/* For people and programs: "lock". */
const char *command_verb_text(enum command_verb v);

/* What became of a command. The numbers are on the wire and in files. */
enum command_result {
	COMMAND_NOTHING = 0, /* there was none */
	COMMAND_DONE = 1,
	COMMAND_PENDING = 2, /* taken; it takes effect later (RETIRE) */
	COMMAND_INTERRUPTED =
		3, /* the hub went down before it took effect, and it will not any more */
	/* refused, and never done: */
	COMMAND_BAD_FORM =
		16, /* no order, or not of a version or verb that this hub knows */
	COMMAND_BAD_SIGNATURE = 17,
	COMMAND_UNKNOWN_SIGNER = 18, /* not in the config in use */
	COMMAND_DIFFERENT = 19,	     /* two signatures over two things */
	COMMAND_OTHER_HUB = 20,
	COMMAND_OTHER_EPOCH = 21,
	COMMAND_OLD =
		22, /* a command with this counter or a higher one was taken already */
	COMMAND_EXPIRED = 23,
	COMMAND_BAD_ROLE = 24,	     /* the signer's role may not order this */
	COMMAND_SECOND_MISSING = 25, /* a second signature, of another role, is needed */
	COMMAND_BAD_LEVEL = 26,	     /* not at the level the hub is at */
	COMMAND_BAD_CHALLENGE = 27,  /* not the hub's nonce, or that has run out */
	COMMAND_TOO_EARLY = 28,	     /* not long enough locked */
	COMMAND_RETIRING = 29,	     /* it is retired, or about to be */
	COMMAND_NOT_CLEAN = 30, /* a measurement locked it: two clean ones are missing */
	COMMAND_WITHDRAWN =
		62, /* no hub's answer: its clinic does not send it, a signer of it was removed */
	COMMAND_RESULT_LAST = 63,
};

/* command_result_text - in words for a person. Pure. */
const char *command_result_text(enum command_result r);
/* command_is_refusal - it will never be done. Pure. */
bool command_is_refusal(enum command_result r);
