/*
 * test_objects.c - the table of bluetoothd's objects: who is kept, and that the rest takes no room.
 */
#include "tests/unit/test.h"

#include "ble/objects.h"
#include "ble/traits.h"

#define CUFF "/org/bluez/hci0/dev_F0_00_00_00_00_01"
#define METER "/org/bluez/hci0/dev_F0_00_00_00_00_02"

static const struct config_device config[] = {
	{ .num = 1,
	  .kind = READING_BLOOD_PRESSURE,
	  .has_addr = true,
	  .addr = { 0xF0, 0, 0, 0, 0, 1 },
	  .addr_type = ADDR_RANDOM },
	{ .num = 2, .kind = READING_GLUCOSE }, /* address not known */
};

static struct objects o;

static void reset(void)
{
	memset(&o, 0, sizeof(o));
	objects_set_configured(&o, config, 2);
}

static struct props who(uint8_t last)
{
	return (struct props){ .has = PROP_ADDRESS | PROP_ADDRESS_TYPE,
			       .address = { 0xF0, 0, 0, 0, 0, last },
			       .address_type = ADDR_RANDOM };
}

static struct props advertiser(uint8_t last, unsigned services, int16_t rssi)
{
	struct props p = who(last);

	p.has |= PROP_SERVICES | PROP_RSSI;
	p.services = services;
	p.rssi = rssi;
	return p;
}

static struct props uuid(uint16_t u, unsigned flags)
{
	return (struct props){ .has = PROP_UUID | PROP_FLAGS, .uuid = u, .flags = flags };
}

static struct object_device *put(const char *path, struct props p)
{
	return objects_put_device(&o, path, &p);
}

static const struct object_candidate *hear(const char *path, struct props p, bool news)
{
	return objects_put_candidate(&o, path, &p, news);
}

static void put_service(const char *path, uint16_t u)
{
	struct props p = uuid(u, 0);

	objects_put_service(&o, path, &p);
}

static bool all_wanted(uint16_t u)
{
	return u != 0x2AFF;
}

static struct object_char *put_char(const char *path, uint16_t u, unsigned flags)
{
	struct props p = uuid(u, flags);

	return objects_put_char(&o, path, &p, all_wanted);
}

static size_t count_devices(void)
{
	size_t n = 0;

	for (size_t i = 0; i < OBJECT_DEVICES_MAX; i++)
		n += o.devices[i].path[0] != '\0';
	return n;
}

static size_t count_candidates(void)
{
	size_t n = 0;

	for (size_t i = 0; i < OBJECT_CANDIDATES_MAX; i++)
		n += o.candidates[i].path[0] != '\0';
	return n;
}

/* ---- devices ---- */

static void test_configured(void)
{
	struct props p = who(1);
	struct object_device *d;

	reset();
	d = put(CUFF, p);
	CHECK(d && d->config == 0);
	CHECK_INT(d->rssi, OBJECT_RSSI_UNKNOWN);
	CHECK(objects_find_config(&o, 0) == d);
	CHECK(objects_find_device(&o, CUFF) == d);
	CHECK(!objects_find_device(&o, ""));
	/* two objects of one device: the first stays */
	CHECK(!put(CUFF "x", p));
	/* the address of another type is somebody else's */
	p.address_type = ADDR_PUBLIC;
	CHECK(!put(METER, p));
	/* nobody has no address, and it is not that of a device without one */
	memset(p.address, 0, sizeof(p.address));
	CHECK(!put(METER, p));
	p.has = PROP_CONNECTED;
	p.on = PROP_CONNECTED;
	CHECK(!put(METER, p)); /* without an address */
	CHECK(!objects_find_config(&o, 1));
	CHECK_INT(objects_remove(&o, CUFF), 0);
	CHECK_INT(objects_remove(&o, CUFF), -1);
	CHECK_UINT(count_devices(), 0);
	put(CUFF, who(1));
	objects_clear(&o);
	CHECK_UINT(count_devices(), 0);
	CHECK(put(CUFF, who(1))->config == 0);
}

