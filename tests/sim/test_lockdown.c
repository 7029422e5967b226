/*
 * test_lockdown.c - the level of the lockdown, explored: the machine, its two copies on a disk, a hub-coap and a clinic that
 * lose, double and keep back orders, and power cuts.
 *
 * From the start every order of events is tried, up to a depth: each of a set of orders arrives (any number of times, in any
 * order, also late), each write goes well, fails, or is the last before a power cut, before or after it has reached the disk;
 * a copy is damaged; the machine starts anew; half an hour passes. In each state that is found:
 *   - the level that is in force never fell but by a release of this very challenge, and only when both copies said so;
 *   - after a power cut there and then the level is not below what was in force, or what was before a release that was not
 *     complete (INV-3); with no valid copy it is QUARANTINED;
 *   - the parts that are handed out belong to no level below that;
 *   - no counter is taken twice, and it never goes down (of a disk that keeps one copy);
 *   - level 3 has two roles behind it, RETIRED two roles and LOCKDOWN_RETIRE_S;
 *   - what is reported as done was done, and what is refused was not.
 */
#include "tests/unit/test.h"

#include "hub/lockdown.h"

enum {
	HUB = 7,
	EPOCH = 1,
	HEARTBEAT_S = 300,
	NOW_S = 1795000000,
	DEPTH = 8,
	TABLE = 1 << 22,
};

enum order {
	ORDER_LOCK_2, /* counter 1 */
	ORDER_LOCK_3_ONE,
	ORDER_LOCK_3_SAME, /* two people of one role */
	ORDER_LOCK_3,	   /* counter 2 */
	ORDER_TEST,	   /* counter 3 */
	ORDER_REBOOT,	   /* counter 4 */
	ORDER_RELEASE,	   /* counter 5: of the first challenge */
	ORDER_RELEASE_BAD, /* another nonce */
	ORDER_RETIRE,	   /* counter 6 */
	ORDER_LOCK_2_LATE, /* counter 7 */
	ORDER_FOREIGN,
	ORDER_EXPIRED,
	ORDER_CANCEL, /* counter 7 */
	ORDERS,
};

struct world {
	bool up;
	struct lockdown l;
	uint8_t copy_count; /* valid ones, bits */
	struct lockdown_held copies[LOCKDOWN_COPIES];
	uint8_t boots, nonces;
	bool half_hours; /* since the level was reached */
	uint8_t cuts;	 /* so far */
	uint8_t handed;	 /* level of the parts */
	bool has_handed;
	/* what the outside knows to have been the case */
	uint8_t floor;	   /* no level below this one but by a release */
	uint8_t durable;   /* the same over a power cut: a copy has said so */
	bool releasing;	   /* a good release was taken, its end is not seen */
	uint8_t done;	   /* bits of counters that acted */
	uint8_t told_done; /* bits of counters that were told as done */
	uint64_t counter;  /* highest that was durable on both copies */
	uint64_t ms;
	bool two_roles, retire_due;
	bool was_sealed; /* when it was retired */
};

static uint8_t nonce_of(uint8_t n)
{
	return (uint8_t)(0x40 + n);
}

static struct command command_of(enum order o, enum signer_role roles[2], size_t *count)
{
	struct command c = { .hub = { HUB }, .epoch = EPOCH, .not_after_s = NOW_S + 60 };

