/*
 * audit_open.c - how the audit log is found again at start; see audit.h.
 *
 * What a power cut leaves: the newest segment ends at its last durable record or a little later; the stored key is of the
 * last record's epoch or of the next. Everything else is a fault or somebody's work: then the log goes on in a new segment
 * that says so, and what was found stays as it is.
 */
#include "storage/audit.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "storage/audit_inside.h"

/* More records than this since the key was stored: the host's store has failed for weeks, or the key is not this log's. */
enum { STEPS_MAX = 1 << 20 };

/* What reading the newest segment told. */
struct found {
	struct audit_chain chain; /* its end */
	bool broken, rolled_back, aside;
	bool clean;	     /* its last words are 'stop' */
	uint64_t dropped;    /* records up to this one were given up by it; 0: none */
	uint32_t aside_told; /* the lowest segment that it says was set aside; 0: none */
	size_t cut;
	uint8_t key[KEY_LEN]; /* of the record after it */
	uint8_t *raw, *dense; /* owned */
	struct audit_found segment;
};

static void learn(struct found *f, const struct audit_event *e)
{
	if (e->kind == AUDIT_WRAP)
		f->dropped = e->b;
	if (e->kind == AUDIT_SEGMENT_ASIDE && e->object == AUDIT_OBJECT_LOG &&
	    (f->aside_told == 0 || e->a < f->aside_told))
		f->aside_told = (uint32_t)e->a;
	if (e->kind != AUDIT_CHECKPOINT)
		f->clean = e->kind == AUDIT_STOP;
}

/* Is this still the log that was there when the key was stored? */
static void compare(struct found *f, const struct audit_state *s)
{
	if (f->chain.number == s->number &&
	    memcmp(f->chain.head, s->head, sizeof(s->head)) != 0)
		f->broken = true;
}

/* From the stored key on every record can be checked; those before it only the clinic can. */
static bool mac_good(struct found *f, const struct audit_state *s, const uint8_t *got)
{
	uint8_t mac[SHA256_LEN];

	if (f->chain.number <= s->number)
		return true;
	audit_mac(f->key, f->chain.head, mac);
	if (!crypto_equal(mac, got, sizeof(mac)))
		return false;
	audit_key_next(f->key, 1);
	return true;
}

static bool header_good(struct found *f, const struct audit_state *s)
{
	const struct audit_header *h = &f->segment.header;
	uint64_t steps = h->start.number - s->number;

	memcpy(f->key, s->key, sizeof(f->key));
	if (h->start.number < s->number)
		return true;
	if (steps > STEPS_MAX)
		return false;
	audit_key_next(f->key, steps);
	return audit_header_mac_good(h, f->key);
}

static void walk(struct found *f, const struct audit_state *s)
{
	struct audit_frame frame;
	struct audit_record rec;
	struct reader r;

	f->chain = f->segment.header.start;
	f->broken = f->broken || f->segment.broken || !header_good(f, s);
	reader_init(&r, f->dense + f->segment.header_len, f->segment.stream_len);
	compare(f, s);
	while (audit_frame_next(&r, &frame) == 1) {
		struct audit_chain before = f->chain;

		if (audit_chain_follow(&f->chain, frame.record, frame.len, &rec) ||
		    !mac_good(f, s, frame.mac)) {
			f->chain = before;
			f->broken = true;
			break;
		}
		learn(f, &rec.event);
		compare(f, s);
	}
	f->rolled_back = f->chain.number < s->number || f->chain.epoch > s->epoch ||
			 f->chain.epoch + 1 < s->epoch;
	f->cut = f->segment.cut;
}

/* Older segments: one after the other, each with a header. What was set aside before them may stand alone. */
static bool files_whole(const struct audit_files *f)
{
	bool live = false;

	for (size_t i = 0; i < f->count; i++) {
		if (live && f->file[i].segment != f->file[i - 1].segment + 1)
			return false;
		live = live || !f->file[i].aside;
		if (!f->file[i].aside && !f->file[i].readable)
			return false;
	}
	return true;
}

