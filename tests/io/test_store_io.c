/*
 * test_store_io.c - the real hub-store process between scripted peers: hub-ble that offers readings again until
 * they are answered, hub-coap with a clinic behind it that keeps each (seq, body), hubd that gives the config.
 *
 * The program is looked for in $HUB_STORE, else two folders above this one. The cases with failpoints and the one
 * with a full disk say SKIP where they cannot run.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "clinic/audit_report.h"
#include "hub/crypto/crypto.h"
#include "hub/core/evidence.h"
#include "hub/core/snapshot.h"
#include "hub/crypto/manifest_sign.h"
#include "hub/rt/file.h"
#include "hub/rt/ipc.h"
#include "hub/rt/log.h"
#include "tests/unit/temp_dir.h"

enum { READINGS_MAX = 600, SEQ_MAX = 2000, LIMIT_MS = 60000, TICK_MS = 10 };

static char program[PATH_MAX], state_dir[64], run_dir[64], once_path[128];
static pid_t child;
static struct rt *rt;
static struct rt_timer *tick;
static struct ipc *ble, *coap, *hubd, *looker;
static uint8_t seal_private[X25519_LEN], sign_private[P256_PRIVATE_LEN],
	sign_public[P256_PUBLIC_LEN], key0[KEY_LEN];
static unsigned audit_count[128]; /* by enum audit_kind */

/* hub-ble */
static struct {
	uint64_t instance;
	uint64_t made;			 /* captures so far */
	bool answered[READINGS_MAX + 1]; /* durable */
	unsigned refused;		 /* durable = false */
	enum store_blocked blocked, why;
	bool ready, decode, hold; /* hold: do not offer again by yourself */
	bool unverified;	  /* RAWs are; and nothing is decoded */
	unsigned memories;	  /* told by hub-store */
	struct msg_memory memory; /* the last of them */
} cuff;

/* the clinic */
static struct {
	bool has[SEQ_MAX];
	bool given_up[SEQ_MAX]; /* the hub says that it will not come */
	uint8_t hash[SEQ_MAX][SHA256_LEN];
	uint64_t capture[SEQ_MAX]; /* which reading */
	uint32_t marks[SEQ_MAX];
	unsigned records, doubles, uploads, heartbeats, manifests;
	struct manifest manifest; /* the last one */
	uint64_t contig;
	bool away; /* takes nothing */
	bool asks; /* for what it knows to be missing */
	unsigned answers;
} clinic;

/* hub-measure, and what of it is at the clinic */
static struct {
	uint64_t taken; /* counter of the last evidence that hub-store has */
	unsigned pieces;
	struct evidence_piece last;
	uint8_t bytes[EVIDENCE_PIECE_MAX]; /* of the last piece */
	uint64_t wanted;		   /* snapshot */
	struct msg_snapshot_taken snapshot;
	/* pieces of a snapshot's items at the clinic, and the octets of its second item's begin */
	unsigned item_pieces[SNAPSHOT_ITEMS_MAX], item_total[SNAPSHOT_ITEMS_MAX];
	uint8_t audit_begin[4];
} watcher;

/* hubd */
static struct {
	struct msg_store_config config;
	bool silent;
	unsigned incidents[32];
	uint64_t saved, delivered_contig, unsent;
	enum store_blocked blocked;
	unsigned ups;
} boss;

/* --- the peers -------------------------------------------------------------------------------- */

static void offer(uint64_t capture)
{
	struct msg m = { .kind = MSG_RAW,
			 .raw = { .instance = cuff.instance,
				  .capture = capture,
				  .assignment = 8,
				  .kind = READING_BLOOD_PRESSURE,
				  .characteristic = 0x2a35,
				  .peripheral = { 1, { 1, 2, 3, 4, 5, 6 }, ADDR_PUBLIC },
				  .unverified = cuff.unverified,
				  .raw_len = 16 } };

	memcpy(m.raw.raw, &capture, sizeof(capture));
	memcpy(m.raw.raw + 8, "PLAINTEX", 8);
	(void)ipc_send(ble, &m);
	if (!cuff.decode || cuff.unverified)
		return;
	m = (struct msg){
		.kind = MSG_DECODED,
		.decoded = { .capture = capture,
			     .class = capture % 10 == 3 ? CLASS_ALARM : CLASS_ROUTINE,
			     .decoded = { .value_count = 1,
					  .values = { { VALUE_SYSTOLIC,
							UNIT_MMHG,
							{ (int32_t)capture, 0, 0 },
							0,
							0 } } } }
	};
	(void)ipc_send(ble, &m);
}

static void offer_unanswered(void)
{
	for (uint64_t i = 1; i <= cuff.made && !cuff.hold; i++)
		if (!cuff.answered[i])
			offer(i);
}

static void measure(unsigned n)
{
	while (n-- > 0) {
		cuff.made++;
		CHECK(cuff.made <= READINGS_MAX);
		offer(cuff.made);
	}
}

static void on_ble_message(void *arg, struct ipc *l, const struct msg *m)
{
	(void)arg, (void)l;
	if (m->kind == MSG_STORE_STATE) {
		bool was = cuff.ready;

		cuff.blocked = m->store_state.blocked;
		cuff.ready = cuff.blocked == STORE_READY;
		if (cuff.ready && !was)
			offer_unanswered();
	} else if (m->kind == MSG_MEMORY) {
		cuff.memories++;
		cuff.memory = m->memory;
	} else if (m->durable.durable) {
		CHECK(m->durable.capture >= 1 && m->durable.capture <= cuff.made);
		cuff.answered[m->durable.capture] = true;
	} else {
		cuff.refused++;
		cuff.why = m->durable.blocked;
	}
	rt_stop(rt);
}

static void on_ble_down(void *arg, struct ipc *l)
{
	(void)arg, (void)l;
	cuff.ready = false;
	cuff.blocked = STORE_NO_CONFIG; /* it has not said anything yet */
}

static void want(uint8_t batches, bool heartbeat)
{
	struct msg m = { .kind = MSG_WANT,
			 .want = { .batches = batches, .heartbeat = heartbeat } };

	(void)ipc_send(coap, &m);
}

static void on_coap_up(void *arg, struct ipc *l)
{
	(void)arg, (void)l;
	want(3, false);
}

