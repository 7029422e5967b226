/*
 * test_network.c - a network setting: what is one, what is written for networkd, whose template counts, and that a trial ends.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "hub/core/cbor.h"
#include "hub/core/cose.h"
#include "hub/crypto/crypto.h"
#include "hub/network/render.h"
#include "hub/network_open.h"
#include "hub/network_trial.h"

static struct network_setting usual(void)
{
	return (struct network_setting){ .kind = NETWORK_STATIC,
					 .address = { 192, 0, 2, 7 },
					 .prefix = 24,
					 .gateway = { 192, 0, 2, 1 },
					 .name_count = 2,
					 .names = { { 192, 0, 2, 53 },
						    { 198, 51, 100, 53 } } };
}

static struct network_template template(uint64_t number)
{
	struct network_template t = { .epoch = 3,
				      .number = number,
				      .confirm_s = NETWORK_CONFIRM_S,
				      .setting = usual() };

	memset(t.hub, 0xab, sizeof(t.hub));
	t.setting.address[3] = (uint8_t)(10 + number);
	return t;
}

static struct mono at(uint64_t s)
{
	return (struct mono){ s * 1000 };
}

/* --- settings --------------------------------------------------------------------------------- */

/* One of them otherwise. */
static bool good_with(uint8_t a, uint8_t d, uint8_t prefix, uint8_t gateway)
{
	struct network_setting s = usual();

	s.address[0] = s.gateway[0] = a;
	s.address[3] = d;
	s.prefix = prefix;
	s.gateway[3] = gateway;
	return network_setting_good(&s);
}

static void test_good(void)
{
	struct network_setting s = { 0 };

	CHECK(network_setting_good(&s));
	s.prefix = 24; /* DHCP has nothing beside it */
	CHECK(!network_setting_good(&s));
	CHECK(good_with(192, 7, 24, 1));
	CHECK(!good_with(0, 7, 24, 1));
	CHECK(good_with(1, 7, 24, 1));
	CHECK(good_with(126, 7, 24, 1));
	CHECK(!good_with(127, 7, 24, 1));
	CHECK(good_with(223, 7, 24, 1));
	CHECK(!good_with(224, 7, 24, 1));
	CHECK(!good_with(192, 7, 7, 1));
	CHECK(good_with(192, 7, 8, 1));
	CHECK(good_with(192, 6, 30, 5));
	CHECK(!good_with(192, 6, 31, 7));
	CHECK(!good_with(192, 7, 24, 7));   /* itself */
	CHECK(!good_with(192, 0, 24, 1));   /* the network */
	CHECK(!good_with(192, 255, 24, 1)); /* all of it */
	CHECK(!good_with(192, 7, 24, 0));
	CHECK(!good_with(192, 7, 24, 255));
	CHECK(!good_with(192, 7, 29, 9)); /* in another one */
	s = usual();
	s.names[1][0] = 255;
	CHECK(!network_setting_good(&s));
	s = usual();
	s.name_count = 3;
	CHECK(!network_setting_good(&s));
	s = usual();
	s.kind = (enum network_kind)2;
	CHECK(!network_setting_good(&s));
}

/* Whatever differs. */
static void test_same(void)
{
	struct network_setting s[7], other = usual();

	for (size_t i = 0; i < sizeof(s) / sizeof(*s); i++)
		s[i] = usual();
	s[1].kind = NETWORK_DHCP;
	s[2].prefix++;
	s[3].name_count--;
	s[4].address[3]++;
	s[5].gateway[3]++;
	s[6].names[1][3]++;
	CHECK(network_setting_same(&s[0], &other));
	for (size_t i = 1; i < sizeof(s) / sizeof(*s); i++)
		CHECK(!network_setting_same(&s[0], &s[i]));
}

