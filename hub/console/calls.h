#pragma once

/*
 * calls.h - what hub-console may ask of the kernel, beside what every process may (hub/rt/sandbox.h).
 * Speed, form and modem lines of its serial line are set by ioctl.
 */
#include <sys/syscall.h>

#include "hub/rt/sandbox.h"

static const int console_calls[] = { SYS_ioctl, SANDBOX_END };
