/*
 * main.c - hubd: start and end, and who hears of what its three neighbours say; see hubd_inside.h for the rest of it.
 *
 * hubd holds the signed config and gives each process its part; keeps the light; collects incidents.
 * It must never have a network or a reading. It passes on what the others need to know:
 *   hub-ble    devices, passkeys, pins, the home's local time, the clinic's time, pairing windows
 *   hub-store  hub, epoch, assignment, sealing key, engine share; how hub and devices are, for the clinic
 *   hub-coap   endpoints, pins, heartbeat; how late it is at least
 * A process that comes back gets its part again; a new config goes to all at once. One with another assignment is
 * handed over to by fence.h: hub-ble and hub-store get it when nothing of the old one is left. Signed orders and the
 * level of the lockdown are orders.h: from level 2 on hub-store gets no engine share.
 */
#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "hub/advice.h"
#include "hub/calls.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/hubd_inside.h"
#include "hub/lockdown_file.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"
#include "hub/rt/notify.h"
#include "hub/rt/sandbox.h"

enum {
	CONFIG_LOOK_MS = 5000,
	HUBD_EXIT_REBOOT = 133, /* rootfs/units/hubd.service */
};

/* --- timers ----------------------------------------------------------------------------------- */

static void on_health_timer(void *arg)
{
	hubd_tell_health(arg);
}

static void on_light_timer(void *arg)
{
	hubd_show_light(arg);
}

static void on_plan_timer(void *arg)
{
	hubd_look_at_plan(arg);
}

static void on_window_timer(void *arg)
{
	hubd_drain_window(arg);
}

/* What could not be written, or did not go, is tried again now and then. */
static void save_again(struct hubd *h)
{
	if (h->served_unsaved)
		hubd_save_served(h);
	(void)peripherals_save(&h->peripherals);
	hubd_save_floor(h);
	hubd_network_again(h);
	if (h->again_ble)
		hubd_send_config(h, h->ble);
	if (h->again_store)
		hubd_send_config(h, h->store);
	if (h->again_identity)
		hubd_send_identity(h);
	if (h->again_coap)
		hubd_send_config(h, h->coap);
	fence_again(&h->fence);
	hubd_drain_fence(h);
	orders_again(&h->orders);
	hubd_tell_retire(h);
	hubd_arm_orders(h);
}

static void on_config_timer(void *arg)
{
	struct hubd *h = arg;

	hubd_look_at_config(h);
	hubd_look(h);
	save_again(h);
	rt_timer_set(h->config_timer, mono_add(rt_mono(), CONFIG_LOOK_MS));
}

/* --- messages --------------------------------------------------------------------------------- */

static enum role role_of(const struct hubd *h, const struct ipc *link)
{
	return link == h->ble	    ? ROLE_BLE
	       : link == h->store   ? ROLE_STORE
	       : link == h->measure ? ROLE_MEASURE
				    : ROLE_COAP;
}

static void on_up(void *arg, struct ipc *link)
{
	struct hubd *h = arg;

	if (link == h->coap) {
		hubd_network_on_coap(h);
		hubd_send_floor(h); /* before it connects to anybody */
		hubd_send_identity(h);
		hubd_send_proven(h);
		hubd_send_leaving(h);
		hubd_send_root(h); /* so that it knows whom it meets */
	}
	hubd_send_config(h, link);
	if (link != h->coap)
		hubd_send_time(h, link);
	if (link == h->store) {
		health_on_store_up(&h->health);
		hubd_console_on_store(h);
	}
	fence_on_link(&h->fence, role_of(h, link), true);
	hubd_drain_fence(h);
	if (link != h->ble)
		return;
	indicator_on_ble(&h->indicator);
	hubd_show_light(h);
	window_on_ble(&h->window);
	hubd_drain_window(h);
	hubd_send_test(h);
}

static void on_down(void *arg, struct ipc *link)
{
	struct hubd *h = arg;

	fence_on_link(&h->fence, role_of(h, link), false);
	if (link == h->store)
		hubd_console_off_store(h);
	if (link != h->ble)
		return;
	health_on_ble_down(&h->health);
	hubd_console_on_ble_down(h);
	hubd_tell_health(h);
	window_on_ble(&h->window);
	hubd_drain_window(h);
}

/* Before what is proven, or minutes off what was told before: one of them is wrong (T6). */
static bool disagrees(const struct hubd *h, const struct msg_time *t)
{
	int64_t off = t->utc.ms - msg_time_ms(&h->time, t->at);

	if (t->utc.quality != CLOCK_QUALITY_CLINIC)
		return false;
	if (timefloor_refutes(&h->floor, &t->utc, t->at))
		return true;
	return h->has_time && h->time.utc.quality == CLOCK_QUALITY_CLINIC &&
	       (off > TIMEFLOOR_SLACK_MS || off < -TIMEFLOOR_SLACK_MS);
}

