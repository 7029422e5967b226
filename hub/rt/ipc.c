/*
 * ipc.c - one link to one peer process; the invariants stand in ipc.h.
 *
 *   listening side:   LISTENING -accept, uid good-> UP -end, bad bytes-> LISTENING
 *   connecting side:  WAITING -connect, uid good-> UP -end, bad bytes-> WAITING (retry 200 ms .. 2 s)
 *
 * A socket that systemd listens on shows systemd's own uid (0) to the connecting side, so root is accepted
 * there as well: whoever is root needs no socket to harm us.
 */
#include "hub/rt/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "hub/core/err.h"
#include "hub/rt/inherited.h"
#include "hub/rt/log.h"

enum {
	QUEUE_MAX = 256,
	/* messages per turn of the loop, so that no peer starves the others */
	TURN_MAX = 64,
	RETRY_FIRST_MS = 200,
	RETRY_LAST_MS = 2000,
};

struct packet {
	struct packet *next;
	size_t len;
	uint8_t bytes[];
};

struct ipc {
	struct rt *rt;
	struct ipc_config cfg;
	struct ipc_handlers h;
	void *arg;
	char path[108];
	bool listening;
	uid_t peer_uid;
	int listen_fd;
	struct rt_fd *listen_watch;
	int fd; /* -1: peer not there */
	struct rt_fd *watch;
	struct rt_timer *retry;
	uint64_t retry_ms;
	struct packet *first, **last;
	unsigned queued, violations;
};

static const char *role_user(enum role r)
{
	switch (r) {
	case ROLE_BLE: return "hub-ble";
	case ROLE_STORE: return "hub-store";
	case ROLE_COAP: return "hub-coap";
	case ROLE_HUBD: return "hubd";
	case ROLE_BOND: return "root"; /* BlueZ's folder is root's */
	case ROLE_MEASURE: return "hub-measure";
	case ROLE_CONSOLE: return "hub-console";
	case ROLE_NONE: break;
	}
	return "";
}

/* Readings in clear and key shares pass here: nothing of them stays behind. */
static void packet_free(struct packet *p)
{
	explicit_bzero(p->bytes, p->len);
	free(p);
}

static void close_link(struct ipc *l)
{
	if (l->fd < 0)
		return;
	rt_fd_free(l->watch);
	l->watch = NULL;
	close(l->fd);
	l->fd = -1;
	while (l->first) {
		struct packet *p = l->first;

		l->first = p->next;
		packet_free(p);
	}
	l->last = &l->first;
	l->queued = 0;
}

static void go_down(struct ipc *l)
{
	close_link(l);
	if (l->h.down)
		l->h.down(l->arg, l);
	if (!l->listening)
		rt_timer_set(l->retry, mono_add(rt_mono(), l->retry_ms));
}

static void violate(struct ipc *l, const char *what, int kind)
{
	log_warn("ipc-violation", "peer=%s what=%s kind=0x%02x count=%u",
		 role_text(l->cfg.peer), what, (unsigned)kind, l->violations + 1);
	l->violations++;
	if (l->h.violation)
		l->h.violation(l->arg, l, l->violations);
}

/* false: the packet was bad, the link must be closed */
static bool deliver(struct ipc *l, const uint8_t *buf, size_t len)
{
	struct msg m;
	int r = len > MSG_BYTES_MAX ? -EMSGSIZE : msg_decode(buf, len, &m);

	if (r) {
		log_warn("ipc-bad-message", "peer=%s bytes=%zu error=\"%s\"",
			 role_text(l->cfg.peer), len, err_text(r));
		l->violations++; /* a fault, and nobody's work until shown */
		return false;
	}
	if (!msg_allowed(m.kind, l->cfg.peer, l->cfg.self)) {
		violate(l, "forbidden", (int)m.kind);
		return false;
	}
	l->h.message(l->arg, l, &m);
	explicit_bzero(&m, sizeof(m));
	return true;
}

