/*
 * lockdown.c - see lockdown.h.
 *
 *   IDLE   -> WRITES  a command that is taken, in lockdown_on_command; a level to be raised, in lockdown_raise, or lowered by
 *                     what was brought to the hub, in lockdown_on_token; what calls for level 1, ended by the same two; the hub's end, in lockdown_on_retire and
 *                     lockdown_on_reset, or that this one was refused, in lockdown_void_reset
 *   WRITES -> ACTS    both copies are durable, in lockdown_on_saved
 *   ACTS   -> WRITES  what was done once is noted as done, in next_act
 *   ACTS   -> TELLS   in next_act
 *   IDLE   -> TELLS   what was refused
 *   TELLS  -> IDLE    in next_report
 *
 * The effect of a command is its level, which is durable before anything acts on it and is found again after a start; or it
 * happens once (TEST, REBOOT): then it is durable first that it was taken and not done, and afterwards that it was.
 *
 * Must never: act on what is not durable, but for a higher level.
 *
 * Invariants
 *   1. (INV-3) The level never falls but by a release that was judged good, and by it only when both copies say so; a crash
 *      at any step leaves at least the higher of the old and the new level, until the release is complete.
 *   2. No valid copy means QUARANTINED. The first ones, of a hub that was never in use, are made outside (lockdown_file.h).
 *   3. A counter is taken once within an epoch and never goes down; it is durable before its command acts. What was refused
 *      though its people may order it has used its counter up, too: it is not done later.
 *   4. (INV-6) A release names hub, lock epoch and nonce; the nonce dies with its use, with the lock epoch, with the level at which it
 *      was drawn, with the process, and after a time of the machine being on.
 *   5. (INV-5) RETIRED is reached by two signatures of two roles only, LOCKDOWN_RETIRE_S later if they came from afar. A factory
 *      reset of a hub that is locked takes the same two; it leaves the level as it is, for whom it does not come to pass.
 *   6. An order to retire is void with one that cancels it, which one role may give, as long as it has not taken effect.
 *   7. A release of what calls for level 1 (triggers.h) begins a lock epoch and leaves the level, which is NORMAL; nobody waits for it,
 *      as there is nothing to come back to. The watch after a release from level 3 goes on.
 *   8. A disk that takes nothing cannot keep a level from being raised: it is handed out, and written when that is possible.
 */
#include "hub/lockdown.h"

#include <string.h>

static uint64_t age_ms(const struct lockdown *l)
{
	bool here = memcmp(l->held.boot, l->boot, LOCKDOWN_BOOT_LEN) == 0;

	return here && l->now.ms > l->held.since_ms ? l->now.ms - l->held.since_ms : 0;
}

static uint8_t max_level(uint8_t a, uint8_t b)
{
	return a > b ? a : b;
}

struct lockdown_held lockdown_merge(const struct lockdown_held *a,
				    const struct lockdown_held *b)
{
	const struct lockdown_held *late, *old;
	struct lockdown_held r;

	if (!a || !b)
		return a ? *a : *b;
	late = b->generation > a->generation ? b : a;
	old = late == a ? b : a;
	r = *late;
	if (late->level >= old->level)
		return r;
	r.level = old->level;
	memcpy(r.boot, old->boot, sizeof(r.boot));
	r.since_ms = old->since_ms;
	r.result = COMMAND_INTERRUPTED;
	return r;
}

/* Both copies, from the first on. */
static void write_both(struct lockdown *l)
{
	l->next.generation = l->held.generation + 1;
	l->step = LOCKDOWN_WRITES;
	l->copy = 0;
	l->asked = l->stuck = false;
}

static void tell(struct lockdown *l, uint64_t counter, enum command_result r)
{
	l->counter = counter;
	l->result = r;
}

/* What was begun before the machine went down. Returns true if nothing is new: powered-on time begins anew with each boot. */
static bool settle(struct lockdown *l)
{
	struct lockdown_held *n = &l->next;

	if (memcmp(n->boot, l->boot, sizeof(n->boot)) == 0)
		return true;
	memcpy(n->boot, l->boot, sizeof(n->boot));
	n->since_ms = n->unsealed_ms = l->now.ms;
	if (n->verb == COMMAND_REBOOT && n->result == COMMAND_INTERRUPTED)
		n->result = COMMAND_DONE;
	return false;
}

