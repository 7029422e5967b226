/*
 * test_identity_store.c - a hub's identity on disk: enrolled, renewed, reset, killed at each place, each file damaged.
 * Certificates are made by OpenSSL from the requests that the store made; what 'hub add' writes, by the clinic's own code.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "clinic/pki.h"
#include "coap/identity_store.h"
#include "hub/rt/file.h"
#include "tests/unit/temp_dir.h"
#include "tests/unit/killed.h"
#include "tests/unit/test.h"

static char top[200], dir[240];

static void run(const char *line)
{
	char whole[1200];

	snprintf(whole, sizeof(whole), "cd %s && { %s; } >log 2>&1", top, line);
	if (system(whole) != 0) {
		fprintf(stderr, "failed: %s\n", whole);
		test_fail(__FILE__, __LINE__);
	}
}

static void fresh_dir(void)
{
	run("rm -rf id && mkdir -m 700 id");
}

static struct identity_store *open_store(void)
{
	struct identity_store *s = NULL;

	CHECK_INT(identity_store_open(dir, &s), 0);
	return s;
}

static const struct enrol_action make_first = { .what = ENROL_MAKE_KEY,
						.epoch = 1,
						.tries = 1 };
static const struct enrol_action make_renewal = {
	.what = ENROL_MAKE_KEY, .epoch = 1, .renewal = true, .tries = 1
};
static const struct enrol_action keep_first = { .what = ENROL_KEEP_CERT, .epoch = 1 };
static const struct enrol_action keep_renewal = { .what = ENROL_KEEP_CERT,
						  .epoch = 1,
						  .renewal = true };
static const struct enrol_action promote = { .what = ENROL_PROMOTE, .epoch = 1 };
static const struct enrol_action forget = { .what = ENROL_FORGET };

/* What the clinic would answer to the request of the next key. Returns the length. */
static size_t certificate_of(const struct identity_store *s, bool emergency, uint8_t *ret,
			     size_t cap)
{
	const uint8_t *csr;
	int n = identity_store_request(s, emergency, &csr);

	CHECK(n > 0);
	CHECK_INT(file_replace(top, "csr", csr, (size_t)n), 0);
	run("openssl x509 -req -inform DER -in csr -CA ca.pem -CAkey ca.key -days 90 "
	    "-sha256 -outform DER -out cert");
	n = file_read(top, "cert", ret, cap);
	CHECK(n > 0);
	return (size_t)n;
}

static size_t certificate(const struct identity_store *s, uint8_t *ret, size_t cap)
{
	return certificate_of(s, false, ret, cap);
}

static void enrol(struct identity_store *s, const struct enrol_action *make,
		  const struct enrol_action *keep)
{
	uint8_t cert[IDENTITY_CERT_MAX];
	size_t len;

	CHECK_INT(identity_store_do(s, make, NULL, 0), 0);
	len = certificate(s, cert, sizeof(cert));
	CHECK_INT(identity_store_do(s, keep, cert, len), 0);
	CHECK_INT(identity_store_do(s, &promote, NULL, 0), 0);
}

static void check_modes(void)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	struct stat st;
	size_t files = 0;

	CHECK(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.') {
			CHECK_INT(fstatat(dirfd(d), e->d_name, &st, 0), 0);
			CHECK_INT(st.st_mode & 0777, 0600);
			files++;
		}
	closedir(d);
	CHECK(files > 0);
}

static void test_start(void)
{
	temp_dir_make(top, sizeof(top));
	snprintf(dir, sizeof(dir), "%s/id", top);
	CHECK_INT(crypto_init(), 0);
	run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
	    "-subj /CN=ca -days 3650 -keyout ca.key -out ca.pem");
}

static void test_first_start(void)
{
	uint8_t hub[HUB_ID_LEN], again[HUB_ID_LEN];
	struct identity_pem pem;
	struct identity_store *s;
	struct enrol_kept k;

	fresh_dir();
	s = open_store();
	k = identity_store_kept(s);
	CHECK(!k.trusted && !k.has_current && !k.has_key && !k.has_next && k.epoch == 0);
	CHECK_INT(identity_store_hub(s, hub), 0);
	CHECK_INT(identity_store_pem(s, IDENTITY_DEVICE, &pem), 0);
	CHECK_INT(identity_store_pem(s, IDENTITY_CURRENT, &pem), -ENOENT);
	CHECK_INT(identity_store_pem(s, IDENTITY_NEXT, &pem), -ENOENT);
	CHECK_INT(identity_store_do(s, &promote, NULL, 0), -ENOENT);
	CHECK_INT(identity_store_do(s, &(struct enrol_action){ .what = ENROL_SEND }, NULL,
				    0),
		  -EINVAL);
	identity_store_free(s);
	check_modes();
	s = open_store();
	CHECK_INT(identity_store_hub(s, again), 0);
	CHECK_MEM(again, hub, sizeof(hub));
	CHECK_UINT(identity_store_damaged(s), 0);
	identity_store_free(s);
	identity_store_free(NULL);
}

