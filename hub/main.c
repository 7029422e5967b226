/*
 * main.c - hubd: holds the signed config and gives each process its part; keeps the light; collects incidents.
 *
 * It must never have a network or a reading. It passes on what the others need to know:
 *   hub-ble    devices, passkeys, pins, the home's local time, the clinic's time, pairing windows
 *   hub-store  hub, epoch, assignment, sealing key, engine share; how hub and devices are, for the clinic
 *   hub-coap   endpoints, pins, heartbeat; how late it is at least
 * A process that comes back gets its part again; a new config goes to all at once. One with another assignment is
 * handed over to by fence.h: hub-ble and hub-store get it when nothing of the old one is left. Signed orders and the
 * level of the lockdown are orders.h: from level 2 on hub-store gets no engine share.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "hub/advice.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/fence.h"
#include "hub/fence_file.h"
#include "hub/health.h"
#include "hub/indicator.h"
#include "hub/lockdown_file.h"
#include "hub/offer.h"
#include "hub/orders.h"
#include "hub/parts.h"
#include "hub/peripherals.h"
#include "hub/plan.h"
#include "hub/rt/file.h"
#include "hub/rt/ipc.h"
#include "hub/rt/log.h"
#include "hub/rt/notify.h"
#include "hub/rt/options.h"
#include "hub/rt/rt.h"
#include "hub/rt/sandbox.h"
#include "hub/settings.h"
#include "hub/timefloor.h"
#include "hub/trusted.h"
#include "hub/window.h"

enum {
	CONFIG_LOOK_MS = 5000,
	HUBD_EXIT_REBOOT = 133, /* rootfs/units/hubd.service */
};

struct hubd {
	struct options options;
	struct rt *rt;
	struct rt_timer *config_timer, *light_timer, *window_timer, *health_timer,
		*orders_timer, *plan_timer;
	struct ipc *ble, *store, *coap;
	struct settings settings;
	struct offer offer;
	struct fence fence;
	enum fence_step fence_said; /* of the log */
	bool used;		    /* a config was in force as a whole since the start */
	bool fence_unsaved;	    /* the last attempt failed */
	bool again_ble, again_store, again_coap; /* their config did not go */
	int config_error;     /* last one said, so that it is said once */
	struct orders orders; /* the level of the lockdown is there */
	struct mono test_until;
	bool ends; /* the machine is to start anew */
	struct peripherals peripherals;
	struct window window;
	struct window_served served; /* what the file 'window' shall say */
	bool served_unsaved;
	struct indicator indicator;
	struct plan plan;
	size_t overdue_count; /* as told in the log */
	uint16_t overdue[CONFIG_DEVICES_MAX];
	struct health health;
	enum indicator_light light;
	bool has_time;
	struct msg_time time;
	struct timefloor floor;
	bool floor_unsaved; /* the last attempt failed */
	struct trusted trusted;
	struct msg_enrolment enrolment; /* as hub-coap last said */
	bool has_first;
	struct config first; /* what holds until there is a config, see trusted_config */
};

/* Returns false if it did not go; nobody there: it is told when it comes. */
static bool send_to(struct ipc *link, const struct msg *m)
{
	int r = ipc_is_up(link) ? ipc_send(link, m) : 0;

	if (r)
		log_warn("send-failed", "kind=0x%02x error=\"%s\"", (unsigned)m->kind,
			 err_text(r));
	return r == 0;
}

static void send_time(struct hubd *h, struct ipc *link)
{
	const struct msg m = { .kind = MSG_TIME, .time = h->time };

	if (h->has_time)
		send_to(link, &m);
}

/* --- how late it is at least ------------------------------------------------------------------ */

static void send_floor(struct hubd *h)
{
	struct mono now = rt_mono();
	const struct msg m = { .kind = MSG_TIME,
			       .time = { .at = now,
					 .utc = { .ms = timefloor_ms(&h->floor, now),
						  .uncertainty_ms = UINT32_MAX } } };

	if (m.time.utc.ms > 0)
		send_to(h->coap, &m);
}

