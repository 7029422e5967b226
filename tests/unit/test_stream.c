/*
 * test_stream.c - windows of samples: their octets, their summary, when they end, and the comparison of decimals.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "ble/hrs.h"
#include "ble/plausible.h"
#include "ble/plx.h"
#include "ble/stream.h"
#include "tests/unit/decoder.h"

static const struct decoded nothing = { .marks = MARK_UNDECODED };

static uint8_t raw[READING_RAW_MAX];
static struct decoded summary;

static struct mono at(uint64_t ms)
{
	return (struct mono){ 1000000 + ms };
}

static struct decimal decimal(int32_t mantissa, int exponent)
{
	return (struct decimal){ .mantissa = mantissa, .exponent = (int8_t)exponent };
}

/* As the shell does it: decode, add. */
static bool add(struct stream *s, profile_decode_fn *decode, const uint8_t *buf,
		size_t len, uint64_t ms)
{
	struct decoded d;

	if (decode(buf, len, &no_context, &d) != 0)
		d = nothing;
	return stream_add(s, buf, len, &d, at(ms));
}

static bool add_rate(struct stream *s, unsigned rate, uint64_t ms)
{
	const uint8_t buf[] = { 0, (uint8_t)rate };

	return add(s, hrs_decode_measurement, buf, sizeof(buf), ms);
}

static bool add_pair(struct stream *s, unsigned spo2, unsigned pulse, uint64_t ms)
{
	uint8_t buf[8];
	size_t len = put16(buf, put16(buf, put8(buf, 0, 0), spo2), pulse);

	return add(s, plx_decode_continuous, buf, len, ms);
}

static size_t close_rates(struct stream *s)
{
	return stream_close(s, READING_HEART_RATE_STREAM, raw, &summary);
}

static size_t close_pairs(struct stream *s)
{
	return stream_close(s, READING_OXIMETRY_STREAM, raw, &summary);
}

static void check_counts(int samples, int valid, int duration_ms)
{
	CHECK_VALUE(&summary, 0, VALUE_SAMPLES, UNIT_COUNT, samples, 0);
	CHECK_VALUE(&summary, 1, VALUE_SAMPLES_VALID, UNIT_COUNT, valid, 0);
	CHECK_VALUE(&summary, 2, VALUE_DURATION, UNIT_S, duration_ms, -3);
}

static void check_rates(int min, int median, int max)
{
	CHECK_UINT(summary.value_count, 6);
	CHECK_VALUE(&summary, 3, VALUE_HEART_RATE_MIN, UNIT_PER_MINUTE, min, 0);
	CHECK_VALUE(&summary, 4, VALUE_HEART_RATE_MEDIAN, UNIT_PER_MINUTE, median, 0);
	CHECK_VALUE(&summary, 5, VALUE_HEART_RATE_MAX, UNIT_PER_MINUTE, max, 0);
}

static void test_empty(void)
{
	struct stream s;

	stream_init(&s);
	CHECK(stream_is_empty(&s));
	CHECK_UINT(stream_deadline(&s).ms, MONO_NEVER.ms);
	CHECK_UINT(close_rates(&s), 0);
	CHECK_UINT(summary.value_count, 0);
	CHECK_UINT(summary.marks, 0);
	CHECK(stream_is_empty(&s));
}

/* Worked out by hand: delay, length, value; 0 for the first delay. */
static void test_octets(void)
{
	static const uint8_t want[] = { 0x00, 0x00, 2,	  0, 72, 0xE8, 0x03, 2,	   0,
					74,   0x01, 0x02, 2, 0,	 73,   0x00, 0x00, 0 };
	struct stream s;

	stream_init(&s);
	CHECK(add_rate(&s, 72, 0));
	CHECK(!stream_is_empty(&s));
	CHECK(add_rate(&s, 74, 1000));
	CHECK(add_rate(&s, 73, 1513));
	CHECK(stream_add(&s, NULL, 0, &nothing, at(1513)));
	CHECK_UINT(close_rates(&s), sizeof(want));
	CHECK_MEM(raw, want, sizeof(want));
	check_counts(4, 3, 1513);
	check_rates(72, 73, 74);
	CHECK_UINT(summary.marks, 0);
	CHECK(stream_is_empty(&s));
	CHECK_UINT(stream_deadline(&s).ms, MONO_NEVER.ms);
}

