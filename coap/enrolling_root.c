/*
 * enrolling_root.c - the clinic's root, and the one that it goes over to (anchors.h); see enrolling_inside.h.
 */
#include "coap/enrolling_inside.h"

#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/crypto/trust_cross.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"

const char *enrolling_roots(struct enrolling *e)
{
	return anchor_roots(&e->next, &e->anchor, e->roots);
}

/* The numbers of enum anchors_state are those of the message. */
void enrolling_tell_root(struct enrolling *e)
{
	uint8_t der[TRUST_ROOT_MAX], hash[SHA256_LEN];
	struct msg m = { .kind = MSG_STATUS, .status = { .what = STATUS_ANCHOR } };
	int n = anchor_root_der(&e->anchor, der);

	if (e->hubd_knows_root || n < 0)
		return;
	crypto_sha256(der, (size_t)n, hash);
	for (size_t i = 0; i < sizeof(m.status.a); i++)
		m.status.a = m.status.a << 8 | hash[i];
	m.status.b = (uint64_t)anchors_state(&e->next.machine);
	e->host.tell_hubd(e->host.arg, &m);
	e->hubd_knows_root = true;
}

/* Of a bundle's files root.crt goes last: beside it another root's clinic.trust does not count, and all is done again. */
static int keep_next(struct enrolling *e)
{
	static const struct enrol_action keep = { .what = ENROL_KEEP_TRUST };
	int r = identity_store_do(e->store, &keep, e->next.file, e->next.len);

	FAILPOINT("coap.anchor.between");
	if (r == 0 && !file_is_gone(e->dir, "root.crt"))
		r = file_remove(e->dir, "root.crt");
	anchors_on_kept(&e->next.machine, r == 0);
	if (r < 0) {
		log_err("clinic-root", "error=\"%s\" do=\"check the disk\"", err_text(r));
		return r;
	}
	anchor_look(e->dir, false, 0, &e->anchor);
	e->main.trouble = e->anchor.trouble;
	/* hubd has it from the config; as another clinic's it would refuse it */
	log_info("clinic-root", "now=the-next-one");
	return 0;
}

void enrolling_drain_roots(struct enrolling *e)
{
	enum anchors_do what;

	while ((what = anchors_next(&e->next.machine, rt_mono())) != ANCHORS_NOTHING) {
		if (what == ANCHORS_USE) {
			log_info("clinic-root", "counts=%s",
				 anchors_state(&e->next.machine) == ANCHORS_ONE
					 ? "the-one-it-has"
				 : anchors_state(&e->next.machine) == ANCHORS_BESIDE
					 ? "both"
					 : "the-next-one-on-trial");
			enrolling_use(e);
		} else {
			(void)keep_next(e);
		}
		e->hubd_knows_root = false;
	}
}

/* A hub that was added by hand and has a root alone can renew its certificate from now on. */
static void take_own(struct enrolling *e)
{
	static const struct enrol_action keep = { .what = ENROL_KEEP_TRUST };
	int r;

	if (e->anchor.has_trust || !file_is_gone(e->dir, "clinic.trust"))
		return;
	r = identity_store_do(e->store, &keep, e->next.file, e->next.len);
	if (r < 0)
		log_err("clinic-trust-unkept", "error=\"%s\" do=\"check the disk\"",
			err_text(r));
	else
		e->look_at = (struct mono){ 0 };
}

void enrolling_on_acknowledged(struct enrolling *e)
{
	if (anchors_state(&e->next.machine) != ANCHORS_ALONE)
		return;
	anchors_on_acknowledged(&e->next.machine);
	enrolling_drain(e);
}

void enrolling_on_anchor(struct enrolling *e, const struct msg_anchor *piece)
{
	int r = anchor_next_add(&e->next, piece);

	if (r <= 0)
		return;
	r = anchor_next_take(&e->next, &e->anchor, rt_mono());
	if (r < 0)
		log_err("clinic-root",
			"error=\"%s\" note=\"the root that this hub has does not vouch "
			"for it; not taken\"",
			err_text(r));
	if (r == TRUST_OFFER_SAME)
		take_own(e);
	e->hubd_knows_root = false; /* it may follow by that */
	enrolling_drain(e);
}
