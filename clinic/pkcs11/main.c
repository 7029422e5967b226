/*
 * main.c - clinicctl-pkcs11: finds or makes one key in a token behind PKCS#11 and signs with it, for clinicctl, which runs it with a
 * socket as standard input (clinic/pkcs11_talk.h). The only program here that loads the modules of who makes tokens (adr/0022).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/helper_end.h"
#include "clinic/pkcs11/key.h"

enum { EX_FAILED = 1, EX_MISUSED = 64 };

static bool say(const struct pkcs11_answer *a)
{
	uint8_t buf[TALK_PACKET_MAX];

	return helper_end_send(buf, pkcs11_answer_encode(a, buf));
}

static int ask_pin(const char *label, enum pkcs11_tries tries,
		   char ret[static PKCS11_PIN_MAX + 1])
{
	struct pkcs11_answer a = { .say = PKCS11_SAY_PIN, .tries = tries };
	uint8_t buf[TALK_PACKET_MAX];
	int n;

	talk_words(label, a.words);
	n = say(&a) ? helper_end_hear(buf) : -EIO;
	n = n > 0 ? talk_pin_decode(buf, (size_t)n, ret, PKCS11_PIN_MAX + 1) : n;
	explicit_bzero(buf, sizeof(buf));
	return n == 0 && *ret ? 0 : -EACCES;
}

static void ask_reader(const char *label)
{
	struct pkcs11_answer a = { .say = PKCS11_SAY_READER };

	talk_words(label, a.words);
	(void)say(&a);
}

/* Until nobody asks any more. */
static int serve(struct key *k)
{
	uint8_t buf[TALK_PACKET_MAX], hash[PKCS11_HASH_LEN];
	struct pkcs11_answer a;
	int n;

	while ((n = helper_end_hear(buf)) > 0) {
		if (pkcs11_hash_decode(buf, (size_t)n, hash) < 0)
			return EX_FAILED;
		if (!key_sign(k, hash, &a))
			return say(&a) ? 0 : EX_FAILED;
		if (!say(&a))
			return EX_FAILED;
	}
	return 0;
}

int main(void)
{
	struct key k = { .login = { .ask = ask_pin, .reader = ask_reader } };
	uint8_t buf[TALK_PACKET_MAX];
	struct pkcs11_request rq;
	struct pkcs11_answer a;
	int n, r;

	helper_end_begin();
	n = helper_end_hear(buf);
	if (n < 0 || pkcs11_request_decode(buf, (size_t)n, &rq)) {
		fputs("clinicctl-pkcs11 is run by clinicctl: see 'clinicctl signer "
		      "--help'\n",
		      stderr);
		return EX_MISUSED;
	}
	if (key_open(&rq, &k, &a))
		r = say(&a) ? serve(&k) : EX_FAILED;
	else
		r = say(&a) ? 0 : EX_FAILED;
	key_close(&k);
	return r;
}
