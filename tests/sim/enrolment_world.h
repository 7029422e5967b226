#pragma once

/*
 * enrolment_world.h - one hub, its clinic and the network between them, small enough to be explored whole.
 *
 * The hub is coap/enrol.c with a disk of two keys, the clinic is clinic/enrolment.c with one row; both are the real
 * ones. What is left out: cryptography (a key is a number, a certificate names its key) and lengths of time (each wait
 * may end at any moment, each day may pass). world_canonical makes worlds equal that differ in nothing else.
 */
#include "clinic/enrolment.h"
#include "clinic/ticket_row.h"
#include "coap/enrol.h"

enum {
	NET_MAX = 2,
	KEYS_MAX = 12,
	DEVICE_KEY = 0xd0,
	TICKET_KEY = 0xd1,
	NOW = 1000000000, /* of the hub's clock that counts, always */
};

/* 2026-11-22, of both clocks that have dates, always. */
#define TODAY_MS INT64_C(1795305600000)

/* What may be broken, to see that it is found. */
enum broken {
	BROKEN_NOTHING = 0,
	BROKEN_CONFIRM_NOT_NEEDED, /* clinic: a key is active as soon as it is issued */
	BROKEN_OLD_KEY_KEPT, /* clinic: the key before is not dead after a confirmation */
	BROKEN_NOT_IDEMPOTENT,	/* clinic: the same request, another certificate */
	BROKEN_LOST_KEEPS_KEYS, /* clinic: a hub that is lost or retired keeps its key */
	BROKEN_USED_AT_ONCE,	/* hub: a certificate is used before it is confirmed */
	BROKEN_GIVEN_UP, /* hub: a key is dropped when nobody answers its confirmation */
	BROKEN_EPOCH_FORGOTTEN, /* hub: a factory reset sets the epoch back */
	BROKEN_ANY_ANSWER, /* hub: late answers count, and certificates are not compared with the key */
	BROKEN_TICKET_STAYS, /* clinic: a confirmation does not use a ticket up */
	BROKEN_NO_DOOR, /* clinic: an active hub that lost its keys is not enrolled anew */
	BROKEN_KINDS,
};

struct message {
	uint8_t request; /* enum enrol_request; 0: none */
	bool answer;	 /* else a request */
	bool current;	 /* the hub waits for its answer */
	uint8_t by, key; /* keys: of the handshake, of the request or certificate */
	uint8_t result;	 /* enum enrol_result */
	uint32_t epoch;
};

/* Of a key, by its number. */
struct key_facts {
	uint8_t age;	/* of its certificate: 0 new, 1 to be renewed, 2 ended */
	bool known;	/* the clinic has issued for it once */
	bool confirmed; /* the clinic has said so, or tried to */
	bool lost;	/* the hub lost it, by no fault of the machines */
};

/* Whoever has found a copy of the ticket; how it enrols is none of the model's. */
enum thief {
	THIEF_NONE = 0,
	THIEF_CLAIMED, /* by the ticket, and about to confirm */
	THIEF_ACTIVE,
};

struct world {
	struct enrol hub;
	uint8_t current, next; /* its keys; 0: none */
	uint8_t next_cert;     /* the key that the certificate in 'next' is for */
	uint8_t came;	       /* the same of the one that is to be kept */
	bool dead;	       /* killed in this step */
	struct enrolment row;
	uint8_t old;		     /* BROKEN_OLD_KEY_KEPT: the key before */
	struct message net[NET_MAX]; /* of the conversation that is going on */
	struct message late;	     /* a request of an earlier one */
	struct key_facts keys[KEYS_MAX];
	uint32_t lived; /* the highest epoch that a seq counter lived in */
	bool counting;	/* it still does */
	uint8_t rare;	/* so many rare things may still happen */
	bool moves;	/* one of them: to another clinic; else: another card */
	/* only with tickets: clinic.trust comes with one */
	bool tickets;
	struct ticket_row ticket;
	bool linked;   /* our hub came with it */
	bool made;     /* and was claimed by that, not by its label */
	bool in_by_it; /* and got in by that */
	uint8_t thief; /* enum thief */
};

/* What happens at the n-th thing that is to be kept in a step. */
enum fate {
	FATE_KEPT = 0,
	FATE_FAILED,	   /* no space */
	FATE_KILL_BEFORE,  /* nothing is on disk */
	FATE_KILL_BETWEEN, /* the epoch is */
	FATE_KILL_AFTER,   /* all is, and the machine does not hear of it */
	FATES,
};

struct step {
	enum broken broken;
	enum fate fate;
	unsigned fate_at;  /* which one */
	unsigned kept;	   /* how many there were */
	const char *wrong; /* a property that does not hold, or NULL */
	bool excused;	   /* a person or a fault took the hub's credential */
	bool approval;	   /* the clinic asks a person before it issues */
};
