#pragma once

/*
 * racp.h - records that a device keeps: how they are asked for over the Record Access
 * Control Point (0x2A52), so that each is taken and none is asked for for ever.
 *
 * Source: Glucose Service 1.0.1, 3.4; CGM Service 1.0.2, 3.9; Blood Pressure Service 1.1.1;
 * GATT Specification Supplement, Record Access Control Point.
 *
 * A *key* numbers the records of one device: sequence number (GLS, BLS), minutes since the
 * session's start (CGM), record number (GHS). The *mark* is the highest key of which it and
 * all below are durable, or were there before the hub. The *fence* is the key that was the
 * highest at first contact: what is not above it is not ours. The *history* counts how often
 * the device's memory began anew.
 *
 * One struct racp is one run on one connection:
 *
 *   IDLE       -start->  FENCE `01 06`           first contact
 *                        FROM  `01 03 f mark+1`  the mark is known
 *                        CHECK `01 06`           the same, but mark+1 is no key, or the device
 *                                                may be emptied
 *                        ALL   `01 01`           import, empty mark, records without a key
 *   FENCE      -its record->            COUNT `04 01`
 *              -no records->            ENDED, mark 'empty'
 *              -refused, no record->    FENCE_ALL `01 01`
 *   FENCE_ALL  -answer->                ENDED
 *   COUNT      -answer, anything->      ENDED
 *   FROM       -answer->                ENDED
 *              -no records, refused->   CHECK
 *              -only keys below mark->  ALL, new history
 *   CHECK      -key = mark->            ENDED, nothing is new (or = fence, if we delete)
 *              -no records->            ENDED, the memory was emptied
 *              -key < mark->            ALL, new history
 *              -key > mark, refused->   ALL
 *   ALL        -answer->                ENDED
 *              -only keys below mark->  ALL, new history
 *   ENDED      -racp_delete->           DELETE `02 ..` -answer, anything-> ENDED
 *   a request  -busy, once a run->      UNBLOCK `03 00` -answer, 10 s-> the same request
 *              -not subscribed, once->  RACP_SUBSCRIBE -> the same request
 *              -code 8, not written->   ENDED
 *              -30 s silence->          ABORT `03 00` -answer, 10 s-> ENDED
 *   any        -gone->                  ENDED
 *
 * Records that come after the answer of their request are waited for, a second after each:
 * a notification may be overtaken by an indication. A device that hangs up in that second
 * counts as complete if its records had come before the answer, in rising order.
 *
 * Invariants
 *   1. Nothing is marked that was not taken in this run or fenced; a context never marks.
 *   2. A record is ignored only if it is asked for in order to learn its key, or not above
 *      the fence. Outside a run everything is taken.
 *   3. At most one request is outstanding, and one write.
 *   4. Every wait has a deadline, a request at most RACP_VALUES_MAX values, a run at most
 *      RACP_WRITES_MAX writes: each request once, and once more if the device was busy or
 *      not subscribed to, whatever it answers.
 *   5. Only what came in this run is deleted, after the caller said that it is durable, and
 *      never at first contact, in a new history, or from before the fence.
 *
 * Not seen: a memory that began anew and grew beyond the mark before the hub came again (if
 * we delete: or to just the fence, until the next record). The keys cannot tell it. For CGM the caller compares the session's start, and gives a
 * mark { RACP_MARK_EMPTY, .history = old + 1 } for a new session.
 *
 * Pure: events and 'now' in, actions out.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/time.h"

enum {
	RACP_UUID = 0x2A52,
	RACP_REQUEST_MAX = 11,	/* octets of the longest request */
	RACP_ANSWER_MS = 30000, /* from a request, or from its last record */
	RACP_ABORT_MS = 10000,
	RACP_LATE_MS = 1000, /* after an answer: records that it overtook */
	RACP_VALUES_MAX =
		131072, /* to one request: each 16-bit key, each with a context */
	RACP_WRITES_MAX = 8,
	RACP_FILTER_KEY = 1, /* filter type of the key in every profile the hub knows */
};

/* ---- octets ---- */

enum racp_opcode {
	RACP_REPORT = 1,
	RACP_DELETE = 2,
	RACP_ABORT = 3,
	RACP_COUNT = 4,
	RACP_COUNT_RESPONSE = 5,
	RACP_RESPONSE = 6,
	RACP_COMBINED = 7, /* GHS: report, and the count at the end */
	RACP_COMBINED_RESPONSE = 8,
};

