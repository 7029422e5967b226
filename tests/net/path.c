/*
 * path.c - two network namespaces and a bad path between them, made of two TUN devices: every IPv4 packet goes
 * through this process.
 *
 *   path [SEED]          needs CAP_NET_ADMIN, CAP_SYS_ADMIN and /dev/net/tun
 *
 *   hub 10.77.1.2 -- up --> [router 10.77.1.1, NAT 10.77.3.1] -- clinic 10.77.2.2
 *                 <- down --
 *
 * Its first line says where the namespaces are: {"hub": "/proc/PID/fd/N", "clinic": ...}; they live as long as
 * somebody is in them. Nothing else reaches them. Then one command a line on stdin; each is answered by one line of
 * JSON, {} or {"error": ...}:
 *
 *   set up|down|both KEY=VALUE ...   delay, jitter (ms); loss, dup, reorder (%); rate (kbit/s), queue (bytes before
 *                                    it); mtu; hole=1 (too big: no ICMP); fragments=0; cut=1
 *   drop up|down N                   lose the N-th packet from now; 0: none
 *   nat on|off|SECONDS               translate the hub's address; a number: all ports change so often
 *   rebind                           they change now
 *   record up|down on|off            keep what is offered, at most RECORDED of it
 *   replay up|down COUNT             send that many of what was kept once more, drawn by chance
 *   lie unreachable|port|mtu [N]     an ICMP error to the hub about the packet that it sent last
 *   portal on|off                    something else answers each datagram of the hub, and the clinic hears nothing
 *   stats | reset                    counters of both directions; reset sets them to 0 and forgets the packets kept
 *
 * stdin closed: ends.
 *
 * 'packets' and 'bytes' count what a side has sent, with IP headers, whatever becomes of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/net/lane.h"
#include "tests/net/nat.h"

enum { UP, DOWN, LANES };

enum {
	RECORDED = 256,
	LINE = 512,
	HUB_ADDR = 10 << 24 | 77 << 16 | 1 << 8 | 2,
	ROUTER_ADDR = 10 << 24 | 77 << 16 | 1 << 8 | 1,
	CLINIC_ADDR = 10 << 24 | 77 << 16 | 2 << 8 | 2,
	PUBLIC_ADDR = 10 << 24 | 77 << 16 | 3 << 8 | 1,
	NET_MASK = (int)0xffffff00u,
	DTLS_HANDSHAKE = 22, /* content type, at 0; at 13 the kind of handshake message */
	DTLS_AT_MESSAGE = 13,
	DTLS_CLIENT_HELLO = 1
};

struct kept {
	size_t count;
	bool on;
	size_t len[RECORDED];
	uint8_t bytes[RECORDED][PACKET_MAX];
};

static struct {
	int tun[LANES]; /* [UP]: what the hub sends is read here */
	int spaces[LANES];
	struct lane lanes[LANES];
	struct kept kept[LANES];
	struct nat nat;
	bool nat_on, portal;
	uint64_t rebind_every_us, rebind_at_us; /* 0: never */
	uint64_t rebinds, untranslated, replayed, lies, hellos, portal_answers;
	uint8_t last[PACKET_MAX]; /* from the hub */
	size_t last_len;
	uint64_t random;
	char line[LINE];
	size_t line_len;
} path;

static void stop(const char *what)
{
	fprintf(stderr, "path: %s: %s\n", what, strerror(errno));
	exit(errno == EPERM || errno == EACCES || errno == ENOENT ? 77 : 1);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint32_t draw(uint32_t range)
{
	path.random = path.random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((path.random >> 32) * range >> 32);
}

/* --- namespaces and devices ------------------------------------------------------------ */

static void set_addr(int s, unsigned long what, struct ifreq *r, uint32_t addr)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(addr) };

	memcpy(&r->ifr_addr, &a, sizeof(a));
	if (ioctl(s, what, r))
		stop("an address");
}

