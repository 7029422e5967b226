/*
 * main.c - hubd: holds the signed config and gives each process its part; keeps the light; collects incidents.
 *
 * It must never have a network or a reading. It passes on what the others need to know:
 *   hub-ble    devices, passkeys, the home's local time, the clinic's time
 *   hub-store  hub, epoch, assignment, sealing key, engine share
 *   hub-coap   endpoints, pins, heartbeat; the time floor
 * A process that comes back gets its part again; a new config goes to all at once. The lockdown machine will
 * stand here: until then the level is 0.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"
#include "hub/indicator.h"
#include "hub/rt/ipc.h"
#include "hub/rt/log.h"
#include "hub/rt/notify.h"
#include "hub/rt/options.h"
#include "hub/rt/rt.h"
#include "hub/rt/sandbox.h"
#include "hub/settings.h"

enum { CONFIG_LOOK_MS = 5000 };

struct hubd {
	struct options options;
	struct rt *rt;
	struct rt_timer *config_timer, *light_timer;
	struct ipc *ble, *store, *coap;
	struct settings settings;
	int config_error; /* last one said, so that it is said once */
	struct indicator indicator;
	enum indicator_light light;
	bool has_time;
	struct msg_time time;
};

static void send_to(struct ipc *link, const struct msg *m)
{
	int r = ipc_is_up(link) ? ipc_send(link, m) : 0;

	if (r)
		log_warn("send-failed", "kind=0x%02x error=\"%s\"", (unsigned)m->kind,
			 err_text(r));
}

static void send_ble_config(struct hubd *h)
{
	const struct config *c = &h->settings.config;
	struct msg m = { .kind = MSG_BLE_CONFIG };

	m.ble_config.utc_offset_min = c->utc_offset_min;
	m.ble_config.device_count = (uint8_t)c->device_count;
	memcpy(m.ble_config.devices, c->devices, sizeof(m.ble_config.devices));
	send_to(h->ble, &m);
	crypto_wipe(&m, sizeof(m)); /* passkeys */
}

static void send_store_config(struct hubd *h)
{
	const struct config *c = &h->settings.config;
	struct msg m = { .kind = MSG_STORE_CONFIG };

	memcpy(m.store_config.hub, c->hub, HUB_ID_LEN);
	m.store_config.epoch = c->epoch;
	m.store_config.assignment = c->assignment;
	m.store_config.seal_key_id = c->seal_key_id;
	memcpy(m.store_config.seal_public, c->seal_public, SEAL_PUBLIC_LEN);
	m.store_config.has_share = true;
	memcpy(m.store_config.share, h->settings.share, ENGINE_SHARE_LEN);
	send_to(h->store, &m);
	crypto_wipe(&m, sizeof(m));
}

static void send_coap_config(struct hubd *h)
{
	const struct config *c = &h->settings.config;
	struct msg m = { .kind = MSG_COAP_CONFIG };

	m.coap_config.heartbeat_s = c->heartbeat_s;
	m.coap_config.endpoint_count = (uint8_t)c->endpoint_count;
	memcpy(m.coap_config.endpoints, c->endpoints, sizeof(m.coap_config.endpoints));
	send_to(h->coap, &m);
}

static void send_time(struct hubd *h, struct ipc *link)
{
	const struct msg m = { .kind = MSG_TIME, .time = h->time };

	if (h->has_time)
		send_to(link, &m);
}

static void send_config(struct hubd *h, const struct ipc *link)
{
	if (!h->settings.loaded)
		return;
	if (link == h->ble)
		send_ble_config(h);
	else if (link == h->store)
		send_store_config(h);
	else
		send_coap_config(h);
}

static void show_light(struct hubd *h)
{
	struct mono now = rt_mono();
	enum indicator_light light = indicator_light(&h->indicator, now);
	const char *text = indicator_text(light);
	int r;

	rt_timer_set(h->light_timer, indicator_deadline(&h->indicator, now));
	if (light == h->light)
		return;
	h->light = light;
	log_info("light", "state=%s", text);
	r = file_replace(h->options.state_dir, "light", (const uint8_t *)text,
			 strlen(text));
	if (r)
		log_warn("light-file", "error=\"%s\"", err_text(r));
}

