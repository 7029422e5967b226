/*
 * escrow_file.c - see escrow_file.h.
 */
#include "hub/escrow_file.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cursor.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"

static const uint8_t magic[4] = { 'H', 'E', 'S', 'C' };
static const char *const names[] = { "escrow-a", "escrow-b" };

enum { FILE_VERSION = 1, BODY_LEN = ESCROW_FILE_LEN - SHA256_LEN, COPIES = 2 };

void escrow_file_encode(const struct escrow *e, uint8_t ret[static ESCROW_FILE_LEN])
{
	struct writer w;

	writer_init(&w, ret, BODY_LEN);
	write_bytes(&w, magic, sizeof(magic));
	write_u8(&w, FILE_VERSION);
	write_u8(&w, e->kept);
	write_bytes(&w, e->hub, HUB_ID_LEN);
	write_be32(&w, e->epoch);
	write_be32(&w, e->lock_epoch);
	write_bytes(&w, e->authority, X25519_LEN);
	write_bytes(&w, e->release_key, KEY_LEN);
	write_bytes(&w, e->wrapped, ESCROW_WRAPPED_LEN);
	write_bytes(&w, e->sealed, ESCROW_SEALED_LEN);
	crypto_sha256(ret, BODY_LEN, ret + BODY_LEN);
}

int escrow_file_decode(const uint8_t *buf, size_t len, struct escrow *ret)
{
	uint8_t hash[SHA256_LEN], head[sizeof(magic)], version, kept;
	struct reader r;

	if (len != ESCROW_FILE_LEN)
		return -EMSGSIZE;
	crypto_sha256(buf, BODY_LEN, hash);
	if (memcmp(hash, buf + BODY_LEN, sizeof(hash)) != 0)
		return -EBADMSG;
	reader_init(&r, buf, BODY_LEN);
	read_bytes(&r, head, sizeof(head));
	version = read_u8(&r);
	kept = read_u8(&r);
	if (memcmp(head, magic, sizeof(magic)) != 0 || kept > 1)
		return -EBADMSG;
	if (version != FILE_VERSION)
		return -ENOTSUP;
	ret->kept = kept == 1;
	read_bytes(&r, ret->hub, HUB_ID_LEN);
	ret->epoch = read_be32(&r);
	ret->lock_epoch = read_be32(&r);
	read_bytes(&r, ret->authority, X25519_LEN);
	read_bytes(&r, ret->release_key, KEY_LEN);
	read_bytes(&r, ret->wrapped, ESCROW_WRAPPED_LEN);
	read_bytes(&r, ret->sealed, ESCROW_SEALED_LEN);
	return reader_done(&r) ? 0 : -EBADMSG;
}

bool escrow_file_exists(const char *dir)
{
	return !file_is_gone(dir, names[0]) || !file_is_gone(dir, names[1]);
}

int escrow_file_load(const char *dir, struct escrow *ret)
{
	uint8_t buf[ESCROW_FILE_LEN];
	int r = -ENOENT;

	for (unsigned copy = 0; copy < COPIES; copy++) {
		int n = file_read(dir, names[copy], buf, sizeof(buf));
		int one = n < 0 ? n : escrow_file_decode(buf, (size_t)n, ret);

		if (one == 0) {
			crypto_wipe(buf, sizeof(buf));
			return 0;
		}
		r = one == -ENOENT ? r : one;
	}
	crypto_wipe(buf, sizeof(buf));
	return r;
}

bool escrow_file_holds(const char *dir, const struct escrow *e)
{
	uint8_t want[ESCROW_FILE_LEN], buf[ESCROW_FILE_LEN];
	bool same = true;

	escrow_file_encode(e, want);
	for (unsigned copy = 0; same && copy < COPIES; copy++)
		same = file_read(dir, names[copy], buf, sizeof(buf)) == ESCROW_FILE_LEN &&
		       memcmp(buf, want, sizeof(buf)) == 0;
	crypto_wipe(want, sizeof(want));
	crypto_wipe(buf, sizeof(buf));
	return same;
}

int escrow_file_save(const char *dir, const struct escrow *e)
{
	uint8_t buf[ESCROW_FILE_LEN];
	int r = 0;

	escrow_file_encode(e, buf);
	for (unsigned copy = 0; r == 0 && copy < COPIES; copy++) {
		r = file_replace(dir, names[copy], buf, sizeof(buf));
		if (r == 0 && copy == 0)
			FAILPOINT("hubd.escrow.first");
		else if (r == 0)
			FAILPOINT("hubd.escrow.second");
	}
	crypto_wipe(buf, sizeof(buf));
	return r;
}