	roles[0] = SIGNER_TECHNICIAN;
	roles[1] = SIGNER_CLINICIAN;
	*count = 1;
	switch (o) {
	case ORDER_LOCK_2:
	case ORDER_LOCK_2_LATE:
	case ORDER_FOREIGN:
	case ORDER_EXPIRED:
		c.verb = COMMAND_LOCK;
		c.level = 2;
		c.counter = o == ORDER_LOCK_2_LATE ? 7 : 1;
		c.hub[0] = o == ORDER_FOREIGN ? HUB + 1 : HUB;
		c.not_after_s = o == ORDER_EXPIRED ? NOW_S - 1 : c.not_after_s;
		break;
	case ORDER_LOCK_3_ONE:
	case ORDER_LOCK_3_SAME:
	case ORDER_LOCK_3:
		c.verb = COMMAND_LOCK;
		c.level = 3;
		c.counter = 2;
		*count = o == ORDER_LOCK_3_ONE ? 1 : 2;
		roles[1] = o == ORDER_LOCK_3_SAME ? SIGNER_TECHNICIAN : SIGNER_CLINICIAN;
		break;
	case ORDER_TEST:
		c.verb = COMMAND_TEST;
		c.minutes = 5;
		c.counter = 3;
		break;
	case ORDER_REBOOT:
		c.verb = COMMAND_REBOOT;
		c.counter = 4;
		break;
	case ORDER_RELEASE:
	case ORDER_RELEASE_BAD:
		c.verb = COMMAND_RELEASE;
		c.counter = 5;
		c.lock_epoch = 0;
		memset(c.nonce, o == ORDER_RELEASE ? nonce_of(1) : 1, sizeof(c.nonce));
		break;
	case ORDER_RETIRE:
		c.verb = COMMAND_RETIRE;
		c.how = COMMAND_RETIRE_DRAIN;
		c.counter = 6;
		*count = 2;
		break;
	case ORDER_CANCEL:
		c.verb = COMMAND_CANCEL;
		c.counter = 7;
		break;
	case ORDERS: break;
	}
	return c;
}

/* --- what must hold ---------------------------------------------------------------------------- */

static const char *broken; /* what does not hold; NULL: all does */

static void must(bool holds, const char *what)
{
	if (!holds && !broken)
		broken = what;
}

static uint8_t level_after_cut(const struct world *w)
{
	const struct lockdown_held *a = w->copy_count & 1 ? &w->copies[0] : NULL;
	const struct lockdown_held *b = w->copy_count & 2 ? &w->copies[1] : NULL;

	return a || b ? lockdown_merge(a, b).level : LOCKDOWN_QUARANTINED;
}

static void check(const struct world *w)
{
	must(!w->up || lockdown_level(&w->l) >= w->floor, "the level fell");
	must(w->releasing || w->copy_count == 0 || level_after_cut(w) >= w->durable,
	     "a power cut would lower the level");
	must(!w->up || w->l.step == LOCKDOWN_WRITES || w->copy_count == 0 ||
		     level_after_cut(w) == lockdown_level(&w->l),
	     "what is in force is not on the disk");
	must(!w->up || lockdown_level(&w->l) < LOCKDOWN_SEALED || w->two_roles,
	     "level 3 without two roles");
	must(!w->up || lockdown_level(&w->l) < LOCKDOWN_RETIRED || w->retire_due,
	     "retired too early");
	must(!w->up || lockdown_level(&w->l) < LOCKDOWN_RETIRED ||
		     lockdown_is_sealed(&w->l) == w->was_sealed,
	     "retired, and with it released, or sealed");
	must((w->told_done & ~w->done) == 0, "reported as done, and was not");
}

/* --- what happens ------------------------------------------------------------------------------ */

static void note_level(struct world *w)
{
	uint8_t level = lockdown_level(&w->l);

	if (w->releasing && level == LOCKDOWN_NORMAL && w->l.step != LOCKDOWN_WRITES) {
		w->releasing = false;
		w->floor = w->durable = LOCKDOWN_NORMAL;
		w->done |= 1 << 5;
	} else if (level > w->floor) {
		w->floor = level;
		w->half_hours = false;
	}
}

/* How the next write ends. */
enum write_end { WRITE_GOOD, WRITE_FAILS, WRITE_CUT_BEFORE, WRITE_CUT_AFTER, WRITE_ENDS };

static void power_cut(struct world *w)
{
	w->up = false;
	w->has_handed = false;
	w->cuts++;
	w->floor =
		w->durable; /* a level that the disk did not take went with the power */
}

