/*
 * test_racp_steps.c - fetching stored records: the octets, and each step and timer of a run.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdbool.h>

#include "ble/racp.h"

/* ---- octets ---- */

static int encode(enum racp_opcode opcode, enum racp_operator op, uint8_t bits,
		  uint32_t key, uint32_t key2)
{
	uint8_t buf[RACP_REQUEST_MAX];
	struct racp_request req = { opcode, op, 1, bits, key, key2 };

	return racp_encode_request(&req, buf);
}

/* 'All', 'count', 'last', 'from 45': as people send them to a Contour meter, pauldemarco/flutter_blue issue 830. */
static void test_requests(void)
{
	static const struct {
		struct racp_request req;
		int len;
		uint8_t bytes[RACP_REQUEST_MAX];
	} rows[] = {
		{ { RACP_REPORT, RACP_ALL, 0, 0, 0, 0 }, 2, { 1, 1 } },
		{ { RACP_COUNT, RACP_ALL, 0, 0, 0, 0 }, 2, { 4, 1 } },
		{ { RACP_REPORT, RACP_LAST, 0, 0, 0, 0 }, 2, { 1, 6 } },
		{ { RACP_REPORT, RACP_FIRST, 1, 16, 7, 0 }, 2, { 1, 5 } },
		{ { RACP_REPORT, RACP_FROM, 1, 16, 45, 0 }, 5, { 1, 3, 1, 45, 0 } },
		{ { RACP_REPORT, RACP_FROM, 1, 32, 0x01020304, 0 },
		  7,
		  { 1, 3, 1, 4, 3, 2, 1 } },
		{ { RACP_ABORT, RACP_NULL, 0, 0, 0, 0 }, 2, { 3, 0 } },
		{ { RACP_DELETE, RACP_UP_TO, 1, 16, 0xFFFE, 0 },
		  5,
		  { 2, 2, 1, 0xFE, 0xFF } },
		{ { RACP_DELETE, RACP_RANGE, 1, 16, 3, 260 },
		  7,
		  { 2, 4, 1, 3, 0, 4, 1 } },
		{ { RACP_REPORT, RACP_RANGE, 1, 32, 1, 0xFFFFFFFF },
		  11,
		  { 1, 4, 1, 1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF } },
		{ { RACP_COMBINED, RACP_ALL, 0, 0, 0, 0 }, 2, { 7, 1 } },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint8_t buf[RACP_REQUEST_MAX];

		CHECK_INT(racp_encode_request(&rows[i].req, buf), rows[i].len);
		CHECK_MEM(buf, rows[i].bytes, (size_t)rows[i].len);
	}
}

static void test_requests_refused(void)
{
	CHECK_INT(encode(RACP_REPORT, RACP_FROM, 16, 0xFFFF, 0), 5);
	CHECK_INT(encode(RACP_REPORT, RACP_FROM, 16, 0x10000, 0), -ERANGE);
	CHECK_INT(encode(RACP_REPORT, RACP_FROM, 0, 1, 0), -ERANGE);
	CHECK_INT(encode(RACP_REPORT, RACP_FROM, 17, 1, 0), -ERANGE);
	CHECK_INT(encode(RACP_REPORT, RACP_RANGE, 16, 5, 4), -ERANGE);
	CHECK_INT(encode(RACP_REPORT, RACP_RANGE, 16, 5, 5), 7);
	CHECK_INT(encode(RACP_REPORT, RACP_RANGE, 16, 5, 0x10000), -ERANGE);
	CHECK_INT(encode(RACP_REPORT, RACP_NULL, 16, 0, 0), -ENOTSUP);
	CHECK_INT(encode(RACP_REPORT, (enum racp_operator)7, 16, 0, 0), -ENOTSUP);
	CHECK_INT(encode(RACP_ABORT, RACP_ALL, 16, 0, 0), -ENOTSUP);
	for (unsigned op = 0; op < 256; op++) /* 'delete all' cannot be written */
		CHECK_INT(encode(RACP_DELETE, (enum racp_operator)op, 16, 1, 1),
			  op == 2   ? 5
			  : op == 4 ? 7
				    : -ENOTSUP);
	for (unsigned opcode = 0; opcode < 256; opcode++)
		CHECK_INT(encode((enum racp_opcode)opcode, RACP_ALL, 16, 0, 0) > 0,
			  opcode == 1 || opcode == 4 || opcode == 7);
}

static int answer(struct racp_answer *ret, size_t len, uint8_t a, uint8_t b, uint8_t c,
		  uint8_t d)
{
	const uint8_t buf[8] = { a, b, c, d };

	*ret = (struct racp_answer){ .count = 999 };
	return racp_decode_response(buf, len, ret);
}

static void test_responses(void)
{
	struct racp_answer a;

	for (unsigned code = 0; code < 256; code++) {
		CHECK_INT(answer(&a, 4, 6, 0, 1, (uint8_t)code), 0);
		CHECK_UINT(a.opcode, RACP_RESPONSE);
		CHECK_UINT(a.request, 1);
		CHECK_UINT(a.code, code);
		CHECK_UINT(a.count, 0);
	}
	CHECK_INT(answer(&a, 4, 5, 0, 0x34, 0x12), 0);
	CHECK_UINT(a.request, RACP_COUNT);
	CHECK_UINT(a.count, 0x1234);
	CHECK_INT(answer(&a, 6, 5, 0, 0x34, 0x12), 0);
	CHECK_UINT(a.count, 0x1234);
	CHECK_INT(answer(&a, 4, 8, 0, 0xFF, 0xFF), 0);
	CHECK_UINT(a.request, RACP_COMBINED);
	CHECK_UINT(a.count, 0xFFFF);
}

