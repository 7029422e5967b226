/*
 * ctl_held.c - clinicctl held: what of a hub's readings is not filed and why, and a person's word on it.
 *
 * Nothing is opened unless it is asked for, nothing is deleted ever; each decision is a line in the hub's journal.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clinic/ctl.h"
#include "clinic/ctl_decide.h"
#include "clinic/door_rows.h"
#include "clinic/json.h"
#include "clinic/opening.h"
#include "clinic/remote.h"
#include "clinic/show.h"
#include "clinic/spec.h"
#include "clinic/words.h"
#include "hub/crypto/crypto.h"

struct args {
	const char *dir, *hub, *keys;
	bool json, open, journal, release, discard;
	struct held_choice choice;
	struct ctl_signature by;
};

/* Whose rows are walked over. */
struct walk {
	const struct args *args;
	struct remote *clinic;
	struct hub hub;
	struct opening_key key;
	bool has_key;
	uint64_t count, unreadable;
	bool begun;
};

/* --- what is held --------------------------------------------------------------------- */

static void group_json(const struct walk *w, const struct held_group *g)
{
	char time[WORDS_TIME_MAX];
	cJSON *o = json_object();

	json_text(o, "hub", w->hub.name);
	json_hex(o, "hub_id", w->hub.id, HUB_ID_LEN);
	json_uint(o, "epoch", g->epoch);
	json_text(o, "reason", filing_reason_name(g->why));
	json_uint(o, "assignment", g->assignment);
	json_uint(o, "count", g->count);
	json_uint(o, "first", g->first);
	json_uint(o, "last", g->last);
	json_text(o, "since", words_time(g->since_ms, 0, true, time));
	json_print(o);
}

static int on_group(void *arg, const struct held_group *g)
{
	char time[WORDS_TIME_MAX];
	struct walk *w = arg;

	w->count += g->count;
	if (w->args->json) {
		group_json(w, g);
		return 0;
	}
	if (!w->begun)
		printf("%s\n", w->hub.name);
	w->begun = true;
	printf("  %" PRIu64 " (%s) since %s, number", g->count,
	       filing_reason_name(g->why), words_time(g->since_ms, 0, false, time));
	if (g->first == g->last)
		printf(" %" PRIu64, g->first);
	else
		printf("s from %" PRIu64 " to %" PRIu64, g->first, g->last);
	printf(", assignment %" PRIu32 ":\n    %s\n", g->assignment,
	       filing_reason_text(g->why));
	return 0;
}

static int on_opened(void *arg, const struct sealed *rec, enum quarantine_reason why)
{
	struct walk *w = arg;
	struct shown s = { .hub = &w->hub,
			   .rec = rec,
			   .suspect = rec->suspect,
			   .held_for = filing_reason_name(why) };
	struct reading rd;

	w->count++;
	if (reading_is_hubs(rec->record.kind))
		return 0;
	if (!w->has_key)
		s.why = "sealed, and no sealing key is at hand";
	else if (opening_open(&w->key, rec, &rd, &s.why) == 0)
		s.reading = &rd;
	w->unreadable += !s.reading;
	if (w->args->json)
		show_json(&s);
	else
		show_text(&s, !w->begun);
	w->begun = true;
	crypto_wipe(&rd, sizeof(rd));
	return ferror(stdout) ? -EIO : 0;
}

static int on_line(void *arg, const struct journal_entry *e)
{
	char time[WORDS_TIME_MAX];
	struct walk *w = arg;
	cJSON *o;

	w->count++;
	if (!w->args->json) {
		printf("%s  %3" PRIu64 "  %s  %s: %s", w->hub.name, e->number,
		       words_time(e->at_ms, 0, false, time), e->who,
		       journal_act_text(e->act));
		if (e->act == JOURNAL_RELEASE || e->act == JOURNAL_DISCARD)
			printf(" %" PRIu64, e->count);
		if (e->assignment)
			printf(", assignment %" PRIu32, e->assignment);
		printf(": %s\n", e->why);
		return 0;
	}
	o = json_object();
	json_text(o, "hub", w->hub.name);
	json_uint(o, "number", e->number);
	json_text(o, "at", words_time(e->at_ms, 0, true, time));
	json_text(o, "who", e->who);
	json_text(o, "act", journal_act_text(e->act));
	json_uint(o, "count", e->count);
	json_uint(o, "assignment", e->assignment);
	json_text(o, "why", e->why);
	json_print(o);
	return 0;
}

static int walk_hub(struct walk *w)
{
	w->begun = w->begun && w->args->open; /* one heading for all readings */
	if (w->args->journal)
		return remote_journal(w->clinic, w->hub.name, on_line, w);
	if (w->args->open)
		return remote_held_records(w->clinic, w->hub.name, on_opened, w);
	return remote_held(w->clinic, w->hub.name, on_group, w);
}

