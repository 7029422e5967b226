/*
 * record.c - calls of the product caught at link time; see record.h.
 *
 * Invariants
 *   1. A call is written down after it was carried out, with what it really did (a short write: the bytes that
 *      went). One that failed leaves nothing, except a sync.
 *   2. An operation names a file by number, never by descriptor or name: a file lives on under another name, and
 *      without one while it is open.
 */
#include "tests/explore/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "tests/explore/dice.h"

enum {
	FDS_MAX = 1024,
	ROOT_BYTES = 256,
	NOT_OURS = -1,
	RANDOM = -2,
	SMALL_DISK = 4 << 20
};

struct name {
	char name[RECORD_NAME_LEN];
	int file;
	bool folder;
};

static struct {
	struct log *log; /* NULL: nothing is recorded */
	char root[ROOT_BYTES];
	size_t root_len;
	struct name names[RECORD_NAMES_MAX];
	size_t name_count;
	/* by number of the file: bytes; operations when the last sync brought some to the disk */
	uint64_t unsynced[RECORD_FILES_MAX];
	size_t synced[RECORD_FILES_MAX];
	struct spoil spoil;
	unsigned forgot;
	bool moved;
} rec;

static struct {
	int file; /* number, NOT_OURS or RANDOM */
	bool folder;
	char name[RECORD_NAME_LEN]; /* of a folder */
} fds[FDS_MAX];

static bool fds_ready;
static struct dice source;

static struct {
	struct fault f;
	uint64_t count[FAULT_CALLS];
	bool hit, paused;
} faults;

const char *const fault_call_name[FAULT_CALLS] = {
	[FAULT_NONE] = "none",	 [FAULT_OPEN] = "open",	    [FAULT_READ] = "read",
	[FAULT_WRITE] = "write", [FAULT_SHORT] = "short",   [FAULT_SIZE] = "size",
	[FAULT_SYNC] = "sync",	 [FAULT_RENAME] = "rename", [FAULT_UNLINK] = "unlink",
	[FAULT_ALLOC] = "alloc",
};

/* The linker gives the real functions under these names. */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
int __real_open(const char *path, int flags, ...);
int __real_openat(int at, const char *path, int flags, ...);
int __real_close(int fd);
ssize_t __real_read(int fd, void *buf, size_t n);
ssize_t __real_pread64(int fd, void *buf, size_t n, off_t off);
ssize_t __real_write(int fd, const void *buf, size_t n);
ssize_t __real_pwrite64(int fd, const void *buf, size_t n, off_t off);
int __real_ftruncate64(int fd, off_t size);
int __real_fsync(int fd);
int __real_fdatasync(int fd);
int __real_renameat(int at, const char *from, int to_at, const char *to);
int __real_unlinkat(int at, const char *path, int flags);
int __real_mkdirat(int at, const char *path, mode_t mode);
int __real_statvfs(const char *path, struct statvfs *ret);
void *__real_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t off);

/* And sends calls to these. */
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_openat(int at, const char *path, int flags, ...);
int __wrap_openat64(int at, const char *path, int flags, ...);
int __wrap_close(int fd);
ssize_t __wrap_read(int fd, void *buf, size_t n);
ssize_t __wrap_pread(int fd, void *buf, size_t n, off_t off);
ssize_t __wrap___pread_chk(int fd, void *buf, size_t n, off_t off, size_t cap);
ssize_t __wrap_pread64(int fd, void *buf, size_t n, off_t off);
ssize_t __wrap_write(int fd, const void *buf, size_t n);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t n, off_t off);
ssize_t __wrap_pwrite64(int fd, const void *buf, size_t n, off_t off);
int __wrap_ftruncate(int fd, off_t size);
int __wrap_ftruncate64(int fd, off_t size);
int __wrap_fallocate(int fd, int mode, off_t off, off_t len);
int __wrap_posix_fallocate(int fd, off_t off, off_t len);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_rename(const char *from, const char *to);
int __wrap_renameat(int at, const char *from, int to_at, const char *to);
int __wrap_unlink(const char *path);
int __wrap_unlinkat(int at, const char *path, int flags);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdirat(int at, const char *path, mode_t mode);
int __wrap_rmdir(const char *path);
void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off);
void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t off);
int __wrap_statvfs(const char *path, struct statvfs *ret);
struct WC_RNG;
int __wrap_wc_RNG_GenerateBlock(struct WC_RNG *rng, uint8_t *out, uint32_t n);

static void give_up(const char *what)
{
	(void)fprintf(stderr, "recorder: %s\n", what);
	abort();
}

