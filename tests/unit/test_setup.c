/*
 * test_setup.c - when a hub takes clinic.trust from the boot partition: only in FACTORY, only while it may be put in, and
 * whole.
 */
#include <errno.h>
#include <sys/stat.h>

#include "coap/setup.h"
#include "hub/crypto/ticket_sign.h"
#include "hub/rt/file.h"
#include "tests/unit/temp_dir.h"
#include "tests/unit/test.h"
#include "tests/unit/trust_maker.h"

enum { EXPIRES_S = 1800000000 };

static char top[200], state[240], boot[240];
static struct trust_maker maker;

static void test_start(void)
{
	temp_dir_make(top, sizeof(top));
	snprintf(state, sizeof(state), "%s/state", top);
	snprintf(boot, sizeof(boot), "%s/boot", top);
	CHECK_INT(crypto_init(), 0);
	trust_maker_init(&maker);
}

static struct identity_store *open_store(void)
{
	struct identity_store *s = NULL;

	CHECK_INT(identity_store_open(state, &s), 0);
	return s;
}

/* A hub fresh from the factory. */
static struct identity_store *fresh(void)
{
	temp_dir_remove(state);
	temp_dir_remove(boot);
	CHECK_INT(mkdir(state, 0700), 0);
	CHECK_INT(mkdir(boot, 0700), 0);
	return open_store();
}

static size_t make(const char *clinic, uint8_t file[static TRUST_FILE_MAX])
{
	struct trust t = trust_maker_fields(&maker, clinic, EXPIRES_S);

	return trust_maker_file(&maker, &t, file);
}

static size_t put_in(const char *clinic)
{
	uint8_t file[TRUST_FILE_MAX];
	size_t len = make(clinic, file);

	CHECK_INT(file_replace(boot, "clinic.trust", file, len), 0);
	return len;
}

static enum setup_trust take(struct identity_store *s, int64_t now_s,
			     struct setup_trust_file *ret)
{
	memset(ret, 0x5a, sizeof(*ret));
	return setup_take_trust(s, boot, now_s, ret);
}

static bool holds(const char *clinic)
{
	struct setup_trust_file held;

	return setup_held_trust(state, &held) && held.err == 0 &&
	       strcmp(held.trust.clinic, clinic) == 0;
}

static void test_only_in_factory(void)
{
	struct enrol_action key = { .what = ENROL_MAKE_KEY, .epoch = 1, .tries = 1 };
	struct identity_store *s = fresh();
	struct setup_trust_file f;

	CHECK(!setup_held_trust(state, &f));
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_NONE);
	put_in("one");
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_TAKEN);
	CHECK_STR(f.trust.clinic, "one");
	CHECK_UINT(strlen(f.fingerprint), TRUST_FINGERPRINT_MAX - 1);
	CHECK(identity_store_kept(s).trusted && holds("one"));
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_SAME);
	CHECK_INT(take(s, EXPIRES_S + 1, &f), SETUP_TRUST_SAME);
	put_in("two");
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_IGNORED);
	CHECK(f.err == 0 && holds("one"));
	identity_store_free(s);
	s = open_store();
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_IGNORED);
	CHECK_INT(identity_store_do(s, &key, NULL, 0), 0);
	/* ENROLLING: not even if the file is gone */
	CHECK_INT(file_remove(state, "clinic.trust"), 0);
	identity_store_free(s);
	s = open_store();
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_IGNORED);
	CHECK(!setup_held_trust(state, &f));
	identity_store_free(s);
}

static void test_after_reset(void)
{
	const struct enrol_action forget = { .what = ENROL_FORGET };
	struct identity_store *s = fresh();
	struct setup_trust_file f;

	put_in("one");
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_TAKEN);
	CHECK_INT(identity_store_do(s, &forget, NULL, 0), 0);
	put_in("two");
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_TAKEN);
	CHECK(holds("two"));
	identity_store_free(s);
}

