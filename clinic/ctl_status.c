/*
 * ctl_status.c - clinicctl status: which hubs there are, when they were heard of, what is missing.
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

/* Seqs up to the highest one stored here that are not. */
static uint64_t missing(const struct store_counts *c)
{
	return c->highest > c->records ? c->highest - c->records : 0;
}

/* Things that a person must look at, in words. */
static void print_warnings(const struct hub *h, const struct store_counts *c)
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
}

static void print_text(const struct hub *h, const struct store_counts *c)
{
	char age[WORDS_SPAN_MAX];

	printf("%-16s %-10s %-18s %9" PRIu64 " %9" PRIu64 " %9" PRIu64 "\n", h->name,
	       hub_state_text(h->state), words_age(h->seen_ms, ctl_now_ms(), age),
	       c->records, h->queued, missing(c));
}

static void print_json(const struct hub *h, const struct store_counts *c)
{
	char time[WORDS_TIME_MAX];
	cJSON *o = json_object();

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
	json_uint(o, "missing", missing(c));
	json_uint(o, "quarantined", c->quarantined);
	json_uint(o, "hub_queued", h->queued);
	json_uint(o, "hub_highest", h->highest);
	json_uint(o, "hub_acked", h->acked);
	json_bool(o, "rolled_back", h->rolled_back);
	json_print(o);
}

static int each(struct store *store, const struct hub_list *l,
		void (*print)(const struct hub *, const struct store_counts *))
{
	struct store_counts c;
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->count; i++) {
		r = store_counts(store, l->hubs[i].id, l->hubs[i].epoch, &c);
		if (r == 0)
			print(&l->hubs[i], &c);
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
	printf("%-16s %-10s %-18s %9s %9s %9s\n", "HUB", "STATE", "LAST HEARD OF",
	       "READINGS", "WAITING", "MISSING");
	r = each(store, l, print_text);
	if (r == 0)
		puts("\nWAITING: on the hub, when it was last heard of. MISSING: holes "
		     "in the numbers.");
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
		 "the hub, how many are missing between those that are here, and what "
		 "needs a person.\n\n"
		 "  --json  one JSON object a line\n",
	.run = run,
};
