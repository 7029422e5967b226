#pragma once

/*
 * door_inside.h - what door_answer.c and the files with its answers share and nobody else sees.
 */
#include "clinic/door_answer.h"
#include "clinic/door_rows.h"

/* One question that is being answered. */
struct door_asking {
	struct store *store;
	const char *dir;
	const struct door_asker *asker;
	const struct door_request *rq;
	int64_t now_ms;
	char who[JOURNAL_WHO_MAX + 1]; /* for journals */
	bool undo;	 /* the answer is good, but nothing of it is to be kept */
	bool refused;	 /* the same, and it is on record as refused */
	bool committing; /* from here on an error may be a change all the same */
};

/* The hub that rq names. Returns also -ENOENT. */
int door_load_facts(struct door_asking *a, struct hub_facts *ret);

/* Answers of door_config.c: the payload into w. Return 0 or an error of door_error. */
int door_answer_config(struct door_asking *a, struct writer *w);
int door_answer_config_put(struct door_asking *a, struct writer *w);
int door_answer_assigned(struct door_asking *a, struct writer *w);
int door_answer_assign(struct door_asking *a, struct writer *w);

/*
 * door_open_next - what rq has signed, if the clinic signed it and it is the config that follows the last one of 'hub', which is
 * locked. ret_last, ret: to be wiped, also after an error. door_keep_config - it becomes what the hub shall have.
 */
int door_open_next(struct door_asking *a, const char *hub, struct hub *ret_hub,
		   struct config *ret_last, struct config *ret);
int door_keep_config(struct door_asking *a, const struct config *c);

/* Answers of door_replace.c and door_ticket.c; as above. */
int door_answer_replace(struct door_asking *a, struct writer *w);
int door_answer_tickets(struct door_asking *a, struct writer *w);
int door_answer_ticket_revoke(struct door_asking *a, struct writer *w);

/* Answers of door_records.c and door_decide.c; as above. */
int door_answer_records(struct door_asking *a, struct writer *w);
int door_answer_numbers(struct door_asking *a, struct writer *w);
int door_answer_manifests(struct door_asking *a, struct writer *w);
int door_answer_given_up(struct door_asking *a, struct writer *w);
int door_answer_aside(struct door_asking *a, struct writer *w);
int door_answer_held(struct door_asking *a, struct writer *w);
int door_answer_held_records(struct door_asking *a, struct writer *w);
int door_answer_journal(struct door_asking *a, struct writer *w);
int door_answer_held_settle(struct door_asking *a, struct writer *w);
int door_answer_life(struct door_asking *a, struct writer *w);
int door_answer_withdraw(struct door_asking *a, struct writer *w);

/* Answers of door_order.c; as above. */
int door_answer_order_facts(struct door_asking *a, struct writer *w);
int door_answer_orders(struct door_asking *a, struct writer *w);
int door_answer_waiting(struct door_asking *a, struct writer *w);
int door_answer_order(struct door_asking *a, struct writer *w);
int door_answer_signers(struct door_asking *a, struct writer *w);
int door_answer_retire_end(struct door_asking *a, struct writer *w);
int door_answer_token_escrow(struct door_asking *a, struct writer *w);
int door_answer_token_note(struct door_asking *a, struct writer *w);

/* Answers of door_visit.c; as above. */
int door_answer_enrol_list(struct door_asking *a, struct writer *w);
int door_answer_enrol_approve(struct door_asking *a, struct writer *w);
int door_answer_visit_facts(struct door_asking *a, struct writer *w);
int door_answer_visits(struct door_asking *a, struct writer *w);
int door_answer_visit_note(struct door_asking *a, struct writer *w);
int door_answer_audit(struct door_asking *a, struct writer *w);
int door_answer_checkpoints(struct door_asking *a, struct writer *w);
