/*
 * ctl_status.c - clinicctl status: which hubs there are, when they were heard of, what is missing, which devices are
 * silent and why.
 *
 * Each number up to the highest one known here is one of three: a record, given up by the hub with its cause,
 * or missing: on its way, or unknown.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clinic/config_state.h"
#include "clinic/ctl.h"
#include "clinic/ctl_assign.h"
#include "clinic/ctl_person_end.h"
#include "clinic/ctl_ticket.h"
#include "clinic/json_words.h"
#include "clinic/remote.h"
#include "clinic/silence_show.h"
#include "clinic/spec.h"
#include "clinic/words.h"

enum { RANGES_SHOWN = 8, HOURS_MAX = 24 * 365, HOUR_MS = 3600 * 1000 };

/* What was asked. */
struct args {
	const char *dir, *hub; /* NULL: all of them */
	bool json;
	int64_t silent_after_ms; /* -1: as the kinds of devices say */
	int64_t now_ms;
	struct remote *clinic;
	bool has_conf; /* the clinic's folder is here */
	struct conf conf;
};

static uint64_t given_up(const struct store_counts *c)
{
	uint64_t n = 0;

	for (int i = 0; i < TOMBSTONE_CAUSES; i++)
		n += c->given_up[i];
	return n;
}

/* Seqs up to the highest one known here of which nothing is known. */
static uint64_t missing(const struct store_counts *c)
{
	uint64_t known = c->records + c->held + c->discarded + given_up(c);

	return c->highest > known ? c->highest - known : 0;
}

/* The ranges of one cause, in a row. */
struct range_list {
	enum tombstone_cause cause;
	struct seq_range now; /* not printed yet: the next one may touch it */
	uint64_t shown, more;
};

static void end_range(struct range_list *l)
{
	if (l->now.first == 0)
		return;
	if (l->shown == RANGES_SHOWN) {
		l->more += l->now.last - l->now.first + 1;
		return;
	}
	printf("%s %" PRIu64, l->shown++ ? "," : "", l->now.first);
	if (l->now.last > l->now.first)
		printf("-%" PRIu64, l->now.last);
}

static int print_range(void *arg, const struct tombstone *t)
{
	struct range_list *l = arg;

	if (t->cause != l->cause)
		return 0;
	if (l->now.first && t->first == l->now.last + 1) {
		l->now.last = t->last;
		return 0;
	}
	end_range(l);
	l->now = (struct seq_range){ t->first, t->last };
	return 0;
}

/* One line for each cause that a hub has given. */
static int print_given_up(const struct args *a, const struct hub_facts *f)
{
	const struct hub *h = &f->hub;
	const struct store_counts *c = &f->counts;
	char text[WORDS_GIVEN_UP_MAX];
	int r = 0;

	for (int cause = TOMBSTONE_EVICTED; r == 0 && cause < TOMBSTONE_CAUSES; cause++) {
		struct range_list l = { .cause = (enum tombstone_cause)cause };

		if (c->given_up[cause] == 0)
			continue;
		printf("  %s: %s:", h->name,
		       words_given_up(c->given_up[cause], l.cause, text));
		r = remote_given_up(a->clinic, h->name, print_range, &l);
		end_range(&l);
		if (l.more > 0)
			printf(" and %" PRIu64 " more, see --json", l.more);
		printf("\n");
	}
	return r;
}

/* Of an endpoint, if the hub's own packet filter drops what goes there; 0: there is none, or it cannot be said from here. */
static uint16_t bad_port(const struct args *a, const struct hub_facts *f)
{
	for (size_t i = 0; a->has_conf && f->has_config && i < f->config.endpoint_count;
	     i++)
		if (!hub_ports_have(a->conf.hub_ports, f->config.endpoints[i].port))
			return f->config.endpoints[i].port;
	return 0;
}

static void print_bad_port(const struct args *a, const struct hub_facts *f)
{
	char why[HUB_PORTS_WHY_MAX];
	uint16_t port = bad_port(a, f);

	if (port)
		printf("  %s: its configuration names UDP port %u: %s\n", f->hub.name,
		       port, hub_ports_why(a->conf.hub_ports, port, why));
}

