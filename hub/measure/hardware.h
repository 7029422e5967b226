#pragma once

/*
 * hardware.h - what is plugged into the board, and from what it was started: is it as at the last look?
 *
 * T10, something new in a USB port: a device that was not there. T11: another card than the one that this was written on, or
 * another way to boot. The first look takes what it finds; each change is told once. What came and went between two looks is
 * not seen: rootfs/udev starts a look when something is plugged in.
 * Identities are hashes, so that no serial number is kept.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HARDWARE_USB_MAX = 32,
	HARDWARE_ID_LEN = 16,
	HARDWARE_BYTES_MAX = HARDWARE_ID_LEN * (HARDWARE_USB_MAX + 2) + 32,
};

struct hardware {
	size_t usb_count;
	uint8_t usb[HARDWARE_USB_MAX][HARDWARE_ID_LEN]; /* ascending */
	bool has_card, has_boot;
	uint8_t card[HARDWARE_ID_LEN], boot[HARDWARE_ID_LEN];
};

struct hardware_change {
	unsigned usb; /* devices that were not there */
	bool card, boot;
};

/* hardware_read - sys, proc: "/sys", "/proc". What cannot be read is not there. */
void hardware_read(const char *sys, const char *proc, struct hardware *ret);
/* hardware_compare - what is not known on either side has not changed. Pure. */
struct hardware_change hardware_compare(const struct hardware *before,
					const struct hardware *now);

/* hardware_encode - Returns the length or -ENOSPC. Pure. */
int hardware_encode(const struct hardware *h, uint8_t *buf, size_t cap);
/* hardware_decode - Returns 0, -EBADMSG, -ERANGE, or -ENOTSUP (version). Pure. */
int hardware_decode(const uint8_t *buf, size_t len, struct hardware *ret);

/* hardware_load - of the last look. Returns false: there was none, or it does not read. */
bool hardware_load(const char *dir, struct hardware *ret);
/* hardware_save - Returns 0, or as file_replace. */
int hardware_save(const char *dir, const struct hardware *h);
