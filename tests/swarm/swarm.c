/*
 * swarm.c - many simulated hubs in one process, against real clinicd processes.
 *
 *	swarm run CLINIC FOLDER --port N [--port N...] [options]
 *	swarm dump CLINIC
 *
 * run: makes hubs that the clinic of folder CLINIC knows (its store and its root's key are opened for that), and
 * lets them deliver their readings (home.h). FOLDER gets the ledger and the sockets. A line a second says how
 * far it is:
 *
 *	swarm made=M acked=A refused=R up=U handshakes=H back=B incidents=I
 *
 * Standard input takes lines: "mark" sets back to 0; "assignment N" is that of the readings made from then on, of which
 * the clinic was told of 7 only. It ends on SIGTERM, or at the end of its input.
 *
 * dump: what the store has, one line for each record and each hub (enrol.h).
 */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clinic/files.h"
#include "clinic/folder.h"
#include "hub/rt/log.h"
#include "tests/swarm/enrol.h"

enum { REPORT_MS = 1000, DIR_MAX = 64, NUMBER_MAX = 10000000 };

struct swarm {
	const char *clinic, *dir;
	size_t count;
	struct home_config cfg;
	struct home_identity *identities;
	struct home **homes;
	struct home_totals totals;
	struct ledger ledger;
	struct rt_timer *report;
	struct rt_fd *input;
	char root[PKI_PEM_MAX];
};

static const char usage_text[] =
	"Usage: swarm run CLINIC FOLDER --port N [--port N...] [--hubs N] [--readings "
	"N]\n"
	"             [--pace-ms N] [--spread-ms N] [--heartbeat-s N] [--dtls 12|13]\n"
	"             [--assignment N]\n"
	"       swarm dump CLINIC\n";

static void fail(const char *what)
{
	fprintf(stderr, "swarm: %s\n", what);
	exit(1);
}

static unsigned number(const char *text)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (end == text || *end || v > NUMBER_MAX)
		fail("a number from 0 to 10000000 is wanted");
	return (unsigned)v;
}

static void add_port(struct home_config *cfg, const char *text)
{
	struct config_endpoint *e = &cfg->endpoints[cfg->endpoint_count];

	if (cfg->endpoint_count == CONFIG_ENDPOINTS_MAX)
		fail("too many ports");
	e->port = (uint16_t)number(text);
	cfg->endpoint_count++;
}

static void parse(struct swarm *w, int argc, char **argv)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "hubs", required_argument, NULL, 'n' },
		{ "readings", required_argument, NULL, 'r' },
		{ "pace-ms", required_argument, NULL, 'm' },
		{ "spread-ms", required_argument, NULL, 's' },
		{ "heartbeat-s", required_argument, NULL, 'h' },
		{ "dtls", required_argument, NULL, 'd' },
		{ "assignment", required_argument, NULL, 'a' },
		{ NULL, 0, NULL, 0 },
	};
	enum dtls_profile profile = DTLS_PROFILE_13_CID;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'p': add_port(&w->cfg, optarg); break;
		case 'n': w->count = number(optarg); break;
		case 'r': w->cfg.readings = number(optarg); break;
		case 'm': w->cfg.pace_ms = number(optarg); break;
		case 's': w->cfg.spread_ms = number(optarg); break;
		case 'h': w->cfg.heartbeat_s = (uint16_t)number(optarg); break;
		case 'a': w->cfg.assignment = number(optarg); break;
		case 'd':
			profile = strcmp(optarg, "12") == 0 ? DTLS_PROFILE_12_CID
							    : DTLS_PROFILE_13_CID;
			break;
		default: fail("see usage");
		}
	}
	if (optind != argc - 3 || w->cfg.endpoint_count == 0 ||
	    w->cfg.readings > HOME_READINGS_MAX) {
		fputs(usage_text, stderr);
		exit(2);
	}
	w->clinic = argv[optind + 1];
	w->dir = argv[optind + 2];
	for (size_t i = 0; i < w->cfg.endpoint_count; i++)
		w->cfg.endpoints[i].profile = profile;
}

