/*
 * test_root.c - where the root secret comes from: each provider, refusals, moving to a better one with a failure or a
 * power cut at each step, and the recovery file.
 *
 * fsync, renameat, unlinkat and write are defined here, so that the n-th of them can fail. A cut is: from the n-th on
 * all of them fail.
 */
#include "storage/root.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "clinic/recover.h"
#include "hub/rt/file.h"
#include "storage/keys.h"
#include "storage/queue.h"
#include "temp_dir.h"
#include "test.h"

/* --- calls that fail ------------------------------------------------------------------------------ */

static int calls, fail_at; /* 0: none */
static bool fail_all;	   /* from fail_at on */

static bool fails(void)
{
	calls++;
	if (fail_at && (calls == fail_at || (fail_all && calls > fail_at))) {
		errno = EIO;
		return true;
	}
	return false;
}

int fsync(int fd)
{
	return fails() ? -1 : (int)syscall(SYS_fsync, fd);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return fails() ? -1 : (int)syscall(SYS_renameat, from_fd, from, to_fd, to);
}

int unlinkat(int fd, const char *name, int flags)
{
	return fails() ? -1 : (int)syscall(SYS_unlinkat, fd, name, flags);
}

ssize_t write(int fd, const void *buf, size_t n)
{
	return fails() ? -1 : (ssize_t)syscall(SYS_write, fd, buf, n);
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t at)
{
	return fails() ? -1 : (ssize_t)syscall(SYS_pwrite64, fd, buf, n, at);
}

/* --- a hub's folder and what systemd gives ---------------------------------------------------------- */

static char dir[64], given[64];
static struct keys *k;
static struct keys_notes notes;
static const char *problem;

static void start(void)
{
	CHECK_INT(crypto_init(), 0);
	temp_dir_make(dir, sizeof(dir));
	temp_dir_make(given, sizeof(given));
	setenv("CREDENTIALS_DIRECTORY", given, 1);
}

static void close_keys(void)
{
	keys_free(k);
	k = NULL;
}

static void stop(void)
{
	close_keys();
	temp_dir_remove(dir);
	temp_dir_remove(given);
	unsetenv("CREDENTIALS_DIRECTORY");
}

static int open_keys(void)
{
	close_keys();
	problem = NULL;
	return keys_open(dir, false, &k, &notes, &problem);
}

/* Opens with that provider in force. */
static void open_under(enum root_kind kind)
{
	int r = open_keys();

	if (r)
		fprintf(stderr, "%s\n", problem ? problem : "no problem named");
	CHECK_INT(r, 0);
	CHECK_INT(notes.root, kind);
}

static void give(const char *name, uint8_t seed, size_t len)
{
	uint8_t buf[512];

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)(seed + i * 7);
	CHECK_INT(file_replace(given, name, buf, len), 0);
}

static void give_blank(const char *name, uint8_t octet)
{
	uint8_t buf[32];

	memset(buf, octet, sizeof(buf));
	CHECK_INT(file_replace(given, name, buf, sizeof(buf)), 0);
}

static void take(const char *name)
{
	CHECK_INT(file_remove(given, name), 0);
}

/* All files of the folder in one hash, to see that nothing was changed. */
static void fingerprint(uint8_t ret[static SHA256_LEN])
{
	static const char *const names[] = { "root.key", "root.salt", "slots-a",
					     "slots-b",	 "recovery",  "sign.key" };
	uint8_t all[16384], one[4096];
	size_t len = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		int n = file_read(dir, names[i], one, sizeof(one));

		all[len++] = n >= 0;
		if (n > 0) {
			memcpy(all + len, one, (size_t)n);
			len += (size_t)n;
		}
	}
	crypto_sha256(all, len, ret);
}

/* Refused with that error and those words, and nothing in the folder changed. */
static void refused(int err, const char *words)
{
	uint8_t before[SHA256_LEN], after[SHA256_LEN];

	fingerprint(before);
	CHECK_INT(open_keys(), err);
	CHECK(!k && problem);
	if (!strstr(problem, words))
		fprintf(stderr, "said: %s\nwant: %s\n", problem, words);
	CHECK(strstr(problem, words));
	fingerprint(after);
	CHECK_MEM(after, before, sizeof(after));
}

/* --- keys that must stay the same through everything --------------------------------------------------- */

static const uint8_t share[ENGINE_SHARE_LEN] = { 5 };

struct all_keys {
	struct db_key queue, second, state;
	uint8_t sign[P256_PRIVATE_LEN], audit[85];
};

static void read_keys(struct all_keys *ret)
{
	CHECK_INT(keys_queue(k, 1, true, &ret->queue), 0);
	CHECK_INT(keys_queue(k, 2, true, &ret->second), 0);
	CHECK_INT(keys_state(k, share, &ret->state), 0);
	CHECK_INT(keys_sign(k, ret->sign), 0);
	CHECK_INT(keys_audit_load(k, ret->audit, sizeof(ret->audit)), 85);
}

static void same_keys(const struct all_keys *want)
{
	struct all_keys got;

	read_keys(&got);
	CHECK_MEM(&got, want, sizeof(got));
}

