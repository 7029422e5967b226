/*
 * row.c - set the state of a hub's row at the clinic, as its staff would.
 *
 *   row CLINIC HUB active|suspended|retired|lost
 *
 * Straight in the database, while clinicd runs: it must hold at the hub's next request.
 */
#include <stdio.h>
#include <string.h>

#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/sql.h"
#include "hub/crypto/crypto.h"

enum { WAIT_MS = 20000 };

static enum hub_state state_of(const char *word)
{
	for (enum hub_state s = HUB_PREREGISTERED; s <= HUB_LOST; s++)
		if (strcmp(word, hub_state_text(s)) == 0)
			return s;
	return HUB_NONE;
}

static int set_state(struct sql *db, const char *hub, enum hub_state state)
{
	struct sql_query q;

	sql_start(db, &q, "UPDATE hub SET state = ?1 WHERE name = ?2 RETURNING epoch");
	sql_bind_int(&q, 1, state);
	sql_bind_text(&q, 2, hub);
	if (!sql_row(&q)) {
		(void)sql_end(&q);
		return -1;
	}
	while (sql_row(&q))
		;
	return sql_end(&q);
}

int main(int argc, char **argv)
{
	uint8_t key[SQL_KEY_LEN];
	char path[FILES_PATH_MAX], why[FOLDER_WHY_MAX];
	enum hub_state state = argc == 4 ? state_of(argv[3]) : HUB_NONE;
	struct sql *db;
	int r;

	if (state == HUB_NONE) {
		fprintf(stderr, "usage: row CLINIC HUB active|suspended|retired|lost\n");
		return 64;
	}
	if (crypto_init() ||
	    folder_read(argv[1], FILES_STORE_KEY, key, sizeof(key), why) ||
	    files_path(argv[1], FILES_DB, path) ||
	    sql_open(path, key, false, WAIT_MS, &db)) {
		fprintf(stderr, "row: cannot open the store of %s\n", argv[1]);
		return 1;
	}
	r = sql_begin(db);
	if (r == 0)
		r = set_state(db, argv[2], state);
	if (r == 0)
		r = sql_commit(db);
	sql_close(db);
	if (r)
		fprintf(stderr, "row: %d\n", r);
	return r ? 1 : 0;
}
