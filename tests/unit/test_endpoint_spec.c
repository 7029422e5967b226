/*
 * test_endpoint_spec.c - endpoints as people type them, and the list of a hub's while it is changed.
 */
#include <errno.h>

#include "clinic/endpoint_list.h"
#include "clinic/endpoint_spec.h"
#include "tests/unit/test.h"

#define HEX "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define HEX2 "10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static int parse(const char *text, struct config_endpoint *e)
{
	const char *why = NULL;
	int r = endpoint_parse(text, e, &why);

	CHECK((r < 0) == (why != NULL));
	return r;
}

static void check_why(const char *text, const char *word)
{
	struct config_endpoint e;
	const char *why = "";

	if (endpoint_parse(text, &e, &why) != -EBADMSG || !strstr(why, word)) {
		CHECK_STR(text, "refused");
		CHECK_STR(why, word);
	}
}

static void test_defaults(void)
{
	static const struct config_endpoint own = { .name = "clinic.example",
						    .addr = { [15] = 9 },
						    .port = 5699,
						    .pin_count = 1,
						    .pins = { { 7 } } };
	struct config_endpoint e;

	CHECK_INT(parse("address=192.0.2.1", &e), 0);
	CHECK_STR(e.name, "");
	CHECK_UINT(e.port, 0);
	CHECK_UINT(e.weight, 0);
	CHECK_UINT(e.pin_count, 0);
	CHECK_INT(e.profile, DTLS_PROFILE_13_CID);
	CHECK(endpoint_fill(&e, &own));
	CHECK_STR(e.name, "clinic.example");
	CHECK_UINT(e.port, 5699);
	CHECK_UINT(e.pins[0][0], 7);
	CHECK_UINT(e.addr[15], 1);
	CHECK_INT(parse("name=clinic.example,port=1", &e), 0);
	CHECK(endpoint_fill(&e, &own));
	CHECK(!config_has_addr(&e)); /* it is looked up */
	CHECK_UINT(e.port, 1);
	/* another certificate: its key cannot be guessed */
	CHECK_INT(parse("name=other.example", &e), 0);
	CHECK(!endpoint_fill(&e, &own));
	CHECK_INT(parse("name=other.example,pin=" HEX, &e), 0);
	CHECK(endpoint_fill(&e, &own));
	CHECK_UINT(e.pin_count, 1);
	CHECK_UINT(e.pins[0][1], 0x11);
	CHECK_UINT(e.pins[0][31], 0xff);
}

static void make_name(char *buf, size_t len, size_t label)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = i % (label + 1) == label ? '.' : 'a';
	buf[len] = '\0';
}

static void test_names(void)
{
	static const char *const good[] = {
		"a",	  "clinic", "clinic.example", "1a.2b",
		"3com.x", "a--b.c", "0.example",      "xn--bcher-kva.example"
	};
	static const char *const bad[] = { "",	    ".",	 "a.",	".a",
					   "a..b",  "-a",	 "a-",	"a.-b",
					   "a-.b",  "A.example", "a_b", "a b",
					   "a\n",   "192.0.2.1", "1",	"a.42",
					   "b\xc3", "::1",	 "a:1" };
	char text[5 + CONFIG_NAME_MAX + 2] = "name=", *name = text + 5;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		CHECK(endpoint_name_ok(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(name, CONFIG_NAME_MAX, "%s", bad[i]);
		check_why(text, "DNS name");
	}
	for (size_t label = 62; label <= 64; label++) { /* 63 at most */
		make_name(name, label, label);
		CHECK(endpoint_name_ok(name) == (label <= 63));
		make_name(name, 2 * label + 1, label);
		CHECK(endpoint_name_ok(name) == (label <= 63));
	}
	for (size_t len = CONFIG_NAME_MAX - 1; len <= CONFIG_NAME_MAX + 1; len++) {
		struct config_endpoint e;

		make_name(name, len, 50);
		CHECK(endpoint_name_ok(name) == (len <= CONFIG_NAME_MAX));
		CHECK_INT(parse(text, &e), len <= CONFIG_NAME_MAX ? 0 : -EBADMSG);
	}
}

static void test_addresses(void)
{
	static const char *const good[] = {
		"1.0.0.1",     "127.0.0.1",	   "223.255.255.255",
		"169.253.0.1", "169.255.0.1",	   "2001:db8::1",
		"::1",	       "::ffff:192.0.2.1", "fe7f::1",
		"fec0::1",     "feff::1"
	};
	static const char *const bad[] = { "",
					   "0.0.0.0",
					   "0.1.2.3",
					   "224.0.0.1",
					   "255.255.255.255",
					   "169.254.0.1",
					   "::",
					   "::ffff:0.0.0.0",
					   "ff02::1",
					   "fe80::1",
					   "febf::1",
					   "fe80::1%eth0",
					   "192.0.2",
					   "192.0.2.256",
					   "192.0.2.1 ",
					   "clinic.example",
					   "[2001:db8::1]",
					   "2001:db8::1:2:3:4:5:6:7" };
	char text[80];

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct config_endpoint e;

		snprintf(text, sizeof(text), "address=%s", good[i]);
		CHECK_INT(parse(text, &e), 0);
		CHECK(config_has_addr(&e));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text), "address=%s", bad[i]);
		check_why(text, "IPv4 or IPv6");
	}
}

