/*
 * test_audit.c - the audit log on a disk: what is there after restarts, faults, a full ring and power cuts.
 *
 * pwrite, fdatasync, fsync and renameat are this file's own: they can fail on order, and they record what reached the
 * disk for good and what did not, so that a power cut can be played at every step.
 */
#include "storage/audit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "audit_world.h"
#include "hub/rt/file.h"
#include "storage/audit_state.h"

/* --- the disk ------------------------------------------------------------------------------------- */

enum op_kind { OP_WRITE = 1, OP_SYNC, OP_RENAME, OP_STORE };

/* What was asked of the disk, in order. */
struct op {
	enum op_kind kind;
	ino_t file;
	off_t at;
	size_t len;
	uint8_t *bytes; /* owned; OP_STORE: the key slot from now on */
	char from[48], to[48];
	/* records that the caller was told are durable before this one */
	uint64_t promised;
};

static struct {
	bool recording;
	struct op *ops;
	size_t count, cap;
	uint64_t promised;
	/* fail the n-th call from now on, 0: none; how many from there */
	int fail_sync, fail_write, fail_rename, fail_run, fail_errno;
} disk;

static bool fails(int *countdown)
{
	if (*countdown == 0 || --*countdown > 0)
		return false;
	if (--disk.fail_run > 0)
		*countdown = 1;
	errno = disk.fail_errno;
	return true;
}

static struct op *record_op(enum op_kind kind, int fd)
{
	struct stat st = { 0 };
	struct op *op;

	if (!disk.recording)
		return NULL;
	if (disk.count == disk.cap) {
		disk.cap = disk.cap ? disk.cap * 2 : 256;
		disk.ops = realloc(disk.ops, disk.cap * sizeof(*disk.ops));
		CHECK(disk.ops != NULL);
	}
	op = &disk.ops[disk.count++];
	memset(op, 0, sizeof(*op));
	op->kind = kind;
	op->promised = disk.promised;
	if (fd >= 0)
		CHECK_INT(fstat(fd, &st), 0);
	op->file = st.st_ino;
	return op;
}

static void keep_bytes(struct op *op, const void *p, size_t len)
{
	if (!op)
		return;
	op->bytes = malloc(len);
	CHECK(op->bytes != NULL);
	memcpy(op->bytes, p, len);
	op->len = len;
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t at)
{
	struct op *op;

	if (fails(&disk.fail_write))
		return -1;
	op = record_op(OP_WRITE, fd);
	keep_bytes(op, buf, n);
	if (op)
		op->at = at;
	return syscall(SYS_pwrite64, fd, buf, n, at);
}

int fdatasync(int fd)
{
	if (fails(&disk.fail_sync))
		return -1;
	record_op(OP_SYNC, fd);
	return 0; /* the test's disk is memory anyway */
}

int fsync(int fd)
{
	return fdatasync(fd);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	struct op *op;

	if (fails(&disk.fail_rename))
		return -1;
	op = record_op(OP_RENAME, -1);
	if (op) {
		snprintf(op->from, sizeof(op->from), "%s", from);
		snprintf(op->to, sizeof(op->to), "%s", to);
	}
	return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0);
}

static void disk_forget(void)
{
	for (size_t i = 0; i < disk.count; i++)
		free(disk.ops[i].bytes);
	free(disk.ops);
	memset(&disk, 0, sizeof(disk));
}

static void disk_fails(int *what, int nth, int run, int error)
{
	disk.fail_run = run;
	disk.fail_errno = error;
	*what = nth;
}

/* --- tools ------------------------------------------------------------------------------------------ */

static struct world w;

static void reopen(void)
{
	audit_free(w.log);
	w.log = NULL;
	CHECK_INT(world_open(&w), 0);
}

struct tally {
	uint64_t of[256];
	struct audit_record last[256];
};

static void count_one(void *arg, const struct audit_record *r)
{
	struct tally *t = (struct tally *)arg;

	t->of[r->event.kind]++;
	t->last[r->event.kind] = *r;
	t->last[r->event.kind].data = NULL; /* not ours */
}

static struct tally tally(void)
{
	static struct tally t;
	struct image im = world_image(&w);
	struct audit_verify_in in = {
		.enrolment = 3,
		.segments = im.segments,
		.segment_count = im.count,
		.on_record = count_one,
		.arg = &t,
	};
	struct audit_verdict v;

	memset(&t, 0, sizeof(t));
	memcpy(in.hub, w.hub, sizeof(in.hub));
	memcpy(in.key0, w.key0, sizeof(in.key0));
	memcpy(in.public, w.public, sizeof(in.public));
	audit_verify(&in, &v);
	image_free(&im);
	return t;
}

static bool exists(const char *name)
{
	return file_exists(w.dir, name);
}

/* --- tests ---------------------------------------------------------------------------------------- */

static void test_first_start(void)
{
	struct audit_verdict v;
	struct tally t;

	world_start(&w, 4);
	CHECK(w.notes.is_first);
	CHECK(!w.notes.unclean && !w.notes.broken && !w.notes.rolled_back);
	CHECK_UINT(audit_number(w.log), 2); /* start, checkpoint */
	world_append_many(&w, 10);
	v = world_verdict(&w);
	CHECK_WHOLE(v);
	CHECK_UINT(v.first, 1);
	CHECK_UINT(v.last, 12);
	CHECK_UINT(v.checkpoints, 1);
	t = tally();
	CHECK_UINT(t.of[AUDIT_START], 1);
	CHECK_UINT(t.of[AUDIT_UPLOAD_ACKED], 10);
	CHECK(exists("audit-1") && exists("audit-spare-4") && !exists("audit-2"));
	world_stop(&w);
}