static void test_responses_refused(void)
{
	struct racp_answer a;

	for (size_t len = 0; len <= 8; len++) {
		CHECK_INT(answer(&a, len, 6, 0, 1, 1), len == 4 ? 0 : -EMSGSIZE);
		CHECK_INT(answer(&a, len, 5, 0, 1, 1),
			  len == 4 || len == 6 ? 0 : -EMSGSIZE);
	}
	CHECK_INT(answer(&a, 4, 6, 1, 1, 1), -EBADMSG);
	CHECK_UINT(a.count, 999); /* not written on failure */
	for (unsigned op = 0; op < 256; op++)
		CHECK_INT(answer(&a, 4, (uint8_t)op, 0, 1, 1),
			  op == 5 || op == 6 || op == 8 ? 0 : -EBADMSG);
}

/* ---- step by step ---- */

static const struct racp_mark known = { .kind = RACP_MARK_KEY, .key = 100 };
static const struct racp_mark empty = { .kind = RACP_MARK_EMPTY };
static const struct racp_mark never;

static struct racp r;
static uint64_t clock_ms;

static struct mono now(void)
{
	return (struct mono){ clock_ms };
}

static void begin(struct racp_mark mark, bool import)
{
	const struct racp_config cfg = {
		.key_bits = 16, .filter = RACP_FILTER_KEY, .import = import, .mark = mark
	};

	clock_ms = 1000;
	racp_init(&r, &cfg);
	CHECK_UINT(racp_deadline(&r).ms, UINT64_MAX);
	racp_start(&r, now());
}

static void expect_write(const uint8_t *want, size_t len)
{
	struct racp_write w;

	CHECK_INT(racp_next(&r, now(), &w), RACP_WRITE);
	CHECK_UINT(w.len, len);
	CHECK_MEM(w.bytes, want, len);
	CHECK_UINT(racp_deadline(&r).ms,
		   clock_ms + (want[0] == RACP_ABORT ? RACP_ABORT_MS : RACP_ANSWER_MS));
	CHECK_INT(racp_next(&r, now(), &w), RACP_NOTHING);
	racp_on_write(&r, 0, now());
	CHECK_INT(racp_next(&r, now(), &w), RACP_NOTHING);
}

#define EXPECT_WRITE(...)                                                                \
	do {                                                                             \
		static const uint8_t want_[] = { __VA_ARGS__ };                          \
		expect_write(want_, sizeof(want_));                                      \
	} while (0)

static void expect_nothing(void)
{
	struct racp_write w;

	CHECK_INT(racp_next(&r, now(), &w), RACP_NOTHING);
}

static const struct racp_result *expect_done(enum racp_outcome outcome)
{
	struct racp_write w;

	CHECK_INT(racp_next(&r, now(), &w), RACP_DONE);
	CHECK_INT(racp_next(&r, now(), &w), RACP_NOTHING);
	CHECK_UINT(racp_deadline(&r).ms, UINT64_MAX);
	CHECK_INT(racp_result(&r)->outcome, outcome);
	return racp_result(&r);
}

static void say(uint8_t request, uint8_t code)
{
	const uint8_t buf[] = { 6, 0, request, code };

	racp_on_indication(&r, buf, sizeof(buf), now());
}

static void say_count(uint16_t n)
{
	const uint8_t buf[] = { 5, 0, (uint8_t)n, (uint8_t)(n >> 8) };

	racp_on_indication(&r, buf, sizeof(buf), now());
}

static void take(uint32_t key)
{
	CHECK_INT(racp_on_record(&r, key, now()), RACP_TAKE);
}

static void ignore(uint32_t key)
{
	CHECK_INT(racp_on_record(&r, key, now()), RACP_IGNORE);
}

/* A wait that ends exactly after ms. */
static void expect_wait(uint64_t ms)
{
	CHECK_UINT(racp_deadline(&r).ms, clock_ms + ms);
	clock_ms += ms - 1;
	expect_nothing();
	clock_ms++;
}

static void check_mark(enum racp_mark_kind kind, uint32_t key, uint32_t history)
{
	const struct racp_mark *m = &racp_result(&r)->mark;

	CHECK_INT(m->kind, kind);
	CHECK_UINT(m->key, key);
	CHECK_UINT(m->history, history);
}

static void test_fence(void)
{
	const struct racp_result *res;

	begin(never, false);
	EXPECT_WRITE(1, 6);
	ignore(41);
	CHECK_INT(racp_on_context(&r, 41, now()), RACP_IGNORE);
	say(1, RACP_CODE_OK);
	EXPECT_WRITE(4, 1);
	ignore(41); /* once more */
	take(42);   /* measured just now */
	say_count(17);
	res = expect_done(RACP_COMPLETE);
	check_mark(RACP_MARK_KEY, 41, 0);
	CHECK(res->mark.has_fence);
	CHECK_UINT(res->mark.fence, 41);
	CHECK(res->has_ignored);
	CHECK_UINT(res->ignored, 17);
	CHECK_UINT(res->taken, 1);
	CHECK(!res->hung);
	CHECK_INT(racp_delete(&r, now()), -EACCES);
	take(3); /* after the run everything is taken */
}