static void test_enrolment(void)
{
	struct enrol_action epoch = { .what = ENROL_KEEP_EPOCH, .epoch = 7 };
	struct enrol_action trust = { .what = ENROL_KEEP_TRUST };
	uint8_t cert[IDENTITY_CERT_MAX], file[IDENTITY_TRUST_MAX] = { 1, 2, 3 };
	uint8_t hub[HUB_ID_LEN], again[HUB_ID_LEN];
	struct identity_pem next, current;
	struct enrol_validity v;
	struct identity_store *s;
	struct enrol_kept k;
	size_t len;

	fresh_dir();
	s = open_store();
	CHECK_INT(identity_store_hub(s, hub), 0);
	CHECK_INT(identity_store_do(s, &trust, file, IDENTITY_TRUST_MAX + 1), -EMSGSIZE);
	CHECK_INT(identity_store_do(s, &trust, file, IDENTITY_TRUST_MAX), 0);
	CHECK_INT(identity_store_trust(s, file), IDENTITY_TRUST_MAX);
	CHECK_INT(identity_store_do(s, &make_first, NULL, 0), 0);
	len = certificate(s, cert, sizeof(cert));
	CHECK_INT(identity_store_fits(s, false, cert, len, &v), 0);
	CHECK_INT(v.end_ms - v.begin_ms, INT64_C(90) * 86400000);
	CHECK_INT(identity_store_do(s, &keep_first, cert, len - 1), -EBADMSG);
	CHECK_INT(identity_store_do(s, &keep_first, cert, len), 0);
	CHECK_INT(identity_store_do(s, &epoch, NULL, 0), 0);
	identity_store_free(s);

	s = open_store();
	k = identity_store_kept(s);
	CHECK(k.trusted && k.has_next && !k.has_current && !k.next_renewal);
	CHECK_UINT(k.next_epoch, 7);
	CHECK_UINT(k.epoch, 0);
	CHECK_UINT(k.tries, 1);
	CHECK_INT(k.next.end_ms, v.end_ms);
	CHECK_INT(identity_store_pem(s, IDENTITY_NEXT, &next), 0);
	CHECK_INT(identity_store_do(
			  s, &(struct enrol_action){ .what = ENROL_PROMOTE, .epoch = 7 },
			  NULL, 0),
		  0);
	CHECK_INT(identity_store_pem(s, IDENTITY_CURRENT, &current), 0);
	CHECK_STR(current.cert, next.cert);
	CHECK_STR(current.key, next.key);
	identity_store_free(s);
	check_modes();

	s = open_store();
	k = identity_store_kept(s);
	CHECK(k.has_current && !k.has_key && !k.has_next);
	CHECK_UINT(k.current_epoch, 7);
	CHECK_UINT(k.epoch, 7);
	CHECK_UINT(k.tries, 0);
	CHECK_INT(identity_store_do(s, &forget, NULL, 0), 0);
	k = identity_store_kept(s);
	CHECK(!k.trusted && !k.has_current && k.epoch == 7);
	identity_store_free(s);
	s = open_store();
	k = identity_store_kept(s);
	CHECK(!k.trusted && !k.has_current && k.epoch == 7);
	CHECK_INT(identity_store_hub(s, again), 0);
	CHECK_MEM(again, hub, sizeof(hub));
	identity_store_free(s);
	run("test ! -e id/current && test ! -e id/next && test ! -e id/clinic.trust");
}