void lockdown_init(struct lockdown *l, const struct lockdown_held *a,
		   const struct lockdown_held *b,
		   const uint8_t boot[static LOCKDOWN_BOOT_LEN], struct mono now)
{
	*l = (struct lockdown){ .now = now, .challenge_ms = LOCKDOWN_CHALLENGE_MS };
	memcpy(l->boot, boot, sizeof(l->boot));
	if (a || b)
		l->held = lockdown_merge(a, b);
	else
		l->held.level = LOCKDOWN_QUARANTINED;
	l->next = l->held;
	if (settle(l) && a && b && a->generation == b->generation)
		l->step = LOCKDOWN_ACTS;
	else
		write_both(l);
	tell(l, l->next.counter, l->next.result);
}

void lockdown_on_config(struct lockdown *l, const uint8_t hub[static HUB_ID_LEN],
			uint32_t epoch, uint16_t heartbeat_s)
{
	l->owned = true;
	memcpy(l->hub, hub, sizeof(l->hub));
	l->epoch = epoch;
	/* told with one heartbeat, answered at the next */
	l->challenge_ms = LOCKDOWN_CHALLENGE_MS + 2000ull * heartbeat_s;
}

static bool nonce_good(const struct lockdown *l)
{
	return l->challenged && l->drawn_level == lockdown_level(l) &&
	       mono_since(l->now, l->drawn) < l->challenge_ms;
}

static struct command_place place(const struct lockdown *l, int64_t utc_s)
{
	struct command_place p = { .epoch = l->epoch,
				   .counter = l->held.epoch == l->epoch ? l->held.counter
									: 0,
				   .utc_s = utc_s,
				   .level = lockdown_level(l),
				   .retiring = l->held.how != COMMAND_RETIRE_NONE,
				   .challenged = nonce_good(l),
				   .lock_epoch = l->held.lock_epoch,
				   .dwelt = age_ms(l) >= LOCKDOWN_DWELL_MS,
				   .unclean = l->unclean,
				   .guarded = lockdown_is_guarded(l) };

	memcpy(p.hub, l->hub, sizeof(p.hub));
	memcpy(p.nonce, l->nonce, sizeof(p.nonce));
	return p;
}

static void set_level(struct lockdown *l, uint8_t level)
{
	if (level == l->next.level)
		return;
	l->next.level = level;
	memcpy(l->next.boot, l->boot, sizeof(l->next.boot));
	l->next.since_ms = l->now.ms;
}

/* A release, into 'next': whatever locked the hub in the lock epoch before is over. */
static void begin_epoch(struct lockdown *l, uint8_t level)
{
	bool watched = lockdown_is_guarded(l) && lockdown_is_watched(l);

	set_level(l, level);
	l->next.lock_epoch++;
	if (watched)
		l->next.unsealed = l->next.lock_epoch;
	l->challenged = false;
}

/* What a command that may be done does, into 'next'. */
static enum command_result plan(struct lockdown *l, const struct command *c,
				int64_t utc_s)
{
	switch (c->verb) {
	case COMMAND_NO_VERB: break;
	case COMMAND_TEST:
	case COMMAND_REBOOT:
		l->has_act = true;
		l->minutes = c->minutes;
		return COMMAND_INTERRUPTED; /* until it is done */
	case COMMAND_LOCK:
		set_level(l, max_level(lockdown_level(l), c->level));
		return COMMAND_DONE;
	case COMMAND_RELEASE: begin_epoch(l, LOCKDOWN_NORMAL); return COMMAND_DONE;
	case COMMAND_RETIRE:
		l->next.how = c->how;
		l->next.retire_s = utc_s + LOCKDOWN_RETIRE_S;
		return COMMAND_PENDING;
	case COMMAND_CANCEL:
		l->next.how = COMMAND_RETIRE_NONE;
		l->next.retire_s = 0;
		return COMMAND_DONE;
	}
	return COMMAND_BAD_FORM;
}

