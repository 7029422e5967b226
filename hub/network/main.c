/*
 * main.c - hub-network: the network setting that hubd holds, for systemd-networkd.
 *
 *   hubd -> /var/lib/hub/hubd/network -> (the manager opens it) -> hub-network -> /run/systemd/network/70-hub.network
 *
 * It runs at each start before networkd, and whenever hubd writes; its unit has networkd read it. It is a process of its own so
 * that somebody who took hubd over can say an address, and nothing else that networkd would do. It must never: have a network,
 * pass on a byte that it did not make.
 *
 * Invariant: what cannot be read is DHCP. A hub whose setting is damaged is one that can be reached.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "hub/core/err.h"
#include "hub/network/calls.h"
#include "hub/network/render.h"
#include "hub/rt/file.h"
#include "hub/rt/inherited.h"
#include "hub/rt/log.h"
#include "hub/rt/sandbox.h"

static const char file_name[] = "70-hub.network";

static const char *kind_text(enum network_kind k)
{
	switch (k) {
	case NETWORK_DHCP: return "dhcp";
	case NETWORK_STATIC: return "static";
	}
	return "?";
}

/* Without a file, or with a damaged one, it is what the image does. */
static struct network_setting read_setting(int fd)
{
	uint8_t buf[NETWORK_SETTING_MAX + 1];
	struct network_setting s = { 0 };
	int n = fd < 0 ? 0 : file_read_all(fd, buf, sizeof(buf)), r = 0;

	if (n > 0)
		r = network_setting_decode(buf, (size_t)n, &s);
	if (n < 0 || r)
		log_err("setting", "error=\"%s\" note=\"DHCP is used\"",
			err_text(n < 0 ? n : r));
	return s;
}

static int write_text(const char *dir, const struct network_setting *s)
{
	char text[RENDER_MAX];
	size_t len = render_network(s, text);

	return len ? file_replace(dir, file_name, (const uint8_t *)text, len)
		   : file_remove(dir, file_name);
}

static int confine(const char *dir)
{
	const struct sandbox s = { .calls = network_calls,
				   .places = { { dir, LANDLOCK_WRITE } } };

	return sandbox_confine(&s);
}

int main(int argc, char **argv)
{
	int fd = inherited_fd("setting"), r;
	struct network_setting s;

	if (argc != 2 || argv[1][0] == '-') {
		fputs("usage: hub-network DIR\n\nWrites 70-hub.network into DIR, from "
		      "the file that the service manager hands over as 'setting'.\n",
		      stderr);
		return EX_USAGE;
	}
	log_init("hub-network");
	umask(077);
	if (confine(argv[1])) {
		log_err("sandbox", "error=\"could not be entered\"");
		return EX_OSERR;
	}
	s = read_setting(fd);
	r = write_text(argv[1], &s);
	if (r) {
		log_err("network", "file=%s/%s error=\"%s\"", argv[1], file_name,
			err_text(r));
		return EX_IOERR;
	}
	log_info("network", "setting=%s", kind_text(s.kind));
	return EX_OK;
}
