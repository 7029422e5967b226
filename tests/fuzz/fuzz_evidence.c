/*
 * fuzz_evidence.c - evidence, its pieces, the list of the image's files and the build's word: what is taken is within its
 * limits, and evidence is written again to bytes that are taken as the same.
 */
#include <stdlib.h>
#include <string.h>

#include "hub/core/evidence.h"
#include "hub/core/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_image(const uint8_t *data, size_t size)
{
	struct image_statement word;
	struct image_file f;
	struct image image;

	if (image_statement_decode(data, size, &word) == 0)
		check(memchr(word.product, '\0', sizeof(word.product)) &&
		      memchr(word.version, '\0', sizeof(word.version)));
	if (image_open(data, size, &image))
		return;
	check(!image_find(&image, image.sbom, &f) || f.component < image.components);
	for (size_t i = 0; i < image.count; i++)
		check(image_find(&image, image.records + i * IMAGE_RECORD_LEN, &f));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t first[EVIDENCE_PAYLOAD_MAX], second[EVIDENCE_PAYLOAD_MAX];
	static struct evidence e, again;
	struct evidence_piece p;
	int n;

	check_image(data, size);
	if (evidence_piece_decode(data, size, &p) == 0)
		check(p.index < p.total && p.bytes >= data &&
		      p.bytes + p.len <= data + size);
	if (evidence_decode(data, size, &e))
		return 0;
	n = evidence_encode(&e, first, sizeof(first));
	check(n > 0 && (size_t)n <= size);
	check(evidence_decode(first, (size_t)n, &again) == 0);
	check(evidence_encode(&again, second, sizeof(second)) == n);
	check(memcmp(first, second, (size_t)n) == 0);
	return 0;
}