static void test_its_time(void)
{
	struct identity_store *s = fresh();
	struct setup_trust_file f;

	put_in("one");
	CHECK_INT(take(s, EXPIRES_S + 1, &f), SETUP_TRUST_REFUSED);
	CHECK_INT(f.err, -ESTALE);
	CHECK(!identity_store_kept(s).trusted && !holds("one"));
	CHECK_INT(take(s, EXPIRES_S, &f), SETUP_TRUST_TAKEN);
	identity_store_free(s);
}

/* Whatever is wrong with it, nothing of it stays. */
static void test_damage(void)
{
	uint8_t file[TRUST_FILE_MAX], other[IDENTITY_TRUST_MAX + 1] = { 0 };
	struct identity_store *s = fresh();
	struct setup_trust_file f;
	size_t len = make("one", file);

	for (size_t i = 0; i < len; i += 1 + test_random() % 7) {
		memcpy(other, file, len);
		other[i] ^= (uint8_t)(1 << (test_random() % 8));
		CHECK_INT(file_replace(boot, "clinic.trust", other, len), 0);
		CHECK_INT(take(s, 0, &f), SETUP_TRUST_REFUSED);
		CHECK(f.err < 0 && *setup_refusal(f.err) && *setup_advice(f.err));
		CHECK_INT(file_replace(boot, "clinic.trust", file, i), 0);
		CHECK_INT(take(s, 0, &f), SETUP_TRUST_REFUSED);
		CHECK(f.err < 0);
	}
	CHECK_INT(file_replace(boot, "clinic.trust", other, sizeof(other)), 0);
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_REFUSED);
	CHECK_INT(f.err, -EMSGSIZE);
	CHECK(!setup_held_trust(state, &f));
	identity_store_free(s);
}

/* What the disk has lost is taken anew from the card, as long as nothing came of it. */
static void test_held_is_damaged(void)
{
	struct enrol_action key = { .what = ENROL_MAKE_KEY, .epoch = 1, .tries = 1 };
	struct identity_store *s = fresh();
	struct setup_trust_file f;

	put_in("one");
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_TAKEN);
	CHECK_INT(file_replace(state, "clinic.trust", (const uint8_t *)"x", 1), 0);
	CHECK(setup_held_trust(state, &f) && f.err < 0);
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_TAKEN);
	CHECK(holds("one"));
	CHECK_INT(identity_store_do(s, &key, NULL, 0), 0);
	CHECK_INT(file_replace(state, "clinic.trust", (const uint8_t *)"x", 1), 0);
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_IGNORED);
	identity_store_free(s);
}

/* --- tickets ---------------------------------------------------------------------------- */

static struct ticket last_ticket; /* that was put in */

static void put_ticket(const char *clinic)
{
	struct ticket t = { .expires_s = EXPIRES_S };
	uint8_t file[TICKET_FILE_MAX], public[P256_PUBLIC_LEN], name[HUB_ID_LEN] = { 1 };
	struct pki_cert cert;
	int n;

	t.trust_len = make(clinic, t.trust);
	p256_generate(t.private, public);
	CHECK_INT(pki_sign_hub(&maker.root, name, public, 1795000000000, 86400000, &cert),
		  0);
	memcpy(t.cert, cert.der, cert.len);
	t.cert_len = cert.len;
	n = ticket_make(&t, maker.private, file, sizeof(file));
	CHECK(n > 0);
	CHECK_INT(file_replace(boot, "clinic.ticket", file, (size_t)n), 0);
	last_ticket = t;
}

static bool is_left(void)
{
	return !file_is_gone(boot, "clinic.ticket");
}

static enum setup_trust take_ticket(struct identity_store *s, int64_t now_s,
				    struct setup_trust_file *ret)
{
	char id[TICKET_ID_MAX];
	bool left;
	enum setup_trust r = setup_take_ticket(s, boot, now_s, ret, id, &left);

	CHECK_INT(left, is_left());
	CHECK_INT(strlen(id), r != SETUP_TRUST_NONE && ret->trust.root_len > 0 ? 8 : 0);
	return r;
}

