#pragma once

/*
 * ledger.h - what a swarm of hubs made and what was acknowledged to them, as two text files that only grow.
 *
 *	made     <hub> <epoch> <seq> <SHA-256 of the body>      before the reading is sent for the first time
 *	acked    <hub> <epoch> <seq>                            before the hub forgets it
 *
 * Written with one write() for each line, so that whoever kills the swarm finds all that it had counted.
 * Hub and hash in hex.
 */
#include <stddef.h>
#include <stdint.h>

struct ledger {
	int made, acked;
};

/* ledger_hex - 2 * len digits and a NUL. */
void ledger_hex(const uint8_t *p, size_t len, char *ret);

/* ledger_open - new files in dir. Ends the program if they cannot be made, and the others if one cannot grow. */
void ledger_open(struct ledger *l, const char *dir);
void ledger_close(struct ledger *l);
void ledger_made(struct ledger *l, const uint8_t *hub, uint32_t epoch, uint64_t seq,
		 const uint8_t *body, size_t len);
void ledger_acked(struct ledger *l, const uint8_t *hub, uint32_t epoch, uint64_t seq);