static void test_coding(void)
{
	struct network_setting s = usual(), back = { 0 };
	uint8_t buf[NETWORK_SETTING_MAX], one[1];
	int n = network_setting_encode(&s, buf, sizeof(buf));

	CHECK(n > 0);
	CHECK_INT(network_setting_decode(buf, (size_t)n, &back), 0);
	CHECK(network_setting_same(&s, &back));
	for (int len = 0; len < n; len++)
		CHECK_INT(network_setting_decode(buf, (size_t)len, &back), -EBADMSG);
	buf[n] = 0;
	CHECK_INT(network_setting_decode(buf, (size_t)n + 1, &back), -EBADMSG);
	CHECK_INT(network_setting_encode(&s, one, sizeof(one)), -ENOSPC);
	s.gateway[2] = 9;
	CHECK_INT(network_setting_encode(&s, buf, sizeof(buf)), -ERANGE);
	s = (struct network_setting){ 0 };
	CHECK_INT(network_setting_encode(&s, buf, sizeof(buf)), 1);
	CHECK_INT(network_setting_decode(buf, 1, &back), 0);
	CHECK_INT(back.kind, NETWORK_DHCP);
}

/* As systemd.network(5) has it, and no longer than there is room for. */
static void test_render(void)
{
	struct network_setting s = usual();
	char text[RENDER_MAX];

	CHECK_UINT(render_network(&s, text), strlen(text));
	CHECK_STR(strstr(text, "[Match]"),
		  "[Match]\nType=ether\n[Network]\nDHCP=no\nLinkLocalAddressing=no\n"
		  "IPv6AcceptRA=no\nAddress=192.0.2.7/24\nGateway=192.0.2.1\n"
		  "DNS=192.0.2.53\nDNS=198.51.100.53\n");
	memset(s.address, 255, sizeof(s.address));
	memset(s.gateway, 255, sizeof(s.gateway));
	memset(s.names, 255, sizeof(s.names));
	s.prefix = 30;
	CHECK(render_network(&s, text) < RENDER_MAX - 1);
	s = (struct network_setting){ 0 };
	CHECK_UINT(render_network(&s, text), 0);
}

/* --- templates -------------------------------------------------------------------------------- */

static void test_template(void)
{
	struct network_template t = template(5), back = { 0 };
	uint8_t buf[NETWORK_PAYLOAD_MAX];
	int n;

	t.epoch = UINT32_MAX;
	t.number = UINT64_MAX;
	t.confirm_s = NETWORK_CONFIRM_MAX_S;
	n = network_template_encode(&t, buf, sizeof(buf));
	CHECK(n > 0);
	CHECK_INT(network_template_decode(buf, (size_t)n, &back), 0);
	CHECK(memcmp(t.hub, back.hub, sizeof(t.hub)) == 0 && back.epoch == t.epoch &&
	      back.number == t.number && back.confirm_s == t.confirm_s &&
	      network_setting_same(&t.setting, &back.setting));
	for (int len = 0; len < n; len++)
		CHECK(network_template_decode(buf, (size_t)len, &back) < 0);
	buf[2] = NETWORK_VERSION + 1;
	CHECK_INT(network_template_decode(buf, (size_t)n, &back), -ENOTSUP);
	t.confirm_s = NETWORK_CONFIRM_MAX_S + 1;
	CHECK_INT(network_template_encode(&t, buf, sizeof(buf)), -ERANGE);
	t.confirm_s = NETWORK_CONFIRM_MIN_S - 1;
	CHECK_INT(network_template_encode(&t, buf, sizeof(buf)), -ERANGE);
	t.confirm_s = NETWORK_CONFIRM_MIN_S;
	t.number = 0;
	CHECK_INT(network_template_encode(&t, buf, sizeof(buf)), -ERANGE);
	t = template(5);
	t.epoch = 0;
	CHECK_INT(network_template_encode(&t, buf, sizeof(buf)), -ERANGE);
	t = template(5);
	t.setting.gateway[2] ^= 1; /* in another network */
	CHECK_INT(network_template_encode(&t, buf, sizeof(buf)), -ERANGE);
}

/* One octet of a good one otherwise. */
static int decode_with(size_t i, uint8_t value)
{
	struct network_template t = template(5), back = { .number = 99 };
	uint8_t buf[NETWORK_PAYLOAD_MAX + 1] = { 0 };
	int n = network_template_encode(&t, buf, sizeof(buf)), r;

	buf[i] = value;
	r = network_template_decode(buf, (size_t)n + (i == (size_t)n), &back);
	CHECK_UINT(back.number, r ? 99 : 5); /* written on success only */
	return r;
}

