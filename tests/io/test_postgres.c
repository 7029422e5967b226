/*
 * test_postgres.c - what only a PostgreSQL server can do to us: several writers at once, a COMMIT that nobody knows about,
 * a primary that dies, a session that ends; on real servers that the test starts with tests/clinic/postgres.sh.
 *
 * Run by tests/io/test_store_backends.py, which gives it the script (POSTGRES_SH), a folder for servers (POSTGRES_DIR) and
 * the conninfo of one that runs (CLINIC_TEST_DATABASE).
 */
#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "clinic/ingest.h"
#include "clinic/schema.h"
#include "clinic/sql.h"
#include "clinic/store_held.h"
#include "hub/core/cose.h"
#include "tests/unit/clinic_place.h"
#include "tests/unit/test.h"

enum { EPOCH = 3, PATIENCE_MS = 60000, BYTES = 2048 };

static const struct wall now = { 1795246265000, 500, CLOCK_QUALITY_NTP };
static struct place place;
static struct hub hub;
static uint8_t private[P256_PRIVATE_LEN];

/* --- help ---------------------------------------------------------------------------- */

static void pause_ms(int ms)
{
	poll(NULL, 0, ms);
}

/* postgres.sh WORDS; its exit status. */
static int script(const char *words)
{
	char text[2048];

	snprintf(text, sizeof(text), "%s %s >/dev/null", getenv("POSTGRES_SH"), words);
	return system(text); /* NOLINT: a test's own words */
}

static void must_script(const char *words, const char *folder)
{
	char text[512];

	snprintf(text, sizeof(text), "%s %s/%s", words, getenv("POSTGRES_DIR"), folder);
	CHECK_INT(script(text), 0);
}

/* One number from the server, asked by the superuser. */
static int64_t ask(const char *folder, const char *sql)
{
	char text[1024], out[64] = "";
	FILE *f;

	snprintf(text, sizeof(text), "%s sql %s/%s \"%s\"", getenv("POSTGRES_SH"),
		 getenv("POSTGRES_DIR"), folder, sql);
	f = popen(text, "r"); /* NOLINT: a test's own words */
	CHECK(f != NULL);
	if (!fgets(out, sizeof(out), f))
		out[0] = '\0';
	CHECK_INT(pclose(f), 0);
	return strtoll(out, NULL, 10);
}

static void make_hub(struct store *s)
{
	memset(&hub, 0, sizeof(hub));
	hub.epoch = EPOCH;
	hub.state = HUB_ACTIVE;
	crypto_random(hub.id, sizeof(hub.id));
	crypto_random(hub.spki, sizeof(hub.spki));
	snprintf(hub.name, sizeof(hub.name), "hub %02x%02x%02x", hub.id[0], hub.id[1],
		 hub.id[2]);
	p256_generate(private, hub.sign_public);
	CHECK_INT(store_begin(s), 0);
	CHECK_INT(store_hub_put(s, &hub), 0);
	CHECK_INT(store_assignment_give(s, hub.id, EPOCH, 1), 0);
	CHECK_INT(store_commit(s), 0);
}

static struct store *open_store(void)
{
	struct store *s = NULL;

	CHECK_INT(place_open(&place, &s), 0);
	return s;
}

static void set_up(void)
{
	struct store *s;

	place_make(&place);
	CHECK_INT(place_create(&place, &s), 0);
	make_hub(s);
	store_close(s);
}

static struct batch batch_of(uint64_t first, uint64_t last, const char *body)
{
	struct batch b = { .epoch = EPOCH, .highest = 1000 };

	memcpy(b.hub, hub.id, HUB_ID_LEN);
	for (uint64_t seq = first; seq <= last; seq++)
		b.records[b.record_count++] = (struct record){
			1, seq, CLASS_ROUTINE, 1, (const uint8_t *)body, strlen(body)
		};
	return b;
}

static size_t sign(const struct batch *b, uint8_t buf[static BYTES])
{
	uint8_t payload[BYTES];
	int n = batch_encode(b, payload, sizeof(payload));

	CHECK(n > 0);
	n = sign1_make(SIGN_CONTEXT_BATCH, private, payload, (size_t)n, buf, BYTES);
	CHECK(n > 0);
	return (size_t)n;
}

static struct ingest_note upload(struct ingest *in, const struct batch *b,
				 struct coap_server_response *re, struct reply *reply)
{
	struct ingest_note note;
	uint8_t buf[BYTES];

