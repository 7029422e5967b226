#pragma once

/*
 * probe.h - asks the kernel whether there is a link to an address, and whether it is encrypted.
 *
 * Three requests on an unbound raw HCI socket that need no privilege: HCIGETDEVLIST, HCIGETDEVINFO (which
 * controller has the adapter's address), HCIGETCONNLIST. The kernel lists a link under the identity address of
 * its peer as soon as it knows that (net/bluetooth/hci_event.c, le_conn_complete_evt; smp.c, smp_notify_keys), so
 * private addresses need no care here. It does not say whether an address is public or random.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/reading.h"

enum {
	PROBE_LE_LINK = 0x80, /* LE_LINK */
	PROBE_CONNECTED = 1,  /* BT_CONNECTED */
	PROBE_CONFIG = 7, /* BT_CONFIG: up, and the features of the peer are being read */
	PROBE_ENCRYPT = 0x0004, /* HCI_LM_ENCRYPT */
};

/* struct hci_conn_info of the kernel (include/net/bluetooth/hci_sock.h). */
struct probe_connection {
	uint16_t handle;
	uint8_t addr[PERIPHERAL_ADDR_LEN]; /* least significant octet first */
	uint8_t type;
	uint8_t out;
	uint16_t state;
	uint32_t link_mode;
};

struct probe_link {
	bool linked;
	bool encrypted;
	uint16_t handle;
};

/* probe_same_addr - most significant octet first, as everywhere in the hub, against the kernel's order. Pure. */
bool probe_same_addr(const uint8_t ours[static PERIPHERAL_ADDR_LEN],
		     const uint8_t kernels[static PERIPHERAL_ADDR_LEN]);

/* probe_choose - the LE link to this address among the kernel's connections. Pure. */
struct probe_link probe_choose(const struct probe_connection *connections, size_t count,
			       const uint8_t addr[static PERIPHERAL_ADDR_LEN]);

struct probe;

struct probe *probe_new(void);

/*
 * probe_look - how is the link to this address now?
 *
 * Not linked also if the kernel has no Bluetooth (said once in the log, and asked again each time), or if not
 * exactly one controller has the adapter's address.
 */
struct probe_link probe_look(struct probe *p,
			     const uint8_t adapter[static PERIPHERAL_ADDR_LEN],
			     const uint8_t addr[static PERIPHERAL_ADDR_LEN]);

void probe_free(struct probe *p); /* NULL is fine */
