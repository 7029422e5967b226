/*
 * bench_commit.c - how long a commit of the queue takes and what it writes to the device.
 *
 * Built three times from the same source and the same storage/db.c, with the same settings: with SQLCipher and our
 * provider, with SQLCipher and its own OpenSSL provider, and with -DBENCH_PLAIN and plain SQLite. commit.py runs them
 * in turn and compares.
 *
 *   bench_commit DIR GROUP BODY COMMITS  prints <p50 us> <p99 us> <device bytes per reading> <readings/s>
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/db.h"
#include "tests/bench/measure.h"

enum { COMMITS_MAX = 100000, BODY_MAX = 1000, WARM_UP = 50 };

#ifdef BENCH_PLAIN
/* The symbol that plain SQLite does not have; without a key it is never called. */
int sqlite3_key(void *db, const void *key, int len);
int sqlite3_key(void *db, const void *key, int len)
{
	(void)db, (void)key, (void)len;
	abort();
}
static const struct db_key *const key = NULL;
#else
static const struct db_key the_key = { { 1, 2, 3 }, { 4, 5, 6 } };
static const struct db_key *const key = &the_key;
#endif
static const char name[] = "bench.db";

/* As storage/queue.c has it. */
static const char schema[] =
	"CREATE TABLE q_routine (seq INTEGER PRIMARY KEY, asg INTEGER NOT NULL, kind "
	"INTEGER NOT NULL,"
	" inst INTEGER NOT NULL, cap INTEGER NOT NULL, body BLOB NOT NULL) STRICT;";

static void commit_group(struct db *db, struct db_stmt *st, unsigned long *seq,
			 unsigned long group, const uint8_t *body, size_t len)
{
	measure_must(db_begin(db), "begin");
	for (unsigned long i = 0; i < group; i++) {
		db_bind_u64(st, 1, ++*seq);
		db_bind_u64(st, 2, 8);
		db_bind_u64(st, 3, 1);
		db_bind_i64(st, 4, INT64_C(0x7edcba9876543210));
		db_bind_u64(st, 5, *seq);
		db_bind_blob(st, 6, body, len);
		measure_must(db_run(st), "insert");
	}
	measure_must(db_commit(db), "commit");
}

int main(int argc, char **argv)
{
	static double us[COMMITS_MAX];
	static uint8_t body[BODY_MAX];
	unsigned long group, len, commits, seq = 0;
	unsigned long long before;
	struct db_options o = { .key = key,
				.create = true,
				.pages_max = 65536,
				.cache_pages = 128,
				.checkpoint_pages = 400,
				.schema = schema,
				.schema_version = 1 };
	struct db_stmt *st;
	struct db *db;
	char path[1024], wal[1100];

	if (argc != 5)
		return 64;
	group = strtoul(argv[2], NULL, 10);
	len = strtoul(argv[3], NULL, 10);
	commits = strtoul(argv[4], NULL, 10);
	if (commits == 0 || commits > COMMITS_MAX || len > BODY_MAX)
		return 64;
	snprintf(path, sizeof(path), "%s/%s", argv[1], name);
	snprintf(wal, sizeof(wal), "%s-wal", path);
	unlink(path);
	unlink(wal);
	o.path = path;
	srand(1);
	for (size_t i = 0; i < len; i++)
		body[i] = (uint8_t)rand();
	measure_must(db_heap_init(DB_HEAP_BYTES, NULL), "heap");
	measure_must(db_open(&o, &db), "open");
	measure_must(db_prepare(db,
				"INSERT INTO q_routine VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
				&st),
		     "prepare");
	for (int i = 0; i < WARM_UP; i++)
		commit_group(db, st, &seq, group, body, len);
	before = measure_device_bytes();
	for (unsigned long i = 0; i < commits; i++) {
		double t = measure_now_us();

		commit_group(db, st, &seq, group, body, len);
		us[i] = measure_now_us() - t;
	}
	before = measure_device_bytes() - before;
	measure_print(us, commits, group, before);
	db_stmt_free(st);
	db_close(db);
	unlink(path);
	unlink(wal);
	return 0;
}
