#pragma once

/*
 * ctl_passphrase.h - a new passphrase, with words for what is wrong with it.
 */
#include "clinic/passphrase.h"

/* ctl_new_passphrase - what: for whom. Returns CTL_OK, or an exit code after a complaint; ret is to be wiped. */
int ctl_new_passphrase(const char *what, char ret[static PASSPHRASE_MAX]);
