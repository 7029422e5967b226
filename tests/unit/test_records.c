/*
 * test_records.c - segments, spool and reserved numbers as one: every number reaches the clinic as the record that it was
 * given to, or as a tombstone that says why not, whatever happens in between.
 */
#include "storage/queue_inside.h"
#include "storage/records_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/core/reading.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"
#include "killed.h"
#include "temp_dir.h"
#include "test.h"

enum { SEQ_MAX = 60000, BODY_LEN = 90, READ_MAX = REPLY_RANGES_MAX };

static const uint8_t hub[HUB_ID_LEN] = "a hub of sixteen";

static char dir[128];
static struct keys *keys;
static struct records *r;
static uint32_t assignment;

/* What was inserted, and what the clinic has. */
struct truth {
	bool offered[SEQ_MAX], inserted[SEQ_MAX], there[SEQ_MAX], gone[SEQ_MAX];
	uint64_t mark[SEQ_MAX]; /* first octets of the body */
	enum tombstone_cause cause[SEQ_MAX];
	uint64_t contig, captures, damages, lost_told;
};

static struct truth *truth; /* shared with a process that is killed */
#define w (*truth)

static unsigned events[RECORDS_ROTATE_FAILED + 1];
static struct records_event last_event[RECORDS_ROTATE_FAILED + 1];

static void on_event(void *arg, const struct records_event *e)
{
	(void)arg;
	events[e->kind]++;
	last_event[e->kind] = *e;
	if (e->kind == RECORDS_SALVAGED)
		w.lost_told += e->b;
}

static void open_keys(bool first)
{
	struct keys_notes notes;
	const char *problem = "";

	CHECK_INT(keys_open(dir, !first, &keys, &notes, &problem), 0);
}

static int set_owner(void)
{
	return records_set_owner(r, hub, 3, assignment);
}

/* with_keys: the root secret is there. */
static void open_all(bool first, bool with_keys)
{
	const struct records_host host = { NULL, on_event };

	r = records_new(dir, 0, &host);
	CHECK(r != NULL);
	if (with_keys)
		open_keys(first);
	CHECK_INT(records_open(r, keys), with_keys ? 0 : -ENOKEY);
	CHECK_INT(set_owner(), 0);
	CHECK(records_ready(r));
}

static void close_all(void)
{
	records_free(r);
	keys_free(keys);
	r = NULL;
	keys = NULL;
}

