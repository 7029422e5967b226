/*
 * door_serve.c - see door_serve.h.
 *
 *   NEW -handshake done, peer is somebody-> READING -whole question-> WRITING -all sent-> READING
 *   any -end, error, too long, nobody, DOOR_IDLE_MS-> gone
 *   NEW -DOOR_HANDSHAKE_MS, or the oldest of them when all places are taken-> gone
 *
 * So strangers who only connect keep nobody out for long.
 */
#include "clinic/door_serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "clinic/door_answer.h"
#include "clinic/files.h"
#include "clinic/root_files.h"
#include "clinic/store_person.h"
#include "clinic/wire.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/log.h"

struct peer {
	struct door_serve *door;
	struct wire *wire;
	struct rt_fd *watch;
	struct rt_timer *idle;
	bool known; /* handshake and uid are done */
	struct mono since;
	int64_t uid; /* without TLS */
	size_t in_len, out_len, out_sent;
	uint8_t in[DOOR_HEAD + DOOR_BYTES_MAX], out[DOOR_HEAD + DOOR_BYTES_MAX];
};

struct door_serve {
	struct rt *rt;
	struct door_serve_config cfg;
	struct door_clinic clinic;
	struct wire_tls *tls;
	int local_fd, tcp_fd;
	struct rt_fd *local, *tcp;
	struct peer *peers[DOOR_PEERS_MAX];
};

/* --- a connection ----------------------------------------------------------------------- */

static void drop(struct peer *p)
{
	for (size_t i = 0; i < DOOR_PEERS_MAX; i++)
		if (p->door->peers[i] == p)
			p->door->peers[i] = NULL;
	rt_fd_free(p->watch);
	rt_timer_free(p->idle);
	wire_free(p->wire);
	crypto_wipe(p, sizeof(*p)); /* configs have passkeys in them */
	free(p);
}

static void on_idle(void *arg)
{
	drop(arg);
}

static void owner(struct door_asker *ret)
{
	*ret = (struct door_asker){ .role = DOOR_ROLE_OWNER, .recorded = true };
	snprintf(ret->name, sizeof(ret->name), "owner");
}

/* Who that is now. Returns 0, -ENOENT (nobody), or an error of the store. */
static int find_asker(const struct peer *p, struct door_asker *ret)
{
	uint8_t spki[PIN_LEN];
	struct person who;
	int r;

	if (wire_peer(p->wire, spki) == 0) {
		r = store_person_by_spki(p->door->clinic.store, spki, &who);
	} else if (p->uid == 0 || p->uid == (int64_t)getuid()) {
		owner(ret);
		return 0;
	} else {
		r = store_person_by_uid(p->door->clinic.store, p->uid, &who);
	}
	if (r < 0)
		return r;
	*ret = (struct door_asker){ .role = who.role, .recorded = true };
	memcpy(ret->name, who.name, sizeof(ret->name));
	return 0;
}

static size_t refuse(enum door_code code, uint8_t out[static DOOR_BYTES_MAX])
{
	struct writer w;

	writer_init(&w, out, DOOR_BYTES_MAX);
	door_answer_begin(&w, code);
	return (size_t)writer_len(&w);
}

static void log_asked(const struct door_asker *a, const struct door_note *n)
{
	if (n->code == DOOR_FAILED)
		log_err("door-failed", "op=%s error=\"%s\"", door_op_text(n->op),
			err_text(n->err));
	else if (n->code == DOOR_DENIED)
		log_warn("door-denied", "op=%s role=%s", door_op_text(n->op),
			 door_role_text(a->role));
	else
		log_info("door", "op=%s role=%s code=%d", door_op_text(n->op),
			 door_role_text(a->role), (int)n->code);
}

/* The length of the answer, 0: the peer is nobody any more. */
static size_t answer(struct peer *p, size_t len)
{
	struct door_serve *d = p->door;
	uint8_t *out = p->out + DOOR_HEAD;
	struct door_asker asker;
	struct door_note note;
	size_t n;
	int r;

	if (d->clinic.failed || (d->cfg.ready && !d->cfg.ready(d->cfg.arg)))
		return refuse(DOOR_BUSY, out);
	r = find_asker(p, &asker);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return refuse(door_code(r), out);
	n = door_answer(&d->clinic, &asker, (int64_t)rt_wall().ms, p->in + DOOR_HEAD, len,
			out, &note);
	log_asked(&asker, &note);
	if (d->clinic.failed && d->cfg.failed)
		d->cfg.failed(d->cfg.arg);
	return d->clinic.failed ? 0 : n;
}

/* false: the peer is to be dropped. */
static bool send_rest(struct peer *p)
{
	while (p->out_sent < p->out_len) {
		int n = wire_write(p->wire, p->out + p->out_sent,
				   p->out_len - p->out_sent);

		if (n == -EAGAIN)
			return true;
		if (n <= 0)
			return false;
		p->out_sent += (size_t)n;
	}
	crypto_wipe(p->out, p->out_len);
	p->out_len = p->out_sent = 0;
	return true;
}

