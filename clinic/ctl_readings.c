/*
 * ctl_readings.c - clinicctl readings: opens what arrived and shows it.
 *
 * A record that cannot be opened is listed with the reason, never left out, and the exit
 * status says so. Readings are wiped after they were printed; only the contexts of a hub's
 * glucose readings are in clear together, so that each can be shown beside its glucose.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "clinic/ctl.h"
#include "clinic/ctl_decide.h"
#include "clinic/joining.h"
#include "clinic/json.h"
#include "clinic/opening.h"
#include "clinic/remote.h"
#include "clinic/show.h"
#include "hub/crypto/crypto.h"

struct args {
	const char *dir, *hub, *keys;
	bool json, raw, recovered;
};

struct walk {
	const struct args *args;
	struct remote *clinic;
	struct opening_key key;
	bool has_key;
	struct hub hub; /* whose records are walked over */
	struct joining joining;
	uint64_t shown, unreadable, suspect, held;
	bool begun; /* something was printed */
};

/* The first walk over a hub's records: what may have to be shown together. */
static int on_joining(void *arg, const struct sealed *rec)
{
	struct walk *w = arg;
	struct reading rd;
	const char *why;
	int r = 0;

	if (!w->has_key || !joining_wants(rec->record.kind) ||
	    opening_open(&w->key, rec, &rd, &why) != 0)
		return 0;
	r = joining_add(&w->joining, rec, &rd);
	crypto_wipe(&rd, sizeof(rd));
	return r;
}

static int on_record(void *arg, const struct sealed *rec)
{
	struct walk *w = arg;
	struct shown s = { .hub = &w->hub,
			   .rec = rec,
			   .with_raw = w->args->raw,
			   .recovered_from = w->args->recovered ? "set aside" : NULL };
	struct reading rd;
	const char *why = NULL;

	/* accounts of what was given, not of what was measured: 'clinicctl gaps' reads them */
	if (reading_is_hubs(rec->record.kind) || joining_is_joined(&w->joining, rec))
		return 0;
	s.context = joining_context(&w->joining, rec, &s.context_seq);
	s.suspect = rec->suspect || joining_is_suspect(&w->joining, rec);
	w->suspect += s.suspect;
	if (w->has_key && opening_open(&w->key, rec, &rd, &why) == 0)
		s.reading = &rd;
	else
		s.why = w->has_key ? why : "sealed, and no sealing key is at hand";
	if (s.reading)
		w->shown += s.context ? 2 : 1;
	else
		w->unreadable++;
	if (w->args->json)
		show_json(&s);
	else
		show_text(&s, !w->begun);
	w->begun = true;
	crypto_wipe(&rd, sizeof(rd));
	return ferror(stdout) ? -EIO : 0;
}

/* What came from the hub's card; a glucose's context stands alone there. */
static int on_recovered(void *arg, const struct sealed *rec, enum quarantine_reason why)
{
	return why == QUARANTINE_RECOVERED ? on_record(arg, rec) : 0;
}

static int count_held(void *arg, const struct held_group *g)
{
	*(uint64_t *)arg += g->count;
	return 0;
}

/* What came and is not among the readings: said, so that nobody takes them for all there are. */
static int show_held(struct walk *w)
{
	uint64_t n = 0;
	int r = remote_held(w->clinic, w->hub.name, count_held, &n);
	cJSON *o;

	if (r < 0 || n == 0)
		return r;
	w->held += n;
	if (!w->args->json)
		return 0;
	o = json_object();
	json_text(o, "hub", w->hub.name);
	json_hex(o, "hub_id", w->hub.id, HUB_ID_LEN);
	json_uint(o, "not_filed", n);
	json_print(o);
	return 0;
}

static int walk_hub(struct walk *w)
{
	int r;

	if (w->args->recovered)
		return remote_recovered(w->clinic, w->hub.name, w->hub.epoch,
					on_recovered, w);
	r = remote_records(w->clinic, w->hub.name, on_joining, w);
	if (r == 0)
		r = joining_settle(&w->joining);
	if (r == 0)
		r = remote_records(w->clinic, w->hub.name, on_record, w);
	if (r == 0)
		r = show_held(w);
	joining_free(&w->joining);
	return r;
}