static void test_fence_of_nothing(void)
{
	begin(never, false);
	EXPECT_WRITE(1, 6);
	say(1, RACP_CODE_NO_RECORDS);
	CHECK(!expect_done(RACP_COMPLETE)->mark.has_fence);
	check_mark(RACP_MARK_EMPTY, 0, 0);
	CHECK(racp_result(&r)->has_ignored);
	CHECK_UINT(racp_result(&r)->ignored, 0);
	begin(racp_result(&r)->mark, false); /* next time everything is new */
	EXPECT_WRITE(1, 1);
	take(0);
	take(1);
	say(1, RACP_CODE_OK);
	expect_wait(RACP_LATE_MS);
	expect_done(RACP_COMPLETE);
	check_mark(RACP_MARK_KEY, 1, 0);
}

/* A device without 'last', and the count is whatever it says. */
static void test_fence_all(void)
{
	begin(never, false);
	EXPECT_WRITE(1, 6);
	say(1, RACP_CODE_OPERATOR_UNSUPPORTED);
	EXPECT_WRITE(1, 1);
	ignore(7);
	ignore(9);
	ignore(8);
	CHECK_INT(racp_on_unreadable(&r, now()), RACP_IGNORE);
	say(1, RACP_CODE_OK);
	expect_wait(RACP_LATE_MS);
	CHECK_UINT(expect_done(RACP_COMPLETE)->ignored, 4);
	CHECK(racp_result(&r)->has_ignored);
	check_mark(RACP_MARK_KEY, 9, 0);
	begin(never, false);
	EXPECT_WRITE(1, 6);
	say(1, RACP_CODE_OPERAND_UNSUPPORTED);
	EXPECT_WRITE(1, 1);
	say(1, RACP_CODE_NO_RECORDS);
	expect_done(RACP_COMPLETE);
	check_mark(RACP_MARK_EMPTY, 0, 0);
	begin(never, false);
	EXPECT_WRITE(1, 6);
	say(1, RACP_CODE_OPERATOR_INVALID);
	EXPECT_WRITE(1, 1);
	say(1, RACP_CODE_OPERATOR_INVALID);
	expect_done(RACP_REFUSED);
	check_mark(RACP_MARK_NONE, 0, 0);
	take(5); /* what it sends by itself */
}

/* The answer overtakes its record; or the only record cannot be read. */
static void test_fence_late(void)
{
	begin(never, false);
	EXPECT_WRITE(1, 6);
	say(1, RACP_CODE_OK);
	expect_nothing();
	clock_ms += RACP_LATE_MS - 1;
	ignore(41);
	EXPECT_WRITE(4, 1);
	say(4, RACP_CODE_OPCODE_UNSUPPORTED);
	CHECK(!expect_done(RACP_COMPLETE)->has_ignored);
	check_mark(RACP_MARK_KEY, 41, 0);
	begin(never, false);
	EXPECT_WRITE(1, 6);
	CHECK_INT(racp_on_unreadable(&r, now()), RACP_IGNORE);
	say(1, RACP_CODE_OK);
	expect_wait(RACP_LATE_MS);
	EXPECT_WRITE(1, 1);
	say(1, RACP_CODE_OK);
	expect_wait(RACP_LATE_MS);
	expect_done(RACP_INCOMPLETE);
	check_mark(RACP_MARK_NONE, 0, 0);
	take(1);
	begin(never, false);
	EXPECT_WRITE(1, 6);
	CHECK_INT(racp_on_unreadable(&r, now()), RACP_IGNORE);
	say(1, RACP_CODE_OK);
	expect_wait(RACP_LATE_MS);
	EXPECT_WRITE(1, 1);
	CHECK_INT(racp_on_unreadable(&r, now()), RACP_IGNORE);
	ignore(40);
	say(1, RACP_CODE_OK);
	expect_wait(RACP_LATE_MS);
	CHECK_UINT(expect_done(RACP_COMPLETE)->ignored, 2);
}

static void test_import(void)
{
	begin(never, true);
	EXPECT_WRITE(1, 1);
	take(5);
	take(3);
	CHECK_INT(racp_on_context(&r, 900, now()), RACP_TAKE);
	take(4);
	say(1, RACP_CODE_OK);
	clock_ms += RACP_LATE_MS - 1;
	take(6); /* after the answer */
	CHECK_INT(racp_on_context(&r, 900, now()), RACP_TAKE);
	expect_wait(RACP_LATE_MS);
	CHECK_UINT(expect_done(RACP_COMPLETE)->taken, 4);
	check_mark(RACP_MARK_KEY, 6, 0); /* a context marks nothing */
	CHECK(!racp_result(&r)->mark.has_fence);
	begin(never, true);
	EXPECT_WRITE(1, 1);
	say(1, RACP_CODE_NO_RECORDS);
	expect_done(RACP_COMPLETE);
	check_mark(RACP_MARK_EMPTY, 0, 0);
}

static void test_from(void)
{
	begin(known, false);
	EXPECT_WRITE(1, 3, 1, 101, 0);
	take(103);
	take(101);
	take(102);
	say(1, RACP_CODE_OK);
	expect_wait(RACP_LATE_MS);
	CHECK_UINT(expect_done(RACP_COMPLETE)->taken, 3);
	check_mark(RACP_MARK_KEY, 103, 0);
	CHECK_INT(racp_delete(&r, now()), -EACCES);
}

