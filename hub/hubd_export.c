/*
 * hubd_export.c - the verbs that write to a USB stick: hub-store does the work, a unit of root's has the stick.
 *
 *   verb -> the file 'stick'      hub-stick.path sees it: the unit lets mass storage in, and mounts it for itself alone
 *        -> EXPORT to hub-store   its records go to that unit through a pipe
 *        <- EXPORTED              now and then that it goes on, and what became of it
 *        -> 'stick' is removed    the unit lets nothing in any more
 *
 * Invariants
 *   1. The file is there only while a verb is being done: not after a start, nor longer than EXPORT_MS.
 *   2. One at a time. hubd goes on with everything else meanwhile.
 */
#include "hub/hubd_inside.h"

#include <string.h>

#include "hub/core/err.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"
#include "hub/rt/rt.h"

enum { EXPORT_MS = 15 * 60 * 1000 };

static const char file[] = "stick";

static void remove_file(struct hubd *h)
{
	int r = file_remove(h->options.state_dir, file);

	if (r)
		log_err("stick-file", "error=\"%s\" do=\"check the disk\"", err_text(r));
}

void console_open_export(struct hubd *h)
{
	remove_file(h);
}

enum console_why console_export(struct hubd *h, struct console_page *p,
				enum export_what what)
{
	struct hubd_export *e = &h->console.export;
	struct msg m = { .kind = MSG_EXPORT, .export = { .what = what } };
	int r;

	if (e->runs)
		return CONSOLE_WHY_BUSY;
	m.export.ask = ++e->id;
	if (!ipc_is_up(h->store))
		return CONSOLE_WHY_FAILED;
	r = file_replace(h->options.state_dir, file, (const uint8_t *)"1\n", 2);
	if (r)
		log_err("stick-file", "error=\"%s\" do=\"check the disk\"", err_text(r));
	if (r || !hubd_send(h->store, &m)) {
		remove_file(h);
		return CONSOLE_WHY_FAILED;
	}
	e->runs = true;
	e->ask = p->m.console_answer.ask;
	e->what = what;
	e->person = h->console.session.grant.technician;
	e->ends = mono_add(rt_mono(), EXPORT_MS);
	p->goes_on = true;
	return CONSOLE_WHY_NONE;
}

static enum console_why why_of(enum export_state s)
{
	switch (s) {
	case EXPORT_DONE: return CONSOLE_WHY_NONE;
	case EXPORT_NO_STICK: return CONSOLE_WHY_NO_STICK;
	case EXPORT_STICK_FULL: return CONSOLE_WHY_STICK_FULL;
	case EXPORT_NOTHING: return CONSOLE_WHY_NOTHING;
	case EXPORT_STATE_NONE:
	case EXPORT_WORKING:
	case EXPORT_FAILED: break;
	}
	return CONSOLE_WHY_FAILED;
}

static void add_counts(struct console_page *p, const struct msg_exported *m)
{
	page_row(p);
	page_add(p, CONSOLE_LABEL_WRITTEN, CONSOLE_COUNTER, m->records);
	page_add(p, CONSOLE_LABEL_BYTES, CONSOLE_COUNTER, m->bytes);
}

static void finish(struct hubd *h, const struct msg_exported *m)
{
	struct hubd_export *e = &h->console.export;
	struct console_page p = console_page_begin(h, e->ask);
	enum console_why why = why_of(m->state);

	e->runs = false;
	h->console.on_stick |= e->what == EXPORT_QUEUE && m->state == EXPORT_DONE;
	remove_file(h);
	if (m->records > 0)
		add_counts(&p, m);
	console_audit_export(h, m->records, why);
	console_page_end(&p, why);
}

void hubd_on_exported(struct hubd *h, const struct msg_exported *m)
{
	struct hubd_export *e = &h->console.export;
	struct console_page p;

	if (!e->runs || m->ask != e->id)
		return;
	if (m->state != EXPORT_WORKING) {
		finish(h, m);
		return;
	}
	p = console_page_begin(h, e->ask);
	add_counts(&p, m);
	console_page_more(&p);
}

static void give_up(struct hubd *h)
{
	const struct msg_exported failed = { .state = EXPORT_FAILED };
	const struct msg stop = { .kind = MSG_EXPORT,
				  .export = { h->console.export.id, EXPORT_NONE } };

	(void)hubd_send(h->store, &stop);
	finish(h, &failed);
}

void console_export_on_time(struct hubd *h, struct mono now)
{
	if (h->console.export.runs && mono_reached(now, h->console.export.ends))
		give_up(h);
}

void hubd_console_off_store(struct hubd *h)
{
	h->console.on_stick = false;
	if (h->console.export.runs)
		give_up(h);
}

bool console_expects_stick(const struct hubd *h)
{
	const struct console_session *s = &h->console.session;

	return session_is_open(s) && s->grant.verbs & (VERB_BIT(VERB_EXPORT_EVIDENCE) |
						       VERB_BIT(VERB_EXPORT_QUEUE));
}
