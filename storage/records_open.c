/*
 * records_open.c - which files there are, and how one becomes another; see records.h.
 *
 * Which segments exist is known from their keys: a key is made before its file and erased after it. A file is named
 * aside before its WAL is, and a WAL that was left behind follows at the next start: the other order could open
 * the file without the commits in its WAL, and nobody would see it.
 */
#include "storage/records_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hub/crypto/crypto.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"
#include "storage/page_file.h"

enum {
	OPEN_TRIES = 3,
	/* More than a hub can have numbered: where counting goes on if nothing tells how far it was. */
	FAR_AHEAD = 1 << 24,
};

struct records *records_new(const char *dir, uint32_t pages_max,
			    const struct records_host *host)
{
	struct records *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->host = *host;
	r->quota = pages_max ? pages_max : QUEUE_PAGES_MAX;
	(void)snprintf(r->dir, sizeof(r->dir), "%s", dir);
	return r;
}

void records_free(struct records *r)
{
	if (!r)
		return;
	records_close(r);
	spool_close(r->spool);
	free(r);
}

void records_close(struct records *r)
{
	records_stop_salvage(r);
	r->contig = records_contig(r);
	for (size_t i = 0; i < r->count; i++)
		queue_close(r->at[i].queue);
	r->count = 0;
	r->keys = NULL;
	r->caught_up = false;
}

/* --- names -------------------------------------------------------------------------- */

uint32_t records_place(uint32_t number)
{
	return number % RECORDS_SALVAGE_BASE;
}

void records_name(uint32_t number, const char *suffix,
		  char ret[static RECORDS_NAME_BYTES])
{
	(void)snprintf(ret, RECORDS_NAME_BYTES, QUEUE_FILE_OF "%s", number, suffix);
}

bool records_file_exists(const struct records *r, uint32_t number, const char *suffix)
{
	char name[RECORDS_NAME_BYTES];

	records_name(number, suffix, name);
	return file_exists(r->dir, name);
}

bool records_file_is_gone(const struct records *r, uint32_t number, const char *suffix)
{
	char name[RECORDS_NAME_BYTES];

	records_name(number, suffix, name);
	return file_is_gone(r->dir, name);
}

/* Slots for keys are few: the one of a damaged segment that was read to the end goes first. */
static int free_slot(struct records *r)
{
	uint32_t numbers[SLOTS_MAX];
	size_t count = keys_segments(r->keys, numbers);

	for (size_t i = 0; i < count; i++)
		if (records_file_exists(r, numbers[i], ".salvaged"))
			return keys_drop(r->keys, numbers[i]);
	return -ENOSPC;
}

static int rename_file(const struct records *r, uint32_t number, const char *from,
		       const char *to)
{
	char old[RECORDS_NAME_BYTES], new[RECORDS_NAME_BYTES];

	records_name(number, from, old);
	records_name(number, to, new);
	return file_rename(r->dir, old, new);
}

/* A segment's file and its WAL get another name, durably. Done again it does what was left. */
int records_rename(const struct records *r, uint32_t number, const char *from,
		   const char *to)
{
	char from_wal[16], to_wal[16];
	int err = records_file_is_gone(r, number, from)
			  ? 0
			  : rename_file(r, number, from, to);

	(void)snprintf(from_wal, sizeof(from_wal), "%s-wal", from);
	(void)snprintf(to_wal, sizeof(to_wal), "%s-wal", to);
	if (err == 0 && !records_file_is_gone(r, number, from_wal))
		err = rename_file(r, number, from_wal, to_wal);
	return err;
}

static int remove_pair(const struct records *r, uint32_t number)
{
	char name[RECORDS_NAME_BYTES];
	int err;

	records_name(number, "", name);
	err = file_remove(r->dir, name);
	records_name(number, "-wal", name);
	return err ? err : file_remove(r->dir, name);
}

