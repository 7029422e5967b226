#pragma once

/*
 * loop.h - libuv's loop inside struct rt. Inside hub/rt/ only.
 */
#include <uv.h>

#include "hub/rt/rt.h"

uv_loop_t *rt_loop(struct rt *rt);
