/*
 * test_command.c - orders: their bytes at each limit, whose signatures are good, who may order what at which level, and the two
 * copies of the level on the disk, and what a start makes of what is missing.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <sys/stat.h>

#include "hub/command.h"
#include "hub/command_open.h"
#include "hub/core/cbor.h"
#include "hub/crypto/crypto.h"
#include "hub/lockdown_file.h"
#include "hub/orders.h"
#include "hub/rt/file.h"
#include "tests/unit/killed.h"
#include "tests/unit/temp_dir.h"

static uint8_t keys[3][P256_PRIVATE_LEN];
static struct config config;

static struct command good(enum command_verb verb)
{
	struct command c = { .hub = { 1, 2 },
			     .epoch = 3,
			     .counter = 4,
			     .not_after_s = 1795000000,
			     .verb = verb };

	switch (verb) {
	case COMMAND_NO_VERB:
	case COMMAND_CANCEL:
	case COMMAND_REBOOT: break;
	case COMMAND_TEST: c.minutes = 15; break;
	case COMMAND_LOCK: c.level = 2; break;
	case COMMAND_RELEASE:
		c.lock_epoch = 9;
		memset(c.nonce, 7, sizeof(c.nonce));
		break;
	case COMMAND_RETIRE: c.how = COMMAND_RETIRE_DISCARD; break;
	}
	return c;
}

static int round_trip(const struct command *c)
{
	uint8_t buf[COMMAND_PAYLOAD_MAX];
	struct command back;
	int n = command_encode(c, buf, sizeof(buf)), r;

	if (n < 0)
		return n;
	for (int short_by = 1; short_by <= n; short_by++) {
		CHECK(command_decode(buf, (size_t)(n - short_by), &back) < 0);
		CHECK_INT(command_encode(c, buf, (size_t)(n - short_by)), -ENOSPC);
	}
	CHECK_INT(command_encode(c, buf, sizeof(buf)), n);
	r = command_decode(buf, (size_t)n, &back);
	if (r == 0)
		CHECK_MEM(&back, c, sizeof(back));
	return r;
}

static void test_format(void)
{
	for (unsigned v = COMMAND_TEST; v <= COMMAND_VERB_LAST; v++) {
		struct command c = good((enum command_verb)v);

		CHECK_INT(round_trip(&c), 0);
		c.counter = INT64_MAX;
		c.epoch = UINT32_MAX;
		CHECK_INT(round_trip(&c), 0);
	}
	struct command c = good(COMMAND_NO_VERB);

	CHECK_INT(round_trip(&c), -ERANGE);
}

#define REFUSED(verb, change, want)                                                      \
	do {                                                                             \
		struct command c = good(verb);                                           \
		change;                                                                  \
		CHECK_INT(round_trip(&c), want);                                         \
	} while (0)

static void test_limits(void)
{
	REFUSED(COMMAND_LOCK, c.epoch = 0, -ERANGE);
	REFUSED(COMMAND_LOCK, c.counter = 0, -ERANGE);
	REFUSED(COMMAND_LOCK, c.counter = (uint64_t)INT64_MAX + 1, -ERANGE);
	REFUSED(COMMAND_LOCK, c.not_after_s = 253402300799, 0);
	REFUSED(COMMAND_LOCK, c.not_after_s = 253402300800, -ERANGE);
	REFUSED(COMMAND_LOCK, c.not_after_s = -1, -EBADMSG);
	REFUSED(COMMAND_LOCK, c.level = 1, -ERANGE);
	REFUSED(COMMAND_LOCK, c.level = 3, 0);
	REFUSED(COMMAND_LOCK, c.level = 4, -ERANGE);
	REFUSED(COMMAND_TEST, c.minutes = 0, -ERANGE);
	REFUSED(COMMAND_TEST, c.minutes = 1, 0);
	REFUSED(COMMAND_TEST, c.minutes = COMMAND_TEST_MIN_MAX, 0);
	REFUSED(COMMAND_TEST, c.minutes = COMMAND_TEST_MIN_MAX + 1, -ERANGE);
	REFUSED(COMMAND_RETIRE, c.how = COMMAND_RETIRE_NONE, -ERANGE);
	REFUSED(COMMAND_RETIRE, c.how = (enum command_retire)3, -ERANGE);
}

/* INV-9: a hub is named in full, and it is one. */
static void test_no_list_no_wildcard(void)
{
	const struct command c = good(COMMAND_LOCK);
	uint8_t buf[COMMAND_PAYLOAD_MAX], other[COMMAND_PAYLOAD_MAX + 40];
	struct command back;
	struct writer w;
	int n = command_encode(&c, buf, sizeof(buf));
	size_t rest = 1 + 2 + 1 + 1 + HUB_ID_LEN; /* map, version, key, bytes */

	CHECK(n > 0);
	for (int what = 0; what < 4; what++) {
		writer_init(&w, other, sizeof(other));
		write_bytes(&w, buf, 4); /* map, version, key of the hub */
		if (what == 0) {	 /* a list */
			cb_put_array(&w, 2);
			cb_put_bytes(&w, c.hub, HUB_ID_LEN);
			cb_put_bytes(&w, c.hub, HUB_ID_LEN);
		} else if (what == 1) { /* a prefix */
			cb_put_bytes(&w, c.hub, HUB_ID_LEN - 1);
		} else if (what == 2) { /* all */
			cb_put_null(&w);
		} else {
			cb_put_text(&w, "*", 1);
		}
		write_bytes(&w, buf + rest, (size_t)n - rest);
		CHECK(writer_len(&w) > 0);
		CHECK(command_decode(other, (size_t)writer_len(&w), &back) < 0);
	}
	buf[2] = 2; /* another version */
	CHECK_INT(command_decode(buf, (size_t)n, &back), -ENOTSUP);
}

