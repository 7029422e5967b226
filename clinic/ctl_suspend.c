/*
 * ctl_suspend.c - clinicctl hub suspend, resume and withdraw: from when on what a hub sends is held, and its readings of one
 * assignment. Holds at the hub's next request; nothing that is filed is taken back.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "clinic/ctl.h"
#include "clinic/ctl_decide.h"
#include "clinic/door_rows.h"
#include "clinic/json.h"
#include "clinic/spec.h"

struct args {
	const char *dir, *hub;
	struct ctl_signature by;
	uint32_t assignment;
	bool undo, json;
};

/* operands: 2, or 3 with an assignment. A reason is asked for what keeps readings back. */
static int parse(int argc, char **argv, int operands, bool reason, struct args *a)
{
	static const struct option options[] = {
		{ "reason", required_argument, NULL, 'r' },
		{ "by", required_argument, NULL, 'b' },
		{ "undo", no_argument, NULL, 'u' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	const char *verb = argv[1];
	int c;

	*a = (struct args){ 0 };
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'r': a->by.why = optarg; break;
		case 'b': a->by.who = optarg; break;
		case 'u': a->undo = true; break;
		case 'j': a->json = true; break;
		default:
			return ctl_misused(&ctl_hub, "hub %s: nothing was changed", verb);
		}
	}
	if (!ctl_operands(&ctl_hub, argc, argv, optind, operands + 1))
		return CTL_USAGE;
	if (a->undo && operands == 2)
		return ctl_misused(&ctl_hub, "hub %s: there is no --undo; 'hub resume'",
				   verb);
	a->dir = argv[optind + 1];
	a->hub = argv[optind + 2];
	if (!a->by.why && !reason)
		a->by.why = "no reason given";
	return ctl_check_signature(&ctl_hub, &a->by);
}

/* --- suspend and resume ------------------------------------------------------------------ */

static void get_life(struct cb *c, void *ret)
{
	door_get_life(c, ret);
}

static int refused(const struct args *a, const struct hub *was, const char *verb)
{
	if (was->state == HUB_SUSPENDED && was->drain.kind == LIFE_DRAIN_RETIRING)
		return ctl_complain(CTL_FAILED,
				    "hub '%s' has an order of two people to retire: "
				    "'clinicctl retire %s %s --cancel' takes it back; "
				    "nothing was changed",
				    a->hub, a->dir, a->hub);
	if (was->state == HUB_SUSPENDED)
		return ctl_complain(CTL_FAILED,
				    "hub '%s' is suspended to the end of its life (%s): "
				    "'hub %s' does not change that; nothing was changed",
				    a->hub, life_drain_text(was->drain.kind), verb);
	return ctl_complain(CTL_FAILED,
			    "hub '%s' is %s: 'hub %s' is for hubs that may upload; "
			    "nothing was changed",
			    a->hub, hub_state_text(was->state), verb);
}

static int print_json(const struct args *a, const struct door_life *l)
{
	cJSON *o = json_object();

	json_text(o, "hub", a->hub);
	json_text(o, "was", hub_state_text(l->was.state));
	json_text(o, "state", hub_state_text(l->is.state));
	json_bool(o, "changed", l->result == LIFE_CHANGED);
	json_uint(o, "held", l->held);
	json_print(o);
	return CTL_OK;
}

int ctl_hub_suspend(int argc, char **argv)
{
	struct door_request rq = { .op = DOOR_SUSPEND };
	struct door_life l;
	struct args a;
	int r = parse(argc, argv, 2, true, &a);

	if (r == CTL_OK)
		r = ctl_ask(a.dir, a.hub, &a.by, &rq, get_life, &l);
	if (r != CTL_OK)
		return r;
	if (l.result == LIFE_REFUSED)
		return refused(&a, &l.was, "suspend");
	if (a.json)
		return print_json(&a, &l);
	if (l.was.state == HUB_SUSPENDED)
		printf("Hub '%s' is suspended already; nothing was changed.\n", a.hub);
	else
		printf("Hub '%s' is suspended. What it sends from now on is kept, and "
		       "held: 'clinicctl held %s %s'.\n"
		       "'clinicctl hub resume' ends this.\n",
		       a.hub, a.dir, a.hub);
	return CTL_OK;
}

