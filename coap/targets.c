/*
 * targets.c - see targets.h.
 *
 * Order, weight and everything else that does not say which server is meant may change without a new connection.
 */
#include "coap/targets.h"

#include <string.h>

static bool same(const struct config_endpoint *a, const struct config_endpoint *b)
{
	return strcmp(a->name, b->name) == 0 &&
	       memcmp(a->addr, b->addr, sizeof(a->addr)) == 0 && a->port == b->port &&
	       a->profile == b->profile && a->pin_count == b->pin_count &&
	       memcmp(a->pins, b->pins, a->pin_count * PIN_LEN) == 0;
}

static int find(const struct config_endpoint *list, size_t count,
		const struct config_endpoint *e)
{
	for (size_t i = 0; i < count; i++)
		if (same(&list[i], e))
			return (int)i;
	return -1;
}

static bool is_same_list(const struct targets *t, const struct config_endpoint *e,
			 size_t count)
{
	size_t wanted = t->fresh ? t->fresh : t->count;

	if (wanted != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!same(&t->list[i], &e[i]))
			return false;
	return true;
}

bool targets_replace(struct targets *t, const struct config_endpoint *e, size_t count,
		     int used, struct targets_change *ret)
{
	const struct targets old = *t;
	int used_new = used < 0 ? -1 : find(e, count, &old.list[used]);

	if (is_same_list(t, e, count))
		return false;
	*t = (struct targets){ .count = count };
	memcpy(t->list, e, count * sizeof(*e));
	for (size_t i = old.fresh; used_new < 0 && i < old.count; i++) {
		if (find(e, count, &old.list[i]) >= 0)
			continue;
		t->fresh = count;
		t->list[t->count++] = old.list[i];
	}
	*ret = (struct targets_change){
		.count = count,
		.kept = t->count - count,
		.used = used < 0 ? -1 : find(t->list, t->count, &old.list[used]),
	};
	return true;
}

void targets_confirm(struct targets *t)
{
	if (t->fresh)
		t->count = t->fresh;
	t->fresh = 0;
}
