#pragma once

/*
 * controls.h - the product with one thing spoilt: each must be seen to fail.
 */
#include <stdbool.h>
#include <stddef.h>

#include "tests/explore/disk.h"
#include "tests/explore/settings.h"
#include "tests/explore/workload.h"

struct control {
	const char *name, *what; /* what is spoilt, for the table */
	const struct workload *work;
	struct settings settings;
	struct spoil spoil;
	unsigned kinds; /* of states that are tried, bits by enum disk_kind */
	long states;	/* so many */
	unsigned again; /* kinds of a second cut that all are given; 0: none */
};

#define ALL_KINDS ((1u << KINDS) - 1)

extern const struct control controls[];
extern const size_t control_count;

/* control_find - Returns NULL if there is none of this name. */
const struct control *control_find(const char *name);
