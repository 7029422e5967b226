/*
 * test_salvage.c - queues of random content, damaged in every way, against what was in them.
 *
 * What was there is read by SQLCipher from the undamaged files. What may be missing is known from a map of the
 * tree: a record is lost if its own page or one above it does not read, and for no other reason.
 */
#include "storage/salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "hub/core/reading.h"
#include "storage/btree.h"
#include "storage/salvage_walk.h"
#include "storage/sqlcipher_wolf.h"
#include "temp_dir.h"
#include "test.h"

enum { SEQ_MAX = 12000, FILE_MAX = 16 << 20, PAGES_MAX = FILE_MAX / DB_PAGE_SIZE };

enum state { ST_NONE = 0, ST_ROW, ST_ACKED, ST_TOMB };

static const struct db_key key = { { 1, 2, 3 }, { 4, 5, 6 } };
static char dir[64], path[128], wal_path[136], orig[128];

/* --- the oracle ---------------------------------------------------------------------- */

static struct {
	uint64_t contig, highest;
	/* the clinic was restored from an older backup: it asked from here on, so many rows are there again */
	uint64_t asked, came_back;
	struct {
		/* what was given to the queue */
		enum record_class class;
		uint32_t asg;
		uint8_t kind, mark[QUEUE_MARK_LEN];
		bool has_mark;
		uint64_t inst, cap;
		uint16_t len;
		uint64_t body_seed;
		/* where it is now, and was it a tombstone once */
		enum state now;
		struct tombstone tomb;
		bool was_tomb, was_acked, parked;
		/* pages from the root to it; 0: not in the tree */
		uint32_t way[WALK_DEPTH];
	} of[SEQ_MAX];
} truth;

static void fill_body(uint64_t seed, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		p[i] = (uint8_t)(seed >> 56);
	}
}

/* --- making a queue -------------------------------------------------------------------- */

static struct queue *q;
static bool evicting = true; /* it takes parked bodies before readings */

static void insert_group(size_t n, size_t len_max)
{
	static uint8_t body[QUEUE_GROUP_MAX][SEALED_BODY_MAX];
	struct queue_entry e[QUEUE_GROUP_MAX] = { 0 };

	for (size_t i = 0; i < n; i++) {
		uint64_t seq = queue_next_seq(q) + i;

		CHECK(seq < SEQ_MAX);
		truth.of[seq].class = test_random() % 8 ? CLASS_ROUTINE : CLASS_ALARM;
		truth.of[seq].asg = (uint32_t)test_random();
		truth.of[seq].kind = (uint8_t)test_random();
		truth.of[seq].inst = test_random();
		truth.of[seq].cap = test_random();
		truth.of[seq].has_mark = test_random() % 2;
		fill_body(test_random(), truth.of[seq].mark, QUEUE_MARK_LEN);
		truth.of[seq].len = (uint16_t)(1 + test_random() % len_max);
		truth.of[seq].body_seed = test_random();
		fill_body(truth.of[seq].body_seed, body[i], truth.of[seq].len);
		e[i] = (struct queue_entry){
			.record = { .assignment = truth.of[seq].asg,
				    .seq = seq,
				    .class = truth.of[seq].class,
				    .kind = truth.of[seq].kind,
				    .body = body[i],
				    .body_len = truth.of[seq].len },
			.instance = truth.of[seq].inst,
			.capture = truth.of[seq].cap,
			.has_mark = truth.of[seq].has_mark,
		};
		memcpy(e[i].mark, truth.of[seq].mark, QUEUE_MARK_LEN);
	}
	CHECK_INT(queue_insert(q, e, n), 0);
}

static void acknowledge_some(void)
{
	struct reply r = { .has_contig = true, .contig = queue_contig(q) };
	uint64_t at = queue_contig(q), top = queue_highest(q);
	struct queue_ack a;

	if (test_random() % 3 == 0)
		r.contig = at += test_random() % 50;
	if (at > top)
		r.contig = at = top;
	for (int i = 0; i < 4; i++) {
		uint64_t first = at + 2 + test_random() % 60,
			 last = first + test_random() % 20;

		if (last > top)
			break;
		r.ranges[r.range_count++] = (struct seq_range){ first, last };
		at = last + 1;
	}
	if (test_random() % 2 && top > at + 10)
		r.refused[r.refused_count++] =
			(struct refused){ at + 2 + test_random() % (top - at - 2),
					  REFUSED_MALFORMED };
	CHECK_INT(queue_acknowledge(q, &r, &a), 0);
}

static void make_queue(uint64_t rows, size_t len_max)
{
	struct queue_evicted ev;

	memset(&truth, 0, sizeof(truth));
	CHECK_INT(queue_open(dir, 1, &key, 0, &q), 0);
	CHECK_INT(queue_set_owner(q, (const uint8_t *)"hub hub hub hub!", 7, 1), 0);
	while (queue_next_seq(q) <= rows) {
		insert_group(1 + test_random() % QUEUE_GROUP_MAX, len_max);
		if (test_random() % 8 == 0)
			acknowledge_some();
		/* what is in the WAL is written back; the second half stays in it */
		if (queue_next_seq(q) < rows / 2 && test_random() % 20 == 0) {
			queue_close(q);
			CHECK_INT(queue_open(dir, 1, &key, 0, &q), 0);
		}
		ev.evidence = evicting && test_random() % 20 == 0;
		while (ev.evidence) /* which goes first, and alone */
			CHECK_INT(queue_evict(q, 1 + (unsigned)(test_random() % 20),
					      QUEUE_ALARMS, &ev),
				  0);
	}
	/* the mark in the WAL is another one than in the file */
	CHECK_INT(queue_acknowledge(q,
				    &(struct reply){ .has_contig = true,
						     .contig = queue_contig(q) + 1 },
				    &(struct queue_ack){ 0 }),
		  0);
	truth.contig = queue_contig(q);
	truth.highest = queue_highest(q);
	queue_close(q);
}

/* --- files ----------------------------------------------------------------------------- */

