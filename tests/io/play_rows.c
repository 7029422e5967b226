/*
 * play_rows.c - all that a clinic's database holds, a line a row, for tests that ask whether anything has changed.
 *
 *   play_rows CLINIC [all]
 *
 * A line is 'TABLE value value ...', as SQL literals, in an order of its own. Without 'all' the times and what is signed
 * are left out: they are others when the same is done again.
 */
#include <stdio.h>
#include <string.h>

#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/sql.h"
#include "hub/crypto/crypto.h"

enum { WAIT_MS = 20000, TABLES_MAX = 64, NAME_MAX_LEN = 64, TEXT_MAX = 4096 };

static char tables[TABLES_MAX][NAME_MAX_LEN], texts[TABLES_MAX][TEXT_MAX];
static char row[1 << 20];

static int read_tables(struct sql *db)
{
	struct sql_query q;
	int count = 0, r;

	sql_start(db, &q,
		  "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name");
	while (count < TABLES_MAX && sql_row(&q))
		sql_get_text(&q, 0, tables[count++], NAME_MAX_LEN);
	r = sql_end(&q);
	return r < 0 ? r : count;
}

/* SELECT quote(a) || ' ' || quote(b) FROM table ORDER BY 1 */
static int make_text(struct sql *db, const char *table, bool all, char *ret)
{
	char column[NAME_MAX_LEN];
	struct sql_query q;
	size_t len = (size_t)snprintf(ret, TEXT_MAX, "SELECT ''");

	sql_start(db, &q,
		  "SELECT name FROM pragma_table_info(?1)"
		  " WHERE ?2 = 1 OR (substr(name, -3) <> '_ms' AND name <> 'not_after_s' "
		  "AND"
		  " name <> 'payload' AND"
		  " name NOT LIKE 'cose%')");
	sql_bind_text(&q, 1, table);
	sql_bind_int(&q, 2, all);
	while (sql_row(&q)) {
		sql_get_text(&q, 0, column, sizeof(column));
		len += (size_t)snprintf(ret + len, TEXT_MAX - len, " || ' ' || quote(%s)",
					column);
		if (len + NAME_MAX_LEN >= TEXT_MAX) {
			(void)sql_end(&q);
			return -1;
		}
	}
	snprintf(ret + len, TEXT_MAX - len, " FROM %s ORDER BY 1", table);
	return sql_end(&q);
}

static int print_table(struct sql *db, const char *table, const char *text)
{
	struct sql_query q;

	sql_start(db, &q, text);
	while (sql_row(&q)) {
		sql_get_text(&q, 0, row, sizeof(row));
		printf("%s%s\n", table, row);
	}
	return sql_end(&q);
}

int main(int argc, char **argv)
{
	uint8_t key[SQL_KEY_LEN];
	char path[FILES_PATH_MAX], why[FOLDER_WHY_MAX];
	struct sql *db;
	int count, r = 0;

	if (argc < 2 || crypto_init() ||
	    folder_read(argv[1], FILES_STORE_KEY, key, sizeof(key), why) ||
	    files_path(argv[1], FILES_DB, path) ||
	    sql_open(path, key, false, WAIT_MS, &db)) {
		fprintf(stderr, "usage: play_rows CLINIC [all]\n");
		return 1;
	}
	count = read_tables(db);
	for (int i = 0; i < count && r == 0; i++) {
		r = make_text(db, tables[i], argc > 2, texts[i]);
		if (r == 0)
			r = print_table(db, tables[i], texts[i]);
	}
	sql_close(db);
	if (count <= 0 || r)
		fprintf(stderr, "play_rows: %d\n", count <= 0 ? count : r);
	return count <= 0 || r;
}
