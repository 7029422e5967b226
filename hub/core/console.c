/*
 * console.c - the words of console.h that more than the console says.
 */
#include "hub/core/console.h"

#include <stddef.h>

static const char *const whys[CONSOLE_WHY_LAST + 1] = {
	[CONSOLE_WHY_NONE] = "failed",
	[CONSOLE_WHY_LOGIN] = "no-session",
	[CONSOLE_WHY_GRANT] = "not-in-token",
	[CONSOLE_WHY_LEVEL] = "not-at-this-level",
	[CONSOLE_WHY_SECOND] = "second-person",
	[CONSOLE_WHY_BUTTON] = "no-button",
	[CONSOLE_WHY_TOKEN] = "bad-token",
	[CONSOLE_WHY_STALE] = "stale-token",
	[CONSOLE_WHY_ARGUMENT] = "bad-argument",
	[CONSOLE_WHY_BUSY] = "busy",
	[CONSOLE_WHY_UNSENT] = "unsent-readings",
	[CONSOLE_WHY_EARLY] = "too-early",
	[CONSOLE_WHY_MEASURE] = "not-clean",
	[CONSOLE_WHY_CONFIG] = "not-configured",
	[CONSOLE_WHY_FAILED] = "failed",
	[CONSOLE_WHY_UNKNOWN] = "unknown-verb",
	[CONSOLE_WHY_RETIRING] = "retired",
	[CONSOLE_WHY_TEMPLATE] = "bad-template",
	[CONSOLE_WHY_OLD] = "old-template",
	[CONSOLE_WHY_ROLE] = "not-your-role",
	[CONSOLE_WHY_PAIRED] = "already-paired",
	[CONSOLE_WHY_DEVICE] = "no-such-device",
	[CONSOLE_WHY_NO_STICK] = "no-stick",
	[CONSOLE_WHY_STICK_FULL] = "stick-full",
	[CONSOLE_WHY_NOTHING] = "nothing-to-export",
};

const char *console_why_text(unsigned why)
{
	return why <= CONSOLE_WHY_LAST && whys[why] ? whys[why] : "?";
}
