/*
 * test_plan.c - when a measurement is overdue and when somebody may be asked, over days in virtual time.
 */
#include "tests/unit/test.h"

#include "hub/core/schedule.h"
#include "hub/plan.h"

enum { MIN_MS = 60 * 1000, HOUR_MS = 60 * MIN_MS };

/* 2027-03-28 00:00 UTC: Europe's clocks go forward at 01:00 UTC of this day */
#define SPRING_S 1806192000
/* 2027-10-31 00:00 UTC: and back at 01:00 UTC of this one */
#define AUTUMN_S 1824940800
#define HOURS(h) ((int64_t)((h)*3600))

static struct config home(void)
{
	return (struct config){ .assignment = 1,
				.utc_offset_min = 60,
				.has_change = true,
				.change_utc_s = SPRING_S + HOURS(1),
				.change_offset_min = 120,
				.device_count = 2,
				.devices = { { .num = 3 }, { .num = 7 } },
				.plan_count = 1,
				.plans = { { 7, 0, 2, { 8 * 60, 20 * 60 } } } };
}

/* --- schedule --------------------------------------------------------------------------------- */

static void test_offset(void)
{
	struct config c = home();

	CHECK_INT(schedule_offset_min(&c, SPRING_S + HOURS(1) - 1), 60);
	CHECK_INT(schedule_offset_min(&c, SPRING_S + HOURS(1)), 120);
	c.has_change = false;
	CHECK_INT(schedule_offset_min(&c, SPRING_S + HOURS(1)), 60);
}

#define SLOT(c, now, open, due)                                                          \
	do {                                                                             \
		struct schedule_slot s_ = schedule_slot(&(c), &(c).plans[0], now);       \
		CHECK_INT(s_.open_s, open);                                              \
		CHECK_INT(s_.due_s, due);                                                \
	} while (0)

static void test_slots(void)
{
	struct config c = home();
	int64_t day = SPRING_S - HOURS(24), eight = day + HOURS(7), at;

	/* the evening before; two hours before eight it is the morning's turn */
	SLOT(c, eight - HOURS(2) - 1, day - HOURS(24) + HOURS(17),
	     day - HOURS(24) + HOURS(20));
	SLOT(c, eight - HOURS(2), eight - HOURS(2), eight + HOURS(1));
	SLOT(c, eight + HOURS(10) - 1, eight - HOURS(2), eight + HOURS(1));
	SLOT(c, eight + HOURS(10), eight + HOURS(10), eight + HOURS(13));
	/* close together: half of what lies between */
	c.plans[0] = (struct config_plan){ 7, 0, 2, { 8 * 60, 9 * 60 } };
	SLOT(c, eight + HOURS(.5) - 1, eight - HOURS(2), eight + HOURS(1));
	SLOT(c, eight + HOURS(.5), eight + HOURS(.5), eight + HOURS(2));
	/* the day of the change: eight is an hour earlier for who counts in UTC */
	c = home();
	SLOT(c, SPRING_S + HOURS(4) - 1, day + HOURS(17), day + HOURS(20));
	SLOT(c, SPRING_S + HOURS(4), SPRING_S + HOURS(4), SPRING_S + HOURS(7));
	/* 02:30 is not there this day: an hour later on the clock, which is when it would have been */
	c.plans[0] = (struct config_plan){ 7, 0, 1, { 2 * 60 + 30 } };
	at = SPRING_S + HOURS(1.5);
	SLOT(c, at, at - HOURS(2), at + HOURS(1));
	/* it is there twice: the second one, and one only */
	c.utc_offset_min = 120;
	c.change_offset_min = 60;
	c.change_utc_s = AUTUMN_S + HOURS(1);
	at = AUTUMN_S + HOURS(1.5);
	SLOT(c, at - HOURS(2), at - HOURS(2), at + HOURS(1));
	SLOT(c, at - HOURS(2) - 1, at - HOURS(27), at - HOURS(24));
	SLOT(c, at + HOURS(21), at - HOURS(2), at + HOURS(1));
	/* far from UTC, and long ago */
	c = home();
	c.has_change = false;
	c.utc_offset_min = 840;
	c.plans[0] = (struct config_plan){ 7, 0, 1, { 0 } };
	SLOT(c, SPRING_S + HOURS(8), SPRING_S + HOURS(8), SPRING_S + HOURS(11));
	c.utc_offset_min = -720;
	SLOT(c, SPRING_S + HOURS(10), SPRING_S + HOURS(10), SPRING_S + HOURS(13));
	SLOT(c, HOURS(1), HOURS(-14), HOURS(-11));
}

