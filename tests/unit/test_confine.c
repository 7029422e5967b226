/*
 * test_confine.c - sandbox.h, the list of what is allowed: the program for the kernel is run here for every call there is, and the
 * kernel itself is asked in children, because the sandbox is for good and a refusal ends the process.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "ble/bondinfo/calls.h"
#include "ble/calls.h"
#include "coap/calls.h"
#include "hub/calls.h"
#include "hub/console/calls.h"
#include "hub/measure/calls.h"
#include "hub/rt/sandbox_calls.h"
#include "storage/calls.h"
#include "tests/unit/temp_dir.h"
#include "tests/unit/test.h"

#ifdef __aarch64__
#define ARCH AUDIT_ARCH_AARCH64
#define OTHER_ARCH AUDIT_ARCH_ARM
#else
#define ARCH AUDIT_ARCH_X86_64
#define OTHER_ARCH AUDIT_ARCH_I386
#endif

enum {
	SELF = 4711,
	CALLS = 512,
	NOT_ENTERED = 90,
	LET = 91,
	WRONG = 92,
	LONGEST_S = 20,
	ENOSYS_ANSWER = SECCOMP_RET_ERRNO | ENOSYS,
	KILL = (int)SECCOMP_RET_KILL_PROCESS,
};

static const struct sandbox ble = { .calls = ble_calls, .sockets = SANDBOX_UNIX };
static const struct sandbox bondinfo = { .calls = bondinfo_calls,
					 .sockets = SANDBOX_UNIX | SANDBOX_BLUETOOTH };
static const struct sandbox store = { .calls = store_calls, .sockets = SANDBOX_UNIX };
static const struct sandbox coap = { .calls = hub_coap_calls,
				     .sockets = SANDBOX_UNIX | SANDBOX_INET,
				     .threads = true };
static const struct sandbox setup = { .calls = hub_coap_calls };
static const struct sandbox hubd = { .calls = hubd_calls, .sockets = SANDBOX_UNIX };
static const struct sandbox measure = { .calls = measure_calls, .sockets = SANDBOX_UNIX };
static const struct sandbox console = { .calls = console_calls, .sockets = SANDBOX_UNIX };
static const struct sandbox *const everybody[] = {
	&ble, &bondinfo, &store, &coap, &setup, &hubd, &measure, &console
};
enum { EVERYBODY = sizeof(everybody) / sizeof(*everybody) };

/* --- the program, run here ----------------------------------------------------------------------- */

/* What the kernel would answer; the few instructions that a filter of ours has. */
static int run(const struct sandbox_program *p, const struct seccomp_data *d)
{
	uint32_t a = 0;

	for (size_t at = 0; at < p->count; at++) {
		const struct sock_filter *f = &p->lines[at];

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			CHECK(f->k + sizeof(a) <= sizeof(*d));
			memcpy(&a, (const char *)d + f->k, sizeof(a));
			break;
		case BPF_ALU | BPF_AND | BPF_K: a &= f->k; break;
		case BPF_JMP | BPF_JEQ | BPF_K: at += a == f->k ? f->jt : f->jf; break;
		case BPF_JMP | BPF_JGE | BPF_K: at += a >= f->k ? f->jt : f->jf; break;
		case BPF_RET | BPF_K: return (int)f->k;
		default: CHECK(false); /* another instruction */
		}
	}
	CHECK(false); /* the end without an answer */
	return 0;
}

static int answer(const struct sandbox *s, int nr, uint64_t a0, uint64_t a1, uint64_t a2,
		  uint64_t a3)
{
	const struct seccomp_data d = { nr, ARCH, 0, { a0, a1, a2, a3 } };
	struct sandbox_program p = { .count = 0 };

	CHECK_INT(sandbox_compile(s, SELF, &p), 0);
	return run(&p, &d);
}

static bool in(const int *calls, int nr)
{
	for (; *calls != SANDBOX_END; calls++)
		if (*calls == nr)
			return true;
	return false;
}

