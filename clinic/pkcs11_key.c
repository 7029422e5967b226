/*
 * pkcs11_key.c - see pkcs11_key.h.
 */
#include "clinic/pkcs11_key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clinic/helper.h"
#include "clinic/passphrase.h"

enum { PROOF_LEN = 32 };

static const struct helper_program program = { "clinicctl-pkcs11",
					       "CLINICCTL_PKCS11_HELPER",
					       "talks to tokens behind PKCS#11" };

struct pkcs11_key {
	struct helper helper;
	bool runs;
	char asked[PKCS11_URI_MAX + 1]; /* as it was named */
	struct pkcs11_file file;
};

bool pkcs11_key_is(const char *spec)
{
	return strncmp(spec, "pkcs11:", 7) == 0;
}

/* --- what it says --------------------------------------------------------------------------- */

static const char *tries_text(enum pkcs11_tries tries)
{
	switch (tries) {
	case PKCS11_TRIES_FULL: break;
	case PKCS11_TRIES_LOW: return "a wrong one was tried before";
	case PKCS11_TRIES_LAST: return "one try left before it locks itself";
	}
	return "";
}

static int explain_pin(const struct pkcs11_answer *a, char why[static FOLDER_WHY_MAX])
{
	if (a->fault == PKCS11_FAULT_PIN_WRONG)
		snprintf(why, FOLDER_WHY_MAX,
			 "token '%s' does not take this PIN; %s: it is locked after some "
			 "wrong ones",
			 a->words,
			 a->tries == PKCS11_TRIES_LAST ? tries_text(a->tries)
						       : "more tries are left");
	else if (a->fault == PKCS11_FAULT_PIN_LOCKED)
		snprintf(why, FOLDER_WHY_MAX,
			 "token '%s' is locked: its PIN was wrong too often. The tool of "
			 "who made it unlocks it, with the PUK",
			 a->words);
	else if (a->fault == PKCS11_FAULT_PIN_UNSET)
		snprintf(
			why, FOLDER_WHY_MAX,
			"token '%s' has no PIN yet: set one with the tool of who made it",
			a->words);
	else if (a->tries == PKCS11_TRIES_LAST)
		snprintf(why, FOLDER_WHY_MAX,
			 "token '%s' has one try left before it locks itself; no file's "
			 "PIN is tried then: type it at a terminal, without "
			 "--passphrase-file and pin-source",
			 a->words);
	else
		snprintf(why, FOLDER_WHY_MAX,
			 a->fault == PKCS11_FAULT_PIN_FILE
				 ? "token '%s' needs its PIN, and the file that "
				   "pin-source names has none on its first line, or "
				   "cannot be read"
				 : "token '%s' needs its PIN: there is no terminal to "
				   "ask for it, or the file of --passphrase-file has "
				   "none",
			 a->words);
	return a->fault == PKCS11_FAULT_PIN_WRONG || a->fault == PKCS11_FAULT_PIN_LOCKED
		       ? -EKEYREJECTED
		       : -EACCES;
}

/* One %s, for .words. */
static const struct {
	int error;
	const char *text;
} faults[PKCS11_FAULT_LAST + 1] = {
	[PKCS11_FAULT_URI] = { -EBADMSG, "this names no key of a token (%s): the form is "
					 "pkcs11:token=LABEL;object=LABEL" },
	[PKCS11_FAULT_MODULE] = { -ENOENT,
				  "the PKCS#11 module %s cannot be loaded, or does not "
				  "start; CLINICCTL_PKCS11 names it" },
	[PKCS11_FAULT_NO_MODULE] = { -ENOENT,
				     "no PKCS#11 module is installed%s: CLINICCTL_PKCS11 "
				     "names one, as a file" },
	[PKCS11_FAULT_NO_TOKEN] = { -ENOENT,
				    "no token%s is there that is called so: plug it in, "
				    "or see what is there ('p11-kit list-modules')" },
	[PKCS11_FAULT_TOKENS] = { -ENOENT, "more than one token%s is called so, or two "
					   "modules show it: add its "
					   "serial=NUMBER, or name the module by "
					   "CLINICCTL_PKCS11" },
	[PKCS11_FAULT_NO_KEY] = { -ENOENT,
				  "token '%s' has no private EC key that is called so" },
	[PKCS11_FAULT_KEYS] = { -ENOENT,
				"token '%s' has more than one private EC key that is "
				"called so: add its id=ID" },
	[PKCS11_FAULT_CURVE] = { -ENOTSUP, "this key of token '%s' is not one of P-256" },
	[PKCS11_FAULT_EXISTS] = { -EEXIST,
				  "token '%s' has a key of this name or id already" },
	[PKCS11_FAULT_GONE] = { -ENOENT, "the token%s is gone: it was pulled out, or its "
					 "reader was" },
	[PKCS11_FAULT_DENIED] = { -EKEYREJECTED,
				  "somebody at the token's reader has refused%s" },
	[PKCS11_FAULT_CANNOT_MAKE] = { -ENOTSUP,
				       "the token makes no key by PKCS#11 (%s): make it "
				       "with the tool of who made the token, then name "
				       "it" },
	[PKCS11_FAULT_OTHER] = { -EIO, "the token could not be used (%s)" },
};

static int explain(const struct pkcs11_answer *a, const char *asked,
		   char why[static FOLDER_WHY_MAX])
{
	const char *text = faults[a->fault].text, *at = text ? strstr(text, "%s") : NULL;
	bool naming =
		a->fault >= PKCS11_FAULT_NO_TOKEN && a->fault <= PKCS11_FAULT_EXISTS;

	if (!at)
		return explain_pin(a, why);
	snprintf(why, FOLDER_WHY_MAX, "%.*s%s%s%s%s", (int)(at - text), text, a->words,
		 at + 2, naming ? "; asked for was " : "", naming ? asked : "");
	return faults[a->fault].error;
}

