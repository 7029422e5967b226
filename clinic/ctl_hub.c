/*
 * ctl_hub.c - clinicctl hub add: makes what a hub needs, and the row that lets it in; and the
 * way to clinicctl hub pair-window (ctl_window.c) and hub endpoints (ctl_endpoints.c).
 *
 * Order: keys and bundle in a new folder, row, the folder under its final name, COMMIT. A
 * failure before COMMIT leaves neither; a power cut between the last two leaves a bundle
 * that no server knows, and hub add says that it is there.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clinic/bundle.h"
#include "clinic/ctl_config.h"
#include "clinic/ctl_decide.h"
#include "clinic/endpoint_args.h"
#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/json.h"
#include "clinic/own_trust.h"
#include "clinic/spec.h"
#include "clinic/store_assign.h"
#include "clinic/store_claim.h"
#include "clinic/store_command.h"
#include "clinic/store_mailbox.h"
#include "clinic/witness.h"
#include "clinic/words.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"

enum {
	HEARTBEAT_S = 300,
	HEARTBEAT_MAX_S = UINT16_MAX, /* what the config's field holds */
	OFFSET_MIN = -720,
	OFFSET_MAX = 840,
	WINDOW_MIN = 10,
};

struct args {
	const char *dir, *name, *out;
	struct bundle_wish wish;
	struct endpoint_args endpoints;
	bool json, has_offset;
};

static int add_device(struct args *a, char *text)
{
	struct config_device *d = &a->wish.devices[a->wish.device_count];
	char shown[128];
	const char *why;

	if (a->wish.device_count == CONFIG_DEVICES_MAX)
		return ctl_misused(&ctl_hub, "a hub has at most %d devices",
				   CONFIG_DEVICES_MAX);
	snprintf(shown, sizeof(shown), "%s", text);
	if (spec_parse_device(text, d, &why) < 0)
		return ctl_misused(&ctl_hub, "--device '%s': %s", shown, why);
	for (size_t i = 0; i < a->wish.device_count; i++) {
		const struct config_device *other = &a->wish.devices[i];

		if (d->has_addr && other->has_addr &&
		    memcmp(other->addr, d->addr, PERIPHERAL_ADDR_LEN) == 0)
			return ctl_misused(&ctl_hub,
					   "--device '%s': this address is given twice",
					   shown);
	}
	a->wish.device_count++;
	d->num = (uint16_t)a->wish.device_count;
	return CTL_OK;
}

static int set_offset(struct args *a, const char *text)
{
	long v;

	if (spec_parse_number(text, OFFSET_MIN, OFFSET_MAX, &v) < 0)
		return ctl_misused(&ctl_hub,
				   "--utc-offset '%s' is not a number of minutes from %d "
				   "to %d, like "
				   "60 for UTC+1",
				   text, OFFSET_MIN, OFFSET_MAX);
	a->wish.utc_offset_min = (int16_t)v;
	a->has_offset = true;
	return CTL_OK;
}

static int set_heartbeat(struct args *a, const char *text)
{
	long v;

	if (spec_parse_number(text, CONFIG_HEARTBEAT_MIN_S, HEARTBEAT_MAX_S, &v) < 0)
		return ctl_misused(
			&ctl_hub,
			"--heartbeat '%s' is not a number of seconds from %d to %d", text,
			CONFIG_HEARTBEAT_MIN_S, HEARTBEAT_MAX_S);
	a->wish.heartbeat_s = (uint16_t)v;
	return CTL_OK;
}

static int set_window(struct args *a, const char *text)
{
	long v;

	if (spec_parse_number(text, 0, CONFIG_WINDOW_MIN_MAX, &v) < 0)
		return ctl_misused(&ctl_hub,
				   "--pair-window '%s' is not a number of minutes from 0 "
				   "(none) to %d",
				   text, CONFIG_WINDOW_MIN_MAX);
	a->wish.window_min = (uint16_t)v;
	return CTL_OK;
}

