/*
 * test_trigger_model.c - what a hub notices against itself, explored together with the lockdown machine, the files of both on
 * a disk, orders of people, and power cuts.
 *
 * From the start every order of events is tried, up to a depth (of some of the signals to a greater one): each signal, from each process that may see it and from one
 * that may not; what had failed goes well; a person locks, releases, orders a test; a minute, half an hour and a day pass; the
 * power goes, in the same boot or another; a file is lost. Each write of each of these goes well, fails, or is the last before
 * a power cut, before or after it has reached the disk. In each state that is found:
 *   INV-1, 5  no level above 3 without an order;
 *   INV-2     outsiders and faults alone: level 1 at most, and after a day without a signal nothing of them is left;
 *   INV-3     the level in force never fell but by a release that was taken, and what a power cut there and then would leave
 *             is not below what was in force and durable;
 *   INV-7     a cause that was heard has raised the level when its turn is over, also with a disk that fails;
 *   and level 3 stands if, and only if, two different things were seen by two processes since the last release, or one within a
 *   day of a release from level 3;
 *   level 1 by somebody with the box in hand lasts, over power cuts, too, until a release that was taken; that one ends nothing else: no
 *   bucket of an outsider or a fault, no watch; and there is none for what ends by itself;
 *   the engine share (hub/sealing.c) is on the disk whenever the next start would be below level 3, and is not when a turn at level
 *   3 is over.
 * INV-4, 8 and 9 are not of this machine: tests/explore/test_ack_order.c, tests/unit/test_signed_first.c and test_msg.c, test_token.c and
 * test_command.c have them. Variants that are broken on purpose must be found.
 */
#include "tests/unit/test.h"

#include "hub/lockdown.h"
#include "hub/triggers.h"

enum {
	HUB = 7,
	EPOCH = 1,
	HEARTBEAT_S = 300,
	NOW_S = 1795000000,
	DEPTH = 4,
	TABLE = 1 << 22,
	MINUTE_MS = 60 * 1000,
	DAY_MS = 24 * 3600 * 1000,
	BURST = 64, /* overflows any bucket */
};

/* What is seen, by whom. */
static const struct seen {
	enum trigger id;
	uint16_t peer;
	enum role by;
	uint8_t level; /* by itself */
	bool deep;     /* also in the deeper of the two searches */
} seen[] = {
	{ TRIGGER_TOKEN, 0, ROLE_HUBD, 1, true },
	{ TRIGGER_RADIO, 3, ROLE_BLE, 1, true },
	{ TRIGGER_RADIO, 4, ROLE_BLE, 1, false },
	{ TRIGGER_IMPOSTOR, 3, ROLE_BLE, 0, true },
	{ TRIGGER_SERVER, 0, ROLE_COAP, 1, false },
	{ TRIGGER_HANDSHAKE, 0, ROLE_COAP, 1, true },
	{ TRIGGER_TIME, 0, ROLE_COAP, 1, false },
	{ TRIGGER_DECODER, 3, ROLE_BLE, 1, false },
	{ TRIGGER_STORAGE, 0, ROLE_STORE, 1, false },
	{ TRIGGER_POWER, 0, ROLE_HUBD, 0, false },
	{ TRIGGER_USB, 0, ROLE_MEASURE, 1, true },
	{ TRIGGER_CASE, 0, ROLE_MEASURE, 2, true },
	{ TRIGGER_CODE, 0, ROLE_MEASURE, 2, true },
	{ TRIGGER_IPC, ROLE_BLE, ROLE_HUBD, 2, false },
	{ TRIGGER_IPC, ROLE_BLE, ROLE_STORE, 2, true },
	{ TRIGGER_AUDIT, 0, ROLE_STORE, 2, true },
	{ TRIGGER_ROLLBACK, 0, ROLE_STORE, 2, false },
	{ TRIGGER_SOCKET, 0, ROLE_MEASURE, 2, false },
	/* what it cannot see: counts as TRIGGER_IPC of hub-ble, seen by hubd */
	{ TRIGGER_ROLLBACK, 0, ROLE_BLE, 2, false },
};

