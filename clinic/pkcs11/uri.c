/*
 * uri.c - see uri.h.
 */
#include "clinic/pkcs11/uri.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* p11-kit leaves spaces out; people who type a label do not. */
static void encode_spaces(const char *text, char ret[static 3 * PKCS11_URI_MAX + 1])
{
	size_t n = 0;

	for (; *text && n < 3 * (size_t)PKCS11_URI_MAX - 2; text++) {
		if (*text != ' ') {
			ret[n++] = *text;
			continue;
		}
		memcpy(ret + n, "%20", 3);
		n += 3;
	}
	ret[n] = '\0';
}

static bool is_private(const CK_ATTRIBUTE *class)
{
	CK_OBJECT_CLASS c;

	if (class->ulValueLen != sizeof(c))
		return false;
	memcpy(&c, class->pValue, sizeof(c));
	return c == CKO_PRIVATE_KEY;
}

static bool names_token(P11KitUri *uri)
{
	const CK_TOKEN_INFO *t = p11_kit_uri_get_token_info(uri);

	return t->label[0] || t->serialNumber[0] || t->manufacturerID[0] || t->model[0] ||
	       p11_kit_uri_get_slot_id(uri) != (CK_SLOT_ID)-1;
}

/* "file:/path", "file:///path" or "/path" (RFC 7512, 2.4); what runs a program, or a relative path, is none. */
static const char *pin_path(const char *source)
{
	if (strncmp(source, "file:", 5) == 0)
		source += 5;
	if (strncmp(source, "//", 2) == 0)
		source += 2;
	return *source == '/' ? source : NULL;
}

/* NULL: nothing is wrong with it. */
static const char *fill(struct wish *w)
{
	const CK_ATTRIBUTE *class = p11_kit_uri_get_attribute(w->uri, CKA_CLASS);
	const char *source = p11_kit_uri_get_pin_source(w->uri);

	if (p11_kit_uri_any_unrecognized(w->uri))
		return "it says something that is not in RFC 7512";
	if (p11_kit_uri_get_pin_value(w->uri))
		return "it has a PIN in it: others read command lines and files";
	if (p11_kit_uri_get_module_name(w->uri) || p11_kit_uri_get_module_path(w->uri))
		return "it names a module: CLINICCTL_PKCS11 does that";
	if (class && !is_private(class))
		return "type= is not private";
	w->label = p11_kit_uri_get_attribute(w->uri, CKA_LABEL);
	w->id = p11_kit_uri_get_attribute(w->uri, CKA_ID);
	w->names_token = names_token(w->uri);
	if (!w->names_token && !w->label && !w->id)
		return "it names neither a token nor a key";
	if (source)
		w->pin_file = pin_path(source);
	return source && !w->pin_file ? "pin-source is no absolute path of a file" : NULL;
}

int wish_parse(const char *text, struct wish *ret, char why[static TALK_WORDS_MAX + 1])
{
	char encoded[3 * PKCS11_URI_MAX + 1];
	const char *fault;

	*ret = (struct wish){ .uri = p11_kit_uri_new() };
	encode_spaces(text, encoded);
	if (!ret->uri)
		abort();
	if (p11_kit_uri_parse(encoded, P11_KIT_URI_FOR_ANY, ret->uri) != P11_KIT_URI_OK)
		fault = "it is not written as RFC 7512 has it";
	else
		fault = fill(ret);
	if (!fault)
		return 0;
	talk_words(fault, why);
	wish_free(ret);
	return -EBADMSG;
}

void wish_free(struct wish *w)
{
	p11_kit_uri_free(w->uri);
	*w = (struct wish){ .uri = NULL };
}

bool wish_is_token(const struct wish *w, CK_FUNCTION_LIST *module, CK_SLOT_ID slot,
		   const CK_TOKEN_INFO *info)
{
	CK_SLOT_ID wanted = p11_kit_uri_get_slot_id(w->uri);
	CK_INFO library;
	CK_SLOT_INFO at;

	if (wanted != (CK_SLOT_ID)-1 && wanted != slot)
		return false;
	return module->C_GetInfo(&library) == CKR_OK &&
	       p11_kit_uri_match_module_info(w->uri, &library) &&
	       module->C_GetSlotInfo(slot, &at) == CKR_OK &&
	       p11_kit_uri_match_slot_info(w->uri, &at) &&
	       p11_kit_uri_match_token_info(w->uri, info);
}

int wish_format(const CK_TOKEN_INFO *info, CK_ATTRIBUTE *label, CK_ATTRIBUTE *id,
		char ret[static PKCS11_URI_MAX + 1])
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE type = { CKA_CLASS, &class, sizeof(class) };
	P11KitUri *uri = p11_kit_uri_new();
	CK_TOKEN_INFO *token = uri ? p11_kit_uri_get_token_info(uri) : NULL;
	char *text = NULL;
	int r = -ENOSPC;

	if (!token)
		abort();
	memcpy(token->label, info->label, sizeof(token->label));
	memcpy(token->serialNumber, info->serialNumber, sizeof(token->serialNumber));
	if (p11_kit_uri_set_attribute(uri, &type) != P11_KIT_URI_OK ||
	    (label && label->ulValueLen > 0 &&
	     p11_kit_uri_set_attribute(uri, label) != P11_KIT_URI_OK) ||
	    (id && id->ulValueLen > 0 &&
	     p11_kit_uri_set_attribute(uri, id) != P11_KIT_URI_OK) ||
	    p11_kit_uri_format(uri, P11_KIT_URI_FOR_OBJECT_ON_TOKEN, &text) !=
		    P11_KIT_URI_OK)
		abort(); /* no memory */
	if (pkcs11_uri_ok(text, strlen(text))) {
		snprintf(ret, PKCS11_URI_MAX + 1, "%s", text);
		r = 0;
	}
	free(text);
	p11_kit_uri_free(uri);
	return r;
}
