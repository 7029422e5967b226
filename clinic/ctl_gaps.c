/*
 * ctl_gaps.c - clinicctl gaps: is everything here that a hub ever numbered? Asked of gaps.h.
 *
 * The first line says it all. What comes while it is read is left out (gaps_load.h), so that it is no gap.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clinic/ctl.h"
#include "clinic/ctl_decide.h"
#include "clinic/files.h"
#include "clinic/gaps_load.h"
#include "clinic/gaps_words.h"
#include "clinic/json.h"
#include "clinic/remote.h"
#include "clinic/words.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"

enum {
	LINES_SHOWN = 40,
};

/* --- for a person --------------------------------------------------------------------------------- */

static uint64_t unaccounted(const struct gaps *g)
{
	return g->count[GAPS_LOST] + g->count[GAPS_UNEXPLAINED];
}

/* "12 were given up (10 for want of space, 2 refused here)", as far as there are any. */
static void print_losses(const struct gaps *g)
{
	static const char *const words[TOMBSTONE_CAUSES] = {
		[TOMBSTONE_EVICTED] = "no space",
		[TOMBSTONE_DAMAGED] = "damaged",
		[TOMBSTONE_SKIPPED] = "never used",
		[TOMBSTONE_DISCARDED] = "discarded by order",
		[TOMBSTONE_REFUSED] = "refused here",
		[TOMBSTONE_DELIVERED] = "lost here",
		[TOMBSTONE_EVIDENCE] = "evidence, no space",
	};
	const char *comma = "";

	if (g->count[GAPS_GIVEN_UP] == 0)
		return;
	printf("; %" PRIu64 " %s given up (", g->count[GAPS_GIVEN_UP],
	       g->count[GAPS_GIVEN_UP] == 1 ? "was" : "were");
	for (size_t i = 1; i < TOMBSTONE_CAUSES; i++) {
		if (g->given_up_count[i] == 0)
			continue;
		printf("%s%" PRIu64 " %s", comma, g->given_up_count[i], words[i]);
		comma = ", ";
	}
	printf(")");
}

static void print_summary(const struct gaps *g)
{
	const uint64_t missing = unaccounted(g);

	if (g->highest == 0) {
		printf(g->verdict == GAPS_COMPLETE
			       ? "Complete: the hub has not given a number yet"
			       : "NOT COMPLETE");
	} else if (g->verdict != GAPS_NOT_COMPLETE) {
		printf("Complete: every number from 1 to %" PRIu64 " is accounted for",
		       g->highest);
	} else if (missing) {
		printf("NOT COMPLETE: of the numbers 1 to %" PRIu64 ", %" PRIu64
		       " %s not accounted for",
		       g->highest, missing, missing == 1 ? "is" : "are");
	} else {
		printf("NOT PROVEN: every number from 1 to %" PRIu64
		       " is accounted for, but what the hub says contradicts itself",
		       g->highest);
	}
	print_losses(g);
	if (g->count[GAPS_RECOVERED])
		printf("; %" PRIu64 " came from the hub's card, unsigned",
		       g->count[GAPS_RECOVERED]);
	if (g->count[GAPS_WAITING])
		printf("; %" PRIu64 " wait%s on the hub", g->count[GAPS_WAITING],
		       g->count[GAPS_WAITING] == 1 ? "s" : "");
	printf(".\n\n");
}

static void print_meaning(const struct gaps *g, const struct gaps_range *r)
{
	uint64_t n = r->last - r->first + 1;
	char text[WORDS_GIVEN_UP_MAX];

	switch (r->state) {
	case GAPS_NONE:
	case GAPS_STATES: break;
	case GAPS_STORED: printf("%" PRIu64 " here", n); break;
	case GAPS_GIVEN_UP:
		printf("%s%s", words_given_up(n, r->cause, text),
		       r->class == CLASS_ALARM ? ": ALARM" : "");
		break;
	case GAPS_RECOVERED:
		printf("%" PRIu64 " from the hub's card, set aside: not signed", n);
		break;
	case GAPS_WAITING: printf("%" PRIu64 " on the hub", n); break;
	case GAPS_LOST:
		if (r->cause == TOMBSTONE_DELIVERED) {
			printf("%s: LOST at the clinic by an old backup",
			       words_given_up(n, r->cause, text));
			break;
		}
		printf("%" PRIu64 " NOT HERE, but the hub was told so and has removed "
		       "%s: lost at the clinic. Was an old backup restored?",
		       n, n == 1 ? "it" : "them");
		break;
	case GAPS_UNEXPLAINED:
		printf("%" PRIu64
		       " NOT HERE, and not all of them on the hub, where %" PRIu64
		       " wait%s. If it is sending now, look again later",
		       n, g->told_queued, g->told_queued == 1 ? "s" : "");
		break;
	}
	printf("\n");
}