/* A certificate for another key, or for this one in another hub's name, does not fit. */
static void test_fit(void)
{
	uint8_t cert[IDENTITY_CERT_MAX];
	struct identity_store *s;
	struct enrol_validity v;
	size_t len;
	int n;

	fresh_dir();
	s = open_store();
	CHECK_INT(identity_store_do(s, &make_first, NULL, 0), 0);
	len = certificate(s, cert, sizeof(cert));
	CHECK_INT(identity_store_do(s, &make_first, NULL, 0), 0);
	CHECK_INT(identity_store_fits(s, false, cert, len, &v), -EKEYREJECTED);
	CHECK_INT(identity_store_do(s, &keep_first, cert, len), -EKEYREJECTED);
	CHECK(!identity_store_kept(s).has_next);
	len = certificate(s, cert, sizeof(cert));
	run("openssl x509 -req -inform DER -in csr -CA ca.pem -CAkey ca.key -days 90 "
	    "-sha256 -subj /CN=00112233445566778899aabbccddeeff -outform DER -out cert "
	    "|| { openssl req -inform DER -in csr -pubkey -noout >pub && openssl x509 "
	    "-new "
	    "-force_pubkey pub -CA ca.pem -CAkey ca.key -days 90 -sha256 "
	    "-subj /CN=00112233445566778899aabbccddeeff -outform DER -out cert; }");
	n = file_read(top, "cert", cert, sizeof(cert));
	CHECK(n > 0);
	CHECK_INT(identity_store_fits(s, false, cert, (size_t)n, &v), -EKEYREJECTED);
	CHECK_INT(identity_store_fits(s, false, cert, 0, &v), -EMSGSIZE);
	CHECK_INT(identity_store_fits(s, false, cert, IDENTITY_CERT_MAX + 1, &v),
		  -EMSGSIZE);
	identity_store_free(s);
}

/* The PEM files of today's 'hub add' are a credential in use, and give the hub its id. */
static void test_old_form(void)
{
	struct pki_pair root, pair;
	uint8_t id[HUB_ID_LEN], hub[HUB_ID_LEN];
	int64_t now = INT64_C(1795305600000);
	struct identity_pem pem;
	struct identity_store *s;
	struct enrol_kept k;

	fresh_dir();
	CHECK_INT(pki_make_root("Clinic", now, &root), 0);
	CHECK_INT(pki_make_hub(&root, now, &pair, id), 0);
	CHECK_INT(file_replace(dir, "identity.key", (const uint8_t *)pair.key,
			       strlen(pair.key)),
		  0);
	CHECK_INT(file_replace(dir, "identity.crt", (const uint8_t *)pair.cert,
			       strlen(pair.cert)),
		  0);
	s = open_store();
	k = identity_store_kept(s);
	CHECK(k.has_current && !k.has_key && !k.trusted && k.current_epoch == 1);
	CHECK_INT(k.current.end_ms, now + (int64_t)PKI_HUB_DAYS * 86400000);
	CHECK_INT(identity_store_hub(s, hub), 0);
	CHECK_MEM(hub, id, sizeof(id));
	CHECK_INT(identity_store_pem(s, IDENTITY_CURRENT, &pem), 0);
	CHECK_STR(pem.cert, pair.cert);
	enrol(s, &make_renewal, &keep_renewal);
	identity_store_free(s);
	run("test ! -e id/identity.key && test ! -e id/identity.crt");
	s = open_store();
	CHECK_INT(identity_store_hub(s, hub), 0);
	CHECK_MEM(hub, id, sizeof(id));
	CHECK(identity_store_kept(s).has_current);
	identity_store_free(s);
}

/* --- the emergency identity ------------------------------------------------------------------------ */

static const struct enrol_action make_emergency = {
	.what = ENROL_MAKE_KEY, .emergency = true, .epoch = 1, .renewal = true, .tries = 1
};
static const struct enrol_action keep_emergency = {
	.what = ENROL_KEEP_CERT, .emergency = true, .epoch = 1, .renewal = true
};
static const struct enrol_action promote_emergency = { .what = ENROL_PROMOTE,
						       .emergency = true,
						       .epoch = 1 };
static const uint8_t share[KEY_LEN] = { 3, 1, 4 }, other_share[KEY_LEN] = { 2, 7 };

static void prepare_emergency(struct identity_store *s)
{
	uint8_t cert[IDENTITY_CERT_MAX];
	size_t len;

	CHECK_INT(identity_store_do(s, &make_emergency, NULL, 0), 0);
	len = certificate_of(s, true, cert, sizeof(cert));
	CHECK_INT(identity_store_do(s, &keep_emergency, cert, len), 0);
}

static void get_emergency(struct identity_store *s)
{
	prepare_emergency(s);
	CHECK_INT(identity_store_do(s, &promote_emergency, NULL, 0), 0);
}

