/*
 * passphrase.c - see passphrase.h.
 */
#include "clinic/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "hub/crypto/crypto.h"

static const char *file;

const char *passphrase_from(const char *path)
{
	const char *before = file;

	file = path;
	return before;
}

bool passphrase_is_file(void)
{
	return file != NULL;
}

/* A line without its end. */
static int read_line(int fd, char ret[static PASSPHRASE_MAX])
{
	size_t n = 0;
	ssize_t got;

	while (n < PASSPHRASE_MAX) {
		got = read(fd, ret + n, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -EIO;
		if (got == 0 || ret[n] == '\n')
			break;
		n++;
	}
	if (n == 0 || n == PASSPHRASE_MAX)
		return -EMSGSIZE;
	ret[n] = '\0';
	return strlen(ret) == n ? 0 : -EMSGSIZE;
}

static int from_file(char ret[static PASSPHRASE_MAX])
{
	int fd = open(file, O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		return -ENOENT;
	r = read_line(fd, ret);
	close(fd);
	return r;
}

/* No signal may leave the terminal without echo: they wait until it is back. */
static int from_terminal(const char *question, const char *what,
			 char ret[static PASSPHRASE_MAX])
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC), r;
	struct termios before, quiet;
	sigset_t all, old;

	if (fd < 0 || tcgetattr(fd, &before) != 0) {
		if (fd >= 0)
			close(fd);
		return -ENOENT;
	}
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	dprintf(fd, "%s %s: ", question, what);
	quiet = before;
	quiet.c_lflag &= (tcflag_t) ~(ECHO | ISIG);
	r = tcsetattr(fd, TCSAFLUSH, &quiet) == 0 ? read_line(fd, ret) : -EIO;
	(void)tcsetattr(fd, TCSAFLUSH, &before);
	dprintf(fd, "\n");
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(fd);
	return r;
}

int passphrase_get(const char *what, char ret[static PASSPHRASE_MAX])
{
	return file ? from_file(ret) : from_terminal("Passphrase of", what, ret);
}

int passphrase_pin(const char *what, char ret[static PASSPHRASE_MAX])
{
	return file ? from_file(ret) : from_terminal("PIN of", what, ret);
}

int passphrase_new(const char *what, char ret[static PASSPHRASE_MAX])
{
	char again[PASSPHRASE_MAX] = "";
	int r = file ? from_file(ret) : from_terminal("New passphrase for", what, ret);

	if (r == 0 && strlen(ret) < PASSPHRASE_MIN)
		r = -ERANGE;
	if (r == 0 && !file) {
		r = from_terminal("The same again for", what, again);
		if (r == 0 && strcmp(ret, again) != 0)
			r = -EBADMSG;
	}
	crypto_wipe(again, sizeof(again));
	return r;
}