	*reply = (struct reply){ 0 };
	ingest_handle(in, hub.spki, buf, sign(b, buf), now, re, &note);
	if (re->code == COAP_CODE_CHANGED)
		CHECK_INT(reply_decode(re->body, re->len, reply), 0);
	return note;
}

/* --- interleaving -------------------------------------------------------------------- */

/* One ingest process, driven step by step through a pipe; what it found out comes back in shared memory. */
enum { STEPS = 5 };

struct told {
	enum insert_result result[BATCH_RECORDS_MAX];
	uint64_t contig;
	int again; /* times that others were in the way */
	bool committed;
};

struct worker {
	pid_t pid;
	int order, done; /* pipes */
	struct told *told;
};

static int do_step(struct store *s, int step, const struct batch *b, struct told *t)
{
	int r;

	switch (step) {
	case 0: return store_begin(s);
	case 1: return store_hub_take(s, &hub, b, now.ms);
	case 2:
		r = store_record_insert_batch(s, b, now.ms, t->result);
		for (size_t i = 0; r == 0 && i < b->record_count; i++) {
			struct sealed rec = { .epoch = b->epoch,
					      .record = b->records[i] };

			memcpy(rec.hub, b->hub, HUB_ID_LEN);
			if (t->result[i] == INSERT_CONFLICT)
				r = store_quarantine_put(s, &rec,
							 QUARANTINE_SEQ_CONFLICT);
		}
		return r < 0 ? r : store_tombstones_put(s, b, now.ms);
	case 3: return store_record_contig(s, b->hub, b->epoch, &t->contig);
	default: return store_commit(s);
	}
}

/* What ingest does on -EAGAIN: all that was done so far, once more. */
static void do_until(struct store *s, int step, const struct batch *b, struct told *t)
{
	int r = do_step(s, step, b, t);

	while (r == -EAGAIN) {
		CHECK(++t->again < 100);
		store_rollback(s);
		r = 0;
		for (int i = 0; r == 0 && i <= step; i++)
			r = do_step(s, i, b, t);
	}
	CHECK_INT(r, 0);
	if (step == STEPS - 1)
		t->committed = true;
}

static void work(const struct batch *b, int order, int done, struct told *t)
{
	struct store *s = open_store();
	char c;

	CHECK(write(done, "o", 1) == 1); /* open */
	for (int step = 0; step < STEPS; step++) {
		CHECK(read(order, &c, 1) == 1);
		do_until(s, step, b, t);
		CHECK(write(done, "d", 1) == 1);
	}
	store_close(s);
	_exit(0);
}

static bool answered(struct worker *w, int wait_ms)
{
	struct pollfd p = { w->done, POLLIN, 0 };
	char c;

	return poll(&p, 1, wait_ms) == 1 && read(w->done, &c, 1) == 1;
}

static struct worker start_worker(const struct batch *b)
{
	int order[2], done[2];
	struct worker w = { 0 };

