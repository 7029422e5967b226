#pragma once

/*
 * identity_store.h - who this hub is, on disk: its device key, the credential in use, and the one that is to replace it.
 *
 *   device, device.copy   the device key and its bootstrap certificate; made at first start, never again
 *   current               key, certificate and epoch of the credential in use
 *   next                  the same of the one that is not confirmed, or its key and request only
 *   ticket                key and certificate of a ticket (hub/core/ticket.h), until the first credential is confirmed
 *   emergency             key and certificate of the emergency identity in use, which is spoken with at lockdown level 3
 *   emergency.next        the same of the one that is not confirmed, or its key and request only
 *   enrol-a, enrol-b      highest epoch in use so far, keys used up, a reset that was begun; equal but for a power cut
 *   clinic.trust          as it came (its signature is looked at by whoever reads it)
 *   leaving               there is an order to retire this hub; empty
 *   former                SHA-256 of each clinic.trust that was in the place of this one: the clinic has gone over to another root
 *   left                  the same of the clinic that it has left by such an order, of its last clinic.trust, too; after a factory reset
 *   identity.key, identity.crt   PEM, as 'clinicctl hub add' makes them: a credential in use, if there is no 'current'.
 *                         Its key then is the device key too, as the hub's id comes from it
 *
 * Once there is an emergency identity the private keys of 'current' and 'next' lie wrapped: they are had with hubd's share
 * (MSG_IDENTITY) only, which hubd gives at every level but 3. Without an emergency identity nothing would speak there, so
 * then they do not.
 *
 * All are in hub-coap's state folder, mode 0600. Each change is one rename, with what must be known before it written
 * before; so that after a kill at any moment identity_store_open finds what was, or what was to be. A file that is
 * damaged is as none; 'device' is made whole from its copy, and never made anew while anything hints that there was one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coap/enrol.h"
#include "coap/identity_file.h"
#include "coap/identity_pem.h"

enum { IDENTITY_TRUST_MAX = 4608 };

struct identity_store;

enum identity_which {
	IDENTITY_DEVICE = 1, /* with the bootstrap certificate */
	IDENTITY_CURRENT,
	IDENTITY_NEXT,
	IDENTITY_TICKET,
	IDENTITY_EMERGENCY,
	IDENTITY_EMERGENCY_NEXT,
};

/*
 * identity_store_open - read all, make whole what can be, finish a reset, make the device key if there never was one.
 *
 * dir   borrowed for life
 *
 * Returns 0 with *ret, -ENOMEM, -EACCES, -ENOSPC or -EIO. A credential in use is opened even if all else is lost.
 */
int identity_store_open(const char *dir, struct identity_store **ret);
void identity_store_free(struct identity_store *s); /* wipes; NULL is fine */

/* What enrol_init wants. */
struct enrol_kept identity_store_kept(const struct identity_store *s);

/* What enrol_init_emergency wants. */
struct enrol_kept identity_store_kept_emergency(const struct identity_store *s);
/* Is there a credential in use, and no emergency identity that was made beside it? */
bool identity_store_wants_emergency(const struct identity_store *s);
bool identity_store_has_emergency(const struct identity_store *s);

/*
 * identity_store_withhold - no private key is known any more but that of the emergency identity, in memory either; and no change
 * of another one is taken.
 *
 * Returns 0, or -ENOENT: there is no emergency identity, and nothing was done.
 */
int identity_store_withhold(struct identity_store *s);
/*
 * identity_store_give_share - what opens the keys that are wrapped, and wraps those that are to be; ends identity_store_withhold.
 *
 * Returns 0, -EKEYREJECTED (the credential in use is wrapped under another share), or an error of the files: what is there is
 * usable then all the same.
 */
int identity_store_give_share(struct identity_store *s,
			      const uint8_t share[static KEY_LEN]);
/* identity_store_is_shut - is there a credential in use whose private key is not known? */
bool identity_store_is_shut(const struct identity_store *s);

