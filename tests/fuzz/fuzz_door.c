/*
 * fuzz_door.c - the clinic's door, both ends: the first byte says whether the rest is a question, as clinicd reads it, or an
 * answer to which question, as clinicctl does. What is taken is within its limits; a question that is taken and written
 * again is taken as the same.
 */
#include <stdlib.h>
#include <string.h>

#include "clinic/door_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* It ends, and nothing in it moves a cursor on a terminal. */
static void check_text(const char *text, size_t room)
{
	check(memchr(text, '\0', room) != NULL);
	for (const char *p = text; *p; p++)
		check((unsigned char)*p >= ' ' && *p != 0x7f);
}

static void question(const uint8_t *data, size_t size)
{
	static uint8_t buf[DOOR_BYTES_MAX];
	static struct door_request rq, again;
	int n;

	if (door_request_decode(data, size, &rq))
		return;
	check(rq.op > DOOR_NONE && rq.op < DOOR_OPS && rq.cose_len <= DOOR_COSE_MAX);
	check_text(rq.name, sizeof(rq.name));
	check_text(rq.site, sizeof(rq.site));
	check_text(rq.other, sizeof(rq.other));
	check_text(rq.why, sizeof(rq.why));
	check_text(rq.patient, sizeof(rq.patient));
	check_text(rq.who, sizeof(rq.who));
	check_text(rq.words, sizeof(rq.words));
	n = door_request_encode(&rq, buf, sizeof(buf));
	check(n > 0 && door_request_decode(buf, (size_t)n, &again) == 0);
	check(rq.cose_len == again.cose_len);
	check(rq.cose_len == 0 || memcmp(rq.cose, again.cose, rq.cose_len) == 0);
	rq.cose = again.cose = NULL;
	check(memcmp(&rq, &again, sizeof(rq)) == 0); /* padding too: from zeroed memory */
}

static void check_hub(const struct hub *h)
{
	check_text(h->name, sizeof(h->name));
}

static void check_claim(const struct claim *k)
{
	check_text(k->name, sizeof(k->name));
	check_text(k->by, sizeof(k->by));
	check_text(k->site, sizeof(k->site));
}

static void read_facts(struct cb *c)
{
	static struct hub_facts f;

	door_get_facts(c, &f);
	check_hub(&f.hub);
	check_text(f.assigned.patient, sizeof(f.assigned.patient));
	if (cb_error(c) == 0 && f.has_config)
		check(f.config.device_count <= CONFIG_DEVICES_MAX);
}

static void read_known(struct cb *c)
{
	struct door_known k;

	door_get_known(c, &k);
	check_hub(&k.hub);
	check_hub(&k.old);
	check_claim(&k.claim);
}

static void read_sealed(struct cb *c, bool with_reason)
{
	enum quarantine_reason why = QUARANTINE_NONE;
	struct sealed rec;

	if (with_reason)
		door_get_aside(c, &rec, &why);
	else
		door_get_sealed(c, &rec);
	if (cb_error(c))
		return;
	check(why < QUARANTINE_REASONS);
	check(rec.record.body_len > 0 && rec.record.body_len <= SEALED_BODY_MAX);
	check(rec.record.seq <= INT64_MAX);
}

static void read_numbers(struct cb *c)
{
	uint64_t first, last;

	door_get_numbers(c, &first, &last);
	check(cb_error(c) || (first > 0 && first <= last));
}

static void read_journal(struct cb *c)
{
	struct journal_entry e;

	door_get_journal(c, &e);
	check_text(e.who, sizeof(e.who));
	check_text(e.why, sizeof(e.why));
}

static void read_life(struct cb *c)
{
	struct door_life l;

	door_get_life(c, &l);
	check_hub(&l.was);
	check_hub(&l.is);
	check(cb_error(c) || l.result <= LIFE_CHANGED);
}

static void read_visit(struct cb *c)
{
	static struct door_visit v;

	door_get_visit(c, &v);
	check_text(v.facts.code, sizeof(v.facts.code));
	check_text(v.facts.software, sizeof(v.facts.software));
	check(v.facts.device_count <= CONFIG_DEVICES_MAX);
}

static void read_entry(struct cb *c)
{
	struct visit_entry e;

	door_get_visit_entry(c, &e);
	check_text(e.who, sizeof(e.who));
	check_text(e.words, sizeof(e.words));
	check(cb_error(c) || (e.step >= VISIT_PLAN && e.step < VISIT_STEPS));
}

static void read_audit(struct cb *c)
{
	struct door_audit a;

	door_get_audit(c, &a);
	check_hub(&a.hub);
}

static void check_order(const struct cb *c, const struct order *o)
{
	check_text(o->why, sizeof(o->why));
	check(o->count <= COMMAND_SIGNATURES_MAX);
	for (size_t i = 0; i < COMMAND_SIGNATURES_MAX; i++) {
		check_text(o->names[i], sizeof(o->names[i]));
		check(o->lens[i] <= COMMAND_SIGNED_MAX);
	}
	check(cb_error(c) || o->command.verb <= COMMAND_VERB_LAST);
}

