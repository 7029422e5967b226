#pragma once

/*
 * drops.h - packets of the hub's own users that the packet filter dropped since the last look (T16).
 *
 * rootfs/nftables/hub.nft lets out all that a user of the hub has to send and counts the rest, by user; hub-drops.service has
 * nft write the counters into a file before each look. A packet that was counted is one that no program of the hub sends as it was
 * built, whatever has become of its socket since: survey.h sees those that are open.
 * The filter counts from when it was loaded. Of another boot, or less than at the last look, it is a count that began anew. It is
 * told once: what was told is kept in hub-measure's folder.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/evidence.h"

/* Counters of the hub's users; their numbers are places in what is kept. What others sent is not the hub's. */
enum {
	DROPS_COUNTERS = 6,
	DROPS_TEXT_MAX = 4096,
	DROPS_BYTES_MAX = 96,
};

struct drops {
	uint8_t boot[EVIDENCE_BOOT_LEN];
	uint64_t packets[DROPS_COUNTERS];
};

/* drops_name - of a counter, the process's own; drops_uid: its user. Pure. */
const char *drops_name(size_t counter);
uint32_t drops_uid(size_t counter);

/*
 * drops_parse - what `nft list counters` prints. .boot is left as it is.
 *
 * Returns 0, or -EBADMSG: not such a text, or one of the counters is not in it exactly once. Pure.
 */
int drops_parse(const char *text, size_t len, struct drops *ret);

/* drops_since - how many of each are new; before NULL: nothing was told yet. Pure. */
void drops_since(const struct drops *before, const struct drops *now,
		 uint64_t ret[static DROPS_COUNTERS]);

/* drops_encode - Returns the length or -ENOSPC. Pure. */
int drops_encode(const struct drops *d, uint8_t *buf, size_t cap);
/* drops_decode - Returns 0, -EBADMSG, -ERANGE, or -ENOTSUP (version). Pure. */
int drops_decode(const uint8_t *buf, size_t len, struct drops *ret);

/* drops_read - the filter's file in the run folder. Returns 0, or as file_read, drops_parse. */
int drops_read(const char *run, struct drops *ret);
/* drops_load - what was told last. Returns 0, or as file_read, drops_decode. */
int drops_load(const char *dir, struct drops *ret);
/* drops_save - Returns 0, or as file_replace. */
int drops_save(const char *dir, const struct drops *d);
