#pragma once

/*
 * hub_facts.h - all that is known of one hub, of one moment, ready to be shown: what 'clinicctl status' needs of the
 * store. It comes from the store, or over the clinic's door (door_rows.h).
 *
 * No passkeys and no consent codes: whoever may look may not pair.
 */
#include "clinic/store_assign.h"
#include "clinic/store_status.h"
#include "clinic/witness.h"

struct hub_facts {
	struct hub hub;
	struct store_counts counts;
	struct witness_state witness;
	bool has_config, has_status, has_assigned;
	struct config config; /* passkeys and consent codes are zeros */
	struct hub_status status;
	/* of the config's assignment, if the clinic gave it */
	struct assigned assigned;
	struct device_sign
		signs[CONFIG_DEVICES_MAX]; /* of config.devices, in their order */
};

/* hub_facts_load - of a row as it was read. Returns 0, or an error of store.h. */
int hub_facts_load(struct store *s, const struct hub *h, struct hub_facts *ret);

/* hub_facts_hide - zeros in the place of each passkey and each consent code. Pure. */
void hub_facts_hide(struct config *c);
