/*
 * ctl_command.c - clinicctl command: the orders to a hub, who has signed them, and what became of them; the second signature.
 */
#include <getopt.h>
#include <stdio.h>

#include "clinic/ctl.h"
#include "clinic/ctl_order.h"
#include "clinic/folder.h"
#include "clinic/remote.h"

struct listing {
	const struct order_args *a;
	int64_t now_ms;
	uint64_t only; /* 0: all */
	unsigned found;
};

static int show_of(void *arg, const char *hub, const struct order *o)
{
	struct listing *l = arg;

	l->found++;
	if (l->a->json)
		order_print_json(hub, o, l->now_ms);
	else
		order_print(hub, o, l->now_ms);
	return 0;
}

static int show_one(void *arg, const struct order *o)
{
	struct listing *l = arg;

	return l->only && o->command.counter != l->only ? 0 : show_of(arg, l->a->hub, o);
}

/* Of one hub; without a name what waits for a signature, of all. */
static int show(const struct order_args *a)
{
	struct listing l = { .a = a,
			     .now_ms = ctl_now_ms(),
			     .only = (uint64_t)a->counter };
	char why[FOLDER_WHY_MAX];
	struct remote *clinic;
	int r = remote_open(a->dir, &clinic, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = a->hub ? remote_orders(clinic, a->hub, show_one, &l)
		   : remote_waiting(clinic, show_of, &l);
	r = r < 0 ? remote_failed(clinic, a->hub, r) : CTL_OK;
	remote_close(clinic);
	if (r == CTL_OK && l.found == 0 && a->counter)
		return ctl_complain(CTL_NO_INPUT, "hub '%s' has no order %ld", a->hub,
				    a->counter);
	if (r == CTL_OK && l.found == 0 && !a->json)
		printf("  %s: no orders%s\n", a->hub ? a->hub : "all hubs",
		       a->hub ? "" : " that wait for a signature");
	return r;
}

static int run_show(int argc, char **argv, bool counter)
{
	struct order_args a;
	int r = order_parse(&ctl_command, argc, argv, 2, counter, NULL, 0, &a);

	return r == CTL_OK ? show(&a) : r;
}

static int run_waiting(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct order_args a = { .dir = NULL };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			return ctl_misused(&ctl_command,
					   "command waiting: nothing was read");
		a.json = true;
	}
	if (!ctl_operands(&ctl_command, argc, argv, optind, 2))
		return CTL_USAGE;
	a.dir = argv[optind + 1];
	return show(&a);
}

static int run_sign(int argc, char **argv)
{
	struct order_args a;
	int r = order_parse(&ctl_command, argc, argv, 2, true, NULL, 0, &a);

	return r == CTL_OK ? order_sign(&ctl_command, &a) : r;
}

static int run_list(int argc, char **argv)
{
	return run_show(argc, argv, false);
}

static int run_one(int argc, char **argv)
{
	return run_show(argc, argv, true);
}

static const struct ctl_part parts[] = {
	{ "list", run_list, true },
	{ "show", run_one, true },
	{ "sign", run_sign, true },
	{ "waiting", run_waiting, true },
	{ 0 },
};

const struct ctl_verb ctl_command = {
	.name = "command",
	.what = "orders to a hub: who signed them, what became of them",
	.usage = "Usage: clinicctl command list DIR HUB [--json]\n"
		 "       clinicctl command show DIR HUB COUNTER [--json]\n"
		 "       clinicctl command sign DIR HUB COUNTER --as NAME [--key FILE] "
		 "[--yes]\n"
		 "           [--json]\n"
		 "       clinicctl command waiting DIR [--json]\n"
		 "Shows the orders to a hub ('clinicctl lock', 'release', 'test', "
		 "'reboot', 'retire'): who has signed,\n"
		 "which signature is missing, until when it holds and what the hub said "
		 "of it. 'sign' adds\n"
		 "the second signature, of another person with another role, after it "
		 "has shown what\n"
		 "the first one signed and asked; 'waiting' "
		 "lists those of all hubs\nthat need one, with the roles that would "
		 "do.\n\n"
		 "  --as NAME   the signer, one of 'clinicctl signer list'\n"
		 "  --key FILE  the signer's key: a file, or pkcs11:...; default "
		 "signer-NAME.key in "
		 "DIR\n"
		 "  --yes       sign without being asked\n"
		 "  --json      one object on one line for each order, for programs\n",
	.parts = parts,
};