/* An empty file beside a WAL that is not: the library would throw the WAL away. */
static bool is_cut_off(const struct records *r, uint32_t number)
{
	char name[RECORDS_NAME_BYTES], path[RECORDS_DIR_BYTES + RECORDS_NAME_BYTES];
	struct stat file, wal;

	records_name(number, "", name);
	(void)snprintf(path, sizeof(path), "%s/%s", r->dir, name);
	if (stat(path, &file) || file.st_size > 0)
		return false;
	records_name(number, "-wal", name);
	(void)snprintf(path, sizeof(path), "%s/%s", r->dir, name);
	return stat(path, &wal) == 0 && wal.st_size > 0;
}

/* --- one segment -------------------------------------------------------------------- */

static size_t find(const struct records *r, uint32_t number)
{
	size_t i = 0;

	while (i < r->count && r->at[i].number != number)
		i++;
	return i;
}

static void take_piece(struct records *r, uint32_t number, struct queue *q)
{
	size_t i = r->count++;

	for (; i > 0 && records_place(r->at[i - 1].number) > records_place(number); i--)
		r->at[i] = r->at[i - 1];
	r->at[i] = (struct piece){ number, q };
	queue_set_day(q, r->day);
}

void records_drop_piece(struct records *r, size_t index)
{
	queue_close(r->at[index].queue);
	r->count--;
	memmove(&r->at[index], &r->at[index + 1], (r->count - index) * sizeof(r->at[0]));
}

/* The library ends a WAL at the first frame that does not read, and says nothing of those behind it. */
static struct page_file_wal look_at_wal(const struct records *r, uint32_t number,
					const struct db_key *key)
{
	char name[RECORDS_NAME_BYTES], path[RECORDS_DIR_BYTES + RECORDS_NAME_BYTES];
	struct page_file_wal wal = { 0 };
	struct page_file *f;

	records_name(number, "", name);
	(void)snprintf(path, sizeof(path), "%s/%s", r->dir, name);
	if (page_file_open(path, key, &f))
		return wal; /* what is wrong shows when it is opened */
	wal = page_file_wal(f);
	page_file_close(f);
	return wal;
}

/* The number of the newest segment that there is a file of, whatever state it is in; 0: none. */
static uint32_t highest_number(const struct records *r)
{
	uint32_t numbers[SLOTS_MAX], top = 0;
	size_t count = keys_segments(r->keys, numbers);

	for (size_t i = 0; i < count; i++)
		if (numbers[i] < RECORDS_SALVAGE_BASE)
			top = numbers[i];
	return top;
}

int records_open_piece(struct records *r, uint32_t number, bool make)
{
	struct page_file_wal wal = { 0 };
	struct queue *q = NULL;
	struct db_key key;
	int err;

	if (r->count == RECORDS_SEGMENTS_MAX)
		return -ENOSPC;
	err = keys_queue(r->keys, number, make, &key);
	if (err == -ENOSPC && free_slot(r) == 0)
		err = keys_queue(r->keys, number, make, &key);
	if (err)
		return err;
	if (make)
		FAILPOINT("store.segment.keyed");
	if (!make)
		wal = look_at_wal(r, number, &key);
	if (is_cut_off(r, number) || wal.behind >= 2)
		err = -EBADMSG;
	else
		err = queue_open(r->dir, number, &key, r->quota, &q);
	crypto_wipe(&key, sizeof(key));
	if (err == 0) {
		take_piece(r, number, q);
		r->doubtful |= wal.doubtful && number == highest_number(r);
	}
	return err;
}

/* Numbers that no segment has, and none that is still to be read may have, are lost: they are told as that. */
static int begin_at(struct records *r, size_t index)
{
	uint64_t spooled = r->spooling ? records_spool_first(r) : 0;
	struct queue_begin b = { .epoch = r->epoch,
				 .assignment = r->assignment,
				 .next = spooled ? spooled : r->next };
	int err;

	memcpy(b.hub, r->hub, HUB_ID_LEN);
	if (index > 0)
		b.window = *queue_window(r->at[index - 1].queue);
	if (index > 0 && !r->no_note && r->at[index - 1].number < RECORDS_SALVAGE_BASE)
		b.note_len = queue_note(r->at[index - 1].queue, &b.note);
	b.first = index > 0 ? queue_next_seq(r->at[index - 1].queue) : 1;
	if (b.first > b.next || records_find_damaged(r))
		b.first = b.next;
	/* behind an open segment it is a segment whose making was cut off: its numbers were only reserved */
	b.cause = index > 0 ? TOMBSTONE_SKIPPED : TOMBSTONE_DAMAGED;
	err = queue_begin(r->at[index].queue, &b);
	if (err)
		return err;
	FAILPOINT("store.segment.begun");
	records_tell(r, RECORDS_SEGMENT_BEGUN, r->at[index].number, 0, b.first, 0);
	if (b.first < b.next && b.cause == TOMBSTONE_SKIPPED)
		records_tell(r, RECORDS_SKIPPED, 0, 0, b.first, b.next - 1);
	else if (b.first < b.next) {
		records_tell(r, RECORDS_LOST, r->at[index].number, 0, b.first,
			     b.next - 1);
		records_tell(r, RECORDS_SALVAGED, r->at[index].number, 0, 0,
			     b.next - b.first);
	}
	return 0;
}

