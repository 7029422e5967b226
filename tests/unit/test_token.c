/*
 * test_token.c - challenge, token, code and escrow: against vectors made with other code, all that is damaged or of something else, and
 * the table of verbs.
 *
 * The vectors were made with pycose 1.1.0 and cbor2 5.7.1, and with binascii.crc_hqx, hmac and base64 of Python.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "hub/challenger.h"
#include "hub/core/cbor.h"
#include "hub/crypto/crypto.h"
#include "hub/escrow.h"
#include "hub/escrow_file.h"
#include "hub/token_open.h"

static const char challenge_vector[] =
	"AAAQEAYEAUDAOAAAAADUAQKCINCEKRSHJBEUUS2MJVHE6AVAUGRKHJFFU2TQAAPCIBKOM";
static const char token_vector[] =
	"HT1:QKBACWEDQRB2CAJGUBMDTKIAAEAVAAABAIBQIBIGA4EASCQLBQGQ4DYCA4BVAQCBIJBUIRKG"
	"I5EESSSLJRGU4TYEAACRUAAIAAEAMGJYIADQECHWLBAE5EMTOCUGDQ2F6JPIJOHYF4ZINRJJ7MLO"
	"BWIQ6WKM2JHNUIWXHUL6XR4VK6JWN2NI2SRQKGEWF435O7YDS6AUYETPICJG6NFWDATA2OBAEWED"
	"QRB2CAJGUBMDTKIAAEAVAAABAIBQIBIGA4EASCQLBQGQ4DYCA4BVAQCBIJBUIRKGI5EESSSLJRGU"
	"4TYEAACRUAAIAAEAMGJYIADQECHWLBAKJRGKFWR4X6LR2J5W56Y7ZKA2FOH6KMQBNC5HMJATXE4Y"
	"F5ML7WOCUJHXUA5WM23JDG4WUKPSLVTJJXJBJ7QGKSACG4EBGCNG44TPQF6YW.";
static const char token_of_one[] =
	"HT1:QGBACWEDQRB2CAJGUBMDTKIAAEAVAAABAIBQIBIGA4EASCQLBQGQ4DYCA4BVAQCBIJBUIRKG"
	"I5EESSSLJRGU4TYEAACRUAAIAAEAMGJYIADQECHWLBAE5EMTOCUGDQ2F6JPIJOHYF4ZINRJJ7MLO"
	"BWIQ6WKM2JHNUIWXHUL6XR4VK6JWN2NI2SRQKGEWF435O7YDS6AUYETPICJG6NFWDATA2N6B4.";
static const char *const code_vectors[] = { "", "06024018497788029138",
					    "91297355240262669998",
					    "60557406368747259403" };
static const uint8_t publics[2][SIGNER_PUBLIC_LEN] = {
	{ 0x04, 0x02, 0x17, 0xe6, 0x17, 0xf0, 0xb6, 0x44, 0x39, 0x28, 0x27, 0x8f, 0x96,
	  0x99, 0x9e, 0x69, 0xa2, 0x3a, 0x4f, 0x2c, 0x15, 0x2b, 0xdf, 0x6d, 0x6c, 0xdf,
	  0x66, 0xe5, 0xb8, 0x02, 0x82, 0xd4, 0xed, 0x19, 0x4a, 0x7d, 0xeb, 0xcb, 0x97,
	  0x71, 0x2d, 0x2d, 0xda, 0x3c, 0xa8, 0x5a, 0xa8, 0x76, 0x5a, 0x56, 0xf4, 0x5f,
	  0xc7, 0x58, 0x59, 0x96, 0x52, 0xf2, 0x89, 0x7c, 0x65, 0x30, 0x6e, 0x57, 0x94 },
	{ 0x04, 0xd6, 0x5a, 0x93, 0x97, 0x7c, 0xaa, 0x3d, 0x1b, 0x08, 0x18, 0x52, 0xff,
	  0x57, 0xa7, 0x9e, 0x46, 0x5f, 0x16, 0x60, 0x57, 0x73, 0x04, 0xba, 0xea, 0xd5,
	  0x05, 0xdd, 0x3a, 0x48, 0x58, 0x9c, 0xf3, 0x50, 0x18, 0x5e, 0x89, 0x53, 0x72,
	  0xdf, 0x62, 0x21, 0xea, 0x3a, 0x13, 0x75, 0x57, 0xe4, 0x73, 0xfd, 0xdb, 0x67,
	  0x55, 0xf0, 0x5b, 0xd5, 0x07, 0xc3, 0xc5, 0x33, 0xfc, 0xe9, 0xc9, 0x12, 0x85 }
};

static void start(void)
{
	CHECK_INT(crypto_init(), 0);
}

static struct challenge a_challenge(void)
{
	struct challenge c = { .lock_epoch = 7, .level = 2, .queued = 123456 };

	for (uint8_t i = 0; i < 16; i++)
		c.nonce[i] = (uint8_t)(0x40 + i);
	for (uint8_t i = 0; i < 8; i++)
		c.hub[i] = i, c.digest[i] = (uint8_t)(0xa0 + i);
	return c;
}

static struct config a_config(void)
{
	struct config c = { .epoch = 1, .signer_count = 2 };

	for (uint8_t i = 0; i < HUB_ID_LEN; i++)
		c.hub[i] = i;
	for (uint8_t i = 0; i < 2; i++) {
		c.signers[i].person = i + 1u;
		c.signers[i].role = i ? SIGNER_SECURITY : SIGNER_TECHNICIAN;
		memcpy(c.signers[i].public, publics[i], SIGNER_PUBLIC_LEN);
	}
	return c;
}

static void test_challenge(void)
{
	const struct challenge c = a_challenge();
	char text[CHALLENGE_TEXT_MAX], spaced[3 * CHALLENGE_TEXT_MAX];
	struct challenge back;
	size_t n = 0;

	CHECK_STR(challenge_text(&c, text), challenge_vector);
	CHECK_INT(challenge_parse(text, CHALLENGE_TEXT_LEN, &back), 0);
	CHECK_MEM(&back, &c, sizeof(c));
	for (size_t i = 0; i < CHALLENGE_TEXT_LEN; i++) {
		char l = text[i];

		spaced[n++] = l >= 'A' && l <= 'Z' ? (char)(l - 'A' + 'a') : l;
		if (i % 5 == 4)
			spaced[n++] = i % 2 ? '-' : '\n';
	}
	CHECK_INT(challenge_parse(spaced, n, &back), 0);
	CHECK_MEM(&back, &c, sizeof(c));
	/* each letter that is copied wrongly is found */
	for (size_t i = 0; i < CHALLENGE_TEXT_LEN; i++)
		for (const char *l = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567189"; *l; l++) {
			char wrong[CHALLENGE_TEXT_MAX];

			memcpy(wrong, text, sizeof(wrong));
			wrong[i] = *l;
			CHECK(*l == text[i] || challenge_parse(wrong, CHALLENGE_TEXT_LEN,
							       &back) == -EBADMSG);
		}
	CHECK_INT(challenge_parse(text, CHALLENGE_TEXT_LEN - 1, &back), -EMSGSIZE);
	CHECK_INT(challenge_parse("", 0, &back), -EMSGSIZE);
}

