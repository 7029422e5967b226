/*
 * conf.c - clinic.conf to a struct and back; see conf.h.
 */
#include "clinic/conf.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LINE_MAX_BYTES = 640, ENROL_TEXT_MAX = 256 };

enum conf_key {
	CONF_KEY_NAME = 0,
	CONF_KEY_ADDRESS, /* may be absent */
	CONF_KEY_PORT,
	CONF_KEY_DATABASE, /* may be absent */
	CONF_KEY_ENROL,	   /* may be absent */
	CONF_KEY_APPROVE,  /* may be absent */
	CONF_KEY_LIFE,	   /* may be absent */
	CONF_KEY_PORTS,	   /* may be absent */
	CONF_KEY_COUNT
};

static const char *const key_names[CONF_KEY_COUNT] = { "name",	     "address",
						       "port",	     "database",
						       "enrol",	     "enrol-approve",
						       "enrol-life", "hub-ports" };
static const unsigned keys_needed = 1U << CONF_KEY_NAME | 1U << CONF_KEY_PORT;

bool conf_name_ok(const char *name)
{
	size_t n = strlen(name);

	if (n < 1 || n > CONFIG_NAME_MAX || !isalnum((unsigned char)name[0]) ||
	    !isalnum((unsigned char)name[n - 1]))
		return false;
	for (; *name; name++) {
		if (!isalnum((unsigned char)*name) && *name != '-' && *name != '.')
			return false;
	}
	return true;
}

int conf_parse_address(const char *text, uint8_t ret[static 16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	uint8_t v4[4], v6[16];

	if (inet_pton(AF_INET, text, v4) == 1) {
		memcpy(ret, mapped, sizeof(mapped));
		memcpy(ret + sizeof(mapped), v4, sizeof(v4));
		return 0;
	}
	if (inet_pton(AF_INET6, text, v6) != 1)
		return -EBADMSG;
	memcpy(ret, v6, sizeof(v6));
	return 0;
}

int conf_parse_port(const char *text, uint16_t *ret)
{
	unsigned v = 0;

	if (!*text || strlen(text) > 5)
		return -ERANGE;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -ERANGE;
		v = v * 10 + (unsigned)(*text - '0');
	}
	if (v < 1 || v > UINT16_MAX)
		return -ERANGE;
	*ret = (uint16_t)v;
	return 0;
}

int conf_parse_life(const char *text, uint32_t *ret_s)
{
	static const struct {
		char unit;
		uint32_t s;
	} units[] = { { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };
	size_t n = strspn(text, "0123456789");
	uint64_t v = 0;

	if (n < 1 || n > 9 || text[n] == '\0' || text[n + 1] != '\0')
		return -ERANGE;
	for (size_t i = 0; i < n; i++)
		v = v * 10 + (uint64_t)(text[i] - '0');
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (units[i].unit != text[n])
			continue;
		v *= units[i].s;
		if (v < CONF_LIFE_MIN_S || v > CONF_LIFE_MAX_S)
			return -ERANGE;
		*ret_s = (uint32_t)v;
		return 0;
	}
	return -ERANGE;
}

bool conf_database_ok(const char *text)
{
	size_t n = strlen(text);

	if (n < 1 || n > CONF_DATABASE_MAX)
		return false;
	for (; *text; text++) {
		if (!isprint((unsigned char)*text))
			return false;
	}
	return true;
}

char *conf_address_text(const uint8_t addr[static 16], char *buf, size_t cap)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	bool v4 = memcmp(addr, mapped, sizeof(mapped)) == 0;

	if (!inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? addr + 12 : addr, buf,
		       (socklen_t)cap))
		snprintf(buf, cap, "?");
	return buf;
}

/* In place: without blanks at both ends. */
static char *trim(char *s)
{
	size_t n;

	while (isspace((unsigned char)*s))
		s++;
	for (n = strlen(s); n > 0 && isspace((unsigned char)s[n - 1]); n--)
		s[n - 1] = '\0';
	return s;
}

