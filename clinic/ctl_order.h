#pragma once

/*
 * ctl_order.h - how a verb of clinicctl orders a hub to do something: who signs it and with which key, the next counter, until
 * when it holds, a line in the store. What signs is read, used and wiped here.
 *
 * Each function returns an enum ctl_exit, after a complaint if it is not CTL_OK.
 */
#include <stddef.h>
#include <stdint.h>

#include "clinic/ctl.h"
#include "clinic/store_command.h"

enum {
	ORDER_VALID_MIN = 24 * 60, /* minutes, unless something else is said */
	ORDER_VALID_MAX_MIN = 7 * 24 * 60,
};

/* Who orders, as the command line says. */
struct order_args {
	const char *dir, *hub;
	const char *as; /* the signer's name */
	const char *
		key; /* file with the signer's private key; NULL: the one in the clinic's folder */
	const char *why;
	long valid_min;
	bool json;
	bool quiet;   /* nothing is printed of what was done */
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

/* What is looked at before anything is signed: anything but CTL_OK, after a complaint, and nothing is done. c has hub, epoch and
 * counter already. */
typedef int order_check_fn(const struct order_args *a, struct store *store,
			   const struct hub *h, const struct signer_row *by,
			   struct command *c);

/*
 * order_give - a new order, in one transaction.
 *
 * c      verb and what belongs to it
 * check  NULL: nothing
 */
int order_give(const struct ctl_verb *v, const struct order_args *a, struct command *c,
	       order_check_fn *check);

/* order_sign - the second signature of an order that is there. */
int order_sign(const struct ctl_verb *v, const struct order_args *a);

/* order_print - where it stands, in lines for a person. */
void order_print(const struct hub *h, const struct order *o, int64_t now_ms);
/* order_print_json - the same as one object on one line. */
void order_print_json(const struct hub *h, const struct order *o, int64_t now_ms);

/* Path of the key file of a signer in the clinic's folder, its name in there. */
enum { ORDER_KEY_NAME_MAX = SIGNER_NAME_MAX + 16 };
void order_key_name(const char *signer, char ret[static ORDER_KEY_NAME_MAX]);

#define ORDER_ARGS_HELP                                                                  \
	"  --as NAME        the signer, one of 'clinicctl signer list'\n"                \
	"  --key FILE       the signer's private key; default signer-NAME.key in DIR\n"  \
	"  --reason TEXT    why; kept with the order\n"                                  \
	"  --valid MINUTES  after so long the hub does not do it any more; default a\n"  \
	"                   day, at most 10080\n"                                        \
	"  --json           one object on one line, for programs\n"
