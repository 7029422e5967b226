/*
 * main.c - hub-coap: carries sealed, signed batches from hub-store to the clinic and its
 * answers back.
 *
 * It has a network and therefore nothing worth stealing but its DTLS keys: no database, no reading in clear, no disk
 * beyond its identity. That it reads before the sandbox closes, and later writes nothing but files of identity_store.h there.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "coap/calls.h"
#include "coap/uplink.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/log.h"
#include "hub/rt/notify.h"
#include "hub/rt/options.h"
#include "hub/rt/rt.h"
#include "hub/rt/sandbox.h"

/* A hub that was added by hand has a credential from its bundle, others get one from the clinic. */
static int open_enrolling(struct rt *rt, const struct options *o, struct enrolling **ret)
{
	int r = enrolling_new(rt, o->state_dir, ret);

	if (r < 0)
		log_err("identity",
			"folder=%s error=\"%s\" do=\"check the folder and the disk; if "
			"the "
			"device key is lost this hub needs a new label\"",
			o->state_dir, err_text(r));
	return r;
}

static int open_uplink(struct rt *rt, const struct options *o, struct enrolling *e,
		       struct uplink **ret)
{
	const struct uplink_config cfg = { .enrolling = e,
					   .run_dir = o->run_dir,
					   .same_user = o->same_user };
	int r = uplink_new(rt, &cfg, ret);

	if (r < 0)
		log_err("start", "error=\"%s\"", err_text(r));
	return r;
}

/* Where addresses and names of servers lie may be replaced while it runs: the folders, then. */
static int confine(const struct options *o)
{
	enum { DNS_PORT = 53 };
	const struct sandbox s = {
		.calls = hub_coap_calls,
		.sockets = SANDBOX_UNIX | SANDBOX_INET,
		.threads = true,
		.tcp_port = DNS_PORT,
		.places = { { o->state_dir, LANDLOCK_WRITE },
			    { o->run_dir, LANDLOCK_DOORS },
			    { "/etc", LANDLOCK_READ },
			    { "/run", LANDLOCK_READ } },
	};

	return sandbox_confine(&s);
}

int main(int argc, char **argv)
{
	struct options options;
	struct enrolling *enrolling;
	struct uplink *uplink;
	struct rt *rt;

	options_parse(argc, argv, "hub-coap",
		      "Uplink of the telehealth hub: sealed batches to the clinic over "
		      "CoAP and DTLS.",
		      &options);
	log_init("hub-coap");
	if (crypto_init()) {
		log_err("start", "error=\"no random numbers\"");
		return EX_OSERR;
	}
	rt = rt_new();
	if (open_enrolling(rt, &options, &enrolling) ||
	    open_uplink(rt, &options, enrolling, &uplink))
		return EX_NOINPUT;
	if (confine(&options)) {
		log_err("sandbox", "error=\"could not be entered\"");
		return EX_OSERR;
	}
	uplink_enrol(uplink);
	notify_ready(rt);
	rt_run(rt);

	notify_stopping();
	uplink_free(uplink);
	enrolling_free(enrolling);
	rt_free(rt);
	crypto_done();
	return EX_OK;
}
