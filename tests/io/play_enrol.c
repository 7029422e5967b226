/*
 * play_enrol.c - what people decide about hubs that enrol, for tests in other languages.
 *
 *   play_enrol CLINIC claim SPKI NAME    SPKI: 64 hexadecimal digits, the hash of a hub's own key
 *   play_enrol CLINIC cancel SPKI
 *   play_enrol CLINIC state NAME STATE   of the hub's row: its number
 *   play_enrol CLINIC age HOURS          all that was issued or confirmed was so much earlier
 *   play_enrol CLINIC status NAME STATE TROUBLE   the hub says so of itself: numbers
 *   play_enrol CLINIC rows               one line each: name, state, epoch, tries, active and issued key
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clinic/enrol_store.h"
#include "clinic/folder.h"
#include "clinic/store_claim.h"
#include "clinic/store_inside.h"
#include "clinic/store_status.h"
#include "hub/crypto/crypto.h"

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "play_enrol: %s\n", what);
	exit(1);
}

static void read_spki(const char *text, uint8_t ret[static PIN_LEN])
{
	need(strlen(text) == 2 * PIN_LEN, "SPKI has 64 digits");
	for (size_t i = 0; i < PIN_LEN; i++) {
		unsigned v;

		need(sscanf(text + 2 * i, "%2x", &v) == 1, "SPKI");
		ret[i] = (uint8_t)v;
	}
}

static int claim(struct store *s, const char *spki, const char *name)
{
	struct claim c = { .at_ms = (int64_t)time(NULL) * 1000, .by = "test" }, other;

	read_spki(spki, c.spki);
	snprintf(c.name, sizeof(c.name), "%s", name);
	return claim_put(s, &c, &other) == CLAIM_DONE ? 0 : -1;
}

static int cancel(struct store *s, const char *spki)
{
	uint8_t key[PIN_LEN];

	read_spki(spki, key);
	return claim_cancel(s, key, (int64_t)time(NULL) * 1000, "test", "test") ==
			       CLAIM_DONE
		       ? 0
		       : -1;
}

static int set_state(struct store *s, const char *name, const char *state)
{
	struct hub h;
	int r = store_hub_lock(s, name, &h);

	return r < 0 ? r : store_hub_state(s, h.id, (enum hub_state)atoi(state));
}

static int say_status(struct store *s, const char *name, const char *state,
		      const char *trouble)
{
	struct status st = { .enrolment = (enum enrol_state)atoi(state),
			     .trouble = (enum enrol_trouble)atoi(trouble) };
	uint8_t bytes[BATCH_STATUS_MAX];
	struct hub h;
	int n = status_encode(&st, bytes, sizeof(bytes)),
	    r = n < 0 ? n : store_hub_lock(s, name, &h);

	return r < 0 ? r
		     : store_status_put(s, h.id, h.epoch, bytes, (size_t)n,
					(int64_t)time(NULL) * 1000);
}

static int make_older(struct store *s, const char *hours)
{
	struct sql_query q;

	sql_start(
		s->db, &q,
		"UPDATE hub_key SET issued_ms = issued_ms - ?1, ends_ms = ends_ms - ?1");
	sql_bind_int(&q, 1, (int64_t)atoi(hours) * 3600 * 1000);
	return sql_finish(&q);
}

static void print_key(const struct enrolment_key *k)
{
	if (!k->there)
		printf(" -");
	else
		printf(" %02x%02x%02x%02x/%u%s", k->spki[0], k->spki[1], k->spki[2],
		       k->spki[3], k->epoch, k->renewal ? "r" : "");
}

static int print_row(void *arg, const struct enrol_row *row)
{
	(void)arg;
	printf("%s %s %u %u", row->name, hub_state_text(row->e.state), row->e.epoch,
	       row->e.tries);
	print_key(&row->e.active);
	print_key(&row->e.issued);
	printf("%s%s\n", row->e.asked ? " asked" : "",
	       row->e.approved ? " approved" : "");
	return enrolment_invariants(&row->e) ? 0 : -1;
}

int main(int argc, char **argv)
{
	char why[FOLDER_WHY_MAX] = "";
	struct store *s = NULL;
	const char *verb = argc > 2 ? argv[2] : "";
	int r = -1;

	need(argc > 2 && crypto_init() == 0, "usage: see play_enrol.c");
	need(folder_open_store(argv[1], &s, why) == 0, why);
	need(store_begin(s) == 0, "BEGIN");
	if (argc == 5 && strcmp(verb, "claim") == 0)
		r = claim(s, argv[3], argv[4]);
	else if (argc == 4 && strcmp(verb, "cancel") == 0)
		r = cancel(s, argv[3]);
	else if (argc == 5 && strcmp(verb, "state") == 0)
		r = set_state(s, argv[3], argv[4]);
	else if (argc == 6 && strcmp(verb, "status") == 0)
		r = say_status(s, argv[3], argv[4], argv[5]);
	else if (argc == 4 && strcmp(verb, "age") == 0)
		r = make_older(s, argv[3]);
	else if (argc == 3 && strcmp(verb, "rows") == 0)
		r = enrol_store_each(s, print_row, NULL);
	need(r == 0, "not done");
	need(store_commit(s) == 0, "COMMIT");
	store_close(s);
	crypto_done();
	return 0;
}
