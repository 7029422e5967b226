#pragma once

/*
 * enrol.h - makes hubs that a clinic knows: keys, certificates of its root, rows in its store.
 */
#include <stddef.h>

#include "tests/swarm/home.h"

/*
 * enrol - count hubs, active, named swarm-<process>-1 and on, in one transaction.
 *
 * clinic   the folder of 'clinicctl init'
 * ret      filled
 *
 * Ends the program on a failure.
 */
void enrol(const char *clinic, size_t count, struct home_identity *ret);

/* enrol_dump - prints every record of every hub: <hub> <epoch> <seq> <SHA-256 of the body>, then for each hub
 * "hub <hub> contig <n> quarantined <n> rolled-back <0|1>". Returns 0 or the store's error. */
int enrol_dump(const char *clinic);
