#pragma once

/*
 * bundle.h - what a new hub needs, as a folder that is copied to its state folder.
 *
 *   store/sign.key                               P-256 scalar that signs its batches
 *   coap/identity.key, identity.crt, root.crt    PEM
 *   hubd/config.cose                             signed config (hub/core/config.h)
 *   hubd/clinic.pub                              public key that signs configs
 */
#include <stddef.h>
#include <stdint.h>

#include "clinic/folder.h"
#include "clinic/store.h"
#include "hub/core/config.h"
#include "hub/core/cose.h"

/* What the person asked for; the rest follows from the clinic's folder. */
struct bundle_wish {
	size_t device_count;
	struct config_device devices[CONFIG_DEVICES_MAX];
	int16_t utc_offset_min;
	bool has_change; /* daylight saving, see struct config */
	int64_t change_utc_s;
	int16_t change_offset_min;
	uint16_t heartbeat_s;
	uint16_t window_min; /* pairing window for all devices; 0: none */
};

/*
 * bundle_make - keys, certificate and signed config of a new hub, in its first epoch and
 * first assignment.
 *
 * dir      the clinic's folder; root.key, config.key and others are read
 * out      an empty folder
 * ret      filled on success, but for the name: the row to be added
 * ret_config   filled on success; to be kept in the store, and wiped
 * why      as in folder.h
 *
 * Returns 0 or an error as in folder.h, also -ENOSPC; out may then hold part of the files.
 */
int bundle_make(const char *dir, const char *out, const struct bundle_wish *wish,
		int64_t now_ms, struct hub *ret, struct config *ret_config,
		char why[static FOLDER_WHY_MAX]);

enum { BUNDLE_COSE_MAX = CONFIG_BYTES_MAX + COSE_OVERHEAD_MAX };

/*
 * bundle_sign - a config as hubs take it, signed with the clinic's key.
 *
 * It is read back before it is signed: one that a hub would refuse must not leave the clinic.
 *
 * Returns the length, or an error as in folder.h, also -ENOSPC.
 */
int bundle_sign(const char *dir, const struct config *c,
		uint8_t cose[static BUNDLE_COSE_MAX], char why[static FOLDER_WHY_MAX]);
