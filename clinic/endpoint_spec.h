#pragma once

/*
 * endpoint_spec.h - what a person types to say where hubs reach a server of the clinic:
 * "name=clinic.example,address=192.0.2.1,port=5684,weight=10".
 */
#include <stdbool.h>
#include <stddef.h>

#include "hub/core/config.h"

/* The longest there is, with its end: a name of 253, an IPv6 address, two pins. */
enum { ENDPOINT_TEXT_MAX = 512 };

/*
 * endpoint_parse - options in any order, each once, separated by commas; one of the first two must be there.
 *
 *   name=      DNS name (RFC 1123, in small letters): what the server's certificate must say, and, if there is no
 *              address, what the hub looks up
 *   address=   IPv4 or IPv6 in digits; not 'any', multicast, broadcast or link-local
 *   port=      1..65535
 *   profile=   1.3 (default) or 1.2: DTLS with connection ID
 *   weight=    1 (default) .. CONFIG_WEIGHT_MAX
 *   pin=       64 hex digits, SHA-256 of the server's public key; up to CONFIG_PINS_MAX times
 *
 * ret       what is not said is left zero: name, port, pins; see endpoint_fill
 * ret_why   what is wrong and what it should look like; static; written on failure only
 *
 * Returns 0 or -EBADMSG. Pure.
 */
int endpoint_parse(const char *text, struct config_endpoint *ret, const char **ret_why);

/*
 * endpoint_fill - what was not said is as at the clinic's own server.
 *
 * own   with name, port and one pin
 *
 * Returns false if that cannot be: a server of another name has another certificate, so that its pin must be said.
 * Pure.
 */
bool endpoint_fill(struct config_endpoint *e, const struct config_endpoint *own);

/* endpoint_text - as endpoint_parse takes it, with everything said. Returns buf. Pure. */
char *endpoint_text(const struct config_endpoint *e, char buf[static ENDPOINT_TEXT_MAX]);

/* endpoint_profile_text - "1.3" or "1.2"; static. Pure. */
const char *endpoint_profile_text(enum dtls_profile p);

/* endpoint_address_ok - can a server be there, as far as the address says? Pure. */
bool endpoint_address_ok(const uint8_t a[static 16]);

/* endpoint_name_ok - a name as endpoint_parse takes it. Pure. */
bool endpoint_name_ok(const char *name);