/* Whatever the plan: a slot was opened by now, the next one is later than now, and it never goes back. */
static void test_slots_random(void)
{
	for (int run = 0; run < 300; run++) {
		struct config c = home();
		struct config_plan *p = &c.plans[0];
		struct schedule_slot before = { INT64_MIN, INT64_MIN }, s;

		c.utc_offset_min = (int16_t)((int)(test_random() % 1561) - 720);
		c.change_offset_min =
			(int16_t)(c.utc_offset_min + (test_random() % 2 ? 60 : -60));
		p->time_count = 1 + test_random() % CONFIG_PLAN_TIMES_MAX;
		for (size_t i = 0; i < p->time_count; i++)
			p->times[i] = (uint16_t)(i * 180 + test_random() % 180);
		for (int64_t t = SPRING_S - HOURS(30); t < SPRING_S + HOURS(50);
		     t += 60 * (int64_t)(1 + test_random() % 20)) {
			s = schedule_slot(&c, p, t);
			CHECK(s.open_s <= t && s.open_s > t - HOURS(26));
			CHECK(s.due_s > s.open_s && s.due_s <= s.open_s + HOURS(3));
			CHECK(s.open_s >= before.open_s);
			before = s;
		}
	}
}

static void test_quiet(void)
{
	struct config c = home();
	int64_t midnight = SPRING_S - HOURS(1); /* local */

	CHECK(!schedule_is_quiet(&c, midnight));
	c.quiet_count = 2;
	c.quiet[0] = (struct config_quiet){ 22 * 60, 7 * 60 };
	c.quiet[1] = (struct config_quiet){ 13 * 60, 14 * 60 };
	CHECK(schedule_is_quiet(&c, midnight));
	CHECK(!schedule_is_quiet(&c, midnight - HOURS(2) - 1));
	CHECK(schedule_is_quiet(&c, midnight - HOURS(2)));
	/* the clocks have gone forward: seven is six hours after midnight */
	CHECK(schedule_is_quiet(&c, midnight + HOURS(6) - 1));
	CHECK(!schedule_is_quiet(&c, midnight + HOURS(6)));
	CHECK(!schedule_is_quiet(&c, midnight + HOURS(12) - 1));
	CHECK(schedule_is_quiet(&c, midnight + HOURS(12)));
	CHECK(!schedule_is_quiet(&c, midnight + HOURS(13)));
}

static void test_gap(void)
{
	CHECK_UINT(schedule_gap_min(&(struct config_plan){ 1, 36, 0, { 0 } }), 36 * 60);
	CHECK_UINT(schedule_gap_min(&(struct config_plan){ 1, 0, 1, { 5 } }), 24 * 60);
	CHECK_UINT(schedule_gap_min(&(struct config_plan){ 1, 0, 2, { 480, 1200 } }),
		   720);
	CHECK_UINT(schedule_gap_min(&(struct config_plan){ 1, 0, 2, { 480, 600 } }),
		   22 * 60);
}

/* --- the plan --------------------------------------------------------------------------------- */

/* Mono and wall time of one instant go together. */
#define BOOT_S (SPRING_S - HOURS(48))

static struct mono at(int64_t utc_s)
{
	return (struct mono){ (uint64_t)(utc_s - BOOT_S) * 1000 };
}