/* The lower one of two in the middle; one sample is all three. */
static void test_median(void)
{
	static const uint8_t rates[] = { 90, 60, 80, 70, 60 };
	static const int medians[] = { 90, 60, 80, 70, 70 };
	static const int minima[] = { 90, 60, 60, 60, 60 };

	for (size_t n = 1; n <= sizeof(rates); n++) {
		struct stream s;

		stream_init(&s);
		for (size_t i = 0; i < n; i++)
			CHECK(add_rate(&s, rates[i], 1000 * i));
		close_rates(&s);
		check_counts((int)n, (int)n, 1000 * ((int)n - 1));
		check_rates(minima[n - 1], medians[n - 1], 90);
	}
}

/* Of equal samples the first to come is the lower one: which digits are told is no accident. */
static void test_equal_samples(void)
{
	struct stream s;

	stream_init(&s);
	CHECK(add_pair(&s, 0xF000 | 980, 72, 0));
	CHECK(add_pair(&s, 98, 72, 1000));
	close_pairs(&s);
	CHECK_VALUE(&summary, 3, VALUE_SPO2_MIN, UNIT_PERCENT, 980, -1);
	CHECK_VALUE(&summary, 4, VALUE_SPO2_MEDIAN, UNIT_PERCENT, 980, -1);
	CHECK_VALUE(&summary, 5, VALUE_SPO2_MAX, UNIT_PERCENT, 98, 0);
}

/* Digits are kept as they came, and do not decide the order: 97.5 < 98 < 98.1 < 9.9e1. */
static void test_oximetry(void)
{
	struct stream s;

	stream_init(&s);
	CHECK(add_pair(&s, 98, 72, 0));
	CHECK(add_pair(&s, 0xF000 | 975, 0xF000 | 714, 1000));
	CHECK(add_pair(&s, 0xF000 | 981, 0x1007, 2000));
	CHECK(add_pair(&s, 0x07FF, 71, 3000)); /* SpO2 not available */
	CHECK(add_pair(&s, 0xE000 | 990, 0x07FF,
		       4000)); /* 9.90: implausible, not dropped */
	close_pairs(&s);
	check_counts(5, 4, 4000);
	CHECK_UINT(summary.value_count, 9);
	CHECK_VALUE(&summary, 3, VALUE_SPO2_MIN, UNIT_PERCENT, 990, -2);
	CHECK_VALUE(&summary, 4, VALUE_SPO2_MEDIAN, UNIT_PERCENT, 975, -1);
	CHECK_VALUE(&summary, 5, VALUE_SPO2_MAX, UNIT_PERCENT, 981, -1);
	CHECK_VALUE(&summary, 6, VALUE_PULSE_MIN, UNIT_PER_MINUTE, 7, 1);
	CHECK_VALUE(&summary, 7, VALUE_PULSE_MEDIAN, UNIT_PER_MINUTE, 71, 0);
	CHECK_VALUE(&summary, 8, VALUE_PULSE_MAX, UNIT_PER_MINUTE, 72, 0);
	CHECK_UINT(summary.marks, MARK_IMPLAUSIBLE);
}

/* The 'normal' pair counts; the fast one is in the octets. */
static void test_fast_pair(void)
{
	uint8_t buf[16];
	size_t len = put16(buf, put16(buf, put8(buf, 0, 1), 97), 72);
	struct stream s;

	len = put16(buf, put16(buf, len, 88), 120);
	stream_init(&s);
	CHECK(add(&s, plx_decode_continuous, buf, len, 0));
	CHECK_UINT(close_pairs(&s), STREAM_HEADER_LEN + len);
	CHECK_VALUE(&summary, 5, VALUE_SPO2_MAX, UNIT_PERCENT, 97, 0);
	CHECK_VALUE(&summary, 8, VALUE_PULSE_MAX, UNIT_PER_MINUTE, 72, 0);
}

