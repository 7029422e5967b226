/*
 * look.c - see look.h.
 */
#include "hub/look.h"

bool look_due(struct look *l, uint8_t level, struct mono now)
{
	if (level > l->level)
		*l = (struct look){ .next = now };
	l->level = level;
	if (level < LOOK_FROM_LEVEL || !mono_reached(now, l->next))
		return false;
	l->count++;
	l->next = mono_add(now, l->count < LOOK_SOON ? LOOK_SOON_MS : LOOK_LATER_MS);
	return true;
}
