/*
 * main.c - hubd: holds the signed config and gives each process its part; keeps the light; collects incidents.
 *
 * It must never have a network or a reading. It passes on what the others need to know:
 *   hub-ble    devices, passkeys, pins, the home's local time, the clinic's time, pairing windows
 *   hub-store  hub, epoch, assignment, sealing key, engine share
 *   hub-coap   endpoints, pins, heartbeat; the time floor
 * A process that comes back gets its part again; a new config goes to all at once. The lockdown machine will
 * stand here: until then the level is 0.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "hub/advice.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/indicator.h"
#include "hub/parts.h"
#include "hub/peripherals.h"
#include "hub/rt/file.h"
#include "hub/rt/ipc.h"
#include "hub/rt/log.h"
#include "hub/rt/notify.h"
#include "hub/rt/options.h"
#include "hub/rt/rt.h"
#include "hub/rt/sandbox.h"
#include "hub/settings.h"
#include "hub/window.h"

enum { CONFIG_LOOK_MS = 5000 };

struct hubd {
	struct options options;
	struct rt *rt;
	struct rt_timer *config_timer, *light_timer, *window_timer;
	struct ipc *ble, *store, *coap;
	struct settings settings;
	int config_error; /* last one said, so that it is said once */
	uint8_t level;	  /* of the lockdown */
	struct peripherals peripherals;
	struct window window;
	struct window_served served; /* what the file 'window' shall say */
	bool served_unsaved;
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

static void send_time(struct hubd *h, struct ipc *link)
{
	const struct msg m = { .kind = MSG_TIME, .time = h->time };

	if (h->has_time)
		send_to(link, &m);
}