/* Status bits of all samples; a test is a test for the whole window. */
static void test_status(void)
{
	/* status and device status; status alone: testing; neither */
	static const uint8_t a[] = { 0x0C, 97, 0, 72, 0, 0x20, 0x00, 0x20, 0x00, 0x80 };
	static const uint8_t b[] = { 0x04, 96, 0, 71, 0, 0x80, 0x08 };
	static const uint8_t c[] = { 0x00, 95, 0, 70, 0 };
	struct stream s;

	stream_init(&s);
	CHECK(add(&s, plx_decode_continuous, a, sizeof(a), 0));
	CHECK(add(&s, plx_decode_continuous, c, sizeof(c), 1));
	close_pairs(&s);
	CHECK(summary.has_status && summary.has_device_status);
	CHECK_UINT(summary.status, 0x0020);
	CHECK_UINT(summary.device_status, 0x800020);
	CHECK_UINT(summary.marks, 0);
	CHECK(add(&s, plx_decode_continuous, b, sizeof(b), 2));
	CHECK(add(&s, plx_decode_continuous, a, sizeof(a), 3));
	CHECK(add(&s, plx_decode_continuous, c, sizeof(c), 4));
	close_pairs(&s);
	CHECK_UINT(summary.status, 0x08A0);
	CHECK_UINT(summary.device_status, 0x800020);
	CHECK_UINT(summary.marks, MARK_TEST);
	/* and nothing of it stays for the next window */
	CHECK(add(&s, plx_decode_continuous, c, sizeof(c), 5));
	close_pairs(&s);
	CHECK(!summary.has_status && !summary.has_device_status);
	CHECK_UINT(summary.status, 0);
	CHECK_UINT(summary.marks, 0);
	check_counts(1, 1, 0);
}

/* A strap that has no rate sends 0: a sample, but not one of 0 beats. */
static void test_no_result(void)
{
	static const uint8_t with_tail[] = { 0, 0, 1 };
	struct stream s;

	stream_init(&s);
	CHECK(add_rate(&s, 0, 0));
	CHECK(add_rate(&s, 0, 1000));
	close_rates(&s);
	check_counts(2, 0, 1000);
	CHECK_UINT(summary.value_count, 3);
	CHECK_UINT(summary.marks, MARK_NO_RESULT);
	CHECK(add(&s, hrs_decode_measurement, with_tail, sizeof(with_tail), 1500));
	close_rates(&s);
	CHECK_UINT(summary.marks, MARK_NO_RESULT | MARK_TAIL);
	CHECK(add_rate(&s, 0, 2000));
	CHECK(add_rate(&s, 65, 3000));
	close_rates(&s);
	check_counts(2, 1, 1000);
	check_rates(65, 65, 65);
	CHECK_UINT(summary.marks, 0);
	CHECK(add_pair(&s, 0x07FF, 0x07FF, 4000));
	CHECK(add_pair(&s, 0x07FE, 72, 5000)); /* more than it can measure */
	close_pairs(&s);
	check_counts(2, 0, 1000);
	CHECK_UINT(summary.value_count, 6);
	CHECK_VALUE(&summary, 3, VALUE_PULSE_MIN, UNIT_PER_MINUTE, 72, 0);
	CHECK_UINT(summary.marks, MARK_NO_RESULT);
}

