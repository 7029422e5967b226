/*
 * test_door.c - the clinic's door: who may do what, questions and rows there and back, each limit.
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "clinic/door_rows.h"

static uint8_t buf[DOOR_BYTES_MAX];

/* --- roles ------------------------------------------------------------------------------ */

/* The whole table once more, in words. */
static void test_roles(void)
{
	static const char *const may[DOOR_ROLES] = {
		[DOOR_ROLE_CLINICIAN] =
			" hello hub-list claim-list status given-up hub-show claim "
			"claim-cancel config-read config-put assignments assign readings "
			"numbers manifests recovered held held-readings journal "
			"held-settle suspend resume lost found withdraw withdraw-undo "
			"enrol-list enrol-approve visit visit-list visit-note "
			"order-facts orders orders-waiting order order-sign retire-end "
			"signers replace tickets ticket-revoke token-escrow token-note ",
		[DOOR_ROLE_TECHNICIAN] = " hello hub-list claim-list status given-up "
					 "hub-show claim claim-cancel numbers manifests "
					 "lost enrol-list enrol-approve visit visit-list "
					 "visit-note order-facts orders orders-waiting "
					 "order order-sign retire-end signers tickets "
					 "ticket-revoke token-escrow token-note ",
		[DOOR_ROLE_SECURITY] =
			" hello hub-list claim-list status given-up hub-show claim "
			"claim-cancel config-read config-put assignments numbers "
			"manifests held journal held-settle suspend resume lost found "
			"withdraw enrol-list enrol-approve visit visit-list audit "
			"checkpoints order-facts orders orders-waiting order order-sign "
			"retire-end signers tickets ticket-revoke token-escrow "
			"token-note ",
		[DOOR_ROLE_AUDITOR] = " hello hub-list claim-list status given-up "
				      "hub-show assignments numbers manifests held "
				      "journal enrol-list visit visit-list audit "
				      "checkpoints orders orders-waiting signers "
				      "tickets ",
	};
	char word[32];

	for (int op = DOOR_NONE + 1; op < DOOR_OPS; op++) {
		snprintf(word, sizeof(word), " %s ", door_op_text((enum door_op)op));
		for (int role = DOOR_ROLE_CLINICIAN; role < DOOR_ROLE_OWNER; role++)
			CHECK_INT(door_may((enum door_role)role, (enum door_op)op),
				  strstr(may[role], word) != NULL);
		CHECK(door_may(DOOR_ROLE_OWNER, (enum door_op)op));
		CHECK(!door_may(DOOR_ROLE_NONE, (enum door_op)op));
		CHECK(!door_may(DOOR_ROLES, (enum door_op)op));
		/* who only looks changes nothing */
		CHECK(!door_changes((enum door_op)op) ||
		      !door_may(DOOR_ROLE_AUDITOR, (enum door_op)op));
	}
	CHECK(!door_may(DOOR_ROLE_OWNER, DOOR_NONE));
	CHECK(!door_may(DOOR_ROLE_OWNER, DOOR_OPS));
	for (int role = DOOR_ROLE_CLINICIAN; role < DOOR_ROLE_OWNER; role++)
		CHECK_INT(door_role_parse(door_role_text((enum door_role)role)), role);
	CHECK_INT(door_role_parse("owner"), DOOR_ROLE_NONE);
	CHECK_INT(door_role_parse(""), DOOR_ROLE_NONE);
}

static void test_codes(void)
{
	for (int c = DOOR_OK; c < DOOR_CODES; c++)
		CHECK_INT(door_code(door_error((enum door_code)c)), c);
	CHECK_INT(door_code(-ENOMEM), DOOR_FAILED);
	CHECK_INT(door_error(DOOR_CODES), -EPROTO);
}

/* --- questions -------------------------------------------------------------------------- */

static struct door_request full(void)
{
	static uint8_t cose[DOOR_COSE_MAX];
	struct door_request rq = { .op = DOOR_ASSIGN,
				   .has_key = true,
				   .number = INT64_MAX,
				   .epoch = UINT32_MAX,
				   .last = INT64_MAX,
				   .assignment = UINT32_MAX,
				   .choice = UINT8_MAX,
				   .reason = UINT8_MAX,
				   .cose = cose,
				   .cose_len = sizeof(cose) };

