/*
 * fido_key.c - see fido_key.h.
 */
#include "clinic/fido_key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/fido_talk.h"
#include "clinic/helper.h"
#include "clinic/passphrase.h"
#include "hub/crypto/crypto.h"

static const struct helper_program program = { "clinicctl-fido", "CLINICCTL_FIDO",
					       "talks to security keys" };

/* --- what it says --------------------------------------------------------------------------- */

static int explain(const struct fido_answer *a, char why[static FOLDER_WHY_MAX])
{
	const char *text = NULL;
	int r = -EIO;

	switch (a->fault) {
	case FIDO_FAULT_NO_KEY:
		text = "there is no security key, or this user may not open it: plug "
		       "yours in and leave it there";
		r = -ENOENT;
		break;
	case FIDO_FAULT_SEVERAL:
		text = "there is more than one security key: leave only the one plugged "
		       "in that is meant";
		r = -ENOENT;
		break;
	case FIDO_FAULT_WRONG_KEY:
		text = "the security key that is plugged in is another one: it does not "
		       "know this credential";
		r = -ENOENT;
		break;
	case FIDO_FAULT_TIMEOUT:
		text = "nobody touched the security key in time";
		r = -EAGAIN;
		break;
	case FIDO_FAULT_PIN_WRONG:
		r = -EKEYREJECTED;
		if (a->tries > 0)
			snprintf(why, FOLDER_WHY_MAX,
				 "the security key does not take this PIN; tries left "
				 "before it locks itself: %u",
				 a->tries);
		else
			text = "the security key does not take this PIN, or does not "
			       "know "
			       "this finger";
		break;
	case FIDO_FAULT_PIN_PAUSED:
		text = "too many wrong PINs one after the other: pull the security key "
		       "out, "
		       "plug it in again, and think";
		r = -EKEYREJECTED;
		break;
	case FIDO_FAULT_PIN_BLOCKED:
		text = "the security key is locked: its PIN was wrong too often. Only a "
		       "reset opens it, which erases all its credentials; then make a "
		       "new "
		       "one";
		r = -EKEYREJECTED;
		break;
	case FIDO_FAULT_NO_PIN:
		text = "the security key cannot check who you are: it has no PIN. Set "
		       "one "
		       "('fido2-token -S DEVICE'), or do with a touch (--touch-only)";
		r = -EACCES;
		break;
	case FIDO_FAULT_PIN_MISSING:
		text = "the security key needs its PIN: there is no terminal to ask for "
		       "it, "
		       "or the file of --passphrase-file has none";
		r = -EACCES;
		break;
	case FIDO_FAULT_COPIED:
		text = "this is no security key, but something whose keys are copied to "
		       "other devices; hubs do not take that";
		r = -ENOTSUP;
		break;
	case FIDO_FAULT_NO_ES256:
		text = "this security key cannot sign with ES256";
		r = -ENOTSUP;
		break;
	case FIDO_FAULT_DENIED:
		text = "the security key has refused, or somebody at it";
		r = -EKEYREJECTED;
		break;
	case FIDO_FAULT_NONE:
	case FIDO_FAULT_OTHER: break;
	}
	if (text)
		snprintf(why, FOLDER_WHY_MAX, "%s", text);
	else if (r == -EIO)
		snprintf(why, FOLDER_WHY_MAX,
			 "the security key could not be used (%s): pull it out, plug it "
			 "in again",
			 a->words);
	return r;
}

static bool hear(const struct helper *h, struct fido_answer *ret)
{
	uint8_t buf[TALK_PACKET_MAX];
	int n = helper_hear(h, buf);

	return n > 0 && fido_answer_decode(buf, (size_t)n, ret) == 0;
}

/* Without one an empty PIN goes, and the key is left alone. */
static bool give_pin(const struct helper *h, const struct fido_answer *a)
{
	char pin[PASSPHRASE_MAX] = "", what[TALK_WORDS_MAX + 80];
	uint8_t buf[TALK_PACKET_MAX];
	bool ok;

	if (a->tries > 0)
		snprintf(what, sizeof(what), "security key '%s' (tries left: %u)",
			 a->words, a->tries);
	else
		snprintf(what, sizeof(what), "security key '%s'", a->words);
	if (passphrase_pin(what, pin) < 0 || strlen(pin) > FIDO_PIN_MAX)
		crypto_wipe(pin, sizeof(pin));
	ok = helper_send(h, buf, talk_pin_encode(pin, buf));
	crypto_wipe(pin, sizeof(pin));
	crypto_wipe(buf, sizeof(buf));
	return ok;
}

static int talk(const struct helper *h, const struct fido_request *rq, enum fido_say want,
		struct fido_answer *ret, char why[static FOLDER_WHY_MAX])
{
	uint8_t buf[TALK_PACKET_MAX];
	bool ok = helper_send(h, buf, fido_request_encode(rq, buf));

	while (ok && hear(h, ret)) {
		if (ret->say == want)
			return 0;
		if (ret->say == FIDO_SAY_FAILED)
			return explain(ret, why);
		if (ret->say == FIDO_SAY_PIN)
			ok = give_pin(h, ret);
		else if (ret->say == FIDO_SAY_TOUCH)
			fprintf(stderr, "clinicctl: touch the security key '%s' now\n",
				ret->words);
		else
			ok = false;
	}
	snprintf(why, FOLDER_WHY_MAX, "%s has ended without an answer", program.name);
	return -EIO;
}

static int ask(const struct fido_request *rq, enum fido_say want, struct fido_answer *ret,
	       char why[static FOLDER_WHY_MAX])
{
	struct helper h;
	int r = helper_start(&program, &h, why);

	if (r < 0)
		return r;
	r = talk(&h, rq, want, ret, why);
	helper_stop(&h);
	return r;
}

int fido_key_make(const char *user, enum signer_kind kind, struct fido_file *ret,
		  char why[static FOLDER_WHY_MAX])
{
	struct fido_request rq = { .verified = kind == SIGNER_FIDO2_VERIFIED };
	struct fido_answer a;
	int r;

	crypto_random(rq.hash, sizeof(rq.hash));
	talk_words(user, rq.user);
	r = ask(&rq, FIDO_SAY_CREDENTIAL, &a, why);
	if (r < 0)
		return r;
	*ret = (struct fido_file){ .kind = kind, .credential_len = a.credential_len };
	memcpy(ret->public, a.public, sizeof(ret->public));
	memcpy(ret->credential, a.credential, a.credential_len);
	return 0;
}

int fido_key_sign(const struct fido_file *f, const uint8_t hash[static FIDO_HASH_LEN],
		  uint8_t ret_auth[static FIDO_AUTH_LEN],
		  uint8_t ret_signature[static COSE_SIGNATURE_LEN],
		  char why[static FOLDER_WHY_MAX])
{
	struct fido_request rq = { .sign = true,
				   .verified = f->kind == SIGNER_FIDO2_VERIFIED,
				   .credential_len = f->credential_len };
	struct fido_answer a;
	int r;

	memcpy(rq.hash, hash, sizeof(rq.hash));
	memcpy(rq.credential, f->credential, f->credential_len);
	r = ask(&rq, FIDO_SAY_SIGNATURE, &a, why);
	if (r < 0)
		return r;
	memcpy(ret_auth, a.auth, sizeof(a.auth));
	memcpy(ret_signature, a.signature, sizeof(a.signature));
	return 0;
}
