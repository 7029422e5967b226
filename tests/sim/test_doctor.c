/*
 * test_doctor.c - the bond doctor in virtual time: each row of its table, no flapping, no false alarm.
 */
#include "tests/unit/test.h"

#include "ble/doctor.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

struct world {
	struct doctor d;
	uint64_t now;
	unsigned changes; /* of what is shown */
};

static struct mono now(const struct world *w)
{
	return (struct mono){ w->now };
}

static struct world start(void)
{
	struct world w = { .now = 5000 };

	doctor_init(&w.d);
	doctor_on_bond(&w.d, true, SILENCE_NONE, now(&w));
	doctor_run(&w.d, now(&w));
	return w;
}

static void run(struct world *w)
{
	w->changes += doctor_run(&w->d, now(w));
}

/* Time passes as it does in hub-ble: doctor_run at its deadlines, and not in between. */
static void pass(struct world *w, uint64_t ms)
{
	uint64_t end = w->now + ms;

	run(w);
	while (doctor_deadline(&w->d).ms <= end) {
		CHECK(doctor_deadline(&w->d).ms > w->now); /* never a busy loop */
		w->now = doctor_deadline(&w->d).ms;
		run(w);
	}
	w->now = end;
	run(w);
}

static void check(struct world *w, enum silence_reason reason)
{
	CHECK_INT(doctor_reason(&w->d), reason);
}

/* What is said comes after the hold, and not before. */
static void expect(struct world *w, enum silence_reason reason)
{
	enum silence_reason before = doctor_reason(&w->d);
	uint64_t began = w->now;

	CHECK(before != reason);
	run(w);
	check(w, before);
	CHECK_UINT(doctor_deadline(&w->d).ms, began + DOCTOR_HOLD_MS);
	w->now += DOCTOR_HOLD_MS - 1;
	run(w);
	check(w, before);
	w->now++;
	run(w);
	check(w, reason);
	CHECK_UINT(doctor_since(&w->d).ms, began);
}

/* A connection as it should be. */
static void measure(struct world *w)
{
	doctor_on_linked(&w->d, now(w));
	w->now += 200;
	doctor_on_encrypted(&w->d, now(w));
	w->now += 800;
	doctor_on_ready(&w->d, now(w));
	doctor_on_value(&w->d, now(w));
	doctor_on_info(&w->d, false, 80, now(w));
	w->now += 4 * SECOND;
	doctor_on_gone(&w->d, now(w));
}

/* Links that fail, as bluetoothd 5.82 makes them: several a second. */
static void fail_links(struct world *w, unsigned count, bool encrypted)
{
	while (count--) {
		doctor_on_linked(&w->d, now(w));
		w->now += 100;
		if (encrypted)
			doctor_on_encrypted(&w->d, now(w));
		doctor_on_gone(&w->d, now(w));
		w->now += 50;
		run(w);
	}
}

static void test_healthy(void)
{
	struct world w = start();

	for (int day = 0; day < 365; day++) {
		measure(&w);
		pass(&w, 5 * MINUTE);
		measure(&w); /* twice, as one should */
		pass(&w, DAY - 5 * MINUTE);
		check(&w, SILENCE_NONE);
	}
	CHECK_UINT(w.changes, 0);
	/* nothing was ever told */
	w = (struct world){ .now = 100 * (uint64_t)DAY };
	doctor_init(&w.d);
	CHECK_UINT(doctor_deadline(&w.d).ms, UINT64_MAX);
	pass(&w, 40 * HOUR);
	check(&w, SILENCE_NONE);
}

/* A device that advertises on when it has said everything is connected again and again. */
static void test_empty_sessions(void)
{
	struct world w = start();

	for (int i = 0; i < 100; i++) {
		doctor_on_linked(&w.d, now(&w));
		doctor_on_encrypted(&w.d, now(&w));
		doctor_on_ready(&w.d, now(&w));
		doctor_on_gone(&w.d, now(&w));
		pass(&w, SECOND);
		check(&w, SILENCE_NONE);
	}
	CHECK_UINT(w.d.refused + w.d.dropped + w.d.missing, 0);
	CHECK_UINT(w.d.usual_ms, 0); /* all of it is one measurement */
}

