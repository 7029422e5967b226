/*
 * test_clinic_text.c - what people type and read at the clinic: device descriptions,
 * clinic.conf, times, values, and the rule that dates a reading.
 */
#include <errno.h>

#include "clinic/blocks.h"
#include "clinic/codes.h"
#include "clinic/conf.h"
#include "clinic/files.h"
#include "hub/core/dating.h"
#include "clinic/joining.h"
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

static void test_given_up(void)
{
	char buf[WORDS_GIVEN_UP_MAX], one[WORDS_GIVEN_UP_MAX];

	CHECK_STR(words_given_up(12, TOMBSTONE_EVICTED, buf),
		  "12 readings were given up on the hub for want of space");
	CHECK_STR(words_given_up(1, TOMBSTONE_EVICTED, buf),
		  "1 reading was given up on the hub for want of space");
	CHECK_STR(words_cause(TOMBSTONE_EVICTED), "evicted");
	for (int c = TOMBSTONE_EVICTED; c < TOMBSTONE_CAUSES; c++) {
		words_given_up(UINT64_MAX, (enum tombstone_cause)c, buf);
		words_given_up(1, (enum tombstone_cause)c, one);
		CHECK(strlen(buf) > 40 && strlen(one) > 20 && strcmp(buf, one) != 0);
		CHECK(strlen(buf) < WORDS_GIVEN_UP_MAX - 1);
		CHECK(strcmp(words_cause((enum tombstone_cause)c), "?") != 0);
		for (int k = TOMBSTONE_EVICTED; k < c; k++)
			CHECK(strcmp(words_cause((enum tombstone_cause)c),
				     words_cause((enum tombstone_cause)k)) != 0);
	}
	CHECK_STR(words_cause(TOMBSTONE_NONE), "?");
	CHECK_STR(words_given_up(3, TOMBSTONE_CAUSES, buf), "3 ?");
}

/* Each in words of its own. */
static void test_enrol_trouble(void)
{
	CHECK(words_enrol_trouble(ENROL_FINE) == NULL);
	for (int t = ENROL_FINE + 1; t <= ENROL_TROUBLE_LAST; t++) {
		const char *words = words_enrol_trouble((enum enrol_trouble)t);

		CHECK(words && strlen(words) > 20);
		for (int k = ENROL_FINE + 1; k < t; k++)
			CHECK(strcmp(words, words_enrol_trouble((enum enrol_trouble)k)) !=
			      0);
	}
	CHECK(words_enrol_trouble((enum enrol_trouble)(ENROL_TROUBLE_LAST + 1)) == NULL);
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
	CHECK(d.has_addr && !d.just_works && !d.import && !d.has_consent);
	CHECK_STR(d.serial, "");
	CHECK_INT(parse("bp,00:00:00:00:00:01,user=sole,passkey=999999", &d), 0);
	CHECK_INT(d.addr_type, ADDR_PUBLIC);
	CHECK(d.sole_user && !d.has_user);
	CHECK_INT(parse("bp,00:00:00:00:00:01/public,justworks", &d), 0);
	CHECK_UINT(d.passkey, CONFIG_NO_PASSKEY);
	CHECK(d.just_works && !d.sole_user && !d.has_user);
	CHECK_INT(parse("scale,any,serial=S/N 20-1,history=all,consent=0042,user=3,"
			"justworks,passkey=000000",
			&d),
		  0);
	CHECK_INT(d.kind, READING_WEIGHT);
	CHECK(!d.has_addr && d.import && d.has_consent && d.just_works);
	CHECK_UINT(d.consent, 42);
	CHECK_UINT(d.user, 3);
	CHECK_UINT(d.passkey, 0);
	CHECK_STR(d.serial, "S/N 20-1");
	CHECK_INT(parse("cgm,any,justworks,history=new", &d), 0);
	CHECK(!d.import);
}

