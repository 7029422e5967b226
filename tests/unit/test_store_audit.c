/*
 * test_store_audit.c - hub-store and its audit log: what is written when, what reaches the clinic, and that nothing of it
 * stands in a reading's way. The clinic at the other end is the real one (clinic_end.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "clinic/witness.h"
#include "clinic_end.h"
#include "hub/core/msg.h"
#include "hub/rt/file.h"
#include "storage/audit.h"
#include "storage/db.h"
#include "storage/slots.h"
#include "temp_dir.h"
#include "test.h"

/* storage/store.h, but for the name that the clinic's header has taken */
struct store_host {
	void *arg;
	int (*send)(void *arg, enum role to, const struct msg *m);
};
struct store *store_new(const char *dir, const struct store_host *host, struct mono now);
void store_free(struct store *s);
void store_on_link(struct store *s, enum role peer, bool up, struct mono now);
void store_on_message(struct store *s, const struct msg *m, struct mono now);
void store_run(struct store *s, struct mono now);
struct mono store_deadline(const struct store *s, struct mono now);

enum { UPLOADS_MAX = 16, IMAGE_FILES = 128 };

static char dir[64], log_dir[80];
static struct store *store;
static struct mono now;
static struct enrolled us;
static uint64_t captures;
static unsigned durable, incidents[32];
/* at hub-coap, not yet at the clinic */
static struct msg_batch uploads[UPLOADS_MAX];
static size_t upload_count;
static unsigned carried; /* batches with a checkpoint */
static int said;	 /* of the last of them, enum witness */
static uint8_t seal_public[X25519_LEN];

/* --- a hub without its peers ------------------------------------------------------------ */

static int on_send(void *arg, enum role to, const struct msg *m)
{
	(void)arg;
	if (to == ROLE_BLE && m->kind == MSG_DURABLE)
		durable += m->durable.durable;
	if (to == ROLE_HUBD && m->kind == MSG_INCIDENT)
		incidents[m->incident.what] += m->incident.count;
	if (to == ROLE_COAP && m->kind == MSG_UPLOAD) {
		CHECK(upload_count < UPLOADS_MAX);
		uploads[upload_count++] = m->batch;
	}
	return 0;
}

static void run(void)
{
	store_run(store, now);
}

/* As main.c does: at each deadline. */
static void wait_ms(uint64_t ms)
{
	struct mono end = mono_add(now, ms);

	for (unsigned turns = 0; now.ms < end.ms; turns++) {
		struct mono next = store_deadline(store, now);

		CHECK(turns < ms / 50 + 1000); /* no busy loop */
		if (next.ms > end.ms)
			next = end;
		now.ms = next.ms > now.ms ? next.ms : now.ms + 1;
		run();
	}
}

static void tell(const struct msg *m)
{
	store_on_message(store, m, now);
	run();
}

static struct msg config(uint8_t level, bool share)
{
	struct msg m = { .kind = MSG_STORE_CONFIG,
			 .store_config = { .epoch = us.epoch,
					   .assignment = 4,
					   .seal_key_id = 1,
					   .level = level,
					   .has_share = share,
					   .share = { 77 } } };

	memcpy(m.store_config.hub, us.hub, HUB_ID_LEN);
	memcpy(m.store_config.seal_public, seal_public, sizeof(seal_public));
	if (!share)
		memset(m.store_config.share, 0, sizeof(m.store_config.share));
	return m;
}

static void configure(uint8_t level, bool share)
{
	struct msg m = config(level, share);

	tell(&m);
}

static void measure(unsigned n)
{
	while (n-- > 0) {
		struct msg m = {
			.kind = MSG_RAW,
			.raw = { .instance = 5,
				 .capture = ++captures,
				 .assignment = 4,
				 .kind = READING_BLOOD_PRESSURE,
				 .characteristic = 0x2a35,
				 .peripheral = { 1, { 1, 2, 3, 4, 5, 6 }, ADDR_PUBLIC },
				 .raw_len = 17 }
		};

		tell(&m);
	}
	wait_ms(1100); /* without DECODED the raw bytes go alone */
}

/* hub-coap asks for so many batches, and the clinic answers them. */
static void upload(uint8_t credits, bool heartbeat)
{
	struct msg m = { .kind = MSG_WANT,
			 .want = { .batches = credits, .heartbeat = heartbeat } };

	tell(&m);
	while (upload_count) { /* an answer may bring the next batch */
		struct msg_batch b = uploads[0];

		memmove(uploads, uploads + 1, --upload_count * sizeof(b));
		m = (struct msg){ .kind = MSG_ACK, .ack = { .batch = b.id } };
		m.ack.reply = clinic_upload(&us, b.bytes, b.len);
		if (clinic_said() != WITNESS_NONE) {
			carried++;
			said = clinic_said();
		}
		tell(&m);
	}
}

