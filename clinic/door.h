#pragma once

/*
 * door.h - what a person's program and clinicd say to each other: one question, one answer. Pure.
 *
 * The clinic's data stay at clinicd; the keys that sign and that open readings stay with the person. Between them is this
 * one door: a fixed list of operations, each with the roles that may use it. Byte tables: docs/MESSAGES.md, 'The clinic's
 * door'; why it is so: docs/adr/0015.
 *
 * Invariants
 *   1. An operation that is not in the table, or not for the role, is not done (door_may).
 *   2. Who asks is never said in a question: it is the uid at the other end of the Unix socket, or the key that TLS has
 *      proved.
 *   3. A question and an answer have at most DOOR_BYTES_MAX bytes; a list comes in pages.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clinic/store_assign.h"
#include "clinic/store_claim.h"
#include "clinic/store_held.h"
#include "clinic/visit.h"

enum {
	DOOR_VERSION = 1,
	DOOR_BYTES_MAX = 256 * 1024,
	DOOR_HEAD = 4,	       /* length of what follows, u32 big-endian */
	DOOR_COSE_MAX = 33000, /* a signed config: CONFIG_BYTES_MAX and its frame */
	DOOR_PAGE = 200,       /* rows in an answer */
	DOOR_PAGE_LONG = 100,  /* of those with much text */
};

/* The numbers are on the wire and in the clinic's record of what was asked. */
enum door_op {
	DOOR_NONE = 0,
	DOOR_HELLO = 1,	 /* -> [name, role] of who asks, as clinicd knows them */
	DOOR_HUBS = 2,	 /* 'number' skipped -> [hub...], by name as the database sorts */
	DOOR_CLAIMS = 3, /* the same -> [claim...] */
	DOOR_FACTS = 4,	 /* of the hub 'name' -> struct hub_facts */
	DOOR_GIVEN_UP = 5, /* of the hub 'name', behind 'number' -> [tombstone...] */
	DOOR_KNOWN = 6,	   /* all that is kept under 'name' -> struct door_known */
	DOOR_CLAIM =
		7, /* 'key', 'name', 'site', 'other' -> enum claim_result, the claim that is there now or stands against it */
	DOOR_CLAIM_CANCEL = 8, /* 'key', 'why' -> enum claim_result */
	DOOR_CONFIG =
		9, /* of the hub 'name' -> hub, config with its passkeys, own endpoint */
	/*
	 * 'cose' for the hub 'name': kept, and what the hub shall have; 'number': the version that it was made from -> the
	 * version; or [hub, device]: that measures for another one's patient; or [port, ports]: hubs may be told of those only
	 */
	DOOR_CONFIG_PUT = 10,
	DOOR_ASSIGNED = 11, /* of the hub 'name' -> facts as DOOR_FACTS, [assigned...] */
	/* as DOOR_CONFIG_PUT, and with it the assignment to 'patient' ("": none), with 'why' */
	DOOR_ASSIGN = 12,
	/* Of the hub 'name'. What is sealed stays sealed: clinicd cannot open it, and does not try. */
	DOOR_RECORDS = 13,   /* behind ('epoch', 'number') -> [sealed...] */
	DOOR_NUMBERS = 14,   /* of 'epoch', behind 'number' -> [numbers...] */
	DOOR_MANIFESTS = 15, /* the same -> [sealed...], of kind READING_MANIFEST */
	DOOR_ASIDE = 16, /* of 'epoch', 'number' skipped -> [aside...], from its card */
	DOOR_HELD = 17,	 /* 'number' skipped -> [held group...] */
	DOOR_HELD_RECORDS = 18, /* the same -> [aside...] */
	DOOR_JOURNAL = 19,	/* behind 'number' -> [journal entry...] */
	/* 'choice' (enum held_verdict), 'reason', 'number' to 'last', 'assignment', with 'why' -> struct held_done */
	DOOR_HELD_SETTLE = 20,
	/* Of the hub 'name', with 'why' -> struct door_life */
	DOOR_SUSPEND = 21,
	DOOR_RESUME = 22,
	DOOR_LOSE = 23,
	DOOR_FIND = 24,
	DOOR_WITHDRAW = 25,	 /* 'assignment', with 'why' -> enum door_withdraw */
	DOOR_GIVE_AGAIN = 26,	 /* the same */
	DOOR_ENROL_LIST = 27,	 /* behind the hub 'key' begins with -> [enrolling...] */
	DOOR_ENROL_APPROVE = 28, /* 'name', 'why' -> enum enrolment_action, reason */
	DOOR_VISIT_FACTS = 29,	 /* of the hub or claim 'name' -> struct door_visit */
	DOOR_VISITS = 30,	 /* the same, behind 'number' -> [visit entry...] */
	DOOR_VISIT_NOTE =
		31,	 /* 'choice' (step), 'reason' (outcome), 'words' -> its number */
	DOOR_AUDIT = 32, /* of the hub 'name' -> struct door_audit */
	DOOR_CHECKPOINTS =
		33, /* the same, of 'epoch', behind 'number' -> [checkpoint...] */
	/* Of the hub 'name', for the signer 'other', and order 'number' if it is one -> struct order_facts */
	DOOR_ORDER_FACTS = 34,
	DOOR_ORDERS = 35, /* of the hub 'name', behind 'number' -> [order...] */
	DOOR_WAITING =
		36, /* 'number' skipped -> [hub's name, order]... that wait for a signature */
	/* What the signer 'other' has signed for the hub 'name', 'cose', with 'why' -> struct order_taken */
	DOOR_ORDER = 37,
	DOOR_ORDER_SIGN = 38, /* the same of order 'number', as its second signature */
	DOOR_RETIRE_END = 39, /* of the hub 'name', with 'why' -> struct door_end */
	DOOR_SIGNERS = 40,    /* -> [signer...], all */
	/*
	 * In the place of the hub 'name' comes 'other', or the one whose label names 'key', called 'words'; when that is active
	 * with its config 'cose', made from version 'number'; with 'why' -> struct door_replaced
	 */
	DOOR_REPLACE = 41,
	DOOR_TICKETS = 42,	 /* 'number' skipped -> [ticket...] */
	DOOR_TICKET_REVOKE = 43, /* 'words', with 'why' -> [enum ticket_result, ticket] */
	/* what the hub 'name' sealed to the release authority up to the lock 'number' -> [lock, bytes] or null */
	DOOR_TOKEN_ESCROW = 44,
	/* Somebody answers a challenge of the hub 'name': 'choice' (enum door_token), 'number' (its lock), 'why' -> its number */
	DOOR_TOKEN_NOTE = 45,
	DOOR_OPS = 46,
};