static int walk_all(struct walk *w)
{
	struct hub_list l;
	int r = remote_hub_list(w->clinic, &l);

	for (size_t i = 0; r == 0 && i < l.count; i++) {
		w->hub = l.hubs[i];
		r = walk_hub(w);
	}
	hub_list_free(&l);
	return r;
}

static int walk_one(struct walk *w)
{
	int r = remote_hub(w->clinic, w->args->hub, &w->hub);

	return r < 0 ? r : walk_hub(w);
}

static int conclude(const struct walk *w, int r)
{
	const struct args *a = w->args;

	if (r < 0)
		return remote_failed(w->clinic, a->hub, r);
	if (!a->json && w->shown + w->unreadable == 0)
		printf("No readings yet%s%s.\n", a->hub ? " from hub " : "",
		       a->hub ? a->hub : "");
	else if (!a->json)
		printf("\n%llu reading%s.\n", (unsigned long long)w->shown,
		       w->shown == 1 ? "" : "s");
	if (!a->json && w->suspect > 0)
		printf("%llu of them came from a hub that was locked (SUSPECT): "
		       "'clinicctl "
		       "status %s' says\nwhat it noticed.\n",
		       (unsigned long long)w->suspect, a->dir);
	if (!a->json && w->held > 0)
		printf("%llu more came and %s not filed: 'clinicctl held %s' says why.\n",
		       (unsigned long long)w->held, w->held == 1 ? "is" : "are", a->dir);
	if (w->unreadable > 0)
		return ctl_complain(
			CTL_FAILED,
			"%llu of %llu records could not be opened; they are kept",
			(unsigned long long)w->unreadable,
			(unsigned long long)w->shown + w->unreadable);
	return CTL_OK;
}

static int walk(const struct args *a)
{
	struct walk w = { .args = a };
	char why[FOLDER_WHY_MAX];
	int r = remote_open(a->dir, &w.clinic, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = ctl_find_key(w.clinic, a->dir, a->keys, &w.key, &w.has_key);
	if (r == CTL_OK)
		r = conclude(&w, a->hub ? walk_one(&w) : walk_all(&w));
	crypto_wipe(&w.key, sizeof(w.key));
	remote_close(w.clinic);
	return r;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "hub", required_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ "raw", no_argument, NULL, 'r' },
		{ "recovered", no_argument, NULL, 'c' },
		{ "seal-key", required_argument, NULL, 'k' },
		{ NULL, 0, NULL, 0 },
	};
	struct args a = { .dir = NULL };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'h': a.hub = optarg; break;
		case 'j': a.json = true; break;
		case 'r': a.raw = true; break;
		case 'c': a.recovered = true; break;
		case 'k': a.keys = optarg; break;
		default: return ctl_misused(&ctl_readings, "readings: nothing was read");
		}
	}
	if (!ctl_operands(&ctl_readings, argc, argv, optind, 1))
		return CTL_USAGE;
	a.dir = argv[optind];
	return walk(&a);
}

const struct ctl_verb ctl_readings = {
	.name = "readings",
	.what = "open and show what arrived",
	.usage = "Usage: clinicctl readings DIR [--hub NAME] [--recovered] [--raw] "
		 "[--seal-key FOLDER]\n"
		 "           [--json]\n"
		 "Opens the readings that arrived and shows them, by hub and in the "
		 "order in which the\n"
		 "hub took them. They come sealed from wherever they are kept, and are "
		 "opened here.\n\n"
		 "  --hub NAME  only of this hub\n"
		 "  --recovered  instead those that 'clinicctl recover' set aside; they "
		 "are "
		 "not signed\n"
		 "  --raw       also the bytes as the device sent them\n"
		 "  --seal-key FOLDER  where seal.key is; default: the clinic's folder, "
		 "or the person's\n"
		 "  --json      one JSON object a line\n\n"
		 "Exit status 1 if a record could not be opened; it is listed with the "
		 "reason.\n",
	.remote = true,
	.run = run,
};
