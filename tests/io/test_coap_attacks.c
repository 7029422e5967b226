/*
 * test_coap_attacks.c - strangers, liars and forgetful NATs in front of coap/server; DTLS 1.3 and 1.2.
 *
 * Each of these fails with libcoap 4.3.5 as it is; rootfs/deps/patches/libcoap-*.patch mend it.
 * A session is where the server sends its goodbye to: that shows where it is, whatever came before.
 */
#include <poll.h>
#include <sys/socket.h>

#include "tests/io/attack_world.h"

enum {
	HELLOS = 300, /* libcoap alone has room for about a hundred */
	HONEST = 20,
	UNFINISHED_MAX = 500, /* of coap/server.c */
	REPETITIONS = 50,
	CID_LEN = 8,
	FORGED_LEN = 48,
	RECORD_HEADER = 13,
	MESSAGE_HEADER = 12,
	SILENCE_MS = 300, /* long enough for an answer that is on its way already */
};

static enum dtls_profile profile;

/* Bytes that wait at a socket; 0 for none after 'ms'. */
static size_t hear(int fd, uint8_t *buf, size_t cap, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, ms) != 1)
		return 0;
	n = recv(fd, buf, cap, MSG_DONTWAIT);
	return n > 0 ? (size_t)n : 0;
}

static bool is_silent(int fd)
{
	uint8_t buf[RAW_HUB_DATAGRAM];

	return hear(fd, buf, sizeof(buf), SILENCE_MS) == 0;
}

static size_t cid_at(void)
{
	return profile == DTLS_PROFILE_13_CID ? 1 : 11;
}

/* A request that leaves the hub and does not arrive. */
static void hold_back(struct raw_hub *h, uint16_t mid)
{
	h->hold = true;
	raw_hub_say(h, mid, "x", 1);
	h->hold = false;
}

static void hear_goodbye(struct raw_hub *h)
{
	uint8_t buf[RAW_HUB_DATAGRAM];

	CHECK_INT(raw_hub_hear(h, buf, sizeof(buf), PATIENCE_MS), -2);
}

/* Who has seen one record can make another with the same connection id. */
static void test_forged_record(void)
{
	struct raw_hub h;
	int stranger;

	world_begin(profile);
	world_connect(&h, true);
	CHECK_ANSWERED(&h);
	stranger = raw_hub_socket(page->port);
	memset(h.sent + cid_at() + CID_LEN, 0xaa, sizeof(h.sent) - cid_at() - CID_LEN);
	if (profile == DTLS_PROFILE_12_CID) {
		h.sent[11 + CID_LEN] = 0;
		h.sent[11 + CID_LEN + 1] = FORGED_LEN - 11 - CID_LEN - 2;
	}
	CHECK_INT(send(stranger, h.sent, FORGED_LEN, 0), FORGED_LEN);
	usleep(SILENCE_MS * 1000);
	world_end_server();
	hear_goodbye(&h);
	CHECK(is_silent(stranger));
	close(stranger);
	raw_hub_close(&h);
	world_end();
}

/* Who is on the path can hold a true record back, and send it from elsewhere when it is no longer the newest. */
static void test_old_record(void)
{
	uint8_t old[RAW_HUB_DATAGRAM], buf[RAW_HUB_DATAGRAM];
	size_t old_len;
	struct raw_hub h;
	int stranger;

	world_begin(profile);
	world_connect(&h, true);
	CHECK_ANSWERED(&h);
	hold_back(&h, 0x7001);
	old_len = h.sent_len;
	memcpy(old, h.sent, old_len);
	CHECK_ANSWERED(&h);
	CHECK_UINT(page->calls, 2);
	stranger = raw_hub_socket(page->port);
	CHECK_INT(send(stranger, old, old_len, 0), old_len);
	/* done, and answered home */
	CHECK(raw_hub_hear(&h, buf, sizeof(buf), PATIENCE_MS) > 0);
	CHECK_UINT(page->calls, 3);
	/* and a plain repetition */
	CHECK_INT(send(stranger, h.sent, h.sent_len, 0), h.sent_len);
	usleep(SILENCE_MS * 1000);
	CHECK_UINT(page->calls, 3);
	world_end_server();
	hear_goodbye(&h);
	CHECK(is_silent(stranger));
	close(stranger);
	raw_hub_close(&h);
	world_end();
}

