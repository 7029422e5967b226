/*
 * enrol_store.c - enrolment in SQL; see enrol_store.h.
 */
#include "clinic/enrol_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clinic/store_claim.h"
#include "clinic/store_held.h"
#include "clinic/store_inside.h"
#include "clinic/witness.h"

#define DAY_MS INT64_C(86400000)

/* The numbers are in the database. */
enum key_state {
	KEY_ISSUED = 1,
	KEY_ACTIVE = 2,
	KEY_DEAD = 3,
	/* numbers of their own, so that an older program takes none of these for the others */
	KEY_EMERGENCY_ISSUED = 4,
	KEY_EMERGENCY = 5,
};

enum key_role {
	KEY_OPERATIONAL = 1,
	KEY_OF_EMERGENCY = 2,
};

static int hub_of_key(struct store *s, const uint8_t *spki,
		      uint8_t ret[static HUB_ID_LEN])
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "SELECT hub_id FROM hub_key WHERE spki = ?1"
		  " UNION SELECT hub_id FROM hub WHERE spki = ?1"
		  " UNION SELECT hub_id FROM claim WHERE spki = ?1 LIMIT 1");
	sql_bind_bytes(&q, 1, spki, PIN_LEN);
	if (sql_one(&q))
		sql_get_fixed(&q, 0, ret, HUB_ID_LEN);
	return sql_end(&q);
}

/* --- one row -------------------------------------------------------------------------- */

/* A hub that was added with its keys has no certificate here: its end follows from how they are made. */
static int read_hub(struct store *s, struct enrol_row *row)
{
	struct enrolment *e = &row->e;
	struct sql_query q;

	sql_start(s->db, &q,
		  "SELECT name, epoch, state, spki, added_ms, drain, drain_upto,"
		  " drain_ms, drain_end_ms FROM hub WHERE hub_id = ?1");
	sql_bind_bytes(&q, 1, row->hub, HUB_ID_LEN);
	row->has_hub = sql_row(&q);
	if (row->has_hub) {
		sql_get_text(&q, 0, row->name, sizeof(row->name));
		e->epoch = (uint32_t)sql_get_int(&q, 1);
		e->state = (enum hub_state)sql_get_int(&q, 2);
		e->active = (struct enrolment_key){
			.there = e->state == HUB_ACTIVE || e->state == HUB_SUSPENDED ||
				 e->state == HUB_LOST,
			.epoch = e->epoch,
			.issued_ms = sql_get_int(&q, 4),
			.ends_ms = sql_get_int(&q, 4) + PKI_HUB_DAYS * DAY_MS,
		};
		sql_get_fixed(&q, 3, e->active.spki, PIN_LEN);
		e->drain = (struct life_drain){
			(enum life_drain_kind)sql_get_int(&q, 5),
			(uint64_t)sql_get_int(&q, 6),
			sql_get_int(&q, 7),
			sql_get_int(&q, 8),
		};
	}
	return sql_end(&q);
}

static int read_rest(struct store *s, struct enrol_row *row)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "SELECT tries, asked, approved, emergency_tries FROM enrolment"
		  " WHERE hub_id = ?1");
	sql_bind_bytes(&q, 1, row->hub, HUB_ID_LEN);
	if (sql_row(&q)) {
		row->e.tries = (unsigned)sql_get_int(&q, 0);
		row->e.asked = sql_get_int(&q, 1) != 0;
		row->e.approved = sql_get_int(&q, 2) != 0;
		row->e.emergency_tries = (unsigned)sql_get_int(&q, 3);
	}
	return sql_end(&q);
}

/* What was issued under a claim that was taken back is nothing under the next one. */
static void take_key(struct enrolment *e, const struct enrolment_key *k,
		     enum key_state state, int64_t claimed_ms)
{
	switch (state) {
	case KEY_ISSUED:
		if (k->issued_ms >= claimed_ms)
			e->issued = *k;
		break;
	case KEY_ACTIVE:
		if (e->active.there && memcmp(e->active.spki, k->spki, PIN_LEN) == 0)
			e->active = *k;
		break;
	case KEY_EMERGENCY_ISSUED: e->emergency_issued = *k; break;
	case KEY_EMERGENCY: e->emergency = *k; break;
	case KEY_DEAD: break;
	}
}

