/*
 * test_clinic_text.c - what people type and read at the clinic: device descriptions,
 * clinic.conf, times, values, and the rule that dates a reading.
 */
#include <errno.h>

#include "clinic/conf.h"
#include "clinic/dating.h"
#include "clinic/spec.h"
#include "clinic/words.h"
#include "tests/unit/test.h"

static int parse(const char *text, struct config_device *d)
{
	static const uint8_t marker = 0;
	const char *why = (const char *)&marker;
	char copy[200];
	int r;

	snprintf(copy, sizeof(copy), "%s", text);
	r = spec_parse_device(copy, d, &why);
	if (r < 0)
		CHECK(strlen(why) > 10);
	return r;
}

static void test_device(void)
{
	static const uint8_t addr[] = { 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0x0f };
	struct config_device d;

	CHECK_INT(parse("bp,AA:bb:CC:dd:EE:0f/random,passkey=000123,user=2", &d), 0);
	CHECK_INT(d.kind, READING_BLOOD_PRESSURE);
	CHECK_MEM(d.addr, addr, sizeof(addr));
	CHECK_INT(d.addr_type, ADDR_RANDOM);
	CHECK_UINT(d.passkey, 123);
	CHECK(d.has_user && !d.sole_user);
	CHECK_UINT(d.user, 2);
	CHECK_INT(parse("bp,00:00:00:00:00:00,user=sole,passkey=999999", &d), 0);
	CHECK_INT(d.addr_type, ADDR_PUBLIC);
	CHECK(d.sole_user && !d.has_user);
	CHECK_INT(parse("bp,00:00:00:00:00:00/public", &d), 0);
	CHECK_UINT(d.passkey, CONFIG_NO_PASSKEY);
	CHECK(!d.sole_user && !d.has_user);
}

static void test_device_refused(void)
{
	static const char *const bad[] = {
		"",
		"bp",
		"bp,",
		"scale,AA:BB:CC:DD:EE:FF",
		"BP,AA:BB:CC:DD:EE:FF",
		"bp,AA:BB:CC:DD:EE",
		"bp,AA:BB:CC:DD:EE:F",
		"bp,AA:BB:CC:DD:EE:FG",
		"bp,AA:BB:CC:DD:EE:FF:00",
		"bp,AABBCCDDEEFF",
		"bp,AA-BB-CC-DD-EE-FF",
		"bp,AA:BB:CC:DD:EE:FF/",
		"bp,AA:BB:CC:DD:EE:FF/Random",
		"bp,AA:BB:CC:DD:EE:FF,",
		"bp,AA:BB:CC:DD:EE:FF,passkey=12345",
		"bp,AA:BB:CC:DD:EE:FF,passkey=1234567",
		"bp,AA:BB:CC:DD:EE:FF,passkey=-12345",
		"bp,AA:BB:CC:DD:EE:FF,passkey=12345x",
		"bp,AA:BB:CC:DD:EE:FF,passkey=",
		"bp,AA:BB:CC:DD:EE:FF,passkey=123456,passkey=123456",
		"bp,AA:BB:CC:DD:EE:FF,user=255",
		"bp,AA:BB:CC:DD:EE:FF,user=-1",
		"bp,AA:BB:CC:DD:EE:FF,user=",
		"bp,AA:BB:CC:DD:EE:FF,user=1,user=sole",
		"bp,AA:BB:CC:DD:EE:FF,colour=red",
		"bp, AA:BB:CC:DD:EE:FF",
	};
	struct config_device d;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_INT(parse(bad[i], &d), -EBADMSG);
}

static void test_hub_name(void)
{
	CHECK(spec_name_ok("kitchen-12.a_B"));
	CHECK(spec_name_ok("0123456789012345678901234567890123456789"));
	CHECK(!spec_name_ok("01234567890123456789012345678901234567890"));
	CHECK(!spec_name_ok(""));
	CHECK(!spec_name_ok("a b"));
	CHECK(!spec_name_ok("a/b"));
	CHECK(!spec_name_ok("-a"));
	CHECK(!spec_name_ok(".a"));
	CHECK(!spec_name_ok("a\n"));
}