static void start(void)
{
	CHECK_INT(crypto_init(), 0);
	if (!truth)
		truth = mmap(NULL, sizeof(*truth), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(truth != MAP_FAILED);
	memset(truth, 0, sizeof(*truth));
	memset(events, 0, sizeof(events));
	assignment = 1;
	temp_dir_make(dir, sizeof(dir));
	open_all(true, true);
}

static void stop(void)
{
	close_all();
	temp_dir_remove(dir);
}

/* Behind copies of what was delivered: those go first. */
static int evict(unsigned max_rows, struct queue_evicted *ret)
{
	int err;

	do
		err = records_evict(r, max_rows, ret);
	while (err == 0 && ret->kept);
	return err;
}

static int insert_class(unsigned count, enum record_class class)
{
	static uint8_t bodies[QUEUE_GROUP_MAX][BODY_LEN];
	struct queue_entry e[QUEUE_GROUP_MAX] = { 0 };
	uint64_t seq = records_next_seq(r);
	int err;

	records_reserve(r, QUEUE_GROUP_MAX);
	for (unsigned i = 0; i < count; i++) {
		uint64_t mark = test_random();

		CHECK(seq + i < SEQ_MAX);
		CHECK(!w.inserted[seq + i]); /* no number twice */
		memset(bodies[i], (int)(mark & 0xff), BODY_LEN);
		memcpy(bodies[i], &mark, sizeof(mark));
		w.offered[seq + i] = true;
		w.mark[seq + i] = mark;
		e[i] = (struct queue_entry){
			.record = { .assignment = assignment,
				    .seq = seq + i,
				    .class = class		 ? class
					     : test_random() % 5 ? CLASS_ROUTINE
								 : CLASS_ALARM,
				    .kind = 1,
				    .body = bodies[i],
				    .body_len = BODY_LEN },
			.instance = 5,
			.capture = ++w.captures,
		};
	}
	err = records_insert(r, e, count);
	for (unsigned i = 0; i < count && err == 0; i++)
		w.inserted[seq + i] = true;
	if (err == 0) {
		CHECK_UINT(records_next_seq(r), seq + count);
		CHECK(records_has(r, 5, w.captures));
	}
	return err;
}

static int insert(unsigned count)
{
	return insert_class(count, CLASS_NONE);
}

/* --- the clinic ---------------------------------------------------------------------- */

static void take(const struct record *rec)
{
	uint64_t mark;

	CHECK(rec->seq < SEQ_MAX && w.offered[rec->seq]);
	CHECK_UINT(rec->body_len, BODY_LEN);
	memcpy(&mark, rec->body, sizeof(mark));
	CHECK_UINT(mark, w.mark[rec->seq]);
	CHECK_UINT(rec->body[BODY_LEN - 1], mark & 0xff);
	w.there[rec->seq] = true;
}

static size_t read_some(enum record_class class, size_t max, uint64_t *seqs)
{
	uint8_t body[SEALED_BODY_MAX];
	struct record rec = { 0 };
	size_t n = 0;
	int err = 1;

	while (n < max && err) {
		err = records_read(r, class, rec.seq, body, sizeof(body), &rec);
		if (err == -EAGAIN)
			continue; /* a damaged one has left */
		CHECK(err == 0 || err == 1);
		if (err == 1) {
			take(&rec);
			seqs[n++] = rec.seq;
		}
	}
	return n;
}

static void take_tombstones(void)
{
	struct tombstone t[8];
	size_t n = 0;
	int err;

	do
		err = records_tombstones(r, 8, t, &n);
	while (err == -EAGAIN);
	CHECK_INT(err, 0);
	for (size_t i = 0; i < n; i++) {
		CHECK(t[i].last < SEQ_MAX);
		for (uint64_t s = t[i].first; s <= t[i].last; s++) {
			w.gone[s] = true;
			w.cause[s] = t[i].cause;
		}
	}
}

static bool has(uint64_t seq)
{
	return seq < SEQ_MAX && (w.there[seq] || w.gone[seq]);
}

/* A batch of one class, tombstones, and the answer. */
static void deliver(size_t max)
{
	struct reply reply = { .has_contig = true };
	struct queue_ack ack;
	uint64_t seqs[READ_MAX];
	size_t n = read_some(CLASS_ALARM, max, seqs);
	int err;

	if (n == 0)
		n = read_some(CLASS_ROUTINE, max, seqs);
	take_tombstones();
	while (has(w.contig + 1))
		w.contig++;
	reply.contig = w.contig;
	for (size_t i = 0; i < n; i++)
		if (seqs[i] <= w.contig)
			continue;
		else if (reply.range_count &&
			 reply.ranges[reply.range_count - 1].last + 1 == seqs[i])
			reply.ranges[reply.range_count - 1].last++;
		else
			reply.ranges[reply.range_count++] =
				(struct seq_range){ seqs[i], seqs[i] };
	do
		err = records_acknowledge(r, &reply, seqs, n, &ack);
	while (err == -EAGAIN && records_has_queue(r));
	CHECK_INT(err, 0);
}

static void work(unsigned steps)
{
	int err = 1;

	while (steps-- && err) {
		err = records_step(r);
		CHECK(err >= 0 || err == -EAGAIN);
	}
}

/* Everything to the clinic; each number is a record or a tombstone. */
static void drain(void)
{
	uint64_t lost = 0;

	for (int i = 0; i < 20000 && w.contig < records_highest(r); i++) {
		work(20);
		deliver(READ_MAX);
	}
	deliver(READ_MAX);
	work(1000);
	CHECK_UINT(w.contig, records_highest(r));
	CHECK_UINT(records_contig(r), records_highest(r));
	CHECK_UINT(records_unsent(r), 0);
	for (uint64_t s = 1; s <= records_highest(r); s++) {
		CHECK(w.there[s] || w.gone[s]);
		if (w.there[s])
			CHECK(w.offered[s]);
		else if (w.inserted[s]) {
			/* at the end of a WAL: the hub cannot tell it from a cut before the answer */
			CHECK(w.cause[s] == TOMBSTONE_DAMAGED ||
			      w.cause[s] == TOMBSTONE_SKIPPED);
			lost++;
		}
	}
	if (w.damages == 0)
		CHECK_UINT(lost, 0);
	CHECK_UINT(r->count, 1); /* drained segments are gone */
	CHECK(!records_is_spooling(r));
}

/* --- files ----------------------------------------------------------------------------- */

/* len octets at a random place of a file are others. */
static void damage(const char *name, size_t len)
{
	char path[256];
	uint8_t noise[4096];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (stat(path, &st) || st.st_size < 8192)
		return;
	crypto_random(noise, sizeof(noise));
	fd = open(path, O_WRONLY);
	CHECK(fd >= 0);
	CHECK_INT(pwrite(fd, noise, len, (off_t)(test_random() % (uint64_t)st.st_size)),
		  (long long)len);
	close(fd);
	w.damages++;
}

static uint32_t newest_number(void)
{
	return r->at[r->count - 1].number;
}

static void name_of(uint32_t number, const char *suffix, char ret[static 48])
{
	snprintf(ret, 48, QUEUE_FILE_OF "%s", number, suffix);
}

/* --- tests ------------------------------------------------------------------------------ */

static void test_rotation(void)
{
	start();
	CHECK_UINT(newest_number(), 1);
	CHECK_INT(records_rotate(r), 0); /* nothing in it: stays */
	CHECK_UINT(newest_number(), 1);
	CHECK_INT(insert(10), 0);
	assignment = 2;
	CHECK_INT(set_owner(), 0);
	CHECK_UINT(newest_number(), 2);
	CHECK_UINT(r->count, 2);
	CHECK_INT(set_owner(), 0); /* the same again */
	CHECK_UINT(newest_number(), 2);
	assignment = 3; /* nothing was given under 2 */
	CHECK_INT(set_owner(), 0);
	CHECK_UINT(newest_number(), 2);
	CHECK_INT(insert(5), 0);
	CHECK_UINT(records_unsent(r), 15);
	CHECK_UINT(records_contig(r), 0);
	close_all();
	open_all(false, true);
	CHECK_UINT(r->count, 2);
	CHECK_UINT(records_next_seq(r), 16);
	CHECK(records_has(r, 5, 15) && records_has(r, 5, 10));
	drain();
	CHECK_UINT(newest_number(), 2);
	CHECK(!file_exists(dir, "queue-1.db"));
	CHECK(!file_exists(dir, "queue-1.db-wal"));
	CHECK_UINT(events[RECORDS_SEGMENT_GONE], 1);
	{
		uint32_t numbers[SLOTS_MAX];

		CHECK_UINT(keys_segments(keys, numbers), 1);
		CHECK_UINT(numbers[0], 2);
	}
	stop();
}

/* As many segments as there may be, then the open one goes on. */
static void test_many_rotations(void)
{
	start();
	for (int i = 0; i < 10; i++) {
		assignment++;
		CHECK_INT(set_owner(), 0);
		CHECK_INT(insert(3), 0);
		CHECK(r->count <= RECORDS_ROTATE_MAX);
	}
	CHECK_UINT(r->count, RECORDS_ROTATE_MAX);
	drain();
	assignment++;
	CHECK_INT(set_owner(), 0);
	CHECK_INT(insert(1), 0);
	drain();
	stop();
}

/* A refused body moves on when its segment goes. */
static void test_refused_moves(void)
{
	struct reply reply = { .has_contig = true,
			       .refused_count = 1,
			       .refused = { { 2, REFUSED_MALFORMED } } };
	struct queue_ack ack;
	struct queue_evicted ev;

	start();
	CHECK_INT(insert(3), 0);
	assignment = 2;
	CHECK_INT(set_owner(), 0);
	CHECK_INT(insert(1), 0);
	CHECK_INT(records_acknowledge(r, &reply, NULL, 0, &ack), 0);
	CHECK_UINT(ack.refused, 1);
	take_tombstones();
	CHECK_INT(w.cause[2], TOMBSTONE_REFUSED);
	w.inserted[2] = false;
	drain();
	CHECK_INT(evict(1, &ev), 0);
	CHECK_UINT(ev.parked, 1); /* it was there */
	stop();
}

/* The root secret is not there: the spool takes records, under numbers that nobody had. */
static void test_without_keys(void)
{
	uint64_t first;

	start();
	CHECK_INT(insert(20), 0);
	CHECK_INT(insert(20), 0);
	close_all();
	open_all(false, false);
	CHECK(!records_has_queue(r));
	first = records_next_seq(r);
	CHECK(first > 40);
	CHECK_INT(insert(7), 0);
	CHECK(records_is_spooling(r));
	CHECK_UINT(events[RECORDS_SPOOL_BEGUN], 1);
	CHECK_UINT(records_unsent(r), 7);
	deliver(3);
	close_all();
	open_all(false, false);
	CHECK_INT(insert(40 - 8), 0);
	CHECK_UINT(records_next_seq(r), first + 7 + 32); /* no gap within the spool */
	open_keys(false);
	CHECK_INT(records_open(r, keys), 0);
	CHECK(records_has_queue(r) && records_is_spooling(r));
	CHECK_INT(insert(2), 0); /* behind what waits there */
	CHECK(records_is_spooling(r));
	work(1000);
	CHECK(!records_is_spooling(r));
	CHECK_UINT(events[RECORDS_SPOOL_ENDED], 1);
	CHECK_UINT(events[RECORDS_SKIPPED], 1);
	CHECK_UINT(last_event[RECORDS_SKIPPED].a, 41);
	CHECK_UINT(last_event[RECORDS_SKIPPED].b, first - 1);
	CHECK_INT(insert(1), 0);
	CHECK(!records_is_spooling(r));
	close_all();
	open_all(false, true); /* what moved is not told as delivered */
	CHECK(!records_is_spooling(r));
	drain();
	for (uint64_t s = 41; s < first; s++)
		CHECK_INT(w.cause[s], TOMBSTONE_SKIPPED);
	stop();
}

/* What the clinic names while the queue is closed, the queue hears when it opens. */
static void test_named_while_closed(void)
{
	struct reply reply = { .has_contig = true,
			       .contig = 10,
			       .range_count = 1,
			       .ranges = { { 15, 16 } } };
	struct queue_ack ack;

	start();
	CHECK_INT(insert(20), 0);
	records_close(r);
	CHECK_INT(records_acknowledge(r, &reply, NULL, 0, &ack), 0);
	CHECK_INT(insert(1), 0);
	close_all();
	open_all(false, true);
	CHECK_UINT(records_contig(r), 10);
	CHECK_UINT(records_unsent(r), 9);
	for (uint64_t s = 1; s <= 16; s++)
		w.there[s] = s <= 10 || s >= 15;
	drain();
	stop();
}

/* A damaged segment leaves; what reads comes back, the rest is told number by number. */
static void test_damaged(void)
{
	start();
	for (int i = 0; i < 60; i++)
		CHECK_INT(insert(30), 0);
	close_all();
	open_all(false,
		 true); /* what is in the WAL goes to the file, and the WAL begins anew */
	CHECK_INT(insert(1), 0);
	close_all();
	for (int i = 0; i < 12; i++)
		damage("queue-1.db", 16);
	open_all(false, true);
	drain(); /* it may be found at the opening, or by reading */
	CHECK_UINT(events[RECORDS_SEGMENT_ASIDE], 1);
	CHECK_UINT(events[RECORDS_SALVAGED], 1);
	CHECK(last_event[RECORDS_SALVAGED].b > 0); /* how much is found: test_salvage.c */
	CHECK(file_exists(dir, "queue-1.db.salvaged"));
	CHECK(!file_exists(dir, "queue-1.db"));
	CHECK(!file_exists(dir, "queue-65537.db"));
	CHECK_INT(insert(5), 0);
	drain();
	close_all();
	open_all(false, true); /* not again */
	work(100);
	CHECK_UINT(events[RECORDS_SALVAGED], 1);
	stop();
}

/* Octets of the first segment's WAL are others. */
static void spoil_wal(off_t at, size_t len)
{
	uint8_t noise[32];
	char path[256];
	int fd;

	memset(noise, 0xa5, sizeof(noise));
	snprintf(path, sizeof(path), "%s/queue-1.db-wal", dir);
	fd = open(path, O_WRONLY);
	CHECK(fd >= 0 && len <= sizeof(noise));
	CHECK_INT(pwrite(fd, noise, len, at), (long long)len);
	close(fd);
}

/* A round of the WAL is read on behind a frame of which nothing says any more that it belongs there. */
static void test_spoilt_first(void)
{
	start();
	CHECK_INT(insert(3), 0);
	close_all();
	open_all(false, true);
	for (int i = 0; i < 3; i++)
		CHECK_INT(insert(3), 0);
	close_all();
	spoil_wal(32 + 4, 16);
	open_all(false, true);
	CHECK(records_next_seq(r) >= 13);
	CHECK_INT(insert(2), 0); /* fails by itself if it gives a number twice */
	drain();
	CHECK_UINT(events[RECORDS_SALVAGED], 1);
	for (uint64_t s = 1; s <= 12; s++)
		CHECK(w.there[s]);
	stop();
}

/* The header of the WAL does not read, so SQLite sees nothing of it: the commits in it were answered. */
static void test_spoilt_header(void)
{
	static const off_t places[] = { 0, 8, 12, 16, 20, 24 };

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		for (int commits = 1; commits <= 3; commits++) {
			start();
			CHECK_INT(insert(3), 0);
			close_all();
			open_all(false, true);
			for (int c = 0; c < commits; c++)
				CHECK_INT(insert(3), 0);
			close_all();
			spoil_wal(places[i], 32 - (size_t)places[i]);
			open_all(false, true);
			CHECK_INT(insert(2), 0);
			drain();
			CHECK_UINT(events[RECORDS_SALVAGED], 1);
			for (uint64_t s = 1; s <= 3u + 3u * (unsigned)commits; s++)
				CHECK(w.there[s]);
			stop();
		}
}

/* What an earlier round left behind this one is no damage: it costs no number. */
static void test_older_round(void)
{
	uint64_t next = 0;

	start();
	for (int i = 0; i < 30; i++)
		CHECK_INT(insert(20), 0);
	for (int round = 0; round < 4; round++) {
		close_all();
		open_all(false, true); /* written back; the next one begins anew */
		CHECK_UINT(records_next_seq(r), next ? next : 601);
		CHECK_INT(insert(1 + (unsigned)round), 0);
		next = records_next_seq(r);
	}
	CHECK_UINT(events[RECORDS_SKIPPED], 0);
	drain();
	stop();
}

/* A damaged segment that can never be opened: it is not waited for without an end. */
static void test_never_opens(void)
{
	int tries = 0;

	start();
	CHECK_INT(insert(5), 0);
	CHECK_INT(records_set_aside(r, 0, -EBADMSG), 0);
	CHECK_INT(insert(2), 0);
	CHECK_INT(file_remove(dir, "queue-1.db.aside"), 0);
	{
		char path[256];

		snprintf(path, sizeof(path), "%s/queue-1.db.aside", dir);
		CHECK_INT(mkdir(path, 0700), 0);
		while (events[RECORDS_SALVAGED] == 0 && tries < 1000) {
			int err = records_step(r);

			CHECK(err >= 0 || err == -EIO);
			tries += err == -EIO;
		}
		CHECK_INT(tries, 299);
		for (uint64_t s = 1; s <= 5; s++)
			w.inserted[s] = false;
		drain();
		for (uint64_t s = 1; s <= 5; s++)
			CHECK_INT(w.cause[s], TOMBSTONE_DAMAGED);
		CHECK(w.there[records_highest(r)]);
	}
	stop();
}

/* With as many segments as can be open, the next damaged one waits until another is drained: that is no full disk, for
 * which readings would go. */
static void test_more_damaged_than_fit(void)
{
	start();
	while (r->count < RECORDS_SEGMENTS_MAX) {
		CHECK_INT(insert(3), 0);
		CHECK_INT(records_set_aside(r, r->count - 1, -EBADMSG), 0);
		work(100);
	}
	CHECK_UINT(events[RECORDS_SALVAGED], RECORDS_SEGMENTS_MAX - 1);
	CHECK_INT(insert(3), 0);
	CHECK_INT(records_set_aside(r, r->count - 1, -EBADMSG), 0);
	CHECK_INT(records_step(r), 0);
	CHECK_UINT(events[RECORDS_SALVAGED], RECORDS_SEGMENTS_MAX - 1);
	drain();
	CHECK_UINT(events[RECORDS_SALVAGED], RECORDS_SEGMENTS_MAX);
	for (uint64_t s = 1; s <= 3 * RECORDS_SEGMENTS_MAX; s++)
		CHECK(w.there[s]);
	stop();
}

enum { WAL_HEADER = 32, WAL_FRAME = 24 + DB_PAGE_SIZE };

static off_t wal_frames(void)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/queue-1.db-wal", dir);
	CHECK_INT(stat(path, &st), 0);
	return (st.st_size - WAL_HEADER) / WAL_FRAME;
}

