/*
 * test_ticket.c - clinic.ticket: fields and their limits, whose signature is taken, which certificate, expiry, its name.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "clinic/pki.h"
#include "hub/core/cbor.h"
#include "hub/crypto/ticket_sign.h"
#include "hub/crypto/trust_sign.h"

static const int64_t now_ms = 1795000000000;

static struct pki_pair root, ca, other_root;
static uint8_t root_private[P256_PRIVATE_LEN], other_private[P256_PRIVATE_LEN];

static void make_keys(void)
{
	CHECK_INT(crypto_init(), 0);
	CHECK_INT(pki_make_root("Clinic on the Hill", now_ms, &root), 0);
	CHECK_INT(pki_make_root("Clinic", now_ms, &other_root), 0);
	CHECK_INT(pki_make_enrol(&root, now_ms, &ca), 0);
	CHECK_INT(pki_root_scalar(&root, root_private), 0);
	CHECK_INT(pki_root_scalar(&other_root, other_private), 0);
}

static size_t make_trust(uint8_t file[static TRUST_FILE_MAX])
{
	struct trust t = { .clinic = "Clinic", .endpoint_count = 1, .expires_s = 1 };
	struct pki_cert cert;
	int n;

	CHECK_INT(pki_der(root.cert, &cert), 0);
	memcpy(t.root, cert.der, cert.len);
	t.root_len = cert.len;
	t.endpoints[0] = (struct config_endpoint){ .port = 5684,
						   .name = "clinic.example",
						   .profile = DTLS_PROFILE_13_CID,
						   .pin_count = 1 };
	t.enrol = t.endpoints[0];
	t.config_public[0] = 4;
	n = trust_make(&t, root_private, file, TRUST_FILE_MAX);
	CHECK(n > 0);
	return (size_t)n;
}

static struct ticket a_ticket(void)
{
	struct ticket t = { .expires_s = 1795500000 };
	uint8_t public[P256_PUBLIC_LEN], hub[HUB_ID_LEN] = { 1 };
	struct pki_cert cert;

	t.trust_len = make_trust(t.trust);
	p256_generate(t.private, public);
	CHECK_INT(pki_sign_hub(&ca, hub, public, now_ms,
			       TICKET_DAYS_MAX * INT64_C(86400000), &cert),
		  0);
	memcpy(t.cert, cert.der, cert.len);
	t.cert_len = cert.len;
	return t;
}

static int make(const struct ticket *t, uint8_t file[static TICKET_FILE_MAX])
{
	return ticket_make(t, root_private, file, TICKET_FILE_MAX);
}

static void test_round(void)
{
	uint8_t file[TICKET_FILE_MAX];
	struct ticket t = a_ticket(), got;
	struct ticket_facts facts;
	char id[TICKET_ID_MAX];
	const char *field;
	int n = make(&t, file);

	CHECK(n > 0);
	CHECK_INT(ticket_open(file, (size_t)n, &got, &facts, &field), 0);
	CHECK_MEM(&got, &t, sizeof(t));
	CHECK_STR(facts.trust.clinic, "Clinic");
	CHECK_UINT(strlen(ticket_id(facts.spki, id)), TICKET_ID_MAX - 1);
	CHECK_INT(ticket_make(&t, root_private, file, (size_t)n - 1), -ENOSPC);
	CHECK(!ticket_expired(&t, t.expires_s) && ticket_expired(&t, t.expires_s + 1));
}

/* Each byte counts: whichever is changed or missing, the file is not taken. */
static void test_damage(void)
{
	uint8_t file[TICKET_FILE_MAX], damaged[TICKET_FILE_MAX];
	struct ticket t = a_ticket(), got;
	struct ticket_facts facts = { .spki = { 77 } };
	const char *field;
	int n = make(&t, file);

	CHECK(n > 0);
	for (int i = 0; i < n; i++) {
		memcpy(damaged, file, (size_t)n);
		damaged[i] ^= (uint8_t)(1 << (test_random() % 8));
		if (ticket_open(damaged, (size_t)n, &got, &facts, &field) == 0)
			fprintf(stderr, "taken with byte %d changed\n", i);
		CHECK(facts.spki[0] == 77);
	}
	for (int i = 0; i < n; i += 7)
		CHECK(ticket_open(file, (size_t)i, &got, &facts, &field) < 0);
	CHECK(ticket_open(file, (size_t)n + 1, &got, &facts, &field) < 0);
	CHECK(facts.spki[0] == 77);
}

