/*
 * hubd_orders.c - what orders.h asks of hubd: a level is handed out, a test begins, the machine starts anew, a result is told.
 */
#include "hub/hubd_inside.h"

#include "hub/rt/log.h"
#include "hub/rt/rt.h"

void hubd_send_test(struct hubd *h)
{
	struct mono now = rt_mono();
	const struct msg m = { .kind = MSG_TEST,
			       .test = { (uint32_t)mono_since(h->test_until, now) } };

	if (m.test.ms_left > 0)
		hubd_send(h->ble, &m);
}

/* In this order: state.db closes, then the rest hears of it. */
static void hand_out_level(void *arg, uint8_t level)
{
	struct hubd *h = arg;

	hubd_send_config(h, h->store);
	hubd_send_config(h, h->ble);
	window_on_level(&h->window, level, rt_mono());
	hubd_drain_window(h);
	hubd_show_light(h);
	hubd_tell_health(h);
}

static void begin_test(void *arg, uint32_t ms)
{
	struct hubd *h = arg;

	h->test_until = mono_add(rt_mono(), ms);
	hubd_send_test(h);
	indicator_on_code(&h->indicator, ms, rt_mono());
	hubd_show_light(h);
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

	hubd_tell_health(h);
	hubd_send(h->coap, &m);
}

static const struct orders_hooks orders_hooks = { hand_out_level, begin_test,
						  begin_reboot, tell_result };

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
	hubd_tell_health(h);
	hubd_arm_orders(h);
}
