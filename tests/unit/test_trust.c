/*
 * test_trust.c - clinic.trust: fields and their limits, whose signature is taken, expiry, the fingerprint.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "clinic/pki.h"
#include "hub/core/base32.h"
#include "hub/core/cbor.h"
#include "hub/crypto/trust_sign.h"

static const int64_t now_ms = 1795000000000;

static struct pki_pair root;
static uint8_t root_private[P256_PRIVATE_LEN];

static void make_root(void)
{
	CHECK_INT(crypto_init(), 0);
	CHECK_INT(pki_make_root("Clinic on the Hill", now_ms, &root), 0);
	CHECK_INT(pki_root_scalar(&root, root_private), 0);
}

static struct config_endpoint endpoint(const char *name, uint16_t port)
{
	struct config_endpoint e = { .port = port,
				     .profile = DTLS_PROFILE_13_CID,
				     .pin_count = 2 };

	snprintf(e.name, sizeof(e.name), "%s", name);
	memset(e.pins[0], 0x11, PIN_LEN);
	memset(e.pins[1], 0x22, PIN_LEN);
	return e;
}

static void set_root(struct trust *t, const char *pem)
{
	struct pki_cert cert;

	CHECK_INT(pki_der(pem, &cert), 0);
	CHECK(cert.len <= sizeof(t->root));
	memcpy(t->root, cert.der, cert.len);
	t->root_len = cert.len;
}

static struct trust a_trust(void)
{
	struct trust t = { .clinic = "Praxis Dr. Weiß", .endpoint_count = 2 };

	set_root(&t, root.cert);
	CHECK(t.root_len > 255);
	t.endpoints[0] = endpoint("clinic.example", 5684);
	t.endpoints[1] = endpoint("b.clinic.example", 5684);
	t.endpoints[1].weight = 10;
	t.enrol = endpoint("clinic.example", 5685);
	memset(t.config_public, 0x33, sizeof(t.config_public));
	t.config_public[0] = 4;
	t.seal_key_id = 3;
	memset(t.seal_public, 0x44, sizeof(t.seal_public));
	t.expires_s = 1800000000;
	return t;
}

static int make(const struct trust *t, uint8_t file[static TRUST_FILE_MAX])
{
	return trust_make(t, root_private, file, TRUST_FILE_MAX);
}

static void test_round(void)
{
	uint8_t file[TRUST_FILE_MAX], payload[TRUST_PAYLOAD_MAX], hash[32], again[32];
	struct trust t = a_trust(), got;
	const char *field = NULL;
	struct cose_sign1 frame;
	int n = make(&t, file), len = trust_encode(&t, payload, sizeof(payload));

	CHECK(n > 0 && len > 0);
	CHECK_INT(trust_open(file, (size_t)n, &got, hash, &field), 0);
	CHECK_MEM(&got, &t, sizeof(t));
	CHECK(field == NULL || strcmp(field, "signature") == 0);
	/* the fingerprint is of what is said, not of the signature, which is another one each time */
	CHECK_INT(cose_parse(file, (size_t)n, &frame), 0);
	CHECK_INT(frame.payload_len, len);
	crypto_sha256(payload, (size_t)len, again);
	CHECK_MEM(hash, again, sizeof(hash));
	n = make(&t, file);
	CHECK_INT(trust_open(file, (size_t)n, &got, again, &field), 0);
	CHECK_MEM(hash, again, sizeof(hash));
	t.expires_s++;
	n = make(&t, file);
	CHECK_INT(trust_open(file, (size_t)n, &got, again, &field), 0);
	CHECK(memcmp(hash, again, sizeof(hash)) != 0);
	CHECK_INT(trust_make(&t, root_private, file, (size_t)n - 1), -ENOSPC);
	CHECK_INT(trust_encode(&t, payload, (size_t)len - 1), -ENOSPC);
}

/* Each byte counts: whichever is changed or missing, the file is not taken. */
static void test_damage(void)
{
	uint8_t file[TRUST_FILE_MAX], hash[32];
	struct trust t = a_trust(), got = { .seal_key_id = 77 };
	const char *field;
	int n = make(&t, file);

	CHECK(n > 0);
	for (int i = 0; i < n; i++) {
		file[i] ^= (uint8_t)(1 << (test_random() % 8));
		field = NULL;
		if (trust_open(file, (size_t)n, &got, hash, &field) == 0)
			fprintf(stderr, "taken with byte %d changed\n", i);
		CHECK(field != NULL && got.seal_key_id == 77);
		n = make(&t, file);
		CHECK(n > 0);
	}
	for (int i = 0; i < n; i++)
		CHECK(trust_open(file, (size_t)i, &got, hash, &field) < 0);
	CHECK(trust_open(file, (size_t)n + 1, &got, hash, &field) < 0);
	CHECK_INT(got.seal_key_id, 77);
}

