/*
 * test_enrol_words.c - what hub-coap says and hears in an enrolment, against the clinic's own half of it; what each code means;
 * the words for people.
 */
#include "coap/enrol_words.h"

#include <errno.h>
#include <string.h>

#include "clinic/enroller.h"
#include "coap/code.h"
#include "hub/core/cbor.h"
#include "hub/core/enrolled.h"
#include "tests/unit/test.h"

static struct msg_sign_keys a_hub(void)
{
	struct msg_sign_keys k = { .epoch = 3, .has_sign = true, .has_audit = true };

	memset(k.sign_public, 0x33, sizeof(k.sign_public));
	k.sign_public[0] = 4;
	memset(k.audit_key, 0x44, sizeof(k.audit_key));
	return k;
}

/* --- what is said ----------------------------------------------------------------------------- */

static void test_confirmation(void)
{
	struct msg_sign_keys k = a_hub();
	uint8_t buf[ENROL_WORDS_MAX];
	struct enrol_said said;
	int n = enrol_say_confirm(&k, "1.2.3", buf, sizeof(buf));

	CHECK(n > 0);
	CHECK_INT(enroller_said_decode(buf, (size_t)n, &said), 0);
	CHECK_UINT(said.epoch, 3);
	CHECK(memmem(buf, (size_t)n, "1.2.3", 5) != NULL);
	CHECK_MEM(said.sign_public, k.sign_public, sizeof(said.sign_public));
	CHECK(said.has_audit);
	CHECK_MEM(said.audit_key, k.audit_key, sizeof(said.audit_key));
	for (int cap = 0; cap < n; cap++)
		CHECK_INT(enrol_say_confirm(&k, "1.2.3", buf, (size_t)cap), -ENOSPC);
	CHECK_INT(enrol_say_confirm(&k, "1.2.3", buf, (size_t)n), n);
	/* the log has begun: its key is nobody's business any more */
	k.has_audit = false;
	n = enrol_say_confirm(&k, "1.2.3", buf, sizeof(buf));
	CHECK_INT(enroller_said_decode(buf, (size_t)n, &said), 0);
	CHECK(!said.has_audit);
	for (int i = 0; i + (int)sizeof(k.audit_key) <= n; i++)
		CHECK(memcmp(buf + i, k.audit_key, sizeof(k.audit_key)) != 0);
	k.has_sign = false;
	CHECK_INT(enrol_say_confirm(&k, "1.2.3", buf, sizeof(buf)), -EINVAL);
}

/* --- what is heard ---------------------------------------------------------------------------- */

static void test_confirmed(void)
{
	const struct wall now = { .ms = 1795000000000, .quality = CLOCK_QUALITY_NTP };
	struct enrol_confirmed said = { .config_version = 77 };
	uint8_t buf[64];
	int n = enroller_confirm_answer(now, 9, buf, sizeof(buf));

	CHECK(n > 0);
	for (int i = 0; i < n; i++) {
		CHECK(enrol_hear_confirmed(buf, (size_t)i, &said) < 0);
		CHECK_UINT(said.config_version, 77); /* nothing of it is taken */
	}
	CHECK_INT(enrol_hear_confirmed(buf, (size_t)n, &said), 0);
	CHECK_UINT(said.config_version, 9);
	CHECK_INT(said.now.ms, now.ms);
	CHECK_INT(said.now.quality, CLOCK_QUALITY_NTP);
	buf[n] = 0;
	CHECK(enrol_hear_confirmed(buf, (size_t)n + 1, &said) < 0);
	n = enroller_confirm_answer(now, 0, buf, sizeof(buf));
	CHECK_INT(enrol_hear_confirmed(buf, (size_t)n, &said), 0);
	CHECK_UINT(said.config_version, 0);
}

/* A later clinic says more; what is out of range is no answer. */
static void test_confirmed_limits(void)
{
	static const struct {
		size_t len;
		uint8_t bytes[24];
		int want;
	} cases[] = {
		{ 1, { 0xa0 }, 0 },
		{ 9, { 0xa2, 0x02, 0x05, 0x18, 0x63, 0xa1, 0x01, 0x81, 0x00 }, 0 },
		{ 5, { 0xa1, 0x01, 0x82, 0x01, 0x03 }, 0 },
		{ 5, { 0xa1, 0x01, 0x82, 0x01, 0x04 }, -ERANGE }, /* quality */
		{ 5, { 0xa1, 0x01, 0x81, 0x01, 0x03 }, -EBADMSG },
		{ 6, { 0xa1, 0x01, 0x83, 0x01, 0x03, 0x00 }, -ERANGE },
		{ 11,
		  { 0xa1, 0x02, 0x1b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
		  0 },
		{ 11, { 0xa1, 0x02, 0x1b, 0x80 }, -ERANGE },
		{ 1, { 0x80 }, -EBADMSG },
		{ 1, { 0xbf }, -EBADMSG },
	};
	struct enrol_confirmed said;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int r = enrol_hear_confirmed(cases[i].bytes, cases[i].len, &said);

		if (r != cases[i].want)
			fprintf(stderr, "case %zu\n", i);
		CHECK_INT(r, cases[i].want);
	}
	CHECK_INT(enrol_hear_confirmed(cases[1].bytes, cases[1].len, &said), 0);
	CHECK_UINT(said.config_version, 5);
}