/* Those whose people may order it have used up their counter. */
static bool uses_counter(enum command_result r)
{
	return r == COMMAND_DONE || r == COMMAND_BAD_LEVEL ||
	       r == COMMAND_BAD_CHALLENGE || r == COMMAND_TOO_EARLY ||
	       r == COMMAND_RETIRING || r == COMMAND_NOT_CLEAN;
}

static bool busy(const struct lockdown *l)
{
	return l->step != LOCKDOWN_IDLE || l->stuck;
}

bool lockdown_on_command(struct lockdown *l, const struct command *c,
			 const enum signer_role *roles, size_t count, int64_t utc_s,
			 struct mono now)
{
	struct command_place at;
	enum command_result r;

	l->now = now;
	if (busy(l) || !l->owned)
		return false;
	at = place(l, utc_s);
	r = command_judge(c, roles, count, &at);
	if (r == COMMAND_OLD && c->counter == at.counter)
		return lockdown_on_refused(l, c->counter, l->held.result); /* as told */
	if (!uses_counter(r))
		return lockdown_on_refused(l, c->counter, r);
	l->next = l->held;
	l->next.epoch = l->epoch;
	l->next.counter = c->counter;
	l->next.verb = c->verb;
	l->next.result = r == COMMAND_DONE ? plan(l, c, utc_s) : r;
	tell(l, c->counter, l->next.result);
	write_both(l);
	return true;
}

bool lockdown_on_refused(struct lockdown *l, uint64_t counter, enum command_result why)
{
	if (busy(l))
		return false;
	tell(l, counter, why);
	l->step = LOCKDOWN_TELLS;
	return true;
}

bool lockdown_raise(struct lockdown *l, uint8_t level, struct mono now)
{
	l->now = now;
	if (level <= lockdown_level(l))
		return true;
	if (l->step == LOCKDOWN_WRITES &&
	    l->stuck) { /* with what is to be written anyway */
		set_level(l, level);
		write_both(l);
		return true;
	}
	if (busy(l))
		return false;
	l->next = l->held;
	set_level(l, level);
	tell(l, 0, COMMAND_NOTHING);
	write_both(l);
	return true;
}

bool lockdown_is_settled(const struct lockdown *l)
{
	return !busy(l);
}

bool lockdown_dwelt(const struct lockdown *l)
{
	return age_ms(l) >= LOCKDOWN_DWELL_MS;
}

bool lockdown_can_release(const struct lockdown *l)
{
	return !busy(l) && l->held.how == COMMAND_RETIRE_NONE &&
	       lockdown_level(l) < LOCKDOWN_RETIRED;
}

void lockdown_on_measured(struct lockdown *l, bool clean)
{
	l->unclean = !clean;
}

void lockdown_on_guarded(struct lockdown *l, bool guarded)
{
	l->guarded = guarded;
}

bool lockdown_is_guarded(const struct lockdown *l)
{
	return l->guarded && lockdown_level(l) == LOCKDOWN_NORMAL;
}

/* Does a release from afar end something here? */
static bool wants_release(const struct lockdown *l)
{
	return lockdown_level(l) == LOCKDOWN_QUARANTINED || lockdown_is_guarded(l);
}

bool lockdown_on_token(struct lockdown *l, uint8_t level, struct mono now)
{
	uint8_t from = lockdown_level(l);

	l->now = now;
	if (!lockdown_can_release(l) || level == LOCKDOWN_GUARDED ||
	    (level >= from && !(level == from && lockdown_is_guarded(l))))
		return false;
	l->next = l->held;
	begin_epoch(l, level);
	if (from == LOCKDOWN_SEALED) {
		l->next.unsealed = l->next.lock_epoch;
		l->next.unsealed_ms = now.ms;
	}
	tell(l, 0, COMMAND_NOTHING);
	write_both(l);
	return true;
}

