/*
 * test_label.c - labels: what people type, and the check counted out. What label.h promises of it is proved here with
 * label_parse alone: it finds by itself where a single wrong character is, so no arithmetic of the subject is repeated.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "hub/core/base32.h"
#include "hub/core/label.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static void random_label(char text[static LABEL_TEXT_MAX])
{
	uint8_t hash[LABEL_HASH_LEN];

	for (size_t i = 0; i < sizeof(hash); i++)
		hash[i] = (uint8_t)(test_random() >> 32);
	label_encode(hash, text);
}

static int parse(const char *text, struct label_fault *f)
{
	uint8_t hash[LABEL_HASH_LEN];

	return label_parse(text, strlen(text), hash, f);
}

static void check_fault(const char *text, enum label_fault_kind kind, unsigned group,
			unsigned place)
{
	struct label_fault f = { 0 };

	CHECK_INT(parse(text, &f), -EBADMSG);
	CHECK_INT(f.kind, kind);
	CHECK_UINT(f.group, group);
	CHECK_UINT(f.place, place);
}

/* Made once with an implementation in Python that has tables of GF(32), not our bits. */
static void test_vector(void)
{
	uint8_t hash[LABEL_HASH_LEN], back[LABEL_HASH_LEN];
	char text[LABEL_TEXT_MAX], grouped[LABEL_GROUPED_MAX];
	struct label_fault f;

	for (size_t i = 0; i < sizeof(hash); i++)
		hash[i] = (uint8_t)i;
	CHECK_STR(label_encode(hash, text),
		  "HUB1:AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQTCQKRMFYYDENBWHA5DYPQBYBK");
	CHECK_STR(label_group(hash, grouped),
		  "AAAQEAY EAUDAOC AJBIFQY DIOB4IB CEQTCQK RMFYYDE NBWHA5D YPQBYBK");
	CHECK_INT(label_parse(text, strlen(text), back, &f), 0);
	CHECK_MEM(back, hash, sizeof(hash));
	memset(hash, 0, sizeof(hash));
	CHECK_STR(label_encode(hash, text),
		  "HUB1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAXNXS");
}

static void test_round(void)
{
	char grouped[LABEL_GROUPED_MAX];
	struct label_fault f;

	for (unsigned n = 0; n < 2000; n++) {
		uint8_t hash[LABEL_HASH_LEN], back[LABEL_HASH_LEN];
		char text[LABEL_TEXT_MAX];

		for (size_t i = 0; i < sizeof(hash); i++)
			hash[i] = (uint8_t)(test_random() >> 32);
		CHECK_INT(strlen(label_encode(hash, text)), LABEL_TEXT_MAX - 1);
		CHECK_INT(strlen(label_group(hash, grouped)), LABEL_GROUPED_MAX - 1);
		CHECK_INT(label_parse(text, strlen(text), back, &f), 0);
		CHECK_MEM(back, hash, sizeof(hash));
		CHECK_INT(label_parse(grouped, strlen(grouped), back, &f), 0);
		CHECK_MEM(back, hash, sizeof(hash));
	}
}

/* Each place, each other character: found, at its place, with what it should be. */
static void test_one_wrong(void)
{
	for (unsigned n = 0; n < 10; n++) {
		char text[LABEL_TEXT_MAX];

		random_label(text);
		for (size_t i = 5; i < LABEL_TEXT_MAX - 1; i++) {
			char right = text[i];

			for (const char *c = alphabet; *c; c++) {
				struct label_fault f = { 0 };

				if (*c == right)
					continue;
				text[i] = *c;
				CHECK_INT(parse(text, &f), -EBADMSG);
				CHECK_INT(f.kind, LABEL_FAULT_ONE);
				CHECK_UINT(f.group, (i - 5) / 7 + 1);
				CHECK_UINT(f.place, (i - 5) % 7 + 1);
				CHECK_INT(f.found, *c);
				CHECK_INT(f.meant, right);
			}
			text[i] = right;
		}
	}
}

/* Each swap, of neighbours and of any two: found; and never taken for one wrong character. */
static void test_swaps(void)
{
	unsigned swapped = 0;

	for (unsigned n = 0; n < 10; n++) {
		char text[LABEL_TEXT_MAX];

		random_label(text);
		for (size_t i = 5; i < LABEL_TEXT_MAX - 1; i++) {
			for (size_t k = 5; k < i; k++) {
				char at_i = text[i], at_k = text[k];

				if (at_i == at_k)
					continue;
				text[i] = at_k;
				text[k] = at_i;
				check_fault(text, LABEL_FAULT_CHECK, 1, 1);
				text[i] = at_i;
				text[k] = at_k;
				swapped++;
			}
		}
	}
	CHECK(swapped > 10 * 1540 / 2);
}