static void test_template_octets(void)
{
	struct network_template t = template(5);
	uint8_t buf[NETWORK_PAYLOAD_MAX];
	int n = network_template_encode(&t, buf, sizeof(buf));

	CHECK_INT(decode_with(0, 0xa6), 0);
	CHECK_INT(decode_with(0, 0xa5), -EBADMSG);
	CHECK_INT(decode_with(0, 0xa7), -ERANGE);
	CHECK_INT(decode_with(2, 0), -ENOTSUP);
	CHECK_INT(decode_with(21, 3), -EBADMSG); /* a key, out of order */
	CHECK_INT(decode_with(22, 0), -ERANGE);	 /* epoch */
	CHECK_INT(decode_with(24, 0), -ERANGE);	 /* number */
	CHECK_INT(decode_with(30, 0x83), -EBADMSG);
	CHECK_INT(decode_with(30, 0x85), -ERANGE);
	CHECK_INT(decode_with(32, 127), -ERANGE);	/* the address */
	CHECK_INT(decode_with((size_t)n, 0), -EBADMSG); /* one more */
}

static void test_text(void)
{
	uint8_t bytes[NETWORK_BYTES_MAX], back[NETWORK_BYTES_MAX];
	char text[NETWORK_TEXT_MAX];
	int n;

	memset(bytes, 0x5a, sizeof(bytes));
	n = network_text(bytes, sizeof(bytes), text);
	CHECK_INT(n, NETWORK_TEXT_MAX - 1);
	CHECK(memcmp(text, "HN1:", 4) == 0 && text[n - 1] == '.');
	CHECK_INT(network_parse(text, (size_t)n, back), NETWORK_BYTES_MAX);
	CHECK(memcmp(bytes, back, sizeof(bytes)) == 0);
	CHECK_INT(network_parse(text, (size_t)n - 1, back), -EAGAIN);
	text[1] = 'T'; /* a token is none */
	CHECK_INT(network_parse(text, (size_t)n, back), -ENOTSUP);
	text[1] = 'N';
	text[20] = text[20] == 'A' ? 'B' : 'A';
	CHECK_INT(network_parse(text, (size_t)n, back), -EBADMSG);
	CHECK_INT(network_text(bytes, NETWORK_BYTES_MAX + 1, text), -ERANGE);
}

static struct config config_of(const struct network_template *t)
{
	struct config c = { .epoch = t->epoch };

	memcpy(c.hub, t->hub, sizeof(c.hub));
	return c;
}

/* Of the clinic, of this hub, of this enrolment; each wrong alone. */
static void test_open(void)
{
	static uint8_t cose[NETWORK_BYTES_MAX], private[P256_PRIVATE_LEN],
		public[P256_PUBLIC_LEN], other[P256_PUBLIC_LEN];
	struct network_template t = template(1), back = { 0 };
	struct config c = config_of(&t);
	uint8_t payload[NETWORK_PAYLOAD_MAX];
	int n = network_template_encode(&t, payload, sizeof(payload)), len;

	CHECK_INT(crypto_init(), 0);
	p256_generate(private, other);
	p256_generate(private, public);
	len = sign1_make(SIGN_CONTEXT_NETWORK, private, payload, (size_t)n, cose,
			 sizeof(cose));
	CHECK(len > 0);
	CHECK_INT(network_open(public, &c, cose, (size_t)len, &back), 0);
	CHECK_UINT(back.number, 1);
	CHECK_INT(network_open(other, &c, cose, (size_t)len, &back), -EKEYREJECTED);
	c.hub[15] ^= 1;
	CHECK_INT(network_open(public, &c, cose, (size_t)len, &back), -EKEYREJECTED);
	c = config_of(&t);
	c.epoch++;
	CHECK_INT(network_open(public, &c, cose, (size_t)len, &back), -EKEYREJECTED);
	c = config_of(&t);
	for (int i = 0; i < len; i++) {
		cose[i] ^= 1;
		CHECK(network_open(public, &c, cose, (size_t)len, &back) < 0);
		cose[i] ^= 1;
	}
	/* signed for another purpose */
	len = sign1_make(SIGN_CONTEXT_CONFIG, private, payload, (size_t)n, cose,
			 sizeof(cose));
	CHECK_INT(network_open(public, &c, cose, (size_t)len, &back), -EKEYREJECTED);
	crypto_done();
}

