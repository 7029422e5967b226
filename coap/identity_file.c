/*
 * identity_file.c - see identity_file.h.
 */
#include "coap/identity_file.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cursor.h"

/* Of a key file version 2 has the fields that a key of version 1 does not need. */
enum { VERSION = 1, VERSION_MORE = 2, MAGIC_LEN = 4 };
enum { FLAG_RENEWAL = 1, FLAG_WRAPPED = 2, FLAG_EMERGENCY = 4, FLAG_RESETTING = 1 };

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
	bool more = k->wrapped || k->is_emergency || k->wanted != 0;
	struct writer w;

	writer_init(&w, ret, IDENTITY_FILE_MAX - SHA256_LEN);
	write_bytes(&w, key_magic, MAGIC_LEN);
	write_u8(&w, more ? VERSION_MORE : VERSION);
	write_u8(&w, (uint8_t)((k->renewal ? FLAG_RENEWAL : 0) |
			       (k->wrapped ? FLAG_WRAPPED : 0) |
			       (k->is_emergency ? FLAG_EMERGENCY : 0)));
	write_be32(&w, k->epoch);
	if (more)
		write_be32(&w, k->wanted);
	if (k->wrapped)
		write_bytes(&w, k->wrap, IDENTITY_WRAP_LEN);
	else
		write_bytes(&w, k->private, P256_PRIVATE_LEN);
	if (k->is_emergency)
		write_bytes(&w, k->beside, SHA256_LEN);
	write_part(&w, k->request, k->request_len);
	write_part(&w, k->cert, k->cert_len);
	return close_file(&w, ret);
}

/* Is it whole, of this kind, and of a version of ours? Then r stands behind the version. */
static int open_file(const uint8_t *buf, size_t len, const uint8_t *magic, uint8_t newest,
		     struct reader *r, uint8_t *ret_version)
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
	*ret_version = read_u8(r);
	return *ret_version >= VERSION && *ret_version <= newest ? 0 : -ENOTSUP;
}

/* One that we do not know may mean anything. */
static int read_flags(struct reader *r, uint8_t known, uint8_t *ret)
{
	*ret = read_u8(r);
	return *ret & ~known ? -ENOTSUP : 0;
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

/* From behind the epoch to the request. There is one form of each key: what version 1 can say is of version 1. */
static int read_key(struct reader *r, uint8_t version, uint8_t flags,
		    struct identity_key *k)
{
	k->renewal = flags & FLAG_RENEWAL;
	k->wrapped = k->shut = flags & FLAG_WRAPPED;
	k->is_emergency = flags & FLAG_EMERGENCY;
	if (version == VERSION_MORE)
		k->wanted = read_be32(r);
	if (k->wrapped)
		read_bytes(r, k->wrap, IDENTITY_WRAP_LEN);
	else
		read_bytes(r, k->private, P256_PRIVATE_LEN);
	if (k->is_emergency)
		read_bytes(r, k->beside, SHA256_LEN);
	return version == VERSION_MORE && !k->wrapped && !k->is_emergency &&
			       k->wanted == 0
		       ? -EBADMSG
		       : 0;
}

int identity_key_decode(const uint8_t *buf, size_t len, struct identity_key *ret)
{
	struct identity_key k = { .there = true };
	uint8_t version, flags = 0;
	struct reader r;
	int e = open_file(buf, len, key_magic, VERSION_MORE, &r, &version);

	if (e == 0)
		e = read_flags(&r,
			       version == VERSION
				       ? FLAG_RENEWAL
				       : FLAG_RENEWAL | FLAG_WRAPPED | FLAG_EMERGENCY,
			       &flags);
	if (e == 0) {
		k.epoch = read_be32(&r);
		e = read_key(&r, version, flags, &k);
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

/* What a wrap is for: a private key of ours, of this epoch. */
enum { PURPOSE_LEN = 12 };

static void purpose(const struct identity_key *k, uint8_t ret[static PURPOSE_LEN])
{
	struct writer w;

	writer_init(&w, ret, PURPOSE_LEN);
	write_bytes(&w, (const uint8_t *)"identity", 8);
	write_be32(&w, k->epoch);
}

void identity_key_wrap(struct identity_key *k, const uint8_t share[static KEY_LEN])
{
	uint8_t ad[PURPOSE_LEN];

	purpose(k, ad);
	crypto_wrap(share, ad, sizeof(ad), k->private, sizeof(k->private), k->wrap);
	k->wrapped = true;
}

int identity_key_open(struct identity_key *k, const uint8_t share[static KEY_LEN])
{
	uint8_t ad[PURPOSE_LEN];
	int r;

	purpose(k, ad);
	r = crypto_unwrap(share, ad, sizeof(ad), k->wrap, sizeof(k->wrap), k->private);
	if (r == 0)
		k->shut = false;
	return r;
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
	struct identity_state s = { 0 };
	uint8_t version, flags = 0;
	struct reader r;
	int e = open_file(buf, len, state_magic, VERSION, &r, &version);

	if (e == 0)
		e = read_flags(&r, FLAG_RESETTING, &flags);
	if (e < 0)
		return e;
	s.resetting = flags & FLAG_RESETTING;
	s.tries = read_u8(&r);
	s.epoch = read_be32(&r);
	if (!reader_done(&r))
		return -EBADMSG;
	*ret = s;
	return 0;
}
