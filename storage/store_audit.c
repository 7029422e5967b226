/*
 * store_audit.c - what hub-store writes into the audit log, and when; see store_inside.h and audit.h.
 *
 *   event -> log (memory) -> once a second, with all that came meanwhile -> disk
 *   event of security -> disk, and only then it happens: a change of level, state.db closed or opened, a fault that
 *                        ends the process
 *   newest durable checkpoint -> handover -> clinic -> receipt -> log
 *
 * It must never: keep a reading waiting or refuse one. Whatever is wrong with the log is told once, and the store goes on
 * without it; what could not be written meanwhile is counted by the log.
 *
 * The log lies in a folder of its own, 'audit', and belongs to one enrolment. When a new bundle brings a new audit.key
 * with another identity, the old folder becomes audit.1, audit.2 ... and stays for whoever wants to read it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/core/err.h"
#include "hub/crypto/audit_segment.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"
#include "hub/rt/rt.h"
#include "storage/audit.h"
#include "storage/root.h"
#include "storage/store_inside.h"

enum {
	/* What is not of security waits so long for others to be synced with it. */
	SYNC_MS = 1000,
	AUDIT_RETRY_MS = 60 * 1000,
	/* Made at once; the others follow while readings are taken. */
	SPARES_AT_OPEN = 3,
	/* Its files take no space that readings could need soon. */
	KEEP_FREE_BYTES = 16 << 20,
	OLD_FOLDERS_MAX = 99,
};

#define AUDIT_FOLDER "audit"

static const char no_key[] =
	"this hub was added before there was an audit log: 'clinicctl audit key' makes "
	"its "
	"audit.key; put that into the store's folder and restart";
static const char foreign_log[] =
	"the log in " AUDIT_FOLDER " is of another enrolment: put this one's audit.key "
	"into the store's folder and restart";
static const char no_log[] =
	"look at the disk and at the folder " AUDIT_FOLDER "; nothing was deleted";

static struct audit_now now_of(const struct store *s)
{
	return (struct audit_now){ .wall = rt_wall(), .mono = s->audit.now };
}

void store_audit_clock(struct store *s, struct mono now)
{
	s->audit.now = now;
}

/* Once per problem. */
static void tell_problem(struct store *s, const char *problem, int err)
{
	if (s->audit.problem == problem)
		return;
	s->audit.problem = problem;
	if (problem == no_key)
		log_warn("audit-off", "note=\"readings are not affected\" do=\"%s\"",
			 problem);
	else
		log_err("audit-fault",
			"error=\"%s\" note=\"readings are not affected\" do=\"%s\"",
			err_text(err), problem);
}

/* --- writing ------------------------------------------------------------------------- */

static struct audit_event event_of(enum audit_kind kind, enum audit_object object,
				   uint64_t a, uint64_t b)
{
	return (struct audit_event){ .kind = kind,
				     .outcome = AUDIT_SUCCESS,
				     .agent = AUDIT_AGENT_HUB,
				     .agent_id = ROLE_STORE,
				     .source = ROLE_STORE,
				     .object = object,
				     .a = a,
				     .b = b };
}

__attribute__((format(printf, 2, 3))) static void set_detail(struct audit_event *e,
							     const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(e->detail, sizeof(e->detail), fmt, ap);
	va_end(ap);
}

/* Durable within SYNC_MS. The log counts what it could not take. */
static void write_event(struct store *s, const struct audit_event *e)
{
	struct audited *d = &s->audit;
	int r = d->log ? audit_append(d->log, e, now_of(s)) : 0;

	if (r == -ERANGE || r == -EMSGSIZE)
		log_err("audit-event", "kind=%d error=\"%s\"", (int)e->kind, err_text(r));
	if (d->log && !d->pending) {
		d->pending = true;
		d->pending_since = d->now;
	}
}

static void sync_log(struct store *s)
{
	struct audited *d = &s->audit;
	int r = d->log ? audit_sync(d->log, now_of(s)) : 0;

	d->pending = false;
	if (r)
		tell_problem(s, no_log, r);
}

/* Durable on return, if it can be. */
static void write_event_now(struct store *s, const struct audit_event *e)
{
	write_event(s, e);
	sync_log(s);
}

