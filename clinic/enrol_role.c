/*
 * enrol_role.c - the enrol port of clinicd; see enrol_role.h.
 *
 * It holds a key that makes hubs' certificates: whoever takes this process over can make some, but no row that lets them in.
 */
#include "clinic/enrol_role.h"

#include <stdio.h>
#include <string.h>

#include "clinic/files.h"
#include "clinic/root_files.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"

enum { FLOOD_TELL_MS = 10000 };

static void log_note(const struct enroller_note *n)
{
	char hub[9] = "-";

	if (n->has_hub)
		snprintf(hub, sizeof(hub), "%02x%02x%02x%02x", n->hub[0], n->hub[1],
			 n->hub[2], n->hub[3]);
	switch (n->outcome) {
	case ENROLLER_NONE:
	case ENROLLER_ROOT:
	case ENROLLER_OUTCOMES: break;
	case ENROLLER_ISSUED:
	case ENROLLER_CONFIRMED:
		if (n->emergency)
			log_info("emergency-identity", "hub=%s outcome=%s epoch=%u", hub,
				 enroller_outcome_text(n->outcome), n->epoch);
		else
			log_info("enrolment", "hub=%s outcome=%s epoch=%u renewal=%s",
				 hub, enroller_outcome_text(n->outcome), n->epoch,
				 n->renewal ? "yes" : "no");
		break;
	case ENROLLER_REPEATED:
	case ENROLLER_CONFIRMED_AGAIN:
		log_debug("enrolment", "hub=%s outcome=%s epoch=%u", hub,
			  enroller_outcome_text(n->outcome), n->epoch);
		break;
	case ENROLLER_WAITS:
		log_warn("enrolment-waits",
			 "hub=%s reason=%s do=\"clinicctl enrol approve\"", hub, n->why);
		break;
	case ENROLLER_REFUSED:
	case ENROLLER_MALFORMED:
		log_warn("enrolment-refused", "hub=%s reason=%s", hub,
			 *n->why ? n->why : "form");
		break;
	case ENROLLER_CLAIMED:
		log_info("ticket-claimed", "ticket=%s hub=%s", n->ticket, hub);
		if (n->copied)
			log_err("ticket-alarm",
				"ticket=%s hub=%s reason=second-hub "
				"do=\"clinicctl ticket list; revoke it if it was "
				"copied\"",
				n->ticket, hub);
		break;
	case ENROLLER_TICKET_REFUSED:
		log_err("ticket-alarm",
			"ticket=%s hub=%s reason=%s do=\"clinicctl ticket list\"",
			n->ticket, hub, n->why);
		break;
	case ENROLLER_FLOOD: log_warn("hub-floods", "answer=4.29 role=enrol"); break;
	case ENROLLER_STORE_DOWN:
	case ENROLLER_IN_DOUBT:
		log_err("store-failed", "hub=%s reason=%s error=\"%s\"", hub,
			enroller_outcome_text(n->outcome), err_text(n->err));
		break;
	}
}

static void count(struct enrol_role *e, const struct enroller_note *n)
{
	e->metrics->enrolments[n->outcome]++;
	e->failed = e->failed || (n->outcome == ENROLLER_IN_DOUBT && n->err == -EIO);
	log_note(n);
}

static bool on_admit(void *arg, const uint8_t spki[static PIN_LEN])
{
	struct enrol_role *e = arg;
	bool good = enroller_admit(&e->enroller, spki, rt_wall().ms);

	e->metrics->enrol_handshakes_good += good;
	e->metrics->enrol_handshakes_refused += !good;
	return good;
}

static void on_refused(void *arg, const uint8_t spki[static PIN_LEN], const char *from)
{
	struct enrol_role *e = arg;

	calls_note(e->calls, e->enroller.store, spki, from);
}

static void note_flood(struct enrol_role *e)
{
	const struct enroller_note note = { .outcome = ENROLLER_FLOOD, .why = "" };
	struct mono now = rt_mono();

	e->metrics->enrolments[ENROLLER_FLOOD]++;
	if (!mono_reached(now, e->flood_told))
		return;
	e->flood_told = mono_add(now, FLOOD_TELL_MS);
	log_note(&note);
}

static void on_request(void *arg, const struct coap_server_request *rq,
		       struct coap_server_response *ret)
{
	struct enrol_role *e = arg;
	struct enroller_note note;

	if (e->failed)
		return; /* no answer */
	if (!flood_allows(e->flood, rq->spki, rt_mono())) {
		note_flood(e);
		ret->code = COAP_CODE_TOO_MANY;
		ret->max_age_s = FLOOD_WAIT_S;
		return;
	}
	enroller_handle(&e->enroller, rq, rt_wall(), ret, &note);
	count(e, &note);
	FAILPOINT("clinic.enrol.answer.before");
}

static void on_get(void *arg, const struct coap_server_get *rq,
		   struct coap_server_content *ret)
{
	struct enrol_role *e = arg;
	struct enroller_note note;

	if (e->failed || !flood_allows(e->flood, rq->spki, rt_mono())) {
		if (!e->failed)
			note_flood(e);
		*ret = (struct coap_server_content){
			.code = e->failed ? COAP_CODE_UNAVAILABLE : COAP_CODE_TOO_MANY,
			.max_age_s = FLOOD_WAIT_S
		};
		return;
	}
	enroller_get(&e->enroller, rq, ret, &note);
	count(e, &note);
}

/* --- start ---------------------------------------------------------------------------- */

