/*
 * fido_sockets.c - in the place of clinic/fido/devices.c: security keys that are processes, each at a Unix stream socket on which
 * reports of CTAPHID go (64 octets, CTAP 2.1, 11.2). FIDO_SOCKETS names them, with ':' between. All else is libfido2 as it is.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clinic/fido/devices.h"

enum { REPORT = 64, LIST_MAX = 1024 };

struct link {
	int fd;
};

static void *open_socket(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct link *l = calloc(1, sizeof(*l));

	if (!l || strlen(path) >= sizeof(a.sun_path))
		abort();
	memcpy(a.sun_path, path, strlen(path));
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->fd >= 0 && connect(l->fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return l;
	close(l->fd);
	free(l);
	return NULL;
}

static void close_socket(void *handle)
{
	struct link *l = handle;

	close(l->fd);
	free(l);
}

static int read_report(void *handle, unsigned char *buf, size_t len, int ms)
{
	struct link *l = handle;
	struct pollfd p = { .fd = l->fd, .events = POLLIN };

	if (len != REPORT || poll(&p, 1, ms) != 1 ||
	    recv(l->fd, buf, REPORT, MSG_WAITALL) != REPORT)
		return -1;
	return REPORT;
}

/* The number of the report goes before it, as hidraw has it. */
static int write_report(void *handle, const unsigned char *buf, size_t len)
{
	struct link *l = handle;

	if (len != 1 + REPORT || send(l->fd, buf + 1, REPORT, MSG_NOSIGNAL) != REPORT)
		return -1;
	return (int)len;
}

static const fido_dev_io_t io = { open_socket, close_socket, read_report, write_report };

int devices_list(fido_dev_info_t *list)
{
	const char *named = getenv("FIDO_SOCKETS");
	char paths[LIST_MAX], *save, *path;
	int n = 0;

	if (!named || strlen(named) >= sizeof(paths))
		return 0;
	strcpy(paths, named);
	for (path = strtok_r(paths, ":", &save); path && n < DEVICES_MAX;
	     path = strtok_r(NULL, ":", &save)) {
		if (fido_dev_info_set(list, (size_t)n, path, "nobody", "test key", &io,
				      NULL) != FIDO_OK)
			return -EIO;
		n++;
	}
	return n;
}

fido_dev_t *devices_open(const fido_dev_info_t *info)
{
	fido_dev_t *dev = fido_dev_new();

	if (dev && (fido_dev_set_io_functions(dev, &io) != FIDO_OK ||
		    fido_dev_open(dev, fido_dev_info_path(info)) != FIDO_OK))
		fido_dev_free(&dev);
	return dev;
}
