/*
 * test_lock_memory.c - what a hub-store holds in memory before and after the engine share is withheld.
 *
 * A real hub-store with readings under way and state.db open; then hubd's config without the share. All memory of the
 * process is searched for the share, state.db's keys, what is in its rows, and readings in clear: before, so
 * that it is known that the search finds them, and after, when there must be none. Twice: with the heap in memory that
 * can be searched (memfd_secret is refused to the process, so that it takes locked pages, its second choice), and
 * as it is in the field, where the heap is out of reach and nothing may lie outside of it.
 *
 * Needs root to read the memory of a process that is not dumpable; says SKIP without.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"
#include "hub/rt/ipc.h"
#include "hub/rt/log.h"
#include "storage/keys_inside.h"
#include "storage/sqlcipher_wolf.h"
#include "tests/io/until.h"
#include "tests/unit/temp_dir.h"

enum {
	LIMIT_MS = 20000,
	TICK_MS = 5,
	LOCK_LIMIT_MS = 2000, /* the requirement */
	READINGS = 64,
	MEMORIES = 24,
	TAG_LEN = 8,
	ANCHOR_LEN = 6, /* the upper octets of an anchor; the rest is its number */
	HITS_MAX = 256,
	CHUNK = 1 << 20,
	REGION_MAX = 1 << 30,	  /* larger ones are a sanitizer's */
	MEMLOCK_BYTES = 64 << 20, /* as in the unit */
};

static char program[PATH_MAX], state_dir[64], run_dir[64];
static pid_t child;
static struct ipc *ble, *hubd;
static struct msg_store_config config;
static uint64_t instance;
static uint8_t reading_tag[TAG_LEN], anchor_tag[ANCHOR_LEN];
static bool ready, answered[READINGS + 1];
static unsigned offered;

/* --- peers ------------------------------------------------------------------------------------ */

static void on_ble_message(void *arg, struct ipc *l, const struct msg *m)
{
	(void)arg, (void)l;
	if (m->kind == MSG_STORE_STATE)
		ready = m->store_state.blocked == STORE_READY;
	else if (m->kind == MSG_DURABLE && m->durable.durable)
		answered[m->durable.capture] = true;
	rt_stop(rt);
}

static void send_config(void)
{
	struct msg m = { .kind = MSG_STORE_CONFIG, .store_config = config };

	CHECK_INT(ipc_send(hubd, &m), 0);
}

static void on_hubd_up(void *arg, struct ipc *l)
{
	(void)arg, (void)l;
	send_config();
}

static void on_hubd_message(void *arg, struct ipc *l, const struct msg *m)
{
	(void)arg, (void)l, (void)m;
	rt_stop(rt);
}

static void decode(uint64_t capture)
{
	struct msg m = { .kind = MSG_DECODED,
			 .decoded = { .capture = capture,
				      .class = CLASS_ROUTINE,
				      .decoded = { .value_count = 1,
						   .values = { { VALUE_SYSTOLIC,
								 UNIT_MMHG,
								 { 120, 0, 0 },
								 0,
								 0 } } } } };

	CHECK_INT(ipc_send(ble, &m), 0);
}

/* One that is not verified stays in clear until it is decoded; one that is not decoded for a second. */
static void offer_raw(bool unverified)
{
	struct msg m = { .kind = MSG_RAW,
			 .raw = { .instance = instance,
				  .capture = ++offered,
				  .assignment = 8,
				  .kind = READING_BLOOD_PRESSURE,
				  .characteristic = 0x2a35,
				  .peripheral = { 1, { 1, 2, 3, 4, 5, 6 }, ADDR_PUBLIC },
				  .unverified = unverified,
				  .raw_len = TAG_LEN + 1 } };

	CHECK(offered <= READINGS);
	memcpy(m.raw.raw, reading_tag, TAG_LEN);
	m.raw.raw[TAG_LEN] = (uint8_t)offered;
	CHECK_INT(ipc_send(ble, &m), 0);
}

static void offer(bool unverified)
{
	offer_raw(unverified);
	if (!unverified)
		decode(offered);
}

static void remember(unsigned n)
{
	struct msg m = { .kind = MSG_MEMORY,
			 .memory = { .num = (uint16_t)(1 + n),
				     .service = 0x1808,
				     .assignment = 8,
				     .history = 1,
				     .mark = 1 } };

	for (size_t i = 0; i < ANCHOR_LEN; i++)
		m.memory.anchor = m.memory.anchor << 8 | anchor_tag[i];
	m.memory.anchor = m.memory.anchor << 16 | n;
	CHECK_INT(ipc_send(ble, &m), 0);
}

