#pragma once

/*
 * network_open.h - a network template that was pasted at the console: is it the clinic's, and for this hub? Needs crypto; no
 * files, no clock.
 */
#include "hub/core/config.h"
#include "hub/core/network.h"
#include "hub/crypto/crypto.h"

/*
 * network_open - verify, then parse.
 *
 * public   the clinic's key for configurations
 * c        the config in use: whose hub this is, and of which enrolment
 *
 * Returns 0, -EKEYREJECTED (not signed by the clinic, or of another hub or enrolment), or what network_template_decode says.
 */
int network_open(const uint8_t public[static P256_PUBLIC_LEN], const struct config *c,
		 const uint8_t *buf, size_t len, struct network_template *ret);
