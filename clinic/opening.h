#pragma once

/*
 * opening.h - from a sealed record to the reading in it. Only programs that hold the
 * sealing key use it.
 */
#include "clinic/store.h"
#include "hub/core/reading.h"

struct opening_key {
	uint8_t id;
	uint8_t private[X25519_LEN];
};

/*
 * opening_open - open the seal and read the body.
 *
 * ret_why   what is wrong, for a person; static; written on failure only
 *
 * Returns 0 with *ret, -EKEYREJECTED (sealed to another key, or damaged, or its envelope
 * was changed), -ENOTSUP (a form this program does not know), -EBADMSG or -ERANGE (the
 * body is not a reading).
 */
int opening_open(const struct opening_key *key, const struct sealed *rec,
		 struct reading *ret, const char **ret_why);
