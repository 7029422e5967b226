/*
 * test_capture.c - RAW and DECODED become one reading, in virtual time.
 */
#include "storage/capture.h"

#include <errno.h>

#include "test.h"

static struct captures c;
static const struct mono t0 = { 5000 };

static struct msg_raw make_raw(uint64_t capture)
{
	struct msg_raw m = { .instance = 42,
			     .capture = capture,
			     .kind = READING_BLOOD_PRESSURE,
			     .characteristic = 0x2a35,
			     .peripheral = { .num = 3 },
			     .utc_offset_min = 60,
			     .link = LINK_SC_AUTHENTICATED,
			     .raw_len = 3,
			     .raw = { 1, 2, (uint8_t)capture } };

	return m;
}

static struct msg_decoded make_decoded(uint64_t capture)
{
	struct msg_decoded m = {
		.capture = capture,
		.class = CLASS_ALARM,
		.decoded = { .value_count = 1,
			     .values = { { VALUE_PULSE,
					   UNIT_PER_MINUTE,
					   { 61, 0, 0 },
					   0,
					   0 } },
			     .marks = MARK_TAIL },
		.clock = { .source = OFFSET_READ, .offset_ms = -5 },
		.attribution = ATTRIBUTION_CONFIRMED,
		.history = 7,
		.link = LINK_LEGACY_PASSKEY,
	};

	return m;
}

static void add_raw(uint64_t capture, struct mono now)
{
	struct msg_raw m = make_raw(capture);

	CHECK_INT(captures_on_raw(&c, &m, now), 0);
}

static void add_unverified(uint64_t capture, struct mono now)
{
	struct msg_raw m = make_raw(capture);

	m.unverified = true;
	m.link = LINK_UNKNOWN;
	CHECK_INT(captures_on_raw(&c, &m, now), 0);
}

static int add_decoded(uint64_t capture)
{
	struct msg_decoded m = make_decoded(capture);

	return captures_on_decoded(&c, 42, &m);
}

static void test_join(void)
{
	const struct capture *e;

	captures_init(&c);
	CHECK(!captures_first(&c));
	CHECK_UINT(captures_deadline(&c).ms, MONO_NEVER.ms);
	add_raw(1, t0);
	CHECK(!captures_first(&c));
	CHECK_UINT(captures_deadline(&c).ms, t0.ms + CAPTURE_WAIT_MS);
	CHECK_INT(add_decoded(1), 0);
	e = captures_first(&c);
	CHECK(e);
	CHECK_UINT(e->capture, 1);
	CHECK_INT(e->class, CLASS_ALARM);
	CHECK_INT(e->reading.characteristic, 0x2a35);
	CHECK_INT(e->reading.raw_len, 3);
	CHECK_INT(e->reading.decoded.values[0].number.mantissa, 61);
	CHECK_INT(e->reading.decoded.marks, MARK_TAIL);
	CHECK_INT(e->reading.clock.offset_ms, -5);
	CHECK_INT(e->reading.attribution, ATTRIBUTION_CONFIRMED);
	CHECK_INT(e->reading.utc_offset_min, 60);
	CHECK_UINT(e->reading.history, 7);
	CHECK_INT(e->reading.link,
		  LINK_LEGACY_PASSKEY); /* takes the place of the RAW's */
	CHECK_UINT(captures_deadline(&c).ms, MONO_NEVER.ms);
	captures_pop(&c);
	CHECK(!captures_first(&c));
}

/* What DECODED says of the link takes the place of what RAW said, mark and strength. */
static void test_marks(void)
{
	struct msg_decoded d = make_decoded(1);

	captures_init(&c);
	add_unverified(1, t0);
	CHECK_INT(add_decoded(1), 0);
	CHECK_INT(captures_first(&c)->reading.decoded.marks, MARK_TAIL);
	CHECK_INT(captures_first(&c)->reading.link, LINK_LEGACY_PASSKEY);
	captures_pop(&c);
	add_unverified(1, t0);
	d.unverified = true; /* nobody will ever know */
	d.link = LINK_UNKNOWN;
	CHECK_INT(captures_on_decoded(&c, 42, &d), 0);
	CHECK_INT(captures_first(&c)->reading.decoded.marks, MARK_TAIL | MARK_UNVERIFIED);
	CHECK_INT(captures_first(&c)->reading.link, LINK_UNKNOWN);
	captures_pop(&c);
	add_raw(1, t0);
	CHECK_INT(captures_on_decoded(&c, 42, &d), 0);
	CHECK_INT(captures_first(&c)->reading.decoded.marks, MARK_TAIL | MARK_UNVERIFIED);
	captures_pop(&c);
	add_raw(1, t0);
	d.unverified = false; /* a decoder has no say in it */
	d.decoded.marks |= MARK_UNVERIFIED;
	CHECK_INT(captures_on_decoded(&c, 42, &d), 0);
	CHECK_INT(captures_first(&c)->reading.decoded.marks, MARK_TAIL);
	captures_pop(&c);
	add_unverified(2, t0);
	CHECK(!captures_first(&c));
	captures_on_down(&c);
	CHECK_INT(captures_first(&c)->reading.decoded.marks,
		  MARK_UNDECODED | MARK_UNVERIFIED);
}

