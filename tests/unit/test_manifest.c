/*
 * test_manifest.c - the bytes of a day's account, its limits, and its signature.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "hub/crypto/manifest_sign.h"

static uint8_t buf[MANIFEST_BODY_MAX + 8];

static struct manifest typical(void)
{
	return (struct manifest){
		.hub = { 0xaa, 0xbb },
		.epoch = 3,
		.counter = 7,
		.first = 800,
		.last = 812,
		.acked = 810,
		.has_days = true,
		.from_day = 20778,
		.to_day = 20778,
		.made = { .boot = { 0xb0 },
			  .mono = { 123456 },
			  .wall = { 1795305602000, UINT32_MAX, CLOCK_QUALITY_CLINIC } },
		.has_given_up = true,
		.given_up = { { 0, 3, 0, 1, 0, 0 } },
	};
}

static void check_same(const struct manifest *got, const struct manifest *want)
{
	CHECK_MEM(got->hub, want->hub, HUB_ID_LEN);
	CHECK_UINT(got->epoch, want->epoch);
	CHECK_UINT(got->counter, want->counter);
	CHECK_UINT(got->first, want->first);
	CHECK_UINT(got->last, want->last);
	CHECK_UINT(got->acked, want->acked);
	CHECK_UINT(got->has_days, want->has_days);
	CHECK_UINT(got->from_day, want->has_days ? want->from_day : 0);
	CHECK_UINT(got->to_day, want->has_days ? want->to_day : 0);
	CHECK_MEM(got->made.boot, want->made.boot, BOOT_ID_LEN);
	CHECK_UINT(got->made.mono.ms, want->made.mono.ms);
	CHECK_INT(got->made.wall.ms, want->made.wall.ms);
	CHECK_INT(got->made.wall.quality, want->made.wall.quality);
	CHECK_UINT(got->made.wall.uncertainty_ms, UINT32_MAX);
	CHECK_UINT(got->has_given_up, want->has_given_up);
	for (size_t i = 0; i < MANIFEST_CAUSES; i++)
		CHECK_UINT(got->given_up.count[i],
			   want->has_given_up ? want->given_up.count[i] : 0);
}

static void test_bytes(void)
{
	static const char want[] = "8a"					/* array of 10 */
				   "01"					/* version */
				   "50aabb0000000000000000000000000000" /* hub */
				   "03"					/* epoch */
				   "07"					/* counter */
				   "190320"				/* first */
				   "19032c"				/* last */
				   "19032a"				/* acked */
				   "8219512a19512a"			/* days */
				   "8450b0000000000000000000000000000000" /* boot */
				   "1a0001e240"				  /* mono */
				   "1b000001a2008d7bd0"			  /* wall */
				   "03"					  /* clinic */
				   "850300010000";			  /* given up */
	char text[2 * sizeof(buf) + 1];
	struct manifest m = typical(), got;
	int n = manifest_encode(&m, buf, sizeof(buf));

	CHECK(n > 0);
	for (int i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", buf[i]);
	CHECK_STR(text, want);
	CHECK_INT(manifest_decode(buf, (size_t)n, &got), 0);
	check_same(&got, &m);
	for (int i = 0; i < n; i++)
		CHECK(manifest_decode(buf, (size_t)i, &got) < 0);
	buf[n] = 0;
	CHECK_INT(manifest_decode(buf, (size_t)n + 1, &got), -EBADMSG);
	CHECK_INT(manifest_decode(buf, MANIFEST_PAYLOAD_MAX + 1, &got), -EMSGSIZE);
	for (int cap = 0; cap < n; cap++)
		CHECK_INT(manifest_encode(&m, buf, (size_t)cap), -ENOSPC);
	CHECK_INT(manifest_encode(&m, buf, (size_t)n), n);
	buf[1] = 2;
	CHECK_INT(manifest_decode(buf, (size_t)n, &got), -ENOTSUP);
}

/* A longer form of a number is another text under the same signature: not taken. */
static void test_shortest_forms_only(void)
{
	struct manifest m = typical(), got;
	int n = manifest_encode(&m, buf, sizeof(buf));

	CHECK_UINT(buf[20], 7); /* counter */
	memmove(buf + 22, buf + 21, (size_t)n - 21);
	buf[20] = 0x18;
	buf[21] = 7;
	CHECK_INT(manifest_decode(buf, (size_t)n + 1, &got), -EBADMSG);
}

