/*
 * drops.c - see drops.h.
 *
 *	table inet hub {
 *		counter hub-ble {
 *			packets 0 bytes 0
 *		}
 *		...
 *	}
 */
#include "hub/measure/drops.h"

#include <errno.h>
#include <string.h>

#include "hub/core/cbor.h"
#include "hub/measure/words.h"
#include "hub/rt/file.h"

enum { VERSION = 1, FIELDS = 3, NONE = -1 };

static const char text_name[] = "drops", told_name[] = "drops";

/* As in rootfs/nftables/hub.nft and rootfs/sysusers.d/hub.conf. */
static const struct {
	const char *name;
	uint32_t uid;
} counters[DROPS_COUNTERS] = { { "hub-ble", 951 },     { "hub-store", 952 },
			       { "hub-coap", 953 },    { "hubd", 954 },
			       { "hub-measure", 955 }, { "hub-console", 956 } };

const char *drops_name(size_t counter)
{
	return counters[counter].name;
}

uint32_t drops_uid(size_t counter)
{
	return counters[counter].uid;
}

/* --- the filter's text ---------------------------------------------------------------------------- */

static int counter_of(struct words name)
{
	for (size_t i = 0; i < DROPS_COUNTERS; i++)
		if (words_is(name, counters[i].name))
			return (int)i;
	return NONE; /* not one of the hub's users */
}

int drops_parse(const char *text, size_t len, struct drops *ret)
{
	const char *at = text, *line;
	uint64_t packets[DROPS_COUNTERS] = { 0 };
	unsigned found = 0;
	int counter = NONE;
	size_t n;

	while ((line = words_line(&at, text + len, &n)) != NULL) {
		struct words w = { line, line + n, false };
		struct words first = words_next(&w);

		if (words_is(first, "counter")) {
			counter = counter_of(words_next(&w));
		} else if (words_is(first, "packets") && counter != NONE) {
			packets[counter] = words_number(&w, words_next(&w), 10);
			if (w.bad || found & 1u << counter)
				return -EBADMSG;
			found |= 1u << counter;
			counter = NONE;
		}
	}
	if (found != (1u << DROPS_COUNTERS) - 1)
		return -EBADMSG;
	memcpy(ret->packets, packets, sizeof(packets));
	return 0;
}

void drops_since(const struct drops *before, const struct drops *now,
		 uint64_t ret[static DROPS_COUNTERS])
{
	bool same = before && memcmp(before->boot, now->boot, EVIDENCE_BOOT_LEN) == 0;

	for (size_t i = 0; i < DROPS_COUNTERS; i++) {
		uint64_t then = same ? before->packets[i] : 0;

		ret[i] = now->packets[i] - (then <= now->packets[i] ? then : 0);
	}
}

/* --- files ---------------------------------------------------------------------------------------- */

int drops_encode(const struct drops *d, uint8_t *buf, size_t cap)
{
	struct writer w;

	writer_init(&w, buf, cap);
	cb_put_array(&w, FIELDS);
	cb_put_uint(&w, VERSION);
	cb_put_bytes(&w, d->boot, sizeof(d->boot));
	cb_put_array(&w, DROPS_COUNTERS);
	for (size_t i = 0; i < DROPS_COUNTERS; i++)
		cb_put_uint(&w, d->packets[i]);
	return writer_len(&w);
}

int drops_decode(const uint8_t *buf, size_t len, struct drops *ret)
{
	struct drops d;
	struct cb c;
	int r;

	cb_init(&c, buf, len);
	if (cb_get_array(&c, FIELDS) != FIELDS)
		cb_fail(&c, -EBADMSG);
	if (cb_get_uint(&c) != VERSION)
		cb_fail(&c, -ENOTSUP);
	cb_get_fixed(&c, d.boot, sizeof(d.boot));
	if (cb_get_array(&c, DROPS_COUNTERS) != DROPS_COUNTERS)
		cb_fail(&c, -EBADMSG);
	for (size_t i = 0; i < DROPS_COUNTERS; i++)
		d.packets[i] = cb_get_uint(&c);
	r = cb_finish(&c);
	if (r == 0)
		*ret = d;
	return r;
}

int drops_read(const char *run, struct drops *ret)
{
	char text[DROPS_TEXT_MAX];
	int n = file_read(run, text_name, (uint8_t *)text, sizeof(text));

	return n < 0 ? n : drops_parse(text, (size_t)n, ret);
}

int drops_load(const char *dir, struct drops *ret)
{
	uint8_t buf[DROPS_BYTES_MAX];
	int n = file_read(dir, told_name, buf, sizeof(buf));

	return n < 0 ? n : drops_decode(buf, (size_t)n, ret);
}

int drops_save(const char *dir, const struct drops *d)
{
	uint8_t buf[DROPS_BYTES_MAX];
	int n = drops_encode(d, buf, sizeof(buf));

	return n < 0 ? n : file_replace(dir, told_name, buf, (size_t)n);
}
