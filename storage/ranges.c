/*
 * ranges.c - sets of sequence numbers and their block; see ranges.h.
 */
#include "storage/ranges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/core/cursor.h"
#include "storage/crc32.h"

static const uint8_t magic[4] = { 'H', 'R', 'N', 'G' };

void ranges_init(struct ranges *r, struct seq_range *at, size_t cap)
{
	*r = (struct ranges){ .at = at, .cap = cap };
}

static bool is_range(struct seq_range g)
{
	return g.first >= 1 && g.first <= g.last && g.last <= INT64_MAX;
}

/* Index of the first range that ends at 'seq' or above. */
static size_t find(const struct ranges *r, uint64_t seq)
{
	size_t lo = 0, hi = r->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->at[mid].last < seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The ranges lo..hi-1 become these. */
static int splice(struct ranges *r, size_t lo, size_t hi, const struct seq_range *with,
		  size_t count)
{
	if (r->count - (hi - lo) + count > r->cap)
		return -ENOSPC;
	if (r->count > hi)
		memmove(&r->at[lo + count], &r->at[hi], (r->count - hi) * sizeof(*r->at));
	for (size_t i = 0; i < count; i++)
		r->at[lo + i] = with[i];
	r->count = r->count - (hi - lo) + count;
	return 0;
}

int ranges_add(struct ranges *r, struct seq_range g)
{
	size_t lo, hi;

	if (!is_range(g))
		return -ERANGE;
	lo = hi = find(r, g.first - 1); /* one that only touches becomes part of it */
	while (hi < r->count && r->at[hi].first <= g.last + 1)
		hi++;
	if (lo < hi) {
		if (r->at[lo].first < g.first)
			g.first = r->at[lo].first;
		if (r->at[hi - 1].last > g.last)
			g.last = r->at[hi - 1].last;
	}
	return splice(r, lo, hi, &g, 1);
}

int ranges_subtract(struct ranges *r, struct seq_range g)
{
	struct seq_range left[2];
	size_t lo, hi, count = 0;

	if (!is_range(g))
		return -ERANGE;
	lo = hi = find(r, g.first);
	while (hi < r->count && r->at[hi].first <= g.last)
		hi++;
	if (lo == hi)
		return 0;
	if (r->at[lo].first < g.first)
		left[count++] = (struct seq_range){ r->at[lo].first, g.first - 1 };
	if (r->at[hi - 1].last > g.last)
		left[count++] = (struct seq_range){ g.last + 1, r->at[hi - 1].last };
	return splice(r, lo, hi, left, count);
}

bool ranges_contains(const struct ranges *r, uint64_t seq)
{
	size_t i = find(r, seq);

	return i < r->count && r->at[i].first <= seq;
}

uint64_t ranges_count(const struct ranges *r)
{
	uint64_t n = 0;

	for (size_t i = 0; i < r->count; i++)
		n += r->at[i].last - r->at[i].first + 1;
	return n;
}

uint64_t ranges_overlap(const struct ranges *r, struct seq_range g)
{
	uint64_t n = 0;

	for (size_t i = find(r, g.first); i < r->count && r->at[i].first <= g.last; i++) {
		uint64_t lo = r->at[i].first > g.first ? r->at[i].first : g.first;
		uint64_t hi = r->at[i].last < g.last ? r->at[i].last : g.last;

		n += hi - lo + 1;
	}
	return n;
}

uint64_t ranges_next(const struct ranges *r, uint64_t after)
{
	size_t i = after < INT64_MAX ? find(r, after + 1) : r->count;

	if (i == r->count)
		return 0;
	return r->at[i].first > after ? r->at[i].first : after + 1;
}

uint64_t ranges_top(const struct ranges *r)
{
	return r->count ? r->at[r->count - 1].last : 0;
}

void ranges_block_encode(const struct ranges_block *b, uint8_t buf[static RANGES_BLOCK])
{
	struct writer w;

	if (b->count > RANGES_ITEMS_MAX)
		abort();
	memset(buf, 0, RANGES_BLOCK);
	writer_init(&w, buf, RANGES_BLOCK - 4);
	write_bytes(&w, magic, sizeof(magic));
	write_u8(&w, RANGES_VERSION);
	write_bytes(&w, b->hub, HUB_ID_LEN);
	write_be32(&w, b->epoch);
	write_be32(&w, b->index);
	write_be16(&w, (uint16_t)b->count);
	for (size_t i = 0; i < b->count; i++) {
		write_u8(&w, (uint8_t)b->items[i].kind);
		write_be64(&w, b->items[i].range.first);
		write_be64(&w, b->items[i].range.last);
	}
	writer_init(&w, buf + RANGES_BLOCK - 4, 4);
	write_be32(&w, crc32_of(buf, RANGES_BLOCK - 4));
}

static int read_items(struct reader *r, struct ranges_block *b)
{
	for (size_t i = 0; i < b->count; i++) {
		uint8_t kind = read_u8(r);

		b->items[i].range.first = read_be64(r);
		b->items[i].range.last = read_be64(r);
		if (kind == RANGE_NONE || kind >= RANGE_KINDS ||
		    !is_range(b->items[i].range))
			return -ERANGE;
		b->items[i].kind = (enum range_kind)kind;
	}
	return 0;
}

int ranges_block_decode(const uint8_t buf[static RANGES_BLOCK], struct ranges_block *ret)
{
	struct ranges_block b = { 0 };
	uint8_t got[sizeof(magic)], version;
	struct reader r;
	int err;

	reader_init(&r, buf, RANGES_BLOCK);
	(void)read_span(&r, RANGES_BLOCK - 4);
	if (read_be32(&r) != crc32_of(buf, RANGES_BLOCK - 4))
		return -EBADMSG;
	reader_init(&r, buf, RANGES_BLOCK - 4);
	read_bytes(&r, got, sizeof(got));
	version = read_u8(&r);
	read_bytes(&r, b.hub, HUB_ID_LEN);
	b.epoch = read_be32(&r);
	b.index = read_be32(&r);
	b.count = read_be16(&r);
	if (memcmp(got, magic, sizeof(magic)) != 0)
		return -EBADMSG;
	if (version != RANGES_VERSION)
		return -ENOTSUP;
	if (b.count > RANGES_ITEMS_MAX)
		return -ERANGE;
	err = read_items(&r, &b);
	if (err)
		return err;
	while (reader_left(&r) > 0)
		if (read_u8(&r) != 0)
			return -EBADMSG;
	*ret = b;
	return 0;
}
