/*
 * bondlink.c - the link to hub-bondinfo; see bondlink.h.
 */
#include "ble/bondlink.h"

#include <errno.h>
#include <stdlib.h>

#include "hub/rt/ipc.h"

struct bondlink {
	struct bondlink_handlers h;
	void *arg;
	struct ipc *link;
};

static void on_up_or_down(void *arg, struct ipc *link)
{
	struct bondlink *b = arg;

	(void)link;
	b->h.changed(b->arg);
}

static void on_message(void *arg, struct ipc *link, const struct msg *m)
{
	struct bondlink *b = arg;

	(void)link;
	if (m->kind == MSG_LINK_FACTS)
		b->h.facts(b->arg, &m->link_facts);
}

static void on_violation(void *arg, struct ipc *link, unsigned count)
{
	struct bondlink *b = arg;

	(void)link;
	b->h.violation(b->arg, count);
}

int bondlink_new(struct rt *rt, const struct options *opt,
		 const struct bondlink_handlers *h, void *arg, struct bondlink **ret)
{
	static const struct ipc_handlers ipc = { .up = on_up_or_down,
						 .down = on_up_or_down,
						 .message = on_message,
						 .violation = on_violation };
	const struct ipc_config cfg = { ROLE_BLE, ROLE_BOND, opt->run_dir,
					opt->same_user };
	struct bondlink *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	b->h = *h;
	b->arg = arg;
	r = ipc_connect(rt, &cfg, &ipc, b, &b->link);
	if (r) {
		free(b);
		return r;
	}
	*ret = b;
	return 0;
}

int bondlink_ask(struct bondlink *b, const struct msg_link_ask *ask)
{
	const struct msg m = { .kind = MSG_LINK_ASK, .link_ask = *ask };

	return ipc_send(b->link, &m);
}

bool bondlink_is_up(const struct bondlink *b)
{
	return ipc_is_up(b->link);
}

void bondlink_free(struct bondlink *b)
{
	if (!b)
		return;
	ipc_free(b->link);
	free(b);
}
