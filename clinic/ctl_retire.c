/*
 * ctl_retire.c - clinicctl retire and transfer: a hub's life ends by an order that two people of different roles sign, which the
 * hub itself carries out; see clinic/order_take.h and clinic/life.h.
 *
 *   ordered -> drains     the second signature, in order_take_second
 *   drains  -> as before  --cancel, one signature, as long as the hub has not said that it is at level 4
 *   drains  -> RETIRED    the hub says that it is at level 4 and has nothing more: store_life_settle
 *   drains  -> RETIRED    --end, of a hub that will say nothing more
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "clinic/ctl.h"
#include "clinic/ctl_decide.h"
#include "clinic/ctl_order.h"
#include "clinic/door_rows.h"
#include "clinic/json.h"
#include "clinic/spec.h"

struct args {
	const struct ctl_verb *verb;
	struct order_args order;
	const char *second, *second_key, *who;
	bool discard, cancel, end;
};

/* --- --end --------------------------------------------------------------------------------- */

static int report_end(const struct args *a, const struct door_end *e)
{
	if (!order_retiring(&e->was))
		return ctl_complain(CTL_FAILED,
				    "no order of two people to retire hub '%s' is in "
				    "force: it is %s; nothing was changed",
				    a->order.hub, hub_state_text(e->was.state));
	if (!e->ended)
		return ctl_complain(CTL_FAILED,
				    "%" PRIu64 " of the numbers up to %" PRIu64
				    " of hub '%s' are not here, and the order is to "
				    "deliver them: cancel it, and order --discard; "
				    "nothing was changed",
				    e->missing, e->told, a->order.hub);
	if (a->order.json) {
		cJSON *j = json_object();

		json_text(j, "hub", a->order.hub);
		json_text(j, "state", hub_state_text(HUB_RETIRED));
		json_uint(j, "told", e->told);
		json_uint(j, "missing", e->missing);
		json_print(j);
	} else {
		printf("Hub '%s' is retired: nothing of it is taken any more.\n",
		       a->order.hub);
		if (e->missing > 0)
			printf("Given up with it: %" PRIu64 " of the numbers up to "
			       "%" PRIu64
			       " are not here. 'clinicctl gaps %s %s' says which.\n",
			       e->missing, e->told, a->order.dir, a->order.hub);
	}
	return e->missing > 0 ? CTL_LOSSES : CTL_OK;
}

static void get_end(struct cb *c, void *ret)
{
	door_get_end(c, ret);
}

static int run_end(struct args *a)
{
	const struct ctl_signature by = { .who = a->who, .why = a->order.why };
	struct door_request rq = { .op = DOOR_RETIRE_END };
	struct door_end end;
	int r = ctl_check_signature(a->verb, &by);

	if (r == CTL_OK)
		r = ctl_ask(a->order.dir, a->order.hub, &by, &rq, get_end, &end);
	return r == CTL_OK ? report_end(a, &end) : r;
}

/* --- the command line ---------------------------------------------------------------------- */

static int parse_options(int argc, char **argv, struct args *a)
{
	static const struct option options[] = {
		{ "as", required_argument, NULL, 'a' },
		{ "key", required_argument, NULL, 'k' },
		{ "second", required_argument, NULL, 's' },
		{ "second-key", required_argument, NULL, 'K' },
		{ "reason", required_argument, NULL, 'r' },
		{ "by", required_argument, NULL, 'b' },
		{ "valid", required_argument, NULL, 'v' },
		{ "discard", no_argument, NULL, 'd' },
		{ "cancel", no_argument, NULL, 'c' },
		{ "end", no_argument, NULL, 'e' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'a': a->order.as = optarg; break;
		case 'k': a->order.key = optarg; break;
		case 's': a->second = optarg; break;
		case 'K': a->second_key = optarg; break;
		case 'r': a->order.why = optarg; break;
		case 'b': a->who = optarg; break;
		case 'd': a->discard = true; break;
		case 'c': a->cancel = true; break;
		case 'e': a->end = true; break;
		case 'j': a->order.json = true; break;
		case 'v':
			if (spec_parse_number(optarg, 1, ORDER_VALID_MAX_MIN,
					      &a->order.valid_min) == 0)
				break;
			return ctl_misused(a->verb,
					   "--valid '%s' is not a number from 1 "
					   "to %d",
					   optarg, ORDER_VALID_MAX_MIN);
		default:
			return ctl_misused(a->verb, "%s: nothing was changed",
					   a->verb->name);
		}
	}
	return CTL_OK;
}

