/*
 * test_days.c - when a manifest is due, in virtual time: days, absences, clocks that are away, wrong or set back,
 * reboots and commits that fail, against what the clinic must be able to rely on.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "clinic/opening.h"
#include "storage/days_record.h"

enum { HOUR = 3600 * 1000, MINUTE = 60 * 1000 };

static const int64_t day_ms = INT64_C(86400000);
static const uint8_t hub[HUB_ID_LEN] = { 0xaa };

/* noon of a day, the clock set by the clinic */
static struct days_now at(uint32_t day, uint64_t mono)
{
	return (struct days_now){ .boot = { 1 },
				  .mono = { mono },
				  .wall = { day * day_ms + 12 * HOUR, 40,
					    CLOCK_QUALITY_CLINIC },
				  .highest = 10,
				  .acked = 8 };
}

static struct manifest make(struct days_last *last, struct days_now *now)
{
	struct manifest m = days_manifest(last, now, hub, 3, NULL);
	uint8_t buf[MANIFEST_PAYLOAD_MAX];

	CHECK(manifest_encode(&m, buf, sizeof(buf)) > 0);
	*last = days_after(last, &m);
	now->highest++;
	return m;
}

static void test_first(void)
{
	struct days_last last = { 0 };
	struct days_now now = at(20000, MINUTE);
	struct manifest m;

	now.wall.quality = CLOCK_QUALITY_UNSYNC;
	CHECK(!days_due(&last, &now));
	now.wall.quality = CLOCK_QUALITY_NTP;
	CHECK(days_due(&last, &now));
	CHECK_UINT(days_next(&last, &now).ms, now.mono.ms);
	m = make(&last, &now);
	CHECK_UINT(m.counter, 1);
	CHECK_UINT(m.first, 1);
	CHECK_UINT(m.last, 10);
	CHECK_UINT(m.acked, 8);
	CHECK_UINT(m.epoch, 3);
	CHECK_UINT(m.hub[0], 0xaa);
	CHECK(m.has_days);
	CHECK_UINT(m.from_day, 20000); /* no day is over */
	CHECK_UINT(m.to_day, 19999);
	CHECK(!m.has_given_up);
	CHECK_UINT(last.seq, 11);
	now.highest = 11;
	CHECK(!days_due(&last, &now));
}

static void test_midnight(void)
{
	struct days_last last = { 0 };
	struct days_now now = at(20000, MINUTE);
	struct manifest m;

	make(&last, &now);
	now.highest = 15;
	CHECK_UINT(days_next(&last, &now).ms, MINUTE + 12 * HOUR);
	now.mono.ms += 12 * HOUR - 1;
	now.wall.ms += 12 * HOUR - 1;
	CHECK(!days_due(&last, &now));
	CHECK_UINT(days_next(&last, &now).ms, now.mono.ms + 1);
	now.mono.ms++;
	now.wall.ms++;
	CHECK(days_due(&last, &now));
	m = make(&last, &now);
	CHECK_UINT(m.counter, 2);
	CHECK_UINT(m.first, 12);
	CHECK_UINT(m.last, 15);
	CHECK_UINT(m.from_day, 20000);
	CHECK_UINT(m.to_day, 20000);
	CHECK(!days_due(&last, &now));
	/* the next day nothing was measured */
	now.highest = 16;
	now.mono.ms += 24 * HOUR;
	now.wall.ms += day_ms;
	CHECK(days_due(&last, &now));
	m = make(&last, &now);
	CHECK_UINT(m.first, 17);
	CHECK_UINT(m.last, 16);
	CHECK_UINT(m.to_day, 20001);
}

static void test_absence(void)
{
	struct days_last last = { 0 };
	struct days_now now = at(20000, MINUTE);
	struct manifest m;

	make(&last, &now);
	now = at(20005, 1000); /* off for five days, another boot */
	now.boot[0] = 2;
	now.highest = 11;
	CHECK(days_due(&last, &now));
	m = make(&last, &now);
	CHECK_UINT(m.from_day, 20000);
	CHECK_UINT(m.to_day, 20004);
	CHECK_UINT(m.first, 12);
	CHECK_UINT(m.last, 11);
	CHECK(!days_due(&last, &now));
}

