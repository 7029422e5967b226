/*
 * ctl_console.c - clinicctl console: who was at a hub's console, when, how long, what was done there and how it ended.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clinic/console_load.h"
#include "clinic/ctl.h"
#include "clinic/ctl_decide.h"
#include "clinic/folder.h"
#include "clinic/json.h"
#include "clinic/store_command.h"
#include "clinic/words.h"
#include "hub/core/verbs.h"
#include "hub/crypto/crypto.h"

enum { NAME_TEXT_MAX = SIGNER_NAME_MAX + 16 };

struct args {
	const char *dir, *hub;
	bool json;
};

/* All that is shown, and who the numbers are. */
struct shown {
	struct console_list list;
	struct signer_row signers[SIGNERS_MAX];
	size_t signer_count;
};

static int take(int argc, char **argv, struct args *a)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*a = (struct args){ 0 };
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			return ctl_misused(&ctl_console, "console: nothing was done");
		a->json = true;
	}
	if (!ctl_operands(&ctl_console, argc, argv, optind, 2))
		return CTL_USAGE;
	a->dir = argv[optind];
	a->hub = argv[optind + 1];
	return CTL_OK;
}

/* Who was removed since is a number. */
static const char *person(const struct shown *s, uint32_t number,
			  char buf[static NAME_TEXT_MAX])
{
	for (size_t i = 0; i < s->signer_count; i++)
		if (s->signers[i].signer.person == number)
			return s->signers[i].name;
	(void)snprintf(buf, NAME_TEXT_MAX, "person %" PRIu32, number);
	return buf;
}

static const char *verb_name(uint8_t verb)
{
	const struct verb_row *r = verb_row((enum verb)verb);

	return r ? r->name : "?";
}

/* --- for a person --------------------------------------------------------------------------------- */

static void print_who(const struct shown *s, const struct console_account *a)
{
	char buf[NAME_TEXT_MAX];

	if (a->end == CONSOLE_ACCOUNT_WRONG) {
		printf("nobody got in");
		return;
	}
	if (a->voice) {
		printf("somebody, by a code that was read out");
		return;
	}
	printf("%s", person(s, a->technician, buf));
	for (size_t i = 0; i < a->signer_count; i++)
		printf("%s%s", i ? " and " : ", signed by ",
		       person(s, a->signers[i], buf));
}

static void print_one(const struct shown *s, const struct console_kept *k)
{
	const struct console_account *a = &k->account;
	char at[WORDS_TIME_MAX], span[WORDS_SPAN_MAX];

	printf("%s%s  ", words_time(a->began_s * 1000, 0, false, at),
	       a->clock == CLOCK_QUALITY_CLINIC ? "" : " (by a clock that may be wrong)");
	print_who(s, a);
	printf(", level %u, %s%s", (unsigned)a->level,
	       a->end == CONSOLE_ACCOUNT_CUT_OFF ? "at least " : "",
	       words_span((uint64_t)a->lasted_s * 1000, span));
	if (a->end != CONSOLE_ACCOUNT_WRONG)
		printf(", ended by %s", console_account_end_text(a->end));
	if (a->wrong)
		printf("; wrong tokens %sbefore: %" PRIu32,
		       a->end == CONSOLE_ACCOUNT_WRONG ? "in it and ten minutes " : "",
		       a->wrong);
	printf("\n");
	for (size_t i = 0; i < a->row_count; i++)
		printf("    %-16s %-18s %s\n", verb_name(a->rows[i].verb),
		       console_result_text(a->rows[i].result),
		       words_span(a->rows[i].ms, span));
	if (a->more)
		printf("    and %" PRIu32 " more\n", a->more);
}

static void print_text(const struct args *a, const struct shown *s)
{
	const struct console_list *l = &s->list;

	if (l->count == 0)
		printf("Hub '%s' has told of nobody at its console since it was "
		       "enrolled.\n",
		       a->hub);
	for (size_t i = 0; i < l->count; i++)
		print_one(s, &l->kept[i]);
	if (l->older)
		printf("%" PRIu64 " older ones are left out.\n", l->older);
	if (l->missing)
		printf("%" PRIu64 " between these never came: the hub's audit log has "
		       "what was done.\n",
		       l->missing);
	if (l->unread || l->unopened)
		printf("%u are of a form that this program does not know, %u did not "
		       "open.\n",
		       l->unread, l->unopened);
}

