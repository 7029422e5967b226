#pragma once

/*
 * identity_inside.h - what the files of identity_store.h share and nobody else sees.
 */
#include "coap/identity_store.h"
#include "hub/crypto/crypto.h"

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

/* --- identity_disk.c */

/* Returns true if the key is there, whole, and its certificate, if there is one, is for it. */
bool identity_disk_read(struct identity_store *s, const char *name,
			struct identity_key *ret, struct enrol_validity *ret_dates);
/* As it is. Returns 0 when it is durable, or as file_replace. */
int identity_disk_write(const struct identity_store *s, const char *name,
			const struct identity_key *k);
/* Of enrol-a or enrol-b; what is known already is not lowered. */
void identity_disk_read_state(struct identity_store *s, const char *name);
/* Both. Returns 0 when it is durable, or as file_replace. */
int identity_disk_write_state(struct identity_store *s, struct identity_state state);
/* The PEM files of 'hub add'. Returns true if they are the credential in use. */
bool identity_disk_read_old(struct identity_store *s);

/* --- identity_wrap.c */

/* 'current' or 'next' is written as it is to lie there. k is wiped by the caller. Returns 0 or as file_replace. */
int identity_wrap_write(const struct identity_store *s, const char *name,
			struct identity_key *k);
/* Those that were written before there was a share or an emergency identity. Returns 0 or as file_replace. */
int identity_wrap_all(struct identity_store *s);

/* --- identity_forget.c */

/* Nothing of a life is left but the device key and how high its epoch was. Returns 0 when it is durable, or as file_remove. */
int identity_forget(struct identity_store *s);

/* The clinic.trust in place goes for this one: it is recognised later. Returns 0 when it is durable, or as file_replace. */
int identity_forget_former(const struct identity_store *s, const uint8_t *file,
			   size_t len);

/* --- identity_store.c */

/* 'current', 'next' and the ticket. */
void identity_store_read_credentials(struct identity_store *s);