/* --- the log -------------------------------------------------------------------------------- */

static void *grow(void *p, size_t need, size_t *room, size_t size)
{
	if (need <= *room)
		return p;
	*room = need * 2 + 64;
	p = __real_realloc(p, *room * size);
	if (!p)
		give_up("no memory");
	return p;
}

static void note_sync(const struct op *o)
{
	if (o->kind == OP_WRITE)
		rec.unsynced[o->file] += o->len;
	else if (o->kind == OP_SIZE)
		rec.unsynced[o->file] += RECORD_PADDING_MAX;
	else if (o->kind == OP_SYNC && rec.unsynced[o->file] > 0)
		rec.synced[o->file] = rec.log->count;
	if (o->kind == OP_SYNC || o->kind == OP_CREATE)
		rec.unsynced[o->file] = 0;
}

static struct op *log_add(enum op_kind kind, int file)
{
	struct log *l = rec.log;
	struct op *o;

	l->ops = grow(l->ops, l->count + 1, &l->room, sizeof(*l->ops));
	o = &l->ops[l->count++];
	*o = (struct op){ .kind = kind, .file = file };
	if (kind != OP_WRITE)
		note_sync(o);
	return o;
}

static void log_write(int file, uint64_t off, const void *bytes, size_t len)
{
	struct log *l = rec.log;
	struct op *o;

	if (len == 0)
		return;
	l->bytes = grow(l->bytes, l->used + len, &l->size, 1);
	memcpy(l->bytes + l->used, bytes, len);
	o = log_add(OP_WRITE, file);
	o->off = off;
	o->len = len;
	o->at = l->used;
	note_sync(o);
	l->used += len;
}

/* The index of a WAL that several processes share: made anew when it is missing, nothing is promised of it. */
static bool is_index(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && strcmp(name + len - 4, "-shm") == 0;
}

static bool ignores_unsynced;

void record_ignore_unsynced(bool ignore)
{
	ignores_unsynced = ignore;
}

const char *record_unsynced(const char *prefix)
{
	for (size_t i = 0; rec.log && !ignores_unsynced && i < rec.name_count; i++) {
		const struct name *n = &rec.names[i];

		if (n->file >= 0 && rec.unsynced[n->file] >= RECORD_PADDING_MAX &&
		    !is_index(n->name) && strncmp(n->name, prefix, strlen(prefix)) == 0)
			return n->name;
	}
	return NULL;
}

bool record_synced_since(const char *prefix, size_t position)
{
	for (size_t i = 0; rec.log && !ignores_unsynced && i < rec.name_count; i++) {
		const struct name *n = &rec.names[i];

		if (n->file >= 0 && rec.synced[n->file] > position &&
		    strncmp(n->name, prefix, strlen(prefix)) == 0)
			return true;
	}
	return !rec.log || ignores_unsynced;
}

void log_reset(struct log *l)
{
	l->count = l->start = l->used = l->mark_count = 0;
	l->files = 0;
}

void log_free(struct log *l)
{
	free(l->ops);
	free(l->bytes);
	*l = (struct log){ 0 };
}

size_t record_mark(void)
{
	struct log *l = rec.log;

	if (!l)
		return 0;
	if (l->mark_count == RECORD_MARKS_MAX)
		give_up("too many marks");
	l->marks[l->mark_count++] = l->count;
	return l->count;
}

void record_spoil(const struct spoil *s)
{
	rec.spoil = s ? *s : (struct spoil){ 0 };
	rec.forgot = 0;
	rec.moved = false;
}

bool record_spoilt(void)
{
	return rec.forgot == rec.spoil.forget && rec.moved == (rec.spoil.len > 0);
}

/* --- names ---------------------------------------------------------------------------------- */

static void set_name(char to[static RECORD_NAME_LEN], const char *from)
{
	if (strlen(from) >= RECORD_NAME_LEN)
		give_up("name too long");
	memcpy(to, from, strlen(from) + 1);
}

static struct name *find_name(const char *name)
{
	for (size_t i = 0; i < rec.name_count; i++)
		if (strcmp(rec.names[i].name, name) == 0)
			return &rec.names[i];
	return NULL;
}

static void drop_name(const char *name)
{
	struct name *n = find_name(name);

	if (n)
		*n = rec.names[--rec.name_count];
}

static struct name *add_name(const char *name, int file, bool folder)
{
	struct name *n = &rec.names[rec.name_count];

