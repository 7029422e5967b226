#pragma once

/*
 * fence_file.h - the file 'assignment' of hubd: struct fence_held, durably.
 */
#include "hub/fence.h"

/*
 * fence_load - what the file of dir says; without one: not known.
 *
 * Returns 0, or why it cannot be read; *ret is then an assignment 0 that is in force: whoever comes is another one, and
 * all bonds go.
 */
int fence_load(const char *dir, struct fence_held *ret);

/* fence_save - Returns 0, or what file_replace says. */
int fence_save(const char *dir, const struct fence_held *held);
