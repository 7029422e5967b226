#pragma once

/*
 * ctl_assign.h - what other verbs say of a hub's assignment.
 */
#include "clinic/hub_facts.h"
#include "clinic/json.h"
#include "clinic/remote.h"

/* Which assignment the clinic wants, which one is in force on the hub as it said last, and where the hand-over stands. */
void ctl_assign_add_json(const struct hub_facts *f, cJSON *o);
/* The same as a line, if there is anything to say: a patient, or a hub that is not where it shall be. */
void ctl_assign_print(const struct hub_facts *f);
/* ctl_assign_next - the assignment's number that comes next: one above the highest that was ever given. Returns as remote_ask. */
int ctl_assign_next(struct remote *clinic, const char *hub, uint32_t *ret);