/* 'No records', 'success' without any, and each refusal, lead to a look at the newest one. */
static void test_check(void)
{
	static const uint8_t codes[] = { RACP_CODE_OK,
					 RACP_CODE_NO_RECORDS,
					 RACP_CODE_OPERATOR_INVALID,
					 RACP_CODE_OPERATOR_UNSUPPORTED,
					 RACP_CODE_OPERAND_INVALID,
					 RACP_CODE_OPERAND_UNSUPPORTED };

	for (size_t i = 0; i < sizeof(codes); i++) {
		begin(known, false);
		EXPECT_WRITE(1, 3, 1, 101, 0);
		say(1, codes[i]);
		if (codes[i] == RACP_CODE_OK)
			expect_wait(RACP_LATE_MS);
		EXPECT_WRITE(1, 6);
		ignore(100);
		say(1, RACP_CODE_OK);
		CHECK_UINT(expect_done(RACP_COMPLETE)->taken, 0);
		check_mark(RACP_MARK_KEY, 100, 0);
	}
}

static void from_to_check(struct racp_mark mark)
{
	begin(mark, false);
	EXPECT_WRITE(1, 3, 1, 101, 0);
	say(1, RACP_CODE_NO_RECORDS);
	EXPECT_WRITE(1, 6);
}

static void test_reset(void)
{
	struct racp_mark mark = { RACP_MARK_KEY, 100, true, 60, 4 };

	from_to_check(mark);
	ignore(7); /* comes again, under its own history */
	say(1, RACP_CODE_OK);
	check_mark(RACP_MARK_EMPTY, 0, 5);
	CHECK(!racp_result(&r)->mark.has_fence);
	EXPECT_WRITE(1, 1);
	take(7);
	racp_on_gone(&r, now()); /* the new history is not forgotten */
	expect_done(RACP_INCOMPLETE);
	check_mark(RACP_MARK_EMPTY, 0, 5);
	begin(racp_result(&r)->mark, false);
	EXPECT_WRITE(1, 1);
	take(7);
	take(6);
	say(1, RACP_CODE_OK);
	expect_wait(RACP_LATE_MS);
	expect_done(RACP_COMPLETE);
	check_mark(RACP_MARK_KEY, 7, 5);
}

static void test_check_else(void)
{
	from_to_check(known);
	say(1, RACP_CODE_NO_RECORDS); /* emptied by hand: it goes on counting */
	expect_done(RACP_COMPLETE);
	check_mark(RACP_MARK_KEY, 100, 0);
	from_to_check(known);
	take(101); /* measured just now, or 'from' does not work */
	say(1, RACP_CODE_OK);
	EXPECT_WRITE(1, 1);
	take(100);
	take(101);
	say(1, RACP_CODE_OK);
	expect_wait(RACP_LATE_MS);
	expect_done(RACP_COMPLETE);
	check_mark(RACP_MARK_KEY, 101, 0);
	from_to_check(known);
	say(1, RACP_CODE_OK); /* late */
	clock_ms += 10;
	ignore(99);
	check_mark(RACP_MARK_EMPTY, 0, 1);
}

/* Neither 'from' nor 'last': everything each time, but nothing from before the fence. */
static void test_all_only(void)
{
	struct racp_mark mark = { RACP_MARK_KEY, 100, true, 60, 0 };

	from_to_check(mark);
	say(1, RACP_CODE_OPERATOR_UNSUPPORTED);
	EXPECT_WRITE(1, 1);
	ignore(60);
	CHECK_INT(racp_on_context(&r, 60, now()), RACP_IGNORE);
	take(61);
	take(104);
	say(1, RACP_CODE_OK);
	expect_wait(RACP_LATE_MS);
	expect_done(RACP_COMPLETE);
	check_mark(RACP_MARK_KEY, 104, 0);
	CHECK_UINT(racp_result(&r)->mark.fence, 60);
	from_to_check(mark);
	say(1, RACP_CODE_OPERATOR_UNSUPPORTED);
	EXPECT_WRITE(1, 1);
	ignore(10); /* was it from before the fence? */
	say(1, RACP_CODE_OK);
	expect_wait(RACP_LATE_MS);
	EXPECT_WRITE(1, 1); /* no: all of it is new */
	take(10);
	say(1, RACP_CODE_OK);
	expect_wait(RACP_LATE_MS);
	expect_done(RACP_COMPLETE);
	check_mark(RACP_MARK_KEY, 10, 1);
	from_to_check(mark);
	say(1, RACP_CODE_OPERATOR_UNSUPPORTED);
	EXPECT_WRITE(1, 1);
	say(1, RACP_CODE_OPERATOR_UNSUPPORTED);
	expect_done(RACP_REFUSED);
	check_mark(RACP_MARK_KEY, 100, 0);
}

/* 'From' answered with nothing but old keys: it was passed over, and the memory is new. */
static void test_from_below(void)
{
	begin(known, false);
	EXPECT_WRITE(1, 3, 1, 101, 0);
	take(4);
	say(1, RACP_CODE_OK);
	expect_wait(RACP_LATE_MS);
	EXPECT_WRITE(1, 1);
	check_mark(RACP_MARK_EMPTY, 0, 1);
	begin(known, false);
	EXPECT_WRITE(1, 3, 1, 101, 0);
	take(100); /* off by one */
	say(1, RACP_CODE_OK);
	expect_wait(RACP_LATE_MS);
	expect_done(RACP_COMPLETE);
	check_mark(RACP_MARK_KEY, 100, 0);
	begin(known, false);
	EXPECT_WRITE(1, 3, 1, 101, 0);
	take(101);
	say(1, RACP_CODE_NO_RECORDS); /* but it sent one */
	expect_wait(RACP_LATE_MS);
	expect_done(RACP_COMPLETE);
	check_mark(RACP_MARK_KEY, 101, 0);
}