int ctl_hub_resume(int argc, char **argv)
{
	struct door_request rq = { .op = DOOR_RESUME };
	struct door_life l;
	struct args a;
	int r = parse(argc, argv, 2, false, &a);

	if (r == CTL_OK)
		r = ctl_ask(a.dir, a.hub, &a.by, &rq, get_life, &l);
	if (r != CTL_OK)
		return r;
	if (l.result == LIFE_REFUSED)
		return refused(&a, &l.was, "resume");
	if (a.json)
		return print_json(&a, &l);
	if (l.was.state == HUB_ACTIVE)
		printf("Hub '%s' is active already; nothing was changed.\n", a.hub);
	else
		printf("Hub '%s' is active again: what it sends from now on is filed.\n",
		       a.hub);
	if (l.held > 0)
		printf("%" PRIu64 " that came before %s still held: 'clinicctl held %s "
		       "%s'.\n",
		       l.held, l.held == 1 ? "is" : "are", a.dir, a.hub);
	return CTL_OK;
}

/* --- withdraw ---------------------------------------------------------------------------- */

static void get_result(struct cb *c, void *ret)
{
	enum door_withdraw *to = ret;

	*to = (enum door_withdraw)cb_get_uint_max(c, DOOR_WITHDRAW_NONE);
}

static void print_withdrawn(const struct args *a, enum door_withdraw result)
{
	cJSON *o;

	if (a->json) {
		o = json_object();
		json_text(o, "hub", a->hub);
		json_uint(o, "assignment", a->assignment);
		json_text(o, "state", a->undo ? "given" : "withdrawn");
		json_bool(o, "changed", result == DOOR_WITHDRAW_DONE);
		json_print(o);
	} else if (result == DOOR_WITHDRAW_SAME) {
		printf("It is so already; nothing was changed.\n");
	} else if (a->undo) {
		printf("Assignment %" PRIu32
		       " of hub '%s' is given again: its readings are "
		       "filed from now on.\n",
		       a->assignment, a->hub);
	} else {
		printf("Assignment %" PRIu32
		       " of hub '%s' is withdrawn: its readings that come "
		       "from now on are held:\n'clinicctl held %s %s'. What is filed "
		       "already stays filed.\n",
		       a->assignment, a->hub, a->dir, a->hub);
	}
}

int ctl_hub_withdraw(int argc, char **argv)
{
	enum door_withdraw result = DOOR_WITHDRAW_NONE;
	struct door_request rq = { .op = DOOR_WITHDRAW };
	struct args a;
	long n = 0;
	int r = parse(argc, argv, 3, true, &a);

	if (r == CTL_OK && spec_parse_number(argv[optind + 3], 1, UINT32_MAX, &n) < 0)
		r = ctl_misused(&ctl_hub, "'%s' is not the number of an assignment",
				argv[optind + 3]);
	if (r != CTL_OK)
		return r;
	a.assignment = rq.assignment = (uint32_t)n;
	rq.op = a.undo ? DOOR_GIVE_AGAIN : DOOR_WITHDRAW;
	r = ctl_ask(a.dir, a.hub, &a.by, &rq, get_result, &result);
	if (r != CTL_OK)
		return r;
	if (result == DOOR_WITHDRAW_NONE)
		return ctl_complain(CTL_NO_INPUT,
				    "hub '%s' never had an assignment %ld; nothing was "
				    "changed, and what comes under it is held anyway",
				    a.hub, n);
	print_withdrawn(&a, result);
	return CTL_OK;
}
