/*
 * test_certificates.c - who is believed: each certificate that is wrong in one thing is refused, on both sides, in both
 * profiles; and versions and suites that we do not speak.
 *
 * The certificates are made by certificates.py. Against hub-coap stands hostile_server.h, which shows whatever it is
 * given, or the openssl program, which speaks what wolfSSL was built without; against coap/server stands hub-coap.
 * Each refusal has its control beside it: the same with the good certificate is taken.
 */
#include "tests/io/hostile_server.h"
#include "tests/io/udp_proxy.h"

enum {
	BATCHES = 3,
	TAKEN_S = 90,
	REFUSED_S = 90,
	STILL_MS = 1500, /* after a refusal: it stays one */
	AT_ONCE = 12,
};

/* What becomes of it. */
enum fate {
	TAKEN = 0,
	STRANGER, /* chain good, but not the configured name or pin */
	REFUSED,  /* any other reason */
	UNREACHABLE, /* refused, and nobody is told that it was an attack: it looks like silence */
};

/* Who stands against whom. */
enum kind {
	SERVER_CERTIFICATE, /* shown to hub-coap */
	HUB_CERTIFICATE,    /* shown by hub-coap to our server */
	OPENSSL_SERVER,	    /* 'name' are arguments; profile is the hub's */
};

/* What is wrong beside the certificate. */
enum but {
	NOTHING = 0,
	NOT_PINNED,
	NO_CID,
	NO_EMS, /* extended master secret */
	AGAIN,	/* asks for another handshake within the session */
};

#define BOTH DTLS_PROFILE_NONE
#define ONLY_12 DTLS_PROFILE_12_CID
#define ONLY_13 DTLS_PROFILE_13_CID

struct row {
	enum kind kind;
	const char *name;
	enum fate fate;
	enum dtls_profile only; /* or BOTH */
	enum but but;
};

