#pragma once

/*
 * route.h - is there a way from this machine to an address? Asks the kernel, sends nothing.
 */
#include <stdint.h>

/*
 * route_find - would a datagram leave this machine?
 *
 * addr   IPv6, or IPv4 as ::ffff:a.b.c.d; NULL: any address of the internet
 *
 * Returns 0, -ENETUNREACH (no network, no route, no source address), or -EIO.
 */
int route_find(const uint8_t *addr);
