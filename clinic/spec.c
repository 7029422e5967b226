/*
 * spec.c - device descriptions and other words from the command line; see spec.h.
 */
#include "clinic/spec.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "clinic/store.h"
#include "hub/core/hex.h"

enum { PASSKEY_DIGITS = 6, USER_MAX = 254 };

static const char why_kind[] = "the kind comes first and is 'bp' (blood pressure)";
static const char why_address[] =
	"the address is six pairs of hex digits as on the device or in its app, like "
	"AA:BB:CC:DD:EE:FF, with /random behind it if it is a random one";
static const char why_passkey[] = "passkey= takes the six digits from the device's label "
				  "or manual, like passkey=012345";
static const char why_user[] =
	"user= takes the patient's number on the device (0 to 254) or 'sole'";
static const char why_option[] =
	"after the address only passkey= and user= may follow, each once";

static int parse_address(const char *text, struct config_device *ret)
{
	size_t len = strcspn(text, "/");

	if (hex_address(text, len, ret->addr))
		return -EBADMSG;
	text += len;
	if (*text == '\0' || strcmp(text, "/public") == 0)
		ret->addr_type = ADDR_PUBLIC;
	else if (strcmp(text, "/random") == 0)
		ret->addr_type = ADDR_RANDOM;
	else
		return -EBADMSG;
	return 0;
}

static int parse_passkey(const char *text, struct config_device *ret)
{
	long v;

	if (strlen(text) != PASSKEY_DIGITS || spec_parse_number(text, 0, 999999, &v) < 0)
		return -EBADMSG;
	ret->passkey = (uint32_t)v;
	return 0;
}

static int parse_user(const char *text, struct config_device *ret)
{
	long v;

	if (strcmp(text, "sole") == 0) {
		ret->sole_user = true;
		return 0;
	}
	if (spec_parse_number(text, 0, USER_MAX, &v) < 0)
		return -EBADMSG;
	ret->has_user = true;
	ret->user = (uint8_t)v;
	return 0;
}

static const char *parse_option(const char *text, struct config_device *ret)
{
	if (strncmp(text, "passkey=", 8) == 0 && ret->passkey == CONFIG_NO_PASSKEY)
		return parse_passkey(text + 8, ret) < 0 ? why_passkey : NULL;
	if (strncmp(text, "user=", 5) == 0 && !ret->has_user && !ret->sole_user)
		return parse_user(text + 5, ret) < 0 ? why_user : NULL;
	return why_option;
}

int spec_parse_device(char *text, struct config_device *ret, const char **ret_why)
{
	struct config_device d = { .passkey = CONFIG_NO_PASSKEY };
	char *kind = strsep(&text, ","), *addr = strsep(&text, ","), *option;
	const char *why = NULL;

	if (strcmp(kind, "bp") == 0)
		d.kind = READING_BLOOD_PRESSURE;
	else
		why = why_kind;
	if (!why && (!addr || parse_address(addr, &d) < 0))
		why = why_address;
	while (!why && (option = strsep(&text, ",")))
		why = parse_option(option, &d);
	if (why) {
		*ret_why = why;
		return -EBADMSG;
	}
	*ret = d;
	return 0;
}

int spec_parse_number(const char *text, long min, long max, long *ret)
{
	bool negative = *text == '-';
	long v = 0;

	text += negative;
	if (!*text || strlen(text) > 9)
		return -ERANGE;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -ERANGE;
		v = v * 10 + (*text - '0');
	}
	v = negative ? -v : v;
	if (v < min || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

bool spec_name_ok(const char *name)
{
	size_t n = strlen(name);

	if (n < 1 || n > HUB_NAME_MAX || *name == '.' || *name == '-')
		return false;
	for (; *name; name++) {
		if (!isalnum((unsigned char)*name) && !strchr("._-", *name))
			return false;
	}
	return true;
}
