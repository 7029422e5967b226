/*
 * root.c - reads, makes and removes root secrets; see root.h.
 *
 * What a provider gives goes through HKDF under a label of its own, so that one and the same secret given as
 * credential and as board memory are two. The file is used as it is: it was always so.
 */
#include "storage/root.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"

enum { GIVEN_MAX = 256, SALT_LEN = 32 };

static const char key_name[] = "root.key";
static const char salt_name[] = "root.salt";

const char *root_kind_text(enum root_kind kind)
{
	switch (kind) {
	case ROOT_NONE:
	case ROOT_KINDS: break;
	case ROOT_FILE: return "file";
	case ROOT_BOARD: return "board";
	case ROOT_CREDENTIAL: return "credential";
	}
	return "none";
}

const char *root_kind_grade(enum root_kind kind)
{
	switch (kind) {
	case ROOT_NONE:
	case ROOT_KINDS: break;
	case ROOT_FILE:
		return "the root secret lies in a plain file beside the data: whoever "
		       "has the "
		       "card can read it; for development only";
	case ROOT_BOARD:
		return "a stolen card does not open without this board; whoever has "
		       "both, or is "
		       "root on it, can read the board's memory";
	case ROOT_CREDENTIAL:
		return "sealed with a TPM: a stolen card does not open without this "
		       "board; with "
		       "the host key only: it lies on the same card unless that is "
		       "encrypted";
	}
	return "";
}

static int fail(struct root *r, int err, const char *problem)
{
	r->err = err;
	r->problem = problem;
	return err;
}

/* All octets equal: memory that was never programmed (zeros, or ones), or a made-up file. */
static bool is_blank(const uint8_t *buf, size_t len)
{
	for (size_t i = 1; i < len; i++)
		if (buf[i] != buf[0])
			return false;
	return true;
}

/* A file of the credentials' folder. Returns its length or an error of file_read. */
static int read_given(const char *name, uint8_t buf[static GIVEN_MAX])
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	return dir && *dir ? file_read(dir, name, buf, GIVEN_MAX) : -ENOENT;
}

static int read_credential(struct root *r)
{
	uint8_t buf[GIVEN_MAX];
	int n = read_given(ROOT_CREDENTIAL_NAME, buf);

	r->offered = n != -ENOENT;
	if (n == -ENOENT)
		fail(r, n,
		     "the root secret of this hub is the systemd credential hub-root, "
		     "which is "
		     "not there: look at LoadCredentialEncrypted= of hub-store and give "
		     "it back");
	else if (n < 0 && n != -EMSGSIZE)
		fail(r, n, "the credential hub-root cannot be read");
	else if (n < ROOT_LEN || is_blank(buf, (size_t)n))
		fail(r, -EBADMSG,
		     "the credential hub-root is not 32 to 256 octets, or all of them "
		     "are equal: "
		     "make it from random octets");
	else
		crypto_derive(buf, (size_t)n, "hub/v1/root/credential", r->secret);
	crypto_wipe(buf, sizeof(buf));
	return r->err;
}

static void mix_board(const uint8_t *board, size_t len,
		      const uint8_t salt[static SALT_LEN], uint8_t ret[static ROOT_LEN])
{
	uint8_t both[GIVEN_MAX + SALT_LEN];

	memcpy(both, salt, SALT_LEN);
	memcpy(both + SALT_LEN, board, len);
	crypto_derive(both, SALT_LEN + len, "hub/v1/root/board", ret);
	crypto_wipe(both, sizeof(both));
}

/* The board's memory as it is. Returns its length, or r->err. */
static int read_board_memory(struct root *r, uint8_t buf[static GIVEN_MAX])
{
	int n = read_given(ROOT_BOARD_NAME, buf);

	r->offered = n != -ENOENT;
	if (n == -ENOENT)
		return fail(
			r, n,
			"the root secret of this hub is in the memory of its board, "
			"which is "
			"not there: look at LoadCredential=hub-board of hub-store, and "
			"whether this is the board the hub was set up on");
	if (n < 0 && n != -EMSGSIZE)
		return fail(r, n, "the board's memory (hub-board) cannot be read");
	if (n < ROOT_LEN)
		return fail(
			r, -EBADMSG,
			"the board's memory (hub-board) is not 32 to 256 octets: name "
			"another one in LoadCredential=");
	if (is_blank(buf, (size_t)n))
		return fail(
			r, -EBADMSG,
			"the board's memory (hub-board) is not programmed: write 32 "
			"random "
			"octets into the customer rows once, or use another provider");
	return n;
}

