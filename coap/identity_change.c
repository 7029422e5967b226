/*
 * identity_change.c - what enrolment says is to be kept; see identity_store.h.
 *
 * Order of writes
 *   promotion   enrol-a and -b (epoch, no tries); next -> current, by a rename; ticket erased (else at the next start);
 *               identity.key and .crt removed
 *   new key     enrol-a and -b (tries); next
 *   trust       former (hashes of those in this life); clinic.trust
 *   emergency   emergency.next; emergency.next -> emergency, by a rename; then current and next anew, wrapped; identity.key erased
 */
#include "coap/identity_inside.h"

#include <errno.h>
#include <string.h>

#include "coap/identity.h"
#include "coap/identity_cert.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"

static int keep_trust(struct identity_store *s, const uint8_t *file, size_t len)
{
	int r = len > IDENTITY_TRUST_MAX ? -EMSGSIZE
					 : identity_forget_former(s, file, len);

	if (r == 0)
		r = file_replace(s->dir, "clinic.trust", file, len);
	s->trusted |= r == 0;
	return r;
}

static struct identity_key *next_of(struct identity_store *s, bool emergency)
{
	return emergency ? &s->emergency_next : &s->next;
}

static int replace_next(struct identity_store *s, struct identity_key *k)
{
	int r = k->is_emergency ? identity_disk_write(s, "emergency.next", k)
				: identity_wrap_write(s, "next", k);

	if (r == 0)
		*next_of(s, k->is_emergency) = *k;
	return r;
}

/* How many an emergency identity has used up is counted until the next start only: nobody is called for it. */
static int note_try(struct identity_store *s, const struct enrol_action *a)
{
	struct identity_state state = s->state;

	if (a->emergency)
		return 0;
	state.tries = a->tries;
	return identity_disk_write_state(s, state);
}

static int make_key(struct identity_store *s, const struct enrol_action *a)
{
	struct identity_key k = { .there = true,
				  .renewal = a->renewal,
				  .is_emergency = a->emergency,
				  .wanted = a->emergency ? 0 : s->wanted,
				  .epoch = a->epoch };
	uint8_t hub[HUB_ID_LEN], public[P256_PUBLIC_LEN];
	int r = identity_store_hub(s, hub), n;

	if (r == 0 && a->emergency)
		r = !s->current.there ? -ENOENT
				      : identity_pin(s->current.cert, s->current.cert_len,
						     k.beside);
	if (r == 0)
		r = note_try(s, a);
	FAILPOINT("identity.key.between");
	if (r < 0)
		return r;
	p256_generate(k.private, public);
	n = csr_make(k.private, hub, k.request);
	k.request_len = n < 0 ? 0 : (size_t)n;
	r = n < 0 ? n : replace_next(s, &k);
	crypto_wipe(&k, sizeof(k));
	return r;
}

static int keep_cert(struct identity_store *s, const struct enrol_action *a,
		     const uint8_t *der, size_t len)
{
	struct identity_key k = *next_of(s, a->emergency);
	struct enrol_validity dates;
	int r = k.there ? identity_store_fits(s, a->emergency, der, len, &dates)
			: -ENOENT;

	if (r == 0) {
		memcpy(k.cert, der, len);
		k.cert_len = len;
		k.epoch = a->epoch;
		k.renewal = a->renewal;
		r = replace_next(s, &k);
	}
	if (r == 0 && a->emergency)
		s->emergency_next_dates = dates;
	else if (r == 0)
		s->next_dates = dates;
	crypto_wipe(&k, sizeof(k));
	return r;
}

static int keep_epoch(struct identity_store *s, const struct enrol_action *a)
{
	struct identity_key k = *next_of(s, a->emergency);
	int r;

	if (!k.there)
		return -ENOENT;
	k.epoch = a->epoch;
	r = replace_next(s, &k);
	crypto_wipe(&k, sizeof(k));
	return r;
}

