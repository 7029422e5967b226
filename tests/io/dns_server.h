#pragma once

/*
 * dns_server.h - a name server on 127.0.0.1 that answers, lies or is silent. A child process; its page is shared.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum dns_mode {
	DNS_ANSWER = 0, /* .addresses */
	DNS_NO_NAME,	/* NXDOMAIN */
	DNS_NOTHING,	/* the name is there, without an address */
	DNS_SILENT,
	DNS_GARBAGE,
	DNS_LIE_LENGTH, /* an answer that claims more than it has */
};

struct dns_page {
	volatile enum dns_mode mode;
	volatile unsigned queries;
	unsigned count;
	uint8_t addresses[40][4];
};

enum { DNS_HEADER = 12, DNS_TYPE_A = 1, DNS_PORT = 53 };

/* The answer to one question, in place. Returns its length, 0: none. */
static size_t dns_answer(const struct dns_page *p, uint8_t *b, size_t len, size_t cap)
{
	size_t end = DNS_HEADER;
	unsigned type, count = p->mode == DNS_ANSWER ? p->count : 0;

	while (end < len && b[end])
		end += b[end] + 1u;
	end += 5; /* the root, type, class */
	if (end > len || p->mode == DNS_SILENT)
		return 0;
	type = (unsigned)b[end - 4] << 8 | b[end - 3];
	if (type != DNS_TYPE_A)
		count = 0;
	b[2] = 0x81;
	b[3] = p->mode == DNS_NO_NAME ? 0x83 : 0x80;
	memset(b + 6, 0, 6);
	b[7] = (uint8_t)count;
	if (p->mode == DNS_LIE_LENGTH)
		b[7] = 9;
	if (p->mode == DNS_GARBAGE)
		for (size_t i = 4; i < end; i++)
			b[i] = (uint8_t)(i * 37 + p->queries);
	for (unsigned i = 0; i < count && end + 16 <= cap; i++) {
		static const uint8_t head[12] = { 0xc0, DNS_HEADER, 0, 1, 0, 1,
						  0,	0,	    0, 0, 0, 4 };

		memcpy(b + end, head, sizeof(head));
		memcpy(b + end + 12, p->addresses[i], 4);
		end += 16;
	}
	return end;
}

static void dns_run(struct dns_page *p, int fd)
{
	for (;;) {
		uint8_t b[1500];
		struct sockaddr_in from;
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(fd, b, sizeof(b), 0, (struct sockaddr *)&from,
				     &from_len);
		size_t len;

		if (n < DNS_HEADER)
			continue;
		p->queries++;
		len = dns_answer(p, b, (size_t)n, sizeof(b));
		if (len)
			sendto(fd, b, len, 0, (struct sockaddr *)&from, from_len);
	}
}

/* dns_start - answers nothing else than ret_page says. Returns its process; end it with SIGKILL. */
static pid_t dns_start(struct dns_page **ret_page)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(DNS_PORT),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	void *page = mmap(NULL, sizeof(struct dns_page), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	pid_t pid;

	if (page == MAP_FAILED || fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)))
		abort();
	*ret_page = page;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dns_run(*ret_page, fd);
	}
	close(fd);
	return pid;
}
