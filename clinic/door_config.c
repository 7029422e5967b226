/*
 * door_config.c - the part of door_answer.c about configs and assignments: what a person's program needs to sign the next
 * one, and keeping what came back signed.
 *
 * The key that signs is not here; the key that verifies is (config.pub). What is signed is believed as little as any
 * other bytes from outside until the signature is good, and then only if it is the next config of this very hub.
 */
#include <errno.h>
#include <string.h>

#include "clinic/bundle.h"
#include "clinic/door_inside.h"
#include "clinic/door_page.h"
#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/store_config.h"
#include "hub/core/cbor.h"
#include "hub/crypto/crypto.h"

/* Errors of folder.h have more numbers than a door: here they are all ours. */
static int inside(int r)
{
	return r < 0 ? -EIO : r;
}

/* That the next one starts from. */
static int last_config(const struct door_asking *a, const struct hub *h,
		       struct config *ret)
{
	char why[FOLDER_WHY_MAX];
	int r = bundle_last_config(a->dir, a->store, h, ret, why);

	return r < 0 && why[0] ? inside(r) : r;
}

/* --- what is there ---------------------------------------------------------------------- */

int door_answer_config(struct door_asking *a, struct writer *w)
{
	static struct config c;
	char why[FOLDER_WHY_MAX];
	struct config_endpoint own;
	struct hub h;
	int r = store_hub_by_name(a->store, a->rq->name, &h);

	if (r == 0)
		r = last_config(a, &h, &c);
	if (r == 0)
		r = inside(bundle_own_endpoint(a->dir, &own, why));
	if (r == 0) {
		cb_put_array(w, 3);
		door_put_hub(w, &h);
		door_put_config(w, &c);
		config_put_endpoint(w, &own);
	}
	crypto_wipe(&c, sizeof(c)); /* passkeys */
	return r;
}

static int count_assigned(void *arg, const struct assigned *row)
{
	size_t *n = arg;

	(void)row;
	++*n;
	return 0;
}

static int on_assigned(void *arg, const struct assigned *row)
{
	struct door_page *p = arg;

	if (door_page_skips(p))
		return 0;
	door_put_assigned(&p->rows, row);
	return door_page_added(p);
}

/* The newest ones, which are at the end. */
int door_answer_assigned(struct door_asking *a, struct writer *w)
{
	static struct hub_facts f;
	struct door_page p;
	size_t n = 0;
	int r = door_load_facts(a, &f);

	if (r == 0)
		r = store_assigned_each(a->store, f.hub.id, f.hub.epoch, count_assigned,
					&n);
	if (r < 0)
		return r;
	cb_put_array(w, 2);
	door_put_facts(w, &f, true);
	door_page_begin(&p, a->rq->op, n > DOOR_PAGE ? n - DOOR_PAGE : 0);
	r = store_assigned_each(a->store, f.hub.id, f.hub.epoch, on_assigned, &p);
	return door_page_end(&p, r, w);
}

/* --- what comes back -------------------------------------------------------------------- */

/* What is signed, if the clinic signed it. Returns 0, -EKEYREJECTED or -EIO. */
static int open_signed(const struct door_asking *a, struct config *ret)
{
	uint8_t public[P256_PUBLIC_LEN];
	char why[FOLDER_WHY_MAX];
	const uint8_t *payload;
	const char *field;
	size_t len;

	if (folder_read(a->dir, FILES_CONFIG_PUB, public, sizeof(public), why) < 0)
		return -EIO;
	if (sign1_open(SIGN_CONTEXT_CONFIG, public, a->rq->cose, a->rq->cose_len,
		       &payload, &len) < 0 ||
	    config_decode(payload, len, ret, &field) < 0)
		return -EKEYREJECTED;
	return 0;
}

