/*
 * test_bondinfo.c - BlueZ's file about a bond, every limit of it; and the kernel's list of links.
 *
 * The files are as BlueZ 5.82 writes them (src/adapter.c: store_ltk_group, store_irk; src/device.c:
 * store_device_info_cb), with the kernel's rule which group a key is told for (mgmt.c: mgmt_new_ltk).
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "ble/bondinfo/info.h"
#include "ble/bondinfo/probe.h"

static const uint8_t addr_random[6] = { 0xF0, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5 };
static const uint8_t addr_public[6] = { 0x00, 0x1B, 0xDC, 0x08, 0xE2, 0x5A };

#define GENERAL                                                                          \
	"[General]\nName=A&D_UA-651BLE_8AD2C1\nAddressType=static\n"                     \
	"SupportedTechnologies=LE;\nTrusted=true\nBlocked=false\nWakeAllowed=true\n"     \
	"Services=00001800-0000-1000-8000-00805f9b34fb;\n\n"
#define KEY(group, auth, size)                                                           \
	"[" group "]\nKey=0123456789ABCDEF0123456789ABCDEF\nAuthenticated=" auth         \
	"\nEncSize=" size "\nEDiv=24711\nRand=9218742342134567\n\n"
#define IRK "[IdentityResolvingKey]\nKey=FEDCBA9876543210FEDCBA9876543210\n\n"

static int parse(const char *text, struct info *ret)
{
	return info_parse((const uint8_t *)text, strlen(text), addr_random, ADDR_RANDOM,
			  ret);
}

static struct info good(const char *text)
{
	struct info i;

	memset(&i, 0xA5, sizeof(i));
	CHECK_INT(parse(text, &i), 0);
	return i;
}

static void check(const char *text, bool bonded, enum link_strength strength, int size)
{
	struct info i = good(text);

	CHECK_INT(i.bonded, bonded);
	CHECK_INT(i.strength, strength);
	CHECK_INT(i.key_size, size);
}

/* What the hub, as central, meets: legacy keys in LongTermKey beside those for the other role, Secure Connections
 * in the other two alone. */
static void test_pairings(void)
{
	check(GENERAL KEY("LongTermKey", "0", "16")
		      KEY("PeripheralLongTermKey", "0", "16")
			      KEY("SlaveLongTermKey", "0", "16"),
	      true, LINK_LEGACY_JUST_WORKS, 16);
	check(GENERAL KEY("LongTermKey", "1", "16"), true, LINK_LEGACY_PASSKEY, 16);
	check(GENERAL KEY("PeripheralLongTermKey", "2", "16")
		      KEY("SlaveLongTermKey", "2", "16"),
	      true, LINK_SC_JUST_WORKS, 16);
	check(GENERAL KEY("PeripheralLongTermKey", "3", "16")
		      KEY("SlaveLongTermKey", "3", "16"),
	      true, LINK_SC_AUTHENTICATED, 16);
	/* BlueZ before 5.63 */
	check(GENERAL KEY("SlaveLongTermKey", "3", "16"), true, LINK_SC_AUTHENTICATED,
	      16);
}

static void test_no_bond(void)
{
	check("", false, LINK_UNKNOWN, 0);
	check(GENERAL, false, LINK_UNKNOWN, 0);
	check(GENERAL IRK, false, LINK_UNKNOWN, 0);
	/* legacy, for the role we never have */
	check(GENERAL KEY("PeripheralLongTermKey", "1", "16"), false, LINK_UNKNOWN, 0);
	check(GENERAL KEY("SlaveLongTermKey", "0", "16"), false, LINK_UNKNOWN, 0);
	check(GENERAL KEY("LinkKey", "1", "16"), false, LINK_UNKNOWN, 0);
	check(GENERAL KEY("longtermkey", "1", "16"), false, LINK_UNKNOWN, 0);
	check(GENERAL KEY("LongTermKey2", "1", "16"), false, LINK_UNKNOWN, 0);
	/* what bluetoothd or the kernel would not load */
	check(GENERAL "[LongTermKey]\nAuthenticated=1\nEncSize=16\nEDiv=1\nRand=2\n",
	      false, LINK_UNKNOWN, 0);
	check(GENERAL "[LongTermKey]\nKey=0123456789ABCDEF0123456789ABCDEF\n"
		      "Authenticated=1\nEncSize=16\nEDiv=1\n",
	      false, LINK_UNKNOWN, 0);
	check(GENERAL "[LongTermKey]\nKey=0123456789ABCDEF0123456789ABCDE\n"
		      "Authenticated=1\nEncSize=16\nEDiv=1\nRand=2\n",
	      false, LINK_UNKNOWN, 0);
}