/* A NAT forgets, and gives the old port to another hub: each keeps its session, in whatever order they speak. */
static void test_ports_swapped(void)
{
	struct raw_hub a, b, c;
	int fd;

	world_begin(profile);
	world_connect(&a, true);
	world_connect(&b, true);
	CHECK_ANSWERED(&a);
	CHECK_ANSWERED(&b);
	for (int i = 0; i < 4; i++) {
		fd = a.fd;
		a.fd = b.fd;
		b.fd = fd;
		CHECK_ANSWERED(i & 1 ? &a : &b);
		CHECK_ANSWERED(i & 1 ? &b : &a);
	}
	/* b gets a new one, a new hub b's old one, then b wants it back */
	fd = b.fd;
	b.fd = raw_hub_socket(page->port);
	CHECK_ANSWERED(&b);
	raw_hub_open(&c, hubs, page->port, true);
	close(c.fd);
	c.fd = fd;
	CHECK(raw_hub_connect(&c, PATIENCE_MS));
	CHECK_ANSWERED(&c);
	fd = b.fd;
	b.fd = c.fd;
	c.fd = fd;
	CHECK_ANSWERED(&b);
	CHECK_ANSWERED(&c);
	CHECK_ANSWERED(&a);
	CHECK_UINT(page->sessions, 3);
	CHECK_INT(page->admitted, 3); /* no handshake but the first of each */
	world_end_server();
	raw_hub_close(&a);
	raw_hub_close(&b);
	raw_hub_close(&c);
	world_end();
}

/* A hub that lost its keys comes again from the same port; with a connection id and without. */
static void test_same_port_again(bool cid)
{
	struct raw_hub before, after;

	world_begin(profile);
	world_connect(&before, cid);
	CHECK_ANSWERED(&before);
	raw_hub_open(&after, hubs, page->port, cid);
	close(after.fd);
	after.fd = before.fd;
	before.fd = -1;
	CHECK(raw_hub_connect(&after, PATIENCE_MS));
	CHECK_ANSWERED(&after);
	/* The old session is not disturbed by who only has its address. */
	before.fd = raw_hub_socket(page->port);
	if (cid)
		CHECK_ANSWERED(&before);
	world_end_server();
	raw_hub_close(&before);
	raw_hub_close(&after);
	world_end();
}

/* One hello from each of many ports, each answered, none kept; then honest hubs, all at once. */
static void test_hello_flood(void)
{
	uint8_t hello[RAW_HUB_DATAGRAM], buf[RAW_HUB_DATAGRAM];
	struct raw_hub h, honest[HONEST];
	size_t len, answer, up = 0;
	bool is_up[HONEST] = { false };
	int fds[HELLOS];

	world_begin(profile);
	raw_hub_open(&h, hubs, page->port, true);
	h.hold = true;
	raw_hub_step(&h);
	len = h.sent_len;
	memcpy(hello, h.sent, len);
	raw_hub_close(&h);
	for (int i = 0; i < HELLOS; i++) {
		fds[i] = raw_hub_socket(page->port);
		for (int again = 0; again < 10; again++) {
			CHECK_INT(send(fds[i], hello, len, 0), len);
			answer = hear(fds[i], buf, sizeof(buf), 3000);
			if (answer)
				break;
		}
		CHECK(answer > 0 && answer <= len); /* no amplifier */
		CHECK(raw_hub_is_cookie_request(buf, answer));
	}
	for (size_t i = 0; i < HONEST; i++)
		raw_hub_open(&honest[i], hubs, page->port, true);
	for (int turn = 0; up < HONEST && turn < PATIENCE_MS / 10; turn++) {
		for (size_t i = 0; i < HONEST; i++) {
			if (is_up[i])
				continue;
			is_up[i] = raw_hub_step(&honest[i]);
			up += is_up[i];
			if (!is_up[i] && turn % 200 == 199)
				raw_hub_again(&honest[i]);
		}
		usleep(10000);
	}
	CHECK_UINT(up, HONEST);
	CHECK_ANSWERED(&honest[0]);
	CHECK_UINT(page->sessions, HONEST); /* and none for a hello */
	for (size_t i = 0; i < HONEST; i++)
		raw_hub_close(&honest[i]);
	for (int i = 0; i < HELLOS; i++)
		close(fds[i]);
	world_end_server();
	world_end();
}

