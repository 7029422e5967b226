/*
 * render.c - see render.h.
 *
 * Nothing is in the text but words of ours and numbers; so there is nothing to escape.
 */
#include "hub/network/render.h"

#include <stdarg.h>
#include <stdio.h>

struct out {
	char *p;
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void put(struct out *o, const char *fmt, ...)
{
	size_t left = RENDER_MAX - o->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(o->p + o->len, left, fmt, ap);
	va_end(ap);
	if (n > 0)
		o->len += (size_t)n < left ? (size_t)n : left - 1;
}

static void put_address(struct out *o, const char *key,
			const uint8_t a[static NETWORK_ADDR_LEN])
{
	put(o, "%s=%u.%u.%u.%u", key, a[0], a[1], a[2], a[3]);
}

size_t render_network(const struct network_setting *s, char ret[static RENDER_MAX])
{
	struct out o = { ret, 0 };

	ret[0] = '\0';
	if (s->kind != NETWORK_STATIC)
		return 0;
	put(&o, "# Made by hub-network: what is written here by hand is lost.\n"
		"[Match]\nType=ether\n"
		"[Network]\nDHCP=no\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n");
	put_address(&o, "Address", s->address);
	put(&o, "/%u\n", s->prefix);
	put_address(&o, "Gateway", s->gateway);
	put(&o, "\n");
	for (size_t i = 0; i < s->name_count; i++) {
		put_address(&o, "DNS", s->names[i]);
		put(&o, "\n");
	}
	return o.len;
}