struct bytes {
	uint8_t *p;
	size_t n;
};
static struct bytes file, wal; /* as the queue left them */
static uint8_t *damaged[2];    /* as the salvage gets them */
static size_t damaged_len[2];

static struct bytes load(const char *name)
{
	struct bytes b = { malloc(FILE_MAX), 0 };
	FILE *f = fopen(name, "rb");

	CHECK(b.p != NULL);
	if (f) {
		b.n = fread(b.p, 1, FILE_MAX, f);
		CHECK(b.n < FILE_MAX);
		fclose(f);
	}
	return b;
}

static void save(const char *name, const uint8_t *p, size_t n)
{
	FILE *f = fopen(name, "wb");

	CHECK(f != NULL);
	CHECK_UINT(fwrite(p, 1, n, f), n);
	CHECK_INT(fclose(f), 0);
}

static void heal(void)
{
	for (int i = 0; i < 2; i++)
		if (!damaged[i])
			damaged[i] = malloc(FILE_MAX);
	memcpy(damaged[0], file.p, damaged_len[0] = file.n);
	memcpy(damaged[1], wal.p, damaged_len[1] = wal.n);
}

/* --- the oracle reads ------------------------------------------------------------------- */

static struct db *open_orig(void)
{
	const struct db_options o = { .path = orig, .key = &key, .schema_version = 4 };
	struct db *db;

	CHECK_INT(db_open(&o, &db), 0);
	return db;
}

static void each_number(struct db *db, const char *sql,
			void (*fn)(struct db_stmt *, uint64_t))
{
	struct db_stmt *st;
	int r;

	CHECK_INT(db_prepare(db, sql, &st), 0);
	while ((r = db_step(st)) == 1)
		for (uint64_t s = db_u64(st, 0); s <= db_u64(st, 1); s++) {
			CHECK(s > 0 && s < SEQ_MAX);
			fn(st, s);
		}
	CHECK_INT(r, 0);
	db_stmt_free(st);
}

static void note_row(struct db_stmt *st, uint64_t s)
{
	uint8_t body[SEALED_BODY_MAX];
	size_t len;

	truth.of[s].now = ST_ROW;
	fill_body(truth.of[s].body_seed, body, truth.of[s].len);
	CHECK_MEM(db_blob(st, 2, &len), body, truth.of[s].len);
	if (db_i64(st, 3) == 0 && db_i64(st, 4) == 0) { /* it came back from a copy */
		truth.of[s].inst = truth.of[s].cap = 0;
		truth.of[s].has_mark = false;
		truth.came_back++;
	}
}

static void note_acked(struct db_stmt *st, uint64_t s)
{
	(void)st;
	truth.of[s].now = ST_ACKED;
}

static void note_tomb(struct db_stmt *st, uint64_t s)
{
	truth.of[s].now = ST_TOMB;
	truth.of[s].tomb = (struct tombstone){ db_u64(st, 0), db_u64(st, 1),
					       (enum record_class)db_u64(st, 2),
					       (enum tombstone_cause)db_u64(st, 3) };
}

static void note_parked(struct db_stmt *st, uint64_t s)
{
	(void)st;
	truth.of[s].parked = true;
}

static void read_truth(void)
{
	struct db *db = open_orig();

	each_number(db, "SELECT seq, seq, body, inst, cap FROM q_routine", note_row);
	each_number(db, "SELECT seq, seq, body, inst, cap FROM q_alarm", note_row);
	each_number(db, "SELECT lo, hi FROM acked", note_acked);
	each_number(db, "SELECT lo, hi, class, cause FROM tomb", note_tomb);
	each_number(db, "SELECT seq, seq FROM dead", note_parked);
	db_close(db);
	for (uint64_t s = 1; s <= truth.contig; s++)
		truth.of[s].now = ST_ACKED;
	for (uint64_t s = 1; s <= truth.highest; s++)
		CHECK(truth.of[s].now != ST_NONE);
}

/* --- the map ---------------------------------------------------------------------------- */

static uint32_t root_of[SALVAGE_TABLES], depth_seen;
static uint32_t inner_count, leaf_count;
static uint32_t tree_pages[SALVAGE_TABLES][PAGES_MAX], tree_count[SALVAGE_TABLES];

static void read_roots(void)
{
	static const char *const names[] = { "q_routine", "q_alarm", "acked", "tomb",
					     "dead" };
	struct db *db = open_orig();
	struct db_stmt *st;

	CHECK_INT(db_prepare(db, "SELECT name, rootpage FROM sqlite_schema", &st), 0);
	while (db_step(st) == 1)
		for (size_t i = 0; i < SALVAGE_TABLES; i++)
			if (strcmp(names[i], db_text(st, 0)) == 0)
				root_of[i] = (uint32_t)db_u64(st, 1);
	db_stmt_free(st);
	db_close(db);
}

static void map_page(struct page_file *f, int table, uint32_t no, uint32_t *way,
		     size_t depth)
{
	uint8_t data[DB_PAGE_SIZE];
	struct btree_page p;

	way[depth] = no;
	tree_pages[table][tree_count[table]++] = no;
	CHECK_INT(page_file_read(f, PAGE_NEWEST, no, data), 0);
	CHECK_INT(btree_parse(data, PAGE_USABLE, no, &p), 0);
	if (depth + 1 > depth_seen)
		depth_seen = (uint32_t)depth + 1;
	if (p.kind == BTREE_INNER) {
		inner_count++;
		for (unsigned i = 0; i <= p.cells; i++) {
			uint32_t child;
			int64_t k;

			CHECK_INT(btree_child(&p, i, &child, &k), 0);
			map_page(f, table, child, way, depth + 1);
		}
		return;
	}
	leaf_count++;
	for (unsigned i = 0; i < p.cells; i++) {
		struct btree_row row;

		CHECK_INT(btree_row(&p, i, &row), 0);
		if (table == SALVAGE_ROUTINE || table == SALVAGE_ALARM) {
			memset(truth.of[row.rowid].way, 0, sizeof(truth.of[0].way));
			memcpy(truth.of[row.rowid].way, way, (depth + 1) * sizeof(*way));
		}
	}
}

