/*
 * ctl_audit.c - clinicctl audit: is a hub's log whole, as FHIR, and a key for a hub that has none.
 *
 * The log is what was copied from the hub or its card: nothing here writes to it. Key 0, the hub's signing key and the
 * witnessed checkpoints come from the clinic's database.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clinic/audit_fhir.h"
#include "clinic/audit_report.h"
#include "clinic/ctl.h"
#include "clinic/door_rows.h"
#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/json.h"
#include "clinic/remote.h"
#include "clinic/witness.h"
#include "clinic/words.h"
#include "hub/core/err.h"
#include "hub/rt/file.h"

enum { LOGS_MAX = 64 };

struct args {
	const char *dir, *name, *out, *fhir;
	char *logs[LOGS_MAX];
	size_t log_count;
	bool json; /* words go to stderr then */
};

/* All that is known of the hub and its log. */
struct known {
	struct hub hub;
	struct witness_state state;
	uint8_t key0[KEY_LEN];
	struct audit_checkpoint *witnessed; /* owned */
	size_t count, room;
};

/* --- the command line ---------------------------------------------------------------- */

static int parse_args(int argc, char **argv, struct args *a)
{
	static const struct option options[] = {
		{ "log", required_argument, NULL, 'l' },
		{ "fhir", required_argument, NULL, 'f' },
		{ "out", required_argument, NULL, 'o' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*a = (struct args){ .dir = NULL };
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'l':
			if (a->log_count == LOGS_MAX)
				return ctl_misused(&ctl_audit,
						   "at most %d times --log: put the "
						   "files into one folder",
						   LOGS_MAX);
			a->logs[a->log_count++] = optarg;
			break;
		case 'f': a->fhir = optarg; break;
		case 'o': a->out = optarg; break;
		case 'j': a->json = true; break;
		default: return ctl_misused(&ctl_audit, "audit: nothing was done");
		}
	}
	if (!ctl_operands(&ctl_audit, argc, argv, optind, 3))
		return CTL_USAGE;
	a->dir = argv[optind + 1];
	a->name = argv[optind + 2];
	return CTL_OK;
}

/* Which options a verb takes and needs. */
static int check_options(const struct args *a, const char *verb, bool log, bool fhir,
			 bool out)
{
	if (log && a->log_count == 0)
		return ctl_misused(&ctl_audit,
				   "audit %s: --log says where the hub's log is", verb);
	if (fhir && !a->fhir)
		return ctl_misused(&ctl_audit, "audit %s: --fhir says where to put it",
				   verb);
	if (out && !a->out)
		return ctl_misused(&ctl_audit, "audit %s: --out says where to put it",
				   verb);
	if ((a->log_count && !log) || (a->fhir && !fhir) || (a->out && !out))
		return ctl_misused(&ctl_audit, "audit %s: it does not take one of these",
				   verb);
	return CTL_OK;
}

static int exit_code(int err)
{
	int code = ctl_exit_code(err);

	return code == CTL_FAILED ? CTL_IO : code;
}

/* --- what the database knows --------------------------------------------------------- */

static int db_complain(const struct args *a, int err)
{
	return ctl_complain(CTL_IO, "%s/%s could not be read: %s", a->dir, FILES_DB,
			    err_text(err));
}

static int find_hub(const struct args *a, struct store *store, struct hub *ret)
{
	int r = store_hub_by_name(store, a->name, ret);

	if (r == -ENOENT)
		return ctl_complain(
			CTL_NO_INPUT,
			"there is no hub '%s' in %s; 'clinicctl status %s' lists them",
			a->name, a->dir, a->dir);
	return r < 0 ? db_complain(a, r) : CTL_OK;
}