static void test_quarantine_deadline(void)
{
	captures_init(&c);
	add_unverified(1, t0);
	CHECK_UINT(captures_deadline(&c).ms, t0.ms + CAPTURE_VERIFY_MS);
	captures_on_time(&c, mono_add(t0, CAPTURE_VERIFY_MS - 1));
	CHECK(!captures_first(&c));
	captures_on_time(&c, mono_add(t0, CAPTURE_VERIFY_MS));
	CHECK_INT(captures_first(&c)->reading.decoded.marks,
		  MARK_UNDECODED | MARK_UNVERIFIED);
	CHECK_INT(captures_first(&c)->class, CLASS_ROUTINE);
	CHECK_UINT(captures_deadline(&c).ms, MONO_NEVER.ms);
	CHECK_INT(add_decoded(1), -ENOENT); /* too late */
}

/* Those in quarantine hold back nobody, and take their old place when they leave it. */
static void test_step_aside(void)
{
	captures_init(&c);
	add_unverified(1, t0);
	add_raw(2, t0);
	add_unverified(3, t0);
	add_raw(4, t0);
	CHECK(!captures_first(&c)); /* 2 waits for its decoder, and holds back 4 */
	CHECK_INT(add_decoded(4), 0);
	CHECK(!captures_first(&c));
	add_unverified(5, t0);
	CHECK_INT(add_decoded(5), 0); /* but not one that came unverified */
	CHECK_UINT(captures_first(&c)->capture, 5);
	captures_pop(&c);
	CHECK(!captures_first(&c));
	CHECK_INT(add_decoded(2), 0);
	CHECK_UINT(captures_first(&c)->capture, 2);
	captures_pop(&c);
	CHECK_UINT(captures_first(&c)->capture, 4);
	CHECK_INT(add_decoded(3), 0);
	CHECK_UINT(captures_first(&c)->capture, 3);
	CHECK_INT(add_decoded(1), 0);
	CHECK_UINT(captures_first(&c)->capture, 1);
	captures_pop(&c);
	captures_pop(&c);
	CHECK_UINT(captures_first(&c)->capture, 4);
	captures_pop(&c);
	CHECK(!captures_first(&c));
	captures_pop(&c); /* of nothing: nothing */
	CHECK_UINT(c.count, 0);
}

static void test_discard(void)
{
	static const struct capture zero;

	captures_init(&c);
	CHECK_INT(captures_on_discard(&c, 42, 1), -ENOENT);
	add_unverified(1, t0);
	add_raw(2, t0);
	add_unverified(3, t0);
	CHECK_INT(captures_on_discard(&c, 43, 1), -ENOENT); /* of another life */
	CHECK_INT(captures_on_discard(&c, 42, 2), -ENOENT); /* came over a good link */
	CHECK_INT(captures_on_discard(&c, 42, 1), 0);
	CHECK(!captures_has(&c, 42, 1));
	CHECK_INT(captures_on_discard(&c, 42, 1), -ENOENT);
	CHECK_INT(add_decoded(1), -ENOENT);
	CHECK(!captures_first(&c)); /* 2 still waits */
	CHECK_INT(add_decoded(2), 0);
	CHECK_UINT(captures_first(&c)->capture, 2);
	CHECK_INT(captures_on_discard(&c, 42, 2), -ENOENT);
	captures_pop(&c);
	CHECK_INT(captures_on_discard(&c, 42, 3), 0);
	CHECK_UINT(captures_deadline(&c).ms, MONO_NEVER.ms);
	/* One that gave up waiting, but is not sealed yet. */
	add_unverified(4, t0);
	captures_on_time(&c, mono_add(t0, CAPTURE_VERIFY_MS));
	CHECK_UINT(captures_first(&c)->capture, 4);
	CHECK_INT(captures_on_discard(&c, 42, 4), 0);
	CHECK(!captures_first(&c));
	for (size_t i = 0; i < CAPTURES_MAX; i++)
		CHECK_MEM(&c.places[i], &zero, sizeof(zero));
}

