/*
 * cut.c - recording, one state, its line; see cut.h.
 *
 * Before each opening the library forgets what it kept and the random numbers start anew, from a seed of the state:
 * the same line gives the same bytes, in whatever process and after whatever other state.
 */
#include "tests/explore/cut.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/explore/folder.h"
#include "tests/explore/record.h"

enum {
	COMPARE_EVERY =
		64, /* recordings of recoveries that are held against the folder */
	SHOWN = 40, /* operations, in a replay */
};

static char base[FOLDER_BYTES];
static struct log first, second;
/* What was promised: in the recorded run, after a first recovery, after a second. */
static void *world, *world_then, *world_again;
static size_t world_bytes;

static void *world_memory(void *old, size_t bytes)
{
	void *p = realloc(old, bytes);

	if (!p) {
		(void)fprintf(stderr, "explore: no memory\n");
		exit(1);
	}
	return p;
}

void cut_prepare(void)
{
	(void)umask(077);
	folder_make(base);
}

void cut_done(void)
{
	folder_remove(base);
	log_free(&first);
	log_free(&second);
	free(world);
	free(world_then);
	free(world_again);
}

const struct log *cut_log(void)
{
	return &first;
}

const struct log *cut_log_again(void)
{
	return &second;
}

static void job_settings(const struct job *j)
{
	settings_use(j->control ? &j->control->settings : j->work->settings);
	record_spoil(j->control ? &j->control->spoil : NULL);
}

static uint64_t seed_of(const struct spot *s)
{
	return s->cut.dice * 31 + s->point;
}

static void fresh_start(uint64_t seed)
{
	library_forget();
	record_seed(seed);
}

static int put_spot(char *buf, size_t cap, const char *again, const struct spot *s)
{
	return snprintf(
		buf, cap, " %spoint=%zu %skind=%s %sfs=%s %ssector=%u %sdice=%" PRIu64,
		again, s->point, again, disk_kind_name[s->cut.kind], again,
		disk_rule_name[s->cut.rule], again, s->cut.sector, again, s->cut.dice);
}

static const char *const how_name[] = { [RECOVERY_LOOK] = "look",
					[RECOVERY_GO_ON] = "work",
					[RECOVERY_RESTART] = "restart" };

/* The line names the log it was made with: a state of another one is another state. */
static uint64_t log_sum;

static uint64_t sum_of(const struct log *l)
{
	uint64_t sum = l->count;

	for (size_t i = 0; i < l->used; i++)
		sum = (sum ^ l->bytes[i]) * UINT64_C(0x100000001b3);
	return sum;
}

void cut_line(char line[static LINE_BYTES], const struct job *j, const struct spot *s,
	      enum recovery_how how, const struct spot *then)
{
	int n = snprintf(
		line, LINE_BYTES, "workload=%s control=%s seed=%" PRIu64 " log=%" PRIx64,
		j->work->name, j->control ? j->control->name : "none", j->seed, log_sum);

	n += put_spot(line + n, LINE_BYTES - (size_t)n, "", s);
	n += snprintf(line + n, LINE_BYTES - (size_t)n, " then=%s", how_name[how]);
	if (then)
		(void)put_spot(line + n, LINE_BYTES - (size_t)n, "again-", then);
}

/* Folders of this process. */
static char dir_state[FOLDER_BYTES + 16], dir_again[FOLDER_BYTES + 16];

void cut_folders(int number)
{
	(void)snprintf(dir_state, sizeof(dir_state), "%s/s%d", base, number);
	(void)snprintf(dir_again, sizeof(dir_again), "%s/a%d", base, number);
	(void)mkdir(dir_state, 0700);
	(void)mkdir(dir_again, 0700);
}

const char *cut_look(const struct job *j, struct disk *d, const struct spot *s)
{
	const char *wrong;

	(void)disk_write(d, &s->cut, dir_state);
	fresh_start(seed_of(s));
	memcpy(world_then, world, j->work->world_bytes);
	wrong = j->work->recover(world_then, dir_state, s->point, seed_of(s),
				 RECOVERY_LOOK);
	if (!wrong && library_open_count() > 0)
		wrong = "a database stays open";
	return wrong;
}

/* Opens and works on, recorded; what it did is in 'second', what it was promised in world_then. */
const char *cut_go_on(const struct job *j, struct disk *d, const struct spot *s)
{
	const char *wrong;

	(void)disk_write(d, &s->cut, dir_state);
	fresh_start(seed_of(s));
	memcpy(world_then, world, j->work->world_bytes);
	record_start(&second, dir_state);
	wrong = j->work->recover(world_then, dir_state, s->point, seed_of(s),
				 RECOVERY_GO_ON);
	record_stop();
	if (!wrong && s->cut.dice % COMPARE_EVERY == 0)
		wrong = disk_compare(&second, dir_state);
	return wrong;
}