static void keep(struct world *w, const struct lockdown_action *a)
{
	w->copies[a->copy] = a->held;
	w->copy_count |= (uint8_t)(1 << a->copy);
	if (a->held.level > w->durable)
		w->durable = a->held.level;
	if (w->copy_count == 3 && a->copy == 1) {
		must(a->held.counter >= w->counter, "a counter went down");
		w->counter = a->held.counter;
	}
}

static void on_write(struct world *w, const struct lockdown_action *a, enum write_end end)
{
	if (end == WRITE_GOOD || end == WRITE_CUT_AFTER)
		keep(w, a);
	if (end == WRITE_CUT_BEFORE || end == WRITE_CUT_AFTER)
		power_cut(w);
	else
		lockdown_on_saved(&w->l, end == WRITE_GOOD);
}

static void on_report(struct world *w, const struct lockdown_action *a)
{
	must(a->counter > 0 && a->counter < 8, "a report of nothing");
	if (a->result == COMMAND_DONE)
		w->told_done |= (uint8_t)(1 << a->counter);
	/* a lock is done when the level is there */
	if (a->result == COMMAND_DONE && a->counter == 1)
		must(lockdown_level(&w->l) >= 2 || (w->done & 1 << 5), "no lock");
	if (a->result == COMMAND_DONE && (a->counter <= 2 || a->counter == 7))
		w->done |= (uint8_t)(1 << a->counter);
	if (a->result == COMMAND_DONE && a->counter == 6)
		w->done |= (uint8_t)(1 << a->counter);
}

static void do_act(struct world *w, const struct lockdown_action *a)
{
	uint64_t counter;
	enum command_result r;

	must(lockdown_command(&w->l, &counter, &r), "an act without a command");
	must((w->done & 1 << counter) == 0, "done twice");
	must(w->copies[0].counter >= counter && w->copies[1].counter >= counter,
	     "done before it was durable");
	w->done |= (uint8_t)(1 << counter);
	if (a->what == LOCKDOWN_REBOOT) {
		power_cut(w);
		w->boots++;
	}
}

static void draw(struct world *w)
{
	uint8_t nonce[COMMAND_NONCE_LEN];

	memset(nonce, nonce_of(++w->nonces), sizeof(nonce));
	lockdown_on_nonce(&w->l, nonce, (struct mono){ w->ms });
}

/* The first write ends so, all others go well. A failed one stays until it is tried again. */
static void drain(struct world *w, enum write_end end)
{
	struct lockdown_action a;

	while (w->up && !broken && lockdown_next(&w->l, (struct mono){ w->ms }, &a)) {
		switch (a.what) {
		case LOCKDOWN_NOTHING: must(false, "nothing is something"); break;
		case LOCKDOWN_SAVE:
			on_write(w, &a, end);
			end = WRITE_GOOD;
			break;
		case LOCKDOWN_DRAW: draw(w); break;
		case LOCKDOWN_LEVEL:
			w->handed = a.level;
			w->has_handed = true;
			break;
		case LOCKDOWN_TEST:
		case LOCKDOWN_REBOOT: do_act(w, &a); break;
		case LOCKDOWN_REPORT: on_report(w, &a); break;
		}
		if (w->up)
			note_level(w);
		check(w);
	}
	must(!w->up || (w->has_handed && w->handed == lockdown_level(&w->l)),
	     "parts of another level are out");
}