/* --- talking -------------------------------------------------------------------------------- */

/* Without one an empty PIN goes, and the token is left alone. So it is with that of a file if it were the last try. */
static bool give_pin(const struct helper *h, const struct pkcs11_answer *a)
{
	char pin[PASSPHRASE_MAX] = "", what[TALK_WORDS_MAX + 80];
	uint8_t buf[TALK_PACKET_MAX];
	bool ok, file_at_last = a->tries == PKCS11_TRIES_LAST && passphrase_is_file();

	snprintf(what, sizeof(what), a->tries ? "token '%s' (%s)" : "token '%s'%s",
		 a->words, tries_text(a->tries));
	if (file_at_last || passphrase_pin(what, pin) < 0 || strlen(pin) > PKCS11_PIN_MAX)
		crypto_wipe(pin, sizeof(pin));
	ok = helper_send(h, buf, talk_pin_encode(pin, buf));
	crypto_wipe(pin, sizeof(pin));
	crypto_wipe(buf, sizeof(buf));
	return ok;
}

static int talk(const struct pkcs11_key *k, enum pkcs11_say want,
		struct pkcs11_answer *ret, char why[static FOLDER_WHY_MAX])
{
	const struct helper *h = &k->helper;
	uint8_t buf[TALK_PACKET_MAX];
	bool ok = true;
	int n;

	while (ok && (n = helper_hear(h, buf)) > 0 &&
	       pkcs11_answer_decode(buf, (size_t)n, ret) == 0) {
		if (ret->say == want)
			return 0;
		if (ret->say == PKCS11_SAY_FAILED)
			return explain(ret, k->asked, why);
		if (ret->say == PKCS11_SAY_PIN)
			ok = give_pin(h, ret);
		else if (ret->say == PKCS11_SAY_READER)
			fprintf(stderr,
				"clinicctl: type the PIN of token '%s' at its reader "
				"now\n",
				ret->words);
		else
			ok = false;
	}
	snprintf(why, FOLDER_WHY_MAX,
		 "%s has ended without an answer: the module of the token may be at "
		 "fault",
		 program.name);
	return -EIO;
}

int pkcs11_key_open(const char *uri, bool make, struct pkcs11_key **ret,
		    char why[static FOLDER_WHY_MAX])
{
	struct pkcs11_request rq = { .make = make };
	uint8_t buf[TALK_PACKET_MAX];
	struct pkcs11_answer a;
	struct pkcs11_key *k;
	int r;

	if (!pkcs11_uri_ok(uri, strlen(uri))) {
		a = (struct pkcs11_answer){ .fault = PKCS11_FAULT_URI,
					    .words = "too long, or not ASCII" };
		return explain(&a, uri, why);
	}
	snprintf(rq.uri, sizeof(rq.uri), "%s", uri);
	k = calloc(1, sizeof(*k));
	if (!k) {
		snprintf(why, FOLDER_WHY_MAX, "there is no memory");
		return -ENOMEM;
	}
	memcpy(k->asked, rq.uri, sizeof(k->asked));
	r = helper_start(&program, &k->helper, why);
	k->runs = r == 0;
	if (r == 0) {
		(void)helper_send(&k->helper, buf, pkcs11_request_encode(&rq, buf));
		r = talk(k, PKCS11_SAY_KEY, &a, why);
	}
	if (r < 0) {
		pkcs11_key_close(k);
		return r;
	}
	memcpy(k->file.uri, a.uri, sizeof(k->file.uri));
	memcpy(k->file.public, a.public, sizeof(k->file.public));
	*ret = k;
	return 0;
}

void pkcs11_key_close(struct pkcs11_key *k)
{
	if (!k)
		return;
	if (k->runs)
		helper_stop(&k->helper);
	free(k);
}

const struct pkcs11_file *pkcs11_key_file(const struct pkcs11_key *k)
{
	return &k->file;
}

int pkcs11_key_sign(struct pkcs11_key *k, const uint8_t hash[static SHA256_LEN],
		    uint8_t ret[static P256_SIGNATURE_LEN],
		    char why[static FOLDER_WHY_MAX])
{
	uint8_t buf[TALK_PACKET_MAX];
	struct pkcs11_answer a;
	int r;

	(void)helper_send(&k->helper, buf, pkcs11_hash_encode(hash, buf));
	r = talk(k, PKCS11_SAY_SIGNATURE, &a, why);
	if (r == 0)
		memcpy(ret, a.signature, P256_SIGNATURE_LEN);
	return r;
}

int pkcs11_key_prove(struct pkcs11_key *k, char why[static FOLDER_WHY_MAX])
{
	uint8_t proof[PROOF_LEN], hash[SHA256_LEN], signature[P256_SIGNATURE_LEN];
	int r;

	if (k->file.public[0] == 0) {
		snprintf(why, FOLDER_WHY_MAX,
			 "the token shows no public key with the id of this one: put it "
			 "there with the tool of who made the token");
		return -ENOTSUP;
	}
	crypto_random(proof, sizeof(proof));
	crypto_sha256(proof, sizeof(proof), hash);
	r = pkcs11_key_sign(k, hash, signature, why);
	if (r == 0 && p256_verify(k->file.public, proof, sizeof(proof), signature) < 0) {
		snprintf(why, FOLDER_WHY_MAX,
			 "the public key that the token shows is not that of the key "
			 "that signs there");
		r = -ENOTSUP;
	}
	return r;
}
