/*
 * later.c - starts what the service manager starts as if the machine had been on for longer.
 *
 * A test binds it over systemd-executor, which the manager runs for each service: what is started from then on is in a time
 * name space whose clocks since the start (CLOCK_BOOTTIME, CLOCK_MONOTONIC) are ahead by the seconds in the file
 * /run/later, if there is one. All else of the service, its sandbox too, is as it ever was: the executor sets it up afterwards.
 */
#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#define SECONDS "/run/later"
#define EXECUTOR "/run/later-executor" /* the real one */

int main(int argc, char **argv)
{
	char text[96];
	FILE *file = fopen(SECONDS, "re");
	unsigned seconds;
	int fd, len;

	(void)argc;
	if (file) {
		if (fscanf(file, "%u", &seconds) != 1)
			errx(1, "no number in " SECONDS);
		fclose(file);
		if (unshare(CLONE_NEWTIME) < 0)
			err(1, "no time name space");
		fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
		len = snprintf(text, sizeof(text), "boottime %u 0\nmonotonic %u 0\n",
			       seconds, seconds);
		if (fd < 0 || write(fd, text, (size_t)len) != len)
			err(1, "its clocks cannot be set");
		close(fd);
	}
	execv(EXECUTOR, argv);
	err(1, EXECUTOR);
}
