/*
 * identity_disk.c - the files of identity_store.h, each read and written.
 */
#include "coap/identity_inside.h"

#include <errno.h>

#include "coap/identity_cert.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/file.h"

enum { PEM_FILE_MAX = 8192 };

/* Returns true if the key is there, whole, and its certificate, if there is one, is for it. */
bool identity_disk_read(struct identity_store *s, const char *name,
			struct identity_key *ret, struct enrol_validity *ret_dates)
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

int identity_disk_write(const struct identity_store *s, const char *name,
			const struct identity_key *k)
{
	uint8_t buf[IDENTITY_FILE_MAX];
	int r = file_replace(s->dir, name, buf, identity_key_encode(k, buf));

	crypto_wipe(buf, sizeof(buf));
	return r;
}

void identity_disk_read_state(struct identity_store *s, const char *name)
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

int identity_disk_write_state(struct identity_store *s, struct identity_state state)
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
bool identity_disk_read_old(struct identity_store *s)
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
