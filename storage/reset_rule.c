/*
 * reset_rule.c - see reset_rule.h.
 */
#include "storage/reset_rule.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "hub/rt/file.h"

#define RULE_FILE "reset-rule"

static const char *const words[] = {
	[RESET_RULE_NONE] = "",
	[RESET_RULE_LOCKED] = "locked",
	[RESET_RULE_DISCARD] = "discard",
};

int reset_rule_load(const char *dir)
{
	uint8_t buf[16];
	int n = file_read(dir, RULE_FILE, buf, sizeof(buf));

	if (n == -ENOENT)
		return RESET_RULE_NONE;
	for (int rule = RESET_RULE_LOCKED; n >= 0 && rule <= RESET_RULE_DISCARD; rule++)
		if (strlen(words[rule]) == (size_t)n &&
		    memcmp(words[rule], buf, (size_t)n) == 0)
			return rule;
	return n < 0 && n != -EMSGSIZE ? n : -EBADMSG;
}

int reset_rule_save(const char *dir, enum reset_rule rule)
{
	if (rule == RESET_RULE_NONE)
		return file_remove(dir, RULE_FILE);
	return file_replace(dir, RULE_FILE, (const uint8_t *)words[rule],
			    strlen(words[rule]));
}
