#pragma once

/*
 * ingest.h - one upload: may this hub, is it what the hub signed, store it, say what is durable.
 *
 * It must never open a seal, and never say that something is durable before a COMMIT returned.
 *
 * Invariants
 *   1. The row of the key that DTLS proved decides, read again for each request; what the body says
 *      of itself must agree with that row.
 *   2. Nothing of the body is looked at before its signature is good.
 *   3. One request is one transaction: all its records and tombstones, the contiguous mark and the
 *      hub's status, or nothing.
 *   4. A reply with an acknowledgement exists only after COMMIT. In doubt there is no reply; the hub
 *      sends again.
 *   5. Same (hub, epoch, seq) with another body: the first stays, the second goes to quarantine. Both
 *      are durable.
 *
 *   request -> is there a row?                      no: 4.03
 *           -> is the signature good?               no: 4.03
 *           -> is it a batch?                       no: 4.00, 4.13 or 4.15
 *           -> hub and epoch of the row?            no: 4.03
 *           -> BEGIN, insert, mark, status          fails: 5.03 and rollback
 *           -> COMMIT                               fails: no reply
 *           -> reply
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clinic/store.h"
#include "coap/server.h"
#include "hub/core/batch.h"
#include "hub/core/time.h"

enum {
	INGEST_BODY_MAX =
		32768, /* a batch of records of the largest size does not get near it */
	INGEST_RETRY_S = 30, /* Max-Age of 5.03 */
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
		7, /* COMMIT failed: no reply; the store must not be used again */
	INGEST_OUTCOMES = 8,
};

const char *ingest_outcome_text(enum ingest_outcome o);

/* What one request did; no patient data. */
struct ingest_note {
	enum ingest_outcome outcome;
	int err;      /* from the store, or what the parser said; 0 if none */
	bool has_hub; /* hub is known */
	uint8_t hub[HUB_ID_LEN];
	unsigned stored, duplicate, conflict;
	bool behind; /* the hub was told of more than we hold: is this an old backup? */
};

/* Fields are private but for the counters. */
struct ingest {
	struct store *store;
	uint64_t count[INGEST_OUTCOMES];
};

/* ingest_init - store is borrowed until the last call. */
void ingest_init(struct ingest *in, struct store *store);

/*
 * ingest_admit - may a peer with this key finish its handshake? True for a row that is ACTIVE; also
 * if the store cannot be asked, as the request will be answered with 5.03 then.
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
 * own records and tombstones above it.
 *
 * A batch with more than REPLY_RANGES_MAX islands above the mark gets the first ones
 * named; the others come again and are duplicates then. Pure.
 */
struct reply ingest_reply(const struct batch *b, uint64_t contig, struct wall now);

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