static void test_numbers(void)
{
	struct config_endpoint e;

	CHECK_INT(parse("name=a,port=1", &e), 0);
	CHECK_INT(parse("name=a,port=65535", &e), 0);
	CHECK_UINT(e.port, 65535);
	check_why("name=a,port=0", "port=");
	check_why("name=a,port=65536", "port=");
	check_why("name=a,port=", "port=");
	check_why("name=a,port=+1", "port=");
	CHECK_INT(parse("name=a,weight=1", &e), 0);
	CHECK_UINT(e.weight, 0); /* as config.h wants it */
	CHECK_INT(parse("name=a,weight=2", &e), 0);
	CHECK_UINT(e.weight, 2);
	CHECK_INT(parse("name=a,weight=100", &e), 0);
	CHECK_UINT(e.weight, 100);
	check_why("name=a,weight=0", "weight=");
	check_why("name=a,weight=101", "weight=");
	check_why("name=a,weight=-1", "weight=");
	CHECK_INT(parse("name=a,profile=1.2", &e), 0);
	CHECK_INT(e.profile, DTLS_PROFILE_12_CID);
	CHECK_INT(parse("name=a,profile=1.3", &e), 0);
	CHECK_INT(e.profile, DTLS_PROFILE_13_CID);
	check_why("name=a,profile=1.1", "profile=");
	check_why("name=a,profile=", "profile=");
}

static void test_pins(void)
{
	struct config_endpoint e;

	CHECK_INT(parse("name=a,pin=" HEX ",pin=" HEX2, &e), 0);
	CHECK_UINT(e.pin_count, 2);
	CHECK_UINT(e.pins[1][0], 0x10);
	check_why("name=a,pin=" HEX ",pin=" HEX2 ",pin=2" HEX, "at most two");
	check_why("name=a,pin=" HEX ",pin=" HEX, "twice");
	check_why("name=a,pin=0" HEX, "64 hex");
	check_why("name=a,pin=" HEX2 "f", "64 hex");
	check_why("name=a,pin=", "64 hex");
	for (size_t at = 0; at < 64; at += 63) { /* the first digit, the last one */
		char text[] = "name=a,pin=" HEX;

		text[sizeof(text) - 1 - 64 + at] = 'g';
		check_why(text, "64 hex");
	}
}

static void test_options(void)
{
	char text[ENDPOINT_TEXT_MAX + 1];

	check_why("", "name=");
	check_why("port=5684", "say where");
	check_why("name=a,name=b", "each once");
	check_why("name=a,port=1,port=1", "each once");
	check_why("name=a,", "separated by commas");
	check_why("name=a,colour=red", "separated by commas");
	check_why("name=a, port=1", "separated by commas");
	check_why("clinic.example", "name=");
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	check_why(text, "longer");
	text[sizeof(text) - 2] = '\0';
	check_why(text, "name=");
}

/* The longest one there is; what is shown can be typed. */
static void test_text(void)
{
	char text[ENDPOINT_TEXT_MAX], name[CONFIG_NAME_MAX + 1], again[ENDPOINT_TEXT_MAX];
	struct config_endpoint e, back;

	make_name(name, CONFIG_NAME_MAX, 50);
	snprintf(text, sizeof(text),
		 "name=%s,address=2001:db8:1111:2222:3333:4444:5555:6666,port=65535,"
		 "profile=1.2,weight=100,pin=" HEX2 ",pin=%.64s",
		 name, "ff" HEX2);
	CHECK_INT(parse(text, &e), 0);
	CHECK_STR(endpoint_text(&e, again), text);
	for (int i = 0; i < 2000; i++) {
		e = (struct config_endpoint){
			.port = (uint16_t)(1 + test_random() % UINT16_MAX),
			.weight = (uint8_t)(test_random() % 100 + 1),
			.profile = test_random() % 2 ? DTLS_PROFILE_13_CID
						     : DTLS_PROFILE_12_CID,
			.pin_count = 1 + test_random() % 2
		};
		make_name(e.name, 1 + test_random() % CONFIG_NAME_MAX,
			  1 + test_random() % 63);
		if (!endpoint_name_ok(e.name))
			continue; /* it ended in a dot */
		for (size_t k = 0; k < 16 && i % 3; k++)
			e.addr[k] = (uint8_t)(k ? test_random() : 0x20);
		for (size_t k = 0; k < e.pin_count; k++)
			for (size_t n = 0; n < PIN_LEN; n++)
				e.pins[k][n] = (uint8_t)test_random();
		CHECK_INT(parse(endpoint_text(&e, text), &back), 0);
		CHECK(endpoint_equal(&e, &back));
	}
}

