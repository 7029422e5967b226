/*
 * main.c - clinicctl-fido: makes one credential or one signature with a security key, for clinicctl, which runs it with a socket as
 * standard input (clinic/fido_talk.h). The only program here with libfido2, and with OpenSSL in it (adr/0020).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "clinic/fido/key.h"

enum { SOCKET = 0, EX_FAILED = 1, EX_MISUSED = 64 };

static bool say(const struct fido_answer *a)
{
	uint8_t buf[FIDO_PACKET_MAX];
	int n = fido_answer_encode(a, buf);

	return n > 0 && send(SOCKET, buf, (size_t)n, MSG_NOSIGNAL) == n;
}

/* Returns the length of one packet, or -EIO: whoever asked has gone. */
static int hear(uint8_t buf[static FIDO_PACKET_MAX])
{
	ssize_t n;

	do
		n = recv(SOCKET, buf, FIDO_PACKET_MAX, MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	return n > 0 && n <= FIDO_PACKET_MAX ? (int)n : -EIO;
}

static int ask_pin(const char *product, uint8_t tries, char ret[static FIDO_PIN_MAX + 1])
{
	struct fido_answer a = { .say = FIDO_SAY_PIN, .tries = tries };
	uint8_t buf[FIDO_PACKET_MAX];
	int n;

	fido_words(product, a.words);
	n = say(&a) ? hear(buf) : -EIO;
	n = n > 0 ? fido_pin_decode(buf, (size_t)n, ret) : n;
	explicit_bzero(buf, sizeof(buf));
	return n == 0 && *ret ? 0 : -EACCES;
}

static void ask_touch(const char *product)
{
	struct fido_answer a = { .say = FIDO_SAY_TOUCH };

	fido_words(product, a.words);
	(void)say(&a);
}

int main(void)
{
	static const struct key_person who = { ask_pin, ask_touch };
	const struct rlimit none = { 0, 0 };
	uint8_t buf[FIDO_PACKET_MAX];
	struct fido_request rq;
	struct fido_answer a;
	int n;

	/* there will be a PIN in memory */
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	n = hear(buf);
	if (n < 0 || fido_request_decode(buf, (size_t)n, &rq)) {
		fputs("clinicctl-fido is run by clinicctl: see 'clinicctl signer "
		      "--help'\n",
		      stderr);
		return EX_MISUSED;
	}
	key_use(&rq, &who, &a);
	return say(&a) ? 0 : EX_FAILED;
}