/* In one frame of the segment's WAL, from 0 on, octets at 'at' are others. */
static void spoil_frame(off_t number, off_t at)
{
	off_t frame = WAL_HEADER + number * WAL_FRAME;
	uint8_t four[4];
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/queue-1.db-wal", dir);
	fd = open(path, O_RDWR);
	CHECK(fd >= 0);
	CHECK_INT(pread(fd, four, sizeof(four), frame + at), sizeof(four));
	for (size_t i = 0; i < sizeof(four); i++)
		four[i] ^= 0x5a;
	CHECK_INT(pwrite(fd, four, sizeof(four), frame + at), sizeof(four));
	close(fd);
	w.damages++;
}

/* The last commit was answered and does not read: its numbers are not given again, also if the power goes before
 * anything else is written. A whole end costs no number. */
static void test_spoilt_end(void)
{
	/* page, size, salts, sums, and what is in the page */
	static const off_t places[] = { 0, 4, 8, 12, 16, 20, 24, 4000 };

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		start();
		CHECK_INT(insert(3), 0);
		close_all();
		open_all(false, true);
		CHECK_UINT(records_next_seq(r), 4);
		CHECK_INT(insert(3), 0);
		close_all();
		spoil_frame(wal_frames() - 1, places[i]);
		open_all(false, true);
		CHECK(records_next_seq(r) > 6);
		close_all();
		open_all(false, true);
		CHECK_INT(insert(2), 0); /* fails by itself if it gives a number twice */
		drain();
		CHECK_INT(w.cause[6], w.there[6] ? 0 : TOMBSTONE_SKIPPED);
		stop();
	}
}