/* Signed by whoever is not in it, or for another purpose; or the certificate is another key's. */
static void test_wrong_hand(void)
{
	uint8_t file[TICKET_FILE_MAX], payload[TICKET_PAYLOAD_MAX];
	struct ticket t = a_ticket(), other = a_ticket(), got;
	struct ticket_facts facts;
	const char *field;
	int n, len = ticket_encode(&t, payload, sizeof(payload));

	CHECK(len > 0);
	CHECK_INT(ticket_make(&t, other_private, file, sizeof(file)), -EKEYREJECTED);
	n = sign1_make(SIGN_CONTEXT_TRUST, root_private, payload, (size_t)len, file,
		       sizeof(file));
	CHECK_INT(ticket_open(file, (size_t)n, &got, &facts, &field), -EKEYREJECTED);
	CHECK_STR(field, "signature");
	memcpy(t.cert, other.cert, other.cert_len);
	t.cert_len = other.cert_len;
	CHECK_INT(make(&t, file), -EKEYREJECTED);
	t.cert_len = 10;
	CHECK_INT(make(&t, file), -EKEYREJECTED);
	t = a_ticket();
	t.trust[t.trust_len - 1] ^= 1;
	CHECK_INT(make(&t, file), -EKEYREJECTED);
	t = a_ticket();
	memset(t.private, 0, sizeof(t.private));
	CHECK_INT(make(&t, file), -EKEYREJECTED);
}

static void refuse(const struct ticket *t, int want, const char *want_field)
{
	uint8_t payload[TICKET_PAYLOAD_MAX];
	const char *field = "none";
	struct ticket got;
	int len = ticket_encode(t, payload, sizeof(payload));

	CHECK(len > 0);
	CHECK_INT(ticket_decode(payload, (size_t)len, &got, &field), want);
	if (want < 0)
		CHECK_STR(field, want_field);
}

static void test_fields(void)
{
	uint8_t payload[TICKET_PAYLOAD_MAX + 1] = { 0 };
	struct ticket t = a_ticket(), got;
	const char *field;
	int len;

	refuse(&t, 0, "");
	t.trust_len = 0;
	refuse(&t, -ERANGE, "clinic.trust");
	t.trust_len = TRUST_FILE_MAX;
	t.cert_len = TICKET_CERT_MAX;
	refuse(&t, 0, ""); /* the largest that there can be fits */
	t.cert_len = 0;
	refuse(&t, -ERANGE, "certificate");
	t = a_ticket();
	t.expires_s = CONFIG_CHANGE_MAX_S;
	refuse(&t, 0, "");
	t.expires_s++;
	refuse(&t, -ERANGE, "expiry");
	t.expires_s = -1;
	refuse(&t, -EBADMSG, "expiry");
	t = a_ticket();
	len = ticket_encode(&t, payload, sizeof(payload));
	CHECK_INT(ticket_decode(payload, TICKET_PAYLOAD_MAX + 1, &got, &field),
		  -EMSGSIZE);
	CHECK_INT(ticket_decode(payload, (size_t)len + 1, &got, &field), -EBADMSG);
	CHECK_INT(ticket_decode(payload, (size_t)len - 1, &got, &field), -EBADMSG);
	payload[2] = TICKET_VERSION + 1;
	CHECK_INT(ticket_decode(payload, (size_t)len, &got, &field), -ENOTSUP);
	CHECK_STR(field, "version");
	CHECK_INT(ticket_encode(&t, payload, (size_t)len - 1), -ENOSPC);
}

TEST_MAIN("ticket", make_keys, test_round, test_damage, test_wrong_hand, test_fields)