static void test_wrap(void)
{
	struct racp_mark mark = { .kind = RACP_MARK_KEY, .key = 65534 };

	begin(mark, false);
	EXPECT_WRITE(1, 3, 1, 0xFF, 0xFF);
	take(65535);
	say(1, RACP_CODE_OK);
	expect_wait(RACP_LATE_MS);
	expect_done(RACP_COMPLETE);
	begin(racp_result(&r)->mark, false); /* 65536 is no key */
	EXPECT_WRITE(1, 6);
	ignore(65535);
	say(1, RACP_CODE_OK);
	expect_done(RACP_COMPLETE);
	check_mark(RACP_MARK_KEY, 65535, 0);
	begin(racp_result(&r)->mark, false);
	EXPECT_WRITE(1, 6);
	ignore(2);
	say(1, RACP_CODE_OK);
	EXPECT_WRITE(1, 1);
	check_mark(RACP_MARK_EMPTY, 0, 1);
}

static void test_codes_that_end(void)
{
	static const struct {
		uint8_t code;
		enum racp_outcome outcome;
	} rows[] = { { RACP_CODE_OPCODE_UNSUPPORTED, RACP_REFUSED },
		     { RACP_CODE_ABORT_FAILED, RACP_INCOMPLETE },
		     { RACP_CODE_NOT_COMPLETED, RACP_INCOMPLETE },
		     { 0, RACP_INCOMPLETE },
		     { 10, RACP_INCOMPLETE },
		     { 255, RACP_INCOMPLETE } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		begin(known, false);
		EXPECT_WRITE(1, 3, 1, 101, 0);
		take(105);
		say(1, rows[i].code);
		if (rows[i].outcome == RACP_INCOMPLETE) {
			take(99); /* late */
			expect_wait(RACP_LATE_MS);
		}
		CHECK(!expect_done(rows[i].outcome)->hung);
		check_mark(RACP_MARK_KEY, 100, 0);
		take(106);
	}
}

/* Answers to something else, garbage, and answers before anything was asked change nothing. */
static void test_stray(void)
{
	static const uint8_t garbage[] = { 6, 0, 1 };
	struct racp_write w;

	begin(known, false);
	say(1, RACP_CODE_OK);
	CHECK_INT(racp_next(&r, now(), &w), RACP_WRITE);
	racp_on_indication(&r, garbage, sizeof(garbage), now());
	racp_on_indication(&r, garbage, 0, now());
	say(3, RACP_CODE_OK);
	say(4, RACP_CODE_OK);
	say_count(4);
	CHECK_UINT(racp_deadline(&r).ms, clock_ms + RACP_ANSWER_MS);
	take(101);
	say(1, RACP_CODE_OK);
	say(1, RACP_CODE_NOT_COMPLETED); /* a second answer */
	expect_wait(RACP_LATE_MS);
	expect_done(RACP_COMPLETE);
	say(1, RACP_CODE_OK);
	racp_on_write(&r, 0, now()); /* very late */
	racp_on_write(&r, -EAGAIN, now());
	racp_on_subscribed(&r, 0, now());
	racp_start(&r, now());
	expect_nothing();
}

/* An answer that comes before the result of its own write: the next write waits for that. */
static void test_overtaken_write(void)
{
	struct racp_write w;

	begin(known, false);
	CHECK_INT(racp_next(&r, now(), &w), RACP_WRITE);
	say(1, RACP_CODE_NO_RECORDS);
	CHECK_INT(racp_next(&r, now(), &w), RACP_NOTHING);
	say(1, RACP_CODE_NO_RECORDS); /* not an answer to what was not asked */
	clock_ms += 5000;
	ignore(100); /* does not make it wait longer */
	CHECK_UINT(racp_deadline(&r).ms, clock_ms + RACP_ANSWER_MS - 5000);
	racp_on_write(&r, -EAGAIN, now()); /* cannot be: it was answered */
	EXPECT_WRITE(1, 6);
	ignore(100);
	say(1, RACP_CODE_OK);
	expect_done(RACP_COMPLETE);
	begin(known, false);
	CHECK_INT(racp_next(&r, now(), &w), RACP_WRITE);
	say(1, RACP_CODE_NO_RECORDS);
	expect_wait(RACP_ANSWER_MS); /* the result never comes */
	CHECK(expect_done(RACP_INCOMPLETE)->hung);
}

/* 30 s after the write, and after each record; then an abort, 10 s. */
static void test_silence(void)
{
	begin(known, false);
	EXPECT_WRITE(1, 3, 1, 101, 0);
	clock_ms += RACP_ANSWER_MS - 1;
	take(101);
	clock_ms += RACP_ANSWER_MS - 1;
	CHECK_INT(racp_on_context(&r, 101, now()), RACP_TAKE);
	expect_wait(RACP_ANSWER_MS);
	EXPECT_WRITE(3, 0);
	clock_ms += 5000;
	take(102); /* still taken, but it does not wait longer for it */
	say(1, RACP_CODE_OK);
	CHECK_UINT(racp_deadline(&r).ms, clock_ms + RACP_ABORT_MS - 5000);
	say(3, RACP_CODE_OK);
	clock_ms += 500;
	take(103);
	expect_wait(RACP_LATE_MS - 500);
	CHECK(!expect_done(RACP_INCOMPLETE)->hung);
	CHECK_UINT(racp_result(&r)->taken, 3);
	check_mark(RACP_MARK_KEY, 100, 0);
}

