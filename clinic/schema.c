/*
 * schema.c - tables and their migrations.
 *
 * A step is never edited after a release: a change is a new step. BYTEA is PostgreSQL's
 * name for bytes; SQLite takes any name. Times are UTC in milliseconds, booleans 0 or 1.
 */
#include "clinic/schema.h"

#include <errno.h>

enum { MIGRATE_TRIES = 5 };

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

/* Audit logs of hubs: where their keys begin, what was witnessed, and what went back. */
static const char step_4[] = "CREATE TABLE audit_key ("
			     "  hub_id BYTEA NOT NULL,"
			     "  epoch BIGINT NOT NULL,"
			     "  key0 BYTEA NOT NULL,"
			     "  PRIMARY KEY (hub_id, epoch));"
			     "CREATE TABLE checkpoint ("
			     "  hub_id BYTEA NOT NULL,"
			     "  epoch BIGINT NOT NULL,"
			     "  size BIGINT NOT NULL,"
			     "  bytes BYTEA NOT NULL,"
			     "  received_ms BIGINT NOT NULL,"
			     "  PRIMARY KEY (hub_id, epoch, size));"
			     "CREATE TABLE audit_incident ("
			     "  hub_id BYTEA NOT NULL,"
			     "  epoch BIGINT NOT NULL,"
			     "  reason BIGINT NOT NULL,"
			     "  size BIGINT NOT NULL,"
			     "  bytes BYTEA NOT NULL,"
			     "  received_ms BIGINT NOT NULL,"
			     "  PRIMARY KEY (hub_id, epoch));";

/* What hubs said last of themselves, and the newest signs of their devices that any of it named. */
static const char step_5[] = "CREATE TABLE hub_status ("
			     "  hub_id BYTEA NOT NULL,"
			     "  epoch BIGINT NOT NULL,"
			     "  made_ms BIGINT NOT NULL,"
			     "  received_ms BIGINT NOT NULL,"
			     "  status BYTEA NOT NULL,"
			     "  PRIMARY KEY (hub_id, epoch));"
			     "CREATE TABLE device_sign ("
			     "  hub_id BYTEA NOT NULL,"
			     "  epoch BIGINT NOT NULL,"
			     "  num BIGINT NOT NULL,"
			     "  first_ms BIGINT NOT NULL,"
			     "  seen_ms BIGINT NOT NULL,"
			     "  reading_ms BIGINT NOT NULL,"
			     "  PRIMARY KEY (hub_id, epoch, num));";

/*
 * Which assignments the clinic has given, what a person has decided about what is held, and who did what. Until now a hub
 * had one assignment, the first.
 */
static const char step_6[] =
	"CREATE TABLE assignment ("
	"  hub_id BYTEA NOT NULL,"
	"  epoch BIGINT NOT NULL,"
	"  number BIGINT NOT NULL,"
	"  state BIGINT NOT NULL,"
	"  first_seq BIGINT NOT NULL,"
	"  PRIMARY KEY (hub_id, epoch, number));"
	"INSERT INTO assignment (hub_id, epoch, number, state, first_seq)"
	"  SELECT hub_id, epoch, 1, 1, 0 FROM hub;"
	"ALTER TABLE quarantine ADD COLUMN verdict BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE quarantine ADD COLUMN journal BIGINT NOT NULL DEFAULT 0;"
	"CREATE TABLE journal ("
	"  hub_id BYTEA NOT NULL,"
	"  number BIGINT NOT NULL,"
	"  at_ms BIGINT NOT NULL,"
	"  act BIGINT NOT NULL,"
	"  count BIGINT NOT NULL,"
	"  assignment BIGINT NOT NULL,"
	"  who TEXT NOT NULL,"
	"  why TEXT NOT NULL,"
	"  PRIMARY KEY (hub_id, number));";

/* Hubs that people have claimed by their labels, before they enrol; and from then on. */
static const char step_7[] = "CREATE TABLE claim ("
			     "  spki BYTEA NOT NULL PRIMARY KEY,"
			     "  hub_id BYTEA NOT NULL UNIQUE,"
			     "  name TEXT NOT NULL UNIQUE,"
			     "  who TEXT NOT NULL,"
			     "  at_ms BIGINT NOT NULL,"
			     "  site TEXT NOT NULL,"
			     "  replaces BYTEA NOT NULL,"
			     "  contacted_ms BIGINT NOT NULL);";

