/*
 * identity_store.c - see identity_store.h.
 *
 * Order of writes
 *   promotion   enrol-a and -b (epoch, no tries); next -> current, by a rename; ticket erased (else at the next start);
 *               identity.key and .crt removed
 *   new key     enrol-a and -b (tries); next
 *   emergency   emergency.next; emergency.next -> emergency, by a rename; then current and next anew, wrapped; identity.key erased
 *   reset       enrol-a and -b (resetting); all but these and the device key removed; enrol-a and -b (not resetting)
 */
#include "coap/identity_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "coap/identity.h"
#include "coap/identity_cert.h"
#include "hub/core/err.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"

enum { PEM_FILE_MAX = 8192 };

struct identity_store {
	const char *dir;
	struct identity_state state;
	struct identity_key device, current, next, ticket;
	struct enrol_validity current_dates, next_dates;
	struct identity_key emergency, emergency_next;
	struct enrol_validity emergency_dates, emergency_next_dates;
	bool has_spki; /* of the device key */
	uint8_t spki[SHA256_LEN];
	bool has_share, withheld;
	uint8_t share[KEY_LEN];
	uint32_t wanted;
	bool trusted;
	bool old_form; /* current is identity.key and identity.crt */
	unsigned damaged;
};

/* --- reading -------------------------------------------------------------------------------------- */

/* Returns true if the key is there, whole, and its certificate, if there is one, is for it. */
static bool read_key(struct identity_store *s, const char *name, struct identity_key *ret,
		     struct enrol_validity *ret_dates)
{
	uint8_t buf[IDENTITY_FILE_MAX];
	int n = file_read(s->dir, name, buf, sizeof(buf));
	int r = n < 0 ? n : identity_key_decode(buf, (size_t)n, ret);

	crypto_wipe(buf, sizeof(buf));
	if (r == 0 && ret->cert_len) {
		if (!ret->shut)
			r = identity_cert_match(ret, ret->cert, ret->cert_len);
		if (r == 0)
			r = identity_cert_look(ret->cert, ret->cert_len, NULL, ret_dates);
	}
	if (r == 0)
		return true;
	s->damaged += r != -ENOENT;
	crypto_wipe(ret, sizeof(*ret));
	return false;
}

static int write_key(const struct identity_store *s, const char *name,
		     const struct identity_key *k)
{
	uint8_t buf[IDENTITY_FILE_MAX];
	int r = file_replace(s->dir, name, buf, identity_key_encode(k, buf));

	crypto_wipe(buf, sizeof(buf));
	return r;
}

/* --- wrapped keys --------------------------------------------------------------------------------- */

/* Written as it is to lie there. k is wiped by the caller. */
static int write_credential(const struct identity_store *s, const char *name,
			    struct identity_key *k)
{
	k->wrapped = s->has_share && s->emergency.there;
	if (k->wrapped)
		identity_key_wrap(k, s->share);
	return write_key(s, name, k);
}

/* One that was written before there was a share or an emergency identity. */
static int wrap_one(const struct identity_store *s, const char *name,
		    struct identity_key *k)
{
	struct identity_key wrapped;
	int r;

	if (!k->there || k->wrapped || k->shut)
		return 0;
	wrapped = *k;
	r = write_credential(s, name, &wrapped);
	if (r == 0)
		*k = wrapped;
	crypto_wipe(&wrapped, sizeof(wrapped));
	FAILPOINT("identity.wrap.between");
	return r;
}

static int wrap_all(struct identity_store *s)
{
	int r;

	if (!s->has_share || !s->emergency.there)
		return 0;
	r = wrap_one(s, "current", &s->current);
	if (r == 0)
		r = wrap_one(s, "next", &s->next);
	if (r < 0 || !s->current.wrapped)
		return r;
	/* 'current' counts from here on, whether these go or stay */
	s->old_form = false;
	return file_is_gone(s->dir, "identity.key") ? 0
						    : file_erase(s->dir, "identity.key");
}

/* One that is known already, and was wrapped under another share, is wrapped anew. */
static int open_one(const struct identity_store *s, struct identity_key *k)
{
	struct identity_key opened = *k;
	int r;

	if (!k->there || !k->wrapped)
		return 0;
	r = identity_key_open(&opened, s->share);
	if (r == 0 && k->cert_len)
		r = identity_cert_match(&opened, k->cert, k->cert_len);
	if (r == 0)
		*k = opened;
	else
		k->wrapped = k->shut;
	crypto_wipe(&opened, sizeof(opened));
	return k->shut ? -EKEYREJECTED : 0;
}

