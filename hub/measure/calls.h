#pragma once

/*
 * calls.h - what hub-measure may ask of the kernel, beside what every process may (hub/rt/sandbox.h).
 * Landlock would take from it what it is there for: /proc of others.
 */
#include <sys/syscall.h>

#include "hub/rt/sandbox.h"

static const int measure_calls[] = { SANDBOX_OWN_FILES, SANDBOX_END };