static int check_options(const struct args *a)
{
	if (a->cancel + a->end + a->discard > 1)
		return ctl_misused(a->verb, "only one of --discard, --cancel and --end");
	if (a->end && (a->order.as || a->second))
		return ctl_misused(a->verb, "--end is signed by nobody: the order was");
	if (a->cancel && a->second)
		return ctl_misused(a->verb, "--cancel needs one signature");
	if (a->second_key && !a->second)
		return ctl_misused(a->verb, "--second-key belongs to --second");
	if (a->who && !a->end)
		return ctl_misused(a->verb, "--by belongs to --end; --as says who signs");
	if (a->order.why && !ctl_is_line(a->order.why, ORDER_WHY_MAX))
		return ctl_misused(a->verb, "--reason must be one line of 1 to %d bytes",
				   ORDER_WHY_MAX);
	return CTL_OK;
}

static int parse(const struct ctl_verb *v, int argc, char **argv, struct args *ret)
{
	int r;

	*ret = (struct args){ .verb = v, .order = { .valid_min = ORDER_VALID_MIN } };
	r = parse_options(argc, argv, ret);
	if (r == CTL_OK)
		r = check_options(ret);
	if (r != CTL_OK)
		return r;
	if (!ctl_operands(v, argc, argv, optind, 2))
		return CTL_USAGE;
	ret->order.dir = argv[optind];
	ret->order.hub = argv[optind + 1];
	return CTL_OK;
}

/* --- what is said -------------------------------------------------------------------------- */

static void say_next(const struct args *a)
{
	const char *dir = a->order.dir, *hub = a->order.hub;

	if (a->cancel) {
		printf("Hub '%s' stays: what it sends is filed again. 'clinicctl command "
		       "list %s %s' says whether\nit has heard of it in time.\n",
		       hub, dir, hub);
		return;
	}
	printf("When two people of different roles have signed: what hub '%s' has told "
	       "of until then is filed,\nwhat it measures later is held ('clinicctl held "
	       "%s %s'). A day after it has taken the order it\nmeasures no more, %s, "
	       "erases itself and is in factory state; then\nit is retired here. Until "
	       "that day is over 'clinicctl retire %s %s --cancel' takes it back.\n"
	       "Somebody at the hub need not wait: 'clinicctl retire --help'.\n",
	       hub, dir, hub,
	       a->discard ? "names what it gives up" : "delivers what it still has", dir,
	       hub);
}

static void say_transfer(const struct args *a)
{
	printf("\nWhat the other clinic needs, when 'clinicctl hub list %s' says that "
	       "the "
	       "hub is retired:\n"
	       "  1. the label on the hub. It stays valid: 'clinicctl claim' there "
	       "takes it\n"
	       "  2. its own file clinic.trust on the hub's boot partition, in the "
	       "place of this clinic's,\n"
	       "     and the hub switched on. Do this before the hub starts the next "
	       "time after it was\n"
	       "     erased: with this clinic's file it would ask here, and be turned "
	       "away\n"
	       "  3. to compare the fingerprint that the hub says with the one that "
	       "'clinicctl trust' says\n"
	       "The hub begins a new enrolment there, with a higher epoch; nothing of "
	       "this clinic goes with it.\n",
	       a->order.dir);
}

/* --- the verbs ----------------------------------------------------------------------------- */

