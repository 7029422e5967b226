#pragma once

/*
 * clinic_place.h - a clinic's store of a test's own, on either backend: a file in a temporary folder, or, if the variable
 * CLINIC_TEST_DATABASE has the conninfo of a PostgreSQL server, tables in a schema of their own there. The same test
 * program is run with and without it (tests/io/test_store_backends.py): same cases, same results.
 */
#include <errno.h>
#include <stdbool.h>

#include "clinic/sql.h"
#include "clinic/store.h"
#include "tests/unit/temp_dir.h"
#include "tests/unit/test.h"

struct place {
	char dir[64], path[128];
	char schema[32];
	char conninfo[512]; /* "": the file */
};

static const uint8_t place_key[STORE_KEY_LEN] = { 1, 2, 3 };

__attribute__((unused)) static bool place_is_server(const struct place *p)
{
	return p->conninfo[0] != '\0';
}

__attribute__((unused)) static struct sql *place_sql(const struct place *p)
{
	char why[SQL_WHY_MAX] = "";
	struct sql *db = NULL;
	int r = place_is_server(p) ? sql_open_server(p->conninfo, &db, why)
				   : sql_open(p->path, place_key, false, 1000, &db);

	if (r < 0)
		fprintf(stderr, "%s\n", why);
	CHECK_INT(r, 0);
	return db;
}

/* Bytes are written x'00ff' in 'text', as SQLite has them. */
__attribute__((unused)) static void place_run(const struct place *p, const char *text)
{
	struct sql *db = place_sql(p);
	char buf[1024];
	size_t n = 0;

	for (; *text; text++) {
		CHECK(n + 4 < sizeof(buf));
		if (place_is_server(p) && text[0] == 'x' && text[1] == '\'') {
			memcpy(buf + n, "'\\x", 3);
			n += 3;
			text++;
		} else {
			buf[n++] = *text;
		}
	}
	buf[n] = '\0';
	CHECK_INT(sql_run(db, buf), 0);
	sql_close(db);
}

__attribute__((unused)) static void place_make(struct place *p)
{
	const char *server = getenv("CLINIC_TEST_DATABASE");
	static unsigned number;
	struct place all = { 0 };
	char text[64];

	*p = (struct place){ 0 };
	temp_dir_make(p->dir, sizeof(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/clinic.db", p->dir);
	if (!server || !*server)
		return;
	snprintf(all.conninfo, sizeof(all.conninfo), "%s", server);
	snprintf(p->schema, sizeof(p->schema), "t%d_%u", (int)getpid(), ++number);
	snprintf(text, sizeof(text), "CREATE SCHEMA %s", p->schema);
	place_run(&all, text);
	snprintf(p->conninfo, sizeof(p->conninfo), "%s options=-csearch_path=%s", server,
		 p->schema);
}

__attribute__((unused)) static void place_remove(const struct place *p)
{
	char text[64];

	if (place_is_server(p)) {
		snprintf(text, sizeof(text), "DROP SCHEMA %s CASCADE", p->schema);
		place_run(p, text);
	}
	temp_dir_remove(p->dir);
}

/* Returns what store_create and store_open do. */
__attribute__((unused)) static int place_create(const struct place *p, struct store **ret)
{
	char why[STORE_WHY_MAX];

	return place_is_server(p) ? store_create_server(p->conninfo, ret, why)
				  : store_create(p->path, place_key, ret);
}

__attribute__((unused)) static int place_open(const struct place *p, struct store **ret)
{
	char why[STORE_WHY_MAX];

	return place_is_server(p) ? store_open_server(p->conninfo, ret, why)
				  : store_open(p->path, place_key, ret);
}
