/*
 * terminator.c - ends DTLS, so that a peer without our DTLS can talk to the unchanged programs over plain UDP.
 *
 *   terminator client 12|13 PORT PEM ROOT NAME   plain UDP in, DTLS to the server at PORT, as the owner of PEM
 *   terminator server 12|13 PORT PEM ROOT        DTLS in, plain UDP to the server at PORT
 *
 * PEM: certificate and key in one file. Output, one JSON object: {"port"}, where it takes datagrams, on the loopback.
 * One datagram is one record. One connection at a time; as client only one, as server then the next. Tests only: wolfSSL
 * itself, none of coap/.
 */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DATAGRAM_MAX = 2048, MTU = 1400 };

#define SUITE_13 "TLS13-AES128-GCM-SHA256"
#define SUITE_12 "ECDHE-ECDSA-AES128-GCM-SHA256"

struct args {
	bool server, v13;
	uint16_t port;
	const char *pem, *root, *name;
};

static void die(const char *what)
{
	(void)fprintf(stderr, "terminator: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int open_socket(uint16_t port)
{
	struct sockaddr_in a = loopback(port);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		die("socket");
	return fd;
}

static void connect_to(int fd, const struct sockaddr_in *a)
{
	if (connect(fd, (const struct sockaddr *)a, sizeof(*a)) != 0)
		die("connect");
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	if (getsockname(fd, (struct sockaddr *)&a, &len) != 0)
		die("getsockname");
	return ntohs(a.sin_port);
}

/* From here on the socket belongs to whoever sends the first datagram, which stays in it. */
static void wait_for_first(int fd)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	char byte;

	if (recvfrom(fd, &byte, 1, MSG_PEEK | MSG_TRUNC, (struct sockaddr *)&a, &len) < 0)
		die("recvfrom");
	connect_to(fd, &a);
}

static WOLFSSL_METHOD *method(const struct args *a)
{
	if (a->server)
		return a->v13 ? wolfDTLSv1_3_server_method()
			      : wolfDTLSv1_2_server_method();
	return a->v13 ? wolfDTLSv1_3_client_method() : wolfDTLSv1_2_client_method();
}

static WOLFSSL_CTX *make_context(const struct args *a)
{
	WOLFSSL_CTX *ctx = wolfSSL_CTX_new(method(a));

	if (!ctx ||
	    wolfSSL_CTX_set_cipher_list(ctx, a->v13 ? SUITE_13 : SUITE_12) !=
		    WOLFSSL_SUCCESS ||
	    wolfSSL_CTX_use_certificate_chain_file(ctx, a->pem) != WOLFSSL_SUCCESS ||
	    wolfSSL_CTX_use_PrivateKey_file(ctx, a->pem, WOLFSSL_FILETYPE_PEM) !=
		    WOLFSSL_SUCCESS ||
	    wolfSSL_CTX_load_verify_locations(ctx, a->root, NULL) != WOLFSSL_SUCCESS)
		die("certificates");
	wolfSSL_CTX_set_verify(
		ctx, WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return ctx;
}

/* The handshake blocks, wolfSSL sends again by itself; afterwards nothing blocks. NULL: it failed. */
static WOLFSSL *make_session(WOLFSSL_CTX *ctx, const struct args *a, int fd)
{
	WOLFSSL *ssl = wolfSSL_new(ctx);
	int r;

	if (!ssl || wolfSSL_set_dtls_fd_connected(ssl, fd) != WOLFSSL_SUCCESS ||
	    wolfSSL_dtls_set_mtu(ssl, MTU) != WOLFSSL_SUCCESS)
		die("session");
	if (!a->server &&
	    (wolfSSL_check_domain_name(ssl, a->name) != WOLFSSL_SUCCESS ||
	     wolfSSL_UseSNI(ssl, WOLFSSL_SNI_HOST_NAME, a->name,
			    (unsigned short)strlen(a->name)) != WOLFSSL_SUCCESS))
		die("name");
	r = a->server ? wolfSSL_accept(ssl) : wolfSSL_connect(ssl);
	if (r != WOLFSSL_SUCCESS) {
		(void)fprintf(stderr, "terminator: handshake: %d\n",
			      wolfSSL_get_error(ssl, r));
		wolfSSL_free(ssl);
		return NULL;
	}
	(void)fprintf(stderr, "terminator: connected, %s\n", wolfSSL_get_version(ssl));
	wolfSSL_dtls_set_using_nonblock(ssl, 1);
	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		die("fcntl");
	return ssl;
}

/* Returns false at the end of the connection. */
static bool from_dtls(WOLFSSL *ssl, int plain)
{
	uint8_t buf[DATAGRAM_MAX];
	int n;

	while ((n = wolfSSL_read(ssl, buf, sizeof(buf))) > 0)
		if (send(plain, buf, (size_t)n, 0) < 0 && errno != ECONNREFUSED)
			die("send");
	return wolfSSL_get_error(ssl, n) == WOLFSSL_ERROR_WANT_READ;
}

static void from_plain(WOLFSSL *ssl, int plain)
{
	uint8_t buf[DATAGRAM_MAX];
	ssize_t n = recv(plain, buf, sizeof(buf), MSG_DONTWAIT);

	if (n > 0 && wolfSSL_write(ssl, buf, (int)n) != (int)n)
		die("write");
}

static void carry(WOLFSSL *ssl, int dtls, int plain)
{
	struct pollfd p[2] = { { .fd = dtls, .events = POLLIN },
			       { .fd = plain, .events = POLLIN } };

	while (from_dtls(ssl, plain)) {
		if (poll(p, 2, -1) < 0)
			die("poll");
		if (p[1].revents)
			from_plain(ssl, plain);
	}
}

/* Returns the port that it took, for the next one. */
static uint16_t serve(WOLFSSL_CTX *ctx, const struct args *a, uint16_t port)
{
	int in = open_socket(port), out = open_socket(0);
	struct sockaddr_in to = loopback(a->port);
	uint16_t taken = port_of(in);
	WOLFSSL *ssl;

	if (port == 0) {
		printf("{\"port\": %u}\n", taken);
		(void)fflush(stdout);
	}
	wait_for_first(in);
	connect_to(out, &to);
	ssl = make_session(ctx, a, a->server ? in : out);
	if (ssl)
		carry(ssl, a->server ? in : out, a->server ? out : in);
	wolfSSL_free(ssl);
	close(in);
	close(out);
	return taken;
}

int main(int argc, char **argv)
{
	WOLFSSL_CTX *ctx;
	uint16_t port = 0;
	struct args a;

	if (argc < 6)
		return 64;
	a = (struct args){ .server = strcmp(argv[1], "server") == 0,
			   .v13 = strcmp(argv[2], "13") == 0,
			   .port = (uint16_t)strtoul(argv[3], NULL, 10),
			   .pem = argv[4],
			   .root = argv[5],
			   .name = argc > 6 ? argv[6] : "" };
	wolfSSL_Init();
	ctx = make_context(&a);
	do
		port = serve(ctx, &a, port);
	while (a.server);
	return 0;
}
