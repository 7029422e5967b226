/*
 * hub_ports.c - see hub_ports.h.
 */
#include "clinic/hub_ports.h"

#include <stdio.h>
#include <string.h>

enum { PORT_DIGITS = 5 };

static void skip_blanks(const char **at)
{
	*at += strspn(*at, " \t");
}

/* 1..65535, and what is behind it. */
static bool take_port(const char **at, unsigned *ret)
{
	size_t n = strspn(*at, "0123456789");
	unsigned v = 0;

	if (n < 1 || n > PORT_DIGITS)
		return false;
	for (size_t i = 0; i < n; i++)
		v = v * 10 + (unsigned)((*at)[i] - '0');
	*at += n;
	*ret = v;
	return v >= 1 && v <= UINT16_MAX;
}

/* One port or range, and the comma behind it, if there is one. */
static bool take_range(const char **at, unsigned *ret_first, unsigned *ret_last)
{
	skip_blanks(at);
	if (!take_port(at, ret_first))
		return false;
	*ret_last = *ret_first;
	skip_blanks(at);
	if (**at == '-') {
		++*at;
		skip_blanks(at);
		if (!take_port(at, ret_last))
			return false;
		skip_blanks(at);
	}
	if (*ret_first > *ret_last)
		return false;
	if (**at == ',')
		return *++*at != '\0';
	return **at == '\0';
}

bool hub_ports_ok(const char *text)
{
	unsigned first, last;

	if (!*text || strlen(text) > HUB_PORTS_MAX)
		return false;
	while (*text)
		if (!take_range(&text, &first, &last))
			return false;
	return true;
}

static const char *said(const char *text)
{
	return *text ? text : HUB_PORTS_DEFAULT;
}

bool hub_ports_have(const char *text, uint16_t port)
{
	unsigned first, last;

	for (text = said(text); *text;) {
		if (!take_range(&text, &first, &last))
			return false;
		if (port >= first && port <= last)
			return true;
	}
	return false;
}

char *hub_ports_why(const char *text, uint16_t port, char buf[static HUB_PORTS_WHY_MAX])
{
	snprintf(buf, HUB_PORTS_WHY_MAX,
		 "the packet filter of the hubs' image does not let UDP port %u through "
		 "(it has %s): a hub that is told of it drops its own packets and locks "
		 "itself. Take a port of these; or put this one into "
		 "rootfs/nftables/ports.nft, give all hubs that image, and say the ports "
		 "of that file in clinic.conf, hub-ports = ...",
		 port, said(text));
	return buf;
}
