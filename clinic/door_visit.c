/*
 * door_visit.c - the part of door_answer.c about bringing a hub in: who enrols and whom a person lets in, visits; and what a
 * hub's audit log is held against.
 */
#include <errno.h>
#include <string.h>

#include "clinic/door_inside.h"
#include "clinic/door_page.h"
#include "hub/crypto/crypto.h"

/* By its name as a claim, or as a hub. */
static int find_id(struct door_asking *a, uint8_t ret[static HUB_ID_LEN])
{
	struct claim claim;
	struct hub hub;
	int r = claim_by_name(a->store, a->rq->name, &claim);

	if (r == 0)
		memcpy(ret, claim.id, HUB_ID_LEN);
	if (r != -ENOENT)
		return r;
	r = store_hub_by_name(a->store, a->rq->name, &hub);
	if (r == 0)
		memcpy(ret, hub.id, HUB_ID_LEN);
	return r;
}

/* --- enrolment -------------------------------------------------------------------------- */

static int on_enrol(void *arg, const struct enrol_row *row)
{
	struct door_page *p = arg;

	door_put_enrol(&p->rows, row);
	return door_page_added(p);
}

int door_answer_enrol_list(struct door_asking *a, struct writer *w)
{
	struct door_page p;
	int r;

	door_page_begin(&p, a->rq->op, 0);
	r = enrol_store_page(a->store, a->rq->key, DOOR_PAGE, on_enrol, &p);
	return door_page_end(&p, r, w);
}

static int write_approval(struct door_asking *a, const uint8_t hub[static HUB_ID_LEN])
{
	struct journal_entry e = { .act = JOURNAL_ENROL_APPROVE, .at_ms = a->now_ms };
	int r = store_journal_next(a->store, hub, &e.number);

	memcpy(e.who, a->who, sizeof(e.who));
	memcpy(e.why, a->rq->why, sizeof(e.why));
	return r < 0 ? r : store_journal_add(a->store, hub, &e);
}

int door_answer_enrol_approve(struct door_asking *a, struct writer *w)
{
	struct enrolment_request rq = { .event = ENROLMENT_APPROVE, .now_ms = a->now_ms };
	struct enrolment_answer answer;
	struct enrol_row row;
	uint8_t hub[HUB_ID_LEN];
	int r = find_id(a, hub);

	if (r == 0)
		r = enrol_store_take(a->store, hub, a->now_ms, &row);
	if (r < 0)
		return r == -EEXIST ? -EAGAIN : r;
	answer = enrolment_on(&row.e, &rq);
	a->undo = answer.action == ENROLMENT_REFUSE;
	cb_put_array(w, 2);
	cb_put_uint(w, answer.action);
	cb_put_uint(w, answer.reason);
	if (a->undo)
		return 0;
	r = enrol_store_put(a->store, &row, a->now_ms);
	return r < 0 ? r : write_approval(a, hub);
}

/* --- visits ----------------------------------------------------------------------------- */

int door_answer_visit_facts(struct door_asking *a, struct writer *w)
{
	static struct door_visit v;
	int r;

	memset(&v, 0, sizeof(v));
	r = store_visit_facts(a->store, a->rq->name, &v.facts, v.id, v.key);
	if (r == 0)
		door_put_visit(w, &v);
	return r;
}

static int on_entry(void *arg, const struct visit_entry *e)
{
	struct door_page *p = arg;

	if (door_page_is_before(p, e->number))
		return 0;
	door_put_visit_entry(&p->rows, e);
	return door_page_added(p);
}

int door_answer_visits(struct door_asking *a, struct writer *w)
{
	struct door_page p;
	uint8_t id[HUB_ID_LEN];
	int r = find_id(a, id);

	if (r < 0)
		return r;
	door_page_begin_behind(&p, a->rq);
	return door_page_end(&p, store_visit_each(a->store, id, on_entry, &p), w);
}

int door_answer_visit_note(struct door_asking *a, struct writer *w)
{
	const struct door_request *rq = a->rq;
	struct visit_entry e = { .at_ms = a->now_ms,
				 .step = (enum visit_step)rq->choice,
				 .outcome = (enum visit_outcome)rq->reason };
	uint8_t id[HUB_ID_LEN];
	int r;

	if (rq->choice >= VISIT_STEPS || rq->reason > VISIT_FAILED)
		return -EBADMSG;
	memcpy(e.who, a->who, sizeof(e.who));
	memcpy(e.words, rq->words, sizeof(e.words));
	r = find_id(a, id);
	if (r == 0)
		r = store_visit_add(a->store, id, &e);
	if (r == 0)
		cb_put_uint(w, e.number);
	return r;
}

/* --- the audit log ---------------------------------------------------------------------- */

int door_answer_audit(struct door_asking *a, struct writer *w)
{
	struct door_audit k = { .has_key = false };
	int r = store_hub_by_name(a->store, a->rq->name, &k.hub);

	if (r == 0)
		r = witness_state(a->store, k.hub.id, k.hub.epoch, &k.state);
	if (r < 0)
		return r;
	r = witness_key_get(a->store, k.hub.id, k.hub.epoch, k.key0);
	k.has_key = r == 0;
	door_put_audit(w, &k);
	crypto_wipe(&k, sizeof(k));
	return r == -ENOENT ? 0 : r;
}

static int on_checkpoint(void *arg, const struct audit_checkpoint *k)
{
	struct door_page *p = arg;

	if (door_page_is_before(p, k->size))
		return 0;
	door_put_checkpoint(&p->rows, k);
	return door_page_added(p);
}

int door_answer_checkpoints(struct door_asking *a, struct writer *w)
{
	struct door_page p;
	struct hub h;
	int r = store_hub_by_name(a->store, a->rq->name, &h);

	if (r == 0 && h.epoch != a->rq->epoch)
		r = -ESTALE;
	if (r < 0)
		return r;
	door_page_begin_behind(&p, a->rq);
	return door_page_end(&p, witness_each(a->store, &h, on_checkpoint, &p), w);
}
