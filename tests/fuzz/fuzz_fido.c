/*
 * fuzz_fido.c - what clinicctl-fido says to clinicctl and the other way round, and the file with a credential: what is taken has
 * bounded lengths and printable words, and is written again as the same. The first octet says which of them the rest is.
 */
#include <stdlib.h>
#include <string.h>

#include "clinic/fido_file.h"
#include "clinic/fido_talk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_words(const char *words)
{
	check(strlen(words) <= TALK_WORDS_MAX);
	for (; *words; words++)
		check(*words >= ' ' && *words <= '~');
}

static void answer(const uint8_t *data, size_t size)
{
	uint8_t buf[TALK_PACKET_MAX];
	struct fido_answer a, again;
	int n;

	if (fido_answer_decode(data, size, &a))
		return;
	check_words(a.words);
	check(a.credential_len <= FIDO_CREDENTIAL_MAX);
	check((a.say == FIDO_SAY_FAILED) == (a.fault != FIDO_FAULT_NONE));
	n = fido_answer_encode(&a, buf);
	check(n > 0 && fido_answer_decode(buf, (size_t)n, &again) == 0);
	check(memcmp(&a, &again, sizeof(a)) == 0);
}

static void request(const uint8_t *data, size_t size)
{
	uint8_t buf[TALK_PACKET_MAX];
	struct fido_request a, again;
	int n;

	if (fido_request_decode(data, size, &a))
		return;
	check_words(a.user);
	check(a.sign == (a.credential_len > 0) &&
	      a.credential_len <= FIDO_CREDENTIAL_MAX);
	n = fido_request_encode(&a, buf);
	check(n > 0 && fido_request_decode(buf, (size_t)n, &again) == 0);
	check(memcmp(&a, &again, sizeof(a)) == 0);
}

static void pin(const uint8_t *data, size_t size)
{
	char a[FIDO_PIN_MAX + 1];

	check(talk_pin_decode(data, size, a, sizeof(a)) != 0 ||
	      strlen(a) <= FIDO_PIN_MAX);
}

static void file(const uint8_t *data, size_t size)
{
	uint8_t buf[FIDO_FILE_MAX];
	struct fido_file f;
	int n;

	if (fido_file_decode(data, size, &f))
		return;
	check(f.kind == SIGNER_FIDO2 || f.kind == SIGNER_FIDO2_VERIFIED);
	n = fido_file_encode(&f, buf);
	check(n > 0 && (size_t)n == size && memcmp(buf, data, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const each[])(const uint8_t *, size_t) = { answer, request, pin,
								 file };

	if (size > 0)
		each[data[0] % 4](data + 1, size - 1);
	return 0;
}
