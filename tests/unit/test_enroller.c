/*
 * test_enroller.c - requests for certificates and confirmations on a real store, on either backend (clinic_place.h): what
 * each gets, that it gets the same again, and what a process that is killed in between leaves.
 */
#include "clinic/store_assign.h"
#include "clinic/store_config.h"
#include "clinic/store_held.h"
#include "clinic/witness.h"
#include "coap/identity.h"
#include "tests/unit/enroller_play.h"

static void set_state(enum hub_state state)
{
	struct hub h;

	CHECK_INT(store_begin(store), 0);
	CHECK_INT(store_hub_lock(store, "home", &h), 0);
	CHECK_INT(store_hub_state(store, h.id, state), 0);
	CHECK_INT(store_commit(store), 0);
}

/* --- what a hub gets ------------------------------------------------------------------- */

static void test_certificate(void)
{
	struct coap_server_response first;
	struct key k, other;
	uint8_t pin[PIN_LEN];
	struct hub h;

	begin(false);
	k = new_key();
	other = new_key();
	CHECK(enroller_admit(&enroller, device.spki, now.ms));
	CHECK(!enroller_admit(&enroller, k.spki, now.ms));
	CHECK_INT(post("est/sen", &device, &k), COAP_CODE_CHANGED);
	CHECK_INT(note.outcome, ENROLLER_ISSUED);
	CHECK_UINT(note.epoch, 1);
	CHECK_INT(answer.kind, COAP_SERVER_CERTIFICATE);
	CHECK_INT(identity_pin(answer.body, answer.len, pin), 0);
	CHECK_MEM(pin, k.spki, PIN_LEN);
	first = answer;
	/* another request for the same key, and after a restart: the same certificate */
	reopen();
	CHECK_INT(post(".well-known/est/sen", &device, &k), COAP_CODE_CHANGED);
	CHECK_INT(note.outcome, ENROLLER_REPEATED);
	CHECK_UINT(answer.len, first.len);
	CHECK_MEM(answer.body, first.body, first.len);
	/* it can do nothing but confirm */
	CHECK(!enroller_admit(&enroller, k.spki, now.ms));
	CHECK(enroller_admit_issued(&enroller, k.spki, now.ms));
	CHECK(!enroller_admit_issued(&enroller, device.spki, now.ms));
	CHECK_INT(store_hub_by_spki(store, k.spki, &h), -ENOENT);
	CHECK_INT(post("est/sen", &k, &other), COAP_CODE_FORBIDDEN);
	CHECK(says("not-confirmed"));
	end();
}

static void test_confirm(void)
{
	struct enrol_said wrong;
	uint8_t key0[KEY_LEN];
	struct claim c;
	struct key k;
	struct hub h;

	begin(false);
	k = new_key();
	CHECK_INT(post("est/sen", &device, &k), COAP_CODE_CHANGED);
	CHECK_INT(confirm(&device, &said), COAP_CODE_FORBIDDEN);
	CHECK_INT(confirm(&k, &said), COAP_CODE_CHANGED);
	CHECK_INT(note.outcome, ENROLLER_CONFIRMED);
	/* {1: [now, 2]} */
	CHECK_UINT(answer.len, 13);
	CHECK_MEM(answer.body, ((const uint8_t[]){ 0xa1, 0x01, 0x82, 0x1b }), 4);
	CHECK_INT(store_hub_by_spki(store, k.spki, &h), 0);
	CHECK_STR(h.name, "home");
	CHECK_INT(h.state, HUB_ACTIVE);
	CHECK_UINT(h.epoch, 1);
	CHECK_MEM(h.id, device.spki, HUB_ID_LEN);
	CHECK_MEM(h.sign_public, said.sign_public, P256_PUBLIC_LEN);
	CHECK_INT(witness_key_get(store, h.id, 1, key0), 0);
	CHECK_MEM(key0, said.audit_key, KEY_LEN);
	CHECK_INT(claim_by_hub(store, h.id, &c), 0);
	CHECK_INT(c.contacted_ms, now.ms);
	CHECK(!enroller_admit_issued(&enroller, k.spki, now.ms));
	/* the answer was lost */
	CHECK_INT(confirm(&k, &said), COAP_CODE_CHANGED);
	CHECK_INT(note.outcome, ENROLLER_CONFIRMED_AGAIN);
	/* not what it said before */
	wrong = said;
	wrong.sign_public[9] ^= 1;
	CHECK_INT(confirm(&k, &wrong), COAP_CODE_BAD_REQUEST);
	CHECK(says("other-keys"));
	wrong = said;
	wrong.audit_key[9] ^= 1;
	CHECK_INT(confirm(&k, &wrong), COAP_CODE_BAD_REQUEST);
	wrong = said;
	wrong.epoch = 2;
	CHECK_INT(confirm(&k, &wrong), COAP_CODE_CONFLICT);
	CHECK_UINT(told_epoch(), 1);
	end();
}

