/*
 * talk.c - see talk.h.
 */
#include "clinic/talk.h"

#include <errno.h>
#include <string.h>

void talk_words(const char *text, char ret[static TALK_WORDS_MAX + 1])
{
	size_t n = text ? strnlen(text, TALK_WORDS_MAX) : 0;

	for (size_t i = 0; i < n; i++)
		ret[i] = text[i];
	ret[n] = '\0';
	for (size_t i = 0; i < n; i++)
		if (ret[i] < ' ' || ret[i] > '~')
			ret[i] = '?';
}

void talk_put_text(struct writer *w, const char *text)
{
	cb_put_text(w, text, strlen(text));
}

void talk_get_words(struct cb *c, char ret[static TALK_WORDS_MAX + 1])
{
	size_t n;
	const char *p = cb_get_text(c, &n);

	ret[0] = '\0';
	if (cb_error(c))
		return;
	for (size_t i = 0; i < n; i++)
		if (p[i] < ' ' || p[i] > '~')
			cb_fail(c, -EBADMSG);
	if (n > TALK_WORDS_MAX)
		cb_fail(c, -ERANGE);
	if (cb_error(c))
		return;
	memcpy(ret, p, n);
	ret[n] = '\0';
}

int talk_pin_encode(const char *pin, uint8_t buf[static TALK_PACKET_MAX])
{
	struct writer w;

	writer_init(&w, buf, TALK_PACKET_MAX);
	cb_put_array(&w, 2);
	cb_put_uint(&w, TALK_PIN);
	talk_put_text(&w, pin);
	return writer_len(&w);
}

int talk_pin_decode(const uint8_t *buf, size_t len, char *ret, size_t cap)
{
	const char *pin;
	struct cb c;
	size_t n;

	cb_init(&c, buf, len);
	if (cb_get_array(&c, 2) != 2 || cb_get_uint(&c) != TALK_PIN)
		cb_fail(&c, -EBADMSG);
	pin = cb_get_text(&c, &n);
	if (!cb_error(&c) && (n >= cap || memchr(pin, '\0', n)))
		cb_fail(&c, -ERANGE);
	if (cb_finish(&c))
		return cb_finish(&c);
	memcpy(ret, pin, n);
	ret[n] = '\0';
	return 0;
}
