/*
 * enroller.c - requests of hubs that enrol; see enroller.h.
 */
#include "clinic/enroller.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/enroller_ticket.h"
#include "clinic/ingest.h"
#include "clinic/store_claim.h"
#include "clinic/store_ticket.h"
#include "coap/enrol_server.h"
#include "hub/crypto/csr.h"
#include "hub/rt/failpoint.h"

/* One request on its way. */
struct job {
	const uint8_t *spki; /* proved */
	struct enrolment_request rq;
	struct csr csr;		/* of an enrolment or a renewal */
	struct enrol_said said; /* of a confirmation */
	struct wall now;
	uint8_t hub[HUB_ID_LEN];
	bool by_ticket;		 /* it asks to be claimed */
	uint8_t device[PIN_LEN]; /* then: its device key */
};

const char *enroller_outcome_text(enum enroller_outcome o)
{
	switch (o) {
	case ENROLLER_NONE:
	case ENROLLER_OUTCOMES: break;
	case ENROLLER_ISSUED: return "issued";
	case ENROLLER_REPEATED: return "repeated";
	case ENROLLER_CONFIRMED: return "confirmed";
	case ENROLLER_CONFIRMED_AGAIN: return "confirmed-again";
	case ENROLLER_WAITS: return "waits";
	case ENROLLER_REFUSED: return "refused";
	case ENROLLER_MALFORMED: return "malformed";
	case ENROLLER_STORE_DOWN: return "store-down";
	case ENROLLER_IN_DOUBT: return "commit-failed";
	case ENROLLER_FLOOD: return "flood";
	case ENROLLER_ROOT: return "root";
	case ENROLLER_CLAIMED: return "claimed";
	case ENROLLER_TICKET_REFUSED: return "ticket-refused";
	}
	return "?";
}

/* The certificates of a text, one behind the other. */
static int read_cas(struct enroller *e, const char *text)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";
	struct pki_cert certs[CERTS_ONLY_MAX];
	struct certs_only all = { 0 };
	int n;

	for (text = strstr(text, begin); text; text = strstr(text + 1, begin)) {
		struct pki_cert *c = &certs[all.count];

		if (all.count == CERTS_ONLY_MAX)
			return -ERANGE;
		if (pki_der(text, c) < 0)
			return -EBADMSG;
		all.certs[all.count++] = (struct certs_only_cert){ c->der, c->len };
	}
	if (all.count == 0)
		return -EBADMSG;
	n = certs_only_encode(&all, e->cas, sizeof(e->cas));
	if (n < 0)
		return n;
	e->root = certs[0];
	e->cas_len = (size_t)n;
	return 0;
}

int enroller_init(struct enroller *e, struct store *store, const struct pki_pair *ca,
		  const char *cas, bool ask, uint32_t life_s)
{
	int r = 0;

	*e = (struct enroller){ .store = store, .ask = ask, .has_ca = ca != NULL };
	e->life_ms = (int64_t)(life_s ? life_s : ENROLMENT_DAYS * 86400u) * 1000;
	if (ca) {
		e->ca = *ca;
		r = read_cas(e, cas);
	}
	return r;
}

void enroller_done(struct enroller *e)
{
	crypto_wipe(&e->ca, sizeof(e->ca));
}

bool enroller_admit(struct enroller *e, const uint8_t spki[static PIN_LEN],
		    int64_t now_ms)
{
	struct enrol_row row;
	int r = enrol_store_find(e->store, spki, &row);

	if (r == -ENOENT)
		r = store_ticket_known(e->store, spki) == 0 ? -ENOENT : -EAGAIN;
	if (r < 0)
		return r != -ENOENT;
	switch (enrolment_role(&row.e, spki, now_ms)) {
	case ENROLMENT_ROLE_DEVICE:
	case ENROLMENT_ROLE_ACTIVE:
	case ENROLMENT_ROLE_ENDED: return true;
	case ENROLMENT_ROLE_NONE:
	case ENROLMENT_ROLE_ISSUED:
	case ENROLMENT_ROLE_EMERGENCY:
	case ENROLMENT_ROLE_EMERGENCY_ISSUED: break;
	}
	return false;
}

