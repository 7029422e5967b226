#pragma once

/*
 * props.h - reads the property dictionaries (a{sv}) of bluetoothd's messages. Its bytes are
 * untrusted: unknown keys and unexpected types are skipped, lengths are those of the message.
 */
#include <systemd/sd-bus.h>

#include "ble/objects.h"

/*
 * props_read - take one a{sv} from the message's current position.
 *
 * ret->value is borrowed from m.
 *
 * Returns 0 with *ret, or -EBADMSG if it is no such dictionary.
 */
int props_read(sd_bus_message *m, struct props *ret);