/* Passkeys and the engine share must not stay behind. */
static void send_config(struct hubd *h, struct ipc *link)
{
	const struct settings *s = &h->settings;
	struct msg m;

	if (!s->loaded)
		return;
	if (link == h->ble)
		parts_ble(&s->config, &h->peripherals, h->level, &m);
	else if (link == h->store)
		parts_store(&s->config, s->share, h->level, &m);
	else
		parts_coap(&s->config, &m);
	send_to(link, &m);
	crypto_wipe(&m, sizeof(m));
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

/* --- the pairing window ----------------------------------------------------------------------- */

static void save_served(struct hubd *h)
{
	uint8_t buf[WINDOW_BYTES_MAX];
	int n = window_encode(&h->served, buf);
	int r = n < 0 ? n : file_replace(h->options.state_dir, "window", buf, (size_t)n);

	if (r && !h->served_unsaved)
		log_err("window-file",
			"error=\"%s\" do=\"check the disk; until then a restart may open "
			"this window again\"",
			err_text(r));
	h->served_unsaved = r != 0;
}

static void open_window(struct hubd *h)
{
	uint8_t buf[WINDOW_BYTES_MAX];
	int n = file_read(h->options.state_dir, "window", buf, sizeof(buf));
	int r = n < 0 ? n : window_decode(buf, (size_t)n, &h->served);

	if (r && r != -ENOENT)
		log_err("window-file",
			"error=\"%s\" do=\"order another window if a device is to be "
			"paired: it is not known which ones were served\"",
			err_text(r));
	window_init(&h->window, r && r != -ENOENT ? NULL : &h->served);
}

static void say_window(struct hubd *h, const struct window_action *a)
{
	if (a->state == WINDOW_TWO_CANDIDATES)
		log_err("pairing-window", "id=%u state=%s do=\"%s\"", a->id,
			advice_window_text(a->state), advice_window(a->state));
	else
		log_info("pairing-window", "id=%u state=%s do=\"%s\"", a->id,
			 advice_window_text(a->state), advice_window(a->state));
	indicator_on_window(&h->indicator, a->state);
	show_light(h);
}

/* After each event that the window may have heard of. */
static void drain_window(struct hubd *h)
{
	struct window_action a;

	do {
		struct msg m = { .kind = MSG_WINDOW };

		window_next(&h->window, rt_mono(), &a);
		switch (a.kind) {
		case WINDOW_NOTHING: break;
		case WINDOW_REMEMBER:
			h->served = a.served;
			save_served(h);
			break;
		case WINDOW_SAY: say_window(h, &a); break;
		case WINDOW_TELL:
			m.window = a.tell;
			send_to(h->ble, &m);
			break;
		}
	} while (a.kind != WINDOW_NOTHING);
	rt_timer_set(h->window_timer, window_deadline(&h->window));
}

static void on_window_timer(void *arg)
{
	drain_window(arg);
}

/* --- the config ------------------------------------------------------------------------------- */

/* UTC as well as the hub knows it, 0: not at all. */
static int64_t utc_ms(const struct hubd *h)
{
	struct wall now = rt_wall();

	if (h->has_time && h->time.utc.quality != CLOCK_QUALITY_NONE)
		return h->time.utc.ms + (int64_t)mono_since(rt_mono(), h->time.at);
	return now.quality == CLOCK_QUALITY_NONE ? 0 : now.ms;
}

static void use_config(struct hubd *h)
{
	const struct config *c = &h->settings.config;

	peripherals_assign(&h->peripherals, c, utc_ms(h));
	(void)peripherals_save(&h->peripherals); /* tried again, see save_again */
	send_config(h, h->ble);
	send_config(h, h->store);
	send_config(h, h->coap);
	window_on_config(&h->window, c->epoch, &c->window, rt_mono());
	drain_window(h);
	indicator_on_config(&h->indicator, c);
	show_light(h);
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
	use_config(h);
}

/* What could not be written is tried again now and then. */
static void save_again(struct hubd *h)
{
	if (h->served_unsaved)
		save_served(h);
	(void)peripherals_save(&h->peripherals);
}

static void on_config_timer(void *arg)
{
	struct hubd *h = arg;

	look_at_config(h);
	save_again(h);
	rt_timer_set(h->config_timer, mono_add(rt_mono(), CONFIG_LOOK_MS));
}

/* --- messages --------------------------------------------------------------------------------- */

static void on_up(void *arg, struct ipc *link)
{
	struct hubd *h = arg;

	send_config(h, link);
	if (link != h->store)
		send_time(h, link);
	if (link != h->ble)
		return;
	indicator_on_ble(&h->indicator);
	show_light(h);
	window_on_ble(&h->window);
	drain_window(h);
}

static void on_down(void *arg, struct ipc *link)
{
	struct hubd *h = arg;

	if (link != h->ble)
		return;
	window_on_ble(&h->window);
	drain_window(h);
}

static void on_time(struct hubd *h, const struct msg_time *t)
{
	h->time = *t;
	h->has_time = true;
	send_time(h, h->ble);
}

static void on_bonded(struct hubd *h, const struct msg_bonded *b)
{
	int r = h->settings.loaded
			? peripherals_note(&h->peripherals, &h->settings.config, b)
			: -ENOENT;

	if (r == -ENOENT || r == -ERANGE || r == -EEXIST)
		log_warn("pin-refused", "device=%u error=\"%s\"", b->num, err_text(r));
	else if (r < 0)
		log_err("peripherals-file",
			"error=\"%s\" do=\"check the disk; it is tried again\"",
			err_text(r));
	if (r == 1)
		log_info("pinned", "device=%u strength=%d", b->num, (int)b->pin.strength);
	if (r == 1 || h->peripherals.unsaved)
		send_config(h, h->ble);
}

static void on_reason(uint64_t num, uint64_t reason)
{
	enum silence_reason r = (enum silence_reason)(reason & UINT8_MAX);

	if (advice_needs_person(r))
		log_err("silent", "device=%u reason=%s what=\"%s\" do=\"%s\"",
			(unsigned)num, silence_reason_text(r), advice_meaning(r),
			advice_reason(r));
	else
		log_info("silent", "device=%u reason=%s what=\"%s\"", (unsigned)num,
			 silence_reason_text(r), advice_meaning(r));
}

static void on_status(struct hubd *h, const struct msg_status *s)
{
	indicator_on_status(&h->indicator, s, rt_mono());
	show_light(h);
	if (s->what == STATUS_ADAPTER)
		window_on_adapter(&h->window, s->a == 1, rt_mono());
	else if (s->what == STATUS_WINDOW)
		window_on_status(&h->window, s->a, s->b);
	else if (s->what == STATUS_REASON)
		on_reason(s->a, s->b);
	drain_window(h);
}

static void on_message(void *arg, struct ipc *link, const struct msg *m)
{
	struct hubd *h = arg;

	/* Only hub-ble knows of adapters, windows and bonds. */
	if (m->kind == MSG_STATUS && link != h->ble &&
	    (m->status.what == STATUS_ADAPTER || m->status.what == STATUS_WINDOW ||
	     m->status.what == STATUS_REASON || m->status.what == STATUS_DEVICE))
		return;
	if (m->kind == MSG_STATUS) {
		on_status(h, &m->status);
	} else if (m->kind == MSG_BONDED) {
		on_bonded(h, &m->bonded);
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
	const struct ipc_handlers handlers = { .up = on_up,
					       .down = on_down,
					       .message = on_message };
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

static void open_peripherals(struct hubd *h)
{
	int r = peripherals_open(&h->peripherals, h->options.state_dir);

	if (r == -EBADMSG)
		log_err("peripherals-file",
			"error=\"damaged\" do=\"nothing at once: it is kept as "
			"peripherals.bad; devices without a configured address must be "
			"paired again\"");
	else if (r)
		log_err("peripherals-file", "error=\"%s\" do=\"check the disk\"",
			err_text(r));
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
	open_peripherals(&h);
	open_window(&h);
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
	h.window_timer = rt_timer_new(h.rt, on_window_timer, &h);
	if (h.settings.loaded)
		use_config(&h);
	on_config_timer(&h);
	show_light(&h);
	notify_ready(h.rt);
	rt_run(h.rt);

	notify_stopping();
	rt_timer_free(h.window_timer);
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
