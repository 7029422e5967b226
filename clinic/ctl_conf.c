/*
 * ctl_conf.c - clinicctl config: a hub's configuration shown; and the way to config edit (ctl_conf_edit.c).
 *
 * Passkeys and consent codes are not shown: who must have them edits.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clinic/config_state.h"
#include "clinic/ctl.h"
#include "clinic/endpoint_spec.h"
#include "clinic/json.h"
#include "clinic/limit_text.h"
#include "clinic/plan_text.h"
#include "clinic/remote.h"
#include "clinic/spec.h"
#include "hub/endpoints.h"

static void print_device(const struct config_device *d)
{
	char text[SPEC_TEXT_MAX];

	printf("  device %-7u %s\n", d->num, spec_device_text(d, false, text));
}

static void print_text(struct hub_facts *v)
{
	struct config *c = &v->config;
	char text[ENDPOINT_TEXT_MAX], change[SPEC_CHANGE_MAX];

	printf("Configuration %" PRIu64 " of hub '%s', the last one that was signed:\n\n",
	       c->version, v->hub.name);
	printf("  heartbeat      %u s\n  utc offset     %d min", c->heartbeat_s,
	       c->utc_offset_min);
	if (c->has_change)
		printf(", then %s",
		       spec_change_text(c->change_utc_s, c->change_offset_min, change));
	printf("\n  assignment     %u\n  sealing key    %u\n", c->assignment,
	       c->seal_key_id);
	if (c->has_next_seal)
		printf("  next sealing   %u, not in use\n", c->next_seal.id);
	if (c->window.id > 0)
		printf("  pairing window number %u, %u minutes, device %u (0: all)%s\n",
		       c->window.id, c->window.minutes, c->window.device,
		       c->window.repair ? ", forgetting its bond" : "");
	for (size_t i = 0; i < c->device_count; i++)
		print_device(&c->devices[i]);
	endpoints_order(c->hub, c->endpoints, c->endpoint_count);
	for (size_t i = 0; i < c->endpoint_count; i++)
		printf("  endpoint       %s\n", endpoint_text(&c->endpoints[i], text));
	for (size_t i = 0; i < c->plan_count; i++)
		printf("  plan           device %u: %s\n", c->plans[i].device,
		       plan_text(&c->plans[i], text));
	if (c->no_asking)
		printf("  asking         nobody is asked to measure\n");
	for (size_t i = 0; i < c->quiet_count; i++)
		printf("  quiet hours    %s\n", quiet_text(&c->quiet[i], text));
	for (size_t i = 0; i < c->limit_count; i++)
		printf("  limits         %s: %s %s\n",
		       value_name_text(c->limits[i].vital),
		       limit_text(&c->limits[i], text),
		       value_unit_text(limit_unit(c->limits[i].vital)));
	printf("\n");
	config_state_print(stdout, &v->hub, v->has_status ? &v->status.status : NULL);
}

static void add_window(cJSON *o, const struct config_window *w)
{
	cJSON *in;

	if (w->id == 0) {
		json_null(o, "pairing_window");
		return;
	}
	in = json_object_in(o, "pairing_window");
	json_uint(in, "number", w->id);
	json_uint(in, "device", w->device);
	json_uint(in, "minutes", w->minutes);
	json_bool(in, "repair", w->repair);
}

static void print_json(const struct hub_facts *v)
{
	const struct config *c = &v->config;
	char text[ENDPOINT_TEXT_MAX], device[SPEC_TEXT_MAX], num[8];
	cJSON *o = json_object(), *in;

	json_text(o, "hub", v->hub.name);
	json_hex(o, "hub_id", c->hub, HUB_ID_LEN);
	json_uint(o, "epoch", c->epoch);
	json_uint(o, "version", c->version);
	json_uint(o, "assignment", c->assignment);
	json_uint(o, "sealing_key", c->seal_key_id);
	if (c->has_next_seal)
		json_uint(o, "next_sealing_key", c->next_seal.id);
	else
		json_null(o, "next_sealing_key");
	json_uint(o, "heartbeat_s", c->heartbeat_s);
	json_int(o, "utc_offset_min", c->utc_offset_min);
	if (c->has_change)
		json_text(o, "utc_offset_change",
			  spec_change_text(c->change_utc_s, c->change_offset_min, text));
	else
		json_null(o, "utc_offset_change");
	add_window(o, &c->window);
	in = json_object_in(o, "devices");
	for (size_t i = 0; i < c->device_count; i++) {
		snprintf(num, sizeof(num), "%u", c->devices[i].num);
		json_text(in, num, spec_device_text(&c->devices[i], false, device));
	}
	in = json_array_in(o, "endpoints");
	for (size_t i = 0; i < c->endpoint_count; i++)
		json_text_item(in, endpoint_text(&c->endpoints[i], text));
	in = json_object_in(o, "plan");
	for (size_t i = 0; i < c->plan_count; i++) {
		snprintf(num, sizeof(num), "%u", c->plans[i].device);
		json_text(in, num, plan_text(&c->plans[i], text));
	}
	json_bool(o, "ask_to_measure", !c->no_asking);
	in = json_array_in(o, "quiet_hours");
	for (size_t i = 0; i < c->quiet_count; i++)
		json_text_item(in, quiet_text(&c->quiet[i], text));
	in = json_object_in(o, "limits");
	for (size_t i = 0; i < c->limit_count; i++)
		json_text(in, value_name_text(c->limits[i].vital),
			  limit_text(&c->limits[i], text));
	config_state_add(o, &v->hub, v->has_status ? &v->status.status : NULL);
	json_print(o);
}

/* What may be seen of it: no passkeys. */
static int load(const char *where, const char *hub, struct hub_facts *ret)
{
	char why[FOLDER_WHY_MAX];
	struct remote *clinic;
	int r = remote_open(where, &clinic, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = remote_facts(clinic, hub, ret);
	r = r < 0 ? remote_failed(clinic, hub, r) : CTL_OK;
	remote_close(clinic);
	if (r == CTL_OK && !ret->has_config)
		return ctl_complain(CTL_NO_INPUT,
				    "the configuration of hub '%s' is not kept here: it "
				    "was added by an older program; add it anew",
				    hub);
	return r;
}

static int show(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	static struct hub_facts v;
	bool json = false;
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			return ctl_misused(&ctl_conf, "config show: nothing was read");
		json = true;
	}
	if (!ctl_operands(&ctl_conf, argc, argv, optind, 3))
		return CTL_USAGE;
	r = load(argv[optind + 1], argv[optind + 2], &v);
	if (r == CTL_OK && json)
		print_json(&v);
	else if (r == CTL_OK)
		print_text(&v);
	return r;
}