/* The private key of the credential in use. */
static void current_key(const struct identity_store *s, char ret[static IDENTITY_PEM_MAX])
{
	struct identity_pem pem;

	CHECK_INT(identity_store_pem(s, IDENTITY_CURRENT, &pem), 0);
	memcpy(ret, pem.key, IDENTITY_PEM_MAX);
}

static void check_opens(const char *key)
{
	struct identity_store *s = open_store();
	struct identity_pem pem;

	CHECK_UINT(identity_store_damaged(s), 0);
	CHECK_INT(identity_store_give_share(s, share), 0);
	CHECK(!identity_store_is_shut(s));
	CHECK_INT(identity_store_pem(s, IDENTITY_CURRENT, &pem), 0);
	CHECK_STR(pem.key, key);
	identity_store_free(s);
}

static void test_emergency(void)
{
	char key[IDENTITY_PEM_MAX];
	struct identity_pem pem;
	struct identity_store *s;
	struct enrol_kept k;

	fresh_dir();
	s = open_store();
	CHECK(!identity_store_wants_emergency(s));
	CHECK_INT(identity_store_do(s, &make_emergency, NULL, 0), -ENOENT);
	enrol(s, &make_first, &keep_first);
	current_key(s, key);
	CHECK(identity_store_wants_emergency(s));
	k = identity_store_kept_emergency(s);
	CHECK(k.has_current && k.current_epoch == 1 && k.current.end_ms == 0 &&
	      !k.has_key);
	/* nothing else would speak: it is neither wrapped nor withheld */
	CHECK_INT(identity_store_give_share(s, share), 0);
	CHECK_INT(identity_store_withhold(s), -ENOENT);
	CHECK_INT(identity_store_pem(s, IDENTITY_CURRENT, &pem), 0);
	prepare_emergency(s);
	k = identity_store_kept_emergency(s);
	CHECK(k.has_next && k.next_renewal && k.next_epoch == 1);
	CHECK(!identity_store_kept(s).has_key);
	CHECK_INT(identity_store_withhold(s), -ENOENT);
	CHECK_INT(identity_store_do(s, &promote_emergency, NULL, 0), 0);
	CHECK_INT(identity_store_do(s, &promote_emergency, NULL, 0), -ENOENT);
	CHECK(identity_store_has_emergency(s) && !identity_store_wants_emergency(s));
	k = identity_store_kept_emergency(s);
	CHECK(!k.has_key && k.current.end_ms > 0);
	current_key(s, pem.key);
	CHECK_STR(pem.key, key);
	identity_store_free(s);
	check_modes();
	/* without the share there is all but the key */
	s = open_store();
	CHECK(identity_store_is_shut(s) && identity_store_kept(s).has_current);
	CHECK_INT(identity_store_pem(s, IDENTITY_CURRENT, &pem), -EACCES);
	CHECK_INT(identity_store_pem(s, IDENTITY_EMERGENCY, &pem), 0);
	CHECK_INT(identity_store_do(s, &make_renewal, NULL, 0), -EACCES);
	CHECK_INT(identity_store_give_share(s, other_share), -EKEYREJECTED);
	CHECK(identity_store_is_shut(s));
	CHECK_INT(identity_store_give_share(s, share), 0);
	current_key(s, pem.key);
	CHECK_STR(pem.key, key);
	/* another share while the key is known: it lies under that one from now on */
	CHECK_INT(identity_store_give_share(s, other_share), 0);
	CHECK_INT(identity_store_give_share(s, share), 0);
	identity_store_free(s);
	check_opens(key);
	/* a renewal wants another one */
	s = open_store();
	CHECK_INT(identity_store_give_share(s, share), 0);
	identity_store_want(s, 4);
	CHECK_UINT(identity_store_wanted(s), 0);
	enrol(s, &make_renewal, &keep_renewal);
	CHECK_UINT(identity_store_wanted(s), 4);
	CHECK(identity_store_has_emergency(s) && identity_store_wants_emergency(s));
	get_emergency(s);
	CHECK(!identity_store_wants_emergency(s));
	current_key(s, key);
	identity_store_free(s);
	check_opens(key);
	s = open_store();
	CHECK_UINT(identity_store_wanted(s), 4);
	CHECK_INT(identity_store_do(s, &forget, NULL, 0), 0);
	CHECK(!identity_store_has_emergency(s));
	identity_store_free(s);
	run("test ! -e id/emergency && test ! -e id/emergency.next");
}

