/*
 * faults.c - every call of what hub-store writes, failing once: the n-th open, read, write, size, sync, rename,
 * unlink and allocation, for every n; a write that does half; a disk that stays full or dead from then on.
 *
 * The product must say so or carry on. It must not crash, lose what it had answered for, or have half of a thing.
 * The workload goes on as the process would: after an error that it does not survive it is started again
 * (work_queue.c). In the end everything is opened once more without faults and asked, and then from states that a
 * power cut leaves there.
 *
 * Each fault is a process of its own.
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
#include "tests/explore/disk.h"
#include "tests/explore/folder.h"
#include "tests/explore/workload.h"

enum { JOBS_MAX = 16, LIMIT_S = 60, WHAT_BYTES = 300, FINDINGS_MAX = 12, CUTS = 4 };

enum { RUNS_MAX = 400 }; /* of one kind of fault in one workload */

static const struct workload *const workloads[] = {
	&queue_short_workload, &evict_short_workload, &spool_short_workload,
	&seqblock_workload,    &audit_short_workload, &keys_workload,
	&store_short_workload,
};

enum { WORKLOADS = sizeof(workloads) / sizeof(workloads[0]) };

/* What can fail, and how. */
struct plan {
	enum fault_call call;
	int err;
	bool stays;
	unsigned every; /* of the calls, this one */
	bool known;	/* what is bad is told and not counted: KNOWN below */
};

#define ONCE(call, err)                                                                  \
	{                                                                                \
		FAULT_##call, err, false, 1, false                                       \
	}
#define STAYS(call, err, every)                                                          \
	{                                                                                \
		FAULT_##call, err, true, every, false                                    \
	}

static const struct plan plan[] = {
	ONCE(OPEN, EIO),
	ONCE(OPEN, ENOSPC),
	STAYS(OPEN, EMFILE, 1),
	ONCE(READ, EIO),
	STAYS(READ, EIO, 3),
	ONCE(WRITE, EIO),
	ONCE(WRITE, ENOSPC),
	STAYS(WRITE, ENOSPC, 3),
	ONCE(SHORT, 0),
	ONCE(SIZE, EIO),
	{ FAULT_SYNC, EIO, false, 1, true },
	STAYS(SYNC, EIO, 2),
	ONCE(RENAME, EIO),
	ONCE(RENAME, ENOSPC),
	ONCE(UNLINK, EIO),
	{ FAULT_ALLOC, ENOMEM, false, 29, false },
	STAYS(ALLOC, ENOMEM, 97),
};

/*
 * One sync of the WAL fails, the process ends and is started again on the same file, and then the power is cut. What the
 * page cache shows, and what is written back from it, is newer than the beginning of the WAL on the disk, which
 * the next opening takes for the truth. Nothing above the WAL can mend that: a file whose sync has failed must not be
 * opened again, but be left for the spool.
 */
#define KNOWN "known: a file is opened again after its sync has failed"

/*
 * A commit that says 'no memory' although it is on the disk: the queue is opened again, its next number is behind that of
 * the group which waits, and hub-store ends itself. Nothing is lost.
 */
#define KNOWN_HELD "known: a group is held under numbers that its commit has used"

enum { PLANS = sizeof(plan) / sizeof(plan[0]) };

struct share {
	bool hit;
	char what[WHAT_BYTES];
	uint64_t count[FAULT_CALLS];
};

static struct share *shares;
static char base[FOLDER_BYTES];
static struct log whole;
static void *world, *world_then;
static bool verbose;
static uint64_t seed = 1;
static unsigned thin = 1;

static const char *cut_after(const struct workload *w, const char *dir)
{
	static const enum disk_kind kinds[CUTS] = { KIND_KEEP, KIND_DROP, KIND_TORN,
						    KIND_SECTORS };
	static char text[WHAT_BYTES];

	for (int i = 0; i < CUTS; i++) {
		struct disk_cut c = { kinds[i], RULE_STRICT, 4096, (uint64_t)i };
		struct disk *d = disk_new(&whole, c.rule);
		const char *wrong;

		disk_advance(d, whole.count);
		(void)disk_write(d, &c, dir);
		disk_free(d);
		memcpy(world_then, world, w->world_bytes);
		library_forget();
		wrong = w->recover(world_then, dir, whole.count, seed, RECOVERY_LOOK);
		if (wrong) {
			(void)snprintf(text, sizeof(text), "after a power cut (%s): %s",
				       disk_kind_name[c.kind], wrong);
			return text;
		}
	}
	return NULL;
}

