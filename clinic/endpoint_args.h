#pragma once

/*
 * endpoint_args.h - endpoints as options of clinicctl's verbs: what was typed, what it says, and how it is shown.
 */
#include <stdio.h>

#include "clinic/endpoint_list.h"

struct endpoint_args {
	size_t count;
	const char *option;			 /* the last one, like "--endpoint" */
	const char *texts[CONFIG_ENDPOINTS_MAX]; /* borrowed */
	struct config_endpoint parsed[CONFIG_ENDPOINTS_MAX];
};

/* What --help says of SPEC. */
#define ENDPOINT_ARGS_HELP                                                               \
	"An endpoint's SPEC: name=NAME,address=ADDRESS,... with one of these two at "    \
	"least\n"                                                                        \
	"  name=NAME        DNS name in the server's certificate, default the "          \
	"clinic's;\n"                                                                    \
	"                   without an address the hub looks it up\n"                    \
	"  address=ADDRESS  IPv4 or IPv6 in digits; default none\n"                      \
	"  port=N           UDP port, default the clinic's\n"                            \
	"  profile=1.3      DTLS version, 1.3 (default; clinicd's) or 1.2\n"             \
	"  weight=N         1 (default) to 100: its share of the hubs that try it "      \
	"first\n"                                                                        \
	"  pin=HEX          SHA-256 of the server's public key, up to two; default "     \
	"that of\n"                                                                      \
	"                   server.crt, if the name is the clinic's\n"

/* endpoint_args_take - one more. Returns CTL_OK, or CTL_USAGE after a complaint. */
int endpoint_args_take(struct endpoint_args *a, const char *option, const char *text);

/*
 * endpoint_args_add - what was not said is filled in from the clinic's folder dir, and each is added to the list.
 *
 * Returns CTL_OK, or another enum ctl_exit after a complaint; l may then have some of them.
 */
int endpoint_args_add(const struct endpoint_args *a, const char *dir,
		      struct endpoint_list *l);
/* endpoint_args_fill - the same where the clinic's own endpoint is known already. */
int endpoint_args_fill(const struct endpoint_args *a, const struct config_endpoint *own,
		       struct endpoint_list *l);

/*
 * endpoint_print_list - one a line, in the order in which this hub tries them.
 *
 * before   NULL, or what they are marked against: '+' is new, '=' was there, '-' is there no more
 */
void endpoint_print_list(FILE *to, const uint8_t hub[static HUB_ID_LEN],
			 const struct endpoint_list *l,
			 const struct endpoint_list *before);