/* --- signatures ------------------------------------------------------------------------------- */

static void make_people(void)
{
	static const enum signer_role roles[3] = { SIGNER_CLINICIAN, SIGNER_TECHNICIAN,
						   SIGNER_SECURITY };

	CHECK_INT(crypto_init(), 0);
	config.signer_count = 3;
	for (uint32_t i = 0; i < 3; i++) {
		config.signers[i].person = 10 + i;
		config.signers[i].role = roles[i];
		p256_generate(keys[i], config.signers[i].public);
	}
}

static int sign(const char *context, unsigned who, const struct command *c,
		uint8_t ret[static COMMAND_SIGNED_MAX])
{
	uint8_t payload[COMMAND_PAYLOAD_MAX];
	int n = command_encode(c, payload, sizeof(payload));

	CHECK(n > 0);
	return sign1_make(context, keys[who], payload, (size_t)n, ret,
			  COMMAND_SIGNED_MAX);
}

static enum command_result open_order(const struct command_order *o, struct command *c,
				      enum signer_role roles[2], size_t *count)
{
	uint8_t buf[COMMAND_BYTES_MAX];
	int n = command_order_encode(o, buf, sizeof(buf));

	CHECK(n > 0);
	for (int cut = 1; cut <= n; cut++)
		CHECK_INT(command_open(&config, buf, (size_t)(n - cut), c, roles, count),
			  COMMAND_BAD_FORM);
	return command_open(&config, buf, (size_t)n, c, roles, count);
}

