#pragma once

/*
 * image.h - the list of files of the image that may run, as the build made it: manifest.bin, and the build's signed word.
 *
 * The bytes are described in rootfs/image/sbom.py, which makes them. Paths are named by their SHA-256, so that the list has
 * no text in it; names of components are in the SBOM, where a component's number is its position.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	IMAGE_HASH_LEN = 32,
	IMAGE_HEADER_LEN = 48,
	IMAGE_RECORD_LEN = 72,
	IMAGE_RECORDS_MAX = 16384,
	IMAGE_COMPONENTS_MAX = 1024,
	IMAGE_TEXT_MAX = 32,
	IMAGE_STATEMENT_MAX = 256, /* signed */
};

#define SIGN_CONTEXT_IMAGE "hub/v1/image"

/* What the build says of a file. */
enum image_flag {
	IMAGE_MAY_EXECUTE = 1 << 0,
	IMAGE_EXPOSED = 1 << 1, /* as a process: bytes from outside reach it */
	IMAGE_HUB = 1 << 2,	/* a program of the hub's own */
	IMAGE_MODULE = 1 << 3,	/* of the kernel */
};

/* Fields are private; the bytes are borrowed. */
struct image {
	const uint8_t *records;
	size_t count;
	uint32_t components;
	uint8_t sbom[IMAGE_HASH_LEN]; /* SHA-256 of sbom.cdx.json */
};

struct image_file {
	const uint8_t *hash; /* IMAGE_HASH_LEN octets of its content; borrowed */
	uint32_t component;
	uint32_t flags; /* enum image_flag */
};

/*
 * image_open - the whole list is looked at once: its length, its order, each component's number.
 *
 * Returns 0 with *ret, or -EMSGSIZE, -ENOTSUP (another form), -EBADMSG (not in order), -ERANGE. Pure.
 */
int image_open(const uint8_t *buf, size_t len, struct image *ret);

/*
 * image_find - the record of a path.
 *
 * path_hash   SHA-256 of the path as /proc shows it, of "module:NAME", or of "kernel:"
 *
 * Returns true with *ret, or false: the image has no such file. Pure.
 */
bool image_find(const struct image *image, const uint8_t path_hash[static IMAGE_HASH_LEN],
		struct image_file *ret);

/* The build's word, payload of image.cose. */
struct image_statement {
	char product[IMAGE_TEXT_MAX + 1], version[IMAGE_TEXT_MAX + 1];
	uint8_t manifest[IMAGE_HASH_LEN], sbom[IMAGE_HASH_LEN], facts[IMAGE_HASH_LEN];
};

/* image_statement_decode - Returns 0, -EBADMSG, -EMSGSIZE, -ERANGE, or -ENOTSUP (version). Pure. */
int image_statement_decode(const uint8_t *buf, size_t len, struct image_statement *ret);
