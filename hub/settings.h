#pragma once

/*
 * settings.h - what hubd holds on disk: the signed config, the last one that was good, the engine share.
 *
 *   clinic.pub    public key that signs configs, 65 bytes; put there at provisioning
 *   config.cose   the config as it came; may be replaced while hubd runs
 *   config.good   the last one that was taken; wins over a damaged, foreign or older config.cose
 *   engine.share  32 random bytes, made at first start; withheld from hub-store in a lockdown
 *
 * Invariants: a config is looked into only after its signature is good; its version never goes down within an
 * epoch; it is taken as a whole or not at all.
 */
#include "hub/core/config.h"
#include "hub/core/msg.h"

struct settings {
	const char *dir; /* borrowed for life */
	bool loaded;	 /* config is valid */
	struct config config;
	uint8_t share[ENGINE_SHARE_LEN];
};

/*
 * settings_open - the engine share (made if there is none) and config.good, if there is one.
 *
 * Returns 0, or -EIO, -EMSGSIZE (share damaged), -ENOSPC.
 */
int settings_open(struct settings *s, const char *dir);

/*
 * settings_load - read config.cose and take it if it is good and not older.
 *
 * ret_why   for a person: what was wrong and with which field; written on failure only
 *
 * Returns 1 if a new config was taken, 0 if it is the one we have, or -ENOENT, -EKEYREJECTED, -ESTALE,
 * -EBADMSG, -ERANGE, -EMSGSIZE, -ENOTSUP, -EIO; on failure the old config stays.
 */
int settings_load(struct settings *s, const char **ret_why);