static void test_renewal(void)
{
	struct enrol_said wrong;
	struct enrol_row row;
	struct key old, k;
	struct hub h;

	begin(false);
	old = enrolled();
	k = new_key();
	CHECK_INT(post("est/sren", &device, &k), COAP_CODE_FORBIDDEN);
	CHECK_INT(post("est/sen", &old, &k), COAP_CODE_FORBIDDEN);
	CHECK_INT(post("est/sren", &old, &old), COAP_CODE_BAD_REQUEST);
	CHECK(says("old-key"));
	now.ms += 200 * day_ms; /* its certificate has ended */
	CHECK(enroller_admit(&enroller, old.spki, now.ms));
	CHECK_INT(post("est/sren", &old, &k), COAP_CODE_CHANGED);
	CHECK(note.renewal && note.epoch == 1);
	CHECK_INT(store_hub_by_spki(store, old.spki, &h), 0);
	wrong = said;
	wrong.sign_public[9] ^=
		1; /* the batches that it queued could not be read any more */
	CHECK_INT(confirm(&k, &wrong), COAP_CODE_BAD_REQUEST);
	CHECK_INT(store_hub_by_spki(store, old.spki, &h), 0);
	CHECK_INT(confirm(&k, &said), COAP_CODE_CHANGED);
	CHECK_INT(store_hub_by_spki(store, old.spki, &h), -ENOENT);
	CHECK_INT(store_hub_by_spki(store, k.spki, &h), 0);
	CHECK_UINT(h.epoch, 1);
	CHECK(!enroller_admit(&enroller, old.spki, now.ms));
	CHECK_INT(confirm(&old, &said), COAP_CODE_FORBIDDEN);
	CHECK_INT(post("est/sren", &old, &k), COAP_CODE_FORBIDDEN);
	/* a key is nobody's twice */
	CHECK_INT(post("est/sren", &k, &old), COAP_CODE_BAD_REQUEST);
	/* the end that counts is that of the certificate in use, however many there were */
	for (int i = 0; i < 4; i++) {
		old = k;
		k = new_key();
		now.ms += day_ms;
		CHECK_INT(post("est/sren", &old, &k), COAP_CODE_CHANGED);
		CHECK_INT(confirm(&k, &said), COAP_CODE_CHANGED);
		CHECK_INT(enrol_store_find(store, k.spki, &row), 0);
		CHECK_MEM(row.e.active.spki, k.spki, PIN_LEN);
		CHECK_INT(row.e.active.ends_ms, now.ms + ENROLMENT_DAYS * day_ms);
		CHECK(enrolment_invariants(&row.e));
	}
	now.ms -= 204 * day_ms;
	end();
}

