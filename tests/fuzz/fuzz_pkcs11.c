/*
 * fuzz_pkcs11.c - what clinicctl-pkcs11 says to clinicctl and the other way round, and the file that names a token's key: what is taken
 * has bounded lengths and printable words, and is written again as the same. The first octet says which of them the rest is.
 */
#include <stdlib.h>
#include <string.h>

#include "clinic/pkcs11_file.h"
#include "clinic/pkcs11_talk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_words(const char *words, size_t max)
{
	check(strlen(words) <= max);
	for (; *words; words++)
		check(*words >= ' ' && *words <= '~');
}

static void answer(const uint8_t *data, size_t size)
{
	uint8_t buf[TALK_PACKET_MAX];
	struct pkcs11_answer a, again;
	int n;

	if (pkcs11_answer_decode(data, size, &a))
		return;
	check_words(a.words, TALK_WORDS_MAX);
	check_words(a.uri, PKCS11_URI_MAX);
	check((a.say == PKCS11_SAY_FAILED) == (a.fault != PKCS11_FAULT_NONE));
	check(a.tries <= PKCS11_TRIES_LAST && a.fault <= PKCS11_FAULT_LAST);
	check(a.public[0] == 0 || a.public[0] == 4);
	n = pkcs11_answer_encode(&a, buf);
	check(n > 0 && pkcs11_answer_decode(buf, (size_t)n, &again) == 0);
	check(memcmp(&a, &again, sizeof(a)) == 0);
}

static void request(const uint8_t *data, size_t size)
{
	uint8_t buf[TALK_PACKET_MAX];
	struct pkcs11_request a, again;
	int n;

	if (pkcs11_request_decode(data, size, &a))
		return;
	check_words(a.uri, PKCS11_URI_MAX);
	check(pkcs11_uri_ok(a.uri, strlen(a.uri)));
	n = pkcs11_request_encode(&a, buf);
	check(n > 0 && pkcs11_request_decode(buf, (size_t)n, &again) == 0);
	check(memcmp(&a, &again, sizeof(a)) == 0);
}

static void pin(const uint8_t *data, size_t size)
{
	char a[PKCS11_PIN_MAX + 1];

	check(talk_pin_decode(data, size, a, sizeof(a)) != 0 ||
	      strlen(a) <= PKCS11_PIN_MAX);
}

static void hash(const uint8_t *data, size_t size)
{
	uint8_t a[PKCS11_HASH_LEN], b[PKCS11_HASH_LEN], buf[TALK_PACKET_MAX];
	int n;

	if (pkcs11_hash_decode(data, size, a))
		return;
	n = pkcs11_hash_encode(a, buf);
	check(n > 0 && pkcs11_hash_decode(buf, (size_t)n, b) == 0);
	check(memcmp(a, b, sizeof(a)) == 0);
}

static void file(const uint8_t *data, size_t size)
{
	struct pkcs11_file f, again;
	uint8_t buf[PKCS11_FILE_MAX];
	int n;

	if (pkcs11_file_decode(data, size, &f))
		return;
	check(pkcs11_file_is(data, size));
	check_words(f.uri, PKCS11_URI_MAX);
	check(f.public[0] == 0 || f.public[0] == 4);
	n = pkcs11_file_encode(&f, buf);
	check(n > 0 && pkcs11_file_decode(buf, (size_t)n, &again) == 0);
	check(memcmp(&f, &again, sizeof(f)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const each[])(const uint8_t *, size_t) = { answer, request, pin,
								 hash, file };

	if (size > 0)
		each[data[0] % 5](data + 1, size - 1);
	return 0;
}
