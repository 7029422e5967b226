/*
 * notify.c - sd_notify(3) in one datagram, without libsystemd; see notify.h.
 */
#include "hub/rt/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct rt_timer *timer;
static uint64_t period_ms;

static void say(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (len < 2 || len >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, len);
	if (path[0] == '@')
		to.sun_path[0] = '\0'; /* abstract name space */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* Lost news ends in a restart by the watchdog, which is what should happen. */
	(void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
		      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

static void on_timer(void *arg)
{
	(void)arg;
	say("WATCHDOG=1");
	rt_timer_set(timer, mono_add(rt_mono(), period_ms));
}

void notify_ready(struct rt *rt)
{
	const char *usec = getenv("WATCHDOG_USEC");

	say("READY=1");
	period_ms = usec ? strtoull(usec, NULL, 10) / 3000 : 0;
	if (!period_ms)
		return;
	timer = rt_timer_new(rt, on_timer, NULL);
	on_timer(NULL);
}

void notify_stopping(void)
{
	say("STOPPING=1");
	rt_timer_free(timer);
	timer = NULL;
}
