/*
 * ctl_recover.c - clinicctl recover: what is on the card of a hub that died, and what of it is not here.
 *
 * A hub signs what it uploads. What lies on its card is not signed, and anybody can seal to a clinic: so it never becomes
 * a record. It can be looked at, and set aside in quarantine under its numbers, where 'clinicctl gaps' and 'clinicctl
 * readings --recovered' find it.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clinic/ctl.h"
#include "clinic/ctl_decide.h"
#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/hub_list.h"
#include "clinic/opening.h"
#include "clinic/recover.h"
#include "clinic/show.h"
#include "hub/core/err.h"
#include "hub/rt/file.h"

enum {
	NAME_BYTES = 64,
	GROUP = 256, /* set aside in one transaction: clinicd must not wait long */
};

struct args {
	const char *dir, *folder;
	bool import, readings, json;
};

struct job {
	const struct args *args;
	struct store *store;
	struct opening_key key;
	struct hub hub;
	struct recover_owner owner;
	bool has_recovery;
	struct recovery recovery;
	char file[NAME_BYTES]; /* that is read */
	bool begun;	       /* a reading was printed */
	bool failed;	       /* something could not be read */
	int err;	       /* of the clinic's store */
	/* records, of all files; one that lies in two is counted twice */
	uint64_t seen, here, unreadable, missing, set_aside, in_group;
};

/* What is said beside the readings must not be among them. */
static FILE *aside(const struct job *j)
{
	return j->args->json ? stderr : stdout;
}

/* --- one record ----------------------------------------------------------------------------------- */

static int set_aside(struct job *j, const struct sealed *rec)
{
	struct sealed copy = *rec;
	int r = j->in_group == 0 ? store_begin(j->store) : 0;

	copy.received_ms = ctl_now_ms();
	if (r == 0)
		r = store_quarantine_put(j->store, &copy, QUARANTINE_RECOVERED);
	if (r < 0)
		return r;
	j->set_aside++;
	if (++j->in_group < GROUP)
		return 0;
	j->in_group = 0;
	return store_commit(j->store);
}

static int end_group(struct job *j)
{
	if (j->in_group == 0)
		return 0;
	j->in_group = 0;
	return store_commit(j->store);
}

static void show(struct job *j, const struct sealed *rec, const struct reading *rd,
		 const char *why)
{
	struct shown s = { .hub = &j->hub,
			   .rec = rec,
			   .reading = rd,
			   .why = why,
			   .recovered_from = j->file };

	if (j->args->json)
		show_json(&s);
	else if (j->args->readings)
		show_text(&s, !j->begun);
	j->begun = true;
}

/* Does it open, and is it what it says it is? A reading is shown. */
static bool look_into(struct job *j, const struct sealed *rec)
{
	const char *why = "?";
	struct manifest m;
	struct reading rd;
	int r;

	if (reading_is_hubs(rec->record.kind))
		return opening_manifest(&j->key, rec, j->hub.sign_public, &m, &why) == 0;
	r = opening_open(&j->key, rec, &rd, &why);
	show(j, rec, r == 0 ? &rd : NULL, why);
	crypto_wipe(&rd, sizeof(rd));
	return r == 0;
}

static int on_record(void *arg, const struct sealed *rec)
{
	struct job *j = arg;
	int r = store_record_has(j->store, rec->hub, rec->epoch, rec->record.seq);

	j->seen++;
	if (r == 1) {
		j->here++;
		return 0;
	}
	if (r == 0 && !look_into(j, rec)) {
		j->unreadable++;
		return 0;
	}
	if (r == 0)
		j->missing++;
	if (r == 0 && j->args->import)
		r = set_aside(j, rec);
	if (r == 0 && ferror(stdout))
		r = -EIO;
	j->err = r;
	return r;
}

/* --- files ---------------------------------------------------------------------------------------- */

static void complain_file(struct job *j, const char *what)
{
	ctl_complain(CTL_FAILED, "%s/%s: %s", j->args->folder, j->file, what);
	j->failed = true;
}

static const char *key_words(int err)
{
	switch (err) {
	case -ENOTSUP:
		return "its key is sealed to another sealing key than this clinic's "
		       "seal.key; use the folder of the clinic that it belonged to";
	case -ENOENT:
		return "its key is not in the file 'recovery', which is older: it cannot "
		       "be opened without the hub";
	default:
		return "its key does not open: sealed to another clinic, or the file "
		       "'recovery' is damaged";
	}
}

/* The segment's file, or what the hub has set aside of it as damaged. */
static void name_queue(struct job *j, uint32_t segment)
{
	snprintf(j->file, sizeof(j->file), "queue-%" PRIu32 ".db", segment);
	if (!file_exists(j->args->folder, j->file))
		snprintf(j->file, sizeof(j->file), "queue-%" PRIu32 ".db.aside", segment);
	if (!file_exists(j->args->folder, j->file))
		snprintf(j->file, sizeof(j->file), "queue-%" PRIu32 ".db", segment);
}