static void test_changes(void)
{
	struct object_device *d;
	struct props p = who(1);

	reset();
	p.has |= PROP_PAIRED | PROP_BONDED | PROP_POWERED;
	p.on = PROP_PAIRED | PROP_BONDED | PROP_POWERED;
	d = put(CUFF, p);
	CHECK_UINT(d->is, PROP_PAIRED | PROP_BONDED);
	p = (struct props){ .has = PROP_CONNECTED | PROP_BONDED, .on = PROP_CONNECTED };
	CHECK(put(CUFF, p) == d);
	CHECK_UINT(d->is, PROP_PAIRED | PROP_CONNECTED);
	/* after pairing: the identity address */
	p = who(9);
	p.address_type = ADDR_PUBLIC;
	put(CUFF, p);
	CHECK_UINT(d->addr[5], 9);
	CHECK_INT(d->addr_type, ADDR_PUBLIC);
	CHECK_INT(d->config, 0);
	p = (struct props){ .has = PROP_RSSI, .rssi = -71 };
	put(CUFF, p);
	CHECK_INT(d->rssi, -71);
}

static void set_name(const char *text, unsigned which)
{
	put(CUFF, (struct props){ .has = which, .name = text });
}

static void test_names(void)
{
	struct object_device *d;

	reset();
	d = put(CUFF, who(1));
	CHECK_STR(d->name, "");
	set_name("F0-00-00-00-00-01", PROP_ALIAS);
	CHECK_STR(d->name, "F0-00-00-00-00-01");
	set_name("BPCUFF", PROP_NAME | PROP_ALIAS);
	CHECK_STR(d->name, "BPCUFF");
	set_name("alias", PROP_ALIAS); /* the name is better */
	CHECK_STR(d->name, "BPCUFF");
	set_name("", PROP_NAME);
	CHECK_STR(d->name, "");
	set_name("0123456789012345678901234567890", PROP_NAME); /* 31 */
	CHECK_UINT(strlen(d->name), 31);
	set_name("01234567890123456789012345678901", PROP_NAME); /* 32 */
	CHECK_UINT(strlen(d->name), 32);
	set_name("012345678901234567890123456789012", PROP_NAME); /* 33 */
	CHECK_STR(d->name, "01234567890123456789012345678901");
	/* a character is not cut: 31 octets, then one of two */
	set_name("0123456789012345678901234567890\xC3\xA4", PROP_NAME);
	CHECK_UINT(strlen(d->name), 31);
	set_name("012345678901234567890123456789\xC3\xA4", PROP_NAME);
	CHECK_UINT(strlen(d->name), 32);
	set_name("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"
		 "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80",
		 PROP_NAME); /* never begun */
	CHECK_STR(d->name, "");
}

static void test_strangers(void)
{
	char path[64];

	reset();
	put(CUFF, who(1)); /* takes no stranger's room */
	for (int i = 0; i < OBJECT_STRANGERS_MAX + 3; i++) {
		struct props p = who((uint8_t)(100 + i));

		snprintf(path, sizeof(path), "/org/bluez/hci0/dev_%d", i);
		CHECK(!put(path, p)); /* no tie */
		p.has |= PROP_TRUSTED;
		p.on |= PROP_TRUSTED;
		CHECK_INT(put(path, p) != NULL, i < OBJECT_STRANGERS_MAX);
	}
	CHECK_UINT(count_devices(), OBJECT_STRANGERS_MAX + 1);
	objects_remove(&o, CUFF);
	CHECK(put(CUFF, who(1))); /* there is always room for ours */
	/* who is ours no longer gets no room either */
	objects_set_address(&o, 1, (const uint8_t[]){ 0xF0, 0, 0, 0, 0, 9 }, ADDR_RANDOM);
	CHECK_INT(put(METER, who(9))->config, 1);
	objects_unset_address(&o, 1);
	CHECK(!objects_find_device(&o, METER));
	CHECK_UINT(count_devices(), OBJECT_STRANGERS_MAX + 1);
	CHECK_INT(put("/org/bluez/hci0/dev_0", who(1))->config, -1);
}

