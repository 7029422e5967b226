/*
 * test_peripherals.c - the pins of paired devices: kept, bound to their configuration, void when it changes.
 */
#include "tests/unit/test.h"

#include "hub/core/err.h"
#include "hub/parts.h"
#include "hub/peripherals.h"
#include "hub/rt/file.h"
#include "tests/unit/temp_dir.h"

static char dir[64];
static struct peripherals p;
static struct device_pin pins[CONFIG_DEVICES_MAX];

/* 1: a cuff with an address; 2 and 3: scales that are found in a window. */
static struct config three(void)
{
	struct config c = { .epoch = 4, .device_count = 3 };

	c.devices[0] = (struct config_device){ .num = 1,
					       .kind = READING_BLOOD_PRESSURE,
					       .has_addr = true,
					       .addr = { 1 },
					       .addr_type = ADDR_RANDOM };
	c.devices[1] = (struct config_device){ .num = 2, .kind = READING_WEIGHT };
	c.devices[2] = (struct config_device){ .num = 3, .kind = READING_WEIGHT };
	return c;
}

static struct msg_bonded bonded(uint16_t num, uint8_t addr)
{
	return (struct msg_bonded){
		.num = num,
		.pin = { .known = true, .addr = { addr }, .strength = LINK_SC_JUST_WORKS }
	};
}

static void open_new(void)
{
	temp_dir_make(dir, sizeof(dir));
	CHECK_INT(peripherals_open(&p, dir), 0);
}

static void test_note(void)
{
	struct config c = three();
	struct msg_bonded cuff = bonded(1, 1), scale = bonded(2, 7);

	open_new();
	peripherals_pins(&p, &c, pins);
	CHECK(!pins[0].known && !pins[1].known && !pins[2].known);
	cuff.pin.addr_type = ADDR_RANDOM;
	CHECK_INT(peripherals_note(&p, &c, &cuff), 1);
	CHECK_INT(peripherals_note(&p, &c, &cuff), 0);
	CHECK_INT(peripherals_note(&p, &c, &scale), 1);
	strcpy(scale.pin.serial, "S/N 1"); /* told later */
	scale.pin.has_system_id = true;
	scale.pin.system_id[7] = 9;
	CHECK_INT(peripherals_note(&p, &c, &scale), 1);
	CHECK_INT(peripherals_note(&p, &c, &scale), 0);

	CHECK_INT(peripherals_open(&p, dir), 0); /* after a restart */
	peripherals_pins(&p, &c, pins);
	CHECK(pins[0].known && pins[1].known && !pins[2].known);
	CHECK_INT(pins[0].addr_type, ADDR_RANDOM);
	CHECK_INT(pins[1].addr[0], 7);
	CHECK_INT(pins[1].strength, LINK_SC_JUST_WORKS);
	CHECK_STR(pins[1].serial, "S/N 1");
	CHECK(pins[1].has_system_id);
	CHECK_INT(pins[1].system_id[7], 9);
	CHECK_INT(peripherals_note(&p, &c, &scale), 0);
	temp_dir_remove(dir);
}

static void test_each_field_is_a_change(void)
{
	struct config c = three();
	struct msg_bonded b = bonded(2, 7);

	open_new();
	CHECK_INT(peripherals_note(&p, &c, &b), 1);
	b.pin.addr[5] = 1;
	CHECK_INT(peripherals_note(&p, &c, &b), 1);
	b.pin.addr_type = ADDR_RANDOM;
	CHECK_INT(peripherals_note(&p, &c, &b), 1);
	b.pin.strength = LINK_SC_AUTHENTICATED;
	CHECK_INT(peripherals_note(&p, &c, &b), 1);
	b.pin.serial[0] = 'x';
	CHECK_INT(peripherals_note(&p, &c, &b), 1);
	b.pin.has_system_id = true;
	CHECK_INT(peripherals_note(&p, &c, &b), 1);
	b.pin.system_id[0] = 1;
	CHECK_INT(peripherals_note(&p, &c, &b), 1);
	b.pin.since_ms = 1;
	CHECK_INT(peripherals_note(&p, &c, &b), 1);
	CHECK_INT(peripherals_note(&p, &c, &b), 0);
	temp_dir_remove(dir);
}

