/*
 * slot.c - see slot.h.
 */
#include "clinic/pkcs11/slot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clinic/pkcs11/fault.h"

enum { SLOTS_MAX = 64 };

/* --- modules ---------------------------------------------------------------------------- */

static CK_FUNCTION_LIST **load_named(const char *path, struct pkcs11_answer *ret_fault)
{
	CK_FUNCTION_LIST **list = calloc(2, sizeof(CK_FUNCTION_LIST *));

	if (!list)
		abort();
	list[0] = p11_kit_module_load(path, P11_KIT_MODULE_UNMANAGED);
	if (list[0] && p11_kit_module_initialize(list[0]) != CKR_OK) {
		p11_kit_module_release(list[0]);
		list[0] = NULL;
	}
	if (list[0])
		return list;
	free(list);
	fault_set(ret_fault, PKCS11_FAULT_MODULE, path);
	return NULL;
}

/* One that does not start is left out, with all its tokens. */
static CK_FUNCTION_LIST **load_installed(struct pkcs11_answer *ret_fault)
{
	CK_FUNCTION_LIST **list =
		p11_kit_modules_load_and_initialize(P11_KIT_MODULE_UNMANAGED);

	if (list && list[0])
		return list;
	if (list)
		p11_kit_modules_finalize_and_release(list);
	fault_set(ret_fault, PKCS11_FAULT_NO_MODULE, NULL);
	return NULL;
}

static CK_FUNCTION_LIST **load(struct pkcs11_answer *ret_fault)
{
	const char *named = getenv("CLINICCTL_PKCS11");

	p11_kit_be_quiet(); /* clinicctl says it in its own words */
	return named && *named ? load_named(named, ret_fault) : load_installed(ret_fault);
}

/* --- the token -------------------------------------------------------------------------- */

/* How many of one module's tokens are meant; the last one is kept. */
static unsigned look(const struct wish *w, CK_FUNCTION_LIST *module, struct slot *s)
{
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG count = SLOTS_MAX;
	CK_TOKEN_INFO info;
	unsigned found = 0;

	if (module->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK || count > SLOTS_MAX)
		return 0;
	for (CK_ULONG i = 0; i < count; i++) {
		memset(&info, 0, sizeof(info));
		if (module->C_GetTokenInfo(slots[i], &info) != CKR_OK ||
		    !(info.flags & CKF_TOKEN_INITIALIZED) ||
		    !wish_is_token(w, module, slots[i], &info))
			continue;
		s->call = module;
		s->id = slots[i];
		s->info = info;
		found++;
	}
	return found;
}

int slot_open(const struct wish *w, struct slot *ret, struct pkcs11_answer *ret_fault)
{
	unsigned found = 0;

	*ret = (struct slot){ .modules = load(ret_fault) };
	if (!ret->modules)
		return -ENOENT;
	for (CK_FUNCTION_LIST **m = ret->modules; *m; m++)
		found += look(w, *m, ret);
	if (found == 1)
		return 0;
	fault_set(ret_fault, found ? PKCS11_FAULT_TOKENS : PKCS11_FAULT_NO_TOKEN, NULL);
	return -ENOENT;
}

void slot_close(struct slot *s)
{
	if (s->modules)
		p11_kit_modules_finalize_and_release(s->modules);
	*s = (struct slot){ .modules = NULL };
}

void slot_label(const struct slot *s, char ret[static TALK_WORDS_MAX + 1])
{
	char text[sizeof(s->info.label) + 1];
	size_t n = p11_kit_space_strlen(s->info.label, sizeof(s->info.label));

	memcpy(text, s->info.label, n);
	text[n] = '\0';
	talk_words(text, ret);
}

bool slot_tries(struct slot *s, enum pkcs11_tries *ret)
{
	CK_TOKEN_INFO now = { .flags = 0 };

	*ret = PKCS11_TRIES_FULL;
	if (s->call->C_GetTokenInfo(s->id, &now) != CKR_OK)
		return true; /* what is done next says why */
	if (now.flags & CKF_USER_PIN_FINAL_TRY)
		*ret = PKCS11_TRIES_LAST;
	else if (now.flags & CKF_USER_PIN_COUNT_LOW)
		*ret = PKCS11_TRIES_LOW;
	return !(now.flags & CKF_USER_PIN_LOCKED);
}
