#pragma once

/*
 * notify.h - tells systemd that we are ready, alive, or stopping (sd_notify protocol); nothing without it.
 */
#include "hub/rt/rt.h"

/* READY=1, and from now on WATCHDOG=1 at a third of WATCHDOG_USEC from the loop. */
void notify_ready(struct rt *rt);
void notify_stopping(void);
