#pragma once

/*
 * enroller_play.h - a hub as its clinic sees it: requests to an enroller on a real store, on either backend (clinic_place.h),
 * with what comes back in 'answer' and 'note'. 'device' is who asks.
 */
#include "clinic/enroller.h"
#include "clinic/store_claim.h"
#include "coap/enrol_server.h"
#include "hub/core/cbor.h"
#include "tests/unit/clinic_place.h"
#include "tests/unit/csr_maker.h"
#include "tests/unit/killed.h"

enum { HOUR_MS = 3600 * 1000, SUBJECT_MAX = 200 };

static const int64_t day_ms = 24LL * HOUR_MS;

static struct place place;
static struct store *store;
static struct enroller enroller;
static struct pki_pair root, ca;
static struct wall now = { .ms = 1795305600000, .quality = CLOCK_QUALITY_NTP };

/* The hub: its own key's hash, and one key of each name. */
struct key {
	uint8_t private[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN], spki[PIN_LEN];
};
static struct key device;
static struct enrol_said said;
static struct coap_server_response answer;
static struct enroller_note note;

__attribute__((unused)) static void spki_of(struct key *k)
{
	static const uint8_t head[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a,
					0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
					0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
					0x01, 0x07, 0x03, 0x42, 0x00 };
	uint8_t der[sizeof(head) + P256_PUBLIC_LEN];

	memcpy(der, head, sizeof(head));
	memcpy(der + sizeof(head), k->public, P256_PUBLIC_LEN);
	crypto_sha256(der, sizeof(der), k->spki);
}

__attribute__((unused)) static struct key new_key(void)
{
	struct key k = { 0 };

	p256_generate(k.private, k.public);
	spki_of(&k);
	return k;
}

__attribute__((unused)) static void hub_name(char ret[static 2 * HUB_ID_LEN + 1])
{
	for (size_t i = 0; i < HUB_ID_LEN; i++)
		snprintf(ret + 2 * i, 3, "%02x", device.spki[i]);
}

__attribute__((unused)) static void begin_enroller(bool ask)
{
	char cas[2 * PKI_PEM_MAX];

	snprintf(cas, sizeof(cas), "%s\n%s", root.cert, ca.cert);
	CHECK_INT(enroller_init(&enroller, store, &ca, cas, ask, 0), 0);
}

__attribute__((unused)) static void claim(const struct key *k, const char *name)
{
	struct claim c = { .at_ms = now.ms, .by = "test" }, other;

	memcpy(c.spki, k->spki, PIN_LEN);
	snprintf(c.name, sizeof(c.name), "%s", name);
	CHECK_INT(store_begin(store), 0);
	CHECK_INT(claim_put(store, &c, &other), CLAIM_DONE);
	CHECK_INT(store_commit(store), 0);
}

/* A clinic with one claimed hub. */
__attribute__((unused)) static void begin(bool ask)
{
	place_make(&place);
	CHECK_INT(place_create(&place, &store), 0);
	begin_enroller(ask);
	device = new_key();
	claim(&device, "home");
	said = (struct enrol_said){ .epoch = 1,
				    .sign_public = { 4, 7 },
				    .audit_key = { 9 } };
}

__attribute__((unused)) static void end(void)
{
	enroller_done(&enroller);
	store_close(store);
	place_remove(&place);
}

__attribute__((unused)) static size_t make_request(const struct key *k, const char *name,
						   uint8_t *der)
{
	uint8_t subject[SUBJECT_MAX];
	size_t n = csr_put_attribute(subject, 0, 0x05, 0x13, name);

	memcpy(csr_private, k->private, sizeof(csr_private));
	memcpy(csr_public, k->public, sizeof(csr_public));
	return csr_make(der, subject, n, 0);
}

__attribute__((unused)) static int post_bytes(const char *path, const struct key *by,
					      const uint8_t *body, size_t len)
{
	const struct coap_server_request rq = { .spki = by->spki,
						.path = path,
						.body = body,
						.len = len,
						.format = ENROL_FORMAT_PKCS10,
						.accept = -1,
						.query = "" };

	memset(&answer, 0xee, sizeof(answer));
	enroller_handle(&enroller, &rq, now, &answer, &note);
	return answer.code;
}

