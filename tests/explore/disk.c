/*
 * disk.c - durable contents, what waits for a sync, and the states made of both; see disk.h.
 */
#include "tests/explore/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 384, PAGE = 4096 };

const char *const disk_rule_name[RULES] = { "strict", "ordered" };
const char *const disk_kind_name[KINDS] = {
	[KIND_DROP] = "drop",	  [KIND_KEEP] = "keep",	      [KIND_PREFIX] = "prefix",
	[KIND_WRITES] = "writes", [KIND_SECTORS] = "sectors", [KIND_NEWEST] = "newest",
	[KIND_TORN] = "torn",	  [KIND_NAMES] = "names",     [KIND_SIZES] = "sizes",
	[KIND_SHORT] = "short",
};

struct list {
	size_t *at, count, room; /* of operations */
};

/* A page of the page cache whose writing failed: clean, and not on the disk. */
struct lost {
	size_t page, op; /* op wrote some of it */
};

struct file {
	struct lost *lost; /* in the order of writing */
	size_t lost_count, lost_room;
	uint8_t *bytes; /* durable */
	size_t len, room;
	uint64_t version; /* grows with each change of the durable bytes */
	struct list waits;
};

struct entry {
	char name[RECORD_NAME_LEN];
	int file;
	bool folder;
};

struct names {
	struct entry e[RECORD_NAMES_MAX];
	size_t count;
};

struct disk {
	const struct log *log;
	enum disk_rule rule;
	size_t at;
	bool live; /* as the running program saw it: what a failed sync lost is there */
	struct file file[RECORD_FILES_MAX];
	struct names names; /* durable */
	struct list names_wait;
};

static void out_of_memory(void)
{
	(void)fprintf(stderr, "explorer: no memory or no space for the states\n");
	abort();
}

static void list_add(struct list *l, size_t op)
{
	if (l->count == l->room) {
		l->room = l->room * 2 + 16;
		l->at = realloc(l->at, l->room * sizeof(*l->at));
		if (!l->at)
			out_of_memory();
	}
	l->at[l->count++] = op;
}

struct disk *disk_new(const struct log *l, enum disk_rule rule)
{
	struct disk *d = calloc(1, sizeof(*d));

	if (!d)
		out_of_memory();
	d->log = l;
	d->rule = rule;
	return d;
}

void disk_free(struct disk *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < RECORD_FILES_MAX; i++) {
		free(d->file[i].bytes);
		free(d->file[i].lost);
		free(d->file[i].waits.at);
	}
	free(d->names_wait.at);
	free(d);
}

/* --- names ---------------------------------------------------------------------------------- */

static void name_drop(struct names *n, const char *name)
{
	for (size_t i = 0; i < n->count; i++)
		if (strcmp(n->e[i].name, name) == 0) {
			n->e[i] = n->e[--n->count];
			return;
		}
}

static void name_set(struct names *n, const char *name, int file, bool folder)
{
	struct entry *e;

	name_drop(n, name);
	if (n->count == RECORD_NAMES_MAX)
		out_of_memory();
	e = &n->e[n->count++];
	*e = (struct entry){ .file = file, .folder = folder };
	memcpy(e->name, name, RECORD_NAME_LEN);
}

static void name_apply(struct names *n, const struct op *o)
{
	if (o->kind == OP_CREATE)
		name_set(n, o->name, o->file, o->folder);
	else
		name_drop(n, o->name);
	if (o->kind == OP_RENAME)
		name_set(n, o->to, o->file, false);
}

/* Is the entry in this folder? */
static bool in_folder(const char *name, const char *folder)
{
	const char *slash = strrchr(name, '/');
	size_t len = slash ? (size_t)(slash - name) : 0;

	return len == strlen(folder) && strncmp(name, folder, len) == 0;
}

static void names_sync(struct disk *d, const char *folder)
{
	struct list *w = &d->names_wait;
	size_t kept = 0;

	for (size_t i = 0; i < w->count; i++) {
		const struct op *o = &d->log->ops[w->at[i]];

		if (!folder || in_folder(o->name, folder))
			name_apply(&d->names, o);
		else
			w->at[kept++] = w->at[i];
	}
	w->count = kept;
}

