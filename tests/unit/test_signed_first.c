/*
 * test_signed_first.c - INV-8: of what people sign hubd reads the frame and nothing else before the signature is good: orders, tokens,
 * configs.
 *
 * The three parsers of payloads are counted by the linker (--wrap). Each bit of the payload and of the signature is turned, and the
 * payload is replaced by all sorts of things: the answer is the same, and no parser has run. clinic.trust is not here: the key of its
 * signature is in it (hub/crypto/trust_sign.c says what that means; tests/unit/test_trust.c).
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "hub/command_open.h"
#include "hub/core/cose.h"
#include "hub/core/refusal.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"
#include "hub/settings.h"
#include "hub/token_open.h"
#include "tests/unit/temp_dir.h"

enum { PERSON = 7, BLOB_MAX = 8192 };

int __real_command_decode(const uint8_t *buf, size_t len, struct command *ret);
int __wrap_command_decode(const uint8_t *buf, size_t len, struct command *ret);
int __real_access_token_decode(const uint8_t *buf, size_t len, struct access_token *ret);
int __wrap_access_token_decode(const uint8_t *buf, size_t len, struct access_token *ret);
int __real_config_decode(const uint8_t *buf, size_t len, struct config *ret,
			 const char **ret_field);
int __wrap_config_decode(const uint8_t *buf, size_t len, struct config *ret,
			 const char **ret_field);

static unsigned parsed;

int __wrap_command_decode(const uint8_t *buf, size_t len, struct command *ret)
{
	parsed++;
	return __real_command_decode(buf, len, ret);
}

int __wrap_access_token_decode(const uint8_t *buf, size_t len, struct access_token *ret)
{
	parsed++;
	return __real_access_token_decode(buf, len, ret);
}

int __wrap_config_decode(const uint8_t *buf, size_t len, struct config *ret,
			 const char **ret_field)
{
	parsed++;
	return __real_config_decode(buf, len, ret, ret_field);
}

static uint8_t private[P256_PRIVATE_LEN];
static struct config in_use;
static struct challenge out;
static struct settings settings;
static char dir[64];

/* What hubd does with one kind, and what it answers. */
enum answer { ANSWER_GOOD, ANSWER_BAD_SIGNATURE, ANSWER_OTHER };

static enum answer open_command(const uint8_t *buf, size_t len)
{
	enum signer_role roles[COMMAND_SIGNATURES_MAX];
	struct command c;
	size_t count;
	enum command_result r = command_open(&in_use, buf, len, &c, roles, &count);

	return r == COMMAND_DONE	    ? ANSWER_GOOD
	       : r == COMMAND_BAD_SIGNATURE ? ANSWER_BAD_SIGNATURE
					    : ANSWER_OTHER;
}

static enum answer open_token(const uint8_t *buf, size_t len)
{
	struct token_grant g;
	enum token_result r = token_open(&in_use, &out, buf, len, &g);

	return r == TOKEN_GOOD		  ? ANSWER_GOOD
	       : r == TOKEN_BAD_SIGNATURE ? ANSWER_BAD_SIGNATURE
					  : ANSWER_OTHER;
}

/* By hand, and over the wire. */
static enum answer open_config(const uint8_t *buf, size_t len)
{
	enum refusal why = REFUSAL_NONE;
	const char *text = "";
	int r;

	CHECK_INT(file_replace(dir, "config.cose", buf, len), 0);
	r = settings_load(&settings, &text);
	if (r >= 0)
		return ANSWER_GOOD;
	CHECK_INT(settings_offer(&settings, buf, len, &why), r);
	CHECK((r == -EKEYREJECTED) == (why == REFUSAL_SIGNATURE));
	return r == -EKEYREJECTED ? ANSWER_BAD_SIGNATURE : ANSWER_OTHER;
}

typedef enum answer open_fn(const uint8_t *buf, size_t len);

static bool is_within(size_t i, const uint8_t *buf, const uint8_t *part, size_t len)
{
	return buf + i >= part && buf + i < part + len;
}

static void check_each_bit(open_fn *fn, uint8_t *buf, size_t len,
			   const struct cose_sign1 *s)
{
	for (size_t bit = 0; bit < 8 * len; bit++) {
		size_t i = bit / 8;
		bool is_signed = is_within(i, buf, s->payload, s->payload_len) ||
				 is_within(i, buf, s->signature, COSE_SIGNATURE_LEN);
		enum answer a;

		if (!is_signed && bit % 8 > 0 && bit % 8 < 7)
			continue; /* of the frame two of them */
		buf[i] ^= (uint8_t)(1 << bit % 8);
		parsed = 0;
		a = fn(buf, len);
		CHECK(a != ANSWER_GOOD);
		CHECK(!is_signed || a == ANSWER_BAD_SIGNATURE);
		CHECK_UINT(parsed, 0);
		buf[i] ^= (uint8_t)(1 << bit % 8);
	}
}

