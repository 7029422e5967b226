/*
 * failpoint.c - see failpoint.h; test builds only.
 */
#include "hub/rt/failpoint.h"

#ifdef HUB_FAILPOINTS
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void failpoint_hit(const char *name)
{
	const char *wanted = getenv("HUB_FAILPOINT"),
		   *once = getenv("HUB_FAILPOINT_ONCE"),
		   *skip = getenv("HUB_FAILPOINT_SKIP");
	static unsigned long passed;
	int fd;

	if (!wanted || strcmp(wanted, name) != 0 || !once)
		return;
	if (skip && passed < strtoul(skip, NULL, 10)) {
		passed++;
		return;
	}
	fd = open(once, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		return; /* was hit before */
	close(fd);
	kill(getpid(), SIGKILL);
}
#endif
