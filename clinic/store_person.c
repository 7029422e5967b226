/*
 * store_person.c - see store_person.h.
 */
#include "clinic/store_person.h"

#include <errno.h>
#include <string.h>

#include "clinic/store_inside.h"

/* No key: as many zeros, which no SHA-256 that anybody knows is. */
static const uint8_t no_key[PIN_LEN];

static int count_same(struct store *s, const struct person *p, int64_t *ret)
{
	struct sql_query q;

	*ret = 0;
	sql_start(s->db, &q,
		  "SELECT count(*) FROM person WHERE revoked_ms = 0 AND"
		  " ((uid >= 0 AND uid = ?1) OR (spki <> ?3 AND spki = ?2))");
	sql_bind_int(&q, 1, p->uid);
	sql_bind_bytes(&q, 2, p->has_key ? p->spki : no_key, PIN_LEN);
	sql_bind_bytes(&q, 3, no_key, PIN_LEN);
	if (sql_row(&q))
		*ret = sql_get_int(&q, 0);
	return sql_end(&q);
}

int store_person_add(struct store *s, const struct person *p)
{
	struct sql_query q;
	int64_t same;
	int r = count_same(s, p, &same);

	if (r < 0 || same > 0)
		return r < 0 ? r : -EEXIST;
	sql_start(s->db, &q,
		  "INSERT INTO person (name, role, uid, spki, added_ms, revoked_ms, who)"
		  " VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6)");
	sql_bind_text(&q, 1, p->name);
	sql_bind_int(&q, 2, p->role);
	sql_bind_int(&q, 3, p->uid);
	sql_bind_bytes(&q, 4, p->has_key ? p->spki : no_key, PIN_LEN);
	sql_bind_int(&q, 5, p->added_ms);
	sql_bind_text(&q, 6, p->by);
	return sql_finish(&q);
}

int store_person_revoke(struct store *s, const char *name, int64_t now_ms)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "UPDATE person SET revoked_ms = ?2"
		  " WHERE name = ?1 AND revoked_ms = 0 RETURNING name");
	sql_bind_text(&q, 1, name);
	sql_bind_int(&q, 2, now_ms);
	sql_one(&q);
	return sql_end(&q);
}

int store_person_renew(struct store *s, const char *name,
		       const uint8_t spki[static PIN_LEN], int64_t now_ms)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "UPDATE person SET spki = ?2, renewed_ms = ?3"
		  " WHERE name = ?1 AND revoked_ms = 0 AND spki <> ?4 RETURNING name");
	sql_bind_text(&q, 1, name);
	sql_bind_bytes(&q, 2, spki, PIN_LEN);
	sql_bind_int(&q, 3, now_ms);
	sql_bind_bytes(&q, 4, no_key, PIN_LEN);
	sql_one(&q);
	return sql_end(&q);
}

#define PERSON_SELECT                                                                    \
	"SELECT name, role, uid, spki, added_ms, revoked_ms, who, renewed_ms FROM "      \
	"person"

static void get_person(struct sql_query *q, struct person *ret)
{
	memset(ret, 0, sizeof(*ret));
	sql_get_text(q, 0, ret->name, sizeof(ret->name));
	ret->role = (enum door_role)sql_get_int(q, 1);
	ret->uid = sql_get_int(q, 2);
	sql_get_fixed(q, 3, ret->spki, sizeof(ret->spki));
	ret->has_key = memcmp(ret->spki, no_key, sizeof(no_key)) != 0;
	ret->added_ms = sql_get_int(q, 4);
	ret->revoked_ms = sql_get_int(q, 5);
	sql_get_text(q, 6, ret->by, sizeof(ret->by));
	ret->renewed_ms = sql_get_int(q, 7);
}

static int one_person(struct sql_query *q, struct person *ret)
{
	struct person p = { 0 };
	int r;

	if (sql_one(q))
		get_person(q, &p);
	r = sql_end(q);
	if (r == 0)
		*ret = p;
	return r;
}

int store_person_by_name(struct store *s, const char *name, struct person *ret)
{
	struct sql_query q;

	sql_start(s->db, &q, PERSON_SELECT " WHERE name = ?1 AND revoked_ms = 0");
	sql_bind_text(&q, 1, name);
	return one_person(&q, ret);
}

int store_person_by_uid(struct store *s, int64_t uid, struct person *ret)
{
	struct sql_query q;

	sql_start(s->db, &q, PERSON_SELECT " WHERE uid = ?1 AND revoked_ms = 0 LIMIT 1");
	sql_bind_int(&q, 1, uid);
	return one_person(&q, ret);
}

int store_person_by_spki(struct store *s, const uint8_t spki[static PIN_LEN],
			 struct person *ret)
{
	struct sql_query q;

	if (memcmp(spki, no_key, sizeof(no_key)) == 0)
		return -ENOENT;
	sql_start(s->db, &q, PERSON_SELECT " WHERE spki = ?1 AND revoked_ms = 0 LIMIT 1");
	sql_bind_bytes(&q, 1, spki, PIN_LEN);
	return one_person(&q, ret);
}

int store_person_each(struct store *s, store_person_fn *fn, void *arg)
{
	struct sql_query q;
	struct person p;
	int r = 0, err;

	sql_start(s->db, &q, PERSON_SELECT " ORDER BY name");
	while (r == 0 && sql_row(&q)) {
		get_person(&q, &p);
		if (q.err == 0)
			r = fn(arg, &p);
	}
	err = sql_end(&q);
	return err < 0 ? err : r;
}

/* The id is by chance: several clinicd write at once, and nobody shall wait for a number. */
int store_asked_add(struct store *s, const struct asked *a)
{
	struct sql_query q;
	uint64_t id;

	crypto_random((uint8_t *)&id, sizeof(id));
	sql_start(s->db, &q,
		  "INSERT INTO asked (id, at_ms, who, role, op, code, name)"
		  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
	sql_bind_int(&q, 1, (int64_t)(id >> 1));
	sql_bind_int(&q, 2, a->at_ms);
	sql_bind_text(&q, 3, a->who);
	sql_bind_int(&q, 4, a->role);
	sql_bind_int(&q, 5, a->op);
	sql_bind_int(&q, 6, a->code);
	sql_bind_text(&q, 7, a->name);
	return sql_finish(&q);
}

int store_asked_each(struct store *s, unsigned most, store_asked_fn *fn, void *arg)
{
	struct sql_query q;
	struct asked a;
	int r = 0, err;

	sql_start(s->db, &q,
		  "SELECT at_ms, who, role, op, code, name FROM asked"
		  " ORDER BY at_ms DESC, id LIMIT ?1");
	sql_bind_int(&q, 1, most);
	while (r == 0 && sql_row(&q)) {
		memset(&a, 0, sizeof(a));
		a.at_ms = sql_get_int(&q, 0);
		sql_get_text(&q, 1, a.who, sizeof(a.who));
		a.role = (enum door_role)sql_get_int(&q, 2);
		a.op = (enum door_op)sql_get_int(&q, 3);
		a.code = (enum door_code)sql_get_int(&q, 4);
		sql_get_text(&q, 5, a.name, sizeof(a.name));
		if (q.err == 0)
			r = fn(arg, &a);
	}
	err = sql_end(&q);
	return err < 0 ? err : r;
}
