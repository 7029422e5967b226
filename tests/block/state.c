/*
 * state.c - see state.h.
 */
#include "tests/block/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTOR = 512 };

const char *cut_kind_text(enum cut_kind k)
{
	switch (k) {
	case CUT_KEEP: return "keep";
	case CUT_DROP: return "drop";
	case CUT_SOME: return "some";
	case CUT_NEWEST: return "newest";
	case CUT_SECTORS: return "sectors";
	case CUT_KINDS: break;
	}
	return "?";
}

/* --- the base --------------------------------------------------------------------------------- */

/* Not for children: a fork would make each page of it expensive to write. NULL: no memory. */
static uint8_t *map_disk(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	if (p == MAP_FAILED)
		return NULL;
	if (madvise(p, len, MADV_DONTFORK) == 0)
		return p;
	(void)munmap(p, len);
	return NULL;
}

static int read_base(struct states *s, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t got = 0;
	ssize_t n = -1;

	if (fd < 0 || fstat(fd, &st) || st.st_size <= 0) {
		if (fd >= 0)
			close(fd);
		return -EIO;
	}
	s->size = (size_t)st.st_size;
	s->flushed = map_disk(s->size);
	s->image = map_disk(s->size);
	s->used = calloc(1, s->size / STATE_BLOCK + 1);
	while (s->flushed && got < s->size &&
	       (n = read(fd, s->flushed + got, s->size - got)) > 0)
		got += (size_t)n;
	close(fd);
	if (!s->flushed || !s->image || !s->used)
		return -ENOMEM;
	if (s->size % STATE_BLOCK)
		return -EMSGSIZE;
	return got == s->size ? 0 : -EIO;
}

static bool is_write(const struct write_entry *e)
{
	return !(e->flags & WRITE_MARK) && e->len > 0;
}

/* What neither the base nor any write has touched is zero in every state. */
static int find_used(struct states *s)
{
	static const uint8_t zero[STATE_BLOCK];

	for (size_t at = 0; at < s->size; at += STATE_BLOCK)
		s->used[at / STATE_BLOCK] =
			memcmp(s->flushed + at, zero, STATE_BLOCK) != 0;
	for (size_t i = 0; i < s->log.count; i++) {
		const struct write_entry *e = &s->log.entries[i];

		if (!is_write(e))
			continue;
		if (!(e->flags & WRITE_DISCARD) && e->len > sizeof(s->scratch))
			return -EMSGSIZE;
		for (uint64_t b = e->to / STATE_BLOCK;
		     b <= (e->to + e->len - 1) / STATE_BLOCK; b++)
			s->used[b] = 1;
	}
	return 0;
}

int states_open(struct states *s, const char *log_path, const char *base_path)
{
	int r;

	memset(s, 0, sizeof(*s));
	s->log.fd = -1;
	r = read_base(s, base_path);
	if (r == 0)
		r = writes_open(log_path, s->size, &s->log);
	if (r == 0)
		r = find_used(s);
	if (r)
		states_close(s);
	return r;
}

void states_close(struct states *s)
{
	if (s->log.fd >= 0)
		writes_close(&s->log);
	if (s->flushed)
		(void)munmap(s->flushed, s->size);
	if (s->image)
		(void)munmap(s->image, s->size);
	free(s->used);
	s->flushed = s->image = s->used = NULL;
}

/* --- laying writes on a disk ------------------------------------------------------------------ */

/* dice NULL: all of it. Every sector that is there goes into *name. */
static int lay(struct states *s, const struct write_entry *e, uint8_t *disk,
	       struct dice *dice, uint64_t *name)
{
	int r = 0;

	if (e->flags & WRITE_DISCARD)
		memset(s->scratch, 0, sizeof(s->scratch));
	else
		r = writes_read(&s->log, e, s->scratch);
	for (uint64_t at = 0; r == 0 && at < e->len; at += SECTOR) {
		if (dice && dice_below(dice, 2))
			continue;
		memcpy(disk + e->to + at, s->scratch + at % sizeof(s->scratch), SECTOR);
		*name = (*name ^ (e->at + at)) * UINT64_C(0x100000001b3);
	}
	return r;
}

/* All that was sent before the flush is on the disk now. */
static int flush(struct states *s, size_t before)
{
	uint64_t name = 0;
	int r = 0;

	for (size_t i = s->flush; i < before && r == 0; i++)
		if (is_write(&s->log.entries[i]))
			r = lay(s, &s->log.entries[i], s->flushed, NULL, &name);
	s->flush = before;
	s->open = 0;
	return r;
}

/* The kernel's own mark, when the recording ends. */
static bool is_end(const char *text, size_t len)
{
	static const char end[] = "dm-log-writes-end";

	return len >= sizeof(end) - 1 && memcmp(text, end, sizeof(end) - 1) == 0;
}

int states_next(struct states *s)
{
	const struct write_entry *e = &s->log.entries[s->position];
	char text[WRITE_MARK_MAX];
	int r = 0;

	if (s->position == s->log.count)
		return 0;
	if (e->flags & WRITE_MARK) {
		r = writes_read(&s->log, e, text);
		if (r == 0 && !is_end(text, e->mark_len))
			r = ledger_apply(&s->ledger, text, strnlen(text, e->mark_len));
	} else if (e->flags & WRITE_FLUSH) {
		r = flush(s, s->position);
	}
	if (is_write(e) && !(e->flags & WRITE_FUA))
		s->open++;
	s->position++;
	return r ? r : 1;
}

static bool is_kept(enum cut_kind kind, struct dice *dice, bool last)
{
	switch (kind) {
	case CUT_KEEP:
	case CUT_SECTORS: return true;
	case CUT_DROP: return false;
	case CUT_SOME: return dice_below(dice, 2);
	case CUT_NEWEST: return last;
	case CUT_KINDS: break;
	}
	return false;
}

int states_make(struct states *s, enum cut_kind kind, struct dice *dice,
		uint64_t *ret_name)
{
	uint64_t name = s->flush + 1;
	size_t left = s->open;
	int r = 0;

	for (size_t at = 0; at < s->size; at += STATE_BLOCK)
		if (s->used[at / STATE_BLOCK])
			memcpy(s->image + at, s->flushed + at, STATE_BLOCK);
	for (size_t i = s->flush; i < s->position && r == 0; i++) {
		const struct write_entry *e = &s->log.entries[i];

		if (!is_write(e))
			continue;
		if (e->flags & WRITE_FUA)
			r = lay(s, e, s->image, NULL, &name);
		else if (is_kept(kind, dice, --left == 0))
			r = lay(s, e, s->image, kind == CUT_SECTORS ? dice : NULL, &name);
	}
	if (r == 0)
		*ret_name = name;
	return r;
}
