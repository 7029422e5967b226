#pragma once

/*
 * accounts.h - what the clinic is to hear of sessions at the console, until hub-store has it durably. Pure: hubd's shell
 * (hubd_account.c) reports what happened, keeps the bytes on the disk, and sends the first one.
 *
 * State diagram and invariants: accounts.c.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/console_account.h"
#include "hub/core/time.h"

enum {
	ACCOUNTS_MAX = 8, /* that wait; then the oldest gives way */
	ACCOUNTS_WRONG_MS =
		60 * 60 * 1000, /* one that only tells of wrong tokens at most so often */
	ACCOUNTS_BYTES_MAX = 32 + ACCOUNTS_MAX * (CONSOLE_ACCOUNT_BYTES_MAX + 3),
};

/* Fields are private but for 'changed'. */
struct accounts {
	uint64_t next;			     /* number of the next one */
	uint32_t wrong;			     /* tokens since the last one */
	struct mono wrong_since, wrong_from; /* no account of them alone before */
	bool open; /* the last one is of the session that is open */
	struct mono began;
	struct mono asked[CONSOLE_ACCOUNT_ROWS_MAX]; /* of the open one's rows */
	uint8_t count;
	struct console_account list[ACCOUNTS_MAX]; /* oldest first */
	bool changed; /* since the shell has looked: to the disk */
};

void accounts_init(struct accounts *a);

/* accounts_on_login - who: level, began_s, clock, technician, voice, signers; the rest is accounts'. */
void accounts_on_login(struct accounts *a, const struct console_account *who,
		       struct mono now);
/*
 * accounts_on_verb - a verb was answered, or begun. Nothing if no session is open.
 *
 * result   enum console_why or CONSOLE_ACCOUNT_BEGUN; of a verb that was begun its row gets it
 * asked    when it was typed
 */
void accounts_on_verb(struct accounts *a, uint8_t verb, uint8_t result, struct mono asked,
		      struct mono now);
void accounts_on_end(struct accounts *a, enum console_end end, struct mono now);
/* accounts_on_wrong - so many more tokens were no good. */
void accounts_on_wrong(struct accounts *a, uint32_t count, struct mono now);
/* accounts_on_time - at accounts_deadline. when: level, clock, and in began_s the time now. */
void accounts_on_time(struct accounts *a, const struct console_account *when,
		      struct mono now);
struct mono accounts_deadline(const struct accounts *a);

/* accounts_first - the one to send, borrowed until the next call; NULL: there is none. It does not change any more. */
const struct console_account *accounts_first(const struct accounts *a);
/* accounts_on_taken - that one, if it is of this number, is durable elsewhere. */
void accounts_on_taken(struct accounts *a, uint64_t number);

/* accounts_encode - as on the disk. Returns the length. Pure. */
int accounts_encode(const struct accounts *a, uint8_t buf[static ACCOUNTS_BYTES_MAX]);
/* accounts_decode - after a start: a session that was open was cut off. Returns 0, -EBADMSG, -EMSGSIZE, -ERANGE, -ENOTSUP. Pure. */
int accounts_decode(const uint8_t *buf, size_t len, struct mono now,
		    struct accounts *ret);
