/*
 * fuzz_lockdown.c - the lockdown machine and what feeds it, driven by an input: signals, orders, tokens, time, a disk that fails, power
 * cuts, copies that go bad. After each step the invariants are asked of a small oracle that shares no code with them.
 *
 *   INV-1, 5  level 4 only a day after an order to retire of two roles; level 3 only by two roles, two measurements, or one that is watched
 *   INV-2     outsiders and faults alone: level 0 on the disk, 1 at most in force, and a day after the last of them nothing is slow
 *   INV-3     the level never falls but by a release; a power cut leaves what was durable, and a release that one copy has is none
 *   INV-6     a release names hub, lock epoch and the nonce that is out, once, in its time, after half an hour; at level 1 at once, and there
 *             it ends what is in a USB port, which nothing else does, and nothing else
 *   INV-9     an order with a list, a wildcard or a prefix in the place of the hub does not parse
 *
 * The disk holds the files' bytes, each replaced as a whole or not at all. One octet is an event, the next ones its numbers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/core/cbor.h"
#include "hub/core/cursor.h"
#include "hub/lockdown_file.h"
#include "hub/triggers_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	HUB = 7,
	EPOCH = 3,
	HEARTBEAT_S = 300,
	MINUTE_MS = 60 * 1000,
	HOUR_MS = 60 * MINUTE_MS,
	DAY_MS = 24 * HOUR_MS,
	STEPS_MAX = 400,
};

enum disk_end { DISK_GOOD, DISK_FAILS, DISK_CUT_BEFORE, DISK_CUT_AFTER, DISK_ENDS };

/* The real thing. */
static struct lockdown l;
static struct triggers t;

static struct {
	bool up;
	uint8_t boots, nonces;
	uint64_t ms;   /* of this boot */
	int64_t utc_s; /* goes on by itself */
	uint64_t counter;
	bool has[LOCKDOWN_COPIES], has_file;
	uint8_t copy[LOCKDOWN_COPIES][LOCKDOWN_FILE_LEN];
	uint8_t file[TRIGGERS_FILE_MAX];
	size_t file_len;
	enum disk_end next; /* how a write ends, */
	unsigned after;	    /* after so many that go well */
} w;

/* What the oracle knows. */
static struct {
	uint8_t floor;	 /* level in force, since a release */
	uint8_t durable; /* the highest that a copy had, since a release was complete */
	bool releasing;
	unsigned saves; /* copies since it was taken */
	bool hard,
		hard_before; /* something beside outsiders and faults, since a release */
	uint32_t measured[TRIGGER_LAST + 1]; /* who has seen it, bits */
	uint32_t measured_before[TRIGGER_LAST + 1];
	/* in a USB port since a release, as this process and the disk know; usb_maybe: somewhere */
	bool usb, usb_kept, usb_before, usb_maybe;
	bool guarding, guarding_done; /* a release of level 1 */
	uint32_t guarding_epoch;      /* what it ends */
	uint64_t slow;		      /* bits of what was slow before it */
	bool sealed_by_two;	      /* an order for level 3 */
	bool watched;		      /* there was a release from level 3 */
	bool retires;
	int64_t retire_s;  /* then, UTC */
	uint64_t quiet_ms; /* powered on, without an outsider or a fault */
	uint64_t dwelt_ms;
	bool dwelt_any; /* a copy may say since when */
	bool drawn;	/* a nonce is out, not used */
	uint8_t nonce;
	uint8_t nonce_floor; /* level at which it was drawn */
	uint32_t nonce_epoch;
	uint64_t drawn_ms;
} o;

static void fail(const char *what, int line)
{
	fprintf(stderr, "ERROR: line %d: %s\n", line, what);
	abort();
}