static bool all_answered(void)
{
	for (unsigned i = 1; i <= offered; i++)
		if (!answered[i])
			return false;
	return true;
}

/* --- the process ------------------------------------------------------------------------------ */

/* memfd_secret is answered as by a kernel without it. */
static void refuse_hidden(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_secret, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = { sizeof(f) / sizeof(*f), f };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0))
		_exit(126);
}

static void launch(bool hidden)
{
	char *const argv[] = { program, "--state",     state_dir, "--run",
			       run_dir, "--same-user", NULL };
	const struct rlimit lock = { MEMLOCK_BYTES, MEMLOCK_BYTES },
			    core = { RLIM_INFINITY, RLIM_INFINITY };

	child = fork();
	CHECK(child >= 0);
	if (child > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setrlimit(RLIMIT_MEMLOCK, &lock);
	(void)setrlimit(RLIMIT_CORE, &core); /* it must do without the unit's help */
	if (!hidden)
		refuse_hidden();
	execv(program, argv);
	perror(program);
	_exit(127);
}

static void end_child(void)
{
	CHECK_INT(kill(child, SIGTERM), 0);
	CHECK_INT(waitpid(child, NULL, 0), child);
	child = 0;
}

/* --- what is looked for ----------------------------------------------------------------------- */

enum pattern {
	PATTERN_SHARE = 0,
	PATTERN_KEK,
	PATTERN_KEY,
	PATTERN_KEY_HEX,
	PATTERN_MAC_KEY,
	PATTERN_HASH_KEY,
	PATTERN_ROW,
	PATTERN_ROW_LITTLE,
	PATTERN_READING,
	PATTERNS,
};

/* 'held': it is kept in memory while state.db is open; the others come and go. */
static struct {
	const char *name;
	bool held;
	size_t len;
	uint8_t bytes[64];
	unsigned hits;
} pattern[PATTERNS] = {
	[PATTERN_SHARE] = { "engine share", .held = true },
	[PATTERN_KEK] = { "key that wraps state.db's key", .held = false },
	[PATTERN_KEY] = { "state.db's key", .held = true },
	[PATTERN_KEY_HEX] = { "state.db's key in hex", .held = false },
	[PATTERN_MAC_KEY] = { "state.db's MAC key", .held = true },
	[PATTERN_HASH_KEY] = { "key of the registry", .held = true },
	[PATTERN_ROW] = { "row of state.db", .held = true },
	[PATTERN_ROW_LITTLE] = { "row of state.db as a number", .held = false },
	[PATTERN_READING] = { "reading in clear", .held = true },
};

static void look_for(enum pattern p, const uint8_t *bytes, size_t len)
{
	CHECK(len <= sizeof(pattern[p].bytes));
	memcpy(pattern[p].bytes, bytes, len);
	pattern[p].len = len;
}

static void copy_to(const char *name, const char *dir)
{
	static uint8_t buf[1 << 20];
	char from[160], to[160];
	ssize_t n = 0;
	int fd;

	snprintf(from, sizeof(from), "%s/%s", state_dir, name);
	snprintf(to, sizeof(to), "%s/%s", dir, name);
	fd = open(from, O_RDONLY);
	if (fd >= 0)
		n = read(fd, buf, sizeof(buf));
	CHECK(n >= 0 && n < (ssize_t)sizeof(buf));
	if (fd >= 0)
		close(fd);
	fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK_INT(write(fd, buf, (size_t)n), n);
	close(fd);
}

/* From a copy, as hub-store has the file for itself. Its commits are durable: what it keeps is in there. */
static void find_hash_key(const struct db_key *key)
{
	char copy[64], path[160];
	const struct db_options o = { .path = path, .key = key, .schema_version = 2 };
	struct db_stmt *st;
	struct db *db;
	size_t len;

	temp_dir_make(copy, sizeof(copy));
	copy_to("state.db", copy);
	copy_to("state.db-wal", copy);
	snprintf(path, sizeof(path), "%s/state.db", copy);
	CHECK_INT(db_open(&o, &db), 0);
	CHECK_INT(db_prepare(db, "SELECT v FROM meta WHERE k = 'hash_key'", &st), 0);
	CHECK_INT(db_step(st), 1);
	look_for(PATTERN_HASH_KEY, db_blob(st, 0, &len), KEY_LEN);
	CHECK_UINT(len, KEY_LEN);
	db_stmt_free(st);
	db_close(db);
	temp_dir_remove(copy);
}

static void find_keys(void)
{
	uint8_t kek[KEY_LEN], mac[KEY_LEN], salt[DB_SALT_LEN], little[ANCHOR_LEN];
	char hex[2 * DB_KEY_LEN + 1];
	sqlcipher_provider lib;
	struct keys_notes notes;
	const char *problem;
	struct db_key key;
	struct keys *k;

	CHECK_INT(keys_open(state_dir, true, &k, &notes, &problem), 0);
	CHECK_INT(keys_state_kek(k, config.share, kek), 0);
	CHECK_INT(keys_state(k, config.share, &key), 0);
	keys_free(k);
	for (size_t i = 0; i < DB_KEY_LEN; i++)
		snprintf(hex + 2 * i, 3, "%02x", key.key[i]);
	for (size_t i = 0; i < DB_SALT_LEN; i++)
		salt[i] = key.salt[i] ^ 0x3a;
	CHECK_INT(hub_sqlcipher_wolf_setup(&lib), SQLITE_OK);
	CHECK_INT(lib.kdf(NULL, SQLCIPHER_HMAC_SHA512, key.key, DB_KEY_LEN, salt,
			  DB_SALT_LEN, 2, KEY_LEN, mac),
		  SQLITE_OK);
	for (size_t i = 0; i < ANCHOR_LEN; i++)
		little[i] = anchor_tag[ANCHOR_LEN - 1 - i];
	look_for(PATTERN_SHARE, config.share, ENGINE_SHARE_LEN);
	look_for(PATTERN_KEK, kek, sizeof(kek));
	look_for(PATTERN_KEY, key.key, DB_KEY_LEN);
	look_for(PATTERN_KEY_HEX, (const uint8_t *)hex, sizeof(hex) - 1);
	look_for(PATTERN_MAC_KEY, mac, sizeof(mac));
	look_for(PATTERN_ROW, anchor_tag, ANCHOR_LEN);
	look_for(PATTERN_ROW_LITTLE, little, sizeof(little));
	look_for(PATTERN_READING, reading_tag, TAG_LEN);
	find_hash_key(&key);
}

/* --- the search ------------------------------------------------------------------------------- */

static int mem = -1;
static struct {
	uint64_t at;
	enum pattern what;
	char region[80];
} hit[HITS_MAX];
static unsigned hits;
static uint64_t bytes_read, bytes_hidden;
static bool sanitized; /* its mlock() does nothing */

static void search_chunk(const uint8_t *buf, size_t n, size_t overlap, uint64_t at,
			 const char *region)
{
	for (int p = 0; p < PATTERNS; p++) {
		const uint8_t *from = buf, *found;

		while ((found = memmem(from, (size_t)(buf + n - from), pattern[p].bytes,
				       pattern[p].len))) {
			from = found + 1;
			/* in the part that was searched before */
			if (found + pattern[p].len <= buf + overlap)
				continue;
			pattern[p].hits++;
			if (hits == HITS_MAX)
				continue;
			hit[hits].at = at + (uint64_t)(found - buf);
			hit[hits].what = (enum pattern)p;
			snprintf(hit[hits++].region, sizeof(hit->region), "%.79s",
				 region);
		}
	}
}

static void search_region(uint64_t from, uint64_t to, const char *line)
{
	static uint8_t buf[CHUNK];
	size_t keep = 0;

	for (uint64_t at = from; at < to;) {
		size_t want = sizeof(buf) - keep;
		ssize_t n;

		if (want > to - at)
			want = (size_t)(to - at);
		n = pread(mem, buf + keep, want, (off_t)at);
		if (n <= 0) {
			bytes_hidden += to - at;
			return;
		}
		bytes_read += (size_t)n;
		search_chunk(buf, keep + (size_t)n, keep, at - keep, line);
		at += (size_t)n;
		n += (ssize_t)keep;
		keep = (size_t)n < sizeof(pattern->bytes) ? (size_t)n
							  : sizeof(pattern->bytes) - 1;
		memmove(buf, buf + n - keep, keep);
	}
}

/* All that the process can read itself. */
static void search(void)
{
	char path[64], line[512], mode[8];
	unsigned long from, to;
	FILE *maps;

	for (int p = 0; p < PATTERNS; p++)
		pattern[p].hits = 0;
	hits = 0;
	bytes_read = bytes_hidden = 0;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)child);
	maps = fopen(path, "re");
	CHECK(maps != NULL);
	while (fgets(line, sizeof(line), maps)) {
		line[strcspn(line, "\n")] = '\0';
		sanitized |= strstr(line, "libasan") != NULL;
		if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 ||
		    mode[0] != 'r' || strstr(line, "[v") || to - from > REGION_MAX)
			continue;
		search_region(from, to, line);
	}
	fclose(maps);
}