static void test_epoch(void)
{
	static const uint8_t none[] = { 0xa0 }, zero[] = { 0xa1, 0x03, 0x00 },
			     other[] = { 0xa1, 0x02, 0x05 },
			     high[] = { 0xa1, 0x03, 0x1b, 0, 0, 0, 1, 0, 0, 0, 0 };
	uint32_t epoch = 77;
	uint8_t buf[16];
	int n = enroller_epoch_answer(UINT32_MAX, buf, sizeof(buf));

	CHECK(enrol_hear_epoch(buf, (size_t)n - 1, &epoch) < 0);
	CHECK_INT(enrol_hear_epoch(none, sizeof(none), &epoch), -ERANGE);
	CHECK_INT(enrol_hear_epoch(zero, sizeof(zero), &epoch), -ERANGE);
	CHECK_INT(enrol_hear_epoch(other, sizeof(other), &epoch), -ERANGE);
	CHECK_INT(enrol_hear_epoch(high, sizeof(high), &epoch), -ERANGE);
	CHECK_UINT(epoch, 77);
	CHECK_INT(enrol_hear_epoch(buf, (size_t)n, &epoch), 0);
	CHECK_UINT(epoch, UINT32_MAX);
}

/* A code that grants one question grants no other. */
static void test_codes(void)
{
	static const struct {
		int code;
		enum enrol_result root, first, renewal, confirm;
	} cases[] = {
		{ COAP_CODE_CONTENT, ENROL_GRANTED, ENROL_GONE, ENROL_GONE, ENROL_GONE },
		{ COAP_CODE_CHANGED, ENROL_GONE, ENROL_GRANTED, ENROL_GRANTED,
		  ENROL_GRANTED },
		{ COAP_CODE_UNAVAILABLE, ENROL_LATER, ENROL_LATER, ENROL_LATER,
		  ENROL_LATER },
		{ COAP_CODE_TOO_MANY, ENROL_LATER, ENROL_LATER, ENROL_LATER,
		  ENROL_LATER },
		{ COAP_CODE_UNAUTHORIZED, ENROL_REFUSED, ENROL_REFUSED, ENROL_REFUSED,
		  ENROL_REFUSED },
		{ COAP_CODE_FORBIDDEN, ENROL_REFUSED, ENROL_REFUSED, ENROL_REFUSED,
		  ENROL_REFUSED },
		{ COAP_CODE_BAD_REQUEST, ENROL_WRONG, ENROL_WRONG, ENROL_WRONG,
		  ENROL_WRONG },
		{ COAP_CODE_CONFLICT, ENROL_GONE, ENROL_GONE, ENROL_GONE, ENROL_STALE },
		{ COAP_CODE_NOT_FOUND, ENROL_GONE, ENROL_GONE, ENROL_GONE, ENROL_GONE },
		{ 0, ENROL_GONE, ENROL_GONE, ENROL_GONE, ENROL_GONE },
		{ 255, ENROL_GONE, ENROL_GONE, ENROL_GONE, ENROL_GONE },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int c = cases[i].code;

		CHECK_INT(enrol_hear_code(ENROL_ASK_ROOT, c), cases[i].root);
		CHECK_INT(enrol_hear_code(ENROL_ASK_FIRST, c), cases[i].first);
		CHECK_INT(enrol_hear_code(ENROL_ASK_RENEWAL, c), cases[i].renewal);
		CHECK_INT(enrol_hear_code(ENROL_ASK_CONFIRM, c), cases[i].confirm);
	}
}

/* --- words ------------------------------------------------------------------------------------ */

/* Each has its own word, one that a program may look for; what is unknown is 'none'. */
static void test_texts(void)
{
	for (int i = 0; i <= ENROL_STATE_LAST; i++) {
		const char *text = enrol_state_text((enum enrol_state)i);

		CHECK_UINT(strspn(text, "abcdefghijklmnopqrstuvwxyz-"), strlen(text));
		for (int k = 0; k < i; k++)
			CHECK(strcmp(text, enrol_state_text((enum enrol_state)k)) != 0);
	}
	for (int i = 0; i <= ENROL_TROUBLE_LAST; i++) {
		const char *text = enrol_trouble_text((enum enrol_trouble)i);

		CHECK_UINT(strspn(text, "abcdefghijklmnopqrstuvwxyz-"), strlen(text));
		for (int k = 0; k < i; k++)
			CHECK(strcmp(text, enrol_trouble_text((enum enrol_trouble)k)) !=
			      0);
	}
	CHECK_STR(enrol_state_text(ENROL_NONE), "none");
	CHECK_STR(enrol_trouble_text(ENROL_FINE), "none");
	CHECK_STR(enrol_state_text((enum enrol_state)(ENROL_STATE_LAST + 1)), "none");
	CHECK_STR(enrol_trouble_text((enum enrol_trouble)(ENROL_TROUBLE_LAST + 1)),
		  "none");
}

TEST_MAIN("enrol_words", test_confirmation, test_confirmed, test_confirmed_limits,
	  test_epoch, test_codes, test_texts)