/* Whole questions that are here. */
static bool take_question(struct peer *p, bool *ret_taken)
{
	struct reader r;
	struct writer w;
	size_t len, n;

	*ret_taken = false;
	if (p->in_len < DOOR_HEAD)
		return true;
	reader_init(&r, p->in, DOOR_HEAD);
	len = read_be32(&r);
	if (len == 0 || len > DOOR_BYTES_MAX)
		return false;
	if (p->in_len < DOOR_HEAD + len)
		return true;
	n = answer(p, len);
	if (n == 0)
		return false;
	writer_init(&w, p->out, DOOR_HEAD);
	write_be32(&w, (uint32_t)n);
	p->out_len = DOOR_HEAD + n;
	p->in_len -= DOOR_HEAD + len;
	memmove(p->in, p->in + DOOR_HEAD + len, p->in_len);
	*ret_taken = true;
	rt_timer_set(p->idle, mono_add(rt_mono(), DOOR_IDLE_MS));
	return send_rest(p);
}

static bool receive(struct peer *p)
{
	bool taken = true;
	int n;

	while (p->out_len == 0 && taken) {
		if (!take_question(p, &taken))
			return false;
		if (taken)
			continue;
		n = wire_read(p->wire, p->in + p->in_len, sizeof(p->in) - p->in_len);
		if (n == -EAGAIN)
			return true;
		if (n <= 0)
			return false;
		p->in_len += (size_t)n;
		taken = true;
	}
	return true;
}

/* Who comes is somebody, or is not listened to. */
static bool become_known(struct peer *p)
{
	struct door_asker asker;
	int r = wire_handshake(p->wire);

	if (r == -EAGAIN)
		return true;
	if (r == 0)
		r = find_asker(p, &asker);
	p->known = r == 0;
	if (p->known)
		rt_timer_set(p->idle, mono_add(rt_mono(), DOOR_IDLE_MS));
	if (r < 0)
		log_warn("door-closed", "reason=%s",
			 r == -ENOENT	      ? "nobody"
			 : r == -EKEYREJECTED ? "certificate"
			 : r == -ECONNRESET   ? "handshake"
					      : "store");
	return p->known;
}

static void on_peer(void *arg, int events)
{
	struct peer *p = arg;
	bool good = true;

	(void)events;
	if (!p->known)
		good = become_known(p);
	if (good && p->known && p->out_len > 0)
		good = send_rest(p);
	if (good && p->known)
		good = receive(p);
	if (good)
		rt_fd_set(p->watch, wire_wants(p->wire));
	else
		drop(p);
}

/* --- the door --------------------------------------------------------------------------- */

/* A free one, or that of whoever has been longest without saying who it is; NULL: all are in use. */
static struct peer **make_place(struct door_serve *d)
{
	struct peer *oldest = NULL;
	size_t at = 0;

	for (size_t i = 0; i < DOOR_PEERS_MAX; i++) {
		struct peer *p = d->peers[i];

		if (!p)
			return &d->peers[i];
		if (!p->known && (!oldest || p->since.ms < oldest->since.ms)) {
			oldest = p;
			at = i;
		}
	}
	if (!oldest)
		return NULL;
	drop(oldest);
	return &d->peers[at];
}

/* Takes fd. */
static void admit(struct door_serve *d, int fd, bool tls, int64_t uid)
{
	struct peer **place = make_place(d), *p = place ? calloc(1, sizeof(*p)) : NULL;

	if (!p) {
		close(fd);
		log_warn("door-full", "connections=%d", DOOR_PEERS_MAX);
		return;
	}
	p->door = d;
	p->uid = uid;
	if (wire_new(fd, tls ? d->tls : NULL, NULL, &p->wire) < 0) {
		free(p);
		return;
	}
	p->watch = rt_fd_new(d->rt, fd, RT_READ, on_peer, p);
	p->idle = rt_timer_new(d->rt, on_idle, p);
	p->since = rt_mono();
	rt_timer_set(p->idle, mono_add(p->since, DOOR_HANDSHAKE_MS));
	*place = p;
}

static void on_local(void *arg, int events)
{
	struct door_serve *d = arg;
	struct ucred c;
	socklen_t len = sizeof(c);
	int fd = accept4(d->local_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len) != 0)
		close(fd);
	else
		admit(d, fd, false, (int64_t)c.uid);
}

static void on_tcp(void *arg, int events)
{
	struct door_serve *d = arg;
	int fd = accept4(d->tcp_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), one = 1;

	(void)events;
	if (fd < 0)
		return;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	admit(d, fd, true, PERSON_NO_UID);
}