static void start(struct world *w, enum write_end end)
{
	const uint8_t boot[LOCKDOWN_BOOT_LEN] = { w->boots };
	const uint8_t hub[HUB_ID_LEN] = { HUB };

	lockdown_init(&w->l, w->copy_count & 1 ? &w->copies[0] : NULL,
		      w->copy_count & 2 ? &w->copies[1] : NULL, boot,
		      (struct mono){ w->ms });
	lockdown_on_config(&w->l, hub, EPOCH, HEARTBEAT_S);
	w->up = true;
	if (w->copy_count == 0)
		must(lockdown_level(&w->l) == LOCKDOWN_QUARANTINED, "no copy, no lock");
	if (w->releasing && w->copies[0].level == LOCKDOWN_NORMAL &&
	    w->copies[1].level == LOCKDOWN_NORMAL) {
		w->releasing = false;
		w->floor = w->durable = LOCKDOWN_NORMAL;
		w->done |= 1 << 5;
	}
	w->releasing = false;
	note_level(w);
	check(w);
	drain(w, end);
}

static void arrive(struct world *w, enum order o, enum write_end end)
{
	enum signer_role roles[2];
	size_t count;
	struct command c = command_of(o, roles, &count);
	uint8_t before = lockdown_level(&w->l);
	bool dwelt = w->half_hours, taken;

	if (!lockdown_on_command(&w->l, &c, roles, count, NOW_S, (struct mono){ w->ms }))
		return;
	taken = w->l.step == LOCKDOWN_WRITES && w->l.next.counter == c.counter;
	must(!taken || (w->done & 1 << c.counter) == 0 || c.counter == 6, "taken twice");
	if (taken && o == ORDER_LOCK_3)
		w->two_roles = true;
	must(!taken || (o != ORDER_LOCK_3_ONE && o != ORDER_LOCK_3_SAME &&
			o != ORDER_FOREIGN && o != ORDER_EXPIRED),
	     "taken, and must not be");
	if (taken && c.verb == COMMAND_RELEASE && w->l.next.result == COMMAND_DONE) {
		must(before == LOCKDOWN_QUARANTINED && dwelt && w->nonces == 1 &&
			     o == ORDER_RELEASE,
		     "a release that must not be");
		w->releasing = true;
	}
	if (!w->releasing)
		note_level(w);
	drain(w, end);
	must(o != ORDER_CANCEL || !taken || !w->up || w->l.stuck ||
		     before == LOCKDOWN_RETIRED || !lockdown_is_retiring(&w->l),
	     "cancelled, and still to be retired");
}

static void note_retired(struct world *w, uint8_t before)
{
	if (before < LOCKDOWN_RETIRED && lockdown_level(&w->l) == LOCKDOWN_RETIRED)
		w->was_sealed = before == LOCKDOWN_SEALED;
}

static void pass_day(struct world *w, enum write_end end)
{
	uint8_t before = lockdown_level(&w->l);

	lockdown_on_time(&w->l, NOW_S + LOCKDOWN_RETIRE_S - 1, (struct mono){ w->ms });
	must(w->retire_due || lockdown_level(&w->l) < LOCKDOWN_RETIRED, "a second early");
	lockdown_on_time(&w->l, NOW_S + LOCKDOWN_RETIRE_S, (struct mono){ w->ms });
	if (lockdown_level(&w->l) == LOCKDOWN_RETIRED) {
		must(lockdown_is_retiring(&w->l), "retired without an order");
		w->retire_due = w->two_roles = true;
	}
	note_retired(w, before);
	note_level(w);
	drain(w, end);
}

/* Two people at the hub end it; one, or two of one role, do not (INV-5). */
static void retire_here(struct world *w, enum write_end end)
{
	static const enum signer_role one_role[] = { SIGNER_SECURITY, SIGNER_SECURITY },
				      two_roles[] = { SIGNER_SECURITY,
						      SIGNER_MANUFACTURER };
	const struct mono now = { w->ms };
	uint8_t before = lockdown_level(&w->l);

	must(!lockdown_on_retire(&w->l, COMMAND_RETIRE_DRAIN, one_role, 2, now) &&
		     !lockdown_on_retire(&w->l, COMMAND_RETIRE_DRAIN, two_roles, 1, now),
	     "retired by one role");
	if (lockdown_on_retire(&w->l, COMMAND_RETIRE_DRAIN, two_roles, 2, now)) {
		w->retire_due = w->two_roles = true;
		must(lockdown_level(&w->l) == LOCKDOWN_RETIRED, "not retired");
	}
	note_retired(w, before);
	note_level(w);
	drain(w, end);
}