__attribute__((unused)) static int post(const char *path, const struct key *by,
					const struct key *k)
{
	uint8_t der[CSR_LEN_MAX];
	char name[2 * HUB_ID_LEN + 1];

	hub_name(name);
	return post_bytes(path, by, der, make_request(k, name, der));
}

__attribute__((unused)) static bool says(const char *word)
{
	return answer.kind == COAP_SERVER_TEXT && answer.len == strlen(word) &&
	       memcmp(answer.body, word, answer.len) == 0;
}

__attribute__((unused)) static int confirm(const struct key *by,
					   const struct enrol_said *s)
{
	uint8_t body[256];
	struct coap_server_request rq = { .spki = by->spki,
					  .path = "hub/confirm",
					  .body = body };
	struct writer w;

	writer_init(&w, body, sizeof(body));
	cb_put_map(&w, 4);
	cb_put_uint(&w, 1);
	cb_put_uint(&w, s->epoch);
	cb_put_uint(&w, 2);
	cb_put_text(&w, "1.0", 3);
	cb_put_uint(&w, 3);
	cb_put_bytes(&w, s->sign_public, sizeof(s->sign_public));
	cb_put_uint(&w, 4);
	cb_put_bytes(&w, s->audit_key, sizeof(s->audit_key));
	rq.len = (size_t)writer_len(&w);
	memset(&answer, 0xee, sizeof(answer));
	enroller_confirm(&enroller, &rq, now, &answer, &note);
	return answer.code;
}

/* What a confirmation that has another epoch is told. */
__attribute__((unused)) static uint32_t told_epoch(void)
{
	struct cb c;
	uint32_t epoch;

	CHECK_INT(answer.kind, COAP_SERVER_CBOR);
	cb_init(&c, answer.body, answer.len);
	CHECK_UINT(cb_get_map(&c, 1), 1);
	CHECK_UINT(cb_get_uint(&c), 3);
	epoch = (uint32_t)cb_get_uint(&c);
	CHECK_INT(cb_finish(&c), 0);
	return epoch;
}

__attribute__((unused)) static struct key enrolled(void)
{
	struct key k = new_key();

	CHECK_INT(post("est/sen", &device, &k), COAP_CODE_CHANGED);
	CHECK_INT(confirm(&k, &said), COAP_CODE_CHANGED);
	CHECK_INT(note.outcome, ENROLLER_CONFIRMED);
	return k;
}

__attribute__((unused)) static void reopen(void)
{
	store_close(store);
	CHECK_INT(place_open(&place, &store), 0);
	enroller.store = store;
}

/* What is done in a process of its own. */
struct done {
	void (*fn)(const void *arg);
	const void *arg;
};

__attribute__((unused)) static int do_it(void *arg)
{
	const struct done *d = arg;
	int r = place_open(&place, &store);

	if (r < 0)
		return r;
	enroller.store = store;
	d->fn(d->arg);
	return 0;
}

/* Does it in a process that is killed when it comes to this point, after so many times; false: it was not. */
__attribute__((unused)) static bool killed_in_after(const char *point, unsigned skip,
						    void (*fn)(const void *arg),
						    const void *arg)
{
	struct done d = { fn, arg };
	bool reached;

	store_close(store);
	reached = killed_after(place.dir, point, skip, do_it, &d);
	CHECK_INT(place_open(&place, &store), 0);
	enroller.store = store;
	return reached;
}

__attribute__((unused)) static bool
killed_in(const char *point, void (*fn)(const void *arg), const void *arg)
{
	return killed_in_after(point, 0, fn, arg);
}

__attribute__((unused)) static void start(void)
{
	CHECK_INT(crypto_init(), 0);
	CHECK_INT(pki_make_root("Clinic of the test", now.ms, &root), 0);
	CHECK_INT(pki_make_enrol(&root, now.ms, &ca), 0);
}
