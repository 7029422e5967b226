#pragma once

/*
 * db_sqlite.h - what db.c and db_stmt.c share; the only header in which SQLite's names appear.
 */
#include <sqlite3.h>

struct db {
	sqlite3 *lib;
	int space_fd; /* of the file, once db_own has it; closed after the library's own: a lock would go with it */
};

/* One error number of hub/core/err.h for a result code
 * of a call on db; 0 for success, 1 for a row. */
int db_translate(sqlite3 *db, int rc);
