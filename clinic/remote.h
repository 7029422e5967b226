#pragma once

/*
 * remote.h - a clinic as a verb of clinicctl sees it, wherever it is: what is asked of it through the door (door.h).
 *
 *   DIR with clinic.conf    the clinic's own folder: the answers are made here, by the same code as in clinicd
 *   a Unix socket           clinicd on this machine knows the user
 *   DIR with door.conf      a person's folder, as 'clinicctl person add' makes it: clinicd anywhere, over TLS 1.3
 *
 * Errors: a negative errno as door_error has them, -ECONNREFUSED if nobody answers, -ECONNRESET if the connection broke
 * before the answer came: what was asked may have been done.
 */
#include "clinic/door.h"
#include "clinic/enrol_store.h"
#include "clinic/folder.h"
#include "clinic/gaps_load.h"
#include "clinic/hub_facts.h"
#include "clinic/hub_list.h"
#include "clinic/store_command.h"
#include "clinic/store_ticket.h"
#include "clinic/store_visit.h"
#include "clinic/witness.h"
#include "hub/core/cbor.h"

struct door_known;
struct remote;

/* remote_open - where is borrowed until remote_close. Returns 0, or an error with words in why. */
int remote_open(const char *where, struct remote **ret, char why[static FOLDER_WHY_MAX]);
void remote_close(struct remote *r); /* NULL is fine */

/* remote_is_folder - is it the clinic's own folder? */
bool remote_is_folder(const struct remote *r);

/*
 * remote_ask - one question, asked again if others were in the way.
 *
 * ret   stands before the payload; what is read from it is borrowed until the next question
 */
int remote_ask(struct remote *r, const struct door_request *rq, struct cb *ret);

/* remote_request - a question about a hub or claim; name may be NULL. Returns 0, or -ENOENT: nobody can have this name. */
int remote_request(enum door_op op, const char *name, struct door_request *ret);
/* remote_set_name - the same of a question that has more in it. */
int remote_set_name(struct door_request *rq, const char *name);

/* remote_failed - complains of an error of remote_ask; hub may be NULL. Returns the exit code. */
int remote_failed(const struct remote *r, const char *hub, int err);

/* remote_get - one question whose answer is one row; get: one of door_rows.h. */
typedef void remote_row_fn(struct cb *c, void *row);
int remote_get(struct remote *r, const struct door_request *rq, remote_row_fn *get,
	       void *ret);

/*
 * Lists (remote_lists.c): all rows, page by page; fn is called for each as by the function of store.h of that name, and it
 * must not ask. Rows are borrowed for the call.
 */
int remote_hubs(struct remote *r, store_hub_fn *fn, void *arg);
int remote_claims(struct remote *r, claim_fn *fn, void *arg);
/* Of this hub; also -ENOENT. */
int remote_given_up(struct remote *r, const char *hub, store_given_up_fn *fn, void *arg);
int remote_records(struct remote *r, const char *hub, store_record_fn *fn, void *arg);
int remote_held(struct remote *r, const char *hub, store_held_group_fn *fn, void *arg);
int remote_held_records(struct remote *r, const char *hub, store_quarantine_fn *fn,
			void *arg);
int remote_journal(struct remote *r, const char *hub, store_journal_fn *fn, void *arg);
int remote_orders(struct remote *r, const char *hub, store_order_fn *fn, void *arg);
/* Of all hubs. */
int remote_waiting(struct remote *r, store_waiting_fn *fn, void *arg);
int remote_tickets(struct remote *r, store_ticket_fn *fn, void *arg);
/* remote_signers - who may sign orders, all. */
int remote_signers(struct remote *r, struct signer_row ret[static SIGNERS_MAX],
		   size_t *ret_count);
/* By name as a hub or a claim. */
int remote_visits(struct remote *r, const char *name, store_visit_fn *fn, void *arg);
int remote_enrolments(struct remote *r, enrol_row_fn *fn, void *arg);
/* Of one epoch of it. */
int remote_checkpoints(struct remote *r, const char *hub, uint32_t epoch, witness_fn *fn,
		       void *arg);
int remote_manifests(struct remote *r, const char *hub, uint32_t epoch,
		     store_record_fn *fn, void *arg);
int remote_numbers(struct remote *r, const char *hub, uint32_t epoch,
		   enum store_numbers what, gaps_numbers_fn *fn, void *arg);
int remote_recovered(struct remote *r, const char *hub, uint32_t epoch,
		     store_quarantine_fn *fn, void *arg);
/* remote_facts - what is known of one hub; also -ENOENT. */
int remote_facts(struct remote *r, const char *hub, struct hub_facts *ret);

/* remote_hub_list - all hubs, in memory; ret is to be freed with hub_list_free in every case. */
int remote_hub_list(struct remote *r, struct hub_list *ret);
/* remote_known - all that is kept under a name, of a hub or of a claim; also -ENOENT. */
int remote_known(struct remote *r, const char *name, struct door_known *ret);
/* remote_hub - the row of one of them; also -ENOENT. */
int remote_hub(struct remote *r, const char *hub, struct hub *ret);