enum { SEEN = sizeof(seen) / sizeof(*seen), LIED = SEEN - 1, LIE_IS = 13, SEEN_USB = 10 };

/* How one write of a turn ends; all others go well. */
enum write_end { WRITE_GOOD, WRITE_FAILS, WRITE_CUT_BEFORE, WRITE_CUT_AFTER, WRITE_ENDS };
enum { WRITES = 3, ENDS = 1 + WRITES * (WRITE_ENDS - 1) };

struct world {
	bool up;
	struct lockdown l;
	struct triggers t;
	uint8_t copy_count; /* valid ones, bits */
	struct lockdown_held copies[LOCKDOWN_COPIES];
	bool has_file;
	struct triggers_held file;
	uint8_t boots, cuts;
	uint64_t ms;
	uint8_t handed;
	uint8_t counter; /* of orders */
	/* what the outside knows */
	uint8_t floor, durable; /* no level below: now; after a power cut */
	bool releasing;		/* a release was taken and its end is not seen, */
	bool guarding;		/* of level 1 */
	uint32_t causes;	/* bits of 'seen' since the last release was taken */
	uint32_t before;	/* the same, of before the one that is under way */
	uint32_t kept;		/* of both, those that the disk knows */
	bool failed;		/* the file was not written when it should be */
	uint8_t left; /* level that a power cut has left, though not all of its causes */
	bool locked;  /* by an order since */
	bool share; /* the engine share, in clear on the disk; its escrow is at the clinic */
	bool sealed;  /* a release from level 3 is under way */
	bool watched; /* one was taken, at watched_ms */
	bool vague; /* a file was lost, or a release came to nothing: causes may be forgotten */
	uint64_t soft_ms; /* the last signal of an outsider or a fault */
	uint64_t watched_ms;
};

static enum variant {
	AS_BUILT = 0,
	ERASES_EARLY, /* the share, before the level is durable */
	LOWERS_EARLY, /* the level, before the share is durable */
	EMPTIES_ALL,  /* a release of level 1: whatever slows a channel down, too */
	ENDS_WATCH,   /* the same: the watch after a release from level 3 */
	RELEASES_ALL, /* there is a release for any level 1 */
} variant;
static bool deep;	   /* the signals of the deeper search only */
static const char *broken; /* what does not hold; NULL: all does */

static void must(bool holds, const char *what)
{
	if (!holds && !broken)
		broken = what;
}

static struct mono at(const struct world *w)
{
	return (struct mono){ w->ms };
}

/* --- what must hold ---------------------------------------------------------------------------- */

static enum trigger id_of(unsigned i)
{
	return i == LIED ? TRIGGER_IPC : seen[i].id;
}

static enum role by_of(unsigned i)
{
	return i == LIED ? ROLE_HUBD : seen[i].by;
}

static bool is_measured(unsigned i)
{
	return id_of(i) >= TRIGGER_CODE;
}

static bool has_usb(const struct world *w)
{
	return w->causes & 1u << SEEN_USB;
}

/* Two things, two processes, by what the outside has seen. */
static bool has_two(uint32_t causes)
{
	for (unsigned i = 0; i < SEEN; i++)
		for (unsigned j = 0; j < i; j++)
			if (causes & 1u << i && causes & 1u << j && is_measured(i) &&
			    is_measured(j) && id_of(i) != id_of(j) &&
			    by_of(i) != by_of(j))
				return true;
	return false;
}

static uint32_t measured_ones(void)
{
	uint32_t set = 0;

	for (unsigned i = 0; i < SEEN; i++)
		set |= (uint32_t)is_measured(i) << i;
	return set;
}

static uint8_t max_of(uint8_t a, uint8_t b)
{
	return a > b ? a : b;
}

/* The level that the next start would have. */
static uint8_t level_after_cut(const struct world *w)
{
	static struct lockdown l;
	static struct triggers t;
	const uint8_t boot[LOCKDOWN_BOOT_LEN] = { w->boots };

	lockdown_init(&l, w->copy_count & 1 ? &w->copies[0] : NULL,
		      w->copy_count & 2 ? &w->copies[1] : NULL, boot, at(w));
	triggers_init(&t, w->has_file ? &w->file : NULL, &l, boot, at(w));
	return max_of(lockdown_level(&l), triggers_level(&t) >= LOCKDOWN_QUARANTINED
						  ? triggers_level(&t)
						  : 0);
}