static struct access_token a_token(void)
{
	const struct challenge c = a_challenge();
	struct access_token t = { .lock_epoch = 7,
				  .verbs =
					  VERB_BIT(VERB_VERSION) | VERB_BIT(VERB_RELEASE),
				  .seconds = TOKEN_SECONDS,
				  .technician = 2 };

	for (uint8_t i = 0; i < HUB_ID_LEN; i++)
		t.hub[i] = i;
	memcpy(t.nonce, c.nonce, sizeof(t.nonce));
	return t;
}

#define ENCODE_REFUSED(field, value)                                                     \
	do {                                                                             \
		struct access_token t_ = a_token();                                      \
		t_.field = (value);                                                      \
		CHECK_INT(access_token_encode(&t_, buf, sizeof(buf)), -ERANGE);          \
	} while (0)

static void test_payload(void)
{
	uint8_t buf[TOKEN_PAYLOAD_MAX], more[TOKEN_PAYLOAD_MAX + 1];
	struct access_token t = a_token(), back;
	int n;

	t.has_share = true;
	memset(t.share, 9, sizeof(t.share));
	t.lock_epoch = t.technician = UINT32_MAX;
	t.verbs = verbs_all();
	t.seconds = TOKEN_SECONDS_MAX;
	n = access_token_encode(&t, buf, sizeof(buf));
	CHECK(n > 0); /* the largest */
	CHECK_INT(access_token_decode(buf, (size_t)n, &back), 0);
	CHECK_MEM(&back, &t, sizeof(t));
	for (int cut = 0; cut < n; cut++)
		CHECK(access_token_decode(buf, (size_t)cut, &back) < 0);
	memcpy(more, buf, (size_t)n);
	more[n] = 0;
	CHECK_INT(access_token_decode(more, (size_t)n + 1, &back), -EBADMSG);
	ENCODE_REFUSED(level, 1);
	ENCODE_REFUSED(level, 4);
	ENCODE_REFUSED(seconds, 0);
	ENCODE_REFUSED(seconds, TOKEN_SECONDS_MAX + 1);
	ENCODE_REFUSED(technician, 0);
	ENCODE_REFUSED(verbs, 1);
	ENCODE_REFUSED(verbs, UINT32_MAX);
	ENCODE_REFUSED(verbs, VERB_BIT(VERB_STATUS));
}