/* The newest file that can be read at all; those above it are set aside. Returns 0, -ENOENT, -ENOTSUP or -EIO. */
static int read_newest(struct audit *a, struct found *f)
{
	for (size_t i = a->files.count; i-- > 0;) {
		struct audit_file *file = &a->files.file[i];
		int n = audit_files_read(&a->files, file, f->raw);

		f->aside = f->aside || file->aside;
		if (n >= 0)
			n = audit_segment_read(f->raw, (size_t)n, f->dense, &f->segment);
		if (n >= 0 && f->segment.header.segment == file->segment) {
			if (memcmp(f->segment.header.hub, a->hub, HUB_ID_LEN) != 0 ||
			    f->segment.header.enrolment != a->enrolment)
				return -ENOTSUP;
			walk(f, &a->state);
			return 0;
		}
		f->broken = f->aside = true;
		if (!file->aside && audit_files_aside(&a->files, file->segment))
			return -EIO;
	}
	return -ENOENT;
}

static int load_key(struct audit *a, const struct audit_config *cfg)
{
	uint8_t buf[AUDIT_STATE_MAX];
	int r, n = a->host.load(a->host.arg, buf, sizeof(buf));

	if (n >= 0) {
		r = audit_state_decode(buf, (size_t)n, &a->state);
		crypto_wipe(buf, sizeof(buf));
		return r;
	}
	if (n != -ENOENT || !cfg->key0 || a->files.count)
		return n;
	a->state.epoch = 1;
	memcpy(a->state.key, cfg->key0, KEY_LEN);
	audit_key_next(a->state.key, 1);
	memcpy(a->state.head, a->chain.head, sizeof(a->state.head));
	audit_state_encode(&a->state, buf);
	r = a->host.store(a->host.arg, buf, AUDIT_STATE_LEN);
	crypto_wipe(buf, sizeof(buf));
	return r;
}

/* The log goes on after what is there: in its file if all is well, else in a new one. */
static int go_on(struct audit *a, struct found *f)
{
	struct audit_file *newest = &a->files.file[a->files.count - 1];
	const uint8_t *stream = f->dense + f->segment.header_len;
	int fd;

	a->chain = f->chain;
	memcpy(a->key, f->key, sizeof(a->key));
	memcpy(a->durable_key, f->key, sizeof(a->key));
	a->tail.segment = newest->segment;
	if (!f->aside && !f->broken && !f->rolled_back) {
		fd = audit_files_continue(&a->files, newest);
		if (fd >= 0) {
			audit_tail_resume(&a->tail, fd, &f->segment, stream);
			a->durable = a->chain;
			return 0;
		}
		f->aside = true;
	}
	if ((f->broken || f->aside) && !newest->aside &&
	    audit_files_aside(&a->files, newest->segment))
		return -EIO;
	/* the verifier sees that this does not follow: it must */
	if (a->chain.epoch > a->state.epoch || a->chain.epoch + 1 < a->state.epoch)
		a->chain.epoch = a->state.epoch - 1;
	a->durable = a->chain;
	return audit_begin_segment(a);
}

/* There is no file: a new log, or one that is gone. */
static int begin(struct audit *a, struct found *f)
{
	f->rolled_back = a->state.number != 0 || a->state.epoch != 1;
	a->tail.segment = a->state.segment;
	if (a->files.count) /* all unreadable */
		a->tail.segment = a->files.file[a->files.count - 1].segment;
	a->chain.epoch = a->state.epoch - 1;
	a->durable = a->chain;
	memcpy(a->key, a->state.key, sizeof(a->key));
	memcpy(a->durable_key, a->key, sizeof(a->key));
	return audit_begin_segment(a);
}

/* A segment that was given up in words, not yet in deed. */
static int finish_wrap(struct audit *a, const struct found *f)
{
	for (size_t i = 0; i + 1 < a->files.count; i++) {
		const struct audit_file *file = &a->files.file[i];

		if (!file->aside && file->segment != a->tail.segment && file->readable &&
		    file->first <= f->dropped)
			return audit_files_give_up(&a->files, file->segment);
	}
	return 0;
}

/* Segments set aside right before this one, of which it does not tell yet. */
static int tell_aside(struct audit *a, const struct found *f, struct audit_now now)
{
	uint32_t expect = a->tail.segment - 1;
	int r = 0;

	for (size_t i = a->files.count; r == 0 && i-- > 0;) {
		const struct audit_file *file = &a->files.file[i];
		struct audit_event e = audit_event_of(AUDIT_SEGMENT_ASIDE,
						      AUDIT_OBJECT_LOG, file->segment, 0);

		if (file->segment > expect)
			continue;
		if (file->segment != expect || !file->aside ||
		    (f->aside_told && file->segment >= f->aside_told))
			break;
		e.outcome = AUDIT_SERIOUS_FAILURE;
		r = audit_write(a, &e, now);
		expect--;
	}
	return r;
}

