/*
 * hubd_console_change.c - the verbs of the console that change something for good: a device is paired or forgotten, the hub is reset or
 * retired. Each takes what the clinic has ordered in the token for it: see hubd_console.h.
 *
 *   pair           a pairing window for the device of the token (window.h); hub-ble pairs, or does not
 *   unpair         UNPAIR -> hub-ble removes the bond -> STATUS 21 -> the pin is forgotten -> the answer
 *   factory-reset  ordered, durable (lockdown.h) -> hub-store asks for the reset -> STATUS 16 -> the answer -> the machine starts anew
 *                                                -> or readings are unsent    -> STATUS 22 -> it is void -> the answer
 *                  what a finished export-queue has put on a stick is not among these: hub-store knows what
 *   retire         level 4, durable; the rest is as after an order from afar
 *
 * A factory reset that is ordered and not void is gone on with after a start, whatever of us was killed: by hub-store, or, when it was
 * asked for, before any of us runs (storage/reset.h).
 */
#include "hub/hubd_inside.h"

#include "hub/core/err.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/log.h"
#include "hub/rt/rt.h"

enum { PAIR_MIN = 10 };

/* --- devices ------------------------------------------------------------------------------------ */

static const struct config_device *find_device(const struct hubd *h, uint32_t num)
{
	const struct config *c = &h->settings.config;

	for (size_t i = 0; h->settings.loaded && i < c->device_count; i++)
		if (c->devices[i].num == num)
			return &c->devices[i];
	return NULL;
}

/* As hub-ble last said; a bond that the device has lost is one, too. */
static bool is_paired(const struct hubd *h, uint16_t num)
{
	for (size_t i = 0; i < h->health.now.device_count; i++) {
		const struct health_device *d = &h->health.now.devices[i];

		if (d->num == num && d->told)
			return d->state == DEVICE_BONDED ||
			       d->state == DEVICE_CONNECTED ||
			       d->state == DEVICE_BOND_LOST;
	}
	return false;
}

enum console_why console_pair(struct hubd *h, struct console_page *p)
{
	uint32_t num = orders_order(&h->orders, VERB_PAIR);
	const struct config_device *d = find_device(h, num);

	if (num == 0)
		return CONSOLE_WHY_STALE;
	if (!d || (uint64_t)d->kind != p->number)
		return CONSOLE_WHY_GRANT;
	if (is_paired(h, d->num))
		return CONSOLE_WHY_PAIRED;
	if (!ipc_is_up(h->ble))
		return CONSOLE_WHY_FAILED;
	if (!fence_for_ble(&h->fence) ||
	    !window_on_console(&h->window, d->num, PAIR_MIN, rt_mono()))
		return CONSOLE_WHY_BUSY;
	hubd_drain_window(h);
	page_add(p, CONSOLE_LABEL_WINDOW, CONSOLE_AGE, UINT64_C(60) * PAIR_MIN);
	return CONSOLE_WHY_NONE;
}

/* 0: no device has these digits. */
static uint16_t device_of(struct hubd *h, uint64_t digits)
{
	for (size_t i = 0; i < h->health.now.device_count; i++)
		if (console_device_hash(h, h->health.now.devices[i].num) == digits)
			return h->health.now.devices[i].num;
	return 0;
}

enum console_why console_unpair(struct hubd *h, struct console_page *p)
{
	uint32_t num = orders_order(&h->orders, VERB_UNPAIR);
	const struct msg m = { .kind = MSG_UNPAIR, .unpair = { (uint16_t)num } };
	uint16_t said = device_of(h, p->number);

	if (num == 0)
		return CONSOLE_WHY_STALE;
	if (said == 0)
		return CONSOLE_WHY_DEVICE;
	if (said != num)
		return CONSOLE_WHY_GRANT;
	if (!fence_for_ble(&h->fence) || window_deadline(&h->window).ms != MONO_NEVER.ms)
		return CONSOLE_WHY_BUSY;
	if (!ipc_is_up(h->ble) || !hubd_send(h->ble, &m))
		return CONSOLE_WHY_FAILED;
	h->console.unpairing = (uint16_t)num;
	p->later = true;
	return CONSOLE_WHY_NONE;
}

void hubd_console_on_unpaired(struct hubd *h, uint64_t num)
{
	int r;

	if (num == 0 || num != h->console.unpairing)
		return;
	h->console.unpairing = 0;
	FAILPOINT("hubd.unpaired");
	r = peripherals_forget(&h->peripherals, (uint16_t)num);
	if (r)
		log_err("peripherals-file",
			"error=\"%s\" do=\"check the disk; it is tried again\"",
			err_text(r));
	log_info("unpaired", "device=%u", (unsigned)num);
	console_done(h, VERB_UNPAIR, r ? CONSOLE_WHY_FAILED : CONSOLE_WHY_NONE);
}

void hubd_console_on_ble_down(struct hubd *h)
{
	h->console.unpairing = 0;
	console_done(h, VERB_UNPAIR, CONSOLE_WHY_FAILED);
}

/* --- the hub's end ------------------------------------------------------------------------------- */

enum console_why console_factory_reset(struct hubd *h, struct console_page *p)
{
	enum console_why why;

	if (!h->console.unsent_told || !ipc_is_up(h->store))
		return CONSOLE_WHY_FAILED;
	if (h->console.unsent > 0 && !h->console.on_stick)
		return CONSOLE_WHY_UNSENT; /* else hub-store says whether it is all there */
	why = console_why_of(orders_reset_here(&h->orders));
	if (why != CONSOLE_WHY_NONE)
		return why;
	hubd_tell_retire(h);
	p->later = true;
	return CONSOLE_WHY_NONE;
}

/* What is erased, and is nowhere but on the stick until the clinic has read it in. */
static void tell_on_stick(struct hubd *h)
{
	struct console_page p = console_page_begin(h, h->console.later_ask.ask);

	if (!h->console.later || h->console.unsent == 0)
		return;
	page_row(&p);
	page_add(&p, CONSOLE_LABEL_ON_STICK, CONSOLE_COUNTER, h->console.unsent);
	console_page_more(&p);
}

void hubd_console_on_reset(struct hubd *h, uint64_t unsent)
{
	if (unsent > 0) {
		console_done(h, VERB_FACTORY_RESET, CONSOLE_WHY_UNSENT);
		return;
	}
	tell_on_stick(h);
	log_warn("reset", "note=\"the machine starts anew, in factory state\"");
	console_done(h, VERB_FACTORY_RESET, CONSOLE_WHY_NONE);
	console_reboot(h);
}

enum console_why console_retire(struct hubd *h, struct console_page *p)
{
	enum console_why why = console_why_of(orders_retire_here(&h->orders));

	(void)p;
	hubd_tell_retire(h);
	return why;
}

void console_on_late(struct hubd *h, enum verb v)
{
	if (v == VERB_FACTORY_RESET) {
		orders_void_reset(&h->orders);
		hubd_tell_retire(h);
	}
	h->console.unpairing = 0;
	console_done(h, v, CONSOLE_WHY_FAILED);
}