/* In their order, each with its item in all its octets; but for the audit log's. */
static void keep_snapshot(const uint8_t *body, size_t len)
{
	struct snapshot_piece p;

	CHECK_INT(snapshot_piece_decode(body, len, &p), 0);
	CHECK_UINT(p.number, 42);
	CHECK_UINT(p.index, watcher.item_pieces[p.item]++);
	watcher.pieces++;
	watcher.item_total[p.item] = p.total;
	if (p.item == SNAPSHOT_ITEM_TEXTS)
		CHECK_UINT(p.bytes[p.len - 1], p.index);
	else if (p.index == 0)
		memcpy(watcher.audit_begin, p.bytes, sizeof(watcher.audit_begin));
}

static void keep(const struct batch *b, const struct record *r)
{
	struct envelope e = { .epoch = b->epoch,
			      .assignment = r->assignment,
			      .seq = r->seq,
			      .class = r->class,
			      .kind = r->kind,
			      .body_len = (uint32_t)r->body_len };
	uint8_t ad[ENVELOPE_LEN], body[SEALED_BODY_MAX], hash[SHA256_LEN];
	struct reading rd;

	CHECK(r->seq < SEQ_MAX);
	crypto_sha256(r->body, r->body_len, hash);
	if (clinic.has[r->seq]) { /* sent again: must be the same record */
		CHECK_MEM(hash, clinic.hash[r->seq], SHA256_LEN);
		clinic.doubles++;
		return;
	}
	memcpy(e.hub, b->hub, HUB_ID_LEN);
	envelope_encode(&e, ad);
	CHECK_INT(unseal(seal_private, ad, sizeof(ad), r->body, r->body_len, body), 0);
	memcpy(clinic.hash[r->seq], hash, SHA256_LEN);
	clinic.has[r->seq] = true;
	if (r->kind == READING_EVIDENCE) {
		CHECK_INT(evidence_piece_decode(body, r->body_len - SEALED_LEN(0),
						&watcher.last),
			  0);
		memcpy(watcher.bytes, watcher.last.bytes, watcher.last.len);
		watcher.pieces++;
		return;
	}
	if (r->kind == READING_SNAPSHOT) {
		keep_snapshot(body, r->body_len - SEALED_LEN(0));
		return;
	}
	if (r->kind == READING_MANIFEST) {
		CHECK_INT(manifest_open(sign_public, body, r->body_len - SEALED_LEN(0),
					&clinic.manifest),
			  0);
		clinic.manifests++;
		return;
	}
	CHECK_INT(reading_decode(body, r->body_len - SEALED_LEN(0), &rd), 0);
	memcpy(&clinic.capture[r->seq], rd.raw, sizeof(uint64_t));
	clinic.marks[r->seq] = rd.decoded.marks;
	if (!(rd.decoded.marks & MARK_UNDECODED))
		CHECK_INT(rd.decoded.values[0].number.mantissa,
			  (int32_t)clinic.capture[r->seq]);
	clinic.records++;
}

static void keep_tombstone(const struct tombstone *t)
{
	CHECK(t->last < SEQ_MAX);
	CHECK(t->cause == TOMBSTONE_EVICTED || t->cause == TOMBSTONE_SKIPPED);
	for (uint64_t seq = t->first; seq <= t->last; seq++)
		clinic.given_up[seq] = true;
}

static void move_mark(void)
{
	while (clinic.has[clinic.contig + 1] || clinic.given_up[clinic.contig + 1])
		clinic.contig++;
}

static bool brings(const struct batch *b, uint64_t seq)
{
	for (size_t i = 0; i < b->record_count; i++)
		if (b->records[i].seq == seq)
			return true;
	for (size_t i = 0; i < b->tombstone_count; i++)
		if (seq >= b->tombstones[i].first && seq <= b->tombstones[i].last)
			return true;
	return false;
}

/* The clinic's answer: its mark, and what the batch has brought above it. */
static void answer_batch(uint32_t id, const struct batch *b)
{
	struct msg m = { .kind = MSG_ACK, .ack = { .batch = id } };
	struct reply *r = &m.ack.reply;

	r->has_contig = true;
	r->contig = clinic.contig;
	if (clinic.asks && clinic.contig < b->acked)
		r->resync_from = clinic.contig + 1;
	clinic.answers++;
	for (uint64_t seq = clinic.contig + 1; seq < SEQ_MAX; seq++) {
		if (!brings(b, seq))
			continue;
		if (r->range_count && r->ranges[r->range_count - 1].last + 1 == seq)
			r->ranges[r->range_count - 1].last = seq;
		else if (r->range_count < REPLY_RANGES_MAX)
			r->ranges[r->range_count++] = (struct seq_range){ seq, seq };
	}
	(void)ipc_send(coap, &m);
}

static void on_coap_message(void *arg, struct ipc *l, const struct msg *m)
{
	const uint8_t *payload;
	struct batch b;
	size_t len;

	(void)arg, (void)l;
	if (m->kind != MSG_UPLOAD || clinic.away)
		return;
	clinic.uploads++;
	CHECK_INT(sign1_open(SIGN_CONTEXT_BATCH, sign_public, m->batch.bytes,
			     m->batch.len, &payload, &len),
		  0);
	CHECK_INT(batch_decode(payload, len, &b), 0);
	clinic.heartbeats += b.record_count == 0;
	for (size_t i = 0; i < b.record_count; i++)
		keep(&b, &b.records[i]);
	for (size_t i = 0; i < b.tombstone_count; i++)
		keep_tombstone(&b.tombstones[i]);
	move_mark();
	answer_batch(m->batch.id, &b);
	want(1, false);
	rt_stop(rt);
}

static void send_config(void)
{
	struct msg m = { .kind = MSG_STORE_CONFIG, .store_config = boss.config };

	(void)ipc_send(hubd, &m);
}

static void on_hubd_up(void *arg, struct ipc *l)
{
	(void)arg, (void)l;
	boss.ups++;
	if (!boss.silent)
		send_config();
}

static void on_hubd_message(void *arg, struct ipc *l, const struct msg *m)
{
	(void)arg, (void)l;
	if (m->kind == MSG_INCIDENT)
		boss.incidents[m->incident.what] += m->incident.count;
	else if (m->status.what == STATUS_SAVED)
		boss.saved = m->status.b;
	else if (m->status.what == STATUS_BLOCKED)
		boss.blocked = (enum store_blocked)m->status.a;
	else if (m->status.what == STATUS_DELIVERED)
		boss.delivered_contig = m->status.b;
	if (m->kind == MSG_STATUS && m->status.what != STATUS_BLOCKED)
		boss.unsent = m->status.a;
	rt_stop(rt);
}

