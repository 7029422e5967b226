#pragma once

/*
 * calls.h - what hub-coap and hub-setup may ask of the kernel, beside what every process may (hub/rt/sandbox.h).
 * Their files are the identity; hub-coap alone has sockets and threads (names are asked for in one).
 */
#include <sys/syscall.h>

#include "hub/rt/sandbox.h"

static const int hub_coap_calls[] = { SANDBOX_OWN_FILES, SANDBOX_END };