static void receive(struct ipc *l)
{
	uint8_t buf[MSG_BYTES_MAX];

	for (int i = 0; i < TURN_MAX && l->fd >= 0; i++) {
		ssize_t n = recv(l->fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0 || !deliver(l, buf, (size_t)n)) {
			go_down(l);
			break;
		}
	}
	explicit_bzero(buf, sizeof(buf));
}

static void flush(struct ipc *l)
{
	while (l->first) {
		struct packet *p = l->first;

		if (send(l->fd, p->bytes, p->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
			if (errno != EAGAIN)
				/* reading will find the end */
				rt_fd_set(l->watch, RT_READ);
			return;
		}
		l->first = p->next;
		if (!l->first)
			l->last = &l->first;
		l->queued--;
		packet_free(p);
	}
	rt_fd_set(l->watch, RT_READ);
}

static void on_link(void *arg, int events)
{
	struct ipc *l = arg;

	if (events & RT_WRITE && l->fd >= 0)
		flush(l);
	if (events & RT_READ && l->fd >= 0)
		receive(l);
}

static bool peer_good(const struct ipc *l, int fd)
{
	struct ucred c;
	socklen_t len = sizeof(c);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len) != 0)
		return false;
	return c.uid == l->peer_uid || (!l->listening && c.uid == 0);
}

/* Takes fd. */
static void go_up(struct ipc *l, int fd)
{
	if (!peer_good(l, fd)) {
		close(fd);
		violate(l, "wrong-user", 0);
		if (!l->listening)
			rt_timer_set(l->retry, mono_add(rt_mono(), RETRY_LAST_MS));
		return;
	}
	if (l->fd >= 0) { /* the peer was restarted faster than we saw its end */
		close_link(l);
		if (l->h.down)
			l->h.down(l->arg, l);
	}
	l->fd = fd;
	l->retry_ms = RETRY_FIRST_MS;
	l->watch = rt_fd_new(l->rt, fd, RT_READ, on_link, l);
	if (l->h.up)
		l->h.up(l->arg, l);
}

static void on_accept(void *arg, int events)
{
	struct ipc *l = arg;
	int fd = accept4(l->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd >= 0)
		go_up(l, fd);
}

static void on_retry(void *arg)
{
	struct ipc *l = arg;
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(to.sun_path, l->path, sizeof(l->path));
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0) {
		go_up(l, fd);
		return;
	}
	if (fd >= 0)
		close(fd);
	l->retry_ms = l->retry_ms * 2 < RETRY_LAST_MS ? l->retry_ms * 2 : RETRY_LAST_MS;
	rt_timer_set(l->retry, mono_add(rt_mono(), l->retry_ms));
}

static int find_uid(const struct ipc_config *cfg, uid_t *ret)
{
	struct passwd pw, *found = NULL;
	char buf[1024];

	if (cfg->same_user) {
		*ret = getuid();
		return 0;
	}
	if (getpwnam_r(role_user(cfg->peer), &pw, buf, sizeof(buf), &found) != 0 ||
	    !found) {
		log_err("no-such-user", "user=%s do=\"install the hub's sysusers file\"",
			role_user(cfg->peer));
		return -ENOENT;
	}
	*ret = pw.pw_uid;
	return 0;
}

static int bind_fd(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	memcpy(at.sun_path, path, sizeof(at.sun_path));
	unlink(path);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 4) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int ipc_new(struct rt *rt, const struct ipc_config *cfg,
		   const struct ipc_handlers *h, void *arg, bool listening,
		   struct ipc **ret)
{
	enum role owner = listening ? cfg->self : cfg->peer;
	enum role other = listening ? cfg->peer : cfg->self;
	struct ipc *l = calloc(1, sizeof(*l));
	int n, r;

