#pragma once

/*
 * err.h - the error numbers of this project and what each of them means, here and nowhere else.
 *
 * Functions return 0 or a positive result on success and one of these, negated, on failure:
 *
 *   EBADMSG       bytes do not parse                 EMSGSIZE  wrong length
 *   ERANGE        value not allowed                  ENOTSUP   valid, but not for us
 *   EKEYREJECTED  bad signature, MAC or identity     ESTALE    older than what we hold
 *   EACCES        policy or lockdown forbids         ENOSPC    a limit is reached, disk full
 *   EAGAIN        nothing to do yet, try later       ENOENT    absent
 *   EPROTO        the peer broke the protocol        EIO       library or OS failed
 *   ENOMEM        no memory                          EEXIST    is there already
 *   ECONNRESET    connection lost, outcome unknown
 *
 * Library codes (SQLITE_*, COAP_*, UV_*, wolfCrypt's) never leave their folder.
 */
#include <errno.h>

/*
 * err_text - what a negative errno of the list means, in words for a log or a terminal.
 *
 * Returns a static string; 'unknown error' for anything outside the list. Pure.
 */
const char *err_text(int err);