static void check_cause(const struct world *w)
{
	uint32_t all = w->causes | w->before;
	uint8_t level = lockdown_level(&w->l), most = max_of(w->left, w->locked ? 2 : 0);

	for (unsigned i = 0; i < SEEN; i++)
		if (all & 1u << i)
			most = max_of(most, seen[i].level);
	if (has_two(all) || (w->watched && most == 2 && (all & measured_ones())))
		most = max_of(most, TRIGGERS_TWO);
	/* 1 is nothing that lasts */
	must(level <= LOCKDOWN_SEALED,
	     "INV-1, INV-5: capture, storage or forwarding ends");
	must(level <= (most < 2 ? 0 : most), "INV-2: a level without a cause");
	must(triggers_level(&w->t) <= TRIGGERS_TWO, "a signal beyond what two may do");
}

static void check(const struct world *w)
{
	uint8_t after = level_after_cut(w);

	must(w->releasing || w->copy_count == 0 || after >= w->durable,
	     "INV-3: a power cut would lower the level");
	must(w->share || after >= LOCKDOWN_SEALED, "the engine share is lost");
	if (!w->up)
		return;
	must(lockdown_level(&w->l) >= w->floor, "INV-3: the level fell");
	check_cause(w);
}

/* A turn is over. */
static void check_turn(const struct world *w)
{
	uint8_t level = lockdown_level(&w->l);

	if (!w->up)
		return;
	must(w->handed == level, "another level is handed out");
	for (unsigned i = 0; i < SEEN; i++)
		if (w->causes & 1u << i && !w->vague && seen[i].level == 2)
			must(level >= 2, "INV-7: a cause without its level");
	must(w->vague || !has_two(w->causes) || level >= TRIGGERS_TWO,
	     "INV-7: two measurements without their level");
	must(w->vague || !w->watched || w->ms - w->watched_ms >= LOCKDOWN_WATCH_MS ||
		     !(w->causes & measured_ones()) || level >= TRIGGERS_TWO,
	     "a measurement after a release from level 3 does not lead back");
	must(level < LOCKDOWN_SEALED || !lockdown_is_settled(&w->l) || !w->share,
	     "the engine share is there in clear at level 3");
	must(w->vague || !has_usb(w) || level >= 2 ||
		     triggers_level(&w->t) == LOCKDOWN_GUARDED,
	     "level 1 by possession ends without a release");
	must(w->vague || has_usb(w) || w->releasing ||
		     !triggers_throttled(&w->t, TRIGGER_USB, 0),
	     "level 1 by possession after its release");
	if (w->ms - w->soft_ms > DAY_MS)
		for (unsigned i = 0; i < SEEN; i++)
			must(seen[i].id > TRIGGER_POWER ||
				     !triggers_throttled(&w->t, seen[i].id, seen[i].peer),
			     "INV-2: a day later it is still slow");
}

/* --- what happens ------------------------------------------------------------------------------ */

/* It is taken, or it came to nothing. */
static void end_release(struct world *w)
{
	if (!w->guarding) {
		w->watched = w->sealed;
		w->watched_ms = w->ms;
	}
	w->sealed = w->guarding = false;
}

static void note_level(struct world *w)
{
	uint8_t level = lockdown_level(&w->l);

	if (w->releasing && w->l.step != LOCKDOWN_WRITES && w->l.held.level < 2) {
		w->releasing = w->locked = false;
		w->left = 0;
		w->before = 0;
		w->kept &= w->causes;
		w->floor = w->durable = LOCKDOWN_NORMAL;
		w->share = true; /* a variant is late */
		end_release(w);
	}
	w->floor = max_of(w->floor, level);
}

static void power_cut(struct world *w)
{
	w->up = false;
	w->cuts++;
	w->floor = w->durable; /* what the disk did not take went with the power */
	w->causes &= w->kept;
	w->before &= w->kept;
	if (w->releasing)
		w->vague = true;
	w->left = level_after_cut(w);
	if (level_after_cut(w) < 2 && !w->releasing) { /* as if they had not been */
		w->causes &= 1u << SEEN_USB;
		w->before = 0;
		w->locked = false;
	}
}