/* Signed by whoever is not in it. */
static void test_wrong_hand(void)
{
	uint8_t file[TRUST_FILE_MAX], payload[TRUST_PAYLOAD_MAX], hash[32];
	uint8_t other[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN];
	struct trust t = a_trust(), got;
	const char *field;
	struct pki_pair server;
	int n, len = trust_encode(&t, payload, sizeof(payload));

	p256_generate(other, public);
	CHECK_INT(trust_make(&t, other, file, sizeof(file)), -EKEYREJECTED);
	n = sign1_make(SIGN_CONTEXT_TRUST, other, payload, (size_t)len, file,
		       sizeof(file));
	CHECK_INT(trust_open(file, (size_t)n, &got, hash, &field), -EKEYREJECTED);
	CHECK_STR(field, "signature");
	/* the right key for another purpose */
	n = sign1_make(SIGN_CONTEXT_CONFIG, root_private, payload, (size_t)len, file,
		       sizeof(file));
	CHECK_INT(trust_open(file, (size_t)n, &got, hash, &field), -EKEYREJECTED);
	/* a server's certificate is no authority, though its key may sign */
	CHECK_INT(pki_make_server(&root, "clinic.example", now_ms, &server), 0);
	set_root(&t, server.cert);
	CHECK_INT(pki_root_scalar(&server, other), 0);
	CHECK_INT(trust_make(&t, other, file, sizeof(file)), -ENOTSUP);
	/* one DER item, but no certificate */
	memset(t.root + 4, 0, t.root_len - 4);
	CHECK_INT(trust_make(&t, other, file, sizeof(file)), -ENOTSUP);
}

static void refuse(const struct trust *t, int want, const char *want_field)
{
	uint8_t payload[8192];
	const char *field = "none";
	struct trust got;
	int len = trust_encode(t, payload, sizeof(payload));

	CHECK(len > 0);
	CHECK_INT(trust_decode(payload, (size_t)len, &got, &field), want);
	if (want < 0)
		CHECK_STR(field, want_field);
}

static void test_fields(void)
{
	struct trust t = a_trust();

	refuse(&t, 0, "");
	t.endpoint_count = 0;
	refuse(&t, -ERANGE, "endpoints");
	t = a_trust();
	t.endpoint_count = CONFIG_ENDPOINTS_MAX;
	t.endpoints[2] = t.endpoints[3] = t.endpoints[0];
	refuse(&t, 0, "");
	t.endpoints[3].port = 0;
	refuse(&t, -ERANGE, "endpoints");
	t = a_trust();
	t.enrol.pin_count = 0;
	refuse(&t, -ERANGE, "enrol");
	t = a_trust();
	t.enrol.weight = 2;
	refuse(&t, -ERANGE, "enrol");
	t = a_trust();
	t.config_public[0] = 2;
	refuse(&t, -ERANGE, "config key");
	t = a_trust();
	t.expires_s = CONFIG_CHANGE_MAX_S;
	refuse(&t, 0, "");
	t.expires_s++;
	refuse(&t, -ERANGE, "expiry");
	t.expires_s = -1;
	refuse(&t, -EBADMSG, "expiry");
}

static void test_root_form(void)
{
	struct trust t = a_trust();

	t.root_len--;
	refuse(&t, -ERANGE, "root");
	t.root_len += 2; /* something behind it */
	refuse(&t, -ERANGE, "root");
	t = a_trust();
	t.root_len = 3;
	refuse(&t, -ERANGE, "root");
	t.root_len = 0;
	refuse(&t, -ERANGE, "root");
	t = a_trust();
	t.root_len = TRUST_ROOT_MAX;
	t.root[2] = (TRUST_ROOT_MAX - 4) >> 8;
	t.root[3] = (TRUST_ROOT_MAX - 4) & 255;
	refuse(&t, 0, "");
	t = a_trust();
	t.root[0] = 0x31;
	refuse(&t, -ERANGE, "root");
}

static void name(const char *text, int want)
{
	struct trust t = a_trust();

	memset(t.clinic, 0, sizeof(t.clinic));
	memcpy(t.clinic, text, strlen(text));
	refuse(&t, want, "clinic");
}

static void test_clinic_name(void)
{
	char text[TRUST_CLINIC_MAX + 1];

	memset(text, 'x', TRUST_CLINIC_MAX);
	text[TRUST_CLINIC_MAX] = '\0';
	name(text, 0);
	name("", -ERANGE);
	name("x", 0);
	name("Клиника 東京 \U0001F3E5", 0);
	name("two\nlines", -ERANGE);
	name("\x1b[2J", -ERANGE);
	name("del\x7f", -ERANGE);
	name("c1\xc2\x9f", -ERANGE);
	name("ok\xc2\xa0", 0);
	name("long form\xc0\xaf", -ERANGE);
	name("long form\xe0\x9f\xbf", -ERANGE);
	name("long form\xf0\x8f\xbf\xbf", -ERANGE);
	name("surrogate\xed\xa0\x80", -ERANGE);
	name("too high\xf4\x90\x80\x80", -ERANGE);
	name("highest\xf4\x8f\xbf\xbf", 0);
	name("cut\xe6\x9d", -ERANGE);
	name("cut\xc3", -ERANGE);
	name("bad third\xe6\x9d\x41", -ERANGE);
	name("lone\x80", -ERANGE);
}