static void judge_time(struct hubd *h, const struct msg_time *t)
{
	if (disagrees(h, t)) {
		log_warn("time", "note=\"clocks disagree\"");
		orders_on_signal(&h->orders, TRIGGER_TIME, 0, ROLE_HUBD, 1);
	} else if (t->utc.quality == CLOCK_QUALITY_CLINIC) {
		orders_on_good(&h->orders, TRIGGER_TIME, 0);
	}
	hubd_arm_orders(h);
}

/* What hub-coap says is believed until it says otherwise or hubd starts anew, but where it is refuted; the floor is no matter of it. */
static void on_time(struct hubd *h, const struct msg_time *t)
{
	judge_time(h, t);
	if (timefloor_refutes(&h->floor, &t->utc, t->at))
		return;
	h->time = *t;
	h->has_time = true;
	hubd_prove_floor(h);
	hubd_send_time(h, h->ble);
	hubd_send_time(h, h->store);
	orders_on_time(&h->orders, &t->utc);
	plan_on_time(&h->plan, t);
	hubd_look_at_plan(h);
	hubd_tell_health(h);
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
		hubd_send_config(h, h->ble);
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

	hubd_network_on_acknowledged(h);
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
	repeat_on_status(&h->repeat, s, rt_mono());
	hubd_look_at_plan(h);
	if (s->what == STATUS_ADAPTER)
		window_on_adapter(&h->window, s->a == 1, rt_mono());
	else if (s->what == STATUS_WINDOW)
		window_on_status(&h->window, s->a, s->b);
	else if (s->what == STATUS_REASON)
		on_reason(s->a, s->b);
	else if (s->what == STATUS_ANCHOR)
		hubd_on_anchor(h, s);
	else if (s->what == STATUS_RETIRED)
		hubd_on_retired(h);
	else if (s->what == STATUS_UNPAIRED && s->b == 1)
		hubd_console_on_unpaired(h, s->a);
	else if (s->what == STATUS_RESET_REFUSED)
		hubd_on_reset_refused(h, s->a);
	else if (s->what == STATUS_ESCROW && s->a <= UINT32_MAX)
		(void)orders_on_kept(&h->orders, (uint32_t)s->a, s->b);
	else if (s->what == STATUS_MEASURED)
		orders_on_measured(&h->orders,
				   s->a > UINT16_MAX ? UINT16_MAX : (unsigned)s->a, s->b);
	else if (s->what == STATUS_ENDPOINTS && s->b == 0)
		on_endpoints(h, s->a);
	else if (s->what == STATUS_ENDPOINTS)
		on_trial(h, s->a, s->b);
	hubd_on_good(h, s);
	hubd_console_on_status(h, s);
	health_on_status(&h->health, s);
	hubd_tell_health(h);
	hubd_drain_window(h);
}

/* Who may say it? */
static bool may_say(enum role by, enum status_what what)
{
	if (by == ROLE_MEASURE)
		return what == STATUS_MEASURED;
	switch (what) {
	case STATUS_ADAPTER:
	case STATUS_DEVICE:
	case STATUS_WINDOW:
	case STATUS_UNPAIRED:
	case STATUS_REASON:
	case STATUS_SEEN:
	case STATUS_READING:
	case STATUS_BATTERY:
	case STATUS_CLOCK:
	case STATUS_LIMITS:
	case STATUS_SIGNAL: return by == ROLE_BLE;
	case STATUS_ANCHOR:
	case STATUS_ENDPOINTS:
	case STATUS_UPLINK:
	case STATUS_PATH: return by == ROLE_COAP;
	case STATUS_SAVED:
	case STATUS_BLOCKED:
	case STATUS_DELIVERED:
	case STATUS_ESCROW:
	case STATUS_RESET_REFUSED:
	case STATUS_RETIRED: return by == ROLE_STORE;
	case STATUS_MEASURED: return false;
	case STATUS_NONE: break;
	}
	return true;
}

static void on_message(void *arg, struct ipc *link, const struct msg *m)
{
	struct hubd *h = arg;

	if (m->kind == MSG_STATUS && !may_say(role_of(h, link), m->status.what)) {
		hubd_on_breach(h, role_of(h, link));
	} else if (m->kind == MSG_STATUS) {
		on_status(h, &m->status);
	} else if (m->kind == MSG_BONDED) {
		on_bonded(h, &m->bonded);
	} else if (m->kind == MSG_INCIDENT) {
		hubd_on_incident(h, role_of(h, link), &m->incident);
	} else if (m->kind == MSG_FENCED) {
		fence_on_done(&h->fence, role_of(h, link), &m->fence);
		hubd_drain_fence(h);
	} else if (m->kind == MSG_TIME) {
		on_time(h, &m->time);
	} else if (m->kind == MSG_OFFER) {
		hubd_on_offer(h, &m->offer);
	} else if (m->kind == MSG_COMMAND) {
		orders_on_command(&h->orders, &m->command);
		hubd_arm_orders(h);
	} else if (m->kind == MSG_EXPORTED) {
		hubd_on_exported(h, &m->exported);
	} else if (m->kind == MSG_ACCOUNT_TAKEN) {
		hubd_on_account_taken(h, m->account_taken.number);
	} else if (m->kind == MSG_ENROLMENT) {
		hubd_on_enrolment(h, &m->enrolment);
	}
}

