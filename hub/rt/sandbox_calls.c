/*
 * sandbox_calls.c - see sandbox_calls.h; the policy is in sandbox.h.
 *
 * The program is a list of rules, asked one after the other; the first that fits answers. The order is: the process's
 * own list, what all may do, what depends on an argument, what is killed, ENOSYS. So a process's list can let it have what the
 * others are killed for (hub-store its secret memory): look there for what is special about one.
 *
 * Arguments are read as their low halves (both architectures are little-endian): the kernel takes no more of these. Numbers
 * that the headers of the machine that builds may not know yet are written out.
 */
#include "hub/rt/sandbox_calls.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* On another architecture this does not compile, until its name is here. */
#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

/* amd64's second set of numbers; arm64 has none as high. */
enum { X32_FIRST = 0x40000000 };

/* the same on all architectures since 2019 */
enum {
	CALL_process_madvise = 440,
	CALL_memfd_secret = 447,
	CALL_futex_waitv = 449,
	CALL_mseal = 462,
	CALL_set_vma = 0x53564d41, /* prctl: a name for memory */
};

#define KILL SECCOMP_RET_KILL_PROCESS
#define ALLOW SECCOMP_RET_ALLOW
#define FAIL(e) (SECCOMP_RET_ERRNO | (e))

/* What a call is answered whose argument, under the mask, has this value. */
struct rule {
	int call;
	unsigned arg;
	uint32_t mask, value;
	uint32_t answer;
};

static const int killed[] = {
	/* another program, another process, other processes */
	SYS_execve,
	SYS_execveat,
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	CALL_process_madvise,
	SYS_kcmp,
	SYS_pidfd_getfd,
	SYS_pidfd_send_signal,
	SYS_rt_sigqueueinfo,
	SYS_rt_tgsigqueueinfo,
	/* code from elsewhere, other people's memory */
	SYS_memfd_create,
	CALL_memfd_secret,
	SYS_userfaultfd,
	SYS_pkey_mprotect,
	SYS_remap_file_pages,
	SYS_personality,
	SYS_shmat,
	/* another user, another view of the machine */
	SYS_setuid,
	SYS_setgid,
	SYS_setreuid,
	SYS_setregid,
	SYS_setresuid,
	SYS_setresgid,
	SYS_setfsuid,
	SYS_setfsgid,
	SYS_setgroups,
	SYS_capset,
	SYS_unshare,
	SYS_setns,
	SYS_chroot,
	SYS_pivot_root,
	SYS_mount,
	SYS_umount2,
	SYS_open_tree,
	SYS_move_mount,
	SYS_fsopen,
	SYS_fsconfig,
	SYS_fsmount,
	SYS_fspick,
	SYS_open_by_handle_at,
	SYS_name_to_handle_at,
	SYS_mknodat,
	/* the kernel's inside */
	SYS_bpf,
	SYS_perf_event_open,
	SYS_keyctl,
	SYS_add_key,
	SYS_request_key,
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
	SYS_kexec_load,
	SYS_kexec_file_load,
	SYS_reboot,
	SYS_swapon,
	SYS_swapoff,
	SYS_acct,
	SYS_quotactl,
	SYS_settimeofday,
	SYS_clock_settime,
	SYS_adjtimex,
	SYS_clock_adjtime,
	SYS_sethostname,
	SYS_setdomainname,
	SYS_vhangup,
#ifdef __x86_64__
	SYS_fork,
	SYS_vfork,
	SYS_iopl,
	SYS_ioperm,
	SYS_modify_ldt,
	SYS_mknod,
	SYS_uselib,
	SYS__sysctl,
#endif
	SANDBOX_END,
};

