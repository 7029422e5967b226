/*
 * test_triggers.c - each row of the table at its limits, what a start makes of what is on the disk, what the clinic is told,
 * and the file itself.
 */
#include "tests/unit/test.h"
#include "tests/unit/temp_dir.h"

#include <errno.h>

#include "hub/core/err.h"
#include "hub/lockdown.h"
#include "hub/rt/file.h"
#include "hub/triggers_file.h"

enum { HOUR_MS = 3600 * 1000, DAY_MS = 24 * HOUR_MS };

static const uint8_t boot_a[LOCKDOWN_BOOT_LEN] = { 1 };
static const uint8_t boot_b[LOCKDOWN_BOOT_LEN] = { 2 };

static struct lockdown l;
static struct triggers t;

static struct mono ms(uint64_t n)
{
	return (struct mono){ n };
}

static void drain(uint64_t at)
{
	struct lockdown_action a;
	enum triggers_do what;

	for (;;) {
		if (lockdown_next(&l, ms(at), &a)) {
			if (a.what == LOCKDOWN_SAVE)
				lockdown_on_saved(&l, true);
		} else if (triggers_next(&t, &l, ms(at), &what)) {
			if (what == TRIGGERS_SAVE)
				triggers_on_saved(&t, true, ms(at));
		} else {
			break;
		}
	}
}

static void begin(const struct triggers_held *held,
		  const uint8_t boot[static LOCKDOWN_BOOT_LEN], uint64_t at)
{
	static const struct lockdown_held fresh = { .generation = 1 };

	lockdown_init(&l, &fresh, &fresh, boot, ms(at));
	triggers_init(&t, held, &l, boot, ms(at));
	drain(at);
}

static enum role sees(enum trigger id)
{
	for (enum role by = ROLE_BLE; by <= ROLE_LAST; by++)
		if (trigger_may_report(id, by))
			return by;
	return ROLE_NONE;
}

static void see(enum trigger id, uint32_t count, uint64_t at)
{
	triggers_on_signal(&t, id, 3, sees(id), count, &l, ms(at));
	drain(at);
}

static bool slow(enum trigger id)
{
	return triggers_throttled(&t, id, 3);
}

/* The classes and how far each goes; what ends by itself does so within a day. */
static void test_ceilings(void)
{
	for (int id = 0; id <= TRIGGER_LAST + 2; id++) {
		const struct trigger_row *r = trigger_row((enum trigger)id);

		CHECK((r != NULL) == (id >= 1 && id <= TRIGGER_LAST));
		if (!r)
			continue;
		CHECK(r->capacity > 0 && r->leak_ms > 0 && r->seen_by != 0);
		CHECK(sees(r->id) != ROLE_NONE && strcmp(trigger_text(r->id), "?") != 0);
		switch (r->class) {
		case TRIGGER_CLASS_OUTSIDER:
		case TRIGGER_CLASS_FAULT:
			CHECK(r->to <= LOCKDOWN_GUARDED && r->end != TRIGGER_END_RELEASE);
			CHECK(r->end_ms > 0 && r->end_ms <= DAY_MS);
			CHECK((uint64_t)r->capacity * r->leak_ms <= DAY_MS);
			break;
		case TRIGGER_CLASS_POSSESSION:
		case TRIGGER_CLASS_MEASUREMENT:
			CHECK(r->to <= LOCKDOWN_QUARANTINED);
			CHECK(r->end == TRIGGER_END_RELEASE);
			break;
		}
	}
}

/* One less than fills it, that one, and the level. */
static void test_capacity(void)
{
	for (enum trigger id = 1; id <= TRIGGER_LAST; id++) {
		const struct trigger_row *r = trigger_row(id);

		begin(NULL, boot_a, 1000);
		if (r->capacity > 1)
			see(id, r->capacity - 1, 1000);
		CHECK(!slow(id));
		CHECK_UINT(triggers_level(&t), LOCKDOWN_NORMAL);
		see(id, 1, 1000);
		CHECK(slow(id));
		CHECK_UINT(triggers_level(&t), r->to);
		CHECK_UINT(lockdown_level(&l), r->to >= 2 ? r->to : 0);
		/* one at a time, slower than it leaks: never */
		begin(NULL, boot_a, 1000);
		for (unsigned i = 0; i < 3 * r->capacity && r->capacity > 1; i++) {
			see(id, 1, 1000 + i * (uint64_t)r->leak_ms);
			CHECK(!slow(id));
		}
		/* a count beyond all bounds is one overflow */
		begin(NULL, boot_a, 1000);
		see(id, UINT32_MAX, 1000);
		see(id, UINT32_MAX, 1000);
		CHECK(slow(id));
	}
}