/* What came in small pieces becomes one record. */
static void flush_spans(struct store *s)
{
	struct audited *d = &s->audit;
	struct audit_event e;

	if (d->acked.count) {
		e = event_of(AUDIT_UPLOAD_ACKED, AUDIT_OBJECT_READINGS, d->acked.first,
			     d->acked.last);
		e.agent = AUDIT_AGENT_CLINIC;
		e.agent_id = 0;
		set_detail(&e, "count=%" PRIu64, d->acked.count);
		write_event(s, &e);
	}
	if (d->evicted.count) {
		e = event_of(AUDIT_EVICTION, AUDIT_OBJECT_READINGS, d->evicted.first,
			     d->evicted.last);
		e.outcome = AUDIT_SERIOUS_FAILURE;
		set_detail(&e, "count=%" PRIu64 " alarms=%" PRIu64 " evidence=%" PRIu64,
			   d->evicted.count, d->evicted_alarms, d->evicted_evidence);
		write_event(s, &e);
	}
	d->acked = d->evicted = (struct audit_span){ 0 };
	d->evicted_alarms = d->evicted_evidence = 0;
}

static void widen(struct store *s, struct audit_span *p, uint64_t first, uint64_t last,
		  uint64_t count)
{
	struct audited *d = &s->audit;

	if (!d->log || count == 0)
		return;
	if (p->count == 0 || first < p->first)
		p->first = first;
	if (last > p->last)
		p->last = last;
	p->count += count;
	if (!d->pending) {
		d->pending = true;
		d->pending_since = d->now;
	}
}

/* --- opening ------------------------------------------------------------------------- */

static int host_load(void *arg, uint8_t *buf, size_t cap)
{
	struct store *s = arg;

	return s->audit.anew ? -ENOENT : keys_audit_load(s->keys, buf, cap);
}

static int host_store(void *arg, const uint8_t *buf, size_t len)
{
	struct store *s = arg;
	int r = keys_audit_store(s->keys, buf, len);

	if (r == 0)
		s->audit.anew = false;
	return r;
}

static int sync_folder(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd >= 0 && fsync(fd) == 0 ? 0 : -EIO;

	if (fd >= 0)
		close(fd);
	return r;
}

static int make_folder(const char *dir, char path[static STORE_PATH_BYTES])
{
	(void)snprintf(path, STORE_PATH_BYTES, "%s/" AUDIT_FOLDER, dir);
	if (mkdir(path, 0700) == 0)
		return sync_folder(dir);
	return errno == EEXIST ? 0 : file_error(errno);
}

/* The log of another enrolment makes room. */
static int put_folder_aside(const char *dir)
{
	char from[STORE_PATH_BYTES], to[STORE_PATH_BYTES], name[16];
	unsigned n = 1;

	do
		(void)snprintf(name, sizeof(name), AUDIT_FOLDER ".%u", n);
	while (file_exists(dir, name) && n++ < OLD_FOLDERS_MAX);
	(void)snprintf(from, sizeof(from), "%s/" AUDIT_FOLDER, dir);
	(void)snprintf(to, sizeof(to), "%s/%s", dir, name);
	if (rename(from, to))
		return file_error(errno);
	log_warn("audit-log-aside", "folder=%s note=\"it is of another enrolment\"",
		 name);
	return sync_folder(dir);
}

/* Whose log it is: as the configuration says; without one as the queue does, but a key that waits for its log
 * must not be spent on the enrolment before it. */
static bool find_owner(const struct store *s, bool waits, struct audit_config *ret)
{
	if (s->has_config) {
		memcpy(ret->hub, s->config.hub, sizeof(ret->hub));
		ret->enrolment = s->config.epoch;
		return true;
	}
	return !waits && records_owner(s->records, ret->hub, &ret->enrolment);
}

static int open_in(struct store *s, struct audit_config *cfg, struct audit_notes *notes)
{
	const struct audit_host host = { .arg = s,
					 .load = host_load,
					 .store = host_store };
	char path[STORE_PATH_BYTES];
	int r = make_folder(s->dir, path);

	cfg->dir = path;
	if (r == 0)
		r = audit_open(cfg, &host, now_of(s), &s->audit.log, notes);
	cfg->dir = NULL;
	return r;
}