/* A hub that is set up, with every kind of key. */
static void set_up(struct all_keys *ret)
{
	uint8_t sign[P256_PRIVATE_LEN] = { 9 }, audit[85] = { 7 };

	CHECK_INT(file_replace(dir, "sign.key", sign, sizeof(sign)), 0);
	CHECK_INT(open_keys(), 0);
	CHECK_INT(keys_audit_store(k, audit, sizeof(audit)), 0);
	read_keys(ret);
	close_keys();
}

/* --- first start --------------------------------------------------------------------------------------- */

static void test_first_start_takes_the_best(void)
{
	static const enum root_kind want[4] = { ROOT_FILE, ROOT_BOARD, ROOT_CREDENTIAL,
						ROOT_CREDENTIAL };

	for (int i = 0; i < 4; i++) {
		start();
		if (i & 1)
			give(ROOT_BOARD_NAME, 1, 32);
		if (i & 2)
			give(ROOT_CREDENTIAL_NAME, 2, 32);
		open_under(want[i]);
		CHECK_INT(notes.root_made, want[i] != ROOT_CREDENTIAL);
		CHECK_INT(file_exists(dir, "root.key"), want[i] == ROOT_FILE);
		CHECK_INT(file_exists(dir, "root.salt"), want[i] == ROOT_BOARD);
		open_under(want[i]);
		CHECK(!notes.root_made && !notes.moved_from && !notes.repaired);
		CHECK(!notes.not_moved && !notes.left_over);
		stop();
	}
}

static void test_no_credentials_folder(void)
{
	start();
	unsetenv("CREDENTIALS_DIRECTORY");
	open_under(ROOT_FILE);
	setenv("CREDENTIALS_DIRECTORY", "", 1);
	open_under(ROOT_FILE);
	CHECK(!notes.not_moved);
	/* said but not there is not the same as not said */
	setenv("CREDENTIALS_DIRECTORY", "/nonexistent", 1);
	open_under(ROOT_FILE);
	CHECK(notes.not_moved);
	stop();
	start();
	setenv("CREDENTIALS_DIRECTORY", "/nonexistent", 1);
	refused(-EIO, "cannot be read");
	stop();
}

/* Nothing is made for a provider that this machine does not have. */
static void test_make(void)
{
	struct root roots[ROOT_KINDS];

	start();
	root_read_all(dir, roots);
	CHECK_INT(root_make(dir, ROOT_BOARD, &roots[ROOT_BOARD]), -ENOENT);
	CHECK_INT(root_make(dir, ROOT_CREDENTIAL, &roots[ROOT_CREDENTIAL]), -ENOENT);
	CHECK_INT(root_make(dir, ROOT_NONE, &roots[ROOT_NONE]), -ENOENT);
	CHECK(!root_is_left(dir, ROOT_BOARD) && !root_is_left(dir, ROOT_FILE));
	CHECK_INT(root_make(dir, ROOT_FILE, &roots[ROOT_FILE]), 0);
	CHECK(root_is_left(dir, ROOT_FILE));
	CHECK_INT(root_drop(dir, ROOT_FILE), 0);
	CHECK_INT(root_drop(dir, ROOT_FILE), 0);
	CHECK(!root_is_left(dir, ROOT_FILE));
	stop();
}

/* 31, 32, 256 and 257 octets; all equal. */
static void test_limits_of_what_is_given(void)
{
	static const char *const names[] = { ROOT_CREDENTIAL_NAME, ROOT_BOARD_NAME };
	static const enum root_kind kinds[] = { ROOT_CREDENTIAL, ROOT_BOARD };

	for (int i = 0; i < 2; i++) {
		start();
		give(names[i], 1, 0);
		refused(-EBADMSG, "32 to 256");
		give(names[i], 1, 31);
		refused(-EBADMSG, "32 to 256");
		give(names[i], 1, 257);
		refused(-EBADMSG, "32 to 256");
		give_blank(names[i], 0);
		refused(-EBADMSG, i ? "not programmed" : "are equal");
		give_blank(names[i], 0xff);
		refused(-EBADMSG, i ? "not programmed" : "are equal");
		CHECK(!file_exists(dir, "root.key"));
		give(names[i], 1, 32);
		open_under(kinds[i]);
		stop();
		start();
		give(names[i], 1, 256);
		open_under(kinds[i]);
		stop();
	}
}

/* --- refusals -------------------------------------------------------------------------------------------- */

static void test_credential_missing_or_wrong(void)
{
	struct all_keys keys;

	start();
	give(ROOT_CREDENTIAL_NAME, 1, 40);
	set_up(&keys);
	take(ROOT_CREDENTIAL_NAME);
	refused(-ENOENT, "hub-root, which is not there");
	give(ROOT_BOARD_NAME, 3, 32); /* another provider is no help */
	refused(-ENOENT, "hub-root, which is not there");
	give(ROOT_CREDENTIAL_NAME, 2, 40);
	refused(-EKEYREJECTED, "not the one the hub was set up with");
	give(ROOT_CREDENTIAL_NAME, 1, 41); /* each octet counts, also those beyond 32 */
	refused(-EKEYREJECTED, "not the one");
	give(ROOT_CREDENTIAL_NAME, 1, 31);
	refused(-EBADMSG, "32 to 256");
	give(ROOT_CREDENTIAL_NAME, 1, 40);
	open_under(ROOT_CREDENTIAL);
	same_keys(&keys);
	CHECK(!file_exists(dir, "root.key"));
	stop();
}