static int set_change(struct args *a, const char *text)
{
	a->wish.has_change = spec_parse_change(text, &a->wish.change_utc_s,
					       &a->wish.change_offset_min) == 0;
	if (!a->wish.has_change)
		return ctl_misused(&ctl_hub,
				   "--dst-change '%s' is not an instant in UTC and the "
				   "offset from then on in minutes, like "
				   "2027-03-28T01:00Z,120",
				   text);
	return CTL_OK;
}

/* This machine's offset now, rounded to what a config takes: a guess that is said aloud. */
static int16_t local_offset_min(void)
{
	time_t now = (time_t)(ctl_now_ms() / 1000);
	struct tm tm;

	if (!localtime_r(&now, &tm))
		return 0;
	return (int16_t)(tm.tm_gmtoff / 60);
}

static int parse_options(int argc, char **argv, struct args *a)
{
	static const struct option options[] = {
		{ "out", required_argument, NULL, 'o' },
		{ "device", required_argument, NULL, 'd' },
		{ "endpoint", required_argument, NULL, 'e' },
		{ "utc-offset", required_argument, NULL, 'u' },
		{ "heartbeat", required_argument, NULL, 'b' },
		{ "pair-window", required_argument, NULL, 'w' },
		{ "dst-change", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c, r = CTL_OK;

	while (r == CTL_OK && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'o': a->out = optarg; break;
		case 'd': r = add_device(a, optarg); break;
		case 'e':
			r = endpoint_args_take(&a->endpoints, "--endpoint", optarg);
			break;
		case 'u': r = set_offset(a, optarg); break;
		case 'b': r = set_heartbeat(a, optarg); break;
		case 'w': r = set_window(a, optarg); break;
		case 'c': r = set_change(a, optarg); break;
		case 'j': a->json = true; break;
		default: return ctl_misused(&ctl_hub, "hub add: nothing was made");
		}
	}
	return r;
}

static int parse_args(int argc, char **argv, struct args *a)
{
	*a = (struct args){ .wish = { .heartbeat_s = HEARTBEAT_S,
				      .window_min = WINDOW_MIN } };
	if (parse_options(argc, argv, a) != CTL_OK ||
	    !ctl_operands(&ctl_hub, argc, argv, optind, 3))
		return CTL_USAGE;
	a->dir = argv[optind + 1];
	a->name = argv[optind + 2];
	if (!spec_name_ok(a->name))
		return ctl_misused(&ctl_hub,
				   "'%s' cannot be a hub's name: 1 to %d letters, "
				   "digits, '.', '_', '-'. "
				   "Do not use the patient's name",
				   a->name, HUB_NAME_MAX);
	if (!a->out)
		return ctl_misused(&ctl_hub,
				   "hub add: --out says where to put what the hub needs");
	if (a->wish.device_count == 0)
		return ctl_misused(&ctl_hub, "hub add: at least one --device is needed");
	if (!a->has_offset)
		a->wish.utc_offset_min = local_offset_min();
	return CTL_OK;
}

static int cannot_write(const char *out, int err)
{
	switch (err) {
	case -EEXIST:
		return ctl_complain(
			CTL_CANT_CREATE,
			"%s is there already and not empty; nothing was added, choose "
			"another --out",
			out);
	case -EACCES:
		return ctl_complain(CTL_NO_PERM, "%s: no permission to make it", out);
	case -ENOENT:
		return ctl_complain(CTL_CANT_CREATE,
				    "%s: the folder it shall lie in does not exist", out);
	}
	return ctl_complain(CTL_CANT_CREATE, "%s could not be made: %s", out,
			    err_text(err));
}

/* Nor may it be that of a hub that is claimed and will come. */
static int name_is_free(struct store *store, const char *name)
{
	struct claim c;
	int r = claim_by_name(store, name, &c);

	return r == 0 ? -EEXIST : r == -ENOENT ? 0 : r;
}

static int register_hub(struct store *store, const struct hub *h, const struct config *c,
			const uint8_t audit[static KEY_LEN],
			const struct bundle_emergency *emergency, const char *temp,
			const struct args *a)
{
	static uint8_t cose[BUNDLE_COSE_MAX];
	char why[FOLDER_WHY_MAX] = "", other[HUB_NAME_MAX + 1];
	size_t len, at = 0;
	int r = store_begin(store);

	if (r == 0)
		r = name_is_free(store, a->name);
	if (r == 0)
		r = store_hub_put(store, h);
	if (r == 0)
		r = store_mailbox_add(store, h, emergency->spki, &emergency->cert);
	if (r == 0)
		r = store_device_user(store, h->id, c->devices, c->device_count, other,
				      &at);
	if (r == 1) {
		store_rollback(store);
		return ctl_complain(CTL_CANT_CREATE,
				    "device %u measures for the patient of hub '%s'; "
				    "'clinicctl assign %s %s --unassign' first, or "
				    "'clinicctl replace'; nothing was added",
				    c->devices[at].num, other, a->dir, other);
	}
	if (r == -EEXIST) {
		store_rollback(store);
		return ctl_complain(CTL_CANT_CREATE,
				    "there is a hub '%s' already; nothing was added, "
				    "choose another name",
				    a->name);
	}
	if (r == 0)
		r = ctl_config_sign(a->dir, store, c, cose, &len, why);
	crypto_wipe(cose, sizeof(cose));
	if (r == 0)
		r = witness_key_put(store, h->id, h->epoch, audit);
	if (r == 0) {
		r = files_publish(temp, a->out);
		if (r < 0) {
			store_rollback(store);
			return cannot_write(a->out, r);
		}
		r = store_commit(store);
		if (r < 0)
			files_discard(a->out);
	}
	store_rollback(store);
	if (r < 0 && why[0])
		return ctl_complain(ctl_exit_code(r), "%s", why);
	if (r < 0)
		return ctl_complain(CTL_FAILED, "%s/%s could not be written: %s", a->dir,
				    FILES_DB, err_text(r));
	return CTL_OK;
}

static void print_device(const struct config_device *d)
{
	char addr[WORDS_ADDRESS_MAX];

	printf("\n  device %u %s, %s, %s, %s", d->num, reading_kind_text(d->kind),
	       d->has_addr ? words_address(d->addr, addr)
			   : "any that is found while the window is open",
	       d->passkey != CONFIG_NO_PASSKEY ? "with passkey"
					       : "WITHOUT passkey: anyone near can pose "
						 "as it while the window is "
						 "open",
	       d->sole_user  ? "one user"
	       : d->has_user ? "several users, the patient's number given"
			     : "user not said: readings will be 'unassigned'");
	if (d->import)
		printf(", what it has stored is taken too");
}

static void print_offset(const struct args *a)
{
	char offset[WORDS_ZONE_MAX], after[WORDS_ZONE_MAX], when[WORDS_TIME_MAX];

	printf("\n  local time of the home UTC%s%s\n",
	       words_zone(a->wish.utc_offset_min, offset),
	       a->has_offset ? "" : " (as on this machine; --utc-offset sets another)");
	if (a->wish.has_change)
		printf("  from %s on UTC%s\n",
		       words_time(a->wish.change_utc_s * 1000, 0, false, when),
		       words_zone(a->wish.change_offset_min, after));
}

/* Where its certificate is renewed, too. */
static void say_enrol(const struct args *a)
{
	char why[FOLDER_WHY_MAX];
	struct conf conf;

	if (folder_read_conf(a->dir, &conf, why) == 0 && conf.enrol == 0)
		printf("  its certificate ENDS in two years, and nobody here renews it: "
		       "put enrol = %d into\n"
		       "  clinic.conf, and start clinicd anew\n",
		       OWN_TRUST_ENROL_PORT);
}

static void report(const struct args *a, const struct hub *h, const struct config *c)
{
	struct endpoint_list endpoints = { .count = c->endpoint_count };
	cJSON *o;

	if (a->json) {
		o = json_object();
		json_text(o, "hub", a->name);
		json_hex(o, "hub_id", h->id, HUB_ID_LEN);
		json_text(o, "bundle", a->out);
		json_uint(o, "configuration", c->version);
		json_uint(o, "devices", a->wish.device_count);
		json_uint(o, "pair_window_min", a->wish.window_min);
		json_print(o);
		return;
	}

	printf("Hub '%s' is added; its uploads are accepted from now on.\n\n  hub id   ",
	       a->name);
	for (size_t i = 0; i < HUB_ID_LEN; i++)
		printf("%02x", h->id[i]);
	for (size_t i = 0; i < a->wish.device_count; i++)
		print_device(&a->wish.devices[i]);
	print_offset(a);
	printf("  reaches the clinic at%s\n",
	       c->endpoint_count > 1 ? " (tried in this order)" : "");
	memcpy(endpoints.at, c->endpoints, sizeof(endpoints.at));
	endpoint_print_list(stdout, h->id, &endpoints, NULL);
	if (a->wish.window_min)
		printf("  pairing window: %u minutes from when the hub is first on\n",
		       a->wish.window_min);
	else
		printf("  pairing window: none; 'clinicctl hub pair-window' opens one\n");
	say_enrol(a);
	printf("\nNext: copy what is in %s to /var/lib/hub on the hub, delete it here "
	       "(it "
	       "holds the\n"
	       "hub's secret keys), and switch the hub on.\n",
	       a->out);
}

/* The folder temp is there; on failure the caller removes it. */
static int fill_and_register(struct args *a, struct store *store, const char *temp)
{
	char why[FOLDER_WHY_MAX];
	struct bundle_emergency emergency;
	uint8_t audit[KEY_LEN];
	struct config c;
	struct hub h;
	struct config people;
	int r = store_signers_config(store, &people);

	if (r < 0)
		return ctl_store_failed(a->dir, NULL, r);
	a->wish.signer_count = people.signer_count;
	memcpy(a->wish.signers, people.signers, sizeof(people.signers));
	r = bundle_make(a->dir, temp, &a->wish, ctl_now_ms(), &h, &c, audit, &emergency,
			why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	snprintf(h.name, sizeof(h.name), "%s", a->name);
	r = register_hub(store, &h, &c, audit, &emergency, temp, a);
	if (r == CTL_OK)
		report(a, &h, &c);
	crypto_wipe(&c, sizeof(c)); /* passkeys */
	crypto_wipe(audit, sizeof(audit));
	return r;
}

static int add(int argc, char **argv)
{
	char why[FOLDER_WHY_MAX], temp[FILES_PATH_MAX];
	struct store *store;
	struct args a;
	int r = parse_args(argc, argv, &a);

	if (r != CTL_OK)
		return r;
	r = folder_open_store(a.dir, &store, why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = endpoint_args_add(&a.endpoints, a.dir, &a.wish.endpoints);
	if (r != CTL_OK) {
		store_close(store);
		return r;
	}
	r = files_make_folder(a.out, temp);
	if (r < 0) {
		r = cannot_write(a.out, r);
	} else {
		r = fill_and_register(&a, store, temp);
		if (r != CTL_OK)
			files_discard(temp);
	}
	store_close(store);
	return r;
}

static const struct ctl_part parts[] = {
	{ "add", add, false },
	{ "list", ctl_hub_list, true },
	{ "show", ctl_hub_show, true },
	{ "pair-window", ctl_pair_window, true },
	{ "endpoints", ctl_endpoints, true },
	{ "suspend", ctl_hub_suspend, true },
	{ "resume", ctl_hub_resume, true },
	{ "withdraw", ctl_hub_withdraw, true },
	{ 0 },
};

const struct ctl_verb ctl_hub = {
	.name = "hub",
	.what = "add a hub and make what it needs; open a pairing window; "
		"say where it reaches the clinic; suspend it",
	.usage =
		"Usage: clinicctl hub add DIR NAME --out BUNDLE --device SPEC [--device "
		"SPEC]...\n"
		"           [--endpoint SPEC]... [--utc-offset MINUTES]\n"
		"           [--dst-change INSTANT,MINUTES]\n"
		"           [--pair-window MINUTES] [--heartbeat SECONDS] [--json]\n"
		"Adds a hub under NAME (not the patient's) and writes what it needs to "
		"the "
		"new\n"
		"folder BUNDLE, whose content goes to /var/lib/hub on the hub.\n\n"
		"  --device SPEC  KIND,ADDRESS,OPTION,... with passkey= or justworks "
		"among "
		"them\n"
		"      KIND           bp, weight (or scale), glucose, spo2, temp, hr, "
		"cgm, "
		"ghs\n"
		"      ADDRESS        Bluetooth address, like AA:BB:CC:DD:EE:FF, with "
		"/random "
		"behind\n"
		"                     it if it is one; any: found while the window is "
		"open\n"
		"      passkey=NNNNNN six digits from the device's label or manual\n"
		"      justworks      it has no such number, or shows a new one each "
		"time\n"
		"      user=N         the patient is number N on a device of several\n"
		"      user=sole      nobody but the patient uses it\n"
		"      consent=NNNN   the code that a scale shows for that number\n"
		"      history=all    take also what it has stored so far; default new\n"
		"      serial=TEXT    it must say this serial number\n"
		"  --endpoint SPEC  where the hub reaches the clinic, up to 4, see "
		"below; "
		"default\n"
		"                   one: name, address and port of clinic.conf\n"
		"  --utc-offset MINUTES   local time of the home, like 60 for UTC+1; "
		"default: as here\n"
		"  --dst-change INSTANT,MINUTES   next change of it, like "
		"2027-03-28T01:00Z,120\n"
		"  --pair-window MINUTES  how long the hub pairs when it is first on; "
		"default "
		"10,\n"
		"                         0: not at all\n"
		"  --heartbeat SECONDS    how often the hub calls without a reading; "
		"default "
		"300\n\n"
		"Usage: clinicctl hub list DIR [--json]\n"
		"       clinicctl hub show DIR NAME [--json]\n"
		"Which hubs there are, also those that are claimed ('clinicctl claim') "
		"and have never\n"
		"been here; and of one of them its label and who claimed it.\n\n"
		"Usage: clinicctl hub pair-window DIR NAME DEVICE [--minutes N] "
		"[--repair] "
		"[--out FILE]\n"
		"           [--json]\n"
		"Signs a new configuration that orders a pairing window for one device "
		"of "
		"the hub;\n"
		"the hub fetches it when it calls next.\n\n"
		"  DEVICE       its number as 'hub add' said it, or 'all': each that is "
		"not "
		"paired\n"
		"  --minutes N  1 to 120, default 10\n"
		"  --repair     it is paired already: forget that first\n"
		"  --out FILE   write it to FILE, too, for a hub that does not reach the "
		"clinic: copy it\n"
		"               over /var/lib/hub/hubd/config.cose there\n\n"
		"Usage: clinicctl hub endpoints DIR NAME [--show] [--json]\n"
		"       clinicctl hub endpoints DIR NAME [--remove ENDPOINT]... [--add "
		"SPEC]...\n"
		"           [--out FILE] [--json]\n"
		"       clinicctl hub endpoints DIR NAME --set SPEC [--set SPEC]...\n"
		"           [--out FILE] [--json]\n"
		"Shows where the hub reaches the clinic, or signs a new configuration "
		"that changes it;\n"
		"the hub fetches it when it calls next. If no new endpoint answers, the "
		"hub "
		"goes on with\n"
		"the ones before.\n\n"
		"  --show             the default if nothing else is said\n"
		"  --remove ENDPOINT  its name or its address, with :PORT if there are "
		"several\n"
		"  --add SPEC         one more; what is to be removed goes first\n"
		"  --set SPEC         instead of all that there are\n"
		"  --json             one object, for programs\n\n" ENDPOINT_ARGS_HELP
		"\n"
		"Usage: clinicctl hub suspend DIR NAME --reason TEXT [--by NAME] "
		"[--json]\n"
		"       clinicctl hub resume DIR NAME [--reason TEXT] [--by NAME] "
		"[--json]\n"
		"       clinicctl hub withdraw DIR NAME ASSIGNMENT --reason TEXT [--by "
		"NAME] [--undo]\n"
		"           [--json]\n"
		"What a suspended hub sends is kept and not filed ('clinicctl held'), "
		"until it is resumed;\n"
		"so are its readings of an assignment that is withdrawn: it cannot be "
		"said any more whose\n"
		"they are. What is filed stays filed.\n",
	.parts = parts,
};
