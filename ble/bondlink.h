#pragma once

/*
 * bondlink.h - the link to hub-bondinfo, who knows of bonds and links what D-Bus does not tell.
 *
 * Connects by itself, again and again; starts hub-bondinfo by that (its socket is systemd's). An ask that was
 * under way when the link ended is never answered. verify.h says when to ask.
 */
#include <stdbool.h>

#include "hub/core/msg.h"
#include "hub/rt/options.h"
#include "hub/rt/rt.h"

struct bondlink;

struct bondlink_handlers {
	/* An answer; f is borrowed. */
	void (*facts)(void *arg, const struct msg_link_facts *f);
	/* bondlink_is_up has changed. */
	void (*changed)(void *arg);
	/* hub-bondinfo broke the rules of the link. */
	void (*violation)(void *arg, unsigned count);
};

/* bondlink_new - Returns 0 with *ret, or what ipc_connect says. h is copied. */
int bondlink_new(struct rt *rt, const struct options *opt,
		 const struct bondlink_handlers *h, void *arg, struct bondlink **ret);

/* bondlink_ask - ask is copied. Returns 0, or -EAGAIN: hub-bondinfo is not there, or slow. */
int bondlink_ask(struct bondlink *b, const struct msg_link_ask *ask);

/* bondlink_is_up - it can be asked; that it also answers is for verify.h to see. */
bool bondlink_is_up(const struct bondlink *b);

void bondlink_free(struct bondlink *b); /* NULL is fine; not inside its own handlers */
