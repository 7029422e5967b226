/*
 * ranges_file.c - ranges on the disk; see ranges_file.h.
 */
#include "storage/ranges_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/rt/file.h"

enum { PATH_BYTES = RANGES_FILE_DIR_BYTES + 16 };

static int open_fd(struct ranges_file *f)
{
	char path[PATH_BYTES];

	(void)snprintf(path, sizeof(path), "%s/%s", f->dir, RANGES_FILE);
	f->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return f->fd >= 0 ? 0 : errno == ENOENT ? -ENOENT : -EIO;
}

void ranges_file_close(struct ranges_file *f)
{
	if (f->fd >= 0)
		(void)close(f->fd); /* what counts was synced */
	f->fd = -1;
}

/* Returns 0, -EBADMSG for what does not read, or -EIO. */
static int read_block(int fd, uint32_t index, struct ranges_block *ret)
{
	uint8_t buf[RANGES_BLOCK];
	size_t got = 0;

	while (got < sizeof(buf)) {
		ssize_t n = pread(fd, buf + got, sizeof(buf) - got,
				  (off_t)index * RANGES_BLOCK + (off_t)got);

		if (n < 0)
			return -EIO;
		if (n == 0)
			return -EBADMSG;
		got += (size_t)n;
	}
	return ranges_block_decode(buf, ret);
}

static int take_block(const struct ranges_file *f, const struct ranges_block *b,
		      struct ranges *sets)
{
	int r = 0;

	if (memcmp(b->hub, f->hub, HUB_ID_LEN) != 0 || b->epoch != f->epoch)
		return -EACCES;
	for (size_t i = 0; i < b->count && r == 0; i++)
		r = ranges_add(&sets[b->items[i].kind], b->items[i].range);
	return r;
}

/* Each good block counts, also behind a bad one. */
static int read_all(struct ranges_file *f, uint32_t blocks, struct ranges *sets,
		    struct ranges_file_notes *notes)
{
	static struct ranges_block b; /* 4 KB and more, off the stack; one thread */

	for (uint32_t i = 0; i < blocks; i++) {
		int r = read_block(f->fd, i, &b);

		if (r == -ENOTSUP || r == -EIO)
			return r;
		if (r || b.index != i)
			continue;
		r = take_block(f, &b, sets);
		if (r)
			return r;
		notes->damaged_bytes += (uint64_t)(i - f->blocks) * RANGES_BLOCK;
		f->blocks = i + 1;
	}
	return 0;
}

int ranges_file_open(struct ranges_file *f, const char *dir,
		     const uint8_t hub[static HUB_ID_LEN], uint32_t epoch,
		     struct ranges sets[static RANGE_KINDS],
		     struct ranges_file_notes *ret_notes)
{
	struct stat st;
	off_t good;
	int r;

	*ret_notes = (struct ranges_file_notes){ 0 };
	*f = (struct ranges_file){ .fd = -1, .epoch = epoch };
	memcpy(f->hub, hub, HUB_ID_LEN);
	if (snprintf(f->dir, sizeof(f->dir), "%s", dir) >= (int)sizeof(f->dir))
		return -EIO;
	r = open_fd(f);
	if (r)
		return r == -ENOENT ? 0 : r;
	if (fstat(f->fd, &st) || st.st_size / RANGES_BLOCK >= UINT32_MAX)
		return -EIO;
	r = read_all(f, (uint32_t)((st.st_size + RANGES_BLOCK - 1) / RANGES_BLOCK), sets,
		     ret_notes);
	if (r)
		return r;
	/* what a kill has left in the page cache is on the disk before a segment is freed because of it */
	if (file_sync(dir, RANGES_FILE))
		return -EIO;
	good = (off_t)f->blocks * RANGES_BLOCK;
	if (st.st_size > good) {
		ret_notes->cut_bytes = (uint64_t)(st.st_size - good);
		if (ftruncate(f->fd, good) || fdatasync(f->fd))
			return -EIO;
	}
	return 0;
}

static void encode(const struct ranges_file *f, uint32_t index,
		   const struct ranges_item *items, size_t count, uint8_t *buf)
{
	static struct ranges_block b;

	b.epoch = f->epoch;
	b.index = index;
	b.count = count;
	memcpy(b.hub, f->hub, HUB_ID_LEN);
	memcpy(b.items, items, count * sizeof(*items));
	ranges_block_encode(&b, buf);
}

static int write_block(const struct ranges_file *f,
		       const uint8_t buf[static RANGES_BLOCK])
{
	size_t done = 0;

	while (done < RANGES_BLOCK) {
		ssize_t n = pwrite(f->fd, buf + done, RANGES_BLOCK - done,
				   (off_t)f->blocks * RANGES_BLOCK + (off_t)done);

		if (n < 0 && (errno == ENOSPC || errno == EDQUOT))
			return -ENOSPC; /* the same place is written again */
		if (n <= 0)
			return -EIO;
		done += (size_t)n;
	}
	return fdatasync(f->fd) ? -EIO : 0;
}

int ranges_file_append(struct ranges_file *f, const struct ranges_item *items,
		       size_t count)
{
	uint8_t buf[RANGES_BLOCK];
	int r;

	if (count > RANGES_ITEMS_MAX)
		abort();
	if (f->fd < 0 || f->blocks >= RANGES_FILE_BLOCKS_MAX)
		return -EAGAIN;
	encode(f, f->blocks, items, count, buf);
	r = write_block(f, buf);
	if (r == -EIO)
		ranges_file_close(f);
	if (r == 0)
		f->blocks++;
	return r;
}

/* All ranges of the sets as items. */
static size_t collect(const struct ranges *sets, struct ranges_item *ret)
{
	size_t n = 0;

	for (int k = RANGE_NONE + 1; k < RANGE_KINDS; k++)
		for (size_t i = 0; i < sets[k].count; i++)
			ret[n++] =
				(struct ranges_item){ (enum range_kind)k, sets[k].at[i] };
	return n;
}

int ranges_file_rewrite(struct ranges_file *f,
			const struct ranges sets[static RANGE_KINDS])
{
	struct ranges_item *items;
	size_t count = 0, blocks;
	uint8_t *buf;
	int r = -ENOMEM;

	for (int k = RANGE_NONE + 1; k < RANGE_KINDS; k++)
		count += sets[k].count;
	blocks = (count + RANGES_ITEMS_MAX - 1) / RANGES_ITEMS_MAX;
	blocks += blocks == 0; /* an empty one says whose it is */
	items = calloc(count + 1, sizeof(*items));
	buf = calloc(blocks, RANGES_BLOCK);
	if (items && buf) {
		(void)collect(sets, items);
		for (size_t i = 0; i < blocks; i++) {
			size_t from = i * RANGES_ITEMS_MAX, n = count - from;

			encode(f, (uint32_t)i, items + from,
			       n < RANGES_ITEMS_MAX ? n : RANGES_ITEMS_MAX,
			       buf + i * RANGES_BLOCK);
		}
		r = file_replace(f->dir, RANGES_FILE, buf, blocks * RANGES_BLOCK);
	}
	free(items);
	free(buf);
	/* also after an error: the name may stand for the new file already */
	ranges_file_close(f);
	if (r)
		return r;
	f->blocks = (uint32_t)blocks;
	r = open_fd(f);
	return r == -ENOENT ? -EIO : r;
}