static void test_abort_ignored(void)
{
	begin(known, false);
	EXPECT_WRITE(1, 3, 1, 101, 0);
	expect_wait(RACP_ANSWER_MS);
	EXPECT_WRITE(3, 0);
	expect_wait(RACP_ABORT_MS);
	CHECK(expect_done(RACP_INCOMPLETE)->hung);
	take(103);
	begin(never, false);
	EXPECT_WRITE(1, 6);
	expect_wait(RACP_ANSWER_MS);
	EXPECT_WRITE(3, 0);
	expect_wait(RACP_ABORT_MS);
	CHECK(expect_done(RACP_INCOMPLETE)->hung);
	ignore(103); /* from before the fence, until it is disconnected */
	racp_on_gone(&r, now());
	take(103);
}

/* The count is a courtesy: nothing that happens to it loses the fence. */
static void test_count_fails(void)
{
	for (int i = 0; i < 4; i++) {
		struct racp_write w;

		begin(never, false);
		EXPECT_WRITE(1, 6);
		ignore(9);
		say(1, RACP_CODE_OK);
		if (i == 0) {
			EXPECT_WRITE(4, 1);
			racp_on_gone(&r, now());
		} else if (i == 1) {
			CHECK_INT(racp_next(&r, now(), &w), RACP_WRITE);
			racp_on_write(&r, -EAGAIN, now());
		} else if (i == 2) {
			EXPECT_WRITE(4, 1);
			expect_wait(RACP_ANSWER_MS);
			EXPECT_WRITE(3, 0);
			say(3, RACP_CODE_ABORT_FAILED);
			expect_wait(RACP_LATE_MS);
		} else {
			racp_on_gone(&r, now());
		}
		CHECK(!expect_done(RACP_COMPLETE)->has_ignored);
		check_mark(RACP_MARK_KEY, 9, 0);
	}
}

static void refuse_write(int err)
{
	struct racp_write w;

	CHECK_INT(racp_next(&r, now(), &w), RACP_WRITE);
	racp_on_write(&r, err, now());
}

static void test_busy(void)
{
	begin(known, false);
	refuse_write(-EAGAIN);
	EXPECT_WRITE(3, 0);
	take(55); /* of whatever was in progress */
	say(3, RACP_CODE_OK);
	EXPECT_WRITE(1, 3, 1, 101, 0);
	take(101);
	say(1, RACP_CODE_OK);
	expect_wait(RACP_LATE_MS);
	expect_done(RACP_COMPLETE);
	check_mark(RACP_MARK_KEY, 101, 0);
	begin(known, false);
	refuse_write(-EAGAIN);
	EXPECT_WRITE(3, 0);
	expect_wait(RACP_ABORT_MS); /* no answer: tried all the same */
	refuse_write(-EAGAIN);
	CHECK(!expect_done(RACP_INCOMPLETE)->hung);
	begin(known, false);
	refuse_write(-EAGAIN);
	refuse_write(-EIO); /* the abort */
	CHECK(expect_done(RACP_INCOMPLETE)->hung);
}

static void test_not_subscribed(void)
{
	struct racp_write w;

	begin(known, false);
	refuse_write(-EPROTO);
	CHECK_INT(racp_next(&r, now(), &w), RACP_SUBSCRIBE);
	CHECK_INT(racp_next(&r, now(), &w), RACP_NOTHING);
	racp_on_subscribed(&r, 0, now());
	refuse_write(-EPROTO); /* once is enough */
	expect_done(RACP_INCOMPLETE);
	begin(known, false);
	refuse_write(-EPROTO);
	clock_ms += 1000;
	take(7);
	CHECK_UINT(racp_deadline(&r).ms, clock_ms + RACP_ANSWER_MS - 1000);
	CHECK_INT(racp_next(&r, now(), &w), RACP_SUBSCRIBE);
	CHECK_UINT(racp_deadline(&r).ms, clock_ms + RACP_ANSWER_MS);
	clock_ms += 1000;
	take(7);
	CHECK_UINT(racp_deadline(&r).ms, clock_ms + RACP_ANSWER_MS - 1000);
	say(1, RACP_CODE_NOT_COMPLETED); /* nothing is asked at the moment */
	racp_on_subscribed(&r, 0, now());
	EXPECT_WRITE(1, 3, 1, 101, 0);
	take(101);
	say(1, RACP_CODE_OK);
	expect_wait(RACP_LATE_MS);
	expect_done(RACP_COMPLETE);
	begin(known, false);
	refuse_write(-EPROTO);
	CHECK_INT(racp_next(&r, now(), &w), RACP_SUBSCRIBE);
	racp_on_subscribed(&r, -EIO, now());
	expect_done(RACP_INCOMPLETE);
	begin(known, false);
	refuse_write(-EPROTO);
	CHECK_INT(racp_next(&r, now(), &w), RACP_SUBSCRIBE);
	expect_wait(RACP_ANSWER_MS);
	CHECK(expect_done(RACP_INCOMPLETE)->hung);
}

