#pragma once

/*
 * ctl_person_end.h - until when a person's certificate is good, and who has to be given another one.
 */
#include <stdbool.h>

#include "clinic/store_person.h"

/* ctl_person_ends - UTC in ms; 0: it has no certificate. Pure. */
int64_t ctl_person_ends(const struct person *p);

/*
 * ctl_person_warn - a line, or with json an object, for each person in force whose certificate ends within 30 days, or has.
 *
 * dir   the clinic's folder
 *
 * Returns 0, or an error of store.h or folder.h.
 */
int ctl_person_warn(const char *dir, int64_t now_ms, bool json);
