/*
 * fuzz_token.c - what a technician types or pastes, and the payload behind a signature: what is taken keeps its bounds, names one hub,
 * and is written again as the same. The first octet says which of the four the rest is.
 */
#include <stdlib.h>
#include <string.h>

#include "hub/core/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void challenge(const char *text, size_t len)
{
	char again[CHALLENGE_TEXT_MAX];
	struct challenge c, back;

	if (challenge_parse(text, len, &c))
		return;
	check(c.level <= 4);
	challenge_text(&c, again);
	check(challenge_parse(again, CHALLENGE_TEXT_LEN, &back) == 0);
	check(memcmp(&c, &back, sizeof(c)) == 0);
}

static void payload(const uint8_t *data, size_t size)
{
	uint8_t a[TOKEN_PAYLOAD_MAX], b[TOKEN_PAYLOAD_MAX];
	struct access_token t, again;
	int n;

	if (access_token_decode(data, size, &t))
		return;
	check((t.verbs & ~verbs_all()) == 0 && t.level <= TOKEN_LEVEL_LAST);
	check(t.seconds >= 1 && t.seconds <= TOKEN_SECONDS_MAX && t.technician >= 1);
	check(t.order_count <= TOKEN_ORDERS_MAX);
	for (size_t i = 0; i < t.order_count; i++)
		check((t.verbs & VERB_BIT(t.orders[i].verb)) &&
		      access_token_order(&t, t.orders[i].verb) >= 1 &&
		      t.orders[i].argument <= verb_order_max(t.orders[i].verb));
	n = access_token_encode(&t, a, sizeof(a));
	check(n > 0 && access_token_decode(a, (size_t)n, &again) == 0);
	check(access_token_encode(&again, b, sizeof(b)) == n &&
	      memcmp(a, b, (size_t)n) == 0);
}

static void text(const char *data, size_t size)
{
	uint8_t bytes[TOKEN_BYTES_MAX], back[TOKEN_BYTES_MAX];
	char again[TOKEN_TEXT_MAX];
	struct command_order o;
	int n = access_token_parse(data, size, bytes), k;

	if (n < 0)
		return;
	check(n > 0 && n <= TOKEN_BYTES_MAX);
	k = access_token_text(bytes, (size_t)n, again);
	check(k > 0 && access_token_parse(again, (size_t)k, back) == n);
	check(memcmp(bytes, back, (size_t)n) == 0);
	if (access_token_unframe(bytes, (size_t)n, &o))
		return;
	check(o.count >= 1 && o.count <= COMMAND_SIGNATURES_MAX);
	for (size_t i = 0; i < o.count; i++)
		check(o.parts[i].len <= TOKEN_SIGNED_MAX &&
		      o.parts[i].len <= (size_t)n - (size_t)(o.parts[i].cose - bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char digits[TOKEN_CODE_DIGITS + 1];

	if (size == 0)
		return 0;
	switch (data[0] & 3) {
	case 0: challenge((const char *)data + 1, size - 1); break;
	case 1: payload(data + 1, size - 1); break;
	case 2: text((const char *)data + 1, size - 1); break;
	default:
		if (token_code_parse((const char *)data + 1, size - 1, digits) == 0)
			check(strlen(digits) == TOKEN_CODE_DIGITS);
	}
	return 0;
}
