/*
 * clinicd.c - the clinic's server, role ingest: takes sealed readings from hubs and stores them; and, if it has the key
 * for it, role enrol: gives certificates to hubs that were claimed (enrol_role.h).
 *
 * It must never open a reading and never sign a configuration. It reads of the folder:
 * clinic.conf, server.key and server.crt, root.crt, enrol.crt and enrol.key, store.key and the database; and config.pub, for
 * what persons bring signed to its door (door_serve.h).
 *
 * Start: options, log, crypto, folder, store, port, sandbox, loop. Stop: the reverse.
 * After a COMMIT on the file that failed the process ends with status 1: what the disk holds is
 * found out by opening the database anew, and the supervisor starts it again. A database
 * server is asked in a new session.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "clinic/calls.h"
#include "clinic/config_serve.h"
#include "clinic/door_serve.h"
#include "clinic/enrol_role.h"
#include "clinic/files.h"
#include "clinic/flood.h"
#include "clinic/folder.h"
#include "clinic/ingest.h"
#include "clinic/metrics.h"
#include "clinic/root_files.h"
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
	const char *metrics; /* file, NULL: none */
	const char *door;    /* socket, NULL: none */
	bool has_door_port;
	uint16_t door_port;
};

struct clinicd {
	struct calls calls;
	struct rt *rt;
	struct store *store;
	struct ingest ingest;
	struct config_serve configs;
	struct enrol_role enrol;
	struct coap_server *server;
	struct rt_timer *after; /* fires in the turn of the loop after a group */
	struct rt_timer *every; /* METRICS_EVERY_MS */
	const char *metrics_path;
	struct metrics metrics;
	bool metrics_failed; /* and was told */
	struct flood flood;
	struct mono flood_told;
	struct door_serve *door;
	bool failed;
};

enum { FLOOD_TELL_MS = 10000 };

static const char usage_text[] =
	"Usage: clinicd --dir DIR [--listen ADDRESS] [--port N] [--metrics FILE]\n"
	"               [--door SOCKET] [--door-port N]\n"
	"Takes sealed readings from hubs over CoAP/DTLS and stores them.\n"
	"\n"
	"  --dir DIR         folder made by 'clinicctl init'\n"
	"  --listen ADDRESS  IPv4 or IPv6 address to listen on, default all\n"
	"  --port N          UDP port, default the one in clinic.conf; 0 takes a free "
	"one\n"
	"  --metrics FILE    counters for Prometheus' textfile collector, every 15 s\n"
	"  --door SOCKET     Unix socket on which clinicctl may ask, of persons that "
	"this "
	"machine knows\n"
	"  --door-port N     TCP port for the same with TLS and personal certificates; 0 "
	"takes a free one\n"
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
		{ "metrics", required_argument, NULL, 'm' },
		{ "door", required_argument, NULL, 'd' + 256 },
		{ "door-port", required_argument, NULL, 'p' + 256 },
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
		case 'm': ret->metrics = optarg; break;
		case 'd' + 256: ret->door = optarg; break;
		case 'p' + 256:
			if (strcmp(optarg, "0") != 0 &&
			    conf_parse_port(optarg, &ret->door_port) < 0)
				exit(say(EX_USAGE,
					 "--door-port takes a number from 0 to 65535"));
			ret->has_door_port = true;
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
	bool good = ingest_admit(&c->ingest, spki) || enrol_role_admits(&c->enrol, spki);

	c->metrics.handshakes_good += good;
	c->metrics.handshakes_refused += !good;
	return good;
}

static void on_refused(void *arg, const uint8_t spki[static PIN_LEN], const char *from)
{
	struct clinicd *c = arg;

	calls_note(&c->calls, c->store, spki, from);
}

