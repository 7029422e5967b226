/*
 * info.c - BlueZ's file about one device; see info.h.
 */
#include "ble/bondinfo/info.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hub/core/cursor.h"

enum {
	KEY_DIGITS = 32,  /* 16 octets */
	KEY_SIZE_MIN = 7, /* Core Vol 3 Part H, 2.3.4 */
	KEY_SIZE_MAX = 16,
	AUTHENTICATED_P256 = 2,
	AUTHENTICATED_DEBUG = 4,
	NUMBER_MAX = 65535,
};

/* A piece of the file, borrowed. */
struct text {
	const char *p;
	size_t len;
};

enum group {
	GROUP_OTHER,
	GROUP_GENERAL,
	GROUP_LTK,
	GROUP_PERIPHERAL,
	GROUP_SLAVE,
	GROUP_IRK
};

enum { GROUP_COUNT = GROUP_IRK + 1 };

/* What one group says; the key itself is only counted. */
struct record {
	bool has_key, has_rand;
	unsigned authenticated, size;
};

struct file {
	struct record records[GROUP_COUNT];
	bool type_static; /* else public; also if nothing is said (get_addr_type, get_ltk) */
};

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct text trim(struct text t)
{
	while (t.len && is_space(t.p[0]))
		t = (struct text){ t.p + 1, t.len - 1 };
	while (t.len && is_space(t.p[t.len - 1]))
		t.len--;
	return t;
}

static bool is(struct text t, const char *word)
{
	return t.len == strlen(word) && memcmp(t.p, word, t.len) == 0;
}

/* What is no number becomes one that is too large for every use of it here. */
static unsigned number(struct text t)
{
	unsigned n = 0;

	if (!t.len)
		return NUMBER_MAX;
	for (size_t i = 0; i < t.len; i++) {
		if (t.p[i] < '0' || t.p[i] > '9')
			return NUMBER_MAX;
		n = n * 10 + (unsigned)(t.p[i] - '0');
		if (n > NUMBER_MAX)
			return NUMBER_MAX;
	}
	return n;
}

static enum group group_of(struct text name)
{
	static const char *const names[GROUP_COUNT] = {
		[GROUP_OTHER] = "",
		[GROUP_GENERAL] = "General",
		[GROUP_LTK] = "LongTermKey",
		[GROUP_PERIPHERAL] = "PeripheralLongTermKey",
		[GROUP_SLAVE] = "SlaveLongTermKey",
		[GROUP_IRK] = "IdentityResolvingKey",
	};

	for (size_t i = GROUP_GENERAL; i < GROUP_COUNT; i++)
		if (is(name, names[i]))
			return (enum group)i;
	return GROUP_OTHER;
}

/* A name that comes twice: the last one counts, as in GKeyFile. */
static void take(struct file *f, enum group group, struct text key, struct text value)
{
	struct record *r = &f->records[group];

	if (group == GROUP_GENERAL && is(key, "AddressType")) {
		f->type_static = is(value, "static");
	} else if (is(key, "Key")) {
		r->has_key = value.len >= KEY_DIGITS;
	} else if (is(key, "Rand")) {
		r->has_rand = true;
	} else if (is(key, "Authenticated")) {
		r->authenticated = number(value);
	} else if (is(key, "EncSize")) {
		r->size = number(value);
	}
}

/* One line, trimmed, not empty and no comment. Returns false if a GKeyFile cannot have it. */
static bool take_line(struct file *f, bool *in_group, enum group *group, struct text line)
{
	const char *eq;
	struct text key, value;

	if (line.p[0] == '[') {
		if (line.len < 3 || line.p[line.len - 1] != ']')
			return false;
		*group = group_of((struct text){ line.p + 1, line.len - 2 });
		*in_group = true;
		return true;
	}
	eq = memchr(line.p, '=', line.len);
	if (!eq || eq == line.p || !*in_group)
		return false;
	key = trim((struct text){ line.p, (size_t)(eq - line.p) });
	value = trim((struct text){ eq + 1, line.len - (size_t)(eq + 1 - line.p) });
	take(f, *group, key, value);
	return true;
}

static struct text next_line(struct reader *r)
{
	struct reader ahead = *r;
	size_t len = 0;
	const uint8_t *p;

	while (reader_left(&ahead) && read_u8(&ahead) != '\n')
		len++;
	p = read_span(r, len);
	if (reader_left(r))
		read_u8(r);
	return (struct text){ (const char *)p, p ? len : 0 };
}

static int read_file(struct file *f, const uint8_t *buf, size_t len)
{
	enum group group = GROUP_OTHER;
	bool in_group = false;
	struct reader r;

	reader_init(&r, buf, len);
	while (reader_left(&r)) {
		struct text line = trim(next_line(&r));

		if (line.len && line.p[0] != '#' &&
		    !take_line(f, &in_group, &group, line))
			return -EBADMSG;
	}
	return 0;
}

/* get_ltk in bluetoothd, then load_long_term_keys in the kernel. */
static bool would_load(const struct record *r)
{
	return r->has_key && r->has_rand && r->authenticated <= AUTHENTICATED_DEBUG &&
	       r->size <= KEY_SIZE_MAX;
}

static void add_key(struct info *i, bool *debug, const struct record *r)
{
	enum link_strength strength = (enum link_strength)(r->authenticated + 1);
	uint8_t size = (uint8_t)(r->size < KEY_SIZE_MIN ? 0 : r->size);

	*debug |= r->authenticated == AUTHENTICATED_DEBUG;
	if (!i->bonded || size < i->key_size)
		i->key_size = size;
	if (!i->bonded || strength < i->strength)
		i->strength = strength;
	i->bonded = true;
}

/* Keys of an address that is no identity are ignored by bluetoothd (get_ltk), for it changes. */
static bool may_have_keys(const struct file *f, const uint8_t *addr, enum addr_type type)
{
	if (type == ADDR_RANDOM && (addr[0] & 0xC0) != 0xC0)
		return false;
	return f->type_static == (type == ADDR_RANDOM);
}

int info_parse(const uint8_t *buf, size_t len,
	       const uint8_t addr[static PERIPHERAL_ADDR_LEN], enum addr_type type,
	       struct info *ret)
{
	struct info i = { 0 };
	struct file f = { 0 };
	const struct record *ltk = &f.records[GROUP_LTK];
	const struct record *both = &f.records[GROUP_PERIPHERAL];
	bool debug = false;
	int r = read_file(&f, buf, len);

	if (r)
		return r;
	if (may_have_keys(&f, addr, type)) {
		if (!would_load(both))
			both = &f.records[GROUP_SLAVE];
		if (would_load(ltk))
			add_key(&i, &debug, ltk);
		if (would_load(both) && both->authenticated >= AUTHENTICATED_P256)
			add_key(&i, &debug, both);
		i.has_irk = f.records[GROUP_IRK].has_key;
	}
	if (debug) {
		i.bonded = false;
		i.strength = LINK_UNKNOWN;
	}
	*ret = i;
	return 0;
}

void info_path(const uint8_t adapter[static PERIPHERAL_ADDR_LEN],
	       const uint8_t addr[static PERIPHERAL_ADDR_LEN],
	       char ret[static INFO_PATH_BYTES])
{
	snprintf(ret, INFO_PATH_BYTES,
		 "%02X:%02X:%02X:%02X:%02X:%02X/%02X:%02X:%02X:%02X:%02X:%02X/info",
		 adapter[0], adapter[1], adapter[2], adapter[3], adapter[4], adapter[5],
		 addr[0], addr[1], addr[2], addr[3], addr[4], addr[5]);
}
