#pragma once

/*
 * backlog.h - captured values that are not durable yet, in the order in which they came.
 *
 * Invariants
 *   1. A value leaves only when it is durable, or discarded because its link was nobody's; while
 *      hub-store is away it waits here.
 *   2. Its RAW goes before its DECODED, and it keeps its capture number however often it is offered.
 *      One whose DECODED is not known yet holds back nobody else's messages.
 *   3. At most BACKLOG_FLIGHT_MAX values are with hub-store without an answer: as many as it has
 *      places for and as its window of known captures is long.
 *   4. hub-store hears of a discarded value before it hears of another RAW; if it has never had
 *      it, or the link was lost since (then it has sealed it as unverified), it hears nothing.
 *   5. From BACKLOG_HIGH on no more values should be taken from the bus. There is room then for
 *      what the one value that is being taken may bring: a CGM value holds several records.
 *
 * Pure; memory is the caller's and fixed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/msg.h"
#include "hub/core/time.h"

enum {
	BACKLOG_FLIGHT_MAX = 64, /* CAPTURES_MAX and WINDOW_LEN of hub-store */
	BACKLOG_HIGH = 48,
	BACKLOG_VALUE_RECORDS =
		READING_RAW_MAX / 6, /* shortest record of CGM, CGMS 3.1.1 */
	BACKLOG_MAX = BACKLOG_HIGH - 1 + BACKLOG_VALUE_RECORDS,
};

#define BACKLOG_NOBODY SIZE_MAX

struct backlog_entry {
	size_t device; /* index of its device, or BACKLOG_NOBODY */
	struct msg_raw raw;
	bool has_decoded;	/* 'decoded' is known; else the decoder has yet to run */
	struct decoded decoded; /* what the decoder said */
	uint32_t history;	/* of the memory it came from, see struct reading */
	struct msg_decoded finished; /* what is sent; only if 'ready' */
	bool ready;
	/* not ready: waits so long for a look at the device's clock */
	struct mono hold_until;
	/* the rest is private */
	bool raw_sent, decoded_sent;
	uint8_t position; /* in 'order' */
};

/* Fields are private. An entry stays at its place as long as it is here. */
struct backlog {
	struct backlog_entry places[BACKLOG_MAX];
	/* each place once; the first 'count' are taken, in order of capture */
	uint8_t order[BACKLOG_MAX];
	size_t count;
	uint64_t discards[BACKLOG_FLIGHT_MAX]; /* captures; to be sent */
	size_t discard_count;
	uint64_t instance; /* drawn at random when the process starts */
	uint64_t last;	   /* capture number given last */
};

void backlog_init(struct backlog *b, uint64_t instance);

/*
 * backlog_add - number a value and keep it. Its decoded values and hold_until are the
 * caller's to write.
 *
 * Returns its entry, valid until it is removed or discarded, or NULL if there is no room.
 */
struct backlog_entry *backlog_add(struct backlog *b, size_t device,
				  const struct msg_raw *raw);

/* backlog_find - the entry of a capture, or NULL. */
struct backlog_entry *backlog_find(struct backlog *b, uint64_t capture);

/* backlog_after - the entry captured after this one, the first if NULL; NULL at the end. */
struct backlog_entry *backlog_after(struct backlog *b, const struct backlog_entry *e);

/* backlog_disown - the entries of a device are of BACKLOG_NOBODY from now on; they are finished. */
void backlog_disown(struct backlog *b, size_t device);

/* backlog_finish - what is to be sent as MSG_DECODED is known. What it says of the link counts
 * for the RAW too, if that is offered again. */
void backlog_finish(struct backlog_entry *e, const struct msg_decoded *finished);

/* backlog_discard - its link was nobody's: forget it, and let hub-store forget it. The entry is
 * gone. Only for one that is 'unverified': others hub-store keeps. */
void backlog_discard(struct backlog *b, struct backlog_entry *e);

/*
 * backlog_next - the oldest message not yet sent.
 *
 * raws   hub-store takes readings: RAWs may go; what it has already is finished in any case
 *
 * Returns false if there is none.
 */
bool backlog_next(const struct backlog *b, bool raws, struct msg *ret);

/* backlog_sent - the message that backlog_next gave has been taken. */
void backlog_sent(struct backlog *b, const struct msg *m);

/* backlog_offer_again - nothing counts as sent: hub-store was away. */
void backlog_offer_again(struct backlog *b);

/* backlog_refused - hub-store could not save this one; it is offered again. */
void backlog_refused(struct backlog *b, uint64_t capture);

/* backlog_remove - it is durable. The entry is gone. */
void backlog_remove(struct backlog *b, struct backlog_entry *e);

/* backlog_is_high - invariant 5. */
bool backlog_is_high(const struct backlog *b);
