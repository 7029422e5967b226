/*
 * identity_store.c - see identity_store.h: opening it, the device key, and who this hub is.
 */
#include "coap/identity_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "coap/identity.h"
#include "coap/identity_cert.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"

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
	n = identity_disk_write(s, "device.copy", &s->device);
	FAILPOINT("identity.device.between");
	return n ? n : identity_disk_write(s, "device", &s->device);
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
	bool has_copy = identity_disk_read(s, "device.copy", &copy, &ignored);
	int r = 0;

	if (identity_disk_read(s, "device", &s->device, &ignored))
		r = has_copy ? 0 : identity_disk_write(s, "device.copy", &s->device);
	else if (has_copy) {
		s->device = copy;
		r = identity_disk_write(s, "device", &copy);
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

/* Beside a credential in use it is what a power cut has left of one that was used up. */
static void open_ticket(struct identity_store *s)
{
	struct enrol_validity ignored;

	if (s->current.there)
		(void)file_erase(s->dir, "ticket");
	else if (identity_disk_read(s, "ticket", &s->ticket, &ignored) &&
		 s->ticket.cert_len == 0)
		crypto_wipe(&s->ticket, sizeof(s->ticket));
}

void identity_store_read_credentials(struct identity_store *s)
{
	if (!identity_disk_read(s, "current", &s->current, &s->current_dates) &&
	    file_is_gone(s->dir, "current"))
		s->old_form = identity_disk_read_old(s);
	if (s->current.there && s->current.cert_len == 0)
		crypto_wipe(&s->current, sizeof(s->current));
	identity_disk_read(s, "next", &s->next, &s->next_dates);
	open_ticket(s);
}

/* What is not of an emergency identity is not taken for one, nor the other way round. */
static void read_emergency(struct identity_store *s)
{
	if (identity_disk_read(s, "emergency", &s->emergency, &s->emergency_dates) &&
	    (!s->emergency.is_emergency || s->emergency.shut ||
	     s->emergency.cert_len == 0)) {
		crypto_wipe(&s->emergency, sizeof(s->emergency));
		s->damaged++;
	}
	if (identity_disk_read(s, "emergency.next", &s->emergency_next,
			       &s->emergency_next_dates) &&
	    (!s->emergency_next.is_emergency || s->emergency_next.shut)) {
		crypto_wipe(&s->emergency_next, sizeof(s->emergency_next));
		s->damaged++;
	}
}

static int open_all(struct identity_store *s)
{
	int r;

	identity_disk_read_state(s, "enrol-a");
	identity_disk_read_state(s, "enrol-b");
	identity_store_read_credentials(s);
	read_emergency(s);
	s->trusted = file_exists(s->dir, "clinic.trust");
	r = open_device(s);
	if (r == 0 && s->state.resetting)
		r = identity_forget(s);
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

/* --- what is kept --------------------------------------------------------------------------------- */

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

	if (!identity_disk_read(&s, "device", &s.device, &ignored))
		(void)identity_disk_read(&s, "device.copy", &s.device, &ignored);
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

/* --- what is spoken with -------------------------------------------------------------------------- */

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

bool identity_store_has_ticket(const struct identity_store *s, const uint8_t *cert,
			       size_t len)
{
	return s->ticket.there && s->ticket.cert_len == len &&
	       memcmp(s->ticket.cert, cert, len) == 0;
}

int identity_store_trust(const struct identity_store *s,
			 uint8_t ret[static IDENTITY_TRUST_MAX])
{
	return file_read(s->dir, "clinic.trust", ret, IDENTITY_TRUST_MAX);
}