static void tell_hits(const char *when)
{
	printf("%s: searched %" PRIu64 " KB, out of reach %" PRIu64 " KB;", when,
	       bytes_read / 1024, bytes_hidden / 1024);
	for (int p = 0; p < PATTERNS; p++)
		printf(" %s %u%s", pattern[p].name, pattern[p].hits,
		       p + 1 < PATTERNS ? "," : "\n");
}

static void check_nothing(void)
{
	for (unsigned i = 0; i < hits; i++)
		fprintf(stderr, "%s at %" PRIx64 " in %s\n", pattern[hit[i].what].name,
			hit[i].at, hit[i].region);
	for (int p = 0; p < PATTERNS; p++)
		CHECK_UINT(pattern[p].hits, 0);
}

static bool still_there(unsigned i)
{
	uint8_t buf[sizeof(pattern->bytes)];
	size_t len = pattern[hit[i].what].len;

	return pread(mem, buf, len, (off_t)hit[i].at) == (ssize_t)len &&
	       memcmp(buf, pattern[hit[i].what].bytes, len) == 0;
}

/* Readings under way stay until they are sealed; everything else must go. */
static bool any_left(void)
{
	for (unsigned i = 0; i < hits; i++)
		if (hit[i].what != PATTERN_READING && still_there(i))
			return true;
	return false;
}

