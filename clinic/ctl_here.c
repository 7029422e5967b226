/*
 * ctl_here.c - see ctl_here.h. The same in a table for people: docs/CLINIC.md, 'Which verb works where'.
 */
#include "clinic/ctl_here.h"

#include <stddef.h>
#include <string.h>

#define ROOT "the clinic's root signs it, and no clinicd has that key"
#define OWN "it changes the clinic's own keys"

static const struct {
	const char *verb, *part, *what;
} here[] = {
	{ "hub", "add", ROOT "; from here claim a hub by its label: 'clinicctl claim'" },
	{ "import", "",
	  "it files what a stick has into the clinic's database; no door takes a file" },
	{ "recover", "", "it writes what a card had into the clinic's database" },
	{ "audit", "key", "it writes a key that no door gives or takes" },
	{ "trust", "", ROOT "; the file is no secret: have it sent to you" },
	{ "ticket", "create",
	  ROOT "; have one made, or claim the hub by its label: 'clinicctl claim'" },
	{ "enrol", "ca", OWN },
	{ "keys", "", OWN },
	{ "signer", "add", "it says whom hubs obey" },
	{ "signer", "remove", "it says whom hubs obey" },
	{ "person", "", "it says who may ask from elsewhere" },
	{ "network", "", "it reads which hub has which id, and config.key signs it" },
	{ "evidence", "", "it opens with the clinic's keys what a hub sealed" },
	{ "console", "", "it opens with the clinic's keys what a hub sealed" },
	{ "risk", "", "it reads the evidence and the signers' keys that lie there" },
};

const char *ctl_here(const char *verb, const char *part)
{
	for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++)
		if (strcmp(here[i].verb, verb) == 0 &&
		    (!*here[i].part || strcmp(here[i].part, part) == 0))
			return here[i].what;
	return NULL;
}