static int promote(struct identity_store *s, const struct enrol_action *a)
{
	struct identity_state state = s->state;
	int r;

	if (!s->next.there || s->next.cert_len == 0)
		return -ENOENT;
	state.tries = 0;
	if (a->epoch > state.epoch)
		state.epoch = a->epoch;
	r = identity_disk_write_state(s, state);
	FAILPOINT("identity.promote.between");
	if (r == 0)
		r = file_rename(s->dir, "next", "current");
	if (r < 0)
		return r;
	s->current = s->next;
	s->current_dates = s->next_dates;
	crypto_wipe(&s->next, sizeof(s->next));
	crypto_wipe(&s->ticket, sizeof(s->ticket));
	FAILPOINT("identity.ticket.before");
	(void)file_erase(s->dir, "ticket");
	/* from here on 'current' counts, whether these go or stay */
	(void)file_remove(s->dir, "identity.key");
	(void)file_remove(s->dir, "identity.crt");
	s->old_form = false;
	(void)identity_wrap_all(s); /* or with the next share */
	return 0;
}

/* The credential in use is wrapped from here on: there is something else to speak with when it is withheld. */
static int promote_emergency(struct identity_store *s)
{
	int r;

	if (!s->emergency_next.there || s->emergency_next.cert_len == 0)
		return -ENOENT;
	r = file_rename(s->dir, "emergency.next", "emergency");
	if (r < 0)
		return r;
	s->emergency = s->emergency_next;
	s->emergency_dates = s->emergency_next_dates;
	crypto_wipe(&s->emergency_next, sizeof(s->emergency_next));
	FAILPOINT("identity.emergency.promoted");
	(void)identity_wrap_all(s);
	return 0;
}

int identity_store_keep_ticket(struct identity_store *s,
			       const uint8_t private[static P256_PRIVATE_LEN],
			       const uint8_t *cert, size_t len)
{
	struct identity_key k = { .there = true, .cert_len = len };
	int r;

	if (s->current.there)
		return -EACCES;
	if (len == 0 || len > sizeof(k.cert))
		return -EMSGSIZE;
	memcpy(k.private, private, sizeof(k.private));
	memcpy(k.cert, cert, len);
	r = identity_cert_match(&k, cert, len);
	if (r == 0)
		r = identity_disk_write(s, "ticket", &k);
	if (r == 0)
		s->ticket = k;
	crypto_wipe(&k, sizeof(k));
	return r;
}

int identity_store_do(struct identity_store *s, const struct enrol_action *a,
		      const uint8_t *der, size_t len)
{
	if (!a->emergency && a->what != ENROL_FORGET && a->what != ENROL_KEEP_TRUST &&
	    (s->withheld || identity_store_is_shut(s)))
		return -EACCES;
	switch (a->what) {
	case ENROL_KEEP_TRUST: return keep_trust(s, der, len);
	case ENROL_MAKE_KEY: return make_key(s, a);
	case ENROL_KEEP_CERT: return keep_cert(s, a, der, len);
	case ENROL_KEEP_EPOCH: return keep_epoch(s, a);
	case ENROL_PROMOTE: return a->emergency ? promote_emergency(s) : promote(s, a);
	case ENROL_FORGET: return identity_forget(s);
	case ENROL_NOTHING:
	case ENROL_SEND:
	case ENROL_USE:
	case ENROL_CALL: break;
	}
	return -EINVAL;
}

int identity_store_fits(const struct identity_store *s, bool emergency,
			const uint8_t *der, size_t len, struct enrol_validity *ret)
{
	const struct identity_key *next = emergency ? &s->emergency_next : &s->next;
	uint8_t hub[HUB_ID_LEN];
	int r = len > IDENTITY_CERT_MAX ? -EMSGSIZE : identity_check_form(der, len, true);

	if (r == 0 && (!next->there || next->shut || identity_store_hub(s, hub) != 0))
		r = -EKEYREJECTED;
	if (r == 0)
		r = identity_cert_match(next, der, len);
	return r ? r : identity_cert_look(der, len, hub, ret);
}

int identity_store_request(const struct identity_store *s, bool emergency,
			   const uint8_t **ret)
{
	const struct identity_key *next = emergency ? &s->emergency_next : &s->next;

	if (!next->there || next->request_len == 0)
		return -ENOENT;
	*ret = next->request;
	return (int)next->request_len;
}
