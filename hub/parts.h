#pragma once

/*
 * parts.h - of the signed config, each process gets its part and no more. Pure.
 *
 * ret is written whole; those of hub-ble and hub-store hold secrets: to be wiped after sending.
 */
#include "hub/core/config.h"
#include "hub/core/msg.h"
#include "hub/peripherals.h"

void parts_ble(const struct config *c, const struct peripherals *p, uint8_t level,
	       struct msg *ret);
/* share: NULL at level 3, when nobody here has it */
void parts_store(const struct config *c, const uint8_t *share, uint8_t level,
		 enum command_retire retire, struct msg *ret);
void parts_coap(const struct config *c, struct msg *ret);
