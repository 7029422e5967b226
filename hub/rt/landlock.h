#pragma once

/*
 * landlock.h - which files a process may still open; what the kernel can do of it (Landlock, since Linux 5.19).
 *
 * Best effort: a kernel without it, or without a part of it, takes nothing away, and the unit's own mounts hold the same
 * line. What is open already stays open. Rules hold for a folder or file as it is now: for one that somebody replaces by
 * another of its name (resolv.conf), name the folder above it.
 *
 * It also bars this process from looking into others (/proc/PID/maps), whatever capability it has: hub-measure goes without.
 */
#include <stdbool.h>
#include <stdint.h>

enum landlock_may {
	LANDLOCK_READ = 1,    /* files and names below */
	LANDLOCK_WRITE = 2,   /* also make, change, rename and remove: implies READ */
	LANDLOCK_DOORS = 4,   /* make and remove sockets */
	LANDLOCK_DEVICES = 8, /* use devices, their settings too */
};

/* One place; path NULL: none. One that does not exist is passed over. */
struct landlock_place {
	const char *path;
	unsigned may; /* LANDLOCK_... */
};

struct landlock_rules {
	const struct landlock_place *places;
	unsigned count;
	uint16_t tcp_port; /* to connect to, 0: none; no port may be listened on */
};

/*
 * landlock_restrict - from here on only these. Needs PR_SET_NO_NEW_PRIVS.
 *
 * Returns the kernel's version of it (2 and above; from 4 on TCP, from 6 on signals and abstract sockets), 0 if the
 * kernel has none, or the first one, or -errno if it has and refused.
 */
int landlock_restrict(const struct landlock_rules *r);
