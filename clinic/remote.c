/*
 * remote.c - see remote.h.
 */
#include "clinic/remote.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "clinic/ctl.h"
#include "clinic/door_answer.h"
#include "clinic/files.h"
#include "clinic/person_folder.h"
#include "clinic/wire.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"

enum { TIMEOUT_S = 60 };

struct remote {
	const char *where;
	struct store *store; /* of the clinic's own folder, or NULL */
	struct wire *wire;   /* else */
	struct wire_tls *tls;
	uint8_t out[DOOR_HEAD + DOOR_BYTES_MAX], in[DOOR_BYTES_MAX];
};

/* --- opening ---------------------------------------------------------------------------- */

static int open_socket(struct remote *r, char why[static FOLDER_WHY_MAX])
{
	const struct timeval limit = { .tv_sec = TIMEOUT_S };
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, err = 0;

	if (strlen(r->where) >= sizeof(sa.sun_path)) {
		snprintf(why, FOLDER_WHY_MAX, "the socket's name '%s' is too long",
			 r->where);
		return -EMSGSIZE;
	}
	memcpy(sa.sun_path, r->where, strlen(r->where));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) != 0) {
		err = errno == EACCES ? -EACCES : -ECONNREFUSED;
		snprintf(why, FOLDER_WHY_MAX, "no clinicd answers on %s: %s", r->where,
			 strerror(errno));
		if (fd >= 0)
			close(fd);
		return err;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	err = wire_new(fd, NULL, NULL, &r->wire);
	if (err < 0)
		snprintf(why, FOLDER_WHY_MAX, "%s", err_text(err));
	return err;
}

int remote_open(const char *where, struct remote **ret, char why[static FOLDER_WHY_MAX])
{
	struct remote *r = calloc(1, sizeof(*r));
	struct stat st;
	int err;

	if (!r) {
		snprintf(why, FOLDER_WHY_MAX, "%s", err_text(-ENOMEM));
		return -ENOMEM;
	}
	r->where = where;
	if (stat(where, &st) == 0 && S_ISSOCK(st.st_mode))
		err = open_socket(r, why);
	else if (file_exists(where, FILES_DOOR))
		err = person_folder_connect(where, TIMEOUT_S, &r->tls, &r->wire, why);
	else
		err = folder_open_store(where, &r->store, why);
	if (err < 0)
		remote_close(r);
	else
		*ret = r;
	return err;
}

void remote_close(struct remote *r)
{
	if (!r)
		return;
	store_close(r->store);
	wire_free(r->wire);
	wire_tls_free(r->tls);
	crypto_wipe(r, sizeof(*r));
	free(r);
}

bool remote_is_folder(const struct remote *r)
{
	return r->store != NULL;
}

/* --- asking ----------------------------------------------------------------------------- */

/* As the user of this machine: who has the folder, has all that is in it. */
static int answer_here(struct remote *r, size_t len, size_t *ret_len)
{
	struct door_clinic clinic = { .store = r->store, .dir = r->where };
	struct door_asker asker = { .role = DOOR_ROLE_OWNER };
	const struct passwd *user = getpwuid(getuid());
	struct door_note note;

	if (user)
		snprintf(asker.name, sizeof(asker.name), "%s", user->pw_name);
	else
		snprintf(asker.name, sizeof(asker.name), "uid %lu",
			 (unsigned long)getuid());
	*ret_len = door_answer(&clinic, &asker, ctl_now_ms(), r->out + DOOR_HEAD, len,
			       r->in, &note);
	return 0;
}

static int write_all(struct remote *r, size_t len)
{
	size_t done = 0;

	while (done < len) {
		int n = wire_write(r->wire, r->out + done, len - done);

		if (n <= 0)
			return -ECONNRESET; /* also: it took too long */
		done += (size_t)n;
	}
	return 0;
}

static int read_all(struct remote *r, uint8_t *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		int n = wire_read(r->wire, buf + done, len - done);

		if (n <= 0)
			return -ECONNRESET;
		done += (size_t)n;
	}
	return 0;
}

static int exchange(struct remote *r, size_t len, size_t *ret_len)
{
	uint8_t head[DOOR_HEAD];
	struct reader in;
	struct writer w;
	int err;

	writer_init(&w, r->out, DOOR_HEAD);
	write_be32(&w, (uint32_t)len);
	err = write_all(r, DOOR_HEAD + len);
	if (err == 0)
		err = read_all(r, head, sizeof(head));
	if (err < 0)
		return err;
	reader_init(&in, head, sizeof(head));
	*ret_len = read_be32(&in);
	if (*ret_len == 0 || *ret_len > sizeof(r->in))
		return -EPROTO;
	return read_all(r, r->in, *ret_len);
}

int remote_ask(struct remote *r, const struct door_request *rq, struct cb *ret)
{
	int len = door_request_encode(rq, r->out + DOOR_HEAD, DOOR_BYTES_MAX);
	int err = -EAGAIN;
	size_t n = 0;

	if (len < 0)
		return len;
	for (unsigned try = 1; err == -EAGAIN && try <= STORE_TRIES; try++) {
		if (try > 1)
			store_pause(try);
		err = r->store ? answer_here(r, (size_t)len, &n)
			       : exchange(r, (size_t)len, &n);
		if (err == 0)
			err = door_answer_open(ret, r->in, n);
	}
	return err;
}

int remote_failed(const struct remote *r, const char *hub, int err)
{
	switch (err) {
	case -ENOENT:
		if (!hub)
			break;
		return ctl_complain(
			CTL_NO_INPUT,
			"there is no hub '%s' in %s; 'clinicctl status %s' lists them",
			hub, r->where, r->where);
	case -EAGAIN:
		return ctl_complain(CTL_FAILED,
				    "%s: others write all the time; nothing was changed, "
				    "do it again",
				    r->where);
	case -EACCES:
		return ctl_complain(CTL_NO_PERM,
				    "%s: your role at this clinic may not do that",
				    r->where);
	case -ECONNRESET:
		if (r->store)
			break;
		return ctl_complain(
			CTL_FAILED,
			"%s: clinicd closed the connection: it does not know "
			"you, or it was stopped. Whether anything was changed "
			"is not known; look before you do it again",
			r->where);
	case -ENOTSUP:
		return ctl_complain(CTL_FAILED,
				    "%s: clinicd does not know this question; one of the "
				    "two programs is older",
				    r->where);
	case -EPROTO:
	case -EBADMSG:
		return ctl_complain(CTL_FAILED, "%s: the answer could not be read: %s",
				    r->where, err_text(err));
	}
	if (r->store)
		return ctl_complain(CTL_FAILED, "%s/%s could not be read or written: %s",
				    r->where, FILES_DB, err_text(err));
	return ctl_complain(CTL_FAILED, "%s: clinicd could not do it: %s", r->where,
			    err_text(err));
}

int remote_get(struct remote *r, const struct door_request *rq, remote_row_fn *get,
	       void *ret)
{
	struct cb c;
	int err = remote_ask(r, rq, &c);

	if (err < 0)
		return err;
	get(&c, ret);
	return cb_finish(&c);
}

int remote_set_name(struct door_request *rq, const char *name)
{
	size_t n = strlen(name);

	if (n >= sizeof(rq->name) || n == 0)
		return -ENOENT;
	memcpy(rq->name, name, n + 1);
	return 0;
}

int remote_request(enum door_op op, const char *name, struct door_request *ret)
{
	*ret = (struct door_request){ .op = op };
	return name ? remote_set_name(ret, name) : 0;
}
