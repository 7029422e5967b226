#pragma once

/*
 * calls.h - what hub-store and hub-store-reset may ask of the kernel, beside what every process may (hub/rt/sandbox.h).
 * Keys and SQLite's heap lie in memory that the kernel itself does not map.
 */
#include <sys/syscall.h>

#include "hub/rt/sandbox.h"

enum { CALL_memfd_secret_ = 447 }; /* one number on all architectures */

static const int store_calls[] = { SANDBOX_OWN_FILES, CALL_memfd_secret_, SANDBOX_END };
