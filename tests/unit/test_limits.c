/*
 * test_limits.c - what is outside the limits of a vital sign, in each unit that devices have; and who is asked again, when.
 */
#include "tests/unit/test.h"

#include "clinic/limit_text.h"
#include "hub/core/limits.h"
#include "hub/repeat.h"

static struct value value(enum value_name name, enum value_unit unit, int32_t mantissa,
			  int8_t exponent)
{
	return (struct value){ .name = name,
			       .unit = unit,
			       .number = { .mantissa = mantissa, .exponent = exponent } };
}

static enum limits_verdict judge(const char *name, const char *text, struct value v)
{
	struct limit l;

	CHECK(limit_parse(name, text, &l));
	return limits_judge(&l, 1, &v, 1);
}

static void test_units(void)
{
	const enum value_name s = VALUE_SYSTOLIC, t = VALUE_TEMPERATURE;

	CHECK_INT(judge("systolic", "90..180", value(s, UNIT_MMHG, 90, 0)),
		  LIMITS_WITHIN);
	CHECK_INT(judge("systolic", "90..180", value(s, UNIT_MMHG, 180, 0)),
		  LIMITS_WITHIN);
	CHECK_INT(judge("systolic", "90..180", value(s, UNIT_MMHG, 1801, -1)),
		  LIMITS_OUTSIDE);
	CHECK_INT(judge("systolic", "90..", value(s, UNIT_MMHG, 89, 0)), LIMITS_OUTSIDE);
	CHECK_INT(judge("systolic", "90..", value(s, UNIT_MMHG, 9, 2)), LIMITS_WITHIN);
	/* 24.0 kPa is 180.015 mmHg, 23.9 kPa 179.265 */
	CHECK_INT(judge("systolic", "..180", value(s, UNIT_KPA, 240, -1)),
		  LIMITS_OUTSIDE);
	CHECK_INT(judge("systolic", "..180", value(s, UNIT_KPA, 239, -1)), LIMITS_WITHIN);
	/* 100.4 F is 38 C */
	CHECK_INT(judge("temperature", "..38", value(t, UNIT_FAHRENHEIT, 1004, -1)),
		  LIMITS_WITHIN);
	CHECK_INT(judge("temperature", "..38", value(t, UNIT_FAHRENHEIT, 1005, -1)),
		  LIMITS_OUTSIDE);
	CHECK_INT(judge("temperature", "35..", value(t, UNIT_FAHRENHEIT, 0, 0)),
		  LIMITS_OUTSIDE);
	CHECK_INT(judge("temperature", "..39.5", value(t, UNIT_CELSIUS, 395, -1)),
		  LIMITS_WITHIN);
	/* 10 mmol/l is 180.156 mg/dl */
	CHECK_INT(judge("glucose", "..180", value(VALUE_GLUCOSE, UNIT_MOL_PER_L, 10, -3)),
		  LIMITS_OUTSIDE);
	CHECK_INT(judge("glucose", "..181", value(VALUE_GLUCOSE, UNIT_MOL_PER_L, 10, -3)),
		  LIMITS_WITHIN);
	CHECK_INT(judge("glucose", "..180", value(VALUE_GLUCOSE, UNIT_KG_PER_L, 180, -5)),
		  LIMITS_WITHIN);
	CHECK_INT(judge("glucose", "..180", value(VALUE_GLUCOSE, UNIT_KG_PER_L, 181, -5)),
		  LIMITS_OUTSIDE);
	/* 220.462 lb is 100.000 kg */
	CHECK_INT(judge("weight", "..100", value(VALUE_WEIGHT, UNIT_LB, 220462, -3)),
		  LIMITS_WITHIN);
	CHECK_INT(judge("weight", "..100", value(VALUE_WEIGHT, UNIT_LB, 220464, -3)),
		  LIMITS_OUTSIDE);
}

static void test_not_numbers(void)
{
	struct value v = value(VALUE_SPO2, UNIT_PERCENT, 0, 0);
	struct limit l[2];

	CHECK(limit_parse("SpO2", "92..", &l[0]));
	v.number.kind = DECIMAL_NAN;
	CHECK_INT(limits_judge(l, 1, &v, 1), LIMITS_NOT_JUDGED);
	v.number.kind = DECIMAL_MINUS_INF;
	CHECK_INT(limits_judge(l, 1, &v, 1), LIMITS_OUTSIDE);
	v.number.kind = DECIMAL_PLUS_INF;
	CHECK_INT(limits_judge(l, 1, &v, 1), LIMITS_WITHIN);
	CHECK_INT(judge("SpO2", "92..", value(VALUE_PULSE, UNIT_PER_MINUTE, 1, 0)),
		  LIMITS_NOT_JUDGED);
	CHECK_INT(judge("SpO2", "92..", value(VALUE_SPO2, UNIT_MMHG, 1, 0)),
		  LIMITS_NOT_JUDGED);
	/* whatever a device sends is no trouble */
	for (int i = 0; i < 10000; i++) {
		struct value any =
			value(VALUE_WEIGHT, (enum value_unit)(test_random() % UNIT_COUNT),
			      (int32_t)test_random(), (int8_t)test_random());

		CHECK(judge("weight", "1..2", any) <= LIMITS_OUTSIDE);
	}
}