static void test_authenticated(void)
{
	check(GENERAL KEY("LongTermKey", "2", "16"), true, LINK_SC_JUST_WORKS, 16);
	check(GENERAL KEY("LongTermKey", "3", "16"), true, LINK_SC_AUTHENTICATED, 16);
	/* debug key: no bond, but told apart from none */
	check(GENERAL KEY("LongTermKey", "4", "16"), false, LINK_UNKNOWN, 16);
	check(GENERAL KEY("PeripheralLongTermKey", "4", "16"), false, LINK_UNKNOWN, 16);
	check(GENERAL KEY("LongTermKey", "1", "16") KEY("SlaveLongTermKey", "4", "16"),
	      false, LINK_UNKNOWN, 16);
	check(GENERAL KEY("LongTermKey", "5", "16"), false, LINK_UNKNOWN, 0);
	check(GENERAL KEY("LongTermKey", "-1", "16"), false, LINK_UNKNOWN, 0);
	check(GENERAL KEY("LongTermKey", "one", "16"), false, LINK_UNKNOWN, 0);
	check(GENERAL KEY("LongTermKey", "", "16"), false, LINK_UNKNOWN, 0);
	check(GENERAL KEY("LongTermKey", "4294967297", "16"), false, LINK_UNKNOWN, 0);
	/* not said: bluetoothd takes 0 */
	check(GENERAL "[LongTermKey]\nKey=0123456789ABCDEF0123456789ABCDEF\n"
		      "EncSize=16\nEDiv=1\nRand=2\n",
	      true, LINK_LEGACY_JUST_WORKS, 16);
}

static void test_size(void)
{
	check(GENERAL KEY("LongTermKey", "1", "6"), true, LINK_LEGACY_PASSKEY, 0);
	check(GENERAL KEY("LongTermKey", "1", "7"), true, LINK_LEGACY_PASSKEY, 7);
	check(GENERAL KEY("LongTermKey", "1", "8"), true, LINK_LEGACY_PASSKEY, 8);
	check(GENERAL KEY("LongTermKey", "1", "15"), true, LINK_LEGACY_PASSKEY, 15);
	check(GENERAL KEY("LongTermKey", "1", "17"), false, LINK_UNKNOWN, 0);
	check(GENERAL KEY("LongTermKey", "1", "0"), true, LINK_LEGACY_PASSKEY, 0);
	check(GENERAL KEY("LongTermKey", "1", "0x10"), false, LINK_UNKNOWN, 0);
	check(GENERAL "[LongTermKey]\nKey=0123456789ABCDEF0123456789ABCDEF\n"
		      "Authenticated=1\nEDiv=1\nRand=2\n",
	      true, LINK_LEGACY_PASSKEY, 0);
}

/* A device that was paired again in another way keeps its old group. */
static void test_weakest(void)
{
	check(GENERAL KEY("LongTermKey", "1", "16")
		      KEY("PeripheralLongTermKey", "3", "7"),
	      true, LINK_LEGACY_PASSKEY, 7);
	check(GENERAL KEY("LongTermKey", "3", "7")
		      KEY("PeripheralLongTermKey", "2", "16"),
	      true, LINK_SC_JUST_WORKS, 7);
	/* the newer name goes before the older one, unless it is of no use */
	check(GENERAL KEY("SlaveLongTermKey", "2", "7")
		      KEY("PeripheralLongTermKey", "3", "16"),
	      true, LINK_SC_AUTHENTICATED, 16);
	check(GENERAL "[PeripheralLongTermKey]\nAuthenticated=3\n" KEY("SlaveLongTermKey",
								       "2", "16"),
	      true, LINK_SC_JUST_WORKS, 16);
}

