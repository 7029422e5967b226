#pragma once

/*
 * spool.h - sealed records in append-only files, for when the queue cannot be opened: it needs no
 * secret, no library and no free space, because its segments were written full of zeros before.
 *
 *   free        spool-N          all zeros
 *   in use      spool-N          header and commits; appended to is the one with the highest serial
 *   in work     spool-N.free     to be zeroed, or a repacked copy that is not whole yet
 *   set aside   spool-N.aside    damaged or failed: read, never written, never removed
 *   done        spool-N.done     was set aside; all its numbers are settled
 *
 *   free -> in use      first commit, in take_segment
 *   in use -> in work -> free   all its numbers are settled or copied, in spool_free_segment
 *   free -> in work -> in use   repacked, in spool_repack
 *   in use -> set aside a write failed, in spool_append; damage, when opening or reading
 *   set aside -> done   all its numbers are settled, in spool_tidy
 *
 * Invariants
 *   1. spool_append has returned 0  =>  the records survive a power cut at any later moment.
 *   2. A commit is there as a whole or not at all.
 *   3. A segment is zeroed only when each of its numbers is durably settled, or lies in a repacked
 *      segment that is durable.
 *   4. One free segment is kept for repacking: a spool that is full of a few old records can
 *      always be packed.
 *   5. Numbers ascend through commits and segments. A commit that failed and may lie in a segment
 *      set aside is passed over: the header of the next one says with which number it begins.
 *
 * Calls of POSIX only. One process, one thread. Bytes: spool_format.h.
 */
#include <stdbool.h>

#include "storage/ranges.h"
#include "storage/spool_format.h"

enum {
	SPOOL_SEGMENTS_MIN = 3,
	SPOOL_SEGMENTS_MAX = 64,
	SPOOL_SEGMENT_BYTES_MIN = 16 * SPOOL_BLOCK,
	SPOOL_SEGMENT_BYTES_MAX = 4 << 20,
	SPOOL_RANGES_MAX = 2048, /* in each set of numbers */
};

struct spool;

/* What was found that should not be; for the log, the audit and the tombstones. */
struct spool_notes {
	/* of a commit that a power cut interrupted; cut */
	uint64_t cut_bytes;
	/* that do not read, in segments that are set aside */
	uint64_t damaged_bytes;
	/* numbers that were there and do not read, not settled; below the first segment that
	 * reads it is not known which there were */
	uint64_t lost;
	/* places where the chain does not hold and settled numbers do not explain it */
	unsigned broken_links;
	/* segments that were renamed, by opening or since */
	unsigned set_aside;
	/* segments that fail or have a wrong size */
	unsigned unusable;
	/* the file of settled numbers was cut, damaged, or set aside */
	bool ranges_bad;
};

/*
 * spool_prepare - make what is missing of 'count' segments: zeros, on the disk. At each start.
 *
 * count   SPOOL_SEGMENTS_MIN..MAX; one of them is kept for repacking
 * bytes   of one that is made, whole blocks, SPOOL_SEGMENT_BYTES_MIN..MAX
 *
 * Returns 0, -ERANGE, -ENOSPC, -EACCES or -EIO. Segments that are there stay as they are.
 */
int spool_prepare(const char *dir, unsigned count, uint32_t bytes);

/*
 * spool_open - read what is there, cut a torn tail, finish what was in work.
 *
 * owner   NULL: whose records the segments say they are
 *
 * Returns 0 with *ret, or
 *   -ENOENT   no owner was given and no segment says one
 *   -EACCES   it holds records of another hub identity or epoch; nothing was changed
 *   -ENOTSUP  a newer version wrote it; nothing was changed
 *   -ENOSPC   the sets of numbers are too small for it
 *   -EIO, -ENOMEM
 */
int spool_open(const char *dir, const struct spool_owner *owner, struct spool **ret);
void spool_close(struct spool *s); /* NULL is fine */

const struct spool_owner *spool_owner_of(const struct spool *s);
const struct spool_notes *spool_notes_of(const struct spool *s);

/* spool_set_mac - with which key records are made from now on; copied. NULL: none, zeros. */
void spool_set_mac(struct spool *s, const struct spool_mac *mac);

uint64_t spool_highest(const struct spool *s); /* ever seen here, 0: none */
uint64_t spool_unsent(const struct spool *s);  /* records that are not settled */
/* spool_has - is this capture among the newest WINDOW_LEN here? As queue_has. */
bool spool_has(const struct spool *s, uint64_t instance, uint64_t capture);

/*
 * spool_append - up to QUEUE_GROUP_MAX records in one commit; durable on return.
 *
 * A segment that fails is set aside and the same records go into the next one.
 *
 * Returns 0, -ENOSPC (no segment: evict, or wait), or -EIO (the last one failed too). Records
 * whose numbers do not ascend from above spool_highest end the process.
 */
int spool_append(struct spool *s, const struct queue_entry *e, size_t count);

/*
 * spool_read - the oldest record of a class with a seq above 'after', as queue_read.
 *
 * Returns 1 with *ret, 0 if there is none, or -EMSGSIZE (body longer than cap; ret->seq and body_len
 * are written). What does not read is passed over and noted as lost.
 */
int spool_read(struct spool *s, enum record_class class, uint64_t after, uint8_t *buf,
	       size_t cap, struct record *ret);
/* spool_read_entry - the same, of any class, with all that was given to spool_append. */
int spool_read_entry(struct spool *s, uint64_t after, uint8_t *buf, size_t cap,
		     struct queue_entry *ret);

/*
 * spool_acknowledge, spool_refuse, spool_evict - numbers that the clinic has, does not take, or
 * that were given up; durable on return. Numbers that are not in the spool are remembered too, so
 * that the queue can be told. A refused record keeps its place on the disk.
 *
 * count        at most RANGES_ITEMS_MAX
 * ret_removed  records that are unsent no more
 *
 * Returns 0, -ERANGE, -ENOSPC (disk, or more ranges than SPOOL_RANGES_MAX), -ENOMEM, -EACCES or
 * -EIO; then nothing was settled, and it may be tried again.
 */
int spool_acknowledge(struct spool *s, const struct seq_range *ranges, size_t count,
		      uint64_t *ret_removed);
int spool_refuse(struct spool *s, const struct seq_range *ranges, size_t count,
		 uint64_t *ret_removed);
int spool_evict(struct spool *s, const struct seq_range *ranges, size_t count,
		uint64_t *ret_removed);

/* spool_move - the queue has durably taken over all numbers up to 'last'. Returns as spool_acknowledge. */
int spool_move(struct spool *s, uint64_t last);

/* spool_settled - numbers of a kind, since spool_forget; borrowed. They may overlap other kinds. */
const struct ranges *spool_settled(const struct spool *s, enum range_kind kind);
/* spool_lost - numbers that were there and do not read; borrowed. */
const struct ranges *spool_lost(const struct spool *s);

/* spool_forget - the queue has durably taken over what is settled: keep only what is needed to read
 * the segments in use; all of it as long as a segment is unusable. Returns 0, or as ranges_file_rewrite. */
int spool_forget(struct spool *s);

/*
 * spool_tidy - one step of work for idle times: frees a segment, or packs several into one when
 * free ones are short. spool_append does it too when it must.
 *
 * Returns 1 (done; there may be more), 0 (nothing to do), or -EIO.
 */
int spool_tidy(struct spool *s);
