#pragma once

/*
 * talk.h - what all talks between clinicctl and the programs that it runs have in common (helper.h): the size of a packet, words
 * that a person may be shown, and the answer to a question for a PIN, [2, PIN].
 *
 * Pure.
 */
#include <stddef.h>
#include <stdint.h>

#include "hub/core/cbor.h"

enum {
	TALK_PACKET_MAX = 2048,
	TALK_WORDS_MAX = 64,
	TALK_PIN = 2,
};

/* talk_words - text of a device, as it may be shown: printable ASCII, cut to what fits, '?' for the rest. NULL: "". */
void talk_words(const char *text, char ret[static TALK_WORDS_MAX + 1]);

/* A text string, and one as talk_words leaves it. */
void talk_put_text(struct writer *w, const char *text);
void talk_get_words(struct cb *c, char ret[static TALK_WORDS_MAX + 1]);

/* talk_pin_encode - Returns the length, or -ENOSPC. */
int talk_pin_encode(const char *pin, uint8_t buf[static TALK_PACKET_MAX]);
/* talk_pin_decode - cap: of ret, with its NUL. Returns 0, -EBADMSG or -ERANGE. */
int talk_pin_decode(const uint8_t *buf, size_t len, char *ret, size_t cap);