static void test_undecodable(void)
{
	static const uint8_t bad[] = { 0x01, 72 }; /* 16 bits flagged, 8 there */
	struct stream s;

	stream_init(&s);
	CHECK(add(&s, hrs_decode_measurement, bad, sizeof(bad), 0));
	CHECK(add(&s, hrs_decode_measurement, bad, sizeof(bad), 500));
	CHECK_UINT(close_rates(&s), 10);
	check_counts(2, 0, 500);
	CHECK_UINT(summary.value_count, 3);
	CHECK_UINT(summary.marks, MARK_UNDECODED);
	CHECK(add(&s, hrs_decode_measurement, bad, sizeof(bad), 1000));
	CHECK(add_rate(&s, 80, 1500));
	CHECK_UINT(close_rates(&s), 10);
	check_counts(2, 1, 500);
	check_rates(80, 80, 80);
	CHECK_UINT(summary.marks, 0);
	CHECK_MEM(raw + STREAM_HEADER_LEN, bad, sizeof(bad));
	CHECK(add(&s, hrs_decode_measurement, bad, sizeof(bad), 2000));
	CHECK(add_rate(&s, 0, 2500));
	close_rates(&s);
	CHECK_UINT(summary.marks, MARK_NO_RESULT);
}

/* 60 s from the first sample: n-1 is in, n is not, and a refusal changes nothing. */
static void test_window_is_over(void)
{
	struct stream s, before;

	stream_init(&s);
	CHECK(add_rate(&s, 70, 0));
	CHECK_UINT(stream_deadline(&s).ms, at(60000).ms);
	CHECK(add_rate(&s, 71, 30000));
	CHECK_UINT(stream_deadline(&s).ms, at(60000).ms);
	CHECK(add_rate(&s, 72, 59999));
	before = s;
	CHECK(!add_rate(&s, 73, 60000));
	CHECK(!add_rate(&s, 73, 60001));
	CHECK(!add_rate(&s, 73, UINT32_MAX));
	CHECK(memcmp(&s, &before, sizeof(s)) == 0);
	CHECK_UINT(close_rates(&s), 15);
	CHECK_UINT(raw[10] | raw[11] << 8, 29999);
	check_counts(3, 3, 59999);
	check_rates(70, 71, 72);
	CHECK(add_rate(&s, 73, 60000));
	CHECK_UINT(stream_deadline(&s).ms, at(120000).ms);
	close_rates(&s);
	check_counts(1, 1, 0);
}

/* The longest delay: first and last instant of a window. */
static void test_longest_delay(void)
{
	struct stream s;

	stream_init(&s);
	CHECK(add_rate(&s, 70, 0));
	CHECK(add_rate(&s, 70, 59999));
	CHECK_UINT(close_rates(&s), 10);
	CHECK_UINT(raw[5] | raw[6] << 8, 59999);
	check_counts(2, 2, 59999);
}

/* Should the clock ever go back: no delay, and none that is longer than the window. */
static void test_clock_back(void)
{
	struct stream s;

	stream_init(&s);
	CHECK(add_rate(&s, 70, 50000));
	CHECK(add_rate(&s, 70, 0));
	CHECK(add_rate(&s, 70, 109999));
	CHECK_UINT(close_rates(&s), 15);
	CHECK_UINT(raw[5] | raw[6] << 8, 0);
	CHECK_UINT(raw[10] | raw[11] << 8, 59999);
	check_counts(3, 3, 59999);
}

/* The last sample that fits fills the block; one octet more closes the window. */
static void test_room(void)
{
	for (size_t last = 0; last < 60; last++) {
		uint8_t value[STREAM_VALUE_MAX] = { 0 };
		struct stream s, before;
		size_t used = 0;

		stream_init(&s);
		for (unsigned i = 0; i < 2; i++) {
			CHECK(stream_add(&s, value, 226, &nothing, at(i)));
			used += STREAM_HEADER_LEN + 226;
		}
		before = s;
		if (used + STREAM_HEADER_LEN + last > READING_RAW_MAX) {
			CHECK(last > 51);
			CHECK(!stream_add(&s, value, last, &nothing, at(2)));
			CHECK(memcmp(&s, &before, sizeof(s)) == 0);
			CHECK_UINT(close_rates(&s), used);
			CHECK(stream_add(&s, value, last, &nothing, at(2)));
		} else {
			CHECK(last <= 51);
			CHECK(stream_add(&s, value, last, &nothing, at(2)));
			CHECK_UINT(close_rates(&s), used + STREAM_HEADER_LEN + last);
		}
	}
}

