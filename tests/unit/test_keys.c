/*
 * test_keys.c - root secret and key slots: first start, damage, wrong or missing parts.
 */
#include "storage/keys.h"

#include <errno.h>
#include <sys/stat.h>

#include "hub/rt/file.h"
#include "storage/slots.h"
#include "temp_dir.h"
#include "test.h"

static char dir[64];
static struct keys *k;
static struct keys_notes notes;
static const char *problem;

static int open_keys(bool data_exists)
{
	k = NULL;
	problem = NULL;
	return keys_open(dir, data_exists, &k, &notes, &problem);
}

static void close_keys(void)
{
	keys_free(k);
	k = NULL;
}

static void start(void)
{
	CHECK_INT(crypto_init(), 0);
	temp_dir_make(dir, sizeof(dir));
	CHECK_INT(open_keys(false), 0);
}

static void stop(void)
{
	close_keys();
	temp_dir_remove(dir);
}

static int load(const char *name, uint8_t *buf, size_t cap)
{
	int n = file_read(dir, name, buf, cap);

	CHECK(n > 0);
	return n;
}

static void flip(const char *name, size_t at)
{
	uint8_t buf[SLOTS_BYTES_MAX];
	int n = load(name, buf, sizeof(buf));

	buf[at % (size_t)n] ^= 0x10;
	CHECK_INT(file_replace(dir, name, buf, (size_t)n), 0);
}

static void test_first_start(void)
{
	struct db_key a, b, other;
	struct stat st;
	char path[128];

	start();
	CHECK(notes.root_made);
	CHECK_INT(keys_queue(k, 1, true, &a), 0);
	CHECK_INT(keys_queue(k, 1, true, &b), 0);
	CHECK_MEM(&a, &b, sizeof(a));
	CHECK_INT(keys_queue(k, 2, true, &other), 0);
	CHECK(memcmp(&a, &other, sizeof(a)) != 0);
	close_keys();
	CHECK_INT(open_keys(true), 0);
	CHECK(!notes.root_made);
	CHECK(!notes.repaired);
	CHECK_INT(keys_queue(k, 1, true, &b), 0);
	CHECK_MEM(&a, &b, sizeof(a));
	snprintf(path, sizeof(path), "%s/root.key", dir);
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(st.st_mode & 0777, 0600);
	CHECK_INT(st.st_size, 32);
	stop();
}

static void test_state_needs_share(void)
{
	uint8_t share[ENGINE_SHARE_LEN] = { 1 }, wrong[ENGINE_SHARE_LEN] = { 2 };
	struct db_key a, b;

	start();
	CHECK_INT(keys_state(k, share, &a), 0);
	CHECK_INT(keys_state(k, wrong, &b), -EKEYREJECTED);
	close_keys();
	CHECK_INT(open_keys(true), 0);
	CHECK_INT(keys_state(k, wrong, &b), -EKEYREJECTED);
	CHECK_INT(keys_state(k, share, &b), 0);
	CHECK_MEM(&a, &b, sizeof(a));
	stop();
}

static void test_sign_key(void)
{
	uint8_t plain[P256_PRIVATE_LEN], got[P256_PRIVATE_LEN], slots[SLOTS_BYTES_MAX];

	start();
	CHECK_INT(keys_sign(k, got), -ENOENT);
	close_keys();
	crypto_random(plain, sizeof(plain));
	CHECK_INT(file_replace(dir, "sign.key", plain, sizeof(plain)), 0);
	CHECK_INT(open_keys(true), 0);
	CHECK(notes.sign_taken);
	CHECK_INT(keys_sign(k, got), 0);
	CHECK_MEM(got, plain, sizeof(plain));
	CHECK(!file_exists(dir, "sign.key"));
	close_keys();
	CHECK_INT(open_keys(true), 0);
	CHECK(!notes.sign_taken);
	CHECK_INT(keys_sign(k, got), 0);
	CHECK_MEM(got, plain, sizeof(plain));
	for (int i = 0, n = load("slots-a", slots, sizeof(slots));
	     i + P256_PRIVATE_LEN <= n; i++)
		CHECK(memcmp(slots + i, plain, P256_PRIVATE_LEN) != 0);
	close_keys();
	CHECK_INT(file_replace(dir, "sign.key", plain, 31), 0);
	CHECK_INT(open_keys(true), -EBADMSG);
	CHECK(problem);
	CHECK(file_exists(dir, "sign.key"));
	temp_dir_remove(dir);
}

