/*
 * record.c - a hub's day, in the guest: the real hub-store on a disk whose every write is recorded, and marks between
 * the writes of what it had promised by then.
 *
 *   record PROGRAM DISK DM      PROGRAM  hub-store
 *                               DISK     where the recorded disk is mounted, empty
 *                               DM       name of the dm-log-writes device below it
 *
 * Readings come one by one and in groups, with the clinic there and away; hub-store is killed and started in between;
 * enough is written that SQLite writes its WAL back several times. Exit status 0 if all that was promised was kept.
 */
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/rt/file.h"
#include "tests/block/peers.h"

enum { LIMIT_MS = 60000, PATH_BYTES = 512 };

static struct peers peers;
static struct ledger ledger;
static const char *dm_name;
static int dm_control;

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "record: %s %s\n", what, peers.bad);
	exit(1);
}

/* As 'dmsetup message NAME 0 mark TEXT', without a process for each; a mark is one word. */
static void mark(const char *line)
{
	/* struct dm_target_msg is the sector, which says which target, and the text */
	struct {
		struct dm_ioctl head;
		uint64_t sector;
		char text[2 * LEDGER_LINE];
	} m = { .head = { .version = { DM_VERSION_MAJOR, 0, 0 },
			  .data_size = sizeof(m),
			  .data_start = offsetof(__typeof__(m), sector) } };
	char *at = m.text + sprintf(m.text, "mark ");

	for (const char *s = line; *s; s++) {
		if (*s == ' ')
			*at++ = '\\';
		*at++ = *s;
	}
	(void)snprintf(m.head.name, sizeof(m.head.name), "%s", dm_name);
	need(ioctl(dm_control, DM_TARGET_MSG, &m) == 0, "no mark");
}

static void promise(const char *line)
{
	need(ledger_apply(&ledger, line, strlen(line)) == 0, line);
	mark(line);
}

/* In groups of a size, each durable before the next. */
static void measure(unsigned readings, unsigned group)
{
	for (unsigned i = 0; i < readings; i += group) {
		peers_offer(&peers, group);
		need(peers_wait(&peers, peers_all_durable, LIMIT_MS), "not durable");
	}
}

static void restart(int how)
{
	peers_kill(&peers, how);
	peers_launch(&peers);
}

static void day(void)
{
	peers_set_away(&peers, true);
	measure(50, 1);
	peers_set_away(&peers, false);
	measure(40, 4);
	restart(SIGKILL);
	measure(30, 1);
	peers_set_away(&peers, true);
	measure(64, 16);
	restart(SIGTERM);
	measure(20, 2);
	peers_offer(&peers, 10);
	restart(SIGKILL); /* while it is at work */
	peers_set_away(&peers, false);
	measure(30, 1);
	need(peers_settle(&peers, LIMIT_MS), "at the end:");
}

static void install(const char *disk, char *state_dir)
{
	char line[LEDGER_LINE];

	(void)snprintf(state_dir, PATH_BYTES, "%s/store", disk);
	need(crypto_init() == 0, "no random numbers");
	x25519_generate(ledger.seal_private, ledger.seal_public);
	p256_generate(ledger.sign_private, ledger.sign_public);
	need(mkdir(state_dir, 0700) == 0, "mkdir");
	need(file_replace(state_dir, "sign.key", ledger.sign_private,
			  sizeof(ledger.sign_private)) == 0,
	     "sign.key");
	sync();
	ledger_keys(&ledger, line);
	promise(line);
	promise("start");
}

int main(int argc, char **argv)
{
	char state_dir[PATH_BYTES];
	struct peers_config config = { .state_dir = state_dir,
				       .run_dir = "/run/hub",
				       .log_path = "/run/hub-store.log",
				       .promise = mark };

	need(argc == 4, "usage: record PROGRAM DISK DM");
	config.program = argv[1];
	dm_name = argv[3];
	dm_control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	need(dm_control >= 0, "/dev/mapper/control");
	install(argv[2], state_dir);
	peers_start(&peers, &config, &ledger);
	day();
	peers_kill(&peers, SIGTERM);
	printf("recorded: %u readings, %u records handed over\n",
	       (unsigned)ledger.offered, peers.records);
	peers_stop(&peers);
	return 0;
}
