/*
 * fuzz_console.c - whatever comes over the serial line: the line stays within its bounds, the echo is clean, and what is typed is a
 * verb of the table or nothing; what is printed of any message is clean, too.
 */
#include <stdlib.h>
#include <string.h>

#include "hub/console/format.h"
#include "hub/console/line.h"
#include "hub/console/typed.h"
#include "hub/core/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static bool is_clean(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((p[i] < ' ' || p[i] > '~') && !strchr("\b\r\n", p[i]))
			return false;
	return true;
}

static void check_typed(const char *text)
{
	struct typed t;

	check(strlen(text) <= LINE_MAX_CHARS && is_clean(text, strlen(text)));
	t = typed_parse(text);
	if (t.kind == TYPED_NOTHING)
		return;
	check(verb_row(t.verb) != NULL);
	check(t.kind != TYPED_TOKEN || (t.rest >= text && t.rest < text + strlen(text)));
	check(t.verb != VERB_PAIR || config_kind_good((enum reading_kind)t.number));
	check(t.verb != VERB_UNPAIR || t.number <= UINT32_MAX);
	check(t.kind != TYPED_CODE || strspn(t.code, "0123456789") == TOKEN_CODE_DIGITS);
}

static void check_answer(const uint8_t *data, size_t size)
{
	char text[FORMAT_BYTES_MAX];
	struct msg m;

	if (msg_decode(data, size, &m) || m.kind != MSG_CONSOLE_ANSWER)
		return;
	check(format_answer(&m.console_answer, text) == strlen(text));
	check(is_clean(text, strlen(text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t echo[LINE_ECHO_MAX];
	struct line l;
	size_t len;

	line_init(&l);
	for (size_t i = 0; i < size; i++) {
		enum line_event e = line_on_byte(&l, data[i], echo, &len);

		check(len <= LINE_ECHO_MAX && is_clean((const char *)echo, len));
		if (e == LINE_READY)
			check_typed(l.text);
	}
	check_answer(data, size);
	return 0;
}
