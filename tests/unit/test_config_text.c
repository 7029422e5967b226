/*
 * test_config_text.c - a config as text and back: the same, whatever is in it; and what is different between two.
 */
#include "tests/unit/test.h"

#include "clinic/config_text.h"
#include "clinic/spec.h"
#include "hub/core/err.h"

static const struct config_endpoint own = { .name = "clinic.example",
					    .port = 5684,
					    .profile = DTLS_PROFILE_13_CID,
					    .pin_count = 1,
					    .pins = { { 1, 2, 3 } } };

static bool yes(void)
{
	return test_random() % 2;
}

static struct config_device random_device(uint16_t num)
{
	static const enum reading_kind kinds[] = { READING_BLOOD_PRESSURE,
						   READING_WEIGHT,
						   READING_GLUCOSE,
						   READING_OXIMETRY,
						   READING_TEMPERATURE,
						   READING_HEART_RATE_STREAM,
						   READING_CGM,
						   READING_GENERIC };
	struct config_device d = { .num = num,
				   .kind = kinds[test_random() % 8],
				   .passkey = CONFIG_NO_PASSKEY,
				   .just_works = true,
				   .import = yes() };
	size_t len = test_random() % (CONFIG_SERIAL_MAX + 1);

	if (yes()) {
		d.has_addr = true;
		d.addr[0] = (uint8_t)(num >> 8); /* no two the same */
		d.addr[1] = (uint8_t)num;
		d.addr[5] = (uint8_t)test_random();
		d.addr_type = yes() ? ADDR_RANDOM : ADDR_PUBLIC;
	}
	if (yes())
		d.passkey = (uint32_t)(test_random() % 1000000);
	if (d.passkey != CONFIG_NO_PASSKEY)
		d.just_works = yes();
	if (yes()) {
		d.has_user = true;
		d.user = (uint8_t)(test_random() % 255);
		d.has_consent = yes();
		d.consent = d.has_consent ? (uint16_t)(test_random() % 10000) : 0;
	} else {
		d.sole_user = yes();
	}
	for (size_t i = 0; i < len; i++)
		do
			d.serial[i] = (char)(' ' + test_random() % 95);
		while (d.serial[i] == ',');
	return d;
}

static struct config_endpoint random_endpoint(uint16_t port)
{
	struct config_endpoint e = own;

	e.port = port;
	e.profile = yes() ? DTLS_PROFILE_13_CID : DTLS_PROFILE_12_CID;
	e.weight = yes() ? 0 : (uint8_t)(2 + test_random() % 99);
	e.pin_count = 1 + test_random() % CONFIG_PINS_MAX;
	for (size_t i = 0; i < e.pin_count; i++)
		e.pins[i][i] = (uint8_t)test_random();
	if (yes())
		memcpy(e.addr, (uint8_t[16]){ 0x20, 1, 0xd, 0xb8, [15] = 7 }, 16);
	return e;
}

static struct config_plan random_plan(uint16_t num)
{
	struct config_plan p = { .device = num };

	if (yes()) {
		p.every_h = (uint16_t)(1 + test_random() % CONFIG_PLAN_HOURS_MAX);
		return p;
	}
	p.time_count = 1 + test_random() % CONFIG_PLAN_TIMES_MAX;
	for (size_t i = 0; i < p.time_count; i++)
		p.times[i] = (uint16_t)(i * 180 + test_random() % 180);
	return p;
}

static struct limit random_limit(enum value_name vital)
{
	struct limit l = { .vital = vital, .has_low = yes() };

	l.has_high = !l.has_low || yes();
	l.low_milli = l.has_low ? (int32_t)(test_random() % 100000) : 0;
	l.high_milli =
		l.has_high ? 100000 + (int32_t)(test_random() % (LIMIT_MILLI_MAX - 99999))
			   : 0;
	return l;
}

static void add_times(struct config *c)
{
	for (size_t i = 0; i < c->device_count; i++)
		if (yes())
			c->plans[c->plan_count++] = random_plan(c->devices[i].num);
	c->no_asking = yes();
	for (enum value_name v = VALUE_NONE; v <= VALUE_NAME_LAST; v++)
		if (limit_unit(v) != UNIT_NONE && yes())
			c->limits[c->limit_count++] = random_limit(v);
	c->quiet_count = test_random() % (CONFIG_QUIET_MAX + 1);
	for (size_t i = 0; i < c->quiet_count; i++) {
		c->quiet[i].from = (uint16_t)(test_random() % CONFIG_DAY_MIN);
		c->quiet[i].to = (uint16_t)((c->quiet[i].from + 1 +
					     test_random() % (CONFIG_DAY_MIN - 1)) %
					    CONFIG_DAY_MIN);
	}
}

static struct config random_config(void)
{
	struct config c = { .hub = { 9 },
			    .epoch = 2,
			    .version = 1 + test_random() % 1000000,
			    .assignment = 3,
			    .utc_offset_min = (int16_t)(test_random() % 1561) - 720,
			    .heartbeat_s = (uint16_t)(10 + test_random() % 65526),
			    .seal_key_id = 7 };

