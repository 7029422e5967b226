#pragma once

/*
 * devices.h - the security keys that are plugged in. Beside devices.c tests have one of their own, for keys that are sockets.
 */
#include <fido.h>
#include <stddef.h>

enum { DEVICES_MAX = 8 };

/* devices_list - into list, of DEVICES_MAX entries. Returns how many there are, or -EIO. */
int devices_list(fido_dev_info_t *list);

/* devices_open - one of them, to be closed and freed; NULL: it cannot be opened. */
fido_dev_t *devices_open(const fido_dev_info_t *info);
