/*
 * old_clock.c - a machine whose wall clock begins in 1970, as one without a battery does. Linked in place of
 * clock_gettime() into a hub-coap of its own.
 */
#include <time.h>

int __real_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t);

int __wrap_clock_gettime(clockid_t id, struct timespec *t)
{
	return __real_clock_gettime(id == CLOCK_REALTIME ? CLOCK_MONOTONIC : id, t);
}
