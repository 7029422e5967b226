#pragma once

/*
 * uplink_inside.h - what uplink.c, uplink_peers.c and uplink_enrol.c share and nobody else sees.
 */
#include "coap/enrolling.h"
#include "coap/fetch.h"
#include "coap/forward.h"
#include "coap/report.h"
#include "coap/rtt.h"
#include "coap/supervisor.h"
#include "coap/targets.h"
#include "coap/uplink.h"
#include "hub/rt/ipc.h"
#include "hub/rt/resolve.h"

/* One of the supervisor's lines. */
struct line {
	struct uplink *uplink;
	unsigned number;
	struct client *client;
	bool trial;		     /* it tries an endpoint that is not confirmed */
	struct rt_resolve *question; /* a name's addresses are asked for; NULL: no */
	size_t address_count;	     /* of the endpoint that was looked up last */
	uint8_t addresses[RESOLVE_ADDRESSES_MAX][16];
};

struct uplink {
	struct rt *rt;
	struct ipc *store, *hubd;
	struct line lines[SUPERVISOR_LINES];
	struct line *active; /* forward's requests go over it; NULL: none */
	struct rt_timer *timer;
	struct supervisor supervisor;
	struct forward forward;
	struct fetch fetch;
	struct rtt rtt;
	struct targets targets;
	struct report report;
	struct enrolling *enrolling; /* borrowed; NULL: the credential never changes */
	bool ready;		     /* there is a credential */
	bool sealed;	   /* it is the emergency identity's: uploads, and nothing else */
	bool refused;	   /* the clinic has refused it since the last acknowledgement */
	bool has_told;	   /* enrolling knows of that */
	bool acknowledged; /* something was, which enrolling is to hear */
	uint64_t version;  /* of the config that the targets are from */
	bool proven;	   /* one of its endpoints has acknowledged something */
	bool proven_told;  /* to hubd */
	enum trial trial, trial_told; /* why none has; the same, to hubd */
	bool path_told;		      /* how good the way is, to hubd, at */
	struct mono path_at;
	bool connected;	  /* as last told to hubd */
	bool draining;	  /* drain() is at work further up the stack */
	uint64_t command; /* the last one that was passed to hubd, at */
	struct mono command_at;
};

/* --- uplink.c */

uint32_t uplink_dice(void);
/* Does what all machines ask for. */
void uplink_drain(struct uplink *u);
/* Other endpoints are on trial now. */
void uplink_forget_trial(struct uplink *u);

/* --- uplink_peers.c: hub-store and hubd */

int uplink_connect_peers(struct uplink *u, struct rt *rt,
			 const struct uplink_config *cfg);
void uplink_tell_hubd(struct uplink *u, const struct msg *m);
void uplink_tell_store(struct uplink *u, const struct msg *m);
void uplink_tell_status(struct uplink *u);
void uplink_tell_proven(struct uplink *u);
void uplink_tell_path(struct uplink *u, struct mono now);

/* --- uplink_enrol.c: the credential */

/* An acknowledgement, or a refusal by the clinic, came; told by uplink_tell_enrolling, outside of handlers. */
void uplink_note_result(struct uplink *u, bool refused);
void uplink_tell_enrolling(struct uplink *u);