/* What would be hard on a parser: it does not see it. */
static void check_any_payload(open_fn *fn, uint8_t *buf, size_t len,
			      const struct cose_sign1 *s)
{
	uint8_t *payload = buf + (s->payload - buf), kept[BLOB_MAX];

	memcpy(kept, payload, s->payload_len);
	for (unsigned round = 0; round < 64; round++) {
		for (size_t i = 0; i < s->payload_len; i++)
			payload[i] = round == 0	  ? 0
				     : round == 1 ? 0xff
				     : round == 2 ? 0x81 /* arrays of arrays */
				     : round == 3 ? 0xbf /* maps without an end */
						  : (uint8_t)test_random();
		parsed = 0;
		CHECK_INT(fn(buf, len), ANSWER_BAD_SIGNATURE);
		CHECK_UINT(parsed, 0);
	}
	memcpy(payload, kept, s->payload_len);
}

/* cose: where the COSE_Sign1 lies in buf. */
static void check_kind(open_fn *fn, uint8_t *buf, size_t len, size_t cose,
		       size_t cose_len)
{
	struct cose_sign1 s;

	CHECK_INT(cose_parse(buf + cose, cose_len, &s), 0);
	parsed = 0;
	CHECK_INT(fn(buf, len), ANSWER_GOOD);
	CHECK(parsed > 0); /* they are counted */
	check_each_bit(fn, buf, len, &s);
	check_any_payload(fn, buf, len, &s);
}

static size_t find(const uint8_t *buf, size_t len, const uint8_t *what, size_t what_len)
{
	const uint8_t *at = memmem(buf, len, what, what_len);

	CHECK(at != NULL);
	return (size_t)(at - buf);
}

static struct config a_config(uint64_t version)
{
	struct config c = { .hub = { 1 },
			    .epoch = 3,
			    .version = version,
			    .heartbeat_s = 300,
			    .endpoint_count = 1,
			    .signer_count = 1 };

	strcpy(c.endpoints[0].name, "clinic.example");
	c.endpoints[0].port = 5684;
	c.endpoints[0].profile = DTLS_PROFILE_13_CID;
	c.endpoints[0].pin_count = 1;
	c.signers[0].person = PERSON;
	c.signers[0].role = SIGNER_SECURITY;
	CHECK_INT(p256_public(private, c.signers[0].public), 0);
	return c;
}

static void test_start(void)
{
	uint8_t public[P256_PUBLIC_LEN];

	CHECK_INT(crypto_init(), 0);
	p256_generate(private, public);
	temp_dir_make(dir, sizeof(dir));
	CHECK_INT(file_replace(dir, "clinic.pub", public, sizeof(public)), 0);
	CHECK_INT(settings_open(&settings, dir), 0);
	in_use = a_config(1);
	memcpy(out.hub, in_use.hub, sizeof(out.hub));
	crypto_random(out.nonce, sizeof(out.nonce));
}

static void test_command(void)
{
	const struct command c = { .hub = { 1 },
				   .epoch = 3,
				   .counter = 4,
				   .not_after_s = 1795000000,
				   .verb = COMMAND_LOCK,
				   .level = 2 };
	uint8_t payload[COMMAND_PAYLOAD_MAX], cose[COMMAND_SIGNED_MAX],
		buf[COMMAND_BYTES_MAX];
	struct command_order o = { .count = 1, .parts = { { PERSON, cose, 0 } } };
	int n = command_encode(&c, payload, sizeof(payload)), len;

	CHECK(n > 0);
	n = sign1_make(SIGN_CONTEXT_COMMAND, private, payload, (size_t)n, cose,
		       sizeof(cose));
	CHECK(n > 0);
	o.parts[0].len = (size_t)n;
	len = command_order_encode(&o, buf, sizeof(buf));
	CHECK(len > 0);
	check_kind(open_command, buf, (size_t)len,
		   find(buf, (size_t)len, cose, (size_t)n), (size_t)n);
}

static void test_token(void)
{
	struct access_token t = { .verbs = VERB_BIT(VERB_VERSION),
				  .seconds = TOKEN_SECONDS,
				  .technician = 2 };
	uint8_t payload[TOKEN_PAYLOAD_MAX], cose[TOKEN_SIGNED_MAX], buf[TOKEN_BYTES_MAX];
	struct command_order o = { .count = 1, .parts = { { PERSON, cose, 0 } } };
	int n, len;

	memcpy(t.hub, in_use.hub, sizeof(t.hub));
	memcpy(t.nonce, out.nonce, sizeof(t.nonce));
	n = access_token_encode(&t, payload, sizeof(payload));
	CHECK(n > 0);
	n = sign1_make(SIGN_CONTEXT_TOKEN, private, payload, (size_t)n, cose,
		       sizeof(cose));
	CHECK(n > 0);
	o.parts[0].len = (size_t)n;
	len = access_token_frame(&o, buf, sizeof(buf));
	CHECK(len > 0);
	check_kind(open_token, buf, (size_t)len, find(buf, (size_t)len, cose, (size_t)n),
		   (size_t)n);
}

static void test_config(void)
{
	const struct config c = a_config(5);
	uint8_t payload[BLOB_MAX / 2], buf[BLOB_MAX];
	int n = config_encode(&c, payload, sizeof(payload));

	CHECK(n > 0);
	n = sign1_make(SIGN_CONTEXT_CONFIG, private, payload, (size_t)n, buf,
		       sizeof(buf));
	CHECK(n > 0);
	check_kind(open_config, buf, (size_t)n, 0, (size_t)n);
	CHECK_UINT(settings.config.version, 5);
	temp_dir_remove(dir);
}

TEST_MAIN("signed-first", test_start, test_command, test_token, test_config)
