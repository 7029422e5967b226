/*
 * reset.c - see reset.h.
 */
#include "storage/reset.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"
#include "storage/records.h"
#include "storage/reset_left.h"
#include "storage/reset_rule.h"
#include "storage/root.h"

enum { TOMBSTONES_MAX = 8 };

static void ignore_event(void *arg, const struct records_event *e)
{
	(void)arg;
	(void)e;
}

static int lost(struct reset_answer *ret)
{
	ret->problem = "numbers were given, and the queue has none";
	return -ENOENT;
}

static int count_open(const char *dir, struct keys *keys, struct reset_answer *ret)
{
	const struct records_host host = { NULL, ignore_event };
	/* a number that was given up is to reach the clinic, too */
	struct tombstone gone[TOMBSTONES_MAX];
	uint8_t hub[HUB_ID_LEN];
	size_t gone_count = 0;
	uint32_t epoch;
	uint64_t on_stick, left = 0;
	struct records *records = records_new(dir, 0, &host);
	int r = records ? records_open(records, keys) : -ENOMEM;

	if (r == 0)
		r = records_tombstones(records, TOMBSTONES_MAX, gone, &gone_count);
	(void)reset_asked(dir, &on_stick);
	if (r == 0)
		r = reset_left(records, on_stick, &left);
	if (r)
		ret->problem = "the queue does not open";
	else if (!records_owner(records, hub, &epoch) && !file_is_gone(dir, "seq"))
		r = lost(ret);
	else
		ret->unsent = left + gone_count;
	records_free(records);
	return r;
}

/* Returns 0 with ret->unsent, or why it cannot be known, with ret->problem. */
static int count_unsent(const char *dir, struct reset_answer *ret)
{
	bool has_queue = file_exists_like(dir, "queue-", "");
	struct keys_notes notes;
	struct keys *keys;
	int r;

	if (!has_queue && !file_exists_like(dir, "spool-", ""))
		return 0;
	r = keys_open(dir, has_queue || !file_is_gone(dir, "state.db"), &keys, &notes,
		      &ret->problem);
	if (r)
		return r;
	r = count_open(dir, keys, ret);
	keys_free(keys);
	if (r == 0 && file_exists_like(dir, "queue-", ".aside")) {
		ret->problem = "a damaged part of the queue is still being read";
		r = -EAGAIN;
	}
	return r;
}

static enum reset_outcome refuse(const char *dir, enum reset_outcome why,
				 struct reset_answer *ret)
{
	int r = file_remove(dir, RESET_ASKED);

	if (r == 0)
		return why;
	ret->err = r;
	return RESET_FAILED;
}

enum reset_outcome reset_decide(const char *dir, struct reset_answer *ret)
{
	int rule;

	*ret = (struct reset_answer){ 0 };
	if (file_exists(dir, RESET_BEGUN))
		return RESET_BEGIN;
	if (file_is_gone(dir, RESET_ASKED))
		return RESET_NOT_ASKED;
	rule = reset_rule_load(dir);
	if (rule == RESET_RULE_LOCKED)
		return refuse(dir, RESET_LOCKED, ret);
	ret->err = rule < 0 ? rule : count_unsent(dir, ret);
	if (rule < 0)
		ret->problem = "the file reset-rule does not read";
	FAILPOINT("reset.counted");
	if (rule != RESET_RULE_DISCARD && ret->err)
		return refuse(dir, RESET_UNKNOWN, ret);
	if (rule != RESET_RULE_DISCARD && ret->unsent)
		return refuse(dir, RESET_UNSENT, ret);
	ret->err = file_rename(dir, RESET_ASKED, RESET_BEGUN);
	FAILPOINT("reset.begun");
	return ret->err ? RESET_FAILED : RESET_BEGIN;
}

/* Without these the rest is noise, whatever the flash keeps of it. */
static int erase_keys(const char *dir)
{
	int r = root_drop(dir, ROOT_FILE);

	if (r == 0)
		r = root_drop(dir, ROOT_BOARD);
	FAILPOINT("reset.keys.between");
	if (r == 0)
		r = file_remove(dir, "slots-a");
	return r ? r : file_remove(dir, "slots-b");
}

/* -ENOTDIR: a file, or something else that is none. */
static int open_folder(const char *path, DIR **ret)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP ? -ENOTDIR : -EIO;
	*ret = fdopendir(fd);
	if (*ret)
		return 0;
	close(fd);
	return -ENOMEM;
}

static const char *next_name(DIR *d)
{
	const struct dirent *e;

	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    strcmp(e->d_name, RESET_BEGUN) != 0)
			return e->d_name;
	return NULL;
}

static int erase_files(DIR *d, const char *path)
{
	const char *name;
	int r = 0;

	while (r == 0 && (name = next_name(d)))
		r = file_remove(path, name);
	closedir(d);
	return r;
}

/* A file, or a folder of files: the audit log's. */
static int erase_one(const char *dir, const char *name)
{
	char path[PATH_MAX];
	DIR *d;
	int n = snprintf(path, sizeof(path), "%s/%s", dir, name), r;

	if (n < 0 || (size_t)n >= sizeof(path))
		return -EIO;
	r = open_folder(path, &d);
	if (r == -ENOTDIR)
		return file_remove(dir, name);
	if (r == 0)
		r = erase_files(d, path);
	if (r == 0 && rmdir(path))
		r = file_error(errno);
	return r;
}

static int erase_rest(const char *dir)
{
	const char *name;
	DIR *d;
	int r = open_folder(dir, &d);

	if (r)
		return r;
	while (r == 0 && (name = next_name(d))) {
		r = erase_one(dir, name);
		FAILPOINT("reset.erase.between");
	}
	closedir(d);
	return r;
}

int reset_finish(const char *dir)
{
	int r;

	if (file_is_gone(dir, RESET_BEGUN))
		return 0;
	r = erase_keys(dir);
	if (r == 0)
		r = erase_rest(dir);
	FAILPOINT("reset.erased");
	return r ? r : file_remove(dir, RESET_BEGUN);
}