/* An order to it that came from afar is done with it. */
static void retire(struct lockdown *l)
{
	bool ordered = lockdown_is_retiring(l) && l->next.verb == COMMAND_RETIRE;

	l->next.was_sealed |= l->next.level == LOCKDOWN_SEALED;
	set_level(l, LOCKDOWN_RETIRED);
	if (ordered)
		l->next.result = COMMAND_DONE;
	tell(l, ordered ? l->next.counter : 0, ordered ? COMMAND_DONE : COMMAND_NOTHING);
}

/* INV-5, whatever the caller has looked at. */
static bool two_roles(const enum signer_role *roles, size_t count)
{
	return count == 2 && roles[0] != roles[1] && roles[0] != SIGNER_NONE &&
	       roles[1] != SIGNER_NONE;
}

bool lockdown_on_retire(struct lockdown *l, enum command_retire how,
			const enum signer_role *roles, size_t count, struct mono now)
{
	l->now = now;
	if (busy(l) || lockdown_level(l) >= LOCKDOWN_RETIRED ||
	    !two_roles(roles, count) ||
	    (how != COMMAND_RETIRE_DRAIN && how != COMMAND_RETIRE_DISCARD))
		return false;
	l->next = l->held;
	l->next.how = how;
	l->next.retire_s = 0;
	retire(l);
	write_both(l);
	return true;
}

bool lockdown_on_reset(struct lockdown *l, const enum signer_role *roles, size_t count,
		       struct mono now)
{
	l->now = now;
	if (!lockdown_can_release(l) || !two_roles(roles, count))
		return false;
	l->next = l->held;
	l->next.how = COMMAND_RETIRE_RESET;
	l->next.retire_s = 0;
	tell(l, 0, COMMAND_NOTHING);
	write_both(l);
	return true;
}

bool lockdown_void_reset(struct lockdown *l, struct mono now)
{
	l->now = now;
	if (busy(l) || !lockdown_is_resetting(l))
		return false;
	l->next = l->held;
	l->next.how = COMMAND_RETIRE_NONE;
	tell(l, 0, COMMAND_NOTHING);
	write_both(l);
	return true;
}

bool lockdown_is_watched(const struct lockdown *l)
{
	bool here = memcmp(l->held.boot, l->boot, LOCKDOWN_BOOT_LEN) == 0;

	return l->held.unsealed > 0 && l->held.unsealed == l->held.lock_epoch &&
	       (!here || l->now.ms < l->held.unsealed_ms + LOCKDOWN_WATCH_MS);
}

bool lockdown_is_sealed(const struct lockdown *l)
{
	return lockdown_level(l) == LOCKDOWN_SEALED ||
	       (lockdown_level(l) == LOCKDOWN_RETIRED && l->next.was_sealed);
}

uint32_t lockdown_unsealed(const struct lockdown *l)
{
	return l->held.unsealed;
}

uint32_t lockdown_lock_epoch(const struct lockdown *l)
{
	return l->held.lock_epoch;
}

uint32_t lockdown_next_epoch(const struct lockdown *l)
{
	return l->step == LOCKDOWN_WRITES ? l->next.lock_epoch : l->held.lock_epoch;
}

void lockdown_on_time(struct lockdown *l, int64_t utc_s, struct mono now)
{
	l->now = now;
	if (busy(l) || !lockdown_is_retiring(l) || utc_s < l->held.retire_s ||
	    lockdown_level(l) >= LOCKDOWN_RETIRED)
		return;
	l->next = l->held;
	retire(l);
	write_both(l);
}

void lockdown_on_saved(struct lockdown *l, bool good)
{
	if (l->step != LOCKDOWN_WRITES || !l->asked)
		return;
	l->asked = false;
	l->stuck = !good;
	if (!good || ++l->copy < LOCKDOWN_COPIES)
		return;
	l->held = l->next;
	l->step = LOCKDOWN_ACTS;
}

void lockdown_again(struct lockdown *l)
{
	l->stuck = false;
}

void lockdown_on_nonce(struct lockdown *l, const uint8_t nonce[static COMMAND_NONCE_LEN],
		       struct mono now)
{
	l->now = now;
	l->drawing = false;
	l->challenged = true;
	l->drawn = now;
	l->drawn_level = lockdown_level(l);
	memcpy(l->nonce, nonce, sizeof(l->nonce));
}