static void test_refused(void)
{
	struct config c = three();
	struct msg_bonded b;

	open_new();
	b = bonded(9, 1);
	CHECK_INT(peripherals_note(&p, &c, &b), -ENOENT);
	b = bonded(1, 2); /* not the configured address */
	CHECK_INT(peripherals_note(&p, &c, &b), -ERANGE);
	b = bonded(1, 1); /* nor its type */
	CHECK_INT(peripherals_note(&p, &c, &b), -ERANGE);
	b = bonded(1, 0); /* left out */
	CHECK_INT(peripherals_note(&p, &c, &b), 1);
	b = bonded(2, 0);
	CHECK_INT(peripherals_note(&p, &c, &b), -ERANGE);
	b = bonded(2, 1);
	b.pin.addr_type = ADDR_RANDOM; /* the cuff's */
	CHECK_INT(peripherals_note(&p, &c, &b), -EEXIST);
	b = bonded(2, 7);
	CHECK_INT(peripherals_note(&p, &c, &b), 1);
	b = bonded(3, 7); /* the other scale's */
	CHECK_INT(peripherals_note(&p, &c, &b), -EEXIST);
	b.pin.addr_type = ADDR_RANDOM; /* another address */
	CHECK_INT(peripherals_note(&p, &c, &b), 1);
	temp_dir_remove(dir);
}

/* The device of an entry has become another. */
static void test_void(void)
{
	struct config c = three(), d;
	struct msg_bonded cuff = bonded(1, 0), scale = bonded(2, 7), other = bonded(3, 8);

	open_new();
	CHECK_INT(peripherals_note(&p, &c, &cuff), 1);
	CHECK_INT(peripherals_note(&p, &c, &scale), 1);

	d = c;
	d.epoch = 5;
	peripherals_pins(&p, &d, pins);
	CHECK(!pins[0].known && !pins[1].known);
	d = c;
	d.devices[0].addr[5] = 1;
	d.devices[1].num = 5;
	peripherals_pins(&p, &d, pins);
	CHECK(!pins[0].known && !pins[1].known);
	d = c;
	d.devices[0].addr_type = ADDR_PUBLIC;
	d.devices[1].kind = READING_GLUCOSE;
	peripherals_pins(&p, &d, pins);
	CHECK(!pins[0].known && !pins[1].known);
	d = c;
	d.devices[0].has_addr = false;
	memset(d.devices[0].addr, 0, PERIPHERAL_ADDR_LEN);
	d.devices[0].addr_type = ADDR_PUBLIC;
	d.devices[1].has_addr = true;
	d.devices[1].addr[0] = 7;
	peripherals_pins(&p, &d, pins);
	CHECK(!pins[0].known && !pins[1].known);
	d = c;
	d.devices[0].addr[0] =
		7; /* what the scale was found at is the cuff's address now */
	d.devices[0].addr_type = ADDR_PUBLIC;
	peripherals_pins(&p, &d, pins);
	CHECK(!pins[0].known && !pins[1].known);

	/* nothing was written: the old config finds its pins again; the number alone does not matter */
	d = c;
	d.devices[0] = c.devices[1];
	d.devices[1] = c.devices[0];
	peripherals_pins(&p, &d, pins);
	CHECK(pins[0].known && pins[1].known);
	CHECK_INT(pins[0].addr[0], 7);

	/* the next writing leaves out what is void */
	d = c;
	d.devices[0].kind = READING_GLUCOSE;
	CHECK_INT(peripherals_note(&p, &d, &other), 1);
	peripherals_pins(&p, &c, pins);
	CHECK(!pins[0].known && pins[1].known && pins[2].known);
	temp_dir_remove(dir);
}

static void test_damaged(void)
{
	struct config c = three();
	struct msg_bonded b = bonded(2, 7);
	static const uint8_t large[PERIPHERALS_BYTES_MAX + 1];
	uint8_t buf[8];

	open_new();
	CHECK_INT(peripherals_note(&p, &c, &b), 1);
	CHECK_INT(file_replace(dir, "peripherals", (const uint8_t *)"nonsense", 8), 0);
	CHECK_INT(peripherals_open(&p, dir), -EBADMSG);
	peripherals_pins(&p, &c, pins);
	CHECK(!pins[1].known);
	CHECK_INT(file_read(dir, "peripherals.bad", buf, sizeof(buf)), 8);
	CHECK(!file_exists(dir, "peripherals"));
	CHECK_INT(peripherals_open(&p, dir), 0); /* said once */
	CHECK_INT(file_replace(dir, "peripherals", large, sizeof(large)), 0);
	CHECK_INT(peripherals_open(&p, dir), -EBADMSG);
	CHECK_INT(peripherals_note(&p, &c, &b), 1);
	CHECK_INT(peripherals_open(&p, dir), 0);
	temp_dir_remove(dir);
}

