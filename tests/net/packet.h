#pragma once

/*
 * packet.h - IPv4 packets as they pass: read, readdressed with their checksums, answered with ICMP.
 *
 * Pure. IPv4 with UDP, TCP and ICMP; anything else has no ports and is carried as it is.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PACKET_MAX =
		1600, /* a TUN device with the usual MTU never gives more than 1,500 */
	PACKET_IP_MIN = 20,
	PACKET_UDP_HEADER = 8,
	PACKET_ICMP_HEADER = 8,
	PACKET_ICMP = 1,
	PACKET_TCP = 6,
	PACKET_UDP = 17,
	ICMP_UNREACHABLE = 3, /* type */
	ICMP_NET = 0,	      /* its codes */
	ICMP_PORT = 3,
	ICMP_TOO_BIG = 4,
};

/* One packet, read. Offsets are into bytes, which the caller owns. */
struct packet {
	uint8_t *bytes;
	size_t len; /* as the IP header says; what came behind it is not of the packet */
	size_t transport; /* where the IP header ends */
	uint8_t protocol;
	bool dont_fragment;
	bool fragment; /* one of several */
	bool first;    /* has the transport's header: whole, or the first of several */
	bool has_ports;
	uint32_t from, to; /* addresses in host order */
	uint16_t from_port, to_port;
};

/*
 * packet_parse - read the headers; the checksums are not looked at.
 *
 * bytes   borrowed as long as *ret is used
 *
 * Returns 0, -ENOTSUP if it is not IPv4, or -EBADMSG: cut off, or its lengths disagree.
 */
int packet_parse(uint8_t *bytes, size_t len, struct packet *ret);

/* packet_set_from, packet_set_to - give it another address and port, here and in its checksums. A later
 * fragment has no port: only its address changes. */
void packet_set_from(struct packet *p, uint32_t addr, uint16_t port);
void packet_set_to(struct packet *p, uint32_t addr, uint16_t port);

/* packet_quoted - the packet that an ICMP error is about, cut off as it is; false if p is no such error.
 * What changes in it changes in p; call packet_sum_icmp then. */
bool packet_quoted(const struct packet *p, struct packet *ret);
void packet_sum_icmp(struct packet *p);

/*
 * packet_unreachable - the ICMP error about p, from a router at 'router' to p's sender.
 *
 * code   ICMP_NET, ICMP_PORT or ICMP_TOO_BIG; mtu: with the last one
 *
 * Returns its length. Source: RFC 792, RFC 1191.
 */
size_t packet_unreachable(const struct packet *p, uint32_t router, uint8_t code,
			  uint16_t mtu, uint8_t ret[static PACKET_MAX]);

/* packet_udp - a datagram; len at most PACKET_MAX less the headers. Returns its length. */
size_t packet_udp(uint32_t from, uint16_t from_port, uint32_t to, uint16_t to_port,
		  const uint8_t *payload, size_t len, uint8_t ret[static PACKET_MAX]);

/* packet_payload - what a UDP datagram carries; NULL if it is none, or a later fragment. */
const uint8_t *packet_payload(const struct packet *p, size_t *ret_len);

/* packet_sums_hold - the checksums of header and transport are right. A fragment's transport is not looked at. */
bool packet_sums_hold(const struct packet *p);
