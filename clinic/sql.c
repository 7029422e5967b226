/*
 * sql.c - the door to whichever backend is behind it, and the sticky error of a query; see sql.h.
 */
#include "clinic/sql.h"

#include <errno.h>
#include <string.h>

#include "clinic/sql_inside.h"
#include "hub/rt/failpoint.h"

void sql_close(struct sql *db)
{
	if (db)
		db->backend->close(db);
}

int sql_run(struct sql *db, const char *text)
{
	return db->backend->run(db, text);
}

int sql_begin(struct sql *db)
{
	return db->backend->begin(db);
}

int sql_begin_read(struct sql *db)
{
	return db->backend->begin_read(db);
}

int sql_begin_schema(struct sql *db)
{
	return db->backend->begin_schema(db);
}

int sql_commit(struct sql *db)
{
	int r = db->backend->commit(db);

	if (r == 0)
		FAILPOINT("clinic.sql.committed");
	return r;
}

void sql_rollback(struct sql *db)
{
	db->backend->rollback(db);
}

void sql_start(struct sql *db, struct sql_query *q, const char *text)
{
	*q = (struct sql_query){ .db = db };
	q->statement = db->backend->prepare(db, text, &q->err);
}

void sql_bind_int(struct sql_query *q, int at, int64_t v)
{
	if (q->err == 0)
		q->db->backend->bind_int(q->statement, at, v);
}

void sql_bind_bytes(struct sql_query *q, int at, const uint8_t *p, size_t n)
{
	if (q->err == 0)
		q->db->backend->bind_bytes(q->statement, at, p, n);
}

void sql_bind_text(struct sql_query *q, int at, const char *s)
{
	if (q->err == 0)
		q->db->backend->bind_text(q->statement, at, s);
}

bool sql_row(struct sql_query *q)
{
	int r = q->err == 0 ? q->db->backend->step(q->statement) : 0;

	if (r < 0)
		q->err = r;
	return r == 1;
}

bool sql_one(struct sql_query *q)
{
	bool found = sql_row(q);

	if (!found && q->err == 0)
		q->err = -ENOENT;
	return found;
}

int64_t sql_get_int(struct sql_query *q, int column)
{
	int64_t v = 0;

	if (q->err == 0)
		q->err = q->db->backend->get_int(q->statement, column, &v);
	return q->err == 0 ? v : 0;
}

const uint8_t *sql_get_bytes(struct sql_query *q, int column, size_t *ret_len)
{
	*ret_len = 0;
	return q->err == 0 ? q->db->backend->get_bytes(q->statement, column, ret_len)
			   : NULL;
}

void sql_get_fixed(struct sql_query *q, int column, uint8_t *dst, size_t n)
{
	size_t len;
	const uint8_t *p = sql_get_bytes(q, column, &len);

	if (q->err == 0 && len != n)
		q->err = -EIO;
	if (q->err == 0)
		memcpy(dst, p, n);
	else
		memset(dst, 0, n);
}

void sql_get_text(struct sql_query *q, int column, char *dst, size_t cap)
{
	size_t len;
	const uint8_t *s = sql_get_bytes(q, column, &len);

	if (len >= cap) {
		q->err = -EIO;
		len = 0;
	}
	if (len > 0)
		memcpy(dst, s, len);
	dst[len] = '\0';
}

int sql_end(struct sql_query *q)
{
	int r = q->statement ? q->db->backend->reset(q->statement) : 0;

	if (q->err == 0 ||
	    (q->err == -ENOENT && r < 0)) /* no row was, maybe, no answer */
		q->err = r;
	return q->err;
}

int sql_has(struct sql_query *q)
{
	bool found = sql_row(q);
	int r = sql_end(q);

	return r < 0 ? r : found;
}

int sql_finish(struct sql_query *q)
{
	int r;

	sql_row(q);
	r = sql_end(q);
	if (r == 0)
		FAILPOINT("clinic.sql.written");
	return r;
}