static void check_order_refused(enum verb granted, enum verb v, uint32_t argument)
{
	struct access_token t = a_token();
	uint8_t buf[TOKEN_PAYLOAD_MAX];

	t.verbs = VERB_BIT(granted);
	t.order_count = 1;
	t.orders[0] = (struct token_order){ v, argument };
	CHECK_INT(access_token_encode(&t, buf, sizeof(buf)), -ERANGE);
}

/* What the clinic orders beside a verb: of a verb that it grants, once each, in their order, and nothing empty. */
static void test_orders(void)
{
	static const uint8_t tail[] = { 0x09, 0xa3, 0x15, 0x19, 0x01, 0x00,
					0x16, 0x03, 0x18, 0x18, 0x02 };
	uint8_t buf[TOKEN_PAYLOAD_MAX], bad[TOKEN_PAYLOAD_MAX];
	struct access_token t = a_token(), back;
	int n, bare = access_token_encode(&t, buf, sizeof(buf));

	t.verbs |= VERB_BIT(VERB_PAIR) | VERB_BIT(VERB_UNPAIR) | VERB_BIT(VERB_RETIRE);
	t.order_count = 3;
	t.orders[0] = (struct token_order){ VERB_PAIR, 256 };
	t.orders[1] = (struct token_order){ VERB_UNPAIR, 3 };
	t.orders[2] = (struct token_order){ VERB_RETIRE, COMMAND_RETIRE_DISCARD };
	n = access_token_encode(&t, buf, sizeof(buf));
	CHECK(n > (int)sizeof(tail) && bare > 0);
	CHECK_INT(buf[0], 0xaa);
	CHECK_MEM(buf + n - sizeof(tail), tail, sizeof(tail));
	CHECK_INT(access_token_decode(buf, (size_t)n, &back), 0);
	CHECK_MEM(&back, &t, sizeof(t));
	CHECK_UINT(access_token_order(&back, VERB_PAIR), 256);
	CHECK_UINT(access_token_order(&back, VERB_RETIRE), COMMAND_RETIRE_DISCARD);
	CHECK_UINT(access_token_order(&back, VERB_RELEASE), 0);
	for (int cut = 0; cut < n; cut++)
		CHECK(access_token_decode(buf, (size_t)cut, &back) < 0);
	for (int at = n - (int)sizeof(tail) + 1; at < n; at++) {
		memcpy(bad, buf, (size_t)n);
		bad[at] = 0; /* no verb, no argument, no map, not in order */
		CHECK(access_token_decode(bad, (size_t)n, &back) < 0 ||
		      at == n - (int)sizeof(tail) + 5); /* it is one */
	}
	memcpy(bad, buf, (size_t)n);
	bad[n - (int)sizeof(tail) + 1] = 0xa0; /* an empty one is left out */
	CHECK(access_token_decode(bad, (size_t)n - sizeof(tail) + 2, &back) < 0);
	check_order_refused(VERB_PAIR, VERB_PAIR, 0);
	check_order_refused(VERB_PAIR, VERB_PAIR, UINT16_MAX + 1);
	check_order_refused(VERB_PAIR, VERB_UNPAIR, 1);
	check_order_refused(VERB_RETIRE, VERB_RETIRE, 3);
	check_order_refused(VERB_REBOOT, VERB_REBOOT, 1);
	t.orders[1].verb = VERB_PAIR; /* twice */
	CHECK_INT(access_token_encode(&t, buf, sizeof(buf)), -ERANGE);
	t.order_count = TOKEN_ORDERS_MAX + 1;
	CHECK_INT(access_token_encode(&t, buf, sizeof(buf)), -ERANGE);
}