static void find_clinic(struct swarm *w)
{
	static char cert[PKI_PEM_MAX];
	char why[FOLDER_WHY_MAX];
	uint8_t pin[PIN_LEN];
	struct conf conf;

	if (folder_read_conf(w->clinic, &conf, why) < 0 ||
	    folder_read_text(w->clinic, FILES_ROOT_CRT, w->root, sizeof(w->root), why) <
		    0 ||
	    folder_read_text(w->clinic, FILES_SERVER_CRT, cert, sizeof(cert), why) < 0)
		fail(why);
	if (pki_spki(cert, pin))
		fail("the server's certificate does not parse");
	for (size_t i = 0; i < w->cfg.endpoint_count; i++) {
		struct config_endpoint *e = &w->cfg.endpoints[i];

		snprintf(e->name, sizeof(e->name), "%s", conf.name);
		memcpy(e->addr, conf.addr, sizeof(e->addr));
		e->pin_count = 1;
		memcpy(e->pins[0], pin, PIN_LEN);
	}
	w->cfg.root_pem = w->root;
}

static void report(const struct swarm *w)
{
	const struct home_totals *t = &w->totals;

	printf("swarm made=%u acked=%u refused=%u up=%u handshakes=%u back=%u "
	       "incidents=%u\n",
	       t->made, t->acked, t->refused, t->up, t->handshakes, t->back,
	       t->incidents);
	fflush(stdout);
}

static void on_report(void *arg)
{
	struct swarm *w = arg;

	report(w);
	rt_timer_set(w->report, mono_add(rt_mono(), REPORT_MS));
}

static void on_input(void *arg, int events)
{
	struct swarm *w = arg;
	char buf[64];
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf) - 1);

	(void)events;
	if (n <= 0) {
		rt_fd_set(w->input, 0);
		rt_stop(w->cfg.rt);
		return;
	}
	buf[n] = '\0';
	if (strncmp(buf, "assignment ", 11) == 0) {
		buf[strcspn(buf, "\n")] = '\0';
		w->cfg.assignment = number(buf + 11);
		return;
	}
	if (strcmp(buf, "mark\n") != 0)
		fail("the words on standard input are 'mark' and 'assignment N'");
	w->totals.back = 0;
	for (size_t i = 0; i < w->count; i++)
		home_mark(w->homes[i]);
	puts("marked");
	fflush(stdout);
}

/* Ten descriptors to a hub. */
static void raise_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

static void start(struct swarm *w)
{
	raise_limit();
	find_clinic(w);
	ledger_open(&w->ledger, w->dir);
	w->cfg.ledger = &w->ledger;
	w->cfg.totals = &w->totals;
	w->cfg.rt = rt_new();
	w->identities = calloc(w->count + 1, sizeof(*w->identities));
	w->homes = calloc(w->count + 1, sizeof(struct home *));
	if (!w->identities || !w->homes)
		fail("memory");
	enrol(w->clinic, w->count, w->identities);
	for (size_t i = 0; i < w->count; i++) {
		char dir[DIR_MAX + 32];

		snprintf(dir, sizeof(dir), "%.*s/%zu", DIR_MAX, w->dir, i);
		if (mkdir(dir, 0700))
			fail(dir);
		w->homes[i] = home_new(&w->cfg, &w->identities[i], dir, i);
	}
	w->report = rt_timer_new(w->cfg.rt, on_report, w);
	w->input = rt_fd_new(w->cfg.rt, STDIN_FILENO, RT_READ, on_input, w);
	on_report(w);
}

static void end(struct swarm *w)
{
	report(w);
	for (size_t i = 0; i < w->count; i++)
		home_free(w->homes[i]);
	rt_timer_free(w->report);
	rt_fd_free(w->input);
	rt_free(w->cfg.rt);
	ledger_close(&w->ledger);
	crypto_wipe(w->identities, w->count * sizeof(*w->identities));
	free(w->identities);
	free((void *)w->homes);
}

int main(int argc, char **argv)
{
	static struct swarm w = { .count = 100,
				  .cfg = { .readings = 20,
					   .heartbeat_s = 300,
					   .assignment = HOME_ASSIGNMENT } };

	log_init("swarm");
	if (crypto_init())
		fail("no random numbers");
	if (argc == 3 && strcmp(argv[1], "dump") == 0)
		return enrol_dump(argv[2]) < 0;
	if (argc < 2 || strcmp(argv[1], "run") != 0) {
		fputs(usage_text, stderr);
		return 2;
	}
	parse(&w, argc, argv);
	start(&w);
	rt_run(w.cfg.rt);
	end(&w);
	crypto_done();
	return 0;
}
