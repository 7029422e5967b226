/*
 * hardware.c - see hardware.h.
 */
#include "hub/measure/hardware.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/core/cbor.h"
#include "hub/crypto/crypto.h"
#include "hub/measure/folder.h"
#include "hub/rt/file.h"
#include "hub/rt/log.h"

enum {
	VERSION = 1,
	FIELDS = 4,
	TEXT_MAX = 512,
	/* of a port's name, and of each of its values behind a NUL */
	PORT_MAX = 128,
	VALUE_MAX = (TEXT_MAX - PORT_MAX) / 3 - 1,
};

static const char file_name[] = "hardware";

static void short_hash(const char *text, size_t len, uint8_t ret[static HARDWARE_ID_LEN])
{
	uint8_t hash[SHA256_LEN];

	crypto_sha256((const uint8_t *)text, len, hash);
	memcpy(ret, hash, HARDWARE_ID_LEN);
}

/* --- USB ------------------------------------------------------------------------------------------ */

/* Which port, which kind, which one. */
static void add_usb(void *arg, int dir, const char *port)
{
	static const char *const names[] = { "idVendor", "idProduct", "serial" };
	struct hardware *h = arg;
	char text[TEXT_MAX];
	size_t len = strlen(port);

	if (len > PORT_MAX || h->usb_count == HARDWARE_USB_MAX)
		return;
	memcpy(text, port, len);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		int n;

		text[len++] = '\0';
		n = folder_read(dir, names[i], text + len, VALUE_MAX);
		if (n > 0)
			len += (size_t)n;
		else if (i == 0)
			return; /* an interface of a device, not a device */
	}
	short_hash(text, len, h->usb[h->usb_count++]);
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, HARDWARE_ID_LEN);
}

static void read_usb(const char *sys, struct hardware *h)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/bus/usb/devices", sys);
	folder_each(path, add_usb, h);
	qsort(h->usb, h->usb_count, HARDWARE_ID_LEN, by_bytes);
}

static bool has_usb(const struct hardware *h, const uint8_t *id)
{
	return bsearch(id, h->usb, h->usb_count, HARDWARE_ID_LEN, by_bytes) != NULL;
}

/* --- card and boot -------------------------------------------------------------------------------- */

static bool read_id(const char *root, const char *name,
		    uint8_t ret[static HARDWARE_ID_LEN])
{
	int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char text[TEXT_MAX];
	int n;

	if (dir < 0)
		return false;
	n = folder_read(dir, name, text, sizeof(text));
	close(dir);
	if (n > 0)
		short_hash(text, (size_t)n, ret);
	return n > 0;
}

void hardware_read(const char *sys, const char *proc, struct hardware *ret)
{
	*ret = (struct hardware){ 0 };
	read_usb(sys, ret);
	/* the card's own register, written by its maker */
	ret->has_card = read_id(sys, "block/mmcblk0/device/cid", ret->card);
	/* the Raspberry Pi's loader says from what it booted */
	ret->has_boot =
		read_id(proc, "device-tree/chosen/bootloader/boot-mode", ret->boot);
}

struct hardware_change hardware_compare(const struct hardware *before,
					const struct hardware *now)
{
	struct hardware_change c = { 0 };

	for (size_t i = 0; i < now->usb_count; i++)
		c.usb += !has_usb(before, now->usb[i]);
	c.card = before->has_card && now->has_card &&
		 memcmp(before->card, now->card, HARDWARE_ID_LEN) != 0;
	c.boot = before->has_boot && now->has_boot &&
		 memcmp(before->boot, now->boot, HARDWARE_ID_LEN) != 0;
	return c;
}

/* --- the file ------------------------------------------------------------------------------------- */

static void put_id(struct writer *w, bool there, const uint8_t *id)
{
	if (there)
		cb_put_bytes(w, id, HARDWARE_ID_LEN);
	else
		cb_put_null(w);
}

static bool get_id(struct cb *c, uint8_t ret[static HARDWARE_ID_LEN])
{
	if (cb_take_null(c))
		return false;
	cb_get_fixed(c, ret, HARDWARE_ID_LEN);
	return true;
}

int hardware_encode(const struct hardware *h, uint8_t *buf, size_t cap)
{
	struct writer w;

	writer_init(&w, buf, cap);
	cb_put_array(&w, FIELDS);
	cb_put_uint(&w, VERSION);
	cb_put_array(&w, h->usb_count);
	for (size_t i = 0; i < h->usb_count; i++)
		cb_put_bytes(&w, h->usb[i], HARDWARE_ID_LEN);
	put_id(&w, h->has_card, h->card);
	put_id(&w, h->has_boot, h->boot);
	return writer_len(&w);
}

int hardware_decode(const uint8_t *buf, size_t len, struct hardware *ret)
{
	struct cb c;

	*ret = (struct hardware){ 0 };
	cb_init(&c, buf, len);
	if (cb_get_array(&c, FIELDS) != FIELDS)
		cb_fail(&c, -EBADMSG);
	if (cb_get_uint(&c) != VERSION)
		cb_fail(&c, -ENOTSUP);
	ret->usb_count = cb_get_array(&c, HARDWARE_USB_MAX);
	for (size_t i = 0; i < ret->usb_count; i++) {
		cb_get_fixed(&c, ret->usb[i], HARDWARE_ID_LEN);
		if (i > 0 && by_bytes(ret->usb[i - 1], ret->usb[i]) > 0)
			cb_fail(&c, -EBADMSG);
	}
	ret->has_card = get_id(&c, ret->card);
	ret->has_boot = get_id(&c, ret->boot);
	return cb_finish(&c);
}

bool hardware_load(const char *dir, struct hardware *ret)
{
	uint8_t buf[HARDWARE_BYTES_MAX];
	int n = file_read(dir, file_name, buf, sizeof(buf));
	int r = n < 0 ? n : hardware_decode(buf, (size_t)n, ret);

	if (r < 0 && r != -ENOENT)
		log_warn("hardware-unread",
			 "do=\"nothing: what is there now is taken as it is\"");
	return r == 0;
}

int hardware_save(const char *dir, const struct hardware *h)
{
	uint8_t buf[HARDWARE_BYTES_MAX];
	int n = hardware_encode(h, buf, sizeof(buf));

	return n < 0 ? n : file_replace(dir, file_name, buf, (size_t)n);
}
