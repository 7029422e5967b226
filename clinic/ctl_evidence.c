/*
 * ctl_evidence.c - clinicctl evidence: what a hub looked like each time it locked itself, listed and written as files.
 *
 *   FOLDER/NUMBER/TEXT        each text of hub-measure's; TEXT.text if it is called as a file of the audit log is
 *   FOLDER/NUMBER/audit-N     files of the audit log, for 'clinicctl audit verify --log'
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clinic/ctl.h"
#include "clinic/ctl_decide.h"
#include "clinic/evidence_load.h"
#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/json.h"
#include "clinic/snapshot_load.h"
#include "clinic/words.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"

enum { LEVEL_MASK = 7, LEVEL_BITS = 3, LEVEL_LOCKED = 2, NAME_MAX_HERE = 32 };

struct args {
	const char *dir, *hub, *out;
	bool json;
};

/* All that is shown. */
struct shown {
	struct hub hub;
	struct snapshot_list list;
	struct evidence_found evidence; /* whose key hub-measure has */
};

static int take(int argc, char **argv, struct args *a)
{
	static const struct option options[] = {
		{ "out", required_argument, NULL, 'o' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*a = (struct args){ 0 };
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'o': a->out = optarg; break;
		case 'j': a->json = true; break;
		default: return ctl_misused(&ctl_evidence, "evidence: nothing was done");
		}
	}
	if (!ctl_operands(&ctl_evidence, argc, argv, optind, 2))
		return CTL_USAGE;
	a->dir = argv[optind];
	a->hub = argv[optind + 1];
	return CTL_OK;
}

/* Is it of the hub-measure that the clinic knows? Without evidence of it nobody can say. */
static bool key_known(const struct shown *s, const struct snapshot_kept *k)
{
	return k->good && s->evidence.found &&
	       memcmp(s->evidence.evidence.public_key, k->texts.public_key,
		      EVIDENCE_PUBLIC_LEN) == 0;
}

/* Somebody asked for it at the console of a hub that was not locked: the audit log, which proves itself. */
static bool is_log_only(const struct snapshot_kept *k)
{
	return (k->number & LEVEL_MASK) < LEVEL_LOCKED &&
	       k->items[SNAPSHOT_ITEM_TEXTS].total == 0;
}

static bool is_whole(const struct snapshot_kept *k)
{
	bool whole = k->items[SNAPSHOT_ITEM_TEXTS].bytes != NULL || is_log_only(k);

	for (size_t i = 0; i < SNAPSHOT_ITEMS_MAX; i++)
		whole &= k->items[i].total == 0 || k->items[i].bytes != NULL;
	return whole;
}

static const char *doubt(const struct shown *s, const struct snapshot_kept *k)
{
	if (!is_whole(k))
		return "not all of it is here yet";
	if (is_log_only(k))
		return NULL;
	if (!k->good)
		return "its signature is not good";
	if (!s->evidence.found)
		return "there is no evidence of this hub to hold its key against";
	return key_known(s, k) ? NULL : "signed by another key than the hub's evidence";
}

static unsigned audit_files(const struct snapshot_kept *k)
{
	unsigned n = 0;

	for (size_t i = SNAPSHOT_ITEM_TEXTS + 1; i < SNAPSHOT_ITEMS_MAX; i++)
		n += k->items[i].bytes != NULL;
	return n;
}

/* --- to files ------------------------------------------------------------------------------------- */

static int write_file(const char *dir, const char *name, const uint8_t *bytes, size_t len)
{
	char path[FILES_PATH_MAX];
	int fd, r;

	if (files_path(dir, name, path) < 0)
		return -EMSGSIZE;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return file_error(errno);
	r = file_write_at(fd, bytes, len, 0);
	close(fd);
	return r;
}

/* Whoever has hub-measure names its texts, without a '.': none may stand in the way of a file of the log. */
static void name_text(const struct snapshot_text *t, char ret[static NAME_MAX_HERE])
{
	static const char log[] = "audit-";
	bool other = t->name_len < sizeof(log) - 1 ||
		     memcmp(t->name, log, sizeof(log) - 1) != 0;

	(void)snprintf(ret, NAME_MAX_HERE, "%.*s%s", (int)t->name_len, t->name,
		       other ? "" : ".text");
}

static int write_one(const char *folder, const struct snapshot_kept *k)
{
	char dir[FILES_PATH_MAX], name[NAME_MAX_HERE];
	int r;

	(void)snprintf(name, sizeof(name), "%" PRIu64, k->number);
	r = files_path(folder, name, dir);
	if (r == 0)
		r = files_make_inner(folder, name);
	for (size_t i = 0; k->good && i < k->texts.count && r == 0; i++) {
		const struct snapshot_text *t = &k->texts.texts[i];

		name_text(t, name);
		r = write_file(dir, name, t->bytes, t->len);
	}
	for (size_t i = SNAPSHOT_ITEM_TEXTS + 1; i < SNAPSHOT_ITEMS_MAX && r == 0; i++) {
		if (!k->items[i].bytes)
			continue;
		(void)snprintf(name, sizeof(name), "audit-%zu", i);
		r = write_file(dir, name, k->items[i].bytes, k->items[i].len);
	}
	return r;
}

