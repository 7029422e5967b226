#pragma once

/*
 * trusted.h - which clinic this hub belongs to, by hubd's own look at clinic.trust; what is in force before the first config.
 *
 *   clinic.trust   the file that hub-coap enrolled with, as it came; the first good one is kept until a factory reset
 *   clinic.pub     the key in it that signs configs (settings.h)
 *
 * Both are in hubd's state folder. hub-coap, which brings the file, has a network: it is believed that it has enrolled, under
 * which id and in which epoch, as its device key is what the id comes from; not to whom readings are sealed, or who signs configs.
 *
 * Invariants
 *   1. Nothing of a file is used before the signature of the root in it is good and the file is on the disk.
 *   2. A second clinic is never taken, but for a root of which the root before says that it is the same: not beside a kept file, and not beside a clinic.pub that was put here by hand.
 */
#include <stdbool.h>

#include "hub/core/config.h"
#include "hub/core/msg.h"
#include "hub/core/trust.h"

enum {
	/* Until a config says another: somebody waits for the first one. */
	TRUSTED_HEARTBEAT_S = 30,
};

/* Fields are private, but for known and trust. */
struct trusted {
	const char *dir;    /* borrowed for life */
	bool known;	    /* trust is valid */
	struct trust trust; /* what the kept file says */
	uint8_t hash[TRUST_HASH_LEN];
	size_t total, len; /* of the one that is on its way */
	uint8_t bytes[TRUST_FILE_MAX];
};

/* trusted_open - the kept file. Returns 0, -ENOENT, or what is wrong with it (as trust_open, file_read): as if there were none. */
int trusted_open(struct trusted *t, const char *dir);

/*
 * trusted_add - the next piece of a file. A first piece begins anew, whatever was there.
 *
 * Returns 1 if all is here now, 0 if pieces are missing, -EPROTO if it is not the next one: all is dropped. Pure.
 */
int trusted_add(struct trusted *t, const struct msg_enrolment *piece);

/*
 * trusted_take - keep what is all here.
 *
 * Returns 1 if it is kept now, 0 if it was, -EACCES (another clinic than the one this hub belongs to), -EKEYREJECTED and
 * others as trust_open, or -ENOSPC, -EIO.
 */
int trusted_take(struct trusted *t);

/*
 * trusted_follow - the clinic has gone over to another root, and the hub with it; or the first file, of a hub that was added by
 * hand.
 *
 * file, len   as a config that was found good has it: that the root before vouches for it was looked at then
 *
 * Returns 1 if it is kept now, 0 if it was, or as trusted_take.
 */
int trusted_follow(struct trusted *t, const uint8_t *file, size_t len);

/* trusted_config - what holds in an enrolment until its first config: no patient, no device, version 0. Pure. */
void trusted_config(const struct trust *t, const uint8_t hub[static HUB_ID_LEN],
		    uint32_t epoch, struct config *ret);
