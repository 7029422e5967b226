/*
 * test_store_enrol.c - what hub-store says to hub-coap that enrols: the keys it makes for it, when they stay and when there
 * are others; and that a hub of which nobody is the owner yet does nothing.
 */
#include <errno.h>
#include <sys/stat.h>

#include "hub/rt/file.h"
#include "killed.h"
#include "storage/db.h"
#include "storage/keys.h"
#include "storage/store.h"
#include "temp_dir.h"
#include "test.h"

enum { HOUR_MS = 3600 * 1000 };

static char dir[64], aside[64];
static struct store *store;
static struct keys *keys;
static struct mono now;
static struct msg_sign_keys told; /* to hub-coap, last */
static unsigned answers;
static bool coap_is_slow;
static uint8_t hub[HUB_ID_LEN] = { 7 };

static const uint8_t no_key[KEY_LEN];

/* --- hub-store without its peers ------------------------------------------------------------- */

static int on_send(void *arg, enum role to, const struct msg *m)
{
	(void)arg;
	if (m->kind != MSG_SIGN_KEYS)
		return 0;
	CHECK_INT(to, ROLE_COAP); /* nobody else is to see key 0 */
	if (coap_is_slow)
		return -EAGAIN;
	told = m->sign_keys;
	answers++;
	return 0;
}

static void open_store(void)
{
	const struct store_host host = { NULL, on_send };

	store = store_new(dir, &host, now);
	CHECK(store);
	store_on_link(store, ROLE_COAP, true, now);
	store_on_link(store, ROLE_HUBD, true, now);
	store_run(store, now);
}

static void close_store(void)
{
	store_free(store);
	store = NULL;
}

static void start(void)
{
	CHECK_INT(crypto_init(), 0);
	temp_dir_make(dir, sizeof(dir));
	now.ms = 10000;
	answers = 0;
	coap_is_slow = false;
	memset(&told, 0, sizeof(told));
}

static void stop(void)
{
	char path[96];

	close_store();
	snprintf(path, sizeof(path), "%s/audit", dir);
	temp_dir_remove(path);
	snprintf(path, sizeof(path), "%s/audit.1", dir);
	temp_dir_remove(path);
	temp_dir_remove(dir);
}

static void ask(uint32_t epoch)
{
	const struct msg m = { .kind = MSG_SIGN_KEYS, .sign_keys = { .epoch = epoch } };

	store_on_message(store, &m, now);
	store_run(store, now);
}

/* hubd says who this hub is: the log begins. */
static void configure(uint32_t epoch)
{
	struct msg m = { .kind = MSG_STORE_CONFIG,
			 .store_config = { .epoch = epoch,
					   .seal_key_id = 1,
					   .has_share = true,
					   .share = { 9 } } };

	memcpy(m.store_config.hub, hub, sizeof(hub));
	x25519_generate(m.store_config.share, m.store_config.seal_public);
	store_on_message(store, &m, now);
	for (int i = 0; i < 20; i++) {
		now.ms += 100;
		store_run(store, now);
	}
}

/* --- cases ------------------------------------------------------------------------------------ */

static void test_asked(void)
{
	struct msg_sign_keys first;
	uint8_t hash[SHA256_LEN] = { 1 }, signature[P256_SIGNATURE_LEN];
	uint8_t private[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN];
	struct keys_notes notes;
	const char *problem;

	start();
	open_store();
	ask(1);
	CHECK_UINT(answers, 1);
	CHECK_UINT(told.epoch, 1);
	CHECK(told.has_sign && told.has_audit);
	CHECK(memcmp(told.audit_key, no_key, KEY_LEN) != 0);
	first = told;
	ask(1); /* the answer was lost */
	CHECK_UINT(answers, 2);
	CHECK_MEM(&told, &first, sizeof(first));
	close_store();
	open_store(); /* and hub-store was killed */
	ask(1);
	CHECK_UINT(answers, 3);
	CHECK_MEM(&told, &first, sizeof(first));
	close_store();
	/* it is the public half of what batches are signed with */
	CHECK_INT(keys_open(dir, true, &keys, &notes, &problem), 0);
	CHECK_INT(keys_sign(keys, private), 0);
	CHECK_INT(p256_public(private, public), 0);
	CHECK_MEM(public, first.sign_public, sizeof(public));
	CHECK_INT(p256_sign(private, hash, sizeof(hash), signature), 0);
	CHECK_INT(p256_verify(first.sign_public, hash, sizeof(hash), signature), 0);
	keys_free(keys);
	stop();
}

