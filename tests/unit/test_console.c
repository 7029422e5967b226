/*
 * test_console.c - what is typed at the console, and what is printed: the line, the verb, the values.
 */
#include "tests/unit/test.h"

#include "hub/console/format.h"
#include "hub/console/line.h"
#include "hub/console/typed.h"

/* Types it; returns the last event that was one, and what was echoed. */
static enum line_event type(struct line *l, const char *bytes, size_t len, char *ret_echo)
{
	enum line_event last = LINE_NOTHING;

	for (size_t i = 0; i < len; i++) {
		uint8_t echo[LINE_ECHO_MAX];
		size_t n;
		enum line_event e = line_on_byte(l, (uint8_t)bytes[i], echo, &n);

		CHECK(n <= LINE_ECHO_MAX);
		if (ret_echo) {
			memcpy(ret_echo, echo, n);
			ret_echo += n;
			*ret_echo = '\0';
		}
		last = e != LINE_NOTHING ? e : last;
	}
	return last;
}

static void check_line(const char *bytes, size_t len, const char *want)
{
	struct line l;

	line_init(&l);
	CHECK_INT(type(&l, bytes, len, NULL), LINE_READY);
	CHECK_STR(l.text, want);
}

#define LINE(bytes, want) check_line(bytes, sizeof(bytes) - 1, want)

static void test_line(void)
{
	LINE("status\r", "status");
	LINE("status\n", "status");
	LINE("statux\bs\r", "status");
	LINE("statux\x7fs\r", "status");
	LINE("\b\b\bstatus\r", "status");
	LINE("reboot\x15status\r", "status");
	LINE("reboot\x03status\r", "status");
	LINE("reboot\rstatus\r", "status");
	LINE("sta\x1b[Dtus\r", "status");
	LINE("sta\x1b[1;5Ctus\r", "status");
	LINE("sta\x1bOPtus\r", "staPtus"); /* ESC O is its two bytes */
	LINE("sta\x1b]0;reboot\x07tus\r", "status");
	LINE("sta\x1bPreboot\x1b\\tus\r", "status");
	LINE("\x1b[9999\r"
	     "status\r",
	     "status");
	LINE("sta\0\0\0tus\r", "status"); /* BREAK */
	LINE("sta\xc3\xa4\xff\x9btus\r", "status");
	LINE("sta\ttus\x04\x1a\x1c\r", "status");
}

/* CR LF is one end of a line; the echo is made of constants and printable ASCII. */
static void test_echo(void)
{
	struct line l;
	char echo[64];

	line_init(&l);
	CHECK_INT(type(&l, "ab\x1b[2J\x7f", 7, echo), LINE_NOTHING);
	CHECK_STR(echo, "ab\b \b");
	CHECK_INT(type(&l, "\r", 1, echo), LINE_READY);
	CHECK_STR(echo, "\r\n");
	CHECK_INT(type(&l, "\n", 1, NULL), LINE_NOTHING);
	CHECK_INT(type(&l, "\n", 1, NULL), LINE_EMPTY);
	line_wipe(&l);
	CHECK_STR(l.text, "");
}

static void test_length(void)
{
	char bytes[LINE_MAX_CHARS + 3];
	struct line l;

	memset(bytes, 'x', sizeof(bytes));
	for (size_t n = LINE_MAX_CHARS - 1; n <= LINE_MAX_CHARS + 1; n++) {
		line_init(&l);
		CHECK_INT(type(&l, bytes, n, NULL), LINE_NOTHING);
		CHECK_INT(type(&l, "\r", 1, NULL),
			  n > LINE_MAX_CHARS ? LINE_TOO_LONG : LINE_READY);
		CHECK_UINT(strlen(l.text), n > LINE_MAX_CHARS ? 0 : n);
		/* the next one is as ever */
		CHECK_INT(type(&l, "status\r", 7, NULL), LINE_READY);
		CHECK_STR(l.text, "status");
	}
}

/* --- verbs ---------------------------------------------------------------------------------- */

static void check_typed(const char *text, enum typed_kind kind, enum verb verb)
{
	struct typed t = typed_parse(text);

	CHECK_INT(t.kind, kind);
	if (kind != TYPED_NOTHING)
		CHECK_INT(t.verb, verb);
}

