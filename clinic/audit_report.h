#pragma once

/*
 * audit_report.h - an audit log from files, and what the verifier found in one line for a person.
 *
 * For 'clinicctl audit verify' (ctl_audit.c):
 *
 *   r = audit_log_load(paths, count, &log); ... fill in hub, keys, witnessed ...
 *   in.segments = log.segments; in.segment_count = log.count;
 *   code = audit_check(&in, stdout);
 */
#include <stdio.h>

#include "clinic/audit_verify.h"

enum {
	AUDIT_LINE_MAX = 400,
	AUDIT_LOG_SEGMENTS = 4096,
	AUDIT_LOG_BYTES_MAX = 1 << 30,
};

/* Exit codes of 'audit verify'. 64 and above as in ctl.h. */
enum audit_exit {
	AUDIT_EXIT_WHOLE = 0,
	AUDIT_EXIT_FAULT = 1, /* changed, cut or forged: somebody must look */
	AUDIT_EXIT_EMPTY = 2, /* nothing to verify */
	AUDIT_EXIT_GAPS = 3,  /* unchanged, but it tells of something lost */
};

struct audit_log {
	uint8_t *bytes; /* owned */
	struct audit_bytes
		*segments; /* owned; dense, ascending segment number; into bytes */
	size_t count;
};

/*
 * audit_log_load - segments as the hub keeps them (audit-1, audit-2 ...) or exports them.
 *
 * paths  each a folder with audit-* files, or one file with segments of either form, one after the other
 *
 * What does not parse stays in as it is: the verifier shall see it. Returns 0, -ENOENT, -EACCES, -EIO, -EMSGSIZE, -ENOMEM.
 */
int audit_log_load(char *const *paths, size_t count, struct audit_log *ret);
/* audit_log_parse - the same from memory, one file's bytes; copied. */
int audit_log_parse(const uint8_t *bytes, size_t len, struct audit_log *ret);
void audit_log_done(struct audit_log *log);

/* audit_verdict_line - one sentence or two, without a line's end. Returns buf. */
char *audit_verdict_line(const struct audit_verdict *v, char buf[static AUDIT_LINE_MAX]);
enum audit_exit audit_verdict_exit(const struct audit_verdict *v);
/* audit_check - verifies, prints the line, returns the exit code. */
enum audit_exit audit_check(const struct audit_verify_in *in, FILE *out);
