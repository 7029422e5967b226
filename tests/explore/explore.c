/*
 * explore.c - every disk state that a power cut can leave behind what hub-store writes, tried out.
 *
 *   record    a workload runs on a folder of tmpfs; all it does to files is written down (record.h)
 *   cut       after each operation states are made that are legal there (disk.h); doubles are left out
 *   recover   the product opens each, and is asked for what it had promised (workload.h)
 *   again     for a share of them what it does then is recorded, too, and cut a second time
 *   restart   the process alone is killed and started again, and then the power is cut: what it found in the page
 *             cache and speaks of must be on the disk
 *
 * Controls run the same with one setting spoilt. Each must be seen to fail: one that does not is a failure of the
 * explorer, which then does not bite.
 *
 * States are independent: worker processes share them out by point. A worker that dies, or hangs, is a finding like
 * any other; the next one goes on behind it. The same seed makes the same log and the same states.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hub/crypto/crypto.h"
#include "tests/explore/cut.h"
#include "tests/explore/record.h"

enum {
	JOBS_MAX = 16,
	FINDINGS_MAX = 8, /* told of each worker */
	SEEN_BITS = 20,
	BLOCK = 16,	 /* points in a row for one worker */
	AGAIN_EVERY = 8, /* of the states, this one is cut again */
	AGAIN_CUTS = 3,	 /* so many times */
	STATE_LIMIT_S = 30,
	PROGRESS_MS = 2000,
	POLL_MS = 20,
	SAMPLE = 10000,
	POINT_STREAM = 1 << 18,
	RESTART_STREAM = 1 << 19, /* of dice, none of a point's other states has it */
};

static const struct workload *const workloads[] = {
	&queue_small_workload, &queue_workload, &evict_workload,   &spool_workload,
	&seqblock_workload,    &audit_workload, &keys_workload,	   &store_workload,
	&store_full_workload,  &keep_workload,	&upgrade_workload,
};

enum { WORKLOADS = sizeof(workloads) / sizeof(workloads[0]) };

enum { ROW_AGAIN = KINDS, ROW_RESTART, ROWS };

struct tally {
	long states[ROWS], bad[ROWS];
};

struct finding {
	char line[LINE_BYTES], what[LINE_BYTES];
};

/* What a worker and its parent share. */
struct share {
	struct tally tally;
	struct finding finding[FINDINGS_MAX];
	long finding_count;
	char line[LINE_BYTES]; /* the state that is being tried */
	int row;
	size_t point; /* where its successor goes on */
	unsigned tried;
};

static struct share *shares;
static void note(struct share *sh, int row, const char *wrong)
{
	sh->tally.states[row]++;
	if (!wrong)
		return;
	sh->tally.bad[row]++;
	if (sh->finding_count < FINDINGS_MAX) {
		struct finding *f = &sh->finding[sh->finding_count++];

		memcpy(f->line, sh->line, LINE_BYTES);
		(void)snprintf(f->what, sizeof(f->what), "%s", wrong);
	}
}

/* --- a state and, for some, what follows ------------------------------------------------------- */

static void cut_twice(const struct job *j, struct share *sh, const struct spot *s,
		      enum recovery_how how)
{
	const struct log *l = cut_log_again();
	struct dice d = dice_seed(s->cut.dice, 4);
	int row = how == RECOVERY_RESTART ? ROW_RESTART : ROW_AGAIN;

	for (int i = 0; i < AGAIN_CUTS; i++) {
		struct spot then = {
			.point = l->start + dice_below(&d, l->count - l->start + 1),
			.cut = cut_choose(&d, j->control ? j->control->again : ALL_KINDS),
		};

		cut_line(sh->line, j, s, how, &then);
		sh->row = row;
		alarm(STATE_LIMIT_S);
		note(sh, row, cut_again(j, &then));
	}
}

