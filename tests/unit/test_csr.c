/*
 * test_csr.c - requests for certificates: one of OpenSSL's, each bit of it changed, each length cut; and what is made here
 * for each rule.
 */
#include <errno.h>

#include "hub/crypto/csr.h"
#include "tests/unit/csr_maker.h"
#include "tests/unit/test.h"

/* openssl req -new -key k.pem -sha256 -subj /CN=0011..ff/serialNumber=0011..ff -outform DER; OpenSSL 3.0 */
static const char openssl_csr[] =
	"308201113081b802010030563129302706035504030c20303031313232333334343535363637"
	"3738383939616162626363646465656666312930270603550405132030303131323233333434"
	"353536363737383839396161626263636464656566663059301306072a8648ce3d020106082a"
	"8648ce3d030107034200042ffa56465f9bab766b0efb75bed42eda495f64e1357449b34ca7f8"
	"c200181dc98df62259d6f6db7bb5e1cd8253b62c0172d76f78191045aa62ef9ba4c052e0a4a0"
	"00300a06082a8648ce3d04030203480030450221008464bc05e1cc953539fd28b2cb4a5ae677"
	"43884de7dbc7e537261c032e61299f02200e93865cec39f3c074d74270da2c58daaf833b6863"
	"c75f01e356b3ebb983468b";
/* openssl ec -in k.pem -pubout -outform DER | sha256sum */
static const char openssl_spki[] =
	"18ec803adee1166f1ea3984ec2d41611ab1a9e5a5e99bf3791170048373a8bec";

static size_t unhex(const char *text, uint8_t *out)
{
	size_t n = strlen(text) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned v;

		CHECK_INT(sscanf(text + 2 * i, "%2x", &v), 1);
		out[i] = (uint8_t)v;
	}
	return n;
}

static void test_openssl(void)
{
	uint8_t der[CSR_LEN_MAX], want[SHA256_LEN];
	size_t len = unhex(openssl_csr, der);
	struct csr csr;

	unhex(openssl_spki, want);
	CHECK_INT(csr_read(der, len, &csr), 0);
	CHECK_STR(csr.serial_number, "00112233445566778899aabbccddeeff");
	CHECK_MEM(csr.spki, want, SHA256_LEN);
	for (size_t i = 0; i < len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			der[i] ^= (uint8_t)(1U << bit);
			CHECK(csr_read(der, len, &csr) < 0);
			der[i] ^= (uint8_t)(1U << bit);
		}
	}
	for (size_t n = 0; n < len; n++) {
		uint8_t *cut = malloc(n + 1); /* no octet more than it is said to have */

		CHECK(cut != NULL);
		memcpy(cut, der, n);
		CHECK(csr_read(cut, n, &csr) < 0);
		free(cut);
	}
	der[len] = 0;
	CHECK_INT(csr_read(der, len + 1, &csr), -EBADMSG);
	CHECK_INT(csr_read(der, CSR_LEN_MAX, &csr), -EBADMSG);
	CHECK_INT(csr_read(der, CSR_LEN_MAX + 1, &csr), -EMSGSIZE);
	CHECK_INT(csr_read(der, 0, &csr), -EMSGSIZE);
}

/* --- made here ------------------------------------------------------------------------- */

static int read_made(const uint8_t *subject, size_t len, uint8_t version, struct csr *ret)
{
	uint8_t der[CSR_LEN_MAX];

	return csr_read(der, csr_make(der, subject, len, version), ret);
}

static void test_subjects(void)
{
	uint8_t s[1200];
	char text[CSR_NAME_MAX + 2];
	struct csr csr;
	size_t n;

	p256_generate(csr_private, csr_public);
	for (int round = 0; round < 50; round++) { /* halves of all lengths */
		n = csr_put_attribute(s, 0, 0x03, 0x0c, "a name");
		n = csr_put_attribute(s, n, 0x05, 0x0c, "serial");
		CHECK_INT(read_made(s, n, 0, &csr), 0);
		CHECK_STR(csr.serial_number, "serial");
		CHECK_MEM(csr.public, csr_public, sizeof(csr_public));
	}
	CHECK_INT(read_made(s, 0, 0, &csr), 0);
	CHECK_STR(csr.serial_number, "");
	CHECK_INT(read_made(s, n, 2, &csr), 0); /* as wolfCrypt's */
	CHECK_INT(read_made(s, n, 3, &csr), -ENOTSUP);
	for (size_t len = CSR_NAME_MAX - 1; len <= CSR_NAME_MAX + 1; len++) {
		memset(text, 'x', len);
		text[len] = '\0';
		n = csr_put_attribute(s, 0, 0x05, 0x13, text);
		CHECK_INT(read_made(s, n, 0, &csr), len > CSR_NAME_MAX ? -ERANGE : 0);
	}
	CHECK_INT(read_made(s, csr_put_attribute(s, 0, 0x05, 0x13, ""), 0, &csr),
		  -ERANGE);
	CHECK_INT(read_made(s, csr_put_attribute(s, 0, 0x05, 0x13, "a\x1f"), 0, &csr),
		  -ERANGE);
	CHECK_INT(read_made(s, csr_put_attribute(s, 0, 0x05, 0x0c, "h\xc3\xbc"), 0, &csr),
		  -ERANGE);
	CHECK_INT(read_made(s, csr_put_attribute(s, 0, 0x05, 0x1e, "ab"), 0, &csr),
		  -EBADMSG);
	n = csr_put_attribute(s, 0, 0x05, 0x13, "1");
	CHECK_INT(read_made(s, csr_put_attribute(s, n, 0x05, 0x13, "1"), 0, &csr),
		  -ERANGE);
	CHECK_INT(read_made((const uint8_t[]){ 0x31, 0x00 }, 2, 0, &csr), -EBADMSG);
}

static void test_other_key(void)
{
	uint8_t s[100], mine[P256_PRIVATE_LEN];
	size_t n = csr_put_attribute(s, 0, 0x05, 0x13, "1");
	struct csr csr;

	p256_generate(csr_private, csr_public);
	memcpy(mine, csr_private, sizeof(mine));
	p256_generate(csr_private, csr_public);
	memcpy(csr_private, mine, sizeof(mine));
	CHECK_INT(read_made(s, n, 0, &csr), -EKEYREJECTED);
	p256_generate(csr_private, csr_public);
	CHECK_INT(read_made(s, n, 0, &csr), 0);
	csr_public[64] ^= 1; /* no point of the curve */
	CHECK_INT(read_made(s, n, 0, &csr), -EKEYREJECTED);
	csr_public[64] ^= 1;
	csr_public[0] = 0x06; /* the same point in a form that nobody uses */
	CHECK_INT(read_made(s, n, 0, &csr), -ENOTSUP);
}

static void test_garbage(void)
{
	uint8_t der[CSR_LEN_MAX];
	struct csr csr;

	for (int i = 0; i < 20000; i++) {
		size_t len = unhex(openssl_csr, der);

		for (unsigned k = 0; k < 3; k++)
			der[test_random() % len] = (uint8_t)test_random();
		if (csr_read(der, len, &csr) == 0)
			CHECK_STR(csr.serial_number, "00112233445566778899aabbccddeeff");
	}
}

static void test_start(void)
{
	CHECK_INT(crypto_init(), 0);
}

TEST_MAIN("csr", test_start, test_openssl, test_subjects, test_other_key, test_garbage)