static void write_copy(struct world *w, const struct lockdown_action *a, enum write_end e)
{
	must(a->held.level < 2 || w->l.held.level >= a->held.level || w->locked ||
		     w->failed || ((w->causes | w->before) & ~w->kept) == 0,
	     "a level is written before its cause");
	if (e == WRITE_GOOD || e == WRITE_CUT_AFTER) {
		w->copies[a->copy] = a->held;
		w->copy_count |= (uint8_t)(1 << a->copy);
		w->durable = max_of(w->durable, a->held.level);
	}
	if (e >= WRITE_CUT_BEFORE)
		power_cut(w);
	else
		lockdown_on_saved(&w->l, e == WRITE_GOOD);
}

static void write_file(struct world *w, enum write_end e)
{
	if (e == WRITE_GOOD || e == WRITE_CUT_AFTER) {
		w->file = *triggers_held(&w->t, at(w));
		w->has_file = true;
		w->kept = w->causes | w->before;
		w->failed = false;
	}
	if (e >= WRITE_CUT_BEFORE)
		power_cut(w);
	else
		triggers_on_saved(&w->t, e == WRITE_GOOD, at(w));
	w->failed |= e == WRITE_FAILS;
}

/* The end of the n-th write of a turn. */
static enum write_end end_of(unsigned ends, unsigned n)
{
	if (ends == 0 || (ends - 1) / (WRITE_ENDS - 1) != n)
		return WRITE_GOOD;
	return (enum write_end)(1 + (ends - 1) % (WRITE_ENDS - 1));
}

/* As hub/orders.c does it. */
static void drain(struct world *w, unsigned ends)
{
	struct lockdown_action a;
	enum triggers_do what;
	unsigned n = 0;

	while (w->up && !broken) {
		if (lockdown_next(&w->l, at(w), &a)) {
			if (a.what == LOCKDOWN_SAVE)
				write_copy(w, &a, end_of(ends, n++));
			else if (a.what == LOCKDOWN_DRAW)
				lockdown_on_nonce(&w->l, (const uint8_t[16]){ 1 }, at(w));
			else if (a.what == LOCKDOWN_LEVEL)
				w->handed = a.level;
			if (a.what == LOCKDOWN_SAVE && variant == ERASES_EARLY &&
			    a.held.level >= LOCKDOWN_SEALED)
				w->share = false;
		} else if (triggers_next(&w->t, &w->l, at(w), &what)) {
			if (what == TRIGGERS_SAVE)
				write_file(w, end_of(ends, n++));
		} else {
			break;
		}
		if (w->up)
			note_level(w);
		check(w);
	}
	/* as sealing_look does it */
	if (w->up && lockdown_is_settled(&w->l) &&
	    lockdown_level(&w->l) >= LOCKDOWN_SEALED)
		w->share = false;
	check(w);
	check_turn(w);
}

static void start(struct world *w, unsigned ends)
{
	const uint8_t boot[LOCKDOWN_BOOT_LEN] = { w->boots }, hub[HUB_ID_LEN] = { HUB };

	lockdown_init(&w->l, w->copy_count & 1 ? &w->copies[0] : NULL,
		      w->copy_count & 2 ? &w->copies[1] : NULL, boot, at(w));
	triggers_init(&w->t, w->has_file ? &w->file : NULL, &w->l, boot, at(w));
	lockdown_on_config(&w->l, hub, EPOCH, HEARTBEAT_S);
	w->up = true;
	if (w->releasing) { /* it is complete, or it is none */
		w->releasing = false;
		if (lockdown_level(&w->l) < 2) {
			w->floor = w->durable = 0;
			w->before = w->left = 0;
			w->kept &= w->causes;
			w->locked = false;
			end_release(w);
		}
		w->sealed = w->guarding = false;
	}
	note_level(w);
	drain(w, ends);
}