/* A socket of a clinicd that is gone would be in the way; one that answers is not ours to take. */
static int clear_path(const struct sockaddr_un *sa)
{
	struct stat st;
	int fd, r;

	if (lstat(sa->sun_path, &st) != 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	r = fd < 0 ? -EIO : connect(fd, (const struct sockaddr *)sa, sizeof(*sa));
	if (fd >= 0)
		close(fd);
	if (r == 0)
		return -EEXIST;
	return unlink(sa->sun_path) == 0 ? 0 : -EACCES;
}

/* Everybody of the machine may connect; who is nobody is sent away. */
static int listen_local(const char *path, int *ret)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, r;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -EMSGSIZE;
	memcpy(sa.sun_path, path, strlen(path));
	r = clear_path(&sa);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -EIO;
	if (bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0 ||
	    chmod(path, 0666) != 0 || listen(fd, DOOR_PEERS_MAX) != 0) {
		r = errno == EACCES ? -EACCES : -EIO;
		close(fd);
		return r;
	}
	*ret = fd;
	return 0;
}

static int listen_tcp(const char *address, uint16_t port, int *ret)
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	uint8_t bytes[16] = { 0 };
	int fd, one = 1, none = 0;

	if (*address && conf_parse_address(address, bytes) < 0)
		return -EBADMSG;
	memcpy(&sa.sin6_addr, bytes, sizeof(bytes));
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -EIO;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &none, sizeof(none)) != 0 ||
	    bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0 ||
	    listen(fd, DOOR_PEERS_MAX) != 0) {
		close(fd);
		return -EIO;
	}
	*ret = fd;
	return 0;
}

static int load_tls(struct door_serve *d, char why[static FOLDER_WHY_MAX])
{
	static char cert[ROOT_CHAIN_MAX], key[PKI_PEM_MAX], root[ROOT_CHAIN_MAX];
	int r = root_files_chain(d->cfg.dir, FILES_SERVER_CRT, cert, why);

	if (r == 0)
		r = folder_read_text(d->cfg.dir, FILES_SERVER_KEY, key, sizeof(key), why);
	if (r == 0)
		r = root_files_anchors(d->cfg.dir, root, why);
	if (r < 0)
		return r;
	r = wire_tls_new(true, cert, key, root, &d->tls);
	crypto_wipe(key, sizeof(key));
	if (r < 0)
		snprintf(why, FOLDER_WHY_MAX,
			 "%s, %s and %s in %s do not belong together", FILES_SERVER_KEY,
			 FILES_SERVER_CRT, FILES_ROOT_CRT, d->cfg.dir);
	return r;
}

static int open_local(struct door_serve *d, char why[static FOLDER_WHY_MAX])
{
	int r = listen_local(d->cfg.socket, &d->local_fd);

	if (r < 0) {
		snprintf(why, FOLDER_WHY_MAX, "cannot listen on the socket %s: %s",
			 d->cfg.socket,
			 r == -EEXIST ? "there is another clinicd, or a file that is no "
					"socket"
				      : err_text(r));
		return r;
	}
	d->local = rt_fd_new(d->rt, d->local_fd, RT_READ, on_local, d);
	return 0;
}

static int open_tcp(struct door_serve *d, char why[static FOLDER_WHY_MAX])
{
	int r = load_tls(d, why);

	if (r < 0)
		return r;
	r = listen_tcp(d->cfg.address, d->cfg.port, &d->tcp_fd);
	if (r < 0) {
		snprintf(why, FOLDER_WHY_MAX,
			 "cannot listen on TCP port %u%s%s: the port is taken or the "
			 "address is not this machine's",
			 d->cfg.port, *d->cfg.address ? " of " : "", d->cfg.address);
		return r;
	}
	d->tcp = rt_fd_new(d->rt, d->tcp_fd, RT_READ, on_tcp, d);
	return 0;
}

int door_serve_start(struct rt *rt, struct store *s, const struct door_serve_config *cfg,
		     struct door_serve **ret, char why[static FOLDER_WHY_MAX])
{
	struct door_serve *d = calloc(1, sizeof(*d));
	int r = 0;

	*ret = d;
	if (!d) {
		snprintf(why, FOLDER_WHY_MAX, "%s", err_text(-ENOMEM));
		return -ENOMEM;
	}
	*d = (struct door_serve){ .rt = rt,
				  .cfg = *cfg,
				  .clinic = { .store = s, .dir = cfg->dir },
				  .local_fd = -1,
				  .tcp_fd = -1 };
	if (cfg->socket)
		r = open_local(d, why);
	if (r == 0 && cfg->tls)
		r = open_tcp(d, why);
	return r;
}

uint16_t door_serve_port(const struct door_serve *d)
{
	struct sockaddr_in6 sa = { 0 };
	socklen_t len = sizeof(sa);

	if (d->tcp_fd < 0 || getsockname(d->tcp_fd, (struct sockaddr *)&sa, &len) != 0)
		return 0;
	return ntohs(sa.sin6_port);
}

void door_serve_free(struct door_serve *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < DOOR_PEERS_MAX; i++)
		if (d->peers[i])
			drop(d->peers[i]);
	rt_fd_free(d->local);
	rt_fd_free(d->tcp);
	if (d->local_fd >= 0) {
		close(d->local_fd);
		(void)unlink(d->cfg.socket);
	}
	if (d->tcp_fd >= 0)
		close(d->tcp_fd);
	wire_tls_free(d->tls);
	free(d);
}
