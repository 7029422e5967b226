#pragma once

/*
 * cut.h - one power cut: a recorded run, a state that is legal at a point of it, what the product says to it, and the
 * line by which it can be had again.
 */
#include <stdbool.h>
#include <stdint.h>

#include "tests/explore/controls.h"
#include "tests/explore/disk.h"
#include "tests/explore/workload.h"

enum { LINE_BYTES = 400 };

/* One workload, with or without a control, so many states. */
struct job {
	const struct workload *work;
	const struct control *control; /* NULL: as the product is */
	uint64_t seed;
	long states;
	int jobs; /* processes */
};

struct spot {
	size_t point; /* operations that were done */
	struct disk_cut cut;
};

/* cut_prepare - memory, and a folder for everything that is written. Ends the program if it cannot. */
void cut_prepare(void);
void cut_done(void);

/* cut_record - runs the job's workload; aloud: what the product logs is shown. Returns NULL, or what is wrong without
 * any cut. */
const char *cut_record(const struct job *j, bool aloud);
const struct log *cut_log(void);       /* of that run */
const struct log *cut_log_again(void); /* of the last cut_go_on or cut_restart */
uint64_t cut_log_sum(void);	       /* the same for the same log */

/* cut_folders - of this process, by number. */
void cut_folders(int number);

/* cut_choose - kinds: bits. */
struct disk_cut cut_choose(struct dice *d, unsigned kinds);

/*
 * cut_look     puts the state on the disk and lets the product open it
 * cut_go_on    the same, then it works on, recorded
 * cut_restart  only the process is killed; it is started again and works on, recorded; s->cut.kind is KIND_KEEP
 * cut_again    after cut_go_on or cut_restart: a power cut in what was recorded then
 *
 * d: of cut_log, advanced to s->point. Returns NULL, or what is wrong.
 */
const char *cut_look(const struct job *j, struct disk *d, const struct spot *s);
const char *cut_go_on(const struct job *j, struct disk *d, const struct spot *s);
const char *cut_restart(const struct job *j, struct disk *d, const struct spot *s);
const char *cut_again(const struct job *j, const struct spot *then);

/* cut_line - then: NULL, or the second cut. */
void cut_line(char line[static LINE_BYTES], const struct job *j, const struct spot *s,
	      enum recovery_how how, const struct spot *then);

/* cut_replay - a line again, with the operations before it. Returns an exit status. */
int cut_replay(const char *line, const struct workload *const *list, size_t count,
	       bool aloud);