static void shut_one(struct identity_key *k)
{
	crypto_wipe(k->private, sizeof(k->private));
	k->shut = k->there;
}

/* --- state ---------------------------------------------------------------------------------------- */

static void read_state(struct identity_store *s, const char *name)
{
	uint8_t buf[IDENTITY_STATE_LEN];
	struct identity_state one;
	int n = file_read(s->dir, name, buf, sizeof(buf));
	int r = n < 0 ? n : identity_state_decode(buf, (size_t)n, &one);

	s->damaged += r < 0 && r != -ENOENT;
	if (r < 0)
		return;
	/* of two that differ the one that asks for more care: what is too high or too much costs nothing */
	if (one.epoch > s->state.epoch)
		s->state.epoch = one.epoch;
	if (one.tries > s->state.tries)
		s->state.tries = one.tries;
	s->state.resetting |= one.resetting;
}

static int write_state(struct identity_store *s, struct identity_state state)
{
	uint8_t buf[IDENTITY_STATE_LEN];
	int r;

	identity_state_encode(&state, buf);
	r = file_replace(s->dir, "enrol-a", buf, sizeof(buf));
	FAILPOINT("identity.state.between");
	if (r == 0)
		r = file_replace(s->dir, "enrol-b", buf, sizeof(buf));
	if (r == 0)
		s->state = state;
	return r;
}

/* The PEM files of 'hub add'. */
static bool read_old_form(struct identity_store *s)
{
	uint8_t cert[PEM_FILE_MAX], key[PEM_FILE_MAX];
	struct identity_key k = { 0 };
	int cert_len = file_read(s->dir, "identity.crt", cert, sizeof(cert));
	int key_len = file_read(s->dir, "identity.key", key, sizeof(key));
	bool good = cert_len > 0 && key_len > 0 &&
		    identity_pem_decode(cert, (size_t)cert_len, key, (size_t)key_len,
					&k) == 0 &&
		    identity_cert_look(k.cert, k.cert_len, NULL, &s->current_dates) == 0;

	if (good)
		s->current = k;
	crypto_wipe(&k, sizeof(k));
	crypto_wipe(key, sizeof(key));
	return good;
}

/* --- the device key ------------------------------------------------------------------------------- */

static int keep_device(struct identity_store *s, const uint8_t *private)
{
	int n;

	s->device = (struct identity_key){ .there = true };
	memcpy(s->device.private, private, P256_PRIVATE_LEN);
	n = bootstrap_make(private, s->device.cert);
	if (n < 0)
		return n;
	s->device.cert_len = (size_t)n;
	/* the copy first: a hub is not known by a key that it may lose again */
	if (csr_spki(private, s->spki) == 0)
		s->has_spki = true;
	n = write_key(s, "device.copy", &s->device);
	FAILPOINT("identity.device.between");
	return n ? n : write_key(s, "device", &s->device);
}

/* Nothing of an earlier life is there, not even damaged. */
static bool is_first_start(const struct identity_store *s)
{
	static const char *const names[] = { "device",	  "device.copy", "current",
					     "next",	  "enrol-a",	 "enrol-b",
					     "emergency", "identity.key" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!file_is_gone(s->dir, names[i]))
			return false;
	return true;
}

static int open_device(struct identity_store *s)
{
	uint8_t private[P256_PRIVATE_LEN], public[P256_PUBLIC_LEN];
	struct identity_key copy = { 0 };
	struct enrol_validity ignored;
	bool has_copy = read_key(s, "device.copy", &copy, &ignored);
	int r = 0;

	if (read_key(s, "device", &s->device, &ignored))
		r = has_copy ? 0 : write_key(s, "device.copy", &s->device);
	else if (has_copy) {
		s->device = copy;
		r = write_key(s, "device", &copy);
	}
	crypto_wipe(&copy, sizeof(copy));
	if (s->device.there) {
		s->has_spki = csr_spki(s->device.private, s->spki) == 0;
		return r;
	}
	if (s->old_form)
		return keep_device(s, s->current.private);
	if (is_first_start(s)) {
		p256_generate(private, public);
		r = keep_device(s, private);
		crypto_wipe(private, sizeof(private));
	}
	return r;
}