/* After a factory reset: a new epoch, with new keys for batches and log. */
static void test_again(void)
{
	struct enrol_said next = { .epoch = 1,
				   .sign_public = { 4, 8 },
				   .audit_key = { 1 } };
	struct key old, k;
	uint8_t key0[KEY_LEN];
	uint32_t number;
	struct hub h;

	begin(false);
	old = enrolled();
	CHECK_INT(store_hub_by_spki(store, old.spki, &h), 0);
	CHECK_INT(h.again_ms, 0);
	k = new_key();
	CHECK_INT(post("est/sen", &device, &k), COAP_CODE_CHANGED);
	CHECK_UINT(note.epoch, 2);
	CHECK_INT(confirm(&k, &next), COAP_CODE_CONFLICT);
	CHECK_UINT(told_epoch(), 2);
	CHECK_INT(store_hub_by_spki(store, old.spki, &h), 0);
	next.epoch = 2;
	CHECK_INT(confirm(&k, &next), COAP_CODE_CHANGED);
	CHECK_INT(store_hub_by_spki(store, old.spki, &h), -ENOENT);
	CHECK_INT(store_hub_by_spki(store, k.spki, &h), 0);
	CHECK_UINT(h.epoch, 2);
	CHECK_MEM(h.sign_public, next.sign_public, P256_PUBLIC_LEN);
	/* which is seen until it has a patient again */
	CHECK_INT(h.again_ms, now.ms);
	CHECK_INT(store_begin(store), 0);
	CHECK_INT(store_assigned_add(store, h.id, 2, "P-1", now.ms, &number), 0);
	CHECK_INT(store_commit(store), 0);
	CHECK_INT(store_hub_by_spki(store, k.spki, &h), 0);
	CHECK_INT(h.again_ms, 0);
	CHECK_UINT(number, 1);
	CHECK_INT(witness_key_get(store, h.id, 1, key0), 0);
	CHECK_MEM(key0, said.audit_key, KEY_LEN);
	CHECK_INT(witness_key_get(store, h.id, 2, key0), 0);
	CHECK_MEM(key0, next.audit_key, KEY_LEN);
	end();
}

/* A confirmation tells of the config that the hub shall have, not of one that is only kept here. */
static void test_told_config(void)
{
	static struct config c = { .epoch = 1, .version = 7, .heartbeat_s = 300 };
	static const uint8_t signed_bytes[] = { 1, 2, 3 };
	struct key k;

	begin(false);
	k = enrolled();
	memcpy(c.hub, device.spki, HUB_ID_LEN);
	c.endpoint_count = 1;
	snprintf(c.endpoints[0].name, sizeof(c.endpoints[0].name), "clinic.example");
	c.endpoints[0].port = 5684;
	c.endpoints[0].profile = DTLS_PROFILE_13_CID;
	c.endpoints[0].pin_count = 1;
	CHECK_INT(store_config_put(store, &c), 0);
	CHECK_INT(confirm(&k, &said), COAP_CODE_CHANGED);
	CHECK_UINT(answer.len, 13); /* as without */
	CHECK_INT(
		store_config_offer(store, &c, signed_bytes, sizeof(signed_bytes), now.ms),
		0);
	CHECK_INT(confirm(&k, &said), COAP_CODE_CHANGED);
	CHECK_UINT(answer.len, 15);
	CHECK_MEM(answer.body + 13, ((const uint8_t[]){ 0x02, 0x07 }), 2);
	/* a hub that is suspended is told of none */
	set_state(HUB_SUSPENDED);
	CHECK_INT(confirm(&k, &said), COAP_CODE_CHANGED);
	CHECK_UINT(answer.len, 13);
	end();
}

/* A hub that was added with its keys renews as well. */
static void test_added(void)
{
	struct hub h = {
		.name = "added", .epoch = 1, .state = HUB_ACTIVE, .added_ms = now.ms
	};
	struct enrol_row row;
	struct key k;

	begin(false);
	device = new_key();
	memcpy(h.id, device.spki, HUB_ID_LEN);
	memcpy(h.spki, device.spki, PIN_LEN);
	memcpy(h.sign_public, said.sign_public, P256_PUBLIC_LEN);
	CHECK_INT(store_begin(store), 0);
	CHECK_INT(store_hub_put(store, &h), 0);
	CHECK_INT(witness_key_put(store, h.id, 1, said.audit_key), 0);
	CHECK_INT(store_commit(store), 0);
	k = new_key();
	CHECK_INT(post("est/sen", &device, &k), COAP_CODE_FORBIDDEN);
	CHECK_INT(enrol_store_find(store, device.spki, &row), 0);
	CHECK_INT(enrolment_role(&row.e, device.spki, now.ms), ENROLMENT_ROLE_ACTIVE);
	CHECK_INT(post("est/sren", &device, &k), COAP_CODE_CHANGED);
	CHECK_INT(confirm(&k, &said), COAP_CODE_CHANGED);
	CHECK_INT(store_hub_by_spki(store, k.spki, &h), 0);
	CHECK_STR(h.name, "added");
	end();
}