/* To the millisecond, and not a signal longer; a timer is set for it. */
static void test_ends(void)
{
	static const struct {
		enum trigger id;
		uint64_t after_ms;
	} cases[] = {
		{ TRIGGER_TOKEN, HOUR_MS }, /* three quarters of 8 x 10 min */
		{ TRIGGER_RADIO, HOUR_MS },  { TRIGGER_IMPOSTOR, DAY_MS },
		{ TRIGGER_SERVER, DAY_MS },  { TRIGGER_HANDSHAKE, DAY_MS },
		{ TRIGGER_TIME, DAY_MS },    { TRIGGER_DECODER, DAY_MS },
		{ TRIGGER_STORAGE, DAY_MS }, { TRIGGER_POWER, DAY_MS },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		enum trigger id = cases[i].id;
		uint64_t end = 1000 + cases[i].after_ms;

		begin(NULL, boot_a, 1000);
		see(id, 100, 1000);
		CHECK(triggers_deadline(&t, ms(1000)).ms <= end);
		drain(end - 1);
		CHECK(slow(id));
		drain(end);
		CHECK(!slow(id));
		CHECK_UINT(triggers_level(&t), LOCKDOWN_NORMAL);
		/* it begins anew, empty */
		if (trigger_row(id)->capacity > 1) {
			see(id, trigger_row(id)->capacity - 1, end);
			CHECK(!slow(id));
		}
	}
	begin(NULL, boot_a, 1000);
	see(TRIGGER_AUDIT, 1, 1000);
	drain(1000 + 400ull * DAY_MS);
	CHECK(slow(TRIGGER_AUDIT));
	CHECK_UINT(lockdown_level(&l), LOCKDOWN_QUARANTINED);
}

static void test_good(void)
{
	for (enum trigger id = 1; id <= TRIGGER_LAST; id++) {
		begin(NULL, boot_a, 1000);
		see(id, 100, 1000);
		triggers_on_good(&t, id, 4, ms(1001)); /* another's */
		drain(1001);
		CHECK(slow(id));
		triggers_on_good(&t, id, 3, ms(1001));
		drain(1001);
		CHECK_INT(slow(id), trigger_row(id)->end != TRIGGER_END_GOOD);
	}
	/* what is not full leaks as before: going well now and then empties nothing */
	begin(NULL, boot_a, 1000);
	see(TRIGGER_HANDSHAKE, 29, 1000);
	triggers_on_good(&t, TRIGGER_HANDSHAKE, 3, ms(1001));
	see(TRIGGER_HANDSHAKE, 1, 1002);
	CHECK(slow(TRIGGER_HANDSHAKE));
}

/* Buckets leak with powered-on time only: a plug that is pulled makes nothing faster, or slower. */
static void test_restart(void)
{
	struct triggers_held held;
	uint64_t full = 8 * 600 * 1000ull;

	begin(NULL, boot_a, 5000);
	see(TRIGGER_TOKEN, 7, 5000);
	held = *triggers_held(&t, ms(5000 + full / 2));
	/* the same boot, later: the clock went on */
	begin(&held, boot_a, 5000 + full / 2 + 600 * 1000);
	see(TRIGGER_TOKEN, 4, 5000 + full / 2 + 600 * 1000); /* 7 - 4 - 1 + 4 = 6 */
	CHECK(!slow(TRIGGER_TOKEN));
	see(TRIGGER_TOKEN, 2, 5000 + full / 2 + 600 * 1000);
	CHECK(slow(TRIGGER_TOKEN));
	/* another boot: whatever the time of day, it is as it was, and the boot's own age */
	begin(&held, boot_b, 600 * 1000);
	see(TRIGGER_TOKEN, 5, 600 * 1000);
	CHECK(!slow(TRIGGER_TOKEN));
	see(TRIGGER_TOKEN, 1, 600 * 1000);
	CHECK(slow(TRIGGER_TOKEN));
	/* an effect outlives a start */
	held = *triggers_held(&t, ms(600 * 1000));
	begin(&held, boot_b, 600 * 1000);
	CHECK(slow(TRIGGER_TOKEN));
	CHECK_UINT(triggers_level(&t), LOCKDOWN_GUARDED);
	/* a clock that went back counts as no time */
	begin(&held, boot_b, 10);
	CHECK(slow(TRIGGER_TOKEN));
	drain(10 + HOUR_MS - 1);
	CHECK(slow(TRIGGER_TOKEN));
	drain(10 + HOUR_MS);
	CHECK(!slow(TRIGGER_TOKEN));
}

