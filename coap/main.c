/*
 * main.c - hub-coap: carries sealed, signed batches from hub-store to the clinic and its
 * answers back.
 *
 * It has a network and therefore nothing worth stealing but its DTLS key: no database, no reading
 * in clear, no disk beyond its identity, which it reads once, before the sandbox closes.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "coap/uplink.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"
#include "hub/rt/notify.h"
#include "hub/rt/options.h"
#include "hub/rt/rt.h"
#include "hub/rt/sandbox.h"

enum { PEM_MAX = 8192 };

struct pem {
	char text[PEM_MAX + 1];
};

static int read_pem(const char *dir, const char *name, struct pem *ret)
{
	int n = file_read(dir, name, (uint8_t *)ret->text, PEM_MAX);

	if (n < 0) {
		log_err("identity",
			"file=%s/%s error=\"%s\" do=\"copy the hub's bundle there\"", dir,
			name, err_text(n));
		return n;
	}
	ret->text[n] = '\0';
	return 0;
}

static int open_uplink(struct rt *rt, const struct options *o, struct uplink **ret)
{
	static struct pem cert, key, root;
	struct uplink_config cfg = { .identity = { cert.text, key.text, root.text },
				     .run_dir = o->run_dir,
				     .same_user = o->same_user };
	int r = read_pem(o->state_dir, "identity.crt", &cert);

	if (r == 0)
		r = read_pem(o->state_dir, "identity.key", &key);
	if (r == 0)
		r = read_pem(o->state_dir, "root.crt", &root);
	if (r == 0) {
		r = uplink_new(rt, &cfg, ret);
		if (r < 0)
			log_err("start", "error=\"%s\" do=\"check the PEM files in %s\"",
				err_text(r), o->state_dir);
	}
	crypto_wipe(&key, sizeof(key));
	return r;
}

int main(int argc, char **argv)
{
	struct options options;
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
	if (open_uplink(rt, &options, &uplink))
		return EX_NOINPUT;
	if (sandbox_enter()) {
		log_err("sandbox", "error=\"could not be entered\"");
		return EX_OSERR;
	}
	notify_ready(rt);
	rt_run(rt);

	notify_stopping();
	uplink_free(uplink);
	rt_free(rt);
	crypto_done();
	return EX_OK;
}