static const struct msg_store_config clinic = {
	.hub = { 9 }, .epoch = 2, .assignment = 1, .seal_key_id = 3, .seal_public = { 9 }
};

static uint64_t generation_of(const char *name)
{
	uint8_t buf[SLOTS_BYTES_MAX];
	struct slots s;
	size_t covered;
	int n = load(name, buf, sizeof(buf));

	CHECK_INT(slots_decode(buf, (size_t)n, &s, &covered), 0);
	return s.generation;
}

static bool holds(const char *name, enum slot_purpose purpose)
{
	uint8_t buf[SLOTS_BYTES_MAX];
	struct slots s;
	size_t covered;
	int n = load(name, buf, sizeof(buf));

	CHECK_INT(slots_decode(buf, (size_t)n, &s, &covered), 0);
	return slots_find(&s, purpose, 0) != NULL;
}

/* Key 0 from the bundle, until its log begins; then what the log stores, and never key 0 again. */
static void test_audit_key(void)
{
	uint8_t plain[KEY_LEN], got[96], state[96];
	struct db_key queue;
	uint64_t before;

	start();
	CHECK_INT(keys_audit_first(k, got), -ENOENT);
	CHECK_INT(keys_audit_load(k, got, sizeof(got)), -ENOENT);
	CHECK_INT(keys_audit_forget_first(k), 0);
	close_keys();
	crypto_random(plain, sizeof(plain));
	crypto_random(state, sizeof(state));
	CHECK_INT(file_replace(dir, "audit.key", plain, sizeof(plain)), 0);
	CHECK_INT(open_keys(true), 0);
	CHECK(notes.audit_taken && !notes.sign_taken);
	CHECK_INT(notes.audit_error, 0);
	CHECK(!file_exists(dir, "audit.key"));
	CHECK_INT(keys_audit_first(k, got), 0);
	CHECK_MEM(got, plain, sizeof(plain));
	CHECK_INT(keys_queue(k, 1, true, &queue), 0);
	CHECK_INT(keys_recovery(k, &clinic), 0);
	before = generation_of("slots-b");
	CHECK_INT(file_remove(dir, "recovery"), 0);
	CHECK_INT(keys_audit_store(k, state, 85), 0);
	/* both copies, before it returned; key 0 is in neither */
	CHECK_UINT(generation_of("slots-a"), before + 1);
	CHECK_UINT(generation_of("slots-b"), before + 1);
	CHECK(holds("slots-a", SLOT_AUDIT) && holds("slots-b", SLOT_AUDIT));
	CHECK(!holds("slots-a", SLOT_AUDIT_FIRST) && !holds("slots-b", SLOT_AUDIT_FIRST));
	CHECK_INT(keys_audit_first(k, got), -ENOENT);
	/* and the file for the clinic is not written for it */
	CHECK_INT(keys_recovery(k, &clinic), 0);
	CHECK(!file_exists(dir, "recovery"));
	CHECK_INT(keys_audit_store(k, state, 96), 0);
	CHECK_INT(keys_audit_store(k, state, 97), -EMSGSIZE);
	close_keys();
	CHECK_INT(open_keys(true), 0);
	CHECK(!notes.audit_taken);
	CHECK_INT(keys_audit_load(k, got, 95), -EKEYREJECTED);
	CHECK_INT(keys_audit_load(k, got, 96), 96);
	CHECK_MEM(got, state, sizeof(state));
	stop();
}

