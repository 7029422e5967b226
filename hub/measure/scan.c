/*
 * scan.c - see scan.h.
 *
 * A file is hashed once for each look, whoever has it mapped. Paths are taken below /proc/PID/root, so that a process with
 * file systems of its own shows what it really has.
 */
#include "hub/measure/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/crypto/crypto.h"
#include "hub/measure/words.h"
#include "hub/rt/file.h"

enum {
	STATUS_BYTES = 8192,
	CHUNK = 1 << 16,
	TEXT_MAX = 1 << 24, /* of one file in /proc */
	FILE_BYTES_MAX = 1 << 26,
	HASHES_MAX = 1024,
	NAMESPACES_MAX = 32,
	PROC_PATH_MAX = PATH_MAX + 64,
};

static const char deleted_mark[] = " (deleted)";

/* A file whose bytes are known. */
struct hashed {
	dev_t dev;
	ino_t ino;
	uint8_t hash[SHA256_LEN];
};

struct scan {
	const char *proc;
	const struct image *image;
	struct survey *survey;
	const struct scan_watch *watch;
	struct hashed *hashes;
	size_t hash_count;
	ino_t namespaces[NAMESPACES_MAX];
	size_t namespace_count;
	const char *pid;
	char chunk[CHUNK];
};

/* --- text ---------------------------------------------------------------------------------------- */

typedef void line_fn(struct scan *s, const char *line, size_t len, unsigned arg);

/* Calls fn for each line of a file in /proc; one that is too long for the buffer comes cut. Returns 0 or -errno. */
static int each_line(struct scan *s, const char *path, line_fn *fn, unsigned arg)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t held = 0, total = 0;
	bool cut = false;

	if (fd < 0)
		return -errno;
	while (total < TEXT_MAX) {
		ssize_t n = read(fd, s->chunk + held, sizeof(s->chunk) - held);
		const char *at = s->chunk, *end, *line;
		size_t len;

		if (n <= 0)
			break;
		total += (size_t)n;
		end = s->chunk + held + (size_t)n;
		while (memchr(at, '\n', (size_t)(end - at)) &&
		       (line = words_line(&at, end, &len)) != NULL) {
			if (!cut)
				fn(s, line, len, arg);
			cut = false;
		}
		held = (size_t)(end - at);
		if (held == sizeof(s->chunk)) {
			if (!cut)
				fn(s, at, held, arg);
			cut = true;
			held = 0;
		}
		memmove(s->chunk, at, held);
	}
	if (held > 0 && !cut)
		fn(s, s->chunk, held, arg);
	close(fd);
	return 0;
}

/* --- files --------------------------------------------------------------------------------------- */

static int read_whole(int fd, size_t size, uint8_t ret[static SHA256_LEN])
{
	uint8_t *bytes = malloc(size ? size : 1);
	int n;

	if (!bytes)
		return -ENOMEM;
	n = file_read_all(fd, bytes, size);
	if (n >= 0)
		crypto_sha256(bytes, (size_t)n, ret);
	free(bytes);
	return n < 0 ? n : 0;
}

static int hash_open_file(struct scan *s, int fd, uint8_t ret[static SHA256_LEN])
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_BYTES_MAX)
		return -EIO;
	for (size_t i = 0; i < s->hash_count; i++) {
		if (s->hashes[i].dev == st.st_dev && s->hashes[i].ino == st.st_ino) {
			memcpy(ret, s->hashes[i].hash, SHA256_LEN);
			return 0;
		}
	}
	r = read_whole(fd, (size_t)st.st_size, ret);
	if (r == 0 && s->hash_count < HASHES_MAX) {
		struct hashed *h = &s->hashes[s->hash_count++];

		h->dev = st.st_dev;
		h->ino = st.st_ino;
		memcpy(h->hash, ret, SHA256_LEN);
	}
	return r;
}

/* The file of this path as the process at hand sees it. */
static int hash_path(struct scan *s, const char *path, size_t len,
		     uint8_t ret[static SHA256_LEN])
{
	char full[PROC_PATH_MAX];
	int n = snprintf(full, sizeof(full), "%s/%s/root%.*s", s->proc, s->pid, (int)len,
			 path);
	int fd, r;

	if (n < 0 || (size_t)n >= sizeof(full))
		return -EIO;
	/* a pipe or a device must not keep us waiting */
	fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	r = hash_open_file(s, fd, ret);
	close(fd);
	return r;
}

static bool find(const struct scan *s, const char *name, size_t len,
		 struct image_file *ret)
{
	uint8_t hash[SHA256_LEN];

	crypto_sha256((const uint8_t *)name, len, hash);
	return image_find(s->image, hash, ret);
}

static struct survey_file look_up(struct scan *s, const char *path, size_t len,
				  bool by_name_only)
{
	struct survey_file f = { 0 };
	uint8_t hash[SHA256_LEN];

	f.in_image = find(s, path, len, &f.file);
	if ((!f.in_image && !s->watch) || by_name_only)
		return f;
	f.read = hash_path(s, path, len, hash) == 0;
	f.same = f.in_image && f.read && memcmp(hash, f.file.hash, SHA256_LEN) == 0;
	if (s->watch)
		s->watch->file(s->watch->arg, path, len, &f, hash);
	return f;
}

/* --- processes ----------------------------------------------------------------------------------- */