/*
 * The distance is 4. The code is linear, but for the constant of the prefix: what damage does not depend on the label
 * does. So all pairs of wrong characters in one label are all pairs in all labels; and if none of them looks like one wrong
 * character, no three wrong ones look like none.
 */
static void test_all_pairs(void)
{
	char text[LABEL_TEXT_MAX], bad[LABEL_TEXT_MAX];

	random_label(text);
	memcpy(bad, text, sizeof(bad));
	for (size_t i = 5; i < LABEL_TEXT_MAX - 1; i++) {
		for (size_t k = 5; k < i; k++) {
			/* up to a factor: one difference at i, each at k */
			int v = base32_value(text[i]);

			bad[i] = base32_letter((unsigned)v ^ 1U);
			for (unsigned e = 1; e < 32; e++) {
				v = base32_value(text[k]);
				bad[k] = base32_letter((unsigned)v ^ e);
				check_fault(bad, LABEL_FAULT_CHECK, 1, 1);
			}
			bad[k] = text[k];
		}
		bad[i] = text[i];
	}
}

/* Damage of four neighbours by chance, and of the whole: the first is always found, of the second one in a million is not. */
static void test_chance(void)
{
	enum { ROUNDS = 150000 };
	unsigned missed = 0;
	char text[LABEL_TEXT_MAX];
	struct label_fault f;

	random_label(text);
	for (unsigned n = 0; n < 50000; n++) {
		size_t at = 5 + test_random() % (LABEL_CHARS - 3);
		char bad[LABEL_TEXT_MAX];

		memcpy(bad, text, sizeof(bad));
		for (size_t i = 0; i < 4; i++)
			bad[at + i] = alphabet[(test_random() >> 20) % 32];
		CHECK(strcmp(bad, text) == 0 || parse(bad, &f) < 0);
	}
	for (unsigned n = 0; n < ROUNDS; n++) {
		for (size_t i = 0; i < LABEL_CHARS; i++)
			text[5 + i] = alphabet[(test_random() >> 20) % 32];
		missed += parse(text, &f) == 0;
	}
	printf("damage by chance: %u of %d missed\n", missed, ROUNDS);
	CHECK(missed <=
	      4); /* 0.14 are expected, and one in 16 of these has other bits that are over */
}