/* The scalars that a copy of the store's memory would hold are looked for in the core of its tests: tests/io/test_emergency_io.py */
static void test_withheld(void)
{
	char key[IDENTITY_PEM_MAX];
	uint8_t hub[HUB_ID_LEN], again[HUB_ID_LEN];
	struct identity_pem pem;
	struct identity_store *s;

	fresh_dir();
	s = open_store();
	enrol(s, &make_first, &keep_first);
	get_emergency(s);
	CHECK_INT(identity_store_give_share(s, share), 0);
	current_key(s, key);
	CHECK_INT(identity_store_hub(s, hub), 0);
	CHECK_INT(identity_store_do(s, &make_renewal, NULL, 0), 0);
	CHECK_INT(identity_store_withhold(s), 0);
	CHECK(identity_store_is_shut(s));
	CHECK_INT(identity_store_pem(s, IDENTITY_CURRENT, &pem), -EACCES);
	CHECK_INT(identity_store_pem(s, IDENTITY_DEVICE, &pem), -EACCES);
	CHECK_INT(identity_store_pem(s, IDENTITY_EMERGENCY, &pem), 0);
	CHECK_INT(identity_store_do(s, &make_renewal, NULL, 0), -EACCES);
	CHECK_INT(identity_store_do(s, &promote, NULL, 0), -EACCES);
	CHECK_INT(identity_store_hub(s, again), 0);
	CHECK_MEM(again, hub, sizeof(hub));
	CHECK_INT(identity_store_withhold(s), 0);
	CHECK_INT(identity_store_give_share(s, share), 0);
	CHECK_INT(identity_store_pem(s, IDENTITY_DEVICE, &pem), 0);
	current_key(s, pem.key);
	CHECK_STR(pem.key, key);
	CHECK(identity_store_kept(s).has_key);
	identity_store_free(s);
	check_opens(key);
}

/* --- kills ---------------------------------------------------------------------------------------- */

static int open_and_do(void *arg)
{
	const struct enrol_action *a = arg;
	struct identity_store *s;
	int r = identity_store_open(dir, &s);

	return r == 0 && a ? identity_store_do(s, a, NULL, 0) : r;
}

/* a: NULL if opening is all. Returns whether the place was reached. */
static bool killed(const char *place, const struct enrol_action *a)
{
	struct enrol_action copy = a ? *a : (struct enrol_action){ 0 };

	return killed_at(top, place, open_and_do, a ? &copy : NULL);
}

static void test_kills(void)
{
	uint8_t hub[HUB_ID_LEN], again[HUB_ID_LEN], cert[IDENTITY_CERT_MAX];
	struct identity_store *s;
	struct enrol_kept k;
	size_t len;

	fresh_dir();
	CHECK(killed("identity.device.between", NULL));
	s = open_store();
	CHECK_INT(identity_store_hub(s, hub), 0);
	identity_store_free(s);
	run("cmp id/device id/device.copy");

	CHECK(killed("identity.key.between", &make_first));
	s = open_store();
	k = identity_store_kept(s);
	CHECK(!k.has_key && k.tries == 1);
	CHECK_INT(identity_store_do(s, &make_first, NULL, 0), 0);
	len = certificate(s, cert, sizeof(cert));
	CHECK_INT(identity_store_do(s, &keep_first, cert, len), 0);
	identity_store_free(s);

	CHECK(killed("identity.state.between", &promote));
	CHECK(killed("identity.promote.between", &promote));
	s = open_store();
	k = identity_store_kept(s);
	CHECK(k.has_next && !k.has_current && k.epoch == 1);
	CHECK_INT(identity_store_do(s, &promote, NULL, 0), 0);
	identity_store_free(s);

	CHECK(killed("identity.forget.between", &forget));
	s = open_store(); /* finishes it */
	k = identity_store_kept(s);
	CHECK(!k.trusted && !k.has_current && !k.has_key && k.epoch == 1);
	CHECK_INT(identity_store_hub(s, again), 0);
	CHECK_MEM(again, hub, sizeof(hub));
	identity_store_free(s);
	CHECK(!killed("identity.forget.between", NULL));
}

static int give(void *arg)
{
	const struct enrol_action *a = arg;
	struct identity_store *s;
	int r = identity_store_open(dir, &s);

	if (r == 0)
		r = identity_store_give_share(s, share);
	return r == 0 && a ? identity_store_do(s, a, NULL, 0) : r;
}