/* An impostor can fill the quarantine; there is room for others, and the oldest are sealed, not lost. */
static void test_quarantine_limit(void)
{
	captures_init(&c);
	for (uint64_t i = 1; i <= CAPTURES_QUARANTINE_MAX; i++)
		add_unverified(i, t0);
	CHECK(!captures_first(&c));
	add_unverified(CAPTURES_QUARANTINE_MAX + 1, t0);
	CHECK_UINT(captures_first(&c)->capture, 1);
	CHECK_INT(captures_first(&c)->reading.decoded.marks,
		  MARK_UNDECODED | MARK_UNVERIFIED);
	captures_pop(&c);
	CHECK(!captures_first(&c));
	for (uint64_t i = 100; i < 100 + CAPTURES_MAX - CAPTURES_QUARANTINE_MAX; i++)
		add_raw(i, t0);
	for (uint64_t i = 100; i < 100 + CAPTURES_MAX - CAPTURES_QUARANTINE_MAX; i++)
		CHECK_INT(add_decoded(i), 0);
	for (uint64_t i = 100; i < 100 + CAPTURES_MAX - CAPTURES_QUARANTINE_MAX; i++) {
		CHECK_UINT(captures_first(&c)->capture, i);
		captures_pop(&c);
	}
	CHECK_INT(captures_on_discard(&c, 42, 2), 0); /* one less: room for one more */
	add_unverified(200, t0);
	CHECK(!captures_first(&c));
	add_unverified(201, t0);
	CHECK_UINT(captures_first(&c)->capture, 3);
}

static void test_deadline(void)
{
	captures_init(&c);
	add_raw(1, t0);
	captures_on_time(&c, mono_add(t0, CAPTURE_WAIT_MS - 1));
	CHECK(!captures_first(&c));
	captures_on_time(&c, mono_add(t0, CAPTURE_WAIT_MS));
	CHECK(captures_first(&c));
	CHECK_INT(captures_first(&c)->reading.decoded.marks, MARK_UNDECODED);
	CHECK_INT(captures_first(&c)->class, CLASS_ROUTINE);
	CHECK_INT(add_decoded(1), -ENOENT); /* too late */
	CHECK_INT(captures_first(&c)->reading.decoded.marks, MARK_UNDECODED);
	CHECK_INT(add_decoded(9), -ENOENT);
}

static void test_down(void)
{
	captures_init(&c);
	add_raw(1, t0);
	add_raw(2, t0);
	CHECK_INT(add_decoded(1), 0);
	captures_on_down(&c);
	CHECK_INT(captures_first(&c)->reading.decoded.marks, MARK_TAIL);
	captures_pop(&c);
	CHECK_INT(captures_first(&c)->reading.decoded.marks, MARK_UNDECODED);
}

static void test_order(void)
{
	captures_init(&c);
	add_raw(1, t0);
	add_raw(2, mono_add(t0, 10));
	CHECK_INT(add_decoded(2), 0);
	CHECK(!captures_first(&c)); /* 1 came first */
	CHECK_UINT(captures_deadline(&c).ms, t0.ms + CAPTURE_WAIT_MS);
	CHECK_INT(add_decoded(1), 0);
	CHECK_UINT(captures_first(&c)->capture, 1);
	captures_pop(&c);
	CHECK_UINT(captures_first(&c)->capture, 2);
}

static void test_same_twice(void)
{
	struct msg_raw m = make_raw(1);
	struct msg_decoded other = make_decoded(1);

	captures_init(&c);
	add_raw(1, t0);
	CHECK_INT(captures_on_raw(&c, &m, t0), -EEXIST);
	CHECK(captures_has(&c, 42, 1));
	CHECK(!captures_has(&c, 42, 2));
	CHECK(!captures_has(&c, 43, 1));
	m.instance = 43; /* hub-ble was restarted and counts from 1 again */
	CHECK_INT(captures_on_raw(&c, &m, t0), 0);
	CHECK_INT(captures_on_decoded(&c, 43, &other), 0);
	CHECK(!captures_first(&c)); /* that was not for the first one */
}

