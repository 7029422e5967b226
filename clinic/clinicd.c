/*
 * clinicd.c - the clinic's server, role ingest: takes sealed readings from hubs and stores them.
 *
 * It must never open a reading and never sign a configuration. It reads of the folder:
 * clinic.conf, server.key and server.crt, root.crt, store.key and the database.
 *
 * Start: options, log, crypto, folder, store, port, sandbox, loop. Stop: the reverse.
 * After a COMMIT that failed the process ends with status 1: what the disk holds is found
 * out by opening the database anew, and the supervisor starts it again.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/ingest.h"
#include "coap/server.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"
#include "hub/rt/notify.h"
#include "hub/rt/rt.h"
#include "hub/rt/sandbox.h"

struct args {
	const char *dir;
	const char *listen;
	uint16_t port;
	bool has_port;
};

struct clinicd {
	struct rt *rt;
	struct store *store;
	struct ingest ingest;
	struct coap_server *server;
	struct rt_timer *after; /* fires in the turn of the loop after a request */
	bool failed;
};

static const char usage_text[] =
	"Usage: clinicd --dir DIR [--listen ADDRESS] [--port N]\n"
	"Takes sealed readings from hubs over CoAP/DTLS and stores them.\n"
	"\n"
	"  --dir DIR         folder made by 'clinicctl init'\n"
	"  --listen ADDRESS  IPv4 or IPv6 address to listen on, default all\n"
	"  --port N          UDP port, default the one in clinic.conf; 0 takes a free "
	"one\n"
	"  --help, --version\n";

static int say(int code, const char *text)
{
	fprintf(stderr, "clinicd: %s\n", text);
	return code;
}

static int exit_code(int err)
{
	switch (err) {
	case -ENOENT: return EX_NOINPUT;
	case -EACCES: return EX_NOPERM;
	}
	return EXIT_FAILURE;
}

/* Prints and exits if that is all there is to do. */
static void parse_args(int argc, char **argv, struct args *ret)
{
	static const struct option options[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ "listen", required_argument, NULL, 'l' },
		{ "port", required_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	uint8_t addr[16];
	int c;

	*ret = (struct args){ .listen = "" };
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'd': ret->dir = optarg; break;
		case 'l':
			if (conf_parse_address(optarg, addr) < 0)
				exit(say(EX_USAGE, "--listen takes an IPv4 or IPv6 "
						   "address in digits"));
			ret->listen = optarg;
			break;
		case 'p':
			if (strcmp(optarg, "0") != 0 &&
			    conf_parse_port(optarg, &ret->port) < 0)
				exit(say(EX_USAGE,
					 "--port takes a number from 0 to 65535"));
			ret->has_port = true;
			break;
		case 'h': fputs(usage_text, stdout); exit(EXIT_SUCCESS);
		case 'V': puts("clinicd " HUB_VERSION); exit(EXIT_SUCCESS);
		default:
			exit(say(EX_USAGE,
				 "see clinicd --help")); /* getopt has said what */
		}
	}
	if (!ret->dir || optind != argc) {
		fputs(usage_text, stderr);
		exit(EX_USAGE);
	}
}

static bool on_admit(void *arg, const uint8_t spki[static PIN_LEN])
{
	struct clinicd *c = arg;

	return ingest_admit(&c->ingest, spki);
}

/* Hubs appear in the log by the first bytes of their
 * id: enough to find one, nothing about a person. */
static void log_note(const struct ingest_note *n)
{
	char hub[9] = "-";

	if (n->has_hub)
		snprintf(hub, sizeof(hub), "%02x%02x%02x%02x", n->hub[0], n->hub[1],
			 n->hub[2], n->hub[3]);
	switch (n->outcome) {
	case INGEST_NONE:
	case INGEST_OUTCOMES: break;
	case INGEST_STORED:
		log_debug("upload", "hub=%s stored=%u duplicate=%u", hub, n->stored,
			  n->duplicate);
		if (n->conflict > 0)
			log_err("seq-conflict", "hub=%s records=%u kept=quarantine", hub,
				n->conflict);
		if (n->behind)
			log_warn("behind-hub", "hub=%s cause=older-backup-or-reset", hub);
		break;
	case INGEST_UNKNOWN_HUB:
	case INGEST_BAD_SIGNATURE:
	case INGEST_MALFORMED:
	case INGEST_FOREIGN:
		log_warn("upload-refused", "hub=%s reason=%s", hub,
			 ingest_outcome_text(n->outcome));
		break;
	case INGEST_STORE_DOWN:
	case INGEST_IN_DOUBT:
		log_err("store-failed", "hub=%s reason=%s error=\"%s\"", hub,
			ingest_outcome_text(n->outcome), err_text(n->err));
		break;
	}
}

static void on_request(void *arg, const struct coap_server_request *rq,
		       struct coap_server_response *ret)
{
	struct clinicd *c = arg;
	struct ingest_note note;