static void test_device_forgot(void)
{
	struct world w = start();

	fail_links(&w, DOCTOR_REFUSED - 1, false);
	doctor_on_bond(&w.d, true, SILENCE_NONE, now(&w)); /* the same one */
	pass(&w, HOUR);
	check(&w, SILENCE_NONE);
	fail_links(&w, 1, false);
	expect(&w, SILENCE_DEVICE_FORGOT);
	fail_links(&w, 1000, false); /* said once */
	pass(&w, 10 * DAY);
	check(&w, SILENCE_DEVICE_FORGOT);
	CHECK_UINT(w.changes, 1);
	/* one good connection takes it back */
	measure(&w);
	expect(&w, SILENCE_NONE);
	fail_links(&w, DOCTOR_REFUSED - 1, false);
	pass(&w, 2 * MINUTE);
	check(&w, SILENCE_NONE);
}

/* An impostor while the genuine device comes as usual: nothing. When the device is due, at once; when
 * it has missed its time, afterwards. */
static void test_not_due(void)
{
	struct world w = start();

	for (int day = 0; day < 5; day++) {
		measure(&w);
		pass(&w, 2 * HOUR);
		if (day) /* the usual time is known from the second one on */
			fail_links(&w, 500, false);
		pass(&w, 22 * HOUR - (day ? 75 * SECOND : 0) - 5 * SECOND);
		check(&w, SILENCE_NONE);
	}
	measure(&w);
	CHECK_UINT(w.d.usual_ms, DAY);
	pass(&w, HOUR);
	fail_links(&w, DOCTOR_REFUSED, false);
	pass(&w, 34 * HOUR); /* a little less than 36 */
	check(&w, SILENCE_NONE);
	CHECK_UINT(w.changes, 0);
	pass(&w, HOUR + MINUTE);
	check(&w, SILENCE_DEVICE_FORGOT);
	measure(&w);
	pass(&w, 17 * HOUR);
	fail_links(&w, DOCTOR_REFUSED, false);
	pass(&w, MINUTE);
	check(&w, SILENCE_NONE);
	pass(&w, 10 * HOUR);
	fail_links(&w, DOCTOR_REFUSED - 1, false);
	pass(&w, MINUTE);
	check(&w, SILENCE_NONE);
	fail_links(&w, 1, false);
	expect(&w, SILENCE_DEVICE_FORGOT);
}

static void test_taken(void)
{
	struct world w = start();

	fail_links(&w, DOCTOR_DROPPED - 1, true);
	pass(&w, HOUR);
	check(&w, SILENCE_NONE);
	fail_links(&w, 1, true);
	expect(&w, SILENCE_TAKEN);
	/* and if it loses the bond altogether */
	fail_links(&w, DOCTOR_REFUSED, false);
	pass(&w, MINUTE);
	check(&w, SILENCE_DEVICE_FORGOT);
	measure(&w);
	pass(&w, MINUTE);
	check(&w, SILENCE_NONE);
}

/* A link that the services never come on. */
static void hang(struct world *w, bool encrypted, uint64_t ms, bool dismissed)
{
	doctor_on_linked(&w->d, now(w));
	if (encrypted)
		doctor_on_encrypted(&w->d, now(w));
	w->now += ms;
	if (dismissed)
		doctor_on_dismissed(&w->d, now(w));
	doctor_on_dismissed(&w->d, now(w));
	doctor_on_gone(&w->d, now(w));
	run(w);
}

static void test_services(void)
{
	struct world w = start();

	hang(&w, true, DOCTOR_SERVICES_MS, true);
	pass(&w, HOUR);
	check(&w, SILENCE_NONE); /* once: retried */
	hang(&w, true, DOCTOR_SERVICES_MS, false);
	expect(&w, SILENCE_SERVICES);
	/* a link on which nothing happens, not even encryption, is no matter of services */
	w = start();
	for (int i = 0; i < DOCTOR_REFUSED - 1; i++)
		hang(&w, false, 2 * DOCTOR_SERVICES_MS, true);
	pass(&w, HOUR);
	check(&w, SILENCE_NONE);
	hang(&w, false, DOCTOR_SERVICES_MS, true);
	expect(&w, SILENCE_DEVICE_FORGOT);
}

