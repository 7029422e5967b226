/*
 * landlock.c - see landlock.h.
 *
 * The kernel's structures are written out here: the headers that we are built with may be older than the kernel we run on.
 * What is unknown to a kernel must be zero, then it takes a structure that is longer than its own.
 */
#include "hub/rt/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* One number on all architectures. */
enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446 };
enum { ASK_VERSION = 1, RULE_PATH = 1, RULE_PORT = 2 };
enum {
	SINCE_REFER = 2,
	SINCE_TRUNCATE = 3,
	SINCE_TCP = 4,
	SINCE_DEVICE = 5,
	SINCE_SCOPE = 6
};

enum {
	EXECUTE = 1 << 0,
	WRITE_FILE = 1 << 1,
	READ_FILE = 1 << 2,
	READ_DIR = 1 << 3,
	REMOVE_DIR = 1 << 4,
	REMOVE_FILE = 1 << 5,
	MAKE_DIR = 1 << 7,
	MAKE_REG = 1 << 8,
	MAKE_SOCK = 1 << 9,
	OF_VERSION_1 = (1 << 13) - 1,
	REFER = 1 << 13,
	TRUNCATE = 1 << 14,
	DEVICE = 1 << 15,
	OF_FILES = WRITE_FILE | READ_FILE | TRUNCATE | DEVICE,
};
enum { BIND_TCP = 1, CONNECT_TCP = 2 };
enum { ABSTRACT_SOCKETS = 1, SIGNALS = 2 };

struct ruleset {
	uint64_t files, tcp, scoped;
};
struct below {
	uint64_t may;
	int32_t folder;
} __attribute__((packed));
struct port {
	uint64_t may, port;
};

/* systemd before 254, or a test, may listen for us on a name that is not in the file system */
static bool needs_abstract(void)
{
	const char *notify = getenv("NOTIFY_SOCKET");

	return notify && notify[0] == '@';
}

static struct ruleset of_version(long version)
{
	struct ruleset r = { .files = OF_VERSION_1 | REFER };

	if (version >= SINCE_TRUNCATE)
		r.files |= TRUNCATE;
	if (version >= SINCE_DEVICE)
		r.files |= DEVICE;
	if (version >= SINCE_TCP)
		r.tcp = BIND_TCP | CONNECT_TCP;
	if (version >= SINCE_SCOPE)
		r.scoped = needs_abstract() ? SIGNALS : SIGNALS | ABSTRACT_SOCKETS;
	return r;
}

static uint64_t rights(unsigned may)
{
	uint64_t r = 0;

	if (may & (LANDLOCK_READ | LANDLOCK_WRITE))
		r |= READ_FILE | READ_DIR;
	if (may & LANDLOCK_WRITE)
		r |= WRITE_FILE | TRUNCATE | MAKE_REG | REMOVE_FILE | MAKE_DIR |
		     REMOVE_DIR | REFER;
	if (may & LANDLOCK_DOORS)
		r |= MAKE_SOCK | REMOVE_FILE;
	if (may & LANDLOCK_DEVICES)
		r |= WRITE_FILE | READ_FILE | DEVICE;
	return r;
}

static int add_place(int set, const struct landlock_place *p, uint64_t known)
{
	struct below rule = { .may = rights(p->may) & known };
	struct stat st;
	int r = 0;

	if (!p->path)
		return 0;
	rule.folder = open(p->path, O_PATH | O_CLOEXEC);
	if (rule.folder < 0)
		return errno == ENOENT || errno == EACCES || errno == ENOTDIR ? 0
									      : -errno;
	if (fstat(rule.folder, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.may &= OF_FILES; /* the rest is of folders, and refused for a file */
	if (rule.may && syscall(ADD_RULE, set, RULE_PATH, &rule, 0) < 0)
		r = -errno;
	close(rule.folder);
	return r;
}

static int add_rules(int set, const struct landlock_rules *r, const struct ruleset *of)
{
	const struct port port = { CONNECT_TCP, r->tcp_port };

	for (unsigned i = 0; i < r->count; i++) {
		int e = add_place(set, &r->places[i], of->files);

		if (e)
			return e;
	}
	if (r->tcp_port && of->tcp && syscall(ADD_RULE, set, RULE_PORT, &port, 0) < 0)
		return -errno;
	return 0;
}

int landlock_restrict(const struct landlock_rules *rules)
{
	long version = syscall(CREATE_RULESET, NULL, 0, ASK_VERSION);
	struct ruleset of;
	int set, r;

	/* not in this kernel, or switched off; and the first forbids to move a file from one folder to the next */
	if (version < SINCE_REFER)
		return 0;
	of = of_version(version);
	set = (int)syscall(CREATE_RULESET, &of, sizeof(of), 0);
	if (set < 0)
		return -errno;
	r = add_rules(set, rules, &of);
	if (r == 0 && syscall(RESTRICT_SELF, set, 0) < 0)
		r = -errno;
	close(set);
	return r ? r : (int)version;
}
