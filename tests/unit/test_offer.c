/*
 * test_offer.c - a config that comes over the wire: put together from pieces, judged as a whole, on the disk before it is
 * used, and nothing of a bad one anywhere.
 */
#include "tests/unit/test.h"

#include <sys/stat.h>

#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/offer.h"
#include "hub/rt/file.h"
#include "tests/unit/temp_dir.h"

static char dir[64];
static uint8_t private[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN];
static struct settings s;
static struct offer o;
static uint8_t box[CONFIG_BYTES_MAX + 1];
static struct msg_verdict v;

static struct config good(uint64_t version)
{
	struct config c = { .hub = { 1 },
			    .epoch = 3,
			    .version = version,
			    .heartbeat_s = 300,
			    .endpoint_count = 1 };

	strcpy(c.endpoints[0].name, "clinic.example");
	c.endpoints[0].port = 5684;
	c.endpoints[0].profile = DTLS_PROFILE_13_CID;
	c.endpoints[0].pin_count = 1;
	return c;
}

/* Into box. Returns the length. */
static size_t sign(const struct config *c, const uint8_t key[static P256_PRIVATE_LEN])
{
	uint8_t payload[4096];
	int n = config_encode(c, payload, sizeof(payload));

	CHECK(n > 0);
	n = sign1_make(SIGN_CONTEXT_CONFIG, key, payload, (size_t)n, box, sizeof(box));
	CHECK(n > 0);
	return (size_t)n;
}

/* In pieces of this size. */
static int add(uint64_t version, size_t len, size_t piece)
{
	int r = 0;

	for (size_t at = 0; at < len; at += piece) {
		struct msg_offer m = { .id = 7,
				       .version = version,
				       .total = (uint16_t)len,
				       .offset = (uint16_t)at };

		m.len = (uint16_t)(len - at < piece ? len - at : piece);
		memcpy(m.bytes, box + at, m.len);
		CHECK_INT(r, 0);
		r = offer_add(&o, &m);
	}
	return r;
}

static bool file_is(const char *name, size_t len)
{
	static uint8_t buf[CONFIG_BYTES_MAX + 1];

	return file_read(dir, name, buf, sizeof(buf)) == (int)len &&
	       memcmp(buf, box, len) == 0;
}

static void test_start(void)
{
	size_t len;

	CHECK_INT(crypto_init(), 0);
	temp_dir_make(dir, sizeof(dir));
	p256_generate(private, public);
	CHECK_INT(settings_open(&s, dir), 0);
	len = sign(&(struct config){ 0 }, private);
	CHECK_INT(add(1, len, 100), 1);
	CHECK_INT(offer_judge(&o, &s, 0, &v), -EAGAIN); /* whose would it have to be? */
	CHECK_INT(v.outcome, OFFER_LATER);
}

static void load_first(void)
{
	const struct config c = good(5);
	const char *why = "";
	size_t len = sign(&c, private);

	CHECK_INT(file_replace(dir, "clinic.pub", public, sizeof(public)), 0);
	CHECK_INT(file_replace(dir, "config.cose", box, len), 0);
	CHECK_INT(settings_load(&s, &why), 1);
	CHECK_INT(settings_prove(&s, 5), 1);
	CHECK_UINT(settings_fallback(&s), 0);
}

static void test_taken(void)
{
	struct config c = good(6);
	const char *why = "";
	size_t len;

	load_first();
	len = sign(&c, private);
	CHECK_INT(add(6, len, 50), 1);
	CHECK_INT(offer_judge(&o, &s, 0, &v), 0);
	CHECK_INT(v.outcome, OFFER_TAKEN);
	CHECK_INT(v.why, REFUSAL_NONE);
	CHECK_UINT(v.id, 7);
	CHECK_UINT(s.config.version, 6);
	CHECK_UINT(settings_fallback(&s), 5);
	CHECK(file_is("config.good", len));
	CHECK(file_is("config.cose", len));
	CHECK(!file_is("config.proven", len));
	CHECK_INT(settings_load(&s, &why), 0); /* nothing new there */
	CHECK_INT(add(6, len, OFFER_PIECE_MAX), 1);
	CHECK_INT(offer_judge(&o, &s, 0, &v), 0);
	CHECK_INT(v.outcome, OFFER_KNOWN); /* replayed */
	CHECK_INT(settings_prove(&s, 6), 1);
	CHECK_UINT(settings_fallback(&s), 0);
	CHECK(file_is("config.proven", len));
	CHECK_INT(settings_open(&s, dir), 0);
	CHECK_UINT(s.config.version, 6);
}

