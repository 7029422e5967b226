/*
 * orders.c - see orders.h.
 */
#include "hub/orders.h"

#include <errno.h>
#include <inttypes.h>

#include "hub/command_open.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/lockdown_file.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/log.h"
#include "hub/rt/rt.h"

static const struct lockdown_held *load(const char *dir, unsigned copy,
					struct lockdown_held *ret)
{
	int r = lockdown_file_load(dir, copy, ret);

	if (r)
		log_err("lockdown-file",
			"copy=%u error=\"%s\" do=\"nothing at once: the other copy "
			"counts; without one the hub is locked until it is released\"",
			copy, err_text(r));
	return r ? NULL : ret;
}

void orders_open(struct orders *o, const char *dir, const struct settings *settings,
		 const struct timefloor *floor, const struct orders_hooks *hooks,
		 void *arg)
{
	struct lockdown_held a = { .generation = 1 }, b;
	bool first = lockdown_file_is_first(dir); /* even now: the disk takes nothing */
	uint8_t boot[LOCKDOWN_BOOT_LEN];

	*o = (struct orders){ .dir = dir,
			      .settings = settings,
			      .floor = floor,
			      .hooks = hooks,
			      .arg = arg };
	if (rt_boot_id(boot)) {
		log_warn("boot-id",
			 "do=\"nothing: powered-on time is counted from here\"");
		crypto_random(boot, sizeof(boot));
	}
	lockdown_init(&o->lockdown, first ? &a : load(dir, 0, &a),
		      first ? NULL : load(dir, 1, &b), boot, rt_mono());
}

void orders_on_config(struct orders *o, const struct config *c)
{
	lockdown_on_config(&o->lockdown, c->hub, c->epoch, c->heartbeat_s);
}

static int64_t utc_s(const struct orders *o, int64_t said_ms)
{
	int64_t floor_ms = timefloor_ms(o->floor, rt_mono());

	return (said_ms > floor_ms ? said_ms : floor_ms) / 1000;
}

void orders_on_command(struct orders *o, const struct msg_command *m)
{
	enum signer_role roles[COMMAND_SIGNATURES_MAX];
	struct command c = { 0 };
	size_t count = 0;
	enum command_result r;
	bool taken;

	if (!o->settings->loaded)
		return; /* nobody knows whose orders count */
	r = command_open(&o->settings->config, m->bytes, m->len, &c, roles, &count);
	if (r == COMMAND_DONE && c.counter != m->counter)
		r = COMMAND_BAD_FORM; /* whatever became of it would be told of another */
	if (r == COMMAND_DONE)
		taken = lockdown_on_command(&o->lockdown, &c, roles, count,
					    utc_s(o, m->utc_ms), rt_mono());
	else
		taken = lockdown_on_refused(&o->lockdown, m->counter, r);
	if (!taken)
		log_warn("command-later", "counter=%" PRIu64, m->counter);
	orders_drain(o);
}

void orders_on_time(struct orders *o)
{
	lockdown_on_time(&o->lockdown, utc_s(o, 0), rt_mono());
	orders_drain(o);
}

void orders_again(struct orders *o)
{
	lockdown_again(&o->lockdown);
	orders_drain(o);
}

static void save(struct orders *o, const struct lockdown_action *a)
{
	int r = lockdown_file_save(o->dir, a->copy, &a->held);

	if (r && !o->unsaved)
		log_err("lockdown-file", "copy=%u error=\"%s\" do=\"check the disk\"",
			a->copy, err_text(r));
	o->unsaved = r != 0;
	lockdown_on_saved(&o->lockdown, r == 0);
}

static void draw(struct orders *o)
{
	uint8_t nonce[COMMAND_NONCE_LEN];

	crypto_random(nonce, sizeof(nonce));
	lockdown_on_nonce(&o->lockdown, nonce, rt_mono());
}

static void report(struct orders *o, const struct lockdown_action *a)
{
	if (command_is_refusal(a->result))
		log_warn("command-refused", "counter=%" PRIu64 " why=\"%s\"", a->counter,
			 command_result_text(a->result));
	else
		log_info("command", "counter=%" PRIu64 " result=\"%s\"", a->counter,
			 command_result_text(a->result));
	o->told = (struct msg_command_result){ a->counter, a->result };
	o->hooks->tell(o->arg, &o->told);
}

static void do_one(struct orders *o, const struct lockdown_action *a)
{
	switch (a->what) {
	case LOCKDOWN_NOTHING: break;
	case LOCKDOWN_SAVE: save(o, a); break;
	case LOCKDOWN_DRAW: draw(o); break;
	case LOCKDOWN_LEVEL:
		if (a->level >= LOCKDOWN_QUARANTINED)
			FAILPOINT("hubd.lockdown.durable");
		log_info("lockdown", "level=%u", a->level);
		o->hooks->level(o->arg, a->level);
		break;
	case LOCKDOWN_TEST: o->hooks->test(o->arg, a->minutes * 60000u); break;
	case LOCKDOWN_REBOOT: o->hooks->reboot(o->arg); break;
	case LOCKDOWN_REPORT: report(o, a); break;
	}
}

void orders_drain(struct orders *o)
{
	struct lockdown_action a;

	while (lockdown_next(&o->lockdown, rt_mono(), &a))
		do_one(o, &a);
}

struct mono orders_deadline(const struct orders *o)
{
	return lockdown_deadline(&o->lockdown);
}

uint8_t orders_level(const struct orders *o)
{
	return lockdown_level(&o->lockdown);
}

void orders_tell_health(const struct orders *o, struct health *h)
{
	struct msg_health m = { .command = o->told,
				.retiring = lockdown_is_retiring(&o->lockdown) };

	m.challenged = lockdown_challenge(&o->lockdown, &m.lock_epoch, m.nonce);
	health_set_command(h, &m);
}
