#pragma once

/*
 * calls.h - what hub-network may ask of the kernel, beside what every process may (hub/rt/sandbox.h).
 */
#include <sys/syscall.h>

#include "hub/rt/sandbox.h"

static const int network_calls[] = { SANDBOX_OWN_FILES, SANDBOX_END };