static const int never[] = {
	SYS_execve,
	SYS_execveat,
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_memfd_create,
	SYS_userfaultfd,
	SYS_bpf,
	SYS_perf_event_open,
	SYS_keyctl,
	SYS_add_key,
	SYS_mount,
	SYS_umount2,
	SYS_unshare,
	SYS_setns,
	SYS_chroot,
	SYS_init_module,
	SYS_open_by_handle_at,
	SYS_setuid,
	SYS_setgroups,
	SYS_personality,
	SYS_clock_settime,
	SYS_reboot,
	SYS_pidfd_getfd,
	SYS_kcmp,
	SANDBOX_END,
};
static const int not_there[] = {
	SYS_io_uring_setup, SYS_io_uring_enter, SYS_clone3,	   SYS_shmget,
	SYS_semget,	    SYS_mq_open,	SYS_inotify_init1, SYS_setpriority,
	SYS_sched_setattr,  SYS_getpgid,	SANDBOX_END
};

static void test_all_calls(void)
{
	for (size_t i = 0; i < EVERYBODY; i++) {
		const struct sandbox *s = everybody[i];
		unsigned allowed = 0;

		for (int nr = 0; nr < CALLS; nr++) {
			int r = answer(s, nr, 0, 0, 0, 0);

			allowed += r == (int)SECCOMP_RET_ALLOW;
			if (in(never, nr))
				CHECK_INT(r, KILL);
			if (in(not_there, nr))
				CHECK_INT(r, ENOSYS_ANSWER);
			if (in(s->calls, nr))
				CHECK_INT(r, (int)SECCOMP_RET_ALLOW);
		}
		CHECK(allowed > 80 && allowed < 170);
	}
	CHECK_INT(answer(&store, CALL_memfd_secret_, 0, 0, 0, 0), (int)SECCOMP_RET_ALLOW);
	CHECK_INT(answer(&coap, CALL_memfd_secret_, 0, 0, 0, 0), KILL);
	CHECK_INT(answer(&ble, SYS_renameat, 0, 0, 0, 0), ENOSYS_ANSWER);
}

static void test_other_numbers(void)
{
	struct seccomp_data d = { SYS_read, OTHER_ARCH, 0, { 0 } };
	struct sandbox_program p = { .count = 0 };

	CHECK_INT(sandbox_compile(&hubd, SELF, &p), 0);
	CHECK_INT(run(&p, &d), KILL);
	d.arch = ARCH;
	CHECK_INT(run(&p, &d), (int)SECCOMP_RET_ALLOW);
	d.nr = 0x40000000 | SYS_read;
	CHECK_INT(run(&p, &d), KILL);
}

/* The kernel looks at the low halves only. */
static const uint64_t high = 1ull << 32;

static void test_code(void)
{
	const struct sandbox *s = &coap;

	CHECK_INT(answer(s, SYS_mmap, 0, 1, PROT_READ | PROT_WRITE, MAP_ANONYMOUS),
		  (int)SECCOMP_RET_ALLOW);
	CHECK_INT(answer(s, SYS_mmap, 0, 1, PROT_READ | PROT_EXEC,
			 MAP_PRIVATE | MAP_ANONYMOUS),
		  KILL);
	CHECK_INT(answer(s, SYS_mmap, 0, 1, high | PROT_EXEC, MAP_PRIVATE),
		  (int)(SECCOMP_RET_ERRNO | EACCES));
	CHECK_INT(answer(s, SYS_mprotect, 0, 1, PROT_READ, 0), (int)SECCOMP_RET_ALLOW);
	CHECK_INT(answer(s, SYS_mprotect, 0, 1, high | PROT_READ | PROT_EXEC, 0), KILL);
	CHECK_INT(answer(s, SYS_prctl, PR_SET_NAME, 0, 0, 0), (int)SECCOMP_RET_ALLOW);
	CHECK_INT(answer(s, SYS_prctl, high | PR_SET_DUMPABLE, 1, 0, 0), KILL);
	CHECK_INT(answer(s, SYS_prctl, PR_SET_SECCOMP, 0, 0, 0),
		  (int)(SECCOMP_RET_ERRNO | EINVAL));
}