/* SQLite takes the frames before the spoilt one for the newest, also over pages that were written back since: what then
 * fits nothing is told number by number. */
static void test_spoilt_middle(void)
{
	static const off_t places[] = { 0, 4, 8, 12, 16, 20, 24, 4000 };
	enum { PLACES = sizeof(places) / sizeof(*places) };
	off_t frames = 1;

	for (off_t k = 0; k < frames * PLACES; k++) {
		start();
		CHECK_INT(insert_class(7, CLASS_ROUTINE), 0);
		close_all();
		open_all(false, true);
		deliver(READ_MAX);
		CHECK_INT(insert_class(3, CLASS_ROUTINE), 0);
		CHECK_INT(insert_class(2, CLASS_ALARM), 0);
		close_all();
		frames = wal_frames();
		open_all(
			false,
			true); /* written back; the WAL stays as it is until the next commit */
		close_all();
		CHECK_INT(wal_frames(), frames);
		spoil_frame(k / PLACES, places[k % PLACES]);
		open_all(false, true);
		CHECK_INT(insert(2), 0);
		drain();
		stop();
	}
	CHECK(frames > 5);
}

/* Rows are not there although their numbers count as unsent, and every page is whole: an older page between newer ones. */
static void test_rows_missing(void)
{
	start();
	CHECK_INT(insert_class(7, CLASS_ROUTINE), 0);
	CHECK_INT(insert_class(2, CLASS_ALARM), 0);
	CHECK_INT(db_exec(r->at[0].queue->db, "DELETE FROM q_routine WHERE seq < 5"), 0);
	w.damages = 1;
	close_all();
	open_all(false, true);
	CHECK_INT(insert(2), 0);
	drain();
	CHECK_UINT(events[RECORDS_SALVAGED], 1);
	stop();
}