/* What is in box is refused for this; nothing has changed. */
static void check_refused(size_t len, enum refusal why)
{
	static uint8_t before[CONFIG_BYTES_MAX], after[CONFIG_BYTES_MAX];
	int n = file_read(dir, "config.good", before, sizeof(before));

	CHECK_INT(add(99, len, 64), 1);
	CHECK_INT(offer_judge(&o, &s, 1, &v), 0);
	CHECK_INT(v.outcome, OFFER_REFUSED);
	CHECK_INT(v.why, why);
	CHECK_UINT(s.config.version, 6);
	CHECK_INT(file_read(dir, "config.good", after, sizeof(after)), n);
	CHECK_MEM(after, before, (size_t)n);
	CHECK_INT(file_read(dir, "config.cose", after, sizeof(after)), n);
	CHECK_MEM(after, before, (size_t)n);
}

#define CHECK_REFUSED(change, why)                                                       \
	do {                                                                             \
		struct config c = good(9);                                               \
		change;                                                                  \
		check_refused(sign(&c, private), (why));                                 \
	} while (0)

static void test_refused(void)
{
	uint8_t other[P256_PRIVATE_LEN], other_public[P256_PUBLIC_LEN];
	const struct config fine = good(9);
	size_t len;

	p256_generate(other, other_public);
	check_refused(sign(&fine, other), REFUSAL_SIGNATURE);
	len = sign(&fine, private);
	box[len / 2] ^= 1;
	check_refused(len, REFUSAL_SIGNATURE);
	check_refused(sign(&fine, private) - 1, REFUSAL_NOT_SIGNED);
	memset(box, 0xff, sizeof(box));
	check_refused(CONFIG_BYTES_MAX, REFUSAL_NOT_SIGNED);
	check_refused(1, REFUSAL_NOT_SIGNED);
	CHECK_REFUSED(c.hub[15] = 1, REFUSAL_OTHER_HUB);
	CHECK_REFUSED(c.epoch = 2, REFUSAL_OTHER_EPOCH);
	CHECK_REFUSED(c.epoch = 4, REFUSAL_OTHER_EPOCH);
	CHECK_REFUSED((c.epoch = 4, c.version = 1), REFUSAL_OTHER_EPOCH);
	CHECK_REFUSED(c.version = 5, REFUSAL_OLDER);
	CHECK_REFUSED(c.heartbeat_s = 9, (enum refusal)(REFUSAL_FIELD + 6));
	CHECK_REFUSED(c.endpoint_count = 0, (enum refusal)(REFUSAL_FIELD + 9));
	CHECK_REFUSED(c.utc_offset_min = 841, (enum refusal)(REFUSAL_FIELD + 5));
}