enum racp_operator {
	RACP_NULL = 0,
	RACP_ALL = 1,
	RACP_UP_TO = 2, /* and including; here and below */
	RACP_FROM = 3,
	RACP_RANGE = 4,
	RACP_FIRST = 5,
	RACP_LAST = 6,
};

enum racp_code {
	RACP_CODE_OK = 1,
	RACP_CODE_OPCODE_UNSUPPORTED = 2,
	RACP_CODE_OPERATOR_INVALID = 3,
	RACP_CODE_OPERATOR_UNSUPPORTED = 4,
	RACP_CODE_OPERAND_INVALID = 5,
	RACP_CODE_NO_RECORDS = 6, /* normal */
	RACP_CODE_ABORT_FAILED = 7,
	RACP_CODE_NOT_COMPLETED = 8,
	RACP_CODE_OPERAND_UNSUPPORTED = 9,
};

struct racp_request {
	enum racp_opcode opcode;
	enum racp_operator op;
	/* from here on for RACP_UP_TO, RACP_FROM and RACP_RANGE only */
	uint8_t filter;
	uint8_t key_bits; /* 16 or 32 */
	uint32_t key;	  /* the only or the lower one */
	uint32_t key2;	  /* the upper one, RACP_RANGE only */
};

/*
 * racp_encode_request - the octets of one request.
 *
 * Returns the length, or
 *   -ENOTSUP  not a request, or an operator that does not go with it. RACP_DELETE goes with
 *             RACP_UP_TO and RACP_RANGE only: 'delete all' cannot be written
 *   -ERANGE   a key that has more than key_bits, a range that ends before it begins
 * Pure.
 */
int racp_encode_request(const struct racp_request *req,
			uint8_t buf[static RACP_REQUEST_MAX]);

struct racp_answer {
	enum racp_opcode opcode; /* RACP_RESPONSE, or one of the two with a count */
	uint8_t request;	 /* opcode that this answers */
	uint8_t code;	/* RACP_RESPONSE: enum racp_code, unknown ones kept; else 0 */
	uint32_t count; /* the two others: records; else 0 */
};

/*
 * racp_decode_response - one indication of the control point.
 *
 * Returns 0 with *ret written, or
 *   -EMSGSIZE  not the length of its opcode: 4 octets, counts 4 or 6
 *   -EBADMSG   not an answer, or an operator other than RACP_NULL
 * Pure.
 */
int racp_decode_response(const uint8_t *buf, size_t len, struct racp_answer *ret);

/* ---- one run ---- */

enum racp_mark_kind {
	RACP_MARK_NONE = 0, /* first contact: the device was never asked */
	/* asked, and there was nothing: whatever is there now is new */
	RACP_MARK_EMPTY = 1,
	RACP_MARK_KEY = 2,
};

/* What is known of a device's memory between runs; the caller keeps it, durable. */
struct racp_mark {
	enum racp_mark_kind kind;
	uint32_t key; /* RACP_MARK_KEY only: it and all below are durable or fenced */
	bool has_fence;
	uint32_t fence; /* keys up to this one are from before the first contact */
	/* grows by one when the memory is found to have begun anew; the fence is void then:
	 * only the time of a record can still tell whether it is from before the hub */
	uint32_t history;
};

struct racp_config {
	/* 16 or 32. 0: records without a key, all or nothing; nothing is fenced or marked */
	uint8_t key_bits;
	uint8_t filter; /* RACP_FILTER_KEY */
	bool import;	/* at first contact, take what is stored instead of fencing it */
	bool may_delete;
	struct racp_mark mark;
};

enum racp_outcome {
	RACP_RUNNING = 0,
	RACP_COMPLETE,	 /* all that was asked for has come */
	RACP_INCOMPLETE, /* again from the mark next time */
	RACP_REFUSED,	 /* the device cannot do it; what it sends by itself is taken */
};

struct racp_result {
	enum racp_outcome outcome;
	/* May be recorded, whatever the outcome, as soon as all that was taken is durable.
	 * mark.history is the one of the record taken at this moment, too. */
	struct racp_mark mark;
	uint32_t taken; /* records, without contexts */
	bool has_ignored;
	uint32_t ignored; /* records from before the fence, as the device counts them */
	bool deleted;
	/* an answer is still owed: disconnect before anything else is asked */
	bool hung;
};

enum racp_verdict {
	RACP_IGNORE = 0, /* only its key was wanted */
	RACP_TAKE,	 /* hand it on */
};