static void test_board_missing_or_wrong(void)
{
	uint8_t salt[32], other[32];
	struct all_keys keys;

	start();
	give(ROOT_BOARD_NAME, 1, 32);
	set_up(&keys);
	CHECK_INT(file_read(dir, "root.salt", salt, sizeof(salt)), 32);
	take(ROOT_BOARD_NAME);
	refused(-ENOENT, "memory of its board, which is not there");
	give_blank(ROOT_BOARD_NAME, 0);
	refused(-EBADMSG, "not programmed");
	give(ROOT_BOARD_NAME, 2, 32);
	refused(-EKEYREJECTED, "is this the board");
	give(ROOT_BOARD_NAME, 1, 32);
	CHECK_INT(file_remove(dir, "root.salt"), 0);
	refused(-ENOENT, "root.salt is missing");
	CHECK(!file_exists(dir, "root.salt"));
	CHECK_INT(file_replace(dir, "root.salt", salt, 31), 0);
	refused(-EBADMSG, "root.salt is damaged");
	crypto_random(other, sizeof(other));
	CHECK_INT(file_replace(dir, "root.salt", other, sizeof(other)), 0);
	refused(-EKEYREJECTED, "is this the board");
	CHECK_INT(file_replace(dir, "root.salt", salt, sizeof(salt)), 0);
	open_under(ROOT_BOARD);
	same_keys(&keys);
	stop();
}

/* The file of a hub that was set up with a better provider helps nobody, and the file of one that has only
 * that is not replaced by a better provider that comes without it. */
static void test_file_missing(void)
{
	uint8_t root[32];
	struct all_keys keys;

	start();
	set_up(&keys);
	CHECK_INT(file_read(dir, "root.key", root, sizeof(root)), 32);
	CHECK_INT(file_remove(dir, "root.key"), 0);
	give(ROOT_CREDENTIAL_NAME, 1, 32);
	refused(-ENOENT, "root.key is missing");
	CHECK_INT(file_replace(dir, "root.key", root, sizeof(root)), 0);
	open_under(ROOT_CREDENTIAL);
	same_keys(&keys);
	stop();
}

/* The provider in the slots file is under the tag. */
static void test_provider_cannot_be_changed(void)
{
	static const char *const names[] = { "slots-a", "slots-b" };
	uint8_t buf[SLOTS_BYTES_MAX], root[32];
	int n;

	start();
	open_under(ROOT_FILE);
	close_keys();
	CHECK_INT(file_read(dir, "root.key", root, sizeof(root)), 32);
	n = file_read(dir, "slots-a", buf, sizeof(buf));
	CHECK(n > 0);
	CHECK_INT(buf[5], ROOT_FILE);
	buf[5] = ROOT_CREDENTIAL;
	for (int i = 0; i < 2; i++)
		CHECK_INT(file_replace(dir, names[i], buf, (size_t)n), 0);
	CHECK_INT(file_replace(given, ROOT_CREDENTIAL_NAME, root, sizeof(root)), 0);
	refused(-EKEYREJECTED, "not the one");
	stop();
}

/* --- moving ------------------------------------------------------------------------------------------------ */

static void test_moves(void)
{
	static const struct {
		enum root_kind from, to;
	} moves[] = { { ROOT_FILE, ROOT_BOARD },
		      { ROOT_FILE, ROOT_CREDENTIAL },
		      { ROOT_BOARD, ROOT_CREDENTIAL } };
	struct all_keys keys;

	for (size_t i = 0; i < sizeof(moves) / sizeof(*moves); i++) {
		start();
		if (moves[i].from == ROOT_BOARD)
			give(ROOT_BOARD_NAME, 1, 32);
		set_up(&keys);
		give(moves[i].to == ROOT_BOARD ? ROOT_BOARD_NAME : ROOT_CREDENTIAL_NAME,
		     2, 32);
		open_under(moves[i].to);
		CHECK_INT(notes.moved_from, moves[i].from);
		CHECK(!notes.left_over && !notes.not_moved);
		same_keys(&keys);
		CHECK(!file_exists(dir, "root.key"));
		CHECK_INT(file_exists(dir, "root.salt"), moves[i].to == ROOT_BOARD);
		take(moves[i].to == ROOT_BOARD ? ROOT_BOARD_NAME : ROOT_CREDENTIAL_NAME);
		refused(-ENOENT, "not there");
		stop();
	}
}