static int on_witnessed(void *arg, const struct audit_checkpoint *c)
{
	struct known *k = arg;

	if (k->count == k->room) {
		size_t room = k->room ? 2 * k->room : 64;
		struct audit_checkpoint *more =
			reallocarray(k->witnessed, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		k->witnessed = more;
		k->room = room;
	}
	k->witnessed[k->count++] = *c;
	return 0;
}

/* 1 says something else here. */
static int remote_complain(const struct args *a, const struct remote *clinic, int err)
{
	int code = remote_failed(clinic, a->name, err);

	return code == CTL_FAILED ? CTL_IO : code;
}

static void get_audit(struct cb *c, void *ret)
{
	door_get_audit(c, ret);
}

static int load_known(const struct args *a, struct remote *clinic, struct known *k)
{
	struct door_request rq;
	struct door_audit got;
	int r = remote_request(DOOR_AUDIT, a->name, &rq);

	if (r == 0)
		r = remote_get(clinic, &rq, get_audit, &got);
	if (r < 0)
		return remote_complain(a, clinic, r);
	k->hub = got.hub;
	k->state = got.state;
	memcpy(k->key0, got.key0, sizeof(k->key0));
	crypto_wipe(got.key0, sizeof(got.key0));
	if (!got.has_key)
		return ctl_complain(CTL_NO_INPUT,
				    "hub '%s' was added before there was an audit log; "
				    "'clinicctl audit key' makes what it needs",
				    a->name);
	r = remote_checkpoints(clinic, a->name, k->hub.epoch, on_witnessed, k);
	return r < 0 ? remote_complain(a, clinic, r) : CTL_OK;
}

static void free_known(struct known *k)
{
	free(k->witnessed);
	crypto_wipe(k, sizeof(*k));
}

/* --- the log ------------------------------------------------------------------------- */

static int load_log(const struct args *a, struct audit_log *log)
{
	int r = audit_log_load(a->logs, a->log_count, log);

	if (r == 0)
		return CTL_OK;
	return ctl_complain(exit_code(r), "the log of hub '%s' could not be read: %s",
			    a->name, err_text(r));
}

/* Somebody else's log is a mistake of whoever typed, not of the hub. */
static int check_owner(const struct args *a, const struct known *k,
		       const struct audit_log *log)
{
	struct audit_header h;

	for (size_t i = 0; i < log->count; i++)
		if (audit_header_decode(log->segments[i].p, log->segments[i].len, &h) >=
			    0 &&
		    memcmp(h.hub, k->hub.id, HUB_ID_LEN) == 0)
			return CTL_OK;
	for (size_t i = 0; i < log->count; i++)
		if (audit_header_decode(log->segments[i].p, log->segments[i].len, &h) >=
		    0)
			return ctl_complain(CTL_NO_INPUT,
					    "what --log names is of another hub than "
					    "'%s': nothing was verified",
					    a->name);
	return CTL_OK;
}

static void tell_distrust(const struct known *k, FILE *to)
{
	char time[WORDS_TIME_MAX];

	if (k->state.distrusted)
		fprintf(to,
			"On %s UTC the hub showed a log that had gone back, to record "
			"%" PRIu64 ": since then\nnothing of it was witnessed.\n",
			words_time(k->state.distrusted_ms, 0, false, time),
			k->state.distrusted_size);
}

/* on_record: NULL, or called with arg for each good record. */
static int verify_with(const struct args *a, const struct known *k,
		       void (*on_record)(void *, const struct audit_record *), void *arg)
{
	struct audit_verify_in in = { .enrolment = k->hub.epoch,
				      .witnessed = k->witnessed,
				      .witnessed_count = k->count,
				      .on_record = on_record,
				      .arg = arg };
	struct audit_log log;
	int r = load_log(a, &log);

	if (r != CTL_OK)
		return r;
	r = check_owner(a, k, &log);
	if (r == CTL_OK) {
		memcpy(in.hub, k->hub.id, sizeof(in.hub));
		memcpy(in.key0, k->key0, sizeof(in.key0));
		memcpy(in.public, k->hub.sign_public, sizeof(in.public));
		in.segments = log.segments;
		in.segment_count = log.count;
		r = (int)audit_check(&in, a->json ? stderr : stdout);
		tell_distrust(k, a->json ? stderr : stdout);
		crypto_wipe(&in, sizeof(in));
	}
	audit_log_done(&log);
	return r;
}

/* r: as audit_check; records: that were exported. */
static void print_json(const struct args *a, const struct known *k, int r,
		       uint64_t records)
{
	static const char *const words[] = { "whole", "changed", "nothing", "losses" };
	cJSON *o;

	if (!a->json || r < 0 || r >= (int)(sizeof(words) / sizeof(words[0])))
		return;
	o = json_object();
	json_text(o, "hub", a->name);
	json_text(o, "verdict", words[r]);
	json_uint(o, "witnessed", k->state.size);
	json_bool(o, "distrusted", k->state.distrusted);
	if (a->fhir && records > 0) {
		json_text(o, "file", a->fhir);
		json_uint(o, "records", records);
	}
	json_print(o);
}

static int verify(const struct args *a, const struct known *k)
{
	int r = verify_with(a, k, NULL, NULL);

	print_json(a, k, r, 0);
	return r;
}

/* --- as FHIR ------------------------------------------------------------------------- */

struct export
{
	FILE *out;
	const struct hub *hub;
	uint64_t records;
};

static void export_record(void *arg, const struct audit_record *r)
{
	struct export *x = arg;
	cJSON *o = audit_fhir(r, x->hub->id, x->hub->epoch);
	char *text = cJSON_PrintUnformatted(o);

	if (!text)
		abort(); /* as json.h: no half of it */
	fprintf(x->out, "%s\n", text);
	cJSON_free(text);
	cJSON_Delete(o);
	x->records++;
}

static int cannot_make(const char *path, int err)
{
	if (err == EEXIST)
		return ctl_complain(CTL_CANT_CREATE,
				    "%s is there already; choose another name", path);
	return ctl_complain(err == EACCES ? CTL_NO_PERM : CTL_CANT_CREATE,
			    "%s could not be made: %s", path, strerror(err));
}

static int export(const struct args *a, const struct known *k)
{
	struct export x = { .hub = &k->hub };
	const char *to = a->fhir ? a->fhir : ""; /* it was asked for */
	int r, fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return cannot_make(to, errno);
	x.out = fdopen(fd, "w");
	if (!x.out) {
		close(fd);
		return ctl_complain(CTL_IO, "no memory");
	}
	r = verify_with(a, k, export_record, &x);
	if (fflush(x.out) || fsync(fd))
		r = ctl_complain(CTL_CANT_CREATE, "%s could not be written: %s", a->fhir,
				 strerror(errno));
	(void)fclose(x.out); /* nothing is in its buffer any more */
	if (x.records == 0 || r == CTL_CANT_CREATE)
		(void)unlink(a->fhir);
	else if (!a->json)
		printf("%" PRIu64 " records are in %s.\n", x.records, a->fhir);
	print_json(a, k, r, x.records);
	return r;
}

typedef int with_known_fn(const struct args *a, const struct known *k);

static int with_known(const struct args *a, with_known_fn *fn)
{
	char why[FOLDER_WHY_MAX];
	struct known k = { .count = 0 };
	struct remote *clinic;
	int r = remote_open(a->dir, &clinic, why);

	if (r < 0)
		return ctl_complain(exit_code(r), "%s", why);
	r = load_known(a, clinic, &k);
	remote_close(clinic);
	if (r == CTL_OK)
		r = fn(a, &k);
	free_known(&k);
	return r;
}

/* --- a key for a hub of before ------------------------------------------------------- */

/* The file goes first: a key that is in the database and on no hub would keep the hub without a log for good. */
static int make_key(const struct args *a, struct store *store)
{
	const char *to = a->out ? a->out : ""; /* it was asked for */
	uint8_t key0[KEY_LEN];
	struct hub h;
	int r = find_hub(a, store, &h), fd;

	if (r != CTL_OK)
		return r;
	r = witness_key_get(store, h.id, h.epoch, key0);
	crypto_wipe(key0, sizeof(key0));
	if (r == 0)
		return ctl_complain(CTL_CANT_CREATE,
				    "hub '%s' has its key already, and a second one "
				    "would make its log unreadable; "
				    "if the hub lost it, add the hub anew",
				    a->name);
	if (r != -ENOENT)
		return db_complain(a, r);
	fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return cannot_make(to, errno);
	crypto_random(key0, sizeof(key0));
	r = file_write_at(fd, key0, sizeof(key0), 0);
	if (r == 0 && fsync(fd))
		r = -EIO;
	close(fd);
	if (r == 0)
		r = witness_key_put(store, h.id, h.epoch, key0);
	if (r == 0)
		r = store_commit(store);
	crypto_wipe(key0, sizeof(key0));
	if (r == 0)
		return CTL_OK;
	(void)unlink(to);
	return ctl_complain(CTL_IO, "the key could not be kept: %s", err_text(r));
}

static int key(const struct args *a)
{
	char why[FOLDER_WHY_MAX];
	struct store *store;
	int r = folder_open_store(a->dir, &store, why);

	if (r < 0)
		return ctl_complain(exit_code(r), "%s", why);
	r = store_begin(store);
	r = r < 0 ? db_complain(a, r) : make_key(a, store);
	store_rollback(store);
	store_close(store);
	if (r == CTL_OK && a->json) {
		cJSON *o = json_object();

		json_text(o, "hub", a->name);
		json_text(o, "file", a->out);
		json_print(o);
	} else if (r == CTL_OK)
		printf("The first key of the audit log of hub '%s' is in %s.\n\n"
		       "Next: move it to /var/lib/hub/store/audit.key on the hub (owner "
		       "hub-store), restart\n"
		       "hub-store, and delete it here.\n",
		       a->name, a->out);
	return r;
}

static int run_with_log(int argc, char **argv, with_known_fn *fn, bool fhir)
{
	struct args a;
	int r = parse_args(argc, argv, &a);

	if (r == CTL_OK)
		r = check_options(&a, argv[1], true, fhir, false);
	return r == CTL_OK ? with_known(&a, fn) : r;
}

static int run_verify(int argc, char **argv)
{
	return run_with_log(argc, argv, verify, false);
}

static int run_export(int argc, char **argv)
{
	return run_with_log(argc, argv, export, true);
}

static int run_key(int argc, char **argv)
{
	struct args a;
	int r = parse_args(argc, argv, &a);

	if (r == CTL_OK)
		r = check_options(&a, argv[1], false, false, true);
	return r == CTL_OK ? key(&a) : r;
}

static const struct ctl_part parts[] = {
	{ "verify", run_verify, true },
	{ "export", run_export, true },
	{ "key", run_key, false },
	{ 0 },
};

const struct ctl_verb ctl_audit = {
	.name = "audit",
	.what = "is a hub's audit log whole, as it was written; export it",
	.usage =
		"Usage: clinicctl audit verify DIR NAME --log PATH [--log PATH]... "
		"[--json]\n"
		"Says whether the audit log of hub NAME is whole and as the hub wrote "
		"it. PATH: a copy of\n"
		"/var/lib/hub/store/audit from the hub or its card, or single files of "
		"it.\n\n"
		"  exit code 0  whole\n"
		"            1  changed, cut or forged: somebody must look\n"
		"            2  nothing to verify\n"
		"            3  unchanged, but the log itself tells of something lost\n\n"
		"Usage: clinicctl audit export DIR NAME --log PATH... --fhir FILE "
		"[--json]\n"
		"The same, and writes what is good of it to the new FILE: a FHIR R4 "
		"AuditEvent a line.\n\n"
		"Usage: clinicctl audit key DIR NAME --out FILE [--json]\n"
		"Makes the first key for a hub that was added before there was an audit "
		"log.\n",
	.parts = parts,
};
