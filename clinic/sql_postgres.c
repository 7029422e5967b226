/*
 * sql_postgres.c - a PostgreSQL server behind the door of sql.h, by way of libpq: session and transactions.
 *
 * Invariants
 *   1. sql_commit returns 0 only for the server's own 'COMMIT', without a warning: with 'canceling wait for synchronous
 *      replication' the row is on the primary alone and dies with it.
 *   2. A COMMIT has no time limit at the server, because such a limit makes that warning. We stop waiting, and then nobody
 *      knows: the session is dropped.
 *   3. Within a transaction no new session is opened: what follows the break would be half a transaction.
 *   4. A session commits durably, whatever the server's default is: synchronous_commit is at least 'on'.
 *
 *   down -pg_ready, its time has come-> up -break, foreign primary, doubt: pg_drop-> down
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clinic/sql_postgres_inside.h"
#include "hub/crypto/crypto.h"

static int64_t mono_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct pg *of(struct sql *door)
{
	return (struct pg *)door;
}

/* --- errors -------------------------------------------------------------------------- */

static const struct {
	const char *state; /* or the beginning of several */
	int err;
} errors[] = {
	{ "40001", -EAGAIN }, /* serialization_failure */
	{ "40P01", -EAGAIN }, /* deadlock_detected */
	{ "55P03", -EAGAIN }, /* lock_not_available */
	{ "23505", -EEXIST }, /* unique_violation */
	{ "42P07", -EEXIST }, /* duplicate_table: another program makes it */
	{ "53100", -ENOSPC }, /* disk_full */
	{ "53200", -ENOMEM }, { "42501", -EACCES }, { "28", -EACCES }, /* authorization */
	{ "3D000", -ENOENT }, /* no such database */
	{ "42P01", -ENOENT }, /* no such table: not a clinic's database */
};

/* After these the session is of no use: shut-down, crash, too late, another one is the primary. */
static const char *const ends[] = { "57P", "08", "25006", "25P03", "53300" };

static bool begins(const char *state, const char *with)
{
	return strncmp(state, with, strlen(with)) == 0;
}

int pg_error(struct pg *pg, const PGresult *r)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);

	if (!state || PQstatus(pg->conn) != CONNECTION_OK) {
		pg_drop(pg);
		return -EIO;
	}
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		if (begins(state, ends[i])) {
			pg_drop(pg);
			return -EIO;
		}
	}
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		if (begins(state, errors[i].state))
			return errors[i].err;
	}
	return -EIO;
}

/* Severities are translated, the field is not. */
static void on_notice(void *arg, const PGresult *r)
{
	const char *severity = PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED);
	struct pg *pg = arg;

	if (!severity || strcmp(severity, "WARNING") == 0)
		pg->warned = true;
}

/* --- session ------------------------------------------------------------------------- */

void pg_drop(struct pg *pg)
{
	PQfinish(pg->conn);
	pg->conn = NULL;
}

/* Until a COMMIT succeeds each failure makes the next pause longer, half of it by chance: all clients of a server that
 * comes back. */
static void put_off(struct pg *pg)
{
	int64_t pause = PG_PAUSE_FIRST_MS;
	uint8_t dice;

	for (unsigned i = 0; i < pg->failures && pause < PG_PAUSE_MAX_MS; i++)
		pause *= 2;
	if (pause > PG_PAUSE_MAX_MS)
		pause = PG_PAUSE_MAX_MS;
	crypto_random(&dice, sizeof(dice));
	pg->failures++;
	pg->next_ms = mono_ms() + pause / 2 + pause * dice / 510;
}

int pg_result(struct pg *pg, PGresult **ret)
{
	int64_t until = mono_ms() + pg->answer_ms;

	*ret = NULL;
	if (!pg->conn)
		return -EIO;
	while (PQisBusy(pg->conn)) {
		struct pollfd p = { PQsocket(pg->conn), POLLIN, 0 };
		int64_t left = until - mono_ms();
		int n = left > 0 ? poll(&p, 1, (int)left) : 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || !PQconsumeInput(pg->conn)) {
			pg_drop(pg);
			return -EIO;
		}
	}
	*ret = PQgetResult(pg->conn);
	return 0;
}