/* The key in use is there at each moment, wrapped or not, and wrapped in the end. */
static void test_emergency_kills(void)
{
	struct enrol_action a = promote_emergency, m = make_renewal;
	char key[IDENTITY_PEM_MAX];
	struct identity_store *s;

	fresh_dir();
	s = open_store();
	enrol(s, &make_first, &keep_first);
	current_key(s, key);
	prepare_emergency(s);
	identity_store_free(s);
	CHECK(killed_at(top, "identity.emergency.promoted", give, &a));
	s = open_store();
	CHECK(identity_store_has_emergency(s) && !identity_store_is_shut(s));
	CHECK_INT(identity_store_do(s, &make_renewal, NULL, 0), 0);
	identity_store_free(s);
	CHECK(killed_at(top, "identity.wrap.between", give,
			NULL)); /* current is, next is not */
	check_opens(key);
	s = open_store();
	CHECK(identity_store_is_shut(s) && identity_store_kept(s).has_key);
	identity_store_free(s);
	CHECK(killed_at(top, "identity.key.between", give, &m));
	check_opens(key);
	CHECK(!killed_at(top, "identity.wrap.between", give, NULL));
}

/* --- damage --------------------------------------------------------------------------------------- */

static void damage(const char *name, size_t at, bool cut)
{
	char path[300];
	int fd;
	uint8_t b;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR);
	CHECK(fd >= 0);
	if (cut) {
		CHECK_INT(ftruncate(fd, (off_t)at), 0);
	} else {
		CHECK_INT(pread(fd, &b, 1, (off_t)at), 1);
		b ^= 1;
		CHECK_INT(pwrite(fd, &b, 1, (off_t)at), 1);
	}
	close(fd);
}

/* All files of an active hub that renews; each octet in turn is another, and each length in turn is cut. */
static void test_damage(void)
{
	static const char *const names[] = { "device", "device.copy", "current",
					     "next",   "enrol-a",     "enrol-b" };
	uint8_t hub[HUB_ID_LEN], again[HUB_ID_LEN], file[IDENTITY_FILE_MAX];
	struct identity_store *s;
	struct enrol_kept k;

	fresh_dir();
	s = open_store();
	CHECK_INT(identity_store_hub(s, hub), 0);
	enrol(s, &make_first, &keep_first);
	CHECK_INT(identity_store_do(s, &make_renewal, NULL, 0), 0);
	identity_store_free(s);
	run("rm -rf good && cp -a id good");
	for (size_t f = 0; f < sizeof(names) / sizeof(*names); f++) {
		int len = file_read(dir, names[f], file, sizeof(file));

		CHECK(len > 0);
		for (int i = 0; i < 2 * len; i += 1 + (int)(test_random() % 24)) {
			damage(names[f], (size_t)(i % len), i >= len);
			s = open_store();
			CHECK_UINT(identity_store_damaged(s), 1);
			k = identity_store_kept(s);
			CHECK_INT(k.has_current, f != 2);
			CHECK_INT(k.has_key, f != 3);
			CHECK_UINT(k.epoch, 1);
			CHECK_INT(identity_store_hub(s, again), 0);
			CHECK_MEM(again, hub, sizeof(hub));
			identity_store_free(s);
			if (f < 2)
				run("cmp id/device id/device.copy");
			for (size_t n = 0; n < sizeof(names) / sizeof(*names); n++) {
				char good[240];

				snprintf(good, sizeof(good), "%s/good", top);
				len = file_read(good, names[n], file, sizeof(file));
				CHECK(len > 0);
				CHECK_INT(file_replace(dir, names[n], file, (size_t)len),
					  0);
			}
			len = file_read(dir, names[f], file, sizeof(file));
		}
	}
	/* both copies: no other key is made, what is in use goes on, and nothing new can be asked for */
	damage("device", 20, false);
	damage("device.copy", 20, false);
	s = open_store();
	CHECK_INT(identity_store_hub(s, again), -ENOENT);
	CHECK(identity_store_kept(s).has_current);
	CHECK_INT(identity_store_do(s, &make_renewal, NULL, 0), -ENOENT);
	identity_store_free(s);
}

static void test_end(void)
{
	crypto_done();
	run("rm -rf id good");
	temp_dir_remove(top);
}

TEST_MAIN("identity_store", test_start, test_first_start, test_enrolment, test_fit,
	  test_old_form, test_kills, test_emergency, test_withheld, test_emergency_kills,
	  test_damage, test_end)
