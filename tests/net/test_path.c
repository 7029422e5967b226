/*
 * test_path.c - the pure parts of path.c: packets and their checksums, address translation, the lane.
 */
#include "tests/net/lane.h"
#include "tests/net/nat.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <stdbool.h>

enum { HUB = 0x0a4d0102, CLINIC = 0x0a4d0202, PUBLIC = 0x0a4d0301 };

static struct lane lane;

static struct packet parsed(uint8_t *bytes, size_t len)
{
	struct packet p;

	CHECK_INT(packet_parse(bytes, len, &p), 0);
	return p;
}

static struct packet make_udp(uint8_t bytes[static PACKET_MAX], uint16_t port, size_t len)
{
	uint8_t payload[PACKET_MAX];

	for (size_t i = 0; i < len; i++)
		payload[i] = (uint8_t)test_random();
	return parsed(bytes, packet_udp(HUB, port, CLINIC, 5684, payload, len, bytes));
}

/* A TCP SYN as a textbook prints it. */
static void test_known_packet(void)
{
	uint8_t bytes[] = { 0x45, 0x00, 0x00, 0x2c, 0x1c, 0x46, 0x40, 0x00, 0x40,
			    0x06, 0xac, 0xbe, 0xac, 0x10, 0x0a, 0x63, 0xac, 0x10,
			    0x0a, 0x0c, 0x0b, 0xb8, 0x00, 0x50, 0x00, 0x00, 0x00,
			    0x01, 0x00, 0x00, 0x00, 0x00, 0x60, 0x02, 0x20, 0x00,
			    0x00, 0x00, 0x00, 0x00, 0x02, 0x04, 0x05, 0xb4 };
	struct packet p = parsed(bytes, sizeof(bytes));

	CHECK_INT(p.protocol, PACKET_TCP);
	CHECK_UINT(p.from, 0xac100a63);
	CHECK_UINT(p.to, 0xac100a0c);
	CHECK_INT(p.from_port, 3000);
	CHECK_INT(p.to_port, 80);
	CHECK(p.dont_fragment && p.first && !p.fragment);
}

static void test_parse_limits(void)
{
	uint8_t bytes[PACKET_MAX], other[PACKET_MAX];
	struct packet p = make_udp(bytes, 1, 5), q;

	for (size_t n = 0; n < p.len; n++)
		CHECK(packet_parse(bytes, n, &q) != 0);
	CHECK_INT(packet_parse(bytes, p.len, &q), 0);
	CHECK_INT(packet_parse(bytes, p.len + 1, &q), 0); /* padding is not of it */
	CHECK_UINT(q.len, p.len);
	memcpy(other, bytes, p.len);
	other[0] = 0x65;
	CHECK_INT(packet_parse(other, p.len, &q), -ENOTSUP);
	other[0] = 0x44; /* a header of 16 */
	CHECK_INT(packet_parse(other, p.len, &q), -EBADMSG);
	other[0] = 0x4f; /* of 60, longer than all */
	CHECK_INT(packet_parse(other, p.len, &q), -EBADMSG);
	memcpy(other, bytes, p.len);
	other[3] = 27; /* no room for UDP's header */
	CHECK_INT(packet_parse(other, p.len, &q), -EBADMSG);
	other[3] = 28;
	CHECK_INT(packet_parse(other, p.len, &q), 0);
	other[3] = 27, other[7] = 1; /* but a later fragment has none */
	CHECK_INT(packet_parse(other, p.len, &q), 0);
	CHECK(!q.first && q.fragment && !q.has_ports);
}

/* Whatever the bytes, nothing is read outside; what was read can be readdressed. */
static void test_random_bytes(void)
{
	for (int i = 0; i < 200000; i++) {
		size_t len = test_random() % 64;
		uint8_t *bytes = malloc(len ? len : 1);
		struct packet p, q;

		for (size_t k = 0; k < len; k++)
			bytes[k] = (uint8_t)test_random();
		if (len > 9 && i % 2) {
			const uint8_t protocols[] = { 1, 6, 17 };

			bytes[0] = 0x45;
			bytes[2] = 0;
			bytes[3] = (uint8_t)len;
			bytes[6] = 0;
			bytes[7] = (uint8_t)(i % 16 == 1);
			bytes[9] = protocols[test_random() % 3];
		}
		if (packet_parse(bytes, len, &p) == 0) {
			uint8_t made[PACKET_MAX];

			if (packet_quoted(&p, &q)) {
				packet_set_from(&q, 1, 2);
				packet_sum_icmp(&p);
			}
			packet_set_to(&p, 3, 4);
			packet_unreachable(&p, 1, ICMP_TOO_BIG, 576, made);
			(void)packet_payload(&p, &(size_t){ 0 });
		}
		free(bytes);
	}
}