static uint32_t power_count(void)
{
	struct health_trigger told[HEALTH_TRIGGERS_MAX];
	size_t n = triggers_tell(&t, told);

	return n > 0 && told[0].id == TRIGGER_POWER ? told[0].count : 0;
}

static void test_power(void)
{
	struct triggers_held held;

	begin(NULL, boot_a, 1000);
	CHECK_UINT(power_count(), 0); /* the first start of all */
	held = *triggers_held(&t, ms(2000));
	begin(&held, boot_a, 3000);
	CHECK_UINT(power_count(), 0); /* only this process */
	begin(&held, boot_b, 3000);
	CHECK_UINT(power_count(), 1);
	triggers_on_stop(&t);
	drain(4000);
	held = *triggers_held(&t, ms(4000));
	CHECK(held.stopped);
	begin(&held, boot_a, 1000);
	CHECK_UINT(power_count(), 1); /* that was a stop */
	CHECK(!triggers_held(&t, ms(1000))->stopped);
}

/* Who reports what he cannot see has himself broken the rules. */
static void test_reporters(void)
{
	begin(NULL, boot_a, 1000);
	triggers_on_signal(&t, TRIGGER_ROLLBACK, 0, ROLE_BLE, 1, &l, ms(1000));
	drain(1000);
	CHECK(!triggers_throttled(&t, TRIGGER_ROLLBACK, 0));
	CHECK(triggers_throttled(&t, TRIGGER_IPC, ROLE_BLE));
	CHECK_UINT(lockdown_level(&l), LOCKDOWN_QUARANTINED);
	/* the same process once more, another thing: still one that measures, hubd */
	triggers_on_signal(&t, (enum trigger)17, 0, ROLE_BLE, 1, &l, ms(1000));
	drain(1000);
	CHECK_UINT(lockdown_level(&l), LOCKDOWN_QUARANTINED);
	/* another thing, another process */
	triggers_on_signal(&t, TRIGGER_AUDIT, 0, ROLE_STORE, 1, &l, ms(1000));
	drain(1000);
	CHECK_UINT(lockdown_level(&l), TRIGGERS_TWO);
}

/* A release waits for measurements that find nothing, if one of the kind that is measured has locked. */
static void test_clean(void)
{
	const uint64_t far = TRIGGERS_CLEAN_MS;

	begin(NULL, boot_a, 1000);
	CHECK(triggers_is_clean(&t, TRIGGERS_CLEAN));
	see(TRIGGER_CASE, 1, 1000); /* nobody measures that */
	CHECK(triggers_is_clean(&t, TRIGGERS_CLEAN));
	see(TRIGGER_CODE, 1, 1000);
	CHECK(!triggers_is_clean(&t, 1));
	triggers_on_measured(&t, 0, ms(2000));
	CHECK(triggers_is_clean(&t, 1));
	triggers_on_measured(&t, 0, ms(2000 + far - 1)); /* too soon after the first */
	CHECK(!triggers_is_clean(&t, TRIGGERS_CLEAN));
	triggers_on_measured(&t, 0, ms(2000 + far));
	CHECK(triggers_is_clean(&t, TRIGGERS_CLEAN));
	triggers_on_measured(&t, 1, ms(3000 + far)); /* it is there again */
	CHECK(!triggers_is_clean(&t, 1));
	triggers_on_measured(&t, 0, ms(4000 + far));
	triggers_on_measured(&t, 0, ms(4000 + 2 * far));
	CHECK(triggers_is_clean(&t, TRIGGERS_CLEAN));
	see(TRIGGER_IPC, 1, 5000 + 2 * far);
	CHECK(!triggers_is_clean(&t, 1));
}