static void log_checkpoint(const char *hub, enum witness w)
{
	switch (w) {
	case WITNESS_NONE:
	case WITNESS_STORED:
	case WITNESS_DISTRUSTED: break; /* told when it began */
	case WITNESS_BAD: log_warn("audit-checkpoint-bad", "hub=%s", hub); break;
	case WITNESS_OLDER:
	case WITNESS_FORKED:
		log_err("audit-rollback",
			"hub=%s log=%s do=\"its card was set back or copied: keep it, "
			"and "
			"enrol the hub anew\"",
			hub, witness_text(w));
	}
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
		if (n->held > 0)
			log_warn("held-in-quarantine",
				 "hub=%s records=%u because-of-assignment=%u "
				 "identity=%s",
				 hub, n->held, n->unassigned,
				 n->by_emergency ? "emergency" : "operational");
		if (n->conflict > 0)
			log_err("seq-conflict", "hub=%s records=%u kept=quarantine", hub,
				n->conflict);
		if (n->behind)
			log_warn("behind-hub", "hub=%s cause=older-backup asked=resend",
				 hub);
		if (n->older)
			log_warn("hub-older", "hub=%s cause=older-store-or-late-copy",
				 hub);
		log_checkpoint(hub, n->checkpoint);
		if (n->bad_status)
			log_warn("hub-status-bad", "hub=%s", hub);
		if (n->retired)
			log_info("hub-retired", "hub=%s cause=drained", hub);
		break;
	case INGEST_UNKNOWN_HUB:
	case INGEST_BAD_SIGNATURE:
	case INGEST_MALFORMED:
	case INGEST_FOREIGN:
		log_warn("upload-refused", "hub=%s reason=%s", hub,
			 ingest_outcome_text(n->outcome));
		break;
	case INGEST_FLOOD: log_warn("hub-floods", "answer=4.29"); break;
	case INGEST_STORE_DOWN:
	case INGEST_IN_DOUBT:
		log_err("store-failed", "hub=%s reason=%s error=\"%s\"", hub,
			ingest_outcome_text(n->outcome), err_text(n->err));
		break;
	}
}

static void on_note(void *arg, const struct ingest_note *note)
{
	struct clinicd *c = arg;

	metrics_count(&c->metrics, note);
	log_note(note);
	c->failed = c->failed ||
		    (note->outcome == INGEST_IN_DOUBT && note->err != -ECONNRESET);
}

/* Told now and then: the line must not drown the others. */
static void refuse_flood(struct clinicd *c, struct mono now,
			 struct coap_server_response *ret)
{
	struct ingest_note note = { .outcome = INGEST_FLOOD };

	ret->code = COAP_CODE_TOO_MANY;
	ret->max_age_s = FLOOD_WAIT_S;
	metrics_count(&c->metrics, &note);
	if (!mono_reached(now, c->flood_told))
		return;
	c->flood_told = mono_add(now, FLOOD_TELL_MS);
	log_note(&note);
}

static void on_request(void *arg, const struct coap_server_request *rq,
		       struct coap_server_response *ret)
{
	struct clinicd *c = arg;
	struct mono now = rt_mono();

	ret->code = COAP_CODE_NOT_FOUND;
	ret->max_age_s = 0;
	ret->len = 0;
	if (c->failed || c->enrol.failed) {
		ret->code = 0; /* the store must not be used again */
		return;
	}
	if (strcmp(rq->path, "u") != 0 && strcmp(rq->path, "hub/confirm") != 0) {
		c->metrics.unknown_paths++;
		return;
	}
	if (!flood_allows(&c->flood, rq->spki, now)) {
		refuse_flood(c, now, ret);
		return;
	}
	if (*rq->path == 'h')
		enrol_role_add(&c->enrol, rq, ret);
	else
		ingest_add(&c->ingest, rq->spki, rq->body, rq->len, rt_wall(), ret);
}

static void on_get(void *arg, const struct coap_server_get *rq,
		   struct coap_server_content *ret)
{
	struct clinicd *c = arg;
	enum config_answer a;
	struct hub hub;
	int err = 0;

	*ret = (struct coap_server_content){ .code = COAP_CODE_NOT_FOUND };
	if (c->failed) {
		ret->code = COAP_CODE_UNAVAILABLE;
		ret->max_age_s = INGEST_RETRY_S;
	} else if (strcmp(rq->path, "u") == 0 || strcmp(rq->path, "hub/confirm") == 0) {
		ret->code = COAP_CODE_NOT_ALLOWED;
	} else if (strcmp(rq->path, "hub/cfg") != 0) {
		c->metrics.unknown_paths++;
	} else if (!flood_allows(&c->flood, rq->spki, rt_mono())) {
		ret->code = COAP_CODE_TOO_MANY;
		ret->max_age_s = FLOOD_WAIT_S;
	} else {
		a = config_serve_get(&c->configs, c->store, rq->spki, ret, &hub, &err);
		if (a == CONFIG_ANSWER_DOWN)
			log_err("store-failed", "reason=config error=\"%s\"",
				err_text(err));
		else if (a == CONFIG_ANSWER_MAILBOX)
			log_warn("mailbox-only", "hub=%02x%02x%02x%02x asked=config",
				 hub.id[0], hub.id[1], hub.id[2], hub.id[3]);
		else
			log_debug("config-asked", "answer=%d", (int)a);
	}
}

static void on_settle(void *arg)
{
	struct clinicd *c = arg;

	ingest_settle(&c->ingest, on_note, c);
	enrol_role_settle(&c->enrol);
	rt_timer_set(c->after, rt_mono());
}