	if (yes()) {
		c.has_change = true;
		c.change_utc_s = (int64_t)(test_random() % 4102444800) / 60 * 60;
		c.change_offset_min = (int16_t)(test_random() % 1561) - 720;
	}
	c.device_count = test_random() % (CONFIG_DEVICES_MAX + 1);
	for (size_t i = 0; i < c.device_count; i++)
		c.devices[i] = random_device((uint16_t)(i * 4000 + 1));
	c.endpoint_count = 1 + test_random() % CONFIG_ENDPOINTS_MAX;
	for (size_t i = 0; i < c.endpoint_count; i++)
		c.endpoints[i] = random_endpoint((uint16_t)(i + 1));
	add_times(&c);
	return c;
}

static void test_there_and_back(void)
{
	for (int run = 0; run < 2000; run++) {
		static uint8_t a[CONFIG_BYTES_MAX], b[CONFIG_BYTES_MAX];
		const struct config c = random_config();
		struct config got = { .hub = { 9 },
				      .epoch = 2,
				      .version = c.version,
				      .assignment = 3,
				      .device_count = 1,
				      .seal_key_id = 7 };
		char *text = config_text_make("k", &c, true),
		     why[CONFIG_TEXT_WHY_MAX] = "";
		int n = config_encode(&c, a, sizeof(a));

		CHECK_INT(config_text_read(text, "k", &own, &got, why), 0);
		CHECK_INT(config_encode(&got, b, sizeof(b)), n);
		CHECK_MEM(b, a, (size_t)n);
		free(text);
	}
}

static void test_secrets(void)
{
	struct config c = random_config();
	char *text;

	c.device_count = 1;
	c.devices[0] = (struct config_device){ .num = 1,
					       .kind = READING_WEIGHT,
					       .passkey = 31337,
					       .has_user = true,
					       .has_consent = true,
					       .consent = 77 };
	text = config_text_make("k", &c, false);
	CHECK(strstr(text, "passkey=******,user=0,consent=****") != NULL);
	free(text);
	text = config_text_make("k", &c, true);
	CHECK(strstr(text, "passkey=031337,user=0,consent=0077") != NULL);
	free(text);
}

/* The longest there is fits. */
static void test_longest(void)
{
	struct config_device d = { .num = 1,
				   .kind = READING_WEIGHT,
				   .has_addr = true,
				   .addr = { 0xff, 1 },
				   .addr_type = ADDR_RANDOM,
				   .passkey = 999999,
				   .just_works = true,
				   .has_user = true,
				   .user = 254,
				   .has_consent = true,
				   .consent = 9999,
				   .import = true };
	struct config_device got;
	char text[SPEC_TEXT_MAX];
	const char *why;

	memset(d.serial, 'x', CONFIG_SERIAL_MAX);
	CHECK_STR(spec_device_text(&d, true, text),
		  "weight,FF:01:00:00:00:00/random,passkey=999999,justworks,user=254,"
		  "consent=9999,history=all,serial=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	CHECK_INT(spec_parse_device(text, &got, &why), 0);
	got.num = 1;
	CHECK_MEM(&got, &d, sizeof(d));
}

/* What is wrong leaves the config alone. */
static void test_refused(void)
{
	struct config c = random_config();
	const struct config before = c;
	char why[CONFIG_TEXT_WHY_MAX];

	CHECK_INT(config_text_read("{}", "k", &own, &c, why), -EBADMSG);
	CHECK_STR(why, "'hub' is missing");
	CHECK_INT(config_text_read("[]", "k", &own, &c, why), -EBADMSG);
	CHECK_INT(config_text_read("", "k", &own, &c, why), -EBADMSG);
	CHECK_INT(
		config_text_read("{\"hub\": \"k\", \"devices\": {}", "k", &own, &c, why),
		-EBADMSG);
	CHECK_INT(config_text_read("{\"devices\": {}, \"endpoints\": []}", "k", &own, &c,
				   why),
		  -EBADMSG);
	CHECK_MEM(&c, &before, sizeof(c));
}

static void check_diff(const char *a, const char *b, const char *want)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	CHECK(to != NULL);
	config_text_diff(to, a, b);
	CHECK_INT(fclose(to), 0);
	CHECK_STR(text, want);
	free(text);
}

static void test_diff(void)
{
	check_diff("", "", "");
	check_diff("a\nb\n", "a\nb\n", "");
	check_diff("a\nb\nc\n", "a\nc\n", "- b\n");
	check_diff("a\nc\n", "a\nb\nc\n", "+ b\n");
	check_diff("a\nb\nc\n", "a\nx\nc\n", "- b\n+ x\n");
	check_diff("a\n", "", "- a\n");
	check_diff("", "a", "+ a\n");
	check_diff("a\nb\n", "b\na\n", "- a\n+ a\n");
}

TEST_MAIN("config_text", test_there_and_back, test_secrets, test_longest, test_refused,
	  test_diff)