static void test_later(void)
{
	struct config c = good(9);
	size_t len = sign(&c, private);

	CHECK_INT(add(9, len, 64), 1);
	CHECK_INT(offer_judge(&o, &s, OFFER_LEVEL_MAX + 1, &v), -EACCES);
	CHECK_INT(v.outcome, OFFER_LATER);
	CHECK_INT(file_remove(dir, "clinic.pub"), 0);
	CHECK_INT(add(9, len, 64), 1);
	CHECK_INT(offer_judge(&o, &s, 0, &v), -ENOENT);
	CHECK_INT(v.outcome, OFFER_LATER);
	CHECK_INT(file_replace(dir, "clinic.pub", public, sizeof(public)), 0);
	s.dir = "/proc/nowhere";
	CHECK_INT(add(9, len, 64), 1);
	CHECK(offer_judge(&o, &s, 0, &v) < 0);
	CHECK_INT(v.outcome, OFFER_LATER);
	s.dir = dir;
	CHECK_UINT(s.config.version, 6);
	/* the file could be staged, not taken: a restart takes it */
	CHECK_INT(file_remove(dir, "config.good"), 0);
	char path[128];
	snprintf(path, sizeof(path), "%s/config.good", dir);
	CHECK_INT(mkdir(path, 0700), 0);
	CHECK_INT(add(9, len, 64), 1);
	CHECK(offer_judge(&o, &s, 0, &v) < 0);
	CHECK_INT(v.outcome, OFFER_LATER);
	CHECK_UINT(s.config.version, 6);
	CHECK(file_is("config.cose", len));
	CHECK_INT(rmdir(path), 0);
	const char *why = "";
	CHECK_INT(settings_load(&s, &why), 1);
	CHECK_UINT(s.config.version, 9);
}

static void test_pieces(void)
{
	struct msg_offer m = { .id = 1, .version = 1, .total = 10, .len = 4 };

	CHECK_INT(offer_add(&o, &m), 0);
	m.offset = 5; /* a gap */
	CHECK_INT(offer_add(&o, &m), -EPROTO);
	m.offset = 4; /* nothing is there any more */
	CHECK_INT(offer_add(&o, &m), -EPROTO);
	m.offset = 0;
	CHECK_INT(offer_add(&o, &m), 0);
	m.offset = 4;
	m.id = 2; /* of another offer */
	CHECK_INT(offer_add(&o, &m), -EPROTO);
	m.id = 1, m.offset = 0;
	CHECK_INT(offer_add(&o, &m), 0);
	m.offset = 4, m.total = 11;
	CHECK_INT(offer_add(&o, &m), -EPROTO);
	m.total = 10, m.offset = 0;
	CHECK_INT(offer_add(&o, &m), 0);
	m.offset = 4, m.len = 7; /* beyond the end */
	CHECK_INT(offer_add(&o, &m), -EPROTO);
	m.offset = 0, m.len = 4;
	CHECK_INT(offer_add(&o, &m), 0);
	CHECK_INT(offer_add(&o, &m), 0); /* anew */
	m.offset = 4, m.len = 6;
	CHECK_INT(offer_add(&o, &m), 1);
	m.offset = 0, m.len = 1, m.total = 1, m.id = 9;
	CHECK_INT(offer_add(&o, &m), 1); /* all in one */
	CHECK_UINT(o.id, 9);
	CHECK_UINT(o.len, 1);
}

/* Garbage, and good ones with something wrong: never taken, never in use. */
static void test_random_bytes(void)
{
	for (int run = 0; run < 300; run++) {
		struct config c = good(10 + (uint64_t)run);
		size_t len = sign(&c, private), flips = 1 + test_random() % 4;

		for (size_t i = 0; i < flips; i++)
			box[test_random() % len] ^= (uint8_t)(1 + test_random() % 255);
		if (test_random() % 4 == 0)
			len = 1 + test_random() % len;
		CHECK_INT(add(c.version, len, 1 + test_random() % OFFER_PIECE_MAX), 1);
		CHECK_INT(offer_judge(&o, &s, 0, &v), 0);
		if (v.outcome == OFFER_TAKEN) /* flipped there and back */
			CHECK(flips > 1);
		else
			CHECK(v.outcome == OFFER_REFUSED &&
			      (v.why == REFUSAL_SIGNATURE ||
			       v.why == REFUSAL_NOT_SIGNED));
	}
	for (size_t i = 0; i < sizeof(o.bytes); i++)
		CHECK_UINT(o.bytes[i], 0); /* wiped */
}