static const struct row rows[] = {
	{ SERVER_CERTIFICATE, "good", TAKEN, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "intermediate", TAKEN, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "name-second", TAKEN, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "other-ca", REFUSED, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "self-signed", REFUSED, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "expired", REFUSED, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "not-yet", REFUSED, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "ca-as-leaf", REFUSED, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "ca-and-leaf", REFUSED, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "wrong-use", REFUSED, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "sha1", REFUSED, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "sha224", REFUSED, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "digest-20", REFUSED, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "digest-28", REFUSED, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "digest-4", REFUSED, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "by-leaf", REFUSED, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "by-rsa", REFUSED, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "by-p384", REFUSED, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "long-chain", REFUSED, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "good", STRANGER, BOTH, NOT_PINNED },
	{ SERVER_CERTIFICATE, "name-case", STRANGER, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "name-wildcard", STRANGER, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "name-longer", STRANGER, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "name-dot", STRANGER, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "name-uri", STRANGER, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "name-email", STRANGER, BOTH, NOTHING },
	{ SERVER_CERTIFICATE, "name-cn-only", STRANGER, BOTH, NOTHING },
	/* what is left out of a handshake */
	{ SERVER_CERTIFICATE, "good", TAKEN, BOTH, NO_CID },
	/* wolfSSL offers the extended master secret and cannot demand it. What it guards against needs resumption or
	 * renegotiation, and there is neither here. */
	{ SERVER_CERTIFICATE, "good", TAKEN, ONLY_12, NO_EMS },

	{ HUB_CERTIFICATE, "good", TAKEN, BOTH, NOTHING },
	{ HUB_CERTIFICATE, "intermediate", TAKEN, BOTH, NOTHING },
	{ HUB_CERTIFICATE, "other-ca", REFUSED, BOTH, NOTHING },
	{ HUB_CERTIFICATE, "self-signed", REFUSED, BOTH, NOTHING },
	{ HUB_CERTIFICATE, "expired", REFUSED, BOTH, NOTHING },
	{ HUB_CERTIFICATE, "not-yet", REFUSED, BOTH, NOTHING },
	{ HUB_CERTIFICATE, "ca-as-leaf", REFUSED, BOTH, NOTHING },
	{ HUB_CERTIFICATE, "ca-and-leaf", REFUSED, BOTH, NOTHING },
	{ HUB_CERTIFICATE, "wrong-use", REFUSED, BOTH, NOTHING },
	{ HUB_CERTIFICATE, "sha1", REFUSED, BOTH, NOTHING },
	{ HUB_CERTIFICATE, "sha224", REFUSED, BOTH, NOTHING },
	{ HUB_CERTIFICATE, "digest-20", REFUSED, BOTH, NOTHING },
	{ HUB_CERTIFICATE, "by-leaf", REFUSED, BOTH, NOTHING },
	{ HUB_CERTIFICATE, "by-rsa", REFUSED, BOTH, NOTHING },
	{ HUB_CERTIFICATE, "by-p384", REFUSED, BOTH, NOTHING },

	/* the one suite that we speak in 1.2, from another hand */
	{ OPENSSL_SERVER, "good -dtls1_2 ECDHE-ECDSA-AES128-GCM-SHA256", TAKEN, ONLY_12,
	  NOTHING },
	/* and asks for another handshake within the session */
	{ OPENSSL_SERVER, "good -dtls1_2 ECDHE-ECDSA-AES128-GCM-SHA256", TAKEN, ONLY_12,
	  AGAIN },
	{ OPENSSL_SERVER, "good -dtls1_2 ALL:@SECLEVEL=0", UNREACHABLE, ONLY_13,
	  NOTHING },
	{ OPENSSL_SERVER, "good -dtls1 ALL:@SECLEVEL=0", UNREACHABLE, BOTH, NOTHING },
	{ OPENSSL_SERVER, "good -dtls1_2 ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0", UNREACHABLE,
	  BOTH, NOTHING },
	{ OPENSSL_SERVER, "good -dtls1_2 ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0", UNREACHABLE,
	  BOTH, NOTHING },
	{ OPENSSL_SERVER, "good -dtls1_2 ECDHE-ECDSA-AES128-SHA256", UNREACHABLE, BOTH,
	  NOTHING },
	{ OPENSSL_SERVER, "good -dtls1_2 ECDHE-ECDSA-AES128-CCM", UNREACHABLE, BOTH,
	  NOTHING },
	{ OPENSSL_SERVER, "good -dtls1_2 ECDHE-ECDSA-AES128-CCM8", UNREACHABLE, BOTH,
	  NOTHING },
	{ OPENSSL_SERVER, "good -dtls1_2 PSK:@SECLEVEL=0", UNREACHABLE, BOTH, NOTHING },
	{ OPENSSL_SERVER, "good -dtls1_2 aNULL:@SECLEVEL=0", UNREACHABLE, BOTH, NOTHING },
	{ OPENSSL_SERVER, "rsa-leaf -dtls1_2 ALL:@SECLEVEL=0", UNREACHABLE, BOTH,
	  NOTHING },
};

enum { ROWS = sizeof(rows) / sizeof(*rows) };

static char made[64]; /* folder of certificates.py */
static struct hostile_page *h;
static struct udp_proxy *way;

static void read_made(const char *side, const char *name, const char *end, char *ret,
		      size_t cap)
{
	char file[128];
	int n;

	snprintf(file, sizeof(file), "%s%s%s.%s", side, *side && *name ? "-" : "", name,
		 end);
	n = file_read(made, file, (uint8_t *)ret, cap - 1);
	if (n < 0)
		fprintf(stderr, "%s/%s: %d\n", made, file, n);
	CHECK(n > 0);
	ret[n] = '\0';
}

static bool was_told(struct world *w)
{
	return w->incidents[INCIDENT_SERVER_IDENTITY] + w->incidents[INCIDENT_HANDSHAKE] >
	       0;
}

