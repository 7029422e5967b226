/*
 * seen.c - see seen.h.
 */
#include "hub/measure/seen.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cbor.h"
#include "hub/core/cursor.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"

enum { VERSION = 1, FIELDS = 8, COMPONENT_FIELDS = 4 };

static const char seen_name[] = "seen", key_name[] = "attest.key",
		  snapshot_name[] = "snapshot";

int seen_encode(const struct seen *s, uint8_t *buf, size_t cap)
{
	struct writer w;

	writer_init(&w, buf, cap);
	cb_put_array(&w, FIELDS);
	cb_put_uint(&w, VERSION);
	cb_put_bytes(&w, s->image, sizeof(s->image));
	cb_put_uint(&w, s->counter);
	cb_put_uint(&w, s->full);
	cb_put_bytes(&w, s->digest, sizeof(s->digest));
	cb_put_bytes(&w, s->boot, sizeof(s->boot));
	cb_put_int(&w, s->from_s);
	cb_put_array(&w, s->count);
	for (size_t i = 0; i < s->count; i++) {
		const struct evidence_component *c = &s->components[i];

		cb_put_array(&w, COMPONENT_FIELDS);
		cb_put_uint(&w, c->component);
		cb_put_int(&w, c->first_s);
		cb_put_int(&w, c->last_s);
		cb_put_bool(&w, c->exposed);
	}
	return writer_len(&w);
}

static void get_component(struct cb *c, struct evidence_component *ret)
{
	if (cb_get_array(c, COMPONENT_FIELDS) != COMPONENT_FIELDS)
		cb_fail(c, -EBADMSG);
	ret->component = (uint32_t)cb_get_uint_max(c, UINT32_MAX - 1);
	ret->first_s = cb_get_int(c);
	ret->last_s = cb_get_int(c);
	ret->exposed = cb_get_bool(c);
}

int seen_decode(const uint8_t *buf, size_t len, struct seen *ret)
{
	struct cb c;

	memset(ret, 0, sizeof(*ret));
	cb_init(&c, buf, len);
	if (cb_get_array(&c, FIELDS) != FIELDS)
		cb_fail(&c, -EBADMSG);
	if (cb_get_uint(&c) != VERSION)
		cb_fail(&c, -ENOTSUP);
	cb_get_fixed(&c, ret->image, sizeof(ret->image));
	ret->counter = cb_get_uint_max(&c, INT64_MAX - 1);
	ret->full = cb_get_uint_max(&c, INT64_MAX);
	cb_get_fixed(&c, ret->digest, sizeof(ret->digest));
	cb_get_fixed(&c, ret->boot, sizeof(ret->boot));
	ret->from_s = cb_get_int(&c);
	ret->count = cb_get_array(&c, EVIDENCE_COMPONENTS_MAX);
	for (size_t i = 0; i < ret->count; i++) {
		get_component(&c, &ret->components[i]);
		if (i > 0 &&
		    ret->components[i].component <= ret->components[i - 1].component)
			cb_fail(&c, -EBADMSG);
	}
	return cb_finish(&c);
}

void seen_load(const char *dir, const uint8_t image[static EVIDENCE_HASH_LEN],
	       int64_t now_s, struct seen *ret)
{
	static uint8_t buf[SEEN_BYTES_MAX];
	int r = file_read(dir, seen_name, buf, sizeof(buf));

	if (r >= 0)
		r = seen_decode(buf, (size_t)r, ret);
	if (r == 0 && memcmp(ret->image, image, EVIDENCE_HASH_LEN) == 0)
		return;
	if (r < 0 && r != -ENOENT)
		log_warn("seen-unread", "do=\"nothing: the window begins anew\"");
	if (r < 0)
		ret->counter = 0;
	/* the counter goes on with another image; the rest is of the one before */
	*ret = (struct seen){ .counter = ret->counter, .from_s = now_s };
	memcpy(ret->image, image, EVIDENCE_HASH_LEN);
}

int seen_save(const char *dir, const struct seen *s)
{
	static uint8_t buf[SEEN_BYTES_MAX];
	int n = seen_encode(s, buf, sizeof(buf));

	return n < 0 ? n : file_replace(dir, seen_name, buf, (size_t)n);
}

/* What was known, not seen now. */
static struct evidence_component remembered(const struct evidence_component *before)
{
	struct evidence_component c = *before;

	c.loaded = false;
	c.processes = 0;
	return c;
}

/* Seen now, and known before. */
static struct evidence_component seen_again(const struct evidence_component *before,
					    const struct evidence_component *now)
{
	struct evidence_component c = *now;

	c.first_s = before->first_s;
	c.exposed |= before->exposed;
	return c;
}

void seen_merge(struct seen *s, struct evidence *e)
{
	static struct evidence_component all[EVIDENCE_COMPONENTS_MAX];
	const struct evidence_component *a = s->components, *b = e->components;
	const struct evidence_component *a_end = a + s->count;
	const struct evidence_component *b_end = b + e->component_count;
	size_t n = 0;

	while ((a < a_end || b < b_end) && n < EVIDENCE_COMPONENTS_MAX) {
		if (b == b_end || (a < a_end && a->component < b->component))
			all[n++] = remembered(a++);
		else if (a == a_end || b->component < a->component)
			all[n++] = *b++;
		else
			all[n++] = seen_again(a++, b++);
	}
	s->count = e->component_count = n;
	memcpy(s->components, all, n * sizeof(all[0]));
	memcpy(e->components, all, n * sizeof(all[0]));
}

uint64_t seen_snapshot(const char *dir)
{
	uint8_t buf[sizeof(uint64_t)];
	struct reader r;

	if (file_read(dir, snapshot_name, buf, sizeof(buf)) != sizeof(buf))
		return 0;
	reader_init(&r, buf, sizeof(buf));
	return read_be64(&r);
}

int seen_snapshot_save(const char *dir, uint64_t number)
{
	uint8_t buf[sizeof(number)];
	struct writer w;

	writer_init(&w, buf, sizeof(buf));
	write_be64(&w, number);
	return file_replace(dir, snapshot_name, buf, sizeof(buf));
}

int seen_key(const char *dir, uint8_t ret[static P256_PRIVATE_LEN])
{
	uint8_t public[P256_PUBLIC_LEN];
	int r = file_read(dir, key_name, ret, P256_PRIVATE_LEN);

	if (r == P256_PRIVATE_LEN && p256_public(ret, public) == 0)
		return 0;
	if (r >= 0 || r == -EMSGSIZE) {
		log_warn("key-damaged", "file=%s do=\"the clinic sees another key\"",
			 key_name);
	} else if (r != -ENOENT) {
		return r;
	}
	p256_generate(ret, public);
	return file_replace(dir, key_name, ret, P256_PRIVATE_LEN);
}
