#pragma once

/*
 * ingest.h - one upload: may this hub, is it what the hub signed, store it, say what is durable.
 *
 * It must never open a seal, and never say that something is durable before a COMMIT returned.
 *
 * Invariants
 *   1. The row of the key that DTLS proved decides, read again for each request, and once more when the
 *      transaction has it; what the body says of itself must agree with that row.
 *   2. Nothing of the body is looked at before its signature is good.
 *   3. A request is within one transaction: all its records and tombstones, the contiguous mark and the
 *      hub's status, or nothing. Requests that came together share it; if it comes to nothing, each gets its own.
 *   4. A reply with an acknowledgement exists only after COMMIT. In doubt there is no reply; the hub
 *      sends again.
 *   5. A receipt for a checkpoint of the hub's audit log is part of that reply; what is wrong with a
 *      checkpoint, or with the status, is no reason to refuse a reading.
 *   6. Same (hub, epoch, seq) with another body: the first stays, the second goes to quarantine. Both
 *      are durable.
 *   7. What a suspended hub sends, or one that calls itself sealed, is held in quarantine, and durable; so is a reading
 *      of which it cannot be said whose it is (filing.h).
 *   8. By a hub's emergency key (enrolment.h) it may upload and nothing else: what comes is held, and the reply names neither a
 *      config nor an order.
 *   9. A transaction of one request that others were in the way of is repeated as a whole, STORE_TRIES times in all.
 *
 *   request -> is there a row?                      no: 4.03
 *           -> is the signature good?               no: 4.03
 *           -> is it a batch?                       no: 4.00, 4.13 or 4.15
 *           -> hub and epoch of the row?            no: 4.03
 *           -> BEGIN, status, insert, mark          fails: rollback; 5.03, in a group each again alone
 *           -> COMMIT                               fails: no reply
 *           -> reply
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clinic/pace.h"
#include "clinic/store.h"
#include "clinic/witness.h"
#include "coap/server.h"
#include "hub/core/batch.h"
#include "hub/core/time.h"

enum {
	INGEST_BODY_MAX =
		32768, /* a batch of records of the largest size does not get near it */
	INGEST_RETRY_S = 30, /* Max-Age of 5.03, and up to half as much again */
	INGEST_RETRY_BUSY_S = 5,
};

/* What became of a request, for the log and the counters. */
enum ingest_outcome {
	INGEST_NONE = 0,
	INGEST_STORED = 1,	/* committed; a heartbeat too */
	INGEST_UNKNOWN_HUB = 2, /* no row, or its state allows no upload */
	INGEST_BAD_SIGNATURE = 3,
	INGEST_MALFORMED = 4, /* body is not a batch of a version we know, or too large */
	INGEST_FOREIGN = 5, /* a batch of another hub or epoch in this hub's connection */
	INGEST_STORE_DOWN = 6, /* nothing stored, 5.03 */
	INGEST_IN_DOUBT =
		7, /* COMMIT failed: no reply; after -EIO the store must not be used again */
	INGEST_FLOOD = 8, /* the limit of flood.h, seen by who calls us: 4.29 */
	INGEST_OUTCOMES = 9,
};

const char *ingest_outcome_text(enum ingest_outcome o);

/* What one request did; no patient data. */
struct ingest_note {
	enum ingest_outcome outcome;
	int err;	   /* from the store, or what the parser said; 0 if none */
	bool has_hub;	   /* hub is known */
	bool by_emergency; /* it spoke by its emergency identity */
	uint8_t hub[HUB_ID_LEN];
	unsigned stored, duplicate, conflict, held; /* held: in quarantine, no conflict */
	unsigned unassigned; /* of the held: because of their assignment */
	bool began;	     /* a transaction was open */
	/* the hub was told of more than we hold: this is an old backup. It is asked to send again what follows the
	 * mark */
	bool behind;
	/* it says that it gave fewer numbers than came from it without a hole, and brings nothing new: its store is
	 * older than it was, or this is a late copy of an earlier request */
	bool older;
	bool retired; /* its drain has come to its end: this was its last upload */
	enum witness checkpoint; /* of its audit log */
	/* how long COMMIT took; 0: there was none, or it is told with another request of the group */
	uint64_t commit_us;
	bool bad_status; /* what it said of itself could not be read, and is not kept */
	uint64_t
		config_used; /* version of the config that it has in use, as it last said */
};

enum { INGEST_GROUP_MAX = COAP_SERVER_GROUP_MAX };