static void test_no_clock(void)
{
	struct days_last last = { 0 };
	struct days_now now = at(20000, DAYS_UPTIME_MS - 1);
	struct manifest m;

	now.wall = (struct wall){ 0, UINT32_MAX, CLOCK_QUALITY_NONE };
	CHECK(!days_due(&last, &now));
	CHECK_UINT(days_next(&last, &now).ms, DAYS_UPTIME_MS);
	now.mono.ms++;
	CHECK(days_due(&last, &now));
	m = make(&last, &now);
	CHECK_UINT(m.counter, 1);
	CHECK(!m.has_days);
	CHECK(!last.has_through);
	now.highest = 11;
	now.mono.ms += DAYS_UPTIME_MS - 1;
	CHECK(!days_due(&last, &now));
	now.mono.ms++;
	CHECK(days_due(&last, &now));
	m = make(&last, &now);
	CHECK_UINT(m.counter, 2);
	CHECK(!m.has_days);
	/* after a reboot its uptime counts, not that of before */
	now.boot[0] = 2;
	now.mono.ms = DAYS_UPTIME_MS - 1;
	now.highest = 12;
	CHECK(!days_due(&last, &now));
	/* and then it is told the time: the account of days begins here */
	now.wall = at(20000, 0).wall;
	CHECK(days_due(&last, &now));
	m = make(&last, &now);
	CHECK_UINT(m.counter, 3);
	CHECK_UINT(m.from_day, 20000);
	CHECK_UINT(m.to_day, 19999);
}

static void test_clock_set_back(void)
{
	struct days_last last = { 0 };
	struct days_now now = at(20010, MINUTE);
	struct manifest m;

	make(&last, &now);
	now = at(20005, 2 * MINUTE); /* those days are told already */
	now.highest = 11;
	CHECK(!days_due(&last, &now));
	CHECK_UINT(days_next(&last, &now).ms, MINUTE + DAYS_UPTIME_MS);
	now.mono.ms = MINUTE + DAYS_UPTIME_MS;
	now.wall.ms += day_ms;
	CHECK(days_due(&last, &now));
	m = make(&last, &now);
	CHECK(!m.has_days);
	CHECK_UINT(last.through, 20009);
	/* when the clock is past them again days go on where they were */
	now = at(20011, now.mono.ms + HOUR);
	now.highest = 12;
	CHECK(days_due(&last, &now));
	m = make(&last, &now);
	CHECK_UINT(m.from_day, 20010);
	CHECK_UINT(m.to_day, 20010);
	/* a clock that is kept at noon by force */
	now.highest = 13;
	now.mono.ms += DAYS_LATE_MS - 1;
	CHECK(!days_due(&last, &now));
	now.mono.ms++;
	CHECK(days_due(&last, &now));
	m = make(&last, &now);
	CHECK(!m.has_days);
}

static void test_days_a_clock_may_name(void)
{
	struct days_last last = { 0 };
	struct days_now now = at(1, MINUTE);

	CHECK(days_due(&last, &now));
	now = at(0, MINUTE);
	CHECK(!days_due(&last, &now));
	now.wall.ms = INT64_MIN;
	CHECK(!days_due(&last, &now));
	now = at(MANIFEST_DAY_MAX, MINUTE);
	CHECK(days_due(&last, &now));
	make(&last, &now);
	now.highest = 11;
	CHECK(!days_due(&last, &now));
	now.wall.ms = INT64_MAX;
	CHECK(!days_due(&last, &now));
	CHECK_UINT(days_next(&last, &now).ms, MINUTE + DAYS_UPTIME_MS);
}

/* The queue is not as far as the last manifest was: it is another queue. */
static void test_lost_account(void)
{
	struct days_last last = { 0 };
	struct days_now now = at(20000, MINUTE);
	struct manifest m;

	make(&last, &now);
	CHECK_UINT(days_first(&last, 11), 12);
	CHECK_UINT(days_first(&last, 10), 1);
	now.highest = 10;
	CHECK(days_due(&last, &now));
	m = make(&last, &now);
	CHECK_UINT(m.counter, 1);
	CHECK_UINT(m.first, 1);
	CHECK_UINT(m.last, 10);
	CHECK_UINT(m.from_day, 20000);
}

static void test_given_up(void)
{
	struct manifest_given_up g = { { 0, 2, 0, 0, 0, 1 } };
	struct days_last last = { 0 };
	struct days_now now = at(20000, MINUTE);
	struct manifest m = days_manifest(&last, &now, hub, 1, &g);

	CHECK(m.has_given_up);
	CHECK_UINT(m.given_up.count[1], 2);
	CHECK_UINT(m.given_up.count[5], 1);
	now.acked = 11; /* never above what was given */
	CHECK_UINT(days_manifest(&last, &now, hub, 1, NULL).acked, 10);
}