/* What the clinic says of itself, which is what new hubs are told. */
static void print_own_port(const struct args *a)
{
	const uint16_t ports[] = { a->conf.port, a->conf.enrol };
	char why[HUB_PORTS_WHY_MAX];

	for (size_t i = 0; a->has_conf && i < sizeof(ports) / sizeof(*ports); i++)
		if (ports[i] && !hub_ports_have(a->conf.hub_ports, ports[i]))
			printf("  %s in clinic.conf: %s\n", i ? "enrol" : "port",
			       hub_ports_why(a->conf.hub_ports, ports[i], why));
}

/* Things that a person must look at, in words. */
static int print_warnings(const struct args *a, const struct hub_facts *f)
{
	const struct hub *h = &f->hub;
	const struct store_counts *c = &f->counts;

	print_bad_port(a, f);
	if (missing(c) > 0)
		printf("  %s: %" PRIu64 " of the readings before number %" PRIu64
		       " not here (yet); the first missing is number %" PRIu64 "\n",
		       h->name, missing(c), c->highest, c->contig + 1);
	if (c->quarantined > 0)
		printf("  %s: %" PRIu64 " records in quarantine\n", h->name,
		       c->quarantined);
	if (c->held > c->held_unassigned)
		printf("  %s: %" PRIu64
		       " records are held in quarantine: they came while the hub was "
		       "suspended, or had sealed itself (level 3); see 'clinicctl "
		       "held'\n",
		       h->name, c->held - c->held_unassigned);
	if (c->held_unassigned > 0)
		printf("  %s: %" PRIu64
		       " readings are not filed: it is not known whose they are; see "
		       "'clinicctl held'\n",
		       h->name, c->held_unassigned);
	if (c->discarded > 0)
		printf("  %s: %" PRIu64 " records were discarded by a person: "
		       "'clinicctl held --journal'\n",
		       h->name, c->discarded);
	if (h->again_ms)
		printf("  %s: was reset, was active: it enrolled again and has no "
		       "patient "
		       "since; 'clinicctl assign' gives it one\n",
		       h->name);
	if (h->state == HUB_SUSPENDED && h->drain.kind)
		printf("  %s: is suspended to the end of its life (%s): numbers up to "
		       "%" PRIu64 " are filed, others are held\n",
		       h->name, life_drain_text(h->drain.kind), h->drain.upto);
	else if (h->state == HUB_SUSPENDED)
		printf("  %s: is suspended: what it sends is held; 'clinicctl hub "
		       "resume' ends this\n",
		       h->name);
	if (c->recovered > 0)
		printf("  %s: %" PRIu64 " records from its card are set aside: they are "
		       "not signed\n",
		       h->name, c->recovered);
	if (h->seen_ms && h->highest < c->highest)
		printf("  %s: says that it has given numbers up to %" PRIu64
		       " only, but number %" PRIu64
		       " is here: its storage is older than it was; have it looked at\n",
		       h->name, h->highest, c->highest);
	if (h->rolled_back)
		printf("  %s: used one number for two readings: its storage was set back "
		       "or copied; "
		       "have it looked at\n",
		       h->name);
	if (h->acked > c->contig)
		printf("  %s: was told that %" PRIu64
		       " readings are here, but only %" PRIu64
		       " are: was an old backup restored?\n",
		       h->name, h->acked, c->contig);
	if (f->witness.distrusted)
		printf("  %s: its audit log went back: its storage was set back or "
		       "copied; "
		       "keep its card, "
		       "and see 'clinicctl audit'\n",
		       h->name);
	return print_given_up(a, f);
}

/* What became of its numbers, in a line; the proof is another verb's. */
static void print_ledger(const struct hub *h, const struct store_counts *c)
{
	if (c->highest == 0) {
		printf("  %s: no number has come yet\n", h->name);
		return;
	}
	printf("  %s: of the numbers 1 to %" PRIu64 ", %" PRIu64 " are here, ", h->name,
	       c->highest, c->records);
	if (c->held + c->discarded > 0)
		printf("%" PRIu64 " are not filed, ", c->held + c->discarded);
	printf("%" PRIu64 " were given up, %" PRIu64
	       " are missing; 'clinicctl gaps' proves it\n",
	       given_up(c), missing(c));
}

static struct silence_view view_of(const struct args *a, const struct hub_facts *f)
{
	return (struct silence_view){
		.facts = f,
		.now_ms = a->now_ms,
		.silent_after_ms = a->silent_after_ms,
	};
}