	if (rec.name_count == RECORD_NAMES_MAX)
		give_up("too many names");
	rec.name_count++;
	set_name(n->name, name);
	n->file = file;
	n->folder = folder;
	return n;
}

static struct name *create(const char *name, bool folder)
{
	struct op *o;

	if (rec.log->files == RECORD_FILES_MAX)
		give_up("too many files");
	o = log_add(OP_CREATE, rec.log->files++);
	o->folder = folder;
	set_name(o->name, name);
	return add_name(name, o->file, folder);
}

/* Path below the root, "" for the root itself, NULL if it is somewhere else. */
static const char *below_root(int at, const char *path, char buf[static RECORD_NAME_LEN])
{
	if (!rec.log)
		return NULL;
	if (path[0] == '/') {
		if (strncmp(path, rec.root, rec.root_len) != 0)
			return NULL;
		if (path[rec.root_len] == '\0')
			return "";
		return path[rec.root_len] == '/' ? path + rec.root_len + 1 : NULL;
	}
	if (at < 0 || at >= FDS_MAX || fds[at].file == NOT_OURS || !fds[at].folder)
		return NULL;
	if (snprintf(buf, RECORD_NAME_LEN, "%s%s%s", fds[at].name,
		     *fds[at].name ? "/" : "", path) >= RECORD_NAME_LEN)
		give_up("path too long");
	return buf;
}

static int file_of(int fd)
{
	return rec.log && fds_ready && fd >= 0 && fd < FDS_MAX ? fds[fd].file : NOT_OURS;
}

/* Is this one of the files that are to be spoilt? */
static bool is_victim(int file)
{
	const char *only = rec.spoil.only;

	for (size_t i = 0; only && i < rec.name_count; i++)
		if (rec.names[i].file == file)
			return strncmp(rec.names[i].name, only, strlen(only)) == 0;
	return !only;
}

/* --- start and stop ------------------------------------------------------------------------- */

