#pragma once

/*
 * store_config.h - the config that a hub shall have, as it was signed: what the hub fetches. A part of the interface of
 * store.h, with its rules.
 *
 * Invariant: hub.config_wanted is the version of the signed bytes that are kept, 0 if there are none.
 */
#include "clinic/store.h"

/*
 * store_config_offer - from now on this is what the hub shall have; in the transaction of store_config_put.
 *
 * c      whose hub, epoch and version count
 * cose   signed, at most CONFIG_BYTES_MAX, or -EMSGSIZE
 */
int store_config_offer(struct store *s, const struct config *c, const uint8_t *cose,
		       size_t len, int64_t now_ms);

/*
 * store_config_signed - the signed bytes.
 *
 * buf           CONFIG_BYTES_MAX
 * ret_version   of them
 *
 * Returns the length, -ENOENT if there are none of this epoch, -EIO if what is kept cannot be one.
 */
int store_config_signed(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			uint32_t epoch, uint8_t buf[static CONFIG_BYTES_MAX],
			uint64_t *ret_version);

/*
 * store_config_note - which version a hub says that it has in use; nothing is written if that is known.
 *
 * h, status   the row as it was read; a status that store_status_put took
 * ret         the version
 */
int store_config_note(struct store *s, const struct hub *h, const uint8_t *status,
		      size_t len, uint64_t *ret);