int records_begin_segment(struct records *r)
{
	int err = records_open_piece(r, highest_number(r) + 1, true);

	if (err)
		return err;
	FAILPOINT("store.segment.made");
	err = begin_at(r, r->count - 1);
	if (err)
		records_drop_piece(r, r->count - 1);
	return err;
}

static int name_aside(struct records *r, uint32_t number, int err)
{
	int failed = records_rename(r, number, "", ".aside");

	if (failed == 0)
		records_tell(r, RECORDS_SEGMENT_ASIDE, number, err, 0, 0);
	return failed;
}

int records_set_aside(struct records *r, size_t index, int err)
{
	uint32_t number = r->at[index].number;
	bool newest = index + 1 == r->count;
	int failed;

	records_drop_piece(r, index);
	failed = name_aside(r, number, err);
	if (failed == 0)
		FAILPOINT("store.segment.aside");
	if (failed == 0 && newest)
		failed = records_begin_segment(r);
	if (failed)
		records_close(r); /* an older segment must not take new numbers */
	return failed;
}

/* --- all of them -------------------------------------------------------------------- */

static int open_existing(struct records *r, uint32_t number)
{
	int err = records_open_piece(r, number, false);

	if (err == -EIO && ++r->open_failures < OPEN_TRIES)
		return err;
	if (err == 0)
		r->open_failures = 0;
	if (err == -EIO || err == -EBADMSG)
		err = name_aside(r, number, err);
	return err;
}

/* Named aside without syncs, on a failing disk, a power cut may have left the WAL's new name and the file's old one. */
static int put_wal_back(const struct records *r, uint32_t number)
{
	if (!records_file_exists(r, number, "") ||
	    !records_file_is_gone(r, number, ".aside") ||
	    !records_file_is_gone(r, number, "-wal") ||
	    !records_file_exists(r, number, ".aside-wal"))
		return 0;
	return rename_file(r, number, ".aside-wal", "-wal");
}

/* Its file was removed, and then the power went. A key that is dropped too early is the end of its readings. */
static int drop_left_key(struct records *r, uint32_t number)
{
	if (!records_file_is_gone(r, number, "") ||
	    !records_file_is_gone(r, number, ".aside") ||
	    !records_file_is_gone(r, number, ".salvaged"))
		return -EIO;
	return keys_drop(r->keys, number);
}

static int open_segments(struct records *r)
{
	uint32_t numbers[SLOTS_MAX];
	size_t count = keys_segments(r->keys, numbers);
	int err = 0;

	if (count == 0 && records_file_exists(r, 1, ""))
		return -ENOENT;
	for (size_t i = 0; i < count && err == 0; i++) {
		uint32_t n = numbers[i];

		if (find(r, n) < r->count)
			continue;
		err = put_wal_back(r, n);
		if (err)
			break;
		if (records_file_exists(r, n, ""))
			err = open_existing(r, n);
		else if (records_file_exists(r, n, ".aside"))
			err = records_rename(r, n, "", ".aside"); /* its WAL */
		else if (!records_file_exists(r, n, ".salvaged"))
			err = drop_left_key(r, n);
	}
	return err;
}