/* The clinic is as it was when it had the first numbers only. */
static void set_clinic_back(uint64_t contig)
{
	for (uint64_t s = contig + 1; s < SEQ_MAX; s++)
		w.there[s] = w.gone[s] = false;
	w.contig = contig;
}

/* What has come back for a clinic that lost it is in the segment that is set aside then, while what it knew before is
 * still in the older pages of it. */
static void test_aside_after_resync(void)
{
	struct queue_resync done;

	start();
	for (int i = 0; i < 60; i++)
		CHECK_INT(insert(30), 0);
	drain();
	close_all();
	open_all(false, true);
	set_clinic_back(700);
	CHECK_INT(records_resync(r, 701, &done), 0);
	CHECK_UINT(done.again, 1100);
	CHECK_INT(insert(5), 0);
	CHECK_INT(records_set_aside(r, 0, -EBADMSG), 0);
	drain();
	CHECK_UINT(events[RECORDS_SALVAGED], 1);
	CHECK_UINT(last_event[RECORDS_SALVAGED].b, 0);
	for (uint64_t s = 1; s <= 1805; s++)
		CHECK(w.there[s]);
	stop();
}

/* One of two segments fails while numbers come back. The clinic asks again while it has less than the mark: so
 * this stays above what the clinic has until all is done. */
