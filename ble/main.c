/*
 * main.c - hub-ble: Bluetooth devices in, readings out.
 *
 * The only process with D-Bus. It has no IP, no keys, no disk: what it must know comes
 * from hubd, what it hears goes to hub-store. See devices.h for the whole, profile.h for
 * what is taken, bluez.h for bluetoothd.
 */
#include <stdlib.h>

#include "ble/calls.h"
#include "ble/devices.h"
#include "hub/core/err.h"
#include "hub/rt/log.h"
#include "hub/rt/notify.h"
#include "hub/rt/options.h"
#include "hub/rt/rt.h"
#include "hub/rt/sandbox.h"

static void stopped(void *arg)
{
	rt_stop(arg);
}

static int confine(const struct options *o)
{
	const struct sandbox s = {
		.calls = ble_calls,
		.sockets = SANDBOX_UNIX,
		.places = { { getenv("RUNTIME_DIRECTORY"), LANDLOCK_WRITE },
			    { o->run_dir, LANDLOCK_DOORS } },
	};

	return sandbox_confine(&s);
}

int main(int argc, char **argv)
{
	struct options opt;
	struct devices *devices;
	struct rt *rt;
	int r;

	options_parse(
		argc, argv, "hub-ble",
		"Takes readings from Bluetooth devices and hands them to hub-store.",
		&opt);
	log_init("hub-ble");
	rt = rt_new();
	r = confine(&opt);
	if (r) {
		log_err("sandbox", "error=\"%s\"", err_text(r));
		return EXIT_FAILURE;
	}
	r = devices_new(rt, &opt, stopped, rt, &devices);
	if (r) {
		log_err("start", "error=\"%s\"", err_text(r));
		return EXIT_FAILURE;
	}
	notify_ready(rt);

	rt_run(rt); /* until SIGTERM */

	notify_stopping();
	devices_stop(devices);
	rt_run(rt); /* until the radio is off and everything is handed over */
	devices_free(devices);
	rt_free(rt);
	return EXIT_SUCCESS;
}