/* The bundle copied once more: the caller says that the log is there already. */
static void test_audit_key_again(void)
{
	uint8_t plain[KEY_LEN] = { 7 }, got[96], state[85] = { 8 };

	start();
	CHECK_INT(keys_audit_store(k, state, sizeof(state)), 0);
	close_keys();
	CHECK_INT(file_replace(dir, "audit.key", plain, sizeof(plain)), 0);
	CHECK_INT(open_keys(true), 0);
	CHECK(notes.audit_taken);
	CHECK_INT(keys_audit_first(k, got), 0);
	CHECK_INT(keys_audit_load(k, got, sizeof(got)), 85);
	CHECK_INT(keys_audit_forget_first(k), 0);
	CHECK(!holds("slots-a", SLOT_AUDIT_FIRST) && holds("slots-b", SLOT_AUDIT));
	CHECK_INT(keys_audit_first(k, got), -ENOENT);
	CHECK_INT(keys_audit_load(k, got, sizeof(got)), 85);
	stop();
}

/* Readings come first: a bad audit.key is told, and stays. */
static void test_audit_key_bad(void)
{
	static const size_t lengths[] = { 0, 31, 33 };
	uint8_t plain[33] = { 7 }, got[KEY_LEN];

	start();
	close_keys();
	for (size_t i = 0; i < 3; i++) {
		CHECK_INT(file_replace(dir, "audit.key", plain, lengths[i]), 0);
		CHECK_INT(open_keys(true), 0);
		CHECK(notes.audit_error == -EBADMSG || notes.audit_error == -EMSGSIZE);
		CHECK(!notes.audit_taken && file_exists(dir, "audit.key"));
		CHECK_INT(keys_audit_first(k, got), -ENOENT);
		close_keys();
	}
	temp_dir_remove(dir);
}

/* The log's key survives a move to another root secret: slots.c's limits, and the label. */
static void test_slots_versions(void)
{
	struct slots s = { .root = ROOT_FILE,
			   .generation = 7,
			   .count = 1,
			   .slots = { { SLOT_AUDIT, 0, 5, SLOT_WRAPPED_MAX, { 1 } } } };
	uint8_t buf[SLOTS_BYTES_MAX];
	struct slots got;
	size_t covered;
	int n = slots_encode(&s, buf, sizeof(buf)) + WRAP_OVERHEAD;

	CHECK_INT(buf[4], 3);
	CHECK_INT(slots_decode(buf, (size_t)n, &got, &covered), 0);
	buf[15 + SLOT_AD_LEN]++;
	CHECK_INT(slots_decode(buf, (size_t)n, &got, &covered), -ERANGE);
	/* an older version has no such purpose, and no such length */
	for (uint8_t purpose = SLOT_QUEUE; purpose <= SLOT_AUDIT; purpose++)
		for (int len = 96; len <= 97; len++) {
			s.slots[0].purpose = (enum slot_purpose)purpose;
			s.slots[0].wrapped_len = (uint8_t)len;
			n = slots_encode(&s, buf, sizeof(buf)) + WRAP_OVERHEAD;
			CHECK_INT(slots_decode(buf, (size_t)n, &got, &covered), 0);
			buf[4] = 2;
			CHECK_INT(slots_decode(buf, (size_t)n, &got, &covered),
				  purpose <= SLOT_HALF && len == 96 ? 0 : -ERANGE);
			if (purpose <= SLOT_HALF && len == 96)
				CHECK_INT(got.version, 2);
		}
}

