#pragma once

/*
 * command_open.h - an order as it came over the wire: are its signatures good, whose are they, and what do they order?
 */
#include "hub/core/command.h"
#include "hub/core/config.h"

/*
 * command_open - nothing but the frame is looked at before its signatures are good.
 *
 * c           the config in use: its signers count
 * ret         filled if COMMAND_DONE is returned
 * ret_roles   roles of those who signed, *ret_count of them
 *
 * Returns COMMAND_DONE, COMMAND_BAD_FORM, COMMAND_UNKNOWN_SIGNER, COMMAND_BAD_SIGNATURE or COMMAND_DIFFERENT.
 */
enum command_result
command_open(const struct config *c, const uint8_t *buf, size_t len, struct command *ret,
	     enum signer_role ret_roles[static COMMAND_SIGNATURES_MAX],
	     size_t *ret_count);