static void open_floor(struct hubd *h)
{
	uint8_t buf[TIMEFLOOR_BYTES_MAX];
	int n = file_read(h->options.state_dir, "time-floor", buf, sizeof(buf));
	int64_t ms = 0;
	int r = n < 0 ? n : timefloor_decode(buf, (size_t)n, &ms);

	if (r && r != -ENOENT)
		log_err("time-floor-file",
			"error=\"%s\" do=\"nothing at once: the clinic's next answer "
			"mends "
			"it; until then an ended certificate may be taken\"",
			err_text(r));
	timefloor_open(&h->floor, ms);
}

static void save_floor(struct hubd *h)
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

/* What hub-store is to pass on to the clinic. Its socket full: again in a while. */
static void tell_health(struct hubd *h)
{
	struct msg m = { .kind = MSG_HEALTH };
	struct mono now = rt_mono();

	orders_tell_health(&h->orders, &h->health);
	health_set(&h->health, orders_level(&h->orders), (uint8_t)h->light,
		   h->has_time ? h->time.utc.quality : rt_wall().quality);
	if (ipc_is_up(h->store) && health_next(&h->health, now, &m.health)) {
		bool sent = ipc_send(h->store, &m) == 0;

		health_sent(&h->health, now);
		h->health.changed = !sent;
	}
	rt_timer_set(h->health_timer,
		     ipc_is_up(h->store) ? health_deadline(&h->health) : MONO_NEVER);
}

static void on_health_timer(void *arg)
{
	tell_health(arg);
}

/* Before the first config nobody measures here: hub-ble gets nothing, and each reading is sealed under its own assignment. */
static void send_first(struct hubd *h, struct ipc *link, bool *again)
{
	struct msg m;

	if (link == h->ble || !h->has_first)
		return;
	if (link == h->store)
		parts_store(&h->first, h->settings.share, orders_level(&h->orders), &m);
	else
		parts_coap(&h->first, &m);
	*again = !send_to(link, &m);
	crypto_wipe(&m, sizeof(m));
}

/* Of a later enrolment than the config in use nothing was taken yet: whatever the clinic has for it is newer. */
static bool is_outlived(const struct hubd *h)
{
	const struct settings *s = &h->settings;

	return s->loaded && s->expects && s->expected_epoch > s->config.epoch;
}

/* Passkeys and the engine share must not stay behind. */
static void send_config(struct hubd *h, struct ipc *link)
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
		parts_store(&s->config, s->share, orders_level(&h->orders), &m);
		m.store_config.assignment = assignment;
	} else {
		parts_coap(&s->config, &m);
		m.coap_config.version = is_outlived(h) ? 0 : s->config.version;
	}
	*again = !send_to(link, &m);
	crypto_wipe(&m, sizeof(m));
}