/* An emergency key is nothing without an active one, nor under that of another epoch. */
static void drop_strays(struct enrolment *e)
{
	if (!e->active.there || e->emergency.epoch != e->active.epoch)
		e->emergency = (struct enrolment_key){ 0 };
	if (!e->active.there || e->emergency_issued.epoch != e->active.epoch)
		e->emergency_issued = (struct enrolment_key){ 0 };
}

static int read_keys(struct store *s, struct enrol_row *row, int64_t claimed_ms)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "SELECT spki, state, epoch, renewal, issued_ms, ends_ms FROM hub_key"
		  " WHERE hub_id = ?1 AND state <> ?2");
	sql_bind_bytes(&q, 1, row->hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, KEY_DEAD);
	while (sql_row(&q)) {
		struct enrolment_key k = {
			.there = true,
			.epoch = (uint32_t)sql_get_int(&q, 2),
			.renewal = sql_get_int(&q, 3) != 0,
			.issued_ms = sql_get_int(&q, 4),
			.ends_ms = sql_get_int(&q, 5),
		};

		sql_get_fixed(&q, 0, k.spki, PIN_LEN);
		take_key(&row->e, &k, (enum key_state)sql_get_int(&q, 1), claimed_ms);
	}
	drop_strays(&row->e);
	return sql_end(&q);
}

/* hub is given; -ENOENT: nothing is known of it. */
static int load(struct store *s, struct enrol_row *row)
{
	struct claim claim;
	int64_t claimed_ms = 0;
	bool claimed;
	int r = claim_by_hub(s, row->hub, &claim);

	if (r < 0 && r != -ENOENT)
		return r;
	claimed = r == 0;
	if (claimed) {
		memcpy(row->e.device, claim.spki, PIN_LEN);
		memcpy(row->name, claim.name, sizeof(row->name));
		claimed_ms = claim.at_ms;
	}
	r = read_hub(s, row);
	if (r == 0)
		r = read_rest(s, row);
	if (r == 0)
		r = read_keys(s, row, row->has_hub ? 0 : claimed_ms);
	if (r < 0)
		return r;
	if (!row->has_hub)
		row->e.state = claimed ? HUB_PREREGISTERED : HUB_NONE;
	if (row->e.state == HUB_PREREGISTERED && row->e.issued.there)
		row->e.state = HUB_ISSUED;
	if (row->e.state == HUB_NONE || row->e.state == HUB_RETIRED ||
	    row->e.state == HUB_LOST)
		row->e.issued = row->e.emergency_issued = (struct enrolment_key){ 0 };
	return claimed || row->has_hub ? 0 : -ENOENT;
}

int enrol_store_find(struct store *s, const uint8_t spki[static PIN_LEN],
		     struct enrol_row *ret)
{
	struct enrol_row row = { .has_hub = false };
	int r = hub_of_key(s, spki, row.hub);

	if (r == 0)
		r = load(s, &row);
	if (r == 0)
		*ret = row;
	return r;
}

/* The row in 'enrolment' is the lock, as it is there for each hub that ever asked. */
int enrol_store_take(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		     int64_t now_ms, struct enrol_row *ret)
{
	struct enrol_row row = { .has_hub = false };
	struct sql_query q;
	int r;

	memcpy(row.hub, hub, HUB_ID_LEN);
	sql_start(s->db, &q,
		  "INSERT INTO enrolment (hub_id, tries, asked, approved, changed_ms)"
		  " VALUES (?1, 0, 0, 0, ?2)"
		  " ON CONFLICT (hub_id) DO UPDATE SET changed_ms = ?2");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, now_ms);
	r = sql_finish(&q);
	if (r == 0)
		r = load(s, &row);
	if (r == 0)
		*ret = row;
	return r;
}

/* --- keys ----------------------------------------------------------------------------- */

