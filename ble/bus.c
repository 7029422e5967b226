/*
 * bus.c - sd-bus under the loop; see bus.h.
 */
#include "ble/bus.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

enum { TURN_MAX = 64 };

struct bus {
	struct rt *rt;
	sd_bus *sd;
	struct rt_fd *watch;
	struct rt_timer *timer;
	bus_lost_fn *lost;
	void *arg;
	bool held;
};

/* sd-bus's deadlines are CLOCK_MONOTONIC microseconds, ours CLOCK_BOOTTIME milliseconds. */
static struct mono to_mono(uint64_t usec)
{
	struct timespec t;
	uint64_t now;

	if (usec == UINT64_MAX)
		return MONO_NEVER;
	clock_gettime(CLOCK_MONOTONIC, &t);
	now = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
	return mono_add(rt_mono(), usec > now ? (usec - now) / 1000 + 1 : 0);
}

/* Ask what sd-bus waits for; held: for nothing, since each of its reasons ends in a
 * dispatch. Returns 0, or -EIO if the connection is gone. */
static int arm(struct bus *b)
{
	uint64_t usec = UINT64_MAX;
	int events;

	if (b->held) {
		rt_fd_set(b->watch, 0);
		rt_timer_set(b->timer, MONO_NEVER);
		return 0;
	}
	events = sd_bus_get_events(b->sd);
	if (events < 0 || sd_bus_get_timeout(b->sd, &usec) < 0)
		return -EIO;
	rt_fd_set(b->watch,
		  (events & POLLIN ? RT_READ : 0) | (events & POLLOUT ? RT_WRITE : 0));
	rt_timer_set(b->timer, to_mono(usec));
	return 0;
}

static void dispatch(struct bus *b)
{
	int r = 1;

	for (int i = 0; i < TURN_MAX && r > 0 && !b->held; i++)
		r = sd_bus_process(b->sd, NULL);
	if (r < 0 || arm(b) != 0) {
		b->lost(b->arg); /* frees b */
		return;
	}
	if (r > 0 && !b->held)
		rt_timer_set(b->timer, rt_mono()); /* more is waiting: next turn */
}

static void on_fd(void *arg, int events)
{
	(void)events;
	dispatch(arg);
}

static void on_timer(void *arg)
{
	dispatch(arg);
}

static int start(sd_bus *sd, const char *address)
{
	int r;

	if (!address)
		address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
	if (!address)
		address = "unix:path=/run/dbus/system_bus_socket";
	r = sd_bus_set_address(sd, address);
	if (r >= 0)
		r = sd_bus_set_bus_client(sd, 1);
	if (r >= 0)
		r = sd_bus_start(sd);
	return r;
}

int bus_open(struct rt *rt, const char *address, bus_lost_fn *lost, void *arg,
	     struct bus **ret)
{
	struct bus *b = calloc(1, sizeof(*b));
	int fd = -1;

	if (!b)
		return -ENOMEM;
	*b = (struct bus){ .rt = rt, .lost = lost, .arg = arg };
	if (sd_bus_new(&b->sd) >= 0 && start(b->sd, address) >= 0)
		fd = sd_bus_get_fd(b->sd);
	if (fd < 0) {
		sd_bus_unref(b->sd);
		free(b);
		return -EIO;
	}
	b->watch = rt_fd_new(rt, fd, RT_READ, on_fd, b);
	b->timer = rt_timer_new(rt, on_timer, b);
	rt_timer_set(b->timer, rt_mono());
	*ret = b;
	return 0;
}

sd_bus *bus_sd(struct bus *b)
{
	return b->sd;
}

void bus_touch(struct bus *b)
{
	if (arm(b) != 0)
		rt_timer_set(b->timer, rt_mono()); /* dispatch finds the end */
}

void bus_hold(struct bus *b, bool on)
{
	if (on == b->held)
		return;
	b->held = on;
	if (on)
		(void)arm(b);
	else
		rt_timer_set(b->timer, rt_mono());
}

void bus_free(struct bus *b)
{
	if (!b)
		return;
	rt_fd_free(b->watch);
	rt_timer_free(b->timer);
	sd_bus_close(b->sd);
	sd_bus_unref(b->sd);
	free(b);
}
