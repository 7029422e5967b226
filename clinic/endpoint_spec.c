/*
 * endpoint_spec.c - descriptions of endpoints from the command line; see endpoint_spec.h.
 */
#include "clinic/endpoint_spec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clinic/conf.h"
#include "clinic/spec.h"
#include "hub/core/hex.h"

enum { LABEL_MAX = 63 }; /* RFC 1123 2.1 */

static const char why_long[] = "this is longer than any endpoint can be";
static const char why_option[] =
	"an endpoint is name=, address=, port=, profile=, weight= and pin=, separated by "
	"commas, each once (pin= twice), like name=clinic.example,address=192.0.2.1";
static const char why_place[] =
	"say where the server is: name=, which the hub looks up, or address=, or both";
static const char why_name[] =
	"name= takes the DNS name in the server's certificate: at most 253 small "
	"letters, "
	"digits and hyphens, in parts of 1 to 63 joined by dots, no hyphen at either end "
	"of a part and the last part not all digits; an address goes to address=";
static const char why_address[] =
	"address= takes one IPv4 or IPv6 address in digits at which hubs reach the "
	"server, like 192.0.2.1 or 2001:db8::1; one for multicast, broadcast, a single "
	"link or for 'any' is none";
static const char why_port[] = "port= takes the server's UDP port, 1 to 65535";
static const char why_profile[] = "profile= takes 1.3 or 1.2: the version of DTLS that "
				  "the server speaks; clinicd speaks 1.3";
static const char why_weight[] = "weight= takes a number from 1 to 100: its share of the "
				 "hubs that try it first";
static const char why_pin[] =
	"pin= takes the SHA-256 of the server's public key, 64 hex digits; not the same "
	"one twice";
static const char why_pins[] = "an endpoint has at most two pins: the key in use and the "
			       "one that comes after it";

/* From one dot or end to the next. */
static bool label_ok(const char *s, size_t len)
{
	if (len < 1 || len > LABEL_MAX || s[0] == '-' || s[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!(s[i] >= 'a' && s[i] <= 'z') && !(s[i] >= '0' && s[i] <= '9') &&
		    s[i] != '-')
			return false;
	return true;
}

bool endpoint_name_ok(const char *name)
{
	size_t len;

	if (strlen(name) > CONFIG_NAME_MAX)
		return false;
	for (;; name += len + 1) {
		len = strcspn(name, ".");
		if (!label_ok(name, len))
			return false;
		if (name[len] == '\0')
			/* what ends in a number is an address to every resolver */
			return strspn(name, "0123456789") != len;
	}
}

bool endpoint_address_ok(const uint8_t a[static 16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff }, none[16];

	if (memcmp(a, mapped, sizeof(mapped)) == 0)
		return a[12] != 0 && a[12] < 224 && !(a[12] == 169 && a[13] == 254);
	return memcmp(a, none, sizeof(none)) != 0 && a[0] != 0xff &&
	       !(a[0] == 0xfe && (a[1] & 0xc0) == 0x80);
}

static const char *parse_name(const char *text, struct config_endpoint *ret)
{
	if (!endpoint_name_ok(text))
		return why_name;
	memcpy(ret->name, text, strlen(text) + 1);
	return NULL;
}

static const char *parse_address(const char *text, struct config_endpoint *ret)
{
	return conf_parse_address(text, ret->addr) == 0 && endpoint_address_ok(ret->addr)
		       ? NULL
		       : why_address;
}

static const char *parse_port(const char *text, struct config_endpoint *ret)
{
	return conf_parse_port(text, &ret->port) == 0 ? NULL : why_port;
}

const char *endpoint_profile_text(enum dtls_profile p)
{
	switch (p) {
	case DTLS_PROFILE_13_CID: return "1.3";
	case DTLS_PROFILE_12_CID: return "1.2";
	case DTLS_PROFILE_NONE: break;
	}
	return "?";
}

static const char *parse_profile(const char *text, struct config_endpoint *ret)
{
	for (int p = DTLS_PROFILE_13_CID; p <= DTLS_PROFILE_12_CID; p++) {
		ret->profile = (enum dtls_profile)p;
		if (strcmp(text, endpoint_profile_text(ret->profile)) == 0)
			return NULL;
	}
	return why_profile;
}

/* 1 is written as 0, see config.h. */
static const char *parse_weight(const char *text, struct config_endpoint *ret)
{
	long v;

	if (spec_parse_number(text, 1, CONFIG_WEIGHT_MAX, &v) < 0)
		return why_weight;
	ret->weight = v == 1 ? 0 : (uint8_t)v;
	return NULL;
}

static const char *parse_pin(const char *text, struct config_endpoint *ret)
{
	uint8_t *pin;

	if (ret->pin_count == CONFIG_PINS_MAX)
		return why_pins;
	pin = ret->pins[ret->pin_count];
	if (strlen(text) != 2 * (size_t)PIN_LEN)
		return why_pin;
	for (size_t i = 0; i < PIN_LEN; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return why_pin;
		pin[i] = (uint8_t)(high << 4 | low);
	}
	for (size_t i = 0; i < ret->pin_count; i++)
		if (memcmp(ret->pins[i], pin, PIN_LEN) == 0)
			return why_pin;
	ret->pin_count++;
	return NULL;
}

static const struct {
	const char *name;
	const char *(*parse)(const char *text, struct config_endpoint *ret);
	bool often; /* more than once */
} options[] = {
	{ "name=", parse_name, false },	    { "address=", parse_address, false },
	{ "port=", parse_port, false },	    { "profile=", parse_profile, false },
	{ "weight=", parse_weight, false }, { "pin=", parse_pin, true },
};

enum { OPTIONS = sizeof(options) / sizeof(*options) };

static const char *parse_option(const char *text, bool seen[static OPTIONS],
				struct config_endpoint *ret)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		size_t len = strlen(options[i].name);

		if (strncmp(text, options[i].name, len) != 0)
			continue;
		if (seen[i] && !options[i].often)
			break;
		seen[i] = true;
		return options[i].parse(text + len, ret);
	}
	return why_option;
}

