/*
 * helper_end.c - see helper_end.h.
 */
#include "clinic/helper_end.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SOCKET = STDIN_FILENO };

void helper_end_begin(void)
{
	const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)dup2(STDERR_FILENO, STDOUT_FILENO);
}

bool helper_end_send(const uint8_t *buf, int n)
{
	return n > 0 && send(SOCKET, buf, (size_t)n, MSG_NOSIGNAL) == n;
}

int helper_end_hear(uint8_t buf[static TALK_PACKET_MAX])
{
	ssize_t n;

	do
		n = recv(SOCKET, buf, TALK_PACKET_MAX, MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	return n > 0 && n <= TALK_PACKET_MAX ? (int)n : -EIO;
}