bool enroller_admit_issued(struct enroller *e, const uint8_t spki[static PIN_LEN],
			   int64_t now_ms)
{
	enum enrolment_role role;
	struct enrol_row row;

	if (enrol_store_find(e->store, spki, &row) != 0)
		return false;
	role = enrolment_role(&row.e, spki, now_ms);
	return role == ENROLMENT_ROLE_ISSUED || role == ENROLMENT_ROLE_EMERGENCY_ISSUED;
}

/* --- one transaction ------------------------------------------------------------------ */

static void finish(struct coap_server_response *ret, struct enroller_note *note,
		   enum enroller_outcome outcome, int code, const char *why)
{
	note->outcome = outcome;
	note->why = why;
	enrol_server_say(ret, code, why);
}

static void store_down(struct coap_server_response *ret, struct enroller_note *note,
		       int err)
{
	note->err = err;
	finish(ret, note, ENROLLER_STORE_DOWN, COAP_CODE_UNAVAILABLE, "");
	ret->max_age_s =
		err == -EAGAIN || err == -ESTALE ? INGEST_RETRY_BUSY_S : INGEST_RETRY_S;
}

static void refuse(struct coap_server_response *ret, struct enroller_note *note,
		   const struct enrolment_answer *a)
{
	int n;

	finish(ret, note, a->action == ENROLMENT_WAIT ? ENROLLER_WAITS : ENROLLER_REFUSED,
	       enrolment_code(a), enrolment_reason_name(a->reason));
	ret->max_age_s = a->max_age_s;
	if (a->reason != ENROLMENT_OTHER_EPOCH)
		return;
	n = enroller_epoch_answer(a->epoch, ret->body, sizeof(ret->body));
	ret->kind = COAP_SERVER_CBOR;
	ret->len = n < 0 ? 0 : (size_t)n;
}

static int64_t life_ms(const struct enroller *e, bool emergency)
{
	const int64_t least = ENROLMENT_EMERGENCY_DAYS * INT64_C(86400000);

	return emergency && e->life_ms < least ? least : e->life_ms;
}

static int issue(struct enroller *e, const struct job *j, struct enrol_row *row,
		 bool emergency, struct coap_server_response *ret,
		 struct enroller_note *note)
{
	struct enrolment_key *k = emergency ? &row->e.emergency_issued : &row->e.issued;
	struct pki_cert cert;
	int r = pki_sign_hub(&e->ca, row->hub, j->csr.public, j->now.ms,
			     life_ms(e, emergency), &cert);

	if (r < 0)
		return -EIO;
	k->ends_ms = cert.ends_ms;
	r = enrol_store_issue(e->store, row, emergency, &cert);
	if (r == 0)
		r = enrol_store_put(e->store, row, j->now.ms);
	if (r < 0)
		return r;
	note->outcome = ENROLLER_ISSUED;
	note->epoch = k->epoch;
	note->renewal = k->renewal;
	enrol_server_give(ret, cert.der, cert.len);
	return 0;
}

static int repeat(struct enroller *e, const struct enrolment_key *k,
		  struct coap_server_response *ret, struct enroller_note *note)
{
	struct pki_cert cert;
	int r = enrol_store_certificate(e->store, k->spki, &cert);

	if (r < 0)
		return r == -ENOENT ? -EIO : r;
	note->outcome = ENROLLER_REPEATED;
	note->epoch = k->epoch;
	note->renewal = k->renewal;
	enrol_server_give(ret, cert.der, cert.len);
	return 0;
}

/* The version that the hub is told of, as with an upload; 0: none. */
static int wanted_config(struct enroller *e, const struct enrol_row *row, uint64_t *ret)
{
	struct hub h;
	int r = store_hub_by_id(e->store, row->hub, &h);

	*ret = r == 0 ? ingest_config_version(&h, 0) : 0;
	return r;
}

/* The time, and the version of the config, 0: none. */
static int answer_confirmed(const struct job *j, uint64_t version,
			    struct coap_server_response *ret)
{
	int r = enroller_confirm_answer(j->now, version, ret->body, sizeof(ret->body));

	if (r < 0)
		return -EIO;
	ret->code = COAP_CODE_CHANGED;
	ret->kind = COAP_SERVER_CBOR;
	ret->len = (size_t)r;
	return 0;
}

/* Of a config it is told nothing. */
static int confirmed_emergency(struct enroller *e, const struct job *j,
			       const struct enrol_row *row, bool again,
			       struct coap_server_response *ret,
			       struct enroller_note *note)
{
	int r = again ? 0 : enrol_store_activate_emergency(e->store, row, j->now.ms);