/* --- opening -------------------------------------------------------------------------------------- */

#define FILE_LEAVING "leaving"
#define FILE_LEFT "left"

/* While the file is here: what is to be recognised later is durable before it goes. */
static int note_left(const struct identity_store *s)
{
	uint8_t file[IDENTITY_TRUST_MAX], hash[SHA256_LEN];
	int n;

	if (!file_exists(s->dir, FILE_LEAVING))
		return 0;
	n = identity_store_trust(s, file);
	if (n < 0)
		return n == -ENOENT ? 0 : n;
	crypto_sha256(file, (size_t)n, hash);
	return file_replace(s->dir, FILE_LEFT, hash, sizeof(hash));
}

static int forget(struct identity_store *s)
{
	static const char *const names[] = {
		"clinic.trust", "next",		"current",  "emergency", "emergency.next",
		"identity.key", "identity.crt", "root.crt", FILE_LEAVING
	};
	struct identity_state state = { .resetting = true, .epoch = s->state.epoch };
	int r;

	if (s->current.there && s->current.epoch > state.epoch)
		state.epoch = s->current.epoch;
	r = write_state(s, state);
	if (r == 0)
		r = file_erase(s->dir, "ticket");
	if (r == 0)
		r = note_left(s);
	for (size_t i = 0; r == 0 && i < sizeof(names) / sizeof(*names); i++) {
		r = file_remove(s->dir, names[i]);
		FAILPOINT("identity.forget.between");
	}
	state.resetting = false;
	if (r == 0)
		r = write_state(s, state);
	if (r < 0)
		return r;
	crypto_wipe(&s->current, sizeof(s->current));
	crypto_wipe(&s->next, sizeof(s->next));
	crypto_wipe(&s->ticket, sizeof(s->ticket));
	crypto_wipe(&s->emergency, sizeof(s->emergency));
	crypto_wipe(&s->emergency_next, sizeof(s->emergency_next));
	s->trusted = s->old_form = false;
	return 0;
}

/* Beside a credential in use it is what a power cut has left of one that was used up. */
static void open_ticket(struct identity_store *s)
{
	struct enrol_validity ignored;

	if (s->current.there)
		(void)file_erase(s->dir, "ticket");
	else if (read_key(s, "ticket", &s->ticket, &ignored) && s->ticket.cert_len == 0)
		crypto_wipe(&s->ticket, sizeof(s->ticket));
}

static void read_credentials(struct identity_store *s)
{
	if (!read_key(s, "current", &s->current, &s->current_dates) &&
	    file_is_gone(s->dir, "current"))
		s->old_form = read_old_form(s);
	if (s->current.there && s->current.cert_len == 0)
		crypto_wipe(&s->current, sizeof(s->current));
	read_key(s, "next", &s->next, &s->next_dates);
	open_ticket(s);
}

/* What is not of an emergency identity is not taken for one, nor the other way round. */
static void read_emergency(struct identity_store *s)
{
	if (read_key(s, "emergency", &s->emergency, &s->emergency_dates) &&
	    (!s->emergency.is_emergency || s->emergency.shut ||
	     s->emergency.cert_len == 0)) {
		crypto_wipe(&s->emergency, sizeof(s->emergency));
		s->damaged++;
	}
	if (read_key(s, "emergency.next", &s->emergency_next, &s->emergency_next_dates) &&
	    (!s->emergency_next.is_emergency || s->emergency_next.shut)) {
		crypto_wipe(&s->emergency_next, sizeof(s->emergency_next));
		s->damaged++;
	}
}

static int open_all(struct identity_store *s)
{
	int r;

	read_state(s, "enrol-a");
	read_state(s, "enrol-b");
	read_credentials(s);
	read_emergency(s);
	s->trusted = file_exists(s->dir, "clinic.trust");
	r = open_device(s);
	if (r == 0 && s->state.resetting)
		r = forget(s);
	return s->current.there ? 0 : r;
}

int identity_store_open(const char *dir, struct identity_store **ret)
{
	struct identity_store *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->dir = dir;
	r = open_all(s);
	if (r == 0)
		*ret = s;
	else
		identity_store_free(s);
	return r;
}

void identity_store_free(struct identity_store *s)
{
	if (!s)
		return;
	crypto_wipe(s, sizeof(*s));
	free(s);
}