static void start_store(void)
{
	const struct store_host host = { NULL, on_send };

	upload_count = 0;
	store = store_new(dir, &host, now);
	CHECK(store);
	store_on_link(store, ROLE_BLE, true, now);
	store_on_link(store, ROLE_COAP, true, now);
	store_on_link(store, ROLE_HUBD, true, now);
	run();
}

static void stop_store(void)
{
	store_free(store);
	store = NULL;
}

static void give_keys(const struct enrolled *e, bool audit)
{
	CHECK_INT(file_replace(dir, "sign.key", e->sign_private, P256_PRIVATE_LEN), 0);
	if (audit)
		CHECK_INT(file_replace(dir, "audit.key", e->key0, KEY_LEN), 0);
}

static void make_hub(bool audit)
{
	uint8_t private[X25519_LEN];

	CHECK_INT(crypto_init(), 0);
	temp_dir_make(dir, sizeof(dir));
	(void)snprintf(log_dir, sizeof(log_dir), "%s/audit", dir);
	clinic_enrol(&us);
	clinic_start();
	clinic_add(&us);
	x25519_generate(private, seal_public);
	give_keys(&us, audit);
	now.ms = 10000;
	captures = durable = carried = 0;
	said = WITNESS_NONE;
	memset(incidents, 0, sizeof(incidents));
}

static void remove_folder(const char *name)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	temp_dir_remove(path);
}

static void remove_hub(void)
{
	if (store)
		stop_store();
	remove_folder("audit");
	remove_folder("audit.1");
	temp_dir_remove(dir);
	clinic_stop();
}

/* --- the log at the clinic --------------------------------------------------------------- */

static struct clinic_log book;

static void read_log(void)
{
	clinic_verify(&us, log_dir, &book);
}

static void whole(void)
{
	read_log();
	if (book.verdict.result != AUDIT_LOG_WHOLE)
		fprintf(stderr, "fault: %s, record %llu\n",
			audit_fault_text(book.verdict.fault),
			(unsigned long long)book.verdict.number);
	CHECK_INT(book.verdict.result, AUDIT_LOG_WHOLE);
}

static void slots(struct slots *ret)
{
	uint8_t buf[SLOTS_BYTES_MAX];
	size_t covered;
	int n = file_read(dir, "slots-a", buf, sizeof(buf));

	CHECK(n > 0);
	CHECK_INT(slots_decode(buf, (size_t)n, ret, &covered), 0);
}

/* --- cases --------------------------------------------------------------------------------- */

/* Key 0 is taken, the log begins when it is known whose it is, and goes on without hubd the next time. */
static void test_life(void)
{
	struct slots s;

	make_hub(true);
	start_store();
	CHECK(!file_exists(dir, "audit.key"));
	CHECK(!file_exists(dir, "audit"));
	slots(&s);
	CHECK(slots_find(&s, SLOT_AUDIT_FIRST, 0));
	configure(0, true);
	wait_ms(1100);
	slots(&s);
	CHECK(!slots_find(&s, SLOT_AUDIT_FIRST, 0) && slots_find(&s, SLOT_AUDIT, 0));
	whole();
	CHECK_UINT(book.count[AUDIT_START], 1);
	CHECK_UINT(book.count[AUDIT_UNCLEAN], 0);
	CHECK_UINT(book.count[AUDIT_KEY_LOAD], 2); /* root secret, sign.key */
	CHECK_UINT(book.count[AUDIT_STATE_OPENED], 1);
	CHECK_UINT(book.count[AUDIT_CONFIG_CHANGE], 1);
	CHECK_STR(book.last[AUDIT_CONFIG_CHANGE].detail,
		  "at start: level 0, assignment 4, sealing key 1");
	CHECK_UINT(book.count[AUDIT_STOP], 0);
	stop_store();
	whole();
	CHECK_UINT(book.count[AUDIT_STOP], 1);
	start_store(); /* no word of hubd: the queue knows whose it is */
	whole();
	CHECK_UINT(book.count[AUDIT_START], 2);
	CHECK_UINT(book.count[AUDIT_UNCLEAN], 0);
	wait_ms(1100);
	whole();
	CHECK_UINT(book.count[AUDIT_KEY_LOAD], 3);
	CHECK_STR(book.last[AUDIT_KEY_LOAD].detail, "root secret: file");
	CHECK_UINT(book.count[AUDIT_CONFIG_CHANGE], 1);
	CHECK_UINT(incidents[INCIDENT_STORAGE] + incidents[INCIDENT_ROLLBACK], 0);
	remove_hub();
}