static void see(struct world *w, unsigned i, unsigned ends)
{
	const struct seen *s = &seen[i];

	triggers_on_signal(&w->t, s->id, s->peer, s->by, BURST, &w->l, at(w));
	if (s->id > TRIGGER_POWER) {
		uint32_t bit = 1u << (i == LIED ? (unsigned)LIE_IS : i);

		w->causes |= bit;
		if (w->releasing) /* another one than what the disk knows */
			w->kept &= ~bit;
	} else {
		w->soft_ms = w->ms;
	}
	drain(w, ends);
}

/* What outsiders and faults have slowed down: a bit for each of 'seen'. */
static uint32_t slow_ones(const struct world *w)
{
	uint32_t set = 0;

	for (unsigned i = 0; i < SEEN; i++)
		if (seen[i].id <= TRIGGER_POWER &&
		    triggers_throttled(&w->t, seen[i].id, seen[i].peer))
			set |= 1u << i;
	return set;
}

/* A release is taken, from this level. */
static void begin_release(struct world *w, uint8_t level)
{
	w->releasing = true;
	w->guarding = level < 2;
	w->sealed = level == LOCKDOWN_SEALED;
	w->before |= w->causes;
	w->causes = 0;
}

/* The turn in which it is written. */
static void drain_release(struct world *w, unsigned ends)
{
	uint32_t slow = slow_ones(w);

	if (w->guarding && variant == EMPTIES_ALL)
		for (unsigned i = 0; i < SEEN; i++)
			triggers_on_good(&w->t, seen[i].id, seen[i].peer, at(w));
	if (w->guarding && variant == ENDS_WATCH)
		w->l.next.unsealed = 0;
	drain(w, ends);
	must(!w->up || slow_ones(w) == slow, "a release ends what slows a channel down");
}

static const char unlike_usb[] =
	"a release of level 1 when, and only when, there is something for it";

static void order(struct world *w, enum command_verb verb, unsigned ends)
{
	const enum signer_role roles[] = { SIGNER_TECHNICIAN };
	uint8_t level = lockdown_level(&w->l);
	struct command c = { .hub = { HUB },
			     .epoch = EPOCH,
			     .counter = ++w->counter,
			     .not_after_s = NOW_S + 60,
			     .verb = verb,
			     .minutes = 5,
			     .level = 2 };

	bool released;

	lockdown_challenge(&w->l, &c.lock_epoch, c.nonce);
	if (!lockdown_on_command(&w->l, &c, roles, 1, NOW_S, at(w)))
		return;
	released = verb == COMMAND_RELEASE && w->l.step == LOCKDOWN_WRITES &&
		   w->l.next.result == COMMAND_DONE;
	if (verb == COMMAND_RELEASE && level < 2)
		must(w->vague || released == has_usb(w), unlike_usb);
	if (released) {
		begin_release(w, level);
		drain_release(w, ends);
		return;
	}
	w->locked |= verb == COMMAND_LOCK && w->l.step == LOCKDOWN_WRITES &&
		     w->l.next.result == COMMAND_DONE;
	drain(w, ends);
}

/* A token of two roles, as hub/orders_token.c does it: the share, then the level. Returns false if that cannot happen now. */
static bool token(struct world *w, unsigned ends)
{
	uint8_t level = lockdown_level(&w->l);
	bool taken;

	if (!lockdown_can_release(&w->l))
		return false;
	if (level >= 2 && variant != LOWERS_EARLY)
		w->share = true;
	if (level < 2 && variant == RELEASES_ALL &&
	    triggers_level(&w->t) == LOCKDOWN_GUARDED)
		lockdown_on_guarded(&w->l, true);
	taken = lockdown_on_token(&w->l, LOCKDOWN_NORMAL, at(w));
	if (level < 2)
		must(w->vague || taken == has_usb(w), unlike_usb);
	if (!taken)
		return false;
	begin_release(w, level);
	drain_release(w, ends);
	return true;
}

static void pass(struct world *w, uint64_t ms, unsigned ends)
{
	w->ms += ms;
	drain(w, ends);
}