static int tell(struct audit *a, const struct found *f, struct audit_now now)
{
	struct audit_event e = audit_event_of(AUDIT_START, AUDIT_OBJECT_NONE, 0, 0);
	int r = audit_write(a, &e, now);

	if (r == 0 && (f->broken || f->rolled_back)) {
		e = audit_event_of(AUDIT_BROKEN, AUDIT_OBJECT_RECORDS, f->chain.number,
				   a->state.number);
		e.outcome = AUDIT_MAJOR_FAILURE;
		r = audit_write(a, &e, now);
	}
	if (r == 0 && f->chain.number && !f->clean) {
		e = audit_event_of(AUDIT_UNCLEAN, AUDIT_OBJECT_NONE, 0, 0);
		e.outcome = AUDIT_MINOR_FAILURE;
		r = audit_write(a, &e, now);
	}
	if (r == 0 && f->cut) {
		e = audit_event_of(AUDIT_TAIL_CUT, AUDIT_OBJECT_LOG,
				   f->segment.header.segment, f->cut);
		e.outcome = AUDIT_MINOR_FAILURE;
		r = audit_write(a, &e, now);
	}
	return r ? r : tell_aside(a, f, now);
}

static int start(struct audit *a, struct found *f, struct audit_now now)
{
	int r = a->files.count ? read_newest(a, f) : -ENOENT;

	f->broken = f->broken || !files_whole(&a->files);
	if (r == -ENOENT)
		r = begin(a, f);
	else if (r == 0)
		r = go_on(a, f);
	crypto_wipe(f->key, sizeof(f->key));
	crypto_wipe(a->state.key, sizeof(a->state.key));
	if (r == 0)
		r = finish_wrap(a, f);
	if (r == 0)
		r = tell(a, f, now);
	if (r)
		return r;
	r = audit_seal(a, now);
	/* all is durable, only the next key could not be stored: audit_run tries again */
	return a->evolve_due && !audit_tail_pending(&a->tail) ? 0 : r;
}

static int prepare(struct audit *a, const struct audit_config *cfg,
		   const struct audit_host *host, struct audit_now now)
{
	a->host = *host;
	a->enrolment = cfg->enrolment;
	memcpy(a->hub, cfg->hub, sizeof(a->hub));
	memcpy(a->sign_key, cfg->sign_key, sizeof(a->sign_key));
	a->epoch_began = now.mono;
	audit_tail_init(&a->tail);
	audit_chain_start(&a->chain, a->hub, a->enrolment);
	return audit_files_open(
		&a->files, cfg->dir,
		cfg->segment_bytes ? cfg->segment_bytes : AUDIT_SEGMENT_BYTES,
		cfg->segments ? cfg->segments : AUDIT_SEGMENTS, cfg->keep_free);
}

/* With the two buffers that only the start needs. */
static int start_buffered(struct audit *a, struct audit_now now, struct found *f)
{
	int r = -ENOMEM;

	f->raw = malloc(AUDIT_SEGMENT_MAX);
	f->dense = malloc(AUDIT_DENSE_MAX);
	if (f->raw && f->dense)
		r = start(a, f, now);
	free(f->raw);
	free(f->dense);
	return r;
}

int audit_open(const struct audit_config *cfg, const struct audit_host *host,
	       struct audit_now now, struct audit **ret, struct audit_notes *ret_notes)
{
	struct found f = { 0 };
	struct audit_notes notes = { 0 };
	struct audit *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	a->files.dir = -1;
	a->tail.fd = -1;
	r = prepare(a, cfg, host, now);
	if (r == 0)
		r = load_key(a, cfg);
	if (r == 0) {
		notes.short_space =
			audit_files_reserve(&a->files, cfg->reserve_at_open
							       ? cfg->reserve_at_open
							       : UINT_MAX) != 0;
		a->reserve_at = notes.short_space || audit_files_complete(&a->files)
					? MONO_NEVER
					: now.mono;
		notes.is_first = a->files.count == 0 && a->state.number == 0;
		r = start_buffered(a, now, &f);
	}
	if (r) {
		audit_free(a);
		return r;
	}
	notes.unclean = f.chain.number && !f.clean;
	notes.cut = f.cut;
	notes.set_aside = f.aside;
	notes.broken = f.broken;
	notes.rolled_back = f.rolled_back;
	*ret_notes = notes;
	*ret = a;
	return 0;
}
