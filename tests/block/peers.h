#pragma once

/*
 * peers.h - the real hub-store between scripted peers: hub-ble that offers readings until they are answered, hub-coap
 * with a clinic behind it, hubd with a config. What hub-store promises goes into a ledger, what it hands over is held
 * against it.
 *
 * hub-store is known by its messages only. The first thing that is wrong is kept in 'bad' and ends all waiting.
 */
#include <sys/types.h>

#include "hub/rt/ipc.h"
#include "tests/block/ledger.h"

enum {
	PEERS_WAITING_MAX = 8,
	PEERS_BAD_MAX = 200,
	PEERS_CLASS_EVERY = 10,
	PEERS_DOORS = 2
};

struct peers_config {
	const char *program, *state_dir, *run_dir;
	const char *log_path; /* what hub-store says goes there */
	/* each line of the ledger as it is made, before anything follows from it; may be NULL */
	void (*promise)(const char *line);
};

/* To be read only; fresh_after and told_before may be set. */
struct peers {
	struct peers_config config;
	struct ledger *ledger;
	char bad[PEERS_BAD_MAX]; /* "": nothing is wrong */
	pid_t child;
	struct rt *rt;
	struct rt_timer *tick;
	struct ipc *ble, *coap, *hubd;
	int doors[PEERS_DOORS];

	bool ready;	      /* readings are taken */
	bool away;	      /* the clinic takes nothing */
	bool drain;	      /* the clinic asks until there is nothing */
	bool drained;	      /* and there is nothing */
	unsigned incidents;   /* told to hubd */
	unsigned records;     /* that came, also twice */
	uint64_t fresh_after; /* captures above are newer than this ledger's past, ... */
	uint64_t told_before; /* ... so their numbers must be above this one */
	size_t waiting;	      /* batches with a capture that is not answered yet */
	struct msg_batch batches[PEERS_WAITING_MAX];
};

/*
 * peers_start - sockets, and hub-store between them. config and ledger are borrowed; the ledger has its keys.
 *
 * Whatever fails here is the test's own fault and ends the program.
 */
void peers_start(struct peers *p, const struct peers_config *config, struct ledger *l);
void peers_kill(struct peers *p, int signal); /* waits for its end */
void peers_launch(struct peers *p);	      /* again, after peers_kill */
void peers_stop(struct peers *p);	      /* SIGKILL, and everything is freed */

/* peers_offer - n new readings, at once. */
void peers_offer(struct peers *p, unsigned n);

/* peers_set_away - the clinic takes nothing any more; or it is back, and hub-coap has a new link. */
void peers_set_away(struct peers *p, bool away);

/* peers_all_durable - every capture is answered. */
bool peers_all_durable(const struct peers *p);

/* peers_wait - until the condition holds. Returns false if something is wrong, or it takes longer than limit_ms. */
bool peers_wait(struct peers *p, bool (*condition)(const struct peers *p),
		uint64_t limit_ms);

/* peers_pass - lets time pass. */
void peers_pass(struct peers *p, uint64_t ms);

/*
 * peers_settle - everything is offered until it is durable, and handed over until nothing is left; then every
 * capture is at the clinic. Returns false with p->bad.
 */
bool peers_settle(struct peers *p, uint64_t limit_ms);