struct enrol_kept identity_store_kept(const struct identity_store *s)
{
	const struct identity_key *current = &s->current, *next = &s->next;
	struct enrol_kept k = { .trusted = s->trusted,
				.epoch = s->state.epoch,
				.tries = s->state.tries,
				.has_ticket = s->ticket.there,
				.has_current = current->there,
				.has_key = next->there,
				.has_next = next->there && next->cert_len > 0 };

	if (k.has_current) {
		k.current_epoch = current->epoch;
		k.current = s->current_dates;
	}
	if (k.has_key) {
		k.next_epoch = next->epoch;
		k.next_renewal = next->renewal;
	}
	if (k.has_next)
		k.next = s->next_dates;
	if (k.current_epoch > k.epoch)
		k.epoch = k.current_epoch;
	return k;
}

struct enrol_kept identity_store_kept_emergency(const struct identity_store *s)
{
	const struct identity_key *current = &s->current, *next = &s->emergency_next;
	struct enrol_kept k = { .trusted = s->trusted,
				.has_current = current->there,
				.current_epoch = current->epoch,
				.epoch = current->epoch,
				.has_key = next->there,
				.has_next = next->there && next->cert_len > 0 };

	if (s->emergency.there)
		k.current = s->emergency_dates;
	if (k.has_key) {
		k.next_epoch = next->epoch;
		k.next_renewal = next->renewal;
	}
	if (k.has_next)
		k.next = s->emergency_next_dates;
	return k;
}

bool identity_store_has_emergency(const struct identity_store *s)
{
	return s->emergency.there;
}

bool identity_store_wants_emergency(const struct identity_store *s)
{
	uint8_t pin[IDENTITY_PIN_LEN];

	if (!s->current.there)
		return false;
	return !s->emergency.there || s->emergency.epoch != s->current.epoch ||
	       identity_pin(s->current.cert, s->current.cert_len, pin) != 0 ||
	       memcmp(pin, s->emergency.beside, sizeof(pin)) != 0;
}

/* --- withheld, and given back --------------------------------------------------------------------- */

int identity_store_withhold(struct identity_store *s)
{
	if (!s->emergency.there)
		return -ENOENT;
	shut_one(&s->device);
	shut_one(&s->current);
	shut_one(&s->next);
	shut_one(&s->ticket);
	crypto_wipe(s->share, sizeof(s->share));
	s->has_share = false;
	s->withheld = true;
	return 0;
}

static void read_again(struct identity_store *s)
{
	struct enrol_validity ignored;

	if (!s->withheld)
		return;
	s->withheld = false;
	s->old_form = false;
	read_credentials(s);
	if (!read_key(s, "device", &s->device, &ignored))
		(void)read_key(s, "device.copy", &s->device, &ignored);
}

int identity_store_give_share(struct identity_store *s,
			      const uint8_t share[static KEY_LEN])
{
	int r;

	memcpy(s->share, share, KEY_LEN);
	s->has_share = true;
	read_again(s);
	r = open_one(s, &s->current);
	if (r < 0)
		return r;
	if (open_one(s, &s->next) < 0) { /* as one that is lost */
		crypto_wipe(&s->next, sizeof(s->next));
		s->damaged++;
	}
	return wrap_all(s);
}

bool identity_store_is_shut(const struct identity_store *s)
{
	return s->current.there && s->current.shut;
}

void identity_store_want(struct identity_store *s, uint32_t number)
{
	s->wanted = number;
}

uint32_t identity_store_wanted(const struct identity_store *s)
{
	return s->current.there ? s->current.wanted : 0;
}

/* --- who it is ------------------------------------------------------------------------------------ */

const char *identity_store_dir(const struct identity_store *s)
{
	return s->dir;
}

unsigned identity_store_damaged(const struct identity_store *s)
{
	return s->damaged;
}

int identity_store_spki(const struct identity_store *s, uint8_t ret[static SHA256_LEN])
{
	if (!s->has_spki)
		return -ENOENT;
	memcpy(ret, s->spki, SHA256_LEN);
	return 0;
}

int identity_store_label(const char *dir, uint8_t ret[static SHA256_LEN])
{
	struct identity_store s = { .dir = dir };
	struct enrol_validity ignored;
	int r;

	if (!read_key(&s, "device", &s.device, &ignored))
		(void)read_key(&s, "device.copy", &s.device, &ignored);
	r = s.device.there && csr_spki(s.device.private, ret) == 0 ? 0 : -ENOENT;
	crypto_wipe(&s, sizeof(s));
	return r;
}

