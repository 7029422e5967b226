#pragma once

/*
 * ctl_config.h - how a verb of clinicctl changes a hub's configuration: the last one that was signed, changed, with
 * the next version; signed and kept in the store, where the hub fetches it; on request also written to a file, for a hub
 * that has no network yet.
 *
 * The version is above all that were signed here and above the one that the hub says it has in use: a clinic that was
 * restored from an older backup goes past what it has forgotten. The store goes first: a version number that was given
 * away is never given again, and one that never reached the hub does no harm. Each function returns an enum ctl_exit, after a complaint if it is not CTL_OK.
 */
#include <stdio.h>

#include "clinic/bundle.h"
#include "clinic/ctl.h"
#include "clinic/files.h"
#include "clinic/store.h"
#include "clinic/json.h"
#include "hub/core/config.h"

/* The file that --out names; all zero: none. Fields are private. */
struct ctl_config_out {
	const char *path; /* borrowed */
	struct files_place at;
};

/* ctl_config_out - before anything is changed: is there nothing yet, and can it be made? path NULL: no file. */
int ctl_config_out(const struct ctl_verb *v, const char *path,
		   struct ctl_config_out *ret);

/*
 * ctl_config_get - the hub of this name, and its last config; for one that has enrolled anew or by itself, what it starts from.
 *
 * dir   for complaints
 * ret   has passkeys in it: to be wiped, also after a failure
 */
int ctl_config_get(const char *dir, struct store *store, const char *hub,
		   struct hub *ret_hub, struct config *ret);

/* Changes c, which has the next version already, and in the same transaction what belongs to it; anything but CTL_OK,
 * after a complaint: nothing is done. */
typedef int ctl_config_fn(void *arg, struct store *store, struct config *c);

/*
 * ctl_config_next - all of it, in one transaction.
 *
 * ret   the new config; to be wiped, also after a failure
 */
int ctl_config_next(const char *dir, const char *hub, const struct ctl_config_out *out,
		    ctl_config_fn *fn, void *arg, struct config *ret);

/* ctl_config_for_epoch - c becomes one of the hub's enrolment. After another one its devices stay and it has no patient: in
 * that one no assignment was given yet. Pure. */
void ctl_config_for_epoch(struct config *c, const struct hub *h);

/* ctl_config_set_version - above what was signed here, and above what the hub has. */
void ctl_config_set_version(struct config *c, const struct hub *h);

/*
 * ctl_config_sign - sign a config, with the clinic's signers in it, and keep it, as one and as what the hub shall have; in a transaction.
 *
 * cose   the signed bytes; to be wiped
 * why    what went wrong, if it was not the store; else ""
 *
 * Returns 0 or an error of folder.h or store.h.
 */
int ctl_config_sign(const char *dir, struct store *store, const struct config *c,
		    uint8_t cose[static BUNDLE_COSE_MAX], size_t *ret_len,
		    char why[static FOLDER_WHY_MAX]);

/* ctl_config_add_json - "configuration", its version, and "file", where --out has put it, or null. */
void ctl_config_add_json(cJSON *o, const struct config *c,
			 const struct ctl_config_out *out);
/* ctl_config_print_next - how the config reaches the hub, in a sentence or two; what the person must do with the file. */
void ctl_config_print_next(FILE *to, const struct ctl_config_out *out);