static void bring_up(int s, struct ifreq *r)
{
	if (ioctl(s, SIOCGIFFLAGS, r))
		stop("flags");
	r->ifr_flags |= IFF_UP;
	if (ioctl(s, SIOCSIFFLAGS, r))
		stop("bringing a device up");
}

static void add_default_route(int s, char *device)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	struct rtentry route = { .rt_flags = RTF_UP, .rt_dev = device };

	memcpy(&route.rt_dst, &any, sizeof(any));
	memcpy(&route.rt_genmask, &any, sizeof(any));
	if (ioctl(s, SIOCADDRT, &route))
		stop("the default route");
}

/* A new namespace with one device that leads to us. */
static void make_space(int side, uint32_t addr)
{
	struct ifreq tun = { .ifr_name = "path", .ifr_flags = IFF_TUN | IFF_NO_PI };
	struct ifreq lo = { .ifr_name = "lo" };
	int s;

	if (unshare(CLONE_NEWNET))
		stop("a new network namespace");
	path.spaces[side] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	path.tun[side] = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (path.spaces[side] < 0 || path.tun[side] < 0 ||
	    ioctl(path.tun[side], TUNSETIFF, &tun))
		stop("/dev/net/tun");
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0)
		stop("a socket");
	bring_up(s, &lo);
	set_addr(s, SIOCSIFADDR, &tun, addr);
	set_addr(s, SIOCSIFNETMASK, &tun, (uint32_t)NET_MASK);
	bring_up(s, &tun);
	add_default_route(s, tun.ifr_name);
	close(s);
}

/* --- packets ----------------------------------------------------------------------------- */

/* To the hub (UP's device) or to the clinic. A full device is a loss like others. */
static void emit(int side, const uint8_t *bytes, size_t len)
{
	if (write(path.tun[side], bytes, len) < 0 && errno != EAGAIN && errno != EIO)
		stop("writing to a device");
}

static void keep(int direction, const struct packet *p)
{
	struct kept *k = &path.kept[direction];

	if (!k->on || k->count == RECORDED)
		return;
	memcpy(k->bytes[k->count], p->bytes, p->len);
	k->len[k->count++] = p->len;
}

static void answer_portal(const struct packet *p)
{
	static const char page[] =
		"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n";
	uint8_t made[PACKET_MAX], payload[PACKET_MAX / 2];
	size_t len = draw(sizeof(payload)), theirs = 0;
	const uint8_t *from = packet_payload(p, &theirs);

	if (!from)
		return;
	for (size_t i = 0; i < len; i++)
		payload[i] = (uint8_t)draw(256);
	switch (draw(3)) {
	case 0: from = (const uint8_t *)page, len = sizeof(page) - 1; break;
	case 1: len = theirs < sizeof(payload) ? theirs : sizeof(payload); break;
	default: from = payload; break;
	}
	len = packet_udp(p->to, p->to_port, p->from, p->from_port, from, len, made);
	emit(UP, made, len);
	path.portal_answers++;
}

static void tell_too_big(int direction, const struct packet *p)
{
	uint8_t made[PACKET_MAX];

	emit(direction, made,
	     packet_unreachable(p, ROUTER_ADDR, ICMP_TOO_BIG,
				path.lanes[direction].config.mtu, made));
}

static void count_hello(const struct packet *p)
{
	size_t len;
	const uint8_t *d = packet_payload(p, &len);

	if (d && len > DTLS_AT_MESSAGE && d[0] == DTLS_HANDSHAKE &&
	    d[DTLS_AT_MESSAGE] == DTLS_CLIENT_HELLO)
		path.hellos++;
}

static void offer(int direction, const struct packet *p)
{
	const struct lane_config *c = &path.lanes[direction].config;

	keep(direction, p);
	if (lane_offer(&path.lanes[direction], p, now_us()) == LANE_TOO_BIG && !c->hole)
		tell_too_big(direction, p);
}

static void take_in(int direction, uint8_t *bytes, size_t len)
{
	struct packet p;

	if (packet_parse(bytes, len, &p))
		return; /* IPv6's router solicitations */
	if (direction == UP) {
		count_hello(&p);
		memcpy(path.last, p.bytes, p.len);
		path.last_len = p.len;
		if (path.portal) {
			answer_portal(&p);
			return;
		}
	}
	offer(direction, &p);
}

