/*
 * hub_list.c - see hub_list.h.
 */
#include "clinic/hub_list.h"

#include <errno.h>
#include <stdlib.h>

int hub_list_add(struct hub_list *l, const struct hub *h)
{
	if (l->count == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct hub *more = reallocarray(l->hubs, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		l->hubs = more;
		l->room = room;
	}
	l->hubs[l->count++] = *h;
	return 0;
}

static int on_hub(void *arg, const struct hub *h)
{
	return hub_list_add(arg, h);
}

int hub_list_load(struct store *s, struct hub_list *ret)
{
	*ret = (struct hub_list){ .hubs = NULL };
	return store_hub_each(s, on_hub, ret);
}

void hub_list_free(struct hub_list *l)
{
	free(l->hubs);
	*l = (struct hub_list){ .hubs = NULL };
}