/* --- what it does not get -------------------------------------------------------------- */

static void test_bad_requests(void)
{
	struct coap_server_request rq = { .spki = device.spki,
					  .path = "est/sen",
					  .query = "" };
	uint8_t der[CSR_LEN_MAX];
	char name[2 * HUB_ID_LEN + 1];
	struct key k, stranger;
	size_t n;

	begin(false);
	k = new_key();
	stranger = new_key();
	hub_name(name);
	n = make_request(&k, name, der);
	CHECK_INT(post_bytes("est/sen", &stranger, der, n), COAP_CODE_FORBIDDEN);
	CHECK(says("unknown-key"));
	CHECK(!enroller_admit(&enroller, stranger.spki, now.ms));
	der[n - 1] ^= 1;
	CHECK_INT(post_bytes("est/sen", &device, der, n), COAP_CODE_BAD_REQUEST);
	CHECK(says("csr-signature"));
	CHECK_INT(post_bytes("est/sen", &device, der, n - 1), COAP_CODE_BAD_REQUEST);
	CHECK(says("csr-form"));
	CHECK_INT(post_bytes("est/sen", &device, der, 0), COAP_CODE_BAD_REQUEST);
	name[0] = name[0] == 'a' ? 'b' : 'a';
	n = make_request(&k, name, der);
	CHECK_INT(post_bytes("est/sen", &device, der, n), COAP_CODE_BAD_REQUEST);
	CHECK(says("csr-other-hub"));
	n = make_request(&k, "home", der);
	CHECK_INT(post_bytes("est/sen", &device, der, n), COAP_CODE_BAD_REQUEST);
	CHECK_INT(post_bytes("est/x", &device, der, n), COAP_CODE_NOT_FOUND);
	CHECK_INT(post_bytes("est/crts", &device, der, n), COAP_CODE_NOT_ALLOWED);
	rq.spki = device.spki;
	rq.format = 0;
	rq.accept = -1;
	enroller_handle(&enroller, &rq, now, &answer, &note);
	CHECK_INT(answer.code, COAP_CODE_UNSUPPORTED_FORMAT);
	rq.format = ENROL_FORMAT_PKCS10;
	rq.accept = ENROL_FORMAT_PKCS7;
	enroller_handle(&enroller, &rq, now, &answer, &note);
	CHECK_INT(answer.code, COAP_CODE_NOT_ACCEPTABLE);
	/* nothing of all that has changed anything */
	CHECK_INT(post("est/sen", &device, &k), COAP_CODE_CHANGED);
	CHECK_INT(note.outcome, ENROLLER_ISSUED);
	end();
}

static int get(const struct key *by, const char *path, int accept,
	       struct coap_server_content *ret)
{
	const struct coap_server_get rq = { .spki = by->spki,
					    .path = path,
					    .accept = accept };

	enroller_get(&enroller, &rq, ret, &note);
	return ret->code;
}

