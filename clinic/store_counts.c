/*
 * store_counts.c - how much is there of a (hub, epoch), by SQL: see store.h.
 */
#include <errno.h>

#include "clinic/filing.h"
#include "clinic/store_held.h"
#include "clinic/store_inside.h"
#include "hub/core/reading.h"

static int read_contig(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		       uint32_t epoch, uint64_t *ret)
{
	struct sql_query q;

	*ret = 0;
	sql_start(s->db, &q,
		  "SELECT contig FROM hub_epoch WHERE hub_id = ?1 AND epoch = ?2");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	if (sql_row(&q))
		*ret = (uint64_t)sql_get_int(&q, 0);
	return sql_end(&q);
}

static int count_given_up(void *arg, const struct tombstone *t)
{
	struct store_counts *c = arg;

	if (t->cause <= TOMBSTONE_NONE || t->cause >= TOMBSTONE_CAUSES)
		return -EIO;
	c->given_up[t->cause] += t->last - t->first + 1;
	if (t->last > c->highest)
		c->highest = t->last;
	return 0;
}

static int count_records(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			 uint32_t epoch, struct store_counts *c)
{
	struct sql_query q;

	sql_start(
		s->db, &q,
		"SELECT count(*), coalesce(max(seq), 0),"
		" coalesce(sum(CASE WHEN kind IN (?3, ?4, ?5, ?6) THEN 1 ELSE 0 END), 0)"
		" FROM record WHERE hub_id = ?1 AND epoch = ?2");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	sql_bind_int(&q, 3, READING_MANIFEST);
	sql_bind_int(&q, 4, READING_EVIDENCE);
	sql_bind_int(&q, 5, READING_SNAPSHOT);
	sql_bind_int(&q, 6, READING_CONSOLE);
	if (sql_row(&q)) {
		c->records = (uint64_t)sql_get_int(&q, 0);
		c->highest = (uint64_t)sql_get_int(&q, 1);
		c->manifests = (uint64_t)sql_get_int(&q, 2);
	}
	return sql_end(&q);
}

static void count_held(struct store_counts *c, enum quarantine_reason why,
		       enum held_verdict verdict, uint64_t n)
{
	bool open = verdict == HELD_OPEN;

	if (why == QUARANTINE_SEQ_CONFLICT)
		c->quarantined += open ? n : 0;
	if (why == QUARANTINE_RECOVERED)
		c->recovered += open ? n : 0;
	if (!filing_holds_number(why))
		return;
	c->held += open ? n : 0;
	c->held_unassigned += open && filing_of_assignment(why) ? n : 0;
	c->discarded += verdict == HELD_DISCARDED ? n : 0;
}

static int count_quarantine(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			    uint32_t epoch, struct store_counts *c)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "SELECT reason, verdict, count(*), max(seq) FROM quarantine"
		  " WHERE hub_id = ?1 AND epoch = ?2 GROUP BY reason, verdict");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	while (sql_row(&q)) {
		enum quarantine_reason why = (enum quarantine_reason)sql_get_int(&q, 0);
		uint64_t highest = (uint64_t)sql_get_int(&q, 3);

		count_held(c, why, (enum held_verdict)sql_get_int(&q, 1),
			   (uint64_t)sql_get_int(&q, 2));
		if (filing_holds_number(why) && highest > c->highest)
			c->highest = highest;
	}
	return sql_end(&q);
}

int store_counts(struct store *s, const uint8_t hub[static HUB_ID_LEN], uint32_t epoch,
		 struct store_counts *ret)
{
	struct store_counts c = { 0 };
	int r = read_contig(s, hub, epoch, &c.contig);

	if (r < 0)
		return r;
	r = count_records(s, hub, epoch, &c);
	if (r == 0)
		r = count_quarantine(s, hub, epoch, &c);
	if (r == 0)
		r = store_given_up_each(s, hub, epoch, count_given_up, &c);
	if (r == 0)
		*ret = c;
	return r;
}
