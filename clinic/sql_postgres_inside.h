#pragma once

/*
 * sql_postgres_inside.h - what the two files of the PostgreSQL backend share: sql_postgres.c has the session and the
 * transactions, sql_postgres_rows.c statements and rows.
 */
#include <postgresql/libpq-fe.h>

#include "clinic/sql_inside.h"

enum {
	PG_PARAMS_MAX = 16,
	PG_TEXT_MAX = 1024, /* of a statement */
	/* The server gives up before we do: its statement_timeout and lock_timeout. */
	PG_STATEMENT_MS = 5000,
	PG_LOCK_MS = 400, /* a whole transaction is tried again, STORE_TRIES times */
	PG_ANSWER_MS = 10000,
	PG_COMMIT_MS = 30000,	/* the server has no limit for it */
	PG_PATIENT_MS = 600000, /* changes of tables, walks over everything */
	PG_CONNECT_S = 3,	/* each host */
	PG_PAUSE_FIRST_MS = 250,
	PG_PAUSE_MAX_MS = 15000,
};

struct pg;

/* One statement: its parameters, and the rows of its present use. */
struct pg_statement {
	struct pg *pg;
	const char *text; /* as given to sql_start; the key */
	unsigned session; /* in which it is prepared, 0: in none */
	int count;	  /* of parameters */
	Oid types[PG_PARAMS_MAX];
	const char *values[PG_PARAMS_MAX];
	int lengths[PG_PARAMS_MAX];
	uint8_t ints[PG_PARAMS_MAX][8]; /* big-endian */
	PGresult *row;			/* present row, NULL: none */
	bool sent;			/* and not yet read to its end */
};

struct pg {
	struct sql door;
	char *conninfo;
	PGconn *conn; /* NULL: down */
	unsigned
		session; /* how many there were; a prepared statement ends with its own */
	int64_t next_ms; /* no try to connect before this, monotonic */
	unsigned failures;   /* since the last COMMIT */
	bool in_transaction; /* ours, even if the session is gone */
	int answer_ms;	     /* how long we wait for the server */
	bool warned;	     /* it sent a WARNING since this was set to false */
	size_t kept_count;
	struct pg_statement kept[SQL_KEPT_MAX];
};

/* pg_ready - a session, opened if there is none and its time has come; within a transaction never. 0 or -EIO. */
int pg_ready(struct pg *pg);
/* pg_drop - the session is over. */
void pg_drop(struct pg *pg);
/*
 * pg_result - the next result of what was sent; *ret NULL: no more. -EIO: none came in time, or the session broke: it is
 * dropped then.
 */
int pg_result(struct pg *pg, PGresult **ret);
/* pg_error - our error number for a result that is one, as sql.h has them; the session is dropped if it cannot go on. */
int pg_error(struct pg *pg, const PGresult *r);

void *pg_prepare(struct sql *door, const char *text, int *ret_err);
void pg_bind_int(void *st, int at, int64_t v);
void pg_bind_bytes(void *st, int at, const uint8_t *p, size_t n);
void pg_bind_text(void *st, int at, const char *s);
int pg_step(void *st);
int pg_get_int(void *st, int column, int64_t *ret);
const uint8_t *pg_get_bytes(void *st, int column, size_t *ret_len);
int pg_reset(void *st);