const char *cut_restart(const struct job *j, struct disk *d, const struct spot *s)
{
	const char *wrong;

	(void)disk_write(d, &s->cut, dir_state);
	fresh_start(seed_of(s));
	memcpy(world_then, world, j->work->world_bytes);
	record_continue(&second, &first, s->point, dir_state);
	wrong = j->work->recover(world_then, dir_state, s->point, seed_of(s),
				 RECOVERY_RESTART);
	record_stop();
	if (!wrong && s->cut.dice % COMPARE_EVERY == 0)
		wrong = disk_compare(&second, dir_state);
	return wrong;
}

const char *cut_again(const struct job *j, const struct spot *then)
{
	struct disk *d = disk_new(&second, then->cut.rule);
	const char *wrong;

	disk_advance(d, then->point);
	(void)disk_write(d, &then->cut, dir_again);
	disk_free(d);
	fresh_start(seed_of(then));
	memcpy(world_again, world_then, j->work->world_bytes);
	wrong = j->work->recover(world_again, dir_again, then->point, seed_of(then),
				 RECOVERY_LOOK);
	return wrong;
}

struct disk_cut cut_choose(struct dice *d, unsigned kinds)
{
	/* by how much there is to choose in each */
	static const unsigned weight[KINDS] = {
		[KIND_DROP] = 2,   [KIND_KEEP] = 2,    [KIND_PREFIX] = 3,
		[KIND_WRITES] = 4, [KIND_SECTORS] = 4, [KIND_NEWEST] = 2,
		[KIND_TORN] = 6,   [KIND_NAMES] = 2,   [KIND_SIZES] = 2,
		[KIND_SHORT] = 2,
	};
	struct disk_cut c = { .rule = dice_below(d, 2) ? RULE_ORDERED : RULE_STRICT,
			      .sector = dice_below(d, 2) ? 512 : 4096,
			      .dice = dice_next(d) >> 16 };
	unsigned sum = 0, at;

	for (int k = 0; k < KINDS; k++)
		sum += kinds & (1u << k) ? weight[k] : 0;
	at = (unsigned)dice_below(d, sum);
	for (int k = 0; k < KINDS; k++) {
		unsigned w = kinds & (1u << k) ? weight[k] : 0;

		if (at < w) {
			c.kind = (enum disk_kind)k;
			break;
		}
		at -= w;
	}
	return c;
}

/* Standard error goes nowhere. Returns what brings it back. */
static int hush(void)
{
	int keep = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (null >= 0)
		(void)dup2(null, STDERR_FILENO);
	(void)close(null);
	return keep;
}

static void unhush(int keep)
{
	(void)dup2(keep, STDERR_FILENO);
	(void)close(keep);
}

const char *cut_record(const struct job *j, bool aloud)
{
	char dir[FOLDER_BYTES + 16];
	const char *wrong;
	int keep;

	if (j->work->world_bytes > world_bytes) {
		world_bytes = j->work->world_bytes;
		world = world_memory(world, world_bytes);
		world_then = world_memory(world_then, world_bytes);
		world_again = world_memory(world_again, world_bytes);
	}
	(void)snprintf(dir, sizeof(dir), "%s/record", base);
	(void)mkdir(dir, 0700);
	folder_empty(dir);
	job_settings(j);
	fresh_start(j->seed);
	keep = aloud ? -1 : hush();
	record_start(&first, dir);
	wrong = j->work->run(world, dir, j->seed);
	record_stop();
	if (!aloud)
		unhush(keep);
	log_sum = sum_of(&first);
	if (!wrong)
		wrong = disk_compare(&first, dir);
	if (!wrong && !settings_met())
		wrong = "the setting to be changed was not met: the product sets it "
			"otherwise";
	if (!wrong && !record_spoilt())
		wrong = "what was to be spoilt was never done";
	return wrong;
}

uint64_t cut_log_sum(void)
{
	return log_sum;
}

/* --- replaying -------------------------------------------------------------------------------- */

/* Value of " name=" in the line, or "". */
static void get_word(const char *line, const char *name, char ret[static 64])
{
	char key[80];
	const char *at;

	(void)snprintf(key, sizeof(key), " %s=", name);
	at = strstr(line, key);
	ret[0] = '\0';
	if (at)
		(void)snprintf(ret, 64, "%.*s", (int)strcspn(at + strlen(key), " \n"),
			       at + strlen(key));
}

