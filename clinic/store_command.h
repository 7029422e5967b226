#pragma once

/*
 * store_command.h - who may sign what hubs are ordered to do, and the orders: a queue for each hub. A part of the interface
 * of store.h, with its rules.
 *
 * Invariants
 *   1. Of one (hub, epoch) a counter is given once, and each is above all that were given before and above what the hub
 *      has said that it took.
 *   2. What is kept of an order is what was signed, byte for byte; an order leaves for the hub only with all the signatures
 *      it needs, and not after its time.
 *   3. What became of an order is what the hub said of it.
 */
#include "clinic/store.h"
#include "hub/core/command.h"
#include "hub/core/status.h"

enum { SIGNER_NAME_MAX = 40, ORDER_WHY_MAX = 400 };

/* Somebody whose signature hubs obey, as far as their config says so. */
struct signer_row {
	struct signer signer;
	char name[SIGNER_NAME_MAX + 1]; /* unique */
	int64_t added_ms;
};

/* store_signer_add - the number of the person is given here. Returns also -EEXIST (name or key), -ENOSPC (SIGNERS_MAX). */
int store_signer_add(struct store *s, struct signer_row *row);
/*
 * store_signer_remove - no config that is signed from now on has him, and no hub gets an order of his that it has not answered: he is
 * removed because his key is in other hands, maybe, and a hub obeys it until its next config.
 *
 * ret_withdrawn   how many orders that is; only on success
 *
 * Returns 0, or an error of store.h; -ENOENT: there is none of this name.
 */
int store_signer_remove(struct store *s, const char *name, int64_t now_ms,
			unsigned *ret_withdrawn);
/* By name, or by number; -ENOENT. */
int store_signer_by_name(struct store *s, const char *name, struct signer_row *ret);
int store_signer_by_person(struct store *s, uint32_t person, struct signer_row *ret);
/* All of them, by number, at most SIGNERS_MAX. */
int store_signers(struct store *s, struct signer_row ret[static SIGNERS_MAX],
		  size_t *ret_count);
/* The list as a config has it. */
int store_signers_config(struct store *s, struct config *c);

/* One order. */
struct order {
	struct command command;
	int64_t ordered_ms;
	char why[ORDER_WHY_MAX + 1];
	size_t needs, count; /* signatures; of different people */
	uint32_t persons[COMMAND_SIGNATURES_MAX];
	char names[COMMAND_SIGNATURES_MAX]
		  [SIGNER_NAME_MAX + 1]; /* as they were called then */
	enum signer_role roles[COMMAND_SIGNATURES_MAX];
	size_t lens[COMMAND_SIGNATURES_MAX];
	uint8_t signed_bytes[COMMAND_SIGNATURES_MAX][COMMAND_SIGNED_MAX];
	enum command_result result; /* as the hub said; COMMAND_NOTHING: it has not */
	int64_t result_ms;
};

/* Where an order stands. */
enum order_state {
	ORDER_WAITS_FOR_SIGNATURE = 0,
	ORDER_WAITS_FOR_HUB,
	ORDER_EXPIRED, /* nobody has heard that it was done */
	ORDER_DONE,
	ORDER_PENDING,
	ORDER_REFUSED,
};
enum order_state order_state(const struct order *o, int64_t now_ms);
const char *order_state_text(enum order_state s);

/* store_order_counter - the next one for this hub. */
int store_order_counter(struct store *s, const struct hub *h, uint64_t *ret);
/* store_order_add - with its first signature. -EEXIST: the counter is taken. */
int store_order_add(struct store *s, const struct order *o);
/* store_order_sign - the second signature, from o. -EEXIST: it has one. */
int store_order_sign(struct store *s, const struct order *o);
/* -ENOENT */
int store_order_get(struct store *s, const struct hub *h, uint64_t counter,
		    struct order *ret);
/* Those of this enrolment, by counter. A result of fn other than 0 ends the walk; fn must not use the store. */
typedef int store_order_fn(void *arg, const struct order *o);
int store_order_each(struct store *s, const struct hub *h, store_order_fn *fn, void *arg);

/* Those of all hubs that wait for a signature and may still get it, by hub's name and counter; as above. */
typedef int store_waiting_fn(void *arg, const char *hub, const struct order *o);
int store_orders_waiting(struct store *s, int64_t now_ms, store_waiting_fn *fn,
			 void *arg);

/*
 * store_order_next - what the reply to this hub shall carry: orders to lock first, then those that cancel, which make older ones
 * void, then by counter. A suspended hub is only locked, retired, or told that it is not.
 *
 * Returns the length written to buf, 0 if there is nothing.
 */
int store_order_next(struct store *s, const struct hub *h, int64_t now_ms,
		     uint8_t buf[static COMMAND_BYTES_MAX], uint64_t *ret_counter);
/* store_order_note - what a hub says of its last command; a status that store_status_put took. Nothing is written if that is
 * known. */
int store_order_note(struct store *s, const struct hub *h, const uint8_t *status,
		     size_t len, int64_t now_ms);

/* store_locks_since - to how many hubs but this one orders to lock were given since then, and how many hubs there are that may be in
 * use, with this one. */
int store_locks_since(struct store *s, const struct hub *h, int64_t since_ms,
		      uint64_t *ret_locked, uint64_t *ret_hubs);
