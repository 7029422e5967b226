/*
 * hubd_orders.c - what orders.h asks of hubd: a level is handed out, a test begins, the machine starts anew, a result is told.
 */
#include "hub/hubd_inside.h"

#include <stdio.h>

#include "hub/core/err.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"
#include "hub/rt/rt.h"

enum { RESTART_EVERY_MS = 60 * 60 * 1000 };

void hubd_send_test(struct hubd *h)
{
	struct mono now = rt_mono();
	const struct msg m = { .kind = MSG_TEST,
			       .test = { (uint32_t)mono_since(h->test_until, now) } };

	if (m.test.ms_left > 0)
		hubd_send(h->ble, &m);
}

/* In this order: state.db closes, then the rest hears of it. hub-coap hears of a release, too, after which it renews. */
static void hand_out_level(void *arg, uint8_t level)
{
	struct hubd *h = arg;

	hubd_send_config(h, h->store);
	hubd_send_config(h, h->ble);
	hubd_send_identity(h);
	window_on_level(&h->window, level, rt_mono());
	hubd_drain_window(h);
	hubd_show_light(h);
	hubd_tell_health(h);
	hubd_console_on_level(h);
}

void hubd_begin_test(struct hubd *h, uint32_t ms)
{
	h->test_until = mono_add(rt_mono(), ms);
	hubd_send_test(h);
	indicator_on_code(&h->indicator, ms, rt_mono());
	hubd_show_light(h);
}

static void begin_test(void *arg, uint32_t ms)
{
	hubd_begin_test(arg, ms);
}

/* The unit makes a reboot of this exit code: hubd itself may do nothing of the kind. */
void hubd_reboot(struct hubd *h)
{
	h->ends = true;
	rt_stop(h->rt);
}

static void begin_reboot(void *arg)
{
	log_info("reboot", "by=order");
	hubd_reboot(arg);
}

void hubd_tell_retire(struct hubd *h)
{
	if (orders_retire(&h->orders) == h->told_retire)
		return;
	hubd_send_config(h, h->store);
	hubd_send_leaving(h);
}

static void tell_result(void *arg, const struct msg_command_result *r)
{
	struct hubd *h = arg;
	const struct msg m = { .kind = MSG_COMMAND_RESULT, .command_result = *r };

	hubd_tell_retire(h);
	hubd_tell_health(h);
	hubd_send(h->coap, &m);
}

/* hub-coap asks for a heartbeat, with which the clinic hears of it. */
static void on_effect(void *arg)
{
	struct hubd *h = arg;
	const struct msg m = { .kind = MSG_COMMAND_RESULT };

	hubd_tell_health(h);
	hubd_send(h->coap, &m);
}

static const struct orders_hooks orders_hooks = { hand_out_level, begin_test,
						  begin_reboot, tell_result, on_effect };

/* hub-restart@.path sees the file: hubd itself may start nothing. Whatever is in that process's memory goes, and what it does
 * anew is done by the program of the image. Not again for an hour: a fault of ours must not keep readings away. */
static void restart(struct hubd *h, uint64_t who)
{
	struct mono now = rt_mono();
	char name[32];
	int r;

	if (who != ROLE_BLE && who != ROLE_STORE && who != ROLE_COAP &&
	    who != ROLE_CONSOLE)
		return; /* hubd itself, and who runs once */
	if (!mono_reached(now, h->restart_from[who]))
		return;
	h->restart_from[who] = mono_add(now, RESTART_EVERY_MS);
	snprintf(name, sizeof(name), "restart-%s", role_text((enum role)who));
	log_warn("restart", "process=%s", role_text((enum role)who));
	r = file_replace(h->options.state_dir, name, (const uint8_t *)"1\n", 2);
	if (r)
		log_err("restart-file", "error=\"%s\" do=\"check the disk\"",
			err_text(r));
}

