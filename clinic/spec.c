/*
 * spec.c - device descriptions and other words from the command line; see spec.h.
 */
#include "clinic/spec.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "clinic/store.h"
#include "hub/core/hex.h"
#include "hub/core/kind.h"
#include "hub/core/time.h"

enum {
	PASSKEY_DIGITS = 6,
	CONSENT_DIGITS = 4,
	USER_MAX = 254,
	OFFSET_MIN = -720,
	OFFSET_MAX = 840,
};

static const char why_kind[] = "the kind comes first: bp, weight (or scale), glucose, "
			       "spo2, temp, hr, cgm or ghs";
static const char why_address[] =
	"the address is six pairs of hex digits as on the device or in its app, like "
	"AA:BB:CC:DD:EE:FF, with /random behind it if it is a random one; or 'any' for "
	"whichever device of this kind is found while the pairing window is open";
static const char why_passkey[] = "passkey= takes the six digits from the device's label "
				  "or manual, like passkey=012345";
static const char why_user[] =
	"user= takes the patient's number on the device (0 to 254) or 'sole'";
static const char why_consent[] =
	"consent= takes the four digits that the scale shows for this user, like "
	"consent=0042";
static const char why_consent_user[] =
	"consent= is the code of one user of the scale: say which, with user=N";
static const char why_history[] = "history= takes 'new' (only what is measured from now "
				  "on) or 'all' (also what the "
				  "device has stored before)";
static const char why_serial[] =
	"serial= takes the serial number as the device says it, 1 to 32 plain letters, "
	"digits and signs, no comma";
static const char why_option[] =
	"after the address only passkey=, justworks, user=, consent=, history= and "
	"serial= may follow, each once";
static const char why_pairing[] =
	"say how it is paired: passkey=NNNNNN with the six digits on its label or in its "
	"manual; or justworks if it has no number, or shows a new one each time. With "
	"justworks whoever is near while the pairing window is open can pose as it";

static int parse_address(const char *text, struct config_device *ret)
{
	size_t len = strcspn(text, "/");

	if (strcmp(text, "any") == 0)
		return 0;
	if (hex_address(text, len, ret->addr))
		return -EBADMSG;
	ret->has_addr = true;
	text += len;
	if (*text == '\0' || strcmp(text, "/public") == 0)
		ret->addr_type = ADDR_PUBLIC;
	else if (strcmp(text, "/random") == 0)
		ret->addr_type = ADDR_RANDOM;
	else
		return -EBADMSG;
	return 0;
}

/* Exactly so many digits. */
static int parse_digits(const char *text, size_t digits, long max, long *ret)
{
	return strlen(text) == digits ? spec_parse_number(text, 0, max, ret) : -EBADMSG;
}

static const char *parse_passkey(const char *text, struct config_device *ret)
{
	long v;

	if (parse_digits(text, PASSKEY_DIGITS, 999999, &v) < 0)
		return why_passkey;
	ret->passkey = (uint32_t)v;
	return NULL;
}

static const char *parse_user(const char *text, struct config_device *ret)
{
	long v;

	if (strcmp(text, "sole") == 0) {
		ret->sole_user = true;
		return NULL;
	}
	if (spec_parse_number(text, 0, USER_MAX, &v) < 0)
		return why_user;
	ret->has_user = true;
	ret->user = (uint8_t)v;
	return NULL;
}

static const char *parse_consent(const char *text, struct config_device *ret)
{
	long v;

	if (parse_digits(text, CONSENT_DIGITS, CONFIG_CONSENT_MAX, &v) < 0)
		return why_consent;
	ret->has_consent = true;
	ret->consent = (uint16_t)v;
	return NULL;
}

static const char *parse_history(const char *text, struct config_device *ret)
{
	ret->import = strcmp(text, "all") == 0;
	return ret->import || strcmp(text, "new") == 0 ? NULL : why_history;
}

static const char *parse_serial(const char *text, struct config_device *ret)
{
	size_t len = strlen(text);

	if (len < 1 || len > CONFIG_SERIAL_MAX)
		return why_serial;
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return why_serial;
	memcpy(ret->serial, text, len + 1);
	return NULL;
}

static const char *parse_just_works(const char *text, struct config_device *ret)
{
	(void)text;
	ret->just_works = true;
	return NULL;
}

static const struct {
	const char *name; /* with '=' if a value follows */
	const char *(*parse)(const char *text, struct config_device *ret);
} options[] = {
	{ "passkey=", parse_passkey }, { "justworks", parse_just_works },
	{ "user=", parse_user },       { "consent=", parse_consent },
	{ "history=", parse_history }, { "serial=", parse_serial },
};

enum { OPTIONS = sizeof(options) / sizeof(*options) };