static bool has_last(const struct identity_store *s)
{
	return identity_store_has_ticket(s, last_ticket.cert, last_ticket.cert_len);
}

static void test_ticket(void)
{
	struct identity_store *s = fresh();
	struct identity_pem pem;
	struct setup_trust_file f;

	CHECK_INT(take_ticket(s, 0, &f), SETUP_TRUST_NONE);
	put_ticket("one");
	CHECK_INT(take_ticket(s, EXPIRES_S + 1, &f), SETUP_TRUST_REFUSED);
	CHECK_INT(f.err, -ESTALE);
	CHECK(is_left() && !identity_store_kept(s).has_ticket);
	CHECK_INT(identity_store_pem(s, IDENTITY_TICKET, &pem), -ENOENT);
	CHECK_INT(take_ticket(s, EXPIRES_S, &f), SETUP_TRUST_TAKEN);
	CHECK(!is_left() && holds("one") && has_last(s));
	CHECK_INT(identity_store_pem(s, IDENTITY_TICKET, &pem), 0);
	CHECK(identity_store_kept(s).has_ticket && identity_store_kept(s).trusted);
	identity_store_free(s);
	s = open_store();
	CHECK(has_last(s));
	/* the next one of the same clinic takes its place; what the hub knows of the clinic stays */
	put_ticket("one, renamed");
	CHECK_INT(take_ticket(s, 0, &f), SETUP_TRUST_TAKEN);
	CHECK(!is_left() && holds("one") && has_last(s));
	identity_store_free(s);
	/* cut between the two files, and the card was not cleaned */
	s = open_store();
	put_ticket("one");
	CHECK_INT(identity_store_keep_ticket(s, last_ticket.private, last_ticket.cert,
					     last_ticket.cert_len),
		  0);
	CHECK_INT(file_remove(state, "clinic.trust"), 0);
	identity_store_free(s);
	s = open_store();
	CHECK_INT(take_ticket(s, EXPIRES_S + 1, &f), SETUP_TRUST_SAME);
	CHECK(!is_left() && holds("one"));
	identity_store_free(s);
}

/* Of another clinic, damaged, or of no use: the hub stays as it is, and says that the file lies there. */
static void test_ticket_refused(void)
{
	const struct enrol_action forget = { .what = ENROL_FORGET };
	struct identity_store *s = fresh();
	struct trust_maker mine = maker;
	struct setup_trust_file f;

	put_in("one");
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_TAKEN);
	trust_maker_init(&maker);
	put_ticket("two");
	CHECK_INT(take_ticket(s, 0, &f), SETUP_TRUST_IGNORED);
	CHECK(is_left() && holds("one") && !identity_store_kept(s).has_ticket);
	maker = mine;
	CHECK_INT(file_replace(boot, "clinic.ticket", (const uint8_t *)"x", 1), 0);
	CHECK_INT(take_ticket(s, 0, &f), SETUP_TRUST_REFUSED);
	put_ticket("one");
	CHECK_INT(identity_store_keep_ticket(s, maker.private, last_ticket.cert,
					     last_ticket.cert_len),
		  -EKEYREJECTED);
	CHECK_INT(take_ticket(s, 0, &f), SETUP_TRUST_TAKEN);
	CHECK_INT(identity_store_do(s, &forget, NULL, 0), 0);
	CHECK(!identity_store_kept(s).has_ticket);
	CHECK(file_is_gone(state, "ticket"));
	identity_store_free(s);
}

static void test_disk(void)
{
	struct identity_store *s = fresh();
	struct setup_trust_file f;
	char in_the_way[260];

	put_in("one");
	snprintf(in_the_way, sizeof(in_the_way), "%s/clinic.trust.new", state);
	CHECK_INT(mkdir(in_the_way, 0700), 0);
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_UNKEPT);
	CHECK(f.err < 0 && !identity_store_kept(s).trusted);
	CHECK_INT(rmdir(in_the_way), 0);
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_TAKEN);
	identity_store_free(s);
	temp_dir_remove(state);
	temp_dir_remove(boot);
	temp_dir_remove(top);
}