static void read_queue(struct job *j, uint32_t segment)
{
	struct recover_counts c = { 0 };
	struct db_key key;
	int r;

	name_queue(j, segment);
	r = recover_key(&j->recovery, &j->key, SLOT_QUEUE, segment, &key);
	if (r < 0) {
		complain_file(j, key_words(r));
		return;
	}
	r = recover_queue(j->args->folder, &j->recovery, segment, &key, on_record, j, &c);
	crypto_wipe(&key, sizeof(key));
	if (j->err)
		return;
	if (r == -ENOENT) /* drained and removed */
		fprintf(aside(j), "%-18s not there any more\n", j->file);
	else if (r == -ENOTSUP)
		complain_file(j, "of another version than this program reads");
	else if (r < 0)
		complain_file(j, r == -EBADMSG ? "damaged, or not of this 'recovery'; "
						 "what could be read is counted"
					       : err_text(r));
	else
		fprintf(aside(j),
			"%-18s %" PRIu64 " alarms, %" PRIu64 " routine, %" PRIu64
			" refused by the clinic; %" PRIu64 " numbers given up\n",
			j->file, c.alarm, c.routine, c.refused, c.given_up);
}

static void read_spool(struct job *j, const char *name)
{
	struct recover_segment c;
	int r;

	snprintf(j->file, sizeof(j->file), "%s", name);
	r = recover_spool(j->args->folder, name, &j->owner, on_record, j, &c);
	if (j->err)
		return;
	if (r == -EPROTO) {
		complain_file(j, "of another hub or enrolment; left alone");
		return;
	}
	if (r < 0) {
		complain_file(j, err_text(r));
		return;
	}
	if (c.records || c.damaged)
		fprintf(aside(j), "%-18s %" PRIu64 " records\n", name, c.records);
	if (c.damaged)
		complain_file(j, "damaged in places; what could be read is counted");
}

static bool is_spool(const char *name)
{
	static const char head[] = "spool-";

	return strncmp(name, head, strlen(head)) == 0 && name[strlen(head)] >= '0' &&
	       name[strlen(head)] <= '9';
}

/* suffix: of the file, behind the number. */
static bool queue_number(const char *name, const char *suffix, uint32_t *ret)
{
	static const char head[] = "queue-";
	unsigned long n;
	char *end;

	if (strncmp(name, head, strlen(head)) != 0)
		return false;
	n = strtoul(name + strlen(head), &end, 10);
	if (end == name + strlen(head) || strcmp(end, suffix) != 0 || n > UINT32_MAX)
		return false;
	*ret = (uint32_t)n;
	return true;
}

typedef void file_fn(struct job *j, const char *name);