static void try_state(const struct job *j, struct share *sh, struct disk *d,
		      const struct spot *s, enum recovery_how how)
{
	const char *wrong;

	cut_line(sh->line, j, s, how, NULL);
	sh->row = how == RECOVERY_RESTART ? ROW_RESTART : (int)s->cut.kind;
	alarm(STATE_LIMIT_S);
	wrong = how == RECOVERY_LOOK	? cut_look(j, d, s)
		: how == RECOVERY_GO_ON ? cut_go_on(j, d, s)
					: cut_restart(j, d, s);
	note(sh, sh->row, wrong);
	if (how != RECOVERY_LOOK && !wrong)
		cut_twice(j, sh, s, how);
	alarm(0);
}

/* --- a worker ---------------------------------------------------------------------------------- */

static uint64_t seen[1u << SEEN_BITS];

/* Returns true for a number that was not seen before. */
static bool is_new(uint64_t sum)
{
	size_t mask = (1u << SEEN_BITS) - 1, at = (size_t)(sum >> 20) & mask;

	sum = sum ? sum : 1;
	for (size_t n = 0; n < 64; n++, at = (at + 1) & mask) {
		if (seen[at] == sum)
			return false;
		if (seen[at] == 0) {
			seen[at] = sum;
			return true;
		}
	}
	return true;
}

static size_t marks_until(size_t point)
{
	size_t n = 0;

	while (n < cut_log()->mark_count && cut_log()->marks[n] <= point)
		n++;
	return n;
}

static long total(const long v[static ROWS])
{
	long n = 0;

	for (int i = 0; i < ROWS; i++)
		n += v[i];
	return n;
}

static enum recovery_how choose_recovery(const struct job *j, struct dice *d)
{
	if (j->control)
		return j->control->again ? RECOVERY_GO_ON : RECOVERY_LOOK;
	return dice_below(d, AGAIN_EVERY) == 0 ? RECOVERY_GO_ON : RECOVERY_LOOK;
}

static void try_point(const struct job *j, struct share *sh,
		      struct disk *const d[static RULES], long quota)
{
	unsigned kinds = j->control ? j->control->kinds : ALL_KINDS;
	uint64_t marks = marks_until(sh->point) * UINT64_C(0x9e3779b97f4a7c15);
	long end = total(sh->tally.states) + quota;

	/* where little waits for a sync there are only few states */
	for (long limit = 3 * quota + 6;
	     sh->tried < limit && total(sh->tally.states) < end;) {
		struct dice dice =
			dice_seed(j->seed ^ (uint64_t)sh->point << 20, sh->tried);
		struct spot s = { .point = sh->point, .cut = cut_choose(&dice, kinds) };
		struct disk *of = d[s.cut.rule];

		sh->tried++;
		if (is_new(disk_write(of, &s.cut, NULL) ^ marks))
			try_state(j, sh, of, &s, choose_recovery(j, &dice));
	}
}

/* The process alone is killed, once in a while. */
static void try_restart(const struct job *j, struct share *sh,
			struct disk *const d[static RULES])
{
	struct dice dice = dice_seed(j->seed ^ (uint64_t)sh->point << 20, RESTART_STREAM);
	struct spot s = { .point = sh->point,
			  .cut = { KIND_KEEP, RULE_ORDERED, 4096,
				   dice_next(&dice) >> 16 } };

	if (!j->control || j->control->again)
		try_state(j, sh, d[RULE_ORDERED], &s, RECOVERY_RESTART);
}

/* One in eight states is of this kind. */
static size_t restart_every(const struct job *j)
{
	size_t points = cut_log()->count - cut_log()->start + 1;
	size_t wanted = (size_t)j->states / (8 * (1 + AGAIN_CUTS)) + 1;

	return points / wanted + 1;
}

static bool is_mine(const struct job *j, int number, size_t point)
{
	return (int)(point / BLOCK % (size_t)j->jobs) == number;
}