int endpoint_parse(const char *text, struct config_endpoint *ret, const char **ret_why)
{
	struct config_endpoint e = { .profile = DTLS_PROFILE_13_CID };
	char copy[ENDPOINT_TEXT_MAX], *rest = copy, *option;
	bool seen[OPTIONS] = { false };
	const char *why = NULL;

	if (strlen(text) >= sizeof(copy)) {
		*ret_why = why_long;
		return -EBADMSG;
	}
	memcpy(copy, text, strlen(text) + 1);
	while (!why && (option = strsep(&rest, ",")))
		why = parse_option(option, seen, &e);
	if (!why && !e.name[0] && !config_has_addr(&e))
		why = why_place;
	if (why) {
		*ret_why = why;
		return -EBADMSG;
	}
	*ret = e;
	return 0;
}

bool endpoint_fill(struct config_endpoint *e, const struct config_endpoint *own)
{
	if (!e->name[0])
		memcpy(e->name, own->name, sizeof(e->name));
	if (e->port == 0)
		e->port = own->port;
	if (e->pin_count > 0)
		return true;
	e->pin_count = own->pin_count;
	memcpy(e->pins, own->pins, sizeof(e->pins));
	return strcmp(e->name, own->name) == 0;
}

char *endpoint_text(const struct config_endpoint *e, char buf[static ENDPOINT_TEXT_MAX])
{
	char addr[64], pins[CONFIG_PINS_MAX * (5 + 2 * PIN_LEN) + 1], *p = pins;

	for (size_t i = 0; i < e->pin_count && i < CONFIG_PINS_MAX; i++) {
		p += snprintf(p, 6, ",pin=");
		for (size_t k = 0; k < PIN_LEN; k++)
			p += snprintf(p, 3, "%02x", e->pins[i][k]);
	}
	*p = '\0';
	snprintf(buf, ENDPOINT_TEXT_MAX, "name=%s%s%s,port=%u,profile=%s,weight=%u%s",
		 e->name, config_has_addr(e) ? ",address=" : "",
		 config_has_addr(e) ? conf_address_text(e->addr, addr, sizeof(addr)) : "",
		 e->port, endpoint_profile_text(e->profile), e->weight ? e->weight : 1u,
		 pins);
	return buf;
}
