/*
 * procfs.c - see procfs.h.
 */
#include "hub/measure/procfs.h"

#include <errno.h>
#include <string.h>

#include "hub/core/hex.h"

/* What is left of a line. */
struct text {
	const char *p, *end;
	bool bad;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static void skip_spaces(struct text *t)
{
	while (t->p < t->end && is_space(*t->p))
		t->p++;
}

/* The next word; empty and bad if there is none. */
static struct text word(struct text *t)
{
	struct text w;

	skip_spaces(t);
	w = (struct text){ t->p, t->p, false };
	while (t->p < t->end && !is_space(*t->p))
		t->p++;
	w.end = t->p;
	t->bad |= w.p == w.end;
	return w;
}

static uint64_t number(struct text *t, struct text w, unsigned base)
{
	uint64_t v = 0;

	if (w.p == w.end || w.end - w.p > 20)
		t->bad = true;
	for (; w.p < w.end && !t->bad; w.p++) {
		int digit = hex_digit(*w.p);

		t->bad |= digit < 0 || (unsigned)digit >= base ||
			  v > (UINT64_MAX - (unsigned)digit) / base;
		if (!t->bad)
			v = v * base + (unsigned)digit;
	}
	return t->bad ? 0 : v;
}

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

const char *procfs_line(const char **at, const char *end, size_t *ret_len)
{
	const char *line = *at, *stop;

	if (line >= end)
		return NULL;
	stop = memchr(line, '\n', (size_t)(end - line));
	*ret_len = (size_t)((stop ? stop : end) - line);
	*at = stop ? stop + 1 : end;
	return line;
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
	struct text t = { line, line + len, false };
	struct text range = word(&t), mode = word(&t);
	struct mapping m = { 0 };

	(void)word(&t); /* offset */
	(void)word(&t); /* device */
	m.inode = number(&t, word(&t), 10);
	if (t.bad || mode.end - mode.p != 4 ||
	    !memchr(range.p, '-', (size_t)(range.end - range.p)))
		return -EBADMSG;
	m.writable = mode.p[1] == 'w';
	m.executable = mode.p[2] == 'x';
	skip_spaces(&t);
	m.path = t.p;
	m.path_len = (size_t)(t.end - t.p);
	m.kind = kind_of(&m);
	*ret = m;
	return 0;
}

/* --- status -------------------------------------------------------------------------------------- */

static void copy_name(struct text v, char ret[static PROCFS_NAME_MAX + 1])
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
static bool value_of(const char *line, size_t len, const char *name, struct text *ret)
{
	if (!begins(line, len, name))
		return false;
	*ret = (struct text){ line + strlen(name), line + len, false };
	skip_spaces(ret);
	return true;
}

int procfs_status(const char *text, size_t len, struct process_status *ret)
{
	struct process_status s = { .kernel = true };
	bool uid = false, capabilities = false, bad = false;
	const char *at = text, *line;
	struct text v;
	size_t n;

	while ((line = procfs_line(&at, text + len, &n)) != NULL) {
		if (value_of(line, n, "Name:", &v)) {
			copy_name(v, s.name);
		} else if (value_of(line, n, "Uid:", &v)) {
			(void)word(&v); /* real */
			s.uid = (uint32_t)number(&v, word(&v), 10);
			uid = true;
		} else if (value_of(line, n, "CapEff:", &v)) {
			s.capabilities = number(&v, word(&v), 16);
			capabilities = true;
		} else if (value_of(line, n, "NoNewPrivs:", &v)) {
			s.no_new_privileges = number(&v, word(&v), 10) == 1;
		} else if (value_of(line, n, "Seccomp:", &v)) {
			s.seccomp = (uint8_t)number(&v, word(&v), 10);
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
static uint16_t port_of(struct text *t, struct text w)
{
	const char *colon = memchr(w.p, ':', (size_t)(w.end - w.p));
	uint64_t v;

	if (!colon) {
		t->bad = true;
		return 0;
	}
	w.p = colon + 1;
	v = number(t, w, 16);
	t->bad |= v > UINT16_MAX;
	return (uint16_t)v;
}

static int internet_socket(enum socket_table table, struct text t,
			   struct open_socket *ret)
{
	uint16_t port, peer;
	uint64_t state, uid;

	(void)word(&t); /* number of the line */
	port = port_of(&t, word(&t));
	peer = port_of(&t, word(&t));
	state = number(&t, word(&t), 16);
	for (int i = 0; i < 3; i++)
		(void)word(&t); /* queues, timer, retransmissions */
	uid = number(&t, word(&t), 10);
	if (t.bad || uid > UINT32_MAX)
		return -EBADMSG;
	if (peer == 0 && (table == SOCKETS_TCP ? state != TCP_LISTEN_STATE : port == 0))
		return 0;
	if (table == SOCKETS_TCP && state == TCP_TIME_WAIT_STATE)
		return 0;
	*ret = (struct open_socket){ peer ? peer : port, (uint32_t)uid, peer != 0 };
	return 1;
}

static int bluetooth_socket(struct text t, struct open_socket *ret)
{
	uint64_t uid;

	for (int i = 0; i < 4; i++)
		(void)word(&t); /* sk, references, memory read and written */
	uid = number(&t, word(&t), 10);
	if (t.bad || uid > UINT32_MAX)
		return -EBADMSG;
	*ret = (struct open_socket){ 0, (uint32_t)uid, false };
	return 1;
}

int procfs_socket(enum socket_table table, const char *line, size_t len,
		  struct open_socket *ret)
{
	struct text t = { line, line + len, false };

	skip_spaces(&t);
	if (begins(t.p, (size_t)(t.end - t.p), "sl ") ||
	    begins(t.p, (size_t)(t.end - t.p), "sk "))
		return 0;
	return table == SOCKETS_BLUETOOTH ? bluetooth_socket(t, ret)
					  : internet_socket(table, t, ret);
}

int procfs_module(const char *line, size_t len, const char **ret)
{
	struct text t = { line, line + len, false };
	struct text name = word(&t);

	if (t.bad || name.end - name.p > 63)
		return -EBADMSG;
	*ret = name.p;
	return (int)(name.end - name.p);
}
