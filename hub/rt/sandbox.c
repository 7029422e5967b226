/*
 * sandbox.c - see sandbox.h.
 */
#include "hub/rt/sandbox.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

int sandbox_enter(void)
{
	const struct rlimit none = { 0, 0 };
	struct rlimit now;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
		return -EACCES;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 ||
	    prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 ||
	    getrlimit(RLIMIT_CORE, &now) != 0 || now.rlim_max != 0)
		return -EACCES;
	return 0;
}