static void draw_map(void)
{
	uint32_t way[WALK_DEPTH];
	struct page_file *f;

	read_roots();
	memset(tree_count, 0, sizeof(tree_count));
	inner_count = leaf_count = depth_seen = 0;
	CHECK_INT(page_file_open(path, &key, &f), 0);
	for (int t = 0; t < SALVAGE_TABLES; t++)
		map_page(f, t, root_of[t], way, 0);
	page_file_close(f);
}

/* --- a world ---------------------------------------------------------------------------- */

static void copy_file(const char *from, const char *to)
{
	struct bytes b = load(from);

	save(to, b.p, b.n);
	free(b.p);
}

static void set_paths(void)
{
	temp_dir_make(dir, sizeof(dir));
	snprintf(orig, sizeof(orig), "%s/%s", dir, QUEUE_FILE);
	snprintf(path, sizeof(path), "%s/queue-1.db.aside", dir);
	snprintf(wal_path, sizeof(wal_path), "%s-wal", path);
}

static void start(uint64_t rows, size_t len_max, bool with_wal)
{
	char orig_wal[140];

	set_paths();
	snprintf(orig_wal, sizeof(orig_wal), "%s-wal", orig);
	make_queue(rows, len_max);
	if (!with_wal) { /* a start writes it back */
		CHECK_INT(queue_open(dir, 1, &key, 0, &q), 0);
		queue_close(q);
		CHECK_INT(truncate(orig_wal, 0), 0);
	}
	copy_file(orig, path);
	copy_file(orig_wal, wal_path);
	file = load(path);
	wal = load(wal_path);
	read_truth();
	draw_map();
}

static void stop(void)
{
	free(file.p);
	free(wal.p);
	for (int i = 0; i < 2; i++) {
		free(damaged[i]);
		damaged[i] = NULL;
	}
	temp_dir_remove(dir);
}

/* --- what a salvage tells, against the truth --------------------------------------------- */

static struct {
	enum salvage_kind of[SEQ_MAX];
	uint64_t calls, again, rows_missed;
	struct salvage_report report;
} told;

static void check_record(const struct salvage_item *i, const uint8_t *buf)
{
	const struct queue_entry *e = &i->entry;
	uint8_t body[SEALED_BODY_MAX];
	uint64_t s = i->first;

	CHECK_UINT(i->last, s);
	CHECK_UINT(e->record.seq, s);
	CHECK_INT(e->record.class, truth.of[s].class);
	CHECK_UINT(e->record.assignment, truth.of[s].asg);
	CHECK_UINT(e->record.kind, truth.of[s].kind);
	/* a row that came back and has left since is known no better */
	if (truth.asked == 0 || s < truth.asked || e->instance ||
	    truth.of[s].now == ST_ROW) {
		CHECK_UINT(e->instance, truth.of[s].inst);
		CHECK_UINT(e->capture, truth.of[s].cap);
		CHECK_INT(e->has_mark, truth.of[s].has_mark);
		if (e->has_mark)
			CHECK_MEM(e->mark, truth.of[s].mark, QUEUE_MARK_LEN);
	}
	CHECK(e->record.body == buf);
	CHECK_UINT(e->record.body_len, truth.of[s].len);
	fill_body(truth.of[s].body_seed, body, truth.of[s].len);
	CHECK_MEM(buf, body, truth.of[s].len);
}

/* One item; 'exact': nothing older than the newest commit may be told. */
static void check_item(const struct salvage_item *i, const uint8_t *buf, bool exact)
{
	for (uint64_t s = i->first; s <= i->last; s++) {
		told.of[s] = i->kind;
		switch (i->kind) {
		case SALVAGE_RECORD:
			check_record(i, buf);
			CHECK(!exact || truth.of[s].now == ST_ROW);
			break;
		case SALVAGE_ACKED: CHECK_INT(truth.of[s].now, ST_ACKED); break;
		case SALVAGE_TOMBSTONE:
			CHECK(truth.of[s].now == ST_TOMB || !exact);
			CHECK(truth.of[s].now != ST_ROW);
			CHECK_UINT(i->tombstone.first, i->first);
			CHECK_UINT(i->tombstone.last, i->last);
			if (truth.of[s].now == ST_TOMB) {
				CHECK_INT(i->tombstone.cause, truth.of[s].tomb.cause);
				CHECK_INT(i->tombstone.class, truth.of[s].tomb.class);
			}
			break;
		case SALVAGE_LOST:
			CHECK_INT(i->tombstone.cause, TOMBSTONE_DAMAGED);
			CHECK_INT(i->tombstone.class, CLASS_NONE);
			CHECK_UINT(i->tombstone.first, i->first);
			CHECK_UINT(i->tombstone.last, i->last);
			break;
		case SALVAGE_NONE: CHECK(false);
		}
	}
}

static void check_untouched(int which, const char *name)
{
	struct bytes b = load(name);

	CHECK_UINT(b.n, damaged_len[which]);
	CHECK(memcmp(b.p, damaged[which], b.n) == 0);
	free(b.p);
}

/* Only the four files that were there. */
static void check_folder(void)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	CHECK_UINT(n, 2 + 4); /* with '.' and '..' */
}

static void salvage_all(bool exact)
{
	uint8_t buf[SEALED_BODY_MAX];
	struct salvage_item i;
	struct salvage *s;
	uint64_t next = 1;
	int r;

	memset(&told, 0, sizeof(told));
	save(path, damaged[0], damaged_len[0]);
	save(wal_path, damaged[1], damaged_len[1]);
	CHECK_INT(salvage_open(path, &key, 1, truth.highest, &s), 0);
	while ((r = salvage_next(s, &i, buf)) != 0) {
		told.calls++;
		if (r == -EAGAIN) {
			told.again++;
			continue;
		}
		CHECK_INT(r, 1);
		CHECK_UINT(i.first, next);
		CHECK(i.last >= i.first && i.last <= truth.highest);
		check_item(&i, buf, exact);
		next = i.last + 1;
	}
	CHECK_UINT(next, truth.highest + 1);
	CHECK_INT(salvage_next(s, &i, buf), 0);
	salvage_report(s, &told.report);
	salvage_close(s);
	check_untouched(0, path);
	check_untouched(1, wal_path);
	check_folder();
	CHECK_UINT(told.report.records + told.report.acked + told.report.tombstones +
			   told.report.lost,
		   truth.highest);
	for (uint64_t n = 1; n <= truth.highest; n++)
		told.rows_missed +=
			truth.of[n].now == ST_ROW && told.of[n] != SALVAGE_RECORD;
}

