#pragma once

/*
 * survey.h - one look at everything that runs, gathered and judged. Pure: the shell (scan.h) reads, this decides.
 *
 * Invariants
 *   1. A mapping that may execute is code of the image with the right bytes, code of the kernel's own, or a finding.
 *   2. In doubt a process is exposed: one whose program the image does not have is.
 *   3. What the lists have no room for is counted; a finding in a process of the hub's own never gives way to another one.
 */
#include "hub/core/evidence.h"
#include "hub/core/image.h"
#include "hub/measure/procfs.h"

enum {
	/* users of the hub's processes: rootfs/sysusers.d/hub.conf */
	SURVEY_HUB_UID_FIRST = 951,
	SURVEY_HUB_UID_LAST = 959,
	SURVEY_COAP_UID = 953, /* the one that may talk: UDP, and DNS */
};

/* A file that is mapped, as the shell found it. */
struct survey_file {
	bool in_image;		/* a file of this name */
	bool read;		/* its bytes were hashed */
	bool same;		/* and are those of the image */
	struct image_file file; /* if in_image */
};

/* Fields are private, but for the evidence. */
struct survey {
	struct evidence *e; /* caller's, filled */
	int64_t now_s;
	bool hub, exposed; /* the process at hand */
	int process;	   /* its place in the list, -1: no room */
	char name[EVIDENCE_NAME_MAX + 1];
};

/* survey_begin - empties the evidence's lists. now_s: the hub's clock, seconds UTC. */
void survey_begin(struct survey *s, struct evidence *e, int64_t now_s);

/*
 * survey_process - the next process; its mappings follow.
 *
 * path, len   of its program, as /proc/PID/exe shows it; deleted: it has no name any more
 */
void survey_process(struct survey *s, const struct process_status *status,
		    const char *path, size_t len, bool deleted,
		    const struct survey_file *program);

/* survey_wants_file - must the file of this mapping be looked at? */
bool survey_wants_file(const struct mapping *m);

/* survey_mapping - file: NULL unless survey_wants_file. */
void survey_mapping(struct survey *s, const struct mapping *m,
		    const struct survey_file *file);

/* survey_module - a module of the kernel, or with name "" the kernel. file NULL: the image has none of this name. */
void survey_module(struct survey *s, const char *name, size_t len,
		   const struct image_file *file);

void survey_socket(struct survey *s, enum socket_table table,
		   const struct open_socket *socket);

/* survey_dropped - the packet filter has dropped so many packets of a user of the hub's: no second look is needed for that. */
void survey_dropped(struct survey *s, const char *name, uint32_t uid, uint64_t packets);

/* survey_hub_findings - how many are in processes of the hub's own. */
size_t survey_hub_findings(const struct evidence *e);

/* survey_confirm - marks what an earlier look has found, too. */
void survey_confirm(struct evidence *e, const struct evidence *earlier);
