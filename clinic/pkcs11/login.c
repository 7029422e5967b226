/*
 * login.c - see login.h.
 */
#include "clinic/pkcs11/login.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "clinic/pkcs11/fault.h"

void login_forget(struct login *l)
{
	explicit_bzero(l->pin, sizeof(l->pin));
	l->kept = false;
}

/* The first line. Returns 0, or -ENOENT: it cannot be read, is empty or too long. */
static int read_pin(const char *path, char ret[static PKCS11_PIN_MAX + 1])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t n = 0;
	ssize_t got = 1;

	if (fd < 0)
		return -ENOENT;
	while (got > 0 && n <= PKCS11_PIN_MAX) {
		got = read(fd, ret + n, PKCS11_PIN_MAX + 1 - n);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			n += (size_t)got;
	}
	close(fd);
	if (n > 0 && memchr(ret, '\n', n))
		n = (size_t)((char *)memchr(ret, '\n', n) - ret);
	if (got < 0 || n == 0 || n > PKCS11_PIN_MAX)
		return -ENOENT;
	memset(ret + n, 0, PKCS11_PIN_MAX + 1 - n);
	return strlen(ret) == n ? 0 : -ENOENT;
}

static int get_pin(struct login *l, enum pkcs11_tries tries,
		   struct pkcs11_answer *ret_fault)
{
	char label[TALK_WORDS_MAX + 1];
	enum pkcs11_fault fault = PKCS11_FAULT_PIN_MISSING;
	int r = -EACCES;

	slot_label(l->slot, label);
	if (!l->pin_file) {
		r = l->ask(label, tries, l->pin);
	} else if (tries != PKCS11_TRIES_LAST) {
		r = read_pin(l->pin_file, l->pin);
		fault = PKCS11_FAULT_PIN_FILE;
	}
	if (r == 0)
		return 0;
	login_forget(l);
	fault_set(ret_fault, fault, label);
	ret_fault->tries = tries;
	return -EACCES;
}

/* What became of it. A wrong one is counted by the token; what it says of that now is told. */
static int judge(struct login *l, CK_RV rv, struct pkcs11_answer *ret_fault)
{
	char label[TALK_WORDS_MAX + 1];
	enum pkcs11_tries tries;

	if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
		return 0;
	login_forget(l);
	fault_of(ret_fault, rv, PKCS11_FAULT_OTHER);
	if (ret_fault->fault == PKCS11_FAULT_OTHER)
		return -EACCES;
	slot_label(l->slot, label);
	talk_words(label, ret_fault->words);
	if (ret_fault->fault != PKCS11_FAULT_PIN_WRONG)
		return -EACCES;
	if (!slot_tries(l->slot, &tries))
		ret_fault->fault = PKCS11_FAULT_PIN_LOCKED;
	ret_fault->tries = tries;
	return -EACCES;
}

static CK_RV call(struct login *l, CK_SESSION_HANDLE session, CK_USER_TYPE user)
{
	return l->slot->call->C_Login(session, user, (CK_UTF8CHAR_PTR)l->pin,
				      (CK_ULONG)strlen(l->pin));
}

static int log_in(struct login *l, CK_SESSION_HANDLE session, CK_USER_TYPE user,
		  struct pkcs11_answer *ret_fault)
{
	char label[TALK_WORDS_MAX + 1];
	enum pkcs11_tries tries;
	int r;

	slot_label(l->slot, label);
	if (!slot_tries(l->slot, &tries)) {
		fault_set(ret_fault, PKCS11_FAULT_PIN_LOCKED, label);
		return -EACCES;
	}
	if (l->slot->info.flags & CKF_PROTECTED_AUTHENTICATION_PATH) {
		l->reader(label);
		return judge(l, l->slot->call->C_Login(session, user, NULL, 0),
			     ret_fault);
	}
	r = get_pin(l, tries, ret_fault);
	if (r == 0)
		r = judge(l, call(l, session, user), ret_fault);
	l->kept = r == 0;
	return r;
}

int login_user(struct login *l, CK_SESSION_HANDLE session,
	       struct pkcs11_answer *ret_fault)
{
	char label[TALK_WORDS_MAX + 1];

	if (!(l->slot->info.flags & CKF_LOGIN_REQUIRED))
		return 0;
	slot_label(l->slot, label);
	if (!(l->slot->info.flags & CKF_USER_PIN_INITIALIZED)) {
		fault_set(ret_fault, PKCS11_FAULT_PIN_UNSET, label);
		return -EACCES;
	}
	return log_in(l, session, CKU_USER, ret_fault);
}

int login_again(struct login *l, CK_SESSION_HANDLE session,
		struct pkcs11_answer *ret_fault)
{
	int r = l->kept ? judge(l, call(l, session, CKU_CONTEXT_SPECIFIC), ret_fault)
			: log_in(l, session, CKU_CONTEXT_SPECIFIC, ret_fault);

	login_forget(l);
	return r;
}