static void test_needs_key(void)
{
	world_make(&w, 3);
	w.load_fails = -EKEYREJECTED;
	CHECK_INT(world_open(&w), -EKEYREJECTED);
	w.load_fails = 0;
	w.store_fails = -EIO;
	CHECK_INT(world_open(&w), -EIO);
	CHECK(!exists("audit-1"));
	w.store_fails = 0;
	CHECK_INT(world_open(&w), 0);
	audit_free(w.log);
	w.log = NULL;
	/* a log without its key, even if key 0 is offered again */
	w.state_len = -ENOENT;
	CHECK_INT(world_open(&w), -ENOENT);
	w.state_len = 3;
	CHECK_INT(world_open(&w), -EKEYREJECTED);
	world_stop(&w);
}

static void test_other_hub(void)
{
	world_start(&w, 3);
	audit_free(w.log);
	w.log = NULL;
	w.hub[0] ^= 1;
	CHECK_INT(world_open(&w), -ENOTSUP);
	world_stop(&w);
}

static void test_refuses_bad_events(void)
{
	struct audit_event e = world_event(AUDIT_PAIRING, 1, 64);
	uint64_t number;

	world_start(&w, 3);
	number = audit_number(w.log);
	CHECK_INT(audit_append(w.log, &e, w.now), 0);
	e.detail[64] = 'x';
	CHECK_INT(audit_append(w.log, &e, w.now), -EMSGSIZE);
	e = world_event(AUDIT_PAIRING, 1, 3);
	e.detail[1] = '\n';
	CHECK_INT(audit_append(w.log, &e, w.now), -ERANGE);
	e.detail[1] = (char)0xc3;
	CHECK_INT(audit_append(w.log, &e, w.now), -ERANGE);
	for (int k = 0; k < 256; k++) {
		bool ours = k == AUDIT_START || k == AUDIT_CHECKPOINT ||
			    k == AUDIT_WRAP || k == AUDIT_HEARTBEAT ||
			    k == AUDIT_RECEIPT || k == AUDIT_GAP;

		e = world_event((enum audit_kind)k, 1, 3);
		if (ours || !audit_kind_text((enum audit_kind)k))
			CHECK_INT(audit_append(w.log, &e, w.now), -ERANGE);
	}
	CHECK_UINT(audit_number(w.log), number + 1);
	CHECK_UINT(audit_lost(w.log), 0);
	world_stop(&w);
}

static void test_restart(void)
{
	struct tally t;

	world_start(&w, 4);
	world_append_many(&w, 5);
	CHECK_INT(audit_close(w.log, w.now), 0);
	w.log = NULL;
	w.now.mono.ms = 5; /* the machine started again */
	CHECK_INT(world_open(&w), 0);
	CHECK(!w.notes.unclean && !w.notes.is_first);
	world_append_many(&w, 3);
	CHECK_INT(world_append(&w, 1), 0); /* not synced: gone */
	w.now.mono.ms = 9;
	reopen();
	CHECK(w.notes.unclean);
	CHECK(!w.notes.broken && !w.notes.rolled_back && !w.notes.set_aside);
	t = tally();
	CHECK_UINT(t.of[AUDIT_START], 3);
	CHECK_UINT(t.of[AUDIT_STOP], 1);
	CHECK_UINT(t.of[AUDIT_UNCLEAN], 1);
	CHECK_UINT(t.of[AUDIT_UPLOAD_ACKED], 8);
	CHECK_UINT(t.last[AUDIT_START].boot, 3);
	CHECK_WHOLE(world_verdict(&w));
	world_stop(&w);
}

static void test_checkpoint_every_64(void)
{
	uint64_t before;

	world_start(&w, 8);
	before = audit_number(w.log);
	for (int i = 0; i < 62; i++)
		CHECK_INT(world_append(&w, 1), 0);
	CHECK_UINT(audit_number(w.log), before + 62);
	CHECK_INT(world_append(&w, 1), 0);
	CHECK_UINT(audit_number(w.log), before + 64); /* and its checkpoint */
	CHECK_INT(audit_sync(w.log, w.now), 0);
	CHECK_UINT(world_verdict(&w).checkpoints, 2);
	world_stop(&w);
}

/* A checkpoint may leave the hub only when a power cut cannot take back what it covers. */
static void test_checkpoint_only_when_durable(void)
{
	uint8_t a[AUDIT_SIGNED_MAX], b[AUDIT_SIGNED_MAX];
	int n;

	world_start(&w, 8);
	n = audit_checkpoint(w.log, a, sizeof(a));
	CHECK(n > 0);
	CHECK_INT(audit_checkpoint(w.log, b, (size_t)n - 1), -ENOSPC);
	for (int i = 0; i < 63; i++)
		CHECK_INT(world_append(&w, 1), 0);
	CHECK_INT(audit_checkpoint(w.log, b, sizeof(b)), n);
	CHECK_MEM(a, b, (size_t)n);
	CHECK_INT(audit_sync(w.log, w.now), 0);
	n = audit_checkpoint(w.log, b, sizeof(b));
	CHECK(memcmp(a, b, (size_t)n) != 0);
	world_stop(&w);
}