/* What came of a technician's visits, line by line. */
static const char step_8[] = "CREATE TABLE visit ("
			     "  hub_id BYTEA NOT NULL,"
			     "  number BIGINT NOT NULL,"
			     "  at_ms BIGINT NOT NULL,"
			     "  step BIGINT NOT NULL,"
			     "  outcome BIGINT NOT NULL,"
			     "  who TEXT NOT NULL,"
			     "  words TEXT NOT NULL,"
			     "  PRIMARY KEY (hub_id, number));";

/*
 * The last config that was signed for a hub, as signed, and its number beside what the hub has in use: 'wanted' is 0 until
 * one is signed, 'used' until the hub has said. An older program that signs another one leaves this one here: the hub has
 * a newer one then, and takes no notice.
 */
static const char step_9[] = "CREATE TABLE signed_config ("
			     "  hub_id BYTEA NOT NULL PRIMARY KEY,"
			     "  epoch BIGINT NOT NULL,"
			     "  version BIGINT NOT NULL,"
			     "  cose BYTEA NOT NULL,"
			     "  signed_ms BIGINT NOT NULL);"
			     "ALTER TABLE hub ADD COLUMN config_wanted BIGINT NOT NULL"
			     "  DEFAULT 0;"
			     "ALTER TABLE hub ADD COLUMN config_used BIGINT NOT NULL"
			     "  DEFAULT 0;";

/*
 * What hubs ask for and get by enrolment: one row of each, and every key that ever had a certificate. 'state' and 'role' are
 * numbers of enrol_store.c.
 */
static const char step_10[] = "CREATE TABLE enrolment ("
			      "  hub_id BYTEA NOT NULL PRIMARY KEY,"
			      "  tries BIGINT NOT NULL,"
			      "  asked BIGINT NOT NULL,"
			      "  approved BIGINT NOT NULL,"
			      "  changed_ms BIGINT NOT NULL);"
			      "CREATE TABLE hub_key ("
			      "  spki BYTEA NOT NULL PRIMARY KEY,"
			      "  hub_id BYTEA NOT NULL,"
			      "  role BIGINT NOT NULL,"
			      "  state BIGINT NOT NULL,"
			      "  serial BYTEA NOT NULL,"
			      "  epoch BIGINT NOT NULL,"
			      "  renewal BIGINT NOT NULL,"
			      "  certificate BYTEA NOT NULL,"
			      "  issued_ms BIGINT NOT NULL,"
			      "  ends_ms BIGINT NOT NULL,"
			      "  confirmed_ms BIGINT NOT NULL);"
			      "CREATE INDEX hub_key_of_hub ON hub_key (hub_id);";

/* Whose assignment it is, and since when. */
static const char step_11[] =
	"ALTER TABLE assignment ADD COLUMN patient TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE assignment ADD COLUMN since_ms BIGINT NOT NULL DEFAULT 0;";

/* Who may use the clinic's door, and the record of what was asked there; numbers of door.h. */
static const char step_12[] = "CREATE TABLE person ("
			      "  name TEXT NOT NULL PRIMARY KEY,"
			      "  role BIGINT NOT NULL,"
			      "  uid BIGINT NOT NULL,"
			      "  spki BYTEA NOT NULL,"
			      "  added_ms BIGINT NOT NULL,"
			      "  revoked_ms BIGINT NOT NULL,"
			      "  who TEXT NOT NULL);"
			      "CREATE TABLE asked ("
			      "  id BIGINT NOT NULL PRIMARY KEY,"
			      "  at_ms BIGINT NOT NULL,"
			      "  who TEXT NOT NULL,"
			      "  role BIGINT NOT NULL,"
			      "  op BIGINT NOT NULL,"
			      "  code BIGINT NOT NULL,"
			      "  name TEXT NOT NULL);"
			      "CREATE INDEX asked_by_time ON asked (at_ms);";

/* Who may sign orders; the orders, each with one signature or two. */
static const char step_13[] =
	"CREATE TABLE signer ("
	"  person BIGINT NOT NULL PRIMARY KEY,"
	"  name TEXT NOT NULL UNIQUE,"
	"  role BIGINT NOT NULL,"
	"  public_key BYTEA NOT NULL UNIQUE,"
	"  added_ms BIGINT NOT NULL,"
	"  removed_ms BIGINT NOT NULL);"
	"CREATE TABLE hub_order ("
	"  hub_id BYTEA NOT NULL,"
	"  epoch BIGINT NOT NULL,"
	"  counter BIGINT NOT NULL,"
	"  verb BIGINT NOT NULL,"
	"  payload BYTEA NOT NULL,"
	"  needs BIGINT NOT NULL,"
	"  not_after_s BIGINT NOT NULL,"
	"  ordered_ms BIGINT NOT NULL,"
	"  why TEXT NOT NULL,"
	"  person BIGINT NOT NULL,"
	"  name TEXT NOT NULL,"
	"  role BIGINT NOT NULL,"
	"  cose BYTEA NOT NULL,"
	"  person_2 BIGINT NOT NULL,"
	"  name_2 TEXT NOT NULL,"
	"  role_2 BIGINT NOT NULL,"
	"  cose_2 BYTEA NOT NULL,"
	"  result BIGINT NOT NULL,"
	"  result_ms BIGINT NOT NULL,"
	"  PRIMARY KEY (hub_id, epoch, counter));"
	"ALTER TABLE hub ADD COLUMN orders BIGINT NOT NULL DEFAULT 0;";