static void check_argument(const char *text, enum verb verb, uint64_t number)
{
	struct typed t = typed_parse(text);

	CHECK_INT(t.kind, TYPED_VERB);
	CHECK_INT(t.verb, verb);
	CHECK_UINT(t.number, number);
}

static void test_typed(void)
{
	for (enum verb v = VERB_CHALLENGE; v <= VERB_LAST; v++)
		if (v != VERB_LOGIN && v != VERB_PAIR && v != VERB_UNPAIR)
			check_typed(verb_row(v)->name, TYPED_VERB, v);
	check_argument("pair bp", VERB_PAIR, READING_BLOOD_PRESSURE);
	check_argument(" Pair  SCALE ", VERB_PAIR, READING_WEIGHT);
	check_argument("unpair 00000000", VERB_UNPAIR, 0);
	check_argument("unpair 1A2b3c4d", VERB_UNPAIR, 0x1a2b3c4d);
	check_typed("pair", TYPED_NOTHING, VERB_NONE);
	check_typed("pair cuff", TYPED_NOTHING, VERB_NONE);
	check_typed("pair bp bp", TYPED_NOTHING, VERB_NONE);
	check_typed("pair all", TYPED_NOTHING, VERB_NONE);
	check_typed("unpair", TYPED_NOTHING, VERB_NONE);
	check_typed("unpair 1a2b3c4", TYPED_NOTHING, VERB_NONE);
	check_typed("unpair 1a2b3c4d5", TYPED_NOTHING, VERB_NONE);
	check_typed("unpair 1a2b3c4g", TYPED_NOTHING, VERB_NONE);
	check_typed("unpair 1a2b 3c4d", TYPED_NOTHING, VERB_NONE);
	check_typed("factory-reset now", TYPED_NOTHING, VERB_NONE);
	check_typed("  BLE   List ", TYPED_VERB, VERB_BLE_LIST);
	check_typed("login", TYPED_NOTHING, VERB_NONE);
	check_typed("status now", TYPED_NOTHING, VERB_NONE);
	check_typed("ble", TYPED_NOTHING, VERB_NONE);
	check_typed("stat", TYPED_NOTHING, VERB_NONE);
	check_typed("status;reboot", TYPED_NOTHING, VERB_NONE);
	check_typed("", TYPED_NOTHING, VERB_NONE);
	check_typed("HT1:ABC", TYPED_TOKEN, VERB_LOGIN);
	check_typed("login ht1:abc", TYPED_TOKEN, VERB_LOGIN);
	check_typed("release HT1:ABC", TYPED_TOKEN, VERB_RELEASE);
	check_typed("reboot HT1:ABC", TYPED_NOTHING, VERB_NONE);
	check_typed("net set hn1:abc", TYPED_TEMPLATE, VERB_NET_SET);
	check_typed("net set HT1:ABC", TYPED_NOTHING, VERB_NONE);
	check_typed("net check HN1:ABC", TYPED_NOTHING, VERB_NONE);
	check_typed("login HN1:ABC", TYPED_NOTHING, VERB_NONE);
	check_typed("HN1:ABC", TYPED_NOTHING, VERB_NONE);
	check_typed("release 01234 56789 01234-56789", TYPED_CODE, VERB_RELEASE);
	check_typed("diagnose 01234567890123456789", TYPED_CODE, VERB_DIAGNOSE);
	check_typed("diagnose 0123456789012345678", TYPED_NOTHING, VERB_NONE);
	check_typed("queue 01234567890123456789", TYPED_NOTHING, VERB_NONE);
}

/* --- values --------------------------------------------------------------------------------- */

static void check_value(enum console_type type, uint64_t value, const char *want)
{
	const struct console_value v = { 0, CONSOLE_LABEL_STATE, type, value };
	char text[FORMAT_VALUE_MAX];

	CHECK_STR(format_value(&v, text), want);
}