int enrol_store_taken(struct store *s, const uint8_t hub[static HUB_ID_LEN],
		      const uint8_t spki[static PIN_LEN])
{
	struct sql_query q;

	sql_start(
		s->db, &q,
		"SELECT 1 FROM hub_key WHERE spki = ?1 AND (hub_id <> ?2 OR state <> ?3)"
		" UNION SELECT 1 FROM hub WHERE spki = ?1"
		" UNION SELECT 1 FROM claim WHERE spki = ?1"
		" UNION SELECT 1 FROM ticket WHERE spki = ?1 LIMIT 1");
	sql_bind_bytes(&q, 1, spki, PIN_LEN);
	sql_bind_bytes(&q, 2, hub, HUB_ID_LEN);
	sql_bind_int(&q, 3, KEY_ISSUED);
	return sql_has(&q);
}

int enrol_store_put(struct store *s, const struct enrol_row *row, int64_t now_ms)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "UPDATE enrolment SET tries = ?2, asked = ?3, approved = ?4,"
		  " changed_ms = ?5, emergency_tries = ?6 WHERE hub_id = ?1");
	sql_bind_bytes(&q, 1, row->hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, row->e.tries);
	sql_bind_int(&q, 3, row->e.asked);
	sql_bind_int(&q, 4, row->e.approved);
	sql_bind_int(&q, 5, now_ms);
	sql_bind_int(&q, 6, row->e.emergency_tries);
	return sql_finish(&q);
}

static int end_keys(struct store *s, const uint8_t *hub, enum key_state which)
{
	struct sql_query q;

	sql_start(s->db, &q,
		  "UPDATE hub_key SET state = ?3 WHERE hub_id = ?1 AND state = ?2");
	sql_bind_bytes(&q, 1, hub, HUB_ID_LEN);
	sql_bind_int(&q, 2, which);
	sql_bind_int(&q, 3, KEY_DEAD);
	return sql_finish(&q);
}

int enrol_store_issue(struct store *s, const struct enrol_row *row, bool emergency,
		      const struct pki_cert *cert)
{
	enum key_state state = emergency ? KEY_EMERGENCY_ISSUED : KEY_ISSUED;
	const struct enrolment_key *k =
		emergency ? &row->e.emergency_issued : &row->e.issued;
	struct sql_query q;
	int r = end_keys(s, row->hub, state);

	if (r < 0)
		return r;
	sql_start(
		s->db, &q,
		"INSERT INTO hub_key (spki, hub_id, role, state, serial, epoch, renewal,"
		" certificate, issued_ms, ends_ms, confirmed_ms)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0)"
		" ON CONFLICT (spki) DO UPDATE SET state = ?4, serial = ?5, epoch = ?6,"
		" renewal = ?7, certificate = ?8, issued_ms = ?9, ends_ms = ?10"
		" WHERE hub_key.hub_id = ?2");
	sql_bind_bytes(&q, 1, k->spki, PIN_LEN);
	sql_bind_bytes(&q, 2, row->hub, HUB_ID_LEN);
	sql_bind_int(&q, 3, emergency ? KEY_OF_EMERGENCY : KEY_OPERATIONAL);
	sql_bind_int(&q, 4, state);
	sql_bind_bytes(&q, 5, cert->serial, PKI_SERIAL_LEN);
	sql_bind_int(&q, 6, k->epoch);
	sql_bind_int(&q, 7, k->renewal);
	sql_bind_bytes(&q, 8, cert->der, cert->len);
	sql_bind_int(&q, 9, k->issued_ms);
	sql_bind_int(&q, 10, k->ends_ms);
	return sql_finish(&q);
}

int enrol_store_certificate(struct store *s, const uint8_t spki[static PIN_LEN],
			    struct pki_cert *ret)
{
	struct sql_query q;

	sql_start(s->db, &q, "SELECT certificate, ends_ms FROM hub_key WHERE spki = ?1");
	sql_bind_bytes(&q, 1, spki, PIN_LEN);
	if (sql_one(&q)) {
		size_t len;
		const uint8_t *der = sql_get_bytes(&q, 0, &len);

		*ret = (struct pki_cert){ .len = len, .ends_ms = sql_get_int(&q, 1) };
		if (!der || len > sizeof(ret->der))
			q.err = q.err ? q.err : -EIO;
		else
			memcpy(ret->der, der, len);
	}
	return sql_end(&q);
}

/* --- confirmation --------------------------------------------------------------------- */