static void test_limits(void)
{
	struct manifest m, got;

#define REFUSED(change)                                                                  \
	do {                                                                             \
		m = typical();                                                           \
		change;                                                                  \
		CHECK_INT(manifest_encode(&m, buf, sizeof(buf)), -ERANGE);               \
	} while (0)
#define TAKEN(change)                                                                    \
	do {                                                                             \
		int n_;                                                                  \
		m = typical();                                                           \
		change;                                                                  \
		n_ = manifest_encode(&m, buf, sizeof(buf));                              \
		CHECK(n_ > 0);                                                           \
		CHECK_INT(manifest_decode(buf, (size_t)n_, &got), 0);                    \
		check_same(&got, &m);                                                    \
	} while (0)
	TAKEN(m.epoch = 1);
	REFUSED(m.epoch = 0);
	TAKEN(m.counter = 1);
	REFUSED(m.counter = 0);
	TAKEN(m.counter = UINT64_MAX);
	/* an empty day, the same at the very beginning, and less than empty */
	TAKEN(m.first = 813; m.has_given_up = false);
	TAKEN(m.first = 1; m.last = 0; m.acked = 0; m.has_given_up = false);
	REFUSED(m.first = 814; m.has_given_up = false);
	REFUSED(m.first = 0);
	TAKEN(m.last = INT64_MAX - 1);
	REFUSED(m.last = INT64_MAX);
	TAKEN(m.first = INT64_MAX; m.last = INT64_MAX - 1; m.has_given_up = false);
	REFUSED(m.first = UINT64_MAX; m.last = INT64_MAX - 1; m.has_given_up = false);
	TAKEN(m.acked = 812);
	REFUSED(m.acked = 813);
	/* days */
	TAKEN(m.has_days = false);
	TAKEN(m.from_day = 20779);
	REFUSED(m.from_day = 20780);
	TAKEN(m.from_day = 1);
	REFUSED(m.from_day = 0);
	TAKEN(m.from_day = 1; m.to_day = 0);
	TAKEN(m.to_day = MANIFEST_DAY_MAX);
	REFUSED(m.to_day = MANIFEST_DAY_MAX + 1);
	TAKEN(m.from_day = m.to_day = MANIFEST_DAY_MAX);
	REFUSED(m.from_day = MANIFEST_DAY_MAX + 1; m.to_day = MANIFEST_DAY_MAX);
	TAKEN(m.made.wall.quality = CLOCK_QUALITY_NTP);
	REFUSED(m.made.wall.quality = CLOCK_QUALITY_UNSYNC);
	TAKEN(m.made.wall.quality = CLOCK_QUALITY_NONE; m.has_days = false);
	REFUSED(m.made.wall.quality = (enum clock_quality)4);
	TAKEN(m.made.wall.ms = INT64_MIN);
	/* the counts are of numbers in the span */
	TAKEN(m.given_up.count[1] = 12);
	REFUSED(m.given_up.count[1] = 13);
	REFUSED(m.given_up.count[1] = UINT64_MAX);
	TAKEN(m.given_up.count[1] = 0; m.given_up.count[3] = 0;
	      m.given_up.count[MANIFEST_CAUSES - 1] = 13);
	REFUSED(m.given_up.count[0] = 1);
	TAKEN(m.has_given_up = false);
}

/* What a decoder must refuse that the encoder cannot make. */
static void test_fields_of_others(void)
{
	static const struct {
		size_t at;
		uint8_t octet;
		int want;
	} changes[] = {
		{ 0, 0x89, -EBADMSG },	/* nine fields */
		{ 0, 0xaa, -EBADMSG },	/* a map */
		{ 2, 0x4f, -EMSGSIZE }, /* a hub of 15 octets */
		{ 19, 0, -ERANGE },	/* epoch */
		{ 20, 0, -ERANGE },	/* counter */
		{ 20, 0x20, -EBADMSG }, /* a negative one */
		{ 30, 0x81, -EBADMSG }, /* one day */
		{ 37, 0x83, -EBADMSG }, /* made, of three */
		{ 69, 4, -ERANGE },	/* quality */
		{ 70, 0x84, -EBADMSG }, /* four causes */
	};
	struct manifest m = typical(), got;

	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		int n = manifest_encode(&m, buf, sizeof(buf));

		CHECK(n > 0);
		buf[changes[i].at] = changes[i].octet;
		CHECK_INT(manifest_decode(buf, (size_t)n, &got), changes[i].want);
	}
}

