#pragma once

/*
 * helper_end.h - the other end of helper.h: what a program does that clinicctl runs, at the socket that is its standard input.
 */
#include <stdbool.h>

#include "clinic/talk.h"

/* helper_end_begin - before anything is heard: there will be a PIN in memory. What libraries print goes to standard error. */
void helper_end_begin(void);

/* As helper_send and helper_hear; what has ended is clinicctl. */
bool helper_end_send(const uint8_t *buf, int n);
int helper_end_hear(uint8_t buf[static TALK_PACKET_MAX]);
