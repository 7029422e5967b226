#pragma once

/*
 * ctl_decide.h - what the verbs share by which a person decides about a hub: who and why, and asking the clinic for it.
 */
#include "clinic/ctl.h"
#include "clinic/folder.h"
#include "clinic/opening.h"
#include "clinic/remote.h"
#include "clinic/store_held.h"

/* NULL: not said. */
struct ctl_signature {
	const char *who, *why;
};

/* ctl_is_line - one line of text, not empty, of at most max bytes. */
bool ctl_is_line(const char *text, size_t max);
/* ctl_check_signature - complains if there is no reason, or text that no line of a journal can hold. Returns CTL_OK or
 * CTL_USAGE. */
int ctl_check_signature(const struct ctl_verb *v, const struct ctl_signature *s);

/* ctl_sign - who, why and when, into a line of the journal; who nobody named is the user of this machine. */
void ctl_sign(struct journal_entry *e, const struct ctl_signature *by);

/*
 * ctl_ask - a decision that the clinic makes (door_decide.c), wherever it is.
 *
 * rq    operation and what belongs to it; hub, who and why are filled in
 * get   reads the answer into ret
 *
 * Returns CTL_OK, or an exit code after a complaint.
 */
int ctl_ask(const char *where, const char *hub, const struct ctl_signature *by,
	    struct door_request *rq, remote_row_fn *get, void *ret);

/* Complains of an error of store.h; hub may be NULL. Returns the exit code. */
int ctl_store_failed(const char *dir, const char *hub, int err);
/* The clinic's sealing key, and those before it; to be wiped. Returns 0 or as folder_read, with the reason in 'why'. */
int ctl_read_key(const char *dir, struct opening_key *ret,
		 char why[static FOLDER_WHY_MAX]);
/* The same. Returns CTL_OK, or an exit code after a complaint. */
int ctl_load_key(const char *dir, struct opening_key *ret);
/*
 * ctl_find_key - the sealing keys for what a clinic gives out sealed.
 *
 * given   folder with seal.key, as the command line says; NULL: the clinic's folder, or the person's if it has one
 * ret     to be wiped
 * ret_has written also on failure. Not an error: nobody said where there is one
 *
 * Returns CTL_OK, or an exit code after a complaint.
 */
int ctl_find_key(const struct remote *clinic, const char *where, const char *given,
		 struct opening_key *ret, bool *ret_has);

/* clinicctl hub suspend, resume and withdraw: parts of ctl_hub. */
int ctl_hub_suspend(int argc, char **argv);
int ctl_hub_resume(int argc, char **argv);
int ctl_hub_withdraw(int argc, char **argv);
