#pragma once

/*
 * udp_proxy.h - a UDP path on loopback that counts, delays, and loses one datagram at a chosen position or some of all.
 *
 * A child process; the page of figures is shared with it. One client at a time.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum proxy_side { PROXY_CLIENT = 0, PROXY_SERVER = 1 };

enum {
	PROXY_QUEUE = 256,
	PROXY_DATAGRAM = 2048,
	PROXY_IP_UDP = 28 /* IPv4 and UDP headers */
};

struct udp_proxy {
	/* set by the caller */
	uint16_t to;
	unsigned delay_ms; /* one way */
	/* lose the drop_at-th datagram that this side sends; 0: none */
	enum proxy_side drop_from;
	unsigned drop_at;
	volatile unsigned largest; /* payload that passes; 0: any */
	unsigned loss_percent;	   /* of either side, drawn anew for each */
	/* kept by the proxy */
	volatile unsigned too_large[2]; /* lost for that */
	volatile unsigned seen[2];	/* largest payload that each side sent */
	volatile uint16_t port;
	volatile unsigned dropped;
	volatile unsigned datagrams[2]; /* sent by each side */
	volatile uint64_t ip_bytes[2];	/* the same with IP and UDP headers */
};

struct proxy_packet {
	enum proxy_side from;
	uint64_t due_ms;
	size_t len;
	uint8_t bytes[PROXY_DATAGRAM];
};

static uint64_t proxy_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int proxy_socket(uint16_t *ret_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) ||
	    getsockname(fd, (struct sockaddr *)&a, &len))
		abort();
	*ret_port = ntohs(a.sin_port);
	return fd;
}

/* A port for a server that another process starts: free now, and not one of those the kernel gives to sockets by itself. */
static inline uint16_t proxy_free_port(void)
{
	enum { LOW = 10000, HIGH = 32000 };
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	uint16_t port;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		abort();
	do {
		if (getrandom(&port, sizeof(port), 0) != sizeof(port))
			abort();
		port = (uint16_t)(LOW + port % (HIGH - LOW));
		a.sin_port = htons(port);
	} while (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0);
	close(fd);
	return port;
}

/* The same losses in each run. */
static unsigned proxy_dice(void)
{
	static uint64_t state = 88172645463325252ULL;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33);
}

/* Takes one datagram in; false if there is none or it is lost here. */
static bool proxy_take(struct udp_proxy *p, int fd, enum proxy_side from,
		       struct sockaddr_in *client, struct proxy_packet *ret)
{
	struct sockaddr_in source;
	socklen_t source_len = sizeof(source);
	ssize_t n = recvfrom(fd, ret->bytes, sizeof(ret->bytes), MSG_DONTWAIT,
			     (struct sockaddr *)&source, &source_len);

	if (n < 0)
		return false;
	if (from == PROXY_CLIENT)
		*client = source;
	ret->len = (size_t)n;
	ret->from = from;
	ret->due_ms = proxy_now() + p->delay_ms;
	p->datagrams[from]++;
	p->ip_bytes[from] += ret->len + PROXY_IP_UDP;
	if (ret->len > p->seen[from])
		p->seen[from] = (unsigned)ret->len;
	if (p->loss_percent && proxy_dice() % 100 < p->loss_percent) {
		p->dropped++;
		return false;
	}
	if (p->largest && ret->len > p->largest) {
		p->too_large[from]++;
		return false;
	}
	if (p->drop_at && from == p->drop_from && p->datagrams[from] == p->drop_at) {
		p->dropped++;
		return false;
	}
	return true;
}

static void proxy_run(struct udp_proxy *p, int down)
{
	static struct proxy_packet queue[PROXY_QUEUE];
	struct sockaddr_in client = { 0 };
	struct sockaddr_in server = { .sin_family = AF_INET,
				      .sin_port = htons(p->to),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	uint16_t any;
	int up = proxy_socket(&any);
	size_t first = 0, count = 0;

	for (;;) {
		struct pollfd fds[2] = { { .fd = down, .events = POLLIN },
					 { .fd = up, .events = POLLIN } };
		uint64_t now = proxy_now();

		while (count && queue[first].due_ms <= now) {
			struct proxy_packet *q = &queue[first];
			const struct sockaddr_in *to =
				q->from == PROXY_CLIENT ? &server : &client;

			sendto(q->from == PROXY_CLIENT ? up : down, q->bytes, q->len, 0,
			       (const struct sockaddr *)to, sizeof(*to));
			first = (first + 1) % PROXY_QUEUE;
			count--;
		}
		poll(fds, 2, count ? (int)(queue[first].due_ms - now) : 1000);
		for (int side = 0; side < 2; side++)
			if (count < PROXY_QUEUE &&
			    proxy_take(p, fds[side].fd, (enum proxy_side)side, &client,
				       &queue[(first + count) % PROXY_QUEUE]))
				count++;
	}
}

/* proxy_page - zeroed, shared with a later child. */
static struct udp_proxy *proxy_page(void)
{
	void *p = mmap(NULL, sizeof(struct udp_proxy), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

/* proxy_start - p->port says where it listens. Returns its process; end it with SIGKILL. */
static pid_t proxy_start(struct udp_proxy *p)
{
	uint16_t port;
	int down = proxy_socket(&port);
	pid_t pid;

	p->port = port;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		proxy_run(p, down);
	}
	close(down);
	return pid;
}
