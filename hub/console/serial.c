/*
 * serial.c - see serial.h.
 *
 * The kernel's line discipline does nothing: no echo, no signals from keys, no flow control by characters that came in, BREAK
 * ignored. Whatever comes is for line.c.
 */
#include "hub/console/serial.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "hub/rt/file.h"

enum { NAMES_MAX = 256 };

/* Is it one of the names that the kernel prints on? Nobody knows: it is. */
static bool is_kernel_console(const char *path)
{
	char real[PATH_MAX], names[NAMES_MAX + 1];
	const char *own;
	char *word, *rest = names;
	int n;

	if (!realpath(path, real))
		return true;
	own = strrchr(real, '/') + 1;
	n = file_read("/sys/class/tty/console", "active", (uint8_t *)names, NAMES_MAX);
	if (n == -ENOENT)
		return false; /* this kernel has none */
	if (n < 0)
		return true;
	names[n] = '\0';
	while ((word = strsep(&rest, " \n")) != NULL)
		if (strcmp(word, own) == 0)
			return true;
	return false;
}

static int set_up(int fd)
{
	struct termios t = { .c_iflag = IGNBRK | IGNPAR,
			     .c_cflag = CS8 | CREAD | CLOCAL };
	struct termios now;

	if (!isatty(fd))
		return -ENOTSUP;
	t.c_cc[VMIN] = 1;
	if (cfsetispeed(&t, B115200) || cfsetospeed(&t, B115200) ||
	    tcsetattr(fd, TCSAFLUSH, &t) || tcgetattr(fd, &now))
		return -EIO;
	/* tcsetattr is content with a part of it */
	return now.c_lflag == 0 && now.c_oflag == 0 && (now.c_iflag & IGNBRK) ? 0 : -EIO;
}

int serial_open(const char *path)
{
	struct stat st;
	int fd, r;

	if (stat(path, &st))
		return file_error(errno);
	if (!S_ISCHR(st.st_mode))
		return -ENOTSUP;
	if (is_kernel_console(path))
		return -EACCES;
	fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return file_error(errno);
	r = set_up(fd);
	if (r) {
		close(fd);
		return r;
	}
	(void)ioctl(fd, TIOCEXCL);
	return fd;
}

int serial_dsr(int fd)
{
	int bits;

	if (ioctl(fd, TIOCMGET, &bits))
		return -ENOTSUP;
	return bits & (TIOCM_DSR | TIOCM_CD) ? 1 : 0;
}

int serial_read(int fd, uint8_t *buf, size_t cap)
{
	ssize_t n = read(fd, buf, cap);

	if (n > 0)
		return (int)n;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? -EAGAIN : -EIO;
}

int serial_write(int fd, const char *buf, size_t len)
{
	ssize_t n = write(fd, buf, len);

	if (n >= 0)
		return (int)n;
	return errno == EAGAIN || errno == EINTR ? -EAGAIN : -EIO;
}