static void on_violation(void *arg, struct ipc *link, unsigned count)
{
	struct hubd *h = arg;

	(void)count;
	hubd_on_breach(h, role_of(h, link));
}

/* hub-measure comes, tells what it found, and ends; it is told nothing. */
static int open_measure(struct hubd *h)
{
	static const struct ipc_handlers handlers = { .message = on_message,
						      .violation = on_violation };
	const struct ipc_config cfg = { .self = ROLE_HUBD,
					.peer = ROLE_MEASURE,
					.run_dir = h->options.run_dir,
					.same_user = h->options.same_user };

	return ipc_listen(h->rt, &cfg, &handlers, h, &h->measure);
}

static int open_links(struct hubd *h)
{
	const struct ipc_handlers handlers = { .up = on_up,
					       .down = on_down,
					       .message = on_message,
					       .violation = on_violation };
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
	return open_measure(h);
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

static void provision_level(struct hubd *h)
{
	int r = lockdown_file_provision(h->options.state_dir);

	if (r)
		log_err("lockdown-file", "error=\"%s\" do=\"check the disk\"",
			err_text(r));
}

/* Without the share the hub goes on as at level 2: that takes no reading away. Without the folder there is nothing to go on with. */
static int open_settings(struct hubd *h)
{
	const char *dir = h->options.state_dir;
	int r = settings_open(&h->settings, dir);

	if (r == 0 || r == -EACCES || !file_exists(dir, "."))
		return r;
	log_err("engine-share",
		"error=\"%s\" do=\"check the disk; care goes on, state.db stays closed\"",
		err_text(r));
	return 0;
}

static int confine(const struct options *o)
{
	const struct sandbox s = {
		.calls = hubd_calls,
		.sockets = SANDBOX_UNIX,
		.places = { { o->state_dir, LANDLOCK_WRITE },
			    { o->run_dir, LANDLOCK_DOORS } },
	};

	return sandbox_confine(&s);
}

int main(int argc, char **argv)
{
	static struct hubd h;

	options_parse(argc, argv, "hubd",
		      "Policy of the telehealth hub: checks the clinic's signed config "
		      "and hands it out.",
		      &h.options);
	log_init("hubd");
	if (crypto_init() || lockdown_file_renew(h.options.state_dir) ||
	    open_settings(&h)) {
		log_err("start",
			"state=%s error=\"cannot be opened\" do=\"check that the "
			"directory exists and is ours\"",
			h.options.state_dir);
		return EX_NOINPUT;
	}
	provision_level(&h);
	open_peripherals(&h);
	hubd_open_fence(&h);
	hubd_open_window(&h);
	hubd_open_floor(&h);
	hubd_open_trusted(&h);
	hubd_open_identity(&h);
	hubd_open_network(&h);
	h.rt = rt_new();
	indicator_init(&h.indicator, rt_mono());
	hubd_open_light(&h);
	plan_init(&h.plan, rt_mono());
	health_init(&h.health);
	hubd_open_orders(&h);
	if (open_links(&h))
		return EX_OSERR;
	hubd_open_console(&h);
	if (confine(&h.options)) {
		log_err("sandbox", "error=\"could not be entered\"");
		return EX_OSERR;
	}
	h.config_timer = rt_timer_new(h.rt, on_config_timer, &h);
	h.light_timer = rt_timer_new(h.rt, on_light_timer, &h);
	h.window_timer = rt_timer_new(h.rt, on_window_timer, &h);
	h.health_timer = rt_timer_new(h.rt, on_health_timer, &h);
	h.plan_timer = rt_timer_new(h.rt, on_plan_timer, &h);
	h.orders_timer = rt_timer_new(h.rt, hubd_on_orders_timer, &h);
	hubd_start_console(&h);
	hubd_start_network(&h);
	hubd_on_orders_timer(&h); /* the level is known before anybody gets his part */
	if (h.settings.loaded)
		hubd_use_config(&h);
	on_config_timer(&h);
	hubd_show_light(&h);
	notify_ready(h.rt);
	rt_run(h.rt);

	notify_stopping();
	orders_on_stop(&h.orders);
	hubd_end_network(&h);
	hubd_end_console(&h);
	hubd_close_light(&h);
	rt_timer_free(h.orders_timer);
	rt_timer_free(h.plan_timer);
	rt_timer_free(h.health_timer);
	rt_timer_free(h.window_timer);
	rt_timer_free(h.light_timer);
	rt_timer_free(h.config_timer);
	ipc_free(h.measure);
	ipc_free(h.coap);
	ipc_free(h.store);
	ipc_free(h.ble);
	rt_free(h.rt);
	crypto_wipe(&h.settings, sizeof(h.settings));
	crypto_wipe(h.identity_share, sizeof(h.identity_share));
	crypto_done();
	return h.ends ? HUBD_EXIT_REBOOT : EX_OK;
}