/* One of a group. Private. */
struct ingest_request {
	const uint8_t *spki, *body; /* borrowed */
	size_t len;
	struct wall now;
	struct coap_server_response *ret; /* borrowed */
	struct ingest_note note;
	bool final; /* nothing of *ret or note will change */
};

/* Fields are private but for the counters. */
struct ingest {
	struct store *store;
	uint64_t count[INGEST_OUTCOMES];
	uint64_t repeated; /* transactions that were tried again */
	struct pace pace;
	struct ingest_request group[INGEST_GROUP_MAX];
	size_t group_count;
	bool open;  /* a transaction */
	bool alone; /* that of the group came to nothing */
};

/* ingest_init - store is borrowed until the last call. */
void ingest_init(struct ingest *in, struct store *store);

/*
 * ingest_admit - may a peer with this key finish its handshake? True for a row that is ACTIVE or
 * SUSPENDED; also if the store cannot be asked, as the request will be answered with 5.03 then.
 */
bool ingest_admit(struct ingest *in, const uint8_t spki[static PIN_LEN]);

/*
 * ingest_judge - is this body a batch that h may send? Invariants 1 and 2 without the store.
 *
 * ret   filled if the outcome is INGEST_STORED ('to be stored'); bodies borrowed from body
 *
 * Writes the code to answer with to *ret_code: COAP_CODE_CHANGED if it may be stored.
 */
enum ingest_outcome ingest_judge(const struct hub *h, const uint8_t *body, size_t len,
				 struct batch *ret, int *ret_code);

/*
 * ingest_reply - what is durable, in as few bytes as say it: the mark, and the batch's
 * own records and tombstones above it; and from where on the hub is to send again what it takes for
 * durable here.
 *
 * A batch with more than REPLY_RANGES_MAX islands above the mark gets the first ones
 * named; the others come again and are duplicates then. Pure.
 */
struct reply ingest_reply(const struct batch *b, uint64_t contig, struct wall now);

/*
 * ingest_config_version - which version of its config a hub is told of: the one that was signed last, unless it is the one
 * in use; 0: none. A suspended hub is told of none. Pure.
 */
uint64_t ingest_config_version(const struct hub *h, uint64_t used);

/*
 * ingest_handle - one POST to "u" from the key spki.
 *
 * now    UTC of the clinic with its quality, looked at once
 * ret    filled always; code 0: send no answer
 * note   filled always
 */
void ingest_handle(struct ingest *in, const uint8_t spki[static PIN_LEN],
		   const uint8_t *body, size_t len, struct wall now,
		   struct coap_server_response *ret, struct ingest_note *note);

/*
 * ingest_carried - one batch of a file that somebody brings (hub/core/stick.h): judged, filed, held or set aside as in an upload of
 * that hub. Nobody is answered; when the hub was seen, what it says of its queue and what follows for the end of its life stays as it
 * is. Not while others wait.
 *
 * hub   whose file it says it is: its row decides
 * ret   what became of it
 *
 * Returns ret->outcome; INGEST_STORE_DOWN: ret->err says why, and nothing of it is stored, or nobody knows: the same again is right.
 */
enum ingest_outcome ingest_carried(struct ingest *in,
				   const uint8_t hub[static HUB_ID_LEN],
				   const uint8_t *body, size_t len, int64_t now_ms,
				   struct ingest_note *ret);

/*
 * ingest_add, ingest_settle - the same for requests that come together: one COMMIT for all of them.
 *
 * ingest_add does everything for one request but the COMMIT, and leaves ret->waits set; spki, body and ret are borrowed
 * until that is taken away. At most INGEST_GROUP_MAX wait. ingest_settle commits and finishes the answers, and calls fn for
 * each that is finished, in their order; fn must not use 'in'. If the transaction came to nothing, whatever the reason,
 * it handles one of them alone as ingest_handle does, and the others wait for its next calls; until none waits no
 * ingest_add and no ingest_handle. If nobody knows what became of the COMMIT, none of them gets an answer.
 *
 * Requests of several hubs are to be added in the order of their keys: two groups, of two programs, then
 * cannot wait for each other.
 */
void ingest_add(struct ingest *in, const uint8_t spki[static PIN_LEN],
		const uint8_t *body, size_t len, struct wall now,
		struct coap_server_response *ret);
typedef void ingest_note_fn(void *arg, const struct ingest_note *note);
void ingest_settle(struct ingest *in, ingest_note_fn *fn, void *arg);
