/*
 * ledger.c - lines in and out; see ledger.h.
 */
#include "tests/block/ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hub/core/hex.h"

static int get_hex(const char **at, uint8_t *ret, size_t len)
{
	while (**at == ' ')
		(*at)++;
	for (size_t i = 0; i < len; i++, *at += 2) {
		int high = hex_digit((*at)[0]);
		int low = high < 0 ? -1 : hex_digit((*at)[1]);

		if (low < 0)
			return -EBADMSG;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static char *put_hex(char *at, const uint8_t *p, size_t len)
{
	*at++ = ' ';
	for (size_t i = 0; i < len; i++)
		at += sprintf(at, "%02x", p[i]);
	return at;
}

static int get_keys(struct ledger *l, const char *at)
{
	return get_hex(&at, l->seal_private, sizeof(l->seal_private)) ||
			       get_hex(&at, l->seal_public, sizeof(l->seal_public)) ||
			       get_hex(&at, l->sign_private, sizeof(l->sign_private)) ||
			       get_hex(&at, l->sign_public, sizeof(l->sign_public))
		       ? -EBADMSG
		       : 0;
}

void ledger_keys(const struct ledger *l, char ret[static LEDGER_LINE])
{
	char *at = ret + sprintf(ret, "keys");

	at = put_hex(at, l->seal_private, sizeof(l->seal_private));
	at = put_hex(at, l->seal_public, sizeof(l->seal_public));
	at = put_hex(at, l->sign_private, sizeof(l->sign_private));
	(void)put_hex(at, l->sign_public, sizeof(l->sign_public));
}

static int get_handed(struct ledger *l, const char *text)
{
	uint64_t seq, capture;
	int n = 0;

	if (sscanf(text, "handed %" SCNu64 " %" SCNu64 "%n", &seq, &capture, &n) != 2)
		return -EBADMSG;
	if (seq == 0 || seq >= LEDGER_SEQS || capture == 0 || capture > l->offered ||
	    l->seqs[seq].capture || l->seq_of[capture])
		return -ERANGE;
	text += n;
	if (get_hex(&text, l->seqs[seq].hash, SHA256_LEN))
		return -EBADMSG;
	l->seqs[seq].capture = (uint32_t)capture;
	l->seq_of[capture] = seq;
	return 0;
}

static int settle(struct ledger *l, uint64_t first, uint64_t last)
{
	if (first == 0 || last < first || last >= LEDGER_SEQS)
		return -ERANGE;
	for (uint64_t seq = first; seq <= last; seq++)
		l->seqs[seq].settled = true;
	return 0;
}

static int apply(struct ledger *l, const char *text)
{
	uint64_t a, b;

	if (strcmp(text, "start") == 0) {
		l->started = true;
		return 0;
	}
	if (strncmp(text, "keys ", 5) == 0)
		return get_keys(l, text + 5);
	if (strncmp(text, "handed ", 7) == 0)
		return get_handed(l, text);
	if (sscanf(text, "acking %" SCNu64 " %" SCNu64, &a, &b) == 2 ||
	    sscanf(text, "gone %" SCNu64 " %" SCNu64, &a, &b) == 2)
		return settle(l, a, b);
	if (sscanf(text, "offered %" SCNu64, &a) == 1) {
		if (a > LEDGER_CAPTURES)
			return -ERANGE;
		l->offered = a;
	} else if (sscanf(text, "durable %" SCNu64, &a) == 1) {
		if (a == 0 || a > l->offered)
			return -ERANGE;
		l->durable[a] = true;
	} else if (sscanf(text, "told %" SCNu64, &a) == 1) {
		l->told = a;
	} else {
		return -EBADMSG;
	}
	return 0;
}

int ledger_apply(struct ledger *l, const char *text, size_t len)
{
	char line[LEDGER_LINE + 1];

	if (len > LEDGER_LINE)
		return -EBADMSG;
	memcpy(line, text, len);
	line[len] = '\0';
	return apply(l, line);
}

uint64_t ledger_contig(const struct ledger *l)
{
	uint64_t seq = 0;

	while (seq + 1 < LEDGER_SEQS && l->seqs[seq + 1].settled)
		seq++;
	return seq;
}

unsigned ledger_owed(const struct ledger *l)
{
	unsigned owed = 0;

	for (uint64_t c = 1; c <= l->offered; c++)
		owed += l->durable[c] && !(l->seq_of[c] && l->seqs[l->seq_of[c]].settled);
	return owed;
}