static const struct ctl_part parts[] = {
	{ "show", show, true },
	{ "edit", ctl_conf_edit, true },
	{ 0 },
};

const struct ctl_verb ctl_conf = {
	.name = "config",
	.what = "a hub's configuration: show it, change it in an editor",
	.usage =
		"Usage: clinicctl config show DIR HUB [--json]\n"
		"Shows the last configuration that was signed for a hub, and what became "
		"of it. Passkeys and\n"
		"consent codes are not shown.\n\n"
		"Usage: clinicctl config edit DIR HUB [--from FILE] [--yes [--json]] "
		"[--out FILE]\n"
		"Opens $VISUAL or $EDITOR (else vi) on the configuration as text: JSON, "
		"in "
		"which devices and\n"
		"endpoints are said as for 'clinicctl hub'. Then shows what is "
		"different, "
		"asks, signs it and\n"
		"keeps it for the hub, which fetches it when it calls next. An edit with "
		"a "
		"mistake is kept.\n\n"
		"  --json       one object, for programs\n"
		"  --from FILE  no editor: the text is in FILE, like an edit that was "
		"kept\n"
		"  --yes        do not ask\n"
		"  --out FILE   write it to FILE, too, for a hub that does not reach the "
		"clinic\n",
	.parts = parts,
};