static void pass_half_hour(struct world *w)
{
	w->ms += LOCKDOWN_DWELL_MS;
	w->half_hours = true;
	drain(w, WRITE_GOOD);
}

enum {
	STEP_ORDER = 0,			  /* ORDERS x WRITE_ENDS */
	STEP_START = ORDERS * WRITE_ENDS, /* x WRITE_ENDS */
	STEP_AGAIN = STEP_START + WRITE_ENDS,
	STEP_DAY = STEP_AGAIN + WRITE_ENDS,
	STEP_RETIRE = STEP_DAY + WRITE_ENDS,
	STEP_HALF_HOUR = STEP_RETIRE + WRITE_ENDS,
	STEP_CUT,
	STEP_REBOOT, /* a cut, and another boot */
	STEP_DAMAGE, /* x LOCKDOWN_COPIES */
	STEPS = STEP_DAMAGE + LOCKDOWN_COPIES,
};

/* It does as well as the one that was ordered. */
static void new_boot(struct world *w)
{
	w->boots++;
	w->half_hours = false;
	for (unsigned i = 0; i < LOCKDOWN_COPIES; i++)
		if (w->copy_count & 1 << i && w->copies[i].verb == COMMAND_REBOOT)
			w->done |= 1 << 4;
}

/* Returns false if that cannot happen now. */
static bool step(struct world *w, unsigned n)
{
	enum write_end end = (enum write_end)(n % WRITE_ENDS);

	if (n < STEP_START) {
		if (!w->up)
			return false;
		arrive(w, (enum order)(n / WRITE_ENDS), end);
	} else if (n < STEP_AGAIN) {
		if (w->up)
			return false;
		start(w, end);
	} else if (n < STEP_DAY) {
		if (!w->up || !w->l.stuck)
			return false;
		lockdown_again(&w->l);
		drain(w, end);
	} else if (n < STEP_RETIRE) {
		if (!w->up || !lockdown_is_retiring(&w->l))
			return false;
		pass_day(w, end);
	} else if (n < STEP_HALF_HOUR) {
		if (!w->up || lockdown_level(&w->l) == LOCKDOWN_RETIRED)
			return false;
		retire_here(w, end);
	} else if (n == STEP_HALF_HOUR) {
		if (!w->up || w->half_hours)
			return false;
		pass_half_hour(w);
	} else if (n <= STEP_REBOOT) {
		if (!w->up || w->cuts >= 3)
			return false;
		power_cut(w);
		if (n == STEP_REBOOT)
			new_boot(w);
	} else {
		/* one copy at most is ever lost, and only while the other one is whole and the same */
		unsigned copy = n - STEP_DAMAGE;

		if (w->up || w->copy_count != 3 ||
		    w->copies[0].generation != w->copies[1].generation)
			return false;
		w->copy_count &= (uint8_t) ~(1u << copy);
	}
	check(w);
	return true;
}

/* --- the search -------------------------------------------------------------------------------- */

static uint64_t *seen;
static size_t states, steps_done;

/* FNV-1a over the fields; padding is zero, as each world is made from one that was. */
static uint64_t hash(const struct world *w, unsigned depth)
{
	const uint8_t *p = (const uint8_t *)w;
	uint64_t h = 0xcbf29ce484222325 ^ depth;

	for (size_t i = 0; i < sizeof(*w); i++)
		h = (h ^ p[i]) * 0x100000001b3;
	return h ? h : 1;
}

