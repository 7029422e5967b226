/*
 * store_assign.c - see store_assign.h.
 */
#include "clinic/store_assign.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/store_inside.h"
#include "hub/crypto/crypto.h"

bool store_assigned_is_patient(const char *text)
{
	size_t n = strnlen(text, PATIENT_TEXT_MAX + 1);

	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return n > 0 && n <= PATIENT_TEXT_MAX;
}

static int find_highest(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			uint32_t epoch, int64_t *ret)
{
	struct sql_query q;

	*ret = 0;
	sql_start(s->db, &q,
		  "SELECT coalesce(max(number), 0) FROM assignment"
		  " WHERE hub_id = ?1 AND epoch = ?2");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	if (sql_row(&q))
		*ret = sql_get_int(&q, 0);
	return sql_end(&q);
}

static int assigned_again(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			  uint32_t epoch)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "UPDATE hub SET again_ms = 0 WHERE hub_id = ?1 AND epoch = ?2"
		  " AND again_ms <> 0");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	return sql_finish(&q);
}

int store_assigned_add(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		       uint32_t epoch, const char *patient, int64_t now_ms,
		       uint32_t *ret_number)
{
	struct sql_query q;
	int64_t highest;
	int r = find_highest(s, hub, epoch, &highest);

	if (r < 0)
		return r;
	if (highest >= UINT32_MAX)
		return -ERANGE;
	sql_start(s->db, &q,
		  "INSERT INTO assignment (hub_id, epoch, number, state, first_seq,"
		  " patient, since_ms) VALUES (?1, ?2, ?3, 1, 0, ?4, ?5)");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	sql_bind_int(&q, 3, highest + 1);
	sql_bind_text(&q, 4, patient);
	sql_bind_int(&q, 5, now_ms);
	r = sql_finish(&q);
	if (r == 0)
		r = assigned_again(s, hub, epoch);
	if (r == 0)
		*ret_number = (uint32_t)(highest + 1);
	return r;
}

int store_assigned_each(struct store *s, const uint8_t hub[static HUB_ID_LEN],
			uint32_t epoch, store_assigned_fn *fn, void *arg)
{
	struct sql_query q;
	int r = 0, err;

	sql_start(s->db, &q,
		  "SELECT number, state, first_seq, since_ms, patient FROM assignment"
		  " WHERE hub_id = ?1 AND epoch = ?2 ORDER BY number");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, epoch);
	while (r == 0 && sql_row(&q)) {
		struct assigned a = {
			.number = (uint32_t)sql_get_int(&q, 0),
			.state = (enum assignment_state)sql_get_int(&q, 1),
			.first_seq = (uint64_t)sql_get_int(&q, 2),
			.since_ms = sql_get_int(&q, 3),
		};

		sql_get_text(&q, 4, a.patient, sizeof(a.patient));
		r = fn(arg, &a);
	}
	err = sql_end(&q);
	return r ? r : err;
}

struct wanted {
	struct assigned found; /* number 0: not yet */
	uint32_t number;
};

static int keep_wanted(void *arg, const struct assigned *a)
{
	struct wanted *w = arg;

	if (a->number == w->number)
		w->found = *a;
	return 0;
}

int store_assigned_get(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		       uint32_t epoch, uint32_t number, struct assigned *ret)
{
	struct wanted w = { .number = number };
	int r = number ? store_assigned_each(s, hub, epoch, keep_wanted, &w) : 0;

	if (r < 0)
		return r;
	if (w.found.number == 0)
		return -ENOENT;
	*ret = w.found;
	return 0;
}

static bool same_device(const struct config_device *a, const struct config_device *b)
{
	return a->has_addr && b->has_addr && a->addr_type == b->addr_type &&
	       memcmp(a->addr, b->addr, PERIPHERAL_ADDR_LEN) == 0;
}

bool store_device_among(const struct config_device *d, const struct config *c)
{
	for (size_t i = 0; i < c->device_count; i++)
		if (same_device(d, &c->devices[i]))
			return true;
	return false;
}

/* The first of these that the config measures with, or count. */
static size_t find_used(const struct config *c, const struct config_device *devices,
			size_t count)
{
	for (size_t i = 0; c->assignment != 0 && i < count; i++)
		if (store_device_among(&devices[i], c))
			return i;
	return count;
}

/* One row for the whole clinic: people who give devices away are few. */
int store_devices_lock(struct store *s)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "INSERT INTO meta (name, value) VALUES ('devices', 1)"
		  " ON CONFLICT (name) DO UPDATE SET value = meta.value + 1");
	return sql_finish(&q);
}

int store_device_user(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      const struct config_device *devices, size_t count,
		      char ret_hub[static HUB_NAME_MAX + 1], size_t *ret_device)
{
	static struct config c;
	size_t at = count;
	struct sql_query q;
	int err = store_devices_lock(s);

	if (err < 0)
		return err;
	sql_start(s->db, &q,
		  "SELECT h.name, c.config FROM hub_config c JOIN hub h"
		  " ON h.hub_id = c.hub_id WHERE h.hub_id <> ?1 AND h.state < ?2"
		  " AND h.drain = 0 ORDER BY h.name");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, HUB_RETIRED);
	while (at == count && sql_row(&q)) {
		const char *field;
		size_t len;
		const uint8_t *bytes = sql_get_bytes(&q, 1, &len);

		if (!bytes || config_decode(bytes, len, &c, &field) != 0)
			continue;
		at = find_used(&c, devices, count);
		if (at < count)
			sql_get_text(&q, 0, ret_hub, HUB_NAME_MAX + 1);
	}
	crypto_wipe(&c, sizeof(c)); /* passkeys */
	err = sql_end(&q);
	if (err < 0)
		return err;
	*ret_device = at;
	return at < count;
}