	memset(rq.name, 'n', HUB_NAME_MAX);
	memset(rq.key, 7, sizeof(rq.key));
	memset(rq.site, 's', CLAIM_SITE_MAX);
	memset(rq.other, 'o', HUB_NAME_MAX);
	memset(rq.why, 'w', JOURNAL_WHY_MAX);
	memset(rq.patient, 'p', PATIENT_TEXT_MAX);
	memset(rq.who, 'b', JOURNAL_WHO_MAX);
	memset(rq.words, 'v', VISIT_WORDS_MAX - 1);
	return rq;
}

static void test_question_there_and_back(void)
{
	struct door_request rq = full(), got;
	int n = door_request_encode(&rq, buf, sizeof(buf));

	CHECK(n > 0);
	CHECK_INT(door_request_decode(buf, (size_t)n, &got), 0);
	CHECK_INT(got.cose_len, rq.cose_len);
	CHECK_MEM(got.cose, rq.cose, rq.cose_len);
	got.cose = rq.cose;
	CHECK_MEM(&got, &rq, sizeof(rq));
	for (int cut = 0; cut < n; cut += cut < 1100 ? 1 : 997)
		CHECK(door_request_decode(buf, (size_t)cut, &got) < 0);
	CHECK_INT(door_request_encode(&rq, buf, (size_t)n - 1), -ENOSPC);
	rq = (struct door_request){ .op = DOOR_HELLO };
	n = door_request_encode(&rq, buf, sizeof(buf));
	CHECK_INT(n, 5);
	CHECK_INT(door_request_decode(buf, 5, &got), 0);
	CHECK_MEM(&got, &rq, sizeof(rq));
}

static void refuse(const char *what, const uint8_t *bytes, size_t len, int want)
{
	struct door_request rq;
	int r = door_request_decode(bytes, len, &rq);

	if (r != want)
		printf("%s\n", what);
	CHECK_INT(r, want);
}

