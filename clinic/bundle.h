#pragma once

/*
 * bundle.h - what a new hub needs, as a folder that is copied to its state folder.
 *
 *   store/sign.key                               P-256 scalar that signs its batches
 *   store/audit.key                              key 0 of its audit log (hub/crypto/audit_chain.h)
 *   coap/identity.key, identity.crt, root.crt    PEM
 *   coap/emergency                               its emergency identity (coap/identity_file.h)
 *   coap/clinic.trust, hubd/clinic.trust         where and by which root its certificate is renewed (hub/core/trust.h)
 *   hubd/config.cose                             signed config (hub/core/config.h)
 *   hubd/clinic.pub                              public key that signs configs
 */
#include <stddef.h>
#include <stdint.h>

#include "clinic/endpoint_list.h"
#include "clinic/folder.h"
#include "clinic/pki.h"
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
	uint16_t window_min;		/* pairing window for all devices; 0: none */
	struct endpoint_list endpoints; /* with all they need; none: the clinic's own */
	size_t signer_count;		/* whose orders it obeys */
	struct signer signers[SIGNERS_MAX];
};

/* What the clinic keeps of a hub's emergency identity: store_mailbox_add. */
struct bundle_emergency {
	uint8_t spki[PIN_LEN];
	struct pki_cert cert;
};

/*
 * bundle_make - keys, certificate and signed config of a new hub, in its first epoch and
 * first assignment.
 *
 * dir      the clinic's folder; root.key, config.key and others are read
 * out      an empty folder
 * ret      filled on success, but for the name: the row to be added
 * ret_config   filled on success; to be kept in the store, and wiped
 * ret_audit    the same: key 0 of its audit log
 * ret_emergency  filled on success; to be added with the row
 * why      as in folder.h
 *
 * Returns 0 or an error as in folder.h, also -ENOSPC; out may then hold part of the files.
 */
int bundle_make(const char *dir, const char *out, const struct bundle_wish *wish,
		int64_t now_ms, struct hub *ret, struct config *ret_config,
		uint8_t ret_audit[static KEY_LEN], struct bundle_emergency *ret_emergency,
		char why[static FOLDER_WHY_MAX]);

/* bundle_own_endpoint - the clinic's own server, as clinic.conf and server.crt say. Returns 0 or an error as above. */
int bundle_own_endpoint(const char *dir, struct config_endpoint *ret,
			char why[static FOLDER_WHY_MAX]);

enum { BUNDLE_HEARTBEAT_S = 300 };

/*
 * bundle_first_config - what a hub that has enrolled by itself starts from: version 0, nobody's, without devices, at the
 * clinic's own server. Returns 0 or an error as above.
 *
 * bundle_last_config - the last one that was signed for a hub, as the next one starts from it; the first, if there is none.
 * Of another life it is nobody's. why: "" if it was the store.
 */
int bundle_first_config(const char *dir, const struct hub *h, struct config *ret,
			char why[static FOLDER_WHY_MAX]);
int bundle_last_config(const char *dir, struct store *store, const struct hub *h,
		       struct config *ret, char why[static FOLDER_WHY_MAX]);

enum { BUNDLE_COSE_MAX = CONFIG_BYTES_MAX + COSE_OVERHEAD_MAX };

/*
 * bundle_sign_as - what is given to one hub, signed with the clinic's key for configurations.
 *
 * context   SIGN_CONTEXT_...
 *
 * Returns the length, or an error as in folder.h, also -ENOSPC.
 */
int bundle_sign_as(const char *dir, const char *context, const uint8_t *payload,
		   size_t len, uint8_t *buf, size_t cap, char why[static FOLDER_WHY_MAX]);

/*
 * bundle_sign - a config as hubs take it, signed with the clinic's key.
 *
 * It is read back before it is signed: one that a hub would refuse must not leave the clinic.
 *
 * Returns the length, or an error as in folder.h, also -ENOSPC.
 */
int bundle_sign(const char *dir, const struct config *c,
		uint8_t cose[static BUNDLE_COSE_MAX], char why[static FOLDER_WHY_MAX]);
