#pragma once

/*
 * render.h - a network setting as systemd-networkd reads it (systemd.network(5)). Pure.
 */
#include <stddef.h>

#include "hub/core/network.h"

enum { RENDER_MAX = 512 };

/*
 * render_network - the text of a .network file for the cable.
 *
 * Returns the number of characters before the NUL; 0 for DHCP, which is the image's own file: there is none of ours then.
 */
size_t render_network(const struct network_setting *s, char ret[static RENDER_MAX]);