static void tell_time(struct plan *p, enum clock_quality q, uint32_t uncertainty_ms)
{
	const struct msg_time t = { at(BOOT_S), { BOOT_S * 1000, uncertainty_ms, q } };

	plan_on_time(p, &t);
}

static void read_at(struct plan *p, uint16_t num, int64_t utc_s)
{
	const struct msg_status s = { STATUS_READING, num, at(utc_s).ms };

	plan_on_status(p, &s);
}

static size_t overdue(const struct plan *p, int64_t utc_s)
{
	uint16_t nums[CONFIG_DEVICES_MAX];
	size_t n = plan_overdue(p, at(utc_s), nums);

	CHECK(n == 0 || nums[0] == 7);
	return n;
}

static struct plan started(const struct config *c)
{
	struct plan p;

	plan_init(&p, at(BOOT_S));
	plan_on_config(&p, c, at(BOOT_S));
	tell_time(&p, CLOCK_QUALITY_CLINIC, 100);
	return p;
}

static void test_overdue(void)
{
	struct config c = home();
	struct plan p = started(&c);
	int64_t eight = SPRING_S - HOURS(24) + HOURS(7);

	CHECK_UINT(overdue(&p, eight - HOURS(2) - 1), 1); /* last evening's */
	read_at(&p, 7, eight - HOURS(2) - 60);		  /* late, and for that one */
	CHECK_UINT(overdue(&p, eight - HOURS(2) - 1), 0);
	CHECK_UINT(overdue(&p, eight + HOURS(1) - 1), 0);
	CHECK_UINT(overdue(&p, eight + HOURS(1)), 1);
	/* until it is done, by this device */
	read_at(&p, 3, eight + HOURS(1));
	CHECK_UINT(overdue(&p, eight + HOURS(2)), 1);
	read_at(&p, 7, eight + HOURS(2));
	CHECK_UINT(overdue(&p, eight + HOURS(2)), 0);
	/* an older one that comes later says nothing */
	read_at(&p, 7, eight - HOURS(20));
	CHECK_UINT(overdue(&p, eight + HOURS(3)), 0);
	/* what was missed is over when the next one's turn comes */
	CHECK_UINT(overdue(&p, eight + HOURS(13)), 1);
	CHECK_UINT(overdue(&p, eight + HOURS(24) - HOURS(1) - HOURS(2) - 1), 1);
	CHECK_UINT(overdue(&p, eight + HOURS(24) - HOURS(1) - HOURS(2)), 0);
	/* on the day of the change it is due an hour earlier, 07:00 UTC and an hour of grace */
	CHECK_UINT(overdue(&p, SPRING_S + HOURS(7) - 1), 0);
	CHECK_UINT(overdue(&p, SPRING_S + HOURS(7)), 1);
	/* a little early counts */
	read_at(&p, 7, SPRING_S + HOURS(4));
	CHECK_UINT(overdue(&p, SPRING_S + HOURS(7)), 0);
	/* nobody's */
	c.assignment = 0;
	plan_on_config(&p, &c, at(BOOT_S));
	CHECK_UINT(overdue(&p, eight + HOURS(13)), 0);
}

static void test_before_the_start(void)
{
	struct config c = home();
	int64_t eight = SPRING_S - HOURS(24) + HOURS(7);
	struct plan p;

	/* started within the morning's turn: nobody knows whether it was measured */
	plan_init(&p, at(eight - HOURS(2) + 1));
	plan_on_config(&p, &c, at(eight - HOURS(2) + 1));
	tell_time(&p, CLOCK_QUALITY_NTP, PLAN_UNSURE_MS);
	CHECK_UINT(overdue(&p, eight + HOURS(5)), 0);
	CHECK_UINT(overdue(&p, eight + HOURS(13)), 1);
	/* another config with the same plan is no new start; another plan is */
	c.heartbeat_s++;
	plan_on_config(&p, &c, at(eight + HOURS(13)));
	CHECK_UINT(overdue(&p, eight + HOURS(13)), 1);
	c.plans[0].times[1]++;
	plan_on_config(&p, &c, at(eight + HOURS(13)));
	CHECK_UINT(overdue(&p, eight + HOURS(13) + 60), 0);
	/* and another patient: what was read before is not this one's */
	c = home();
	p = started(&c);
	read_at(&p, 7, eight);
	c.assignment++;
	plan_on_config(&p, &c, at(eight + HOURS(1)));
	CHECK(!p.devices[1].read);
	CHECK_UINT(overdue(&p, eight + HOURS(2)), 0);
	CHECK_UINT(overdue(&p, eight + HOURS(13)), 1);
}

