/*
 * ctl_import.c - clinicctl import: files that a technician took from a hub on a USB stick become records, as if the hub had uploaded
 * them.
 *
 * Each batch in them is signed by its hub; the frame around is not, and nothing is believed of it but whose file it says it is. What
 * the clinic has already stays as it is, and so does the hub's own queue: it uploads the same later, and they are the same then.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clinic/ctl.h"
#include "clinic/folder.h"
#include "clinic/ingest.h"
#include "clinic/json.h"
#include "hub/core/err.h"
#include "hub/core/stick.h"
#include "hub/crypto/crypto.h"

enum { PIECE = 65536 };

struct args {
	const char *dir;
	char **files;
	int count;
	bool json;
};

/* One file. */
struct job {
	const char *path;
	struct ingest ingest;
	struct stick_reader reader;
	const char *trouble; /* why it was not read to its end; NULL */
	bool has_head, known;
	struct hub hub;
	uint64_t batches, filed, here, held, conflict, refused;
	enum ingest_outcome why; /* the first batch was refused for */
	int err;		 /* of the clinic's store */
};

static const char *refused_words(enum ingest_outcome o)
{
	switch (o) {
	case INGEST_UNKNOWN_HUB:
		return "this clinic knows no such hub, or takes nothing from it any more";
	case INGEST_BAD_SIGNATURE: return "not signed by the hub that the clinic knows";
	case INGEST_MALFORMED: return "damaged, or made by a newer program";
	case INGEST_FOREIGN: return "of another hub, or of an enrolment that is over";
	case INGEST_NONE:
	case INGEST_STORED:
	case INGEST_STORE_DOWN:
	case INGEST_IN_DOUBT:
	case INGEST_FLOOD:
	case INGEST_OUTCOMES: break;
	}
	return "could not be stored";
}

/* --- one file --------------------------------------------------------------------------------- */

static void on_batch(struct job *j)
{
	const struct stick_reader *r = &j->reader;
	struct ingest_note n;
	enum ingest_outcome o = ingest_carried(&j->ingest, r->head.hub, r->batch,
					       r->batch_len, ctl_now_ms(), &n);

	if (o == INGEST_STORE_DOWN) {
		j->err = n.err;
		return;
	}
	j->batches += o == INGEST_STORED;
	j->filed += n.stored;
	j->here += n.duplicate;
	j->held += n.held;
	j->conflict += n.conflict;
	if (o == INGEST_STORED)
		return;
	if (j->refused++ == 0)
		j->why = o;
}

static const char *damage_words(int err)
{
	return err == -ENOTSUP ? "made by a newer program"
			       : "damaged, or no file of 'export-queue' or "
				 "'export-evidence'";
}

/* Returns false at an end, whatever it is. */
static bool take(struct job *j, struct store *store, const uint8_t *buf, size_t len)
{
	while (len > 0 && !j->err) {
		size_t used;
		int item = stick_read(&j->reader, buf, len, &used);

		if (item < 0) {
			j->trouble = damage_words(item);
			return false;
		}
		if (item == STICK_HEAD) {
			j->has_head = true;
			j->known =
				store_hub_by_id(store, j->reader.head.hub, &j->hub) == 0;
		}
		if (item == STICK_BATCH)
			on_batch(j);
		buf += used;
		len -= used;
	}
	return !j->err;
}

static int read_file(struct job *j, struct store *store)
{
	static uint8_t buf[PIECE];
	int fd = open(j->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n = 0;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, buf, sizeof(buf))) > 0 && take(j, store, buf, (size_t)n))
		;
	if (n < 0)
		j->trouble = "could not be read to its end";
	close(fd);
	if (!j->trouble && !j->err && !stick_at_end(&j->reader))
		j->trouble = j->has_head ? "cut off: the stick was pulled too early; "
					   "export it once more"
					 : damage_words(-EBADMSG);
	return 0;
}

/* --- what is said ------------------------------------------------------------------------------- */

static void hub_words(const struct job *j, char ret[static HUB_NAME_MAX + 2 * HUB_ID_LEN])
{
	if (j->known)
		(void)snprintf(ret, HUB_NAME_MAX + 2 * HUB_ID_LEN, "%s", j->hub.name);
	else
		for (size_t i = 0; i < HUB_ID_LEN / 4; i++)
			(void)snprintf(ret + 2 * i, 3, "%02x", j->reader.head.hub[i]);
}