/* Whoever answers it has answered. */
static bool was_answered(struct world *w)
{
	(void)w;
	return way->datagrams[PROXY_SERVER] >= 2 && way->datagrams[PROXY_CLIENT] >= 2;
}

static bool is_time(struct world *w)
{
	return mono_reached(rt_mono(), w->kill_at);
}

static bool is_up(struct world *w)
{
	return w->connected;
}

static void wait_still(struct world *w)
{
	w->kill_at = mono_add(rt_mono(), STILL_MS);
	wait_for(w, is_time, STILL_MS / 1000 + 60);
}

/* Between hub-coap and whatever is at this port, so that the test sees that somebody answers. */
static pid_t go_through(struct world *w, uint16_t port)
{
	pid_t pid;

	way = proxy_page();
	way->to = port;
	pid = proxy_start(way);
	w->port = way->port;
	return pid;
}

static void check_refused(struct world *w, const struct row *r, unsigned requests)
{
	CHECK(!w->ever_connected);
	CHECK_UINT(requests, 0);
	CHECK_UINT(w->acks, 0);
	if (r->fate == STRANGER)
		CHECK(w->incidents[INCIDENT_SERVER_IDENTITY] > 0 &&
		      w->incidents[INCIDENT_HANDSHAKE] == 0);
	if (r->fate == REFUSED && r->kind == SERVER_CERTIFICATE)
		CHECK(w->incidents[INCIDENT_SERVER_IDENTITY] == 0 &&
		      w->incidents[INCIDENT_HANDSHAKE] > 0);
}

static void use_identity(struct world *w, const char *name)
{
	char cert[PEM_ROOM], key[4096], root[4096];

	read_made("hub", name, "crt", cert, sizeof(cert));
	read_made("hub", "", "key", key, sizeof(key));
	read_made("root", "", "crt", root, sizeof(root));
	write_file(w, "identity.crt", cert);
	write_file(w, "identity.key", key);
	write_file(w, "root.crt", root);
}

/* What hub-coap says goes to a file; what the test says, to where it went. */
static void start_logged(struct world *w)
{
	char path[PATH_MAX];
	int keep = dup(2), log;

	snprintf(path, sizeof(path), "%s/log", w->dir);
	log = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(keep >= 0 && log >= 0);
	dup2(log, 2);
	start_coap(w);
	dup2(keep, 2);
	close(keep);
	close(log);
}

/* How often this stands in a file of the world. */
static unsigned count_in(struct world *w, const char *file, const char *what)
{
	static char text[65536];
	int n = file_read(w->dir, file, (uint8_t *)text, sizeof(text) - 1);
	unsigned count = 0;

	if (n < 0)
		return 0;
	text[n] = '\0';
	for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
		count++;
	return count;
}

static void remove_logs(struct world *w)
{
	static const char *const files[] = { "log", "openssl.log" };
	char path[PATH_MAX];

	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, files[i]);
		unlink(path);
	}
}

/* --- hub-coap looks at a server ---------------------------------------------------------- */

static void look_at_server(struct world *w, const struct row *r)
{
	pid_t server, proxy;

	h = hostile_new();
	h->dtls13 = w->page->profile == DTLS_PROFILE_13_CID;
	h->cid = (r->but != NO_CID);
	h->no_ems = r->but == NO_EMS;
	read_made("server", r->name, "crt", h->chain, sizeof(h->chain));
	read_made("server", "", "key", h->key, sizeof(h->key));
	CHECK_INT(pki_spki(h->chain, w->pin), 0);
	w->pin[5] ^= r->but == NOT_PINNED;
	use_identity(w, "good");
	server = hostile_start(h, w->page);
	CHECK(server > 0);
	proxy = go_through(w, h->port);
	start_logged(w);
	if (r->fate == TAKEN) {
		CHECK(wait_for(w, all_acked, TAKEN_S));
		CHECK(!was_told(w));
		CHECK(h->has_cid == (r->but != NO_CID));
		CHECK((count_in(w, "log", "uplink-no-cid") > 0) == (r->but == NO_CID));
	} else {
		CHECK(wait_for(w, was_told, REFUSED_S));
		wait_still(w);
		check_refused(w, r, h->requests);
		CHECK_UINT(count_in(w, "log", "uplink-up"), 0);
	}
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	kill(proxy, SIGKILL);
	waitpid(proxy, NULL, 0);
}

