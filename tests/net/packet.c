/*
 * packet.c - see packet.h.
 *
 * A checksum is changed by what changed in the bytes (RFC 1624, equation 3): it then also holds for a
 * datagram of which this is only the first fragment. UDP: 0 means that there is none, and a sum that comes
 * out as 0 is sent as 0xffff (RFC 768).
 */
#include "tests/net/packet.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cursor.h"

enum {
	AT_TOTAL = 2,
	AT_FLAGS = 6,
	AT_TTL = 8,
	AT_PROTOCOL = 9,
	AT_SUM = 10,
	AT_FROM = 12,
	AT_TO = 16,
	AT_FROM_PORT = 0, /* in the transport's header */
	AT_TO_PORT = 2,
	AT_UDP_SUM = 6,
	AT_TCP_SUM = 16,
	AT_ICMP_SUM = 2,
	FLAG_DONT_FRAGMENT = 0x4000,
	FLAG_MORE = 0x2000,
	OFFSET_MASK = 0x1fff,
	TTL = 64
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)(v >> 16));
	put16(p + 2, (uint16_t)v);
}

/* Adds words in network order; an odd byte is the high one of its word. */
static uint32_t sum_add(uint32_t sum, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += (uint32_t)p[i] << (i % 2 ? 0 : 8);
	return sum;
}

static uint16_t sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static int parse(uint8_t *bytes, size_t len, bool cut, struct packet *ret)
{
	struct reader r;
	uint16_t flags;
	uint8_t first;

	*ret = (struct packet){ .bytes = bytes };
	reader_init(&r, bytes, len);
	first = read_u8(&r);
	if (!reader_ok(&r) || first >> 4 != 4)
		return -ENOTSUP;
	read_u8(&r);
	ret->len = read_be16(&r);
	read_be16(&r); /* identification */
	flags = read_be16(&r);
	read_u8(&r);
	ret->protocol = read_u8(&r);
	read_be16(&r);
	ret->from = read_be32(&r);
	ret->to = read_be32(&r);
	ret->transport = (size_t)(first & 15) * 4;
	if (cut && ret->len > len)
		ret->len = len;
	if (!reader_ok(&r) || ret->transport < PACKET_IP_MIN || ret->len > len ||
	    ret->transport > ret->len)
		return -EBADMSG;
	ret->dont_fragment = flags & FLAG_DONT_FRAGMENT;
	ret->first = (flags & OFFSET_MASK) == 0;
	ret->fragment = !ret->first || (flags & FLAG_MORE);
	if (!ret->first || (ret->protocol != PACKET_UDP && ret->protocol != PACKET_TCP))
		return 0;
	reader_init(&r, bytes + ret->transport, ret->len - ret->transport);
	ret->from_port = read_be16(&r);
	ret->to_port = read_be16(&r);
	read_be32(&r); /* UDP: length and checksum; an ICMP error quotes no more of TCP */
	ret->has_ports = reader_ok(&r);
	return ret->has_ports ? 0 : -EBADMSG;
}

int packet_parse(uint8_t *bytes, size_t len, struct packet *ret)
{
	return parse(bytes, len, false, ret);
}

/* Where the transport keeps its checksum; NULL: it has none here. */
static uint8_t *transport_sum(const struct packet *p)
{
	size_t at = p->transport + (p->protocol == PACKET_TCP ? AT_TCP_SUM : AT_UDP_SUM);

	if (!p->has_ports || at + 2 > p->len)
		return NULL;
	if (p->protocol == PACKET_UDP && get16(p->bytes + at) == 0)
		return NULL;
	return p->bytes + at;
}

/* Replaces 16 bits and mends one checksum, or both (sum may be NULL). */
static void change(const struct packet *p, uint8_t *at, uint16_t to, uint8_t *sum,
		   uint8_t *other)
{
	uint32_t difference = (uint16_t)~get16(at) + (uint32_t)to;
	uint8_t *sums[2] = { sum, other };

	put16(at, to);
	for (int i = 0; i < 2; i++)
		if (sums[i]) {
			uint16_t now = (uint16_t)~sum_fold((uint16_t)~get16(sums[i]) +
							   difference);

			if (now == 0 && i == 1 && p->protocol == PACKET_UDP)
				now = 0xffff;
			put16(sums[i], now);
		}
}

static void readdress(struct packet *p, size_t at, uint32_t addr, size_t port_at,
		      uint16_t port)
{
	uint8_t *header = p->bytes + AT_SUM, *transport = transport_sum(p);

	change(p, p->bytes + at, (uint16_t)(addr >> 16), header, transport);
	change(p, p->bytes + at + 2, (uint16_t)addr, header, transport);
	if (p->has_ports)
		change(p, p->bytes + p->transport + port_at, port, NULL, transport);
}

