/*
 * devices.c - see devices.h: USB, as udev knows them.
 */
#include "clinic/fido/devices.h"

#include <errno.h>

int devices_list(fido_dev_info_t *list)
{
	size_t n = 0;

	return fido_dev_info_manifest(list, DEVICES_MAX, &n) == FIDO_OK ? (int)n : -EIO;
}

fido_dev_t *devices_open(const fido_dev_info_t *info)
{
	fido_dev_t *dev = fido_dev_new_with_info(info);

	if (dev && fido_dev_open_with_info(dev) != FIDO_OK)
		fido_dev_free(&dev);
	return dev;
}
