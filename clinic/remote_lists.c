/*
 * remote_lists.c - the lists of remote.h: one loop over pages, and for each list how a row is read, behind what the next page
 * is asked, and who is told.
 *
 * Rows that do not go on behind those before them end the walk: a clinicd that repeats itself keeps nobody for ever.
 */
#include "clinic/remote.h"

#include <errno.h>
#include <string.h>

#include "clinic/door_rows.h"

/* The function of whoever asked. */
struct told {
	union {
		store_hub_fn *hub;
		claim_fn *claim;
		store_given_up_fn *given_up;
		store_record_fn *record;
		store_quarantine_fn *aside;
		store_held_group_fn *held;
		store_journal_fn *journal;
		gaps_numbers_fn *numbers;
		store_visit_fn *visit;
		enrol_row_fn *enrol;
		witness_fn *checkpoint;
		store_order_fn *order;
		store_waiting_fn *waiting;
		store_ticket_fn *ticket;
	} fn;
	void *arg;
};

/* Reads a row, moves rq behind it, tells it. Returns 0, an error of c, -EPROTO, or what was told. */
typedef int take_fn(struct cb *c, struct door_request *rq, const struct told *to);

static int walk(struct remote *r, struct door_request *rq, take_fn *take,
		const struct told *to)
{
	const size_t full = door_page_rows(rq->op);
	struct cb c;
	size_t n;
	int err;

	do {
		err = remote_ask(r, rq, &c);
		n = err < 0 ? 0 : cb_get_array(&c, full);
		if (err == 0)
			err = cb_error(&c);
		for (size_t i = 0; err == 0 && i < n; i++)
			err = take(&c, rq, to);
		if (err == 0)
			err = cb_finish(&c);
	} while (err == 0 && n == full);
	return err;
}

/* The same of a hub. */
static int walk_hub(struct remote *r, enum door_op op, const char *hub, take_fn *take,
		    const struct told *to)
{
	struct door_request rq;
	int err = remote_request(op, hub, &rq);

	return err < 0 ? err : walk(r, &rq, take, to);
}

/* And of one epoch of it. */
static int walk_epoch(struct remote *r, const struct door_request *what, const char *hub,
		      take_fn *take, const struct told *to)
{
	struct door_request rq;
	int err = remote_request(what->op, hub, &rq);

	rq.epoch = what->epoch;
	rq.choice = what->choice;
	return err < 0 ? err : walk(r, &rq, take, to);
}

/* --- behind so many rows ---------------------------------------------------------------- */

static int take_hub(struct cb *c, struct door_request *rq, const struct told *to)
{
	struct hub h;

	door_get_hub(c, &h);
	rq->number++;
	return cb_error(c) ? cb_error(c) : to->fn.hub(to->arg, &h);
}

int remote_hubs(struct remote *r, store_hub_fn *fn, void *arg)
{
	struct door_request rq = { .op = DOOR_HUBS };

	return walk(r, &rq, take_hub, &(struct told){ .fn.hub = fn, .arg = arg });
}

static int take_claim(struct cb *c, struct door_request *rq, const struct told *to)
{
	struct claim k;

	door_get_claim(c, &k);
	rq->number++;
	return cb_error(c) ? cb_error(c) : to->fn.claim(to->arg, &k);
}

int remote_claims(struct remote *r, claim_fn *fn, void *arg)
{
	struct door_request rq = { .op = DOOR_CLAIMS };

	return walk(r, &rq, take_claim, &(struct told){ .fn.claim = fn, .arg = arg });
}

static int take_held(struct cb *c, struct door_request *rq, const struct told *to)
{
	struct held_group g;

	door_get_held(c, &g);
	rq->number++;
	return cb_error(c) ? cb_error(c) : to->fn.held(to->arg, &g);
}

static int take_waiting(struct cb *c, struct door_request *rq, const struct told *to)
{
	char hub[HUB_NAME_MAX + 1];
	struct order o;

	door_get_waiting(c, hub, &o);
	rq->number++;
	return cb_error(c) ? cb_error(c) : to->fn.waiting(to->arg, hub, &o);
}

int remote_waiting(struct remote *r, store_waiting_fn *fn, void *arg)
{
	struct door_request rq = { .op = DOOR_WAITING };

	return walk(r, &rq, take_waiting, &(struct told){ .fn.waiting = fn, .arg = arg });
}

static int take_ticket(struct cb *c, struct door_request *rq, const struct told *to)
{
	struct store_ticket t;

	door_get_ticket(c, &t);
	rq->number++;
	return cb_error(c) ? cb_error(c) : to->fn.ticket(to->arg, &t);
}