static void test_long_path(void)
{
	char path[OBJECT_PATH_MAX + 2];

	reset();
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[OBJECT_PATH_MAX] = '\0';
	CHECK(!put(path, who(1)));
	objects_watch_candidates(&o, true);
	CHECK(!hear(path, advertiser(7, TRAITS_GLS, -50), true));
	path[OBJECT_PATH_MAX - 1] = '\0';
	CHECK(hear(path, advertiser(7, TRAITS_GLS, -50), true));
	CHECK(put(path, who(1)));
}

/* ---- services and characteristics ---- */

static void test_chars(void)
{
	struct object_device *d;
	struct object_char *c = NULL;

	reset();
	CHECK(!put_char(CUFF "/service000a/char000b", 0x2A35,
			CHAR_NOTIFY)); /* no device */
	d = put(CUFF, who(1));
	CHECK(put_char(CUFF "/service000a/char000b", 0x2A35, CHAR_NOTIFY));
	CHECK(!put_char(CUFF "/service000a/char000d", 0x2AFF,
			CHAR_NOTIFY)); /* unwanted */
	CHECK(!objects_put_char(&o, CUFF "/service000a/char000d",
				&(struct props){ .uuid = 0x2A35 },
				all_wanted));				/* untold */
	CHECK(!put_char(CUFF "/service000a/char000e", 0, CHAR_NOTIFY)); /* vendor's */
	CHECK(!put_char(CUFF "x/service000a/char000f", 0x2A35, CHAR_NOTIFY));
	CHECK(!put_char(CUFF, 0x2A35, CHAR_NOTIFY));
	CHECK_UINT(d->char_count, 1);
	CHECK(objects_find_char(&o, CUFF "/service000a/char000b", &c) == d);
	CHECK_UINT(c->uuid, 0x2A35);
	CHECK(!objects_find_char(&o, CUFF "/service000a/char000c", &c));
	CHECK(!objects_find_char(&o, METER "/service000a/char000b", &c));
	/* told again */
	c->armed = true;
	CHECK(put_char(CUFF "/service000a/char000b", 0x2A35, CHAR_READ) == c);
	CHECK(c->armed);
	CHECK_UINT(c->flags, CHAR_READ);
	CHECK(!objects_find_uuid(d, 0x2A35, CHAR_NOTIFY));
	CHECK(objects_find_uuid(d, 0x2A35, CHAR_READ) == c);
	CHECK(!objects_find_uuid(d, 0x2A36, 0));
	CHECK_INT(objects_remove(&o, CUFF "/service000a/char000b"), 0);
	CHECK_UINT(d->char_count, 0);
	CHECK_INT(objects_remove(&o, CUFF "/service000a/char000b"), -1);
}

/* RACP is in two services of one device; told before or after its services. */
static void test_services(void)
{
	for (int services_first = 0; services_first < 2; services_first++) {
		struct object_device *d;

		reset();
		put_service(CUFF "/service0001", 0x1808); /* no device */
		d = put(CUFF, who(1));
		for (int i = 0; i < 2; i++) {
			if (i == services_first) {
				put_char(CUFF "/service0001/char0002", 0x2A52,
					 CHAR_WRITE);
				put_char(CUFF "/service0010/char0011", 0x2A52,
					 CHAR_WRITE);
				put_char(CUFF "/service0010/char0013", 0x2A08, CHAR_READ);
				put_char(CUFF "/service00100/char01", 0x2A08, CHAR_READ);
			} else {
				put_service(CUFF "/service0001", 0x1808);
				put_service(CUFF "/service0001", 0x1808); /* again */
				put_service(CUFF "/service0010", 0x1810);
				put_service(CUFF "/service0020", 0); /* a vendor's */
				put_service(CUFF "/service0010/char0011", 0x1810);
				put_service(CUFF "/", 0x1810);
				put_service(CUFF "/service000000010", 0x1810); /* 16 */
			}
		}
		CHECK_UINT(d->service_count, 2);
		CHECK_STR(objects_find_in_service(d, 0x1808, 0x2A52, CHAR_WRITE)->path,
			  CUFF "/service0001/char0002");
		CHECK_STR(objects_find_in_service(d, 0x1810, 0x2A52, CHAR_WRITE)->path,
			  CUFF "/service0010/char0011");
		CHECK(!objects_find_in_service(d, 0x1810, 0x2A52, CHAR_READ));
		CHECK(!objects_find_in_service(d, 0x181F, 0x2A52, 0));
		CHECK_UINT(objects_find_uuid(d, 0x2A08, 0)->service, 0x1810);
		CHECK_STR(objects_find_in_service(d, 0, 0x2A08, 0)->path,
			  CUFF "/service00100/char01");
		put_service(CUFF "/service00000001", 0x180A); /* 15 */
		CHECK_UINT(d->service_count, 3);
		CHECK_INT(objects_remove(&o, CUFF "/service0001"), -1);
		CHECK_INT(objects_remove(&o, CUFF "/service0001"), -1);
		CHECK_INT(objects_remove(&o, CUFF "/service00000001"), -1);
		CHECK_UINT(d->service_count, 1);
		CHECK_UINT(d->services[0].uuid, 0x1810);
	}
}