/* --- what to do --------------------------------------------------------------------------------- */

static bool next_write(struct lockdown *l, struct lockdown_action *ret)
{
	if (l->step != LOCKDOWN_WRITES || l->asked || l->stuck)
		return false;
	l->asked = true;
	ret->what = LOCKDOWN_SAVE;
	ret->copy = l->copy;
	ret->held = l->next;
	return true;
}

/* A higher level waits for no disk that fails; a lower one for both copies. */
static bool next_level(struct lockdown *l, struct lockdown_action *ret)
{
	uint8_t level = lockdown_level(l);

	if (l->handed_any && l->handed == level)
		return false;
	if (l->step == LOCKDOWN_WRITES && !l->stuck)
		return false;
	l->handed_any = true;
	l->handed = level;
	ret->what = LOCKDOWN_LEVEL;
	ret->level = level;
	return true;
}

static bool next_act(struct lockdown *l, struct lockdown_action *ret)
{
	if (l->step != LOCKDOWN_ACTS)
		return false;
	l->step = LOCKDOWN_TELLS;
	if (!l->has_act)
		return false;
	l->has_act = false;
	if (l->held.verb == COMMAND_REBOOT) { /* noted when the machine is up again */
		ret->what = LOCKDOWN_REBOOT;
		return true;
	}
	ret->what = LOCKDOWN_TEST;
	ret->minutes = l->minutes;
	l->next = l->held;
	l->next.result = COMMAND_DONE;
	tell(l, l->next.counter, COMMAND_DONE);
	write_both(l);
	return true;
}

static bool next_report(struct lockdown *l, struct lockdown_action *ret)
{
	if (l->step != LOCKDOWN_TELLS)
		return false;
	l->step = LOCKDOWN_IDLE;
	if (l->counter == 0)
		return false;
	ret->what = LOCKDOWN_REPORT;
	ret->counter = l->counter;
	ret->result = l->result;
	return true;
}

static bool next_draw(struct lockdown *l, struct lockdown_action *ret)
{
	if (!wants_release(l) || l->drawing || nonce_good(l))
		return false;
	l->drawing = true;
	ret->what = LOCKDOWN_DRAW;
	return true;
}

bool lockdown_next(struct lockdown *l, struct mono now, struct lockdown_action *ret)
{
	l->now = now;
	*ret = (struct lockdown_action){ 0 };
	return next_write(l, ret) || next_level(l, ret) || next_act(l, ret) ||
	       next_report(l, ret) || next_draw(l, ret);
}

struct mono lockdown_deadline(const struct lockdown *l)
{
	return l->challenged && wants_release(l) ? mono_add(l->drawn, l->challenge_ms)
						 : MONO_NEVER;
}

/* --- what is in force --------------------------------------------------------------------------- */

uint8_t lockdown_level(const struct lockdown *l)
{
	return l->step == LOCKDOWN_WRITES ? max_level(l->held.level, l->next.level)
					  : l->held.level;
}

bool lockdown_command(const struct lockdown *l, uint64_t *ret_counter,
		      enum command_result *ret)
{
	*ret_counter = l->held.counter;
	*ret = l->held.result;
	return l->held.counter > 0;
}

bool lockdown_is_retiring(const struct lockdown *l)
{
	return l->held.how != COMMAND_RETIRE_NONE && l->held.how != COMMAND_RETIRE_RESET;
}

bool lockdown_is_resetting(const struct lockdown *l)
{
	return l->held.how == COMMAND_RETIRE_RESET;
}

enum command_retire lockdown_how(const struct lockdown *l)
{
	return l->held.how;
}

bool lockdown_challenge(const struct lockdown *l, uint32_t *ret_lock_epoch,
			uint8_t ret_nonce[static COMMAND_NONCE_LEN])
{
	if (!wants_release(l) || !nonce_good(l))
		return false;
	*ret_lock_epoch = l->held.lock_epoch;
	memcpy(ret_nonce, l->nonce, COMMAND_NONCE_LEN);
	return true;
}
