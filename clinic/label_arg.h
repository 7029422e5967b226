#pragma once

/*
 * label_arg.h - a label on the command line: as many words as a person typed it in.
 */
#include <stdint.h>

#include "clinic/ctl.h"
#include "hub/core/label.h"

/*
 * label_arg_parse - words[0] .. words[count - 1] are one label.
 *
 * Returns CTL_OK, or CTL_USAGE after a complaint that says in which group it is wrong, if that can be said.
 */
int label_arg_parse(const struct ctl_verb *v, char *const *words, int count,
		    uint8_t ret_spki[static LABEL_HASH_LEN]);
