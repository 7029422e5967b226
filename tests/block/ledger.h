#pragma once

/*
 * ledger.h - what hub-store has promised so far, and what the world outside has seen of it.
 *
 * Written as lines of text: each is a mark in the log of block writes, put there when it was said. So the ledger of
 * any moment can be read back from the log, up to that moment.
 *
 *   keys HEX HEX HEX HEX       clinic's sealing key, hub's signing key: private, public; private, public
 *   start                      the disk is as it is given to a new hub
 *   offered N                  captures 1..N exist
 *   durable C                  hub-store answered that this capture is durable
 *   handed SEQ C HASH          it gave this record to the clinic; SHA-256 of the sealed body
 *   told N                     it said that N is the highest number it has given
 *   acking FIRST LAST          the clinic is about to say that it has these
 *   gone FIRST LAST            the clinic is about to say that it knows that these will not come
 *
 * No allocation but for the ledger itself.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/crypto/crypto.h"

enum {
	LEDGER_CAPTURES = 2000,
	LEDGER_SEQS = 65536,
	LEDGER_LINE = 440, /* a mark has room for that much */
};

struct ledger_seq {
	uint32_t capture; /* 0: never handed over */
	bool settled;	  /* the clinic has it, or knows that it will not come */
	uint8_t hash[SHA256_LEN];
};

struct ledger {
	bool started;
	uint8_t seal_private[X25519_LEN], seal_public[X25519_LEN];
	uint8_t sign_private[P256_PRIVATE_LEN], sign_public[P256_PUBLIC_LEN];
	uint64_t offered, told;
	bool durable[LEDGER_CAPTURES + 1];
	uint64_t seq_of[LEDGER_CAPTURES + 1]; /* 0: never handed over */
	struct ledger_seq seqs[LEDGER_SEQS];
};

/*
 * ledger_apply - one line more.
 *
 * text, len   without an end; borrowed
 *
 * Returns 0, -EBADMSG (no such line), or -ERANGE (a number outside the ledger; a second record under a number, or
 * a second number for a capture: the caller must have looked before).
 */
int ledger_apply(struct ledger *l, const char *text, size_t len);

/* ledger_keys - the line of the keys. */
void ledger_keys(const struct ledger *l, char ret[static LEDGER_LINE]);

/* ledger_contig - all of 1..contig are settled. */
uint64_t ledger_contig(const struct ledger *l);

/* ledger_owed - captures that are durable and not settled. */
unsigned ledger_owed(const struct ledger *l);