/* Each byte of either copy damaged, or the copy cut anywhere, or gone: the other one serves and repairs it. */
static void test_one_copy_bad(void)
{
	static const char *const names[] = { "slots-a", "slots-b" };
	uint8_t buf[SLOTS_BYTES_MAX];
	struct db_key a, b;
	int n;

	start();
	CHECK_INT(keys_queue(k, 1, true, &a), 0);
	close_keys();
	n = load("slots-a", buf, sizeof(buf));
	for (int i = 0; i < n * 2; i += 3) {
		const char *name = names[i & 1];

		if (i < n)
			flip(name, (size_t)i);
		else
			CHECK_INT(file_replace(dir, name, buf, (size_t)(i - n)), 0);
		CHECK_INT(open_keys(true), 0);
		CHECK(notes.repaired);
		CHECK_INT(keys_queue(k, 1, true, &b), 0);
		CHECK_MEM(&a, &b, sizeof(a));
		close_keys();
		CHECK_INT(open_keys(true), 0);
		CHECK(!notes.repaired);
		close_keys();
	}
	CHECK_INT(file_remove(dir, "slots-a"), 0);
	CHECK_INT(open_keys(true), 0);
	CHECK(notes.repaired);
	CHECK(file_exists(dir, "slots-a"));
	stop();
}

/* Power went between the two copies: the newer one counts. */
static void test_newest_counts(void)
{
	static const char *const names[] = { "slots-a", "slots-b" };
	uint8_t before[2][SLOTS_BYTES_MAX];
	struct db_key a, b;
	int n;

	for (int stale = 0; stale < 2; stale++) {
		start();
		n = load(names[stale], before[stale], sizeof(before[stale]));
		CHECK_INT(keys_queue(k, 1, true, &a), 0);
		close_keys();
		CHECK_INT(file_replace(dir, names[stale], before[stale], (size_t)n), 0);
		CHECK_INT(open_keys(true), 0);
		CHECK(notes.repaired);
		CHECK_INT(keys_queue(k, 1, true, &b), 0);
		CHECK_MEM(&a, &b, sizeof(a));
		stop();
	}
}

static void test_nothing_opens(void)
{
	uint8_t root[32], other[32];

	start();
	close_keys();
	load("root.key", root, sizeof(root));
	crypto_random(other, sizeof(other));
	CHECK_INT(file_replace(dir, "root.key", other, sizeof(other)), 0);
	CHECK_INT(open_keys(true), -EKEYREJECTED);
	CHECK(problem);
	CHECK_INT(file_replace(dir, "root.key", root, 31), 0);
	CHECK_INT(open_keys(true), -EBADMSG);
	CHECK(problem);
	CHECK_INT(file_remove(dir, "root.key"), 0);
	CHECK_INT(open_keys(false), -ENOENT); /* slots exist: no new root secret */
	CHECK(problem);
	CHECK(!file_exists(dir, "root.key"));
	CHECK_INT(file_replace(dir, "root.key", root, sizeof(root)), 0);
	CHECK_INT(open_keys(true), 0);
	close_keys();
	flip("slots-a", 2);
	flip("slots-b", 30);
	CHECK(open_keys(true) < 0);
	CHECK(problem);
	CHECK_INT(file_remove(dir, "slots-a"), 0);
	CHECK_INT(file_remove(dir, "slots-b"), 0);
	CHECK_INT(open_keys(true), -ENOENT); /* databases exist: no new slots */
	CHECK(problem);
	CHECK(!file_exists(dir, "slots-a"));
	CHECK_INT(open_keys(false), 0); /* cut off in the middle of the first start */
	CHECK(!notes.root_made);
	stop();
}

static void test_data_without_keys(void)
{
	temp_dir_make(dir, sizeof(dir));
	CHECK_INT(crypto_init(), 0);
	CHECK_INT(open_keys(true), -ENOENT);
	CHECK(problem);
	CHECK(!file_exists(dir, "root.key"));
	temp_dir_remove(dir);
}