/* The root alone, or all CAs, to a hub that may ask at all. */
static void test_cas(void)
{
	char two[2 * PKI_PEM_MAX], five[8 * PKI_PEM_MAX] = "";
	struct coap_server_content c, again;
	struct certs_only cas;
	struct pki_cert der;
	struct key k;

	begin(false);
	k = new_key();
	CHECK_INT(get(&device, "est/crts", -1, &c), COAP_CODE_CONTENT);
	CHECK_INT(note.outcome, ENROLLER_ROOT);
	CHECK_INT(c.format, COAP_FORMAT_PKIX_CERT);
	CHECK_INT(pki_der(root.cert, &der), 0);
	CHECK_UINT(c.len, der.len);
	CHECK_MEM(c.body, der.der, der.len);
	CHECK_INT(get(&device, ".well-known/est/crts", ENROL_FORMAT_CERT, &again),
		  COAP_CODE_CONTENT);
	CHECK_MEM(again.etag, c.etag, sizeof(c.etag));
	CHECK_INT(get(&device, "est/crts", ENROL_FORMAT_PKCS7, &c), COAP_CODE_CONTENT);
	CHECK_INT(c.format, COAP_FORMAT_CERTS_ONLY);
	CHECK(memcmp(again.etag, c.etag, sizeof(c.etag)) != 0);
	CHECK_INT(certs_only_decode(c.body, c.len, &cas), 0);
	CHECK_UINT(cas.count, 2);
	CHECK_UINT(cas.certs[0].len, der.len);
	CHECK_MEM(cas.certs[0].der, der.der, der.len);
	CHECK_INT(pki_der(ca.cert, &der), 0);
	CHECK_UINT(cas.certs[1].len, der.len);
	CHECK_MEM(cas.certs[1].der, der.der, der.len);
	CHECK_INT(get(&device, "est/crts", 60, &c), COAP_CODE_NOT_ACCEPTABLE);
	CHECK_INT(get(&device, "est/sen", -1, &c), COAP_CODE_NOT_ALLOWED);
	CHECK_INT(get(&device, "u", -1, &c), COAP_CODE_NOT_FOUND);
	CHECK_INT(get(&k, "est/crts", -1, &c), COAP_CODE_FORBIDDEN);
	enroller_done(&enroller);
	for (int i = 0; i <= CERTS_ONLY_MAX; i++)
		strcat(five, root.cert);
	snprintf(two, sizeof(two), "%s", root.cert);
	memset(strstr(two, "\n") + 1, '-', 8);
	CHECK_INT(enroller_init(&enroller, store, &ca, five, false, 0), -ERANGE);
	CHECK_INT(enroller_init(&enroller, store, &ca, two, false, 0), -EBADMSG);
	CHECK_INT(enroller_init(&enroller, store, &ca, "", false, 0), -EBADMSG);
	begin_enroller(false);
	end();
}

static void test_states(void)
{
	static const struct {
		enum hub_state state;
		const char *word;
	} rows[] = { { HUB_RETIRED, "retired" }, { HUB_LOST, "lost" } };
	struct key k, next;
	struct enrol_row row;

	begin(false);
	k = enrolled();
	next = new_key();
	CHECK_INT(post("est/sren", &k, &next), COAP_CODE_CHANGED);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		set_state(rows[i].state);
		CHECK_INT(post("est/sen", &device, &next), COAP_CODE_FORBIDDEN);
		CHECK(says(rows[i].word));
		CHECK_INT(post("est/sren", &k, &next), COAP_CODE_FORBIDDEN);
		CHECK(says(rows[i].word));
		CHECK_INT(confirm(&k, &said), COAP_CODE_FORBIDDEN);
		CHECK(!enroller_admit(&enroller, device.spki, now.ms));
		CHECK(!enroller_admit(&enroller, k.spki, now.ms));
		CHECK(!enroller_admit_issued(&enroller, next.spki, now.ms));
		CHECK_INT(enrol_store_find(store, k.spki, &row), 0);
		CHECK(enrolment_invariants(&row.e));
	}
	set_state(HUB_SUSPENDED);
	CHECK_INT(post("est/sen", &device, &next), COAP_CODE_FORBIDDEN);
	CHECK(says("suspended"));
	CHECK_INT(post("est/sren", &k, &next), COAP_CODE_CHANGED);
	end();
}

static void test_cancelled(void)
{
	struct key k;

	begin(false);
	k = new_key();
	CHECK_INT(post("est/sen", &device, &k), COAP_CODE_CHANGED);
	CHECK_INT(store_begin(store), 0);
	CHECK_INT(claim_cancel(store, device.spki, now.ms, "test", "test"), CLAIM_DONE);
	CHECK_INT(store_commit(store), 0);
	CHECK(!enroller_admit(&enroller, device.spki, now.ms));
	CHECK_INT(confirm(&k, &said), COAP_CODE_FORBIDDEN);
	CHECK_INT(post("est/sen", &device, &k), COAP_CODE_FORBIDDEN);
	/* claimed anew: what it had before is nothing */
	now.ms += HOUR_MS;
	claim(&device, "home2");
	CHECK_INT(confirm(&k, &said), COAP_CODE_FORBIDDEN);
	CHECK_INT(post("est/sen", &device, &k), COAP_CODE_CHANGED);
	CHECK_INT(note.outcome, ENROLLER_ISSUED);
	CHECK_INT(confirm(&k, &said), COAP_CODE_CHANGED);
	end();
}

