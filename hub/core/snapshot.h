#pragma once

/*
 * snapshot.h - what a hub looked like when it locked itself, for whoever investigates: named texts of hub-measure, and files
 * of the audit log.
 *
 * No reading, no key, no patient: names of programs, files and sockets as the kernel shows them, and its log. A name or a
 * line may be chosen by an attacker: what is not printable was replaced where it was read.
 * The texts are signed (COSE_Sign1, SIGN_CONTEXT_SNAPSHOT) with hub-measure's own key; items are cut into pieces, and each
 * piece is a record of kind READING_SNAPSHOT. Byte table: docs/MESSAGES.md, 'Snapshot'.
 */
#include <stddef.h>
#include <stdint.h>

enum {
	SNAPSHOT_VERSION = 1,
	SNAPSHOT_BOOT_LEN = 16,
	SNAPSHOT_PUBLIC_LEN = 65,
	SNAPSHOT_TEXTS_MAX = 12,
	SNAPSHOT_NAME_MAX = 23,
	SNAPSHOT_TEXT_MAX = 48 * 1024, /* of one text, octets */
	SNAPSHOT_PAYLOAD_MAX = 192 * 1024,
	SNAPSHOT_BYTES_MAX = SNAPSHOT_PAYLOAD_MAX + 80, /* signed */
	SNAPSHOT_PIECE_MAX = 880,
	SNAPSHOT_PIECES_MAX = 512, /* of one item */
	SNAPSHOT_ITEM_MAX = SNAPSHOT_PIECE_MAX * SNAPSHOT_PIECES_MAX,
	/* a piece with its frame, before the seal */
	SNAPSHOT_PIECE_BODY_MAX = SNAPSHOT_PIECE_MAX + 24,
	/* items: 0 the texts, then files of the audit log, oldest first */
	SNAPSHOT_ITEM_TEXTS = 0,
	SNAPSHOT_ITEMS_MAX = 8,
	SNAPSHOT_AHEAD = 16, /* pieces that hub-measure sends before it waits */
};

_Static_assert(SNAPSHOT_BYTES_MAX <= SNAPSHOT_ITEM_MAX, "the texts are one item");

#define SIGN_CONTEXT_SNAPSHOT "hub/v1/snapshot"

struct snapshot_text {
	const char *name; /* a-z, 0-9, '-'; not ended: name_len; borrowed */
	size_t name_len;
	const uint8_t *bytes; /* printable, tab, newline; borrowed */
	size_t len;
	uint32_t cut; /* octets that there was no room for */
};

struct snapshot {
	uint64_t number; /* of the lock: snapshot_number */
	int64_t made_s;	 /* by the hub's clock, seconds UTC */
	uint8_t boot[SNAPSHOT_BOOT_LEN];
	uint8_t public_key[SNAPSHOT_PUBLIC_LEN];
	size_t count;
	struct snapshot_text texts[SNAPSHOT_TEXTS_MAX];
};

/* snapshot_number - one for each level that a hub locks itself at, until it is released; 0: none is wanted at this level.
 * Pure. */
uint64_t snapshot_number(uint32_t lock_epoch, unsigned level);

/* snapshot_asked_number - of what a person at the console asked for: that of the lock, or, of a hub that is not locked, one of its
 * own, until the next lock. Never 0. Pure. */
uint64_t snapshot_asked_number(uint32_t lock_epoch, unsigned level);

/* snapshot_encode - Returns the length, -ENOSPC, or -ERANGE (a text or a name that is none, a number of 0). Pure. */
int snapshot_encode(const struct snapshot *s, uint8_t *buf, size_t cap);
/* snapshot_decode - texts are borrowed from buf. Returns 0, -EBADMSG, -ERANGE, -EMSGSIZE or -ENOTSUP (version). Pure. */
int snapshot_decode(const uint8_t *buf, size_t len, struct snapshot *ret);

/* One record's part of an item. */
struct snapshot_piece {
	uint64_t number;
	uint32_t item, index, total; /* 0..total-1 */
	const uint8_t *bytes;	     /* borrowed */
	size_t len;
};

/* snapshot_pieces - how many for so many octets. Pure. */
size_t snapshot_pieces(size_t len);
/* snapshot_piece_of - the index-th piece of an item's bytes; only its last one is shorter than SNAPSHOT_PIECE_MAX. Pure. */
struct snapshot_piece snapshot_piece_of(uint64_t number, uint32_t item,
					const uint8_t *bytes, size_t len, uint32_t index);
/* snapshot_piece_encode - Returns the length, -ENOSPC or -ERANGE. Pure. */
int snapshot_piece_encode(const struct snapshot_piece *p, uint8_t *buf, size_t cap);
/* snapshot_piece_decode - Returns 0, -EBADMSG, -ERANGE, -EMSGSIZE or -ENOTSUP. Pure. */
int snapshot_piece_decode(const uint8_t *buf, size_t len, struct snapshot_piece *ret);
