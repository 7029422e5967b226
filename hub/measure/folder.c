/*
 * folder.c - see folder.h.
 */
#include "hub/measure/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "hub/rt/file.h"

int folder_read(int dir, const char *name, char *buf, size_t cap)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int n = fd < 0 ? -errno : file_read_all(fd, (uint8_t *)buf, cap);

	if (fd >= 0)
		close(fd);
	return n;
}

void folder_each(const char *path, folder_fn *fn, void *arg)
{
	DIR *d = opendir(path);
	struct dirent *entry;

	if (!d)
		return;
	while ((entry = readdir(d)) != NULL) {
		int dir;

		if (entry->d_name[0] == '.')
			continue;
		dir = openat(dirfd(d), entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			continue;
		fn(arg, dir, entry->d_name);
		close(dir);
	}
	closedir(d);
}
