/*
 * bench_backlog.c - a hub that was offline for long: a queue with a million sealed readings, and hub-store on it.
 *
 *   bench_backlog DIR ROWS      DIR is on the disk to be measured; on a tmpfs the figures say nothing
 *
 * The queue is filled by records_insert, beyond the default quota, and then the real hub-store starts on it, with this
 * program as hubd, hub-ble and hub-coap. Its file is not in the page cache at that moment. One line per figure, see
 * README.md.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hub/core/cose.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"
#include "hub/rt/ipc.h"
#include "hub/rt/log.h"
#include "storage/handover.h"
#include "storage/records.h"
#include "tests/bench/measure.h"
#include "tests/unit/temp_dir.h"

enum {
	READING_BYTES = 100,
	FILL_PAGES = 1 << 20, /* 4 GB */
	DRAIN_ROWS = 20000,
	DRAIN_CREDITS = 8,
	LOCKS = 20,
	OPENS = 7,
	LIMIT_S = 300,
	TARGET_CAPACITY = 131400,
	TARGET_START_MS = 2000,
	TARGET_MEMORY_MB = 32,
	TARGET_LOCK_MS = 50,
	ROTATIONS = 3,
	ROTATION_ROWS = 32000,
	TARGET_ROTATION_MS = 50,
	TARGET_ROTATION_BYTES = 8192,
};

static char self[PATH_MAX], run_dir[64];
static struct msg config = { .kind = MSG_STORE_CONFIG,
			     .store_config = { .hub = { 1 },
					       .epoch = 1,
					       .assignment = 1,
					       .seal_key_id = 1,
					       .has_share = true,
					       .share = { 7 } } };

/* --- figures -------------------------------------------------------------------------------- */

static void figure(const char *name, double value, const char *unit)
{
	printf(value < 10 ? "bench backlog-%s %.2f %s\n" : "bench backlog-%s %.0f %s\n",
	       name, value, unit);
	fflush(stdout);
}

static void figure_at_most(const char *name, double value, const char *unit, double most)
{
	printf(value < 10 ? "bench backlog-%s %.2f %s target <=%.0f %s\n"
			  : "bench backlog-%s %.0f %s target <=%.0f %s\n",
	       name, value, unit, most, value <= most ? "ok" : "short");
	fflush(stdout);
}

static double median(double *v, size_t n)
{
	qsort(v, n, sizeof(v[0]), measure_by_size);
	return v[n / 2];
}

/* --- the queue, in this process --------------------------------------------------------------- */

static struct keys *keys;
static unsigned begun; /* segments of the queue */

static void on_event(void *arg, const struct records_event *e)
{
	(void)arg;
	begun += e->kind == RECORDS_SEGMENT_BEGUN;
}

static struct records *open_records(const char *dir, uint32_t pages_max)
{
	const struct records_host host = { NULL, on_event };
	struct keys_notes notes;
	const char *problem = "";
	struct records *r;

	if (keys_open(dir, file_exists(dir, QUEUE_FILE), &keys, &notes, &problem)) {
		fprintf(stderr, "bench_backlog: %s\n", problem);
		exit(1);
	}
	r = records_new(dir, pages_max, &host);
	measure_must(!r, "records_new");
	measure_must(records_open(r, keys), "records_open");
	return r;
}

static struct records *make_records(const char *dir, uint32_t pages_max)
{
	struct records *r = open_records(dir, pages_max);

	measure_must(records_set_owner(r, config.store_config.hub, 1, 1),
		     "records_set_owner");
	return r;
}

static void close_records(struct records *r)
{
	records_free(r);
	keys_free(keys);
	keys = NULL;
}

/* Up to 'rows' sealed readings of another number each, but sealed once: what is in them is not looked at. Returns how
 * many there was room for. */
static uint64_t fill(struct records *q, uint64_t rows)
{
	static struct queue_entry group[QUEUE_GROUP_MAX];
	static uint8_t bodies[QUEUE_GROUP_MAX][SEALED_LEN(READING_BYTES)];
	uint8_t reading[READING_BYTES] = { 1, 2, 3 }, ad[ENVELOPE_LEN] = { 4 };
	uint64_t done = 0;
	int r = 0;

	for (size_t i = 0; i < QUEUE_GROUP_MAX; i++)
		measure_must(seal(1, config.store_config.seal_public, ad, sizeof(ad),
				  reading, sizeof(reading), bodies[i]),
			     "seal");
	while (r == 0 && done < rows) {
		uint64_t next = records_next_seq(q);

		for (size_t i = 0; i < QUEUE_GROUP_MAX; i++)
			group[i] = (struct queue_entry){
				.record = { .assignment = 1,
					    .seq = next + i,
					    .class = CLASS_ROUTINE,
					    .kind = 1,
					    .body = bodies[i],
					    .body_len = sizeof(bodies[i]) },
				.instance = 0x7edcba9876543210,
				.capture = next + i,
			};
		records_reserve(q, QUEUE_GROUP_MAX);
		r = records_insert(q, group, QUEUE_GROUP_MAX);
		if (r == 0)
			done += QUEUE_GROUP_MAX;
	}
	if (r && r != -ENOSPC)
		measure_must(r, "records_insert");
	return done;
}