/* INV-9: what names more than one hub, or a word for all, is no token. */
static void test_one_hub(void)
{
	uint8_t good[TOKEN_PAYLOAD_MAX], bad[2 * TOKEN_PAYLOAD_MAX];
	struct access_token t = a_token(), back;
	int n = access_token_encode(&t, good, sizeof(good));

	for (unsigned what = 0; what < 6; what++) {
		struct writer w;

		writer_init(&w, bad, sizeof(bad));
		write_bytes(&w, good, 4); /* map, version, key of the hub */
		if (what == 0) {	  /* a list */
			cb_put_array(&w, 2);
			cb_put_bytes(&w, t.hub, HUB_ID_LEN);
			cb_put_bytes(&w, t.hub, HUB_ID_LEN);
		} else if (what == 1) { /* a list of one */
			cb_put_array(&w, 1);
			cb_put_bytes(&w, t.hub, HUB_ID_LEN);
		} else if (what == 2) { /* any */
			cb_put_null(&w);
		} else if (what == 3) {
			cb_put_text(&w, "*", 1);
		} else if (what == 4) { /* a prefix */
			cb_put_bytes(&w, t.hub, CHALLENGE_HUB_LEN);
		} else {
			cb_put_bytes(&w, t.hub, 0);
		}
		write_bytes(&w, good + 4 + 1 + HUB_ID_LEN,
			    (size_t)n - 4 - 1 - HUB_ID_LEN);
		CHECK(access_token_decode(bad, (size_t)writer_len(&w), &back) < 0);
	}
	CHECK_INT(access_token_decode(good, (size_t)n, &back), 0);
}