/* As far as the hello with a cookie, which is kept. */
static void step_to_cookie(struct raw_hub *h)
{
	h->hold = true;
	raw_hub_step(h);
	for (int i = 0; i < PATIENCE_MS / 1000 && !h->asked_cookie; i++) {
		CHECK_INT(send(h->fd, h->sent, h->sent_len, 0), h->sent_len);
		if (raw_hub_wait(h, 1000))
			raw_hub_step(h);
		CHECK(!h->closed);
	}
	CHECK(h->asked_cookie);
}

/* Peers whose address is proved, but that go no further, have a bound; the oldest of them goes, an honest one comes in. */
static void test_unfinished(void)
{
	static struct raw_hub lazy[UNFINISHED_MAX + 20];
	struct raw_hub early, h;

	world_begin(profile);
	world_connect(&early, true);
	CHECK_ANSWERED(&early);
	for (size_t i = 0; i < sizeof(lazy) / sizeof(*lazy); i++) {
		raw_hub_open(&lazy[i], hubs, page->port, true);
		step_to_cookie(&lazy[i]);
		CHECK_INT(send(lazy[i].fd, lazy[i].sent, lazy[i].sent_len, 0),
			  lazy[i].sent_len);
	}
	world_connect(&h, true);
	CHECK_ANSWERED(&h);
	CHECK(page->sessions > UNFINISHED_MAX / 2); /* they did come so far */
	CHECK(page->sessions <= UNFINISHED_MAX + 2);
	CHECK_ANSWERED(&early); /* no connected hub had to go for them */
	for (size_t i = 0; i < sizeof(lazy) / sizeof(*lazy); i++)
		raw_hub_close(&lazy[i]);
	world_end_server();
	raw_hub_close(&early);
	raw_hub_close(&h);
	world_end();
}

/* A part of a plaintext handshake message as a record of its own. */
static void send_fragment(int fd, const uint8_t *hello, uint16_t number, size_t from,
			  size_t to)
{
	uint8_t r[RAW_HUB_DATAGRAM];
	size_t len = to - from;

	memcpy(r, hello, RECORD_HEADER + MESSAGE_HEADER);
	r[9] = (uint8_t)(number >> 8); /* of the record */
	r[10] = (uint8_t)number;
	r[11] = (uint8_t)((len + MESSAGE_HEADER) >> 8);
	r[12] = (uint8_t)(len + MESSAGE_HEADER);
	r[RECORD_HEADER + 6] = 0;
	r[RECORD_HEADER + 7] = (uint8_t)(from >> 8);
	r[RECORD_HEADER + 8] = (uint8_t)from;
	r[RECORD_HEADER + 9] = 0;
	r[RECORD_HEADER + 10] = (uint8_t)(len >> 8);
	r[RECORD_HEADER + 11] = (uint8_t)len;
	memcpy(r + RECORD_HEADER + MESSAGE_HEADER,
	       hello + RECORD_HEADER + MESSAGE_HEADER + from, len);
	send(fd, r, RECORD_HEADER + MESSAGE_HEADER + len, 0);
}

/* Hellos in pieces: overlapping, doubled, out of order, and pieces of nothing. Whoever sends them, an honest hub is served. */
static void test_fragments(void)
{
	struct raw_hub h, early, late;
	size_t len;

	world_begin(profile);
	world_connect(&early, true);
	raw_hub_open(&h, hubs, page->port, true);
	step_to_cookie(&h);
	len = h.sent_len - RECORD_HEADER - MESSAGE_HEADER;
	for (uint16_t n = 0; n < 300; n++) {
		size_t from = test_random() % len,
		       to = from + test_random() % (len - from + 1);

		send_fragment(h.fd, h.sent, (uint16_t)(2 + n), from, to);
		if (n % 64 == 0)
			CHECK_ANSWERED(
				&early); /* so that none is lost before the server */
	}
	send_fragment(h.fd, h.sent, 400, 0, len - 10); /* has the cookie */
	send_fragment(h.fd, h.sent, 401, len - 30, len);
	h.hold = false;
	raw_hub_connect(&h, SILENCE_MS);
	world_connect(&late, true);
	CHECK_ANSWERED(&late);
	CHECK_ANSWERED(&early);
	CHECK(page->sessions <= 3);
	world_end_server();
	raw_hub_close(&h);
	raw_hub_close(&early);
	raw_hub_close(&late);
	world_end();
}