static void test_conf(void)
{
	static const uint8_t v4[16] = { [10] = 0xff, [11] = 0xff, 192, 0, 2, 10 };
	struct conf c, back;
	char text[CONF_TEXT_MAX], addr[64];
	unsigned line = 99;

	CHECK_INT(conf_parse("# x\n\n  name=clinic.example\n address = 192.0.2.10 \nport "
			     "= 5684",
			     &c, &line),
		  0);
	CHECK_STR(c.name, "clinic.example");
	CHECK_MEM(c.addr, v4, 16);
	CHECK_UINT(c.port, 5684);
	CHECK_STR(conf_address_text(c.addr, addr, sizeof(addr)), "192.0.2.10");
	CHECK(conf_format(&c, text, sizeof(text)) > 0);
	CHECK_INT(conf_parse(text, &back, &line), 0);
	CHECK_MEM(back.addr, c.addr, 16);
	CHECK_STR(back.name, c.name);
	CHECK_INT(conf_parse_address("2001:db8::10", c.addr), 0);
	CHECK_STR(conf_address_text(c.addr, addr, sizeof(addr)), "2001:db8::10");
	CHECK_INT(conf_format(&c, text, 40), -ENOSPC);
}

static void test_conf_refused(void)
{
	static const struct {
		const char *text;
		int err;
		unsigned line;
	} bad[] = {
		{ "", -EBADMSG, 0 },
		{ "name = a\nport = 1\n", -EBADMSG, 0 },
		{ "name = a\nname = a\n", -EBADMSG, 2 },
		{ "name = a\ncolour = red\n", -EBADMSG, 2 },
		{ "name a\n", -EBADMSG, 1 },
		{ "\n\nname = -a\n", -ERANGE, 3 },
		{ "name = a b\n", -ERANGE, 1 },
		{ "address = clinic.example\n", -ERANGE, 1 },
		{ "address = 1.2.3\n", -ERANGE, 1 },
		{ "port = 0\n", -ERANGE, 1 },
		{ "port = 65536\n", -ERANGE, 1 },
		{ "port = 1x\n", -ERANGE, 1 },
		{ "port =\n", -ERANGE, 1 },
	};
	static char longest[1000];
	struct conf c;
	unsigned line;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		line = 99;
		CHECK_INT(conf_parse(bad[i].text, &c, &line), bad[i].err);
		CHECK_UINT(line, bad[i].line);
	}
	memset(longest, 'a', sizeof(longest) - 1);
	CHECK_INT(conf_parse(longest, &c, &line), -EBADMSG);
}

static void test_times(void)
{
	char b[WORDS_TIME_MAX], s[WORDS_SPAN_MAX];
	struct date_time no_date = { 0, 0, 0, 7, 26, 50 };

	CHECK_STR(words_time(1795242665000, 60, false, b), "2026-11-21 07:31:05 +01:00");
	CHECK_STR(words_time(1795242665007, -210, true, b),
		  "2026-11-21T03:01:05.007-03:30");
	CHECK_STR(words_time(-1, 0, true, b), "1969-12-31T23:59:59.999+00:00");
	CHECK_STR(words_device_time(&no_date, false, b), "(no date) 07:26:50");
	CHECK_STR(words_span(0, s), "0 ms");
	CHECK_STR(words_span(999, s), "999 ms");
	CHECK_STR(words_span(1000, s), "1 s");
	CHECK_STR(words_span(59999, s), "59 s");
	CHECK_STR(words_span(60000, s), "1 min");
	CHECK_STR(words_span(252000, s), "4 min 12 s");
	CHECK_STR(words_span(86400000, s), "1 day");
	CHECK_STR(words_span(2 * 86400000ULL + 3600000, s), "2 days 1 h");
	CHECK_STR(words_span(UINT64_MAX, s), "213503982334 days 14 h");
	CHECK_STR(words_offset(252000, s), "4 min 12 s slow");
	CHECK_STR(words_offset(-60000, s), "1 min fast");
	CHECK_STR(words_offset(-999, s), "right");
	CHECK(words_offset(INT64_MIN, s));
	CHECK_STR(words_uncertainty(UINT32_MAX, s), "+/- unknown");
	CHECK_STR(words_uncertainty(40, s), "+/- 40 ms");
	CHECK_STR(words_age(0, 5, s), "never");
	CHECK_STR(words_age(9000, 5000, s), "just now");
	CHECK_STR(words_age(1000, 301000, s), "5 min ago");
}

static struct value value(enum value_name n, enum value_unit u, int32_t mantissa,
			  int8_t exponent)
{
	return (struct value){ n, u, { mantissa, exponent, DECIMAL_NUMBER } };
}