#define REFUSE(want, ...)                                                                \
	do {                                                                             \
		static const uint8_t bytes[] = { __VA_ARGS__ };                          \
		refuse(#__VA_ARGS__, bytes, sizeof(bytes), want);                        \
	} while (0)

static void test_questions_that_are_none(void)
{
	REFUSE(-EBADMSG, 0x00);
	REFUSE(-ENOTSUP, 0xa2, 0x00, 0x02, 0x01, 0x01);		    /* version */
	REFUSE(-ENOTSUP, 0xa1, 0x00, 0x01);			    /* no operation */
	REFUSE(-ENOTSUP, 0xa2, 0x00, 0x01, 0x18, 0x7f);		    /* DOOR_OPS */
	REFUSE(-ENOTSUP, 0xa3, 0x00, 0x01, 0x01, 0x01, 0x17, 0x00); /* unknown key */
	REFUSE(-EBADMSG, 0xa2, 0x01, 0x01, 0x00, 0x01);		    /* order */
	REFUSE(-EBADMSG, 0xa3, 0x00, 0x01, 0x01, 0x01, 0x01, 0x01); /* twice */
	REFUSE(-EBADMSG, 0xa2, 0x00, 0x01, 0x01, 0x01, 0x00);	    /* something behind */
	REFUSE(-EMSGSIZE, 0xa3, 0x00, 0x01, 0x01, 0x06, 0x02, 0x60); /* empty */
	REFUSE(-ERANGE, 0xa3, 0x00, 0x01, 0x01, 0x06, 0x02, 0x61, 0x1b);
	REFUSE(-ERANGE, 0xa3, 0x00, 0x01, 0x01, 0x06, 0x02, 0x61, 0x7f);
	REFUSE(-EMSGSIZE, 0xa3, 0x00, 0x01, 0x01, 0x07, 0x03, 0x41, 0x00); /* key */
	/* numbers that are too large for their field: choice, assignment */
	REFUSE(-ERANGE, 0xa3, 0x00, 0x01, 0x01, 0x14, 0x0e, 0x19, 0x01, 0x00);
	REFUSE(-ERANGE, 0xa3, 0x00, 0x01, 0x01, 0x14, 0x0d, 0x1b, 0, 0, 0, 1, 0, 0, 0, 0);
}

/* Without what its operation cannot do without a question is not whole. */
static void test_questions_that_are_not_whole(void)
{
	struct door_request rq = full();

	for (int op = DOOR_NONE + 1; op < DOOR_OPS; op++) {
		rq = full();
		rq.op = (enum door_op)op;
		CHECK(door_is_whole(&rq));
		rq = (struct door_request){ .op = (enum door_op)op };
		/* who only looks need not say why; who decides must */
		if (!door_changes((enum door_op)op))
			CHECK(door_is_whole(&rq));
		else if (op != DOOR_CONFIG_PUT)
			CHECK(!door_is_whole(&rq));
	}
	rq = full();
	rq.op = DOOR_HELD_SETTLE;
	rq.choice = 0;
	CHECK(!door_is_whole(&rq));
	rq = full();
	rq.op = DOOR_CLAIM;
	rq.has_key = false;
	CHECK(!door_is_whole(&rq));
}

/* One byte more than a field takes. */
static void test_limits(void)
{
	struct {
		uint8_t key;
		size_t max;
	} texts[] = { { 2, HUB_NAME_MAX },	  { 4, CLAIM_SITE_MAX },
		      { 5, HUB_NAME_MAX },	  { 6, JOURNAL_WHY_MAX },
		      { 7, PATIENT_TEXT_MAX },	  { 10, JOURNAL_WHO_MAX },
		      { 16, VISIT_WORDS_MAX - 1 } };
	char text[VISIT_WORDS_MAX + 2];
	struct writer w;

	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		for (size_t over = 0; over <= 1; over++) {
			writer_init(&w, buf, sizeof(buf));
			cb_put_map(&w, 3);
			cb_put_uint(&w, 0);
			cb_put_uint(&w, 1);
			cb_put_uint(&w, 1);
			cb_put_uint(&w, DOOR_CLAIM);
			cb_put_uint(&w, texts[i].key);
			cb_put_text(&w, text, texts[i].max + over);
			refuse("limit", buf, (size_t)writer_len(&w),
			       over ? -EMSGSIZE : 0);
		}
}

/* --- answers ---------------------------------------------------------------------------- */

static struct hub a_hub(void)
{
	struct hub h = { .epoch = UINT32_MAX,
			 .state = HUB_LOST,
			 .added_ms = 1,
			 .seen_ms = INT64_MAX,
			 .queued = 2,
			 .highest = UINT64_MAX,
			 .acked = 3,
			 .rolled_back = true,
			 .config_wanted = 4,
			 .config_used = 5 };

	memset(h.id, 1, sizeof(h.id));
	memset(h.spki, 2, sizeof(h.spki));
	memset(h.sign_public, 3, sizeof(h.sign_public));
	memset(h.name, 'h', HUB_NAME_MAX);
	return h;
}

static struct claim a_claim(void)
{
	struct claim k = {
		.at_ms = 1, .has_replaces = true, .contacted_ms = 2, .state = HUB_ACTIVE
	};

	memset(k.spki, 4, sizeof(k.spki));
	memset(k.id, 4, sizeof(k.id));
	memset(k.name, 'c', HUB_NAME_MAX);
	memset(k.by, 'b', JOURNAL_WHO_MAX);
	memset(k.site, 's', CLAIM_SITE_MAX);
	memset(k.replaces, 5, sizeof(k.replaces));
	return k;
}

static void test_known_there_and_back(void)
{
	for (unsigned bits = 0; bits < 16; bits++) {
		struct door_known k = { .has_hub = bits & 1,
					.has_claim = bits & 2,
					.has_key = bits & 4,
					.has_old = bits & 8 },
				  got;
		struct writer w;
		struct cb c;

		if (k.has_hub)
			k.hub = a_hub();
		if (k.has_claim)
			k.claim = a_claim();
		if (k.has_key)
			memset(k.key, 9, sizeof(k.key));
		if (k.has_old)
			k.old = a_hub();
		writer_init(&w, buf, sizeof(buf));
		door_answer_begin(&w, DOOR_OK);
		door_put_known(&w, &k);
		CHECK_INT(door_answer_open(&c, buf, (size_t)writer_len(&w)), 0);
		door_get_known(&c, &got);
		CHECK_INT(cb_finish(&c), 0);
		CHECK_MEM(&got, &k, sizeof(k));
	}
}

static struct hub_facts some_facts(void)
{
	struct hub_facts f = { .has_status = true, .has_assigned = true };

	f.hub = a_hub();
	f.counts.contig = 1;
	f.counts.given_up[TOMBSTONE_CAUSES - 1] = 2;
	f.counts.discarded = 3;
	f.witness.size = 4;
	f.witness.distrusted = true;
	f.witness.distrusted_ms = 5;
	f.status.received_ms = 6;
	f.status.at_ms = 7;
	f.status.status.config_version = 8;
	f.assigned = (struct assigned){ .number = 9,
					.state = ASSIGNMENT_WITHDRAWN,
					.first_seq = 10,
					.since_ms = 11,
					.patient = "P-1" };
	return f;
}

static void test_facts_there_and_back(void)
{
	static struct hub_facts f, got;
	struct writer w;
	struct cb c;

	f = some_facts();
	for (int patient = 0; patient <= 1; patient++) {
		writer_init(&w, buf, sizeof(buf));
		door_put_facts(&w, &f, patient);
		cb_init(&c, buf, (size_t)writer_len(&w));
		door_get_facts(&c, &got);
		CHECK_INT(cb_finish(&c), 0);
		CHECK_INT(got.has_assigned, patient);
		CHECK_INT(got.hub.highest, f.hub.highest);
		CHECK_MEM(&got.counts, &f.counts, sizeof(f.counts));
		CHECK_MEM(&got.witness, &f.witness, sizeof(f.witness));
		CHECK_INT(got.status.at_ms, 7);
		CHECK_INT(got.status.status.config_version, 8);
		CHECK(strcmp(got.assigned.patient, patient ? "P-1" : "") == 0);
		CHECK_INT(got.assigned.first_seq, patient ? 10 : 0);
	}
}

/* A newer clinicd says more, and an answer without all that we know is none. */
static void test_rows_that_are_longer_or_shorter(void)
{
	const struct tombstone t = { .first = 1, .last = 2, .cause = TOMBSTONE_EVICTED };
	struct tombstone got;
	struct writer w;
	struct cb c;

	for (size_t items = 3; items <= 6; items++) {
		writer_init(&w, buf, sizeof(buf));
		cb_put_array(&w, items);
		cb_put_uint(&w, t.first);
		cb_put_uint(&w, t.last);
		cb_put_uint(&w, t.cause);
		for (size_t i = 3; i < items; i++)
			cb_put_uint(&w, 0);
		cb_init(&c, buf, (size_t)writer_len(&w));
		door_get_tombstone(&c, &got);
		CHECK_INT(cb_finish(&c), items < 4 ? -EMSGSIZE : 0);
		if (items >= 4)
			CHECK_INT(got.last, 2);
	}
}

static void test_records_there_and_back(void)
{
	static uint8_t body[SEALED_BODY_MAX + 1];
	struct sealed s = { .epoch = UINT32_MAX,
			    .record = { .assignment = UINT32_MAX,
					.seq = INT64_MAX,
					.class = CLASS_ALARM,
					.kind = UINT8_MAX,
					.body = body },
			    .received_ms = INT64_MAX },
		      got;
	static const size_t lens[] = { 0, 1, SEALED_BODY_MAX, SEALED_BODY_MAX + 1 };
	enum quarantine_reason why;
	struct writer w;
	struct cb c;

	memset(body, 0xee, sizeof(body));
	memset(s.hub, 6, sizeof(s.hub));
	for (size_t i = 0; i < 4; i++) {
		bool good = i == 1 || i == 2;

		s.record.body_len = lens[i];
		writer_init(&w, buf, sizeof(buf));
		door_put_aside(&w, &s, QUARANTINE_RECOVERED);
		cb_init(&c, buf, (size_t)writer_len(&w));
		door_get_aside(&c, &got, &why);
		CHECK_INT(cb_finish(&c), good ? 0 : -EMSGSIZE);
		if (!good)
			continue;
		CHECK_INT(why, QUARANTINE_RECOVERED);
		CHECK_UINT(got.record.body_len, s.record.body_len);
		CHECK_MEM(got.record.body, body, s.record.body_len);
		got.record.body = s.record.body;
		CHECK_UINT(got.record.seq, s.record.seq);
		CHECK_UINT(got.record.assignment, s.record.assignment);
		CHECK_INT(got.record.class, s.record.class);
		CHECK_INT(got.record.kind, s.record.kind);
		CHECK_INT(got.epoch, s.epoch);
		CHECK_INT(got.received_ms, s.received_ms);
		CHECK_MEM(got.hub, s.hub, sizeof(s.hub));
	}
}

static void test_rows_of_decisions(void)
{
	struct held_group g = { .epoch = 1,
				.why = QUARANTINE_NO_PATIENT,
				.assignment = 2,
				.count = UINT64_MAX,
				.first = 3,
				.last = 4,
				.since_ms = 5 },
			  got_g;
	struct held_done d = { .done = 6 }, got_d = { 0 };
	struct journal_entry e = { .number = 8,
				   .at_ms = 9,
				   .act = JOURNAL_WITHDRAW,
				   .count = 10,
				   .assignment = 11 },
			     got_e;
	struct door_life l = {
		.result = LIFE_CHANGED, .told = 12, .missing = 13, .held = 14
	};
	struct door_life got_l;
	struct writer w;
	struct cb c;

	d.left[QUARANTINE_REASONS - 1] = 7;
	l.was = l.is = a_hub();
	l.is.state = HUB_SUSPENDED;
	memset(e.who, 'w', JOURNAL_WHO_MAX);
	memset(e.why, 'y', JOURNAL_WHY_MAX);
	writer_init(&w, buf, sizeof(buf));
	door_put_held(&w, &g);
	door_put_held_done(&w, &d);
	door_put_journal(&w, &e);
	door_put_life(&w, &l);
	cb_init(&c, buf, (size_t)writer_len(&w));
	door_get_held(&c, &got_g);
	door_get_held_done(&c, &got_d);
	door_get_journal(&c, &got_e);
	door_get_life(&c, &got_l);
	CHECK_INT(cb_finish(&c), 0);
	CHECK_INT(got_g.why, g.why);
	CHECK_UINT(got_g.count, g.count);
	CHECK_UINT(got_g.first + got_g.last, 7);
	CHECK_INT(got_g.since_ms, g.since_ms);
	CHECK_MEM(&got_d, &d, sizeof(d));
	CHECK_INT(got_e.act, e.act);
	CHECK_UINT(got_e.count, e.count);
	CHECK_STR(got_e.who, e.who);
	CHECK_STR(got_e.why, e.why);
	CHECK_INT(got_l.is.state, HUB_SUSPENDED);
	CHECK_INT(got_l.result, LIFE_CHANGED);
	CHECK_UINT(got_l.held, 14);
}

static struct order an_order(void)
{
	struct order o = { .command = { .epoch = UINT32_MAX,
					.counter = INT64_MAX,
					.not_after_s = 4,
					.verb = COMMAND_LOCK,
					.level = COMMAND_LEVEL_SEALED },
			   .ordered_ms = 5,
			   .needs = 2,
			   .count = COMMAND_SIGNATURES_MAX,
			   .result = COMMAND_RETIRING,
			   .result_ms = 6 };

	memset(o.command.hub, 7, sizeof(o.command.hub));
	memset(o.why, 'w', ORDER_WHY_MAX);
	for (size_t i = 0; i < COMMAND_SIGNATURES_MAX; i++) {
		o.persons[i] = UINT32_MAX - (uint32_t)i;
		o.roles[i] = SIGNER_SECURITY;
		memset(o.names[i], 'n', SIGNER_NAME_MAX);
		o.lens[i] = COMMAND_SIGNED_MAX - i;
		memset(o.signed_bytes[i], 8 + (int)i, o.lens[i]);
	}
	return o;
}

static void test_orders_there_and_back(void)
{
	static struct order_facts f, got_f;
	static struct order_taken t, got_t;
	static struct order o, got;
	struct door_end e = { .told = 1, .missing = 2, .discard = true }, got_e;
	char hub[HUB_NAME_MAX + 1];
	struct writer w;
	struct cb c;

	o = an_order();
	t = (struct order_taken){ .refusal = ORDER_BRAKE, .a = 9, .b = 10, .order = o };
	f = (struct order_facts){ .epoch = 11,
				  .counter = 12,
				  .now_ms = 13,
				  .level = 2,
				  .challenged = true,
				  .lock_epoch = 14,
				  .has_signer = true,
				  .signer = { .signer = { .person = 15,
							  .role = SIGNER_TECHNICIAN,
							  .kind = SIGNER_FIDO2 },
					      .name = "tom",
					      .added_ms = 16 },
				  .has_order = true,
				  .order = o };
	memset(f.nonce, 17, sizeof(f.nonce));
	memset(f.signer.signer.public, 18, SIGNER_PUBLIC_LEN);
	e.was = a_hub();
	for (int whole = 1; whole >= 0; whole--) {
		writer_init(&w, buf, sizeof(buf));
		door_put_waiting(&w, "kitchen", &o);
		door_put_order_facts(&w, &f);
		door_put_taken(&w, &t);
		door_put_end(&w, &e);
		cb_init(&c, buf, (size_t)writer_len(&w));
		door_get_waiting(&c, hub, &got);
		door_get_order_facts(&c, &got_f);
		door_get_taken(&c, &got_t);
		door_get_end(&c, &got_e);
		CHECK_INT(cb_finish(&c), 0);
		CHECK_STR(hub, "kitchen");
		CHECK_MEM(&got, &o, sizeof(o));
		CHECK_MEM(&got_f, &f, sizeof(f));
		CHECK_MEM(&got_t, &t, sizeof(t));
		CHECK_MEM(&got_e, &e, sizeof(e));
		/* and what may be missing */
		memset(&f, 0, sizeof(f));
		memset(&t, 0, sizeof(t));
		o.count = 1;
		memset(&o.names[1], 0, sizeof(o.names[1]));
		memset(&o.signed_bytes[1], 0, sizeof(o.signed_bytes[1]));
		o.persons[1] = 0;
		o.roles[1] = SIGNER_NONE;
		o.lens[1] = 0;
	}
	/* an order without a signature is none */
	o.count = 0;
	writer_init(&w, buf, sizeof(buf));
	door_put_order(&w, &o);
	cb_init(&c, buf, (size_t)writer_len(&w));
	door_get_order(&c, &got);
	CHECK_INT(cb_finish(&c), -EMSGSIZE);
}

static void test_replaced_and_tickets_there_and_back(void)
{
	static struct door_replaced o, got;
	static struct store_ticket t, got_t;
	struct writer w;
	struct cb c;

	o = (struct door_replaced){ .result = DOOR_REPLACE_USED,
				    .drain = LIFE_CHANGED,
				    .claimed_now = true,
				    .handed_over = true,
				    .assignment = UINT32_MAX,
				    .version = 2,
				    .device = UINT16_MAX };
	o.old = a_hub();
	memset(o.id, 3, sizeof(o.id));
	memset(o.name, 'n', HUB_NAME_MAX);
	memset(o.other, 'o', HUB_NAME_MAX);
	t = (struct store_ticket){ .id = "ABCD",
				   .name = "hall",
				   .at_ms = 4,
				   .row = { .state = TICKET_STATE_USED, .expires_ms = 5 },
				   .ended_ms = 6,
				   .alarms = UINT64_MAX,
				   .alarm_ms = 7 };
	memset(t.site, 's', CLAIM_SITE_MAX);
	memset(t.by, 'b', JOURNAL_WHO_MAX);
	memset(t.ended_by, 'e', JOURNAL_WHO_MAX);
	memset(t.why, 'w', JOURNAL_WHY_MAX);
	memset(t.row.hub, 8, HUB_ID_LEN);
	memset(t.alarm_hub, 9, HUB_ID_LEN);
	writer_init(&w, buf, sizeof(buf));
	door_put_replaced(&w, &o);
	door_put_ticket(&w, &t);
	cb_init(&c, buf, (size_t)writer_len(&w));
	door_get_replaced(&c, &got);
	door_get_ticket(&c, &got_t);
	CHECK_INT(cb_finish(&c), 0);
	CHECK_MEM(&got, &o, sizeof(o));
	CHECK_MEM(&got_t, &t, sizeof(t));
}

static void test_visit_there_and_back(void)
{
	static struct door_visit v, got;
	struct visit_entry e = { .number = 3,
				 .at_ms = 4,
				 .step = VISIT_SIGN_OFF,
				 .outcome = VISIT_FAILED },
			   got_e;
	struct writer w;
	struct cb c;

	memset(v.id, 1, sizeof(v.id));
	memset(v.key, 2, sizeof(v.key));
	v.facts = (struct visit_facts){ .claimed = true,
					.has_key = true,
					.is_there = true,
					.state = HUB_ACTIVE,
					.seen_ms = 5,
					.has_config = true,
					.config_wanted = UINT64_MAX,
					.heartbeat_s = 6,
					.has_status = true,
					.config_used = 7,
					.clock = CLOCK_QUALITY_CLINIC,
					.radio = true,
					.blocked = STORE_FULL,
					.code = "1-2-3",
					.may_test = true,
					.test_until_ms = 8,
					.path = { 9, 10, 11 },
					.software = "1.2.3",
					.has_hash = true,
					.config_hash = { 12 },
					.device_count = CONFIG_DEVICES_MAX };
	for (uint16_t i = 0; i < CONFIG_DEVICES_MAX; i++)
		v.facts.devices[i] = (struct visit_device){ .num = i,
							    .kind = READING_GLUCOSE,
							    .alone = true,
							    .told = true,
							    .bond = BOND_GOOD,
							    .battery = 13,
							    .has_clock_error = true,
							    .clock_error_s = INT32_MIN,
							    .signal_dbm = -62,
							    .reading_ms = 14,
							    .received_ms = 15 };
	memset(e.who, 'w', JOURNAL_WHO_MAX);
	memset(e.words, 'x', VISIT_WORDS_MAX - 1);
	writer_init(&w, buf, sizeof(buf));
	door_put_visit(&w, &v);
	door_put_visit_entry(&w, &e);
	cb_init(&c, buf, (size_t)writer_len(&w));
	door_get_visit(&c, &got);
	door_get_visit_entry(&c, &got_e);
	CHECK_INT(cb_finish(&c), 0);
	CHECK_MEM(got.id, v.id, sizeof(v.id));
	CHECK_MEM(got.key, v.key, sizeof(v.key));
	CHECK_STR(got.facts.code, "1-2-3");
	CHECK_STR(got.facts.software, "1.2.3");
	CHECK_UINT(got.facts.config_wanted, UINT64_MAX);
	CHECK_UINT(got.facts.config_used, 7);
	CHECK_INT(got.facts.clock, CLOCK_QUALITY_CLINIC);
	CHECK_INT(got.facts.blocked, STORE_FULL);
	CHECK_INT(got.facts.path.again, 11);
	CHECK_INT(got.facts.config_hash[0], 12);
	CHECK(got.facts.may_test && got.facts.is_there && got.facts.claimed);
	CHECK_UINT(got.facts.device_count, CONFIG_DEVICES_MAX);
	CHECK_INT(got.facts.devices[3].num, 3);
	CHECK_INT(got.facts.devices[3].clock_error_s, INT32_MIN);
	CHECK_INT(got.facts.devices[3].signal_dbm, -62);
	CHECK_INT(got.facts.devices[3].received_ms, 15);
	CHECK_INT(got_e.step, VISIT_SIGN_OFF);
	CHECK_INT(got_e.outcome, VISIT_FAILED);
	CHECK_STR(got_e.words, e.words);
	CHECK_STR(got_e.who, e.who);
	e.step = VISIT_STEPS;
	writer_init(&w, buf, sizeof(buf));
	door_put_visit_entry(&w, &e);
	cb_init(&c, buf, (size_t)writer_len(&w));
	door_get_visit_entry(&c, &got_e);
	CHECK_INT(cb_finish(&c), -ERANGE);
}

static void test_enrol_there_and_back(void)
{
	struct enrol_row row = { .name = "hall", .has_hub = true }, got;
	struct writer w;
	struct cb c;

	memset(row.hub, 1, sizeof(row.hub));
	for (int there = 0; there < 4; there++) {
		row.e = (struct enrolment){
			.state = HUB_ISSUED,
			.epoch = 2,
			.active = { .there = there & 1, .epoch = 3, .ends_ms = 4 },
			.issued = { .there = there & 2, .renewal = true, .issued_ms = 5 },
			.tries = 6,
			.asked = true
		};
		writer_init(&w, buf, sizeof(buf));
		door_put_enrol(&w, &row);
		cb_init(&c, buf, (size_t)writer_len(&w));
		door_get_enrol(&c, &got);
		CHECK_INT(cb_finish(&c), 0);
		CHECK_STR(got.name, "hall");
		CHECK_INT(got.e.state, HUB_ISSUED);
		CHECK_INT(got.e.active.there, there & 1);
		CHECK_INT(got.e.active.ends_ms, there & 1 ? 4 : 0);
		CHECK_INT(got.e.issued.renewal, there >> 1);
		CHECK_INT(got.e.issued.issued_ms, there & 2 ? 5 : 0);
		CHECK_UINT(got.e.tries, 6);
		CHECK(got.e.asked && !got.e.approved);
	}
}

static void test_audit_there_and_back(void)
{
	struct audit_checkpoint k = {
		.enrolment = 1, .size = INT64_MAX, .boot = 2, .highest_seq = UINT64_MAX
	};
	struct audit_checkpoint got_k;
	struct door_audit a = { .state = { .size = 3, .distrusted = true } }, got;
	struct writer w;
	struct cb c;

	a.hub = a_hub();
	memset(k.root, 4, sizeof(k.root));
	memset(k.head, 5, sizeof(k.head));
	memset(k.hub, 6, sizeof(k.hub));
	memset(a.key0, 7, sizeof(a.key0));
	for (int key = 0; key <= 1; key++) {
		a.has_key = key;
		writer_init(&w, buf, sizeof(buf));
		door_put_audit(&w, &a);
		door_put_checkpoint(&w, &k);
		cb_init(&c, buf, (size_t)writer_len(&w));
		door_get_audit(&c, &got);
		door_get_checkpoint(&c, &got_k);
		CHECK_INT(cb_finish(&c), 0);
		CHECK_INT(got.has_key, key);
		CHECK_INT(got.key0[0], key ? 7 : 0);
		CHECK_UINT(got.state.size, 3);
		CHECK_UINT(got_k.size, INT64_MAX);
		CHECK_UINT(got_k.highest_seq, UINT64_MAX);
		CHECK_MEM(got_k.head, k.head, sizeof(k.head));
		CHECK_MEM(got_k.root, k.root, sizeof(k.root));
		CHECK_INT(got_k.boot, 2);
	}
}

static void test_numbers_that_are_none(void)
{
	static const uint64_t cases[][3] = { { 1, 1, 0 },
					     { 1, INT64_MAX, 0 },
					     { 0, 1, 1 },
					     { 2, 1, 1 },
					     { 1, (uint64_t)INT64_MAX + 1, 1 } };
	uint64_t first, last;
	struct writer w;
	struct cb c;

	for (size_t i = 0; i < 5; i++) {
		writer_init(&w, buf, sizeof(buf));
		door_put_numbers(&w, cases[i][0], cases[i][1]);
		cb_init(&c, buf, (size_t)writer_len(&w));
		door_get_numbers(&c, &first, &last);
		CHECK_INT(cb_finish(&c), cases[i][2] ? -ERANGE : 0);
		if (!cases[i][2])
			CHECK_UINT(last, cases[i][1]);
	}
}

static void test_text_for_a_terminal(void)
{
	struct hub h = a_hub(), got;
	struct writer w;
	struct cb c;

	h.name[3] = '\x1b';
	writer_init(&w, buf, sizeof(buf));
	door_put_hub(&w, &h);
	cb_init(&c, buf, (size_t)writer_len(&w));
	door_get_hub(&c, &got);
	CHECK_INT(cb_finish(&c), -ERANGE);
}

static void test_answers_that_are_none(void)
{
	static const struct {
		uint8_t bytes[4];
		size_t len;
		int want;
	} cases[] = {
		{ { 0x82, 0x01, 0x02 }, 3, -EACCES },
		{ { 0x82, 0x01, 0x04 }, 3, -EAGAIN },
		{ { 0x82, 0x01, 0x18, 0x63 }, 4, -EPROTO },
		{ { 0x82, 0x02, 0x02 }, 3, -ENOTSUP },
		{ { 0x82, 0x01, 0x00 }, 3, -EBADMSG },
		{ { 0x83, 0x01, 0x02, 0x00 }, 4, -EBADMSG },
		{ { 0x83, 0x01, 0x00, 0x00 }, 4, 0 },
		{ { 0x82, 0x01 }, 2, -EBADMSG },
		{ { 0xa0 }, 1, -EBADMSG },
	};
	struct cb c;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK_INT(door_answer_open(&c, cases[i].bytes, cases[i].len),
			  cases[i].want);
}

TEST_MAIN("door", test_roles, test_codes, test_question_there_and_back,
	  test_questions_that_are_none, test_questions_that_are_not_whole, test_limits,
	  test_replaced_and_tickets_there_and_back, test_orders_there_and_back,
	  test_visit_there_and_back, test_enrol_there_and_back, test_audit_there_and_back,
	  test_records_there_and_back, test_rows_of_decisions, test_numbers_that_are_none,
	  test_known_there_and_back, test_facts_there_and_back,
	  test_rows_that_are_longer_or_shorter, test_text_for_a_terminal,
	  test_answers_that_are_none)