static void test_text(void)
{
	uint8_t bytes[TOKEN_BYTES_MAX], back[TOKEN_BYTES_MAX];
	char text[TOKEN_TEXT_MAX], lines[2 * TOKEN_TEXT_MAX];
	size_t len = strlen(token_vector), k = 0;
	int n = access_token_parse(token_vector, len, bytes);

	CHECK(n > 0);
	CHECK_INT(access_token_text(bytes, (size_t)n, text), (int)len);
	CHECK_STR(text, token_vector);
	for (size_t i = 0; i < len; i++) { /* as a terminal pastes it */
		lines[k++] = text[i];
		if (i % 64 == 63)
			lines[k++] = '\r', lines[k++] = '\n';
	}
	CHECK_INT(access_token_parse(lines, k, back), n);
	CHECK_MEM(back, bytes, (size_t)n);
	for (size_t cut = 0; cut < len; cut++)
		CHECK_INT(access_token_parse(token_vector, cut, back), -EAGAIN);
	for (size_t i = 4; i < len - 1; i++) { /* one letter, one place */
		memcpy(text, token_vector, len + 1);
		text[i] = text[i] == 'A' ? 'B' : 'A';
		CHECK_INT(access_token_parse(text, len, back), -EBADMSG);
		text[i] = '0';
		CHECK_INT(access_token_parse(text, len, back), -EBADMSG);
	}
	CHECK_INT(access_token_parse("HUB1:AAAA.", 10, back), -ENOTSUP);
	CHECK_INT(access_token_parse("HT1:.", 5, back), -EBADMSG);
	memset(lines, 'A', sizeof(lines));
	memcpy(lines, "HT1:", 4);
	CHECK_INT(access_token_parse(lines, sizeof(lines), back), -EMSGSIZE);
	memset(bytes, 0xff, sizeof(bytes));
	n = access_token_text(bytes, sizeof(bytes), text);
	CHECK_INT(n, TOKEN_TEXT_MAX - 1);
	CHECK_INT(access_token_parse(text, (size_t)n, back), TOKEN_BYTES_MAX);
	CHECK_INT(access_token_text(bytes, sizeof(bytes) + 1, text), -ERANGE);
}

static enum token_result open_text(const struct config *c, const struct challenge *out,
				   const char *text, struct token_grant *ret)
{
	uint8_t bytes[TOKEN_BYTES_MAX];
	int n = access_token_parse(text, strlen(text), bytes);

	CHECK(n > 0);
	return token_open(c, out, bytes, (size_t)n, ret);
}

/* Signed by other code; INV-6: another hub, lock epoch or nonce is refused. */
static void test_open(void)
{
	struct challenge out = a_challenge();
	struct config c = a_config();
	struct access_token want = a_token();
	struct token_grant g;

	CHECK_INT(open_text(&c, &out, token_vector, &g), TOKEN_GOOD);
	CHECK_MEM(&g.token, &want, sizeof(want));
	CHECK_UINT(g.count, 2);
	CHECK_UINT(token_signatures(&g), 2);
	c.signers[1].role = c.signers[0].role =
		SIGNER_SECURITY; /* two people, one role */
	CHECK_INT(open_text(&c, &out, token_vector, &g), TOKEN_GOOD);
	CHECK_UINT(token_signatures(&g), 1);
	CHECK_INT(open_text(&c, &out, token_of_one, &g), TOKEN_GOOD);
	CHECK_UINT(token_signatures(&g), 1);
	c = a_config();
	out.lock_epoch++;
	CHECK_INT(open_text(&c, &out, token_vector, &g), TOKEN_OTHER_CHALLENGE);
	out = a_challenge();
	out.nonce[15] ^= 1;
	CHECK_INT(open_text(&c, &out, token_vector, &g), TOKEN_OTHER_CHALLENGE);
	out = a_challenge();
	c.hub[HUB_ID_LEN - 1] ^= 1; /* behind what the challenge shows */
	CHECK_INT(open_text(&c, &out, token_vector, &g), TOKEN_OTHER_HUB);
	c = a_config();
	c.signer_count = 1;
	CHECK_INT(open_text(&c, &out, token_vector, &g), TOKEN_UNKNOWN_SIGNER);
	c = a_config();
	memcpy(c.signers[1].public, publics[0], SIGNER_PUBLIC_LEN);
	CHECK_INT(open_text(&c, &out, token_vector, &g), TOKEN_BAD_SIGNATURE);
}