/* Without audit.key readings go on as ever, and there is no log. */
static void test_older_hub(void)
{
	make_hub(false);
	start_store();
	configure(0, true);
	measure(3);
	upload(2, true);
	CHECK_UINT(durable, 3);
	CHECK_UINT(carried, 0);
	CHECK(!file_exists(dir, "audit"));
	wait_ms(3600 * 1000);
	stop_store();
	give_keys(&us, true); /* the clinic has made one since */
	start_store();
	configure(0, true);
	measure(1);
	wait_ms(1100);
	whole();
	CHECK_UINT(durable, 4);
	remove_hub();
}

/* A log that cannot be written is no reason to refuse a reading. */
static void test_no_log_no_matter(void)
{
	make_hub(true);
	CHECK_INT(file_replace(dir, "audit", (const uint8_t *)"x", 1), 0);
	start_store();
	configure(0, true);
	measure(3);
	CHECK_UINT(durable, 3);
	wait_ms(120000);
	CHECK_INT(file_remove(dir, "audit"), 0);
	wait_ms(61000); /* tried again by itself */
	measure(1);
	CHECK_UINT(durable, 4);
	whole();
	CHECK_UINT(book.count[AUDIT_START], 1);
	remove_hub();
}

/* One record for many replies, at most one sync a second, and the range is what was acknowledged. */
static void test_uploads(void)
{
	uint64_t before;

	make_hub(true);
	start_store();
	configure(0, true);
	measure(40);
	CHECK_UINT(durable, 40);
	whole();
	before = book.verdict.last;
	upload(12, false);
	wait_ms(900);
	whole();
	CHECK_UINT(book.verdict.last, before); /* not yet */
	wait_ms(200);
	whole();
	CHECK_UINT(book.count[AUDIT_UPLOAD_ACKED], 1);
	CHECK_UINT(book.last[AUDIT_UPLOAD_ACKED].a, 1);
	CHECK_UINT(book.last[AUDIT_UPLOAD_ACKED].b, 40);
	CHECK_STR(book.last[AUDIT_UPLOAD_ACKED].detail, "count=40");
	CHECK_INT(book.last[AUDIT_UPLOAD_ACKED].agent, AUDIT_AGENT_CLINIC);
	measure(2);
	upload(1, false);
	stop_store(); /* what was not written yet is written at the end */
	whole();
	CHECK_UINT(book.count[AUDIT_UPLOAD_ACKED], 2);
	CHECK_UINT(book.last[AUDIT_UPLOAD_ACKED].a, 41);
	CHECK_UINT(book.last[AUDIT_UPLOAD_ACKED].b, 42);
	remove_hub();
}

/* The newest checkpoint rides until there is a receipt, which is a record itself and asks for nothing new. */
static void test_checkpoint_and_receipt(void)
{
	make_hub(true);
	start_store();
	configure(0, true);
	upload(1, true);
	CHECK_UINT(carried, 1);
	CHECK_INT(said, WITNESS_STORED);
	CHECK(clinic_witnessed(&us) > 0);
	upload(1, true);
	CHECK_UINT(carried, 1);
	wait_ms(1100);
	whole();
	CHECK_UINT(book.count[AUDIT_RECEIPT], 1);
	CHECK_UINT(book.last[AUDIT_RECEIPT].a, clinic_witnessed(&us));
	for (int i = 0; i < 24; i++) { /* two quiet hours, calls every five minutes */
		wait_ms(5 * 60 * 1000);
		upload(1, true);
	}
	/* of the start's events there was one more */
	CHECK_UINT(carried, 2);
	measure(1);
	upload(1, true);
	wait_ms(6 * 60 * 1000);
	upload(1, true);
	CHECK_UINT(carried, 3);
	wait_ms(1100);
	whole();
	CHECK_UINT(book.count[AUDIT_RECEIPT], 3);
	CHECK_UINT(book.verdict.witnessed, clinic_witnessed(&us));
	remove_hub();
}