/* --- damage ------------------------------------------------------------------------------ */

static bool page_hit[PAGES_MAX + 1];

static void hit(int which, size_t at, size_t len)
{
	for (size_t i = at; i < at + len && i < damaged_len[which]; i++) {
		damaged[which][i] ^= (uint8_t)(1 + test_random() % 255);
		/* the salt in page 1 is not looked at: ours is with the key */
		if (which == 0 && i >= DB_SALT_LEN)
			page_hit[i / DB_PAGE_SIZE + 1] = true;
	}
}

static bool way_is_clear(uint64_t s)
{
	for (int i = 0; i < WALK_DEPTH; i++)
		if (page_hit[truth.of[s].way[i]])
			return false;
	return true;
}

/* With no WAL: what is found is exactly what the map allows. */
static void check_exactly(void)
{
	uint64_t out_of_reach = 0;

	for (uint64_t s = 1; s <= truth.highest; s++) {
		if (truth.of[s].now != ST_ROW)
			continue;
		CHECK_INT(told.of[s], way_is_clear(s) ? SALVAGE_RECORD : SALVAGE_LOST);
		out_of_reach += !way_is_clear(s);
	}
	CHECK_UINT(told.rows_missed, out_of_reach);
}

/* --- cases ------------------------------------------------------------------------------- */

static void test_undamaged(void)
{
	for (int with_wal = 0; with_wal < 2; with_wal++) {
		start(1500, 600, with_wal);
		CHECK((wal.n > 0) == with_wal);
		heal();
		salvage_all(true);
		for (uint64_t s = 1; s <= truth.highest; s++)
			CHECK_INT(told.of[s], truth.of[s].now == ST_ROW ? SALVAGE_RECORD
					      : truth.of[s].now == ST_TOMB
						      ? SALVAGE_TOMBSTONE
						      : SALVAGE_ACKED);
		for (int t = 0; t < SALVAGE_TABLES; t++)
			CHECK(told.report.whole[t]);
		CHECK(told.report.has_page_1 && told.report.has_cur);
		CHECK_UINT(told.report.contig, truth.contig);
		CHECK(told.report.has_owner);
		CHECK_UINT(told.report.epoch, 7);
		CHECK_MEM(told.report.hub, "hub hub hub hub!", HUB_ID_LEN);
		CHECK_UINT(told.report.lost, 0);
		CHECK_UINT(told.report.pages_bad + told.report.pages_older, 0);
		CHECK_UINT(told.report.wal.damaged, 0);
		CHECK((told.report.wal.frames > 0) == with_wal);
		stop();
	}
}

/* Each kind of damage to a file without a WAL, again and again. */
static void damage_file(void)
{
	size_t pages = file.n / DB_PAGE_SIZE, at = test_random() % file.n;

	switch (test_random() % 5) {
	case 0: hit(0, at, 1); break;
	case 1:
		for (size_t i = 0; i < pages / 20 + 1; i++)
			hit(0, test_random() % file.n, 1 + test_random() % 64);
		break;
	case 2: hit(0, at / 512 * 512, 512 * (1 + test_random() % 40)); break;
	case 3: /* cut: also in the middle of a page */
		damaged_len[0] = at;
		for (size_t i = at / DB_PAGE_SIZE; i < pages; i++)
			page_hit[i + 1] = true;
		break;
	case 4: /* a run of zeros, as a card gives for what it has lost */
		at = at / DB_PAGE_SIZE * DB_PAGE_SIZE;
		for (size_t i = at; i < at + 9 * DB_PAGE_SIZE && i < file.n; i++) {
			damaged[0][i] = 0;
			page_hit[i / DB_PAGE_SIZE + 1] = true;
		}
		break;
	}
}

static void test_file_damage(void)
{
	uint64_t missed = 0;

	start(2500, 700, false);
	for (int i = 0; i < 60; i++) {
		memset(page_hit, 0, sizeof(page_hit));
		heal();
		damage_file();
		if (page_hit[1] && damaged_len[0] < DB_PAGE_SIZE)
			continue; /* nothing is left: a case of its own */
		salvage_all(false);
		check_exactly();
		missed += told.rows_missed;
	}
	CHECK(missed > 0);
	stop();
}

/* Every single page of the file, one at a time, in a tree of three levels. */
static void test_each_inner_page(void)
{
	start(9800, 520, false);
	CHECK_UINT(depth_seen, 3);
	CHECK(inner_count >= 4);
	for (int t = 0; t < SALVAGE_TABLES; t++)
		for (uint32_t i = 0; i < tree_count[t]; i += i < 8 ? 1 : 97) {
			uint32_t no = tree_pages[t][i];

			memset(page_hit, 0, sizeof(page_hit));
			heal();
			hit(0, (size_t)(no - 1) * DB_PAGE_SIZE + 100 + i, 1);
			salvage_all(false);
			CHECK_UINT(told.report.pages_bad, 1);
			CHECK(!told.report.whole[t]);
			check_exactly();
		}
	stop();
}