/* --- durable contents ----------------------------------------------------------------------- */

static void set_size(struct file *f, size_t len)
{
	if (len > f->room) {
		f->room = len * 2;
		f->bytes = realloc(f->bytes, f->room);
		if (!f->bytes)
			out_of_memory();
	}
	if (len > f->len)
		memset(f->bytes + f->len, 0, len - f->len);
	f->len = len;
}

static void lose(struct file *f, const struct op *o, size_t op)
{
	for (size_t page = o->off / PAGE; page * PAGE < o->off + o->len; page++) {
		if (f->lost_count == f->lost_room) {
			f->lost_room = f->lost_room * 2 + 16;
			f->lost = realloc(f->lost, f->lost_room * sizeof(*f->lost));
			if (!f->lost)
				out_of_memory();
		}
		f->lost[f->lost_count++] = (struct lost){ page, op };
	}
}

/* The part of a write that lies in a page. */
static size_t part_in(const struct op *o, size_t page, size_t *ret_from)
{
	size_t from = page * PAGE < o->off ? o->off : page * PAGE;
	size_t to =
		(page + 1) * PAGE > o->off + o->len ? o->off + o->len : (page + 1) * PAGE;

	*ret_from = from;
	return to - from;
}

static bool touches(const struct op *o, size_t page)
{
	return o->kind == OP_WRITE && o->off < (page + 1) * PAGE &&
	       o->off + o->len > page * PAGE;
}

/* A write into a lost page makes it dirty: all of it goes to the disk with the next sync. */
static void revive(struct disk *d, struct file *f, const struct op *o)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->lost_count; i++) {
		const struct op *was = &d->log->ops[f->lost[i].op];
		size_t from, n = part_in(was, f->lost[i].page, &from);

		if (touches(o, f->lost[i].page) && from + n <= f->len)
			memcpy(f->bytes + from,
			       d->log->bytes + was->at + (from - was->off), n);
		else
			f->lost[kept++] = f->lost[i];
	}
	f->lost_count = kept;
}

static void file_sync(struct disk *d, struct file *f, bool lost)
{
	for (size_t i = 0; i < f->waits.count; i++) {
		const struct op *o = &d->log->ops[f->waits.at[i]];
		size_t end = o->kind == OP_SIZE ? o->off : o->off + o->len;

		if (o->kind == OP_SIZE || end > f->len)
			set_size(f, end);
		f->version++;
		if (o->kind != OP_WRITE)
			continue;
		if (lost) {
			lose(f, o, f->waits.at[i]);
			continue;
		}
		revive(d, f, o);
		memcpy(f->bytes + o->off, d->log->bytes + o->at, o->len);
	}
	f->waits.count = 0;
}

void disk_advance(struct disk *d, size_t point)
{
	for (; d->at < point; d->at++) {
		const struct op *o = &d->log->ops[d->at];

		switch (o->kind) {
		case OP_WRITE:
		case OP_SIZE: list_add(&d->file[o->file].waits, d->at); break;
		case OP_CREATE:
		case OP_RENAME:
		case OP_UNLINK: list_add(&d->names_wait, d->at); break;
		case OP_SYNC:
			file_sync(d, &d->file[o->file], false);
			if (d->rule == RULE_ORDERED)
				names_sync(d, NULL);
			break;
		case OP_SYNC_LOST: file_sync(d, &d->file[o->file], !d->live); break;
		case OP_SYNC_DIR:
			names_sync(d, d->rule == RULE_ORDERED ? NULL : o->name);
			break;
		case OP_NONE: break;
		}
	}
}

/* --- states --------------------------------------------------------------------------------- */

struct state {
	struct disk *d;
	const struct disk_cut *cut;
	struct dice dice;
	uint64_t sum;
	int fd;
	size_t len; /* of the file being made */
};

static void mix(struct state *s, uint64_t v)
{
	s->sum = (s->sum ^ v) * UINT64_C(0x100000001b3);
	s->sum ^= s->sum >> 29;
}

