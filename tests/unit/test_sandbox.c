/*
 * test_sandbox.c - sandbox.h: what is refused afterwards, and that the ordinary goes on.
 *
 * Each try is made in a child, because the sandbox is for good and a refusal ends the process.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "hub/rt/sandbox.h"
#include "tests/unit/test.h"

enum { NOT_ENTERED = 90, LET = 91, WRONG = 92, NOBODY = 65534, LONGEST_S = 20 };

static char *const no_arguments[] = { "true", NULL };
static char *const no_environment[] = { NULL };

/* What becomes of a child that enters and then does this: its exit status, or the signal, negative. */
static int outcome(int (*act)(void))
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		alarm(LONGEST_S);
		_exit(sandbox_enter() ? NOT_ENTERED : act());
	}
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int start_program(void)
{
	execve("/bin/true", no_arguments, no_environment);
	return WRONG;
}

static int start_by_descriptor(void)
{
	int fd = open("/bin/true", O_RDONLY | O_CLOEXEC);

	syscall(SYS_execveat, fd, "", no_arguments, no_environment, AT_EMPTY_PATH);
	return WRONG;
}

/* Its child is refused as well, and it can go on. */
static int start_in_child(void)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0)
		_exit(start_program());
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? LET : WRONG;
}

static int become_dumpable(void)
{
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	return WRONG;
}

static int limit_parent(void)
{
	struct rlimit now;

	prlimit(getppid(), RLIMIT_NOFILE, NULL, &now);
	return WRONG;
}

/* Only the low half counts: the kernel's pid is 32 bits. */
static int limit_parent_with_high_half(void)
{
	struct rlimit now;

	syscall(SYS_prlimit64, 1l << 32 | getppid(), RLIMIT_NOFILE, NULL, &now);
	return WRONG;
}

static int dumpable_with_high_half(void)
{
	syscall(SYS_prctl, 1l << 32 | PR_SET_DUMPABLE, 1, 0, 0, 0);
	return WRONG;
}

static int other_numbers(void)
{
	syscall(0x40000000 | SYS_getpid);
	return WRONG;
}

#ifdef __x86_64__
static int other_architecture(void)
{
	long r = 20; /* i386: getpid */

	__asm__ volatile("int $0x80" : "+a"(r) : : "memory", "r8", "r9", "r10", "r11");
	return WRONG;
}
#endif

static int open_own_memory(void)
{
	return open("/proc/self/mem", O_RDWR | O_CLOEXEC) < 0 && errno == EACCES ? LET
										 : WRONG;
}

/* The core's limit is 0 whether it was so before or not. */
static int core_limit(void)
{
	struct rlimit now;

	return getrlimit(RLIMIT_CORE, &now) == 0 && now.rlim_max == 0 && now.rlim_cur == 0
		       ? LET
		       : WRONG;
}

/* What the processes do afterwards: files, memory, children, names, limits of their own. */
static int work(void)
{
	const struct rlimit files = { 64, 64 };
	int fds[2], status = WRONG;
	char c = 0;
	pid_t child;

	if (pipe2(fds, O_CLOEXEC) < 0 || write(fds[1], "x", 1) != 1 ||
	    read(fds[0], &c, 1) != 1 || c != 'x')
		return WRONG;
	if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		 0) == MAP_FAILED)
		return WRONG;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0 ||
	    prctl(PR_SET_NAME, "x", 0, 0, 0) < 0 ||
	    open("/dev/null", O_RDWR | O_CLOEXEC) < 0)
		return WRONG;
	child = fork();
	if (child == 0)
		_exit(0);
	waitpid(child, &status, 0);
	return status == 0 && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? LET : WRONG;
}

static void test_no_program(void)
{
	CHECK_INT(outcome(start_program), -SIGSYS);
	CHECK_INT(outcome(start_by_descriptor), -SIGSYS);
	CHECK_INT(outcome(start_in_child), LET);
}

static void test_not_dumpable(void)
{
	CHECK_INT(outcome(become_dumpable), -SIGSYS);
	CHECK_INT(outcome(dumpable_with_high_half), -SIGSYS);
}

/* A user's own memory file belongs to root once the process is not dumpable. */
static void test_own_memory(void)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		if (getuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) < 0)
			_exit(WRONG);
		_exit(sandbox_enter() ? NOT_ENTERED : open_own_memory());
	}
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), LET);
}

static void test_other_process(void)
{
	CHECK_INT(outcome(limit_parent), -SIGSYS);
	CHECK_INT(outcome(limit_parent_with_high_half), -SIGSYS);
}

static void test_other_numbers(void)
{
	CHECK_INT(outcome(other_numbers), -SIGSYS);
#ifdef __x86_64__
	CHECK_INT(outcome(other_architecture), -SIGSYS);
#else
	puts("SKIP another architecture's call: no such instruction here");
#endif
}

static void test_core(void)
{
	const struct rlimit none = { 0, 0 };

	CHECK_INT(outcome(core_limit), LET);
	CHECK_INT(setrlimit(RLIMIT_CORE, &none), 0);
	CHECK_INT(outcome(core_limit), LET);
}

static void test_work(void)
{
	CHECK_INT(outcome(work), LET);
}

TEST_MAIN("sandbox", test_no_program, test_not_dumpable, test_own_memory,
	  test_other_process, test_other_numbers, test_core, test_work)
