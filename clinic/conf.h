#pragma once

/*
 * conf.h - clinic.conf: what hubs are told about how to reach this clinic. A small text, made by
 * clinicctl init.
 *
 *	# comment
 *	name = clinic.example
 *	address = 192.0.2.10
 *	port = 5684
 *	database = host=db1,db2 dbname=clinic user=clinicd
 *	enrol = 5685
 *	enrol-approve = ask
 *	enrol-life = 90d
 *	hub-ports = 5684-5699
 *
 * 'address' may be left out: then hubs look the name up. 'database' may be left out: then the clinic's data are in
 * the file clinic.db of the folder. 'enrol' may be left out: then hubs cannot enrol here. 'enrol-approve' is 'auto' (who
 * was claimed may enrol) or 'ask' (and each time a person says so). 'enrol-life' is how long a hub's certificate is good; a hub
 * renews it at two thirds of that. 'hub-ports' is what the packet filter of the hubs' image lets through, if that was changed
 * (hub_ports.h).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clinic/hub_ports.h"
#include "hub/core/config.h"

enum {
	CONF_TEXT_MAX = 4096,
	CONF_PORT = 5684, /* CoAP over DTLS, RFC 7252 12.7 */
	CONF_DATABASE_MAX = 511,
	CONF_LIFE_MIN_S = 8,
	CONF_LIFE_MAX_S = 3 * 365 * 86400,
};

struct conf {
	char name[CONFIG_NAME_MAX + 1]; /* DNS name in the server's certificate */
	uint8_t addr
		[16]; /* IPv6, or IPv4 as ::ffff:a.b.c.d; all zero: what the name leads to */
	uint16_t port;
	/* conninfo of a PostgreSQL server as libpq has it, URL or 'key=value ...'; "": the file */
	char database[CONF_DATABASE_MAX + 1];
	uint16_t enrol;			   /* UDP port, 0 none */
	bool enrol_asks;		   /* a person approves each enrolment */
	uint32_t enrol_life_s;		   /* of a hub's certificate; 0: not said */
	char hub_ports[HUB_PORTS_MAX + 1]; /* as in hub_ports.h; "": as delivered */
};

/* conf_name_ok - letters, digits, hyphens and dots as in a DNS name, 1..CONFIG_NAME_MAX. Pure. */
bool conf_name_ok(const char *name);
/* conf_parse_life - '90d', '36h', '15m' or '30s', CONF_LIFE_MIN_S..CONF_LIFE_MAX_S. Returns 0 or -ERANGE. Pure. */
int conf_parse_life(const char *text, uint32_t *ret_s);
/* conf_parse_address - literal IPv4 or IPv6. Returns 0 or -EBADMSG. Pure. */
int conf_parse_address(const char *text, uint8_t ret[static 16]);
/* conf_parse_port - 1..65535. Returns 0 or -ERANGE. Pure. */
int conf_parse_port(const char *text, uint16_t *ret);
/* conf_address_text - as people write it; at least 46 bytes. Returns buf. Pure. */
char *conf_address_text(const uint8_t addr[static 16], char *buf, size_t cap);

/* conf_database_ok - printable, one line, 1..CONF_DATABASE_MAX; whether libpq likes it is another question. Pure. */
bool conf_database_ok(const char *text);

/*
 * conf_parse - name and port must be there once, address and database may; unknown keys are refused.
 *
 * text       NUL-terminated
 * ret_line   line that is wrong, from 1; 0: a key is missing; written on failure only
 *
 * Returns 0, -EBADMSG (not 'key = value', unknown, doubled or missing key) or -ERANGE
 * (its value). Pure.
 */
int conf_parse(const char *text, struct conf *ret, unsigned *ret_line);

/* conf_format - the text. Returns the length, or -ENOSPC. Pure. */
int conf_format(const struct conf *c, char *buf, size_t cap);
