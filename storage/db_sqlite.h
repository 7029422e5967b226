#pragma once

/*
 * db_sqlite.h - what db.c and db_stmt.c share; the only header in which SQLite's names appear.
 */
#include <sqlite3.h>

struct db {
	sqlite3 *lib;
};

/* One error number of hub/core/err.h for a result code
 * of a call on db; 0 for success, 1 for a row. */
int db_translate(sqlite3 *db, int rc);