/* After a release from level 3 one measurement is enough, for a day of powered-on time. */
static void test_watch(void)
{
	for (unsigned late = 0; late < 2; late++) {
		uint64_t at = 2000 + late * (uint64_t)LOCKDOWN_WATCH_MS;

		begin(NULL, boot_a, 1000);
		see(TRIGGER_CODE, 1, 1000);
		see(TRIGGER_AUDIT, 1, 1000);
		CHECK_UINT(lockdown_level(&l), LOCKDOWN_SEALED);
		CHECK(!lockdown_on_token(&l, LOCKDOWN_GUARDED, ms(2000)));
		CHECK(!lockdown_on_token(&l, LOCKDOWN_SEALED, ms(2000)));
		CHECK(lockdown_on_token(&l, LOCKDOWN_NORMAL, ms(2000)));
		drain(2000);
		CHECK_UINT(lockdown_level(&l), LOCKDOWN_NORMAL);
		CHECK_UINT(lockdown_unsealed(&l), lockdown_lock_epoch(&l));
		/* a stick in between, and its release, change nothing of that */
		see(TRIGGER_USB, 1, 2000);
		CHECK(lockdown_on_token(&l, LOCKDOWN_NORMAL, ms(2000)));
		drain(2000);
		CHECK(!slow(TRIGGER_USB));
		see(TRIGGER_SOCKET, 1, at);
		CHECK_UINT(lockdown_level(&l),
			   late ? LOCKDOWN_QUARANTINED : LOCKDOWN_SEALED);
	}
}

/* What is seen while a release is being written locks anew, also if it is what had locked. */
static void test_seen_again(void)
{
	struct lockdown_action a;

	begin(NULL, boot_a, 1000);
	see(TRIGGER_CODE, 1, 1000);
	CHECK(lockdown_on_token(&l, LOCKDOWN_NORMAL, ms(2000)));
	CHECK(lockdown_next(&l, ms(2000), &a) && a.what == LOCKDOWN_SAVE);
	lockdown_on_saved(&l, false);
	see(TRIGGER_CODE, 1, 3000);
	lockdown_again(&l);
	drain(4000);
	CHECK_UINT(lockdown_lock_epoch(&l), 1);
	CHECK_UINT(lockdown_level(&l), LOCKDOWN_QUARANTINED);
	/* the same at level 1: another stick */
	begin(NULL, boot_a, 1000);
	see(TRIGGER_USB, 1, 1000);
	CHECK(lockdown_on_token(&l, LOCKDOWN_NORMAL, ms(2000)));
	CHECK(lockdown_next(&l, ms(2000), &a) && a.what == LOCKDOWN_SAVE);
	lockdown_on_saved(&l, false);
	see(TRIGGER_USB, 1, 3000);
	lockdown_again(&l);
	drain(4000);
	CHECK_UINT(lockdown_lock_epoch(&l), 1);
	CHECK(slow(TRIGGER_USB) && lockdown_is_guarded(&l));
}

static bool draw(uint64_t at, uint8_t n)
{
	struct lockdown_action a;
	uint8_t nonce[COMMAND_NONCE_LEN] = { n };
	bool asked = lockdown_next(&l, ms(at), &a) && a.what == LOCKDOWN_DRAW;

	if (asked)
		lockdown_on_nonce(&l, nonce, ms(at));
	return asked;
}