/* What a loop, a C library and the allocator do, in any state: also when memory is short, and on the way to abort(). */
static const int base[] = {
	SYS_read,
	SYS_write,
	SYS_readv,
	SYS_writev,
	SYS_pread64,
	SYS_pwrite64,
	SYS_preadv,
	SYS_pwritev,
	SYS_close,
	SYS_lseek,
	SYS_fstat,
	SYS_newfstatat,
	SYS_statx,
	SYS_openat,
	SYS_faccessat,
	SYS_faccessat2,
	SYS_fcntl,
	SYS_flock,
	SYS_dup,
	SYS_dup3,
	SYS_pipe2,
	SYS_getcwd,
	SYS_readlinkat,
	SYS_getdents64,
	SYS_umask,
	/* waiting */
	SYS_ppoll,
	SYS_pselect6,
	SYS_epoll_create1,
	SYS_epoll_ctl,
	SYS_epoll_pwait,
	SYS_epoll_pwait2,
	SYS_eventfd2,
	SYS_timerfd_create,
	SYS_timerfd_settime,
	SYS_timerfd_gettime,
	SYS_nanosleep,
	SYS_clock_nanosleep,
	SYS_restart_syscall,
	SYS_futex,
	CALL_futex_waitv,
	SYS_sched_yield,
	/* memory; mmap and mprotect are among the rules */
	SYS_brk,
	SYS_munmap,
	SYS_mremap,
	SYS_madvise,
	SYS_mlock,
	SYS_mlock2,
	SYS_munlock,
	SYS_msync,
	SYS_mincore,
	CALL_mseal,
	SYS_membarrier,
	/* signals of its own, threads as they are */
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_rt_sigpending,
	SYS_rt_sigtimedwait,
	SYS_rt_sigsuspend,
	SYS_sigaltstack,
	SYS_signalfd4,
	SYS_set_robust_list,
	SYS_get_robust_list,
	SYS_set_tid_address,
	SYS_rseq,
	SYS_exit,
	SYS_exit_group,
	/* who and when */
	SYS_getpid,
	SYS_getppid,
	SYS_gettid,
	SYS_getuid,
	SYS_geteuid,
	SYS_getgid,
	SYS_getegid,
	SYS_getresuid,
	SYS_getresgid,
	SYS_getgroups,
	SYS_uname,
	SYS_sysinfo,
	SYS_getrlimit,
	SYS_getrusage,
	SYS_getrandom,
	SYS_getcpu,
	SYS_sched_getaffinity,
	SYS_clock_gettime,
	SYS_clock_getres,
	SYS_gettimeofday,
	SYS_times,
	/* sockets that it has or was allowed to make */
	SYS_connect,
	SYS_bind,
	SYS_listen,
	SYS_accept,
	SYS_accept4,
	SYS_sendto,
	SYS_sendmsg,
	SYS_sendmmsg,
	SYS_recvfrom,
	SYS_recvmsg,
	SYS_recvmmsg,
	SYS_getsockopt,
	SYS_setsockopt,
	SYS_getsockname,
	SYS_getpeername,
	SYS_shutdown,
#ifdef __x86_64__
	SYS_open,
	SYS_stat,
	SYS_lstat,
	SYS_access,
	SYS_readlink,
	SYS_poll,
	SYS_select,
	SYS_epoll_wait,
	SYS_pipe,
	SYS_dup2,
	SYS_time,
	SYS_alarm,
#endif
	SANDBOX_END,
};

/* By argument, for all. One that does not fit goes on to the next of its call. */
static const struct rule by_argument[] = {
	{ SYS_mmap, 2, PROT_EXEC, 0, ALLOW },
	{ SYS_mmap, 3, MAP_ANONYMOUS, MAP_ANONYMOUS, KILL },
	/* a plug-in of the resolver, found late: it goes on without */
	{ SYS_mmap, 2, 0, 0, FAIL(EACCES) },
	{ SYS_mprotect, 2, PROT_EXEC, 0, ALLOW },
	{ SYS_mprotect, 2, 0, 0, KILL },
	{ SYS_prctl, 0, ~0u, PR_SET_DUMPABLE, KILL },
	{ SYS_prctl, 0, ~0u, PR_SET_NAME, ALLOW },
	{ SYS_prctl, 0, ~0u, PR_GET_NAME, ALLOW },
	{ SYS_prctl, 0, ~0u, PR_GET_DUMPABLE, ALLOW },
	{ SYS_prctl, 0, ~0u, PR_GET_NO_NEW_PRIVS, ALLOW },
	{ SYS_prctl, 0, ~0u, PR_GET_SECCOMP, ALLOW },
	{ SYS_prctl, 0, ~0u, CALL_set_vma, ALLOW },
	{ SYS_prctl, 0, 0, 0, FAIL(EINVAL) },
	{ SYS_prlimit64, 0, ~0u, 0, ALLOW }, /* its own */
	{ SYS_prlimit64, 0, 0, 0, KILL },
	{ SYS_ioctl, 1, ~0u, FIONBIO, ALLOW },
	{ SYS_ioctl, 1, ~0u, FIONREAD, ALLOW },
	{ SYS_ioctl, 1, ~0u, FIOCLEX, ALLOW },
	{ SYS_ioctl, 1, ~0u, FIONCLEX, ALLOW },
	{ SYS_ioctl, 1, ~0u, TCGETS, ALLOW }, /* is this a terminal? */
	{ SYS_ioctl, 1, ~0u, TIOCGWINSZ, ALLOW },
	{ SYS_ioctl, 1, ~0u, TIOCSTI, KILL },
	{ SYS_ioctl, 0, 0, 0, FAIL(ENOTTY) },
	/* the C library looks at interfaces before it asks a name server, and goes on without */
	{ SYS_socket, 0, ~0u, AF_NETLINK, FAIL(EAFNOSUPPORT) },
	{ SYS_clone3, 0, 0, 0,
	  FAIL(ENOSYS) }, /* its flags lie in memory: by clone, then */
};

