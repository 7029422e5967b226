/*
 * token.c - see token.h.
 */
#include "clinic/token.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <p11-kit-1/p11-kit/pkcs11.h>

#include "clinic/passphrase.h"

enum { LABEL_MAX = 64, SLOTS_MAX = 64, TOKEN_LABEL_LEN = 32 };

static const char default_module[] = "p11-kit-proxy.so";

/* What "pkcs11:" said. */
struct name {
	char token[TOKEN_LABEL_LEN + 1], object[LABEL_MAX + 1];
};

struct token {
	void *module;
	CK_FUNCTION_LIST_PTR call;
	bool started;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
};

/* --- its name --------------------------------------------------------------------------- */

bool token_is(const char *spec)
{
	return strncmp(spec, "pkcs11:", 7) == 0;
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *p;

	if (c >= 'A' && c <= 'F')
		c = (char)(c - 'A' + 'a');
	p = c ? strchr(digits, c) : NULL;
	return p ? (int)(p - digits) : -1;
}

/* One value, percent-encoded (RFC 7512, 2.3). Returns 0 or -EBADMSG. */
static int decode(const char *p, size_t len, char *ret, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = p[i];

		if (c == '%') {
			int high = i + 2 < len ? hex_digit(p[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(p[i + 2]) : -1;

			if (low < 0)
				return -EBADMSG;
			c = (char)(high * 16 + low);
			i += 2;
		}
		if (n + 1 >= cap || c == '\0')
			return -EBADMSG;
		ret[n++] = c;
	}
	ret[n] = '\0';
	return n > 0 ? 0 : -EBADMSG;
}

/* "type=private" may be said, other words may not: they would be a wish that we do not fulfil. */
static int parse(const char *spec, struct name *ret)
{
	const char *p = spec + 7;
	int r = 0;

	memset(ret, 0, sizeof(*ret));
	while (r == 0 && *p) {
		size_t n = strcspn(p, ";");
		const char *value = memchr(p, '=', n);
		size_t key = value ? (size_t)(value - p) : n;
		size_t len = value ? n - key - 1 : 0;

		if (key == 5 && memcmp(p, "token", 5) == 0 && value)
			r = decode(value + 1, len, ret->token, sizeof(ret->token));
		else if (key == 6 && memcmp(p, "object", 6) == 0 && value)
			r = decode(value + 1, len, ret->object, sizeof(ret->object));
		else if (n != 12 || memcmp(p, "type=private", 12) != 0)
			r = -EBADMSG;
		p += n;
		p += *p == ';';
	}
	return r == 0 && *ret->token && *ret->object ? 0 : -EBADMSG;
}

/* --- module, token, key ----------------------------------------------------------------- */

static int load(struct token *t, char why[static FOLDER_WHY_MAX])
{
	const char *path = getenv("CLINICCTL_PKCS11");
	CK_C_GetFunctionList list;
	void *symbol;

	if (!path || !*path)
		path = default_module;
	t->module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	symbol = t->module ? dlsym(t->module, "C_GetFunctionList") : NULL;
	if (!symbol) {
		snprintf(why, FOLDER_WHY_MAX,
			 "the PKCS#11 module %s cannot be loaded; CLINICCTL_PKCS11 names "
			 "it",
			 path);
		return -ENOENT;
	}
	memcpy(&list, &symbol, sizeof(list)); /* as POSIX has it for functions */
	t->started = list(&t->call) == CKR_OK && t->call->C_Initialize(NULL) == CKR_OK;
	if (!t->started)
		snprintf(why, FOLDER_WHY_MAX, "the PKCS#11 module %s does not start",
			 path);
	return t->started ? 0 : -EIO;
}

/* A label is filled up with spaces. */
static bool is_token(const CK_TOKEN_INFO *info, const char *label)
{
	size_t n = strlen(label);

	for (size_t i = n; i < TOKEN_LABEL_LEN; i++)
		if (info->label[i] != ' ')
			return false;
	return memcmp(info->label, label, n) == 0;
}

/* Of two tokens of one label none is meant. */
static int find_slot(struct token *t, const char *label, CK_SLOT_ID *ret)
{
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG count = SLOTS_MAX;
	CK_TOKEN_INFO info;
	unsigned found = 0;

	if (t->call->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK)
		return -EIO;
	for (CK_ULONG i = 0; i < count; i++) {
		if (t->call->C_GetTokenInfo(slots[i], &info) != CKR_OK ||
		    !is_token(&info, label))
			continue;
		*ret = slots[i];
		found++;
	}
	return found == 1 ? 0 : -ENOENT;
}

static int log_in(struct token *t, const char *label, char why[static FOLDER_WHY_MAX])
{
	char pin[PASSPHRASE_MAX] = "", what[TOKEN_LABEL_LEN + 16];
	CK_RV rv;
	int r;

	snprintf(what, sizeof(what), "token %s", label);
	r = passphrase_get(what, pin);
	if (r < 0) {
		snprintf(why, FOLDER_WHY_MAX,
			 "token '%s' needs its PIN: there is no terminal to ask for it, "
			 "or the file of --passphrase-file has none",
			 label);
		return -EACCES;
	}
	rv = t->call->C_Login(t->session, CKU_USER, (CK_UTF8CHAR_PTR)pin,
			      (CK_ULONG)strlen(pin));
	crypto_wipe(pin, sizeof(pin));
	if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
		return 0;
	snprintf(why, FOLDER_WHY_MAX,
		 rv == CKR_PIN_LOCKED
			 ? "token '%s' is locked: its PIN was wrong too often"
			 : "token '%s' does not take this PIN; it is locked after some "
			   "wrong ones",
		 label);
	return -EKEYREJECTED;
}

static int find_key(struct token *t, const char *label)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_KEY_TYPE type = CKK_EC;
	CK_ATTRIBUTE want[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_KEY_TYPE, &type, sizeof(type) },
		{ CKA_LABEL, (void *)(uintptr_t)label, (CK_ULONG)strlen(label) },
	};
	CK_OBJECT_HANDLE found[2];
	CK_ULONG count = 0;

	if (t->call->C_FindObjectsInit(t->session, want, 3) != CKR_OK)
		return -EIO;
	if (t->call->C_FindObjects(t->session, found, 2, &count) != CKR_OK)
		count = 0;
	(void)t->call->C_FindObjectsFinal(t->session);
	if (count != 1)
		return -ENOENT;
	t->key = found[0];
	return 0;
}