static void test_irk(void)
{
	CHECK(good(GENERAL KEY("LongTermKey", "1", "16") IRK).has_irk);
	CHECK(!good(GENERAL KEY("LongTermKey", "1", "16")).has_irk);
	CHECK(!good(GENERAL "[IdentityResolvingKey]\nKey=FEDC\n").has_irk);
}

static struct info asked(const char *text, const uint8_t *addr, enum addr_type type)
{
	struct info i;

	CHECK_INT(info_parse((const uint8_t *)text, strlen(text), addr, type, &i), 0);
	return i;
}

static void test_address_type(void)
{
	const char *of_static = GENERAL KEY("LongTermKey", "1", "16");
	const char *of_public =
		"[General]\nAddressType=public\n" KEY("LongTermKey", "1", "16");
	const char *silent = KEY("LongTermKey", "1", "16");
	uint8_t addr[6];

	CHECK(!asked(of_static, addr_public, ADDR_PUBLIC).bonded);
	CHECK(!asked(of_public, addr_random, ADDR_RANDOM).bonded);
	CHECK(asked(of_public, addr_public, ADDR_PUBLIC).bonded);
	/* bluetoothd takes a file without the line for that of a public address */
	CHECK(asked(silent, addr_public, ADDR_PUBLIC).bonded);
	CHECK(!asked(silent, addr_random, ADDR_RANDOM).bonded);
	memcpy(addr, addr_random, sizeof(addr));
	for (unsigned top = 0; top < 256; top++) { /* only 11 is a static address */
		addr[0] = (uint8_t)top;
		CHECK_INT(asked(of_static, addr, ADDR_RANDOM).bonded, top >= 0xC0);
	}
}

static void test_form(void)
{
	struct info i;

	check("# made by hand\n\n  [General]  \n\tAddressType = static \r\n"
	      "Name[de]=Blutdruck=gut\n[LongTermKey]\n"
	      "Key =  0123456789ABCDEF0123456789ABCDEF\nAuthenticated= 1\nEncSize =16\n"
	      "Rand=",
	      true, LINK_LEGACY_PASSKEY, 16);
	/* the last one counts; a group may come twice */
	check(GENERAL KEY("LongTermKey", "3", "16") "[LongTermKey]\nAuthenticated=1\n",
	      true, LINK_LEGACY_PASSKEY, 16);
	/* a name cannot bring a group in: BlueZ escapes line feeds, and ours ends at one */
	check("[General]\nAddressType=static\nName=\\n[LongTermKey]\\nKey=\n", false,
	      LINK_UNKNOWN, 0);
	CHECK_INT(parse("AddressType=static\n" GENERAL, &i), -EBADMSG);
	CHECK_INT(parse(GENERAL "nonsense\n", &i), -EBADMSG);
	CHECK_INT(parse(GENERAL "=x\n", &i), -EBADMSG);
	CHECK_INT(parse("[General\nA=b\n", &i), -EBADMSG);
	CHECK_INT(parse("[]\nA=b\n", &i), -EBADMSG);
	CHECK_INT(parse("[", &i), -EBADMSG);
	CHECK_INT(info_parse((const uint8_t *)"\0\0\0", 3, addr_random, ADDR_RANDOM, &i),
		  -EBADMSG);
}

