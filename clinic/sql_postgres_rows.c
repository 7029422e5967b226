/*
 * sql_postgres_rows.c - statements on a PostgreSQL server: prepared once a session, values in binary, rows one by one.
 *
 * Invariant: a statement that was sent is read to its end before the next is sent (pg_reset).
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clinic/sql_postgres_inside.h"
#include "clinic/sql_rewrite.h"

/* pg_type.dat: their numbers never change. */
enum {
	TYPE_BOOL = 16,
	TYPE_BYTES = 17,
	TYPE_INT8 = 20,
	TYPE_INT2 = 21,
	TYPE_INT4 = 23,
	TYPE_TEXT = 25,
	BINARY = 1,
};

void *pg_prepare(struct sql *door, const char *text, int *ret_err)
{
	struct pg *pg = (struct pg *)door;
	struct pg_statement *st;

	(void)ret_err; /* what is wrong with it is found out by the server */
	for (size_t i = 0; i < pg->kept_count; i++) {
		if (pg->kept[i].text == text)
			return &pg->kept[i];
	}
	if (pg->kept_count == SQL_KEPT_MAX)
		abort(); /* our own bug: the number of statements is fixed */
	st = &pg->kept[pg->kept_count++];
	*st = (struct pg_statement){ .pg = pg, .text = text };
	return st;
}

static void bind(struct pg_statement *st, int at, Oid type, const void *p, size_t n)
{
	if (at < 1 || at > PG_PARAMS_MAX || n > INT32_MAX)
		abort(); /* our own bug */
	st->types[at - 1] = type;
	st->values[at - 1] = p;
	st->lengths[at - 1] = (int)n;
	if (at > st->count)
		st->count = at;
}

void pg_bind_int(void *arg, int at, int64_t v)
{
	struct pg_statement *st = arg;
	uint64_t big = htobe64((uint64_t)v);

	if (at < 1 || at > PG_PARAMS_MAX)
		abort(); /* our own bug */
	memcpy(st->ints[at - 1], &big, sizeof(big));
	bind(st, at, TYPE_INT8, st->ints[at - 1], sizeof(big));
}

void pg_bind_bytes(void *st, int at, const uint8_t *p, size_t n)
{
	bind(st, at, TYPE_BYTES, n ? p : (const uint8_t *)"", n);
}

void pg_bind_text(void *st, int at, const char *s)
{
	bind(st, at, TYPE_TEXT, s, strlen(s));
}

static void name_of(const struct pg_statement *st, char buf[static 16])
{
	snprintf(buf, 16, "s%zu", (size_t)(st - st->pg->kept));
}

/* Each result to its end; the first error. */
static int drain(struct pg *pg)
{
	PGresult *r;
	int err = 0, e;

	for (;;) {
		e = pg_result(pg, &r);
		if (e < 0 || !r)
			return err < 0 ? err : e;
		if (err == 0 && PQresultStatus(r) == PGRES_FATAL_ERROR)
			err = pg_error(pg, r);
		PQclear(r);
	}
}

static int prepare_now(struct pg_statement *st)
{
	struct pg *pg = st->pg;
	char name[16], text[PG_TEXT_MAX];
	int r = sql_rewrite(st->text, text, sizeof(text));

	if (r < 0 || r != st->count)
		abort(); /* our own bug: too long, or not all was bound */
	name_of(st, name);
	if (!PQsendPrepare(pg->conn, name, text, st->count, st->types)) {
		pg_drop(pg);
		return -EIO;
	}
	r = drain(pg);
	if (r == 0)
		st->session = pg->session;
	return r;
}

static int send_now(struct pg_statement *st)
{
	static const int formats[PG_PARAMS_MAX] = { BINARY, BINARY, BINARY, BINARY,
						    BINARY, BINARY, BINARY, BINARY,
						    BINARY, BINARY, BINARY, BINARY,
						    BINARY, BINARY, BINARY, BINARY };
	struct pg *pg = st->pg;
	char name[16];
	int r = pg_ready(pg);

	if (r == 0 && st->session != pg->session)
		r = prepare_now(st);
	if (r < 0)
		return r;
	name_of(st, name);
	if (!PQsendQueryPrepared(pg->conn, name, st->count, st->values, st->lengths,
				 formats, BINARY) ||
	    !PQsetSingleRowMode(pg->conn)) {
		pg_drop(pg);
		return -EIO;
	}
	st->sent = true;
	return 0;
}

/* The next row, or the end, of what was sent. */
static int fetch(struct pg_statement *st)
{
	int r = pg_result(st->pg, &st->row);

	if (r < 0)
		return r;
	if (st->row && PQresultStatus(st->row) == PGRES_SINGLE_TUPLE)
		return 1;
	if (st->row && PQresultStatus(st->row) == PGRES_FATAL_ERROR)
		r = pg_error(st->pg, st->row);
	PQclear(st->row);
	st->row = NULL;
	return r;
}

int pg_step(void *arg)
{
	struct pg_statement *st = arg;
	unsigned before = st->pg->session;
	int r;

	PQclear(st->row);
	st->row = NULL;
	if (st->sent)
		return fetch(st);
	r = send_now(st);
	if (r == 0)
		r = fetch(st);
	/* a session that broke while it had nothing to do is no news: a question outside of a transaction is asked again */
	if (r < 0 && !st->pg->conn && !st->pg->in_transaction &&
	    st->pg->session == before) {
		r = send_now(st);
		if (r == 0)
			r = fetch(st);
	}
	return r;
}

int pg_get_int(void *arg, int column, int64_t *ret)
{
	const struct pg_statement *st = arg;
	Oid type;
	int len;
	const uint8_t *p = (const uint8_t *)PQgetvalue(st->row, 0, column);
	uint64_t v = 0;

	*ret = 0;
	if (!p)
		return -EIO;
	if (PQgetisnull(st->row, 0, column))
		return 0; /* as on the file */
	type = PQftype(st->row, column);
	len = PQgetlength(st->row, 0, column);
	if ((type != TYPE_INT8 && type != TYPE_INT4 && type != TYPE_INT2 &&
	     type != TYPE_BOOL) ||
	    len < 1 || len > 8)
		return -EIO;
	if (p[0] & 0x80)
		v = UINT64_MAX;
	for (int i = 0; i < len; i++)
		v = v << 8 | p[i];
	*ret = (int64_t)v;
	return 0;
}

const uint8_t *pg_get_bytes(void *arg, int column, size_t *ret_len)
{
	const struct pg_statement *st = arg;

	*ret_len = 0;
	if (!st->row || PQgetisnull(st->row, 0, column))
		return NULL;
	*ret_len = (size_t)PQgetlength(st->row, 0, column);
	return (const uint8_t *)PQgetvalue(st->row, 0, column);
}

int pg_reset(void *arg)
{
	struct pg_statement *st = arg;
	int r = 0;

	PQclear(st->row);
	st->row = NULL;
	if (st->sent && st->pg->conn && st->session == st->pg->session)
		r = drain(st->pg);
	st->sent = false;
	return r;
}
