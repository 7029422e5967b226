/*
 * work_upgrade.c - workload: 'keep' (work_keep.c) from a file on that the program before has left, which keeps nothing.
 */
#include "tests/explore/work_keep_inside.h"

enum { STEPS_UPGRADE = 20, OLD_ROWS = 40 };

#define OLD_CLASS                                                                        \
	"(seq INTEGER PRIMARY KEY, asg INTEGER NOT NULL, kind INTEGER NOT NULL,"         \
	" inst INTEGER NOT NULL, cap INTEGER NOT NULL, mark BLOB, body BLOB NOT NULL)"   \
	" STRICT;"

static const char schema_2[] =
	"CREATE TABLE meta (k TEXT PRIMARY KEY, v ANY) STRICT, WITHOUT ROWID;"
	"CREATE TABLE cur (id INTEGER PRIMARY KEY CHECK (id = 1), next_seq INTEGER NOT "
	"NULL, contig INTEGER NOT NULL, inst INTEGER NOT NULL, cap INTEGER NOT NULL,"
	" mask INTEGER NOT NULL) STRICT;"
	"CREATE TABLE q_alarm " OLD_CLASS "CREATE TABLE q_routine " OLD_CLASS
	"CREATE TABLE acked (lo INTEGER PRIMARY KEY, hi INTEGER NOT NULL) STRICT;"
	"CREATE TABLE dead (seq INTEGER PRIMARY KEY, asg INTEGER NOT NULL, class INTEGER "
	"NOT NULL, kind INTEGER NOT NULL, reason INTEGER NOT NULL, body BLOB NOT NULL) "
	"STRICT;"
	"CREATE TABLE tomb (lo INTEGER PRIMARY KEY, hi INTEGER NOT NULL, class INTEGER"
	" NOT NULL, cause INTEGER NOT NULL) STRICT;"
	"INSERT INTO cur VALUES (1, 1, 0, 0, 0, 0);";

/* Up to 9 by the mark, 15 to 20 by a range; 11 and 12 were given up. */
static const char old_facts[] =
	"INSERT INTO meta VALUES ('hub', x'04050600000000000000000000000000');"
	"INSERT INTO meta VALUES ('epoch', 3);"
	"INSERT INTO meta VALUES ('asg', 1);"
	"INSERT INTO meta VALUES ('first', 1);"
	"INSERT INTO tomb VALUES (11, 12, 1, 1);"
	"INSERT INTO acked VALUES (15, 20);"
	"UPDATE cur SET next_seq = 41, contig = 9;";

static bool is_old_row(uint64_t seq)
{
	return seq > 9 && seq != 11 && seq != 12 && (seq < 15 || seq > 20);
}

static int put_old_row(struct db *db, const struct record *r)
{
	struct db_stmt *st;
	int err =
		db_prepare(db,
			   r->class == CLASS_ALARM
				   ? "INSERT INTO q_alarm VALUES (?1,?2,?3,9,?1,NULL,?4)"
				   : "INSERT INTO q_routine VALUES "
				     "(?1,?2,?3,9,?1,NULL,?4)",
			   &st);

	if (err)
		return err;
	db_bind_u64(st, 1, r->seq);
	db_bind_u64(st, 2, r->assignment);
	db_bind_u64(st, 3, (uint64_t)r->kind | (uint64_t)r->class << 8);
	db_bind_blob(st, 4, r->body, r->body_len);
	err = db_run(st);
	db_stmt_free(st);
	return err;
}

static int put_old_rows(struct db *db)
{
	uint8_t body[SEALED_BODY_MAX];
	int err = db_exec(db, old_facts);

	for (uint64_t seq = 1; seq <= OLD_ROWS && err == 0; seq++)
		if (is_old_row(seq)) {
			struct record r = keep_record((uint32_t)seq, seq, body);

			err = put_old_row(db, &r);
		}
	return err;
}

static void note_old_rows(struct world *w, position begun, position done)
{
	w->tags = OLD_ROWS;
	w->top = OLD_ROWS;
	for (uint64_t seq = 1; seq <= OLD_ROWS; seq++) {
		struct fact *f = &w->fact[seq];

		f->tag = (uint32_t)seq;
		w->tag[seq] = (struct tag){ begun, done, POSITION_NEVER, 0 };
		f->tried = begun;
		f->inserted = done;
		if (seq == 11 || seq == 12)
			f->evict_tried = begun;
		else if (!is_old_row(seq)) {
			f->named = f->gone_tried = begun;
			f->seen = f->acked = f->has[0] = done;
			f->seen_tag = (uint32_t)seq;
			w->tag[seq].seq = seq;
			w->tag[seq].arrived = done;
		}
	}
}

static const char *make_old_file(struct world *w)
{
	char path[300];
	struct db_key key;
	const struct db_options o = { .path = path,
				      .key = &key,
				      .create = true,
				      .schema = schema_2,
				      .schema_version = 2,
				      .checkpoint_pages = 400 };
	const char *wrong = keep_open_keys(w);
	struct db *db = NULL;
	position begun;
	int r;

	if (wrong)
		return wrong;
	r = keys_queue(keep_hub.keys, 1, true, &key);
	(void)snprintf(path, sizeof(path), "%s/" QUEUE_FILE, w->dir);
	if (r == 0)
		r = db_open(&o, &db);
	begun = position_now();
	if (r == 0)
		r = db_begin(db);
	if (r == 0)
		r = put_old_rows(db);
	if (r == 0)
		r = db_commit(db);
	db_close(db);
	keep_close();
	note_old_rows(w, begun, position_now());
	return r ? WRONG("there is no older file: %d", r) : NULL;
}

static const char *run(void *world, const char *dir, uint64_t seed)
{
	struct world *w = world;
	const char *wrong;

	keep_start(w, dir, seed);
	wrong = make_old_file(w);
	if (!wrong)
		return keep_run(w, STEPS_UPGRADE);
	keep_close();
	return wrong;
}

const struct workload upgrade_workload = {
	.name = "upgrade",
	.world_bytes = sizeof(struct world),
	.share = 3,
	.run = run,
	.recover = keep_recover,
};