static void test_page_1_and_small_tables(void)
{
	start(800, 300, false);
	/* a new file has its tables where salvage.c looks for them */
	CHECK_UINT(root_of[SALVAGE_ALARM], 4);
	CHECK_UINT(root_of[SALVAGE_ROUTINE], 5);
	CHECK_UINT(root_of[SALVAGE_ACKS], 6);
	CHECK_UINT(root_of[SALVAGE_DEAD], 7);
	CHECK_UINT(root_of[SALVAGE_TOMBS], 8);
	for (uint32_t no = 1; no <= 3; no++) {
		memset(page_hit, 0, sizeof(page_hit));
		heal();
		hit(0, (size_t)no * DB_PAGE_SIZE - 1, 1);
		salvage_all(false);
		check_exactly();
		CHECK_UINT(told.rows_missed, 0);
		CHECK_INT(told.report.has_page_1, no != 1);
		CHECK_INT(told.report.has_owner, no != 2);
		CHECK_INT(told.report.has_cur, no != 3);
	}
	stop();
}

/* --- the WAL ----------------------------------------------------------------------------- */

/* The file was not written before the cut, which took the transaction that made the tables: version 0, and empty. */
static bool is_without_schema(const struct db_options *o)
{
	struct db_options any = *o;
	struct db_stmt *st;
	struct db *db;
	bool empty;

	any.create = true;
	any.schema = "";
	CHECK_INT(db_open(&any, &db), 0);
	CHECK_INT(db_prepare(db, "SELECT count(*) FROM sqlite_schema", &st), 0);
	CHECK_INT(db_step(st), 1);
	empty = db_u64(st, 0) == 0;
	db_stmt_free(st);
	db_close(db);
	return empty;
}

/* What SQLCipher reads of our file with this WAL, in rows. */
static void read_as_sqlite(const uint8_t *its_wal, size_t len, bool *ret)
{
	char name[128], name_wal[140];
	const struct db_options o = { .path = name, .key = &key, .schema_version = 4 };
	struct db_stmt *st;
	struct db *db;
	int r;

	memset(ret, 0, SEQ_MAX);
	snprintf(name, sizeof(name), "%s/%s", dir, "view.db");
	snprintf(name_wal, sizeof(name_wal), "%s-wal", name);
	save(name, file.p, file.n);
	save(name_wal, its_wal, len);
	r = db_open(&o, &db);
	/* what it does not open it shows no row of */
	if (r == -EBADMSG || (r == -ENOTSUP && is_without_schema(&o))) {
		CHECK_INT(unlink(name), 0);
		CHECK_INT(unlink(name_wal), 0);
		return;
	}
	CHECK_INT(r, 0);
	CHECK_INT(
		db_prepare(db,
			   "SELECT seq FROM q_routine UNION ALL SELECT seq FROM q_alarm",
			   &st),
		0);
	while (db_step(st) == 1)
		ret[db_u64(st, 0)] = true;
	db_stmt_free(st);
	db_close(db);
	CHECK_INT(unlink(name), 0);
	CHECK_INT(unlink(name_wal), 0);
}

/* A WAL that was cut is worth what SQLite makes of it, and the file behind it too. */
static void test_wal_cut(void)
{
	static bool file_has[SEQ_MAX], cut_has[SEQ_MAX];
	uint64_t found = 0, missed = 0;

	for (int i = 0; i < 20; i++) {
		if (i % 10 == 0) {
			start(600 + test_random() % 900, 400, true);
			read_as_sqlite(wal.p, 0, file_has);
		}
		heal();
		damaged_len[1] = i % 10 ? test_random() % wal.n : 0;
		read_as_sqlite(damaged[1], damaged_len[1], cut_has);
		salvage_all(false);
		for (uint64_t s = 1; s <= truth.highest; s++)
			if (truth.of[s].now == ST_ROW) {
				CHECK_INT(told.of[s] == SALVAGE_RECORD,
					  file_has[s] || cut_has[s]);
				found += told.of[s] == SALVAGE_RECORD;
				missed += told.of[s] == SALVAGE_LOST;
			}
		if (i % 10 == 9)
			stop();
	}
	CHECK(found > 0 && missed > 0);
}

enum { WAL_HEADER = 32, FRAME_HEADER = 24, FRAME = FRAME_HEADER + DB_PAGE_SIZE };

/* One page in the WAL is damaged. SQLite stops there; here only that copy of the page is lost. */
static void test_wal_page(void)
{
	static bool as_sqlite[SEQ_MAX];
	uint64_t more = 0, older = 0, ends = 0;

	/* until a page was met that has an older copy; 40 pages mostly have one among them */
	for (int i = 0; i < 40 || (older == 0 && i < 800) || i % 10; i++) {
		size_t frame, at;
		uint32_t no = 0;
		bool end;

		if (i % 10 == 0)
			start(600 + test_random() % 900, 400, true);
		memset(page_hit, 0, sizeof(page_hit));
		heal();
		salvage_all(true);
		frame = test_random() % told.report.wal.frames;
		at = WAL_HEADER + frame * FRAME;
		for (int k = 0; k < 4; k++)
			no = no << 8 | wal.p[at + (size_t)k];
		if (i % 2)
			hit(1, at + FRAME_HEADER + DB_SALT_LEN + test_random() % 4000, 1);
		else /* its head too, so that the next one cannot be held against it */
			hit(1, at, FRAME_HEADER + 100);
		read_as_sqlite(damaged[1], damaged_len[1], as_sqlite);
		salvage_all(false);
		page_hit[no] = true;
		/* the last transaction without its end: not known to be committed */
		end = frame >= told.report.wal.frames;
		ends += end;
		for (uint64_t s = 1; s <= truth.highest; s++)
			if (truth.of[s].now == ST_ROW) {
				CHECK(told.of[s] == SALVAGE_RECORD ||
				      (!as_sqlite[s] && (end || !way_is_clear(s))));
				more += told.of[s] == SALVAGE_RECORD && !as_sqlite[s];
			}
		older += told.report.pages_older;
		CHECK(end || told.report.wal.damaged == 1);
		CHECK(!told.report.whole[0] || told.report.wal.damaged == 0);
		if (i % 10 == 9)
			stop();
	}
	CHECK(more > 0 && older > 0 && ends < 20);
}