static void test_limits(void)
{
	struct key k, first;

	begin(false);
	first = new_key();
	CHECK_INT(post("est/sen", &device, &first), COAP_CODE_CHANGED);
	for (int i = 0; i < ENROLMENT_TRIES_MAX; i++) {
		k = new_key();
		CHECK_INT(post("est/sen", &device, &k), COAP_CODE_CHANGED);
	}
	CHECK_INT(confirm(&first, &said), COAP_CODE_FORBIDDEN);
	CHECK_INT(post("est/sen", &device, &first), COAP_CODE_BAD_REQUEST);
	first = new_key();
	CHECK_INT(post("est/sen", &device, &first), COAP_CODE_UNAVAILABLE);
	CHECK(says("too-many-keys"));
	CHECK_UINT(answer.max_age_s, ENROLMENT_TRIES_WAIT_S);
	CHECK_INT(note.outcome, ENROLLER_WAITS);
	now.ms += day_ms - 1;
	CHECK(enroller_admit_issued(&enroller, k.spki, now.ms));
	now.ms += 1;
	CHECK(!enroller_admit_issued(&enroller, k.spki, now.ms));
	CHECK_INT(confirm(&k, &said), COAP_CODE_FORBIDDEN);
	CHECK(says("ran-out"));
	CHECK_INT(post("est/sen", &device, &k), COAP_CODE_CHANGED);
	CHECK_INT(note.outcome, ENROLLER_ISSUED);
	now.ms -= day_ms;
	end();
}

static void test_approval(void)
{
	struct enrolment_request rq = { .event = ENROLMENT_APPROVE };
	struct enrol_row row;
	struct key k;

	begin(true);
	k = new_key();
	CHECK_INT(post("est/sen", &device, &k), COAP_CODE_UNAVAILABLE);
	CHECK(says("waits-for-approval"));
	CHECK_UINT(answer.max_age_s, ENROLMENT_ASK_S);
	reopen();
	CHECK_INT(enrol_store_find(store, device.spki, &row), 0);
	CHECK(row.e.asked);
	CHECK_INT(store_begin(store), 0);
	CHECK_INT(enrol_store_take(store, row.hub, now.ms, &row), 0);
	enrolment_on(&row.e, &rq);
	CHECK_INT(enrol_store_put(store, &row, now.ms), 0);
	CHECK_INT(store_commit(store), 0);
	CHECK_INT(post("est/sen", &device, &k), COAP_CODE_CHANGED);
	CHECK_INT(confirm(&k, &said), COAP_CODE_CHANGED);
	CHECK_INT(post("est/sen", &device, &device), COAP_CODE_UNAVAILABLE);
	end();
}

/* The name of a claim may be a hub's by the time that it enrols. */
static void test_name_taken(void)
{
	struct hub h = { .id = { 1 },
			 .name = "home",
			 .epoch = 1,
			 .state = HUB_ACTIVE,
			 .spki = { 1 } };
	char name[2 * HUB_ID_LEN + 1];
	struct key k;

	begin(false);
	CHECK_INT(store_begin(store), 0);
	CHECK_INT(store_hub_put(store, &h), 0);
	CHECK_INT(store_commit(store), 0);
	k = enrolled();
	hub_name(name);
	CHECK_INT(store_hub_by_spki(store, k.spki, &h), 0);
	CHECK_STR(h.name, name);
	end();
}