static bool get_spot(const char *line, const char *again, struct spot *ret)
{
	char name[32], word[64];
	int found = 0;

#define WORD(n)                                                                          \
	(snprintf(name, sizeof(name), "%s%s", again, n), get_word(line, name, word))
	WORD("point");
	ret->point = strtoull(word, NULL, 10);
	WORD("sector");
	ret->cut.sector = (unsigned)strtoul(word, NULL, 10);
	WORD("dice");
	ret->cut.dice = strtoull(word, NULL, 10);
	WORD("kind");
	for (int k = 0; k < KINDS; k++)
		if (strcmp(word, disk_kind_name[k]) == 0) {
			ret->cut.kind = (enum disk_kind)k;
			found++;
		}
	WORD("fs");
	for (int r = 0; r < RULES; r++)
		if (strcmp(word, disk_rule_name[r]) == 0) {
			ret->cut.rule = (enum disk_rule)r;
			found++;
		}
#undef WORD
	return found == 2 && (ret->cut.sector == 512 || ret->cut.sector == 4096);
}

static const struct workload *
find_workload(const char *name, const struct workload *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i]->name, name) == 0)
			return list[i];
	return NULL;
}

static const char *op_text(const struct op *o, char text[static LINE_BYTES])
{
	static const char *const kind[] = { "none",	   "create", "write",
					    "size",	   "sync",   "sync lost",
					    "sync folder", "rename", "unlink" };

	(void)snprintf(text, LINE_BYTES, "%s file %d off %" PRIu64 " len %zu %s %s",
		       kind[o->kind], o->file, o->off, o->len, o->name, o->to);
	return text;
}

static void print_ops(const struct log *l, size_t upto)
{
	char line[LINE_BYTES];

	for (size_t i = upto > l->start + SHOWN ? upto - SHOWN : l->start;
	     i < l->count && i < upto + 4; i++)
		printf("%6zu %s%s\n", i, op_text(&l->ops[i], line),
		       i == upto ? "   <-- not done any more" : "");
}

static int replay_state(const struct job *j, const struct spot *s,
			const struct spot *then, enum recovery_how how, uint64_t want,
			bool aloud)
{
	struct disk *d;
	const char *wrong = cut_record(j, aloud);

	if (wrong) {
		printf("without any cut: %s\n", wrong);
		return EXIT_FAILURE;
	}
	if (log_sum != want)
		printf("note: the log is another one than that of the line: the program "
		       "has changed\n");
	if (s->point < first.start || s->point > first.count) {
		printf("no such point: %zu to %zu\n", first.start, first.count);
		return 64;
	}
	print_ops(&first, s->point);
	cut_folders(0);
	d = disk_new(&first, s->cut.rule);
	disk_advance(d, s->point);
	wrong = how == RECOVERY_LOOK	? cut_look(j, d, s)
		: how == RECOVERY_GO_ON ? cut_go_on(j, d, s)
					: cut_restart(j, d, s);
	if (then)
		print_ops(&second, then->point);
	if (!wrong && then)
		wrong = cut_again(j, then);
	disk_free(d);
	printf("%s\n", wrong ? wrong : "good");
	return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}

int cut_replay(const char *line, const struct workload *const *list, size_t count,
	       bool aloud)
{
	char text[LINE_BYTES + 2], word[64], sum[64];
	struct job j = { .jobs = 1 };
	enum recovery_how how = RECOVERY_LOOK;
	struct spot s, then;
	bool again;

	(void)snprintf(text, sizeof(text), " %s", line);
	get_word(text, "workload", word);
	j.work = find_workload(word, list, count);
	get_word(text, "control", word);
	j.control = control_find(word);
	get_word(text, "seed", word);
	j.seed = strtoull(word, NULL, 10);
	if (!j.work || !get_spot(text, "", &s)) {
		(void)fprintf(stderr, "explore: not a line that it has printed\n");
		return 64;
	}
	get_word(text, "then", word);
	for (int i = RECOVERY_LOOK; i <= RECOVERY_RESTART; i++)
		if (strcmp(word, how_name[i]) == 0)
			how = (enum recovery_how)i;
	again = get_spot(text, "again-", &then);
	get_word(text, "log", sum);
	return replay_state(&j, &s, again ? &then : NULL, how, strtoull(sum, NULL, 16),
			    aloud);
}