static void test_full(void)
{
	struct object_device *d;
	char path[OBJECT_PATH_MAX + 2];

	reset();
	d = put(CUFF, who(1));
	for (int i = 0; i < OBJECT_CHARS_MAX + 2; i++) {
		snprintf(path, sizeof(path), CUFF "/service0001/char%04x", i);
		CHECK_INT(put_char(path, (uint16_t)(0x2A00 + i), CHAR_READ) != NULL,
			  i < OBJECT_CHARS_MAX);
	}
	for (int i = 0; i < OBJECT_SERVICES_MAX + 2; i++) {
		snprintf(path, sizeof(path), CUFF "/service%04x", i);
		put_service(path, (uint16_t)(0x1800 + i));
	}
	CHECK_UINT(d->char_count, OBJECT_CHARS_MAX);
	CHECK_UINT(d->service_count, OBJECT_SERVICES_MAX);
	CHECK_UINT(d->chars[0].service, 0x1801);
	put_service(CUFF "/service0001",
		    0x180A); /* known ones may change when it is full */
	CHECK_UINT(d->chars[0].service, 0x180A);
	CHECK_INT(objects_remove(&o, CUFF "/service0001/char0000"), 0);
	snprintf(path, sizeof(path), "%-79s", CUFF "/");
	CHECK(put_char(path, 0x2A35, 0)); /* the longest */
	objects_remove(&o, path);
	snprintf(path, sizeof(path), "%-80s", CUFF "/");
	CHECK(!put_char(path, 0x2A35, 0));
}

/* ---- candidates ---- */

static void test_candidates(void)
{
	const struct object_candidate *c;
	struct props p = advertiser(7, TRAITS_GLS, -50);

	reset();
	CHECK(!hear(METER, p, true)); /* not watching */
	objects_watch_candidates(&o, true);
	p.has |= PROP_NAME;
	p.name = "meter+1";
	c = hear(METER, p, true);
	CHECK(c);
	CHECK_UINT(c->addr[5], 7);
	CHECK_INT(c->addr_type, ADDR_RANDOM);
	CHECK_INT(c->rssi, -50);
	CHECK_UINT(c->services, TRAITS_GLS);
	CHECK_STR(c->name, "meter+1");
	/* heard again: strength only */
	p = (struct props){ .has = PROP_RSSI, .rssi = -60 };
	CHECK(hear(METER, p, true) == c);
	CHECK_INT(c->rssi, -60);
	/* something else about it: not heard */
	p = (struct props){ .has = PROP_ALIAS, .name = "x" };
	CHECK(!hear(METER, p, true));
	CHECK_STR(c->name, "meter+1");
	p = (struct props){ .has = PROP_SERVICES, .services = TRAITS_GLS | TRAITS_UDS };
	CHECK(!hear(METER, p, true));
	CHECK_UINT(c->services, TRAITS_GLS | TRAITS_UDS);
	/* its object is gone */
	CHECK_INT(objects_remove(&o, METER), -1);
	CHECK_UINT(count_candidates(), 0);
	/* without strength: as near as may be */
	p = advertiser(7, TRAITS_GLS, -50);
	p.has &= ~(unsigned)PROP_RSSI;
	c = hear(METER, p, true);
	CHECK(c);
	CHECK_INT(c->rssi, OBJECT_RSSI_UNKNOWN);
	objects_clear(&o);
	CHECK_UINT(count_candidates(), 0);
	CHECK(hear(METER, p, true)); /* still watching */
}