/* technicians let nobody in, not even another one, or two of them each other. Alone for himself: console_session.h. */
static void test_technicians(void)
{
	struct challenge out = a_challenge();
	struct config c = a_config();
	struct token_grant g = { 0 };

	/* person 1 is a technician; it names person 2 as who is at the hub */
	CHECK_INT(open_text(&c, &out, token_of_one, &g), TOKEN_BAD_ROLE);
	CHECK(token_result_counts(TOKEN_BAD_ROLE));
	c.signers[1].role = SIGNER_TECHNICIAN;
	CHECK_INT(open_text(&c, &out, token_vector, &g), TOKEN_BAD_ROLE);
	c = a_config();
	c.signers[0].person = 9;
	c.signers[1].person = 1;
	memcpy(c.signers[1].public, publics[0], SIGNER_PUBLIC_LEN);
	CHECK_INT(open_text(&c, &out, token_of_one, &g), TOKEN_GOOD);
	CHECK(!token_is_own(&g));
	g = (struct token_grant){ .token = a_token(),
				  .count = 1,
				  .persons = { 2 },
				  .roles = { SIGNER_TECHNICIAN } };
	CHECK(token_is_own(&g));
	g.persons[0] = 1;
	CHECK(!token_is_own(&g));
	g.persons[0] = 2;
	g.count = 2;
	CHECK(!token_is_own(&g));
}

/* A signature of an order, or over something else, is none of a token. */
static void test_forged(void)
{
	uint8_t payload[TOKEN_PAYLOAD_MAX], cose[2][TOKEN_SIGNED_MAX],
		bytes[TOKEN_BYTES_MAX];
	uint8_t private[2][P256_PRIVATE_LEN];
	struct challenge out = a_challenge();
	struct access_token t = a_token();
	struct config c = a_config();
	struct command_order o = { .count = 2 };
	struct token_grant g;
	int n;

	memset(private[0], 0x11, sizeof(private[0]));
	memset(private[1], 0x22, sizeof(private[1]));
	for (unsigned what = 0; what < 4; what++) {
		for (uint8_t i = 0; i < 2; i++) {
			t.seconds = what == 1 && i ? 60 : TOKEN_SECONDS;
			n = access_token_encode(&t, payload, sizeof(payload));
			n = sign1_make(
				what == 2 ? SIGN_CONTEXT_COMMAND : SIGN_CONTEXT_TOKEN,
				private[i], payload, (size_t)n, cose[i], sizeof(cose[i]));
			CHECK(n > 0);
			o.parts[i] = (struct command_part){ i + 1u, cose[i], (size_t)n };
		}
		cose[1][40] ^= what == 3; /* within the payload */
		n = access_token_frame(&o, bytes, sizeof(bytes));
		CHECK(n > 0);
		CHECK_INT(token_open(&c, &out, bytes, (size_t)n, &g),
			  what == 0   ? TOKEN_GOOD
			  : what == 1 ? TOKEN_DIFFERENT
				      : TOKEN_BAD_SIGNATURE);
	}
	o.parts[1].person = 1; /* one who signs as two */
	CHECK_INT(access_token_frame(&o, bytes, sizeof(bytes)), n);
	CHECK_INT(token_open(&c, &out, bytes, (size_t)n, &g), TOKEN_BAD_FORM);
}

