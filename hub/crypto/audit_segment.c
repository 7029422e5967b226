/*
 * audit_segment.c - see audit_segment.h.
 */
#include "hub/crypto/audit_segment.h"

#include <errno.h>
#include <string.h>

enum { VERSION = 1, PREFIX_HEADER = 3, PAGE0_HEAD = 8, SLOT_FIELDS = 4 + 8 + 4 + 4 };

static const uint8_t magic_dense[4] = { 'H', 'A', 'U', 'D' };
static const uint8_t magic_raw[4] = { 'H', 'A', 'U', 'R' };

static void header_mac(const uint8_t key[static KEY_LEN],
		       const uint8_t digest[static SHA256_LEN],
		       uint8_t ret[static SHA256_LEN])
{
	uint8_t buf[1 + SHA256_LEN];

	buf[0] = PREFIX_HEADER;
	memcpy(buf + 1, digest, SHA256_LEN);
	crypto_hmac(key, buf, sizeof(buf), ret);
}

int audit_header_encode(struct audit_header *h, const uint8_t key[static KEY_LEN],
			uint8_t *buf, size_t cap)
{
	const struct audit_chain *c = &h->start;
	struct writer w;

	writer_init(&w, buf, cap);
	write_bytes(&w, magic_dense, sizeof(magic_dense));
	write_u8(&w, VERSION);
	write_bytes(&w, h->hub, sizeof(h->hub));
	write_be32(&w, h->enrolment);
	write_be32(&w, h->segment);
	write_be32(&w, h->bytes);
	write_be64(&w, c->number);
	write_bytes(&w, c->head, sizeof(c->head));
	write_be64(&w, c->epoch);
	write_be32(&w, c->boot);
	write_be64(&w, c->mono_ms);
	write_be64(&w, c->witnessed);
	for (unsigned i = 0; i < AUDIT_TREE_DEPTH; i++)
		if (c->number >> i & 1)
			write_bytes(&w, c->tree.node[i], SHA256_LEN);
	if (writer_len(&w) < 0)
		return -ENOSPC;
	crypto_sha256(buf, (size_t)writer_len(&w), h->digest);
	header_mac(key, h->digest, h->mac);
	write_bytes(&w, h->digest, sizeof(h->digest));
	write_bytes(&w, h->mac, sizeof(h->mac));
	return writer_len(&w);
}

static void read_state(struct reader *r, struct audit_header *h)
{
	struct audit_chain *c = &h->start;

	c->number = read_be64(r);
	read_bytes(r, c->head, sizeof(c->head));
	c->epoch = read_be64(r);
	c->boot = read_be32(r);
	c->mono_ms = read_be64(r);
	c->witnessed = read_be64(r);
	c->tree.size = c->number;
	for (unsigned i = 0; i < AUDIT_TREE_DEPTH; i++)
		if (c->number >> i & 1)
			read_bytes(r, c->tree.node[i], SHA256_LEN);
}

static bool header_in_range(const struct audit_header *h)
{
	return h->segment != 0 && h->bytes >= AUDIT_SEGMENT_MIN &&
	       h->bytes <= AUDIT_SEGMENT_MAX && h->bytes % AUDIT_PAGE == 0 &&
	       h->start.number >> AUDIT_TREE_DEPTH == 0;
}

int audit_header_decode(const uint8_t *buf, size_t len, struct audit_header *ret)
{
	uint8_t magic[sizeof(magic_dense)], digest[SHA256_LEN], version;
	struct audit_header h;
	struct reader r;
	size_t covered;

	memset(&h, 0, sizeof(h));
	reader_init(&r, buf, len);
	read_bytes(&r, magic, sizeof(magic));
	version = read_u8(&r);
	if (!reader_ok(&r) || memcmp(magic, magic_dense, sizeof(magic)) != 0)
		return -EBADMSG;
	if (version != VERSION)
		return -ENOTSUP;
	read_bytes(&r, h.hub, sizeof(h.hub));
	h.enrolment = read_be32(&r);
	h.segment = read_be32(&r);
	h.bytes = read_be32(&r);
	read_state(&r, &h);
	covered = len - reader_left(&r);
	read_bytes(&r, h.digest, sizeof(h.digest));
	read_bytes(&r, h.mac, sizeof(h.mac));
	if (!reader_ok(&r))
		return -EBADMSG;
	crypto_sha256(buf, covered, digest);
	if (memcmp(digest, h.digest, sizeof(digest)) != 0)
		return -EBADMSG;
	if (!header_in_range(&h))
		return -ERANGE;
	*ret = h;
	return (int)(len - reader_left(&r));
}

