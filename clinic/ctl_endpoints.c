/*
 * ctl_endpoints.c - clinicctl hub endpoints: where a hub reaches the clinic; shown, or changed by another config.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clinic/conf.h"
#include "clinic/ctl_config_ask.h"
#include "clinic/endpoint_args.h"
#include "clinic/endpoint_spec.h"
#include "clinic/folder.h"
#include "clinic/json.h"
#include "hub/crypto/crypto.h"
#include "hub/endpoints.h"

struct args {
	const char *dir, *name, *out;
	struct endpoint_args given; /* by --add or --set */
	size_t remove_count;
	const char *remove[CONFIG_ENDPOINTS_MAX];
	bool add, set, show, json;
	struct endpoint_list before, after; /* filled when the config is at hand */
};

static int take_remove(struct args *a, const char *text)
{
	if (a->remove_count == CONFIG_ENDPOINTS_MAX)
		return ctl_misused(&ctl_hub,
				   "--remove '%s' is one too many: a hub has at most %d "
				   "endpoints",
				   text, CONFIG_ENDPOINTS_MAX);
	a->remove[a->remove_count++] = text;
	return CTL_OK;
}

static int parse_options(int argc, char **argv, struct args *a)
{
	static const struct option options[] = {
		{ "add", required_argument, NULL, 'a' },
		{ "remove", required_argument, NULL, 'r' },
		{ "set", required_argument, NULL, 's' },
		{ "out", required_argument, NULL, 'o' },
		{ "show", no_argument, NULL, 'w' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c, r = CTL_OK;

	while (r == CTL_OK && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'a':
			a->add = true;
			r = endpoint_args_take(&a->given, "--add", optarg);
			break;
		case 's':
			a->set = true;
			r = endpoint_args_take(&a->given, "--set", optarg);
			break;
		case 'r': r = take_remove(a, optarg); break;
		case 'o': a->out = optarg; break;
		case 'w': a->show = true; break;
		case 'j': a->json = true; break;
		default: return ctl_misused(&ctl_hub, "hub endpoints: nothing was made");
		}
	}
	return r;
}

static int parse_args(int argc, char **argv, struct args *a)
{
	bool change;

	*a = (struct args){ .dir = NULL };
	if (parse_options(argc, argv, a) != CTL_OK ||
	    !ctl_operands(&ctl_hub, argc, argv, optind, 3))
		return CTL_USAGE;
	a->dir = argv[optind + 1];
	a->name = argv[optind + 2];
	change = a->add || a->set || a->remove_count > 0;
	if (a->set && (a->add || a->remove_count > 0))
		return ctl_misused(&ctl_hub,
				   "--set says all endpoints there shall be: --add and "
				   "--remove do not go with it");
	if (a->show && (change || a->out))
		return ctl_misused(&ctl_hub, "--show changes nothing: what changes "
					     "something does not go with it");
	if (!change && a->out)
		return ctl_misused(&ctl_hub,
				   "hub endpoints: --out needs a change: --add, --remove "
				   "or --set");
	a->show = !change;
	return CTL_OK;
}

static void get_list(const struct config *c, struct endpoint_list *ret)
{
	ret->count = c->endpoint_count;
	memcpy(ret->at, c->endpoints, sizeof(ret->at));
}

/* --- the change ------------------------------------------------------------------------------- */

static int remove_one(struct args *a, const char *text)
{
	switch (endpoint_list_remove(&a->after, text)) {
	case 0: return CTL_OK;
	case -ENOENT:
		return ctl_complain(CTL_NO_INPUT,
				    "hub '%s' has no endpoint '%s'; 'clinicctl hub "
				    "endpoints %s %s' shows them",
				    a->name, text, a->dir, a->name);
	case -ERANGE:
		return ctl_misused(&ctl_hub,
				   "--remove '%s': hub '%s' has more than one of these; "
				   "say an address, or a port behind ':', or all that "
				   "shall be left with --set",
				   text, a->name);
	}
	return ctl_misused(
		&ctl_hub,
		"--remove '%s' is not a name or an address, with ':' and a port "
		"behind it if need be, like clinic.example, 192.0.2.1:5684 or "
		"[2001:db8::1]:5684",
		text);
}

static int change(void *arg, const struct config_endpoint *own, struct config *c)
{
	struct args *a = arg;
	int r = CTL_OK;

	get_list(c, &a->before);
	a->after = a->before;
	if (a->set)
		a->after.count = 0;
	for (size_t i = 0; i < a->remove_count && r == CTL_OK; i++)
		r = remove_one(a, a->remove[i]);
	if (r == CTL_OK)
		r = endpoint_args_fill(&a->given, own, &a->after);
	if (r != CTL_OK)
		return r;
	if (a->after.count == 0)
		return ctl_misused(&ctl_hub,
				   "hub '%s' would have no endpoint left: say with --add "
				   "where it shall reach the clinic",
				   a->name);
	if (endpoint_list_equal(&a->before, &a->after))
		return ctl_misused(
			&ctl_hub,
			"hub '%s' has exactly these endpoints already; nothing "
			"was written",
			a->name);
	c->endpoint_count = a->after.count;
	memcpy(c->endpoints, a->after.at, sizeof(c->endpoints));
	return CTL_OK;
}

/* --- what is shown ---------------------------------------------------------------------------- */

static cJSON *add_json(cJSON *array, const struct config_endpoint *e)
{
	cJSON *o = json_item(array), *pins;
	char text[2 * PIN_LEN + 1], addr[64];

	json_text(o, "name", e->name);
	if (config_has_addr(e))
		json_text(o, "address", conf_address_text(e->addr, addr, sizeof(addr)));
	else
		json_null(o, "address");
	json_uint(o, "port", e->port);
	json_text(o, "profile", endpoint_profile_text(e->profile));
	json_uint(o, "weight", e->weight ? e->weight : 1u);
	pins = json_array_in(o, "pins");
	for (size_t i = 0; i < e->pin_count; i++) {
		for (size_t k = 0; k < PIN_LEN; k++)
			snprintf(text + 2 * k, 3, "%02x", e->pins[i][k]);
		json_text_item(pins, text);
	}
	return o;
}

static void print_json(const struct args *a, const struct config *c)
{
	struct endpoint_list sorted = a->after;
	cJSON *o = json_object(), *list;

	json_text(o, "hub", a->name);
	json_hex(o, "hub_id", c->hub, HUB_ID_LEN);
	json_uint(o, "config_version", c->version);
	list = json_array_in(o, "endpoints");
	endpoints_order(c->hub, sorted.at, sorted.count);
	for (size_t i = 0; i < sorted.count; i++)
		json_bool(add_json(list, &sorted.at[i]), "new",
			  !endpoint_list_has(&a->before, &sorted.at[i]));
	list = json_array_in(o, "removed");
	for (size_t i = 0; i < a->before.count; i++)
		if (!endpoint_list_has(&a->after, &a->before.at[i]))
			add_json(list, &a->before.at[i]);
	json_print(o);
}

static void print_change(const struct args *a, const struct config *c)
{
	printf("Endpoints of hub '%s' with configuration %" PRIu64
	       ", in the order in which it tries them\n"
	       "(+ new, = as before, - no more):\n\n",
	       a->name, c->version);
	endpoint_print_list(stdout, c->hub, &a->after, &a->before);
	putchar('\n');
}

static void print_next(FILE *to, const struct ctl_config_out *out)
{
	ctl_config_print_next(to, out);
	fprintf(to, "It tries the new endpoints "
		    "beside its connection, and keeps the ones before until one of the "
		    "new ones has acknowledged\n"
		    "something; if none does, it goes on with those, and 'clinicctl "
		    "status' says\n"
		    "'uplink-unconfirmed'.\n");
}

static void print_shown(const struct args *a, const struct config *c)
{
	printf("Endpoints of hub '%s' as of configuration %" PRIu64
	       ", the last one made for it, in the order in\n"
	       "which it tries them:\n\n",
	       a->name, c->version);
	endpoint_print_list(stdout, c->hub, &a->after, NULL);
}

static int load(const struct args *a, struct config *c)
{
	static struct ctl_config_base base;
	char why[FOLDER_WHY_MAX];
	struct remote *clinic;
	int r = remote_open(a->dir, &clinic, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = ctl_config_load(clinic, a->name, &base);
	remote_close(clinic);
	*c = base.config;
	crypto_wipe(&base, sizeof(base));
	return r;
}

static int show(struct args *a, struct config *c)
{
	int r = load(a, c);

	if (r != CTL_OK)
		return r;
	get_list(c, &a->after);
	a->before = a->after;
	if (a->json)
		print_json(a, c);
	else
		print_shown(a, c);
	return CTL_OK;
}

static int make_change(struct args *a, struct config *c)
{
	struct ctl_config_out out;
	int r = ctl_config_out(&ctl_hub, a->out, &out);

	if (r == CTL_OK)
		r = ctl_config_ask(a->dir, a->name, &out, change, a, c);
	if (r != CTL_OK)
		return r;
	if (a->json)
		print_json(a, c);
	else
		print_change(a, c);
	print_next(a->json ? stderr : stdout, &out);
	return CTL_OK;
}

int ctl_endpoints(int argc, char **argv)
{
	static struct config c;
	struct args a;
	int r = parse_args(argc, argv, &a);

	if (r != CTL_OK)
		return r;
	r = a.show ? show(&a, &c) : make_change(&a, &c);
	crypto_wipe(&c, sizeof(c)); /* passkeys */
	return r;
}