/* --- facts of the process --------------------------------------------------------------------- */

static uint64_t status_kb(const char *name)
{
	char path[64], line[256];
	uint64_t kb = UINT64_MAX;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)child);
	f = fopen(path, "re");
	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, name, strlen(name)) == 0)
			kb = strtoull(line + strlen(name), NULL, 10);
	fclose(f);
	CHECK(kb != UINT64_MAX);
	return kb;
}

/* Where a secret was found is locked, or it may reach the swap. */
static bool locked_at(uint64_t at)
{
	char path[64], line[512];
	unsigned long from, to;
	bool here = false, locked = false, no_dump = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)child);
	f = fopen(path, "re");
	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2 &&
		    strchr(line, '-') < line + 17)
			here = at >= from && at < to;
		if (here && strncmp(line, "VmFlags:", 8) == 0) {
			locked = strstr(line, " lo") != NULL;
			no_dump = strstr(line, " dd") != NULL;
		}
	}
	fclose(f);
	return locked && no_dump;
}

static void check_locked(void)
{
	unsigned bad = 0;

	for (unsigned i = 0; i < hits && !sanitized; i++)
		if (!locked_at(hit[i].at)) {
			fprintf(stderr, "%s at %" PRIx64 " in %s may reach the swap\n",
				pattern[hit[i].what].name, hit[i].at, hit[i].region);
			bad++;
		}
	CHECK_UINT(bad, 0);
}

static void check_no_core(void)
{
	char path[64], line[256];
	bool seen = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/limits", (int)child);
	f = fopen(path, "re");
	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, "Max core file size", 18) == 0) {
			unsigned long soft = 1, hard = 1;

			CHECK_INT(sscanf(line + 18, "%lu %lu", &soft, &hard), 2);
			CHECK_UINT(soft + hard, 0);
			seen = true;
		}
	fclose(f);
	CHECK(seen);
}

/* --- a run ------------------------------------------------------------------------------------ */

static void open_peers(void)
{
	static const struct ipc_handlers hb = { .message = on_ble_message };
	static const struct ipc_handlers hh = { .up = on_hubd_up,
						.message = on_hubd_message };
	struct ipc_config c = { .self = ROLE_BLE,
				.peer = ROLE_STORE,
				.run_dir = run_dir,
				.same_user = true };

	rt = rt_new();
	until_start(LIMIT_MS, TICK_MS);
	CHECK_INT(ipc_connect(rt, &c, &hb, NULL, &ble), 0);
	c.self = ROLE_HUBD;
	CHECK_INT(ipc_listen(rt, &c, &hh, NULL, &hubd), 0);
}

static void start(bool hidden)
{
	uint8_t sign_private[P256_PRIVATE_LEN], sign_public[P256_PUBLIC_LEN],
		seal_private[X25519_LEN];
	char path[64];

	config = (struct msg_store_config){ .hub = { 5, 6 },
					    .epoch = 2,
					    .assignment = 8,
					    .seal_key_id = 1,
					    .has_share = true };
	crypto_random(config.share, ENGINE_SHARE_LEN);
	crypto_random(reading_tag, TAG_LEN);
	crypto_random(anchor_tag, ANCHOR_LEN);
	anchor_tag[0] &= 0x7f;
	crypto_random((uint8_t *)&instance, sizeof(instance));
	memset(answered, 0, sizeof(answered));
	ready = false;
	offered = 0;
	p256_generate(sign_private, sign_public);
	x25519_generate(seal_private, config.seal_public);
	temp_dir_make(state_dir, sizeof(state_dir));
	temp_dir_make(run_dir, sizeof(run_dir));
	CHECK_INT(file_replace(state_dir, "sign.key", sign_private, P256_PRIVATE_LEN), 0);
	open_peers();
	launch(hidden);
	UNTIL(ready && file_exists(state_dir, "state.db"));
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)child);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(mem >= 0);
}

