#pragma once

/*
 * pairing_internal.h - what the files behind pairing.h share; nobody else includes it.
 *
 *   pairing.c         the states, and which operation each of them wants
 *   pairing_answer.c  the answers to operations, facts about devices and bonds; failures
 *   pairing_window.c  windows, candidates, tests; what people are told
 */
#include "ble/pairing.h"

/* The only function that changes the state; what is under way is given up. */
void pairing_enter(struct pairing *p, enum pairing_state state, struct mono deadline);

/* The candidate's entry. */
struct pairing_device *pairing_current(struct pairing *p);

/* The candidate's states: its bond, if there is one, is not found good. */
bool pairing_is_on_device(enum pairing_state state);

/* To be paired in this window, now or after its back-off. */
bool pairing_needs(const struct pairing *p, const struct pairing_device *d);

/* To be paired now. */
bool pairing_is_wanted(const struct pairing *p, const struct pairing_device *d,
		       struct mono now);

/* A device waits for its test reading. */
bool pairing_any_testing(const struct pairing *p);

/* Connect or pair, as the candidate's traits say. */
void pairing_begin_attempt(struct pairing *p);

/* Connect or Pair failed: once more, or the end of it. */
void pairing_fail_attempt(struct pairing *p, int err, struct mono now);

/* The end of it: why, and not again for a while. After the end of its window nobody waits for
 * the device: that it was not paired is no failure then. */
void pairing_fail(struct pairing *p, enum pairing_reason reason, struct mono now);

/* Remove whatever there is of the candidate. */
void pairing_discard(struct pairing *p);

/* Is the candidate's bond good? known: its record was seen. */
void pairing_judge(struct pairing *p, bool known, enum link_strength strength,
		   uint8_t key_size, struct mono now);

/* The bond of a device that was finished is not good after all: it will be removed. */
void pairing_condemn(struct pairing_device *d, enum pairing_reason reason,
		     struct mono now);

/* What is under way and not trusted will be undone. */
void pairing_end_window(struct pairing *p, enum window_state state);

/* Time is up: ended well if somebody was served and nobody waits. */
void pairing_end_time(struct pairing *p);
