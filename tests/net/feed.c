/*
 * feed.c - stands for hub-ble at hub-store's other end: readings without a radio, by number.
 *
 *   feed RUN_DIR [FIRST]
 *
 * stdin, one command a line: 'give N' (routine) or 'alarm N': the next N readings, glucose records whose sequence
 * numbers count on from FIRST (1). stdout: 'durable TOTAL' when all that were given are durable.
 *
 * It is hub-ble's own ble/handover.c that keeps and offers them, so hub-store may die meanwhile.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "ble/handover.h"
#include "hub/rt/log.h"

enum { PER_TURN = 32 };

static struct {
	struct rt *rt;
	struct rt_timer *timer;
	struct rt_fd *in;
	struct handover *handover;
	uint64_t want, given, durable;
	uint32_t first;
	enum record_class class;
	char line[128];
	size_t line_len;
} feed;

static void give(uint32_t number)
{
	/* flags, sequence, base time, concentration, type and location, status */
	struct msg_raw raw = { .assignment = 1,
			       .kind = READING_GLUCOSE,
			       .characteristic = 0x2a18,
			       .peripheral = { 1, { 1, 2, 3, 4, 5, 6 }, ADDR_RANDOM },
			       .link = LINK_SC_AUTHENTICATED,
			       .raw_len = 15,
			       .raw = { 0x0b, (uint8_t)number, (uint8_t)(number >> 8),
					0xea, 7, 11, 21, 10, 30, 0, 0, 0, 0x5a, 0xb0,
					0x11 } };
	struct msg_decoded d = {
		.class = feed.class,
		.decoded = { .value_count = 1,
			     .values = { { .name = VALUE_GLUCOSE,
					   .unit = UNIT_KG_PER_L,
					   .number = { 90, -5, 0 } } },
			     .has_device_time = true,
			     .device_time = { 2026, 11, 21, 10, 30, 0 },
			     .has_sequence = true,
			     .sequence = number,
			     .marks = MARK_STORED },
		.attribution = ATTRIBUTION_PROBABLE,
		.history = 1,
		.link = LINK_SC_AUTHENTICATED,
	};
	struct backlog_entry *e = handover_raw(feed.handover, 0, &raw);

	if (!e) {
		fprintf(stderr, "feed: no room although it was not full\n");
		exit(1);
	}
	handover_finish(feed.handover, e, &d);
}

static void on_timer(void *arg)
{
	(void)arg;
	for (int i = 0; i < PER_TURN && feed.given < feed.want; i++) {
		if (handover_is_full(feed.handover))
			return; /* on_changed goes on */
		give(feed.first + (uint32_t)feed.given++);
	}
	if (feed.given < feed.want)
		rt_timer_set(feed.timer, rt_mono());
}

static void on_changed(void *arg)
{
	(void)arg;
	if (feed.given < feed.want)
		rt_timer_set(feed.timer, rt_mono());
}

static void on_durable(void *arg, const struct backlog_entry *e)
{
	(void)arg, (void)e;
	if (++feed.durable == feed.want)
		printf("durable %llu\n", (unsigned long long)feed.durable);
}

static void on_memory(void *arg, const struct msg_memory *m)
{
	(void)arg, (void)m;
}

static void on_violation(void *arg, unsigned count)
{
	(void)arg;
	fprintf(stderr, "feed: hub-store broke the rules of the link, %u\n", count);
	exit(1);
}

static void obey(const char *line)
{
	unsigned long n = 0;

	if (sscanf(line, "give %lu", &n) == 1)
		feed.class = CLASS_ROUTINE;
	else if (sscanf(line, "alarm %lu", &n) == 1)
		feed.class = CLASS_ALARM;
	feed.want += n;
	rt_timer_set(feed.timer, rt_mono());
}

static void on_stdin(void *arg, int events)
{
	ssize_t n = read(STDIN_FILENO, feed.line + feed.line_len,
			 sizeof(feed.line) - 1 - feed.line_len);
	char *end;

	(void)arg, (void)events;
	if (n <= 0) {
		rt_stop(feed.rt);
		return;
	}
	feed.line_len += (size_t)n;
	feed.line[feed.line_len] = '\0';
	while ((end = strchr(feed.line, '\n'))) {
		size_t used = (size_t)(end + 1 - feed.line);

		*end = '\0';
		obey(feed.line);
		memmove(feed.line, end + 1, feed.line_len - used + 1);
		feed.line_len -= used;
	}
}

int main(int argc, char **argv)
{
	static const struct handover_handlers handlers = { .changed = on_changed,
							   .durable = on_durable,
							   .memory = on_memory,
							   .violation = on_violation };
	struct options o = { .same_user = true };

	if (argc < 2) {
		fprintf(stderr, "usage: feed RUN_DIR [FIRST]\n");
		return 64;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	log_init("feed");
	o.run_dir = argv[1];
	feed.first = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1;
	feed.rt = rt_new();
	feed.timer = rt_timer_new(feed.rt, on_timer, NULL);
	if (handover_new(feed.rt, &o, &handlers, NULL, &feed.handover))
		return 1;
	feed.in = rt_fd_new(feed.rt, STDIN_FILENO, RT_READ, on_stdin, NULL);
	rt_run(feed.rt);
	rt_fd_free(feed.in);
	handover_free(feed.handover);
	rt_timer_free(feed.timer);
	rt_free(feed.rt);
	return 0;
}