static void test_signatures(void)
{
	struct command want = good(COMMAND_RETIRE), other = want, got;
	uint8_t a[COMMAND_SIGNED_MAX], b[COMMAND_SIGNED_MAX];
	struct command_order o = { .count = 2, .parts = { { 10, a, 0 }, { 11, b, 0 } } };
	enum signer_role roles[2];
	size_t count = 0;

	o.parts[0].len = (size_t)sign(SIGN_CONTEXT_COMMAND, 0, &want, a);
	o.parts[1].len = (size_t)sign(SIGN_CONTEXT_COMMAND, 1, &want, b);
	CHECK_INT(open_order(&o, &got, roles, &count), COMMAND_DONE);
	CHECK_UINT(count, 2);
	CHECK_INT(roles[0], SIGNER_CLINICIAN);
	CHECK_INT(roles[1], SIGNER_TECHNICIAN);
	CHECK_MEM(&got, &want, sizeof(got));

	o.parts[1].person = 12; /* not he */
	CHECK_INT(open_order(&o, &got, roles, &count), COMMAND_BAD_SIGNATURE);
	o.parts[1].person = 13; /* nobody */
	CHECK_INT(open_order(&o, &got, roles, &count), COMMAND_UNKNOWN_SIGNER);
	o.parts[1].person = 10; /* one person twice */
	CHECK_INT(open_order(&o, &got, roles, &count), COMMAND_BAD_FORM);
	o.parts[1].person = 11;
	other.counter++;
	o.parts[1].len = (size_t)sign(SIGN_CONTEXT_COMMAND, 1, &other, b);
	CHECK_INT(open_order(&o, &got, roles, &count), COMMAND_DIFFERENT);
	o.parts[1].len = (size_t)sign(SIGN_CONTEXT_CONFIG, 1, &want, b);
	CHECK_INT(open_order(&o, &got, roles, &count), COMMAND_BAD_SIGNATURE);
	b[0] = 0xff;
	CHECK_INT(open_order(&o, &got, roles, &count), COMMAND_BAD_FORM);
	o.count = 3;
	CHECK_INT(command_order_encode(&o, a, sizeof(a)), -ERANGE);
}

/* --- who may what at which level -------------------------------------------------------------- */

/* All of it, against the table of provisioning as a person would write it down. */
static void test_table(void)
{
	for (unsigned v = COMMAND_TEST; v <= COMMAND_VERB_LAST; v++)
		for (uint8_t level = 0; level <= 4; level++)
			for (unsigned role = 1; role < SIGNER_ROLES; role++) {
				struct command c = good((enum command_verb)v);
				struct command_place at = { .hub = { 1, 2 },
							    .epoch = 3,
							    .counter = 3,
							    .utc_s = c.not_after_s,
							    .level = level,
							    .challenged = true,
							    .lock_epoch = 9,
							    .dwelt = true };
				enum signer_role one[2] = { (enum signer_role)role,
							    SIGNER_SECURITY };
				bool tech = role == SIGNER_TECHNICIAN;
				bool may = (v == COMMAND_TEST || v == COMMAND_REBOOT)
						   ? tech && level <= 2
					   : v == COMMAND_LOCK || v == COMMAND_CANCEL
						   ? level <= 3
					   : v == COMMAND_RELEASE ? level == 2
								  : false;

				memset(at.nonce, 7, sizeof(at.nonce));
				CHECK_INT(command_judge(&c, one, 1, &at) == COMMAND_DONE,
					  may);
				at.guarded = true; /* something for a release, at once */
				at.dwelt = level > 0;
				CHECK_INT(command_judge(&c, one, 1, &at) == COMMAND_DONE,
					  may || (v == COMMAND_RELEASE && level == 0));
				if (v != COMMAND_RETIRE)
					continue;
				CHECK_INT(command_judge(&c, one, 2, &at) == COMMAND_DONE,
					  role != SIGNER_SECURITY && level <= 3);
			}
}

#define JUDGED(want, change)                                                             \
	do {                                                                             \
		struct command c = good(COMMAND_RELEASE);                                \
		struct command_place at = { .hub = { 1, 2 },                             \
					    .epoch = 3,                                  \
					    .counter = 3,                                \
					    .utc_s = c.not_after_s,                      \
					    .level = 2,                                  \
					    .challenged = true,                          \
					    .lock_epoch = 9,                             \
					    .dwelt = true };                             \
		enum signer_role roles[1] = { SIGNER_CLINICIAN };                        \
		size_t count = 1;                                                        \
		memset(at.nonce, 7, sizeof(at.nonce));                                   \
		change;                                                                  \
		CHECK_INT(command_judge(&c, roles, count, &at), want);                   \
	} while (0)

