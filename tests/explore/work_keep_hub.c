/*
 * work_keep_hub.c - workloads 'keep' and 'upgrade': what a record holds, and how the hub opens and closes; see
 * work_keep_inside.h.
 */
#include "tests/explore/work_keep_inside.h"

#include <dirent.h>
#include <string.h>

enum { EPOCH = 3, DISK = 3 << 20 };

static const uint8_t hub_id[HUB_ID_LEN] = { 4, 5, 6 };

struct keep_hub keep_hub;

/* --- what a record holds ---------------------------------------------------------------------- */

struct record keep_record(uint32_t tag, uint64_t seq,
			  uint8_t body[static SEALED_BODY_MAX])
{
	struct dice d = dice_seed(tag, 31);
	struct record r = { .assignment = 5,
			    .seq = seq,
			    .class = dice_below(&d, 6) ? CLASS_ROUTINE : CLASS_ALARM,
			    .kind = READING_BLOOD_PRESSURE,
			    .body = body };

	if (r.class == CLASS_ROUTINE && tag % 5 == 0)
		r.kind = READING_SNAPSHOT;
	r.body_len = 60 + dice_below(&d, dice_below(&d, 8) ? 150 : 900);
	for (size_t i = 4; i < r.body_len; i++)
		body[i] = (uint8_t)(dice_next(&d) >> 24);
	for (size_t i = 0; i < 4; i++)
		body[i] = (uint8_t)(tag >> 8 * i);
	return r;
}

uint32_t keep_tag(const struct record *r)
{
	return r->body_len < 4
		       ? 0
		       : r->body[0] | (uint32_t)r->body[1] << 8 |
				 (uint32_t)r->body[2] << 16 | (uint32_t)r->body[3] << 24;
}

/* --- the hub opens and closes ------------------------------------------------------------------- */

static void on_event(void *arg, const struct records_event *e)
{
	(void)arg;
	if (e->kind == RECORDS_SEGMENT_ASIDE || e->kind == RECORDS_LOST ||
	    e->kind == RECORDS_SPOOL_DAMAGED || e->kind == RECORDS_SPOOL_BEGUN ||
	    e->kind == RECORDS_SEQ_FAULT)
		keep_hub.bad = WRONG("event %d, segment %u, error %d", (int)e->kind,
				     e->segment, e->err);
}

void keep_close(void)
{
	records_free(keep_hub.records);
	keys_free(keep_hub.keys);
	keep_hub.records = NULL;
	keep_hub.keys = NULL;
}

static bool has_segments(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	bool any = false;

	while (d && (e = readdir(d)))
		any |= strncmp(e->d_name, "queue-", 6) == 0;
	if (d)
		(void)closedir(d);
	return any;
}

const char *keep_open_keys(const struct world *w)
{
	struct keys_notes notes;
	const char *problem = "";
	int r = keys_open(w->dir, has_segments(w->dir), &keep_hub.keys, &notes, &problem);

	return r ? WRONG("keys do not open: %d, %s", r, problem) : NULL;
}

int keep_set_owner(const struct world *w)
{
	return records_set_owner(keep_hub.records, hub_id, EPOCH, w->assignment);
}

const char *keep_open(const struct world *w)
{
	const struct records_host host = { NULL, on_event };
	const char *wrong;
	int r;

	record_disk(DISK);
	keep_hub.bad = NULL;
	wrong = keep_open_keys(w);
	if (wrong)
		return wrong;
	keep_hub.records = records_new(w->dir, 0, &host);
	if (!keep_hub.records)
		return "no memory";
	r = records_open(keep_hub.records, keep_hub.keys);
	if (r)
		return WRONG("the queue does not open: %d", r);
	r = keep_set_owner(w);
	if (r || !records_ready(keep_hub.records) || !records_has_queue(keep_hub.records))
		return WRONG("it is not ready: %d", r);
	return keep_hub.bad;
}
