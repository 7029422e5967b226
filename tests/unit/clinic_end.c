/*
 * clinic_end.c - see clinic_end.h.
 */
#include "clinic_end.h"

#include <stdio.h>
#include <string.h>

#include "clinic/audit_report.h"
#include "clinic/files.h"
#include "clinic/ingest.h"
#include "clinic/store_held.h"
#include "temp_dir.h"

enum { WITNESSED_MAX = 4096, ASSIGNMENTS = 16 };

static const uint8_t store_key[STORE_KEY_LEN] = { 1 };
static const struct wall now = { 1795246265000, 500, CLOCK_QUALITY_NTP };
static char dir[64];
static struct store *store;
static struct ingest ingest;
static struct ingest_note note;
static struct audit_checkpoint witnessed[WITNESSED_MAX];
static size_t witnessed_count;
static unsigned names;

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "the clinic's end: %s\n", what);
	exit(1);
}

void clinic_enrol(struct enrolled *ret)
{
	crypto_random(ret->hub, sizeof(ret->hub));
	crypto_random(ret->key0, sizeof(ret->key0));
	crypto_random(ret->spki, sizeof(ret->spki));
	p256_generate(ret->sign_private, ret->sign_public);
	ret->epoch = 1;
}

void clinic_start(void)
{
	char path[96];

	temp_dir_make(dir, sizeof(dir));
	(void)snprintf(path, sizeof(path), "%s/clinic.db", dir);
	need(store_create(path, store_key, &store) == 0, __func__);
	ingest_init(&ingest, store);
}

void clinic_add(const struct enrolled *e)
{
	struct hub h = { .epoch = e->epoch, .state = HUB_ACTIVE };

	memcpy(h.id, e->hub, sizeof(h.id));
	memcpy(h.spki, e->spki, sizeof(h.spki));
	memcpy(h.sign_public, e->sign_public, sizeof(h.sign_public));
	(void)snprintf(h.name, sizeof(h.name), "hub%u", ++names);
	need(store_begin(store) == 0, __func__);
	need(store_hub_put(store, &h) == 0, __func__);
	for (uint32_t n = 1; n <= ASSIGNMENTS; n++) /* whatever a test gives its hub */
		need(store_assignment_give(store, h.id, h.epoch, n) == 0, __func__);
	need(witness_key_put(store, h.id, h.epoch, e->key0) == 0, __func__);
	need(store_commit(store) == 0, __func__);
}

void clinic_stop(void)
{
	store_close(store);
	temp_dir_remove(dir);
}

struct reply clinic_upload(const struct enrolled *h, const uint8_t *bytes, size_t len)
{
	static struct coap_server_response re;
	struct reply r;

	ingest_handle(&ingest, h->spki, bytes, len, now, &re, &note);
	need(note.outcome == INGEST_STORED, __func__);
	need(reply_decode(re.body, re.len, &r) == 0, __func__);
	return r;
}

int clinic_said(void)
{
	return (int)note.checkpoint;
}

uint64_t clinic_witnessed(const struct enrolled *h)
{
	struct witness_state w;

	need(witness_state(store, h->hub, h->epoch, &w) == 0, __func__);
	return w.size;
}

static int on_witnessed(void *arg, const struct audit_checkpoint *c)
{
	(void)arg;
	need(witnessed_count < WITNESSED_MAX, __func__);
	witnessed[witnessed_count++] = *c;
	return 0;
}

static void on_record(void *arg, const struct audit_record *r)
{
	struct clinic_log *l = arg;

	need(r->event.kind < 128, __func__);
	l->count[r->event.kind]++;
	l->last[r->event.kind] = r->event;
	l->number[r->event.kind] = r->number;
}

void clinic_verify(const struct enrolled *e, const char *folder, struct clinic_log *ret)
{
	struct audit_verify_in in = { .enrolment = e->epoch,
				      .witnessed = witnessed,
				      .on_record = on_record,
				      .arg = ret };
	struct hub h = { .epoch = e->epoch };
	struct audit_log log;
	char path[128];

	*ret = (struct clinic_log){ .count = { 0 } };
	memcpy(h.id, e->hub, sizeof(h.id));
	memcpy(h.sign_public, e->sign_public, sizeof(h.sign_public));
	witnessed_count = 0;
	need(witness_each(store, &h, on_witnessed, NULL) == 0, __func__);
	in.witnessed_count = witnessed_count;
	memcpy(in.hub, e->hub, sizeof(in.hub));
	memcpy(in.key0, e->key0, sizeof(in.key0));
	memcpy(in.public, e->sign_public, sizeof(in.public));
	(void)snprintf(path, sizeof(path), "%s", folder);
	need(audit_log_load(&(char *){ path }, 1, &log) == 0, __func__);
	in.segments = log.segments;
	in.segment_count = log.count;
	audit_verify(&in, &ret->verdict);
	audit_log_done(&log);
}