/* Offered but no good: a hub that is set up goes on with its own and says so. */
static void test_not_moved(void)
{
	struct all_keys keys;

	start();
	set_up(&keys);
	give_blank(ROOT_BOARD_NAME, 0);
	open_under(ROOT_FILE);
	CHECK(notes.not_moved && strstr(notes.not_moved, "not programmed"));
	same_keys(&keys);
	give(ROOT_CREDENTIAL_NAME, 1, 8);
	open_under(ROOT_FILE);
	CHECK(notes.not_moved);
	CHECK(file_exists(dir, "root.key"));
	give(ROOT_CREDENTIAL_NAME, 1, 32);
	open_under(ROOT_CREDENTIAL);
	CHECK(!notes.not_moved);
	same_keys(&keys);
	stop();
}

/* What a hub of before had: no provider in the file, the root secret itself as half. */
static void make_version_1(const struct all_keys *keys)
{
	uint8_t root[32], both[64], kek[KEY_LEN], ad[SLOT_AD_LEN], buf[SLOTS_BYTES_MAX];
	struct slots s = { .root = ROOT_FILE, .generation = 4, .count = 3 };
	static const enum slot_purpose purpose[] = { SLOT_QUEUE, SLOT_STATE, SLOT_SIGN };
	static const char *const label[] = { "hub/v1/queue", "hub/v1/state",
					     "hub/v1/sign" };
	const void *plain[] = { &keys->queue, &keys->state, keys->sign };
	uint8_t nothing[1] = { 0 };
	int n;

	crypto_random(root, sizeof(root));
	CHECK_INT(file_replace(dir, "root.key", root, sizeof(root)), 0);
	memcpy(both, root, 32);
	memcpy(both + 32, share, 32);
	for (int i = 0; i < 3; i++) {
		struct slot *slot = &s.slots[i];
		size_t len = i < 2 ? sizeof(struct db_key) : P256_PRIVATE_LEN;

		*slot = (struct slot){ .purpose = purpose[i],
				       .segment = i == 0,
				       .generation = (uint64_t)i + 2,
				       .wrapped_len = (uint8_t)(len + WRAP_OVERHEAD) };
		crypto_derive(i == 1 ? both : root, i == 1 ? 64 : 32, label[i], kek);
		slot_ad(slot, ad);
		crypto_wrap(kek, ad, sizeof(ad), plain[i], len, slot->wrapped);
	}
	n = slots_encode(&s, buf, sizeof(buf));
	CHECK(n > 0);
	memmove(buf + 5, buf + 6, (size_t)n - 6); /* without the provider */
	buf[4] = 1;
	n--;
	crypto_derive(root, sizeof(root), "hub/v1/slots", kek);
	crypto_wrap(kek, buf, (size_t)n, nothing, 0, buf + n);
	n += WRAP_OVERHEAD;
	CHECK_INT(file_replace(dir, "slots-a", buf, (size_t)n), 0);
	CHECK_INT(file_replace(dir, "slots-b", buf, (size_t)n), 0);
}

static void test_version_1(void)
{
	struct all_keys keys, got;
	uint8_t buf[SLOTS_BYTES_MAX];

	for (int with = 0; with < 2; with++) {
		start();
		crypto_random((uint8_t *)&keys, sizeof(keys));
		make_version_1(&keys);
		if (with)
			give(ROOT_CREDENTIAL_NAME, 1, 32);
		open_under(with ? ROOT_CREDENTIAL : ROOT_FILE);
		for (int again = 0; again < 2; again++) {
			CHECK_INT(keys_queue(k, 1, true, &got.queue), 0);
			CHECK_INT(keys_state(k, share, &got.state), 0);
			CHECK_INT(keys_sign(k, got.sign), 0);
			CHECK_MEM(&got.queue, &keys.queue, sizeof(got.queue));
			CHECK_MEM(&got.state, &keys.state, sizeof(got.state));
			CHECK_MEM(got.sign, keys.sign, sizeof(got.sign));
			open_under(with ? ROOT_CREDENTIAL : ROOT_FILE);
			CHECK(!notes.repaired);
		}
		CHECK(file_read(dir, "slots-a", buf, sizeof(buf)) > 0);
		CHECK_INT(buf[4], SLOTS_VERSION);
		stop();
	}
}

/* Returns whether the n-th call was reached. Then the hub must open, with all keys, whatever is left of the move; with
 * old_only: as if the better secret had gone again. */
