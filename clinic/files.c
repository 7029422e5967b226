/*
 * files.c - a folder that is complete or absent; see files.h.
 */
#include "clinic/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int translate(int err)
{
	switch (err) {
	case ENOENT:
	case ENOTDIR: return -ENOENT;
	case EACCES:
	case EPERM:
	case EROFS: return -EACCES;
	case ENOSPC:
	case EDQUOT: return -ENOSPC;
	case EEXIST:
	case ENOTEMPTY: return -EEXIST;
	case ENAMETOOLONG: return -EMSGSIZE;
	}
	return -EIO;
}

int files_path(const char *dir, const char *name, char buf[static FILES_PATH_MAX])
{
	int n = snprintf(buf, FILES_PATH_MAX, "%s/%s", dir, name);

	return n < 0 || n >= FILES_PATH_MAX ? -EMSGSIZE : 0;
}

int files_place_of(const char *path, struct files_place *ret)
{
	char copy[FILES_PATH_MAX];

	if (strlen(path) >= sizeof(copy))
		return -EMSGSIZE;
	/* each of the two writes into what it is given */
	snprintf(copy, sizeof(copy), "%s", path);
	snprintf(ret->dir, sizeof(ret->dir), "%s", dirname(copy));
	snprintf(copy, sizeof(copy), "%s", path);
	snprintf(ret->name, sizeof(ret->name), "%s", basename(copy));
	return 0;
}

static int sync_folder(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return translate(errno);
	if (fsync(fd) != 0)
		r = translate(errno);
	close(fd);
	return r;
}

/* The folder that holds path. */
static int sync_parent(const char *path)
{
	char copy[FILES_PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	return sync_folder(dirname(copy));
}

/* Nothing there, or an empty folder. */
static int check_free(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;
	int r = 0;

	if (!d)
		return errno == ENOENT	  ? 0
		       : errno == ENOTDIR ? -EEXIST
					  : translate(errno);
	while (r == 0 && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = -EEXIST;
	}
	closedir(d);
	return r;
}

int files_make_folder(const char *path, char ret[static FILES_PATH_MAX])
{
	size_t n = strlen(path);
	int r;

	while (n > 1 && path[n - 1] == '/')
		n--;
	if (n == 0 || n + sizeof(".XXXXXX") > FILES_PATH_MAX)
		return -EMSGSIZE;
	r = check_free(path);
	if (r < 0)
		return r;
	snprintf(ret, FILES_PATH_MAX, "%.*s.XXXXXX", (int)n, path);
	return mkdtemp(ret) ? 0 : translate(errno);
}

int files_make_inner(const char *dir, const char *name)
{
	char path[FILES_PATH_MAX];
	int r = files_path(dir, name, path);

	if (r < 0)
		return r;
	return mkdir(path, 0700) == 0 ? 0 : translate(errno);
}

int files_publish(const char *folder, const char *path)
{
	int r = sync_folder(folder);

	if (r < 0)
		return r;
	/* Takes the place of an empty folder, of nothing else. */
	if (rename(folder, path) != 0)
		return translate(errno);
	return sync_parent(path);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	/* The best that can be done on the way out of a
	 * failure; the folder's name shows it is left over. */
	(void)remove(path);
	return 0;
}

void files_discard(const char *folder)
{
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
