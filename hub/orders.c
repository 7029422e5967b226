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
#include "hub/triggers_file.h"

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

static void open_triggers(struct orders *o, const uint8_t *boot)
{
	struct triggers_held held;
	int r = triggers_file_load(o->dir, &held);

	if (r && r != -ENOENT)
		log_err("triggers-file",
			"error=\"%s\" do=\"nothing at once: counting begins anew; the "
			"level is kept elsewhere\"",
			err_text(r));
	triggers_init(&o->triggers, r ? NULL : &held, &o->lockdown, boot, rt_mono());
}

/* What no copy says, as both are damaged, is said by this. */
static void mark_lock(struct orders *o)
{
	const struct lockdown_held h = { .level = lockdown_level(&o->lockdown),
					 .how = lockdown_how(&o->lockdown) };
	int r = lockdown_file_mark(o->dir, &h);

	if (r)
		log_err("lockdown-file", "error=\"%s\" do=\"check the disk\"",
			err_text(r));
}

void orders_open(struct orders *o, const char *dir, struct settings *settings,
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
	mark_lock(o);
	open_triggers(o, boot);
	sealing_open(&o->sealing, dir, settings);
}

void orders_on_config(struct orders *o, const struct config *c)
{
	lockdown_on_config(&o->lockdown, c->hub, c->epoch, c->heartbeat_s);
	orders_look_at_sealing(o);
}

/* hub-coap says what the clinic's clock showed. What it said before counts for nothing: it may have been somebody else's. */
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
	lockdown_on_measured(&o->lockdown,
			     triggers_is_clean(&o->triggers, TRIGGERS_CLEAN));
	if (r == COMMAND_DONE)
		taken = lockdown_on_command(&o->lockdown, &c, roles, count,
					    utc_s(o, m->utc_ms), rt_mono());
	else
		taken = lockdown_on_refused(&o->lockdown, m->counter, r);
	if (!taken)
		log_warn("command-later", "counter=%" PRIu64, m->counter);
	orders_drain(o);
}

void orders_on_time(struct orders *o, const struct wall *said)
{
	int64_t ms = said->quality == CLOCK_QUALITY_CLINIC
			     ? said->ms - (int64_t)said->uncertainty_ms
			     : 0;

	lockdown_on_time(&o->lockdown, utc_s(o, ms), rt_mono());
	orders_drain(o);
}

void orders_again(struct orders *o)
{
	lockdown_again(&o->lockdown);
	triggers_again(&o->triggers);
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

/* The level in force, once. */
static void hand_out(struct orders *o)
{
	uint8_t level = orders_level(o);

	if (o->handed && o->handed_level == level)
		return;
	o->handed = true;
	o->handed_level = level;
	o->hooks->level(o->arg, level);
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
		hand_out(o);
		break;
	case LOCKDOWN_TEST: o->hooks->test(o->arg, a->minutes * 60000u); break;
	case LOCKDOWN_REBOOT: o->hooks->reboot(o->arg); break;
	case LOCKDOWN_REPORT: report(o, a); break;
	}
}

static void save_triggers(struct orders *o)
{
	struct mono now = rt_mono();
	int r = triggers_file_save(o->dir, triggers_held(&o->triggers, now));

	if (r && !o->untriggered)
		log_err("triggers-file", "error=\"%s\" do=\"check the disk\"",
			err_text(r));
	o->untriggered = r != 0;
	if (r == 0 && triggers_level(&o->triggers) > lockdown_level(&o->lockdown) &&
	    triggers_level(&o->triggers) >= LOCKDOWN_QUARANTINED)
		FAILPOINT("hubd.triggers.durable");
	triggers_on_saved(&o->triggers, r == 0, now);
}

static void tell_effect(struct orders *o)
{
	uint8_t level = triggers_level(&o->triggers);

	if (level != o->noticed)
		log_info("noticed", "level=%u before=%u", level, o->noticed);
	o->noticed = level;
	hand_out(o);
	o->hooks->effect(o->arg);
}

static void do_triggers(struct orders *o, enum triggers_do what)
{
	switch (what) {
	case TRIGGERS_NOTHING:
	case TRIGGERS_RAISED: break;
	case TRIGGERS_SAVE: save_triggers(o); break;
	case TRIGGERS_EFFECT: tell_effect(o); break;
	}
}

/* As soon as what is being written before it is durable. */
static bool void_reset(struct orders *o)
{
	bool now = o->voiding && lockdown_void_reset(&o->lockdown, rt_mono());

	if (now || !lockdown_is_resetting(&o->lockdown))
		o->voiding = false;
	return now;
}

void orders_drain(struct orders *o)
{
	struct lockdown_action a;
	enum triggers_do what;

	for (;;) {
		if (lockdown_next(&o->lockdown, rt_mono(), &a))
			do_one(o, &a);
		else if (triggers_next(&o->triggers, &o->lockdown, rt_mono(), &what))
			do_triggers(o, what);
		else if (!void_reset(o))
			break;
	}
	orders_look_at_sealing(o);
}

void orders_on_signal(struct orders *o, enum trigger id, uint16_t peer, enum role by,
		      uint32_t count)
{
	triggers_on_signal(&o->triggers, id, peer, by, count, &o->lockdown, rt_mono());
	orders_drain(o);
}

void orders_on_good(struct orders *o, enum trigger id, uint16_t peer)
{
	triggers_on_good(&o->triggers, id, peer, rt_mono());
	orders_drain(o);
}

void orders_on_stop(struct orders *o)
{
	triggers_on_stop(&o->triggers);
	orders_drain(o);
}

struct mono orders_deadline(const struct orders *o)
{
	struct mono a = lockdown_deadline(&o->lockdown);
	struct mono b = triggers_deadline(&o->triggers, rt_mono());

	return a.ms < b.ms ? a : b;
}

uint8_t orders_level(const struct orders *o)
{
	uint8_t durable = lockdown_level(&o->lockdown);
	bool guarded = triggers_level(&o->triggers) >= LOCKDOWN_GUARDED;

	return durable == LOCKDOWN_NORMAL && guarded ? LOCKDOWN_GUARDED : durable;
}

bool orders_is_guarded(const struct orders *o)
{
	return lockdown_is_guarded(&o->lockdown);
}

bool orders_is_sealed(const struct orders *o)
{
	return lockdown_is_sealed(&o->lockdown);
}

uint32_t orders_unsealed(const struct orders *o)
{
	return lockdown_unsealed(&o->lockdown);
}

enum command_retire orders_retire(const struct orders *o)
{
	enum command_retire how = lockdown_how(&o->lockdown);

	return how == COMMAND_RETIRE_RESET && o->voiding ? COMMAND_RETIRE_NONE : how;
}

void orders_tell_health(const struct orders *o, struct health *h)
{
	struct msg_health m = { .command = o->told,
				.lock_epoch = lockdown_lock_epoch(&o->lockdown),
				.retiring = lockdown_is_retiring(&o->lockdown) };

	m.challenged = lockdown_challenge(&o->lockdown, &m.lock_epoch, m.nonce);
	health_set_command(h, &m);
	m.escrow = sealing_tell(&o->sealing, lockdown_level(&o->lockdown));
	health_set_escrow(h, &m.escrow);
	m.trigger_count = (uint8_t)triggers_tell(&o->triggers, m.triggers);
	health_set_triggers(h, &m);
}
