/*
 * window.c - the captures that are durable; see window.h.
 */
#include "storage/window.h"

void window_add(struct window *w, uint64_t instance, uint64_t capture)
{
	if (capture == 0)
		return; /* a record of the hub's own */
	if (w->last == 0 || w->instance != instance) {
		*w = (struct window){ .instance = instance, .last = capture };
	} else if (capture > w->last) {
		uint64_t by = capture - w->last;

		w->mask = by < WINDOW_LEN ? w->mask << by : 0;
		if (by <= WINDOW_LEN)
			w->mask |= UINT64_C(1) << (by - 1);
		w->last = capture;
	} else if (capture < w->last && w->last - capture <= WINDOW_LEN) {
		w->mask |= UINT64_C(1) << (w->last - capture - 1);
	}
}

bool window_has(const struct window *w, uint64_t instance, uint64_t capture)
{
	if (w->last == 0 || w->instance != instance || capture > w->last)
		return false;
	if (capture == w->last)
		return true;
	return w->last - capture <= WINDOW_LEN &&
	       (w->mask >> (w->last - capture - 1) & 1) != 0;
}