static void test_what_people_type(void)
{
	uint8_t hash[LABEL_HASH_LEN] = { 7 }, back[LABEL_HASH_LEN];
	char text[LABEL_TEXT_MAX], grouped[LABEL_GROUPED_MAX], typed[400];
	struct label_fault f;

	label_encode(hash, text);
	label_group(hash, grouped);
#define TAKEN(...)                                                                       \
	do {                                                                             \
		snprintf(typed, sizeof(typed), __VA_ARGS__);                             \
		memset(back, 0xee, sizeof(back));                                        \
		CHECK_INT(label_parse(typed, strlen(typed), back, &f), 0);               \
		CHECK_MEM(back, hash, sizeof(hash));                                     \
	} while (0)
	TAKEN("%s", text + 5);
	TAKEN("  %s\r\n", grouped);
	TAKEN("hub1: %s", grouped);
	TAKEN("HUB1:\n%s\n", grouped);
	TAKEN("Hub1 : %s-", text + 5);
	TAKEN("-%.3s-\t-%s", text + 5, text + 8);
	for (char *c = grouped; *c; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c == ' ' ? '-' : *c;
	TAKEN("%s", grouped);
	TAKEN("hub1:%s", grouped);
}

static void test_faults(void)
{
	char text[LABEL_TEXT_MAX], bad[200], words[LABEL_FAULT_WORDS_MAX];
	uint8_t hash[LABEL_HASH_LEN] = { 7 };
	char grouped[LABEL_GROUPED_MAX];
	struct label_fault f;

	label_encode(hash, text);
	label_group(hash, grouped);
	check_fault("", LABEL_FAULT_LENGTH, 1, 1);
	check_fault("HUB1:", LABEL_FAULT_LENGTH, 1, 1);
	snprintf(bad, sizeof(bad), "HUB2:%s", text + 5);
	check_fault(bad, LABEL_FAULT_PREFIX, 1, 1);
	snprintf(bad, sizeof(bad), "HUB:%s", text + 5);
	check_fault(bad, LABEL_FAULT_PREFIX, 1, 1);
	snprintf(bad, sizeof(bad), ":%s", text + 5);
	check_fault(bad, LABEL_FAULT_PREFIX, 1, 1);
	snprintf(bad, sizeof(bad), "XHUB1:%s", text + 5);
	check_fault(bad, LABEL_FAULT_PREFIX, 1, 1);
	snprintf(bad, sizeof(bad), "%s:", text + 5);
	check_fault(bad, LABEL_FAULT_PREFIX, 1, 1);
	snprintf(bad, sizeof(bad), "%s:", text);
	CHECK_INT(parse(bad, &f), -EBADMSG);
	CHECK_UINT(f.count, 57);

	for (size_t i = 0; i < LABEL_CHARS; i++) {
		memcpy(bad, text, sizeof(text));
		bad[5 + i] = "018"[i % 3];
		CHECK_INT(parse(bad, &f), -EBADMSG);
		CHECK_INT(f.kind, LABEL_FAULT_CHARACTER);
		CHECK_UINT(f.group, i / 7 + 1);
		CHECK_UINT(f.place, i % 7 + 1);
		CHECK_INT(f.found, "018"[i % 3]);
		CHECK_INT(f.meant, "OIB"[i % 3]);
	}
	bad[5] = '0';
	parse(bad, &f);
	CHECK_STR(
		label_fault_words(&f, words),
		"group 1 has '0' as its 1st character; a label has only the letters A to "
		"Z and the digits 2 to 7; is it an O?");
	bad[5] = '\x1b';
	parse(bad, &f);
	CHECK_STR(label_fault_words(&f, words),
		  "group 1 has something that is no letter as its 1st character; a label "
		  "has only the letters A to Z and the digits 2 to 7");
	CHECK_INT(f.meant, 0);

	snprintf(bad, sizeof(bad), "%.20s%s", grouped, grouped + 21);
	check_fault(bad, LABEL_FAULT_GROUP, 3, 1);
	CHECK_INT(parse(bad, &f), -EBADMSG);
	CHECK_STR(label_fault_words(&f, words), "group 3 has 6 characters; each has 7");
	snprintf(bad, sizeof(bad), "%.20sA%s", grouped, grouped + 20);
	check_fault(bad, LABEL_FAULT_GROUP, 3, 1);
	snprintf(bad, sizeof(bad), "%s", text);
	bad[LABEL_TEXT_MAX - 2] = '\0';
	check_fault(bad, LABEL_FAULT_LENGTH, 1, 1);
	snprintf(bad, sizeof(bad), "%sA", text);
	check_fault(bad, LABEL_FAULT_LENGTH, 1, 1);
	snprintf(bad, sizeof(bad), "%s A B C", grouped); /* more groups than there are */
	check_fault(bad, LABEL_FAULT_LENGTH, 1, 1);
	parse(bad, &f);
	CHECK_STR(label_fault_words(&f, words),
		  "it has 59 characters; a label has 8 groups of 7");
}

/* Its check is right, made as in test_vector, but the bits that are over are 0001: no label is like that. */
static void test_bits_over(void)
{
	check_fault("PIX6EA6QOM66ZJOJYAEKCTBR6Y3Z4IXGCI7NQ3T2YW2OVBRKUGNBVCKL",
		    LABEL_FAULT_CHECK, 1, 1);
}

/* The counts are those of the first four octets, base six, lowest first. */
static void test_code(void)
{
	static const uint8_t none[LABEL_HUB_LEN] = { 0 };
	static const uint8_t some[LABEL_HUB_LEN] = { 0, 0, 0, 215, 0xff };
	static const uint8_t wide[LABEL_HUB_LEN] = { 0xff, 0xff, 0xff, 0xff };
	char code[LABEL_CODE_MAX];

	CHECK_STR(label_code(none, code), "1-1-1");
	CHECK_STR(label_code(some, code), "6-6-6");
	CHECK_STR(label_code(wide, code),
		  "4-1-6"); /* 2^32 - 1 is 5 * 36 + 0 * 6 + 3 modulo 216 */
}

TEST_MAIN("label", test_code, test_vector, test_round, test_one_wrong, test_swaps,
	  test_all_pairs, test_chance, test_what_people_type, test_faults, test_bits_over)