static void read_orders(struct cb *c, enum door_op op)
{
	static struct order_facts f;
	static struct order_taken t;
	struct signer_row signer;
	struct door_end end;

	if (op == DOOR_ORDER_FACTS) {
		door_get_order_facts(c, &f);
		check_order(c, &f.order);
		check_text(f.signer.name, sizeof(f.signer.name));
	} else if (op == DOOR_RETIRE_END) {
		door_get_end(c, &end);
		check_hub(&end.was);
	} else if (op == DOOR_SIGNERS) {
		for (size_t n = cb_get_array(c, SIGNERS_MAX); n > 0 && cb_error(c) == 0;
		     n--)
			door_get_signer(c, &signer);
	} else {
		door_get_taken(c, &t);
		check_order(c, &t.order);
	}
}

static void read_replaced(struct cb *c)
{
	struct door_replaced o;

	door_get_replaced(c, &o);
	check_hub(&o.old);
	check_text(o.name, sizeof(o.name));
	check_text(o.other, sizeof(o.other));
}

static void read_ticket(struct cb *c)
{
	struct store_ticket t;

	door_get_ticket(c, &t);
	check_text(t.id, sizeof(t.id));
	check_text(t.site, sizeof(t.site));
	check_text(t.why, sizeof(t.why));
	check(cb_error(c) || t.row.state < TICKET_STATES);
}

static void read_row(struct cb *c, enum door_op op)
{
	char hub[HUB_NAME_MAX + 1];
	struct order o;
	struct audit_checkpoint point;
	struct enrol_row row;
	struct held_group g;
	struct tombstone t;
	struct claim k;
	struct hub h;

	if (op == DOOR_HUBS) {
		door_get_hub(c, &h);
		check_hub(&h);
	} else if (op == DOOR_CLAIMS) {
		door_get_claim(c, &k);
		check_claim(&k);
	} else if (op == DOOR_GIVEN_UP) {
		door_get_tombstone(c, &t);
		check(t.cause < TOMBSTONE_CAUSES);
	} else if (op == DOOR_RECORDS || op == DOOR_MANIFESTS) {
		read_sealed(c, false);
	} else if (op == DOOR_ASIDE || op == DOOR_HELD_RECORDS) {
		read_sealed(c, true);
	} else if (op == DOOR_NUMBERS) {
		read_numbers(c);
	} else if (op == DOOR_HELD) {
		door_get_held(c, &g);
		check(g.why < QUARANTINE_REASONS);
	} else if (op == DOOR_JOURNAL) {
		read_journal(c);
	} else if (op == DOOR_VISITS) {
		read_entry(c);
	} else if (op == DOOR_CHECKPOINTS) {
		door_get_checkpoint(c, &point);
		check(point.size <= INT64_MAX);
	} else if (op == DOOR_ORDERS) {
		door_get_order(c, &o);
		check_order(c, &o);
	} else if (op == DOOR_TICKETS) {
		read_ticket(c);
	} else if (op == DOOR_WAITING) {
		door_get_waiting(c, hub, &o);
		check_text(hub, sizeof(hub));
		check_order(c, &o);
	} else {
		door_get_enrol(c, &row);
		check_text(row.name, sizeof(row.name));
	}
}

static bool is_list(enum door_op op)
{
	return op == DOOR_HUBS || op == DOOR_CLAIMS || op == DOOR_GIVEN_UP ||
	       (op >= DOOR_RECORDS && op <= DOOR_JOURNAL) || op == DOOR_ENROL_LIST ||
	       op == DOOR_VISITS || op == DOOR_CHECKPOINTS || op == DOOR_ORDERS ||
	       op == DOOR_WAITING || op == DOOR_TICKETS;
}

static void read_config(struct cb *c)
{
	static struct config config;
	struct hub h;

	(void)cb_get_array(c, 3);
	door_get_hub(c, &h);
	door_get_config(c, &config);
}

static void read_assigned(struct cb *c)
{
	struct assigned row;

	(void)cb_get_array(c, 2);
	read_facts(c);
	for (size_t n = cb_get_array(c, DOOR_PAGE); n > 0 && cb_error(c) == 0; n--) {
		door_get_assigned(c, &row);
		check_text(row.patient, sizeof(row.patient));
	}
}

static void answer(enum door_op op, const uint8_t *data, size_t size)
{
	struct escrow_sealed escrow;
	struct held_done done;
	struct cb c;

	if (door_answer_open(&c, data, size))
		return;
	if (is_list(op)) {
		for (size_t n = cb_get_array(&c, DOOR_PAGE); n > 0 && cb_error(&c) == 0;
		     n--)
			read_row(&c, op);
	} else if (op == DOOR_FACTS) {
		read_facts(&c);
	} else if (op == DOOR_KNOWN) {
		read_known(&c);
	} else if (op == DOOR_CONFIG) {
		read_config(&c);
	} else if (op == DOOR_ASSIGNED) {
		read_assigned(&c);
	} else if (op == DOOR_HELD_SETTLE) {
		door_get_held_done(&c, &done);
	} else if (op >= DOOR_SUSPEND && op <= DOOR_FIND) {
		read_life(&c);
	} else if (op == DOOR_VISIT_FACTS) {
		read_visit(&c);
	} else if (op == DOOR_AUDIT) {
		read_audit(&c);
	} else if (op == DOOR_TOKEN_ESCROW) {
		door_get_escrow(&c, &escrow);
	} else if (op >= DOOR_ORDER_FACTS && op <= DOOR_SIGNERS) {
		read_orders(&c, op);
	} else if (op == DOOR_REPLACE) {
		read_replaced(&c);
	}
	(void)cb_finish(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 0)
		question(data + 1, size - 1);
	else
		answer((enum door_op)data[0], data + 1, size - 1);
	return 0;
}
