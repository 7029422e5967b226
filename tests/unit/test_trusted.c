/*
 * test_trusted.c - hubd's own look at clinic.trust: pieces that do not fit together, whose file is taken and whose never is,
 * and what is left of it after a kill or on a disk that takes nothing.
 */
#include "hub/trusted.h"

#include <errno.h>
#include <sys/stat.h>

#include "hub/rt/file.h"
#include "tests/unit/killed.h"
#include "tests/unit/temp_dir.h"
#include "tests/unit/trust_maker.h"

enum { EXPIRES_S = 1800000000 };

static char dir[200];
static struct trust_maker ours, theirs;
static struct trusted t;

static void test_start(void)
{
	CHECK_INT(crypto_init(), 0);
	trust_maker_init(&ours);
	trust_maker_init(&theirs);
}

static void start(void)
{
	temp_dir_make(dir, sizeof(dir));
	CHECK_INT(trusted_open(&t, dir), -ENOENT);
	CHECK(!t.known);
}

static void stop(void)
{
	temp_dir_remove(dir);
}

static struct msg_enrolment piece(const uint8_t *file, size_t total, size_t offset,
				  size_t len)
{
	struct msg_enrolment e = { .total = (uint16_t)total,
				   .offset = (uint16_t)offset,
				   .len = (uint16_t)len };

	CHECK(len <= sizeof(e.bytes));
	memcpy(e.bytes, file + offset, len);
	return e;
}

/* All pieces of a file, of this length. Returns what the last one was answered with. */
static int give(const uint8_t *file, size_t total, size_t step)
{
	int r = 0;

	for (size_t at = 0; at < total; at += step) {
		struct msg_enrolment e =
			piece(file, total, at, total - at < step ? total - at : step);

		CHECK_INT(r, 0);
		r = trusted_add(&t, &e);
	}
	return r;
}

static int take(const struct trust_maker *m, const char *clinic)
{
	uint8_t file[TRUST_FILE_MAX];
	struct trust fields = trust_maker_fields(m, clinic, EXPIRES_S);
	size_t len = trust_maker_file(m, &fields, file);

	CHECK_INT(give(file, len, ENROLMENT_PIECE_MAX), 1);
	return trusted_take(&t);
}

/* As hubd that starts again. */
static void reopen(int want)
{
	CHECK_INT(trusted_open(&t, dir), want);
	CHECK(t.known == (want == 0));
}

static bool is_key(uint8_t second)
{
	uint8_t key[TRUST_CONFIG_KEY_LEN + 1];

	return file_read(dir, "clinic.pub", key, sizeof(key)) == TRUST_CONFIG_KEY_LEN &&
	       key[0] == 4 && key[1] == second;
}

static void put_key(uint8_t second)
{
	uint8_t key[TRUST_CONFIG_KEY_LEN];

	memset(key, second, sizeof(key));
	key[0] = 4;
	CHECK_INT(file_replace(dir, "clinic.pub", key, sizeof(key)), 0);
}

/* --- cases ------------------------------------------------------------------------------------ */

static void test_pieces(void)
{
	uint8_t file[TRUST_FILE_MAX] = { 0 };
	struct msg_enrolment e;

	start();
	for (size_t step = 1; step <= ENROLMENT_PIECE_MAX; step *= 3)
		CHECK_INT(give(file, 700, step), 1);
	CHECK_INT(give(file, sizeof(file), ENROLMENT_PIECE_MAX), 1);
	/* not the next one, and then the next one: all is dropped */
	for (int gap = -1; gap <= 1; gap += 2) {
		e = piece(file, 700, 0, 300);
		CHECK_INT(trusted_add(&t, &e), 0);
		e = piece(file, 700, (size_t)(300 + gap), 100);
		CHECK_INT(trusted_add(&t, &e), -EPROTO);
		e = piece(file, 700, 300, 100);
		CHECK_INT(trusted_add(&t, &e), -EPROTO);
	}
	/* of another file */
	e = piece(file, 700, 0, 300);
	CHECK_INT(trusted_add(&t, &e), 0);
	e = piece(file, 701, 300, 100);
	CHECK_INT(trusted_add(&t, &e), -EPROTO);
	/* more than it says, or than there may be */
	e = piece(file, 100, 0, 101);
	CHECK_INT(trusted_add(&t, &e), -EPROTO);
	e = piece(file, 100, 0, 100);
	CHECK_INT(trusted_add(&t, &e), 1);
	e = piece(file, TRUST_FILE_MAX + 1, 0, 100);
	CHECK_INT(trusted_add(&t, &e), -EPROTO);
	e = piece(file, 0, 0, 0);
	CHECK_INT(trusted_add(&t, &e), 0);
	/* a first one begins anew */
	e = piece(file, 700, 0, 300);
	CHECK_INT(trusted_add(&t, &e), 0);
	CHECK_INT(give(file, 600, 200), 1);
	CHECK(!t.known);
	stop();
}

static void test_taken(void)
{
	uint8_t file[TRUST_FILE_MAX], kept[TRUST_FILE_MAX];
	struct trust fields = trust_maker_fields(&ours, "one", EXPIRES_S);
	size_t len = trust_maker_file(&ours, &fields, file);

	start();
	CHECK_INT(give(file, len, 200), 1);
	CHECK(file_is_gone(dir, "clinic.trust") && file_is_gone(dir, "clinic.pub"));
	CHECK_INT(trusted_take(&t), 1);
	CHECK(t.known);
	CHECK_STR(t.trust.clinic, "one");
	CHECK_INT(file_read(dir, "clinic.trust", kept, sizeof(kept)), len);
	CHECK_MEM(kept, file, len);
	CHECK(is_key(0x33));
	CHECK_INT(trusted_take(&t), 0);
	CHECK_INT(take(&ours, "one"), 0); /* the same with another signature */
	reopen(0);
	CHECK_STR(t.trust.clinic, "one");
	CHECK_INT(take(&ours, "one"), 0);
	CHECK_INT(file_read(dir, "clinic.trust", kept, sizeof(kept)), len);
	CHECK_MEM(kept, file, len);
	stop();
}

