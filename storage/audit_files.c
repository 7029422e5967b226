/*
 * audit_files.c - see audit_files.h.
 */
#include "storage/audit_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "hub/rt/file.h"

enum { NAME_BYTES = 40, ZEROS = 16 * AUDIT_PAGE };

#define NAME_NEW "audit-new"

static void name_of(char buf[static NAME_BYTES], uint32_t segment, bool aside)
{
	(void)snprintf(buf, NAME_BYTES, "audit-%u%s", segment, aside ? ".aside" : "");
}

static void name_of_spare(char buf[static NAME_BYTES], unsigned k)
{
	(void)snprintf(buf, NAME_BYTES, "audit-spare-%u", k);
}

/* ret_done: the new name is there, even if it is not known to be durable. */
static int rename_durably(const struct audit_files *f, const char *from, const char *to,
			  bool *ret_done)
{
	*ret_done = false;
	if (renameat(f->dir, from, f->dir, to))
		return file_error(errno);
	*ret_done = true;
	return fsync(f->dir) ? -EIO : 0;
}

/* Reads the beginning of a file that is in the list. */
static void look_into(const struct audit_files *f, struct audit_file *file)
{
	uint8_t page0[AUDIT_PAGE];
	struct audit_header h;
	char name[NAME_BYTES];
	int fd, n;

	name_of(name, file->segment, file->aside);
	fd = openat(f->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	n = file_read_all(fd, page0, sizeof(page0));
	close(fd);
	if (n < 0 || audit_page0_decode(page0, (size_t)n, &h) < 0 ||
	    h.segment != file->segment)
		return;
	file->readable = true;
	file->first = h.start.number + 1;
}

/* The number behind a prefix, 0: there is none. */
static uint32_t number_after(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);
	unsigned long n;

	if (strncmp(name, prefix, len) != 0)
		return 0;
	n = strtoul(name + len, NULL, 10);
	return n < UINT32_MAX ? (uint32_t)n : 0;
}

/* Takes "audit-17", "audit-17.aside", "audit-spare-3", exactly as they are made; everything else is not ours. */
static int take_name(struct audit_files *f, const char *name)
{
	struct audit_file file = { .segment = number_after(name, "audit-") };
	char again[NAME_BYTES];

	name_of_spare(again, number_after(name, "audit-spare-"));
	if (strcmp(name, again) == 0)
		f->spares++;
	if (file.segment == 0)
		return 0;
	file.aside = strchr(name, '.') != NULL;
	name_of(again, file.segment, file.aside);
	if (strcmp(name, again) != 0)
		return 0;
	if (f->count == AUDIT_SEGMENTS_MAX)
		return -ENOSPC;
	look_into(f, &file);
	f->file[f->count++] = file;
	return 0;
}

static int by_segment(const void *a, const void *b)
{
	const struct audit_file *x = (const struct audit_file *)a;
	const struct audit_file *y = (const struct audit_file *)b;

	return (x->segment > y->segment) - (x->segment < y->segment);
}

static int list(struct audit_files *f)
{
	int r = 0, fd = fcntl(f->dir, F_DUPFD_CLOEXEC, 0);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return -EIO;
	}
	while (r == 0) {
		errno = 0;
		e = readdir(d);
		if (!e) {
			r = errno ? -EIO : 0;
			break;
		}
		r = take_name(f, e->d_name);
	}
	closedir(d);
	qsort(f->file, f->count, sizeof(*f->file), by_segment);
	return r;
}

int audit_files_open(struct audit_files *f, const char *dir, size_t bytes, unsigned quota,
		     uint64_t keep_free)
{
	int r;

	memset(f, 0, sizeof(*f));
	f->bytes = bytes;
	f->quota = quota;
	f->keep_free = keep_free;
	f->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->dir < 0)
		return file_error(errno);
	r = list(f);
	if (r)
		audit_files_close(f);
	return r;
}

void audit_files_close(struct audit_files *f)
{
	if (f->dir >= 0)
		close(f->dir);
	f->dir = -1;
}

static int fill(int fd, size_t bytes)
{
	static const uint8_t zeros[ZEROS];
	int r = 0;

	for (size_t at = 0; r == 0 && at < bytes; at += ZEROS)
		r = file_write_at(fd, zeros, bytes - at < ZEROS ? bytes - at : ZEROS, at);
	if (r == 0 && fsync(fd))
		r = -EIO;
	return r;
}

