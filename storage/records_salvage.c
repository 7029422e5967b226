/*
 * records_salvage.c - what can be read of a segment that was set aside goes into a new one that takes its place among
 * the numbers; what cannot becomes tombstones. See records.h, salvage.h.
 *
 * The new segment itself says how far it has come: after a cut it goes on behind its last number. When all is told the
 * damaged file is only renamed; it stays for a person.
 */
#include "storage/records_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/crypto/crypto.h"
#include "hub/rt/failpoint.h"

/* Of opening a damaged file, two seconds apart: then none of what it holds is waited for any longer, for a resync waits, too. It
 * stays where it is, for a person. */
enum { RESCUE_TRIES = 300 };

void records_stop_salvage(struct records *r)
{
	salvage_close(r->rescue.from);
	r->rescue = (struct rescue){ 0 };
}

uint32_t records_find_damaged(const struct records *r)
{
	uint32_t numbers[SLOTS_MAX];
	size_t count = keys_segments(r->keys, numbers);

	for (size_t i = 0; i < count; i++)
		if (numbers[i] < RECORDS_SALVAGE_BASE &&
		    records_file_exists(r, numbers[i], ".aside"))
			return numbers[i];
	return 0;
}

static size_t target_index(const struct records *r, uint32_t segment)
{
	size_t i = 0;

	while (i < r->count && r->at[i].number != RECORDS_SALVAGE_BASE + segment)
		i++;
	return i;
}

/* With as many segments open as there may be it waits until one is drained: no reading goes to make place for it. */
static bool has_place(const struct records *r, uint32_t segment)
{
	return r->count < RECORDS_SEGMENTS_MAX || target_index(r, segment) < r->count;
}

static struct queue *target_of(const struct records *r)
{
	size_t i = target_index(r, r->rescue.segment);

	return i < r->count ? r->at[i].queue : NULL;
}

/* Between the segments on both sides of it. */
static void find_span(struct records *r, uint32_t segment, uint64_t *first,
		      uint64_t *last)
{
	*first = 1;
	for (size_t i = 0; i < r->count; i++) {
		const struct queue *q = r->at[i].queue;

		if (records_place(r->at[i].number) < segment)
			*first = queue_next_seq(q);
		if (records_place(r->at[i].number) > segment) {
			*last = queue_first(q) - 1;
			return;
		}
	}
}

/* The segment that takes its place: new, or as far as it had come. */
static int open_target(struct records *r, uint64_t first)
{
	uint32_t number = RECORDS_SALVAGE_BASE + r->rescue.segment;
	struct queue_begin b = { .epoch = r->epoch,
				 .assignment = r->assignment,
				 .first = first,
				 .next = first };
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
	int err = target_of(r) ? 0 : records_open_piece(r, number, true);

	if (err || queue_owner(target_of(r), hub, &epoch))
		return err;
	memcpy(b.hub, r->hub, HUB_ID_LEN);
	return queue_begin(target_of(r), &b);
}

static int lose(struct records *r, struct queue *q, uint64_t last,
		enum record_class class)
{
	uint64_t first = queue_next_seq(q);
	int err = queue_pass(q, last, class, TOMBSTONE_DAMAGED);

	if (err == 0)
		records_tell(r, RECORDS_LOST, r->rescue.segment, 0, first, last);
	return err;
}

/* Nothing at all reads: what it may have held is lost. */
static int give_up_all(struct records *r)
{
	struct queue *q = target_of(r);
	uint64_t from = queue_next_seq(q);

	if (from > r->rescue.last)
		return 0;
	r->rescue.lost = r->rescue.last - from + 1;
	return lose(r, q, r->rescue.last, CLASS_NONE);
}

static int open_damaged(struct records *r)
{
	char name[RECORDS_NAME_BYTES], path[RECORDS_DIR_BYTES + RECORDS_NAME_BYTES];
	struct db_key key;
	int err = keys_queue(r->keys, r->rescue.segment, false, &key);

	records_name(r->rescue.segment, ".aside", name);
	(void)snprintf(path, sizeof(path), "%s/%s", r->dir, name);
	if (err == 0)
		err = salvage_open(path, &key, queue_next_seq(target_of(r)),
				   r->rescue.last, &r->rescue.from);
	crypto_wipe(&key, sizeof(key));
	if (err == -EIO && ++r->rescue_failures >= RESCUE_TRIES)
		err = -EKEYREJECTED;
	if (err != -EIO)
		r->rescue_failures = 0;
	return err == -EKEYREJECTED ? give_up_all(r) : err;
}

