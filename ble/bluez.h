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
	/* A notification or indication of a characteristic that profile.h names. */
	void (*value)(void *arg, size_t device, uint16_t uuid, const uint8_t *value,
		      size_t len);
	/* The end of what bluez_do began; value only for BLUEZ_READ.
	 * Not called if bluetoothd went away meanwhile. */
	void (*done)(void *arg, enum bluez_op op, size_t device, unsigned tag, int err,
		     const uint8_t *value, size_t len);
	/* bluetoothd asks for a passkey; device may be >=
	 * count: none of ours. 0, or negative: refuse. */
	int (*passkey)(void *arg, size_t device, uint32_t *ret_passkey);
	/* device >= count: not about one of ours. */
	void (*incident)(void *arg, enum incident what, size_t device);
	/* All handlers of one message have been called: time to act. */
	void (*settle)(void *arg);
};

/* bluez_new - address: of the D-Bus; NULL: the system bus. Borrowed. h is copied. */
struct bluez *bluez_new(struct rt *rt, const char *address,
			const struct bluez_handlers *h, void *arg);

/* bluez_set_devices - who is ours; attaches anew. */
void bluez_set_devices(struct bluez *b, const struct config_device *devices,
		       size_t count);

/* bluez_want_power - may links exist? Off at start. */
void bluez_want_power(struct bluez *b, bool on);

/*
 * bluez_do - begin one operation.
 *
 * device       for operations on a device
 * uuid         for BLUEZ_READ and BLUEZ_WRITE
 * value, len   for BLUEZ_WRITE; copied
 * tag          comes back in 'done'
 *
 * Returns 0 ('done' follows), or, without 'done': -ENOENT (no such object now), -EAGAIN
 * (not attached), -EIO.
 */
int bluez_do(struct bluez *b, enum bluez_op op, size_t device, unsigned tag);
int bluez_read(struct bluez *b, size_t device, uint16_t uuid, unsigned tag);
int bluez_write(struct bluez *b, size_t device, uint16_t uuid, const uint8_t *value,
		size_t len, unsigned tag);

/* bluez_is_off - nothing is powered by us: safe to end the process. */
bool bluez_is_off(const struct bluez *b);

void bluez_free(struct bluez *b); /* NULL is fine */
