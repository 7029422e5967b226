/*
 * ctl_visit.c - clinicctl visit: the checklist of a technician's visit, step by step.
 *
 * Each step is written down as soon as it is over, so that a visit that was broken off goes on where it was. A step that
 * has failed is asked again by the next run, until all is signed off. No value of a reading is read or shown.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clinic/ctl.h"
#include "clinic/ctl_decide.h"
#include "clinic/door_rows.h"
#include "clinic/json.h"
#include "clinic/remote.h"
#include "clinic/spec.h"
#include "clinic/words.h"
#include "hub/core/label.h"

enum { LINE_MAX_LEN = 200, LOOK_MS = 2000 };

struct args {
	const char *dir, *hub;
	struct ctl_signature by;
	bool show, json;
};

struct visit {
	const struct args *args;
	struct remote *clinic;
	uint8_t key[PIN_LEN]; /* that its label names */
	struct visit_facts facts;
	struct visit_entry
		last[VISIT_STEPS]; /* of this visit; outcome VISIT_OPEN: none */
};

/* --- what the technician types ----------------------------------------------------------- */

/* One line without its end, read as far as it came: what is typed ahead stays for the next question. Returns its
 * length, or -1 at the end of input. */
static int read_line(char ret[static LINE_MAX_LEN + 1])
{
	int n = 0;
	char c;

	while (read(STDIN_FILENO, &c, 1) == 1) {
		if (c == '\n') {
			ret[n] = '\0';
			return n;
		}
		if (n < LINE_MAX_LEN && (unsigned char)c >= ' ')
			ret[n++] = c;
	}
	return -1;
}

/* Returns 'y', 'n' or 's'; the end of input is 's'. */
static int ask(const char *question)
{
	char line[LINE_MAX_LEN + 1];

	for (;;) {
		printf("  %s [y]es, [n]o, [s]top and go on later: ", question);
		fflush(stdout);
		if (read_line(line) < 0) {
			putchar('\n');
			return 's';
		}
		if (strcmp(line, "yes") == 0 || strcmp(line, "no") == 0 ||
		    strcmp(line, "stop") == 0)
			line[1] = '\0';
		if (*line && strchr("yns", *line) && !line[1])
			return *line;
		puts("  Please answer y, n or s.");
	}
}

/* --- what the clinic knows --------------------------------------------------------------- */

static void get_visit(struct cb *c, void *ret)
{
	door_get_visit(c, ret);
}

static int look(struct visit *v)
{
	static struct door_visit got;
	int64_t since_ms = v->facts.since_ms;
	struct door_request rq;
	int r = remote_request(DOOR_VISIT_FACTS, v->args->hub, &rq);

	if (r == 0)
		r = remote_get(v->clinic, &rq, get_visit, &got);
	if (r < 0)
		return r;
	v->facts = got.facts;
	v->facts.since_ms = since_ms;
	v->facts.now_ms = ctl_now_ms();
	memcpy(v->key, got.key, sizeof(v->key));
	return 0;
}

/* Looks until the step is passed or something is typed. Returns 'y', 'n', 's', or an error of remote.h. */
static int wait_for(struct visit *v, enum visit_step step,
		    char words[static VISIT_WORDS_MAX])
{
	char line[LINE_MAX_LEN + 1], said[VISIT_WORDS_MAX] = "";
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };

	for (;;) {
		int r = look(v);

		if (r < 0)
			return r;
		if (visit_judge(step, &v->facts, words) == VISIT_PASSED)
			return 'y';
		if (strcmp(words, said) != 0)
			printf("  not yet: %s.\n  It is looked at again and again; or "
			       "[n]o, [s]top and go on later: ",
			       words);
		memcpy(said, words, sizeof(said));
		fflush(stdout);
		if (poll(&in, 1, LOOK_MS) <= 0)
			continue;
		if (read_line(line) < 0 || strcmp(line, "s") == 0 ||
		    strcmp(line, "stop") == 0) {
			putchar('\n');
			return 's';
		}
		if (strcmp(line, "n") == 0 || strcmp(line, "no") == 0)
			return 'n';
		said[0] = '\0';
	}
}

/* --- what is written down ----------------------------------------------------------------- */

static void get_number(struct cb *c, void *ret)
{
	*(uint64_t *)ret = cb_get_uint_max(c, INT64_MAX);
}