static void test_sums_after_readdressing(void)
{
	uint8_t bytes[PACKET_MAX];

	for (int i = 0; i < 20000; i++) {
		struct packet p =
			make_udp(bytes, (uint16_t)test_random(), test_random() % 40);

		CHECK(packet_sums_hold(&p));
		packet_set_from(&p, (uint32_t)test_random(), (uint16_t)test_random());
		CHECK(packet_sums_hold(&p));
		packet_set_to(&p, (uint32_t)test_random(), (uint16_t)test_random());
		CHECK(packet_sums_hold(&p));
		bytes[p.len - 1] ^= 1;
		CHECK(!packet_sums_hold(&p));
	}
}

/* TCP's sum stands elsewhere, and 0 in UDP means none. */
static void test_sums_of_others(void)
{
	uint8_t bytes[PACKET_MAX], before[PACKET_MAX];
	struct packet p = make_udp(bytes, 7, 32);
	uint32_t sum = 0;

	for (unsigned port = 0; port <= UINT16_MAX; port++) {
		packet_set_from(&p, HUB, (uint16_t)port);
		CHECK(bytes[26] ||
		      bytes[27]); /* a sum that comes out as 0 is no 'none' */
	}

	bytes[26] = bytes[27] = 0;
	packet_set_from(&p, PUBLIC, 9);
	CHECK(bytes[26] == 0 && bytes[27] == 0 && packet_sums_hold(&p));
	bytes[9] = PACKET_TCP;
	bytes[11] = (uint8_t)(bytes[11] + PACKET_UDP - PACKET_TCP);
	bytes[36] = bytes[37] = 0;
	sum = PACKET_TCP + (uint32_t)(p.len - 20);
	for (size_t i = 12; i < p.len; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	bytes[36] = (uint8_t)(~sum >> 8);
	bytes[37] = (uint8_t)~sum;
	p = parsed(bytes, p.len);
	CHECK_INT(p.protocol, PACKET_TCP);
	CHECK(packet_sums_hold(&p));
	memcpy(before, bytes, p.len);
	packet_set_to(&p, 0x01020304, 4321);
	CHECK(packet_sums_hold(&p));
	CHECK_INT(bytes[22] << 8 | bytes[23], 4321);
	CHECK_MEM(bytes + 24, before + 24, 12); /* but the sum nothing else */
	CHECK_MEM(bytes + 38, before + 38, p.len - 38);
}

static void test_unreachable(void)
{
	uint8_t bytes[PACKET_MAX], icmp[PACKET_MAX];
	struct packet p = make_udp(bytes, 77, 100), e, q;

	e = parsed(icmp, packet_unreachable(&p, 0x0a4d0101, ICMP_TOO_BIG, 576, icmp));
	CHECK(packet_sums_hold(&e));
	CHECK_UINT(e.len, 20 + 8 + 28);
	CHECK_UINT(e.to, HUB);
	CHECK_INT(icmp[26] << 8 | icmp[27], 576);
	CHECK(packet_quoted(&e, &q));
	CHECK_UINT(q.to, CLINIC);
	CHECK_INT(q.from_port, 77);
	CHECK(!packet_quoted(&p, &q));
}

static void test_nat(void)
{
	uint8_t bytes[PACKET_MAX], answer[PACKET_MAX];
	struct packet p = make_udp(bytes, 1000, 10), a;
	struct nat n;
	uint16_t port;

	nat_init(&n, PUBLIC);
	CHECK(nat_out(&n, &p));
	CHECK_UINT(p.from, PUBLIC);
	CHECK(packet_sums_hold(&p));
	port = p.from_port;
	p = make_udp(bytes, 1000, 20);
	CHECK(nat_out(&n, &p));
	CHECK_INT(p.from_port, port); /* the same one */
	p = make_udp(bytes, 1001, 20);
	CHECK(nat_out(&n, &p));
	CHECK(p.from_port != port);
	a = parsed(answer, packet_udp(CLINIC, 5684, PUBLIC, port, bytes, 30, answer));
	CHECK(nat_in(&n, &a));
	CHECK_UINT(a.to, HUB);
	CHECK_INT(a.to_port, 1000);
	CHECK(packet_sums_hold(&a));
	a = parsed(answer, packet_udp(CLINIC, 5684, HUB, port, bytes, 30, answer));
	CHECK(!nat_in(&n, &a)); /* not for the public address */
	nat_rebind(&n);
	a = parsed(answer, packet_udp(CLINIC, 5684, PUBLIC, port, bytes, 30, answer));
	CHECK(!nat_in(&n, &a)); /* the old port is forgotten */
	p = make_udp(bytes, 1000, 10);
	CHECK(nat_out(&n, &p));
	CHECK(p.from_port != port);
}

static void test_nat_errors_and_fragments(void)
{
	uint8_t bytes[PACKET_MAX], icmp[PACKET_MAX];
	struct packet p = make_udp(bytes, 1000, 100), e, q;
	struct nat n;

	nat_init(&n, PUBLIC);
	CHECK(nat_out(&n, &p));
	e = parsed(icmp, packet_unreachable(&p, CLINIC, ICMP_PORT, 0, icmp));
	CHECK_UINT(e.to, PUBLIC);
	CHECK(nat_in(&n, &e));
	CHECK_UINT(e.to, HUB);
	CHECK(packet_sums_hold(&e));
	CHECK(packet_quoted(&e, &q));
	CHECK_UINT(q.from, HUB);
	CHECK_INT(q.from_port, 1000);
	p.bytes[6] = 0, p.bytes[7] = 4; /* the second part of something */
	p = parsed(bytes, p.len);
	CHECK(nat_out(&n, &p));
	CHECK_UINT(p.from, PUBLIC);
	packet_set_to(&p, PUBLIC, 0);
	CHECK(nat_in(&n, &p));
	CHECK_UINT(p.to, HUB);
	nat_rebind(&n);
	packet_set_to(&p, PUBLIC, 0);
	CHECK(!nat_in(&n, &p));
}

static void test_nat_is_bounded(void)
{
	uint8_t bytes[PACKET_MAX];
	struct packet p;
	struct nat n;
	uint16_t first = 0, last = 0;

	nat_init(&n, PUBLIC);
	for (unsigned i = 0; i <= NAT_ENTRIES_MAX; i++) {
		p = make_udp(bytes, (uint16_t)(1000 + i), 1);
		CHECK(nat_out(&n, &p));
		last = p.from_port;
		if (i == 0)
			first = last;
	}
	p = parsed(bytes, packet_udp(CLINIC, 1, PUBLIC, first, bytes, 1, bytes));
	CHECK(!nat_in(&n, &p)); /* the oldest gave way */
	p = parsed(bytes, packet_udp(CLINIC, 1, PUBLIC, last, bytes, 1, bytes));
	CHECK(nat_in(&n, &p));
}

/* Offers one of so many bytes in all. */
static enum lane_verdict offer(size_t len, uint64_t now)
{
	uint8_t bytes[PACKET_MAX];
	struct packet p = make_udp(bytes, 1, len - 28);

	return lane_offer(&lane, &p, now);
}

static unsigned take_all(uint64_t now)
{
	uint8_t bytes[PACKET_MAX];
	unsigned n = 0;

	while (lane_take(&lane, now, bytes))
		n++;
	return n;
}

static void test_lane_delay_and_order(void)
{
	uint64_t last = 0;
	uint8_t bytes[PACKET_MAX];

	lane_init(&lane, test_seed);
	lane.config.delay_us = 1000;
	CHECK_INT(offer(100, 5), LANE_PASSED);
	CHECK_UINT(lane_deadline_us(&lane), 1005);
	CHECK_UINT(take_all(1004), 0);
	CHECK_UINT(lane_take(&lane, 1005, bytes), 100);
	CHECK(lane_deadline_us(&lane) == UINT64_MAX);
	lane.config.jitter_us = 500;
	for (size_t i = 0; i < LANE_SLOTS; i++)
		CHECK_INT(offer(28 + i % 1000, 2000), LANE_PASSED);
	CHECK_INT(offer(28, 2000), LANE_FULL);
	for (size_t i = 0; i < LANE_SLOTS; i++) {
		uint64_t due = lane_deadline_us(&lane);

		CHECK(due >= 3000 && due <= 3500 && due >= last);
		last = due;
		CHECK_UINT(lane_take(&lane, due, bytes), 28 + i % 1000);
	}
}

static void test_lane_chance(void)
{
	unsigned seen[LANE_VERDICTS] = { 0 }, taken = 0;

	lane_init(&lane, test_seed);
	lane.config.loss = 300000;
	lane.config.dup = 100000;
	for (unsigned i = 0; i < 20000; i++) {
		seen[offer(40, i)]++;
		taken += take_all(i);
	}
	CHECK(seen[LANE_LOST] > 5600 && seen[LANE_LOST] < 6400);
	CHECK_UINT(seen[LANE_PASSED] + seen[LANE_LOST], 20000);
	CHECK(lane.doubled > 1200 && lane.doubled < 1600);
	CHECK_UINT(taken, seen[LANE_PASSED] + lane.doubled);
	CHECK_UINT(lane.bytes, 20000 * 40);
	lane.config = (struct lane_config){ .reorder = 500000, .delay_us = 10 };
	for (unsigned i = 0; i < 100; i++)
		offer(40, 20000 + i);
	CHECK(lane.reordered > 20 && lane.reordered < 80);
	CHECK_UINT(take_all(20200), 100 - lane.reordered);
	CHECK_UINT(take_all(1000000), lane.reordered);
}

static void test_lane_same_seed(void)
{
	uint64_t runs[2];

	for (int run = 0; run < 2; run++) {
		lane_init(&lane, 7);
		lane.config.loss = 500000;
		runs[run] = 0;
		for (unsigned i = 0; i < 64; i++) {
			runs[run] = runs[run] << 1 | (offer(40, i) == LANE_LOST);
			take_all(i);
		}
	}
	CHECK_UINT(runs[0], runs[1]);
	CHECK(runs[0] != 0 && runs[0] != UINT64_MAX);
}

static void test_lane_rules(void)
{
	uint8_t bytes[PACKET_MAX];
	struct packet p;

	lane_init(&lane, 1);
	lane.config.mtu = 576;
	CHECK_INT(offer(575, 0), LANE_PASSED);
	CHECK_INT(offer(576, 0), LANE_PASSED);
	CHECK_INT(offer(577, 0), LANE_TOO_BIG);
	lane.config = (struct lane_config){ .drop_at = lane.packets + 2 };
	CHECK_INT(offer(40, 0), LANE_PASSED);
	CHECK_INT(offer(40, 0), LANE_CHOSEN);
	CHECK_INT(offer(40, 0), LANE_PASSED);
	lane.config = (struct lane_config){ .cut = true };
	CHECK_INT(offer(40, 0), LANE_CUT);
	lane.config = (struct lane_config){ .no_fragments = true };
	CHECK_INT(offer(40, 0), LANE_PASSED);
	p = make_udp(bytes, 1, 10);
	bytes[6] |= 0x20; /* more of it follows */
	p = parsed(bytes, p.len);
	CHECK_INT(lane_offer(&lane, &p, 0), LANE_FRAGMENT);
}

static void test_lane_rate(void)
{
	lane_init(&lane, 1);
	lane.config.rate_bit_s = 8000; /* a byte a millisecond */
	lane.config.queue_bytes = 1000;
	CHECK_INT(offer(500, 0), LANE_PASSED);
	CHECK_INT(offer(500, 0), LANE_PASSED);
	CHECK_INT(offer(28, 0), LANE_FULL);
	CHECK_UINT(lane_deadline_us(&lane), 500000);
	CHECK_UINT(take_all(500000), 1);
	CHECK_INT(offer(501, 500000), LANE_FULL);
	CHECK_INT(offer(500, 500000), LANE_PASSED);
	CHECK_UINT(take_all(1000000), 1);
	CHECK_UINT(take_all(1499999), 0);
	CHECK_UINT(take_all(1500000), 1);
}

TEST_MAIN("path", test_known_packet, test_parse_limits, test_random_bytes,
	  test_sums_after_readdressing, test_sums_of_others, test_unreachable, test_nat,
	  test_nat_errors_and_fragments, test_nat_is_bounded, test_lane_delay_and_order,
	  test_lane_chance, test_lane_same_seed, test_lane_rules, test_lane_rate)