/* What cannot be written is in force, and written later. */
static void test_no_disk(void)
{
	struct config c = three();
	struct msg_bonded b = bonded(2, 7);
	char away[80];

	open_new();
	snprintf(away, sizeof(away), "%s-away", dir);
	CHECK_INT(rename(dir, away), 0);
	CHECK(peripherals_note(&p, &c, &b) < 0);
	CHECK(p.unsaved);
	peripherals_pins(&p, &c, pins);
	CHECK(pins[1].known);
	CHECK(peripherals_save(&p) < 0);
	CHECK_INT(rename(away, dir), 0);
	CHECK_INT(peripherals_save(&p), 0);
	CHECK(!p.unsaved);
	CHECK_INT(peripherals_save(&p), 0); /* nothing to do */
	CHECK_INT(peripherals_open(&p, dir), 0);
	peripherals_pins(&p, &c, pins);
	CHECK(pins[1].known);
	temp_dir_remove(dir);
}

static struct peripherals largest(void)
{
	struct peripherals q = { .epoch = UINT32_MAX, .count = CONFIG_DEVICES_MAX };

	for (size_t i = 0; i < q.count; i++) {
		struct peripheral_entry *e = &q.entries[i];

		e->num = (uint16_t)(UINT16_MAX - i);
		e->kind = READING_GENERIC;
		e->has_addr = true;
		memset(e->addr, 0xff, PERIPHERAL_ADDR_LEN);
		e->addr_type = ADDR_RANDOM;
		e->pin = (struct device_pin){ .known = true,
					      .addr_type = ADDR_RANDOM,
					      .strength = LINK_SC_AUTHENTICATED,
					      .has_system_id = true };
		memset(e->pin.serial, 0x80, PIN_TEXT_MAX); /* not ASCII, not UTF-8 */
	}
	return q;
}

static void test_bytes(void)
{
	struct peripherals in = largest(), out = { .dir = dir };
	uint8_t b[PERIPHERALS_BYTES_MAX + 1], again[PERIPHERALS_BYTES_MAX];
	int n = peripherals_encode(&in, b, PERIPHERALS_BYTES_MAX);

	CHECK(n > 0);
	CHECK_INT(peripherals_decode(b, (size_t)n, &out), 0);
	CHECK(out.dir == dir);
	CHECK_INT(peripherals_encode(&out, again, sizeof(again)), n);
	CHECK_MEM(again, b, (size_t)n);
	for (int cut = 0; cut < n; cut++)
		CHECK(peripherals_decode(b, (size_t)cut, &out) < 0);
	b[n] = 0;
	CHECK_INT(peripherals_decode(b, (size_t)n + 1, &out), -EBADMSG);
	CHECK_INT(peripherals_encode(&in, b, (size_t)n - 1), -ENOSPC);
	b[2] = 2;
	CHECK_INT(peripherals_decode(b, (size_t)n, &out), -ENOTSUP);

	in.entries[1].num = in.entries[0].num;
	n = peripherals_encode(&in, b, sizeof(b));
	CHECK_INT(peripherals_decode(b, (size_t)n, &out), -ERANGE);
	in.entries[1].num = 0;
	n = peripherals_encode(&in, b, sizeof(b));
	CHECK_INT(peripherals_decode(b, (size_t)n, &out), -ERANGE);
}

static void test_garbage(void)
{
	struct peripherals in = largest(), out = { .dir = dir };
	uint8_t b[PERIPHERALS_BYTES_MAX], g[PERIPHERALS_BYTES_MAX];
	int n;

	in.count = 2;
	n = peripherals_encode(&in, b, sizeof(b));
	for (int i = 0; i < n; i++)
		for (int v = 0; v < 256; v++) {
			memcpy(g, b, (size_t)n);
			g[i] = (uint8_t)v;
			if (peripherals_decode(g, (size_t)n, &out) == 0) {
				CHECK(out.count <= CONFIG_DEVICES_MAX);
				CHECK(memchr(out.entries[0].pin.serial, 0,
					     PIN_TEXT_MAX + 1));
			}
		}
}