/* Every number as wide as it gets fits what is set aside for it, signed and sealed. */
static void test_longest(void)
{
	uint8_t private[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN];
	struct manifest m = typical(), got;
	int n;

	m.epoch = UINT32_MAX;
	m.counter = UINT64_MAX;
	m.first = UINT64_C(1) << 32;
	m.last = m.acked = INT64_MAX - 1;
	m.from_day = m.to_day = MANIFEST_DAY_MAX;
	m.made.mono.ms = UINT64_MAX;
	m.made.wall.ms = INT64_MIN;
	for (size_t i = 1; i < MANIFEST_CAUSES; i++)
		m.given_up.count[i] = INT64_MAX / 8;
	n = manifest_encode(&m, buf, sizeof(buf));
	CHECK(n > 0 && n <= MANIFEST_PAYLOAD_MAX);
	p256_generate(private, public);
	n = manifest_make(&m, private, buf, MANIFEST_BODY_MAX);
	CHECK(n > 0 && n <= MANIFEST_BODY_MAX);
	CHECK_INT(manifest_open(public, buf, (size_t)n, &got), 0);
	check_same(&got, &m);
}

static void test_signature(void)
{
	uint8_t private[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN],
		other[P256_PUBLIC_LEN], payload[MANIFEST_PAYLOAD_MAX];
	struct manifest m = typical(), got;
	int n, len;

	p256_generate(private, other);
	p256_generate(private, public);
	n = manifest_make(&m, private, buf, sizeof(buf));
	CHECK(n > 0);
	CHECK_INT(manifest_open(public, buf, (size_t)n, &got), 0);
	check_same(&got, &m);
	CHECK_INT(manifest_open(other, buf, (size_t)n, &got), -EKEYREJECTED);
	for (int i = 0; i < n; i++) {
		buf[i] ^= 0x10;
		CHECK(manifest_open(public, buf, (size_t)i, &got) < 0);
		CHECK(manifest_open(public, buf, (size_t)n, &got) < 0);
		buf[i] ^= 0x10;
	}
	for (int cap = 0; cap < n; cap++)
		CHECK_INT(manifest_make(&m, private, payload,
					(size_t)cap < sizeof(payload) ? (size_t)cap : 0),
			  -ENOSPC);
	/* a signature under another purpose is none */
	len = manifest_encode(&m, payload, sizeof(payload));
	n = sign1_make(SIGN_CONTEXT_BATCH, private, payload, (size_t)len, buf,
		       sizeof(buf));
	CHECK(n > 0);
	CHECK_INT(manifest_open(public, buf, (size_t)n, &got), -EKEYREJECTED);
	m.counter = 0;
	CHECK_INT(manifest_make(&m, private, buf, sizeof(buf)), -ERANGE);
}

/* Whatever is a manifest comes back as it was; one octet changed is refused or reads as exactly those bytes. */
static void test_random_ones(void)
{
	for (int i = 0; i < 20000; i++) {
		struct manifest m = typical(), got;
		uint8_t again[MANIFEST_PAYLOAD_MAX];
		int n;

		m.first = 1 + test_random() % (UINT64_C(1) << (test_random() % 62));
		m.last = m.first - 1 + test_random() % 300;
		m.acked = test_random() % (m.last + 1);
		m.has_days = test_random() % 2;
		m.from_day = 1 + (uint32_t)(test_random() % 30000);
		m.to_day = m.from_day - 1 + (uint32_t)(test_random() % 9);
		m.has_given_up = m.last + 1 - m.first >= 4;
		n = manifest_encode(&m, buf, sizeof(buf));
		CHECK(n > 0);
		CHECK_INT(manifest_decode(buf, (size_t)n, &got), 0);
		check_same(&got, &m);
		buf[test_random() % (unsigned)n] = (uint8_t)test_random();
		if (manifest_decode(buf, (size_t)n, &got) == 0) {
			CHECK_INT(manifest_encode(&got, again, sizeof(again)), n);
			CHECK_MEM(again, buf, (size_t)n);
		}
	}
}

static void test_kind(void)
{
	CHECK_STR(reading_kind_text(READING_MANIFEST), "manifest");
	CHECK_INT(crypto_init(), 0);
}

TEST_MAIN("manifest", test_kind, test_bytes, test_shortest_forms_only, test_limits,
	  test_fields_of_others, test_longest, test_signature, test_random_ones)
