#pragma once

/*
 * window.h - which of hub-ble's latest captures are durable, so that one offered twice is
 * stored once.
 *
 * hub-ble offers a capture again when it has had no answer, for instance because
 * hub-store was killed between its commit and its answer. At most WINDOW_LEN captures can
 * be without an answer, so a number and a bit mask say all. A capture older than the
 * window is 'not known': stored a second time at worst, never lost. That can happen to one
 * that waited in quarantine (capture.h) while more than WINDOW_LEN others passed it, if
 * hub-store is killed just between its commit and its answer. Pure.
 */
#include <stdbool.h>
#include <stdint.h>

enum { WINDOW_LEN = 64 };

struct window {
	uint64_t instance; /* of hub-ble; another one starts an empty window */
	uint64_t last;	   /* highest capture that is durable, 0: none */
	uint64_t mask;	   /* bit i: capture last - 1 - i is durable too */
};

/* window_add - this capture is durable; 0 is none. Pure. */
void window_add(struct window *w, uint64_t instance, uint64_t capture);

/* window_has - is it known to be durable? Pure. */
bool window_has(const struct window *w, uint64_t instance, uint64_t capture);