/* Also finds out, while no hub calls, whether the database answers, and whether it does again. */
static void on_every(void *arg)
{
	struct clinicd *c = arg;
	int r = store_begin_read(c->store);

	store_rollback(c->store);
	c->metrics.store_up = r == 0;
	if (r == 0)
		calls_keep(&c->calls, c->store);
	c->metrics.repeated = c->ingest.repeated;
	c->metrics.window = pace_window(&c->ingest.pace);
	if (c->metrics_path) {
		r = metrics_write(&c->metrics, c->metrics_path);
		if (r < 0 && !c->metrics_failed)
			log_warn("metrics-not-written", "error=\"%s\"", err_text(r));
		c->metrics_failed = r < 0;
	}
	rt_timer_set(c->every, mono_add(rt_mono(), METRICS_EVERY_MS));
	if (c->enrol.failed)
		rt_stop(c->rt);
}

/* The library has sent the replies. */
static void on_after_request(void *arg)
{
	struct clinicd *c = arg;

	FAILPOINT("clinic.reply.after");
	if (c->failed || c->enrol.failed)
		rt_stop(c->rt);
}

static int start_server(struct clinicd *c, const struct args *a, const struct conf *conf,
			char why[static FOLDER_WHY_MAX])
{
	static char cert[ROOT_CHAIN_MAX], key[PKI_PEM_MAX], ca[ENROL_CA_MAX];
	struct coap_server_config cfg = {
		.address = a->listen,
		.port = a->has_port ? a->port : conf->port,
		.profile = DTLS_PROFILE_13_CID,
		.cert_pem = cert,
		.key_pem = key,
		.ca_pem = ca,
		.admit = on_admit,
		.refused = on_refused,
		.request = on_request,
		.settle = on_settle,
		.get = on_get,
		.arg = c,
	};
	int r = root_files_chain(a->dir, FILES_SERVER_CRT, cert, why);

	if (r == 0)
		r = folder_read_text(a->dir, FILES_SERVER_KEY, key, sizeof(key), why);
	if (r == 0)
		r = enrol_role_read_ca(a->dir, ca, why);
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

/* In the middle of a group of uploads the store has a transaction open that is not the door's. */
static bool on_door_ready(void *arg)
{
	const struct clinicd *c = arg;

	return !c->ingest.open && !c->failed && !c->enrol.failed;
}

static void on_door_failed(void *arg)
{
	struct clinicd *c = arg;

	c->failed = true;
	rt_stop(c->rt);
}

static int start_door(struct clinicd *c, const struct args *a,
		      char why[static FOLDER_WHY_MAX])
{
	const struct door_serve_config cfg = {
		.dir = a->dir,
		.socket = a->door,
		.address = a->listen,
		.tls = a->has_door_port,
		.port = a->door_port,
		.ready = on_door_ready,
		.failed = on_door_failed,
		.arg = c,
	};

	if (!a->door && !a->has_door_port)
		return 0;
	return door_serve_start(c->rt, c->store, &cfg, &c->door, why);
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
	c->every = rt_timer_new(c->rt, on_every, c);
	c->metrics_path = a->metrics;
	r = start_server(c, a, &conf, why);
	if (a->has_port && a->port != conf.port)
		conf.enrol = 0; /* one process of a machine does that */
	if (r == 0)
		r = enrol_role_start(&c->enrol, c->rt, c->store, a->dir, &conf, a->listen,
				     &c->flood, &c->metrics, &c->calls, why);
	if (r == 0)
		r = start_door(c, a, why);
	if (r < 0)
		return r;
	r = sandbox_enter();
	if (r < 0)
		snprintf(why, FOLDER_WHY_MAX, "cannot give up privileges: %s",
			 err_text(r));
	c->metrics.port = coap_server_port(c->server);
	rt_timer_set(c->every, rt_mono());
	return r;
}

static void stop(struct clinicd *c)
{
	door_serve_free(c->door);
	enrol_role_stop(&c->enrol);
	coap_server_free(c->server);
	rt_timer_free(c->after);
	rt_timer_free(c->every);
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
	if (file_exists(a->dir, FILES_RELEASE_KEY))
		log_warn("release-key-here",
			 "file=%s note=\"with two signers' keys, who takes over this "
			 "server can release a sealed hub; move the file to where "
			 "tokens are made\"",
			 FILES_RELEASE_KEY);
	log_info("listening", "port=%u protocol=coaps role=ingest",
		 coap_server_port(c->server));
	if (c->door)
		log_info("door-open", "socket=%s port=%u", a->door ? a->door : "-",
			 door_serve_port(c->door));
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
	static struct clinicd c;
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
	return r < 0			    ? exit_code(r)
	       : c.failed || c.enrol.failed ? EXIT_FAILURE
					    : EXIT_SUCCESS;
}
