#pragma once

/*
 * backlog.h - captured values that are not durable yet, in the order in which they came.
 *
 * Invariants
 *   1. A value leaves only when it is durable; while hub-store is away it waits here.
 *   2. Its RAW goes before its DECODED, and it keeps its capture number however often it
 *      is offered.
 *   3. From BACKLOG_HIGH on no new connections should be let in: the rest is for what is
 *      already in the air.
 *
 * Pure; memory is the caller's and fixed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/msg.h"
#include "hub/core/time.h"

enum { BACKLOG_MAX = 64, BACKLOG_HIGH = 48 };

struct backlog_entry {
	size_t device; /* index in the configuration at capture */
	struct msg_raw raw;
	struct decoded decoded;	     /* what the decoder said */
	struct msg_decoded finished; /* what is sent; only if 'ready' */
	bool ready;
	/* not ready: waits so long for a look at the device's clock */
	struct mono hold_until;
	bool raw_sent, decoded_sent;
};

/* Fields are private; entries 0 .. count-1 in order of capture. */
struct backlog {
	struct backlog_entry entries[BACKLOG_MAX];
	size_t count;
	uint64_t instance; /* drawn at random when the process starts */
	uint64_t last;	   /* capture number given last */
};

void backlog_init(struct backlog *b, uint64_t instance);

/*
 * backlog_add - number a value and keep it. Its decoded values and hold_until are the
 * caller's to write.
 *
 * Returns its entry, valid until the next backlog_remove, or NULL if there is no room.
 */
struct backlog_entry *backlog_add(struct backlog *b, size_t device,
				  const struct msg_raw *raw);

/* backlog_finish - what is to be sent as MSG_DECODED is known. */
void backlog_finish(struct backlog_entry *e, const struct msg_decoded *finished);

/* backlog_next - the oldest message not yet sent. Returns false if there is none. */
bool backlog_next(const struct backlog *b, struct msg *ret);

/* backlog_sent - the message that backlog_next gave has been taken. */
void backlog_sent(struct backlog *b, const struct msg *m);

/* backlog_offer_again - nothing counts as sent: hub-store was away. */
void backlog_offer_again(struct backlog *b);

/* backlog_refused - hub-store could not save this one; it is offered again. */
void backlog_refused(struct backlog *b, uint64_t capture);

/*
 * backlog_remove - it is durable.
 *
 * Returns 0 with *ret_device, or -ENOENT: no such capture (a second answer to a value
 * offered twice).
 */
int backlog_remove(struct backlog *b, uint64_t capture, size_t *ret_device);
