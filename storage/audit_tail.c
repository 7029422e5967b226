/*
 * audit_tail.c - see audit_tail.h.
 */
#include "storage/audit_tail.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "hub/rt/file.h"

/* All that waits must find a place in a new segment, and then some. */
_Static_assert(AUDIT_TAIL_MAX + AUDIT_PAGE <= AUDIT_SEGMENT_MIN - AUDIT_STREAM_AT,
	       "smallest segment");

void audit_tail_init(struct audit_tail *t)
{
	memset(t, 0, sizeof(*t));
	t->fd = -1;
}

void audit_tail_close(struct audit_tail *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

void audit_tail_begin(struct audit_tail *t, int fd, const struct audit_header *h)
{
	size_t waiting = t->len - t->durable;

	audit_tail_close(t);
	memmove(t->buf, t->buf + t->durable, waiting);
	t->fd = fd;
	t->segment = h->segment;
	t->pages = (h->bytes - AUDIT_STREAM_AT) / AUDIT_PAGE;
	t->slot = 0;
	t->generation = 0;
	t->page = 0;
	t->len = waiting;
	t->durable = 0;
}

void audit_tail_resume(struct audit_tail *t, int fd, const struct audit_found *f,
		       const uint8_t *stream)
{
	audit_tail_init(t);
	t->fd = fd;
	t->segment = f->header.segment;
	t->pages = (f->header.bytes - AUDIT_STREAM_AT) / AUDIT_PAGE;
	t->generation = f->generation;
	/* the first write of a segment goes to slot 0, later ones to the slot that does not count */
	t->slot = f->generation ? !f->slot : 0;
	t->page = f->page;
	t->len = t->durable = f->tail_len;
	memcpy(t->buf, stream + (size_t)f->page * AUDIT_PAGE, f->tail_len);
}

bool audit_tail_fits(const struct audit_tail *t, size_t len)
{
	return (size_t)t->page * AUDIT_PAGE + t->len + len <=
	       (size_t)t->pages * AUDIT_PAGE;
}

bool audit_tail_holds(const struct audit_tail *t, size_t len)
{
	return t->len + len <= sizeof(t->buf);
}

void audit_tail_put(struct audit_tail *t, const uint8_t *frame, size_t len)
{
	memcpy(t->buf + t->len, frame, len);
	t->len += len;
}

bool audit_tail_pending(const struct audit_tail *t)
{
	return t->len != t->durable;
}

static int write_slot(struct audit_tail *t, uint32_t page, const uint8_t *bytes,
		      size_t len)
{
	struct audit_slot s = {
		.segment = t->segment,
		.generation = t->generation + 1,
		.page = page,
		.len = (uint32_t)len,
	};
	size_t n;

	memcpy(t->image + AUDIT_SLOT_HEAD, bytes, len);
	n = audit_slot_encode(&s, t->image);
	return file_write_at(t->fd, t->image, n,
			     AUDIT_SLOT_AT + (size_t)t->slot * AUDIT_SLOT_LEN);
}

int audit_tail_sync(struct audit_tail *t)
{
	size_t full = t->len / AUDIT_PAGE * AUDIT_PAGE;
	uint32_t page = t->page + (uint32_t)(full / AUDIT_PAGE);
	int r;

	if (!audit_tail_pending(t))
		return 0;
	if (t->fd < 0)
		return -EIO;
	r = file_write_at(t->fd, t->buf, full,
			  AUDIT_STREAM_AT + (size_t)t->page * AUDIT_PAGE);
	if (r == 0)
		r = write_slot(t, page, t->buf + full, t->len - full);
	if (r)
		return r;
	if (fdatasync(t->fd))
		return -EIO;
	t->generation++;
	t->slot = !t->slot;
	t->page = page;
	t->len -= full;
	t->durable = t->len;
	memmove(t->buf, t->buf + full, t->len);
	return 0;
}
