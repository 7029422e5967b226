#pragma once

/*
 * records_world.h - records in a folder, with keys as a hub has them at its first start.
 */
#include "storage/keys.h"
#include "storage/records.h"
#include "tests/unit/test.h"

static struct keys *world_keys;

static void world_event(void *arg, const struct records_event *e)
{
	(void)arg;
	(void)e;
}

/* pages: quota, 0 for the default. Returns them open, without an owner if nobody was one before. */
static struct records *world_open(const char *dir, uint32_t pages, bool first)
{
	const struct records_host host = { NULL, world_event };
	struct records *r = records_new(dir, pages, &host);
	struct keys_notes notes;
	const char *problem = "";

	CHECK(r != NULL);
	CHECK_INT(keys_open(dir, !first, &world_keys, &notes, &problem), 0);
	CHECK_INT(records_open(r, world_keys), 0);
	return r;
}

/* records_evict, behind copies of what was delivered: those go first. */
__attribute__((unused)) static int world_evict(struct records *r, unsigned max_rows,
					       struct queue_evicted *ret)
{
	int err;

	do
		err = records_evict(r, max_rows, ret);
	while (err == 0 && ret->kept);
	return err;
}

static void world_close(struct records *r)
{
	records_free(r);
	keys_free(world_keys);
	world_keys = NULL;
}
