#pragma once

/*
 * ctl.h - what the verbs of clinicctl share: exit codes, complaints, and the table of verbs.
 *
 * Results go to stdout, complaints to stderr. A complaint says what, where, and what to do.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1, /* tried, did not work; or part of the output could not be made */
	CTL_LOSSES = 3, /* done; what is told is complete, but not all good */
	CTL_USAGE = 64, /* the command line is wrong; nothing was done */
	CTL_NO_INPUT = 66,    /* no such folder, file or hub */
	CTL_CANT_CREATE = 73, /* exists already, or cannot be written */
	CTL_IO = 74,	      /* CTL_FAILED, of 'audit', where 1 says what a log is */
	CTL_NO_PERM = 77,
};

/* Something that a verb does; a table of them ends with one without a name. */
struct ctl_part {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the verb, argv[1] the part */
	bool remote; /* can ask a clinicd (remote.h); else it needs the clinic's folder */
};

struct ctl_verb {
	const char *name;
	const char *what; /* one line for the list of verbs */
	/*
	 * The whole of VERB --help. Its synopsis, "clinicctl VERB [WORD] ...", is also what completion is made from: a
	 * word in small letters behind VERB is a part of it; each --option stands somewhere in the text.
	 */
	const char *usage;
	const struct ctl_part *parts; /* NULL: it has none */
	bool no_clinic; /* its first operand is no clinic that is there already */
	bool remote;	/* as of a part, without one */
	/* Without a part; returns enum ctl_exit. NULL: one of its parts must be said. */
	int (*run)(int argc, char **argv);
};

extern const struct ctl_verb ctl_init, ctl_hub, ctl_readings, ctl_status, ctl_gaps,
	ctl_recover, ctl_audit, ctl_held, ctl_claim, ctl_trust, ctl_label, ctl_visit,
	ctl_conf, ctl_enrol, ctl_assign, ctl_signer, ctl_lock, ctl_release, ctl_test,
	ctl_reboot, ctl_command, ctl_keys, ctl_person, ctl_completion, ctl_replace,
	ctl_lost, ctl_retire, ctl_transfer, ctl_risk, ctl_passphrase, ctl_ticket,
	ctl_evidence, ctl_token, ctl_import, ctl_network, ctl_console;

/* All of them, in the order in which they are shown. */
const struct ctl_verb *const *ctl_verbs(size_t *ret_count);

/* clinicctl hub pair-window, hub endpoints, hub list and hub show, parts of ctl_hub. */
int ctl_pair_window(int argc, char **argv);
int ctl_endpoints(int argc, char **argv);
int ctl_hub_list(int argc, char **argv);
int ctl_hub_show(int argc, char **argv);

/* clinicctl config edit, a part of ctl_conf. */
int ctl_conf_edit(int argc, char **argv);

/* Prints "clinicctl: ..." and returns code. */
int ctl_complain(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same with CTL_USAGE and a hint at the verb's --help. */
int ctl_misused(const struct ctl_verb *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* ctl_confirm - asks on stderr, reads from stdin; end of input is no. */
bool ctl_confirm(const char *question);
/* The exit code for an error of folder.h or store.h. */
int ctl_exit_code(int err);
/* UTC in milliseconds. */
int64_t ctl_now_ms(void);

/*
 * ctl_operands - checks that exactly want operands are left after the options, the first
 * of them being DIR.
 *
 * argc, argv, at   as getopt_long left them (at = optind)
 *
 * Returns true, or false after a complaint.
 */
bool ctl_operands(const struct ctl_verb *v, int argc, char **argv, int at, int want);
