/*
 * control.c - makes hub-store lose data: linked into a second one, it changes one setting of SQLite behind the
 * product's back. HUB_BLOCK_SETTING in the environment says which; without it nothing is changed.
 *
 * A control that is not seen to lose means that the test sees nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/explore/settings.h"

static const struct setting_rule rules_normal[] = {
	{ "PRAGMA synchronous=FULL", "PRAGMA synchronous=NORMAL", "PRAGMA synchronous",
	  "SELECT 2" },
};
static const struct setting_rule rules_off[] = {
	{ "PRAGMA synchronous=FULL", "PRAGMA synchronous=OFF", "PRAGMA synchronous",
	  "SELECT 2" },
};
static const struct settings normal = { .rules = rules_normal, .rule_count = 1 };
static const struct settings off = { .rules = rules_off, .rule_count = 1 };

__attribute__((constructor)) static void choose(void)
{
	const char *name = getenv("HUB_BLOCK_SETTING");

	if (!name)
		return;
	if (strcmp(name, "normal") != 0 && strcmp(name, "off") != 0) {
		(void)fprintf(stderr, "control: no setting '%s'\n", name);
		exit(1);
	}
	settings_use(strcmp(name, "off") == 0 ? &off : &normal);
}