/* Statements without parameters and rows. *ret_tag, if wanted: what the server calls the last one. */
static int command(struct pg *pg, const char *text, char ret_tag[static 16])
{
	PGresult *r;
	int err = 0, e;

	ret_tag[0] = '\0';
	pg->warned = false;
	if (!PQsendQuery(pg->conn, text)) {
		pg_drop(pg);
		return -EIO;
	}
	for (;;) {
		e = pg_result(pg, &r);
		if (e < 0 || !r)
			return e < 0 && err == 0 ? e : err;
		if (PQresultStatus(r) == PGRES_FATAL_ERROR)
			err = err ? err : pg_error(pg, r);
		else
			snprintf(ret_tag, 16, "%s", PQcmdStatus(r));
		PQclear(r);
		if (!pg->conn)
			return err;
	}
}

static int plain(struct pg *pg, const char *text)
{
	char tag[16];

	return command(pg, text, tag);
}

#define TEXT_OF(number) #number

/* A client that is gone without a word must not hold its locks for hours. */
static const char set_up[] =
	"SET standard_conforming_strings = on;"
	"SET statement_timeout = '5000ms';"
	"SET lock_timeout = '400ms';"
	"SET idle_in_transaction_session_timeout = '30s';"
	"SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10;"
	"SET tcp_keepalives_count = 3;"
	"SELECT set_config('synchronous_commit', 'on', false)"
	" WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')";
_Static_assert(PG_STATEMENT_MS == 5000 && PG_LOCK_MS == 400, "as in set_up");

static int connect_now(struct pg *pg)
{
	/* before dbname: what conninfo says goes before; behind it: ours */
	static const char *const keys[] = { "target_session_attrs",
					    "connect_timeout",
					    "gssencmode",
					    "keepalives_idle",
					    "keepalives_interval",
					    "keepalives_count",
					    "tcp_user_timeout",
					    "fallback_application_name",
					    "dbname",
					    "client_encoding",
					    NULL };
	const char *const values[] = { "read-write", TEXT_OF(3), "disable", "20",
				       "5",	     "3",	 "15000",   "clinic",
				       pg->conninfo, "UTF8",	 NULL };

	_Static_assert(PG_CONNECT_S == 3, "as above");
	pg->conn = PQconnectdbParams(keys, values, 1);
	if (!pg->conn)
		return -ENOMEM;
	if (PQstatus(pg->conn) != CONNECTION_OK)
		return -EIO;
	PQsetNoticeReceiver(pg->conn, on_notice, pg);
	pg->session++;
	pg->answer_ms = PG_ANSWER_MS;
	return plain(pg, set_up);
}

int pg_ready(struct pg *pg)
{
	if (pg->conn)
		return 0;
	if (pg->in_transaction || mono_ms() < pg->next_ms)
		return -EIO;
	if (connect_now(pg) < 0) {
		pg_drop(pg);
		put_off(pg);
		return -EIO;
	}
	return 0;
}

/* --- transactions -------------------------------------------------------------------- */

static int begin(struct pg *pg, const char *text, int answer_ms)
{
	unsigned before = pg->session;
	int r = pg_ready(pg);

	if (r == 0)
		r = plain(pg, text);
	/* a session that broke while it had nothing to do is no news */
	if (r < 0 && !pg->conn && pg->session == before && pg_ready(pg) == 0)
		r = plain(pg, text);
	if (r < 0 && pg->conn)
		pg_drop(pg); /* in whatever state it is */
	pg->in_transaction = r == 0;
	if (r == 0)
		pg->answer_ms = answer_ms;
	return r;
}

static int pg_begin(struct sql *door)
{
	return begin(of(door), "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
		     PG_ANSWER_MS);
}

static int pg_begin_read(struct sql *door)
{
	return begin(of(door),
		     "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
		     "SET LOCAL statement_timeout = 0",
		     PG_PATIENT_MS);
}

static int pg_begin_schema(struct sql *door)
{
	return begin(of(door),
		     "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;"
		     "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s'",
		     PG_PATIENT_MS);
}

static void pg_rollback(struct sql *door)
{
	struct pg *pg = of(door);

	pg->in_transaction = false;
	pg->answer_ms = PG_ANSWER_MS;
	if (!pg->conn || PQtransactionStatus(pg->conn) == PQTRANS_IDLE)
		return;
	if (plain(pg, "ROLLBACK") < 0 && pg->conn)
		pg_drop(pg);
}