/* Links that the hub itself ends, because it cannot take readings now. */
static void test_dismissed(void)
{
	struct world w = start();

	for (int i = 0; i < 1000; i++)
		hang(&w, i % 2, DOCTOR_SERVICES_MS - 1, true);
	pass(&w, HOUR);
	check(&w, SILENCE_NONE);
	CHECK_UINT(w.changes, 0);
	/* without a link nothing is dismissed */
	doctor_on_dismissed(&w.d, now(&w));
	doctor_on_gone(&w.d, now(&w));
	doctor_on_encrypted(&w.d, now(&w));
	doctor_on_ready(&w.d, now(&w));
	CHECK(!w.d.has_good);
}

static void test_bond(void)
{
	static const enum silence_reason tried[] = { SILENCE_PASSKEY, SILENCE_KEY_SHORT,
						     SILENCE_CHANGED };
	struct world w = start();

	doctor_on_bond(&w.d, false, SILENCE_NONE, now(&w));
	expect(&w, SILENCE_HUB_FORGOT);
	for (size_t i = 0; i < sizeof(tried) / sizeof(*tried); i++) {
		doctor_on_bond(&w.d, false, tried[i], now(&w));
		expect(&w, tried[i]);
	}
	doctor_on_bond(&w.d, true, SILENCE_PASSKEY, now(&w)); /* ignored */
	expect(&w, SILENCE_NONE);
	/* a new bond takes back what was said of the old one */
	doctor_on_info(&w.d, true, 80, now(&w));
	doctor_on_consent(&w.d, false, now(&w));
	fail_links(&w, DOCTOR_REFUSED, false);
	fail_links(&w, DOCTOR_DROPPED, true);
	hang(&w, true, DOCTOR_SERVICES_MS, true);
	hang(&w, true, DOCTOR_SERVICES_MS, true);
	doctor_on_bond(&w.d, false, SILENCE_NONE, now(&w));
	doctor_on_bond(&w.d, true, SILENCE_NONE, now(&w));
	pass(&w, MINUTE);
	check(&w, SILENCE_NONE);
}

/* Bonded anew within the hold: never said. */
static void test_bond_short(void)
{
	struct world w = start();

	for (int i = 0; i < 50; i++) {
		doctor_on_bond(&w.d, false, SILENCE_NONE, now(&w));
		pass(&w, DOCTOR_HOLD_MS - 1);
		doctor_on_bond(&w.d, true, SILENCE_NONE, now(&w));
		pass(&w, 1);
	}
	CHECK_UINT(w.changes, 0);
}

static void test_changed(void)
{
	struct world w = start();

	doctor_on_info(&w.d, true, 255, now(&w));
	expect(&w, SILENCE_CHANGED);
	measure(&w); /* it says who it should be */
	pass(&w, MINUTE);
	check(&w, SILENCE_NONE);
}

static void test_consent(void)
{
	struct world w = start();

	doctor_on_consent(&w.d, false, now(&w));
	expect(&w, SILENCE_CONSENT);
	doctor_on_consent(&w.d, true, now(&w));
	expect(&w, SILENCE_NONE);
}

static void test_battery(void)
{
	struct world w = start();

	doctor_on_info(&w.d, false, DOCTOR_BATTERY_LOW, now(&w));
	pass(&w, MINUTE);
	check(&w, SILENCE_NONE);
	doctor_on_info(&w.d, false, DOCTOR_BATTERY_LOW - 1, now(&w));
	expect(&w, SILENCE_WEAK);
	doctor_on_info(&w.d, false, DOCTOR_BATTERY_GOOD - 1, now(&w));
	doctor_on_info(&w.d, false, 101, now(&w)); /* not known */
	pass(&w, MINUTE);
	check(&w, SILENCE_WEAK);
	doctor_on_info(&w.d, false, DOCTOR_BATTERY_GOOD, now(&w));
	expect(&w, SILENCE_NONE);
	doctor_on_info(&w.d, false, 0, now(&w));
	expect(&w, SILENCE_WEAK);
	doctor_on_info(&w.d, false, 100, now(&w));
	expect(&w, SILENCE_NONE);
}

