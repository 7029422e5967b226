/*
 * fuzz_peripherals.c - hubd's own small files: what is taken is within its limits, encodes, and is taken again as
 * the same. The first octet says which file.
 */
#include <stdlib.h>
#include <string.h>

#include "hub/fence.h"
#include "hub/peripherals.h"
#include "hub/triggers_file.h"
#include "hub/window.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void try_window(const uint8_t *data, size_t size)
{
	uint8_t buf[WINDOW_BYTES_MAX];
	struct window_served s, again;
	int n;

	if (window_decode(data, size, &s))
		return;
	n = window_encode(&s, buf);
	check(n > 0 && window_decode(buf, (size_t)n, &again) == 0);
	check(s.epoch == again.epoch && s.id == again.id);
}

static void try_assignment(const uint8_t *data, size_t size)
{
	uint8_t buf[FENCE_BYTES_MAX];
	struct fence_held h, again;
	int n;

	if (fence_decode(data, size, &h))
		return;
	n = fence_encode(&h, buf);
	check(h.known && n > 0 && fence_decode(buf, (size_t)n, &again) == 0);
	check(h.epoch == again.epoch && h.assignment == again.assignment &&
	      h.step == again.step);
}

/* Behind a hash: it is made good first. */
static void try_triggers(const uint8_t *data, size_t size)
{
	static uint8_t buf[TRIGGERS_FILE_MAX], again[TRIGGERS_FILE_MAX];
	static const uint8_t boot[LOCKDOWN_BOOT_LEN] = { 1 };
	static struct triggers_held h;
	struct triggers t;
	struct lockdown l;
	enum triggers_do what;
	size_t n;

	if (size > sizeof(buf) - SHA256_LEN)
		return;
	memcpy(buf, data, size);
	crypto_sha256(buf, size, buf + size);
	if (triggers_file_decode(buf, size + SHA256_LEN, &h))
		return;
	n = triggers_file_encode(&h, again);
	check(n == size + SHA256_LEN && memcmp(buf, again, n) == 0);
	lockdown_init(&l, NULL, NULL, boot, (struct mono){ 1000 });
	triggers_init(&t, &h, &l, boot, (struct mono){ 1000 });
	for (int i = 0; i < 100 && triggers_next(&t, &l, (struct mono){ 1000 }, &what);
	     i++)
		if (what == TRIGGERS_SAVE)
			triggers_on_saved(&t, true, (struct mono){ 1000 });
	check(triggers_level(&t) <= LOCKDOWN_SEALED);
}

static void try_peripherals(const uint8_t *data, size_t size)
{
	static uint8_t first[PERIPHERALS_BYTES_MAX], second[PERIPHERALS_BYTES_MAX];
	static struct device_pin pins[CONFIG_DEVICES_MAX];
	static struct peripherals p, again;
	static struct config c;
	int n;

	if (peripherals_decode(data, size, &p))
		return;
	check(p.count <= CONFIG_DEVICES_MAX);
	for (size_t i = 0; i < p.count; i++)
		check(p.entries[i].num > 0 && p.entries[i].pin.known &&
		      memchr(p.entries[i].pin.serial, 0, PIN_TEXT_MAX + 1));
	n = peripherals_encode(&p, first, sizeof(first));
	check(n > 0);
	check(peripherals_decode(first, (size_t)n, &again) == 0);
	check(peripherals_encode(&again, second, sizeof(second)) == n);
	check(memcmp(first, second, (size_t)n) == 0);
	c.epoch = p.epoch;
	c.assignment = p.assignment;
	c.device_count = p.count;
	for (size_t i = 0; i < p.count; i++) {
		c.devices[i].num = p.entries[i].num;
		c.devices[i].kind = p.entries[i].kind;
	}
	peripherals_pins(&p, &c, pins);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 0)
		try_window(data + 1, size - 1);
	else if (data[0] == 2)
		try_assignment(data + 1, size - 1);
	else if (data[0] == 3)
		try_triggers(data + 1, size - 1);
	else
		try_peripherals(data + 1, size - 1);
	return 0;
}
