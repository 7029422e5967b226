#pragma once

/*
 * setup.h - a hub learns its clinic: clinic.trust from the boot partition goes into hub-coap's state folder.
 *
 * Runs once per start, before hub-coap and as its user, without a network. Only a hub in FACTORY takes one: it knows no
 * clinic and has no key of an enrolment; or one that was added by hand and has a root.crt alone, if the file is of that root:
 * without it its certificate could not be renewed. The file stays on the boot partition, so that at each later start the same one is
 * met again, and nothing is done.
 */
#include <stdint.h>

#include "coap/identity_store.h"
#include "hub/core/ticket.h"
#include "hub/core/trust.h"

enum setup_trust {
	SETUP_TRUST_NONE = 0, /* no file there */
	SETUP_TRUST_TAKEN,    /* it is durable */
	SETUP_TRUST_SAME,     /* it is the one in use */
	SETUP_TRUST_IGNORED, /* another one, good or not: this hub knows a clinic already */
	SETUP_TRUST_LEFT, /* that of the clinic that this hub has left: a person has to want it */
	SETUP_TRUST_REFUSED, /* for 'err' */
	SETUP_TRUST_UNKEPT, /* good, but could not be written, for 'err'; at the next start again */
};

struct setup_trust_file {
	int err;	   /* 0: it is good, and what follows is filled */
	const char *field; /* of -EBADMSG, -ERANGE, -EMSGSIZE, -ENOTSUP: where; or NULL */
	struct trust trust;
	char fingerprint[TRUST_FINGERPRINT_MAX];
};

/*
 * setup_take_trust - BOOT/clinic.trust, if there is one. What was left there by the clinic that has retired this hub is not taken
 * by itself (identity_store_go_back); a file that this clinic makes anew is another one.
 *
 * now_s   UTC; how late it is at least, as far as this machine knows
 * ret     the file that was found; not of SETUP_TRUST_NONE, and not filled of one that cannot be read
 *
 * err: -EKEYREJECTED (not signed by its root), -ESTALE (it is later than the file says it may be put in), -EMSGSIZE (longer
 * than any), or as trust_open and file_read.
 */
enum setup_trust setup_take_trust(struct identity_store *s, const char *boot,
				  int64_t now_s, struct setup_trust_file *ret);

/*
 * setup_take_ticket - BOOT/clinic.ticket, if there is one: its key, and its clinic.trust if the hub knows no clinic. A hub that
 * knows the same clinic and has not enrolled there takes the key alone. When both are durable the file is erased: it is
 * secret, and nobody needs it any more.
 *
 * ret_id     what people call it by; "" if it is not good
 * ret_left   it is still on the boot partition, and should not be
 *
 * As setup_take_trust. Returns SETUP_TRUST_SAME if its key was kept before; err also -ESTALE for what is over.
 */
enum setup_trust setup_take_ticket(struct identity_store *s, const char *boot,
				   int64_t now_s, struct setup_trust_file *ret,
				   char ret_id[static TICKET_ID_MAX], bool *ret_left);

/*
 * setup_held_trust - the one in use. Returns false if there is none; else *ret, with .err if it is damaged.
 */
bool setup_held_trust(const char *dir, struct setup_trust_file *ret);

/* setup_refusal - why a file was refused, and what to do, for a person. Static. */
const char *setup_refusal(int err);
const char *setup_advice(int err);