static int read_board(const char *dir, struct root *r)
{
	uint8_t buf[GIVEN_MAX], salt[SALT_LEN];
	int n = read_board_memory(r, buf), got;

	if (n > 0) {
		got = file_read(dir, salt_name, salt, sizeof(salt));
		if (got == -ENOENT)
			fail(r, got,
			     "root.salt is missing: put it back, without it the board's "
			     "memory "
			     "opens nothing");
		else if (got != SALT_LEN)
			fail(r, got < 0 && got != -EMSGSIZE ? got : -EBADMSG,
			     "root.salt is damaged (not 32 octets) or cannot be read: "
			     "put the "
			     "right one back");
		else
			mix_board(buf, (size_t)n, salt, r->secret);
	}
	crypto_wipe(buf, sizeof(buf));
	crypto_wipe(salt, sizeof(salt));
	return r->err;
}

static int read_file(const char *dir, struct root *r)
{
	int n = file_read(dir, key_name, r->secret, ROOT_LEN);

	r->offered = n != -ENOENT;
	if (n == ROOT_LEN)
		return 0;
	if (n == -ENOENT)
		return fail(r, n,
			    "root.key is missing but key slots or databases exist: put "
			    "it back, "
			    "a new one would open nothing");
	if (n >= 0 || n == -EMSGSIZE)
		return fail(
			r, -EBADMSG,
			"root.key is damaged (not 32 octets): put the right one back");
	return fail(r, n, "root.key cannot be read");
}

void root_read_all(const char *dir, struct root ret[static ROOT_KINDS])
{
	crypto_wipe(ret, sizeof(*ret) * ROOT_KINDS);
	(void)fail(&ret[ROOT_NONE], -ENOENT, "no root secret");
	(void)read_file(dir, &ret[ROOT_FILE]);
	(void)read_board(dir, &ret[ROOT_BOARD]);
	(void)read_credential(&ret[ROOT_CREDENTIAL]);
}

static int make_file(const char *dir, struct root *r)
{
	int err;

	crypto_random(r->secret, ROOT_LEN);
	err = file_replace(dir, key_name, r->secret, ROOT_LEN);
	if (err)
		return fail(r, err, "root.key cannot be written");
	r->err = 0;
	r->offered = true;
	return 0;
}

static int make_board(const char *dir, struct root *r)
{
	uint8_t salt[SALT_LEN];
	int err;

	if (!r->offered)
		return r->err;
	crypto_random(salt, sizeof(salt));
	err = file_replace(dir, salt_name, salt, sizeof(salt));
	crypto_wipe(salt, sizeof(salt));
	if (err)
		return fail(r, err, "root.salt cannot be written");
	r->err = 0;
	return read_board(dir, r);
}

int root_make(const char *dir, enum root_kind kind, struct root *r)
{
	switch (kind) {
	case ROOT_FILE: return make_file(dir, r);
	case ROOT_BOARD: return make_board(dir, r);
	case ROOT_NONE:
	case ROOT_CREDENTIAL:
	case ROOT_KINDS: break;
	}
	return r->err;
}

static const char *file_of(enum root_kind kind)
{
	return kind == ROOT_FILE ? key_name : kind == ROOT_BOARD ? salt_name : NULL;
}

bool root_is_left(const char *dir, enum root_kind kind)
{
	const char *name = file_of(kind);

	return name && file_exists(dir, name);
}

int root_drop(const char *dir, enum root_kind kind)
{
	const char *name = file_of(kind);

	return !name || file_is_gone(dir, name) ? 0 : file_erase(dir, name);
}