static void learn_owner(struct records *r)
{
	const struct spool_owner *of = r->spool ? spool_owner_of(r->spool) : NULL;

	for (size_t i = 0; i < r->count && !r->owned; i++)
		r->owned = queue_owner(r->at[i].queue, r->hub, &r->epoch);
	if (!r->owned && of) {
		memcpy(r->hub, of->hub, HUB_ID_LEN);
		r->epoch = of->epoch;
		r->owned = true;
	}
	if (r->owned && r->assignment == 0 && records_newest(r))
		r->assignment = queue_assignment(records_newest(r));
}

static void open_seq(struct records *r)
{
	int err;

	if (r->seq_open || !r->owned)
		return;
	err = seqblock_open(r->dir, r->hub, r->epoch, &r->seq);
	/* of an enrolment before, whose queue is not here any more: this one counts from 1 */
	if (err == -EACCES && file_remove(r->dir, SEQBLOCK_FILE) == 0)
		err = seqblock_open(r->dir, r->hub, r->epoch, &r->seq);
	r->seq_open = err == 0 || err == -ENOENT || err == -EBADMSG;
	if (err && err != -ENOENT && !r->seq_failed) {
		r->seq_failed = true;
		records_tell(r, RECORDS_SEQ_FAULT, 0, err, 0, 0);
	}
}

static bool knows_last(const struct records *r)
{
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;

	return (r->spooling && records_spool_is_sound(r)) ||
	       (r->keys && r->count && !r->doubtful &&
		r->at[r->count - 1].number == highest_number(r) &&
		queue_owner(r->at[r->count - 1].queue, hub, &epoch));
}

/* Where counting goes on. Known if the newest segment is open and whole to its end, or the spool holds what came after
 * it; else behind the reserved block; else far ahead. A guess that was not used is forgotten when it becomes known. */
static void find_next(struct records *r)
{
	uint64_t next = r->next && !r->guessed ? r->next : 1;
	/* a spool of which a part does not read may have held more */
	bool known = (r->next && !r->guessed) || knows_last(r);

	if (!r->owned)
		return;
	for (size_t i = 0; i < r->count; i++)
		if (queue_next_seq(r->at[i].queue) > next)
			next = queue_next_seq(r->at[i].queue);
	if (r->spool && spool_highest(r->spool) >= next)
		next = spool_highest(r->spool) + 1;
	if (!known && r->seq_open && r->seq.end > 0)
		next = r->seq.end >= next ? r->seq.end + 1 : next;
	else if (!known && !r->seq_open)
		next = 0; /* it is there and cannot be read: not without it */
	else if (!known && r->seq_failed)
		next += FAR_AHEAD; /* without that file nothing was numbered yet; this one does not read */
	r->guessed = !known;
	r->next = next;
}

/* The newest segment learns of the numbers that the spool had and the clinic has, and of a doubtful end: that is written
 * down before anything else, for what was the sign of it is gone once the segment was open. */
static int settle_numbers(struct records *r)
{
	int err = 0;

	if (!r->spooling && (!r->guessed || r->doubtful))
		err = records_mend(r, r->count - 1, records_pass_over(r, r->next - 1));
	if (err)
		return err;
	if (r->doubtful)
		r->guessed = false;
	r->doubtful = false;
	return 0;
}

/* Once it is known whose records these are: there is a segment for new ones, and the next number. */
static int make_ready(struct records *r)
{
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
	int err = 0;

	open_seq(r);
	find_next(r);
	if (!r->keys || !r->owned)
		return 0;
	if (r->next == 0)
		return -EIO;
	if (!records_newest(r) || r->at[r->count - 1].number != highest_number(r))
		err = records_begin_segment(r);
	else if (!queue_owner(records_newest(r), hub, &epoch))
		/* its making was cut off, or it was emptied */
		err = records_mend(r, r->count - 1, begin_at(r, r->count - 1));
	if (err == 0)
		err = settle_numbers(r);
	if (err == 0)
		records_reserve(r, 1); /* from now on there is a block to go on behind */
	if (err == 0 && !r->caught_up)
		err = records_catch_up(r);
	r->caught_up = err == 0;
	return err;
}