struct maker {
	struct sandbox_program *to;
	bool full;
};

static void line(struct maker *m, struct sock_filter f)
{
	if (m->to->count == SANDBOX_PROGRAM_MAX) {
		m->full = true;
		return;
	}
	m->to->lines[m->to->count++] = f;
}

static void load(struct maker *m, size_t offset)
{
	line(m, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void answer(struct maker *m, uint32_t what)
{
	line(m, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, what));
}

/* Unless the loaded word is this one, pass over so many lines. */
static void unless_is(struct maker *m, uint32_t word, uint8_t lines)
{
	line(m, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word, 0, lines));
}

static void each(struct maker *m, const int *calls, uint32_t what)
{
	for (; *calls != SANDBOX_END; calls++) {
		unless_is(m, (uint32_t)*calls, 1);
		answer(m, what);
	}
}

static void rule(struct maker *m, const struct rule *r)
{
	enum { LINES = 5 };

	unless_is(m, (uint32_t)r->call, LINES);
	load(m, offsetof(struct seccomp_data, args) + r->arg * sizeof(uint64_t));
	line(m, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, r->mask));
	unless_is(m, r->value, 1);
	answer(m, r->answer);
	load(m, offsetof(struct seccomp_data, nr));
}

static void begin(struct maker *m)
{
	load(m, offsetof(struct seccomp_data, arch));
	line(m, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0));
	answer(m, KILL);
	load(m, offsetof(struct seccomp_data, nr));
	line(m, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_FIRST, 0, 1));
	answer(m, KILL);
}

static void sockets(struct maker *m, unsigned may)
{
	const struct {
		unsigned of;
		uint32_t family;
	} families[] = {
		{ SANDBOX_UNIX, AF_UNIX },
		{ SANDBOX_INET, AF_INET },
		{ SANDBOX_INET, AF_INET6 },
		{ SANDBOX_BLUETOOTH, AF_BLUETOOTH },
	};

	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		if (may & families[i].of)
			rule(m, &(struct rule){ SYS_socket, 0, ~0u, families[i].family,
						ALLOW });
	if (!(may & SANDBOX_UNIX)) /* the C library looks for a cache of names */
		rule(m, &(struct rule){ SYS_socket, 0, ~0u, AF_UNIX, FAIL(EACCES) });
	else
		rule(m, &(struct rule){ SYS_socketpair, 0, ~0u, AF_UNIX, ALLOW });
	rule(m, &(struct rule){ SYS_socket, 0, 0, 0, KILL });
}

static void threads(struct maker *m, bool may)
{
	if (may)
		rule(m,
		     &(struct rule){ SYS_clone, 0, CLONE_THREAD, CLONE_THREAD, ALLOW });
	rule(m, &(struct rule){ SYS_clone, 0, 0, 0, KILL });
}

/* To end itself, and nobody else. */
static void own_signals(struct maker *m, pid_t self)
{
	rule(m, &(struct rule){ SYS_tgkill, 0, ~0u, (uint32_t)self, ALLOW });
	rule(m, &(struct rule){ SYS_kill, 0, ~0u, (uint32_t)self, ALLOW });
	rule(m, &(struct rule){ SYS_tgkill, 0, 0, 0, KILL });
	rule(m, &(struct rule){ SYS_kill, 0, 0, 0, KILL });
	rule(m, &(struct rule){ SYS_tkill, 0, 0, 0, KILL });
}

int sandbox_compile(const struct sandbox *s, pid_t self, struct sandbox_program *ret)
{
	struct maker m = { ret, false };

	ret->count = 0;
	begin(&m);
	if (s->calls)
		each(&m, s->calls, ALLOW);
	each(&m, base, ALLOW);
	for (size_t i = 0; i < sizeof(by_argument) / sizeof(*by_argument); i++)
		rule(&m, &by_argument[i]);
	sockets(&m, s->sockets);
	threads(&m, s->threads);
	own_signals(&m, self);
	each(&m, killed, KILL);
	answer(&m, FAIL(ENOSYS));
	return m.full ? -E2BIG : 0;
}