	if (!l)
		return -ENOMEM;
	*l = (struct ipc){ .rt = rt,
			   .cfg = *cfg,
			   .h = *h,
			   .arg = arg,
			   .listening = listening,
			   .listen_fd = -1,
			   .fd = -1,
			   .retry_ms = RETRY_FIRST_MS };
	l->last = &l->first;
	r = find_uid(cfg, &l->peer_uid);
	n = snprintf(l->path, sizeof(l->path), "%s/%s-%s", cfg->run_dir, role_text(owner),
		     role_text(other));
	if (!r && (n < 0 || (size_t)n >= sizeof(l->path))) {
		log_err("run-directory", "error=\"path too long for a socket: %d bytes\"",
			n);
		r = -EIO;
	}
	if (r) {
		free(l);
		return r;
	}
	*ret = l;
	return 0;
}

int ipc_listen(struct rt *rt, const struct ipc_config *cfg, const struct ipc_handlers *h,
	       void *arg, struct ipc **ret)
{
	struct ipc *l;
	int r = ipc_new(rt, cfg, h, arg, true, &l);

	if (r)
		return r;
	l->listen_fd = inherited_fd(strrchr(l->path, '/') + 1);
	if (l->listen_fd < 0)
		l->listen_fd = bind_fd(l->path);
	if (l->listen_fd < 0 || fcntl(l->listen_fd, F_SETFL, O_NONBLOCK) < 0) {
		log_err("listen",
			"socket=%s error=\"%s\" do=\"check the directory of --run\"",
			l->path, strerror(errno));
		free(l);
		return -EIO;
	}
	l->listen_watch = rt_fd_new(rt, l->listen_fd, RT_READ, on_accept, l);
	*ret = l;
	return 0;
}

int ipc_connect(struct rt *rt, const struct ipc_config *cfg, const struct ipc_handlers *h,
		void *arg, struct ipc **ret)
{
	struct ipc *l;
	int r = ipc_new(rt, cfg, h, arg, false, &l);

	if (r)
		return r;
	l->retry = rt_timer_new(rt, on_retry, l);
	rt_timer_set(l->retry, rt_mono());
	*ret = l;
	return 0;
}

static int enqueue(struct ipc *l, const uint8_t *buf, size_t len)
{
	struct packet *p = l->queued < QUEUE_MAX ? malloc(sizeof(*p) + len) : NULL;

	if (!p)
		return -EAGAIN;
	p->next = NULL;
	p->len = len;
	memcpy(p->bytes, buf, len);
	*l->last = p;
	l->last = &p->next;
	l->queued++;
	rt_fd_set(l->watch, RT_READ | RT_WRITE);
	return 0;
}

static int deliver_or_queue(struct ipc *l, const uint8_t *buf, size_t len)
{
	if (l->first)
		return enqueue(l, buf, len);
	if (send(l->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	/* Any other error: the peer has just died, and 'down' comes next. As with what the kernel still holds for
	 * it, the message is gone with the link. */
	return errno == EAGAIN ? enqueue(l, buf, len) : 0;
}

int ipc_send(struct ipc *l, const struct msg *m)
{
	uint8_t buf[MSG_BYTES_MAX];
	int n, r;

	if (l->fd < 0)
		return -EAGAIN;
	if (!msg_allowed(m->kind, l->cfg.self, l->cfg.peer))
		abort(); /* our own broken invariant: the table forbids it */
	n = msg_encode(m, buf, sizeof(buf));
	if (n < 0)
		return n;
	r = deliver_or_queue(l, buf, (size_t)n);
	explicit_bzero(buf, (size_t)n);
	return r;
}

bool ipc_is_up(const struct ipc *l)
{
	return l->fd >= 0;
}

void ipc_free(struct ipc *l)
{
	if (!l)
		return;
	close_link(l);
	rt_timer_free(l->retry);
	rt_fd_free(l->listen_watch);
	if (l->listen_fd >= 0)
		close(l->listen_fd);
	free(l);
}