static void test_text(void)
{
	static const char *const good[] = { "90..180", "92..", "..39.5", "0.001..10000",
					    "0..1" };
	static const char *const bad[] = { "",	   "..",       "90",	      "180..90",
					   "9..9", "1...2",    "a..2",	      "1..2x",
					   "-1..", "1.0000..", "..10000.001", "1. ..2" };
	char text[LIMIT_TEXT_MAX];
	struct limit l;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		CHECK(limit_parse("pulse", good[i], &l));
		CHECK_STR(limit_text(&l, text), good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (limit_parse("pulse", bad[i], &l))
			fprintf(stderr, "taken: %s\n", bad[i]);
		CHECK(!limit_parse("pulse", bad[i], &l));
	}
	CHECK(!limit_parse("BMI", "1..2", &l));
}

/* --- asking again --------------------------------------------------------------------------- */

static size_t waits(const struct repeat *r, uint64_t now)
{
	uint16_t which[CONFIG_DEVICES_MAX];
	size_t n = repeat_waits(r, (struct mono){ now }, which);

	CHECK_INT(repeat_deadline(r, (struct mono){ now }).ms == MONO_NEVER.ms, n == 0);
	if (n > 0)
		CHECK_UINT(which[0], 3);
	return n;
}

static void tell(struct repeat *r, uint64_t device, uint64_t outside_at, uint64_t now)
{
	const struct msg_status s = { STATUS_LIMITS, device, outside_at };

	repeat_on_status(r, &s, (struct mono){ now });
}

static void test_repeat(void)
{
	struct config c = { .assignment = 1,
			    .device_count = 1,
			    .devices = { { .num = 3 } },
			    .limit_count = 1 };
	struct repeat r = { 0 };
	uint64_t at = 10 * REPEAT_REST_MS;

	repeat_on_config(&r, &c);
	tell(&r, 3, 0, at);
	CHECK_UINT(waits(&r, at), 0);
	tell(&r, 3, at, at);
	CHECK_UINT(waits(&r, at + REPEAT_ASK_MS - 1), 1);
	CHECK_UINT(waits(&r, at + REPEAT_ASK_MS), 0);
	repeat_on_config(&r, &c);
	CHECK_UINT(waits(&r, at), 1);
	/* measured again, and within; then outside within two hours: the clinic's affair */
	tell(&r, 3, 0, at + 1000);
	CHECK_UINT(waits(&r, at + 1000), 0);
	tell(&r, 3, at + 2000, at + 2000);
	CHECK_UINT(waits(&r, at + 2000), 0);
	/* later again; outside twice in a row is asked for once */
	at += REPEAT_REST_MS;
	tell(&r, 3, at, at);
	CHECK_UINT(waits(&r, at), 1);
	tell(&r, 3, at, at + 5); /* told again */
	CHECK_UINT(waits(&r, at + 5), 1);
	tell(&r, 3, at + 6, at + 6);
	CHECK_UINT(waits(&r, at + 6), 0);
	/* of long ago, as hubd was away; and from the future */
	at += REPEAT_REST_MS;
	tell(&r, 3, at - REPEAT_ASK_MS, at);
	CHECK_UINT(waits(&r, at), 0);
	tell(&r, 3, UINT64_MAX, at);
	CHECK_UINT(waits(&r, at), 1);
	c.assignment = 2;
	repeat_on_config(&r, &c);
	CHECK_UINT(waits(&r, at), 0);
	for (uint64_t d = 1; d < 100; d++)
		tell(&r, d + 2, at, at);
	CHECK_UINT(waits(&r, at), CONFIG_DEVICES_MAX);
	repeat_on_config(&r, &c);
	CHECK_UINT(waits(&r, at), 1);
	c.limit_count = 0;
	repeat_on_config(&r, &c);
	CHECK_UINT(waits(&r, at), 0);
}

TEST_MAIN("limits", test_units, test_not_numbers, test_text, test_repeat)