/* --- for a program -------------------------------------------------------------------------------- */

static void add_people(cJSON *o, const struct shown *s, const struct console_account *a)
{
	char buf[NAME_TEXT_MAX];
	cJSON *by;

	if (a->technician)
		json_text(o, "technician", person(s, a->technician, buf));
	else
		json_null(o, "technician");
	json_uint(o, "technician_number", a->technician);
	json_bool(o, "voice", a->voice);
	by = json_array_in(o, "signed_by");
	for (size_t i = 0; i < a->signer_count; i++)
		json_text_item(by, person(s, a->signers[i], buf));
}

static void add_one(cJSON *o, const struct shown *s, const struct console_kept *k)
{
	const struct console_account *a = &k->account;
	char at[WORDS_TIME_MAX];
	cJSON *verbs;

	json_uint(o, "number", a->number);
	json_text(o, "began", words_time(a->began_s * 1000, 0, true, at));
	json_text(o, "clock", clock_quality_text(a->clock));
	json_uint(o, "lasted_s", a->lasted_s);
	json_text(o, "received", words_time(k->received_ms, 0, true, at));
	json_text(o, "ended", console_account_end_text(a->end));
	json_uint(o, "level", a->level);
	add_people(o, s, a);
	json_uint(o, "wrong_tokens", a->wrong);
	verbs = json_array_in(o, "verbs");
	for (size_t i = 0; i < a->row_count; i++) {
		cJSON *one = json_item(verbs);

		json_text(one, "verb", verb_name(a->rows[i].verb));
		json_text(one, "result", console_result_text(a->rows[i].result));
		json_uint(one, "ms", a->rows[i].ms);
	}
	json_uint(o, "more", a->more);
}

static void print_json(const struct args *a, const struct shown *s)
{
	const struct console_list *l = &s->list;
	cJSON *o = json_object(), *all;

	json_text(o, "hub", a->hub);
	all = json_array_in(o, "sessions");
	for (size_t i = 0; i < l->count; i++)
		add_one(json_item(all), s, &l->kept[i]);
	json_uint(o, "older", l->older);
	json_uint(o, "missing", l->missing);
	json_uint(o, "unread", l->unread);
	json_uint(o, "unopened", l->unopened);
	json_print(o);
}

/* --- the verb ------------------------------------------------------------------------------------- */

static int load(const struct args *a, struct store *store, struct shown *s)
{
	struct opening_key key;
	struct hub hub;
	int r = store_hub_by_name(store, a->hub, &hub);

	if (r < 0)
		return ctl_store_failed(a->dir, a->hub, r);
	r = ctl_load_key(a->dir, &key);
	if (r != CTL_OK)
		return r;
	r = console_load(store, &hub, &key, &s->list);
	crypto_wipe(&key, sizeof(key));
	if (r == 0)
		r = store_signers(store, s->signers, &s->signer_count);
	if (r == -EKEYREJECTED)
		return ctl_complain(CTL_FAILED,
				    "what '%s' has sent does not open with the sealing "
				    "keys in %s",
				    a->hub, a->dir);
	return r < 0 ? ctl_store_failed(a->dir, a->hub, r) : CTL_OK;
}

static int run(int argc, char **argv)
{
	static struct shown s;
	char why[FOLDER_WHY_MAX];
	struct store *store;
	struct args a;
	int r = take(argc, argv, &a);

	if (r != CTL_OK)
		return r;
	r = folder_open_store(a.dir, &store, why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = load(&a, store, &s);
	store_close(store);
	if (r != CTL_OK)
		return r;
	if (a.json)
		print_json(&a, &s);
	else
		print_text(&a, &s);
	return s.list.missing || s.list.unread || s.list.unopened ? CTL_LOSSES : CTL_OK;
}

const struct ctl_verb ctl_console = {
	.name = "console",
	.what = "who was at a hub's console, and what was done there",
	.usage =
		"Usage: clinicctl console DIR HUB [--json]\n"
		"Shows each session at the hub's console, as the hub has told of it: "
		"who, "
		"whose signatures let\n"
		"him in, when, how long, each verb with its result and duration, and how "
		"it ended; and how many\n"
		"wrong tokens there were. What it did not come to tell is in its audit "
		"log.\n\n"
		"  --json  one JSON object\n\n"
		"Exit status: 0; 3 some of it never came, or cannot be read.\n",
	.run = run,
};
