#pragma once

/*
 * door_answer.h - the clinic's side of the door: one question, answered from the store in one transaction.
 *
 * The same code answers in clinicd, and in clinicctl when it is given the clinic's folder itself.
 *
 * Invariants
 *   1. Each question of a person leaves a line in the record (store_person.h), also if it is refused; with a change in the
 *      same transaction. The owner of a folder who opens it directly is not recorded: nothing would hold them to it.
 *   2. No answer says that something was changed before the COMMIT.
 *   3. A config is kept only if the clinic's key signed it, for this hub and this life of it, above all versions before.
 */
#include "clinic/door.h"
#include "clinic/store.h"

struct door_asker {
	enum door_role role;
	char name[JOURNAL_WHO_MAX +
		  1]; /* what journals say; the owner may say another one */
	bool recorded;
};

/* What is answered from. */
struct door_clinic {
	struct store *store;
	const char *dir; /* the clinic's folder: config.pub and what names the clinic */
	/* a COMMIT failed, and nobody knows what is on the disk: the store is to be closed */
	bool failed;
};

/* What was asked and what came of it, for a log. */
struct door_note {
	enum door_op op;
	enum door_code code;
	int err;
};

/*
 * door_answer - in, len: the question as it came.
 *
 * out    DOOR_BYTES_MAX bytes; the answer may have passkeys in it: to be wiped
 *
 * Returns the length of the answer; there always is one.
 */
size_t door_answer(struct door_clinic *c, const struct door_asker *asker, int64_t now_ms,
		   const uint8_t *in, size_t len, uint8_t out[static DOOR_BYTES_MAX],
		   struct door_note *ret);