/* Any bytes: within the types, and never a bond that a whole record does not make. */
static void test_random_bytes(void)
{
	static const char *const parts[] = {
		"[",
		"]",
		"=",
		"\n",
		"#",
		"Key",
		"Rand",
		"Authenticated",
		"EncSize",
		"4",
		"16",
		"[LongTermKey]\n",
		"AddressType=static\n",
		"[General]\n",
		" ",
		"0123456789ABCDEF0123456789ABCDEF",
		"[SlaveLongTermKey]\n",
		"\xFF",
	};
	enum { PARTS = sizeof(parts) / sizeof(*parts) };

	for (int round = 0; round < 50000; round++) {
		char text[1200] = "";
		struct info i;

		for (size_t n = test_random() % 30; n > 0; n--)
			strcat(text, parts[test_random() % PARTS]);
		if (parse(text, &i))
			continue;
		CHECK(i.strength <= LINK_SC_AUTHENTICATED);
		CHECK(i.key_size == 0 || (i.key_size >= 7 && i.key_size <= 16));
		CHECK_INT(i.strength != LINK_UNKNOWN, i.bonded);
		CHECK(!i.bonded || (strstr(text, "Key") && strstr(text, "Rand")));
	}
}

static void test_path(void)
{
	char path[INFO_PATH_BYTES];

	info_path(addr_public, addr_random, path);
	CHECK_STR(path, "00:1B:DC:08:E2:5A/F0:F1:F2:F3:F4:F5/info");
	CHECK_UINT(strlen(path), INFO_PATH_BYTES - 1);
}

static struct probe_connection connection(uint8_t last, uint8_t type, uint16_t state,
					  uint32_t mode)
{
	return (struct probe_connection){ .handle = (uint16_t)(0x40 + last),
					  .addr = { last, 0xF4, 0xF3, 0xF2, 0xF1, 0xF0 },
					  .type = type,
					  .state = state,
					  .link_mode = mode };
}

static void test_choose(void)
{
	struct probe_connection c[3] = {
		connection(0xF6, PROBE_LE_LINK, PROBE_CONNECTED, PROBE_ENCRYPT),
		connection(0xF5, PROBE_LE_LINK, PROBE_CONNECTED, 1),
		connection(0xF5, PROBE_LE_LINK, PROBE_CONNECTED, 1 | PROBE_ENCRYPT),
	};
	struct probe_link l = probe_choose(c, 2, addr_random);

	CHECK(l.linked && !l.encrypted);
	CHECK_UINT(l.handle, 0x40 + 0xF5);
	CHECK(!probe_choose(c, 1, addr_random).linked);
	CHECK(!probe_choose(c, 0, addr_random).linked);
	c[1].link_mode = PROBE_ENCRYPT;
	CHECK(probe_choose(c, 2, addr_random).encrypted);
	/* every state but the two in which values may come; every other kind of link */
	for (uint16_t state = 0; state < 12; state++) {
		c[1].state = state;
		CHECK_INT(probe_choose(c, 2, addr_random).linked,
			  state == 1 || state == 7);
	}
	c[1].state = PROBE_CONNECTED;
	for (unsigned type = 0; type < 256; type++) {
		c[1].type = (uint8_t)type;
		CHECK_INT(probe_choose(c, 2, addr_random).linked, type == 0x80);
	}
	CHECK(probe_choose(c, 3, addr_random)
		      .encrypted); /* the one that is over comes first */
}

static void test_byte_order(void)
{
	static const uint8_t kernels[6] = { 0xF5, 0xF4, 0xF3, 0xF2, 0xF1, 0xF0 };
	uint8_t other[6];

	CHECK(probe_same_addr(addr_random, kernels));
	CHECK(!probe_same_addr(addr_random, addr_random));
	for (size_t i = 0; i < sizeof(other); i++) {
		memcpy(other, kernels, sizeof(other));
		other[i] ^= 1;
		CHECK(!probe_same_addr(addr_random, other));
	}
}

/* No controller of the hub has this address, wherever the test runs. */
static void test_look(void)
{
	struct probe *p = probe_new();

	for (int i = 0; i < 3; i++)
		CHECK(!probe_look(p, addr_random, addr_random).linked);
	probe_free(p);
	probe_free(NULL);
}

TEST_MAIN("bondinfo", test_pairings, test_no_bond, test_authenticated, test_size,
	  test_weakest, test_irk, test_address_type, test_form, test_random_bytes,
	  test_path, test_choose, test_byte_order, test_look)
