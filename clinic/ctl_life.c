/*
 * ctl_life.c - clinicctl lost: nothing is taken of a hub any more. What may follow what is decided by life.h; here it is written
 * down and said. Retired is a hub by its own hand: ctl_retire.c.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "clinic/ctl.h"
#include "clinic/ctl_decide.h"
#include "clinic/door_rows.h"
#include "clinic/json.h"
#include "clinic/words.h"

struct args {
	const struct ctl_verb *verb;
	const char *dir, *hub;
	struct ctl_signature by;
	bool undo, json;
};

static int parse_options(int argc, char **argv, const char *given,
			 const struct option *options, struct args *a)
{
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'r': a->by.why = optarg; break;
		case 'b': a->by.who = optarg; break;
		case 'u': a->undo = true; break;
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

/* --- what is said ---------------------------------------------------------------------- */

static int refused(const struct args *a, const struct hub *h)
{
	return ctl_complain(CTL_FAILED, "hub '%s' is %s%s; nothing was changed", a->hub,
			    hub_state_text(h->state), a->undo ? " and not lost" : "");
}

static void print_json(const struct args *a, const struct door_life *o)
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

static void print_lost(const struct args *a, const struct door_life *o)
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

static int report(const struct args *a, const struct door_life *o)
{
	if (o->result == LIFE_REFUSED)
		return refused(a, &o->was);
	if (a->json)
		print_json(a, o);
	else if (o->result == LIFE_SAME)
		printf("Hub '%s' is %s already; nothing was changed.\n", a->hub,
		       hub_state_text(o->was.state));
	else
		print_lost(a, o);
	return CTL_OK;
}

static void get_life(struct cb *c, void *ret)
{
	door_get_life(c, ret);
}

/* Wherever the clinic is: who finds that a hub is lost need not be where its folder is. */
static int order(const struct args *a)
{
	struct door_request rq = { .op = a->undo ? DOOR_FIND : DOOR_LOSE };
	struct door_life l;
	int r = ctl_ask(a->dir, a->hub, &a->by, &rq, get_life, &l);

	return r == CTL_OK ? report(a, &l) : r;
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
	.remote = true,
	.run = run_lost,
};
