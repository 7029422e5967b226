/*
 * identity_file.c - see identity_file.h.
 */
#include "coap/identity_file.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cursor.h"

enum { VERSION = 1, MAGIC_LEN = 4, FLAG_RENEWAL = 1, FLAG_RESETTING = 1 };

static const uint8_t key_magic[] = "HKEY", state_magic[] = "HENR";

static void write_part(struct writer *w, const uint8_t *p, size_t len)
{
	write_be16(w, (uint16_t)len);
	write_bytes(w, p, len);
}

/* Its hash at the end. Returns the whole length. */
static size_t close_file(struct writer *w, uint8_t *buf)
{
	size_t len = (size_t)writer_len(w);

	crypto_sha256(buf, len, buf + len);
	return len + SHA256_LEN;
}

size_t identity_key_encode(const struct identity_key *k,
			   uint8_t ret[static IDENTITY_FILE_MAX])
{
	struct writer w;

	writer_init(&w, ret, IDENTITY_FILE_MAX - SHA256_LEN);
	write_bytes(&w, key_magic, MAGIC_LEN);
	write_u8(&w, VERSION);
	write_u8(&w, k->renewal ? FLAG_RENEWAL : 0);
	write_be32(&w, k->epoch);
	write_bytes(&w, k->private, P256_PRIVATE_LEN);
	write_part(&w, k->request, k->request_len);
	write_part(&w, k->cert, k->cert_len);
	return close_file(&w, ret);
}

/* Is it whole, of this kind, and of our version? Then r stands behind the version. */
static int open_file(const uint8_t *buf, size_t len, const uint8_t *magic,
		     struct reader *r)
{
	uint8_t hash[SHA256_LEN];
	const uint8_t *said;

	if (len < SHA256_LEN + MAGIC_LEN + 1)
		return -EBADMSG;
	len -= SHA256_LEN;
	crypto_sha256(buf, len, hash);
	reader_init(r, buf, len);
	said = read_span(r, MAGIC_LEN);
	if (!crypto_equal(hash, buf + len, SHA256_LEN) || !said ||
	    memcmp(said, magic, MAGIC_LEN) != 0)
		return -EBADMSG;
	return read_u8(r) == VERSION ? 0 : -ENOTSUP;
}

/* One that we do not know may mean anything. */
static int read_flag(struct reader *r, uint8_t flag, bool *ret)
{
	uint8_t flags = read_u8(r);

	*ret = flags == flag;
	return flags & ~flag ? -ENOTSUP : 0;
}

static int read_part(struct reader *r, uint8_t *ret, size_t cap, size_t *ret_len)
{
	size_t len = read_be16(r);

	if (len > cap)
		return -EMSGSIZE;
	read_bytes(r, ret, len);
	*ret_len = len;
	return 0;
}

int identity_key_decode(const uint8_t *buf, size_t len, struct identity_key *ret)
{
	struct identity_key k = { .there = true };
	struct reader r;
	int e = open_file(buf, len, key_magic, &r);

	if (e == 0) {
		e = read_flag(&r, FLAG_RENEWAL, &k.renewal);
		k.epoch = read_be32(&r);
		read_bytes(&r, k.private, P256_PRIVATE_LEN);
	}
	if (e == 0)
		e = read_part(&r, k.request, sizeof(k.request), &k.request_len);
	if (e == 0)
		e = read_part(&r, k.cert, sizeof(k.cert), &k.cert_len);
	if (e == 0 && !reader_done(&r))
		e = -EBADMSG;
	if (e == 0)
		*ret = k;
	crypto_wipe(&k, sizeof(k));
	return e;
}

void identity_state_encode(const struct identity_state *s,
			   uint8_t ret[static IDENTITY_STATE_LEN])
{
	struct writer w;

	writer_init(&w, ret, IDENTITY_STATE_LEN - SHA256_LEN);
	write_bytes(&w, state_magic, MAGIC_LEN);
	write_u8(&w, VERSION);
	write_u8(&w, s->resetting ? FLAG_RESETTING : 0);
	write_u8(&w, s->tries);
	write_be32(&w, s->epoch);
	close_file(&w, ret);
}

int identity_state_decode(const uint8_t *buf, size_t len, struct identity_state *ret)
{
	struct identity_state s;
	struct reader r;
	int e = open_file(buf, len, state_magic, &r);

	if (e == 0)
		e = read_flag(&r, FLAG_RESETTING, &s.resetting);
	if (e < 0)
		return e;
	s.tries = read_u8(&r);
	s.epoch = read_be32(&r);
	if (!reader_done(&r))
		return -EBADMSG;
	*ret = s;
	return 0;
}