static void put(const struct state *s, const uint8_t *p, size_t n, size_t off)
{
	if (s->fd >= 0 && n && pwrite(s->fd, p, n, (off_t)off) != (ssize_t)n)
		out_of_memory();
}

static bool coin(struct state *s)
{
	return dice_below(&s->dice, 2) != 0;
}

static size_t first_few(struct state *s, size_t n)
{
	return (size_t)dice_below(&s->dice, n + 1);
}

static void choose_names(struct state *s, struct names *ret)
{
	const struct list *w = &s->d->names_wait;
	bool ordered = s->d->rule == RULE_ORDERED;
	enum disk_kind k = s->cut->kind;
	bool all =
		k == KIND_KEEP || k == KIND_NAMES || k == KIND_SIZES || k == KIND_SHORT;
	size_t upto = w->count;

	*ret = s->d->names;
	if (w->count == 0 || k == KIND_DROP)
		return;
	if (!all && (ordered || k == KIND_PREFIX))
		upto = first_few(s, w->count);
	for (size_t i = 0; i < upto; i++) {
		bool take = all || ordered || k == KIND_PREFIX ||
			    (k == KIND_NEWEST ? i + 1 == w->count : coin(s));

		if (take) {
			name_apply(ret, &s->d->log->ops[w->at[i]]);
			mix(s, w->at[i]);
		}
	}
}

static void resize(struct state *s, size_t len)
{
	if (s->fd >= 0 && ftruncate(s->fd, (off_t)len))
		out_of_memory();
	s->len = len;
}

static void garbage(struct state *s, size_t from, size_t to)
{
	uint8_t junk[4096];

	for (size_t i = 0; i < to - from; i++)
		junk[i] = (uint8_t)(dice_next(&s->dice) >> 32);
	put(s, junk, to - from, from);
}

/* Each sector of the write: not there, there, or (torn) garbage from end to end. */
static void write_sectors(struct state *s, const struct op *o, bool torn)
{
	size_t size = s->cut->sector, end = o->off + o->len;
	const uint8_t *bytes = s->d->log->bytes + o->at;

	for (size_t at = o->off / size * size; at < end; at += size) {
		size_t from = at < o->off ? o->off : at;
		size_t to = at + size > end ? end : at + size;
		uint64_t c = dice_below(&s->dice, torn ? 3 : 2);

		mix(s, c);
		if (c == 0)
			continue;
		put(s, bytes + (from - o->off), to - from, from);
		s->len = to > s->len ? to : s->len;
		if (c == 2)
			garbage(s, at, at + size < s->len ? at + size : s->len);
	}
}

/* As revive(), for a write that reached the disk without a sync. */
static void put_lost(const struct state *s, const struct file *f, const struct op *o)
{
	for (size_t i = 0; i < f->lost_count; i++) {
		const struct op *was = &s->d->log->ops[f->lost[i].op];
		size_t from, n = part_in(was, f->lost[i].page, &from);

		if (touches(o, f->lost[i].page))
			put(s, s->d->log->bytes + was->at + (from - was->off), n, from);
	}
}

static void apply(struct state *s, size_t op)
{
	const struct op *o = &s->d->log->ops[op];
	enum disk_kind k = s->cut->kind;
	size_t end = o->off + o->len;

	if (o->kind == OP_SIZE) {
		if (k != KIND_SHORT)
			resize(s, o->off);
		mix(s, op);
		return;
	}
	if (k == KIND_SECTORS || k == KIND_TORN) {
		mix(s, op);
		write_sectors(s, o, k == KIND_TORN);
		return;
	}
	mix(s, op);
	if (k == KIND_SIZES) {
		if (end > s->len)
			resize(s, end);
		return;
	}
	put_lost(s, &s->d->file[o->file], o);
	put(s, s->d->log->bytes + o->at, o->len, o->off);
	s->len = end > s->len ? end : s->len;
}