	w.told = mmap(NULL, sizeof(*w.told), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(w.told != MAP_FAILED);
	CHECK(pipe(order) == 0 && pipe(done) == 0);
	w.pid = fork();
	CHECK(w.pid >= 0);
	if (w.pid == 0) {
		close(order[1]);
		close(done[0]);
		work(b, order[0], done[1], w.told);
	}
	close(order[0]);
	close(done[1]);
	w.order = order[1];
	w.done = done[0];
	CHECK(answered(&w, PATIENCE_MS));
	return w;
}

static void end_worker(struct worker *w)
{
	int status;

	CHECK(waitpid(w->pid, &status, 0) == w->pid);
	CHECK_INT(status, 0);
	close(w->order);
	close(w->done);
}

/*
 * Order number n of all orders of two times STEPS steps: bit i says whose turn it is. A step that waits for the other one
 * stays open, and those after it come when it is done.
 */
static void run_order(unsigned n, struct worker *w)
{
	int open[2] = { 0, 0 }, owed[2] = { 0, 0 };

	for (unsigned turn = 0; turn < 2 * STEPS; turn++) {
		unsigned who = n >> turn & 1;

		owed[who]++;
		for (unsigned i = 0; i < 2; i++) {
			if (open[i] && answered(&w[i], i == who ? 10 : 0))
				open[i] = 0;
		}
		while (owed[who] && !open[who]) {
			CHECK(write(w[who].order, "s", 1) == 1);
			owed[who]--;
			open[who] = !answered(&w[who], 10);
		}
	}
	while (owed[0] || owed[1] || open[0] || open[1]) {
		for (unsigned i = 0; i < 2; i++) {
			if (open[i] && answered(&w[i], 10))
				open[i] = 0;
			if (owed[i] && !open[i]) {
				CHECK(write(w[i].order, "s", 1) == 1);
				owed[i]--;
				open[i] = 1;
			}
		}
	}
}

struct all {
	unsigned count;
	uint64_t seqs[64];
	char body[64];
};

static int on_record(void *arg, const struct sealed *rec)
{
	struct all *a = arg;

	CHECK(a->count < 64);
	a->seqs[a->count] = rec->record.seq;
	a->body[a->count++] = (char)rec->record.body[0];
	return 0;
}

static int on_quarantine(void *arg, const struct sealed *rec, enum quarantine_reason why)
{
	CHECK_INT(why, QUARANTINE_SEQ_CONFLICT);
	return on_record(arg, rec);
}

struct want {
	uint64_t contig, records, given_up;
};

/* Each number once; whoever said 'stored' has its body there, and every body of the other is told and kept. */
static void check_pair(struct store *s, const struct batch *b, const struct worker *w,
		       const struct want *want)
{
	struct all all = { 0 }, aside = { 0 };
	unsigned stored = 0, conflicts = 0;
	struct store_counts c;

	CHECK_INT(store_record_each(s, hub.id, on_record, &all), 0);
	CHECK_INT(store_quarantine_each(s, hub.id, EPOCH, on_quarantine, &aside), 0);
	CHECK_INT(store_counts(s, hub.id, EPOCH, &c), 0);
	CHECK_UINT(c.contig, want->contig);
	CHECK_UINT(all.count, want->records);
	CHECK_UINT(c.given_up[TOMBSTONE_EVICTED], want->given_up);
	for (unsigned who = 0; who < 2; who++) {
		CHECK(w[who].told->committed);
		for (size_t i = 0; i < b[who].record_count; i++) {
			const struct record *r = &b[who].records[i];
			bool mine = all.body[r->seq - 1] == (char)r->body[0];

			CHECK_UINT(all.seqs[r->seq - 1], r->seq);
			switch (w[who].told->result[i]) {
			case INSERT_STORED:
				stored++;
				CHECK(mine);
				break;
			case INSERT_DUPLICATE: CHECK(mine); break;
			case INSERT_CONFLICT:
				conflicts++;
				CHECK(!mine);
				break;
			}
		}
	}
	CHECK_UINT(stored, want->records);
	CHECK_UINT(aside.count, conflicts);
	/* the mark that was told last is the mark: nobody walked over numbers that others were about to store */
	CHECK(w[0].told->contig == want->contig || w[1].told->contig == want->contig);
	CHECK(w[0].told->contig <= want->contig && w[1].told->contig <= want->contig);
}

static void interleave(struct batch (*make)(int who), struct want want,
		       bool (*good)(const struct worker *w))
{
	unsigned orders = 0, ran = 0, repeated = 0;

	for (unsigned n = 0; n < 1U << 2 * STEPS; n++) {
		struct batch b[2];
		struct worker w[2];
		struct store *s;

		/* of all orders in which the first begins some, spread over them */
		if (__builtin_popcount(n) != STEPS || !(n & 1) || orders++ % 16 != 0)
			continue;
		s = open_store();
		make_hub(s);
		b[0] = make(0);
		b[1] = make(1);
		w[0] = start_worker(&b[0]);
		w[1] = start_worker(&b[1]);
		run_order(n, w);
		end_worker(&w[0]);
		end_worker(&w[1]);
		check_pair(s, b, w, &want);
		CHECK(!good || good(w));
		repeated += (unsigned)(w[0].told->again + w[1].told->again);
		ran++;
		munmap(w[0].told, sizeof(*w[0].told));
		munmap(w[1].told, sizeof(*w[1].told));
		store_close(s);
	}
	printf("%u orders, %u transactions repeated\n", ran, repeated);
}

static struct batch same(int who)
{
	(void)who;
	return batch_of(1, 4, "x");
}

static bool want_same(const struct worker *w)
{
	enum insert_result first = w[0].told->result[0];

	for (int i = 0; i < 4; i++)
		if (w[0].told->result[i] != first ||
		    w[0].told->result[i] == w[1].told->result[i])
			return false;
	return true;
}

static struct batch overlapping(int who)
{
	return who ? batch_of(4, 9, "x") : batch_of(1, 6, "x");
}

/* No number in common, so that no key makes one wait for the other. */
static struct batch apart(int who)
{
	return who ? batch_of(4, 6, "x") : batch_of(1, 3, "x");
}

static struct batch buried(int who)
{
	struct batch b = who ? batch_of(1, 0, "x") : batch_of(1, 1, "x");