bool audit_header_mac_good(const struct audit_header *h,
			   const uint8_t key[static KEY_LEN])
{
	uint8_t mac[SHA256_LEN];

	header_mac(key, h->digest, mac);
	return crypto_equal(mac, h->mac, sizeof(mac));
}

int audit_page0_encode(struct audit_header *h, const uint8_t key[static KEY_LEN],
		       uint8_t ret[static AUDIT_PAGE])
{
	struct writer w;
	int n;

	memset(ret, 0, AUDIT_PAGE);
	n = audit_header_encode(h, key, ret + PAGE0_HEAD, AUDIT_PAGE - PAGE0_HEAD);
	if (n < 0)
		return n;
	writer_init(&w, ret, PAGE0_HEAD);
	write_bytes(&w, magic_raw, sizeof(magic_raw));
	write_be32(&w, (uint32_t)n);
	return 0;
}

int audit_page0_decode(const uint8_t *buf, size_t len, struct audit_header *ret)
{
	uint8_t magic[sizeof(magic_raw)];
	const uint8_t *header;
	struct reader r;
	uint32_t n;
	int got;

	if (len < AUDIT_PAGE)
		return -EBADMSG;
	reader_init(&r, buf, AUDIT_PAGE);
	read_bytes(&r, magic, sizeof(magic));
	n = read_be32(&r);
	header = read_span(&r, n);
	if (!header || memcmp(magic, magic_raw, sizeof(magic)) != 0)
		return -EBADMSG;
	got = audit_header_decode(header, n, ret);
	if (got >= 0 && (uint32_t)got != n)
		return -EBADMSG;
	return got;
}

size_t audit_slot_encode(const struct audit_slot *s, uint8_t buf[static AUDIT_SLOT_LEN])
{
	size_t end = AUDIT_SLOT_HEAD + s->len;
	size_t whole = (end + AUDIT_PAGE - 1) / AUDIT_PAGE * AUDIT_PAGE;
	struct writer w;

	memset(buf, 0, AUDIT_SLOT_HEAD);
	memset(buf + end, 0, whole - end);
	writer_init(&w, buf + SHA256_LEN, SLOT_FIELDS);
	write_be32(&w, s->segment);
	write_be64(&w, s->generation);
	write_be32(&w, s->page);
	write_be32(&w, s->len);
	crypto_sha256(buf + SHA256_LEN, end - SHA256_LEN, buf);
	return whole;
}

int audit_slot_decode(const uint8_t buf[static AUDIT_SLOT_LEN], uint32_t segment,
		      struct audit_slot *ret)
{
	uint8_t digest[SHA256_LEN];
	struct audit_slot s;
	struct reader r;

	reader_init(&r, buf + SHA256_LEN, SLOT_FIELDS);
	s.segment = read_be32(&r);
	s.generation = read_be64(&r);
	s.page = read_be32(&r);
	s.len = read_be32(&r);
	if (s.segment != segment || s.generation == 0 || s.len >= AUDIT_PAGE)
		return -ENOENT;
	*ret = s;
	crypto_sha256(buf + SHA256_LEN, AUDIT_SLOT_HEAD - SHA256_LEN + s.len, digest);
	return memcmp(digest, buf, sizeof(digest)) == 0 ? 0 : -EBADMSG;
}

int audit_frame_next(struct reader *r, struct audit_frame *ret)
{
	struct audit_frame f;

	if (reader_left(r) == 0)
		return 0;
	f.len = read_be16(r);
	if (!reader_ok(r) || f.len == 0 || f.len > AUDIT_RECORD_MAX)
		return -EBADMSG;
	f.record = read_span(r, f.len);
	f.mac = read_span(r, SHA256_LEN);
	if (!reader_ok(r))
		return -EBADMSG;
	*ret = f;
	return 1;
}

