#pragma once

/*
 * calls.h - what hub-bondinfo may ask of the kernel, beside what every process may (hub/rt/sandbox.h).
 * Links are asked for on a Bluetooth socket, by ioctl.
 */
#include <sys/syscall.h>

#include "hub/rt/sandbox.h"

static const int bondinfo_calls[] = {
	SYS_ioctl,
#ifdef __x86_64__
	SYS_unlink, /* its door, where nobody hands it one */
#else
	SYS_unlinkat,
#endif
	SANDBOX_END
};
