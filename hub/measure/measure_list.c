/*
 * measure_list.c - the image's list of files, and whether the build has signed it; see measure_inside.h.
 */
#include "hub/measure/measure_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"

enum { IMAGE_BYTES_MAX = IMAGE_HEADER_LEN + IMAGE_RECORDS_MAX * IMAGE_RECORD_LEN };

static const char default_image_dir[] = "/usr/lib/hub";

int measure_read_list(struct measure *m)
{
	const char *dir = m->options.image_dir ? m->options.image_dir : default_image_dir;
	int n;

	m->list = malloc(IMAGE_BYTES_MAX);
	if (!m->list)
		return -ENOMEM;
	n = file_read(dir, "manifest.bin", m->list, IMAGE_BYTES_MAX);
	if (n < 0)
		return n;
	crypto_sha256(m->list, (size_t)n, m->now.image);
	return image_open(m->list, (size_t)n, &m->image);
}

/* The build's word about the list. What the image says of itself proves nothing to others; it finds a list that does not
 * belong to this image. */
void measure_check_word(const struct measure *m)
{
	const char *dir = m->options.image_dir ? m->options.image_dir : default_image_dir;
	uint8_t bytes[IMAGE_STATEMENT_MAX + 1], public[P256_PUBLIC_LEN];
	struct image_statement word;
	const uint8_t *payload;
	size_t len;
	int n = file_read(dir, "image.cose", bytes, sizeof(bytes));
	int k = file_read(dir, "build.pub", public, sizeof(public));
	bool good = n > 0 && k == P256_PUBLIC_LEN &&
		    sign1_open(SIGN_CONTEXT_IMAGE, public, bytes, (size_t)n, &payload,
			       &len) == 0 &&
		    image_statement_decode(payload, len, &word) == 0 &&
		    memcmp(word.manifest, m->now.image, SHA256_LEN) == 0;

	if (!good)
		log_warn("image-word", "error=\"image.cose is not of this manifest.bin\" "
				       "do=\"rebuild the image\"");
}
