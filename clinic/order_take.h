#pragma once

/*
 * order_take.h - an order to a hub as its clinic takes it: who signed it, whether that one may, whether the hub would obey, and
 * what it means for the hub's life here. The one place that judges, whoever asks and from wherever.
 *
 * Invariants
 *   1. What is kept was signed by a signer of this clinic whom the hub's config names, for this hub, this life of it, with its
 *      next counter, and not for longer than ORDER_VALID_MAX_MIN.
 *   2. Two signatures are over the same bytes, by two people of different roles.
 *   3. Beyond a few hubs in an hour only the security officer locks: a false alarm that locks the fleet is the worst incident.
 *   4. A hub is drained in the transaction in which the order to retire it got its last signature.
 */
#include "clinic/store_command.h"

enum {
	ORDER_VALID_MAX_MIN = 7 * 24 * 60, /* minutes */
	ORDER_BRAKE_MS =
		3600 * 1000, /* so many hubs may be locked in this time by anybody: */
	ORDER_BRAKE_HUBS = 3,
	ORDER_BRAKE_PERCENT = 1,
};

/* Why it was not taken. The numbers are on the wire. */
enum order_refusal {
	ORDER_TAKEN = 0,
	ORDER_NO_SIGNER = 1, /* nobody of this name signs here */
	ORDER_WRONG_KEY =
		2, /* not signed with that one's key, or what is signed is no order */
	ORDER_OTHER_HUB = 3, /* or another life of it */
	ORDER_USED = 4,	     /* its counter; the next one is .a */
	ORDER_BAD_TIME = 5,  /* over, or too far from now */
	ORDER_BAD_ROLE = 6,
	ORDER_UNKNOWN_THERE = 7, /* the hub's config does not name the signer */
	ORDER_BRAKE = 8,	 /* .a of .b hubs were ordered to lock in the last hour */
	ORDER_NO_CHALLENGE = 9,	 /* it says that it is at level .a */
	ORDER_OLD_CHALLENGE = 10,  /* it has said another one since */
	ORDER_CANCELLED = 11,	   /* by order .a */
	ORDER_RETIRES = 12,	   /* by order .a, already */
	ORDER_NO_LIFE = 13,	   /* it is in the state .a */
	ORDER_AT_ITS_END = 14,	   /* the order to retire has taken effect */
	ORDER_ABSENT = 15,	   /* the one to be signed */
	ORDER_WAITS_FOR_NONE = 16, /* it is in the enum order_state .a */
	ORDER_SAME_ROLE = 17,	   /* as the first signature, in .order */
	ORDER_REFUSALS = 18,
};

struct order_taken {
	enum order_refusal refusal;
	uint64_t a, b;	    /* as it says */
	struct order order; /* as it stands; without a command: there is none */
};

/* Somebody's signature. */
struct order_signature {
	const char *signer;  /* by name */
	const uint8_t *cose; /* borrowed */
	size_t len;
};

/*
 * order_take - a new order, in a transaction; the caller ends it, or takes it back if it was not taken.
 *
 * h    locked
 * why  at most ORDER_WHY_MAX bytes
 *
 * Returns 0, or an error of store.h.
 */
int order_take(struct store *s, const struct hub *h, const struct order_signature *by,
	       const char *why, int64_t now_ms, struct order_taken *ret);
/* order_take_second - the second signature of order 'counter'; the same. */
int order_take_second(struct store *s, const struct hub *h,
		      const struct order_signature *by, uint64_t counter, int64_t now_ms,
		      struct order_taken *ret);

/* What whoever signs an order must know. */
struct order_facts {
	uint8_t hub[HUB_ID_LEN];
	uint32_t epoch;
	uint64_t counter; /* the next one */
	int64_t now_ms;	  /* UTC, the clinic's clock */
	uint8_t level;	  /* as the hub said last */
	bool challenged;  /* what a release has to answer: */
	uint32_t lock_epoch;
	uint8_t nonce[COMMAND_NONCE_LEN];
	bool has_signer, has_order;
	struct signer_row signer;
	struct order order;
};

/* order_facts_load - of the signer of this name, and of order 'counter', if there are. Returns 0, or an error of store.h. */
int order_facts_load(struct store *s, const struct hub *h, const char *signer,
		     uint64_t counter, int64_t now_ms, struct order_facts *ret);

/* order_retiring - is an order to retire it in force? Pure. order_last_retire - the latest one that has its signatures. */
bool order_retiring(const struct hub *h);
int order_last_retire(struct store *s, const struct hub *h, struct order *ret);