/* At the far end of a lane: the router is there for what goes up, and at its near end for what goes down. */
static void let_out(int direction, uint8_t *bytes, size_t len)
{
	bool translated = true;
	struct packet p;

	if (packet_parse(bytes, len, &p))
		return;
	if (path.nat_on && direction == UP)
		translated = nat_out(&path.nat, &p);
	else if (path.nat_on)
		translated = nat_in(&path.nat, &p);
	if (translated)
		emit(direction == UP ? DOWN : UP, p.bytes, p.len);
	else
		path.untranslated++;
}

static void read_device(int direction)
{
	uint8_t bytes[PACKET_MAX];
	ssize_t n;

	while ((n = read(path.tun[direction], bytes, sizeof(bytes))) > 0)
		take_in(direction, bytes, (size_t)n);
	if (n < 0 && errno != EAGAIN)
		stop("reading from a device");
}

static void turn(void)
{
	uint8_t bytes[PACKET_MAX];
	uint64_t now = now_us();
	size_t len;

	if (path.rebind_at_us && now >= path.rebind_at_us) {
		path.rebind_at_us = now + path.rebind_every_us;
		nat_rebind(&path.nat);
		path.rebinds++;
	}
	for (int d = 0; d < LANES; d++)
		while ((len = lane_take(&path.lanes[d], now, bytes)) > 0)
			let_out(d, bytes, len);
}

/* --- commands ---------------------------------------------------------------------------- */

static bool direction_of(const char *word, int *ret_first, int *ret_last)
{
	bool both = word && strcmp(word, "both") == 0;

	*ret_first = word && strcmp(word, "down") == 0 ? DOWN : UP;
	*ret_last = both || *ret_first == DOWN ? DOWN : UP;
	return both || (word && (strcmp(word, "up") == 0 || strcmp(word, "down") == 0));
}

static bool set_key(struct lane_config *c, const char *key, double v)
{
	uint32_t thousand = (uint32_t)(v * 1000),
		 percent = (uint32_t)(v * LANE_ALL / 100);

	if (v < 0 || v > 1e6)
		return false;
	if (strcmp(key, "delay") == 0)
		c->delay_us = thousand;
	else if (strcmp(key, "jitter") == 0)
		c->jitter_us = thousand;
	else if (strcmp(key, "loss") == 0)
		c->loss = percent;
	else if (strcmp(key, "dup") == 0)
		c->dup = percent;
	else if (strcmp(key, "reorder") == 0)
		c->reorder = percent;
	else if (strcmp(key, "rate") == 0)
		c->rate_bit_s = thousand;
	else if (strcmp(key, "queue") == 0)
		c->queue_bytes = (uint32_t)v;
	else if (strcmp(key, "mtu") == 0)
		c->mtu = (uint16_t)v;
	else if (strcmp(key, "hole") == 0)
		c->hole = v > 0;
	else if (strcmp(key, "fragments") == 0)
		c->no_fragments = v <= 0;
	else if (strcmp(key, "cut") == 0)
		c->cut = v > 0;
	else
		return false;
	return true;
}

static bool do_set(char *rest)
{
	int first, last;
	char *word;

	if (!direction_of(strtok_r(rest, " ", &rest), &first, &last))
		return false;
	while ((word = strtok_r(NULL, " ", &rest))) {
		char *value = strchr(word, '='), *end;
		double v;

		if (!value)
			return false;
		*value++ = '\0';
		v = strtod(value, &end);
		for (int d = first; d <= last; d++)
			if (end == value || *end ||
			    !set_key(&path.lanes[d].config, word, v))
				return false;
	}
	return true;
}

static bool do_drop(char *rest)
{
	int d, last;
	const char *number;
	struct lane *l;

	if (!direction_of(strtok_r(rest, " ", &rest), &d, &last) || d != last)
		return false;
	number = strtok_r(NULL, " ", &rest);
	if (!number)
		return false;
	l = &path.lanes[d];
	l->config.drop_at = strtoull(number, NULL, 10);
	if (l->config.drop_at)
		l->config.drop_at += l->packets;
	return true;
}