static void test_resync_fails_between(void)
{
	for (size_t failing = 0; failing < 2; failing++) {
		struct queue_resync done;

		start();
		for (assignment = 1; assignment <= 2; assignment++) {
			CHECK_INT(set_owner(), 0);
			CHECK_INT(insert(20), 0);
		}
		while (w.contig < records_highest(r))
			deliver(READ_MAX);
		CHECK_UINT(r->count, 2);
		CHECK_UINT(records_contig(r), 40);
		set_clinic_back(10);
		/* in a transaction it can begin none */
		CHECK_INT(db_begin(r->at[failing].queue->db), 0);
		CHECK_INT(records_resync(r, 11, &done), -EAGAIN);
		CHECK(records_contig(r) > w.contig);
		w.damages = 1;
		while (events[RECORDS_SALVAGED] == 0)
			work(1);
		CHECK(records_contig(r) > w.contig);
		CHECK_INT(records_resync(r, 11, &done), 0);
		CHECK_UINT(records_contig(r), 10);
		while (w.contig < records_highest(r))
			deliver(READ_MAX);
		CHECK_UINT(records_unsent(r), 0);
		stop();
	}
}

/* The clinic asks while a segment is still being read: what was not read yet is not known to be gone. */
static void test_resync_while_aside(void)
{
	struct queue_resync done;

	start();
	for (int i = 0; i < 20; i++)
		CHECK_INT(insert(30), 0);
	drain();
	for (int i = 0; i < 4; i++)
		CHECK_INT(insert(30), 0);
	CHECK_INT(records_set_aside(r, 0, -EBADMSG), 0);
	set_clinic_back(100);
	CHECK_INT(records_resync(r, 101, &done), -EAGAIN);
	work(2);
	CHECK(events[RECORDS_SALVAGED] == 0);
	CHECK_INT(records_resync(r, 101, &done), -EAGAIN);
	while (events[RECORDS_SALVAGED] == 0)
		work(1);
	CHECK_INT(records_resync(r, 101, &done), 0);
	CHECK_UINT(done.gone, 500); /* copies are not read from a damaged file */
	w.damages = 1;		    /* so there are tombstones, of another cause */
	while (w.contig < records_highest(r))
		deliver(READ_MAX);
	for (uint64_t s = 101; s <= 600; s++)
		CHECK(w.gone[s] && w.cause[s] == TOMBSTONE_DELIVERED);
	for (uint64_t s = 601; s <= 720; s++)
		CHECK(w.there[s] && !w.gone[s]);
	stop();
}

/* Nothing of it reads, or it was emptied, or cut off from its WAL: all its numbers are told as lost, none is used again. */
static void test_destroyed(void)
{
	for (int how = 0; how < 3; how++) {
		char path[256];
		uint8_t noise[65536];

		start();
		for (int i = 0; i < 10; i++)
			CHECK_INT(insert(30), 0);
		close_all();
		crypto_random(noise, sizeof(noise));
		if (how == 0) {
			CHECK_INT(file_replace(dir, "queue-1.db", noise, sizeof(noise)),
				  0);
			CHECK_INT(file_remove(dir, "queue-1.db-wal"), 0);
		} else {
			snprintf(path, sizeof(path), "%s/queue-1.db", dir);
			CHECK_INT(truncate(path, 0), 0);
			if (how == 2)
				CHECK_INT(file_remove(dir, "queue-1.db-wal"), 0);
		}
		w.damages = 1;
		open_all(false, true);
		CHECK(records_next_seq(r) > 300);
		CHECK_INT(insert(3), 0);
		for (uint64_t s = records_next_seq(r) - 3; s < records_next_seq(r); s++)
			CHECK(w.inserted[s]);
		drain();
		for (uint64_t s = 1; s <= 300; s++)
			CHECK(w.there[s] || w.gone[s]);
		stop();
	}
}