static void test_wall(void)
{
	struct wall own = { 5000, 100, CLOCK_QUALITY_NTP };
	struct msg_time told = { { 1000 }, { 9000, 40, CLOCK_QUALITY_CLINIC } };
	struct wall w = days_wall(&told, (struct mono){ 3500 }, own);

	CHECK_INT(w.ms, 11500);
	CHECK_INT(w.quality, CLOCK_QUALITY_CLINIC);
	CHECK_INT(days_wall(&told, (struct mono){ 500 }, own).ms, 9000);
	CHECK_INT(days_wall(NULL, (struct mono){ 3500 }, own).ms, 5000);
	told.utc.quality = CLOCK_QUALITY_UNSYNC;
	CHECK_INT(days_wall(&told, (struct mono){ 3500 }, own).ms, 5000);
}

static void test_bytes(void)
{
	struct days_last l = { .counter = 7,
			       .seq = 0x0102030405060708,
			       .has_through = true,
			       .through = 20000,
			       .boot = { 9, 8, 7 },
			       .mono = { 123456789 } },
			 got;
	uint8_t b[DAYS_LAST_LEN + 1] = { 0 };

	days_last_encode(&l, b);
	CHECK_INT(days_last_decode(b, DAYS_LAST_LEN, &got), 0);
	CHECK_UINT(got.counter, 7);
	CHECK_UINT(got.seq, l.seq);
	CHECK(got.has_through);
	CHECK_UINT(got.through, 20000);
	CHECK_MEM(got.boot, l.boot, BOOT_ID_LEN);
	CHECK_UINT(got.mono.ms, l.mono.ms);
	for (size_t i = 0; i < DAYS_LAST_LEN; i++)
		CHECK_INT(days_last_decode(b, i, &got), -EMSGSIZE);
	CHECK_INT(days_last_decode(b, DAYS_LAST_LEN + 1, &got), -EMSGSIZE);
	b[0] = 2;
	CHECK_INT(days_last_decode(b, DAYS_LAST_LEN, &got), -ENOTSUP);
	b[0] = 1;
	b[17] = 2; /* a truth of 2 */
	CHECK_INT(days_last_decode(b, DAYS_LAST_LEN, &got), -ERANGE);
	b[17] = 0; /* no day, and yet one */
	CHECK_INT(days_last_decode(b, DAYS_LAST_LEN, &got), -ERANGE);
	l.through = MANIFEST_DAY_MAX + 1;
	days_last_encode(&l, b);
	CHECK_INT(days_last_decode(b, DAYS_LAST_LEN, &got), -ERANGE);
	l.through = MANIFEST_DAY_MAX;
	l.seq = (uint64_t)INT64_MAX + 1;
	days_last_encode(&l, b);
	CHECK_INT(days_last_decode(b, DAYS_LAST_LEN, &got), -ERANGE);
	l.seq = 0; /* a manifest without a number */
	days_last_encode(&l, b);
	CHECK_INT(days_last_decode(b, DAYS_LAST_LEN, &got), -ERANGE);
	memset(&l, 0, sizeof(l));
	days_last_encode(&l, b);
	CHECK_INT(days_last_decode(b, DAYS_LAST_LEN, &got), 0);
}

/* As the clinic opens it. */
static void test_record(void)
{
	struct opening_key key = { .id = 7 };
	struct intake_target target = {
		.hub = { 0xaa }, .epoch = 3, .assignment = 5, .seal_key_id = 7
	};
	uint8_t sign[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN], body[SEALED_BODY_MAX];
	struct days_last last = { .counter = 1, .seq = 4 }, after;
	struct days_now now = at(20000, MINUTE);
	struct sealed rec = { .hub = { 0xaa }, .epoch = 3 };
	struct queue_entry e;
	struct manifest m;
	const char *why;

	CHECK_INT(crypto_init(), 0);
	p256_generate(sign, public);
	x25519_generate(key.private, target.seal_public);
	CHECK_INT(days_record_make(&last, &now, &target, sign, NULL, body, &e, &after),
		  0);
	CHECK_UINT(e.record.seq, 11);
	CHECK_INT(e.record.class, CLASS_ROUTINE);
	CHECK_UINT(e.record.kind, READING_MANIFEST);
	CHECK_UINT(e.record.assignment, 5);
	CHECK_UINT(e.instance + e.capture, 0);
	CHECK(!e.has_mark);
	CHECK_UINT(after.seq, 11);
	CHECK_UINT(after.counter, 2);
	rec.record = e.record;
	CHECK_INT(opening_manifest(&key, &rec, public, &m, &why), 0);
	CHECK_UINT(m.counter, 2);
	CHECK_UINT(m.first, 5);
	CHECK_UINT(m.last, 10);
	rec.record.seq = 12; /* the envelope is part of the seal */
	CHECK_INT(opening_manifest(&key, &rec, public, &m, &why), -EKEYREJECTED);
	now.highest = INT64_MAX;
	CHECK_INT(days_record_make(&last, &now, &target, sign, NULL, body, &e, &after),
		  -ERANGE);
}