/* Is it the one that follows last? */
static int check_next(const struct door_asking *a, const struct hub *h,
		      const struct config *last, const struct config *c)
{
	if (memcmp(c->hub, h->id, sizeof(h->id)) != 0 || c->epoch != h->epoch)
		return -EKEYREJECTED;
	if (last->version != a->rq->number || c->version <= last->version ||
	    c->version <= h->config_used || c->version <= h->config_wanted)
		return -ESTALE;
	return 0;
}

int door_keep_config(struct door_asking *a, const struct config *c)
{
	int r = store_config_put(a->store, c);

	return r < 0 ? r
		     : store_config_offer(a->store, c, a->rq->cose, a->rq->cose_len,
					  a->now_ms);
}

int door_open_next(struct door_asking *a, const char *hub, struct hub *ret_hub,
		   struct config *ret_last, struct config *ret)
{
	int r = open_signed(a, ret);

	if (r == 0)
		r = store_hub_lock(a->store, hub, ret_hub);
	if (r == 0)
		r = last_config(a, ret_hub, ret_last);
	return r < 0 ? r : check_next(a, ret_hub, ret_last, ret);
}

/* A device that c has and last had not, and that measures for the patient of another hub. Returns 1 or 0. */
static int find_used(const struct door_asking *a, const struct config *last,
		     const struct config *c, char ret_other[static HUB_NAME_MAX + 1],
		     uint16_t *ret_num)
{
	static struct config_device more[CONFIG_DEVICES_MAX];
	size_t n = 0, at = 0;
	int r = 0;

	if (c->assignment == 0)
		return 0; /* without a patient it uses none; 'assign' looks then */
	for (size_t i = 0; i < c->device_count; i++)
		if (!store_device_among(&c->devices[i], last))
			more[n++] = c->devices[i];
	if (n > 0)
		r = store_device_user(a->store, c->hub, more, n, ret_other, &at);
	if (r == 1)
		*ret_num = more[at].num;
	crypto_wipe(more, sizeof(more)); /* passkeys */
	return r;
}

static bool has_port(const struct config *c, uint16_t port)
{
	for (size_t i = 0; i < c->endpoint_count; i++)
		if (c->endpoints[i].port == port)
			return true;
	return false;
}

/* That c has and last had not, and to which the hub's own packet filter lets nothing out; 0: there is none. */
static uint16_t find_bad_port(const struct conf *conf, const struct config *last,
			      const struct config *c)
{
	for (size_t i = 0; i < c->endpoint_count; i++)
		if (!has_port(last, c->endpoints[i].port) &&
		    !hub_ports_have(conf->hub_ports, c->endpoints[i].port))
			return c->endpoints[i].port;
	return 0;
}

/* Puts the version, or whose device is in it, or which port no hub may be told of. */
static int keep_or_refuse(struct door_asking *a, const struct config *last,
			  const struct config *c, struct writer *w)
{
	char other[HUB_NAME_MAX + 1] = "", why[FOLDER_WHY_MAX];
	uint16_t num = 0, port;
	struct conf conf;
	int r = find_used(a, last, c, other, &num);

	if (r >= 0 && folder_read_conf(a->dir, &conf, why) < 0)
		return -EIO;
	if (r < 0)
		return r;
	port = find_bad_port(&conf, last, c);
	if (port) {
		a->undo = true;
		cb_put_array(w, 2);
		cb_put_uint(w, port);
		cb_put_text(w, conf.hub_ports, strlen(conf.hub_ports));
		return 0;
	}
	a->undo = r == 1;
	if (r == 0) {
		cb_put_uint(w, c->version);
		return door_keep_config(a, c);
	}
	cb_put_array(w, 2);
	cb_put_text(w, other, strlen(other));
	cb_put_uint(w, num);
	return 0;
}