static void test_checkpoint_after_5_min(void)
{
	struct tally t;

	world_start(&w, 8);
	world_append_many(&w, 1);
	world_wait(&w, AUDIT_EPOCH_MS - 8);
	CHECK_INT(audit_run(w.log, w.now), 0);
	CHECK_UINT(world_verdict(&w).checkpoints, 1);
	CHECK(audit_deadline(w.log).ms > w.now.mono.ms);
	world_wait(&w, 8);
	CHECK(audit_deadline(w.log).ms <= w.now.mono.ms);
	CHECK_INT(audit_run(w.log, w.now), 0);
	t = tally();
	CHECK_UINT(t.of[AUDIT_CHECKPOINT], 2);
	CHECK_UINT(t.of[AUDIT_HEARTBEAT], 0);
	/* the deadline moves on: no busy loop */
	CHECK(audit_deadline(w.log).ms > w.now.mono.ms);
	world_stop(&w);
}

static void test_heartbeats(void)
{
	unsigned stores;
	struct tally t;

	world_start(&w, 8);
	stores = w.stores;
	for (int i = 0; i < 20; i++) {
		CHECK_UINT(audit_deadline(w.log).ms, w.now.mono.ms + AUDIT_QUIET_MS);
		world_wait(&w, AUDIT_QUIET_MS - 1);
		CHECK_INT(audit_run(w.log, w.now), 0);
		CHECK_UINT(w.stores - stores, (unsigned)i);
		world_wait(&w, 1);
		CHECK_INT(audit_run(w.log, w.now), 0);
	}
	CHECK_UINT(w.stores - stores, 20);
	t = tally();
	CHECK_UINT(t.of[AUDIT_HEARTBEAT], 20);
	CHECK_UINT(t.last[AUDIT_HEARTBEAT].epoch, 21);
	CHECK_WHOLE(world_verdict(&w));
	world_stop(&w);
}

/* Nothing to protect: the key stays. The first record after a quiet time ends its epoch at once, the next not. */
static void test_key_moves_with_records(void)
{
	unsigned stores;

	world_start(&w, 8);
	stores = w.stores;
	world_wait(&w, AUDIT_QUIET_MS - AUDIT_EPOCH_MS);
	CHECK_INT(audit_run(w.log, w.now), 0);
	CHECK_UINT(w.stores, stores);
	CHECK_INT(world_append(&w, 1), 0);
	CHECK(mono_reached(w.now.mono, audit_deadline(w.log)));
	CHECK_INT(audit_run(w.log, w.now), 0);
	CHECK_UINT(w.stores, stores + 1);
	for (int i = 0; i < 5; i++) {
		world_wait(&w, AUDIT_EPOCH_MS / 5 - 1);
		CHECK_INT(world_append(&w, 2), 0);
		CHECK_INT(audit_run(w.log, w.now), 0);
		CHECK_UINT(w.stores, stores + 1);
	}
	world_wait(&w, 5);
	CHECK_INT(audit_run(w.log, w.now), 0);
	CHECK_UINT(w.stores, stores + 2);
	CHECK_WHOLE(world_verdict(&w));
	world_stop(&w);
}

/* Spares that are made later, one by one, and only from space that is to spare. */
static void test_spares_one_by_one(void)
{
	struct audit_config cfg = { .enrolment = 3,
				    .segment_bytes = AUDIT_SEGMENT_MIN,
				    .segments = 6,
				    .reserve_at_open = 2,
				    .keep_free = (uint64_t)1 << 60 };
	const struct audit_host host = { .arg = &w,
					 .load = world_load,
					 .store = world_store };
	struct stat st;
	char path[96];

	world_make(&w, 6);
	cfg.dir = w.dir;
	cfg.key0 = w.key0;
	cfg.sign_key = w.sign;
	memcpy(cfg.hub, w.hub, sizeof(cfg.hub));
	CHECK_INT(audit_open(&cfg, &host, w.now, &w.log, &w.notes), -ENOSPC);
	cfg.keep_free = 4096;
	w.state_len = -ENOENT;
	CHECK_INT(audit_open(&cfg, &host, w.now, &w.log, &w.notes), 0);
	(void)snprintf(path, sizeof(path), "%s/audit-spare-5", w.dir);
	for (int i = 0; i < 4; i++) {
		CHECK(stat(path, &st) != 0);
		CHECK_UINT(audit_deadline(w.log).ms, w.now.mono.ms);
		CHECK_INT(audit_run(w.log, w.now), 0);
		CHECK_UINT(audit_deadline(w.log).ms, w.now.mono.ms + AUDIT_RESERVE_MS);
		world_wait(&w, AUDIT_RESERVE_MS);
	}
	CHECK(stat(path, &st) == 0);
	CHECK_INT(audit_run(w.log, w.now), 0);
	CHECK(audit_deadline(w.log).ms > w.now.mono.ms + AUDIT_RESERVE_MS);
	(void)snprintf(path, sizeof(path), "%s/audit-spare-6", w.dir);
	CHECK(stat(path, &st) != 0);
	world_stop(&w);
}

