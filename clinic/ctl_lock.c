/*
 * ctl_lock.c - clinicctl lock, release, test and reboot: orders to one hub. It gets them with the reply to its next upload.
 */
#include "clinic/ctl.h"
#include "clinic/ctl_order.h"

enum { TEST_MIN = 15 };

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
	return order_give(&ctl_lock, &a, &c);
}

static int run_release(int argc, char **argv)
{
	struct command c = { .verb = COMMAND_RELEASE };
	struct order_args a;
	int r = order_parse(&ctl_release, argc, argv, 1, false, NULL, 0, &a);

	return r == CTL_OK ? order_give(&ctl_release, &a, &c) : r;
}

static int run_test(int argc, char **argv)
{
	struct command c = { .verb = COMMAND_TEST };
	struct order_args a;
	int r = order_parse(&ctl_test, argc, argv, 1, false, "minutes",
			    COMMAND_TEST_MIN_MAX, &a);

	c.minutes = r == CTL_OK && a.number ? (uint8_t)a.number : TEST_MIN;
	return r == CTL_OK ? order_give(&ctl_test, &a, &c) : r;
}

static int run_reboot(int argc, char **argv)
{
	struct command c = { .verb = COMMAND_REBOOT };
	struct order_args a;
	int r = order_parse(&ctl_reboot, argc, argv, 1, false, NULL, 0, &a);

	return r == CTL_OK ? order_give(&ctl_reboot, &a, &c) : r;
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
	.remote = true,
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
		 "hour; or, at once, one at level 1 to forget what it has noticed at a "
		 "USB port. The order\n"
		 "answers what the hub said last, so it is good for about an "
		 "hour.\n\n" ORDER_ARGS_HELP,
	.remote = true,
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
	.remote = true,
	.run = run_test,
};

const struct ctl_verb ctl_reboot = {
	.name = "reboot",
	.what = "order a hub to start anew",
	.usage = "Usage: clinicctl reboot DIR HUB --as NAME --reason TEXT [--key FILE]\n"
		 "           [--valid MINUTES] [--json]\n"
		 "The machine starts anew when it calls next. By a "
		 "technician.\n\n" ORDER_ARGS_HELP,
	.remote = true,
	.run = run_reboot,
};