static bool is_passed_over(const struct job *j, size_t point, long left, size_t points)
{
	struct dice dice = dice_seed(j->seed ^ (uint64_t)point << 20, POINT_STREAM);

	return (long)dice_below(&dice, (unsigned)points) >= left;
}

static void worker(const struct job *j, int number)
{
	struct share *sh = &shares[number];
	struct disk *d[RULES];
	size_t mine = 0;

	cut_folders(number);
	for (size_t p = sh->point; p <= cut_log()->count; p++)
		mine += is_mine(j, number, p);
	for (int r = 0; r < RULES; r++)
		d[r] = disk_new(cut_log(), (enum disk_rule)r);
	for (; sh->point <= cut_log()->count; sh->point++, sh->tried = 0) {
		long left = j->states / j->jobs - total(sh->tally.states);

		if (!is_mine(j, number, sh->point))
			continue;
		for (int r = 0; r < RULES; r++)
			disk_advance(d[r], sh->point);
		/* fewer states than points: any of them, not the first ones */
		if (left < (long)mine && is_passed_over(j, sh->point, left, mine)) {
			mine--;
			continue;
		}
		/* what some points cannot give others make up for */
		if (left > 0 && sh->tried == 0 && sh->point % restart_every(j) == 0) {
			sh->tried = 1; /* if it is the last state of this process */
			try_restart(j, sh, d);
		}
		try_point(j, sh, d, (left + (long)mine - 1) / (long)mine);
		mine--;
	}
	_exit(0);
}

/* --- the parent -------------------------------------------------------------------------------- */

static bool verbose;

static pid_t launch(const struct job *j, int number)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!verbose && !freopen("/dev/null", "w", stderr))
		_exit(1);
	worker(j, number);
	return 0;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static struct tally sum_up(int jobs)
{
	struct tally t = { 0 };

	for (int i = 0; i < jobs; i++)
		for (int r = 0; r < ROWS; r++) {
			t.states[r] += shares[i].tally.states[r];
			t.bad[r] += shares[i].tally.bad[r];
		}
	return t;
}

static const char *job_name(const struct job *j)
{
	return j->control ? j->control->name : j->work->name;
}

static void progress(const struct job *j, uint64_t *last)
{
	struct tally t;

	if (!isatty(STDERR_FILENO) || now_ms() - *last < PROGRESS_MS)
		return;
	*last = now_ms();
	t = sum_up(j->jobs);
	(void)fprintf(stderr, "  %s: %ld of %ld states, %ld bad\n", job_name(j),
		      total(t.states), j->states, total(t.bad));
}

/* Returns true if it ended by itself; else its last state is a finding. */
static bool ended_well(struct share *sh, int status)
{
	char what[64];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		(void)snprintf(what, sizeof(what), "does not end within %d s",
			       STATE_LIMIT_S);
	else
		(void)snprintf(what, sizeof(what), "the process dies: status %x", status);
	note(sh, sh->row, what);
	return false;
}

static void run_workers(const struct job *j)
{
	pid_t pid[JOBS_MAX];
	uint64_t last = now_ms();
	int running = j->jobs, status;

	for (int i = 0; i < j->jobs; i++) {
		shares[i].point = cut_log()->start;
		pid[i] = launch(j, i);
	}
	while (running > 0) {
		for (int i = 0; i < j->jobs; i++) {
			if (pid[i] == 0 || waitpid(pid[i], &status, WNOHANG) != pid[i])
				continue;
			pid[i] = ended_well(&shares[i], status) ? 0 : launch(j, i);
			running -= pid[i] == 0;
		}
		progress(j, &last);
		(void)usleep(POLL_MS * 1000);
	}
}