static void test_values(void)
{
	struct decoded d = { .value_count = 4,
			     .values = { value(VALUE_SYSTOLIC, UNIT_MMHG, 128, 0),
					 value(VALUE_DIASTOLIC, UNIT_MMHG, 82, 0),
					 value(VALUE_MEAN_ARTERIAL, UNIT_MMHG, 97, 0),
					 value(VALUE_PULSE, UNIT_PER_MINUTE, 640, -1) } };
	char b[WORDS_VALUES_MAX];

	CHECK_STR(words_values(&d, b), "128/82 mmHg, mean 97 mmHg, pulse 64.0 /min");
	d.values[1].unit = UNIT_KPA; /* never joined across units */
	CHECK_STR(words_values(&d, b),
		  "systolic 128 mmHg, diastolic 82 kPa, mean 97 mmHg, "
		  "pulse 64.0 /min");
	d.values[1].unit = UNIT_MMHG;
	d.values[0].number = (struct decimal){ 0, 0, DECIMAL_NAN };
	d.value_count = 2;
	CHECK_STR(words_values(&d, b), "NaN/82 mmHg");
	d.value_count = 1;
	CHECK_STR(words_values(&d, b), "systolic NaN mmHg");
	d.value_count = 0;
	CHECK_STR(words_values(&d, b), "-");
	d.value_count = READING_VALUES_MAX;
	for (size_t i = 0; i < READING_VALUES_MAX; i++)
		d.values[i] = value(VALUE_PULSE, UNIT_PER_MINUTE, INT32_MIN, INT8_MIN);
	CHECK(strlen(words_values(&d, b)) < sizeof(b));
}

static void test_remarks(void)
{
	struct decoded d = { .has_status = true, .status = 1 << 2 | 2 << 3 };

	CHECK_STR(words_status(READING_BLOOD_PRESSURE, &d, 0), "irregular pulse");
	CHECK_STR(words_status(READING_BLOOD_PRESSURE, &d, 1),
		  "pulse below device's range");
	CHECK(!words_status(READING_BLOOD_PRESSURE, &d, 2));
	CHECK(!words_status(READING_TOMBSTONE, &d, 0));
	d.has_status = false;
	CHECK(!words_status(READING_BLOOD_PRESSURE, &d, 0));
	CHECK_STR(words_mark(MARK_TEST | MARK_NO_RESULT, 0), "no result");
	CHECK_STR(words_mark(MARK_TEST | MARK_NO_RESULT, 1), "test");
	CHECK(!words_mark(MARK_TEST | MARK_NO_RESULT, 2));
}

static void test_dating(void)
{
	struct reading rd = {
		.captured.wall = { 1795242665000, 40, CLOCK_QUALITY_CLINIC },
		.utc_offset_min = 60,
		.decoded = { .has_device_time = true,
			     .device_time = { 2026, 11, 21, 7, 26, 50 } },
		.clock = { .source = OFFSET_READ,
			   .offset_ms = 252000,
			   .uncertainty_ms = 1000 },
	};
	struct dating d = dating_of(&rd);

	CHECK_INT(d.basis, DATING_CORRECTED);
	CHECK_INT(d.utc_ms, 1795242662000); /* 07:31:02 +01:00 */
	CHECK_UINT(d.uncertainty_ms, 1040);
	rd.captured.wall.uncertainty_ms = UINT32_MAX;
	CHECK_UINT(dating_of(&rd).uncertainty_ms, UINT32_MAX);
	rd.clock.offset_ms = INT64_MAX;
	CHECK_INT(dating_of(&rd).basis, DATING_NONE);
	rd.clock.source = OFFSET_NONE; /* a device's own word is not used */
	rd.clock.offset_ms = 0;
	CHECK_INT(dating_of(&rd).basis, DATING_NONE);
	rd.clock.source = OFFSET_SET;
	rd.decoded.device_time.year = 0;
	CHECK_INT(dating_of(&rd).basis, DATING_NONE);
	rd.decoded.has_device_time = false;
	d = dating_of(&rd);
	CHECK_INT(d.basis, DATING_RECEIVED);
	CHECK_INT(d.utc_ms, 1795242665000);
	rd.captured.wall.quality = CLOCK_QUALITY_NONE;
	CHECK_INT(dating_of(&rd).basis, DATING_NONE);
	rd.decoded.has_device_time = true;
	rd.decoded.device_time.year = 2026;
	CHECK_INT(dating_of(&rd).basis, DATING_NONE);
}

TEST_MAIN("clinic_text", test_device, test_device_refused, test_hub_name, test_conf,
	  test_conf_refused, test_times, test_values, test_remarks, test_dating)
