/*
 * fuzz_procfs.c - lines of /proc as any process may make them look: nothing is read beyond them, and a path lies in its line.
 */
#include <stdlib.h>
#include <string.h>

#include "hub/measure/procfs.h"
#include "hub/measure/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_line(const char *line, size_t len)
{
	const char *name = NULL;
	struct open_socket o;
	struct mapping m;
	int n;

	if (procfs_mapping(line, len, &m) == 0)
		check(m.path >= line && m.path + m.path_len <= line + len);
	for (int t = SOCKETS_TCP; t <= SOCKETS_BLUETOOTH; t++)
		(void)procfs_socket((enum socket_table)t, line, len, &o);
	n = procfs_module(line, len, &name);
	check(n < 0 || (name >= line && name + n <= line + len && n > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size, *line;
	struct process_status s;
	size_t len;

	if (procfs_status((const char *)data, size, &s) == 0)
		for (const char *p = s.name; *p; p++)
			check(*p >= ' ' && *p <= '~');
	while ((line = words_line(&at, end, &len)) != NULL) {
		check(line + len <= end && !memchr(line, '\n', len));
		check_line(line, len);
	}
	return 0;
}
