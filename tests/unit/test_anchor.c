/*
 * test_anchor.c - what hub-coap trusts: which of clinic.trust and root.crt counts, and what is wrong with one that does not.
 */
#include "coap/anchor.h"

#include <errno.h>

#include "hub/rt/file.h"
#include "tests/unit/temp_dir.h"
#include "tests/unit/trust_maker.h"

enum { EXPIRES_S = 1800000000 };

static char dir[200];
static struct trust_maker ours, theirs;
static struct anchor a;

static void test_start(void)
{
	CHECK_INT(crypto_init(), 0);
	trust_maker_init(&ours);
	trust_maker_init(&theirs);
}

static void start(void)
{
	temp_dir_make(dir, sizeof(dir));
}

static void stop(void)
{
	temp_dir_remove(dir);
}

static size_t put_trust(const struct trust_maker *m)
{
	uint8_t file[TRUST_FILE_MAX];
	struct trust t = trust_maker_fields(m, "Clinic", EXPIRES_S);
	size_t len = trust_maker_file(m, &t, file);

	CHECK_INT(file_replace(dir, "clinic.trust", file, len), 0);
	return len;
}

static void put_root(const struct trust_maker *m)
{
	CHECK_INT(file_replace(dir, "root.crt", (const uint8_t *)m->root.cert,
			       strlen(m->root.cert)),
		  0);
}

static void look(bool fresh, int64_t floor_s)
{
	memset(&a, 0xee, sizeof(a));
	anchor_look(dir, fresh, floor_s, &a);
}

static bool root_is(const struct trust_maker *m)
{
	struct pki_cert want, is;

	return a.has_root && pki_der(m->root.cert, &want) == 0 &&
	       pki_der(a.root, &is) == 0 && want.len == is.len &&
	       memcmp(want.der, is.der, is.len) == 0;
}

static void test_neither(void)
{
	start();
	look(true, 0);
	CHECK(!a.has_trust && !a.has_root);
	CHECK_INT(a.trouble, ENROL_FINE);
	CHECK_STR(a.root, "");
	stop();
}

static void test_trust(void)
{
	uint8_t file[TRUST_FILE_MAX];
	size_t len;

	start();
	len = put_trust(&ours);
	look(true, 0);
	CHECK(a.has_trust && root_is(&ours));
	CHECK_INT(a.trouble, ENROL_FINE);
	CHECK_STR(a.trust.clinic, "Clinic");
	CHECK_UINT(a.len, len);
	CHECK_INT(file_read(dir, "clinic.trust", file, sizeof(file)), len);
	CHECK_MEM(a.file, file, len);
	stop();
}

/* By hand: a root and nothing else. */
static void test_root_alone(void)
{
	start();
	put_root(&ours);
	look(false, 0);
	CHECK(!a.has_trust && root_is(&ours));
	CHECK_INT(a.trouble, ENROL_FINE);
	stop();
}

static void test_both(void)
{
	start();
	put_root(&ours);
	put_trust(&ours);
	look(false, 0);
	CHECK(a.has_trust && root_is(&ours));
	CHECK_INT(a.trouble, ENROL_FINE);
	/* put there for another clinic: what was stays */
	put_trust(&theirs);
	look(false, 0);
	CHECK(!a.has_trust && root_is(&ours));
	CHECK_INT(a.trouble, ENROL_OTHER_ROOT);
	CHECK_UINT(a.len, 0);
	/* a root that is none fits to nothing */
	CHECK_INT(file_replace(dir, "root.crt", (const uint8_t *)"root", 4), 0);
	look(false, 0);
	CHECK(!a.has_trust);
	CHECK_INT(a.trouble, ENROL_OTHER_ROOT);
	stop();
}

/* Of a hub that has nothing of the clinic yet only. */
static void test_too_late(void)
{
	start();
	put_trust(&ours);
	look(true, EXPIRES_S);
	CHECK(a.has_trust);
	look(true, EXPIRES_S + 1);
	CHECK(!a.has_trust && !a.has_root);
	CHECK_INT(a.trouble, ENROL_OLD_TRUST);
	look(false, EXPIRES_S + 1);
	CHECK(a.has_trust && root_is(&ours));
	CHECK_INT(a.trouble, ENROL_FINE);
	stop();
}

static void test_damaged(void)
{
	uint8_t file[TRUST_FILE_MAX + 2];
	size_t len;

	start();
	put_root(&ours);
	len = put_trust(&ours);
	CHECK_INT(file_read(dir, "clinic.trust", file, sizeof(file)), len);
	file[len - 1] ^= 1;
	CHECK_INT(file_replace(dir, "clinic.trust", file, len), 0);
	look(true, 0);
	CHECK(!a.has_trust && root_is(&ours));
	CHECK_INT(a.trouble, ENROL_BAD_TRUST);
	CHECK_INT(file_replace(dir, "clinic.trust", file, 0), 0);
	look(true, 0);
	CHECK_INT(a.trouble, ENROL_BAD_TRUST);
	/* longer than any */
	memset(file, 0, sizeof(file));
	CHECK_INT(file_replace(dir, "clinic.trust", file, sizeof(file)), 0);
	look(true, 0);
	CHECK(!a.has_trust && root_is(&ours));
	CHECK_INT(a.trouble, ENROL_BAD_TRUST);
	stop();
}

TEST_MAIN("anchor", test_start, test_neither, test_trust, test_root_alone, test_both,
	  test_too_late, test_damaged)