/* Key 0 is told until the log begins with it, and never again. */
static void test_key0_goes(void)
{
	struct msg_sign_keys first;

	start();
	open_store();
	ask(1);
	first = told;
	configure(1);
	ask(1);
	CHECK_UINT(answers, 2);
	CHECK(told.has_sign && !told.has_audit);
	CHECK_MEM(told.sign_public, first.sign_public, P256_PUBLIC_LEN);
	CHECK_MEM(told.audit_key, no_key, KEY_LEN);
	close_store();
	open_store();
	ask(1);
	CHECK(told.has_sign && !told.has_audit);
	stop();
}

/* Of an enrolment after the one that everything here is of there is another key 0; the key for batches stays. */
static void test_later_enrolment(void)
{
	struct msg_sign_keys first, second;

	start();
	open_store();
	ask(1);
	first = told;
	configure(1);
	ask(2);
	second = told;
	CHECK_UINT(second.epoch, 2);
	CHECK(second.has_sign && second.has_audit);
	CHECK_MEM(second.sign_public, first.sign_public, P256_PUBLIC_LEN);
	CHECK(memcmp(second.audit_key, first.audit_key, KEY_LEN) != 0);
	ask(2);
	CHECK_MEM(&told, &second, sizeof(second));
	stop();
}

/* hub-coap is slow, then asks again. */
static void test_answer_not_sent(void)
{
	start();
	open_store();
	coap_is_slow = true;
	ask(1);
	coap_is_slow = false;
	CHECK_UINT(answers, 0);
	ask(1);
	CHECK_UINT(answers, 1);
	CHECK(told.has_sign && told.has_audit);
	stop();
}

static void copy_slots(const char *from, const char *to)
{
	static const char *const names[] = { "slots-a", "slots-b" };
	uint8_t buf[SLOTS_BYTES_MAX];

	for (size_t i = 0; i < 2; i++) {
		int n = file_read(from, names[i], buf, sizeof(buf));

		CHECK(n > 0);
		CHECK_INT(file_replace(to, names[i], buf, (size_t)n), 0);
	}
}

/* The keys cannot be had: no answer, which would be of other keys than the batches to come; once they can, the same ones. */
static void test_without_keys(void)
{
	struct msg_sign_keys first;

	start();
	open_store();
	ask(1);
	first = told;
	close_store();
	temp_dir_make(aside, sizeof(aside));
	copy_slots(dir, aside);
	CHECK_INT(file_replace(dir, "slots-a", no_key, sizeof(no_key)), 0);
	CHECK_INT(file_replace(dir, "slots-b", no_key, sizeof(no_key)), 0);
	open_store();
	ask(1);
	CHECK_UINT(answers, 1);
	copy_slots(aside, dir);
	now.ms += 5000;
	store_run(store, now);
	ask(1);
	CHECK_UINT(answers, 2);
	CHECK_MEM(&told, &first, sizeof(first));
	temp_dir_remove(aside);
	stop();
}

/* A hub in its box: it opens what is there once, and then waits for whoever comes. It did so every two seconds. */
static void test_nobody_owns_it(void)
{
	unsigned turns = 0;
	struct mono end;

	start();
	open_store();
	end = mono_add(now, HOUR_MS);
	while (now.ms < end.ms) {
		struct mono next = store_deadline(store, now);

		CHECK(next.ms > now.ms);
		now = next.ms < end.ms ? next : end;
		store_run(store, now);
		turns++;
	}
	CHECK_UINT(turns > 60 ? turns : 60, 60); /* it looks how full the disk is */
	ask(1);
	CHECK(told.has_sign && told.has_audit);
	configure(1);
	CHECK(file_exists_like(dir, "queue-", ".db"));
	stop();
}

