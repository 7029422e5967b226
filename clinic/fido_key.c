/*
 * fido_key.c - see fido_key.h.
 */
#include "clinic/fido_key.h"

#include <errno.h>
#include <libgen.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clinic/fido_talk.h"
#include "clinic/files.h"
#include "clinic/passphrase.h"
#include "hub/crypto/crypto.h"

static const char program[] = "clinicctl-fido";
/* from the folder of clinicctl */
static const char *const places[] = { "", "../libexec/clinic/" };

struct helper {
	pid_t pid;
	int fd;
};

/* --- the program -------------------------------------------------------------------------- */

static int find(char ret[static FILES_PATH_MAX])
{
	const char *named = getenv("CLINICCTL_FIDO");
	char own[FILES_PATH_MAX];
	ssize_t n;

	if (named && *named) {
		snprintf(ret, FILES_PATH_MAX, "%s", named);
		return access(ret, X_OK) == 0 ? 0 : -ENOENT;
	}
	n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	if (n <= 0)
		return -ENOENT;
	own[n] = '\0';
	(void)dirname(own);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (snprintf(ret, FILES_PATH_MAX, "%s/%s%s", own, places[i], program) <
			    FILES_PATH_MAX &&
		    access(ret, X_OK) == 0)
			return 0;
	return -ENOENT;
}

/* It gets the socket, and nothing else of what is open here. */
static int spawn(const char *path, int fd, pid_t *ret)
{
	char name[] = "clinicctl-fido";
	char *argv[] = { name, NULL };
	posix_spawn_file_actions_t actions;
	int r;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return -EIO;
	r = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	if (r == 0)
		r = posix_spawn(ret, path, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return r == 0 ? 0 : -EIO;
}

static int start(struct helper *ret, char why[static FOLDER_WHY_MAX])
{
	char path[FILES_PATH_MAX];
	int pair[2], r = find(path);

	if (r == 0)
		r = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0
			    ? 0
			    : -EIO;
	if (r == 0) {
		r = spawn(path, pair[1], &ret->pid);
		close(pair[1]);
		ret->fd = pair[0];
		if (r < 0)
			close(pair[0]);
	}
	if (r < 0)
		snprintf(why, FOLDER_WHY_MAX,
			 "%s, which talks to security keys, %s: it belongs beside "
			 "clinicctl, or CLINICCTL_FIDO names it",
			 program, r == -ENOENT ? "is missing" : "does not start");
	return r;
}

static void stop(struct helper *h)
{
	int status;

	close(h->fd); /* then it ends by itself */
	while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR)
		;
}

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

static bool send_packet(const struct helper *h, const uint8_t *buf, int n)
{
	return n > 0 && send(h->fd, buf, (size_t)n, MSG_NOSIGNAL) == n;
}

static bool hear(const struct helper *h, struct fido_answer *ret)
{
	uint8_t buf[FIDO_PACKET_MAX];
	ssize_t n;

	do
		n = recv(h->fd, buf, sizeof(buf), MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	return n > 0 && n <= FIDO_PACKET_MAX &&
	       fido_answer_decode(buf, (size_t)n, ret) == 0;
}

/* Without one an empty PIN goes, and the key is left alone. */
static bool give_pin(const struct helper *h, const struct fido_answer *a)
{
	char pin[PASSPHRASE_MAX] = "", what[FIDO_WORDS_MAX + 80];
	uint8_t buf[FIDO_PACKET_MAX];
	bool ok;

	if (a->tries > 0)
		snprintf(what, sizeof(what), "security key '%s' (tries left: %u)",
			 a->words, a->tries);
	else
		snprintf(what, sizeof(what), "security key '%s'", a->words);
	if (passphrase_pin(what, pin) < 0 || strlen(pin) > FIDO_PIN_MAX)
		crypto_wipe(pin, sizeof(pin));
	ok = send_packet(h, buf, fido_pin_encode(pin, buf));
	crypto_wipe(pin, sizeof(pin));
	crypto_wipe(buf, sizeof(buf));
	return ok;
}

static int talk(const struct helper *h, const struct fido_request *rq, enum fido_say want,
		struct fido_answer *ret, char why[static FOLDER_WHY_MAX])
{
	uint8_t buf[FIDO_PACKET_MAX];
	bool ok = send_packet(h, buf, fido_request_encode(rq, buf));

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
	snprintf(why, FOLDER_WHY_MAX, "%s has ended without an answer", program);
	return -EIO;
}

static int ask(const struct fido_request *rq, enum fido_say want, struct fido_answer *ret,
	       char why[static FOLDER_WHY_MAX])
{
	struct helper h;
	int r = start(&h, why);

	if (r < 0)
		return r;
	r = talk(&h, rq, want, ret, why);
	stop(&h);
	return r;
}

int fido_key_make(const char *user, enum signer_kind kind, struct fido_file *ret,
		  char why[static FOLDER_WHY_MAX])
{
	struct fido_request rq = { .verified = kind == SIGNER_FIDO2_VERIFIED };
	struct fido_answer a;
	int r;

	crypto_random(rq.hash, sizeof(rq.hash));
	fido_words(user, rq.user);
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