/* key0 waits: either its log begins now, or it is the key of the log that is there, once more. */
static int open_or_begin(struct store *s, struct audit_config *cfg, bool waits,
			 struct audit_notes *notes)
{
	uint8_t state[AUDIT_STATE_MAX];
	bool begun = keys_audit_load(s->keys, state, sizeof(state)) != -ENOENT;
	int r;

	crypto_wipe(state, sizeof(state));
	if (!waits && !begun)
		return -ENOENT;
	s->audit.anew = false;
	if (waits && begun && file_exists(s->dir, AUDIT_FOLDER)) {
		r = open_in(s, cfg, notes);
		if (r == 0)
			return keys_audit_forget_first(s->keys);
		if (r != -ENOTSUP)
			return r;
		r = put_folder_aside(s->dir);
		if (r)
			return r;
	}
	s->audit.anew = waits;
	return open_in(s, cfg, notes);
}

static void tell_notes(struct store *s, const struct audit_notes *n)
{
	log_info("audit-open", "record=%" PRIu64 " first=%d unclean=%d cut=%zu",
		 audit_number(s->audit.log), n->is_first, n->unclean, n->cut);
	if (n->short_space)
		log_warn("audit-space", "note=\"not all of its files could be made: it "
					"gives up its oldest records earlier\"");
	if (!n->broken && !n->rolled_back && !n->set_aside)
		return;
	log_err("audit-broken",
		"changed=%d older=%d set_aside=%d do=\"keep the card as it is and run "
		"'clinicctl audit verify' on a copy\"",
		n->broken, n->rolled_back, n->set_aside);
	if (n->rolled_back)
		store_report(s, INCIDENT_ROLLBACK, 0);
	if (n->broken)
		store_report(s, INCIDENT_AUDIT, 0);
	else if (!n->rolled_back)
		store_report(s, INCIDENT_STORAGE, 0);
}

/* What keys_open found, as soon as there is a log to say it to. */
static void write_key_notes(struct store *s)
{
	const struct keys_notes *n = &s->audit.keys;
	struct audit_event e = event_of(AUDIT_KEY_LOAD, AUDIT_OBJECT_NONE, 0, 0);

	if (n->root == ROOT_NONE)
		return;
	set_detail(&e, "root secret: %s", root_kind_text(n->root));
	write_event(s, &e);
	if (n->moved_from) {
		e = event_of(AUDIT_KEY_ROTATE, AUDIT_OBJECT_NONE, 0, 0);
		set_detail(&e, "root secret: %s to %s", root_kind_text(n->moved_from),
			   root_kind_text(n->root));
		write_event(s, &e);
	}
	if (n->not_moved || n->left_over) {
		e = event_of(AUDIT_KEY_PROVIDER_FAILURE, AUDIT_OBJECT_NONE, 0, 0);
		e.outcome = AUDIT_MINOR_FAILURE;
		set_detail(&e, "%s",
			   n->not_moved ? "a better root secret is not taken"
					: "an old root secret cannot be removed");
		write_event(s, &e);
	}
	if (n->repaired) {
		e = event_of(AUDIT_STORAGE_FAULT, AUDIT_OBJECT_NONE, 0, 0);
		e.outcome = AUDIT_MINOR_FAILURE;
		set_detail(&e, "one copy of the key slots was bad");
		write_event(s, &e);
	}
	if (n->sign_taken) {
		e = event_of(AUDIT_KEY_LOAD, AUDIT_OBJECT_KEY, SLOT_SIGN, 0);
		set_detail(&e, "taken over from the bundle");
		write_event(s, &e);
	}
	s->audit.keys = (struct keys_notes){ 0 };
}

/* The first word of hubd since the start: what holds now. */
static void write_config(struct store *s)
{
	struct audit_event e = event_of(AUDIT_CONFIG_CHANGE, AUDIT_OBJECT_NONE, 0, 0);

	if (!s->audit.log || !s->has_config || s->audit.config_told)
		return;
	s->audit.config_told = true;
	e.agent_id = ROLE_HUBD;
	set_detail(&e, "at start: level %u, assignment %" PRIu32 ", sealing key %u",
		   s->config.level, s->config.assignment, s->config.seal_key_id);
	write_event(s, &e);
}