/* The clinic that has retired it: its file, as it lies there still, is known. */
static void test_left(void)
{
	struct identity_store *s = fresh();
	const struct enrol_action forget = { .what = ENROL_FORGET };
	struct setup_trust_file f;

	(void)put_in("ours");
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_TAKEN);
	/* a reset without such an order, and an order that was taken back: the same file again */
	CHECK_INT(identity_store_do(s, &forget, NULL, 0), 0);
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_TAKEN);
	CHECK_INT(identity_store_leaving(s, true), 0);
	CHECK_INT(identity_store_leaving(s, true), 0);
	CHECK_INT(identity_store_leaving(s, false), 0);
	CHECK_INT(identity_store_do(s, &forget, NULL, 0), 0);
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_TAKEN);
	CHECK_INT(identity_store_leaving(s, true), 0);
	CHECK_INT(identity_store_do(s, &forget, NULL, 0), 0);
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_LEFT);
	CHECK_STR(f.trust.clinic, "ours");
	identity_store_free(s);
	s = open_store();
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_LEFT);
	/* that of another clinic; and this one's when that is over */
	(void)put_in("theirs");
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_TAKEN);
	CHECK_INT(identity_store_do(s, &forget, NULL, 0), 0);
	(void)put_in("ours"); /* made anew */
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_TAKEN);
	CHECK_INT(identity_store_leaving(s, true), 0);
	CHECK_INT(identity_store_do(s, &forget, NULL, 0), 0);
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_LEFT);
	CHECK_INT(identity_store_go_back(s), 0);
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_TAKEN);
	identity_store_free(s);
}

/* The one before the clinic went over to another root may lie about for years: it is of the same clinic. */
static void test_left_after_roots(void)
{
	static const struct enrol_action forget = { .what = ENROL_FORGET },
					 keep = { .what = ENROL_KEEP_TRUST };
	enum { ROOTS = 12, REMEMBERED = 8 };
	static uint8_t files[ROOTS][TRUST_FILE_MAX];
	struct identity_store *s = fresh();
	struct setup_trust_file f;
	size_t lens[ROOTS];
	bool left;

	for (size_t i = 0; i < ROOTS; i++)
		lens[i] = make("ours", files[i]);
	for (size_t i = 0; i < ROOTS; i++) {
		CHECK_INT(identity_store_do(s, &keep, files[i], lens[i]), 0);
		CHECK_INT(identity_store_do(s, &keep, files[i], lens[i]), 0);
		identity_store_free(s);
		s = open_store();
	}
	CHECK_INT(identity_store_leaving(s, true), 0);
	CHECK_INT(identity_store_do(s, &forget, NULL, 0), 0);
	identity_store_free(s);
	s = open_store();
	for (size_t i = 0; i < ROOTS; i++) {
		left = i == 0 || i > ROOTS - REMEMBERED;
		CHECK_INT(identity_store_left(s, files[i], lens[i]), left);
	}
	CHECK_INT(file_replace(boot, "clinic.trust", files[0], lens[0]), 0);
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_LEFT);
	/* another life knows nothing of it: its own is what is left next */
	(void)put_in("theirs");
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_TAKEN);
	CHECK_INT(identity_store_leaving(s, true), 0);
	CHECK_INT(identity_store_do(s, &forget, NULL, 0), 0);
	CHECK_INT(take(s, 0, &f), SETUP_TRUST_LEFT);
	CHECK(!identity_store_left(s, files[ROOTS - 1], lens[ROOTS - 1]));
	identity_store_free(s);
}

TEST_MAIN("setup", test_start, test_left, test_left_after_roots, test_only_in_factory,
	  test_after_reset, test_its_time, test_damage, test_held_is_damaged, test_ticket,
	  test_ticket_refused, test_disk)