/*
 * How a hub's life ends (life.h): what of one that is suspended is still filed, and who stands in its place; and which
 * hubs called that are told nothing any more.
 */
static const char step_14[] =
	"ALTER TABLE hub ADD COLUMN drain BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE hub ADD COLUMN drain_upto BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE hub ADD COLUMN drain_ms BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE hub ADD COLUMN drain_end_ms BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE hub ADD COLUMN again_ms BIGINT NOT NULL DEFAULT 0;"
	"CREATE TABLE successor ("
	"  hub_id BYTEA NOT NULL PRIMARY KEY,"
	"  successor_id BYTEA NOT NULL UNIQUE,"
	"  at_ms BIGINT NOT NULL);"
	"CREATE TABLE refused_call ("
	"  hub_id BYTEA NOT NULL PRIMARY KEY,"
	"  at_ms BIGINT NOT NULL,"
	"  address TEXT NOT NULL,"
	"  calls BIGINT NOT NULL);";

/* Tickets, and which hubs came with one (store_ticket.h). A clinicd of an older version lets none of these hubs in the door,
 * but would confirm one that was claimed without looking at its ticket: tickets are made when all are of this version. */
static const char step_15[] = "CREATE TABLE ticket ("
			      "  spki BYTEA NOT NULL PRIMARY KEY,"
			      "  id TEXT NOT NULL UNIQUE,"
			      "  name TEXT NOT NULL,"
			      "  site TEXT NOT NULL,"
			      "  who TEXT NOT NULL,"
			      "  at_ms BIGINT NOT NULL,"
			      "  expires_ms BIGINT NOT NULL,"
			      "  state BIGINT NOT NULL,"
			      "  hub_id BYTEA NOT NULL,"
			      "  ended_ms BIGINT NOT NULL,"
			      "  ended_by TEXT NOT NULL,"
			      "  why TEXT NOT NULL,"
			      "  alarms BIGINT NOT NULL,"
			      "  alarm_ms BIGINT NOT NULL,"
			      "  alarm_hub BYTEA NOT NULL);"
			      "CREATE TABLE ticket_hub ("
			      "  hub_id BYTEA NOT NULL PRIMARY KEY,"
			      "  ticket BYTEA NOT NULL,"
			      "  made BIGINT NOT NULL,"
			      "  at_ms BIGINT NOT NULL);"
			      "CREATE INDEX ticket_hub_ticket ON ticket_hub (ticket);";

/*
 * The emergency identity: keys of their own in hub_key (enrol_store.c), and how many were issued and not confirmed. A clinicd of
 * an older version knows none of these keys and refuses them.
 */
static const char step_16[] =
	"ALTER TABLE enrolment ADD COLUMN emergency_tries BIGINT NOT NULL DEFAULT 0;";

/*
 * Which records came from a hub that said of itself that it is suspect: filed, and shown with the mark. A clinicd of an
 * older version holds them.
 */
static const char step_17[] =
	"ALTER TABLE record ADD COLUMN suspect BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE quarantine ADD COLUMN suspect BIGINT NOT NULL DEFAULT 0;"
	"UPDATE quarantine SET suspect = 1 WHERE reason = 4;"
	"UPDATE record SET suspect = 1 WHERE EXISTS (SELECT 1 FROM quarantine q"
	"  WHERE q.hub_id = record.hub_id AND q.epoch = record.epoch"
	"  AND q.seq = record.seq AND q.body_hash = record.body_hash"
	"  AND q.reason = 4);";

/* What ends level 3 of each hub, sealed to the release authority. A clinicd of an older version keeps none: a hub that tells
 * it stays as it is at level 2. */
static const char step_18[] = "CREATE TABLE hub_escrow ("
			      "  hub_id BYTEA NOT NULL,"
			      "  epoch BIGINT NOT NULL,"
			      "  lock_epoch BIGINT NOT NULL,"
			      "  sealed BYTEA NOT NULL,"
			      "  received_ms BIGINT NOT NULL,"
			      "  PRIMARY KEY (hub_id, epoch, lock_epoch));";