/* A second window while bluetoothd still has the objects of the first one. */
static void test_watch_again(void)
{
	const struct props strength = { .has = PROP_RSSI, .rssi = -60 };
	const struct props bonded = { .has = PROP_BONDED, .on = PROP_BONDED };
	const struct object_candidate *c;

	reset();
	objects_watch_candidates(&o, true);
	CHECK(hear(METER, advertiser(7, TRAITS_GLS, -50), true));
	CHECK(hear(METER "2", advertiser(8, TRAITS_GLS, -50), true));
	CHECK(hear(METER "3", advertiser(9, TRAITS_GLS, -50), true));
	objects_watch_candidates(&o, true); /* as before */
	CHECK(o.candidates[0].heard);
	objects_watch_candidates(&o, false);
	CHECK(!hear(METER, strength, true)); /* nobody asks */
	CHECK(!hear(METER "4", advertiser(10, TRAITS_GLS, -50), true));
	CHECK(!hear(METER "2", bonded, true));
	objects_remove(&o, METER "3");
	CHECK_UINT(count_candidates(), 1);
	objects_watch_candidates(&o, true);
	CHECK(!o.candidates[0].heard);
	c = hear(METER, strength, true);
	CHECK(c && c->addr[5] == 7 && c->heard && c->rssi == -60);
	CHECK(!hear(METER "2", strength, true));
}

/* The services come in a later advertisement than the address. */
static void test_details(void)
{
	const struct props late = { .has = PROP_SERVICES, .services = TRAITS_GLS };
	const struct props other = { .has = PROP_SERVICES, .services = TRAITS_BLS };
	struct props p = who(7);

	reset();
	CHECK(!objects_wants_details(&o, METER, &late)); /* not watching */
	objects_watch_candidates(&o, true);
	CHECK(!hear(METER, p, true));
	CHECK(!hear(METER, late, true));
	CHECK(objects_wants_details(&o, METER, &late));
	CHECK(!objects_wants_details(&o, METER, &other));
	p = advertiser(7, TRAITS_GLS, -50);
	CHECK(!objects_wants_details(&o, METER, &p)); /* all is there */
	CHECK(hear(METER, p, true));
	CHECK(!objects_wants_details(&o, METER, &late)); /* known */
	put(CUFF, who(1));
	CHECK(!objects_wants_details(&o, CUFF, &late)); /* ours */
}

static void test_not_candidates(void)
{
	struct props p;

	reset();
	objects_watch_candidates(&o, true);
	CHECK(!hear(METER, advertiser(7, TRAITS_BLS | TRAITS_UDS, -50),
		    true)); /* not sought */
	CHECK(!hear(METER, advertiser(7, 0, -50), true));
	CHECK(!hear(METER, advertiser(1, TRAITS_GLS, -50), true)); /* configured */
	p = advertiser(7, TRAITS_GLS, -50);
	p.has |= PROP_BONDED;
	p.on |= PROP_BONDED;
	CHECK(!hear(METER, p, true)); /* bonded to us */
	p = advertiser(7, TRAITS_GLS, -50);
	p.has &= ~(unsigned)PROP_ADDRESS;
	CHECK(!hear(METER, p, true));
	p = who(7);
	CHECK(!hear(METER, p, true)); /* says nothing of services */
	CHECK_UINT(count_candidates(), 0);
	/* one that is bonded meanwhile is none any more */
	CHECK(hear(METER, advertiser(7, TRAITS_GLS, -50), true));
	p = (struct props){ .has = PROP_PAIRED, .on = PROP_PAIRED };
	CHECK(!hear(METER, p, true));
	CHECK_UINT(count_candidates(), 0);
	/* with every address known nobody is sought */
	objects_set_configured(&o, config, 1);
	CHECK(!hear(METER, advertiser(7, TRAITS_GLS, -50), true));
}

