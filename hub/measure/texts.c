/*
 * texts.c - see texts.h.
 */
#include "hub/measure/texts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/crypto/crypto.h"
#include "hub/measure/folder.h"
#include "hub/measure/procfs.h"
#include "hub/measure/scan.h"
#include "hub/measure/words.h"

enum {
	SMALL_MAX = 4096, /* of a file that says one thing */
	LARGE_MAX = 65536,
	FILES_MAX = 512, /* that are named once */
	KMSG_RECORD_MAX = 8192,
};

#define KIB ((size_t)1024)

/* The text at hand: its place in the pool. */
struct out {
	uint8_t *p;
	size_t cap, len;
	uint32_t cut;
};

/* --- a text --------------------------------------------------------------------------------------- */

static void put(struct out *o, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		if (o->len == o->cap) {
			o->cut += (uint32_t)(len - i);
			return;
		}
		o->p[o->len++] =
			(uint8_t)((c < ' ' || c > '~') && c != '\n' && c != '\t' ? '?'
										 : c);
	}
}

__attribute__((format(printf, 2, 3))) static void putf(struct out *o, const char *fmt,
						       ...)
{
	char line[2 * PATH_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n > 0)
		put(o, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

/* Room for 'more' octets at the end: the oldest lines go. */
static void make_room(struct out *o, size_t more)
{
	size_t from = 0;
	const uint8_t *newline;

	if (more > o->cap || o->cap - o->len >= more)
		return;
	from = o->len + more - o->cap;
	newline = memchr(o->p + from, '\n', o->len - from);
	from = newline ? (size_t)(newline + 1 - o->p) : o->len;
	memmove(o->p, o->p + from, o->len - from);
	o->len -= from;
	o->cut += (uint32_t)from;
}

/* --- files ---------------------------------------------------------------------------------------- */

static void put_file(struct out *o, int dir, const char *name)
{
	char *buf = malloc(LARGE_MAX);
	int n = buf ? folder_read(dir, name, buf, LARGE_MAX) : -ENOMEM;

	if (n > 0)
		put(o, buf, (size_t)n);
	free(buf);
}

/* The value behind 'key' at the begin of a line; key "": the first line. */
static bool find_value(const char *buf, size_t len, const char *key, const char **ret,
		       size_t *ret_len)
{
	const char *at = buf, *line;
	size_t n, k = strlen(key);

	while ((line = words_line(&at, buf + len, &n)) != NULL) {
		if (n < k || memcmp(line, key, k) != 0)
			continue;
		for (line += k, n -= k; n > 0 && strchr(" \t:", *line); line++)
			n--;
		*ret = line;
		*ret_len = n;
		return true;
	}
	return false;
}

/* One thing in a line of others. */
static void put_found(struct out *o, const char *buf, size_t len, const char *key,
		      const char *shown)
{
	const char *value;
	size_t n;

	if (!find_value(buf, len, key, &value, &n))
		return;
	putf(o, " %s=", shown);
	put(o, value, n);
}

static void put_value(struct out *o, int dir, const char *name, const char *key)
{
	char buf[SMALL_MAX];
	int n = folder_read(dir, name, buf, sizeof(buf));

	if (n > 0)
		put_found(o, buf, (size_t)n, key, *key ? key : name);
}

/* --- what is shown -------------------------------------------------------------------------------- */

static void put_process(void *arg, int dir, const char *name)
{
	static const char *const keys[] = { "Name",   "State",	    "PPid",
					    "Uid",    "VmRSS",	    "Threads",
					    "CapEff", "NoNewPrivs", "Seccomp" };
	char buf[SMALL_MAX];
	struct out *o = arg;
	int n;

	if (name[strspn(name, "0123456789")] != '\0')
		return;
	putf(o, "%s", name);
	n = folder_read(dir, "status", buf, sizeof(buf));
	for (size_t i = 0; n > 0 && i < sizeof(keys) / sizeof(*keys); i++)
		put_found(o, buf, (size_t)n, keys[i], keys[i]);
	put(o, "\n", 1);
}

static void put_service(void *arg, int dir, const char *name)
{
	struct out *o = arg;
	size_t len = strlen(name);

	if (len < 8 || strcmp(name + len - 8, ".service") != 0)
		return;
	putf(o, "%s", name);
	put_value(o, dir, "cgroup.events", "populated");
	put_value(o, dir, "memory.peak", "");
	put_value(o, dir, "memory.events", "oom_kill");
	put_value(o, dir, "pids.peak", "");
	put_value(o, dir, "cpu.stat", "usage_usec");
	put(o, "\n", 1);
}

/* A serial number may lead to a person: enough of it to see that it is another one. */
static void put_serial(struct out *o, int dir)
{
	uint8_t hash[SHA256_LEN];
	char buf[SMALL_MAX];
	int n = folder_read(dir, "serial", buf, sizeof(buf));

	if (n <= 0)
		return;
	crypto_sha256((const uint8_t *)buf, (size_t)n, hash);
	putf(o, " serial=%02x%02x%02x%02x", hash[0], hash[1], hash[2], hash[3]);
}

static void put_usb(void *arg, int dir, const char *name)
{
	struct out *o = arg;

	putf(o, "%s", name);
	put_value(o, dir, "idVendor", "");
	put_value(o, dir, "idProduct", "");
	put_value(o, dir, "bDeviceClass", "");
	put_value(o, dir, "bInterfaceClass", "");
	put_value(o, dir, "authorized", "");
	put_serial(o, dir);
	put(o, "\n", 1);
}

/* --- code ----------------------------------------------------------------------------------------- */

/* Files that were named already, by what their line is of. */
struct named {
	struct out *o;
	size_t count;
	uint8_t of[FILES_MAX][SHA256_LEN];
};

static void on_file(void *arg, const char *path, size_t len, const struct survey_file *f,
		    const uint8_t *hash)
{
	struct named *n = arg;
	char line[PATH_MAX + 128], hex[2 * SHA256_LEN + 1] = "-";
	uint8_t of[SHA256_LEN];
	int k;

	for (size_t i = 0; f->read && i < SHA256_LEN; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	k = snprintf(line, sizeof(line), "%s %s %.*s\n", hex,
		     !f->in_image ? "unowned"
		     : !f->read	  ? "unread"
		     : f->same	  ? "same"
				  : "changed",
		     (int)(len < PATH_MAX ? len : PATH_MAX), path);
	if (k < 0 || (size_t)k >= sizeof(line))
		return;
	crypto_sha256((const uint8_t *)line, (size_t)k, of);
	for (size_t i = 0; i < n->count; i++)
		if (memcmp(n->of[i], of, SHA256_LEN) == 0)
			return;
	if (n->count < FILES_MAX)
		memcpy(n->of[n->count++], of, SHA256_LEN);
	put(n->o, line, (size_t)k);
}

/* A look of its own: the evidence names components, this each file. */
static int put_files(struct out *o, const char *proc, const struct image *image)
{
	struct named *n = calloc(1, sizeof(*n));
	struct evidence *e = calloc(1, sizeof(*e));
	const struct scan_watch watch = { n, on_file };
	struct survey s;
	int r = n && e ? 0 : -ENOMEM;

	if (r == 0) {
		n->o = o;
		survey_begin(&s, e, 0);
		r = scan_run(proc, image, &s, &watch);
	}
	free(e);
	free(n);
	return r;
}

/* --- the kernel ----------------------------------------------------------------------------------- */

/* "6,1234,56789012,-;text\n KEY=value\n": priority, number, microseconds. */
static void put_record(struct out *o, const char *record, size_t len)
{
	const char *text = memchr(record, ';', len);
	const char *comma = memchr(record, ',', len);
	const char *end = record + len, *stop;
	size_t n;

	if (comma)
		comma = memchr(comma + 1, ',', (size_t)(end - comma - 1));
	if (!text || !comma || comma > text)
		return;
	text++;
	stop = memchr(text, '\n', (size_t)(end - text));
	n = (size_t)((stop ? stop : end) - text);
	make_room(o, n + 32);
	putf(o, "%llu ", strtoull(comma + 1, NULL, 10));
	put(o, text, n);
	put(o, "\n", 1);
}

static void put_log(struct out *o, int fd)
{
	char record[KMSG_RECORD_MAX + 1];
	ssize_t n;

	for (;;) {
		n = read(fd, record, KMSG_RECORD_MAX);
		if (n < 0 && errno == EPIPE)
			continue; /* that one was overwritten meanwhile */
		if (n <= 0)
			return;
		record[n] = '\0';
		put_record(o, record, (size_t)n);
	}
}

/* --- all of them ---------------------------------------------------------------------------------- */

static struct out begin(const struct texts *t, size_t cap)
{
	size_t used = 0;

	for (size_t i = 0; i < t->count; i++)
		used += t->text[i].len;
	return (struct out){ .p = (uint8_t *)t->bytes + used,
			     .cap = cap < TEXTS_BYTES - used ? cap : TEXTS_BYTES - used };
}

static void end(struct texts *t, const char *name, const struct out *o)
{
	if (o->len == 0 || t->count == SNAPSHOT_TEXTS_MAX)
		return;
	t->text[t->count++] = (struct snapshot_text){ .name = name,
						      .name_len = strlen(name),
						      .bytes = o->p,
						      .len = o->len,
						      .cut = o->cut };
}

static void take_folder(struct texts *t, const char *name, size_t cap, const char *root,
			const char *path, folder_fn *fn)
{
	struct out o = begin(t, cap);
	char full[PATH_MAX];

	(void)snprintf(full, sizeof(full), "%s%s", root, path);
	folder_each(full, fn, &o);
	end(t, name, &o);
}

static void take_files(struct texts *t, const char *name, size_t cap, const char *root,
		       const char *const *names)
{
	struct out o = begin(t, cap);
	int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (; dir >= 0 && *names; names++) {
		size_t before = o.len;

		if (names[1] || before)
			putf(&o, "# %s\n", *names);
		put_file(&o, dir, *names);
	}
	if (dir >= 0)
		close(dir);
	end(t, name, &o);
}

int texts_take(const char *proc, const char *sys, int log, const struct image *image,
	       struct texts *ret)
{
	static const char *const sockets[] = { "1/net/tcp",  "1/net/tcp6",  "1/net/udp",
					       "1/net/udp6", "1/net/l2cap", "1/net/hci",
					       NULL };
	static const char *const interfaces[] = { "1/net/dev", NULL };
	static const char *const modules[] = { "modules", NULL };
	static const char *const mounts[] = { "1/mounts", NULL };
	static const char *const kernel[] = {
		"version", "cmdline", "uptime", "loadavg", "sys/kernel/tainted",
		"meminfo", NULL
	};
	struct out o;
	int r;

	ret->count = 0;
	o = begin(ret, SNAPSHOT_TEXT_MAX);
	r = put_files(&o, proc, image);
	end(ret, "files", &o);
	if (r)
		return r;
	take_folder(ret, "processes", 24 * KIB, proc, "", put_process);
	take_files(ret, "sockets", 24 * KIB, proc, sockets);
	take_files(ret, "interfaces", 4 * KIB, proc, interfaces);
	take_files(ret, "modules", 12 * KIB, proc, modules);
	take_files(ret, "mounts", 8 * KIB, proc, mounts);
	take_folder(ret, "services", 16 * KIB, sys, "/fs/cgroup/system.slice",
		    put_service);
	take_folder(ret, "usb", 4 * KIB, sys, "/bus/usb/devices", put_usb);
	take_files(ret, "kernel", 4 * KIB, proc, kernel);
	if (log >= 0) {
		o = begin(ret, SNAPSHOT_TEXT_MAX - 8 * KIB);
		put_log(&o, log);
		end(ret, "kernel-log", &o);
	}
	return 0;
}