	if (r < 0)
		return r;
	note->outcome = again ? ENROLLER_CONFIRMED_AGAIN : ENROLLER_CONFIRMED;
	note->epoch = row->e.emergency.epoch;
	note->renewal = true;
	return answer_confirmed(j, 0, ret);
}

static int confirmed(struct enroller *e, const struct job *j, const struct enrol_row *row,
		     bool again, struct coap_server_response *ret,
		     struct enroller_note *note)
{
	uint64_t version;
	int r;

	if (!j->said.has_sign) {
		finish(ret, note, ENROLLER_MALFORMED, COAP_CODE_BAD_REQUEST,
		       "confirm-form");
		return -EEXIST;
	}
	r = again ? enrol_store_agrees(e->store, row, &j->said)
		  : enrol_store_activate(e->store, row, &j->said, j->now.ms);
	if ((again && r == 0) || r == -EEXIST) {
		finish(ret, note, ENROLLER_REFUSED, COAP_CODE_BAD_REQUEST, "other-keys");
		return -EEXIST;
	}
	if (r >= 0)
		r = wanted_config(e, row, &version);
	if (r < 0)
		return r;
	note->outcome = again ? ENROLLER_CONFIRMED_AGAIN : ENROLLER_CONFIRMED;
	note->epoch = row->e.active.epoch;
	note->renewal = row->e.active.renewal;
	return answer_confirmed(j, version, ret);
}

static void refuse_ticket(struct coap_server_response *ret, struct enroller_note *note,
			  int result)
{
	finish(ret, note, ENROLLER_TICKET_REFUSED, COAP_CODE_FORBIDDEN,
	       ticket_result_name((enum ticket_result)result));
}

static int activate(struct enroller *e, const struct job *j, const struct enrol_row *row,
		    struct coap_server_response *ret, struct enroller_note *note)
{
	/* by its own word is every key but one that renews */
	int r = row->e.active.renewal
			? (int)TICKET_GOOD
			: enroller_ticket_confirm(e->store, row->hub, !row->has_hub,
						  j->now.ms, note);

	if (r < 0)
		return r;
	if (r == TICKET_GOOD)
		return confirmed(e, j, row, false, ret, note);
	refuse_ticket(ret, note, r);
	return 0;
}

static int act(struct enroller *e, const struct job *j, struct enrol_row *row,
	       const struct enrolment_answer *a, struct coap_server_response *ret,
	       struct enroller_note *note)
{
	bool emergency = a->emergency;
	const struct enrolment_key *issued =
		emergency ? &row->e.emergency_issued : &row->e.issued;

	note->emergency = emergency;
	switch (a->action) {
	case ENROLMENT_REFUSE: refuse(ret, note, a); return 0;
	case ENROLMENT_WAIT:
		refuse(ret, note, a);
		return enrol_store_put(e->store, row, j->now.ms);
	case ENROLMENT_ISSUE: return issue(e, j, row, emergency, ret, note);
	case ENROLMENT_SEND_ISSUED: return repeat(e, issued, ret, note);
	case ENROLMENT_SEND_ACTIVE:
		return repeat(e, emergency ? &row->e.emergency : &row->e.active, ret,
			      note);
	case ENROLMENT_ACTIVATE:
		return emergency ? confirmed_emergency(e, j, row, false, ret, note)
				 : activate(e, j, row, ret, note);
	case ENROLMENT_CONFIRMED:
		return emergency ? confirmed_emergency(e, j, row, true, ret, note)
				 : confirmed(e, j, row, true, ret, note);
	case ENROLMENT_CHANGED: break;
	}
	return -EIO;
}

/* A claim is told that its hub was here, whatever comes of the request. Nobody takes it back until the end. */
static int note_contact(struct enroller *e, const struct job *j)
{
	int r = claim_contacted(e->store, j->spki, j->now.ms);

	return r == -ENOENT ? 0 : r;
}

static int decide_claim(struct enroller *e, const struct job *j,
			struct coap_server_response *ret, struct enroller_note *note)
{
	int r = enroller_ticket_claim(e->store, j->spki, j->device, j->now.ms, note);

	if (r == -ENOENT) {
		finish(ret, note, ENROLLER_REFUSED, COAP_CODE_FORBIDDEN,
		       enrolment_reason_name(ENROLMENT_UNKNOWN_KEY));
		return -EEXIST;
	}
	if (r > 0)
		refuse_ticket(ret, note, r);
	if (r != TICKET_GOOD)
		return r < 0 ? r : 0;
	note->outcome = ENROLLER_CLAIMED;
	ret->code = COAP_CODE_CHANGED;
	return 0;
}

