#pragma once

/*
 * store_person.h - the persons who may use the clinic's door, and the record of what they asked. A part of the interface
 * of store.h, with its rules.
 *
 * Invariants
 *   1. The row decides: a certificate or a user of the machine without a row in force is nobody.
 *   2. A person is never removed, only revoked: names in the record keep their meaning, and a name is not given twice.
 *   3. A line of the record is never changed.
 */
#include "clinic/door.h"
#include "clinic/store.h"

enum { PERSON_NO_UID = -1 };

struct person {
	char name[JOURNAL_WHO_MAX + 1]; /* unique; what journals say */
	enum door_role role;
	int64_t uid; /* of the machine that clinicd runs on, or PERSON_NO_UID */
	bool has_key;
	uint8_t spki[PIN_LEN];	      /* of the certificate, if has_key */
	int64_t added_ms, revoked_ms; /* UTC; 0: in force */
	int64_t renewed_ms; /* when it got the key of now; 0: when it was added */
	char by[JOURNAL_WHO_MAX + 1]; /* who added it */
};

/* store_person_since - when the certificate that it has was made. Pure. */
static inline int64_t store_person_since(const struct person *p)
{
	return p->renewed_ms ? p->renewed_ms : p->added_ms;
}

/* store_person_add - Returns also -EEXIST: the name was given before, or the uid or key is that of a person in force. */
int store_person_add(struct store *s, const struct person *p);
/* store_person_revoke - Returns also -ENOENT: nobody of this name is in force. */
int store_person_revoke(struct store *s, const char *name, int64_t now_ms);
/* store_person_renew - another key; the one before is nobody's from then on. Returns also -ENOENT: nobody of this name is in force
 * by a key. */
int store_person_renew(struct store *s, const char *name,
		       const uint8_t spki[static PIN_LEN], int64_t now_ms);
/* Of a person in force; -ENOENT. */
int store_person_by_name(struct store *s, const char *name, struct person *ret);
int store_person_by_uid(struct store *s, int64_t uid, struct person *ret);
int store_person_by_spki(struct store *s, const uint8_t spki[static PIN_LEN],
			 struct person *ret);
/* store_person_each - by name, those who are revoked included; fn as in store_hub_each. */
typedef int store_person_fn(void *arg, const struct person *p);
int store_person_each(struct store *s, store_person_fn *fn, void *arg);

/* A line of the record. */
struct asked {
	int64_t at_ms; /* UTC */
	char who[JOURNAL_WHO_MAX + 1];
	enum door_role role;
	enum door_op op;
	enum door_code code;	     /* what came of it */
	char name[HUB_NAME_MAX + 1]; /* hub or claim that was named; "" */
};

int store_asked_add(struct store *s, const struct asked *a);
/* store_asked_each - the newest 'most' of them, newest first. */
typedef int store_asked_fn(void *arg, const struct asked *a);
int store_asked_each(struct store *s, unsigned most, store_asked_fn *fn, void *arg);
