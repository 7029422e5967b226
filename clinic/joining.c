/*
 * joining.c - see joining.h.
 */
#include "clinic/joining.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/crypto/crypto.h"

struct joining_item {
	uint32_t epoch;
	uint64_t seq;
	struct joining_item *partner; /* NULL: alone */
	bool is_context, suspect;
	struct reading *reading; /* of a context; owned */
	/* what both have in common */
	struct peripheral peripheral;
	uint32_t history, sequence;
};

bool joining_wants(uint8_t kind)
{
	return kind == READING_GLUCOSE || kind == READING_GLUCOSE_CONTEXT;
}

static int make_room(struct joining *j)
{
	size_t room = j->room ? 2 * j->room : 64;
	struct joining_item *more;

	if (j->count < j->room)
		return 0;
	more = reallocarray(j->items, room, sizeof(*more));
	if (!more)
		return -ENOMEM;
	j->items = more;
	j->room = room;
	return 0;
}

int joining_add(struct joining *j, const struct sealed *rec, const struct reading *rd)
{
	struct joining_item *it;

	if (!joining_wants((uint8_t)rd->kind) || !rd->decoded.has_sequence)
		return 0;
	if (make_room(j) < 0)
		return -ENOMEM;
	it = &j->items[j->count];
	*it = (struct joining_item){ .epoch = rec->epoch,
				     .seq = rec->record.seq,
				     .is_context = rd->kind == READING_GLUCOSE_CONTEXT,
				     .suspect = rec->suspect,
				     .peripheral = rd->peripheral,
				     .history = rd->history,
				     .sequence = rd->decoded.sequence };
	if (it->is_context) {
		it->reading = malloc(sizeof(*it->reading));
		if (!it->reading)
			return -ENOMEM;
		*it->reading = *rd;
	}
	j->count++;
	return 0;
}

static int order(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_keys(const struct joining_item *a, const struct joining_item *b)
{
	int r = order(a->peripheral.num, b->peripheral.num);

	if (r == 0)
		r = order(a->peripheral.addr_type, b->peripheral.addr_type);
	if (r == 0)
		r = memcmp(a->peripheral.addr, b->peripheral.addr, PERIPHERAL_ADDR_LEN);
	if (r == 0)
		r = order(a->history, b->history);
	if (r == 0)
		r = order(a->sequence, b->sequence);
	return r;
}

/* By key; of one key the glucoses first, each in the order of the listing. */
static int compare(const void *pa, const void *pb)
{
	const struct joining_item *a = *(struct joining_item *const *)pa;
	const struct joining_item *b = *(struct joining_item *const *)pb;
	int r = compare_keys(a, b);

	if (r == 0)
		r = order(a->is_context, b->is_context);
	return r ? r : (a > b) - (a < b);
}

/* The items of one key: n glucoses, then the contexts. */
static void pair(struct joining_item **same, size_t count)
{
	size_t n = 0;

	while (n < count && !same[n]->is_context)
		n++;
	for (size_t i = 0; i < n && n + i < count; i++) {
		same[i]->partner = same[n + i];
		same[n + i]->partner = same[i];
	}
}

int joining_settle(struct joining *j)
{
	struct joining_item **sorted =
		calloc(j->count + 1, sizeof(struct joining_item *));
	size_t first = 0;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < j->count; i++)
		sorted[i] = &j->items[i];
	qsort(sorted, j->count, sizeof(struct joining_item *), compare);
	for (size_t i = 1; i <= j->count; i++) {
		if (i < j->count && compare_keys(sorted[i], sorted[first]) == 0)
			continue;
		pair(sorted + first, i - first);
		first = i;
	}
	free(sorted);
	return 0;
}

static int compare_place(const void *key, const void *item)
{
	const struct sealed *rec = key;
	const struct joining_item *it = item;
	int r = order(rec->epoch, it->epoch);

	return r ? r : order(rec->record.seq, it->seq);
}

static const struct joining_item *find(const struct joining *j, const struct sealed *rec)
{
	if (j->count == 0)
		return NULL;
	return bsearch(rec, j->items, j->count, sizeof(struct joining_item),
		       compare_place);
}

const struct reading *joining_context(const struct joining *j, const struct sealed *rec,
				      uint64_t *ret_seq)
{
	const struct joining_item *it = find(j, rec);

	if (!it || it->is_context || !it->partner)
		return NULL;
	*ret_seq = it->partner->seq;
	return it->partner->reading;
}

bool joining_is_suspect(const struct joining *j, const struct sealed *rec)
{
	const struct joining_item *it = find(j, rec);

	return it && !it->is_context && it->partner && it->partner->suspect;
}

bool joining_is_joined(const struct joining *j, const struct sealed *rec)
{
	const struct joining_item *it = find(j, rec);

	return it && it->is_context && it->partner;
}

void joining_free(struct joining *j)
{
	for (size_t i = 0; i < j->count; i++) {
		if (!j->items[i].reading)
			continue;
		crypto_wipe(j->items[i].reading, sizeof(struct reading));
		free(j->items[i].reading);
	}
	free(j->items);
	*j = (struct joining){ .items = NULL };
}
