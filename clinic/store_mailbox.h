#pragma once

/*
 * store_mailbox.h - the hub whose emergency identity a key is (enrolment.h), for who looks at uploads. A part of the interface of
 * store.h, with its rules.
 *
 * store_hub_by_spki finds none of these keys: what asks there gives them nothing.
 */
#include "clinic/pki.h"
#include "clinic/store.h"

/* store_mailbox_hub - -ENOENT: it is none's, or of an enrolment that is over. */
int store_mailbox_hub(struct store *s, const uint8_t spki[static PIN_LEN],
		      struct hub *ret);

/* store_mailbox_add - the emergency key that a hub is added with, beside store_hub_put. Returns also -EEXIST. */
int store_mailbox_add(struct store *s, const struct hub *h,
		      const uint8_t spki[static PIN_LEN], const struct pki_cert *cert);
