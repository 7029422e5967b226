/*
 * image.c - see image.h.
 *
 * Invariant: image_find reads only inside what image_open has measured.
 */
#include "hub/core/image.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cbor.h"

enum {
	MAGIC_LEN = 8,
	COMPONENT_AT = 2 * IMAGE_HASH_LEN,
	STATEMENT_VERSION = 1,
	STATEMENT_FIELDS = 6,
};

static const uint8_t magic[MAGIC_LEN] = { 'H', 'U', 'B', 'I', 'M', 'G', '1', 0 };

static const uint8_t *record_at(const struct image *image, size_t i)
{
	return image->records + i * IMAGE_RECORD_LEN;
}

static void read_record(const uint8_t *at, struct image_file *ret)
{
	struct reader r;

	reader_init(&r, at + COMPONENT_AT, IMAGE_RECORD_LEN - COMPONENT_AT);
	ret->hash = at + IMAGE_HASH_LEN;
	ret->component = read_be32(&r);
	ret->flags = read_be32(&r);
}

static int check(const struct image *image)
{
	struct image_file f;

	for (size_t i = 0; i < image->count; i++) {
		if (i > 0 && memcmp(record_at(image, i - 1), record_at(image, i),
				    IMAGE_HASH_LEN) >= 0)
			return -EBADMSG;
		read_record(record_at(image, i), &f);
		if (f.component >= image->components)
			return -ERANGE;
	}
	return 0;
}

int image_open(const uint8_t *buf, size_t len, struct image *ret)
{
	struct image image = { 0 };
	const uint8_t *form;
	struct reader r;
	int err;

	reader_init(&r, buf, len);
	form = read_span(&r, MAGIC_LEN);
	if (!form)
		return -EMSGSIZE;
	if (memcmp(form, magic, MAGIC_LEN) != 0)
		return -ENOTSUP;
	image.count = read_be32(&r);
	image.components = read_be32(&r);
	read_bytes(&r, image.sbom, IMAGE_HASH_LEN);
	if (!reader_ok(&r))
		return -EMSGSIZE;
	if (image.count > IMAGE_RECORDS_MAX || image.components > IMAGE_COMPONENTS_MAX)
		return -ERANGE;
	if (reader_left(&r) != image.count * IMAGE_RECORD_LEN)
		return -EMSGSIZE;
	image.records = r.p;
	err = check(&image);
	if (err == 0)
		*ret = image;
	return err;
}

bool image_find(const struct image *image, const uint8_t path_hash[static IMAGE_HASH_LEN],
		struct image_file *ret)
{
	size_t low = 0, high = image->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = memcmp(record_at(image, middle), path_hash, IMAGE_HASH_LEN);

		if (order == 0) {
			read_record(record_at(image, middle), ret);
			return true;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static void get_text(struct cb *c, char ret[static IMAGE_TEXT_MAX + 1])
{
	size_t len;
	const char *text = cb_get_text(c, &len);

	if (len > IMAGE_TEXT_MAX)
		cb_fail(c, -ERANGE);
	if (cb_error(c))
		return;
	memcpy(ret, text, len);
	ret[len] = '\0';
}

int image_statement_decode(const uint8_t *buf, size_t len, struct image_statement *ret)
{
	struct image_statement s = { 0 };
	struct cb c;

	cb_init(&c, buf, len);
	if (cb_get_array(&c, STATEMENT_FIELDS) != STATEMENT_FIELDS)
		cb_fail(&c, -EBADMSG);
	if (cb_get_uint(&c) != STATEMENT_VERSION)
		cb_fail(&c, -ENOTSUP);
	get_text(&c, s.product);
	get_text(&c, s.version);
	cb_get_fixed(&c, s.manifest, sizeof(s.manifest));
	cb_get_fixed(&c, s.sbom, sizeof(s.sbom));
	cb_get_fixed(&c, s.facts, sizeof(s.facts));
	if (cb_finish(&c))
		return cb_finish(&c);
	*ret = s;
	return 0;
}