/* What was begun and not committed is not told, also not behind damage: the last frame is without its end. */
static void test_wal_uncommitted(void)
{
	start(600, 400, true);
	heal();
	salvage_all(true);
	for (uint32_t n = told.report.wal.frames; n > 1; n--) {
		const uint8_t *size = wal.p + WAL_HEADER + (size_t)(n - 2) * FRAME + 4;

		if (memcmp(size, "\0\0\0", 4) != 0)
			continue; /* the frame before ends a transaction */
		heal();
		damaged_len[1] = WAL_HEADER + (size_t)(n - 1) * FRAME;
		hit(1, WAL_HEADER + FRAME_HEADER + 100, 1);
		salvage_all(false);
		CHECK(told.report.wal.frames < n - 1);
		CHECK(told.report.wal.frames > 0);
		CHECK_UINT(told.report.wal.damaged, 1);
		break;
	}
	stop();
}

/* Behind the frames that count lies one of a transaction that failed: whole, with the same salts, and does not follow. */
static void test_wal_failed_transaction(void)
{
	uint32_t last;

	start(600, 400, true);
	heal();
	salvage_all(true);
	last = told.report.wal.frames - 1; /* it ends a transaction, too */
	damaged_len[1] = WAL_HEADER + (size_t)(last + 2) * FRAME;
	memcpy(damaged[1] + WAL_HEADER + (size_t)(last + 1) * FRAME,
	       wal.p + WAL_HEADER + (size_t)last * FRAME, FRAME);
	salvage_all(true);
	CHECK_UINT(told.report.wal.frames, last + 1);
	CHECK_UINT(told.report.wal.left_over, 1);
	stop();
}

/* Behind the frames of this round lie those of an earlier one, whole and with other salts. */
static void test_wal_older_round(void)
{
	uint32_t frames, from;

	start(600, 400, true);
	heal();
	salvage_all(true);
	frames = told.report.wal.frames;
	from = frames / 2;
	/* the first of them ends a transaction */
	while (memcmp(wal.p + WAL_HEADER + (size_t)from * FRAME + 4, "\0\0\0", 4) == 0)
		from++;
	for (size_t n = from; n < frames; n++)
		damaged[1][WAL_HEADER + n * FRAME + 8] ^= 1;
	salvage_all(false);
	CHECK(told.report.wal.frames <= from);
	CHECK_UINT(told.report.wal.damaged, 0);
	/* the last one of this round is damaged, and so not known to be committed */
	hit(1, WAL_HEADER + (size_t)(from - 1) * FRAME + FRAME_HEADER + 50, 1);
	salvage_all(false);
	CHECK(told.report.wal.frames < from);
	CHECK_UINT(told.report.wal.damaged, 0);
	heal();
	hit(1, WAL_HEADER + (size_t)(frames - 1) * FRAME + FRAME_HEADER + 50, 1);
	salvage_all(false);
	CHECK(told.report.wal.frames < frames);
	stop();
}

/* Any damage to both files: nothing is told that was not so. */
static void test_wal_damage(void)
{
	for (int i = 0; i < 40; i++) {
		if (i % 10 == 0)
			start(600 + test_random() % 1500, 400, true);
		memset(page_hit, 0, sizeof(page_hit));
		heal();
		hit(1, test_random() % wal.n, 1 + test_random() % 5000);
		if (test_random() % 2)
			damage_file();
		salvage_all(false);
		if (i % 10 == 9)
			stop();
	}
}

/* All of the WAL has been written back, but it is still there, and then damaged: the file has everything. */
static void test_wal_written_back(void)
{
	set_paths();
	make_queue(700, 300);
	CHECK_INT(queue_open(dir, 1, &key, 0, &q), 0);
	for (int i = 0; i < 8; i++)
		insert_group(20, 300);
	truth.highest = queue_highest(q);
	CHECK_INT(queue_checkpoint(q), 0);
	queue_close(q);
	snprintf(wal_path, sizeof(wal_path), "%s-wal", orig);
	wal = load(wal_path);
	snprintf(wal_path, sizeof(wal_path), "%s-wal", path);
	copy_file(orig, path);
	file = load(path);
	read_truth();
	for (int i = 0; i < 20; i++) {
		heal();
		hit(1, (size_t)i * wal.n / 20, 40);
		salvage_all(false);
		CHECK_UINT(told.rows_missed, 0);
	}
	stop();
}

/* The clinic has all but the last ones; then it is restored from a backup and asks from 'from' on. */
static void make_comeback(uint64_t from, bool named_again)
{
	struct queue_resync done;
	struct queue_ack a;
	struct reply r = { .has_contig = true };
	unsigned n;

	r.contig = queue_highest(q) - 20;
	r.ranges[0] = (struct seq_range){ r.contig + 5, r.contig + 9 };
	r.range_count = 1;
	CHECK_INT(queue_acknowledge(q, &r, &a), 0);
	CHECK_INT(queue_forget_kept(q, 30, &n), 0);
	/* what is at the clinic is in the file, that it is there no more in the WAL */
	queue_close(q);
	CHECK_INT(queue_open(dir, 1, &key, 0, &q), 0);
	CHECK_INT(queue_resync(q, from, &done), 0);
	CHECK(done.again > 200);
	truth.asked = from;
	if (!named_again)
		return;
	r.contig = from + 40;
	r.ranges[0] = (struct seq_range){ from + 60, from + 70 };
	CHECK_INT(queue_acknowledge(q, &r, &a), 0);
}

static void start_comeback(uint64_t from, bool named_again, bool written_back)
{
	char orig_wal[140];

	set_paths();
	snprintf(orig_wal, sizeof(orig_wal), "%s-wal", orig);
	make_queue(700, 300);
	CHECK_INT(queue_open(dir, 1, &key, 0, &q), 0);
	make_comeback(from, named_again);
	if (written_back)
		CHECK_INT(queue_checkpoint(q), 0);
	truth.contig = queue_contig(q);
	truth.highest = queue_highest(q);
	queue_close(q);
	wal = load(orig_wal);
	copy_file(orig, path);
	file = load(path);
	copy_file(orig_wal, wal_path);
	read_truth();
	CHECK(truth.came_back > 150);
}