static bool is_new(const struct world *w, unsigned depth)
{
	uint64_t h = hash(w, depth);

	for (size_t at = h % TABLE;; at = (at + 1) % TABLE) {
		if (seen[at] == h)
			return false;
		if (seen[at] == 0) {
			seen[at] = h;
			states++;
			CHECK(states < TABLE / 10 * 9);
			return true;
		}
	}
}

static void explore(const struct world *from, unsigned depth, unsigned trail[])
{
	if (depth == 0 || broken)
		return;
	for (unsigned n = 0; n < STEPS && !broken; n++) {
		struct world w;

		memcpy(&w, from, sizeof(w));
		if (!step(&w, n))
			continue;
		steps_done++;
		trail[DEPTH - depth] = n;
		if (broken) {
			printf("  %s after", broken);
			for (unsigned i = 0; i <= DEPTH - depth; i++)
				printf(" %u", trail[i]);
			printf("\n");
			return;
		}
		if (is_new(&w, depth))
			explore(&w, depth - 1, trail);
	}
}

/* Returns what does not hold, or NULL. */
static const char *search(unsigned depth)
{
	static struct world first;
	unsigned trail[DEPTH];

	memset(&first, 0, sizeof(first));
	first.copy_count = 3;
	first.boots = 1;
	first.ms = 1000;
	first.copies[0].generation = first.copies[1].generation = 1;
	seen = calloc(TABLE, sizeof(*seen));
	CHECK(seen != NULL);
	states = steps_done = 0;
	broken = NULL;
	explore(&first, depth, trail);
	free(seen);
	return broken;
}

static void test_every_order(void)
{
	const char *what = search(DEPTH);

	printf("  %zu states, %zu steps\n", states, steps_done);
	CHECK(states > 100000);
	CHECK(what == NULL);
}

/* Without a valid copy it is locked, and can be released as any other. */
static void test_no_copy(void)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	w.ms = 1000;
	w.boots = 1;
	broken = NULL;
	start(&w, WRITE_GOOD);
	CHECK_UINT(lockdown_level(&w.l), LOCKDOWN_QUARANTINED);
	CHECK_UINT(w.handed, LOCKDOWN_QUARANTINED);
	CHECK_INT(w.copy_count, 3);
	arrive(&w, ORDER_RELEASE, WRITE_GOOD);
	CHECK_UINT(lockdown_level(&w.l), LOCKDOWN_QUARANTINED); /* too early */
	CHECK(broken == NULL);
}

/* Limits of dwell and challenge, to the millisecond. */
static void test_release_in_time(void)
{
	static const struct {
		uint64_t after_ms;
		enum command_result want;
	} cases[] = {
		{ LOCKDOWN_DWELL_MS - 1, COMMAND_TOO_EARLY },
		{ LOCKDOWN_DWELL_MS, COMMAND_DONE },
		{ LOCKDOWN_CHALLENGE_MS + 2000 * HEARTBEAT_S - 1, COMMAND_DONE },
		{ LOCKDOWN_CHALLENGE_MS + 2000 * HEARTBEAT_S, COMMAND_BAD_CHALLENGE },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		static struct world w;
		uint64_t counter;
		enum command_result r;

		memset(&w, 0, sizeof(w));
		broken = NULL;
		w.ms = 1000;
		w.boots = 1;
		w.copy_count = 3;
		start(&w, WRITE_GOOD);
		arrive(&w, ORDER_LOCK_2, WRITE_GOOD);
		w.ms += cases[i].after_ms;
		w.half_hours = cases[i].after_ms >= LOCKDOWN_DWELL_MS;
		arrive(&w, ORDER_RELEASE, WRITE_GOOD);
		CHECK(lockdown_command(&w.l, &counter, &r));
		CHECK_UINT(counter, 5);
		CHECK_INT(r, cases[i].want);
		CHECK_UINT(lockdown_level(&w.l), r == COMMAND_DONE ? 0 : 2);
		CHECK(broken == NULL);
	}
}

TEST_MAIN("lockdown", test_every_order, test_no_copy, test_release_in_time)