/* A process that reports what none reports, or what another one has to see, has broken the rules itself. */
void hubd_on_incident(struct hubd *h, enum role by, const struct msg_incident *i)
{
	log_warn("incident", "by=%s what=%s subject=%u count=%u", role_text(by),
		 incident_text(i->what), i->subject, i->count);
	if (i->what >= INCIDENT_CONFIG)
		return; /* told, and no cause of anything */
	if (i->what == INCIDENT_USB && i->count == 1 && console_expects_stick(h))
		return; /* whoever granted the verb has let one in */
	if (i->what == INCIDENT_ROLLBACK && by == ROLE_COAP)
		return; /* hub-store looks at the same answer, beside its disk */
	orders_on_signal(&h->orders, (enum trigger)i->what, i->subject, by, i->count);
	if (i->what == INCIDENT_IPC)
		restart(h, i->subject);
	hubd_arm_orders(h);
}

void hubd_on_breach(struct hubd *h, enum role by)
{
	log_warn("breach", "by=%s", role_text(by));
	orders_on_signal(&h->orders, TRIGGER_IPC, (uint16_t)by, ROLE_HUBD, 1);
	restart(h, by);
	hubd_arm_orders(h);
}

void hubd_on_good(struct hubd *h, const struct msg_status *s)
{
	if (s->what == STATUS_UPLINK && s->a == 1) {
		orders_on_good(&h->orders, TRIGGER_SERVER, 0);
		orders_on_good(&h->orders, TRIGGER_HANDSHAKE, 0);
	} else if (s->what == STATUS_BLOCKED && s->a == STORE_READY) {
		orders_on_good(&h->orders, TRIGGER_STORAGE, 0);
	} else if (s->what == STATUS_READING && s->a <= UINT16_MAX) {
		orders_on_good(&h->orders, TRIGGER_IMPOSTOR, (uint16_t)s->a);
		orders_on_good(&h->orders, TRIGGER_STORAGE, (uint16_t)s->a);
	} else {
		return;
	}
	hubd_arm_orders(h);
}

void hubd_open_orders(struct hubd *h)
{
	orders_open(&h->orders, h->options.state_dir, &h->settings, &h->floor,
		    &orders_hooks, h);
}

void hubd_arm_orders(struct hubd *h)
{
	rt_timer_set(h->orders_timer, orders_deadline(&h->orders));
}

void hubd_on_orders_timer(void *arg)
{
	struct hubd *h = arg;

	orders_drain(&h->orders);
	hubd_tell_retire(h);
	hubd_tell_health(h);
	hubd_arm_orders(h);
}

/* hub-measure.path starts hub-measure when this file changes: hubd itself may start nothing. */
void hubd_look(struct hubd *h)
{
	uint8_t text[24];
	int n, r;

	if (!look_due(&h->look, orders_level(&h->orders), rt_mono()))
		return;
	n = snprintf((char *)text, sizeof(text), "%u\n", h->look.count);
	r = file_replace(h->options.state_dir, "look", text, (size_t)n);
	if (r)
		log_err("look-file", "error=\"%s\" do=\"check the disk\"", err_text(r));
}

/* Some are still unsent: nothing of it is done. */
static void void_reset(struct hubd *h, uint64_t unsent)
{
	orders_void_reset(&h->orders);
	hubd_tell_retire(h);
	hubd_arm_orders(h);
	hubd_console_on_reset(h, unsent);
}

void hubd_on_reset_refused(struct hubd *h, uint64_t unsent)
{
	if (orders_is_resetting(&h->orders))
		void_reset(h, unsent);
}

void hubd_on_retired(struct hubd *h)
{
	if (orders_is_resetting(&h->orders)) {
		FAILPOINT("hubd.retired");
		hubd_console_on_reset(h, 0);
		return;
	}
	if (orders_level(&h->orders) < LOCKDOWN_RETIRED)
		return;
	log_warn("retired", "note=\"the machine starts anew, in factory state\"");
	FAILPOINT("hubd.retired");
	h->ends = true;
	rt_stop(h->rt);
}