/* The slot cannot be written: the epoch goes on, nothing is lost, and it is tried again. */
static void test_store_fails(void)
{
	uint8_t before[AUDIT_STATE_MAX];

	world_start(&w, 8);
	memcpy(before, w.state, sizeof(before));
	w.store_fails = -EIO;
	CHECK_INT(world_append(&w, 1), 0);
	for (int i = 0; i < 3; i++) {
		world_wait(&w, AUDIT_EPOCH_MS);
		CHECK_INT(audit_run(w.log, w.now), -EIO);
		CHECK_UINT(audit_deadline(w.log).ms, w.now.mono.ms + 10000);
		CHECK_INT(world_append(&w, 1), 0);
	}
	CHECK_INT(audit_sync(w.log, w.now), 0);
	CHECK_MEM(before, w.state, sizeof(before));
	CHECK_WHOLE(world_verdict(&w));
	reopen();
	CHECK(!w.notes.rolled_back && !w.notes.broken);
	w.store_fails = 0;
	world_wait(&w, AUDIT_EPOCH_MS);
	CHECK_INT(audit_run(w.log, w.now), 0);
	CHECK(memcmp(before, w.state, sizeof(before)) != 0);
	CHECK_WHOLE(world_verdict(&w));
	world_stop(&w);
}

/* Power fails between the store of a key and its epoch's first record. */
static void test_key_ahead_of_log(void)
{
	world_start(&w, 8);
	for (int i = 0; i < 5; i++) {
		world_append_many(&w, 2);
		CHECK_INT(audit_seal(w.log, w.now),
			  0); /* stores the next key; then nothing */
		reopen();
		CHECK(!w.notes.rolled_back && !w.notes.broken);
		CHECK_WHOLE(world_verdict(&w));
	}
	world_stop(&w);
}

/* The key slot of an earlier day comes back, or the log does: both are said. */
static void test_rollback_is_said(void)
{
	uint8_t old[AUDIT_STATE_MAX], raw[AUDIT_SEGMENT_MIN];
	struct audit_verdict v;

	world_start(&w, 8);
	world_append_many(&w, 3);
	CHECK_INT(audit_seal(w.log, w.now), 0);
	memcpy(old, w.state, sizeof(old));
	CHECK_INT(file_read(w.dir, "audit-1", raw, sizeof(raw)), AUDIT_SEGMENT_MIN);
	for (int i = 0; i < 3; i++) {
		world_append_many(&w, 3);
		CHECK_INT(audit_seal(w.log, w.now), 0);
	}
	audit_free(w.log);
	CHECK_INT(file_replace(w.dir, "audit-1", raw, sizeof(raw)), 0);
	CHECK_INT(world_open(&w), 0); /* the log is older */
	CHECK(w.notes.rolled_back);
	v = world_verdict(&w);
	CHECK_INT(v.result, AUDIT_LOG_FAULT);
	CHECK(v.fault == AUDIT_FAULT_EPOCH || v.fault == AUDIT_FAULT_REPORTED ||
	      v.fault == AUDIT_FAULT_SEGMENT);
	CHECK_UINT(v.number, 7); /* start, checkpoint, 3 events, checkpoint are good */
	world_stop(&w);
}

static void test_old_key_is_said(void)
{
	uint8_t old[AUDIT_STATE_MAX];
	struct tally t;

	world_start(&w, 8);
	memcpy(old, w.state, sizeof(old));
	for (int i = 0; i < 3; i++) {
		world_append_many(&w, 3);
		CHECK_INT(audit_seal(w.log, w.now), 0);
	}
	memcpy(w.state, old, sizeof(old));
	reopen();
	CHECK(w.notes.rolled_back);
	CHECK_INT(world_verdict(&w).result, AUDIT_LOG_FAULT);
	t = tally();
	CHECK_UINT(t.of[AUDIT_UPLOAD_ACKED], 9); /* what was good still reads */
	world_stop(&w);
}

/* Another log of the same length: what the host keeps beside the key knows its head. */
static void test_other_head_is_said(void)
{
	world_start(&w, 8);
	world_append_many(&w, 3);
	CHECK_INT(audit_seal(w.log, w.now), 0);
	CHECK_INT(w.state_len, AUDIT_STATE_LEN);
	w.state[AUDIT_STATE_LEN - 1] ^= 1;
	reopen();
	CHECK(w.notes.broken && !w.notes.rolled_back);
	CHECK_INT(world_verdict(&w).fault, AUDIT_FAULT_REPORTED);
	world_stop(&w);
}

/* After a kill the newest slot may be in memory only: it is made durable before the other one is written. */
static void test_sync_before_first_write(void)
{
	struct stat st;
	char path[128];
	size_t i = 0;

	world_start(&w, 4);
	world_append_many(&w, 3);
	snprintf(path, sizeof(path), "%s/audit-1", w.dir);
	CHECK_INT(stat(path, &st), 0);
	disk.recording = true;
	reopen();
	while (i < disk.count && disk.ops[i].file != st.st_ino)
		i++;
	CHECK(i < disk.count);
	CHECK_INT(disk.ops[i].kind, OP_SYNC);
	disk_forget();
	world_stop(&w);
}

static void test_log_gone_is_said(void)
{
	world_start(&w, 4);
	world_append_many(&w, 3);
	CHECK_INT(audit_seal(w.log, w.now), 0);
	audit_free(w.log);
	w.log = NULL;
	CHECK_INT(file_remove(w.dir, "audit-1"), 0);
	CHECK_INT(world_open(&w), 0);
	CHECK(w.notes.rolled_back && !w.notes.is_first);
	CHECK_INT(world_verdict(&w).result, AUDIT_LOG_FAULT);
	world_append_many(&w, 3);
	world_stop(&w);
}