static void print_log(const struct job *j)
{
	size_t count[OP_UNLINK + 1] = { 0 }, bytes = 0;

	for (size_t i = cut_log()->start; i < cut_log()->count; i++) {
		count[cut_log()->ops[i].kind]++;
		bytes += cut_log()->ops[i].len;
	}
	printf("%s: %zu operations: %zu writes (%zu bytes), %zu sizes, %zu + %zu syncs, "
	       "%zu creations, %zu renames, %zu removals; %zu marks\n",
	       j->work->name, cut_log()->count - cut_log()->start, count[OP_WRITE], bytes,
	       count[OP_SIZE], count[OP_SYNC], count[OP_SYNC_DIR], count[OP_CREATE],
	       count[OP_RENAME], count[OP_UNLINK], cut_log()->mark_count);
}

static void print_tally(const struct job *j, const struct tally *t, uint64_t ms)
{
	printf("  %-10s %9s %6s\n", "state", "tried", "bad");
	for (int r = 0; r < ROWS; r++)
		printf("  %-10s %9ld %6ld\n",
		       r == ROW_AGAIN	  ? "again"
		       : r == ROW_RESTART ? "restart"
					  : disk_kind_name[r],
		       t->states[r], t->bad[r]);
	printf("  %-10s %9ld %6ld   %.1f s, %.0f states/s, %d at a time\n", "all",
	       total(t->states), total(t->bad), (double)ms / 1000,
	       (double)total(t->states) * 1000 / (double)(ms ? ms : 1), j->jobs);
	for (int i = 0; i < j->jobs; i++)
		for (long n = 0; n < shares[i].finding_count; n++)
			printf("BAD %s\n    %s\n", shares[i].finding[n].what,
			       shares[i].finding[n].line);
}

/* Returns the number of bad states, or -1 if it could not be run. */
static long run_job(const struct job *j)
{
	uint64_t start = now_ms();
	const char *wrong;
	struct tally t;

	record_ignore_unsynced(j->control != NULL);
	wrong = cut_record(j, verbose);

	memset(shares, 0, JOBS_MAX * sizeof(*shares));
	if (wrong) {
		printf("FAILED %s: without any cut: %s\n", job_name(j), wrong);
		return -1;
	}
	(void)fflush(NULL);
	run_workers(j);
	t = sum_up(j->jobs);
	if (j->control) {
		printf("control %-12s %5ld of %5ld states bad, %4.1f s: %s%s%s\n",
		       j->control->name, total(t.bad), total(t.states),
		       (double)(now_ms() - start) / 1000, j->control->what,
		       total(t.bad) ? "; first: " : ". NOT SEEN TO FAIL",
		       total(t.bad) ? shares[0].finding_count ? shares[0].finding[0].what
							      : shares[1].finding[0].what
				    : "");
	} else {
		print_log(j);
		print_tally(j, &t, now_ms() - start);
	}
	(void)fflush(stdout);
	return total(t.bad);
}

/* --- main --------------------------------------------------------------------------------------- */

struct options {
	long states;
	uint64_t seed;
	const char *control, *workload, *replay;
	int jobs;
};

static const struct workload *find_workload(const char *name)
{
	for (size_t i = 0; i < WORKLOADS; i++)
		if (strcmp(workloads[i]->name, name) == 0)
			return workloads[i];
	return NULL;
}

static void usage(FILE *to)
{
	(void)fprintf(to,
		      "usage: explore [--states N] [--seed S] [--jobs N] [--control "
		      "NAME|all|none]\n"
		      "               [--workload NAME] [--replay LINE] [--verbose]\n"
		      "\n"
		      "Tries the disk states that a power cut can leave behind "
		      "hub-store, and controls\n"
		      "that must fail. Exit status: 0, 1 if a state was bad or a control "
		      "was not.\n"
		      "\n"
		      "  --states N    of all workloads together, without controls; "
		      "default %d\n"
		      "  --seed S      default: 1, so that every run tries the same; 0: "
		      "another each time\n"
		      "  --control     only this one; none; all (default)\n"
		      "  --replay LINE a state as it was printed; -\n",
		      SAMPLE);
	for (size_t i = 0; i < WORKLOADS; i++)
		(void)fprintf(to, "  workload %s\n", workloads[i]->name);
	for (size_t i = 0; i < control_count; i++)
		(void)fprintf(to, "  control %-12s %s\n", controls[i].name,
			      controls[i].what);
}

