/*
 * hubd_config.c - a config comes into use: looked for or offered, handed over to by the fence, with its devices and their
 * pairing window.
 */
#include "hub/hubd_inside.h"

#include <errno.h>

#include "hub/advice.h"
#include "hub/core/err.h"
#include "hub/fence_file.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"
#include "hub/rt/rt.h"

/* --- the pairing window ----------------------------------------------------------------------- */

void hubd_save_served(struct hubd *h)
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

void hubd_open_window(struct hubd *h)
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
	hubd_show_light(h);
}

void hubd_drain_window(struct hubd *h)
{
	struct window_action a;

	do {
		struct msg m = { .kind = MSG_WINDOW };

		window_next(&h->window, rt_mono(), &a);
		switch (a.kind) {
		case WINDOW_NOTHING: break;
		case WINDOW_REMEMBER:
			h->served = a.served;
			hubd_save_served(h);
			break;
		case WINDOW_SAY: say_window(h, &a); break;
		case WINDOW_TELL:
			m.window = a.tell;
			hubd_send(h->ble, &m);
			break;
		}
	} while (a.kind != WINDOW_NOTHING);
	rt_timer_set(h->window_timer, window_deadline(&h->window));
}

/* --- the hand-over ---------------------------------------------------------------------------- */

/* It is in force as a whole: devices and their window. */
static void use_devices(struct hubd *h)
{
	const struct config *c = &h->settings.config;

	h->used = true;
	peripherals_assign(&h->peripherals, c);
	(void)peripherals_save(&h->peripherals); /* tried again, see save_again */
	hubd_send_config(h, h->ble);
	window_on_config(&h->window, c->epoch, &c->window, rt_mono());
	hubd_drain_window(h);
	plan_on_config(&h->plan, c, rt_mono());
	repeat_on_config(&h->repeat, c);
	hubd_look_at_plan(h);
}

/* An order from before the start is in no window machine; hub-ble closes its own. */
static void close_window(struct hubd *h)
{
	static const struct config_window none;

	if (h->used)
		window_on_config(&h->window, h->settings.config.epoch, &none, rt_mono());
	hubd_drain_window(h);
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
		hubd_send_config(h, h->store);
	hubd_send(a->role == ROLE_BLE ? h->ble : h->store, &m);
}

void hubd_drain_fence(struct hubd *h)
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
	hubd_tell_health(h);
}

void hubd_open_fence(struct hubd *h)
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

/* --- the config ------------------------------------------------------------------------------- */

void hubd_use_config(struct hubd *h)
{
	const struct config *c = &h->settings.config;

	fence_on_config(&h->fence, c->epoch, c->assignment);
	hubd_prove_floor(h);
	hubd_send_config(h, h->store);
	hubd_send_root(h);
	hubd_send_config(h, h->coap);
	indicator_on_config(&h->indicator, c);
	hubd_show_light(h);
	orders_on_config(&h->orders, c);
	health_on_config(&h->health, c);
	health_set_proven(&h->health, settings_fallback(&h->settings));
	health_set_refused(&h->health, 0, REFUSAL_NONE);
	health_set_trial(&h->health, TRIAL_NONE);
	hubd_drain_fence(h);
}

static void log_taken(const struct config *c)
{
	log_info("config-taken", "version=%llu epoch=%u devices=%zu endpoints=%zu",
		 (unsigned long long)c->version, c->epoch, c->device_count,
		 c->endpoint_count);
}

void hubd_look_at_config(struct hubd *h)
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
	hubd_use_config(h);
}

void hubd_on_offer(struct hubd *h, const struct msg_offer *piece)
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
		hubd_use_config(h);
	} else if (m.verdict.outcome == OFFER_REFUSED) {
		log_err("config-refused",
			"version=%llu what=\"%s\" running-on=last-good-config",
			(unsigned long long)piece->version, refusal_text(m.verdict.why));
		health_set_refused(&h->health, piece->version, m.verdict.why);
		hubd_tell_health(h);
	} else if (r < 0) {
		log_err("config-file", "error=\"%s\" do=\"check the disk\"", err_text(r));
	}
	hubd_send(h->coap, &m);
}