	if (strcmp(rq->path, "u") != 0) {
		ret->code = COAP_CODE_NOT_FOUND;
		ret->max_age_s = 0;
		ret->len = 0;
		return;
	}
	ingest_handle(&c->ingest, rq->spki, rq->body, rq->len, rt_wall(), ret, &note);
	log_note(&note);
	c->failed = c->failed || note.outcome == INGEST_IN_DOUBT;
	rt_timer_set(c->after, rt_mono());
}

/* The library has sent the reply and is out of its callback. */
static void on_after_request(void *arg)
{
	struct clinicd *c = arg;

	FAILPOINT("clinic.reply.after");
	if (c->failed)
		rt_stop(c->rt);
}

static int start_server(struct clinicd *c, const struct args *a, const struct conf *conf,
			char why[static FOLDER_WHY_MAX])
{
	static char cert[PKI_PEM_MAX], key[PKI_PEM_MAX], ca[PKI_PEM_MAX];
	struct coap_server_config cfg = {
		.address = a->listen,
		.port = a->has_port ? a->port : conf->port,
		.profile = DTLS_PROFILE_13_CID,
		.cert_pem = cert,
		.key_pem = key,
		.ca_pem = ca,
		.admit = on_admit,
		.request = on_request,
		.arg = c,
	};
	int r = folder_read_text(a->dir, FILES_SERVER_CRT, cert, sizeof(cert), why);

	if (r == 0)
		r = folder_read_text(a->dir, FILES_SERVER_KEY, key, sizeof(key), why);
	if (r == 0)
		r = folder_read_text(a->dir, FILES_ROOT_CRT, ca, sizeof(ca), why);
	if (r < 0)
		return r;
	r = coap_server_new(c->rt, &cfg, &c->server);
	crypto_wipe(key, sizeof(key));
	if (r == -EBADMSG)
		snprintf(why, FOLDER_WHY_MAX,
			 "%s, %s and %s in %s do not belong together", FILES_SERVER_KEY,
			 FILES_SERVER_CRT, FILES_ROOT_CRT, a->dir);
	else if (r < 0)
		snprintf(why, FOLDER_WHY_MAX,
			 "cannot listen on UDP port %u%s%s: the port is taken or the "
			 "address is not "
			 "this machine's; see --port and --listen",
			 cfg.port, *a->listen ? " of " : "", a->listen);
	return r;
}

static int start(struct clinicd *c, const struct args *a, char why[static FOLDER_WHY_MAX])
{
	struct conf conf;
	int r = folder_read_conf(a->dir, &conf, why);

	if (r == 0)
		r = folder_open_store(a->dir, &c->store, why);
	if (r < 0)
		return r;
	ingest_init(&c->ingest, c->store);
	c->after = rt_timer_new(c->rt, on_after_request, c);
	r = start_server(c, a, &conf, why);
	if (r < 0)
		return r;
	r = sandbox_enter();
	if (r < 0)
		snprintf(why, FOLDER_WHY_MAX, "cannot give up privileges: %s",
			 err_text(r));
	return r;
}

static void stop(struct clinicd *c)
{
	coap_server_free(c->server);
	rt_timer_free(c->after);
	store_close(c->store);
	rt_free(c->rt);
}

static void announce(const struct clinicd *c, const struct args *a)
{
	if (file_exists(a->dir, FILES_SEAL_KEY))
		log_warn("sealing-key-here",
			 "file=%s note=\"who takes over this server can read readings; "
			 "move the "
			 "file to the machine that reads them\"",
			 FILES_SEAL_KEY);
	log_info("listening", "port=%u protocol=coaps role=ingest",
		 coap_server_port(c->server));
}

static void log_counts(const struct ingest *in)
{
	log_info("stopped",
		 "stored=%llu unknown-hub=%llu bad-signature=%llu malformed=%llu "
		 "foreign-hub=%llu "
		 "store-down=%llu",
		 (unsigned long long)in->count[INGEST_STORED],
		 (unsigned long long)in->count[INGEST_UNKNOWN_HUB],
		 (unsigned long long)in->count[INGEST_BAD_SIGNATURE],
		 (unsigned long long)in->count[INGEST_MALFORMED],
		 (unsigned long long)in->count[INGEST_FOREIGN],
		 (unsigned long long)in->count[INGEST_STORE_DOWN]);
}

int main(int argc, char **argv)
{
	struct clinicd c = { 0 };
	char why[FOLDER_WHY_MAX];
	struct args args;
	int r;

	parse_args(argc, argv, &args);
	umask(0077);
	log_init("clinicd");
	if (crypto_init() < 0)
		return say(EXIT_FAILURE,
			   "the crypto library or its random source does not start");
	c.rt = rt_new();
	r = start(&c, &args, why);
	if (r == 0) {
		announce(&c, &args);
		notify_ready(c.rt);
		rt_run(c.rt);
		notify_stopping();
		log_counts(&c.ingest);
	} else {
		say(0, why);
	}
	stop(&c);
	crypto_done();
	return r < 0 ? exit_code(r) : c.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