/* A folder of hub-store, as it is after provisioning. */
static void make_dir(const char *base, const char *name, char ret[static PATH_MAX])
{
	uint8_t private[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN];

	(void)snprintf(ret, PATH_MAX, "%s/%s", base, name);
	measure_must(mkdir(ret, 0700), ret);
	p256_generate(private, public);
	measure_must(file_replace(ret, "sign.key", private, sizeof(private)), "sign.key");
}

enum { SEGMENTS = 2 * RECORDS_SEGMENTS_MAX };

/* Of all segments of the queue, with what is added to their names. */
static uint64_t queue_bytes(const char *dir, const char *suffix)
{
	char path[PATH_MAX + 48];
	struct stat st;
	uint64_t bytes = 0;

	for (uint32_t n = 1; n <= SEGMENTS; n++) {
		(void)snprintf(path, sizeof(path), "%s/" QUEUE_FILE_OF "%s", dir, n,
			       suffix);
		bytes += stat(path, &st) ? 0 : (uint64_t)st.st_size;
	}
	return bytes;
}

/* The queue's files leave the page cache. */
static void forget_pages(const char *dir)
{
	char path[PATH_MAX + 48];

	for (uint32_t n = 1; n <= SEGMENTS; n++) {
		int fd;

		(void)snprintf(path, sizeof(path), "%s/" QUEUE_FILE_OF, dir, n);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		measure_must(fsync(fd) || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED),
			     "posix_fadvise");
		close(fd);
	}
}

static void measure_capacity(const char *base)
{
	char dir[PATH_MAX];
	struct records *q;
	uint64_t rows, bytes;

	make_dir(base, "capacity", dir);
	q = make_records(dir, 0);
	rows = fill(q, UINT64_MAX);
	close_records(q);
	bytes = queue_bytes(dir, "");
	printf("bench capacity-at-default-quota %" PRIu64
	       " readings target >=%d %s\n# capacity: %.1f MB of queue and %.1f MB of "
	       "WAL, "
	       "%" PRIu64 " bytes a row\n",
	       rows, TARGET_CAPACITY, rows >= TARGET_CAPACITY ? "ok" : "short",
	       (double)bytes / 1048576, (double)queue_bytes(dir, "-wal") / 1048576,
	       bytes / rows);
	temp_dir_remove(dir);
}

/* New records get a new key: how long everything else waits. */
static void measure_rotation(const char *base)
{
	double ms[ROTATIONS];
	unsigned long long bytes = 0;
	char dir[PATH_MAX];
	struct records *q;

	make_dir(base, "rotation", dir);
	q = make_records(dir, 0);
	begun = 0;
	for (int i = 0; i < ROTATIONS; i++) {
		unsigned long long before;
		double t;

		(void)fill(q, ROTATION_ROWS);
		before = measure_device_bytes();
		t = measure_now_us();
		measure_must(records_rotate(q), "records_rotate");
		ms[i] = (measure_now_us() - t) / 1e3;
		bytes += measure_device_bytes() - before;
	}
	measure_must(begun != ROTATIONS, "rotation");
	close_records(q);
	printf("bench rotation-stall %.1f ms target <=%d %s\n", median(ms, ROTATIONS),
	       TARGET_ROTATION_MS,
	       median(ms, ROTATIONS) <= TARGET_ROTATION_MS ? "ok" : "short");
	printf("bench rotation-bytes %llu device-bytes target <=%d %s\n",
	       bytes / ROTATIONS, TARGET_ROTATION_BYTES,
	       bytes / ROTATIONS <= TARGET_ROTATION_BYTES ? "ok" : "short");
	fflush(stdout);
	temp_dir_remove(dir);
}

