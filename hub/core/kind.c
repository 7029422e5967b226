/*
 * kind.c - see kind.h.
 */
#include "hub/core/kind.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *name;
	enum reading_kind kind;
} kinds[] = {
	{ "bp", READING_BLOOD_PRESSURE },    { "weight", READING_WEIGHT },
	{ "scale", READING_WEIGHT },	     { "glucose", READING_GLUCOSE },
	{ "spo2", READING_OXIMETRY },	     { "temp", READING_TEMPERATURE },
	{ "hr", READING_HEART_RATE_STREAM }, { "cgm", READING_CGM },
	{ "ghs", READING_GENERIC },
};

enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

enum reading_kind kind_named(const char *name)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].kind;
	return READING_NONE;
}

const char *kind_name(enum reading_kind k)
{
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].kind == k)
			return kinds[i].name;
	return NULL;
}