/* All of it, or nothing. */
static int write_all(const struct args *a, const struct snapshot_list *l)
{
	char folder[FILES_PATH_MAX];
	int r = files_make_folder(a->out, folder);

	if (r < 0)
		return ctl_complain(CTL_CANT_CREATE, "%s: %s", a->out,
				    r == -EEXIST ? "there is something already"
						 : "cannot be made");
	for (size_t i = 0; i < l->count && r == 0; i++)
		r = write_one(folder, &l->kept[i]);
	if (r == 0)
		r = files_publish(folder, a->out);
	if (r < 0) {
		files_discard(folder);
		return ctl_complain(CTL_CANT_CREATE, "%s could not be written", a->out);
	}
	return CTL_OK;
}

/* --- for a person --------------------------------------------------------------------------------- */

static void print_text(const struct args *a, const struct shown *s)
{
	const struct snapshot_list *l = &s->list;
	char at[WORDS_TIME_MAX];

	if (l->count == 0)
		printf("Hub '%s' has sent nothing of the kind: it has not locked itself "
		       "since it was enrolled, or that is on its way.\n",
		       a->hub);
	for (size_t i = 0; i < l->count; i++) {
		const struct snapshot_kept *k = &l->kept[i];
		const char *why = doubt(s, k);

		printf("%" PRIu64 "  level %u, lock %" PRIu64
		       ", here since %s: %zu texts, %u files of the audit log%s%s\n",
		       k->number, (unsigned)(k->number & LEVEL_MASK),
		       k->number >> LEVEL_BITS, words_time(k->received_ms, 0, false, at),
		       k->good ? k->texts.count : 0, audit_files(k), why ? "; " : "",
		       why ? why : "");
	}
	if (l->older)
		printf("%u older ones are left out.\n", l->older);
	if (l->broken || l->unopened)
		printf("%u pieces belong to nothing that is whole, %u did not open.\n",
		       l->broken, l->unopened);
	if (a->out && l->count)
		printf("Written to %s. Names of files and processes in it may be an "
		       "attacker's choice.\n",
		       a->out);
}

static void print_json(const struct args *a, const struct shown *s)
{
	const struct snapshot_list *l = &s->list;
	cJSON *o = json_object(), *all;
	char at[WORDS_TIME_MAX];

	json_text(o, "hub", a->hub);
	if (a->out && l->count)
		json_text(o, "folder", a->out);
	all = json_array_in(o, "snapshots");
	for (size_t i = 0; i < l->count; i++) {
		const struct snapshot_kept *k = &l->kept[i];
		cJSON *one = json_item(all), *texts;

		json_uint(one, "number", k->number);
		json_uint(one, "level", k->number & LEVEL_MASK);
		json_uint(one, "lock", k->number >> LEVEL_BITS);
		json_text(one, "received", words_time(k->received_ms, 0, true, at));
		json_bool(one, "whole", is_whole(k));
		json_bool(one, "signed", k->good);
		json_bool(one, "key_known", key_known(s, k));
		json_uint(one, "audit_files", audit_files(k));
		texts = json_object_in(one, "texts");
		for (size_t t = 0; k->good && t < k->texts.count; t++) {
			char name[NAME_MAX_HERE];

			(void)snprintf(name, sizeof(name), "%.*s",
				       (int)k->texts.texts[t].name_len,
				       k->texts.texts[t].name);
			json_uint(texts, name, k->texts.texts[t].len);
		}
	}
	json_uint(o, "older", l->older);
	json_uint(o, "broken", l->broken);
	json_uint(o, "unopened", l->unopened);
	json_print(o);
}

/* --- the verb ------------------------------------------------------------------------------------- */

static int load(const struct args *a, struct store *store, struct shown *s)
{
	struct opening_key key;
	int r = store_hub_by_name(store, a->hub, &s->hub);

	if (r < 0)
		return ctl_store_failed(a->dir, a->hub, r);
	r = ctl_load_key(a->dir, &key);
	if (r != CTL_OK)
		return r;
	r = snapshot_load(store, &s->hub, &key, &s->list);
	if (r == 0)
		r = evidence_load(store, &s->hub, &key, &s->evidence);
	crypto_wipe(&key, sizeof(key));
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
	if (r == CTL_OK && a.out && s.list.count)
		r = write_all(&a, &s.list);
	if (r == CTL_OK && a.json)
		print_json(&a, &s);
	else if (r == CTL_OK)
		print_text(&a, &s);
	for (size_t i = 0; r == CTL_OK && i < s.list.count; i++)
		if (doubt(&s, &s.list.kept[i]))
			r = CTL_LOSSES;
	snapshot_list_free(&s.list);
	store_close(store);
	return r;
}

const struct ctl_verb ctl_evidence = {
	.name = "evidence",
	.what = "what a hub looked like when it locked itself",
	.usage = "Usage: clinicctl evidence DIR HUB [--out FOLDER] [--json]\n"
		 "Lists what the hub has sent of itself each time it locked itself: "
		 "programs, code, sockets,\n"
		 "services, the kernel's log, and the newest of its audit log. No "
		 "reading is in it.\n\n"
		 "  --out FOLDER  writes it there, as files; nothing may be there yet\n"
		 "  --json        one JSON object\n\n"
		 "Exit status: 0 all of it is whole and signed by the hub's measuring "
		 "process; 3 not all.\n",
	.run = run,
};
