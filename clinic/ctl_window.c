/*
 * ctl_window.c - clinicctl hub pair-window: the hub's last config once more, with a new order to
 * open a pairing window.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "clinic/ctl_config_ask.h"
#include "clinic/spec.h"
#include "hub/crypto/crypto.h"

enum { MINUTES = 10 };

struct args {
	const char *dir, *name, *out;
	long device; /* 0: all */
	long minutes;
	bool repair, json;
};

static int parse_operands(int argc, char **argv, struct args *a)
{
	const char *device;

	if (!ctl_operands(&ctl_hub, argc, argv, optind, 4))
		return CTL_USAGE;
	a->dir = argv[optind + 1];
	a->name = argv[optind + 2];
	device = argv[optind + 3];
	if (strcmp(device, "all") != 0 &&
	    spec_parse_number(device, 1, UINT16_MAX, &a->device) < 0)
		return ctl_misused(&ctl_hub,
				   "'%s' is not the number of a device, nor 'all'",
				   device);
	if (a->repair && a->device == 0)
		return ctl_misused(&ctl_hub,
				   "--repair makes the hub forget one device: say which");
	return CTL_OK;
}

static int parse_args(int argc, char **argv, struct args *a)
{
	static const struct option options[] = {
		{ "out", required_argument, NULL, 'o' },
		{ "minutes", required_argument, NULL, 'm' },
		{ "repair", no_argument, NULL, 'r' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*a = (struct args){ .minutes = MINUTES };
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'o': a->out = optarg; break;
		case 'm':
			if (spec_parse_number(optarg, 1, CONFIG_WINDOW_MIN_MAX,
					      &a->minutes) < 0)
				return ctl_misused(&ctl_hub,
						   "--minutes '%s' is not a number from "
						   "1 to %d",
						   optarg, CONFIG_WINDOW_MIN_MAX);
			break;
		case 'r': a->repair = true; break;
		case 'j': a->json = true; break;
		default:
			return ctl_misused(&ctl_hub, "hub pair-window: nothing was made");
		}
	}
	return parse_operands(argc, argv, a);
}

static int no_device(const struct args *a, const struct config *c)
{
	char list[CONFIG_DEVICES_MAX * 40] = "";

	for (size_t i = 0; i < c->device_count; i++) {
		size_t n = strlen(list);

		snprintf(list + n, sizeof(list) - n, "%s%u %s", n ? ", " : "",
			 c->devices[i].num, reading_kind_text(c->devices[i].kind));
	}
	return ctl_complain(CTL_NO_INPUT, "hub '%s' has no device %ld; it has %s",
			    a->name, a->device, list);
}

static int order(void *arg, const struct config_endpoint *own, struct config *c)
{
	const struct args *a = arg;
	bool found = a->device == 0;

	(void)own;
	for (size_t i = 0; i < c->device_count; i++)
		found |= c->devices[i].num == a->device;
	if (!found)
		return no_device(a, c);
	c->window = (struct config_window){ .id = c->window.id + 1,
					    .device = (uint16_t)a->device,
					    .minutes = (uint16_t)a->minutes,
					    .repair = a->repair };
	return CTL_OK;
}

static void report(const struct args *a, const struct ctl_config_out *out,
		   const struct config *c)
{
	cJSON *o;

	if (a->json) {
		o = json_object();
		json_text(o, "hub", a->name);
		json_uint(o, "window", c->window.id);
		json_uint(o, "device", c->window.device);
		json_uint(o, "minutes", c->window.minutes);
		json_bool(o, "repair", a->repair);
		ctl_config_add_json(o, c, out);
		json_print(o);
		return;
	}
	printf("A pairing window of %ld minutes for ", a->minutes);
	if (a->device)
		printf("device %ld of hub '%s'", a->device, a->name);
	else
		printf("all devices of hub '%s' that are not paired", a->name);
	printf(" is ordered (configuration %llu).\n\n", (unsigned long long)c->version);
	ctl_config_print_next(stdout, out);
	printf("The window opens when the hub has it; then switch the device on near\n"
	       "the hub and measure once.%s\n",
	       a->repair ? " The hub forgets how it was paired before." : "");
}

int ctl_pair_window(int argc, char **argv)
{
	static struct config c;
	struct ctl_config_out out;
	struct args a;
	int r = parse_args(argc, argv, &a);

	if (r == CTL_OK)
		r = ctl_config_out(&ctl_hub, a.out, &out);
	if (r != CTL_OK)
		return r;
	r = ctl_config_ask(a.dir, a.name, &out, order, &a, &c);
	if (r == CTL_OK)
		report(&a, &out, &c);
	crypto_wipe(&c, sizeof(c)); /* passkeys */
	return r;
}