/* The way back first: hub-coap keeps those endpoints until one of the config in use has proven itself. */
static void send_proven(struct hubd *h)
{
	struct msg m;

	if (!h->settings.has_proven ||
	    h->settings.proven.version == h->settings.config.version)
		return;
	parts_coap(&h->settings.proven, &m);
	send_to(h->coap, &m);
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

/* After each event that the plan may have heard of, and now and then. */
static void look_at_plan(struct hubd *h)
{
	struct mono now = rt_mono();
	uint16_t overdue[CONFIG_DEVICES_MAX] = { 0 };
	size_t count = plan_overdue(&h->plan, now, overdue);
	bool asked = count > 0 && plan_may_ask(&h->plan, now);

	if (count != h->overdue_count ||
	    memcmp(overdue, h->overdue, sizeof(overdue)) != 0)
		log_info("overdue", "devices=%zu first=%u asked=%d", count, overdue[0],
			 asked);
	h->overdue_count = count;
	memcpy(h->overdue, overdue, sizeof(overdue));
	indicator_on_asked(&h->indicator, asked);
	show_light(h);
	rt_timer_set(h->plan_timer, plan_deadline(&h->plan, now));
}

static void on_plan_timer(void *arg)
{
	look_at_plan(arg);
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

/* It is in force as a whole: devices and their window. */
static void use_devices(struct hubd *h)
{
	const struct config *c = &h->settings.config;

	h->used = true;
	peripherals_assign(&h->peripherals, c);
	(void)peripherals_save(&h->peripherals); /* tried again, see save_again */
	send_config(h, h->ble);
	window_on_config(&h->window, c->epoch, &c->window, rt_mono());
	drain_window(h);
	plan_on_config(&h->plan, c, rt_mono());
	look_at_plan(h);
}

/* An order from before the start is in no window machine; hub-ble closes its own. */
static void close_window(struct hubd *h)
{
	static const struct config_window none;

	if (h->used)
		window_on_config(&h->window, h->settings.config.epoch, &none, rt_mono());
	drain_window(h);
}

static void save_assignment(struct hubd *h, const struct fence_held *held)
{
	int r = fence_save(h->options.state_dir, held);

	if (r == 0)
		fence_on_saved(&h->fence);
	else if (!h->fence_unsaved)
		log_err("assignment-file",
			"error=\"%s\" do=\"check the disk; until then no device is "
			"listened to\"",
			err_text(r));
	h->fence_unsaved = r != 0;
}

static void ask_fence(struct hubd *h, const struct fence_action *a)
{
	const struct msg m = { .kind = MSG_FENCE, .fence = a->ask };

	if (a->ask.step != h->fence_said)
		log_info("assignment", "in-force=%u next=%u step=%s",
			 fence_in_force(&h->fence), a->ask.assignment,
			 fence_step_text(a->ask.step));
	h->fence_said = a->ask.step;
	if (a->ask.step == FENCE_SEAL)
		send_config(h, h->store);
	send_to(a->role == ROLE_BLE ? h->ble : h->store, &m);
}

/* After each event that the hand-over may have heard of. */
static void drain_fence(struct hubd *h)
{
	struct fence_action a;

	do {
		fence_next(&h->fence, &a);
		switch (a.kind) {
		case FENCE_NOTHING: break;
		case FENCE_REMEMBER: save_assignment(h, &a.held); break;
		case FENCE_CLOSE: close_window(h); break;
		case FENCE_ASK: ask_fence(h, &a); break;
		case FENCE_USE:
			h->fence_said = FENCE_SETTLED;
			use_devices(h);
			break;
		}
	} while (a.kind != FENCE_NOTHING);
	health_on_fence(&h->health, fence_in_force(&h->fence), fence_at(&h->fence));
	tell_health(h);
}

static void open_fence(struct hubd *h)
{
	struct fence_held held;
	int r = fence_load(h->options.state_dir, &held);

	if (r)
		log_err("assignment-file",
			"error=\"%s\" do=\"pair all devices again: it is not known whose "
			"they were, so the hub forgets them\"",
			err_text(r));
	fence_init(&h->fence, &held);
}

static void use_config(struct hubd *h)
{
	const struct config *c = &h->settings.config;

	fence_on_config(&h->fence, c->epoch, c->assignment);
	send_config(h, h->store);
	send_config(h, h->coap);
	indicator_on_config(&h->indicator, c);
	show_light(h);
	orders_on_config(&h->orders, c);
	health_on_config(&h->health, c);
	health_set_proven(&h->health, settings_fallback(&h->settings));
	health_set_refused(&h->health, 0, REFUSAL_NONE);
	health_set_trial(&h->health, TRIAL_NONE);
	drain_fence(h);
}

static void log_taken(const struct config *c)
{
	log_info("config-taken", "version=%llu epoch=%u devices=%zu endpoints=%zu",
		 (unsigned long long)c->version, c->epoch, c->device_count,
		 c->endpoint_count);
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
	log_taken(&h->settings.config);
	use_config(h);
}

static void on_offer(struct hubd *h, const struct msg_offer *piece)
{
	struct msg m = { .kind = MSG_VERDICT };
	int r = offer_add(&h->offer, piece);

	if (r < 0)
		log_warn("config-piece", "error=\"%s\"", err_text(r));
	if (r <= 0)
		return;
	r = offer_judge(&h->offer, &h->settings, orders_level(&h->orders), &m.verdict);
	if (m.verdict.outcome == OFFER_TAKEN) {
		log_taken(&h->settings.config);
		use_config(h);
	} else if (m.verdict.outcome == OFFER_REFUSED) {
		log_err("config-refused",
			"version=%llu what=\"%s\" running-on=last-good-config",
			(unsigned long long)piece->version, refusal_text(m.verdict.why));
		health_set_refused(&h->health, piece->version, m.verdict.why);
		tell_health(h);
	} else if (r < 0) {
		log_err("config-file", "error=\"%s\" do=\"check the disk\"", err_text(r));
	}
	send_to(h->coap, &m);
}

static void arm_orders(struct hubd *h)
{
	rt_timer_set(h->orders_timer, orders_deadline(&h->orders));
}

/* What could not be written, or did not go, is tried again now and then. */
static void save_again(struct hubd *h)
{
	if (h->served_unsaved)
		save_served(h);
	(void)peripherals_save(&h->peripherals);
	save_floor(h);
	if (h->again_ble)
		send_config(h, h->ble);
	if (h->again_store)
		send_config(h, h->store);
	if (h->again_coap)
		send_config(h, h->coap);
	fence_again(&h->fence);
	drain_fence(h);
	orders_again(&h->orders);
	arm_orders(h);
}

static void on_config_timer(void *arg)
{
	struct hubd *h = arg;

	look_at_config(h);
	save_again(h);
	rt_timer_set(h->config_timer, mono_add(rt_mono(), CONFIG_LOOK_MS));
}

/* --- orders and the level --------------------------------------------------------------------- */

static void send_test(struct hubd *h)
{
	struct mono now = rt_mono();
	const struct msg m = { .kind = MSG_TEST,
			       .test = { (uint32_t)mono_since(h->test_until, now) } };

	if (m.test.ms_left > 0)
		send_to(h->ble, &m);
}

/* In this order: state.db closes, then the rest hears of it. */
static void hand_out_level(void *arg, uint8_t level)
{
	struct hubd *h = arg;

	send_config(h, h->store);
	send_config(h, h->ble);
	window_on_level(&h->window, level, rt_mono());
	drain_window(h);
	show_light(h);
	tell_health(h);
}

static void begin_test(void *arg, uint32_t ms)
{
	struct hubd *h = arg;

	h->test_until = mono_add(rt_mono(), ms);
	send_test(h);
}

/* The unit makes a reboot of this exit code: hubd itself may do nothing of the kind. */
static void begin_reboot(void *arg)
{
	struct hubd *h = arg;

	log_info("reboot", "by=order");
	h->ends = true;
	rt_stop(h->rt);
}

static void tell_result(void *arg, const struct msg_command_result *r)
{
	struct hubd *h = arg;
	const struct msg m = { .kind = MSG_COMMAND_RESULT, .command_result = *r };

	tell_health(h);
	send_to(h->coap, &m);
}

static const struct orders_hooks orders_hooks = { hand_out_level, begin_test,
						  begin_reboot, tell_result };

static void on_orders_timer(void *arg)
{
	struct hubd *h = arg;

	orders_drain(&h->orders);
	tell_health(h);
	arm_orders(h);
}

/* --- the enrolment ---------------------------------------------------------------------------- */

static void open_trusted(struct hubd *h)
{
	int r = trusted_open(&h->trusted, h->options.state_dir);

	if (r && r != -ENOENT)
		log_err("trust-file",
			"file=%s/clinic.trust error=\"%s\" note=\"it is as if it were "
			"not there\"",
			h->options.state_dir, err_text(r));
}

static void take_trust(struct hubd *h)
{
	char shown[TRUST_FINGERPRINT_MAX];
	int r = trusted_take(&h->trusted);

	if (r > 0)
		log_info("trust-taken", "clinic=\"%s\" fingerprint=\"%s\"",
			 h->trusted.trust.clinic,
			 trust_fingerprint(h->trusted.hash, shown));
	else if (r == -EACCES && h->trusted.known)
		log_err("trust-refused", "error=\"it is of another clinic\" "
					 "do=\"reset the hub if it shall go there\"");
	else if (r < 0 && r != -EACCES)
		log_err("trust-refused", "error=\"%s\"", err_text(r));
}

/* Of another hub, says hub-coap: not while a config says which one this is. */
static bool is_ours(const struct hubd *h, const struct msg_enrolment *e)
{
	return !h->settings.loaded ||
	       memcmp(e->hub, h->settings.config.hub, HUB_ID_LEN) == 0;
}

static void expect_config(struct hubd *h, const struct msg_enrolment *e)
{
	if (e->epoch == 0 || !e->has_hub || !h->trusted.known || !is_ours(h, e))
		return;
	settings_expect(&h->settings, e->hub, e->epoch);
	trusted_config(&h->trusted.trust, e->hub, e->epoch, &h->first);
	h->has_first = true;
	if (h->settings.loaded && !is_outlived(h))
		return;
	send_config(h, h->store);
	send_config(h, h->coap);
}

/* For the console, and whoever looks. */
static void show_enrolment(struct hubd *h, const struct msg_enrolment *e)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%s %s %u", enrol_state_text(e->state),
			 enrol_trouble_text(e->trouble), e->epoch);
	int r = file_replace(h->options.state_dir, "enrolment", (const uint8_t *)text,
			     (size_t)n);

	if (r)
		log_warn("enrolment-file", "error=\"%s\"", err_text(r));
}