static int open_key(struct token *t, const struct name *n,
		    char why[static FOLDER_WHY_MAX])
{
	CK_SLOT_ID slot = 0;
	int r = find_slot(t, n->token, &slot);

	if (r < 0) {
		snprintf(why, FOLDER_WHY_MAX,
			 "there is no token '%s', or more than one of this name",
			 n->token);
		return r;
	}
	if (t->call->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &t->session) !=
	    CKR_OK) {
		snprintf(why, FOLDER_WHY_MAX, "token '%s' cannot be used", n->token);
		return -EIO;
	}
	r = log_in(t, n->token, why);
	if (r < 0)
		return r;
	r = find_key(t, n->object);
	if (r < 0)
		snprintf(why, FOLDER_WHY_MAX,
			 "token '%s' has no private EC key '%s', or more than one",
			 n->token, n->object);
	return r;
}

int token_open(const char *spec, struct token **ret, char why[static FOLDER_WHY_MAX])
{
	struct token *t;
	struct name n;
	int r = parse(spec, &n);

	if (r < 0) {
		snprintf(why, FOLDER_WHY_MAX,
			 "'%s' is not of the form pkcs11:token=LABEL;object=LABEL", spec);
		return r;
	}
	t = calloc(1, sizeof(*t));
	if (!t) {
		snprintf(why, FOLDER_WHY_MAX, "there is no memory");
		return -ENOMEM;
	}
	r = load(t, why);
	if (r == 0)
		r = open_key(t, &n, why);
	if (r < 0)
		token_close(t);
	else
		*ret = t;
	return r;
}

void token_close(struct token *t)
{
	if (!t)
		return;
	if (t->started)
		(void)t->call->C_Finalize(NULL); /* ends the session */
	if (t->module)
		(void)dlclose(t->module);
	free(t);
}

int token_sign(struct token *t, const uint8_t hash[static SHA256_LEN],
	       uint8_t ret[static P256_SIGNATURE_LEN])
{
	CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 };
	CK_ULONG len = P256_SIGNATURE_LEN;
	uint8_t copy[SHA256_LEN];

	memcpy(copy, hash, sizeof(copy)); /* the interface knows no const */
	if (t->call->C_SignInit(t->session, &ecdsa, t->key) != CKR_OK ||
	    t->call->C_Sign(t->session, copy, sizeof(copy), ret, &len) != CKR_OK ||
	    len != P256_SIGNATURE_LEN)
		return -EIO;
	return 0;
}