static const struct status *status_of(const struct hub_facts *f)
{
	return f->has_status ? &f->status.status : NULL;
}

/* The hub, its devices, its numbers. */
static int print_silence(const struct args *a, const struct hub_facts *f)
{
	struct silence_view v = view_of(a, f);

	silence_print(&v);
	config_state_print(stdout, &f->hub, status_of(f));
	ctl_assign_print(f);
	print_ledger(&f->hub, &f->counts);
	return 0;
}

static int print_text(const struct args *a, const struct hub_facts *f)
{
	const struct hub *h = &f->hub;
	const struct store_counts *c = &f->counts;
	char age[WORDS_SPAN_MAX];

	printf("%-16s %-10s %-18s %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 "\n",
	       h->name, hub_state_text(h->state), words_age(h->seen_ms, a->now_ms, age),
	       c->records - c->manifests, h->queued, given_up(c), missing(c));
	return 0;
}

static int add_given_up(void *arg, const struct tombstone *t)
{
	cJSON *o = json_item(arg);

	json_uint(o, "first", t->first);
	json_uint(o, "last", t->last);
	json_text(o, "cause", words_cause(t->cause));
	if (t->class == CLASS_NONE)
		json_null(o, "class");
	else
		json_text(o, "class", words_class(t->class));
	return 0;
}

static int print_json(const struct args *a, const struct hub_facts *f)
{
	const struct hub *h = &f->hub;
	const struct store_counts *c = &f->counts;
	struct silence_view v = view_of(a, f);
	cJSON *o = json_object();
	int r;

	json_text(o, "hub", h->name);
	json_hex(o, "hub_id", h->id, HUB_ID_LEN);
	json_uint(o, "epoch", h->epoch);
	json_text(o, "state", hub_state_text(h->state));
	json_text(o, "drain", life_drain_text(h->drain.kind));
	json_time(o, "seen", h->seen_ms);
	json_uint(o, "records", c->records);
	json_uint(o, "manifests", c->manifests);
	json_uint(o, "contig", c->contig);
	json_uint(o, "highest", c->highest);
	json_uint(o, "given_up", given_up(c));
	r = remote_given_up(a->clinic, h->name, add_given_up,
			    json_array_in(o, "given_up_numbers"));
	json_uint(o, "missing", missing(c));
	json_uint(o, "quarantined", c->quarantined);
	json_uint(o, "held", c->held);
	json_uint(o, "held_unassigned", c->held_unassigned);
	json_uint(o, "discarded", c->discarded);
	json_uint(o, "recovered", c->recovered);
	json_uint(o, "hub_queued", h->queued);
	json_uint(o, "hub_highest", h->highest);
	json_uint(o, "hub_acked", h->acked);
	json_bool(o, "rolled_back", h->rolled_back);
	json_bool(o, "older", h->seen_ms && h->highest < c->highest);
	json_uint(o, "audit_witnessed", f->witness.size);
	json_bool(o, "audit_distrusted", f->witness.distrusted);
	if (bad_port(a, f))
		json_uint(o, "bad_port", bad_port(a, f));
	else
		json_null(o, "bad_port");
	ctl_assign_add_json(f, o);
	config_state_add(o, h, status_of(f));
	silence_add_json(&v, o);
	if (r == 0)
		json_print(o);
	else
		cJSON_Delete(o);
	return r;
}

/* --- all that were asked for ------------------------------------------------------------ */

/* The facts of each, asked once: the list is printed several times over. */
struct facts_list {
	struct hub_facts *facts;
	size_t count, room;
};

static int on_hub(void *arg, const struct hub *h)
{
	struct facts_list *l = arg;

	if (l->count == l->room) {
		size_t room = l->room ? 2 * l->room : 16;
		struct hub_facts *more = reallocarray(l->facts, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		l->facts = more;
		l->room = room;
	}
	l->facts[l->count++].hub = *h;
	return 0;
}

static int load(const struct args *a, struct facts_list *ret)
{
	struct door_request rq;
	struct hub h = { 0 };
	int r = a->hub ? remote_request(DOOR_FACTS, a->hub, &rq) : 0;

	if (r == 0 && a->hub)
		memcpy(h.name, rq.name, sizeof(h.name));
	if (r == 0)
		r = a->hub ? on_hub(ret, &h) : remote_hubs(a->clinic, on_hub, ret);
	for (size_t i = 0; r == 0 && i < ret->count; i++) {
		h = ret->facts[i].hub;
		r = remote_facts(a->clinic, h.name, &ret->facts[i]);
	}
	return r;
}

typedef int print_fn(const struct args *a, const struct hub_facts *f);

static int each(const struct args *a, const struct facts_list *l, print_fn *print)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->count; i++)
		r = print(a, &l->facts[i]);
	return r;
}