static void test_values(void)
{
	check_value(CONSOLE_COUNTER, UINT64_MAX, "18446744073709551615");
	check_value(CONSOLE_AGE, 119, "119s");
	check_value(CONSOLE_AGE, 120, "2min");
	check_value(CONSOLE_AGE, UINT64_MAX, "213503982334601d");
	check_value(CONSOLE_WORD, CONSOLE_WORD_QUARANTINED, "2 quarantined");
	check_value(CONSOLE_WORD, CONSOLE_WORD_LAST + 1, "?");
	check_value(CONSOLE_WORD, UINT64_MAX, "?");
	check_value(CONSOLE_HASH8, 0x1a2b3c4d5e6f7081, "5e6f7081");
	check_value(CONSOLE_DBM, (uint64_t)-67, "-67dBm");
	check_value(CONSOLE_DBM, (uint64_t)-128, "?");
	check_value(CONSOLE_PERCENT, 100, "100%");
	check_value(CONSOLE_PERCENT, 101, "?");
	check_value(CONSOLE_VERSION, UINT64_C(1) << 32 | 2 << 16 | 3, "1.2.3");
	check_value(CONSOLE_YES_NO, 7, "yes");
	check_value(CONSOLE_VERB, VERB_NET_CHECK, "net check");
	check_value(CONSOLE_VERB, VERB_LAST + 1, "?");
}

/* Each label, word and reason that there is has a text; what there is not has none. */
static void test_words(void)
{
	static const unsigned holes[][2] = { { 38, 40 }, { 57, 60 }, { 66, 70 } };

	for (unsigned w = 1; w <= CONSOLE_WORD_LAST; w++) {
		const struct console_value v = { 0, CONSOLE_LABEL_STATE, CONSOLE_WORD,
						 w };
		char text[FORMAT_VALUE_MAX];
		bool hole = w == CONSOLE_WORD_TRIGGER;

		for (size_t i = 0; i < 3; i++)
			hole |= w >= holes[i][0] && w < holes[i][1];
		format_value(&v, text);
		CHECK_INT(strcmp(text, "?") == 0, hole);
	}
	for (unsigned why = 1; why <= CONSOLE_WHY_LAST; why++) {
		struct msg_console_answer a = { .outcome = CONSOLE_NO,
						.why = (enum console_why)why };
		char text[FORMAT_BYTES_MAX];

		CHECK(format_answer(&a, text) > 20);
		CHECK(strstr(text, "(null)") == NULL);
		CHECK(strlen(text) < 100); /* one line of a terminal, and a little */
	}
}

static void test_answer(void)
{
	struct msg_console_answer a = {
		.outcome = CONSOLE_OK,
		.count = 4,
		.values = { { 0, CONSOLE_LABEL_SERIAL, CONSOLE_HASH8, 1 },
			    { 0, CONSOLE_LABEL_SERIAL, CONSOLE_HASH8, 2 },
			    { 0, CONSOLE_LABEL_STATE, CONSOLE_WORD, CONSOLE_WORD_BONDED },
			    { 1, CONSOLE_LABEL_UNSENT, CONSOLE_COUNTER, 7 } },
	};
	char text[FORMAT_BYTES_MAX];

	CHECK_UINT(format_answer(&a, text), strlen(text));
	CHECK_STR(text, "serial 00000001 00000002, state paired\r\nunsent 7\r\nOK\r\n");
	a = (struct msg_console_answer){ .outcome = CONSOLE_WAIT, .wait_s = 40 };
	format_answer(&a, text);
	CHECK_STR(text, "WAIT 40s. Next: wait, then type it again.\r\n");
	a = (struct msg_console_answer){ .more = true };
	CHECK_UINT(format_answer(&a, text), 0);
	/* the largest there is */
	a = (struct msg_console_answer){ .outcome = CONSOLE_NO,
					 .why = CONSOLE_WHY_LAST,
					 .end = CONSOLE_END_LAST,
					 .count = CONSOLE_VALUES_MAX };
	for (unsigned i = 0; i < CONSOLE_VALUES_MAX; i++)
		a.values[i] = (struct console_value){ (uint8_t)i, CONSOLE_LABEL_TEST,
						      CONSOLE_COUNTER, UINT64_MAX };
	CHECK(format_answer(&a, text) < FORMAT_BYTES_MAX - 1);
}

TEST_MAIN("console", test_line, test_echo, test_length, test_typed, test_values,
	  test_words, test_answer)
