/*
 * ctl_life.c - clinicctl lost and retire: the ends of a hub's life, as people order them. What may follow what is decided by
 * life.h; here it is signed, written down and said.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clinic/ctl.h"
#include "clinic/ctl_decide.h"
#include "clinic/folder.h"
#include "clinic/json.h"
#include "clinic/store_life.h"
#include "clinic/words.h"

/* A retirement that nobody carries out at the hub waits so long: who must object has a day. */
enum { REMOTE_MS = 24 * 3600 * 1000 };

struct args {
	const struct ctl_verb *verb;
	const char *dir, *hub, *second;
	struct ctl_signature by;
	bool undo, discard, at_hub, json;
};

struct outcome {
	enum life_result result;
	struct hub was, is;
	uint64_t told, missing;
};

static int parse_options(int argc, char **argv, const char *given,
			 const struct option *options, struct args *a)
{
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'r': a->by.why = optarg; break;
		case 'b': a->by.who = optarg; break;
		case 's': a->second = optarg; break;
		case 'u': a->undo = true; break;
		case 'd': a->discard = true; break;
		case 'h': a->at_hub = true; break;
		case 'j': a->json = true; break;
		default: return ctl_misused(a->verb, "%s: nothing was changed", given);
		}
	}
	if (!ctl_operands(a->verb, argc, argv, optind, 2))
		return CTL_USAGE;
	a->dir = argv[optind];
	a->hub = argv[optind + 1];
	return ctl_check_signature(a->verb, &a->by);
}

/* Two people: what is discarded is gone. */
static int check_two(const struct args *a)
{
	if (!a->discard)
		return a->second ? ctl_misused(a->verb, "--second belongs to --discard")
				 : CTL_OK;
	if (a->at_hub)
		return ctl_misused(a->verb, "--discard ends it now: no --at-hub");
	if (!a->by.who || !a->second || !ctl_is_line(a->second, JOURNAL_WHO_MAX) ||
	    strcmp(a->by.who, a->second) == 0)
		return ctl_misused(a->verb,
				   "--discard needs two people: --by NAME and --second "
				   "NAME");
	return CTL_OK;
}

/* --- the decision ---------------------------------------------------------------------- */

static enum life_event event_of(const struct args *a)
{
	if (a->verb == &ctl_lost)
		return a->undo ? LIFE_FIND : LIFE_LOSE;
	return a->discard ? LIFE_DISCARD : LIFE_RETIRE;
}

static enum journal_act act_of(enum life_event e)
{
	return e == LIFE_FIND	   ? JOURNAL_FIND
	       : e == LIFE_LOSE	   ? JOURNAL_LOSE
	       : e == LIFE_DISCARD ? JOURNAL_DISCARD_HUB
				   : JOURNAL_RETIRE;
}

/* The second name stands before the reason, so that it is never cut off. */
static void add_second(struct journal_entry *e, const struct args *a)
{
	char why[JOURNAL_WHY_MAX + 1];

	if (!a->second)
		return;
	snprintf(why, sizeof(why), "with %s: %.*s", a->second,
		 (int)(JOURNAL_WHY_MAX - JOURNAL_WHO_MAX - 7), a->by.why);
	memcpy(e->why, why, sizeof(why));
}

static int decide(struct store *s, const struct hub *h, struct journal_entry *e,
		  void *arg, void *ret)
{
	const struct args *a = arg;
	struct outcome *o = ret;
	struct life_request rq = { .event = event_of(a), .now_ms = e->at_ms };
	struct store_counts c = { 0 };
	int r = store_life_told(s, h, &rq.told);

	if (r == 0)
		r = store_counts(s, h->id, h->epoch, &c);
	if (r < 0)
		return r;
	rq.end_ms = a->at_hub ? rq.now_ms : rq.now_ms + REMOTE_MS;
	*o = (struct outcome){ .was = *h, .is = *h, .told = rq.told };
	o->missing = rq.told > c.contig ? rq.told - c.contig : 0;
	r = store_life_on(s, &o->is, &rq);
	if (r < 0)
		return r;
	o->result = (enum life_result)r;
	add_second(e, a);
	return r == LIFE_CHANGED;
}

/* --- what is said ---------------------------------------------------------------------- */

static int refused(const struct args *a, const struct hub *h)
{
	if (a->undo)
		return ctl_complain(CTL_FAILED,
				    "hub '%s' is %s and not lost; nothing was changed",
				    a->hub, hub_state_text(h->state));
	return ctl_complain(CTL_FAILED,
			    "hub '%s' is %s: it cannot be retired; nothing was changed",
			    a->hub, hub_state_text(h->state));
}

static void print_json(const struct args *a, const struct outcome *o)
{
	char time[WORDS_TIME_MAX];
	cJSON *j = json_object();

	json_text(j, "hub", a->hub);
	json_text(j, "was", hub_state_text(o->was.state));
	json_text(j, "state", hub_state_text(o->is.state));
	json_bool(j, "changed", o->result == LIFE_CHANGED);
	json_text(j, "drain", life_drain_text(o->is.drain.kind));
	json_uint(j, "files_up_to", o->is.drain.upto);
	if (o->is.drain.end_ms)
		json_text(j, "not_before", words_time(o->is.drain.end_ms, 0, true, time));
	else
		json_null(j, "not_before");
	json_uint(j, "told", o->told);
	json_uint(j, "missing", o->missing);
	json_uint(j, "waiting", o->was.queued);
	json_print(j);
}