/* Level and the closing of state.db are in the log, under a checkpoint, before the message is dealt with. */
static void test_lock(void)
{
	struct msg m;

	make_hub(true);
	start_store();
	configure(0, true);
	wait_ms(1100);
	m = config(2, false);
	store_on_message(store, &m, now); /* no run: nothing else may write it */
	whole();
	CHECK_UINT(book.count[AUDIT_LEVEL], 1);
	CHECK_UINT(book.last[AUDIT_LEVEL].a, 0);
	CHECK_UINT(book.last[AUDIT_LEVEL].b, 2);
	CHECK_UINT(book.count[AUDIT_STATE_CLOSED], 1);
	CHECK_UINT(book.number[AUDIT_CHECKPOINT], book.verdict.last);
	run();
	measure(2); /* the queue goes on */
	CHECK_UINT(durable, 2);
	upload(1, false); /* number 1 goes without anything beside it */
	upload(1, true);
	CHECK_INT(said, WITNESS_STORED);
	configure(2, false); /* the same once more is nothing new */
	wait_ms(1100);
	whole();
	CHECK_UINT(book.count[AUDIT_LEVEL], 1);
	configure(0, true);
	whole();
	CHECK_UINT(book.count[AUDIT_LEVEL], 2);
	CHECK_UINT(book.last[AUDIT_LEVEL].b, 0);
	CHECK_UINT(book.count[AUDIT_STATE_OPENED], 2);
	m = config(0, true);
	m.store_config.assignment = 9;
	tell(&m);
	wait_ms(1100);
	whole();
	CHECK_UINT(book.count[AUDIT_CONFIG_CHANGE], 2);
	CHECK_STR(book.last[AUDIT_CONFIG_CHANGE].detail, "assignment 9, sealing key 1");
	remove_hub();
}

/* A kill at any moment: the log is whole, says that there was no end, and holds all that was said to be durable. */
static void test_kill(void)
{
	make_hub(true);
	for (int life = 0; life < 6; life++) {
		pid_t pid = fork();
		int status;

		CHECK(pid >= 0);
		if (pid == 0) {
			start_store();
			configure(life % 2 ? 2 : 0, life % 2 == 0);
			measure(1 + (unsigned)life);
			wait_ms((uint64_t)life * 700);
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
		whole();
		CHECK_UINT(book.count[AUDIT_START], (unsigned)life + 1);
		CHECK_UINT(book.count[AUDIT_UNCLEAN], (unsigned)life);
		CHECK_UINT(book.count[AUDIT_STOP], 0);
		now.ms += 100000;
	}
	start_store();
	whole();
	CHECK_UINT(book.count[AUDIT_UNCLEAN], 6);
	CHECK_UINT(incidents[INCIDENT_STORAGE] + incidents[INCIDENT_ROLLBACK], 0);
	remove_hub();
}

/* --- a card that was set back --------------------------------------------------------------- */

struct image {
	size_t count;
	struct {
		char name[300];
		uint8_t *bytes; /* owned */
		size_t len;
	} file[IMAGE_FILES];
};

static void take_folder(struct image *im, const char *inner)
{
	char path[200];
	struct dirent *e;
	DIR *d;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, inner);
	d = opendir(path);
	CHECK(d);
	while ((e = readdir(d))) {
		struct stat st;
		int fd = openat(dirfd(d), e->d_name, O_RDONLY);

		CHECK(fd >= 0 && fstat(fd, &st) == 0);
		if (S_ISREG(st.st_mode)) {
			size_t i = im->count++;

			CHECK(i < IMAGE_FILES);
			(void)snprintf(im->file[i].name, sizeof(im->file[i].name), "%s%s",
				       inner, e->d_name);
			im->file[i].len = (size_t)st.st_size;
			im->file[i].bytes = malloc(im->file[i].len + 1);
			CHECK(im->file[i].bytes);
			CHECK_INT(file_read_all(fd, im->file[i].bytes, im->file[i].len),
				  st.st_size);
		}
		close(fd);
	}
	closedir(d);
}

static void put_back(struct image *im)
{
	remove_folder("audit");
	temp_dir_remove(dir);
	CHECK_INT(mkdir(dir, 0700), 0);
	CHECK_INT(mkdir(log_dir, 0700), 0);
	for (size_t i = 0; i < im->count; i++) {
		CHECK_INT(file_replace(dir, im->file[i].name, im->file[i].bytes,
				       im->file[i].len),
			  0);
		free(im->file[i].bytes);
	}
}

/* Everything on the card is as it was some time ago, and fits together. The hub cannot know; the clinic sees it at the
 * first contact, gives no receipt any more, and the log shows it too. */
