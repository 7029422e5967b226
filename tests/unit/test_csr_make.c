/*
 * test_csr_make.c - a hub's request and bootstrap certificate, judged by OpenSSL, which nobody here wrote.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "coap/identity.h"
#include "hub/crypto/csr_make.h"
#include "tests/unit/temp_dir.h"
#include "tests/unit/test.h"

static char dir[200];
static uint8_t device[P256_PRIVATE_LEN], operational[P256_PRIVATE_LEN], hub[HUB_ID_LEN];

static void write_file(const char *name, const uint8_t *p, size_t len)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	CHECK(f && fwrite(p, 1, len, f) == len && fclose(f) == 0);
}

/* What 'openssl WORDS', run in the folder, prints on both outputs. Returns its exit status. */
static int openssl(const char *words, char *ret, size_t cap)
{
	char line[600];
	size_t n;
	FILE *f;

	snprintf(line, sizeof(line), "cd %s && openssl %s 2>&1", dir, words);
	f = popen(line, "r");
	CHECK(f);
	n = fread(ret, 1, cap - 1, f);
	ret[n] = '\0';
	return WEXITSTATUS(pclose(f));
}

static void hub_hex(char ret[static 2 * HUB_ID_LEN + 1])
{
	for (size_t i = 0; i < HUB_ID_LEN; i++)
		snprintf(ret + 2 * i, 3, "%02x", hub[i]);
}

static void test_start(void)
{
	uint8_t public[P256_PUBLIC_LEN], spki[SHA256_LEN];

	temp_dir_make(dir, sizeof(dir));
	CHECK_INT(crypto_init(), 0);
	p256_generate(device, public);
	p256_generate(operational, public);
	CHECK_INT(csr_spki(device, spki), 0);
	memcpy(hub, spki, sizeof(hub));
}

static void test_request(void)
{
	uint8_t csr[CSR_BYTES_MAX];
	char out[4000], want[200], hex[2 * HUB_ID_LEN + 1];
	int n = csr_make(operational, hub, csr);

	CHECK(n > 0);
	write_file("csr", csr, (size_t)n);
	CHECK_INT(openssl("req -inform DER -in csr -noout -verify -subject -nameopt "
			  "RFC2253,sname",
			  out, sizeof(out)),
		  0);
	CHECK(strstr(out, "verify OK"));
	hub_hex(hex);
	snprintf(want, sizeof(want), "CN=%s", hex);
	CHECK(strstr(out, want));
	snprintf(want, sizeof(want), "serialNumber=%s", hex);
	CHECK(strstr(out, want));
	CHECK_INT(openssl("req -inform DER -in csr -noout -text", out, sizeof(out)), 0);
	CHECK(strstr(out, "prime256v1") && strstr(out, "ecdsa-with-SHA256"));
	/* OpenSSL sees it if one bit of what is signed is another */
	csr[60] ^= 1;
	write_file("csr", csr, (size_t)n);
	openssl("req -inform DER -in csr -noout -verify", out, sizeof(out));
	CHECK(!strstr(out, "verify OK"));
}

static void test_bootstrap(void)
{
	uint8_t cert[BOOTSTRAP_BYTES_MAX], pin[IDENTITY_PIN_LEN];
	char out[6000], hex[2 * HUB_ID_LEN + 1];
	int n = bootstrap_make(device, cert);
	int64_t end;

	CHECK(n > 0);
	write_file("cert", cert, (size_t)n);
	CHECK_INT(openssl("x509 -inform DER -in cert -noout -text", out, sizeof(out)), 0);
	hub_hex(hex);
	CHECK(strstr(out, hex));
	CHECK(strstr(out, "Not After : Dec 31 23:59:59 9999 GMT"));
	CHECK(strstr(out, "TLS Web Client Authentication"));
	CHECK_INT(openssl("x509 -inform DER -in cert -out pem", out, sizeof(out)), 0);
	CHECK_INT(openssl("verify -check_ss_sig -CAfile pem pem", out, sizeof(out)), 0);
	CHECK(strstr(out, "pem: OK"));
	/* and by the hub's own parser it is the device key's */
	CHECK_INT(identity_pin(cert, (size_t)n, pin), 0);
	CHECK_MEM(pin, hub, HUB_ID_LEN);
	CHECK_INT(identity_check_form(cert, (size_t)n, true), 0);
	CHECK_INT(identity_end(cert, (size_t)n, &end), 0);
	CHECK_INT(end, INT64_C(253402300799));
}

static void test_bad_key(void)
{
	const uint8_t zero[P256_PRIVATE_LEN] = { 0 };
	uint8_t out[BOOTSTRAP_BYTES_MAX], spki[SHA256_LEN];

	CHECK_INT(csr_spki(zero, spki), -EIO);
	CHECK_INT(csr_make(zero, hub, out), -EIO);
	CHECK_INT(bootstrap_make(zero, out), -EIO);
}

static void test_end(void)
{
	temp_dir_remove(dir);
	crypto_done();
}

TEST_MAIN("csr_make", test_start, test_request, test_bootstrap, test_bad_key, test_end)
