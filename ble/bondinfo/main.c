/*
 * main.c - hub-bondinfo: tells hub-ble of bonds and links what D-Bus does not.
 *
 * Runs as root, because BlueZ's folder is root's, but without a capability, a network, a bus, or anything
 * else of the file system. One question (MSG_LINK_ASK: two addresses), one answer
 * (MSG_LINK_FACTS), no state. It must never let an octet of a key out: info.c does not even keep one, and the
 * buffer that the file was read into is wiped.
 *
 * systemd starts it when hub-ble connects; it ends by itself when hub-ble has been away for a minute.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ble/bondinfo/calls.h"
#include "ble/bondinfo/info.h"
#include "ble/bondinfo/probe.h"
#include "hub/core/err.h"
#include "hub/rt/file.h"
#include "hub/rt/ipc.h"
#include "hub/rt/log.h"
#include "hub/rt/notify.h"
#include "hub/rt/options.h"
#include "hub/rt/rt.h"
#include "hub/rt/sandbox.h"

enum { IDLE_MS = 60000 };

struct bondinfo {
	struct rt *rt;
	const char *storage;
	struct probe *probe;
	struct ipc *link;
	struct rt_timer *idle;
	int told; /* last failure that was logged, 0: none */
};

/* Once for each run of the same failure: hub-ble asks many times a second. */
static void tell_failure(struct bondinfo *b, int err)
{
	if (err && err != b->told)
		log_warn("bond-unread", "error=\"%s\" do=\"see the files below %s\"",
			 err_text(err), b->storage);
	b->told = err;
}

/* No file, or none that bluetoothd could load: no bond. */
static struct info read_bond(struct bondinfo *b, const struct msg_link_ask *ask)
{
	static uint8_t buf[INFO_BYTES_MAX];
	struct info info = { 0 };
	char path[INFO_PATH_BYTES];
	int r;

	info_path(ask->adapter, ask->addr, path);
	r = file_read(b->storage, path, buf, sizeof(buf));
	if (r >= 0)
		r = info_parse(buf, (size_t)r, ask->addr, ask->addr_type, &info);
	explicit_bzero(buf, sizeof(buf));
	tell_failure(b, r == -ENOENT ? 0 : r);
	return info;
}

static void on_message(void *arg, struct ipc *link, const struct msg *m)
{
	struct bondinfo *b = arg;
	const struct msg_link_ask *ask = &m->link_ask;
	struct msg answer = { .kind = MSG_LINK_FACTS,
			      .link_facts = { .cookie = ask->cookie } };
	struct msg_link_facts *f = &answer.link_facts;
	struct probe_link l;
	struct info i;

	if (m->kind != MSG_LINK_ASK)
		return;
	i = read_bond(b, ask);
	l = probe_look(b->probe, ask->adapter, ask->addr);
	f->bonded = i.bonded;
	f->strength = i.strength;
	f->key_size = i.key_size;
	f->has_irk = i.has_irk;
	f->linked = l.linked;
	f->encrypted = l.encrypted;
	f->handle = l.handle;
	/* hub-ble asks again if it does not take its answers; nothing is owed. */
	(void)ipc_send(link, &answer);
}

static void on_up(void *arg, struct ipc *link)
{
	struct bondinfo *b = arg;

	(void)link;
	log_info("asked-by-hub-ble", "up=1");
	rt_timer_set(b->idle, MONO_NEVER);
}

static void on_down(void *arg, struct ipc *link)
{
	struct bondinfo *b = arg;

	(void)link;
	log_info("asked-by-hub-ble", "up=0");
	rt_timer_set(b->idle, mono_add(rt_mono(), IDLE_MS));
}

static void on_idle(void *arg)
{
	struct bondinfo *b = arg;

	rt_stop(b->rt);
}

static int confine(const struct options *o)
{
	const struct sandbox s = {
		.calls = bondinfo_calls,
		.sockets = SANDBOX_UNIX | SANDBOX_BLUETOOTH,
		.places = { { o->state_dir, LANDLOCK_READ },
			    { o->run_dir, LANDLOCK_DOORS } },
	};

	return sandbox_confine(&s);
}

static int start(struct bondinfo *b, const struct options *opt)
{
	static const struct ipc_handlers handlers = { .up = on_up,
						      .down = on_down,
						      .message = on_message };
	const struct ipc_config cfg = { ROLE_BOND, ROLE_BLE, opt->run_dir,
					opt->same_user };
	int r = confine(opt);

	if (r)
		return r;
	b->storage = opt->state_dir;
	b->probe = probe_new();
	b->idle = rt_timer_new(b->rt, on_idle, b);
	rt_timer_set(b->idle, mono_add(rt_mono(), IDLE_MS));
	return ipc_listen(b->rt, &cfg, &handlers, b, &b->link);
}

int main(int argc, char **argv)
{
	struct bondinfo b = { 0 };
	struct options opt;
	int r;

	options_parse(argc, argv, "hub-bondinfo",
		      "Tells hub-ble how good bonds are and whether links are encrypted; "
		      "--state is BlueZ's storage folder.",
		      &opt);
	log_init("hub-bondinfo");
	b.rt = rt_new();
	r = start(&b, &opt);
	if (r) {
		log_err("start", "error=\"%s\"", err_text(r));
		return EXIT_FAILURE;
	}
	notify_ready(b.rt);

	rt_run(b.rt); /* until SIGTERM, or nobody has asked for long */

	notify_stopping();
	ipc_free(b.link);
	rt_timer_free(b.idle);
	probe_free(b.probe);
	rt_free(b.rt);
	return EXIT_SUCCESS;
}
