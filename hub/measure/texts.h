#pragma once

/*
 * texts.h - the texts of a snapshot: what the kernel shows of processes, code, sockets, services and its log, at one moment.
 *
 * Only what it shows of names, numbers and states: no command lines, no environment, nothing that another process has in
 * memory. What is not printable becomes '?'. What there is no room for is counted; of the log the oldest goes, of the rest
 * the end.
 */
#include "hub/core/image.h"
#include "hub/core/snapshot.h"

enum { TEXTS_BYTES = 184 * 1024 };

struct texts {
	size_t count;
	struct snapshot_text text[SNAPSHOT_TEXTS_MAX]; /* borrow from bytes */
	uint8_t bytes[TEXTS_BYTES];
};

/*
 * texts_take - gathers them.
 *
 * proc, sys  "/proc", "/sys"
 * log        /dev/kmsg or what gives a record with each read, not blocking; -1: none
 *
 * A text that cannot be read is left out. Returns 0 or as scan_run.
 */
int texts_take(const char *proc, const char *sys, int log, const struct image *image,
	       struct texts *ret);