static void open_log(struct store *s)
{
	struct audited *d = &s->audit;
	uint8_t sign[P256_PRIVATE_LEN], key0[KEY_LEN];
	struct audit_config cfg = { .sign_key = sign,
				    .reserve_at_open = SPARES_AT_OPEN,
				    .keep_free = KEEP_FREE_BYTES };
	struct audit_notes notes;
	bool waits;
	int r;

	if (!s->can_sign || keys_sign(s->keys, sign))
		return; /* told when the keys were opened */
	waits = keys_audit_first(s->keys, key0) == 0;
	cfg.key0 = waits ? key0 : NULL;
	if (find_owner(s, waits, &cfg)) {
		d->retry_at = mono_add(d->now, AUDIT_RETRY_MS);
		r = open_or_begin(s, &cfg, waits, &notes);
		if (r == 0) {
			memcpy(d->hub, cfg.hub, sizeof(d->hub));
			d->enrolment = cfg.enrolment;
			d->problem = NULL;
			tell_notes(s, &notes);
			write_key_notes(s);
		} else
			tell_problem(s,
				     r == -ENOENT    ? no_key
				     : r == -ENOTSUP ? foreign_log
						     : no_log,
				     r);
		if (r && d->log) {
			audit_free(d->log);
			d->log = NULL;
		}
	}
	crypto_wipe(sign, sizeof(sign));
	crypto_wipe(key0, sizeof(key0));
}

void store_audit_open(struct store *s)
{
	struct audited *d = &s->audit;

	if (!d->log && s->keys && mono_reached(d->now, d->retry_at)) {
		open_log(s);
		if (d->log)
			d->contig = records_contig(s->records);
	}
	write_config(s);
}

void store_audit_keys(struct store *s, const struct keys_notes *n)
{
	s->audit.keys = *n;
	if (n->audit_taken)
		log_info("audit-key-taken", "note=\"audit.key is wrapped and removed\"");
	if (n->audit_error)
		log_err("audit-key-bad",
			"error=\"%s\" note=\"readings are not affected\" do=\"audit.key "
			"must be the 32 bytes that clinicctl made, in our folder, which "
			"we may write\"",
			err_text(n->audit_error));
}

/* --- events -------------------------------------------------------------------------- */

static bool same_owner(const struct audited *d, const struct msg_store_config *c)
{
	return memcmp(d->hub, c->hub, sizeof(d->hub)) == 0 && d->enrolment == c->epoch;
}

static void write_change(struct store *s, const struct msg_store_config *next)
{
	struct audit_event e = event_of(AUDIT_CONFIG_CHANGE, AUDIT_OBJECT_NONE, 0, 0);
	const struct msg_store_config *old = &s->config;

	if (next->assignment == old->assignment &&
	    next->seal_key_id == old->seal_key_id &&
	    memcmp(next->seal_public, old->seal_public, sizeof(old->seal_public)) == 0)
		return;
	e.agent_id = ROLE_HUBD;
	set_detail(&e, "assignment %" PRIu32 ", sealing key %u", next->assignment,
		   next->seal_key_id);
	write_event(s, &e);
}

void store_audit_config(struct store *s, const struct msg_store_config *next)
{
	struct audited *d = &s->audit;
	bool locks = s->state && !next->has_share, moves;
	struct audit_event e;
	int r;

	if (d->log && !same_owner(d, next)) {
		(void)audit_close(d->log,
				  now_of(s)); /* its next start shows what it lacks */
		d->log = NULL;
	}
	d->retry_at = d->now;
	if (!d->log)
		return;
	flush_spans(s);
	moves = s->has_config && next->level != s->config.level;
	if (s->has_config)
		write_change(s, next);
	if (moves) {
		e = event_of(AUDIT_LEVEL, AUDIT_OBJECT_LEVEL, s->config.level,
			     next->level);
		e.agent_id = ROLE_HUBD;
		write_event(s, &e);
	}
	if (locks) {
		e = event_of(AUDIT_STATE_CLOSED, AUDIT_OBJECT_STATE, 0, 0);
		e.agent_id = ROLE_HUBD;
		write_event(s, &e);
	}
	if (!locks && !moves)
		return;
	r = audit_seal(d->log, now_of(s));
	d->pending = false;
	if (r)
		tell_problem(s, no_log, r);
}