static void print_json(const struct job *j)
{
	char hub[HUB_NAME_MAX + 2 * HUB_ID_LEN];
	cJSON *o = json_object();

	json_text(o, "file", j->path);
	if (j->has_head) {
		hub_words(j, hub);
		json_text(o, "hub", hub);
		json_text(o, "what",
			  j->reader.head.what == EXPORT_QUEUE ? "queue" : "evidence");
	}
	json_bool(o, "whole", j->trouble == NULL && !j->err);
	json_uint(o, "filed", j->filed);
	json_uint(o, "here", j->here);
	json_uint(o, "held", j->held);
	json_uint(o, "conflict", j->conflict);
	json_uint(o, "refused_batches", j->refused);
	if (j->refused)
		json_text(o, "refused", refused_words(j->why));
	if (j->trouble)
		json_text(o, "trouble", j->trouble);
	json_print(o);
}

static void print_text(const struct job *j)
{
	char hub[HUB_NAME_MAX + 2 * HUB_ID_LEN];

	if (!j->has_head)
		return;
	hub_words(j, hub);
	printf("%s: %s of hub %s: %" PRIu64 " records filed, %" PRIu64
	       " were here already",
	       j->path, j->reader.head.what == EXPORT_QUEUE ? "queue" : "evidence", hub,
	       j->filed, j->here);
	if (j->held)
		printf(", %" PRIu64 " held for a person ('clinicctl held')", j->held);
	if (j->conflict)
		printf(", %" PRIu64 " set aside: their numbers are taken by others",
		       j->conflict);
	printf(".\n");
}

static int conclude(const struct args *a, const struct job *j)
{
	if (a->json)
		print_json(j);
	else
		print_text(j);
	if (j->err)
		return ctl_complain(CTL_FAILED,
				    "%s: not read to its end: %s: %s; what was filed "
				    "before stays, and the file may be read again",
				    j->path, a->dir, err_text(j->err));
	if (j->refused)
		ctl_complain(CTL_FAILED, "%s: %" PRIu64 " batches are not taken: %s",
			     j->path, j->refused, refused_words(j->why));
	if (j->trouble)
		ctl_complain(CTL_FAILED, "%s: %s", j->path, j->trouble);
	return j->refused || j->trouble ? CTL_FAILED : j->conflict ? CTL_LOSSES : CTL_OK;
}

/* --- the verb ------------------------------------------------------------------------------------- */

static int import_one(const struct args *a, struct store *store, const char *path)
{
	static struct job j;
	int r;

	j = (struct job){ .path = path };
	ingest_init(&j.ingest, store);
	stick_reader_init(&j.reader);
	r = read_file(&j, store);
	if (r < 0)
		return ctl_complain(r == -EACCES ? CTL_NO_PERM : CTL_NO_INPUT,
				    "%s: cannot be opened", path);
	return conclude(a, &j);
}

/* The first complaint's code counts; the other files are read all the same. */
static int import(const struct args *a)
{
	char why[FOLDER_WHY_MAX];
	struct store *store;
	int r = folder_open_store(a->dir, &store, why), worst = CTL_OK;

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	for (int i = 0; i < a->count; i++) {
		r = import_one(a, store, a->files[i]);
		if (worst == CTL_OK || worst == CTL_LOSSES)
			worst = r == CTL_OK ? worst : r;
	}
	store_close(store);
	return worst;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct args a = { .dir = NULL };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'j': a.json = true; break;
		default: return ctl_misused(&ctl_import, "import: nothing was read");
		}
	}
	if (argc - optind < 2)
		return ctl_misused(&ctl_import, "import: DIR and a file are missing");
	a.dir = argv[optind];
	a.files = argv + optind + 1;
	a.count = argc - optind - 1;
	return import(&a);
}

const struct ctl_verb ctl_import = {
	.name = "import",
	.what = "file what a technician took from a hub on a USB stick",
	.usage = "Usage: clinicctl import DIR FILE... [--json]\n"
		 "Files the records of FILE, which 'export-queue' or 'export-evidence' "
		 "at a hub's console has\n"
		 "written, as if the hub had uploaded them: each is signed by the hub, "
		 "what the clinic has\n"
		 "already is left alone. The hub keeps them until it has uploaded them "
		 "itself. A file may be\n"
		 "read again; of one that was cut off the whole part counts.\n\n"
		 "  --json  one JSON object for each file\n\n"
		 "Exit status: 0 all of it is at the clinic; 3 it is, and numbers were "
		 "taken by other records;\n"
		 "1 something was refused, or a file is not whole.\n",
	.run = run,
};