static void test_refusals(void)
{
	JUDGED(COMMAND_DONE, (void)0);
	JUDGED(COMMAND_OTHER_HUB, at.hub[15] = 1);
	JUDGED(COMMAND_OTHER_EPOCH, at.epoch = 2);
	JUDGED(COMMAND_OTHER_EPOCH, at.epoch = 4);
	JUDGED(COMMAND_OLD, at.counter = 4);
	JUDGED(COMMAND_OLD, at.counter = 5);
	JUDGED(COMMAND_EXPIRED, at.utc_s++);
	JUDGED(COMMAND_BAD_ROLE, roles[0] = SIGNER_NONE);
	JUDGED(COMMAND_SECOND_MISSING, count = 0);
	JUDGED(COMMAND_BAD_LEVEL, at.level = 1);
	JUDGED(COMMAND_BAD_LEVEL, at.level = 3);
	JUDGED(COMMAND_BAD_CHALLENGE, at.challenged = false);
	JUDGED(COMMAND_BAD_CHALLENGE, at.lock_epoch = 8);
	JUDGED(COMMAND_BAD_CHALLENGE, at.nonce[15] = 8);
	JUDGED(COMMAND_TOO_EARLY, at.dwelt = false);
	JUDGED(COMMAND_TOO_EARLY, (at.dwelt = false, at.guarded = true));
	JUDGED(COMMAND_BAD_LEVEL, at.level = 0);
	JUDGED(COMMAND_DONE, (at.level = 0, at.dwelt = false, at.guarded = true));
	JUDGED(COMMAND_BAD_CHALLENGE,
	       (at.level = 0, at.guarded = true, at.challenged = false));
	JUDGED(COMMAND_BAD_CHALLENGE, (at.level = 0, at.guarded = true, at.nonce[0] = 8));
	JUDGED(COMMAND_BAD_CHALLENGE,
	       (at.level = 0, at.guarded = true, at.lock_epoch = 8));
	JUDGED(COMMAND_NOT_CLEAN, (at.level = 0, at.guarded = true, at.unclean = true));
	JUDGED(COMMAND_RETIRING, at.retiring = true);
	JUDGED(COMMAND_DONE, (at.retiring = true, c.verb = COMMAND_CANCEL));
	JUDGED(COMMAND_DONE, (at.retiring = true, c.verb = COMMAND_LOCK));
	JUDGED(COMMAND_BAD_LEVEL, (at.level = 4, c.verb = COMMAND_CANCEL));
}

/* --- the two copies --------------------------------------------------------------------------- */