/* --- our server looks at a hub ----------------------------------------------------------- */

static void look_at_hub(struct world *w, const struct row *r)
{
	struct pki_pair server = { .key = "" };
	pid_t proxy;

	read_made("server", "good", "crt", server.cert, sizeof(server.cert));
	read_made("server", "", "key", server.key, sizeof(server.key));
	CHECK_INT(pki_spki(server.cert, w->pin), 0);
	w->page->server = server;
	read_made("root", "", "crt", w->page->root.cert, sizeof(w->page->root.cert));
	use_identity(w, r->name);
	start_server(w);
	proxy = go_through(w, w->page->port);
	start_coap(w);
	if (r->fate == TAKEN) {
		CHECK(wait_for(w, all_acked, TAKEN_S));
		CHECK_UINT(w->page->handshakes_seen, 1);
	} else {
		CHECK(wait_for(w, was_answered, REFUSED_S));
		wait_still(w);
		CHECK_UINT(w->page->requests, 0);
		CHECK_UINT(w->acks, 0);
		/* not only for want of a row: it was never asked for one */
		CHECK_UINT(w->page->handshakes_seen, 0);
	}
	kill(proxy, SIGKILL);
	waitpid(proxy, NULL, 0);
}

/* --- other versions and suites ------------------------------------------------------------ */

/* name: certificate, version, suites. What it says goes to DIR/openssl.log; its input is *ret_input. */
static pid_t start_openssl(const char *name, uint16_t port, const char *dir,
			   int *ret_input)
{
	char cert[64], version[16], suites[64], crt[192], key[192], at[32];
	char log[PATH_MAX];
	int input[2], out;
	pid_t pid;

	CHECK_INT(sscanf(name, "%63s %15s %63s", cert, version, suites), 3);
	snprintf(crt, sizeof(crt), "%s/server-%s.crt", made, cert);
	snprintf(key, sizeof(key), "%s/%s.key", made,
		 strcmp(cert, "good") == 0 ? "server" : cert);
	snprintf(at, sizeof(at), "127.0.0.1:%u", port);
	snprintf(log, sizeof(log), "%s/openssl.log", dir);
	CHECK_INT(pipe(input), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		out = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		dup2(input[0], 0); /* it ends when its input does */
		dup2(out, 1);
		dup2(out, 2);
		execlp("openssl", "openssl", "s_server", version, "-accept", at, "-cert",
		       crt, "-key", key, "-cipher", suites, "-psk", "0102030405060708",
		       "-verify", "1", "-legacy_renegotiation", (char *)NULL);
		_exit(127);
	}
	CHECK(pid > 0);
	close(input[0]);
	*ret_input = input[1];
	return pid;
}

/* Each handshake that the server completed began a session of hub-coap; one within a session is one too many. */
static bool handshakes_match(struct world *w)
{
	unsigned there = count_in(w, "openssl.log", "CIPHER is ");

	return there > 0 && there <= count_in(w, "log", "uplink-up ");
}

/* Asked by the server, with and without a demand for our certificate, for another handshake: there is none. It
 * ends the session then, and hub-coap comes again. */
static void ask_again(struct world *w, int input)
{
	unsigned before = way->datagrams[PROXY_SERVER];

	CHECK(wait_for(w, handshakes_match, TAKEN_S));
	CHECK_INT(write(input, "r\n", 2), 2);
	wait_still(w);
	CHECK_INT(write(input, "R\n", 2), 2);
	wait_still(w);
	CHECK(way->datagrams[PROXY_SERVER] > before); /* it did ask */
	CHECK(wait_for(w, handshakes_match, TAKEN_S));
	CHECK_INT(waitpid(w->coap, NULL, WNOHANG), 0);
}

