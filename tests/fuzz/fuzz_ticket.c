/*
 * fuzz_ticket.c - the payload of clinic.ticket: what is taken is within its limits, encodes, and is taken again as the same.
 */
#include <stdlib.h>
#include <string.h>

#include "hub/core/ticket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t first[TICKET_PAYLOAD_MAX], second[TICKET_PAYLOAD_MAX];
	static struct ticket t, again;
	const char *field = NULL;
	int n, r = ticket_decode(data, size, &t, &field);

	check(field != NULL);
	if (r)
		return 0;
	check(t.trust_len >= 1 && t.trust_len <= sizeof(t.trust));
	check(t.cert_len >= 1 && t.cert_len <= sizeof(t.cert));
	check(t.expires_s >= 0 && ticket_expired(&t, t.expires_s + 1) &&
	      !ticket_expired(&t, t.expires_s));
	n = ticket_encode(&t, first, sizeof(first));
	check(n > 0 && (size_t)n <= size);
	check(ticket_decode(first, (size_t)n, &again, &field) == 0);
	check(memcmp(&t, &again, sizeof(t)) == 0);
	check(ticket_encode(&again, second, sizeof(second)) == n);
	check(memcmp(first, second, (size_t)n) == 0);
	return 0;
}