static void test_bodies(void)
{
	static const uint8_t good_head[] = { 0xa4, 0x01, 0x01, 0x02, 0x61,
					     'x',  0x03, 0x58, 65,   4 };
	uint8_t body[200] = { 0 };
	struct enrol_said s;
	size_t n = sizeof(good_head) + 64;

	memcpy(body, good_head, sizeof(good_head));
	body[n++] = 0x04;
	body[n++] = 0x58;
	body[n++] = 32;
	n += 32;
	CHECK_INT(enroller_said_decode(body, n, &s), 0);
	CHECK_UINT(s.epoch, 1);
	for (size_t i = 0; i < n; i++)
		CHECK(enroller_said_decode(body, i, &s) < 0);
	CHECK(enroller_said_decode(body, n + 1, &s) < 0);
	body[2] = 0; /* epoch */
	CHECK_INT(enroller_said_decode(body, n, &s), -ERANGE);
	body[2] = 1;
	body[9] = 2; /* a compressed point */
	CHECK_INT(enroller_said_decode(body, n, &s), -ERANGE);
	body[9] = 4;
	body[3] = 5; /* no version */
	CHECK_INT(enroller_said_decode(body, n, &s), -EBADMSG);
	body[3] = 1; /* two epochs */
	CHECK(enroller_said_decode(body, n, &s) < 0);
}

/* --- killed ---------------------------------------------------------------------------- */

struct request {
	const struct key *by, *k; /* k NULL: a confirmation */
};

static void request(const void *arg)
{
	const struct request *a = arg;

	if (a->k)
		post("est/sen", a->by, a->k);
	else
		confirm(a->by, &said);
}

/* Does the same in a process that is killed at this point; false: it was not. */
static bool killed(const char *point, const struct key *by, const struct key *k)
{
	const struct request a = { by, k };

	return killed_in(point, request, &a);
}

/* Killed after each row that it writes: nothing of it is there. by, k as in struct request. Returns how often. */
static unsigned kill_at_each_write(const struct key *by, const struct key *k)
{
	const struct request a = { by, k };
	unsigned writes = 0;
	struct hub h;

	while (killed_in_after("clinic.sql.written", writes, request, &a)) {
		if (k)
			CHECK(!enroller_admit_issued(&enroller, k->spki, now.ms));
		else
			CHECK_INT(store_hub_by_spki(store, by->spki, &h), -ENOENT);
		writes++;
	}
	return writes;
}

static void test_killed_at_each_write(void)
{
	struct key k;
	struct hub h;
	unsigned writes;

	begin(false);
	k = new_key();
	writes = kill_at_each_write(&device, &k);
	CHECK(enroller_admit_issued(&enroller, k.spki, now.ms));
	writes += kill_at_each_write(&k, NULL);
	CHECK_INT(store_hub_by_spki(store, k.spki, &h), 0);
	CHECK_INT(h.state, HUB_ACTIVE);
#ifdef HUB_FAILPOINTS
	CHECK(writes >= 4);
#else
	CHECK_UINT(writes, 0);
	printf("SKIP kills: built without FAILPOINTS=1\n");
#endif
	end();
}

static void test_killed(void)
{
	struct key k;
	struct hub h;

	begin(false);
	k = new_key();
	if (!killed("clinic.enrol.received", &device, &k)) {
		printf("SKIP killed: built without FAILPOINTS=1\n");
		end();
		return;
	}
	CHECK(!enroller_admit_issued(&enroller, k.spki, now.ms));
	CHECK(killed("clinic.enrol.commit.before", &device, &k));
	CHECK(!enroller_admit_issued(&enroller, k.spki, now.ms));
	CHECK(killed("clinic.enrol.commit.after", &device, &k));
	CHECK(enroller_admit_issued(&enroller, k.spki, now.ms));
	CHECK_INT(post("est/sen", &device, &k), COAP_CODE_CHANGED);
	CHECK_INT(note.outcome, ENROLLER_REPEATED);
	CHECK(killed("clinic.confirm.received", &k, NULL));
	CHECK(killed("clinic.enrol.commit.before", &k, NULL));
	CHECK_INT(store_hub_by_spki(store, k.spki, &h), -ENOENT);
	CHECK(killed("clinic.enrol.commit.after", &k, NULL));
	CHECK_INT(store_hub_by_spki(store, k.spki, &h), 0);
	CHECK_INT(confirm(&k, &said), COAP_CODE_CHANGED);
	CHECK_INT(note.outcome, ENROLLER_CONFIRMED_AGAIN);
	end();
}

TEST_MAIN("enroller", start, test_certificate, test_confirm, test_renewal, test_again,
	  test_told_config, test_added, test_bad_requests, test_cas, test_states,
	  test_cancelled, test_limits, test_approval, test_name_taken, test_bodies,
	  test_killed, test_killed_at_each_write)