static void test_slots_bytes(void)
{
	struct slots s = { .root = ROOT_BOARD,
			   .generation = 7,
			   .count = 2,
			   .slots = { { SLOT_QUEUE, 1, 5, 76, { 1 } },
				      { SLOT_SIGN, 0, 7, 60, { 2 } } } };
	uint8_t buf[SLOTS_BYTES_MAX];
	struct slots got;
	size_t covered;
	int n = slots_encode(&s, buf, sizeof(buf)), len = n + WRAP_OVERHEAD;

	CHECK_INT(n, 4 + 1 + 1 + 8 + 1 + 2 * (SLOT_AD_LEN + 1) + 76 + 60);
	memset(buf + n, 0xee, WRAP_OVERHEAD);
	CHECK_INT(slots_decode(buf, (size_t)len, &got, &covered), 0);
	CHECK_UINT(covered, n);
	CHECK_UINT(got.generation, 7);
	CHECK_INT(got.root, ROOT_BOARD);
	CHECK_INT(got.version, SLOTS_VERSION);
	CHECK_UINT(got.count, 2);
	CHECK_INT(got.slots[1].purpose, SLOT_SIGN);
	CHECK_INT(got.slots[1].wrapped_len, 60);
	CHECK_INT(got.tag[0], 0xee);
	CHECK(slots_find(&got, SLOT_QUEUE, 1) == &got.slots[0]);
	CHECK(!slots_find(&got, SLOT_QUEUE, 2));
	for (int cut = 0; cut < len; cut++)
		CHECK(slots_decode(buf, (size_t)cut, &got, &covered) < 0);
	CHECK_INT(slots_decode(buf, (size_t)len + 1, &got, &covered), -EBADMSG);
	buf[4] = SLOTS_VERSION + 1;
	CHECK_INT(slots_decode(buf, (size_t)len, &got, &covered), -ENOTSUP);
	buf[4] = SLOTS_VERSION;
	buf[4] = 0;
	CHECK_INT(slots_decode(buf, (size_t)len, &got, &covered), -ENOTSUP);
	buf[4] = SLOTS_VERSION;
	buf[5] = ROOT_NONE;
	CHECK_INT(slots_decode(buf, (size_t)len, &got, &covered), -ERANGE);
	buf[5] = ROOT_KINDS;
	CHECK_INT(slots_decode(buf, (size_t)len, &got, &covered), -ERANGE);
	buf[5] = ROOT_BOARD;
	buf[14] = SLOTS_MAX + 1;
	CHECK_INT(slots_decode(buf, (size_t)len, &got, &covered), -ERANGE);
	buf[14] = 2;
	buf[15] = SLOT_PURPOSES;
	CHECK_INT(slots_decode(buf, (size_t)len, &got, &covered), -ERANGE);
	buf[15] = SLOT_QUEUE;
	buf[15 + SLOT_AD_LEN] = WRAP_OVERHEAD;
	CHECK_INT(slots_decode(buf, (size_t)len, &got, &covered), -ERANGE);
	buf[15 + SLOT_AD_LEN] = 76;
	/* version 1 had no root: it was the file */
	memmove(buf + 5, buf + 6, (size_t)len - 6);
	buf[4] = 1;
	CHECK_INT(slots_decode(buf, (size_t)len - 1, &got, &covered), 0);
	CHECK_INT(got.version, 1);
	CHECK_INT(got.root, ROOT_FILE);
	CHECK_UINT(got.generation, 7);
	s.slots[1] = s.slots[0]; /* one purpose and segment twice */
	n = slots_encode(&s, buf, sizeof(buf));
	CHECK_INT(slots_decode(buf, (size_t)n + WRAP_OVERHEAD, &got, &covered), -EBADMSG);
	s.count = SLOTS_MAX + 1;
	CHECK_INT(slots_encode(&s, buf, sizeof(buf)), -ENOSPC);
}

TEST_MAIN("keys", test_first_start, test_state_needs_share, test_sign_key, test_audit_key,
	  test_audit_key_again, test_audit_key_bad, test_slots_versions,
	  test_one_copy_bad, test_newest_counts, test_nothing_opens,
	  test_data_without_keys, test_slots_bytes)