/* In a process of its own. */
static const char *run_fault(const struct workload *w, const struct fault *f,
			     const char *dir, struct share *sh)
{
	const char *wrong;

	settings_use(w->settings);
	library_forget();
	record_seed(seed);
	folder_empty(dir);
	record_start(&whole, dir);
	fault_set(f);
	wrong = w->run(world, dir, seed);
	for (int c = 0; c < FAULT_CALLS; c++)
		sh->count[c] = fault_count((enum fault_call)c);
	sh->hit = fault_hit();
	fault_clear();
	record_stop();
	if (wrong)
		return wrong;
	if (library_open_count() > 0)
		return "a database stays open";
	wrong = disk_compare(&whole, dir);
	if (wrong)
		return wrong;
	memcpy(world_then, world, w->world_bytes);
	library_forget();
	wrong = w->recover(world_then, dir, whole.count, seed, RECOVERY_LOOK);
	return wrong ? wrong : cut_after(w, dir);
}

static pid_t launch(const struct workload *w, const struct fault *f, int number)
{
	char dir[FOLDER_BYTES + 16];
	const char *wrong;
	pid_t pid;

	memset(&shares[number], 0, sizeof(shares[number]));
	(void)fflush(NULL);
	pid = fork();
	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(LIMIT_S);
	if (!verbose && !freopen("/dev/null", "w", stderr))
		_exit(1);
	(void)snprintf(dir, sizeof(dir), "%s/%d", base, number);
	(void)mkdir(dir, 0700);
	wrong = run_fault(w, f, dir, &shares[number]);
	(void)snprintf(shares[number].what, WHAT_BYTES, "%s", wrong ? wrong : "");
	_exit(wrong ? 1 : 0);
}

/* --- the parent -------------------------------------------------------------------------------- */

struct tally {
	uint64_t runs, hits, bad;
	char findings[FINDINGS_MAX][2 * WHAT_BYTES];
};

static void note(struct tally *t, const struct workload *w, const struct fault *f,
		 int number, int status)
{
	struct share *sh = &shares[number];

	t->runs++;
	t->hits += sh->hit;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	if (WIFSIGNALED(status))
		(void)snprintf(sh->what, WHAT_BYTES, "%s (signal %d)",
			       WTERMSIG(status) == SIGALRM ? "does not end"
							   : "the process dies",
			       WTERMSIG(status));
	if (t->bad < FINDINGS_MAX)
		(void)snprintf(t->findings[t->bad], sizeof(t->findings[0]),
			       "BAD %s\n    --workload %s --seed %" PRIu64
			       " --call %s --error %d --nth %" PRIu64 "%s",
			       sh->what, w->name, seed, fault_call_name[f->call], f->err,
			       f->nth, f->stays ? " --stays" : "");
	t->bad++;
}

static void run_plan(const struct workload *w, const struct fault *like, uint64_t count,
		     unsigned every, int jobs, struct tally *t)
{
	struct fault running[JOBS_MAX];
	pid_t pid[JOBS_MAX] = { 0 };
	uint64_t next = 1;
	int busy = 0, status;

	while (next <= count || busy > 0) {
		for (int i = 0; i < jobs && next <= count; i++) {
			if (pid[i])
				continue;
			running[i] = *like;
			running[i].nth = next;
			next += every;
			pid[i] = launch(w, &running[i], i);
			busy++;
		}
		if (busy > 0) {
			pid_t done = waitpid(-1, &status, 0);

			for (int i = 0; i < jobs; i++)
				if (pid[i] == done) {
					note(t, w, &running[i], i, status);
					pid[i] = 0;
					busy--;
				}
		}
	}
}

/* How often each call is made when nothing fails. */
static int count_calls(const struct workload *w, uint64_t ret[static FAULT_CALLS])
{
	struct fault none = { 0 };
	int status = 1;

	(void)waitpid(launch(w, &none, 0), &status, 0);
	memcpy(ret, shares[0].count, sizeof(shares[0].count));
	if (status)
		printf("FAILED %s: without any fault: %s\n", w->name, shares[0].what);
	return status;
}

/* Why what is bad is not counted, or NULL. */
static const char *known(const struct plan *p, const struct workload *w)
{
	if (p->call == FAULT_ALLOC && w == &store_short_workload)
		return KNOWN_HELD;
	return p->known ? KNOWN : NULL;
}

/* Not more than RUNS_MAX, thinned out as the rest. Allocations are many: each of them only if all is asked for. */
static unsigned every(const struct plan *p, uint64_t count)
{
	unsigned fit = (unsigned)((count + RUNS_MAX - 1) / RUNS_MAX);

	if (p->call == FAULT_ALLOC && !p->stays && thin == 1)
		return 1;
	return (p->every > fit ? p->every : fit) * thin;
}

