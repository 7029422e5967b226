/*
 * endpoint_args.c - see endpoint_args.h.
 */
#include "clinic/endpoint_args.h"

#include <errno.h>

#include "clinic/bundle.h"
#include "clinic/ctl.h"
#include "clinic/endpoint_spec.h"
#include "hub/endpoints.h"

int endpoint_args_take(struct endpoint_args *a, const char *option, const char *text)
{
	const char *why;

	if (a->count == CONFIG_ENDPOINTS_MAX)
		return ctl_misused(&ctl_hub,
				   "%s '%s' is one too many: a hub has at most %d "
				   "endpoints",
				   option, text, CONFIG_ENDPOINTS_MAX);
	if (endpoint_parse(text, &a->parsed[a->count], &why) < 0)
		return ctl_misused(&ctl_hub, "%s '%s': %s", option, text, why);
	a->option = option;
	a->texts[a->count++] = text;
	return CTL_OK;
}

static int add_one(const struct endpoint_args *a, size_t i,
		   const struct config_endpoint *own, struct endpoint_list *l)
{
	struct config_endpoint e = a->parsed[i];
	int r;

	if (!endpoint_fill(&e, own))
		return ctl_misused(&ctl_hub,
				   "%s '%s': this clinic's server.crt has the name %s; "
				   "say the key of the server with that other name, pin=",
				   a->option, a->texts[i], own->name);
	r = endpoint_list_add(l, &e);
	if (r == -EEXIST)
		return ctl_misused(&ctl_hub,
				   "%s '%s': there is one of this name, address and port "
				   "already",
				   a->option, a->texts[i]);
	if (r < 0)
		return ctl_misused(&ctl_hub,
				   "%s '%s': a hub has at most %d endpoints; remove one",
				   a->option, a->texts[i], CONFIG_ENDPOINTS_MAX);
	return CTL_OK;
}

int endpoint_args_fill(const struct endpoint_args *a, const struct config_endpoint *own,
		       struct endpoint_list *l)
{
	int r = CTL_OK;

	for (size_t i = 0; i < a->count && r == CTL_OK; i++)
		r = add_one(a, i, own, l);
	return r;
}

/* What was said without a port has the clinic's own, which is looked at where it is written down (own_trust.h). */
static int check_ports(const struct endpoint_args *a, const struct conf *conf)
{
	char why[HUB_PORTS_WHY_MAX];

	for (size_t i = 0; i < a->count; i++)
		if (a->parsed[i].port &&
		    !hub_ports_have(conf->hub_ports, a->parsed[i].port))
			return ctl_misused(
				&ctl_hub, "%s '%s': %s", a->option, a->texts[i],
				hub_ports_why(conf->hub_ports, a->parsed[i].port, why));
	return CTL_OK;
}

int endpoint_args_add(const struct endpoint_args *a, const char *dir,
		      struct endpoint_list *l)
{
	char why[FOLDER_WHY_MAX];
	struct config_endpoint own;
	struct conf conf;
	int r = folder_read_conf(dir, &conf, why);

	if (r == 0)
		r = bundle_own_endpoint(dir, &own, why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = check_ports(a, &conf);
	return r == CTL_OK ? endpoint_args_fill(a, &own, l) : r;
}

void endpoint_print_list(FILE *to, const uint8_t hub[static HUB_ID_LEN],
			 const struct endpoint_list *l,
			 const struct endpoint_list *before)
{
	struct endpoint_list sorted = *l;
	char text[ENDPOINT_TEXT_MAX];

	endpoints_order(hub, sorted.at, sorted.count);
	for (size_t i = 0; i < sorted.count; i++)
		fprintf(to, "  %s%s\n",
			!before					   ? ""
			: endpoint_list_has(before, &sorted.at[i]) ? "= "
								   : "+ ",
			endpoint_text(&sorted.at[i], text));
	for (size_t i = 0; before && i < before->count; i++)
		if (!endpoint_list_has(l, &before->at[i]))
			fprintf(to, "  - %s\n", endpoint_text(&before->at[i], text));
}
