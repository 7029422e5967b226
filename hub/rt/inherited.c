/*
 * inherited.c - see inherited.h.
 */
#include "hub/rt/inherited.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_FD = 3 }; /* SD_LISTEN_FDS_START */

int inherited_fd(const char *name)
{
	const char *pid = getenv("LISTEN_PID"), *names = getenv("LISTEN_FDNAMES");
	size_t len = strlen(name);
	int fd = FIRST_FD;

	if (!pid || !names || strtol(pid, NULL, 10) != (long)getpid())
		return -1;
	for (;; fd++) {
		const char *end = strchrnul(names, ':');

		if ((size_t)(end - names) == len && memcmp(names, name, len) == 0)
			return fd;
		if (!*end)
			return -1;
		names = end + 1;
	}
}