int remote_tickets(struct remote *r, store_ticket_fn *fn, void *arg)
{
	struct door_request rq = { .op = DOOR_TICKETS };

	return walk(r, &rq, take_ticket, &(struct told){ .fn.ticket = fn, .arg = arg });
}

int remote_held(struct remote *r, const char *hub, store_held_group_fn *fn, void *arg)
{
	return walk_hub(r, DOOR_HELD, hub, take_held,
			&(struct told){ .fn.held = fn, .arg = arg });
}

static int take_aside(struct cb *c, struct door_request *rq, const struct told *to)
{
	enum quarantine_reason why;
	struct sealed rec;

	door_get_aside(c, &rec, &why);
	rq->number++;
	return cb_error(c) ? cb_error(c) : to->fn.aside(to->arg, &rec, why);
}

int remote_held_records(struct remote *r, const char *hub, store_quarantine_fn *fn,
			void *arg)
{
	return walk_hub(r, DOOR_HELD_RECORDS, hub, take_aside,
			&(struct told){ .fn.aside = fn, .arg = arg });
}

int remote_recovered(struct remote *r, const char *hub, uint32_t epoch,
		     store_quarantine_fn *fn, void *arg)
{
	return walk_epoch(r, &(struct door_request){ .op = DOOR_ASIDE, .epoch = epoch },
			  hub, take_aside, &(struct told){ .fn.aside = fn, .arg = arg });
}

/* --- behind a number -------------------------------------------------------------------- */

/* Goes on behind 'last', if 'first' is behind where it was. */
static int go_on(struct cb *c, struct door_request *rq, uint64_t first, uint64_t last)
{
	if (cb_error(c))
		return cb_error(c);
	if (first <= rq->number)
		return -EPROTO;
	rq->number = last;
	return 0;
}

static int take_given_up(struct cb *c, struct door_request *rq, const struct told *to)
{
	struct tombstone t;
	int err;

	door_get_tombstone(c, &t);
	err = go_on(c, rq, t.first, t.first);
	return err < 0 ? err : to->fn.given_up(to->arg, &t);
}

int remote_given_up(struct remote *r, const char *hub, store_given_up_fn *fn, void *arg)
{
	return walk_hub(r, DOOR_GIVEN_UP, hub, take_given_up,
			&(struct told){ .fn.given_up = fn, .arg = arg });
}

static int take_journal(struct cb *c, struct door_request *rq, const struct told *to)
{
	struct journal_entry e;
	int err;

	door_get_journal(c, &e);
	err = go_on(c, rq, e.number, e.number);
	return err < 0 ? err : to->fn.journal(to->arg, &e);
}

int remote_journal(struct remote *r, const char *hub, store_journal_fn *fn, void *arg)
{
	return walk_hub(r, DOOR_JOURNAL, hub, take_journal,
			&(struct told){ .fn.journal = fn, .arg = arg });
}

static int take_numbers(struct cb *c, struct door_request *rq, const struct told *to)
{
	uint64_t first, last;
	int err;

	door_get_numbers(c, &first, &last);
	err = go_on(c, rq, first, last);
	return err < 0 ? err : to->fn.numbers(to->arg, first, last);
}

int remote_numbers(struct remote *r, const char *hub, uint32_t epoch,
		   enum store_numbers what, gaps_numbers_fn *fn, void *arg)
{
	const struct door_request rq = { .op = DOOR_NUMBERS,
					 .epoch = epoch,
					 .choice = (uint8_t)what };

	return walk_epoch(r, &rq, hub, take_numbers,
			  &(struct told){ .fn.numbers = fn, .arg = arg });
}

static int take_manifest(struct cb *c, struct door_request *rq, const struct told *to)
{
	struct sealed rec;
	int err;

	door_get_sealed(c, &rec);
	err = go_on(c, rq, rec.record.seq, rec.record.seq);
	return err < 0 ? err : to->fn.record(to->arg, &rec);
}

int remote_manifests(struct remote *r, const char *hub, uint32_t epoch,
		     store_record_fn *fn, void *arg)
{
	const struct door_request rq = { .op = DOOR_MANIFESTS, .epoch = epoch };

	return walk_epoch(r, &rq, hub, take_manifest,
			  &(struct told){ .fn.record = fn, .arg = arg });
}

/* By (epoch, number). */
static int take_record(struct cb *c, struct door_request *rq, const struct told *to)
{
	struct sealed rec;
	int err;

	door_get_sealed(c, &rec);
	if (rec.epoch > rq->epoch)
		rq->number = 0;
	if (cb_error(c) == 0 && rec.epoch < rq->epoch)
		return -EPROTO;
	rq->epoch = rec.epoch;
	err = go_on(c, rq, rec.record.seq, rec.record.seq);
	return err < 0 ? err : to->fn.record(to->arg, &rec);
}