void store_audit_state_opened(struct store *s)
{
	struct audit_event e = event_of(AUDIT_STATE_OPENED, AUDIT_OBJECT_STATE, 0, 0);

	store_audit_open(s); /* at the first start nothing is open yet */
	write_event_now(s, &e);
}

/* From the first number that was named to the last. */
static void note_acked(struct store *s, const struct reply *r, uint64_t removed)
{
	struct audited *d = &s->audit;
	uint64_t first = d->contig + 1, last = r->contig;

	if (r->range_count) {
		if (last < first)
			first = r->ranges[0].first;
		last = r->ranges[r->range_count - 1].last;
	}
	widen(s, &d->acked, first, last, removed);
	if (r->contig > d->contig)
		d->contig = r->contig;
}

static void note_refused(struct store *s, const struct reply *r)
{
	struct audit_event e =
		event_of(AUDIT_DEAD_LETTER, AUDIT_OBJECT_READINGS, UINT64_MAX, 0);

	for (size_t i = 0; i < r->refused_count; i++) {
		e.a = r->refused[i].seq < e.a ? r->refused[i].seq : e.a;
		e.b = r->refused[i].seq > e.b ? r->refused[i].seq : e.b;
	}
	e.outcome = AUDIT_SERIOUS_FAILURE;
	e.agent = AUDIT_AGENT_CLINIC;
	e.agent_id = 0;
	set_detail(&e, "count=%zu reason=%u", r->refused_count, r->refused[0].reason);
	write_event(s, &e);
}

void store_audit_reply(struct store *s, const struct reply *r,
		       const struct queue_ack *ack)
{
	struct audited *d = &s->audit;
	int err;

	if (!d->log)
		return;
	if (r->has_contig)
		note_acked(s, r, ack->removed);
	if (ack->refused && r->refused_count)
		note_refused(s, r);
	if (r->receipt_size == 0)
		return;
	err = audit_receipt(d->log, r->receipt_size, r->receipt_hash, now_of(s));
	if (err == -ENOENT)
		log_debug("receipt-unknown", "size=%" PRIu64, r->receipt_size);
	if (!d->pending) {
		d->pending = true;
		d->pending_since = d->now;
	}
}

void store_audit_evicted(struct store *s, const struct queue_evicted *ev)
{
	struct audit_event e =
		event_of(AUDIT_EVICTION, AUDIT_OBJECT_COUNT, ev->parked, 0);

	s->audit.evicted_alarms += s->audit.log ? ev->alarm : 0;
	s->audit.evicted_evidence += s->audit.log ? ev->evidence : 0;
	widen(s, &s->audit.evicted, ev->first, ev->last, queue_evicted_records(ev));
	if (ev->parked == 0)
		return;
	e.outcome = AUDIT_MINOR_FAILURE;
	set_detail(&e, "bodies that the clinic had refused");
	write_event(s, &e);
}

void store_audit_fault(struct store *s, const char *what, int err)
{
	struct audit_event e = event_of(AUDIT_STORAGE_FAULT, AUDIT_OBJECT_NONE, 0, 0);

	e.outcome = err == -EIO ? AUDIT_MAJOR_FAILURE : AUDIT_SERIOUS_FAILURE;
	set_detail(&e, "%s: %s", what, err_text(err));
	write_event_now(s, &e);
}

void store_audit_lost(struct store *s, const char *why, uint64_t first, uint64_t last)
{
	struct audit_event e =
		event_of(AUDIT_TOMBSTONE, AUDIT_OBJECT_READINGS, first, last);

	e.outcome = AUDIT_SERIOUS_FAILURE;
	set_detail(&e, "%s", why);
	write_event(s, &e);
}

