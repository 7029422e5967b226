/*
 * accounts.c - see accounts.h.
 *
 *   none -> open     somebody has logged in, in accounts_on_login; one that is open ends as AGAIN then
 *   open -> waits    the session's end, in accounts_on_end; a start finds it cut off, in accounts_decode
 *   none -> waits    wrong tokens and nobody in for ACCOUNTS_WRONG_MS, in accounts_on_time
 *   waits -> gone    hub-store has it, in accounts_on_taken; or ACCOUNTS_MAX newer ones came, in append
 *
 * Invariants
 *   1. Numbers ascend without a gap from one that is made to the next; one that is given up is missed by the clinic.
 *   2. What waits does not change: told twice, it is the same twice.
 *   3. Wrong tokens are in one account, or still to come.
 */
#include "hub/accounts.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cbor.h"

enum { FILE_VERSION = 1, FILE_ITEMS = 4 };

void accounts_init(struct accounts *a)
{
	*a = (struct accounts){ .next = 1 };
}

static struct console_account *append(struct accounts *a,
				      const struct console_account *what)
{
	if (a->count == ACCOUNTS_MAX) {
		a->count--;
		memmove(&a->list[0], &a->list[1], a->count * sizeof(a->list[0]));
	}
	a->list[a->count] = *what;
	a->list[a->count].number = a->next++;
	a->list[a->count].wrong = a->wrong;
	a->wrong = 0;
	a->changed = true;
	return &a->list[a->count++];
}

static uint32_t seconds(struct mono now, struct mono since)
{
	uint64_t s = mono_since(now, since) / 1000;

	return s < UINT32_MAX ? (uint32_t)s : UINT32_MAX;
}

static struct console_account *opened(struct accounts *a)
{
	return a->open ? &a->list[a->count - 1] : NULL;
}

static void close_it(struct accounts *a, uint8_t end, struct mono now)
{
	struct console_account *c = opened(a);

	if (!c)
		return;
	c->end = end;
	c->lasted_s = seconds(now, a->began);
	a->open = false;
	a->changed = true;
}

void accounts_on_login(struct accounts *a, const struct console_account *who,
		       struct mono now)
{
	struct console_account *c;

	close_it(a, CONSOLE_ACCOUNT_AGAIN, now);
	c = append(a, who);
	c->end = CONSOLE_ACCOUNT_CUT_OFF; /* as the disk has it, until it ends */
	c->lasted_s = 0;
	c->row_count = 0;
	c->more = 0;
	a->open = true;
	a->began = now;
}

/* The one of this verb that has no answer yet. */
static struct console_account_row *begun_row(const struct accounts *a,
					     struct console_account *c, uint8_t verb,
					     struct mono *ret_asked)
{
	for (size_t i = c->row_count; i-- > 0;)
		if (c->rows[i].verb == verb &&
		    c->rows[i].result == CONSOLE_ACCOUNT_BEGUN) {
			*ret_asked = a->asked[i];
			return &c->rows[i];
		}
	return NULL;
}