int remote_records(struct remote *r, const char *hub, store_record_fn *fn, void *arg)
{
	return walk_hub(r, DOOR_RECORDS, hub, take_record,
			&(struct told){ .fn.record = fn, .arg = arg });
}

static int take_visit(struct cb *c, struct door_request *rq, const struct told *to)
{
	struct visit_entry e;
	int err;

	door_get_visit_entry(c, &e);
	err = go_on(c, rq, e.number, e.number);
	return err < 0 ? err : to->fn.visit(to->arg, &e);
}

int remote_visits(struct remote *r, const char *name, store_visit_fn *fn, void *arg)
{
	return walk_hub(r, DOOR_VISITS, name, take_visit,
			&(struct told){ .fn.visit = fn, .arg = arg });
}

static int take_checkpoint(struct cb *c, struct door_request *rq, const struct told *to)
{
	struct audit_checkpoint k;
	int err;

	door_get_checkpoint(c, &k);
	err = go_on(c, rq, k.size, k.size);
	return err < 0 ? err : to->fn.checkpoint(to->arg, &k);
}

int remote_checkpoints(struct remote *r, const char *hub, uint32_t epoch, witness_fn *fn,
		       void *arg)
{
	const struct door_request rq = { .op = DOOR_CHECKPOINTS, .epoch = epoch };

	return walk_epoch(r, &rq, hub, take_checkpoint,
			  &(struct told){ .fn.checkpoint = fn, .arg = arg });
}

static int take_order(struct cb *c, struct door_request *rq, const struct told *to)
{
	struct order o;
	int err;

	door_get_order(c, &o);
	err = go_on(c, rq, o.command.counter, o.command.counter);
	return err < 0 ? err : to->fn.order(to->arg, &o);
}

int remote_orders(struct remote *r, const char *hub, store_order_fn *fn, void *arg)
{
	return walk_hub(r, DOOR_ORDERS, hub, take_order,
			&(struct told){ .fn.order = fn, .arg = arg });
}

/* Behind an id, which a key begins with. */
static int take_enrol(struct cb *c, struct door_request *rq, const struct told *to)
{
	struct enrol_row row;

	door_get_enrol(c, &row);
	if (cb_error(c))
		return cb_error(c);
	if (memcmp(row.hub, rq->key, HUB_ID_LEN) <= 0)
		return -EPROTO;
	rq->has_key = true;
	memcpy(rq->key, row.hub, HUB_ID_LEN);
	return to->fn.enrol(to->arg, &row);
}

int remote_enrolments(struct remote *r, enrol_row_fn *fn, void *arg)
{
	struct door_request rq = { .op = DOOR_ENROL_LIST };

	return walk(r, &rq, take_enrol, &(struct told){ .fn.enrol = fn, .arg = arg });
}

/* --- hubs ------------------------------------------------------------------------------- */

static void get_facts(struct cb *c, void *ret)
{
	door_get_facts(c, ret);
}

int remote_facts(struct remote *r, const char *hub, struct hub_facts *ret)
{
	struct door_request rq;
	int err = remote_request(DOOR_FACTS, hub, &rq);

	return err < 0 ? err : remote_get(r, &rq, get_facts, ret);
}

static int add_hub(void *arg, const struct hub *h)
{
	return hub_list_add(arg, h);
}

int remote_hub_list(struct remote *r, struct hub_list *ret)
{
	*ret = (struct hub_list){ .hubs = NULL };
	return remote_hubs(r, add_hub, ret);
}

static void get_known(struct cb *c, void *ret)
{
	door_get_known(c, ret);
}

int remote_known(struct remote *r, const char *name, struct door_known *ret)
{
	struct door_request rq;
	int err = remote_request(DOOR_KNOWN, name, &rq);

	return err ? err : remote_get(r, &rq, get_known, ret);
}

int remote_hub(struct remote *r, const char *hub, struct hub *ret)
{
	struct door_known k;
	int err = remote_known(r, hub, &k);

	if (err == 0 && !k.has_hub)
		err = -ENOENT;
	if (err == 0)
		*ret = k.hub;
	return err;
}

struct signers {
	struct signer_row *rows;
	size_t count;
};

static void get_signers(struct cb *c, void *ret)
{
	struct signers *s = ret;
	size_t n = cb_get_array(c, SIGNERS_MAX);

	while (s->count < n && cb_error(c) == 0)
		door_get_signer(c, &s->rows[s->count++]);
}

int remote_signers(struct remote *r, struct signer_row ret[static SIGNERS_MAX],
		   size_t *ret_count)
{
	const struct door_request rq = { .op = DOOR_SIGNERS };
	struct signers s = { .rows = ret };
	int err = remote_get(r, &rq, get_signers, &s);

	*ret_count = s.count;
	return err;
}