static bool do_nat(char *rest)
{
	const char *word = strtok_r(rest, " ", &rest);
	double every = word ? strtod(word, NULL) : 0;

	if (!word || (every <= 0 && strcmp(word, "on") != 0 && strcmp(word, "off") != 0))
		return false;
	path.nat_on = strcmp(word, "off") != 0;
	path.rebind_every_us = (uint64_t)(every * 1e6);
	path.rebind_at_us = path.rebind_every_us ? now_us() + path.rebind_every_us : 0;
	return true;
}

static bool do_rebind(char *rest)
{
	(void)rest;
	nat_rebind(&path.nat);
	path.rebinds++;
	return true;
}

static bool do_record(char *rest)
{
	const char *word;
	int d, last;

	if (!direction_of(strtok_r(rest, " ", &rest), &d, &last) || d != last)
		return false;
	word = strtok_r(NULL, " ", &rest);
	path.kept[d].on = word && strcmp(word, "on") == 0;
	return word != NULL;
}

/* As an attacker between the two would: it does not go through the lane, but through the NAT. */
static bool do_replay(char *rest)
{
	const char *word;
	int d, last;

	if (!direction_of(strtok_r(rest, " ", &rest), &d, &last) || d != last)
		return false;
	word = strtok_r(NULL, " ", &rest);
	if (!word || path.kept[d].count == 0)
		return false;
	for (unsigned long n = strtoul(word, NULL, 10); n; n--) {
		size_t i = draw((uint32_t)path.kept[d].count);
		uint8_t bytes[PACKET_MAX];

		memcpy(bytes, path.kept[d].bytes[i], path.kept[d].len[i]);
		let_out(d, bytes, path.kept[d].len[i]);
		path.replayed++;
	}
	return true;
}

static bool do_lie(char *rest)
{
	const char *what = strtok_r(rest, " ", &rest);
	const char *number = strtok_r(NULL, " ", &rest);
	unsigned long mtu = number ? strtoul(number, NULL, 10) : 0;
	uint8_t made[PACKET_MAX];
	struct packet p;
	uint8_t code;

	if (!what || packet_parse(path.last, path.last_len, &p))
		return false;
	if (strcmp(what, "unreachable") == 0)
		code = ICMP_NET;
	else if (strcmp(what, "port") == 0)
		code = ICMP_PORT;
	else if (strcmp(what, "mtu") == 0)
		code = ICMP_TOO_BIG;
	else
		return false;
	emit(UP, made, packet_unreachable(&p, CLINIC_ADDR, code, (uint16_t)mtu, made));
	path.lies++;
	return true;
}

static bool do_portal(char *rest)
{
	path.portal = strcmp(rest, "on") == 0;
	return path.portal || strcmp(rest, "off") == 0;
}

static void print_lane(const char *name, const struct lane *l)
{
	printf("\"%s\": {\"packets\": %" PRIu64 ", \"bytes\": %" PRIu64
	       ", \"passed-bytes\": %" PRIu64 ", \"doubled\": %" PRIu64
	       ", \"reordered\": %" PRIu64,
	       name, l->packets, l->bytes, l->passed_bytes, l->doubled, l->reordered);
	for (int v = LANE_PASSED; v < LANE_VERDICTS; v++)
		printf(", \"%s\": %" PRIu64, lane_verdict_text((enum lane_verdict)v),
		       l->became[v]);
	printf("}");
}

static void print_stats(void)
{
	printf("{");
	print_lane("up", &path.lanes[UP]);
	printf(", ");
	print_lane("down", &path.lanes[DOWN]);
	printf(", \"hellos\": %" PRIu64 ", \"rebinds\": %" PRIu64
	       ", \"untranslated\": %" PRIu64 ", \"replayed\": %" PRIu64
	       ", \"lies\": %" PRIu64 ", \"portal-answers\": %" PRIu64
	       ", \"kept\": [%zu, %zu]}\n",
	       path.hellos, path.rebinds, path.untranslated, path.replayed, path.lies,
	       path.portal_answers, path.kept[UP].count, path.kept[DOWN].count);
}

