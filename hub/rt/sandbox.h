#pragma once

/*
 * sandbox.h - what a process gives up for good before it reads its first outside byte.
 *
 * No new privileges, no core dump, not traceable by others of its user, and no other program in its place. The
 * namespaces, the system call filter and the rest are in the unit files, which cannot forbid the start of a
 * program since they make one; this is the part that also holds without systemd.
 */

/*
 * sandbox_enter - give up, then check that it is gone. Once, and before there is a second thread.
 *
 * From here on the kernel kills the process (SIGSYS) that starts a program, makes itself dumpable again (it
 * could then write its own code through /proc/self/mem), sets another process's limits, or makes a system call
 * of another architecture. That holds for its children too. A leak check at the end of the process needs what is
 * refused: ASAN_OPTIONS=detect_leaks=0.
 *
 * Returns 0, or -EACCES if one check fails.
 */
int sandbox_enter(void);
