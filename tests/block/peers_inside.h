#pragma once

/*
 * peers_inside.h - what peers.c and peers_clinic.c share.
 */
#include "tests/block/peers.h"

enum { PEERS_RAW_MIN = 12 };

/* peers_fail - the test itself is at fault, or the machine: ends the program. */
void peers_fail(const char *what) __attribute__((noreturn));

/* peers_bad - what is wrong with hub-store; the first thing counts. */
void peers_bad(struct peers *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* peers_promise - a line for the ledger; that it fits into it has been looked for. */
void peers_promise(struct peers *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* peers_told - hub-store has named its highest number. */
void peers_told(struct peers *p, uint64_t highest);

/* peers_raw - the value of a capture: known from its number, so that whoever opens it can judge it. Returns its
 * length, at least PEERS_RAW_MIN. */
size_t peers_raw(uint64_t capture, uint8_t ret[static READING_RAW_MAX]);

/* peers_want - hub-coap takes so many batches more. */
void peers_want(struct peers *p, uint8_t batches);

/* peers_answer_waiting - the clinic answers what it may: batches whose captures are all durable. */
void peers_answer_waiting(struct peers *p);

void peers_on_coap_up(void *arg, struct ipc *l);
void peers_on_coap_message(void *arg, struct ipc *l, const struct msg *m);