/* Each file of the folder, by name. */
static int each_file(struct job *j, file_fn *fn)
{
	struct dirent **names;
	int n = scandir(j->args->folder, &names, NULL, alphasort);

	if (n < 0)
		return errno == EACCES ? -EACCES : -ENOENT;
	for (int i = 0; i < n; i++) {
		if (j->err == 0)
			fn(j, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return 0;
}

static void on_spool(struct job *j, const char *name)
{
	if (is_spool(name))
		read_spool(j, name);
}

/* A queue of which 'recovery' knows nothing, or none of that is there. */
static void on_queue(struct job *j, const char *name)
{
	uint32_t segment;

	if ((!queue_number(name, ".db", &segment) &&
	     !queue_number(name, ".db.aside", &segment)) ||
	    (j->has_recovery && recovery_find(&j->recovery, SLOT_QUEUE, segment)))
		return;
	snprintf(j->file, sizeof(j->file), "%s", name);
	complain_file(j, j->has_recovery ? key_words(-ENOENT)
					 : "there is no file 'recovery' with its key: it "
					   "cannot be opened without the hub");
}

static void on_owner(struct job *j, const char *name)
{
	if (j->owner.epoch == 0 && is_spool(name))
		(void)recover_spool_owner(j->args->folder, name, &j->owner);
}

static void read_all(struct job *j)
{
	const struct recovery *r = &j->recovery;

	for (size_t i = 0; j->has_recovery && j->err == 0 && i < r->count; i++)
		if (r->entries[i].purpose == SLOT_QUEUE)
			read_queue(j, r->entries[i].segment);
	(void)each_file(j, on_queue);
	(void)each_file(j, on_spool);
	if (j->err == 0)
		j->err = end_group(j);
}

/* --- the verb ------------------------------------------------------------------------------------- */

/* Whose card is it? */
static int find_owner(struct job *j)
{
	const char *folder = j->args->folder;
	int r = each_file(j, on_owner);

	if (r < 0)
		return ctl_complain(r == -EACCES ? CTL_NO_PERM : CTL_NO_INPUT, "%s: %s",
				    folder,
				    r == -EACCES ? "no permission" : "no such folder");
	r = recover_read(folder, &j->recovery);
	if (r == 0) {
		j->has_recovery = true;
		memcpy(j->owner.hub, j->recovery.hub, HUB_ID_LEN);
		j->owner.epoch = j->recovery.epoch;
		return CTL_OK;
	}
	if (r == -ENOENT && j->owner.epoch)
		return CTL_OK;
	if (r == -ENOENT)
		return ctl_complain(
			CTL_NO_INPUT,
			"%s has neither a file '%s' nor a spool: is it a copy of "
			"/var/lib/hub/store?",
			folder, RECOVERY_FILE);
	return ctl_complain(r == -EACCES ? CTL_NO_PERM : CTL_FAILED, "%s/%s: %s", folder,
			    RECOVERY_FILE,
			    r == -ENOTSUP  ? "made by a newer program"
			    : r == -EACCES ? "no permission"
					   : "damaged; copy the card once more");
}

static int find_hub(struct job *j)
{
	struct hub_list l;
	int r = hub_list_load(j->store, &l);
	bool found = false;

	for (size_t i = 0; r == 0 && i < l.count; i++) {
		if (memcmp(l.hubs[i].id, j->owner.hub, HUB_ID_LEN) != 0)
			continue;
		j->hub = l.hubs[i];
		found = true;
	}
	hub_list_free(&l);
	if (r < 0)
		return ctl_complain(CTL_FAILED, "%s/%s could not be read: %s",
				    j->args->dir, FILES_DB, err_text(r));
	if (!found)
		return ctl_complain(CTL_NO_INPUT, "%s is of a hub that %s does not know",
				    j->args->folder, j->args->dir);
	return CTL_OK;
}

static int conclude(const struct job *j)
{
	if (j->err)
		return ctl_complain(CTL_FAILED,
				    "not read to the end: %s/%s: %s; what was set aside "
				    "before stays",
				    j->args->dir, FILES_DB, err_text(j->err));
	fprintf(aside(j),
		"\n%" PRIu64 " records of hub %s: %" PRIu64 " are at the clinic, %" PRIu64
		" are not.\n",
		j->seen, j->hub.name, j->here, j->missing + j->unreadable);
	if (j->args->import)
		fprintf(aside(j),
			"%" PRIu64 " set aside, unsigned: see 'clinicctl readings %s "
			"--recovered'.\n",
			j->set_aside, j->args->dir);
	else if (j->missing)
		fprintf(aside(j), "Only looked at; --import sets them aside.\n");
	if (j->unreadable)
		ctl_complain(CTL_FAILED,
			     "%" PRIu64 " of them do not open, or are not what they say",
			     j->unreadable);
	return j->failed || j->unreadable ? CTL_FAILED : CTL_OK;
}

static int recover(const struct args *a)
{
	struct job j = { .args = a };
	char why[FOLDER_WHY_MAX];
	int r = folder_open_store(a->dir, &j.store, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = ctl_load_key(a->dir, &j.key);
	if (r == CTL_OK)
		r = find_owner(&j);
	if (r == CTL_OK)
		r = find_hub(&j);
	if (r == CTL_OK) {
		read_all(&j);
		r = conclude(&j);
	}
	crypto_wipe(&j.key, sizeof(j.key));
	store_close(j.store);
	return r;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "import", no_argument, NULL, 'i' },
		{ "readings", no_argument, NULL, 'r' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct args a = { .dir = NULL };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'i': a.import = true; break;
		case 'r': a.readings = true; break;
		case 'j': a.json = true; break;
		default: return ctl_misused(&ctl_recover, "recover: nothing was read");
		}
	}
	if (!ctl_operands(&ctl_recover, argc, argv, optind, 2))
		return CTL_USAGE;
	a.dir = argv[optind];
	a.folder = argv[optind + 1];
	return recover(&a);
}

const struct ctl_verb ctl_recover = {
	.name = "recover",
	.what = "read the card of a hub that died",
	.usage = "Usage: clinicctl recover DIR FOLDER [--readings | --json] [--import]\n"
		 "Reads a copy of a hub's folder /var/lib/hub/store: its queue, if the "
		 "file 'recovery' has the\n"
		 "keys, and its spool. Counts what is there and what of it is not at the "
		 "clinic. Needs seal.key.\n"
		 "What comes from a card is not signed by the hub, so it becomes no "
		 "record.\n\n"
		 "  --readings  show the readings that are not at the clinic\n"
		 "  --json      the same, one JSON object a line; counts go to stderr\n"
		 "  --import    set them aside in quarantine; 'readings --recovered' "
		 "shows them\n\n"
		 "Exit status 1 if a file or a record could not be read.\n",
	.run = run,
};