static void test_unsure_clock(void)
{
	struct config c = home();
	struct plan p = started(&c);
	int64_t noon = SPRING_S - HOURS(24) + HOURS(11);

	CHECK_UINT(overdue(&p, noon), 1);
	tell_time(&p, CLOCK_QUALITY_UNSYNC, 0);
	CHECK_UINT(overdue(&p, noon), 0);
	tell_time(&p, CLOCK_QUALITY_NTP, PLAN_UNSURE_MS + 1);
	CHECK_UINT(overdue(&p, noon), 0);
	tell_time(&p, CLOCK_QUALITY_NTP, PLAN_UNSURE_MS);
	CHECK_UINT(overdue(&p, noon), 1);
	plan_init(&p, at(BOOT_S));
	plan_on_config(&p, &c, at(BOOT_S));
	CHECK_UINT(overdue(&p, noon), 0);
	/* hours need no clock */
	c.plans[0] = (struct config_plan){ 7, 12, 0, { 0 } };
	plan_init(&p, at(BOOT_S));
	plan_on_config(&p, &c, at(BOOT_S));
	CHECK_UINT(overdue(&p, BOOT_S + HOURS(13) - 1), 0);
	CHECK_UINT(overdue(&p, BOOT_S + HOURS(13)), 1);
	read_at(&p, 7, BOOT_S + HOURS(13));
	CHECK_UINT(overdue(&p, BOOT_S + HOURS(26) - 1), 0);
	CHECK_UINT(overdue(&p, BOOT_S + HOURS(26)), 1);
}

static void test_asking(void)
{
	struct config c = home();
	struct plan p = started(&c);
	int64_t midnight = SPRING_S - HOURS(1);

	CHECK(plan_may_ask(&p, at(midnight)));
	c.quiet_count = 1;
	c.quiet[0] = (struct config_quiet){ 22 * 60, 7 * 60 };
	plan_on_config(&p, &c, at(BOOT_S));
	CHECK(!plan_may_ask(&p, at(midnight)));
	CHECK(!plan_may_ask(&p, at(midnight + HOURS(6) - 1)));
	CHECK(plan_may_ask(&p, at(midnight + HOURS(6))));
	/* they may be now */
	tell_time(&p, CLOCK_QUALITY_UNSYNC, 0);
	CHECK(!plan_may_ask(&p, at(midnight + HOURS(6))));
	c.quiet_count = 0;
	plan_on_config(&p, &c, at(BOOT_S));
	CHECK(plan_may_ask(&p, at(midnight)));
	c.no_asking = true;
	plan_on_config(&p, &c, at(BOOT_S));
	CHECK(!plan_may_ask(&p, at(midnight)));
}

static void test_deadline(void)
{
	struct config c = home();
	struct plan p = started(&c);

	CHECK_UINT(plan_deadline(&p, at(SPRING_S)).ms, at(SPRING_S).ms + PLAN_LOOK_MS);
	c.plan_count = 0;
	plan_on_config(&p, &c, at(SPRING_S));
	CHECK_UINT(plan_deadline(&p, at(SPRING_S)).ms, MONO_NEVER.ms);
	CHECK_UINT(overdue(&p, SPRING_S + HOURS(100)), 0);
}

TEST_MAIN("plan", test_offset, test_slots, test_slots_random, test_quiet, test_gap,
	  test_overdue, test_before_the_start, test_unsure_clock, test_asking,
	  test_deadline)