/* Between BEGIN and COMMIT. -EEXIST: answered, and nothing of it is to stay. */
static int decide(struct enroller *e, const struct job *j,
		  struct coap_server_response *ret, struct enroller_note *note)
{
	struct enrolment_request rq = j->rq;
	struct enrolment_answer a;
	struct enrol_row row;
	int r;

	if (j->by_ticket)
		return decide_claim(e, j, ret, note);
	r = note_contact(e, j);
	if (r == 0)
		r = enrol_store_take(e->store, j->hub, j->now.ms, &row);
	if (r == 0 && rq.key)
		r = enrol_store_taken(e->store, j->hub, rq.key);
	if (r < 0)
		return r == -ENOENT ? -ESTALE : r;
	rq.key_taken = r == 1;
	a = enrolment_on(&row.e, &rq);
	return act(e, j, &row, &a, ret, note);
}

static void commit(struct enroller *e, struct coap_server_response *ret,
		   struct enroller_note *note)
{
	int r;

	FAILPOINT("clinic.enrol.commit.before");
	r = store_commit(e->store);
	if (r == 0)
		FAILPOINT("clinic.enrol.commit.after");
	if (r == -EIO || r == -ECONNRESET) {
		note->outcome = ENROLLER_IN_DOUBT;
		note->err = r;
		ret->code = 0;
	} else if (r < 0) {
		store_down(ret, note, r);
	}
}

static bool try_once(struct enroller *e, const struct job *j,
		     struct coap_server_response *ret, struct enroller_note *note)
{
	int r = store_begin(e->store);
	bool began = r == 0;

	if (r == 0)
		r = decide(e, j, ret, note);
	if (r == 0)
		commit(e, ret, note);
	else if (r != -EEXIST)
		store_down(ret, note, r);
	if (r < 0 || note->outcome == ENROLLER_STORE_DOWN)
		store_rollback(e->store);
	return !(began && note->outcome == ENROLLER_STORE_DOWN &&
		 (note->err == -EAGAIN || note->err == -ESTALE));
}

static void run(struct enroller *e, const struct job *j, struct coap_server_response *ret,
		struct enroller_note *note)
{
	for (unsigned try = 1; try <= STORE_TRIES; try++) {
		if (try_once(e, j, ret, note))
			return;
		store_pause(try);
	}
}

/* --- requests ------------------------------------------------------------------------- */

/* False: answered. */
static bool find_hub(struct enroller *e, struct job *j, struct coap_server_response *ret,
		     struct enroller_note *note)
{
	struct enrol_row row;
	int r = enrol_store_find(e->store, j->spki, &row);

	if (r == -ENOENT)
		finish(ret, note, ENROLLER_REFUSED, COAP_CODE_FORBIDDEN,
		       enrolment_reason_name(ENROLMENT_UNKNOWN_KEY));
	else if (r < 0)
		store_down(ret, note, r);
	if (r < 0)
		return false;
	memcpy(j->hub, row.hub, HUB_ID_LEN);
	memcpy(note->hub, row.hub, HUB_ID_LEN);
	note->has_hub = true;
	return true;
}

static bool is_name_of(const char *text, const uint8_t hub[static HUB_ID_LEN])
{
	char hex[2 * HUB_ID_LEN + 1];

	for (size_t i = 0; i < HUB_ID_LEN; i++)
		snprintf(hex + 2 * i, 3, "%02x", hub[i]);
	return strcmp(text, hex) == 0;
}

static const char *csr_word(int err)
{
	switch (err) {
	case -EMSGSIZE: return "csr-length";
	case -ENOTSUP: return "csr-not-p256-sha256";
	case -ERANGE: return "csr-serial-number";
	case -EKEYREJECTED: return "csr-signature";
	}
	return "csr-form";
}

/* 0, or what is wrong with it. */
static const char *read_request(const struct coap_server_request *rq, struct job *j)
{
	int r = csr_read(rq->body, rq->len, &j->csr);

	if (r < 0)
		return csr_word(r);
	if (!is_name_of(j->csr.serial_number, j->hub))
		return "csr-other-hub";
	j->rq.key = j->csr.spki;
	return NULL;
}