/* One byte too long, and other documents than ours. */
static void test_document(void)
{
	uint8_t payload[TRUST_PAYLOAD_MAX + 1] = { 0 };
	struct trust t = a_trust(), got;
	const char *field;
	int len = trust_encode(&t, payload, sizeof(payload));

	CHECK_INT(trust_decode(payload, TRUST_PAYLOAD_MAX + 1, &got, &field), -EMSGSIZE);
	CHECK_INT(trust_decode(payload, (size_t)len + 1, &got, &field), -EBADMSG);
	CHECK_STR(field, "end of document");
	CHECK_INT(trust_decode(payload, (size_t)len - 1, &got, &field), -EBADMSG);
	payload[2] = TRUST_VERSION + 1;
	CHECK_INT(trust_decode(payload, (size_t)len, &got, &field), -ENOTSUP);
	CHECK_STR(field, "version");
	payload[2] = TRUST_VERSION;
	payload[0]++;
	CHECK_INT(trust_decode(payload, (size_t)len, &got, &field), -ERANGE);
	CHECK_STR(field, "document");
}

/* The largest that there can be fits. */
static void test_largest(void)
{
	uint8_t file[TRUST_FILE_MAX], payload[TRUST_PAYLOAD_MAX];
	struct trust t = a_trust();

	memset(t.clinic, 'x', TRUST_CLINIC_MAX);
	t.endpoint_count = CONFIG_ENDPOINTS_MAX;
	for (size_t i = 0; i <= CONFIG_ENDPOINTS_MAX; i++) {
		struct config_endpoint *e =
			i < CONFIG_ENDPOINTS_MAX ? &t.endpoints[i] : &t.enrol;

		*e = endpoint("", 65535);
		memset(e->name, 'n', CONFIG_NAME_MAX);
		e->weight = i < CONFIG_ENDPOINTS_MAX ? 100 : 0;
	}
	CHECK(make(&t, file) > 0);
	t.root_len = TRUST_ROOT_MAX;
	CHECK(trust_encode(&t, payload, sizeof(payload)) > 0);
}

static void test_expiry(void)
{
	struct trust t = { .expires_s = 1000 };

	CHECK(!trust_expired(&t, 999));
	CHECK(!trust_expired(&t, 1000));
	CHECK(trust_expired(&t, 1001));
}

/* RFC 4648, 10, without the padding. */
static void test_base32(void)
{
	static const struct {
		const char *in, *out;
	} vectors[] = { { "", "" },
			{ "f", "MY" },
			{ "fo", "MZXQ" },
			{ "foo", "MZXW6" },
			{ "foob", "MZXW6YQ" },
			{ "fooba", "MZXW6YTB" },
			{ "foobar", "MZXW6YTBOI" } };
	uint8_t back[8];
	char text[16];

	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		size_t len = strlen(vectors[i].in);

		base32_encode((const uint8_t *)vectors[i].in, len, text);
		CHECK_STR(text, vectors[i].out);
		CHECK_INT(base32_decode(text, back, len), 0);
		CHECK_MEM(back, vectors[i].in, len);
	}
	CHECK_INT(base32_decode("mzxw6", back, 3), 0);
	CHECK_MEM(back, "foo", 3);
	CHECK_INT(base32_decode("MZ", back, 1), -EBADMSG); /* bits that are over */
	CHECK_INT(base32_decode("M1", back, 1), -EBADMSG);
	for (int c = 0; c < 256; c++) {
		int v = base32_value((char)c);

		CHECK(v >= -1 && v < 32);
		if (v >= 0)
			CHECK(base32_letter((unsigned)v) == c ||
			      base32_letter((unsigned)v) == c - 32);
	}
	CHECK_INT(base32_value('0'), -1);
	CHECK_INT(base32_value('1'), -1);
	CHECK_INT(base32_value('8'), -1);
}

static void test_fingerprint(void)
{
	uint8_t hash[TRUST_HASH_LEN] = "foobar1234, and not a byte more";
	char text[TRUST_FINGERPRINT_MAX], other[TRUST_FINGERPRINT_MAX];

	/* from: printf foobar1234 | base32 */
	CHECK_STR(trust_fingerprint(hash, text), "MZXW 6YTB OIYT EMZU");
	for (size_t i = 0; i < TRUST_HASH_LEN; i++) {
		hash[i] ^= 1;
		CHECK_INT(strcmp(trust_fingerprint(hash, other), text) != 0, i < 10);
		hash[i] ^= 1;
	}
}

TEST_MAIN("trust", make_root, test_round, test_damage, test_wrong_hand, test_fields,
	  test_root_form, test_clinic_name, test_document, test_largest, test_expiry,
	  test_base32, test_fingerprint)