static void on_enrolment(struct hubd *h, const struct msg_enrolment *e)
{
	const struct msg_enrolment *old = &h->enrolment;
	bool same = old->state == e->state && old->trouble == e->trouble &&
		    old->epoch == e->epoch && old->has_hub == e->has_hub;
	int all = e->len ? trusted_add(&h->trusted, e) : 0;

	h->enrolment = *e;
	if (all < 0)
		log_warn("trust-piece", "error=\"%s\"", err_text(all));
	if (all > 0)
		take_trust(h);
	if (!same)
		show_enrolment(h, e);
	if (all > 0 || !same)
		expect_config(h, e);
	health_on_enrolment(&h->health, e->state, e->trouble);
	tell_health(h);
}

/* --- messages --------------------------------------------------------------------------------- */

static enum role role_of(const struct hubd *h, const struct ipc *link)
{
	return link == h->ble ? ROLE_BLE : link == h->store ? ROLE_STORE : ROLE_COAP;
}

static void on_up(void *arg, struct ipc *link)
{
	struct hubd *h = arg;

	if (link == h->coap) {
		send_floor(h); /* before it connects to anybody */
		send_proven(h);
	}
	send_config(h, link);
	if (link != h->coap)
		send_time(h, link);
	if (link == h->store)
		health_on_store_up(&h->health);
	fence_on_link(&h->fence, role_of(h, link), true);
	drain_fence(h);
	if (link != h->ble)
		return;
	indicator_on_ble(&h->indicator);
	show_light(h);
	window_on_ble(&h->window);
	drain_window(h);
	send_test(h);
}