	b.tombstone_count = 1;
	b.tombstones[0] =
		who ? (struct tombstone){ 4, 8, CLASS_ROUTINE, TOMBSTONE_EVICTED }
		    : (struct tombstone){ 2, 5, CLASS_ROUTINE, TOMBSTONE_EVICTED };
	return b;
}

static struct batch conflicting(int who)
{
	return who ? batch_of(2, 5, "B") : batch_of(1, 3, "A");
}

static bool want_conflicts(const struct worker *w)
{
	int n = 0;

	for (int i = 0; i < 3; i++)
		n += w[0].told->result[i] == INSERT_CONFLICT;
	for (int i = 0; i < 4; i++)
		n += w[1].told->result[i] == INSERT_CONFLICT;
	return n == 2;
}

static void test_interleaved(void)
{
	set_up();
	interleave(same, (struct want){ 4, 4, 0 }, want_same);
	interleave(overlapping, (struct want){ 9, 9, 0 }, NULL);
	interleave(conflicting, (struct want){ 5, 5, 0 }, want_conflicts);
	interleave(apart, (struct want){ 6, 6, 0 }, NULL);
	interleave(buried, (struct want){ 8, 1, 7 }, NULL);
	place_remove(&place);
}

/* --- many at once -------------------------------------------------------------------- */

enum { CLERKS = 4, ROUNDS = 60, SPAN = 120 };

/* Uploads of any part of what the hub has, as several processes get them when replies are late. */
static void clerk(int number)
{
	struct store *s = open_store();
	struct coap_server_response re;
	struct ingest in;
	struct reply reply;
	uint64_t mark = 0;

	test_state = test_seed * 31 + (uint64_t)number * 7919 + 1;
	ingest_init(&in, s);
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t first = 1 + test_random() % SPAN;
		uint64_t last = first + test_random() % 5;
		struct batch b =
			batch_of(first, last > SPAN ? SPAN : last, number ? "x" : "y");
		struct ingest_note n = upload(&in, &b, &re, &reply);

		if (n.outcome == INGEST_STORE_DOWN && n.err == -EAGAIN)
			continue; /* 5.03: the hub sends again */
		CHECK_INT(n.outcome, INGEST_STORED);
		CHECK(reply.contig >= mark); /* it never goes back */
		mark = reply.contig;
	}
	store_close(s);
	_exit(0);
}

static void test_stress(void)
{
	pid_t pids[CLERKS];
	struct coap_server_response re;
	struct ingest in;
	struct reply reply;
	struct store_counts c;
	struct store *s;
	struct batch b;
	int status;

	set_up();
	for (int i = 0; i < CLERKS; i++) {
		pids[i] = fork();
		CHECK(pids[i] >= 0);
		if (pids[i] == 0)
			clerk(i);
	}
	for (int i = 0; i < CLERKS; i++) {
		CHECK(waitpid(pids[i], &status, 0) == pids[i]);
		CHECK_INT(status, 0);
	}
	s = open_store();
	ingest_init(&in, s);
	for (uint64_t seq = 1; seq <= SPAN; seq += 8) { /* what nobody has sent */
		b = batch_of(seq, seq + 7, "x");
		CHECK_INT(upload(&in, &b, &re, &reply).outcome, INGEST_STORED);
	}
	CHECK_UINT(reply.contig, SPAN);
	CHECK_INT(store_counts(s, hub.id, EPOCH, &c), 0);
	CHECK_UINT(c.records, SPAN);
	CHECK_UINT(c.highest, SPAN);
	store_close(s);
	place_remove(&place);
}

/* --- making and changing the tables -------------------------------------------------- */

enum { STARTERS = 8 };

/* All at the same moment; returns how many of them ended with each status. */
static void start_together(int (*what)(void), int count[static 2])
{
	int gate[2], status;
	char c;

	CHECK(pipe(gate) == 0);
	for (int i = 0; i < STARTERS; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			close(gate[1]);
			(void)!read(gate[0], &c, 1);
			_exit(what());
		}
	}
	close(gate[0]);
	close(gate[1]);
	count[0] = count[1] = 0;
	for (int i = 0; i < STARTERS; i++) {
		CHECK(wait(&status) > 0);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		count[WEXITSTATUS(status)]++;
	}
}