static void stop(void)
{
	end_child();
	close(mem);
	ipc_free(ble);
	ipc_free(hubd);
	rt_timer_free(tick);
	rt_free(rt);
	temp_dir_remove(state_dir);
	temp_dir_remove(run_dir);
}

/* Some readings are durable, some are on their way; rows are written. */
static void fill(void)
{
	for (unsigned i = 0; i < MEMORIES; i++)
		remember(i);
	for (unsigned i = 0; i < READINGS / 4; i++)
		offer(false);
	UNTIL(all_answered());
	for (unsigned i = 0; i < READINGS / 4; i++)
		offer(true);
	offer(false);
	UNTIL(answered[offered]); /* and so the ones before have come, too */
}

/* The share is withheld. Returns microseconds until all that was found is gone, or 0 if nothing was. */
static uint64_t lock(void)
{
	struct timespec a, b;
	uint64_t us;

	config.has_share = false;
	config.level = 2;
	memset(config.share, 0, sizeof(config.share));
	clock_gettime(CLOCK_MONOTONIC, &a);
	send_config();
	do {
		clock_gettime(CLOCK_MONOTONIC, &b);
		us = (uint64_t)(b.tv_sec - a.tv_sec) * 1000000 +
		     (uint64_t)b.tv_nsec / 1000 - (uint64_t)a.tv_nsec / 1000;
		CHECK(us < LOCK_LIMIT_MS * 1000);
	} while (any_left());
	return us;
}

/* Capture goes on, and what was on its way is not lost. */
static void go_on(void)
{
	unsigned held = offered;

	for (unsigned i = 0; i < READINGS / 4; i++)
		offer(false);
	for (unsigned i = 1; i <= held; i++)
		if (!answered[i])
			decode(i);
	UNTIL(all_answered());
	offer_raw(
		false); /* the last message that it receives: nothing comes that would write over it */
	UNTIL(all_answered());
}

static void test_locked_pages(void)
{
	uint64_t us;

	start(false);
	fill();
	find_keys();
	search();
	tell_hits("open");
	for (int p = 0; p < PATTERNS; p++)
		CHECK(!pattern[p].held || pattern[p].hits > 0);
	CHECK_UINT(hits < HITS_MAX, true);
	if (sanitized)
		printf("SKIP what is locked: built with a sanitizer\n");
	check_locked();
	CHECK(sanitized || status_kb("VmLck:") >= DB_HEAP_BYTES / 1024);
	CHECK_UINT(status_kb("VmSwap:"), 0);
	check_no_core();
	us = lock();
	printf("locked: %" PRIu64 ".%03" PRIu64
	       " ms from the message to the last of them\n",
	       us / 1000, us % 1000);
	search();
	for (int p = 0; p < PATTERNS; p++)
		CHECK(p == PATTERN_READING || pattern[p].hits == 0);
	go_on();
	search();
	tell_hits("locked");
	check_nothing();
	stop();
}

/* As in the field: nothing of it lies outside the memory that is out of reach. */
static void test_hidden_pages(void)
{
	start(true);
	fill();
	find_keys();
	search();
	if (bytes_hidden < DB_HEAP_BYTES) {
		printf("SKIP hidden pages: this kernel has no memfd_secret\n");
		stop();
		return;
	}
	tell_hits("open, hidden");
	check_nothing();
	check_no_core();
	(void)lock();
	go_on();
	search();
	tell_hits("locked, hidden");
	check_nothing();
	stop();
}

static bool may_search(void)
{
	return geteuid() == 0;
}

int main(int argc, char **argv)
{
	static test_fn *const tests[] = { test_locked_pages, test_hidden_pages };
	const char *given = getenv("HUB_STORE");
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	CHECK(n > 0);
	self[n] = '\0';
	snprintf(program, sizeof(program), "%s",
		 given ? given : strcat(dirname(dirname(dirname(self))), "/hub-store"));
	if (!may_search()) {
		printf("SKIP lock_memory: it needs root to read the memory of another "
		       "process\n");
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	CHECK_INT(crypto_init(), 0);
	return test_main(argc, argv, "lock_memory", tests, "", 2);
}