/* After an enrolment: its first config, whatever was in use before, and nobody else's. */
static void test_expected(void)
{
	static const uint8_t id[HUB_ID_LEN] = { 7 };
	struct config c = good(1);
	size_t len;

	settings_expect(&s, id, 3); /* the epoch of the one in use: that one decides */
	memcpy(c.hub, id, sizeof(id));
	c.epoch = 3, c.version = 1000;
	CHECK_INT(add(1, sign(&c, private), 90), 1);
	CHECK_INT(offer_judge(&o, &s, 0, &v), 0);
	CHECK_INT(v.why, REFUSAL_OTHER_HUB);
	settings_expect(&s, id, 4);
	c.epoch = 5;
	CHECK_INT(add(1, sign(&c, private), 90), 1);
	CHECK_INT(offer_judge(&o, &s, 0, &v), 0);
	CHECK_INT(v.why, REFUSAL_OTHER_EPOCH);
	c.epoch = 4, c.version = 1, c.hub[0] = 1;
	CHECK_INT(add(1, sign(&c, private), 90), 1);
	CHECK_INT(offer_judge(&o, &s, 0, &v), 0);
	CHECK_INT(v.why, REFUSAL_OTHER_HUB);
	c.hub[0] = 7;
	len = sign(&c, private);
	CHECK_INT(add(1, len, 90), 1);
	CHECK_INT(offer_judge(&o, &s, 0, &v), 0);
	CHECK_INT(v.outcome, OFFER_TAKEN);
	CHECK_UINT(s.config.epoch, 4);
	CHECK_UINT(s.config.version, 1);
	CHECK(!s.has_proven); /* it was another enrolment's */
	CHECK_INT(add(1, len, 90), 1);
	CHECK_INT(offer_judge(&o, &s, 0, &v), 0);
	CHECK_INT(v.outcome, OFFER_KNOWN);
	/* a hub that has none at all */
	CHECK_INT(file_remove(dir, "config.good"), 0);
	CHECK_INT(settings_open(&s, dir), 0);
	CHECK(!s.loaded);
	settings_expect(&s, id, 4);
	len = sign(&c, private);
	CHECK_INT(add(1, len, 90), 1);
	CHECK_INT(offer_judge(&o, &s, 0, &v), 0);
	CHECK_INT(v.outcome, OFFER_TAKEN);
	CHECK(file_is("config.good", len));
}

static void test_words(void)
{
	for (unsigned i = 0; i <= REFUSAL_LAST; i++)
		CHECK(refusal_text((enum refusal)i)[0] != '\0');
	/* each field has its words */
	for (unsigned key = 0; key < CONFIG_FIELDS; key++)
		CHECK(!strstr(refusal_text((enum refusal)(REFUSAL_FIELD + key)),
			      "does not know"));
	CHECK_INT(refusal_of_field("heartbeat"), REFUSAL_FIELD + 6);
	CHECK_INT(refusal_of_field("format version"), REFUSAL_FIELD);
	CHECK_INT(refusal_of_field("change of the utc offset"), REFUSAL_FIELD + 11);
	CHECK_INT(refusal_of_field("end of document"), REFUSAL_DOCUMENT);
	CHECK_INT(refusal_of_field("document"), REFUSAL_DOCUMENT);
	CHECK_STR(refusal_text((enum refusal)(REFUSAL_FIELD + 9)),
		  "its field 'endpoints' is bad");
	CHECK_STR(refusal_text(REFUSAL_DOCUMENT),
		  "it is not a configuration of this format");
	CHECK_INT(refusal_of_field("next sealing key"), REFUSAL_FIELD + 13);
	CHECK_STR(refusal_text((enum refusal)(REFUSAL_DOCUMENT - 1)),
		  "for a reason that this program does not know");
}

static void test_end(void)
{
	temp_dir_remove(dir);
	crypto_done();
}

TEST_MAIN("offer", test_start, test_taken, test_refused, test_later, test_pieces,
	  test_random_bytes, test_expected, test_words, test_end)