static void test_code(void)
{
	struct challenge out = a_challenge();
	struct config c = a_config();
	struct token_grant g;
	uint8_t key[KEY_LEN];
	char code[TOKEN_CODE_DIGITS + 1];

	memset(key, 0x33, sizeof(key));
	for (unsigned what = 1; what <= TOKEN_CODE_LAST; what++) {
		escrow_code(key, (enum token_code)what, &out, code);
		CHECK_STR(code, code_vectors[what]);
		CHECK_INT(token_open_code(key, &c, &out, code, &g), TOKEN_GOOD);
		CHECK_UINT(g.token.level, what == TOKEN_CODE_RELEASE ? 0 : 2);
		CHECK_UINT(g.token.verbs, what == TOKEN_CODE_RELEASE
						  ? VERB_BIT(VERB_RELEASE)
					  : what == TOKEN_CODE_DIAGNOSE
						  ? VERB_BIT(VERB_DIAGNOSE)
						  : VERB_BIT(VERB_EXPORT_EVIDENCE));
		CHECK_UINT(token_signatures(&g), 0);
		for (size_t i = 0; i < TOKEN_CODE_DIGITS; i++) {
			code[i] = (char)('0' + (code[i] - '0' + 1) % 10);
			CHECK_INT(token_open_code(key, &c, &out, code, &g),
				  TOKEN_BAD_CODE);
			code[i] = (char)('0' + (code[i] - '0' + 9) % 10);
		}
	}
	/* nothing is read out at level 3, and nothing is released from 0 */
	for (uint8_t level = 0; level <= 3; level++)
		for (unsigned what = 1; what <= TOKEN_CODE_LAST; what++) {
			bool good =
				level < 3 && (what != TOKEN_CODE_RELEASE || level > 0);

			out.level = level;
			escrow_code(key, (enum token_code)what, &out, code);
			CHECK_INT(token_open_code(key, &c, &out, code, &g),
				  good ? TOKEN_GOOD : TOKEN_BAD_LEVEL);
		}
	CHECK_INT(token_code_parse("1234 5678-9012\t3456 7890", 24, code), 0);
	CHECK_STR(code, "12345678901234567890");
	CHECK_INT(token_code_parse("1234567890123456789", 19, code), -EBADMSG);
	CHECK_INT(token_code_parse("1234567890123456789a", 20, code), -EBADMSG);
}

static void test_escrow(void)
{
	uint8_t private[X25519_LEN], other[X25519_LEN], public[X25519_LEN],
		engine[ENGINE_SHARE_LEN], back[ENGINE_SHARE_LEN], server[TOKEN_SHARE_LEN],
		key[KEY_LEN], file[ESCROW_FILE_LEN];
	struct escrow e = { .epoch = 1, .lock_epoch = 7 }, from_file;
	struct escrow_sealed sealed = { true, 7, { 0 } };
	struct access_token t = a_token();

	x25519_generate(other, public);
	x25519_generate(private, e.authority);
	memcpy(e.hub, t.hub, sizeof(e.hub));
	crypto_random(engine, sizeof(engine));
	CHECK_INT(escrow_draw(&e, engine), 0);
	memcpy(sealed.bytes, e.sealed, sizeof(sealed.bytes));
	CHECK_INT(escrow_unseal(other, t.hub, 1, &sealed, server), -EKEYREJECTED);
	CHECK_INT(escrow_unseal(private, t.hub, 2, &sealed, server), -EKEYREJECTED);
	sealed.lock_epoch++;
	CHECK_INT(escrow_unseal(private, t.hub, 1, &sealed, server), -EKEYREJECTED);
	sealed.lock_epoch--;
	CHECK_INT(escrow_unseal(private, t.hub, 1, &sealed, server), 0);
	escrow_release_key(server, key);
	CHECK_MEM(key, e.release_key, sizeof(key));
	escrow_put_share(key, server, &t);
	memset(server, 0, sizeof(server));
	CHECK_INT(escrow_get_share(e.release_key, &t, server), 0);
	CHECK_INT(escrow_open(&e, server, back), 0);
	CHECK_MEM(back, engine, sizeof(engine));
	t.nonce[0] ^= 1; /* a share that was cut out of another token */
	CHECK_INT(escrow_get_share(e.release_key, &t, server), -EKEYREJECTED);
	t.has_share = false;
	CHECK_INT(escrow_get_share(e.release_key, &t, server), -EKEYREJECTED);
	memset(server, 1, sizeof(server));
	CHECK_INT(escrow_open(&e, server, back), -EKEYREJECTED);
	e.kept = true;
	escrow_file_encode(&e, file);
	CHECK_INT(escrow_file_decode(file, sizeof(file), &from_file), 0);
	CHECK_MEM(&from_file, &e, sizeof(e));
	for (size_t i = 0; i < sizeof(file); i++) {
		file[i] ^= 1;
		CHECK_INT(escrow_file_decode(file, sizeof(file), &from_file), -EBADMSG);
		file[i] ^= 1;
	}
	CHECK_INT(escrow_file_decode(file, sizeof(file) - 1, &from_file), -EMSGSIZE);
}