static void check_all_told(void)
{
	for (uint64_t s = 1; s <= truth.highest; s++)
		CHECK_INT(told.of[s], truth.of[s].now == ST_ROW	   ? SALVAGE_RECORD
				      : truth.of[s].now == ST_TOMB ? SALVAGE_TOMBSTONE
								   : SALVAGE_ACKED);
}

/* What the clinic has lost it had once: that it is there must not be taken from an older page. */
static void test_came_back(void)
{
	for (int how = 0; how < 8; how++) {
		start_comeback(how & 1 ? 1 : 120, how & 2, how & 4);
		heal();
		salvage_all(true);
		check_all_told();
		CHECK_UINT(told.report.lost, 0);
		CHECK_UINT(told.report.contig, truth.contig);
		stop();
	}
}

enum { PAGE_OF_META = 2 };

/* The same, and each page of the WAL damaged once, and of the file: a number that the clinic has not is never told as
 * acknowledged (check_item). */
static void test_came_back_damaged(void)
{
	for (int how = 0; how < 4; how++) {
		start_comeback(how & 1 ? 1 : 120, how & 2, false);
		for (size_t at = WAL_HEADER; at < wal.n && at < 100 * FRAME; at += FRAME)
			for (int in_page = 0; in_page < 2; in_page++) {
				if (!in_page && wal.p[at + 3] == PAGE_OF_META)
					continue; /* out of reach: salvage.h */
				heal();
				hit(1,
				    at + (in_page ? FRAME_HEADER +
							    test_random() % DB_PAGE_SIZE
						  : 2),
				    2);
				salvage_all(false);
			}
		for (size_t at = 0; at < file.n; at += DB_PAGE_SIZE) {
			heal();
			hit(0, at + 20 + test_random() % 4000, 8);
			salvage_all(false);
		}
		stop();
	}
}

static uint64_t again_in_drain;

static void drain(uint64_t last, uint64_t *ret_calls, struct salvage_report *ret)
{
	uint8_t buf[SEALED_BODY_MAX];
	struct salvage_item i;
	struct salvage *s;
	int r;

	again_in_drain = 0;
	CHECK_INT(salvage_open(path, &key, 1, last, &s), 0);
	for (*ret_calls = 0; (r = salvage_next(s, &i, buf)) != 0; ++*ret_calls)
		again_in_drain += r == -EAGAIN;
	salvage_report(s, ret);
	salvage_close(s);
}

/* --- pages of our own -------------------------------------------------------------------- */

/* Writes a page with its MAC, as SQLCipher would. */
static void put_page(uint32_t no, uint8_t page[static DB_PAGE_SIZE])
{
	uint8_t salt[DB_SALT_LEN], k[DB_KEY_LEN], mac_key[DB_KEY_LEN],
		number[4] = { (uint8_t)no, (uint8_t)(no >> 8) },
		*to = damaged[0] + (size_t)(no - 1) * DB_PAGE_SIZE;
	sqlcipher_provider p;

	CHECK_INT(hub_sqlcipher_wolf_setup(&p), SQLITE_OK);
	memcpy(k, key.key, sizeof(k));
	for (int i = 0; i < DB_SALT_LEN; i++)
		salt[i] = key.salt[i] ^ 0x3a;
	CHECK_INT(p.kdf(NULL, SQLCIPHER_HMAC_SHA512, k, sizeof(k), salt, sizeof(salt), 2,
			DB_KEY_LEN, mac_key),
		  SQLITE_OK);
	memset(to, 0, DB_PAGE_SIZE);
	CHECK_INT(
		p.cipher(NULL, 1, k, sizeof(k), to + PAGE_USABLE, page, PAGE_USABLE, to),
		SQLITE_OK);
	CHECK_INT(p.hmac(NULL, SQLCIPHER_HMAC_SHA512, mac_key, sizeof(mac_key), to,
			 PAGE_USABLE + 16, number, sizeof(number), to + PAGE_USABLE + 16),
		  SQLITE_OK);
}

/* An inner page with 300 children, all of them itself: the walk must end. */
static void test_circle(void)
{
	uint8_t page[DB_PAGE_SIZE] = { BTREE_INNER, 0, 0, 300 >> 8, 300 & 0xff };
	uint32_t root;
	struct salvage_report rep;
	uint64_t calls;

	start(300, 300, false);
	heal();
	root = root_of[SALVAGE_ROUTINE];
	page[11] = (uint8_t)root;
	for (unsigned i = 0; i < 300; i++) {
		unsigned at = 1000 + 8 * i;

		page[12 + 2 * i] = (uint8_t)(at >> 8);
		page[13 + 2 * i] = (uint8_t)at;
		page[at + 3] = (uint8_t)root;
		page[at + 4] = (uint8_t)(0x80 | (i + 1) >> 7);
		page[at + 5] = (i + 1) & 0x7f;
	}
	put_page(root, page);
	save(path, damaged[0], damaged_len[0]);
	drain(truth.highest, &calls, &rep);
	CHECK(calls < 2000);
	CHECK(!rep.whole[SALVAGE_ROUTINE]);
	CHECK(rep.whole[SALVAGE_ALARM]);
	stop();
}

/* Work depends on the file, not on how many numbers it is said to cover. */
static void test_bounded(void)
{
	struct salvage_report rep;
	uint64_t calls, span = UINT64_C(1) << 40;

	start(3000, 400, false);
	memset(page_hit, 0, sizeof(page_hit));
	heal();
	for (int t = 0; t < SALVAGE_TABLES; t++)
		hit(0, (size_t)(root_of[t] - 1) * DB_PAGE_SIZE + 50, 8);
	hit(0, 2 * DB_PAGE_SIZE + 9, 1);
	save(path, damaged[0], damaged_len[0]);
	drain(span, &calls, &rep);
	CHECK_UINT(calls, 1);
	CHECK_UINT(rep.lost, span);
	heal();
	save(path, damaged[0], damaged_len[0]);
	drain(INT64_MAX, &calls, &rep);
	CHECK(calls < 3 * truth.highest);
	CHECK_UINT(rep.records + rep.acked + rep.tombstones, truth.highest);
	CHECK_UINT(rep.lost, INT64_MAX - truth.highest);
	/* nothing but bad pages: a call reads so many of them and no more */
	for (uint32_t i = 1; i < tree_count[SALVAGE_ROUTINE]; i++)
		hit(0, (size_t)tree_pages[SALVAGE_ROUTINE][i] * DB_PAGE_SIZE - 9, 1);
	save(path, damaged[0], damaged_len[0]);
	drain(truth.highest, &calls, &rep);
	CHECK_UINT(rep.pages_bad, tree_count[SALVAGE_ROUTINE] - 1);
	CHECK(calls > rep.pages_bad / SALVAGE_PAGES);
	CHECK(again_in_drain >= rep.pages_bad / SALVAGE_PAGES - 1);
	stop();
}

