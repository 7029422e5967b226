/*
 * ctl_status.c - clinicctl status: which hubs there are, when they were heard of, what is missing.
 *
 * Each number up to the highest one known here is one of three: a record, given up by the hub with its cause,
 * or missing: on its way, or unknown.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "clinic/ctl.h"
#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/hub_list.h"
#include "clinic/json.h"
#include "clinic/words.h"
#include "hub/core/err.h"

enum { RANGES_SHOWN = 8 };

static uint64_t given_up(const struct store_counts *c)
{
	uint64_t n = 0;

	for (int i = 0; i < TOMBSTONE_CAUSES; i++)
		n += c->given_up[i];
	return n;
}

/* Seqs up to the highest one known here of which nothing is known. */
static uint64_t missing(const struct store_counts *c)
{
	uint64_t known = c->records + given_up(c);

	return c->highest > known ? c->highest - known : 0;
}

/* The ranges of one cause, in a row. */
struct range_list {
	enum tombstone_cause cause;
	struct seq_range now; /* not printed yet: the next one may touch it */
	uint64_t shown, more;
};

static void end_range(struct range_list *l)
{
	if (l->now.first == 0)
		return;
	if (l->shown == RANGES_SHOWN) {
		l->more += l->now.last - l->now.first + 1;
		return;
	}
	printf("%s %" PRIu64, l->shown++ ? "," : "", l->now.first);
	if (l->now.last > l->now.first)
		printf("-%" PRIu64, l->now.last);
}

static int print_range(void *arg, const struct tombstone *t)
{
	struct range_list *l = arg;

	if (t->cause != l->cause)
		return 0;
	if (l->now.first && t->first == l->now.last + 1) {
		l->now.last = t->last;
		return 0;
	}
	end_range(l);
	l->now = (struct seq_range){ t->first, t->last };
	return 0;
}

/* One line for each cause that a hub has given. */
static int print_given_up(struct store *store, const struct hub *h,
			  const struct store_counts *c)
{
	char text[WORDS_GIVEN_UP_MAX];
	int r = 0;

	for (int cause = TOMBSTONE_EVICTED; r == 0 && cause < TOMBSTONE_CAUSES; cause++) {
		struct range_list l = { .cause = (enum tombstone_cause)cause };

		if (c->given_up[cause] == 0)
			continue;
		printf("  %s: %s:", h->name,
		       words_given_up(c->given_up[cause], l.cause, text));
		r = store_given_up_each(store, h->id, h->epoch, print_range, &l);
		end_range(&l);
		if (l.more > 0)
			printf(" and %" PRIu64 " more, see --json", l.more);
		printf("\n");
	}
	return r;
}

/* Things that a person must look at, in words. */
static int print_warnings(struct store *store, const struct hub *h,
			  const struct store_counts *c)
{
	if (missing(c) > 0)
		printf("  %s: %" PRIu64 " of the readings before number %" PRIu64
		       " not here (yet); the first missing is number %" PRIu64 "\n",
		       h->name, missing(c), c->highest, c->contig + 1);
	if (c->quarantined > 0)
		printf("  %s: %" PRIu64 " records in quarantine\n", h->name,
		       c->quarantined);
	if (h->rolled_back)
		printf("  %s: used one number for two readings: its storage was set back "
		       "or copied; "
		       "have it looked at\n",
		       h->name);
	if (h->acked > c->contig)
		printf("  %s: was told that %" PRIu64
		       " readings are here, but only %" PRIu64
		       " are: was an old backup restored?\n",
		       h->name, h->acked, c->contig);
	return print_given_up(store, h, c);
}

static int print_text(struct store *store, const struct hub *h,
		      const struct store_counts *c)
{
	char age[WORDS_SPAN_MAX];

	(void)store;

	printf("%-16s %-10s %-18s %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 "\n",
	       h->name, hub_state_text(h->state),
	       words_age(h->seen_ms, ctl_now_ms(), age), c->records, h->queued,
	       given_up(c), missing(c));
	return 0;
}

