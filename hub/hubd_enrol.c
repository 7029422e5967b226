/*
 * hubd_enrol.c - what hub-coap says of the enrolment: the clinic's trust is taken, the config of that enrolment expected.
 */
#include "hub/hubd_inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hub/core/enrolled.h"
#include "hub/core/err.h"
#include "hub/crypto/trust_sign.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"

void hubd_open_trusted(struct hubd *h)
{
	int r = trusted_open(&h->trusted, h->options.state_dir);

	h->settings.trusted = &h->trusted;
	if (r && r != -ENOENT)
		log_err("trust-file",
			"file=%s/clinic.trust error=\"%s\" note=\"it is as if it were "
			"not there\"",
			h->options.state_dir, err_text(r));
}

static void take_trust(struct hubd *h)
{
	char shown[TRUST_FINGERPRINT_MAX];
	int r = trusted_take(&h->trusted);

	if (r > 0)
		log_info("trust-taken", "clinic=\"%s\" fingerprint=\"%s\"",
			 h->trusted.trust.clinic,
			 trust_fingerprint(h->trusted.hash, shown));
	else if (r == -EACCES && h->trusted.known)
		log_err("trust-refused", "error=\"it is of another clinic\" "
					 "do=\"reset the hub if it shall go there\"");
	else if (r < 0 && r != -EACCES)
		log_err("trust-refused", "error=\"%s\"", err_text(r));
}

void hubd_send_root(struct hubd *h)
{
	const struct config_root *root = &h->settings.config.root;
	struct msg m = { .kind = MSG_ANCHOR };
	uint8_t all[ANCHOR_BYTES_MAX];
	struct msg_anchor *p = &m.anchor;
	size_t total = root->trust_len + root->cross_len, at = 0;

	if (!h->settings.loaded || root->trust_len == 0 || hubd_is_outlived(h))
		return;
	memcpy(all, root->trust, root->trust_len);
	memcpy(all + root->trust_len, root->cross, root->cross_len);
	p->only = root->only;
	p->trust = (uint16_t)root->trust_len;
	p->total = (uint16_t)total;
	do {
		size_t n = total - at;

		n = n < ENROLMENT_PIECE_MAX ? n : ENROLMENT_PIECE_MAX;
		p->offset = (uint16_t)at;
		p->len = (uint16_t)n;
		memcpy(p->bytes, all + at, n);
		if (!hubd_send(h->coap, &m))
			return; /* the config that follows does not go either, and both come again */
		at += n;
	} while (at < total);
}

void hubd_send_leaving(struct hubd *h)
{
	enum command_retire how = orders_retire(&h->orders);
	const struct msg m = { .kind = MSG_LEAVING,
			       .leaving.leaving = how == COMMAND_RETIRE_DRAIN ||
						  how == COMMAND_RETIRE_DISCARD };

	hubd_send(h->coap, &m);
}

/* Said again at each connection, so a cut here is mended by the next one. */
void hubd_on_anchor(struct hubd *h, const struct msg_status *s)
{
	const struct config_root *root = &h->settings.config.root;
	uint8_t hash[TRUST_HASH_LEN], sha[SHA256_LEN];
	const char *field;
	struct trust t;
	uint64_t begin = 0;
	int r;

	if (s->b != 0 || !h->settings.loaded || root->trust_len == 0 ||
	    trust_open(root->trust, root->trust_len, &t, hash, &field))
		return;
	crypto_sha256(t.root, t.root_len, sha);
	for (size_t i = 0; i < sizeof(begin); i++)
		begin = begin << 8 | sha[i];
	if (begin != s->a)
		return;
	r = trusted_follow(&h->trusted, root->trust, root->trust_len);
	if (r > 0)
		log_info("trust-followed", "clinic=\"%s\"", t.clinic);
	else if (r < 0)
		log_err("trust-file", "error=\"%s\" do=\"check the disk\"", err_text(r));
}

/* Of another hub, says hub-coap: not while a config says which one this is. */
static bool is_ours(const struct hubd *h, const struct msg_enrolment *e)
{
	return !h->settings.loaded ||
	       memcmp(e->hub, h->settings.config.hub, HUB_ID_LEN) == 0;
}

static void expect_config(struct hubd *h, const struct msg_enrolment *e)
{
	if (e->epoch == 0 || !e->has_hub || !h->trusted.known || !is_ours(h, e))
		return;
	settings_expect(&h->settings, e->hub, e->epoch);
	trusted_config(&h->trusted.trust, e->hub, e->epoch, &h->first);
	h->has_first = true;
	if (h->settings.loaded && !hubd_is_outlived(h))
		return;
	hubd_send_config(h, h->store);
	hubd_send_config(h, h->coap);
}

/* For the console, and whoever looks. */
static void show_enrolment(struct hubd *h, const struct msg_enrolment *e)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%s %s %u", enrol_state_text(e->state),
			 enrol_trouble_text(e->trouble), e->epoch);
	int r = file_replace(h->options.state_dir, "enrolment", (const uint8_t *)text,
			     (size_t)n);

	if (r)
		log_warn("enrolment-file", "error=\"%s\"", err_text(r));
}

void hubd_on_enrolment(struct hubd *h, const struct msg_enrolment *e)
{
	const struct msg_enrolment *old = &h->enrolment;
	bool same = old->state == e->state && old->trouble == e->trouble &&
		    old->epoch == e->epoch && old->has_hub == e->has_hub;
	int all = e->len ? trusted_add(&h->trusted, e) : 0;

	h->enrolment = *e;
	if (all < 0)
		log_warn("trust-piece", "error=\"%s\"", err_text(all));
	if (all > 0)
		take_trust(h);
	if (!same)
		show_enrolment(h, e);
	if (all > 0 || !same)
		expect_config(h, e);
	health_on_enrolment(&h->health, e->state, e->trouble);
	hubd_tell_health(h);
}