void packet_set_from(struct packet *p, uint32_t addr, uint16_t port)
{
	readdress(p, AT_FROM, addr, AT_FROM_PORT, port);
	p->from = addr;
	p->from_port = p->has_ports ? port : 0;
}

void packet_set_to(struct packet *p, uint32_t addr, uint16_t port)
{
	readdress(p, AT_TO, addr, AT_TO_PORT, port);
	p->to = addr;
	p->to_port = p->has_ports ? port : 0;
}

bool packet_quoted(const struct packet *p, struct packet *ret)
{
	size_t at = p->transport + PACKET_ICMP_HEADER;

	if (p->protocol != PACKET_ICMP || !p->first || at > p->len ||
	    p->bytes[p->transport] != ICMP_UNREACHABLE)
		return false;
	return parse(p->bytes + at, p->len - at, true, ret) == 0;
}

void packet_sum_icmp(struct packet *p)
{
	uint8_t *icmp = p->bytes + p->transport;

	put16(icmp + AT_ICMP_SUM, 0);
	put16(icmp + AT_ICMP_SUM,
	      (uint16_t)~sum_fold(sum_add(0, icmp, p->len - p->transport)));
}

static void put_header(uint8_t *p, size_t len, uint8_t protocol, uint32_t from,
		       uint32_t to)
{
	memset(p, 0, PACKET_IP_MIN);
	p[0] = 4 << 4 | PACKET_IP_MIN / 4;
	put16(p + AT_TOTAL, (uint16_t)len);
	p[AT_TTL] = TTL;
	p[AT_PROTOCOL] = protocol;
	put32(p + AT_FROM, from);
	put32(p + AT_TO, to);
	put16(p + AT_SUM, (uint16_t)~sum_fold(sum_add(0, p, PACKET_IP_MIN)));
}

size_t packet_unreachable(const struct packet *p, uint32_t router, uint8_t code,
			  uint16_t mtu, uint8_t ret[static PACKET_MAX])
{
	size_t quoted = p->transport + 8, len;
	struct packet made = { .bytes = ret, .transport = PACKET_IP_MIN };
	uint8_t *icmp = ret + PACKET_IP_MIN;

	if (quoted > p->len)
		quoted = p->len;
	len = PACKET_IP_MIN + PACKET_ICMP_HEADER + quoted;
	put_header(ret, len, PACKET_ICMP, router, p->from);
	memset(icmp, 0, PACKET_ICMP_HEADER);
	icmp[0] = ICMP_UNREACHABLE;
	icmp[1] = code;
	put16(icmp + 6, mtu);
	memcpy(icmp + PACKET_ICMP_HEADER, p->bytes, quoted);
	made.len = len;
	packet_sum_icmp(&made);
	return len;
}

/* The sum over the pseudo-header and the transport; 0xffff if its checksum is right. */
static uint16_t transport_total(const struct packet *p)
{
	uint32_t sum = p->protocol + (uint32_t)(p->len - p->transport);

	sum = sum_add(sum, p->bytes + AT_FROM, 8);
	return sum_fold(sum_add(sum, p->bytes + p->transport, p->len - p->transport));
}

size_t packet_udp(uint32_t from, uint16_t from_port, uint32_t to, uint16_t to_port,
		  const uint8_t *payload, size_t len, uint8_t ret[static PACKET_MAX])
{
	uint8_t *udp = ret + PACKET_IP_MIN;
	struct packet made = { .bytes = ret, .transport = PACKET_IP_MIN };
	uint16_t sum;

	made.protocol = PACKET_UDP;
	made.len = PACKET_IP_MIN + PACKET_UDP_HEADER + len;
	put_header(ret, made.len, PACKET_UDP, from, to);
	put16(udp + AT_FROM_PORT, from_port);
	put16(udp + AT_TO_PORT, to_port);
	put16(udp + 4, (uint16_t)(PACKET_UDP_HEADER + len));
	put16(udp + AT_UDP_SUM, 0);
	memcpy(udp + PACKET_UDP_HEADER, payload, len);
	sum = (uint16_t)~transport_total(&made);
	put16(udp + AT_UDP_SUM, sum ? sum : 0xffff);
	return made.len;
}

const uint8_t *packet_payload(const struct packet *p, size_t *ret_len)
{
	if (p->protocol != PACKET_UDP || !p->has_ports)
		return NULL;
	*ret_len = p->len - p->transport - PACKET_UDP_HEADER;
	return p->bytes + p->transport + PACKET_UDP_HEADER;
}

bool packet_sums_hold(const struct packet *p)
{
	if (sum_fold(sum_add(0, p->bytes, p->transport)) != 0xffff)
		return false;
	if (p->fragment)
		return true;
	if (p->protocol == PACKET_ICMP)
		return sum_fold(sum_add(0, p->bytes + p->transport,
					p->len - p->transport)) == 0xffff;
	return !transport_sum(p) || transport_total(p) == 0xffff;
}
