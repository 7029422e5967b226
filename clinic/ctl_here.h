#pragma once

/*
 * ctl_here.h - the verbs that work with the clinic's own folder only, and why: who says one of them elsewhere is told so.
 */

/* ctl_here - what to do instead, in a sentence; static. NULL: the verb, or this part of it ("": none), needs no clinic, or asks it
 * wherever it is. */
const char *ctl_here(const char *verb, const char *part);