static int put_audit_key(struct store *s, const struct enrol_row *row,
			 const struct enrol_said *said)
{
	uint8_t kept[KEY_LEN];
	bool same;
	int r = witness_key_get(s, row->hub, said->epoch, kept);

	if (r == -ENOENT)
		return said->has_audit ? witness_key_put(s, row->hub, said->epoch,
							 said->audit_key)
				       : -EEXIST;
	same = r == 0 &&
	       (!said->has_audit || crypto_equal(kept, said->audit_key, KEY_LEN));
	crypto_wipe(kept, sizeof(kept));
	return r < 0 || same ? r : -EEXIST;
}

static int confirm_key(struct store *s, const struct enrol_row *row,
		       const struct enrolment_key *k, enum key_state state,
		       int64_t now_ms)
{
	struct sql_query q;
	int r = end_keys(s, row->hub, state);

	if (r < 0)
		return r;
	sql_start(s->db, &q,
		  "UPDATE hub_key SET state = ?2, epoch = ?3, confirmed_ms = ?4"
		  " WHERE spki = ?1");
	sql_bind_bytes(&q, 1, k->spki, PIN_LEN);
	sql_bind_int(&q, 2, state);
	sql_bind_int(&q, 3, k->epoch);
	sql_bind_int(&q, 4, now_ms);
	return sql_finish(&q);
}

/* As enrolment_on has it: what was issued beside the key before is nothing, and in a new epoch no emergency key is left. */
static int activate_key(struct store *s, const struct enrol_row *row, int64_t now_ms)
{
	int r = confirm_key(s, row, &row->e.active, KEY_ACTIVE, now_ms);

	if (r == 0)
		r = end_keys(s, row->hub, KEY_EMERGENCY_ISSUED);
	if (r == 0 && !row->e.emergency.there)
		r = end_keys(s, row->hub, KEY_EMERGENCY);
	return r;
}

/* Its name may have been given to another hub after it was claimed; its id is nobody else's. */
static int name_hub(struct store *s, const struct enrol_row *row,
		    char ret[static HUB_NAME_MAX + 1])
{
	struct hub other;
	int r = *row->name ? store_hub_by_name(s, row->name, &other) : 0;

	if (r == -ENOENT) {
		memcpy(ret, row->name, sizeof(row->name));
		return 0;
	}
	for (size_t i = 0; i < HUB_ID_LEN; i++)
		snprintf(ret + 2 * i, 3, "%02x", row->hub[i]);
	return r;
}

static int add_hub(struct store *s, const struct enrol_row *row,
		   const struct enrol_said *said, int64_t now_ms)
{
	struct hub h = { .epoch = row->e.epoch,
			 .state = row->e.state,
			 .added_ms = now_ms };
	int r = name_hub(s, row, h.name);

	memcpy(h.id, row->hub, HUB_ID_LEN);
	memcpy(h.spki, row->e.active.spki, PIN_LEN);
	memcpy(h.sign_public, said->sign_public, P256_PUBLIC_LEN);
	return r < 0 ? r : store_hub_put(s, &h);
}

/* In a new epoch it has a new key for batches, and needs a config for that; in the same one the key stays, or what it queued before would be refused. */
static int change_hub(struct store *s, const struct enrol_row *row,
		      const struct enrol_said *said, int64_t now_ms)
{
	struct sql_query q;
	bool done;
	int r;

	sql_start(s->db, &q,
		  "UPDATE hub SET spki = ?2, epoch = ?3, sign_public = ?4, state = ?5,"
		  " config_wanted = CASE WHEN epoch = ?3 THEN config_wanted ELSE 0 END,"
		  " config_used = CASE WHEN epoch = ?3 THEN config_used ELSE 0 END,"
		  " again_ms = CASE WHEN epoch = ?3 THEN again_ms ELSE ?6 END"
		  " WHERE hub_id = ?1 AND (epoch <> ?3 OR sign_public = ?4) RETURNING 1");
	sql_bind_bytes(&q, 1, row->hub, HUB_ID_LEN);
	sql_bind_bytes(&q, 2, row->e.active.spki, PIN_LEN);
	sql_bind_int(&q, 3, row->e.epoch);
	sql_bind_bytes(&q, 4, said->sign_public, P256_PUBLIC_LEN);
	sql_bind_int(&q, 5, row->e.state);
	sql_bind_int(&q, 6, now_ms);
	done = sql_row(&q);
	r = sql_end(&q);
	return r < 0 || done ? r : -EEXIST;
}