/* Any value fits into an empty window, so that nothing is offered for ever; too long ones are cut. */
static void check_length_of(uint8_t flags, size_t len)
{
	static uint8_t value[READING_RAW_MAX];
	size_t kept = len < STREAM_VALUE_MAX ? len : STREAM_VALUE_MAX;
	struct decoded d;
	struct stream s;
	bool good;

	put_garbage(value, sizeof(value));
	value[0] = flags;
	value[1] = 72;
	value[2] = 0;
	good = hrs_decode_measurement(value, len, &no_context, &d) == 0 && len <= 255;
	stream_init(&s);
	CHECK(add(&s, hrs_decode_measurement, value, len, 0));
	CHECK_UINT(close_rates(&s), STREAM_HEADER_LEN + kept);
	CHECK_UINT(raw[2], kept);
	CHECK_MEM(raw + STREAM_HEADER_LEN, value, kept);
	check_counts(1, good, 0);
	CHECK_INT((summary.marks & MARK_UNDECODED) != 0, !good);
}

static void test_lengths(void)
{
	for (size_t len = 0; len <= READING_RAW_MAX; len++) {
		check_length_of(0x10, len); /* even ones decode */
		check_length_of(0x11, len); /* odd ones */
	}
}

/* As many samples as a block can hold. */
static void test_most_samples(void)
{
	struct decoded d = { .value_count = 1 };
	struct stream s;

	d.values[0] = (struct value){ .name = VALUE_HEART_RATE, .unit = UNIT_PER_MINUTE };
	stream_init(&s);
	for (int i = 0; i < STREAM_SAMPLES_MAX; i++) {
		d.values[0].number = decimal(200 - i, 0);
		CHECK(stream_add(&s, NULL, 0, &d, at(0)));
	}
	CHECK(!stream_add(&s, NULL, 0, &d, at(0)));
	CHECK_UINT(close_rates(&s), 510);
	check_counts(170, 170, 0);
	check_rates(31, 115, 200);
	CHECK_INT(STREAM_SAMPLES_MAX, 170);
}

/* Polar H7; Stack Overflow, "Heart Rate Value in BLE". */
static void test_capture(void)
{
	static const struct {
		uint8_t len, value[6];
	} rows[] = { { 4, { 22, 77, 22, 3 } },
		     { 6, { 22, 78, 27, 3, 18, 3 } },
		     { 4, { 22, 79, 2, 3 } },
		     { 4, { 22, 78, 15, 3 } } };
	struct stream s;

	stream_init(&s);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		CHECK(add(&s, hrs_decode_measurement, rows[i].value, rows[i].len,
			  1000 * i));
	CHECK_UINT(close_rates(&s), 4 * STREAM_HEADER_LEN + 18);
	check_counts(4, 4, 3000);
	check_rates(77, 78, 79);
	CHECK_UINT(summary.marks, 0);
}

