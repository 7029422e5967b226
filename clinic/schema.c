/*
 * schema.c - tables and their migrations.
 *
 * A step is never edited after a release: a change is a new step. BYTEA is PostgreSQL's
 * name for bytes; SQLite takes any name. Times are UTC in milliseconds, booleans 0 or 1.
 */
#include "clinic/schema.h"

#include <errno.h>

static const char step_1[] = "CREATE TABLE hub ("
			     "  hub_id BYTEA NOT NULL PRIMARY KEY,"
			     "  name TEXT NOT NULL UNIQUE,"
			     "  epoch BIGINT NOT NULL,"
			     "  state BIGINT NOT NULL,"
			     "  spki BYTEA NOT NULL UNIQUE,"
			     "  sign_public BYTEA NOT NULL,"
			     "  added_ms BIGINT NOT NULL,"
			     "  seen_ms BIGINT NOT NULL,"
			     "  queued BIGINT NOT NULL,"
			     "  highest BIGINT NOT NULL,"
			     "  acked BIGINT NOT NULL,"
			     "  rolled_back BIGINT NOT NULL);"
			     "CREATE TABLE hub_epoch ("
			     "  hub_id BYTEA NOT NULL,"
			     "  epoch BIGINT NOT NULL,"
			     "  contig BIGINT NOT NULL,"
			     "  PRIMARY KEY (hub_id, epoch));"
			     "CREATE TABLE record ("
			     "  hub_id BYTEA NOT NULL,"
			     "  epoch BIGINT NOT NULL,"
			     "  seq BIGINT NOT NULL,"
			     "  assignment BIGINT NOT NULL,"
			     "  class BIGINT NOT NULL,"
			     "  kind BIGINT NOT NULL,"
			     "  body BYTEA NOT NULL,"
			     "  body_hash BYTEA NOT NULL,"
			     "  received_ms BIGINT NOT NULL,"
			     "  PRIMARY KEY (hub_id, epoch, seq));"
			     "CREATE TABLE quarantine ("
			     "  hub_id BYTEA NOT NULL,"
			     "  epoch BIGINT NOT NULL,"
			     "  seq BIGINT NOT NULL,"
			     "  assignment BIGINT NOT NULL,"
			     "  class BIGINT NOT NULL,"
			     "  kind BIGINT NOT NULL,"
			     "  body BYTEA NOT NULL,"
			     "  body_hash BYTEA NOT NULL,"
			     "  received_ms BIGINT NOT NULL,"
			     "  reason BIGINT NOT NULL,"
			     "  PRIMARY KEY (hub_id, epoch, seq, body_hash));";

/* The config that was last signed for a hub, so that the next one can be made from it. */
static const char step_2[] = "CREATE TABLE hub_config ("
			     "  hub_id BYTEA NOT NULL PRIMARY KEY,"
			     "  config BYTEA NOT NULL);";

/* Numbers of a hub that stand for no record any more. Ranges of one (hub, epoch) are disjoint. */
static const char step_3[] = "CREATE TABLE tombstone ("
			     "  hub_id BYTEA NOT NULL,"
			     "  epoch BIGINT NOT NULL,"
			     "  lo BIGINT NOT NULL,"
			     "  hi BIGINT NOT NULL,"
			     "  class BIGINT NOT NULL,"
			     "  cause BIGINT NOT NULL,"
			     "  received_ms BIGINT NOT NULL,"
			     "  PRIMARY KEY (hub_id, epoch, lo));";

/* steps[n] makes version n + 1 out of version n. */
static const char *const steps[SCHEMA_VERSION] = { step_1, step_2, step_3 };

static int read_version(struct sql *db, int64_t *ret)
{
	struct sql_query q;

	*ret = 0;
	sql_start(db, &q, "SELECT value FROM meta WHERE name = 'schema'");
	if (sql_row(&q))
		*ret = sql_get_int(&q, 0);
	return sql_end(&q);
}

static int write_version(struct sql *db, int64_t version)
{
	struct sql_query q;

	sql_start(db, &q,
		  "INSERT INTO meta (name, value) VALUES ('schema', ?1)"
		  " ON CONFLICT (name) DO UPDATE SET value = ?1");
	sql_bind_int(&q, 1, version);
	return sql_finish(&q);
}

static int migrate_locked(struct sql *db, bool create)
{
	int64_t version = 0;
	int r = 0;

	if (create)
		r = sql_run(db, "CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY,"
				"  value BIGINT NOT NULL)");
	if (r == 0)
		r = read_version(db, &version);
	if (r < 0)
		return r;
	if (version > SCHEMA_VERSION)
		return -ENOTSUP;
	for (; r == 0 && version < SCHEMA_VERSION; version++) {
		r = sql_run(db, steps[version]);
		if (r == 0)
			r = write_version(db, version + 1);
	}
	return r;
}

int schema_migrate(struct sql *db, bool create)
{
	int64_t version = 0;
	int r;

	if (!create) {
		r = read_version(db, &version);
		if (r < 0)
			return r;
		if (version == SCHEMA_VERSION)
			return 0;
	}
	r = sql_begin(db);
	if (r == 0)
		r = migrate_locked(db, create);
	if (r == 0)
		r = sql_commit(db);
	if (r < 0)
		sql_rollback(db);
	return r;
}
