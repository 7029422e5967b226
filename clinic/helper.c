/*
 * helper.c - see helper.h.
 */
#include "clinic/helper.h"

#include <errno.h>
#include <libgen.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clinic/files.h"

/* from the folder of clinicctl */
static const char *const places[] = { "", "../libexec/clinic/" };

static int find(const struct helper_program *p, char ret[static FILES_PATH_MAX])
{
	const char *named = getenv(p->variable);
	char own[FILES_PATH_MAX];
	ssize_t n;

	if (named && *named) {
		snprintf(ret, FILES_PATH_MAX, "%s", named);
		return access(ret, X_OK) == 0 ? 0 : -ENOENT;
	}
	n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	if (n <= 0)
		return -ENOENT;
	own[n] = '\0';
	(void)dirname(own);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (snprintf(ret, FILES_PATH_MAX, "%s/%s%s", own, places[i], p->name) <
			    FILES_PATH_MAX &&
		    access(ret, X_OK) == 0)
			return 0;
	return -ENOENT;
}

static int spawn(const char *path, const char *program, int fd, pid_t *ret)
{
	char name[64];
	char *argv[] = { name, NULL };
	posix_spawn_file_actions_t actions;
	int r;

	snprintf(name, sizeof(name), "%s", program);
	if (posix_spawn_file_actions_init(&actions) != 0)
		return -EIO;
	r = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	if (r == 0)
		r = posix_spawn(ret, path, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return r == 0 ? 0 : -EIO;
}

int helper_start(const struct helper_program *p, struct helper *ret,
		 char why[static FOLDER_WHY_MAX])
{
	char path[FILES_PATH_MAX];
	int pair[2], r = find(p, path);

	if (r == 0)
		r = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0
			    ? 0
			    : -EIO;
	if (r == 0) {
		r = spawn(path, p->name, pair[1], &ret->pid);
		close(pair[1]);
		ret->fd = pair[0];
		if (r < 0)
			close(pair[0]);
	}
	if (r < 0)
		snprintf(why, FOLDER_WHY_MAX,
			 "%s, which %s, %s: it belongs beside clinicctl, or %s names it",
			 p->name, p->does, r == -ENOENT ? "is missing" : "does not start",
			 p->variable);
	return r;
}

void helper_stop(struct helper *h)
{
	int status;

	close(h->fd); /* then it ends by itself */
	while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR)
		;
}

bool helper_send(const struct helper *h, const uint8_t *buf, int n)
{
	return n > 0 && send(h->fd, buf, (size_t)n, MSG_NOSIGNAL) == n;
}

int helper_hear(const struct helper *h, uint8_t buf[static TALK_PACKET_MAX])
{
	ssize_t n;

	do
		n = recv(h->fd, buf, TALK_PACKET_MAX, MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	return n > 0 && n <= TALK_PACKET_MAX ? (int)n : -EIO;
}
