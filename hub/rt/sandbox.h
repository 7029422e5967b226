#pragma once

/*
 * sandbox.h - what a process gives up for good before it reads its first outside byte.
 *
 * No new privileges, no core dump, not traceable by others of its user. The namespaces, the system call
 * filter and the rest are in the unit files; this is the part that also holds without systemd.
 */

/* sandbox_enter - give up, then check that it is gone. Returns 0, or -EACCES if one check fails. */
int sandbox_enter(void);