static bool chosen(struct state *s, size_t i, size_t count, const struct op *o)
{
	switch (s->cut->kind) {
	case KIND_DROP:
	case KIND_NAMES: return false;
	case KIND_KEEP:
	case KIND_PREFIX:
	case KIND_SIZES:
	case KIND_SHORT: return true;
	case KIND_NEWEST: return i + 1 == count;
	case KIND_WRITES: return coin(s);
	case KIND_SECTORS:
	case KIND_TORN: return o->kind == OP_WRITE || coin(s);
	case KINDS: break;
	}
	return false;
}

static void make_file(struct state *s, const struct file *f)
{
	size_t count = f->waits.count;

	put(s, f->bytes, f->len, 0);
	s->len = f->len;
	mix(s, f->version);
	if (s->cut->kind == KIND_PREFIX)
		count = first_few(s, count);
	for (size_t i = 0; i < count; i++)
		if (chosen(s, i, count, &s->d->log->ops[f->waits.at[i]]))
			apply(s, f->waits.at[i]);
	if (s->cut->kind == KIND_SHORT && s->len > f->len)
		resize(s, f->len);
}

static void make_entry(struct state *s, const struct entry *e, int at)
{
	for (const char *c = e->name; *c; c++)
		mix(s, (uint64_t)*c);
	mix(s, (uint64_t)e->file);
	if (e->folder && at >= 0)
		(void)mkdirat(at, e->name, 0700);
	if (e->folder)
		return;
	if (at < 0) { /* only the number is wanted */
		s->fd = -1;
		make_file(s, &s->d->file[e->file]);
		return;
	}
	s->fd = openat(at, e->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (s->fd < 0) /* its folder was not kept */
		return;
	make_file(s, &s->d->file[e->file]);
	close(s->fd);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

uint64_t disk_write(struct disk *d, const struct disk_cut *c, const char *dir)
{
	struct state s = { .d = d, .cut = c, .dice = dice_seed(c->dice, 1) };
	static struct names names;
	int at = -1;

	if (dir) {
		folder_empty(dir);
		at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (at < 0)
			out_of_memory();
	}
	choose_names(&s, &names);
	/* A folder stands before what is in it. */
	qsort(names.e, names.count, sizeof(names.e[0]), by_name);
	for (size_t i = 0; i < names.count; i++)
		make_entry(&s, &names.e[i], at);
	if (at >= 0)
		close(at);
	return s.sum;
}

/* --- folders -------------------------------------------------------------------------------- */

void folder_empty(const char *dir)
{
	char path[PATH_BYTES];
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(d), e->d_name, 0) == 0)
			continue;
		(void)snprintf(path, sizeof(path), "%.200s/%.150s", dir, e->d_name);
		folder_empty(path);
		(void)unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	}
	if (d)
		closedir(d);
}

static const char *compare_file(int at, const struct entry *e, const struct file *f)
{
	static char text[RECORD_NAME_LEN + 64];
	uint8_t buf[4096];
	size_t off = 0;
	ssize_t n;
	int fd = openat(at, e->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	(void)snprintf(text, sizeof(text), "%s is not what was recorded", e->name);
	if (fd < 0)
		return text;
	while ((n = read(fd, buf, sizeof(buf))) > 0 && off + (size_t)n <= f->len &&
	       memcmp(buf, f->bytes + off, (size_t)n) == 0)
		off += (size_t)n;
	close(fd);
	return n == 0 && off == f->len ? NULL : text;
}

static size_t count_entries(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	size_t n = 0;

	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

const char *disk_compare(const struct log *l, const char *dir)
{
	struct disk *d = disk_new(l, RULE_ORDERED);
	int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *wrong = NULL;
	size_t top = 0;

	d->live = true;
	disk_advance(d, l->count);
	for (int i = 0; i < l->files; i++)
		file_sync(d, &d->file[i], false);
	names_sync(d, NULL);
	for (size_t i = 0; i < d->names.count; i++) {
		const struct entry *e = &d->names.e[i];

		top += strchr(e->name, '/') == NULL;
		if (!e->folder && !wrong)
			wrong = compare_file(at, e, &d->file[e->file]);
	}
	if (!wrong && count_entries(dir) != top)
		wrong = "there are files that were not recorded, or some are missing";
	if (at >= 0)
		close(at);
	disk_free(d);
	return wrong;
}
