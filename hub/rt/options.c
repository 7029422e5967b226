/*
 * options.c - the shared command line; see options.h.
 */
#include "hub/rt/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#ifndef HUB_VERSION
#define HUB_VERSION "0.1.0"
#endif

static void help(const char *program, const char *what, const struct options *o)
{
	printf("usage: %s [--state DIR] [--run DIR] [--bus ADDRESS] "
	       "[--image DIR] [--line DEVICE] [--board DIR] [--stick DIR] "
	       "[--same-user]\n\n%s\n\n"
	       "  --state DIR    own files (%s)\n"
	       "  --run DIR      sockets between the hub's processes (%s)\n"
	       "  --bus ADDRESS  D-Bus address, hub-ble only (system bus)\n"
	       "  --image DIR    list of the image's files, hub-measure only "
	       "(/usr/lib/hub)\n"
	       "  --line DEVICE  serial line, hub-console only (/dev/hub-console)\n"
	       "  --board DIR    lamps, beeper, display, hubd only (%s)\n"
	       "  --stick DIR    pipe to a USB stick, hub-store only (%s)\n"
	       "  --same-user    all processes run as one user: development and tests "
	       "only\n"
	       "  --help, --version\n",
	       program, what, o->state_dir, o->run_dir, o->board_dir, o->stick_dir);
	exit(EX_OK);
}

void options_parse(int argc, char **argv, const char *program, const char *what,
		   struct options *ret)
{
	static char state[64];
	static const struct option longs[] = {
		{ "state", required_argument, NULL, 's' },
		{ "run", required_argument, NULL, 'r' },
		{ "bus", required_argument, NULL, 'b' },
		{ "image", required_argument, NULL, 'i' },
		{ "line", required_argument, NULL, 'l' },
		{ "board", required_argument, NULL, 'p' },
		{ "stick", required_argument, NULL, 't' },
		{ "same-user", no_argument, NULL, 'u' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	const char *own = strncmp(program, "hub-", 4) == 0 ? program + 4 : program;
	int c;

	snprintf(state, sizeof(state), "/var/lib/hub/%s", own);
	*ret = (struct options){ .state_dir = state,
				 .run_dir = "/run/hub",
				 .board_dir = "/etc/hub/board",
				 .stick_dir = "/run/hub-stick" };
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's': ret->state_dir = optarg; break;
		case 'r': ret->run_dir = optarg; break;
		case 'b': ret->bus = optarg; break;
		case 'i': ret->image_dir = optarg; break;
		case 'l': ret->line = optarg; break;
		case 'p': ret->board_dir = optarg; break;
		case 't': ret->stick_dir = optarg; break;
		case 'u': ret->same_user = true; break;
		case 'h': help(program, what, ret); break;
		case 'v': printf("%s %s\n", program, HUB_VERSION); exit(EX_OK);
		default:
			fprintf(stderr, "%s: see '%s --help'\n", program, program);
			exit(EX_USAGE);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "%s: '%s' is not an option; see '%s --help'\n", program,
			argv[optind], program);
		exit(EX_USAGE);
	}
}