static bool move_with_failure(int n, bool cut, enum root_kind from, bool old_only,
			      bool *ret_old_opened)
{
	const char *better = from == ROOT_FILE ? ROOT_BOARD_NAME : ROOT_CREDENTIAL_NAME;
	struct all_keys keys;
	bool reached, moved;
	int r;

	start();
	if (from == ROOT_BOARD)
		give(ROOT_BOARD_NAME, 1, 32);
	set_up(&keys);
	give(better, 2, 32);
	calls = 0;
	fail_at = n;
	fail_all = cut;
	r = open_keys();
	reached = calls >= n;
	fail_at = 0;
	/* a failed move is no reason to take no readings */
	CHECK_INT(r, 0);
	same_keys(&keys);
	moved = notes.root != from;
	CHECK_INT(moved, notes.moved_from == from);
	CHECK_INT(!moved, notes.not_moved != NULL);
	if (moved && root_is_left(dir, from))
		CHECK(notes.left_over);
	if (!old_only) {
		open_under(from + 1);
		same_keys(&keys);
		CHECK(!notes.left_over);
		CHECK(!file_exists(dir, from == ROOT_FILE ? "root.key" : "root.salt"));
	} else {
		take(better);
		r = open_keys();
		*ret_old_opened = r == 0;
		if (moved)
			CHECK_INT(r, -ENOENT);
		if (r == 0) {
			CHECK_INT(notes.root, from);
			same_keys(&keys);
		} else { /* then the better one opens */
			CHECK(problem);
			give(better, 2, 32);
			open_under(from + 1);
			same_keys(&keys);
		}
	}
	stop();
	return reached;
}

static void test_move_fails_at_each_step(void)
{
	for (enum root_kind from = ROOT_FILE; from <= ROOT_BOARD; from++)
		for (int how = 0; how < 4; how++) {
			int n = 1, old = 0;
			bool opened = false;

			while (move_with_failure(n, how & 1, from, how & 2, &opened)) {
				n++;
				old += opened;
			}
			/* two copies of 4 calls each, and what makes or removes a file */
			CHECK(n > 10);
			if (how & 2)
				CHECK(old >= 4);
		}
}

/* After the failed move the hub goes on: what it makes then is there afterwards. */
static void test_new_key_after_failed_move(void)
{
	for (int n = 1; n <= 8; n++) {
		struct all_keys keys;
		struct db_key made, got;

		start();
		set_up(&keys);
		give(ROOT_CREDENTIAL_NAME, 2, 32);
		calls = 0;
		fail_at = n;
		fail_all = false;
		CHECK_INT(open_keys(), 0);
		fail_at = 0;
		CHECK_INT(keys_queue(k, 3, true, &made), 0);
		open_under(ROOT_CREDENTIAL);
		CHECK_INT(keys_queue(k, 3, true, &got), 0);
		CHECK_MEM(&got, &made, sizeof(got));
		same_keys(&keys);
		stop();
	}
}

/* A lone copy that is much newer is no cut-off move: the weaker provider is not taken. */
static void test_old_copy_is_no_way_back(void)
{
	uint8_t old[SLOTS_BYTES_MAX], root[32];
	struct all_keys keys;
	struct db_key key;
	int n;

	start();
	set_up(&keys);
	n = file_read(dir, "slots-b", old, sizeof(old));
	CHECK(n > 0);
	CHECK_INT(file_read(dir, "root.key", root, sizeof(root)), 32);
	give(ROOT_CREDENTIAL_NAME, 1, 32);
	open_under(ROOT_CREDENTIAL);
	CHECK_INT(keys_queue(k, 3, true, &key), 0);
	take(ROOT_CREDENTIAL_NAME);
	CHECK_INT(file_replace(dir, "slots-b", old, (size_t)n), 0);
	CHECK_INT(file_replace(dir, "root.key", root, sizeof(root)), 0);
	refused(-ENOENT, "hub-root, which is not there");
	give(ROOT_CREDENTIAL_NAME, 1, 32);
	open_under(ROOT_CREDENTIAL);
	CHECK(notes.repaired);
	CHECK(!file_exists(dir, "root.key"));
	same_keys(&keys);
	stop();
}

/* root.key's octets are not only unlinked. */
static void test_file_is_overwritten(void)
{
	uint8_t got[32], zeros[32] = { 0 };
	struct all_keys keys;
	char path[96], other[96];

	start();
	set_up(&keys);
	snprintf(path, sizeof(path), "%s/root.key", dir);
	snprintf(other, sizeof(other), "%s/kept", dir);
	CHECK_INT(link(path, other), 0);
	give(ROOT_CREDENTIAL_NAME, 1, 32);
	open_under(ROOT_CREDENTIAL);
	CHECK_INT(file_read(dir, "kept", got, sizeof(got)), 32);
	CHECK_MEM(got, zeros, sizeof(got));
	stop();
}

/* --- recovery ---------------------------------------------------------------------------------------------- */

static struct msg_store_config config;
static struct opening_key clinic;

static void make_clinic(uint8_t id)
{
	clinic.id = id;
	config = (struct msg_store_config){
		.epoch = 3, .assignment = 1, .seal_key_id = id, .has_share = true
	};
	memset(config.hub, 0x44, sizeof(config.hub));
	memcpy(config.share, share, sizeof(share));
	x25519_generate(clinic.private, config.seal_public);
}

static void recovered(struct recovery *ret)
{
	CHECK_INT(recover_read(dir, ret), 0);
}

