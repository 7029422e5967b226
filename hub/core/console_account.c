/*
 * console_account.c - the bytes of a console account; see console_account.h.
 *
 * Invariant: console_account_decode takes nothing that console_account_encode would not write again to the same bytes.
 */
#include "hub/core/console_account.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cbor.h"
#include "hub/core/reading.h"
#include "hub/core/verbs.h"

enum { FIELDS = 13, ROW_FIELDS = 3, LEVEL_MAX = 4 };

static const int64_t year_10000_s = 253402300800;

_Static_assert((int)CONSOLE_ACCOUNT_BYTES_MAX <= (int)READING_BODY_MAX, "one record");
_Static_assert((int)CONSOLE_WHY_LAST < (int)CONSOLE_ACCOUNT_BEGUN, "one list");

const char *console_account_end_text(unsigned end)
{
	static const char *const texts[CONSOLE_ACCOUNT_END_LAST + 1] = {
		[CONSOLE_ACCOUNT_CUT_OFF] = "cut-off",
		[CONSOLE_END_LOGOUT] = "logout",
		[CONSOLE_END_IDLE] = "idle",
		[CONSOLE_END_OVER] = "time",
		[CONSOLE_END_CABLE] = "cable",
		[CONSOLE_END_LEVEL] = "level",
		[CONSOLE_ACCOUNT_AGAIN] = "another-token",
		[CONSOLE_ACCOUNT_WRONG] = "nobody-got-in",
	};

	return end <= CONSOLE_ACCOUNT_END_LAST ? texts[end] : "?";
}

const char *console_result_text(unsigned result)
{
	if (result == CONSOLE_WHY_NONE)
		return "OK";
	return result == CONSOLE_ACCOUNT_BEGUN ? "begun" : console_why_text(result);
}

/* Does it say who it was, as far as that can be said? */
static bool people_good(const struct console_account *a)
{
	bool nobody = a->technician == 0 && a->signer_count == 0;
	bool good = a->signer_count <= COMMAND_SIGNATURES_MAX;

	for (size_t i = 0; good && i < a->signer_count; i++)
		good = a->signers[i] > 0;
	if (a->end == CONSOLE_ACCOUNT_WRONG)
		return good && nobody && !a->voice && a->row_count == 0 && a->wrong > 0;
	return good && (a->voice ? nobody : a->technician > 0 && a->signer_count > 0);
}

static bool rows_good(const struct console_account *a)
{
	bool good = a->row_count == CONSOLE_ACCOUNT_ROWS_MAX ||
		    (a->row_count < CONSOLE_ACCOUNT_ROWS_MAX && a->more == 0);

	for (size_t i = 0; good && i < a->row_count; i++) {
		const struct console_account_row *r = &a->rows[i];

		good = r->verb > VERB_NONE && r->verb <= VERB_LAST &&
		       (r->result <= CONSOLE_WHY_LAST ||
			r->result == CONSOLE_ACCOUNT_BEGUN);
	}
	return good;
}

static bool is_good(const struct console_account *a)
{
	return a->number > 0 && a->end <= CONSOLE_ACCOUNT_END_LAST &&
	       a->level <= LEVEL_MAX && a->began_s >= 0 && a->began_s < year_10000_s &&
	       a->clock <= CLOCK_QUALITY_CLINIC && people_good(a) && rows_good(a);
}

int console_account_encode(const struct console_account *a, uint8_t *buf, size_t cap)
{
	struct writer w;

	if (!is_good(a))
		return -ERANGE;
	writer_init(&w, buf, cap);
	cb_put_array(&w, FIELDS);
	cb_put_uint(&w, CONSOLE_ACCOUNT_VERSION);
	cb_put_uint(&w, a->number);
	cb_put_uint(&w, a->end);
	cb_put_uint(&w, a->level);
	cb_put_uint(&w, (uint64_t)a->began_s);
	cb_put_uint(&w, a->clock);
	cb_put_uint(&w, a->lasted_s);
	cb_put_uint(&w, a->technician);
	cb_put_bool(&w, a->voice);
	cb_put_array(&w, a->signer_count);
	for (size_t i = 0; i < a->signer_count; i++)
		cb_put_uint(&w, a->signers[i]);
	cb_put_uint(&w, a->wrong);
	cb_put_array(&w, a->row_count);
	for (size_t i = 0; i < a->row_count; i++) {
		cb_put_array(&w, ROW_FIELDS);
		cb_put_uint(&w, a->rows[i].verb);
		cb_put_uint(&w, a->rows[i].result);
		cb_put_uint(&w, a->rows[i].ms);
	}
	cb_put_uint(&w, a->more);
	return writer_len(&w);
}

static void get_row(struct cb *c, struct console_account_row *ret)
{
	if (cb_get_array(c, ROW_FIELDS) != ROW_FIELDS)
		cb_fail(c, -EBADMSG);
	ret->verb = (uint8_t)cb_get_uint_max(c, VERB_LAST);
	ret->result = (uint8_t)cb_get_uint_max(c, CONSOLE_ACCOUNT_BEGUN);
	ret->ms = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
}

static void get_fields(struct cb *c, struct console_account *a)
{
	a->number = cb_get_uint(c);
	a->end = (uint8_t)cb_get_uint_max(c, CONSOLE_ACCOUNT_END_LAST);
	a->level = (uint8_t)cb_get_uint_max(c, LEVEL_MAX);
	a->began_s = (int64_t)cb_get_uint_max(c, (uint64_t)year_10000_s);
	a->clock = (enum clock_quality)cb_get_uint_max(c, CLOCK_QUALITY_CLINIC);
	a->lasted_s = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	a->technician = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	a->voice = cb_get_bool(c);
	a->signer_count = (uint8_t)cb_get_array(c, COMMAND_SIGNATURES_MAX);
	for (size_t i = 0; i < a->signer_count; i++)
		a->signers[i] = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	a->wrong = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
	a->row_count = (uint8_t)cb_get_array(c, CONSOLE_ACCOUNT_ROWS_MAX);
	for (size_t i = 0; i < a->row_count; i++)
		get_row(c, &a->rows[i]);
	a->more = (uint32_t)cb_get_uint_max(c, UINT32_MAX);
}

int console_account_decode(const uint8_t *buf, size_t len, struct console_account *ret)
{
	uint8_t again[CONSOLE_ACCOUNT_BYTES_MAX];
	struct console_account a = { 0 };
	struct cb c;
	int n;

	if (len > CONSOLE_ACCOUNT_BYTES_MAX)
		return -EMSGSIZE;
	cb_init(&c, buf, len);
	if (cb_get_array(&c, FIELDS) != FIELDS)
		cb_fail(&c, -EBADMSG);
	if (cb_get_uint(&c) != CONSOLE_ACCOUNT_VERSION)
		cb_fail(&c, -ENOTSUP);
	get_fields(&c, &a);
	if (cb_finish(&c))
		return cb_finish(&c);
	n = console_account_encode(&a, again, sizeof(again));
	if (n < 0)
		return n;
	if ((size_t)n != len || memcmp(again, buf, len) != 0)
		return -EBADMSG;
	*ret = a;
	return 0;
}