/* From a list: known, but not heard; heard is who has a strength or appears now. */
static void test_listed(void)
{
	struct props p = advertiser(7, TRAITS_GLS, -50);
	const struct object_candidate *c;

	reset();
	objects_watch_candidates(&o, true);
	p.has &= ~(unsigned)PROP_RSSI;
	CHECK(!hear(METER, p, false));
	CHECK_UINT(count_candidates(), 1);
	CHECK(!hear(METER, p, true)); /* known already */
	p = (struct props){ .has = PROP_RSSI, .rssi = -55 };
	c = hear(METER, p, true);
	CHECK(c && c->addr[5] == 7 && c->heard);
	CHECK_INT(c->rssi, -55);
	/* being heard while listed */
	CHECK(hear(METER "2", advertiser(8, TRAITS_GLS, -50), false));
}

/* The strongest stay; who was only listed goes first. */
static void test_many_candidates(void)
{
	struct props listed = advertiser(100, TRAITS_GLS, 0);
	char path[64];

	reset();
	objects_watch_candidates(&o, true);
	listed.has &= ~(unsigned)PROP_RSSI;
	hear(METER, listed, false);
	for (int i = 0; i < OBJECT_CANDIDATES_MAX; i++) {
		snprintf(path, sizeof(path), "/dev_%d", i);
		CHECK(hear(path,
			   advertiser((uint8_t)(20 + i), TRAITS_GLS, (int16_t)(-90 + i)),
			   true));
	}
	CHECK_UINT(count_candidates(), OBJECT_CANDIDATES_MAX);
	for (size_t i = 0; i < OBJECT_CANDIDATES_MAX; i++)
		CHECK(strcmp(o.candidates[i].path, METER) != 0);
	CHECK(!hear("/dev_weak", advertiser(50, TRAITS_GLS, -90), true));
	CHECK(!hear(METER, listed, false));
	CHECK(hear("/dev_strong", advertiser(51, TRAITS_GLS, -89), true)); /* for -90 */
	listed.rssi = OBJECT_RSSI_UNKNOWN;
	CHECK(hear("/dev_unknown", listed, true)); /* for -89 */
	CHECK_UINT(count_candidates(), OBJECT_CANDIDATES_MAX);
	for (size_t i = 0; i < OBJECT_CANDIDATES_MAX; i++)
		CHECK(o.candidates[i].rssi != -90);
}

static void test_set_address(void)
{
	const uint8_t addr[] = { 0xF0, 0, 0, 0, 0, 7 };
	struct props p = advertiser(7, TRAITS_GLS, -50);
	struct object_device *d;

	reset();
	objects_watch_candidates(&o, true);
	p.has |= PROP_NAME;
	p.name = "meter+1";
	hear(METER, p, true);
	hear(METER "2", advertiser(8, TRAITS_GLS, -50), true);
	objects_set_address(&o, 1, addr, ADDR_RANDOM);
	d = objects_find_config(&o, 1);
	CHECK(d);
	CHECK_STR(d->path, METER);
	CHECK_STR(d->name, "meter+1");
	CHECK_INT(d->rssi, -50);
	CHECK_MEM(d->addr, addr, sizeof(addr));
	CHECK_INT(d->addr_type, ADDR_RANDOM);
	CHECK_UINT(count_candidates(), 1);
	CHECK(!hear(METER "3", advertiser(9, TRAITS_GLS, -50),
		    true)); /* nobody is sought */
	/* kept when bluetoothd restarts */
	objects_clear(&o);
	CHECK(put(METER, who(7))->config == 1);
	objects_unset_address(&o, 1);
	CHECK_INT(put(METER, who(7))->config, -1);
	CHECK(!objects_find_config(&o, 1));
	/* a stranger that turns out to be it */
	objects_set_address(&o, 1, addr, ADDR_RANDOM);
	CHECK_INT(put(METER, who(7))->config, 1);
	objects_unset_address(&o, 1);
	CHECK_INT(objects_remove(&o, METER), -1);
	CHECK(!put(METER, who(7))); /* nobody's, and sought again */
	CHECK(hear(METER, advertiser(7, TRAITS_GLS, -50), true));
	objects_remove(&o, METER);
	/* nobody there yet: known when it appears */
	objects_set_address(&o, 1, addr, ADDR_RANDOM);
	CHECK(!objects_find_config(&o, 1));
	CHECK_INT(put(METER, who(7))->config, 1);
	/* nonsense does nothing */
	objects_set_address(&o, 2, addr, ADDR_RANDOM);
	objects_set_address(&o, SIZE_MAX, addr, ADDR_RANDOM);
	objects_unset_address(&o, 2);
	/* a new configuration knows what it is told */
	objects_set_configured(&o, config, 2);
	CHECK(!put(METER, who(7)));
}