static void test_recovery(void)
{
	struct all_keys keys;
	struct opening_key wrong;
	struct recovery r, changed;
	struct db_key got;
	uint8_t public[X25519_LEN];

	start();
	set_up(&keys);
	open_under(ROOT_FILE);
	make_clinic(7);
	CHECK_INT(recover_read(dir, &r), -ENOENT);
	CHECK_INT(keys_recovery(k, &config), 0);
	recovered(&r);
	CHECK_UINT(r.count, 3); /* two segments, state.db; never the signing key */
	CHECK_INT(recover_key(&r, &clinic, SLOT_QUEUE, 1, &got), 0);
	CHECK_MEM(&got, &keys.queue, sizeof(got));
	CHECK_INT(recover_key(&r, &clinic, SLOT_QUEUE, 2, &got), 0);
	CHECK_MEM(&got, &keys.second, sizeof(got));
	CHECK_INT(recover_key(&r, &clinic, SLOT_STATE, 0, &got), 0);
	CHECK_MEM(&got, &keys.state, sizeof(got));
	CHECK_INT(recover_key(&r, &clinic, SLOT_SIGN, 0, &got), -ENOENT);
	CHECK_INT(recover_key(&r, &clinic, SLOT_QUEUE, 3, &got), -ENOENT);
	wrong.id = 7;
	x25519_generate(wrong.private, public);
	CHECK_INT(recover_key(&r, &wrong, SLOT_QUEUE, 1, &got), -EKEYREJECTED);
	wrong = clinic;
	wrong.id = 8;
	CHECK_INT(recover_key(&r, &wrong, SLOT_QUEUE, 1, &got), -ENOTSUP);
	changed = r;
	changed.epoch++;
	CHECK_INT(recover_key(&changed, &clinic, SLOT_QUEUE, 1, &got), -EKEYREJECTED);
	changed = r;
	changed.hub[0] ^= 1;
	CHECK_INT(recover_key(&changed, &clinic, SLOT_QUEUE, 1, &got), -EKEYREJECTED);
	changed = r;
	changed.entries[0].segment = 9;
	CHECK_INT(recover_key(&changed, &clinic, SLOT_QUEUE, 9, &got), -EKEYREJECTED);
	stop();
}

/* Each octet damaged, each length: never a key. */
static void test_recovery_damaged(void)
{
	uint8_t buf[RECOVERY_BYTES_MAX];
	struct all_keys keys;
	struct recovery r;
	int n;

	start();
	set_up(&keys);
	open_under(ROOT_FILE);
	make_clinic(7);
	CHECK_INT(keys_recovery(k, &config), 0);
	n = file_read(dir, "recovery", buf, sizeof(buf));
	CHECK_INT(n, 4 + 1 + 16 + 4 + 8 + 32 + 1 + 3 * (1 + 4 + 8 + 98) + 32);
	CHECK_INT(recovery_decode(buf, (size_t)n, &r), 0);
	for (int i = 0; i < n; i++) {
		buf[i] ^= 0x10;
		CHECK(recovery_decode(buf, (size_t)n, &r) < 0);
		buf[i] ^= 0x10;
		CHECK(recovery_decode(buf, (size_t)i, &r) < 0);
	}
	CHECK_INT(recovery_decode(buf, (size_t)n + 1, &r), -EBADMSG);
	buf[4] = RECOVERY_VERSION + 1;
	CHECK_INT(recovery_decode(buf, (size_t)n, &r), -ENOTSUP);
	buf[4] = RECOVERY_VERSION;
	buf[65] = RECOVERY_ENTRIES_MAX + 1;
	CHECK_INT(recovery_decode(buf, (size_t)n, &r), -ERANGE);
	buf[65] = 3;
	buf[66] = SLOT_SIGN;
	CHECK_INT(recovery_decode(buf, (size_t)n, &r), -ERANGE);
	buf[66] = SLOT_QUEUE;
	/* found damaged at the next start: made again */
	buf[70] ^= 1;
	CHECK_INT(file_replace(dir, "recovery", buf, (size_t)n), 0);
	CHECK_INT(recover_read(dir, &r), -EBADMSG);
	open_under(ROOT_FILE);
	CHECK_INT(keys_recovery(k, &config), 0);
	CHECK_INT(recover_read(dir, &r), 0);
	CHECK_INT(recovery_encode(&r, buf, (size_t)n - 1), -ENOSPC);
	CHECK_INT(recovery_encode(&r, buf, (size_t)n), n);
	stop();
}

