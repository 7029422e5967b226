#pragma once

/*
 * audit_segment.h - the bytes of one file of the audit log.
 *
 *   page 0       "HAUR" | length u32 | header | zeros                 written once, before the file gets its name
 *   pages 1, 2   slot A   the part of the stream that does not yet fill a page, ...
 *   pages 3, 4   slot B   ... written in turns
 *   page 5 ...   the stream's full pages, each written once
 *
 *   header  "HAUD" | version u8 | hub 16 | enrolment u32 | segment u32 | file size u32
 *           | state at its beginning: number u64, head 32, epoch u64, boot u32, mono u64, witnessed u64
 *           | one tree node 32 for each bit of number that is set, lowest first
 *           | SHA-256 of all that 32 | HMAC-SHA256(key of its first record, 0x03 || that hash) 32
 *   slot    SHA-256 of the rest of it 32 | segment u32 | generation u64 | page u32 | length u32 | zeros 12 | bytes
 *   stream  frames: length u16 | record | MAC 32
 *
 * Numbers are big-endian, pages 4,096 octets. No sector that holds something durable is written again before a newer
 * slot is durable: a torn write can only harm what was never said to be saved. A slot's hash names its segment, so what
 * an earlier life of the file left behind is nobody's.
 *
 * 'Dense' is what is exported and verified: header and stream, nothing else. Nothing here touches a file.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/cursor.h"
#include "hub/crypto/audit_chain.h"

enum {
	AUDIT_PAGE = 4096,
	AUDIT_SLOT_AT = AUDIT_PAGE, /* slot B lies AUDIT_SLOT_LEN behind */
	AUDIT_SLOT_LEN = 2 * AUDIT_PAGE,
	AUDIT_SLOT_HEAD = 64,
	AUDIT_STREAM_AT = AUDIT_SLOT_AT + 2 * AUDIT_SLOT_LEN,
	AUDIT_SEGMENT_MIN = AUDIT_STREAM_AT + 4 * AUDIT_PAGE,
	AUDIT_SEGMENT_MAX = 1 << 20,
	AUDIT_HEADER_MAX = 4 + 1 + 16 + 4 + 4 + 4 + 8 + 32 + 8 + 4 + 8 + 8 +
			   AUDIT_TREE_DEPTH * 32 + 32 + 32,
	AUDIT_DENSE_MAX = AUDIT_HEADER_MAX + AUDIT_SEGMENT_MAX - AUDIT_STREAM_AT,
};

struct audit_header {
	uint8_t hub[HUB_ID_LEN];
	uint32_t enrolment;
	uint32_t segment;	  /* 1 and up, never used again */
	uint32_t bytes;		  /* of the file, whole pages */
	struct audit_chain start; /* the log before its first record */
	uint8_t digest[SHA256_LEN];
	uint8_t mac[SHA256_LEN];
};

/* audit_header_encode - fills in digest and mac too. Returns the length, or -ENOSPC. */
int audit_header_encode(struct audit_header *h, const uint8_t key[static KEY_LEN],
			uint8_t *buf, size_t cap);
/*
 * audit_header_decode - from the beginning of a dense segment; the digest is checked, the MAC is not.
 *
 * Returns its length, or -EBADMSG, -ENOTSUP (version), -ERANGE.
 */
int audit_header_decode(const uint8_t *buf, size_t len, struct audit_header *ret);
bool audit_header_mac_good(const struct audit_header *h,
			   const uint8_t key[static KEY_LEN]);

/* audit_page0_encode - header as the first page of a file. */
int audit_page0_encode(struct audit_header *h, const uint8_t key[static KEY_LEN],
		       uint8_t ret[static AUDIT_PAGE]);
/* audit_page0_decode - Returns the length of the header, which begins at buf + 8, or as audit_header_decode. */
int audit_page0_decode(const uint8_t *buf, size_t len, struct audit_header *ret);

struct audit_slot {
	uint32_t segment;
	uint64_t generation; /* 1 and up; the higher of the two counts */
	uint32_t page;	     /* of the stream: where its bytes belong */
	uint32_t len;	     /* 0..AUDIT_PAGE - 1 */
};

/* audit_slot_encode - bytes lie at buf + AUDIT_SLOT_HEAD already. Returns how many octets to write, whole pages. */
size_t audit_slot_encode(const struct audit_slot *s, uint8_t buf[static AUDIT_SLOT_LEN]);
/* audit_slot_decode - Returns 0, -ENOENT (nobody's, or another segment's), or -EBADMSG with *ret: this segment's, torn. */
int audit_slot_decode(const uint8_t buf[static AUDIT_SLOT_LEN], uint32_t segment,
		      struct audit_slot *ret);

struct audit_frame {
	const uint8_t *record; /* borrowed */
	size_t len;
	const uint8_t *mac;
};

/* audit_frame_next - Returns 1, 0 at the end, or -EBADMSG. */
int audit_frame_next(struct reader *r, struct audit_frame *ret);
/* audit_frame_put - Returns the frame's length; buf holds AUDIT_FRAME_MAX. */
size_t audit_frame_put(const uint8_t *record, size_t len,
		       const uint8_t mac[static SHA256_LEN], uint8_t *buf);

/* What is in a file. */
struct audit_found {
	struct audit_header header;
	size_t header_len, stream_len; /* in the dense form */
	bool broken; /* no slot fits what is in the pages: not what a power cut leaves */
	unsigned slot;		 /* the one that counts, 0 or 1 */
	uint64_t generation;	 /* of that slot, 0: none */
	uint32_t page, tail_len; /* where the stream ends */
	size_t cut;		 /* octets of a write that a power cut tore */
};

/*
 * audit_segment_read - a file's bytes to the dense form: the newest slot with which the whole stream is a chain.
 *
 * raw, len   the file
 * dense      AUDIT_DENSE_MAX octets
 *
 * Returns the length of the dense form, or what audit_page0_decode says. If no slot fits (ret->broken) the stream is what
 * still follows from the beginning.
 */
int audit_segment_read(const uint8_t *raw, size_t len, uint8_t *dense,
		       struct audit_found *ret);