static void test_full_and_wiped(void)
{
	struct msg_raw m = make_raw(CAPTURES_MAX + 1);
	static const struct capture zero;

	captures_init(&c);
	for (uint64_t i = 1; i <= CAPTURES_MAX; i++)
		add_raw(i, t0);
	CHECK_INT(captures_on_raw(&c, &m, t0), -ENOSPC);
	captures_on_down(&c);
	captures_pop(&c);
	CHECK_INT(captures_on_raw(&c, &m, t0), 0);
	captures_on_down(&c);
	for (uint64_t i = 2; i <= CAPTURES_MAX + 1; i++) {
		CHECK_UINT(captures_first(&c)->capture, i);
		captures_pop(&c);
	}
	for (size_t i = 0; i < CAPTURES_MAX; i++)
		CHECK_MEM(&c.places[i], &zero, sizeof(zero));
}

/* --- random runs against a model --------------------------------------------------------------- */

enum { MODEL_MAX = 200000 };

static struct {
	struct {
		bool quarantined; /* still */
		bool aside;	  /* came so */
		uint32_t marks;	  /* it must leave with these */
		bool ready;
		struct mono due;
	} of[MODEL_MAX];
	uint64_t here[CAPTURES_MAX]; /* in order of arrival */
	size_t count;
	uint64_t next, left, discarded;
} model;

static void model_give_up(size_t i)
{
	uint64_t k = model.here[i];

	if (model.of[k].ready)
		return;
	model.of[k].ready = true;
	model.of[k].quarantined = false;
	model.of[k].marks |= MARK_UNDECODED;
}

static void model_remove(size_t i)
{
	model.count--;
	memmove(&model.here[i], &model.here[i + 1],
		(model.count - i) * sizeof(model.here[0]));
}

static void do_raw(struct mono now)
{
	struct msg_raw m = make_raw(model.next);
	size_t held = 0, oldest = SIZE_MAX;
	int r;

	m.unverified = test_random() % 3 == 0;
	r = captures_on_raw(&c, &m, now);
	CHECK_INT(r, model.count == CAPTURES_MAX ? -ENOSPC : 0);
	if (r)
		return;
	for (size_t i = model.count; m.unverified && i-- > 0;)
		if (model.of[model.here[i]].quarantined) {
			oldest = i;
			held++;
		}
	if (held == CAPTURES_QUARANTINE_MAX)
		model_give_up(oldest);
	model.of[model.next].quarantined = model.of[model.next].aside = m.unverified;
	model.of[model.next].marks = m.unverified ? MARK_UNVERIFIED : 0;
	model.of[model.next].due =
		mono_add(now, m.unverified ? CAPTURE_VERIFY_MS : CAPTURE_WAIT_MS);
	model.here[model.count++] = model.next++;
}

static void do_decoded(uint64_t k)
{
	struct msg_decoded d = make_decoded(k);
	size_t i = 0;

	d.unverified = test_random() % 4 == 0;
	while (i < model.count && model.here[i] != k)
		i++;
	if (i == model.count || model.of[k].ready) {
		CHECK_INT(captures_on_decoded(&c, 42, &d), -ENOENT);
		return;
	}
	CHECK_INT(captures_on_decoded(&c, 42, &d), 0);
	model.of[k].ready = true;
	model.of[k].quarantined = false;
	model.of[k].marks = MARK_TAIL | (d.unverified ? MARK_UNVERIFIED : 0);
}

static void do_discard(uint64_t k)
{
	size_t i = 0;

	while (i < model.count && model.here[i] != k)
		i++;
	if (i == model.count || !(model.of[k].marks & MARK_UNVERIFIED)) {
		CHECK_INT(captures_on_discard(&c, 42, k), -ENOENT);
		return;
	}
	CHECK_INT(captures_on_discard(&c, 42, k), 0);
	model_remove(i);
	model.discarded++;
}

static void do_time(struct mono now)
{
	captures_on_time(&c, now);
	for (size_t i = 0; i < model.count; i++)
		if (mono_reached(now, model.of[model.here[i]].due))
			model_give_up(i);
}

