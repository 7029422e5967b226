#pragma once

/*
 * uplink.h - ties hub-store, hubd, the supervisor, the forward machine and the connection together.
 */
#include <stdbool.h>

#include "coap/client.h"
#include "hub/rt/rt.h"

struct uplink;

struct uplink_config {
	struct client_config identity;
	const char *run_dir; /* where the sockets to hub-store and hubd are */
	bool same_user;	     /* see hub/rt/ipc.h */
};

/* uplink_new - Returns 0 with *ret, or what client_new and ipc_connect say. */
int uplink_new(struct rt *rt, const struct uplink_config *cfg, struct uplink **ret);
void uplink_free(struct uplink *u); /* NULL is fine */