static void test_not_written(void)
{
	begin(known, false);
	refuse_write(-ENOTSUP);
	expect_done(RACP_REFUSED);
	begin(known, false);
	refuse_write(-EACCES);
	CHECK(!expect_done(RACP_INCOMPLETE)->hung);
	begin(known, false);
	EXPECT_WRITE(1, 3, 1, 101, 0);
	expect_wait(RACP_ANSWER_MS);
	refuse_write(-EIO); /* the abort */
	CHECK(expect_done(RACP_INCOMPLETE)->hung);
}

/* Gone in the second after the answer: 'before' in that order, then 'after' the answer. */
static void gone_late(const uint32_t *before, size_t n, bool after,
		      enum racp_outcome outcome, uint32_t mark)
{
	begin(known, false);
	EXPECT_WRITE(1, 3, 1, 101, 0);
	for (size_t i = 0; i < n; i++)
		take(before[i]);
	say(1, RACP_CODE_OK);
	if (after)
		take(105);
	racp_on_gone(&r, now());
	expect_done(outcome);
	check_mark(RACP_MARK_KEY, mark, 0);
}

/* A device that hangs up after its answer has said that it sent all. */
static void test_gone(void)
{
	static const uint32_t rising[] = { 101, 101, 102 }, falling[] = { 102, 101 };

	begin(known, false);
	racp_on_gone(&r, now());
	expect_done(RACP_INCOMPLETE);
	begin(known, false);
	EXPECT_WRITE(1, 3, 1, 101, 0);
	take(101);
	racp_on_gone(&r, now());
	expect_done(RACP_INCOMPLETE);
	check_mark(RACP_MARK_KEY, 100, 0);
	gone_late(rising, 3, false, RACP_COMPLETE, 102);
	gone_late(rising, 3, true, RACP_INCOMPLETE, 100);
	gone_late(falling, 2, false, RACP_INCOMPLETE, 100);
	gone_late(NULL, 0, false, RACP_INCOMPLETE, 100);
	gone_late(NULL, 0, true, RACP_INCOMPLETE, 100);
	gone_late((const uint32_t[]){ 99 }, 1, false, RACP_INCOMPLETE, 100);
	begin(never, false);
	EXPECT_WRITE(1, 6);
	say(1, RACP_CODE_OPERATOR_UNSUPPORTED);
	EXPECT_WRITE(1, 1);
	ignore(4);
	say(1, RACP_CODE_OK);
	racp_on_gone(&r, now());
	CHECK(expect_done(RACP_COMPLETE)->mark.has_fence);
	check_mark(RACP_MARK_KEY, 4, 0);
	racp_on_gone(&r, now()); /* twice */
	expect_nothing();
	racp_init(&r, &(struct racp_config){ .key_bits = 16 });
	racp_on_gone(&r, now()); /* before it began */
	expect_nothing();
}

static void test_no_keys(void)
{
	const struct racp_config cfg = { .filter = RACP_FILTER_KEY };

	for (int i = 0; i < 2; i++) {
		clock_ms = 1000;
		racp_init(&r, &cfg);
		racp_start(&r, now());
		EXPECT_WRITE(1, 1);
		if (i == 0) {
			CHECK_INT(racp_on_unreadable(&r, now()), RACP_TAKE);
			take(4);
			say(1, RACP_CODE_OK);
			expect_wait(RACP_LATE_MS);
		} else {
			say(1, RACP_CODE_NO_RECORDS);
		}
		expect_done(RACP_COMPLETE);
		check_mark(RACP_MARK_NONE, 0, 0);
	}
}

static void test_key_beyond(void)
{
	begin(known, false);
	EXPECT_WRITE(1, 3, 1, 101, 0);
	take(0x10000); /* no 16-bit key: taken, marks nothing */
	take(101);
	say(1, RACP_CODE_OK);
	expect_wait(RACP_LATE_MS);
	expect_done(RACP_COMPLETE);
	check_mark(RACP_MARK_KEY, 101, 0);
}

static void begin_deleting(struct racp_mark mark)
{
	const struct racp_config cfg = { .key_bits = 32,
					 .filter = RACP_FILTER_KEY,
					 .may_delete = true,
					 .mark = mark };

	clock_ms = 1000;
	racp_init(&r, &cfg);
	racp_start(&r, now());
}

/* A run after which deleting is allowed: newest, then all. */
static void fetch_for_delete(struct racp_mark mark)
{
	begin_deleting(mark);
	EXPECT_WRITE(1, 6);
	take(102);
	say(1, RACP_CODE_OK);
	EXPECT_WRITE(1, 1);
	take(101);
	take(102);
	say(1, RACP_CODE_OK);
	expect_wait(RACP_LATE_MS);
	expect_done(RACP_COMPLETE);
	check_mark(RACP_MARK_KEY, 102, 0);
}