static int walk_hubs(struct walk *w)
{
	struct hub_list l;
	bool found = !w->args->hub;
	int r = remote_hub_list(w->clinic, &l);

	for (size_t i = 0; r == 0 && i < l.count; i++) {
		if (w->args->hub && strcmp(w->args->hub, l.hubs[i].name) != 0)
			continue;
		found = true;
		w->hub = l.hubs[i];
		r = walk_hub(w);
	}
	hub_list_free(&l);
	return r < 0 || found ? r : -ENOENT;
}

static int conclude(const struct walk *w, int r)
{
	const struct args *a = w->args;

	if (r < 0)
		return remote_failed(w->clinic, a->hub, r);
	if (!a->json && w->count == 0)
		printf("%s%s%s.\n",
		       a->journal ? "Nothing was decided" : "Nothing is held",
		       a->hub ? " of hub " : "", a->hub ? a->hub : "");
	else if (!a->json && !a->journal && !a->open)
		printf("\nThe hub has its answer: these are durable here, and not filed. "
		       "'clinicctl held DIR HUB\n--open' shows them; --release or "
		       "--discard, with --reason, decides.\n");
	if (w->unreadable > 0)
		return ctl_complain(CTL_FAILED,
				    "%" PRIu64 " of %" PRIu64
				    " records could not be opened; they are kept",
				    w->unreadable, w->count);
	return CTL_OK;
}

static int list(const struct args *a)
{
	struct walk w = { .args = a };
	char why[FOLDER_WHY_MAX];
	int r = remote_open(a->dir, &w.clinic, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	if (a->open)
		r = ctl_find_key(w.clinic, a->dir, a->keys, &w.key, &w.has_key);
	if (r == CTL_OK)
		r = conclude(&w, walk_hubs(&w));
	crypto_wipe(&w.key, sizeof(w.key));
	remote_close(w.clinic);
	return r;
}

/* --- deciding ------------------------------------------------------------------------- */

static void report_json(const struct args *a, const struct held_done *d)
{
	cJSON *o = json_object(), *left;

	json_text(o, "hub", a->hub);
	json_uint(o, a->release ? "released" : "discarded", d->done);
	left = json_object_in(o, "left");
	for (int why = QUARANTINE_NONE + 1; why < QUARANTINE_REASONS; why++)
		if (d->left[why])
			json_uint(left, filing_reason_name((enum quarantine_reason)why),
				  d->left[why]);
	json_print(o);
}

static void report(const struct args *a, const struct held_done *d, uint64_t left)
{
	if (d->done + left == 0)
		printf("Nothing of hub %s that was chosen is held; nothing was "
		       "changed.\n",
		       a->hub);
	else
		printf("%" PRIu64 " record%s of hub %s %s %s.\n", d->done,
		       d->done == 1 ? "" : "s", a->hub, d->done == 1 ? "is" : "are",
		       a->release ? "filed" : "discarded, and kept with the reason");
}

/* Returns the exit code. */
static int complain_left(const struct held_done *d)
{
	int code = CTL_OK;

	for (int why = QUARANTINE_NONE + 1; why < QUARANTINE_REASONS; why++) {
		enum quarantine_reason w = (enum quarantine_reason)why;

		if (d->left[w] > 0)
			code = ctl_complain(
				CTL_LOSSES, "%" PRIu64 " still held: %s%s", d->left[w],
				filing_reason_text(w),
				filing_of_assignment(w)
					? "; if you know whose they are: --assignment N"
					: "; they can only be discarded");
	}
	return code;
}

static void get_done(struct cb *c, void *ret)
{
	door_get_held_done(c, ret);
}

static int decide(const struct args *a)
{
	const struct held_choice *c = &a->choice;
	struct door_request rq = { .op = DOOR_HELD_SETTLE,
				   .choice = (uint8_t)c->verdict,
				   .reason = (uint8_t)c->only,
				   .number = c->first,
				   .last = c->last,
				   .assignment = c->accepted };
	struct held_done d = { 0 };
	uint64_t left = 0;
	int r = ctl_ask(a->dir, a->hub, &a->by, &rq, get_done, &d);

	if (r != CTL_OK)
		return r;
	for (int why = 0; why < QUARANTINE_REASONS; why++)
		left += d.left[why];
	if (a->json)
		report_json(a, &d);
	else
		report(a, &d, left);
	return complain_left(&d);
}

/* --- the command line ----------------------------------------------------------------- */

static int set_numbers(struct args *a, const char *text)
{
	char copy[48], *dash;
	long first, last;

	snprintf(copy, sizeof(copy), "%s", text);
	dash = strchr(copy, '-');
	if (dash)
		*dash++ = '\0';
	if (strlen(text) >= sizeof(copy) ||
	    spec_parse_number(copy, 1, LONG_MAX, &first) < 0 ||
	    spec_parse_number(dash ? dash : copy, first, LONG_MAX, &last) < 0)
		return ctl_misused(&ctl_held, "--numbers '%s' is not like 7 or 7-12",
				   text);
	a->choice.first = (uint64_t)first;
	a->choice.last = (uint64_t)last;
	return CTL_OK;
}

static int set_option(struct args *a, int c)
{
	long n;

	switch (c) {
	case 'j': a->json = true; break;
	case 'o': a->open = true; break;
	case 'k': a->keys = optarg; break;
	case 'l': a->journal = true; break;
	case 'R': a->release = true; break;
	case 'D': a->discard = true; break;
	case 'r': a->by.why = optarg; break;
	case 'b': a->by.who = optarg; break;
	case 'n': return set_numbers(a, optarg);
	case 'a':
		if (spec_parse_number(optarg, 1, UINT32_MAX, &n) < 0)
			return ctl_misused(&ctl_held, "--assignment '%s' is no number",
					   optarg);
		a->choice.accepted = (uint32_t)n;
		break;
	case 'y':
		a->choice.only = filing_reason_of(optarg);
		if (a->choice.only == QUARANTINE_NONE ||
		    a->choice.only == QUARANTINE_RECOVERED)
			return ctl_misused(&ctl_held, "--only '%s' is no reason", optarg);
		break;
	default: return ctl_misused(&ctl_held, "held: nothing was done");
	}
	return CTL_OK;
}

/* What does not go together. */
static int check(const struct args *a)
{
	bool acts = a->release || a->discard;
	bool chosen = a->choice.only || a->choice.last || a->choice.accepted;

	if (a->release && a->discard)
		return ctl_misused(&ctl_held, "held: either --release or --discard");
	if (acts && !a->hub)
		return ctl_misused(&ctl_held, "held: say of which HUB");
	if (acts && (a->open || a->journal))
		return ctl_misused(&ctl_held,
				   "held: look first, with --open; then decide");
	if (a->open && a->journal)
		return ctl_misused(&ctl_held, "held: either --open or --journal");
	if (a->keys && !a->open)
		return ctl_misused(&ctl_held, "held: --seal-key belongs to --open");
	if (!acts && (chosen || a->by.why || a->by.who))
		return ctl_misused(&ctl_held,
				   "held: this belongs to --release or --discard");
	if (a->discard && a->choice.accepted)
		return ctl_misused(&ctl_held, "held: --assignment belongs to --release");
	return acts ? ctl_check_signature(&ctl_held, &a->by) : CTL_OK;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "open", no_argument, NULL, 'o' },
		{ "seal-key", required_argument, NULL, 'k' },
		{ "journal", no_argument, NULL, 'l' },
		{ "release", no_argument, NULL, 'R' },
		{ "discard", no_argument, NULL, 'D' },
		{ "reason", required_argument, NULL, 'r' },
		{ "by", required_argument, NULL, 'b' },
		{ "numbers", required_argument, NULL, 'n' },
		{ "assignment", required_argument, NULL, 'a' },
		{ "only", required_argument, NULL, 'y' },
		{ NULL, 0, NULL, 0 },
	};
	struct args a = { .dir = NULL };
	int c, r = CTL_OK;

	while (r == CTL_OK && (c = getopt_long(argc, argv, "", options, NULL)) != -1)
		r = set_option(&a, c);
	if (r != CTL_OK ||
	    !ctl_operands(&ctl_held, argc, argv, optind, argc - optind == 2 ? 2 : 1))
		return CTL_USAGE;
	a.dir = argv[optind];
	a.hub = argv[optind + 1]; /* NULL behind the last one */
	a.choice.verdict = a.release ? HELD_RELEASED : HELD_DISCARDED;
	r = check(&a);
	if (r != CTL_OK)
		return r;
	return a.release || a.discard ? decide(&a) : list(&a);
}

