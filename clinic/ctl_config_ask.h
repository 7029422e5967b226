#pragma once

/*
 * ctl_config_ask.h - the next configuration of a hub, wherever the clinic is (remote.h): the last one is asked for, changed
 * and signed here, and clinicd keeps what was signed. The key that signs never leaves this program.
 *
 * Each function returns an enum ctl_exit, after a complaint if it is not CTL_OK.
 */
#include "clinic/ctl_config.h"
#include "clinic/remote.h"

/* What a hub's config is made from. Has passkeys: to be wiped. */
struct ctl_config_base {
	struct hub hub;
	struct config config;
	struct config_endpoint own; /* the clinic's own server */
};

/* ctl_config_load - ret is to be wiped also after a failure. */
int ctl_config_load(struct remote *clinic, const char *hub, struct ctl_config_base *ret);

/* ctl_config_next_of - the config that follows: the last one with the next version, above what the hub has. Pure. */
void ctl_config_next_of(const struct ctl_config_base *b, struct config *ret);

/*
 * ctl_config_ask - all of it: asked for, changed by fn, signed, kept, written to 'out'; again if another one was signed
 * meanwhile.
 *
 * where   of the clinic, and of the file config.key, unless the person has named another key
 * fn      changes c, which has the next version already; anything but CTL_OK, after a complaint: nothing is done.
 *         own: the clinic's own server
 * ret     the new config; to be wiped, also after a failure
 */
typedef int ctl_config_ask_fn(void *arg, const struct config_endpoint *own,
			      struct config *c);
int ctl_config_ask(const char *where, const char *hub, const struct ctl_config_out *out,
		   ctl_config_ask_fn *fn, void *arg, struct config *ret);

/* ctl_config_write - writes what was signed to the file that --out names, if it names one. */
int ctl_config_write(const struct ctl_config_out *out, const uint8_t *cose, size_t len);
