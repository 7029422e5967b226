/*
 * store_export.c - records for a USB stick: as a file's octets into a pipe, whose other end the unit hub-stick has.
 *
 *   waiting -> writing   somebody reads the pipe, in wait_for_stick
 *   writing -> result    all was written, or the pipe broke, in write_on
 *   result  -> nothing   the unit has said what became of it, in look_at_result; hubd hears it
 *   any     -> nothing   hubd wants no more of it, or is gone; or it took too long
 *
 * hub-store has neither the stick nor its file system: a stick that stalls, or is none, holds up nothing here. What it writes never
 * waits. Nothing leaves the queue by it.
 *
 * Of the evidence, the newest files of the audit log become records first, as after a lock (store_snapshot.c).
 */
#include "storage/store_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/core/err.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"

enum {
	LOOK_MS = 200,
	FULL_PIPE_MS = 10,
	TELL_MS = 5000,
	STICK_MS = 45 * 1000,	    /* until it is plugged in, found and mounted */
	RESULT_MS = 10 * 60 * 1000, /* a slow one, until it has all */
	BROKEN_MS = 10 * 1000,
	AUDIT_MS = 60 * 1000,
	BATCHES_MAX = 8, /* in one turn */
	WORD_MAX = 16,
};

static void tell(struct store *s, enum export_state state)
{
	const struct exporting *x = &s->exporting;
	const struct msg m = { .kind = MSG_EXPORTED,
			       .exported = { x->ask, state, x->exporter.end.records,
					     x->bytes } };

	(void)store_send(s, ROLE_HUBD, &m); /* not there: it has forgotten the ask */
}

void store_export_drop(struct store *s)
{
	struct exporting *x = &s->exporting;

	if (x->is_open)
		close(x->fd);
	*x = (struct exporting){ .dir = x->dir };
}

/* Each that was unsent at the beginning: one that the clinic named meanwhile, or that could not be read, is missing in the file. */
static bool has_all(const struct exporting *x)
{
	return x->what == EXPORT_QUEUE && x->unsent > 0 &&
	       x->exporter.end.records == x->unsent;
}

static void end(struct store *s, enum export_state state)
{
	const struct exporting *x = &s->exporting;

	if (state == EXPORT_DONE && has_all(x))
		store_retire_on_stick(s, x->exporter.to);

	log_info("export", "what=%d state=%d records=%llu bytes=%llu", (int)x->what,
		 (int)state, (unsigned long long)x->exporter.end.records,
		 (unsigned long long)x->bytes);
	tell(s, state);
	store_export_drop(s);
}

/* --- what the unit says --------------------------------------------------------------------- */

/* Names the file: another one is of another run. */
static uint64_t result_name(const struct exporting *x)
{
	char path[STORE_PATH_BYTES];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/result", x->dir);
	return stat(path, &st) ? 0 : (uint64_t)st.st_ino;
}

/* Returns false if nothing was said yet. */
static bool read_result(const struct exporting *x, enum export_state *ret)
{
	static const struct {
		const char *word;
		enum export_state state;
	} words[] = {
		{ "done\n", EXPORT_DONE },
		{ "no-stick\n", EXPORT_NO_STICK },
		{ "full\n", EXPORT_STICK_FULL },
	};
	uint8_t word[WORD_MAX];
	uint64_t name = result_name(x);
	int n = name && name != x->stale ? file_read(x->dir, "result", word, sizeof(word))
					 : 0;

	if (n <= 0)
		return false;
	*ret = EXPORT_FAILED;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if ((size_t)n == strlen(words[i].word) &&
		    memcmp(word, words[i].word, (size_t)n) == 0)
			*ret = words[i].state;
	return true;
}

static void look_at_result(struct store *s, struct mono now)
{
	struct exporting *x = &s->exporting;
	enum export_state state;

	if (read_result(x, &state))
		end(s, state == EXPORT_DONE && !x->ended ? EXPORT_FAILED : state);
	else if (mono_reached(now, x->late_at))
		end(s, EXPORT_FAILED);
	else
		x->at = mono_add(now, LOOK_MS);
}

/* --- the pipe --------------------------------------------------------------------------------- */

static void wait_for_stick(struct store *s, struct mono now)
{
	struct exporting *x = &s->exporting;
	char path[STORE_PATH_BYTES];
	enum export_state state;
	struct stat st;
	bool none;

	(void)snprintf(path, sizeof(path), "%s/pipe", x->dir);
	x->fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	x->is_open = x->fd >= 0;
	none = !x->is_open && errno == ENOENT; /* there is no such unit here */
	if (x->is_open && (fstat(x->fd, &st) || !S_ISFIFO(st.st_mode))) {
		end(s, EXPORT_FAILED);
	} else if (x->is_open) {
		x->step = EXPORTING_WRITE;
		x->at = now;
	} else if (read_result(x, &state)) {
		end(s, state == EXPORT_DONE ? EXPORT_FAILED : state);
	} else if (none || mono_reached(now, x->late_at)) {
		end(s, EXPORT_NO_STICK);
	} else {
		x->at = mono_add(now, LOOK_MS);
	}
}