static int create(void)
{
	struct store *s;
	int r = place_create(&place, &s);

	if (r == 0)
		store_close(s);
	else if (r != -EEXIST)
		fprintf(stderr, "create: %d\n", r);
	return r == 0 ? 0 : r == -EEXIST ? 1 : 2;
}

static int reopen(void)
{
	struct store *s;
	int r = place_open(&place, &s);

	if (r == 0)
		store_close(s);
	else
		fprintf(stderr, "open: %d\n", r);
	return r == 0 ? 0 : 2;
}

static void test_tables_once(void)
{
	struct sql_query q;
	struct sql *db;
	int count[2];

	for (int i = 0; i < 2; i++) {
		place_make(&place);
		start_together(create, count);
		CHECK_INT(count[0], 1);
		CHECK_INT(count[1], STARTERS - 1);
		place_run(&place, "DROP TABLE signer");
		place_run(&place, "DROP TABLE hub_order");
		place_run(&place, "ALTER TABLE hub DROP COLUMN orders");
		place_run(&place, "DROP TABLE hub_config");
		place_run(&place, "DROP TABLE tombstone");
		place_run(&place, "DROP TABLE audit_key");
		place_run(&place, "DROP TABLE checkpoint");
		place_run(&place, "DROP TABLE audit_incident");
		place_run(&place, "DROP TABLE hub_status");
		place_run(&place, "DROP TABLE device_sign");
		place_run(&place, "DROP TABLE assignment");
		place_run(&place, "DROP TABLE journal");
		place_run(&place, "DROP TABLE claim");
		place_run(&place, "DROP TABLE visit");
		place_run(&place, "DROP TABLE signed_config");
		place_run(&place, "ALTER TABLE hub DROP COLUMN config_wanted");
		place_run(&place, "ALTER TABLE hub DROP COLUMN config_used");
		place_run(&place, "DROP TABLE enrolment");
		place_run(&place, "DROP TABLE hub_key");
		place_run(&place, "DROP TABLE person");
		place_run(&place, "DROP TABLE asked");
		place_run(&place, "ALTER TABLE hub DROP COLUMN drain");
		place_run(&place, "ALTER TABLE hub DROP COLUMN drain_upto");
		place_run(&place, "ALTER TABLE hub DROP COLUMN drain_ms");
		place_run(&place, "ALTER TABLE hub DROP COLUMN drain_end_ms");
		place_run(&place, "ALTER TABLE hub DROP COLUMN again_ms");
		place_run(&place, "DROP TABLE successor");
		place_run(&place, "DROP TABLE refused_call");
		place_run(&place, "DROP TABLE ticket");
		place_run(&place, "DROP TABLE ticket_hub");
		place_run(&place, "DROP TABLE hub_escrow");
		place_run(&place, "ALTER TABLE quarantine DROP COLUMN verdict");
		place_run(&place, "ALTER TABLE quarantine DROP COLUMN journal");
		place_run(&place, "ALTER TABLE quarantine DROP COLUMN suspect");
		place_run(&place, "ALTER TABLE record DROP COLUMN suspect");
		place_run(&place, "UPDATE meta SET value = 1 WHERE name = 'schema'");
		start_together(reopen, count);
		CHECK_INT(count[0], STARTERS);
		db = place_sql(&place);
		sql_start(db, &q, "SELECT value FROM meta WHERE name = 'schema'");
		CHECK(sql_row(&q));
		CHECK_INT(sql_get_int(&q, 0), SCHEMA_VERSION);
		CHECK_INT(sql_end(&q), 0);
		sql_close(db);
		place_remove(&place);
	}
}

/* --- errors --------------------------------------------------------------------------- */

static int raise_state(struct sql *db, const char *state)
{
	char text[128];

	snprintf(text, sizeof(text),
		 "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '%s'; END $$", state);
	return sql_run(db, text);
}

/* After a doubt there is a pause. */
static void begin_again(struct sql *db)
{
	for (int ms = 0; sql_begin(db) != 0; ms += 20) {
		CHECK(ms < PATIENCE_MS);
		pause_ms(20);
	}
}