static int add_given_up(void *arg, const struct tombstone *t)
{
	cJSON *o = json_item(arg);

	json_uint(o, "first", t->first);
	json_uint(o, "last", t->last);
	json_text(o, "cause", words_cause(t->cause));
	if (t->class == CLASS_NONE)
		json_null(o, "class");
	else
		json_text(o, "class", words_class(t->class));
	return 0;
}

static int print_json(struct store *store, const struct hub *h,
		      const struct store_counts *c)
{
	char time[WORDS_TIME_MAX];
	cJSON *o = json_object();
	int r;

	json_text(o, "hub", h->name);
	json_hex(o, "hub_id", h->id, HUB_ID_LEN);
	json_uint(o, "epoch", h->epoch);
	json_text(o, "state", hub_state_text(h->state));
	if (h->seen_ms)
		json_text(o, "seen", words_time(h->seen_ms, 0, true, time));
	else
		json_null(o, "seen");
	json_uint(o, "records", c->records);
	json_uint(o, "contig", c->contig);
	json_uint(o, "highest", c->highest);
	json_uint(o, "given_up", given_up(c));
	r = store_given_up_each(store, h->id, h->epoch, add_given_up,
				json_array_in(o, "given_up_numbers"));
	json_uint(o, "missing", missing(c));
	json_uint(o, "quarantined", c->quarantined);
	json_uint(o, "hub_queued", h->queued);
	json_uint(o, "hub_highest", h->highest);
	json_uint(o, "hub_acked", h->acked);
	json_bool(o, "rolled_back", h->rolled_back);
	if (r == 0)
		json_print(o);
	else
		cJSON_Delete(o);
	return r;
}

typedef int print_fn(struct store *store, const struct hub *h,
		     const struct store_counts *c);

static int each(struct store *store, const struct hub_list *l, print_fn *print)
{
	struct store_counts c;
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->count; i++) {
		r = store_counts(store, l->hubs[i].id, l->hubs[i].epoch, &c);
		if (r == 0)
			r = print(store, &l->hubs[i], &c);
	}
	return r;
}

static int print_all(struct store *store, const struct hub_list *l, bool json)
{
	int r;

	if (json)
		return each(store, l, print_json);
	if (l->count == 0) {
		puts("No hubs yet; 'clinicctl hub add' adds one.");
		return 0;
	}
	printf("%-16s %-10s %-18s %9s %9s %9s %9s\n", "HUB", "STATE", "LAST HEARD OF",
	       "READINGS", "WAITING", "GIVEN UP", "MISSING");
	r = each(store, l, print_text);
	if (r == 0)
		puts("\nWAITING: on the hub, when it was last heard of. GIVEN UP: the "
		     "hub "
		     "says that they\nwill not come, and why. MISSING: holes in the "
		     "numbers.");
	return r < 0 ? r : each(store, l, print_warnings);
}

static int status(const char *dir, bool json)
{
	char why[FOLDER_WHY_MAX];
	struct hub_list l;
	struct store *store;
	int r = folder_open_store(dir, &store, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = hub_list_load(store, &l);
	if (r == 0)
		r = print_all(store, &l, json);
	hub_list_free(&l);
	store_close(store);
	if (r < 0)
		return ctl_complain(CTL_FAILED, "%s/%s could not be read: %s", dir,
				    FILES_DB, err_text(r));
	return CTL_OK;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			return ctl_misused(&ctl_status, "status: nothing was read");
		json = true;
	}
	if (!ctl_operands(&ctl_status, argc, argv, optind, 1))
		return CTL_USAGE;
	return status(argv[optind], json);
}

const struct ctl_verb ctl_status = {
	.name = "status",
	.what = "hubs: last heard of, what waits, what is missing",
	.usage = "Usage: clinicctl status DIR [--json]\n"
		 "Shows each hub: when it was last heard of, how many readings are here, "
		 "how many wait on\n"
		 "the hub, how many it has given up, how many are missing between those "
		 "that are here, and\n"
		 "what needs a person.\n\n"
		 "  --json  one JSON object a line\n",
	.run = run,
};