static uint32_t took_ms(struct mono now, struct mono asked)
{
	uint64_t ms = mono_since(now, asked);

	return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

void accounts_on_verb(struct accounts *a, uint8_t verb, uint8_t result, struct mono asked,
		      struct mono now)
{
	struct console_account *c = opened(a);
	struct console_account_row *r;

	if (!c)
		return;
	r = begun_row(a, c, verb, &asked);
	if (!r && c->row_count == CONSOLE_ACCOUNT_ROWS_MAX) {
		c->more += c->more < UINT32_MAX;
		return; /* to the disk when it ends: nobody wears that out by typing */
	}
	if (!r) {
		a->asked[c->row_count] = asked;
		r = &c->rows[c->row_count++];
	}
	*r = (struct console_account_row){ verb, result, took_ms(now, asked) };
	c->lasted_s = seconds(now, a->began);
	a->changed = true;
}

void accounts_on_end(struct accounts *a, enum console_end end, struct mono now)
{
	close_it(a, (uint8_t)end, now);
}

void accounts_on_wrong(struct accounts *a, uint32_t count, struct mono now)
{
	if (count == 0)
		return;
	if (a->wrong == 0)
		a->wrong_since = now;
	a->wrong = count < UINT32_MAX - a->wrong ? a->wrong + count : UINT32_MAX;
	a->changed = true;
}

struct mono accounts_deadline(const struct accounts *a)
{
	return a->wrong > 0 && !a->open ? a->wrong_from : MONO_NEVER;
}

void accounts_on_time(struct accounts *a, const struct console_account *when,
		      struct mono now)
{
	struct console_account c = { .end = CONSOLE_ACCOUNT_WRONG,
				     .level = when->level,
				     .clock = when->clock };

	if (!mono_reached(now, accounts_deadline(a)))
		return;
	c.lasted_s = seconds(now, a->wrong_since);
	c.began_s = when->began_s > c.lasted_s ? when->began_s - c.lasted_s : 0;
	(void)append(a, &c);
	a->wrong_from = mono_add(now, ACCOUNTS_WRONG_MS);
}

const struct console_account *accounts_first(const struct accounts *a)
{
	return a->count > (a->open ? 1 : 0) ? &a->list[0] : NULL;
}

void accounts_on_taken(struct accounts *a, uint64_t number)
{
	const struct console_account *c = accounts_first(a);

	if (!c || c->number != number)
		return;
	a->count--;
	memmove(&a->list[0], &a->list[1], a->count * sizeof(a->list[0]));
	a->changed = true;
}

/* --- the file -------------------------------------------------------------------------------- */

int accounts_encode(const struct accounts *a, uint8_t buf[static ACCOUNTS_BYTES_MAX])
{
	uint8_t one[CONSOLE_ACCOUNT_BYTES_MAX];
	struct writer w;

	writer_init(&w, buf, ACCOUNTS_BYTES_MAX);
	cb_put_array(&w, FILE_ITEMS);
	cb_put_uint(&w, FILE_VERSION);
	cb_put_uint(&w, a->next);
	cb_put_uint(&w, a->wrong);
	cb_put_array(&w, a->count);
	for (size_t i = 0; i < a->count; i++) {
		int n = console_account_encode(&a->list[i], one, sizeof(one));

		if (n < 0)
			return n;
		cb_put_bytes(&w, one, (size_t)n);
	}
	return writer_len(&w);
}

/* Returns false for one that does not follow the one before. */
static bool get_one(struct cb *c, struct accounts *a)
{
	uint64_t before = a->count ? a->list[a->count - 1].number : 0;
	struct console_account *to = &a->list[a->count];
	const uint8_t *bytes;
	size_t len;

	bytes = cb_get_bytes(c, &len);
	if (cb_error(c) || console_account_decode(bytes, len, to))
		return false;
	a->count++;
	return to->number > before && to->number < a->next;
}

int accounts_decode(const uint8_t *buf, size_t len, struct mono now, struct accounts *ret)
{
	struct accounts a = { .wrong_since = now };
	bool good = true;
	struct cb c;
	size_t n;

	if (len > ACCOUNTS_BYTES_MAX)
		return -EMSGSIZE;
	cb_init(&c, buf, len);
	if (cb_get_array(&c, FILE_ITEMS) != FILE_ITEMS)
		cb_fail(&c, -EBADMSG);
	if (!cb_error(&c) && cb_get_uint(&c) != FILE_VERSION)
		cb_fail(&c, -ENOTSUP);
	a.next = cb_get_uint(&c);
	a.wrong = (uint32_t)cb_get_uint_max(&c, UINT32_MAX);
	n = cb_get_array(&c, ACCOUNTS_MAX);
	for (size_t i = 0; good && i < n; i++)
		good = get_one(&c, &a);
	if (cb_finish(&c))
		return cb_finish(&c);
	if (!good || a.next == 0)
		return -ERANGE;
	*ret = a;
	return 0;
}