static void on_light_timer(void *arg)
{
	show_light(arg);
}

static void look_at_config(struct hubd *h)
{
	const char *why = "";
	int r = settings_load(&h->settings, &why);

	if (r < 0 && r != h->config_error)
		log_err("config-refused",
			"file=%s/config.cose error=\"%s\" what=\"%s\" running-on=%s",
			h->options.state_dir, err_text(r), why,
			h->settings.loaded ? "last-good-config" : "nothing");
	h->config_error = r < 0 ? r : 0;
	if (r <= 0)
		return;
	log_info("config-taken", "version=%llu epoch=%u devices=%zu endpoints=%zu",
		 (unsigned long long)h->settings.config.version, h->settings.config.epoch,
		 h->settings.config.device_count, h->settings.config.endpoint_count);
	send_config(h, h->ble);
	send_config(h, h->store);
	send_config(h, h->coap);
}

static void on_config_timer(void *arg)
{
	struct hubd *h = arg;

	look_at_config(h);
	rt_timer_set(h->config_timer, mono_add(rt_mono(), CONFIG_LOOK_MS));
}

static void on_up(void *arg, struct ipc *link)
{
	struct hubd *h = arg;

	send_config(h, link);
	if (link != h->store)
		send_time(h, link);
}

static void on_time(struct hubd *h, const struct msg_time *t)
{
	h->time = *t;
	h->has_time = true;
	send_time(h, h->ble);
}

static void on_message(void *arg, struct ipc *link, const struct msg *m)
{
	struct hubd *h = arg;

	(void)link;
	if (m->kind == MSG_STATUS) {
		indicator_on_status(&h->indicator, &m->status, rt_mono());
		show_light(h);
	} else if (m->kind == MSG_INCIDENT) {
		log_warn("incident", "what=%s subject=%u count=%u",
			 incident_text(m->incident.what), m->incident.subject,
			 m->incident.count);
	} else if (m->kind == MSG_TIME) {
		on_time(h, &m->time);
	}
}

static int open_links(struct hubd *h)
{
	const struct ipc_handlers handlers = { .up = on_up, .message = on_message };
	const struct {
		enum role peer;
		struct ipc **link;
	} links[] = { { ROLE_BLE, &h->ble },
		      { ROLE_STORE, &h->store },
		      { ROLE_COAP, &h->coap } };

	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		const struct ipc_config cfg = { .self = ROLE_HUBD,
						.peer = links[i].peer,
						.run_dir = h->options.run_dir,
						.same_user = h->options.same_user };
		int r = ipc_listen(h->rt, &cfg, &handlers, h, links[i].link);

		if (r)
			return r;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct hubd h;

	options_parse(argc, argv, "hubd",
		      "Policy of the telehealth hub: checks the clinic's signed config "
		      "and hands it out.",
		      &h.options);
	log_init("hubd");
	if (crypto_init() || settings_open(&h.settings, h.options.state_dir)) {
		log_err("start",
			"state=%s error=\"cannot be opened\" do=\"check that the "
			"directory exists and is ours\"",
			h.options.state_dir);
		return EX_NOINPUT;
	}
	h.rt = rt_new();
	indicator_init(&h.indicator);
	if (open_links(&h))
		return EX_OSERR;
	if (sandbox_enter()) {
		log_err("sandbox", "error=\"could not be entered\"");
		return EX_OSERR;
	}
	h.config_timer = rt_timer_new(h.rt, on_config_timer, &h);
	h.light_timer = rt_timer_new(h.rt, on_light_timer, &h);
	on_config_timer(&h);
	show_light(&h);
	notify_ready(h.rt);
	rt_run(h.rt);

	notify_stopping();
	rt_timer_free(h.light_timer);
	rt_timer_free(h.config_timer);
	ipc_free(h.coap);
	ipc_free(h.store);
	ipc_free(h.ble);
	rt_free(h.rt);
	crypto_wipe(&h.settings, sizeof(h.settings));
	crypto_done();
	return EX_OK;
}
