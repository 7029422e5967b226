/*
 * door_row.c - see door_row.h.
 */
#include "clinic/door_row.h"

#include <errno.h>
#include <string.h>

void row_put_text(struct writer *w, const char *text)
{
	cb_put_text(w, text, strlen(text));
}

void row_get_text(struct cb *c, char *dst, size_t cap)
{
	size_t n;
	const char *s = cb_get_text(c, &n);

	if (n >= cap)
		cb_fail(c, -EMSGSIZE);
	if (cb_error(c))
		n = 0;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			cb_fail(c, -ERANGE); /* it goes to a terminal */
	if (cb_error(c))
		n = 0;
	memcpy(dst, s ? s : "", n);
	dst[n] = '\0';
}

int64_t row_get_ms(struct cb *c)
{
	return (int64_t)cb_get_uint_max(c, INT64_MAX);
}

void row_put_ms(struct writer *w, int64_t ms)
{
	cb_put_uint(w, ms > 0 ? (uint64_t)ms : 0);
}

size_t row_begin(struct cb *c, size_t items)
{
	size_t n = cb_get_array(c, ROW_ITEMS_MAX);

	if (cb_error(c) == 0 && n < items)
		cb_fail(c, -EMSGSIZE);
	return n > items ? n - items : 0;
}

void row_end(struct cb *c, size_t more)
{
	for (; more > 0 && cb_error(c) == 0; more--)
		cb_skip(c);
}