enum {
	STEP_SEE = 0, /* SEEN x ENDS */
	STEP_LOCK = SEEN * ENDS,
	STEP_RELEASE = STEP_LOCK + ENDS,
	STEP_TOKEN = STEP_RELEASE + ENDS,
	STEP_TEST = STEP_TOKEN + ENDS,
	STEP_START = STEP_TEST + WRITE_ENDS,
	STEP_AGAIN = STEP_START + ENDS,
	STEP_HALF_HOUR = STEP_AGAIN + ENDS,
	STEP_MINUTE = STEP_HALF_HOUR + 1,
	STEP_DAY = STEP_MINUTE + WRITE_ENDS,
	STEP_GOOD,
	STEP_CUT,
	STEP_REBOOT,
	STEP_STOP,
	STEP_LOSE,
	STEPS,
};

static bool step_up(struct world *w, unsigned n, unsigned ends)
{
	if (n < STEP_LOCK) {
		/* what needs no release is written a minute later */
		if ((ends > 0 && seen[n / ENDS].id <= TRIGGER_POWER) ||
		    (deep && !seen[n / ENDS].deep))
			return false;
		see(w, n / ENDS, ends);
	}
	if (n < STEP_LOCK)
		return true;
	if (n < STEP_RELEASE)
		order(w, COMMAND_LOCK, ends);
	else if (n < STEP_TOKEN)
		order(w, COMMAND_RELEASE, ends);
	else if (n < STEP_TEST)
		return token(w, ends);
	else if (n < STEP_START)
		order(w, COMMAND_TEST, n - STEP_TEST);
	else if (n >= STEP_AGAIN && n < STEP_HALF_HOUR) {
		if (!w->l.stuck && !w->t.stuck)
			return false;
		lockdown_again(&w->l);
		triggers_again(&w->t);
		drain(w, ends);
	} else if (n >= STEP_HALF_HOUR && n < STEP_MINUTE)
		pass(w, LOCKDOWN_DWELL_MS, 0);
	else if (n >= STEP_MINUTE && n < STEP_DAY)
		pass(w, MINUTE_MS, n - STEP_MINUTE);
	else if (n == STEP_DAY)
		pass(w, DAY_MS + 1, 0);
	else if (n == STEP_GOOD) {
		for (unsigned i = 0; i < SEEN; i++)
			triggers_on_good(&w->t, seen[i].id, seen[i].peer, at(w));
		drain(w, 0);
	} else if (n == STEP_STOP) {
		triggers_on_stop(&w->t);
		drain(w, 0);
		power_cut(w);
	} else {
		return false;
	}
	return true;
}

/* Returns false if that cannot happen now. */
static bool step(struct world *w, unsigned n)
{
	if (n == STEP_CUT || n == STEP_REBOOT) {
		if (w->cuts >= 3)
			return false;
		if (w->up)
			power_cut(w);
		w->boots = (uint8_t)(w->boots + (n == STEP_REBOOT));
		w->soft_ms = w->ms; /* what was counted may have been as of then */
	} else if (n == STEP_LOSE) {
		if (w->up || !w->has_file)
			return false;
		w->has_file = false;
		w->vague = true;
		w->durable = w->copy_count & 1 ? w->copies[0].level : 0;
		w->durable =
			max_of(w->durable, w->copy_count & 2 ? w->copies[1].level : 0);
		w->floor = w->durable;
	} else if (w->up) {
		if (!step_up(w, n, n < STEP_TEST ? n % ENDS : (n - STEP_START) % ENDS))
			return false;
	} else if (n >= STEP_START && n < STEP_AGAIN) {
		start(w, (n - STEP_START) % ENDS);
	} else {
		return false;
	}
	check(w);
	return true;
}

/* --- the search -------------------------------------------------------------------------------- */

static uint64_t *known;
static size_t states, steps_done;

static uint64_t hash(const struct world *w, unsigned depth)
{
	const uint64_t *p = (const uint64_t *)w;
	uint64_t h = 0xcbf29ce484222325 ^ depth;

	_Static_assert(sizeof(*w) % sizeof(*p) == 0, "hashed by words");
	for (size_t i = 0; i < sizeof(*w) / sizeof(*p); i++)
		h = (h ^ p[i]) * 0x100000001b3, h ^= h >> 29;
	return h ? h : 1;
}

