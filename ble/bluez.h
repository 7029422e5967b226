#pragma once

/*
 * bluez.h - bluetoothd as a D-Bus service: attach, watch, order. The only door to it.
 *
 *   OFFLINE      -bus connected->         WAITING
 *   WAITING      -bluetoothd is there->   LISTING
 *   LISTING      -objects, an adapter->   REGISTERING -> ATTACHED
 *   LISTING      -no adapter->            NO_ADAPTER -one appears-> LISTING
 *   LISTING, REGISTERING -error->         LISTING, again after 2 s
 *   any          -adapter gone->          LISTING
 *   any          -bluetoothd gone->       WAITING
 *   any          -bus lost->              OFFLINE, again after 1 s
 *
 * Attaching goes in the order in which nothing can be lost: objects, no agent and not
 * discoverable, strangers untrusted, StartNotify on every known characteristic, our profiles
 * registered (bluetoothd then connects bonded devices by itself), and only then Powered, the
 * first moment at which a link can exist.
 *
 * What this order cannot close: characteristics are objects only after the first connection
 * since bluetoothd's start. A device that indicates at once after encryption on that very
 * connection would be confirmed before anybody can have asked for the value; our bluetoothd
 * (rootfs/bluez) holds it until StartNotify comes, which is sent when the object appears.
 *
 * Invariants
 *   1. Asynchronous calls only. Every call has a time limit.
 *   2. Signals and questions count only if they come from the owner of org.bluez.
 *   3. A Value met while objects are listed is old and never handed on. Only a change
 *      signal is a new value.
 *   4. Notifications are asked for once per characteristic and kept (StartNotify):
 *      bluetoothd arms them anew at each connection. Only for devices bonded and found
 *      good: nothing is subscribed before a key exists.
 *   5. Never powered on against bluez_want_power; powered off also when half attached.
 */
#include "ble/objects.h"
#include "hub/core/msg.h"
#include "hub/rt/rt.h"

struct bluez;

enum bluez_op {
	BLUEZ_NONE = 0,
	BLUEZ_READ,  /* a characteristic's value */
	BLUEZ_WRITE, /* with response */
	BLUEZ_CONNECT,
	BLUEZ_DISCONNECT,
	BLUEZ_TRUST,
	BLUEZ_DISTRUST,
	BLUEZ_PAIR,
	BLUEZ_CANCEL_PAIRING,
	BLUEZ_REMOVE, /* object and bond */
	BLUEZ_SEARCH_ON,
	BLUEZ_SEARCH_OFF,
	BLUEZ_AGENT_ON,
	BLUEZ_AGENT_OFF,
	BLUEZ_BONDABLE_ON,
	BLUEZ_BONDABLE_OFF,
};

/* 'device' is always an index in the configuration that bluez_set_devices gave. */
struct bluez_handlers {
	/* The adapter is attached and powered, or is not any more. */
	void (*radio)(void *arg, bool on);
	void (*bondable)(void *arg, bool on);
	/* Something about a device changed; d is NULL if
	 * bluetoothd has no object of it; borrowed. */
	void (*device)(void *arg, size_t device, struct object_device *d);
	/* A notification or indication of a characteristic that choose.h arms. */
	void (*value)(void *arg, size_t device, uint16_t service, uint16_t uuid,
		      const uint8_t *value, size_t len);
	/* The end of what bluez_do began; value only for BLUEZ_READ.
	 * Not called if bluetoothd went away meanwhile. */
	void (*done)(void *arg, enum bluez_op op, size_t device, unsigned tag, int err,
		     const uint8_t *value, size_t len);
	/* bluetoothd asks for a passkey; device may be >=
	 * count: none of ours. 0, or negative: refuse. */
	int (*passkey)(void *arg, size_t device, uint32_t *ret_passkey);
	/* Somebody, whoever it is, was heard. */
	void (*heard)(void *arg);
	/* In a window: somebody who has no bond was heard advertising what is looked for. */
	void (*candidate)(void *arg, const struct object_candidate *c);
	/* A device asks for the time of day: 10 octets of Current Time, 2 of Local Time
	 * Information. 0, or negative: the hub does not know it well enough. */
	int (*current_time)(void *arg, uint8_t ret[10]);
	int (*local_time)(void *arg, uint8_t ret[2]);
	/* device >= count: not about one of ours. */
	void (*incident)(void *arg, enum incident what, size_t device);
	/* All handlers of one message have been called: time to act. */
	void (*settle)(void *arg);
};

/* bluez_new - address: of the D-Bus; NULL: the system bus. Borrowed. h is copied. */
struct bluez *bluez_new(struct rt *rt, const char *address,
			const struct bluez_handlers *h, void *arg);

/*
 * bluez_set_devices - who is ours.
 *
 * The first time it attaches. Later nothing is interrupted: objects that are known get their new index, or become
 * strangers, at once; those of new devices are asked for while values are taken as before.
 */
void bluez_set_devices(struct bluez *b, const struct config_device *devices,
		       size_t count);

/* bluez_is_listing - the objects of new devices have been asked for: not known yet whether they are bonded. */
bool bluez_is_listing(const struct bluez *b);

/* bluez_set_address - configured device i, which had no address, was found to have this one. */
void bluez_set_address(struct bluez *b, size_t device,
		       const uint8_t addr[PERIPHERAL_ADDR_LEN], enum addr_type type);

/* bluez_unset_address - it was not. */
void bluez_unset_address(struct bluez *b, size_t device);

/* bluez_watch_candidates - keep, or forget, those who advertise (objects.h): in a pairing window. */
void bluez_watch_candidates(struct bluez *b, bool on);

/* What is known of bluetoothd's objects; borrowed, valid until the loop runs again. */
struct objects *bluez_objects(struct bluez *b);

/*
 * bluez_purge - have bluetoothd forget whoever is paired, bonded or trusted, configured or not; once in each turn.
 *
 * Returns true when a list made after the last removal has nobody any more; false: not yet, or not attached or powered.
 */
bool bluez_purge(struct bluez *b);

/* bluez_adapter - address of the adapter in use. Returns false if there is none. */
bool bluez_adapter(const struct bluez *b, uint8_t ret[PERIPHERAL_ADDR_LEN]);

/* bluez_hold - take nothing more from the bus for a while, or go on: what is on its way
 * waits in the sockets, and nothing is lost. */
void bluez_hold(struct bluez *b, bool on);

/* bluez_want_power - may links exist? Off at start. */
void bluez_want_power(struct bluez *b, bool on);

/*
 * bluez_do - begin one operation.
 *
 * device       for operations on a device
 * service, uuid   for BLUEZ_READ and BLUEZ_WRITE; service 0: in whichever
 * value, len   for BLUEZ_WRITE; copied
 * tag          comes back in 'done'
 *
 * Returns 0 ('done' follows), or, without 'done': -ENOENT (no such object now), -EAGAIN
 * (not attached), -EIO.
 */
int bluez_do(struct bluez *b, enum bluez_op op, size_t device, unsigned tag);
int bluez_read(struct bluez *b, size_t device, uint16_t service, uint16_t uuid,
	       unsigned tag);
int bluez_write(struct bluez *b, size_t device, uint16_t service, uint16_t uuid,
		const uint8_t *value, size_t len, unsigned tag);

/* bluez_subscribe_again - a control point says that nobody is subscribed to it. */
void bluez_subscribe_again(struct bluez *b, size_t device, uint16_t service,
			   uint16_t uuid);

/* bluez_is_off - nothing is powered by us: safe to end the process. */
bool bluez_is_off(const struct bluez *b);

void bluez_free(struct bluez *b); /* NULL is fine */