int identity_store_hub(const struct identity_store *s, uint8_t ret[static HUB_ID_LEN])
{
	uint8_t spki[SHA256_LEN];
	int r = identity_store_spki(s, spki);

	if (r == 0)
		memcpy(ret, spki, HUB_ID_LEN);
	return r;
}

/* --- changes -------------------------------------------------------------------------------------- */

static int keep_trust(struct identity_store *s, const uint8_t *file, size_t len)
{
	int r = len > IDENTITY_TRUST_MAX
			? -EMSGSIZE
			: file_replace(s->dir, "clinic.trust", file, len);

	s->trusted |= r == 0;
	return r;
}

static struct identity_key *next_of(struct identity_store *s, bool emergency)
{
	return emergency ? &s->emergency_next : &s->next;
}

static int replace_next(struct identity_store *s, struct identity_key *k)
{
	int r = k->is_emergency ? write_key(s, "emergency.next", k)
				: write_credential(s, "next", k);

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
	return write_state(s, state);
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
	r = write_state(s, state);
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
	(void)wrap_all(s); /* or with the next share */
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
	(void)wrap_all(s);
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
		r = write_key(s, "ticket", &k);
	if (r == 0)
		s->ticket = k;
	crypto_wipe(&k, sizeof(k));
	return r;
}

bool identity_store_has_ticket(const struct identity_store *s, const uint8_t *cert,
			       size_t len)
{
	return s->ticket.there && s->ticket.cert_len == len &&
	       memcmp(s->ticket.cert, cert, len) == 0;
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
	case ENROL_FORGET: return forget(s);
	case ENROL_NOTHING:
	case ENROL_SEND:
	case ENROL_USE:
	case ENROL_CALL: break;
	}
	return -EINVAL;
}

/* --- what is asked for ---------------------------------------------------------------------------- */

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

static const struct identity_key *key_of(const struct identity_store *s,
					 enum identity_which which)
{
	switch (which) {
	case IDENTITY_DEVICE: return &s->device;
	case IDENTITY_CURRENT: return &s->current;
	case IDENTITY_NEXT: return &s->next;
	case IDENTITY_TICKET: return &s->ticket;
	case IDENTITY_EMERGENCY: return &s->emergency;
	case IDENTITY_EMERGENCY_NEXT: return &s->emergency_next;
	}
	return NULL;
}

int identity_store_pem(const struct identity_store *s, enum identity_which which,
		       struct identity_pem *ret)
{
	const struct identity_key *k = key_of(s, which);
	int n;

	if (!k || !k->there || k->cert_len == 0)
		return -ENOENT;
	if (k->shut)
		return -EACCES;
	if (which == IDENTITY_CURRENT && s->old_form) { /* a chain, maybe */
		n = file_read(s->dir, "identity.crt", (uint8_t *)ret->cert,
			      IDENTITY_PEM_MAX - 1);
		if (n <= 0)
			return -EIO;
		ret->cert[n] = '\0';
	} else if (identity_pem_cert(k, ret->cert) != 0) {
		return -EIO;
	}
	return identity_pem_key(k, ret->key);
}

int identity_store_leaving(const struct identity_store *s, bool leaving)
{
	if (!leaving)
		return file_remove(s->dir, FILE_LEAVING);
	return file_exists(s->dir, FILE_LEAVING)
		       ? 0
		       : file_replace(s->dir, FILE_LEAVING, (const uint8_t *)"", 0);
}

bool identity_store_left(const struct identity_store *s, const uint8_t *file, size_t len)
{
	uint8_t hash[SHA256_LEN], kept[SHA256_LEN + 1];

	crypto_sha256(file, len, hash);
	return file_read(s->dir, FILE_LEFT, kept, sizeof(kept)) == SHA256_LEN &&
	       memcmp(hash, kept, sizeof(hash)) == 0;
}

int identity_store_go_back(const struct identity_store *s)
{
	return file_remove(s->dir, FILE_LEFT);
}

int identity_store_trust(const struct identity_store *s,
			 uint8_t ret[static IDENTITY_TRUST_MAX])
{
	return file_read(s->dir, "clinic.trust", ret, IDENTITY_TRUST_MAX);
}
