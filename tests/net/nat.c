/*
 * nat.c - see nat.h.
 */
#include "tests/net/nat.h"

#include <string.h>

void nat_init(struct nat *n, uint32_t public)
{
	*n = (struct nat){ .public = public };
}

void nat_rebind(struct nat *n)
{
	memset(n->entries, 0, sizeof(n->entries));
}

static const struct nat_entry *find_outer(const struct nat *n, uint8_t protocol,
					  uint16_t port)
{
	for (size_t i = 0; i < NAT_ENTRIES_MAX; i++)
		if (n->entries[i].protocol == protocol &&
		    n->entries[i].outer_port == port)
			return &n->entries[i];
	return NULL;
}

static const struct nat_entry *find_inner(const struct nat *n, const struct packet *p)
{
	for (size_t i = 0; i < NAT_ENTRIES_MAX; i++)
		if (n->entries[i].protocol == p->protocol &&
		    n->entries[i].inner_addr == p->from &&
		    n->entries[i].inner_port == p->from_port)
			return &n->entries[i];
	return NULL;
}

static const struct nat_entry *add(struct nat *n, const struct packet *p)
{
	struct nat_entry *e = &n->entries[n->next++ % NAT_ENTRIES_MAX];

	*e = (struct nat_entry){
		.protocol = p->protocol,
		.inner_addr = p->from,
		.inner_port = p->from_port,
		.outer_port = (uint16_t)(NAT_PORT_FIRST + n->next_port++ % NAT_PORTS),
	};
	return e;
}

bool nat_out(struct nat *n, struct packet *p)
{
	const struct nat_entry *e;

	/* A later fragment goes where its address says. */
	if (!p->has_ports) {
		packet_set_from(p, n->public, 0);
		return p->protocol == PACKET_UDP || p->protocol == PACKET_TCP;
	}
	e = find_inner(n, p);
	if (!e)
		e = add(n, p);
	packet_set_from(p, n->public, e->outer_port);
	return true;
}

/* An error about what went out: whom it is for stands in what it quotes. */
static bool error_in(const struct nat *n, struct packet *p)
{
	const struct nat_entry *e;
	struct packet quoted;

	if (!packet_quoted(p, &quoted) || !quoted.has_ports)
		return false;
	e = find_outer(n, quoted.protocol, quoted.from_port);
	if (!e || quoted.from != n->public)
		return false;
	packet_set_from(&quoted, e->inner_addr, e->inner_port);
	packet_sum_icmp(p);
	packet_set_to(p, e->inner_addr, 0);
	return true;
}

/* A later fragment is for the one who has an entry at all: there is one hub behind this router. */
static const struct nat_entry *find_any(const struct nat *n, uint8_t protocol)
{
	for (size_t i = 0; i < NAT_ENTRIES_MAX; i++)
		if (n->entries[i].protocol == protocol)
			return &n->entries[i];
	return NULL;
}

bool nat_in(const struct nat *n, struct packet *p)
{
	const struct nat_entry *e;

	if (p->to != n->public)
		return false;
	if (p->protocol == PACKET_ICMP)
		return error_in(n, p);
	e = p->has_ports ? find_outer(n, p->protocol, p->to_port)
			 : find_any(n, p->protocol);
	if (!e || p->protocol == 0)
		return false;
	packet_set_to(p, e->inner_addr, e->inner_port);
	return true;
}
