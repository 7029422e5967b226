/*
 * hubd_parts.c - what each process is told: its part of the config in use, the clinic's time, how late it is at least.
 */
#include "hub/hubd_inside.h"

#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/parts.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"
#include "hub/rt/rt.h"

bool hubd_send(struct ipc *link, const struct msg *m)
{
	int r = ipc_is_up(link) ? ipc_send(link, m) : 0;

	if (r)
		log_warn("send-failed", "kind=0x%02x error=\"%s\"", (unsigned)m->kind,
			 err_text(r));
	return r == 0;
}

void hubd_send_time(struct hubd *h, struct ipc *link)
{
	const struct msg m = { .kind = MSG_TIME, .time = h->time };

	if (h->has_time)
		hubd_send(link, &m);
}

void hubd_send_floor(struct hubd *h)
{
	struct mono now = rt_mono();
	const struct msg m = { .kind = MSG_TIME,
			       .time = { .at = now,
					 .utc = { .ms = timefloor_ms(&h->floor, now),
						  .uncertainty_ms = UINT32_MAX } } };

	hubd_send(h->coap, &m);
}

void hubd_open_floor(struct hubd *h)
{
	uint8_t buf[TIMEFLOOR_BYTES_MAX];
	int n = file_read(h->options.state_dir, "time-floor", buf, sizeof(buf));
	int64_t ms = 0;
	int r = n < 0 ? n : timefloor_decode(buf, (size_t)n, &ms);

	if (r == -ENOTSUP)
		log_info("time-floor-file", "note=\"of another version; begun anew\"");
	else if (r && r != -ENOENT)
		log_err("time-floor-file",
			"error=\"%s\" do=\"nothing: it is begun anew; until what the "
			"clinic "
			"signs next, a certificate that has ended may be taken\"",
			err_text(r));
	timefloor_open(&h->floor, ms, rt_mono());
}

/* The lists of vulnerabilities were there when the config was signed. */
void hubd_prove_floor(struct hubd *h)
{
	const struct settings *s = &h->settings;
	struct mono now = rt_mono();
	struct wall said = h->time.utc;

	if (!h->has_time || !s->loaded || !s->config.has_risk)
		return;
	said.ms = msg_time_ms(&h->time, now);
	timefloor_on_signed(&h->floor, s->config.risk.feed_s * 1000, &said, now);
	hubd_save_floor(h);
}

void hubd_save_floor(struct hubd *h)
{
	uint8_t buf[TIMEFLOOR_BYTES_MAX];
	int64_t ms;
	int r;

	if (!timefloor_due(&h->floor, rt_mono(), &ms))
		return;
	r = file_replace(h->options.state_dir, "time-floor", buf,
			 timefloor_encode(ms, buf));
	if (r == 0)
		timefloor_on_saved(&h->floor, ms);
	else if (!h->floor_unsaved)
		log_err("time-floor-file", "error=\"%s\" do=\"check the disk\"",
			err_text(r));
	h->floor_unsaved = r != 0;
}

static const uint8_t *share_of(const struct hubd *h)
{
	return h->settings.has_share ? h->settings.share : NULL;
}

/* Before the first config nobody measures here: hub-ble gets nothing, and each reading is sealed under its own assignment. */
static void send_first(struct hubd *h, struct ipc *link, bool *again)
{
	struct msg m;

	if (link == h->ble || !h->has_first)
		return;
	if (link == h->store)
		parts_store(&h->first, share_of(h), orders_level(&h->orders),
			    orders_retire(&h->orders), &m);
	else
		parts_coap(&h->first, &m);
	*again = !hubd_send(link, &m);
	crypto_wipe(&m, sizeof(m));
}

bool hubd_is_outlived(const struct hubd *h)
{
	const struct settings *s = &h->settings;

	return s->loaded && s->expects && s->expected_epoch > s->config.epoch;
}

void hubd_send_config(struct hubd *h, struct ipc *link)
{
	const struct settings *s = &h->settings;
	bool *again = link == h->ble	 ? &h->again_ble
		      : link == h->store ? &h->again_store
					 : &h->again_coap;
	uint32_t assignment;
	struct msg m;

	*again = false;
	if (!s->loaded) {
		send_first(h, link, again);
		return;
	}
	if ((link == h->ble && !fence_for_ble(&h->fence)) ||
	    (link == h->store && !fence_for_store(&h->fence, &assignment)))
		return;
	if (link == h->ble) {
		parts_ble(&s->config, &h->peripherals, orders_level(&h->orders), &m);
	} else if (link == h->store) {
		parts_store(&s->config, share_of(h), orders_level(&h->orders),
			    orders_retire(&h->orders), &m);
		h->told_retire = m.store_config.retire;
		m.store_config.assignment = assignment;
	} else {
		parts_coap(&s->config, &m);
		m.coap_config.version = hubd_is_outlived(h) ? 0 : s->config.version;
	}
	*again = !hubd_send(link, &m);
	/* passkeys and the engine share must not stay behind */
	crypto_wipe(&m, sizeof(m));
}

void hubd_send_proven(struct hubd *h)
{
	struct msg m;

	if (!h->settings.has_proven ||
	    h->settings.proven.version == h->settings.config.version)
		return;
	parts_coap(&h->settings.proven, &m);
	hubd_send(h->coap, &m);
}