static void begin(struct job *j, const struct coap_server_request *rq,
		  enum enrolment_event event, struct wall now,
		  struct coap_server_response *ret, struct enroller_note *note)
{
	*note = (struct enroller_note){ .why = "" };
	ret->code = 0;
	ret->max_age_s = 0;
	ret->kind = COAP_SERVER_CBOR;
	ret->len = 0;
	*j = (struct job){ .spki = rq->spki,
			   .now = now,
			   .rq = { .event = event, .now_ms = now.ms, .by = rq->spki } };
}

static void handle_claim(struct enroller *e, struct job *j,
			 const struct coap_server_request *rq,
			 struct coap_server_response *ret, struct enroller_note *note)
{
	j->by_ticket = true;
	if (enroller_claim_decode(rq->body, rq->len, j->device) < 0)
		finish(ret, note, ENROLLER_MALFORMED, COAP_CODE_BAD_REQUEST,
		       "claim-form");
	else
		run(e, j, ret, note);
}

void enroller_handle(struct enroller *e, const struct coap_server_request *rq,
		     struct wall now, struct coap_server_response *ret,
		     struct enroller_note *note)
{
	enum enrol_path path = enrol_server_path(rq->path);
	int code = enrol_server_check(rq);
	const char *why;
	struct job j;

	FAILPOINT("clinic.enrol.received");
	begin(&j, rq,
	      path == ENROL_PATH_SREN	     ? ENROLMENT_RENEW
	      : path == ENROL_PATH_EMERGENCY ? ENROLMENT_EMERGENCY
					     : ENROLMENT_ENROL,
	      now, ret, note);
	j.rq.ask = e->ask;
	if (code != 0) {
		finish(ret, note, ENROLLER_MALFORMED, code, "");
		return;
	}
	if (path == ENROL_PATH_CLAIM) {
		handle_claim(e, &j, rq, ret, note);
		return;
	}
	if (!find_hub(e, &j, ret, note))
		return;
	why = read_request(rq, &j);
	if (why)
		finish(ret, note, ENROLLER_MALFORMED, COAP_CODE_BAD_REQUEST, why);
	else
		run(e, &j, ret, note);
}

static void give(struct coap_server_content *ret, enum coap_format format,
		 const uint8_t *body, size_t len)
{
	uint8_t hash[SHA256_LEN];

	crypto_sha256(body, len, hash);
	*ret = (struct coap_server_content){ .code = COAP_CODE_CONTENT,
					     .format = format,
					     .body = body,
					     .len = len,
					     .etag_len = sizeof(ret->etag) };
	memcpy(ret->etag, hash, sizeof(ret->etag));
}

void enroller_get(struct enroller *e, const struct coap_server_get *rq,
		  struct coap_server_content *ret, struct enroller_note *note)
{
	struct coap_server_response refused = { 0 };
	struct job j = { .spki = rq->spki };

	*note = (struct enroller_note){ .why = "" };
	*ret = (struct coap_server_content){ .code = enrol_server_check_get(rq) };
	if (ret->code != 0) {
		note->outcome = ENROLLER_MALFORMED;
		return;
	}
	if (!find_hub(e, &j, &refused, note)) {
		ret->code = refused.code;
		ret->max_age_s = refused.max_age_s;
		return;
	}
	note->outcome = ENROLLER_ROOT;
	if (rq->accept == ENROL_FORMAT_PKCS7)
		give(ret, COAP_FORMAT_CERTS_ONLY, e->cas, e->cas_len);
	else
		give(ret, COAP_FORMAT_PKIX_CERT, e->root.der, e->root.len);
}

void enroller_confirm(struct enroller *e, const struct coap_server_request *rq,
		      struct wall now, struct coap_server_response *ret,
		      struct enroller_note *note)
{
	struct job j;

	FAILPOINT("clinic.confirm.received");
	begin(&j, rq, ENROLMENT_CONFIRM, now, ret, note);
	if (!find_hub(e, &j, ret, note))
		return;
	if (enroller_said_decode(rq->body, rq->len, &j.said) < 0) {
		finish(ret, note, ENROLLER_MALFORMED, COAP_CODE_BAD_REQUEST,
		       "confirm-form");
		return;
	}
	j.rq.epoch = j.said.epoch;
	run(e, &j, ret, note);
	crypto_wipe(&j.said, sizeof(j.said));
}