void store_audit_no_space(struct store *s)
{
	struct audit_event e = event_of(AUDIT_NO_SPACE, AUDIT_OBJECT_NONE, 0, 0);

	e.outcome = AUDIT_SERIOUS_FAILURE;
	write_event(s, &e);
}

void store_audit_evidence(struct store *s, uint64_t counter, unsigned findings)
{
	struct audit_event e =
		event_of(AUDIT_MEASUREMENT, AUDIT_OBJECT_COUNT, findings, 0);

	e.source = ROLE_MEASURE;
	e.outcome = findings ? AUDIT_SERIOUS_FAILURE : AUDIT_SUCCESS;
	set_detail(&e, "evidence %" PRIu64, counter);
	write_event(s, &e);
}

size_t store_audit_files(const struct store *s)
{
	return s->audit.log ? audit_file_count(s->audit.log) : 0;
}

int store_audit_file(const struct store *s, size_t n, uint8_t **ret)
{
	int r = s->audit.log ? 0 : -ENOENT;

	*ret = r ? NULL : malloc(AUDIT_DENSE_MAX);
	if (r == 0)
		r = *ret ? audit_export(s->audit.log, n, *ret) : -ENOMEM;
	return r;
}

void store_audit_people(struct store *s, const struct audit_event *e)
{
	write_event(s, e);
}

void store_audit_spool(struct store *s, bool begins, uint64_t count)
{
	struct audit_event e = event_of(begins ? AUDIT_SPOOL_BEGIN : AUDIT_SPOOL_END,
					AUDIT_OBJECT_SPOOL, count, 0);

	write_event_now(s, &e);
}

void store_audit_aside(struct store *s, uint32_t segment, int err)
{
	struct audit_event e =
		event_of(AUDIT_SEGMENT_ASIDE, AUDIT_OBJECT_QUEUE, segment, 0);

	e.outcome = AUDIT_SERIOUS_FAILURE;
	set_detail(&e, "%s", err_text(err));
	write_event_now(s, &e);
}

void store_audit_key(struct store *s, bool erased, enum slot_purpose purpose,
		     uint32_t segment)
{
	struct audit_event e = event_of(erased ? AUDIT_KEY_ERASE : AUDIT_KEY_ROTATE,
					AUDIT_OBJECT_KEY, purpose, segment);

	write_event_now(s, &e);
}

/* --- time ---------------------------------------------------------------------------- */

static void offer_checkpoint(struct store *s)
{
	uint8_t buf[AUDIT_SIGNED_MAX];
	int n = 0;

	/* batches speak for the queue's owner */
	if (s->audit.log && !s->foreign && audit_wants_receipt(s->audit.log))
		n = audit_checkpoint(s->audit.log, buf, sizeof(buf));
	handover_set_checkpoint(&s->handover, buf, n > 0 ? (size_t)n : 0);
}

void store_audit_run(struct store *s)
{
	struct audited *d = &s->audit;
	int r;

	store_audit_open(s);
	if (!d->log)
		return;
	audit_set_highest(d->log, records_highest(s->records));
	if (d->pending && mono_reached(d->now, mono_add(d->pending_since, SYNC_MS))) {
		flush_spans(s);
		sync_log(s);
	}
	r = audit_run(d->log, now_of(s));
	if (r)
		tell_problem(s, no_log, r);
	else
		d->problem = NULL;
	offer_checkpoint(s);
}

struct mono store_audit_deadline(const struct store *s)
{
	const struct audited *d = &s->audit;
	struct mono at, sync = mono_add(d->pending_since, SYNC_MS);

	if (!d->log)
		return d->problem && d->problem != no_key ? d->retry_at : MONO_NEVER;
	at = audit_deadline(d->log);
	return d->pending && sync.ms < at.ms ? sync : at;
}

void store_audit_close(struct store *s)
{
	struct audited *d = &s->audit;
	struct mono real = rt_mono();
	int r;

	if (!d->log)
		return;
	if (real.ms > d->now.ms)
		d->now = real;
	flush_spans(s);
	r = audit_close(d->log, now_of(s));
	d->log = NULL;
	if (r)
		log_err("audit-fault", "error=\"%s\" note=\"its end was not written\"",
			err_text(r));
}
