/*
 * devices_unpair.c - the bond of one device goes because hubd has somebody's order for it; what comes to that is pairing.h's.
 *
 * Told when bluetoothd has forgotten it, and the address that was found for it is forgotten here: the next window of this device is
 * for whichever one is found then. If that has not happened when this process ends, nothing is told, and hubd's pin stays.
 */
#include "ble/devices_internal.h"
#include "hub/rt/failpoint.h"
#include "hub/rt/log.h"

void devices_on_unpair(void *arg, uint16_t num)
{
	struct devices *ds = arg;

	for (size_t i = 0; i < ds->count; i++) {
		struct device *d = &ds->devices[i];

		if (d->cfg.num != num)
			continue;
		log_info("unpair", "device=%u", num);
		devices_finish(ds, i);
		d->unpairs = true;
		report_health(ds->report, STATUS_UNPAIRED, num, 0); /* not yet */
		pairing_unpair(&ds->pairing, i, d->cfg.has_addr);
	}
	devices_changed(ds);
}

void devices_unpair_again(struct devices *ds)
{
	for (size_t i = 0; i < ds->count; i++)
		if (ds->devices[i].unpairs)
			pairing_unpair(&ds->pairing, i, ds->devices[i].cfg.has_addr);
}

void devices_tell_unpaired(struct devices *ds)
{
	for (size_t i = 0; i < ds->count; i++) {
		struct device *d = &ds->devices[i];

		if (!d->unpairs || !pairing_is_unpaired(&ds->pairing, i))
			continue;
		FAILPOINT("ble.unpaired");
		d->unpairs = false;
		d->pin = (struct device_pin){ .known = false };
		log_info("unpaired", "device=%u", d->cfg.num);
		report_health(ds->report, STATUS_UNPAIRED, d->cfg.num, 1);
	}
}