/* Level 1 by possession: for ever, but for a release, at once; of what ends by itself there is none. */
static void test_guarded(void)
{
	struct triggers_held held;
	uint32_t lock_epoch;
	uint8_t nonce[COMMAND_NONCE_LEN];

	begin(NULL, boot_a, 1000);
	CHECK(!triggers_needs_release(&t) && !lockdown_is_guarded(&l));
	see(TRIGGER_TOKEN, 100, 1000);
	CHECK_UINT(triggers_level(&t), LOCKDOWN_GUARDED);
	CHECK(!triggers_needs_release(&t) && !lockdown_is_guarded(&l));
	CHECK(!lockdown_on_token(&l, LOCKDOWN_NORMAL, ms(1000)));
	CHECK(!lockdown_challenge(&l, &lock_epoch, nonce));
	see(TRIGGER_RADIO, 19, 1000);
	triggers_on_signal(&t, TRIGGER_USB, 3, ROLE_MEASURE, 1, &l, ms(1000));
	drain(1000 + 3 * (uint64_t)DAY_MS);
	CHECK(!slow(TRIGGER_TOKEN) && slow(TRIGGER_USB));
	held = *triggers_held(&t, ms(1000));
	begin(&held, boot_b, 1000);
	CHECK(slow(TRIGGER_USB) && lockdown_is_guarded(&l));
	CHECK_UINT(lockdown_level(&l), LOCKDOWN_NORMAL);
	see(TRIGGER_TOKEN, 100, 1000);
	see(TRIGGER_RADIO, 19, 1000);
	CHECK(!lockdown_on_token(&l, LOCKDOWN_GUARDED, ms(1000)));
	CHECK(!lockdown_on_token(&l, LOCKDOWN_QUARANTINED, ms(1000)));
	CHECK(lockdown_on_token(&l, LOCKDOWN_NORMAL, ms(1000)));
	drain(1000);
	CHECK_UINT(lockdown_lock_epoch(&l), 1);
	CHECK(!slow(TRIGGER_USB) && !lockdown_is_guarded(&l));
	CHECK(!lockdown_on_token(&l, LOCKDOWN_NORMAL, ms(1000)));
	/* who guesses, or sends what he must not, has nothing of it */
	CHECK(slow(TRIGGER_TOKEN) && !slow(TRIGGER_RADIO));
	see(TRIGGER_RADIO, 1, 1000);
	CHECK(slow(TRIGGER_RADIO));
	/* another time */
	see(TRIGGER_USB, 1, 1000);
	CHECK(slow(TRIGGER_USB) && lockdown_is_guarded(&l));
	/* nothing that measures is ended at level 1 */
	see(TRIGGER_CODE, 1, 1000);
	CHECK(!triggers_needs_release(&t) && !lockdown_is_guarded(&l));
	CHECK_UINT(lockdown_level(&l), LOCKDOWN_QUARANTINED);
}

/* INV-6: what was drawn at level 1 names nothing at level 2. */
static void test_nonce_of_a_level(void)
{
	uint32_t lock_epoch;
	uint8_t nonce[COMMAND_NONCE_LEN];

	begin(NULL, boot_a, 1000);
	CHECK(!draw(1000, 1));
	triggers_on_signal(&t, TRIGGER_USB, 0, ROLE_MEASURE, 1, &l, ms(1000));
	CHECK(!draw(1000, 1)); /* nobody has looked yet */
	triggers_next(&t, &l, ms(1000), &(enum triggers_do){ 0 });
	CHECK(draw(1000, 1));
	CHECK(lockdown_challenge(&l, &lock_epoch, nonce) && nonce[0] == 1);
	CHECK(lockdown_deadline(&l).ms > 1000);
	CHECK(lockdown_deadline(&l).ms != MONO_NEVER.ms);
	triggers_on_saved(&t, true, ms(1000));
	lockdown_raise(&l, LOCKDOWN_QUARANTINED, ms(2000));
	for (unsigned i = 0; i < LOCKDOWN_COPIES; i++) {
		struct lockdown_action a;

		CHECK(lockdown_next(&l, ms(2000), &a) && a.what == LOCKDOWN_SAVE);
		lockdown_on_saved(&l, true);
	}
	CHECK(!lockdown_challenge(&l, &lock_epoch, nonce));
	while (!draw(2000, 2))
		CHECK_UINT(lockdown_level(&l), LOCKDOWN_QUARANTINED);
	CHECK(lockdown_challenge(&l, &lock_epoch, nonce) && nonce[0] == 2);
}

