#pragma once

/*
 * console_account.h - what was done at a hub's console in one session, or that nobody got in: for the clinic.
 *
 * Numbers, words of our own and durations: there is no text in it and no type that could hold a reading, a name, an address or the time
 * of a measurement, as in an answer of the console (console.h). hubd makes it, hub-store seals it as a record of kind READING_CONSOLE.
 * Byte table: docs/MESSAGES.md, 'Console account'.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/command.h"
#include "hub/core/console.h"
#include "hub/core/time.h"

enum {
	CONSOLE_ACCOUNT_VERSION = 1,
	CONSOLE_ACCOUNT_ROWS_MAX = 64, /* verbs; of the others there is a count */
	CONSOLE_ACCOUNT_BYTES_MAX = 800,
	CONSOLE_ACCOUNT_BEGUN =
		255, /* result: begun, and no answer came before the end */
};

/* How it ended: an enum console_end, or one of these. The numbers are on the wire. */
enum console_account_end {
	CONSOLE_ACCOUNT_CUT_OFF =
		0, /* the hub, or hubd, began anew: it lasted as long at least */
	CONSOLE_ACCOUNT_AGAIN = 6, /* the same person showed another token */
	CONSOLE_ACCOUNT_WRONG = 7, /* nobody got in: wrong tokens, and nothing else */
	CONSOLE_ACCOUNT_END_LAST = CONSOLE_ACCOUNT_WRONG,
};

_Static_assert((int)CONSOLE_END_LAST < (int)CONSOLE_ACCOUNT_AGAIN, "one list");

/* For people: "logout". Static; "?" for a number that is none. Pure. */
const char *console_account_end_text(unsigned end);
/* For people: "no-stick", as the console says it; "OK", "begun". Static; "?" for a number that is none. Pure. */
const char *console_result_text(unsigned result);

struct console_account_row {
	uint8_t verb;	/* enum verb */
	uint8_t result; /* enum console_why, NONE: it was done; or CONSOLE_ACCOUNT_BEGUN */
	uint32_t ms;	/* from the line to the answer */
};

struct console_account {
	/* 1 and up, in their order. No gap as long as hubd keeps its folder and gives none up (hub/accounts.h) */
	uint64_t number;
	uint8_t end;	 /* enum console_account_end */
	uint8_t level;	 /* of the lockdown, 0..4, when it began */
	int64_t began_s; /* by the hub's clock, seconds UTC, 0 and up to the year 9999 */
	enum clock_quality clock; /* how good that is */
	uint32_t lasted_s;	  /* powered on */
	uint32_t
		technician; /* person at the hub; 0: a code, which names nobody, or WRONG */
	bool voice;	    /* let in by a code that was read out */
	uint8_t signer_count;			  /* of the token; 0: a code, or WRONG */
	uint32_t signers[COMMAND_SIGNATURES_MAX]; /* persons, from 1 */
	uint32_t wrong; /* tokens since the account before that were no good */
	uint8_t row_count;
	struct console_account_row rows[CONSOLE_ACCOUNT_ROWS_MAX];
	uint32_t more; /* verbs that have no row */
};

/* console_account_encode - Returns the length, -ENOSPC, or -ERANGE: a field is not as above. Pure. */
int console_account_encode(const struct console_account *a, uint8_t *buf, size_t cap);

/*
 * console_account_decode - takes only the bytes that console_account_encode makes.
 *
 * Returns 0 with *ret, or -EBADMSG, -EMSGSIZE, -ERANGE, -ENOTSUP (version). Pure.
 */
int console_account_decode(const uint8_t *buf, size_t len, struct console_account *ret);