static int64_t scaled(struct decimal d)
{
	int64_t v = d.mantissa;

	for (int e = -8; e < d.exponent; e++)
		v *= 10;
	return v;
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* A model that keeps everything and sorts at the end; returns how many samples the octets hold. */
static size_t check_model(const uint8_t *block, size_t len, size_t value_at)
{
	int64_t values[STREAM_SAMPLES_MAX];
	size_t n = 0, samples = 0, next;

	for (size_t i = 0; i < len; i = next) {
		struct decoded d;

		CHECK(i + STREAM_HEADER_LEN <= len);
		next = i + STREAM_HEADER_LEN + block[i + 2];
		CHECK(next <= len);
		samples++;
		if (plx_decode_continuous(block + i + STREAM_HEADER_LEN, block[i + 2],
					  &no_context, &d) == 0 &&
		    d.values[0].number.kind == DECIMAL_NUMBER)
			values[n++] = scaled(d.values[0].number);
	}
	CHECK_INT(summary.values[0].number.mantissa, samples);
	CHECK_INT(summary.values[1].number.mantissa, n);
	if (n == 0)
		return samples;
	qsort(values, n, sizeof(*values), by_value);
	CHECK_INT(summary.values[value_at].name, VALUE_SPO2_MIN);
	CHECK_INT(scaled(summary.values[value_at].number), values[0]);
	CHECK_INT(scaled(summary.values[value_at + 1].number), values[(n - 1) / 2]);
	CHECK_INT(scaled(summary.values[value_at + 2].number), values[n - 1]);
	return samples;
}

/* Values of all kinds at random times: what is closed says what was added. */
static void test_random_windows(void)
{
	struct stream s;
	uint64_t now = 0, first = 0;
	size_t added = 0;

	stream_init(&s);
	for (int i = 0; i < 100000; i++) {
		uint8_t buf[24];
		size_t len = test_random() % 12;

		put_garbage(buf, sizeof(buf));
		buf[0] &= 0x1F;
		if (test_random() % 4) /* mostly what an oximeter sends */
			put16(buf, 1, (unsigned)(0xF000 | (900 + test_random() % 101)));
		now += test_random() % 3000;
		CHECK(stream_deadline(&s).ms ==
		      (added ? at(first + 60000).ms : MONO_NEVER.ms));
		if (!add(&s, plx_decode_continuous, buf, len, now)) {
			size_t used = close_pairs(&s);

			CHECK(used > 0 && used <= READING_RAW_MAX);
			CHECK(now - first >= 60000 ||
			      used + STREAM_HEADER_LEN + len > READING_RAW_MAX);
			CHECK_UINT(check_model(raw, used, 3), added);
			added = 0;
			CHECK(add(&s, plx_decode_continuous, buf, len, now));
		}
		if (added++ == 0)
			first = now;
	}
}

static void check_compare(struct decimal a, struct decimal b, int want)
{
	CHECK_INT(plausible_compare(a, b), want);
	CHECK_INT(plausible_compare(b, a), -want);
}

static void test_compare(void)
{
	check_compare(decimal(2, 0), decimal(200, -2), 0);
	check_compare(decimal(2, 0), decimal(201, -2), -1);
	check_compare(decimal(2, 0), decimal(199, -2), 1);
	check_compare(decimal(0, 127), decimal(0, -128), 0);
	check_compare(decimal(0, 127), decimal(1, -128), -1);
	check_compare(decimal(0, 127), decimal(-1, -128), 1);
	check_compare(decimal(-1, 127), decimal(0, -128), -1);
	check_compare(decimal(-2, 0), decimal(-200, -2), 0);
	check_compare(decimal(-2, 0), decimal(1, -128), -1);
	check_compare(decimal(1, 127), decimal(INT32_MAX, -128), 1);
	check_compare(decimal(-1, 127), decimal(INT32_MIN, -128), -1);
	/* nine and ten digits apart: the last that are multiplied, the first that are not */
	check_compare(decimal(2, 9), decimal(INT32_MAX, 0), -1);
	check_compare(decimal(3, 9), decimal(INT32_MAX, 0), 1);
	check_compare(decimal(INT32_MAX, 9), decimal(INT32_MAX, 0), 1);
	check_compare(decimal(INT32_MIN, 9), decimal(INT32_MIN, 0), -1);
	check_compare(decimal(1, 10), decimal(INT32_MAX, 0), 1);
	check_compare(decimal(-1, 10), decimal(INT32_MIN, 0), -1);
	check_compare(decimal(INT32_MAX, 10), decimal(INT32_MAX, 0), 1);
	check_compare(decimal(INT32_MIN, 10), decimal(INT32_MIN, 0), -1);
}

TEST_MAIN("stream", test_empty, test_octets, test_median, test_equal_samples,
	  test_oximetry, test_fast_pair, test_status, test_no_result, test_undecodable,
	  test_window_is_over, test_longest_delay, test_clock_back, test_room,
	  test_lengths, test_most_samples, test_capture, test_random_windows,
	  test_compare)
