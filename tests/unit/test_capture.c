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
			     .values = { { VALUE_PULSE, UNIT_PER_MINUTE, { 61, 0, 0 } } },
			     .marks = MARK_TAIL },
		.clock = { .source = OFFSET_READ, .offset_ms = -5 },
		.attribution = ATTRIBUTION_CONFIRMED
	};

	return m;
}

static void add_raw(uint64_t capture, struct mono now)
{
	struct msg_raw m = make_raw(capture);

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
	CHECK_UINT(captures_deadline(&c).ms, MONO_NEVER.ms);
	captures_pop(&c);
	CHECK(!captures_first(&c));
}

static void test_marks(void)
{
	struct msg_raw m = make_raw(1);

	captures_init(&c);
	m.unverified = true;
	CHECK_INT(captures_on_raw(&c, &m, t0), 0);
	CHECK_INT(add_decoded(1), 0);
	CHECK_INT(captures_first(&c)->reading.decoded.marks, MARK_TAIL | MARK_UNVERIFIED);
	captures_pop(&c);
	m.capture = 2;
	CHECK_INT(captures_on_raw(&c, &m, t0), 0);
	captures_on_down(&c);
	CHECK_INT(captures_first(&c)->reading.decoded.marks,
		  MARK_UNDECODED | MARK_UNVERIFIED);
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
		CHECK_MEM(&c.ring[i], &zero, sizeof(zero));
}

/* Whatever happens: order of arrival, nobody waits longer than CAPTURE_WAIT_MS, none is lost. */
static void test_random_run(void)
{
	uint64_t next_in = 1, next_out = 1;
	struct mono now = t0;

	captures_init(&c);
	for (int step = 0; step < 100000; step++) {
		now = mono_add(now, test_random() % 50);
		captures_on_time(&c, now);
		switch (test_random() % 8) {
		case 0:
		case 1:
		case 2: {
			struct msg_raw m = make_raw(next_in);
			int r = captures_on_raw(&c, &m, now);

			CHECK_INT(r, next_in - next_out == CAPTURES_MAX ? -ENOSPC : 0);
			next_in += r == 0;
			break;
		}
		case 3:
		case 4:
		case 5:
			(void)add_decoded(next_out + test_random() % (CAPTURES_MAX + 1));
			break;
		case 6:
			if (test_random() % 100 == 0)
				captures_on_down(&c);
			break;
		default: break;
		}
		while (captures_first(&c)) {
			CHECK_UINT(captures_first(&c)->capture, next_out);
			captures_pop(&c);
			next_out++;
		}
		if (next_out < next_in)
			CHECK(captures_deadline(&c).ms > now.ms &&
			      captures_deadline(&c).ms <= now.ms + CAPTURE_WAIT_MS);
		else
			CHECK_UINT(captures_deadline(&c).ms, MONO_NEVER.ms);
	}
	CHECK(next_out > 1000);
}

TEST_MAIN("capture", test_join, test_marks, test_deadline, test_down, test_order,
	  test_same_twice, test_full_and_wiped, test_random_run)
