/*
 * identity_wrap.c - keys that lie wrapped, and are withheld and given back; see identity_store.h.
 */
#include "coap/identity_inside.h"

#include <errno.h>
#include <string.h>

#include "coap/identity_cert.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"

int identity_wrap_write(const struct identity_store *s, const char *name,
			struct identity_key *k)
{
	k->wrapped = s->has_share && s->emergency.there;
	if (k->wrapped)
		identity_key_wrap(k, s->share);
	return identity_disk_write(s, name, k);
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
	r = identity_wrap_write(s, name, &wrapped);
	if (r == 0)
		*k = wrapped;
	crypto_wipe(&wrapped, sizeof(wrapped));
	FAILPOINT("identity.wrap.between");
	return r;
}

int identity_wrap_all(struct identity_store *s)
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
	identity_store_read_credentials(s);
	if (!identity_disk_read(s, "device", &s->device, &ignored))
		(void)identity_disk_read(s, "device.copy", &s->device, &ignored);
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
	return identity_wrap_all(s);
}

bool identity_store_is_shut(const struct identity_store *s)
{
	return s->current.there && s->current.shut;
}
