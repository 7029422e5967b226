/*
 * pkcs11_file.c - see pkcs11_file.h.
 */
#include "clinic/pkcs11_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/files.h"
#include "hub/core/cursor.h"
#include "hub/core/hex.h"
#include "hub/rt/file.h"

enum { READ_MAX = 4096, UNCOMPRESSED = 4 };

static const char scheme[] = "pkcs11:", label[] = "public ";

bool pkcs11_file_is(const uint8_t *buf, size_t len)
{
	return len >= sizeof(scheme) - 1 && memcmp(buf, scheme, sizeof(scheme) - 1) == 0;
}

/* The second line, which may be absent. */
static bool decode_public(struct reader *r, uint8_t ret[static SIGNER_PUBLIC_LEN])
{
	const uint8_t *p = read_span(r, sizeof(label) - 1);

	if (!p || memcmp(p, label, sizeof(label) - 1) != 0)
		return false;
	for (size_t i = 0; i < SIGNER_PUBLIC_LEN; i++) {
		int high = hex_digit((char)read_u8(r));
		int low = hex_digit((char)read_u8(r));

		if (high < 0 || low < 0)
			return false;
		ret[i] = (uint8_t)(high * 16 + low);
	}
	return read_u8(r) == '\n' && ret[0] == UNCOMPRESSED && reader_done(r);
}

int pkcs11_file_decode(const uint8_t *buf, size_t len, struct pkcs11_file *ret)
{
	const uint8_t *end = memchr(buf, '\n', len);
	size_t n = end ? (size_t)(end - buf) : len;
	struct reader r;

	memset(ret, 0, sizeof(*ret));
	if (!pkcs11_uri_ok((const char *)buf, n))
		return -EBADMSG;
	memcpy(ret->uri, buf, n);
	if (!end || n + 1 == len)
		return 0;
	reader_init(&r, end + 1, len - n - 1);
	return decode_public(&r, ret->public) ? 0 : -EBADMSG;
}

int pkcs11_file_encode(const struct pkcs11_file *f, uint8_t ret[static PKCS11_FILE_MAX])
{
	static const char digits[] = "0123456789abcdef";
	struct writer w;

	writer_init(&w, ret, PKCS11_FILE_MAX);
	write_bytes(&w, (const uint8_t *)f->uri, strlen(f->uri));
	write_u8(&w, '\n');
	if (f->public[0] == 0)
		return writer_len(&w);
	write_bytes(&w, (const uint8_t *)label, sizeof(label) - 1);
	for (size_t i = 0; i < sizeof(f->public); i++) {
		write_u8(&w, (uint8_t)digits[f->public[i] >> 4]);
		write_u8(&w, (uint8_t)digits[f->public[i] & 15]);
	}
	write_u8(&w, '\n');
	return writer_len(&w);
}

int pkcs11_file_read(const char *dir, const char *name, struct pkcs11_file *ret,
		     char why[static FOLDER_WHY_MAX])
{
	uint8_t buf[READ_MAX];
	int n = file_read(dir, name, buf, sizeof(buf));

	/* what cannot be read or is another key is told by whoever reads those */
	if (n < 0 || !pkcs11_file_is(buf, (size_t)n))
		return 0;
	if (pkcs11_file_decode(buf, (size_t)n, ret) == 0)
		return 1;
	snprintf(why, FOLDER_WHY_MAX,
		 "%s/%s is damaged: its first line is a PKCS#11 URI of at most %d "
		 "characters, its second one, if there is one, 'public' and 130 "
		 "digits",
		 dir, name, PKCS11_URI_MAX);
	return -EBADMSG;
}

int pkcs11_file_read_path(const char *path, struct pkcs11_file *ret,
			  char why[static FOLDER_WHY_MAX])
{
	struct files_place at;

	return files_place_of(path, &at) < 0
		       ? 0
		       : pkcs11_file_read(at.dir, at.name, ret, why);
}

int pkcs11_file_write(const char *dir, const char *name, const struct pkcs11_file *f)
{
	uint8_t buf[PKCS11_FILE_MAX];
	int n = pkcs11_file_encode(f, buf);

	return n < 0 ? -EIO : file_replace(dir, name, buf, (size_t)n);
}