static void test_file(void)
{
	const struct lockdown_held want = { .generation = 5,
					    .level = 3,
					    .lock_epoch = 2,
					    .boot = { 9 },
					    .since_ms = 77,
					    .epoch = 3,
					    .counter = 4,
					    .verb = COMMAND_RETIRE,
					    .result = COMMAND_PENDING,
					    .how = COMMAND_RETIRE_DRAIN,
					    .retire_s = 1795000000 };
	const struct lockdown_held kept = { .generation = 6,
					    .level = 4,
					    .was_sealed = true };
	uint8_t buf[LOCKDOWN_FILE_LEN];
	struct lockdown_held got;
	char dir[64];

	temp_dir_make(dir, sizeof(dir));
	CHECK_INT(lockdown_file_load(dir, 0, &got), -ENOENT);
	CHECK_INT(lockdown_file_provision(dir), 0);
	CHECK_INT(lockdown_file_load(dir, 1, &got), 0);
	CHECK_UINT(got.level, LOCKDOWN_NORMAL);
	CHECK_INT(lockdown_file_save(dir, 1, &want), 0);
	CHECK_INT(lockdown_file_load(dir, 1, &got), 0);
	CHECK_UINT(got.generation, want.generation);
	CHECK_UINT(got.level, want.level);
	CHECK_UINT(got.counter, want.counter);
	CHECK_INT(got.retire_s, want.retire_s);
	/* it is never made anew while anything of it is there */
	CHECK_INT(lockdown_file_save(dir, 1, &kept), 0);
	CHECK(!got.was_sealed);
	CHECK_INT(lockdown_file_load(dir, 1, &got), 0);
	CHECK(got.was_sealed);
	CHECK_INT(file_remove(dir, "lockdown-a"), 0);
	CHECK_INT(lockdown_file_provision(dir), 0);
	CHECK_INT(lockdown_file_load(dir, 0, &got), -ENOENT);
	CHECK_INT(file_remove(dir, "lockdown-b"), 0);
	CHECK_INT(lockdown_file_provision(dir), 0);
	CHECK_INT(lockdown_file_load(dir, 0, &got), -ENOENT);
	CHECK(!lockdown_file_is_first(dir));
	/* each bit of it counts */
	lockdown_file_encode(&want, buf);
	for (size_t bit = 0; bit < 8 * sizeof(buf); bit++) {
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CHECK_INT(lockdown_file_decode(buf, sizeof(buf), &got), -EBADMSG);
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	CHECK_INT(lockdown_file_decode(buf, sizeof(buf) - 2, &got), -EMSGSIZE);
	CHECK_INT(lockdown_file_decode(buf, sizeof(buf), &got), 0);
	/* the one before had a byte less */
	lockdown_file_encode(&kept, buf);
	CHECK_UINT(buf[4], 3);
	buf[4] = 2;
	crypto_sha256(buf, LOCKDOWN_FILE_2_LEN - SHA256_LEN,
		      buf + LOCKDOWN_FILE_2_LEN - SHA256_LEN);
	CHECK_INT(lockdown_file_decode(buf, LOCKDOWN_FILE_2_LEN, &got), 0);
	CHECK(got.level == 4 && !got.was_sealed);
	temp_dir_remove(dir);
}

/* --- a hub that does not know its level ------------------------------------------------------- */

static void no_level(void *arg, uint8_t level)
{
	(void)arg;
	(void)level;
}

static void no_test(void *arg, uint32_t ms)
{
	(void)arg;
	(void)ms;
}

static void no_reboot(void *arg)
{
	(void)arg;
}

static void no_result(void *arg, const struct msg_command_result *r)
{
	(void)arg;
	(void)r;
}

static void no_effect(void *arg)
{
	(void)arg;
}

/* As hubd starts: what is the level, and what is on the disk then? */
static uint8_t level_at_start(const char *dir, bool writable)
{
	static const struct orders_hooks hooks = { no_level, no_test, no_reboot,
						   no_result, no_effect };
	static struct settings settings;
	static struct timefloor floor;
	struct lockdown_held a, b;
	struct orders o;

	CHECK((lockdown_file_provision(dir) == 0) == writable);
	orders_open(&o, dir, &settings, &floor, &hooks, NULL);
	orders_drain(&o);
	if (writable) {
		CHECK_INT(lockdown_file_load(dir, 0, &a), 0);
		CHECK_INT(lockdown_file_load(dir, 1, &b), 0);
		CHECK_UINT(a.level, orders_level(&o));
		CHECK_UINT(b.level, orders_level(&o));
		CHECK(file_exists(dir, "lockdown-kept"));
	}
	return orders_level(&o);
}

static void lose(const char *dir, const char *name)
{
	CHECK_INT(file_remove(dir, name), 0);
}

static int provision(void *dir)
{
	return lockdown_file_provision(dir);
}

static void test_start_without_level(void)
{
	static const char *const steps[] = { "hubd.lockdown.first",
					     "hubd.lockdown.second" };
	struct lockdown_held high = { .generation = 9, .level = LOCKDOWN_SEALED };
	uint8_t share[32] = { 1 };
	char dir[64], in_the_way[96];

	CHECK_INT(crypto_init(), 0);
	temp_dir_make(dir, sizeof(dir));
	/* of before there were levels: in use, so that there is a share */
	CHECK_INT(file_replace(dir, "engine.share", share, sizeof(share)), 0);
	CHECK_UINT(level_at_start(dir, true), LOCKDOWN_NORMAL);
	/* it has one now, and it is lost */
	lose(dir, "lockdown-a");
	lose(dir, "lockdown-b");
	CHECK_UINT(level_at_start(dir, true), LOCKDOWN_QUARANTINED);
	CHECK_UINT(level_at_start(dir, true), LOCKDOWN_QUARANTINED);
	CHECK_INT(file_replace(dir, "lockdown-a", share, sizeof(share)), 0);
	CHECK_INT(file_replace(dir, "lockdown-b", share, sizeof(share)), 0);
	CHECK_UINT(level_at_start(dir, true), LOCKDOWN_QUARANTINED);
	/* of before the third file: with one copy, whole or not, there was a level */
	for (int whole = 0; whole < 2; whole++) {
		lose(dir, "lockdown-kept");
		lose(dir, "lockdown-b");
		CHECK_INT(file_replace(dir, "lockdown-a", share, sizeof(share)), 0);
		if (whole)
			CHECK_INT(lockdown_file_save(dir, 0, &high), 0);
		CHECK_UINT(level_at_start(dir, true),
			   whole ? LOCKDOWN_SEALED : LOCKDOWN_QUARANTINED);
	}
	temp_dir_remove(dir);

	/* killed at its first start */
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		temp_dir_make(dir, sizeof(dir));
		if (!killed_at(dir, steps[i], provision, dir))
			printf("SKIP killed: built without FAILPOINTS=1\n");
		CHECK_UINT(level_at_start(dir, true), LOCKDOWN_NORMAL);
		temp_dir_remove(dir);
	}

	/* a disk that takes nothing is no reason to lock it */
	temp_dir_make(dir, sizeof(dir));
	snprintf(in_the_way, sizeof(in_the_way), "%s/lockdown-a.new", dir);
	CHECK_INT(mkdir(in_the_way, 0700), 0);
	CHECK_UINT(level_at_start(dir, false), LOCKDOWN_NORMAL);
	CHECK_INT(rmdir(in_the_way), 0);
	CHECK_UINT(level_at_start(dir, true), LOCKDOWN_NORMAL);
	temp_dir_remove(dir);
}

