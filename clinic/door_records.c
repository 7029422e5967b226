/*
 * door_records.c - the part of door_answer.c about what came of a hub: records as they lie in the store, their numbers, what
 * is set aside or held, and what people decided about it.
 *
 * Invariants
 *   1. Nothing is opened here: clinicd has no key for it. What a record says, only its envelope tells.
 *   2. Each answer is a page, and the next question says behind what.
 */
#include <errno.h>

#include "clinic/door_inside.h"
#include "clinic/door_page.h"

static int find_hub(struct door_asking *a, struct hub *ret)
{
	return store_hub_by_name(a->store, a->rq->name, ret);
}

/* --- records and their numbers ------------------------------------------------------------ */

static int on_record(void *arg, const struct sealed *rec)
{
	struct door_page *p = arg;

	door_put_sealed(&p->rows, rec);
	return door_page_added(p);
}

int door_answer_records(struct door_asking *a, struct writer *w)
{
	const struct door_request *rq = a->rq;
	struct door_page p;
	struct hub h;
	int r = find_hub(a, &h);

	if (r < 0)
		return r;
	door_page_begin(&p, a->rq->op, 0);
	r = store_record_page(a->store, h.id, rq->epoch, rq->number, DOOR_PAGE, on_record,
			      &p);
	return door_page_end(&p, r, w);
}

int door_answer_manifests(struct door_asking *a, struct writer *w)
{
	const struct door_request *rq = a->rq;
	struct door_page p;
	struct hub h;
	int r = find_hub(a, &h);

	if (r < 0)
		return r;
	door_page_begin(&p, a->rq->op, 0);
	r = store_kind_page(a->store, h.id, rq->epoch, rq->number, READING_MANIFEST,
			    DOOR_PAGE, on_record, &p);
	return door_page_end(&p, r, w);
}

/* Numbers that follow each other are one row. */
struct runs {
	struct door_page page;
	bool alone; /* each is a row */
	uint64_t first, last;
};

static int end_run(struct runs *p)
{
	if (p->first == 0)
		return 0;
	door_put_numbers(&p->page.rows, p->first, p->last);
	p->first = 0;
	return door_page_added(&p->page);
}

static int on_number(void *arg, uint64_t seq)
{
	struct runs *p = arg;
	int r = 0;

	if (!p->alone && p->first && seq == p->last + 1) {
		p->last = seq;
		return 0;
	}
	r = end_run(p);
	if (r == 0)
		p->first = p->last = seq;
	return r;
}

int door_answer_numbers(struct door_asking *a, struct writer *w)
{
	const struct door_request *rq = a->rq;
	struct runs p = { .alone = rq->choice == NUMBERS_CONFLICT };
	struct hub h;
	int r = find_hub(a, &h);

	if (rq->choice >= NUMBERS_KINDS)
		return -EBADMSG;
	if (r < 0)
		return r;
	door_page_begin(&p.page, a->rq->op, 0);
	r = store_number_each(a->store, h.id, rq->epoch, (enum store_numbers)rq->choice,
			      rq->number, on_number, &p);
	if (r == 0)
		r = end_run(&p);
	return door_page_end(&p.page, r, w);
}

static int on_given_up(void *arg, const struct tombstone *t)
{
	struct door_page *p = arg;

	if (door_page_is_before(p, t->first))
		return 0;
	door_put_tombstone(&p->rows, t);
	return door_page_added(p);
}

int door_answer_given_up(struct door_asking *a, struct writer *w)
{
	struct door_page p;
	struct hub h;
	int r = find_hub(a, &h);

	if (r < 0)
		return r;
	door_page_begin_behind(&p, a->rq);
	r = store_given_up_each(a->store, h.id, h.epoch, on_given_up, &p);
	return door_page_end(&p, r, w);
}

/* --- set aside, held ---------------------------------------------------------------------- */

static int on_aside(void *arg, const struct sealed *rec, enum quarantine_reason why)
{
	struct door_page *p = arg;

	if (door_page_skips(p))
		return 0;
	door_put_aside(&p->rows, rec, why);
	return door_page_added(p);
}

static int on_recovered(void *arg, const struct sealed *rec, enum quarantine_reason why)
{
	return why == QUARANTINE_RECOVERED ? on_aside(arg, rec, why) : 0;
}

int door_answer_aside(struct door_asking *a, struct writer *w)
{
	struct door_page p;
	struct hub h;
	int r = find_hub(a, &h);

	if (r < 0)
		return r;
	door_page_begin(&p, a->rq->op, a->rq->number);
	r = store_quarantine_each(a->store, h.id, a->rq->epoch, on_recovered, &p);
	return door_page_end(&p, r, w);
}

int door_answer_held_records(struct door_asking *a, struct writer *w)
{
	struct door_page p;
	struct hub h;
	int r = find_hub(a, &h);

	if (r < 0)
		return r;
	door_page_begin(&p, a->rq->op, a->rq->number);
	return door_page_end(&p, store_held_each(a->store, h.id, on_aside, &p), w);
}

static int on_group(void *arg, const struct held_group *g)
{
	struct door_page *p = arg;

	if (door_page_skips(p))
		return 0;
	door_put_held(&p->rows, g);
	return door_page_added(p);
}

int door_answer_held(struct door_asking *a, struct writer *w)
{
	struct door_page p;
	struct hub h;
	int r = find_hub(a, &h);

	if (r < 0)
		return r;
	door_page_begin(&p, a->rq->op, a->rq->number);
	return door_page_end(&p, store_held_groups(a->store, h.id, on_group, &p), w);
}

/* --- what people decided ------------------------------------------------------------------ */

static int on_line(void *arg, const struct journal_entry *e)
{
	struct door_page *p = arg;

	if (door_page_is_before(p, e->number))
		return 0;
	door_put_journal(&p->rows, e);
	return door_page_added(p);
}

int door_answer_journal(struct door_asking *a, struct writer *w)
{
	struct door_page p;
	struct hub h;
	int r = find_hub(a, &h);

	if (r < 0)
		return r;
	door_page_begin_behind(&p, a->rq);
	return door_page_end(&p, store_journal_each(a->store, h.id, on_line, &p), w);
}
