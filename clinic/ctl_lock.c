/*
 * ctl_lock.c - clinicctl lock, release, test and reboot: orders to one hub. It gets them with the reply to its next upload.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clinic/ctl.h"
#include "clinic/ctl_decide.h"
#include "clinic/ctl_order.h"
#include "clinic/store_status.h"

enum {
	BRAKE_MS = 3600 * 1000, /* so many hubs may be locked in this time by anybody: */
	BRAKE_HUBS = 3,
	BRAKE_PERCENT = 1,
	TEST_MIN = 15,
};

/* A false alarm that locks the fleet is the worst incident: beyond a few hubs the security officer must be the one. */
static int check_brake(const struct order_args *a, struct store *store,
		       const struct hub *h, const struct signer_row *by,
		       struct command *c)
{
	uint64_t locked, hubs;
	int r = store_locks_since(store, ctl_now_ms() - BRAKE_MS, &locked, &hubs);

	(void)h;
	(void)c;
	if (r < 0)
		return ctl_store_failed(a->dir, NULL, r);
	locked++;
	if (locked <= BRAKE_HUBS || locked * 100 <= hubs * BRAKE_PERCENT ||
	    by->signer.role == SIGNER_SECURITY)
		return CTL_OK;
	return ctl_complain(CTL_NO_PERM,
			    "in the last hour %" PRIu64 " of %" PRIu64
			    " hubs were ordered "
			    "to lock: for more the key of somebody with the role "
			    "clinic-security is needed; nothing was ordered",
			    locked - 1, hubs);
}

static int run_lock(int argc, char **argv)
{
	struct command c = { .verb = COMMAND_LOCK };
	struct order_args a;
	int r = order_parse(&ctl_lock, argc, argv, 1, false, "level",
			    COMMAND_LEVEL_SEALED, &a);

	if (r != CTL_OK)
		return r;
	if (a.number == 1)
		return ctl_misused(&ctl_lock, "--level is 2 or 3");
	c.level = a.number ? (uint8_t)a.number : COMMAND_LEVEL_QUARANTINED;
	return order_give(&ctl_lock, &a, &c, check_brake);
}

/* What the hub said last, which is what it wants to hear. */
static int add_challenge(const struct order_args *a, struct store *store,
			 const struct hub *h, const struct signer_row *by,
			 struct command *c)
{
	struct hub_status st;
	int r = store_status_get(store, h->id, h->epoch, &st);

	(void)by;
	if (r < 0 && r != -ENOENT)
		return ctl_store_failed(a->dir, NULL, r);
	if (r == -ENOENT || !st.status.challenged)
		return ctl_complain(CTL_FAILED,
				    "hub '%s' says that it is at level %u: there is "
				    "nothing to release from here; nothing was ordered",
				    h->name, r == 0 ? st.status.level : 0);
	c->lock_epoch = st.status.lock_epoch;
	memcpy(c->nonce, st.status.nonce, sizeof(c->nonce));
	return CTL_OK;
}

static int run_release(int argc, char **argv)
{
	struct command c = { .verb = COMMAND_RELEASE };
	struct order_args a;
	int r = order_parse(&ctl_release, argc, argv, 1, false, NULL, 0, &a);

	return r == CTL_OK ? order_give(&ctl_release, &a, &c, add_challenge) : r;
}

static int run_test(int argc, char **argv)
{
	struct command c = { .verb = COMMAND_TEST };
	struct order_args a;
	int r = order_parse(&ctl_test, argc, argv, 1, false, "minutes",
			    COMMAND_TEST_MIN_MAX, &a);

	c.minutes = r == CTL_OK && a.number ? (uint8_t)a.number : TEST_MIN;
	return r == CTL_OK ? order_give(&ctl_test, &a, &c, NULL) : r;
}

static int run_reboot(int argc, char **argv)
{
	struct command c = { .verb = COMMAND_REBOOT };
	struct order_args a;
	int r = order_parse(&ctl_reboot, argc, argv, 1, false, NULL, 0, &a);

	return r == CTL_OK ? order_give(&ctl_reboot, &a, &c, NULL) : r;
}

const struct ctl_verb ctl_lock = {
	.name = "lock",
	.what = "order a hub to lock itself; readings go on",
	.usage =
		"Usage: clinicctl lock DIR HUB --as NAME --reason TEXT [--level N] "
		"[--key "
		"FILE]\n"
		"           [--valid MINUTES] [--json]\n"
		"Orders one hub to lock itself when it calls next. It goes on taking and "
		"sending readings,\n"
		"which are filed with a mark; it takes no configuration and pairs "
		"nothing.\n\n"
		"  --level N        2 (default), by one signature; 3 needs a second one, "
		"of another\n"
		"                   role ('clinicctl command sign'), and is not ended "
		"from here\n" ORDER_ARGS_HELP
		"\nMore than 3 hubs and 1 % of all in an hour: only by the role "
		"clinic-security.\n",
	.run = run_lock,
};

const struct ctl_verb ctl_release = {
	.name = "release",
	.what = "order a hub to end its lock",
	.usage = "Usage: clinicctl release DIR HUB --as NAME --reason TEXT [--key FILE] "
		 "[--valid MINUTES]\n"
		 "           [--json]\n"
		 "Orders a hub that is locked at level 2 to end that, when it was locked "
		 "and on for half an\n"
		 "hour. The order answers what the hub said last, so it is good for "
		 "about an hour.\n\n" ORDER_ARGS_HELP,
	.run = run_release,
};

const struct ctl_verb ctl_test = {
	.name = "test",
	.what = "order a hub to take readings as tests for a while",
	.usage = "Usage: clinicctl test DIR HUB --as NAME --reason TEXT [--minutes N] "
		 "[--key FILE]\n"
		 "           [--valid MINUTES] [--json]\n"
		 "Readings of that time are marked as tests and are nobody's. By a "
		 "technician.\n\n"
		 "  --minutes N      1 to 60, default 15, from when the hub hears of "
		 "it\n" ORDER_ARGS_HELP,
	.run = run_test,
};

const struct ctl_verb ctl_reboot = {
	.name = "reboot",
	.what = "order a hub to start anew",
	.usage = "Usage: clinicctl reboot DIR HUB --as NAME --reason TEXT [--key FILE]\n"
		 "           [--valid MINUTES] [--json]\n"
		 "The machine starts anew when it calls next. By a "
		 "technician.\n\n" ORDER_ARGS_HELP,
	.run = run_reboot,
};