/* A name for one spare more. */
static void free_name(const struct audit_files *f, char buf[static NAME_BYTES])
{
	unsigned k = 1;

	do
		name_of_spare(buf, k++);
	while (faccessat(f->dir, buf, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
}

static bool has_room(const struct audit_files *f)
{
	struct statvfs disk;

	return f->keep_free == 0 ||
	       (fstatvfs(f->dir, &disk) == 0 &&
		(uint64_t)disk.f_bavail * disk.f_frsize >= f->keep_free + f->bytes);
}

static int make_spare(struct audit_files *f)
{
	char name[NAME_BYTES];
	bool done = false;
	int r, fd;

	if (!has_room(f))
		return -ENOSPC;
	fd = openat(f->dir, NAME_NEW, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		    0600);
	if (fd < 0)
		return file_error(errno);
	r = fill(fd, f->bytes);
	close(fd);
	free_name(f, name);
	if (r == 0)
		r = rename_durably(f, NAME_NEW, name, &done);
	if (!done)
		(void)unlinkat(f->dir, NAME_NEW,
			       0); /* the next one truncates it anyway */
	f->spares += done;
	return r;
}

static unsigned live(const struct audit_files *f)
{
	unsigned n = f->spares;

	for (size_t i = 0; i < f->count; i++)
		n += !f->file[i].aside;
	return n;
}

int audit_files_reserve(struct audit_files *f, unsigned max)
{
	int r = 0;

	for (unsigned n = 0; r == 0 && n < max && live(f) < f->quota; n++)
		r = make_spare(f);
	return r;
}

bool audit_files_complete(const struct audit_files *f)
{
	return live(f) >= f->quota;
}

int audit_files_read(const struct audit_files *f, const struct audit_file *file,
		     uint8_t *buf)
{
	char name[NAME_BYTES];
	uint8_t more;
	int fd, n;

	name_of(name, file->segment, file->aside);
	fd = openat(f->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -EIO;
	n = file_read_all(fd, buf, AUDIT_SEGMENT_MAX);
	if (n == AUDIT_SEGMENT_MAX && pread(fd, &more, 1, n) != 0)
		n = -EMSGSIZE;
	close(fd);
	return n;
}

int audit_files_continue(const struct audit_files *f, const struct audit_file *file)
{
	char name[NAME_BYTES];
	int fd;

	name_of(name, file->segment, file->aside);
	fd = openat(f->dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -EIO;
	/* after a kill the newest slot may be in memory only, and the next write goes to the other one; so may the name */
	if (fdatasync(fd) == 0 && fsync(f->dir) == 0)
		return fd;
	close(fd);
	return -EIO;
}

/* A spare, another one each time the last could not be written. Returns a descriptor. */
static int open_spare(const struct audit_files *f, char name[static NAME_BYTES])
{
	unsigned skip = f->failures % f->spares;

	for (unsigned k = 1; k <= 2 * AUDIT_SEGMENTS_MAX; k++) {
		int fd;

		name_of_spare(name, k);
		fd = openat(f->dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0 && errno != ENOENT)
			return -EIO;
		if (fd >= 0 && skip-- == 0)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -ENOSPC;
}

int audit_files_begin(struct audit_files *f, const struct audit_header *h,
		      const uint8_t page0[static AUDIT_PAGE])
{
	char spare[NAME_BYTES], name[NAME_BYTES];
	struct stat st;
	bool done = false;
	int r, fd;

	if (f->count == AUDIT_SEGMENTS_MAX || f->spares == 0)
		return -ENOSPC;
	fd = open_spare(f, spare);
	if (fd < 0)
		return fd;
	r = fstat(fd, &st) == 0 && st.st_size == h->bytes ? 0 : -EIO;
	if (r == 0)
		r = file_write_at(fd, page0, AUDIT_PAGE, 0);
	if (r == 0 && fdatasync(fd))
		r = -EIO;
	name_of(name, h->segment, false);
	if (r == 0)
		r = rename_durably(f, spare, name, &done);
	if (done) {
		f->spares--;
		f->file[f->count++] = (struct audit_file){
			.segment = h->segment,
			.readable = true,
			.first = h->start.number + 1,
		};
	}
	if (r == 0)
		return fd;
	f->failures++;
	close(fd);
	return -EIO;
}

uint32_t audit_files_next(const struct audit_files *f, uint32_t before)
{
	uint32_t last = f->count ? f->file[f->count - 1].segment : 0;

	return (last > before ? last : before) + 1;
}

static struct audit_file *find(struct audit_files *f, uint32_t segment)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->file[i].segment == segment && !f->file[i].aside)
			return &f->file[i];
	return NULL;
}

/* A segment gets another name. *ret_file: its entry, if it has; the caller sets it right. */
static int change_name(struct audit_files *f, uint32_t segment, const char *to,
		       struct audit_file **ret_file)
{
	struct audit_file *file = find(f, segment);
	char from[NAME_BYTES];
	bool done;
	int r;

	*ret_file = NULL;
	if (!file)
		return -ENOENT;
	name_of(from, segment, false);
	r = rename_durably(f, from, to, &done);
	if (done)
		*ret_file = file;
	return r;
}

int audit_files_aside(struct audit_files *f, uint32_t segment)
{
	struct audit_file *file;
	char to[NAME_BYTES];
	int r;

	name_of(to, segment, true);
	r = change_name(f, segment, to, &file);
	if (file)
		file->aside = true;
	return r;
}

int audit_files_give_up(struct audit_files *f, uint32_t segment)
{
	struct audit_file *file;
	char to[NAME_BYTES];
	int r;

	free_name(f, to);
	r = change_name(f, segment, to, &file);
	if (!file)
		return r;
	memmove(file, file + 1, (size_t)(f->file + f->count - file - 1) * sizeof(*file));
	f->count--;
	f->spares++;
	return r;
}