static void test_errors(void)
{
	static const struct {
		const char *state;
		int err;
		bool ends; /* the session */
	} cases[] = {
		{ "40001", -EAGAIN, false }, { "40P01", -EAGAIN, false },
		{ "55P03", -EAGAIN, false }, { "23505", -EEXIST, false },
		{ "53100", -ENOSPC, false }, { "53200", -ENOMEM, false },
		{ "42501", -EACCES, false }, { "42P01", -ENOENT, false },
		{ "57014", -EIO, false },    { "22012", -EIO, false },
		{ "57P01", -EIO, true },     { "57P03", -EIO, true },
		{ "08006", -EIO, true },     { "25006", -EIO, true },
	};
	struct sql *db;

	set_up();
	db = place_sql(&place);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CHECK_INT(sql_begin(db), 0);
		CHECK_INT(sql_run(db, "CREATE TEMP TABLE mark (x int)"), 0);
		CHECK_INT(raise_state(db, cases[i].state), cases[i].err);
		/* the transaction is over, one way or the other, and none goes on in a new session */
		CHECK_INT(sql_run(db, "SELECT 1"), -EIO);
		sql_rollback(db);
		CHECK_INT(sql_begin(db), 0);
		CHECK_INT(sql_run(db, "SELECT 1"), 0);
		sql_rollback(db);
	}
	/* a COMMIT of what has failed is none */
	CHECK_INT(sql_begin(db), 0);
	CHECK_INT(raise_state(db, "22012"), -EIO);
	CHECK_INT(sql_commit(db), -ECONNRESET);
	begin_again(db);
	CHECK_INT(sql_commit(db), 0);
	/* and one that fails itself is told by its own name */
	CHECK_INT(
		sql_run(db,
			"CREATE TABLE late (x int UNIQUE DEFERRABLE INITIALLY DEFERRED)"),
		0);
	CHECK_INT(sql_begin(db), 0);
	CHECK_INT(sql_run(db, "INSERT INTO late VALUES (1), (1)"), 0);
	CHECK_INT(sql_commit(db), -ECONNRESET);
	sql_close(db);
	place_remove(&place);
}

/* The types that our SQL has, and others. */
static void test_types(void)
{
	struct sql_query q;
	uint8_t bytes[3];
	char text[8];
	struct sql *db;
	size_t len;

	set_up();
	db = place_sql(&place);
	sql_start(db, &q,
		  "SELECT ?1 + 0, ?2, ?3 || '?1', CAST(-2 AS smallint), 7, true, NULL, "
		  "1.5, "
		  "CAST(NULL AS bytea)");
	sql_bind_int(&q, 1, INT64_MIN);
	sql_bind_bytes(&q, 2, (const uint8_t *)"\0\xff\x80", 3);
	sql_bind_text(&q, 3, "a'b");
	CHECK(sql_row(&q));
	CHECK_INT(sql_get_int(&q, 0), INT64_MIN);
	sql_get_fixed(&q, 1, bytes, 3);
	CHECK_MEM(bytes, "\0\xff\x80", 3);
	sql_get_text(&q, 2, text, sizeof(text));
	CHECK_STR(text, "a'b?1");
	CHECK_INT(sql_get_int(&q, 3), -2);
	CHECK_INT(sql_get_int(&q, 4), 7);
	CHECK_INT(sql_get_int(&q, 5), 1);
	CHECK_INT(sql_get_int(&q, 6), 0);
	CHECK(sql_get_bytes(&q, 8, &len) == NULL && len == 0);
	CHECK_INT(q.err, 0);
	CHECK_INT(sql_get_int(&q, 7), 0); /* numeric: not what it was asked for */
	CHECK_INT(q.err, -EIO);
	CHECK(!sql_row(&q));
	CHECK_INT(sql_end(&q), -EIO);
	/* a walk that ends early leaves nothing in the way of the next */
	for (int i = 0; i < 3; i++) {
		static const char many[] = "SELECT generate_series(1, 20000)";

		sql_start(db, &q, many);
		CHECK(sql_row(&q) && sql_row(&q));
		CHECK_INT(sql_get_int(&q, 0), 2);
		CHECK_INT(sql_end(&q), 0);
	}
	sql_close(db);
	place_remove(&place);
}

/* --- sessions that end ----------------------------------------------------------------- */

static void kick(const char *what, const char *folder)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "SELECT count(%s(pid)) FROM pg_stat_activity WHERE backend_type = "
		 "'client backend' AND application_name = 'test%d' AND pid <> "
		 "pg_backend_pid()",
		 what, (int)getpid());
	(void)ask(folder, text);
}

