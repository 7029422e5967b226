/*
 * shift.c - LD_PRELOAD: clocks that a test can set forward and back while a program runs.
 *
 * HUB_TEST_CLOCK names a file of two 64-bit numbers in this machine's byte order: seconds added to the clocks that
 * count from a start (monotonic, boot), seconds added to the wall clock. It is mapped before the program can close
 * its sandbox. A program that waits is not woken by a change: SIGSTOP and SIGCONT end its epoll_wait.
 *
 * Timers of the kernel (timerfd) are not shifted: what is set relative to now, as libcoap and libuv do it, holds.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { SINCE_START, WALL, SHIFTS };

static const volatile int64_t *shifts;

__attribute__((constructor)) static void map_shifts(void)
{
	const char *path = getenv("HUB_TEST_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *p;

	if (fd < 0)
		return;
	p = mmap(NULL, SHIFTS * sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (p != MAP_FAILED)
		shifts = p;
}

static int64_t shift_of(clockid_t clock)
{
	if (!shifts)
		return 0;
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE: return shifts[WALL];
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME: return shifts[SINCE_START];
	default: return 0;
	}
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	int r = (int)syscall(SYS_clock_gettime, clock, ret);

	if (r == 0)
		ret->tv_sec += shift_of(clock);
	return r;
}

time_t time(time_t *ret)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_REALTIME, &t);
	if (ret)
		*ret = t.tv_sec;
	return t.tv_sec;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	struct timespec t = { 0 };
	int r = clock_gettime(CLOCK_REALTIME, &t);

	(void)zone;
	*ret = (struct timeval){ t.tv_sec, t.tv_nsec / 1000 };
	return r;
}
