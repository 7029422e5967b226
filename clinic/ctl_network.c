/*
 * ctl_network.c - clinicctl network: how a hub's cable is to be set up, as a template that a technician pastes at its console.
 *
 * Nothing here reaches a hub by itself: what is printed is carried there by a person. It is signed as the hub's configuration is. Its number
 * is the time in milliseconds, so that the clinic has nothing to remember, and the hub takes no older one after a newer one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "clinic/bundle.h"
#include "clinic/ctl.h"
#include "clinic/ctl_decide.h"
#include "clinic/folder.h"
#include "clinic/json.h"
#include "clinic/spec.h"
#include "clinic/store.h"
#include "hub/core/err.h"
#include "hub/core/network.h"
#include "hub/crypto/crypto.h"

enum {
	LINE_CHARS = 64,
	SPEC_MAX = 96, /* four addresses and a length */
	CONFIRM_MIN_MAX = NETWORK_CONFIRM_MAX_S / 60,
};

struct args {
	const char *dir, *hub, *fixed; /* fixed: --static */
	long confirm_min;
	bool dhcp, json;
};

/* --- the command line ----------------------------------------------------------------------------- */

static bool get_address(const char *text, uint8_t ret[static NETWORK_ADDR_LEN])
{
	struct in_addr a;

	if (!text || inet_pton(AF_INET, text, &a) != 1)
		return false;
	memcpy(ret, &a, NETWORK_ADDR_LEN);
	return true;
}

/* ADDRESS/PREFIX,GATEWAY[,DNS[,DNS]] */
static bool get_static(const char *text, struct network_setting *ret)
{
	char spec[SPEC_MAX], *rest = spec, *address, *prefix, *name;
	struct network_setting s = { .kind = NETWORK_STATIC };
	long n;

	if (strlen(text) >= sizeof(spec))
		return false;
	memcpy(spec, text, strlen(text) + 1);
	prefix = strsep(&rest, ",");
	address = strsep(&prefix, "/");
	if (!prefix || spec_parse_number(prefix, 0, 32, &n) < 0 ||
	    !get_address(address, s.address) ||
	    !get_address(strsep(&rest, ","), s.gateway))
		return false;
	s.prefix = (uint8_t)n;
	while ((name = strsep(&rest, ",")) != NULL)
		if (s.name_count == NETWORK_NAMES_MAX ||
		    !get_address(name, s.names[s.name_count++]))
			return false;
	*ret = s;
	return true;
}

static int take_option(int c, struct args *a)
{
	switch (c) {
	case 's': a->fixed = optarg; break;
	case 'd': a->dhcp = true; break;
	case 'j': a->json = true; break;
	case 'c':
		if (spec_parse_number(optarg, 1, CONFIRM_MIN_MAX, &a->confirm_min) < 0)
			return ctl_misused(&ctl_network, "--confirm is 1 to %d minutes",
					   CONFIRM_MIN_MAX);
		break;
	default: return ctl_misused(&ctl_network, "network: nothing was made");
	}
	return CTL_OK;
}