/* A cookie is good at the address that asked for it, and a wrong one does no harm to the next hub. */
static void test_foreign_cookie(void)
{
	uint8_t buf[RAW_HUB_DATAGRAM];
	struct raw_hub h, other;
	size_t answer;
	int stranger;

	world_begin(profile);
	raw_hub_open(&h, hubs, page->port, true);
	step_to_cookie(&h);
	stranger = raw_hub_socket(page->port);
	for (int i = 0; i < 3; i++) {
		CHECK_INT(send(stranger, h.sent, h.sent_len, 0), h.sent_len);
		answer = hear(stranger, buf, sizeof(buf), SILENCE_MS);
		CHECK(answer <
		      100); /* an alert or another request for a cookie, no Server Hello */
	}
	world_connect(&other, true);
	CHECK_ANSWERED(&other);
	CHECK_UINT(page->sessions, 1);
	h.hold = false;
	CHECK_INT(send(h.fd, h.sent, h.sent_len, 0),
		  h.sent_len); /* from where it belongs */
	CHECK(raw_hub_connect(&h, PATIENCE_MS));
	CHECK_ANSWERED(&h);
	CHECK_UINT(page->sessions, 2);
	world_end_server();
	close(stranger);
	raw_hub_close(&h);
	raw_hub_close(&other);
	world_end();
}

/* Every first byte, every short length, from a stranger and from the address of a session. */
static void test_any_datagram(void)
{
	uint8_t buf[64];
	struct raw_hub h;
	int stranger;

	world_begin(profile);
	world_connect(&h, true);
	CHECK_ANSWERED(&h);
	stranger = raw_hub_socket(page->port);
	for (unsigned first = 0; first < 256; first++) {
		for (size_t len = 0; len <= sizeof(buf); len++) {
			for (size_t i = 1; i < len; i++)
				buf[i] = (uint8_t)test_random();
			buf[0] = (uint8_t)first;
			/* half of them with the true connection id */
			if (len > cid_at() && test_random() & 1)
				memcpy(buf + cid_at(), h.sent + cid_at(),
				       len - cid_at() < CID_LEN ? len - cid_at()
								: CID_LEN);
			send(stranger, buf, len, 0);
			send(h.fd, buf, len, 0);
		}
		CHECK_ANSWERED(&h);
	}
	CHECK_UINT(page->sessions, 1);
	world_end_server();
	hear_goodbye(&h);
	close(stranger);
	raw_hub_close(&h);
	world_end();
}

/* The same message in two records: answered twice, done once; its Message-ID with another token is another. */
static void test_said_twice(void)
{
	uint8_t first[64], again[64],
		other[] = { 0x41, 0x02, 0x12, 0x34, 0x77, 0xb1, 'u' };
	struct raw_hub h;
	int n;

	world_begin(profile);
	world_connect(&h, true);
	raw_hub_say(&h, 0x1234, "x", 1);
	n = raw_hub_hear(&h, first, sizeof(first), PATIENCE_MS);
	CHECK(n > 0);
	for (int i = 0; i < REPETITIONS; i++) {
		raw_hub_say(&h, 0x1234, "x", 1);
		CHECK_INT(raw_hub_hear(&h, again, sizeof(again), PATIENCE_MS), n);
		CHECK_MEM(again, first, (size_t)n);
	}
	CHECK_UINT(page->calls, 1);
	raw_hub_write(&h, other, sizeof(other));
	CHECK(raw_hub_hear(&h, again, sizeof(again), PATIENCE_MS) > 0);
	CHECK_UINT(page->calls, 2);
	world_end_server();
	raw_hub_close(&h);
	world_end();
}

/* A failed check says in which of them. */
#define RUN(test)                                                                        \
	do {                                                                             \
		test_name = profile == DTLS_PROFILE_13_CID ? "DTLS 1.3 " #test           \
							   : "DTLS 1.2 " #test;          \
		test;                                                                    \
	} while (0)

static void test_all(void)
{
	static const enum dtls_profile profiles[] = { DTLS_PROFILE_13_CID,
						      DTLS_PROFILE_12_CID };

	for (size_t i = 0; i < sizeof(profiles) / sizeof(*profiles); i++) {
		profile = profiles[i];
		RUN(test_forged_record());
		RUN(test_old_record());
		RUN(test_ports_swapped());
		RUN(test_same_port_again(true));
		RUN(test_same_port_again(false));
		RUN(test_hello_flood());
		RUN(test_foreign_cookie());
		RUN(test_unfinished());
		RUN(test_fragments());
		RUN(test_any_datagram());
		RUN(test_said_twice());
	}
}

TEST_MAIN("coap-attacks", test_all)