static int pg_commit(struct sql *door)
{
	struct pg *pg = of(door);
	char tag[16];
	int r;

	pg->in_transaction = false;
	if (!pg->conn)
		return -EAGAIN; /* it broke before: nothing of it is there */
	pg->answer_ms = PG_COMMIT_MS;
	r = command(pg, "SET LOCAL statement_timeout = 0; COMMIT", tag);
	pg->answer_ms = PG_ANSWER_MS;
	if (r == 0 && strcmp(tag, "COMMIT") == 0 && !pg->warned) {
		pg->failures = 0;
		return 0;
	}
	if (pg->conn && (r == -EAGAIN || r == -ENOSPC) && !pg->warned) {
		pg_rollback(
			door); /* an error that the session outlives: it did not commit */
		return r;
	}
	pg_drop(pg);
	put_off(pg); /* a standby that is away keeps each COMMIT waiting: not one hub after the other */
	return -ECONNRESET;
}

static int pg_run(struct sql *door, const char *text)
{
	int r = pg_ready(of(door));

	return r < 0 ? r : plain(of(door), text);
}

/* --- open and close ------------------------------------------------------------------ */

static void pg_close(struct sql *door)
{
	struct pg *pg = of(door);

	PQfinish(pg->conn);
	free(pg->conninfo);
	free(pg);
}

static const struct sql_backend pg_backend = {
	.close = pg_close,
	.begin = pg_begin,
	.begin_read = pg_begin_read,
	.begin_schema = pg_begin_schema,
	.commit = pg_commit,
	.rollback = pg_rollback,
	.run = pg_run,
	.prepare = pg_prepare,
	.bind_int = pg_bind_int,
	.bind_bytes = pg_bind_bytes,
	.bind_text = pg_bind_text,
	.step = pg_step,
	.get_int = pg_get_int,
	.get_bytes = pg_get_bytes,
	.reset = pg_reset,
};

/* In one line: a line for each host, without the advice below it, which is indented. */
static void explain(const char *said, char why[static SQL_WHY_MAX])
{
	size_t at = 0;
	int n;

	why[0] = '\0';
	while (*said) {
		size_t len = strcspn(said, "\n");

		if (len > 0 && *said != '\t') {
			n = snprintf(why + at, SQL_WHY_MAX - at, "%s%.*s", at ? "; " : "",
				     (int)len, said);
			at = n > 0 && at + (size_t)n < SQL_WHY_MAX ? at + (size_t)n
								   : SQL_WHY_MAX - 1;
		}
		said += len + (said[len] == '\n');
	}
}

static int check_conninfo(const char *conninfo, char why[static SQL_WHY_MAX])
{
	char *said = NULL;
	PQconninfoOption *o = PQconninfoParse(conninfo, &said);

	if (o) {
		PQconninfoFree(o);
		return 0;
	}
	explain(said ? said : "out of memory", why);
	PQfreemem(said);
	return -EBADMSG;
}

/* libpq has no SQLSTATE for a connection that was not made. */
static int refusal(const char *why)
{
	if (strstr(why, "does not exist"))
		return -ENOENT;
	if (strstr(why, "authentication failed") || strstr(why, "no pg_hba.conf entry") ||
	    strstr(why, "no password supplied"))
		return -EACCES;
	return -EIO;
}

int sql_open_server(const char *conninfo, struct sql **ret, char why[static SQL_WHY_MAX])
{
	struct pg *pg;
	int r = check_conninfo(conninfo, why);

	if (r < 0)
		return r;
	pg = calloc(1, sizeof(*pg));
	if (!pg)
		return -ENOMEM;
	pg->door.backend = &pg_backend;
	pg->conninfo = strdup(conninfo);
	r = pg->conninfo ? connect_now(pg) : -ENOMEM;
	if (r < 0) {
		explain(pg->conn ? PQerrorMessage(pg->conn)
				 : "the server does not answer",
			why);
		if (r == -EIO)
			r = refusal(why);
		pg_close(&pg->door);
		return r;
	}
	*ret = &pg->door;
	return 0;
}