static const char *parse_option(const char *text, bool seen[static OPTIONS],
				struct config_device *ret)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		size_t len = strlen(options[i].name);

		if (strncmp(text, options[i].name, len) != 0)
			continue;
		if (seen[i] || (options[i].name[len - 1] != '=' && text[len] != '\0'))
			break;
		seen[i] = true;
		return options[i].parse(text + len, ret);
	}
	return why_option;
}

static const char *parse_kind(const char *text, struct config_device *ret)
{
	ret->kind = kind_named(text);
	return ret->kind == READING_NONE ? why_kind : NULL;
}

static const char *check_device(const struct config_device *d)
{
	if (d->has_consent && !d->has_user)
		return why_consent_user;
	return d->passkey == CONFIG_NO_PASSKEY && !d->just_works ? why_pairing : NULL;
}

int spec_parse_device(char *text, struct config_device *ret, const char **ret_why)
{
	struct config_device d = { .passkey = CONFIG_NO_PASSKEY };
	char *kind = strsep(&text, ","), *addr = strsep(&text, ","), *option;
	const char *why = parse_kind(kind, &d);
	bool seen[OPTIONS] = { false };

	if (!why && (!addr || parse_address(addr, &d) < 0))
		why = why_address;
	while (!why && (option = strsep(&text, ",")))
		why = parse_option(option, seen, &d);
	if (!why)
		why = check_device(&d);
	if (why) {
		*ret_why = why;
		return -EBADMSG;
	}
	*ret = d;
	return 0;
}

static const char *kind_text(enum reading_kind kind)
{
	const char *name = kind_name(kind);

	return name ? name : "?";
}

/* What follows the address; a serial number of 32 is the longest of it. */
__attribute__((format(printf, 2, 3))) static void append(char *buf, const char *fmt, ...)
{
	size_t at = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + at, SPEC_TEXT_MAX - at, fmt, ap);
	va_end(ap);
}

char *spec_device_text(const struct config_device *d, bool secrets,
		       char buf[static SPEC_TEXT_MAX])
{
	const uint8_t *a = d->addr;

	buf[0] = '\0';
	append(buf, "%s,", kind_text(d->kind));
	if (d->has_addr)
		append(buf, "%02X:%02X:%02X:%02X:%02X:%02X%s", a[0], a[1], a[2], a[3],
		       a[4], a[5], d->addr_type == ADDR_RANDOM ? "/random" : "");
	else
		append(buf, "any");
	if (d->passkey != CONFIG_NO_PASSKEY && secrets)
		append(buf, ",passkey=%06u", d->passkey);
	else if (d->passkey != CONFIG_NO_PASSKEY)
		append(buf, ",passkey=******");
	if (d->just_works)
		append(buf, ",justworks");
	if (d->has_user)
		append(buf, ",user=%u", d->user);
	else if (d->sole_user)
		append(buf, ",user=sole");
	if (d->has_consent && secrets)
		append(buf, ",consent=%04u", d->consent);
	else if (d->has_consent)
		append(buf, ",consent=****");
	if (d->import)
		append(buf, ",history=all");
	if (d->serial[0])
		append(buf, ",serial=%s", d->serial);
	return buf;
}

char *spec_change_text(int64_t utc_s, int16_t offset_min,
		       char buf[static SPEC_CHANGE_MAX])
{
	struct date_time t = date_time_from_ms(utc_s * 1000);

	snprintf(buf, SPEC_CHANGE_MAX, "%04u-%02u-%02uT%02u:%02uZ,%d", t.year, t.month,
		 t.day, t.hour, t.minute, offset_min);
	return buf;
}

/* The n digits at 'at', which are there. */
static unsigned number_at(const char *text, size_t at, size_t n)
{
	unsigned v = 0;

	for (size_t i = 0; i < n; i++)
		v = v * 10 + (unsigned)(text[at + i] - '0');
	return v;
}

int spec_parse_change(const char *text, int64_t *ret_utc_s, int16_t *ret_offset_min)
{
	static const char shape[] = "0000-00-00T00:00Z,";
	struct date_time t;
	int64_t ms;
	long offset;

	for (size_t i = 0; i < sizeof(shape) - 1; i++) {
		if (shape[i] == '0' ? !isdigit((unsigned char)text[i])
				    : text[i] != shape[i])
			return -EBADMSG;
	}
	t = (struct date_time){ .year = (uint16_t)number_at(text, 0, 4),
				.month = (uint8_t)number_at(text, 5, 2),
				.day = (uint8_t)number_at(text, 8, 2),
				.hour = (uint8_t)number_at(text, 11, 2),
				.minute = (uint8_t)number_at(text, 14, 2) };
	if (date_time_to_ms(&t, &ms) < 0 || ms < 0 ||
	    spec_parse_number(text + sizeof(shape) - 1, OFFSET_MIN, OFFSET_MAX, &offset) <
		    0)
		return -EBADMSG;
	*ret_utc_s = ms / 1000;
	*ret_offset_min = (int16_t)offset;
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
