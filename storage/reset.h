#pragma once

/*
 * reset.h - factory reset of hub-store's folder, and whether there may be one: not while it holds what the clinic does not
 * have, unless two people have ordered it to be given up, or have ordered the reset when it was on a stick (reset_left.h); and not
 * while the hub is locked: the level does not fall by a button. Runs at a start, before any of the hub's processes.
 *
 *   reset       somebody asks for it: who held the button, root, or hub-store at the end of an order to retire: empty. Or hub-store, as
 *               two people at the hub have ordered it: up to which number all is on a stick
 *   resetting   the same file under another name: it was decided, and there is no way back
 *
 *   asked -> begun     not locked, and nothing unsent but what is on a stick or to be given up by order, in reset_decide
 *   asked -> refused   'reset' removed: what is asked once must not happen weeks later, in reset_decide
 *   begun -> done      everything removed, 'resetting' last, in reset_finish; between the two hubd's and hub-coap's folders and
 *                      bluetoothd's bonds are erased (rootfs/units)
 *
 * As long as 'resetting' is there no process of the hub starts. So no reading is taken that is erased, and hub-store, whose
 * numbers begin anew, never meets the config of the life before.
 */
#include <stdint.h>

#define RESET_ASKED "reset"
#define RESET_BEGUN "resetting"

enum reset_outcome {
	RESET_NOT_ASKED = 0,
	RESET_BEGIN,   /* go on with the others' folders, then reset_finish */
	RESET_UNSENT,  /* refused: so many readings */
	RESET_UNKNOWN, /* refused: what is there cannot be counted */
	RESET_LOCKED,  /* refused: the hub is locked (reset_rule.h) */
	RESET_FAILED,  /* not decided: the disk; at the next start again */
};

struct reset_answer {
	uint64_t
		unsent; /* of RESET_UNSENT; of RESET_BEGIN: given up, by order of two people */
	int err;	/* of RESET_UNKNOWN and RESET_FAILED */
	const char *problem; /* of RESET_UNKNOWN: one sentence; static */
};

/* reset_decide - in the store's folder dir. crypto_init and db_heap_init come before. */
enum reset_outcome reset_decide(const char *dir, struct reset_answer *ret);

/*
 * reset_finish - erase what was decided on: keys first. It can be repeated.
 *
 * Returns 0, also if nothing was begun, or -EACCES, -EIO: 'resetting' stays.
 */
int reset_finish(const char *dir);