static int set_value(struct conf *c, enum conf_key key, const char *value)
{
	switch (key) {
	case CONF_KEY_NAME:
		if (!conf_name_ok(value))
			return -ERANGE;
		memcpy(c->name, value, strlen(value) + 1);
		return 0;
	case CONF_KEY_ADDRESS:
		return conf_parse_address(value, c->addr) == 0 ? 0 : -ERANGE;
	case CONF_KEY_PORT: return conf_parse_port(value, &c->port);
	case CONF_KEY_DATABASE:
		if (!conf_database_ok(value))
			return -ERANGE;
		memcpy(c->database, value, strlen(value) + 1);
		return 0;
	case CONF_KEY_ENROL: return conf_parse_port(value, &c->enrol);
	case CONF_KEY_APPROVE:
		c->enrol_asks = strcmp(value, "ask") == 0;
		return c->enrol_asks || strcmp(value, "auto") == 0 ? 0 : -ERANGE;
	case CONF_KEY_LIFE: return conf_parse_life(value, &c->enrol_life_s);
	case CONF_KEY_PORTS:
		if (!hub_ports_ok(value))
			return -ERANGE;
		memcpy(c->hub_ports, value, strlen(value) + 1);
		return 0;
	case CONF_KEY_COUNT: break;
	}
	return -EBADMSG;
}

/* One line, changed in place; seen has a bit for each key that was there. */
static int parse_line(char *line, struct conf *c, unsigned *seen)
{
	char *text = trim(line), *eq, *key;

	if (*text == '\0' || *text == '#')
		return 0;
	eq = strchr(text, '=');
	if (!eq)
		return -EBADMSG;
	*eq = '\0';
	key = trim(text);
	for (unsigned k = 0; k < CONF_KEY_COUNT; k++) {
		if (strcmp(key, key_names[k]) != 0)
			continue;
		if (*seen & 1U << k)
			return -EBADMSG;
		*seen |= 1U << k;
		return set_value(c, (enum conf_key)k, trim(eq + 1));
	}
	return -EBADMSG;
}

int conf_parse(const char *text, struct conf *ret, unsigned *ret_line)
{
	struct conf c = { .port = 0 };
	unsigned seen = 0, line = 0;
	char buf[LINE_MAX_BYTES];

	while (*text) {
		size_t n = strcspn(text, "\n");
		int r = -EBADMSG;

		line++;
		if (n < sizeof(buf)) {
			memcpy(buf, text, n);
			buf[n] = '\0';
			r = parse_line(buf, &c, &seen);
		}
		if (r < 0) {
			*ret_line = line;
			return r;
		}
		text += n + (text[n] == '\n');
	}
	if ((seen & keys_needed) != keys_needed) {
		*ret_line = 0;
		return -EBADMSG;
	}
	*ret = c;
	return 0;
}

int conf_format(const struct conf *c, char *buf, size_t cap)
{
	static const uint8_t none[sizeof(c->addr)];
	bool has_addr = memcmp(c->addr, none, sizeof(none)) != 0;
	char addr[INET6_ADDRSTRLEN], enrol[ENROL_TEXT_MAX] = "", life[32] = "";
	const char *ports = c->hub_ports;
	int n;

	if (c->enrol_life_s)
		snprintf(life, sizeof(life), "enrol-life = %us\n", c->enrol_life_s);
	if (c->enrol)
		snprintf(enrol, sizeof(enrol),
			 "# UDP port at which hubs that were claimed get their "
			 "certificates; enrol-approve = ask: a\n"
			 "# person has to say so each time.\n"
			 "enrol = %u\nenrol-approve = %s\n",
			 c->enrol, c->enrol_asks ? "ask" : "auto");
	n = snprintf(
		buf, cap,
		"# How hubs reach this clinic. It is written into the "
		"configuration of each\n"
		"# hub when the hub is added: a change here does not reach hubs "
		"added before,\n"
		"# 'clinicctl hub endpoints' does.\n"
		"name = %s\n%s%s%sport = %u\n%s%s%s%s%s%s%s%s",
		c->name, has_addr ? "address = " : "",
		has_addr ? conf_address_text(c->addr, addr, sizeof(addr)) : "",
		has_addr ? "\n" : "", c->port,
		*c->database ? "# Where the clinic's data are.\ndatabase = " : "",
		c->database, *c->database ? "\n" : "", enrol, life,
		*ports ? "# UDP ports that the packet filter of the hubs' image lets "
			 "through.\nhub-ports = "
		       : "",
		ports, *ports ? "\n" : "");

	return n < 0 || (size_t)n >= cap ? -ENOSPC : n;
}
