/*
 * fuzz_console_account.c - what was done at a console, and hubd's file of it: whatever decodes is within its limits and is written again
 * to the same bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "hub/accounts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_file(const uint8_t *data, size_t size)
{
	static uint8_t again[ACCOUNTS_BYTES_MAX];
	static struct accounts a, second;
	const struct mono now = { 5 };
	int n;

	if (accounts_decode(data, size, now, &a))
		return;
	check(a.count <= ACCOUNTS_MAX && !a.open);
	n = accounts_encode(&a, again);
	check(n > 0 && accounts_decode(again, (size_t)n, now, &second) == 0);
	check(second.next == a.next && second.count == a.count &&
	      memcmp(second.list, a.list, sizeof(a.list)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[CONSOLE_ACCOUNT_BYTES_MAX];
	struct console_account a;
	int n;

	check_file(data, size);
	if (console_account_decode(data, size, &a))
		return 0;
	n = console_account_encode(&a, again, sizeof(again));
	check(n > 0 && (size_t)n == size && memcmp(again, data, size) == 0);
	check(a.row_count <= CONSOLE_ACCOUNT_ROWS_MAX &&
	      a.signer_count <= COMMAND_SIGNATURES_MAX &&
	      a.end <= CONSOLE_ACCOUNT_END_LAST);
	return 0;
}