static void test_others(void)
{
	const struct sandbox *s = &hubd;

	CHECK_INT(answer(s, SYS_tgkill, SELF, SELF, SIGABRT, 0), (int)SECCOMP_RET_ALLOW);
	CHECK_INT(answer(s, SYS_kill, SELF, SIGKILL, 0, 0), (int)SECCOMP_RET_ALLOW);
	CHECK_INT(answer(s, SYS_kill, 1, SIGTERM, 0, 0), KILL);
	CHECK_INT(answer(s, SYS_kill, (uint64_t)-1, SIGTERM, 0, 0), KILL);
	CHECK_INT(answer(s, SYS_prlimit64, 0, 0, 0, 0), (int)SECCOMP_RET_ALLOW);
	CHECK_INT(answer(s, SYS_prlimit64, high | 1, 0, 0, 0), KILL);
	CHECK_INT(answer(s, SYS_clone, CLONE_THREAD, 0, 0, 0), KILL);
	CHECK_INT(answer(&coap, SYS_clone, CLONE_THREAD | CLONE_VM, 0, 0, 0),
		  (int)SECCOMP_RET_ALLOW);
	CHECK_INT(answer(&coap, SYS_clone, SIGCHLD, 0, 0, 0), KILL);
	CHECK_INT(answer(&coap, SYS_clone, high * CLONE_THREAD, 0, 0, 0), KILL);
}

static void test_sockets(void)
{
	static const struct {
		const struct sandbox *s;
		int family, want;
	} rows[] = {
		{ &ble, AF_UNIX, (int)SECCOMP_RET_ALLOW },
		{ &ble, AF_INET, KILL },
		{ &ble, AF_BLUETOOTH, KILL },
		{ &ble, AF_NETLINK, SECCOMP_RET_ERRNO | EAFNOSUPPORT },
		{ &store, AF_INET6, KILL },
		{ &coap, AF_INET, (int)SECCOMP_RET_ALLOW },
		{ &coap, AF_INET6, (int)SECCOMP_RET_ALLOW },
		{ &coap, AF_PACKET, KILL },
		{ &coap, AF_ALG, KILL },
		{ &bondinfo, AF_BLUETOOTH, (int)SECCOMP_RET_ALLOW },
		{ &bondinfo, AF_INET, KILL },
		{ &setup, AF_UNIX, SECCOMP_RET_ERRNO | EACCES },
		{ &setup, AF_INET, KILL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		CHECK_INT(answer(rows[i].s, SYS_socket, (uint64_t)rows[i].family,
				 SOCK_DGRAM, 0, 0),
			  rows[i].want);
}

static void test_too_long(void)
{
	static int many[SANDBOX_PROGRAM_MAX];
	const struct sandbox s = { .calls = many };
	struct sandbox_program p = { .count = 0 };

	for (size_t i = 0; i + 1 < SANDBOX_PROGRAM_MAX; i++)
		many[i] = SYS_read;
	many[SANDBOX_PROGRAM_MAX - 1] = SANDBOX_END;
	CHECK_INT(sandbox_compile(&s, SELF, &p), -E2BIG);
}

/* --- the kernel ---------------------------------------------------------------------------------- */

static char own[64];

/* What becomes of a child that is confined and then does this: its exit status, or the signal, negative. */
static int outcome(const struct sandbox *of, int (*act)(void))
{
	struct sandbox s = *of;
	int status = 0;
	pid_t child = fork();

	s.places[0] = (struct landlock_place){ own, LANDLOCK_WRITE };
	s.places[1] = (struct landlock_place){ "/etc", LANDLOCK_READ };
	if (child == 0) {
		alarm(LONGEST_S);
		_exit(sandbox_confine(&s) ? NOT_ENTERED : act());
	}
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int start_program(void)
{
	char *none[] = { NULL };

	execve("/bin/true", none, none);
	return WRONG;
}

static int start_process(void)
{
	return fork() < 0 ? LET : WRONG;
}

static int make_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	mprotect(p, 4096, PROT_READ | PROT_EXEC);
	return WRONG;
}

static int map_library(void)
{
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

	return fd >= 0 &&
			       mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) ==
				       MAP_FAILED &&
			       errno == EACCES
		       ? LET
		       : WRONG;
}

static int other_socket(void)
{
	(void)!socket(AF_INET, SOCK_DGRAM, 0);
	return WRONG;
}

static int signal_parent(void)
{
	kill(getppid(), 0);
	return WRONG;
}

static int newer_call(void)
{
	unsigned params[30] = { 0 };

	return syscall(SYS_io_uring_setup, 1, params) < 0 && errno == ENOSYS ? LET
									     : WRONG;
}

static int give_up(void)
{
	signal(SIGABRT, SIG_DFL);
	abort();
}

static bool is_refused(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == EACCES;
}

static int open_files(void)
{
	char mine[96];
	int fd;

	snprintf(mine, sizeof(mine), "%s/file", own);
	fd = open(mine, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "x", 1) != 1 || ftruncate(fd, 0) != 0 || fsync(fd) != 0 ||
	    unlink(mine) != 0)
		return WRONG;
	return is_refused("/", O_RDONLY | O_DIRECTORY) &&
			       is_refused("/dev/zero", O_RDWR) &&
			       is_refused("/var", O_RDONLY | O_DIRECTORY)
		       ? LET
		       : WRONG;
}

