#pragma once

/*
 * advice.h - what hub-ble found, in words for the person who reads the log: what it means and what to do. Pure;
 * static strings.
 */
#include <stdbool.h>

#include "hub/core/msg.h"

/* What a silence reason means, and what to do about it; "" if there is nothing to do. */
const char *advice_meaning(enum silence_reason r);
const char *advice_reason(enum silence_reason r);
/* Does it need a person at the hub? */
bool advice_needs_person(enum silence_reason r);

/* A window's state: a word, and what to do; state 0: closed before its end. */
const char *advice_window_text(enum window_state s);
const char *advice_window(enum window_state s);
