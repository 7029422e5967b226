#pragma once

/*
 * nat.h - a home router's address translation: one public address, a port for each inner one, and a day
 * on which all of them are others.
 *
 * Pure. UDP and TCP, and the ICMP errors about them. Symmetric in nothing: an inner (protocol, address,
 * port) has one outer port whoever it talks to, as most routers do it.
 */
#include "tests/net/packet.h"

enum {
	NAT_ENTRIES_MAX = 64, /* the oldest is forgotten for a new one */
	NAT_PORT_FIRST = 20000,
	NAT_PORTS = 40000,
};

struct nat_entry {
	uint8_t protocol; /* 0: free */
	uint32_t inner_addr;
	uint16_t inner_port, outer_port;
};

/* Fields are private. */
struct nat {
	uint32_t public;
	struct nat_entry entries[NAT_ENTRIES_MAX];
	unsigned next;	    /* entry to be taken for the next new one */
	uint32_t next_port; /* counts on, so that no port comes back soon */
};

void nat_init(struct nat *n, uint32_t public);

/* nat_rebind - forget everything: what comes for an old port is for nobody, what goes out gets a new one. */
void nat_rebind(struct nat *n);

/* nat_out - a packet from inside; makes an entry if it needs one. False: it cannot be translated. */
bool nat_out(struct nat *n, struct packet *p);

/* nat_in - a packet from outside. False: it is for nobody. */
bool nat_in(const struct nat *n, struct packet *p);