/* INV-6, and the delay of T1. */
static void test_challenger(void)
{
	const struct challenge said = a_challenge();
	struct challenger c = { 0 };
	struct mono now = { 1000 };
	uint64_t waited = 0;

	CHECK(!challenger_out(&c, 7, now));
	challenger_draw(&c, &said, now);
	CHECK(challenger_out(&c, 7, now) != NULL);
	CHECK(!challenger_out(&c, 8, now)); /* a release lies between */
	CHECK(challenger_out(&c, 7, mono_add(now, CHALLENGER_MS - 1)) != NULL);
	CHECK(!challenger_out(&c, 7, mono_add(now, CHALLENGER_MS)));
	challenger_use(&c);
	CHECK(!challenger_out(&c, 7, now)); /* once */
	CHECK_UINT(challenger_wait_ms(&c, now), 0);
	for (unsigned i = 0; i < 40; i++) {
		challenger_bad(&c, now);
		waited = challenger_wait_ms(&c, now);
		CHECK_UINT(waited,
			   i < 10 ? UINT64_C(1000) << i : CHALLENGER_DELAY_MAX_MS);
		now = mono_add(now, waited);
		CHECK_UINT(challenger_wait_ms(&c, now), 0);
		if (i >= 9)
			break;
	}
	challenger_bad(&c, now);
	CHECK(challenger_wait_ms(&c, now) <= CHALLENGER_DELAY_MAX_MS);
	now = mono_add(now, UINT64_C(24) * 3600 * 1000); /* forgotten */
	challenger_bad(&c, now);
	CHECK_UINT(challenger_wait_ms(&c, now), 1000);
}

/* The table of the console's verbs, as it is meant. */
static void test_verbs(void)
{
	uint32_t alone = VERB_BIT(VERB_CHALLENGE) | VERB_BIT(VERB_STATUS) |
			 VERB_BIT(VERB_EXPORT_EVIDENCE) | VERB_BIT(VERB_LOGOUT) |
			 VERB_BIT(VERB_HELP) | VERB_BIT(VERB_LOGIN);

	for (enum verb v = VERB_CHALLENGE; v <= VERB_LAST; v++) {
		const struct verb_row *r = verb_row(v);

		CHECK(r != NULL);
		CHECK_INT(verb_named(r->name), v);
		CHECK(!verb_at(r, 5));
		if (verb_at(r, 2))
			CHECK(r->group != VERB_CHANGE);
		if (verb_at(r, 4))
			CHECK(r->by == VERB_BY_ANYBODY);
		if (verb_at(r, 3) && !(alone & VERB_BIT(v)))
			CHECK_UINT(verb_signatures(r, 3), 2);
		if (r->by == VERB_BY_ANYBODY)
			CHECK(!(verbs_all() & VERB_BIT(v)));
		else
			CHECK(verbs_all() & VERB_BIT(v));
	}
	CHECK_INT(verb_named("shell"), VERB_NONE);
	CHECK_INT(verb_named(""), VERB_NONE);
	CHECK(verb_row(VERB_NONE) == NULL);
}

TEST_MAIN("token", start, test_challenge, test_payload, test_orders, test_one_hub,
	  test_text, test_open, test_technicians, test_forged, test_code, test_escrow,
	  test_challenger, test_verbs)
