#pragma once

/*
 * endpoint_list.h - the endpoints of a hub's config while they are changed.
 *
 * Two endpoints are one and the same if name, address and port are: what else differs is how it is to be used.
 */
#include <stdbool.h>
#include <stddef.h>

#include "hub/core/config.h"

struct endpoint_list {
	size_t count;
	struct config_endpoint at[CONFIG_ENDPOINTS_MAX];
};

/* endpoint_list_add - at the end. Returns 0, -ENOSPC (full), or -EEXIST (it is there). Pure. */
int endpoint_list_add(struct endpoint_list *l, const struct config_endpoint *e);

/*
 * endpoint_list_remove - the only one that this describes.
 *
 * text   a name, an address in digits, or either with ':' and a port behind it ([2001:db8::1]:5684); a name means
 *        the endpoint that has no address, if there is one of this name
 *
 * Returns 0, -EBADMSG (neither), -ENOENT (none), or -ERANGE (more than one). Pure.
 */
int endpoint_list_remove(struct endpoint_list *l, const char *text);

/* endpoint_equal - the same in all that a config says of it. Pure. */
bool endpoint_equal(const struct config_endpoint *a, const struct config_endpoint *b);

/* endpoint_list_has - is one equal to this? Pure. */
bool endpoint_list_has(const struct endpoint_list *l, const struct config_endpoint *e);

/* endpoint_list_equal - the same ones in the same order. Pure. */
bool endpoint_list_equal(const struct endpoint_list *a, const struct endpoint_list *b);
