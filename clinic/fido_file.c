/*
 * fido_file.c - see fido_file.h.
 */
#include "clinic/fido_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/files.h"
#include "hub/core/cursor.h"
#include "hub/rt/file.h"

enum { VERSION = 1, MARK_LEN = 4, READ_MAX = 4096, UNCOMPRESSED = 4 };

static const uint8_t mark[MARK_LEN] = { 'H', 'F', 'I', 'D' };

bool fido_file_is(const uint8_t *buf, size_t len)
{
	return len >= MARK_LEN && memcmp(buf, mark, MARK_LEN) == 0;
}

int fido_file_decode(const uint8_t *buf, size_t len, struct fido_file *ret)
{
	const uint8_t *id;
	struct reader r;
	uint8_t version, kind;

	memset(ret, 0, sizeof(*ret));
	if (!fido_file_is(buf, len))
		return -EBADMSG;
	reader_init(&r, buf + MARK_LEN, len - MARK_LEN);
	version = read_u8(&r);
	if (!reader_ok(&r) || version != VERSION)
		return reader_ok(&r) ? -ENOTSUP : -EBADMSG;
	kind = read_u8(&r);
	read_bytes(&r, ret->public, sizeof(ret->public));
	ret->credential_len = read_be16(&r);
	id = read_span(&r, ret->credential_len);
	if (!reader_done(&r) || ret->credential_len == 0 ||
	    ret->credential_len > FIDO_CREDENTIAL_MAX || ret->public[0] != UNCOMPRESSED ||
	    (kind != SIGNER_FIDO2 && kind != SIGNER_FIDO2_VERIFIED))
		return -EBADMSG;
	ret->kind = (enum signer_kind)kind;
	memcpy(ret->credential, id, ret->credential_len);
	return 0;
}

int fido_file_encode(const struct fido_file *f, uint8_t ret[static FIDO_FILE_MAX])
{
	struct writer w;

	writer_init(&w, ret, FIDO_FILE_MAX);
	write_bytes(&w, mark, sizeof(mark));
	write_u8(&w, VERSION);
	write_u8(&w, (uint8_t)f->kind);
	write_bytes(&w, f->public, sizeof(f->public));
	write_be16(&w, (uint16_t)f->credential_len);
	write_bytes(&w, f->credential, f->credential_len);
	return writer_len(&w);
}

int fido_file_read(const char *dir, const char *name, struct fido_file *ret,
		   char why[static FOLDER_WHY_MAX])
{
	uint8_t buf[READ_MAX];
	int n = file_read(dir, name, buf, sizeof(buf)), r;

	/* what cannot be read or is another key is told by whoever reads those */
	if (n < 0 || !fido_file_is(buf, (size_t)n))
		return 0;
	r = fido_file_decode(buf, (size_t)n, ret);
	if (r == 0)
		return 1;
	snprintf(why, FOLDER_WHY_MAX,
		 r == -ENOTSUP ? "%s/%s is of a newer version: update clinicctl"
			       : "%s/%s is damaged: restore it, or make a new credential "
				 "('clinicctl signer credential')",
		 dir, name);
	return r;
}

int fido_file_read_path(const char *path, struct fido_file *ret,
			char why[static FOLDER_WHY_MAX])
{
	struct files_place at;

	return files_place_of(path, &at) < 0 ? 0
					     : fido_file_read(at.dir, at.name, ret, why);
}

int fido_file_write(const char *dir, const char *name, const struct fido_file *f)
{
	uint8_t buf[FIDO_FILE_MAX];
	int n = fido_file_encode(f, buf);

	return n < 0 ? -EIO : file_replace(dir, name, buf, (size_t)n);
}
