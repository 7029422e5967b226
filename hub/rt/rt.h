#pragma once

/*
 * rt.h - the event loop of every long-running process: timers, descriptors, clocks, end signals.
 *
 * The only code that knows libuv. One loop per process, no threads but those of resolve.h. Everything here aborts on lack of
 * memory at start-up: a supervisor restarts the process.
 */
#include <stdbool.h>
#include <stdint.h>

#include "hub/core/time.h"

struct rt;	 /* the loop */
struct rt_timer; /* one re-armable deadline */
struct rt_fd;	 /* one watched descriptor */

/* rt_new - a loop that stops on SIGTERM and SIGINT, ignores SIGPIPE. */
struct rt *rt_new(void);
/* Runs until rt_stop or an end signal; then returns. */
void rt_run(struct rt *rt);
void rt_stop(struct rt *rt);
/* Everything made on the loop must have been freed before. */
void rt_free(struct rt *rt);

/* One look at a clock; call once per event and pass the result on. */
struct mono rt_mono(void);
/* System clock with its quality: NONE if before the build date, NTP if the kernel says synchronised. */
struct wall rt_wall(void);
/* The kernel's boot id. Returns 0 or -EIO. */
int rt_boot_id(uint8_t ret[static 16]);

typedef void rt_timer_fn(void *arg);
struct rt_timer *rt_timer_new(struct rt *rt, rt_timer_fn *fn, void *arg);
/* Fires once at or after 'at'; MONO_NEVER disarms. Re-arming replaces the old deadline. */
void rt_timer_set(struct rt_timer *t, struct mono at);
void rt_timer_free(struct rt_timer *t); /* NULL is fine */

enum { RT_READ = 1, RT_WRITE = 2 };
/* events: what happened, RT_READ | RT_WRITE. */
typedef void rt_fd_fn(void *arg, int events);
/* fd is borrowed: free the watch before closing it. */
struct rt_fd *rt_fd_new(struct rt *rt, int fd, int events, rt_fd_fn *fn, void *arg);
void rt_fd_set(struct rt_fd *f, int events);
void rt_fd_free(struct rt_fd *f); /* NULL is fine; safe inside its own callback */