/* Someone changed a byte in the newest file while the hub was off. */
static void test_changed_is_said(void)
{
	uint8_t raw[AUDIT_SEGMENT_MIN];
	struct audit_verdict v;

	for (unsigned slot = 0; slot < 2; slot++) {
		world_start(&w, 4);
		world_append_many(&w, 8);
		CHECK_INT(audit_seal(w.log, w.now), 0);
		CHECK_INT(world_append(&w, 1), 0);
		CHECK_INT(audit_sync(w.log, w.now), 0);
		audit_free(w.log);
		CHECK_INT(file_read(w.dir, "audit-1", raw, sizeof(raw)),
			  AUDIT_SEGMENT_MIN);
		for (size_t i = 0; i < 2; i++)
			raw[AUDIT_SLOT_AT + i * AUDIT_SLOT_LEN + AUDIT_SLOT_HEAD + 700] ^=
				1;
		CHECK_INT(file_replace(w.dir, "audit-1", raw, sizeof(raw)), 0);
		CHECK_INT(world_open(&w), 0);
		CHECK(w.notes.broken);
		CHECK(exists("audit-1.aside") && exists("audit-2"));
		v = world_verdict(&w);
		CHECK_INT(v.result, AUDIT_LOG_FAULT);
		world_stop(&w);
	}
}

/* The file is full again and again: what was witnessed goes first, and it is said. */
static void test_ring(void)
{
	struct audit_verdict v;
	struct tally t;

	world_start(&w, 4);
	for (int i = 0; i < 60; i++) {
		world_append_many(&w, 20);
		CHECK_INT(audit_run(w.log, w.now), 0);
		world_upload(&w, true);
	}
	v = world_verdict(&w);
	CHECK_WHOLE(v);
	CHECK(v.first > 1);
	CHECK(v.last > 1200);
	t = tally();
	CHECK(t.of[AUDIT_WRAP] >= 1);
	CHECK_INT(t.last[AUDIT_WRAP].event.outcome, AUDIT_SUCCESS);
	CHECK_UINT(t.last[AUDIT_WRAP].event.b + 1, v.first);
	/* the clinic knows less than the log says: what is gone was then never witnessed */
	w.witnessed_count = 0;
	CHECK_INT(world_verdict(&w).result, AUDIT_LOG_GAPS);
	reopen();
	CHECK(!w.notes.broken && !w.notes.rolled_back);
	CHECK(audit_witnessed(w.log) > 1000);
	world_stop(&w);
}

static void test_ring_without_witness(void)
{
	struct audit_verdict v;
	struct tally t;

	world_start(&w, 3);
	for (int i = 0; i < 30; i++)
		world_append_many(&w, 20);
	v = world_verdict(&w);
	CHECK_INT(v.result, AUDIT_LOG_GAPS);
	CHECK_UINT(v.lost_records, v.first - 1);
	t = tally();
	CHECK_INT(t.last[AUDIT_WRAP].event.outcome, AUDIT_SERIOUS_FAILURE);
	CHECK(strncmp(t.last[AUDIT_WRAP].event.detail, "never witnessed: ", 17) == 0);
	CHECK_UINT(strtoull(t.last[AUDIT_WRAP].event.detail + 17, NULL, 10),
		   t.last[AUDIT_WRAP].event.b - t.last[AUDIT_WRAP].event.a + 1);
	CHECK_UINT(t.last[AUDIT_WRAP].event.b + 1, v.first);
	world_stop(&w);
}

/* A segment that was given up in words only: power failed before the rename. */
static void test_wrap_half_done(void)
{
	struct audit_verdict v;
	uint64_t first;

	world_start(&w, 3);
	do {
		world_append_many(&w, 1);
		v = world_verdict(&w);
		if (!exists("audit-3"))
			/* the rename of the oldest comes after spare -> audit-3 */
			disk_fails(&disk.fail_rename, exists("audit-2") ? 2 : 0, 1, EIO);
	} while (!exists("audit-3"));
	disk.fail_rename = 0;
	CHECK(exists("audit-1"));
	CHECK(tally().of[AUDIT_WRAP] == 1);
	CHECK_INT(world_verdict(&w).result, AUDIT_LOG_WHOLE);
	reopen();
	CHECK(!exists("audit-1"));
	v = world_verdict(&w);
	first = v.first;
	CHECK(first > 1);
	CHECK_INT(v.result, AUDIT_LOG_GAPS);
	CHECK_UINT(v.lost_records, first - 1);
	world_stop(&w);
}