enum racp_action {
	RACP_NOTHING = 0,
	RACP_WRITE,	/* to the control point; tell the result with racp_on_write */
	RACP_SUBSCRIBE, /* data and control point, again; then racp_on_subscribed */
	RACP_DONE,	/* once at the end of the run, and once after racp_delete */
};

struct racp_write {
	uint8_t len;
	uint8_t bytes[RACP_REQUEST_MAX];
};

enum racp_state {
	RACP_STATE_IDLE = 0,
	RACP_STATE_FENCE,
	RACP_STATE_FENCE_ALL,
	RACP_STATE_COUNT,
	RACP_STATE_FROM,
	RACP_STATE_CHECK,
	RACP_STATE_ALL,
	RACP_STATE_DELETE,
	RACP_STATE_UNBLOCK,
	RACP_STATE_ABORT,
	RACP_STATE_ENDED,
};

/* Fields are private. */
struct racp {
	struct racp_config cfg;
	struct racp_result result;
	enum racp_state state;
	enum racp_state again;	    /* what UNBLOCK goes back to */
	enum racp_outcome fallback; /* outcome if nothing more comes */
	bool to_write;		    /* the state's request is not written yet */
	bool write_open; /* a write was given out and its result is not known */
	bool to_subscribe, subscribing;
	bool busy_used, subscribe_used; /* the one retry of each */
	bool answered;			/* late records are waited for; then */
	enum racp_outcome ending; /* the run ends with this; RACP_RUNNING: it goes on */
	bool to_tell;		  /* RACP_DONE is not given out yet */
	bool gone;
	/* of the state's request: records and contexts, records, highest key of a record */
	uint32_t values, records, highest;
	bool seen;   /* a record with a key */
	bool unsure; /* keys did not come in rising order before the answer */
	/* what CHECK found above the mark, for racp_delete */
	bool has_last;
	uint32_t last;
	bool all_came;	      /* ALL ended with success */
	struct mono deadline; /* MONO_NEVER in IDLE and ENDED */
};

void racp_init(struct racp *r, const struct racp_config *cfg);

/* racp_start - data, contexts and control point are subscribed to. Once. */
void racp_start(struct racp *r, struct mono now);

/*
 * racp_on_write - the result of RACP_WRITE.
 *
 * err   0, or -EAGAIN (ATT error FE, for GLS also 80: procedure already in progress), -EPROTO
 *       (FD, for GLS also 81: client configuration wrong), -ENOTSUP (cannot be written at
 *       all), any other: failed
 */
void racp_on_write(struct racp *r, int err, struct mono now);

/* racp_on_subscribed - the result of RACP_SUBSCRIBE; err 0 or negative. */
void racp_on_subscribed(struct racp *r, int err, struct mono now);

/* racp_on_record - a record came. Take or ignore it, and its contexts in the same way. */
enum racp_verdict racp_on_record(struct racp *r, uint32_t key, struct mono now);

/* racp_on_context - what belongs to a record came; 'key' is the record's. */
enum racp_verdict racp_on_context(struct racp *r, uint32_t key, struct mono now);

/* racp_on_unreadable - a record came whose key is not known: not decoded, or of a profile
 * without keys. It moves no mark. */
enum racp_verdict racp_on_unreadable(struct racp *r, struct mono now);

/* racp_on_indication - the control point said something. What is not an answer to the
 * request that is waited for is passed over. */
void racp_on_indication(struct racp *r, const uint8_t *buf, size_t len, struct mono now);

void racp_on_gone(struct racp *r, struct mono now);

/*
 * racp_delete - all that was taken is durable: delete it from the device.
 *
 * Returns 0: RACP_DONE comes once more; or -EACCES: not allowed, or not certain that only
 * this run's records would go. 'Certain' is: nothing new since the newest record that CHECK
 * saw, and ALL sent it and all below.
 */
int racp_delete(struct racp *r, struct mono now);

/* racp_next - the next thing to do; call until RACP_NOTHING after each event and deadline.
 * ret is written for RACP_WRITE only. */
enum racp_action racp_next(struct racp *r, struct mono now, struct racp_write *ret);

/* racp_deadline - when racp_next wants to be called without an event; MONO_NEVER if not. */
struct mono racp_deadline(const struct racp *r);

/* racp_result - what is known so far; final after RACP_DONE. Lives as long as r. */
const struct racp_result *racp_result(const struct racp *r);
