#pragma once

/*
 * ctl_keys_root.h - the parts of 'clinicctl keys' that are of the root alone.
 */
#include <stdio.h>

#include "clinic/ctl.h"
#include "clinic/folder.h"

/* ctl_root_next - makes the next root; asks for a passphrase if the one in use has one. Returns CTL_OK, also if there is one
 * already, or another enum ctl_exit after a complaint. say: where words go. */
int ctl_root_next(const char *dir, FILE *say);

/*
 * ctl_root_unrenewed - hubs whose certificate the root before has signed itself, as 'hub add' does, and people who ask from
 * elsewhere: they could not connect when it is dropped. Returns CTL_OK if there is none, or CTL_FAILED after naming them.
 *
 * anyway   they are named, and CTL_OK
 */
int ctl_root_unrenewed(const char *dir, bool anyway);

/* ctl_keys_tell - the configurations of all hubs say what the clinic's folder says. With json: an object, as 'keys next' prints it.
 * Returns CTL_OK, or another enum ctl_exit after a complaint. */
int ctl_keys_tell(const char *dir, bool json);
