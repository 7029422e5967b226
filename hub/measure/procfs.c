/*
 * procfs.c - see procfs.h.
 */
#include "hub/measure/procfs.h"

#include <errno.h>
#include <string.h>

#include "hub/measure/words.h"

static bool begins(const char *p, size_t len, const char *with)
{
	return len >= strlen(with) && memcmp(p, with, strlen(with)) == 0;
}

static bool cut_end(const char *p, size_t *len, const char *end)
{
	size_t n = strlen(end);

	if (*len < n || memcmp(p + *len - n, end, n) != 0)
		return false;
	*len -= n;
	return true;
}

/* --- maps ---------------------------------------------------------------------------------------- */

/* What has an inode and no path on a disk: memory that the kernel hands out as files. */
static bool is_memory(const char *p, size_t len)
{
	static const char *const names[] = { "/memfd:",	   "/dev/zero",	 "/SYSV",
					     "/dev/shm/",  "/secretmem", "/anon_hugepage",
					     "anon_inode:" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (begins(p, len, names[i]))
			return true;
	return false;
}

static bool is_kernels(const char *p, size_t len)
{
	static const char *const names[] = { "[vdso]",	   "[vvar]",	"[vvar_vclock]",
					     "[vsyscall]", "[uprobes]", "[sigpage]",
					     "[vectors]" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (len == strlen(names[i]) && memcmp(p, names[i], len) == 0)
			return true;
	return false;
}

static enum mapping_kind kind_of(struct mapping *m)
{
	bool deleted;

	if (m->path_len == 0)
		return MAPPING_ANONYMOUS;
	if (m->path[0] != '/' && m->inode == 0)
		return is_kernels(m->path, m->path_len) ? MAPPING_KERNEL
							: MAPPING_ANONYMOUS;
	deleted = cut_end(m->path, &m->path_len, " (deleted)");
	if (is_memory(m->path, m->path_len))
		return MAPPING_MEMFD;
	return deleted || m->path[0] != '/' ? MAPPING_DELETED : MAPPING_FILE;
}

int procfs_mapping(const char *line, size_t len, struct mapping *ret)
{
	struct words t = { line, line + len, false };
	struct words range = words_next(&t), mode = words_next(&t);
	struct mapping m = { 0 };

	(void)words_next(&t); /* offset */
	(void)words_next(&t); /* device */
	m.inode = words_number(&t, words_next(&t), 10);
	if (t.bad || mode.end - mode.p != 4 ||
	    !memchr(range.p, '-', (size_t)(range.end - range.p)))
		return -EBADMSG;
	m.writable = mode.p[1] == 'w';
	m.executable = mode.p[2] == 'x';
	words_skip(&t);
	m.path = t.p;
	m.path_len = (size_t)(t.end - t.p);
	m.kind = kind_of(&m);
	*ret = m;
	return 0;
}

/* --- status -------------------------------------------------------------------------------------- */

static void copy_name(struct words v, char ret[static PROCFS_NAME_MAX + 1])
{
	size_t n = 0;

	for (; v.p < v.end && n < PROCFS_NAME_MAX; v.p++) {
		if (*v.p >= ' ' && *v.p <= '~')
			ret[n++] = *v.p;
		else
			ret[n++] = '?';
	}
	ret[n] = '\0';
}

/* The text behind "NAME:" and its spaces. */
static bool value_of(const char *line, size_t len, const char *name, struct words *ret)
{
	if (!begins(line, len, name))
		return false;
	*ret = (struct words){ line + strlen(name), line + len, false };
	words_skip(ret);
	return true;
}

int procfs_status(const char *text, size_t len, struct process_status *ret)
{
	struct process_status s = { .kernel = true };
	bool uid = false, capabilities = false, bad = false;
	const char *at = text, *line;
	struct words v;
	size_t n;

	while ((line = words_line(&at, text + len, &n)) != NULL) {
		if (value_of(line, n, "Name:", &v)) {
			copy_name(v, s.name);
		} else if (value_of(line, n, "Uid:", &v)) {
			(void)words_next(&v); /* real */
			s.uid = (uint32_t)words_number(&v, words_next(&v), 10);
			uid = true;
		} else if (value_of(line, n, "CapEff:", &v)) {
			s.capabilities = words_number(&v, words_next(&v), 16);
			capabilities = true;
		} else if (value_of(line, n, "NoNewPrivs:", &v)) {
			s.no_new_privileges = words_number(&v, words_next(&v), 10) == 1;
		} else if (value_of(line, n, "Seccomp:", &v)) {
			s.seccomp = (uint8_t)words_number(&v, words_next(&v), 10);
		} else if (begins(line, n, "VmSize:")) {
			s.kernel = false; /* it has memory of its own */
			continue;
		} else {
			continue;
		}
		bad |= v.bad;
	}
	if (!uid || !capabilities || bad)
		return -EBADMSG;
	*ret = s;
	return 0;
}

/* --- sockets and modules ------------------------------------------------------------------------- */

enum { TCP_TIME_WAIT_STATE = 0x06, TCP_LISTEN_STATE = 0x0A };

/* "0100007F:1F90": the part behind the colon. */
static uint16_t port_of(struct words *t, struct words w)
{
	const char *colon = memchr(w.p, ':', (size_t)(w.end - w.p));
	uint64_t v;

	if (!colon) {
		t->bad = true;
		return 0;
	}
	w.p = colon + 1;
	v = words_number(t, w, 16);
	t->bad |= v > UINT16_MAX;
	return (uint16_t)v;
}

static int internet_socket(enum socket_table table, struct words t,
			   struct open_socket *ret)
{
	uint16_t port, peer;
	uint64_t state, uid;

	(void)words_next(&t); /* number of the line */
	port = port_of(&t, words_next(&t));
	peer = port_of(&t, words_next(&t));
	state = words_number(&t, words_next(&t), 16);
	for (int i = 0; i < 3; i++)
		(void)words_next(&t); /* queues, timer, retransmissions */
	uid = words_number(&t, words_next(&t), 10);
	if (t.bad || uid > UINT32_MAX)
		return -EBADMSG;
	if (peer == 0 && (table == SOCKETS_TCP ? state != TCP_LISTEN_STATE : port == 0))
		return 0;
	if (table == SOCKETS_TCP && state == TCP_TIME_WAIT_STATE)
		return 0;
	*ret = (struct open_socket){ peer ? peer : port, (uint32_t)uid, peer != 0 };
	return 1;
}

static int bluetooth_socket(struct words t, struct open_socket *ret)
{
	uint64_t uid;

	for (int i = 0; i < 4; i++)
		(void)words_next(&t); /* sk, references, memory read and written */
	uid = words_number(&t, words_next(&t), 10);
	if (t.bad || uid > UINT32_MAX)
		return -EBADMSG;
	*ret = (struct open_socket){ 0, (uint32_t)uid, false };
	return 1;
}

int procfs_socket(enum socket_table table, const char *line, size_t len,
		  struct open_socket *ret)
{
	struct words t = { line, line + len, false };

	words_skip(&t);
	if (begins(t.p, (size_t)(t.end - t.p), "sl ") ||
	    begins(t.p, (size_t)(t.end - t.p), "sk "))
		return 0;
	return table == SOCKETS_BLUETOOTH ? bluetooth_socket(t, ret)
					  : internet_socket(table, t, ret);
}

int procfs_module(const char *line, size_t len, const char **ret)
{
	struct words t = { line, line + len, false };
	struct words name = words_next(&t);

	if (t.bad || name.end - name.p > 63)
		return -EBADMSG;
	*ret = name.p;
	return (int)(name.end - name.p);
}
