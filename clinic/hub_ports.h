#pragma once

/*
 * hub_ports.h - which UDP ports of the clinic the packet filter of the hubs' image lets through (rootfs/nftables/ports.nft).
 *
 * A hub that is told of another one sends into its own filter, and what the filter drops of a hub's own process counts as an
 * attack: it locks itself (T16). So whatever tells a hub of a port asks here first.
 */
#include <stdbool.h>
#include <stdint.h>

/* What ports.nft says as it is delivered. */
#define HUB_PORTS_DEFAULT "5684-5699"

enum { HUB_PORTS_MAX = 127, HUB_PORTS_WHY_MAX = 640 };

/* hub_ports_ok - ports and ranges between commas, as ports.nft has them: "443, 5684-5699". Pure. */
bool hub_ports_ok(const char *text);

/* hub_ports_have - text: as above, or "" for HUB_PORTS_DEFAULT. Pure. */
bool hub_ports_have(const char *text, uint16_t port);

/* hub_ports_why - why a hub is not told of this port, and what to do. text: as above. Returns buf. Pure. */
char *hub_ports_why(const char *text, uint16_t port, char buf[static HUB_PORTS_WHY_MAX]);
