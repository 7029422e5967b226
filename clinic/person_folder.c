/*
 * person_folder.c - see person_folder.h.
 */
#include "clinic/person_folder.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "clinic/files.h"
#include "clinic/keyfile.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"

static int read_conf(const char *dir, struct conf *ret, char why[static FOLDER_WHY_MAX])
{
	char text[CONF_TEXT_MAX];
	unsigned line = 0;
	int r = folder_read_text(dir, FILES_DOOR, text, sizeof(text), why);

	if (r < 0)
		return r;
	r = conf_parse(text, ret, &line);
	if (r < 0)
		snprintf(why, FOLDER_WHY_MAX,
			 "%s/%s, line %u: it needs the lines name and port, and may have "
			 "address",
			 dir, FILES_DOOR, line);
	return r < 0 ? -EBADMSG : 0;
}

static int try_address(const struct sockaddr *sa, socklen_t len, unsigned limit_s)
{
	const struct timeval limit = { .tv_sec = limit_s };
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, sa, len) == 0)
		return fd;
	close(fd);
	return -1;
}

/* The address that is written down, or whatever the name leads to. Returns a descriptor or -1. */
static int dial(const struct conf *c, unsigned limit_s)
{
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM };
	char host[CONFIG_NAME_MAX + 1], port[8];
	struct addrinfo *all;
	static const uint8_t none[16];
	int fd = -1;

	if (memcmp(c->addr, none, sizeof(none)) != 0)
		conf_address_text(c->addr, host, sizeof(host));
	else
		snprintf(host, sizeof(host), "%s", c->name);
	snprintf(port, sizeof(port), "%u", c->port);
	if (getaddrinfo(host, port, &want, &all) != 0)
		return -1;
	for (const struct addrinfo *a = all; a && fd < 0; a = a->ai_next)
		fd = try_address(a->ai_addr, a->ai_addrlen, limit_s);
	freeaddrinfo(all);
	return fd;
}

static int load_tls(const char *dir, struct wire_tls **ret,
		    char why[static FOLDER_WHY_MAX])
{
	static char cert[PKI_PEM_MAX], key[PKI_PEM_MAX], root[PKI_PEM_MAX];
	int r = folder_read_text(dir, FILES_PERSON_CRT, cert, sizeof(cert), why);

	if (r == 0)
		r = keyfile_read_pem(dir, FILES_PERSON_KEY, key, why);
	if (r == 0)
		r = folder_read_text(dir, FILES_ROOT_CRT, root, sizeof(root), why);
	if (r < 0)
		return r;
	r = wire_tls_new(false, cert, key, root, ret);
	crypto_wipe(key, sizeof(key));
	if (r < 0)
		snprintf(why, FOLDER_WHY_MAX,
			 "%s, %s and %s in %s do not belong together", FILES_PERSON_KEY,
			 FILES_PERSON_CRT, FILES_ROOT_CRT, dir);
	return r;
}

int person_folder_connect(const char *dir, unsigned limit_s, struct wire_tls **ret_tls,
			  struct wire **ret_wire, char why[static FOLDER_WHY_MAX])
{
	struct conf conf;
	int r = read_conf(dir, &conf, why), fd;

	if (r == 0)
		r = load_tls(dir, ret_tls, why);
	if (r < 0)
		return r;
	fd = dial(&conf, limit_s);
	if (fd < 0) {
		snprintf(why, FOLDER_WHY_MAX, "no clinicd answers at %s, TCP port %u",
			 conf.name, conf.port);
		return -ECONNREFUSED;
	}
	r = wire_new(fd, *ret_tls, conf.name, ret_wire);
	if (r == 0)
		r = wire_handshake(*ret_wire);
	if (r == -EKEYREJECTED)
		snprintf(why, FOLDER_WHY_MAX,
			 "what answers at %s, TCP port %u, is not this clinic: its "
			 "certificate is another one, or is out of date",
			 conf.name, conf.port);
	else if (r < 0)
		snprintf(why, FOLDER_WHY_MAX,
			 "clinicd at %s, TCP port %u, ended the connection: the "
			 "certificate in %s may be revoked or out of date",
			 conf.name, conf.port, dir);
	return r;
}