static bool is_new(const struct world *w, unsigned depth)
{
	uint64_t h = hash(w, depth);

	for (size_t i = h % TABLE;; i = (i + 1) % TABLE) {
		if (known[i] == h)
			return false;
		if (known[i] == 0) {
			known[i] = h;
			states++;
			CHECK(states < TABLE / 10 * 9);
			return true;
		}
	}
}

static void explore(const struct world *from, unsigned depth, unsigned trail[])
{
	static struct world at_depth[DEPTH + 1];
	struct world *w = &at_depth[depth];

	if (depth == 0 || broken)
		return;
	for (unsigned n = 0; n < STEPS && !broken; n++) {
		memcpy(w, from, sizeof(*w));
		if (!step(w, n))
			continue;
		steps_done++;
		trail[depth - 1] = n;
		if (broken && variant != AS_BUILT)
			return;
		if (broken) {
			printf("  %s after", broken);
			for (unsigned i = DEPTH; i-- >= depth;)
				printf(" %u", trail[i]);
			printf("\n");
			return;
		}
		if (depth > 1 && is_new(w, depth))
			explore(w, depth - 1, trail);
	}
}

enum start_at { START_NORMAL, START_LOCKED, START_SEALED, START_WATCHED, START_GUARDED };
enum { SEEN_CODE = 12, SEEN_AUDIT = 15 };

/* Returns what does not hold, or NULL. */
static const char *search(unsigned depth, enum start_at from)
{
	static struct world first;
	unsigned trail[DEPTH] = { 0 };

	memset(&first, 0, sizeof(first));
	first.copy_count = 3;
	first.share = true;
	first.boots = 1;
	first.ms = 1000;
	first.copies[0].generation = first.copies[1].generation = 1;
	known = calloc(TABLE, sizeof(*known));
	CHECK(known != NULL);
	states = steps_done = 0;
	broken = NULL;
	start(&first, 0);
	if (from == START_LOCKED) { /* and good to be released */
		order(&first, COMMAND_LOCK, 0);
		pass(&first, LOCKDOWN_DWELL_MS, 0);
	}
	if (from >= START_SEALED) {
		see(&first, SEEN_CODE, 0);
		see(&first, SEEN_AUDIT, 0);
		CHECK_UINT(lockdown_level(&first.l), LOCKDOWN_SEALED);
		CHECK(!first.share);
	}
	if (from >= START_WATCHED) {
		CHECK(token(&first, 0));
		CHECK(first.watched && first.share && lockdown_is_watched(&first.l));
	}
	if (from == START_GUARDED) {
		see(&first, SEEN_USB, 0);
		CHECK(lockdown_is_guarded(&first.l));
	}
	explore(&first, depth, trail);
	free(known);
	printf("  %zu states, %zu steps\n", states, steps_done);
	return broken;
}

static void test_every_signal(void)
{
	deep = false;
	for (enum start_at from = START_NORMAL; from <= START_GUARDED; from++) {
		CHECK(search(DEPTH - 1, from) == NULL);
		CHECK(steps_done > 100000);
	}
}

/* The search is worth something: what is broken on purpose is found, and named. */
static void test_broken_ones(void)
{
	deep = false;
	variant = ERASES_EARLY;
	CHECK_STR(search(DEPTH - 1, START_NORMAL), "the engine share is lost");
	variant = LOWERS_EARLY;
	CHECK_STR(search(DEPTH - 1, START_SEALED), "the engine share is lost");
	variant = EMPTIES_ALL;
	CHECK_STR(search(DEPTH - 1, START_GUARDED),
		  "a release ends what slows a channel down");
	variant = ENDS_WATCH;
	CHECK_STR(search(DEPTH - 1, START_GUARDED),
		  "a measurement after a release from level 3 does not lead back");
	variant = RELEASES_ALL;
	CHECK_STR(search(DEPTH - 1, START_NORMAL), unlike_usb);
	variant = AS_BUILT;
}

static void test_deeper(void)
{
	deep = true;
	CHECK(search(DEPTH, START_NORMAL) == NULL);
	CHECK(steps_done > 1000000);
}

TEST_MAIN("trigger-model", test_every_signal, test_broken_ones, test_deeper)
