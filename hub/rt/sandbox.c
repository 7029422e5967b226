/*
 * sandbox.c - see sandbox.h.
 */
#include "hub/rt/sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* On another architecture this does not compile, until its name is here. */
#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

/* amd64's second set of numbers; arm64 has none as high. */
enum { X32_FIRST = 0x40000000 };

#define LOAD(field)                                                                      \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(action) BPF_STMT(BPF_RET | BPF_K, action)
/* Go on with the next line if the loaded word is this one, else skip so many. */
#define IF_IS(word, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word, 0, skip)
#define IF_AT_LEAST(word, skip) BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, word, 0, skip)

/* Arguments are read as their low halves (both architectures are little-endian): the kernel takes no more of these. */
static const struct sock_filter program[] = {
	LOAD(arch),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
	ANSWER(SECCOMP_RET_KILL_PROCESS),
	LOAD(nr),
	IF_AT_LEAST(X32_FIRST, 1),
	ANSWER(SECCOMP_RET_KILL_PROCESS),
	IF_IS(SYS_execve, 1),
	ANSWER(SECCOMP_RET_KILL_PROCESS),
	IF_IS(SYS_execveat, 1),
	ANSWER(SECCOMP_RET_KILL_PROCESS),
	IF_IS(SYS_prctl, 4),
	LOAD(args[0]),
	IF_IS(PR_SET_DUMPABLE, 1),
	ANSWER(SECCOMP_RET_KILL_PROCESS),
	ANSWER(SECCOMP_RET_ALLOW),
	IF_IS(SYS_prlimit64, 4),
	LOAD(args[0]),
	IF_IS(0, 1), /* its own */
	ANSWER(SECCOMP_RET_ALLOW),
	ANSWER(SECCOMP_RET_KILL_PROCESS),
	ANSWER(SECCOMP_RET_ALLOW),
};

/* Not by getrlimit(), which makes it a prlimit64 that hub-bondinfo's unit refuses. */
static bool has_no_core(void)
{
	struct rlimit now;

	return syscall(SYS_getrlimit, RLIMIT_CORE, &now) == 0 && now.rlim_max == 0;
}

int sandbox_enter(void)
{
	const struct rlimit none = { 0, 0 };
	const struct sock_fprog filter = { sizeof(program) / sizeof(*program),
					   (struct sock_filter *)program };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
	    (!has_no_core() && setrlimit(RLIMIT_CORE, &none) != 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) != 0)
		return -EACCES;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 ||
	    prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 ||
	    prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != SECCOMP_MODE_FILTER || !has_no_core())
		return -EACCES;
	return 0;
}