/* --- the process ------------------------------------------------------------------------------ */

static bool plain_disk; /* one that gives a file no space ahead */

/* As a file system does that has no such call. */
static void refuse_space_ahead(void)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fallocate, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FALLOC_FL_KEEP_SIZE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = { sizeof(code) / sizeof(*code), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0)) {
		perror("seccomp");
		_exit(127);
	}
}

/*
 * A hub that has been on for a day tells its numbers at once (days.h), and the cases here count records: on a machine
 * that has been on for long the whole test runs in a time namespace in which it was not. Without the right to make one it
 * runs as it is.
 */
__attribute__((constructor)) static void be_young(void)
{
	const uint64_t up_s = rt_mono().ms / 1000;
	int status = 1, fd;
	char text[64];
	pid_t inside;

	if (up_s < 3600 || unshare(CLONE_NEWTIME))
		return;
	snprintf(text, sizeof(text), "boottime -%" PRIu64 " 0\n", up_s - 600);
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		perror("timens_offsets");
	if (fd >= 0)
		close(fd);
	inside = fork();
	if (inside == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		return;
	}
	if (inside < 0 || waitpid(inside, &status, 0) != inside)
		perror("fork");
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static void launch(const char *failpoint)
{
	char *const argv[] = { program, "--state",     state_dir, "--run",
			       run_dir, "--same-user", NULL };

	child = fork();
	CHECK(child >= 0);
	if (child > 0)
		return;
	prctl(PR_SET_PDEATHSIG,
	      SIGKILL); /* no process is left behind by a failed check */
	if (failpoint) {
		setenv("HUB_FAILPOINT", failpoint, 1);
		setenv("HUB_FAILPOINT_ONCE", once_path, 1);
	}
	if (plain_disk)
		refuse_space_ahead();
	execv(program, argv);
	perror(program);
	_exit(127);
}

static bool child_gone(void)
{
	int status;

	if (child <= 0 || waitpid(child, &status, WNOHANG) != child)
		return false;
	child = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		exit(1);
	return true;
}

static void kill_child(int sig)
{
	if (child <= 0)
		return;
	kill(child, sig);
	CHECK_INT(waitpid(child, NULL, 0), child);
	child = 0;
}

static void on_tick(void *arg)
{
	(void)arg;
	rt_timer_set(tick, mono_add(rt_mono(), TICK_MS));
	rt_stop(rt);
}

/* Runs until the condition holds; a supervisor starts a process that has died. */
#define UNTIL(cond)                                                                      \
	do {                                                                             \
		struct mono end_ = mono_add(rt_mono(), LIMIT_MS);                        \
		while (!(cond)) {                                                        \
			if (child_gone())                                                \
				launch(NULL);                                            \
			if (mono_reached(rt_mono(), end_)) {                             \
				fprintf(stderr, "never became true: %s\n", #cond);       \
				kill_child(SIGKILL);                                     \
				test_fail(__FILE__, __LINE__);                           \
			}                                                                \
			rt_run(rt);                                                      \
		}                                                                        \
	} while (0)

static void pass_ms(uint64_t ms)
{
	struct mono end = mono_add(rt_mono(), ms);

	UNTIL(mono_reached(rt_mono(), end));
}

static bool all_answered(void)
{
	for (uint64_t i = 1; i <= cuff.made; i++)
		if (!cuff.answered[i])
			return false;
	return true;
}

/* Every reading that was answered is at the clinic, each exactly once. */
static void check_exactly_once_with(bool skips)
{
	static unsigned times[READINGS_MAX + 1];

	UNTIL(clinic.contig >= cuff.made && boss.unsent == 0);
	pass_ms(50); /* for one too many */
	memset(times, 0, sizeof(times));
	for (size_t s = 1; s < SEQ_MAX; s++)
		if (clinic.has[s])
			times[clinic.capture[s]]++;
	for (uint64_t i = 1; i <= cuff.made; i++)
		CHECK_UINT(times[i], 1);
	CHECK_UINT(clinic.records, cuff.made);
	/* every number is a record or a tombstone */
	CHECK_UINT(clinic.contig, boss.delivered_contig);
	CHECK(skips || clinic.contig == cuff.made + clinic.manifests + watcher.pieces);
}

static void check_exactly_once(void)
{
	check_exactly_once_with(false);
}

static void on_measure_message(void *arg, struct ipc *l, const struct msg *m)
{
	(void)arg, (void)l;
	if (m->kind == MSG_SNAPSHOT_TAKEN) {
		watcher.snapshot = m->snapshot_taken;
	} else {
		watcher.taken = m->evidence_taken.counter;
		watcher.wanted = m->evidence_taken.snapshot;
	}
	rt_stop(rt);
}

/* Pieces first..last of three, each with its index in all its octets. */
static void send_evidence(uint64_t counter, uint8_t first, uint8_t last)
{
	for (uint8_t i = first; i <= last; i++) {
		uint8_t bytes[EVIDENCE_PIECE_MAX];
		const struct evidence_piece p = { counter, i, 3, bytes,
						  i == 2 ? 10 : sizeof(bytes) };
		struct msg m = { .kind = MSG_EVIDENCE,
				 .evidence = { counter, i, 3, 1, 0, { 0 } } };
		int n;

		memset(bytes, i, sizeof(bytes));
		n = evidence_piece_encode(&p, m.evidence.bytes, sizeof(m.evidence.bytes));
		CHECK(n > 0);
		m.evidence.len = (uint16_t)n;
		CHECK_INT(ipc_send(looker, &m), 0);
	}
}

/* Pieces first..last of twenty, each with its index in all its octets; with spoil other ones, which must not arrive. */
static void send_snapshot(uint16_t first, uint16_t last, uint8_t spoil)
{
	struct msg m = { .kind = MSG_SNAPSHOT,
			 .snapshot = { .number = 42, .total = 20 } };

	for (uint16_t i = first; i <= last; i++) {
		m.snapshot.index = i;
		m.snapshot.len = i == 19 ? 10 : SNAPSHOT_PIECE_MAX;
		memset(m.snapshot.bytes, i ^ spoil, sizeof(m.snapshot.bytes));
		CHECK_INT(ipc_send(looker, &m), 0);
	}
}

static void open_peers(void)
{
	static const struct ipc_handlers hm = { .message = on_measure_message };
	static const struct ipc_handlers hb = { .message = on_ble_message,
						.down = on_ble_down };
	static const struct ipc_handlers hc = { .up = on_coap_up,
						.message = on_coap_message };
	static const struct ipc_handlers hh = { .up = on_hubd_up,
						.message = on_hubd_message };
	struct ipc_config c = { .self = ROLE_BLE,
				.peer = ROLE_STORE,
				.run_dir = run_dir,
				.same_user = true };

	rt = rt_new();
	tick = rt_timer_new(rt, on_tick, NULL);
	on_tick(NULL);
	CHECK_INT(ipc_connect(rt, &c, &hb, NULL, &ble), 0);
	c.self = ROLE_COAP;
	CHECK_INT(ipc_connect(rt, &c, &hc, NULL, &coap), 0);
	c.self = ROLE_MEASURE;
	CHECK_INT(ipc_connect(rt, &c, &hm, NULL, &looker), 0);
	c.self = ROLE_HUBD;
	CHECK_INT(ipc_listen(rt, &c, &hh, NULL, &hubd), 0);
}

static void give_keys(bool log)
{
	CHECK_INT(file_replace(state_dir, "sign.key", sign_private, sizeof(sign_private)),
		  0);
	if (log)
		CHECK_INT(file_replace(state_dir, "audit.key", key0, sizeof(key0)), 0);
}

static void start(const char *failpoint)
{
	struct msg_store_config cfg = {
		.hub = { 5, 6 }, .epoch = 2, .assignment = 8, .seal_key_id = 1
	};

	memset(&cuff, 0, sizeof(cuff));
	memset(&clinic, 0, sizeof(clinic));
	memset(&boss, 0, sizeof(boss));
	cuff.instance = test_random();
	cuff.decode = true;
	CHECK_INT(crypto_init(), 0);
	p256_generate(sign_private, sign_public);
	x25519_generate(seal_private, cfg.seal_public);
	boss.config = cfg;
	temp_dir_make(state_dir, sizeof(state_dir));
	temp_dir_make(run_dir, sizeof(run_dir));
	snprintf(once_path, sizeof(once_path), "%s/once", run_dir);
	crypto_random(key0, sizeof(key0));
	give_keys(true);
	open_peers();
	launch(failpoint);
}

static void count_record(void *arg, const struct audit_record *r)
{
	(void)arg;
	audit_count[r->event.kind % 128]++;
}

/* Whatever was done to the process: its log is whole. */
static void check_log(void)
{
	struct audit_verify_in in = { .enrolment = boss.config.epoch,
				      .on_record = count_record };
	struct audit_verdict v;
	struct audit_log log;
	char folder[80];

	memset(audit_count, 0, sizeof(audit_count));
	(void)snprintf(folder, sizeof(folder), "%s/audit", state_dir);
	if (access(folder, F_OK) != 0)
		return; /* hubd has never said whose hub this is */
	memcpy(in.hub, boss.config.hub, sizeof(in.hub));
	memcpy(in.key0, key0, sizeof(in.key0));
	memcpy(in.public, sign_public, sizeof(in.public));
	CHECK_INT(audit_log_load(&(char *){ folder }, 1, &log), 0);
	in.segments = log.segments;
	in.segment_count = log.count;
	audit_verify(&in, &v);
	if (v.result != AUDIT_LOG_WHOLE)
		fprintf(stderr, "audit log: %s at %llu\n", audit_fault_text(v.fault),
			(unsigned long long)v.number);
	CHECK_INT(v.result, AUDIT_LOG_WHOLE);
	audit_log_done(&log);
}

static void remove_log(void)
{
	char folder[80];

	(void)snprintf(folder, sizeof(folder), "%s/audit", state_dir);
	temp_dir_remove(folder);
}

static void stop(void)
{
	kill_child(SIGTERM);
	check_log();
	remove_log();
	ipc_free(ble);
	ipc_free(coap);
	ipc_free(looker);
	ipc_free(hubd);
	rt_timer_free(tick);
	rt_free(rt);
	temp_dir_remove(state_dir);
	temp_dir_remove(run_dir);
}

/* --- cases ------------------------------------------------------------------------------------ */

static void test_whole_path(void)
{
	start(NULL);
	UNTIL(cuff.ready);
	CHECK(!file_exists(state_dir, "sign.key"));
	measure(25);
	UNTIL(all_answered());
	UNTIL(boss.saved == 25);
	check_exactly_once();
	UNTIL(boss.delivered_contig == 25);
	want(1, true);
	UNTIL(clinic.heartbeats == 1);
	CHECK_UINT(cuff.refused, 0);
	CHECK_UINT(clinic.doubles, 0);
	stop();
}

static void test_no_config(void)
{
	start(NULL);
	boss.silent = true;
	UNTIL(boss.ups == 1 && ipc_is_up(ble));
	measure(1);
	UNTIL(cuff.refused == 1);
	CHECK_INT(cuff.why, STORE_NO_CONFIG);
	CHECK_INT(cuff.blocked, STORE_NO_CONFIG);
	CHECK_INT(boss.blocked, STORE_NO_CONFIG);
	send_config();
	UNTIL(all_answered());
	check_exactly_once();
	stop();
}

static void test_undecoded(void)
{
	struct mono t;

	start(NULL);
	UNTIL(cuff.ready);
	cuff.decode = false;
	t = rt_mono();
	measure(1);
	UNTIL(all_answered());
	CHECK(mono_since(rt_mono(), t) >= 1000 && mono_since(rt_mono(), t) < 2000);
	UNTIL(clinic.records == 1);
	CHECK_UINT(clinic.marks[1], MARK_UNDECODED);
	cuff.hold = true;
	measure(1);
	pass_ms(50);
	ipc_free(ble); /* hub-ble dies before its decoder has answered */
	ble = NULL;
	t = rt_mono();
	UNTIL(clinic.records == 2);
	CHECK(mono_since(rt_mono(), t) < 500);
	CHECK_UINT(clinic.marks[2], MARK_UNDECODED);
	stop();
}

static void discard(uint64_t capture)
{
	struct msg m = { .kind = MSG_DISCARD, .discard = { capture } };

	CHECK_INT(ipc_send(ble, &m), 0);
}

/* Unverified readings wait for word of them, in memory only; nobody waits behind them; none is lost with
 * hub-ble. */
static void test_quarantine(void)
{
	start(NULL);
	UNTIL(cuff.ready);
	cuff.hold = true;
	cuff.unverified = true;
	measure(3);
	cuff.unverified = false;
	measure(1);
	UNTIL(cuff.answered[4]);
	CHECK(!cuff.answered[1] && !cuff.answered[2] && !cuff.answered[3]);
	discard(2);
	kill_child(SIGKILL); /* hub-ble still has 1 and 3 */
	UNTIL(!cuff.ready);
	launch(NULL);
	UNTIL(cuff.ready);
	cuff.unverified = true;
	offer(1);
	offer(3);
	UNTIL(clinic.records == 1);
	pass_ms(100);
	CHECK_UINT(clinic.records, 1);
	ipc_free(ble); /* hub-ble dies before it knows */
	ble = NULL;
	UNTIL(clinic.records == 3);
	CHECK_UINT(clinic.capture[2], 1);
	CHECK_UINT(clinic.capture[3], 3);
	CHECK_UINT(clinic.marks[2], MARK_UNDECODED | MARK_UNVERIFIED);
	CHECK_UINT(clinic.marks[3], MARK_UNDECODED | MARK_UNVERIFIED);
	stop();
}

/* How far a device's memory is durable is on record for hub-ble's next life, and ours. */
static void test_memory(void)
{
	struct msg m = {
		.kind = MSG_MEMORY,
		.memory = { .num = 3, .service = 0x1808, .assignment = 8, .history = 2 }
	};

	start(NULL);
	boss.config.has_share = true;
	UNTIL(cuff.ready && file_exists(state_dir, "state.db"));
	for (m.memory.mark = 1; m.memory.mark <= 100; m.memory.mark++)
		CHECK_INT(ipc_send(ble, &m), 0);
	measure(3);
	UNTIL(all_answered());
	CHECK_UINT(cuff.memories, 0);
	pass_ms(100); /* written in the same turn; not durable before the answer to a reading */
	kill_child(SIGKILL);
	launch(NULL);
	UNTIL(cuff.memories == 1 && cuff.ready);
	CHECK_UINT(cuff.memory.num, 3);
	CHECK_UINT(cuff.memory.service, 0x1808);
	CHECK_UINT(cuff.memory.history, 2);
	CHECK_UINT(cuff.memory.mark, 100);
	boss.config.has_share = false;
	boss.config.level = 2;
	kill_child(SIGKILL);
	UNTIL(!cuff.ready);
	launch(NULL);
	UNTIL(cuff.ready);
	pass_ms(50);
	CHECK_UINT(cuff.memories, 1); /* closed: not a word */
	stop();
}

/* hub-ble is restarted and counts from 1 again: nothing of its earlier life may answer for it. */
static void test_ble_restarted(void)
{
	start(NULL);
	UNTIL(cuff.ready);
	measure(5);
	UNTIL(all_answered());
	UNTIL(clinic.records == 5);
	cuff.instance++;
	memset(cuff.answered, 0, sizeof(cuff.answered));
	cuff.made = 0;
	measure(5);
	UNTIL(all_answered());
	UNTIL(clinic.records == 10);
	offer(3); /* again, as if the answer had been lost */
	cuff.answered[3] = false;
	UNTIL(cuff.answered[3]);
	pass_ms(100);
	CHECK_UINT(clinic.records, 10);
	stop();
}

static void test_offline_and_kills(void)
{
	start(NULL);
	clinic.away = true;
	for (int round = 0; round < 8; round++) {
		UNTIL(cuff.ready);
		measure(10 + (unsigned)(test_random() % 20));
		if (round % 2)
			UNTIL(all_answered());
		else
			pass_ms(test_random() % 30);
		kill_child(SIGKILL);
		launch(NULL);
	}
	UNTIL(cuff.ready);
	UNTIL(all_answered());
	clinic.away = false;
	kill_child(SIGKILL); /* what was handed over is forgotten with it */
	launch(NULL);
	for (int round = 0; round < 5; round++) {
		pass_ms(test_random() % 60);
		kill_child(SIGKILL);
		launch(NULL);
	}
	check_exactly_once_with(
		true); /* killed between a header and its page: numbers are passed over */
	stop();
}

#ifdef HUB_FAILPOINTS
static void test_failpoints(void)
{
	static const char *const points[] = {
		"store.raw.received", "store.sealed",	    "store.commit.before",
		"store.commit.after", "store.answer.after", "store.handover.after",
		"store.ack.before",   "store.ack.after",
	};

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		start(points[i]);
		UNTIL(cuff.ready);
		measure(7);
		UNTIL(access(once_path, F_OK) == 0); /* it was killed there */
		measure(7);
		UNTIL(cuff.ready && all_answered());
		check_exactly_once();
		stop();
	}
}
#else
static void test_failpoints(void)
{
	printf("SKIP test_failpoints: built without FAILPOINTS=1\n");
}
#endif

static int raw_connect(const char *name)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s/%s", run_dir, name);
	CHECK(fd >= 0);
	CHECK_INT(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* The other side closes the link. */
static void check_closed(int fd)
{
	uint8_t buf[MSG_BYTES_MAX];
	ssize_t n;

	do {
		n = recv(fd, buf, sizeof(buf), 0);
	} while (n > 0);
	CHECK(n == 0 || errno == ECONNRESET);
	close(fd);
}

static void test_bad_packets(void)
{
	struct msg ack = { .kind = MSG_ACK,
			   .ack = { .batch = 1, .reply = { .has_contig = true } } };
	uint8_t buf[MSG_BYTES_MAX];
	int n = msg_encode(&ack, buf, sizeof(buf)), fd;

	start(NULL);
	UNTIL(cuff.ready);
	measure(3);
	UNTIL(all_answered() && boss.delivered_contig == 3); /* it looks away for long */
	ipc_free(ble);
	ble = NULL;
	for (int i = 0; i < 300; i++) {
		uint8_t junk[600];
		size_t len = 1 + test_random() % sizeof(junk);

		for (size_t k = 0; k < len; k++)
			junk[k] = (uint8_t)test_random();
		if (i % 2)
			junk[0] = MSG_VERSION;
		if (i % 4 == 3)
			junk[len > 1] = MSG_RAW;
		fd = raw_connect("store-ble");
		if (send(fd, junk, len, MSG_NOSIGNAL) == (ssize_t)len)
			check_closed(fd);
		else
			close(fd);
	}
	CHECK(!child_gone());
	fd = raw_connect("store-ble");
	CHECK_INT(send(fd, buf, (size_t)n, MSG_NOSIGNAL),
		  n); /* well-formed, but hub-ble must not */
	check_closed(fd);
	UNTIL(boss.incidents[INCIDENT_IPC] >= 1);
	CHECK(!child_gone());
	check_exactly_once();
	stop();
}

/* A clinic that names what was never made: nothing is forgotten, hubd is told. */
static void test_lying_clinic(void)
{
	struct msg m = { .kind = MSG_ACK,
			 .ack = { .reply = { .has_contig = true, .contig = 999 } } };

	start(NULL);
	UNTIL(cuff.ready && ipc_is_up(coap));
	clinic.away = true;
	measure(3);
	UNTIL(all_answered());
	m.ack.batch = 12345; /* to no batch of its own: not even looked at */
	CHECK_INT(ipc_send(coap, &m), 0);
	pass_ms(50);
	CHECK_UINT(boss.incidents[INCIDENT_ROLLBACK], 0);
	CHECK_UINT(boss.unsent, 3);
	clinic.contig = 999;
	clinic.away = false;
	kill_child(SIGKILL);
	launch(NULL);
	UNTIL(boss.incidents[INCIDENT_ROLLBACK] >= 1);
	CHECK_UINT(boss.unsent, 3);
	clinic.contig = 3; /* the truth again; the pause after a useless answer is over */
	UNTIL(boss.unsent == 0);
	stop();
}

/* An older backup is put back: it has nothing from this number on. */
static void lose_from(uint64_t seq)
{
	clinic.contig = seq - 1;
	for (; seq < SEQ_MAX; seq++) {
		clinic.records -= clinic.has[seq];
		clinic.has[seq] = false;
	}
}

/* A heartbeat, and its answer. */
static void call(void)
{
	unsigned before = clinic.answers;

	for (int i = 0; i < 100 && clinic.answers == before; i++) {
		want(1, true); /* lost if hub-store is just being started */
		pass_ms(50);
	}
	CHECK(clinic.answers > before);
	pass_ms(50);
}

/* What the clinic had and has lost is sent again when it asks, not more often than it may, and never unasked. */
static void test_restored(void)
{
	start(NULL);
	UNTIL(cuff.ready && ipc_is_up(coap));
	measure(6);
	check_exactly_once();
	lose_from(3);
	call();
	UNTIL(boss.incidents[INCIDENT_RESTORED] == 1);
	CHECK_UINT(boss.unsent, 0);
	CHECK_UINT(clinic.contig, 2);
	clinic.asks = true;
	call();
	check_exactly_once();
	CHECK_UINT(boss.incidents[INCIDENT_RESTORED], 2);
	CHECK_UINT(clinic.doubles, 0);
	lose_from(2);
	call();
	call();
	CHECK_UINT(clinic.contig, 1); /* too soon */
	CHECK_UINT(boss.incidents[INCIDENT_RESTORED], 2);
	kill_child(SIGKILL);
	launch(NULL);
	UNTIL(cuff.ready && ipc_is_up(coap));
	call();
	check_exactly_once();
	measure(2);
	check_exactly_once();
	stop();
}

static void test_lock(void)
{
	start(NULL);
	boss.config.has_share = true;
	boss.config.share[0] = 77;
	UNTIL(cuff.ready);
	UNTIL(file_exists(state_dir, "state.db"));
	measure(5);
	UNTIL(all_answered());
	boss.config.has_share = false;
	boss.config.level = 2;
	send_config();
	measure(5); /* while it locks */
	UNTIL(all_answered());
	boss.config.has_share = true;
	boss.config.level = 0;
	send_config();
	measure(5);
	UNTIL(all_answered());
	check_exactly_once();
	CHECK_UINT(cuff.refused, 0);
	stop();
}

/* Without its root secret the store cannot open its queue: readings are kept sealed beside it. */
static void test_wrong_root(void)
{
	uint8_t root[32], other[32] = { 1 };

	start(NULL);
	UNTIL(cuff.ready);
	measure(3);
	UNTIL(all_answered());
	clinic.away = true;
	kill_child(SIGKILL);
	CHECK_INT(file_read(state_dir, "root.key", root, sizeof(root)), 32);
	CHECK_INT(file_replace(state_dir, "root.key", other, sizeof(other)), 0);
	launch(NULL);
	UNTIL(boss.incidents[INCIDENT_STORAGE] >= 1);
	measure(40);
	UNTIL(all_answered());
	kill_child(SIGKILL);
	launch(NULL);
	measure(3);
	UNTIL(all_answered());
	CHECK_UINT(cuff.refused, 0);
	CHECK_INT(file_replace(state_dir, "root.key", root, sizeof(root)), 0);
	clinic.away = false;
	check_exactly_once_with(true); /* found by itself, without a restart */
	stop();
}

static void send_time(int64_t utc_ms)
{
	struct msg m = { .kind = MSG_TIME,
			 .time = { rt_mono(), { utc_ms, 100, CLOCK_QUALITY_CLINIC } } };

	CHECK_INT(ipc_send(hubd, &m), 0);
}

/* Each day is told once, with the numbers that were given since the one before. */
static void test_days(void)
{
	const int64_t day_ms = INT64_C(24) * 3600 * 1000,
		      noon = 20779 * day_ms + day_ms / 2;

	start(NULL);
	UNTIL(cuff.ready);
	measure(3);
	UNTIL(all_answered());
	send_time(noon);
	UNTIL(clinic.manifests == 1); /* opens the account */
	CHECK_UINT(clinic.manifest.last, 3);
	measure(2);
	UNTIL(all_answered());
	send_time(noon + day_ms);
	UNTIL(clinic.manifests == 2);
	CHECK_UINT(clinic.manifest.first, 5);
	CHECK_UINT(clinic.manifest.last, 6);
	CHECK_UINT(clinic.manifest.from_day, 20779);
	CHECK_UINT(clinic.manifest.to_day, 20779);
	kill_child(SIGKILL);
	launch(NULL);
	UNTIL(cuff.ready);
	send_time(noon + day_ms + 5);
	measure(1);
	UNTIL(all_answered());
	CHECK_UINT(clinic.manifests, 2);
	send_time(noon + 3 * day_ms);
	UNTIL(clinic.manifests == 3); /* two days at once */
	CHECK_UINT(clinic.manifest.from_day, 20780);
	CHECK_UINT(clinic.manifest.to_day, 20781);
	CHECK_UINT(clinic.manifest.counter, 3);
	check_exactly_once();
	stop();
}

/* What hub-measure found: all of its pieces or none, each under a number of its own, and in the audit log. */
static void test_evidence(void)
{
	start(NULL);
	UNTIL(cuff.ready);
	measure(2);
	UNTIL(all_answered());
	UNTIL(ipc_is_up(looker));
	/* one without an end, one out of its order, and then a whole one */
	send_evidence(1, 0, 1);
	send_evidence(2, 1, 2);
	send_evidence(3, 0, 2);
	UNTIL(watcher.taken == 3);
	UNTIL(watcher.pieces == 3);
	CHECK_UINT(watcher.last.counter, 3);
	CHECK_UINT(watcher.last.index, 2);
	CHECK_UINT(watcher.last.len, 10);
	CHECK_UINT(watcher.bytes[9], 2);
	measure(1);
	UNTIL(all_answered());
	check_exactly_once();
	kill_child(SIGTERM);
	check_log();
	CHECK_UINT(audit_count[AUDIT_MEASUREMENT], 1);
	stop();
	memset(&watcher, 0, sizeof(watcher));
}

/* Of a locked hub: it is asked for, comes in groups, and the audit log follows. */
static void test_snapshot(void)
{
	struct msg health = { .kind = MSG_HEALTH,
			      .health = { .level = 2, .lock_epoch = 5 } };

	start(NULL);
	UNTIL(cuff.ready);
	measure(2);
	UNTIL(all_answered());
	UNTIL(ipc_is_up(looker));
	send_evidence(1, 0, 2);
	UNTIL(watcher.taken == 1);
	CHECK_UINT(watcher.wanted, 0);
	CHECK_INT(ipc_send(hubd, &health), 0);
	while (watcher.wanted != 42) { /* it may hear of the evidence first */
		uint64_t counter = watcher.taken + 1;

		send_evidence(counter, 0, 2);
		UNTIL(watcher.taken == counter);
	}
	send_snapshot(0, 5, 0xff); /* one without an end, and then a whole one */
	send_snapshot(0, 3, 0);
	send_snapshot(9, 9, 0x80); /* out of its order */
	send_snapshot(4, SNAPSHOT_AHEAD - 1, 0);
	UNTIL(watcher.snapshot.count == SNAPSHOT_AHEAD);
	CHECK(!watcher.snapshot.whole);
	send_snapshot(SNAPSHOT_AHEAD, 19, 0);
	UNTIL(watcher.snapshot.whole);
	CHECK_UINT(watcher.snapshot.number, 42);
	UNTIL(watcher.item_pieces[0] == 20 && watcher.item_total[1] > 0 &&
	      watcher.item_pieces[1] == watcher.item_total[1]);
	CHECK_MEM(watcher.audit_begin, "HAUD", 4);
	measure(1);
	UNTIL(all_answered());
	check_exactly_once();
	kill_child(SIGTERM);
	check_log();
	stop();
	memset(&watcher, 0, sizeof(watcher));
}

/* Another identity must not write into this queue. */
static void test_other_enrolment(void)
{
	start(NULL);
	UNTIL(cuff.ready);
	measure(1);
	UNTIL(all_answered());
	boss.config.epoch++;
	send_config();
	UNTIL(boss.blocked == STORE_FAULT);
	boss.config.epoch--;
	send_config();
	UNTIL(boss.blocked == STORE_READY);
	check_exactly_once();
	stop();
}

static void fill_disk(const char *path)
{
	static const uint8_t zeros[4096];
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

	CHECK(fd >= 0);
	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	close(fd);
}

/* Started, on a disk of this size. Returns false, after a word, where that is not possible. */
static bool start_on_disk(const char *size, bool with_log)
{
	char option[32];

	if (geteuid() != 0 || unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		printf("SKIP full disks: they need root for a small tmpfs\n");
		return false;
	}
	start(NULL);
	UNTIL(cuff.ready);
	kill_child(SIGKILL);
	UNTIL(!cuff.ready);
	snprintf(option, sizeof(option), "size=%s", size);
	check_log();
	remove_log(); /* beneath: the one on the small disk is looked at by its test */
	CHECK_INT(mount("tmpfs", state_dir, "tmpfs", 0, option), 0);
	give_keys(with_log);
	launch(NULL);
	UNTIL(cuff.ready);
	return true;
}

/* Killed and started, and heard of: a signal between fork and exec would be for nobody. */
static void restart(void)
{
	kill_child(SIGKILL);
	UNTIL(!cuff.ready);
	launch(NULL);
	UNTIL(cuff.ready);
}

static void stop_on_disk(void)
{
	UNTIL(cuff.ready);
	kill_child(SIGTERM);
	CHECK_INT(umount2(state_dir, MNT_DETACH), 0);
	stop();
}

/* With a heartbeat every two seconds, as hub-coap asks for one from time to time: what is left then goes along. */
static bool all_named(void)
{
	static struct mono asked;

	if (mono_since(rt_mono(), asked) >= 2000) {
		asked = rt_mono();
		want(1, true);
	}
	return clinic.contig >= cuff.made && boss.unsent == 0;
}

/* Every reading that was answered is at the clinic, or the hub has said that it will not come. */
static unsigned check_nothing_silent(void)
{
	unsigned given_up = 0;

	UNTIL(all_named());
	for (uint64_t seq = 1; seq <= clinic.contig; seq++) {
		CHECK(clinic.has[seq] || clinic.given_up[seq]);
		given_up += !clinic.has[seq];
	}
	CHECK_UINT(clinic.contig, cuff.made);
	CHECK_UINT(clinic.records + given_up, cuff.made);
	return given_up;
}

/* No space and nothing old to give up for it: the cuff keeps its readings, until there is space. */
static void test_nothing_to_give_up(void)
{
	if (!start_on_disk("140k", false))
		return;
	clinic.away = true;
	measure(64); /* at once: more than fits, and nothing was there before */
	UNTIL(cuff.blocked == STORE_FULL && boss.blocked == STORE_FULL);
	CHECK(boss.incidents[INCIDENT_STORAGE] >= 1);
	CHECK(!all_answered());
	pass_ms(3000);
	CHECK_INT(cuff.blocked, STORE_FULL);
	CHECK_INT(mount("tmpfs", state_dir, "tmpfs", MS_REMOUNT, "size=1m"), 0);
	UNTIL(cuff.ready && all_answered());
	clinic.away = false;
	restart();
	CHECK_UINT(check_nothing_silent(), 0);
	stop_on_disk();
}

/* A disk that is too small for what is measured while the clinic is away: none is refused, the oldest go, and
 * the clinic hears of each. */
static void outgrow_disk(const char *size)
{
	printf("disk of %s\n", size);
	if (!start_on_disk(size, false))
		return;
	clinic.away = true;
	while (cuff.made + 5 <= READINGS_MAX) {
		measure(5);
		UNTIL(all_answered());
		if (cuff.made % 100 == 0)
			restart();
	}
	CHECK_INT(cuff.blocked, STORE_READY);
	CHECK_UINT(boss.incidents[INCIDENT_STORAGE] > 0, 1);
	clinic.away = false;
	restart();
	UNTIL(clinic.records > 0);
	want(1, true);
	CHECK(check_nothing_silent() > 0);
	stop_on_disk();
}

/* Which page is the one too many depends on the size. */
static void test_small_disk(void)
{
	static const char *const sizes[] = { "220k", "256k", "284k", "296k",
					     "308k", "320k", "324k" };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		outgrow_disk(sizes[i]);
}

/* The log takes no space that readings may need, has its own when the disk is full, and tells what happened then. On a
 * disk that is too small for it there is none. */
static void test_full_disk_with_log(void)
{
	char filler[128];
	struct statvfs disk;

	if (!start_on_disk("24m", true))
		return;
	pass_ms(7000); /* its files, and the reserve */
	CHECK_INT(statvfs(state_dir, &disk), 0);
	CHECK(disk.f_bavail * disk.f_frsize >= 12 << 20); /* 16 MB less the reserve */
	CHECK(disk.f_bavail * disk.f_frsize < 20 << 20);
	clinic.away = true;
	measure(50);
	UNTIL(all_answered());
	snprintf(filler, sizeof(filler), "%s/filler", state_dir);
	fill_disk(filler);
	while (cuff.made < 500) {
		measure(5);
		UNTIL(all_answered());
	}
	CHECK_INT(unlink(filler), 0);
	clinic.away = false;
	restart();
	want(1, true);
	(void)check_nothing_silent();
	pass_ms(1500);
	check_log();
	CHECK_UINT(audit_count[AUDIT_START], 2);
	CHECK_UINT(audit_count[AUDIT_UNCLEAN], 1);
	CHECK(audit_count[AUDIT_UPLOAD_ACKED] > 0);
	stop_on_disk();
}

static void test_too_small_for_a_log(void)
{
	char spare[96];

	if (!start_on_disk("8m", true))
		return;
	measure(20);
	UNTIL(all_answered());
	check_exactly_once();
	snprintf(spare, sizeof(spare), "%s/audit/audit-1", state_dir);
	CHECK(access(spare, F_OK) != 0);
	stop_on_disk();
}

/* The disk fills up by others: the reserve is given up and readings still get in; then it is made again. On a file
 * system that gives files space ahead it takes more than this. */
static void test_reserve(void)
{
	char filler[128], path[128];
	struct stat st = { 0 };

	plain_disk = true;
	if (!start_on_disk("32m", false))
		return;
	snprintf(path, sizeof(path), "%s/reserve", state_dir);
	UNTIL(stat(path, &st) == 0 && st.st_size == 4 << 20);
	CHECK_INT(st.st_blocks * 512, 4 << 20); /* not sparse */
	CHECK_INT(st.st_mode & 0777, 0600);
	pass_ms(500);
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(st.st_size, 4 << 20);
	clinic.away = true;
	measure(50);
	UNTIL(all_answered());
	snprintf(filler, sizeof(filler), "%s/filler", state_dir);
	fill_disk(filler);
	while (cuff.made < 400) {
		measure(5);
		UNTIL(all_answered());
	}
	CHECK(access(path, F_OK) != 0);
	CHECK_UINT(cuff.refused, 0);
	CHECK_INT(unlink(filler), 0);
	restart(); /* it looks at the disk once a minute */
	UNTIL(stat(path, &st) == 0 && st.st_size == 4 << 20);
	clinic.away = false;
	restart();
	(void)check_nothing_silent();
	stop_on_disk();
	plain_disk = false;
}

/* What lies on the disk shows nothing of a reading, in the clear or of the keys. */
static void test_nothing_readable(void)
{
	static const char *const names[] = { "queue-1.db", "queue-1.db-wal", "state.db",
					     "state.db-wal", "slots-a" };
	static uint8_t buf[1 << 20];

	start(NULL);
	boss.config.has_share = true;
	clinic.away = true;
	UNTIL(cuff.ready);
	measure(50);
	UNTIL(all_answered());
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int n = file_read(state_dir, names[i], buf, sizeof(buf));

		CHECK(n > 0);
		CHECK(!memmem(buf, (size_t)n, "PLAINTEX", 8));
		CHECK(!memmem(buf, (size_t)n, "SQLite", 6));
		CHECK(!memmem(buf, (size_t)n, "q_routine", 9));
		CHECK(!memmem(buf, (size_t)n, sign_private, sizeof(sign_private)));
	}
	stop();
}

static void find_program(void)
{
	const char *env = getenv("HUB_STORE");
	char self[PATH_MAX] = "";

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		exit(1);
	if (env)
		snprintf(program, sizeof(program), "%s", env);
	else
		snprintf(program, sizeof(program), "%.4000s/../../hub-store",
			 dirname(self));
}

static void test_setup(void)
{
	log_init("test-store");
	find_program();
	CHECK_INT(access(program, X_OK), 0);
}

TEST_MAIN("store_io", test_setup, test_whole_path, test_no_config, test_undecoded,
	  test_quarantine, test_memory, test_ble_restarted, test_offline_and_kills,
	  test_failpoints, test_bad_packets, test_lying_clinic, test_restored, test_lock,
	  test_days, test_evidence, test_snapshot, test_wrong_root, test_other_enrolment,
	  test_nothing_readable, test_nothing_to_give_up, test_small_disk,
	  test_full_disk_with_log, test_too_small_for_a_log, test_reserve)