size_t audit_frame_put(const uint8_t *record, size_t len,
		       const uint8_t mac[static SHA256_LEN], uint8_t *buf)
{
	struct writer w;

	writer_init(&w, buf, AUDIT_FRAME_MAX);
	write_be16(&w, (uint16_t)len);
	write_bytes(&w, record, len);
	write_bytes(&w, mac, SHA256_LEN);
	return (size_t)writer_len(&w);
}

/* How much of the stream is a chain from the header on. */
static size_t chained(const uint8_t *stream, size_t len, const struct audit_chain *start)
{
	struct audit_chain c = *start;
	struct audit_record rec;
	struct audit_frame f;
	struct reader r;
	size_t good = 0;

	reader_init(&r, stream, len);
	while (audit_frame_next(&r, &f) == 1 &&
	       audit_chain_follow(&c, f.record, f.len, &rec) == AUDIT_FAULT_NONE)
		good = len - reader_left(&r);
	return good;
}

/* The stream as one slot ends it; its length. */
static size_t assemble(const uint8_t *raw, unsigned slot, const struct audit_slot *s,
		       uint8_t *stream)
{
	size_t full = (size_t)s->page * AUDIT_PAGE;

	memcpy(stream, raw + AUDIT_STREAM_AT, full);
	memcpy(stream + full,
	       raw + AUDIT_SLOT_AT + (size_t)slot * AUDIT_SLOT_LEN + AUDIT_SLOT_HEAD,
	       s->len);
	return full + s->len;
}

/* Both slots as found, the newer one first in order[]. */
static void read_slots(const uint8_t *raw, const struct audit_header *h,
		       struct audit_slot s[static 2], int state[static 2],
		       unsigned order[static 2])
{
	uint32_t pages = (h->bytes - AUDIT_STREAM_AT) / AUDIT_PAGE;

	for (unsigned i = 0; i < 2; i++) {
		s[i] = (struct audit_slot){ 0 };
		state[i] = audit_slot_decode(raw + AUDIT_SLOT_AT +
						     (size_t)i * AUDIT_SLOT_LEN,
					     h->segment, &s[i]);
		if (state[i] == 0 &&
		    (s[i].page > pages || (s[i].page == pages && s[i].len)))
			state[i] = -EBADMSG;
	}
	order[0] = s[1].generation > s[0].generation;
	order[1] = !order[0];
}

/* What of a torn or unfit slot is newer than what counts. */
static size_t cut_of(const struct audit_slot *s, const struct audit_found *f)
{
	uint64_t end = (uint64_t)s->page * AUDIT_PAGE + s->len;

	if (end <= f->stream_len || end > AUDIT_SEGMENT_MAX)
		return s->len;
	return (size_t)(end - f->stream_len);
}

static void choose(const uint8_t *raw, uint8_t *stream, struct audit_found *f)
{
	size_t good[2] = { 0 };
	struct audit_slot s[2];
	unsigned order[2], best;
	int state[2];

	read_slots(raw, &f->header, s, state, order);
	for (unsigned k = 0; k < 2; k++) {
		unsigned i = order[k];
		size_t len;

		if (state[i] != 0)
			continue;
		len = assemble(raw, i, &s[i], stream);
		good[k] = chained(stream, len, &f->header.start);
		if (good[k] != len)
			continue;
		f->slot = i;
		f->generation = s[i].generation;
		f->page = s[i].page;
		f->tail_len = s[i].len;
		f->stream_len = len;
		if (k == 1 && state[order[0]] != -ENOENT)
			f->cut = cut_of(&s[order[0]], f);
		return;
	}
	/* a first write that was torn leaves nothing; after that one slot is always good */
	f->broken = s[order[0]].generation > 1;
	f->cut = s[order[0]].len;
	best = good[1] > good[0];
	if (good[best])
		assemble(raw, order[best], &s[order[best]], stream);
	f->stream_len = good[best];
}

int audit_segment_read(const uint8_t *raw, size_t len, uint8_t *dense,
		       struct audit_found *ret)
{
	struct audit_found f;
	int n;

	memset(&f, 0, sizeof(f));
	n = audit_page0_decode(raw, len, &f.header);
	if (n < 0)
		return n;
	if (f.header.bytes != len)
		return -EBADMSG;
	f.header_len = (size_t)n;
	memcpy(dense, raw + PAGE0_HEAD, f.header_len);
	choose(raw, dense + f.header_len, &f);
	*ret = f;
	return (int)(f.header_len + f.stream_len);
}
