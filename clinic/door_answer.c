/*
 * door_answer.c - see door_answer.h.
 */
#include "clinic/door_answer.h"

#include <errno.h>
#include <string.h>

#include "clinic/door_inside.h"
#include "clinic/door_page.h"
#include "clinic/store_person.h"
#include "hub/core/cbor.h"

/* --- lists ------------------------------------------------------------------------------ */

static int on_hub(void *arg, const struct hub *h)
{
	struct door_page *p = arg;

	if (door_page_skips(p))
		return 0;
	door_put_hub(&p->rows, h);
	return door_page_added(p);
}

static int answer_hubs(struct door_asking *a, struct writer *w)
{
	struct door_page p;

	door_page_begin(&p, a->rq->op, a->rq->number);
	return door_page_end(&p, store_hub_each(a->store, on_hub, &p), w);
}

static int on_claim(void *arg, const struct claim *k)
{
	struct door_page *p = arg;

	if (door_page_skips(p))
		return 0;
	door_put_claim(&p->rows, k);
	return door_page_added(p);
}

static int answer_claims(struct door_asking *a, struct writer *w)
{
	struct door_page p;

	door_page_begin(&p, a->rq->op, a->rq->number);
	return door_page_end(&p, claim_list(a->store, on_claim, &p), w);
}

/* --- one hub ---------------------------------------------------------------------------- */

static int answer_hello(struct door_asking *a, struct writer *w)
{
	cb_put_array(w, 2);
	cb_put_text(w, a->asker->name, strlen(a->asker->name));
	cb_put_uint(w, a->asker->role);
	return 0;
}

int door_load_facts(struct door_asking *a, struct hub_facts *ret)
{
	struct hub h;
	int r = store_hub_by_name(a->store, a->rq->name, &h);

	return r < 0 ? r : hub_facts_load(a->store, &h, ret);
}

static int answer_facts(struct door_asking *a, struct writer *w)
{
	static struct hub_facts f;
	int r = door_load_facts(a, &f);

	if (r == 0)
		door_put_facts(w, &f, a->asker->role != DOOR_ROLE_TECHNICIAN);
	return r;
}

static int maybe(int r, bool *ret)
{
	*ret = r == 0;
	return r == -ENOENT ? 0 : r;
}

/* By its name as a hub, or as a claim. */
static int find_successor(struct store *s, struct door_known *k)
{
	uint8_t id[HUB_ID_LEN];
	struct claim c;
	struct hub h;
	bool found;
	int r = maybe(store_successor_get(s, k->hub.id, id), &found);

	if (r < 0 || !found)
		return r;
	r = maybe(store_hub_by_id(s, id, &h), &found);
	if (r == 0 && found)
		memcpy(k->successor, h.name, sizeof(k->successor));
	if (r < 0 || found)
		return r;
	r = maybe(claim_by_hub(s, id, &c), &found);
	if (r == 0 && found)
		memcpy(k->successor, c.name, sizeof(k->successor));
	return r;
}

static int answer_known(struct door_asking *a, struct writer *w)
{
	struct door_known k = { 0 };
	int r = maybe(store_hub_by_name(a->store, a->rq->name, &k.hub), &k.has_hub);

	if (r == 0)
		r = maybe(k.has_hub ? claim_by_hub(a->store, k.hub.id, &k.claim)
				    : claim_by_name(a->store, a->rq->name, &k.claim),
			  &k.has_claim);
	if (r == 0 && !k.has_hub && !k.has_claim)
		return -ENOENT;
	if (r == 0)
		r = maybe(claim_device_key(a->store, a->rq->name, k.key), &k.has_key);
	if (r == 0 && k.has_claim && k.claim.has_replaces) {
		r = maybe(store_hub_by_id(a->store, k.claim.replaces, &k.old),
			  &k.has_old);
	}
	if (r >= 0 && k.has_hub)
		r = find_successor(a->store, &k);
	if (r >= 0 && k.has_hub)
		r = maybe(store_call_get(a->store, k.hub.id, &k.call), &k.has_call);
	if (r >= 0)
		door_put_known(w, &k);
	return r < 0 ? r : 0;
}

