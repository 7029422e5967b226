/*
 * odd_module.c - a PKCS#11 module around another one, ODD_MODULE, that is odd in the ways that the words of ODD say; and that writes to
 * ODD_LOG who logs in, without the PIN. Flags are what a token says of itself; the rest is what it does.
 *
 *   low last locked no-pin reader        flags: a wrong PIN, the last try, no more, none set; the PIN is typed at the reader, ODD_PIN
 *   always                               a key that is made wants the PIN for each signature
 *   pulled refused crash short forged    in the middle of a signature
 *   no-make                              it makes no keys
 *   noise                                it prints
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <p11-kit/pkcs11.h>

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list);

enum { SIGNATURE_LEN = 64, TEMPLATE_MAX = 16 };

static CK_FUNCTION_LIST odd;
static CK_FUNCTION_LIST_PTR real;

static int is(const char *word)
{
	const char *words = getenv("ODD"), *at = words ? strstr(words, word) : NULL;

	return at != NULL;
}

static void note(const char *what, unsigned long value)
{
	const char *path = getenv("ODD_LOG");
	FILE *f = path ? fopen(path, "a") : NULL;

	if (!f)
		return;
	fprintf(f, "%s %lu\n", what, value);
	fclose(f);
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info)
{
	CK_RV rv = real->C_GetTokenInfo(slot, info);

	if (rv != CKR_OK)
		return rv;
	if (is("low"))
		info->flags |= CKF_USER_PIN_COUNT_LOW;
	if (is("last"))
		info->flags |= CKF_USER_PIN_FINAL_TRY;
	if (is("locked"))
		info->flags |= CKF_USER_PIN_LOCKED;
	if (is("no-pin"))
		info->flags &= ~(CK_FLAGS)CKF_USER_PIN_INITIALIZED;
	if (is("reader"))
		info->flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
	return rv;
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin,
		   CK_ULONG len)
{
	char *typed = getenv("ODD_PIN");

	note("login", user);
	if (is("reader")) {
		if (pin || !typed)
			return CKR_ARGUMENTS_BAD;
		pin = (CK_UTF8CHAR_PTR)typed;
		len = strlen(typed);
	}
	return real->C_Login(session, user, pin, len);
}

static CK_RV generate(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
		      CK_ATTRIBUTE_PTR public, CK_ULONG public_count,
		      CK_ATTRIBUTE_PTR private, CK_ULONG private_count,
		      CK_OBJECT_HANDLE_PTR ret_public, CK_OBJECT_HANDLE_PTR ret_private)
{
	CK_ATTRIBUTE more[TEMPLATE_MAX];
	CK_BBOOL yes = CK_TRUE;

	if (is("no-make"))
		return CKR_FUNCTION_NOT_SUPPORTED;
	if (private_count >= TEMPLATE_MAX)
		return CKR_ARGUMENTS_BAD;
	memcpy(more, private, private_count * sizeof(more[0]));
	if (is("always"))
		more[private_count++] =
			(CK_ATTRIBUTE){ CKA_ALWAYS_AUTHENTICATE, &yes, sizeof(yes) };
	return real->C_GenerateKeyPair(session, mechanism, public, public_count, more,
				       private_count, ret_public, ret_private);
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG len,
		  CK_BYTE_PTR ret, CK_ULONG_PTR ret_len)
{
	CK_RV rv;

	note("sign", len);
	if (is("pulled"))
		return CKR_DEVICE_REMOVED;
	if (is("refused"))
		return CKR_FUNCTION_REJECTED;
	if (is("crash")) {
		signal(SIGABRT, SIG_DFL);
		abort();
	}
	rv = real->C_Sign(session, data, len, ret, ret_len);
	if (rv == CKR_OK && is("short"))
		*ret_len = SIGNATURE_LEN - 1;
	if (rv == CKR_OK && is("forged"))
		ret[0] ^= 1;
	return rv;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list)
{
	const char *path = getenv("ODD_MODULE");
	void *module = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
	void *symbol = module ? dlsym(module, "C_GetFunctionList") : NULL;
	CK_C_GetFunctionList get;
	CK_RV rv;

	if (!symbol)
		return CKR_GENERAL_ERROR;
	memcpy(&get, &symbol, sizeof(get)); /* as POSIX has it for functions */
	rv = get(&real);
	if (rv != CKR_OK)
		return rv;
	if (is("noise")) {
		puts("{\"noise\": true}");
		fflush(stdout);
	}
	odd = *real;
	odd.C_GetFunctionList = C_GetFunctionList;
	odd.C_GetTokenInfo = get_token_info;
	odd.C_Login = login;
	odd.C_GenerateKeyPair = generate;
	odd.C_Sign = sign;
	*list = &odd;
	return CKR_OK;
}
