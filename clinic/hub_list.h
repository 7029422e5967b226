#pragma once

/*
 * hub_list.h - all hubs of a store in memory, for verbs that ask more of the store for
 * each of them.
 */
#include <stddef.h>

#include "clinic/store.h"

struct hub_list {
	struct hub *hubs; /* by name */
	size_t count;
	size_t room; /* private */
};

/* hub_list_load - Returns 0, or an error of store.h; ret is to be freed in both cases. */
int hub_list_load(struct store *s, struct hub_list *ret);
/* hub_list_add - at its end. Returns 0 or -ENOMEM. */
int hub_list_add(struct hub_list *l, const struct hub *h);
void hub_list_free(struct hub_list *l);