/* Whatever is typed: refused with a word, or something that a hub takes. */
static void test_random_text(void)
{
	static const char *const parts[] = { "name=",	 "address=", "port=", "weight=",
					     "pin=",	 "profile=", ",",     "a.b",
					     "1.3",	 "::1",	     "5684",  "-",
					     "10.0.0.1", HEX,	     "%s",    "=" };
	static const struct config_endpoint own = { .name = "a.b",
						    .port = 1,
						    .pin_count = 1 };
	unsigned good = 0;

	for (int i = 0; i < 200000; i++) {
		struct config c = { .epoch = 1, .heartbeat_s = 60, .endpoint_count = 1 };
		char text[300] = "";
		uint8_t bytes[1024];
		const char *field;
		struct config back;
		int n;

		for (uint64_t k = 2 + test_random() % 6; k > 0 && strlen(text) < 200; k--)
			strcat(text,
			       parts[test_random() % (sizeof(parts) / sizeof(*parts))]);
		if (parse(text, &c.endpoints[0]) < 0 ||
		    !endpoint_fill(&c.endpoints[0], &own))
			continue;
		good++;
		n = config_encode(&c, bytes, sizeof(bytes));
		CHECK(n > 0);
		CHECK_INT(config_decode(bytes, (size_t)n, &back, &field), 0);
		CHECK(endpoint_equal(&back.endpoints[0], &c.endpoints[0]));
	}
	CHECK(good > 100);
}

static int add(struct endpoint_list *l, const char *text)
{
	struct config_endpoint e;

	CHECK_INT(parse(text, &e), 0);
	return endpoint_list_add(l, &e);
}

static void test_list_limits(void)
{
	struct endpoint_list l = { .count = 0 }, other;
	char text[40];

	for (unsigned i = 1; i <= CONFIG_ENDPOINTS_MAX + 1; i++) {
		snprintf(text, sizeof(text), "name=a,port=%u", i);
		CHECK_INT(add(&l, text), i <= CONFIG_ENDPOINTS_MAX ? 0 : -ENOSPC);
	}
	CHECK_UINT(l.count, CONFIG_ENDPOINTS_MAX);
	/* one that is there is said to be there, also when there is no room */
	CHECK_INT(add(&l, "name=a,port=1,weight=7,profile=1.2,pin=" HEX), -EEXIST);
	other = l;
	CHECK(endpoint_list_equal(&l, &other));
	other.at[3].weight = 1;
	CHECK(endpoint_list_equal(&l, &other)); /* 1 is what 0 means */
	other.at[3].weight = 2;
	CHECK(!endpoint_list_equal(&l, &other));
	CHECK(!endpoint_list_has(&l, &other.at[3]));
	CHECK(endpoint_list_has(&l, &other.at[2]));
	other.count--;
	CHECK(!endpoint_list_equal(&l, &other));
}

static void test_remove(void)
{
	static const char *const none[] = { "b", "a:3", "192.0.2.2", "192.0.2.1:9",
					    "[2001:db8::1]:1" };
	static const char *const bad[] = { "",
					   "a:",
					   "a:0",
					   ":1",
					   "a:65536",
					   "A",
					   "2001:db8::1:5684x",
					   "::",
					   "[]:1",
					   "[:1",
					   "2001:db8:1:2:3:4:5:6:7",
					   "2001:db8::1]:1" };
	struct endpoint_list l = { .count = 0 };

	CHECK_INT(add(&l, "name=a,address=192.0.2.1,port=1"), 0);
	CHECK_INT(add(&l, "name=a,address=2001:db8::1,port=2"), 0);
	CHECK_INT(add(&l, "name=a,port=1"), 0);
	CHECK_INT(add(&l, "name=c,port=3"), 0);
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		CHECK_INT(endpoint_list_remove(&l, none[i]), -ENOENT);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_INT(endpoint_list_remove(&l, bad[i]), -EBADMSG);
	CHECK_UINT(l.count, 4);
	CHECK_INT(endpoint_list_remove(&l, "a"), 0); /* the one without an address */
	CHECK_UINT(l.count, 3);
	CHECK(config_has_addr(&l.at[0]) && config_has_addr(&l.at[1]));
	CHECK_STR(l.at[2].name, "c");
	CHECK_INT(endpoint_list_remove(&l, "a"), -ERANGE);
	CHECK_INT(endpoint_list_remove(&l, "[2001:db8::1]:2"), 0);
	CHECK_INT(endpoint_list_remove(&l, "a:1"), 0);
	CHECK_INT(endpoint_list_remove(&l, "c:3"), 0);
	CHECK_UINT(l.count, 0);
	CHECK_INT(endpoint_list_remove(&l, "c"), -ENOENT);
}

TEST_MAIN("endpoint_spec", test_defaults, test_names, test_addresses, test_numbers,
	  test_pins, test_options, test_text, test_random_text, test_list_limits,
	  test_remove)
