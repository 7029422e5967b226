#pragma once

/*
 * sandbox_calls.h - a process's list of system calls as a program for the kernel (seccomp, BPF). Pure.
 */
#include <linux/filter.h>
#include <stddef.h>
#include <sys/types.h>

#include "hub/rt/sandbox.h"

enum { SANDBOX_PROGRAM_MAX = 1024 };

struct sandbox_program {
	struct sock_filter lines[SANDBOX_PROGRAM_MAX];
	unsigned short count;
};

/*
 * sandbox_compile - what s may do, for the process of this id: it may signal itself, as abort() does.
 *
 * Returns 0, or -E2BIG if it does not fit.
 */
int sandbox_compile(const struct sandbox *s, pid_t self, struct sandbox_program *ret);