static void test_signal(void)
{
	struct world w = start();

	doctor_on_seen(&w.d, DOCTOR_RSSI_UNKNOWN, now(&w));
	doctor_on_seen(&w.d, DOCTOR_RSSI_WEAK, now(&w));
	pass(&w, MINUTE);
	check(&w, SILENCE_NONE);
	for (int i = 0; i < 8; i++)
		doctor_on_seen(&w.d, -100, now(&w));
	expect(&w, SILENCE_WEAK);
	/* at the edge of range links end early; that is what it is */
	fail_links(&w, 100, false);
	fail_links(&w, 100, true);
	pass(&w, MINUTE);
	check(&w, SILENCE_WEAK);
	for (int i = 0; i < 20; i++) {
		doctor_on_seen(&w.d, i % 2 ? DOCTOR_RSSI_GOOD - 3 : DOCTOR_RSSI_WEAK + 3,
			       now(&w));
		pass(&w, MINUTE);
		check(&w, SILENCE_WEAK);
	}
	measure(&w);
	doctor_on_seen(&w.d, -40, now(&w));
	expect(&w, SILENCE_NONE);
}

static void test_average(void)
{
	struct world w = start();

	doctor_on_seen(&w.d, DOCTOR_RSSI_WEAK - 1,
		       now(&w)); /* the first one counts by itself */
	expect(&w, SILENCE_WEAK);
	for (int i = 0; i < 100; i++)
		doctor_on_seen(&w.d, DOCTOR_RSSI_UNKNOWN, now(&w));
	pass(&w, MINUTE);
	check(&w, SILENCE_WEAK);
	for (int i = 0; i < 30; i++)
		doctor_on_seen(&w.d, DOCTOR_RSSI_GOOD - 1, now(&w));
	pass(&w, MINUTE);
	check(&w, SILENCE_WEAK);
	w = start();
	doctor_on_seen(&w.d, DOCTOR_RSSI_WEAK - 1, now(&w));
	doctor_on_seen(&w.d, DOCTOR_RSSI_WEAK - 1 + 4 * 6, now(&w)); /* exactly GOOD */
	CHECK_INT(w.d.rssi, DOCTOR_RSSI_GOOD);
	pass(&w, MINUTE);
	check(&w, SILENCE_NONE);
}

/* Everything that comes from the device is a sign of it; a link that is told twice is one link. */
static void test_signs(void)
{
	for (int sign = 0; sign < 5; sign++) {
		struct world w = start();

		if (sign == 3)
			doctor_on_linked(&w.d, now(&w));
		pass(&w, DOCTOR_UNSEEN_MS - 1);
		if (sign == 0)
			doctor_on_seen(&w.d, -50, now(&w));
		else if (sign == 1)
			doctor_on_value(&w.d, now(&w));
		else if (sign == 2)
			doctor_on_linked(&w.d, now(&w));
		else if (sign == 3)
			doctor_on_gone(&w.d, now(&w));
		else
			doctor_on_ready(&w.d, now(&w));
		w.d.linked = false; /* what only a link would excuse */
		pass(&w, DOCTOR_UNSEEN_MS - 1);
		check(&w, SILENCE_NONE);
		pass(&w, 1 + DOCTOR_HOLD_MS);
		check(&w, SILENCE_UNSEEN);
	}
	struct world w = start();
	for (int i = 0; i < DOCTOR_MISSING; i++) {
		doctor_on_linked(&w.d, now(&w));
		doctor_on_encrypted(&w.d, now(&w));
		w.now += DOCTOR_SERVICES_MS - 1;
		doctor_on_linked(&w.d, now(&w));
		w.now++;
		doctor_on_gone(&w.d, now(&w));
	}
	expect(&w, SILENCE_SERVICES);
}

