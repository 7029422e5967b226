#pragma once

/*
 * reset_left.h - what a factory reset would lose beside what is on a stick; and up to which number all is there, in the file 'reset',
 * by which hub-store asks for one: hub-store-reset looks again before it erases (reset.h).
 */
#include <stdbool.h>
#include <stdint.h>

#include "storage/records.h"

/*
 * reset_left - readings that are neither at the clinic nor on the stick.
 *
 * on_stick   all that was unsent up to this number is there; 0: nothing is. The hub's accounts of itself that came after it are no
 *            readings, and are lost; with nothing on a stick they count like readings
 *
 * Returns 0 with *ret, which is more than 0 also if looking would take long, or as records_read.
 */
int reset_left(struct records *r, uint64_t on_stick, uint64_t *ret);

/* reset_ask - hub-store asks for a reset that two people at the hub have ordered. Returns 0 when it is durable, or as file_replace. */
int reset_ask(const char *dir, uint64_t on_stick);

/* reset_asked - Returns false with *ret 0 if nobody asks, or somebody else: with the file 'reset' of another form. */
bool reset_asked(const char *dir, uint64_t *ret_on_stick);