/* --- trial ------------------------------------------------------------------------------------ */

/* What the power leaves of it. */
static struct network reborn(const struct network *n)
{
	uint8_t buf[NETWORK_FILE_MAX];
	struct network again;

	network_init(&again);
	CHECK_INT(network_decode(buf, network_encode(n, buf), &again), 0);
	return again;
}

static void test_kept(void)
{
	struct network_template t = template(1);
	struct network n;

	network_init(&n);
	CHECK_UINT(network_deadline(&n).ms, UINT64_MAX);
	CHECK(!network_on_acknowledged(&n));
	CHECK_INT(network_set(&n, &t, at(100)), 0);
	CHECK_INT(n.now.address[3], 11);
	CHECK_UINT(network_left_s(&n, at(100)), NETWORK_CONFIRM_S);
	CHECK(!network_on_acknowledged(&n)); /* it was under way before */
	network_on_uplink(&n);
	CHECK(network_on_acknowledged(&n));
	CHECK(!network_on_acknowledged(&n));
	CHECK_INT(n.trial, NETWORK_KEPT);
	CHECK_UINT(network_left_s(&n, at(100)), 0);
	CHECK(!network_over(&n, at(100000)));
	CHECK_INT(n.now.address[3], 11);
	/* not twice, nor an older one; in the next enrolment counting begins anew */
	CHECK_INT(network_set(&n, &t, at(100000)), -ESTALE);
	t.epoch++;
	CHECK_INT(network_set(&n, &t, at(100000)), 0);
}

/* What is still under way from the trial before keeps nothing of the next; and the file says when it ends, whatever began it. */
static void test_one_after_another(void)
{
	struct network_template one = template(1), two = template(2);
	struct network n;

	network_init(&n);
	CHECK_INT(network_set(&n, &one, at(0)), 0);
	network_on_uplink(&n);
	CHECK_INT(network_set(&n, &two, at(1)), 0);
	CHECK(!network_on_acknowledged(&n));
	network_on_uplink(&n);
	CHECK(network_on_acknowledged(&n));
	CHECK_UINT(network_deadline(&n).ms, MONO_NEVER.ms);
}

/* Each slice is written before it is used up; the last second counts as one. */
static void test_deadline(void)
{
	struct network_template t = template(1);
	struct network n;

	t.confirm_s = NETWORK_SLICE_S + 30;
	network_init(&n);
	CHECK_INT(network_set(&n, &t, at(0)), 0);
	CHECK_UINT(network_deadline(&n).ms, at(NETWORK_SLICE_S).ms);
	CHECK(!network_slice(&n, (struct mono){ at(NETWORK_SLICE_S).ms - 1 }));
	CHECK(network_slice(&n, at(NETWORK_SLICE_S)));
	CHECK_UINT(network_deadline(&n).ms, at(t.confirm_s).ms);
	CHECK_UINT(network_left_s(&n, (struct mono){ at(t.confirm_s).ms - 1 }), 1);
	CHECK(network_over(&n, at(t.confirm_s)));
	CHECK_UINT(network_deadline(&n).ms, MONO_NEVER.ms);
}

static void test_went_back(void)
{
	struct network_template one = template(1), two = template(2), three = template(3);
	struct network n;

	network_init(&n);
	CHECK_INT(network_set(&n, &one, at(0)), 0);
	network_on_uplink(&n);
	CHECK(network_on_acknowledged(&n));
	CHECK_INT(network_set(&n, &two, at(1000)), 0);
	CHECK(!network_over(&n, at(1000 + NETWORK_CONFIRM_S - 1)));
	/* one more while it tries: the way back stays the one that worked */
	CHECK_INT(network_set(&n, &three, at(1500)), 0);
	CHECK(!network_over(&n, at(1500 + NETWORK_CONFIRM_S - 1)));
	CHECK(network_over(&n, at(1500 + NETWORK_CONFIRM_S)));
	CHECK(!network_over(&n, at(1500 + NETWORK_CONFIRM_S)));
	CHECK_INT(n.trial, NETWORK_WENT_BACK);
	CHECK_INT(n.now.address[3], 11);
	network_on_uplink(&n);
	CHECK(!network_on_acknowledged(&n));
	CHECK_INT(network_set(&n, &three, at(9000)), -ESTALE);
	n = reborn(&n);
	CHECK_INT(network_set(&n, &three, at(9000)), -ESTALE);
	CHECK_INT(n.now.address[3], 11);
}

