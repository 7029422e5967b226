#pragma once

/*
 * sandbox.h - what a process gives up for good before it reads its first outside byte.
 *
 * No new privileges, no core dump, not traceable by others of its user, no other program in its place, and only the system
 * calls and files that its work needs. The namespaces and the rest are in the unit files; this is the part that also holds
 * without systemd.
 *
 * Policy for system calls. A false kill stops care, so that there are three answers, by a list of what is allowed:
 *   allowed  what every process does (sandbox_calls.c) and what stands in its own list (calls.h in its folder);
 *   killed   what only somebody does who has taken the process over: start a program or a process, make code of data, look into
 *            other processes, mount, load into the kernel, keys, other users, sockets of families it has no use for;
 *   ENOSYS   all else. A library that tries something newer goes on as on an older kernel (clone3, io_uring), and what was
 *            forgotten here fails as it may fail anyhow. Where the caller expects another error, that one (netlink: no such
 *            family; a library mapped late: EACCES).
 * Who is killed ends with SIGSYS (systemd says status=31/SYS), and the kernel writes the number of the call into its log:
 * `journalctl -k -g type=1326` shows comm= and syscall=; `ausyscall` or <asm/unistd.h> names it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/rt/landlock.h"

/* Which sockets may be made; a process that makes none has SANDBOX_NO_SOCKETS. */
enum sandbox_sockets {
	SANDBOX_NO_SOCKETS = 0,
	SANDBOX_UNIX = 1,
	SANDBOX_INET = 2, /* UDP, and TCP for a resolver's long answers; both versions */
	SANDBOX_BLUETOOTH = 4,
};

enum { SANDBOX_PLACES = 8 };

/* What one process may do beside what all do. */
struct sandbox {
	const int *calls; /* SYS_..., ends with SANDBOX_END */
	unsigned sockets; /* enum sandbox_sockets */
	bool threads;	  /* may start threads; processes never */
	bool sees_others; /* looks into other processes, which Landlock forbids: goes without */
	uint16_t tcp_port;			      /* may be connected to, 0: none */
	struct landlock_place places[SANDBOX_PLACES]; /* beside what a C library reads */
};
enum { SANDBOX_END = -1 };

/* Files of one's own: made, changed, replaced, removed, made durable. For lists in calls.h; arm64 has no others. */
#define SANDBOX_OWN_FILES                                                                \
	SYS_fsync, SYS_fdatasync, SYS_ftruncate, SYS_fallocate, SYS_renameat,            \
		SYS_renameat2, SYS_unlinkat, SYS_mkdirat, SYS_fchmod, SYS_fchown,        \
		SYS_utimensat, SYS_statfs, SYS_fstatfs, SANDBOX_OWN_FILES_BY_PATH
#ifdef __x86_64__
#define SANDBOX_OWN_FILES_BY_PATH SYS_rename, SYS_unlink, SYS_mkdir, SYS_rmdir, SYS_utimes
#else
#define SANDBOX_OWN_FILES_BY_PATH SYS_unlinkat
#endif

/*
 * sandbox_confine - give up all but what s says, then check that it is gone. Once, before there is a second thread and
 * before the first outside byte; after it, only what s says can be opened.
 *
 * Files: by Landlock, as far as the kernel has it; what came of it is logged once. A leak check at the end of the process
 * needs what is refused: ASAN_OPTIONS=detect_leaks=0.
 *
 * Returns 0, or -EACCES if one check fails.
 */
int sandbox_confine(const struct sandbox *s);

/*
 * sandbox_enter - the smaller part: a list of what is killed, all else goes on. For programs without a list of their own.
 *
 * From here on the kernel kills the process (SIGSYS) that starts a program, makes itself dumpable again (it
 * could then write its own code through /proc/self/mem), sets another process's limits, or makes a system call
 * of another architecture. That holds for its children too.
 *
 * Returns 0, or -EACCES if one check fails.
 */
int sandbox_enter(void);