static void print_ranges(const struct gaps *g)
{
	const struct gaps_list *l = &g->all;
	char text[48];

	for (size_t i = 0; i < l->count && i < LINES_SHOWN; i++) {
		const struct gaps_range *r = &l->ranges[i];

		if (r->first == r->last)
			snprintf(text, sizeof(text), "%" PRIu64, r->first);
		else
			snprintf(text, sizeof(text), "%" PRIu64 "-%" PRIu64, r->first,
				 r->last);
		printf("  %-15s  %-11s  ", text, gaps_state_word(r->state));
		print_meaning(g, r);
	}
	if (l->count > LINES_SHOWN)
		printf("  and %zu more lines, see --json\n", l->count - LINES_SHOWN);
}

static void print_manifests(const struct gaps *g, const char *no_key)
{
	char from[GAPS_DAY_WORDS], to[GAPS_DAY_WORDS];

	printf("\nDaily manifests: ");
	if (g->manifest_count == 0) {
		printf("none has come yet.\n");
		return;
	}
	if (no_key) {
		printf("%zu could not be opened: %s\n", g->manifest_count, no_key);
		return;
	}
	printf("%" PRIu64 " signed by the hub", g->manifests_good);
	if (g->has_days && g->from_day <= g->to_day)
		printf(", for %s to %s", gaps_day_words(g->from_day, from),
		       gaps_day_words(g->to_day, to));
	if (g->manifests_empty)
		printf("; %" PRIu64 " of them say%s that no number was given",
		       g->manifests_empty, g->manifests_empty == 1 ? "s" : "");
	if (g->manifests_unread)
		printf("; %" PRIu64 " could not be opened", g->manifests_unread);
	printf(".\n");
}

static void print_text(const struct gaps *g, const struct hub *h, const char *no_key)
{
	char words[GAPS_WORDS];

	printf("%s: ", h->name);
	print_summary(g);
	print_ranges(g);
	print_manifests(g, no_key);
	for (size_t i = 0; i < g->note_count; i++)
		printf("Note: %s.\n", gaps_note_words(&g->notes[i], words));
	for (size_t i = 0; i < g->problem_count && i < LINES_SHOWN; i++)
		printf("Contradiction: %s.\n",
		       gaps_problem_words(g, &g->problems[i], words));
	if (g->problem_count > LINES_SHOWN)
		printf("and %zu more, see --json\n", g->problem_count - LINES_SHOWN);
}

/* --- for a program -------------------------------------------------------------------------------- */

static void add_ranges(cJSON *o, const struct gaps_list *l)
{
	cJSON *a = json_array_in(o, "numbers");

	for (size_t i = 0; i < l->count; i++) {
		const struct gaps_range *r = &l->ranges[i];
		cJSON *item = json_item(a);

		json_uint(item, "first", r->first);
		json_uint(item, "last", r->last);
		json_text(item, "state", gaps_state_word(r->state));
		if (r->state != GAPS_GIVEN_UP)
			continue;
		json_text(item, "cause", words_cause(r->cause));
		if (r->class == CLASS_NONE)
			json_null(item, "class");
		else
			json_text(item, "class", words_class(r->class));
	}
}

static void add_opened(cJSON *o, const struct manifest *m)
{
	char day[GAPS_DAY_WORDS], time[WORDS_TIME_MAX];

	json_uint(o, "manifest", m->counter);
	json_uint(o, "first", m->first);
	json_uint(o, "last", m->last);
	json_uint(o, "acked", m->acked);
	if (m->has_days) {
		json_text(o, "from_day", gaps_day_words(m->from_day, day));
		json_text(o, "to_day", gaps_day_words(m->to_day, day));
	} else {
		json_null(o, "from_day");
		json_null(o, "to_day");
	}
	if (m->made.wall.quality == CLOCK_QUALITY_NONE)
		json_null(o, "made");
	else
		json_text(o, "made", words_time(m->made.wall.ms, 0, true, time));
	json_text(o, "quality", clock_quality_text(m->made.wall.quality));
	json_hex(o, "boot", m->made.boot, BOOT_ID_LEN);
	json_uint(o, "uptime_ms", m->made.mono.ms);
}

static void add_manifests(cJSON *o, const struct gaps *g)
{
	cJSON *a = json_array_in(o, "manifests");

	for (size_t i = 0; i < g->manifest_count; i++) {
		const struct gaps_manifest *m = &g->manifests[i];
		cJSON *item = json_item(a);

		json_uint(item, "seq", m->seq);
		if (m->opened == GAPS_OPENED)
			add_opened(item, &m->manifest);
		else
			json_text(item, "error", m->why);
	}
}