static void test_receipts(void)
{
	uint8_t buf[AUDIT_SIGNED_MAX], hash[SHA256_LEN], other[SHA256_LEN] = { 1 };
	struct audit_checkpoint c;
	uint64_t number;
	int n;

	world_start(&w, 4);
	n = audit_checkpoint(w.log, buf, sizeof(buf));
	crypto_sha256(buf, (size_t)n, hash);
	CHECK_INT(audit_checkpoint_open(w.public, buf, (size_t)n, &c), 0);
	CHECK_UINT(c.size, 1);
	CHECK_INT(audit_receipt(w.log, c.size, other, w.now), -ENOENT);
	CHECK_INT(audit_receipt(w.log, c.size + 1, hash, w.now), -ENOENT);
	CHECK_INT(audit_receipt(w.log, 0, other, w.now), -ENOENT);
	CHECK_UINT(audit_witnessed(w.log), 0);
	number = audit_number(w.log);
	CHECK_INT(audit_receipt(w.log, c.size, hash, w.now), 0);
	CHECK_INT(audit_receipt(w.log, c.size, hash, w.now), 0);
	CHECK_UINT(audit_number(w.log), number + 1);
	CHECK_UINT(audit_witnessed(w.log), 1);
	CHECK_INT(audit_sync(w.log, w.now), 0);
	reopen();
	CHECK_UINT(audit_witnessed(w.log), 1);
	/* receipts and heartbeats alone ask for no checkpoint */
	CHECK_INT(audit_run(w.log, w.now), 0);
	for (int i = 0; i < 3; i++) {
		world_wait(&w, AUDIT_EPOCH_MS);
		CHECK_INT(audit_run(w.log, w.now), 0);
	}
	CHECK_UINT(world_verdict(&w).checkpoints, 2);
	audit_set_highest(w.log, 4711);
	CHECK_INT(audit_seal(w.log, w.now), 0);
	n = audit_checkpoint(w.log, buf, sizeof(buf));
	CHECK_INT(audit_checkpoint_open(w.public, buf, (size_t)n, &c), 0);
	CHECK_UINT(c.highest_seq, 4711);
	CHECK_UINT(c.boot, 2);
	world_stop(&w);
}

/* A sync or write fails once: that file is left, nothing that was promised or is waiting is lost. */
static void fault_once(int *what, int error, const char *aside)
{
	struct audit_verdict v;
	struct tally t;

	world_start(&w, 5);
	world_append_many(&w, 10);
	for (int i = 0; i < 5; i++)
		CHECK_INT(world_append(&w, 1), 0);
	disk_fails(what, 1, 1, error);
	CHECK_INT(audit_sync(w.log, w.now), 0);
	CHECK(exists(aside) && !exists("audit-1") && exists("audit-2"));
	world_append_many(&w, 10);
	t = tally();
	CHECK_UINT(t.of[AUDIT_UPLOAD_ACKED], 25);
	CHECK_UINT(t.of[AUDIT_SEGMENT_ASIDE], 1);
	CHECK_UINT(t.last[AUDIT_SEGMENT_ASIDE].event.a, 1);
	v = world_verdict(&w);
	CHECK_WHOLE(v);
	CHECK_UINT(v.first, 1);
	reopen();
	CHECK(!w.notes.broken && !w.notes.rolled_back && !w.notes.set_aside);
	CHECK_WHOLE(world_verdict(&w));
	CHECK_UINT(tally().of[AUDIT_SEGMENT_ASIDE], 1);
	world_stop(&w);
}

static void test_sync_fails(void)
{
	fault_once(&disk.fail_sync, EIO, "audit-1.aside");
}

static void test_write_fails(void)
{
	fault_once(&disk.fail_write, EIO, "audit-1.aside");
	fault_once(&disk.fail_write, ENOSPC, "audit-1.aside");
}

/* Nothing can be written any more: events are counted, capture is not held up, and later the log says how many. */
static void test_disk_gone_and_back(void)
{
	uint64_t lost;
	struct tally t;
	int kept = 0;

	world_start(&w, 5);
	world_append_many(&w, 10);
	disk_fails(&disk.fail_write, 1, 1 << 30, EIO);
	for (int i = 0; i < 400; i++)
		kept += world_append(&w, 1) == 0;
	CHECK_INT(audit_sync(w.log, w.now), -EIO);
	lost = audit_lost(w.log);
	CHECK(lost > 0);
	CHECK_UINT((uint64_t)kept + lost, 400);
	CHECK_INT(audit_run(w.log, w.now), -EIO);
	CHECK_UINT(audit_deadline(w.log).ms, w.now.mono.ms + 10000);
	memset(&disk, 0, sizeof(disk));
	CHECK_INT(audit_run(w.log, w.now), 0);
	CHECK_UINT(audit_lost(w.log), 0);
	CHECK_INT(audit_sync(w.log, w.now), 0);
	t = tally();
	CHECK_UINT(t.of[AUDIT_UPLOAD_ACKED], 10 + (uint64_t)kept);
	CHECK_UINT(t.of[AUDIT_GAP], 1);
	CHECK_UINT(t.last[AUDIT_GAP].event.a, lost);
	CHECK_INT(world_verdict(&w).result, AUDIT_LOG_GAPS);
	CHECK_UINT(world_verdict(&w).lost_events, lost);
	world_stop(&w);
}

