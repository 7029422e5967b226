/*
 * ctl_command.c - clinicctl command: the orders to a hub, who has signed them, and what became of them; the second signature.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/ctl.h"
#include "clinic/ctl_decide.h"
#include "clinic/ctl_order.h"
#include "clinic/folder.h"

struct listing {
	const struct order_args *a;
	const struct hub *h;
	int64_t now_ms;
	uint64_t only; /* 0: all */
	unsigned found;
};

static int show_one(void *arg, const struct order *o)
{
	struct listing *l = arg;

	if (l->only && o->command.counter != l->only)
		return 0;
	l->found++;
	if (l->a->json)
		order_print_json(l->h, o, l->now_ms);
	else
		order_print(l->h, o, l->now_ms);
	return 0;
}

static int show(const struct order_args *a, struct store *store)
{
	struct listing l = { .a = a,
			     .now_ms = ctl_now_ms(),
			     .only = (uint64_t)a->counter };
	struct hub h;
	int r = store_hub_by_name(store, a->hub, &h);

	l.h = &h;
	if (r == 0)
		r = store_order_each(store, &h, show_one, &l);
	if (r < 0)
		return ctl_store_failed(a->dir, a->hub, r);
	if (l.found == 0 && a->counter)
		return ctl_complain(CTL_NO_INPUT, "hub '%s' has no order %ld", a->hub,
				    a->counter);
	if (l.found == 0 && !a->json)
		printf("  %s: no orders\n", a->hub);
	return CTL_OK;
}

static int run_show(int argc, char **argv, bool counter)
{
	char why[FOLDER_WHY_MAX];
	struct order_args a;
	struct store *store;
	int r = order_parse(&ctl_command, argc, argv, 2, counter, NULL, 0, &a);

	if (r != CTL_OK)
		return r;
	r = folder_open_store(a.dir, &store, why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = show(&a, store);
	store_close(store);
	return r;
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
	{ "list", run_list, false },
	{ "show", run_one, false },
	{ "sign", run_sign, false },
	{ 0 },
};

const struct ctl_verb ctl_command = {
	.name = "command",
	.what = "orders to a hub: who signed them, what became of them",
	.usage = "Usage: clinicctl command list DIR HUB [--json]\n"
		 "       clinicctl command show DIR HUB COUNTER [--json]\n"
		 "       clinicctl command sign DIR HUB COUNTER --as NAME [--key FILE] "
		 "[--json]\n"
		 "Shows the orders to a hub ('clinicctl lock', 'release', 'test', "
		 "'reboot', 'retire'): who has signed,\n"
		 "which signature is missing, until when it holds and what the hub said "
		 "of it. 'sign' adds\n"
		 "the second signature, of another person with another role.\n\n"
		 "  --as NAME   the signer, one of 'clinicctl signer list'\n"
		 "  --key FILE  the signer's private key; default signer-NAME.key in "
		 "DIR\n"
		 "  --json      one object on one line for each order, for programs\n",
	.parts = parts,
};