#define must(holds)                                                                      \
	do {                                                                             \
		if (!(holds))                                                            \
			fail(#holds, __LINE__);                                          \
	} while (0)

static struct mono now(void)
{
	return (struct mono){ w.ms };
}

/* --- the disk ----------------------------------------------------------------------------------- */

static bool load_copy(unsigned i, struct lockdown_held *ret)
{
	return w.has[i] && lockdown_file_decode(w.copy[i], LOCKDOWN_FILE_LEN, ret) == 0;
}

/* The highest that any of them says: a release that not all have is none. */
static uint8_t highest_copy(void)
{
	struct lockdown_held h;
	uint8_t level = 0;

	for (unsigned i = 0; i < LOCKDOWN_COPIES; i++)
		if (load_copy(i, &h) && h.level > level)
			level = h.level;
	return level;
}

/* It came to nothing: what was the cause is one. */
static void end_release(void)
{
	o.releasing = o.guarding = false;
	o.hard |= o.hard_before;
	o.usb |= o.usb_before && o.saves == 0; /* else nobody knows */
	for (unsigned i = 0; i <= TRIGGER_LAST; i++)
		o.measured[i] |= o.measured_before[i];
	memset(o.measured_before, 0, sizeof(o.measured_before));
}

static void forget_process(void)
{
	w.up = false;
	w.next = DISK_GOOD;
	o.drawn = false;
	o.dwelt_any = true;
	o.quiet_ms = 0;
	o.floor = o.durable;
	o.guarding_done = false;
	if (o.releasing)
		end_release();
	o.usb &= o.usb_kept;
}

static enum disk_end end_of_write(void)
{
	enum disk_end e = w.next;

	if (e == DISK_GOOD || w.after-- > 0)
		return DISK_GOOD;
	w.next = DISK_GOOD;
	w.after = 0;
	return e;
}

static void save_copy(const struct lockdown_action *a)
{
	enum disk_end e = end_of_write();

	must(a->copy < LOCKDOWN_COPIES);
	if (e == DISK_GOOD || e == DISK_CUT_AFTER) {
		lockdown_file_encode(&a->held, w.copy[a->copy]);
		w.has[a->copy] = true;
		o.saves++;
		if (a->held.level > o.durable || o.releasing)
			o.durable = highest_copy();
	}
	if (e >= DISK_CUT_BEFORE)
		forget_process();
	else
		lockdown_on_saved(&l, e == DISK_GOOD);
}

static void save_file(void)
{
	enum disk_end e = end_of_write();

	if (e == DISK_GOOD || e == DISK_CUT_AFTER) {
		w.file_len = triggers_file_encode(triggers_held(&t, now()), w.file);
		w.has_file = true;
		o.usb_kept = o.usb;
	}
	if (e >= DISK_CUT_BEFORE)
		forget_process();
	else
		triggers_on_saved(&t, e == DISK_GOOD, now());
}

/* --- the invariants ----------------------------------------------------------------------------- */

/* Of different things by different processes. */
static bool two_measurements(void)
{
	for (unsigned i = TRIGGER_CODE; i <= TRIGGER_LAST; i++)
		for (unsigned j = TRIGGER_CODE; j < i; j++) {
			uint32_t both = o.measured[i] | o.measured[j];

			if (o.measured[i] && o.measured[j] && (both & (both - 1)))
				return true;
		}
	return false;
}

static bool any_measurement(void)
{
	for (unsigned i = TRIGGER_CODE; i <= TRIGGER_LAST; i++)
		if (o.measured[i] || o.measured_before[i])
			return true;
	return false;
}

static void check_causes(uint8_t level)
{
	bool may_seal =
		o.sealed_by_two || two_measurements() || (o.watched && any_measurement());

	must(level < LOCKDOWN_RETIRED || (o.retires && w.utc_s >= o.retire_s));
	must(level != LOCKDOWN_SEALED || may_seal || o.releasing ||
	     o.floor >= LOCKDOWN_SEALED);
	must(o.hard || o.releasing || level == 0);
}

static bool is_slow(unsigned id)
{
	for (unsigned peer = 0; peer < 4; peer++)
		if (triggers_throttled(&t, (enum trigger)id, (uint16_t)peer))
			return true;
	return false;
}

/* What outsiders and faults have slowed down. */
static uint64_t slow_ones(void)
{
	uint64_t set = 0;

	for (unsigned id = TRIGGER_TOKEN; id <= TRIGGER_POWER; id++)
		for (unsigned peer = 0; peer < 4; peer++)
			set = set << 1 |
			      triggers_throttled(&t, (enum trigger)id, (uint16_t)peer);
	return set;
}

static void check_usb(void)
{
	must(!o.usb || o.floor >= LOCKDOWN_QUARANTINED || is_slow(TRIGGER_USB));
	if (!o.guarding_done)
		return;
	o.guarding_done = false;
	must(o.usb || !is_slow(TRIGGER_USB));
	must(slow_ones() == o.slow);
	o.usb_maybe = o.usb;
}

/* A turn is over. */
static void check_turn(void)
{
	if (!w.up)
		return;
	check_usb();
	if (o.releasing && lockdown_is_settled(&l)) /* refused, or raised again */
		end_release();
	must(triggers_level(&t) <= (o.hard || o.releasing ? LOCKDOWN_SEALED : 1));
	if (o.quiet_ms <= DAY_MS)
		return;
	for (unsigned id = TRIGGER_TOKEN; id <= TRIGGER_POWER; id++)
		for (unsigned peer = 0; peer < 4; peer++)
			must(!triggers_throttled(&t, (enum trigger)id, (uint16_t)peer));
}

/* What a power cut would leave now. */
static void check_disk(void)
{
	static struct lockdown after;
	const uint8_t boot[LOCKDOWN_BOOT_LEN] = { 0xff };
	struct lockdown_held a, b;
	bool has_a = load_copy(0, &a), has_b = load_copy(1, &b);

	lockdown_init(&after, has_a ? &a : NULL, has_b ? &b : NULL, boot, now());
	must(lockdown_level(&after) >= o.durable);
	must(has_a || has_b || lockdown_level(&after) == LOCKDOWN_QUARANTINED);
}

static void check(void)
{
	uint8_t level;

	check_disk();
	if (!w.up)
		return;
	level = lockdown_level(&l);
	must(level >= o.floor || o.releasing);
	check_causes(level);
	if (level != o.floor) {
		o.dwelt_ms = 0;
		o.dwelt_any = false;
	}
	if (o.releasing && o.saves >= LOCKDOWN_COPIES &&
	    (o.guarding ? level == 0 && lockdown_lock_epoch(&l) != o.guarding_epoch
			: level < o.floor)) { /* done */
		o.guarding_done = o.guarding;
		o.releasing = o.sealed_by_two = o.guarding = false;
		o.watched |= o.floor == LOCKDOWN_SEALED;
		o.hard |= level > 0;
		memset(o.measured_before, 0, sizeof(o.measured_before));
	}
	o.floor = level;
}

/* --- events ------------------------------------------------------------------------------------- */

/* As hub/orders.c does it. */
static void drain(void)
{
	const uint8_t nonce[COMMAND_NONCE_LEN] = { ++w.nonces, 1 };
	struct lockdown_action a;
	enum triggers_do what;
	unsigned turns = 0;

	while (w.up) {
		must(++turns < 200);
		if (lockdown_next(&l, now(), &a)) {
			if (a.what == LOCKDOWN_SAVE) {
				save_copy(&a);
			} else if (a.what == LOCKDOWN_DRAW) {
				lockdown_on_nonce(&l, nonce, now());
				o.drawn = true;
				o.nonce = nonce[0];
				o.nonce_floor = lockdown_level(&l);
				o.nonce_epoch = lockdown_lock_epoch(&l);
				o.drawn_ms = w.ms;
			}
		} else if (triggers_next(&t, &l, now(), &what)) {
			if (what == TRIGGERS_SAVE)
				save_file();
		} else {
			break;
		}
		check();
	}
	check();
	check_turn();
}

static void start(bool new_boot)
{
	const uint8_t hub[HUB_ID_LEN] = { HUB };
	uint8_t boot[LOCKDOWN_BOOT_LEN] = { 0 };
	struct lockdown_held a, b;
	struct triggers_held held;
	bool has_a = load_copy(0, &a), has_b = load_copy(1, &b);

	if (new_boot) {
		w.boots++;
		w.ms = 1000;
		o.dwelt_ms = 0;
		o.dwelt_any = false;
	}
	boot[0] = w.boots;
	lockdown_init(&l, has_a ? &a : NULL, has_b ? &b : NULL, boot, now());
	triggers_init(&t,
		      w.has_file && triggers_file_decode(w.file, w.file_len, &held) == 0
			      ? &held
			      : NULL,
		      &l, boot, now());
	lockdown_on_config(&l, hub, EPOCH, HEARTBEAT_S);
	w.up = true;
	must(lockdown_level(&l) >= o.durable);
	must(has_a || has_b || lockdown_level(&l) == LOCKDOWN_QUARANTINED);
	if (!has_a && !has_b) /* nobody knows which causes a release has ended */
		o.hard = o.sealed_by_two = true;
	o.floor = lockdown_level(&l);
	drain();
}

static void on_signal(struct reader *r)
{
	unsigned id = read_u8(r) % (TRIGGER_LAST + 3), by = read_u8(r) % (ROLE_LAST + 1);
	uint16_t peer = read_u8(r) % 4;
	uint32_t count = read_u8(r);
	bool seen = trigger_may_report((enum trigger)id, (enum role)by);
	unsigned is = seen ? id : TRIGGER_IPC; /* who lies has broken the rules */

	triggers_on_signal(&t, (enum trigger)id, peer, (enum role)by, count, &l, now());
	if (is > TRIGGER_POWER) {
		o.hard |= count > 0;
		o.usb |= is == TRIGGER_USB && count > 0;
		o.usb_maybe |= o.usb;
		if (is >= TRIGGER_CODE && count > 0)
			o.measured[is] |= 1u << (seen ? by : ROLE_HUBD);
	} else {
		o.quiet_ms = 0;
	}
	drain();
}

/* What stands in the place of the hub's id. */
static bool write_other(const struct command *c, unsigned what, uint8_t *ret, size_t cap,
			size_t *ret_len)
{
	uint8_t good[COMMAND_PAYLOAD_MAX];
	int n = command_encode(c, good, sizeof(good));
	size_t rest = 1 + 2 + 1 + 1 + HUB_ID_LEN; /* map, version, key, bytes */
	struct writer to;

	must(n > 0);
	writer_init(&to, ret, cap);
	write_bytes(&to, good, 4);
	switch (what) {
	case 1:
	case 2:
		cb_put_array(&to, what);
		for (unsigned i = 0; i < what; i++)
			cb_put_bytes(&to, c->hub, HUB_ID_LEN);
		break;
	case 3: cb_put_null(&to); break;
	case 4: cb_put_text(&to, "*", 1); break;
	case 5: cb_put_bytes(&to, c->hub, HUB_ID_LEN - 1); break;
	case 6: cb_put_bytes(&to, c->hub, 0); break;
	default: cb_put_bytes(&to, c->hub, HUB_ID_LEN); break;
	}
	write_bytes(&to, good + rest, (size_t)n - rest);
	*ret_len = (size_t)writer_len(&to);
	return what >= 1 && what <= 6;
}

static bool two_roles(const enum signer_role *roles, size_t count)
{
	return count == 2 && roles[0] != roles[1] && roles[0] && roles[1];
}

/* By the oracle: may this release be done? */
static bool release_is_good(const struct command *c)
{
	uint64_t life = LOCKDOWN_CHALLENGE_MS + 2000ull * HEARTBEAT_S;

	return o.drawn && c->nonce[0] == o.nonce && c->nonce[1] == 1 &&
	       c->lock_epoch == o.nonce_epoch &&
	       o.nonce_epoch == lockdown_lock_epoch(&l) && w.ms - o.drawn_ms < life &&
	       o.nonce_floor == o.floor &&
	       (o.floor == LOCKDOWN_NORMAL
			? o.usb_maybe
			: o.floor == LOCKDOWN_QUARANTINED &&
				  (o.dwelt_any || o.dwelt_ms >= 30ull * MINUTE_MS));
}

static void begin_release(void)
{
	o.releasing = true;
	o.saves = 0;
	o.drawn = false;
	o.guarding = o.floor == LOCKDOWN_NORMAL;
	o.guarding_epoch = lockdown_lock_epoch(&l);
	o.slow = slow_ones();
	o.usb_before = o.usb;
	o.usb = false;
	o.hard_before = o.hard;
	o.hard = false;
	memcpy(o.measured_before, o.measured, sizeof(o.measured));
	memset(o.measured, 0, sizeof(o.measured));
}

static void note_order(const struct command *c, const enum signer_role *roles,
		       size_t count)
{
	if (c->hub[0] != HUB || c->epoch != EPOCH || c->not_after_s < w.utc_s)
		return;
	if (c->verb == COMMAND_LOCK && (c->level < 3 || two_roles(roles, count))) {
		o.hard = true;
		o.sealed_by_two |= c->level == 3;
	} else if (c->verb == COMMAND_RETIRE && two_roles(roles, count)) {
		o.retire_s = o.retires && o.retire_s < w.utc_s + LOCKDOWN_RETIRE_S
				     ? o.retire_s
				     : w.utc_s + LOCKDOWN_RETIRE_S;
		o.retires = o.hard = true;
	} else if (c->verb == COMMAND_RELEASE && count > 0 && release_is_good(c)) {
		begin_release();
	}
}

static void on_order(struct reader *r)
{
	unsigned spoilt = read_u8(r), who = read_u8(r), what = read_u8(r);
	enum signer_role roles[2] = { (enum signer_role)(who % SIGNER_ROLES),
				      (enum signer_role)(who / 16 % SIGNER_ROLES) };
	size_t count = what & 0x40 ? 2 : 1, len;
	uint8_t payload[2 * COMMAND_PAYLOAD_MAX];
	struct command c = { .hub = { spoilt == 1 ? HUB + 1 : HUB },
			     .epoch = spoilt == 2 ? EPOCH + 1 : EPOCH,
			     .counter =
				     spoilt == 3 && w.counter ? w.counter : ++w.counter,
			     .not_after_s = spoilt == 4 ? w.utc_s - 1 : w.utc_s + 60,
			     .verb = (enum command_verb)(1 + what % COMMAND_VERB_LAST),
			     .minutes = 5,
			     .level = what & 0x80 ? 3 : 2,
			     .how = COMMAND_RETIRE_DRAIN },
		       got;

	if (o.drawn) {
		c.nonce[0] = o.nonce;
		c.nonce[1] = 1;
		c.lock_epoch = o.nonce_epoch;
	}
	if (spoilt == 5)
		c.nonce[0] = read_u8(r); /* an old one, perhaps */
	if (spoilt == 6)
		c.lock_epoch = read_u8(r);
	if (write_other(&c, spoilt >= 16 && spoilt < 22 ? spoilt - 15 : 0, payload,
			sizeof(payload), &len)) {
		must(command_decode(payload, len, &got) < 0); /* INV-9 */
		return;
	}
	must(command_decode(payload, len, &got) == 0);
	lockdown_on_measured(&l, triggers_is_clean(&t, TRIGGERS_CLEAN));
	/* what is good is noted before: the machine acts on it within the call */
	if (lockdown_is_settled(&l))
		note_order(&got, roles, count);
	lockdown_on_command(&l, &got, roles, count, w.utc_s, now());
	drain();
}

/* Judged good elsewhere (token_open.h): of two roles at level 3. */
static void on_token(struct reader *r)
{
	uint8_t level = read_u8(r) & 1 ? 2 : 0;
	bool taken;

	if (o.floor == LOCKDOWN_NORMAL && lockdown_can_release(&l)) {
		taken = lockdown_on_token(&l, level, now());
		must(!taken || (level == 0 && o.usb_maybe));
		must(taken || level > 0 || !o.usb);
		if (taken)
			begin_release();
		drain();
		return;
	}
	if (o.floor < LOCKDOWN_QUARANTINED || o.floor >= LOCKDOWN_RETIRED ||
	    level >= o.floor || !lockdown_is_settled(&l))
		return;
	begin_release();
	lockdown_on_token(&l, level, now());
	drain();
}

static void on_time(struct reader *r)
{
	static const uint64_t steps[] = {
		1000, MINUTE_MS, 10ull * MINUTE_MS, 31ull * MINUTE_MS, HOUR_MS, DAY_MS + 1
	};
	uint64_t d = steps[read_u8(r) % (sizeof(steps) / sizeof(steps[0]))];

	w.ms += d;
	w.utc_s += (int64_t)(d / 1000);
	o.quiet_ms += d;
	o.dwelt_ms += d;
	drain();
	if (w.up)
		lockdown_on_time(&l, w.utc_s, now());
	drain();
}

/* A sector goes bad: what was durable there is not. */
static void on_damage(struct reader *r)
{
	unsigned what = read_u8(r), at = read_u8(r);
	struct lockdown_held h;

	if (what % 3 == 2) {
		w.has_file = o.usb_kept = false;
		return;
	}
	w.copy[what % 3][at % LOCKDOWN_FILE_LEN] ^= (uint8_t)(1 + at / 16);
	must(!load_copy(what % 3, &h));
	w.has[what % 3] = false;
	o.durable = highest_copy();
}

static void step_up(uint8_t what, struct reader *r)
{
	unsigned id;

	switch (what % 11) {
	case 0:
	case 1: on_signal(r); break;
	case 2:
		id = read_u8(r) % (TRIGGER_LAST + 1);
		triggers_on_good(&t, (enum trigger)id, read_u8(r) % 4, now());
		drain();
		break;
	case 3:
		triggers_on_measured(&t, read_u8(r) & 1, now());
		drain();
		break;
	case 4: on_time(r); break;
	case 5:
	case 6: on_order(r); break;
	case 7: on_token(r); break;
	case 8:
		w.next = (enum disk_end)(read_u8(r) % DISK_ENDS);
		w.after = read_u8(r) % 4;
		break;
	case 9:
		lockdown_again(&l);
		triggers_again(&t);
		drain();
		break;
	default:
		if (read_u8(r) & 1) {
			triggers_on_stop(&t);
			drain();
		}
		if (w.up)
			forget_process();
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct lockdown_held first = { .generation = 1 };
	struct reader r;

	memset(&w, 0, sizeof(w));
	memset(&o, 0, sizeof(o));
	w.ms = 1000;
	w.utc_s = 1795000000;
	for (unsigned i = 0; i < LOCKDOWN_COPIES; i++) {
		lockdown_file_encode(&first, w.copy[i]);
		w.has[i] = true;
	}
	reader_init(&r, data, size);
	start(true);
	for (unsigned n = 0; n < STEPS_MAX && reader_left(&r) > 0; n++) {
		uint8_t what = read_u8(&r);

		if (what >= 0xf0)
			on_damage(&r);
		else if (w.up)
			step_up(what, &r);
		else
			start(what & 1);
		check();
	}
	return 0;
}