/* The n-th sync, write or rename fails, for every n, and for one, two or all from there. */
static void test_every_failure(void)
{
	int *const what[] = { &disk.fail_sync, &disk.fail_write, &disk.fail_rename };
	static const int runs[] = { 1, 2, 1 << 30 };

	for (size_t k = 0; k < 9; k++) {
		for (int n = 1; n < 120; n += 1 + (int)(test_random() % 6)) {
			uint64_t synced = 0;
			struct audit_verdict v;

			world_start(&w, 3);
			disk_fails(what[k / 3], n, runs[k % 3], EIO);
			for (uint64_t i = 0; i < 160; i++) {
				world_wait(&w, 9000);
				if (world_append(&w, i) == 0 && i % 3 == 0 &&
				    audit_sync(w.log, w.now) == 0)
					synced = audit_number(w.log);
				(void)audit_run(w.log, w.now);
				if (i % 40 == 39 && disk.fail_run < 1 << 20)
					world_upload(&w, true);
			}
			memset(&disk, 0, sizeof(disk));
			reopen();
			CHECK(!w.notes.broken && !w.notes.rolled_back);
			v = world_verdict(&w);
			if (v.result == AUDIT_LOG_FAULT)
				fprintf(stderr, "k %zu n %d: %s record %llu segment %u\n",
					k, n, audit_fault_text(v.fault),
					(unsigned long long)v.number, v.segment);
			CHECK(v.result != AUDIT_LOG_FAULT);
			CHECK(v.last >= synced);
			world_stop(&w);
		}
	}
}

/* --- power cuts ----------------------------------------------------------------------------------- */

enum { DISK_FILES = 16 };

/* A folder in memory. */
struct snapshot {
	struct {
		char name[48];
		ino_t file;
		uint8_t bytes[AUDIT_SEGMENT_MIN];
	} f[DISK_FILES];
	size_t count;
	uint8_t state[AUDIT_STATE_MAX];
	int state_len;
};

static struct snapshot snap_take(void)
{
	struct snapshot s = { .state_len = w.state_len };
	DIR *d = opendir(w.dir);
	struct dirent *e;

	CHECK(d != NULL);
	memcpy(s.state, w.state, sizeof(s.state));
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		CHECK(s.count < DISK_FILES);
		snprintf(s.f[s.count].name, sizeof(s.f[s.count].name), "%.40s",
			 e->d_name);
		s.f[s.count].file = e->d_ino;
		CHECK_INT(file_read(w.dir, e->d_name, s.f[s.count].bytes,
				    AUDIT_SEGMENT_MIN),
			  AUDIT_SEGMENT_MIN);
		s.count++;
	}
	closedir(d);
	return s;
}

/* A fresh folder with these files. */
static void snap_put(const struct snapshot *s)
{
	temp_dir_make(w.dir, sizeof(w.dir));
	for (size_t i = 0; i < s->count; i++) {
		int dir = open(w.dir, O_RDONLY | O_DIRECTORY);
		int fd = openat(dir, s->f[i].name, O_WRONLY | O_CREAT | O_EXCL, 0600);

		CHECK(fd >= 0);
		CHECK_INT(write(fd, s->f[i].bytes, AUDIT_SEGMENT_MIN), AUDIT_SEGMENT_MIN);
		close(fd);
		close(dir);
	}
	memcpy(w.state, s->state, sizeof(w.state));
	w.state_len = s->state_len;
}

static void snap_write(struct snapshot *s, const struct op *op, unsigned sector,
		       bool torn)
{
	uint8_t *to = NULL;

	for (size_t i = 0; i < s->count; i++)
		if (s->f[i].file == op->file)
			to = s->f[i].bytes + op->at;
	if (!to)
		return; /* a spare that was being made */
	for (size_t at = 0; at < op->len; at += sector) {
		size_t n = op->len - at < sector ? op->len - at : sector;
		uint64_t dice = torn ? test_random() % 4 : 0;

		if (dice == 1)
			continue;
		if (dice == 2) /* the card lost what was in that sector */
			for (size_t i = 0; i < n; i++)
				to[at + i] = (uint8_t)test_random();
		memcpy(to + at, op->bytes + at, dice == 2 ? n / 2 : n);
	}
}

static void snap_rename(struct snapshot *s, const struct op *op)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->f[i].name, op->from) == 0)
			snprintf(s->f[i].name, sizeof(s->f[i].name), "%s", op->to);
}

static bool synced_before(size_t i, size_t cut)
{
	for (size_t k = i + 1; k < cut; k++)
		if (disk.ops[k].kind == OP_SYNC && (disk.ops[i].kind == OP_RENAME ||
						    disk.ops[k].file == disk.ops[i].file))
			return true;
	return false;
}

/* What is left of the disk if the power goes after 'cut' operations. */
static void snap_cut(struct snapshot *s, size_t cut)
{
	static const unsigned sectors[] = { 512, 4096 };
	unsigned sector = sectors[test_random() % 2];
	unsigned mode = (unsigned)(test_random() %
				   3); /* of what was not synced: none, all, torn */

	for (size_t i = 0; i < cut; i++) {
		const struct op *op = &disk.ops[i];
		bool safe = synced_before(i, cut);

		if (op->kind == OP_WRITE && (safe || mode))
			snap_write(s, op, sector, !safe && mode == 2);
		if (op->kind == OP_RENAME && (safe || mode == 1))
			snap_rename(s, op);
		if (op->kind == OP_STORE) {
			memcpy(s->state, op->bytes, op->len);
			s->state_len = (int)op->len;
		}
	}
}

/* An ordinary life: events, commits, uploads, time. Ends without a word. */
static void live(size_t events)
{
	for (size_t i = 0; i < events; i++) {
		world_wait(&w, test_random() % 30000);
		if (test_random() % 40 == 0)
			world_wait(&w, AUDIT_EPOCH_MS);
		CHECK_INT(world_append(&w, i), 0);
		if (test_random() % 3 == 0) {
			CHECK_INT(audit_sync(w.log, w.now), 0);
			disk.promised = audit_number(w.log);
		}
		CHECK_INT(audit_run(w.log, w.now), 0);
		if (test_random() % 50 == 0)
			world_upload(&w, true);
	}
}

