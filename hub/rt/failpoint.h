#pragma once

/*
 * failpoint.h - places where a test may end the process at once, as a power cut or the OOM killer would.
 *
 * FAILPOINT("store.commit.before") does nothing in a release build. Built with HUB_FAILPOINTS, it kills the
 * process with SIGKILL when HUB_FAILPOINT names it and, once, creates the file HUB_FAILPOINT_ONCE, whose
 * existence switches it off: the restarted process goes on. HUB_FAILPOINT_SKIP, a number, lets as many hits pass
 * before, for a place that is come to more than once.
 */
#ifdef HUB_FAILPOINTS
void failpoint_hit(const char *name);
#define FAILPOINT(name) failpoint_hit(name)
#else
#define FAILPOINT(name) ((void)0)
#endif