/* --- claims ----------------------------------------------------------------------------- */

static void put_claim_result(struct writer *w, int result, const struct claim *other)
{
	cb_put_array(w, 2);
	cb_put_uint(w, (uint64_t)result);
	if (other->name[0])
		door_put_claim(w, other);
	else
		cb_put_null(w);
}

static int answer_claim(struct door_asking *a, struct writer *w)
{
	struct claim want = { .at_ms = a->now_ms }, other = { 0 };
	struct hub old;
	int r = 0;

	memcpy(want.spki, a->rq->key, sizeof(want.spki));
	memcpy(want.id, want.spki, sizeof(want.id));
	memcpy(want.name, a->rq->name, sizeof(want.name));
	memcpy(want.site, a->rq->site, sizeof(want.site));
	memcpy(want.by, a->who, sizeof(want.by));
	if (*a->rq->other) {
		r = store_hub_by_name(a->store, a->rq->other, &old);
		if (r < 0 && r != -ENOENT)
			return r;
		want.has_replaces = r == 0;
		r = r == 0 ? 0 : CLAIM_NO_HUB;
		memcpy(want.replaces, old.id, want.has_replaces ? HUB_ID_LEN : 0);
	}
	if (r == 0)
		r = claim_put(a->store, &want, &other);
	if (r < 0)
		return r;
	a->undo = r != CLAIM_DONE;
	put_claim_result(w, r, r == CLAIM_DONE ? &want : &other);
	return 0;
}

static int answer_cancel(struct door_asking *a, struct writer *w)
{
	const struct claim none = { 0 };
	int r = claim_cancel(a->store, a->rq->key, a->now_ms, a->who, a->rq->why);

	if (r < 0)
		return r;
	a->undo = r != CLAIM_DONE;
	put_claim_result(w, r, &none);
	return 0;
}

/* --- the table -------------------------------------------------------------------------- */

typedef int answer_fn(struct door_asking *a, struct writer *w);

static answer_fn *const answers[DOOR_OPS] = {
	[DOOR_HELLO] = answer_hello,
	[DOOR_HUBS] = answer_hubs,
	[DOOR_CLAIMS] = answer_claims,
	[DOOR_FACTS] = answer_facts,
	[DOOR_GIVEN_UP] = door_answer_given_up,
	[DOOR_KNOWN] = answer_known,
	[DOOR_CLAIM] = answer_claim,
	[DOOR_CLAIM_CANCEL] = answer_cancel,
	[DOOR_CONFIG] = door_answer_config,
	[DOOR_CONFIG_PUT] = door_answer_config_put,
	[DOOR_ASSIGNED] = door_answer_assigned,
	[DOOR_ASSIGN] = door_answer_assign,
	[DOOR_RECORDS] = door_answer_records,
	[DOOR_NUMBERS] = door_answer_numbers,
	[DOOR_MANIFESTS] = door_answer_manifests,
	[DOOR_ASIDE] = door_answer_aside,
	[DOOR_HELD] = door_answer_held,
	[DOOR_HELD_RECORDS] = door_answer_held_records,
	[DOOR_JOURNAL] = door_answer_journal,
	[DOOR_HELD_SETTLE] = door_answer_held_settle,
	[DOOR_SUSPEND] = door_answer_life,
	[DOOR_RESUME] = door_answer_life,
	[DOOR_LOSE] = door_answer_life,
	[DOOR_FIND] = door_answer_life,
	[DOOR_WITHDRAW] = door_answer_withdraw,
	[DOOR_GIVE_AGAIN] = door_answer_withdraw,
	[DOOR_ENROL_LIST] = door_answer_enrol_list,
	[DOOR_ENROL_APPROVE] = door_answer_enrol_approve,
	[DOOR_VISIT_FACTS] = door_answer_visit_facts,
	[DOOR_VISITS] = door_answer_visits,
	[DOOR_VISIT_NOTE] = door_answer_visit_note,
	[DOOR_AUDIT] = door_answer_audit,
	[DOOR_CHECKPOINTS] = door_answer_checkpoints,
	[DOOR_ORDER_FACTS] = door_answer_order_facts,
	[DOOR_ORDERS] = door_answer_orders,
	[DOOR_WAITING] = door_answer_waiting,
	[DOOR_ORDER] = door_answer_order,
	[DOOR_ORDER_SIGN] = door_answer_order,
	[DOOR_RETIRE_END] = door_answer_retire_end,
	[DOOR_SIGNERS] = door_answer_signers,
	[DOOR_REPLACE] = door_answer_replace,
	[DOOR_TICKETS] = door_answer_tickets,
	[DOOR_TICKET_REVOKE] = door_answer_ticket_revoke,
	[DOOR_TOKEN_ESCROW] = door_answer_token_escrow,
	[DOOR_TOKEN_NOTE] = door_answer_token_note,
};

