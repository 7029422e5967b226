/*
 * ctl_config_ask.c - see ctl_config_ask.h.
 */
#include "clinic/ctl_config_ask.h"

#include <errno.h>
#include <string.h>

#include "clinic/door_row.h"
#include "clinic/door_rows.h"
#include "clinic/hub_ports.h"
#include "hub/core/err.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"

static int ask_base(struct remote *clinic, const char *hub, struct ctl_config_base *ret)
{
	struct door_request rq;
	struct cb c;
	int r = remote_request(DOOR_CONFIG, hub, &rq);

	memset(ret, 0, sizeof(*ret));
	if (r == 0)
		r = remote_ask(clinic, &rq, &c);
	if (r < 0)
		return r;
	(void)cb_get_array(&c, 3);
	door_get_hub(&c, &ret->hub);
	door_get_config(&c, &ret->config);
	config_get_endpoint(&c, &ret->own);
	return cb_finish(&c);
}

int ctl_config_load(struct remote *clinic, const char *hub, struct ctl_config_base *ret)
{
	int r = ask_base(clinic, hub, ret);

	return r < 0 ? remote_failed(clinic, hub, r) : CTL_OK;
}

int ctl_config_write(const struct ctl_config_out *out, const uint8_t *cose, size_t len)
{
	int r = out->path ? file_replace(out->at.dir, out->at.name, cose, len) : 0;

	if (r < 0)
		return ctl_complain(CTL_CANT_CREATE,
				    "%s could not be written: %s; the hub fetches the "
				    "configuration all the same when it calls next",
				    out->path, err_text(r));
	return CTL_OK;
}

void ctl_config_next_of(const struct ctl_config_base *b, struct config *ret)
{
	uint64_t v = b->config.version;

	v = b->hub.config_used > v ? b->hub.config_used : v;
	v = b->hub.config_wanted > v ? b->hub.config_wanted : v;
	*ret = b->config;
	ret->version = v + 1;
	ctl_config_for_epoch(ret, &b->hub);
}

/* The rest of [port, ports that hubs may be told of]. */
static int bad_port(struct cb *c)
{
	uint16_t port = (uint16_t)cb_get_uint_max(c, UINT16_MAX);
	char ports[HUB_PORTS_MAX + 1], why[HUB_PORTS_WHY_MAX];

	row_get_text(c, ports, sizeof(ports));
	if (cb_finish(c))
		return cb_finish(c);
	return ctl_complain(CTL_USAGE, "%s. Nothing was changed",
			    hub_ports_why(ports, port, why));
}

/* A port of it no hub may be told of, or a device of it is another patient's: [that hub, device's number]. */
static int refused(struct cb *c, const char *where)
{
	char other[HUB_NAME_MAX + 1];
	unsigned num;

	(void)cb_get_array(c, 2);
	if (cb_peek(c) == CB_UINT)
		return bad_port(c);
	row_get_text(c, other, sizeof(other));
	num = (unsigned)cb_get_uint_max(c, UINT16_MAX);
	if (cb_finish(c))
		return cb_finish(c);
	return ctl_complain(CTL_CANT_CREATE,
			    "device %u measures for the patient of hub '%s'; 'clinicctl "
			    "assign %s %s --unassign' first, or 'clinicctl replace'; "
			    "nothing was changed",
			    num, other, where, other);
}

/* Returns an enum ctl_exit, or an error of remote_ask without a complaint. */
static int put(struct remote *clinic, const char *where, const char *hub, uint64_t base,
	       const uint8_t *cose, size_t len)
{
	struct door_request rq;
	struct cb c;
	int r = remote_request(DOOR_CONFIG_PUT, hub, &rq);

	rq.number = base;
	rq.cose = cose;
	rq.cose_len = len;
	if (r == 0)
		r = remote_ask(clinic, &rq, &c);
	if (r < 0)
		return r;
	return cb_peek(&c) == CB_ARRAY ? refused(&c, where) : CTL_OK;
}

/* Returns an enum ctl_exit, or -ESTALE without a complaint: another one was signed meanwhile. */
static int try_once(struct remote *clinic, const char *where, const char *hub,
		    ctl_config_ask_fn *fn, void *arg, struct config *ret,
		    uint8_t cose[static BUNDLE_COSE_MAX], size_t *ret_len)
{
	static struct ctl_config_base b;
	char why[FOLDER_WHY_MAX];
	int r = ctl_config_load(clinic, hub, &b), len;

	ctl_config_next_of(&b, ret);
	if (r == CTL_OK)
		r = fn(arg, &b.own, ret);
	if (r == CTL_OK) {
		len = bundle_sign(where, ret, cose, why);
		if (len < 0)
			r = ctl_complain(ctl_exit_code(len), "%s", why);
		*ret_len = len > 0 ? (size_t)len : 0;
	}
	if (r == CTL_OK)
		r = put(clinic, where, hub, b.config.version, cose, *ret_len);
	if (r == -EKEYREJECTED)
		r = ctl_complain(CTL_FAILED,
				 "%s does not take it: this is not the key by which the "
				 "clinic's hubs know it",
				 where);
	else if (r < 0 && r != -ESTALE)
		r = remote_failed(clinic, hub, r);
	crypto_wipe(&b, sizeof(b));
	return r;
}

int ctl_config_ask(const char *where, const char *hub, const struct ctl_config_out *out,
		   ctl_config_ask_fn *fn, void *arg, struct config *ret)
{
	static uint8_t cose[BUNDLE_COSE_MAX];
	char why[FOLDER_WHY_MAX];
	struct remote *clinic;
	size_t len = 0;
	int r = remote_open(where, &clinic, why);

	if (r < 0)
		return ctl_complain(ctl_exit_code(r), "%s", why);
	r = -ESTALE;
	for (unsigned try = 1; r == -ESTALE && try <= STORE_TRIES; try++)
		r = try_once(clinic, where, hub, fn, arg, ret, cose, &len);
	if (r == -ESTALE)
		r = ctl_complain(CTL_FAILED,
				 "others sign configurations for hub '%s' all the time; "
				 "nothing was changed",
				 hub);
	if (r == CTL_OK)
		r = ctl_config_write(out, cose, len);
	crypto_wipe(cose, sizeof(cose));
	remote_close(clinic);
	return r;
}
