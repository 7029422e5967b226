#pragma once

/*
 * typed.h - a line as a verb of the closed table and its one argument.
 *
 * Pure. Letters of either case, any number of spaces between words. Anything that is not exactly a verb and its argument is
 * nothing: there are no options, no abbreviations, and no text goes any further.
 */
#include <stddef.h>
#include <stdint.h>

#include "hub/core/token.h"
#include "hub/core/verbs.h"

enum typed_kind {
	TYPED_NOTHING = 0,
	TYPED_VERB,  /* with .number, if it takes an argument */
	TYPED_TOKEN, /* a verb, and from .rest on the begin of a token */
	TYPED_CODE,  /* a verb with .code */
	TYPED_TEMPLATE, /* a verb, and from .rest on the begin of a template (hub/core/network.h) */
};

struct typed {
	enum typed_kind kind;
	enum verb verb;
	const char *rest; /* borrowed from the line */
	char code[TOKEN_CODE_DIGITS + 1];
	/* of pair: enum reading_kind; of unpair: the 8 digits */
	uint64_t number;
};

/* typed_parse - text is a line of line.h, ended with NUL. */
struct typed typed_parse(const char *text);
