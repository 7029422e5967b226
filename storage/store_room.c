/*
 * store_room.c - what hub-store does about lack of space; see store_inside.h.
 *
 * Two things can be full, and SQLite has one error for both:
 *
 *   the file    it has no free page and may not grow: rows go (records_evict), their pages serve again; the oldest
 *               evidence of the hub's own first, readings when none is left
 *   the disk    the WAL cannot grow, whatever the file: it is taken over into the file and begins anew;
 *               if that does not help the reserve is removed
 *
 * What was committed to the WAL must find its place in the file later, or the WAL could never begin anew and
 * nothing more be given up. So the file grows only into pages that the disk has given it before (db_own), up to its
 * quota, and leaves the WAL enough for an eviction; see queue_limit.
 *
 * The reserve is a file of zeros that does nothing but take space while there is plenty of it. It is made in
 * small steps, because a reading that comes meanwhile waits for the step. It is for the eviction: giving up
 * rows is a transaction and needs space in the WAL, and without it a full disk could only refuse.
 *
 * Must never: give up a reading for anything but a reading that waits, or for a refused one that must be
 * put aside; refuse a new reading while an old routine one can go; give up anything for evidence.
 */
#include "storage/store_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "hub/core/err.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"

enum {
	/* Pages that a group of the largest records does not use up. */
	ROOM_PAGES = 24,
	RESERVE_BYTES = 4 << 20,
	RESERVE_STEP_BYTES = 128 << 10,
	RESERVE_STEP_MS = 200,
	RESERVE_RETRY_MS = 60 * 1000,
	/* Free space of the disk from which on some may be reserved. */
	PLENTY_BYTES = 4 * RESERVE_BYTES,
	/* One line about what was given up in so long; one incident until so long after the last. */
	TELL_MS = 60 * 1000,
	EPISODE_MS = 10 * 60 * 1000,
	/* The level must fall so far below a mark before it is said again, in percent. */
	FILL_AGAIN = 5,
};

#define RESERVE_FILE "reserve"

/* --- the file ----------------------------------------------------------------------- */

/* How far it may grow just now. Without an answer from the disk it stays as it was. */
static void limit_queue(struct store *s, bool short_of)
{
	struct statvfs disk;

	if (statvfs(s->dir, &disk))
		return;
	/* Whatever is wrong with the file then, the next commit finds it and deals with it. */
	if (records_limit(s->records, (uint64_t)disk.f_bavail * disk.f_frsize,
			  short_of) == 1)
		(void)records_checkpoint(s->records);
}

/* --- the reserve -------------------------------------------------------------------- */

static int write_zeros(int fd, off_t at, size_t len)
{
	static const uint8_t zeros[4096];

	while (len > 0) {
		size_t part = len < sizeof(zeros) ? len : sizeof(zeros);
		ssize_t n = pwrite(fd, zeros, part, at);

		if (n <= 0)
			return n < 0 && (errno == ENOSPC || errno == EDQUOT) ? -ENOSPC
									     : -EIO;
		at += n;
		len -= (size_t)n;
	}
	return fdatasync(fd) ? -EIO : 0;
}

static bool is_plenty(const char *dir)
{
	struct statvfs disk;

	return statvfs(dir, &disk) == 0 &&
	       (uint64_t)disk.f_bavail * disk.f_frsize >= PLENTY_BYTES;
}

/* The next step of making it. Returns 1 when it is whole, 0 if it is not yet, -EAGAIN without
 * plenty of space, -ENOSPC or -EIO. */
static int grow_reserve(const char *dir)
{
	char path[DIR_BYTES + sizeof(RESERVE_FILE)];
	struct stat st = { 0 };
	size_t left;
	int fd, r;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, RESERVE_FILE);
	if (stat(path, &st) == 0 && st.st_size >= RESERVE_BYTES)
		return 1;
	if (!is_plenty(dir))
		return -EAGAIN;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno == ENOSPC || errno == EDQUOT ? -ENOSPC : -EIO;
	left = RESERVE_BYTES - (size_t)st.st_size;
	r = write_zeros(fd, st.st_size,
			left < RESERVE_STEP_BYTES ? left : RESERVE_STEP_BYTES);
	close(fd);
	return r;
}

static void tend_reserve(struct store *s, struct mono now)
{
	struct room *m = &s->room;
	int r;

	if (!mono_reached(now, m->reserve_at))
		return;
	r = grow_reserve(s->dir);
	if (r == 1)
		m->reserve_at = MONO_NEVER;
	else
		m->reserve_at = mono_add(now, r ? RESERVE_RETRY_MS : RESERVE_STEP_MS);
	if (r == -EIO && !m->reserve_failed)
		log_warn("reserve-fault",
			 "error=\"%s\" note=\"space cannot be reserved\"", err_text(r));
	m->reserve_failed = r == -EIO;
}