/* --- the keys alone ----------------------------------------------------------------------------- */

static int open_keys(void)
{
	struct keys_notes notes;
	const char *problem;

	return keys_open(dir, false, &keys, &notes, &problem);
}

static void reopen_keys(void)
{
	keys_free(keys);
	CHECK_INT(open_keys(), 0);
}

static void test_made_once(void)
{
	uint8_t a[P256_PRIVATE_LEN], b[P256_PRIVATE_LEN], first[KEY_LEN], later[KEY_LEN];
	static const uint8_t begun[40] = { 1 };

	start();
	CHECK_INT(open_keys(), 0);
	CHECK_INT(keys_sign(keys, a), -ENOENT);
	CHECK_INT(keys_audit_first(keys, first), -ENOENT);
	CHECK_INT(keys_make_sign(keys), 0);
	CHECK_INT(keys_make_audit_first(keys, false), 0);
	CHECK_INT(keys_sign(keys, a), 0);
	CHECK_INT(keys_audit_first(keys, first), 0);
	CHECK(memcmp(a, first, sizeof(first)) != 0);
	CHECK_INT(keys_make_sign(keys), 0);
	CHECK_INT(keys_make_audit_first(keys, false), 0);
	CHECK_INT(keys_make_audit_first(keys, true), 0); /* it waits for its log */
	reopen_keys();
	CHECK_INT(keys_sign(keys, b), 0);
	CHECK_MEM(a, b, sizeof(a));
	CHECK_INT(keys_audit_first(keys, later), 0);
	CHECK_MEM(first, later, sizeof(first));
	CHECK_INT(keys_audit_store(keys, begun, sizeof(begun)), 0);
	CHECK_INT(keys_audit_first(keys, later), -ENOENT);
	CHECK_INT(keys_make_audit_first(keys, false), 0);
	CHECK_INT(keys_audit_first(keys, later), -ENOENT);
	CHECK_INT(keys_make_audit_first(keys, true), 0);
	CHECK_INT(keys_audit_first(keys, later), 0);
	CHECK(memcmp(first, later, sizeof(first)) != 0);
	keys_free(keys);
	stop();
}

static int make_both(void *arg)
{
	int r = open_keys();

	(void)arg;
	if (r == 0)
		r = keys_make_sign(keys);
	return r ? r : keys_make_audit_first(keys, false);
}

/* Between the two copies of the slots: the key is there then, and stays. */
static void test_killed_while_made(void)
{
	uint8_t a[P256_PRIVATE_LEN], b[P256_PRIVATE_LEN];

	start();
	CHECK_INT(open_keys(), 0);
	keys_free(keys);
	if (!killed_at(dir, "store.slots.between", make_both, NULL)) {
		printf("SKIP killed: built without FAILPOINTS=1\n");
		stop();
		return;
	}
	CHECK_INT(open_keys(), 0);
	CHECK_INT(keys_sign(keys, a), 0);
	CHECK_INT(keys_make_sign(keys), 0);
	reopen_keys();
	CHECK_INT(keys_sign(keys, b), 0);
	CHECK_MEM(a, b, sizeof(a));
	keys_free(keys);
	stop();
}

static void test_heap(void)
{
	int grade;

	CHECK_INT(crypto_init(), 0);
	CHECK_INT(db_heap_init(DB_HEAP_BYTES, &grade), 0);
}

TEST_MAIN("store_enrol", test_heap, test_made_once, test_killed_while_made, test_asked,
	  test_key0_goes, test_later_enrolment, test_answer_not_sent, test_without_keys,
	  test_nobody_owns_it)