/* identity_store_want - keys that are made from now on are of this renewal (struct msg_identity). */
void identity_store_want(struct identity_store *s, uint32_t number);
/* identity_store_wanted - the renewal that the credential in use is of; 0 without one. */
uint32_t identity_store_wanted(const struct identity_store *s);

/* The folder that it was opened with. */
const char *identity_store_dir(const struct identity_store *s);

/* How many files were there and damaged. */
unsigned identity_store_damaged(const struct identity_store *s);

/* identity_store_spki - what the label says: SHA-256 of the device key's SubjectPublicKeyInfo. Returns 0, or -ENOENT: the
 * device key is lost. */
int identity_store_spki(const struct identity_store *s, uint8_t ret[static SHA256_LEN]);
/* identity_store_label - the same from the files of dir, of which none is changed. Returns 0 or -ENOENT. */
int identity_store_label(const char *dir, uint8_t ret[static SHA256_LEN]);
/* identity_store_hub - this hub's id, the first half of it. Returns 0 or -ENOENT. */
int identity_store_hub(const struct identity_store *s, uint8_t ret[static HUB_ID_LEN]);

/*
 * identity_store_do - what enrol_next says is to be kept.
 *
 * der, len   ENROL_KEEP_TRUST: the file clinic.trust. ENROL_KEEP_CERT: the certificate, for which
 *            identity_store_fits returned 0. Else not looked at
 *
 * Returns 0 when it is durable; else nothing has changed but what the next try will repeat: -ENOENT (no such key),
 * -EMSGSIZE, -EINVAL (not to be kept), -ENOSPC, -EACCES (also: the credential in use is withheld) or -EIO.
 */
int identity_store_do(struct identity_store *s, const struct enrol_action *a,
		      const uint8_t *der, size_t len);

/*
 * identity_store_keep_ticket - the key of a ticket, in the place of one before; only a hub without a credential in use has one.
 *
 * Returns 0 when it is durable, -EACCES (there is a credential in use), -EKEYREJECTED (the certificate is another key's),
 * -EMSGSIZE, -ENOSPC or -EIO.
 */
int identity_store_keep_ticket(struct identity_store *s,
			       const uint8_t private[static P256_PRIVATE_LEN],
			       const uint8_t *cert, size_t len);
/* identity_store_has_ticket - is this the certificate of the one that is kept? */
bool identity_store_has_ticket(const struct identity_store *s, const uint8_t *cert,
			       size_t len);

/*
 * identity_store_fits - is this a certificate of this hub for the next key, or the next one of the emergency identity?
 *
 * Who signed it, and for what, is identity_chain.h's matter.
 *
 * Returns 0 with its dates, -EKEYREJECTED (another key, another hub), or -EBADMSG, -EMSGSIZE, -ENOTSUP, -EACCES: see
 * identity_check_form.
 */
int identity_store_fits(const struct identity_store *s, bool emergency,
			const uint8_t *der, size_t len, struct enrol_validity *ret);

/* identity_store_request - the next key's request, PKCS#10; borrowed until the next change. Returns the length or -ENOENT. */
int identity_store_request(const struct identity_store *s, bool emergency,
			   const uint8_t **ret);

/* identity_store_pem - Returns 0, -ENOENT (not there, or without certificate), -EACCES (its key is not known), or -EIO. */
int identity_store_pem(const struct identity_store *s, enum identity_which which,
		       struct identity_pem *ret);

/* identity_store_leaving - an order to retire is there, or is not any more. Returns 0 when it is durable, or as file_replace. */
int identity_store_leaving(const struct identity_store *s, bool leaving);
/* identity_store_left - is this file of the clinic that the hub has left last? So it is not taken by itself. */
bool identity_store_left(const struct identity_store *s, const uint8_t *file, size_t len);
/* identity_store_go_back - a person wants it to be taken again. Returns 0, or as file_remove. */
int identity_store_go_back(const struct identity_store *s);

/* identity_store_trust - the file clinic.trust. Returns the length, or an error as of file_read. */
int identity_store_trust(const struct identity_store *s,
			 uint8_t ret[static IDENTITY_TRUST_MAX]);
