#pragma once

/*
 * ctl_order.h - how a verb of clinicctl orders a hub to do something: what it must say is asked of the clinic, wherever that is
 * (remote.h), it is signed here, and the clinic takes it (order_take.h). What signs is read, used and wiped here.
 *
 * Each function returns an enum ctl_exit, after a complaint if it is not CTL_OK.
 */
#include <stddef.h>
#include <stdint.h>

#include "clinic/ctl.h"
#include "clinic/order_take.h"

enum {
	ORDER_VALID_MIN = 24 * 60, /* minutes, unless something else is said */
};

/* Who orders, as the command line says. */
struct order_args {
	const char *dir, *hub;
	const char *as; /* the signer's name */
	const char *
		key; /* the signer's private key, as in signing.h; NULL: the one in the folder dir */
	const char *why;
	long valid_min;
	bool json;
	bool quiet;   /* nothing is printed of what was done */
	bool yes;     /* the second signature without a question */
	long counter; /* of 'command sign' and 'show' */
	long number;  /* --level, --minutes; 0: not said */
};

/*
 * order_parse - options and operands DIR, HUB and, if 'counter' is wanted, COUNTER.
 *
 * first    argv[first] is DIR
 * number   name of an option with a number, or NULL; 1..number_max
 */
int order_parse(const struct ctl_verb *v, int argc, char **argv, int first, bool counter,
		const char *number, long number_max, struct order_args *ret);

/* order_give - a new order. c: verb and what belongs to it; the rest is filled in, also if it is not taken. */
int order_give(const struct ctl_verb *v, const struct order_args *a, struct command *c);

/*
 * order_sign - the second signature of an order that is there, after a question.
 *
 * What is shown and signed is what the first signature covers, not what clinicd says of it: one that was taken over could say one
 * thing and have another one signed.
 */
int order_sign(const struct ctl_verb *v, const struct order_args *a);

/* order_print_signing - on stderr, what c says, which o's first signature covers. */
void order_print_signing(const char *hub, const struct command *c, const struct order *o);
/* order_print - where it stands, in lines for a person. */
void order_print(const char *hub, const struct order *o, int64_t now_ms);
/* order_print_json - the same as one object on one line. */
void order_print_json(const char *hub, const struct order *o, int64_t now_ms);

/* Path of the key file of a signer in the clinic's folder, its name in there. */
enum { ORDER_KEY_NAME_MAX = SIGNER_NAME_MAX + 16 };
void order_key_name(const char *signer, char ret[static ORDER_KEY_NAME_MAX]);

#define ORDER_ARGS_HELP                                                                  \
	"  --as NAME        the signer, one of 'clinicctl signer list'\n"                \
	"  --key FILE       the signer's key: a file, or pkcs11:... (RFC 7512); "        \
	"default\n"                                                                      \
	"                   signer-NAME.key in DIR\n"                                    \
	"  --reason TEXT    why; kept with the order\n"                                  \
	"  --valid MINUTES  after so long the hub does not do it any more; default a\n"  \
	"                   day, at most 10080\n"                                        \
	"  --json           one object on one line, for programs\n"
