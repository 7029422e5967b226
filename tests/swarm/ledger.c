/*
 * ledger.c - the two files of ledger.h.
 */
#include "tests/swarm/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/core/envelope.h"
#include "hub/crypto/crypto.h"

enum { LINE_MAX_LEN = 256 };

static void fail(const char *what)
{
	fprintf(stderr, "swarm: ledger: %s: %s\n", what, strerror(errno));
	exit(1);
}

void ledger_hex(const uint8_t *p, size_t len, char *ret)
{
	for (size_t i = 0; i < len; i++)
		snprintf(ret + 2 * i, 3, "%02x", p[i]);
}

static int open_file(const char *dir, const char *name)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		fail(path);
	return fd;
}

void ledger_open(struct ledger *l, const char *dir)
{
	l->made = open_file(dir, "made");
	l->acked = open_file(dir, "acked");
}

void ledger_close(struct ledger *l)
{
	close(l->made);
	close(l->acked);
}

static void put(int fd, const char *line, int len)
{
	if (len < 0 || len >= LINE_MAX_LEN || write(fd, line, (size_t)len) != len)
		fail("write");
}

void ledger_made(struct ledger *l, const uint8_t *hub, uint32_t epoch, uint64_t seq,
		 const uint8_t *body, size_t len)
{
	char line[LINE_MAX_LEN], id[2 * HUB_ID_LEN + 1], sum[2 * SHA256_LEN + 1];
	uint8_t hash[SHA256_LEN];

	crypto_sha256(body, len, hash);
	ledger_hex(hub, HUB_ID_LEN, id);
	ledger_hex(hash, SHA256_LEN, sum);
	put(l->made, line,
	    snprintf(line, sizeof(line), "%s %" PRIu32 " %" PRIu64 " %s\n", id, epoch,
		     seq, sum));
}

void ledger_acked(struct ledger *l, const uint8_t *hub, uint32_t epoch, uint64_t seq)
{
	char line[LINE_MAX_LEN], id[2 * HUB_ID_LEN + 1];

	ledger_hex(hub, HUB_ID_LEN, id);
	put(l->acked, line,
	    snprintf(line, sizeof(line), "%s %" PRIu32 " %" PRIu64 "\n", id, epoch, seq));
}