int enrol_role_read_ca(const char *dir, char ret[static ENROL_CA_MAX],
		       char why[static FOLDER_WHY_MAX])
{
	static const char *const others[] = { FILES_ENROL_CRT, "enrol-next.crt",
					      "enrol-old.crt" };
	size_t n;
	int r = root_files_anchors(dir, ret, why);

	for (size_t i = 0; r == 0 && i < sizeof(others) / sizeof(*others); i++) {
		if (!file_exists(dir, others[i]))
			continue;
		n = strlen(ret);
		ret[n++] = '\n';
		r = folder_read_text(dir, others[i], ret + n, ENROL_CA_MAX - n, why);
	}
	return r;
}

static int open_port(struct enrol_role *e, struct rt *rt, const char *dir, uint16_t port,
		     const char *listen, char why[static FOLDER_WHY_MAX])
{
	static char cert[ROOT_CHAIN_MAX], key[PKI_PEM_MAX], ca[ENROL_CA_MAX];
	const struct coap_server_config cfg = {
		.address = listen,
		.port = port,
		.both = true,
		.any_chain = true,
		.blocks = true,
		.cert_pem = cert,
		.key_pem = key,
		.ca_pem = ca,
		.admit = on_admit,
		.refused = on_refused,
		.request = on_request,
		.get = on_get,
		.arg = e,
	};
	int r = root_files_chain(dir, FILES_SERVER_CRT, cert, why);

	if (r == 0)
		r = folder_read_text(dir, FILES_SERVER_KEY, key, sizeof(key), why);
	if (r == 0)
		r = enrol_role_read_ca(dir, ca, why);
	if (r < 0)
		return r;
	r = coap_server_new(rt, &cfg, &e->server);
	crypto_wipe(key, sizeof(key));
	if (r < 0)
		snprintf(why, FOLDER_WHY_MAX,
			 "cannot listen for hubs that enrol on UDP port %u: the port is "
			 "taken, or %s, %s and %s in %s do not belong together",
			 port, FILES_SERVER_KEY, FILES_SERVER_CRT, FILES_ENROL_CRT, dir);
	return r;
}

static int read_keys(const char *dir, struct pki_pair *ca, char cas[static ENROL_CA_MAX],
		     char why[static FOLDER_WHY_MAX])
{
	int r = folder_read_text(dir, FILES_ENROL_KEY, ca->key, sizeof(ca->key), why);

	if (r == 0)
		r = folder_read_text(dir, FILES_ENROL_CRT, ca->cert, sizeof(ca->cert),
				     why);
	return r < 0 ? r : enrol_role_read_ca(dir, cas, why);
}

int enrol_role_start(struct enrol_role *e, struct rt *rt, struct store *store,
		     const char *dir, const struct conf *conf, const char *listen,
		     struct flood *flood, struct metrics *metrics, struct calls *calls,
		     char why[static FOLDER_WHY_MAX])
{
	bool role = conf->enrol != 0 && file_exists(dir, FILES_ENROL_KEY);
	static char cas[ENROL_CA_MAX];
	struct pki_pair ca;
	int r;

	*e = (struct enrol_role){ .flood = flood, .metrics = metrics, .calls = calls };
	if (conf->enrol != 0 && !role)
		log_warn(
			"enrol-off",
			"missing=%s do=\"clinicctl enrol ca, or take 'enrol' out of %s\"",
			FILES_ENROL_KEY, FILES_CONF);
	if (!role)
		return enroller_init(&e->enroller, store, NULL, NULL, false, 0);
	r = read_keys(dir, &ca, cas, why);
	if (r < 0)
		return r;
	r = enroller_init(&e->enroller, store, &ca, cas, conf->enrol_asks,
			  conf->enrol_life_s);
	crypto_wipe(&ca, sizeof(ca));
	if (r < 0) {
		snprintf(
			why, FOLDER_WHY_MAX,
			"%s or a certificate of a CA for hubs in %s is not a certificate",
			FILES_ROOT_CRT, dir);
		return r;
	}
	r = open_port(e, rt, dir, conf->enrol, listen, why);
	if (r == 0)
		log_info("listening", "port=%u protocol=coaps role=enrol",
			 coap_server_port(e->server));
	return r;
}

void enrol_role_stop(struct enrol_role *e)
{
	coap_server_free(e->server);
	e->server = NULL;
	enroller_done(&e->enroller);
}

/* --- on the port of uploads ------------------------------------------------------------ */

bool enrol_role_admits(struct enrol_role *e, const uint8_t spki[static PIN_LEN])
{
	return enroller_admit_issued(&e->enroller, spki, rt_wall().ms);
}

void enrol_role_add(struct enrol_role *e, const struct coap_server_request *rq,
		    struct coap_server_response *ret)
{
	if (e->waiting_count == COAP_SERVER_GROUP_MAX)
		return; /* no answer: it comes again */
	e->waiting[e->waiting_count++] = (struct enrol_waiting){ .rq = *rq, .ret = ret };
	ret->waits = true;
}

void enrol_role_settle(struct enrol_role *e)
{
	struct enroller_note note;

	for (size_t i = 0; i < e->waiting_count; i++) {
		struct enrol_waiting *w = &e->waiting[i];

		w->ret->waits = false;
		w->ret->code = 0;
		if (e->failed)
			continue;
		enroller_confirm(&e->enroller, &w->rq, rt_wall(), w->ret, &note);
		count(e, &note);
		FAILPOINT("clinic.confirm.answer.before");
	}
	e->waiting_count = 0;
}
