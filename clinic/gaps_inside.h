#pragma once

/*
 * gaps_inside.h - what gaps.c and gaps_manifests.c share and nobody else sees. Errors: -ENOMEM.
 */
#include "clinic/gaps.h"

int gaps_add_problem(struct gaps *g, enum gaps_problem_kind kind, uint64_t a, uint64_t b);
int gaps_add_note(struct gaps *g, enum gaps_note_kind kind, uint64_t a, uint64_t b);
/* GAPS_NONE for a number that is none; after all numbers were looked at. */
enum gaps_state gaps_state_of(const struct gaps *g, uint64_t n);
/* The manifests one after the other. */
int gaps_check_manifests(struct gaps *g);
