/*
 * fuzz_command.c - an order as it comes over the wire, and the payload in it: what is taken keeps its bounds, names one hub, and
 * is written again as the same. The first octet says which of the two the rest is.
 */
#include <stdlib.h>
#include <string.h>

#include "hub/command.h"
#include "hub/core/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void order(const uint8_t *data, size_t size)
{
	uint8_t a[COMMAND_BYTES_MAX];
	struct command_order o, again;
	int n;

	if (command_order_decode(data, size, &o))
		return;
	check(o.count >= 1 && o.count <= COMMAND_SIGNATURES_MAX);
	for (size_t i = 0; i < o.count; i++)
		check(o.parts[i].cose >= data && o.parts[i].len <= COMMAND_SIGNED_MAX &&
		      o.parts[i].len <= size - (size_t)(o.parts[i].cose - data));
	n = command_order_encode(&o, a, sizeof(a));
	check(n > 0 && command_order_decode(a, (size_t)n, &again) == 0);
	check(again.count == o.count && again.parts[0].person == o.parts[0].person);
}

static void payload(const uint8_t *data, size_t size)
{
	const enum signer_role roles[2] = { SIGNER_CLINICIAN, SIGNER_TECHNICIAN };
	uint8_t a[COMMAND_PAYLOAD_MAX], b[COMMAND_PAYLOAD_MAX];
	struct command_place at = { 0 };
	struct command c, again;
	int n;

	if (command_decode(data, size, &c))
		return;
	n = command_encode(&c, a, sizeof(a));
	check(n > 0 && command_decode(a, (size_t)n, &again) == 0);
	check(command_encode(&again, b, sizeof(b)) == n && memcmp(a, b, (size_t)n) == 0);
	check(c.counter > 0 && c.epoch > 0 && c.verb != COMMAND_NO_VERB);
	check(c.verb != COMMAND_LOCK || (c.level >= 2 && c.level <= 3));
	memcpy(at.hub, c.hub, sizeof(at.hub));
	at.epoch = c.epoch;
	/* two signatures of one role, or one, are never enough for these */
	if (command_needs(&c) == 2)
		check(command_judge(&c, roles, 1, &at) != COMMAND_DONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] & 1)
		order(data + 1, size - 1);
	else
		payload(data + 1, size - 1);
	return 0;
}
