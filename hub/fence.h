#pragma once

/*
 * fence.h - the hand-over of a hub from one assignment to another: nothing of the old one may be taken for the new one's.
 *
 *   SETTLED  the config's assignment is in force: hub-ble has its devices, hub-store seals under it
 *   QUIET    hub-ble lets no device connect, and hands over what it has      until each value is durable
 *   SAVED    hub-store makes durable what it has of an earlier hub-ble       under the old assignment
 *   FORGET   hub-ble removes all bonds, marks and pins; what comes until the last bond is gone is the old one's
 *   CLEARED  as SAVED
 *   SEAL     hub-store gets the new assignment and begins a segment for it
 *
 *   SETTLED -> QUIET              a config with another assignment or epoch, in fence_on_config
 *   QUIET -> SAVED -> FORGET -> CLEARED -> SEAL -> SETTLED     each step when it is said to be done, in fence_on_done
 *   QUIET, SAVED -> SETTLED       the config has gone back to the one in force, in fence_on_config
 *   after a restart: from FORGET or SEAL on, if one of them was remembered; else from SETTLED
 *
 * Invariants
 *   1. hub-ble gets devices only while SETTLED, those of the assignment in force.
 *   2. hub-store gets the assignment in force until SEAL, the new one from then on.
 *   3. FORGET, SEAL and the assignment in force, the first one too, are durable before anybody hears of them. So a hub that was cut off anywhere
 *      never takes bonds of the old one for the new one's, and never lets a config with a third one get past them.
 *   4. As long as nothing is removed (QUIET, SAVED) there is a way back.
 *   5. A config with the same assignment touches nothing.
 *   6. A hub that knows of no assignment takes the first that it is given; nobody was here before.
 *
 * What a device measures meanwhile stays in it. A step that cannot be done waits: while hub-store is full nothing could be
 * taken anyway, and while there is no adapter nothing is.
 *
 * Another epoch is another life of the hub's numbers: until SEAL hub-store gets no config at all, for it must not seal old
 * readings under the new epoch. If it starts anew meanwhile, values that hub-ble still has wait until hub-ble ends.
 *
 * Pure. After each event the caller drains fence_next.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/msg.h"

enum { FENCE_BYTES_MAX = 32 };

/* What is remembered: file 'assignment'. */
struct fence_held {
	bool known; /* false: no assignment was ever in force */
	uint32_t epoch;
	uint32_t assignment;  /* in force */
	enum fence_step step; /* FENCE_SETTLED, FENCE_FORGET or FENCE_SEAL */
};

enum fence_action_kind {
	FENCE_NOTHING = 0,
	FENCE_REMEMBER, /* write 'held' durably, then fence_on_saved; if that fails, fence_again after a while */
	FENCE_CLOSE, /* no pairing window may be open from now on */
	FENCE_ASK,   /* send 'ask' to 'role' as MSG_FENCE; before FENCE_SEAL its config */
	FENCE_USE, /* the config is in force as a whole: give it to hub-ble, open its window */
};

struct fence_action {
	enum fence_action_kind kind;
	struct fence_held held;
	enum role role;
	struct msg_fence ask;
};

/* Fields are private. */
struct fence {
	struct fence_held held; /* as it is on the disk, or will be */
	bool unsaved;		/* not on the disk yet: nobody is to hear of it */
	bool writing; /* FENCE_REMEMBER was given, and nothing heard of it since */
	bool has_config;
	uint32_t epoch, assignment; /* of the config */
	enum fence_step step;
	uint32_t last_ask;
	bool asked; /* the one who does this step knows */
	bool ble_up, store_up;
	bool close, use; /* actions that are due */
};

/* fence_init - held: what was remembered; not known: nothing. */
void fence_init(struct fence *f, const struct fence_held *held);
void fence_on_config(struct fence *f, uint32_t epoch, uint32_t assignment);
/* ROLE_BLE or ROLE_STORE came or went; others do not matter. */
void fence_on_link(struct fence *f, enum role role, bool up);
/* MSG_FENCED; one that nobody waits for is ignored. */
void fence_on_done(struct fence *f, enum role from, const struct msg_fence *done);
/* The last FENCE_REMEMBER is durable. */
void fence_on_saved(struct fence *f);
/* Now and then: what was asked, or could not be written, is asked and written again. */
void fence_again(struct fence *f);
/* The next thing to do; FENCE_NOTHING: wait. */
void fence_next(struct fence *f, struct fence_action *ret);

/* fence_for_ble - may hub-ble have the config's devices now? */
bool fence_for_ble(const struct fence *f);
/* fence_for_store - may hub-store have a config now? *ret_assignment: under which it shall seal. */
bool fence_for_store(const struct fence *f, uint32_t *ret_assignment);
/* fence_in_force - the assignment in force, 0: none. fence_at - the step of the hand-over. For people. */
uint32_t fence_in_force(const struct fence *f);
enum fence_step fence_at(const struct fence *f);

/* fence_encode - the bytes of the file. Returns the length. Pure. */
int fence_encode(const struct fence_held *h, uint8_t buf[static FENCE_BYTES_MAX]);
/* fence_decode - Returns 0, -EBADMSG, -ERANGE or -ENOTSUP. Pure. */
int fence_decode(const uint8_t *buf, size_t len, struct fence_held *ret);
