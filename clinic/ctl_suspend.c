/*
 * ctl_suspend.c - clinicctl hub suspend, resume and withdraw: from when on what a hub sends is held, and its readings of one
 * assignment. Holds at the hub's next request; nothing that is filed is taken back.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "clinic/ctl.h"
#include "clinic/ctl_decide.h"
#include "clinic/folder.h"
#include "clinic/spec.h"
#include "clinic/store_life.h"
#include "hub/core/err.h"

struct args {
	const char *dir, *hub;
	struct ctl_signature by;
	uint32_t assignment;
	bool undo;
};

/* What became of it. */
struct outcome {
	enum hub_state was;
	enum life_drain_kind drain;
	uint64_t held;
	bool refused;
};

/* operands: 2, or 3 with an assignment. A reason is asked for what keeps readings back. */
static int parse(int argc, char **argv, int operands, bool reason, struct args *a)
{
	static const struct option options[] = {
		{ "reason", required_argument, NULL, 'r' },
		{ "by", required_argument, NULL, 'b' },
		{ "undo", no_argument, NULL, 'u' },
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

static int run(const struct args *a, struct journal_entry *e, ctl_decision *fn,
	       struct outcome *ret)
{
	char why[FOLDER_WHY_MAX];
	struct args copy = *a;
	struct store *store;
	int r = folder_open_store(a->dir, &store, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = ctl_decide(store, a->hub, &a->by, e, fn, &copy, ret);
	store_close(store);
	return r < 0 ? ctl_store_failed(a->dir, a->hub, r) : CTL_OK;
}

static int change_state(struct store *s, const struct hub *h, struct journal_entry *e,
			void *arg, void *ret)
{
	struct life_request rq = { .event = e->act == JOURNAL_SUSPEND ? LIFE_SUSPEND
								      : LIFE_RESUME };
	struct hub copy = *h;
	struct outcome *o = ret;
	struct store_counts c;
	int r = store_counts(s, h->id, h->epoch, &c);

	(void)arg;
	if (r == 0)
		r = store_life_on(s, &copy, &rq);
	if (r < 0)
		return r;
	*o = (struct outcome){ .was = h->state,
			       .drain = h->drain.kind,
			       .held = c.held,
			       .refused = r == LIFE_REFUSED };
	return r == LIFE_CHANGED;
}

static int refused(const struct args *a, const struct outcome *o, const char *verb)
{
	if (o->was == HUB_SUSPENDED)
		return ctl_complain(CTL_FAILED,
				    "hub '%s' is suspended to the end of its life (%s): "
				    "'hub %s' does not change that; nothing was changed",
				    a->hub, life_drain_text(o->drain), verb);
	return ctl_complain(CTL_FAILED,
			    "hub '%s' is %s: 'hub %s' is for hubs that may upload; "
			    "nothing was changed",
			    a->hub, hub_state_text(o->was), verb);
}

int ctl_hub_suspend(int argc, char **argv)
{
	struct journal_entry e = { .act = JOURNAL_SUSPEND };
	struct outcome o = { 0 };
	struct args a;
	int r = parse(argc, argv, 2, true, &a);

	if (r == CTL_OK)
		r = run(&a, &e, change_state, &o);
	if (r != CTL_OK)
		return r;
	if (o.refused)
		return refused(&a, &o, "suspend");
	if (o.was == HUB_SUSPENDED)
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
	struct journal_entry e = { .act = JOURNAL_RESUME };
	struct outcome o = { 0 };
	struct args a;
	int r = parse(argc, argv, 2, false, &a);

	if (r == CTL_OK)
		r = run(&a, &e, change_state, &o);
	if (r != CTL_OK)
		return r;
	if (o.refused)
		return refused(&a, &o, "resume");
	if (o.was == HUB_ACTIVE)
		printf("Hub '%s' is active already; nothing was changed.\n", a.hub);
	else
		printf("Hub '%s' is active again: what it sends from now on is filed.\n",
		       a.hub);
	if (o.held > 0)
		printf("%" PRIu64 " that came before %s still held: 'clinicctl held %s "
		       "%s'.\n",
		       o.held, o.held == 1 ? "is" : "are", a.dir, a.hub);
	return CTL_OK;
}

/* ret: .refused if the number was never given, .was HUB_NONE if it is as wanted already. */
static int change_assignment(struct store *s, const struct hub *h,
			     struct journal_entry *e, void *arg, void *ret)
{
	const struct args *a = arg;
	enum assignment_state to = a->undo ? ASSIGNMENT_GIVEN : ASSIGNMENT_WITHDRAWN;
	struct outcome *o = ret;
	const struct assignment *row;
	struct assignments t;
	int r = store_assignments(s, h->id, h->epoch, &t);

	(void)e;
	if (r < 0)
		return r;
	row = filing_find(&t, a->assignment);
	*o = (struct outcome){ .refused = !row };
	if (!row || row->state == to)
		return 0;
	o->was = h->state;
	r = store_assignment_set(s, h->id, h->epoch, a->assignment, to);
	return r < 0 ? r : 1;
}

int ctl_hub_withdraw(int argc, char **argv)
{
	struct journal_entry e = { .act = JOURNAL_WITHDRAW };
	struct outcome o = { 0 };
	struct args a;
	long n = 0;
	int r = parse(argc, argv, 3, true, &a);

	if (r == CTL_OK && spec_parse_number(argv[optind + 3], 1, UINT32_MAX, &n) < 0)
		r = ctl_misused(&ctl_hub, "'%s' is not the number of an assignment",
				argv[optind + 3]);
	if (r != CTL_OK)
		return r;
	a.assignment = e.assignment = (uint32_t)n;
	e.act = a.undo ? JOURNAL_GIVE_AGAIN : JOURNAL_WITHDRAW;
	r = run(&a, &e, change_assignment, &o);
	if (r != CTL_OK)
		return r;
	if (o.refused)
		return ctl_complain(CTL_NO_INPUT,
				    "hub '%s' never had an assignment %ld; nothing was "
				    "changed, and what comes under it is held anyway",
				    a.hub, n);
	if (o.was == HUB_NONE)
		printf("It is so already; nothing was changed.\n");
	else if (a.undo)
		printf("Assignment %ld of hub '%s' is given again: its readings are "
		       "filed from now on.\n",
		       n, a.hub);
	else
		printf("Assignment %ld of hub '%s' is withdrawn: its readings that come "
		       "from now on are held:\n'clinicctl held %s %s'. What is filed "
		       "already stays filed.\n",
		       n, a.hub, a.dir, a.hub);
	return CTL_OK;
}