/* Numbers outside of first..last are not told, and what reaches over an end is cut. */
static void test_range(void)
{
	uint8_t buf[SEALED_BODY_MAX];

	start(500, 200, false);
	for (int n = 0; n < 30; n++) {
		uint64_t first = 1 + test_random() % (truth.highest + 5),
			 last = first - 1 + test_random() % 100, next = first;
		struct salvage_item i;
		struct salvage *s;
		int r;

		CHECK_INT(salvage_open(path, &key, first, last, &s), 0);
		while ((r = salvage_next(s, &i, buf)) != 0) {
			if (r == -EAGAIN)
				continue;
			CHECK_UINT(i.first, next);
			CHECK(i.last <= last);
			next = i.last + 1;
			for (uint64_t k = i.first; k <= i.last; k++)
				CHECK_INT(i.kind, k > truth.highest ? SALVAGE_LOST
						  : truth.of[k].now == ST_ROW
							  ? SALVAGE_RECORD
						  : truth.of[k].now == ST_ACKED
							  ? SALVAGE_ACKED
							  : SALVAGE_TOMBSTONE);
		}
		CHECK_UINT(next, last + 1);
		salvage_close(s);
	}
	stop();
}

static void test_parked(void)
{
	uint8_t buf[SEALED_BODY_MAX], body[SEALED_BODY_MAX];
	struct salvage_parked p;
	struct salvage *s;
	uint64_t at = 0, n = 0, want = 0;
	int r;

	evicting = false;
	start(2500, 300, true);
	evicting = true;
	for (uint64_t k = 1; k <= truth.highest; k++)
		want += truth.of[k].parked;
	CHECK(want > 0);
	CHECK_INT(salvage_open(path, &key, 1, truth.highest, &s), 0);
	for (; (r = salvage_next_parked(s, &p, buf)) != 0; n += r == 1) {
		if (r == -EAGAIN)
			continue;
		CHECK(p.record.seq > at && truth.of[p.record.seq].parked);
		at = p.record.seq;
		CHECK_INT(p.reason, REFUSED_MALFORMED);
		CHECK_INT(p.record.class, truth.of[at].class);
		CHECK_UINT(p.record.assignment, truth.of[at].asg);
		CHECK_UINT(p.record.kind, truth.of[at].kind);
		CHECK_UINT(p.record.body_len, truth.of[at].len);
		fill_body(truth.of[at].body_seed, body, truth.of[at].len);
		CHECK_MEM(buf, body, truth.of[at].len);
	}
	CHECK_UINT(n, want);
	salvage_close(s);
	stop();
}

/* The queue gets another version, and a copy of it is the damaged one. */
static void set_version(int version)
{
	struct db *db = open_orig();
	char sql[160];

	snprintf(sql, sizeof(sql), "PRAGMA user_version=%d", version);
	CHECK_INT(db_exec(db, sql), 0);
	db_close(db);
	copy_file(orig, path);
	snprintf(sql, sizeof(sql), "%s-wal", orig);
	copy_file(sql, wal_path);
}

static void test_errors(void)
{
	static const struct db_key wrong = { { 1, 2, 4 }, { 4, 5, 6 } },
				   wrong_salt = { { 1, 2, 3 }, { 4, 5, 7 } };
	struct salvage *s = NULL;

	start(300, 300, true);
	CHECK_INT(salvage_open("/nowhere/at all", &key, 1, 9, &s), -ENOENT);
	CHECK_INT(salvage_open(dir, &key, 1, 9, &s), -EIO);
	CHECK_INT(salvage_open(path, &wrong, 1, 9, &s), -EKEYREJECTED);
	CHECK_INT(salvage_open(path, &wrong_salt, 1, 9, &s), -EKEYREJECTED);
	heal();
	memset(damaged[0], 'x', damaged_len[0]);
	save(path, damaged[0], damaged_len[0]);
	CHECK_INT(unlink(wal_path), 0);
	CHECK_INT(salvage_open(path, &key, 1, 9, &s), -EKEYREJECTED);
	for (size_t n = 0; n < DB_PAGE_SIZE; n += 1 + n * 3) {
		save(path, file.p, n);
		CHECK_INT(salvage_open(path, &key, 1, 9, &s), -EKEYREJECTED);
	}
	set_version(5);
	CHECK_INT(salvage_open(path, &key, 1, 9, &s), -ENOTSUP);
	save(path, file.p, file.n);
	save(wal_path, wal.p, wal.n);
	CHECK_INT(salvage_open(path, &key, 1, 9, &s), 0);
	salvage_close(s);
	salvage_close(NULL);
	CHECK_INT(salvage_open(path, &key, 5, 4, &s), 0);
	CHECK_INT(salvage_next(s, &(struct salvage_item){ 0 },
			       (uint8_t[SEALED_BODY_MAX]){ 0 }),
		  0);
	salvage_close(s);
	stop();
}

TEST_MAIN("salvage", test_undamaged, test_file_damage, test_each_inner_page,
	  test_page_1_and_small_tables, test_wal_cut, test_wal_page, test_wal_uncommitted,
	  test_wal_failed_transaction, test_wal_older_round, test_wal_damage,
	  test_wal_written_back, test_circle, test_bounded, test_came_back,
	  test_came_back_damaged, test_range, test_parked, test_errors)