/* --- after a factory reset --------------------------------------------------------------------- */

static void put_copies(const char *dir, const struct lockdown_held *a,
		       const struct lockdown_held *b)
{
	CHECK_INT(lockdown_file_save(dir, 0, a), 0);
	CHECK_INT(lockdown_file_save(dir, 1, b), 0);
}

/* After a factory reset: the engine share is gone, the copies are not. */
static void test_after_reset(void)
{
	const struct lockdown_held locked = {
		.generation = 7, .level = 3, .lock_epoch = 4, .epoch = 2, .counter = 9
	};
	const struct lockdown_held retired = { .generation = 8,
					       .level = 4,
					       .lock_epoch = 4,
					       .epoch = 2,
					       .counter = 10,
					       .how = COMMAND_RETIRE_DRAIN };
	const struct lockdown_held fresh = { .generation = 9, .lock_epoch = 5 };
	const struct lockdown_held *const copies[][2] = { { &retired, &retired },
							  { &fresh, &retired },
							  { &locked, &retired } };
	struct lockdown_held got;
	char dir[64];

	temp_dir_make(dir, sizeof(dir));
	put_copies(dir, &locked, &locked); /* a reset does not lower the level */
	CHECK_INT(lockdown_file_renew(dir), 0);
	for (unsigned copy = 0; copy < LOCKDOWN_COPIES; copy++) {
		CHECK_INT(lockdown_file_load(dir, copy, &got), 0);
		CHECK_MEM(&got, &locked, sizeof(got));
	}
	/* two people have ended it, wherever the start after it was cut off */
	for (size_t i = 0; i < 3; i++) {
		put_copies(dir, copies[i][0], copies[i][1]);
		CHECK_INT(lockdown_file_renew(dir), 0);
		for (unsigned copy = 0; copy < LOCKDOWN_COPIES; copy++) {
			CHECK_INT(lockdown_file_load(dir, copy, &got), 0);
			CHECK_UINT(got.level, LOCKDOWN_NORMAL);
			CHECK_INT(got.how, COMMAND_RETIRE_NONE);
			CHECK(got.lock_epoch > 4);
			CHECK(got.generation > copies[i][1]->generation);
			CHECK_UINT(got.counter, 0);
		}
	}
	/* not of a hub in use */
	put_copies(dir, &retired, &retired);
	CHECK_INT(file_replace(dir, "engine.share", (const uint8_t *)"", 0), 0);
	CHECK_INT(lockdown_file_renew(dir), 0);
	CHECK_INT(lockdown_file_load(dir, 0, &got), 0);
	CHECK_UINT(got.level, LOCKDOWN_RETIRED);
	temp_dir_remove(dir);
}

TEST_MAIN("command", make_people, test_format, test_limits, test_no_list_no_wildcard,
	  test_signatures, test_table, test_refusals, test_file, test_start_without_level,
	  test_after_reset)