static uint64_t run_workload(const struct workload *w, int jobs)
{
	uint64_t count[FAULT_CALLS], bad = 0;

	if (count_calls(w, count))
		return 1;
	printf("%s\n  %-8s %-8s %-6s %8s %6s %6s %5s\n", w->name, "call", "error", "",
	       "calls", "runs", "met", "bad");
	for (size_t i = 0; i < PLANS; i++) {
		const struct fault f = { plan[i].call, 0, plan[i].err, plan[i].stays };
		static struct tally t;

		memset(&t, 0, sizeof(t));
		run_plan(w, &f, count[f.call], every(&plan[i], count[f.call]), jobs, &t);
		printf("  %-8s %-8s %-6s %8" PRIu64 " %6" PRIu64 " %6" PRIu64 " %5" PRIu64
		       "\n",
		       fault_call_name[f.call], f.err ? strerrorname_np(f.err) : "-",
		       f.stays ? "stays" : "once", count[f.call], t.runs, t.hits, t.bad);
		for (uint64_t n = 0; n < t.bad && n < FINDINGS_MAX; n++)
			printf("%s\n", t.findings[n]);
		(void)fflush(stdout);
		if (t.bad && known(&plan[i], w))
			printf("  %s\n", known(&plan[i], w));
		bad += known(&plan[i], w) ? 0 : t.bad;
		if (t.hits == 0 && count[f.call] > 0) {
			printf("FAILED: none of these was met\n");
			bad++;
		}
	}
	return bad;
}

static void prepare(void)
{
	size_t largest = 0;

	for (size_t i = 0; i < WORKLOADS; i++)
		if (workloads[i]->world_bytes > largest)
			largest = workloads[i]->world_bytes;
	world = calloc(2, largest);
	shares = mmap(NULL, JOBS_MAX * sizeof(*shares), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!world || shares == MAP_FAILED || crypto_init()) {
		(void)fprintf(stderr, "faults: no memory\n");
		exit(1);
	}
	world_then = (char *)world + largest;
	(void)umask(077);
	folder_make(base);
}

static void usage(FILE *to)
{
	(void)fprintf(
		to,
		"usage: faults [--jobs N] [--thin N] [--seed S] [--workload NAME] "
		"[--verbose]\n"
		"       faults --workload NAME --call NAME --error N --nth N "
		"[--stays]\n"
		"\n"
		"Lets every call fail once. Exit status: 0, 1 if something was lost.\n"
		"\n"
		"  --thin N   only every n-th of them\n");
}

struct options {
	struct fault one;
	const char *workload; /* NULL: all */
	int jobs;
};

static const struct workload *find_workload(const char *name)
{
	for (size_t i = 0; name && i < WORKLOADS; i++)
		if (strcmp(workloads[i]->name, name) == 0)
			return workloads[i];
	return NULL;
}

static enum fault_call call_named(const char *name)
{
	for (int c = FAULT_OPEN; c < FAULT_CALLS; c++)
		if (strcmp(name, fault_call_name[c]) == 0)
			return (enum fault_call)c;
	usage(stderr);
	exit(64);
}

static struct options read_options(int argc, char **argv)
{
	static const struct option names[] = {
		{ "jobs", required_argument, NULL, 'j' },
		{ "thin", required_argument, NULL, 't' },
		{ "seed", required_argument, NULL, 's' },
		{ "call", required_argument, NULL, 'c' },
		{ "error", required_argument, NULL, 'e' },
		{ "nth", required_argument, NULL, 'n' },
		{ "workload", required_argument, NULL, 'w' },
		{ "stays", no_argument, NULL, 'S' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct options o = { .jobs = (int)sysconf(_SC_NPROCESSORS_ONLN) };
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1)
		switch (c) {
		case 'j': o.jobs = (int)strtol(optarg, NULL, 10); break;
		case 't': thin = (unsigned)strtoul(optarg, NULL, 10); break;
		case 's': seed = strtoull(optarg, NULL, 10); break;
		case 'c': o.one.call = call_named(optarg); break;
		case 'e': o.one.err = (int)strtol(optarg, NULL, 10); break;
		case 'n': o.one.nth = strtoull(optarg, NULL, 10); break;
		case 'w': o.workload = optarg; break;
		case 'S': o.one.stays = true; break;
		case 'v': verbose = true; break;
		case 'h': usage(stdout); exit(0);
		default: usage(stderr); exit(64);
		}
	o.jobs = o.jobs < 1 ? 1 : o.jobs > JOBS_MAX ? JOBS_MAX : o.jobs;
	thin = thin ? thin : 1;
	return o;
}

int main(int argc, char **argv)
{
	struct options o = read_options(argc, argv);
	struct timespec a, b;
	uint64_t bad = 0;
	int status;

	prepare();
	clock_gettime(CLOCK_MONOTONIC, &a);
	if (o.one.call) {
		const struct workload *w = find_workload(o.workload);

		(void)waitpid(launch(w ? w : workloads[0], &o.one, 0), &status, 0);
		bad = status != 0;
		printf("%s (%s, status %x)\n", *shares[0].what ? shares[0].what : "good",
		       shares[0].hit ? "met" : "not met", status);
	}
	for (size_t i = 0; i < WORKLOADS && !o.one.call; i++)
		if (!o.workload || strcmp(o.workload, workloads[i]->name) == 0)
			bad += run_workload(workloads[i], o.jobs);
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("%s faults: %" PRIu64 " bad, seed %" PRIu64 ", %lld s\n",
	       bad ? "FAILED" : "ok", bad, seed, (long long)(b.tv_sec - a.tv_sec));
	folder_remove(base);
	return bad != 0;
}