static void take_existing(const char *name)
{
	static uint8_t buf[1 << 16];
	char path[ROOT_BYTES + RECORD_NAME_LEN + 2];
	struct name *n = create(name, false);
	uint64_t off = 0;
	ssize_t got;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", rec.root, name);
	fd = __real_open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		give_up("cannot read what is there");
	while ((got = __real_read(fd, buf, sizeof(buf))) > 0) {
		log_write(n->file, off, buf, (size_t)got);
		off += (uint64_t)got;
	}
	(void)__real_close(fd);
	(void)log_add(OP_SYNC, n->file);
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void begin(struct log *l, const char *dir)
{
	log_reset(l);
	for (int i = 0; i < FDS_MAX; i++)
		fds[i].file = NOT_OURS;
	fds_ready = true;
	rec.log = l;
	rec.name_count = 0;
	memset(rec.unsynced, 0, sizeof(rec.unsynced));
	memset(rec.synced, 0, sizeof(rec.synced));
	rec.root_len = strlen(dir);
	if (rec.root_len >= ROOT_BYTES)
		give_up("path too long");
	memcpy(rec.root, dir, rec.root_len + 1);
}

void record_start(struct log *l, const char *dir)
{
	struct dirent **list;
	int n;

	begin(l, dir);
	n = scandir(dir, &list, NULL, compare_names);
	if (n < 0)
		give_up("no such folder");
	for (int i = 0; i < n; i++) {
		if (list[i]->d_name[0] != '.')
			take_existing(list[i]->d_name);
		free(list[i]);
	}
	free(list);
	(void)log_add(OP_SYNC_DIR, NOT_OURS);
	l->start = l->count;
}

static void take_name(const struct op *o)
{
	if (o->kind == OP_CREATE)
		(void)add_name(o->name, o->file, o->folder);
	if (o->kind == OP_RENAME || o->kind == OP_UNLINK)
		drop_name(o->name);
	if (o->kind == OP_RENAME) {
		drop_name(o->to);
		(void)add_name(o->to, o->file, false);
	}
}

void record_continue(struct log *l, const struct log *from, size_t point, const char *dir)
{
	begin(l, dir);
	l->ops = grow(l->ops, point, &l->room, sizeof(*l->ops));
	memcpy(l->ops, from->ops, point * sizeof(*l->ops));
	l->count = l->start = point;
	for (size_t i = 0; i < point; i++) {
		const struct op *o = &l->ops[i];

		if (o->kind == OP_WRITE)
			l->used = o->at + o->len;
		if (o->kind == OP_CREATE)
			l->files = o->file + 1;
		take_name(o);
		note_sync(o);
	}
	l->bytes = grow(l->bytes, l->used, &l->size, 1);
	memcpy(l->bytes, from->bytes, l->used);
}

void record_stop(void)
{
	rec.log = NULL;
}

/* --- faults --------------------------------------------------------------------------------- */

void fault_set(const struct fault *f)
{
	memset(&faults, 0, sizeof(faults));
	faults.f = *f;
}

void fault_clear(void)
{
	faults.f.call = FAULT_NONE;
}

uint64_t fault_count(enum fault_call call)
{
	return faults.count[call];
}

bool fault_hit(void)
{
	return faults.hit;
}

void fault_pause(bool on)
{
	faults.paused = on;
}

static bool fails(enum fault_call call)
{
	uint64_t n;

	if (!rec.log || faults.paused)
		return false;
	n = ++faults.count[call];
	if (faults.f.call != call || faults.f.nth == 0 || n < faults.f.nth ||
	    (n > faults.f.nth && !faults.f.stays))
		return false;
	faults.hit = true;
	errno = faults.f.err;
	return true;
}

void *__wrap_malloc(size_t n)
{
	return fails(FAULT_ALLOC) ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails(FAULT_ALLOC) ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails(FAULT_ALLOC) ? NULL : __real_realloc(p, n);
}

/* --- random --------------------------------------------------------------------------------- */

void record_seed(uint64_t seed)
{
	source = dice_seed(seed, 77);
}

static void fill(uint8_t *buf, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf[i] = (uint8_t)(dice_next(&source) >> 32);
}

int __wrap_wc_RNG_GenerateBlock(struct WC_RNG *rng, uint8_t *out, uint32_t n)
{
	(void)rng;
	fill(out, n);
	return 0;
}

/* --- open and close ------------------------------------------------------------------------- */

static void note_open(int fd, const char *name, int flags, bool was_there)
{
	struct name *n;

	if (fd >= FDS_MAX)
		give_up("too many descriptors");
	fds[fd].folder = false;
	if (*name == '\0' || (flags & O_DIRECTORY)) {
		fds[fd].file = *name ? find_name(name)->file : RECORD_FILES_MAX;
		fds[fd].folder = true;
		set_name(fds[fd].name, name);
		return;
	}
	n = find_name(name);
	if (!n && was_there)
		give_up("a file came from somewhere else");
	if (!n)
		n = create(name, false);
	else if (flags & O_TRUNC)
		log_add(OP_SIZE, n->file)->off = 0;
	fds[fd].file = n->file;
}

static int open_recorded(int at, const char *path, int flags, mode_t mode)
{
	char buf[RECORD_NAME_LEN];
	const char *name = below_root(at, path, buf);
	bool was_there;
	int fd;

	if (name && (flags & O_TMPFILE) == O_TMPFILE)
		give_up("O_TMPFILE");
	if (name && fails(FAULT_OPEN))
		return -1;
	was_there = faccessat(at, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	fd = __real_openat(at, path, flags, mode);
	if (fd < 0 || fd >= FDS_MAX || !fds_ready)
		return fd;
	fds[fd].file = NOT_OURS;
	if (strcmp(path, "/dev/urandom") == 0)
		fds[fd].file = RANDOM;
	if (name)
		note_open(fd, name, flags, was_there);
	return fd;
}

static mode_t mode_of(int flags, va_list args)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

#define MODE_ARGUMENT(mode, flags)                                                       \
	va_list args_;                                                                   \
	mode_t mode;                                                                     \
	va_start(args_, flags);                                                          \
	mode = mode_of(flags, args_);                                                    \
	va_end(args_)

int __wrap_open(const char *path, int flags, ...)
{
	MODE_ARGUMENT(mode, flags);
	return open_recorded(AT_FDCWD, path, flags, mode);
}

int __wrap_open64(const char *path, int flags, ...)
{
	MODE_ARGUMENT(mode, flags);
	return open_recorded(AT_FDCWD, path, flags, mode);
}

int __wrap_openat(int at, const char *path, int flags, ...)
{
	MODE_ARGUMENT(mode, flags);
	return open_recorded(at, path, flags, mode);
}

int __wrap_openat64(int at, const char *path, int flags, ...)
{
	MODE_ARGUMENT(mode, flags);
	return open_recorded(at, path, flags, mode);
}

int __wrap_close(int fd)
{
	if (fd >= 0 && fd < FDS_MAX)
		fds[fd].file = NOT_OURS;
	return __real_close(fd);
}

/* --- reading and writing -------------------------------------------------------------------- */

ssize_t __wrap_read(int fd, void *buf, size_t n)
{
	if (fds_ready && fd >= 0 && fd < FDS_MAX && fds[fd].file == RANDOM) {
		fill(buf, n);
		return (ssize_t)n;
	}
	if (file_of(fd) >= 0 && fails(FAULT_READ))
		return -1;
	return __real_read(fd, buf, n);
}

ssize_t __wrap_pread64(int fd, void *buf, size_t n, off_t off)
{
	if (file_of(fd) >= 0 && fails(FAULT_READ))
		return -1;
	return __real_pread64(fd, buf, n, off);
}

ssize_t __wrap_pread(int fd, void *buf, size_t n, off_t off)
{
	return __wrap_pread64(fd, buf, n, off);
}

/* What FORTIFY makes of pread() where it knows the buffer's size. */
ssize_t __wrap___pread_chk(int fd, void *buf, size_t n, off_t off, size_t cap)
{
	if (n > cap)
		abort();
	return __wrap_pread64(fd, buf, n, off);
}

/* Bytes that the call may write, 0 if it fails with errno. */
static size_t allowed(size_t n)
{
	if (fails(FAULT_WRITE))
		return 0;
	return n > 1 && fails(FAULT_SHORT) ? n / 2 : n;
}

ssize_t __wrap_write(int fd, const void *buf, size_t n)
{
	int file = file_of(fd);
	ssize_t done;

	if (file < 0 || n == 0)
		return __real_write(fd, buf, n);
	n = allowed(n);
	if (n == 0)
		return -1;
	done = __real_write(fd, buf, n);
	if (done > 0)
		log_write(file, (uint64_t)(lseek(fd, 0, SEEK_CUR) - done), buf,
			  (size_t)done);
	return done;
}

static off_t moved(int file, off_t off)
{
	const struct spoil *p = &rec.spoil;

	if ((uint64_t)off < p->from || (uint64_t)off - p->from >= p->len ||
	    !is_victim(file))
		return off;
	rec.moved = true;
	return (off_t)((uint64_t)off - p->from + p->to);
}

ssize_t __wrap_pwrite64(int fd, const void *buf, size_t n, off_t off)
{
	int file = file_of(fd);
	ssize_t done;

	if (file < 0 || n == 0)
		return __real_pwrite64(fd, buf, n, off);
	n = allowed(n);
	if (n == 0)
		return -1;
	off = moved(file, off);
	done = __real_pwrite64(fd, buf, n, off);
	if (done > 0)
		log_write(file, (uint64_t)off, buf, (size_t)done);
	return done;
}

ssize_t __wrap_pwrite(int fd, const void *buf, size_t n, off_t off)
{
	return __wrap_pwrite64(fd, buf, n, off);
}

int __wrap_ftruncate64(int fd, off_t size)
{
	int file = file_of(fd), r;

	if (file >= 0 && fails(FAULT_SIZE))
		return -1;
	r = __real_ftruncate64(fd, size);
	if (r == 0 && file >= 0)
		log_add(OP_SIZE, file)->off = (uint64_t)size;
	return r;
}

int __wrap_ftruncate(int fd, off_t size)
{
	return __wrap_ftruncate64(fd, size);
}

/* Space that is taken and reads as zeros: a longer size, no more. */
int __wrap_fallocate(int fd, int mode, off_t off, off_t len)
{
	struct stat st;

	if (file_of(fd) < 0)
		return fallocate64(fd, mode, off, len);
	if (mode == FALLOC_FL_KEEP_SIZE)
		return 0; /* no byte, no size */
	if (mode != 0)
		give_up("fallocate with a mode");
	if (fstat(fd, &st))
		return -1;
	return st.st_size >= off + len ? 0 : __wrap_ftruncate64(fd, off + len);
}

int __wrap_posix_fallocate(int fd, off_t off, off_t len)
{
	return __wrap_fallocate(fd, 0, off, len) ? errno : 0;
}

/* --- syncing -------------------------------------------------------------------------------- */

static bool forgotten(int file, bool folder, bool by_data)
{
	unsigned kind =
		folder	  ? by_data ? RECORD_FORGET_LIBRARY_FOLDER : RECORD_FORGET_FOLDER
		: by_data ? RECORD_FORGET_DATA
			  : RECORD_FORGET_FSYNC;

	if (!(rec.spoil.forget & kind) || (!folder && !is_victim(file)))
		return false;
	rec.forgot |= kind;
	return true;
}

/* SQLite uses fdatasync for everything, our own code fsync for folders and whole files. On tmpfs nothing needs to be
 * done. */
static int sync_recorded(int fd, int file, bool by_data)
{
	bool folder = fds[fd].folder;

	if (fails(FAULT_SYNC)) {
		if (!folder)
			(void)log_add(OP_SYNC_LOST, file);
		return -1;
	}
	if (forgotten(file, folder, by_data))
		return 0;
	if (folder)
		set_name(log_add(OP_SYNC_DIR, NOT_OURS)->name, fds[fd].name);
	else
		(void)log_add(OP_SYNC, file);
	return 0;
}

int __wrap_fsync(int fd)
{
	int file = file_of(fd);

	return file < 0 ? __real_fsync(fd) : sync_recorded(fd, file, false);
}

int __wrap_fdatasync(int fd)
{
	int file = file_of(fd);

	return file < 0 ? __real_fdatasync(fd) : sync_recorded(fd, file, true);
}

/* --- space ------------------------------------------------------------------------------------ */

static uint64_t disk_bytes;

void record_disk(uint64_t bytes)
{
	disk_bytes = bytes;
}

int __wrap_statvfs(const char *path, struct statvfs *ret)
{
	struct stat st;
	uint64_t used;
	int r = __real_statvfs(path, ret);

	if (r)
		return r;
	/* a small one: what is written once, full of zeros, is not what there is to look at */
	ret->f_blocks = (disk_bytes ? disk_bytes : SMALL_DISK) / ret->f_frsize;
	if (disk_bytes == 0 || stat(path, &st))
		return 0;
	used = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	ret->f_bavail = (used < disk_bytes ? disk_bytes - used : 0) / ret->f_frsize;
	return 0;
}

/* --- names change --------------------------------------------------------------------------- */

int __wrap_renameat(int at, const char *from, int to_at, const char *to)
{
	char buf1[RECORD_NAME_LEN], buf2[RECORD_NAME_LEN];
	const char *a = below_root(at, from, buf1), *b = below_root(to_at, to, buf2);
	struct name *n;
	struct op *o;
	int r;

	if (!a != !b)
		give_up("rename over the edge of the folder");
	if (a && fails(FAULT_RENAME))
		return -1;
	r = __real_renameat(at, from, to_at, to);
	if (r || !a)
		return r;
	n = find_name(a);
	if (!n || n->folder)
		give_up("rename of what is not known");
	o = log_add(OP_RENAME, n->file);
	set_name(o->name, a);
	set_name(o->to, b);
	drop_name(a);
	drop_name(b);
	(void)add_name(o->to, o->file, false);
	return 0;
}

int __wrap_rename(const char *from, const char *to)
{
	return __wrap_renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int __wrap_unlinkat(int at, const char *path, int flags)
{
	char buf[RECORD_NAME_LEN];
	const char *name = below_root(at, path, buf);
	struct name *n;
	struct op *o;
	int r;

	if (name && fails(FAULT_UNLINK))
		return -1;
	r = __real_unlinkat(at, path, flags);
	if (r || !name)
		return r;
	n = find_name(name);
	if (!n)
		give_up("unlink of what is not known");
	o = log_add(OP_UNLINK, n->file);
	set_name(o->name, name);
	drop_name(o->name);
	return 0;
}

int __wrap_unlink(const char *path)
{
	return __wrap_unlinkat(AT_FDCWD, path, 0);
}

int __wrap_rmdir(const char *path)
{
	return __wrap_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int __wrap_mkdirat(int at, const char *path, mode_t mode)
{
	char buf[RECORD_NAME_LEN];
	const char *name = below_root(at, path, buf);
	int r = __real_mkdirat(at, path, mode);

	if (r == 0 && name)
		(void)create(name, true);
	return r;
}

int __wrap_mkdir(const char *path, mode_t mode)
{
	return __wrap_mkdirat(AT_FDCWD, path, mode);
}

static bool is_index_of(int file)
{
	for (size_t i = 0; i < rec.name_count; i++)
		if (rec.names[i].file == file)
			return is_index(rec.names[i].name);
	return false;
}

/* Writes through a mapping would not be seen. */
void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	if (file_of(fd) >= 0 && (prot & PROT_WRITE) && (flags & MAP_SHARED) &&
	    !is_index_of(file_of(fd)))
		give_up("a writable mapping");
	return __real_mmap64(addr, len, prot, flags, fd, off);
}

void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return __wrap_mmap64(addr, len, prot, flags, fd, off);
}