static int note(struct visit *v, enum visit_step step, enum visit_outcome outcome,
		const char *words)
{
	struct visit_entry e = { .step = step, .outcome = outcome };
	const struct ctl_signature *by = &v->args->by;
	struct door_request rq;
	int r = remote_request(DOOR_VISIT_NOTE, v->args->hub, &rq);

	(void)snprintf(e.words, sizeof(e.words), "%s", words);
	memcpy(rq.words, e.words, sizeof(rq.words));
	(void)snprintf(rq.who, sizeof(rq.who), "%s", by->who ? by->who : "");
	rq.choice = (uint8_t)step;
	rq.reason = (uint8_t)outcome;
	if (r == 0)
		r = remote_get(v->clinic, &rq, get_number, &e.number);
	if (r == 0)
		v->last[step] = e;
	return r;
}

static int take_entry(void *arg, const struct visit_entry *e)
{
	struct visit *v = arg;

	if (e->step == VISIT_SIGN_OFF && e->outcome == VISIT_PASSED)
		memset(v->last, 0, sizeof(v->last)); /* another visit begins */
	else
		v->last[e->step] = *e;
	return 0;
}

/* --- the steps ---------------------------------------------------------------------------- */

/* Returns how many failed. */
static unsigned summarize(const struct visit *v, char ret[static VISIT_WORDS_MAX])
{
	char failed[VISIT_WORDS_MAX / 2] = "", versions[VISIT_WORDS_MAX];
	unsigned good = 0, bad = 0;
	size_t n = 0;

	for (enum visit_step i = VISIT_PLAN; i < VISIT_SIGN_OFF; i++) {
		good += v->last[i].outcome == VISIT_PASSED;
		if (v->last[i].outcome != VISIT_FAILED)
			continue;
		n += (size_t)snprintf(failed + n, sizeof(failed) - n, "%s%s",
				      bad++ ? ", " : ": ", visit_name(i));
	}
	(void)snprintf(ret, VISIT_WORDS_MAX, "%u passed, %u failed%s; %.*s", good, bad,
		       failed, VISIT_WORDS_MAX / 2 - 64,
		       visit_versions(&v->facts, versions));
	return bad;
}

static void show_task(const struct visit *v, enum visit_step step)
{
	char label[LABEL_GROUPED_MAX];

	printf("\nStep %d of %d: %s\n%s\n", (int)step, VISIT_SIGN_OFF, visit_title(step),
	       visit_task(step));
	if (step == VISIT_LABEL)
		printf("  label: %.15s%s\n",
		       v->facts.has_key ? label_group(v->key, label) : "not known here",
		       v->facts.has_key ? " ..." : "");
	if (step == VISIT_LABEL && v->facts.is_there)
		printf("  light: %s\n", v->facts.code);
}

/* What is wrong, in the technician's words; the end of input: nothing was said. */
static void ask_why(char words[static VISIT_WORDS_MAX])
{
	char line[LINE_MAX_LEN + 1];

	printf("  What is wrong? ");
	fflush(stdout);
	if (read_line(line) > 0)
		(void)snprintf(words, VISIT_WORDS_MAX, "%s", line);
	else if (!*words)
		(void)snprintf(words, VISIT_WORDS_MAX, "no reason given");
}

/* Returns 'y', 'n', 's', or an error of remote.h. */
static int go_through(struct visit *v, enum visit_step step,
		      char words[static VISIT_WORDS_MAX])
{
	char asked[VISIT_WORDS_MAX];
	const char *question;
	int answer;

	v->facts.since_ms = ctl_now_ms();
	answer = wait_for(v, step, words);
	if (answer == 'y' && *words)
		printf("  found: %s.\n", words);
	question = visit_question(step, &v->facts, asked);
	if (answer == 'y' && question)
		answer = ask(question);
	if (answer == 'n' && step != VISIT_SIGN_OFF)
		ask_why(words);
	return answer;
}

/* Returns 1: go on, 0: stop here, or an error of remote.h. */
static int make_step(struct visit *v, enum visit_step step)
{
	char words[VISIT_WORDS_MAX] = "";
	char asked[VISIT_WORDS_MAX];
	int answer, r = look(v);

	if (r < 0)
		return r;
	show_task(v, step);
	if (step == VISIT_SIGN_OFF) {
		(void)summarize(v, words);
		printf("  %s\n", words);
		answer = ask(visit_question(step, &v->facts, asked));
	} else
		answer = go_through(v, step, words);
	if (answer < 0 || answer == 's' || (answer == 'n' && step == VISIT_SIGN_OFF))
		return answer < 0 ? answer : 0;
	r = note(v, step, answer == 'y' ? VISIT_PASSED : VISIT_FAILED, words);
	if (r < 0)
		return r;
	printf("  %s\n", answer == 'y' ? "PASSED" : "FAILED, and written down");
	return 1;
}

