/*
 * uplink_enrol.c - the uplink's credential, and what its connections tell of it; see uplink_inside.h, enrolling.h.
 */
#include "coap/uplink_inside.h"

#include "hub/core/err.h"
#include "hub/rt/log.h"

void uplink_note_result(struct uplink *u, bool refused)
{
	if (!refused && !u->refused)
		return;
	u->refused = refused;
	u->has_told = false; /* each refusal: how long they have come is counted there */
}

void uplink_tell_enrolling(struct uplink *u)
{
	bool acknowledged = u->acknowledged;

	u->acknowledged = false;
	if (u->enrolling && acknowledged)
		enrolling_on_acknowledged(u->enrolling);
	if (!u->enrolling || u->has_told)
		return;
	u->has_told = true;
	enrolling_on_uplink(u->enrolling, u->refused);
}

/* What is up was made with the one before. */
static void use(void *arg, const struct client_config *cfg, bool emergency)
{
	struct uplink *u = arg;
	int r = 0;

	for (size_t i = 0; i < SUPERVISOR_LINES && r == 0; i++)
		r = client_set_identity(u->lines[i].client, cfg);
	if (r < 0)
		log_err("uplink-credential", "error=\"%s\"", err_text(r));
	u->ready = cfg && r == 0;
	u->sealed = emergency;
	supervisor_on_endpoints(
		&u->supervisor, u->targets.fresh ? u->targets.fresh : u->targets.count,
		u->targets.fresh ? u->targets.count - u->targets.fresh : 0,
		SUPERVISOR_NOWHERE, rt_mono());
	rt_timer_set(u->timer, rt_mono()); /* drain, next */
}

static void tell_hubd(void *arg, const struct msg *m)
{
	uplink_tell_hubd(arg, m);
}

static void tell_store(void *arg, const struct msg *m)
{
	struct uplink *u = arg;

	if (ipc_is_up(u->store))
		uplink_tell_store(u, m);
}

static void wanted(void *arg, uint64_t version)
{
	struct uplink *u = arg;

	fetch_on_wanted(&u->fetch, version, rt_mono());
}

static bool ingest(void *arg, unsigned n, struct config_endpoint *ret)
{
	struct uplink *u = arg;

	if (u->targets.count == 0)
		return false;
	*ret = u->targets.list[n % u->targets.count];
	return true;
}

void uplink_enrol(struct uplink *u)
{
	const struct enrolling_host host = {
		u, use, tell_hubd, tell_store, wanted, ingest
	};

	enrolling_start(u->enrolling, &host);
}