static void close_pipe(struct exporting *x, struct mono now, uint64_t wait_ms)
{
	close(x->fd);
	x->is_open = false;
	x->step = EXPORTING_RESULT;
	x->late_at = mono_add(now, wait_ms);
	x->at = now;
}

/* Returns true when nothing is left to go. */
static bool flush(struct exporting *x, struct mono now)
{
	while (x->len > 0) {
		ssize_t n = write(x->fd, x->out + x->done, x->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			x->at = mono_add(now, FULL_PIPE_MS);
			return false;
		}
		if (n <= 0) {
			close_pipe(x, now, BROKEN_MS);
			return false;
		}
		x->done += (size_t)n;
		x->len -= (size_t)n;
		x->bytes += (uint64_t)n;
	}
	x->done = 0;
	return true;
}

/* --- what is written ---------------------------------------------------------------------------- */

/* Are the files of the audit log still becoming records? */
static bool waits_for_audit(struct store *s, struct mono now)
{
	struct exporting *x = &s->exporting;

	if (x->what != EXPORT_EVIDENCE)
		return false;
	if (!x->asked) {
		x->asked = true;
		x->audit_until = mono_add(now, AUDIT_MS);
		store_snapshot_ask(s);
		return true;
	}
	return store_snapshot_is_busy(s, now) && !mono_reached(now, x->audit_until);
}

static void add_end(struct exporting *x)
{
	stick_end_encode(&x->exporter.end, x->out);
	x->len = STICK_END_LEN;
	x->ended = true;
}

/* The next octets to the empty 'out'. Returns false if there are none, now or at all. */
static bool produce(struct store *s, struct mono now)
{
	struct exporting *x = &s->exporting;
	uint8_t level = s->has_config ? s->config.level : LEVEL_UNKNOWN;
	uint8_t *out = x->out + x->head_len;
	int r = exporter_next(&x->exporter, s->records, level, s->handover.sign_private,
			      out);

	if (r > 0) {
		x->len = x->head_len + (size_t)r;
		x->head_len = 0;
		return true;
	}
	if (r == -EAGAIN || (r == 0 && waits_for_audit(s, now))) {
		x->at = r ? now : mono_add(now, FULL_PIPE_MS);
		return false;
	}
	if (r < 0) {
		log_err("export-failed", "error=\"%s\" do=\"look at the disk\"",
			err_text(r));
		end(s, EXPORT_FAILED);
		return false;
	}
	if (x->exporter.end.records == 0) {
		end(s, EXPORT_NOTHING);
		return false;
	}
	add_end(x);
	return true;
}

static void write_on(struct store *s, struct mono now)
{
	struct exporting *x = &s->exporting;

	x->at = now;
	for (unsigned i = 0; i < BATCHES_MAX; i++) {
		if (!flush(x, now))
			return;
		if (x->ended) {
			close_pipe(x, now, RESULT_MS);
			return;
		}
		if (!produce(s, now))
			return;
	}
}

/* --- turns ---------------------------------------------------------------------------------------- */

void store_on_export(struct store *s, const struct msg_export *m, struct mono now)
{
	struct exporting *x = &s->exporting;

	store_export_drop(s);
	if (m->what == EXPORT_NONE)
		return;
	x->ask = m->ask;
	x->what = m->what;
	x->step = EXPORTING_WAIT;
	x->at = now;
	x->told_at = now;
	x->late_at = mono_add(now, STICK_MS);
	if (!x->dir || !s->can_sign ||
	    exporter_begin(&x->exporter, m->what, s->records, x->out)) {
		end(s, x->dir ? EXPORT_FAILED : EXPORT_NO_STICK);
		return;
	}
	x->head_len = STICK_HEAD_LEN;
	x->stale = result_name(x);
	if (records_has_queue(s->records) &&
	    !file_exists_like(s->dir, "queue-", ".aside"))
		x->unsent = records_unsent(s->records);
	if (m->what == EXPORT_QUEUE && records_unsent(s->records) == 0)
		end(s, EXPORT_NOTHING);
}

void store_run_export(struct store *s, struct mono now)
{
	struct exporting *x = &s->exporting;

	if (x->what == EXPORT_NONE || !mono_reached(now, x->at))
		return;
	switch (x->step) {
	case EXPORTING_WAIT: wait_for_stick(s, now); break;
	case EXPORTING_WRITE: write_on(s, now); break;
	case EXPORTING_RESULT: look_at_result(s, now); break;
	}
	if (x->what != EXPORT_NONE && mono_since(now, x->told_at) >= TELL_MS) {
		x->told_at = now;
		tell(s, EXPORT_WORKING);
	}
}

struct mono store_export_deadline(const struct store *s)
{
	return s->exporting.what == EXPORT_NONE ? MONO_NEVER : s->exporting.at;
}
