#pragma once

/*
 * uplink.h - ties hub-store, hubd, the supervisor, the forward machine and the connection together.
 */
#include <stdbool.h>

#include "coap/client.h"
#include "coap/enrolling.h"
#include "hub/rt/rt.h"

struct uplink;

struct uplink_config {
	struct client_config identity; /* all NULL: none yet, see enrolling */
	struct enrolling *
		enrolling; /* borrowed, until after uplink_free; NULL: the identity stays */
	const char *run_dir; /* where the sockets to hub-store and hubd are */
	bool same_user;	     /* see hub/rt/ipc.h */
};

/* uplink_new - Returns 0 with *ret, or what client_new and ipc_connect say. */
int uplink_new(struct rt *rt, const struct uplink_config *cfg, struct uplink **ret);
/* uplink_enrol - begin to work with cfg->enrolling, which brings the identity. */
void uplink_enrol(struct uplink *u);
void uplink_free(struct uplink *u); /* NULL is fine */
