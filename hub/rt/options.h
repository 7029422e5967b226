#pragma once

/*
 * options.h - the command line that all processes of the hub share.
 */
#include <stdbool.h>

struct options {
	/* --state DIR, default /var/lib/hub/<program without hub- > */
	const char *state_dir;
	const char *run_dir; /* --run DIR, default /run/hub */
	/* --bus ADDRESS (hub-ble): D-Bus address, default the system bus */
	const char *bus;
	/* --image DIR (hub-measure): the image's list of files, NULL: its own place */
	const char *image_dir;
	/* --line DEVICE (hub-console): the serial line, NULL: its own place */
	const char *line;
	/* --board DIR (hubd): lamps, beeper, display, and how loud, see hub/board.h; default /etc/hub/board */
	const char *board_dir;
	/* --stick DIR (hub-store): where the unit hub-stick has its pipe; default /run/hub-stick */
	const char *stick_dir;
	/* --same-user: no peer uids; loud; for development and tests */
	bool same_user;
};

/*
 * options_parse - getopt_long over the options above, --help and --version (which print and exit 0); a wrong
 * option prints one line and exits 64 (EX_USAGE). what: one sentence for --help.
 */
void options_parse(int argc, char **argv, const char *program, const char *what,
		   struct options *ret);
