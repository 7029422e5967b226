/*
 * main.c - clinicctl-fido: makes one credential or one signature with a security key, for clinicctl, which runs it with a socket as
 * standard input (clinic/fido_talk.h). The only program here with libfido2, and with OpenSSL in it (adr/0020).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/fido/key.h"
#include "clinic/helper_end.h"

enum { EX_FAILED = 1, EX_MISUSED = 64 };

static bool say(const struct fido_answer *a)
{
	uint8_t buf[TALK_PACKET_MAX];

	return helper_end_send(buf, fido_answer_encode(a, buf));
}

static int ask_pin(const char *product, uint8_t tries, char ret[static FIDO_PIN_MAX + 1])
{
	struct fido_answer a = { .say = FIDO_SAY_PIN, .tries = tries };
	uint8_t buf[TALK_PACKET_MAX];
	int n;

	talk_words(product, a.words);
	n = say(&a) ? helper_end_hear(buf) : -EIO;
	n = n > 0 ? talk_pin_decode(buf, (size_t)n, ret, FIDO_PIN_MAX + 1) : n;
	explicit_bzero(buf, sizeof(buf));
	return n == 0 && *ret ? 0 : -EACCES;
}

static void ask_touch(const char *product)
{
	struct fido_answer a = { .say = FIDO_SAY_TOUCH };

	talk_words(product, a.words);
	(void)say(&a);
}

int main(void)
{
	static const struct key_person who = { ask_pin, ask_touch };
	uint8_t buf[TALK_PACKET_MAX];
	struct fido_request rq;
	struct fido_answer a;
	int n;

	helper_end_begin();
	n = helper_end_hear(buf);
	if (n < 0 || fido_request_decode(buf, (size_t)n, &rq)) {
		fputs("clinicctl-fido is run by clinicctl: see 'clinicctl signer "
		      "--help'\n",
		      stderr);
		return EX_MISUSED;
	}
	key_use(&rq, &who, &a);
	return say(&a) ? 0 : EX_FAILED;
}