static int recorded_store(void *arg, const uint8_t *buf, size_t len)
{
	keep_bytes(record_op(OP_STORE, -1), buf, len);
	return world_store(arg, buf, len);
}

static int open_recorded(void)
{
	const struct audit_host host = { .arg = &w,
					 .load = world_load,
					 .store = recorded_store };
	struct audit_config cfg = {
		.dir = w.dir,
		.enrolment = 3,
		.key0 = w.state_len < 0 ? w.key0 : NULL,
		.sign_key = w.sign,
		.segment_bytes = AUDIT_SEGMENT_MIN,
		.segments = w.segments,
	};

	memcpy(cfg.hub, w.hub, sizeof(cfg.hub));
	return audit_open(&cfg, &host, w.now, &w.log, &w.notes);
}

/* After a cut: nothing promised is missing, nothing is suspected, by the hub or by the clinic. */
static void check_state(uint64_t promised)
{
	struct audit_verdict v;

	CHECK_INT(open_recorded(), 0);
	CHECK(!w.notes.broken);
	CHECK(!w.notes.rolled_back);
	CHECK(!w.notes.set_aside);
	v = world_verdict(&w);
	if (v.result == AUDIT_LOG_FAULT)
		fprintf(stderr, "%s record %llu segment %u\n", audit_fault_text(v.fault),
			(unsigned long long)v.number, v.segment);
	CHECK(v.result == AUDIT_LOG_WHOLE || v.result == AUDIT_LOG_GAPS);
	CHECK(v.last > promised);
	audit_free(w.log);
	w.log = NULL;
}

/* The clinic has what was uploaded before the cut: what covers no more than was promised. */
static void forget_uploads(uint64_t promised)
{
	while (w.witnessed_count && w.witnessed[w.witnessed_count - 1].size > promised)
		w.witnessed_count--;
}

/* One cut of what is recorded, on what was there when the recording began; then a second one while it starts again. */
static void cut_at(const struct snapshot *base, size_t cut)
{
	static struct snapshot s, second;
	uint64_t promised = cut < disk.count ? disk.ops[cut].promised : disk.promised;
	size_t witnessed = w.witnessed_count;
	struct op *ops = disk.ops;
	size_t count = disk.count, cap = disk.cap;
	uint64_t all = disk.promised;

	s = *base;
	snap_cut(&s, cut);
	forget_uploads(promised);
	snap_put(&s);
	for (size_t i = 0; i < s.count; i++) { /* the copies have their own inodes */
		struct stat st;
		char path[128];

		snprintf(path, sizeof(path), "%s/%s", w.dir, s.f[i].name);
		CHECK_INT(stat(path, &st), 0);
		s.f[i].file = st.st_ino;
	}
	memset(&disk, 0, sizeof(disk));
	disk.recording = true;
	check_state(promised);
	temp_dir_remove(w.dir);
	second = s;
	snap_cut(&second, disk.count ? test_random() % disk.count : 0);
	disk.recording = false;
	snap_put(&second);
	check_state(promised);
	temp_dir_remove(w.dir);
	disk_forget();
	disk.ops = ops;
	disk.count = count;
	disk.cap = cap;
	disk.promised = all;
	w.witnessed_count = witnessed;
}

static void power_cuts(size_t events, size_t want)
{
	static struct snapshot base;
	char dir[sizeof(w.dir)];

	world_start(&w, 3);
	live(test_random() % 350);
	audit_free(w.log);
	w.log = NULL;
	base = snap_take();
	memset(&disk, 0, sizeof(disk));
	disk.recording = true;
	disk.promised = 0;
	CHECK_INT(open_recorded(), 0);
	live(events);
	CHECK_INT(audit_close(w.log, w.now), 0);
	w.log = NULL;
	disk.recording = false;
	memcpy(dir, w.dir, sizeof(dir));
	for (size_t i = 0; i < want; i++)
		cut_at(&base, test_random() % (disk.count + 1));
	disk_forget();
	temp_dir_remove(dir);
}

/* $AUDIT_CUTS: how many worlds of 40 cuts; each cut is two disk states. */
static void test_power_cuts(void)
{
	const char *more = getenv("AUDIT_CUTS");
	unsigned long worlds = more ? strtoul(more, NULL, 10) : 6;

	for (unsigned long i = 0; i < worlds; i++)
		power_cuts(150, 40);
}

TEST_MAIN("audit", test_first_start, test_needs_key, test_other_hub,
	  test_refuses_bad_events, test_restart, test_checkpoint_every_64,
	  test_checkpoint_only_when_durable, test_checkpoint_after_5_min, test_heartbeats,
	  test_key_moves_with_records, test_spares_one_by_one, test_store_fails,
	  test_key_ahead_of_log, test_rollback_is_said, test_old_key_is_said,
	  test_other_head_is_said, test_sync_before_first_write, test_log_gone_is_said,
	  test_changed_is_said, test_ring, test_ring_without_witness, test_wrap_half_done,
	  test_receipts, test_sync_fails, test_write_fails, test_disk_gone_and_back,
	  test_every_failure, test_power_cuts)