const struct ctl_verb ctl_held = {
	.name = "held",
	.what = "what is not filed and why; file it, or say why not",
	.usage =
		"Usage: clinicctl held DIR [HUB] [--open [--seal-key FOLDER] | "
		"--journal] [--json]\n"
		"Shows what came and is not filed: how many, why, since when. Nothing is "
		"opened.\n\n"
		"  --open      opens and shows each of them; needs seal.key, in FOLDER "
		"or "
		"as for 'readings'\n"
		"  --journal   instead what was decided: who, when, why\n"
		"  --json      one JSON object a line\n\n"
		"Usage: clinicctl held DIR HUB --release --reason TEXT [--assignment N] "
		"[CHOICE] [--json]\n"
		"       clinicctl held DIR HUB --discard --reason TEXT [CHOICE] "
		"[--json]\n"
		"Files what is held of a hub, each once; or marks it as not to be filed. "
		"Nothing is\n"
		"deleted. What is decided stays so; a second time changes nothing.\n\n"
		"  --assignment N   also those of assignment N, though it is not known "
		"here, withdrawn or\n"
		"                   had ended: you know that they are this patient's\n"
		"  --by NAME        who decides; default: the user who runs this\n"
		"  CHOICE  --only REASON     suspended, suspect, emergency, "
		"unknown-assignment,\n"
		"                            withdrawn-assignment, ended-assignment or "
		"conflict\n"
		"          --numbers N[-M]   only these numbers\n\n"
		"Exit status 3 if some that were chosen are still held; it is said "
		"why.\n",
	.remote = true,
	.run = run,
};