/* Power cuts at random moments: the trial is over after ten minutes at most, and what was set is back. */
static void test_power(void)
{
	for (int round = 0; round < 2000; round++) {
		struct network_template t = template(1);
		struct network n, disk;
		uint64_t on_s = 0;

		network_init(&n);
		CHECK_INT(network_set(&n, &t, at(0)), 0);
		disk = reborn(&n);
		while (disk.trial == NETWORK_ON_TRIAL) {
			uint64_t until = test_random() % 300, s = 0;

			n = reborn(&disk);
			if (network_on_start(&n, at(0)))
				disk = reborn(&n);
			for (; s <= until && disk.trial == NETWORK_ON_TRIAL; s++)
				if (network_over(&n, at(s)) || network_slice(&n, at(s)))
					disk = reborn(&n);
			on_s += s;
			CHECK(on_s <= NETWORK_CONFIRM_S + 20); /* a look costs one here */
		}
		CHECK_INT(disk.trial, NETWORK_WENT_BACK);
		CHECK_INT(disk.now.kind, NETWORK_DHCP);
	}
}

/* What is read back, or why not. */
static int decode_file(const struct network *n)
{
	uint8_t buf[NETWORK_FILE_MAX];
	struct network back;

	return network_decode(buf, network_encode(n, buf), &back);
}

static void test_file(void)
{
	struct network_template t = template(7);
	uint8_t buf[NETWORK_FILE_MAX] = { 0 };
	struct network n, bad;
	size_t len;

	network_init(&n);
	CHECK_INT(network_set(&n, &t, at(1)), 0);
	n.confirm_s = NETWORK_CONFIRM_MAX_S;
	n.spent_s = NETWORK_CONFIRM_MAX_S + 2 * NETWORK_SLICE_S;
	CHECK_INT(decode_file(&n), 0);
	bad = n;
	bad.confirm_s++;
	CHECK_INT(decode_file(&bad), -ERANGE);
	bad = n;
	bad.spent_s++;
	CHECK_INT(decode_file(&bad), -ERANGE);
	bad = n;
	bad.trial = (enum network_trial)(NETWORK_TRIAL_LAST + 1);
	CHECK_INT(decode_file(&bad), -ERANGE);
	len = network_encode(&n, buf);
	for (size_t cut = 0; cut < len; cut++)
		CHECK_INT(network_decode(buf, cut, &bad), -EBADMSG);
	CHECK_INT(network_decode(buf, len + 1, &bad), -EBADMSG);
	buf[1]++;
	CHECK_INT(network_decode(buf, len, &bad), -ENOTSUP);
}

/* Any octets: nothing is taken that is no setting. */
static void test_garbage(void)
{
	for (int i = 0; i < 20000; i++) {
		uint8_t buf[NETWORK_FILE_MAX];
		struct network_template t = template(7);
		struct network n;
		size_t len;

		network_init(&n);
		(void)network_set(&n, &t, at(1));
		len = network_encode(&n, buf);
		for (uint64_t k = 0; k <= test_random() % 3; k++)
			buf[test_random() % len] = (uint8_t)test_random();
		if (network_decode(buf, len, &n) == 0)
			CHECK(network_setting_good(&n.now) &&
			      network_setting_good(&n.before));
	}
}

TEST_MAIN("network", test_good, test_same, test_coding, test_render, test_template,
	  test_template_octets, test_text, test_open, test_kept, test_went_back,
	  test_one_after_another, test_deadline, test_power, test_file, test_garbage)