/* What was paired for another patient is nobody's, at once and after a restart. */
static void test_assignment(void)
{
	struct config c = three();
	struct msg_bonded b = bonded(2, 7);
	struct peripherals again;

	open_new();
	c.assignment = 1;
	peripherals_assign(&p, &c);
	CHECK(!p.unsaved); /* there is nothing to forget */
	b.pin.since_ms = 1000;
	CHECK_INT(peripherals_note(&p, &c, &b), 1);
	peripherals_assign(&p, &c);
	CHECK(!p.unsaved);
	peripherals_pins(&p, &c, pins);
	CHECK_INT(pins[1].since_ms, 1000);
	c.assignment = 2;
	peripherals_pins(&p, &c, pins);
	CHECK(!pins[1].known);
	peripherals_assign(&p, &c); /* killed before it was written */
	CHECK_INT(peripherals_open(&again, dir), 0);
	CHECK_UINT(again.count, 1);
	peripherals_pins(&again, &c, pins);
	CHECK(!pins[1].known);
	peripherals_assign(&again, &c);
	CHECK_INT(peripherals_save(&again), 0);
	CHECK_INT(peripherals_open(&again, dir), 0);
	CHECK_UINT(again.count, 0);
	/* the next note begins anew, and is of the new one */
	CHECK_INT(peripherals_note(&again, &c, &b), 1);
	c.assignment = 1;
	peripherals_pins(&again, &c, pins);
	CHECK(!pins[1].known);
	c.assignment = 2;
	c.epoch++;
	peripherals_pins(&again, &c, pins);
	CHECK(!pins[1].known);
	temp_dir_remove(dir);
}

/* What hub-ble is told has the pins beside their devices, and fits in a message. */
static void test_part_for_ble(void)
{
	struct config c = three();
	struct msg_bonded b = bonded(2, 7);
	static struct msg m, back;
	static uint8_t buf[MSG_BYTES_MAX];
	int n;

	open_new();
	c.devices[0].passkey = c.devices[1].passkey = c.devices[2].passkey =
		CONFIG_NO_PASSKEY;
	c.assignment = 9;
	c.utc_offset_min = 60;
	b.pin.since_ms = PIN_SINCE_MAX_MS;
	c.has_change = true;
	c.change_utc_s = 1806454800;
	c.change_offset_min = 120;
	CHECK_INT(peripherals_note(&p, &c, &b), 1);
	parts_ble(&c, &p, 1, &m);
	n = msg_encode(&m, buf, sizeof(buf));
	CHECK(n > 0);
	CHECK_INT(msg_decode(buf, (size_t)n, &back), 0);
	CHECK_UINT(back.ble_config.level, 1);
	CHECK(back.ble_config.has_change);
	CHECK_INT(back.ble_config.change_utc_s, 1806454800);
	CHECK_INT(back.ble_config.change_offset_min, 120);
	CHECK_UINT(back.ble_config.device_count, 3);
	CHECK(!back.ble_config.pins[0].known && back.ble_config.pins[1].known);
	CHECK_UINT(back.ble_config.pins[1].addr[0], 7);
	CHECK_UINT(back.ble_config.assignment, 9);
	CHECK_INT(back.ble_config.pins[1].since_ms, PIN_SINCE_MAX_MS);
	m.ble_config.pins[1].since_ms++;
	n = msg_encode(&m, buf, sizeof(buf));
	CHECK_INT(msg_decode(buf, (size_t)n, &back), -ERANGE);
	temp_dir_remove(dir);
}

static void test_forget(void)
{
	struct config c = three();
	struct msg_bonded cuff = bonded(1, 1), scale = bonded(2, 7);

	open_new();
	cuff.pin.addr_type = ADDR_RANDOM;
	CHECK_INT(peripherals_note(&p, &c, &cuff), 1);
	CHECK_INT(peripherals_note(&p, &c, &scale), 1);
	CHECK_INT(peripherals_forget(&p, 9), 0);
	CHECK_INT(peripherals_forget(&p, 2), 0);
	CHECK_INT(peripherals_open(&p, dir), 0); /* after a restart */
	peripherals_pins(&p, &c, pins);
	CHECK(pins[0].known && !pins[1].known);
	scale.pin.addr[0] = 8; /* another one in its place */
	CHECK_INT(peripherals_note(&p, &c, &scale), 1);
	temp_dir_remove(dir);
}

TEST_MAIN("peripherals", test_note, test_each_field_is_a_change, test_refused, test_void,
	  test_damaged, test_no_disk, test_bytes, test_garbage, test_assignment,
	  test_part_for_ble, test_forget)