/* Ended while it has nothing to do: not noticed. In the middle: nothing of it is there, and the next goes on. */
static void test_session_ends(void)
{
	struct coap_server_response re;
	struct store_counts c;
	struct ingest in;
	struct reply reply;
	struct store *s;
	struct batch b;
	uint64_t contig;

	set_up();
	s = open_store();
	ingest_init(&in, s);
	b = batch_of(1, 2, "x");
	CHECK_INT(upload(&in, &b, &re, &reply).outcome, INGEST_STORED);
	kick("pg_terminate_backend", "main");
	b = batch_of(3, 4, "x");
	CHECK_INT(upload(&in, &b, &re, &reply).outcome, INGEST_STORED);
	CHECK_UINT(reply.contig, 4);
	b = batch_of(5, 6, "x");
	CHECK_INT(store_begin(s), 0);
	CHECK_INT(store_hub_take(s, &hub, &b, now.ms), 0);
	kick("pg_terminate_backend", "main");
	CHECK_INT(store_record_contig(s, hub.id, EPOCH, &contig), -EIO);
	CHECK_INT(store_commit(s), -EAGAIN); /* certainly not */
	CHECK_INT(store_counts(s, hub.id, EPOCH, &c), 0);
	CHECK_UINT(c.records, 4);
	/* at COMMIT itself: nobody knows, so nobody is told; here it did not happen */
	CHECK_INT(store_begin(s), 0);
	CHECK_INT(store_hub_take(s, &hub, &b, now.ms), 0);
	kick("pg_terminate_backend", "main");
	CHECK_INT(store_commit(s), -ECONNRESET);
	/* a pause: hubs are sent away meanwhile, at once; then it goes on */
	CHECK_INT(upload(&in, &b, &re, &reply).outcome, INGEST_STORE_DOWN);
	CHECK_INT(re.code, COAP_CODE_UNAVAILABLE);
	for (int ms = 0; upload(&in, &b, &re, &reply).outcome != INGEST_STORED;
	     ms += 20) {
		CHECK(ms < PATIENCE_MS);
		pause_ms(20);
	}
	CHECK_UINT(reply.contig, 6);
	store_close(s);
	place_remove(&place);
}

/* Whatever the server's default is, our sessions wait for the disk. */
static void test_durable_settings(void)
{
	struct sql_query q;
	struct sql *db;
	char text[32];

	set_up();
	snprintf(place.conninfo + strlen(place.conninfo),
		 sizeof(place.conninfo) - strlen(place.conninfo),
		 "\\ -csynchronous_commit=off\\ -cstatement_timeout=9000");
	db = place_sql(&place);
	sql_start(db, &q,
		  "SELECT current_setting('synchronous_commit') || ' ' ||"
		  " current_setting('statement_timeout')");
	CHECK(sql_row(&q));
	sql_get_text(&q, 0, text, sizeof(text));
	CHECK_INT(sql_end(&q), 0);
	CHECK_STR(text, "on 5s");
	sql_close(db);
	place_remove(&place);
}

/* --- a primary and its synchronous standby ---------------------------------------------- */

/* A process that uploads one batch; it ends with the outcome. */
static pid_t upload_apart(const struct batch *b)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		struct coap_server_response re;
		struct store *s = open_store();
		struct reply reply;
		struct ingest in;
		int outcome;

		ingest_init(&in, s);
		outcome = (int)upload(&in, b, &re, &reply).outcome;
		if (outcome == INGEST_IN_DOUBT && re.code != 0)
			_exit(99); /* it was answered */
		/* and the process goes on */
		for (int ms = 0; outcome == INGEST_IN_DOUBT && store_begin(s) != 0;
		     ms += 50) {
			if (ms > PATIENCE_MS)
				_exit(98);
			pause_ms(50);
		}
		_exit(outcome);
	}
	return pid;
}

static void wait_for(const char *folder, const char *sql, int64_t want)
{
	for (int ms = 0; ask(folder, sql) != want; ms += 50) {
		CHECK(ms < PATIENCE_MS);
		pause_ms(50);
	}
}