static void test_device_kinds(void)
{
	static const struct {
		const char *name;
		enum reading_kind kind;
	} kinds[] = {
		{ "bp", READING_BLOOD_PRESSURE },    { "weight", READING_WEIGHT },
		{ "scale", READING_WEIGHT },	     { "glucose", READING_GLUCOSE },
		{ "spo2", READING_OXIMETRY },	     { "temp", READING_TEMPERATURE },
		{ "hr", READING_HEART_RATE_STREAM }, { "cgm", READING_CGM },
		{ "ghs", READING_GENERIC },
	};
	struct config_device d;
	char text[40];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		snprintf(text, sizeof(text), "%s,any,justworks", kinds[i].name);
		CHECK_INT(parse(text, &d), 0);
		CHECK_INT(d.kind, kinds[i].kind);
		CHECK(config_kind_good(d.kind));
	}
}

static void test_device_refused(void)
{
	static const char *const bad[] = {
		"",
		"bp",
		"bp,",
		"cuff,AA:BB:CC:DD:EE:FF,justworks",
		"BP,AA:BB:CC:DD:EE:FF,justworks",
		"bp,AA:BB:CC:DD:EE:FF",
		"bp,AA:BB:CC:DD:EE:FF,user=sole",
		"bp,any",
		"bp,any/random,justworks",
		"bp,Any,justworks",
		"bp,any,justworks,justworks",
		"bp,any,justworks=yes",
		"bp,any,justworkss",
		"scale,any,justworks,consent=0042",
		"scale,any,justworks,consent=0042,user=sole",
		"scale,any,justworks,consent=042,user=1",
		"scale,any,justworks,consent=00042,user=1",
		"scale,any,justworks,consent=00x2,user=1",
		"scale,any,justworks,history=old",
		"scale,any,justworks,history=",
		"scale,any,justworks,serial=",
		"scale,any,justworks,serial=012345678901234567890123456789012",
		"scale,any,justworks,serial=a\tb",
		"scale,any,justworks,serial=\xc3\xbc",
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

/* The same with what was missing: that was what was wrong, and is said in its own words. */
static void test_device_why(void)
{
	static const struct {
		const char *text, *word;
	} bad[] = {
		{ "cuff,any,justworks", "kind" },
		{ "bp,x,justworks", "address" },
		{ "bp,any", "justworks" },
		{ "bp,any,passkey=1", "passkey=" },
		{ "bp,any,justworks,user=x", "user=" },
		{ "bp,any,justworks,consent=1", "consent=" },
		{ "bp,any,justworks,consent=0001", "user=N" },
		{ "bp,any,justworks,history=x", "history=" },
		{ "bp,any,justworks,serial=", "serial=" },
		{ "bp,any,justworks,x=", "only" },
	};
	struct config_device d;
	const char *why;
	char copy[100];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(copy, sizeof(copy), "%s", bad[i].text);
		CHECK_INT(spec_parse_device(copy, &d, &why), -EBADMSG);
		if (!strstr(why, bad[i].word))
			CHECK_STR(why, bad[i].word);
	}
}

static void test_change(void)
{
	static const char *const bad[] = {
		"",
		"2027-03-28T01:00Z",
		"2027-03-28T01:00Z,",
		"2027-03-28T01:00Z,841",
		"2027-03-28T01:00Z,-721",
		"2027-03-28T01:00Z,1h",
		"2027-03-28T01:00,120",
		"2027-02-29T01:00Z,120",
		"2027-03-28T24:00Z,120",
		"2027-03-28 01:00Z,120",
		"+027-03-28T01:00Z,120",
		"1969-03-28T01:00Z,120",
		" 2027-03-28T01:00Z,120",
	};
	int64_t s;
	int16_t offset;

	CHECK_INT(spec_parse_change("2027-03-28T01:00Z,120", &s, &offset), 0);
	CHECK_INT(s, 1806195600);
	CHECK_INT(offset, 120);
	CHECK_INT(spec_parse_change("9999-12-31T23:59Z,-720", &s, &offset), 0);
	CHECK(s <= CONFIG_CHANGE_MAX_S);
	CHECK_INT(offset, -720);
	CHECK_INT(spec_parse_change("1970-01-01T00:00Z,0", &s, &offset), 0);
	CHECK_INT(s, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_INT(spec_parse_change(bad[i], &s, &offset), -EBADMSG);
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
	/* without an address: hubs look the name up */
	memset(c.addr, 0, sizeof(c.addr));
	CHECK(conf_format(&c, text, sizeof(text)) > 0);
	CHECK(strstr(text, "address") == NULL);
	CHECK_INT(conf_parse(text, &back, &line), 0);
	CHECK_MEM(back.addr, c.addr, 16);
	CHECK_UINT(back.port, 5684);
	CHECK_INT(conf_parse("name = a\nport = 1\nenrol-life = 36h\n", &c, &line), 0);
	CHECK_UINT(c.enrol_life_s, 36 * 3600);
	CHECK(conf_format(&c, text, sizeof(text)) > 0);
	CHECK_INT(conf_parse(text, &back, &line), 0);
	CHECK_UINT(back.enrol_life_s, c.enrol_life_s);
}

static void test_conf_hub_ports(void)
{
	static const char *const bad[] = { "",	    ",",      "5684,", "0",
					   "65536", "2-1",    "5684-", "-1",
					   "1 2",   "x",      "1;2",   "1--2",
					   "1,,2",  "100000", "1-2-3", "0-5" };
	struct conf c, back;
	char text[CONF_TEXT_MAX];
	unsigned line;

	/* as the hubs' image is delivered */
	CHECK(!hub_ports_have("", 5683));
	CHECK(hub_ports_have("", 5684));
	CHECK(hub_ports_have("", 5699));
	CHECK(!hub_ports_have("", 5700));
	CHECK(hub_ports_ok(HUB_PORTS_DEFAULT));
	CHECK(hub_ports_ok("1-65535"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (hub_ports_ok(bad[i]))
			CHECK_STR(bad[i], "refused");
	CHECK_INT(conf_parse("name = a\nport = 1\nhub-ports = 443 , 5684 - 5686,65535\n",
			     &c, &line),
		  0);
	CHECK(hub_ports_have(c.hub_ports, 443));
	CHECK(!hub_ports_have(c.hub_ports, 442));
	CHECK(!hub_ports_have(c.hub_ports, 444));
	CHECK(!hub_ports_have(c.hub_ports, 5683));
	CHECK(hub_ports_have(c.hub_ports, 5685));
	CHECK(!hub_ports_have(c.hub_ports, 5687));
	CHECK(hub_ports_have(c.hub_ports, 65535));
	CHECK(conf_format(&c, text, sizeof(text)) > 0);
	CHECK_INT(conf_parse(text, &back, &line), 0);
	CHECK_STR(back.hub_ports, c.hub_ports);
	CHECK_INT(conf_parse("name = a\nport = 1\nhub-ports = 1-\n", &c, &line), -ERANGE);
	CHECK_UINT(line, 3);
}

static void test_place(void)
{
	static const struct {
		const char *path, *dir, *name;
	} places[] = {
		{ "a/b", "a", "b" }, { "b", ".", "b" },
		{ "/b", "/", "b" },  { "/x/y/z/", "/x/y", "z" },
		{ "./b", ".", "b" }, { "../a.b", "..", "a.b" },
	};
	char longest[FILES_PATH_MAX + 1];
	struct files_place at;

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		CHECK_INT(files_place_of(places[i].path, &at), 0);
		CHECK_STR(at.dir, places[i].dir);
		CHECK_STR(at.name, places[i].name);
	}
	memset(longest, 'a', sizeof(longest));
	longest[FILES_PATH_MAX] = '\0';
	CHECK_INT(files_place_of(longest, &at), -EMSGSIZE);
	longest[FILES_PATH_MAX - 1] = '\0';
	CHECK_INT(files_place_of(longest, &at), 0);
	CHECK_UINT(strlen(at.name), FILES_PATH_MAX - 1);
}

static void test_conf_life(void)
{
	static const struct {
		const char *text;
		uint32_t s; /* 0: refused */
	} lives[] = {
		{ "90d", 90 * 86400 },
		{ "1095d", CONF_LIFE_MAX_S },
		{ "1096d", 0 },
		{ "8s", 8 },
		{ "7s", 0 },
		{ "15m", 900 },
		{ "", 0 },
		{ "d", 0 },
		{ "90", 0 },
		{ "90 d", 0 },
		{ "90dd", 0 },
		{ "90y", 0 },
		{ "-9d", 0 },
		{ "4294967297s", 0 },
		{ "0d", 0 },
	};

	for (size_t i = 0; i < sizeof(lives) / sizeof(*lives); i++) {
		uint32_t s = 0;

		CHECK_INT(conf_parse_life(lives[i].text, &s), lives[i].s ? 0 : -ERANGE);
		CHECK_UINT(s, lives[i].s);
	}
}

static void test_conf_refused(void)
{
	static const struct {
		const char *text;
		int err;
		unsigned line;
	} bad[] = {
		{ "", -EBADMSG, 0 },
		{ "name = a\naddress = 192.0.2.1\n", -EBADMSG, 0 },
		{ "address = 192.0.2.1\nport = 1\n", -EBADMSG, 0 },
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
		{ "enrol-life = long\n", -ERANGE, 1 },
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
	CHECK(strlen(words_time(INT64_MAX, 840, true, b)) < sizeof(b));
	CHECK(strlen(words_time(INT64_MIN, -720, true, b)) < sizeof(b));
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

static void test_address(void)
{
	static const uint8_t addr[] = { 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0x0f };
	char b[WORDS_ADDRESS_MAX], z[WORDS_ZONE_MAX];

	CHECK_STR(words_address(addr, b), "AA:BB:CC:DD:EE:0F");
	CHECK_STR(words_zone(0, z), "+00:00");
	CHECK_STR(words_zone(-210, z), "-03:30");
}

static struct value value(enum value_name n, enum value_unit u, int32_t mantissa,
			  int8_t exponent)
{
	return (struct value){ .name = n,
			       .unit = u,
			       .number = { mantissa, exponent, DECIMAL_NUMBER } };
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
		d.values[i] = value(VALUE_GLUCOSE, UNIT_MOL_PER_L, INT32_MIN, INT8_MIN);
	CHECK(strlen(words_values(&d, b)) < sizeof(b));
}

static const char *one(struct value v)
{
	static char b[WORDS_VALUES_MAX];
	struct decoded d = { .value_count = 1, .values = { v } };

	return words_values(&d, b);
}

/* Precision as sent; glucose in the clinic's unit too, by moving the point only. */
static void test_other_values(void)
{
	struct value mdc = value(VALUE_MDC, UNIT_MDC, 970, -1);

	CHECK_STR(one(value(VALUE_WEIGHT, UNIT_KG, 81100, -3)), "weight 81.100 kg");
	CHECK_STR(one(value(VALUE_GLUCOSE, UNIT_KG_PER_L, 105, -5)),
		  "glucose 0.00105 kg/L (105 mg/dL)");
	CHECK_STR(one(value(VALUE_GLUCOSE, UNIT_KG_PER_L, 1050, -6)),
		  "glucose 0.001050 kg/L (105.0 mg/dL)");
	CHECK_STR(one(value(VALUE_GLUCOSE, UNIT_MOL_PER_L, 58, -4)),
		  "glucose 0.0058 mol/L (5.8 mmol/L)");
	CHECK_STR(one(value(VALUE_GLUCOSE, UNIT_MG_PER_DL, 105, 0)), "glucose 105 mg/dL");
	CHECK_STR(one((struct value){ .name = VALUE_GLUCOSE,
				      .unit = UNIT_KG_PER_L,
				      .number = { .kind = DECIMAL_PLUS_INF } }),
		  "glucose +INF kg/L");
	CHECK(!strstr(one(value(VALUE_GLUCOSE, UNIT_KG_PER_L, 1, 123)), "mg/dL"));
	CHECK(strstr(one(value(VALUE_GLUCOSE, UNIT_KG_PER_L, 1, 122)), "mg/dL"));
	CHECK_STR(one(value(VALUE_MEDICATION, UNIT_KG_PER_L, 1, -3)),
		  "medication amount 0.001 kg/L");
	CHECK_STR(one(value(VALUE_SAMPLES, UNIT_COUNT, 60, 0)), "samples 60");
	CHECK_STR(one(value(VALUE_MEAL, UNIT_CODE, 1, 0)), "meal before a meal");
	CHECK_STR(one(value(VALUE_MEAL, UNIT_CODE, 99, 0)), "meal 99");
	CHECK_STR(one(value(VALUE_BODY_SITE, UNIT_CODE, 6, 0)), "body site mouth");
	CHECK_STR(one(value(VALUE_SENSOR_CONTACT, UNIT_CODE, 0, 0)), "sensor contact no");
	mdc.code = 150456;
	mdc.unit_code = 544;
	CHECK_STR(one(mdc), "SpO2 97.0 %");
	mdc.code = 1;
	mdc.unit_code = 2;
	CHECK_STR(one(mdc), "MDC 1 97.0 MDC 2");
	mdc = value(VALUE_MDC, UNIT_CODE, 188736, 0); /* an observed code */
	mdc.code = 7;
	CHECK_STR(one(mdc), "MDC 7 weight");
}

/* Each code that decoders can give has a word; none has two. */
static void test_codes(void)
{
	static const struct {
		enum value_name name;
		unsigned count;
	} lists[] = {
		{ VALUE_BODY_SITE, 9 },
		{ VALUE_SAMPLE_TYPE, 10 },
		{ VALUE_SAMPLE_LOCATION, 6 },
		{ VALUE_CARBOHYDRATE_ID, 7 },
		{ VALUE_MEAL, 5 },
		{ VALUE_TESTER, 4 },
		{ VALUE_HEALTH, 6 },
		{ VALUE_MEDICATION_ID, 5 },
		{ VALUE_SENSOR_CONTACT, 2 },
		{ VALUE_PULSE, 0 },
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		unsigned n = 0;

		for (int64_t code = -1; code < 70000; code++)
			n += codes_meaning(lists[i].name, code) != NULL;
		CHECK_UINT(n, lists[i].count);
	}
	CHECK(!codes_mdc(0) && !codes_mdc_unit(0));
	CHECK_STR(codes_mdc_unit(4722), "mmol/L");
}

static void test_remarks(void)
{
	struct decoded d = { .has_status = true, .status = 1 << 2 | 2 << 3 };

	CHECK_STR(words_status(READING_BLOOD_PRESSURE, &d, 0), "irregular pulse");
	CHECK_STR(words_status(READING_BLOOD_PRESSURE, &d, 1),
		  "pulse below device's range");
	CHECK(!words_status(READING_BLOOD_PRESSURE, &d, 2));
	CHECK(!words_status(READING_TOMBSTONE, &d, 0));
	d.status = 3 << 3; /* reserved */
	CHECK(!words_status(READING_BLOOD_PRESSURE, &d, 0));
	CHECK(!words_status(READING_WEIGHT, &d, 0));
	d.has_status = false;
	CHECK(!words_status(READING_BLOOD_PRESSURE, &d, 0));
	CHECK_STR(words_mark(MARK_TEST | MARK_NO_RESULT, 0), "no result");
	CHECK_STR(words_mark(MARK_TEST | MARK_NO_RESULT, 1), "test");
	CHECK(!words_mark(MARK_TEST | MARK_NO_RESULT, 2));
}

static unsigned count_status(enum reading_kind kind, uint32_t bits)
{
	struct decoded d = { .has_status = true, .status = bits };
	unsigned n = 0;

	while (words_status(kind, &d, n))
		n++;
	return n;
}

static void test_status_of_all_kinds(void)
{
	struct decoded d = { .has_device_status = true,
			     .device_status = 1 << 5 | 1 << 15 };
	struct decoded cgm = { .has_status = true, .status = 1 << 3 | 1 << 11 | 1 << 20 };

	CHECK_UINT(count_status(READING_OXIMETRY, UINT32_MAX), 11);
	CHECK_UINT(count_status(READING_OXIMETRY_STREAM, 1 << 14), 1);
	CHECK_UINT(count_status(READING_GLUCOSE, UINT32_MAX), 12);
	CHECK_UINT(count_status(READING_CGM, UINT32_MAX), 20);
	CHECK_UINT(count_status(READING_CGM, 0), 0);
	CHECK_UINT(count_status(READING_GENERIC, UINT32_MAX), 10);
	CHECK_UINT(count_status(READING_TEMPERATURE, UINT32_MAX), 0);
	CHECK_STR(words_status(READING_CGM, &cgm, 0), "sensor fault");
	CHECK_STR(words_status(READING_CGM, &cgm, 1), "calibration required");
	CHECK_STR(words_status(READING_CGM, &cgm, 2), "falling fast");
	CHECK_STR(words_device_status(READING_OXIMETRY, &d, 0), "low perfusion");
	CHECK_STR(words_device_status(READING_OXIMETRY, &d, 1), "sensor disconnected");
	CHECK(!words_device_status(READING_OXIMETRY, &d, 2));
	CHECK(!words_device_status(READING_CGM, &d, 0));
	d.has_device_status = false;
	CHECK(!words_device_status(READING_OXIMETRY, &d, 0));
}

static void test_marks(void)
{
	unsigned n = 0;

	while (words_mark(UINT32_MAX, n))
		n++;
	CHECK_UINT(n, 15);
	for (unsigned bit = 0; bit < n; bit++)
		CHECK_STR(words_mark(1u << bit, 0), words_mark(UINT32_MAX, bit));
	CHECK(!words_mark(1u << 15, 0));
}

static struct reading stamped(void)
{
	return (struct reading){
		.captured.wall = { 1795242665000, 40, CLOCK_QUALITY_CLINIC },
		.utc_offset_min = 60,
		.decoded = { .has_device_time = true,
			     .device_time = { 2026, 11, 21, 7, 26, 50 } },
		.clock = { .source = OFFSET_READ,
			   .offset_ms = 252000,
			   .uncertainty_ms = 1000 },
	};
}

/* The offset leads from the stamp, as it was sent, to the home's local time. */
static void test_dating_of_other_clocks(void)
{
	struct reading rd = stamped();
	int64_t error;

	CHECK(words_clock_error(&rd, &error));
	CHECK_INT(error, 252000);
	rd.decoded.time_is_utc = true; /* it shows 06:26:50 UTC */
	rd.decoded.device_time.hour = 6;
	rd.clock.offset_ms = 3600000 + 252000;
	CHECK_INT(dating_of(&rd).utc_ms, 1795242662000);
	CHECK(words_clock_error(&rd, &error));
	CHECK_INT(error, 252000);

	rd = stamped();
	rd.decoded.has_time_offset = true; /* its user sees 15 min more than the stamp */
	rd.decoded.time_offset_min = 15;
	rd.clock.offset_ms = 15 * 60000 + 252000;
	CHECK_INT(dating_of(&rd).utc_ms, 1795242662000 + 15 * 60000);
	CHECK(words_clock_error(&rd, &error));
	CHECK_INT(error, 252000);

	rd = stamped();
	rd.decoded.has_device_time = false;
	rd.decoded.has_ticks = true;
	rd.decoded.ticks = 36000005; /* an hour since it was switched on */
	rd.clock.offset_ms = 1795242665000 + 3600000 - 946684800000 - 3600000;
	CHECK_INT(dating_of(&rd).basis, DATING_CORRECTED);
	CHECK_INT(dating_of(&rd).utc_ms, 1795242665000);
	CHECK(!words_clock_error(&rd, &error));
	rd.decoded.ticks = UINT64_MAX;
	rd.clock.offset_ms = INT64_MAX;
	CHECK_INT(dating_of(&rd).basis, DATING_NONE);
	rd.clock = (struct clock_offset){ .source = OFFSET_NONE };
	CHECK_INT(dating_of(&rd).basis, DATING_NONE);
}

static void test_dating_marks(void)
{
	struct reading rd = stamped();

	CHECK(!dating_of(&rd).is_ambiguous);
	rd.decoded.marks = MARK_AMBIGUOUS;
	CHECK(dating_of(&rd).is_ambiguous);
	CHECK_INT(dating_of(&rd).utc_ms, 1795242662000);
	rd.decoded.marks = MARK_CLOCK_UNSET; /* but the hub has measured it */
	CHECK_INT(dating_of(&rd).basis, DATING_CORRECTED);
	rd.clock = (struct clock_offset){ .source = OFFSET_NONE };
	CHECK_INT(dating_of(&rd).basis, DATING_RECEIVED);
	CHECK_INT(dating_of(&rd).utc_ms, 1795242665000);
	rd.decoded.marks |= MARK_STORED;
	CHECK_INT(dating_of(&rd).basis, DATING_NONE);
	rd.decoded.marks = MARK_STORED;
	rd.decoded.has_device_time = false;
	CHECK_INT(dating_of(&rd).basis, DATING_NONE);
}

static void test_blocks(void)
{
	struct reading rd = { .kind = READING_HEART_RATE_STREAM,
			      .raw_len = 9,
			      .raw = { 0, 0, 2, 0x16, 60, 0xe8, 3, 1, 7 } };
	struct reader r;
	struct block b;

	CHECK(blocks_are_in(&rd) && blocks_are_samples(&rd));
	blocks_init(&r, &rd);
	CHECK(blocks_next(&r, &b));
	CHECK_UINT(b.number, 0);
	CHECK_UINT(b.len, 2);
	CHECK_UINT(b.octets[1], 60);
	CHECK(blocks_next(&r, &b));
	CHECK_UINT(b.number, 1000);
	CHECK_UINT(b.octets[0], 7);
	CHECK(!blocks_next(&r, &b));
	for (uint16_t len = 6; len < 9; len++) {
		rd.raw_len = len; /* the second is cut */
		blocks_init(&r, &rd);
		CHECK(blocks_next(&r, &b));
		CHECK(!blocks_next(&r, &b));
	}
	rd.kind = READING_DEVICE_INFORMATION;
	CHECK(blocks_are_in(&rd) && !blocks_are_samples(&rd));
	rd.kind = READING_BLOOD_PRESSURE;
	CHECK(!blocks_are_in(&rd));
}

static struct joining joining;

static struct sealed record(uint32_t epoch, uint64_t seq)
{
	return (struct sealed){ .epoch = epoch, .record = { .seq = seq } };
}

static void join(uint32_t epoch, uint64_t seq, enum reading_kind kind, uint16_t device,
		 uint32_t history, uint32_t sequence)
{
	struct reading rd = { .kind = kind,
			      .peripheral = { .num = device },
			      .history = history,
			      .decoded = { .has_sequence = true, .sequence = sequence } };
	struct sealed rec = record(epoch, seq);

	CHECK_INT(joining_add(&joining, &rec, &rd), 0);
}

/* The number of the context of this glucose; 0: none. */
static uint64_t context_of(uint32_t epoch, uint64_t seq)
{
	struct sealed rec = record(epoch, seq);
	uint64_t found = 0;
	const struct reading *rd = joining_context(&joining, &rec, &found);

	CHECK(!rd || rd->kind == READING_GLUCOSE_CONTEXT);
	return rd ? found : 0;
}

static bool joined(uint32_t epoch, uint64_t seq)
{
	struct sealed rec = record(epoch, seq);

	return joining_is_joined(&joining, &rec);
}

static void test_joining(void)
{
	struct reading other = { .kind = READING_CGM, .decoded.has_sequence = true };
	struct sealed rec = record(1, 99);

	CHECK_INT(joining_settle(&joining), 0); /* nothing */
	CHECK_UINT(context_of(1, 1), 0);
	join(1, 1, READING_GLUCOSE, 1, 0, 10);
	join(1, 2, READING_GLUCOSE_CONTEXT, 1, 0, 10);
	join(1, 3, READING_GLUCOSE_CONTEXT, 1, 0, 11); /* before its glucose */
	join(1, 4, READING_GLUCOSE, 1, 0, 11);
	join(1, 5, READING_GLUCOSE, 2, 0, 10);	       /* of another device */
	join(1, 6, READING_GLUCOSE_CONTEXT, 1, 1, 10); /* of another life of its memory */
	join(1, 7, READING_GLUCOSE, 1, 0, 12);
	join(1, 8, READING_GLUCOSE, 1, 0, 12); /* twice: the first has the context */
	join(1, 9, READING_GLUCOSE_CONTEXT, 1, 0, 12);
	join(2, 1, READING_GLUCOSE_CONTEXT, 1, 0, 13);
	join(2, 2, READING_GLUCOSE_CONTEXT, 1, 0, 13);
	join(2, 3, READING_GLUCOSE, 1, 0, 13);
	/* neither of these has anything to do with the other */
	join(2, 4, READING_GLUCOSE, 1, 0, 20);
	join(2, 5, READING_GLUCOSE_CONTEXT, 1, 1, 20);
	join(2, 6, READING_GLUCOSE, 2, 0, 30);
	join(2, 7, READING_GLUCOSE_CONTEXT, 1, 0, 30);
	CHECK_INT(joining_add(&joining, &rec, &other), 0);
	other.kind = READING_GLUCOSE;
	other.decoded.has_sequence = false; /* not decoded */
	CHECK_INT(joining_add(&joining, &rec, &other), 0);
	CHECK_INT(joining_settle(&joining), 0);
	CHECK_UINT(context_of(1, 1), 2);
	CHECK(joined(1, 2));
	CHECK_UINT(context_of(1, 2), 0);
	CHECK_UINT(context_of(1, 4), 3);
	CHECK(joined(1, 3));
	CHECK_UINT(context_of(1, 5), 0);
	CHECK(!joined(1, 5) && !joined(1, 6));
	CHECK_UINT(context_of(1, 7), 9);
	CHECK_UINT(context_of(1, 8), 0);
	CHECK_UINT(context_of(2, 3), 1);
	CHECK(joined(2, 1) && !joined(2, 2));
	CHECK_UINT(context_of(2, 4) + context_of(2, 6), 0);
	CHECK(!joined(2, 5) && !joined(2, 7));
	CHECK(!joined(1, 99) && !joined(3, 1));
	joining_free(&joining);
	CHECK(!joined(1, 2));
	joining_free(&joining);
	CHECK(joining_wants(READING_GLUCOSE) && joining_wants(READING_GLUCOSE_CONTEXT));
	CHECK(!joining_wants(READING_CGM));
}

static void test_joining_many(void)
{
	for (uint32_t i = 0; i < 3000; i++) {
		join(1, 2 * i + 1, READING_GLUCOSE, 1, 0, i * 7919 % 3000);
		join(1, 2 * i + 2, READING_GLUCOSE_CONTEXT, 1, 0,
		     (i + 1500) * 7919 % 3000);
	}
	CHECK_INT(joining_settle(&joining), 0);
	for (uint32_t i = 0; i < 3000; i++)
		CHECK_UINT(context_of(1, 2 * i + 1), 2 * ((i + 1500) % 3000) + 2);
	joining_free(&joining);
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

TEST_MAIN("clinic_text", test_given_up, test_enrol_trouble, test_device,
	  test_device_kinds, test_device_refused, test_device_why, test_change,
	  test_hub_name, test_conf, test_conf_hub_ports, test_place, test_conf_life,
	  test_conf_refused, test_times, test_address, test_values, test_other_values,
	  test_codes, test_remarks, test_status_of_all_kinds, test_marks, test_dating,
	  test_dating_of_other_clocks, test_dating_marks, test_blocks, test_joining,
	  test_joining_many)