/* The clinic knows numbers that this disk does not: it was put back to an older state. */
static void test_rolled_back(void)
{
	struct reply reply = { .has_contig = true, .contig = 50 };
	struct queue_ack ack;
	uint64_t seqs[8];

	start();
	CHECK_INT(insert(20), 0);
	CHECK_INT(records_acknowledge(r, &reply, NULL, 0, &ack), -EPROTO);
	CHECK_INT(records_on_rollback(r, 50 + (1ull << 25)), -ERANGE);
	CHECK_INT(records_on_rollback(r, 20), 0);
	CHECK_UINT(records_next_seq(r), 21);
	CHECK_INT(records_on_rollback(r, 50), 0);
	CHECK_UINT(events[RECORDS_ROLLED_BACK], 1);
	CHECK_UINT(records_next_seq(r), 51);
	CHECK_INT(insert(2), 0);
	close_all();
	open_all(false, true);
	/* it has 1..50 of another life: none of ours goes for that */
	CHECK_INT(records_acknowledge(r, &reply, NULL, 0, &ack), 0);
	CHECK_UINT(ack.removed, 0);
	CHECK_UINT(records_unsent(r), 22);
	CHECK_UINT(read_some(CLASS_ALARM, 8, seqs) + read_some(CLASS_ROUTINE, 8, seqs) >
			   0,
		   1);
	seqs[0] = 1;
	seqs[1] = 3;
	CHECK_INT(records_acknowledge(r, &reply, seqs, 2, &ack), 0);
	CHECK_UINT(ack.removed, 2);
	CHECK_UINT(records_contig(r), 1);
	for (uint64_t s = 21; s <= 50; s++)
		w.gone[s] = true;
	w.there[1] = w.there[3] = true;
	w.contig = 50;
	for (int i = 0; i < 20; i++)
		deliver(READ_MAX);
	drain();
	stop();
}

/* The segment is full of numbers: the next one begins by itself. */
static void test_long_segment(void)
{
	start();
	CHECK_INT(queue_pass(records_newest(r), RECORDS_SEGMENT_MAX - 1, CLASS_NONE,
			     TOMBSTONE_NONE),
		  0);
	work(1);
	CHECK_UINT(r->count, 1);
	CHECK_INT(queue_pass(records_newest(r), RECORDS_SEGMENT_MAX, CLASS_NONE,
			     TOMBSTONE_NONE),
		  0);
	r->next = RECORDS_SEGMENT_MAX + 1;
	work(1000);
	CHECK_UINT(newest_number(), 2);
	CHECK_UINT(queue_first(records_newest(r)), RECORDS_SEGMENT_MAX + 1);
	stop();
}

static int insert_evidence(unsigned count)
{
	static uint8_t body[BODY_LEN];
	struct queue_entry e[QUEUE_GROUP_MAX] = { 0 };
	uint64_t seq = records_next_seq(r);
	int err;

	records_reserve(r, count);
	for (unsigned i = 0; i < count; i++)
		e[i].record = (struct record){ .assignment = assignment,
					       .seq = seq + i,
					       .class = CLASS_ROUTINE,
					       .kind = READING_EVIDENCE,
					       .body = body,
					       .body_len = BODY_LEN };
	err = records_insert_own(r, e, count);
	CHECK_UINT(records_next_seq(r), err ? seq : seq + count);
	return err;
}

/* The newest segment's evidence before the oldest one's readings. */
static void test_evict_evidence(void)
{
	struct queue_evicted ev;

	start();
	CHECK_INT(insert_class(2, CLASS_ROUTINE), 0);
	CHECK_INT(insert_evidence(1), 0);
	assignment = 2;
	CHECK_INT(set_owner(), 0);
	CHECK_INT(insert_class(1, CLASS_ALARM), 0);
	CHECK_INT(insert_evidence(2), 0);
	CHECK_INT(evict(10, &ev), 0);
	CHECK_UINT(ev.evidence, 1);
	CHECK_UINT(ev.first, 3);
	CHECK_INT(evict(10, &ev), 0);
	CHECK_UINT(ev.evidence, 2);
	CHECK_UINT(ev.first, 5);
	CHECK_UINT(ev.routine, 0);
	CHECK_INT(evict(10, &ev), 0);
	CHECK_UINT(ev.routine, 2);
	take_tombstones();
	for (uint64_t s = 1; s <= 6; s++)
		CHECK_INT(w.cause[s], s < 3    ? TOMBSTONE_EVICTED
				      : s == 4 ? TOMBSTONE_NONE
					       : TOMBSTONE_EVIDENCE);
	stop();
}

/* It waits while readings go to the spool: there is no order in that. */
static void test_evidence_not_spooled(void)
{
	start();
	CHECK_INT(insert_evidence(1), 0);
	records_close(r);
	CHECK_INT(insert_evidence(1), -EAGAIN);
	CHECK_INT(insert_class(1, CLASS_ROUTINE), 0);
	CHECK(records_is_spooling(r));
	CHECK_INT(records_open(r, keys), 0);
	CHECK_INT(insert_evidence(1), -EAGAIN);
	work(100);
	CHECK(!records_is_spooling(r));
	CHECK_INT(insert_evidence(1), 0);
	CHECK_UINT(records_unsent(r), 3);
	stop();
}