/* Through the functions that hub-store calls, but for the socket: batches are made, signed, answered. */
static void measure_drain(const char *dir)
{
	uint8_t private[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN];
	static struct handover h;
	static struct msg_batch batch;
	struct msg_want want = { .batches = 1 };
	struct mono now = { 1 };
	double wall, cpu, first = 0;
	uint64_t rows = 0;
	struct records *q = open_records(dir, FILL_PAGES);

	p256_generate(private, public);
	handover_init(&h, 1);
	handover_set_key(&h, private);
	wall = measure_now_us();
	cpu = measure_us_of(CLOCK_PROCESS_CPUTIME_ID);
	while (rows < DRAIN_ROWS && records_unsent(q)) {
		struct msg_ack ack = { .reply.has_contig = true };
		const uint64_t *seqs;
		struct queue_ack done;
		size_t count;

		handover_on_want(&h, &want);
		if (handover_make(&h, q, 0, now, &batch) != 1)
			measure_must(-EIO, "handover_make");
		if (first == 0)
			first = measure_now_us() - wall;
		ack.batch = batch.id;
		ack.reply.contig = batch.last;
		count = handover_seqs(&h, batch.id, &seqs);
		measure_must(records_acknowledge(q, &ack.reply, seqs, count, &done),
			     "acknowledge");
		measure_must(handover_on_ack(&h, &ack, now), "handover_on_ack");
		rows += done.removed;
	}
	wall = measure_now_us() - wall;
	cpu = measure_us_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	figure("direct-first-batch", first / 1e3, "ms");
	figure("direct-drain", (double)rows / wall * 1e6, "rows/s");
	figure("direct-drain-cpu", cpu / (double)rows, "us-per-row");
	close_records(q);
}

static void measure_open(const char *dir)
{
	double ms[OPENS];
	struct records *q;

	for (int i = 0; i < OPENS; i++) {
		double t;

		forget_pages(dir);
		t = measure_now_us();
		q = open_records(dir, FILL_PAGES);
		ms[i] = (measure_now_us() - t) / 1e3;
		close_records(q);
	}
	figure("direct-open-cold", median(ms, OPENS), "ms");
}

/* --- hub-store, and the ends of its links ------------------------------------------------------ */

static struct rt *rt;
static struct ipc *hubd, *ble, *coap;
static struct rt_fd *notify_watch;
static int notify_fd = -1;
static pid_t child;

static struct {
	double exec, listening, ready, first_batch, durable;
	bool draining;
	uint64_t rows, saved;
} at;

static struct rt_timer *stopper;

static void on_stopper(void *arg)
{
	(void)arg;
	rt_stop(rt);
}

static void pass_ms(uint64_t ms)
{
	rt_timer_set(stopper, mono_add(rt_mono(), ms));
	rt_run(rt);
}

/* Turns of the loop until the moment has come. */
static void until(const double *moment)
{
	while (*moment == 0)
		rt_run(rt);
}

static void on_hubd_up(void *arg, struct ipc *l)
{
	(void)arg;
	(void)ipc_send(l, &config);
}

static void on_nothing(void *arg, struct ipc *l)
{
	(void)arg, (void)l;
}

static void on_hubd_message(void *arg, struct ipc *l, const struct msg *m)
{
	(void)arg, (void)l;
	if (m->kind == MSG_STATUS && m->status.what == STATUS_SAVED)
		at.saved = m->status.b;
}

static void on_ble_message(void *arg, struct ipc *l, const struct msg *m)
{
	(void)arg, (void)l;
	if (m->kind == MSG_STORE_STATE && m->store_state.blocked == STORE_READY &&
	    at.ready == 0)
		at.ready = measure_now_us();
	else if (m->kind == MSG_DURABLE && m->durable.durable)
		at.durable = measure_now_us();
	else
		return;
	rt_stop(rt);
}

static void want(uint8_t batches)
{
	struct msg m = { .kind = MSG_WANT, .want = { .batches = batches } };

	(void)ipc_send(coap, &m);
}

static void on_coap_up(void *arg, struct ipc *l)
{
	(void)arg, (void)l;
	want(1);
}

/* The clinic takes all of it, at once. */
static void on_coap_message(void *arg, struct ipc *l, const struct msg *m)
{
	struct msg ack = { .kind = MSG_ACK };

	(void)arg;
	if (m->kind != MSG_UPLOAD)
		return;
	if (at.first_batch == 0)
		at.first_batch = measure_now_us();
	at.rows += m->batch.last - m->batch.first + 1;
	ack.ack.batch = m->batch.id;
	ack.ack.reply.has_contig = true;
	ack.ack.reply.contig = m->batch.last;
	(void)ipc_send(l, &ack);
	if (at.draining)
		want(1);
	rt_stop(rt);
}

