#pragma once

/*
 * info.h - what BlueZ's file about one device says of the bond with it, and no octet of a key.
 *
 * <storage>/<ADAPTER>/<DEVICE>/info is a GKeyFile. A bond is a group with Key, Authenticated, EncSize, EDiv, Rand
 * (BlueZ 5.82, src/adapter.c: store_ltk_group, get_ltk). Which group the hub, as central, encrypts with
 * (store_longtermkey there; net/bluetooth/mgmt.c: mgmt_new_ltk and mgmt_ltk_type; hci_core.c: hci_find_ltk):
 *
 *   LongTermKey             legacy pairing, the key that the device gave out
 *   PeripheralLongTermKey   Secure Connections: one key for both roles, stored here. Of legacy pairing
 *   SlaveLongTermKey        (Authenticated 0, 1) it is the key for the opposite role: not ours.
 *                           The second is the name before BlueZ 5.63; both are written since
 *
 *   Authenticated   0 legacy, 1 legacy with passkey, 2 Secure Connections, 3 the same, authenticated, 4 debug key
 *
 * What bluetoothd would not load is no bond here either: the kernel then has no such key.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/reading.h"

enum {
	INFO_BYTES_MAX = 16384, /* a file of ten times the usual size */
	INFO_PATH_BYTES = 41,
};

struct info {
	bool bonded;		     /* there is a key, and it is not a debug key */
	enum link_strength strength; /* LINK_UNKNOWN if not bonded */
	/* 7..16; 0: none, or not said. Not 0 and not bonded: there is a debug key. */
	uint8_t key_size;
	bool has_irk;
};

/*
 * info_parse - facts about the bond.
 *
 * buf, len    the file's bytes; borrowed for the call, nothing of it is kept
 * addr, type  of the device, as it is asked for: a record of the other type is none
 *
 * Of several keys that may be in use the weakest strength and the smallest size are told.
 *
 * Returns 0, or -EBADMSG: not a GKeyFile; bluetoothd would not load it. Pure.
 */
int info_parse(const uint8_t *buf, size_t len,
	       const uint8_t addr[static PERIPHERAL_ADDR_LEN], enum addr_type type,
	       struct info *ret);

/*
 * info_path - '<ADAPTER>/<DEVICE>/info', below BlueZ's storage folder. Addresses become upper-case hexadecimal
 * digits and colons: no character of the path comes from outside. Pure.
 */
void info_path(const uint8_t adapter[static PERIPHERAL_ADDR_LEN],
	       const uint8_t addr[static PERIPHERAL_ADDR_LEN],
	       char ret[static INFO_PATH_BYTES]);