/* Index of what must leave next, or model.count. */
static size_t model_first(void)
{
	bool held_back = false;

	for (size_t i = 0; i < model.count; i++) {
		uint64_t k = model.here[i];

		if (model.of[k].ready && (model.of[k].aside || !held_back))
			return i;
		if (!model.of[k].ready && !model.of[k].quarantined)
			held_back = true;
	}
	return model.count;
}

static void take_some(size_t most)
{
	size_t i;

	while ((i = model_first()) < model.count && most-- > 0) {
		const struct capture *e = captures_first(&c);

		CHECK(e);
		CHECK_UINT(e->capture, model.here[i]);
		CHECK_UINT(e->reading.decoded.marks, model.of[e->capture].marks);
		captures_pop(&c);
		model_remove(i);
		model.left++;
	}
	if (model_first() == model.count)
		CHECK(!captures_first(&c));
}

static void check_invariants(struct mono now)
{
	struct mono next = MONO_NEVER;
	size_t held = 0;

	CHECK_UINT(c.count, model.count);
	for (size_t i = 0; i < model.count; i++) {
		uint64_t k = model.here[i];

		CHECK(captures_has(&c, 42, k));
		held += model.of[k].quarantined;
		if (!model.of[k].ready && model.of[k].due.ms < next.ms)
			next = model.of[k].due;
	}
	CHECK(held <= CAPTURES_QUARANTINE_MAX);
	CHECK_UINT(captures_deadline(&c).ms, next.ms);
	CHECK(next.ms > now.ms);
	CHECK_UINT(model.left + model.discarded + model.count, model.next - 1);
}

/* The latest captures, and sometimes an older or a future one. */
static uint64_t some_capture(void)
{
	uint64_t back = test_random() % (CAPTURES_MAX * 2);

	return model.next > back ? model.next - back : 1;
}

/*
 * Whatever happens: each leaves once, in order of arrival but for those in quarantine, with the marks it must
 * have; nobody waits longer than its time; only DISCARD of an unverified one loses anything.
 */
static void test_random_run(void)
{
	struct mono now = t0;

	memset(&model, 0, sizeof(model));
	model.next = 1;
	captures_init(&c);
	for (int step = 0; step < 200000; step++) {
		now = mono_add(now, test_random() % 100);
		do_time(now);
		switch (test_random() % 8) {
		case 0:
		case 1:
		case 2: do_raw(now); break;
		case 3:
		case 4: do_decoded(some_capture()); break;
		case 5: do_discard(some_capture()); break;
		case 6:
			if (test_random() % 100)
				break;
			captures_on_down(&c);
			for (size_t i = 0; i < model.count; i++)
				model_give_up(i);
			break;
		default: take_some(test_random() % 4 ? SIZE_MAX : test_random() % 5);
		}
		check_invariants(now);
	}
	CHECK(model.left > 1000 && model.discarded > 100);
}

/* Verified captures pass whatever an impostor does, each within CAPTURE_WAIT_MS. */
static void test_impostor_stops_nobody(void)
{
	uint64_t good = 1, out = 0, bad = 1000000;
	struct mono now = t0;

	captures_init(&c);
	for (int step = 0; step < 20000; step++) {
		const struct capture *e;

		now = mono_add(now, test_random() % 20);
		captures_on_time(&c, now);
		for (uint64_t n = test_random() % 4; n > 0; n--)
			add_unverified(bad++, now);
		if (test_random() % 8 == 0) {
			add_raw(good, now);
			if (test_random() % 8)
				CHECK_INT(add_decoded(good), 0);
			good++;
		}
		while ((e = captures_first(&c))) {
			if (e->capture < 1000000)
				CHECK_UINT(e->capture, ++out);
			else
				CHECK_INT(e->reading.decoded.marks,
					  MARK_UNDECODED | MARK_UNVERIFIED);
			captures_pop(&c);
		}
		if (out + 1 < good)
			CHECK(captures_deadline(&c).ms <= now.ms + CAPTURE_WAIT_MS);
	}
	CHECK(out > 1000);
}

TEST_MAIN("capture", test_join, test_marks, test_quarantine_deadline, test_step_aside,
	  test_discard, test_quarantine_limit, test_deadline, test_down, test_order,
	  test_same_twice, test_full_and_wiped, test_random_run,
	  test_impostor_stops_nobody)
