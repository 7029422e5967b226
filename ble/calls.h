#pragma once

/*
 * calls.h - what hub-ble may ask of the kernel, beside what every process may (hub/rt/sandbox.h).
 * It has no files but the page that tells the next hub-ble which decoder died.
 */
#include <sys/syscall.h>

#include "hub/rt/sandbox.h"

static const int ble_calls[] = { SYS_ftruncate, SYS_fallocate, SANDBOX_END };