/* Not while the first one is here, not by its own root with other words, and not at the next start. */
static void test_no_second_clinic(void)
{
	start();
	CHECK_INT(take(&ours, "one"), 1);
	CHECK_INT(take(&theirs, "one"), -EACCES);
	CHECK_INT(take(&ours, "two"), -EACCES);
	CHECK_STR(t.trust.clinic, "one");
	reopen(0);
	CHECK_STR(t.trust.clinic, "one");
	CHECK_INT(take(&theirs, "two"), -EACCES);
	stop();
	/* a hub that was added by hand: its clinic.pub says which clinic, and no file does */
	start();
	put_key(0x33);
	CHECK_INT(take(&ours, "one"), -EACCES);
	CHECK(file_is_gone(dir, "clinic.trust") && !t.known);
	stop();
}

/* The key is what is left of it: the same clinic gives the file once more. */
static void test_damaged_file(void)
{
	start();
	CHECK_INT(take(&ours, "one"), 1);
	CHECK_INT(file_replace(dir, "clinic.trust", (const uint8_t *)"x", 1), 0);
	CHECK(trusted_open(&t, dir) < 0);
	CHECK(!t.known);
	put_key(0x34); /* of another one */
	CHECK_INT(take(&ours, "one"), -EACCES);
	CHECK(!t.known);
	put_key(0x33);
	CHECK_INT(take(&ours, "one"), 1);
	reopen(0);
	stop();
}

/* Not signed by its root, cut off, or none at all: nothing is on the disk of it. */
static void test_bad_file(void)
{
	uint8_t file[TRUST_FILE_MAX];
	struct trust fields = trust_maker_fields(&ours, "one", EXPIRES_S);
	size_t len = trust_maker_file(&ours, &fields, file);

	start();
	file[len - 1] ^= 1;
	CHECK_INT(give(file, len, ENROLMENT_PIECE_MAX), 1);
	CHECK_INT(trusted_take(&t), -EKEYREJECTED);
	file[len - 1] ^= 1;
	CHECK_INT(give(file, len - 1, ENROLMENT_PIECE_MAX), 1);
	CHECK(trusted_take(&t) < 0);
	CHECK(!t.known);
	CHECK(file_is_gone(dir, "clinic.trust") && file_is_gone(dir, "clinic.pub"));
	CHECK_INT(give(file, len, ENROLMENT_PIECE_MAX), 1);
	CHECK_INT(trusted_take(&t), 1);
	stop();
}

/* A config key may be followed by a later one of the same clinic: that one stays. */
static void test_later_key(void)
{
	start();
	CHECK_INT(take(&ours, "one"), 1);
	put_key(0x55);
	reopen(0);
	CHECK(is_key(0x55));
	CHECK_INT(take(&ours, "one"), 0);
	CHECK(is_key(0x55));
	stop();
}

static int open_and_take(void *arg)
{
	(void)arg;
	return trusted_open(&t, dir) == -ENOENT && take(&ours, "one") == 1 ? 0 : -EIO;
}

/* Between the file and the key in it. */
static void test_killed(void)
{
	start();
	if (!killed_at(dir, "hubd.trust.between", open_and_take, NULL)) {
		printf("SKIP killed: built without FAILPOINTS=1\n");
		stop();
		return;
	}
	CHECK(!file_is_gone(dir, "clinic.trust") && file_is_gone(dir, "clinic.pub"));
	reopen(0);
	CHECK(is_key(0x33));
	stop();
}

/* It is not known as long as it is not on the disk, and is taken when it can be. */
static void test_no_disk(void)
{
	static const char *const names[] = { "clinic.trust.new", "clinic.pub.new" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char path[240];

		start();
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		CHECK_INT(mkdir(path, 0700), 0);
		CHECK(take(&ours, "one") < 0);
		CHECK(!t.known);
		CHECK_INT(rmdir(path), 0);
		CHECK_INT(take(&ours, "one"), 1);
		reopen(0);
		CHECK(is_key(0x33));
		stop();
	}
}

static void test_config(void)
{
	static const uint8_t hub[HUB_ID_LEN] = { 9, 8, 7 };
	struct trust fields = trust_maker_fields(&ours, "one", EXPIRES_S);
	struct config c;

	fields.endpoints[1] = fields.endpoints[0];
	fields.endpoints[1].port = 5;
	fields.endpoint_count = 2;
	memset(&c, 0xee, sizeof(c));
	trusted_config(&fields, hub, 7, &c);
	CHECK_MEM(c.hub, hub, sizeof(hub));
	CHECK_UINT(c.epoch, 7);
	CHECK_UINT(c.version, 0);
	CHECK_UINT(c.assignment, 0);
	CHECK_UINT(c.device_count, 0);
	CHECK_UINT(c.heartbeat_s, TRUSTED_HEARTBEAT_S);
	CHECK_UINT(c.seal_key_id, 3);
	CHECK_MEM(c.seal_public, fields.seal_public, SEAL_PUBLIC_LEN);
	CHECK_UINT(c.endpoint_count, 2);
	CHECK_MEM(c.endpoints, fields.endpoints, sizeof(c.endpoints));
}

TEST_MAIN("trusted", test_start, test_pieces, test_taken, test_no_second_clinic,
	  test_damaged_file, test_bad_file, test_later_key, test_killed, test_no_disk,
	  test_config)