int records_open(struct records *r, struct keys *keys)
{
	int err;

	records_open_spool(r);
	r->keys = keys;
	err = keys ? open_segments(r) : -ENOKEY;
	if (err == 0) {
		learn_owner(r);
		err = make_ready(r);
	}
	/* what was found to be damaged has left */
	for (int tries = 0; tries < RECORDS_SEGMENTS_MAX && err == -EAGAIN; tries++)
		err = make_ready(r);
	if (err) {
		records_close(r);
		learn_owner(r);
		(void)make_ready(r); /* without a queue it has no error */
	}
	return err;
}

static bool is_foreign(const struct records *r, const uint8_t hub[static HUB_ID_LEN],
		       uint32_t epoch)
{
	return r->owned && (memcmp(r->hub, hub, HUB_ID_LEN) != 0 || r->epoch != epoch);
}

int records_set_owner(struct records *r, const uint8_t hub[static HUB_ID_LEN],
		      uint32_t epoch, uint32_t assignment)
{
	int err;

	if (is_foreign(r, hub, epoch))
		return -EACCES;
	memcpy(r->hub, hub, HUB_ID_LEN);
	r->epoch = epoch;
	r->owned = true;
	r->assignment = assignment;
	records_open_spool(r);
	err = make_ready(r);
	if (err || !records_has_queue(r))
		return err;
	err = queue_set_owner(records_newest(r), hub, epoch, assignment);
	if (err == 0 && queue_assignment(records_newest(r)) != assignment)
		err = records_rotate(r);
	return err;
}

int records_rotate(struct records *r)
{
	struct queue *q = records_newest(r);
	int err;

	if (!q || !r->keys || r->spooling || r->count >= RECORDS_ROTATE_MAX ||
	    queue_next_seq(q) == queue_first(q))
		return 0;
	err = records_begin_segment(r);
	if (err)
		records_tell(r, RECORDS_ROTATE_FAILED, 0, err, 0, 0);
	return err;
}

int records_on_rollback(struct records *r, uint64_t top)
{
	uint64_t here = records_highest(r);
	int err = 0;

	if (top <= here)
		return 0;
	if (top - here > FAR_AHEAD)
		return -ERANGE;
	if (!records_has_queue(r) || r->spooling)
		return -EAGAIN;
	for (size_t i = 0; i < r->count && err == 0; i++)
		err = queue_doubt(r->at[i].queue);
	if (err)
		return err;
	records_tell(r, RECORDS_ROLLED_BACK, 0, 0, here, top);
	err = queue_pass(records_newest(r), top, CLASS_NONE, TOMBSTONE_NONE);
	if (err)
		return err;
	r->next = top + 1;
	records_reserve(r, 1);
	r->no_note = true;
	err = records_rotate(r);
	r->no_note = false;
	return err;
}

/* --- what waits ---------------------------------------------------------------------- */

/* A drained segment goes; what the clinic has refused moves on first. */
static int retire(struct records *r, size_t i)
{
	uint32_t number = r->at[i].number;
	int err = queue_move_refused(r->at[i].queue, records_newest(r));

	if (err)
		return err;
	FAILPOINT("store.segment.drained");
	records_drop_piece(r, i);
	err = remove_pair(r, number);
	if (err)
		return err;
	FAILPOINT("store.segment.removed");
	err = keys_drop(r->keys, number);
	if (err == 0)
		records_tell(r, RECORDS_SEGMENT_GONE, number, 0, 0, 0);
	return err;
}

static int retire_one(struct records *r)
{
	for (size_t i = 0; i + 1 < r->count; i++) {
		int err;

		if (!queue_is_drained(r->at[i].queue))
			continue;
		err = retire(r, i);
		return err ? records_mend(r, r->count - 1, err) : 1;
	}
	return 0;
}

int records_step(struct records *r)
{
	const struct queue *q = records_newest(r);
	int err;

	if (!r->keys || !q)
		return 0;
	if (r->spooling)
		return records_move_step(r);
	if (queue_next_seq(q) - queue_first(q) >= RECORDS_SEGMENT_MAX)
		(void)records_rotate(r); /* told there; it goes on with the open one */
	err = records_salvage_step(r);
	if (err == 0)
		err = retire_one(r);
	return err || !r->spool ? err : spool_tidy(r->spool);
}