static void *in_thread(void *arg)
{
	*(int *)arg = LET;
	return NULL;
}

static int start_thread(void)
{
	int said = WRONG;
	pthread_t t;

	if (pthread_create(&t, NULL, in_thread, &said) != 0 || pthread_join(t, NULL) != 0)
		return WRONG;
	return said;
}

/* A name in a thread of the C library's own making, as libuv asks for one; that nobody answers does not matter. */
static int ask_name(void)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
	struct addrinfo *found = NULL;

	if (getaddrinfo("localhost", "5684", &hints, &found) == 0)
		freeaddrinfo(found);
	setenv("RES_OPTIONS", "timeout:1 attempts:1", 1);
	if (getaddrinfo("clinic.invalid", "5684", &hints, &found) == 0)
		freeaddrinfo(found);
	return LET;
}

/* Whether it arrives is the packet filter's affair. */
static int talk(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 &&
			       (send(fd, "x", 1, 0) == 1 || errno == EPERM)
		       ? LET
		       : WRONG;
}

/* From version 4 of Landlock on; before it only the packet filter refuses. */
static int talk_tcp(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 &&
			       errno == EACCES
		       ? LET
		       : WRONG;
}

/* 0: the kernel has none */
static long landlock_version(void)
{
	long v = syscall(444, NULL, 0, 1);

	return v < 0 ? 0 : v;
}

static void test_kernel_kills(void)
{
	CHECK_INT(outcome(&ble, start_program), -SIGSYS);
	CHECK_INT(outcome(&ble, start_process), -SIGSYS);
	CHECK_INT(outcome(&ble, make_code), -SIGSYS);
	CHECK_INT(outcome(&ble, other_socket), -SIGSYS);
	CHECK_INT(outcome(&ble, signal_parent), -SIGSYS);
	CHECK_INT(outcome(&ble, give_up), -SIGABRT);
}

static void test_kernel_lets(void)
{
	CHECK_INT(outcome(&coap, map_library), LET);
	CHECK_INT(outcome(&coap, newer_call), LET);
	CHECK_INT(outcome(&coap, start_thread), LET);
	CHECK_INT(outcome(&coap, ask_name), LET);
	CHECK_INT(outcome(&coap, talk), LET);
}

static void test_files(void)
{
	struct sandbox blind = hubd;
	long version = landlock_version();

	temp_dir_make(own, sizeof(own));
	if (version < 2) {
		puts("SKIP files: no Landlock in this kernel");
	} else {
		CHECK_INT(outcome(&hubd, open_files), LET);
		/* the control: without it the same files can be opened */
		blind.sees_others = true;
		CHECK_INT(outcome(&blind, open_files), WRONG);
	}
	if (version >= 4)
		CHECK_INT(outcome(&coap, talk_tcp), LET);
	temp_dir_remove(own);
}

TEST_MAIN("confine", test_all_calls, test_other_numbers, test_code, test_others,
	  test_sockets, test_too_long, test_kernel_kills, test_kernel_lets, test_files)