/* Returns 0 if there is more space now, or -ENOSPC. */
static int release_reserve(struct store *s, struct mono now)
{
	if (!file_exists(s->dir, RESERVE_FILE))
		return -ENOSPC;
	log_warn("reserve-released", "note=\"the disk is full\"");
	s->room.reserve_at = mono_add(now, RESERVE_RETRY_MS);
	if (file_remove(s->dir, RESERVE_FILE))
		return -ENOSPC;
	limit_queue(s, true);
	return 0;
}

/* --- what others hear --------------------------------------------------------------- */

static bool is_untold(const struct room *m)
{
	return m->untold.parked + queue_evicted_records(&m->untold) > 0;
}

static void tell_given_up(struct room *m, struct mono now)
{
	const struct queue_evicted *ev = &m->untold;

	if (!is_untold(m) || !mono_reached(now, m->tell_at))
		return;
	if (ev->evidence)
		log_warn("evidence-given-up",
			 "count=%u note=\"no space: the oldest went, the clinic will be "
			 "told\" do=\"reach the clinic or free the disk\"",
			 ev->evidence);
	if (ev->parked + ev->routine + ev->alarm)
		log_err("readings-given-up",
			"routine=%u alarms=%u refused_bodies=%u note=\"no space: the "
			"oldest went, the clinic will be told\" do=\"reach the clinic "
			"or free the disk\"",
			ev->routine, ev->alarm, ev->parked);
	m->untold = (struct queue_evicted){ 0 };
	m->tell_at = mono_add(now, TELL_MS);
}

static void note_given_up(struct store *s, const struct queue_evicted *ev,
			  struct mono now)
{
	struct room *m = &s->room;

	store_audit_evicted(s, ev);
	if (!m->episode)
		store_report(s, INCIDENT_STORAGE, 0);
	m->episode = true;
	m->episode_ends = mono_add(now, EPISODE_MS);
	m->untold.parked += ev->parked;
	m->untold.evidence += ev->evidence;
	m->untold.routine += ev->routine;
	m->untold.alarm += ev->alarm;
	tell_given_up(m, now);
}

/* Once on the way up, at each mark. What keeps the level from being read shows at the next commit. */
static void tell_fill(struct store *s)
{
	static const int marks[] = { 90, 98 };
	int percent = records_fill_percent(s->records);
	int reached = 0;

	if (percent < 0)
		return;
	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
		if (percent >= marks[i])
			reached = marks[i];
	if (reached > s->room.fill_told)
		log_warn("queue-filling",
			 "percent=%d do=\"reach the clinic: what is oldest is given up "
			 "when it "
			 "is full\"",
			 percent);
	if (reached > s->room.fill_told || percent + FILL_AGAIN < s->room.fill_told)
		s->room.fill_told = reached;
}

/* --- for store.c -------------------------------------------------------------------- */

/* The disk is full, not the file. */
static int make_room_on_disk(struct store *s, struct mono now)
{
	int r;

	if (s->room.wal_is_new)
		return release_reserve(s, now);
	s->room.wal_is_new = true;
	r = records_checkpoint(s->records);
	limit_queue(s, true); /* a file that was written back owns no more than it uses */
	return r == -ENOSPC ? release_reserve(s, now) : r;
}

int store_make_room(struct store *s, bool may_evict, struct mono now)
{
	struct queue_evicted ev = { 0 };
	uint64_t room = 0;
	int r;

	limit_queue(s, true);
	r = records_room(s->records, &room);
	if (r == 0 && may_evict && room < ROOM_PAGES)
		r = records_evict(s->records, QUEUE_EVICT_MAX, &ev);
	if (r && r != -ENOSPC)
		return r == -EAGAIN ? 0 : r; /* another segment now */
	if (r == 0 && ev.kept) {	     /* copies: nobody misses them */
		s->room.wal_is_new = false;
		return 0;
	}
	if (r || ev.parked + queue_evicted_records(&ev) == 0)
		return make_room_on_disk(s, now);
	FAILPOINT("store.evict.after");
	s->room.wal_is_new = false;
	note_given_up(s, &ev, now);
	return 0;
}

void store_tend_room(struct store *s, struct mono now)
{
	struct room *m = &s->room;

	m->wal_is_new = false;
	tend_reserve(s, now);
	limit_queue(s, false);
	tell_given_up(m, now);
	if (m->episode && mono_reached(now, m->episode_ends)) {
		m->episode = false;
		log_info("space-again", "note=\"nothing was given up for a while\"");
	}
	tell_fill(s);
}

struct mono store_room_deadline(const struct store *s)
{
	const struct room *m = &s->room;

	return is_untold(m) && m->tell_at.ms < m->reserve_at.ms ? m->tell_at
								: m->reserve_at;
}
