#pragma once

/*
 * label.h - what is printed on a hub: the hash of its device key, for people and for a camera. Nothing in it is secret.
 *
 *   HUB1:  52 characters of base32 (RFC 4648, 6): SHA-256 of the device key's SubjectPublicKeyInfo, whose first half is the
 *          hub's id; then 4 check characters. 56 in all, written in 8 groups of 7. With 'HUB1:' in front it is in the QR code.
 *
 * The check is a code over GF(32) like that of Bech32 (BIP 173): 'HUB1:' (each octet as its high three bits and its low five)
 * and the 56 characters, as coefficients of a polynomial, are a multiple of
 *
 *   g(x) = x^4 + x^3 + 7 x^2 + x + 1     over GF(32) = GF(2)[a]/(a^5 + a^3 + 1), a character's value being its bits
 *
 * g is irreducible and its roots have order 1025 = 32^2 + 1, so the code has distance 4 up to that length (Bose 1947: the
 * columns of its check matrix are an ovoid). Therefore
 *
 *   1. up to three wrong characters anywhere are found always; so is every swap of two characters, neighbours or not, and
 *      whatever is wrong within four neighbours
 *   2. of other damage one in 32^4 = 1,048,576 is not found
 *   3. if one character is wrong it is known which one and what it should be; two wrong ones never look like that
 *
 * tests/unit/test_label.c counts 1 and 3 out. What is wrong is only said, never mended: a person looks again.
 */
#include <stddef.h>
#include <stdint.h>

enum {
	LABEL_HASH_LEN = 32,
	LABEL_CHARS = 56,
	LABEL_GROUPS = 8,
	LABEL_GROUP_CHARS = 7,
	LABEL_TEXT_MAX = 5 + LABEL_CHARS + 1,		/* as in the QR code, NUL */
	LABEL_GROUPED_MAX = LABEL_CHARS + LABEL_GROUPS, /* a space between two, NUL */
	LABEL_FAULT_WORDS_MAX = 160,
	LABEL_HUB_LEN = 16, /* of the hash: the hub's id */
	LABEL_CODE_MAX = sizeof("6-6-6"),
	LABEL_CODE_COUNTS = 6 * 6 * 6, /* how many there are */
};

/* label_encode - as in the QR code: "HUB1:" and 56 characters. Returns ret. Pure. */
char *label_encode(const uint8_t spki[static LABEL_HASH_LEN],
		   char ret[static LABEL_TEXT_MAX]);

/* label_group - "ABCDEFG HIJKLMN ...", 8 groups of 7. Returns ret. Pure. */
char *label_group(const uint8_t spki[static LABEL_HASH_LEN],
		  char ret[static LABEL_GROUPED_MAX]);

/*
 * label_code - what the hub's light blinks when it was ordered to show itself, and a technician compares with what the clinic
 * says: "3-1-4" is three flashes, one, four. Of two hubs whose labels were swapped one in LABEL_CODE_COUNTS has the other's.
 * Returns ret. Pure.
 */
char *label_code(const uint8_t hub[static LABEL_HUB_LEN],
		 char ret[static LABEL_CODE_MAX]);

enum label_fault_kind {
	LABEL_FAULT_NONE = 0,
	LABEL_FAULT_PREFIX,    /* another kind of label, or another version */
	LABEL_FAULT_CHARACTER, /* one that no label has; 'found', at group and place */
	LABEL_FAULT_GROUP,     /* typed in groups, and this one has 'count' characters */
	LABEL_FAULT_LENGTH,    /* 'count' characters in all */
	LABEL_FAULT_ONE,   /* one wrong: at group and place, 'found' should be 'meant' */
	LABEL_FAULT_CHECK, /* more than one; where cannot be said */
};

struct label_fault {
	enum label_fault_kind kind;
	unsigned group, place; /* from 1 */
	char found, meant;     /* meant: 0 if nothing is likely */
	size_t count;
};

/*
 * label_parse - what a person typed or a scanner read.
 *
 * text        len bytes; letters of either case, spaces, tabs, ends of line and dashes anywhere, 'HUB1:' or not
 * ret_fault   what is wrong; written on failure only
 *
 * Returns 0 with ret_spki written, or -EBADMSG. Pure.
 */
int label_parse(const char *text, size_t len, uint8_t ret_spki[static LABEL_HASH_LEN],
		struct label_fault *ret_fault);

/* label_fault_words - "group 3 has a '0' as its 5th character, ...", for a person. Returns ret. Pure. */
char *label_fault_words(const struct label_fault *f,
			char ret[static LABEL_FAULT_WORDS_MAX]);