static int write_again(struct store *s, const struct enrol_row *row, int64_t now_ms)
{
	struct journal_entry e = { .act = JOURNAL_NEW_LIFE,
				   .at_ms = now_ms,
				   .count = row->e.epoch,
				   .who = "the hub",
				   .why = "it enrolled again, as after a factory reset" };
	int r = store_journal_next(s, row->hub, &e.number);

	return r < 0 ? r : store_journal_add(s, row->hub, &e);
}

int enrol_store_activate(struct store *s, const struct enrol_row *row,
			 const struct enrol_said *said, int64_t now_ms)
{
	int r = row->has_hub ? change_hub(s, row, said, now_ms)
			     : add_hub(s, row, said, now_ms);

	if (r == 0 && row->has_hub && !row->e.active.renewal)
		r = write_again(s, row, now_ms);
	if (r == 0)
		r = put_audit_key(s, row, said);
	if (r == 0)
		r = activate_key(s, row, now_ms);
	return r < 0 ? r : enrol_store_put(s, row, now_ms);
}

int enrol_store_activate_emergency(struct store *s, const struct enrol_row *row,
				   int64_t now_ms)
{
	int r = confirm_key(s, row, &row->e.emergency, KEY_EMERGENCY, now_ms);

	return r < 0 ? r : enrol_store_put(s, row, now_ms);
}

int enrol_store_agrees(struct store *s, const struct enrol_row *row,
		       const struct enrol_said *said)
{
	uint8_t kept[KEY_LEN];
	struct hub h;
	bool same;
	int r = store_hub_by_spki(s, row->e.active.spki, &h);

	if (r == 0)
		r = witness_key_get(s, row->hub, row->e.epoch, kept);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	same = (!said->has_audit || crypto_equal(kept, said->audit_key, KEY_LEN)) &&
	       memcmp(h.sign_public, said->sign_public, P256_PUBLIC_LEN) == 0;
	crypto_wipe(kept, sizeof(kept));
	return same;
}

/* --- all of them ---------------------------------------------------------------------- */

enum { PAGE = 64 }; /* as in the statement */

/* The next ids behind 'after'. Returns how many, or an error. */
static int read_ids(struct store *s, const uint8_t after[static HUB_ID_LEN],
		    uint8_t ids[static PAGE][HUB_ID_LEN])
{
	struct sql_query q;
	int n = 0, r;

	sql_start(s->db, &q,
		  "SELECT hub_id FROM enrolment WHERE hub_id > ?1"
		  " UNION SELECT hub_id FROM claim WHERE hub_id > ?1"
		  " ORDER BY hub_id LIMIT 64");
	sql_bind_bytes(&q, 1, after, HUB_ID_LEN);
	while (n < PAGE && sql_row(&q))
		sql_get_fixed(&q, 0, ids[n++], HUB_ID_LEN);
	r = sql_end(&q);
	return r < 0 ? r : n;
}

int enrol_store_page(struct store *s, const uint8_t after[static HUB_ID_LEN],
		     unsigned most, enrol_row_fn *fn, void *arg)
{
	uint8_t ids[PAGE][HUB_ID_LEN], at[HUB_ID_LEN];
	unsigned given = 0;
	int r = 0, n;

	memcpy(at, after, sizeof(at));
	do {
		n = read_ids(s, at, ids);
		for (int i = 0; r == 0 && i < n && given < most; i++) {
			struct enrol_row row = { .has_hub = false };

			memcpy(at, ids[i], sizeof(at));
			memcpy(row.hub, ids[i], sizeof(row.hub));
			r = load(s, &row);
			given += r == 0;
			if (r == 0)
				r = fn(arg, &row);
			else if (r == -ENOENT)
				r = 0; /* a claim that was taken back */
		}
	} while (r == 0 && n == PAGE && given < most);
	return n < 0 ? n : r;
}

/* Ids are hashes: none is all zeros. */
int enrol_store_each(struct store *s, enrol_row_fn *fn, void *arg)
{
	static const uint8_t first[HUB_ID_LEN];

	return enrol_store_page(s, first, ENROL_LIST_MAX, fn, arg);
}