static void look_at_openssl(struct world *w, const struct row *r)
{
	uint16_t port = proxy_free_port();
	char cert[4096];
	int input;
	pid_t server = start_openssl(r->name, port, w->dir, &input), proxy;

	read_made("server", "good", "crt", cert, sizeof(cert));
	CHECK_INT(pki_spki(cert, w->pin), 0);
	use_identity(w, "good");
	proxy = go_through(w, port);
	start_logged(w);
	if (r->fate == TAKEN) {
		CHECK(wait_for(w, is_up, TAKEN_S)); /* it does not speak CoAP */
		if (r->but == AGAIN)
			ask_again(w, input);
	} else {
		CHECK(wait_for(w, was_answered, REFUSED_S));
		wait_still(w);
		check_refused(w, r, 0);
	}
	close(input);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	kill(proxy, SIGKILL);
	waitpid(proxy, NULL, 0);
}

/* --- all of them ---------------------------------------------------------------------------- */

static void one(const struct row *r, enum dtls_profile profile)
{
	struct world w;

	make_world(&w, BATCHES);
	w.page->profile = profile;
	switch (r->kind) {
	case SERVER_CERTIFICATE: look_at_server(&w, r); break;
	case HUB_CERTIFICATE: look_at_hub(&w, r); break;
	case OPENSSL_SERVER: look_at_openssl(&w, r); break;
	}
	remove_logs(&w);
	end_world(&w);
}

static const char *side_of(const struct row *r)
{
	return r->kind == HUB_CERTIFICATE ? "hub" : "server";
}

static void make_certificates(void)
{
	char command[256];

	snprintf(made, sizeof(made), "/tmp/certificates-XXXXXX");
	CHECK(mkdtemp(made));
	snprintf(command, sizeof(command),
		 "/usr/bin/python3 tests/io/certificates.py %s </dev/null", made);
	CHECK_INT(system(command), 0);
}

static void remove_certificates(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", made);
	CHECK_INT(system(command), 0);
}

static const char *const but_text[] = {
	"", ", not pinned", ", no CID", ", no extended master secret", ", asked again",
};

static int wait_one(pid_t *pids, unsigned *running)
{
	int status;
	pid_t pid = wait(&status);

	for (unsigned i = 0; i < 2 * ROWS; i++) {
		if (pids[i] != pid)
			continue;
		pids[i] = 0;
		--*running;
		if (status)
			fprintf(stderr, "failed: row %u, %s %s%s, DTLS 1.%d\n", i / 2,
				side_of(&rows[i / 2]), rows[i / 2].name,
				but_text[rows[i / 2].but], i % 2 ? 2 : 3);
		return status;
	}
	return 0;
}

int main(int argc, char **argv)
{
	pid_t pids[2 * ROWS] = { 0 };
	unsigned running = 0, total = 0;
	int bad = 0;

	if (argc == 3 && strcmp(argv[1], "server") == 0)
		return server_main(argv[2]);
	CHECK_INT(crypto_init(), 0);
	make_certificates();
	for (unsigned i = 0; i < 2 * ROWS; i++) {
		enum dtls_profile profile =
			i % 2 ? DTLS_PROFILE_12_CID : DTLS_PROFILE_13_CID;
		const struct row *r = &rows[i / 2];

		if ((r->only && r->only != profile) ||
		    (argc == 2 && strcmp(argv[1], r->name) != 0))
			continue;
		while (running >= AT_ONCE)
			bad |= wait_one(pids, &running);
		fflush(stdout);
		pids[i] = fork();
		if (pids[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			test_name = r->name;
			one(r, profile);
			exit(0);
		}
		running++;
		total++;
	}
	while (running)
		bad |= wait_one(pids, &running);
	remove_certificates();
	if (bad)
		return 1;
	printf("ok certificates (%u)\n", total);
	return 0;
}
