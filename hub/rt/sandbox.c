/*
 * sandbox.c - see sandbox.h.
 */
#include "hub/rt/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hub/core/err.h"
#include "hub/rt/log.h"
#include "hub/rt/sandbox_calls.h"

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

static int become_closed(void)
{
	const struct rlimit none = { 0, 0 };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
			       prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
			       (has_no_core() || setrlimit(RLIMIT_CORE, &none) == 0)
		       ? 0
		       : -EACCES;
}

static int install(const struct sock_filter *lines, unsigned short count)
{
	const struct sock_fprog filter = { count, (struct sock_filter *)lines };

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0 ? 0
									      : -EACCES;
}

static bool is_closed(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
	       prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 &&
	       prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == SECCOMP_MODE_FILTER && has_no_core();
}

int sandbox_enter(void)
{
	if (become_closed() || install(program, sizeof(program) / sizeof(*program)))
		return -EACCES;
	return is_closed() ? 0 : -EACCES;
}

/* --- by a list of what is allowed ---------------------------------------------------------------- */

/* What a C library reads when it is asked for a user, the local time, or a random number. */
static const struct landlock_place common[] = {
	{ "/etc/passwd", LANDLOCK_READ },
	{ "/etc/group", LANDLOCK_READ },
	{ "/etc/nsswitch.conf", LANDLOCK_READ },
	{ "/etc/ld.so.cache", LANDLOCK_READ },
	{ "/etc/localtime", LANDLOCK_READ },
	{ "/usr/lib", LANDLOCK_READ },
	{ "/usr/share/zoneinfo", LANDLOCK_READ },
	{ "/dev/null", LANDLOCK_WRITE },
	{ "/dev/urandom", LANDLOCK_READ },
	{ "/proc/self", LANDLOCK_READ },
	{ "/proc/sys/kernel/random", LANDLOCK_READ },
};

enum { COMMON = sizeof(common) / sizeof(*common) };

/* Where a test's build notes that it was killed (failpoint.h): a place, or none. */
static struct landlock_place for_tests(void)
{
	struct landlock_place p = { NULL, 0 };
#ifdef HUB_FAILPOINTS
	static char folder[PATH_MAX];
	const char *once = getenv("HUB_FAILPOINT_ONCE");

	if (once && strrchr(once, '/')) {
		snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(once, '/') - once),
			 once);
		p = (struct landlock_place){ folder, LANDLOCK_WRITE };
	}
#endif
	return p;
}

static int close_files(const struct sandbox *s)
{
	struct landlock_place places[COMMON + SANDBOX_PLACES + 1];
	const struct landlock_rules rules = { places, COMMON + SANDBOX_PLACES + 1,
					      s->tcp_port };

	memcpy(places, common, sizeof(common));
	memcpy(places + COMMON, s->places, sizeof(s->places));
	places[COMMON + SANDBOX_PLACES] = for_tests();
	return landlock_restrict(&rules);
}

/* Calls that would succeed without the filter, and have no effect. */
static bool calls_are_refused(void)
{
	return syscall(SYS_getpgid, 0) < 0 && errno == ENOSYS &&
	       socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0) < 0 &&
	       errno == EAFNOSUPPORT;
}

/* The root folder is in nobody's list. */
static bool files_are_refused(void)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == EACCES;
}

static void say_files(const struct sandbox *s, int landlock)
{
	if (landlock < 0)
		log_warn("landlock",
			 "error=\"%s\" note=\"files are closed by the unit alone\"",
			 err_text(landlock));
	else if (!s->sees_others)
		log_info("landlock", "version=%d", landlock);
}

int sandbox_confine(const struct sandbox *s)
{
	static struct sandbox_program p;
	int landlock = 0;

	if (become_closed() || sandbox_compile(s, getpid(), &p))
		return -EACCES;
	if (!s->sees_others)
		landlock = close_files(s);
	say_files(s, landlock);
	if (install(p.lines, p.count) || !is_closed() || !calls_are_refused() ||
	    (landlock > 0 && !files_are_refused()))
		return -EACCES;
	return 0;
}