/* What signs for a signer (adr/0020). An older clinicctl would take him for a plain one, and hubs would refuse what he signs. */
static const char step_19[] =
	"ALTER TABLE signer ADD COLUMN kind BIGINT NOT NULL DEFAULT 0;";

/* When a person's certificate was made anew. An older clinicd takes it by its key as every other one. */
static const char step_20[] =
	"ALTER TABLE person ADD COLUMN renewed_ms BIGINT NOT NULL DEFAULT 0;";

/*
 * steps[n] makes version n + 1 out of version n. A program may use tables of a later version than its own if 'oldest' of
 * that version says so: servers are updated one after the other, and the first one changes the tables. So a step adds
 * tables, or columns that have a default, and 'oldest' stays behind; a step after which an older program would do harm
 * has its own number there.
 */
static const struct step {
	const char *text;
	int oldest; /* SCHEMA_VERSION of the oldest program that may use what this step leaves */
} steps[SCHEMA_VERSION] = {
	{ step_1, 1 },	{ step_2, 2 },	{ step_3, 3 },	{ step_4, 4 },	{ step_5, 4 },
	{ step_6, 6 }, /* an older one would file what is held */
	{ step_7, 6 },	{ step_8, 6 },	{ step_9, 6 },	{ step_10, 6 }, { step_11, 6 },
	{ step_12, 6 }, { step_13, 6 }, { step_14, 6 }, { step_15, 6 }, { step_16, 6 },
	{ step_17, 6 }, { step_18, 6 }, { step_19, 6 }, { step_20, 6 },
};

static int read_number(struct sql *db, const char *name, int64_t *ret)
{
	struct sql_query q;

	*ret = 0;
	sql_start(db, &q, "SELECT value FROM meta WHERE name = ?1");
	sql_bind_text(&q, 1, name);
	if (sql_row(&q))
		*ret = sql_get_int(&q, 0);
	return sql_end(&q);
}

static int write_number(struct sql *db, const char *name, int64_t value)
{
	struct sql_query q;

	sql_start(db, &q,
		  "INSERT INTO meta (name, value) VALUES (?1, ?2)"
		  " ON CONFLICT (name) DO UPDATE SET value = ?2");
	sql_bind_text(&q, 1, name);
	sql_bind_int(&q, 2, value);
	return sql_finish(&q);
}

/* The version, and until the end of the transaction nobody else gets past this. */
static int lock_version(struct sql *db, int64_t *ret)
{
	struct sql_query q;

	*ret = 0;
	sql_start(db, &q,
		  "INSERT INTO meta (name, value) VALUES ('schema', 0)"
		  " ON CONFLICT (name) DO UPDATE SET value = meta.value RETURNING value");
	if (sql_row(&q))
		*ret = sql_get_int(&q, 0);
	return sql_end(&q);
}

/* A newer program's tables. Returns 0 if ours may use them. */
static int check_newer(struct sql *db)
{
	int64_t oldest;
	int r = read_number(db, "oldest", &oldest);

	if (r < 0)
		return r;
	return oldest > 0 && oldest <= SCHEMA_VERSION ? 0 : -ENOTSUP;
}

static int migrate_locked(struct sql *db, bool create)
{
	int64_t version = 0;
	int r = 0;

	if (create) /* of two that do this at once one is told that it is there */
		r = sql_run(db, "CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY,"
				"  value BIGINT NOT NULL)");
	if (r == 0)
		r = lock_version(db, &version);
	if (r < 0)
		return r;
	if (version > SCHEMA_VERSION)
		return check_newer(db);
	for (; r == 0 && version < SCHEMA_VERSION; version++) {
		r = sql_run(db, steps[version].text);
		if (r == 0)
			r = write_number(db, "schema", version + 1);
		if (r == 0)
			r = write_number(db, "oldest", steps[version].oldest);
	}
	return r;
}

static int migrate(struct sql *db, bool create)
{
	int r = sql_begin_schema(db);

	if (r == 0)
		r = migrate_locked(db, create);
	if (r == 0)
		r = sql_commit(db);
	if (r < 0)
		sql_rollback(db);
	return r;
}

int schema_migrate(struct sql *db, bool create)
{
	int64_t version = 0;
	int tries = 0, r;

	if (!create) {
		r = read_number(db, "schema", &version);
		if (r < 0)
			return r;
		if (version == SCHEMA_VERSION)
			return 0;
		if (version > SCHEMA_VERSION)
			return check_newer(db);
	}
	do
		r = migrate(db, create);
	while (r == -EAGAIN && ++tries < MIGRATE_TRIES);
	return r;
}