int door_answer_config_put(struct door_asking *a, struct writer *w)
{
	static struct config last, c;
	struct hub h;
	int r = door_open_next(a, a->rq->name, &h, &last, &c);

	/* Another patient is another operation, with other checks. */
	if (r == 0 && c.assignment != (last.epoch == h.epoch ? last.assignment : 0))
		r = -EKEYREJECTED;
	if (r == 0)
		r = keep_or_refuse(a, &last, &c, w);
	crypto_wipe(&c, sizeof(c));
	crypto_wipe(&last, sizeof(last));
	return r;
}

/* --- another patient -------------------------------------------------------------------- */

static int write_journal(const struct door_asking *a, const struct config *c)
{
	struct journal_entry e = { .act = JOURNAL_ASSIGN,
				   .assignment = c->assignment,
				   .at_ms = a->now_ms };
	int r = store_journal_next(a->store, c->hub, &e.number);

	memcpy(e.who, a->who, sizeof(e.who));
	memcpy(e.why, a->rq->why, sizeof(e.why));
	return r < 0 ? r : store_journal_add(a->store, c->hub, &e);
}

/* 1: it is so already. */
static int is_same(const struct door_asking *a, const struct hub *h,
		   const struct config *last)
{
	struct assigned now;
	int r;

	if (last->epoch != h->epoch)
		return 0; /* it has nobody, whoever it had in its life before */
	if (!*a->rq->patient)
		return last->assignment == 0;
	r = store_assigned_get(a->store, last->hub, last->epoch, last->assignment, &now);
	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : strcmp(now.patient, a->rq->patient) == 0;
}

/* The number that was signed must be the one that comes next. */
static int give_number(const struct door_asking *a, const struct config *c)
{
	uint32_t number = 0;
	int r = 0;

	if (*a->rq->patient)
		r = store_assigned_add(a->store, c->hub, c->epoch, a->rq->patient,
				       a->now_ms, &number);
	return r < 0 ? r : number == c->assignment ? 0 : -ESTALE;
}

static int judge(const struct door_asking *a, const struct hub *h,
		 const struct config *last, const struct config *c,
		 char ret_other[static HUB_NAME_MAX + 1], size_t *ret_at)
{
	struct hub_life life = hub_life_of(h);
	int r;

	if (!life_may(&life, LIFE_MAY_BE_ASSIGNED))
		return DOOR_ASSIGN_GONE;
	r = is_same(a, h, last);
	if (r != 0)
		return r < 0 ? r : (int)DOOR_ASSIGN_SAME;
	if (*a->rq->patient)
		r = store_device_user(a->store, c->hub, c->devices, c->device_count,
				      ret_other, ret_at);
	return r < 0 ? r : r > 0 ? (int)DOOR_ASSIGN_USED : (int)DOOR_ASSIGN_DONE;
}

static int assign(struct door_asking *a, const struct hub *h, const struct config *last,
		  const struct config *c, struct writer *w)
{
	char other[HUB_NAME_MAX + 1] = "";
	size_t at = 0;
	int result = judge(a, h, last, c, other, &at), r = 0;

	if (result < 0)
		return result;
	if (result == DOOR_ASSIGN_DONE)
		r = give_number(a, c);
	if (r == 0 && result == DOOR_ASSIGN_DONE)
		r = write_journal(a, c);
	if (r == 0 && result == DOOR_ASSIGN_DONE)
		r = door_keep_config(a, c);
	a->undo = result != DOOR_ASSIGN_DONE;
	cb_put_array(w, 3);
	cb_put_uint(w, (uint64_t)result);
	cb_put_text(w, other, strlen(other));
	cb_put_uint(w, at);
	return r;
}

int door_answer_assign(struct door_asking *a, struct writer *w)
{
	static struct config last, c;
	struct hub h;
	int r;

	if (*a->rq->patient && !store_assigned_is_patient(a->rq->patient))
		return -EBADMSG;
	r = door_open_next(a, a->rq->name, &h, &last, &c);
	if (r == 0)
		r = assign(a, &h, &last, &c, w);
	crypto_wipe(&c, sizeof(c));
	crypto_wipe(&last, sizeof(last));
	return r;
}