static void on_down(void *arg, struct ipc *link)
{
	struct hubd *h = arg;

	fence_on_link(&h->fence, role_of(h, link), false);
	if (link != h->ble)
		return;
	health_on_ble_down(&h->health);
	tell_health(h);
	window_on_ble(&h->window);
	drain_window(h);
}

static void on_time(struct hubd *h, const struct msg_time *t)
{
	h->time = *t;
	h->has_time = true;
	timefloor_on_time(&h->floor, &t->utc, t->at);
	save_floor(h);
	send_time(h, h->ble);
	send_time(h, h->store);
	orders_on_time(&h->orders);
	plan_on_time(&h->plan, t);
	look_at_plan(h);
	tell_health(h);
}

static void on_bonded(struct hubd *h, const struct msg_bonded *b)
{
	/* during a hand-over it is of a device that is about to go */
	int r = fence_for_ble(&h->fence)
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

/* What is said of another config than the one in use came too late. */
static void on_trial(struct hubd *h, uint64_t version, uint64_t why)
{
	bool known = why <= TRIAL_LAST && version == h->settings.config.version &&
		     settings_fallback(&h->settings) != 0;

	if (!known)
		return;
	log_warn("endpoints-unproven", "version=%llu what=\"%s\"",
		 (unsigned long long)version, trial_text((enum trial)why));
	health_set_trial(&h->health, (enum trial)why);
}

static void on_endpoints(struct hubd *h, uint64_t version)
{
	int r = settings_prove(&h->settings, version);

	health_set_proven(&h->health, settings_fallback(&h->settings));
	if (settings_fallback(&h->settings) == 0)
		health_set_trial(&h->health, TRIAL_NONE);
	if (r > 0)
		log_info("endpoints-proven", "version=%llu", (unsigned long long)version);
	else if (r < 0)
		log_err("config-file",
			"file=%s/config.proven error=\"%s\" do=\"check the disk\"",
			h->options.state_dir, err_text(r));
}

static void on_status(struct hubd *h, const struct msg_status *s)
{
	indicator_on_status(&h->indicator, s, rt_mono());
	plan_on_status(&h->plan, s);
	look_at_plan(h);
	if (s->what == STATUS_ADAPTER)
		window_on_adapter(&h->window, s->a == 1, rt_mono());
	else if (s->what == STATUS_WINDOW)
		window_on_status(&h->window, s->a, s->b);
	else if (s->what == STATUS_REASON)
		on_reason(s->a, s->b);
	else if (s->what == STATUS_ENDPOINTS && s->b == 0)
		on_endpoints(h, s->a);
	else if (s->what == STATUS_ENDPOINTS)
		on_trial(h, s->a, s->b);
	health_on_status(&h->health, s);
	tell_health(h);
	drain_window(h);
}

/* Only hub-ble knows of adapters, windows and devices. */
static bool is_of_ble(enum status_what what)
{
	return what == STATUS_ADAPTER || what == STATUS_DEVICE ||
	       (what >= STATUS_WINDOW && what != STATUS_ENDPOINTS);
}

static void on_message(void *arg, struct ipc *link, const struct msg *m)
{
	struct hubd *h = arg;

	if (m->kind == MSG_STATUS && link != h->ble && is_of_ble(m->status.what))
		return;
	if (m->kind == MSG_STATUS && link != h->coap &&
	    m->status.what == STATUS_ENDPOINTS)
		return;
	if (m->kind == MSG_STATUS) {
		on_status(h, &m->status);
	} else if (m->kind == MSG_BONDED) {
		on_bonded(h, &m->bonded);
	} else if (m->kind == MSG_INCIDENT) {
		log_warn("incident", "what=%s subject=%u count=%u",
			 incident_text(m->incident.what), m->incident.subject,
			 m->incident.count);
	} else if (m->kind == MSG_FENCED) {
		fence_on_done(&h->fence, role_of(h, link), &m->fence);
		drain_fence(h);
	} else if (m->kind == MSG_TIME) {
		on_time(h, &m->time);
	} else if (m->kind == MSG_OFFER) {
		on_offer(h, &m->offer);
	} else if (m->kind == MSG_COMMAND) {
		orders_on_command(&h->orders, &m->command);
		arm_orders(h);
	} else if (m->kind == MSG_ENROLMENT) {
		on_enrolment(h, &m->enrolment);
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
	if (crypto_init() || lockdown_file_provision(h.options.state_dir) ||
	    settings_open(&h.settings, h.options.state_dir)) {
		log_err("start",
			"state=%s error=\"cannot be opened\" do=\"check that the "
			"directory exists and is ours\"",
			h.options.state_dir);
		return EX_NOINPUT;
	}
	open_peripherals(&h);
	open_fence(&h);
	open_window(&h);
	open_floor(&h);
	open_trusted(&h);
	h.rt = rt_new();
	indicator_init(&h.indicator);
	plan_init(&h.plan, rt_mono());
	health_init(&h.health);
	orders_open(&h.orders, h.options.state_dir, &h.settings, &h.floor, &orders_hooks,
		    &h);
	if (open_links(&h))
		return EX_OSERR;
	if (sandbox_enter()) {
		log_err("sandbox", "error=\"could not be entered\"");
		return EX_OSERR;
	}
	h.config_timer = rt_timer_new(h.rt, on_config_timer, &h);
	h.light_timer = rt_timer_new(h.rt, on_light_timer, &h);
	h.window_timer = rt_timer_new(h.rt, on_window_timer, &h);
	h.health_timer = rt_timer_new(h.rt, on_health_timer, &h);
	h.plan_timer = rt_timer_new(h.rt, on_plan_timer, &h);
	h.orders_timer = rt_timer_new(h.rt, on_orders_timer, &h);
	on_orders_timer(&h); /* the level is known before anybody gets his part */
	if (h.settings.loaded)
		use_config(&h);
	on_config_timer(&h);
	show_light(&h);
	notify_ready(h.rt);
	rt_run(h.rt);

	notify_stopping();
	rt_timer_free(h.orders_timer);
	rt_timer_free(h.plan_timer);
	rt_timer_free(h.health_timer);
	rt_timer_free(h.window_timer);
	rt_timer_free(h.light_timer);
	rt_timer_free(h.config_timer);
	ipc_free(h.coap);
	ipc_free(h.store);
	ipc_free(h.ble);
	rt_free(h.rt);
	crypto_wipe(&h.settings, sizeof(h.settings));
	crypto_done();
	return h.ends ? HUBD_EXIT_REBOOT : EX_OK;
}
