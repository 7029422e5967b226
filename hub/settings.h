#pragma once

/*
 * settings.h - what hubd holds on disk: the signed config, the last one that was good, the engine share.
 *
 *   clinic.pub    public key that signs configs, 65 bytes; put there at provisioning
 *   config.cose   the config as it came: put there by hand, or from the clinic over the wire when it was found good; may
 *                 be replaced while hubd runs
 *   config.good   the last one that was taken; wins over a damaged, foreign or older config.cose
 *   config.proven the last one of whose endpoints one has acknowledged something: the way back from bad ones
 *   engine.share  32 random bytes, made at first start; withheld from hub-store in a lockdown, erased at level 3 (sealing.h)
 *
 * Invariants: a config is looked into only after its signature is good; its version never goes down within an
 * epoch; it is taken as a whole or not at all, and is on the disk before it is used.
 *
 *   over the wire: verified -> config.cose -> config.good -> used -> an endpoint has acknowledged -> config.proven
 *
 * A power cut behind the first of these leaves a config.cose that is good, and is taken at the next start.
 */
#include "hub/core/config.h"
#include "hub/core/msg.h"
#include "hub/core/refusal.h"
#include "hub/trusted.h"

struct settings {
	const char *dir; /* borrowed for life */
	bool loaded;	 /* config is valid */
	struct config config;
	bool expects; /* a config of this enrolment, see settings_expect */
	uint8_t expected_hub[HUB_ID_LEN];
	uint32_t expected_epoch;
	bool has_proven; /* proven is valid, and of this enrolment */
	struct config proven;
	const struct trusted
		*trusted; /* whose root a config may follow; NULL: not looked at */
	/* false: it is erased, and what opens its escrow is the clinic's (hub/sealing.h) */
	bool has_share;
	uint8_t share[ENGINE_SHARE_LEN]; /* zeros without it */
};

/*
 * settings_open - the engine share (made if there is none, and no escrow of one) and config.good, if there is one.
 *
 * Returns 0, or what is wrong with the share, which is not there then: -EMSGSIZE (damaged; it is never replaced), -EIO, -EACCES,
 * -ENOSPC. The config is there all the same.
 */
int settings_open(struct settings *s, const char *dir);

/* settings_erase_share - from the disk and from memory. Returns 0, -EACCES or -EIO: it is there no more than before. */
int settings_erase_share(struct settings *s);
/* settings_put_share - durable, and in memory. Returns 0, -ENOSPC, -EACCES or -EIO. */
int settings_put_share(struct settings *s, const uint8_t share[static ENGINE_SHARE_LEN]);

/*
 * settings_load - read config.cose and take it if it is good and not older.
 *
 * ret_why   for a person: what was wrong and with which field; written on failure only
 *
 * Returns 1 if a new config was taken, 0 if it is the one we have, or -ENOENT, -EKEYREJECTED, -ESTALE,
 * -EBADMSG, -ERANGE, -EMSGSIZE, -ENOTSUP, -EIO; on failure the old config stays.
 */
int settings_load(struct settings *s, const char **ret_why);

/*
 * settings_expect - the clinic has enrolled this hub, under this id and in this epoch: its first config may come over the
 * wire, though none is in use, or one of an enrolment before.
 */
void settings_expect(struct settings *s, const uint8_t hub[static HUB_ID_LEN],
		     uint32_t epoch);

/*
 * settings_offer - take a config that came over the wire: of the hub and the enrolment of the one in use, and newer; or the
 * first of the enrolment that is expected.
 *
 * ret_why   why it was refused; REFUSAL_NONE if it was not
 *
 * Returns 1 if it is in use now, 0 if it was, or what is wrong with it; with REFUSAL_NONE: -ENOENT or -EMSGSIZE (no key to
 * verify with), -EAGAIN (there is no config yet, so it is not known whose it would have to be), -ENOSPC, -EACCES, -EIO. On
 * failure the config in use stays.
 */
int settings_offer(struct settings *s, const uint8_t *buf, size_t len,
		   enum refusal *ret_why);

/* settings_fallback - the version of the config that has proven itself, if that is not the one in use; else 0. Pure. */
uint64_t settings_fallback(const struct settings *s);

/*
 * settings_prove - an endpoint of the config of this version has acknowledged something.
 *
 * Returns 1 if that is new and is kept, 0 if it was known or is not the version in use, or -ENOENT, -ENOSPC,
 * -EACCES, -EIO: tried again when it is said again.
 */
int settings_prove(struct settings *s, uint64_t version);
