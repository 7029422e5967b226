/*
 * replay.c - cuts the power at places all over a recorded day, and asks the real hub-store what is left.
 *
 *   replay LOG BASE PROGRAM [--states N] [--part I/OF] [--seed N] [--enough BAD] [--verbose]
 *
 *   LOG, BASE      the recorded writes, and the disk as it was before them
 *   PROGRAM        hub-store
 *   --states N     how many different states; fewer if there are not so many
 *   --part I/OF    only this share of the log, 1..OF
 *   --enough BAD   stop after so many bad states: for a control
 *
 * Runs in the guest as root. Each state is mounted, so that ext4 replays its journal. One that does not mount is given
 * to e2fsck first, as a device's boot does, at last with a backup superblock; these are counted. hub-store is
 * started on it, hub-ble offers again what was not answered and three new readings, the clinic asks until nothing
 * is left. Then everything that was ever answered must be at the clinic, once, unchanged.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/block/peers.h"
#include "tests/block/state.h"

#define IMAGE_FILE "/run/state.img"
#define LOOP "/dev/loop0"
#define DISK "/run/disk"
#define STATE_DIR DISK "/store"
#define SAID "/run/hub-store.log"

enum {
	LIMIT_MS = 20000,
	FRESH = 3,	   /* new readings after a cut */
	TRIES = CUT_KINDS, /* at one position, until another one is looked at */
	NAMES_MAX = 1 << 16,
	SAID_BYTES = 2000,
	BACKUP_SUPERBLOCK = 4096, /* of the image, see block.sh */
};

static struct {
	const char *log, *base, *program;
	unsigned states, part, parts, enough;
	uint64_t seed;
	bool verbose;
} opt = { .states = 500, .part = 1, .parts = 1, .seed = 1 };

static struct states states;
static struct peers peers;
static struct ledger life; /* from the cut on */
static uint64_t names[NAMES_MAX];
static struct {
	unsigned states, bad, owing, mended, rebuilt, incidents, of_kind[CUT_KINDS];
} count;

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "replay: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* --- the disk --------------------------------------------------------------------------------- */