static void test_delete(void)
{
	struct racp_mark fenced = { RACP_MARK_KEY, 100, true, 60, 0 };

	fetch_for_delete(known);
	CHECK_INT(racp_delete(&r, now()), 0);
	EXPECT_WRITE(2, 2, 1, 102, 0, 0, 0);
	take(103);
	say(2, RACP_CODE_OK);
	CHECK(expect_done(RACP_COMPLETE)->deleted);
	check_mark(RACP_MARK_KEY, 102, 0);
	CHECK_INT(racp_delete(&r, now()), -EACCES); /* once */
	fetch_for_delete(fenced);
	CHECK_INT(racp_delete(&r, now()), 0);
	EXPECT_WRITE(2, 4, 1, 61, 0, 0, 0, 102, 0, 0, 0);
	say(2, RACP_CODE_OPERATOR_UNSUPPORTED);
	CHECK(!expect_done(RACP_COMPLETE)->deleted);
	fetch_for_delete(known);
	CHECK_INT(racp_delete(&r, now()), 0);
	refuse_write(-EAGAIN);
	CHECK(!expect_done(RACP_COMPLETE)->deleted);
	fetch_for_delete(known);
	CHECK_INT(racp_delete(&r, now()), 0);
	EXPECT_WRITE(2, 2, 1, 102, 0, 0, 0);
	expect_wait(RACP_ANSWER_MS);
	EXPECT_WRITE(3, 0);
	expect_wait(RACP_ABORT_MS);
	CHECK(expect_done(RACP_COMPLETE)->hung);
}

/* After a delete only what was there before the hub is left: that is no new history. */
static void test_deleted_down_to_fence(void)
{
	struct racp_mark fenced = { RACP_MARK_KEY, 100, true, 60, 0 };

	begin_deleting(fenced);
	EXPECT_WRITE(1, 6);
	ignore(60);
	say(1, RACP_CODE_OK);
	expect_done(RACP_COMPLETE);
	check_mark(RACP_MARK_KEY, 100, 0);
	begin_deleting(fenced);
	EXPECT_WRITE(1, 6);
	say(1, RACP_CODE_OPERATOR_UNSUPPORTED);
	EXPECT_WRITE(1, 1);
	ignore(59);
	ignore(60);
	say(1, RACP_CODE_OK);
	expect_wait(RACP_LATE_MS);
	expect_done(RACP_COMPLETE);
	check_mark(RACP_MARK_KEY, 100, 0);
	begin_deleting(fenced);
	EXPECT_WRITE(1, 6);
	ignore(61);
	say(1, RACP_CODE_OK);
	EXPECT_WRITE(1, 1);
	check_mark(RACP_MARK_EMPTY, 0, 1);
}

/* Whenever it is not certain that only this run's records would go. */
static void test_delete_refused(void)
{
	struct racp_mark top = { .kind = RACP_MARK_KEY, .key = UINT32_MAX - 1 };

	begin_deleting(empty); /* the newest was not looked at */
	EXPECT_WRITE(1, 1);
	take(102);
	say(1, RACP_CODE_OK);
	CHECK_INT(racp_delete(&r, now()), -EACCES); /* not over yet */
	expect_wait(RACP_LATE_MS);
	expect_done(RACP_COMPLETE);
	CHECK_INT(racp_delete(&r, now()), -EACCES);
	begin_deleting(known);
	EXPECT_WRITE(1, 6);
	take(102);
	say(1, RACP_CODE_OK);
	EXPECT_WRITE(1, 1);
	take(102);
	take(103); /* newer than the newest */
	say(1, RACP_CODE_OK);
	expect_wait(RACP_LATE_MS);
	expect_done(RACP_COMPLETE);
	CHECK_INT(racp_delete(&r, now()), -EACCES);
	begin_deleting(known); /* new history */
	EXPECT_WRITE(1, 6);
	ignore(2);
	say(1, RACP_CODE_OK);
	EXPECT_WRITE(1, 1);
	take(2);
	say(1, RACP_CODE_OK);
	expect_wait(RACP_LATE_MS);
	expect_done(RACP_COMPLETE);
	CHECK_INT(racp_delete(&r, now()), -EACCES);
	begin_deleting(top); /* the next record's key is 0 */
	EXPECT_WRITE(1, 6);
	take(UINT32_MAX);
	say(1, RACP_CODE_OK);
	EXPECT_WRITE(1, 1);
	take(UINT32_MAX);
	say(1, RACP_CODE_OK);
	expect_wait(RACP_LATE_MS);
	expect_done(RACP_COMPLETE);
	CHECK_INT(racp_delete(&r, now()), -EACCES);
	fetch_for_delete(known);
	racp_on_gone(&r, now());
	CHECK_INT(racp_delete(&r, now()), -EACCES);
}

/* A device that never stops is stopped. */
static void test_endless(void)
{
	begin(known, false);
	EXPECT_WRITE(1, 3, 1, 101, 0);
	for (uint32_t i = 0; i < RACP_VALUES_MAX; i++)
		take(101 + i % 1000);
	expect_nothing();
	take(101);
	EXPECT_WRITE(3, 0);
	say(3, RACP_CODE_OK);
	expect_wait(RACP_LATE_MS);
	expect_done(RACP_INCOMPLETE);
	begin(known, false);
	EXPECT_WRITE(1, 3, 1, 101, 0);
	say(1, RACP_CODE_OK);
	for (uint32_t i = 0; i < RACP_VALUES_MAX; i++)
		take(101);
	take(101);
	expect_done(RACP_COMPLETE);
}

TEST_MAIN("racp_steps", test_requests, test_requests_refused, test_responses,
	  test_responses_refused, test_fence, test_fence_of_nothing, test_fence_all,
	  test_fence_late, test_import, test_from, test_check, test_reset,
	  test_check_else, test_all_only, test_from_below, test_wrap, test_codes_that_end,
	  test_stray, test_overtaken_write, test_silence, test_abort_ignored,
	  test_count_fails, test_busy, test_not_subscribed, test_not_written, test_gone,
	  test_no_keys, test_key_beyond, test_delete, test_deleted_down_to_fence,
	  test_delete_refused, test_endless)
