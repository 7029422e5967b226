/*
 * ctl_window.c - clinicctl hub pair-window: the hub's last config once more, with a new order to
 * open a pairing window.
 *
 * The store goes first: a version number that was given away is never given again, and one that
 * never reached the hub does no harm.
 */
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clinic/bundle.h"
#include "clinic/ctl.h"
#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/spec.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"

enum { MINUTES = 10 };

struct args {
	const char *dir, *name, *out;
	char out_dir[FILES_PATH_MAX], out_name[FILES_PATH_MAX];
	long device; /* 0: all */
	long minutes;
	bool repair;
};

static int split_out(struct args *a)
{
	char copy[FILES_PATH_MAX];

	if (strlen(a->out) >= sizeof(copy))
		return ctl_misused(&ctl_hub, "--out '%s' is too long", a->out);
	snprintf(copy, sizeof(copy), "%s", a->out);
	snprintf(a->out_dir, sizeof(a->out_dir), "%s", dirname(copy));
	snprintf(copy, sizeof(copy), "%s", a->out);
	snprintf(a->out_name, sizeof(a->out_name), "%s", basename(copy));
	return CTL_OK;
}

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
	if (!a->out)
		return ctl_misused(
			&ctl_hub,
			"hub pair-window: --out says where to put the new config");
	return split_out(a);
}

static int parse_args(int argc, char **argv, struct args *a)
{
	static const struct option options[] = {
		{ "out", required_argument, NULL, 'o' },
		{ "minutes", required_argument, NULL, 'm' },
		{ "repair", no_argument, NULL, 'r' },
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

/* The next config of the hub: the last one with another version and the order. */
static int make_next(const struct args *a, struct store *store, struct config *c)
{
	struct hub h;
	int r = store_hub_by_name(store, a->name, &h);

	if (r == -ENOENT)
		return ctl_complain(
			CTL_NO_INPUT,
			"there is no hub '%s' in %s; 'clinicctl status %s' lists them",
			a->name, a->dir, a->dir);
	if (r == 0)
		r = store_config_get(store, h.id, c);
	if (r == -ENOENT)
		return ctl_complain(CTL_NO_INPUT,
				    "the configuration of hub '%s' is not kept here: it "
				    "was added by an older program; add it anew",
				    a->name);
	if (r < 0)
		return ctl_complain(CTL_FAILED, "%s/%s could not be read: %s", a->dir,
				    FILES_DB, err_text(r));
	if (a->device) {
		bool found = false;

		for (size_t i = 0; i < c->device_count; i++)
			found |= c->devices[i].num == a->device;
		if (!found)
			return no_device(a, c);
	}
	c->version++;
	c->window = (struct config_window){ .id = c->window.id + 1,
					    .device = (uint16_t)a->device,
					    .minutes = (uint16_t)a->minutes,
					    .repair = a->repair };
	return CTL_OK;
}

static int write_out(const struct args *a, const uint8_t *cose, size_t len)
{
	int r = file_replace(a->out_dir, a->out_name, cose, len);

	if (r < 0)
		return ctl_complain(CTL_CANT_CREATE,
				    "%s could not be written: %s; nothing has reached "
				    "the hub, do it again",
				    a->out, err_text(r));
	return CTL_OK;
}

/* Before anything is changed. */
static int check_out(const struct args *a)
{
	if (file_exists(a->out_dir, a->out_name))
		return ctl_complain(CTL_CANT_CREATE,
				    "%s is there already; choose another --out", a->out);
	if (access(a->out_dir, W_OK | X_OK) != 0)
		return ctl_complain(errno == EACCES ? CTL_NO_PERM : CTL_CANT_CREATE,
				    "%s: files cannot be made in this folder",
				    a->out_dir);
	return CTL_OK;
}

static void report(const struct args *a, const struct config *c)
{
	printf("A pairing window of %ld minutes for ", a->minutes);
	if (a->device)
		printf("device %ld of hub '%s'", a->device, a->name);
	else
		printf("all devices of hub '%s' that are not paired", a->name);
	printf(" is ordered (configuration %llu).\n\n"
	       "Next: copy %s over /var/lib/hub/hubd/config.cose on the hub, and delete "
	       "it "
	       "here (the\n"
	       "passkeys are in it). The window opens within seconds; then switch the "
	       "device on near\n"
	       "the hub and measure once.%s\n",
	       (unsigned long long)c->version, a->out,
	       a->repair ? " The hub forgets how it was paired before." : "");
}

static int order(const struct args *a, struct store *store, struct config *c,
		 uint8_t cose[static BUNDLE_COSE_MAX])
{
	char why[FOLDER_WHY_MAX];
	int r, len;

	r = store_begin(store);
	if (r < 0)
		return ctl_complain(CTL_FAILED, "%s/%s could not be written: %s", a->dir,
				    FILES_DB, err_text(r));
	r = make_next(a, store, c);
	if (r != CTL_OK)
		return r;
	len = bundle_sign(a->dir, c, cose, why);
	if (len < 0)
		return ctl_complain(ctl_exit_code(len), "%s", why);
	r = store_config_put(store, c);
	if (r == 0)
		r = store_commit(store);
	if (r < 0)
		return ctl_complain(CTL_FAILED, "%s/%s could not be written: %s", a->dir,
				    FILES_DB, err_text(r));
	return write_out(a, cose, (size_t)len);
}

int ctl_pair_window(int argc, char **argv)
{
	static uint8_t cose[BUNDLE_COSE_MAX];
	static struct config c;
	char why[FOLDER_WHY_MAX];
	struct store *store;
	struct args a;
	int r = parse_args(argc, argv, &a);

	if (r == CTL_OK)
		r = check_out(&a);
	if (r != CTL_OK)
		return r;
	r = folder_open_store(a.dir, &store, why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = order(&a, store, &c, cose);
	store_rollback(store);
	if (r == CTL_OK)
		report(&a, &c);
	crypto_wipe(&c, sizeof(c)); /* passkeys */
	crypto_wipe(cose, sizeof(cose));
	store_close(store);
	return r;
}