static int conclude(struct visit *v)
{
	char words[VISIT_WORDS_MAX];
	unsigned failed = summarize(v, words);

	if (v->last[VISIT_SIGN_OFF].outcome != VISIT_PASSED) {
		printf("\nStopped. Run it again to go on; '--show' shows what is "
		       "written down.\n");
		return CTL_FAILED;
	}
	printf("\nThe visit is signed off: %s.\n", words);
	return failed ? CTL_LOSSES : CTL_OK;
}

static int make_visit(struct visit *v)
{
	int r = remote_visits(v->clinic, v->args->hub, take_entry, v);

	for (enum visit_step i = VISIT_PLAN; r >= 0 && i < VISIT_STEPS; i++) {
		if (v->last[i].outcome == VISIT_PASSED) {
			printf("Step %d of %d: %s: passed before\n", (int)i,
			       VISIT_SIGN_OFF, visit_title(i));
			continue;
		}
		r = make_step(v, i);
		if (r <= 0)
			break;
	}
	return r < 0 ? r : conclude(v);
}

/* --- what was written down ------------------------------------------------------------------ */

static const char *outcome_text(enum visit_outcome o)
{
	return o == VISIT_PASSED ? "passed" : "failed";
}

static int show_entry(void *arg, const struct visit_entry *e)
{
	const struct args *a = arg;
	char when[WORDS_TIME_MAX];
	cJSON *o;

	words_time(e->at_ms, 0, a->json, when);
	if (!a->json) {
		printf("%s  %-8s %-6s by %s%s%s\n", when, visit_name(e->step),
		       outcome_text(e->outcome), e->who, *e->words ? ": " : "", e->words);
		return 0;
	}
	o = json_object();
	json_text(o, "at", when);
	json_text(o, "step", visit_name(e->step));
	json_text(o, "outcome", outcome_text(e->outcome));
	json_text(o, "by", e->who);
	json_text(o, "words", e->words);
	json_print(o);
	return 0;
}

static int run_on(const struct args *a, struct visit *v)
{
	struct args copy = *a;
	int r = look(v);

	if (r == 0 && a->show)
		r = remote_visits(v->clinic, a->hub, show_entry, &copy);
	else if (r == 0)
		r = make_visit(v);
	return r < 0 ? remote_failed(v->clinic, a->hub, r) : r;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "by", required_argument, NULL, 'b' },
		{ "show", no_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct args a = { .by.why = "visit" };
	struct visit v = { .args = &a };
	char why[FOLDER_WHY_MAX];
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'b': a.by.who = optarg; break;
		case 's': a.show = true; break;
		case 'j': a.json = true; break;
		default: return ctl_misused(&ctl_visit, "visit: nothing was done");
		}
	}
	if (!ctl_operands(&ctl_visit, argc, argv, optind, 2))
		return CTL_USAGE;
	if (a.json && !a.show)
		return ctl_misused(&ctl_visit, "visit: --json is for --show");
	r = ctl_check_signature(&ctl_visit, &a.by);
	if (r != CTL_OK)
		return r;
	a.dir = argv[optind];
	a.hub = argv[optind + 1];
	r = remote_open(a.dir, &v.clinic, why);
	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = run_on(&a, &v);
	remote_close(v.clinic);
	return r;
}

const struct ctl_verb ctl_visit = {
	.name = "visit",
	.what = "the checklist of a visit, from first power to first reading",
	.usage = "Usage: clinicctl visit DIR HUB [--by WHO]\n"
		 "       clinicctl visit DIR HUB --show [--json]\n"
		 "Goes through a technician's visit step by step. Some steps ask, others "
		 "wait until the\n"
		 "clinic has seen what they need. Each is written down, passed or failed "
		 "and why; a visit\n"
		 "that was stopped goes on where it was. No value of a reading is "
		 "shown.\n\n"
		 "  --by WHO  who makes the visit; else the user of this machine\n"
		 "  --show    what was written down, of all visits\n"
		 "  --json    one JSON object a line\n\n"
		 "Exit status 0 if it is signed off and nothing failed, 3 if something "
		 "failed, 1 if it was\n"
		 "stopped.\n",
	.remote = true,
	.run = run,
};
