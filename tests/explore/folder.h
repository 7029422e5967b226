#pragma once

/*
 * folder.h - a folder of a test's own in memory, for what it writes and throws away a thousand times a second.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/explore/disk.h"

enum { FOLDER_BYTES = 128 };

/* In /dev/shm, else $TMPDIR, else /tmp; absolute, without symbolic links. */
static inline void folder_make(char dir[static FOLDER_BYTES])
{
	char asked[FOLDER_BYTES], *real;
	const char *temp = getenv("TMPDIR");

	(void)snprintf(asked, sizeof(asked), "%s/hub-explore-XXXXXX",
		       access("/dev/shm", W_OK) == 0 ? "/dev/shm"
		       : temp			     ? temp
						     : "/tmp");
	real = mkdtemp(asked) ? realpath(asked, NULL) : NULL;
	if (!real || snprintf(dir, FOLDER_BYTES, "%s", real) >= FOLDER_BYTES) {
		perror(asked);
		exit(1);
	}
	free(real);
}

static inline void folder_remove(const char *dir)
{
	folder_empty(dir);
	(void)rmdir(dir);
}