static int outcome_of(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define WAITING "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"

/* Without its standby the primary commits for itself only: no acknowledgement, whoever ends the wait. */
static void test_not_replicated(void)
{
	struct batch b = batch_of(3, 3, "x");
	pid_t pid;

	must_script("stop", "standby");
	pid = upload_apart(&b);
	wait_for("primary", WAITING, 1);
	CHECK_INT(ask("primary",
		      "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity"
		      " WHERE wait_event = 'SyncRep'"),
		  1);
	CHECK_INT(outcome_of(pid), INGEST_IN_DOUBT);
	b = batch_of(4, 4, "x");
	pid = upload_apart(&b);
	wait_for("primary", WAITING, 1);
	CHECK_INT(ask("primary",
		      "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
		      " WHERE wait_event = 'SyncRep'"),
		  1);
	CHECK_INT(outcome_of(pid), INGEST_IN_DOUBT);
	/* it waits as long as needed, and then it is acknowledged */
	b = batch_of(5, 5, "x");
	pid = upload_apart(&b);
	wait_for("primary", WAITING, 1);
	pause_ms(1000);
	must_script("again", "standby");
	CHECK_INT(outcome_of(pid), INGEST_STORED);
}

/* The primary is killed while a hub uploads without a pause; the standby becomes the primary. */
static void test_promotion(void)
{
	struct coap_server_response re;
	struct store_counts c;
	struct ingest in;
	struct reply reply;
	struct store *s = open_store();
	uint64_t acked = 0, seq = 6;
	unsigned down = 0, doubt = 0;
	pid_t killer;

	ingest_init(&in, s);
	killer = fork();
	CHECK(killer >= 0);
	if (killer == 0) {
		pause_ms(300);
		must_script("kill", "primary");
		pause_ms(500);
		must_script("promote", "standby");
		_exit(0);
	}
	for (int ms = 0; ms < PATIENCE_MS; ms += 5) {
		struct batch b = batch_of(seq, seq, "x");
		struct ingest_note n = upload(&in, &b, &re, &reply);

		if (n.outcome == INGEST_STORED) {
			acked = reply.contig;
			CHECK_UINT(acked, seq);
			seq++;
			if (down + doubt > 0 && seq > 100)
				break;
		} else {
			CHECK(n.outcome == INGEST_STORE_DOWN ||
			      n.outcome == INGEST_IN_DOUBT);
			down += n.outcome == INGEST_STORE_DOWN;
			doubt += n.outcome == INGEST_IN_DOUBT;
		}
		pause_ms(5);
	}
	CHECK_INT(outcome_of(killer), 0);
	CHECK(down + doubt > 0);
	CHECK(seq > 100);
	CHECK_INT(store_counts(s, hub.id, EPOCH, &c), 0);
	CHECK_UINT(c.records, acked);
	CHECK_UINT(c.contig, acked);
	store_close(s);
	printf("promotion: %llu acknowledged, %u times 5.03, %u in doubt\n",
	       (unsigned long long)acked, down, doubt);
}

static void test_standby(void)
{
	struct coap_server_response re;
	struct ingest in;
	struct reply reply;
	struct store *s;
	struct batch b;
	char text[512], why[STORE_WHY_MAX] = "";
	const char *base = getenv("POSTGRES_DIR");

	must_script("start", "primary");
	snprintf(text, sizeof(text), "standby %s/standby %s/primary", base, base);
	CHECK_INT(script(text), 0);
	memset(&place, 0, sizeof(place));
	snprintf(place.conninfo, sizeof(place.conninfo),
		 "host=%s/primary,%s/standby user=clinic dbname=clinic", base, base);
	CHECK_INT(place_create(&place, &s), 0);
	make_hub(s);
	ingest_init(&in, s);
	b = batch_of(1, 2, "x");
	CHECK_INT(upload(&in, &b, &re, &reply).outcome, INGEST_STORED);
	store_close(s);
	test_not_replicated();
	test_promotion();
	must_script("stop", "standby");
	/* nobody is there: 5.03, at once, and no crash */
	snprintf(text, sizeof(text), "host=%s/standby user=clinic", base);
	CHECK_INT(store_open_server(text, &s, why), -EIO);
}

int main(int argc, char **argv)
{
	static test_fn *const tests[] = {
		test_types,	   test_errors,
		test_tables_once,  test_durable_settings,
		test_session_ends, test_interleaved,
		test_stress,	   test_standby,
	};

	char name[32];

	if (!getenv("CLINIC_TEST_DATABASE") || !getenv("POSTGRES_SH") ||
	    !getenv("POSTGRES_DIR")) {
		fprintf(stderr, "test_postgres: run tests/io/test_store_backends.py\n");
		return 64;
	}
	/* tells our sessions from those of other tests on the same server */
	snprintf(name, sizeof(name), "test%d", (int)getpid());
	CHECK_INT(setenv("PGAPPNAME", name, 1), 0);
	CHECK_INT(crypto_init(), 0);
	return test_main(argc, argv, "postgres", tests, "",
			 sizeof(tests) / sizeof(*tests));
}