static void print_json(const struct gaps *g, const struct hub *h, const char *no_key)
{
	char words[GAPS_WORDS];
	cJSON *o = json_object(), *a;

	json_text(o, "hub", h->name);
	json_hex(o, "hub_id", h->id, HUB_ID_LEN);
	json_uint(o, "epoch", h->epoch);
	json_text(o, "verdict", gaps_verdict_word(g->verdict));
	json_uint(o, "highest", g->highest);
	json_uint(o, "stored", g->count[GAPS_STORED]);
	json_uint(o, "given_up", g->count[GAPS_GIVEN_UP]);
	json_uint(o, "recovered", g->count[GAPS_RECOVERED]);
	json_uint(o, "waiting", g->count[GAPS_WAITING]);
	json_uint(o, "lost", g->count[GAPS_LOST]);
	json_uint(o, "unexplained", g->count[GAPS_UNEXPLAINED]);
	add_ranges(o, &g->all);
	json_bool(o, "manifests_opened", !no_key);
	add_manifests(o, g);
	a = json_array_in(o, "notes");
	for (size_t i = 0; i < g->note_count; i++)
		json_text_item(a, gaps_note_words(&g->notes[i], words));
	a = json_array_in(o, "contradictions");
	for (size_t i = 0; i < g->problem_count; i++)
		json_text_item(a, gaps_problem_words(g, &g->problems[i], words));
	json_print(o);
}

/* --- the verb ------------------------------------------------------------------------------------- */

struct args {
	const char *dir, *hub, *keys;
	bool json;
	struct remote *clinic;
	struct hub_facts facts;
};

static int exit_of(enum gaps_verdict v)
{
	switch (v) {
	case GAPS_COMPLETE: return CTL_OK;
	case GAPS_TOLD_LOSSES: return CTL_LOSSES;
	case GAPS_NOT_COMPLETE: break;
	}
	return CTL_FAILED;
}

static int numbers(void *arg, enum store_numbers what, gaps_numbers_fn *fn, void *fn_arg)
{
	const struct args *a = arg;

	return remote_numbers(a->clinic, a->hub, a->facts.hub.epoch, what, fn, fn_arg);
}

static int manifests(void *arg, store_record_fn *fn, void *fn_arg)
{
	const struct args *a = arg;

	return remote_manifests(a->clinic, a->hub, a->facts.hub.epoch, fn, fn_arg);
}

static int given_up(void *arg, store_given_up_fn *fn, void *fn_arg)
{
	const struct args *a = arg;

	return remote_given_up(a->clinic, a->hub, fn, fn_arg);
}

/* Without the key the manifests stay closed, and that is said. */
static int find_key(const struct args *a, struct opening_key *ret,
		    char no_key[static FOLDER_WHY_MAX])
{
	int r;

	if (!a->keys && !remote_is_folder(a->clinic) &&
	    !file_exists(a->dir, FILES_SEAL_KEY)) {
		snprintf(no_key, FOLDER_WHY_MAX, "no sealing key is at hand");
		return CTL_OK;
	}
	r = ctl_read_key(a->keys ? a->keys : a->dir, ret, no_key);
	return r < 0 && a->keys ? ctl_complain(ctl_exit_code(r), "%s", no_key) : CTL_OK;
}

static int report(struct args *a)
{
	const struct gaps_source from = { numbers, manifests, given_up, a };
	char no_key[FOLDER_WHY_MAX] = "";
	struct opening_key key = { .id = 0 };
	struct gaps g;
	int r = find_key(a, &key, no_key);

	if (r != CTL_OK)
		return r;
	r = remote_facts(a->clinic, a->hub, &a->facts);
	if (r < 0)
		return remote_failed(a->clinic, a->hub, r);
	r = gaps_load(&from, &a->facts.hub, &a->facts.counts, *no_key ? NULL : &key, &g);
	crypto_wipe(&key, sizeof(key));
	if (r < 0)
		r = remote_failed(a->clinic, a->hub, r);
	else if (a->json)
		print_json(&g, &a->facts.hub, *no_key ? no_key : NULL);
	else
		print_text(&g, &a->facts.hub, *no_key ? no_key : NULL);
	if (r == 0)
		r = exit_of(g.verdict);
	gaps_free(&g);
	return r;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "seal-key", required_argument, NULL, 'k' },
		{ NULL, 0, NULL, 0 },
	};
	static struct args a;
	char why[FOLDER_WHY_MAX];
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j' && c != 'k')
			return ctl_misused(&ctl_gaps, "gaps: nothing was read");
		a.json |= c == 'j';
		if (c == 'k')
			a.keys = optarg;
	}
	if (!ctl_operands(&ctl_gaps, argc, argv, optind, 2))
		return CTL_USAGE;
	a.dir = argv[optind];
	a.hub = argv[optind + 1];
	r = remote_open(a.dir, &a.clinic, why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = report(&a);
	remote_close(a.clinic);
	return r;
}

const struct ctl_verb ctl_gaps = {
	.name = "gaps",
	.what = "prove that everything of a hub is here, or what is not",
	.usage = "Usage: clinicctl gaps DIR HUB [--seal-key FOLDER] [--json]\n"
		 "Goes through every number that the hub has given and says what became "
		 "of it: here, given\n"
		 "up by the hub and why, waiting there, or missing; and holds that "
		 "against the hub's signed\n"
		 "daily manifests. Without seal.key the manifests stay closed.\n\n"
		 "  --seal-key FOLDER  where seal.key is; default: the clinic's folder, "
		 "or the person's\n"
		 "  --json  one JSON object\n\n"
		 "Exit status: 0 complete; 3 complete, but the hub has told losses; 1 a "
		 "gap or a contradiction.\n",
	.remote = true,
	.run = run,
};