static void on_notify(void *arg, int events)
{
	char text[256];
	ssize_t n = recv(notify_fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	(void)arg, (void)events;
	text[n > 0 ? n : 0] = '\0';
	if (strstr(text, "READY=1") && at.listening == 0) {
		at.listening = measure_now_us();
		rt_stop(rt);
	}
}

static void open_notify(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s/notify", run_dir);
	(void)unlink(a.sun_path);
	notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	measure_must(notify_fd < 0 || bind(notify_fd, (struct sockaddr *)&a, sizeof(a)),
		     "notify socket");
	measure_must(setenv("NOTIFY_SOCKET", a.sun_path, 1), "setenv");
	notify_watch = rt_fd_new(rt, notify_fd, RT_READ, on_notify, NULL);
}

static void launch(const char *dir)
{
	char copy[PATH_MAX], program[PATH_MAX + 32];

	(void)snprintf(copy, sizeof(copy), "%s", self);
	(void)snprintf(program, sizeof(program), "%s/../../hub-store", dirname(copy));
	at.exec = measure_now_us();
	child = fork();
	measure_must(child < 0, "fork");
	if (child > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!freopen("/dev/null", "w", stderr)) /* its warnings about a test's keys */
		_exit(127);
	execl(program, "hub-store", "--state", dir, "--run", run_dir, "--same-user",
	      (char *)NULL);
	_exit(127);
}

static void connect_as(enum role role, const struct ipc_handlers *h, struct ipc **ret)
{
	struct ipc_config c = {
		.self = role, .peer = ROLE_STORE, .run_dir = run_dir, .same_user = true
	};

	measure_must(role == ROLE_HUBD ? ipc_listen(rt, &c, h, NULL, ret)
				       : ipc_connect(rt, &c, h, NULL, ret),
		     "link");
}

/* hub-store on this folder, from exec until it takes readings. */
static void start_store(const char *dir)
{
	static const struct ipc_handlers hh = { .up = on_hubd_up,
						.down = on_nothing,
						.message = on_hubd_message };
	static const struct ipc_handlers hb = { .up = on_nothing,
						.down = on_nothing,
						.message = on_ble_message };

	memset(&at, 0, sizeof(at));
	rt = rt_new();
	stopper = rt_timer_new(rt, on_stopper, NULL);
	temp_dir_make(run_dir, sizeof(run_dir));
	open_notify();
	connect_as(ROLE_HUBD, &hh, &hubd);
	launch(dir);
	until(&at.listening);
	connect_as(ROLE_BLE, &hb, &ble);
	until(&at.ready);
}

static void stop_store(void)
{
	ipc_free(ble);
	ipc_free(coap);
	ipc_free(hubd);
	coap = NULL;
	rt_fd_free(notify_watch);
	close(notify_fd);
	rt_timer_free(stopper);
	rt_free(rt);
	kill(child, SIGTERM);
	(void)waitpid(child, NULL, 0);
	temp_dir_remove(run_dir);
}

/* A number of KB from a file of /proc about hub-store; 0: it is not there. */
static double proc_kb(const char *file, const char *key)
{
	char path[64], line[256];
	double kb = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)child, file);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			kb = strtod(line + strlen(key), NULL);
	if (f)
		fclose(f);
	return kb;
}

/* Time of the processor that hub-store has used, in us. */
static double child_cpu_us(void)
{
	clockid_t clock;

	measure_must(clock_getcpuclockid(child, &clock), "clock_getcpuclockid");
	return measure_us_of(clock);
}

static void print_memory(const char *when)
{
	double pss = proc_kb("smaps_rollup", "Pss:") / 1024;
	double rss = proc_kb("status", "VmRSS:") / 1024;
	double most = proc_kb("status", "VmHWM:") / 1024;
	char name[64];

	(void)snprintf(name, sizeof(name), "store-%s-%s", when, pss > 0 ? "pss" : "rss");
	figure_at_most(name, pss > 0 ? pss : rss, "MB", TARGET_MEMORY_MB);
	printf("# backlog: RSS %.1f MB, at most %.1f MB so far\n", rss, most);
}