static void test_recovery_is_kept_current(void)
{
	uint8_t before[SHA256_LEN], after[SHA256_LEN];
	struct all_keys keys;
	struct recovery r;
	struct db_key made, got;

	start();
	set_up(&keys);
	open_under(ROOT_FILE);
	make_clinic(7);
	config.has_share = false; /* level 2 from the beginning: the queue at least */
	CHECK_INT(keys_recovery(k, &config), 0);
	recovered(&r);
	CHECK_INT(recover_key(&r, &clinic, SLOT_QUEUE, 1, &got), 0);
	CHECK_INT(recover_key(&r, &clinic, SLOT_STATE, 0, &got), -ENOENT);
	config.has_share = true;
	CHECK_INT(keys_recovery(k, &config), 0);
	recovered(&r);
	CHECK_INT(recover_key(&r, &clinic, SLOT_STATE, 0, &got), 0);
	/* nothing new: not written, now or after a restart */
	fingerprint(before);
	calls = 0;
	CHECK_INT(keys_recovery(k, &config), 0);
	open_under(ROOT_FILE);
	CHECK_INT(keys_recovery(k, &config), 0);
	CHECK_INT(
		calls,
		2); /* file and folder synced once a start: a kill may have left them unsynced */
	config.has_share = false;
	open_under(ROOT_FILE);
	CHECK_INT(keys_recovery(k, &config), 0);
	fingerprint(after);
	CHECK_MEM(after, before, sizeof(after));
	/* a new segment without the share: state.db's key is carried over */
	CHECK_INT(keys_queue(k, 5, true, &made), 0);
	CHECK_INT(keys_recovery(k, &config), 0);
	recovered(&r);
	CHECK_INT(recover_key(&r, &clinic, SLOT_QUEUE, 5, &got), 0);
	CHECK_MEM(&got, &made, sizeof(got));
	CHECK_INT(recover_key(&r, &clinic, SLOT_STATE, 0, &got), 0);
	CHECK_MEM(&got, &keys.state, sizeof(got));
	/* a share that does not fit is no reason to lose it either */
	config.has_share = true;
	config.share[0] ^= 1;
	CHECK_INT(keys_recovery(k, &config), 0);
	recovered(&r);
	CHECK_INT(recover_key(&r, &clinic, SLOT_STATE, 0, &got), 0);
	/* nor to have no file */
	CHECK_INT(file_remove(dir, "recovery"), 0);
	open_under(ROOT_FILE);
	CHECK_INT(keys_recovery(k, &config), 0);
	recovered(&r);
	CHECK_INT(recover_key(&r, &clinic, SLOT_QUEUE, 1, &got), 0);
	CHECK_INT(recover_key(&r, &clinic, SLOT_STATE, 0, &got), -ENOENT);
	config.share[0] ^= 1;
	/* another root secret: the same keys */
	give(ROOT_CREDENTIAL_NAME, 1, 32);
	open_under(ROOT_CREDENTIAL);
	CHECK_INT(keys_recovery(k, &config), 0);
	recovered(&r);
	CHECK_INT(recover_key(&r, &clinic, SLOT_QUEUE, 5, &got), 0);
	CHECK_MEM(&got, &made, sizeof(got));
	CHECK_UINT(recovery_find(&r, SLOT_QUEUE, 5)->generation, r.generation);
	/* the same key of the clinic under another id, then another key under that id */
	config.seal_key_id = clinic.id = 8;
	CHECK_INT(keys_recovery(k, &config), 0);
	recovered(&r);
	CHECK_INT(recover_key(&r, &clinic, SLOT_QUEUE, 1, &got), 0);
	make_clinic(8);
	CHECK_INT(keys_recovery(k, &config), 0);
	recovered(&r);
	CHECK_INT(recover_key(&r, &clinic, SLOT_QUEUE, 1, &got), 0);
	CHECK_MEM(&got, &keys.queue, sizeof(got));
	CHECK_INT(recover_key(&r, &clinic, SLOT_STATE, 0, &got), 0);
	CHECK_MEM(&got, &keys.state, sizeof(got));
	/* another enrolment */
	config.epoch++;
	CHECK_INT(keys_recovery(k, &config), 0);
	recovered(&r);
	CHECK_UINT(r.epoch, 4);
	CHECK_INT(recover_key(&r, &clinic, SLOT_QUEUE, 1, &got), 0);
	stop();
}

/* Whole or as before, and not tried again until something changes. */
static void test_recovery_cannot_be_written(void)
{
	struct all_keys keys;
	struct db_key made, got;
	struct recovery r;

	for (int n = 1; n <= 4; n++) {
		start();
		set_up(&keys);
		open_under(ROOT_FILE);
		make_clinic(7);
		CHECK_INT(keys_recovery(k, &config), 0);
		CHECK_INT(keys_queue(k, 5, true, &made), 0);
		calls = 0;
		fail_at = n;
		fail_all = true;
		CHECK_INT(keys_recovery(k, &config), -EIO);
		CHECK_INT(keys_recovery(k, &config), 0);
		fail_at = 0;
		recovered(&r);
		CHECK_INT(recover_key(&r, &clinic, SLOT_QUEUE, 1, &got), 0);
		open_under(ROOT_FILE);
		CHECK_INT(keys_recovery(k, &config), 0);
		recovered(&r);
		CHECK_INT(recover_key(&r, &clinic, SLOT_QUEUE, 5, &got), 0);
		stop();
	}
}

/* --- from the card to the reading ------------------------------------------------------------------------------ */

struct seen {
	unsigned opened;
	uint64_t last;
	int stop_after;
};