static int run_verb(const struct ctl_verb *v, int argc, char **argv)
{
	struct command c = { .verb = COMMAND_RETIRE };
	struct order_args second;
	struct args a;
	int r = parse(v, argc, argv, &a);

	if (r != CTL_OK)
		return r;
	if (a.end)
		return run_end(&a);
	if (a.cancel)
		c.verb = COMMAND_CANCEL;
	else
		c.how = a.discard ? COMMAND_RETIRE_DISCARD : COMMAND_RETIRE_DRAIN;
	a.order.quiet = a.second != NULL;
	r = order_give(v, &a.order, &c);
	if (r != CTL_OK)
		return r;
	second = a.order;
	second.as = a.second;
	second.key = a.second_key;
	second.counter = (long)c.counter;
	second.quiet = false;
	second.yes = true; /* both have just said it, here */
	if (a.second)
		r = order_sign(v, &second);
	if (r != CTL_OK)
		return ctl_complain(r, "order %" PRIu64 " waits for its second signature",
				    c.counter);
	if (!a.order.json)
		say_next(&a);
	if (!a.order.json && v == &ctl_transfer && !a.cancel)
		say_transfer(&a);
	return CTL_OK;
}

static int run_retire(int argc, char **argv)
{
	return run_verb(&ctl_retire, argc, argv);
}

static int run_transfer(int argc, char **argv)
{
	return run_verb(&ctl_transfer, argc, argv);
}

#define RETIRE_HELP                                                                      \
	"  --discard        what is still unsent a day later is given up, and named to " \
	"us\n"                                                                           \
	"  --second NAME    the second signer, of another role, if both are here; "      \
	"else\n"                                                                         \
	"                   'clinicctl command sign'\n"                                  \
	"  --second-key FILE\n"                                                          \
	"                   that one's private key\n"                                    \
	"  --cancel         take the order back, as long as it has not taken effect; "   \
	"one\n"                                                                          \
	"                   signature\n"                                                 \
	"  --end            the hub will say nothing more: it was reset by hand, or is " \
	"gone.\n"                                                                        \
	"                   Only with an order of two people; without --discard only "   \
	"if all\n"                                                                       \
	"                   that it told of is here\n"                                   \
	"  --by NAME        of --end: who says so\n" ORDER_ARGS_HELP

const struct ctl_verb ctl_retire = {
	.name = "retire",
	.what = "end a hub's life here: it delivers what it has and erases itself",
	.usage =
		"Usage: clinicctl retire DIR HUB --as NAME --reason TEXT [--discard]\n"
		"           [--second NAME] [--second-key FILE] [--key FILE] [--valid "
		"MINUTES] [--json]\n"
		"       clinicctl retire DIR HUB --cancel --as NAME --reason TEXT [--key "
		"FILE] [--json]\n"
		"       clinicctl retire DIR HUB --end --reason TEXT [--by NAME] "
		"[--json]\n"
		"An order that two people of different roles sign. A day after the hub "
		"has taken it, it\n"
		"takes no readings any more, delivers what it has, erases all that it "
		"knows and is in\n"
		"factory state, with its label. Somebody at the hub need not wait for "
		"the day: as soon as\n"
		"'clinicctl command list' says 'pending', a factory reset there does "
		"the same at once, if\n"
		"nothing is unsent or --discard was ordered; then --end.\n\n" RETIRE_HELP
		"\nExit status: 0 done; 3 --end is done, and readings were given up with "
		"it.\n",
	.remote = true,
	.run = run_retire,
};

const struct ctl_verb ctl_transfer = {
	.name = "transfer",
	.what = "give a hub to another clinic: retire it, and say what is to be done",
	.usage = "Usage: clinicctl transfer DIR HUB --as NAME --reason TEXT [--discard]\n"
		 "           [--second NAME] [--second-key FILE] [--key FILE] [--valid "
		 "MINUTES] [--json]\n"
		 "       clinicctl transfer DIR HUB --cancel --as NAME --reason TEXT "
		 "[--key FILE] [--json]\n"
		 "       clinicctl transfer DIR HUB --end --reason TEXT [--by NAME] "
		 "[--json]\n"
		 "The same as 'clinicctl retire', and what the other clinic has to do "
		 "then: claim the\n"
		 "label, which stays, and put its own clinic.trust on the hub's boot "
		 "partition.\n\n" RETIRE_HELP,
	.remote = true,
	.run = run_transfer,
};