static void measure_store(const char *dir)
{
	static const struct ipc_handlers hc = { .up = on_coap_up,
						.down = on_nothing,
						.message = on_coap_message };
	double start, wall, cpu;

	forget_pages(dir);
	start_store(dir);
	figure_at_most("store-start", (at.listening - at.exec) / 1e3, "ms",
		       TARGET_START_MS);
	figure_at_most("store-takes-readings", (at.ready - at.exec) / 1e3, "ms",
		       TARGET_START_MS);
	print_memory("started");
	start = measure_now_us();
	connect_as(ROLE_COAP, &hc, &coap);
	until(&at.first_batch);
	figure("store-first-batch", (at.first_batch - start) / 1e3, "ms");
	at.draining = true;
	at.rows = 0;
	wall = measure_now_us();
	cpu = child_cpu_us();
	want(DRAIN_CREDITS);
	while (at.rows < DRAIN_ROWS)
		rt_run(rt);
	wall = measure_now_us() - wall;
	figure("store-drain", (double)at.rows / wall * 1e6, "rows/s");
	figure("store-drain-cpu", (child_cpu_us() - cpu) / (double)at.rows, "us-per-row");
	print_memory("drained");
	stop_store();
}

/* --- lock --------------------------------------------------------------------------------------- */

static void give(uint64_t capture)
{
	struct msg m = { .kind = MSG_RAW,
			 .raw = { .instance = 1,
				  .capture = capture,
				  .assignment = 1,
				  .kind = READING_BLOOD_PRESSURE,
				  .characteristic = 0x2a35,
				  .peripheral = { 1, { 1, 2, 3, 4, 5, 6 }, ADDR_PUBLIC },
				  .raw_len = 16 } };

	(void)ipc_send(ble, &m);
	m = (struct msg){ .kind = MSG_DECODED,
			  .decoded = { .capture = capture,
				       .class = CLASS_ROUTINE,
				       .decoded = { .value_count = 0 } } };
	(void)ipc_send(ble, &m);
}

/* From offering one reading to its answer, in ms. */
static double one_reading(uint64_t capture)
{
	double t = measure_now_us();

	at.durable = 0;
	give(capture);
	until(&at.durable);
	return (at.durable - t) / 1e3;
}

/* hubd withholds the share, and a reading comes right behind: the answer is there when both databases are closed, the
 * heap is zero, the queue is open again and the reading is in it. */
static void measure_lock(const char *base)
{
	double plain[LOCKS], locked[LOCKS];
	uint64_t capture = 0;
	char dir[PATH_MAX];

	make_dir(base, "lock", dir);
	start_store(dir);
	for (int i = 0; i < LOCKS; i++) {
		config.store_config.level = 0;
		config.store_config.has_share = true;
		(void)ipc_send(hubd, &config);
		pass_ms(20);
		(void)one_reading(++capture);
		plain[i] = one_reading(++capture);
		config.store_config.level = 2;
		config.store_config.has_share = false;
		(void)ipc_send(hubd, &config);
		locked[i] = one_reading(++capture);
	}
	config.store_config.level = 0;
	config.store_config.has_share = true;
	stop_store();
	printf("bench lock-until-captured-again %.1f ms target <=%d %s\n# lock: without "
	       "one a reading takes %.1f ms; medians of %d\n",
	       median(locked, LOCKS), TARGET_LOCK_MS,
	       median(locked, LOCKS) <= TARGET_LOCK_MS ? "ok" : "short",
	       median(plain, LOCKS), LOCKS);
	fflush(stdout);
	temp_dir_remove(dir);
}

int main(int argc, char **argv)
{
	char base[PATH_MAX], dir[PATH_MAX];
	uint8_t private[X25519_LEN];
	struct records *q;
	uint64_t rows;
	double t;

	if (argc != 3)
		return 64;
	rows = strtoull(argv[2], NULL, 10);
	log_init("bench_backlog");
	measure_must(crypto_init() ||
			     readlink("/proc/self/exe", self, sizeof(self) - 1) < 0,
		     "start");
	(void)snprintf(base, sizeof(base), "%s/bench-backlog-XXXXXX", argv[1]);
	measure_must(!mkdtemp(base), "mkdtemp");
	x25519_generate(private, config.store_config.seal_public);
	measure_must(db_heap_init(DB_HEAP_BYTES, NULL), "heap");
	alarm(LIMIT_S);
	measure_lock(base);
	measure_rotation(base);
	measure_capacity(base);
	make_dir(base, "full", dir);
	q = make_records(dir, FILL_PAGES);
	t = measure_now_us();
	rows = fill(q, rows);
	t = measure_now_us() - t;
	close_records(q);
	printf("# backlog: %" PRIu64 " readings, %.0f MB, filled at %.0f a second\n",
	       rows, (double)queue_bytes(dir, "") / 1048576, (double)rows / t * 1e6);
	measure_open(dir);
	measure_store(dir);
	measure_drain(dir);
	temp_dir_remove(dir);
	(void)rmdir(base);
	return 0;
}
