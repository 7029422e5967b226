/*
 * store.c - the session with a store, whichever backend it has; see store.h. All SQL of the clinic is in store_*.c,
 * enrol_store.c, witness.c and schema.c.
 */
#include "clinic/store.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "clinic/schema.h"
#include "clinic/store_inside.h"

_Static_assert((int)STORE_KEY_LEN == (int)SQL_KEY_LEN, "one key");

/* Takes db over, whatever comes. */
static int make(struct sql *db, bool create, struct store **ret)
{
	struct store *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		sql_close(db);
		return -ENOMEM;
	}
	s->db = db;
	r = schema_migrate(db, create);
	if (r < 0) {
		store_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

static int make_file(const char *path, const uint8_t key[static STORE_KEY_LEN],
		     bool create, struct store **ret)
{
	struct sql *db;
	int r = sql_open(path, key, create, STORE_WAIT_MS, &db);

	return r < 0 ? r : make(db, create, ret);
}

int store_create(const char *path, const uint8_t key[static STORE_KEY_LEN],
		 struct store **ret)
{
	return make_file(path, key, true, ret);
}

int store_open(const char *path, const uint8_t key[static STORE_KEY_LEN],
	       struct store **ret)
{
	return make_file(path, key, false, ret);
}

_Static_assert((int)STORE_WHY_MAX == (int)SQL_WHY_MAX, "handed through");

static int make_server(const char *conninfo, bool create, struct store **ret,
		       char why[static STORE_WHY_MAX])
{
	struct sql *db;
	int r;

	why[0] = '\0';
	r = sql_open_server(conninfo, &db, why);
	return r < 0 ? r : make(db, create, ret);
}

int store_create_server(const char *conninfo, struct store **ret,
			char why[static STORE_WHY_MAX])
{
	return make_server(conninfo, true, ret, why);
}

int store_open_server(const char *conninfo, struct store **ret,
		      char why[static STORE_WHY_MAX])
{
	return make_server(conninfo, false, ret, why);
}

void store_close(struct store *s)
{
	if (!s)
		return;
	sql_close(s->db);
	free(s);
}

int store_begin(struct store *s)
{
	return sql_begin(s->db);
}

int store_begin_read(struct store *s)
{
	return sql_begin_read(s->db);
}

int store_commit(struct store *s)
{
	return sql_commit(s->db);
}

void store_rollback(struct store *s)
{
	sql_rollback(s->db);
}

void store_pause(unsigned try)
{
	struct timespec t = { 0 };
	uint8_t dice;

	crypto_random(&dice, sizeof(dice));
	t.tv_nsec = (long)try * (dice + 1L) * 40000; /* up to 10 ms for each try before */
	nanosleep(&t, NULL);
}