static void on_mapping(struct scan *s, const char *line, size_t len, unsigned arg)
{
	struct survey_file f;
	struct mapping m;

	(void)arg;
	if (procfs_mapping(line, len, &m))
		return;
	if (!survey_wants_file(&m)) {
		survey_mapping(s->survey, &m, NULL);
		return;
	}
	f = look_up(s, m.path, m.path_len, false);
	survey_mapping(s->survey, &m, &f);
}

static int read_status(struct scan *s, struct process_status *ret)
{
	char path[PROC_PATH_MAX];
	uint8_t text[STATUS_BYTES];
	int fd, n;

	(void)snprintf(path, sizeof(path), "%s/%s/status", s->proc, s->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = file_read_all(fd, text, sizeof(text));
	close(fd);
	return n < 0 ? n : procfs_status((const char *)text, (size_t)n, ret);
}

static void on_socket(struct scan *s, const char *line, size_t len, unsigned table)
{
	struct open_socket o;

	if (procfs_socket((enum socket_table)table, line, len, &o) == 1)
		survey_socket(s->survey, (enum socket_table)table, &o);
}

/* Tables of sockets are the name space's: each one once. */
static void look_at_sockets(struct scan *s)
{
	static const struct {
		const char *name;
		enum socket_table table;
	} tables[] = { { "tcp", SOCKETS_TCP },		{ "tcp6", SOCKETS_TCP },
		       { "udp", SOCKETS_UDP },		{ "udp6", SOCKETS_UDP },
		       { "l2cap", SOCKETS_BLUETOOTH },	{ "hci", SOCKETS_BLUETOOTH },
		       { "rfcomm", SOCKETS_BLUETOOTH }, { "sco", SOCKETS_BLUETOOTH } };
	char path[PROC_PATH_MAX];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s/ns/net", s->proc, s->pid);
	if (stat(path, &st) < 0)
		return;
	for (size_t i = 0; i < s->namespace_count; i++)
		if (s->namespaces[i] == st.st_ino)
			return;
	if (s->namespace_count == NAMESPACES_MAX)
		return;
	s->namespaces[s->namespace_count++] = st.st_ino;
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s/net/%s", s->proc, s->pid,
			       tables[i].name);
		(void)each_line(s, path, on_socket, tables[i].table);
	}
}

/* Of each process: what it is, then what it has mapped. One that has ended shows nothing. */
static void look_at_process(struct scan *s)
{
	char path[PROC_PATH_MAX], program[PATH_MAX];
	struct process_status status = { 0 };
	struct survey_file f;
	size_t len, cut = sizeof(deleted_mark) - 1;
	bool deleted;
	ssize_t n;

	if (read_status(s, &status) || status.kernel)
		return;
	(void)snprintf(path, sizeof(path), "%s/%s/exe", s->proc, s->pid);
	n = readlink(path, program, sizeof(program));
	if (n < 0 && errno == ENOENT)
		return;
	len = n < 0 ? 0 : (size_t)n;
	deleted = len > cut && memcmp(program + len - cut, deleted_mark, cut) == 0;
	len -= deleted ? cut : 0;
	f = look_up(s, program, len, deleted);
	survey_process(s->survey, &status, program, len, deleted, &f);
	(void)snprintf(path, sizeof(path), "%s/%s/maps", s->proc, s->pid);
	(void)each_line(s, path, on_mapping, 0);
	look_at_sockets(s);
}

static bool is_pid(const char *name)
{
	return *name != '\0' && strspn(name, "0123456789") == strlen(name);
}

static int look_at_processes(struct scan *s)
{
	DIR *d = opendir(s->proc);
	struct dirent *entry;

	if (!d)
		return -EIO;
	while ((entry = readdir(d)) != NULL) {
		if (!is_pid(entry->d_name))
			continue;
		s->pid = entry->d_name;
		look_at_process(s);
	}
	closedir(d);
	return 0;
}

/* --- the kernel ---------------------------------------------------------------------------------- */

static void on_module(struct scan *s, const char *line, size_t len, unsigned arg)
{
	char name[96];
	struct image_file f;
	const char *module;
	int n = procfs_module(line, len, &module);
	bool known;

	(void)arg;
	if (n < 0)
		return;
	(void)snprintf(name, sizeof(name), "module:%.*s", n, module);
	known = find(s, name, strlen(name), &f);
	survey_module(s->survey, module, (size_t)n, known ? &f : NULL);
}

static void look_at_kernel(struct scan *s)
{
	static const char kernel[] = "kernel:";
	char path[PROC_PATH_MAX];
	struct image_file f;

	if (find(s, kernel, sizeof(kernel) - 1, &f))
		survey_module(s->survey, "", 0, &f);
	(void)snprintf(path, sizeof(path), "%s/modules", s->proc);
	(void)each_line(s, path, on_module, 0);
}

int scan_run(const char *proc, const struct image *image, struct survey *survey,
	     const struct scan_watch *watch)
{
	struct scan *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->proc = proc;
	s->image = image;
	s->survey = survey;
	s->watch = watch;
	s->hashes = calloc(HASHES_MAX, sizeof(*s->hashes));
	r = s->hashes ? look_at_processes(s) : -ENOMEM;
	if (r == 0)
		look_at_kernel(s);
	free(s->hashes);
	free(s);
	return r;
}