static int print_all(const struct args *a, const struct facts_list *l)
{
	int r;

	if (a->json)
		return each(a, l, print_json);
	if (l->count == 0) {
		puts("No hubs yet; 'clinicctl hub add' adds one.");
		print_own_port(a);
		return 0;
	}
	printf("%-16s %-10s %-18s %9s %9s %9s %9s\n", "HUB", "STATE", "LAST HEARD OF",
	       "READINGS", "WAITING", "GIVEN UP", "MISSING");
	r = each(a, l, print_text);
	if (r == 0)
		puts("\nWAITING: on the hub, when it was last heard of. GIVEN UP: the "
		     "hub "
		     "says that they\nwill not come, and why. MISSING: holes in the "
		     "numbers.");
	if (r == 0)
		r = each(a, l, print_silence);
	if (r == 0)
		r = each(a, l, print_warnings);
	if (r == 0 && !a->hub)
		print_own_port(a);
	return r;
}

static int status(struct args *a)
{
	struct facts_list l = { 0 };
	char why[FOLDER_WHY_MAX];
	int r = remote_open(a->dir, &a->clinic, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	/* what it needs was read from there already: where it is not, nothing is said of ports */
	a->has_conf = remote_is_folder(a->clinic) &&
		      folder_read_conf(a->dir, &a->conf, why) == 0;
	r = load(a, &l);
	if (r == 0)
		r = print_all(a, &l);
	/* whoever came with a copied ticket is none of the hubs above */
	if (r == 0 && !a->hub)
		r = ctl_ticket_alarms(a->clinic, a->now_ms, a->json);
	if (r == 0 && !a->hub && remote_is_folder(a->clinic))
		r = ctl_person_warn(a->dir, a->now_ms, a->json);
	r = r < 0 ? remote_failed(a->clinic, a->hub, r) : CTL_OK;
	free(l.facts);
	remote_close(a->clinic);
	return r;
}

static bool set_silent_after(struct args *a, const char *text)
{
	long hours;

	if (spec_parse_number(text, 0, HOURS_MAX, &hours))
		return false;
	a->silent_after_ms = hours * (int64_t)HOUR_MS;
	return true;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "silent-after", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	struct args a = { .silent_after_ms = -1, .now_ms = ctl_now_ms() };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's' && !set_silent_after(&a, optarg))
			return ctl_misused(
				&ctl_status,
				"status: --silent-after takes 0 to %d hours, not '%s'",
				HOURS_MAX, optarg);
		if (c != 'j' && c != 's')
			return ctl_misused(&ctl_status, "status: nothing was read");
		a.json |= c == 'j';
	}
	if (!ctl_operands(&ctl_status, argc, argv, optind, argc - optind == 2 ? 2 : 1))
		return CTL_USAGE;
	a.dir = argv[optind];
	a.hub = argv[optind + 1]; /* NULL behind the last one */
	return status(&a);
}

const struct ctl_verb ctl_status = {
	.name = "status",
	.what = "hubs: last heard of, what waits, what is missing",
	.usage = "Usage: clinicctl status DIR [HUB] [--json] [--silent-after HOURS]\n"
		 "Shows each hub: when it was last heard of, how many readings are here, "
		 "how many wait on\n"
		 "the hub, how many it has given up, how many are missing between those "
		 "that are here, and\n"
		 "what needs a person. Of each device: when its last reading came, and "
		 "if it is silent, why,\n"
		 "in a word and in words: none, offline, locked, bond, battery, clock, "
		 "device-unseen,\n"
		 "no-measurement.\n\n"
		 "  --json                one JSON object a line\n"
		 "  --silent-after HOURS  a device is silent after so long without a "
		 "reading; else after\n"
		 "                        36 hours, a CGM after 3\n",
	.remote = true,
	.run = run,
};