/* With no place left outsiders make room for each other, never a cause that locks. */
static void test_room(void)
{
	begin(NULL, boot_a, 1000);
	see(TRIGGER_CASE, 1, 1000);
	for (unsigned i = 0; i < 4 * TRIGGER_ROWS_MAX; i++)
		triggers_on_signal(&t, TRIGGER_RADIO, (uint16_t)i, ROLE_BLE, 100, &l,
				   ms(1000 + i));
	CHECK(slow(TRIGGER_CASE));
	CHECK_UINT(t.held.bucket_count, TRIGGER_ROWS_MAX);
	for (unsigned i = 0; i < 4 * TRIGGER_ROWS_MAX; i++)
		triggers_on_signal(&t, TRIGGER_IPC, (uint16_t)i, ROLE_STORE, 1, &l,
				   ms(2000));
	drain(2000);
	CHECK(slow(TRIGGER_CASE));
	CHECK_UINT(lockdown_level(&l), LOCKDOWN_QUARANTINED);
	/* one process that fills the table with its own does not keep another one from being heard */
	see(TRIGGER_CODE, 1, 2001);
	CHECK(slow(TRIGGER_CASE) && slow(TRIGGER_CODE));
	drain(2001);
	CHECK_UINT(lockdown_level(&l), LOCKDOWN_SEALED);
}

static void test_told(void)
{
	struct health_trigger told[HEALTH_TRIGGERS_MAX];

	begin(NULL, boot_a, 1000);
	see(TRIGGER_RADIO, 3, 1000); /* not full: nobody's business */
	CHECK_UINT(triggers_tell(&t, told), 0);
	see(TRIGGER_IMPOSTOR, 2, 1000);
	see(TRIGGER_RADIO, 20, 1001);
	see(TRIGGER_AUDIT, 1, 1002);
	see(TRIGGER_SERVER, 1, 1003);
	see(TRIGGER_TIME, 1, 1004);
	CHECK_UINT(triggers_tell(&t, told), HEALTH_TRIGGERS_MAX);
	CHECK_UINT(told[0].id, TRIGGER_AUDIT);
	CHECK_UINT(told[0].to, 2);
	CHECK_UINT(told[1].id, TRIGGER_TIME);
	CHECK_UINT(told[2].id, TRIGGER_SERVER);
	CHECK_UINT(told[3].id, TRIGGER_RADIO);
	CHECK_UINT(told[3].count, 23);
	CHECK_UINT(told[3].peer, 3);
}

static void test_file(void)
{
	uint8_t buf[TRIGGERS_FILE_MAX];
	struct triggers_held got;
	char dir[64];
	size_t n;

	temp_dir_make(dir, sizeof(dir));
	CHECK_INT(triggers_file_load(dir, &got), -ENOENT);
	begin(NULL, boot_a, 1000);
	see(TRIGGER_RADIO, 7, 2000);
	see(TRIGGER_AUDIT, 1, 3000);
	CHECK_INT(triggers_file_save(dir, triggers_held(&t, ms(4000))), 0);
	CHECK_INT(triggers_file_load(dir, &got), 0);
	CHECK_UINT(got.bucket_count, 2);
	CHECK_UINT(got.mono_ms, 4000);
	CHECK_UINT(got.powered_ms, 4000);
	CHECK_UINT(got.buckets[0].count, 7);
	CHECK_UINT(got.buckets[0].empty_ms, t.held.buckets[0].empty_ms);
	CHECK_UINT(got.buckets[1].id, TRIGGER_AUDIT);
	CHECK_UINT(got.buckets[1].by, ROLE_STORE);
	CHECK_UINT(got.buckets[1].over_ms, 3000);
	n = triggers_file_encode(&got, buf);
	for (size_t bit = 0; bit < 8 * n; bit++) {
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CHECK_INT(triggers_file_decode(buf, n, &got), -EBADMSG);
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	CHECK_INT(triggers_file_decode(buf, n - 1, &got), -EBADMSG);
	CHECK_INT(triggers_file_decode(buf, TRIGGERS_HEAD_LEN + SHA256_LEN - 1, &got),
		  -EMSGSIZE);
	CHECK_INT(triggers_file_decode(buf, n, &got), 0);
	got.buckets[0].id = TRIGGER_NONE;
	n = triggers_file_encode(&got, buf);
	CHECK_INT(triggers_file_decode(buf, n, &got), -ERANGE);
	temp_dir_remove(dir);
}

TEST_MAIN("triggers", test_ceilings, test_capacity, test_ends, test_good, test_restart,
	  test_power, test_reporters, test_clean, test_watch, test_seen_again,
	  test_guarded, test_nonce_of_a_level, test_room, test_told, test_file)