static int write_line(const struct door_asking *a, enum door_code code)
{
	struct asked line = {
		.at_ms = a->now_ms,
		.role = a->asker->role,
		.op = a->rq->op,
		.code = code,
	};

	memcpy(line.who, a->asker->name, sizeof(line.who));
	memcpy(line.name, a->rq->name, sizeof(line.name));
	return store_asked_add(a->store, &line);
}

/* Only the line: nothing else was done, or it was taken back. */
static int record_alone(struct door_asking *a, enum door_code code)
{
	int r = a->asker->recorded ? store_begin(a->store) : 0;

	if (r == 0 && a->asker->recorded)
		r = write_line(a, code);
	if (r == 0 && a->asker->recorded)
		r = store_commit(a->store);
	store_rollback(a->store);
	return r;
}

/* The answer is in w. Returns 0 or why there is none. */
static int run(struct door_asking *a, struct writer *w)
{
	bool writes = door_changes(a->rq->op), recorded = a->asker->recorded;
	int r = writes || recorded ? store_begin(a->store) : store_begin_read(a->store);

	if (r == 0)
		r = answers[a->rq->op](a, w);
	if (r == 0 && writer_len(w) < 0)
		r = -ENOSPC;
	if (r < 0 || a->undo) {
		store_rollback(a->store);
		return r < 0 ? r : record_alone(a, a->refused ? DOOR_REFUSED : DOOR_OK);
	}
	if (recorded)
		r = write_line(a, DOOR_OK);
	a->committing = r == 0 && (writes || recorded);
	if (a->committing)
		r = store_commit(a->store);
	store_rollback(a->store);
	return r;
}

/* The journal's name is the one that is known, but for the owner, who may act for others. */
static void sign(struct door_asking *a)
{
	bool says = a->asker->role == DOOR_ROLE_OWNER && *a->rq->who;

	memcpy(a->who, says ? a->rq->who : a->asker->name, sizeof(a->who));
}

static int ask(struct door_asking *a, struct writer *w)
{
	int r, refused = -EACCES;

	if (door_may(a->asker->role, a->rq->op)) {
		refused = r = door_is_whole(a->rq) ? run(a, w) : -EBADMSG;
		if (r == 0 || a->committing)
			return r;
	}
	r = record_alone(a, door_code(refused));
	return r < 0 ? r : refused;
}

size_t door_answer(struct door_clinic *c, const struct door_asker *asker, int64_t now_ms,
		   const uint8_t *in, size_t len, uint8_t out[static DOOR_BYTES_MAX],
		   struct door_note *ret)
{
	struct door_request rq;
	struct door_asking a = { .store = c->store,
				 .dir = c->dir,
				 .asker = asker,
				 .rq = &rq,
				 .now_ms = now_ms };
	struct writer w;
	int r = door_request_decode(in, len, &rq);

	*ret = (struct door_note){ .op = rq.op };
	writer_init(&w, out, DOOR_BYTES_MAX);
	door_answer_begin(&w, DOOR_OK);
	if (r == 0) {
		sign(&a);
		r = ask(&a, &w);
		c->failed = c->failed || (a.committing && r == -EIO);
	} else if (r != -ENOTSUP) {
		r = -EBADMSG;
	}
	ret->err = r;
	ret->code = door_code(r);
	if (r < 0) {
		writer_init(&w, out, DOOR_BYTES_MAX);
		door_answer_begin(&w, ret->code);
	}
	return (size_t)writer_len(&w);
}