/* Which gaps between good connections teach its usual time. */
static void test_gaps(void)
{
	static const struct {
		uint64_t gap_ms, usual_ms;
	} rows[] = {
		{ DOCTOR_GAP_MIN_MS - 1, 0 },
		{ DOCTOR_GAP_MIN_MS, DOCTOR_GAP_MIN_MS },
		{ DOCTOR_GAP_MAX_MS, DOCTOR_GAP_MAX_MS },
		{ DOCTOR_GAP_MAX_MS + 1ull, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world w = start();

		for (int k = 0; k < 2; k++) {
			doctor_on_linked(&w.d, now(&w));
			doctor_on_ready(&w.d, now(&w));
			doctor_on_ready(&w.d, now(&w));
			doctor_on_gone(&w.d, now(&w));
			w.now += k ? 0 : rows[i].gap_ms;
		}
		CHECK_UINT(w.d.usual_ms, rows[i].usual_ms);
	}
}

static void test_unseen(void)
{
	struct world w = start();

	pass(&w, DOCTOR_UNSEEN_MS - 1);
	check(&w, SILENCE_NONE);
	pass(&w, 1 + DOCTOR_HOLD_MS - 1);
	check(&w, SILENCE_NONE);
	pass(&w, 1);
	check(&w, SILENCE_UNSEEN);
	doctor_on_seen(&w.d, -60, now(&w));
	expect(&w, SILENCE_NONE);
	/* twice its usual time, but a day at least */
	w = start();
	for (int i = 0; i < 20; i++) {
		measure(&w);
		pass(&w, 3 * DAY);
	}
	check(&w, SILENCE_NONE);
	pass(&w, 2 * DAY);
	check(&w, SILENCE_NONE);
	pass(&w, 2 * DAY);
	check(&w, SILENCE_UNSEEN);
	w = start();
	for (int i = 0; i < 20; i++) {
		measure(&w);
		pass(&w, HOUR);
	}
	pass(&w, 22 * HOUR);
	check(&w, SILENCE_NONE);
	pass(&w, 2 * HOUR);
	check(&w, SILENCE_UNSEEN);
	/* holidays teach nothing */
	pass(&w, 20 * DAY);
	measure(&w);
	CHECK(w.d.usual_ms < 2 * HOUR);
	/* a sensor that is worn for a week is not unseen */
	doctor_on_linked(&w.d, now(&w));
	doctor_on_ready(&w.d, now(&w));
	pass(&w, 7 * DAY);
	check(&w, SILENCE_NONE);
}

static void test_adapter(void)
{
	struct world w = start();

	doctor_on_bond(&w.d, false, SILENCE_PASSKEY, now(&w));
	pass(&w, MINUTE);
	doctor_on_adapter(&w.d, false, now(&w)); /* before everything else */
	expect(&w, SILENCE_ADAPTER);
	doctor_on_adapter(&w.d, true, now(&w));
	expect(&w, SILENCE_PASSKEY);
	/* a restart of bluetoothd is no reason */
	w = start();
	for (int i = 0; i < 50; i++) {
		doctor_on_adapter(&w.d, false, now(&w));
		pass(&w, DOCTOR_HOLD_MS - 1);
		doctor_on_adapter(&w.d, true, now(&w));
		pass(&w, 5 * SECOND);
		check(&w, SILENCE_NONE);
	}
}

/* Each row against the one below it. */
static void test_order(void)
{
	struct world w = start();

	pass(&w, 3 * DAY);
	check(&w, SILENCE_UNSEEN);
	doctor_on_info(&w.d, false, 5, now(&w));
	expect(&w, SILENCE_WEAK);
	doctor_on_consent(&w.d, false, now(&w));
	expect(&w, SILENCE_CONSENT);
	hang(&w, true, DOCTOR_SERVICES_MS, true);
	hang(&w, true, DOCTOR_SERVICES_MS, true);
	expect(&w, SILENCE_SERVICES);
	fail_links(&w, DOCTOR_DROPPED, true);
	expect(&w, SILENCE_TAKEN);
	fail_links(&w, DOCTOR_REFUSED, false);
	expect(&w, SILENCE_DEVICE_FORGOT);
	doctor_on_bond(&w.d, false, SILENCE_NONE, now(&w));
	expect(&w, SILENCE_HUB_FORGOT);
	doctor_on_info(&w.d, true, 5, now(&w));
	expect(&w, SILENCE_CHANGED);
	doctor_on_adapter(&w.d, false, now(&w));
	expect(&w, SILENCE_ADAPTER);
}

static void test_ear(void)
{
	struct doctor_ear e;
	struct mono t = { 1000 };

	doctor_ear_init(&e);
	CHECK(doctor_ear_works(&e, t));
	CHECK_UINT(doctor_ear_deadline(&e, t).ms, UINT64_MAX);
	doctor_ear_on_adapter(&e, false);
	CHECK(!doctor_ear_works(&e, t));
	doctor_ear_on_adapter(&e, true);
	CHECK(doctor_ear_works(&e, t));
	/* without a search nobody can be heard */
	CHECK(doctor_ear_works(&e, mono_add(t, DAY)));
	doctor_ear_on_search(&e, true, t);
	doctor_ear_on_search(&e, true, mono_add(t, 1)); /* the same one */
	CHECK_UINT(doctor_ear_deadline(&e, t).ms, t.ms + DOCTOR_DEAF_MS);
	t.ms += DOCTOR_DEAF_MS - 1;
	CHECK(doctor_ear_works(&e, t));
	doctor_ear_on_heard(&e, t);
	CHECK_UINT(doctor_ear_deadline(&e, t).ms, t.ms + DOCTOR_DEAF_MS);
	t.ms += DOCTOR_DEAF_MS;
	CHECK(!doctor_ear_works(&e, t));
	CHECK_UINT(doctor_ear_deadline(&e, t).ms, UINT64_MAX);
	doctor_ear_on_heard(&e, t);
	CHECK(doctor_ear_works(&e, t));
	t.ms += DOCTOR_DEAF_MS;
	CHECK(!doctor_ear_works(&e, t));
	doctor_ear_on_search(&e, false, t);
	CHECK(doctor_ear_works(&e, t));
	doctor_ear_on_search(&e, true, t);
	doctor_ear_on_adapter(&e, false);
	doctor_ear_on_adapter(&e, true);
	CHECK(doctor_ear_works(&e, mono_add(t, DAY)));
}

static void random_event(struct world *w)
{
	switch (test_random() % 14) {
	case 0: doctor_on_linked(&w->d, now(w)); break;
	case 1: doctor_on_encrypted(&w->d, now(w)); break;
	case 2: doctor_on_ready(&w->d, now(w)); break;
	case 3: doctor_on_gone(&w->d, now(w)); break;
	case 4: doctor_on_dismissed(&w->d, now(w)); break;
	case 5: doctor_on_seen(&w->d, -(int)(test_random() % 128), now(w)); break;
	case 6: doctor_on_value(&w->d, now(w)); break;
	case 7: doctor_on_consent(&w->d, test_random() % 2, now(w)); break;
	case 8:
		doctor_on_info(&w->d, test_random() % 8 == 0, (uint8_t)test_random(),
			       now(w));
		break;
	case 9:
		doctor_on_bond(&w->d, test_random() % 8 != 0,
			       (enum silence_reason)(test_random() % 12), now(w));
		break;
	case 10: doctor_on_adapter(&w->d, test_random() % 8 != 0, now(w)); break;
	default: break;
	}
}

/* Years of anything: what is shown never changes twice within the hold, and the deadline is always ahead. */
static void test_random_life(void)
{
	struct world w = start();
	uint64_t changed_at = 0;
	unsigned seen = 0;

	for (int i = 0; i < 500000; i++) {
		enum silence_reason before = doctor_reason(&w.d);
		bool changed;

		random_event(&w);
		changed = doctor_run(&w.d, now(&w));
		CHECK_INT(changed, doctor_reason(&w.d) != before);
		CHECK(doctor_deadline(&w.d).ms > w.now);
		CHECK((unsigned)doctor_reason(&w.d) <= SILENCE_REASON_LAST);
		if (changed) {
			CHECK(w.now - changed_at >= DOCTOR_HOLD_MS);
			CHECK(doctor_since(&w.d).ms >= changed_at);
			CHECK(doctor_since(&w.d).ms <= w.now);
			changed_at = w.now;
			w.changes++;
		}
		seen |= 1u << doctor_reason(&w.d);
		w.now += test_random() % (test_random() % 16 ? 10 * SECOND : HOUR);
	}
	CHECK(w.changes > 100);
	CHECK(seen & 1u << SILENCE_NONE);
	CHECK(seen & 1u << SILENCE_ADAPTER);
}

TEST_MAIN("doctor", test_healthy, test_empty_sessions, test_device_forgot, test_not_due,
	  test_taken, test_services, test_dismissed, test_bond, test_bond_short,
	  test_changed, test_consent, test_battery, test_signal, test_average, test_signs,
	  test_gaps, test_unseen, test_adapter, test_order, test_ear, test_random_life)