/* --- a hub's life ------------------------------------------------------------------------------------------ */

struct life {
	struct days_last disk; /* through encode and decode each time */
	int64_t true_ms;       /* UTC as it is */
	int64_t error_ms;      /* of the hub's clock */
	enum clock_quality quality;
	struct days_now now;
	struct manifest before; /* counter 0: none */
	uint64_t quiet;		/* uptime of this boot since a manifest was made in it */
	unsigned made, of_days;
	bool always_right; /* the clock was never wrong nor away */
};

static void look(struct life *l)
{
	l->now.wall = (struct wall){ l->true_ms + l->error_ms, 40, l->quality };
}

/* What the clinic relies on, whatever happened before. */
static void check_next(struct life *l, const struct manifest *m)
{
	const struct manifest *b = &l->before;

	CHECK_UINT(m->counter, b->counter + 1);
	CHECK_UINT(m->first, b->counter ? b->last + 2 : 1);
	CHECK_UINT(m->last, l->now.highest);
	CHECK(m->has_days || l->quiet >= DAYS_UPTIME_MS);
	if (m->has_days && l->of_days > 0)
		CHECK_UINT(m->from_day, l->disk.through + 1);
	if (m->has_days)
		CHECK_UINT(m->to_day, (uint64_t)(l->now.wall.ms / day_ms) - 1);
	if (l->always_right)
		CHECK(m->has_days);
}

static void pump(struct life *l)
{
	uint8_t b[DAYS_LAST_LEN];
	struct days_last after;
	struct manifest m;

	look(l);
	if (!days_due(&l->disk, &l->now)) {
		CHECK(days_next(&l->disk, &l->now).ms > l->now.mono.ms);
		return;
	}
	CHECK_UINT(days_next(&l->disk, &l->now).ms, l->now.mono.ms);
	m = days_manifest(&l->disk, &l->now, hub, 1, NULL);
	check_next(l, &m);
	if (test_random() % 8 == 0)
		return; /* the commit failed; next time */
	after = days_after(&l->disk, &m);
	days_last_encode(&after, b);
	CHECK_INT(days_last_decode(b, sizeof(b), &l->disk), 0);
	l->now.highest++;
	l->before = m;
	l->quiet = 0;
	l->made++;
	l->of_days += m.has_days;
	CHECK(!days_due(&l->disk, &l->now)); /* no second one at once */
}

/* Up to an hour: readings, reboots, clocks. */
static void step(struct life *l)
{
	uint64_t ms = 1 + test_random() % HOUR;

	l->true_ms += (int64_t)ms;
	l->now.mono.ms += ms;
	l->quiet += ms;
	l->now.highest += test_random() % 12 == 0 ? test_random() % 5 : 0;
	if (test_random() % 100 == 0) {
		l->true_ms += (int64_t)(test_random() % (uint64_t)(7 * day_ms));
		l->now.boot[0]++;
		l->now.mono.ms = l->quiet = test_random() % MINUTE;
	}
	if (l->always_right || test_random() % 50)
		return;
	l->quality = (enum clock_quality)(test_random() % 4);
	l->error_ms = test_random() % 3
			      ? 0
			      : (int64_t)(test_random() % (uint64_t)(20 * day_ms)) -
					10 * day_ms;
}

static void live(bool always_right)
{
	struct life l = { .true_ms = 20000 * day_ms,
			  .quality = always_right ? CLOCK_QUALITY_CLINIC
						  : CLOCK_QUALITY_NONE,
			  .now = { .boot = { 1 }, .mono = { 1 } },
			  .always_right = always_right };
	int64_t day;

	for (int i = 0; i < 3000; i++) {
		step(&l);
		for (int n = 0; n < 20; n++)
			pump(&l);
		/* nothing waits longer than it may */
		look(&l);
		CHECK(!days_due(&l.disk, &l.now));
		CHECK(l.quiet < DAYS_LATE_MS);
		day = l.true_ms / day_ms;
		if (always_right)
			CHECK_UINT(l.disk.through, (uint64_t)day - 1);
	}
	CHECK(l.of_days > (always_right ? 40 : 3));
	CHECK_UINT(l.disk.counter, l.made);
	if (!always_right)
		CHECK(l.made > l.of_days);
}

static void test_lives(void)
{
	for (int i = 0; i < 50; i++)
		live(i % 2 == 0);
}

TEST_MAIN("days", test_first, test_midnight, test_absence, test_no_clock,
	  test_clock_set_back, test_days_a_clock_may_name, test_lost_account,
	  test_given_up, test_wall, test_bytes, test_record, test_lives)