static void test_card_set_back(void)
{
	struct image im = { 0 };

	make_hub(true);
	start_store();
	configure(0, true);
	measure(3);
	upload(1, false);
	upload(1, true);
	wait_ms(1100);
	stop_store();
	take_folder(&im, "");
	take_folder(&im, "audit/");
	start_store();
	configure(0, true);
	measure(5);
	upload(2, true);
	wait_ms(6 * 60 * 1000);
	upload(1, true);
	CHECK_INT(said, WITNESS_STORED);
	stop_store();
	whole();
	put_back(&im);
	start_store(); /* it finds nothing wrong with itself */
	CHECK_UINT(incidents[INCIDENT_STORAGE] + incidents[INCIDENT_ROLLBACK], 0);
	configure(0, true);
	upload(1, true);
	CHECK_INT(said, WITNESS_OLDER);
	wait_ms(1100);
	read_log();
	CHECK_INT(book.verdict.result, AUDIT_LOG_FAULT);
	CHECK_UINT(book.count[AUDIT_RECEIPT], 1);
	/* not at every call: it would cost 190 octets for nothing */
	carried = 0;
	upload(1, true);
	CHECK_UINT(carried, 0);
	wait_ms(11 * 60 * 1000);
	upload(1, true);
	CHECK_UINT(carried, 1);
	CHECK_INT(said, WITNESS_DISTRUSTED);
	measure(1);
	CHECK_UINT(durable, 9);
	remove_hub();
}

/* --- another enrolment ------------------------------------------------------------------------ */

static void test_bundle_again(void)
{
	struct slots s;

	make_hub(true);
	start_store();
	configure(0, true);
	wait_ms(1100);
	stop_store();
	give_keys(&us, true); /* the same files once more */
	start_store();
	slots(&s);
	CHECK(slots_find(&s, SLOT_AUDIT_FIRST, 0));
	configure(0, true);
	wait_ms(1100);
	slots(&s);
	CHECK(!slots_find(&s, SLOT_AUDIT_FIRST, 0));
	CHECK(!file_exists(dir, "audit.1"));
	whole();
	CHECK_UINT(book.count[AUDIT_START], 2);
	remove_hub();
}

static void test_enrolled_anew(void)
{
	struct enrolled old;
	char aside[96];

	make_hub(true);
	start_store();
	configure(0, true);
	wait_ms(1100);
	stop_store();
	old = us;
	(void)snprintf(aside, sizeof(aside), "%s/audit.1", dir);
	clinic_enrol(&us);
	clinic_add(&us);
	/* without the new key: the old log is left alone, readings are not */
	CHECK_INT(file_replace(dir, "sign.key", us.sign_private, P256_PRIVATE_LEN), 0);
	CHECK_INT(file_remove(dir, "queue-1.db"), 0);
	(void)file_remove(dir, "queue-1.db-wal");
	start_store();
	configure(0, true);
	measure(1);
	CHECK_UINT(durable, 1);
	CHECK(!file_exists(dir, "audit.1"));
	stop_store();
	give_keys(&us, true);
	start_store();
	configure(0, true);
	wait_ms(1100);
	whole();
	CHECK_UINT(book.count[AUDIT_START], 1);
	clinic_verify(&old, aside, &book);
	CHECK_INT(book.verdict.result, AUDIT_LOG_WHOLE);
	CHECK_UINT(book.count[AUDIT_STOP], 1);
	upload(1, false);
	upload(1, true);
	CHECK_INT(said, WITNESS_STORED);
	remove_hub();
}

/* --- what it costs ------------------------------------------------------------------------------ */

/* A day without a reading, calls every five minutes; then one with thirty. */
static void test_wear(void)
{
	struct slots before, after;

	make_hub(true);
	start_store();
	configure(0, true);
	wait_ms(20 * 60 * 1000);
	for (int day = 0; day < 2; day++) {
		slots(&before);
		for (int i = 0; i < 288; i++) {
			if (day && i % 9 == 0)
				measure(1);
			upload(1, true);
			wait_ms(5 * 60 * 1000);
		}
		slots(&after);
		fprintf(stderr, "slots were written %llu times on day %d\n",
			(unsigned long long)(after.generation - before.generation), day);
		CHECK(after.generation - before.generation <= (day ? 160 : 30));
	}
	whole();
	remove_hub();
}

int main(int argc, char **argv)
{
	static test_fn *const tests[] = {
		test_life,
		test_older_hub,
		test_no_log_no_matter,
		test_uploads,
		test_checkpoint_and_receipt,
		test_lock,
		test_kill,
		test_card_set_back,
		test_bundle_again,
		test_enrolled_anew,
		test_wear,
	};

	return test_main(argc, argv, "store_audit", tests, "",
			 sizeof(tests) / sizeof(*tests));
}