static int begin_rescue(struct records *r, uint32_t segment)
{
	uint64_t first = 1, last = 0;
	int err;

	r->rescue = (struct rescue){ .segment = segment };
	find_span(r, segment, &first, &last);
	r->rescue.last = last;
	err = open_target(r, first);
	if (err == 0)
		err = open_damaged(r);
	if (err)
		records_stop_salvage(r);
	return err;
}

/* Told with the cause that it has, or as lost. */
static int pass_item(struct records *r, struct queue *q, const struct salvage_item *item)
{
	switch (item->kind) {
	case SALVAGE_ACKED: return queue_pass(q, item->last, CLASS_NONE, TOMBSTONE_NONE);
	case SALVAGE_LOST:
		r->rescue.lost += item->last - item->first + 1;
		return lose(r, q, item->last, item->tombstone.class);
	case SALVAGE_TOMBSTONE: break;
	case SALVAGE_RECORD:
	case SALVAGE_NONE: abort(); /* not numbers to pass */
	}
	return queue_pass(q, item->last, item->tombstone.class, item->tombstone.cause);
}

static int insert_run(struct records *r, struct queue *q, struct records_group *run)
{
	int err = run->count ? queue_insert(q, run->entries, run->count) : 0;

	if (err == 0)
		r->rescue.found += run->count;
	if (err == 0 && run->count)
		FAILPOINT("store.salvage.inserted");
	run->count = 0;
	return err;
}

/* Numbers until something else than a record comes, or enough of them. Returns as salvage_next, or an error. */
static int next_numbers(struct records *r, struct queue *q, struct records_group *run)
{
	struct salvage_item item;
	int more = 1, err = 0;

	run->count = 0;
	while (run->count < QUEUE_GROUP_MAX && more == 1) {
		more = salvage_next(r->rescue.from, &item, run->bodies[run->count]);
		if (more != 1)
			break;
		if (item.kind == SALVAGE_RECORD) {
			run->entries[run->count] = item.entry;
			run->entries[run->count].record.body = run->bodies[run->count];
			run->count++;
			continue;
		}
		err = insert_run(r, q, run);
		if (err == 0)
			err = pass_item(r, q, &item);
		return err ? err : 1;
	}
	err = insert_run(r, q, run);
	return err ? err : more == -EAGAIN ? 1 : more;
}

static int next_refused(struct records *r, struct queue *q)
{
	struct salvage_parked p;
	uint8_t body[SEALED_BODY_MAX];
	int more = salvage_next_parked(r->rescue.from, &p, body);
	int err = more == 1 ? queue_keep_refused(q, &p.record, p.reason) : 0;

	return err ? err : more == -EAGAIN ? 1 : more;
}

static int end_rescue(struct records *r)
{
	const struct rescue done = r->rescue;
	int err = records_rename(r, done.segment, ".aside", ".salvaged");

	if (err)
		return err;
	FAILPOINT("store.salvage.ended");
	records_stop_salvage(r);
	records_tell(r, RECORDS_SALVAGED, done.segment, 0, done.found, done.lost);
	return 1;
}

static int go_on(struct records *r)
{
	struct queue *q = target_of(r);
	struct records_group *run;
	int more;

	if (!q) { /* set aside itself: from the beginning */
		records_stop_salvage(r);
		return 1;
	}
	run = malloc(sizeof(*run));
	if (!run)
		return -ENOMEM;
	more = next_numbers(r, q, run);
	free(run);
	if (more == 0)
		more = next_refused(r, q);
	return more < 0 ? records_mend(r, target_index(r, r->rescue.segment), more)
			: more;
}

int records_salvage_step(struct records *r)
{
	uint32_t segment = r->rescue.segment ? 0 : records_find_damaged(r);
	int more = segment && has_place(r, segment) ? begin_rescue(r, segment) : 0;

	if (more || !r->rescue.segment)
		return more;
	more = r->rescue.from ? go_on(r) : 0;
	return more ? more : end_rescue(r);
}