/* Oldest routine first over all segments, alarms last. */
static void test_evict(void)
{
	struct queue_evicted ev;

	start();
	CHECK_INT(insert_class(3, CLASS_ALARM), 0);
	CHECK_INT(insert_class(2, CLASS_ROUTINE), 0);
	assignment = 2;
	CHECK_INT(set_owner(), 0);
	CHECK_INT(insert_class(2, CLASS_ROUTINE), 0);
	CHECK_INT(evict(10, &ev), 0);
	CHECK_UINT(ev.routine, 2);
	CHECK_UINT(ev.alarm, 0);
	CHECK_INT(evict(10, &ev), 0);
	CHECK_UINT(ev.routine, 2);
	CHECK_INT(evict(2, &ev), 0);
	CHECK_UINT(ev.routine, 0);
	CHECK_UINT(ev.alarm, 2);
	take_tombstones();
	for (uint64_t s = 1; s <= 7; s++)
		CHECK_INT(w.cause[s], s == 3 ? TOMBSTONE_NONE : TOMBSTONE_EVICTED);
	records_close(r);
	CHECK_INT(insert_class(2, CLASS_ALARM), 0);
	CHECK_INT(insert_class(2, CLASS_ROUTINE), 0);
	CHECK_INT(evict(10, &ev), 0);
	CHECK_UINT(ev.routine, 2);
	CHECK_INT(evict(10, &ev), 0);
	CHECK_UINT(ev.alarm, 2);
	CHECK_INT(records_open(r, keys), 0);
	work(100);
	take_tombstones();
	for (uint64_t s = records_next_seq(r) - 4; s < records_next_seq(r); s++)
		CHECK_INT(w.cause[s], TOMBSTONE_EVICTED);
	stop();
}

static void test_other_owner(void)
{
	start();
	CHECK_INT(insert(1), 0);
	CHECK_INT(records_set_owner(r, hub, 4, 1), -EACCES);
	CHECK_INT(records_set_owner(r, (const uint8_t *)"b hub of sixteen", 3, 1),
		  -EACCES);
	CHECK_INT(set_owner(), 0);
	stop();
}

static void restart_somehow(void)
{
	char name[48];
	bool with_keys = test_random() % 3 > 0;
	uint32_t number = r->count ? newest_number() : 0;

	close_all();
	if (number && test_random() % 4 == 0) {
		name_of(number, test_random() % 3 ? "" : "-wal", name);
		damage(name, 8);
	}
	open_all(false, with_keys);
}

static void do_something(void)
{
	switch (test_random() % 12) {
	case 0: restart_somehow(); break;
	case 1:
		records_close(r); /* a lock */
		if (!keys)
			open_keys(false);
		CHECK_INT(records_open(r, keys), 0);
		break;
	case 2:
		assignment++;
		CHECK_INT(set_owner(), 0);
		break;
	case 3: CHECK_INT(records_rotate(r), 0); break;
	case 4:
	case 5: work((unsigned)(test_random() % 10)); break;
	case 6:
	case 7: deliver(1 + test_random() % READ_MAX); break;
	default: CHECK_INT(insert(1 + (unsigned)(test_random() % 20)), 0);
	}
}

/* All of it in any order. */
static void test_anything(void)
{
	for (int run = 0; run < 6; run++) {
		start();
		for (int i = 0; i < 120; i++)
			do_something();
		if (!keys)
			open_keys(false);
		CHECK_INT(records_open(r, keys), 0);
		drain();
		stop();
	}
}

/* --- killed at each step ----------------------------------------------------------------- */

static const char *const steps[] = {
	"store.segment.keyed",	 "store.segment.made",	   "store.segment.begun",
	"store.segment.broken",	 "store.segment.aside",	   "store.segment.drained",
	"store.segment.removed", "store.spool.appended",   "store.spool.moved",
	"store.spool.ended",	 "store.salvage.inserted", "store.salvage.ended",
};

/* A life in which each of the steps is made. */
static int live(void *arg)
{
	(void)arg;
	open_all(true, true);
	CHECK_INT(insert(8), 0);
	assignment = 2;
	CHECK_INT(set_owner(), 0);
	CHECK_INT(insert(8), 0);
	records_close(r);
	CHECK_INT(insert(5), 0);
	CHECK_INT(records_open(r, keys), 0);
	work(100);
	CHECK_INT(insert(3), 0);
	CHECK_INT(records_mend(r, r->count - 1, -EIO), -EAGAIN);
	CHECK_INT(insert(4), 0);
	drain();
	return 0;
}

/* tests/system/test_kills.py leaves these steps to this test: they need no other process. */
static void test_killed_at_each_step(void)
{
#ifndef HUB_FAILPOINTS
	printf("SKIP kills: built without failpoints\n");
	return;
#endif
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		start();
		close_all();
		temp_dir_remove(dir);
		temp_dir_make(dir, sizeof(dir));
		assignment = 1;
		CHECK(killed_at(dir, steps[i], live, NULL));
		assignment = 2;
		open_all(false, true);
		CHECK_INT(insert(3), 0);
		drain();
		stop();
	}
}

TEST_MAIN("records", test_killed_at_each_step, test_aside_after_resync,
	  test_resync_fails_between, test_resync_while_aside, test_rotation,
	  test_many_rotations, test_refused_moves, test_without_keys,
	  test_named_while_closed, test_damaged, test_spoilt_first, test_spoilt_header,
	  test_older_round, test_never_opens, test_more_damaged_than_fit, test_spoilt_end,
	  test_spoilt_middle, test_rows_missing, test_destroyed, test_rolled_back,
	  test_long_segment, test_evict, test_evict_evidence, test_evidence_not_spooled,
	  test_other_owner, test_anything)