static struct options read_options(int argc, char **argv)
{
	static const struct option names[] = {
		{ "states", required_argument, NULL, 'n' },
		{ "seed", required_argument, NULL, 's' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "control", required_argument, NULL, 'c' },
		{ "workload", required_argument, NULL, 'w' },
		{ "replay", required_argument, NULL, 'r' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct options o = { .states = SAMPLE, .seed = 1, .control = "all" };
	int c;

	o.jobs = (int)sysconf(_SC_NPROCESSORS_ONLN);
	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1)
		switch (c) {
		case 'n': o.states = strtol(optarg, NULL, 10); break;
		case 's': o.seed = strtoull(optarg, NULL, 10); break;
		case 'j': o.jobs = (int)strtol(optarg, NULL, 10); break;
		case 'c': o.control = optarg; break;
		case 'w': o.workload = optarg; break;
		case 'r': o.replay = optarg; break;
		case 'v': verbose = true; break;
		case 'h': usage(stdout); exit(0);
		default: usage(stderr); exit(64);
		}
	if ((o.workload && !find_workload(o.workload)) ||
	    (strcmp(o.control, "all") != 0 && strcmp(o.control, "none") != 0 &&
	     !control_find(o.control))) {
		usage(stderr);
		exit(64);
	}
	if (o.seed == 0)
		o.seed = (uint64_t)time(NULL);
	o.jobs = o.jobs < 1 ? 1 : o.jobs > JOBS_MAX ? JOBS_MAX : o.jobs;
	return o;
}

static int run_workloads(const struct options *o, long *ret_states)
{
	long shares_of_all = 0;
	int bad = 0;

	for (size_t i = 0; i < WORKLOADS; i++)
		shares_of_all += workloads[i]->share;
	for (size_t i = 0; i < WORKLOADS; i++) {
		long share = o->workload
				     ? o->states
				     : o->states * workloads[i]->share / shares_of_all;
		struct job j = { workloads[i], NULL, o->seed, share, o->jobs };

		if (o->workload && strcmp(o->workload, workloads[i]->name) != 0)
			continue;
		bad |= run_job(&j) != 0;
		*ret_states += total(sum_up(o->jobs).states);
	}
	return bad;
}

static int run_controls(const struct options *o)
{
	int bad = 0;

	for (size_t i = 0; i < control_count; i++) {
		struct job j = { controls[i].work, &controls[i], o->seed,
				 controls[i].states, o->jobs };

		if (o->workload && strcmp(o->workload, j.work->name) != 0)
			continue;
		if (strcmp(o->control, "all") == 0 ||
		    strcmp(o->control, controls[i].name) == 0)
			bad |= run_job(&j) <= 0;
	}
	return bad;
}

static void prepare(void)
{
	shares = mmap(NULL, JOBS_MAX * sizeof(*shares), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shares == MAP_FAILED || crypto_init()) {
		(void)fprintf(stderr, "explore: no memory\n");
		exit(1);
	}
	cut_prepare();
}

int main(int argc, char **argv)
{
	struct options o = read_options(argc, argv);
	uint64_t start = now_ms();
	long states = 0;
	int bad = 0;

	prepare();
	if (o.replay) {
		bad = cut_replay(o.replay, workloads, WORKLOADS, verbose);
	} else {
		if (strcmp(o.control, "all") == 0 || strcmp(o.control, "none") == 0)
			bad |= run_workloads(&o, &states);
		if (strcmp(o.control, "none") != 0)
			bad |= run_controls(&o);
		printf("%s explore: %ld states, seed %" PRIu64 ", %.0f s\n",
		       bad ? "FAILED" : "ok", states, o.seed,
		       (double)(now_ms() - start) / 1000);
	}
	cut_done();
	return bad;
}