/* Only what can be different from zero: the file was empty. */
static void write_image(void)
{
	int fd = open(IMAGE_FILE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	need(fd >= 0 && ftruncate(fd, (off_t)states.size) == 0, IMAGE_FILE);
	for (size_t at = 0; at < states.size; at += STATE_BLOCK)
		if (states.used[at / STATE_BLOCK])
			need(pwrite(fd, states.image + at, STATE_BLOCK, (off_t)at) ==
				     STATE_BLOCK,
			     IMAGE_FILE);
	close(fd);
}

static int attach(void)
{
	int loop = open(LOOP, O_RDWR | O_CLOEXEC);
	int file = open(IMAGE_FILE, O_RDWR | O_CLOEXEC);

	need(loop >= 0 && file >= 0 && ioctl(loop, LOOP_SET_FD, file) == 0, LOOP);
	close(file);
	return loop;
}

static void detach(int loop)
{
	need(ioctl(loop, LOOP_CLR_FD, 0) == 0, "loop device");
	close(loop);
}

/* Exit status of e2fsck, with or without a backup superblock. */
static int check_disk(bool backup)
{
	char at[16];
	pid_t pid = fork();
	int status = 0;

	need(pid >= 0, "fork");
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		(void)snprintf(at, sizeof(at), "%d", BACKUP_SUPERBLOCK);
		(void)dup2(null, STDOUT_FILENO);
		(void)dup2(null, STDERR_FILENO);
		if (backup)
			execlp("e2fsck", "e2fsck", "-fy", "-b", at, "-B", "4096", LOOP,
			       NULL);
		else
			execlp("e2fsck", "e2fsck", "-fy", LOOP, NULL);
		_exit(127);
	}
	need(waitpid(pid, &status, 0) == pid, "e2fsck");
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool mount_disk(void)
{
	return mount(LOOP, DISK, "ext4", MS_NOATIME, "") == 0;
}

/* As the device's boot does. */
static bool mount_somehow(void)
{
	if (mount_disk())
		return true;
	count.mended++;
	need(check_disk(false) != 127, "e2fsck");
	if (mount_disk())
		return true;
	count.rebuilt++;
	(void)check_disk(true);
	return mount_disk();
}

/* --- one state -------------------------------------------------------------------------------- */

static void show_said(void)
{
	static char text[SAID_BYTES + 1];
	FILE *f = fopen(SAID, "r");
	size_t n;

	if (!f)
		return;
	n = fread(text, 1, SAID_BYTES, f);
	(void)fclose(f);
	text[n] = '\0';
	printf("%s", text);
}

static void ask_store(char ret_bad[static PEERS_BAD_MAX])
{
	const struct peers_config config = { .program = opt.program,
					     .state_dir = STATE_DIR,
					     .run_dir = "/run/hub",
					     .log_path = SAID };

	(void)unlink(SAID);
	life = states.ledger;
	peers_start(&peers, &config, &life);
	peers.fresh_after = life.offered;
	peers.told_before = life.told;
	peers_offer(&peers, FRESH);
	(void)peers_settle(&peers, LIMIT_MS);
	(void)snprintf(ret_bad, PEERS_BAD_MAX, "%s", peers.bad);
	count.incidents += peers.incidents > 0;
	peers_stop(&peers);
}

static void judge(enum cut_kind kind)
{
	char bad[PEERS_BAD_MAX] = "does not mount, also after e2fsck";
	unsigned owed = ledger_owed(&states.ledger);
	int loop;

	write_image();
	loop = attach();
	(void)unlink(SAID);
	if (mount_somehow()) {
		ask_store(bad);
		need(umount(DISK) == 0, "umount");
	}
	detach(loop);
	count.states++;
	count.of_kind[kind]++;
	count.owing += owed > 0;
	count.bad += *bad != '\0';
	if (*bad)
		printf("BAD entry %zu flushed %zu open %zu %s owed %u: %s\n",
		       states.position, states.flush, states.open, cut_kind_text(kind),
		       owed, bad);
	if (opt.verbose && *bad)
		show_said();
}

/* --- all of them ------------------------------------------------------------------------------ */

static bool is_new(uint64_t name)
{
	for (unsigned i = 0; i < count.states; i++)
		if (names[i] == name)
			return false;
	need(count.states < NAMES_MAX, "too many states");
	names[count.states] = name;
	return true;
}

/* One state here that was not there yet, if there is one. */
static bool try_here(struct dice *dice)
{
	for (int i = 0; i < TRIES; i++) {
		enum cut_kind kind = (enum cut_kind)dice_below(dice, CUT_KINDS);
		uint64_t name;

		need(states_make(&states, kind, dice, &name) == 0, opt.log);
		if (!is_new(name))
			continue;
		judge(kind);
		return true;
	}
	return false;
}

/* So many that they are spread evenly; where there are too few the next positions make up for it. */
static void replay(void)
{
	struct dice dice = dice_seed(opt.seed, opt.part);
	size_t begin = 0, first, last;
	bool more = true;

	while (!states.ledger.started && more)
		more = states_next(&states) == 1;
	need(more, "no start in the log");
	begin = states.position;
	first = begin + (states.log.count - begin) * (opt.part - 1) / opt.parts;
	last = begin + (states.log.count - begin) * opt.part / opt.parts;
	for (;;) {
		size_t done = states.position < first ? 0 : states.position - first + 1;
		int r;

		while ((uint64_t)count.states * (last - first) <
			       (uint64_t)opt.states * done &&
		       (opt.enough == 0 || count.bad < opt.enough) && try_here(&dice))
			;
		if (states.position == last)
			break;
		r = states_next(&states);
		need(r == 1, r ? "the log cannot be read" : "the log is short");
	}
}

static void parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "states", required_argument, NULL, 'n' },
		{ "part", required_argument, NULL, 'p' },
		{ "seed", required_argument, NULL, 's' },
		{ "enough", required_argument, NULL, 'e' },
		{ "verbose", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	bool ok = true;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'n': opt.states = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'p': ok = sscanf(optarg, "%u/%u", &opt.part, &opt.parts) == 2; break;
		case 's': opt.seed = strtoull(optarg, NULL, 10); break;
		case 'e': opt.enough = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'v': opt.verbose = true; break;
		default: ok = false;
		}
	}
	ok = ok && argc - optind == 3 && opt.parts > 0 && opt.part > 0 &&
	     opt.part <= opt.parts;
	errno = EINVAL;
	need(ok, "see the top of tests/block/replay.c");
	opt.log = argv[optind];
	opt.base = argv[optind + 1];
	opt.program = argv[optind + 2];
}

int main(int argc, char **argv)
{
	time_t begin = time(NULL);
	int r;

	parse(argc, argv);
	need(crypto_init() == 0, "random numbers");
	r = states_open(&states, opt.log, opt.base);
	errno = -r;
	need(r == 0, opt.log);
	replay();
	states_close(&states);
	printf("replayed: states %u bad %u owing %u mended %u rebuilt %u incidents %u "
	       "keep %u drop %u some %u newest %u sectors %u seconds %ld\n",
	       count.states, count.bad, count.owing, count.mended, count.rebuilt,
	       count.incidents, count.of_kind[CUT_KEEP], count.of_kind[CUT_DROP],
	       count.of_kind[CUT_SOME], count.of_kind[CUT_NEWEST],
	       count.of_kind[CUT_SECTORS], (long)(time(NULL) - begin));
	return 0;
}