static int parse(int argc, char **argv, struct args *a)
{
	static const struct option options[] = {
		{ "static", required_argument, NULL, 's' },
		{ "dhcp", no_argument, NULL, 'd' },
		{ "confirm", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c, r = CTL_OK;

	*a = (struct args){ .confirm_min = NETWORK_CONFIRM_S / 60 };
	while (r == CTL_OK && (c = getopt_long(argc, argv, "", options, NULL)) != -1)
		r = take_option(c, a);
	if (r != CTL_OK || !ctl_operands(&ctl_network, argc, argv, optind, 2))
		return CTL_USAGE;
	a->dir = argv[optind];
	a->hub = argv[optind + 1];
	if (a->dhcp == (a->fixed != NULL))
		return ctl_misused(&ctl_network, "network: --static or --dhcp, one of "
						 "them");
	return CTL_OK;
}

static int read_setting(const struct args *a, struct network_setting *ret)
{
	*ret = (struct network_setting){ 0 };
	if (!a->fixed)
		return CTL_OK;
	if (!get_static(a->fixed, ret))
		return ctl_misused(
			&ctl_network,
			"--static '%s' is not ADDRESS/LENGTH,GATEWAY and up to "
			"%d name servers, in numbers",
			a->fixed, NETWORK_NAMES_MAX);
	if (!network_setting_good(ret))
		return ctl_misused(&ctl_network,
				   "--static '%s': no host can be set up so: address and "
				   "gateway are two of one network, of length %d to %d",
				   a->fixed, NETWORK_PREFIX_MIN, NETWORK_PREFIX_MAX);
	return CTL_OK;
}

/* --- the template --------------------------------------------------------------------------------- */

static int make(const struct args *a, const struct network_template *t,
		char ret[static NETWORK_TEXT_MAX])
{
	uint8_t payload[NETWORK_PAYLOAD_MAX], cose[NETWORK_BYTES_MAX];
	int n = network_template_encode(t, payload, sizeof(payload));
	char why[FOLDER_WHY_MAX];

	if (n > 0) {
		n = bundle_sign_as(a->dir, SIGN_CONTEXT_NETWORK, payload, (size_t)n, cose,
				   sizeof(cose), why);
		if (n < 0)
			return ctl_complain(ctl_exit_code(n), "%s; nothing was made",
					    why);
		n = network_text(cose, (size_t)n, ret);
	}
	return n > 0 ? CTL_OK
		     : ctl_complain(CTL_FAILED, "the template cannot be written: %s",
				    err_text(n));
}

static void show(const struct args *a, const struct network_template *t, const char *text)
{
	if (a->json) {
		cJSON *o = json_object();

		json_text(o, "hub", a->hub);
		json_text(o, "kind", a->dhcp ? "dhcp" : "static");
		json_uint(o, "confirm_s", t->confirm_s);
		json_text(o, "template", text);
		json_print(o);
		return;
	}
	for (size_t at = 0, len = strlen(text); at < len; at += LINE_CHARS)
		printf("%.*s\n", LINE_CHARS, text + at);
	fprintf(stderr,
		"clinicctl: type 'net set' and paste it at the console of hub '%s', all "
		"of it to the full stop. It goes back to what it had if the clinic does "
		"not answer within %ld min\n",
		a->hub, a->confirm_min);
}

static int run(int argc, char **argv)
{
	struct network_template t = { 0 };
	char text[NETWORK_TEXT_MAX], why[FOLDER_WHY_MAX];
	struct store *store;
	struct hub hub;
	struct args a;
	int r = parse(argc, argv, &a);

	if (r == CTL_OK)
		r = read_setting(&a, &t.setting);
	if (r != CTL_OK)
		return r;
	r = folder_open_store(a.dir, &store, why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = store_hub_by_name(store, a.hub, &hub);
	store_close(store);
	if (r < 0)
		return ctl_store_failed(a.dir, a.hub, r);
	memcpy(t.hub, hub.id, sizeof(t.hub));
	t.epoch = hub.epoch;
	t.number = (uint64_t)ctl_now_ms();
	t.confirm_s = (uint32_t)a.confirm_min * 60;
	r = make(&a, &t, text);
	if (r == CTL_OK)
		show(&a, &t, text);
	return r;
}

const struct ctl_verb ctl_network = {
	.name = "network",
	.what = "set up a hub's cable: what a technician pastes at its console",
	.usage = "Usage: clinicctl network DIR HUB --static "
		 "ADDRESS/LENGTH,GATEWAY[,DNS[,DNS]]\n"
		 "           [--confirm MINUTES] [--json]\n"
		 "       clinicctl network DIR HUB --dhcp [--confirm MINUTES] [--json]\n"
		 "Makes what a technician pastes behind 'net set' at the hub's console. "
		 "It "
		 "is for that hub alone,\n"
		 "and is taken once, by a hub that has taken no newer one. The hub goes "
		 "back "
		 "to what it had unless\n"
		 "the clinic answers it through the new setting.\n\n"
		 "  --static ADDRESS/LENGTH,GATEWAY[,DNS[,DNS]]\n"
		 "                     these IPv4 addresses, such as "
		 "192.0.2.7/24,192.0.2.1,192.0.2.1\n"
		 "  --dhcp             what the network says, as the hub comes\n"
		 "  --confirm MINUTES  the clinic has to answer within so long of being "
		 "on, "
		 "1 to 60; default 10\n"
		 "  --json             one object on one line, for programs\n",
	.run = run,
};