/* What a person is at the clinic; the numbers are in the database. */
enum door_role {
	DOOR_ROLE_NONE = 0,
	DOOR_ROLE_CLINICIAN = 1,
	DOOR_ROLE_TECHNICIAN = 2, /* never a reading, never whose they are */
	DOOR_ROLE_SECURITY = 3,
	DOOR_ROLE_AUDITOR = 4, /* looks, changes nothing */
	DOOR_ROLE_OWNER =
		5, /* has the clinic's folder anyway: the user that clinicd runs as, and root */
	DOOR_ROLES = 6,
};

/* What became of a question; the numbers are on the wire. */
enum door_code {
	DOOR_OK = 0,
	DOOR_MALFORMED = 1,
	DOOR_DENIED = 2,
	DOOR_ABSENT = 3,
	DOOR_BUSY = 4,	  /* ask again */
	DOOR_STALE = 5,	  /* it was changed meanwhile */
	DOOR_FAILED = 6,  /* the store; what became of a change is not known */
	DOOR_UNKNOWN = 7, /* no such operation: clinicd is older than clinicctl */
	DOOR_REJECTED =
		8, /* the signature is not the clinic's, or what it covers is no config for this hub */
	DOOR_EXISTS = 9,
	DOOR_REFUSED = 10, /* it would change nothing, or must not be changed */
	DOOR_CODES = 11,
};

