/*
 * endpoint_list.c - see endpoint_list.h.
 */
#include "clinic/endpoint_list.h"

#include <errno.h>
#include <string.h>

#include "clinic/conf.h"
#include "clinic/endpoint_spec.h"

static bool same_place(const struct config_endpoint *a, const struct config_endpoint *b)
{
	return strcmp(a->name, b->name) == 0 && a->port == b->port &&
	       memcmp(a->addr, b->addr, sizeof(a->addr)) == 0;
}

int endpoint_list_add(struct endpoint_list *l, const struct config_endpoint *e)
{
	for (size_t i = 0; i < l->count; i++)
		if (same_place(&l->at[i], e))
			return -EEXIST;
	if (l->count == CONFIG_ENDPOINTS_MAX)
		return -ENOSPC;
	l->at[l->count++] = *e;
	return 0;
}

/* A name or an address, without a port. */
static int parse_place(const char *text, struct config_endpoint *ret)
{
	if (conf_parse_address(text, ret->addr) == 0)
		return config_has_addr(ret) ? 0 : -EBADMSG;
	if (!endpoint_name_ok(text))
		return -EBADMSG;
	memcpy(ret->name, text, strlen(text) + 1);
	return 0;
}

/* What is not said is zero. */
static int parse_key(const char *text, struct config_endpoint *ret)
{
	char copy[ENDPOINT_TEXT_MAX], *place = copy, *port;
	size_t len = strlen(text);

	*ret = (struct config_endpoint){ .port = 0 };
	if (parse_place(text, ret) == 0)
		return 0;
	if (len >= sizeof(copy))
		return -EBADMSG;
	memcpy(copy, text, len + 1);
	port = strrchr(copy, ':');
	if (!port || conf_parse_port(port + 1, &ret->port) < 0)
		return -EBADMSG;
	*port = '\0';
	/* without brackets nobody knows where an IPv6 address ends */
	if (*place == '[' && port[-1] == ']') {
		port[-1] = '\0';
		place++;
	} else if (strchr(place, ':')) {
		return -EBADMSG;
	}
	return parse_place(place, ret);
}

static bool fits(const struct config_endpoint *e, const struct config_endpoint *key)
{
	if (key->port && key->port != e->port)
		return false;
	if (key->name[0])
		return strcmp(key->name, e->name) == 0;
	return memcmp(key->addr, e->addr, sizeof(e->addr)) == 0;
}

/* How many fit, and where the last one is; those that are known by their name only, or all. */
static size_t count_fits(const struct endpoint_list *l, const struct config_endpoint *key,
			 bool by_name_only, size_t *ret_at)
{
	size_t found = 0;

	for (size_t i = 0; i < l->count; i++) {
		if (!fits(&l->at[i], key) || (by_name_only && config_has_addr(&l->at[i])))
			continue;
		found++;
		*ret_at = i;
	}
	return found;
}

int endpoint_list_remove(struct endpoint_list *l, const char *text)
{
	struct config_endpoint key;
	size_t found, at = 0;
	int r = parse_key(text, &key);

	if (r < 0)
		return r;
	found = count_fits(l, &key, true, &at);
	if (found == 0)
		found = count_fits(l, &key, false, &at);
	if (found != 1)
		return found ? -ERANGE : -ENOENT;
	l->count--;
	memmove(&l->at[at], &l->at[at + 1], (l->count - at) * sizeof(l->at[0]));
	return 0;
}

static unsigned weight(const struct config_endpoint *e)
{
	return e->weight ? e->weight : 1;
}

bool endpoint_equal(const struct config_endpoint *a, const struct config_endpoint *b)
{
	return same_place(a, b) && a->profile == b->profile && weight(a) == weight(b) &&
	       a->pin_count == b->pin_count &&
	       memcmp(a->pins, b->pins, a->pin_count * PIN_LEN) == 0;
}

bool endpoint_list_has(const struct endpoint_list *l, const struct config_endpoint *e)
{
	for (size_t i = 0; i < l->count; i++)
		if (endpoint_equal(&l->at[i], e))
			return true;
	return false;
}

bool endpoint_list_equal(const struct endpoint_list *a, const struct endpoint_list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!endpoint_equal(&a->at[i], &b->at[i]))
			return false;
	return true;
}