/* A new list of devices: each object keeps what is known of it, under the index of its address. */
static void test_reconfigure(void)
{
	struct config_device next[2] = { config[1], config[0] };
	struct object_char *c = NULL;
	struct props tied = who(3);

	reset();
	put(CUFF, who(1));
	put_service(CUFF "/service000a", 0x1810);
	put_char(CUFF "/service000a/char000b", 0x2A35, CHAR_NOTIFY)->armed = true;
	tied.has |= PROP_BONDED;
	tied.on |= PROP_BONDED;
	put(METER, tied);
	objects_set_configured(&o, next, 2);
	CHECK_INT(objects_find_device(&o, CUFF)->config, 1);
	CHECK(objects_find_char(&o, CUFF "/service000a/char000b", &c) && c->armed);
	CHECK_INT(objects_find_device(&o, METER)->config, -1);
	/* a stranger becomes ours; ours without a tie is forgotten */
	next[1].addr[5] = 3;
	objects_set_configured(&o, next, 2);
	CHECK_INT(objects_find_device(&o, METER)->config, 1);
	CHECK(!objects_find_device(&o, CUFF));
	/* one that keeps a tie stays as a stranger */
	objects_set_configured(&o, next, 1);
	CHECK_INT(objects_find_device(&o, METER)->config, -1);
	/* of two objects for one device the one that was it stays it, wherever it lies */
	reset();
	put(METER, tied);
	put(CUFF, who(1));
	objects_find_device(&o, METER)->addr[5] = 1;
	objects_set_configured(&o, config, 2);
	CHECK_INT(objects_find_device(&o, CUFF)->config, 0);
	CHECK_INT(objects_find_device(&o, METER)->config, -1);
	/* no more strangers than there is room for */
	reset();
	for (int i = 0; i < OBJECT_DEVICES_MAX; i++) {
		struct object_device *d = &o.devices[i];

		snprintf(d->path, sizeof(d->path), "/x/%d", i);
		d->config = i < CONFIG_DEVICES_MAX ? i : -1;
		d->is = PROP_BONDED;
		d->addr[0] = 9;
	}
	objects_set_configured(&o, config, 2);
	CHECK_UINT(count_devices(), OBJECT_STRANGERS_MAX);
}

/* ---- floods ---- */

/* A neighbourhood of ten thousand, with and without what is looked for: room for eight, and ours. */
static void test_flood(void)
{
	static struct objects before;
	char path[64];

	reset();
	for (int watching = 0; watching < 2; watching++) {
		objects_watch_candidates(&o, watching);
		put(CUFF, who(1));
		before = o;
		for (int i = 0; i < 10000; i++) {
			struct props p =
				advertiser((uint8_t)(i % 200 + 20), watching ? 0x3FF : 0,
					   (int16_t)(-(i % 100)));

			p.address[1] = (uint8_t)(i >> 8);
			snprintf(path, sizeof(path), "/org/bluez/hci0/dev_%d", i);
			CHECK(!put(path, p));
			hear(path, p, true);
			put_service(CUFF "/service0001", (uint16_t)i);
			snprintf(path, sizeof(path), "/org/bluez/hci0/dev_%d/service0001",
				 i);
			put_service(path, 0x1810);
			CHECK(!put_char(path, 0x2A35, CHAR_NOTIFY));
		}
		CHECK_UINT(count_devices(), 1);
		CHECK_UINT(count_candidates(), watching ? OBJECT_CANDIDATES_MAX : 0);
		if (!watching)
			CHECK_MEM(o.candidates, before.candidates, sizeof(o.candidates));
		objects_remove(&o, CUFF);
	}
}

