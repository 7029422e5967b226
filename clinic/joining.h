#pragma once

/*
 * joining.h - which glucose context belongs to which glucose: the same device, the same life of
 * its memory, the same record number.
 *
 * First all readings of one hub are added, in the order of the listing; then joining_settle pairs
 * them, and the listing asks for each glucose whether it has a context, and for each context
 * whether it was shown already. Of several with the same key the first belongs to the first.
 * Contexts are in clear in memory until joining_free wipes them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clinic/store.h"
#include "hub/core/reading.h"

struct joining_item;

/* Fields are private; all zero is empty. */
struct joining {
	struct joining_item *items; /* by (epoch, seq) */
	size_t count, room;
};

/* Would joining_add take a reading of this kind? What it says no to need not be opened. */
bool joining_wants(uint8_t kind);
/* rec, rd: copied. Returns 0 or -ENOMEM; one of another kind, or without record number, is
 * left alone. */
int joining_add(struct joining *j, const struct sealed *rec, const struct reading *rd);
/* Returns 0 or -ENOMEM. */
int joining_settle(struct joining *j);
/* The context of this glucose, and its number; NULL: none. */
const struct reading *joining_context(const struct joining *j, const struct sealed *rec,
				      uint64_t *ret_seq);
/* Is that context from a hub that was suspect (struct sealed)? */
bool joining_is_suspect(const struct joining *j, const struct sealed *rec);
/* Is this context shown beside its glucose? */
bool joining_is_joined(const struct joining *j, const struct sealed *rec);
/* Leaves j empty. */
void joining_free(struct joining *j);