/* A question; what an operation does not need is zero or "". */
struct door_request {
	enum door_op op;
	char name[HUB_NAME_MAX + 1];
	bool has_key;
	uint8_t key[PIN_LEN];
	char site[CLAIM_SITE_MAX + 1];
	char other[HUB_NAME_MAX + 1];
	char why[JOURNAL_WHY_MAX + 1];
	char patient[PATIENT_TEXT_MAX + 1];
	uint64_t number;
	const uint8_t *cose; /* borrowed */
	size_t cose_len;
	/* who signs in the journal; looked at only if the one who asks is the owner: others are known by name */
	char who[JOURNAL_WHO_MAX + 1];
	uint32_t epoch;
	uint64_t last;
	uint32_t assignment;
	uint8_t choice, reason;
	char words
		[VISIT_WORDS_MAX]; /* what was found at a visit; a claim's name; a ticket */
};

/* door_may - may this role do that? Pure. */
bool door_may(enum door_role role, enum door_op op);
/* door_changes - does this operation write? Pure. */
bool door_changes(enum door_op op);
/* door_is_whole - does the question say what its operation cannot do without? Pure. */
bool door_is_whole(const struct door_request *rq);
/* door_page_rows - so many rows are a full page of this list: there may be more. Pure. */
size_t door_page_rows(enum door_op op);
/* "hub-list", for the record and for people; static. */
const char *door_op_text(enum door_op op);
const char *door_role_text(enum door_role role);
/* door_role_parse - the opposite. The owner is nobody's role. Returns DOOR_ROLE_NONE if there is no such role. */
enum door_role door_role_parse(const char *text);

/* door_error - the negative errno for a code; door_code - the opposite. Pure. */
int door_error(enum door_code code);
enum door_code door_code(int err);

/* door_request_encode - Returns the length, or -ENOSPC. Pure. */
int door_request_encode(const struct door_request *rq, uint8_t *buf, size_t cap);
/*
 * door_request_decode - ret->cose is borrowed from buf.
 *
 * Returns 0, -EBADMSG, -ERANGE, -EMSGSIZE, or -ENOTSUP (another version, or an operation that is not known).
 */
int door_request_decode(const uint8_t *buf, size_t len, struct door_request *ret);

/*
 * door_answer_begin - the head of an answer, after which the payload of DOOR_OK follows: one item.
 * door_answer_open - c stands before the payload then. Returns 0, door_error of the code, or -EBADMSG.
 */
void door_answer_begin(struct writer *w, enum door_code code);
int door_answer_open(struct cb *c, const uint8_t *buf, size_t len);

/* What became of DOOR_ASSIGN; the numbers are on the wire. */
enum door_assigned {
	DOOR_ASSIGN_DONE = 1,
	DOOR_ASSIGN_SAME = 2, /* it is that patient's already, or has none already */
	DOOR_ASSIGN_USED = 3, /* a device of it measures for the patient of another hub */
	DOOR_ASSIGN_GONE = 4, /* the hub is retired or lost */
};

/* What became of DOOR_REPLACE; the numbers are on the wire. */
enum door_replace {
	DOOR_REPLACE_DONE = 1,
	DOOR_REPLACE_NEEDS_CONFIG = 2, /* the other one is active; nothing was done yet */
	DOOR_REPLACE_NO_HUB = 3,       /* 'other' is nobody */
	DOOR_REPLACE_ITSELF = 4,
	DOOR_REPLACE_NAME = 5, /* another hub or claim is called so */
	DOOR_REPLACE_TAKEN =
		6, /* another one is its successor, or the other stands in another one's place */
	DOOR_REPLACE_HERE = 7,	      /* the hub of that label is here already */
	DOOR_REPLACE_REFUSED = 8,     /* not in the state it is in */
	DOOR_REPLACE_HAS_PATIENT = 9, /* the other one has one already */
	DOOR_REPLACE_USED = 10, /* a device measures for the patient of a third one */
};

/* With what a challenge is answered; the numbers are on the wire. */
enum door_token {
	DOOR_TOKEN_SIGNED = 1,
	DOOR_TOKEN_CODE = 2, /* 20 digits that are read out */
};

/* What became of DOOR_WITHDRAW and DOOR_GIVE_AGAIN; the numbers are on the wire. */
enum door_withdraw {
	DOOR_WITHDRAW_DONE = 1,
	DOOR_WITHDRAW_SAME = 2, /* it is so already */
	DOOR_WITHDRAW_NONE = 3, /* the hub never had such an assignment */
};
