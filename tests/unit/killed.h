#pragma once

/*
 * killed.h - work in a process of its own that dies at a named step, as in a power cut; see hub/rt/failpoint.h.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/test.h"

/* Returns 0, or anything else if the work went wrong. */
typedef int killed_fn(void *arg);

/*
 * killed_after - fn(arg) in a process that is killed when it comes to 'step'.
 *
 * dir   a folder of the test's own, for a file that is gone afterwards
 * skip  how often it comes there before
 *
 * Returns whether the step was reached; if not, fn has returned 0, and what it did is done. Any other end fails the
 * test. Without HUB_FAILPOINTS no step is reached.
 */
__attribute__((unused)) static bool killed_after(const char *dir, const char *step,
						 unsigned skip, killed_fn *fn, void *arg)
{
	char once[300], passed[16];
	int status;
	pid_t pid;

	snprintf(once, sizeof(once), "%s/once", dir);
	snprintf(passed, sizeof(passed), "%u", skip);
	fflush(NULL);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		setenv("HUB_FAILPOINT", step, 1);
		setenv("HUB_FAILPOINT_ONCE", once, 1);
		setenv("HUB_FAILPOINT_SKIP", passed, 1);
		_exit(fn(arg) == 0 ? 0 : 1);
	}
	CHECK_INT(waitpid(pid, &status, 0), pid);
	unlink(once);
	if (WIFSIGNALED(status))
		CHECK_INT(WTERMSIG(status), SIGKILL);
	else
		CHECK_INT(WEXITSTATUS(status), 0);
	return WIFSIGNALED(status);
}

/* killed_at - the same at its first coming there. */
__attribute__((unused)) static bool killed_at(const char *dir, const char *step,
					      killed_fn *fn, void *arg)
{
	return killed_after(dir, step, 0, fn, arg);
}