static void print_lost(const struct args *a, const struct outcome *o)
{
	if (a->undo)
		printf("Hub '%s' is suspended for review: what it sends is kept, and "
		       "held.\n'clinicctl hub resume %s %s' files again what it sends; "
		       "'clinicctl held %s %s' shows\nwhat came.\n",
		       a->hub, a->dir, a->hub, a->dir, a->hub);
	else
		printf("Hub '%s' is lost: nothing of it is taken any more. When and from "
		       "where it calls is\nkept ('clinicctl hub show %s %s'). What is "
		       "on it is sealed, and is not erased from here.\n",
		       a->hub, a->dir, a->hub);
	if (!a->undo && o->was.queued > 0)
		printf("%" PRIu64 " reading%s on it when it was last heard of.\n",
		       o->was.queued, o->was.queued == 1 ? " waited" : "s waited");
}

static void print_retired(const struct args *a, const struct outcome *o)
{
	char time[WORDS_TIME_MAX];

	if (o->is.state == HUB_RETIRED) {
		printf("Hub '%s' is retired: nothing of it is taken any more.\n", a->hub);
		if (o->missing > 0)
			printf("Given up with it: %" PRIu64 " of the numbers up to "
			       "%" PRIu64
			       " are not here. 'clinicctl gaps %s %s' says which.\n",
			       o->missing, o->told, a->dir, a->hub);
		return;
	}
	printf("Hub '%s' is to be retired: what it still has up to number %" PRIu64
	       " is filed, what it measures from\nnow on is held ('clinicctl held %s "
	       "%s'). It is retired when every number is accounted\nfor, not before "
	       "%s; 'clinicctl hub resume' takes this back until then.\n",
	       a->hub, o->is.drain.upto, a->dir, a->hub,
	       words_time(o->is.drain.end_ms, 0, false, time));
}

static int report(const struct args *a, const struct outcome *o)
{
	bool losses = o->result == LIFE_CHANGED && a->discard && o->missing > 0;

	if (o->result == LIFE_REFUSED)
		return refused(a, &o->was);
	if (a->json)
		print_json(a, o);
	else if (o->result == LIFE_SAME)
		printf("Hub '%s' is %s%s already; nothing was changed.\n", a->hub,
		       o->was.drain.kind && o->was.state == HUB_SUSPENDED
			       ? "suspended to be "
			       : "",
		       o->was.state == HUB_SUSPENDED ? "retired"
						     : hub_state_text(o->was.state));
	else if (a->verb == &ctl_lost)
		print_lost(a, o);
	else
		print_retired(a, o);
	return losses ? CTL_LOSSES : CTL_OK;
}

static int order(struct args *a)
{
	struct journal_entry e = { .act = act_of(event_of(a)) };
	char why[FOLDER_WHY_MAX];
	struct outcome o = { 0 };
	struct store *store;
	int r = folder_open_store(a->dir, &store, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = ctl_decide(store, a->hub, &a->by, &e, decide, a, &o);
	store_close(store);
	return r < 0 ? ctl_store_failed(a->dir, a->hub, r) : report(a, &o);
}

static int run_lost(int argc, char **argv)
{
	static const struct option options[] = {
		{ "reason", required_argument, NULL, 'r' },
		{ "by", required_argument, NULL, 'b' },
		{ "undo", no_argument, NULL, 'u' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct args a = { .verb = &ctl_lost };
	int r = parse_options(argc, argv, argv[0], options, &a);

	return r == CTL_OK ? order(&a) : r;
}

static int run_retire(int argc, char **argv)
{
	static const struct option options[] = {
		{ "reason", required_argument, NULL, 'r' },
		{ "by", required_argument, NULL, 'b' },
		{ "second", required_argument, NULL, 's' },
		{ "discard", no_argument, NULL, 'd' },
		{ "at-hub", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct args a = { .verb = &ctl_retire };
	int r = parse_options(argc, argv, argv[0], options, &a);

	if (r == CTL_OK)
		r = check_two(&a);
	return r == CTL_OK ? order(&a) : r;
}

const struct ctl_verb ctl_lost = {
	.name = "lost",
	.what = "take nothing of a hub any more: it is lost or stolen",
	.usage = "Usage: clinicctl lost DIR HUB --reason TEXT [--by NAME] [--undo] "
		 "[--json]\n"
		 "From its next call on nothing is taken of the hub, whatever it shows, "
		 "and when and from\n"
		 "where it called is kept: 'clinicctl hub show'. What is on it is "
		 "sealed; it is not erased.\n\n"
		 "  --undo  it was not lost: it is suspended then, and what it sends is "
		 "held, until\n"
		 "          'clinicctl hub resume'\n"
		 "  --json  one object, for programs\n",
	.run = run_lost,
};

const struct ctl_verb ctl_retire = {
	.name = "retire",
	.what = "end a hub's life here, when everything that it has is here",
	.usage = "Usage: clinicctl retire DIR HUB --reason TEXT [--by NAME] [--at-hub] "
		 "[--json]\n"
		 "       clinicctl retire DIR HUB --discard --reason TEXT --by NAME "
		 "--second NAME [--json]\n"
		 "What the hub has told of until now is still filed, what it measures "
		 "later is held; when\n"
		 "every number is accounted for, and a day is over, it is retired and "
		 "nothing of it is\n"
		 "taken any more. Another clinic may have it then: it begins a new life "
		 "there.\n\n"
		 "  --at-hub       somebody is with the hub: no day is waited\n"
		 "  --discard      at once, whatever is still on it; two people must say "
		 "so\n"
		 "  --second NAME  the second one\n"
		 "  --json         one object, for programs\n\n"
		 "Exit status: 0 done; 3 done, and readings were given up with it.\n",
	.run = run_retire,
};