/* What is under way goes on; the drop that was ordered is counted from here. */
static void reset_counters(void)
{
	for (int d = 0; d < LANES; d++) {
		struct lane *l = &path.lanes[d];

		l->config.drop_at = l->config.drop_at > l->packets
					    ? l->config.drop_at - l->packets
					    : 0;
		l->packets = l->bytes = l->passed_bytes = l->doubled = l->reordered = 0;
		memset(l->became, 0, sizeof(l->became));
		path.kept[d].count = 0;
	}
	path.hellos = path.rebinds = path.untranslated = path.replayed = path.lies = 0;
	path.portal_answers = 0;
}

static bool do_reset(char *rest)
{
	(void)rest;
	reset_counters();
	return true;
}

static void obey(char *line)
{
	static const struct {
		const char *name;
		bool (*run)(char *rest);
	} commands[] = {
		{ "set", do_set },	 { "drop", do_drop },	  { "nat", do_nat },
		{ "rebind", do_rebind }, { "record", do_record }, { "replay", do_replay },
		{ "lie", do_lie },	 { "portal", do_portal }, { "reset", do_reset },
	};
	char *name = strsep(&line, " ");
	char none[] = "";
	bool ok = false;

	if (strcmp(name, "stats") == 0) {
		print_stats();
		return;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(name, commands[i].name) == 0)
			ok = commands[i].run(line ? line : none);
	puts(ok ? "{}" : "{\"error\": \"not understood\"}");
}

static void read_commands(void)
{
	ssize_t n = read(STDIN_FILENO, path.line + path.line_len,
			 sizeof(path.line) - 1 - path.line_len);
	char *end;

	if (n <= 0)
		exit(0);
	path.line_len += (size_t)n;
	path.line[path.line_len] = '\0';
	while ((end = strchr(path.line, '\n'))) {
		size_t used = (size_t)(end + 1 - path.line);

		*end = '\0';
		obey(path.line);
		memmove(path.line, end + 1, path.line_len - used + 1);
		path.line_len -= used;
	}
	if (path.line_len == sizeof(path.line) - 1)
		path.line_len = 0;
}

/* Microseconds until something is due. */
static uint64_t until_due_us(void)
{
	uint64_t due = path.rebind_at_us ? path.rebind_at_us : UINT64_MAX, now = now_us();

	for (int d = 0; d < LANES; d++)
		if (lane_deadline_us(&path.lanes[d]) < due)
			due = lane_deadline_us(&path.lanes[d]);
	if (due > now + 1000000)
		return 1000000;
	return due > now ? due - now : 0;
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	path.random = seed;
	lane_init(&path.lanes[UP], seed * 2 + 1);
	lane_init(&path.lanes[DOWN], seed * 2 + 0x10001);
	nat_init(&path.nat, PUBLIC_ADDR);
	make_space(UP, HUB_ADDR);
	make_space(DOWN, CLINIC_ADDR);
	printf("{\"hub\": \"/proc/%d/fd/%d\", \"clinic\": \"/proc/%d/fd/%d\"}\n",
	       (int)getpid(), path.spaces[UP], (int)getpid(), path.spaces[DOWN]);
	for (;;) {
		struct pollfd fds[] = { { .fd = path.tun[UP], .events = POLLIN },
					{ .fd = path.tun[DOWN], .events = POLLIN },
					{ .fd = STDIN_FILENO, .events = POLLIN } };
		uint64_t wait = until_due_us();
		struct timespec t = { (time_t)(wait / 1000000),
				      (long)(wait % 1000000) * 1000 };

		if (ppoll(fds, 3, &t, NULL) < 0 && errno != EINTR)
			stop("poll");
		read_device(UP);
		read_device(DOWN);
		if (fds[2].revents)
			read_commands();
		turn();
	}
}