static int on_record(void *arg, const struct sealed *rec)
{
	struct seen *s = arg;
	struct envelope e = { .epoch = rec->epoch,
			      .assignment = rec->record.assignment,
			      .seq = rec->record.seq,
			      .class = rec->record.class,
			      .kind = rec->record.kind,
			      .body_len = (uint32_t)rec->record.body_len };
	uint8_t ad[ENVELOPE_LEN], plain[16];

	memcpy(e.hub, rec->hub, sizeof(e.hub));
	envelope_encode(&e, ad);
	CHECK_UINT(rec->record.body_len, SEALED_LEN(4));
	CHECK_INT(unseal(clinic.private, ad, sizeof(ad), rec->record.body,
			 rec->record.body_len, plain),
		  0);
	CHECK_INT(plain[0], rec->record.seq);
	s->opened++;
	s->last = rec->record.seq;
	return s->stop_after && s->opened == (unsigned)s->stop_after ? -ECANCELED : 0;
}

static void fill_queue(const struct db_key *key, unsigned count)
{
	uint8_t body[SEALED_LEN(4)], ad[ENVELOPE_LEN], plain[4] = { 0 };
	struct queue *q;

	CHECK_INT(queue_open(dir, 1, key, 0, &q), 0);
	CHECK_INT(queue_set_owner(q, config.hub, config.epoch, 7), 0);
	for (unsigned i = 1; i <= count; i++) {
		struct queue_entry e = {
			.record = { .assignment = 1,
				    .seq = i,
				    .class = i % 3 ? CLASS_ROUTINE : CLASS_ALARM,
				    .kind = 1,
				    .body = body,
				    .body_len = sizeof(body) },
			.instance = 1,
			.capture = i,
		};
		struct envelope env = { .epoch = config.epoch,
					.assignment = 1,
					.seq = i,
					.class = e.record.class,
					.kind = 1,
					.body_len = sizeof(body) };

		memcpy(env.hub, config.hub, sizeof(env.hub));
		envelope_encode(&env, ad);
		plain[0] = (uint8_t)i;
		CHECK_INT(seal(7, config.seal_public, ad, sizeof(ad), plain,
			       sizeof(plain), body),
			  0);
		CHECK_INT(queue_insert(q, &e, 1), 0);
	}
	queue_close(q); /* as after a power cut: what is in the WAL stays there */
}

static void hash_of(const char *name, uint8_t ret[static SHA256_LEN])
{
	static uint8_t buf[1 << 20];
	int n = file_read(dir, name, buf, sizeof(buf));

	CHECK(n > 0);
	crypto_sha256(buf, (size_t)n, ret);
}

static void test_card_at_the_clinic(void)
{
	uint8_t before[SHA256_LEN], wal_before[SHA256_LEN], after[SHA256_LEN];
	struct recover_counts c = { 0 };
	struct seen seen = { 0 };
	struct recovery r;
	struct db_key key;

	start();
	open_under(ROOT_FILE);
	make_clinic(7);
	CHECK_INT(keys_queue(k, 1, true, &key), 0);
	fill_queue(&key, 20);
	CHECK_INT(keys_recovery(k, &config), 0);
	close_keys();
	hash_of("queue-1.db", before);
	hash_of("queue-1.db-wal", wal_before);
	/* the board is dead */
	CHECK_INT(file_remove(dir, "root.key"), 0);
	memset(&key, 0, sizeof(key));
	recovered(&r);
	CHECK_INT(recover_key(&r, &clinic, SLOT_QUEUE, 1, &key), 0);
	CHECK_INT(recover_queue(dir, &r, 1, &key, on_record, &seen, &c), 0);
	CHECK_UINT(c.alarm, 6);
	CHECK_UINT(c.routine, 14);
	CHECK_UINT(c.refused, 0);
	CHECK_UINT(c.given_up, 0);
	CHECK_UINT(seen.opened, 20);
	CHECK_UINT(seen.last, 20);
	hash_of("queue-1.db", after);
	CHECK_MEM(after, before, sizeof(after));
	hash_of("queue-1.db-wal", after);
	CHECK_MEM(after, wal_before, sizeof(after));
	/* once more, counting only */
	CHECK_INT(recover_queue(dir, &r, 1, &key, NULL, NULL, &c), 0);
	CHECK_UINT(c.routine, 14);
	seen = (struct seen){ .stop_after = 3 };
	CHECK_INT(recover_queue(dir, &r, 1, &key, on_record, &seen, &c), -ECANCELED);
	CHECK_UINT(seen.opened, 3);
	CHECK_INT(recover_queue(dir, &r, 2, &key, NULL, NULL, &c), -ENOENT);
	key.key[0] ^= 1;
	CHECK_INT(recover_queue(dir, &r, 1, &key, NULL, NULL, &c), -EBADMSG);
	stop();
}

TEST_MAIN("root", test_first_start_takes_the_best, test_no_credentials_folder, test_make,
	  test_limits_of_what_is_given, test_credential_missing_or_wrong,
	  test_board_missing_or_wrong, test_file_missing, test_provider_cannot_be_changed,
	  test_moves, test_not_moved, test_version_1, test_move_fails_at_each_step,
	  test_new_key_after_failed_move, test_old_copy_is_no_way_back,
	  test_file_is_overwritten, test_recovery, test_recovery_damaged,
	  test_recovery_is_kept_current, test_recovery_cannot_be_written,
	  test_card_at_the_clinic)