static void check_sound(void)
{
	size_t strangers = 0;

	for (size_t i = 0; i < OBJECT_DEVICES_MAX; i++) {
		const struct object_device *d = &o.devices[i];

		if (!d->path[0])
			continue;
		CHECK(strlen(d->path) < OBJECT_PATH_MAX);
		CHECK(strlen(d->name) <= OBJECT_NAME_MAX);
		CHECK(d->char_count <= OBJECT_CHARS_MAX);
		CHECK(d->service_count <= OBJECT_SERVICES_MAX);
		CHECK(d->config < (int)o.configured_count);
		strangers += d->config < 0;
		for (size_t k = 0; k < i; k++)
			CHECK(!o.devices[k].path[0] || d->config < 0 ||
			      o.devices[k].config != d->config);
	}
	CHECK(strangers <= OBJECT_STRANGERS_MAX);
}

static void test_random_life(void)
{
	static const char *const tails[] = {
		"",  "/service0001",	     "/service0002", "/service0001/char0003",
		"/", "/service0002/char0004"
	};

	reset();
	for (int i = 0; i < 200000; i++) {
		struct props p = advertiser((uint8_t)(test_random() % 16),
					    (unsigned)test_random() & 0x3FF,
					    (int16_t)(test_random() % 256 - 128));
		char path[64];

		p.has = (unsigned)test_random() & 0x3FFFF;
		p.on = (unsigned)test_random() & p.has;
		p.name = test_random() % 2 ? "meter+1" : "";
		p.uuid = (uint16_t)(0x2A00 + test_random() % 64);
		snprintf(path, sizeof(path), "/dev_%d%s", (int)(test_random() % 16),
			 tails[test_random() % 6]);
		switch (test_random() % 12) {
		case 0: objects_remove(&o, path); break;
		case 1: objects_put_service(&o, path, &p); break;
		case 2: objects_put_char(&o, path, &p, all_wanted); break;
		case 3: objects_watch_candidates(&o, test_random() % 8); break;
		case 4: objects_set_address(&o, 1, p.address, p.address_type); break;
		case 5: objects_unset_address(&o, 1); break;
		case 6:
			if (test_random() % 64 == 0)
				objects_clear(&o);
			break;
		case 7: hear(path, p, test_random() % 2); break;
		default:
			if (!put(path, p))
				hear(path, p, true);
			break;
		}
		check_sound();
	}
}

static void test_parse_uuid(void)
{
	CHECK_UINT(objects_parse_uuid("00002a35-0000-1000-8000-00805f9b34fb"), 0x2A35);
	CHECK_UINT(objects_parse_uuid("00002A35-0000-1000-8000-00805F9B34FB"), 0x2A35);
	CHECK_UINT(objects_parse_uuid("00012a35-0000-1000-8000-00805f9b34fb"), 0);
	CHECK_UINT(objects_parse_uuid("00002a35-0000-1000-8000-00805f9b34fc"), 0);
	CHECK_UINT(objects_parse_uuid("00002a3-0000-1000-8000-00805f9b34fb"), 0);
	CHECK_UINT(objects_parse_uuid("00002a355-0000-1000-8000-00805f9b34fb"), 0);
	CHECK_UINT(objects_parse_uuid("00002g35-0000-1000-8000-00805f9b34fb"), 0);
	CHECK_UINT(objects_parse_uuid("46a970e0-0d5f-11e2-8b5e-0002a5d5c51b"), 0);
	CHECK_UINT(objects_parse_uuid("00001800-0000-1000-8000-00805f9b34fb"), 0x1800);
	CHECK_UINT(objects_parse_uuid(""), 0);
	CHECK_UINT(objects_parse_uuid("0000"), 0);
	CHECK_UINT(objects_parse_uuid("00002a35"), 0);
}

TEST_MAIN("objects", test_configured, test_changes, test_names, test_strangers,
	  test_long_path, test_chars, test_services, test_full, test_candidates,
	  test_not_candidates, test_listed, test_many_candidates, test_watch_again,
	  test_details, test_set_address, test_reconfigure, test_flood, test_random_life,
	  test_parse_uuid)
